"""What leader actions, followers, types and actions of a game are called in a table."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game, check_types

LABELS = ("leader_names", "follower_names", "type_names", "action_names")


@dataclasses.dataclass(frozen=True)
class Names:
    """A game as far as it was given, and its words, given or numbered.

    Attributes:
      game, types: None where they were not given.
      leader: [L], actions; coordinates of a strategy set.
      followers: [n].
      types_of, actions_of: [n][K_i] and [n][A_i].
    """

    game: Game | None
    types: TypeDistribution | None
    leader: list[str]
    followers: list[str]
    types_of: list[list[str]]
    actions_of: list[list[str]]


def names_of(sizes: tuple[int, int, int, int], game: Any, types: Any, labels: dict[str, Any]) -> Names:
    """Names for a table.

    Args:
      sizes: L, n, K, A, of what is put into a table.
      game: a `Game`; a `scenarios.GameFile`, which has types and names of its own; or None.
      types: distribution of types, or None.
      labels: names as `save_game` takes them; they replace those of a file.

    Raises:
      ValueError: another game, types that are not for it, labels without a game, unknown, or of the wrong
        number.
    """
    from jaxstack.scenarios.files.document import GameFile
    from jaxstack.scenarios.files.names import checked, of_follower

    unknown = set(labels) - set(LABELS)
    if unknown:
        raise ValueError(f"unknown label {min(unknown)!r}; known: {', '.join(LABELS)}.")
    given = {label: labels.get(label) for label in LABELS}
    if isinstance(game, GameFile):
        own = game.labels()
        given = {label: own[label] if name is None else name for label, name in given.items()}
        game, types = game.game, game.types if types is None else types
    L, n, K, A = sizes
    if game is None:
        if types is not None or any(given.values()):
            raise ValueError("types and names are those of a game: pass it too, to_latex(game, types, ..).")
        words, num_types, num_actions = given, [K] * n, [A] * n
    else:
        _require(game, types, (L, n, K))
        words = checked(game, {label: _listed(name) for label, name in given.items()})
        num_types, num_actions = game.types_by_follower.tolist(), game.actions_by_follower.tolist()
    word = "leader action" if game is None or game.strategies is None else "coordinate"
    return Names(
        game,
        types,
        list(words["leader_names"] or [f"{word} {action}" for action in range(L)]),
        list(words["follower_names"] or [f"follower {i}" for i in range(n)]),
        [of_follower(words["type_names"], i, num_types[i], "type") for i in range(n)],
        [of_follower(words["action_names"], i, num_actions[i], "action") for i in range(n)],
    )


def _require(game: Any, types: Any, sizes: tuple[int, int, int]) -> None:
    """Raise ValueError unless this is one game of these sizes, and the types are for it."""
    if not isinstance(game, Game) or game.num_games is not None:
        raise ValueError(
            f"a game or a GameFile was expected, one and no batch, but {game!r} arrived. Of a batch, take "
            f"one by jaxstack.unstack(game, g)."
        )
    if (game.num_leader_actions, game.num_followers, game.num_types) != sizes:
        raise ValueError(
            f"this is of a game with L={sizes[0]}, n={sizes[1]}, K={sizes[2]}, but {game!r} arrived. Pass "
            f"the game that it was made from."
        )
    if types is not None:
        check_types(game, types)


def _listed(value: Any) -> Any:
    """Tuples and arrays as lists, within one another too."""
    value = value.tolist() if isinstance(value, np.ndarray) else value
    return [_listed(entry) for entry in value] if isinstance(value, tuple | list) else value
