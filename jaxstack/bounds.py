"""Right-hand sides of the theorems, with constant 1: guides for growth, not for level.

Source: arXiv 2510.01387; payoffs of any range multiply them (the paper has payoffs in [0, 1]).
"""

from __future__ import annotations

import math

from jaxstack import checks
from jaxstack.game import Game

THEOREMS = ("erm_joint", "erm_product", "region_ucb", "oful")
"""Names of the rates that bound a learner's regret (`Learner.theorem`)."""


def num_regions(game: Game) -> int:
    """Bound n^L K^L A^(2L) on the number of best-response regions of a generic game (exact integer).

    On a strategy set of dimension d, L is d + 1: its facets cut regions off, and make none.
    """
    return (game.num_followers * game.num_types * game.num_actions**2) ** (game.dimension + 1)


def regret(learner: str, game: Game, horizon: float) -> float:
    """Theorem's rate for a learner's regret after `horizon` rounds, in payoff units, with constant 1.

    On a strategy set of dimension d, d + 1 takes the place of L in the upper bounds: what they count, regions
    between hyperplanes and the pseudo-dimension of linear functions, depends on the affine hull alone. `oful`
    has no L. The lower bound is for the simplex: its games are played there.

    Args:
      learner: whose theorem: "erm_joint", "erm_product", "region_ucb", "oful" (as `Learner.theorem` says), or
        "lower" for the lower bound.
      game: gives L, n, K, A and the payoff range.
      horizon: T >= 1.

    Raises:
      ValueError: no theorem for that name, no single game, a horizon that is no number of at least 1, or the
        lower bound on another set than the simplex.
    """
    checks.instance("game", game, Game, "Load one with jaxstack.load_game, or make one.")
    if game.num_games is not None:
        raise ValueError(f"a bound is one game's, but {game!r} arrived. Pick one: jaxstack.unstack(game, 0).")
    number = checks.real_number(horizon)
    if number is None or number < 1:
        raise ValueError(
            f"horizon must be a number of rounds, 1 or more, but {checks.brief(horizon)} arrived."
        )
    horizon = number
    if learner == "lower" and game.strategies is not None:
        raise ValueError(f"the lower bound is known on the simplex, and not on {game.strategies!r}.")
    leader, n, types, actions = game.dimension + 1, game.num_followers, game.num_types, game.num_actions
    # Logarithms throughout: K**n and the number of regions overflow floats.
    log_joint = n * math.log(types)
    log_regions = leader * math.log(n * types * actions**2)
    geometric = math.log(leader * math.log(max(n * types * actions * horizon, math.e)))
    log_log_horizon = math.log(math.log(max(horizon, math.e)))
    logs_of_squares = {
        "erm_joint": min(geometric, log_joint),
        "erm_product": min(geometric, math.log(n * types)),
        "region_ucb": log_regions + math.log(leader) + log_log_horizon,
        "oful": 2 * log_joint + 2 * log_log_horizon,
        "lower": math.log(min(leader, n * types)),
    }
    log_square = logs_of_squares[checks.one_of("regret bound", learner, (*THEOREMS, "lower"))] + math.log(
        horizon
    )
    low, high = game.payoff_bounds()
    return float(high - low) * (math.exp(log_square / 2) if log_square < 1400 else math.inf)
