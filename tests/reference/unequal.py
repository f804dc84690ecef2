"""Games with unequal followers by linear programs (HiGHS), on lists: no padding, nothing of the package.

A response map is a tuple with one action for every type that there is, follower after follower.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import linprog

FEASIBLE = 1e-8  # violation up to which a closed region counts as non-empty
_HIGHS = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}

ResponseMap = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Lists:
    """A game as people have it.

    Attributes:
      follower: payoffs [L, A_i] of every type of every follower.
      actions: numbers of the actions that every type of every follower has.
      leader: from a joint action to the leader's payoffs [L].
      probability: of every joint type.
    """

    follower: list[list[np.ndarray]]
    actions: list[list[list[int]]]
    leader: Callable[[tuple[int, ...]], np.ndarray]
    probability: dict[tuple[int, ...], float]

    @property
    def items(self) -> list[tuple[int, int]]:
        """Every follower and type, in order."""
        return [(i, k) for i, own in enumerate(self.follower) for k in range(len(own))]


def response_maps(game: Lists) -> list[ResponseMap]:
    """Every response map with a non-empty closed region."""
    found: list[ResponseMap] = [()]
    for i, k in game.items:
        longer = [(*response, action) for response in found for action in game.actions[i][k]]
        found = [response for response in longer if _violation(_rows(game, response)) <= FEASIBLE]
    return found


def optimum(game: Lists, maps: list[ResponseMap]) -> float:
    """The best expected utility over the regions of response maps: one program each."""
    return max(_best(_rows(game, response), payoff_vector(game, response)) for response in maps)


def payoff_vector(game: Lists, response: ResponseMap) -> np.ndarray:
    """The leader's expected payoffs [L] when followers play a response map."""
    plays = dict(zip(game.items, response, strict=True))
    total = 0.0
    for theta, probability in game.probability.items():
        actions = tuple(plays[i, k] for i, k in enumerate(theta))
        total = total + probability * game.leader(actions)
    return np.asarray(total)


def joint_types(counts: list[int]) -> list[tuple[int, ...]]:
    """Every joint type of followers with so many types."""
    return list(itertools.product(*map(range, counts)))


def independent(marginals: list[Any]) -> dict[tuple[int, ...], float]:
    """The probability of every joint type where each follower's type is drawn by itself."""
    thetas = joint_types([len(own) for own in marginals])
    return {theta: math.prod(own[k] for own, k in zip(marginals, theta, strict=True)) for theta in thetas}


def _rows(game: Lists, response: ResponseMap) -> np.ndarray:
    """Rows d with <d, x> >= 0 where the map's actions are best among those that each type has."""
    rows = []
    for (i, k), action in zip(game.items, response, strict=False):
        payoffs = game.follower[i][k]
        for other in game.actions[i][k]:
            difference = payoffs[:, action] - payoffs[:, other]
            if difference.any():
                rows.append(difference / np.abs(difference).max())
    return np.array(rows).reshape(-1, len(game.follower[0][0]))


def _violation(rows: np.ndarray) -> float:
    """The least that some row must be violated by, anywhere in the simplex."""
    if not len(rows):
        return 0.0
    size = rows.shape[1]
    result = linprog(
        c=[0.0] * size + [1.0],
        A_ub=np.hstack([-rows, -np.ones((len(rows), 1))]),
        b_ub=np.zeros(len(rows)),
        A_eq=[[1.0] * size + [0.0]],
        b_eq=[1.0],
        options=_HIGHS,
    )
    assert result.status == 0, result.message
    return float(result.x[-1])


def _best(rows: np.ndarray, objective: np.ndarray) -> float:
    """max <objective, x> over a region that is not empty."""
    result = linprog(
        c=-objective,
        A_ub=-rows if len(rows) else None,
        b_ub=np.zeros(len(rows)) if len(rows) else None,
        A_eq=np.ones((1, len(objective))),
        b_eq=[1.0],
        options=_HIGHS,
    )
    assert result.status == 0, result.message
    return float(-result.fun)
