"""Types that nothing seen tells apart, as one.

Types that lead to the same outcomes, of those that were ever seen, have the same slope of the likelihood: at
its maximum their probabilities are as their prior weights. So a problem of thousands of types is one of as
many classes as what was seen tells apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack.axes import DeviceArray, Float, Int
from jaxstack.learners.rows import IN_RANGE, take_row

_SHARES = (8, 4)  # classes that a program is made for: of J types J/8, J/4, and J


class Problem(NamedTuple):
    """Arguments of `newton.maximise`, for one problem; weight: of all counts and prior weights."""

    weights: Float[DeviceArray, "S E"]
    outcome: Int[DeviceArray, "S J"]
    prior: Float[DeviceArray, "J"]
    start: Float[DeviceArray, "J"]
    weight: Float[DeviceArray, ""]


def solve_by_classes(solve: Callable[[Problem], jax.Array], problem: Problem) -> Float[DeviceArray, "J"]:
    """What `solve` finds, by way of classes wherever these are few enough."""
    of_type, first, count = classes(problem)
    num_types = len(problem.prior)
    sizes = [num_types // share for share in _SHARES]

    def of_size(size: int) -> Callable[[], jax.Array]:
        def by_class() -> jax.Array:
            def total(values: jax.Array) -> jax.Array:
                return jnp.zeros(size, values.dtype).at[of_type].add(values, mode=IN_RANGE)

            # What there is no class for leads nowhere, and is where its prior wants it from the start.
            real = jnp.arange(size, dtype=jnp.int32) < count
            prior = jnp.where(real, total(problem.prior), 1)
            start = jnp.where(real, total(problem.start), 1 / problem.weight)
            outcome = jnp.where(real, problem.outcome[:, first[:size]], -1)
            found = solve(Problem(problem.weights, outcome, prior, start, problem.weight))
            return problem.prior * take_row(found / prior, of_type)

        return by_class

    branch = sum(((count > size).astype(jnp.int32) for size in sizes), jnp.int32(0))
    return jnp.asarray(jax.lax.switch(branch, [*map(of_size, sizes), lambda: solve(problem)]))


def classes(problem: Problem) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Class [J] of every type, in 0..C-1; one type of every class, [J], of which the first C count; and C.

    Types are told apart by two hashes of 32 bits: two classes of thousands are taken for one in a problem of
    10^12.
    """
    weights, outcome, prior = problem.weights, problem.outcome, problem.prior
    event = jnp.arange(weights.size, dtype=jnp.uint32).reshape(weights.shape) + 1
    labels = [jnp.where(weights > 0, _mixed(event * np.uint32(odd)), 0) for odd in (0x9E3779B1, 0x85EBCA77)]

    def add(number: jax.Array, hashes: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        reached = jnp.maximum(outcome[number], 0)
        somewhere = outcome[number] >= 0
        return tuple(
            h + jnp.where(somewhere, take_row(label[number], reached), 0)
            for h, label in zip(hashes, labels, strict=True)
        )

    nothing = jnp.zeros(len(prior), jnp.uint32)
    hashes = jax.lax.fori_loop(0, num_in_use(weights), add, (nothing, nothing))
    *hashes, order = jax.lax.sort((*hashes, jnp.arange(len(prior), dtype=jnp.int32)), num_keys=2)
    new = jnp.zeros(len(prior), bool)
    for values in hashes:
        new = new | (values != jnp.roll(values, 1))
    new = new.at[0].set(True)
    label = jnp.cumsum(new, dtype=jnp.int32) - 1
    of_type = jnp.zeros_like(order).at[order].set(label, unique_indices=True)
    # Where several types have a class any of them will do: they lead to the same.
    first = jnp.zeros_like(order).at[of_type].set(jnp.arange(len(prior), dtype=jnp.int32))
    return of_type, first, label[-1] + 1


def num_in_use(weights: Float[DeviceArray, "S *rest"]) -> Int[DeviceArray, ""]:
    """Response maps up to the last that has weight."""
    in_use = (weights > 0).any(axis=tuple(range(1, weights.ndim)))
    return jnp.where(in_use, jnp.arange(1, len(weights) + 1, dtype=jnp.int32), 0).max()


def _mixed(values: jax.Array) -> jax.Array:
    """Every bit of the result depends on all bits of a 32-bit number (the finaliser of MurmurHash3)."""
    values = (values ^ (values >> 16)) * np.uint32(0x85EBCA6B)
    values = (values ^ (values >> 13)) * np.uint32(0xC2B2AE35)
    return values ^ (values >> 16)
