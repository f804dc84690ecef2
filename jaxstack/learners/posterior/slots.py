"""Counts of outcomes by the way in which followers respond, for as many ways as are ever of interest."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxstack.axes import DeviceArray, Int
from jaxstack.learners.rows import IN_RANGE

MAX_SLOTS = 64  # a learner sees few of many ways; least visited ones make room


class Slots(NamedTuple):
    """Ways of each of P problems in the order in which they were first planned; the least visited makes room.

    way: [S, P] int32, -1 in free slots, which are the last; or responses [S, P, ..], where ways have no
      numbers.
    counts: [S, P, E] int32, of the outcomes.
    """

    way: Int[DeviceArray, "S P *responses"]
    counts: Int[DeviceArray, "S P E"]


def empty(num_ways: int, num_problems: int, num_outcomes: int, responses: tuple[int, ...] = ()) -> Slots:
    """Before round 1."""
    shape = (min(num_ways, MAX_SLOTS), num_problems)
    return Slots(jnp.full((*shape, *responses), -1, jnp.int32), jnp.zeros((*shape, num_outcomes), jnp.int32))


def claim(
    slots: Slots, way: Int[DeviceArray, "P *responses"], kept: Int[DeviceArray, "P"]
) -> tuple[Slots, jax.Array]:
    """Slots [P] of these ways, their own or taken over from others; never `kept` [P], but as their own."""
    index = jnp.arange(len(slots.way), dtype=jnp.int32)[:, None]
    by_slot = slots.way.reshape(*slots.counts.shape[:2], -1)
    # Lowest first: its own; a free one; the least visited one; the one that is kept.
    same = (by_slot == way.reshape(1, len(way), -1)).all(axis=2)
    cost = jnp.where(same, -2, jnp.where(by_slot[:, :, 0] < 0, -1, slots.counts.sum(axis=2)))
    cost = jnp.where((index == kept[None]) & ~same, jnp.iinfo(jnp.int32).max, cost)
    slot = jnp.argmin(cost, axis=0).astype(jnp.int32)
    taken = index == slot[None]
    counts = jnp.where((taken & ~same)[:, :, None], 0, slots.counts)
    taken = taken.reshape(*taken.shape, *(1,) * (way.ndim - 1))
    return Slots(jnp.where(taken, way[None], slots.way), counts), slot


def count(slots: Slots, slot: Int[DeviceArray, "P"], outcome: Int[DeviceArray, "P"]) -> Slots:
    """One more of these outcomes, each in its slot."""
    problem = jnp.arange(len(outcome), dtype=jnp.int32)
    counts = slots.counts.at[slot, problem, outcome].add(
        1, mode=IN_RANGE, unique_indices=True, wrap_negative_indices=False
    )
    return slots._replace(counts=counts)
