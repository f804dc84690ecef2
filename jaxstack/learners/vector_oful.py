"""Least squares on joint actions: `oful` that sees all of an action, not only what it paid.

In round t the joint action is y_t = onehot(a_t), with E y_t = M_t D, M_t in {0,1}^(A^n x K^n) known from the
region. With V = lambda I + sum M^T M and D' = V^-1 sum M^T y, with probability 1 - delta, for all t,

    ||D' - D||_V <= beta = sqrt(log(1/delta) + 1/2 log det(V) / det(lambda I)) + sqrt(lambda) ||D||,

since <w, onehot - p> has a range of at most sqrt(2) ||w|| and so is ||w||^2 / 2-subgaussian (method of
mixtures with prior precision lambda / 2). The candidate (x, W) has the value <z, D>, z = M_W^T (u(x, a))_a.
With B = min(A^n, K^n) and X = ||M V^-1 M^T||, z^T V^-1 z <= B X, so that a round costs at most
2 beta sqrt(B min(1, X)) (beta >= 1 / (2 sqrt(B)), as it is for lambda >= 1), and the sum of min(1, X) over
rounds is at most 2 log det(V) / det(lambda I). Hence, in units of the payoff range,

    Reg(T) <= 2 beta_T sqrt(2 B T d log(1 + T K^n / (lambda d))),   d <= K^n the rank of all M together.

On paper this is sqrt(B) worse than `oful` where d = K^n; measured, it is better.

Source: method of mixtures as in Abbasi-Yadkori, Pal, Szepesvari, *Improved Algorithms for Linear Stochastic
Bandits*, NeurIPS 2011; the argument above, which nobody has refereed.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxstack.axes import Array, DeviceArray, Float, Int
from jaxstack.game import Game
from jaxstack.learners.candidates import Candidates, joint_features, real_candidates
from jaxstack.learners.contract import ActionFeedback, Choice, Known, Learner, add_compensated
from jaxstack.learners.oful import RANGES, OFULParams, default_params
from jaxstack.learners.posterior.outcomes import Outcomes, num_outcomes, seen_outcomes, tell_outcomes
from jaxstack.learners.rows import take_row
from jaxstack.regions.table import RegionTable


class Prepared(NamedTuple):
    candidates: Candidates
    features: Float[Array, "M J"]
    outcomes: Outcomes


class VectorOFULState(NamedTuple):
    """Ridge regression by updates of the rank of M, which contract the errors of earlier ones.

    pairs: how often two joint types led to the same action: V - lambda I, in whole numbers.
    """

    pairs: Int[DeviceArray, "J J"]
    inverse: Float[DeviceArray, "J J"]  # V^-1
    estimate: Float[DeviceArray, "J"]  # V^-1 sum M^T y
    variance: Float[DeviceArray, "M"]  # z^T V^-1 z
    log_det: Float[DeviceArray, ""]  # log det V - log det(ridge I)
    log_det_error: Float[DeviceArray, ""]  # what `log_det` lost to rounding


@functools.cache
def vector_oful() -> Learner:
    """Optimism over the distribution D of joint types, estimated from joint actions (feedback: actions).

    It plays the candidate that maximises <z, D'> + c beta sqrt(z^T V^-1 z) in every round: see the module for
    V, D', beta and the bound. (Replanning whenever det V doubled would have the same bound times sqrt 2, but
    would come in other rounds in every run; a schedule fixed before round 1 is not covered.) Payoffs are
    measured in units of their range. Lowest region, then lowest vertex, among ties.

    Hyperparameters (traced): `radius_scale` c, default 1; `ridge` lambda, default 1; `failure_probability`
    delta, default 1/T.

    Raises (in `simulate`):
      MemoryError: K^n joint types are too many for a table.

    Warns (in `simulate`):
      UserWarning: the leader's payoff depends on types: no bound holds then.

    Source: the module; regret O(K^n sqrt(min(A^n, K^n) T) log T) for any D, and payoffs of actions.
    """
    return Learner(
        name="vector_oful",
        feedback="actions",
        off_policy="regions",
        init=_init,
        act=_act,
        update=_update,
        refresh=_refresh,
        hparams=default_params,
        prepare=_prepare,
        ranges=RANGES,
        theorem="vector_oful",
    )


def _prepare(game: Game, table: RegionTable) -> Prepared:
    candidates = real_candidates(table)
    features = joint_features(game, table, candidates)
    return Prepared(candidates, features, tell_outcomes(game, table, joint=True))


def _init(known: Known, hparams: OFULParams) -> VectorOFULState:
    features, dtype = jnp.asarray(known.prepared.features), known.dtype
    num_types = features.shape[-1]
    zero = jnp.zeros((), dtype)
    return VectorOFULState(
        pairs=jnp.zeros((num_types, num_types), jnp.int32),
        inverse=jnp.eye(num_types, dtype=dtype) / hparams.ridge,
        estimate=jnp.zeros(num_types, dtype),
        variance=(features**2).sum(axis=-1).astype(dtype) / hparams.ridge,
        log_det=zero,
        log_det_error=zero,
    )


def radius(state: VectorOFULState, hparams: OFULParams) -> Float[DeviceArray, ""]:
    """beta: of the ellipsoid ||D' - D||_V <= beta that holds D with probability 1 - delta."""
    noise = jnp.sqrt(-jnp.log(hparams.failure_probability) + state.log_det / 2)
    return noise + jnp.sqrt(hparams.ridge)


def _act(key: jax.Array, state: VectorOFULState, known: Known, hparams: OFULParams, t: jax.Array) -> Choice:
    bonus = hparams.radius_scale * radius(state, hparams) * jnp.sqrt(jnp.maximum(state.variance, 0))
    return known.prepared.candidates.first_best(_features(known) @ state.estimate + bonus)


def _update(
    state: VectorOFULState,
    known: Known,
    hparams: OFULParams,
    choice: Choice,
    feedback: ActionFeedback,
    t: jax.Array,
) -> VectorOFULState:
    features, outcomes = _features(known), known.prepared.outcomes
    of_type = take_row(outcomes.of_type, choice.region)[0]  # [J]
    seen = seen_outcomes(outcomes, known.game, choice.region, feedback.actions)
    label = jnp.arange(num_outcomes(known.game, joint=True), dtype=jnp.int32)
    leads = (of_type[:, None] == label[None]).astype(known.dtype)  # M^T, [J, E]

    gain = state.inverse @ leads
    spread = jnp.eye(len(label), dtype=known.dtype) + leads.T @ gain  # I + M V^-1 M^T
    root = jax.lax.linalg.cholesky(spread, symmetrize_input=False)
    solve = functools.partial(jax.lax.linalg.triangular_solve, root, left_side=True, lower=True)
    reduced = solve(gain.T).T  # [J, E]: V^-1 falls by reduced reduced^T
    surprise = (label == seen).astype(known.dtype) - state.estimate @ leads
    estimate = state.estimate + reduced @ solve(surprise[:, None])[:, 0]
    grown = 2 * jnp.log(jnp.diagonal(root)).sum()

    # Joint types that a game of a batch lacks lead nowhere (-1): what V has of them meets no feature.
    pairs = state.pairs + (of_type[:, None] == of_type[None]).astype(jnp.int32)
    inverse = state.inverse - reduced @ reduced.T
    variance = state.variance - ((features @ reduced) ** 2).sum(axis=-1)
    log_det = add_compensated(state.log_det, state.log_det_error, grown)
    return VectorOFULState(pairs, inverse, estimate, variance, *log_det)


def _refresh(state: VectorOFULState, known: Known, hparams: OFULParams) -> VectorOFULState:
    """V^-1 and the variances of all candidates, from whole numbers."""
    features, identity = _features(known), jnp.eye(len(state.pairs), dtype=known.dtype)
    gram = state.pairs.astype(known.dtype) + hparams.ridge * identity
    root = jax.lax.linalg.cholesky(gram, symmetrize_input=False)
    inverse_root = jax.lax.linalg.triangular_solve(root, identity, left_side=True, lower=True)
    # Of differently large terms, which must not cancel: sums of squares.
    variance = ((features @ inverse_root.T) ** 2).sum(axis=-1)
    return state._replace(inverse=inverse_root.T @ inverse_root, variance=variance)


def _features(known: Known) -> Float[DeviceArray, "M J"]:
    return jnp.asarray(known.prepared.features).astype(known.dtype)
