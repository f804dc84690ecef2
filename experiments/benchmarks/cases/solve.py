"""The optimal commitment for a known distribution of types, four ways, on growing games."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import jaxstack as js
from experiments.benchmarks.cases import Effort
from experiments.benchmarks.measure import alternate
from experiments.benchmarks.report import Row, compare
from experiments.benchmarks.setting import Sizes, describe, random_game

GROWING: tuple[Sizes, ...] = (
    (2, 2, 2, 2),
    (3, 2, 3, 2),
    (3, 2, 4, 2),
    (3, 3, 3, 2),
    (3, 3, 4, 3),
    (4, 2, 4, 3),
)


def run(effort: Effort, games: Sequence[Sizes] | None = None) -> Iterator[Row]:
    """Looking up in a table that is there, enumerating it first, a linear program per region, one MILP."""
    for sizes in games or (GROWING if effort.full else GROWING[1:3]):
        game, types = random_game(sizes)
        table = js.enumerate_regions(game)
        contestants = {
            "look up": functools.partial(js.solve, game, types, table=table),
            "enumerate, look up": functools.partial(js.solve, game, types),
            "LP per region": functools.partial(js.solve, game, types, method="programs"),
            "one MILP": functools.partial(js.solve, game, types, method="milp"),
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
