"""What sharding runs over host devices brings."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from experiments.benchmarks.cases import Effort
from experiments.benchmarks.measure import alternate, calibrate, num_cores
from experiments.benchmarks.report import Row, compare
from experiments.benchmarks.setting import GAMES, describe, random_game
from experiments.benchmarks.simulation import SPAN, cpu_devices, simulation


def run(effort: Effort) -> Iterator[Row]:
    """The same runs on one host device, on two, and on all."""
    devices, num_runs = cpu_devices(), 1024 * num_cores()
    counts = sorted({1, 2, len(devices)} & set(range(1, len(devices) + 1)))
    for sizes in GAMES if effort.full else GAMES[1:2]:
        game, types = random_game(sizes)
        for learner in ("region_ucb", "erm_joint") if effort.full else ("region_ucb",):
            calls = {
                f"{count} device(s)": simulation(learner, game, types, num_runs, devices=devices[:count])
                for count in counts
            }
            plans = {name: calibrate(effort.seconds, call, SPAN) for name, call in calls.items()}
            rounds = max(plan.rounds for plan in plans.values())
            timings = alternate(
                {name: functools.partial(call, rounds) for name, call in calls.items()},
                effort.repeats,
                {name: plan.compile for name, plan in plans.items()},
            )
            yield from compare(
                "devices",
                f"{learner} {describe(sizes)}",
                timings,
                float(num_runs * rounds),
                versus="1 device(s)",
                notes=dict.fromkeys(timings, f"{num_runs:,} runs x {rounds:,}"),
            )
