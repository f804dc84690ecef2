"""Statistics with fixed seeds: growth of regret against the theory, draws against their distribution.

Thresholds come from the error between replicates, and every test that a right program passes is shown to
reject a wrong one.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jaxstack as js
from jaxstack.distributions import joint_probabilities
from jaxstack.learners.contract import Choice, Learner
from jaxstack.regret import Exponent, RegretCurve

# The lower-bound family: regret grows like sqrt(m T) across horizons ---------------------------------

HORIZONS = np.array([300, 1_000, 3_000, 10_000, 30_000])


@functools.cache
def final_regret(learner: Learner, num_decisions: int, horizon: int, num_runs: int = 512) -> RegretCurve:
    """Regret after T rounds of the game that is hardest for T: epsilon = sqrt(m / T)."""
    game, types = js.scenarios.hard_game(num_decisions, horizon=horizon)
    return js.simulate(
        jax.random.key(0),
        game,
        types,
        learner,
        horizon=horizon,
        num_runs=num_runs,
        table=js.enumerate_regions(game, ties="robust"),
        checkpoints=[horizon],
        devices=jax.devices()[:1],
    )


def minimax_exponent(learner: Learner) -> Exponent:
    """Growth of regret ACROSS horizons 300..30,000 (m = 2), each with a game of its own."""
    curves = [final_regret(learner, 2, int(horizon)) for horizon in HORIZONS]
    last = {name: np.array([getattr(c, name)[-1] for c in curves]) for name in ("mean", "stderr")}
    runs = np.concatenate([c.regret for c in curves], axis=1)
    across = dataclasses.replace(curves[-1], rounds=HORIZONS, regret=runs, **last)
    return js.growth_exponent(across, window=(300, 30_000))


def grows_like_the_square_root(exponent: Exponent) -> bool:
    # 512 runs a horizon: the slope's standard error is 0.01.
    assert exponent.high - exponent.low < 0.06
    return abs(exponent.estimate - 0.5) < 0.05


def level(learner: Learner, num_decisions: int, horizon: int) -> tuple[float, float]:
    """regret / sqrt(m T), with its standard error."""
    scale = (num_decisions * horizon) ** 0.5
    curve = final_regret(learner, num_decisions, horizon)
    return curve.mean[-1] / scale, curve.stderr[-1] / scale


def has_the_minimax_level(learner: Learner, num_decisions: int, horizon: int) -> bool:
    mean, stderr = level(learner, num_decisions, horizon)
    assert stderr < 0.025, "0.2..0.3 is told apart from 0.5"
    return 0.2 < mean < 0.3


@functools.cache
def stubborn(rounds: int) -> Learner:
    """Broken: `erm_joint` that learns nothing after so many rounds."""
    erm = js.learners.erm_joint()

    def update(state: Any, known: Any, hparams: Any, choice: Choice, feedback: Any, t: Any) -> Any:
        inner, played = state
        learnt = erm.update(inner, known, hparams, choice, feedback, t)
        keep = jax.tree.map(lambda new, old: jnp.where(played < rounds, new, old), learnt, inner)
        return keep, played + 1

    return dataclasses.replace(
        erm,
        name="stubborn",
        init=lambda known, hparams: (erm.init(known, hparams), jnp.zeros((), jnp.int32)),
        act=lambda key, state, known, hparams, t: erm.act(key, state[0], known, hparams, t),
        update=update,
        refresh=None,
        jumps=None,
    )


def test_erm_has_the_minimax_exponent() -> None:
    assert grows_like_the_square_root(minimax_exponent(js.learners.erm_joint()))


def test_a_learner_that_stops_learning_has_another_exponent() -> None:
    exponent = minimax_exponent(stubborn(100))
    assert not grows_like_the_square_root(exponent)
    assert exponent.low > 0.55


@pytest.mark.parametrize(("num_decisions", "horizon"), [(1, 10_000), (2, 10_000), (4, 1_000)])
def test_erm_has_the_minimax_level(num_decisions: int, horizon: int) -> None:
    assert has_the_minimax_level(js.learners.erm_joint(), num_decisions, horizon)


def test_a_learner_that_ignores_data_has_another_level() -> None:
    # Its exponent is 1/2 too: every horizon has its own epsilon.
    assert not has_the_minimax_level(stubborn(0), 2, 10_000)
    mean, stderr = level(stubborn(0), 2, 10_000)
    assert mean == pytest.approx(0.5, abs=1e-6), "one sign of two is wrong for ever"
    assert stderr < 1e-6


# An easy game ---------------------------------------------------------------------------------------

# Type 0 plays 1 from x_0 = 1/3 on, type 1 from x_0 = 2/3 on, and the leader earns 1 when 1 is played: the
# three regions earn 0, 0.6 and 1.
EASY = js.Game([[0.0, 1.0], [0.0, 1.0]], [[[[0.0, 2.0], [1.0, 0.0]], [[0.0, 1.0], [2.0, 0.0]]]])
EASY_TYPES = js.JointTypes([0.6, 0.4])


def easy(learner: Learner, horizon: int = 30_000, **changes: Any) -> RegretCurve:
    settings = {"horizon": horizon, "num_runs": 32, "devices": jax.devices()[:1], **changes}
    return js.simulate(jax.random.key(1), EASY, EASY_TYPES, learner, **settings)


def is_sublinear(curve: RegretCurve) -> bool:
    return js.growth_exponent(curve, window=(3_000, 30_000)).high < 0.5


def test_region_ucb_finds_the_best_region() -> None:
    curve = easy(js.learners.region_ucb(), hparams={"radius_scale": 1.0})
    assert float(curve.optimum) == pytest.approx(1)
    assert is_sublinear(curve)
    # Each other region is given up when 2 c sqrt(4 (L+1) log(3T) / N) is about its gap, or before.
    bonus = 4 * 3 * np.log(3 * 30_000)
    assert curve.mean[-1] < 4 * bonus / 0.4 + 4 * bonus / 1.0


def test_a_bonus_of_the_wrong_sign_is_linear() -> None:
    curve = easy(js.learners.region_ucb(), hparams={"radius_scale": -1.0})
    assert not is_sublinear(curve)
    assert js.growth_exponent(curve, window=(3_000, 30_000)).low > 0.95


def test_explore_then_commit_beats_blind_play() -> None:
    blind = easy(js.learners.uniform(), horizon=3_000)
    commits = easy(js.learners.explore_then_commit(), horizon=3_000)
    difference = js.paired_difference(blind, commits)
    assert difference.mean[-1] > 20 * difference.stderr[-1]
    # Blind play loses (1 + 0.4 + 0) / 3 a round; exploration loses as much, for T^(2/3) = 208 rounds.
    assert abs(blind.mean[-1] - 1_400) < 4 * blind.stderr[-1]
    assert blind.stderr[-1] < 10
    np.testing.assert_allclose(commits.regret[:, -1], 70 * 1 + 70 * 0.4, rtol=1e-5)


# Draws ----------------------------------------------------------------------------------------------

MARGINALS = [[0.5, 0.3, 0.2], [0.05, 0.15, 0.8]]
DISTRIBUTIONS = {
    "independent": js.IndependentTypes(MARGINALS),
    "mixture": js.MixtureTypes.correlated(MARGINALS, 0.4),
    "joint": js.JointTypes([[0.1, 0.0, 0.2], [0.0, 0.05, 0.05], [0.3, 0.1, 0.2]]),
}


def p_value(types: np.ndarray, probabilities: np.ndarray) -> float:
    """Chi-squared test of joint types [T, 2] against their probabilities [9]."""
    counts = np.bincount(3 * types[:, 0] + types[:, 1], minlength=9)
    possible = probabilities > 0
    assert not counts[~possible].any(), "a type of probability zero is never drawn"
    expected = len(types) * probabilities[possible]
    return float(stats.chisquare(counts[possible], expected).pvalue)


@pytest.mark.parametrize("kind", DISTRIBUTIONS)
def test_sampled_types_have_their_probabilities(kind: str) -> None:
    types = DISTRIBUTIONS[kind]
    drawn = np.asarray(js.sample_types(jax.random.key(2), types, 100_000))
    assert drawn.shape == (100_000, 2)
    right = joint_probabilities(types)
    assert p_value(drawn, right) > 1e-3
    slightly_off = np.where(right > 0, right + 0.01 * (np.arange(9) % 2 - 0.5), 0)
    assert p_value(drawn, slightly_off / slightly_off.sum()) < 1e-6


@pytest.mark.parametrize("kind", ["independent", "mixture"])
def test_correlation_is_that_of_the_distribution(kind: str) -> None:
    other = {"independent": "mixture", "mixture": "independent"}[kind]
    drawn = np.asarray(js.sample_types(jax.random.key(3), DISTRIBUTIONS[kind], 100_000))
    assert p_value(drawn, joint_probabilities(DISTRIBUTIONS[kind])) > 1e-3
    assert p_value(drawn, joint_probabilities(DISTRIBUTIONS[other])) < 1e-6, "equal marginals"


def test_types_of_a_run_are_independent_over_rounds_and_runs() -> None:
    runs = [
        js.play(jax.random.key(4), EASY, EASY_TYPES, js.learners.oracle(), horizon=20_000, run=run).types[
            :, 0
        ]
        for run in range(3)
    ]
    for types in runs:
        assert stats.binomtest(int(types.sum()), len(types), 0.4).pvalue > 1e-3
        for lag in (1, 127, 128):  # within a block of rounds, and across
            assert abs(np.corrcoef(types[:-lag], types[lag:])[0, 1]) < 4 / len(types) ** 0.5
    for other in runs[1:]:
        assert abs(np.corrcoef(runs[0], other)[0, 1]) < 4 / len(other) ** 0.5
    assert abs(np.corrcoef(runs[0], np.roll(runs[0], 1) | runs[0])[0, 1]) > 4 / len(runs[0]) ** 0.5


def test_blind_play_is_uniform_over_regions_then_vertices() -> None:
    game, types = js.scenarios.random_game(2, num_types=2)
    table = js.enumerate_regions(game)
    played = js.play(jax.random.key(5), game, types, js.learners.uniform(), horizon=20_000, table=table)
    counts = np.zeros(table.vertex_mask.shape)
    np.add.at(counts, (played.region, played.vertex), 1)
    vertices = table.vertex_mask.sum(axis=1)
    assert len(set(vertices)) > 1, "else regions and vertices cannot be told apart"
    real = table.vertex_mask
    by_region = np.broadcast_to(1 / len(vertices) / vertices[:, None], real.shape)[real]
    assert stats.chisquare(counts[real], 20_000 * by_region).pvalue > 1e-3
    flat = np.full(real.sum(), 1 / real.sum())
    assert stats.chisquare(counts[real], 20_000 * flat).pvalue < 1e-6
