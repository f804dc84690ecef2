"""Empirical risk minimisation over joint types.

Source: arXiv 2510.01387, Algorithm 1 (type feedback).
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxstack.axes import DeviceArray, Float, Int
from jaxstack.learners.candidates import Scoring, prepare_scoring
from jaxstack.learners.contract import (
    Ahead,
    Choice,
    Known,
    Learner,
    NoParams,
    TypeFeedback,
    add_compensated,
    tie_tolerance,
)
from jaxstack.learners.rows import first_best, histogram, take_row
from jaxstack.payoffs import joint_index


class TypeCounts(NamedTuple):
    """How often each joint type (F = J) or each follower type (F = nK) was seen."""

    counts: Int[DeviceArray, "F"]  # int32
    rounds: Int[DeviceArray, ""]  # int32


class Contest(NamedTuple):
    """The candidates that may be played within a block, with summed unit values (see `_ahead`)."""

    rivals: Int[DeviceArray, "k"]  # int32, ascending
    scores: Float[DeviceArray, "k"]
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
        name="erm_joint",
        feedback="types",
        init=_init,
        act=_act,
        update=_update,
        prepare=prepare_scoring,
        ahead=_ahead,
    )


_FEW_RIVALS = 16

State = TypeCounts | Contest | PayoffSums


def _init(known: Known, hparams: NoParams) -> TypeCounts | PayoffSums:
    dtype, none = known.payoff_range.dtype, jnp.zeros((), jnp.int32)
    features = _features(known.prepared)
    if features is not None:
        return TypeCounts(jnp.zeros(features.shape[-1], jnp.int32), none)
    zeros = jnp.zeros((known.table.padded_regions, known.game.num_leader_actions), dtype)
    return PayoffSums(zeros, zeros, none)


def _act(key: jax.Array, state: State, known: Known, hparams: NoParams) -> Choice:
    scoring: Scoring = known.prepared
    rounds = jnp.maximum(state.rounds, 1).astype(known.payoff_range.dtype)
    if isinstance(state, Contest):
        winner = first_best(state.scores / rounds, tie_tolerance(rounds.dtype))
        return _choice(scoring, take_row(state.rivals, winner))
    if isinstance(state, TypeCounts):
        scores = _scores(scoring, state.counts) / rounds
    else:
        mean = state.total / rounds
        scores = (jnp.asarray(scoring.commitment) * mean[scoring.candidates.region]).sum(axis=-1)
    return scoring.candidates.first_best(scores)


def _update(state: State, known: Known, hparams: NoParams, choice: Choice, feedback: TypeFeedback) -> State:
    rounds = state.rounds + 1
    if isinstance(state, PayoffSums):
        by_follower = jnp.asarray(known.table.responses).astype(jnp.int32)
        actions = jnp.take_along_axis(by_follower, feedback.types[None, :, None], axis=2)[:, :, 0]  # [R, n]
        payoffs = jax.vmap(known.unit_payoff_vector)(actions)
        return PayoffSums(*add_compensated(state.total, state.error, payoffs), rounds)
    seen = _seen(known, feedback.types)  # [1], or [n]
    if isinstance(state, TypeCounts):
        return TypeCounts(state.counts.at[seen].add(1, mode="promise_in_bounds"), rounds)
    values = jnp.asarray(_features(known.prepared))
    gained = values.T.at[seen[:, None], state.rivals].get(mode="promise_in_bounds")
    return Contest(state.rivals, state.scores + gained.sum(axis=0), rounds)


def _ahead(
    state: TypeCounts | PayoffSums, known: Known, hparams: NoParams, types: Int[DeviceArray, "B n"]
) -> Ahead | None:
    """Rules out the candidates that cannot catch up in a block, whatever the order in which its types appear.

    None left: the choice is certain. A few left: playing the block among them makes the same choices.
    """
    if isinstance(state, PayoffSums):
        return None
    scoring: Scoring = known.prepared
    values = jnp.asarray(_features(scoring))
    dtype, num_candidates = values.dtype, values.shape[0]
    seen = jax.vmap(lambda theta: _seen(known, theta), out_axes=-1)(types)  # [1, B], or [n, B]
    counts = jnp.concatenate([histogram(row, values.shape[1] // len(seen)) for row in _bins(known, seen)])
    scores = _scores(scoring, state.counts)
    rounds = jnp.maximum(state.rounds, 1).astype(dtype)
    best = first_best(scores / rounds, tie_tolerance(dtype))
    # At worst, the types that favour a candidate come first: its lag shrinks by the sum of what it gains.
    gains = _gains(values, take_row(values, best), counts)
    lead = take_row(scores, best) - scores - gains
    # A candidate behind the best one in order may draw level without being played; one before it may not even
    # come within the tolerance of a tie. Either margin is far above the rounding of the sums.
    index = jnp.arange(num_candidates, dtype=jnp.int32)
    slack = tie_tolerance(dtype) * (rounds + types.shape[0])
    safe = (state.rounds > 0) & (lead >= jnp.where(index < best, 4 * slack, -slack / 4))
    rival = ~safe | (index == best)

    few = min(_FEW_RIVALS, num_candidates)
    # The lowest rivals: the highest distances from the end. Filled up with the last candidate.
    from_end = jnp.where(rival, num_candidates - index, 1).astype(jnp.float32)
    listed = num_candidates - jax.lax.top_k(from_end, few)[0].astype(jnp.int32)
    return Ahead(
        choice=_choice(scoring, best),
        certain=(safe | (index == best)).all(),
        after=TypeCounts(state.counts + counts, state.rounds + types.shape[0]),
        few=rival.astype(dtype).sum() <= few,
        among_few=Contest(listed, scores.at[listed].get(mode="promise_in_bounds"), state.rounds),
        among_all=Contest(index, scores, state.rounds),
    )


def _gains(
    values: Float[DeviceArray, "M F"], of_best: Float[DeviceArray, "F"], counts: Int[DeviceArray, "F"]
) -> jax.Array:
    """[M]: sum over features of count x max(value - value of the best, 0)."""
    # Eight features a step: within a step everything stays in registers. A loop also keeps XLA from computing
    # the sum again in every operation that reads it.
    padding = (0, -values.shape[1] % 8)
    columns = jnp.pad(values.T, (padding, (0, 0))).reshape(-1, 8, values.shape[0])
    rows = [jnp.pad(row.astype(values.dtype), padding).reshape(-1, 8) for row in (of_best, counts)]

    def add(total: jax.Array, step: tuple[jax.Array, ...]) -> tuple[jax.Array, None]:
        terms = (jnp.maximum(column - base, 0) * count for column, base, count in zip(*step, strict=True))
        return functools.reduce(jnp.add, terms, total), None

    return jax.lax.scan(add, jnp.zeros(values.shape[0], values.dtype), (columns, *rows))[0]


def _choice(scoring: Scoring, candidate: Int[DeviceArray, ""]) -> Choice:
    return Choice(
        take_row(scoring.candidates.region, candidate), take_row(scoring.candidates.vertex, candidate)
    )


def _features(scoring: Scoring) -> Any:
    """[M, F]: values of candidates for which counts of types suffice, or None."""
    return scoring.joint if scoring.joint is not None else scoring.marginal


def _scores(scoring: Scoring, counts: Int[DeviceArray, "F"]) -> jax.Array:
    """[M]: unit values of all candidates, summed over the rounds counted."""
    values = jnp.asarray(_features(scoring))
    return values @ counts.astype(values.dtype)


def _bins(known: Known, seen: Int[DeviceArray, "n B"]) -> Int[DeviceArray, "n B"]:
    """Features as numbers within their follower: what a histogram per row counts."""
    return seen - jnp.arange(len(seen), dtype=jnp.int32)[:, None] * known.game.num_types


def _seen(known: Known, types: Int[DeviceArray, "n"]) -> jax.Array:
    """Features counted in a round with these types: the joint type [1], or every follower's type [n]."""
    if known.prepared.joint is not None:
        return jnp.reshape(joint_index(types, known.game.num_types), (1,))
    return jnp.arange(known.game.num_followers, dtype=jnp.int32) * known.game.num_types + types
