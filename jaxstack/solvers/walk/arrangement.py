"""The arrangement of a game: facets of the strategy set, followers' ties, and what the leader earns.

Commitments are shares of the strategy set's frame (`jaxstack.strategies.frame`); on the simplex, they are
themselves. D is the number of shares, L on the simplex; D - 1 independent constraints make a vertex.
Constraints have numbers: 0..F-1 are the facets, and F + (j A + a) A + b says that follower type j = i K + k
is indifferent between its actions a and b.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxstack import ties
from jaxstack._pytree import is_traced, pytree_dataclass, static_field
from jaxstack.axes import Array, Bool, Float, Int
from jaxstack.game import Game
from jaxstack.strategies import Polytope
from jaxstack.strategies.framing import differences_of

_TIGHT = 1e-9  # for rows of unit maximum norm, at a vertex of the strategy set
_INDEPENDENT = 1e-9  # of rows of unit norm, what is left of a row once others are taken off it


@pytree_dataclass
class Arrangement:
    """What `climb` knows of a game: a pytree of arrays, in the float type of the game's.

    Attributes:
      rows: [n*K, A, D], what a follower type gets by each action, less what action 0 gives it, scaled.
      sizes: [n*K, D], the largest of these in absolute value: ties are relative to <sizes, x>.
      playable: [n*K, A] bool: has the type this action, and does it count under the tie rule?
      facets: [F, D], the strategy set is {x : facets @ x >= 0, sum x = 1}; the first D are x >= 0.
      corners: [S, D-1] int32, facets that meet in vertices of the strategy set, from which to start.
      terms: [n*K, A, D], the leader's payoff from each follower type's actions, if it is a sum over them.
      leader: its payoff otherwise.
      points: [D, L], the frame; None on the simplex.
      alike: [n*K, A, A] bool, which actions stand for which (ties="robust"): equal ones, of which followers
        choose the worst for the leader. None where every action stands for itself.
      shape: (n, K).
    """

    rows: Any
    sizes: Any
    playable: Any
    facets: Any
    corners: Any
    terms: Any = None
    leader: Any = None
    points: Any = None
    alike: Any = None
    shape: tuple[int, int] = static_field(default=(0, 0))


def arrangement(game: Game, ties: str = "optimistic") -> Arrangement:
    """The arrangement of one game, in whatever units its payoffs are.

    Args:
      game: one game; its arrays may be traced, then with ties="optimistic" only.
      ties: "optimistic"; or "robust": actions that are best responses on a flat set only do not count, and
        of equal actions a follower chooses the worst for the leader.

    Returns:
      Arrangement; of NumPy arrays in float64 unless the game is traced.

    Raises:
      ValueError: ties="robust" of a traced game, whose flat cells cannot be told.
    """
    points = None if game.strategies is None else game.strategies.frame.float_points
    terms = game.leader.additive_terms()
    if terms is not None and points is not None:
        terms = terms @ points.T.astype(terms.dtype)
    return build(game, terms, game.leader if terms is None else None, points, ties)


def build(game: Game, terms: Any, leader: Any, points: Any, ties: str) -> Arrangement:
    """`arrangement`, with the leader's payoff as given: terms [n, K or 1, A, D] or a payoff.

    `points` [D, L] leads from vectors of this payoff, and from commitments, to the frame.
    """
    rows, playable = follower_rows(game)
    num_items, A, D = rows.shape
    n, K = game.num_followers, game.num_types
    numpy = jnp if is_traced(rows) else np
    alike = None
    if ties == "robust":
        if is_traced(game):
            raise ValueError(
                "ties='robust' is decided in exact arithmetic, on the host, but this game is traced. Call "
                "arrangement(game, ties='robust') outside of compiled code and pass its result."
            )
        playable, alike = _enforceable(game, np.asarray(playable))
    sizes = numpy.abs(numpy.where(playable[:, :, None], rows, 0)).max(axis=1)
    scale = sizes.max(axis=1, keepdims=True)
    scale = numpy.where(scale > 0, scale, numpy.ones_like(scale))
    if terms is not None:
        terms = numpy.broadcast_to(terms, (n, K, A, D)).reshape(num_items, A, D)
    walls = np.zeros((0, D)) if game.strategies is None else game.strategies.wall_rows
    return Arrangement(
        rows=rows / scale[:, None],
        sizes=sizes / scale,
        playable=playable,
        facets=np.concatenate([np.eye(D), walls]).astype(rows.dtype),
        corners=corner_bases(game.strategies, D),
        terms=terms,
        leader=leader,
        points=None if points is None else points.astype(rows.dtype),
        alike=alike,
        shape=(n, K),
    )


def follower_rows(game: Game) -> tuple[Float[Array, "nK A D"], Bool[Array, "nK A"]]:
    """Payoffs less those of action 0, at the points of the frame, and which actions there are."""
    n, K, _, A = np.shape(game.follower)
    if game.strategies is None:
        rows = ties.differences(game.follower)[..., 0, :]
    else:
        rows = differences_of(game.follower, game.strategies)[..., 0, :]
    playable: Any = np.ones((n, K, A), bool) if game.playable is None else game.playable
    return rows.reshape(n * K, A, -1), playable.reshape(n * K, A)


def corner_bases(strategies: Polytope | None, size: int) -> Int[np.ndarray, "S D-1"]:
    """For each vertex of a strategy set (for some, of many), independent facets that meet there."""
    if strategies is None:
        everywhere = np.broadcast_to(np.arange(size, dtype=np.int32), (size, size))
        return everywhere[~np.eye(size, dtype=bool)].reshape(size, size - 1)
    facets = np.concatenate([np.eye(size), strategies.wall_rows])
    bases = [_basis(facets, shares) for shares in strategies.hull_shares]
    return np.array([basis for basis in bases if basis is not None], np.int32).reshape(-1, size - 1)


def _basis(facets: np.ndarray, shares: np.ndarray) -> np.ndarray | None:
    """D - 1 facets that are tight at a vertex, independent of each other and of sum x = 1."""
    tight = np.flatnonzero(np.abs(facets @ shares) <= _TIGHT)
    directions = np.full((1, len(shares)), 1 / np.sqrt(len(shares)))
    chosen: list[int] = []
    for facet in tight:
        row = facets[facet] / np.linalg.norm(facets[facet])
        for _ in range(2):  # twice is enough
            row = row - directions.T @ (directions @ row)
        norm = np.linalg.norm(row)
        if norm > _INDEPENDENT:
            directions = np.concatenate([directions, row[None] / norm])
            chosen.append(int(facet))
    return np.array(chosen) if len(chosen) == len(shares) - 1 else None


def _enforceable(game: Game, playable: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Which actions have full-dimensional cells, one for each set of equal ones; and these sets."""
    from jaxstack.solvers.cells import Preferences

    preferences = Preferences(game)
    alike = preferences.equal[:, None, :] == np.arange(playable.shape[1])[:, None]
    alike = alike & playable[:, None, :]
    return preferences.enforceable, alike if preferences.has_equal else None
