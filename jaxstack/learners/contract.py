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

from jaxstack._pytree import pytree_dataclass
from jaxstack.axes import Array, DeviceArray, Float, Int
from jaxstack.game import Game
from jaxstack.learners.rows import take_row
from jaxstack.payoffs import joint_index
from jaxstack.regions.table import RegionTable

Pytree = Any


class Choice(NamedTuple):
    """A commitment of the table, with the response map that goes with it."""

    region: Int[Array, ""]  # int32, 0..R-1
    vertex: Int[Array, ""]  # int32, 0..V-1 within the region


class TypeFeedback(NamedTuple):
    """Every follower's realised type."""

    types: Int[DeviceArray, "n"]  # int32, 0..K-1


class ActionFeedback(NamedTuple):
    """Every follower's realised action (not its type)."""

    actions: Int[DeviceArray, "n"]  # int32, 0..A-1


@pytree_dataclass
class Known:
    """What a learner knows before round 1.

    Attributes:
      game: payoffs of the leader and of every follower type.
      table: best-response regions.
      horizon: [] float, T.
      payoff_low, payoff_range: [] float, the leader's payoffs lie in [low, low + range]; range 1 if constant.
      unit_payoffs: [A**n, L] float, payoff vector of every joint action in units of the range, or None where
        these are many.
      prepared: what the learner's own `prepare` derived from game and table, once, outside the rounds.
    """

    game: Game
    table: RegionTable
    horizon: Any
    payoff_low: Any
    payoff_range: Any
    unit_payoffs: Any = None
    prepared: Any = ()

    def unit_payoff_vector(self, actions: Int[DeviceArray, "n"]) -> Float[DeviceArray, "L"]:
        """Payoff vector of a joint action in units of the range: every entry in [0, 1]."""
        if self.unit_payoffs is not None:
            return take_row(self.unit_payoffs, joint_index(actions, self.game.num_actions))
        return (self.game.leader.payoff_vector(actions) - self.payoff_low) / self.payoff_range


class NoParams(NamedTuple):
    """Hyperparameters of a learner that has none."""


class Ahead(NamedTuple):
    """What a learner can say of many rounds before playing them.

    Attributes:
      choice: what it plays in the first of them.
      contest: [] int32, 0 when it provably plays the same in all of them; otherwise the number, from 1, of
        the first of `Shortcut.contests` that finds what it plays.
      race: what the contests need to know.
      after: state after them.
    """

    choice: Choice
    contest: jax.Array
    race: Pytree
    after: Pytree


class Shortcut(NamedTuple):
    """How to play many rounds at once: for learners with type feedback, whose choices types alone decide.

    It must change no choice.

    Attributes:
      read: (known, types [B, n]) -> (seen, counts): of B rounds, what the contests need to know of each
        (arrays with an axis of rounds in front), and integer counts, all that `ahead` needs to know of them;
        the counts of several stretches of rounds are summed.
      ahead: (state, known, hparams, counts, rounds) -> Ahead, with `rounds` the number of rounds counted.
      contests: functions (race, known, hparams, seen) -> Choice [B] that find every choice of these rounds,
        from the cheapest to the last, which always can.
    """

    read: Callable[[Known, jax.Array], tuple[Pytree, Pytree]]
    ahead: Callable[[Pytree, Known, Pytree, Pytree, int], Ahead]
    contests: tuple[Callable[[Pytree, Known, Pytree, Pytree], Choice], ...]


@dataclasses.dataclass(frozen=True)
class Learner:
    """A learner, as pure functions for one run of one game (hashable; a static argument of compiled code).

    Attributes:
      name: as in tables and legends.
      feedback: "types", "actions" or "none": what `update` receives (TypeFeedback, ActionFeedback, None).
      init: (known, hparams) -> state, before round 1. State is what the next round needs, nothing else.
      act: (key, state, known, hparams) -> Choice.
      update: (state, known, hparams, choice, feedback) -> state, same tree, shapes and dtypes.
      hparams: known -> default hyperparameters, a NamedTuple of scalars (traced: new numbers never
        recompile, and they can be swept).
      prepare: (game, table) -> pytree of host arrays for `known.prepared`, derived from what is known alone;
        of a stacked batch, every array with a leading axis G.
      shortcut: known -> Shortcut, or None where every round has to be played.
      uses_optimum: the yardstick `oracle` alone: `known.prepared` is the optimal Choice.
      theorem: name of the rate in `jaxstack.bounds.regret` that bounds its regret ("erm_joint",
        "erm_product", "region_ucb", "oful"), or None.
    """

    name: str
    feedback: str
    init: Callable[[Known, Pytree], Pytree]
    act: Callable[[jax.Array, Pytree, Known, Pytree], Choice]
    update: Callable[[Pytree, Known, Pytree, Choice, Any], Pytree]
    hparams: Callable[[Known], Pytree] = lambda known: NoParams()
    prepare: Callable[[Game, RegionTable], Pytree] = lambda game, table: ()
    shortcut: Callable[[Known], Shortcut | None] = lambda known: None
    uses_optimum: bool = False
    theorem: str | None = None


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
