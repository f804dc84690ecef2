"""Cells on Dask workers that Slurm starts as there is room, and that a scheduler here hands cells to.

    python -m experiments.cluster.workers SPEC.toml OUT --jobs 16 [--gpus]

This process must stay alive: it is the scheduler. Where that is no use, see `array.sh`. Needs the extra
`cluster` and dask-jobqueue.
"""

from __future__ import annotations

import argparse
import json

import jaxstack as js
from jaxstack.sweeps import cluster


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("spec")
    parser.add_argument("out")
    parser.add_argument("--jobs", type=int, default=4, help="Workers, a job each (default 4).")
    parser.add_argument("--cores", type=int, default=1, help="Cores of a worker (default 1).")
    parser.add_argument("--memory", default="4GiB", help="Memory of a worker (default 4GiB).")
    parser.add_argument("--walltime", default="04:00:00", help="Time of a worker (default 04:00:00).")
    parser.add_argument("--gpus", action="store_true", help="One GPU for every worker.")
    wanted = parser.parse_args()

    from dask_jobqueue import SLURMCluster

    workers = SLURMCluster(
        cores=1,  # cells at a time on a worker; JAX uses all of its cores
        processes=1,
        job_cpu=wanted.cores,
        memory=wanted.memory,
        walltime=wanted.walltime,
        job_extra_directives=["--gpus-per-task=1"] if wanted.gpus else [],
        job_script_prologue=[f"export JAX_NUM_CPU_DEVICES={wanted.cores}"],
    )
    with workers:
        workers.scale(jobs=wanted.jobs)
        with cluster.connected(workers.scheduler_address) as engine:
            dataset = js.run_sweep(wanted.spec, wanted.out, engine=engine)
    print(f"{wanted.out}: {len(json.loads(dataset.failed))} cells failed")


if __name__ == "__main__":
    main()
