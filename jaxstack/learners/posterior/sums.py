"""Sums over a leading axis, eight terms at a time.

XLA's reductions on CPU are scalar code; sums written out are vector operations over what is summed, and a
thousand of them written out take minutes to compile.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxstack.axes import DeviceArray, Float

_AT_ONCE = 8


def sum_of(terms: Callable[..., Any], *arrays: jax.Array) -> Any:
    """Sum of terms(*rows) over the rows of arrays of one length; terms may be a tuple of arrays."""
    length = len(arrays[0])
    whole = length // _AT_ONCE * _AT_ONCE

    def some(first: int | jax.Array, count: int) -> Any:
        pieces = [jax.lax.dynamic_slice_in_dim(a, first, count) for a in arrays]
        return functools.reduce(_add, [terms(*(piece[i] for piece in pieces)) for i in range(count)])

    if length <= 2 * _AT_ONCE:
        return some(0, length)
    total = jax.lax.fori_loop(
        1, whole // _AT_ONCE, lambda i, so_far: _add(so_far, some(i * _AT_ONCE, _AT_ONCE)), some(0, _AT_ONCE)
    )
    return _add(total, some(whole, length - whole)) if whole < length else total


def _add(first: Any, second: Any) -> Any:
    return jax.tree.map(operator.add, first, second)


def total(values: Float[DeviceArray, "N *rest"]) -> jax.Array:
    """Sum over the leading axis."""
    return jnp.asarray(sum_of(lambda row: row, values))
