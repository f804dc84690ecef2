"""Blocks, against the same types played round by round."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from jaxstack.jumps.bundles import Bundles
from jaxstack.jumps.draws import Mixture
from jaxstack.jumps.linear import LinearProblem
from jaxstack.jumps.product import ProductProblem
from tests.jumps import plain

pytestmark = pytest.mark.once

GAP = np.array([0.0, 1.0, 10.0, 100.0])  # a sum tells which candidates were played


def mixture(parts: int, values: int) -> Mixture:
    return Mixture(np.ones(1), np.full((1, parts, values), 1 / values))


def played(problem: LinearProblem | ProductProblem, counts: np.ndarray, rounds: np.ndarray) -> list[float]:
    """Gap of every round, with the features [parts, B] that come in them."""
    gaps = []
    for features in rounds.T:
        if isinstance(problem, ProductProblem):
            marginals = counts.reshape(problem.num_followers, -1)
            scores = plain.product_scores(problem.values, marginals / max(marginals[0].sum(), 1))
        else:
            scores = problem.values @ counts / max(counts.sum() / len(features), 1)
        gaps.append(problem.gap[plain.choice(scores)])
        counts = counts + np.isin(np.arange(len(counts)), features)
    return gaps


@pytest.mark.parametrize("before", [0, 1, 12])
@pytest.mark.parametrize("kind", ["joint", "sum", "product"])
def test_a_block_plays_what_single_rounds_play(kind: str, before: int) -> None:
    """Values are multiples of 1/4, so that candidates tie every few rounds."""
    rng = np.random.default_rng(before)
    row = [0, 0.25, 0.75, 0.25, 0.5, 0][: {"joint": 3, "sum": 6, "product": 4}[kind]]
    values = rng.permuted(np.tile(row, (4, 1)), axis=1)  # no candidate is worse than the others
    problem = {
        "joint": lambda: LinearProblem(values, GAP, mixture(1, 3)),
        "sum": lambda: LinearProblem(values, GAP, mixture(3, 2)),
        "product": lambda: ProductProblem(values, GAP, mixture(1, 4), num_followers=2, num_types=2),
    }[kind]()
    runs, length = 20, 15
    counts = problem.counts(rng, np.full(runs, before))
    seen = np.full(runs, before)
    features = problem.sample(rng, (runs, length))
    everyone = np.tile(np.arange(4), (runs, 1))
    sums = problem.scores(counts, seen) * before
    cost = problem.cost(everyone, sums, counts, seen, features)
    expected = [played(problem, row, np.stack(features)[:, run]) for run, row in enumerate(counts)]
    np.testing.assert_array_equal(cost, expected)
    assert len(np.unique(cost)) > 1


PROBABILITIES = np.array([0.5, 0.375, 0.125])
VALUES = {
    "often tied": np.array([[1.0, 0, 0.5], [0, 1, 0.5], [0.5, 0.5, 1]]),
    "one is never better": np.array([[1.0, 1, 1], [1, 0, 1], [1, 1, 0.5]]),
    "steps of many sizes": np.array([[0.0, 0.25, 0.75], [0.5, 0, 0.125], [0.25, 0.5, 0]]),
}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("before", [0, 3, 8])
def test_bundles_cost_what_their_rounds_cost(values: np.ndarray, before: int) -> None:
    """Every pair of bundles of three rounds, after every count of types: ties go to the first candidate."""
    bundles = Bundles(PROBABILITIES, values, GAP[:3], length=3)
    types = list(itertools.product(range(3), repeat=3))  # of each bundle
    rows = []
    for pair in [(0, 1), (0, 2), (1, 2)]:
        two = LinearProblem(values[list(pair)], GAP[list(pair)], mixture(1, 3))
        for counts in list(plain.compositions(before, 3))[::4]:
            for drawn in itertools.product(range(27), range(0, 27, 5), (0, 13, 26)):
                rounds = np.array([type_ for bundle in drawn for type_ in types[bundle]])[None]
                rows.append((pair, counts, drawn, two, rounds))
    rows = rows[:: max(1, len(rows) // 500)]
    pairs, counts, drawn = (np.array([row[k] for row in rows]) for k in range(3))
    sums = np.take_along_axis(counts @ values.T, pairs, axis=1)
    cost = bundles.cost(pairs, sums[:, 1] - sums[:, 0], np.full(len(rows), before), drawn)
    expected = [sum(played(two, np.array(counts), rounds)) for _, counts, _, two, rounds in rows]
    np.testing.assert_array_equal(cost, expected)
    np.testing.assert_array_equal(
        bundles.counts(drawn), [np.bincount(rounds[0], minlength=3) for *_, rounds in rows]
    )


def test_bundles_come_as_often_as_their_rounds() -> None:
    """One number from the middle of each of 65,536 equal cells; probabilities are multiples of 1/512."""

    class Middles:
        def integers(self, low: int, high: int, shape: tuple[int, int], dtype: type) -> np.ndarray:
            return np.arange(high, dtype=dtype).reshape(shape)

        def random(self, size: int) -> np.ndarray:
            return np.full(size, 0.5)

    bundles = Bundles(PROBABILITIES, VALUES["often tied"], GAP[:3], length=3)
    drawn = bundles.sample(Middles(), (1, 2**16))
    expected = [np.prod(types) for types in itertools.product(PROBABILITIES, repeat=3)]
    np.testing.assert_array_equal(np.bincount(drawn[0], minlength=27) / 2**16, expected)


def test_only_short_lists_of_types_are_bundled() -> None:
    assert [
        None if found is None else found.length
        for found in (Bundles.of(np.full(J, 1 / J), np.eye(J), GAP) for J in (1, 2, 3, 32, 33))
    ] == [10, 10, 6, 2, None]
