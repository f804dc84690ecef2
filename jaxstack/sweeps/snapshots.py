"""Where a long cell stands, saved now and then in the folder of its sweep."""

from __future__ import annotations

import contextlib
import io
import json
import time
from pathlib import Path

import numpy as np

from jaxstack.sweeps import machine, store


class FolderSnapshots:
    """`simulation.Snapshots` in a sweep's folder; one that is damaged or of other versions is ignored."""

    def __init__(self, folder: Path, key: str, seconds: float) -> None:
        self._path = store.part_path(folder, key)
        self._made_by = json.dumps([key, machine.versions()])
        self._seconds = seconds
        self._last = time.monotonic()

    def load(self) -> dict[str, np.ndarray] | None:
        """See `simulation.Snapshots`."""
        try:
            content = io.BytesIO(store.read_sealed(self._path))
            with np.load(content, allow_pickle=False) as file:
                if str(file["made_by"]) != self._made_by:
                    return None
                return {name: file[name] for name in file.files if name != "made_by"}
        except (OSError, ValueError, KeyError, store.Damaged):
            return None

    def due(self) -> bool:
        """See `simulation.Snapshots`."""
        return time.monotonic() - self._last >= self._seconds

    def save(self, state: dict[str, np.ndarray]) -> None:
        """See `simulation.Snapshots`; where it cannot be written, the simulation goes on without."""
        content = io.BytesIO()
        np.savez(content, made_by=np.array(self._made_by), **state)  # type: ignore[arg-type]
        with contextlib.suppress(OSError):
            store.write_sealed(self._path, content.getvalue())
        self._last = time.monotonic()

    def clear(self) -> None:
        """Remove what was saved."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
