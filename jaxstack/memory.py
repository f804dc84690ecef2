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


def require_curves(num_runs: int, num_rounds: int, num_games: int = 1, available: int | None = None) -> None:
    """Raise MemoryError when the regret of every run at every checkpoint would not fit.

    Args:
      num_runs, num_rounds, num_games: S, C, G; 8 bytes each, and twice, where batches become one array.
      available: bytes; default what the machine has free.
    """
    require(
        2 * 8 * num_runs * num_rounds * num_games,
        what="keeping the curve of every run",
        driver=f"{num_runs:,} runs x {num_rounds:,} checkpoints x {num_games:,} games, 8 bytes each, twice",
        remedy="keep_runs=False keeps moments and quantiles alone; or fewer runs or checkpoints",
        available=available,
    )


def require_trace(horizon: int, num_followers: int, num_leader_actions: int, state_bytes: int = 0) -> None:
    """Raise MemoryError when a run would not fit with every round's types, answers, choice and regret.

    `state_bytes` of the learner's state, where that is kept too.
    """
    per_round = 3 * 4 * num_followers + 2 * 4 + 8 * num_leader_actions + 2 * 8 + state_bytes
    require(
        2 * per_round * horizon,  # on the device, then on the host
        what="every round of a run",
        driver=f"{horizon:,} rounds of {per_round} bytes, twice",
        remedy="play fewer rounds; simulate records checkpoints alone, whatever the horizon",
    )


def readable(num_bytes: float | int) -> str:
    """Bytes with a binary unit."""
    units = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
    if num_bytes >= 1024**7:  # beyond what a float may hold, too
        return f"more than {1024 * 1024:,} {units[5]}"
    step = min(max(math.frexp(num_bytes)[1] - 1, 0) // 10, len(units) - 1)
    return f"{num_bytes / 1024**step:.3g} {units[step]}"
