"""The folder of a sweep: one file for every cell, whole or not there.

```
sweep.json          axes and cells of the sweep: what `load_results` lays out
spec.toml           what was asked for
cells/KEY.nc        netCDF, one for every finished cell; its last 32 bytes are the SHA-256 of the rest
running/KEY.lock    held by the process that plays the cell; the system lets go of it when that process dies
running/KEY.part    where a long cell stood a few minutes ago
failed/KEY.json     what a learner raised; the cell is tried again by the next run
damaged/KEY.nc      files that did not match their SHA-256, set aside
```
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxstack.sweeps.cells import FORMAT, Axis, Cell, Plan
from jaxstack.writing import write_file

try:
    import fcntl
except ImportError:  # not POSIX: two runs on one folder may compute a cell twice, to the same numbers
    fcntl = None  # type: ignore[assignment]

_DIGEST = 32  # bytes at the end of a file
_STALE = 3600.0  # seconds after which an unfinished file of a plan belongs to nobody


class Damaged(Exception):
    """A file whose content does not match its SHA-256."""


# --- files with their own SHA-256 ---


def write_sealed(path: Path, content: bytes | memoryview) -> None:
    """Write `content` and its SHA-256, whole or not at all."""
    digest = hashlib.sha256(content).digest()
    path.parent.mkdir(exist_ok=True)
    write_file(path, lambda file: (file.write(content), file.write(digest)))


def read_sealed(path: Path) -> bytes:
    """What `write_sealed` wrote.

    Raises:
      Damaged: the file is shorter, longer or other than it was.
      OSError: it cannot be read.
    """
    data = path.read_bytes()
    content = data[:-_DIGEST]
    if len(data) <= _DIGEST or hashlib.sha256(content).digest() != data[-_DIGEST:]:
        raise Damaged(f"{path}: the content does not match its SHA-256 (torn or changed)")
    return content


# --- cells ---


def cell_path(folder: Path, key: str) -> Path:
    """The file of a finished cell."""
    return folder / "cells" / f"{key}.nc"


def part_path(folder: Path, key: str) -> Path:
    """The file of a cell's state while it is played."""
    return folder / "running" / f"{key}.part"


def finished(folder: Path) -> set[str]:
    """Keys of the cells that have a file."""
    with contextlib.suppress(FileNotFoundError):
        return {entry.name[:-3] for entry in os.scandir(folder / "cells") if entry.name.endswith(".nc")}
    return set()


def write_cell(
    folder: Path, key: str, arrays: dict[str, tuple[tuple[str, ...], Any]], attrs: dict[str, str]
) -> None:
    """Write a finished cell: arrays by name with their dimensions, and texts.

    Raises:
      OSError: it could not be written; nothing of it is left behind.
    """
    import h5netcdf  # itself, not through xarray: half the time, which counts for thousands of small cells

    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w") as file:
        file.attrs.update(attrs | {"content_hash": content_hash(arrays)})
        sizes = {d: n for dims, values in arrays.values() for d, n in zip(dims, values.shape, strict=True)}
        for dim, size in sizes.items():
            file.dimensions[dim] = size
        for name, (dims, values) in arrays.items():
            file.create_variable(name, dims, values.dtype, data=values)
    write_sealed(cell_path(folder, key), buffer.getvalue())


def content_hash(arrays: dict[str, tuple[tuple[str, ...], Any]]) -> str:
    """SHA-256 of the numbers: equal for two computations of one cell."""
    digest = hashlib.sha256()
    for name, (dims, values) in sorted(arrays.items()):
        array = np.ascontiguousarray(values)
        digest.update(f"{name}{dims}{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def read_cell(folder: Path, key: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and texts of a finished cell.

    Raises:
      Damaged: its file is not what was written.
      FileNotFoundError: there is none.
    """
    import h5py

    content = read_sealed(cell_path(folder, key))
    with h5py.File(io.BytesIO(content), "r") as file:  # every netCDF 4 file is one
        return {name: np.asarray(values[()]) for name, values in file.items()}, dict(file.attrs)


def damaged(folder: Path, keys: set[str]) -> set[str]:
    """Which of these cells have a file that is not what was written."""
    found = set()
    for key in keys & finished(folder):
        try:
            read_sealed(cell_path(folder, key))
        except Damaged:
            found.add(key)
        except FileNotFoundError:
            continue
    return found


def verify(folder: Path, keys: set[str]) -> list[Path]:
    """Set damaged files of these cells aside; returns where they are now."""
    return [_set_aside(folder, cell_path(folder, key)) for key in sorted(damaged(folder, keys))]


def _set_aside(folder: Path, path: Path) -> Path:
    damaged = folder / "damaged"
    damaged.mkdir(exist_ok=True)
    target = damaged / path.name
    for number in range(2, 1000):
        if not target.exists():
            break
        target = damaged / f"{path.stem}-{number}{path.suffix}"
    with contextlib.suppress(FileNotFoundError):  # another process was first
        os.replace(path, target)
    return target


# --- failures ---


def write_failure(folder: Path, cell: Cell, error: str) -> None:
    """Note why a cell is missing; where even that cannot be written, the message on the screen remains."""
    with contextlib.suppress(OSError):
        (folder / "failed").mkdir(exist_ok=True)
        write_file(
            folder / "failed" / f"{cell.key}.json", json.dumps({"cell": cell.at, "error": error}, indent=2)
        )


def clear_failure(folder: Path, key: str) -> None:
    """The cell is done after all."""
    with contextlib.suppress(OSError):
        (folder / "failed" / f"{key}.json").unlink(missing_ok=True)


def failures(folder: Path) -> dict[str, dict[str, Any]]:
    """What is noted of failed cells, by key."""
    noted = {}
    for path in sorted((folder / "failed").glob("*.json")):
        with contextlib.suppress(OSError, ValueError):
            noted[path.stem] = json.loads(path.read_text(encoding="utf-8"))
    return noted


# --- locks ---


@contextlib.contextmanager
def lock(folder: Path, key: str) -> Iterator[bool]:
    """Hold a cell against other processes; yields False, at once, where another one holds it.

    The lock is the system's (flock), so that a process that was killed holds nothing.
    """
    path = folder / "running" / f"{key}.lock"
    descriptor = _acquire(path)
    if descriptor is None:
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)  # while it is held: nobody can be waiting for this very file
        os.close(descriptor)


def _acquire(path: Path) -> int | None:
    while True:
        path.parent.mkdir(exist_ok=True)
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        except FileNotFoundError:
            continue  # another process found the folder empty and removed it
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                os.close(descriptor)
                return None
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):  # a file system without locks
                os.close(descriptor)
                raise
        try:
            ours = os.stat(path).st_ino == os.fstat(descriptor).st_ino
        except FileNotFoundError:
            ours = False
        if ours:
            with contextlib.suppress(OSError):  # for people who look at the folder
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            return descriptor
        os.close(descriptor)  # its holder finished and removed it between our open and our lock


# --- plans ---


def write_plan(folder: Path, plan: Plan) -> None:
    """Write `sweep.json` and `spec.toml`."""
    content = {
        "format": FORMAT,
        "spec": plan.spec,
        "axes": [{"keys": axis.keys, "values": axis.values} for axis in plan.axes],
        "learners": plan.learners(),
        "scenarios": plan.scenarios(),
        "cells": [{"key": cell.key, "at": cell.at} for cell in plan.cells],
    }
    write_file(folder / "sweep.json", json.dumps(content, ensure_ascii=False))
    write_file(folder / "spec.toml", plan.spec)


def read_plan(folder: Path) -> dict[str, Any]:
    """`sweep.json`, with axes as `Axis`.

    Raises:
      ValueError: the folder is not that of a sweep.
    """
    path = folder / "sweep.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        axes = [Axis(tuple(a["keys"]), tuple(map(tuple, a["values"]))) for a in content["axes"]]
        content["learners"]
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}, and this version reads format {FORMAT}")
    except FileNotFoundError:
        raise ValueError(
            f"{folder} holds no results of a sweep: there is no sweep.json in it. "
            f"Make some: jaxstack run SPEC.toml --out {folder}"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: not the plan of a sweep ({error}). Run the spec again to write it."
        ) from error
    return content | {"axes": axes}


def sweep_up(folder: Path) -> None:
    """Remove what killed processes left: unfinished files and locks of cells that nobody holds."""
    for path in [*folder.glob("cells/.*.tmp"), *folder.glob("running/.*.tmp"), *folder.glob("failed/.*.tmp")]:
        with lock(folder, path.name.split(".")[1]) as ours, contextlib.suppress(OSError):
            if ours:
                path.unlink(missing_ok=True)
    for path in folder.glob("running/*.lock"):
        with lock(folder, path.stem):
            pass  # whoever can hold it removes it
    for path in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE:
                path.unlink()
    for name in ("running", "failed"):
        with contextlib.suppress(OSError):  # only when empty
            (folder / name).rmdir()
