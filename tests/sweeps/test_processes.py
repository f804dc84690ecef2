"""Sweeps in processes of their own: killed, interrupted, in pairs, on workers, on hosts, without room."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray

import jaxstack as js
from tests.datasets import numbers

ROOT = Path(__file__).resolve().parents[2]
SPEC = """
[run]
horizon = [100, 40_000]
runs = 8
seed = [0, 1]
batch_size = 4

[[scenario]]
kind = "random"
num_followers = 1
num_types = 2

[[learner]]
name = "uniform"

[[learner]]
name = "region_ucb"
radius_scale = 0.5
"""
CELLS = 8
# A library run that saves its state as often as it can, and tells how many cells it computed.
SWEEP = """
import functools, sys
from pathlib import Path
from jaxstack.sweeps import load_spec, plan, run, run_plan
engine = functools.partial(run.in_process, snapshot_seconds=0)
print(run_plan(plan(load_spec(sys.argv[1])), Path(sys.argv[2]), engine).computed)
"""
COMMAND = "from jaxstack.cli import main; main()"
GUARDED = "if __name__ == '__main__':\n    from jaxstack.cli import main; main()"
# The same on two workers, which import this code too.
ON_WORKERS = """
import sys
from pathlib import Path
from jaxstack.sweeps import cluster, load_spec, plan, run_plan
if __name__ == "__main__":
    with cluster.local(2, snapshot_seconds=0) as engine:
        print(run_plan(plan(load_spec(sys.argv[1])), Path(sys.argv[2]), engine))
"""
# Two sweeps by two processes; during the first, one learner works on process 0 alone.
ON_HOSTS = """
import sys
from pathlib import Path
import jax
import numpy as np
jax.config.update("jax_num_cpu_devices", 2)
spec, out, address, process = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
from jaxstack import hosts, learners
from jaxstack.sweeps import load_spec, multihost, plan, run_plan

multihost.join(address, 2, process)
exact = np.array([np.pi, 2.0**60 + 2.0**9]) * (process + 1)
assert np.array_equal(hosts.gather(exact), [exact / (process + 1), exact / (process + 1) * 2])
planned = plan(load_spec(spec))
by_name = learners.by_name
for broken in (True, False):
    def find(name):
        if broken and process == 1 and name == "uniform":
            raise RuntimeError("no such luck here")
        return by_name(name)
    learners.by_name = find
    if process == 1:
        multihost.follow(planned)
        continue
    with multihost.lead(planned) as engine:
        summary = run_plan(planned, out, engine)
        print(summary.computed, summary.there, [outcome.error for outcome in summary.failed])
"""
# A background shell may have told its children to ignore Ctrl-C.
HEARS_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
# 600 curves of 32 float64 are more.
LITTLE_ROOM = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    path = tmp_path_factory.mktemp("processes") / "mine.toml"
    path.write_text(SPEC)
    return path


@pytest.fixture(scope="module")
def start(spec):
    """Starts Python code in a process of its own, with compiled code shared between them."""
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "JAX_COMPILATION_CACHE_DIR": str(spec.parent / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    started = []

    def start(code, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def finish(process):
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return out


def whole(folder):
    """The numbers of a sweep of which nothing is missing."""
    dataset = js.load_results(folder)
    assert json.loads(dataset.missing) == []
    return numbers(dataset)


@pytest.fixture(scope="module")
def undisturbed(start, spec):
    folder = spec.parent / "undisturbed"
    assert finish(start(SWEEP, spec, folder)).split() == [str(CELLS)]
    return whole(folder)


def wait_for(process, there):
    """Until `there()`, or the process has ended."""
    while process.poll() is None and not there():
        time.sleep(0.005)


def test_killed_again_and_again_ends_with_the_same_numbers(start, spec, undisturbed, tmp_path):
    rng = np.random.default_rng(4)
    out = tmp_path / "out"

    def cells(number):
        return lambda process: len(list(out.glob("cells/*.nc"))) >= number

    moments = [
        lambda process: (out / "sweep.json").exists(),
        lambda process: holder(out) == process.pid,
        lambda process: any(out.glob("running/*.part")),
        cells(1),
        lambda process: holder(out) == process.pid,
        lambda process: any(out.glob("cells/.*.tmp")) or any(out.glob("running/.*.tmp")),
        cells(3),
        cells(4),
        lambda process: any(out.glob("cells/.*.tmp")) or any(out.glob("running/.*.tmp")),
        cells(6),
    ]
    killed = 0
    for there in moments:
        process = start(SWEEP, spec, out)
        wait_for(process, lambda process=process, there=there: there(process))
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    assert killed >= 5
    finish(start(SWEEP, spec, out))
    xarray.testing.assert_identical(whole(out), undisturbed)
    assert sorted(path.name for path in out.iterdir()) == ["cells", "spec.toml", "sweep.json"]
    assert len(list((out / "cells").iterdir())) == CELLS


def test_two_at_once_compute_every_cell_once(start, spec, undisturbed, tmp_path):
    both = [start(SWEEP, spec, tmp_path / "out") for _ in range(2)]
    computed = [int(finish(process)) for process in both]
    assert sum(computed) == CELLS
    xarray.testing.assert_identical(whole(tmp_path / "out"), undisturbed)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cells", "spec.toml", "sweep.json"]


def test_results_can_be_loaded_while_they_are_made(start, spec, undisturbed, tmp_path):
    out = tmp_path / "out"
    process = start(SWEEP, spec, out)
    wait_for(process, lambda: any(out.glob("cells/*.nc")))
    partial = js.load_results(out)
    there = partial["mean"].notnull().any(["game", "checkpoint"])
    assert int(there.sum()) + len(json.loads(partial.missing)) == CELLS
    assert int(there.sum()) >= 1
    final = partial.final_regret
    xarray.testing.assert_identical(final, undisturbed.final_regret.where(final.notnull()))
    finish(process)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_leaves_a_clean_folder_and_says_how_to_go_on(start, spec, tmp_path, how):
    out = tmp_path / "out"
    process = start(HEARS_CTRL_C + COMMAND, "run", spec, "--out", out)
    wait_for(process, lambda: any(out.glob("running/*.lock")))
    process.send_signal(how)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Interrupted" in errors
    assert "run the same command again" in errors
    assert "Traceback" not in errors
    left = {path.name for path in out.rglob("*") if path.is_file()} - {"spec.toml", "sweep.json"}
    assert {Path(name).suffix for name in left} <= {".nc", ".part"}


def test_without_room_for_one_cell_the_others_are_done(start, tmp_path):
    spec = tmp_path / "mine.toml"
    spec.write_text(SPEC.replace("[100, 40_000]", "40").replace("runs = 8", "runs = [600, 4]"))
    process = start(LITTLE_ROOM + COMMAND, "run", spec, "--out", tmp_path / "out")
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "Failed: random, uniform, runs = 600, seed = 0: OSError: [Errno 27] File too large" in errors
    assert "4 of 8 cells failed; the others are in" in errors
    assert "Traceback" not in errors
    dataset = js.load_results(tmp_path / "out")
    assert dataset["mean"].isel(checkpoint=-1).notnull().sum("runs").values.tolist() == [
        [[[1], [1]], [[1], [1]]]
    ]
    assert len(json.loads(dataset.failed)) == 4


def test_dry_run_prints_cells_and_computes_none(start, spec, tmp_path):
    process = start(COMMAND, "run", spec, "--out", tmp_path / "out", "--dry-run")
    out = finish(process)
    assert out.count("region_ucb") == 4
    assert f"{CELLS} cells, 0 there already; {CELLS} to compute: " in out
    assert "MiB" in out or "KiB" in out
    assert not (tmp_path / "out").exists()


# --- workers ---


def holder(out):
    """The process that holds a cell, if any."""
    for path in out.glob("running/*.lock"):
        try:
            return int(path.read_text().split()[1])
        except (FileNotFoundError, IndexError):
            continue  # just finished, or just begun
    return None


def test_a_killed_worker_changes_nothing(start, spec, undisturbed, tmp_path):
    pytest.importorskip("distributed")
    out = tmp_path / "out"
    process = start(ON_WORKERS, spec, out)
    wait_for(process, lambda: any(out.glob("running/*.part")) and holder(out))
    worker = holder(out)
    assert worker not in (None, process.pid)
    os.kill(worker, signal.SIGKILL)
    assert "failed=()" in finish(process)
    xarray.testing.assert_identical(whole(out), undisturbed)
    assert sorted(path.name for path in out.iterdir()) == ["cells", "spec.toml", "sweep.json"]


def test_interrupted_workers_leave_a_clean_folder(start, spec, tmp_path):
    pytest.importorskip("distributed")
    out = tmp_path / "out"
    process = start(HEARS_CTRL_C + GUARDED, "run", spec, "--out", out, "--workers", 2)
    wait_for(process, lambda: any(out.glob("running/*.lock")))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "run the same command again" in errors
    assert "Traceback" not in errors
    assert not any(out.glob("running/*.lock"))


# --- hosts ---


@pytest.fixture
def address():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return f"localhost:{free.getsockname()[1]}"


def test_two_hosts_compute_the_numbers_of_one(start, spec, undisturbed, tmp_path, address):
    out = tmp_path / "out"
    options = ["--out", out, "--multihost", "--coordinator", address, "--processes", 2, "--process-id"]
    both = [start(COMMAND, "run", spec, *options, process) for process in range(2)]
    told = [finish(process) for process in both]
    assert f"{CELLS} computed" in told[0]
    assert "computed" not in told[1]
    xarray.testing.assert_identical(whole(out), undisturbed)
    assert sorted(path.name for path in out.iterdir()) == ["cells", "spec.toml", "sweep.json"]


def test_a_host_that_fails_alone_fails_its_cells_alone(start, spec, undisturbed, tmp_path, address):
    both = [start(ON_HOSTS, spec, tmp_path / "out", address, process) for process in range(2)]
    first, second = [line for line in finish(both[0]).splitlines() if not line.startswith("[Gloo]")]
    finish(both[1])
    assert first.startswith("4 0 [")
    assert first.count("HostFailed: process 1: RuntimeError: no such luck here") == 4
    assert second == "4 4 []"
    xarray.testing.assert_identical(whole(tmp_path / "out"), undisturbed)


def test_without_process_0_the_others_end_in_one_line(start, tmp_path, address):
    spec, out = tmp_path / "long.toml", tmp_path / "out"
    spec.write_text(SPEC.replace("[100, 40_000]", "100_000_000").replace("batch_size = 4\n", ""))
    options = ["--out", out, "--multihost", "--coordinator", address, "--processes", 2, "--process-id"]
    both = [start(COMMAND, "run", spec, *options, process) for process in range(2)]
    wait_for(both[0], lambda: any(out.glob("running/*.lock")))
    time.sleep(1)  # it is in the middle of the cell
    both[0].kill()
    _, errors = both[1].communicate(timeout=100)
    assert both[1].returncode != 0
    (line,) = errors.splitlines()
    assert line.startswith("Error: the other processes cannot be reached any more")
    assert line.endswith("start all processes again.")
    assert json.loads(js.load_results(out).failed) == []
    assert not list(out.glob("failed/*"))


def test_a_host_that_is_gone_when_the_shares_are_gathered_ends_the_run(start, spec, tmp_path, address):
    out = tmp_path / "out"
    options = ["--out", out, "--multihost", "--coordinator", address, "--processes", 2, "--process-id"]
    both = [start(COMMAND, "run", spec, *options, process) for process in range(2)]
    wait_for(both[0], lambda: any(out.glob("running/*.lock")))
    both[1].kill()
    _, errors = both[0].communicate(timeout=300)
    assert both[0].returncode == 2
    (line,) = errors.splitlines()
    assert line.startswith("Error: the other processes cannot be reached any more")
    assert "start all processes again" in line
    assert json.loads(js.load_results(out).failed) == []


@pytest.mark.parametrize("kind", [ValueError, RuntimeError])
def test_a_gather_that_fails_is_a_lost_host_whatever_jax_raises(monkeypatch, kind):
    from jax.experimental import multihost_utils

    from jaxstack import hosts

    def fails(words):
        raise kind("Gloo AllGather failed:\nConnection closed by peer")

    monkeypatch.setattr(multihost_utils, "process_allgather", fails)
    with pytest.raises(
        hosts.HostsLost, match=r"any more \(Gloo AllGather failed: Connection closed by peer\)"
    ):
        hosts.gather(np.zeros(1))


# At the end: other processes are handed the top of this file.
pytestmark = pytest.mark.once
