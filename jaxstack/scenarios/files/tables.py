"""Games as tables of one row per payoff: CSV files and pandas data frames.

A row says what one follower of one type and the leader get when the leader plays one of its actions and the
follower one of its own:

| follower | type | probability | leader_action | action | follower_payoff | leader_payoff |
|---|---|---|---|---|---|---|
| hall | thief | 0.25 | patrol hall | steal | -1 | 2 |

`follower` may be left out where there is one, `type` and `probability` where every follower has one type.
Names are numbered as they first appear; types and actions may be each follower's own, and a type has the
actions that its rows name. The leader's payoff is the sum over followers, and it depends on
types if the table says so; types of different followers are independent.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxstack import checks
from jaxstack.axes import Float
from jaxstack.distributions import IndependentTypes, TypeDistribution
from jaxstack.game import Game
from jaxstack.payoffs import LeaderPayoff, SeparablePayoff
from jaxstack.scenarios.files.document import GameFile, file_of
from jaxstack.scenarios.files.foreign import available, require_simplex
from jaxstack.scenarios.files.names import OfFollowers
from jaxstack.sequences import SequenceTypes
from jaxstack.typed_payoffs import TypedPayoff
from jaxstack.value import joint_payoffs

NEEDED = ("leader_action", "action", "follower_payoff", "leader_payoff")
OPTIONAL = ("follower", "type", "probability")
COLUMNS = ("follower", "type", "probability", *NEEDED)


def game_of_columns(columns: Mapping[str, Sequence[Any]], source: str, first_row: int = 1) -> GameFile:
    """The game in a table.

    Args:
      columns: a list of entries by name of the column; names of followers, types and actions are any text.
      source: of which messages speak.
      first_row: number of the first row, for messages.

    Raises:
      ValueError: columns that are missing or unknown; no rows; a combination that is missing or there twice;
        probabilities that differ within a type or do not sum to 1; what is no finite number.
    """
    table = _Table(columns, source, first_row)
    followers, leaders = _in_order(table.names("follower")), _in_order(table.names("leader_action"))
    types, actions = table.of_each("type", followers), table.of_each("action", followers)
    place = table.places(followers, types, leaders, actions)

    shape = (len(followers), _most(types), len(leaders), _most(actions))
    leader, follower = np.full(shape, np.nan), np.full(shape, np.nan)
    leader[place], follower[place] = table.numbers("leader_payoff"), table.numbers("follower_payoff")
    has = ~np.isnan(follower[:, :, 0])
    game = Game(_leader_payoff(leader), follower, available=has)
    return GameFile(
        game,
        IndependentTypes(table.probabilities(place[:2], [len(own) for own in types.values()])),
        leader_names=tuple(leaders),
        follower_names=tuple(followers) if "follower" in columns else None,
        type_names=_shared(types) if "type" in columns else None,
        action_names=_shared(actions),
    )


def _leader_payoff(table: Float[np.ndarray, "n K L A"]) -> LeaderPayoff:
    """Of actions alone where types make no difference; nan stands for what a type cannot do."""
    missing = np.isnan(table)
    low = np.min(table, axis=1, initial=np.inf, where=~missing)
    high = np.max(table, axis=1, initial=-np.inf, where=~missing)
    if (low < high).any():
        return TypedPayoff.separable(np.where(missing, 0.0, table))
    return SeparablePayoff(np.where(np.isinf(low), 0.0, low))


_Numbers = Mapping[str, int]  # of names


class _Table:
    """Columns with what messages say of them."""

    def __init__(self, columns: Mapping[str, Sequence[Any]], source: str, first_row: int) -> None:
        self.columns, self.source, self._first_row = columns, source, first_row
        for name in columns:
            if name not in COLUMNS:
                hint = checks.did_you_mean(name, COLUMNS)
                raise ValueError(f"{source}: unknown column {name!r}.{hint} Known: {', '.join(COLUMNS)}.")
        for name in NEEDED:
            if name not in columns:
                raise ValueError(
                    f"{source}: column {name!r} is missing. A table has the columns {', '.join(NEEDED)}, and "
                    f"where there are several of them {', '.join(OPTIONAL)}."
                )
        self.num_rows = len(columns["action"])
        if not self.num_rows:
            raise ValueError(f"{source}: a table needs at least one row of payoffs, but it has none.")

    def row(self, row: int) -> str:
        """A row as a person counts it."""
        return f"{self.source}: row {row + self._first_row}"

    def names(self, column: str) -> list[str]:
        """Entries as texts; empty ones where there is no such column."""
        return [str(entry) for entry in self.columns.get(column, [""] * self.num_rows)]

    def of_each(self, column: str, followers: _Numbers) -> dict[str, _Numbers]:
        """Numbers of each follower's own names; followers who have the same names number them alike."""
        names = self.names(column)
        found: dict[str, list[str]] = {follower: [] for follower in followers}
        for follower, name in dict.fromkeys(zip(self.names("follower"), names, strict=True)):
            found[follower].append(name)
        everyone = _in_order(names)
        return {f: everyone if len(own) == len(everyone) else _in_order(own) for f, own in found.items()}

    def places(
        self,
        followers: _Numbers,
        types: Mapping[str, _Numbers],
        leaders: _Numbers,
        actions: Mapping[str, _Numbers],
    ) -> tuple[np.ndarray, ...]:
        """Follower, type, leader action and action of each row, once it is seen that none is missing."""
        seen: dict[tuple[str, ...], int] = {}
        rows = zip(*map(self.names, ("follower", "type", "leader_action", "action")), strict=True)
        for row, names in enumerate(rows):
            before = seen.setdefault(names, row)
            if before != row:
                raise ValueError(
                    f"{self.row(row)} gives the payoffs of ({', '.join(filter(None, names))}) again, which "
                    f"row {before + self._first_row} gives already."
                )
        for follower, kind, _, action in list(seen):
            for by_leader in leaders:
                names = (follower, kind, by_leader, action)
                if names not in seen:
                    raise ValueError(
                        f"{self.source}: no row gives the payoffs of ({', '.join(filter(None, names))}), but "
                        f"other rows do for other leader actions. A type has an action against all of them, "
                        f"or not at all."
                    )
        numbers = [(followers[f], types[f][k], leaders[x], actions[f][a]) for f, k, x, a in seen]
        return tuple(np.array(numbers).T)

    def numbers(self, column: str) -> np.ndarray:
        """Finite float64 numbers; texts are read as numbers."""
        values = np.empty(self.num_rows)
        for row, entry in enumerate(self.columns[column]):
            try:
                number = float(entry) if isinstance(entry, str) else checks.real_number(entry)
            except ValueError:
                number = None
            if number is None or not math.isfinite(number):
                told = checks.brief(entry) if entry not in ("", None) else "nothing"
                raise ValueError(
                    f"{self.row(row)}, column {column!r} must be a finite number, but {told} arrived."
                )
            values[row] = number
        return values

    def probabilities(self, place: tuple[np.ndarray, ...], counts: list[int]) -> list[list[float]]:
        """[n][K_i]; ones where there is one type and nothing is said."""
        found = np.ones((len(counts), max(counts)))
        if "probability" in self.columns:
            values = self.numbers("probability")
            found[place] = values
            wrong = np.flatnonzero(found[place] != values)
            if wrong.size:
                row = int(wrong[0])
                raise ValueError(
                    f"{self.row(row)} says that its type has probability {values[row]:g}, but another row of "
                    f"the type says {found[place][row]:g}."
                )
        elif max(counts) > 1:
            raise ValueError(
                f"{self.source}: column 'probability' is missing: with {max(counts)} types, each row says "
                f"how probable its type is."
            )
        what = f"{self.source}: column 'probability'"
        own = zip(_in_order(self.names("follower")), found, counts, strict=True)
        return [
            checks.probabilities(f"{what} of the types of {follower!r}", row[:count], "K").tolist()
            for follower, row, count in own
        ]


def _in_order(names: Iterable[str]) -> dict[str, int]:
    """Numbers of names, as they first appear."""
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def _most(names: Mapping[str, _Numbers]) -> int:
    """Of the follower who has most of them."""
    return max(map(len, names.values()))


def _shared(names: Mapping[str, _Numbers]) -> OfFollowers:
    """The names of all followers, once where they are the same."""
    each = tuple(tuple(own) for own in names.values())
    return each[0] if len(set(each)) == 1 else each


def columns_of_game(file: GameFile) -> dict[str, list[Any]]:
    """The table of a game, for `game_of_columns`.

    Raises:
      ValueError: a leader payoff that is no sum over followers, types that are correlated, or a leader who
        does not mix actions.
    """
    game, types = file.game, file.types
    require_simplex(game, "a table")
    shape = n, _, L, _ = np.shape(game.follower)
    leader = _leader_terms(game)
    if isinstance(types, SequenceTypes) or (n > 1 and not isinstance(types, IndependentTypes)):
        raise ValueError(
            f"a table holds independent types, but {types!r} may be correlated. Write .json or .npz instead."
        )
    leaders = file.leader_names or [str(x) for x in range(L)]
    followers = file.follower_names or [str(i) for i in range(n)]
    kinds, actions = [file.types_of(i) for i in range(n)], [file.actions_of(i) for i in range(n)]
    places = np.nonzero(np.broadcast_to(available(game)[:, :, None], shape))
    rows = np.transpose(places).tolist()
    return {
        "follower": [followers[i] for i, _, _, _ in rows],
        "type": [kinds[i][k] for i, k, _, _ in rows],
        "probability": np.asarray(types.marginals())[places[:2]].tolist(),
        "leader_action": [leaders[x] for _, _, x, _ in rows],
        "action": [actions[i][a] for i, _, _, a in rows],
        "follower_payoff": np.asarray(game.follower)[places].tolist(),
        "leader_payoff": np.broadcast_to(leader, shape)[places].tolist(),
    }


def _leader_terms(game: Game) -> np.ndarray:
    """[n, K, L, A], K = 1 where types do not matter."""
    terms = game.leader.additive_terms()
    if terms is None and game.num_followers == 1:  # any payoff of one follower is a sum
        A, K = game.num_actions, game.num_types
        maps = np.broadcast_to(np.arange(A)[:, None, None], (A, 1, K))
        terms = joint_payoffs(game, maps).transpose(1, 0, 2)[None]  # [1, K, A, L]
    if terms is None:
        raise ValueError(
            f"a table holds leader payoffs that are sums over followers, but {game!r} may have another. "
            f"Write .json or .npz instead, or a dataset (jaxstack.scenarios.to_dataset)."
        )
    return np.swapaxes(np.asarray(terms), -1, -2)


def game_of_csv(text: str, source: str) -> GameFile:
    """The game in the text of a CSV file, whose first row names the columns.

    Raises:
      ValueError: as `columns_of_csv` and `game_of_columns`.
    """
    return game_of_columns(columns_of_csv(text, source), source, first_row=2)


def columns_of_csv(text: str, source: str) -> dict[str, list[str]]:
    """Entries by column of the text of a CSV file, whose first row names the columns.

    Raises:
      ValueError: nothing, rows of different lengths, or a column named twice.
    """
    if not text.strip():
        raise ValueError(f"{source}: the file is empty; its first row must name the columns.")
    try:
        header, *rows = csv.reader(io.StringIO(text.rstrip()), strict=True, skipinitialspace=True)
    except (csv.Error, ValueError) as error:
        raise ValueError(f"{source}: not a CSV file with a row of column names: {error}.") from None
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            raise ValueError(
                f"{source}: columns are separated by {name}, but must be by commas. Replace them."
            )
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise ValueError(
                f"{source}: row {number} has {len(row)} entries, but there are {len(header)} columns."
            )
    for name in header:
        if header.count(name) > 1:
            raise ValueError(f"{source}: column {name!r} is there twice.")
    entries = zip(*rows, strict=True) if rows else [()] * len(header)
    return {name.strip(): list(column) for name, column in zip(header, entries, strict=True)}


def csv_of_game(file: GameFile) -> str:
    """The game as CSV; Python writes the shortest decimals that give back the same float64."""
    columns = columns_of_game(file)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return stream.getvalue()


def from_frame(frame: Any) -> GameFile:
    """The game in a pandas data frame with the columns of a payoff table, or index levels of these names.

    Args:
      frame: one row for every follower, type, leader action and action, as in
        `jaxstack.scenarios.files.tables`.

    Raises:
      ValueError: as `game_of_columns`; no data frame.
    """
    if not hasattr(frame, "reset_index") or not hasattr(frame, "columns"):
        raise ValueError(f"from_frame takes a pandas.DataFrame, but {type(frame).__name__} arrived.")
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    return game_of_columns({str(name): frame[name].tolist() for name in frame.columns}, "data frame", 0)


def to_frame(game: Game, types: TypeDistribution, **labels: Any) -> Any:
    """A game as a pandas data frame, one row per payoff; `from_frame` gives it back.

    Args:
      game: one game whose leader payoff is a sum over followers.
      types: independent ones.
      **labels: any of the names of `GameFile`.

    Raises:
      ValueError: another leader payoff, types that may be correlated, or a batch of games.
    """
    import pandas as pd  # type: ignore[import-untyped]  # it comes with xarray

    return pd.DataFrame(columns_of_game(file_of(game, types, labels)))
