"""Empirical risk minimisation over joint types.

Source: arXiv 2510.01387, Algorithm 1 (type feedback).
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxstack.axes import DeviceArray, Float, Int
from jaxstack.game import Game
from jaxstack.learners.candidates import Scoring, prepare_scoring
from jaxstack.learners.contract import (
    Choice,
    Jumps,
    Known,
    Learner,
    NoParams,
    TypeFeedback,
    add_compensated,
    tie_tolerance,
)
from jaxstack.learners.erm_search import erm_by_search
from jaxstack.learners.products import payoff_vectors, prepare_sums
from jaxstack.learners.rows import add_row, count_one, first_best_in_lanes, in_lanes, none_counted, take_row
from jaxstack.payoffs import joint_index
from jaxstack.regions.table import RegionTable


class TypeCounts(NamedTuple):
    """How often each joint type (F = J) or each follower type (F = nK) was seen, and what follows from it.

    counts: [F] int32 where these are few, else [1, F]: a table of one row, which is written without moving
      the others.
    leads: summed unit values of all candidates, less a number that is the same for all; -inf on padding.
      [M] where these are few, else [M/8, 8]: see `rows.in_lanes`.
    best: [] int32, the first best candidate.
    """

    counts: Int[DeviceArray, "*1 F"]
    leads: Float[DeviceArray, "*M/8 8"]
    best: Int[DeviceArray, ""]


class PayoffSums(NamedTuple):
    total: Float[DeviceArray, "L R"]  # summed payoff vectors of each region, unit payoffs
    error: Float[DeviceArray, "L R"]  # what `total` lost to rounding


State = TypeCounts | PayoffSums


@functools.cache
def erm_joint() -> Learner:
    """Learner that plays the best commitment against the joint types seen so far (feedback: types).

    In round t it plays x_t in argmax_x sum_{s<t} u(x, br(theta^s, x)), exactly: the maximum lies on a vertex
    of a region. Lowest region, then lowest vertex, among ties; so also in round 1.

    It remembers how often each joint type was seen where these are few, how often each follower type was seen
    where the leader's payoff is a sum over followers, and summed payoff vectors per region otherwise: the
    same decisions, at a cost per round that never grows like K^n. Tells `counts`, where it keeps them.

    Source: arXiv 2510.01387, Algorithm 1; regret O(sqrt(min(L log(nKAT), K^n) T)) for any D.
    """
    return Learner(
        name="erm_joint",
        feedback="types",
        off_policy="all",
        init=_init,
        act=_act,
        update=_update,
        refresh=_refresh,
        prepare=_prepare,
        theorem="erm_joint",
        info=_info,
        jumps=Jumps(product=False, init=_init, act=_act, update=_update),
        without_table=erm_by_search("erm_joint", product=False),
    )


def _prepare(game: Game, table: RegionTable) -> Scoring:
    scoring = prepare_scoring(game, table)
    return scoring if scoring.vertices is None else scoring._replace(sums=prepare_sums(game, table))


def _info(state: State, known: Known, choice: Choice) -> dict[str, jax.Array]:
    return {"counts": state.counts.reshape(-1)} if isinstance(state, TypeCounts) else {}


def _init(known: Known, hparams: NoParams) -> State:
    values = _features(known.prepared)
    if values is None:
        shape = (known.game.num_leader_actions, known.table.padded_regions)
        return PayoffSums(jnp.zeros(shape, known.dtype), jnp.zeros(shape, known.dtype))
    nothing = in_lanes(jnp.zeros(values.shape[-2], known.dtype), -jnp.inf)
    return TypeCounts(none_counted(values.shape[-1]), nothing, jnp.zeros((), jnp.int32))


def _act(key: jax.Array, state: State, known: Known, hparams: NoParams, t: jax.Array) -> Choice:
    scoring: Scoring = known.prepared
    if isinstance(state, TypeCounts):
        place = (
            take_row(scoring.candidates.region, state.best),
            take_row(scoring.candidates.vertex, state.best),
        )
        return Choice(*place)
    mean = (state.total + state.error) / jnp.maximum(t - 1, 1).astype(known.dtype)
    assert scoring.vertices is not None
    return scoring.first_best(scoring.vertices.scores(mean))


def _update(
    state: State, known: Known, hparams: NoParams, choice: Choice, feedback: TypeFeedback, t: jax.Array
) -> State:
    if isinstance(state, PayoffSums):
        # Without the barrier XLA on CPU would look payoffs up for the sum and for its error.
        payoffs = jax.lax.optimization_barrier(_payoff_vectors(known, feedback.types).T)
        return PayoffSums(*add_compensated(state.total, state.error, payoffs))
    values = jnp.asarray(_features(known.prepared)).astype(known.dtype)
    rows = in_lanes(values.T, 0)
    counts, leads = state.counts, state.leads
    for one in _seen(known, feedback.types):
        counts = count_one(counts, one)
        leads = add_row(leads, one, rows)
    return TypeCounts(
        counts, leads, first_best_in_lanes(leads, tie_tolerance(leads.dtype) * t.astype(leads.dtype))
    )


def _payoff_vectors(known: Known, types: Int[DeviceArray, "n"]) -> Float[DeviceArray, "R L"]:
    """Payoff vector, in units, under the response map of every region against one joint type."""
    if known.prepared.sums is not None:
        return payoff_vectors(known.prepared.sums, types).astype(known.dtype)
    by_follower = jnp.asarray(known.table.responses).astype(jnp.int32)
    actions = jnp.take_along_axis(by_follower, types[None, :, None], axis=2)[:, :, 0]  # [R, n]
    return jax.vmap(known.unit_payoff_vector, (0, None))(actions, types)


def _refresh(state: State, known: Known, hparams: NoParams) -> State:
    """Leads from the counts; sums of payoffs lose nothing to rounding as they are."""
    if isinstance(state, PayoffSums):
        return state
    values = jnp.asarray(_features(known.prepared)).astype(known.dtype)
    scores = values @ state.counts.reshape(-1).astype(values.dtype)
    return state._replace(leads=in_lanes(scores - scores.max(), -jnp.inf))


def _features(scoring: Scoring) -> Any:
    """[M, F]: values of candidates for which counts of types suffice, or None."""
    return scoring.joint if scoring.joint is not None else scoring.marginal


def _seen(known: Known, types: Int[DeviceArray, "n"]) -> jax.Array:
    """Features counted in a round with these types: the joint type [1], or every follower's type [n]."""
    if known.prepared.strides is not None:
        return (types * known.prepared.strides).sum(keepdims=True)
    if known.prepared.joint is not None:
        return jnp.reshape(joint_index(types, known.game.num_types), (1,))
    return jnp.arange(known.game.num_followers, dtype=jnp.int32) * known.game.num_types + types
