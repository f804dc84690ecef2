"""Ties, scale and degeneracy: every method against exact rational arithmetic, under both tie rules."""

from __future__ import annotations

import functools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from jaxstack.distributions import IndependentTypes, JointTypes
from jaxstack.game import Game, stack
from jaxstack.payoffs import AnonymousPayoff, SeparablePayoff, TabularPayoff
from jaxstack.regions import enumerate_regions
from jaxstack.solvers import METHODS, near_ties, problem, solve
from jaxstack.solvers.contract import Clock
from tests.reference.optima import optima
from tests.reference.value import utility

pytestmark = pytest.mark.once

ONE_TYPE = IndependentTypes([[1.0]])
RULES = ("optimistic", "robust")
LOG = np.log


def one_follower(leader: Any, follower: Any) -> Game:
    """One follower of one type; both payoffs [L, A]."""
    return Game(TabularPayoff(leader), np.asarray(follower, float)[None, None])


def solved(game: Game, types: Any, method: str, ties: str) -> Any:
    """A solution whose response is seen to be a best one in exact arithmetic, up to rounding of x."""
    solution = solve(game, types, method, ties)
    assert_best_response(game, solution)
    return solution


def assert_best_response(game: Game, solution: Any) -> None:
    """No action is better than the response by more than the commitment's own rounding can make."""
    x = [Fraction(share) for share in solution.commitment.tolist()]
    assert min(x) >= 0
    assert abs(sum(x) - 1) < Fraction(1, 2**50)
    follower = np.asarray(game.follower)
    for i, k in np.ndindex(*solution.response.shape):
        played = [Fraction(v) for v in follower[i, k, :, solution.response[i, k]].tolist()]
        for other in follower[i, k].T.tolist():
            terms = [(p - Fraction(v)) * share for p, v, share in zip(played, other, x, strict=True)]
            assert sum(terms) >= -sum(map(abs, terms)) * Fraction(1, 2**44)


# Worked games: a large number for "never", a constant for convenience, another unit

NEVER = (  # leader, follower, optimum; the same under both tie rules
    # Row 0 would make the follower play 0 if -1e9 were not so far below log 10: it never does.
    ([[0, 0], [10, 1]], [[-1e9, LOG(5)], [LOG(10), LOG(12)]], 1.0),
    *(([[0, 0], [0, 10]], [[reward, 0], [1, 0]], 0.0) for reward in (1e3, 1e9, 1e12)),
)
SHIFTED = [([[2, 4], [1, 3]], [[c + 1, c], [c, c + 1]], 3.5) for c in (0.0, 1e6, 1e9, 1e12, -1e12)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("ties", RULES)
@pytest.mark.parametrize(("leader", "follower", "best"), [*NEVER, *SHIFTED])
def test_penalties_and_offsets_of_followers(
    method: str, ties: str, leader: Any, follower: Any, best: float
) -> None:
    solution = solved(one_follower(leader, follower), ONE_TYPE, method, ties)
    assert solution.value == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("ties", RULES)
def test_unit_and_offset_of_the_leader(method: str, ties: str) -> None:
    # As above: 3.5 at (1/2, 1/2). The third action is never played, and the leader dreads it.
    for never in (0.0, -1e6, -1e12):
        game = one_follower([[2, 4, never], [1, 3, never]], [[1, 0, -1], [0, 1, -1]])
        assert solve(game, ONE_TYPE, method, ties).value == pytest.approx(3.5, abs=1e-12)
    for unit in (1e39, 1e-39, 1e300):
        game = one_follower(np.array([[2, 4], [1, 3]]) * unit, [[1, 0], [0, 1]])
        assert solve(game, ONE_TYPE, method, ties).value == pytest.approx(3.5 * unit, rel=1e-12)
    for offset in (1e9, -1e12):
        game = one_follower(np.array([[2, 4], [1, 3]]) + offset, [[1, 0], [0, 1]])
        solution = solve(game, ONE_TYPE, method, ties)
        np.testing.assert_allclose(solution.commitment, [0.5, 0.5], atol=1e-9)
        assert solution.value == pytest.approx(3.5 + offset, rel=1e-15)


@pytest.mark.parametrize("method", METHODS)
def test_a_penalty_that_can_be_met_weighs_as_it_should(method: str) -> None:
    # Against row 1 the follower plays 2 and costs the leader 1e12; from x_0 = 3/4 on it plays 1. Row 0 earns
    # 1 and row 1 earns 2 then: 5/4.
    game = one_follower([[0, 1, -1e12], [0, 2, -1e12]], [[0, 1, 0], [0, 0, 3]])
    for ties in RULES:
        solution = solved(game, ONE_TYPE, method, ties)
        assert solution.value == pytest.approx(1.25, abs=1e-9)


def test_leader_units_of_every_payoff() -> None:
    rng = np.random.default_rng(0)
    follower = rng.integers(-3, 4, (2, 2, 3, 2)).astype(float)
    types = IndependentTypes(rng.dirichlet([1, 1], size=2))
    tables = {
        TabularPayoff: rng.uniform(size=(3, 2, 2)),
        SeparablePayoff: rng.uniform(size=(2, 3, 2)),
        AnonymousPayoff: rng.uniform(size=(3, 3)),
    }
    for kind, table in tables.items():
        game = Game(kind(table), follower)
        plain = solve(game, types)
        batch = stack([Game(kind(table * 1e39), follower), Game(kind(table + 1e6), follower)])
        both = solve(batch, stack([types, types]))
        shift = 2e6 if kind is SeparablePayoff else 1e6
        assert both.value[0] == pytest.approx(plain.value * 1e39, rel=1e-12)
        assert both.value[1] == pytest.approx(plain.value + shift, rel=1e-14)
        centred, offset, scale = problem.in_units(game)
        assert np.abs(centred.leader.table).max() <= 1
        assert offset + scale * solve(centred, types).value == pytest.approx(plain.value, rel=1e-13)


# Indifferent followers


@pytest.mark.parametrize("method", METHODS)
def test_robust_counts_on_the_worst_of_equal_actions(method: str) -> None:
    solution = solved(one_follower([[10, 0], [10, 0]], np.zeros((2, 2))), ONE_TYPE, method, "robust")
    assert (solution.value, solution.response.tolist()) == (0.0, [[1]])
    # Worst of <x, (4, 0)> and <x, (0, 2)>: equal at (1/3, 2/3), inside the only region.
    solution = solved(one_follower([[4, 0], [0, 2]], np.ones((2, 2))), ONE_TYPE, method, "robust")
    np.testing.assert_allclose(solution.commitment, [1 / 3, 2 / 3], atol=1e-12)
    assert solution.value == pytest.approx(4 / 3, abs=1e-12)
    assert solve(one_follower([[4, 0], [0, 2]], np.ones((2, 2))), ONE_TYPE, method).value == pytest.approx(4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [TabularPayoff, SeparablePayoff, AnonymousPayoff])
def test_robust_with_equal_actions_against_exact_arithmetic(method: str, kind: Any) -> None:
    num_games = 2 if method == "walk" else 6
    for seed in range(num_games):
        rng = np.random.default_rng(seed)
        follower = rng.integers(-2, 3, (2, 2, 3, 3)).astype(float)
        follower[0, 0, :, 2] = follower[0, 0, :, 0]
        follower[1, 1, :, 1] = follower[1, 1, :, 0]
        size = {TabularPayoff: (3, 3, 3), SeparablePayoff: (2, 3, 3), AnonymousPayoff: (3, 3, 3)}[kind]
        game = Game(kind(rng.integers(-5, 6, size).astype(float)), follower)
        types = JointTypes(np.array([[3, 1], [2, 2]]) / 8)
        best = float(optima(game, types)[1])
        solution = solved(game, types, method, "robust")
        assert solution.value == pytest.approx(utility(game, types, solution.commitment, solution.response))
        assert solution.value <= best + 1e-9
        assert solution.value >= best - (0.5 if method == "walk" else 1e-9), (kind, seed)


def test_robust_refuses_more_indifference_than_it_can_look_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problem, "MAX_VARIANTS", 7)
    game = Game(AnonymousPayoff(np.ones((2, 4))), np.zeros((3, 1, 2, 2)))
    with pytest.raises(ValueError, match=r"worst of 8 ways .*limit 7.*3 follower types have equal actions"):
        solve(game, IndependentTypes(np.ones((3, 1))), "programs", "robust")


# Noise

NOISE = (0.0, 1e-13, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5)


@functools.cache
def noisy(index: int, scale: str = "plain") -> tuple[Game, Any, tuple[float, float]]:
    """Whole-number payoffs with noise, perhaps penalties or offsets, and the exact optima."""
    rng = np.random.default_rng([3, index])
    follower = rng.integers(0, 3, (2, 2, 3, 2)).astype(float)
    if scale == "penalty":
        follower[rng.uniform(size=follower.shape) < 0.15] = -(10.0 ** rng.integers(6, 13))
    if scale == "offset":
        follower += 10.0 ** rng.integers(6, 13)
    follower = follower + NOISE[index % len(NOISE)] * rng.normal(size=follower.shape)
    leader = rng.integers(0, 3, (3, 2, 2)).astype(float)
    if scale == "penalty":
        leader[rng.uniform(size=leader.shape) < 0.15] = -(10.0 ** rng.integers(6, 13))
    game, types = Game(leader, follower), IndependentTypes(np.array([[1, 3], [2, 2]]) / 4)
    return game, types, tuple(map(float, optima(game, types)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", ["plain", "penalty", "offset"])
def test_noisy_games_against_exact_arithmetic(method: str, scale: str) -> None:
    numbers = range(0, 36, 8) if method == "walk" else range(36 if scale == "plain" else 18)
    for index in numbers:
        game, types, exact = noisy(index, scale)
        for ties, best in zip(RULES, exact, strict=True):
            value = solved(game, types, method, ties).value
            close = 1e-9 * max(1.0, abs(best))
            assert value <= best + close, (index, ties)
            if method != "walk":
                assert value >= best - close, (index, ties)


def test_noise_tells_the_tie_rules_apart() -> None:
    apart = [index for index in range(36) if noisy(index)[2][0] > noisy(index)[2][1] + 1e-3]
    assert len(apart) >= 2


# Near-ties


def test_near_ties_are_told() -> None:
    # Action 1 ties with action 0 against row 0, but for 1e-8, which loses the leader its 9.
    game = one_follower(leader=[[3, 9], [0, 0]], follower=[[1e-8, 0], [1, 0]])
    for method in METHODS:
        solution = solve(game, ONE_TYPE, method)
        assert solution.value == pytest.approx(3)
        assert solution.near_ties == 1
        assert "near_ties=1" in repr(solution)
        assert "rests on 1 near-tie that is not exact" in solution.warning()
    (tie,) = near_ties(game, ONE_TYPE, solution.commitment, solution.response)
    assert tie[:4] == (0, 0, 0, 1)
    assert tie.lead == pytest.approx(1e-8)


def test_exact_and_clear_ties_are_not_near() -> None:
    exact = one_follower(leader=[[3, 9], [0, 0]], follower=[[0, 0], [1, 0]])
    clear = one_follower(leader=[[3, 9], [0, 0]], follower=[[0.1, 0], [1, 0]])
    for game in (exact, clear, one_follower([[2, 4], [1, 3]], [[1, 0], [0, 1]])):
        solution = solve(game, ONE_TYPE)
        assert (solution.near_ties, solution.warning()) == (0, "")
        assert "near" not in repr(solution)
    rng = np.random.default_rng(0)
    for _ in range(20):  # thirds and sevenths are rounded, and ties nevertheless
        game = one_follower(rng.integers(9, size=(3, 3)) / 7, rng.integers(9, size=(3, 3)).astype(float))
        assert solve(game, ONE_TYPE).near_ties == 0


def test_a_penalty_makes_no_near_ties() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        follower = rng.integers(0, 5, (1, 1, 4, 3)).astype(float)
        follower[0, 0, rng.integers(4), rng.integers(3)] = -1e12
        assert solve(Game(rng.uniform(size=(4, 3)), follower), ONE_TYPE).near_ties == 0


def test_near_ties_of_a_batch_and_of_types_that_never_occur() -> None:
    near = np.array([[[[1e-8, 0], [1, 0]], [[0.5, 0], [1, 0]]]])
    games = stack(
        [Game(np.array([[3.0, 9], [0, 0]]), near), Game(np.array([[3.0, 9], [0, 0]]), near[:, ::-1])]
    )
    types = stack([JointTypes([1.0, 0.0]), JointTypes([1.0, 0.0])])
    assert solve(games, types).near_ties.tolist() == [1, 0]


# What a table says is checked


def test_a_vertex_outside_its_region_is_not_believed() -> None:
    game = one_follower([[2, 4], [1, 3]], [[1, 0], [0, 1]])
    table = enumerate_regions(game)
    vertices = np.where(np.isclose(table.vertices, 0.5), [0.9, 0.1], table.vertices)
    wrong = type(table)(
        table.responses,
        vertices,
        table.vertex_mask,
        table.region_mask,
        table.full_dimensional,
        table.num_regions,
    )
    solution = solve(game, ONE_TYPE, table=wrong)
    assert solution.value == pytest.approx(3.5)
    np.testing.assert_allclose(solution.commitment, [0.5, 0.5])


@pytest.mark.parametrize(
    ("seed", "noise"), [(248, 1e-6), (408, 1e-6), (708, 1e-6), (778, 1e-6), (383, 1e-11)]
)
def test_milp_where_noise_is_of_the_size_of_its_tolerances(seed: int, noise: float) -> None:
    # HiGHS is wrong by 0.02 to 0.4, with a proof, at its default tolerances or (the last one) with presolve.
    rng = np.random.default_rng([7, seed])
    follower = rng.integers(0, 3, (2, 2, 3, 2)) + noise * rng.normal(size=(2, 2, 3, 2))
    game = Game(rng.integers(0, 3, (3, 2, 2)).astype(float), follower)
    types = IndependentTypes(rng.dirichlet([1, 1], size=2))
    assert solve(game, types, "milp").value == pytest.approx(float(optima(game, types)[0]), abs=1e-9)


def test_what_is_no_best_response_is_never_returned() -> None:
    """However it was found: a commitment is paid by the answer that followers give, not by another."""
    game = Game([[1.0, 5.0], [0.0, 0.0]], np.array([[[[1.0, 0.0], [0.0, 1.0]]]]))
    asked = problem.Problem(game, IndependentTypes([[1.0]]), "optimistic", Clock(None, None))
    first = np.array([1.0, 0.0])
    honest = asked.checked(first, np.array([[0]]), asked.payoffs(np.array([[[0]]]))[0])
    assert asked.to_payoff(honest.value) == pytest.approx(1.0)
    with pytest.raises(RuntimeError, match=r"not a best response to its commitment \[1\.0, 0\.0\]"):
        asked.checked(first, np.array([[1]]), asked.payoffs(np.array([[[1]]]))[0])
