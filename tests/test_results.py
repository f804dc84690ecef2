"""Cells of a results dataset: the same numbers, whatever padding and missing cells surround them."""

import numpy as np
import pytest
import xarray as xr

from jaxstack.results import axes_of, by_labels, cells_of, describe, labels_on
from tests.datasets import results

pytestmark = pytest.mark.once


def test_cells_hold_the_numbers_of_the_dataset():
    data = results({"horizon": [10, 1000]}, games=3)
    assert axes_of(data) == ("scenario", "learner", "horizon")
    cells = cells_of(data)
    assert [(cell.learner, cell.labels["horizon"]) for cell in cells] == [
        ("erm_joint", 10), ("erm_joint", 1000), ("region_ucb", 10), ("region_ucb", 1000),
    ]  # fmt: skip
    short = cells[2]
    assert short.rounds.tolist() == sorted(set(short.rounds.tolist()))
    assert short.horizon == 10
    assert short.mean == pytest.approx(np.outer([1, 2, 3], 3 * short.rounds**0.8))
    assert short.regret.shape == (3, 8, len(short.rounds))
    assert short.final_mean == pytest.approx(2 * 3 * 10**0.8)
    noise = 0.2 * np.linspace(-1, 1, 8)
    assert short.final_stderr == pytest.approx(short.final_mean * noise.std(ddof=1) / np.sqrt(8))
    assert short.bound == pytest.approx(10 * np.sqrt(10))
    assert short.num_regions.tolist() == [4, 5, 6]
    assert short.optimum.tolist() == [0.5, 0.6, 0.7]
    assert short.seconds_per_round == pytest.approx(1e-8)


def test_runs_need_not_be_kept():
    kept, dropped = (cells_of(results(keep_runs=keep))[0] for keep in (True, False))
    assert dropped.regret is None
    assert (dropped.final_mean, dropped.final_stderr) == (kept.final_mean, kept.final_stderr)


def test_missing_cells_are_left_out_and_smaller_ones_lose_their_padding():
    small = results(scenarios=("small",), games=1, runs=3)
    large = results(scenarios=("large",), games=4, runs=8)
    data = xr.merge([small, large], join="outer", compat="no_conflicts")
    by_name = {cell.labels["scenario"]: cell for cell in cells_of(data.sel(learner="erm_joint"))}
    assert by_name["small"].final_regret.shape == (1, 3)
    assert by_name["small"].num_runs == 3
    assert by_name["large"].final_regret.shape == (4, 8)
    assert by_name["small"].final_mean == pytest.approx(1000**0.3)
    assert cells_of(results(missing=lambda labels: True)) == []


def test_labels_keep_the_order_of_the_dataset_whatever_is_missing():
    data = results(
        {"size": ["small", "medium", "large"]},
        missing=lambda at: at["learner"] == "erm_joint" and at["size"] == "small",
    )
    assert labels_on(cells_of(data), "size") == ["small", "medium", "large"]


def test_one_run_has_no_standard_error():
    assert np.isnan(cells_of(results(runs=1))[0].final_stderr)


def test_zipped_axes_are_known_by_each_of_their_keys():
    data = results({"n+K": [0, 1]}).drop_vars("n+K")
    data = data.assign_coords(n=("n+K", [2, 4]), K=("n+K", [3, 5]))
    cells = cells_of(data.sel(learner="erm_joint"))
    assert [cell.labels["n"] for cell in cells] == [2, 4]
    assert cells[1].labels["n+K"] == "4, 5"
    assert list(by_labels(cells, ["K"])) == [(3,), (5,)]
    with pytest.raises(ValueError, match=r"dataset.isel\(\{'n\+K': 0\}\)"):
        by_labels(cells, ["learner"])
    assert describe({"n": 4, "rate": 0.5}) == "n = 4, rate = 0.5"
    assert describe({"n+K": "4, 5"}) == "n, K = 4, 5"


def test_what_is_selected_is_still_a_label():
    data = results({"horizon": [10, 100]}).sel(learner="region_ucb", horizon=100)
    (cell,) = cells_of(data)
    assert cell.learner == "region_ucb"
    assert cell.labels["horizon"] == 100
    assert cell.axes == ("scenario",)


def test_what_is_no_dataset_of_results_is_refused():
    with pytest.raises(ValueError, match=r"lacks mean, stderr, final_regret, round.*its variables are a"):
        cells_of(xr.Dataset({"a": 1}))
