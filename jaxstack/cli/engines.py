"""Where cells are computed, as a person said it on the command line."""

from __future__ import annotations

import contextlib
import functools
import os
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # the commands import what they need, so that `--help` answers soon
    from jaxstack.sweeps.cells import Plan
    from jaxstack.sweeps.run import Engine


class Engines(NamedTuple):
    """What a person said of where cells are computed; at most one of these."""

    workers: int | None
    scheduler: str | None
    multihost: bool

    def engine(self, plan: Plan, progress: Any) -> contextlib.AbstractContextManager[Engine]:
        """The engine, for as long as it is needed."""
        if self.workers is not None or self.scheduler is not None:
            from jaxstack.sweeps import cluster

            if self.workers is not None:
                return cluster.local(self.workers, progress=progress)
            return cluster.connected(str(self.scheduler), progress=progress)
        if self.multihost:
            from jaxstack.sweeps import multihost

            return multihost.lead(plan, progress)
        from jaxstack.sweeps import run

        return contextlib.nullcontext(functools.partial(run.in_process, progress=progress))


def require_one_engine(engines: dict[str, Any], place: dict[str, Any]) -> None:
    """Raise ValueError where options contradict each other."""
    chosen = [name for name, value in engines.items() if value]
    if len(chosen) > 1:
        raise ValueError(f"{' and '.join(chosen)} are different places for the same cells: give one of them.")
    stray = [name for name, value in place.items() if value is not None]
    if stray and not engines["--multihost"]:
        contradiction = f" and {chosen[0]} contradict each other" if chosen else " needs --multihost"
        raise ValueError(f"{', '.join(stray)}{contradiction}: it tells where this process of --multihost is.")


def use_every_core() -> None:
    """One CPU device per core, unless the person has chosen a number or JAX has already started."""
    import jax

    chosen = "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if chosen or getattr(jax.config, "jax_num_cpu_devices", -1) > 0:
        return
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    with contextlib.suppress(RuntimeError):  # JAX has started, with the devices that it has
        jax.config.update("jax_num_cpu_devices", cores)


def keep_programs() -> None:
    """Compiled programs on disk, where that is possible; workers do as this process does."""
    from jaxstack.programs import cache_programs

    cache_programs()
