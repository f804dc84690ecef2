"""A Slurm cluster of this one machine, to try the scripts of this folder where there is no other.

    python -m experiments.cluster.one_machine sbatch --wait experiments/cluster/array.sh SPEC.toml OUT

It starts controller, daemon and munge (Debian's packages slurm-wlm and munge) in a folder of their own, and
ends them after the command. Nothing of it is secure or fast.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "sinfo")

_CONFIGURATION = """
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
"""


def missing() -> list[str]:
    """Programs of Slurm and munge that are not installed."""
    return [name for name in PROGRAMS if not _path(name)]


@contextlib.contextmanager
def slurm() -> Iterator[dict[str, str]]:
    """A running cluster; yields the environment in which its commands find it.

    Raises:
      RuntimeError: a daemon ends, or the machine does not become idle within 20 seconds.
    """
    with tempfile.TemporaryDirectory(prefix="slurm-") as name, contextlib.ExitStack() as running:
        folder = Path(name)
        for part in ("state", "spool"):
            (folder / part).mkdir()
        key = folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        host = socket.gethostname().split(".")[0]
        here = {"host": host, "ports": _free_ports(2), "user": getpass.getuser(), "folder": folder}
        memory = int(psutil.virtual_memory().total * 0.9) >> 20  # MiB
        sizes = {"cores": max(2, os.cpu_count() or 1), "memory": memory}
        (folder / "slurm.conf").write_text(_CONFIGURATION.format(**here, **sizes))
        environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        munge = [
            f"--{part}={folder}/munge.{part}" for part in ("socket", "pid-file", "log-file", "seed-file")
        ]
        running.enter_context(_daemon("munged", "--foreground", "--force", f"--key-file={key}", *munge))
        running.enter_context(_daemon("slurmctld", "-D", environment=environment))
        running.enter_context(_daemon("slurmd", "-D", environment=environment))
        _wait_until_idle(environment)
        yield environment


@contextlib.contextmanager
def _daemon(name: str, *options: str, environment: dict[str, str] | None = None) -> Iterator[None]:
    process = subprocess.Popen(
        [str(_path(name)), *options], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_idle(environment: dict[str, str]) -> None:
    state = "nothing"
    for _ in range(100):
        asked = subprocess.run(["sinfo", "-h", "-o", "%T"], env=environment, capture_output=True, text=True)
        state = asked.stdout.strip() or asked.stderr.strip()
        if state == "idle":
            return
        time.sleep(0.2)
    raise RuntimeError(f"Slurm did not become ready within 20 seconds; sinfo says: {state}")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _path(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def main() -> None:
    if not sys.argv[1:]:
        raise SystemExit(__doc__)
    if missing():
        raise SystemExit(f"not installed: {', '.join(missing())}. On Debian: apt install slurm-wlm munge")
    with slurm() as environment:
        raise SystemExit(subprocess.run(sys.argv[1:], env=environment).returncode)


if __name__ == "__main__":
    main()
