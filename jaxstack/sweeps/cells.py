"""From a spec to its cells: one scenario, one learner, one value on every axis; a name for its numbers."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxstack.regions import RegionTable, enumerate_regions
from jaxstack.regions.table import pad_table, rounded_up
from jaxstack.sweeps.spec import (
    Axis,
    FileScenario,
    HardScenario,
    LearnerSettings,
    Problem,
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
      key: name of the cell's file, a hash of all that determines its numbers.
      at: label on every axis of the sweep, by the axis's name; a tuple where keys are zipped.
      scenario, run, learner: settings without lists; `run.skip_ahead` and `run.checkpoints` are this cell's.
      lacks: axes that are none of this cell's: it stands at one of their labels, and is meant for all.
    """

    key: str
    at: dict[str, Any]
    scenario: Scenario
    run: RunSettings
    learner: LearnerSettings
    lacks: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Labels on one line."""
        names = [self.at["scenario"], self.at["learner"]]
        hidden = (*_ALWAYS, *self.lacks)
        rest = [f"{name} = {_told(label)}" for name, label in self.at.items() if name not in hidden]
        return ", ".join([*names, *rest])

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
        """Label of every learner, the axes that all its cells lack, and whether it skips ahead."""
        told: dict[str, dict[str, Any]] = {}
        for cell in self.cells:
            label = cell.at["learner"]
            known = told.setdefault(
                label, {"label": label, "lacks": list(cell.lacks), "skip_ahead": cell.run.skip_ahead}
            )
            known["lacks"] = [axis for axis in known["lacks"] if axis in cell.lacks]
        return list(told.values())

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
    labels = {axis_name(axis): list(axis.values) for axis in axes}
    cells = []
    identities: dict[GameKey, str] = {}
    for number, table in enumerate(spec.scenario, 1):
        points = [(scenario, run) for scenario in table.points() for run in spec.run.points()]
        for scenario, run in points:
            game = game_key_of(scenario, run)
            if game not in identities:
                try:
                    identities[game] = _game_identity(scenario, problem_of(game))
                except (ValueError, MemoryError) as error:
                    where = "".join(f", {key} = {value!r}" for key, value in _chosen(table, scenario).items())
                    raise _kind(error)(
                        f"{source}: scenario {number} ({table.title!r}){where}: {error}"
                    ) from None
            for player in spec.learners():
                ours = {"skip_ahead": spec.skips(player), "checkpoints": _checkpoints(run)}
                settings = run.model_copy(update=ours)
                for learner in player.points():
                    own = _flat(settings) | _flat(scenario) | _flat(learner)
                    own |= _chosen(spec.run, run) | _chosen(table, scenario) | _chosen(player, learner)
                    own |= {"scenario": scenario.title, "learner": player.title}
                    at = {axis_name(axis): _place(axis, own, labels[axis_name(axis)]) for axis in axes}
                    key = _key(identities[game], settings, scenario, learner)
                    cells.append(Cell(key, at, scenario, settings, learner))
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


# --- games ---


@dataclasses.dataclass(frozen=True)
class GameKey:
    """What a game is built from; equal for scenarios and settings that give the same game."""

    text: str
    scenario: Scenario = dataclasses.field(compare=False)
    run: RunSettings = dataclasses.field(compare=False)


def game_key_of(scenario: Scenario, run: RunSettings) -> GameKey:
    """The key of a scenario without lists under settings without lists."""
    content = _flat(scenario) | {"ties": scenario.ties or run.ties}
    content.pop("name", None)
    if isinstance(scenario, HardScenario) and scenario.epsilon is None:
        content["horizon"] = run.horizon
    return GameKey(json.dumps(content, sort_keys=True), scenario, run)


def problem_of(key: GameKey) -> Problem:
    """The game and its types, under the name that this scenario has for them."""
    return dataclasses.replace(_built(key), name=key.scenario.title)


@functools.lru_cache(maxsize=8)
def _built(key: GameKey) -> Problem:
    """The last few are kept, since learners and horizons share them, and scenarios that differ in name."""
    return key.scenario.build(key.run)


@functools.lru_cache(maxsize=4)
def table_of(key: GameKey, padded: bool) -> RegionTable:
    """Regions of a game; padded, games of equal sizes mostly have tables of equal shape."""
    problem = problem_of(key)
    table = enumerate_regions(problem.game, ties=problem.ties)
    if not padded:
        return table
    # One region more than there are: that is how learners tell that their lists are to be padded too.
    return pad_table(table, rounded_up(table.padded_regions + 1, 16), rounded_up(table.padded_vertices, 8))


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
            new = tuple(values for values in axis.values if values not in known)
            merged[name] = Axis(axis.keys, known + new)
    return list(merged.values())


def _renamed(axes: Sequence[Axis]) -> list[Axis]:
    """A scenario's axes; its seed is not the seed of the runs."""
    return [Axis(tuple("game_seed" if k == "seed" else k for k in axis.keys), axis.values) for axis in axes]


def _flat(table: Table) -> dict[str, Any]:
    """Keys and values without nesting, a scenario's seed under a name of its own."""
    content = table.content()
    content |= content.pop("parameters", {})
    if not isinstance(table, RunSettings | LearnerSettings) and "seed" in content:
        content["game_seed"] = content.pop("seed")
    return content


def _place(axis: Axis, own: dict[str, Any], labels: list[tuple[Any, ...]]) -> tuple[Any, ...] | None:
    """Where a cell stands on an axis of another table: at its own values, or anywhere (None)."""
    if not all(key in own for key in axis.keys):
        return None
    label = tuple(own[key] for key in axis.keys)
    if label not in labels:
        labels.append(label)
    return label


def _ordered(labels: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Numbers in ascending order, words as they came."""
    numbers = all(isinstance(value, int | float) for label in labels for value in label)
    return sorted(labels) if numbers else labels


def _chosen(table: Table, point: Table) -> dict[str, Any]:
    """The values that a point of a table has on the axes of that table."""
    values = _flat(point)
    axes = table.axes() if isinstance(table, RunSettings | LearnerSettings) else _renamed(table.axes())
    return {key: values[key] for axis in axes for key in axis.keys}


def _told(label: Any) -> str:
    return " x ".join(map(str, label)) if isinstance(label, tuple) else str(label)


# --- names ---


def _checkpoints(run: RunSettings) -> list[int] | None:
    """Those of the spec that a horizon reaches."""
    if run.checkpoints is None:
        return None
    return sorted({at for at in run.checkpoints if at < run.horizon} | {run.horizon})


def _game_identity(scenario: Scenario, problem: Problem) -> str:
    """What tells a game from others: of a file the content, wherever it is; otherwise the parameters."""
    if not isinstance(scenario, FileScenario):
        content = _flat(scenario)
        return json.dumps({k: v for k, v in content.items() if k not in ("name", "ties")}, sort_keys=True)
    digest = hashlib.sha256()
    for part in (problem.game, problem.types):
        leaves, tree = jax.tree.flatten(part)
        digest.update(str(tree).encode())
        for leaf in leaves:
            array = np.ascontiguousarray(leaf)
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()


def _key(game: str, run: RunSettings, scenario: Scenario, learner: LearnerSettings) -> str:
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
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
