"""The whole spec: its tables together, what must fit between them, and the text that they are read from."""

from __future__ import annotations

import collections
import json
from typing import Any, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from jaxstack import checks, jumps, memory, simulation
from jaxstack.learners import offered, outside
from jaxstack.regret import NUM_CHECKPOINTS
from jaxstack.sweeps.spec.axes import Strict, Table
from jaxstack.sweeps.spec.learners import LearnerSettings
from jaxstack.sweeps.spec.mistakes import validated
from jaxstack.sweeps.spec.run import RunSettings
from jaxstack.sweeps.spec.scenarios import AnyScenario, Scenario

MAX_CELLS = 100_000
"""Of one sweep. Each is a file in one folder, and a simulation of seconds at least."""


class Spec(Strict):
    """A whole sweep."""

    run: RunSettings = Field(default_factory=RunSettings)
    scenario: list[AnyScenario] = Field(min_length=1)
    learner: list[LearnerSettings] = Field(default_factory=list)

    _named: list[LearnerSettings] = PrivateAttr(default_factory=list)

    def model_post_init(self, context: Any) -> None:
        if not self.learner:
            self._named = [LearnerSettings(name=name) for name in self.run.learners]

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
            without_table = False in self.run.lists().get("table", (self.run.table,))
            if without_table:
                simulation.without_table(learner.player())
            if self.skips(learner):
                if without_table:
                    raise ValueError(
                        f"[run], key 'table': {learner.title} skips ahead between vertices of a region "
                        f"table, and cannot without one. Set skip_ahead = false, or leave out table = false."
                    )
                jumps.check_learner(learner.player())
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
        most = max(max(table.lists().get("games", (getattr(table, "games", 1),))) for table in self.scenario)
        for run in self.run.points():
            num_rounds = min(run.horizon, len(run.checkpoints) + 1 if run.checkpoints else NUM_CHECKPOINTS)
            memory.require_curves(run.runs, num_rounds, most)

    def learners(self) -> list[LearnerSettings]:
        """Who plays: the `[[learner]]` tables, or the names of `[run]`."""
        return self.learner or self._named

    def offers(self) -> dict[str, outside.Offer]:
        """The learners that it was made with, as far as they are not found by their names."""
        return {table.name: table.offer for table in self.learners() if table.offer is not None}

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
        with offered(self.offers()), offered(outside.given()):
            run = validated(RunSettings, settings_of(self.run) | given, "command line")
            content = {
                "run": run,
                "scenario": self.scenario,
                "learner": [] if "learners" in given else self.learner,
            }
            spec: Spec = validated(Spec, content, "command line")
        return spec

    def with_learners(self, learners: outside.Offered) -> Spec:
        """The same spec, in which names stand for these learners where they are theirs.

        Raises:
          ValueError: as `jaxstack.learners.offered`; or a learner lacks a hyperparameter that the spec names.
        """
        with offered(self.offers()), offered(learners):
            content = {
                "run": settings_of(self.run),
                "scenario": self.scenario,
                "learner": [table.content() for table in self.learner],
            }
            spec: Spec = validated(Spec, content, "the spec")
        return spec

    def to_toml(self) -> str:
        """The spec as TOML text that `load_spec` reads back to an equal one."""
        run = settings_of(self.run)
        tables = [("[run]", run if self.learner else run | {"learners": list(self.run.learners)})]
        tables += [("[[scenario]]", table.content()) for table in self.scenario]
        tables += [("[[learner]]", table.content()) for table in self.learner]
        return "\n".join(f"{header}\n{_toml_lines(table)}" for header, table in tables)


def settings_of(run: RunSettings) -> dict[str, Any]:
    """`[run]` as in the file: learners only where they were named."""
    named = "learners" in run.model_fields_set
    return {key: value for key, value in run.content().items() if named or key != "learners"}


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
