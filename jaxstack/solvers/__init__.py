"""Optimal commitments against a *known* distribution of types: four methods, one call.

| method | answer | made for |
|---|---|---|
| `vertices` | exact: every vertex of every region; a look-up once there is a table | small games; batches |
| `programs` | exact, a linear program per region (the paper's way) | few regions, many leader actions |
| `milp` | exact, mixed-integer programs | many followers, separable payoffs |
| `walk` | a lower bound: local search over vertices of the arrangement of ties | many leader actions |

Whether an answer is a best response, and whether a region is empty or flat, is decided without tolerance: the
payoffs are the rational numbers that their floats are (`jaxstack.exact`).
"""

from __future__ import annotations

import dataclasses
import importlib
import math

from jaxstack import checks
from jaxstack._settings import with_pinned_settings
from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game, check_types
from jaxstack.regions.clipping import TIE_RULES, enumerate_regions
from jaxstack.regions.table import RegionTable, check_table
from jaxstack.sequences import distribution_of
from jaxstack.solvers.baseline import Baselines, baselines
from jaxstack.solvers.choice import Estimate, choose, estimate
from jaxstack.solvers.contract import NEAR_TIE, Clock, Progress, Solution
from jaxstack.solvers.problem import NearTie, Problem, near_ties

METHODS = ("vertices", "programs", "milp", "walk")

__all__ = [
    "METHODS",
    "NEAR_TIE",
    "Baselines",
    "Estimate",
    "NearTie",
    "Solution",
    "baselines",
    "choose",
    "estimate",
    "near_ties",
    "solve",
]


@with_pinned_settings
def solve(
    game: Game,
    types: TypeDistribution,
    method: str | None = None,
    ties: str = "optimistic",
    table: RegionTable | None = None,
    *,
    time_limit: float | None = None,
    progress: Progress | None = None,
) -> Solution:
    """The commitment that maximises U_D(x) = E u(x, br(theta, x)), with the response map and the value.

    Optimistic ties give the strong Stackelberg equilibrium: followers break ties in the leader's favour, by
    one response map. Robust ties give what the leader gets whatever indifferent followers do, in the limit of
    moving x by an arbitrarily small step: the best of the full-dimensional regions, where followers who stay
    indifferent (equal actions) answer for the worst. In a generic game the two agree.

    Args:
      game: one game, or (method="vertices" only) a stacked batch of G games.
      types: distribution of the joint type, one per game; of `SequenceTypes` their empirical distribution,
        so that the answer is the best fixed commitment in hindsight.
      method: "vertices", "programs", "milp" or "walk" (a lower bound; the others are exact). None chooses
        by an estimate of what each would have to do, and says in the solution which it was and why: exact
        where that takes seconds, otherwise a lower bound with an upper bound.
      ties: "optimistic" or "robust".
      table: regions of this game, so that "vertices" need not enumerate them. With ties="robust" an
        optimistic table does too.
      time_limit: seconds after which the best commitment so far is returned, with an upper bound. "vertices"
        cannot stop on the way, and refuses a game whose estimate is above it.
      progress: called with (best value so far, upper bound) whenever one improves.

    Returns:
      Solution; among equally good vertices the lowest index of the table ("vertices"), otherwise whichever
      the program finds first.

    Raises:
      ValueError: unknown method or ties, types or a table that do not fit the game, a batch where the method
        solves one game at a time, a size that the method refuses, or a time limit that is not positive.
      TimeoutError: the time limit was too short for any commitment.
    """
    if method is not None:
        checks.one_of("method", method, METHODS)
    checks.one_of("tie rule", ties, TIE_RULES)
    check_types(game, types)
    types = distribution_of(types)
    if table is not None:
        check_table(game, table, ties)
    clock = Clock(_seconds(time_limit), progress)
    reason = ""
    if method is None:
        method, reason, table = _chosen(game, ties, table, clock)
    if method == "vertices":
        from jaxstack.solvers import vertices

        _check_time(game, table, clock)
        solution = vertices.solve(game, types, ties, clock, table)
    else:
        _check_single(game, method, table)
        solver = importlib.import_module(f"jaxstack.solvers.{method}")
        solution = solver.solve(Problem(game, types, ties, clock))
    return dataclasses.replace(solution, reason=reason)


def _chosen(
    game: Game, ties: str, table: RegionTable | None, clock: Clock
) -> tuple[str, str, RegionTable | None]:
    """A method, why, and the table that it needs if there is one."""
    if table is not None:
        return "vertices", "a region table was given", table
    if game.num_games is not None:
        return "vertices", "it solves a batch of games", None
    method, reason = choose(game, ties, clock.time_limit)
    if method != "vertices":
        return method, reason, None
    try:
        return method, reason, enumerate_regions(game, ties=ties)
    except (MemoryError, ValueError) as error:  # more regions than the sample let expect
        return *choose(game, ties, clock.time_limit, no_table=str(error).split(";")[0]), None


def _seconds(time_limit: float | None) -> float | None:
    """The time limit, if it is one."""
    if time_limit is None:
        return None
    if (
        isinstance(time_limit, bool)
        or not isinstance(time_limit, int | float)
        or not 0 < time_limit < math.inf
    ):
        raise ValueError(
            f"time_limit must be a positive number of seconds, or None, but {time_limit!r} arrived."
        )
    return float(time_limit)


def _check_time(game: Game, table: RegionTable | None, clock: Clock) -> None:
    """Raise TimeoutError where enumerating the regions of a game would take longer than there is time."""
    if clock.time_limit is None or table is not None or game.num_games is not None:
        return
    expected = estimate(game)
    if expected.seconds > clock.time_limit:
        raise TimeoutError(
            f"method='vertices' would take about {expected.seconds:.2g} seconds for {game!r} ({expected}), "
            f"but time_limit={clock.time_limit:g}, and an enumeration cannot stop on the way. Use "
            f"method=None, 'programs', 'milp' or 'walk', which return the best commitment so far."
        )


def _check_single(game: Game, method: str, table: RegionTable | None) -> None:
    """Raise ValueError where a method for one game without a table is given more."""
    if table is not None:
        raise ValueError(
            f"A region table serves method='vertices' only, but it arrived with method={method!r}. "
            f"Drop one of the two."
        )
    if game.num_games is not None:
        raise ValueError(
            f"method={method!r} solves one game at a time, but {game!r} arrived. Use method='vertices', or "
            f"loop over jaxstack.unstack(game, g) and jaxstack.unstack(types, g)."
        )
