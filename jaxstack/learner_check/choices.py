"""What a learner plays: real vertices of real regions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import jax
import numpy as np

from jaxstack.game import Game, best_response_sets, check_commitment
from jaxstack.learner_check.setting import Setting, of_game
from jaxstack.learner_check.telling import calling, require
from jaxstack.learners.contract import Choice, Commitment
from jaxstack.regions import RegionTable
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
        ran = trace_run(setup, run, setting.horizon)
    if isinstance(ran.choice, Choice):
        _check_vertices(name, table, ran.choice, where)
    else:
        _check_commitments(name, setup.inputs.known.game, ran.choice, where)
    for path, leaf in jax.tree_util.tree_leaves_with_path(ran.state):
        require(
            not np.isnan(leaf).any(),
            f"{name}: state{jax.tree_util.keystr(path)} is NaN after {setting.horizon:,} rounds ({where}), "
            f"and a maximum over NaN decides nothing. Guard divisions by counts: jnp.maximum(count, 1).",
        )


def _check_vertices(name: str, table: RegionTable, choice: Choice, where: str) -> None:
    """Raise unless every choice [T] is a real vertex of a real region."""
    region, vertex = np.asarray(choice.region), np.asarray(choice.vertex)
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


def _check_commitments(name: str, game: Game, choice: Commitment, where: str) -> None:
    """Raise unless every commitment [T] can be played, and its response map is one of followers' own."""
    maps = np.concatenate([choice.x, np.asarray(choice.responses).reshape(len(choice.x), -1)], axis=1)
    for t in np.sort(np.unique(maps, axis=0, return_index=True)[1]):
        with _in_round(name, where, int(t) + 1):
            check_commitment(game, choice.x[t])
        optimal = np.asarray(best_response_sets(game, choice.x[t]))  # float32: within its rounding
        responses = np.asarray(choice.responses[t])
        valid = (responses >= 0) & (responses < game.num_actions)
        best = np.take_along_axis(optimal, np.clip(responses, 0, game.num_actions - 1)[..., None], axis=-1)
        wrong = np.argwhere(~(valid & best[..., 0]))
        if len(wrong):
            follower, theta = wrong[0]
            raise ValueError(
                f"{name}: act committed to {np.round(choice.x[t], 6).tolist()} in round {t + 1} ({where}) "
                f"with action {responses[follower, theta]} for follower {follower} of type {theta}, but "
                f"only {np.flatnonzero(optimal[follower, theta]).tolist()} are best responses there. "
                f"A response map may break ties, nothing else."
            )


@contextlib.contextmanager
def _in_round(name: str, where: str, t: int) -> Iterator[None]:
    """Errors about what was played, with who played it when."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{name}: act in round {t} ({where}): {error}") from error
