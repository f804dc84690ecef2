"""Empirical risk minimisation over joint types.

Source: arXiv 2510.01387, Algorithm 1 (type feedback).
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxstack.axes import Bool, DeviceArray, Float, Int
from jaxstack.learners.candidates import Scoring, prepare_scoring
from jaxstack.learners.contract import (
    Ahead,
    Choice,
    Known,
    Learner,
    NoParams,
    Shortcut,
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


class Race(NamedTuple):
    """Who may be played in the next rounds (see `_ahead`)."""

    # Summed unit values before these rounds, less those of the best candidate: running sums of large numbers
    # would lose what decides a close race.
    leads: Float[DeviceArray, "M"]
    best: Int[DeviceArray, ""]  # int32, the first best candidate before these rounds
    rivals: Bool[DeviceArray, "M"]  # may be the first best candidate in one of them
    rounds: Int[DeviceArray, ""]  # int32, rounds before them


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
        shortcut=_shortcut,
        theorem="erm_joint",
    )


_FEW = (8,)  # rivals, the best one included, that the cheap contests are among

State = TypeCounts | PayoffSums


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
    return TypeCounts(state.counts.at[seen].add(1, mode="promise_in_bounds"), rounds)


def _shortcut(known: Known) -> Shortcut | None:
    if _features(known.prepared) is None:
        return None
    few = (functools.partial(_among_few, number=number) for number in _FEW)
    return Shortcut(_read, _ahead, (*few, _among_all))


def _read(known: Known, types: Int[DeviceArray, "B n"]) -> tuple[jax.Array, jax.Array]:
    """Features seen in every round, [B, 1] or [B, n] int32, and how often each occurs, [F] int32."""
    seen = jax.vmap(lambda theta: _seen(known, theta))(types)
    followers = seen.shape[1]
    bins = _features(known.prepared).shape[-1] // followers
    counts = [histogram(seen[:, i] - i * bins, bins) for i in range(followers)]
    return seen, jnp.concatenate(counts)


def _ahead(
    state: TypeCounts, known: Known, hparams: NoParams, counts: Int[DeviceArray, "F"], rounds: int
) -> Ahead:
    """Rules out the candidates that cannot catch up, in whatever order the types of the rounds appear."""
    values = jnp.asarray(_features(known.prepared))
    dtype, num_candidates = values.dtype, values.shape[0]
    scores = _scores(known.prepared, state.counts)
    before = jnp.maximum(state.rounds, 1).astype(dtype)
    best = first_best(scores / before, tie_tolerance(dtype))
    # At worst, the types that favour a candidate come first: its lag shrinks by the sum of what it gains.
    leads = scores - take_row(scores, best)
    left = -leads - _gains(values, take_row(values, best), counts)
    # A candidate behind the best one in order may draw level without being played; one before it may not even
    # come within the tolerance of a tie. Either margin is far above the rounding of the sums.
    index = jnp.arange(num_candidates, dtype=jnp.int32)
    slack = tie_tolerance(dtype) * (before + rounds)
    safe = (state.rounds > 0) & (left >= jnp.where(index < best, 4 * slack, -slack / 4))
    rivals = ~safe | (index == best)
    number = rivals.sum(dtype=jnp.int32)
    return Ahead(
        choice=_choice(known.prepared, best),
        contest=functools.reduce(jnp.add, [(number > few).astype(jnp.int32) for few in (1, *_FEW)]),
        race=Race(leads, best, rivals, state.rounds),
        after=TypeCounts(state.counts + counts, state.rounds + rounds),
    )


def _among_few(
    race: Race, known: Known, hparams: NoParams, seen: Int[DeviceArray, "B f"], number: int
) -> Choice:
    """Choices of B rounds when there are at most `number` rivals: running sums of their values alone."""
    values = jnp.asarray(_features(known.prepared))
    index, last = jnp.arange(values.shape[0], dtype=jnp.int32), values.shape[0] - 1
    # The rivals in order; where they are fewer, the last candidate again, which comes after all of them.
    rivals = [jnp.where(race.rivals, index, last).min()]
    for _ in range(min(number, values.shape[0]) - 1):
        rivals.append(jnp.where(race.rivals & (index > rivals[-1]), index, last).min())
    listed = jnp.stack(rivals)
    ours = take_row(values, race.best)

    def one_round(
        carry: tuple[jax.Array, jax.Array], seen: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        leads, rounds = carry
        best = take_row(listed, first_best(leads, _tolerance(leads, rounds)))
        gained = values.at[listed[:, None], seen].get(mode="promise_in_bounds") - take_row(ours, seen)
        return (leads + gained.sum(axis=1), rounds + 1), best

    start = (take_row(race.leads, listed), race.rounds)
    return _choice(known.prepared, jax.lax.scan(one_round, start, seen)[1])


def _among_all(race: Race, known: Known, hparams: NoParams, seen: Int[DeviceArray, "B f"]) -> Choice:
    """Choices of B rounds: one row of values is added to all sums in every round."""
    values = jnp.asarray(_features(known.prepared)).T

    def one_round(
        carry: tuple[jax.Array, jax.Array], seen: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        leads, rounds = carry
        best = first_best(leads, _tolerance(leads, rounds))
        gained = functools.reduce(jnp.add, [take_row(values, which) for which in seen])
        return (leads + gained, rounds + 1), best

    start = (race.leads, race.rounds)
    return _choice(known.prepared, jax.lax.scan(one_round, start, seen)[1])


def _tolerance(leads: Float[DeviceArray, "M"], rounds: Int[DeviceArray, ""]) -> jax.Array:
    """Of ties between sums over `rounds`, as that between their means."""
    return tie_tolerance(leads.dtype) * jnp.maximum(rounds, 1).astype(leads.dtype)


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


def _choice(scoring: Scoring, candidate: Int[DeviceArray, "..."]) -> Choice:
    return Choice(
        take_row(scoring.candidates.region, candidate), take_row(scoring.candidates.vertex, candidate)
    )


def _features(scoring: Scoring) -> Any:
    """[M, F]: values of candidates for which counts of types suffice, or None."""
    return scoring.joint if scoring.joint is not None else scoring.marginal


def _scores(scoring: Scoring, counts: Int[DeviceArray, "F"]) -> jax.Array:
    """[M]: unit values of all candidates, summed over the rounds counted."""
    values = jnp.asarray(_features(scoring))
    return counts.astype(values.dtype) @ values.T  # batched: a row of scores for every run


def _seen(known: Known, types: Int[DeviceArray, "n"]) -> jax.Array:
    """Features counted in a round with these types: the joint type [1], or every follower's type [n]."""
    if known.prepared.joint is not None:
        return jnp.reshape(joint_index(types, known.game.num_types), (1,))
    return jnp.arange(known.game.num_followers, dtype=jnp.int32) * known.game.num_types + types
