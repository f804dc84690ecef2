"""Right-hand sides of the theorems, with constant 1: guides for growth, not for level.

Source: arXiv 2510.01387; payoffs of any range multiply them (the paper has payoffs in [0, 1]).
"""

from __future__ import annotations

import math

import numpy as np

from jaxstack import checks
from jaxstack.game import Game

THEOREMS = ("erm_joint", "erm_product", "region_ucb", "oful")
"""Names of the rates that bound a learner's regret (`Learner.theorem`)."""


def num_regions(game: Game) -> int:
    """Bound n^L K^L A^(2L) on the number of best-response regions of a generic game (exact integer).

    Of unequal followers n K A^2 is the sum of the squared numbers of actions over all follower types.
    """
    return _pairs(game) ** game.num_leader_actions


def _pairs(game: Game) -> int:
    """n K A^2, the pairs of actions of all follower types."""
    if game.available is None:
        return int(game.num_followers * game.num_types * game.num_actions**2)
    return int((np.asarray(game.available).sum(axis=-1) ** 2).sum())


def regret(learner: str, game: Game, horizon: float) -> float:
    """Theorem's rate for a learner's regret after `horizon` rounds, in payoff units, with constant 1.

    Args:
      learner: whose theorem: "erm_joint", "erm_product", "region_ucb", "oful" (as `Learner.theorem` says), or
        "lower" for the lower bound.
      game: gives L, n, K, A and the payoff range; of unequal followers, n K and n K A are sums and K^n is a
        product over followers.
      horizon: T >= 1.

    Raises:
      ValueError: no theorem for that name, no single game, or a horizon that is no number of at least 1.
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
    leader, counts = game.num_leader_actions, game.types_by_follower
    types, actions = int(counts.sum()), game.num_followers * game.num_types * game.num_actions
    if game.available is not None:
        actions = int(np.asarray(game.available).sum())
    # Logarithms throughout: K**n and the number of regions overflow floats.
    log_joint = float(np.log(counts).sum())
    log_regions = leader * math.log(_pairs(game))
    geometric = math.log(leader * math.log(max(actions * horizon, math.e)))
    log_log_horizon = math.log(math.log(max(horizon, math.e)))
    logs_of_squares = {
        "erm_joint": min(geometric, log_joint),
        "erm_product": min(geometric, math.log(types)),
        "region_ucb": log_regions + math.log(leader) + log_log_horizon,
        "oful": 2 * log_joint + 2 * log_log_horizon,
        "lower": math.log(min(leader, types)),
    }
    log_square = logs_of_squares[checks.one_of("regret bound", learner, (*THEOREMS, "lower"))] + math.log(
        horizon
    )
    low, high = game.leader.bounds()
    return float(high - low) * (math.exp(log_square / 2) if log_square < 1400 else math.inf)
