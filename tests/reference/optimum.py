"""The optimum of a tiny game in exact rational arithmetic, under both tie rules.

Payoffs and probabilities are the rational numbers that their floats are; there is no tolerance anywhere.
Exponential in everything: for games with a handful of follower types.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from jaxstack.distributions import IndependentTypes, JointTypes
from jaxstack.payoffs import TabularPayoff
from tests.reference import regions

Vector = tuple[Fraction, ...]


def optimum(game: Any, types: Any, ties: str) -> Fraction:
    """The leader's value: tabular payoffs, joint or independent types.

    Optimistic: the best vertex of all closed regions. Robust: over the full-dimensional ones, what the leader
    gets whatever those followers do who are indifferent in the whole region, since two actions are equal.
    """
    follower = np.asarray(game.follower)
    found = regions.exact(follower)
    if ties == "optimistic":
        return max(
            _dot(x, payoff_vector(game, types, response))
            for response, region in found.items()
            for x in region.vertices
        )
    families: dict[regions.ResponseMap, list[regions.ResponseMap]] = {}
    for response, region in found.items():
        if region.full_dimensional:
            families.setdefault(_first_of_equals(follower, response), []).append(response)
    return max(_enforceable(game, types, family, found[family[0]]) for family in families.values())


def payoff_vector(game: Any, types: Any, response: Sequence[int]) -> Vector:
    """E u(., W(theta)) for a response map W, flattened [n, K]."""
    assert isinstance(game.leader, TabularPayoff)
    table, follower = np.asarray(game.leader.table), np.asarray(game.follower)
    num_followers, num_types, num_leader, _ = follower.shape
    total = [Fraction(0)] * num_leader
    for theta in itertools.product(range(num_types), repeat=num_followers):
        actions = tuple(response[i * num_types + k] for i, k in enumerate(theta))
        probability = _probability(types, theta)
        for row in range(num_leader):
            total[row] += probability * Fraction(float(table[(row, *actions)]))
    return tuple(total)


def _probability(types: Any, theta: tuple[int, ...]) -> Fraction:
    table = np.asarray(types.probabilities)
    if isinstance(types, JointTypes):
        return Fraction(float(table[theta]))
    assert isinstance(types, IndependentTypes)
    return math.prod((Fraction(float(table[i, k])) for i, k in enumerate(theta)), start=Fraction(1))


def _first_of_equals(follower: np.ndarray, response: Sequence[int]) -> regions.ResponseMap:
    """The response map with the lowest of equal actions everywhere."""
    each_type = follower.reshape(-1, *follower.shape[2:])
    return tuple(
        int((table == table[:, [action]]).all(axis=0).argmax())
        for table, action in zip(each_type, response, strict=True)
    )


def _enforceable(
    game: Any, types: Any, family: Iterable[regions.ResponseMap], region: regions.ExactRegion
) -> Fraction:
    """max over the region of the least payoff of the response maps of a family, all of which share it.

    A concave function, linear between the hyperplanes where two of the maps pay the same: the maximum is at a
    point of the region where L-1 of these and of the region's own facets meet.
    """
    payoffs = [payoff_vector(game, types, response) for response in family]
    num_leader = len(payoffs[0])
    cuts = {tuple(p - q for p, q in zip(a, b, strict=True)) for a, b in itertools.combinations(payoffs, 2)}
    cuts.discard((Fraction(0),) * num_leader)
    if not cuts:
        return max(_dot(x, payoffs[0]) for x in region.vertices)
    # Constraints of the region that hold with equality somewhere; facets of the simplex are among them.
    normals = regions.exact_constraints(np.asarray(game.follower), next(iter(family)))
    points = set()
    for chosen in itertools.combinations([*normals, *cuts], num_leader - 1):
        point = regions._meeting_point(chosen, num_leader)
        if point is not None and all(_dot(normal, point) >= 0 for normal in normals):
            points.add(point)
    return max(min(_dot(x, payoff) for payoff in payoffs) for x in points)


def _dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))
