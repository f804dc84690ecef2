"""A sweep in one process: what the folder holds, what is computed again, what is loaded, what is told."""

import dataclasses
import json
import os
import sys
import time

import jax
import numpy as np
import pytest
import xarray

import jaxstack as js
from jaxstack import learners
from jaxstack.simulation.snapshots import SoFar
from jaxstack.sweeps import RunSettings, compute_cell, estimate, plan, run, run_plan, store
from jaxstack.sweeps.spec import parse_spec
from tests.conftest import small_game
from tests.datasets import numbers

pytestmark = pytest.mark.once

SPEC = """
[run]
horizon = [40, 150]
runs = 6
learners = ["region_ucb", "uniform"]

[[scenario]]
kind = "random"
name = "small"
games = 2
num_followers = 1
num_types = 2

[[scenario]]
kind = "random"
name = "one"
num_followers = 1
num_types = 2
"""


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A finished sweep: its folder and its dataset."""
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "mine.toml").write_text(SPEC)
    dataset = js.run_sweep(folder / "mine.toml", folder / "out")
    return folder / "out", dataset


@pytest.fixture
def copied(sweep, tmp_path):
    """The finished sweep's folder, to be damaged."""
    for path in sweep[0].rglob("*"):
        if path.is_file():
            target = tmp_path / "out" / path.relative_to(sweep[0])
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return tmp_path / "out"


def again(folder):
    """A second run of the spec: how many cells it computed, and the dataset."""
    summary = run_plan(plan(parse_spec(SPEC, "mine")), folder, run.in_process)
    return summary, js.load_results(folder)


def num_rounds(horizon):
    """Distinct whole rounds among 64 that are evenly spaced on a logarithmic axis."""
    return len({round(horizon ** (step / 63)) for step in range(64)})


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_dataset_has_the_axes_of_the_spec(sweep):
    _, dataset = sweep
    assert dict(dataset.sizes) == {
        "scenario": 2, "learner": 2, "horizon": 2,
        "game": 2, "run": 6, "quantile": 5, "checkpoint": num_rounds(150),
    }  # fmt: skip
    assert dataset.scenario.values.tolist() == ["small", "one"]
    assert dataset.learner.values.tolist() == ["region_ucb", "uniform"]
    assert dataset.horizon.values.tolist() == [40, 150]
    assert dataset["round"].dims == ("horizon", "checkpoint")
    assert (dataset["round"].isel(checkpoint=-1) == dataset.horizon).all()
    assert json.loads(dataset.missing) == json.loads(dataset.failed) == []
    assert json.loads(dataset.lacks) == {"region_ucb": [], "uniform": []}
    assert dataset.skips_ahead.values.tolist() == [False, False]
    assert parse_spec(dataset.spec, "attribute") == parse_spec(SPEC, "mine")
    assert json.loads(dataset.versions)["jaxstack"] == js.__version__
    assert json.loads(dataset.hardware)["cores"] >= 1


def test_numbers_are_those_of_simulate(sweep):
    _, dataset = sweep
    problem = parse_spec(SPEC, "mine").scenario[0].build(RunSettings())
    curve = js.simulate(
        jax.random.key(0), problem.game, problem.types, js.learners.region_ucb(), horizon=150, num_runs=6
    )
    cell = dataset.sel(scenario="small", learner="region_ucb", horizon=150)
    np.testing.assert_array_equal(cell.regret, curve.regret)
    np.testing.assert_array_equal(cell["mean"], curve.mean)
    np.testing.assert_array_equal(cell.stderr, curve.stderr)
    np.testing.assert_array_equal(cell.quantiles, np.moveaxis(curve.quantiles, 0, 1))
    np.testing.assert_array_equal(cell.final_regret, curve.regret[..., -1])
    np.testing.assert_array_equal(cell.optimum, curve.optimum)
    assert cell.num_runs == 6
    rate = [js.bounds.regret("region_ucb", js.game.unstack(problem.game, g), 150) for g in range(2)]
    assert cell.bound == pytest.approx(np.mean(rate))
    assert np.isnan(dataset.sel(learner="uniform").bound).all()


def test_what_a_cell_lacks_is_nan(sweep):
    _, dataset = sweep
    one = dataset.sel(scenario="one", learner="uniform", horizon=40)
    assert np.isnan(one.optimum.values).tolist() == [False, True]  # one game, where another has two
    curve = one.regret.isel(game=0, run=0)
    assert np.isnan(curve[0])
    assert not np.isnan(curve[-1])


def test_a_second_run_computes_nothing_and_changes_nothing(copied):
    before = {path: (copied / path).read_bytes() for path in files(copied)}
    summary, _ = again(copied)
    assert (summary.computed, summary.there) == (0, 8)
    assert {path: (copied / path).read_bytes() for path in files(copied)} == before


def test_what_is_missing_is_computed_and_nothing_else(copied, sweep):
    cells = sorted((copied / "cells").iterdir())
    kept = cells[1].stat().st_mtime_ns
    cells[0].unlink()
    partial = js.load_results(copied)
    assert len(json.loads(partial.missing)) == 1
    assert np.isnan(partial["mean"].isel(game=0, checkpoint=-1)).sum() == 1
    summary, dataset = again(copied)
    assert (summary.computed, summary.there) == (1, 7)
    assert cells[1].stat().st_mtime_ns == kept
    xarray.testing.assert_identical(numbers(dataset), numbers(sweep[1]))


@pytest.mark.parametrize("harm", ["truncated", "flipped", "emptied"])
def test_a_damaged_file_is_set_aside_and_computed_again(copied, sweep, harm):
    path = sorted((copied / "cells").iterdir())[0]
    data = bytearray(path.read_bytes())
    if harm == "flipped":
        data[np.random.default_rng(0).integers(len(data))] ^= 1
    path.write_bytes(data if harm == "flipped" else data[: len(data) // 2 if harm == "truncated" else 0])
    with pytest.warns(UserWarning, match=path.name):
        partial = js.load_results(copied)
    assert len(json.loads(partial.missing)) == 1
    summary, dataset = again(copied)
    assert summary.damaged == (copied / "damaged" / path.name,)
    assert summary.damaged[0].stat().st_size < len(data) + 1
    assert summary.computed == 1
    xarray.testing.assert_identical(numbers(dataset), numbers(sweep[1]))


def test_any_flipped_byte_is_found(tmp_path):
    content = bytes(range(256))
    store.write_sealed(tmp_path / "x", content)
    assert store.read_sealed(tmp_path / "x") == content
    whole = (tmp_path / "x").read_bytes()
    for position in range(len(whole)):
        (tmp_path / "x").write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(store.Damaged, match="does not match its SHA-256"):
            store.read_sealed(tmp_path / "x")


def test_a_cell_is_a_netcdf_file_with_its_provenance(sweep):
    folder, _ = sweep
    cell = plan(parse_spec(SPEC, "mine")).cells[0]
    with xarray.open_dataset(store.cell_path(folder, cell.key), engine="h5netcdf") as file:
        assert set(file.attrs) >= {"spec", "versions", "hardware", "seconds", "content_hash"}
        assert [c.key for c in plan(parse_spec(file.spec, "cell")).cells] == [cell.key]
        assert json.loads(file.seconds)["wall"] > 0
        assert dict(file.sizes) == {
            "game": 2,
            "run": 6,
            "kept_run": 6,
            "checkpoint": num_rounds(40),
            "quantile": 5,
        }


def test_a_learner_that_raises_fails_alone(tmp_path, monkeypatch, sweep):
    def broken():
        def prepare(game, table):
            raise RuntimeError("no such luck")

        return dataclasses.replace(js.learners.uniform(), prepare=prepare)

    spec = parse_spec(SPEC.replace("[40, 150]", "150"), "mine")
    with monkeypatch.context() as patched:
        patched.setitem(learners.ROSTER, "uniform", broken)
        summary = run_plan(plan(spec), tmp_path, run.in_process)
    assert (summary.computed, len(summary.failed)) == (2, 2)
    assert "RuntimeError: no such luck" in summary.failed[0].error
    failed = json.loads(js.load_results(tmp_path).failed)
    assert [f["cell"] for f in failed] == [
        {"scenario": name, "learner": "uniform"} for name in ("small", "one")
    ]
    assert "no such luck" in failed[0]["error"]
    # The next run tries again, and forgets the failure.
    assert run_plan(plan(spec), tmp_path, run.in_process).computed == 2
    assert json.loads(js.load_results(tmp_path).failed) == []
    assert not (tmp_path / "failed").exists()


def test_a_cell_that_another_holds_is_left_alone(tmp_path):
    cell = plan(parse_spec(SPEC, "mine")).cells[0]
    with store.lock(tmp_path, cell.key) as ours:
        assert ours
        assert compute_cell(cell, tmp_path).status == "held"
    with store.lock(tmp_path, cell.key) as ours:
        assert ours
    assert files(tmp_path) == []


def test_what_killed_processes_left_is_swept_up(tmp_path):
    key = "0123"
    for name in ("cells", "running"):
        (tmp_path / name).mkdir()
    leftovers = [
        tmp_path / "cells" / f".{key}.nc.abc.tmp",
        tmp_path / "running" / f"{key}.lock",
        tmp_path / "running" / f".{key}.part.abc.tmp",
    ]
    for path in leftovers:
        path.touch()
    with store.lock(tmp_path, key):  # its process lives: these are its files
        store.sweep_up(tmp_path)
        assert all(path.exists() for path in leftovers)
    store.sweep_up(tmp_path)
    assert files(tmp_path) == []


def test_a_young_file_of_a_plan_is_left_to_whoever_writes_it(tmp_path):
    young, old = tmp_path / ".sweep.json.abc.tmp", tmp_path / ".spec.toml.abc.tmp"
    for path, age in ((young, store._STALE - 600), (old, store._STALE + 600)):
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    store.sweep_up(tmp_path)
    assert files(tmp_path) == [young.name]


def test_nothing_can_be_written_any_more(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(run.FolderFull, match=r"cannot write into .*file any more.*What is finished is safe"):
        run._require_room(tmp_path / "file")
    run._require_room(tmp_path)
    assert files(tmp_path) == ["file"]


def test_a_folder_without_a_sweep_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"holds no results of a sweep.*jaxstack run SPEC\.toml --out"):
        js.load_results(tmp_path)
    (tmp_path / "sweep.json").write_text("{")
    with pytest.raises(ValueError, match=r"sweep\.json: not the plan of a sweep"):
        js.load_results(tmp_path)


def test_the_clock_of_snapshots(tmp_path):
    key = plan(parse_spec(SPEC, "mine")).cells[0].key
    assert run.FolderSnapshots(tmp_path, key, 0).due()
    assert not run.FolderSnapshots(tmp_path, key, 3600).due()


def test_snapshots_of_others_are_ignored(tmp_path, monkeypatch):
    first = run.FolderSnapshots(tmp_path, "a", 0)
    assert first.load() is None
    first.save({"step": np.arange(3)})
    assert first.load()["step"].tolist() == [0, 1, 2]
    path = store.part_path(tmp_path, "a")
    os.replace(path, store.part_path(tmp_path, "b"))
    assert run.FolderSnapshots(tmp_path, "b", 0).load() is None  # of another cell
    first.save({"step": np.arange(3)})
    monkeypatch.setattr("jaxstack.sweeps.machine.versions", lambda: {"jax": "0"})
    assert run.FolderSnapshots(tmp_path, "a", 0).load() is None  # of another version
    monkeypatch.undo()
    path.write_bytes(path.read_bytes()[:-1])
    assert run.FolderSnapshots(tmp_path, "a", 0).load() is None  # torn
    first.clear()
    assert not path.exists()


class Stops:
    """Snapshots in memory; the process "dies" after a number of them."""

    def __init__(self, after=None):
        self.state, self.after, self.loaded = None, after, None

    def load(self):
        self.loaded = self.state
        return self.state

    def due(self):
        return True

    def save(self, state):
        self.state = {name: np.array(state[name]) for name in sorted(state)}  # as some formats do
        self.after = None if self.after is None else self.after - 1
        if self.after == 0:
            raise KeyboardInterrupt


@pytest.fixture
def small_pieces(monkeypatch):
    """Two runs a tile and one block a segment, so that small simulations have many of both."""
    monkeypatch.setattr("jaxstack.simulation.tiles._CPU_RUNS", (2, 2))
    monkeypatch.setattr(sys.modules["jaxstack.simulation.simulate"], "_SEGMENT_SECONDS", 0.0)


@pytest.mark.parametrize(("name", "keep_runs"), [("region_ucb", False), ("erm_joint", True)])
def test_a_restored_simulation_gives_the_same_numbers(name, keep_runs, small_pieces):
    game, types, table = small_game(1)
    settings = {"horizon": 500, "num_runs": 29, "table": table, "keep_runs": keep_runs}

    def simulate(devices, **more):
        learner, devices = learners.by_name(name), jax.devices()[:devices]
        return js.simulate(jax.random.key(3), game, types, learner, devices=devices, **settings, **more)

    whole = simulate(1)
    snapshots = Stops()
    # Dies in different batches, and goes on with other numbers of devices: of 29 runs, these are done.
    for devices, after, done in ((4, 2, 0), (2, 2, 4), (3, 2, 8), (1, 1, 8), (1, 25, 26), (4, 1, 26)):
        snapshots.after = after
        with pytest.raises(KeyboardInterrupt):
            simulate(devices, snapshots=snapshots)
        assert int(snapshots.state["first_run"]) == done
        assert int(snapshots.state["block"]) > 0
    snapshots.after = None
    resumed = simulate(1, snapshots=snapshots)
    for field in ("mean", "stderr", "quantiles", "final_regret", "regret"):
        np.testing.assert_array_equal(getattr(resumed, field), getattr(whole, field))


def test_the_last_tiles_keep_a_device_each():
    one = np.zeros(())
    devices = list(range(8))
    last = SoFar(tile=2, first_run=4, block=1, tiles=[[one]] * 3)
    assert len(last.usable(devices, num_runs=9)) == 8
    assert len(last.usable(devices[:2], num_runs=9)) == 1, "three tiles are shared out by one or three"
    assert len(last.usable(devices[:6], num_runs=99)) == 3, "more runs come after these three tiles"
    assert len(SoFar(tile=2).usable(devices, num_runs=9)) == 8


def test_a_snapshot_that_does_not_fit_is_not_used(small_pieces):
    game, types, table = small_game(1)
    settings = {"horizon": 300, "num_runs": 4, "table": table, "devices": jax.devices()[:1]}
    snapshots = Stops(after=1)
    key = jax.random.key(3)
    with pytest.raises(KeyboardInterrupt):
        js.simulate(key, game, types, js.learners.region_ucb(), snapshots=snapshots, **settings)
    assert snapshots.state["tile0/0"].any(), "there is something to lose"
    snapshots.state["tile0/0"] = np.zeros(3, np.float32)
    snapshots.after = None
    resumed = js.simulate(key, game, types, js.learners.region_ucb(), snapshots=snapshots, **settings)
    whole = js.simulate(key, game, types, js.learners.region_ucb(), **settings)
    np.testing.assert_array_equal(resumed.regret, whole.regret)


def test_a_killed_cell_goes_on_where_it_stood(tmp_path, monkeypatch):
    text = (
        "[run]\nhorizon = 5000\nruns = 4\nlearners = ['uniform']\n" + SPEC[SPEC.index("[[scenario]]", 150) :]
    )
    cell = plan(parse_spec(text, "mine")).cells[0]
    seen = []

    def die(done, total):
        seen.append(done)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute_cell(cell, tmp_path, snapshot_seconds=0, progress=die)
    assert files(tmp_path) == [f"running/{cell.key}.part"]
    resumed = []
    outcome = compute_cell(cell, tmp_path, snapshot_seconds=0, progress=lambda done, _: resumed.append(done))
    assert outcome.status == "computed"
    assert resumed[0] > seen[-1]
    assert files(tmp_path) == [f"cells/{cell.key}.nc"]
    fresh = run.simulate_cell(cell)
    np.testing.assert_array_equal(run.curve_of(tmp_path, cell).regret, fresh.regret)


def hand_worked():
    """Two learners; the second lacks an axis, and stands at all of it."""
    regret = np.full((1, 2, 2, 1, 3), np.nan)  # scenario, learner, scale, game, run
    regret[0, 0, 0, 0] = [3.0, 5.0, 7.0]
    regret[0, 0, 1, 0] = [1.0, 1.0, 4.0]
    regret[0, 1, :, 0] = [1.0, 2.0, 3.0]
    dims = ("scenario", "learner", "scale", "game", "run")
    return xarray.Dataset(
        {"final_regret": (dims, regret)},
        coords={"learner": ["new", "old"], "scale": [0.1, 1.0]},
        attrs={"lacks": '{"new": [], "old": ["scale"]}'},
    )


def test_paired_differences_by_hand():
    difference = js.paired_differences(hand_worked(), reference="old")
    new = difference.sel(learner="new").isel(scenario=0)
    # 2, 3, 4 at scale 0.1; 0, -1, 1 at scale 1: each with standard deviation 1.
    np.testing.assert_allclose(new["mean"], [3.0, 0.0])
    np.testing.assert_allclose(new.stderr, [1 / np.sqrt(3), 1 / np.sqrt(3)])
    old = difference.sel(learner="old").isel(scenario=0)
    np.testing.assert_allclose(old["mean"], [0.0, 0.0])
    assert "curve_mean" not in difference
    turned = js.paired_differences(hand_worked(), reference="new").isel(scenario=0)
    np.testing.assert_allclose(turned["mean"].sel(learner="old"), [-3.0, 0.0])
    np.testing.assert_allclose(turned["mean"].sel(learner="new"), [0.0, 0.0])


def test_a_reference_that_is_not_finished_is_no_reference_elsewhere():
    data = hand_worked().drop_attrs()  # nobody lacks an axis: the other label of `old` is still to come
    data.final_regret[0, 1, 1] = np.nan
    new = js.paired_differences(data, reference="old").sel(learner="new").isel(scenario=0)
    np.testing.assert_allclose(new["mean"], [3.0, np.nan])


def test_learners_that_skip_ahead_are_compared_with_nobody():
    data = hand_worked().assign_coords(skips_ahead=("learner", [True, False]))
    difference = js.paired_differences(data, reference="old")
    assert difference["mean"].sel(learner="new").isnull().all()
    with pytest.raises(ValueError, match=r"new skips ahead, with draws of its own.*Take another reference"):
        js.paired_differences(data, reference="new")


def test_paired_differences_are_those_of_curves(sweep):
    _, dataset = sweep
    one = dataset.sel(scenario="one", horizon=150).isel(game=0)
    by_run = (one.regret.sel(learner="uniform") - one.regret.sel(learner="region_ucb")).values
    difference = js.paired_differences(dataset, "region_ucb").sel(
        scenario="one", horizon=150, learner="uniform"
    )
    np.testing.assert_allclose(difference.curve_mean, by_run.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(difference.curve_stderr, by_run.std(axis=0, ddof=1) / np.sqrt(6), rtol=1e-9)
    np.testing.assert_allclose(difference["mean"], by_run[:, -1].mean(), rtol=1e-12)


def test_paired_differences_name_the_learners(sweep):
    with pytest.raises(ValueError, match=r"no learner is called 'oful' here\. Learners: region_ucb, u"):
        js.paired_differences(sweep[1], "oful")


def test_cells_of_equal_shape_compile_once(tmp_path, compilations):
    # Games of these seeds have different numbers of regions and vertices.
    text = """
    [run]
    horizon = [60, 70]
    runs = 3
    seed = [0, 1]
    learners = ["region_ucb"]
    [[scenario]]
    kind = "random"
    seed = [0, 1, 2, 3, 4]
    num_types = 2
    """
    planned = plan(parse_spec(text, "mine"))
    counts = []
    for cell in planned.cells:
        compilations.restart()
        assert compute_cell(cell, tmp_path).status == "computed"
        counts.append(compilations.count)
    assert len(planned.cells) == 20
    assert counts[0] > 0
    assert sum(counts[1:]) == 0


def test_estimates_play_nothing_and_learn_from_finished_cells(sweep, monkeypatch):
    folder, cells = sweep[0], plan(parse_spec(SPEC, "mine")).distinct()
    monkeypatch.setattr("jaxstack.simulation.compiled.make", lambda *_: pytest.fail("compiled"))
    monkeypatch.setattr("jaxstack.simulation.compiled.start", lambda *_: pytest.fail("played"))
    assert [found.seconds for found in estimate.estimates(cells, {})] == [None] * len(cells)
    rates = estimate.rates(folder, cells)
    for _, num_bytes, seconds in estimate.estimates(cells, rates):
        assert num_bytes > 0
        assert seconds > 0
    one = estimate.rates(folder, cells[:1])
    (known,) = (found for found in estimate.estimates(cells[:1], one))
    assert known.seconds == pytest.approx(run.curve_of(folder, cells[0]).seconds["run"])
