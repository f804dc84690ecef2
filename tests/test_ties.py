"""One definition of a tie, from best responses to the optimum: by hand, and against exact arithmetic."""

from __future__ import annotations

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.noise import noisy_game
from jaxstack import ties
from jaxstack.distributions import IndependentTypes
from jaxstack.game import TIE_TOLERANCE, Game, best_response_sets, best_responses
from jaxstack.regions import enumerate_regions
from jaxstack.solvers import solve
from jaxstack.value import expected_utility
from tests.reference.optimum import optimum

ONE = IndependentTypes([[1.0]])


def one_follower(leader: list, follower: list) -> Game:
    """n = K = 1; payoffs [L, A]."""
    return Game(leader, np.asarray(follower, float)[None, None])


# Worked games: leader, follower, commitment and what it is worth; the optimum under both tie rules.
NEVER = one_follower([[0, 0], [10, 1]], [[-1e9, np.log(5)], [np.log(10), np.log(12)]])
PARTNERS = [one_follower([[0, 0], [0, 10]], [[R, 0], [1, 0]]) for R in (1.0, 1e6, 1e9, 1e12)]
OFFSETS = [one_follower([[2, 4], [1, 3]], [[C + 1, C], [C, C + 1]]) for C in (0.0, 1e6, 1e9, 1e12)]
WORKED = [(NEVER, 1.0), *((game, 0.0) for game in PARTNERS), *((game, 3.5) for game in OFFSETS)]


@pytest.mark.parametrize(("game", "expected"), WORKED)
@pytest.mark.parametrize("rule", ["optimistic", "robust"])
def test_worked_games(game: Game, expected: float, rule: str) -> None:
    solution = solve(game, ONE, method="vertices", ties=rule)
    assert solution.value == pytest.approx(expected, abs=1e-12)
    assert float(optimum(game, ONE, rule)) == pytest.approx(expected, abs=1e-12)
    if rule == "optimistic":
        assert expected_utility(game, ONE, solution.commitment) == solution.value


def test_a_penalty_elsewhere_makes_no_tie() -> None:
    # Against leader action 1, action 1 pays log 12 and action 0 log 10, whatever it pays elsewhere.
    assert best_response_sets(NEVER, [0.0, 1.0]).tolist() == [[[False, True]]]
    assert expected_utility(NEVER, ONE, [0.0, 1.0]) == 1.0
    table = enumerate_regions(NEVER)
    assert table.responses.ravel().tolist() == [1], "action 0 is never best"


@pytest.mark.parametrize("game", OFFSETS)
@pytest.mark.parametrize("x64", [False, True])
def test_a_constant_makes_no_tie(game: Game, x64: bool) -> None:
    with jax.enable_x64(x64):
        for first, expected in ((0.6, [True, False]), (0.5, [True, True]), (0.4, [False, True])):
            x = np.array([first, 1 - first])
            assert best_response_sets(game, x).tolist() == [[expected]]
            # The game is a constant of the compiled function, the commitment an argument.
            assert jax.jit(lambda x: best_response_sets(game, x))(x).tolist() == [[expected]]
            assert best_responses(game, jnp.asarray(x)).tolist() == [[expected.index(True)]]


@pytest.mark.parametrize("unit", [2.0**-60, 1.0, 2.0**60])
def test_leads_are_relative_to_what_the_commitment_plays(unit: float) -> None:
    differences = ties.differences(np.array([[unit, 0.0], [0.0, unit]]))
    assert differences[0, 1].tolist() == [unit, -unit]
    for lead, tie in ((0.9, True), (-0.9, True), (1.1, False), (-1.1, False)):
        x = np.array([0.5, 0.5]) + TIE_TOLERANCE * np.array([lead, -lead]) / 2
        assert ties.optimal(differences, x).tolist() == ([True, True] if tie else [lead > 0, lead < 0])


def test_equal_actions_are_exactly_equal() -> None:
    follower = np.array([[[[1.0, 1.0, 1.0 + 2**-52], [3.0, 3.0, 3.0]]]])
    expected = [[True, True, False], [True, True, False], [False, False, True]]
    assert ties.equal_actions(follower).tolist() == [[expected]]


@pytest.mark.parametrize("unit", [2.0**-40, 1.0, 2.0**40])
def test_a_stacked_game_has_equal_actions_of_its_own(unit: float) -> None:
    follower = unit * np.random.default_rng(0).integers(2, size=(5, 2, 3, 2, 2))
    expected = np.stack([ties.equal_actions(one) for one in follower])
    np.testing.assert_array_equal(ties.equal_actions(follower), expected)


# Against exact arithmetic ----------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [1e-13, 1e-11, 1e-10, 1e-9, 1e-8, 1e-6, 1e-5])
@pytest.mark.parametrize(("penalty", "offset"), [(0.0, 0.0), (1e12, 0.0), (1e6, 0.0), (0.0, 1e6)])
def test_near_ties_have_the_exact_optimum(noise: float, penalty: float, offset: float) -> None:
    for seed in range(4):
        game, types = noisy_game(seed, noise, penalty, offset)
        for rule in ("optimistic", "robust"):
            if rule == "robust" and ties.equal_actions(game.follower).sum() > 8:
                continue  # an offset has rounded the noise away: equal actions, which a vertex cannot rank
            value = solve(game, types, method="vertices", ties=rule).value
            assert abs(Fraction(float(value)) - optimum(game, types, rule)) < 1e-12


@pytest.mark.parametrize("penalty", [1e3, 1e9, 1e12])
@pytest.mark.parametrize("offset", [0.0, 1e9, 1e12])
def test_penalties_and_offsets_have_the_exact_optimum(penalty: float, offset: float) -> None:
    for seed in range(8):
        game, types = noisy_game(seed, 0.0, penalty, offset)
        value = solve(game, types, method="vertices").value
        assert abs(Fraction(float(value)) - optimum(game, types, "optimistic")) < 1e-12


def test_robust_counts_on_the_worst_of_equal_actions() -> None:
    # Worked by hand: an indifferent follower may play either, and the leader can do nothing about it.
    assert optimum(one_follower([[10, 0], [10, 0]], np.zeros((2, 2))), ONE, "robust") == 0
    # One pays 4 x_0, the other 2 x_1: the leader's best is where both pay the same, at (1/3, 2/3).
    game = one_follower([[4, 0], [0, 2]], np.zeros((2, 2)))
    assert optimum(game, ONE, "robust") == Fraction(4, 3)
    assert optimum(game, ONE, "optimistic") == 4
