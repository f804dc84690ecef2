"""Statistics of regret curves: moments in chunks, growth exponents, paired differences, checkpoints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

import jaxstack as js
from jaxstack.regret import (
    QUANTILE_LEVELS,
    Moments,
    RegretCurve,
    average_over_games,
    check_checkpoints,
    log_spaced_rounds,
)


def curve_of(
    regret: np.ndarray, rounds: np.ndarray, keep_runs: bool = True, name: str = "made"
) -> RegretCurve:
    """A curve made of given runs [.., S, C]."""
    moments = Moments()
    moments.add(regret)
    return RegretCurve(
        learner=name,
        rounds=np.asarray(rounds, np.int64),
        **moments.summary(),
        regret=regret if keep_runs else None,
        num_runs=regret.shape[-2],
        optimum=np.ones(regret.shape[:-2]),
        ties="optimistic",
        seconds={"compile": 0.0, "run": 0.0},
    )


def power_law(
    exponent: float, shape: tuple[int, ...] = (400,), noise: float = 0.3, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Regret 2 T^exponent times one random factor of mean 1 a run: [.., S, C], and its rounds [C]."""
    rounds = log_spaced_rounds(10_000, 40)
    factor = 1 + noise * np.random.default_rng(seed).uniform(-1, 1, (*shape, 1))
    return 2.0 * rounds**exponent * factor, rounds


# Moments --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunks", [[11], [1] * 11, [3, 1, 7], [10, 1]], ids=str)
@pytest.mark.parametrize("batch", [(), (2,)], ids=["one game", "two games"])
def test_moments_in_chunks_are_those_of_all_runs(chunks: list[int], batch: tuple[int, ...]) -> None:
    # A large mean with a small spread: sums of squares would cancel.
    regret = 1e6 + np.random.default_rng(1).normal(size=(*batch, 11, 5))
    moments = Moments()
    for part in np.split(regret, np.cumsum(chunks)[:-1], axis=-2):
        moments.add(part)
    summary = moments.summary()
    assert moments.count == 11
    np.testing.assert_allclose(summary["mean"], regret.mean(axis=-2), rtol=1e-14)
    np.testing.assert_allclose(summary["stderr"], regret.std(axis=-2, ddof=1) / 11**0.5, rtol=1e-8)
    np.testing.assert_allclose(
        summary["quantiles"], np.quantile(regret, QUANTILE_LEVELS, axis=-2), rtol=1e-14
    )


def test_quantiles_of_very_many_runs_are_of_the_first_ones() -> None:
    sample, many = 1 << 14, 40_000
    regret = np.random.default_rng(2).exponential(size=(many, 1))
    moments = Moments()
    for part in np.array_split(regret, 7):
        moments.add(part)
    expected = np.quantile(regret[:sample], QUANTILE_LEVELS, axis=0)
    np.testing.assert_array_equal(moments.summary()["quantiles"], expected)
    np.testing.assert_allclose(moments.summary()["mean"], regret.mean(axis=0), rtol=1e-12)


def test_restored_moments_go_on_as_they_were() -> None:
    """Also past the runs that are sampled for quantiles: the sample neither grows again nor is forgotten."""
    whole, moments = Moments(), Moments()
    for part in np.array_split(np.random.default_rng(4).exponential(size=(20_000, 1)), 13):
        whole.add(part)
        moments.add(part)
        moments = Moments.restored(moments.state())
    expected = whole.summary()
    for name, values in moments.summary().items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


def test_one_run_has_a_mean_but_no_standard_error() -> None:
    curve = curve_of(np.array([[1.0, 2.0]]), [1, 2])
    assert curve.mean.tolist() == [1, 2]
    assert np.isnan(curve.stderr).all()


def test_an_average_over_games_averages_every_run_first() -> None:
    final = np.array([[1.0, 2, 3, 4], [4, 3, 2, 1]])  # opposite errors cancel within each run
    mean, stderr = average_over_games(curve_of(final[..., None], [7]))
    assert (mean.tolist(), stderr.tolist()) == ([2.5], [0.0])
    mean, stderr = average_over_games(curve_of(final[..., None], [7], keep_runs=False))
    assert mean.tolist() == [2.5]
    assert stderr == pytest.approx([np.std([1, 2, 3, 4], ddof=1) / 2]), "an upper bound"


# Growth exponents -----------------------------------------------------------------------------------


@pytest.mark.parametrize("keep_runs", [True, False])
@pytest.mark.parametrize("exponent", [0.0, 0.5, 2 / 3, 1.0])
def test_power_laws_are_recognised(exponent: float, keep_runs: bool) -> None:
    estimate, low, high, window = js.growth_exponent(curve_of(*power_law(exponent), keep_runs=keep_runs))
    assert estimate == pytest.approx(exponent, abs=1e-9), "a factor common to all rounds has no slope"
    assert low - 1e-9 <= exponent <= high + 1e-9
    assert window == (100, 10_000)


def test_one_run_of_one_game_has_an_exponent_but_no_interval() -> None:
    estimate, low, high, _ = js.growth_exponent(curve_of(*power_law(0.5, shape=(1,))))
    assert estimate == pytest.approx(0.5)
    assert np.isnan([low, high]).all()


def test_a_window_sees_its_own_slope() -> None:
    rounds = log_spaced_rounds(10_000, 60)
    regret = np.where(rounds <= 100, rounds, 100 * np.sqrt(rounds / 100))  # slope 1, then 1/2
    curve = curve_of(np.tile(regret, (3, 1)), rounds)
    assert js.growth_exponent(curve, window=(1, 100)).estimate == pytest.approx(1)
    assert js.growth_exponent(curve, window=(100, 10_000)).estimate == pytest.approx(0.5)
    assert 0.5 < js.growth_exponent(curve, window=(1, 10_000)).estimate < 1
    assert js.growth_exponent(curve, window=(1.5, 99.5)).window == (2, 99)


@pytest.mark.parametrize("keep_runs", [True, False])
def test_interval_covers_and_shrinks_with_more_runs(keep_runs: bool) -> None:
    def interval(runs: int, seed: int) -> tuple[float, float]:
        rng = np.random.default_rng(seed)
        rounds = log_spaced_rounds(10_000, 12)
        # Independent noise at every checkpoint: both kinds of interval are about right.
        regret = np.sqrt(rounds) * rng.exponential(size=(runs, len(rounds)))
        _, low, high, _ = js.growth_exponent(curve_of(regret, rounds, keep_runs), window=(1, 10_000))
        return low, high

    few = [interval(50, seed) for seed in range(20)]
    many = [interval(800, seed) for seed in range(20)]
    # 95% each: fewer than 16 of 20 has a probability of 3e-3 when right, and these seeds are fixed.
    assert sum(low <= 0.5 <= high for low, high in few) >= 16
    ratio = np.mean([high - low for low, high in few]) / np.mean([high - low for low, high in many])
    assert ratio == pytest.approx(4, rel=0.15), "sixteen times the runs"


def test_an_interval_from_standard_errors_holds_95_percent() -> None:
    regret = np.array([[9.0, 80.0], [11.0, 120.0]])  # means 10 and 100, with a standard error of 1 and 20
    estimate, low, high, _ = js.growth_exponent(curve_of(regret, [100, 1000], keep_runs=False), (100, 1000))
    assert estimate == pytest.approx(1.0)
    half = norm.ppf(0.975) * (0.1 + 0.2) / np.log(10)
    assert (low, high) == (pytest.approx(1 - half, abs=1e-4), pytest.approx(1 + half, abs=1e-4))


@pytest.mark.parametrize("resampled", ["runs", "games"])
def test_a_resampled_interval_holds_95_percent(resampled: str) -> None:
    """One checkpoint is certain; the other differs between runs alone, or between games alone."""
    count = 400
    last = 100 + np.random.default_rng(5).normal(size=count)
    regret = np.stack([np.full(count, 10.0), last], axis=-1)
    regret = regret[None] if resampled == "runs" else np.stack([regret, regret], axis=1)
    _, low, high, _ = js.growth_exponent(curve_of(regret, [100, 1000]), (100, 1000))
    error = last.std() / count**0.5 / 100 / np.log(10)
    # 1,000 resamples tell the width to 3 %; one of 90 % would be 16 % narrower.
    assert high - low == pytest.approx(2 * norm.ppf(0.975) * error, rel=0.09)


@pytest.mark.parametrize("keep_runs", [True, False])
def test_a_batch_of_games_gives_the_slope_of_their_mean(keep_runs: bool) -> None:
    slow, rounds = power_law(0.5, seed=1)
    fast, _ = power_law(1.0, seed=2)
    batch = curve_of(np.stack([slow, fast]), rounds, keep_runs)
    pooled = curve_of((slow + fast) / 2, rounds)
    found = js.growth_exponent(batch)
    assert found.estimate == pytest.approx(js.growth_exponent(pooled).estimate, abs=1e-12)
    assert found.low <= found.estimate <= found.high


def test_resampling_is_seeded() -> None:
    curve = curve_of(*power_law(0.5))
    regret = curve.regret * (1 + np.random.default_rng(0).uniform(size=curve.regret.shape))
    noisy = curve_of(regret, curve.rounds)
    assert js.growth_exponent(noisy) == js.growth_exponent(noisy)
    assert js.growth_exponent(noisy, seed=1).estimate == js.growth_exponent(noisy).estimate
    assert js.growth_exponent(noisy, seed=1).low != js.growth_exponent(noisy).low


@pytest.mark.parametrize("window", [(0, 100), (-5, 100), (100, 10), (100, 100), (10, 20_000)], ids=str)
def test_bad_windows(window: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"window must satisfy 0 < first < last <= T = 10,000, but \("):
        js.growth_exponent(curve_of(*power_law(0.5)), window=window)


def test_no_regret_has_no_exponent() -> None:
    curve = curve_of(np.zeros((4, 3)), [10, 100, 1000])
    assert np.isnan(js.growth_exponent(curve)[:3]).all()
    lonely = curve_of(*power_law(0.5))
    assert np.isnan(js.growth_exponent(lonely, window=(9_990, 10_000)).estimate), "one checkpoint"


# Paired differences ---------------------------------------------------------------------------------


def test_paired_differences_use_the_pairs() -> None:
    rng = np.random.default_rng(3)
    common = 100 * rng.exponential(size=(50, 2))
    first, second = common + 1 + rng.normal(size=(50, 2)), common
    found = js.paired_difference(curve_of(first, [5, 10]), curve_of(second, [5, 10]))
    assert found.rounds.tolist() == [5, 10]
    np.testing.assert_allclose(found.mean, (first - second).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.stderr, (first - second).std(axis=0, ddof=1) / 50**0.5, rtol=1e-9)
    assert (found.stderr < 0.1 * curve_of(first, [5, 10]).stderr).all()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (curve_of(np.ones((4, 2)), [5, 10], keep_runs=False), "need every run: simulate with keep_runs=True"),
        (curve_of(np.ones((3, 2)), [5, 10], name="b"), r"a has shape \(4, 2\) to round 10 and b \(3, 2\)"),
        (curve_of(np.ones((4, 2)), [6, 10]), "same games, runs and checkpoints"),
        (curve_of(np.ones((4, 3)), [1, 5, 10]), "same games, runs and checkpoints"),
    ],
)
def test_curves_that_are_no_pair(other: RegretCurve, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        js.paired_difference(curve_of(np.ones((4, 2)), [5, 10], name="a"), other)


# Checkpoints ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("horizon", [1, 2, 3, 63, 64, 65, 1000, 2**31 - 200])
def test_default_checkpoints(horizon: int) -> None:
    rounds = check_checkpoints(None, horizon)
    assert rounds.dtype == np.int64
    assert rounds[0] == 1
    assert rounds[-1] == horizon
    assert (np.diff(rounds) > 0).all()
    assert len(rounds) <= 64
    if horizon > 10_000:
        ratios = rounds[1:] / rounds[:-1]
        assert ratios[-20:].std() < 1e-3 * ratios[-20:].mean(), "evenly spaced on a logarithmic axis"


@pytest.mark.parametrize(
    ("given", "expected"),
    [([3], [3, 10]), ([10, 3, 3], [3, 10]), (np.arange(1, 11), list(range(1, 11))), ((1.0,), [1, 10])],
    ids=str,
)
def test_given_checkpoints_end_at_the_horizon(given: Any, expected: list[int]) -> None:
    assert check_checkpoints(given, 10).tolist() == expected


@pytest.mark.parametrize("given", [[0], [11], [2.5], [-1], [np.nan], [], 5], ids=str)
def test_bad_checkpoints(given: Any) -> None:
    with pytest.raises(ValueError, match="checkpoints"):
        check_checkpoints(given, 10)


def test_where_many_resamples_start_from_nothing_there_is_no_interval() -> None:
    """Of 4 games one loses in round 100: a third of the resamples is without it; of 20 all but one do."""
    regret = np.tile([10.0, 100.0], (4, 5, 1))
    regret[1:, :, 0] = 0
    estimate, low, high, _ = js.growth_exponent(curve_of(regret, [100, 1000]), (100, 1000))
    assert estimate == pytest.approx(np.log10(40))
    assert np.isnan([low, high]).all()
    regret = np.tile([10.0, 100.0], (20, 5, 1))
    regret[0, :, 0] = 0
    estimate, low, high, _ = js.growth_exponent(curve_of(regret, [100, 1000]), (100, 1000))
    assert low < estimate < high < 1.2
