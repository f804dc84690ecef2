"""Logs of rounds: what was posted, and what followers were or did. From CSV, Parquet, data frames or arrays.

One row is one round. Columns, of which others are left alone:

| column | holds |
|---|---|
| `type`, or `type_F` for each follower F | the follower's type, by name or number |
| `action`, or `action_F` | the follower's action, by name or number; needed where there are no types |
| one for each leader action (or `x_0`, `x_1`, ..) | the commitment |
| `region` | number of the region in `jaxstack.enumerate_regions(game)`, where followers are indifferent |
| `payoff` | what the leader got |

F is the follower's name or number. A log of actions needs commitments or regions: an action tells of types
only through what was posted.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np

from jaxstack import checks
from jaxstack.axes import Float, Int
from jaxstack.data.answering import Indifferent, response_map
from jaxstack.data.columns import Columns, Where, columns_of, numbers
from jaxstack.data.words import Words, place
from jaxstack.game import Game, check_commitment
from jaxstack.regions import RegionTable, enumerate_regions
from jaxstack.regions.table import check_table
from jaxstack.scenarios.files import GameFile
from jaxstack.solvers.cells import Preferences
from jaxstack.value import payoffs_of_rounds


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Log:
    """Rounds of one game.

    Attributes:
      words: the game, by name.
      kind: what was seen of followers: "types" or "actions".
      seen: [T, n] int32, types or actions.
      commitments: [T, L] float64, or None.
      maps: [M, n, K] int32, the response maps that were posted, or None where that is not known.
      which: [T] int32, the map of each round, or None.
      payoffs: [T] float64, what the leader got, or None.
    """

    words: Words
    kind: str
    seen: Int[np.ndarray, "T n"]
    commitments: Float[np.ndarray, "T L"] | None = None
    maps: Int[np.ndarray, "M n K"] | None = None
    which: Int[np.ndarray, "T"] | None = None
    payoffs: Float[np.ndarray, "T"] | None = None

    @property
    def num_rounds(self) -> int:
        """T."""
        return len(self.seen)

    def __len__(self) -> int:
        return len(self.seen)

    def __repr__(self) -> str:
        maps = "" if self.maps is None else f", {len(self.maps):,} response maps"
        return f"Log({self.num_rounds:,} rounds of {self.kind}{maps})"

    def save(self, path: str | os.PathLike[str], table: RegionTable | None = None) -> None:
        """Write a CSV file that `read_log` reads back.

        Args:
          path: ends in .csv.
          table: of which `region` is to have numbers; default `enumerate_regions` of the game.

        Raises:
          ValueError: another suffix, or response maps that are none of the table's.
          OSError: it cannot be written.
        """
        from jaxstack.data.writing_logs import write_log

        write_log(self, checks.path("path", path), table)

    def earned(self) -> Float[np.ndarray, "T"] | None:
        """What the leader got in each round, payoff units: as told, or else what the game says.

        None where the log does not tell it: without commitments; or from actions alone, where payoffs depend
        on types.
        """
        game = self.words.game
        if self.payoffs is not None:
            return self.payoffs
        if self.commitments is None or self.maps is None or self.which is None:
            return None
        if self.kind == "actions":
            if game.leader.num_types is not None:
                return None
            vectors = payoffs_of_rounds(game, self.seen)
        else:
            maps = self.maps[self.which]  # [T, n, K]
            actions = np.take_along_axis(maps, self.seen[..., None], axis=-1)[..., 0]
            vectors = payoffs_of_rounds(game, actions, self.seen)
        return np.einsum("tl,tl->t", self.commitments, vectors)


def read_log(game: Game | GameFile, source: Any, *, table: RegionTable | None = None) -> Log:
    """The log in a file or a table (see `jaxstack.data.logs` for its columns).

    Args:
      game: one game; with a `GameFile` (`load_game_file`) entries and columns may be names.
      source: path of a .csv or .parquet file (Parquet needs pandas with pyarrow), a pandas data frame, or a
        mapping from columns to entries.
      table: of which `region` has numbers; default `enumerate_regions(game)`.

    Raises:
      ValueError: columns that are missing, an entry that is unknown (which row, what arrived, what was
        expected), a commitment that is none or does not tell what followers answer, an action that no type
        plays against it.
      OSError: the file cannot be read.
      ImportError: pandas or pyarrow is not installed.
    """
    words = Words.of(game)
    if isinstance(source, Log):
        return source
    columns, name, first = columns_of(source)
    if not columns or not len(next(iter(columns.values()))):
        raise ValueError(f"{name}: a log needs at least one row, but it has none.")

    def where(row: int) -> str:
        return f"{name}: row {row + first}"

    seen = {what: _followers(columns, what, words, where, name) for what in ("types", "actions")}
    parts = {
        "commitments": _commitments(columns, words, where, name),
        "regions": numbers(columns.get("region"), "region", where),
        "payoffs": numbers(columns.get("payoff"), "payoff", where),
    }
    if seen["types"] is None and seen["actions"] is None:
        one = len(words.followers) == 1
        expected = (
            "type or action" if one else f"type_{words.followers[0]} or action_{words.followers[0]}, .."
        )
        raise ValueError(
            f"{name}: a log has columns of followers' types or actions ({expected}), but its columns are "
            f"{', '.join(map(str, columns))}."
        )
    return _log(words, seen["types"], seen["actions"], None, table, where, **parts)


def log_of(
    game: Game | GameFile,
    *,
    types: Any = None,
    actions: Any = None,
    commitments: Any = None,
    regions: Any = None,
    responses: Any = None,
    payoffs: Any = None,
    table: RegionTable | None = None,
) -> Log:
    """The log in arrays of numbers; give `types`, or else `actions` and what was posted.

    Args:
      game: one game.
      types, actions: [T, n] whole numbers.
      commitments: [T, L], or [L] for all rounds.
      regions: [T], numbers of regions of `table`; default `enumerate_regions(game)`.
      responses: [T, n, K], or [n, K] for all rounds: the response maps themselves.
      payoffs: [T], payoff units.

    Raises:
      ValueError: as `read_log`; arrays of another length.
    """
    words = Words.of(game)
    given = {"types": types, "actions": actions}
    seen = {name: None if rows is None else _rows(name, rows, words) for name, rows in given.items()}
    first = next((rows for rows in seen.values() if rows is not None), None)
    if first is None:
        raise ValueError("a log holds followers' types=[T, n] or actions=[T, n], but neither arrived.")
    T, L, n, K = len(first), len(words.leader), len(words.followers), words.game.num_types
    shapes = {"commitments": (T, L), "regions": (T,), "responses": (T, n, K), "payoffs": (T,)}
    parts: dict[str, Any] = {"commitments": commitments, "regions": regions}
    parts |= {"responses": responses, "payoffs": payoffs}
    for name, value in parts.items():
        if value is not None:
            array = checks.converted_array(name, value, "T ..")
            if array.shape not in (shapes[name], shapes[name][1:]):
                raise ValueError(f"{name} must have shape {shapes[name]}, but {array.shape} arrived.")
            parts[name] = np.broadcast_to(array, shapes[name])
    W = parts.pop("responses")
    return _log(words, seen["types"], seen["actions"], W, table, lambda row: f"round {row + 1}", **parts)


def _log(
    words: Words,
    types: np.ndarray | None,
    actions: np.ndarray | None,
    responses: np.ndarray | None,
    table: RegionTable | None,
    where: Where,
    *,
    commitments: np.ndarray | None,
    regions: np.ndarray | None,
    payoffs: np.ndarray | None,
) -> Log:
    """The log of parts that have been read; types tell more than actions, where there are both."""
    if regions is not None:
        table = enumerate_regions(words.game) if table is None else check_table(words.game, table)
        responses = _of_regions(regions, table, where)
    told = commitments is not None or responses is not None
    if types is None and not told:
        raise ValueError(
            f"{where(0)}: actions tell of types only through what was posted, which is missing: the "
            f"commitment (columns {', '.join(words.leader[:4])}, .. or x_0, ..) or the number of its region."
        )
    maps, which = None, None
    if told:
        maps, which, commitments = _posted(words, commitments, responses, types is None, where)
    if types is not None:
        return Log(words, "types", types, commitments, maps, which, payoffs)
    assert actions is not None
    assert maps is not None
    assert which is not None
    _check_played(words, actions, maps, which, where)
    return Log(words, "actions", actions, commitments, maps, which, payoffs)


def _posted(
    words: Words,
    commitments: np.ndarray | None,
    responses: np.ndarray | None,
    needed: bool,
    where: Where,
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Response maps, which of them each round had, and commitments moved into the strategy set."""
    parts = [part.reshape(len(part), -1) for part in (commitments, responses) if part is not None]
    rows, first, which = np.unique(np.hstack(parts), axis=0, return_index=True, return_inverse=True)
    which = which.reshape(-1)
    L = 0 if commitments is None else len(words.leader)
    preferences = Preferences(words.game)
    shape = (len(words.followers), words.game.num_types)
    x, maps = np.empty((len(rows), L)), np.empty((len(rows), *shape), np.int32)
    for number, (row, at) in enumerate(zip(rows, first.tolist(), strict=True)):
        W = row[L:].reshape(shape).astype(np.int32) if responses is not None else None
        try:
            if L:
                x[number] = check_commitment(words.game, row[:L])
                W = response_map(words, x[number], W, preferences)
        except ValueError as error:
            if isinstance(error, Indifferent) and not needed:
                return None, None, np.stack([check_commitment(words.game, own) for own in rows])[which]
            raise ValueError(f"{where(at)}: {error}") from error
        assert W is not None
        maps[number] = W
    distinct, place_of = np.unique(maps, axis=0, return_inverse=True)
    return distinct, place_of.reshape(-1)[which].astype(np.int32), x[which] if L else None


def _of_regions(regions: np.ndarray, table: RegionTable, where: Where) -> np.ndarray:
    """[T, n, K]: the maps of numbered regions."""
    count = int(table.num_regions)
    wrong = (regions != np.rint(regions)) | (regions < 0) | (regions >= count)
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"{where(row)}: region must be a number 0..{count - 1} of the game's {count} regions, but "
            f"{regions[row]:g} arrived."
        )
    return np.asarray(table.responses, np.int32)[regions.astype(int)]


def _check_played(
    words: Words, actions: np.ndarray, maps: np.ndarray, which: np.ndarray, where: Where
) -> None:
    """Raise ValueError where no type of a follower plays what it played."""
    for i, types in enumerate(words.types):
        possible = np.zeros((len(maps), max(words.game.num_actions, 1)), bool)
        np.put_along_axis(possible, maps[:, i, : len(types)], True, axis=1)
        wrong = ~possible[which, actions[:, i]]
        if wrong.any():
            row = int(wrong.argmax())
            played = ", ".join(repr(words.actions[i][a]) for a in np.flatnonzero(possible[which[row]]))
            raise ValueError(
                f"{where(row)}: {words.followers[i]!r} played {words.actions[i][actions[row, i]]!r}, but "
                f"against this commitment its types play {played} only. Another commitment was posted, or "
                f"the game's payoffs are not what this follower goes by."
            )


def _followers(columns: Columns, what: str, words: Words, where: Where, name: str) -> np.ndarray | None:
    """[T, n] int32 types or actions, or None where there are no such columns."""
    one = what.removesuffix("s")
    names = [
        next((c for c in (f"{one}_{follower}", f"{one}_{i}") if c in columns), None)
        for i, follower in enumerate(words.followers)
    ]
    if names == [None] and one in columns:
        names = [one]
    if not any(names):
        return None
    if not all(names):
        missing = words.followers[names.index(None)]
        raise ValueError(
            f"{name}: column '{one}_{missing}' is missing: there are {what} of other followers, and a round "
            f"tells those of all."
        )
    of_each = words.types if what == "types" else words.actions
    found = np.empty((len(columns[str(names[0])]), len(names)), np.int32)
    for i, column in enumerate(names):
        entries = columns[str(column)]
        known: dict[Any, int] = {}
        for row, entry in enumerate(entries):
            if entry not in known:
                try:
                    known[entry] = place(f"column {column!r}", entry, of_each[i])
                except ValueError as error:
                    raise ValueError(f"{where(row)}, {error}") from error
        found[:, i] = [known[entry] for entry in entries]
    return found


def _commitments(columns: Columns, words: Words, where: Where, name: str) -> np.ndarray | None:
    """[T, L] float64, or None where there are no such columns."""
    by_number = [f"x_{action}" for action in range(len(words.leader))]
    named = next((names for names in (words.leader, by_number) if any(c in columns for c in names)), None)
    if named is None:
        return None
    for column in named:
        if column not in columns:
            raise ValueError(
                f"{name}: column {column!r} is missing: a commitment has an entry for each of "
                f"{', '.join(named)}."
            )
    return np.stack([numbers(columns[column], column, where) for column in named], axis=1)


def _rows(what: str, value: Any, words: Words) -> np.ndarray:
    """[T, n] int32 of numbers in range."""
    array = checks.finite_array(what, value, "T n")
    of_each = words.types if what == "types" else words.actions
    if array.shape[1] != len(of_each):
        raise ValueError(f"{what} must have shape [T, n = {len(of_each)}], but {array.shape} arrived.")
    counts = np.array([len(own) for own in of_each])
    wrong = np.argwhere((array != np.rint(array)) | (array < 0) | (array >= counts))
    if wrong.size:
        t, i = (int(number) for number in wrong[0])
        raise ValueError(
            f"round {t + 1}: {what} of {words.followers[i]!r} must be whole numbers 0..{counts[i] - 1}, "
            f"but {array[t, i]:g} arrived."
        )
    return array.astype(np.int32)
