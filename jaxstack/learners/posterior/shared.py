"""Posterior bootstrap over joint types: every action seen, in whatever region, teaches the same distribution.

Source: `jaxstack.learners.posterior.rule`.
"""

from __future__ import annotations

import functools

from jaxstack import memory
from jaxstack.game import Game
from jaxstack.learners.candidates import Scoring, joint_features, list_candidates
from jaxstack.learners.contract import Learner
from jaxstack.learners.posterior.newton import LARGEST_MATRIX, STEPS, problems_at_once
from jaxstack.learners.posterior.outcomes import require_equal_draws, tell_outcomes
from jaxstack.learners.posterior.rule import Prepared, Rule, learner
from jaxstack.learners.posterior.searched import posterior_by_search
from jaxstack.regions.table import RegionTable

MAX_JOINT_TYPES = 1 << 14


@functools.cache
def shared_posterior(growth: float = 0.02, steps: int = STEPS) -> Learner:
    """Learner that fits one distribution of joint types to actions seen in all regions (feedback: actions).

    In a region the joint action is a known function of the joint type, so every action seen anywhere is an
    observation of the same D. Epochs have length l = max(1, floor(growth t)), t their first round. Their
    first max(1, round(probe_share l)) rounds play the best candidate for a fresh sample D~ of the posterior,
    the others the best candidate for its mode D^. (Of three samples, the first that leads to another region
    than the mode does.) Both maximise, over the simplex,

        sum_{W,a} G[W,a] log (M_W D)_a + sum_j g_j log D_j,   (M_W D)_a = P(joint action a | region W):

    the mode with the counts G = N and g_j = 1/J, J = K^n; the sample with G = Gamma(N) and g_j = Gamma(alpha)
    + floor, log alpha uniform in [log alpha_low, log alpha_high] and fresh in every epoch. With regions that
    reveal types, and for one alpha, samples are Dirichlet(alpha + N) up to the floor. Lowest region, then
    lowest vertex, among ties.

    Past 512 joint types plans are made without matrices, and take long.

    It remembers counts of joint actions for the 64 regions it visited most. float32 is tested up to 10^5
    rounds in one region; far beyond, use jax_enable_x64.

    No regret bound is known for it. For correlated types none that is polynomial in n and L can be
    (`jaxstack.scenarios.hidden_parity`).

    Args:
      growth: of epochs, in (0, 1] (static).
      steps: of Newton's method (static), at most: it ends where all problems have converged. 15 leave some
        far from it (tested).

    Hyperparameters (traced): `probe_share`, default 0.1; `alpha_low`, default 1/J; `alpha_high`, default 1;
    `floor`, default 0.01.

    Raises:
      ValueError: growth or steps out of range; in `simulate`: more than 16,384 joint types.
      MemoryError (in `simulate`): tables of regions against joint types would not fit.

    Warns (in `simulate`):
      UserWarning: the leader's payoff depends on types, which it does not learn from.

    Source: `jaxstack.learners.posterior.rule`.
    """
    return learner("shared_posterior", Rule(True, growth, steps), _prepare, posterior_by_search)


def _prepare(game: Game, table: RegionTable) -> Prepared:
    if game.num_joint_types > MAX_JOINT_TYPES:
        raise ValueError(
            f"shared_posterior works on joint types, of which this game has K**n = {game.num_types}**"
            f"{game.num_followers} = {game.num_joint_types:,}; the most is {MAX_JOINT_TYPES:,}. Use "
            f"marginal_posterior, which works follower by follower (right for independent types, and for "
            f"payoffs that are sums), or region_ucb."
        )
    if game.num_joint_types <= LARGEST_MATRIX:
        # Matrix, factor, and what the sum is made of; in double precision where that is in use.
        memory.require(
            3 * 8.0 * problems_at_once(game.num_joint_types) * game.num_joint_types**2,
            what="the linear systems of shared_posterior",
            driver=f"J**2 numbers of J = {game.num_joint_types:,} joint types, for every problem",
            remedy="marginal_posterior works on K types at a time, and region_ucb on none",
        )
    require_equal_draws(game, joint=True)
    candidates = list_candidates(table)
    outcomes = tell_outcomes(game, table, joint=True)
    return Prepared(outcomes, Scoring(candidates, joint=joint_features(game, table, candidates)))
