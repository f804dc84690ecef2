"""Vertices and facets of a polytope from its inequalities, in whole numbers."""

from __future__ import annotations

import numpy as np

from jaxstack import exact

MAX_VERTICES = 2048  # beyond, vertices are not enumerated; then regions cannot be either
_PAIRS = 2**22  # entries of an adjacency test worked on at once


def vertices_of(walls: np.ndarray, limit: int = MAX_VERTICES) -> tuple[np.ndarray, np.ndarray] | None:
    """Vertices of {w >= 0 : walls @ w >= 0, sum w = 1} by double description, in whole numbers.

    Args:
      walls: [W, D] Python integers; W may be 0.
      limit: of vertices, on the way too.

    Returns:
      Vertices [M, D] (M = 0: the set is empty), in any scale, and [M, D + W] bool, which of w_k >= 0 and of
      the walls each lies on; None beyond the limit.

    Source: Motzkin, Raiffa, Thompson and Thrall, The double description method, 1953, with the combinatorial
    test of adjacency of Fukuda and Prodon, Double description method revisited, 1996.
    """
    num_walls, size = walls.shape
    vertices = exact.integers(np.eye(size))
    tight = np.zeros((size, size + num_walls), bool)
    tight[:, :size] = ~np.eye(size, dtype=bool)
    for j, wall in enumerate(walls):
        height = (vertices * wall).sum(axis=1)
        above, below = (height > 0).astype(bool), (height < 0).astype(bool)
        tight[:, size + j] = ~above & ~below
        edges = _edges(tight, above, below, size, limit - int((~below).sum()))
        if edges is None:
            return None
        upper, lower = edges
        new = height[upper, None] * vertices[lower] - height[lower, None] * vertices[upper]
        new = new // np.gcd.reduce(new, axis=1, keepdims=True) if len(new) else new
        on_new = tight[upper] & tight[lower]
        on_new[:, size + j] = True
        vertices = np.concatenate([vertices[~below], new])
        tight = np.concatenate([tight[~below], on_new])
    return vertices, tight


def _edges(
    tight: np.ndarray, above: np.ndarray, below: np.ndarray, size: int, most: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Pairs of adjacent vertices on both sides of a wall; None where they are more than `most`."""
    sets = tight.astype(np.float32)
    ups, downs = np.flatnonzero(above), np.flatnonzero(below)
    common = sets[ups] @ sets[downs].T
    first, second = np.nonzero(common >= size - 2)
    upper, lower = ups[first], downs[second]
    adjacent = np.zeros(len(upper), bool)
    step = max(1, _PAIRS // len(tight))
    for start in range(0, len(upper), step):
        some = slice(start, start + step)
        both = sets[upper[some]] * sets[lower[some]]
        on_all = both @ sets.T == both.sum(axis=1, keepdims=True)
        adjacent[some] = on_all.sum(axis=1) == 2
        if adjacent.sum() > most:
            return None
    return upper[adjacent], lower[adjacent]


def facets_among(tight: np.ndarray) -> np.ndarray:
    """Inequalities whose vertices are no proper part of another's, and each of such faces once."""
    sets = tight.astype(np.int64)
    sizes, common = sets.sum(axis=0), sets.T @ sets
    within = common == sizes[:, None]  # [i, j]: all vertices on i lie on j
    larger = within & (sizes[:, None] < sizes[None, :])
    again = np.tril(within & within.T, -1)
    return np.flatnonzero((sizes > 0) & ~larger.any(axis=1) & ~again.any(axis=1))
