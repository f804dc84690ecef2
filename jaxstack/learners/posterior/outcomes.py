"""What is seen of types when actions are seen: outcomes of a type under every response map.

There are P problems of J types each: one of J = K^n joint types, or n of J = K types. Under a response map
the types of a problem lead to one of E outcomes, the actions of its followers. A follower with more actions
than types plays K of them at most in any one region; there an action is told by the lowest type that plays
it. So outcomes are never more than types.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxstack import memory
from jaxstack.axes import Array, DeviceArray, Int
from jaxstack.game import Game
from jaxstack.learners.rows import take_row
from jaxstack.payoffs import joint_index
from jaxstack.regions.table import RegionTable


class Outcomes(NamedTuple):
    """Of every region.

    of_type: [R, P, J] int32, in 0..E-1.
    of_action: [R, n, A] int32, a follower's outcome by its action, in 0..K-1; None where it is the action.
    """

    of_type: Int[Array, "R P J"]
    of_action: Int[Array, "R n A"] | None


def num_outcomes(game: Game, joint: bool) -> int:
    """E."""
    one = min(game.num_actions, game.num_types)
    return one**game.num_followers if joint else one


def tell_outcomes(game: Game, table: RegionTable, joint: bool) -> Outcomes:
    """Outcomes of all regions ([G, R, ..] for a batch).

    Of unequal followers, the joint types are those that there are.

    Raises:
      MemoryError: they would not fit.
      ValueError: games of a batch that have unequal numbers of joint types; or, follower by follower,
        followers who have unequal numbers of types.

    Warns:
      UserWarning: the leader's payoff depends on types.
    """
    check_types(game, joint)
    warn_of_types(game)
    responses = np.asarray(table.responses, np.int32)  # [.., R, n, K]
    n, types = responses.shape[-2:]
    memory.require(
        4.0 * float(responses.size) * (float(types) ** (n - 1) if joint else 1.0),
        what=f"outcomes of all types in {table.padded_regions:,} regions",
        driver=f"K**n = {types}**{n} joint types" if joint else f"{n} followers of {types} types",
        remedy="marginal_posterior works on K types at a time" if joint else "fewer followers or types",
    )
    of_action = None
    if game.num_actions > types:
        plays = responses[..., None] == np.arange(game.num_actions)  # [.., R, n, K, A]
        of_action = plays.argmax(axis=-2).astype(np.int32)
        responses = np.take_along_axis(of_action, responses, axis=-1)
    if not joint:
        return Outcomes(responses, of_action)
    base = min(game.num_actions, types)
    of_type = np.zeros((*responses.shape[:-2], 1), np.int32)
    for follower in range(n):  # joint types in C order
        of_type = (of_type[..., :, None] * base + responses[..., follower, None, :]).reshape(
            *of_type.shape[:-1], -1
        )
    if game.available is not None:
        digits = np.moveaxis(game.joint_types(), -1, 0)
        places = np.ravel_multi_index(tuple(digits), (types,) * n)  # [.., J]
        places = np.broadcast_to(places[..., None, :], (*of_type.shape[:-1], places.shape[-1]))
        of_type = np.take_along_axis(of_type, places, axis=-1)
    return Outcomes(of_type[..., None, :], of_action)


def warn_of_types(game: Game) -> None:
    """Warn where the leader's payoff depends on types, which actions do not tell."""
    if game.leader.num_types is not None:
        warnings.warn(
            "the leader's payoff depends on types here, and this learner learns from actions alone: what "
            "they do not tell of types is never learnt, no bound holds, and regret can be linear. oful "
            "learns from the payoff that is received.",
            stacklevel=3,
        )


def warn_of_correlation(game: Game) -> None:
    """Warn where a model of independent types may be wrong, and that matters."""
    if game.leader.additive_terms() is None and game.num_followers > 1:
        warnings.warn(
            "marginal_posterior takes types to be independent. This payoff is no sum over followers, so that "
            "if they are correlated it settles on what would be best if they were not, and its regret can be "
            "linear. shared_posterior and region_ucb are right for any types.",
            stacklevel=3,
        )


def check_types(game: Game, joint: bool) -> None:
    """Raise ValueError where problems would have unequal numbers of types: each has a prior over all J."""
    counts = game.types_by_follower
    if joint and np.unique(counts.prod(axis=-1)).size > 1:
        raise ValueError(
            f"this learner works on joint types, of which games of {game!r} have "
            f"{counts.prod(axis=-1).tolist()}. Simulate these games one by one: jaxstack.unstack(game, g)."
        )
    if not joint and (counts < game.num_types).any():
        raise ValueError(
            f"marginal_posterior needs followers who all have K = {game.num_types} types, but those of "
            f"{game!r} have {counts.tolist()}. Use shared_posterior (few joint types) or region_ucb."
        )


def seen_outcomes(
    outcomes: Outcomes, game: Game, region: Int[DeviceArray, ""], actions: Int[DeviceArray, "n"]
) -> Int[DeviceArray, "P"]:
    """What was seen of each problem when these actions were played in a region."""
    if outcomes.of_action is not None:
        labels = take_row(outcomes.of_action, region)
        actions = jnp.take_along_axis(labels, actions[:, None], axis=1)[:, 0]
    if outcomes.of_type.shape[-2] == game.num_followers:  # follower by follower
        return actions
    return jnp.asarray(joint_index(actions, min(game.num_actions, game.num_types)))[None]
