"""Optimal commitments against a *known* distribution of types: four methods, one call.

| method | answer | made for |
|---|---|---|
| `vertices` | exact: every vertex of every region; a look-up once there is a table | the default; batches |
| `programs` | exact, one linear program per region (the paper's way; HiGHS) | checking the default |
| `milp` | exact, one mixed-integer program (HiGHS) | many followers, separable payoffs |
| `ascent` | a lower bound: gradient ascent and local search | many leader actions |
"""

from __future__ import annotations

import importlib

from jaxstack import checks
from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game, check_types
from jaxstack.regions.clipping import TIE_RULES
from jaxstack.regions.table import RegionTable
from jaxstack.solvers.contract import Solution

METHODS = ("vertices", "programs", "milp", "ascent")

__all__ = ["METHODS", "Solution", "solve"]


def solve(
    game: Game,
    types: TypeDistribution,
    method: str = "vertices",
    ties: str = "optimistic",
    table: RegionTable | None = None,
) -> Solution:
    """The commitment that maximises U_D(x) = E u(x, br(theta, x)), with the response map and the value.

    Optimistic ties give the strong Stackelberg equilibrium: followers break ties in the leader's favour, by
    one response map. Robust ties give the supremum over full-dimensional regions: what the leader can enforce
    by nudging x. In a generic game the two agree.

    Args:
      game: one game, or (method="vertices" only) a stacked batch of G games.
      types: distribution of the joint type, one per game.
      method: "vertices", "programs", "milp" or "ascent" (a lower bound; the others are exact).
      ties: "optimistic" or "robust" ("milp" knows "optimistic" only).
      table: regions of this game, so that "vertices" need not enumerate them. With ties="robust" an
        optimistic table does too.

    Returns:
      Solution; among equally good vertices the lowest index of the table ("vertices"), otherwise whichever
      the program finds first.

    Raises:
      ValueError: unknown method or ties, types or a table that do not fit the game, a batch where the method
        solves one game at a time, or a size that the method refuses.
    """
    checks.one_of("method", method, METHODS)
    checks.one_of("tie rule", ties, TIE_RULES)
    check_types(game, types)
    if method == "vertices":
        from jaxstack.solvers import vertices

        return vertices.solve(game, types, ties, table)
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
    return importlib.import_module(f"jaxstack.solvers.{method}").solve(game, types, ties)
