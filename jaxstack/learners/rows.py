"""Reading and writing one row of a table, and the best of many numbers, in the ways that compile well.

Per run these are `table[i]`, `table.at[i].set(row)` and an argmax. Batched over runs by `vmap`, rows are
gathered and scattered, and are contiguous in memory when the axis of runs comes first; a vector is searched
by vector operations over runs when the axis of runs comes last (`runs_axis`, which
`jaxstack.simulation.batching` follows).
`vmap` by itself would move every batched axis to the front, hence the batching rules below.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap

from jaxstack.axes import Array, DeviceArray, Float, Int

IN_RANGE = "promise_in_bounds"
_UNROLLED = 64  # a search among so many is one unrolled pass of vector operations over runs
_BLOCK = 16
_LANES = 8  # a vector register of most processors: rows that XLA's loops over runs turn into one instruction
_LEAST_ROWS = 16  # of lanes: LLVM unrolls loops over fewer, and then leaves lanes to scalar code
_ROWS = 256  # of lanes up to which a search is written out, row by row
_FEW = 32  # numbers that are best off in a vector, with the axis of runs last


def runs_axis(shape: tuple[int, ...]) -> int:
    """Where the axis of runs goes in a batched state: last for vectors, first for tables of rows."""
    return 0 if len(shape) >= 2 else -1


def take_row(table: Array, index: Int[Array, "..."]) -> jax.Array:
    """table[index]; the index must be in range."""
    return jnp.asarray(table).at[index].get(mode=IN_RANGE, wrap_negative_indices=False)


def put_row(table: DeviceArray, index: Int[Array, ""], row: DeviceArray) -> jax.Array:
    """`table` with `row` at `index`, which must be in range."""
    return table.at[index].set(row, mode=IN_RANGE, unique_indices=True, wrap_negative_indices=False)


def runs_last(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """`function`, batched over runs with their axis *last* in its arrays and in its result.

    Args:
      function: of arrays that have an axis of runs behind all others, or none, and of one last array that is
        the same for all runs.
    """
    alone = custom_vmap(function)

    @alone.def_vmap
    def of_runs(size: int, batched: list[bool], *args: jax.Array) -> tuple[jax.Array, bool]:
        if batched[-1]:
            return jax.vmap(function, [0 if is_batched else None for is_batched in batched])(*args), True
        *own, shared = args
        own = [jnp.moveaxis(a, 0, -1) for a in _all_batched(size, batched[:-1], own)]
        return jnp.moveaxis(function(*own, shared), -1, 0), True

    return alone


def add_row(values: DeviceArray, index: Int[Array, ""], table: Array) -> jax.Array:
    """values + table[index], which may be a vector of few numbers; the index must be in range."""
    return values + take_row(table, index) if values.ndim > 1 else _add_few(values, index, table)


@runs_last
def _add_few(values: Float[DeviceArray, "M *S"], index: Int[Array, "*S"], table: Array) -> jax.Array:
    # Without the barrier, XLA's loops on CPU gather number by number.
    rows = jax.lax.optimization_barrier(take_row(table, index))
    return values + jnp.moveaxis(rows, -1, 0)


def none_counted(count: int) -> jax.Array:
    """So many counts of 0, for `count_one`: a vector of few, else a table of one row; int32."""
    return jnp.zeros((count,) if count <= _FEW else (1, count), jnp.int32)


def count_one(counts: Int[DeviceArray, "*1 F"], index: Int[Array, ""]) -> jax.Array:
    """`counts`, a vector of few or a table of one row, with one more at `index`, which must be in range."""
    if counts.ndim > 1:
        return counts.at[0, index].add(1, mode=IN_RANGE)
    return _count_one_of_few(counts, index, jnp.arange(len(counts), dtype=index.dtype))


@runs_last
def _count_one_of_few(counts: Int[DeviceArray, "F *S"], index: Int[Array, "*S"], places: Array) -> jax.Array:
    here = places.reshape(-1, *(1,) * index.ndim) == jnp.expand_dims(index, 0)
    return counts + here.astype(counts.dtype)


@custom_vmap
def put_entry(values: Float[DeviceArray, "M"], index: Int[Array, ""], value: DeviceArray) -> jax.Array:
    """A vector with `value` at `index`, which must be in range."""
    return put_row(values, index, value)


@put_entry.def_vmap
def _put_entries(size: int, batched: list[bool], *args: jax.Array) -> tuple[jax.Array, bool]:
    values, index, value = _all_batched(size, batched, args)
    runs = jnp.arange(size, dtype=jnp.int32)
    return values.T.at[index, runs].set(value, mode=IN_RANGE, unique_indices=True).T, True


def first_above(values: Float[Array, "M"], threshold: Float[DeviceArray, ""]) -> jax.Array:
    """Lowest index with a value of at least `threshold` (there must be one); [] int32."""
    last = values.shape[0] - 1
    if last >= _UNROLLED:
        places = [
            jnp.where(piece >= threshold, np.arange(at, at + len(piece), dtype=np.int32), last)
            for at, piece in _pieces(values)
        ]
        return pairwise(jnp.minimum, places).min()
    index = jnp.int32(last)
    for i in reversed(range(last)):
        index = jnp.where(values[i] >= threshold, i, index)
    return index


def larger(first: DeviceArray, second: DeviceArray) -> jax.Array:
    """The larger of two numbers, in one instruction; `jnp.maximum` takes more, to pass on NaN."""
    return jnp.where(first > second, first, second)


def maximum(values: Float[Array, "M"]) -> jax.Array:
    """The largest value; []."""
    if values.shape[0] > _UNROLLED:
        return pairwise(larger, [piece for _, piece in _pieces(values)]).max()
    return pairwise(larger, list(values))


def pairwise(combine: Callable[[jax.Array, jax.Array], jax.Array], parts: list[jax.Array]) -> jax.Array:
    """All parts combined, pair by pair: one after the other, each operation would wait for the one before."""
    while len(parts) > 1:
        alone = parts[len(parts) & ~1 :]
        parts = [*map(combine, parts[::2], parts[1::2]), *alone]
    return parts[0]


def _pieces(values: Array) -> list[tuple[int, jax.Array]]:
    """A vector in equal pieces, at most 64, with their offsets; the last one overlaps the one before.

    A vector is searched by comparing pieces with each other, which are vector operations, and only the
    remaining piece number by number, as XLA's reductions on CPU do.
    """
    values = jnp.asarray(values)
    size = _BLOCK * -(-values.shape[0] // (64 * _BLOCK))
    offsets = [*range(0, values.shape[0] - size, size), values.shape[0] - size]
    return [(at, values[at : at + size]) for at in offsets]


def _all_batched(size: int, batched: list[bool], args: Any) -> list[jax.Array]:
    """Arguments with the axis of runs in front, also where they do not depend on the run."""
    return [
        a if is_batched else jnp.broadcast_to(a, (size, *jnp.shape(a)))
        for a, is_batched in zip(args, batched, strict=True)
    ]


def first_best(values: Float[Array, "M"], tolerance: float | jax.Array) -> jax.Array:
    """Lowest index whose value is within `tolerance` of the maximum; [] int32.

    A maximum and a search for its first place: XLA's argmax on CPU is scalar code.
    """
    return first_above(values, maximum(values) - tolerance)


def lanes(count: int) -> tuple[int, ...]:
    """Shape of `count` numbers `in_lanes`, padding included."""
    if count <= _FEW:
        return (count,)
    return (max(-(-count // _LANES), _LEAST_ROWS), _LANES)


def in_lanes(values: Float[Array, "*batch M"], padding: float) -> jax.Array:
    """Vectors as tables of rows of 8, [.., M/8, 8]: with the axis of runs in front, rows add as vectors.

    Few numbers stay vectors, which add over runs.
    """
    shape = lanes(values.shape[-1])
    widths = [(0, 0)] * (values.ndim - 1) + [(0, math.prod(shape) - values.shape[-1])]
    return jnp.pad(values, widths, constant_values=padding).reshape(*values.shape[:-1], *shape)


def first_best_in_lanes(values: Float[DeviceArray, "M/8 8"], tolerance: float | jax.Array) -> jax.Array:
    """`first_best` of a vector `in_lanes`, padded with -inf; [] int32."""
    if values.ndim == 1:
        return first_best(values, tolerance)
    if len(values) > _ROWS:
        return _first_best_by_reductions(values, tolerance)
    # Row by row on CPUs, where reductions over an axis other than the last take several times as long. On
    # GPUs it would be a kernel more, which reads all values once more.
    return jax.lax.platform_dependent(
        values, tolerance, cpu=_first_best_by_rows, default=_first_best_by_reductions
    )


def _first_best_by_reductions(values: DeviceArray, tolerance: float | jax.Array) -> jax.Array:
    place = np.arange(values.size, dtype=np.int32).reshape(values.shape)
    level = values.max(axis=0).max() - tolerance
    return jnp.where(values >= level, place, values.size).min(axis=0).min()


def _first_best_by_rows(values: DeviceArray, tolerance: float | jax.Array) -> jax.Array:
    level = pairwise(larger, list(values)).max() - tolerance
    far = np.int32(values.size)
    first = [jnp.where(row >= level, np.int32(at * _LANES), far) for at, row in enumerate(values)]
    return (pairwise(jnp.minimum, first) + np.arange(_LANES, dtype=np.int32)).min()


def weighted_sum(rows: Float[Array, "F *row"], weights: Float[DeviceArray, "F"]) -> jax.Array:
    """Sum of rows times weights, [*row], computed once, whoever uses it.

    One after the other, as a product of matrices would not: its rounding hangs by its sizes, while here rows
    of zeros behind the others (other games of a batch have more) change nothing. Rows are written out up to
    64, whose products a loop adds to.
    """
    rows = jnp.asarray(rows)
    terms = [rows[i] * weights[i] for i in range(min(len(rows), _UNROLLED))]
    total = functools.reduce(jnp.add, terms)
    if len(rows) > _UNROLLED:
        more = (rows[_UNROLLED:], weights[_UNROLLED:])
        total, _ = jax.lax.scan(lambda total, term: (total + term[0] * term[1], None), total, more)
    # Without this XLA's fusions on CPU would each compute the sum for themselves.
    return jax.lax.optimization_barrier(total)


class Tournament(NamedTuple):
    """Values of which one changes at a time, with the maximum of every block, of every block of blocks, ..

    Finding the best and changing one value read one block a level, not all values.

    Attributes:
      top: [m] maxima of the blocks of the first level below, or all values where they are few.
      levels: tables [blocks, b], from the maxima below the top down to the values themselves (padded, -inf).
    """

    top: Float[DeviceArray, "m"]
    levels: tuple[Float[DeviceArray, "blocks b"], ...]


def tournament(values: Float[DeviceArray, "M"]) -> Tournament:
    """A tournament over `values`."""
    levels: list[jax.Array] = []
    while values.shape[0] > _UNROLLED:
        padded = jnp.pad(values, (0, -values.shape[0] % _BLOCK), constant_values=-jnp.inf)
        levels.insert(0, padded.reshape(-1, _BLOCK))
        values = levels[0].max(axis=1)
    return Tournament(values, tuple(levels))


def winner(tree: Tournament, tolerance: float) -> jax.Array:
    """`first_best` of the values: the same index, found block by block."""
    threshold = maximum(tree.top) - tolerance
    index = first_above(tree.top, threshold)
    for level in tree.levels:
        index = index * _BLOCK + first_above(take_row(level, index), threshold)
    return index


def replace(tree: Tournament, index: Int[Array, ""], value: Float[DeviceArray, ""]) -> Tournament:
    """The tournament with another value at `index`."""
    levels: list[jax.Array] = []
    for level in reversed(tree.levels):
        block, place = index // _BLOCK, index % _BLOCK
        # Written first, and read from what was written: a table that is read as it was and written too would
        # be copied, whole, in every round.
        levels.insert(0, level.at[block, place].set(value, mode=IN_RANGE, unique_indices=True))
        index, value = block, maximum(take_row(levels[0], block))
    return Tournament(put_entry(tree.top, index, value), tuple(levels))
