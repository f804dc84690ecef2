"""What a round of region UCB costs as regions grow in number."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np

import jaxstack as js
from experiments.benchmarks.cases import Effort
from experiments.benchmarks.measure import alternate, calibrate, num_cores
from experiments.benchmarks.report import Row, compare
from experiments.benchmarks.setting import random_followers
from experiments.benchmarks.simulation import SPAN, cpu_devices, simulation

NUM_TYPES = (2, 5, 12, 40, 135)  # about 4, 16, 100, 1,000 and 10,000 regions
SEED = 10
RUNS_PER_CORE = 128


def run(effort: Effort) -> Iterator[Row]:
    """L = 3, n = 2, A = 2, independent types, K growing; so does, a little, what drawing the types costs."""
    num_runs = RUNS_PER_CORE * num_cores()
    calls, compiled, work = {}, {}, {}
    for num_types in NUM_TYPES if effort.full else NUM_TYPES[::2]:
        game = random_followers((3, 2, num_types, 2), SEED)
        table = js.enumerate_regions(game)
        types = js.IndependentTypes(np.full((2, num_types), 1 / num_types))
        call = simulation("region_ucb", game, types, num_runs, table=table, devices=cpu_devices())
        plan = calibrate(effort.seconds, call, SPAN)
        name = f"R = {int(table.num_regions):,} (K = {num_types})"
        calls[name], compiled[name] = functools.partial(call, plan.rounds), plan.compile
        work[name] = float(num_runs * plan.rounds)
    names = list(calls)
    yield from compare(
        "regions",
        f"region_ucb L = 3, n = 2, {num_runs:,} runs",
        alternate(calls, effort.repeats, compiled),
        work,
        versus=next(name for name in names if f"K = {NUM_TYPES[2]}" in name),
    )
