"""From vertex to vertex of an arrangement, uphill, and out of local optima by random moves.

A step looks at every point of every line through a vertex (`lines`) and moves to the best. Where none is
better, a few random moves lead away; the next local optimum counts if it is better, otherwise the search goes
back (iterated local search). One step crosses many regions; shapes are fixed, so that searches run side by
side under `vmap`. Source: none.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxstack.axes import DeviceArray, Float, Int
from jaxstack.distributions import TypeDistribution
from jaxstack.solvers.walk.answers import favourite, payoff_vector, shortlist, tied, turned_vectors
from jaxstack.solvers.walk.arrangement import Arrangement
from jaxstack.solvers.walk.lines import Lines, earned, lines_through, tolerances

_EXACT = jax.lax.Precision.HIGHEST
_BETTER = 64  # units of rounding, relative to the leader's largest payoff


class Place(NamedTuple):
    """A vertex, and what the leader earns there. It can be the start of another search.

    x: commitment, in the game's own coordinates.
    responses: a best response of every follower type, ties in the leader's favour.
    value: what that earns, in the leader's units.
    active: the constraints that make the vertex, numbered as in `arrangement`.
    """

    x: Float[DeviceArray, "L"]
    responses: Int[DeviceArray, "n K"]  # int32
    value: Float[DeviceArray, ""]
    active: Int[DeviceArray, "D-1"]  # int32


class _Vertex(NamedTuple):
    """D - 1 constraints and sum x = 1 as rows of a matrix; the last column of its inverse is the vertex."""

    active: Int[DeviceArray, "D-1"]
    matrix: Float[DeviceArray, "D D"]
    inverse: Float[DeviceArray, "D D"]
    responses: Int[DeviceArray, "nK"]
    value: Float[DeviceArray, ""]


class _State(NamedTuple):
    here: _Vertex
    best: _Vertex
    kicks: Int[DeviceArray, ""]  # random moves left


def climb(
    key: jax.Array, arr: Arrangement, weights: Any, start: Place | Any, *, steps: int, kicks: int
) -> Place:
    """The best vertex that a search from `start` meets; never worse than the start. Traceable.

    Args:
      key: for the random moves.
      arr: of one game.
      weights: how likely types are: [n, K], their probabilities, where the leader's payoff is a sum over
        followers (`arr.terms`), otherwise a `TypeDistribution`.
      start: an earlier `Place` (of the same arrangement, under whatever weights), or [] int, a corner of the
        strategy set: on the simplex, the pure commitment to that leader action.
      steps: moves; static.
      kicks: random moves away from a local optimum, 1 to `kicks` of them; static.
    """
    here = _start(arr, weights, start)
    if here.active.shape[0] == 0 and arr.terms is not None:
        return _place(arr, weights, here)
    seed = jax.random.bits(key, (), jnp.uint32)

    def step(state: _State, number: jax.Array) -> tuple[_State, None]:
        if here.active.shape[0] == 0:  # the only commitment
            turned = _turned(
                arr,
                state.here,
                arr.rows[:, :, 0],
                arr.sizes[:, 0],
                *turned_vectors(arr, weights, state.here.responses),
            )
            return _State(turned, turned, state.kicks), None
        return _step(arr, weights, state, _mixed(seed + number), kicks), None

    state = _State(here, here, jnp.int32(0))
    best = jax.lax.scan(step, state, jnp.arange(steps, dtype=jnp.uint32))[0].best
    found = _place(arr, weights, best)
    if arr.terms is None:
        return found
    first = _place(arr, weights, here)  # in float32, a vertex may be worth less than it seems on the way
    return _either(found.value >= first.value, found, first)


def _start(arr: Arrangement, weights: Any, start: Place | Any) -> _Vertex:
    """The vertex to start from; its value is -inf where `_turned` is to tell it."""
    active = start.active if isinstance(start, Place) else jnp.asarray(arr.corners)[start]
    rows = jax.vmap(lambda constraint: _row(arr, constraint))(active)
    matrix = jnp.concatenate([rows, jnp.ones((1, arr.rows.shape[2]), arr.rows.dtype)])
    inverse = _on_sides(active, jnp.linalg.inv(matrix))
    if arr.terms is not None:
        return _Vertex(active, matrix, inverse, *respond(arr, weights, inverse[:, -1]))
    followers, sizes = (jnp.matmul(form, inverse[:, -1], precision=_EXACT) for form in (arr.rows, arr.sizes))
    best = held = tied(arr, followers, tolerances(inverse.dtype).tie * sizes)
    if isinstance(start, Place):
        held = best & (jnp.arange(best.shape[1], dtype=jnp.int32)[None] == start.responses.reshape(-1, 1))
    responses = jnp.argmax(jnp.where(held.any(axis=1, keepdims=True), held, best), axis=1).astype(jnp.int32)
    return _Vertex(active, matrix, inverse, responses, jnp.array(-jnp.inf, inverse.dtype))


def _row(arr: Arrangement, constraint: Int[DeviceArray, ""]) -> Float[DeviceArray, "D"]:
    """Coefficients of one constraint."""
    num_facets, (num_items, A, _) = arr.facets.shape[0], arr.rows.shape
    pair = jnp.maximum(constraint - num_facets, 0)
    rows = jnp.asarray(arr.rows).reshape(num_items * A, -1)
    ties = rows[pair // A] - rows[pair // (A * A) * A + pair % A]
    return jnp.where(
        constraint < num_facets, jnp.asarray(arr.facets)[jnp.minimum(constraint, num_facets - 1)], ties
    )


def _on_sides(active: Int[DeviceArray, "D-1"], inverse: Float[DeviceArray, "D D"]) -> jax.Array:
    """The inverse with its zeros exact where a share is held at 0: a penalty then does not see rounding."""
    D = inverse.shape[0]
    is_side = active[None, :] == jnp.arange(D, dtype=active.dtype)[:, None]  # [D, D-1]
    exact = jnp.pad(is_side, ((0, 0), (0, 1))).astype(inverse.dtype)
    return jnp.where(is_side.any(axis=1)[:, None], exact, inverse)


def _step(arr: Arrangement, weights: Any, state: _State, bits: jax.Array, kicks: int) -> _State:
    """One move: uphill, or at random; or back to the best vertex, from where random moves start."""
    here = state.here
    lines = lines_through(arr, here.inverse)
    shuffled = jnp.where(lines.exists, _shuffled(lines.at.shape, bits), -1)
    kicking = state.kicks > 0
    if arr.terms is not None:
        leader = jnp.matmul(arr.terms, here.inverse, precision=_EXACT)
        worth = jnp.where(lines.exists, earned(arr, lines, leader, weights.reshape(-1)), -jnp.inf)
        chosen = _first(jnp.where(kicking, shuffled.astype(worth.dtype), worth))
        value, responses = worth.reshape(-1)[chosen], here.responses  # of the best vertex, in the end
        turned, turning = here, jnp.asarray(False)
    else:
        base, turns = turned_vectors(arr, weights, here.responses)
        turned = _turned(arr, here, lines.followers[:, :, -1], lines.sizes[:, -1], base, turns)
        turning = ~kicking & (turned.value > here.value + _margin(turned.value))
        wanted = jnp.where(kicking, _first(shuffled), -1)
        chosen, value, responses = _promising(
            arr, weights, here, lines, base, turns - base[None, None], wanted
        )
    uphill = value > here.value + _margin(here.value)
    moved, usable = _moved(arr, here, lines, chosen)
    moved = moved._replace(value=value, responses=responses)
    moves = usable & (kicking | uphill)
    stuck = ~kicking & ~moves & ~turning
    here = _either(turning, turned, _either(stuck, state.best, _either(moves, moved, here)))
    away = jnp.where(stuck, 1 + (bits % kicks).astype(jnp.int32), 0)
    left = jnp.where(kicking, state.kicks - 1, away)
    return _State(here, _either(here.value > state.best.value, here, state.best), left)


def _turned(
    arr: Arrangement,
    here: _Vertex,
    followers: Float[DeviceArray, "nK A"],
    sizes: Float[DeviceArray, "nK"],
    base: Float[DeviceArray, "D"],
    turns: Float[DeviceArray, "nK A D"],
) -> _Vertex:
    """The vertex with the ties of that follower turned to whom it is worth most: exact for one follower."""
    x = here.inverse[:, -1]
    best = tied(arr, followers, tolerances(x.dtype).tie * sizes)
    responses, gains = favourite(arr, best, jnp.matmul(turns - base[None, None], x, precision=_EXACT))
    by_follower = gains.reshape(arr.shape).sum(axis=1)
    follower = jnp.argmax(by_follower)
    own = jnp.repeat(jnp.arange(arr.shape[0]) == follower, arr.shape[1])
    value = jnp.dot(base, x, precision=_EXACT) + by_follower[follower]
    return here._replace(responses=jnp.where(own, responses, here.responses), value=value)


def _promising(
    arr: Arrangement,
    types: TypeDistribution,
    here: _Vertex,
    lines: Lines,
    base: Float[DeviceArray, "D"],
    gains: Float[DeviceArray, "nK A D"],
    wanted: Int[DeviceArray, ""],
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The best of the points that promise most, or the one that is `wanted` (-1: none), value and responses.

    What a follower type's answers promise is taken from the responses at the vertex. That is exact where one
    follower changes its mind.
    """
    leader, ahead = (jnp.matmul(form, here.inverse, precision=_EXACT) for form in (gains, base))
    worth = earned(arr, lines, leader, jnp.ones(len(leader), base.dtype))
    worth = jnp.where(lines.exists, worth + ahead[-1] + lines.at * ahead[:-1, None], -jnp.inf).reshape(-1)
    _, points = jax.lax.top_k(worth, min(worth.size, shortlist(arr)))
    points = jnp.where(wanted >= 0, wanted, points)
    answers, values = jax.vmap(lambda point: _answers_at(arr, types, here, lines, leader, point))(points)
    values = jnp.where(lines.exists.reshape(-1)[points], values, -jnp.inf)
    first = jnp.argmax(values)
    return points[first], values[first], answers[first]


def _answers_at(
    arr: Arrangement,
    types: TypeDistribution,
    here: _Vertex,
    lines: Lines,
    leader: jax.Array,
    point: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Responses [nK] at a point of a line, ties as `leader` has it, and what they earn."""
    line, at = point // lines.at.shape[1], lines.at.reshape(-1)[point]
    size = lines.sizes[:, -1] + jnp.abs(at) * lines.sizes[:, line]
    followers = lines.followers[:, :, -1] + at * lines.followers[:, :, line]
    best = tied(arr, followers, tolerances(at.dtype).tie * size)
    responses, _ = favourite(arr, best, leader[:, :, -1] + at * leader[:, :, line])
    x = here.inverse[:, -1] + at * here.inverse[:, line]
    return responses, jnp.dot(payoff_vector(arr, types, responses), x, precision=_EXACT)


def _margin(value: Float[DeviceArray, ""]) -> jax.Array:
    """By how much another value must be better to count: not by rounding."""
    return _BETTER * jnp.finfo(value.dtype).eps * (1 + jnp.abs(value))


def _mixed(number: jax.Array) -> jax.Array:
    """32 bits that look random, of a number. Source: Wellons, hash function prospector (lowbias32)."""
    number = (number ^ (number >> 16)) * jnp.uint32(0x7FEB352D)
    number = (number ^ (number >> 15)) * jnp.uint32(0x846CA68B)
    return number ^ (number >> 16)


def _shuffled(shape: tuple[int, ...], bits: jax.Array) -> Float[DeviceArray, "D-1 P2"]:
    """Numbers from 0 in a random order: multiples of a random odd number, modulo 2^24."""
    index = jnp.arange(shape[0] * shape[1], dtype=jnp.uint32).reshape(shape)
    mixed = (index + (bits >> 8)) * (bits | 1)
    return (mixed >> 8).astype(jnp.float32)


def _first(scores: Float[DeviceArray, "D-1 P2"]) -> Int[DeviceArray, ""]:
    """The first of the highest scores, flat."""
    return jnp.argmax(scores.reshape(-1)).astype(jnp.int32)


def _either(first: jax.Array, yes: Any, no: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(first, a, b), yes, no)


def _moved(arr: Arrangement, here: _Vertex, lines: Lines, chosen: jax.Array) -> tuple[_Vertex, jax.Array]:
    """The vertex at a point of a line, and whether its constraints are independent and it is in the set."""
    points, D, num_facets = lines.at.shape[1], here.inverse.shape[0], arr.facets.shape[0]
    line, point = chosen // points, chosen % points
    pair, tie, row, on_row = _tie_at(
        arr, lines, jnp.minimum(point, points - 3), line, lines.at.reshape(-1)[chosen]
    )
    facet = lines.ends[jnp.maximum(point - (points - 2), 0), line]
    is_facet = point >= points - 2
    constraint = jnp.where(is_facet, facet, num_facets + pair)
    row = jnp.where(is_facet, jnp.asarray(arr.facets)[facet], row)
    on_row = jnp.where(is_facet, lines.facets[facet], on_row)
    own = jnp.arange(D, dtype=jnp.int32) == line
    pivot = on_row[line]
    usable = lines.exists.reshape(-1)[chosen] & (is_facet | tie) & (pivot != 0)
    usable &= ~(constraint == here.active).any()
    active = jnp.where(own[:-1], constraint, here.active)
    matrix = jnp.where(own[:, None], row[None], here.matrix)
    direction = here.inverse[:, line] / jnp.where(pivot == 0, 1, pivot)
    inverse = here.inverse - direction[:, None] * (on_row - own.astype(on_row.dtype))[None]
    # One step of Newton's method takes back what many updates add up to.
    inverse = 2 * inverse - jnp.matmul(
        inverse, jnp.matmul(matrix, inverse, precision=_EXACT), precision=_EXACT
    )
    inverse = _on_sides(active, inverse)
    inside = jnp.matmul(arr.facets, inverse[:, -1], precision=_EXACT) >= -tolerances(inverse.dtype).outside
    usable &= inside.all() & jnp.isfinite(inverse).all()
    return here._replace(active=active, matrix=matrix, inverse=inverse), usable


def _tie_at(
    arr: Arrangement, lines: Lines, point: jax.Array, line: jax.Array, at: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """The tie at a point: its number among ties, whether there is one, its row [D] and its tableau [D]."""
    _, A, D = arr.rows.shape
    if A == 1:
        return jnp.int32(0), jnp.asarray(False), jnp.zeros(D, at.dtype), jnp.zeros(D, at.dtype)
    item, action = point // (A - 1), 1 + point % (A - 1)
    followers, rows = lines.followers[item], jnp.asarray(arr.rows)[item]  # [A, D]
    steeper = followers[:, line] - followers[action, line]
    ahead = followers[action, -1] - followers[:, -1]
    crosses = jnp.abs(steeper) > tolerances(at.dtype).pivot * lines.sizes[item, line]
    crosses &= jnp.asarray(arr.playable)[item]
    away = jnp.where(crosses, jnp.abs(ahead / jnp.where(crosses, steeper, 1) - at), jnp.inf)
    other = jnp.argmin(away).astype(jnp.int32)
    pair = (item * A + action) * A + other
    return pair, crosses[other], rows[action] - rows[other], followers[action] - followers[other]


def respond(
    arr: Arrangement, weights: Float[DeviceArray, "n K"], x: Float[DeviceArray, "D"]
) -> tuple[Int[DeviceArray, "nK"], Float[DeviceArray, ""]]:
    """Followers' best responses to a commitment, ties in the leader's favour, and what they earn it.

    Of a payoff that is a sum over followers.
    """
    followers, sizes, leader = (
        jnp.matmul(form, x, precision=_EXACT) for form in (arr.rows, arr.sizes, arr.terms)
    )
    responses, gains = favourite(arr, tied(arr, followers, tolerances(x.dtype).tie * sizes), leader)
    return responses, jnp.dot(weights.reshape(-1), gains, precision=_EXACT)


def _place(arr: Arrangement, weights: Any, vertex: _Vertex) -> Place:
    """A vertex as a person sees it."""
    shares = jnp.maximum(vertex.inverse[:, -1], 0)
    shares = shares / shares.sum()
    responses, value = vertex.responses, vertex.value
    if arr.terms is not None:
        responses, value = respond(arr, weights, shares)
    x = shares if arr.points is None else jnp.matmul(shares, arr.points, precision=_EXACT)
    return Place(x, responses.reshape(arr.shape), value, vertex.active.astype(jnp.int32))
