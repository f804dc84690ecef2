"""The strategy sets of a batch of games that do not share one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from jaxstack._pytree import pytree_dataclass, static_field
from jaxstack.strategies.polytope import Polytope


@pytree_dataclass
class StrategySets:
    """One strategy set for each game of a batch; `jaxstack.stack` makes it where games differ in theirs.

    Attributes:
      dimension: [G] float64; in a compiled round of one game, its own.
      sets: of every game; None for the simplex.
    """

    dimension: Any
    sets: tuple[Polytope | None, ...] = static_field(default=())

    def groups(self) -> Iterator[np.ndarray]:
        """Indices of the games of each set."""
        for one in dict.fromkeys(self.sets):
            yield np.flatnonzero([other == one for other in self.sets])


def together(games: list[Any]) -> list[Any]:
    """Games with what their batch has for strategies: the set that all share, or all their sets."""
    sets = tuple(game.strategies for game in games)
    if len(set(sets)) <= 1:
        return games
    return [game.on(StrategySets(np.float64(game.dimension), sets)) for game in games]
