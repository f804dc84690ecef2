"""Files of deployments: an NPZ archive of numbers, and a text that says whose they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack.fingerprints import content_fingerprint, learner_fingerprint
from jaxstack.game import Game
from jaxstack.learners.contract import Learner
from jaxstack.regions import RegionTable
from jaxstack.scenarios.files.encoding import read_npz, write_npz
from jaxstack.writing import write_file

FORMAT, VERSION = "jaxstack-deployment", 1

_WHOLE = ("horizon", "run", "t")
_OF = {
    "game": "was saved with another game",
    "table": "was saved with another region table (pass the same as table=..)",
    "code": "was saved by other code of its learner, or by another version of jaxstack, to which its numbers "
    "may mean something else",
    "float": "was saved under another float type (jax_enable_x64)",
}


def head(game: Game, table: RegionTable, learner: Learner) -> dict[str, Any]:
    """What a file says of itself, of the game, and of the code to which its numbers mean something."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "learner": learner.name,
        "game": content_fingerprint(game),
        "table": content_fingerprint(table),
        "code": learner_fingerprint(learner),
        "float": str(jnp.zeros(()).dtype),
    }


def write(path: Path, document: dict[str, Any]) -> None:
    """Write a document, whole or not at all."""
    _require_suffix(path)
    write_file(path, lambda stream: write_npz(stream, document))


def read(path: Path) -> dict[str, Any]:
    """The document of a file, every field of its kind.

    Raises:
      ValueError: another suffix, a damaged file, or one of another kind or version.
    """
    _require_suffix(path)
    document = read_npz(path, "deployment")
    found = (document.get("format"), document.get("version")) if isinstance(document, dict) else None
    if found != (FORMAT, VERSION):
        raise ValueError(f"{path}: not a file of a deployment (format {FORMAT!r}, version {VERSION}).")
    kinds: dict[str, type] = {
        **dict.fromkeys(("learner", *_OF), str),
        **dict.fromkeys(_WHOLE, int),
        **dict.fromkeys(("hparams", "state", "choice", "played"), dict),
        "key": np.ndarray,
    }
    for field, kind in kinds.items():
        if type(document.get(field)) is not kind:
            raise ValueError(f"{path}: field {field!r} is missing or damaged.")
    if document["key"].shape != (2,) or not 1 <= document["t"] <= document["horizon"] + 1:
        raise ValueError(f"{path}: field 'key' or 't' is damaged.")
    return document


def check(path: str | os.PathLike[str], saved: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise ValueError where a file belongs to another game, table or code."""
    for field, told in _OF.items():
        if saved[field] != now[field]:
            raise ValueError(
                f"{os.fspath(path)}: it {told}. Load it as it was saved, or deploy anew and observe the "
                f"rounds of your log again."
            )


def leaves(tree: Any) -> dict[str, np.ndarray]:
    """Arrays of a tree by number; truth values as 0 and 1."""
    arrays = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    return {str(i): a.astype(np.uint8) if a.dtype == bool else a for i, a in enumerate(arrays)}


def restored(path: str | os.PathLike[str], saved: dict[str, Any], shapes: Any) -> Any:
    """The tree of which `leaves` were saved; None where there was none.

    Raises:
      ValueError: arrays of another number, shape or kind.
    """
    expected, structure = jax.tree.flatten(shapes)
    if not saved and expected:
        return None
    found: list[Any] = [saved.get(str(i)) for i in range(len(expected))]
    wanted = [(leaf.shape, np.dtype(np.uint8 if leaf.dtype == bool else leaf.dtype)) for leaf in expected]
    if len(saved) != len(expected) or any(
        not isinstance(array, np.ndarray) or (array.shape, array.dtype) != kind
        for array, kind in zip(found, wanted, strict=True)
    ):
        raise ValueError(f"{os.fspath(path)}: its arrays are not those of the learner's state.")
    cast = [array.astype(leaf.dtype) for array, leaf in zip(found, expected, strict=True)]
    return jax.tree.unflatten(structure, cast)


def _require_suffix(path: Path) -> None:
    if path.suffix.lower() != ".npz":
        raise ValueError(f"{path}: a deployment's file name must end in .npz.")
