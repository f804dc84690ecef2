"""What a learner is: pure functions for *one* run of *one* game.

A learner sees the game, its region table and its own feedback; it never sees the distribution of types. The
simulation batches; nothing here knows how many runs there are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack._pytree import pytree_dataclass
from jaxstack.axes import DeviceArray, Float, Int
from jaxstack.game import Game
from jaxstack.learners.rows import take_row
from jaxstack.payoffs import joint_index
from jaxstack.regions.table import RegionTable

Pytree = Any


class Choice(NamedTuple):
    """A vertex of the table: a commitment, with the response map of its region."""

    region: Int[DeviceArray, ""]  # int32, 0..R-1
    vertex: Int[DeviceArray, ""]  # int32, 0..V-1 within the region


class Commitment(NamedTuple):
    """Any commitment, with the response map that goes with it, so that ties are the leader's to break."""

    x: Float[DeviceArray, "L"]  # of the default float type
    responses: Int[DeviceArray, "n K"]  # int32, 0..A-1: a best response of every follower type to x


PLAYS: dict[str, type[Choice | Commitment]] = {"vertices": Choice, "commitments": Commitment}


class TypeFeedback(NamedTuple):
    """Every follower's realised type."""

    types: Int[DeviceArray, "n"]  # int32, 0..K-1


class ActionFeedback(NamedTuple):
    """Every follower's realised action (not its type), and what the leader got."""

    actions: Int[DeviceArray, "n"]  # int32, 0..A-1
    payoff: Float[DeviceArray, ""]  # <x, u>, expected over the leader's own mixing, in units of the range


FEEDBACK = ("types", "actions", "none", "optimum")
OFF_POLICY = ("none", "vertices", "regions", "all")


@pytree_dataclass
class Known:
    """What a learner knows before round 1.

    Attributes:
      game: the game in units: the leader's payoffs that can occur lie in [0, 1], those of the followers are
        differences from their own mean, scaled. No response depends on that.
      table: RegionTable of its best-response regions; None where it is played without one.
      horizon: [] float, T.
      payoff_low, payoff_range: [] float, the leader's payoffs that can occur lie in [low, low + range]; range
        1 if constant. What learners compute with is in units already.
      unit_payoffs: [A**n, L] float, payoff vector of every joint action in units, or None where these are
        many or types matter too.
      prepared: what the learner's own `prepare` derived from game and table, once, outside the rounds.
    """

    game: Game
    table: Any
    horizon: Any
    payoff_low: Any
    payoff_range: Any
    unit_payoffs: Any = None
    prepared: Any = ()

    @property
    def dtype(self) -> np.dtype:
        """Of all floats: the default float type."""
        return jnp.asarray(self.horizon).dtype

    def unit_payoff_vector(
        self, actions: Int[DeviceArray, "n"], types: Int[DeviceArray, "n"] | None = None
    ) -> Float[DeviceArray, "L"]:
        """Payoff vector of a joint action that can occur, in units of the range.

        What every commitment earns by it is in [0, 1]; on the simplex, so is every entry.

        Args:
          actions: [n] int32.
          types: [n] int32, who plays them; needed where the leader's payoff depends on types.

        Raises:
          ValueError: it does, and no types arrived.
        """
        if self.unit_payoffs is not None:
            return take_row(self.unit_payoffs, joint_index(actions, self.game.num_actions))
        return self.game.leader.payoff_vector(actions, types)


class NoParams(NamedTuple):
    """Hyperparameters of a learner that has none."""


def no_params(known: Known) -> NoParams:
    """Default hyperparameters of a learner that has none."""
    return NoParams()


def nothing_prepared(game: Game, table: RegionTable | None) -> tuple[()]:
    """`prepare` of a learner that needs nothing of the kind."""
    return ()


class Jumps(NamedTuple):
    """How the rounds of a learner with type feedback can be jumped over (`jaxstack.jumps`).

    Attributes:
      product: what scores candidates: False, the counts of joint types (or of followers' types, where the
        payoff is a sum); True, the product of the marginals. `prepare` returns a `candidates.Scoring`.
      init, act, update: the functions whose choices the jumps reproduce. A learner with others, such as one
        derived by `dataclasses.replace`, is refused.
    """

    product: bool
    init: Callable[..., Pytree]
    act: Callable[..., Choice]
    update: Callable[..., Pytree]


@dataclasses.dataclass(frozen=True)
class Learner:
    """A learner, as pure functions for one run of one game (hashable; a static argument of compiled code).

    Attributes:
      name: as in tables and legends.
      feedback: "types", "actions" or "none": what `update` receives (TypeFeedback, ActionFeedback, None); or
        "optimum", of a yardstick that is told the optimal Choice or Commitment as `known.prepared`, and
        nothing after.
      init: (known, hparams) -> state, before round 1. State is what the next round needs, nothing else.
      act: (key, state, known, hparams, t) -> Choice, or Commitment (`plays`).
      update: (state, known, hparams, choice, feedback, t) -> state, same tree, shapes and dtypes.
        t is the round, [] int32, 1..T, the same number for all runs: `lax.cond` on it is a real branch.
      hparams: known -> default hyperparameters, a NamedTuple of scalars (traced: new numbers never
        recompile, and they can be swept).
      prepare: (game in units, table or None) -> pytree of host arrays for `known.prepared`, derived from
        what is known alone; of a stacked batch, every array with a leading axis G.
      ranges: (name, low, high) of hyperparameters that make sense only between two numbers, both excluded.
      needs_payoff_vectors: it learns from `known.unit_payoff_vector(feedback.actions)`, and so cannot play a
        game in which the leader's payoff depends on types.
      theorem: name of the rate in `jaxstack.bounds.regret` that bounds its regret, if one is known.
      jumps: how its rounds can be jumped over, if they can.
      plays: "vertices" of the table (Choice), or "commitments" (Commitment).
      needs_table: whether it reads `known.table`; who does not can play any game (`simulate(table=False)`).
      without_table: who plays in its place where there is no table: the same method, by commitments. None of
        a learner that has no such method.
      draws: whether `act` or `replan` uses its key.
      schedule: horizon -> [E] rounds in which it replans, fixed before round 1 and the same for all runs.
      replan: (key, state, known, hparams, t) -> state, before `act` in those rounds: work that is too dear
        for every round.
      refresh: (state, known, hparams) -> state, after every 128th round: sums of many rounds computed anew,
        so that no rounding lives longer. `update` alone is right, up to rounding.
      off_policy: from which rounds `update` learns that somebody else played (`jaxstack.deploy`): "none";
        "vertices" or "regions", where it must be told which vertex or region that was; or "all", where what
        it sees says enough.
      info: (state, known, choice) -> mapping of numbers or arrays that a reader may want to see
        (`simulate(record=True)`); after round t, in which `choice` was played.
    """

    name: str
    feedback: str
    init: Callable[[Known, Pytree], Pytree]
    act: Callable[[jax.Array, Pytree, Known, Pytree, jax.Array], Choice | Commitment]
    update: Callable[[Pytree, Known, Pytree, Any, Any, jax.Array], Pytree]
    hparams: Callable[[Known], Pytree] = no_params
    prepare: Callable[[Game, Any], Pytree] = nothing_prepared
    ranges: tuple[tuple[str, float, float], ...] = ()
    needs_payoff_vectors: bool = False
    theorem: str | None = None
    jumps: Jumps | None = None
    plays: str = "vertices"
    needs_table: bool = True
    without_table: Learner | None = None
    draws: bool = False
    schedule: Callable[[int], np.ndarray] | None = None
    replan: Callable[[jax.Array, Pytree, Known, Pytree, jax.Array], Pytree] | None = None
    refresh: Callable[[Pytree, Known, Pytree], Pytree] | None = None
    off_policy: str = "none"
    info: Callable[[Pytree, Known, Any], dict[str, jax.Array]] | None = None


@dataclasses.dataclass(frozen=True)
class Fixed:
    """function(first, ..): as functools.partial, but equal to another where function and `first` are."""

    function: Callable[..., Any]
    first: Any

    def __call__(self, *args: Any) -> Any:
        return self.function(self.first, *args)


def tie_tolerance(dtype: Any) -> float:
    """Scores of unit payoffs closer than this count as tied (the lowest index wins): 32 units of rounding."""
    return 32 * float(jnp.finfo(dtype).eps)


def add_compensated(
    total: Float[DeviceArray, "*shape"],
    error: Float[DeviceArray, "*shape"],
    term: Float[DeviceArray, "*shape"],
) -> tuple[jax.Array, jax.Array]:
    """`total + error + term` as a new (total, error): the sum of 10^8 terms keeps the precision of one.

    Source: Knuth's TwoSum; `total + error` is the value.
    """
    term = term + error
    new_total = total + term
    back = new_total - total
    return new_total, (total - (new_total - back)) + (term - back)
