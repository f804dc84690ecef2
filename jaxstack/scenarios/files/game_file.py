"""Saving, loading and converting games."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from jaxstack import reading
from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game
from jaxstack.scenarios.files import gambit, tables
from jaxstack.scenarios.files.document import (
    FORMAT,
    PAYOFFS,
    STRATEGIES,
    TYPES,
    VERSION,
    GameFile,
    build,
    fields_of,
    file_of,
    validate,
)
from jaxstack.scenarios.files.encoding import (
    MAX_FILE_BYTES,
    known_suffix,
    read_json,
    read_npz,
    write_json,
    write_npz,
)
from jaxstack.scenarios.files.lists import as_lists
from jaxstack.writing import write_file

_TEXTS: dict[str, Callable[[GameFile], str]] = {".csv": tables.csv_of_game, ".nfg": gambit.text_of_game}


def save_game(path: str | os.PathLike[str], game: Game, types: TypeDistribution, **labels: Any) -> None:
    """Write a game and its types to `path`, by its suffix as JSON, NPZ, a CSV table or a Gambit file.

    The file appears complete or not at all: it is written under a temporary name in the same folder, then
    renamed. JSON and NPZ hold every game, the others what they have a place for: CSV sums over followers and
    independent types, Gambit one type of each follower.

    Args:
      path: ends in .json, .npz, .csv or .nfg; an existing file is replaced.
      game: one game (not a stacked batch).
      types: distribution of its types.
      **labels: any of the texts and names of `GameFile`.

    Raises:
      ValueError: another suffix, a batch, types that are not for this game, labels of the wrong number, or a
        game for which the format has no place.
      OSError: the folder does not exist or cannot be written.
    """
    path = known_suffix(path)
    if not isinstance(game, Game):
        raise ValueError(f"save_game needs (path, game, types), but the game is a {type(game).__name__}.")
    names = {name: _as_lists(value) for name, value in labels.items() if value is not None}
    file_of(game, types, {})
    document = {
        "format": FORMAT,
        "version": VERSION,
        **names,
        "leader_payoff": fields_of(game.leader, PAYOFFS),
        "follower_payoffs": np.asarray(game.follower, np.float64),
        "types": fields_of(types, TYPES),
    }
    if game.strategies is not None:
        document["strategies"] = fields_of(game.strategies, STRATEGIES)
    if game.available is not None:
        document["available"] = np.asarray(game.available, np.uint8)
        if path.suffix.lower() == ".json":
            document |= as_lists(game, document)
    file = build(path, validate(path, document))  # what is written can be read
    try:
        write_file(path, _writer(path.suffix.lower(), document, file))
    except OSError as error:
        raise OSError(error.errno, f"cannot write game file: {error.strerror}", str(path)) from error


def _as_lists(value: Any) -> Any:
    """Tuples as lists, within one another too."""
    return [_as_lists(entry) for entry in value] if isinstance(value, tuple | list) else value


def _writer(suffix: str, document: dict[str, Any], file: GameFile) -> Callable[[IO[bytes]], Any]:
    """What puts the game into a stream."""
    if suffix in _TEXTS:
        encoded = _TEXTS[suffix](file).encode()
        return lambda stream: stream.write(encoded)
    write = write_json if suffix == ".json" else write_npz
    return lambda stream: write(stream, document)


def load_game(
    path: str | os.PathLike[str], *, leader: str | int | None = None
) -> tuple[Game, TypeDistribution]:
    """The game in a file, and the distribution of its types; see `load_game_file` for names and errors."""
    file = load_game_file(path, leader=leader)
    return file.game, file.types


def load_game_file(path: str | os.PathLike[str], *, leader: str | int | None = None) -> GameFile:
    """All that a .json, .npz, .csv or .nfg game file holds. The file is data: nothing in it is executed.

    Args:
      path: of the file.
      leader: name or number (from 1) of the player who leads in a Gambit file; default the first.

    Raises:
      ValueError: another suffix; a file that is truncated, of another kind or version, or larger than 4 GiB
        unpacked; an unknown, missing or wrong field, column or player. The message names the file and the
        place in it.
      OSError: there is no such file, or it cannot be read.
    """
    path = known_suffix(path)
    suffix = path.suffix.lower()
    if leader is not None and suffix != ".nfg":
        raise ValueError(f"{path}: only in a Gambit file (.nfg) may any player lead; leave out the leader.")
    try:
        if suffix == ".nfg":
            return gambit.game_of_text(reading.read_text(path, MAX_FILE_BYTES), str(path), leader)
        if suffix == ".csv":
            return tables.game_of_csv(reading.read_text(path, MAX_FILE_BYTES), str(path))
        document = read_json(path) if suffix == ".json" else read_npz(path)
    except OSError as error:
        raise OSError(error.errno, f"cannot read game file: {error.strerror}", str(path)) from error
    return build(path, validate(path, document))


def convert_game(
    source: str | os.PathLike[str], target: str | os.PathLike[str], *, leader: str | int | None = None
) -> GameFile:
    """Write the game in one file to another, in the format of its suffix; names and texts go along.

    Args:
      source, target: as for `load_game_file` and `save_game`.
      leader: as for `load_game_file`.

    Returns:
      What was read.

    Raises:
      ValueError, OSError: as `load_game_file` and `save_game`.
    """
    known_suffix(Path(target))
    file = load_game_file(source, leader=leader)
    save_game(target, file.game, file.types, **file.labels())
    return file
