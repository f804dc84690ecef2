"""The best vertex of any best-response region: a look-up once the regions are enumerated.

Inside a region expected utility is linear, so that some vertex of some region is optimal for every
distribution of types (arXiv 2510.01387, section 3). Only where followers are indifferent between equal
actions and answer for the worst (ties="robust") is it concave instead: then a linear program per region.
"""

from __future__ import annotations

import numpy as np

from jaxstack.axes import Float
from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game, unstack
from jaxstack.regions.clipping import enumerate_regions
from jaxstack.regions.table import RegionTable
from jaxstack.solvers.contract import Clock, Solution
from jaxstack.solvers.problem import Found, Problem, framed_game, in_units
from jaxstack.strategies.sets_of_games import StrategySets
from jaxstack.value import region_payoff_vectors

ROUNDING = 64 * np.finfo(np.float64).eps  # utilities closer than this, relative to the largest, are tied


def solve(
    game: Game, types: TypeDistribution, ties: str, clock: Clock, table: RegionTable | None = None
) -> Solution:
    """The vertex of highest expected utility; the lowest index of the table among ties.

    Args:
      game: one game, or a stacked batch of G games.
      types: distribution of the joint type, one per game.
      ties: "optimistic" or "robust".
      clock: tells of the result; an enumeration cannot be interrupted.
      table: regions of `game`, checked (`check_table`); enumerated if not given.

    Returns:
      Solution; with a leading axis G for a batch.
    """
    table = enumerate_regions(game, ties=ties) if table is None else table
    if game.num_games is None:
        vectors = _payoff_vectors(game, types, table)
        return _of_one_game(Problem(game, types, ties, clock), table, vectors)
    together = None if isinstance(game.strategies, StrategySets) else _payoff_vectors(game, types, table)
    solutions = []
    for g in range(game.num_games):
        one, own = (unstack(game, g), unstack(types, g)), unstack(table, g)
        vectors = _payoff_vectors(*one, own) if together is None else together[g]
        solutions.append(_of_one_game(Problem(*one, ties, clock), own, vectors))
    return Solution(
        commitment=np.array([solution.commitment for solution in solutions]),
        response=np.array([solution.response for solution in solutions]),
        value=np.array([solution.value for solution in solutions]),
        method="vertices",
        ties=ties,
        upper_bound=np.array([solution.upper_bound for solution in solutions]),
        near_ties=np.array([solution.near_ties for solution in solutions]),
    )


def _payoff_vectors(game: Game, types: TypeDistribution, table: RegionTable) -> Float[np.ndarray, "*G R L"]:
    """Expected payoff vectors of all regions, in the solver's units and at the points of the frame."""
    return region_payoff_vectors(in_units(framed_game(game))[0], types, table.responses)


def _of_one_game(problem: Problem, table: RegionTable, vectors: Float[np.ndarray, "R L"]) -> Solution:
    """The best vertex of one game that earns what it promises.

    A vertex earns less where equal actions answer for the worst, or where it is rounded too far to be in its
    region: then the region's own program tells what is true, and the next best vertex may be better.
    """
    vertices = np.asarray(table.vertices)
    if problem.strategies is not None:
        vertices = np.asarray(problem.strategies.frame.shares(vertices))
    utilities = np.where(table.vertex_mask, np.einsum("rvl,rl->rv", vertices, vectors), -np.inf)
    if problem.ties == "robust":
        utilities[~table.full_dimensional] = -np.inf
    rounding = ROUNDING * np.abs(utilities[np.isfinite(utilities)]).max(initial=0.0)
    responses = np.asarray(table.responses)
    equal = problem.preferences.equal.astype(responses.dtype)
    as_one = None  # maps in which equal actions are one, where there are such
    if problem.ties == "robust" and problem.preferences.has_equal:
        as_one = equal[np.arange(len(equal)), responses.reshape(len(responses), -1)]
    best: Found | None = None
    while True:
        highest = utilities.max()
        if best is not None and highest <= best.value + rounding:
            problem.tell(best.value, best.value)
            return problem.solution(best, "vertices", best.value)
        if highest == -np.inf:
            raise ValueError(
                f"no region of the table is one of {problem.original!r}. Build it from this game: "
                f"enumerate_regions(game, ties={problem.ties!r})."
            )
        region, vertex = divmod(int(np.argmax(utilities >= highest - rounding)), utilities.shape[1])
        response = responses[region].astype(np.int64)
        found = _earned(problem, response, vectors[region], vertices[region, vertex])
        if found is not None and (best is None or found.value > best.value):
            best = found
        done = [region] if as_one is None else (as_one == as_one[region]).all(axis=1)
        utilities[done] = -np.inf


def _earned(problem: Problem, response: np.ndarray, payoff: np.ndarray, vertex: np.ndarray) -> Found | None:
    """The best of a region whose best vertex is known, if the region is one."""
    indifferent = problem.ties == "robust" and problem.preferences.has_equal
    if indifferent or not problem.preferences.holds(vertex, response):
        return problem.best_in(response, payoff)
    return problem.checked(vertex, response, payoff)
