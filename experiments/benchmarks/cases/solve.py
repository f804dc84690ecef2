"""The optimal commitment for a known distribution of types, five ways, on growing games."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import numpy as np

import jaxstack as js
from experiments.benchmarks.cases import Effort
from experiments.benchmarks.measure import alternate
from experiments.benchmarks.report import Row, compare
from experiments.benchmarks.setting import Sizes, describe, random_followers, random_game

GROWING: tuple[Sizes, ...] = (
    (2, 2, 2, 2),
    (3, 2, 3, 2),
    (3, 2, 4, 2),
    (3, 3, 3, 2),
    (3, 3, 4, 3),
    (4, 2, 4, 3),
)

PAST_TABLES: tuple[Sizes, ...] = ((10, 3, 3, 3), (20, 3, 3, 3), (20, 5, 3, 3), (50, 5, 3, 3))


def run(effort: Effort, games: Sequence[Sizes] | None = None) -> Iterator[Row]:
    """Looking up in a table that is there, enumerating it first, programs, one MILP, and walk."""
    for sizes in games or (GROWING if effort.full else GROWING[1:3]):
        game, types = random_game(sizes)
        table = js.enumerate_regions(game)
        contestants = {
            "look up": functools.partial(js.solve, game, types, table=table),
            "enumerate, look up": functools.partial(js.solve, game, types),
            "LP per region": functools.partial(js.solve, game, types, method="programs"),
            "one MILP": functools.partial(js.solve, game, types, method="milp"),
            "local search": functools.partial(js.solve, game, types, method="walk"),
        }
        values = {name: float(call().value) for name, call in contestants.items()}
        best = values["look up"]
        yield from compare(
            "solve",
            describe(sizes, table.num_regions),
            alternate(contestants, effort.repeats),
            1.0,
            "games",
            versus="LP per region",
            notes={
                name: f"value off by {value - best:.0e}" for name, value in values.items() if value != best
            },
        )
    if games is None:
        yield from past_tables(effort, PAST_TABLES if effort.full else PAST_TABLES[:1])


def past_tables(effort: Effort, games: Sequence[Sizes]) -> Iterator[Row]:
    """One MILP and the local search where no table fits; separable payoffs, independent types."""
    for sizes in games:
        game = random_followers(sizes)
        types = js.IndependentTypes(np.random.default_rng(1).dirichlet(np.ones(sizes[2]), size=sizes[1]))
        contestants = {
            "one MILP": functools.partial(js.solve, game, types, method="milp", time_limit=60),
            "local search": functools.partial(js.solve, game, types, method="walk"),
        }
        solutions = {name: call() for name, call in contestants.items()}
        best = max(float(solution.value) for solution in solutions.values())
        gaps = {name: best - float(solution.value) for name, solution in solutions.items()}
        yield from compare(
            "solve past tables",
            describe(sizes),
            alternate(contestants, effort.repeats),
            1.0,
            "games",
            versus="one MILP",
            notes={name: f"value off by {gap:.0e}" for name, gap in gaps.items() if gap > 1e-9},
        )
