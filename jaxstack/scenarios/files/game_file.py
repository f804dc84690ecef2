"""Saving and loading games."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game, check_types
from jaxstack.scenarios.files.document import (
    FORMAT,
    PAYOFFS,
    TYPES,
    VERSION,
    GameFile,
    as_lists,
    build,
    fields_of,
    validate,
)
from jaxstack.scenarios.files.encoding import known_suffix, read_json, read_npz, write_json, write_npz
from jaxstack.writing import write_file


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
    path = known_suffix(path)
    if not isinstance(game, Game):
        raise ValueError(f"save_game needs (path, game, types), but the game is a {type(game).__name__}.")
    if game.num_games is not None:
        raise ValueError(f"a file holds one game, but {game!r} arrived; save unstack(game, i) one by one.")
    check_types(game, types)
    names = {name: _as_lists(value) for name, value in labels.items() if value is not None}
    document = {
        "format": FORMAT,
        "version": VERSION,
        **names,
        "leader_payoff": fields_of(game.leader, PAYOFFS),
        "follower_payoffs": np.asarray(game.follower, np.float64),
        "types": fields_of(types, TYPES),
    }
    if game.available is not None:
        document["available"] = np.asarray(game.available, np.uint8)
        if path.suffix.lower() == ".json":
            document |= as_lists(game, document)
    build(path, validate(path, document))  # what is written can be read
    write = write_json if path.suffix.lower() == ".json" else write_npz
    try:
        write_file(path, lambda stream: write(stream, document))
    except OSError as error:
        raise OSError(error.errno, f"cannot write game file: {error.strerror}", str(path)) from error


def _as_lists(value: Any) -> Any:
    """Tuples as lists, within one another too."""
    return [_as_lists(entry) for entry in value] if isinstance(value, tuple | list) else value


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
    path = known_suffix(path)
    try:
        document = read_json(path) if path.suffix.lower() == ".json" else read_npz(path)
    except OSError as error:
        raise OSError(error.errno, f"cannot read game file: {error.strerror}", str(path)) from error
    return build(path, validate(path, document))
