"""The game: who gets what, and how followers respond to a commitment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack import checks, ties
from jaxstack._pytree import is_traced, pytree_dataclass, set_field, static_field
from jaxstack._settings import with_pinned_settings
from jaxstack.axes import Array, Bool, Float, Int
from jaxstack.distributions import TypeDistribution
from jaxstack.payoffs import LeaderPayoff, TabularPayoff
from jaxstack.strategies import Polytope
from jaxstack.strategies.framing import differences_of
from jaxstack.ties import TIE_TOLERANCE as TIE_TOLERANCE

COMMITMENT_TOLERANCE = 1e-6  # on the sum and on negative entries


@pytree_dataclass
class Game:
    """A multi-follower Bayesian Stackelberg game (without the distribution of types).

    Payoffs are held as float64 on the host and become the default float type of the device where they are
    used. A stacked batch of G games (`stack`) has a leading axis G on every array.

    Args:
      leader: leader's payoff u; a bare array [L, A, .., A] is tabular.
      follower: [n, K, L, A], payoff v_i(l, a, theta_i) of follower i with type theta_i.
      strategies: what the leader may commit to. None, the simplex of mixed strategies over L actions, or a
        `jaxstack.strategies.Polytope`: then l is a coordinate of the commitment x, payoffs are <x, u(., a)>,
        and some combination of coordinates is constant on the set, so that constants are payoffs too. A batch
        has one set for all its games.

    Raises:
      ValueError: not finite, an empty axis, leader and follower payoffs that disagree on L, n or A, or a
        strategy set that has other coordinates, or none that is constant.
    """

    leader: Any
    follower: Any
    strategies: Polytope | None = static_field(default=None)

    def __post_init__(self) -> None:
        set_field(self, "strategies", _strategies(self.strategies, np.shape(self.follower)[-2:-1]))
        if not isinstance(self.leader, LeaderPayoff):
            set_field(self, "leader", TabularPayoff(self.leader))
        if not is_traced(self.follower):
            set_field(self, "follower", checks.finite_array("follower payoffs", self.follower, "n K L A"))
        axes = {
            "L (leader actions)": (self.leader.num_leader_actions, self.num_leader_actions, 2),
            "n (followers)": (self.leader.num_followers, self.num_followers, 0),
            "A (follower actions)": (self.leader.num_actions, self.num_actions, 3),
            "K (types)": (self.leader.num_types, self.num_types, 1),
        }
        for axis, (of_leader, of_follower, position) in axes.items():
            if of_leader not in (None, of_follower):
                raise ValueError(
                    f"leader and follower payoffs disagree on {axis}: the leader payoff "
                    f"({type(self.leader).__name__}) has {of_leader}, follower payoffs of shape "
                    f"{np.shape(self.follower)} [n, K, L, A] have {of_follower} (axis {position})."
                )

    @property
    def num_leader_actions(self) -> int:
        return self.follower.shape[-2]

    @property
    def num_followers(self) -> int:
        return self.follower.shape[-4]

    @property
    def num_types(self) -> int:
        return self.follower.shape[-3]

    @property
    def num_actions(self) -> int:
        return self.follower.shape[-1]

    @property
    def dimension(self) -> int:
        """Of the leader's strategy set: L - 1 for the simplex."""
        return self.num_leader_actions - 1 if self.strategies is None else self.strategies.dimension

    @property
    def num_games(self) -> int | None:
        """G for a stacked batch, None for one game."""
        return self.follower.shape[0] if self.follower.ndim == 5 else None

    @property
    def num_joint_types(self) -> int:
        """J = K**n, exact however large."""
        return int(self.num_types) ** int(self.num_followers)

    def __repr__(self) -> str:
        batch = f"G={self.num_games}, " if self.num_games is not None else ""
        return (
            f"Game({batch}L={self.num_leader_actions}, n={self.num_followers}, K={self.num_types}, "
            f"A={self.num_actions}, leader={type(self.leader).__name__}"
            + (")" if self.strategies is None else f", strategies={self.strategies!r})")
        )

    def payoff_bounds(self, played: Bool[np.ndarray, "n K A"] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest leader payoff of any commitment, each [] float64 ([G] for a batch). Host only.

        Of a strategy set with too many vertices to list, these are bounds, not attained.

        Args:
          played: actions that follower types may ever play; default all.
        """
        if self.strategies is None:
            return self.leader.bounds(played)
        return self.leader.at(self.strategies.outline).bounds(played)


def _strategies(value: Any, length: tuple[int, ...]) -> Polytope | None:
    """The set, if payoffs of this length fit it; None for the simplex itself."""
    if value is None:
        return None
    checks.instance("strategies", value, Polytope, "jaxstack.strategies makes them, such as box or coverage.")
    if length != (value.num_coordinates,):
        raise ValueError(
            f"payoffs have L = {length[0] if length else 0} leader entries (axis 2 of follower payoffs "
            f"[n, K, L, A]), but commitments of {value!r} have {value.num_coordinates}. Sets made by box, "
            f"budget and coverage have a last coordinate that is always 1, for constants."
        )
    if value.unit is None:
        raise ValueError(
            f"no combination of coordinates is constant on {value!r}, so that payoffs on it could have no "
            f"constant. Use strategies.with_constant(): it adds a last coordinate that is always 1, and "
            f"payoffs gain one entry, 0 or their constant."
        )
    return None if value.is_simplex else value


_Stackable = TypeVar("_Stackable")


def stack(trees: Sequence[_Stackable]) -> _Stackable:
    """G games (or type distributions, or other containers) as one batch with a leading axis G.

    Raises:
      ValueError: no list, an empty one, or members of different kinds or shapes (batches are dense; pad
        smaller games with types of probability zero, or simulate them separately).
    """
    checks.instance("what is stacked", trees, Iterable, "Pass a list: jaxstack.stack([game, ...]).")
    trees = list(trees)
    if not trees:
        raise ValueError("stack needs at least one member, but an empty list arrived.")

    def describe(tree: Any) -> tuple[Any, list[tuple[int, ...]]]:
        return jax.tree.structure(tree), [np.shape(leaf) for leaf in jax.tree.leaves(tree)]

    expected = describe(trees[0])
    for position, tree in enumerate(trees):
        if describe(tree) != expected:
            raise ValueError(
                f"stack needs members of one kind and shape, but member {position} is {tree!r} and member 0 "
                f"is {trees[0]!r}. Pad smaller games with types of probability 0, or handle them separately."
            )
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def unstack(batch: _Stackable, index: int) -> _Stackable:
    """Member `index` of a stacked batch.

    Raises:
      ValueError: a single game, distribution or table: there is nothing to pick from.
    """
    if isinstance(batch, TypeDistribution):
        single = batch.marginals().ndim == 2
    else:
        single = getattr(batch, "num_games", ()) is None
    if single:
        raise ValueError(f"unstack needs a stacked batch, but {batch!r} is a single one. Use it as it is.")
    return jax.tree.map(lambda leaf: leaf[index], batch)


_GET_ONE = "Load one with jaxstack.load_game, or make one."
_PICK_ONE = "Pick one: jaxstack.unstack(game, 0)."


def check_types(game: Game, types: TypeDistribution) -> None:
    """Raise ValueError unless `types` is a distribution for `game`: same n, K and batch size."""
    checks.instance("game", game, Game, _GET_ONE)
    if not isinstance(types, TypeDistribution):
        raise ValueError(
            f"types must be JointTypes, IndependentTypes or MixtureTypes, but {type(types).__name__} arrived."
        )
    for axis in ("num_followers", "num_types"):
        expected, arrived = getattr(game, axis), getattr(types, axis)
        if expected != arrived:
            raise ValueError(f"{game!r} has {axis} = {expected}, but {types!r} has {axis} = {arrived}.")
    batch = types.marginals().shape[:-2]
    wanted = () if game.num_games is None else (game.num_games,)
    if batch != wanted:
        raise ValueError(
            f"{game!r} is {_batch_words(wanted)}, but the type distribution is {_batch_words(batch)}. "
            f"Stack one distribution per game: jaxstack.stack([types, ...])."
        )


def _batch_words(batch: tuple[int, ...]) -> str:
    return f"a batch of {batch[0]}" if batch else "a single one"


def check_commitment(game: Game, commitment: Any) -> np.ndarray:
    """`commitment` as [L] float64 in the strategy set (moved there from within the tolerance).

    Raises:
      ValueError: wrong length, not finite, negative entries, or a sum that is not 1 (within 1e-6); an
        inequality or equation of the strategy set that it violates by more.
    """
    x = checks.finite_array("commitment", commitment, "L")
    if len(x) != game.num_leader_actions:
        raise ValueError(f"commitment must have L = {game.num_leader_actions} entries, but {len(x)} arrived.")
    if game.strategies is not None:
        return game.strategies.checked(x)
    if x.min() < -COMMITMENT_TOLERANCE or abs(x.sum() - 1) > COMMITMENT_TOLERANCE:
        raise ValueError(
            f"commitment must lie in the simplex (entries >= 0 that sum to 1), but {np.round(x, 9).tolist()} "
            f"has minimum {x.min():.6g} and sum {x.sum():.9g}. Divide by the sum if these are weights."
        )
    x = np.maximum(x, 0)
    return x / x.sum()


@with_pinned_settings
def best_response_sets(game: Game, commitment: Float[Array, "L"]) -> Bool[Array, "n K A"]:
    """Which actions are optimal for each follower type against a commitment.

    Numbers of the host are compared in float64, whatever the default float type. In a compiled function,
    differences of payoffs are still taken in float64 where the game is a constant of it; a game that is an
    argument has been rounded by JAX before, to float32 by default: a large constant added to its payoffs
    then costs their last digits.

    Args:
      game: one game; follower payoffs [n, K, L, A].
      commitment: [L], leader's mixed strategy; sums to 1 (not checked under tracing).

    Returns:
      [n, K, A] bool; True where no action has a relative lead (`jaxstack.ties`) of more than the tolerance:
      2^-44, or 2^-20 where the commitment or the game is float32.

    Raises:
      ValueError: no game, a stacked batch, or a commitment whose length is not L.
    """
    checks.instance("game", game, Game, _GET_ONE)
    if game.num_games is not None:
        raise ValueError(f"followers respond in one game, but {game!r} arrived. {_PICK_ONE}")
    if np.shape(commitment) != (game.num_leader_actions,):
        raise ValueError(
            f"commitment must have shape ({game.num_leader_actions},), but has {np.shape(commitment)}."
        )
    if game.strategies is None:
        differences = ties.differences(game.follower)
    else:  # the same rule in the frame's shares
        commitment = game.strategies.frame.shares(commitment)
        differences = differences_of(game.follower, game.strategies)
    if is_traced(differences, commitment):
        traced_x, traced = jnp.asarray(commitment), jnp.asarray(differences)
        dtype = jnp.promote_types(traced_x.dtype, traced.dtype)
        tolerance = ties.tolerance_of(traced_x, traced)
        return ties.optimal(traced.astype(dtype), traced_x.astype(dtype), tolerance)
    x = np.asarray(commitment)
    tolerance = ties.tolerance_of(x, np.asarray(game.follower))
    return jnp.asarray(ties.optimal(differences, x.astype(np.float64), tolerance))


@with_pinned_settings
def best_responses(game: Game, commitment: Float[Array, "L"]) -> Int[Array, "n K"]:
    """Action that each follower type plays against a commitment; the lowest index among ties.

    Breaking ties in the leader's favour needs the distribution of types (which tie is better for the leader
    depends on what the other followers do): `expected_utility` and `solve` do that.

    Args:
      game: one game; follower payoffs [n, K, L, A].
      commitment: [L], leader's mixed strategy; sums to 1 (not checked under tracing).

    Returns:
      [n, K], int32, in 0..A-1.

    Raises:
      ValueError: no game, a stacked batch, or a commitment whose length is not L.

    Source: arXiv 2510.01387, section 2. Departure: ties within a tolerance near rounding, not exact.
    """
    return jnp.argmax(best_response_sets(game, commitment), axis=-1).astype(jnp.int32)
