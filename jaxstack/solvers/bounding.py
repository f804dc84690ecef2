"""What no commitment can earn more than: a bound for solvers that prove nothing themselves.

Branch and bound over response maps (`jaxstack.solvers.branching`) is the bound of all but very large games.
Strategy sets, payoffs that are no sums, and time limits too short for it have the mixed-integer program
without its integers (`jaxstack.solvers.milp`), before it or in its place; the rest, the highest payoff.

Measured (`python -m experiments.certificates`): with 20 leader actions, 20 followers, 2 types and 2 actions,
the first ends with the optimum after seconds, where the mixed-integer program leaves 11 to 13 % of the payoff
range after a minute.
"""

from __future__ import annotations

import math

from jaxstack.solvers import milp, relaxation
from jaxstack.solvers.branching import Tree
from jaxstack.solvers.contract import Clock
from jaxstack.solvers.problem import Found, Problem

DEFAULT_WORK = 2.0**32
"""Numbers that are worked on to narrow a bound down where there is no time limit (seconds on two cores): an
amount of work and not of time, so that the answer is the same on a faster machine."""

MAX_VARIABLES = 20_000  # of a linear program that takes a second or two
_SECONDS_TO_COMPILE = 1.0


def upper_bound(problem: Problem, value: float, clock: Clock) -> float:
    """An upper bound on what any commitment earns, under either tie rule, in the problem's units.

    The longer it may take the lower it is, until it is `value`, where nothing earns more. It takes what is
    left of the time limit, so that a caller's own search ends before it; without one, DEFAULT_WORK.

    Args:
      problem: one game.
      value: what some commitment earns, in the problem's units. The higher, the sooner others are excluded.
      clock: how much time is left.

    Returns:
      At least `value`. It is no lower than the optimum by more than a billionth of the payoff range.
    """
    found, bound, precision = _searched(problem, value, clock)
    return bound if found is None else bound + precision


def certified(problem: Problem, best: Found, clock: Clock) -> tuple[Found, float]:
    """The better of `best` and what the search for an upper bound meets on its way, and that bound.

    Where it ends, the two are equal, and the optimum. As `upper_bound` in all else; under robust ties the
    commitment stays what it is.
    """
    found, bound, precision = _searched(problem, best.value, clock)
    if found is None:
        return best, bound
    return (found, bound) if problem.ties == "optimistic" else (best, bound + precision)


def _searched(problem: Problem, value: float, clock: Clock) -> tuple[Found | None, float, float]:
    """A better commitment under optimistic ties, if one was met; a bound; and the precision of that."""
    end = Clock(clock.left, None)
    bound, searches = problem.highest, relaxation.fits(problem)
    # On a simplex the first bound of a sum is worth the linear program's, and sooner there.
    on_simplex = problem.strategies is None and problem.game.leader.additive_terms() is not None
    if not (searches and on_simplex and _may_compile(end)):
        bound = min(bound, _relaxed_program(problem, value, end))
    if not searches or bound <= value:
        return None, max(bound, value), 0.0
    tree = Tree(problem, value)
    if _may_compile(end):
        tree.search(end, DEFAULT_WORK if end.left is None else math.inf)
    return tree.found, max(min(bound, tree.upper_bound), value), tree.precision


def _may_compile(end: Clock) -> bool:
    """Is there time for the search's program?"""
    return end.left is None or end.left > _SECONDS_TO_COMPILE


def _relaxed_program(problem: Problem, value: float, end: Clock) -> float:
    """The mixed-integer program without its integers."""
    if end.is_over or milp.num_variables(problem.original) > MAX_VARIABLES:
        return problem.highest
    # The program with all products is the tighter one.
    is_small = milp.num_products(problem.game) <= MAX_VARIABLES
    program = (milp.Program if is_small else milp.program_for)(problem, value)
    return float(program.relaxed(end.left))
