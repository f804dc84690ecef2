"""The game of a cell: built once, and named by what it is built from."""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import Any

from jaxstack.fingerprints import content_fingerprint
from jaxstack.regions import RegionTable, enumerate_regions
from jaxstack.regions.table import pad_table, rounded_up
from jaxstack.simulation import tables
from jaxstack.sweeps.spec import (
    FileScenario,
    HardScenario,
    LearnerSettings,
    Problem,
    RunSettings,
    Scenario,
    Table,
)


@dataclasses.dataclass(frozen=True)
class GameKey:
    """What a game is built from; equal for scenarios and settings that give the same game.

    Attributes:
      text: all that the game depends on; of a file, its content.
      scenario, run: settings without lists.
      content: fingerprint of the game in a file; empty for other games.
      file: what was in that file when it was read for this key, if it was.
    """

    text: str
    scenario: Scenario = dataclasses.field(compare=False)
    run: RunSettings = dataclasses.field(compare=False)
    content: str = dataclasses.field(default="", compare=False)
    file: Problem | None = dataclasses.field(default=None, compare=False, repr=False)


def game_key_of(
    scenario: Scenario, run: RunSettings, content: str = "", file: Problem | None = None
) -> GameKey:
    """The key of a scenario without lists under settings without lists.

    Args:
      scenario, run: the settings.
      content: fingerprint that the game in a file must have; see `Cell.content`.
      file: what was read of that file. Without this and `content`, it is read now.

    Raises:
      ValueError, OSError: the file is not that of a game, or cannot be read.
    """
    settings = flat(scenario) | {"ties": scenario.ties or run.ties}
    settings.pop("name", None)
    if isinstance(scenario, HardScenario) and scenario.epsilon is None:
        settings["horizon"] = run.horizon
    if isinstance(scenario, FileScenario):
        if not content:
            file = scenario.build(run) if file is None else dataclasses.replace(file, ties=settings["ties"])
            content = _content_of(file)
        settings["content"] = content
    return GameKey(json.dumps(settings, sort_keys=True), scenario, run, content, file)


def problem_of(key: GameKey) -> Problem:
    """The game and its types, under the name that this scenario has for them.

    Raises:
      ValueError: a game file has changed since the key was made.
    """
    return dataclasses.replace(_built(key), name=key.scenario.title)


@functools.lru_cache(maxsize=8)
def _built(key: GameKey) -> Problem:
    """The last few are kept, since learners and horizons share them, and scenarios that differ in name."""
    if key.file is not None:
        return key.file
    problem = key.scenario.build(key.run)
    if isinstance(key.scenario, FileScenario) and _content_of(problem) != key.content:
        raise ValueError(
            f"{key.scenario.path}: the game in this file is not the one that the sweep was planned with; the "
            f"file was changed since (or another machine sees another file). Put the planned game back, or "
            f"run the sweep again to play the new one; results of the two have different names."
        )
    return problem


def _content_of(problem: Problem) -> str:
    """Of the game that a file holds: equal for JSON and NPZ, and wherever the file lies."""
    return content_fingerprint(problem.game, problem.types)


@functools.lru_cache(maxsize=4)
def table_of(key: GameKey, padded: bool, wanted: bool | None = None) -> RegionTable | None:
    """Regions of a game; padded, games of equal sizes mostly have tables of equal shape.

    Args:
      key: of the game.
      padded: whether to pad.
      wanted: `[run] table`: True, or an error; False: None; None: where it is soon made, else None.
    """
    problem = problem_of(key)
    if wanted is False:
        tables.require_optimistic(problem.ties, "table = false")
        return None
    table = (
        enumerate_regions(problem.game, ties=problem.ties)
        if wanted
        else tables.table_of(problem.game, problem.ties)
    )
    if table is None or not padded:
        return table
    # One region more than there are: that is how learners tell that their lists are to be padded too.
    return pad_table(table, rounded_up(table.padded_regions + 1, 16), rounded_up(table.padded_vertices, 8))


def flat(table: Table) -> dict[str, Any]:
    """Keys and values without nesting, a scenario's seed under a name of its own."""
    content = table.content()
    content |= content.pop("parameters", {})
    if not isinstance(table, RunSettings | LearnerSettings) and "seed" in content:
        content["game_seed"] = content.pop("seed")
    return content


def parameters_of(scenario: Scenario) -> str:
    """What tells a game that is not in a file from others."""
    content = flat(scenario)
    return json.dumps({k: v for k, v in content.items() if k not in ("name", "ties")}, sort_keys=True)
