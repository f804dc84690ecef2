"""Several processes that play together, each on its own devices: what they tell each other.

`jax.distributed.initialize()` makes processes one program. Runs are independent, so nothing is exchanged
while they are played: every process plays its share, and the shares are gathered. Before every exchange each
process says whether all is well with it; so one that fails on its own never leaves the others waiting.
"""

from __future__ import annotations

import jax
import numpy as np

_TOLD = 512  # bytes of a message


class HostFailed(RuntimeError):
    """Another process could not do its share."""


class HostsLost(OSError):
    """The processes cannot reach each other any more: one of them has died."""


def gather(array: np.ndarray) -> np.ndarray:
    """Arrays of all processes, in their order: [P, *shape], the same everywhere, to the last bit.

    All processes must call it, with arrays of one shape and dtype.

    Raises:
      HostFailed: another process called `give_up` instead; the message holds what it said.
      HostsLost: another process is gone.
    """
    told = [bytes(message).rstrip(b"\0").decode(errors="replace") for message in _exchange(_message(""))]
    failed = [f"process {process}: {text}" for process, text in enumerate(told) if text]
    if failed:
        raise HostFailed("; ".join(failed))
    return _exchange(array)


def give_up(why: str) -> None:
    """Tell the others that this process cannot do its share; in place of the next `gather`."""
    _exchange(_message(why or "no reason given"))


def _message(text: str) -> np.ndarray:
    return np.frombuffer(text.encode()[:_TOLD].ljust(_TOLD, b"\0"), np.uint8)


def _exchange(array: np.ndarray) -> np.ndarray:
    from jax.experimental import multihost_utils

    # As bytes: JAX would round float64 and int64 unless jax_enable_x64 is set.
    words = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
    if not words.size:
        return np.empty((jax.process_count(), *array.shape), array.dtype)
    try:
        gathered = np.asarray(multihost_utils.process_allgather(words))
    except (RuntimeError, ValueError, OSError) as error:  # which of them depends on where JAX notices it
        reason = " ".join(str(error).split())
        raise HostsLost(f"the other processes cannot be reached any more ({reason})") from error
    return gathered.reshape(jax.process_count(), -1).view(array.dtype).reshape(-1, *array.shape)
