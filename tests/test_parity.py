"""Hidden parity: exact laws by counting all joint types, and an optimum that ties do not lift."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

import jaxstack as js

pytestmark = pytest.mark.once


def law_of_actions(game: js.Game, types: js.JointTypes, responses: np.ndarray) -> np.ndarray:
    """[2, .., 2]: probabilities of joint actions under a response map, one joint type after the other."""
    n, law = game.num_followers, np.zeros((2,) * game.num_followers)
    for theta in itertools.product(range(4), repeat=n):
        law[tuple(responses[i, k] for i, k in enumerate(theta))] += types.probabilities[theta]
    return law


def parity_of(n: int) -> np.ndarray:
    return (-1.0) ** np.indices((2,) * n).sum(axis=0)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_actions_are_uniform_in_all_regions_but_one(n: int) -> None:
    signs = np.resize([-1, 1, 1], n - 1)
    game, types = js.scenarios.hidden_parity(n, epsilon=0.5, signs=signs)
    table = js.enumerate_regions(game, ties="robust")
    assert table.num_regions == 2 ** (n - 1)
    hidden = 0
    for responses, vertices in zip(table.responses, table.vertices, strict=True):
        law = law_of_actions(game, types, responses)
        above = vertices.mean(axis=0)[: n - 1] > 1 / (2 * (n - 1))
        if (np.where(above, 1, -1) == signs).all():
            hidden += 1
            np.testing.assert_allclose(law, (1 + 0.5 * parity_of(n)) / 2**n, atol=1e-15)
        else:
            np.testing.assert_allclose(law, 2.0**-n, atol=1e-15)
    assert hidden == 1


@pytest.mark.parametrize("n", [2, 3, 4, 5])
@pytest.mark.parametrize("ties", ["robust", "optimistic"])
def test_ties_do_not_lift_the_optimum(n: int, ties: str) -> None:
    # Below 1 / (2^n - 1) a point where all tie would beat the hidden region, were no follower idle.
    for epsilon in (0.9 / (2**n - 1), 0.5):
        game, types = js.scenarios.hidden_parity(n, epsilon)
        assert js.solve(game, types, ties=ties).value == pytest.approx((1 + epsilon) / 2, abs=1e-12)


def test_without_an_idle_follower_ties_do_lift_it() -> None:
    # The last follower switches too, on a leader action of its own (L = n + 1).
    n, epsilon = 2, 0.2
    assert epsilon < 1 / (2**n - 1)
    _, types = js.scenarios.hidden_parity(n, epsilon)
    follower = np.zeros((n, 4, n + 1, 2))
    follower[:, [0, 1, 2, 3], :, [0, 0, 1, 1]] = 1
    for i in range(n):
        follower[i, 2, :, 1] = follower[i, 1, :, 0] = np.eye(n + 1)[i]
        follower[i, 2, :, 0] = follower[i, 1, :, 1] = 1 / (2 * n)
    all_switch = js.Game(js.AnonymousPayoff(np.tile([1.0, 0.0, 1.0], (n + 1, 1))), follower)
    assert js.solve(all_switch, types, ties="robust").value == pytest.approx((1 + epsilon) / 2)
    at_the_tie = 1 / 2 + 2.0**-n * (1 + epsilon) / 2
    assert js.solve(all_switch, types, ties="optimistic").value == pytest.approx(at_the_tie)
    assert at_the_tie > (1 + epsilon) / 2


@pytest.mark.parametrize("n", [2, 3, 4])
def test_any_n_minus_1_followers_are_independent(n: int) -> None:
    _, types = js.scenarios.hidden_parity(n, epsilon=1.0)
    exact = np.vectorize(Fraction)(types.probabilities)
    for left_out in range(n):
        assert (exact.sum(axis=left_out) == Fraction(1, 4 ** (n - 1))).all()
    assert exact.sum() == 1


def test_bias_of_a_horizon() -> None:
    for horizon, epsilon in ((8, 0.5), (32, 0.25), (1, 0.5), (800, 0.05)):
        by_horizon, expected = (
            js.scenarios.hidden_parity(4, horizon=horizon),
            js.scenarios.hidden_parity(4, epsilon),
        )
        np.testing.assert_array_equal(by_horizon[1].probabilities, expected[1].probabilities)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"num_followers": 1, "epsilon": 0.1}, ValueError, "2 followers or more"),
        ({"num_followers": 3}, ValueError, "either horizon"),
        ({"num_followers": 3, "epsilon": 0.1, "horizon": 9}, ValueError, "either horizon"),
        ({"num_followers": 3, "epsilon": 1.5}, ValueError, "epsilon"),
        ({"num_followers": 3, "epsilon": 0.1, "signs": [1]}, ValueError, r"signs must be 2 numbers"),
        ({"num_followers": 40, "epsilon": 0.1}, MemoryError, r"4\*\*40 joint types"),
    ],
)
def test_what_makes_no_game(arguments: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        js.scenarios.hidden_parity(**arguments)
