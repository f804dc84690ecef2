"""Empirical risk minimisation without a table of regions: types that were seen, a search in every epoch.

Source: arXiv 2510.01387, Algorithms 1 and 2 (type feedback). Departures: commitments are planned in epochs,
and found by local search.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack.axes import DeviceArray, Int
from jaxstack.learners.contract import Commitment, Fixed, Known, Learner, NoParams, TypeFeedback
from jaxstack.learners.searching import epochs, nowhere, of_joint, of_marginals, prepare_search, search
from jaxstack.payoffs import joint_index
from jaxstack.solvers.walk import Place
from jaxstack.value import Draws

GROWTH = 0.15  # length of an epoch, as a share of the rounds before it: plans are so much older at most
MAX_JOINT_TYPES = 4096  # that are counted one by one
NUM_KEPT = 1024  # rounds that are remembered where joint types are more


class Searched(NamedTuple):
    """What was seen, and what is played until the next epoch.

    seen: int32; how often each follower had each type [n, K], how often each joint type was there [J], or
      the joint types of some rounds [M, n].
    """

    seen: Int[DeviceArray, "*seen"]
    place: Place


def erm_by_search(name: str, product: bool) -> Learner:
    """The learner of that name, as it plays without a table.

    It counts the types of every follower, where these tell everything (`product`, or a leader's payoff that
    is a sum); or joint types, where K^n is at most 4,096; or remembers those of 1,024 rounds, a fair sample
    of all. Values are then known up to sd / 32, sd the standard deviation of the payoff over joint
    types: smaller differences are not learnt, and regret grows by about as much in every round.
    """
    return Learner(
        name=name,
        feedback="types",
        init=Fixed(_init, product),
        act=_act,
        update=Fixed(_update, product),
        prepare=prepare_search,
        plays="commitments",
        needs_table=False,
        draws=True,
        schedule=_schedule,
        replan=Fixed(_replan, product),
        info=Fixed(_info, product),
    )


def _schedule(horizon: int) -> np.ndarray:
    return epochs(GROWTH, horizon)


def _by_follower(product: bool, known: Known) -> bool:
    """Do the types of every follower by itself tell everything?"""
    return product or known.prepared.terms is not None


def _num_joint(known: Known) -> int:
    return int(known.game.num_types) ** int(known.game.num_followers)


def _info(product: bool, state: Searched, known: Known, choice: Commitment) -> dict[str, jax.Array]:
    """Counts, where there are any."""
    counted = _by_follower(product, known) or _num_joint(known) <= MAX_JOINT_TYPES
    return {"counts": state.seen} if counted else {}


def _init(product: bool, known: Known, hparams: NoParams) -> Searched:
    n, joint = known.game.num_followers, _num_joint(known)
    kept = (joint,) if joint <= MAX_JOINT_TYPES else (NUM_KEPT, n)
    shape = (n, known.game.num_types) if _by_follower(product, known) else kept
    return Searched(jnp.zeros(shape, jnp.int32), nowhere(known))


def _act(key: jax.Array, state: Searched, known: Known, hparams: NoParams, t: jax.Array) -> Commitment:
    return Commitment(state.place.x, state.place.responses)


def _update(
    product: bool,
    state: Searched,
    known: Known,
    hparams: NoParams,
    choice: Commitment,
    feedback: TypeFeedback,
    t: jax.Array,
) -> Searched:
    types, seen = feedback.types, state.seen
    if _by_follower(product, known):
        seen = seen.at[jnp.arange(len(types)), types].add(1)
    elif _num_joint(known) <= MAX_JOINT_TYPES:
        seen = seen.at[joint_index(types, known.game.num_types)].add(1)
    else:
        seen = _kept(seen, types, t)
    return state._replace(seen=seen)


def _kept(seen: Int[DeviceArray, "M n"], types: Int[DeviceArray, "n"], t: jax.Array) -> jax.Array:
    """Sample of t rounds from one of t - 1 rounds: which rounds are in it follows from t alone.

    Source: Vitter, *Random Sampling with a Reservoir*, 1985, algorithm R.
    """
    place = jax.random.randint(jax.random.fold_in(jax.random.key(0), t), (), 0, t, jnp.int32)
    place = jnp.where(t <= len(seen), t - 1, place)
    return jnp.where(jnp.arange(len(seen), dtype=jnp.int32)[:, None] == place, types[None], seen)


def _replan(
    product: bool, key: jax.Array, state: Searched, known: Known, hparams: NoParams, t: jax.Array
) -> Searched:
    """The epoch that begins with round t; in round 1, as if all types were equally likely."""
    weights = _weights(product, known, state.seen, t)
    rounds = GROWTH * t.astype(known.dtype)
    return state._replace(place=search(key, known, weights, state.place, rounds))


def _weights(product: bool, known: Known, seen: jax.Array, t: jax.Array) -> Any:
    """How likely types are, by what was seen before round t; before round 1, those that there are alike."""
    rounds, game = (t - 1).astype(known.dtype), known.game
    shape = (game.num_followers, game.num_types)
    has = jnp.ones(shape, bool) if game.existing is None else jnp.asarray(game.existing)
    prior = jnp.where(has, 1 / has.sum(axis=-1, keepdims=True, dtype=known.dtype), 0)
    if _by_follower(product, known):
        return of_marginals(known, _shares(seen, rounds, prior))
    if _num_joint(known) <= MAX_JOINT_TYPES:
        joint = functools.reduce(jnp.multiply.outer, prior)
        return of_joint(known, _shares(seen, rounds, joint.reshape(-1)))
    return Draws(seen, jnp.clip(t - 1, 1, len(seen)))


def _shares(counts: jax.Array, rounds: jax.Array, prior: jax.Array) -> jax.Array:
    return jnp.where(rounds > 0, counts.astype(rounds.dtype) / jnp.maximum(rounds, 1), prior)
