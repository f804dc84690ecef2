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
from jaxstack.regions.table import RegionTable, rounded_up


class Outcomes(NamedTuple):
    """Outcomes of every region. What a follower does under two maps that agree on it is the same observation.

    of_type: [W, P, J] int32, in 0..E-1, under each way of a problem; -1 for types that a game or a follower
      lacks, which lead nowhere.
    way: [R, P] int32, that of a problem in a region; None where each region is a way of its own.
    of_action: [R, n, A] int32, a follower's outcome by its action, in 0..K-1; None where it is the action.
    """

    of_type: Int[Array, "W P J"]
    way: Int[Array, "R P"] | None
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

    Warns:
      UserWarning: the leader's payoff depends on types.
    """
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
        return Outcomes(
            *_ways(responses if game.available is None else _of_own(game, responses), table), of_action
        )
    of_type = np.asarray(joint_outcomes(responses, min(game.num_actions, types)))
    if game.available is not None:
        digits = np.moveaxis(game.joint_types(), -1, 0)
        places = np.ravel_multi_index(tuple(digits), (types,) * n)  # [.., J]
        places = np.broadcast_to(places[..., None, :], (*of_type.shape[:-1], places.shape[-1]))
        of_type = np.take_along_axis(of_type, places, axis=-1)
        num_own = game.types_by_follower.prod(axis=-1)[..., None, None]
        of_type = np.where(np.arange(of_type.shape[-1]) < num_own, of_type, -1)
    return Outcomes(of_type[..., None, :], None, of_action)


def _ways(of_type: Int[np.ndarray, "*R n K"], table: RegionTable) -> tuple[np.ndarray, np.ndarray]:
    """Different rows [.., W, n, K] of each follower, and which of them is its row in a region [.., R, n]."""
    n = of_type.shape[-2]
    games = of_type.reshape(-1, *of_type.shape[-3:])
    way = np.array(
        [
            [np.unique(rows[:, i], axis=0, return_inverse=True)[1].reshape(-1) for i in range(n)]
            for rows in games
        ],
        np.int32,
    )  # [G, n, R]
    most = int(way.max()) + 1
    most = most if table.region_mask[..., -1].any() else rounded_up(most, 4)  # to share compiled code
    different = np.zeros((len(games), n, most, of_type.shape[-1]), np.int32)
    game, follower = np.ogrid[: len(games), :n]
    different[game[..., None], follower[..., None], way] = games.swapaxes(1, 2)
    batch = of_type.shape[:-3]
    return (
        different.swapaxes(1, 2).reshape(*batch, most, *of_type.shape[-2:]),
        way.swapaxes(1, 2).reshape(of_type.shape[:-1]),
    )


def joint_outcomes(responses: Int[Array, "*R n K"], base: int) -> Int[Array, "*R J"]:
    """Joint action of every joint type, in C order, under response maps of `base` actions."""
    of_type = responses[..., 0, :]
    for follower in range(1, responses.shape[-2]):
        of_type = of_type[..., :, None] * base + responses[..., follower, None, :]
        of_type = of_type.reshape(*of_type.shape[:-2], -1)
    return of_type


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


def _of_own(game: Game, of_type: Int[np.ndarray, "*R n K"]) -> Int[np.ndarray, "*R n K"]:
    """Outcomes of the types that each follower has."""
    has = np.asarray(game.existing)
    return np.where(has[..., None, :, :] if has.ndim > 2 else has, of_type, -1)


def require_equal_draws(game: Game, joint: bool) -> None:
    """Raise ValueError where games of a batch draw other random numbers than by themselves.

    A learner draws a number for each type and each outcome of a problem, in their order.
    """
    kinds, actions = game.types_by_follower, game.actions_by_follower
    types = kinds.prod(axis=-1) if joint else kinds.max(axis=-1)
    told_apart = np.minimum(kinds.max(axis=-1), actions.max(axis=-1))
    own = np.stack([game.followers_by_game, types, told_apart], axis=-1)
    if game.num_games is not None and len(np.unique(own, axis=0)) > 1:
        what = "joint types" if joint else "followers, types or actions"
        raise ValueError(
            f"this learner draws random numbers for {what}, of which games of {game!r} have other numbers: "
            f"{own.tolist()}. Simulate these games one by one: jaxstack.unstack(game, g)."
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
