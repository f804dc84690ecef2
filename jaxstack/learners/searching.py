"""Commitments that are searched for, where there is no table of regions to choose from.

What is learnt of types changes slowly, and so does the best commitment: it is looked for anew in epochs, by
a local search (`jaxstack.solvers.walk`) that begins where the last one ended, and again at corners of the
strategy set that are drawn at random: the more of them, the longer their outcome is played. So the cost of a
round does not grow with the number of regions, and what is played is a vertex of some region, if not always
the best one.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack.axes import DeviceArray, Float
from jaxstack.distributions import IndependentTypes, JointTypes
from jaxstack.game import Game, unstack
from jaxstack.learners.contract import Known, tie_tolerance
from jaxstack.solvers.walk import Arrangement, Place, arrangement, climb
from jaxstack.stacking import stack
from jaxstack.strategies.sets_of_games import StrategySets

STEPS = 40  # moves of a search, at least: 10 leave much regret
KICKS = 4  # random moves away from a local optimum, at most
# Where leader actions are many, most searches end below the optimum, and one that is stuck moves on slowly:
# with one corner an epoch, some runs would lose in every round.
_STEPS_PER_SHARE = 2  # moves for every share of a commitment
_ROUNDS_PER_CORNER = 500  # rounds to be played for another corner to be tried
_SHARES_PER_CORNER = 5  # so many shares for a corner more, at most: small games need one


def epochs(growth: float, horizon: int) -> np.ndarray:
    """First rounds of all epochs up to `horizon`, each of which is a share of the rounds before it; int64."""
    rounds, t = [], 1
    while t <= horizon:
        rounds.append(t)
        t += max(1, int(growth * t))
    return np.array(rounds)


def prepare_search(game: Game, table: object) -> Arrangement:
    """What searches need to know of a game, or of every game of a batch.

    Raises:
      ValueError: games of a batch differ in their strategy sets, and so in what vertices are made of; or in
        their sizes, and so in the random moves that they would make by themselves.
    """
    if game.num_games is None:
        return arrangement(game)
    most = [kinds.max(axis=-1) for kinds in (game.types_by_follower, game.actions_by_follower)]
    sizes = np.stack([game.followers_by_game, *most], axis=-1)
    if len(np.unique(sizes, axis=0)) > 1:
        raise ValueError(
            f"without a region table random moves are drawn among followers, types and actions, of which "
            f"games of {game!r} have other numbers: {sizes.tolist()}. Simulate these games one by one: "
            f"jaxstack.unstack(game, g)."
        )
    if isinstance(game.strategies, StrategySets):
        raise ValueError(
            f"games that are played together without a region table share a strategy set, but {game!r} "
            f"arrived. Simulate them one by one: jaxstack.unstack(game, g)."
        )
    return stack([arrangement(unstack(game, g)) for g in range(game.num_games)])


def nowhere(known: Known) -> Place:
    """Where the first search begins: a corner of the strategy set."""
    game, corners = known.game, jnp.asarray(known.prepared.corners)
    x = jnp.zeros(game.num_leader_actions, known.dtype)
    responses = jnp.zeros((game.num_followers, game.num_types), jnp.int32)
    return Place(x, responses, jnp.zeros((), known.dtype), corners[0])


def of_marginals(known: Known, marginals: Float[DeviceArray, "n K"]) -> Any:
    """Weights of a search where followers' types are independent, or where marginals tell everything."""
    return IndependentTypes(marginals) if known.prepared.terms is None else marginals


def of_joint(known: Known, probabilities: Float[DeviceArray, "J"]) -> Any:
    """Weights of a search from the probabilities of all K**n joint types, in C order."""
    table = probabilities.reshape((known.game.num_types,) * known.game.num_followers)
    if known.prepared.terms is None:
        return JointTypes(table)
    axes = range(table.ndim)
    return jnp.stack([table.sum(axis=tuple(other for other in axes if other != i)) for i in axes])


def search(key: jax.Array, known: Known, weights: Any, last: Place, rounds: Float[DeviceArray, ""]) -> Place:
    """The best commitment that is found, from the last one.

    Args:
      key: of the random moves.
      known: `prepared` by `prepare_search`.
      weights: how likely types are, as `climb` has it.
      last: where the last search ended.
      rounds: for how long it will be played.
    """
    arr: Arrangement = known.prepared
    corners, shares = jnp.asarray(arr.corners), arr.rows.shape[-1]
    steps = max(STEPS, _STEPS_PER_SHARE * shares)
    most = max(1, shares // _SHARES_PER_CORNER)
    num_corners = jnp.clip((rounds / _ROUNDS_PER_CORNER).astype(jnp.int32), 1, most)

    # One after the other: side by side, the searches of a run take longer.
    def try_another(number: jax.Array, best: Place) -> Place:
        for_corner, for_moves = jax.random.split(jax.random.fold_in(key, number))
        corner = corners[jax.random.randint(for_corner, (), 0, len(corners), jnp.int32)]
        active = jnp.where(number == 0, last.active, corner)
        found = climb(for_moves, arr, weights, last._replace(active=active), steps=steps, kicks=KICKS)
        better = found.value > best.value + tie_tolerance(known.dtype)
        return jax.tree.map(lambda new, old: jnp.where(better, new, old), found, best)

    nothing = last._replace(value=jnp.full_like(last.value, -jnp.inf))
    return jax.lax.fori_loop(0, 1 + num_corners, try_another, nothing)
