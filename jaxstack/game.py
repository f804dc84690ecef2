"""The game: who gets what, and how followers respond to a commitment."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxstack import checks, ties, unequal
from jaxstack._pytree import is_traced, pytree_dataclass, set_field
from jaxstack._settings import with_pinned_settings
from jaxstack.axes import Array, Bool, Float, Int
from jaxstack.distributions import IndependentTypes, JointTypes, MixtureTypes, TypeDistribution
from jaxstack.membership import COMMITMENT_TOLERANCE as COMMITMENT_TOLERANCE
from jaxstack.membership import check_commitment as check_commitment
from jaxstack.payoff_contract import require_no_part, require_pytree
from jaxstack.payoff_shapes import padded, restricted
from jaxstack.payoffs import LeaderPayoff, TabularPayoff
from jaxstack.sequences import SequenceTypes
from jaxstack.stacking import stack as stack
from jaxstack.stacking import unstack as unstack
from jaxstack.strategies import Polytope
from jaxstack.strategies.framing import differences_of
from jaxstack.strategies.sets_of_games import StrategySets
from jaxstack.ties import TIE_TOLERANCE as TIE_TOLERANCE


@pytree_dataclass
class Game:
    """A multi-follower Bayesian Stackelberg game (without the distribution of types).

    Payoffs are held as float64 on the host and become the default float type of the device where they are
    used. A stacked batch of G games (`stack`) has a leading axis G on every array.

    Followers may have types and actions of their own number. Then K and A are the largest of them, and
    nothing that a follower does not have bounds a region, is drawn, played or counted.

    Args:
      leader: leader's payoff u; a bare array [L, A_1, .., A_n] is tabular.
      follower: [n, K, L, A], payoff v_i(l, a, theta_i) of follower i with type theta_i; or lists
        [n][K_i][L][A_i] of followers with unequal numbers of types or actions.
      strategies: what the leader may commit to. None, the simplex of mixed strategies over L actions, or a
        `jaxstack.strategies.Polytope`: then l is a coordinate of the commitment x, payoffs are <x, u(., a)>,
        and some combination of coordinates is constant on the set, so that constants are payoffs too. A batch
        has one set for all its games, or a `StrategySets` (made by `stack`).
      available: [n, K, A] bool, or lists [n][K_i][A_i]: True where follower i of type k has action a. None:
        all that `follower` has payoffs for. A follower's last types may be False throughout: it does not
        have them. Payoffs of what is False are not read, and may be nan.

    Attributes:
      available: [n, K, A] bool; None where every follower has K types with A actions each.

    Raises:
      ValueError: not finite, an empty axis, a type without an action, or leader and follower payoffs that
        disagree on L, n or a follower's number of actions; or a strategy set that has other coordinates, or
        none that is constant.
    """

    leader: Any
    follower: Any
    strategies: Any = None
    available: Any = None

    def __post_init__(self) -> None:
        if not isinstance(self.leader, LeaderPayoff):
            require_no_part(self.leader)
            set_field(self, "leader", TabularPayoff(self.leader))
        require_pytree("leader", self.leader)
        if not is_traced(self.follower):
            follower, available, sizes = unequal.followers(self.follower, self.available)
            set_field(self, "follower", follower)
            set_field(self, "available", available)
            self._check_sizes(sizes)
        set_field(self, "strategies", _strategies(self.strategies, np.shape(self.follower)[-2:-1]))
        self._check_axes()
        set_field(self, "strategies", _strategies(self.strategies, np.shape(self.follower)[-2:-1]))
        if self.available is not None and not is_traced(self.leader, self.available):
            set_field(self, "leader", restricted(self.leader, np.asarray(self.available)))

    def _check_axes(self) -> None:
        """Raise ValueError where the leader's payoff has other axes than those of the followers."""
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

    def _check_sizes(self, sizes: Int[np.ndarray, "n"]) -> None:
        """Raise ValueError where the leader's payoff is for other numbers of actions than followers list."""
        for i, (size, listed) in enumerate(zip(getattr(self.leader, "sizes", ()), sizes, strict=False)):
            own = int(self.actions_by_follower[i])
            if size not in (listed, own):
                raise ValueError(
                    f"leader and follower payoffs disagree on follower {i}: the leader payoff "
                    f"({type(self.leader).__name__}) is for {size} actions, but the follower has {own}. The "
                    f"axes of followers stand in their order: [L, A_1, .., A_n]."
                )

    @property
    def existing(self) -> Any:
        """[n, K] bool ([G, n, K]): types that each follower has; None where all have all."""
        return None if self.available is None else self.available.any(axis=-1)

    @property
    def playable(self) -> Any:
        """`available`, and action 0 of types that there are not; None where all types have all actions."""
        if self.available is None:
            return None
        missing = ~self.existing[..., None]
        return self.available | (missing & (np.arange(self.num_actions) == 0))

    @property
    def types_by_follower(self) -> Int[np.ndarray, "n"]:
        """[n] int64 ([G, n]): K_i, types that each follower has. Host only."""
        if self.available is None:
            return np.full(self.follower.shape[:-3], self.num_types)
        return np.asarray(self.existing).sum(axis=-1)

    @property
    def actions_by_follower(self) -> Int[np.ndarray, "n"]:
        """[n] int64 ([G, n]): A_i, actions up to the last one that some type of a follower has. Host only."""
        if self.available is None:
            return np.full(self.follower.shape[:-3], self.num_actions)
        some: Any = np.asarray(self.available).any(axis=-2)
        return np.asarray(self.num_actions - some[..., ::-1].argmax(axis=-1))

    @property
    def followers_by_game(self) -> Int[np.ndarray, ""]:
        """[] int64 ([G]): followers up to the last one that has more than one type or action. Host only."""
        some = (self.types_by_follower > 1) | (self.actions_by_follower > 1)
        return np.asarray(np.where(some, np.arange(1, self.num_followers + 1), 0).max(axis=-1))

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
    def dimension(self) -> Any:
        """Of the leader's strategy set: L - 1 for the simplex; [G] where the games of a batch differ."""
        return self.num_leader_actions - 1 if self.strategies is None else self.strategies.dimension

    @property
    def num_games(self) -> int | None:
        """G for a stacked batch, None for one game."""
        return self.follower.shape[0] if self.follower.ndim == 5 else None

    @property
    def num_joint_types(self) -> int:
        """J = K_1 .. K_n, exact however large; of a batch, the most that a game has."""
        if self.available is None:
            return int(self.num_types) ** int(self.num_followers)
        counts = self.types_by_follower.reshape(-1, self.num_followers).tolist()
        return max(math.prod(own) for own in counts)

    def joint_types(self) -> Int[np.ndarray, "J n"]:
        """[J, n] int32 ([G, J, n]): every joint type that there is, in C order. Host only.

        Games of a batch that have fewer than others repeat their first one.
        """
        n = self.num_followers
        counts = self.types_by_follower.reshape(-1, n).tolist()
        grids = [np.indices(tuple(own), np.int32).reshape(n, -1).T for own in counts]
        rows = np.arange(self.num_joint_types)
        padded = [grid[np.where(rows < len(grid), rows, 0)] for grid in grids]
        return padded[0] if self.num_games is None else np.stack(padded)

    def __repr__(self) -> str:
        batch = f"G={self.num_games}, " if self.num_games is not None else ""
        strategies = "" if self.strategies is None else f", strategies={self.strategies!r}"
        return f"Game({batch}{self.sizes}, leader={type(self.leader).__name__}{strategies})"

    @property
    def sizes(self) -> str:
        """Such as "L=3, n=2, K=2, A=4", or "K=(2, 1), A=(2, 4)" of unequal followers."""
        types, actions = _in_words(self.types_by_follower), _in_words(self.actions_by_follower)
        return f"L={self.num_leader_actions}, n={self.num_followers}, K={types}, A={actions}"

    @property
    def padded_sizes(self) -> tuple[int, ...]:
        """n, K and A: games of one L that agree in these have arrays of one shape."""
        return self.num_followers, self.num_types, self.num_actions

    def on(self, strategies: Polytope | StrategySets | None) -> Game:
        """The same numbers with another strategy set, which is not checked."""
        moved = object.__new__(Game)
        for name in ("leader", "follower", "available"):
            set_field(moved, name, getattr(self, name))
        set_field(moved, "strategies", strategies)
        return moved

    def padded_to(self, num_followers: int, num_types: int, num_actions: int) -> Game:
        """The same game in larger arrays, with `available`; followers are added who have no choice.

        Args:
          num_followers, num_types, num_actions: n, K and A of the result, no smaller than they are.
        """
        wanted = (num_followers, num_types, num_actions)
        n, K, A = (after - before for after, before in zip(wanted, self.padded_sizes, strict=True))
        had = np.ones(self.padded_sizes, bool) if self.available is None else np.asarray(self.available)
        available = np.pad(had, [(0, n), (0, K), (0, A)])
        available[self.num_followers :, 0, 0] = True
        held = np.pad(self.follower, [(0, n), (0, K), (0, 0), (0, A)])
        larger = object.__new__(Game)
        set_field(larger, "leader", padded(self.leader, num_followers, num_types, num_actions))
        set_field(larger, "follower", unequal.held(held, available))
        set_field(larger, "strategies", self.strategies)
        set_field(larger, "available", unequal.frozen(available))
        return larger

    def payoff_bounds(self, played: Bool[np.ndarray, "n K A"] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest leader payoff of any commitment, each [] float64 ([G] for a batch). Host only.

        Of a strategy set with too many vertices to list, these are bounds, not attained.

        Args:
          played: actions that follower types may ever play; default all.
        """
        if self.strategies is None:
            return self.leader.bounds(played)
        if isinstance(self.strategies, StrategySets):
            of_games = [None] * len(self.strategies.sets) if played is None else list(played)
            bounds = [unstack(self, g).payoff_bounds(own) for g, own in enumerate(of_games)]
            low, high = np.array(bounds).T
            return low, high
        return self.leader.at(self.strategies.outline).bounds(played)


def _in_words(counts: Int[np.ndarray, "*batch n"]) -> str:
    """A count that all followers share, or every follower's, or the span of many."""
    low, high = int(counts.min()), int(counts.max())
    if low == high:
        return str(high)
    return str(tuple(counts.tolist())) if counts.ndim == 1 and counts.size <= 8 else f"{low}..{high}"


def _strategies(value: Any, length: tuple[int, ...]) -> Any:
    """The set, if payoffs of this length fit it; None for the simplex itself."""
    if value is None or isinstance(value, StrategySets):
        return value
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


_GET_ONE = "Load one with jaxstack.load_game, or make one."
_PICK_ONE = "Pick one: jaxstack.unstack(game, 0)."


def check_types(game: Game, types: TypeDistribution) -> None:
    """Raise ValueError unless `types` is a distribution for `game`: same n, K and batch size."""
    checks.instance("game", game, Game, _GET_ONE)
    if not isinstance(types, JointTypes | IndependentTypes | MixtureTypes | SequenceTypes):
        raise ValueError(
            f"types must be JointTypes, IndependentTypes, MixtureTypes or SequenceTypes, but "
            f"{type(types).__name__} arrived. Make one of these of it: any distribution is a table of joint "
            f"types, or a mixture."
        )
    for axis in ("num_followers", "num_types"):
        expected, arrived = getattr(game, axis), getattr(types, axis)
        if expected != arrived:
            raise ValueError(f"{game!r} has {axis} = {expected}, but {types!r} has {axis} = {arrived}.")
    marginals = types.marginals()
    batch = marginals.shape[:-2]
    wanted = () if game.num_games is None else (game.num_games,)
    if batch != wanted:
        raise ValueError(
            f"{game!r} is {_batch_words(wanted)}, but the type distribution is {_batch_words(batch)}. "
            f"Stack one distribution per game: jaxstack.stack([types, ...])."
        )
    if game.available is None:
        return
    impossible = ~np.asarray(game.existing) & (marginals > 0)
    if impossible.any():
        *of_game, follower, theta = (int(place) for place in np.argwhere(impossible)[0])
        own = int(game.types_by_follower[(*of_game, follower)])
        where = f" of game {of_game[0]}" if of_game else ""
        raise ValueError(
            f"the type distribution gives type {theta} of follower {follower}{where} the probability "
            f"{marginals[(*of_game, follower, theta)]:.6g}, but that follower has {own} type(s), or "
            f"`available` leaves that type without an action."
        )


def _batch_words(batch: tuple[int, ...]) -> str:
    return f"a batch of {batch[0]}" if batch else "a single one"


@with_pinned_settings
def best_response_sets(game: Game, commitment: Float[Array, "L"]) -> Bool[Array, "n K A"]:
    """Which actions are optimal for each follower type against a commitment.

    Numbers of the host are compared in float64, whatever the default float type. In a compiled function,
    differences of payoffs are still taken in float64 where the game is a constant of it; a game that is an
    argument has been rounded by JAX before, to float32 by default: a large constant added to its payoffs
    then costs their last digits.

    Args:
      game: one game; follower payoffs [n, K, L, A].
      commitment: [L], leader's mixed strategy, in the strategy set (not checked under tracing).

    Returns:
      [n, K, A] bool; True for available actions where no action has a relative lead (`jaxstack.ties`) of
      more than the tolerance: 2^-44, or 2^-20 where the commitment or the game is float32.

    Raises:
      ValueError: no game, a stacked batch, or a commitment of another length or off the strategy set.
    """
    checks.instance("game", game, Game, _GET_ONE)
    if game.num_games is not None:
        raise ValueError(f"followers respond in one game, but {game!r} arrived. {_PICK_ONE}")
    if np.shape(commitment) != (game.num_leader_actions,):
        raise ValueError(
            f"commitment must have shape ({game.num_leader_actions},), but has {np.shape(commitment)}."
        )
    if not is_traced((game, commitment)) and not isinstance(game.strategies, StrategySets):
        check_commitment(game, commitment)
    if game.strategies is None:
        differences = ties.differences(game.follower)
    elif isinstance(game.strategies, StrategySets):
        raise ValueError(
            f"best responses in compiled rounds need one strategy set for all games of a batch, but those of "
            f"{game!r} differ. Play these games one by one: jaxstack.unstack(game, g)."
        )
    else:  # the same rule in the frame's shares
        commitment = game.strategies.frame.shares(commitment)
        differences = differences_of(game.follower, game.strategies)
    playable = game.playable
    if is_traced(differences, commitment):
        traced_x, traced = jnp.asarray(commitment), jnp.asarray(differences)
        dtype = jnp.promote_types(traced_x.dtype, traced.dtype)
        tolerance = ties.tolerance_of(traced_x, traced)
        optimal = ties.optimal(traced.astype(dtype), traced_x.astype(dtype), tolerance)
        return optimal if playable is None else optimal & playable
    x = np.asarray(commitment)
    tolerance = ties.tolerance_of(x, np.asarray(game.follower))
    optimal = ties.optimal(differences, x.astype(np.float64), tolerance)
    return jnp.asarray(optimal if playable is None else optimal & playable)


@with_pinned_settings
def best_responses(game: Game, commitment: Float[Array, "L"]) -> Int[Array, "n K"]:
    """Action that each follower type plays against a commitment; the lowest index among ties.

    Breaking ties in the leader's favour needs the distribution of types (which tie is better for the leader
    depends on what the other followers do): `expected_utility` and `solve` do that.

    Args:
      game: one game; follower payoffs [n, K, L, A].
      commitment: [L], leader's mixed strategy, in the strategy set (not checked under tracing).

    Returns:
      [n, K], int32, in 0..A-1; 0 for types that a follower does not have.

    Raises:
      ValueError: no game, a stacked batch, or a commitment of another length or off the strategy set.

    Source: arXiv 2510.01387, section 2. Departure: ties within a tolerance near rounding, not exact.
    """
    return jnp.argmax(best_response_sets(game, commitment), axis=-1).astype(jnp.int32)
