"""Rounds x runs per second of the posterior learners by size, and of learners that see types beside them."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jaxstack as js
from experiments.benchmarks.cases import Effort
from experiments.benchmarks.measure import alternate, calibrate
from experiments.benchmarks.report import Row, compare
from experiments.benchmarks.setting import Sizes, describe
from experiments.benchmarks.simulation import cpu_devices, simulation


class Size(NamedTuple):
    """A random game, who plays it beside whom, and for how long: runs on each device, whole tiles of them.

    Epochs grow with rounds: at shorter horizons planning takes more of the time.
    """

    sizes: Sizes
    num_runs: int
    horizon: int = 100_000
    learner: str = "shared_posterior"
    beside: str = "erm_joint"
    payoff: str = "tabular"
    types: str = "joint"


GAMES: tuple[Size, ...] = (
    Size((2, 2, 3, 2), 256),  # J = 9
    Size((3, 3, 3, 2), 256),  # 27
    Size((2, 3, 4, 2), 256),  # 64
    Size((3, 6, 4, 2), 2, 30_000),  # 4,096
    Size((2, 200, 2, 2), 8, 1_000, "marginal_posterior", "erm_product", "separable", "independent"),
    Size((2, 200, 2, 2), 8, 300, "marginal_posterior", "erm_product", "anonymous", "independent"),
)
SMALL = 2_000  # rounds of a look


def run(effort: Effort, games: Sequence[Size] = GAMES) -> Iterator[Row]:
    """Both learners on all host devices, up to the same round."""
    devices = cpu_devices()
    for of_game in games if effort.full else games[:1]:
        horizon = of_game.horizon if effort.full else SMALL
        L, n, K, A = of_game.sizes
        game, types = js.scenarios.random_game(0, L, n, K, A, payoff=of_game.payoff, types=of_game.types)
        table, num_runs = js.enumerate_regions(game), of_game.num_runs * len(devices)
        calls = {
            name: simulation(name, game, types, num_runs, table=table, devices=devices)
            for name in (of_game.learner, of_game.beside)
        }
        # A few rounds compile as much as many.
        compiled = {name: calibrate(0.0, call, 8).compile for name, call in calls.items()}
        contestants = {name: functools.partial(call, horizon) for name, call in calls.items()}
        timings = alternate(contestants, 1 if effort.full else effort.repeats, compiled)
        size = f"J = {K**n:,}" if of_game.learner == "shared_posterior" else f"n = {n}, {of_game.payoff}"
        subject = f"{size}, {describe(of_game.sizes, table.num_regions)}, T = {horizon:,}"
        yield from compare("posterior", subject, timings, float(horizon * num_runs))
