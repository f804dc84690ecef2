"""Mean payoff vector seen in each region: what the learners with action feedback remember."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack.axes import Array, DeviceArray, Float, Int
from jaxstack.learners.contract import ActionFeedback, Choice, Known, add_compensated, tie_tolerance
from jaxstack.learners.rows import larger, put_row, take_row


class RegionMeans(NamedTuple):
    """Sufficient statistics of every region, one packed row each: a round reads and writes one row.

    rows: [R, 2+2L] float: as the bits of integers, the first best vertex under the mean (0 before the first
      visit) and the number of visits; then summed payoff vectors (unit payoffs) and what these sums lost to
      rounding.
    """

    rows: Float[DeviceArray, "R P"]


def empty(known: Known) -> RegionMeans:
    """Before round 1."""
    shape = (known.table.padded_regions, 2 * known.game.num_leader_actions + 2)
    return RegionMeans(jnp.zeros(shape, known.dtype))


def best_vertex(means: RegionMeans, region: Int[Array, ""]) -> jax.Array:
    """First best vertex of a region under what was seen there; [] int32."""
    return _as_count(take_row(means.rows, region)[0])


def visits(means: RegionMeans) -> jax.Array:
    """Rounds in which each region was played, [R] int32."""
    return _as_count(means.rows[:, 1])


def _as_count(bits: jax.Array) -> jax.Array:
    return jax.lax.bitcast_convert_type(bits, _INTEGERS[bits.dtype.itemsize]).astype(jnp.int32)


def _as_bits(count: jax.Array, dtype: jnp.dtype) -> jax.Array:
    return jax.lax.bitcast_convert_type(count.astype(_INTEGERS[dtype.itemsize]), dtype)


_INTEGERS = {4: np.int32, 8: np.int64}


def observe(
    means: RegionMeans, known: Known, choice: Choice, feedback: ActionFeedback
) -> tuple[RegionMeans, Float[DeviceArray, ""], Int[DeviceArray, ""]]:
    """Statistics after a round in the chosen region, its best vertex value (unit payoffs) and its visits."""
    # Scalars throughout: batched over runs, each is one vector, where short arrays would not vectorise.
    region, leader = choice.region, known.game.num_leader_actions
    row, payoffs = take_row(means.rows, region), known.unit_payoff_vector(feedback.actions)
    sums = [add_compensated(row[2 + k], row[2 + leader + k], payoffs[k]) for k in range(leader)]
    total, error = zip(*sums, strict=True)
    visits = _as_count(row[1]) + 1
    share = 1 / visits.astype(row.dtype)
    mean = [part * share for part in total]  # `error` is below half a unit of rounding of `total`
    corners = known.table.vertices.shape[-2]
    # Coordinates sum to one, so that the last need not be read.
    shape = (known.table.padded_regions, corners * (leader - 1))  # not -1: L = 1 leaves no coordinates
    coordinates = take_row(known.table.vertices[..., :-1].reshape(shape), region)
    values = [
        sum((coordinates[v * (leader - 1) + k] * (mean[k] - mean[-1]) for k in range(leader - 1)), mean[-1])
        for v in range(corners)
    ]
    best = functools.reduce(larger, values)
    threshold = best - tie_tolerance(best.dtype)
    vertex = jnp.int32(corners - 1)
    for v in reversed(range(corners - 1)):
        vertex = jnp.where(values[v] >= threshold, v, vertex)
    new = [_as_bits(vertex, row.dtype), _as_bits(visits, row.dtype), *total, *error]
    rows = put_row(means.rows, region, jnp.stack(new))
    return RegionMeans(rows), best, visits
