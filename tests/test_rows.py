"""Row access and tournaments, against plain NumPy."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstack.learners import rows

SIZES = [1, 2, 31, 32, 33, 64, 65, 200, 1100, 5000]


def first(values: np.ndarray, tolerance: float) -> int:
    return int(np.flatnonzero(values >= values.max() - tolerance)[0])


@pytest.mark.parametrize("size", SIZES)
def test_a_tournament_finds_what_a_plain_search_finds(size: int) -> None:
    """After every one of many replacements, in several runs at once, with exact ties and infinities."""
    rng, runs, tolerance = np.random.default_rng(size), 3, 1e-3
    values = rng.integers(0, 5, (runs, size)).astype(np.float32)
    values[:, rng.integers(size)] = np.inf
    axes = jax.tree.map(lambda leaf: rows.runs_axis(leaf.shape), jax.eval_shape(rows.tournament, values[0]))
    tree = jax.vmap(rows.tournament, out_axes=axes)(values)

    @jax.jit
    def step(tree: rows.Tournament, index: jax.Array, value: jax.Array) -> tuple[rows.Tournament, jax.Array]:
        tree = jax.vmap(rows.replace, (axes, 0, 0), axes)(tree, index, value)
        return tree, jax.vmap(lambda t: rows.winner(t, tolerance), (axes,))(tree)

    for _ in range(60):
        index = rng.integers(0, size, runs).astype(np.int32)
        value = (rng.integers(0, 5, runs) + rng.choice([0, 1e-4, -1e-4, 1e-2], runs)).astype(np.float32)
        values[np.arange(runs), index] = value
        tree, winners = step(tree, index, value)
        assert winners.tolist() == [first(row, tolerance) for row in values]


@pytest.mark.parametrize("size", SIZES)
def test_first_best_takes_the_lowest_of_the_tied(size: int) -> None:
    values = np.random.default_rng(size).integers(0, 3, (4, size)).astype(np.float32)
    found = jax.vmap(lambda v: rows.first_best(v, 0.5))(values)
    assert found.tolist() == [first(row, 0.5) for row in values]
    assert int(rows.first_best(jnp.asarray(values[0]), 0.5)) == first(values[0], 0.5)


def test_rows_are_read_and_written() -> None:
    table = np.arange(60, dtype=np.float32).reshape(3, 5, 4)
    index = np.array([4, 0, 2], np.int32)
    np.testing.assert_array_equal(jax.vmap(rows.take_row)(table, index), table[np.arange(3), index])
    written = jax.vmap(rows.put_row)(table, index, -np.ones((3, 4), np.float32))
    table[np.arange(3), index] = -1
    np.testing.assert_array_equal(written, table)


@pytest.mark.parametrize("size", [1, 8, 9, 200, 2048, 2049])
def test_a_search_in_lanes_takes_the_lowest_of_the_tied(size: int) -> None:
    """Row by row, and where there are too many rows for that."""
    rng = np.random.default_rng(size)
    for _ in range(5):
        values = rng.integers(0, 5, size) + rng.choice([0, 1e-4, -1e-4, 1e-2], size)
        leads = rows.in_lanes(jnp.asarray(values, jnp.float32), -jnp.inf)
        assert int(rows.first_best_in_lanes(leads, jnp.float32(1e-3))) == first(values, 1e-3)
        if leads.ndim > 1:  # what other devices than CPUs do
            assert int(rows._first_best_by_reductions(leads, jnp.float32(1e-3))) == first(values, 1e-3)


@pytest.mark.parametrize("size", [1, 9, 32, 33, 200])
@pytest.mark.parametrize("games", [None, 2])
def test_a_row_is_added_and_one_counted(size: int, games: int | None) -> None:
    """In vectors of few numbers and in lanes; alone, over runs, and over runs of games with own tables."""
    rng, runs, batch = np.random.default_rng(size), 5, () if games is None else (games,)
    table = rng.normal(size=(*batch, 7, size)).astype(np.float32)
    values = rng.normal(size=(*batch, runs, size)).astype(np.float32)
    index = rng.integers(0, 7, (*batch, runs)).astype(np.int32)

    def add(values: jax.Array, index: jax.Array, table: jax.Array) -> jax.Array:
        rows_of_table = rows.in_lanes(table, 0)
        return rows.add_row(rows.in_lanes(values, 0), index, rows_of_table).reshape(-1)[:size]

    def count(index: jax.Array) -> jax.Array:
        return rows.count_one(rows.none_counted(size), index % size).reshape(-1)

    over_runs = jax.vmap(add, (0, 0, None)), jax.vmap(count)
    added, counted = over_runs if games is None else map(jax.vmap, over_runs)
    expected = values + np.take_along_axis(table, index[..., None], axis=-2)
    np.testing.assert_array_equal(added(values, index, table), expected)
    np.testing.assert_array_equal(counted(index), index[..., None] % size == np.arange(size))
    if games is None:
        np.testing.assert_array_equal(add(values[0], index[0], table), expected[0])
        own = jax.vmap(add)(values, index, np.stack([table] * runs))
        np.testing.assert_array_equal(own, expected)


@pytest.mark.parametrize("count", [1, 5, 64, 130])
def test_a_weighted_sum_is_one_and_rows_of_zeros_change_nothing(count: int) -> None:
    """Written out and in a loop; by runs that share the rows; to the last bit whatever stands behind."""
    rng = np.random.default_rng(count)
    table = rng.normal(size=(count, 3, 8)).astype(np.float32)
    weights = rng.normal(size=(4, count)).astype(np.float32)
    of_runs = jax.jit(jax.vmap(rows.weighted_sum, (None, 0)))
    found = of_runs(table, weights)
    wanted = np.einsum("fmk,sf->smk", table.astype(np.float64), weights.astype(np.float64))
    np.testing.assert_allclose(found, wanted, atol=1e-6 * count)
    padded = np.pad(table, ((0, 70), (0, 0), (0, 0))), np.pad(weights, ((0, 0), (0, 70)))
    np.testing.assert_array_equal(of_runs(*padded), found)
