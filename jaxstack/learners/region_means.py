"""Mean payoff vector seen in each region: what the learners with action feedback remember."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxstack.axes import DeviceArray, Float, Int
from jaxstack.learners.contract import (
    ActionFeedback,
    Choice,
    Known,
    add_compensated,
    first_best,
    tie_tolerance,
)


class RegionMeans(NamedTuple):
    """Sufficient statistics of every region, with the best vertex that they imply."""

    total: Float[DeviceArray, "R L"]  # summed payoff vectors, unit payoffs
    error: Float[DeviceArray, "R L"]  # what `total` lost to rounding
    visits: Int[DeviceArray, "R"]  # int32
    vertex: Int[DeviceArray, "R"]  # int32, first best vertex under the mean (0 before the first visit)


def empty(known: Known) -> RegionMeans:
    """Before round 1."""
    regions, leader = known.table.padded_regions, known.game.num_leader_actions
    zeros = jnp.zeros((regions, leader), known.payoff_range.dtype)
    return RegionMeans(zeros, zeros, jnp.zeros(regions, jnp.int32), jnp.zeros(regions, jnp.int32))


def observe(
    means: RegionMeans, known: Known, choice: Choice, feedback: ActionFeedback
) -> tuple[RegionMeans, Float[DeviceArray, ""], Int[DeviceArray, ""]]:
    """Statistics after a round in the chosen region, its best vertex value (unit payoffs) and its visits."""
    region = choice.region
    total, error = add_compensated(
        means.total[region], means.error[region], known.unit_payoff_vector(feedback.actions)
    )
    visits = means.visits[region] + 1
    mean = total / visits  # `error` is below half a unit of rounding of `total`
    values = (known.table.vertices[region] * mean).sum(axis=-1)
    vertex = first_best(values, tie_tolerance(values.dtype))
    means = RegionMeans(
        means.total.at[region].set(total),
        means.error.at[region].set(error),
        means.visits.at[region].set(visits),
        means.vertex.at[region].set(vertex),
    )
    return means, values.max(), visits
