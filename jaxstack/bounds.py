"""Right-hand sides of the theorems, with constant 1: guides for growth, not for level.

Source: arXiv 2510.01387; payoffs of any range multiply them (the paper has payoffs in [0, 1]).
"""

from __future__ import annotations

import math

from jaxstack import checks
from jaxstack.game import Game


def num_regions(game: Game) -> int:
    """Bound n^L K^L A^(2L) on the number of best-response regions of a generic game (exact integer)."""
    return (game.num_followers * game.num_types * game.num_actions**2) ** game.num_leader_actions


def regret(learner: str, game: Game, horizon: float) -> float:
    """Theorem's rate for a learner's regret after `horizon` rounds, in payoff units, with constant 1.

    Args:
      learner: "erm_joint", "erm_product", "region_ucb", "oful", or "lower" for the lower bound.
      game: gives L, n, K, A and the payoff range.
      horizon: T >= 1.

    Raises:
      ValueError: no theorem for that name.
    """
    leader, n, types, actions = game.num_leader_actions, game.num_followers, game.num_types, game.num_actions
    # Logarithms throughout: K**n overflows floats for large n.
    geometric = leader * math.log(max(n * types * actions * horizon, math.e))
    log_joint = n * math.log(types)
    joint = math.exp(log_joint) if log_joint < 700 else math.inf
    log_horizon = math.log(max(horizon, math.e))
    squares = {
        "erm_joint": min(geometric, joint) * horizon,
        "erm_product": min(geometric, n * types) * horizon,
        "region_ucb": float(num_regions(game)) * leader * horizon * log_horizon,
        "oful": joint**2 * log_horizon**2 * horizon if joint < 1e150 else math.inf,
        "lower": min(leader, n * types) * horizon,
    }
    low, high = game.leader.bounds()
    return float(high - low) * math.sqrt(squares[checks.one_of("regret bound", learner, squares)])
