"""Along the lines through a vertex: where followers change their minds, and what the leader earns there.

A *tableau* is a form's values along the D - 1 lines on which all constraints of a vertex but one stay tight:
form @ inverse, [.., D]. Column m < D - 1 is the slope along line m, the last one the value at the vertex.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxstack.axes import Bool, DeviceArray, Float, Int
from jaxstack.solvers.walk.arrangement import Arrangement

_UNROLLED = 6  # actions up to which a loop over them is written out: fewer passes over memory


class Tolerances(NamedTuple):
    """Of a float type: relative to the payoffs at stake."""

    tie: float  # up to which actions tie
    pivot: float  # slopes from which a line crosses a constraint
    outside: float  # by which a vertex may miss a facet: once it is put on it, its ties must still be ties


def tolerances(dtype: Any) -> Tolerances:
    """2^16, 2^26 and 2^26 units of rounding in float64, 2^5, 2^11 and 2^5 in float32."""
    if jnp.dtype(dtype).itemsize >= 8:
        return Tolerances(2.0**-36, 2.0**-26, 2.0**-26)
    return Tolerances(2.0**-18, 2.0**-12, 2.0**-18)


class Lines(NamedTuple):
    """The D - 1 lines through a vertex, and P + 2 points on each that may be better.

    The first P are where some follower type leaves (or enters) an action, P = n*K (A - 1); the last two are
    the ends of the line in the strategy set.
    """

    followers: Float[DeviceArray, "nK A D"]  # tableaus of the rows
    sizes: Float[DeviceArray, "nK D"]  # what rounding is relative to, likewise
    facets: Float[DeviceArray, "F D"]
    at: Float[DeviceArray, "D-1 P2"]  # how far along the line
    exists: Bool[DeviceArray, "D-1 P2"]
    ends: Int[DeviceArray, "2 D-1"]  # facets that end a line


def lines_through(arr: Arrangement, inverse: Float[DeviceArray, "D D"]) -> Lines:
    """The lines through a vertex, and the points on them."""
    exact = jax.lax.Precision.HIGHEST
    tol = tolerances(inverse.dtype)
    D = inverse.shape[0]
    followers = jnp.matmul(arr.rows, inverse, precision=exact)
    sizes = jnp.matmul(arr.sizes, jnp.abs(inverse), precision=exact)
    walls = jnp.matmul(arr.facets[D:], inverse, precision=exact)
    facets = jnp.concatenate([inverse, walls])
    ends_at, ends = _ends(facets, tol)
    low, high = ends_at[:1], ends_at[1:]
    at, meets = _crossings(arr, followers, sizes, tol)
    room = tol.pivot * (1 + jnp.abs(at))
    inside = (at >= low - room) & (at <= high + room)
    return Lines(
        followers,
        sizes,
        facets,
        jnp.concatenate(
            [jnp.where(inside, jnp.clip(at, low, high), 0), jnp.where(jnp.isfinite(ends_at), ends_at, 0)]
        ).T,
        jnp.concatenate([meets & inside, jnp.isfinite(ends_at)]).T,
        ends,
    )


def _ends(facets: Float[DeviceArray, "F D"], tol: Tolerances) -> tuple[jax.Array, jax.Array]:
    """Where each line enters and leaves the strategy set, and through which facets, each [2, D - 1]."""
    slope, value = facets[:, :-1], facets[:, -1:]
    value = jnp.where(value <= tol.tie, 0, value)
    crosses = jnp.abs(slope) > tol.pivot * jnp.abs(slope).max(axis=0, keepdims=True)
    ratio = -value / jnp.where(crosses, slope, 1)
    enters = jnp.where(crosses & (slope > 0), ratio, -jnp.inf)
    leaves = jnp.where(crosses & (slope < 0), ratio, jnp.inf)
    ends = jnp.stack([jnp.argmax(enters, axis=0), jnp.argmin(leaves, axis=0)])
    return jnp.stack([enters.max(axis=0), leaves.min(axis=0)]), ends.astype(jnp.int32)


def _crossings(
    arr: Arrangement,
    followers: Float[DeviceArray, "nK A D"],
    sizes: Float[DeviceArray, "nK D"],
    tol: Tolerances,
) -> tuple[jax.Array, jax.Array]:
    """Where types change their minds, each [P, D - 1]: how far along the line, and whether they do.

    A line meets an action's cell in an interval. Actions that action 0 overtakes are looked at where they are
    left, the others where they are entered: that is every change of mind, once or twice.
    """
    num_items, A, D = followers.shape
    if A == 1:
        return jnp.zeros((0, D - 1), followers.dtype), jnp.zeros((0, D - 1), bool)
    slope, value = followers[:, :, :-1], followers[:, :, -1:]
    flat = tol.pivot * sizes[:, None, :-1]
    level = tol.tie * sizes[:, None, -1:]

    def against(b: Any, interval: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        """The intervals of actions 1..A-1, cut by action b."""
        entered, left = interval
        steeper, ahead = slope[:, b, None] - slope[:, 1:], value[:, 1:] - value[:, b, None]
        crosses = jnp.abs(steeper) > flat
        where = ahead / jnp.where(crosses, steeper, 1)
        counts = arr.playable[:, b, None, None]
        lost = counts & ~crosses & (ahead < -level)
        entered = jnp.maximum(entered, jnp.where(counts & crosses & (steeper < 0), where, -jnp.inf))
        left = jnp.minimum(left, jnp.where(counts & crosses & (steeper > 0), where, jnp.inf))
        return entered, jnp.where(lost, -jnp.inf, left)

    start = jnp.full((num_items, A - 1, D - 1), jnp.inf, followers.dtype)
    entered, left = over_actions(A, against, (-start, start))
    at = jnp.where(slope[:, 0, None] > slope[:, 1:], left, entered)
    room = tol.pivot * (1 + jnp.abs(at))
    meets = arr.playable[:, 1:, None] & jnp.isfinite(at) & (entered <= left + room)
    return at.reshape(-1, D - 1), meets.reshape(-1, D - 1)


def over_actions(A: int, body: Callable[[Any, Any], Any], start: Any) -> Any:
    """body(a, carry) for a = 0 .. A-1."""
    if A > _UNROLLED:
        return jax.lax.fori_loop(0, A, body, start)
    for a in range(A):
        start = body(a, start)
    return start


def earned(
    arr: Arrangement, lines: Lines, leader: Float[DeviceArray, "nK A D"], weights: Float[DeviceArray, "nK"]
) -> Float[DeviceArray, "D-1 P2"]:
    """What followers' responses at each point are worth to the leader, ties in its favour, type by type.

    Args:
      leader: tableaus of the leader's payoff from each type's actions.
      weights: probabilities of the types.
    """
    A, at, tie = arr.rows.shape[1], lines.at, tolerances(lines.at.dtype).tie

    def along(tableau: Float[DeviceArray, "D"]) -> Float[DeviceArray, "D-1 P2"]:
        return tableau[-1] + at * tableau[:-1, None]

    def add(total: jax.Array, of_type: Any) -> tuple[jax.Array, None]:
        followers, size, leader, playable, alike, weight = of_type

        def better(a: Any, top: jax.Array) -> jax.Array:
            return jnp.maximum(top, jnp.where(playable[a], along(followers[a]), -jnp.inf))

        def favoured(a: Any, best: jax.Array) -> jax.Array:
            ties = playable[a] & (along(followers[a]) >= top)
            return jnp.maximum(best, jnp.where(ties, worst(a), -jnp.inf))

        def worst(a: Any) -> jax.Array:
            """What action a is worth, or the worst of those that it stands for."""
            if alike is None:
                return along(leader[a])
            each = jnp.where(alike[a, :, None, None], jax.vmap(along)(leader), jnp.inf)
            return each.min(axis=0)

        lowest = jnp.full(at.shape, -jnp.inf, at.dtype)
        top = over_actions(A, better, lowest)
        top = top - tie * (size[-1] + jnp.abs(at) * size[:-1, None])
        return total + weight * over_actions(A, favoured, lowest), None

    # A pass over the points for each type: they stay in the cache, and nothing is held for all types at once.
    of_types = (lines.followers, lines.sizes, leader, arr.playable, arr.alike, weights)
    return jax.lax.scan(add, jnp.zeros_like(at), of_types)[0]
