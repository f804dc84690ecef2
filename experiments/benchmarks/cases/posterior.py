"""Rounds x runs per second of `shared_posterior` by joint types, and of `erm_product` on the same games."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import jaxstack as js
from experiments.benchmarks.cases import Effort
from experiments.benchmarks.measure import alternate
from experiments.benchmarks.report import Row, compare
from experiments.benchmarks.setting import Sizes, describe, random_game
from experiments.benchmarks.simulation import cpu_devices, simulation

GAMES: tuple[Sizes, ...] = ((2, 2, 3, 2), (3, 3, 3, 2), (2, 3, 4, 2))  # J = 9, 27, 64
HORIZON = 100_000  # epochs grow with rounds: at shorter horizons planning takes more of the time
LEARNERS = ("shared_posterior", "erm_product")


def run(effort: Effort, games: Sequence[Sizes] = GAMES) -> Iterator[Row]:
    """Both learners on all host devices, up to the same round."""
    horizon, num_runs = (HORIZON, 256) if effort.full else (2_000, 64)
    devices = cpu_devices()
    for sizes in games if effort.full else games[:1]:
        game, types = random_game(sizes)
        table = js.enumerate_regions(game)
        contestants = {
            name: functools.partial(
                simulation(name, game, types, num_runs * len(devices), table=table, devices=devices), horizon
            )
            for name in LEARNERS
        }
        timings = alternate(contestants, effort.repeats)
        work = float(horizon * num_runs * len(devices))
        subject = f"J = {game.num_joint_types}, {describe(sizes, table.num_regions)}, T = {horizon:,}"
        yield from compare("posterior", subject, timings, work)
