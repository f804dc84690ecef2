"""Regret against the best fixed commitment in hindsight, round by round, in plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.reference.value import payoff_vector


def earned(game: Any, x: np.ndarray, response: np.ndarray, theta: np.ndarray) -> float:
    """u(x, br(theta, x)), where followers play by a response map [n, K]."""
    actions = tuple(int(response[i][k]) for i, k in enumerate(theta))
    return float(x @ payoff_vector(game.leader, actions, tuple(int(k) for k in theta)))


def most_earned(game: Any, table: Any, rounds: np.ndarray) -> np.ndarray:
    """[T]: the highest sum until each round that one vertex of a region earns."""
    totals = []
    for region in range(int(table.num_regions)):
        for vertex in np.flatnonzero(table.vertex_mask[region]):
            x, response = table.vertices[region, vertex], table.responses[region]
            totals.append(np.cumsum([earned(game, x, response, theta) for theta in rounds]))
    return np.max(totals, axis=0)


def regret(game: Any, table: Any, rounds: np.ndarray, x: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """[T]: of commitments x [T, L] against which followers of the types `rounds` played `actions`."""
    got = [
        x_t @ payoff_vector(game.leader, tuple(a.tolist()), tuple(theta.tolist()))
        for x_t, a, theta in zip(x, actions, rounds, strict=True)
    ]
    return most_earned(game, table, rounds) - np.cumsum(got)
