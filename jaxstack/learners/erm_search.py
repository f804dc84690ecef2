"""Empirical risk minimisation without a table of regions: counts of types, and a search in every epoch.

Source: arXiv 2510.01387, Algorithms 1 and 2 (type feedback). Departures: replans in epochs, by local search.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack.axes import DeviceArray, Int
from jaxstack.learners.contract import Commitment, Known, Learner, NoParams, TypeFeedback
from jaxstack.learners.searching import epochs, nowhere, prepare_search, search
from jaxstack.solvers.walk import Place

GROWTH = 0.3  # length of an epoch, as a share of the rounds before it


class Searched(NamedTuple):
    """How often each follower had each type, and what is played until the next epoch."""

    counts: Int[DeviceArray, "n K"]  # int32
    place: Place


def erm_by_search(name: str) -> Learner:
    """The learner of that name, as it plays without a table."""
    return Learner(
        name=name,
        feedback="types",
        init=_init,
        act=_act,
        update=_update,
        prepare=prepare_search,
        plays="commitments",
        needs_table=False,
        draws=True,
        schedule=functools.partial(epochs, GROWTH),
        replan=_replan,
        info=_info,
    )


def _info(state: Searched, known: Known, choice: Commitment) -> dict[str, jax.Array]:
    return {"counts": state.counts}


def _init(known: Known, hparams: NoParams) -> Searched:
    return Searched(jnp.zeros((known.game.num_followers, known.game.num_types), jnp.int32), nowhere(known))


def _act(key: jax.Array, state: Searched, known: Known, hparams: NoParams, t: jax.Array) -> Commitment:
    return Commitment(state.place.x, state.place.responses)


def _update(
    state: Searched, known: Known, hparams: NoParams, choice: Commitment, feedback: TypeFeedback, t: jax.Array
) -> Searched:
    followers = jnp.arange(known.game.num_followers)
    return state._replace(counts=state.counts.at[followers, feedback.types].add(1))


def _replan(key: jax.Array, state: Searched, known: Known, hparams: NoParams, t: jax.Array) -> Searched:
    counts = state.counts.astype(known.dtype)
    seen = jnp.maximum(t - 1, 1).astype(known.dtype)
    weights = jnp.where(t > 1, counts / seen, jnp.asarray(1 / known.game.num_types, known.dtype))
    return state._replace(place=search(key, known, weights, state.place))
