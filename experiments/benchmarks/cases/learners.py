"""Rounds x runs per second of each learner against hand-written loops."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import jaxstack as js
from experiments.benchmarks import numpy_loops
from experiments.benchmarks.cases import Effort
from experiments.benchmarks.measure import alternate, calibrate, num_cores
from experiments.benchmarks.report import Row, compare
from experiments.benchmarks.setting import GAMES, Sizes, describe, make_setting, random_game
from experiments.benchmarks.simulation import LEARNERS, SPAN, cpu_devices, simulation

RUNS_PER_CORE = {"erm_joint": 1024, "erm_product": 1024, "region_ucb": 1024, "oful": 128}
QUICK_IN_ALL_GAMES = ("erm_joint", "region_ucb")  # a quick look takes the others in the middle game alone
HAS_NUMBA = importlib.util.find_spec("numba") is not None


def run(effort: Effort, games: Sequence[Sizes] = GAMES, learners: Sequence[str] = LEARNERS) -> Iterator[Row]:
    """jaxstack on all host devices, the parallel numba loop, and a NumPy loop over a single run."""
    devices = cpu_devices()
    for sizes in games:
        game, types = random_game(sizes)
        table = js.enumerate_regions(game)
        setting = make_setting(game, types, table)
        for learner in learners:
            if not effort.full and sizes != games[len(games) // 2] and learner not in QUICK_IN_ALL_GAMES:
                continue
            num_runs = RUNS_PER_CORE[learner] * num_cores()
            ours = simulation(learner, game, types, num_runs, table=table, devices=devices)
            plan = calibrate(effort.seconds, ours, SPAN)
            name = f"jaxstack, {len(devices)} device(s)"
            contestants: dict[str, Callable[[], Any]] = {name: functools.partial(ours, plan.rounds)}
            work = {name: float(num_runs * plan.rounds)}
            if HAS_NUMBA:
                from experiments.benchmarks import numba_loops

                loop = numba_loops.prepare(learner, setting, plan.rounds)
                contestants["numba"] = functools.partial(loop, 0, num_runs)
                work["numba"] = work[name]
            plain, rng = numpy_loops.LOOPS[learner], np.random.default_rng(0)
            rounds = calibrate(effort.seconds / 4, functools.partial(plain, setting, rng), 20, 100_000).rounds
            contestants["NumPy, one run"] = functools.partial(plain, setting, rng, rounds)
            work["NumPy, one run"] = float(rounds)
            timings = alternate(contestants, effort.repeats, {name: plan.compile})
            yield from compare(
                "learners",
                f"{learner} {describe(sizes, table.num_regions)}",
                timings,
                work,
                versus="numba" if HAS_NUMBA else "NumPy, one run",
                notes={
                    name: f"{num_runs:,} runs x {plan.rounds:,}",
                    "NumPy, one run": f"{rounds:,} rounds",
                    **({} if HAS_NUMBA else {name: "numba is missing: pip install 'jaxstack[bench]'"}),
                },
            )
