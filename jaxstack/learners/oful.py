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
from jaxstack.learners.contract import (
    ActionFeedback,
    Choice,
    Known,
    Learner,
    add_compensated,
    tie_tolerance,
)
from jaxstack.learners.rows import first_best_in_lanes, lanes, take_row, weighted_sum
from jaxstack.regions.table import RegionTable

_NEGLIGIBLE = 1e-12  # of the largest eigenvalue: directions in which no feature has a component


class OFULParams(NamedTuple):
    """radius_scale: factor on the confidence radius; ridge: lambda; failure_probability: delta."""

    radius_scale: Float[DeviceArray, ""]
    ridge: Float[DeviceArray, ""]
    failure_probability: Float[DeviceArray, ""]


RANGES = (("ridge", 0.0, math.inf), ("failure_probability", 0.0, 1.0))


class Prepared(NamedTuple):
    """Features of candidates in an orthonormal basis of their span; and transposed, once for all rounds."""

    candidates: Candidates
    features: Float[Array, "M F"]
    by_feature: Float[Array, "F M/8 8"]
    row: Int[Array, "R V"]  # int32, candidate of each (region, vertex)


class OFULState(NamedTuple):
    """Ridge regression by rank-one updates, which contract the errors of earlier ones.

    Means and widths of candidates follow by rank-one updates too, whose errors stay until `refresh`.
    """

    inverse: Float[DeviceArray, "F F"]  # V^-1, V = ridge I + sum z z^T
    estimate: Float[DeviceArray, "F"]  # V^-1 sum z y
    mean: Float[DeviceArray, "M/8 8"]  # <z, estimate>
    width: Float[DeviceArray, "M/8 8"]  # sqrt(z^T V^-1 z)
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
    return {"log_det": state.log_det, "width": state.width.reshape(-1)[played]}


def _prepare(game: Game, table: RegionTable) -> Prepared:
    mask = table.vertex_mask
    own = mask.sum(axis=(-2, -1)).astype(np.int32)
    shape = lanes(int(own.max()))
    candidates = real_candidates(table, math.prod(shape))
    features = joint_features(game, table, candidates)
    num_joint_types = game.types_by_follower.prod(axis=-1)
    if game.num_games is None:
        features = _in_span(features, int(own), int(num_joint_types))
    else:  # a batch takes the largest rank; the others get zero features
        each = [_in_span(*one) for one in zip(features, own, num_joint_types, strict=True)]
        rank = max(one.shape[-1] for one in each)
        features = np.stack([np.pad(one, ((0, 0), (0, rank - one.shape[-1]))) for one in each])
    row = np.cumsum(mask.reshape(*mask.shape[:-2], -1), axis=-1).reshape(mask.shape) - 1
    by_feature = np.swapaxes(features, -1, -2).reshape(*features.shape[:-2], features.shape[-1], *shape)
    return Prepared(candidates, features, by_feature, row.astype(np.int32))


def _in_span(features: Float[np.ndarray, "M J"], own: int, num_joint_types: int) -> np.ndarray:
    """Features of one game in an orthonormal basis of the span of its own: the same in a batch as alone."""
    real = features[:own, :num_joint_types]
    eigenvalues, basis = np.linalg.eigh(np.einsum("mj,mk->jk", real, real, optimize=True))
    rank = int((eigenvalues > _NEGLIGIBLE * eigenvalues[-1]).sum())
    # A product of more rows may be rounded in another order: padding repeats the first of a game's own.
    row = np.arange(len(features))
    return (real @ basis[:, -rank:])[np.where(row < own, row, 0)]


def default_params(known: Known) -> OFULParams:
    """Those of the theorems, for a ridge of 1 and delta = 1/T."""
    one = jnp.ones((), known.dtype)
    return OFULParams(one, one, 1 / known.horizon)


def _init(known: Known, hparams: OFULParams) -> OFULState:
    features, dtype = jnp.asarray(known.prepared.by_feature), known.dtype
    zero = jnp.zeros((), dtype)
    return OFULState(
        inverse=jnp.eye(len(features), dtype=dtype) / hparams.ridge,
        estimate=jnp.zeros(len(features), dtype),
        mean=jnp.zeros(features.shape[1:], dtype),
        width=jnp.sqrt((features**2).sum(axis=0) / hparams.ridge),
        log_det=zero,
        log_det_error=zero,
    )


def _act(key: jax.Array, state: OFULState, known: Known, hparams: OFULParams, t: jax.Array) -> Choice:
    noise = jnp.sqrt(-2 * jnp.log(hparams.failure_probability) + state.log_det) / 2
    radius = hparams.radius_scale * (noise + jnp.sqrt(hparams.ridge))
    scores = state.mean + radius * state.width
    best = first_best_in_lanes(scores, tie_tolerance(scores.dtype))
    return known.prepared.candidates.choice(best)


def _update(
    state: OFULState,
    known: Known,
    hparams: OFULParams,
    choice: Choice,
    feedback: ActionFeedback,
    t: jax.Array,
) -> OFULState:
    feature = take_row(known.prepared.features, known.prepared.row[choice.region, choice.vertex])
    gain = state.inverse @ feature
    variance = (feature * gain).sum()
    gain_normed = gain / (1 + variance)
    surprise = feedback.payoff - (feature * state.estimate).sum()
    shared = weighted_sum(known.prepared.by_feature, gain)
    log_det, log_det_error = add_compensated(state.log_det, state.log_det_error, jnp.log1p(variance))
    return OFULState(
        inverse=state.inverse - gain[:, None] * gain_normed[None],  # Sherman-Morrison
        estimate=state.estimate + gain_normed * surprise,
        mean=state.mean + shared * (surprise / (1 + variance)),
        width=_root(state.width**2 - shared**2 / (1 + variance)),
        log_det=log_det,
        log_det_error=log_det_error,
    )


def _refresh(state: OFULState, known: Known, hparams: OFULParams) -> OFULState:
    """Means and widths of all candidates from the regression."""
    features = jnp.asarray(known.prepared.by_feature)

    def add_row(variance: jax.Array, row: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        inverse, feature = row
        return variance + feature * weighted_sum(features, inverse), None

    variance, _ = jax.lax.scan(add_row, jnp.zeros_like(state.width), (state.inverse, features))
    return state._replace(mean=weighted_sum(features, state.estimate), width=_root(variance))


def _root(variance: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.maximum(variance, 0))
