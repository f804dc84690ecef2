"""Calls of `jaxstack.simulate` as contestants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

import jaxstack as js

LEARNERS = ("erm_joint", "erm_product", "region_ucb", "oful")
SPAN = 128  # fewest rounds worth timing


def simulation(
    learner: str, game: js.Game, types: Any, num_runs: int, **options: Any
) -> Callable[[int], js.RegretCurve]:
    """A function T -> curve of `simulate` with these options; moments only, at the default checkpoints."""
    options.setdefault("table", js.enumerate_regions(game))

    def call(horizon: int) -> js.RegretCurve:
        return js.simulate(
            jax.random.key(0),
            game,
            types,
            js.learners.by_name(learner),
            horizon=horizon,
            num_runs=num_runs,
            keep_runs=False,
            **options,
        )

    return call


def cpu_devices() -> list[jax.Device]:
    """The host devices: one per core where this was set up before JAX started."""
    return list(jax.local_devices(backend="cpu"))
