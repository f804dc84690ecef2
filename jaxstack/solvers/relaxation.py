"""What no commitment can earn more than: a bound for solvers that prove nothing themselves."""

from __future__ import annotations

from jaxstack.solvers import milp
from jaxstack.solvers.problem import Problem

MAX_VARIABLES = 20_000  # of a linear program that takes a second or two


def upper_bound(problem: Problem, reached: float) -> float:
    """An upper bound on what any commitment earns, under either tie rule, in the problem's units.

    The mixed-integer program without its integers where that is small enough, otherwise the highest payoff.

    Args:
      problem: one game.
      reached: what some commitment earns.
    """
    if milp.num_variables(problem.original) > MAX_VARIABLES or problem.clock.is_over:
        return problem.highest
    # The program with all products is the tighter one.
    is_small = milp.num_products(problem.game) <= MAX_VARIABLES
    program = (milp.Program if is_small else milp.program_for)(problem, reached)
    return min(problem.highest, program.relaxed(problem.clock.left))
