"""What is measured in a process of its own: `python -m experiments.benchmarks.probes FUNCTION ARGUMENTS`."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from experiments.benchmarks import measure


def simulate(learner: str, num_runs: str, horizon: str) -> dict[str, Any]:
    """Regret moments of a learner on the small game, runs not kept."""
    import jax

    jax.config.update("jax_num_cpu_devices", measure.num_cores())
    import jaxstack as js
    from experiments.benchmarks.setting import SMALL, random_game

    game, types = random_game(SMALL)
    table = js.enumerate_regions(game)
    idle = peak_bytes()
    began = time.perf_counter()
    curve = js.simulate(
        jax.random.key(0),
        game,
        types,
        js.learners.by_name(learner),
        horizon=int(horizon),
        num_runs=int(num_runs),
        table=table,
        keep_runs=False,
    )
    return {
        "idle_bytes": idle,
        "seconds": time.perf_counter() - began,
        "compile_seconds": curve.seconds["compile"],
        "regret": float(curve.mean[-1]),
        "stderr": float(curve.stderr[-1]),
    }


def enumerate_regions(L: str, n: str, K: str, A: str) -> dict[str, Any]:
    """Regions of one random game."""
    import jaxstack as js
    from experiments.benchmarks.setting import random_followers

    game = random_followers((int(L), int(n), int(K), int(A)))
    idle = peak_bytes()
    began = time.perf_counter()
    table = js.enumerate_regions(game)
    seconds = time.perf_counter() - began
    return {
        "idle_bytes": idle,
        "seconds": seconds,
        "regions": int(table.num_regions),
        "table_bytes": table.nbytes,
    }


def peak_bytes() -> int:
    """Largest resident size of this program so far.

    On Linux not `ru_maxrss`: a process inherits that of the one that forked it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        kilobytes = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(kilobytes.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


PROBES = {probe.__name__: probe for probe in (simulate, enumerate_regions)}

if __name__ == "__main__":
    result = PROBES[sys.argv[1]](*sys.argv[2:])
    print(json.dumps({**result, "peak_bytes": peak_bytes()}))
