"""What a person waits for: commands, each in a process of its own, with what pip leaves: compiled modules.

A run is played the first time, with no program in JAX's cache, and again, in turn.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from experiments.benchmarks.cases import Effort
from experiments.benchmarks.measure import ROOT, Timing
from experiments.benchmarks.report import Row

_SHORT = """
[run]
horizon = 100
runs = 10
learners = ["erm_joint"]

[[scenario]]
kind = "hard"
"""


def run(effort: Effort) -> Iterator[Row]:
    """Commands that answer at once, then `jaxstack run`, of the built-in spec if `effort` is full."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "short.toml").write_text(_SHORT)
        commands = _commands([] if effort.full else ["short.toml"])
        times: dict[str, list[tuple[float, float]]] = {what: [] for what in commands}
        for turn in range(-1, effort.repeats):  # the turn before the first compiles modules
            for what, words in commands.items():
                taken = _timed([word.format(turn=turn) for word in words], folder, f"{turn}-programs")
                times[what] += [taken] * (turn >= 0)
    for what, each in times.items():
        wall, cpu = map(list, zip(*each, strict=True))
        yield Row("waiting", "main job" if effort.full else "short job", what, Timing(0.0, wall, cpu))


def _commands(spec: list[str]) -> dict[str, list[str]]:
    """Words after `python`, by what is timed; "{turn}" stands for the number of the turn."""
    job = ["-m", "jaxstack", "run", *spec, "--out"]
    return {
        "import": ["-c", "import jaxstack as js; js.simulate"],
        "--help": ["-m", "jaxstack", "--help"],
        "run --dry-run": [*job, "planned", "--dry-run"],
        "run, first time": [*job, "{turn}-first"],
        "run, again": [*job, "{turn}-again"],
    }


def _timed(words: list[str], folder: Path, programs: str) -> tuple[float, float]:
    """Wall and processor seconds of Python with these words; what it writes goes to `folder`.

    Raises:
      RuntimeError: the command failed.
    """
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=_environment(folder, folder / programs),
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stderr[-4000:]}")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, processor


def _environment(folder: Path, programs: Path) -> Mapping[str, str]:
    """That of a person who has just installed: compiled modules, and a cache with these programs alone."""
    own = {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(folder / "modules")}
    own |= {"XDG_CACHE_HOME": str(programs), "MPLCONFIGDIR": str(folder / "matplotlib")}
    others = ("PYTHONDONTWRITEBYTECODE", "JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE")
    return {name: value for name, value in os.environ.items() if name not in others} | own
