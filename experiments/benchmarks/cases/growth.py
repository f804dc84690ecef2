"""What a round of each learner costs as one size of the problem grows."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jaxstack as js
from experiments.benchmarks.cases import Effort
from experiments.benchmarks.measure import alternate, calibrate, num_cores
from experiments.benchmarks.report import Row, compare
from experiments.benchmarks.setting import random_game
from experiments.benchmarks.simulation import LEARNERS, SPAN, cpu_devices, simulation


class Point(NamedTuple):
    """One size of everything; the seed picks a game with more or fewer regions."""

    L: int = 3
    n: int = 2
    K: int = 3
    A: int = 2
    seed: int = 0
    runs_per_core: int = 512
    rounds: int = 1024


BASE = Point()  # 7 regions
GROWING: Mapping[str, Sequence[Any]] = {
    "R": (3, 0, 20),  # seeds of games with 15, 7 and 4 regions
    "S": (2048, 512, 64),  # runs per core
    "n": (4, 3, 2, 1),
    "K": (8, 5, 3),
    "L": (5, 4, 3, 2),
    "T": (65536, 8192, 1024),
}
LONGEST = 30.0  # seconds of a call that is still made
QUICK_LOOK = {**GROWING, "T": (8192,)}
FIELDS = {"R": "seed", "S": "runs_per_core", "T": "rounds"}


def run(
    effort: Effort, learners: Sequence[str] | None = None, growing: Mapping[str, Sequence[Any]] | None = None
) -> Iterator[Row]:
    """One letter at a time from L = 3, n = 2, K = 3, A = 2; the number of regions follows L, n and K."""
    if growing is None:
        growing = GROWING if effort.full else {letter: values[:1] for letter, values in QUICK_LOOK.items()}
    for learner in learners or (LEARNERS if effort.full else ("region_ucb",)):
        for letter, values in growing.items():
            points = [BASE._replace(**{FIELDS.get(letter, letter): value}) for value in values]
            points = list(dict.fromkeys([*points, BASE]))
            yield from _compare_points(effort, learner, letter, points)


def _compare_points(effort: Effort, learner: str, letter: str, points: Sequence[Point]) -> Iterator[Row]:
    """Points in turn; the last is the one that the others are compared with."""
    calls, compiled, work, notes, refused = {}, {}, {}, {}, []
    subject = f"{learner}, {letter} grows"
    rate = 0.0  # of the last point that was run
    for point in reversed(points):
        game, types = random_game(point[:4], point.seed)
        table = js.enumerate_regions(game)
        num_runs = point.runs_per_core * num_cores()
        sizes = {"R": int(table.num_regions), "S": num_runs, "T": point.rounds}
        name = f"{letter} = {sizes[letter] if letter in sizes else getattr(point, letter):,}"
        call = simulation(learner, game, types, num_runs, table=table, devices=cpu_devices())
        rounds = point.rounds
        if letter == "T" and rate and num_runs * rounds / rate > LONGEST:
            refused.append(Row("growth", subject, name, note=f"not run: more than {LONGEST:g} s a call"))
            continue
        try:
            plan = calibrate(effort.seconds, call, SPAN)
        except MemoryError as error:
            refused.append(Row("growth", subject, name, note=str(error)))
            continue
        rate = num_runs * plan.rounds / effort.seconds
        rounds = point.rounds if letter == "T" else plan.rounds
        calls[name], compiled[name] = functools.partial(call, rounds), plan.compile
        work[name] = float(num_runs * rounds)
        notes[name] = f"R = {int(table.num_regions):,}; {num_runs:,} runs x {rounds:,}"
    calls = dict(reversed(calls.items()))
    timings = alternate(calls, effort.repeats, compiled)
    yield from compare("growth", subject, timings, work, notes=notes)
    yield from refused
