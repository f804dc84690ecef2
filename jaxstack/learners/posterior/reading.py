"""What a posterior learner takes the distribution of types to be: for pictures, and to decide by."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from jaxstack import checks
from jaxstack._settings import with_pinned_settings
from jaxstack.axes import Float
from jaxstack.game import Game
from jaxstack.learners.candidates import Candidates, Scoring
from jaxstack.learners.contract import Known
from jaxstack.learners.knowledge import with_prepared
from jaxstack.learners.posterior import rule
from jaxstack.learners.posterior.newton import maximise
from jaxstack.learners.posterior.outcomes import tell_outcomes
from jaxstack.learners.posterior.rule import PosteriorParams, PosteriorState, Prepared


class Posterior(NamedTuple):
    """Distribution of types as a learner knows it (host arrays, float64; probabilities).

    Of `shared_posterior` all are over joint types, [K, .., K] with one axis per follower; of
    `marginal_posterior` over each follower's types, [n, K]. Types that a follower lacks have probability 0.

    estimate: mode of the posterior.
    standard_error: of the samples around their mean. Where types cannot be told apart by what was played it
      stays as wide as the prior.
    samples: [N, ..], one in front: draws of the posterior.
    """

    estimate: Float[np.ndarray, "*types"]
    standard_error: Float[np.ndarray, "*types"]
    samples: Float[np.ndarray, "N *types"]


@with_pinned_settings
def posterior(
    known: Known,
    state: PosteriorState,
    *,
    num_samples: int = 200,
    key: jax.Array | None = None,
    hparams: PosteriorParams | None = None,
) -> Posterior:
    """The distribution of types, with its uncertainty, that the state of a posterior learner stands for.

    ```python
    learner = js.learners.shared_posterior()
    trace = js.play(key, game, types, learner, horizon=1000, table=table, states=True)
    state = jax.tree.map(lambda leaf: leaf[-1], trace.states)  # after the last round
    js.posterior(js.learners.know(game, table, 1000), state).estimate
    ```

    Args:
      known: from `jaxstack.learners.know`, for the table on which the state was made, or for None where there
        was none. One game.
      state: of one run of `shared_posterior` or `marginal_posterior`.
      num_samples: N >= 2.
      key: of the samples; default `jax.random.key(0)`.
      hparams: of the learner; default its own.

    Returns:
      Posterior.

    Raises:
      ValueError: a state of another learner, a batch of games, or fewer than 2 samples.
    """
    checks.instance("state", state, PosteriorState, "Play shared_posterior or marginal_posterior.")
    game, number = known.game, checks.positive_int("num_samples", num_samples)
    if game.num_games is not None or number < 2:
        raise ValueError(
            f"posterior needs one game and 2 samples or more, but {game!r} and num_samples={number} arrived."
        )
    joint = state.slots.counts.shape[1] == 1
    nothing: Any = np.zeros(0, np.int32)
    if state.slots.way.ndim == 2:  # numbers of ways in a table, and not responses themselves
        outcomes = tell_outcomes(game, known.table, joint)
        known = with_prepared(known, Prepared(outcomes, Scoring(Candidates(nothing, nothing))))
    params = rule.default_params(state.mode.shape[-1], known.dtype) if hparams is None else hparams
    keys = jax.random.split(jax.random.key(0) if key is None else key, number)
    exists: np.ndarray = np.ones(state.mode.shape, bool)
    if game.existing is not None and not joint:
        exists = np.asarray(game.existing)
    mode, samples = _fits(state, known, params, keys, exists)
    estimate, drawn = _by_follower(game, mode, joint), _by_follower(game, samples, joint)
    return Posterior(estimate, drawn.std(axis=0, ddof=1), drawn)


def _by_follower(game: Game, types: jax.Array, joint: bool) -> Float[np.ndarray, "*N *types"]:
    """Probabilities [.., P, J] with an axis for each follower, or as [n, K]."""
    values, n, K = np.asarray(types, np.float64), game.num_followers, game.num_types
    if not joint:
        return values
    full = np.zeros((*values.shape[:-2], K**n))
    full[..., np.ravel_multi_index(tuple(game.joint_types().T), (K,) * n)] = values[..., 0, :]
    return full.reshape(*full.shape[:-1], *(K,) * n)


@jax.jit
def _fits(
    state: PosteriorState, known: Known, params: PosteriorParams, keys: jax.Array, exists: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Mode [P, J] and samples [N, P, J], each of which sums to 1."""

    def fitted(fit: rule.Fit) -> jax.Array:
        return rule.of_existing(maximise(*fit, start=state.mode), exists)

    one = jax.vmap(lambda key: fitted(rule.sample(key, state.slots, known, params)))
    return fitted(rule.mode(state.slots, known)), one(keys)
