"""One linear program per best-response region, the regions found by linear programs too: the paper's way.

Breadth first over follower types, a partial response map lives on while its region is not empty; then
max <x, E u(., W(theta))> over R(W) for complete maps W. Shares nothing with the enumeration of
`jaxstack.regions`, and so checks it. Few maps with many vertices each are what it is best at.
Source: arXiv 2510.01387, section 3. Departure: what a float program cannot decide, a rational one does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxstack.axes import Float, Int
from jaxstack.solvers.cells import Cell, Preferences
from jaxstack.solvers.contract import Clock, Solution
from jaxstack.solvers.problem import Found, Problem

MAX_REGIONS = 100_000  # minutes of linear programs; duplicated actions multiply closed regions without end


def solve(problem: Problem) -> Solution:
    """The best of all regions' best commitments.

    Args:
      problem: one game under either tie rule. When its time is up, the best commitment so far is returned.

    Returns:
      Solution; upper_bound is the value unless time ran out.

    Raises:
      ValueError: more than MAX_REGIONS regions.
      TimeoutError: no commitment was found within the time limit.
    """
    best = problem.start()
    if best is not None:
        problem.tell(best.value, problem.highest)
    try:
        responses, _ = response_maps(problem.preferences, problem.ties, problem.clock)
    except TimeoutError:
        if best is None:
            raise problem.clock.too_short("programs") from None
        return problem.solution(best, "programs", problem.highest)
    best, bound = _best_of(problem, responses, best)
    if best is None:
        raise problem.clock.too_short("programs")
    return problem.solution(best, "programs", bound)


def _best_of(problem: Problem, responses: np.ndarray, best: Found | None) -> tuple[Found | None, float]:
    """The best commitment in any of the regions, and an upper bound on them all."""
    payoffs = problem.payoffs(responses)
    # No commitment earns more than the largest entry of the payoff vector: most regions need no program.
    promised = problem.promised(payoffs)
    for r in np.argsort(-promised, kind="stable"):
        value = -np.inf if best is None else best.value
        if promised[r] <= value:
            break
        problem.tell(value, promised[r])
        if problem.clock.is_over:
            return best, float(promised[r])
        found = problem.best_in(responses[r], payoffs[r])
        if found is not None and found.value > value:
            best = found
    if best is not None:
        problem.tell(best.value, best.value)
    return best, -np.inf if best is None else best.value


def response_maps(
    preferences: Preferences, ties: str, clock: Clock | None = None
) -> tuple[Int[np.ndarray, "R n K"], Float[np.ndarray, "R L"]]:
    """Every response map whose region is not empty, and a point of each region.

    Args:
      preferences: of one game.
      ties: "optimistic", or "robust": only maps with a full-dimensional region, and of the maps that differ
        in equal actions only the first.
      clock: asked whether to go on.

    Returns:
      Maps [R, n, K] int64 in lexicographic order, and points [R, L].

    Raises:
      ValueError: more than MAX_REGIONS partial maps.
      TimeoutError: the clock's time is over.
    """
    num_items, num_actions = preferences.equal.shape
    level = [_Partial((), preferences.centre, True)]
    for item in range(num_items):
        deeper = []
        for partial in level:
            if clock is not None and clock.is_over:
                raise TimeoutError("the time limit of an enumeration of response maps is over.")
            for action in range(num_actions):
                if not preferences.playable[item, action]:
                    continue
                if ties == "robust" and preferences.equal[item, action] != action:
                    continue
                longer = _extended(preferences, partial, action)
                if longer is not None and (ties == "optimistic" or longer.is_full):
                    deeper.append(longer)
        level = deeper
        if len(level) > MAX_REGIONS:
            raise ValueError(
                f"method='programs' stops at {MAX_REGIONS:,} regions, but there are {len(level):,} after "
                f"{len(level[0].response)} of {num_items} follower types. "
                f"Use method='milp' or 'walk', or ties='robust' where actions are duplicated."
            )
    responses = np.array([partial.response for partial in level], np.int64)
    return responses.reshape(-1, *preferences.shape), np.array([partial.point for partial in level])


class _Partial(NamedTuple):
    """Responses of the first follower types, with a point of their region."""

    response: tuple[int, ...]
    point: np.ndarray  # [L]
    is_full: bool  # has the region dimension L-1?


def _extended(preferences: Preferences, partial: _Partial, action: int) -> _Partial | None:
    """A partial map with one response more; None where its region is empty."""
    response = (*partial.response, action)
    cell = Cell(preferences, np.array(response))
    if cell.strictly_contains(partial.point):
        return _Partial(response, partial.point, bool(cell.support.all()))
    inside = cell.inside()
    if inside is None:
        return None
    point, strictly = inside
    return _Partial(response, point, bool(strictly and cell.support.all()))
