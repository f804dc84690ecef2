"""Jumping over rounds: the same distribution as round by round, exact counts, and a bound that matters."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from scipy import stats

import jaxstack as js
from jaxstack import skip_ahead
from jaxstack.learners import candidates, erm_joint

HORIZON, RUNS = 200, 768
CASES = {
    "joint": ("erm_joint", {"types": "joint"}),
    "product": ("erm_product", {"types": "independent"}),
    "marginal": (
        "erm_joint",
        {"payoff": "separable", "types": "mixture", "num_followers": 5, "num_leader_actions": 2},
    ),
}


def curves(case: str, skip: bool) -> js.RegretCurve:
    name, parameters = CASES[case]
    game, types = js.scenarios.random_game(5, **parameters)
    learner = js.learners.by_name(name)
    key = jax.random.key(7 + skip)
    return js.simulate(key, game, types, learner, horizon=HORIZON, num_runs=RUNS, skip_ahead=skip)


def p_values(one: js.RegretCurve, other: js.RegretCurve) -> list[float]:
    """Two-sample Kolmogorov-Smirnov tests at six rounds."""
    chosen = np.linspace(len(one.rounds) // 4, len(one.rounds) - 1, 6).astype(int)
    # The same value may differ in the last bit of float32 between the two ways of summing.
    return [
        stats.ks_2samp(np.round(one.regret[:, c], 4), np.round(other.regret[:, c], 4)).pvalue for c in chosen
    ]


@pytest.mark.parametrize("case", CASES)
def test_same_distribution_as_round_by_round(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if case == "marginal":
        monkeypatch.setattr(candidates, "MAX_JOINT_FEATURES", 0)
    assert min(p_values(curves(case, True), curves(case, False))) > 0.01 / 6


def test_a_bound_that_promises_too_much_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty times the provable number of rounds is another learner, and the same test sees it."""
    proven = skip_ahead._certain_rounds
    monkeypatch.setattr(skip_ahead, "_certain_rounds", lambda *args: 20 * proven(*args) + 20)
    assert min(p_values(curves("joint", True), curves("joint", False))) < 1e-6


def test_counts_stay_exact_where_float32_samplers_do_not() -> None:
    """Counts of 2^40 rounds add up to the round; a float32 binomial draws only multiples of 2^k."""
    game, types = js.scenarios.random_game(5, types="joint")
    scoring = erm_joint().prepare(game, js.enumerate_regions(game))
    problem = skip_ahead._problem(game, types, "erm_joint", scoring, np.zeros(len(scoring.candidates.region)))
    counts = problem.draw(np.random.default_rng(0), np.array([2**40 + 1, 12345]))
    assert counts.dtype == np.int64
    assert counts.sum(axis=1).tolist() == [2**40 + 1, 12345]
    assert len(set((counts[0] % 64).tolist())) > 1
    draws = jax.random.binomial(jax.random.key(0), np.float32(2**30), np.float32(0.4), (50,))
    assert (np.asarray(draws, np.float64) % 16 == 0).all()


def test_a_billion_rounds_cost_no_more_than_their_switches() -> None:
    """Regret at 10^9 equals that of the curve's own past where nothing can change any more."""
    game, types = js.scenarios.random_game(0, types="independent")
    curve = js.simulate(
        jax.random.key(0), game, types, js.learners.erm_joint(), horizon=10**9, num_runs=64, skip_ahead=True
    )
    assert curve.rounds[-1] == 10**9
    assert (np.diff(curve.regret, axis=1) >= -1e-9).all()
    late = curve.mean[curve.rounds >= 10**7]
    assert late[-1] - late[0] < 0.05 * late[-1] + 1e-9


def test_a_batch_of_games_and_no_kept_runs() -> None:
    pairs = [js.scenarios.random_game(seed, types="independent") for seed in range(2)]
    games, types = js.stack([p[0] for p in pairs]), js.stack([p[1] for p in pairs])
    options = {"horizon": 10**5, "num_runs": 20, "skip_ahead": True}
    both = js.simulate(jax.random.key(0), games, types, js.learners.erm_product(), **options)
    single = js.simulate(jax.random.key(0), *pairs[1], js.learners.erm_product(), **options, keep_runs=False)
    assert single.regret is None
    np.testing.assert_allclose(both.mean[1], single.mean)


def test_what_cannot_be_skipped_says_why() -> None:
    game, types = js.scenarios.random_game(0)
    with pytest.raises(
        ValueError, match=r"skip_ahead works for .*erm_joint, erm_product.*not for region_ucb"
    ):
        js.simulate(
            jax.random.key(0), game, types, js.learners.region_ucb(), horizon=9, num_runs=1, skip_ahead=True
        )
    big = js.Game(js.AnonymousPayoff(np.eye(2, 31)), np.random.default_rng(0).random((30, 2, 2, 2)))
    uniform = js.IndependentTypes(np.full((30, 2), 0.5))
    with pytest.raises(ValueError, match=r"K\*\*n = 2\*\*30.*AnonymousPayoff"):
        js.simulate(
            jax.random.key(0), big, uniform, js.learners.erm_joint(), horizon=9, num_runs=1, skip_ahead=True
        )
