"""Which devices play, and for how many processes."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any

import jax

from jaxstack import checks


def checked(devices: Any) -> list[jax.Device]:
    """`devices`, or all local ones.

    Raises:
      ValueError: no list of devices, an empty one, or one of several processes that have unequally many.
    """
    chosen = checks.devices(devices)
    share(chosen)
    return chosen


def share(devices: Sequence[jax.Device]) -> tuple[list[jax.Device], int]:
    """The devices of this process, and how many processes play: one, or all of the program."""
    counts = collections.Counter(device.process_index for device in devices)
    here = [device for device in devices if device.process_index == jax.process_index()]
    if len(here) == len(devices):
        return here, 1
    if len(counts) != jax.process_count() or len(set(counts.values())) != 1:
        told = ", ".join(f"{counts[process]} of process {process}" for process in range(jax.process_count()))
        raise ValueError(
            f"devices of several processes must be equally many of each, but {told} arrived. On CPUs every "
            f"process has JAX_NUM_CPU_DEVICES of them: set it to one number everywhere."
        )
    return here, len(counts)


def player(device: jax.Device) -> jax.Device:
    """What plays the tile of a device.

    CPU devices are shares of one machine, and its first one plays for all, in as many threads: so a program
    is compiled once, however many cores there are.
    """
    return jax.local_devices(backend="cpu")[0] if device.platform == "cpu" else device
