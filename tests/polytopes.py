"""Random strategy sets and games on them, degenerate ones too."""

from __future__ import annotations

import itertools

import numpy as np

from jaxstack import Game, SeparablePayoff, strategies
from jaxstack.strategies import Polytope

KINDS = ("tangent", "integer", "coverage", "product", "cross", "flat", "box")


def random_polytope(rng: np.random.Generator, kind: str, dimension: int) -> Polytope:
    """A set of that dimension (or a little less, for "integer") with coordinates that make a constant."""
    d = dimension
    if kind == "tangent":  # generic: tangents of a ball, in general position
        normals = rng.normal(size=(2 * d + 2, d))
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        around = np.concatenate([normals, np.eye(d), -np.eye(d)])
        return Polytope(around, rng.uniform(0.5, 1.0, len(around))).with_constant()
    if kind == "integer":  # a box cut by planes of small whole numbers, through one point often
        cuts = rng.integers(-2, 3, size=(d, d)).astype(float)
        bounds = np.maximum(0.0, rng.integers(0, 4, size=d))
        rows = np.concatenate([np.eye(d), -np.eye(d), cuts])
        return Polytope(rows, np.concatenate([np.full(d, 2.0), np.ones(d), bounds])).with_constant()
    if kind == "coverage":
        return strategies.coverage(d, int(rng.integers(1, d + 1)))
    if kind == "product":
        return strategies.product_of_simplices([2, 2] if d == 2 else [2] * (d % 2) + [3] * (d // 2))
    if kind == "cross":  # every vertex lies on 2^(d-1) facets
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=d)))
        return Polytope(signs, np.ones(len(signs))).with_constant()
    if kind == "flat":  # within two equations, one of them implied by inequalities
        one, total = np.eye(d + 2), np.ones((1, d + 2))
        same = one[:1] - one[1:2]
        G = np.concatenate([-one, one, same, -same])
        h = np.concatenate([np.zeros(d + 2), np.full(d + 2, 0.75), np.zeros(2)])
        return Polytope(G, h, total, np.array([1.5]))
    low = rng.integers(-2, 1, size=d).astype(float)
    return strategies.box(low, low + rng.integers(1, 4, size=d))


def random_game(
    rng: np.random.Generator, polytope: Polytope, n: int, K: int, A: int, whole: bool, repeat: bool = False
) -> Game:
    """Payoffs that are normal, or whole numbers from -2 to 2; `repeat` makes one action equal to another."""
    L = polytope.num_coordinates
    shape = (n, K, L, A)
    follower = rng.integers(-2, 3, size=shape).astype(float) if whole else rng.normal(size=shape)
    if repeat:
        follower[0, 0, :, -1] = follower[0, 0, :, 0]
    leader = rng.integers(-3, 4, size=(n, L, A)).astype(float) if whole else rng.normal(size=(n, L, A))
    return Game(SeparablePayoff(leader), follower, polytope)
