"""Counts of outcomes, region by region, for as many regions as are ever of interest."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxstack.axes import DeviceArray, Int
from jaxstack.learners.rows import IN_RANGE, take_row

MAX_SLOTS = 64  # a learner visits few of many regions; least visited ones make room


class Slots(NamedTuple):
    """Regions in the order in which they were first planned; the least visited one makes room.

    region: [S] int32, -1 in free slots, which are the last; or response maps [S, n, K], where regions have no
      numbers.
    counts: [S, P, E] int32, of the outcomes of every problem.
    """

    region: Int[DeviceArray, "S *n_K"]
    counts: Int[DeviceArray, "S P E"]


def empty(num_regions: int, num_problems: int, num_outcomes: int) -> Slots:
    """Before round 1."""
    size = min(num_regions, MAX_SLOTS)
    return Slots(jnp.full(size, -1, jnp.int32), jnp.zeros((size, num_problems, num_outcomes), jnp.int32))


def claim(
    slots: Slots, region: Int[DeviceArray, "*n_K"], kept: Int[DeviceArray, ""]
) -> tuple[Slots, jax.Array]:
    """Slot of a region, its own or one that it takes over; never slot `kept`, unless that is its own."""
    index = jnp.arange(len(slots.region), dtype=jnp.int32)
    visits = slots.counts[:, 0].sum(axis=1)
    # Lowest first: its own; a free one; the least visited one; the one that is kept.
    same = (slots.region == region[None]).reshape(len(index), -1).all(axis=1)
    free = slots.region.reshape(len(index), -1)[:, 0] < 0
    cost = jnp.where(same, -2, jnp.where(free, -1, visits))
    cost = jnp.where((index == kept) & ~same, jnp.iinfo(jnp.int32).max, cost)
    slot = jnp.argmin(cost).astype(jnp.int32)
    here = index == slot
    counts = jnp.where(here[:, None, None] & ~take_row(same, slot), 0, slots.counts)
    taken = here.reshape(-1, *(1,) * region.ndim)
    return Slots(jnp.where(taken, region[None], slots.region), counts), slot


def count(slots: Slots, slot: Int[DeviceArray, ""], outcome: Int[DeviceArray, "P"]) -> Slots:
    """One more of each of these outcomes in a slot."""
    problem = jnp.arange(len(outcome), dtype=jnp.int32)
    counts = slots.counts.at[slot, problem, outcome].add(
        1, mode=IN_RANGE, unique_indices=True, wrap_negative_indices=False
    )
    return slots._replace(counts=counts)
