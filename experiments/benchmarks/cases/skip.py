"""Skipping ahead over the rounds in which ERM cannot change its mind, against playing every round."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jaxstack as js
from experiments.benchmarks.cases import Effort
from experiments.benchmarks.measure import alternate, num_cores
from experiments.benchmarks.report import Row, compare
from experiments.benchmarks.setting import GAMES, SMALL, Sizes, describe, random_game
from experiments.benchmarks.simulation import cpu_devices, simulation

SKIPPED = "skip ahead"
PLAYED = "round by round"
WARM_UP = 1_000  # rounds; compiles


def run(effort: Effort) -> Iterator[Row]:
    """erm_joint at growing horizons: where the two cross, and how far skipping reaches."""
    num_runs = 1_000 if effort.full else 256
    last_played, exponents = (6, range(4, 10)) if effort.full else (4, (4, 9))
    yield from _horizons(SMALL, num_runs, exponents, last_played)
    if effort.full:  # T = 10^8 both ways, in the cheapest game
        yield from _horizons(GAMES[0], 8 * num_cores(), (8,), 8)


def _horizons(sizes: Sizes, num_runs: int, exponents: Iterable[int], last_played: int) -> Iterator[Row]:
    """T = 10^exponent, round by round too up to 10^last_played."""
    game, types = random_game(sizes)
    table = js.enumerate_regions(game)
    shared: dict[str, Any] = {"table": table, "num_checkpoints": 16}
    skipping = simulation("erm_joint", game, types, num_runs, skip_ahead=True, **shared)
    playing = simulation("erm_joint", game, types, num_runs, devices=cpu_devices(), **shared)
    for exponent in exponents:
        horizon = 10**exponent
        contestants: dict[str, Callable[[], Any]] = {SKIPPED: functools.partial(skipping, horizon)}
        skipping(WARM_UP)
        if exponent <= last_played:
            contestants[PLAYED] = functools.partial(playing, horizon)
            playing(WARM_UP)
        timings = alternate(contestants, 1 if exponent > 4 else 3, compiled=dict.fromkeys(contestants, 0.0))
        subject = f"erm_joint {describe(sizes, table.num_regions)}, {num_runs:,} runs, T = 10^{exponent}"
        yield from compare("skip", subject, timings, float(num_runs * horizon))
