"""Empirical risk minimisation over the product of the empirical marginals.

Source: arXiv 2510.01387, Algorithm 2 (type feedback, independent types).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxstack.axes import DeviceArray, Int
from jaxstack.learners.candidates import Scoring, prepare_marginal_scoring, score_marginals
from jaxstack.learners.contract import Choice, Jumps, Known, Learner, NoParams, TypeFeedback
from jaxstack.learners.erm_search import erm_by_search


class MarginalCounts(NamedTuple):
    counts: Int[DeviceArray, "n K"]  # int32: how often each follower had each type


@functools.cache
def erm_product() -> Learner:
    """Learner that plays the best commitment against the product of the empirical marginals (types).

    In round t it plays x_t in argmax_x U_D'(x), where D' draws every follower's type independently with the
    frequencies seen so far. Under independent types it learns nK numbers where `erm_joint` may need K^n;
    under correlated types its model is wrong. Lowest region, then lowest vertex, among ties; so also in
    round 1. Tells `counts` [n, K], how often each type of each follower was seen.

    Source: arXiv 2510.01387, Algorithm 2; regret O(sqrt(min(L log(nKAT), nK) T)) for independent D.
    """
    return Learner(
        name="erm_product",
        feedback="types",
        off_policy="all",
        init=_init,
        act=_act,
        update=_update,
        prepare=prepare_marginal_scoring,
        theorem="erm_product",
        info=_info,
        jumps=Jumps(product=True, init=_init, act=_act, update=_update),
        without_table=erm_by_search("erm_product", product=True),
    )


def _info(state: MarginalCounts, known: Known, choice: Choice) -> dict[str, jax.Array]:
    return {"counts": state.counts}


def _init(known: Known, hparams: NoParams) -> MarginalCounts:
    return MarginalCounts(jnp.zeros((known.game.num_followers, known.game.num_types), jnp.int32))


def _act(key: jax.Array, state: MarginalCounts, known: Known, hparams: NoParams, t: jax.Array) -> Choice:
    scoring: Scoring = known.prepared
    marginals = state.counts.astype(known.dtype) / jnp.maximum(t - 1, 1).astype(known.dtype)
    # Before round 1 nothing is known, and all candidates tie.
    scores = jnp.where(t > 1, score_marginals(scoring, known, marginals), 0)
    return scoring.first_best(scores)


def _update(
    state: MarginalCounts,
    known: Known,
    hparams: NoParams,
    choice: Choice,
    feedback: TypeFeedback,
    t: jax.Array,
) -> MarginalCounts:
    followers = jnp.arange(known.game.num_followers)
    return MarginalCounts(state.counts.at[followers, feedback.types].add(1))
