"""Best-response regions on a polytope {x : G x <= h, E x = f}, twice over, in the coordinates of x itself.

Linear programs (HiGHS), breadth first over follower types, up to tolerances; and every meeting point of
enough hyperplanes, in fractions, which gives vertices too. Neither knows of a simplex around the polytope.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from scipy.optimize import linprog

from tests.reference import regions, value
from tests.reference.regions import ResponseMap

_HIGHS = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
_FEASIBLE = 1e-8


def search(follower: np.ndarray, polytope: Any) -> dict[ResponseMap, bool]:
    """Every response map with a non-empty closed region; True where it has the polytope's dimension."""
    num_followers, num_types, _, num_actions = follower.shape
    facets = _strict_facets(polytope)
    found: dict[ResponseMap, bool] = {(): True}
    for _ in range(num_followers * num_types):
        longer: dict[ResponseMap, bool] = {}
        for response, full in found.items():
            for action in range(num_actions):
                extended = (*response, action)
                rows = _preferences(follower, extended, polytope)
                if full and _margin(rows, facets, polytope) > _FEASIBLE:
                    longer[extended] = True
                elif _least_violation(rows, polytope) <= _FEASIBLE:
                    longer[extended] = False
        found = longer
    return found


def optimum(game: Any, types: Any, maps: Any) -> float:
    """The best expected utility over the closed regions of response maps, one linear program each."""
    follower, polytope = np.asarray(game.follower), game.strategies
    best = -np.inf
    for response in maps:
        objective = value.region_payoff_vector(game, types, np.reshape(response, follower.shape[:2]))
        rows = _preferences(follower, response, polytope)
        best = max(best, _maximum(objective, rows, polytope))
    return best


def exact(follower: np.ndarray, polytope: Any) -> dict[ResponseMap, tuple[set[tuple[Fraction, ...]], bool]]:
    """Vertices of every closed region, and whether it has the polytope's dimension."""
    G, h, E, f = (_fractions(getattr(polytope, name)) for name in "GhEf")
    size, num_actions = follower.shape[2], follower.shape[3]
    each_type = [_fractions(table.T) for table in follower.reshape(-1, *follower.shape[2:])]
    equations = [[*row, bound] for row, bound in zip(E, f, strict=True)]
    planes = {(*row, bound) for row, bound in zip(G, h, strict=True)}
    for payoffs in each_type:
        for a, b in itertools.combinations(range(num_actions), 2):
            row = [p - q for p, q in zip(payoffs[a], payoffs[b], strict=True)]
            if any(row):
                planes.add((*row, Fraction(0)))
    missing = size - regions._rank([row[:-1] for row in equations])
    points = set()
    for chosen in itertools.combinations(sorted(planes), missing):
        point = _solve([*equations, *chosen], size)
        if point is not None and all(_dot(row, point) <= bound for row, bound in zip(G, h, strict=True)):
            points.add(point)
    inside: dict[ResponseMap, set[tuple[Fraction, ...]]] = {}
    for point in points:
        best = []
        for payoffs in each_type:
            at_point = [_dot(column, point) for column in payoffs]
            best.append([a for a in range(num_actions) if at_point[a] == max(at_point)])
        for response in itertools.product(*best):
            inside.setdefault(response, set()).add(point)
    dimension = _dimension(points)
    found = {}
    for response, candidates in inside.items():
        tight = _tightness(each_type, response, G, h)
        vertices = {
            point
            for point in candidates
            if regions._rank([*(row[:-1] for row in equations), *tight(point)]) == size
        }
        found[response] = vertices, _dimension(vertices) == dimension
    return found


def _tightness(each_type: Any, response: ResponseMap, G: Any, h: Any) -> Any:
    rows = []
    for payoffs, action in zip(each_type, response, strict=True):
        rows += [[p - q for p, q in zip(payoffs[action], other, strict=True)] for other in payoffs]

    def tight(point: tuple[Fraction, ...]) -> list[list[Fraction]]:
        facets = [row for row, bound in zip(G, h, strict=True) if _dot(row, point) == bound]
        return [row for row in rows if any(row) and _dot(row, point) == 0] + facets

    return tight


def _dimension(points: Any) -> int:
    return regions._rank([[Fraction(1), *point] for point in points]) - 1


def _solve(system: Sequence[Sequence[Fraction]], size: int) -> tuple[Fraction, ...] | None:
    """The only solution of equations (normal, value), or None."""
    solved = regions._echelon(system)
    if len(solved) != size or any(not any(row[:-1]) for row in solved):
        return None
    by_column = {next(c for c in range(size) if row[c]): row[-1] for row in solved}
    return tuple(by_column[c] for c in range(size))


def _preferences(follower: np.ndarray, response: Sequence[int], polytope: Any) -> np.ndarray:
    """Rows d with <d, x> >= 0 of a response map, those that are 0 all over the polytope left out."""
    rows = regions.response_constraints(follower, response)
    keep = [max(_maximum(d, (), polytope), _maximum(-d, (), polytope)) > 1e-9 for d in rows]
    return rows[np.array(keep, bool)] if len(rows) else rows


def _strict_facets(polytope: Any) -> np.ndarray:
    """Which rows of G some point of the polytope makes strict."""
    return np.array(
        [_maximum(-g, (), polytope) > -bound + 1e-9 for g, bound in zip(*_gh(polytope), strict=True)]
    )


def _gh(polytope: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(polytope.G), np.asarray(polytope.h)


def _margin(rows: np.ndarray, strict: np.ndarray, polytope: Any) -> float:
    """The largest slack that all rows and all facets have somewhere."""
    G, h = _gh(polytope)
    need = np.concatenate([strict.astype(float), np.ones(len(rows))])
    upper = np.column_stack([np.concatenate([G, -rows]), need])
    return -_program([*np.zeros(G.shape[1]), -1.0], upper, np.append(h, np.zeros(len(rows))), polytope)


def _least_violation(rows: np.ndarray, polytope: Any) -> float:
    """The least that some preference has to be violated by."""
    G, h = _gh(polytope)
    if not len(rows):
        return 0.0
    upper = np.column_stack([np.concatenate([G, -rows]), np.append(np.zeros(len(G)), -np.ones(len(rows)))])
    return _program([*np.zeros(G.shape[1]), 1.0], upper, np.append(h, np.zeros(len(rows))), polytope)


def _maximum(objective: np.ndarray, rows: Any, polytope: Any) -> float:
    G, h = _gh(polytope)
    upper = np.concatenate([G, -np.reshape(rows, (-1, G.shape[1]))])
    return -_program(-np.asarray(objective), upper, np.append(h, np.zeros(len(upper) - len(h))), polytope)


def _program(cost: Any, upper: np.ndarray, bounds: np.ndarray, polytope: Any) -> float:
    E = np.asarray(polytope.E)
    E = np.pad(E, ((0, 0), (0, len(cost) - E.shape[1])))
    found = linprog(
        cost,
        A_ub=upper if len(upper) else None,
        b_ub=bounds if len(upper) else None,
        A_eq=E if len(E) else None,
        b_eq=polytope.f if len(E) else None,
        bounds=(None, None),
        options=_HIGHS,
    )
    assert found.status == 0, found.message
    return float(found.fun)


def _fractions(array: Any) -> Any:
    array = np.asarray(array)
    if array.ndim == 1:
        return [Fraction(float(entry)) for entry in array]
    return [[Fraction(float(entry)) for entry in row] for row in array]


def _dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))
