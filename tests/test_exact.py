"""Exact arithmetic on floats: against fractions, hand-worked regions, and HiGHS."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import linprog

from jaxstack import exact
from tests.reference import regions as reference


def fractions(row: np.ndarray) -> list[Fraction]:
    return [Fraction(float(entry)) for entry in row]


@pytest.mark.parametrize(
    "row",
    [[0.0, 0.0], [1.0, -3.0], [0.1, 0.3, -1e-300], [1e308, 5e-324], [2.0**60, 3.0, 0.0], [-0.75, 1e22]],
)
def test_integers_are_in_the_ratio_of_the_floats(row: list[float]) -> None:
    whole, of_row = exact.integers(np.array([row, row[::-1]])), fractions(np.array(row))
    assert [type(entry) for entry in whole[0]] == [int] * len(row)
    for (p, q), (a, b) in itertools.product(
        itertools.combinations(whole[0], 2), itertools.combinations(of_row, 2)
    ):
        if (of_row.index(a), of_row.index(b)) == (list(whole[0]).index(p), list(whole[0]).index(q)):
            assert p * b == q * a
    assert [np.sign(p) for p in whole[0]] == [np.sign(a) for a in row]
    assert list(whole[1]) == list(whole[0])[::-1]
    assert all(p % 2 == 0 for p in whole[0]) == (not any(row))


def test_differences_do_not_round() -> None:
    # 1e16 + 2 against 0.25: the difference is no float.
    first, second = np.array([1e16 + 2, 1.0]), np.array([0.25, 1.0])
    row = exact.differences(first, second)
    assert row[0] == 4 * (10**16 + 2) - 1
    assert row[1] == 0


def test_meeting_points_agree_with_elimination_in_fractions() -> None:
    rng = np.random.default_rng(0)
    for num_leader in range(1, 6):
        rows = rng.normal(size=(4, num_leader - 1, num_leader))
        if num_leader > 2:
            rows[0, 0] = 3 * rows[0, -1]  # dependent
        points = exact.meeting_points(exact.integers(rows))
        for point, chosen in zip(points, rows, strict=True):
            expected = reference._meeting_point([fractions(row) for row in chosen], num_leader)
            if expected is None:
                assert not any(point)
            else:
                assert [Fraction(y, sum(point)) for y in point] == list(expected)


def test_best_vertex_by_hand() -> None:
    # x_0 >= x_1 and x_1 >= 2 x_2: the corners are (1, 0, 0), (1/2, 1/2, 0) and (2/5, 2/5, 1/5).
    rows = np.array([[1.0, -1, 0], [0, 1, -2]])
    for objective, expected, tight in (
        ([1.0, 0, 0], [1, 0, 0], [False, True]),
        ([0.0, 1, 0], [0.5, 0.5, 0], [True, False]),
        ([0.0, 0, 1], [0.4, 0.4, 0.2], [True, True]),
    ):
        x, found = exact.best_vertex(np.array(objective), rows)
        assert x.tolist() == expected
        assert found.tolist() == tight


def test_empty_flat_and_full_regions_are_told_apart_by_one_bit() -> None:
    # x_0 >= x_1 and x_1 >= (1 + e) x_0: full-dimensional, a point, or empty as e is below, at or above 0.
    ulp = np.finfo(float).eps
    for slack, full in ((-ulp / 2, True), (0.0, False)):
        rows = np.array([[1.0, -1.0], [-(1 + slack), 1.0]])
        assert exact.best_vertex(np.zeros(2), rows) is not None
        assert (exact.interior_point(rows) is not None) == full
    rows = np.array([[1.0, -1.0], [-(1 + ulp), 1.0]])
    assert exact.best_vertex(np.zeros(2), rows) is None
    assert exact.interior_point(rows) is None


def test_no_rows_are_the_simplex() -> None:
    none = np.zeros((0, 3))
    x, tight = exact.best_vertex(np.array([0.1, 0.3, 0.2]), none)
    assert x.tolist() == [0, 1, 0]
    assert tight.shape == (0,)
    assert exact.interior_point(none).tolist() == [1 / 3] * 3
    assert exact.interior_point(np.zeros((1, 3))) is None


@pytest.mark.parametrize("whole", [False, True])
def test_best_vertices_agree_with_highs(whole: bool) -> None:
    rng = np.random.default_rng(1)
    outcomes = set()
    for _ in range(60):
        num_leader, num_rows = rng.integers(2, 6), rng.integers(1, 9)
        rows, objective = rng.normal(size=(num_rows, num_leader)) + 0.2, rng.normal(size=num_leader)
        if whole:  # many ties between pivots
            rows, objective = np.rint(2 * rows), np.rint(objective)
        found = exact.best_vertex(objective, rows)
        program = linprog(
            -objective, A_ub=-rows, b_ub=np.zeros(num_rows), A_eq=np.ones((1, num_leader)), b_eq=[1.0]
        )
        outcomes.add(program.status)
        assert (found is None) == (program.status == 2)
        if found is not None:
            x, tight = found
            assert objective @ x == pytest.approx(-program.fun, abs=1e-9)
            assert x.sum() == pytest.approx(1, abs=1e-15)
            assert (rows @ x).min() >= -1e-12
            np.testing.assert_array_equal(tight, np.abs(rows @ x) < 1e-12)
            facets = np.concatenate([rows[tight], np.eye(num_leader)[x == 0], np.ones((1, num_leader))])
            assert np.linalg.matrix_rank(facets) == num_leader, "a vertex"
        full = exact.interior_point(rows[rows.any(axis=1)])
        if full is not None:
            assert (rows[rows.any(axis=1)] @ full).min() > 0
            assert full.min() > 0
    assert outcomes == {0, 2}


def test_preference_rows_are_those_of_unequal_actions() -> None:
    follower = np.array([[[[1e9 + 1, 1e9, 1e9 + 1], [1e9, 1e9 + 1, 1e9]]]])  # actions 0 and 2 are equal
    rows, actions = exact.preference_rows(follower, np.array([[0]]))
    assert rows.tolist() == [[1, -1]]
    assert actions.tolist() == [[0, 0, 0, 1]]
