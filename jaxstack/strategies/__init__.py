"""The leader's strategy set: the simplex of mixed strategies, or any bounded polytope.

Payoffs are linear in the commitment x, with one coefficient per coordinate: what `[.., L]` means for the
simplex, it means for every set. A payoff that is affine has its constant as the coefficient of a coordinate
that is always 1: `box`, `budget` and `coverage` have one, the last, and so L is one more than what the leader
chooses. On the simplex and on products of simplices a constant is added to all coefficients of one simplex.

A game without strategies has the simplex. There, and in the frame of a polytope
(`jaxstack.strategies.frame`), the same code enumerates regions and solves.
"""

from jaxstack.strategies.polytope import Polytope
from jaxstack.strategies.sets import box, budget, coverage, product_of_simplices, simplex

__all__ = ["Polytope", "box", "budget", "coverage", "product_of_simplices", "simplex"]
