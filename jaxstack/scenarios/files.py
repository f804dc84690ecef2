"""Games as files: JSON to read and write by hand, NPZ for large ones.

Both hold the same document; an NPZ file holds its arrays beside it, under their dotted field names. Reading
executes nothing, allocates nothing that the file does not contain, and gives back the float64 that was saved.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import textwrap
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import jax
import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from jaxstack import checks, reading
from jaxstack._pytree import host_float64
from jaxstack.distributions import IndependentTypes, JointTypes, MixtureTypes, TypeDistribution
from jaxstack.game import Game, check_types
from jaxstack.payoffs import AnonymousPayoff, LeaderPayoff, SeparablePayoff, TabularPayoff
from jaxstack.writing import write_file

FORMAT, VERSION = "jaxstack-game", 1
MAX_FILE_BYTES = 1 << 32  # unpacked

_LINE = 100  # characters; JSON lists that fit stay on one line


@dataclasses.dataclass(frozen=True)
class GameFile:
    """A game, its types, and what they stand for.

    Attributes:
      game: one game.
      types: distribution of its types.
      title, description, source: free text; where the numbers come from.
      leader_names: [L], the leader's actions in words, or None.
      follower_names: [n], or None.
      type_names: [K], or None.
      action_names: [A], the followers' actions in words, or None.
    """

    game: Game
    types: TypeDistribution
    title: str | None = None
    description: str | None = None
    source: str | None = None
    leader_names: tuple[str, ...] | None = None
    follower_names: tuple[str, ...] | None = None
    type_names: tuple[str, ...] | None = None
    action_names: tuple[str, ...] | None = None


def save_game(path: str | os.PathLike[str], game: Game, types: TypeDistribution, **labels: Any) -> None:
    """Write a game and its types to `path`, as JSON or NPZ by its suffix.

    The file appears complete or not at all: it is written under a temporary name in the same folder, then
    renamed.

    Args:
      path: ends in .json or .npz; an existing file is replaced.
      game: one game (not a stacked batch).
      types: distribution of its types.
      **labels: any of the texts and names of `GameFile`.

    Raises:
      ValueError: another suffix, a batch, types that are not for this game, or labels of the wrong number.
      OSError: the folder does not exist or cannot be written.
    """
    path = _known_suffix(path)
    if not isinstance(game, Game):
        raise ValueError(f"save_game needs (path, game, types), but the game is a {type(game).__name__}.")
    if game.num_games is not None:
        raise ValueError(f"a file holds one game, but {game!r} arrived; save unstack(game, i) one by one.")
    check_types(game, types)
    names = {name: list(v) if isinstance(v, tuple) else v for name, v in labels.items() if v is not None}
    document = {
        "format": FORMAT,
        "version": VERSION,
        **names,
        "leader_payoff": _fields(game.leader, _PAYOFFS),
        "follower_payoffs": np.asarray(game.follower, np.float64),
        "types": _fields(types, _TYPES),
    }
    _build(path, _validate(path, document))  # what is written can be read
    write = _write_json if path.suffix.lower() == ".json" else _write_npz
    try:
        write_file(path, lambda stream: write(stream, document))
    except OSError as error:
        raise OSError(error.errno, f"cannot write game file: {error.strerror}", str(path)) from error


def load_game(path: str | os.PathLike[str]) -> tuple[Game, TypeDistribution]:
    """The game in a file, and the distribution of its types; see `load_game_file` for names and errors."""
    file = load_game_file(path)
    return file.game, file.types


def load_game_file(path: str | os.PathLike[str]) -> GameFile:
    """All that a .json or .npz game file holds. The file is data: nothing in it is executed.

    Raises:
      ValueError: another suffix; a file that is truncated, of another kind or version, or larger than 4 GiB
        unpacked; an unknown, missing or wrong field. The message names the file and the field.
      OSError: there is no such file, or it cannot be read.
    """
    path = _known_suffix(path)
    try:
        document = _read_json(path) if path.suffix.lower() == ".json" else _read_npz(path)
    except OSError as error:
        raise OSError(error.errno, f"cannot read game file: {error.strerror}", str(path)) from error
    return _build(path, _validate(path, document))


# --- the document ---


def _numbers(value: Any) -> np.ndarray:
    """Float64 array of nested lists of numbers (no strings, no truth values), or of a numeric array."""
    if not isinstance(value, list | np.ndarray) and type(value) not in (int, float):
        raise ValueError(f"must be nested lists of numbers, but {checks.brief(value)} arrived")
    try:
        return checks.real_array(value)
    except ValueError as error:
        raise ValueError(f"must be nested lists of numbers, but {error}") from error


def _text(value: str) -> str:
    """`value`, if it can be written out (half of a surrogate pair cannot)."""
    value.encode()
    return value


Numbers = Annotated[Any, BeforeValidator(_numbers)]
Text = Annotated[str, AfterValidator(_text)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Tabular(_Strict):
    kind: Literal["tabular"]
    table: Numbers

    def build(self) -> LeaderPayoff:
        return TabularPayoff(self.table)


class _Separable(_Strict):
    kind: Literal["separable"]
    table: Numbers

    def build(self) -> LeaderPayoff:
        return SeparablePayoff(self.table)


class _Anonymous(_Strict):
    kind: Literal["anonymous"]
    table: Numbers
    num_followers: int = 0  # needed when A = 1 alone

    def build(self) -> LeaderPayoff:
        return AnonymousPayoff(self.table, num_followers=self.num_followers)


class _Joint(_Strict):
    kind: Literal["joint"]
    probabilities: Numbers

    def build(self) -> TypeDistribution:
        return _keeping_bits(JointTypes(self.probabilities), self.probabilities)


class _Independent(_Strict):
    kind: Literal["independent"]
    probabilities: Numbers

    def build(self) -> TypeDistribution:
        return _keeping_bits(IndependentTypes(self.probabilities), self.probabilities)


class _Mixture(_Strict):
    kind: Literal["mixture"]
    weights: Numbers
    probabilities: Numbers

    def build(self) -> TypeDistribution:
        mixture = MixtureTypes(self.weights, self.probabilities)
        return _keeping_bits(mixture, self.weights, self.probabilities)


class _Document(_Strict):
    format: Literal["jaxstack-game"]
    version: Literal[1]
    title: Text | None = None
    description: Text | None = None
    source: Text | None = None
    leader_names: list[Text] | None = None
    follower_names: list[Text] | None = None
    type_names: list[Text] | None = None
    action_names: list[Text] | None = None
    leader_payoff: Annotated[_Tabular | _Separable | _Anonymous, Field(discriminator="kind")]
    follower_payoffs: Numbers
    types: Annotated[_Joint | _Independent | _Mixture, Field(discriminator="kind")]


_PAYOFFS = {
    TabularPayoff: ("tabular", ("table",)),
    SeparablePayoff: ("separable", ("table",)),
    AnonymousPayoff: ("anonymous", ("table", "num_followers")),
}
_TYPES = {
    JointTypes: ("joint", ("probabilities",)),
    IndependentTypes: ("independent", ("probabilities",)),
    MixtureTypes: ("mixture", ("weights", "probabilities")),
}
_KINDS = {kind for kind, _ in (*_PAYOFFS.values(), *_TYPES.values())}
_NAMES = {
    "leader_names": "num_leader_actions",
    "follower_names": "num_followers",
    "type_names": "num_types",
    "action_names": "num_actions",
}


def _fields(value: Any, known: dict[type, tuple[str, tuple[str, ...]]]) -> dict[str, Any]:
    """A payoff or a type distribution as its part of the document."""
    if type(value) not in known:
        raise ValueError(
            f"a file can hold {', '.join(c.__name__ for c in known)}, but {type(value).__name__} arrived."
        )
    kind, fields = known[type(value)]
    arrays = {name: getattr(value, name) for name in fields}
    return {"kind": kind} | {
        name: array if isinstance(array, int) else np.asarray(array, np.float64)
        for name, array in arrays.items()
    }


def _keeping_bits(types: TypeDistribution, *stored: np.ndarray) -> TypeDistribution:
    """`types` with the stored probabilities, where construction changed no more than their rounding.

    Dividing by a sum of 1 - 1e-16 would give other last bits in every file that is loaded and saved again.
    """
    leaves, structure = jax.tree.flatten(types)
    kept = [
        host_float64(mine) if np.allclose(mine, leaf, rtol=1e-14, atol=0) else leaf
        for mine, leaf in zip(stored, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, kept)


def _validate(path: Path, document: Any) -> _Document:
    """The document with every field checked."""
    if not isinstance(document, dict):
        raise ValueError(
            f"{path}: a game file is one object of fields, but {checks.brief(document)} arrived."
        )
    for field, expected in (("format", FORMAT), ("version", VERSION)):
        arrived = document.get(field)
        if type(arrived) is not type(expected) or arrived != expected:
            raise ValueError(
                f"{path}: field {field!r} must be {expected!r} (this version of jaxstack reads no other), "
                f"but {checks.brief(arrived) if field in document else 'nothing'} arrived."
            )
    try:
        return _Document.model_validate(document)
    except ValidationError as error:
        found = error.errors()
        problems = [_explain(problem) for problem in found[:5]]
        more = [f"... and {len(found) - 5:,} more."] if len(found) > 5 else []
        raise ValueError("\n".join(f"{path}: {line}" for line in problems + more)) from None


def _explain(problem: Any) -> str:
    """One line about one field."""
    where = [part for i, part in enumerate(problem["loc"]) if not (i == 1 and part in _KINDS)]
    field = ""
    for part in where:
        field += f"[{part}]" if isinstance(part, int) else f".{part}" if field else str(part)
    if problem["type"] == "missing":
        return f"field {field!r} is missing."
    if problem["type"] == "extra_forbidden":
        known = list(_Document.model_fields) if len(where) == 1 else ["table", "weights", "probabilities"]
        return f"unknown field {field!r}.{checks.did_you_mean(str(where[-1]), known)}"
    if problem["type"].startswith("union_tag"):
        given = problem["input"].get("kind", "nothing") if isinstance(problem["input"], dict) else "nothing"
        known = [kind for kind, _ in (_PAYOFFS if field == "leader_payoff" else _TYPES).values()]
        return f"field '{field}.kind' must be one of {', '.join(known)}, but {checks.brief(given)} arrived."
    if problem["type"] == "value_error":
        return f"field {field!r}: {problem['ctx']['error']}."
    return f"field {field!r}: {problem['msg']}, but {checks.brief(problem['input'])} arrived."


def _build(path: Path, document: _Document) -> GameFile:
    """The containers of a document."""
    with _naming(path, "leader_payoff"):
        leader = document.leader_payoff.build()
    with _naming(path, "follower_payoffs"):
        game = Game(leader, document.follower_payoffs)
    with _naming(path, "types"):
        types = document.types.build()
        check_types(game, types)
    names = {}
    for field, count in _NAMES.items():
        words, expected = getattr(document, field), getattr(game, count)
        if words is not None and len(words) != expected:
            raise ValueError(f"{path}: field {field!r} must hold {expected} names, but {len(words)} arrived.")
        names[field] = None if words is None else tuple(words)
    return GameFile(game, types, document.title, document.description, document.source, **names)


@contextlib.contextmanager
def _naming(path: Path, field: str) -> Iterator[None]:
    """Put the file and the field in front of what a constructor complains about."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path}: field {field!r}: {error}") from error


# --- bytes ---


def _known_suffix(path: str | os.PathLike[str]) -> Path:
    """`path`, if its suffix names a format."""
    path = checks.path("path", path)
    if path.suffix.lower() not in (".json", ".npz"):
        raise ValueError(
            f"{path}: a game file's name must end in .json or .npz, but it ends in {path.suffix!r}."
        )
    return path


def _read_json(path: Path) -> Any:
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
            if _text(key) in found:
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


def _read_npz(path: Path) -> Any:
    """The document of an NPZ file, its arrays put where they belong."""
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
            raise ValueError(f"{path}: field {field!r}: not a readable NPZ game file: {reason}.") from error
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


def _write_json(stream: IO[bytes], document: dict[str, Any]) -> None:
    """The document as text; Python writes the shortest decimals that give back the same float64."""
    stream.write((_pretty(_map_arrays(document, lambda _, array: array.tolist())) + "\n").encode())


def _write_npz(stream: IO[bytes], document: dict[str, Any]) -> None:
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
