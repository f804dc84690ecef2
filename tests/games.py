"""Seeded test games, random and degenerate, small enough for the slow references."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from jaxstack.distributions import IndependentTypes, JointTypes, MixtureTypes
from jaxstack.game import Game
from jaxstack.payoffs import AnonymousPayoff, SeparablePayoff, TabularPayoff
from jaxstack.typed_payoffs import TypedPayoff

Shape = tuple[int, int, int, int]  # L, n, K, A

PAYOFFS = ("tabular", "separable", "anonymous")
TYPED_PAYOFFS = ("typed tabular", "typed separable")
TYPES = ("joint", "independent", "mixture")
SHAPES: tuple[Shape, ...] = (
    (2, 1, 2, 2),
    (3, 1, 2, 2),
    (2, 2, 2, 2),
    (3, 2, 2, 2),
    (2, 1, 2, 3),
    (3, 1, 1, 3),
    (2, 3, 2, 2),
    (4, 1, 2, 2),
    (2, 2, 1, 3),
    (3, 1, 2, 3),
    (5, 1, 2, 2),
    (2, 4, 2, 2),
    (4, 2, 1, 2),
    (3, 1, 3, 2),
    (4, 1, 1, 4),
    (3, 4, 1, 2),
    (2, 1, 1, 2),
    (3, 2, 2, 3),
    (4, 2, 2, 2),
    (3, 2, 2, 1),
)


class Case(NamedTuple):
    """A game, its types, and a name that says how to make it again."""

    name: str
    game: Game
    types: Any


def leader_payoff(rng: np.random.Generator, kind: str, shape: Shape, levels: int | None = None) -> Any:
    """Random leader payoff of `PAYOFFS` or `TYPED_PAYOFFS`; in [-1, 2), or whole numbers below `levels`."""
    L, n, K, A = shape
    size = {
        "tabular": (L, *(A,) * n),
        "separable": (n, L, A),
        "anonymous": (L, *(n + 1,) * (A - 1)),
        "typed tabular": (L, *(A,) * n, *(K,) * n),
        "typed separable": (n, K, L, A),
    }[kind]
    table = rng.uniform(-1, 2, size) if levels is None else rng.integers(levels, size=size).astype(float)
    if kind == "anonymous":
        return AnonymousPayoff(table, num_followers=n)
    makers: dict[str, Any] = {
        "tabular": TabularPayoff,
        "separable": SeparablePayoff,
        "typed tabular": TypedPayoff.tabular,
        "typed separable": TypedPayoff.separable,
    }
    return makers[kind](table)


def type_distribution(rng: np.random.Generator, kind: str, shape: Shape) -> Any:
    """Random type distribution of one of `TYPES`."""
    _, n, K, _ = shape
    if kind == "joint":
        return JointTypes(rng.dirichlet(np.ones(K**n)).reshape((K,) * n))
    if kind == "independent":
        return IndependentTypes(rng.dirichlet(np.ones(K), size=n))
    return MixtureTypes(rng.dirichlet(np.ones(2)), rng.dirichlet(np.ones(K), size=(2, n)))


def random_games(
    num_games: int,
    seed: int = 0,
    shapes: tuple[Shape, ...] = SHAPES,
    payoffs: tuple[str, ...] = PAYOFFS,
) -> Iterator[Case]:
    """Games in general position: every shape, payoff and type kind in turn."""
    kinds = itertools.cycle(itertools.product(payoffs, TYPES))
    for index, shape, (payoff, kind) in zip(range(num_games), itertools.cycle(shapes), kinds, strict=False):
        rng = np.random.default_rng([seed, index])
        L, n, K, A = shape
        game = Game(leader_payoff(rng, payoff, shape), rng.uniform(-1, 1, (n, K, L, A)))
        name = f"random {index} L={L} n={n} K={K} A={A} {payoff} {kind}"
        yield Case(name, game, type_distribution(rng, kind, shape))


def equal_actions(rng: np.random.Generator, follower: np.ndarray) -> np.ndarray:
    """One follower type does not care between its first and last action."""
    follower[-1, 0, :, -1] = follower[-1, 0, :, 0]
    return follower


def duplicated_types(rng: np.random.Generator, follower: np.ndarray) -> np.ndarray:
    """Every type of a follower has the same payoffs."""
    follower[:] = follower[:, :1]
    return follower


def integer_payoffs(rng: np.random.Generator, follower: np.ndarray) -> np.ndarray:
    """Payoffs 0, 1 or 2: many hyperplanes coincide, touch the simplex in a face, or share a point."""
    return rng.integers(3, size=follower.shape).astype(float)


def binary_payoffs(rng: np.random.Generator, follower: np.ndarray) -> np.ndarray:
    """Payoffs 0 or 1."""
    return rng.integers(2, size=follower.shape).astype(float)


def through_vertices(rng: np.random.Generator, follower: np.ndarray) -> np.ndarray:
    """Whole-number payoffs; all actions tie at the first simplex vertex, where every hyperplane passes."""
    follower = rng.integers(-3, 4, size=follower.shape).astype(float)
    follower[:, :, 0] = follower[:, :, 0, :1]
    return follower


def through_centre(rng: np.random.Generator, follower: np.ndarray) -> np.ndarray:
    """Whole-number payoffs that sum to zero over leader actions: every hyperplane meets the centre."""
    follower = rng.integers(-3, 4, size=follower.shape).astype(float)
    follower[:, :, -1] = -follower[:, :, :-1].sum(axis=2)
    return follower


def constant_payoffs(rng: np.random.Generator, follower: np.ndarray) -> np.ndarray:
    """The last follower's payoff never changes."""
    follower[-1] = 1.5
    return follower


def dominated_action(rng: np.random.Generator, follower: np.ndarray) -> np.ndarray:
    """The last action is worse than the first, except against the last leader action, where they tie."""
    follower[..., -1] = follower[..., 0] - 1
    follower[:, :, -1, -1] = follower[:, :, -1, 0]
    return follower


def symmetric(rng: np.random.Generator, follower: np.ndarray) -> np.ndarray:
    """Identical followers that want to match the leader's action, shifted by their type."""
    _, num_types, num_leader_actions, num_actions = follower.shape
    for k, row, action in itertools.product(range(num_types), range(num_leader_actions), range(num_actions)):
        follower[:, k, row, action] = float((row + k) % num_actions == action)
    return follower


def large_scale(rng: np.random.Generator, follower: np.ndarray) -> np.ndarray:
    """Whole numbers around a million: ties must not depend on the unit of payoff."""
    return 1e6 * integer_payoffs(rng, follower) + 7e6


def small_scale(rng: np.random.Generator, follower: np.ndarray) -> np.ndarray:
    """Payoffs 0, 1 or 2 in units of 2^-30."""
    return integer_payoffs(rng, follower) * 2.0**-30


DEGENERACIES = (
    equal_actions,
    duplicated_types,
    integer_payoffs,
    binary_payoffs,
    through_vertices,
    through_centre,
    constant_payoffs,
    dominated_action,
    symmetric,
    large_scale,
    small_scale,
)


def degenerate_games(
    num_games: int,
    seed: int = 0,
    shapes: tuple[Shape, ...] = SHAPES,
    payoffs: tuple[str, ...] = PAYOFFS,
) -> Iterator[Case]:
    """Games with exact ties: every kind of degeneracy, shape, payoff and type kind in turn.

    All follower payoffs are whole numbers times a power of two, so that ties are exact in floating point.
    Leader payoffs are 0, 1 or 2, so that different commitments tie too.
    """
    kinds = itertools.cycle(itertools.product(payoffs, TYPES))
    plan = zip(range(num_games), itertools.cycle(DEGENERACIES), itertools.cycle(shapes), kinds, strict=False)
    for index, degenerate, shape, (payoff, kind) in plan:
        rng = np.random.default_rng([seed, index, 1])
        L, n, K, A = shape
        follower = degenerate(rng, rng.integers(-4, 5, size=(n, K, L, A)).astype(float))
        name = f"degenerate {index} {degenerate.__name__} L={L} n={n} K={K} A={A} {payoff} {kind}"
        game = Game(leader_payoff(rng, payoff, shape, levels=3), follower)
        yield Case(name, game, type_distribution(rng, kind, shape))
