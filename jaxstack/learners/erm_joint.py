"""Empirical risk minimisation over joint types.

Source: arXiv 2510.01387, Algorithm 1 (type feedback).
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack.axes import DeviceArray, Float, Int
from jaxstack.learners.candidates import Scoring, prepare_scoring
from jaxstack.learners.contract import Choice, Known, Learner, NoParams, TypeFeedback, add_compensated
from jaxstack.payoffs import joint_index


class TypeCounts(NamedTuple):
    counts: Int[
        DeviceArray, "F"
    ]  # int32: how often each joint type (F = J) or follower type (F = nK) was seen
    rounds: Int[DeviceArray, ""]  # int32


class PayoffSums(NamedTuple):
    total: Float[DeviceArray, "R L"]  # summed payoff vectors of each region, unit payoffs
    error: Float[DeviceArray, "R L"]  # what `total` lost to rounding
    rounds: Int[DeviceArray, ""]  # int32


@functools.cache
def erm_joint() -> Learner:
    """Learner that plays the best commitment against the joint types seen so far (feedback: types).

    In round t it plays x_t in argmax_x sum_{s<t} u(x, br(theta^s, x)), exactly: the maximum lies on a vertex
    of a region. Lowest region, then lowest vertex, among ties; so also in round 1.

    It remembers how often each joint type was seen where these are few, how often each follower type was seen
    where the leader's payoff is a sum over followers, and summed payoff vectors per region otherwise: the
    same decisions, at a cost per round that never grows like K^n.

    Source: arXiv 2510.01387, Algorithm 1; regret O(sqrt(min(L log(nKAT), K^n) T)) for any D.
    """
    return Learner(
        name="erm_joint", feedback="types", init=_init, act=_act, update=_update, prepare=prepare_scoring
    )


def _init(known: Known, hparams: NoParams) -> TypeCounts | PayoffSums:
    scoring: Scoring = known.prepared
    none = jnp.zeros((), jnp.int32)
    features = scoring.joint if scoring.joint is not None else scoring.marginal
    if features is not None:
        return TypeCounts(jnp.zeros(features.shape[-1], jnp.int32), none)
    shape = (known.table.padded_regions, known.game.num_leader_actions)
    zeros = jnp.zeros(shape, known.payoff_range.dtype)
    return PayoffSums(zeros, zeros, none)


def _act(key: jax.Array, state: TypeCounts | PayoffSums, known: Known, hparams: NoParams) -> Choice:
    scoring: Scoring = known.prepared
    rounds = jnp.maximum(state.rounds, 1).astype(known.payoff_range.dtype)
    if isinstance(state, TypeCounts):
        features = jnp.asarray(scoring.joint if scoring.joint is not None else scoring.marginal)
        scores = features @ (state.counts / rounds)
    else:
        mean = state.total / rounds
        scores = (jnp.asarray(scoring.commitment) * mean[scoring.candidates.region]).sum(axis=-1)
    return scoring.candidates.first_best(scores)


def _update(
    state: Any, known: Known, hparams: NoParams, choice: Choice, feedback: TypeFeedback
) -> TypeCounts | PayoffSums:
    num_types = known.game.num_types
    if isinstance(state, TypeCounts):
        if known.prepared.joint is not None:
            seen = joint_index(feedback.types, num_types)
        else:
            seen = np.arange(known.game.num_followers) * num_types + feedback.types
        return TypeCounts(state.counts.at[seen].add(1), state.rounds + 1)
    by_follower = jnp.asarray(known.table.responses).astype(jnp.int32)
    actions = jnp.take_along_axis(by_follower, feedback.types[None, :, None], axis=2)[:, :, 0]  # [R, n]
    payoffs = jax.vmap(known.unit_payoff_vector)(actions)
    return PayoffSums(*add_compensated(state.total, state.error, payoffs), state.rounds + 1)
