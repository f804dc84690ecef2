"""Right-hand sides of the theorems, with constant 1 (one apart): guides for growth, not for level.

Source: arXiv 2510.01387; `jaxstack.learners.vector_oful` and `jaxstack.scenarios.parity` for theirs. Payoffs of any range multiply them (the paper has payoffs in [0, 1]).
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
      learner: whose theorem: "erm_joint", "erm_product", "region_ucb", "oful", "vector_oful" (as
        `Learner.theorem` says); "lower" for the lower bound on any learner; or "lower_actions" for the one on
        learners that see actions only, with its constant: c min(sqrt(N T), T), N = sum_{k<L} C(n, k) where
        n >= L and 2^(n-1) elsewhere, c = 1/19, or 1/43 where N < 4. It holds for the worst distribution of
        correlated types of *some* game of these sizes, under either rule for ties.
      game: gives L, n, K, A and the payoff range.
      horizon: T >= 1.

    Raises:
      ValueError: no theorem for that name, no single game, or a horizon that is no number of at least 1; or
        "lower_actions" for sizes at which it is not proved (K < 4, or n, L or A below 2).
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
    leader, n, types, actions = game.num_leader_actions, game.num_followers, game.num_types, game.num_actions
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
        "vector_oful": 2 * log_joint + n * math.log(min(types, actions)) + 2 * log_log_horizon,
        "lower": math.log(min(leader, n * types)),
        "lower_actions": 0.0,
    }
    low, high = (float(bound) for bound in game.leader.bounds())
    if learner == "lower_actions":
        return (high - low) * _lower_actions(game, horizon)
    log_square = logs_of_squares[checks.one_of("regret bound", learner, logs_of_squares)] + math.log(horizon)
    return (high - low) * (math.exp(log_square / 2) if log_square < 1400 else math.inf)


def _lower_actions(game: Game, horizon: float) -> float:
    """Theorem 2 of `jaxstack.scenarios.parity`, for payoffs in [0, 1]."""
    leader, n = game.num_leader_actions, game.num_followers
    if game.num_types < 4 or min(n, leader, game.num_actions) < 2:
        raise ValueError(
            f"the lower bound for learners that see actions is proved for K >= 4 and n, L, A >= 2, but {game!r} "
            f"arrived. \"lower\" holds for any game."
        )
    regions = sum(math.comb(n, k) for k in range(leader)) if n >= leader else 2 ** (n - 1)
    return (1 / 19 if regions >= 4 else 1 / 43) * min(math.sqrt(regions) * math.sqrt(horizon), horizon)
