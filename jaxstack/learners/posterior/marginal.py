"""Posterior bootstrap over the types of one follower at a time.

Source: `jaxstack.learners.posterior.rule`.
"""

from __future__ import annotations

import functools

from jaxstack.game import Game
from jaxstack.learners.candidates import prepare_marginal_scoring
from jaxstack.learners.contract import Learner
from jaxstack.learners.posterior.newton import STEPS
from jaxstack.learners.posterior.outcomes import require_equal_draws, tell_outcomes, warn_of_correlation
from jaxstack.learners.posterior.rule import Prepared, Rule, learner
from jaxstack.learners.posterior.searched import posterior_by_search
from jaxstack.regions.table import RegionTable


@functools.cache
def marginal_posterior(growth: float = 0.02, steps: int = STEPS) -> Learner:
    """Learner that fits every follower's types to its own actions, seen in all regions (feedback: actions).

    `shared_posterior` for each follower by itself, and candidates are valued as if types were independent: n
    problems of K types, never K^n joint ones, so that n may be hundreds. It is right

    - where types are independent; or
    - where the leader's payoff is a sum over followers, whatever D: then marginals tell all there is to know.

    Elsewhere its model is wrong, and its regret can be linear in T: it settles on what would be best if types
    were independent. It cannot know whether they are, so it warns where the payoff is no sum.

    What a follower did is counted by its own response: 64 different ones are remembered, those visited most.

    Args and hyperparameters: as for `shared_posterior`, where J = K.

    Raises:
      ValueError: growth or steps out of range.
      MemoryError (in `simulate`): tables would not fit.

    Warns (in `simulate`):
      UserWarning: the payoff is no sum over followers, or depends on types.

    Source: `jaxstack.learners.posterior.rule`.
    """
    return learner("marginal_posterior", Rule(False, growth, steps), _prepare, posterior_by_search)


def _prepare(game: Game, table: RegionTable) -> Prepared:
    require_equal_draws(game, joint=False)
    warn_of_correlation(game)
    return Prepared(tell_outcomes(game, table, joint=False), prepare_marginal_scoring(game, table))
