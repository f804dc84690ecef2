"""Commitments that are searched for, where there is no table of regions to choose from.

What is learnt of types changes slowly, and so does the best commitment: it is looked for anew in epochs, by
a local search (`jaxstack.solvers.walk`) that begins where the last one ended, and once more at a corner of
the strategy set that is drawn at random. So the cost of a round does not grow with the number of regions, and
what is played is a vertex of some region, if not always the best one.
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

STEPS = 40  # moves of a search; 10 leave much regret
KICKS = 4  # random moves away from a local optimum, at most


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
      ValueError: games of a batch differ in their strategy sets, and so in what vertices are made of.
    """
    if game.num_games is None:
        return arrangement(game)
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


def search(key: jax.Array, known: Known, weights: Any, last: Place) -> Place:
    """The best commitment that is found, from the last one.

    Args:
      key: of the random moves.
      known: `prepared` by `prepare_search`.
      weights: how likely types are, as `climb` has it.
      last: where the last search ended.
    """
    arr: Arrangement = known.prepared
    corners = jnp.asarray(arr.corners)
    for_corner, *keys = jax.random.split(key, 3)
    corner = corners[jax.random.randint(for_corner, (), 0, len(corners), jnp.int32)]

    def from_vertex(start: tuple[jax.Array, jax.Array]) -> Place:
        key, active = start
        return climb(key, arr, weights, last._replace(active=active), steps=STEPS, kicks=KICKS)

    # One after the other: side by side, two searches of a run take longer.
    found = jax.lax.map(from_vertex, (jnp.stack(keys), jnp.stack([last.active, corner])))
    moves = found.value[1] > found.value[0] + tie_tolerance(known.dtype)
    return jax.tree.map(lambda leaf: jnp.where(moves, leaf[1], leaf[0]), found)
