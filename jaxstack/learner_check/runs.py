"""Runs and games that do not depend on what is computed beside them."""

from __future__ import annotations

import jax
import numpy as np

from jaxstack.learner_check.games import case_of, random_games
from jaxstack.learner_check.setting import Setting
from jaxstack.learner_check.telling import require
from jaxstack.simulation import tile_size
from jaxstack.simulation.trace import trace_run


def check_runs(setting: Setting) -> None:
    """A run does not read another, and is the same to the last bit whatever devices there are."""
    name, case, setup = setting.learner.name, setting.cases[0], setting.setup(setting.cases[0])
    for run in range(setting.num_runs):
        played, beside_others = (
            trace_run(setup, run, setting.horizon, other_neighbours=others) for others in (False, True)
        )
        choices = zip(jax.tree.leaves(played.choice), jax.tree.leaves(beside_others.choice), strict=True)
        for ours, theirs in choices:
            wrong = np.flatnonzero((ours != theirs).reshape(len(ours), -1).any(axis=1))
            require(
                not len(wrong),
                f"{name}: a run must not read another, but in round {wrong[:1] + 1} of run {run} "
                f"({case.name}) it plays something else when other runs are computed beside it.",
            )
        states = zip(jax.tree.leaves(played.state), jax.tree.leaves(beside_others.state), strict=True)
        require(
            all(np.array_equal(ours, theirs, equal_nan=True) for ours, theirs in states),
            f"{name}: a run must not read another, but after the last round of run {run} ({case.name}) "
            f"its state is another when other runs are computed beside it.",
        )
    tile = tile_size(setup, jax.local_devices()[0].platform)
    num_runs = tile + setting.num_runs  # a whole tile, and a part of one
    curves = [
        np.asarray(setting.simulate(case, num_runs=runs, devices=devices, batch_size=batch).regret)
        for runs, devices, batch in (
            (num_runs, jax.local_devices(), None),
            (num_runs, jax.local_devices()[:1], 1),
            (setting.num_runs, jax.local_devices()[-1:], None),
        )
    ]
    check_regret(name, curves[0])
    for other in curves[1:]:
        require(
            np.array_equal(curves[0][: len(other)], other),
            f"{name}: runs must be the same to the last bit on any devices of one kind and in any batch, but "
            f"differ by up to {np.abs(curves[0][: len(other)] - other).max():.3g} in regret. A custom "
            f"batching rule, or a kernel that is chosen at random, does that.",
        )


def check_regret(name: str, regret: np.ndarray) -> None:
    """Regret that can be: finite, and never negative."""
    require(
        np.isfinite(regret).all() and regret.min() >= 0,
        f"{name}: regret must be finite and never negative, but runs from {regret.min()} to {regret.max()}.",
    )


def check_batch(setting: Setting) -> None:
    """A game in a batch is played as it is alone, whatever its table is padded to."""
    together = np.asarray(setting.simulate(setting.batch).regret)
    small = case_of("the first game of a batch", *random_games()[0])
    alone = np.asarray(setting.simulate(small).regret)
    require(
        _near(together[0], alone).all(),
        f"{setting.learner.name}: {small.name} must be played as it is alone, but final regrets "
        f"{together[0, :, -1]} and {alone[:, -1]} arrived. Padding must not matter: use "
        f"known.table.num_regions, region_mask and vertex_mask, not the table's shape.",
    )


def _near(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """True where regrets agree up to the rounding of their sums."""
    return np.isclose(first, second, rtol=1e-5, atol=1e-5 * max(1.0, float(np.abs(second).max())))
