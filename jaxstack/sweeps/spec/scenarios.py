"""`[[scenario]]`: the games that are played, and what each kind of table stands for."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import jax
from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator

from jaxstack import checks, memory, scenarios
from jaxstack.checks import did_you_mean
from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game, stack
from jaxstack.scenarios import platform, security, toll
from jaxstack.scenarios.moving_target import CONFIGURATIONS
from jaxstack.sequences import SequenceTypes
from jaxstack.sweeps.spec.axes import Table, some
from jaxstack.sweeps.spec.run import RunSettings, Ties


@dataclasses.dataclass(frozen=True)
class Problem:
    """What a scenario stands for.

    Attributes:
      name: as in tables and file names.
      game: one game, or a stacked batch of G.
      types: D, as many as games.
      ties: tie rule of the region table.
      leader_names: [L], leader actions in words, or None.
      action_names: [A] or [n][A_i], followers' actions in words, or None.

    Raises:
      MemoryError: regions of the game would not fit, whatever its followers do.
    """

    name: str
    game: Game
    types: TypeDistribution
    ties: str
    leader_names: tuple[str, ...] | None = None
    action_names: Any = None

    def __post_init__(self) -> None:
        L, games = self.game.num_leader_actions, self.game.num_games or 1
        memory.require(
            8 * games * L * L,
            what="a region table",
            driver=f"L = {L:,} leader actions in {games:,} games: the simplex alone has vertices [L, L]",
            remedy="fewer leader actions or games",
        )


class _Scenario(Table):
    name: str | None = Field(default=None, min_length=1, max_length=80)
    ties: Ties | None = None

    @property
    def title(self) -> str:
        """The name, or else the kind."""
        return self.name or str(self.kind)  # type: ignore[attr-defined]


class _Seeded(_Scenario):
    """`games` games of one kind, with seeds seed, seed + 1, .."""

    games: int = Field(default=1, ge=1)
    seed: int = Field(default=0, ge=0)

    def problem(self, make: Callable[..., tuple[Game, TypeDistribution]], run: RunSettings) -> Problem:
        """The games that `make` gives for these seeds, and for the other keys of the table."""
        keys = self.model_dump(exclude={"kind", "name", "ties", "zip", "games", "seed"})
        first = make(self.seed, **keys)
        if self.games == 1:
            return Problem(self.title, *first, self.ties or run.ties)
        memory.require(
            2 * self.games * sum(leaf.nbytes for leaf in jax.tree.leaves(first)),  # one by one, then stacked
            what="a batch of games",
            driver=f"games = {checks.written(self.games)}, of which each is {first[0]!r}",
            remedy="fewer games at a time, as scenarios with seeds of their own",
        )
        pairs = [first, *(make(self.seed + g, **keys) for g in range(1, self.games))]
        games, types = zip(*pairs, strict=True)
        return Problem(self.title, stack(games), stack(types), self.ties or run.ties)


class RandomScenario(_Seeded):
    """`kind = "random"`: payoffs uniform in [0, 1], and random types (`scenarios.random_game`)."""

    kind: Literal["random"] = "random"
    num_leader_actions: int = Field(default=3, ge=1)
    num_followers: int = Field(default=2, ge=1)
    num_types: int = Field(default=3, ge=1)
    num_actions: int = Field(default=2, ge=1)
    payoff: Literal["tabular", "separable", "anonymous", "tabular_by_type", "separable_by_type"] = "tabular"
    types: Literal["joint", "independent", "mixture"] = "joint"
    correlation: float = Field(default=0.5, ge=0, le=1)

    def build(self, run: RunSettings) -> Problem:
        return self.problem(scenarios.random_game, run)


class HardScenario(_Scenario):
    """`kind = "hard"`: the lower-bound family; `epsilon` is sqrt(m / horizon) by default, ties "robust"."""

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


class CoverageScenario(_Seeded):
    """`kind = "coverage"`: guards over targets, at random (`scenarios.random_coverage_game`)."""

    kind: Literal["coverage"] = "coverage"
    num_targets: int = Field(default=6, ge=1)
    num_resources: int = Field(default=2, ge=1)
    num_followers: int = Field(default=1, ge=1)
    num_types: int = Field(default=2, ge=1)

    def build(self, run: RunSettings) -> Problem:
        return self.problem(scenarios.random_coverage_game, run)


class ParityScenario(_Scenario):
    """`kind = "hidden_parity"`: what actions do not tell; `epsilon` follows the horizon by default."""

    kind: Literal["hidden_parity"] = "hidden_parity"
    num_followers: int = Field(default=3, ge=2)
    epsilon: float | None = Field(default=None, ge=0, le=1)

    def build(self, run: RunSettings) -> Problem:
        horizon = run.horizon if self.epsilon is None else None
        game, types = scenarios.hidden_parity(self.num_followers, epsilon=self.epsilon, horizon=horizon)
        return Problem(self.title, game, types, self.ties or run.ties)


class _Worked(NamedTuple):
    """A worked example, and what its numbers are called by default."""

    make: Callable[..., tuple[Game, TypeDistribution]]
    leader_names: tuple[str, ...] = ()
    action_names: tuple[str, ...] = ()


WORKED = {
    "security_patrol": _Worked(scenarios.security_patrol, security.SCHEDULES, security.ACTIONS),
    "toll_pricing": _Worked(scenarios.toll_pricing, toll.MENUS, toll.ACTIONS),
    "feature_mix": _Worked(scenarios.feature_mix, platform.LANES, platform.ACTIONS),
    "museum_patrol": _Worked(scenarios.museum_patrol),
    "audit": _Worked(scenarios.audit),
    "moving_target": _Worked(scenarios.moving_target, CONFIGURATIONS),
}


class WorkedScenario(_Scenario):
    """A worked example of `jaxstack.scenarios`; `[scenario.parameters]` are its keyword arguments."""

    kind: Literal["security_patrol", "toll_pricing", "feature_mix", "museum_patrol", "audit", "moving_target"]
    parameters: dict[str, Any] = Field(default_factory=dict)

    never_axes = frozenset({"kind", "name", "zip", "parameters"})

    @field_validator("parameters")
    @classmethod
    def _known(cls, parameters: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "kind" in info.data:
            known = list(inspect.signature(WORKED[info.data["kind"]].make).parameters)
            for key in parameters:
                if key not in known:
                    raise ValueError(
                        f"unknown parameter {key!r}.{did_you_mean(key, known)} Known: {', '.join(known)}."
                    )
        for key, value in parameters.items():
            try:
                checks.require_real(value)  # lists of one follower may be longer than another's
            except ValueError as error:
                raise ValueError(
                    f"parameter {key!r} must be a number or lists of numbers, but {error}."
                ) from None
        return parameters

    def lists(self) -> dict[str, tuple[Any, ...]]:
        """Also the parameters that are a number by default and a list here."""
        defaults = inspect.signature(WORKED[self.kind].make).parameters
        axes = {
            key: tuple(some(value, f"parameter {key!r}"))
            for key, value in self.parameters.items()
            if isinstance(value, list) and isinstance(defaults[key].default, int | float)
        }
        return super().lists() | axes

    def at(self, values: dict[str, Any]) -> Self:
        of_fields = {key: value for key, value in values.items() if key not in self.parameters}
        parameters = {key: values.get(key, value) for key, value in self.parameters.items()}
        return super().at(of_fields | {"parameters": parameters})

    def build(self, run: RunSettings) -> Problem:
        make, *names = WORKED[self.kind]
        game, types = make(**self.parameters)
        sizes = (game.num_leader_actions, game.num_actions)
        fitting = [own if len(own) == size else None for own, size in zip(names, sizes, strict=True)]
        return Problem(self.title, game, types, self.ties or run.ties, *fitting)


class FileScenario(_Scenario):
    """`kind = "file"`: one game file: .json, .npz, .csv or .nfg (`jaxstack.load_game`)."""

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
        names = file.leader_names, file.action_names
        return Problem(self.title, file.game, file.types, self.ties or run.ties, *names)


class SequenceScenario(FileScenario):
    """`kind = "sequence"`: the game of a file, against the types of a log's rounds (`jaxstack.data.logs`).

    `order`: as they are ("once"; then `horizon` is at most their number), "cyclic", or drawn at random
    ("resampled").
    """

    kind: Literal["sequence"] = "sequence"  # type: ignore[assignment]
    log: str = Field(min_length=1)
    order: Literal["once", "cyclic", "resampled"] = "once"

    never_axes = frozenset({"kind", "name", "zip", "path", "log", "order"})

    @field_validator("log")
    @classmethod
    def _log_from_the_spec(cls, log: str, info: ValidationInfo) -> str:
        return cls._from_the_spec(log, info)

    @property
    def title(self) -> str:
        return self.name or Path(self.log).stem

    def build(self, run: RunSettings) -> Problem:
        from jaxstack.data.logs import read_log

        file = scenarios.load_game_file(self.path)
        log = read_log(file, self.log)
        if log.kind != "types":
            raise ValueError(
                f"{self.log}: kind='sequence' plays the types of rounds, but this log has actions alone. Fit "
                f"types to it (jaxstack.fit_types), and play the game with these."
            )
        types = SequenceTypes(log.seen, file.game.num_types, "once" if self.order == "once" else "cyclic")
        of_run = types.empirical() if self.order == "resampled" else types
        names = file.leader_names, file.action_names
        return Problem(self.title, file.game, of_run, self.ties or run.ties, *names)


Scenario = (
    RandomScenario
    | HardScenario
    | ParityScenario
    | CoverageScenario
    | WorkedScenario
    | FileScenario
    | SequenceScenario
)


def _kind(table: Any) -> Any:
    """What kind of scenario a table of the file, or a finished scenario, is."""
    return table.get("kind") if isinstance(table, dict) else getattr(table, "kind", None)


# Told apart by a function: a field that is validated by a wrapper cannot itself be the discriminator.
AnyScenario = Annotated[
    Annotated[RandomScenario, Tag("random")]
    | Annotated[HardScenario, Tag("hard")]
    | Annotated[WorkedScenario, Tag("security_patrol")]
    | Annotated[WorkedScenario, Tag("toll_pricing")]
    | Annotated[WorkedScenario, Tag("feature_mix")]
    | Annotated[WorkedScenario, Tag("museum_patrol")]
    | Annotated[WorkedScenario, Tag("audit")]
    | Annotated[WorkedScenario, Tag("moving_target")]
    | Annotated[ParityScenario, Tag("hidden_parity")]
    | Annotated[CoverageScenario, Tag("coverage")]
    | Annotated[FileScenario, Tag("file")]
    | Annotated[SequenceScenario, Tag("sequence")],
    Discriminator(_kind),
]
