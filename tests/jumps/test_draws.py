"""Draws and moments of mixtures, value by value and round by round."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest

from jaxstack.jumps.draws import Guide, Mixture, count_features, multinomial, pick

pytestmark = pytest.mark.once

CELLS = 2**16
MIXTURE = Mixture(
    np.array([0.25, 0.75]),
    np.array([[[0.9, 0.1, 0.0], [0.8, 0.1, 0.1]], [[0.0, 0.5, 0.5], [0.1, 0.3, 0.6]]]),
)


class Scripted:
    """A generator that returns these numbers."""

    def __init__(self, cells: list[int], fractions: list[float]) -> None:
        self._cells, self._fractions = cells, fractions

    def integers(self, low: int, high: int, shape: tuple[int, int], dtype: type) -> np.ndarray:
        assert (low, high) == (0, CELLS)
        return np.array(self._cells, dtype).reshape(shape)

    def random(self, size: int) -> np.ndarray:
        assert size <= len(self._fractions)
        return np.array(self._fractions[:size])


def drawn(probabilities: list[list[float]], component: int | None, cell: int, fraction: float) -> int:
    of = None if component is None else np.array([[component]])
    guide = Guide.of(np.array(probabilities))
    return int(pick(Scripted([cell], [fraction]), guide, (1, 1), of)[0, 0])


@pytest.mark.parametrize("component", [None, 1])
@pytest.mark.parametrize(
    ("cell", "fraction", "value"),
    [
        (0, 0.0, 1),  # the threshold 0 of an impossible value: the first possible one
        (2**14 - 1, 1 - 2**-53, 1),
        (2**14, 0.0, 2),  # at the threshold 1/4, between cells: the value that begins there
        (2**15, 0.5, 2),
        (2**15 + 1, 0.25 - 2**-30, 2),
        (2**15 + 1, 0.25, 4),  # at a threshold within a cell; value 3 never comes
        (2**16 - 1, 1 - 2**-53, 4),  # never the impossible last
    ],
)
def test_a_number_belongs_to_the_value_that_begins_there(
    component: int | None, cell: int, fraction: float, value: int
) -> None:
    split = 0.5 + 1.25 / CELLS
    row = [0.0, 0.25, split - 0.25, 0.0, 1 - split, 0.0]
    rows = [row] if component is None else [[1.0, 0, 0, 0, 0, 0], row]
    assert drawn(rows, component, cell, fraction) == value


def test_moments_are_those_of_all_that_can_come() -> None:
    """Variance between components is part of it, and what has probability zero is no maximum."""
    gains = np.random.default_rng(0).normal(size=(4, 6))
    gains[:, 2] = 50  # impossible in the first component
    outcomes = [
        (weight * np.prod([part[k] for part, k in zip(parts, types, strict=True)]), types)
        for weight, parts in zip(MIXTURE.weights, MIXTURE.marginals, strict=True)
        for types in itertools.product(range(3), repeat=2)
    ]
    probability = np.array([p for p, _ in outcomes])
    sums = np.array([gains[:, types[0]] + gains[:, 3 + types[1]] for _, types in outcomes])  # [o, M]
    mean, variance, most = MIXTURE.moments(gains)
    np.testing.assert_allclose(mean, probability @ sums)
    np.testing.assert_allclose(variance, probability @ (sums - probability @ sums) ** 2)
    np.testing.assert_allclose(most, sums[probability > 0].max(axis=0))
    tilt = np.array([0.1, -0.3, 0.7, 0.01])
    np.testing.assert_allclose(MIXTURE.log_moment(gains, tilt), np.log(probability @ np.exp(tilt * sums)))


def test_samples_and_counts_have_the_same_means() -> None:
    """Features 0..5, follower after follower, with the frequencies of the mixture."""
    rng, rounds = np.random.default_rng(1), 40_000
    exact = np.einsum("c,cnk->nk", MIXTURE.weights, MIXTURE.marginals).ravel()
    sampled = count_features(MIXTURE.sample(rng, (1, rounds)), 6)[0]
    counted = MIXTURE.counts(rng, np.array([rounds]))[0]
    for found in (sampled, counted):
        assert found.reshape(2, 3).sum(axis=1).tolist() == [rounds, rounds]
        assert (np.abs(found / rounds - exact) < 5 * np.sqrt(exact * (1 - exact) / rounds) + 1e-12).all()


@pytest.mark.parametrize("values", [10, 1])
def test_what_cannot_occur_is_never_counted_however_many_rounds(values: int) -> None:
    """A tenth, ten times, is a little less than 1: NumPy would give the rest to the last value."""
    marginals = np.array([[[1 / values] * values + [0.0, 0.0]]])
    weights = np.array([0.1] * 9 + [1 - 0.9, 0.0])
    drawn = Mixture(weights, np.repeat(marginals, len(weights), axis=0))
    rounds = np.full(4, 2**62 - 1)
    counts = drawn.counts(np.random.default_rng(0), rounds)
    assert (counts[:, values:] == 0).all()
    assert (counts.sum(axis=1) == rounds).all()
    by_component = multinomial(np.random.default_rng(1), rounds, weights)
    assert (by_component[:, -1] == 0).all()
    assert (by_component.sum(axis=1) == rounds).all()


def test_features_are_counted_by_row() -> None:
    features = [np.array([[0, 1, 1], [0, 0, 0]]), np.array([[2, 3, 2], [3, 3, 3]])]
    assert count_features(features, 4).tolist() == [[1, 2, 2, 1], [3, 0, 0, 3]]


def test_features_of_many_followers_are_numbered_through() -> None:
    """Types of one follower fit eight bits, those of all of them do not."""
    types = Mixture(np.ones(1), np.full((1, 100, 3), 1 / 3))
    for follower, values in enumerate(types.sample(np.random.default_rng(0), (4, 50))):
        assert set(np.unique(values)) == {3 * follower, 3 * follower + 1, 3 * follower + 2}


def test_counts_stay_exact_where_float32_samplers_do_not() -> None:
    """Counts of 2^40 rounds add up to the round; a float32 binomial draws only multiples of 2^k."""
    types = Mixture(np.ones(1), np.random.default_rng(0).dirichlet(np.ones(9), (1, 1)))
    counts = types.counts(np.random.default_rng(0), np.array([2**40 + 1, 12345]))
    assert counts.dtype == np.int64
    assert counts.sum(axis=1).tolist() == [2**40 + 1, 12345]
    assert len(set((counts[0] % 64).tolist())) > 1
    draws = jax.random.binomial(jax.random.key(0), np.float32(2**30), np.float32(0.4), (50,))
    assert (np.asarray(draws, np.float64) % 16 == 0).all()
