"""Sums over a leading axis as vector operations, eight terms at a time.

XLA's reductions on CPU are scalar code, and so are loops that add to an array in place; a thousand terms
written out take minutes to compile. The order of addition depends on no more than the place of a term, so
that zeros at the end change nothing.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

_AT_ONCE = 8


def sum_of(term: Callable[..., Any], *arrays: jax.Array) -> Any:
    """Sum of term(*rows) over the rows of arrays of one length; terms may be tuples of arrays."""
    length = len(arrays[0])
    if length <= _AT_ONCE:
        return _add([term(*(array[i] for array in arrays)) for i in range(length)])
    whole = length // _AT_ONCE * _AT_ONCE
    groups = [array[:whole].reshape(-1, _AT_ONCE, *array.shape[1:]) for array in arrays]
    sums = jax.lax.map(lambda group: sum_of(term, *group), tuple(groups))
    if whole < length:
        rest = sum_of(term, *(array[whole:] for array in arrays))
        sums = jax.tree.map(lambda many, one: jnp.concatenate([many, one[None]]), sums, rest)
    return sum_of(lambda *rows: jax.tree.unflatten(jax.tree.structure(sums), rows), *jax.tree.leaves(sums))


def total(values: jax.Array) -> jax.Array:
    """Sum over the leading axis."""
    return jnp.asarray(sum_of(lambda row: row, values))


def _add(terms: list[Any]) -> Any:
    return functools.reduce(functools.partial(jax.tree.map, operator.add), terms)
