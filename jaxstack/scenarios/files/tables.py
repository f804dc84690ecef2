"""Games as tables of one row per payoff: CSV files and pandas data frames.

A row says what one follower of one type and the leader get when the leader plays one of its actions and the
follower one of its own:

| follower | type | probability | leader_action | action | follower_payoff | leader_payoff |
|---|---|---|---|---|---|---|
| hall | thief | 0.25 | patrol hall | steal | -1 | 2 |

`follower` may be left out where there is one, `type` and `probability` where every follower has one type.
Names are numbered as they first appear. The leader's payoff is the sum over followers, and it depends on
types if the table says so; types of different followers are independent.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxstack import checks
from jaxstack.distributions import IndependentTypes, TypeDistribution
from jaxstack.game import Game
from jaxstack.payoffs import SeparablePayoff
from jaxstack.scenarios.files.document import GameFile, file_of, require_simplex
from jaxstack.typed_payoffs import TypedPayoff
from jaxstack.value import joint_payoffs

NEEDED = ("leader_action", "action", "follower_payoff", "leader_payoff")
OPTIONAL = ("follower", "type", "probability")
COLUMNS = ("follower", "type", "probability", *NEEDED)
_NUMBERS = ("probability", "follower_payoff", "leader_payoff")


def game_of_columns(columns: Mapping[str, Sequence[Any]], source: str, first_row: int = 1) -> GameFile:
    """The game in a table.

    Args:
      columns: a list of entries by name of the column; names of followers, types and actions are any text.
      source: of which messages speak.
      first_row: number of the first row, for messages.

    Raises:
      ValueError: columns that are missing or unknown; no rows; a combination that is missing or there twice;
        followers with different numbers of types or actions; probabilities that differ within a type or do
        not sum to 1; what is no finite number.
    """
    _check_columns(columns, source)
    num_rows = len(columns["action"])
    if not num_rows:
        raise ValueError(f"{source}: a table needs at least one row of payoffs, but it has none.")
    one = [""] * num_rows
    names = {axis: [str(entry) for entry in columns.get(axis, one)] for axis in ("follower", "type")}
    names |= {axis: [str(entry) for entry in columns[axis]] for axis in ("leader_action", "action")}
    followers, leaders = _in_order(names["follower"]), _in_order(names["leader_action"])
    types = _of_each(names["follower"], names["type"], followers, "types", source)
    actions = _of_each(names["follower"], names["action"], followers, "actions", source)

    place = np.empty((num_rows, 4), np.int64)  # n, K, L, A
    for row, (i, k, x, a) in enumerate(zip(*names.values(), strict=True)):
        place[row] = followers[i], types[i][k], leaders[x], actions[i][a]
    shape = (len(followers), len(next(iter(types.values()))), len(leaders), len(next(iter(actions.values()))))
    _check_complete(
        place, shape, list(names.values()), [followers, types, leaders, actions], source, first_row
    )

    payoffs = {}
    for column in ("follower_payoff", "leader_payoff"):
        payoffs[column] = np.empty(shape)
        payoffs[column][tuple(place.T)] = _numbers(columns[column], column, source, first_row)
    leader = payoffs["leader_payoff"]
    depends = (leader != leader[:, :1]).any()
    game = Game(
        TypedPayoff.separable(leader) if depends else SeparablePayoff(leader[:, 0]),
        payoffs["follower_payoff"],
    )
    probabilities = _probabilities(columns, place, shape, source, first_row)
    return GameFile(
        game,
        IndependentTypes(probabilities),
        leader_names=tuple(leaders),
        follower_names=tuple(followers) if "follower" in columns else None,
        type_names=_shared(types) if "type" in columns else None,
        action_names=_shared(actions),
    )


def _check_columns(columns: Mapping[str, Sequence[Any]], source: str) -> None:
    """Raise ValueError where a column is missing or unknown."""
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


def _in_order(names: Sequence[str]) -> dict[str, int]:
    """Numbers of names, as they first appear."""
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def _of_each(
    owners: Sequence[str], names: Sequence[str], followers: Mapping[str, int], what: str, source: str
) -> dict[str, dict[str, int]]:
    """Numbers of each follower's own names; followers that share names number them alike."""
    found: dict[str, list[str]] = {follower: [] for follower in followers}
    for follower, name in dict.fromkeys(zip(owners, names, strict=True)):
        found[follower].append(name)
    counts = {follower: len(own) for follower, own in found.items()}
    if len(set(counts.values())) > 1:
        (first, one), (other, another) = sorted(counts.items(), key=lambda item: item[1])[:: len(counts) - 1]
        raise ValueError(
            f"{source}: followers must have the same number of {what}, but {first!r} has {one} and {other!r} "
            f"has {another}."
        )
    everyone = _in_order(names)
    same = len(everyone) == next(iter(counts.values()))
    return {follower: everyone if same else _in_order(own) for follower, own in found.items()}


def _shared(names: Mapping[str, Mapping[str, int]]) -> tuple[str, ...] | None:
    """The names of all followers, where they are the same."""
    different = {tuple(own) for own in names.values()}
    return different.pop() if len(different) == 1 else None


def _check_complete(
    place: np.ndarray,
    shape: tuple[int, ...],
    names: list[list[str]],
    numbers: list[Any],
    source: str,
    first_row: int,
) -> None:
    """Raise ValueError unless every combination stands in one row."""
    flat = np.ravel_multi_index(tuple(place.T), shape)
    order = np.argsort(flat, kind="stable")
    again = np.flatnonzero(np.diff(flat[order]) == 0)
    if again.size:
        first, second = int(order[again[0]]), int(order[again[0] + 1])
        told = ", ".join(column[second] for column in names if column[second])
        raise ValueError(
            f"{source}: row {second + first_row} gives the payoffs of ({told}) again, which row "
            f"{first + first_row} gives already."
        )
    if len(flat) < math.prod(shape):
        missing = int(np.setdiff1d(np.arange(len(flat) + 1), flat)[0])
        i, k, x, a = (int(digit) for digit in np.unravel_index(missing, shape))
        follower = list(numbers[0])[i]
        own = [follower, list(numbers[1][follower])[k], list(numbers[2])[x], list(numbers[3][follower])[a]]
        raise ValueError(
            f"{source}: no row gives the payoffs of ({', '.join(filter(None, own))}). There must be one for "
            f"every follower, type, leader action and action, {math.prod(shape):,} in all, but "
            f"{len(flat):,} arrived."
        )


def _numbers(entries: Sequence[Any], column: str, source: str, first_row: int) -> np.ndarray:
    """Finite float64 numbers; texts are read as numbers."""
    values = np.empty(len(entries))
    for row, entry in enumerate(entries):
        try:
            number = float(entry) if isinstance(entry, str) else checks.real_number(entry)
        except ValueError:
            number = None
        if number is None or not math.isfinite(number):
            told = checks.brief(entry) if entry not in ("", None) else "nothing"
            raise ValueError(
                f"{source}: row {row + first_row}, column {column!r} must be a finite number, but {told} "
                f"arrived."
            )
        values[row] = number
    return values


def _probabilities(
    columns: Mapping[str, Sequence[Any]],
    place: np.ndarray,
    shape: tuple[int, ...],
    source: str,
    first_row: int,
) -> np.ndarray:
    """[n, K]; ones where there is one type and nothing is said."""
    if "probability" not in columns:
        if shape[1] > 1:
            raise ValueError(
                f"{source}: column 'probability' is missing: with {shape[1]} types, each row says how "
                f"probable its type is."
            )
        return np.ones(shape[:2])
    values = _numbers(columns["probability"], "probability", source, first_row)
    found = np.empty(shape[:2])
    found[tuple(place[:, :2].T)] = values
    wrong = np.flatnonzero(found[tuple(place[:, :2].T)] != values)
    if wrong.size:
        row = int(wrong[0])
        raise ValueError(
            f"{source}: row {row + first_row} says that its type has probability {values[row]:g}, but "
            f"another row of the type says {found[tuple(place[row, :2])]:g}."
        )
    return checks.probabilities(
        f"{source}: column 'probability' of each follower's types", found, "n K", over=1
    )


def columns_of_game(file: GameFile) -> dict[str, list[Any]]:
    """The table of a game, for `game_of_columns`.

    Raises:
      ValueError: a leader payoff that is no sum over followers, types that are correlated, or a leader who
        does not mix actions.
    """
    game, types = file.game, file.types
    require_simplex(game, "a table")
    shape = n, K, L, A = np.shape(game.follower)
    leader = _leader_terms(game)
    if n > 1 and not isinstance(types, IndependentTypes):
        raise ValueError(
            f"a table holds independent types, but {types!r} may be correlated. Write .json or .npz instead."
        )
    names = [
        file.follower_names or [str(i) for i in range(n)],
        file.type_names or [str(k) for k in range(K)],
        file.leader_names or [str(x) for x in range(L)],
        file.action_names or [str(a) for a in range(A)],
    ]
    index = np.indices(shape).reshape(4, -1)
    follower, kind, by_leader, action = ([own[j] for j in at] for own, at in zip(names, index, strict=True))
    probability = np.broadcast_to(np.asarray(types.marginals())[..., None, None], shape)
    return {
        "follower": follower,
        "type": kind,
        "probability": probability.ravel().tolist(),
        "leader_action": by_leader,
        "action": action,
        "follower_payoff": np.asarray(game.follower).ravel().tolist(),
        "leader_payoff": np.broadcast_to(leader, shape).ravel().tolist(),
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
      ValueError: rows of different lengths, a column named twice, and as `game_of_columns`.
    """
    try:
        header, *rows = csv.reader(io.StringIO(text.rstrip()), strict=True, skipinitialspace=True)
    except (csv.Error, ValueError) as error:
        raise ValueError(f"{source}: not a CSV file with a row of column names: {error}.") from None
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise ValueError(
                f"{source}: row {number} has {len(row)} entries, but there are {len(header)} columns."
            )
    for name in header:
        if header.count(name) > 1:
            raise ValueError(f"{source}: column {name!r} is there twice.")
    entries = zip(*rows, strict=True) if rows else [()] * len(header)
    columns = {name.strip(): list(column) for name, column in zip(header, entries, strict=True)}
    return game_of_columns(columns, source, first_row=2)


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
