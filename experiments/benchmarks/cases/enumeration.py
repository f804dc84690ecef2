"""Enumerating best-response regions, by geometry and by linear programs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import jaxstack as js
from experiments.benchmarks.cases import Effort
from experiments.benchmarks.measure import Timing, alternate, run_apart
from experiments.benchmarks.report import Row, compare
from experiments.benchmarks.setting import GAMES, SMALL, Sizes, describe, random_followers, random_game
from jaxstack.solvers import programs
from jaxstack.solvers.cells import Preferences
from tests.reference.regions import search as breadth_first

LARGE: tuple[Sizes, ...] = (
    (2, 1000, 3, 2),
    (3, 10, 50, 2),
    (4, 4, 4, 3),
    (4, 10, 10, 3),
    (5, 3, 3, 3),
    (5, 6, 6, 3),
    (6, 4, 4, 3),
)
APART: tuple[Sizes, ...] = ((3, 10, 50, 2), (4, 12, 12, 3), (5, 8, 8, 3))
OURS = "jaxstack"
BY_PROGRAMS = "LPs, with shortcuts"
BREADTH_FIRST = "breadth-first LPs"


def run(
    effort: Effort,
    compared: Sizes = GAMES[1],
    large: Sequence[Sizes] = LARGE,
    num_games: int = 2_000,
    apart: Sequence[Sizes] = APART,
) -> Iterator[Row]:
    """Against HiGHS; many hyperplanes, many followers, more leader actions; many games at once; memory."""
    yield from _against_programs(effort, compared)
    for sizes in large:
        game = random_followers(sizes)
        regions = int(js.enumerate_regions(game).num_regions)
        timings = alternate({OURS: functools.partial(js.enumerate_regions, game)}, effort.repeats)
        subject = f"{describe(sizes, regions)}"
        yield from compare("enumeration", subject, timings, float(regions), "regions")
    yield from _many_games(effort, num_games)
    for sizes in apart:
        result = run_apart("enumerate_regions", *sizes)
        yield Row(
            "enumeration",
            f"{describe(sizes, result['regions'])}, own process",
            OURS,
            Timing(0.0, [result["seconds"]], []),
            result["regions"],
            "regions",
            peak_bytes=result["peak_bytes"],
            note=f"{result['idle_bytes'] / 2**20:,.0f} MiB before; "
            f"the table {result['table_bytes'] / 2**20:,.1f} MiB",
        )


def _against_programs(effort: Effort, sizes: Sizes) -> Iterator[Row]:
    """The paper's search for regions, which finds the response maps alone (no vertices).

    As the paper describes it, one program for every map that is tried; and as `solve(method="programs")` does
    it, which skips the programs whose outcome a known point of the region already tells.
    """
    game, _ = random_game(sizes)
    follower = np.asarray(game.follower)
    regions = int(js.enumerate_regions(game).num_regions)

    def search() -> None:
        found, _ = programs.response_maps(Preferences(game), "optimistic")
        assert len(found) == regions

    contestants: dict[str, Callable[[], Any]] = {
        OURS: functools.partial(js.enumerate_regions, game),
        BY_PROGRAMS: search,
        BREADTH_FIRST: functools.partial(breadth_first, follower),
    }
    timings = alternate(contestants, effort.repeats)
    yield from compare("enumeration", describe(sizes, regions), timings, float(regions), "regions")


def _many_games(effort: Effort, num_games: int) -> Iterator[Row]:
    """A stacked batch in one pass, against one game after the other."""
    games = [random_game(SMALL, seed)[0] for seed in range(num_games)]
    batch, few = js.stack(games), games[: max(1, num_games // 20)]

    def one_by_one() -> None:
        for game in few:
            js.enumerate_regions(game)

    contestants: dict[str, Callable[[], Any]] = {
        "all at once": functools.partial(js.enumerate_regions, batch),
        "one by one": one_by_one,
    }
    yield from compare(
        "enumeration",
        f"{describe(SMALL)}, {num_games:,} random games",
        alternate(contestants, effort.repeats),
        {"all at once": float(num_games), "one by one": float(len(few))},
        "games",
        notes={"one by one": f"{len(few):,} of them"},
    )
