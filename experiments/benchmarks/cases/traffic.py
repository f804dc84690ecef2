"""Kernels of a round, and the memory that they move, in programs compiled for an H100; no GPU is needed."""

from __future__ import annotations

from collections.abc import Iterator

import jaxstack as js
from experiments.benchmarks import h100
from experiments.benchmarks.cases import Effort
from experiments.benchmarks.report import Row, quantity
from experiments.benchmarks.setting import GAMES, describe, random_game
from experiments.benchmarks.simulation import LEARNERS

RUNS = 1 << 17


def run(effort: Effort) -> Iterator[Row]:
    """The learners of the paper on the games of the benchmarks: nothing is timed, for nothing runs.

    Where a state is larger than the card's cache, no round can take less than its memory needs.
    """
    reason = h100.why_not()
    if reason is not None:
        yield Row("traffic", ", ".join(LEARNERS), "compiled for an H100", note=reason)
        return
    for sizes in GAMES if effort.full else GAMES[:1]:
        game, types = random_game(sizes)
        table = js.enumerate_regions(game)
        for learner in LEARNERS:
            kernels = h100.kernels_of_a_round(h100.compiled_blocks(learner, game, types, table, RUNS))
            moved = sum(kernels.values())
            yield Row(
                "traffic",
                f"{learner} {describe(sizes, table.num_regions)}",
                f"compiled for an H100, {RUNS:,} runs",
                note=f"{len(kernels)} kernels a round, {quantity(moved / RUNS)}B a round and run: its memory "
                f"moves those of {quantity(h100.BANDWIDTH / moved * RUNS)} rounds x runs a second",
            )
