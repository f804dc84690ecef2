"""What followers answer at one commitment, and what the leader's payoff makes of that."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxstack.axes import Bool, DeviceArray, Float, Int
from jaxstack.distributions import TypeDistribution
from jaxstack.solvers.walk.arrangement import Arrangement
from jaxstack.value import payoff_vector_of_map

_EXACT = jax.lax.Precision.HIGHEST
_LOOKED_AT = 64  # points whose payoff is computed in one step, at most and, where that is dear, at least
_LEAST_LOOKED_AT = 8
_FLOATS = 1 << 20  # of payoffs, that one step reads for them


def tied(
    arr: Arrangement, followers: Float[DeviceArray, "nK A"], slack: Float[DeviceArray, "nK"]
) -> Bool[DeviceArray, "nK A"]:
    """Which actions are best, given what each is worth to its follower type."""
    top = jnp.where(arr.playable, followers, -jnp.inf).max(axis=1)
    return arr.playable & (followers >= (top - slack)[:, None])


def favourite(
    arr: Arrangement, best: Bool[DeviceArray, "nK A"], leader: Float[DeviceArray, "nK A"]
) -> tuple[Int[DeviceArray, "nK"], Float[DeviceArray, "nK"]]:
    """Of the best actions, the leader's favourite, and what it is worth; the first of several.

    An action that stands for others counts as the worst of them, and is answered by it.
    """
    if arr.alike is not None:
        each = jnp.where(arr.alike, leader[:, None, :], jnp.inf)
        leader, worst = each.min(axis=2), each.argmin(axis=2).astype(jnp.int32)
    leader = jnp.where(best, leader, -jnp.inf)
    chosen = jnp.argmax(leader, axis=1).astype(jnp.int32)
    answers = chosen if arr.alike is None else jnp.take_along_axis(worst, chosen[:, None], axis=1)[:, 0]
    return answers, leader.max(axis=1)


def payoff_vector(
    arr: Arrangement, types: TypeDistribution, responses: Int[DeviceArray, "nK"]
) -> Float[DeviceArray, "D"]:
    """The leader's expected payoffs at the frame's points under one response map."""
    vector = payoff_vector_of_map(arr.leader, types, responses.reshape(arr.shape))
    vector = vector.astype(arr.rows.dtype)
    return vector if arr.points is None else jnp.matmul(arr.points, vector, precision=_EXACT)


def turned_vectors(
    arr: Arrangement, types: TypeDistribution, responses: Int[DeviceArray, "nK"]
) -> tuple[Float[DeviceArray, "D"], Float[DeviceArray, "nK A D"]]:
    """The payoff vector of a response map, and of every map that differs from it in one follower type."""
    num_items, A, D = arr.rows.shape
    items = jnp.arange(num_items, dtype=jnp.int32)
    at, action = jnp.repeat(items, A)[:, None], jnp.tile(jnp.arange(A, dtype=jnp.int32), num_items)[:, None]
    maps = jnp.concatenate([responses[None], jnp.where(items[None] == at, action, responses[None])])
    vectors = jax.vmap(lambda answers: payoff_vector(arr, types, answers))(maps)
    return vectors[0], vectors[1:].reshape(num_items, A, D)


def shortlist(arr: Arrangement) -> int:
    """How many points a step looks at, by what it reads for one of them."""
    floats = sum(leaf.size for leaf in jax.tree.leaves(arr.leader))
    return max(_LEAST_LOOKED_AT, min(_LOOKED_AT, _FLOATS // floats))
