"""What learners tell of themselves, in a sweep's dataset."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstack as js
from jaxstack.sweeps import plan, store
from jaxstack.sweeps.spec import parse_spec

pytestmark = pytest.mark.once

SPEC = """
[run]
horizon = 40
runs = 3
record = true
checkpoints = [7]
learners = ["region_ucb", "erm_product", "uniform"]

[[scenario]]
kind = "random"
num_leader_actions = [2, 3]
num_followers = 2
num_types = 2
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("told")
    js.run_sweep(parse_spec(SPEC, "mine"), folder)
    return folder


def test_what_is_told_is_in_the_dataset(folder):
    dataset = js.load_results(folder)
    visits = dataset.info_visits
    assert visits.dims == (
        "scenario",
        "learner",
        "num_leader_actions",
        "game",
        "visits_axis_0",
        "checkpoint",
    )
    of_ucb = visits.sel(learner="region_ucb").sum("visits_axis_0").squeeze()
    np.testing.assert_allclose(of_ucb, [[7, 40], [7, 40]])
    assert visits.sel(learner=["erm_product", "uniform"]).isnull().all()
    counts = dataset.info_counts.sel(learner="erm_product").squeeze()
    np.testing.assert_allclose(counts.sum("counts_axis_1"), np.tile([7, 40], (2, 2, 1)))
    assert np.isfinite(dataset.info_counts_stderr.sel(learner="erm_product")).all()


def test_it_is_what_simulate_records(folder):
    dataset = js.load_results(folder).sel(num_leader_actions=3, learner="region_ucb").squeeze()
    game, types = js.scenarios.random_game(seed=0, num_leader_actions=3, num_followers=2, num_types=2)
    settings = {"horizon": 40, "num_runs": 3, "checkpoints": [7], "record": True}
    curve = js.simulate(jax.random.key(0), game, types, js.learners.region_ucb(), **settings)
    told = dataset.info_visits.values
    np.testing.assert_array_equal(told[: len(curve.info["visits"].mean)], curve.info["visits"].mean)
    np.testing.assert_array_equal(dataset["mean"], curve.mean)


def test_names_of_cells_tell_whether_they_record():
    quiet = SPEC.replace("record = true\n", "")
    keys = [[cell.key for cell in plan(parse_spec(text, "mine")).cells] for text in (SPEC, quiet)]
    assert not set(keys[0]) & set(keys[1])
    without = [
        cell.key for cell in plan(parse_spec(SPEC.replace("record = true", "record = false"), "x")).cells
    ]
    assert without == keys[1]


def test_a_file_whose_told_numbers_do_not_fit_is_damaged(folder):
    cell = plan(parse_spec(SPEC, "mine")).cells[0]
    arrays, _ = store.read_cell(folder, cell.key)
    assert store.dims_of("info_visits_stderr", arrays["info_visits_stderr"]) == (
        "game",
        "visits_axis_0",
        "checkpoint",
    )
    dims = store.dims_of("info_visits", arrays["info_visits"])
    with pytest.raises(ValueError, match=r"'info_visits' has 2 for 'checkpoint', where 3 were expected"):
        store._require_shape("info_visits", arrays["info_visits"].shape, dims, {"checkpoint": 3})


def scalar():
    return telling("scalar", lambda state, known, choice: {"thing": choice.region})


def vector():
    return telling(
        "vector", lambda state, known, choice: {"thing": jnp.stack([choice.region, choice.vertex])}
    )


def telling(name, info):
    return dataclasses.replace(js.learners.uniform(), name=name, info=info)


def test_things_of_unequal_axes_by_one_name_are_told(tmp_path):
    spec = tmp_path / "mine.toml"
    spec.write_text(SPEC.replace('["region_ucb", "erm_product", "uniform"]', '["scalar", "vector"]'))
    with pytest.warns(UserWarning, match="left out some of 'info_thing'.*names of their own"):
        dataset = js.run_sweep(spec, tmp_path / "out", learners=[scalar, vector])
    told = dataset.info_thing.notnull().any([dim for dim in dataset.info_thing.dims if dim != "learner"])
    assert told.values.tolist().count(True) == 1
