"""Peak memory of a simulation in a process of its own: linear in runs held at once, independent of T."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.benchmarks.cases import Effort
from experiments.benchmarks.measure import Timing, run_apart
from experiments.benchmarks.report import Row
from experiments.benchmarks.setting import SMALL, describe


def run(effort: Effort, sizes: tuple[tuple[int, int], ...] | None = None) -> Iterator[Row]:
    """region_ucb at growing (runs, rounds)."""
    claimed = ((1_000, 1_000), (100_000, 1_000), (100_000, 100_000))
    for runs, rounds in sizes or (claimed if effort.full else ((10_000, 1_000),)):
        result = run_apart("simulate", "region_ucb", runs, rounds)
        added = (result["peak_bytes"] - result["idle_bytes"]) / 2**20
        yield Row(
            "memory",
            f"region_ucb {describe(SMALL)}, {runs:,} runs x {rounds:,} rounds",
            "runs not kept",
            Timing(result["compile_seconds"], [result["seconds"] - result["compile_seconds"]], []),
            float(runs * rounds),
            peak_bytes=result["peak_bytes"],
            note=f"{added:,.0f} MiB more than before simulate()",
        )
