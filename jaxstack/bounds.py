"""Right-hand sides of the theorems, with constant 1 (one apart): guides for growth, not for level.

Source: arXiv 2510.01387; for "vector_oful" `jaxstack.learners.vector_oful`, for "lower_actions"
`jaxstack.scenarios.parity`. Payoffs of any range multiply them (the theorems have payoffs in [0, 1]).
"""

from __future__ import annotations

import math

from jaxstack import checks
from jaxstack.game import Game

THEOREMS = ("erm_joint", "erm_product", "region_ucb", "oful", "vector_oful")
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
    and `vector_oful` have no L. The lower bounds are for the simplex: their games are played there.

    Args:
      learner: whose theorem: one of `THEOREMS`, as `Learner.theorem` says; "lower" for the lower bound on any
        learner; "lower_actions" for the one on learners that see actions only, with its constant:
        c min(sqrt(N T), T), where N = sum_{k<L} C(n, k) for n >= L and 2^(n-1) otherwise, c = 1/19, or 1/43
        for N < 4. It holds for the worst correlated types in *some* game of these sizes, under either rule
        for ties, and grows like sqrt(2^min(n, L-1) T).
      game: gives L, n, K, A and the payoff range.
      horizon: T >= 1.

    Raises:
      ValueError: no theorem for that name, no single game, a horizon that is no number of at least 1, a lower
        bound on another set than the simplex, or "lower_actions" where it is not proved: K < 4, or n, L or A
        below 2.
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
    learner = checks.one_of("regret bound", learner, (*THEOREMS, "lower", "lower_actions"))
    if learner.startswith("lower") and game.strategies is not None:
        raise ValueError(f"the lower bound is known on the simplex, and not on {game.strategies!r}.")
    low, high = (float(bound) for bound in game.payoff_bounds())
    if learner == "lower_actions":
        return (high - low) * _lower_actions(game, horizon)
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
        "vector_oful": 2 * log_joint + n * math.log(min(types, actions)) + 2 * log_log_horizon,
        "lower": math.log(min(leader, n * types)),
    }
    log_square = logs_of_squares[learner] + math.log(horizon)
    return (high - low) * (math.exp(log_square / 2) if log_square < 1400 else math.inf)


def _lower_actions(game: Game, horizon: float) -> float:
    """Theorem 2 of `jaxstack.scenarios.parity`, for payoffs in [0, 1]."""
    leader, n = game.num_leader_actions, game.num_followers
    if game.num_types < 4 or min(n, leader, game.num_actions) < 2:
        raise ValueError(
            f"the lower bound for learners that see actions is proved for K >= 4 and n, L, A >= 2, but "
            f'{game!r} arrived. "lower" holds for any game.'
        )
    regions = sum(math.comb(n, k) for k in range(leader)) if n >= leader else 2 ** (n - 1)
    return (1 / 19 if regions >= 4 else 1 / 43) * min(math.sqrt(regions * horizon), horizon)
