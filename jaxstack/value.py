"""Expected utility of commitments under any type distribution: the one place that knows how.

Computed in float64 whatever the default float type: regret is a small difference of large utilities.
"""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack._pytree import pytree_dataclass
from jaxstack._settings import with_pinned_settings
from jaxstack.axes import Array, DeviceArray, Float, Int
from jaxstack.distributions import IndependentTypes, JointTypes, MixtureTypes, TypeDistribution
from jaxstack.game import Game, best_response_sets, check_commitment, check_types
from jaxstack.payoffs import LeaderPayoff
from jaxstack.regions.table import RegionTable, check_table
from jaxstack.sequences import distribution_of

_REGIONS_AT_ONCE = 1024  # bounds the memory of an expectation, not its result
_MAX_TIED_MAPS = 1 << 16


class TooManyTies(ValueError):
    """Followers are indifferent in more combined ways than can be tried one by one."""


@with_pinned_settings
def region_payoff_vectors(
    game: Game, types: TypeDistribution, responses: Int[Array, "R n K"]
) -> Float[np.ndarray, "R L"]:
    """Leader's expected payoff vector under each response map: U_D(x) = <x, vector[r]> wherever r is played.

    Args:
      game: one game, or a stacked batch of G.
      types: distribution of joint types; as many as games.
      responses: [R, n, K] int ([G, R, n, K] for a batch), an action for every follower type.

    Returns:
      [R, L] float64 ([G, R, L]), payoff units.

    Raises:
      ValueError: what is no action.
    """
    types = distribution_of(types)
    with jax.enable_x64(True):
        per_game = _payoff_vectors if game.num_games is None else _payoff_vectors_of_batch
        return np.asarray(per_game(game.leader, types, _whole("response maps", responses, game.num_actions)))


def vertex_utilities(game: Game, types: TypeDistribution, table: RegionTable) -> Float[np.ndarray, "R V"]:
    """U_D at every vertex of every region, followers playing that region's response map.

    Returns:
      [R, V] float64 ([G, R, V] for a batch), payoff units; -inf where the table is padded.
    """
    vectors = region_payoff_vectors(game, types, check_table(game, table).responses)
    utilities = np.einsum("...rvl,...rl->...rv", table.vertices, vectors)
    return np.where(table.vertex_mask, utilities, -np.inf)


@with_pinned_settings
def expected_utility(game: Game, types: TypeDistribution, commitment: Any) -> float:
    """U_D(x), the leader's expected utility of a commitment; ties go to the leader's advantage, jointly.

    Followers' ties are those of `best_response_sets`, in float64.

    Args:
      game: one game.
      types: distribution of joint types.
      commitment: [L], entries >= 0 that sum to 1.

    Returns:
      Utility in payoff units.

    Raises:
      ValueError: a commitment off the simplex.
      TooManyTies: more than 65,536 combinations of tied responses to a payoff that is no sum over followers.

    Source: arXiv 2510.01387, section 2 (strong Stackelberg equilibrium).
    """
    check_types(game, types)
    x = check_commitment(game, commitment)
    optimal = np.asarray(best_response_sets(game, x))
    choices = [np.flatnonzero(row) for row in optimal.reshape(-1, game.num_actions)]
    combinations = float(np.prod([len(c) for c in choices], dtype=np.float64))
    if combinations > _MAX_TIED_MAPS:
        terms = game.leader.additive_terms()
        if terms is not None:  # then each follower's best answer is best whatever the others answer
            gains = np.where(optimal, np.asarray(terms, np.float64) @ x, -np.inf).max(axis=-1)  # [n, K]
            marginals = np.asarray(types.marginals(), np.float64)
            return float((marginals * np.where(marginals > 0, gains, 0)).sum())
        raise TooManyTies(
            f"at this commitment follower types are indifferent in {combinations:.3g} combined ways (limit "
            f"{_MAX_TIED_MAPS:,}). Move the commitment off the tie, or evaluate one response map with "
            f"jaxstack.value.region_payoff_vectors."
        )
    maps = np.array(list(itertools.product(*choices)), np.int32)
    maps = maps.reshape(-1, game.num_followers, game.num_types)
    return float((region_payoff_vectors(game, types, maps) @ x).max())


def joint_type_payoffs(game: Game, table: RegionTable) -> Float[np.ndarray, "R J L"]:
    """Leader's payoff vector in every region against every joint type (small K**n only).

    Returns:
      [R, J, L] float64 ([G, R, J, L] for a batch), payoff units; joint types as `game.joint_types` has them.
    """
    check_table(game, table)
    return joint_payoffs(game, table.responses, None if game.available is None else game.joint_types())


def all_payoff_vectors(game: Game) -> Float[np.ndarray, "A**n L"]:
    """Leader's payoff vector against every joint action (small A**n only), where actions tell it.

    Returns:
      [A**n, L] float64 ([G, A**n, L] for a batch), payoff units; joint actions in C order.
    """
    # A follower whose type is its action: one region, and joint types are joint actions.
    as_types = np.arange(game.num_actions, dtype=np.int32)
    responses = np.broadcast_to(as_types, (1, game.num_followers, game.num_actions))
    if game.num_games is not None:
        responses = np.broadcast_to(responses, (game.num_games, *responses.shape))
    return joint_payoffs(game, responses)[..., 0, :, :]


@with_pinned_settings
def joint_payoffs(
    game: Game, responses: Int[Array, "R n K"], joint: Int[Array, "J n"] | None = None
) -> Float[np.ndarray, "R J L"]:
    """Leader's payoff vector under each response map against every joint type, or those in `joint`."""
    with jax.enable_x64(True):
        per_game = _joint_payoffs if game.num_games is None else _joint_payoffs_of_batch
        return np.asarray(per_game(game.leader, _whole("response maps", responses, game.num_actions), joint))


@with_pinned_settings
def payoffs_of_rounds(
    game: Game, actions: Int[Array, "T n"], types: Int[Array, "T n"] | None = None
) -> Float[np.ndarray, "T L"]:
    """Leader's payoff vector in each of T rounds; types are needed where the payoff depends on them.

    Returns:
      [T, L] float64, payoff units.
    """
    actions = _whole("actions of rounds", actions, game.num_actions)
    types = None if types is None else _whole("types of rounds", types, game.num_types)
    seen = np.concatenate([actions, np.zeros_like(actions) if types is None else types], axis=1)
    rows, which = np.unique(np.asarray(seen, np.int32), axis=0, return_inverse=True)
    n = game.num_followers
    with jax.enable_x64(True):
        vectors = _payoffs_of_rows(game.leader, rows[:, :n], rows[:, n:] if types is not None else None)
        return np.asarray(vectors)[which.reshape(-1)]


@pytree_dataclass
class Draws:
    """Joint types of some rounds, each as likely as the others: what compiled code knows of too many types.

    Attributes:
      types: [M, n] int32; rows from `count` on do not count.
      count: [] int32.
    """

    types: Any
    count: Any

    def flat(self) -> jax.Array:
        """[M]: probability of every row, of the default float type."""
        rows = jnp.arange(len(self.types), dtype=jnp.int32)
        return jnp.where(rows < self.count, 1 / jnp.asarray(self.count, jnp.zeros(()).dtype), 0)


def payoff_vector_of_map(
    leader: LeaderPayoff, types: TypeDistribution | Draws, response: Int[DeviceArray, "n K"]
) -> jax.Array:
    """[L]: leader's expected payoff vector under one response map, in compiled code, of one game."""
    if isinstance(types, JointTypes | Draws):
        joint: Any = types.types if isinstance(types, Draws) else _joint_types(*types.padded_sizes)
        flat = jnp.asarray(types.flat())

        def add(total: jax.Array, term: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
            probability, theta = term
            vector = jnp.asarray(leader.payoff_vector(_actions(response, theta), theta))
            return total + probability * vector, None

        zero = jnp.zeros(leader.num_leader_actions, flat.dtype)
        return jax.lax.scan(add, zero, (flat, jnp.asarray(joint)))[0]
    assert isinstance(types, IndependentTypes | MixtureTypes)
    weights, marginals = map(jnp.asarray, types.mixture())
    plays = jax.nn.one_hot(response, leader.num_actions, dtype=marginals.dtype)  # [n, K, A]

    def add_component(total: jax.Array, part: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        weight, marginal = part
        return total + weight * jnp.asarray(leader.expected_payoff_vector(marginal, plays)), None

    zero = jnp.zeros(leader.num_leader_actions, marginals.dtype)
    return jax.lax.scan(add_component, zero, (weights, marginals))[0]


@jax.jit
def _payoff_vectors(leader: LeaderPayoff, types: TypeDistribution, responses: Array) -> jax.Array:
    """[R, L] for one game."""

    def one_map(response: jax.Array) -> jax.Array:
        return payoff_vector_of_map(leader, types, response.astype(jnp.int32))

    return jax.lax.map(one_map, jnp.asarray(responses), batch_size=_REGIONS_AT_ONCE)


@jax.jit
def _joint_payoffs(leader: LeaderPayoff, responses: Array, joint: Array | None) -> jax.Array:
    """[R, J, L] for one game."""
    joint = jnp.asarray(_joint_types(responses.shape[-2], responses.shape[-1]) if joint is None else joint)

    def at(response: jax.Array, theta: jax.Array) -> jax.Array:
        return jnp.asarray(leader.payoff_vector(_actions(response, theta), theta))

    def one_map(response: jax.Array) -> jax.Array:
        return jax.vmap(at, (None, 0))(response.astype(jnp.int32), joint)

    return jax.lax.map(one_map, jnp.asarray(responses), batch_size=_REGIONS_AT_ONCE)


@jax.jit
def _payoffs_of_rows(leader: LeaderPayoff, actions: Array, types: Array | None) -> jax.Array:
    """[U, L] for one game."""
    return jax.vmap(lambda a, theta: jnp.asarray(leader.payoff_vector(a, theta)))(actions, types)


_payoff_vectors_of_batch = jax.jit(jax.vmap(_payoff_vectors))
_joint_payoffs_of_batch = jax.jit(jax.vmap(_joint_payoffs))


def _whole(what: str, values: Int[Array, "*dims"], count: int) -> np.ndarray:
    """Whole numbers 0..count - 1: as they are in a table, where they are much of its memory; else int32.

    Raises:
      ValueError: anything else.
    """
    found = np.asarray(values)
    if found.size and (found.min() < 0 or found.max() >= count or found.dtype.kind not in "iu"):
        wrong = (found < 0) | (found >= count) | (found != np.rint(found))
        if wrong.any():
            place = tuple(np.argwhere(wrong)[0].tolist())
            raise ValueError(f"{what} must be whole numbers 0..{count - 1}, but {place} has {found[place]}.")
    return found if found.dtype.itemsize < 4 and found.dtype.kind in "iu" else found.astype(np.int32)


def _actions(response: jax.Array, theta: jax.Array) -> jax.Array:
    """[n]: what followers of types theta [n] play under a response map [n, K]."""
    return jnp.take_along_axis(response, theta[:, None], axis=1)[:, 0].astype(jnp.int32)


def _joint_types(num_followers: int, num_types: int) -> np.ndarray:
    """[J, n] int32: every joint type in C order."""
    return np.indices((num_types,) * num_followers, np.int32).reshape(num_followers, -1).T
