"""Empirical risk minimisation in epochs as a plain loop: the best value of each epoch, by all vertices.

Where no other vertex earns more on what was seen, a search has found the optimum. Nothing is shared with the
package but the table of vertices to look at.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from tests.reference import value


def first_rounds(growth: float, horizon: int) -> list[int]:
    """Of the epochs."""
    found = [1]
    while found[-1] + max(1, int(growth * found[-1])) <= horizon:
        found.append(found[-1] + max(1, int(growth * found[-1])))
    return found


def seen_before(types: np.ndarray, t: int, num_types: int, product: bool) -> dict[tuple[int, ...], float]:
    """Joint types with their weights before round t: uniform before round 1."""
    n = types.shape[1]
    everything = list(itertools.product(range(num_types), repeat=n))
    if t == 1:
        return {theta: 1 / len(everything) for theta in everything}
    past = [tuple(int(k) for k in row) for row in types[: t - 1]]
    if not product:
        return {theta: past.count(theta) / len(past) for theta in everything}
    shares = [[sum(row[i] == k for row in past) / len(past) for k in range(num_types)] for i in range(n)]
    return {theta: float(np.prod([shares[i][k] for i, k in enumerate(theta)])) for theta in everything}


def worth(game: Any, weights: dict[tuple[int, ...], float], x: np.ndarray, response: np.ndarray) -> float:
    """What a commitment earns when types have these weights."""
    return sum(
        weight * float(x @ value.payoff_vector(game.leader, value.joint_action(response, theta), theta))
        for theta, weight in weights.items()
        if weight
    )


def best_worth(game: Any, table: Any, weights: dict[tuple[int, ...], float]) -> float:
    """The most that any vertex of any region earns."""
    return max(
        worth(game, weights, np.asarray(table.vertices[r, v]), np.asarray(table.responses[r]))
        for r, v in np.argwhere(table.vertex_mask)
    )
