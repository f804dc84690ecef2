"""Learners against a reference: intervals that hold over games and runs, and tests that are corrected."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import jaxstack as js
from experiments.intervals import differences, shares_within
from jaxstack.comparison import clustered, compare, holm
from tests.datasets import results
from tests.reference.two_way import two_way
from tests.test_regret import curve_of

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("G", "S", "spread"), [(5, 20, (1.0, 1.0, 1.0)), (8, 50, (1.0, 0.0, 3.0)), (20, 6, (0.3, 1.0, 1.0))]
)
def test_intervals_hold_95_percent(G: int, S: int, spread: tuple[float, float, float]) -> None:
    mean, following = shares_within(G, S, spread, 1000)
    assert 0.915 < mean < 0.98  # standard error of a share: 0.007; few games: a little below
    assert following > 0.93


def test_an_interval_over_runs_alone_does_not_hold() -> None:
    rng = np.random.default_rng(1)
    within = 0
    for _ in range(400):
        values = differences(rng, 5, 40, (1.0, 0.2, 1.0))
        runs = values.mean(axis=0)
        within += abs(runs.mean()) <= 2 * runs.std(ddof=1) / np.sqrt(40)
    assert within / 400 < 0.6


@pytest.mark.parametrize("spread", [(1.0, 1.0, 1.0), (0.0, 1.0, 2.0), (1.0, 0.0, 0.1), (0.0, 0.0, 1.0)])
def test_errors_are_those_of_a_slow_analysis_of_variance(spread: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(2)
    for G, S in ((2, 3), (5, 4), (3, 30)):
        values = differences(rng, G, S, spread) + 7.0
        found = clustered(values)
        mean, error, freedom = two_way(values.tolist())
        assert found.mean == pytest.approx(mean)
        assert found.stderr == pytest.approx(error)
        assert found.freedom == pytest.approx(freedom)


def test_one_game_is_a_t_test_over_runs() -> None:
    values = np.random.default_rng(3).normal(1.0, 2.0, size=(1, 12))
    found = clustered(values)
    expected = stats.ttest_1samp(values[0], 0.0)
    assert found.freedom == 11
    assert found.mean / found.stderr == pytest.approx(expected.statistic)
    assert np.isnan(found.game_spread)


def test_one_run_has_no_error() -> None:
    found = clustered(np.arange(5.0)[:, None])
    assert np.isnan([found.stderr, found.freedom]).all()
    (row,) = compare(results(runs=1)).differences
    assert row.verdict == "one run does not tell"
    assert "without an error" in row.sentence("erm_joint", [])


def test_holms_correction_by_hand() -> None:
    # Sorted: 0.01 * 4, 0.02 * 3, 0.03 * 2, 0.2 * 1, and never falling.
    assert holm(np.array([0.03, 0.01, np.nan, 0.2, 0.02])) == pytest.approx(
        [0.06, 0.04, np.nan, 0.2, 0.06], nan_ok=True
    )
    assert holm(np.array([0.9, 0.8])) == pytest.approx([1.0, 1.0])
    assert holm(np.array([])).size == 0


def test_holm_keeps_the_chance_of_any_error() -> None:
    p = np.random.default_rng(4).random((4000, 10))  # no difference anywhere
    wrong = np.mean([(holm(row) < 0.05).any() for row in p])
    assert wrong == pytest.approx(0.05, abs=0.012)
    assert np.mean((p < 0.05).any(axis=1)) > 0.35  # as it would be without


def test_differences_of_a_dataset() -> None:
    compared = compare(results(learners=("erm_joint", "region_ucb", "oful"), games=6), "oful")
    assert [d.learner for d in compared.differences] == ["erm_joint", "region_ucb"]
    erm, ucb = compared.differences
    assert (erm.games, erm.runs, erm.less_in, ucb.less_in) == (6, 8, 6, 0)
    # Games 1 to 6, and no noise on average.
    assert erm.mean == pytest.approx(3.5 * (1000**0.3 - 2 * 1000**0.6))
    assert (erm.rank, compared.reference_ranks, ucb.rank) == (1.0, (2.0,), 3.0)
    assert erm.low < erm.mean < erm.high < 0
    assert erm.next_low < erm.low
    assert erm.verdict == "less regret"
    told = repr(compared)
    assert "erm_joint: less regret than oful on average" in told
    assert "In the next random game" in told


def test_only_what_is_paired_is_compared() -> None:
    data = results(learners=("erm_joint", "region_ucb", "uniform"))
    alone = data.assign_coords(skips_ahead=("learner", [True, False, False]))
    compared = compare(alone)
    assert (compared.reference, compared.left_out) == ("region_ucb", ("erm_joint",))
    assert [d.learner for d in compared.differences] == ["uniform"]
    assert "Not compared, since they skip ahead" in repr(compared)
    with pytest.raises(ValueError, match="erm_joint skips ahead"):
        compare(alone, "erm_joint")
    with pytest.raises(ValueError, match=r"no learner is called 'unifrom'.*Did you mean 'uniform'"):
        compare(data, "unifrom")
    with pytest.raises(ValueError, match="dataset of results or a list of curves"):
        compare(3)


def test_an_axis_that_a_learner_lacks_gives_one_comparison_a_label() -> None:
    data = results({"radius": [0.1, 1.0]}, attrs={"lacks": '{"erm_joint": ["radius"]}'})
    compared = compare(data)
    assert [d.place["radius"] for d in compared.differences] == [0.1, 1.0]
    assert compared.axes == ["radius"]
    assert "region_ucb, radius = 0.1:" in compared.sentences()[0]
    assert list(compared.to_dataframe()["radius"]) == [0.1, 1.0]


def test_one_game_says_nothing_of_another() -> None:
    (row,) = compare(results(games=1)).differences
    assert np.isnan([row.next_low, row.next_high]).all()
    assert "in this one game (8 runs). Of another game nothing can be said" in row.sentence("erm_joint", [])


def test_curves_are_compared_like_their_dataset() -> None:
    rng = np.random.default_rng(5)
    steps = np.array([1, 50])
    curves = [curve_of(rng.random((6, 2)).cumsum(axis=1), steps, name=name) for name in ("one", "other")]
    compared = compare(curves)
    paired = js.paired_difference(curves[1], curves[0])
    (row,) = compared.differences
    assert row.mean == pytest.approx(paired.mean[-1])
    assert row.stderr == pytest.approx(paired.stderr[-1])
    with pytest.raises(ValueError, match="different learners were expected"):
        compare([curves[0], curves[0]])


def test_equal_learners_are_the_same() -> None:
    data = results(learners=("erm_joint", "copy"))
    data["final_regret"] = data.final_regret.sel(learner="erm_joint", drop=True).broadcast_like(
        data.final_regret
    )
    (row,) = compare(data).differences
    assert (row.verdict, row.p_value, row.rank) == ("the same", 1.0, 1.5)
