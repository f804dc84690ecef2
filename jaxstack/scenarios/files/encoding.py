"""Bytes of game files: JSON text, and NPZ archives of arrays beside it."""

from __future__ import annotations

import json
import os
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from jaxstack import checks, reading
from jaxstack.scenarios.files.document import text_of

MAX_FILE_BYTES = 1 << 32  # unpacked

_LINE = 100  # characters; JSON lists that fit stay on one line


def known_suffix(path: str | os.PathLike[str]) -> Path:
    """`path`, if its suffix names a format."""
    path = checks.path("path", path)
    if path.suffix.lower() not in (".json", ".npz", ".csv", ".nfg"):
        raise ValueError(
            f"{path}: a game file's name must end in .json, .npz, .csv or .nfg, but it ends in "
            f"{path.suffix!r}."
        )
    return path


def read_json(path: Path) -> Any:
    """The document of a JSON file."""
    try:
        text = reading.read_file(path, MAX_FILE_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a JSON file: it is not UTF-8 text ({error}).") from error
    return _parse(path, text)


def _parse(path: Path, text: str) -> Any:
    """JSON text as a document; a field given twice, or one whose name is no text, is an error."""

    def fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if text_of(key) in found:
                raise ValueError(f"field {checks.brief(key)} is given twice")
            found[key] = value
        return found

    try:
        return json.loads(text, object_pairs_hook=fields)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not a complete JSON document: {error}. It may be truncated.") from error
    except RecursionError:
        raise ValueError(f"{path}: lists or objects are nested too deeply for a game.") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}.") from error


def read_npz(path: Path, what: str = "game") -> Any:
    """The document of an NPZ file, its arrays put where they belong; `what` it should be the file of."""
    arrays: dict[str, np.ndarray] = {}
    field = "(archive)"
    with reading.open_file(path, MAX_FILE_BYTES) as raw:
        try:
            with zipfile.ZipFile(raw) as archive:
                members = archive.infolist()
                unpacked = sum(member.file_size for member in members)
                if unpacked > MAX_FILE_BYTES:
                    raise ValueError(f"{unpacked:,} bytes unpacked; at most {MAX_FILE_BYTES:,} are read")
                for member in members:
                    field = member.filename.removesuffix(".npy")
                    if field in arrays or field == member.filename:
                        raise ValueError("not an array, or given twice")
                    with archive.open(member) as stream:
                        arrays[field] = _read_array(stream, member.file_size)
            field = "document"
            if "document" not in arrays or arrays["document"].dtype != np.uint8:
                raise ValueError("this text (bytes of JSON), which says what the arrays are, is missing")
            text = arrays.pop("document").tobytes().decode()
        except Exception as error:  # damaged bytes make zipfile, zlib and NumPy raise almost anything
            reason = textwrap.shorten(str(error), 200) or type(error).__name__
            raise ValueError(f"{path}: field {field!r}: not a readable NPZ {what} file: {reason}.") from error
    document = _parse(path, text)
    for field, array in arrays.items():
        *parents, name = field.split(".")
        place = document
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if not isinstance(place, dict) or name in place:
            raise ValueError(f"{path}: unknown field {field!r}: the document has no place for this array.")
        place[name] = array
    return document


def _read_array(stream: IO[bytes], num_bytes: int) -> np.ndarray:
    """One .npy member, whose header must match its size; Python objects (pickles) are refused."""
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"array format {version} is not known")
    read_header = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    shape, fortran_order, dtype = read_header[version[0]](stream)
    if dtype.kind not in "fiu":
        raise ValueError(
            f"it holds {dtype}, not numbers (and Python objects, that is pickles, are never read)"
        )
    size = int(np.prod([int(s) for s in shape], dtype=object)) * dtype.itemsize
    data = stream.read() if size == num_bytes - stream.tell() else b""
    if len(data) != size:
        raise ValueError(
            f"its header promises an array of shape {shape}, {size:,} bytes, which are not there"
        )
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran_order else "C")


def write_json(stream: IO[bytes], document: dict[str, Any]) -> None:
    """The document as text; Python writes the shortest decimals that give back the same float64."""
    stream.write((_pretty(_map_arrays(document, lambda _, array: array.tolist())) + "\n").encode())


def write_npz(stream: IO[bytes], document: dict[str, Any]) -> None:
    """Arrays under their dotted names, the rest as JSON text in "document"."""
    arrays: dict[str, Any] = {}
    rest = _map_arrays(document, arrays.__setitem__)
    np.savez(stream, document=np.frombuffer(json.dumps(rest).encode(), np.uint8), **arrays)


def _map_arrays(document: dict[str, Any], change: Callable[[str, np.ndarray], Any], of: str = "") -> Any:
    """The document with every array replaced by change(dotted name, array); None drops it."""
    changed = {}
    for name, value in document.items():
        if isinstance(value, dict):
            value = _map_arrays(value, change, f"{of}{name}.")
        elif isinstance(value, np.ndarray):
            value = change(of + name, value)
        if value is not None:
            changed[name] = value
    return changed


def _pretty(value: Any, indent: int = 0) -> str:
    """JSON with every list and object that fits on a line on one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, list | dict) or indent + len(flat) <= _LINE:
        return flat
    if isinstance(value, dict):
        names = (json.dumps(name, ensure_ascii=False) for name in value)
        items = [f"{name}: {_pretty(v, indent + 2)}" for name, v in zip(names, value.values(), strict=True)]
    else:
        items = [_pretty(v, indent + 2) for v in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    margin = " " * (indent + 2)
    return opening + "\n" + ",\n".join(margin + item for item in items) + "\n" + " " * indent + closing
