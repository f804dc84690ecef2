"""What no commitment can earn more than: a bound for solvers that prove nothing themselves.

Branch and bound over response maps (`jaxstack.solvers.branching`) is the bound of all but very large games.
Strategy sets, payoffs that are no sums, and time limits too short for it have the mixed-integer program
without its integers (`jaxstack.solvers.milp`), before it or in its place; the rest, the highest payoff.

Measured (`python -m experiments.certificates`): with 20 leader actions, 20 followers, 2 types and 2 actions,
the first ends with the optimum after seconds, where the mixed-integer program leaves 11 to 13 % of the payoff
range after a minute.
"""

from __future__ import annotations

from jaxstack.solvers import milp, relaxation
from jaxstack.solvers.branching import Tree
from jaxstack.solvers.contract import Clock
from jaxstack.solvers.problem import Problem

DEFAULT_SECONDS = 5.0
"""How long a bound is narrowed down where there is no time limit."""

MAX_VARIABLES = 20_000  # of a linear program that takes a second or two
_SECONDS_TO_COMPILE = 1.0


def upper_bound(problem: Problem, value: float, clock: Clock) -> float:
    """An upper bound on what any commitment earns, under either tie rule, in the problem's units.

    The longer it may take the lower it is, until it is `value`, where nothing earns more. It takes what is
    left of the time limit, so that a caller's own search ends before it; without one, DEFAULT_SECONDS.

    Args:
      problem: one game.
      value: what some commitment earns, in the problem's units. The higher, the sooner others are excluded.
      clock: how much time is left.

    Returns:
      At least `value`. It is no lower than the optimum by more than a billionth of the payoff range.
    """
    bound, branches = problem.highest, relaxation.fits(problem)
    end = Clock(DEFAULT_SECONDS if clock.left is None else clock.left, None)
    if not _is_narrowed_soon(problem, end):
        bound = min(bound, _relaxed_program(problem, value, end))
    if branches and bound > value:
        tree = Tree(problem, value)
        if end.left > _SECONDS_TO_COMPILE:
            tree.search(end)
        at_most = tree.upper_bound + (tree.precision if tree.found is not None else 0.0)
        bound = min(bound, at_most)
    return max(bound, value)


def _is_narrowed_soon(problem: Problem, end: Clock) -> bool:
    """Does the first bound of the search cost less than the linear program, and say as much?"""
    is_sum = problem.game.leader.additive_terms() is not None
    there_is_time = end.left > _SECONDS_TO_COMPILE
    return is_sum and problem.strategies is None and there_is_time and relaxation.fits(problem)


def _relaxed_program(problem: Problem, value: float, end: Clock) -> float:
    """The mixed-integer program without its integers."""
    if end.is_over or milp.num_variables(problem.original) > MAX_VARIABLES:
        return problem.highest
    # The program with all products is the tighter one.
    is_small = milp.num_products(problem.game) <= MAX_VARIABLES
    program = (milp.Program if is_small else milp.program_for)(problem, value)
    return float(program.relaxed(end.left))
