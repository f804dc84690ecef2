"""The hand-written loops of `loops.cu`, built by nvcc where there is one, and called through ctypes."""

from __future__ import annotations

import ctypes
import functools
import math
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.benchmarks.alias import alias_table
from experiments.benchmarks.setting import Setting

SOURCE = Path(__file__).with_name("loops.cu")
LEARNERS = ("region_ucb", "erm_joint")
_BLOCK = 8  # as in the source


def why_not() -> str | None:
    """What is missing to run the loops on a GPU, if anything."""
    if jax.default_backend() != "gpu":
        return "no GPU here"
    return (
        None if shutil.which("nvcc") else "nvcc is missing: install the CUDA toolkit to compare with CUDA C++"
    )


@functools.cache
def library(on_gpu: bool) -> ctypes.CDLL:
    """The compiled loops, for the GPU here or, to check them, for CPUs.

    Raises:
      RuntimeError: the compiler failed; the message holds what it said.
    """
    folder = tempfile.mkdtemp(prefix="jaxstack-loops-")
    target = str(Path(folder) / "loops.so")
    compiler = (
        ["nvcc", "-O3", "-arch=native", "--extended-lambda", "-Xcompiler", "-fPIC", "-x", "cu"]
        if on_gpu
        else ["c++", "-O2", "-std=c++17", "-fPIC", "-x", "c++"]
    )
    command = [*compiler, "-shared", "-o", target, str(SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-4000:]}")
    return ctypes.CDLL(target)


def prepare(
    name: str, setting: Setting, horizon: int, num_runs: int, on_gpu: bool = True
) -> Callable[[int], np.ndarray]:
    """A function seed -> final regret [S] of `horizon` rounds, with all its tables made.

    Args:
      name: of a learner in `LEARNERS`.
      setting: the game; L in 2..4.
      horizon, num_runs: T, S.
      on_gpu: False runs the same loops on one core.
    """
    loops, memory = library(on_gpu), _Memory(on_gpu)
    probability, alias = alias_table(setting.probabilities)
    drawn = (memory.given(probability), memory.given(alias), len(alias))
    out = memory.empty((num_runs,), np.float64)
    sizes = (ctypes.c_int64(num_runs), ctypes.c_int64(horizon))
    if name == "region_ucb":
        regions, _, leader = setting.payoffs.shape
        corners, blocks = setting.vertices.shape[1], -(-regions // _BLOCK)
        visits = np.maximum(np.arange(horizon + 1), 1)
        radius = np.sqrt(4 * (leader + 1) * math.log(3 * horizon) / visits)
        tables = [setting.payoffs, setting.vertices, setting.num_vertices, setting.gap, radius]
        given = [memory.given(t if t.dtype == np.int32 else t.astype(np.float32)) for t in tables]
        floats = [
            memory.empty((k, num_runs), np.float32) for k in (regions * leader, blocks * _BLOCK, blocks)
        ]
        integers = [memory.empty((regions, num_runs), np.int32) for _ in range(2)]
        rest = (*given, regions, corners, *floats, *integers, out)

        def call(seed: int) -> int:
            return int(loops.run_region_ucb(leader, ctypes.c_uint64(seed), *sizes, *drawn, *rest))

    else:
        values, gap = setting.values.T.astype(np.float32), setting.gap[setting.candidate].astype(np.float32)
        score = memory.empty((len(gap), num_runs), np.float32)
        of_candidates = (memory.given(np.ascontiguousarray(values)), memory.given(gap), len(gap), score)

        def call(seed: int) -> int:
            return int(loops.run_erm_joint(ctypes.c_uint64(seed), *sizes, *drawn, *of_candidates, out))

    def run(seed: int) -> np.ndarray:
        error = call(seed)
        if error:
            raise RuntimeError(f"the CUDA loop of {name} failed: error {error}")
        return memory.read(out)

    return run


class _Memory:
    """Arrays where the loops read and write: JAX's own on a GPU, NumPy's on a CPU, kept as long as this."""

    def __init__(self, on_gpu: bool) -> None:
        self._on_gpu = on_gpu
        self._arrays: dict[int, Any] = {}

    def given(self, array: np.ndarray) -> ctypes.c_void_p:
        """A copy of an array."""
        if self._on_gpu:
            with jax.enable_x64(True):
                placed = jax.block_until_ready(jax.device_put(array))
            return self._kept(placed, placed.unsafe_buffer_pointer())
        array = np.ascontiguousarray(array)
        return self._kept(array, array.ctypes.data)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> ctypes.c_void_p:
        """Room for an array."""
        return self.given(np.zeros(shape, dtype))

    def read(self, pointer: ctypes.c_void_p) -> np.ndarray:
        """What is there now."""
        array = self._arrays[int(pointer.value or 0)]
        # JAX believes that its arrays never change, and would hand out the copy that it has made before.
        return np.array(array) if not self._on_gpu else np.asarray(jax.numpy.copy(array))

    def _kept(self, array: Any, address: int) -> ctypes.c_void_p:
        self._arrays[address] = array
        return ctypes.c_void_p(address)
