"""What every test file relies on: four CPU devices, small games, and a count of compilations."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from jaxstack import Game, JointTypes, RegionTable, TabularPayoff, cache_programs, enumerate_regions

# Importing jaxstack uses no device, so these still count.
jax.config.update("jax_platforms", os.environ.get("JAX_PLATFORMS") or "cpu")
jax.config.update("jax_num_cpu_devices", 4)
# Nothing comes from, or goes to, the user's home; what one process of this run has compiled, the others load.
_PROGRAMS = "PROGRAMS_OF_THIS_TEST_RUN"
if _PROGRAMS not in os.environ:  # processes of pytest-xdist inherit it
    os.environ[_PROGRAMS] = tempfile.mkdtemp(prefix="programs-")
    atexit.register(shutil.rmtree, os.environ[_PROGRAMS], ignore_errors=True)
jax.config.update("jax_enable_compilation_cache", True)
jax.config.update("jax_compilation_cache_dir", None)
cache_programs(os.environ[_PROGRAMS])
# Programs may be as strict as this: nothing in the package leans on silent broadcasts or promotions.
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
os.environ.setdefault("MPLBACKEND", "Agg")

_COMPILED: list[float] = []  # seconds of every compilation in this process


def _note_compilation(event: str, seconds: float, **_: Any) -> None:
    if event.endswith("backend_compile_duration"):
        _COMPILED.append(seconds)


jax.monitoring.register_event_duration_secs_listener(_note_compilation)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Learners that replan compile for long: one version of Python is enough to play them everywhere."""
    from jaxstack.learners import ROSTER

    replanning = {name for name, make in ROSTER.items() if make().replan is not None}
    for item in items:
        values = getattr(item, "callspec", None)
        if values and replanning & {value for value in values.params.values() if isinstance(value, str)}:
            item.add_marker(pytest.mark.once)


class Compilations:
    """Number of XLA compilations since the last `restart`."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self._before = len(_COMPILED)

    @property
    def count(self) -> int:
        return len(_COMPILED) - self._before


@pytest.fixture
def compilations() -> Compilations:
    return Compilations()


@pytest.fixture(autouse=True, scope="module")
def _room_for_programs() -> Iterator[None]:
    """Every compiled program takes some of the maps of memory that a process may have (65,530 on Linux)."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > 25_000:
        jax.clear_caches()


@pytest.fixture(autouse=True)
def _settings_stay() -> Iterator[None]:
    """A test that left a setting of JAX changed would decide over the tests after it."""
    names = ("jax_enable_x64", "jax_numpy_rank_promotion", "jax_numpy_dtype_promotion", "jax_debug_nans")
    before = {name: getattr(jax.config, name) for name in names}
    yield
    assert {name: getattr(jax.config, name) for name in names} == before


class Small(NamedTuple):
    """One game with all that a simulation of it takes."""

    game: Game
    types: JointTypes
    table: RegionTable


def small_game(seed: int) -> Small:
    """L = 3, n = 2, K = 2, A = 2; the leader's payoffs are multiples of 1/64 in [0, 1].

    Seed 1 gives 4 regions of at most 4 vertices, seed 8 gives 9 of at most 5.
    """
    rng = np.random.default_rng(seed)
    leader = TabularPayoff(rng.integers(65, size=(3, 2, 2)) / 64)
    game = Game(leader, rng.uniform(-1, 1, size=(2, 2, 3, 2)))
    return Small(game, JointTypes(rng.dirichlet(np.ones(4)).reshape(2, 2)), enumerate_regions(game))
