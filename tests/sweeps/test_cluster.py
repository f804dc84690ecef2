"""Cells on the workers of a Dask cluster (here threads of this process), and what workers are given."""

import sys
import time

import pytest
import xarray

import jaxstack as js
from jaxstack.sweeps import cluster, run, run_sweep
from jaxstack.sweeps.spec import parse_spec
from tests.datasets import numbers

pytestmark = pytest.mark.once

SPEC = """
[run]
horizon = [40, 150]
runs = 6
learners = ["region_ucb", "uniform"]

[[scenario]]
kind = "random"
num_followers = 1
num_types = 2
"""


@pytest.fixture(scope="module")
def scheduler():
    """Address of a scheduler with a worker."""
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**options, protocol="tcp", host="127.0.0.1") as cluster:
        yield cluster.scheduler_address


def test_workers_compute_the_numbers_of_one_process(scheduler, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_PROGRESS_SECONDS", 0.0)
    told = {}
    spec = parse_spec(SPEC, "mine")
    expected = run_sweep(spec, tmp_path / "one")
    monkeypatch.chdir(tmp_path)
    with cluster.connected(scheduler, progress=lambda cell, done, _: told.update({cell.key: done})) as engine:
        dataset = run_sweep(spec, "many", engine=engine)
        for _ in range(1000):  # the last words may still be on their way
            if sorted(told.values()) == [240, 240, 900, 900]:
                break
            time.sleep(0.01)
    xarray.testing.assert_identical(numbers(dataset), numbers(expected))
    assert sorted(told.values()) == [240, 240, 900, 900]


def test_a_learner_that_raises_fails_alone(scheduler, tmp_path, monkeypatch):
    simulate_cell = run.simulate_cell

    def simulate(cell, *rest):
        if cell.learner.name == "uniform":
            raise RuntimeError("not today")
        return simulate_cell(cell, *rest)

    monkeypatch.setattr(run, "simulate_cell", simulate)
    with cluster.connected(scheduler) as engine:
        dataset = run_sweep(parse_spec(SPEC, "mine"), tmp_path / "out", engine=engine)
    assert dataset.attrs["failed"].count("RuntimeError: not today") == 2
    assert dataset.final_regret.sel(learner="region_ucb").notnull().all()


def test_a_folder_that_workers_do_not_see_is_told(scheduler, tmp_path):
    with cluster.connected(scheduler) as engine:
        planned = js.sweeps.plan(parse_spec(SPEC, "mine"))
        with pytest.raises(OSError, match=r"is not there on .* folder that all workers see"):
            list(engine(planned.cells, tmp_path / "elsewhere"))


def test_a_scheduler_that_does_not_answer_is_told(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 0.1)
    with (
        pytest.raises(OSError, match=r"no Dask scheduler at tcp://127.0.0.1:9: .* --workers N"),
        cluster.connected("tcp://127.0.0.1:9"),
    ):
        pass


@pytest.mark.parametrize("engine", [cluster.local(1), cluster.connected("tcp://127.0.0.1:9")])
def test_without_dask_it_is_told_what_to_install(engine, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'jaxstack\[cluster\]'"), engine:
        pass


@pytest.fixture
def environment(monkeypatch):
    """An environment without devices of its own, on five cores."""
    for name in ("JAX_NUM_CPU_DEVICES", "XLA_FLAGS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cluster.os, "sched_getaffinity", lambda _: set(range(5)), raising=False)
    return monkeypatch


def test_cores_are_shared_out(environment):
    def shares(num_workers):
        return [int(each["JAX_NUM_CPU_DEVICES"]) for each in cluster._environments(num_workers)]

    assert shares(1) == [5]
    assert shares(2) == [3, 2]
    assert shares(7) == [1] * 7
    environment.setenv("JAX_NUM_CPU_DEVICES", "2")
    assert cluster._environments(2) == [{}, {}]


def test_gpus_are_shared_out(environment):
    def shares(num_workers):
        return [each.get("CUDA_VISIBLE_DEVICES") for each in cluster._environments(num_workers)]

    environment.setenv("CUDA_VISIBLE_DEVICES", "0,2,GPU-5")
    assert shares(2) == [None, None]  # these tests are told to use the CPU
    environment.setattr(cluster, "_may_use_gpus", lambda: True)
    assert shares(2) == ["0,GPU-5", "2"]
    assert shares(3) == ["0", "2", "GPU-5"]
    with pytest.raises(ValueError, match=r"4 workers are too many for the GPUs .* 0,2,GPU-5: .* at most 3"):
        shares(4)
    environment.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert shares(4) == [None] * 4


def test_there_is_at_least_one_worker():
    with pytest.raises(ValueError, match="at least 1, but 0 arrived"), cluster.local(0):
        pass
