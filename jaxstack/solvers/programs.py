"""One linear program per best-response region, the regions found by linear programs too: the paper's way.

Breadth first over follower types, a partial response map lives on while its region passes a feasibility
program; then max <x, E u(., W(theta))> over R(W) for complete maps W. Shares nothing with the clipping of
`jaxstack.regions`, and so checks it. Source: arXiv 2510.01387, section 3.

The programs over one region (`region_rows`, `best_commitment`, ..) serve the other solvers too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import OptimizeResult, linprog

from jaxstack.axes import Float, Int
from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game
from jaxstack.solvers.contract import Solution
from jaxstack.value import region_payoff_vectors

MAX_REGIONS = 100_000  # minutes of linear programs; duplicated actions multiply closed regions without end

TIE_TOLERANCE = 1e-9  # on rows of unit maximum norm: linear programs are solved to 1e-10

_HIGHS = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
_INFEASIBLE = 2  # status of scipy.optimize.linprog


def solve(game: Game, types: TypeDistribution, ties: str) -> Solution:
    """The best of all regions' best commitments.

    Args:
      game: one game.
      types: distribution of the joint type.
      ties: "optimistic" (closed regions) or "robust" (full-dimensional ones).

    Returns:
      Solution.

    Raises:
      ValueError: more than MAX_REGIONS regions.
    """
    rows = preference_rows(game)
    responses, witnesses = response_maps(rows, ties)
    payoffs = region_payoff_vectors(game, types, responses)
    best = Solution(witnesses[0], responses[0], -np.inf, "programs", ties)
    # No commitment earns more than the largest entry of the payoff vector: most regions need no program.
    for r in np.argsort(-payoffs.max(axis=1), kind="stable"):
        if payoffs[r].max() <= best.value:
            break
        x = best_commitment(region_rows(rows, responses[r]), payoffs[r], witnesses[r])
        if x is not None and payoffs[r] @ x > best.value:
            best = Solution(x, responses[r], float(payoffs[r] @ x), "programs", ties)
    return best


def response_maps(
    rows: Float[np.ndarray, "n K A A L"], ties: str
) -> tuple[Int[np.ndarray, "R n K"], Float[np.ndarray, "R L"]]:
    """Every response map whose region is not empty (robust: full-dimensional), and a point of each region.

    Args:
      rows: `preference_rows` of one game.
      ties: "optimistic" or "robust".

    Returns:
      Maps [R, n, K] int64 in lexicographic order, and points [R, L] within the tie tolerance of the regions.

    Raises:
      ValueError: more than MAX_REGIONS partial maps.
    """
    num_followers, num_types, num_actions, _, num_leader_actions = rows.shape
    enough = TIE_TOLERANCE if ties == "robust" else -TIE_TOLERANCE
    level = [_Partial((), np.eye(num_leader_actions), np.full(num_leader_actions, 1 / num_leader_actions))]
    for follower_type in rows.reshape(-1, num_actions, num_actions, num_leader_actions):
        deeper = []
        for partial in level:
            for action in range(num_actions):
                new = _nonzero(follower_type[action])
                facets, point = np.concatenate([partial.facets, new]), partial.point
                if not (new @ point > enough).all():
                    point = widest_point(facets)
                    if (facets @ point).min() <= enough:
                        continue
                deeper.append(_Partial((*partial.response, action), facets, point))
        level = deeper
        if len(level) > MAX_REGIONS:
            raise ValueError(
                f"method='programs' stops at {MAX_REGIONS:,} regions, but there are {len(level):,} after "
                f"{len(level[0].response)} of {num_followers * num_types} follower types. "
                f"Use method='milp' or 'ascent', or ties='robust' where actions are duplicated."
            )
    responses = np.array([partial.response for partial in level], np.int64)
    return responses.reshape(-1, num_followers, num_types), np.array([partial.point for partial in level])


class _Partial(NamedTuple):
    """Responses of the first follower types, with the region that they leave and a point of it."""

    response: tuple[int, ...]
    facets: np.ndarray  # [m, L], x >= 0 included
    point: np.ndarray  # [L]


def preference_rows(game: Game) -> Float[np.ndarray, "n K A A L"]:
    """Row [i, k, a, b] has <row, x> >= 0 where follower i of type k likes action a at least as well as b.

    Unit maximum norm; zero, which constrains nothing, where the two actions are equal (see TIE_TOLERANCE).
    """
    payoffs = np.swapaxes(np.asarray(game.follower), -1, -2)  # [n, K, A, L]
    differences = payoffs[:, :, :, None] - payoffs[:, :, None, :]
    norm = np.abs(differences).max(axis=-1, keepdims=True)
    largest = np.abs(payoffs).max(axis=-1)
    size = np.maximum(largest[:, :, :, None], largest[:, :, None, :])[..., None]
    equal = norm <= TIE_TOLERANCE * size
    return np.where(equal, 0.0, differences / np.where(equal, 1.0, norm))


def region_rows(
    rows: Float[np.ndarray, "n K A A L"], response: Int[np.ndarray, "n K"]
) -> Float[np.ndarray, "m L"]:
    """Rows of R(W) = {x in the simplex : rows @ x >= 0}, none of them zero."""
    chosen = np.take_along_axis(rows, response[:, :, None, None, None], axis=2)
    return _nonzero(chosen.reshape(-1, rows.shape[-1]))


def widest_point(facets: Float[np.ndarray, "m L"]) -> Float[np.ndarray, "L"]:
    """The x with sum 1 that maximises the smallest entry of facets @ x.

    That entry is negative when {x : facets @ x >= 0, sum x = 1} is empty, and positive when it is
    full-dimensional (given that x >= 0 is among the facets).
    """
    num_leader_actions = facets.shape[1]
    solution = _linear_program(
        c=np.append(np.zeros(num_leader_actions), -1.0),
        A_ub=np.column_stack([-facets, np.ones(len(facets))]),
        b_ub=np.zeros(len(facets)),
        A_eq=np.append(np.ones(num_leader_actions), 0.0)[None],
        bounds=(None, None),
    )
    return solution.x[:-1]


def is_full_dimensional(rows: Float[np.ndarray, "m L"]) -> bool:
    """True where {x in the simplex : rows @ x >= 0} has dimension L-1, by more than the tie tolerance."""
    facets = np.concatenate([np.eye(rows.shape[1]), rows])
    return bool((facets @ widest_point(facets)).min() > TIE_TOLERANCE)


def best_commitment(
    rows: Float[np.ndarray, "m L"],
    payoff: Float[np.ndarray, "L"],
    witness: Float[np.ndarray, "L"] | None = None,
) -> Float[np.ndarray, "L"] | None:
    """argmax <x, payoff> over {x in the simplex : rows @ x >= 0}, a vertex; None when that is empty.

    A `witness` that lies outside by rounding (a flat region) relaxes all constraints by as much.
    """
    slack = 0.0 if witness is None else min(0.0, witness.min(), (rows @ witness).min(initial=0.0))
    solution = _linear_program(
        c=-payoff / max(np.abs(payoff).max(), np.finfo(float).tiny),
        A_ub=-rows,
        b_ub=np.full(len(rows), -slack),
        A_eq=np.ones((1, len(payoff))),
        bounds=(slack, None),
    )
    if solution.status == _INFEASIBLE:
        return None
    x = np.maximum(solution.x, 0.0)
    return x / x.sum()


def _nonzero(rows: np.ndarray) -> np.ndarray:
    """The rows [m, L] that constrain something."""
    return rows[rows.any(axis=1)]


def _linear_program(**program: object) -> OptimizeResult:
    """min <c, x> with A_ub x <= b_ub and A_eq x = 1; solved or proved infeasible."""
    solution = linprog(b_eq=np.ones(1), method="highs", options=_HIGHS, **program)
    if solution.status not in (0, _INFEASIBLE):
        raise RuntimeError(f"HiGHS could not solve a linear program over a region: {solution.message}")
    return solution
