"""The scripts for Slurm, on a cluster of this one machine, where Slurm is installed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xarray

import jaxstack as js
from experiments.cluster import one_machine

SCRIPTS = Path(one_machine.__file__).parent
SPEC = """
[run]
horizon = [200, 400]
runs = 4

[[scenario]]
kind = "random"

[[learner]]
name = "region_ucb"
radius_scale = [1.0, 0.5]
"""

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(bool(one_machine.missing()), reason="Slurm and munge are not installed"),
]


@pytest.fixture(scope="module")
def cluster():
    with one_machine.slurm() as environment:
        python = str(Path(sys.executable).parent)
        root = str(SCRIPTS.parent.parent)
        yield environment | {"PATH": f"{python}:{os.environ['PATH']}", "PYTHONPATH": root}


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    path = tmp_path_factory.mktemp("spec") / "sweep.toml"
    path.write_text(SPEC)
    return path


@pytest.fixture(scope="module")
def expected(spec, tmp_path_factory):
    return numbers(js.run_sweep(spec, tmp_path_factory.mktemp("here") / "out"))


def numbers(dataset):
    """What does not tell of time or place."""
    return dataset.drop_vars(["seconds_run", "seconds_compile"]).drop_attrs()


def submit(cluster, *options):
    return subprocess.run(
        ["sbatch", *map(str, options)], env=cluster, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.parametrize(
    ("script", "options"),
    [("array.sh", ["--array=1-2"]), ("multihost.sh", ["--nodes=1", "--ntasks-per-node=2"])],
)
def test_a_job_computes_the_numbers_of_one_process(cluster, spec, expected, tmp_path, script, options):
    log, out = tmp_path / "log-%a", tmp_path / "out"
    submit(cluster, "--wait", *options, f"--output={log}", SCRIPTS / script, spec, out)
    xarray.testing.assert_identical(numbers(js.load_results(out)), expected)


def test_a_job_whose_time_is_over_lets_go_and_queues_itself_again(cluster, spec, tmp_path):
    log, out = tmp_path / "log", tmp_path / "out"
    spec = tmp_path / "long.toml"
    spec.write_text(SPEC.replace("[200, 400]", "100_000_000"))
    job = submit(cluster, "--parsable", f"--output={log}", SCRIPTS / "array.sh", spec, out)
    try:
        wait_until(lambda: any(out.glob("running/*.lock")), log)
        subprocess.run(["scancel", "--batch", "--signal=USR1", job], env=cluster, check=True)
        told = "JobState=PENDING"  # Slurm waits for two minutes before it starts a job again
        wait_until(lambda: told in show(cluster, job), log)
        assert "Restarts=1" in show(cluster, job)
        assert "run the same command again" in log.read_text()
        assert not any(out.glob("running/*.lock"))
    finally:
        subprocess.run(["scancel", job], env=cluster, check=True)


def show(cluster, job):
    return subprocess.run(
        ["scontrol", "show", "job", job], env=cluster, capture_output=True, text=True
    ).stdout


def wait_until(happens, log):
    for _ in range(300):
        if happens():
            return
        time.sleep(0.2)
    raise AssertionError(log.read_text() if log.exists() else "the job did not start")
