"""What no commitment can earn more than: a bound for solvers that prove nothing themselves."""

from __future__ import annotations

from jaxstack.solvers import milp, relaxation
from jaxstack.solvers.branching import Tree
from jaxstack.solvers.contract import Clock
from jaxstack.solvers.problem import Problem

DEFAULT_SECONDS = 10.0
"""How long a bound is narrowed down where there is no time limit."""

MAX_VARIABLES = 20_000  # of a linear program that takes a second or two
_SECONDS_TO_COMPILE = 1.5


def upper_bound(problem: Problem, value: float, clock: Clock) -> float:
    """An upper bound on what any commitment earns, under either tie rule, in the problem's units.

    Branch and bound over response maps, for as long as the clock says, or DEFAULT_SECONDS; `value` where it
    ends, and nothing better was met. Where the payoff is no sum over followers, the mixed-integer program
    without its integers before that. The highest payoff where both are too large.

    Args:
      problem: one game.
      value: what some commitment earns, in the problem's units.
      clock: how much time is left.
    """
    bound = problem.highest
    seconds = DEFAULT_SECONDS if clock.left is None else clock.left
    branches = relaxation.fits(problem)
    is_sum = problem.game.leader.additive_terms() is not None
    has_program = milp.num_variables(problem.original) <= MAX_VARIABLES
    if has_program and not clock.is_over and not (is_sum and branches and seconds > _SECONDS_TO_COMPILE):
        # The program with all products is the tighter one.
        is_small = milp.num_products(problem.game) <= MAX_VARIABLES
        program = (milp.Program if is_small else milp.program_for)(problem, value)
        bound = min(bound, program.relaxed(clock.left))
    if branches and bound > value:
        tree = Tree(problem, value)
        if clock.left is None or clock.left > _SECONDS_TO_COMPILE:
            tree.search(clock, seconds)
        bound = min(bound, tree.upper_bound)
    return max(bound, value)
