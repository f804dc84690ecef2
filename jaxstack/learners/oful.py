"""Optimism in the face of uncertainty for linear bandits, over the distribution of joint types.

Source: Abbasi-Yadkori, Pal, Szepesvari, *Improved Algorithms for Linear Stochastic Bandits*, NeurIPS 2011,
as used in arXiv 2510.01387, section 5 (action feedback).
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack.axes import Array, DeviceArray, Float, Int
from jaxstack.game import Game
from jaxstack.learners.candidates import Candidates, joint_features, real_candidates
from jaxstack.learners.contract import ActionFeedback, Choice, Known, Learner, add_compensated
from jaxstack.learners.rows import take_row
from jaxstack.regions.table import RegionTable

_NEGLIGIBLE = 1e-12  # of the largest eigenvalue: directions in which no feature has a component


class OFULParams(NamedTuple):
    """radius_scale: factor on the confidence radius; ridge: lambda; failure_probability: delta."""

    radius_scale: Float[DeviceArray, ""]
    ridge: Float[DeviceArray, ""]
    failure_probability: Float[DeviceArray, ""]


RANGES = (("ridge", 0.0, math.inf), ("failure_probability", 0.0, 1.0))


class Prepared(NamedTuple):
    candidates: Candidates
    features: Float[Array, "M F"]  # in an orthonormal basis of their span
    row: Int[Array, "R V"]  # int32, candidate of each (region, vertex)


class OFULState(NamedTuple):
    """Ridge regression by rank-one updates, which contract the errors of earlier ones.

    Means and variances of candidates follow by rank-one updates too, whose errors stay until `refresh`; those
    of the candidate that was played come from the regression.
    """

    inverse: Float[DeviceArray, "F F"]  # V^-1, V = ridge I + sum z z^T
    estimate: Float[DeviceArray, "F"]  # V^-1 sum z y
    mean: Float[DeviceArray, "M"]  # <z, estimate>
    variance: Float[DeviceArray, "M"]  # z^T V^-1 z
    log_det: Float[DeviceArray, ""]  # log det V - log det(ridge I)
    log_det_error: Float[DeviceArray, ""]  # what `log_det` lost to rounding


@functools.cache
def oful() -> Learner:
    """Linear bandit whose unknown parameter is the distribution D of joint types (feedback: actions).

    A candidate (x, W) has the feature z = (u(x, W(theta), theta))_theta in R^(K^n) and the expected reward
    <z, D>; the reward seen is u(x, a, theta), which is 1/2-subgaussian in units of the payoff range. It plays
    the candidate that maximises <z, D'> + c beta sqrt(z^T V^-1 z) with

        beta = 1/2 sqrt(2 log(1/delta) + log det V - log det(lambda I)) + sqrt(lambda)       (||D|| <= 1).

    Lowest region, then lowest vertex, among ties. It works in the span of all features: the ridge is
    orthogonally invariant and no data ever leave the span, so decisions are those of all K^n dimensions.

    Hyperparameters (traced): `radius_scale` c, default 1; `ridge` lambda, default 1; `failure_probability`
    delta, default 1/T. Tells `log_det` of V over lambda I, and `width` sqrt(z^T V^-1 z) of what was played.

    Raises (in `simulate`):
      MemoryError: K^n joint types are too many for a table.

    Source: Abbasi-Yadkori et al. 2011, Theorem 2 and Figure 1; regret O(K^n sqrt(T) log T).
    """
    return Learner(
        name="oful",
        feedback="actions",
        off_policy="vertices",
        init=_init,
        act=_act,
        update=_update,
        refresh=_refresh,
        hparams=default_params,
        prepare=_prepare,
        ranges=RANGES,
        theorem="oful",
        info=_info,
    )


def _info(state: OFULState, known: Known, choice: Choice) -> dict[str, jax.Array]:
    played = known.prepared.row[choice.region, choice.vertex]
    return {"log_det": state.log_det, "width": jnp.sqrt(jnp.maximum(state.variance[played], 0))}


def _prepare(game: Game, table: RegionTable) -> Prepared:
    candidates = real_candidates(table)
    features = joint_features(game, table, candidates)
    mask = table.vertex_mask
    own = mask.sum(axis=(-2, -1)).astype(np.int32)
    num_joint_types = game.types_by_follower.prod(axis=-1)
    if game.num_games is None:
        features = _in_span(features, int(own), int(num_joint_types))
    else:  # a batch takes the largest rank; the others get zero features
        each = [_in_span(*one) for one in zip(features, own, num_joint_types, strict=True)]
        rank = max(one.shape[-1] for one in each)
        features = np.stack([np.pad(one, ((0, 0), (rank - one.shape[-1], 0))) for one in each])
    row = np.cumsum(mask.reshape(*mask.shape[:-2], -1), axis=-1).reshape(mask.shape) - 1
    return Prepared(candidates, features, row.astype(np.int32))


def _in_span(features: Float[np.ndarray, "M J"], own: int, num_joint_types: int) -> np.ndarray:
    """Features of one game in an orthonormal basis of the span of its own: the same in a batch as alone."""
    real = features[:own, :num_joint_types]
    eigenvalues, basis = np.linalg.eigh(np.einsum("mj,mk->jk", real, real, optimize=True))
    rank = int((eigenvalues > _NEGLIGIBLE * eigenvalues[-1]).sum())
    return features[:, :num_joint_types] @ basis[:, -rank:]


def default_params(known: Known) -> OFULParams:
    """Those of the theorems, for a ridge of 1 and delta = 1/T."""
    one = jnp.ones((), known.dtype)
    return OFULParams(one, one, 1 / known.horizon)


def _init(known: Known, hparams: OFULParams) -> OFULState:
    features, dtype = jnp.asarray(known.prepared.features), known.dtype
    candidates, rank = features.shape
    zero = jnp.zeros((), dtype)
    return OFULState(
        inverse=jnp.eye(rank, dtype=dtype) / hparams.ridge,
        estimate=jnp.zeros(rank, dtype),
        mean=jnp.zeros(candidates, dtype),
        variance=(features**2).sum(axis=-1) / hparams.ridge,
        log_det=zero,
        log_det_error=zero,
    )


def _act(key: jax.Array, state: OFULState, known: Known, hparams: OFULParams, t: jax.Array) -> Choice:
    noise = jnp.sqrt(-2 * jnp.log(hparams.failure_probability) + state.log_det) / 2
    radius = hparams.radius_scale * (noise + jnp.sqrt(hparams.ridge))
    scores = state.mean + radius * jnp.sqrt(jnp.maximum(state.variance, 0))
    return known.prepared.candidates.first_best(scores)


def _update(
    state: OFULState,
    known: Known,
    hparams: OFULParams,
    choice: Choice,
    feedback: ActionFeedback,
    t: jax.Array,
) -> OFULState:
    features = jnp.asarray(known.prepared.features)
    played = known.prepared.row[choice.region, choice.vertex]
    feature = take_row(features, played)
    gain = state.inverse @ feature
    variance = (feature * gain).sum()
    gain_normed = gain / (1 + variance)
    inverse = state.inverse - gain[:, None] * gain_normed[None]  # Sherman-Morrison
    surprise = feedback.payoff - (feature * state.estimate).sum()
    estimate = state.estimate + gain_normed * surprise

    shared = features @ gain
    is_played = jnp.arange(features.shape[0], dtype=jnp.int32) == played
    mean = state.mean + shared * (surprise / (1 + variance))
    return OFULState(
        inverse,
        estimate,
        jnp.where(is_played, (feature * estimate).sum(), mean),
        jnp.where(is_played, variance / (1 + variance), state.variance - shared**2 / (1 + variance)),
        *add_compensated(state.log_det, state.log_det_error, jnp.log1p(variance)),
    )


def _refresh(state: OFULState, known: Known, hparams: OFULParams) -> OFULState:
    """Means and variances of all candidates from the regression."""

    def of_candidate(feature: jax.Array) -> tuple[jax.Array, jax.Array]:
        return (feature * state.estimate).sum(), (feature * (state.inverse @ feature)).sum()

    # One by one: a product of matrices is rounded by their sizes, which in a batch are those of the largest.
    mean, variance = jax.lax.map(of_candidate, jnp.asarray(known.prepared.features))
    return state._replace(mean=mean, variance=variance)
