"""Cells of a sweep that other code made: another version of the package, or of a learner."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from jaxstack.sweeps import store
from jaxstack.sweeps.cells import code_of


def count(folder: Path, keys: Iterable[str]) -> dict[str, int]:
    """How many cells of the folder are the same as some of `keys`, but made by other code; by its version.

    They are never read as results of these keys. One file of every code is opened, to ask for its version.

    Args:
      folder: of a sweep.
      keys: of the cells that are looked for.
    """
    wanted = set(keys)
    settings = {code_of(key)[0] for key in wanted}
    others = [key for key in sorted(store.finished(folder) - wanted) if code_of(key)[0] in settings]
    versions: dict[str, str] = {}
    for key in others:
        code = code_of(key)[1]
        if versions.get(code, "unknown") == "unknown":
            versions[code] = _version(folder, key)
    return dict(Counter(versions[code_of(key)[1]] for key in others))


def forget_failures(folder: Path, keys: Iterable[str]) -> None:
    """Remove the notes on why other code could not make these cells."""
    wanted = set(keys)
    settings = {code_of(key)[0] for key in wanted}
    for key in store.failures(folder):
        if key not in wanted and code_of(key)[0] in settings:
            store.clear_failure(folder, key)


def describe(counts: dict[str, int]) -> str:
    """`3 cells of jaxstack 0.1.0+3f9a0c1d5b7e2468`."""
    return ", ".join(f"{n:,} cell{'' if n == 1 else 's'} of jaxstack {by}" for by, n in counts.items())


def _version(folder: Path, key: str) -> str:
    try:
        _, attrs = store.read_cell(folder, key)
        versions = json.loads(attrs["versions"])
        return str(versions.get("jaxstack code") or versions["jaxstack"])
    except (OSError, store.Damaged, KeyError, TypeError, ValueError):
        return "unknown"
