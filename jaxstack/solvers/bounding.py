"""What no commitment can earn more than: a bound for solvers that prove nothing themselves."""

from __future__ import annotations

from jaxstack.solvers import milp
from jaxstack.solvers.contract import Clock
from jaxstack.solvers.problem import Problem

MAX_VARIABLES = 20_000  # of a linear program that takes a second or two


def upper_bound(problem: Problem, value: float, clock: Clock) -> float:
    """An upper bound on what any commitment earns, under either tie rule, in the problem's units.

    The mixed-integer program without its integers where that is small enough, otherwise the highest payoff.

    Args:
      problem: one game.
      value: what some commitment earns, in the problem's units.
      clock: how much time is left.
    """
    if milp.num_variables(problem.game) > MAX_VARIABLES or clock.is_over:
        return problem.highest
    return min(problem.highest, milp.Program(problem, value).relaxed(clock.left))
