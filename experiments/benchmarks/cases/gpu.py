"""Rounds per second on a GPU against what its memory and its launches allow."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

import jaxstack as js
from experiments.benchmarks import cuda_loops
from experiments.benchmarks.cases import Effort
from experiments.benchmarks.measure import alternate, calibrate
from experiments.benchmarks.report import Row, compare, quantity, seconds
from experiments.benchmarks.setting import GAMES, describe, make_setting, random_game
from experiments.benchmarks.simulation import SPAN, simulation

HOW = (
    "no GPU here. On a machine with one: pip install 'jaxstack[cuda12,bench]', then "
    "python -m experiments.benchmarks --only gpu"
)


def run(effort: Effort, num_runs: Sequence[int] | None = None, anywhere: bool = False) -> Iterator[Row]:
    """region_ucb and erm_joint at growing numbers of runs, on one device, and CUDA C++ loops beside the most.

    The floor of a round is the time in which the device moves the bytes of state that a round must read or
    write. Launches of a round: its time at the fewest runs in units of a loop that launches one small kernel.
    """
    if jax.default_backend() != "gpu" and not anywhere:
        yield Row("gpu", "region_ucb, erm_joint", "jaxstack", note=HOW)
        return
    sizes = num_runs or ((10**3, 10**4, 10**5, 10**6) if effort.full else (10**3, 10**5))
    entries = 1 << 28 if effort.full or jax.default_backend() == "gpu" else 1 << 20
    bandwidth, launch = memory_bandwidth(entries), launch_seconds()
    device = jax.devices()[:1]
    yield Row(
        "gpu",
        "the device",
        str(device[0].device_kind),
        note=f"{quantity(bandwidth)}B/s streamed, {seconds(launch)} for a launch within a compiled loop; "
        f"CUDA C++ loops: {cuda_loops.why_not() or 'built by nvcc'}",
    )
    for game_sizes in GAMES:
        game, types = random_game(game_sizes)
        table = js.enumerate_regions(game)
        for learner in ("region_ucb", "erm_joint"):
            floor = bytes_touched(learner, game, table) / bandwidth  # seconds per round and run
            calls, plans, work, notes = {}, {}, {}, {}
            for runs in sizes:
                call = simulation(learner, game, types, runs, table=table, devices=device, batch_size=runs)
                name = f"{runs:,} runs"
                plans[name] = calibrate(effort.seconds, call, SPAN)
                calls[name] = functools.partial(call, plans[name].rounds)
                work[name] = float(runs * plans[name].rounds)
            if cuda_loops.why_not() is None:
                plan = plans[name]
                loop = cuda_loops.prepare(learner, make_setting(game, types, table), plan.rounds, runs)
                calls["CUDA C++"], work["CUDA C++"] = functools.partial(loop, 0), work[name]
                plans["CUDA C++"] = plan._replace(compile=0.0)
            timings = alternate(calls, effort.repeats, {name: plan.compile for name, plan in plans.items()})
            for name, timing in timings.items():
                per_round = timing.median / plans[name].rounds
                share = floor * work[name] / timing.median
                notes[name] = f"{seconds(per_round)} a round, {share:.1%} of the floor's speed"
                if name == next(iter(timings)):
                    notes[name] += f", as long as {per_round / launch:.0f} launches"
            subject = f"{learner} {describe(game_sizes, table.num_regions)}"
            versus = "CUDA C++" if "CUDA C++" in calls else next(iter(timings))
            yield from compare("gpu", subject, timings, work, versus=versus, notes=notes)


def bytes_touched(learner: str, game: js.Game, table: js.RegionTable) -> float:
    """Bytes of one run's state that any round must read or write, float32 and int32.

    region_ucb: the played region's row (sums and their errors, visits, best vertex, bound), read and written,
    and the bounds as a two-level maximum with blocks of 8. erm_joint: the counts of all joint types read, one
    of them written.
    """
    if learner == "region_ucb":
        row = 2 * game.num_leader_actions + 3
        return 4.0 * (2 * row + table.padded_regions / 8 + 8)
    return 4.0 * (game.num_joint_types + 1)


def memory_bandwidth(entries: int) -> float:
    """Bytes per second that an elementwise operation reads and writes."""
    step = jax.jit(lambda x: x * 1.0001 + 1.0)
    x = jnp.zeros(entries, jnp.float32)
    took = _fastest(lambda: step(x).block_until_ready())
    return 2 * x.nbytes / took


def launch_seconds(iterations: int = 10_000) -> float:
    """Seconds of an iteration of a compiled loop whose body is one small kernel."""

    @jax.jit
    def loop(x: jax.Array) -> jax.Array:
        return jax.lax.fori_loop(0, iterations, lambda i, x: jnp.sin(x) + i, x)

    x = jnp.zeros(1024, jnp.float32)
    return _fastest(lambda: loop(x).block_until_ready()) / iterations


def _fastest(call: Callable[[], object]) -> float:
    """Seconds of the fastest of five calls, after one to compile."""
    times = []
    for _ in range(6):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return float(np.min(times[1:]))
