"""Jumping over rounds: the same distribution as round by round, exact counts, and a bound that matters."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest
from scipy import stats

import jaxstack as js
from jaxstack.jumps import OVERLOOKED, chain, problem
from jaxstack.jumps.linear import LinearProblem
from jaxstack.jumps.product import ProductProblem
from jaxstack.learners import candidates

pytestmark = pytest.mark.once

HORIZON, RUNS = 1_500, 768
SPARSE = js.JointTypes([[0.4, 0.0, 0.1], [0.0, 0.3, 0.0], [0.2, 0.0, 0.0]])  # types that never come
CASES = {
    "joint": ("erm_joint", {"types": "joint"}),
    "product": ("erm_product", {"types": "independent"}),
    "correlated": ("erm_product", {"types": "joint"}),
    "impossible types": ("erm_joint", {"types": SPARSE}),
    "marginal": (
        "erm_joint",
        {"payoff": "separable", "types": "mixture", "num_followers": 5, "num_leader_actions": 2},
    ),
}


def curves(case: str, skip: bool) -> js.RegretCurve:
    name, parameters = CASES[case]
    if isinstance(parameters["types"], js.JointTypes):
        game, types = js.scenarios.random_game(5)[0], parameters["types"]
    else:
        game, types = js.scenarios.random_game(5, **parameters)
    learner = js.learners.by_name(name)
    key = jax.random.key(7 + skip)
    return js.simulate(key, game, types, learner, horizon=HORIZON, num_runs=RUNS, skip_ahead=skip)


def matching_game(advantage: float, runner_up: int = 1) -> tuple[js.Game, js.JointTypes]:
    """The leader guesses which of two types comes; playing the rarer one costs 2 x advantage."""
    follower = np.zeros((1, 2, 2, 2))
    follower[0, 0, :, 0] = follower[0, 1, :, 1] = 1  # a type's action is its number
    rarer = 0.5 - advantage
    return js.Game(np.eye(2), follower), js.JointTypes(
        [1 - rarer, rarer] if runner_up else [rarer, 1 - rarer]
    )


def p_values(one: js.RegretCurve, other: js.RegretCurve) -> list[float]:
    """Two-sample Kolmogorov-Smirnov tests at six rounds."""
    chosen = np.linspace(len(one.rounds) // 4, len(one.rounds) - 1, 6).astype(int)
    # The same value may differ in the last bits of float32 between the two ways of summing.
    return [
        stats.ks_2samp(np.round(one.regret[:, c], 3), np.round(other.regret[:, c], 3)).pvalue for c in chosen
    ]


@pytest.fixture(params=["long", "short", "none"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks so short that jumps begin early, or none: what takes 10^6 rounds otherwise happens in 10^3."""
    if request.param != "long":
        monkeypatch.setattr(chain, "_SHORT", 32)
        monkeypatch.setattr(chain, "_BRIEF", 2)
        limit_blocks(monkeypatch, 32 if request.param == "short" else 0)


def limit_blocks(monkeypatch: pytest.MonkeyPatch, longest: int) -> None:
    for kind in (LinearProblem, ProductProblem):
        monkeypatch.setattr(kind, "longest_block", longest)


@pytest.mark.parametrize("case", CASES)
def test_same_distribution_as_round_by_round(
    case: str, blocks: None, monkeypatch: pytest.MonkeyPatch, played: dict[str, js.RegretCurve]
) -> None:
    if case == "marginal":
        monkeypatch.setattr(candidates, "MAX_JOINT_FEATURES", 0)
    if case not in played:
        played[case] = curves(case, False)
    assert min(p_values(curves(case, True), played[case])) > 0.01 / 6


@pytest.fixture(scope="module")
def played() -> dict[str, js.RegretCurve]:
    """Curves of round-by-round play by case."""
    return {}


def test_a_bound_that_promises_too_much_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty times the rounds that are certain is another learner, and the same test sees it."""
    proven = problem.Problem.certain_rounds
    limit_blocks(monkeypatch, 0)
    monkeypatch.setattr(problem.Problem, "certain_rounds", lambda *args: 20 * proven(*args) + 20)
    assert min(p_values(curves("joint", True), curves("joint", False))) < 1e-6


@pytest.mark.parametrize("overlooked", [0.0, OVERLOOKED])
@pytest.mark.parametrize("second_is_best", [False, True])
@pytest.mark.parametrize("learner", ["erm_joint", "erm_product"])
def test_expected_regret_is_exact(
    learner: str, overlooked: float, second_is_best: bool, blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two candidates: the wrong one is played after the rounds in which the rarer type is ahead."""
    advantage, horizon = 0.05, 10**9 if overlooked else 10**4
    monkeypatch.setattr(problem, "OVERLOOKED", overlooked)
    curve = matching_curve(advantage, horizon, second_is_best, learner)
    exact = expected_matching_regret(advantage, second_is_best)
    assert abs(curve.mean[-1] - exact) < 4 * curve.stderr[-1]
    # A whole number of wrong rounds in every run, far below one part in 10^4.
    wrong = curve.regret[:, -1] / (2 * advantage)
    np.testing.assert_allclose(wrong, np.rint(wrong), atol=1e-6)


def matching_curve(
    advantage: float, horizon: int, second_is_best: bool = False, name: str = "erm_joint"
) -> js.RegretCurve:
    game, types = matching_game(advantage, runner_up=not second_is_best)
    learner, key = js.learners.by_name(name), jax.random.key(3)
    return js.simulate(key, game, types, learner, horizon=horizon, num_runs=2_048, skip_ahead=True)


def expected_matching_regret(advantage: float, second_is_best: bool) -> float:
    """Sum of binomial tails; past 30 / advantage^2 rounds they are below exp(-60)."""
    seen = np.arange(int(30 / advantage**2))
    rarer_leads = stats.binom.sf(seen // 2, seen, 0.5 - advantage)  # more than half
    if second_is_best:  # then the rarer type is that of the first candidate, which also wins ties
        rarer_leads = stats.binom.sf((seen - 1) // 2, seen, 0.5 - advantage)  # half or more
        rarer_leads[0] = 1
    return 2 * advantage * rarer_leads.sum()


def test_a_careless_probability_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jumps over rounds in which the rival is likely to take the lead: the exact expectation tells."""
    monkeypatch.setattr(problem, "OVERLOOKED", 1.0)
    limit_blocks(monkeypatch, 0)
    curve = matching_curve(0.03, 10**9)
    assert abs(curve.mean[-1] - expected_matching_regret(0.03, False)) > 8 * curve.stderr[-1]


def test_time_in_the_lead_follows_the_arcsine_law() -> None:
    """Of two candidates nearly tied, each is played for a share of the time that has the law of Levy."""
    share = matching_curve(1e-6, 10**5).regret[:, -1] / (2e-6 * 10**5)
    assert stats.kstest(share, "arcsine").pvalue > 0.01


def test_counts_of_other_rounds_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a block whose counts are those of another run, the time in the lead has another law."""
    limit_blocks(monkeypatch, 1024)
    count = chain.count_features
    monkeypatch.setattr(chain, "count_features", lambda parts, size: np.roll(count(parts, size), 1, axis=0))
    share = matching_curve(1e-6, 3_000).regret[:, -1] / (2e-6 * 3_000)
    assert stats.kstest(share, "arcsine").pvalue < 1e-6


def test_an_exact_tie_costs_nothing_and_takes_no_time() -> None:
    """Two candidates with the same gap may take turns for ever."""
    assert (matching_curve(0.0, 10**15).regret == 0).all()


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
    options = {"horizon": 10**3, "num_runs": 20, "skip_ahead": True}
    both = js.simulate(jax.random.key(0), games, types, js.learners.erm_product(), **options)
    single = js.simulate(jax.random.key(0), *pairs[1], js.learners.erm_product(), **options, keep_runs=False)
    assert single.regret is None
    np.testing.assert_allclose(both.mean[1], single.mean)


def test_every_game_of_a_batch_jumps_with_its_own_key() -> None:
    game, types = js.scenarios.random_game(0, types="independent")
    keys = jax.random.split(jax.random.key(5), 2)
    options = {"horizon": 10**3, "num_runs": 20, "skip_ahead": True}
    both = js.simulate(
        keys, js.stack([game, game]), js.stack([types, types]), js.learners.erm_joint(), **options
    )
    for row, key in zip(both.regret, keys, strict=True):
        alone = js.simulate(key, game, types, js.learners.erm_joint(), **options)
        np.testing.assert_array_equal(row, alone.regret)
    assert (both.regret[0] != both.regret[1]).any()


def test_jumps_are_those_of_the_learner_and_not_of_its_name() -> None:
    """Whoever acts in another way is not played as the learner that it was derived from."""
    game, types = js.scenarios.random_game(0, types="independent")
    options = {"horizon": 10**3, "num_runs": 5, "skip_ahead": True}
    key, plain = jax.random.key(0), js.learners.erm_joint()
    stubborn = dataclasses.replace(plain, act=js.learners.uniform().act)
    with pytest.raises(ValueError, match=r"other choices than erm_joint does.*another act.*jumps=None"):
        js.simulate(key, game, types, stubborn, **options)
    renamed = js.simulate(key, game, types, dataclasses.replace(plain, name="ours"), **options)
    np.testing.assert_array_equal(renamed.regret, js.simulate(key, game, types, plain, **options).regret)
    disguised = dataclasses.replace(js.learners.region_ucb(), name="erm_joint")
    with pytest.raises(ValueError, match=r"skip_ahead works for .*not for erm_joint"):
        js.simulate(key, game, types, disguised, **options)


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
