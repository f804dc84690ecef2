"""Engine of several hosts: processes of one JAX program compute every cell together.

Process 0 runs the sweep: it alone looks at the folder, holds locks and writes. It tells the others cell by
cell what to play, and each plays its share of the runs on its own devices (see `jaxstack.hosts`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax
import numpy as np

from jaxstack import hosts, simulation
from jaxstack.regret import RegretCurve
from jaxstack.sweeps import store
from jaxstack.sweeps.cells import Cell, Plan
from jaxstack.sweeps.run import Engine, Outcome, Progress, in_process, simulate_cell

_NO_MORE = -1

_LOST = (
    "Error: the other processes cannot be reached any more: one of them has died. What is finished is safe; "
    "to go on, start all processes again.\n"
)
# Lines of the library under JAX are held back for a moment: they may be the first of its last words.
_LAST_WORDS = """
import os, select, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the process that it listens to
signal.signal(signal.SIGTERM, signal.SIG_IGN)
held, dying, line = b"", False, b""
while True:
    quiet = not select.select([0], [], [], 1.0 if held and not dying else None)[0]
    data = b"" if quiet else os.read(0, 65536)
    if not quiet and not data:
        break
    *lines, line = (line + data).split(b"\\n")
    for each in lines:
        dying = dying or b"JAX distributed service detected fatal errors" in each
        if held or any(word in each for word in (b"coordination_service", b"preemption_sync", b"client.h:")):
            held += each + b"\\n"
        else:
            os.write(2, each + b"\\n")
    if quiet and not dying:
        os.write(2, held)
        held = b""
os.write(2, sys.argv[1].encode() if dying else held + line)
"""


def join(coordinator: str | None = None, processes: int | None = None, process_id: int | None = None) -> None:
    """Make this process one of a program of several, before the first use of JAX's devices.

    Args:
      coordinator: "host:port" of process 0, reachable from all hosts.
      processes: how many there are.
      process_id: 0..processes-1, another one for every process.
        What is not given is found out by JAX, where Slurm, MPI or a cloud has started the processes.

    Raises:
      ValueError: what is not given cannot be found out, or the others did not come.
    """
    with contextlib.suppress(AttributeError):  # nobody here asks whether a host is to be preempted
        jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(coordinator, processes, process_id)
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f"cannot join several hosts into one program: {error} Start one process per host with srun, or "
            f"give --coordinator HOST:PORT --processes N --process-id I (0..N-1) to each."
        ) from error


def end_in_one_line() -> None:
    """Have the loss of another host told in one line, however this process hears of it; call before `join`.

    Where JAX's own service notices first that a host is gone (always, when it is that of process 0), it ends
    this process from within: nothing in Python runs any more, and pages of its log are all that is said. So
    what this process writes on standard error passes through a small process, which puts a line in place of
    those pages. POSIX only.
    """
    if os.name != "posix":
        return
    sys.stderr.flush()
    words = subprocess.Popen([sys.executable, "-I", "-S", "-c", _LAST_WORDS, _LOST], stdin=subprocess.PIPE)
    assert words.stdin is not None
    os.dup2(words.stdin.fileno(), 2)
    words.stdin.close()


@contextlib.contextmanager
def lead(planned: Plan, progress: Progress | None = None) -> Iterator[Engine]:
    """An engine for process 0; the others must call `follow` with the same plan.

    Args:
      planned: all cells that the engine may be asked for.
      progress: told how far a cell is.

    Raises:
      ValueError: the processes have different plans.
      hosts.HostsLost: another process has died. What is finished is safe.
    """
    _require_same(planned)
    lost: list[hosts.HostsLost] = []
    places = {cell.key: place for place, cell in enumerate(planned.distinct())}

    def simulate(
        cell: Cell,
        devices: Sequence[jax.Device] | None,
        snapshots: simulation.Snapshots | None,
        progress: simulation.Progress | None,
    ) -> RegretCurve:
        if cell.run.skip_ahead:  # on the host, with draws for 256 runs at once: nothing to share out
            return simulate_cell(cell, devices, None, progress)
        try:
            hosts.gather(np.asarray(places[cell.key]))
            return _together(cell, progress)
        except hosts.HostsLost as error:
            lost.append(error)
            raise

    def engine(cells: Sequence[Cell], folder: Path) -> Iterator[Outcome]:
        for outcome in in_process(cells, folder, snapshot_seconds=None, progress=progress, simulate=simulate):
            if lost:  # no fault of the cell
                store.clear_failure(folder, outcome.cell.key)
                raise lost[0]
            yield outcome

    try:
        yield engine
    except hosts.HostsLost:
        raise
    except Exception:
        hosts.gather(np.asarray(_NO_MORE))
        raise
    hosts.gather(np.asarray(_NO_MORE))


def follow(planned: Plan) -> None:
    """Play what process 0 says, until it says that there is no more.

    Raises:
      ValueError: the processes have different plans.
    """
    _require_same(planned)
    cells = planned.distinct()
    while (place := int(hosts.gather(np.asarray(_NO_MORE))[0])) != _NO_MORE:
        with contextlib.suppress(Exception):  # process 0 has heard of it, and notes it
            _together(cells[place], None)


def _together(cell: Cell, progress: simulation.Progress | None) -> RegretCurve:
    """The simulation of a cell by all processes; no process leaves it before all have done their share."""
    try:
        curve = simulate_cell(cell, jax.devices(), None, progress)
    except (hosts.HostFailed, hosts.HostsLost):
        raise
    except Exception as error:
        hosts.give_up(f"{type(error).__name__}: {error}")
        raise
    hosts.gather(np.zeros(0))
    return curve


def _require_same(planned: Plan) -> None:
    keys = ",".join(cell.key for cell in planned.distinct())
    digest = np.frombuffer(hashlib.sha256(keys.encode()).digest(), np.uint8)
    if (hosts.gather(digest) != digest).any():
        raise ValueError(
            "the processes have different cells: start all with the same spec, options and settings of JAX."
        )
