"""Calls of `jaxstack.simulate` as contestants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import jaxstack as js

LEARNERS = ("erm_joint", "erm_product", "region_ucb", "oful")
SPAN = 128  # fewest rounds worth timing


def simulation(
    learner: str, game: js.Game, types: Any, num_runs: int, num_checkpoints: int = 1, **options: Any
) -> Callable[[int], js.RegretCurve]:
    """A function T -> curve of `simulate` with these options; moments only.

    Checkpoints are evenly spaced on a logarithmic axis from T / 1000 to T: equally many whatever T (from 1000
    on), so that another T never compiles.
    """
    options.setdefault("table", js.enumerate_regions(game))

    def call(horizon: int) -> js.RegretCurve:
        return js.simulate(
            jax.random.key(0),
            game,
            types,
            js.learners.by_name(learner),
            horizon=horizon,
            num_runs=num_runs,
            checkpoints=np.rint(np.geomspace(horizon, horizon / 1000, num_checkpoints)),
            keep_runs=False,
            **options,
        )

    return call


def cpu_devices() -> list[jax.Device]:
    """The host devices: one per core where this was set up before JAX started."""
    return list(jax.local_devices(backend="cpu"))
