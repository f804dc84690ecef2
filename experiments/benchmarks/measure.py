"""Taking times in turn, peak memory of a process of its own, and what hardware it was."""

from __future__ import annotations

import dataclasses
import functools
import gc
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).parents[2]
PACKAGES = ("jaxstack", "jax", "jaxlib", "numpy", "scipy", "numba")


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds of one contestant.

    Attributes:
      compile: wall seconds that the very first call took longer than a typical one (0: nothing to compile).
      wall, cpu: wall and processor seconds of each steady call.
    """

    compile: float
    wall: list[float]
    cpu: list[float]

    @property
    def median(self) -> float:
        """Wall seconds of a typical call."""
        return float(np.median(self.wall))


def alternate(
    contestants: Mapping[str, Callable[[], Any]], repeats: int, compiled: Mapping[str, float] | None = None
) -> dict[str, Timing]:
    """Each contestant called once to warm up, then all in turn (A B A B ..), `repeats` times.

    A contestant must block until its result is there. `compiled` names the seconds of compilation of those
    that were called before; they need no warming up.
    """
    compiled = compiled or {}
    first = {name: _timed(call)[0] for name, call in contestants.items() if name not in compiled}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, call in contestants.items():
            times[name].append(_timed(call))
    timings = {}
    for name in contestants:
        wall, cpu = map(list, zip(*times[name], strict=True))
        extra = compiled[name] if name in compiled else first[name] - float(np.median(wall))
        timings[name] = Timing(max(0.0, extra), wall, cpu)
    return timings


class Calibration(NamedTuple):
    """How many rounds to play, and what compiling took."""

    rounds: int
    compile: float


def speed_ratio(timing: Timing, other: Timing, work: float = 1.0, other_work: float = 1.0) -> float:
    """How many times the work per second `timing` does: the median of the ratios of neighbouring repeats."""
    ratios = [theirs / ours for ours, theirs in zip(timing.wall, other.wall, strict=True)]
    return float(np.median(ratios)) * work / other_work


def calibrate(seconds: float, call: Callable[[int], Any], start: int, most: int = 1 << 27) -> Calibration:
    """The number of rounds T, in start..most, for which `call(T)` takes about `seconds`."""
    first, _ = _timed(lambda: call(start))
    rounds, (took, _) = start, _timed(lambda: call(start))
    compile_seconds = max(0.0, first - took)
    while took < seconds / 4 and rounds < most:  # short calls are mostly overhead: no far extrapolation
        rounds = min(most, rounds * int(np.clip(seconds / 2 / took, 2, 16)))
        took, _ = _timed(functools.partial(call, rounds))
    return Calibration(int(np.clip(rounds * seconds / took, start, most)), compile_seconds)


def run_apart(function: str, *arguments: Any) -> dict[str, Any]:
    """What `function(*arguments)` of `probes.py` returns in a process of its own.

    Returns:
      Its numbers, with "idle_bytes" and "peak_bytes": largest resident size before the work, and ever.
    """
    command = [sys.executable, "-m", "experiments.benchmarks.probes", function, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hardware() -> dict[str, Any]:
    """What the numbers depend on: processor, memory, accelerator, versions, and how busy the machine was."""
    import jax
    import psutil

    gpus = [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    return {
        "processor": _processor(),
        "cores": num_cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "accelerator": ", ".join(gpus) or "none",
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def version(package: str) -> str:
    """Installed version, or "missing"."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _timed(call: Callable[[], Any]) -> tuple[float, float]:
    """Wall and processor seconds of a call; what an earlier one left behind is not charged to it."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def _processor() -> str:
    """Model name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
