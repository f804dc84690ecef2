"""The theorems' rates, in numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

import jaxstack as js

GAME = js.Game(js.TabularPayoff(np.linspace(-1, 3, 12).reshape(3, 2, 2)), np.zeros((2, 4, 3, 2)))
# L = 3, n = 2, K = 4, A = 2, payoffs in [-1, 3]; T = 100:
RANGE, HORIZON, LOG_T = 4, 100, math.log(100)
LOG_REGIONS = math.log(2 * 4 * 2 * 100)  # log(nKAT) = 7.38, times L = 22.1: above K^n = 16 and nK = 8


def test_number_of_regions() -> None:
    assert js.bounds.num_regions(GAME) == (2 * 4 * 2 * 2) ** 3 == 32_768  # n^L K^L A^2L
    wide = js.Game(js.SeparablePayoff(np.zeros((100, 40, 10))), np.zeros((100, 10, 40, 10)))
    assert js.bounds.num_regions(wide) == 10**200, "exact, however large"


@pytest.mark.parametrize(
    ("learner", "expected"),
    [
        ("erm_joint", RANGE * math.sqrt(16 * HORIZON)),
        ("erm_product", RANGE * math.sqrt(8 * HORIZON)),
        ("region_ucb", RANGE * math.sqrt(32_768 * 3 * HORIZON * LOG_T)),
        ("oful", RANGE * 16 * math.sqrt(HORIZON) * LOG_T),
        ("vector_oful", RANGE * 16 * math.sqrt(4 * HORIZON) * LOG_T),  # min(A^n, K^n) = 4
        ("lower", RANGE * math.sqrt(3 * HORIZON)),
        ("lower_actions", RANGE / 43 * math.sqrt(2 * HORIZON)),  # 2 <= n <= L - 1: N = 2^(n-1)
    ],
)
def test_rates_by_hand(learner: str, expected: float) -> None:
    assert js.bounds.regret(learner, GAME, HORIZON) == pytest.approx(expected, rel=1e-12)


def test_geometry_bounds_many_types() -> None:
    # K = 30: L log(nKAT) = 3 log(12,000) = 28.2 is below nK = 60 and K^n = 900.
    many = js.Game(GAME.leader, np.zeros((2, 30, 3, 2)))
    expected = RANGE * math.sqrt(3 * math.log(12_000) * HORIZON)
    assert 3 * LOG_REGIONS > 16, "so the other game is bounded by its types"
    assert js.bounds.regret("erm_joint", many, HORIZON) == pytest.approx(expected, rel=1e-12)
    assert js.bounds.regret("erm_product", many, HORIZON) == pytest.approx(expected, rel=1e-12)
    one = js.Game(np.array([[0.0, 1.0]] * 3), np.zeros((1, 2, 3, 2)))  # nK = 2 < L = 3
    assert js.bounds.regret("lower", one, HORIZON) == pytest.approx(math.sqrt(2 * HORIZON), rel=1e-12)


def test_hundreds_of_followers_do_not_overflow() -> None:
    many = js.Game(js.SeparablePayoff(np.full((500, 3, 2), [0.0, 0.01])), np.zeros((500, 5, 3, 2)))
    expected = 5 * math.sqrt(3 * math.log(500 * 5 * 2 * 1000) * 1000)
    assert js.bounds.regret("erm_joint", many, 1000) == pytest.approx(expected, rel=1e-9)
    assert js.bounds.regret("oful", many, 1000) == math.inf
    assert math.isfinite(js.bounds.regret("region_ucb", many, 1000))
    # L = 100: the bound on the number of regions is 10^400, beyond any float.
    payoffs = np.full((500, 100, 2), [0.0, 0.002])  # range 1
    wide = js.Game(js.SeparablePayoff(payoffs), np.zeros((500, 5, 100, 2)))
    assert js.bounds.regret("lower", wide, 1000) == pytest.approx(math.sqrt(100 * 1000), rel=1e-9)
    assert js.bounds.regret("region_ucb", wide, 1000) > 1e200


def test_first_round_is_finite() -> None:
    for learner in (*js.bounds.THEOREMS, "lower", "lower_actions"):
        assert 0 < js.bounds.regret(learner, GAME, 1) < math.inf


def test_learner_without_a_theorem() -> None:
    with pytest.raises(ValueError, match=r"Unknown regret bound 'region_ubc'\. Did you mean 'region_ucb'"):
        js.bounds.regret("region_ubc", GAME, HORIZON)
    with pytest.raises(
        ValueError, match="Known: erm_joint, erm_product, region_ucb, oful, vector_oful, lower"
    ):
        js.bounds.regret("uniform", GAME, HORIZON)


@pytest.mark.parametrize(
    ("n", "leader", "regions", "constant"),
    [(2, 2, 3, 1 / 43), (3, 3, 7, 1 / 19), (5, 3, 16, 1 / 19), (4, 9, 8, 1 / 19), (3, 4, 4, 1 / 19)],
)
def test_lower_bound_from_actions(n: int, leader: int, regions: int, constant: float) -> None:
    game = js.Game(
        js.AnonymousPayoff(np.tile(np.arange(n + 1) % 2.0, (leader, 1))), np.zeros((n, 4, leader, 2))
    )
    for horizon in (1, regions, 10_000):
        expected = constant * min(math.sqrt(regions * horizon), horizon)
        assert js.bounds.regret("lower_actions", game, horizon) == pytest.approx(expected, rel=1e-12)


def test_lower_bound_from_actions_where_it_is_not_proved() -> None:
    few_types = js.Game(GAME.leader, np.zeros((2, 3, 3, 2)))
    one_follower = js.Game(np.array([[0.0, 1.0]] * 3), np.zeros((1, 4, 3, 2)))
    for game in (few_types, one_follower):
        with pytest.raises(ValueError, match=r"proved for K >= 4 and n, L, A >= 2, but Game"):
            js.bounds.regret("lower_actions", game, HORIZON)
