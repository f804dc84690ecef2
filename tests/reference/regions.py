"""Best-response regions twice over: breadth-first search with LPs (HiGHS), and exact rational arithmetic.

Neither clips anything. The LP search works on any payoffs, up to tolerances. The arrangement of hyperplanes
in fractions has no tolerance at all and also gives every vertex, but takes payoffs at their literal binary
value: games whose ties exist only up to rounding (multiples of 0.1, say) are for the LPs.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from scipy.optimize import linprog

from tests.reference import value

ResponseMap = tuple[int, ...]  # flattened [n, K], C order

EQUAL = 1e-9  # actions that differ by less, relative to the larger payoff of the two, are equal
FEASIBLE = (
    1e-8  # violation up to which a closed region counts as non-empty, slack from which it is full-dimensional
)
_HIGHS = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


def constraints(follower: np.ndarray, i: int, k: int, action: int) -> list[np.ndarray]:
    """Normals d with <d, x> >= 0 where `action` is best for follower i with type k; unit max norm."""
    normals = []
    for other in range(follower.shape[-1]):
        difference = follower[i, k, :, action] - follower[i, k, :, other]
        largest = np.abs(difference).max()
        if largest > EQUAL * np.abs(follower[i, k][:, [action, other]]).max():
            normals.append(difference / largest)
    return normals


def response_constraints(follower: np.ndarray, response: Sequence[int]) -> np.ndarray:
    """All normals of a (partial) response map, [m, L]; the map runs over (i, k) in C order."""
    num_followers, num_types, num_leader_actions, _ = follower.shape
    pairs = itertools.product(range(num_followers), range(num_types))
    rows = [
        d
        for (i, k), action in zip(pairs, response, strict=False)
        for d in constraints(follower, i, k, action)
    ]
    return np.array(rows).reshape(-1, num_leader_actions)


def largest_slack(normals: np.ndarray) -> float:
    """max over the simplex of the smallest of all <d, x> and x_l (negative when the region is empty)."""
    num_leader_actions = normals.shape[1]
    rows = np.vstack([normals, np.eye(num_leader_actions)])
    result = linprog(
        c=[0.0] * num_leader_actions + [-1.0],
        A_ub=np.hstack([-rows, np.ones((len(rows), 1))]),
        b_ub=np.zeros(len(rows)),
        A_eq=[[1.0] * num_leader_actions + [0.0]],
        b_eq=[1.0],
        bounds=[(None, None)] * (num_leader_actions + 1),
        options=_HIGHS,
    )
    assert result.status == 0, result.message
    x = result.x[:-1] / result.x[:-1].sum()
    return float((rows @ x).min())


def smallest_violation(normals: np.ndarray) -> float:
    """min over the simplex of the largest violation of <d, x> >= 0; zero unless the region is empty."""
    num_leader_actions = normals.shape[1]
    if not len(normals):
        return 0.0
    result = linprog(
        c=[0.0] * num_leader_actions + [1.0],
        A_ub=np.hstack([-normals, -np.ones((len(normals), 1))]),
        b_ub=np.zeros(len(normals)),
        A_eq=[[1.0] * num_leader_actions + [0.0]],
        b_eq=[1.0],
        bounds=[(0, None)] * (num_leader_actions + 1),
        options=_HIGHS,
    )
    assert result.status == 0, result.message
    x = np.maximum(result.x[:-1], 0)
    return max(0.0, float(-(normals @ (x / x.sum())).min()))


def search(follower: np.ndarray) -> dict[ResponseMap, bool]:
    """Every response map with a non-empty closed region; True where the region is full-dimensional."""
    num_followers, num_types, _, num_actions = follower.shape
    found: dict[ResponseMap, bool] = {(): True}
    for _ in range(num_followers * num_types):
        longer: dict[ResponseMap, bool] = {}
        for response, full_dimensional in found.items():
            for action in range(num_actions):
                extended = (*response, action)
                normals = response_constraints(follower, extended)
                if full_dimensional and largest_slack(normals) > FEASIBLE:
                    longer[extended] = True
                elif smallest_violation(normals) <= FEASIBLE:
                    longer[extended] = False
        found = longer
    return found


def maximise(follower: np.ndarray, response: Sequence[int], objective: np.ndarray) -> float:
    """max <objective, x> over the closed region of a response map with a non-empty region."""
    normals = response_constraints(follower, response)
    result = linprog(
        c=-objective,
        A_ub=-normals if len(normals) else None,
        b_ub=np.zeros(len(normals)) if len(normals) else None,
        A_eq=np.ones((1, follower.shape[2])),
        b_eq=[1.0],
        bounds=(0, None),
        options=_HIGHS,
    )
    assert result.status == 0, result.message
    return float(-result.fun)


def optimum(game: Any, types: Any, responses: Iterable[ResponseMap]) -> float:
    """Best expected utility over the regions of `responses`: one LP each."""
    follower = np.asarray(game.follower)
    best = -np.inf
    for response in responses:
        objective = value.region_payoff_vector(game, types, np.reshape(response, follower.shape[:2]))
        best = max(best, maximise(follower, response, objective))
    return best


@dataclasses.dataclass(frozen=True)
class ExactRegion:
    """A closed region: its extreme points, and whether they span L - 1 dimensions."""

    vertices: list[tuple[Fraction, ...]]
    full_dimensional: bool


def exact(follower: np.ndarray) -> dict[ResponseMap, ExactRegion]:
    """Every response map with a non-empty closed region, in exact arithmetic.

    A non-empty region has a vertex, and a vertex is where L - 1 independent hyperplanes (ties or facets) meet
    in the simplex. So: every such meeting point, and every response map that is a best response there.
    """
    num_leader_actions, num_actions = follower.shape[2:]
    types = [[[Fraction(float(v)) for v in column] for column in table.T] for table in _each_type(follower)]
    facets = [
        tuple(Fraction(int(a == b)) for b in range(num_leader_actions)) for a in range(num_leader_actions)
    ]
    hyperplanes = set(facets)
    for payoffs in types:
        for a, b in itertools.combinations(range(num_actions), 2):
            difference = _minus(payoffs[a], payoffs[b])
            leading = next((d for d in difference if d), None)
            if leading is not None:
                hyperplanes.add(tuple(d / leading for d in difference))
    points = set()
    for chosen in itertools.combinations(sorted(hyperplanes), num_leader_actions - 1):
        point = _meeting_point(chosen, num_leader_actions)
        if point is not None and min(point) >= 0:
            points.add(point)

    inside: dict[ResponseMap, list[tuple[Fraction, ...]]] = {}
    for point in sorted(points, reverse=True):
        best = []
        for payoffs in types:
            at_point = [_dot(column, point) for column in payoffs]
            best.append([a for a in range(num_actions) if at_point[a] == max(at_point)])
        for response in itertools.product(*best):
            inside.setdefault(response, []).append(point)

    regions = {}
    for response, candidates in inside.items():
        normals = [
            _minus(payoffs[action], payoffs[other])
            for payoffs, action in zip(types, response, strict=True)
            for other in range(num_actions)
        ] + facets
        vertices = [
            point
            for point in candidates
            if _rank([[Fraction(1)] * num_leader_actions, *(d for d in normals if _dot(d, point) == 0)])
            == num_leader_actions
        ]
        regions[response] = ExactRegion(vertices, _rank(vertices) == num_leader_actions)
    return regions


def _each_type(follower: np.ndarray) -> np.ndarray:
    """[n * K, L, A]."""
    return follower.reshape(-1, *follower.shape[2:])


def _dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def _minus(a: Sequence[Fraction], b: Sequence[Fraction]) -> tuple[Fraction, ...]:
    return tuple(x - y for x, y in zip(a, b, strict=True))


def _echelon(rows: Iterable[Sequence[Fraction]]) -> list[list[Fraction]]:
    """Reduced row echelon form, without the zero rows."""
    rows = [list(row) for row in rows]
    done: list[list[Fraction]] = []
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((row for row in rows if row[column]), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        pivot = [entry / pivot[column] for entry in pivot]
        rows = [
            [e - row[column] * p for e, p in zip(row, pivot, strict=True)] if row[column] else row
            for row in rows
        ]
        done = [
            [e - row[column] * p for e, p in zip(row, pivot, strict=True)] if row[column] else row
            for row in done
        ]
        done.append(pivot)
    return done


def _rank(rows: Iterable[Sequence[Fraction]]) -> int:
    return len(_echelon(rows))


def _meeting_point(hyperplanes: Iterable[Sequence[Fraction]], size: int) -> tuple[Fraction, ...] | None:
    """The one point with sum 1 on all hyperplanes, or None if there is none or more than one."""
    system = [[*normal, Fraction(0)] for normal in hyperplanes] + [[Fraction(1)] * (size + 1)]
    solved = _echelon(system)
    if len(solved) < size or any(not any(row[:-1]) for row in solved):
        return None
    return tuple(row[-1] for row in solved)
