"""The games of the benchmarks, and the tables that the hand-written loops read.

Derived from a game and its region table with NumPy alone: nothing of the learners or of the simulation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import jaxstack as js

Sizes = tuple[int, int, int, int]  # L, n, K, A

GAMES: tuple[Sizes, ...] = ((2, 2, 3, 2), (3, 3, 4, 3), (4, 2, 4, 3))  # 4, 56 and 140 regions
SMALL: Sizes = (3, 2, 3, 2)


def random_game(sizes: Sizes, seed: int = 0) -> tuple[js.Game, js.JointTypes]:
    """Payoffs uniform in [0, 1], joint types uniform on their simplex."""
    L, n, K, A = sizes
    rng = np.random.default_rng(seed)
    game = js.Game(rng.random((L, *(A,) * n)), rng.random((n, K, L, A)))
    return game, js.JointTypes(rng.dirichlet(np.ones(K**n)).reshape((K,) * n))


def random_followers(sizes: Sizes, seed: int = 0) -> js.Game:
    """Follower payoffs uniform in [0, 1] with a separable leader payoff, for any number of followers."""
    L, n, K, A = sizes
    rng = np.random.default_rng(seed)
    return js.Game(js.SeparablePayoff(rng.random((n, L, A)) / n), rng.random((n, K, L, A)))


def describe(sizes: Sizes, num_regions: Any = None) -> str:
    """L, n, K, A of a game, and the number of its regions, as one short text."""
    text = ",".join(str(size) for size in sizes)
    return text if num_regions is None else f"{text} (R = {int(num_regions):,})"


class Setting(NamedTuple):
    """One game with tabular payoffs and joint types; M candidates are the real vertices of all regions."""

    probabilities: np.ndarray  # [J] float64
    joint_types: np.ndarray  # [J, n] int64, in C order
    payoffs: np.ndarray  # [R, J, L] float64, unit payoff vectors
    vertices: np.ndarray  # [R, V, L] float64; padding repeats the first
    num_vertices: np.ndarray  # [R] int32
    gap: np.ndarray  # [R, V] float64, U_D(x*) - U_D(vertex), payoff units
    candidate: tuple[np.ndarray, np.ndarray]  # region and vertex of each of the M candidates
    values: np.ndarray  # [M, J] float64, unit value of each candidate against each joint type
    features: np.ndarray  # [M, F] float64, `values` in an orthonormal basis of their span


def make_setting(game: js.Game, types: js.JointTypes, table: js.RegionTable) -> Setting:
    """What the loops know of a game. One game, tabular payoff."""
    num_followers, num_types = game.num_followers, game.num_types
    probabilities = np.asarray(types.probabilities, np.float64).ravel()
    joint_types = np.indices((num_types,) * num_followers).reshape(num_followers, -1).T
    responses = np.asarray(table.responses, np.int64)
    actions = responses[:, np.arange(num_followers), joint_types]  # [R, J, n]
    payoff = np.moveaxis(np.asarray(game.leader.table), 0, -1)  # [A, .., A, L]
    vectors = payoff[tuple(np.moveaxis(actions, -1, 0))]  # [R, J, L]
    expected = np.einsum("rjl,j->rl", vectors, probabilities)
    utilities = np.einsum("rvl,rl->rv", table.vertices, expected)
    optimum = utilities[table.vertex_mask].max()
    unit = (vectors - payoff.min()) / (payoff.max() - payoff.min())
    region, vertex = np.nonzero(table.vertex_mask)
    values = np.einsum("mjl,ml->mj", unit[region], table.vertices[region, vertex])
    eigenvalues, basis = np.linalg.eigh(values.T @ values)
    return Setting(
        probabilities,
        joint_types,
        unit,
        table.vertices,
        table.vertex_mask.sum(axis=1).astype(np.int32),
        np.where(table.vertex_mask, optimum - utilities, 0.0),
        (region, vertex),
        values,
        values @ basis[:, eigenvalues > 1e-12 * eigenvalues[-1]],
    )
