"""What a learner plays: real vertices of real regions."""

from __future__ import annotations

import jax
import numpy as np

from jaxstack.learner_check.setting import Setting, of_game
from jaxstack.learner_check.telling import calling, require
from jaxstack.simulation import Setup
from jaxstack.simulation.trace import trace_run


def check_choices(setting: Setting) -> None:
    """Only what the table has is played, in every game, also where the table is padded."""
    for case in setting.cases:
        setup = setting.setup(case)
        for run in range(setting.num_runs):
            _played(setting, setup, case.name, run)
    batch = setting.setup(setting.batch)
    for index in range(2):
        one = batch._replace(inputs=of_game(batch.inputs, index), num_games=1)
        _played(setting, one, f"game {index} of a batch", 0)


def _played(setting: Setting, setup: Setup, where: str, run: int) -> None:
    """Play one run of one game and raise unless all its choices are real."""
    learner = setting.learner
    name, table = learner.name, setup.inputs.known.table
    with calling(learner, "init, act or update", where):
        state, region, vertex, _ = trace_run(setup, run, setting.horizon)
    num_regions = int(table.num_regions)
    wrong = np.flatnonzero((region < 0) | (region >= num_regions))
    if len(wrong):
        raise ValueError(
            f"{name}: act chose region {region[wrong[0]]} in round {wrong[0] + 1} ({where}), but there are "
            f"only {num_regions} regions. A table may be padded to R = {table.padded_regions}: use "
            f"known.table.num_regions or known.table.region_mask."
        )
    real = np.asarray(table.vertex_mask)[region, np.clip(vertex, 0, table.padded_vertices - 1)]
    wrong = np.flatnonzero((vertex < 0) | (vertex >= table.padded_vertices) | ~real)
    if len(wrong):
        at = region[wrong[0]]
        raise ValueError(
            f"{name}: act chose vertex {vertex[wrong[0]]} of region {at} in round {wrong[0] + 1} ({where}), "
            f"but that region has only {int(table.vertex_mask[at].sum())} vertices. The table is padded to "
            f"V = {table.padded_vertices}: use known.table.vertex_mask."
        )
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        require(
            not np.isnan(leaf).any(),
            f"{name}: state{jax.tree_util.keystr(path)} is NaN after {setting.horizon:,} rounds ({where}), "
            f"and a maximum over NaN decides nothing. Guard divisions by counts: jnp.maximum(count, 1).",
        )
