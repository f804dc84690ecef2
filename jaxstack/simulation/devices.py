"""Which devices play, and for how many processes."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any

import jax


def checked(devices: Any) -> list[jax.Device]:
    """`devices`, or all local ones.

    Raises:
      ValueError: not a sequence of devices, an empty one, or one that is shared out unequally.
    """
    if devices is None:
        return list(jax.local_devices())
    if isinstance(devices, str) or not isinstance(devices, Sequence):
        raise ValueError(
            f"devices must be a list of devices, such as jax.devices('cpu')[:1], but "
            f"{type(devices).__name__} arrived: {devices!r}."
        )
    for device in devices:
        if not hasattr(device, "process_index"):
            raise ValueError(f"devices must hold devices of JAX, but {device!r} is among them.")
    if not devices:
        raise ValueError("devices must name at least one device, but an empty list arrived.")
    share(devices)
    return list(devices)


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
