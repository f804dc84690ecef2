"""Refusing what would not fit, before it is allocated."""

from __future__ import annotations

import math


def available_bytes() -> int:
    """Memory of this machine that can be had without swapping, in bytes."""
    import psutil

    return int(psutil.virtual_memory().available)


def require(
    num_bytes: float | int, *, what: str, driver: str, remedy: str, available: int | None = None
) -> None:
    """Raise MemoryError when `num_bytes` are more than `available` (default: what the machine has free)."""
    available = available_bytes() if available is None else available
    if num_bytes > available:
        raise MemoryError(
            f"{what} would take about {readable(num_bytes)}, but {readable(available)} are free. "
            f"What drives it: {driver}. What to do: {remedy}."
        )


def readable(num_bytes: float | int) -> str:
    """Bytes with a binary unit."""
    units = ("B", "KiB", "MiB", "GiB", "TiB")
    step = min(max(math.frexp(num_bytes)[1] - 1, 0) // 10, len(units) - 1)
    return f"{num_bytes / 1024**step:.3g} {units[step]}"
