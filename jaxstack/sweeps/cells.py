"""From a spec to its cells: one scenario, one learner, one value on every axis; a name for its numbers."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax

from jaxstack import jumps
from jaxstack.fingerprints import learner_fingerprint
from jaxstack.learners import Learner
from jaxstack.sweeps.games import GameKey, flat, game_key_of, parameters_of, problem_of
from jaxstack.sweeps.spec import (
    Axis,
    LearnerSettings,
    RunSettings,
    Scenario,
    Spec,
    Table,
)

FORMAT = 1
"""Part of every cell's name: one more when the same settings would give other numbers, or another file."""

_SMALL_WORK = 10**8  # rounds x runs x games up to which compiling takes longer than playing


@dataclasses.dataclass(frozen=True)
class Cell:
    """One simulation of a sweep: small, picklable, complete without the spec.

    Attributes:
      key: name of the cell's file: a hash of its settings, "-", and a hash of the code that plays it; see
        `code_of`. Together they cover all that determines its numbers.
      at: label on every axis of the sweep, by the axis's name; a tuple where keys are zipped.
      scenario, run, learner: settings without lists; `run.skip_ahead` and `run.checkpoints` are this cell's.
      code: `learner_fingerprint` of the learner that the cell was planned with.
      content: fingerprint of the game in a file, as it was when the cell was planned; empty for other games.
      lacks: axes that are none of this cell's: `at` has one of their labels, and the cell stands at all.
    """

    key: str
    at: dict[str, Any]
    scenario: Scenario
    run: RunSettings
    learner: LearnerSettings
    code: str
    content: str = ""
    lacks: tuple[str, ...] = ()

    @property
    def game_key(self) -> GameKey:
        """The game that the cell was planned with, and no other."""
        return game_key_of(self.scenario, self.run, self.content)

    @property
    def own_labels(self) -> dict[str, Any]:
        """Labels on the axes that it does not lack."""
        return {name: label for name, label in self.at.items() if name not in self.lacks}

    @property
    def title(self) -> str:
        """Labels on one line."""
        names = [self.at["scenario"], self.at["learner"]]
        hidden = (*_ALWAYS, *self.lacks)
        shown = {name: label for name, label in self.at.items() if name not in hidden}
        return ", ".join([*names, *(f"{key} = {value}" for key, value in by_key(shown).items())])

    @property
    def work(self) -> int:
        """Rounds x runs x games."""
        return self.run.horizon * self.run.runs * getattr(self.scenario, "games", 1)

    @property
    def spec(self) -> Spec:
        """A spec of this cell alone."""
        run = RunSettings(**{key: value for key, value in self.run.content().items() if key != "learners"})
        return Spec(run=run, scenario=[self.scenario], learner=[self.learner])


@dataclasses.dataclass(frozen=True)
class Plan:
    """All cells of a sweep.

    Attributes:
      spec: TOML text.
      axes: in the order of the dataset's dimensions; "scenario" and "learner" come first.
      cells: two of them may share a key, where an axis does not matter to a scenario.
    """

    spec: str
    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]

    def learners(self) -> list[dict[str, Any]]:
        """Label of every learner, the axes that all its cells lack, whether it skips ahead, its theorem."""
        of_label = {cell.at["learner"]: cell for cell in reversed(self.cells)}
        return [
            {
                "label": label,
                "lacks": lacks,
                "skip_ahead": of_label[label].run.skip_ahead,
                "theorem": learner_of(of_label[label]).theorem,
            }
            for label, lacks in self._lacking("learner").items()
        ]

    def scenarios(self) -> list[dict[str, Any]]:
        """Name of every scenario, and the axes that all its cells lack."""
        return [{"label": label, "lacks": lacks} for label, lacks in self._lacking("scenario").items()]

    def _lacking(self, name: str) -> dict[str, list[str]]:
        """Of every label on an axis, the axes that all its cells lack."""
        told: dict[str, list[str]] = {}
        for cell in self.cells:
            before = told.setdefault(cell.at[name], list(cell.lacks))
            told[cell.at[name]] = [axis for axis in before if axis in cell.lacks]
        return told

    def distinct(self) -> list[Cell]:
        """One cell for every key."""
        return list({cell.key: cell for cell in reversed(self.cells)}.values())[::-1]


def axis_name(axis: Axis) -> str:
    """As the dimension of the dataset is called."""
    return "+".join(axis.keys)


def plan(spec: Spec, source: str = "the spec") -> Plan:
    """The cells of a spec; every game is built once, so that a mistake in the last is told before the first.

    Args:
      spec: the sweep.
      source: what messages call it.

    Raises:
      ValueError: axes that contradict each other, or a game that cannot be built; the message names the
        table and the values.
      MemoryError: a game, its regions, or the curves of its runs would not fit; likewise.
      OSError: a game file cannot be read.
    """
    try:
        spec.require_room()
        axes = _axes(spec)
    except (ValueError, MemoryError) as error:
        raise _kind(error)(f"{source}: {error}") from None
    labels = {axis_name(axis): dict.fromkeys(axis.values) for axis in axes}
    of_run, runs = _axis_keys(spec.run), list(spec.run.points())
    players = [(player, _axis_keys(player), list(player.points())) for player in spec.learners()]
    codes = {player.title: learner_fingerprint(player.player()) for player in spec.learners()}
    cells = []
    built: set[str] = set()
    for number, table in enumerate(spec.scenario, 1):
        of_table = _axis_keys(table)
        file = None  # as it is read for the first point: what is played is what the name was made from
        points = [(scenario, run) for scenario in table.points() for run in runs]
        for scenario, run in points:
            try:
                game = game_key_of(scenario, run, file=file)
                file = game.file
                if game.text not in built:
                    problem = problem_of(game)
                    if any(spec.skips(player) for player, _, _ in players):
                        jumps.check_types(problem.types)
                    built.add(game.text)
            except (ValueError, MemoryError) as error:
                where = "".join(f", {key} = {value!r}" for key, value in _chosen(of_table, scenario).items())
                told = f"{source}: scenario {number} ({table.title!r}){where}: {error}"
                raise _kind(error)(told) from None
            for player, of_player, variants in players:
                ours = {"skip_ahead": spec.skips(player), "checkpoints": _checkpoints(run)}
                settings = run.model_copy(update=ours)
                for learner in variants:
                    own = flat(settings) | flat(scenario) | flat(learner)
                    own |= _chosen(of_run, run) | _chosen(of_table, scenario) | _chosen(of_player, learner)
                    own |= {"scenario": scenario.title, "learner": player.title}
                    at = {axis_name(axis): _place(axis, own, labels[axis_name(axis)]) for axis in axes}
                    code = codes[player.title]
                    key = _key(game.content or parameters_of(scenario), settings, scenario, learner, code)
                    cells.append(Cell(key, at, scenario, settings, learner, code, game.content))
    axes = [Axis(axis.keys, tuple(_ordered(labels[axis_name(axis)]))) for axis in axes]
    anywhere = {axis_name(axis): axis.values[0] for axis in axes}
    cells = [
        dataclasses.replace(
            cell,
            at={name: plain_label(label or anywhere[name]) for name, label in cell.at.items()},
            lacks=tuple(name for name, label in cell.at.items() if label is None),
        )
        for cell in cells
    ]
    return Plan(spec.to_toml(), tuple(axes), tuple(cells))


def _kind(error: Exception) -> type[Exception]:
    """Kind of an error that says more: what libraries derive from these takes other arguments."""
    return MemoryError if isinstance(error, MemoryError) else ValueError


def plain_label(values: Sequence[Any]) -> Any:
    """The label of an axis of one key is the value itself; that of zipped keys is a tuple."""
    return values[0] if len(values) == 1 else tuple(values)


def is_small(cell: Cell) -> bool:
    """Whether compiling for a shape of its own would take longer than playing."""
    return cell.work <= _SMALL_WORK


# --- axes ---

_ALWAYS = ("scenario", "learner")


def _axes(spec: Spec) -> list[Axis]:
    """Axes of the sweep as the tables state them."""
    merged = {
        "scenario": Axis(("scenario",), tuple((table.title,) for table in spec.scenario)),
        "learner": Axis(("learner",), tuple((table.title,) for table in spec.learners())),
    }
    tables = [("[run]", spec.run.axes())]
    tables += [("a scenario", _renamed(table.axes())) for table in spec.scenario]
    tables += [("a learner", table.axes()) for table in spec.learners()]
    owner: dict[str, tuple[str, str]] = {}
    for kind, axes in tables:
        for axis in axes:
            name = axis_name(axis)
            for key in axis.keys:
                if owner.setdefault(key, (kind, name)) != (kind, name):
                    raise ValueError(
                        f"key {key!r} is an axis in two ways: {' of '.join(reversed(owner[key]))} and "
                        f"{name} of {kind}. Zip the same keys everywhere, or make it one value in one place."
                    )
            known = merged.get(name, Axis(axis.keys, ())).values
            merged[name] = Axis(axis.keys, tuple(dict.fromkeys(known + axis.values)))
    return list(merged.values())


def _renamed(axes: Sequence[Axis]) -> list[Axis]:
    """A scenario's axes; its seed is not the seed of the runs."""
    return [Axis(tuple("game_seed" if k == "seed" else k for k in axis.keys), axis.values) for axis in axes]


def _place(axis: Axis, own: dict[str, Any], labels: dict[tuple[Any, ...], None]) -> tuple[Any, ...] | None:
    """Where a cell stands on an axis of another table: at its own values, or anywhere (None)."""
    if not all(key in own for key in axis.keys):
        return None
    label = tuple(own[key] for key in axis.keys)
    labels.setdefault(label)
    return label


def _ordered(labels: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Numbers in ascending order, words as they came."""
    numbers = all(isinstance(value, int | float) for label in labels for value in label)
    return sorted(labels) if numbers else list(labels)


def _axis_keys(table: Table) -> list[str]:
    """The keys that are axes of a table."""
    axes = table.axes() if isinstance(table, RunSettings | LearnerSettings) else _renamed(table.axes())
    return [key for axis in axes for key in axis.keys]


def _chosen(keys: Sequence[str], point: Table) -> dict[str, Any]:
    """The values that a point of a table has on the axes of that table, which are `keys`."""
    values = flat(point)
    return {key: values[key] for key in keys}


def by_key(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Labels of axes as labels of their keys: those of zipped keys one by one."""
    return {
        key: value
        for name, label in labels.items()
        for key, value in zip(name.split("+"), label if isinstance(label, tuple) else (label,), strict=True)
    }


# --- names ---


def _checkpoints(run: RunSettings) -> list[int] | None:
    """Those of the spec that a horizon reaches."""
    if run.checkpoints is None:
        return None
    return sorted({at for at in run.checkpoints if at < run.horizon} | {run.horizon})


# One that is pickled by value is another object in every cell: the same one spares compiling anew.
_OFFERED: dict[tuple[str, str], Learner] = {}  # by name and code


def learner_of(cell: Cell) -> Learner:
    """The learner that a cell is played by, as this process has it."""
    learner = cell.learner.player()
    if cell.learner.offer is None:
        return learner
    return _OFFERED.setdefault((learner.name, cell.code), learner)


def code_of(key: str) -> tuple[str, str]:
    """The two parts of a cell's key: what it is (settings), and what code plays it.

    Equal settings and other code: the same cell, of another version.
    """
    settings, _, code = key.partition("-")
    return settings, code


def _key(game: str, run: RunSettings, scenario: Scenario, learner: LearnerSettings, code: str) -> str:
    identity = {
        "format": FORMAT,
        "game": game,
        "ties": scenario.ties or run.ties,
        "learner": learner.name,
        "hparams": learner.hparams,
        "horizon": run.horizon,
        "runs": run.runs,
        "seed": run.seed,
        "checkpoints": run.checkpoints,
        "keep_runs": run.keep_runs,
        "skip_ahead": run.skip_ahead,
        "x64": bool(getattr(jax.config, "jax_enable_x64", False)),
    }
    if run.record:
        identity["record"] = True
    if run.table is not None:  # by default it follows from the game
        identity["table"] = run.table
    settings = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
    return f"{settings}-{code}"
