"""The TOML file that describes a run: `[run]` settings, and one `[[scenario]]` table per set of games.

```toml
[run]
horizon = 10_000
runs = 200
seed = 0
learners = ["erm_joint", "region_ucb"]

[[scenario]]
kind = "random"            # random, hard, security_patrol, toll_pricing, feature_mix or file
name = "random games"
games = 8
num_leader_actions = 3

[[scenario]]
kind = "file"
path = "games/patrol.json" # relative to this file
```

Every key has a type and a default; an unknown key is an error that suggests the nearest known one. A value is
a single number or word: lists where a number is expected are kept free for sweeps.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import tomllib
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from jaxstack import learners, scenarios
from jaxstack.checks import did_you_mean
from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game, stack
from jaxstack.scenarios import platform, security, toll

Ties = Literal["optimistic", "robust"]


@dataclasses.dataclass(frozen=True)
class Problem:
    """What a scenario stands for.

    Attributes:
      name: as in tables and file names.
      game: one game, or a stacked batch of G.
      types: D, as many as games.
      ties: tie rule of the region table.
      leader_names: [L], leader actions in words, or None.
    """

    name: str
    game: Game
    types: TypeDistribution
    ties: str
    leader_names: tuple[str, ...] | None = None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True)


class RunSettings(_Strict):
    """`[run]`: how long, how often, who plays.

    Attributes:
      horizon: T, rounds of a run.
      runs: S, independent runs of every game.
      seed: of the followers' types and the learners' choices; the games have seeds of their own.
      learners: names, see `jaxstack.learners`.
      ties: tie rule of every scenario that does not state its own.
      batch_size: runs held in memory at once; default as many as fit.
    """

    horizon: int = Field(default=10_000, ge=1)
    runs: int = Field(default=200, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    learners: list[str] = Field(
        default_factory=lambda: ["erm_joint", "erm_product", "region_ucb", "oful"], min_length=1
    )
    ties: Ties = "optimistic"
    batch_size: int | None = Field(default=None, ge=1)

    @field_validator("learners")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        for name in names:
            learners.by_name(name)
        if len(set(names)) < len(names):
            raise ValueError(f"a learner is named twice: {', '.join(names)}.")
        return names


class _Scenario(_Strict):
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
        keys = self.model_dump(exclude={"kind", "name", "ties", "games", "seed"})
        pairs = [scenarios.random_game(self.seed + g, **keys) for g in range(self.games)]
        games, types = zip(*pairs, strict=True)
        if self.games == 1:
            return Problem(self.title, games[0], types[0], self.ties or run.ties)
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
        return parameters

    def build(self, run: RunSettings) -> Problem:
        make, names = _WORKED[self.kind]
        game, types = make(**self.parameters)
        fits = game.num_leader_actions == len(names)
        return Problem(self.title, game, types, self.ties or run.ties, names if fits else None)


class FileScenario(_Scenario):
    """`kind = "file"`: one game file, JSON or NPZ (`jaxstack.load_game`)."""

    kind: Literal["file"] = "file"
    path: str = Field(min_length=1)

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


class Spec(_Strict):
    """A whole run."""

    run: RunSettings = Field(default_factory=RunSettings)
    scenario: list[Annotated[Scenario, Field(discriminator="kind")]] = Field(min_length=1)

    @field_validator("scenario")
    @classmethod
    def _distinct(cls, scenarios: list[Scenario]) -> list[Scenario]:
        titles = [scenario.title for scenario in scenarios]
        for title in titles:
            if titles.count(title) > 1:
                raise ValueError(f"{titles.count(title)} scenarios are called {title!r}; give each a `name`.")
        return scenarios

    def replace_run(self, **settings: Any) -> Spec:
        """The same scenarios under other `[run]` settings; None keeps what the spec says.

        Raises:
          ValueError: a setting that does not exist or has a wrong value.
        """
        given = {key: value for key, value in settings.items() if value is not None}
        run = _validated(RunSettings, self.run.model_dump() | given, "command line")
        return self.model_copy(update={"run": run})

    def to_toml(self) -> str:
        """The spec as TOML text that `load_spec` reads back to an equal one."""
        tables = [("[run]", self.run)] + [("[[scenario]]", scenario) for scenario in self.scenario]
        return "\n".join(f"{header}\n{_toml_lines(table)}" for header, table in tables)


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
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file in UTF-8 ({error.reason}, byte {error.start}).") from error
    return parse_spec(text, str(path), path.parent)


def parse_spec(text: str, source: str, folder: Path | None = None) -> Spec:
    """The spec in TOML text; `source` is what messages call it, `folder` what paths are relative to.

    Raises:
      ValueError: as `load_spec`.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{source}: not valid TOML: {error}.") from error
    return _validated(Spec, content, source, folder)


def spec_of_game_file(path: str | Path) -> Spec:
    """The default `[run]` settings on one game file."""
    scenario = FileScenario(path=str(Path(path).absolute()))
    return Spec(run=RunSettings(), scenario=[scenario])


def _validated(model: type[Any], content: dict[str, Any], source: str, folder: Path | None = None) -> Any:
    try:
        return model.model_validate(content, context={"folder": folder})
    except ValidationError as error:
        problems = [_explain(problem, model, content) for problem in error.errors(include_url=False)]
        raise ValueError("\n".join(f"{source}: {problem}" for problem in problems)) from None


_TABLES: dict[str, type[BaseModel]] = {
    kind: model
    for model in get_args(Scenario)
    for kind in get_args(model.model_fields["kind"].annotation)
}  # fmt: skip


def _explain(problem: Any, model: type[BaseModel], content: dict[str, Any]) -> str:
    """One line on one mistake: where, what arrived, what is known."""
    where: list[str] = []
    rest = list(problem["loc"])
    if rest[:1] == ["run"] and len(rest) > 1:
        where, rest, model = ["[run]"], rest[1:], RunSettings
    elif rest[:1] == ["scenario"] and len(rest) > 1:
        table = content["scenario"][rest[1]]
        named = isinstance(table, dict) and isinstance(table.get("name"), str)
        where = [f"scenario {rest[1] + 1}" + (f" ({table['name']!r})" if named else "")]
        rest, model = rest[3:], _TABLES[rest[2]] if len(rest) > 2 else model
    if rest:
        where.append(f"key '{'.'.join(map(str, rest))}'")
    return f"{', '.join(where)}: {_reason(problem, model, rest)}"


def _reason(problem: Any, model: type[BaseModel], rest: list[Any]) -> str:
    kind, arrived = problem["type"], problem.get("input")
    if kind == "extra_forbidden":
        known = list(model.model_fields)
        return f"unknown key.{did_you_mean(str(rest[-1]), known)} Known: {', '.join(known)}."
    if kind == "union_tag_not_found":
        return f"key 'kind' is missing. Known kinds: {', '.join(_TABLES)}."
    if kind == "union_tag_invalid":
        tag = problem["ctx"]["tag"]
        return f"unknown kind {tag!r}.{did_you_mean(tag, _TABLES)} Known: {', '.join(_TABLES)}."
    if kind == "literal_error":
        options = get_args(_literal(model, rest))
        suggestion = did_you_mean(str(arrived), options)
        return f"must be one of {', '.join(map(repr, options))}, but {arrived!r} arrived.{suggestion}"
    if kind == "missing":
        return "is missing."
    if kind == "value_error":
        return str(problem["ctx"]["error"])
    message = str(problem["msg"]).replace("Input should be", "must be").replace("List should", "must")
    return f"{message[0].lower()}{message[1:]}, but {arrived!r} arrived."


def _literal(model: type[BaseModel], rest: list[Any]) -> Any:
    """The Literal of a field, out of `Literal[..] | None` where need be."""
    annotation = model.model_fields[str(rest[0])].annotation
    inner = [part for part in get_args(annotation) if get_args(part)]
    return inner[0] if inner else annotation


def _toml_lines(table: BaseModel) -> str:
    """Keys and values of one table; what is None is left out."""
    content = table.model_dump(exclude_none=True)
    nested = {key: value for key, value in content.items() if isinstance(value, dict) and value}
    lines = [f"{key} = {_toml(value)}\n" for key, value in content.items() if not isinstance(value, dict)]
    for key, value in nested.items():
        lines.append(f"[scenario.{key}]\n" + "".join(f"{name} = {_toml(v)}\n" for name, v in value.items()))
    return "".join(lines)


def _toml(value: Any) -> str:
    """A TOML value: JSON's notation of strings, numbers, booleans and lists is TOML's too."""
    return json.dumps(value, ensure_ascii=False)
