"""The TOML file that describes a sweep: `[run]` settings, `[[scenario]]` tables, `[[learner]]` tables.

```toml
[run]
horizon = [1_000, 10_000]  # a list where one value is expected is an axis of the sweep
runs = 200
seed = 0

[[scenario]]
kind = "random"            # random, hard, security_patrol, toll_pricing, feature_mix or file
name = "random games"
games = 8
num_followers = [1, 2, 4]
num_types = [6, 3, 2]
zip = [["num_followers", "num_types"]]  # these lists go hand in hand: one axis of three values

[[scenario]]
kind = "file"
path = "games/patrol.json" # relative to this file

[[learner]]                # or, in [run]: learners = ["erm_joint", "region_ucb"]
name = "region_ucb"
radius_scale = [1.0, 0.1]  # hyperparameters by name

[[learner]]
name = "erm_joint"
skip_ahead = true
```

Every key has a type and a default; an unknown key is an error that suggests the nearest known one.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import inspect
import itertools
import json
import math
import re
import tomllib
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, get_args

import jax
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from jaxstack import checks, jumps, learners, memory, reading, scenarios, simulation
from jaxstack.checks import did_you_mean
from jaxstack.distributions import IndependentTypes, TypeDistribution
from jaxstack.game import Game, stack
from jaxstack.regret import NUM_CHECKPOINTS
from jaxstack.scenarios import platform, security, toll

Ties = Literal["optimistic", "robust"]

MAX_CELLS = 100_000
"""Of one sweep. Each is a file in one folder, and a simulation of seconds at least."""

_MAX_PROBLEMS = 20  # mistakes of a file that are told at once


@dataclasses.dataclass(frozen=True)
class Problem:
    """What a scenario stands for.

    Attributes:
      name: as in tables and file names.
      game: one game, or a stacked batch of G.
      types: D, as many as games.
      ties: tie rule of the region table.
      leader_names: [L], leader actions in words, or None.

    Raises:
      MemoryError: regions of the game would not fit, whatever its followers do.
    """

    name: str
    game: Game
    types: TypeDistribution
    ties: str
    leader_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        L, games = self.game.num_leader_actions, self.game.num_games or 1
        memory.require(
            8 * games * L * L,
            what="a region table",
            driver=f"L = {L:,} leader actions in {games:,} games: the simplex alone has vertices [L, L]",
            remedy="fewer leader actions or games",
        )


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True)


class Axis(NamedTuple):
    """One axis of a sweep: a key with its values, or several keys whose values go hand in hand."""

    keys: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]  # one entry per label, with a value for every key


class Table(_Strict):
    """A table of the file. A list where a single value is expected is an axis, and held as a tuple.

    Attributes:
      zip: groups of keys whose lists go hand in hand instead of being crossed.
    """

    zip: list[list[str]] = Field(default_factory=list)

    never_axes: ClassVar[frozenset[str]] = frozenset({"kind", "name", "zip"})

    @field_validator("*", mode="wrap")
    @classmethod
    def _lists_are_axes(cls, value: Any, validate: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        if not isinstance(value, list | tuple) or info.field_name in cls.never_axes:
            return validate(value)
        return tuple(validate(each) for each in _some(value))

    @model_validator(mode="after")
    def _axes_are_sound(self) -> Self:
        lists = self.lists()
        zipped = collections.Counter(itertools.chain(*self.zip))
        for group in self.zip:
            if len(group) < 2:
                raise ValueError(f"zip {group}: name at least two keys that go hand in hand.")
            for key in group:
                if key not in lists:
                    raise ValueError(
                        f"zip {group}: {key!r} is not a list of this table.{did_you_mean(key, lists)} "
                        f"Lists: {', '.join(lists) or 'none'}."
                    )
                if zipped[key] > 1:
                    raise ValueError(f"zip: {key!r} is named twice; a key goes with one group.")
            lengths = {key: len(lists[key]) for key in group}
            if len(set(lengths.values())) > 1:
                told = ", ".join(f"{key} has {length}" for key, length in lengths.items())
                raise ValueError(f"zip {group}: lists that go hand in hand must be equally long, but {told}.")
        for axis in self.axes():
            values, times = collections.Counter(axis.values).most_common(1)[0]
            if times > 1:
                raise ValueError(
                    f"key '{'+'.join(axis.keys)}': {', '.join(map(repr, values))} is there {times} times; "
                    f"the values of an axis must differ."
                )
        return self

    def lists(self) -> dict[str, tuple[Any, ...]]:
        """The keys that are lists, with their values."""
        return {key: value for key, value in self if isinstance(value, tuple)}

    def axes(self) -> list[Axis]:
        """The axes that this table spans, in the order of its keys."""
        lists = self.lists()
        groups = {keys[0]: tuple(keys) for keys in self.zip}
        alone = set(lists) - set(itertools.chain(*self.zip))
        grouped = [groups.get(key, (key,)) for key in lists if key in groups or key in alone]
        return [Axis(keys, tuple(zip(*(lists[key] for key in keys), strict=True))) for keys in grouped]

    def num_points(self) -> int:
        """How many combinations of its axes' values there are."""
        return math.prod(len(axis.values) for axis in self.axes())

    def points(self) -> Iterator[Self]:
        """This table once for every combination of its axes' values, without lists."""
        axes = self.axes()
        for values in itertools.product(*(axis.values for axis in axes)):
            pairs = (zip(axis.keys, chosen, strict=True) for axis, chosen in zip(axes, values, strict=True))
            yield self.at(dict(itertools.chain(*pairs)))

    def at(self, values: dict[str, Any]) -> Self:
        """This table with single values in place of its lists."""
        return self.model_copy(update={**values, "zip": []})

    def content(self) -> dict[str, Any]:
        """Keys and values as in the file; what is None is left out."""
        values = {key: list(value) if isinstance(value, tuple) else value for key, value in self}
        return {key: value for key, value in values.items() if value is not None and (key != "zip" or value)}


def _some(values: Any) -> Any:
    """`values`, unless there are none."""
    if not values:
        raise ValueError("is an empty list; an axis needs at least one value.")
    return values


class RunSettings(Table):
    """`[run]`: how long, how often, who plays. `horizon`, `runs`, `seed` and `ties` may be axes.

    Attributes:
      horizon: T, rounds of a run.
      runs: S, independent runs of every game.
      seed: of the followers' types and the learners' choices; the games have seeds of their own.
      learners: names, see `jaxstack.learners`; `[[learner]]` tables replace them.
      ties: tie rule of every scenario that does not state its own.
      checkpoints: rounds at which regret is recorded; default 64, evenly spaced on a logarithmic axis. Those
        after the horizon are left out, and the horizon is always one.
      keep_runs: keep the curve of every run, not only moments, quantiles and final regret.
      skip_ahead: jump over rounds that cannot change the choice (erm_joint, erm_product; see `simulate`).
      batch_size: runs held in memory at once; default as many as fit.
    """

    never_axes = frozenset({"zip", "learners", "checkpoints", "keep_runs", "skip_ahead", "batch_size"})

    horizon: int = Field(default=10_000, ge=1)
    runs: int = Field(default=200, ge=1, lt=2**31)
    seed: int = Field(default=0, ge=0, lt=2**32)
    learners: list[str] = Field(
        default_factory=lambda: ["erm_joint", "erm_product", "region_ucb", "oful"], min_length=1
    )
    ties: Ties = "optimistic"
    checkpoints: list[Annotated[int, Field(ge=1)]] | None = Field(default=None, min_length=1)
    keep_runs: bool = True
    skip_ahead: bool = False
    batch_size: int | None = Field(default=None, ge=1)

    @field_validator("learners")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        for name in names:
            learners.by_name(name)
        if len(set(names)) < len(names):
            raise ValueError(f"a learner is named twice: {', '.join(names)}.")
        return names

    @property
    def longest(self) -> int:
        """The (largest) horizon."""
        return max(self.lists().get("horizon", (self.horizon,)))


@functools.cache
def _hyperparameters(learner: str) -> tuple[str, ...]:
    """Names of a learner's hyperparameters, as it gives them for a game of one action each."""
    game, types = Game([[0.0]], [[[[0.0]]]]), IndependentTypes([[1.0]])
    setup = simulation.prepare(
        jax.random.key(0), game, types, learners.by_name(learner), horizon=1, table=None, hparams=None
    )
    return tuple(setup.inputs.hparams._fields)


class LearnerSettings(Table):
    """`[[learner]]`: one that plays, with hyperparameters by name; each may be an axis.

    Attributes:
      name: see `jaxstack.learners`.
      label: as in tables and datasets; default the name.
      skip_ahead: as in `[run]`, for this learner.
      hparams: hyperparameters that are not at their default; in the file they stand beside `name`.
    """

    name: str
    label: str | None = Field(default=None, min_length=1, max_length=80)
    skip_ahead: bool | None = None
    hparams: dict[str, Any] = Field(default_factory=dict)

    never_axes = frozenset({"zip", "name", "label", "skip_ahead", "hparams"})

    @model_validator(mode="before")
    @classmethod
    def _gather_hyperparameters(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        known = set(cls.model_fields)
        if not isinstance(content.get("hparams", {}), dict):
            raise ValueError(
                f"key 'hparams': is a table of hyperparameters by name, which in a file stand beside `name` "
                f"(radius_scale = 0.5), but {checks.brief(content['hparams'])} arrived."
            )
        return {key: value for key, value in content.items() if key in known} | {
            "hparams": content.get("hparams", {})
            | {key: value for key, value in content.items() if key not in known}
        }

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return learners.by_name(name).name

    @field_validator("hparams")
    @classmethod
    def _numbers(cls, hparams: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "name" not in info.data:
            return hparams  # told already
        name, numbers = info.data["name"], {}
        for key, value in hparams.items():
            known = _hyperparameters(name)
            if key not in known:
                raise ValueError(
                    f"unknown key {key!r}.{did_you_mean(key, [*cls.model_fields, *known])} "
                    f"Hyperparameters of {name}: {', '.join(known) or 'none'}."
                )
            is_list = isinstance(value, list | tuple)
            for each in _some(value) if is_list else [value]:
                checks.finite_number(f"hyperparameter {key!r}", each)
            numbers[key] = tuple(map(float, value)) if is_list else float(value)
        return numbers

    @property
    def title(self) -> str:
        """The label, or else the name."""
        return self.label or self.name

    def lists(self) -> dict[str, tuple[Any, ...]]:
        return {key: value for key, value in self.hparams.items() if isinstance(value, tuple)}

    def at(self, values: dict[str, Any]) -> Self:
        return self.model_copy(update={"hparams": self.hparams | values, "zip": []})

    def content(self) -> dict[str, Any]:
        content = super().content()
        hparams = content.pop("hparams")
        return content | {key: list(v) if isinstance(v, tuple) else v for key, v in hparams.items()}


class _Scenario(Table):
    name: str | None = Field(default=None, min_length=1, max_length=80)
    ties: Ties | None = None

    @property
    def title(self) -> str:
        """The name, or else the kind."""
        return self.name or str(self.kind)  # type: ignore[attr-defined]


class RandomScenario(_Scenario):
    """`kind = "random"`: `games` games by `scenarios.random_game`, with seeds seed, seed + 1, .."""

    kind: Literal["random"] = "random"
    games: int = Field(default=1, ge=1)
    seed: int = Field(default=0, ge=0)
    num_leader_actions: int = Field(default=3, ge=1)
    num_followers: int = Field(default=2, ge=1)
    num_types: int = Field(default=3, ge=1)
    num_actions: int = Field(default=2, ge=1)
    payoff: Literal["tabular", "separable", "anonymous"] = "tabular"
    types: Literal["joint", "independent", "mixture"] = "joint"
    correlation: float = Field(default=0.5, ge=0, le=1)

    def build(self, run: RunSettings) -> Problem:
        keys = self.model_dump(exclude={"kind", "name", "ties", "zip", "games", "seed"})
        first = scenarios.random_game(self.seed, **keys)
        if self.games == 1:
            return Problem(self.title, *first, self.ties or run.ties)
        memory.require(
            2 * self.games * sum(leaf.nbytes for leaf in jax.tree.leaves(first)),  # one by one, then stacked
            what="a batch of games",
            driver=f"games = {checks.written(self.games)}, of which each is {first[0]!r}",
            remedy="fewer games at a time, as scenarios with seeds of their own",
        )
        pairs = [first, *(scenarios.random_game(self.seed + g, **keys) for g in range(1, self.games))]
        games, types = zip(*pairs, strict=True)
        return Problem(self.title, stack(games), stack(types), self.ties or run.ties)


class HardScenario(_Scenario):
    """`kind = "hard"`: the lower-bound family; `epsilon` defaults to sqrt(m / horizon), ties to "robust"."""

    kind: Literal["hard"] = "hard"
    ties: Ties | None = "robust"
    num_decisions: int = Field(default=2, ge=1)
    epsilon: float | None = Field(default=None, ge=0, le=1)
    num_followers: int = Field(default=1, ge=1)
    margin: float = Field(default=0.0, ge=0, lt=1)

    def build(self, run: RunSettings) -> Problem:
        horizon = run.horizon if self.epsilon is None else None
        game, types = scenarios.hard_game(
            self.num_decisions, horizon, self.epsilon, self.num_followers, margin=self.margin
        )
        return Problem(self.title, game, types, self.ties or run.ties)


_WORKED: dict[str, tuple[Callable[..., tuple[Game, TypeDistribution]], tuple[str, ...]]] = {
    "security_patrol": (scenarios.security_patrol, security.SCHEDULES),
    "toll_pricing": (scenarios.toll_pricing, toll.MENUS),
    "feature_mix": (scenarios.feature_mix, platform.LANES),
}


class WorkedScenario(_Scenario):
    """A worked example of `jaxstack.scenarios`; `[scenario.parameters]` are its keyword arguments."""

    kind: Literal["security_patrol", "toll_pricing", "feature_mix"]
    parameters: dict[str, Any] = Field(default_factory=dict)

    never_axes = frozenset({"kind", "name", "zip", "parameters"})

    @field_validator("parameters")
    @classmethod
    def _known(cls, parameters: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "kind" in info.data:
            known = list(inspect.signature(_WORKED[info.data["kind"]][0]).parameters)
            for key in parameters:
                if key not in known:
                    raise ValueError(
                        f"unknown parameter {key!r}.{did_you_mean(key, known)} Known: {', '.join(known)}."
                    )
        for key, value in parameters.items():
            try:
                checks.real_array(value)
            except ValueError as error:
                raise ValueError(
                    f"parameter {key!r} must be a number or lists of numbers, but {error}."
                ) from None
        return parameters

    def lists(self) -> dict[str, tuple[Any, ...]]:
        """Also the parameters that are a number by default and a list here."""
        defaults = inspect.signature(_WORKED[self.kind][0]).parameters
        axes = {
            key: tuple(_some(value))
            for key, value in self.parameters.items()
            if isinstance(value, list) and isinstance(defaults[key].default, int | float)
        }
        return super().lists() | axes

    def at(self, values: dict[str, Any]) -> Self:
        of_fields = {key: value for key, value in values.items() if key not in self.parameters}
        parameters = {key: values.get(key, value) for key, value in self.parameters.items()}
        return super().at(of_fields | {"parameters": parameters})

    def build(self, run: RunSettings) -> Problem:
        make, names = _WORKED[self.kind]
        game, types = make(**self.parameters)
        fits = game.num_leader_actions == len(names)
        return Problem(self.title, game, types, self.ties or run.ties, names if fits else None)


class FileScenario(_Scenario):
    """`kind = "file"`: one game file, JSON or NPZ (`jaxstack.load_game`)."""

    kind: Literal["file"] = "file"
    path: str = Field(min_length=1)

    never_axes = frozenset({"kind", "name", "zip", "path"})

    @field_validator("path")
    @classmethod
    def _from_the_spec(cls, path: str, info: ValidationInfo) -> str:
        folder = (info.context or {}).get("folder")
        return path if folder is None else str((Path(folder) / path).absolute())

    @property
    def title(self) -> str:
        return self.name or Path(self.path).stem

    def build(self, run: RunSettings) -> Problem:
        file = scenarios.load_game_file(self.path)
        return Problem(self.title, file.game, file.types, self.ties or run.ties, file.leader_names)


Scenario = RandomScenario | HardScenario | WorkedScenario | FileScenario


def _kind(table: Any) -> Any:
    """What kind of scenario a table of the file, or a finished scenario, is."""
    return table.get("kind") if isinstance(table, dict) else getattr(table, "kind", None)


# Told apart by a function: a field that is validated by a wrapper cannot itself be the discriminator.
_AnyScenario = Annotated[
    Annotated[RandomScenario, Tag("random")]
    | Annotated[HardScenario, Tag("hard")]
    | Annotated[WorkedScenario, Tag("security_patrol")]
    | Annotated[WorkedScenario, Tag("toll_pricing")]
    | Annotated[WorkedScenario, Tag("feature_mix")]
    | Annotated[FileScenario, Tag("file")],
    Discriminator(_kind),
]


class Spec(_Strict):
    """A whole sweep."""

    run: RunSettings = Field(default_factory=RunSettings)
    scenario: list[_AnyScenario] = Field(min_length=1)
    learner: list[LearnerSettings] = Field(default_factory=list)

    @field_validator("scenario")
    @classmethod
    def _distinct(cls, scenarios: list[Scenario]) -> list[Scenario]:
        title, times = collections.Counter(scenario.title for scenario in scenarios).most_common(1)[0]
        if times > 1:
            raise ValueError(f"{times} scenarios are called {title!r}; give each a `name`.")
        return scenarios

    @field_validator("learner")
    @classmethod
    def _labelled(cls, tables: list[LearnerSettings]) -> list[LearnerSettings]:
        for title, times in collections.Counter(table.title for table in tables).most_common(1):
            if times > 1:
                raise ValueError(f"{times} learners are called {title!r}; give each a `label`.")
        return tables

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        if self.learner and "learners" in self.run.model_fields_set:
            raise ValueError("learners are named both in [run] and in [[learner]] tables; keep one of them.")
        for learner in self.learners():
            longest = simulation.MAX_HORIZON
            if self.skips(learner):
                jumps.check_learner(learners.by_name(learner.name))
                longest = jumps.MAX_HORIZON
            if self.run.longest > longest:
                raise ValueError(
                    f"[run], key 'horizon': {learner.title} plays at most {longest:,} rounds, but "
                    f"{checks.written(self.run.longest)} arrived."
                )
        if self.run.checkpoints and max(self.run.checkpoints) > self.run.longest:
            raise ValueError(
                f"[run], key 'checkpoints': must lie in 1..horizon = {self.run.longest:,}, but "
                f"{checks.written(max(self.run.checkpoints))} arrived."
            )
        if self.num_cells() > MAX_CELLS:
            tables: list[tuple[str, Table]] = [
                ("[run]", self.run),
                *((f"scenario {table.title!r}", table) for table in self.scenario),
            ]
            tables += [(f"learner {table.title!r}", table) for table in self.learners()]
            told = [f"{where}: {points:,}" for where, table in tables if (points := table.num_points()) > 1]
            raise ValueError(
                f"{self.num_cells():,} cells, and a sweep has at most {MAX_CELLS:,}. Combinations of the "
                f"lists of {'; '.join(told[:5])}. Name fewer values, or zip lists that go hand in hand."
            )
        return self

    def num_cells(self) -> int:
        """How many cells the sweep has, without making one."""
        games = sum(table.num_points() for table in self.scenario) * self.run.num_points()
        return games * sum(table.num_points() for table in self.learners())

    def require_room(self) -> None:
        """Raise MemoryError where curves of every run are to be kept and would not fit on this machine."""
        if not self.run.keep_runs:
            return
        for run in self.run.points():
            num_rounds = min(run.horizon, len(run.checkpoints) + 1 if run.checkpoints else NUM_CHECKPOINTS)
            for scenario in self.scenario:
                sizes = scenario.lists().get("games", (getattr(scenario, "games", 1),))
                memory.require_curves(run.runs, num_rounds, max(sizes))

    def learners(self) -> list[LearnerSettings]:
        """Who plays: the `[[learner]]` tables, or the names of `[run]`."""
        return self.learner or [LearnerSettings(name=name) for name in self.run.learners]

    def skips(self, learner: LearnerSettings) -> bool:
        """Whether a learner skips ahead."""
        return self.run.skip_ahead if learner.skip_ahead is None else learner.skip_ahead

    def is_sweep(self) -> bool:
        """Whether there are axes beside scenarios and learners."""
        return any(table.axes() for table in (self.run, *self.scenario, *self.learner))

    def replace_run(self, **settings: Any) -> Spec:
        """The same scenarios under other `[run]` settings; None keeps what the spec says.

        Named `learners` replace `[[learner]]` tables too.

        Raises:
          ValueError: a setting that does not exist or has a wrong value.
        """
        given = {key: value for key, value in settings.items() if value is not None}
        if not given:
            return self
        run = _validated(RunSettings, _settings(self.run) | given, "command line")
        content = {
            "run": run,
            "scenario": self.scenario,
            "learner": [] if "learners" in given else self.learner,
        }
        spec: Spec = _validated(Spec, content, "command line")
        return spec

    def to_toml(self) -> str:
        """The spec as TOML text that `load_spec` reads back to an equal one."""
        run = _settings(self.run)
        tables = [("[run]", run if self.learner else run | {"learners": list(self.run.learners)})]
        tables += [("[[scenario]]", table.content()) for table in self.scenario]
        tables += [("[[learner]]", table.content()) for table in self.learner]
        return "\n".join(f"{header}\n{_toml_lines(table)}" for header, table in tables)


def _settings(run: RunSettings) -> dict[str, Any]:
    """`[run]` as in the file: learners only where they were named."""
    named = "learners" in run.model_fields_set
    return {key: value for key, value in run.content().items() if named or key != "learners"}


_DEEP_KEY = re.compile(r"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){100}""")


def default_spec() -> Spec:
    """What `jaxstack run` does without a file: random games, the hard family, a security patrol."""
    text = resources.files("jaxstack.sweeps").joinpath("default.toml").read_text(encoding="utf-8")
    return parse_spec(text, "the built-in spec")


def load_spec(path: str | Path) -> Spec:
    """The spec in a TOML file; paths of game files are relative to it.

    Raises:
      ValueError: not TOML, an unknown key, or a wrong value; the message names the file and the key.
      OSError: the file cannot be read.
    """
    path = checks.path("path", path)
    return parse_spec(reading.read_text(path), str(path), path.parent)


def parse_spec(text: str, source: str, folder: Path | None = None) -> Spec:
    """The spec in TOML text; `source` is what messages call it, `folder` what paths are relative to.

    Raises:
      ValueError: as `load_spec`.
    """
    try:
        if _DEEP_KEY.search(text):  # of which the parser takes a time quadratic in their length
            raise RecursionError
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{source}: not valid TOML: {error}.") from error
    except RecursionError:
        raise ValueError(f"{source}: lists or tables are nested too deeply for a spec.") from None
    except ValueError as error:  # a number of thousands of digits
        raise ValueError(f"{source}: cannot be read: {error}.") from error
    return _validated(Spec, content, source, folder)


def spec_of_game_file(path: str | Path) -> Spec:
    """The default `[run]` settings on one game file."""
    scenario = FileScenario(path=str(Path(path).absolute()))
    return Spec(run=RunSettings(), scenario=[scenario])


def _validated(model: type[Any], content: dict[str, Any], source: str, folder: Path | None = None) -> Any:
    try:
        return model.model_validate(content, context={"folder": folder})
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems = [_explain(problem, model, content) for problem in found[:_MAX_PROBLEMS]]
        if len(found) > _MAX_PROBLEMS:
            problems.append(f"... and {len(found) - _MAX_PROBLEMS:,} more.")
        raise ValueError("\n".join(f"{source}: {problem}" for problem in dict.fromkeys(problems))) from None


_TABLES: dict[str, type[BaseModel]] = {
    kind: model
    for model in get_args(Scenario)
    for kind in get_args(model.model_fields["kind"].annotation)
}  # fmt: skip


def _explain(problem: Any, model: type[BaseModel], content: dict[str, Any]) -> str:
    """One line on one mistake: where, what arrived, what is known."""
    where: list[str] = []
    rest = list(problem["loc"])
    if rest[:1] == ["run"]:
        where, rest, model = ["[run]"], rest[1:], RunSettings
    elif rest[:1] in (["scenario"], ["learner"]) and len(rest) > 1:
        table = content[rest[0]][rest[1]]
        named = isinstance(table, dict) and isinstance(table.get("name"), str)
        where = [f"{rest[0]} {rest[1] + 1}" + (f" ({table['name']!r})" if named else "")]
        if rest[0] == "learner":
            rest, model = rest[2:], LearnerSettings
        else:
            rest, model = rest[3:], _TABLES[rest[2]] if len(rest) > 2 else model
        if rest == ["hparams"]:  # beside `name` in the file; the reason names the key
            rest = []
    if rest[:1] == ["zip"]:  # of which key within: the reason shows the form
        rest = ["zip"]
    if rest:
        where.append(f"key '{'.'.join(map(str, rest))}'")
    reason = _reason(problem, model, rest)
    return f"{', '.join(where)}: {reason}" if where else reason


def _reason(problem: Any, model: type[BaseModel], rest: list[Any]) -> str:
    kind, arrived = problem["type"], problem.get("input")
    if kind == "extra_forbidden":
        known = list(model.model_fields)
        return f"unknown key.{did_you_mean(str(rest[-1]), known)} Known: {', '.join(known)}."
    if kind == "union_tag_not_found":
        return f"key 'kind' is missing. Known kinds: {', '.join(_TABLES)}."
    if kind == "union_tag_invalid":
        tag = problem["ctx"]["tag"]
        return f"unknown kind {checks.brief(tag)}.{did_you_mean(tag, _TABLES)} Known: {', '.join(_TABLES)}."
    if kind == "literal_error":
        options = get_args(_literal(model, rest))
        told = f"must be one of {', '.join(map(repr, options))}, but {checks.brief(arrived)} arrived."
        return told + did_you_mean(arrived, options)
    if kind == "missing":
        return "is missing." + (" What to play on is a [[scenario]] table." if rest == ["scenario"] else "")
    if kind == "list_type" and rest in (["scenario"], ["learner"]):
        return f"there can be several, so its header has double brackets: [[{rest[0]}]]."
    if kind == "list_type" and rest == ["zip"]:
        return 'is a list of groups of keys, such as zip = [["num_followers", "num_types"]].'
    if kind == "value_error":
        return str(problem["ctx"]["error"])
    message = str(problem["msg"]).replace("Input should be", "must be").replace("List should", "must")
    return f"{message[0].lower()}{message[1:]}, but {checks.brief(arrived)} arrived."


def _literal(model: type[BaseModel], rest: list[Any]) -> Any:
    """The Literal of a field, out of `Literal[..] | None` where need be."""
    annotation = model.model_fields[str(rest[0])].annotation
    inner = [part for part in get_args(annotation) if get_args(part)]
    return inner[0] if inner else annotation


def _toml_lines(content: dict[str, Any]) -> str:
    """Keys and values of one table."""
    nested = {key: value for key, value in content.items() if isinstance(value, dict) and value}
    lines = [f"{key} = {_toml(value)}\n" for key, value in content.items() if not isinstance(value, dict)]
    for key, value in nested.items():
        lines.append(f"[scenario.{key}]\n" + "".join(f"{name} = {_toml(v)}\n" for name, v in value.items()))
    return "".join(lines)


def _toml(value: Any) -> str:
    """A TOML value: JSON's notation of strings, numbers, booleans and lists is TOML's too."""
    return json.dumps(value, ensure_ascii=False)
