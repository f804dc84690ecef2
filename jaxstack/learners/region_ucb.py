"""Upper confidence bounds over best-response regions.

Source: arXiv 2510.01387, Algorithm 3 (action feedback).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxstack.axes import DeviceArray, Float, Int
from jaxstack.learners import region_means
from jaxstack.learners.contract import ActionFeedback, Choice, Known, Learner, tie_tolerance
from jaxstack.learners.rows import Tournament, replace, tournament, winner


class RegionUCBParams(NamedTuple):
    """radius_scale: factor on the confidence radius; 1 is the paper's."""

    radius_scale: Float[DeviceArray, ""]


class RegionUCBState(NamedTuple):
    """An upper confidence bound changes only in the region that was played, so it is kept, not recomputed.

    The next region is found at the end of a round, not at the start of the next: as a part of the state it is
    computed once, where XLA would otherwise search again in every operation that reads it.
    """

    means: region_means.RegionMeans
    bounds: Tournament  # upper confidence bounds, unit payoffs; inf: unvisited, -inf: padding
    region: Int[DeviceArray, ""]  # int32, the lowest with the highest bound


@functools.cache
def region_ucb() -> Learner:
    """Learner that plays the region with the highest upper confidence bound (feedback: actions).

    In round t it plays the region W that maximises

        max_{x in R(W)} <x, u_W> + c sqrt(4 (L+1) log(3T) / N(W)),

    u_W the mean payoff vector seen in W and N(W) its visits; unvisited regions first. Payoffs are measured in
    units of their range. Lowest region, then lowest vertex, among ties. It stands on payoff vectors, which
    actions tell only where the leader's payoff does not depend on types: it plays no other games.

    Hyperparameters (traced): `radius_scale` c, default 1. Tells `visits` [R].

    Source: arXiv 2510.01387, Algorithm 3; regret O(sqrt(n^L K^L A^(2L) L T log T)).
    """
    return Learner(
        name="region_ucb",
        feedback="actions",
        off_policy="regions",
        init=_init,
        act=_act,
        update=_update,
        hparams=_hparams,
        needs_payoff_vectors=True,
        theorem="region_ucb",
        info=_info,
    )


def _info(state: RegionUCBState, known: Known, choice: Choice) -> dict[str, jax.Array]:
    return {"visits": region_means.visits(state.means)}


def _hparams(known: Known) -> RegionUCBParams:
    return RegionUCBParams(jnp.ones((), known.dtype))


def _init(known: Known, hparams: RegionUCBParams) -> RegionUCBState:
    dtype = known.dtype
    upper_bound = jnp.where(known.table.region_mask, jnp.inf, -jnp.inf).astype(dtype)
    return RegionUCBState(region_means.empty(known), tournament(upper_bound), jnp.int32(0))


def _act(
    key: jax.Array, state: RegionUCBState, known: Known, hparams: RegionUCBParams, t: jax.Array
) -> Choice:
    return Choice(state.region, region_means.best_vertex(state.means, state.region))


def _update(
    state: RegionUCBState,
    known: Known,
    hparams: RegionUCBParams,
    choice: Choice,
    feedback: ActionFeedback,
    t: jax.Array,
) -> RegionUCBState:
    means, value, visits = region_means.observe(state.means, known, choice, feedback)
    log_term = 4 * (known.game.dimension + 2) * jnp.log(3 * known.horizon)
    upper_bound = value + hparams.radius_scale * jnp.sqrt(log_term / visits.astype(value.dtype))
    bounds = replace(state.bounds, choice.region, upper_bound)
    return RegionUCBState(means, bounds, winner(bounds, tie_tolerance(value.dtype)))
