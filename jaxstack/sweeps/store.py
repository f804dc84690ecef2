"""The folder of a sweep: one file for every cell, whole or not there.

```
sweep.json          axes and cells of the sweep: what `load_results` lays out
spec.toml           what was asked for
cells/KEY.nc        netCDF, one for every finished cell; its last 32 bytes are the SHA-256 of the rest
running/KEY.lock    held by the process that plays the cell; the system lets go of it when that process dies
running/KEY.part    where a long cell stood a few minutes ago
failed/KEY.json     what a learner raised; the cell is tried again by the next run
damaged/            files that are not what a run of a sweep wrote, set aside
```
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import re
import shutil
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from jaxstack import checks, memory, reading
from jaxstack.regret import QUANTILE_LEVELS, QUANTILE_RUNS, check_checkpoints
from jaxstack.sweeps.cells import FORMAT, Axis, Cell, Plan, axis_name, plain_label
from jaxstack.sweeps.locks import lock
from jaxstack.sweeps.sealed import Damaged, read_sealed, write_sealed
from jaxstack.writing import write_file

_KEY = re.compile(r"[0-9A-Za-z_-]{1,128}")  # no path
_STALE = 3600.0  # seconds after which an unfinished file of a plan belongs to nobody


CELL_DIMS = {
    "mean": ("game", "checkpoint"),
    "stderr": ("game", "checkpoint"),
    "quantiles": ("game", "quantile", "checkpoint"),
    "regret": ("game", "run", "checkpoint"),
    "final_regret": ("game", "run"),
    "optimum": ("game",),
    "optimum_gap": ("game",),
    "num_regions": ("game",),
    "bound": (),
    "round": ("checkpoint",),
}
"""Arrays of a cell's file, with their dimensions."""

_OPTIONAL = {"regret", "optimum_gap"}  # the second is not in files of earlier versions

TOLD = "info_"
"""Begins the name of an array of what a learner told: `info_NAME`, and `info_NAME_stderr`."""
_OVERHEAD = 1 << 16  # bytes of a cell's file beside the numbers, at most


# --- cells ---


def told_dims(name: str, num_axes: int) -> tuple[str, ...]:
    """Dimensions of what a learner told as `name`, in a file and in a dataset."""
    own = (f"{name}_axis_{axis}" for axis in range(num_axes - 2))
    return ("game", *own, "checkpoint")


def dims_of(name: str, array: np.ndarray) -> tuple[str, ...]:
    """Dimensions of an array of a cell's file."""
    if name.startswith(TOLD):
        return told_dims(name.removeprefix(TOLD).removesuffix("_stderr"), array.ndim)
    return CELL_DIMS[name]


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
        file.attrs.update(attrs | {"key": key, "content_hash": content_hash(arrays)})
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


def cell_bytes(cell: Cell) -> int:
    """About how large a cell's file will be, from above."""
    run, games = cell.run, getattr(cell.scenario, "games", 1)
    rounds = len(check_checkpoints(run.checkpoints, run.horizon))
    per_game = rounds * (2 + len(QUANTILE_LEVELS) + (run.runs if run.keep_runs else 0))
    return 8 * games * (per_game + min(run.runs, QUANTILE_RUNS)) + _OVERHEAD


def require_space(folder: Path, cell: Cell) -> None:
    """Raise OSError unless the file of a cell will fit into the folder as it is now."""
    need, free = cell_bytes(cell), shutil.disk_usage(folder).free
    if need > free:
        raise OSError(
            f"the results of this cell take about {memory.readable(need)}, but {memory.readable(free)} are "
            f"free in {folder}. It was not played: make room, or keep fewer curves (keep_runs = false, fewer "
            f"runs or checkpoints), and run the same command again."
        )


def read_cell(folder: Path, key: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and texts of a finished cell.

    Nothing but the file itself is read: HDF5 can link to other files, and keep or find numbers in them.

    Raises:
      Damaged: its file is not what was written, or is that of another cell.
      FileNotFoundError: there is none.
    """
    import h5py

    path = cell_path(folder, key)
    content = read_sealed(path)
    try:
        with h5py.File(io.BytesIO(content), "r") as file:  # every netCDF 4 file is one
            arrays = {name.decode(): _own_array(file.id, name, len(content)) for name in file.id}
            attrs = dict(file.attrs)
        _require_cell(key, arrays, attrs)
    except Exception as error:  # odd bytes make HDF5 raise almost anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Damaged(f"{path}: not the results of this cell: {reason}") from None
    return arrays, attrs


def _own_array(group: Any, name: bytes, num_bytes: int) -> np.ndarray:
    """One array of an HDF5 file, stored as `write_cell` does: in one piece, within the file itself.

    By h5py's low-level interface: a third of the time, which counts for thousands of small cells.
    """
    from h5py import h5d, h5g, h5l, h5s

    title = name.decode()
    if group.links.get_info(name).type != h5l.TYPE_HARD:
        raise ValueError(f"{title!r} is a link to another place")
    if h5g.get_objinfo(group, name).type != h5g.DATASET:
        raise ValueError(f"{title!r} is not an array")
    dataset = h5d.open(group, name)
    properties = dataset.get_create_plist()
    if properties.get_external_count() or properties.get_layout() not in (h5d.CONTIGUOUS, h5d.COMPACT):
        raise ValueError(f"{title!r} is not stored in one piece within the file")
    dtype, shape = dataset.dtype, dataset.shape
    if dtype.kind not in "fiu" or math.prod(shape) * dtype.itemsize > num_bytes:
        raise ValueError(f"{title!r} is {dtype}{list(shape)}, which is not what the file holds")
    array = np.empty(shape, dtype)
    dataset.read(h5s.ALL, h5s.ALL, array)
    return array


def _require_cell(key: str, arrays: dict[str, np.ndarray], attrs: dict[str, Any]) -> None:
    """Raise ValueError unless these are the content of this cell, with all that readers rely on."""
    if "key" not in attrs:
        raise ValueError("another version wrote it")
    if attrs["key"] != key:
        raise ValueError(f"it holds cell {attrs['key']!r} (was the file renamed?)")
    lengths = {"quantile": len(QUANTILE_LEVELS)}
    for name, dims in CELL_DIMS.items():
        if name not in arrays:
            if name in _OPTIONAL:
                continue
            raise ValueError(f"{name!r} is missing")
        _require_shape(name, arrays[name].shape, dims, lengths)
    for name in arrays:
        if name.startswith(TOLD):
            _require_shape(name, arrays[name].shape, dims_of(name, arrays[name]), lengths)
    for name, fields in (("seconds", ("compile", "run")), ("versions", ()), ("hardware", ())):
        try:
            told = json.loads(attrs[name])
        except ValueError:
            raise ValueError(f"{name!r} is no JSON") from None
        if not isinstance(told, dict) or not all(isinstance(told[field], int | float) for field in fields):
            raise ValueError(f"{name!r} is {checks.brief(told)}")
    checks.positive_int("num_runs", int(attrs["num_runs"]))


def _require_shape(name: str, shape: tuple[int, ...], dims: tuple[str, ...], lengths: dict[str, int]) -> None:
    """Raise ValueError unless an array has these dimensions, as long as elsewhere; `lengths` grows."""
    if len(shape) != len(dims):
        raise ValueError(f"{name!r} must have axes {list(dims)}, but its shape is {shape}")
    for dim, length in zip(dims, shape, strict=True):
        if dim != "run" and lengths.setdefault(dim, length) != length:  # final regret is of fewer runs
            raise ValueError(f"{name!r} has {length} for {dim!r}, where {lengths[dim]} were expected")


def damaged(folder: Path, keys: set[str]) -> set[str]:
    """Which of these cells have a file that is not what was written."""
    found = set()
    for key in keys & finished(folder):
        try:
            read_cell(folder, key)
        except Damaged:
            found.add(key)
        except FileNotFoundError:
            continue
    return found


def verify(folder: Path, keys: set[str]) -> list[Path]:
    """Set aside damaged files of these cells, and notes that are none; returns where they are now."""
    odd = [cell_path(folder, key) for key in sorted(damaged(folder, keys))]
    return [_set_aside(folder, path) for path in (*odd, *_notes(folder)[1])]


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


def write_failure(folder: Path, cell: Cell, error: str, trace: str = "") -> None:
    """Note why a cell is missing; where even that cannot be written, the message on the screen remains."""
    with contextlib.suppress(OSError):
        (folder / "failed").mkdir(exist_ok=True)
        note = {"cell": cell.at, "error": error, "traceback": trace}
        write_file(folder / "failed" / f"{cell.key}.json", json.dumps(note, indent=2))


def clear_failure(folder: Path, key: str) -> None:
    """The cell is done after all."""
    with contextlib.suppress(OSError):
        (folder / "failed" / f"{key}.json").unlink(missing_ok=True)


def failures(folder: Path) -> dict[str, dict[str, Any]]:
    """What is noted of failed cells, by key; warns of files that hold no such note."""
    noted, odd = _notes(folder)
    for path in odd:
        warnings.warn(f"{path}: no note on a failed cell; it is not read", stacklevel=2)
    return noted


def _notes(folder: Path) -> tuple[dict[str, dict[str, Any]], list[Path]]:
    """Notes on failed cells by key, and files that are none."""
    noted, odd = {}, []
    for path in sorted((folder / "failed").glob("*.json")):
        try:
            note = json.loads(reading.read_text(path))
            if not isinstance(note, dict) or not isinstance(note["error"], str):
                raise ValueError("no note")
            noted[path.stem] = note
        except FileNotFoundError:  # tried again, meanwhile
            continue
        except (OSError, ValueError, KeyError, RecursionError):
            odd.append(path)
    return noted, odd


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
        content = json.loads(reading.read_text(path))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}, and this version reads format {FORMAT}")
        _require_plan(content)
        axes = [Axis(tuple(a["keys"]), tuple(map(tuple, a["values"]))) for a in content["axes"]]
        _require_places(content, axes)
    except FileNotFoundError:
        raise ValueError(
            f"{folder} holds no results of a sweep: there is no sweep.json in it. "
            f"Make some: jaxstack run SPEC.toml --out {folder}"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ValueError(
            f"{path}: not the plan of a sweep ({reason}). Run the spec again to write it."
        ) from error
    return content | {"axes": axes}


def _require_plan(content: Any) -> None:
    """Raise ValueError, KeyError or TypeError unless a plan has the fields that readers rely on."""
    kinds = {"spec": str, "axes": list, "learners": list, "cells": list}
    for name, kind in kinds.items():
        if not isinstance(content[name], kind):
            raise ValueError(f"{name!r} is {checks.brief(content[name])}")
    for learner in content["learners"]:
        if not isinstance(learner["label"], str) or not isinstance(learner["lacks"], list):
            raise ValueError(f"a learner is {checks.brief(learner)}")
        if not isinstance(learner["skip_ahead"], bool):
            raise ValueError(f"'skip_ahead' is {checks.brief(learner['skip_ahead'])}")
    for cell in content["cells"]:
        if not isinstance(cell["key"], str) or not _KEY.fullmatch(cell["key"]):
            raise ValueError(f"the key of a cell is {checks.brief(cell['key'])}")


def _require_places(content: Any, axes: list[Axis]) -> None:
    """Raise ValueError, KeyError or TypeError unless every learner and every cell stands on the axes."""
    labels = {axis_name(axis): {plain_label(values) for values in axis.values} for axis in axes}
    for cell in content["cells"]:
        for name, known in labels.items():
            label = cell["at"][name]
            if (tuple(label) if isinstance(label, list) else label) not in known:
                raise ValueError(
                    f"a cell stands at {name} = {checks.brief(label)}, which is not on that axis"
                )
    if (
        not labels["learner"] <= {learner["label"] for learner in content["learners"]}
        or not labels["scenario"]
    ):
        raise ValueError("axes and learners are not the same")


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
