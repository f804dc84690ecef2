"""Optimal values in exact rational arithmetic, under both tie rules; tiny games only.

Payoffs and probabilities are the rational numbers that their floats are. No linear programs: the optimum of a
piecewise linear concave function over a region is where L - 1 of its hyperplanes meet.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np

from tests.reference import regions, value
from tests.reference.regions import ResponseMap
from tests.reference.regions import _dot as dot
from tests.reference.regions import _meeting_point as meeting_point
from tests.reference.regions import _minus as minus

Vector = tuple[Fraction, ...]


def payoff_vector(game: Any, types: Any, response: ResponseMap) -> Vector:
    """E_theta u(., W(theta)) as fractions; probabilities are brought to sum 1 exactly."""
    num_followers, num_types, num_leader_actions, _ = np.shape(game.follower)
    as_map = np.reshape(response, (num_followers, num_types))
    total, sum_of_probabilities = [Fraction(0)] * num_leader_actions, Fraction(0)
    for theta in value.joint_types(num_followers, num_types):
        probability = Fraction(value.probability(types, theta))
        payoff = value.payoff_vector(game.leader, value.joint_action(as_map, theta), theta)
        total = [t + probability * Fraction(float(u)) for t, u in zip(total, payoff, strict=True)]
        sum_of_probabilities += probability
    return tuple(t / sum_of_probabilities for t in total)


def optima(game: Any, types: Any) -> tuple[Fraction, Fraction]:
    """The optimum under optimistic and under robust ties."""
    follower = np.asarray(game.follower)
    found = regions.exact(follower)
    payoffs = {response: payoff_vector(game, types, response) for response in found}
    optimistic = max(dot(payoffs[response], x) for response, region in found.items() for x in region.vertices)
    cells: dict[ResponseMap, list[ResponseMap]] = {}
    for response, region in found.items():
        if region.full_dimensional:
            cells.setdefault(_first_of_equals(follower, response), []).append(response)
    robust = max(
        _best_of_worst(
            found[variants[0]].vertices, _facets(follower, variants[0]), [payoffs[w] for w in variants]
        )
        for variants in cells.values()
    )
    return optimistic, robust


def _best_of_worst(vertices: list[Vector], facets: list[Vector], payoffs: list[Vector]) -> Fraction:
    """max over a polytope of the least of several linear functions."""
    bends = {minus(p, q) for p, q in itertools.combinations(payoffs, 2)}
    points = set(vertices)
    size = len(vertices[0])
    for chosen in itertools.combinations([d for d in {*facets, *bends} if any(d)], size - 1):
        point = meeting_point(chosen, size)
        if point is not None and all(dot(facet, point) >= 0 for facet in facets):
            points.add(point)
    return max(min(dot(payoff, point) for payoff in payoffs) for point in points)


def _facets(follower: np.ndarray, response: ResponseMap) -> list[Vector]:
    """Rows d with <d, x> >= 0 on the region, those of the simplex included."""
    size = follower.shape[2]
    rows = [tuple(Fraction(int(a == b)) for b in range(size)) for a in range(size)]
    for table, action in zip(follower.reshape(-1, *follower.shape[2:]), response, strict=True):
        columns = [tuple(Fraction(float(v)) for v in column) for column in table.T]
        rows += [minus(columns[action], column) for column in columns if column != columns[action]]
    return rows


def _first_of_equals(follower: np.ndarray, response: ResponseMap) -> ResponseMap:
    """The map with each action replaced by the first that has the same payoffs."""
    tables = follower.reshape(-1, *follower.shape[2:])
    return tuple(
        next(b for b in range(table.shape[1]) if (table[:, b] == table[:, action]).all())
        for table, action in zip(tables, response, strict=True)
    )
