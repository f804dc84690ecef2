"""Solvers: hand-worked games, agreement with each other and with a slow reference, and what they refuse."""

from __future__ import annotations

import functools
import tracemalloc
from typing import Any

import numpy as np
import pytest

from jaxstack.distributions import IndependentTypes, JointTypes, MixtureTypes
from jaxstack.game import Game, stack, unstack
from jaxstack.payoffs import AnonymousPayoff, SeparablePayoff, TabularPayoff
from jaxstack.regions import enumerate_regions
from jaxstack.scenarios import random_game
from jaxstack.solvers import METHODS, programs, solve
from jaxstack.solvers.cells import Preferences
from tests.games import Case, Shape, degenerate_games, leader_payoff, random_games, type_distribution
from tests.reference import optima as exact
from tests.reference import regions as reference
from tests.reference.value import utility

EXACT = ("vertices", "programs", "milp")
RANDOM = list(random_games(9, seed=1))
DEGENERATE = list(degenerate_games(11, seed=2))
ONE_TYPE = IndependentTypes([[1.0]])


def one_follower(leader: Any, follower: Any) -> Game:
    """One follower of one type; both payoffs [L, A]."""
    return Game(TabularPayoff(leader), np.asarray(follower, float)[None, None])


def flat_game() -> Game:
    """Action 1 ties with action 0 against row 0 and loses against row 1: its region is the point (1, 0)."""
    return one_follower(leader=[[3, 9], [0, 0]], follower=[[0, 0], [1, 0]])


def seeded(shape: Shape, payoff: str, types: str, seed: int = 0) -> Case:
    """A random game of a given shape and kind."""
    rng = np.random.default_rng(seed)
    L, n, K, A = shape
    game = Game(leader_payoff(rng, payoff, shape), rng.uniform(-1, 1, (n, K, L, A)))
    return Case(f"{shape} {payoff} {types}", game, type_distribution(rng, types, shape))


@functools.cache
def optima(case: Case) -> tuple[float, float]:
    """The exact values under optimistic and robust ties."""
    optimistic, robust = exact.optima(case.game, case.types)
    return float(optimistic), float(robust)


def assert_consistent(case: Case, solution: Any) -> None:
    """The commitment is one, the response is a best response to it, and together they earn the value."""
    x, response = solution.commitment, solution.response
    assert x.min() >= 0
    assert x.sum() == pytest.approx(1, abs=1e-12)
    normals = reference.response_constraints(np.asarray(case.game.follower), tuple(response.ravel()))
    assert (normals @ x).min(initial=0) >= -2e-9
    assert solution.value == pytest.approx(utility(case.game, case.types, x, response), abs=1e-9)


# Hand-worked games


@pytest.mark.parametrize("method", METHODS)
def test_commitment_beats_the_dominant_row(method: str) -> None:
    # Row 0 dominates (2 > 1, 4 > 3), and the follower then plays 0: 2. At (1/2, 1/2) it is indifferent and
    # plays 1: (4 + 3) / 2.
    game = one_follower(leader=[[2, 4], [1, 3]], follower=[[1, 0], [0, 1]])
    solution = solve(game, ONE_TYPE, method)
    np.testing.assert_allclose(solution.commitment, [0.5, 0.5], atol=1e-9)
    assert solution.response.tolist() == [[1]]
    assert solution.value == pytest.approx(3.5, abs=1e-9)
    assert (solution.method, solution.ties) == (method, "optimistic")
    assert solution.commitment.dtype == np.float64
    assert solution.response.dtype == np.int64
    assert type(solution.value) is float


@pytest.mark.parametrize("method", METHODS)
def test_flat_region_counts_only_under_optimistic_ties(method: str) -> None:
    optimistic = solve(flat_game(), ONE_TYPE, method)
    np.testing.assert_allclose(optimistic.commitment, [1, 0], atol=1e-9)
    assert optimistic.response.tolist() == [[1]]
    assert optimistic.value == pytest.approx(9, abs=1e-9)
    robust = solve(flat_game(), ONE_TYPE, method, ties="robust")
    np.testing.assert_allclose(robust.commitment, [1, 0], atol=1e-9)
    assert robust.response.tolist() == [[0]]
    assert robust.value == pytest.approx(3, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_ties_are_broken_jointly(method: str) -> None:
    # Four followers, each as in the flat game; the leader earns 1 only if all of them play 1 against row 0.
    follower = np.tile([[0.0, 0.0], [1.0, 0.0]], (4, 1, 1, 1))
    game = Game(AnonymousPayoff([[0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]), follower)
    types = IndependentTypes(np.ones((4, 1)))
    solution = solve(game, types, method)
    np.testing.assert_allclose(solution.commitment, [1, 0], atol=1e-9)
    assert solution.response.tolist() == [[1]] * 4
    assert solution.value == pytest.approx(1, abs=1e-9)
    assert solve(game, types, method, ties="robust").value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize("ties", ["optimistic", "robust"])
def test_equal_actions_constrain_nothing(method: str, ties: str) -> None:
    # Actions 0 and 2 are equal up to rounding, so that the region of 2 is full-dimensional: x_0 >= 1/2.
    game = one_follower(leader=[[1, 0, 5], [0, 2, 7]], follower=[[0.3, 0, 0.1 + 0.2], [0.3, 0.6, 0.3]])
    solution = solve(game, ONE_TYPE, method, ties)
    np.testing.assert_allclose(solution.commitment, [0.5, 0.5], atol=1e-9)
    assert solution.response.tolist() == [[2]]
    assert solution.value == pytest.approx(6, abs=1e-9)


@pytest.mark.parametrize("method", EXACT)
def test_correlation_moves_the_optimum(method: str) -> None:
    # Type 0 plays action 1 when x_0 >= 1/3 and type 1 when x_0 >= 2/3; both followers at 1 earn the leader 1,
    # row 0 costs 1.2. So x_0 = 1/3 earns P(0, 0) - 0.4 and x_0 = 2/3 earns 1 - 0.8.
    follower = np.zeros((2, 2, 2, 2))
    follower[:, 0, :, 1] = [2, -1]
    follower[:, 1, :, 1] = [1, -2]
    game = Game(AnonymousPayoff([[-1.2, -1.2, -0.2], [0, 0, 1]]), follower)
    marginals = [[0.7, 0.3], [0.7, 0.3]]
    for types in (JointTypes([[0.7, 0], [0, 0.3]]), MixtureTypes.correlated(marginals, 1.0)):
        solution = solve(game, types, method)
        np.testing.assert_allclose(solution.commitment, [1 / 3, 2 / 3], atol=1e-9)
        assert solution.response.tolist() == [[1, 0], [1, 0]]
        assert solution.value == pytest.approx(0.3, abs=1e-9)
    solution = solve(game, IndependentTypes(marginals), method)  # P(0, 0) = 0.49
    np.testing.assert_allclose(solution.commitment, [2 / 3, 1 / 3], atol=1e-9)
    assert solution.response.tolist() == [[1, 1], [1, 1]]
    assert solution.value == pytest.approx(0.2, abs=1e-9)


@pytest.mark.parametrize("method", EXACT)
def test_types_of_probability_zero_change_nothing(method: str) -> None:
    # The game of the first test; type 1 never occurs, and would switch at x_0 = 0.9.
    follower = [[[[1, 0], [0, 1]], [[0.1, 0], [0, 0.9]]]]
    for payoff in (TabularPayoff([[2, 4], [1, 3]]), SeparablePayoff([[[2, 4], [1, 3]]])):
        solution = solve(Game(payoff, follower), JointTypes([1.0, 0.0]), method)
        np.testing.assert_allclose(solution.commitment, [0.5, 0.5], atol=1e-9)
        assert solution.response[0, 0] == 1
        assert solution.value == pytest.approx(3.5, abs=1e-9)


def test_lowest_index_among_equally_good_vertices() -> None:
    # Every commitment earns 0.7 up to rounding. Maps come in lexicographic order, vertices in descending
    # order of x; (1, 0, 0) is the first of all where action 0 is the best response to row 0.
    rng = np.random.default_rng(0)
    for _ in range(20):
        follower = rng.uniform(size=(3, 2))
        follower[0] = [1, 0]
        solution = solve(one_follower(leader=np.full((3, 2), 0.7), follower=follower), ONE_TYPE)
        assert solution.commitment.tolist() == [1, 0, 0]
        assert solution.response.tolist() == [[0]]


def test_milp_does_not_accept_a_map_that_is_feasible_only_by_its_tolerance() -> None:
    # Action 1 needs x_0 >= (1 + 1e-7) x_1 + x_2 and x_0 <= (1 - 1e-7) x_1 - x_2: less than HiGHS sees to be
    # impossible, and more than a tie.
    follower = [[-1, 0, 1], [1 + 1e-7, 0, 1e-7 - 1], [1, 0, 1]]
    game = one_follower(leader=[[1, 9, 1]] * 3, follower=follower)
    for method in EXACT:
        solution = solve(game, ONE_TYPE, method)
        assert solution.response[0, 0] != 1
        assert solution.value == pytest.approx(1, abs=1e-9)


# Agreement


@pytest.mark.parametrize("case", RANDOM, ids=lambda case: case.name)
def test_all_methods_agree_on_random_games(case: Case) -> None:
    best, enforceable = optima(case)
    assert enforceable == pytest.approx(best, abs=1e-9)
    for method in EXACT:
        solution = solve(case.game, case.types, method)
        assert_consistent(case, solution)
        assert solution.value == pytest.approx(best, abs=1e-6), method
    for method in EXACT:
        assert solve(case.game, case.types, method, ties="robust").value == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("case", DEGENERATE, ids=lambda case: case.name)
def test_exact_methods_agree_on_degenerate_games(case: Case) -> None:
    best, enforceable = optima(case)
    for method in EXACT:
        solution = solve(case.game, case.types, method)
        assert_consistent(case, solution)
        assert solution.value == pytest.approx(best, abs=1e-6), method
    table = enumerate_regions(case.game, ties="optimistic")
    assert solve(case.game, case.types, ties="robust", table=table).value == pytest.approx(
        enforceable, abs=1e-9
    )
    for method in ("programs", "milp"):
        assert solve(case.game, case.types, method, "robust").value == pytest.approx(enforceable, abs=1e-9)


def test_degenerate_games_tell_the_tie_rules_apart() -> None:
    assert sum(optimistic > robust + 1e-3 for optimistic, robust in map(optima, DEGENERATE)) >= 3


def test_programs_find_the_regions_of_the_table() -> None:
    for case in [seeded((3, 2, 3, 3), "tabular", "joint"), *degenerate_games(11, seed=3)]:
        for ties in ("optimistic", "robust"):
            found, points = programs.response_maps(Preferences(case.game), ties)
            table = enumerate_regions(case.game, ties=ties)
            in_table = table.responses[table.region_mask]
            if ties == "robust":  # .. where of equal actions the programs look at the first only
                preferences = Preferences(case.game)
                flat = in_table.reshape(len(in_table), -1)
                as_one = preferences.equal[np.arange(flat.shape[1]), flat]
                in_table = np.unique(as_one, axis=0).reshape(-1, *in_table.shape[1:])
            np.testing.assert_array_equal(found, in_table, err_msg=case.name)
            assert points.shape == (len(found), case.game.num_leader_actions)


@pytest.mark.once
def test_milp_with_hundreds_of_followers() -> None:
    case = seeded((2, 200, 2, 2), "separable", "mixture")
    best = solve(case.game, case.types, "vertices")
    assert solve(case.game, case.types, "milp").value == pytest.approx(best.value, abs=1e-6)


# Batches and tables


def test_batch_equals_one_by_one() -> None:
    rng = np.random.default_rng(0)
    flat = Game(flat_game().leader, np.repeat(flat_game().follower, 2, axis=1))
    games = stack([flat, *(Game(rng.uniform(size=(2, 2)), rng.uniform(size=(1, 2, 2, 2))) for _ in range(3))])
    types = stack([JointTypes(rng.dirichlet([1, 1])) for _ in range(4)])
    for ties in ("optimistic", "robust"):
        batch = solve(games, types, ties=ties)
        assert batch.commitment.shape == (4, 2)
        assert batch.response.shape == (4, 1, 2)
        for g in range(4):
            single = solve(unstack(games, g), unstack(types, g), ties=ties)
            np.testing.assert_array_equal(batch.commitment[g], single.commitment)
            np.testing.assert_array_equal(batch.response[g], single.response)
            assert batch.value[g] == pytest.approx(single.value, abs=1e-12)
    assert solve(games, types).value[0] == pytest.approx(9)
    assert solve(games, types, ties="robust").value[0] == pytest.approx(3)


def test_optimistic_table_serves_both_tie_rules() -> None:
    table = enumerate_regions(flat_game())
    assert solve(flat_game(), ONE_TYPE, table=table).value == pytest.approx(9)
    assert solve(flat_game(), ONE_TYPE, ties="robust", table=table).value == pytest.approx(3)


# What is refused


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(
        ValueError, match=r"Unknown method 'vertex'\. Did you mean 'vertices'\? Known: vertices, "
    ):
        solve(flat_game(), ONE_TYPE, "vertex")
    with pytest.raises(ValueError, match=r"Unknown tie rule 'optimist'\. Did you mean 'optimistic'\?"):
        solve(flat_game(), ONE_TYPE, ties="optimist")
    with pytest.raises(ValueError, match=r"num_types = 1, but .* has num_types = 2"):
        solve(flat_game(), IndependentTypes([[0.5, 0.5]]))


@pytest.mark.parametrize("method", ["programs", "milp", "walk"])
def test_methods_for_one_game_refuse_batches_and_tables(method: str) -> None:
    game = flat_game()
    with pytest.raises(
        ValueError, match=rf"method='{method}' solves one game at a time, but .*G=2.*unstack\(game"
    ):
        solve(stack([game, game]), stack([ONE_TYPE, ONE_TYPE]), method)
    with pytest.raises(
        ValueError, match=rf"serves method='vertices' only, but it arrived with method='{method}'"
    ):
        solve(game, ONE_TYPE, method, table=enumerate_regions(game))


def test_tables_of_another_game_or_tie_rule_are_refused() -> None:
    other = one_follower(leader=np.ones((3, 2)), follower=np.eye(3)[:, :2])
    with pytest.raises(
        ValueError, match=r"does not belong to Game\(L=2.*must have shape .*enumerate_regions\(game\)"
    ):
        solve(flat_game(), ONE_TYPE, table=enumerate_regions(other))
    with pytest.raises(
        ValueError, match=r"full-dimensional regions only .*enumerate_regions\(game, ties='opt"
    ):
        solve(flat_game(), ONE_TYPE, table=enumerate_regions(flat_game(), ties="robust"))


def test_milp_refuses_large_joint_tables() -> None:
    large = Game(AnonymousPayoff(np.ones((2, 201))), np.zeros((200, 2, 2, 2)))
    types = IndependentTypes(np.full((200, 2), 0.5))
    with pytest.raises(
        ValueError,
        match=r"K\^n A\^n L .* is about 10\^121 for Game.*the limit is 500,000\. Use method='vertices'",
    ):
        solve(large, types, "milp")


def test_programs_refuse_more_regions_than_they_can_solve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "MAX_REGIONS", 10)
    game = Game(SeparablePayoff(np.ones((4, 2, 2))), np.zeros((4, 1, 2, 2)))  # every map has a region: 16
    with pytest.raises(
        ValueError, match=r"stops at 10 regions, but there are 16 after 4 of 4 follower types"
    ):
        solve(game, IndependentTypes(np.ones((4, 1))), "programs")


@pytest.mark.parametrize("ties", ["optimistic", "robust"])
def test_an_optimum_takes_little_memory_beside_its_table(ties: str) -> None:
    """Response maps are small integers, and most of a large table: no wider copy of all of them is made."""
    game, types = random_game(0, 3, 64, 2, 2, payoff="separable", types="independent")
    table = enumerate_regions(game, ties=ties)
    solve(game, types, "vertices", ties=ties, table=table)
    tracemalloc.start()
    try:
        solve(game, types, "vertices", ties=ties, table=table)
        assert tracemalloc.get_traced_memory()[1] < table.nbytes
    finally:
        tracemalloc.stop()
