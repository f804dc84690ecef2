"""Learners to measure the others by: the optimum, blind play, and explore-then-commit."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxstack.axes import DeviceArray, Float
from jaxstack.learners import region_means
from jaxstack.learners.contract import (
    ActionFeedback,
    Choice,
    Commitment,
    Known,
    Learner,
    NoParams,
    tie_tolerance,
)
from jaxstack.learners.rows import first_best, put_entry


@functools.cache
def oracle() -> Learner:
    """Yardstick that knows D and plays the optimal commitment x* in every round: its regret is 0.

    Without a region table it plays the best commitment known.
    """
    by_vertex = Learner(
        name="oracle",
        feedback="optimum",
        init=_nothing_known,
        act=_act_optimally,
        update=_nothing_to_learn,
    )
    by_commitment = dataclasses.replace(
        by_vertex, act=_commit_optimally, plays="commitments", needs_table=False
    )
    return dataclasses.replace(by_vertex, without_table=by_commitment)


@functools.cache
def uniform() -> Learner:
    """Yardstick that plays a uniformly random vertex of a uniformly random region (no feedback)."""
    return Learner(
        name="uniform",
        feedback="none",
        off_policy="all",
        init=_nothing_known,
        act=_act_uniformly,
        update=_nothing_to_learn,
        draws=True,
    )


def _nothing_known(known: Known, hparams: Any) -> tuple[()]:
    return ()


def _act_optimally(key: jax.Array, state: tuple[()], known: Known, hparams: NoParams, t: jax.Array) -> Choice:
    return Choice(*known.prepared)


def _commit_optimally(
    key: jax.Array, state: tuple[()], known: Known, hparams: NoParams, t: jax.Array
) -> Commitment:
    x, responses = known.prepared
    return Commitment(jnp.asarray(x).astype(known.dtype), jnp.asarray(responses))


def _act_uniformly(key: jax.Array, state: tuple[()], known: Known, hparams: NoParams, t: jax.Array) -> Choice:
    region_key, vertex_key = jax.random.split(key)
    region = jax.random.randint(region_key, (), 0, known.table.num_regions, jnp.int32)
    num_vertices = known.table.vertex_mask[region].sum(dtype=jnp.int32)
    return Choice(region, jax.random.randint(vertex_key, (), 0, num_vertices, jnp.int32))


def _nothing_to_learn(
    state: Any, known: Known, hparams: Any, choice: Choice, feedback: None, t: jax.Array
) -> Any:
    return state


class ExploreThenCommitParams(NamedTuple):
    """exploration_rounds: rounds of round-robin over regions before committing; default T^(2/3)."""

    exploration_rounds: Float[DeviceArray, ""]


class ExploreThenCommitState(NamedTuple):
    means: region_means.RegionMeans
    value: Float[
        DeviceArray, "R"
    ]  # best vertex value under the mean, unit payoffs; -inf before the first visit


@functools.cache
def explore_then_commit() -> Learner:
    """Yardstick that visits regions in turn, then plays the empirically best vertex for ever (actions).

    While it explores it plays the first best vertex of the region under what it has seen there. It learns
    nothing after the exploration. Regions that were never visited are never committed to. Like `region_ucb`
    it plays no games in which the leader's payoff depends on types.

    Hyperparameters (traced): `exploration_rounds`, default T^(2/3). Tells `visits` [R] while it explores.
    """
    return Learner(
        name="explore_then_commit",
        feedback="actions",
        off_policy="regions",
        init=_init,
        act=_act,
        update=_update,
        hparams=_hparams,
        needs_payoff_vectors=True,
        info=_info,
    )


def _info(state: ExploreThenCommitState, known: Known, choice: Choice) -> dict[str, jax.Array]:
    return {"visits": region_means.visits(state.means)}


def _hparams(known: Known) -> ExploreThenCommitParams:
    return ExploreThenCommitParams(known.horizon ** (2 / 3))


def _init(known: Known, hparams: ExploreThenCommitParams) -> ExploreThenCommitState:
    value = jnp.full(known.table.padded_regions, -jnp.inf, known.dtype)
    return ExploreThenCommitState(region_means.empty(known), value)


def _act(
    key: jax.Array,
    state: ExploreThenCommitState,
    known: Known,
    hparams: ExploreThenCommitParams,
    t: jax.Array,
) -> Choice:
    in_turn = (t - 1) % jnp.asarray(known.table.num_regions, jnp.int32)
    committed = first_best(state.value, tie_tolerance(state.value.dtype))
    region = jnp.where(_exploring(hparams, t), in_turn, committed)
    return Choice(region, region_means.best_vertex(state.means, region))


def _update(
    state: ExploreThenCommitState,
    known: Known,
    hparams: ExploreThenCommitParams,
    choice: Choice,
    feedback: ActionFeedback,
    t: jax.Array,
) -> ExploreThenCommitState:
    means, value, _ = region_means.observe(state.means, known, choice, feedback)
    learnt = ExploreThenCommitState(means, put_entry(state.value, choice.region, value))
    exploring = _exploring(hparams, t)
    return jax.tree.map(lambda new, old: jnp.where(exploring, new, old), learnt, state)


def _exploring(hparams: ExploreThenCommitParams, t: jax.Array) -> jax.Array:
    return (t - 1).astype(hparams.exploration_rounds.dtype) < hparams.exploration_rounds
