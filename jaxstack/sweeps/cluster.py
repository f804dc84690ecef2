"""Engine of a Dask cluster: cells on worker processes, here or on other machines (extra `cluster`).

Workers write results into the folder themselves, under the same locks as every other process; Dask carries
cells there, and outcomes and progress back. The cell of a worker that dies goes to another one, which takes
it up from its last snapshot.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax

from jaxstack.programs import cache_programs
from jaxstack.sweeps import store
from jaxstack.sweeps.cells import Cell
from jaxstack.sweeps.run import SNAPSHOT_SECONDS, Engine, Outcome, Phase, Progress, compute_cell

_DEATHS = 5  # of workers on one cell of a local cluster, after which the cell is at fault
_PROGRESS_SECONDS = 0.5
_CONNECT_SECONDS = 30
_HERE = "127.0.0.1"


@contextlib.contextmanager
def local(
    num_workers: int,
    *,
    snapshot_seconds: float = SNAPSHOT_SECONDS,
    progress: Progress | None = None,
) -> Iterator[Engine]:
    """An engine of worker processes on this machine; one that dies is replaced.

    CPU cores are shared out between the workers, and so are the GPUs that CUDA_VISIBLE_DEVICES names; this
    process should not have used them before. A worker imports the calling script, which therefore needs an
    `if __name__ == "__main__":`.

    Args:
      num_workers: how many.
      snapshot_seconds: how often the state of a long cell is saved.
      progress: told how far a cell is, from another thread.

    Raises:
      ValueError: fewer than one worker, or more than GPUs.
      ModuleNotFoundError: Dask is missing.
    """
    environments = _environments(num_workers)
    distributed = _distributed()
    # Ctrl-C reaches every process of a terminal; workers end when this one says so.
    ignore = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
    options = {
        "nthreads": 1,
        "memory_limit": 0,
        "host": _HERE,
        "dashboard": False,
        "silence_logs": "CRITICAL",
        "preload": ignore,
    }
    workers = {
        number: {"cls": distributed.Nanny, "options": options | {"env": environment}}
        for number, environment in enumerate(environments)
    }
    scheduler = {
        "cls": distributed.Scheduler,
        "options": {"host": _HERE, "dashboard": False, "allowed_failures": _DEATHS},
    }
    folders: set[Path] = set()
    try:
        with (
            distributed.SpecCluster(workers=workers, scheduler=scheduler, silence_logs="CRITICAL") as cluster,
            distributed.Client(cluster, set_as_default=False) as client,
        ):
            yield _engine(client, folders, snapshot_seconds, progress)
    finally:
        for folder in folders:
            store.sweep_up(folder)  # what workers were at when they were stopped


@contextlib.contextmanager
def connected(
    scheduler: str,
    *,
    snapshot_seconds: float = SNAPSHOT_SECONDS,
    progress: Progress | None = None,
) -> Iterator[Engine]:
    """An engine of the workers of an existing scheduler, those that join later among them.

    All machines must see the folder of results under the same path. A worker plays on the devices that its
    environment gives it: one CPU core unless JAX_NUM_CPU_DEVICES is set.

    Args:
      scheduler: its address, "tcp://host:8786", or the path of its scheduler file (.json).
      snapshot_seconds, progress: as for `local`.

    Raises:
      OSError: nothing answers there.
      ModuleNotFoundError: Dask is missing.
    """
    distributed = _distributed()
    where: dict[str, Any] = (
        {"scheduler_file": scheduler} if scheduler.endswith(".json") else {"address": scheduler}
    )
    try:
        client = distributed.Client(**where, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise OSError(
            f"no Dask scheduler at {scheduler}: {error}. Start one with `dask scheduler`, which prints its "
            f"address, or let --workers N start workers on this machine."
        ) from error
    with client:
        yield _engine(client, set(), snapshot_seconds, progress)


def _distributed() -> Any:
    try:
        import distributed
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"a cluster needs Dask, of which {error.name!r} is missing. Install it: pip install "
            f"'jaxstack[cluster]'"
        ) from error
    return distributed


def _environments(num_workers: int) -> list[dict[str, str]]:
    """What every worker's environment says of the devices that are its own."""
    if num_workers < 1:
        raise ValueError(f"the number of workers must be at least 1, but {num_workers} arrived.")
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    environments = [
        {"JAX_NUM_CPU_DEVICES": str(max(1, cores // num_workers + (number < cores % num_workers)))}
        for number in range(num_workers)
    ]
    if "JAX_NUM_CPU_DEVICES" in os.environ or "xla_force_host_platform_device_count" in os.environ.get(
        "XLA_FLAGS", ""
    ):
        environments = [{} for _ in environments]
    gpus = [gpu for gpu in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if gpu not in ("", "-1")]
    if gpus and _may_use_gpus():
        if num_workers > len(gpus):
            raise ValueError(
                f"{num_workers} workers are too many for the GPUs that CUDA_VISIBLE_DEVICES names, "
                f"{','.join(gpus)}: a GPU is one worker's own. Ask for at most {len(gpus)}."
            )
        for environment, number in zip(environments, range(num_workers), strict=True):
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus[number::num_workers])
    return environments


def _may_use_gpus() -> bool:
    return getattr(jax.config, "jax_platforms", None) != "cpu"


def _engine(client: Any, folders: set[Path], snapshot_seconds: float, progress: Progress | None) -> Engine:
    """Cells on the workers of a client; adds to `folders` where they are written."""

    def engine(cells: Sequence[Cell], folder: Path) -> Iterator[Outcome]:
        from distributed import as_completed

        folder = folder.resolve()
        folders.add(folder)
        with _heard(client, cells, progress) as topic:
            x64 = bool(getattr(jax.config, "jax_enable_x64", False))
            shared = {"folder": folder, "snapshot_seconds": snapshot_seconds, "x64": x64, "topic": topic}
            shared["cache"] = bool(getattr(jax.config, "jax_compilation_cache_dir", None))
            of = {client.submit(_compute, cell, **shared, pure=False): cell for cell in cells}
            try:
                for future in as_completed(list(of), loop=client.loop):
                    yield _outcome(future, of[future], folder)
                    future.release()
            finally:
                client.cancel(list(of), reason="the sweep has ended", msg=False)

    return engine


def _compute(
    cell: Cell, folder: Path, snapshot_seconds: float, x64: bool, topic: str | None, cache: bool
) -> Outcome:
    """`compute_cell` on a worker, which keeps compiled programs where the process that asks does."""
    from distributed import get_worker

    if not folder.is_dir():
        raise OSError(
            f"{folder} is not there on {socket.gethostname()}, where a worker runs. Results must go to a "
            f"folder that all workers see under the same path."
        )
    if cache:
        cache_programs()
    last = 0.0

    def tell(done: int, phase: Phase) -> None:
        nonlocal last
        if topic is not None and (phase != "playing" or time.monotonic() - last > _PROGRESS_SECONDS):
            last = time.monotonic()
            get_worker().log_event(topic, {"key": cell.key, "done": done, "phase": phase})

    with jax.enable_x64(x64):  # the cell's name says which
        return compute_cell(
            cell,
            folder,
            snapshot_seconds=snapshot_seconds,
            progress=lambda done, total: tell(done, "playing"),
            on_phase=lambda phase: tell(0, phase),
        )


@contextlib.contextmanager
def _heard(client: Any, cells: Sequence[Cell], progress: Progress | None) -> Iterator[str | None]:
    """Topic of what workers tell of their cells, passed on to `progress`."""
    if progress is None:
        yield None
        return
    topic, by_key = f"jaxstack-{uuid.uuid4()}", {cell.key: cell for cell in cells}

    def hear(event: tuple[float, Any]) -> None:
        progress(by_key[event[1]["key"]], event[1]["done"], event[1]["phase"])

    client.subscribe_topic(topic, hear)
    try:
        yield topic
    finally:
        with contextlib.suppress(Exception):  # the connection may be what was lost
            client.unsubscribe_topic(topic)


def _outcome(future: Any, cell: Cell, folder: Path) -> Outcome:
    """What became of a cell.

    Raises:
      OSError: the cluster cannot go on with any cell.
    """
    from distributed import CancelledError, KilledWorker

    try:
        outcome: Outcome = future.result()
        return outcome
    except KilledWorker as error:
        message = (
            f"{error.allowed_failures + 1} workers died while they had it, the last at "
            f"{error.last_worker.address}. Was there too little memory for it?"
        )
        store.write_failure(folder, cell, message)
        return Outcome(cell, "failed", message)
    except CancelledError as error:
        raise OSError(
            f"the connection to the cluster was lost ({error}). Run the same command again."
        ) from error
    except (ImportError, RuntimeError) as error:
        missing = error if isinstance(error, ImportError) else error.__cause__  # of a scheduler
        if not isinstance(missing, ImportError):
            raise
        raise OSError(
            f"a worker or the scheduler cannot import what a cell needs: {missing}. They need the same "
            f"jaxstack as this process, and the modules that its learners come from."
        ) from error
