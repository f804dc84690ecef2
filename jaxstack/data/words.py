"""Leader actions, followers, types and actions by name: as a person says them, and back."""

from __future__ import annotations

import contextlib
import dataclasses
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxstack import checks
from jaxstack.game import Game
from jaxstack.scenarios.files import GameFile


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Words:
    """One game and the names of all that is in it.

    Attributes:
      game: one game.
      leader: [L], leader actions (coordinates of a strategy set).
      followers: [n].
      types, actions: of each follower those that it has.
    """

    game: Game
    leader: tuple[str, ...]
    followers: tuple[str, ...]
    types: tuple[tuple[str, ...], ...]
    actions: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, game: Game | GameFile) -> Words:
        """The words of a game file; of a bare game x_0, "follower 0", "type 0", "action 0" and so on.

        Raises:
          ValueError: neither, or a batch of games.
        """
        file = game if isinstance(game, GameFile) else GameFile(game, None)  # type: ignore[arg-type]
        one = checks.instance("game", file.game, Game, "Load one with jaxstack.load_game_file, or make one.")
        if one.num_games is not None:
            raise ValueError(f"one game is needed, but {one!r} arrived. Pick one: jaxstack.unstack(game, 0).")
        followers = range(one.num_followers)
        return cls(
            one,
            file.leader_names or tuple(f"x_{action}" for action in range(one.num_leader_actions)),
            file.follower_names or tuple(f"follower {i}" for i in followers),
            tuple(tuple(file.types_of(i)) for i in followers),
            tuple(tuple(file.actions_of(i)) for i in followers),
        )

    def rows(self, what: str, entries: Any) -> np.ndarray:
        """[n] int32 of one round: types or actions of all followers, by name or number.

        Args:
          what: "types" or "actions".
          entries: [n], or a mapping from followers' names; of one follower the entry alone will do.

        Raises:
          ValueError: another number of entries, or one that no follower has.
        """
        names = self.types if what == "types" else self.actions
        if isinstance(entries, Mapping):
            entries = _in_order(what, entries, self.followers)
        if isinstance(entries, str | numbers.Integral):
            entries = [entries]
        if not isinstance(entries, Sequence | np.ndarray) or np.ndim(entries) != 1:
            raise ValueError(
                f"{what} must be one entry for each follower, but {checks.brief(entries)} arrived."
            )
        if len(entries) != len(self.followers):
            raise ValueError(
                f"{what} must hold an entry for each of {len(self.followers)} followers, but {len(entries)} "
                f"arrived."
            )
        one = what.removesuffix("s")
        told = [f"{one} of {name!r}" for name in self.followers]
        found = [place(*parts) for parts in zip(told, entries, names, strict=True)]
        return np.array(found, np.int32)

    def answers(self, responses: np.ndarray) -> dict[str, dict[str, str]]:
        """A response map [n, K] by name: what each type of each follower plays."""
        return {
            follower: {kind: actions[row[k]] for k, kind in enumerate(types)}
            for follower, row, types, actions in zip(
                self.followers, np.asarray(responses).tolist(), self.types, self.actions, strict=True
            )
        }


def place(what: str, entry: Any, names: Sequence[str]) -> int:
    """Number of a name, or the number itself.

    Raises:
      ValueError: neither a name nor a number of one.
    """
    if isinstance(entry, str) and entry.strip() in names:
        return names.index(entry.strip())
    number = None
    with contextlib.suppress(ValueError):
        number = int(entry) if isinstance(entry, str) else checks.whole_number(entry)
    if number is not None and 0 <= number < len(names):
        return number
    missing = entry is None or entry != entry or (isinstance(entry, str) and not entry.strip())
    told = "nothing" if missing else checks.brief(entry)
    hint = checks.did_you_mean(entry, names) if isinstance(entry, str) else ""
    shown = ", ".join(names[:12]) + (", .." if len(names) > 12 else "")
    raise ValueError(f"{what} must be one of {shown} (or its number), but {told} arrived.{hint}")


def _in_order(what: str, entries: Mapping[Any, Any], followers: Sequence[str]) -> list[Any]:
    """Entries by follower as a list."""
    unknown = [name for name in entries if str(name) not in followers]
    missing = [name for name in followers if name not in {str(given) for given in entries}]
    if unknown or missing:
        raise ValueError(
            f"{what} must name the followers {', '.join(followers)}, but "
            + (f"{checks.brief(unknown[0])} is none of them." if unknown else f"{missing[0]!r} is missing.")
        )
    by_name = {str(name): entry for name, entry in entries.items()}
    return [by_name[name] for name in followers]
