"""The plain path: draw types, play a round, play a block of rounds, record regret.

A learner is written for one run of one game. Here is what happens to the runs of one tile of one game, in the
order in which it happens; `jaxstack.simulation.batching` says where the axis of runs S is in an array.

Randomness: the types of run r in round t come from (key, r, t) alone. Block b of run r draws its bits from
fold_in(fold_in(stream, r), b), whatever the learner, the number of devices or the way in which the host loop
cuts the horizon.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxstack.arena import Arena, Commitments
from jaxstack.axes import Array, Bool, DeviceArray, Float, Int
from jaxstack.distributions import TypeSampler
from jaxstack.learners.contract import (
    ActionFeedback,
    Choice,
    Commitment,
    Known,
    Learner,
    TypeFeedback,
    add_compensated,
)
from jaxstack.simulation.batching import choice_shapes, info_shapes, over_runs, run_axes, told

BLOCK = 128
"""Rounds whose types are drawn at once. Part of the definition of the random draws: never change it."""

_TYPES, _ACT, _REPLAN = 0, 1, 2  # streams of random bits


class Inputs(NamedTuple):
    """All that a compiled run reads; every array has a leading axis G for a batch of games."""

    key: jax.Array
    known: Known
    hparams: Any  # the learner's NamedTuple, every number [] float (or [G])
    sampler: TypeSampler
    arena: Arena
    checkpoints: Array  # [C] int32, shared by all games
    replans: Array  # [E] int32, rounds in which the learner replans (0: none), shared by all games


class Carry(NamedTuple):
    """The runs of a tile between two blocks.

    state: the learner's.
    total, error: [S] cumulative regret in units, and what it lost to rounding.
    curve, curve_error: [C, S], the same at the checkpoints.
    choice: [BLOCK, .., S], what was played in the last block, for who wants to look.
    info: [C, .., S] each, what the learner has to tell at the checkpoints.
    """

    state: Any
    total: Float[DeviceArray, "S"]
    error: Float[DeviceArray, "S"]
    curve: Float[DeviceArray, "C S"]
    curve_error: Float[DeviceArray, "C S"]
    choice: Any
    info: dict[str, jax.Array]


def before_round_1(learner: Learner, inputs: Inputs, runs: Int[DeviceArray, "S"]) -> Carry:
    """A tile of runs of one game that have not begun."""
    state = over_runs(lambda _: learner.init(inputs.known, inputs.hparams), (0,), learner, inputs)(runs)
    zero = jnp.zeros(runs.shape, inputs.known.dtype)

    def nothing(count: int, shapes: Any) -> Any:
        return jax.tree.map(lambda leaf: jnp.zeros((count, *leaf.shape, *runs.shape), leaf.dtype), shapes)

    count = inputs.checkpoints.shape[0]
    curve = nothing(count, jax.ShapeDtypeStruct((), zero.dtype))
    choice, info = choice_shapes(learner, inputs), info_shapes(learner, inputs)
    return Carry(state, zero, zero, curve, curve, nothing(BLOCK, choice), nothing(count, info))


def draw_types(
    key: jax.Array, sampler: TypeSampler, runs: Int[DeviceArray, "S"], block: jax.Array
) -> Int[DeviceArray, "B n S"]:
    """Types of a block of rounds: [BLOCK, n, S] int32."""

    def bits(run: jax.Array) -> jax.Array:
        return jax.random.bits(_block_key(key, _TYPES, run, block), (BLOCK, sampler.num_words), jnp.uint32)

    rounds = block * BLOCK + 1 + jnp.arange(BLOCK, dtype=jnp.int32)
    return jnp.moveaxis(sampler.draw(jax.vmap(bits)(runs), rounds), 0, -1)


class Played(NamedTuple):
    """What the rounds of a block leave behind, [BLOCK, ..] each."""

    choice: Choice | Commitment
    regret: Float[DeviceArray, "B S"]  # since the block began, units of the payoff range
    info: dict[str, jax.Array]


def play_round(
    learner: Learner,
    inputs: Inputs,
    state: Any,
    key: jax.Array,
    types: Int[DeviceArray, "n"],
    t: Int[DeviceArray, ""],
) -> tuple[Any, Choice | Commitment, Float[DeviceArray, ""]]:
    """Round t of one run: the learner acts, followers of these types respond, the learner learns.

    Returns:
      State after the round, what was played, and its regret in units of the payoff range.
    """
    choice = learner.act(key, state, inputs.known, inputs.hparams, t)
    regret = inputs.arena.regret(inputs.known, choice, types, t)
    return learn(learner, inputs, state, choice, types, t), choice, regret


def plan(
    learner: Learner, inputs: Inputs, state: Any, run: jax.Array, block: jax.Array, step: jax.Array
) -> Any:
    """State of one run before a round of its schedule."""
    assert learner.replan is not None
    key = jax.random.fold_in(_block_key(inputs.key, _REPLAN, run, block), step)
    return learner.replan(key, state, inputs.known, inputs.hparams, block * BLOCK + step + 1)


def learn(learner: Learner, inputs: Inputs, state: Any, choice: Any, types: jax.Array, t: jax.Array) -> Any:
    """State of one run after a round in which `choice` was played and followers had these types."""
    feedback = what_is_seen(learner, inputs, choice, types)
    return learner.update(state, inputs.known, inputs.hparams, choice, feedback, t)


def refresh(learner: Learner, inputs: Inputs, state: Any) -> Any:
    """State of one run after a block, with what rounding wore away computed anew."""
    assert learner.refresh is not None
    return learner.refresh(state, inputs.known, inputs.hparams)


def what_is_seen(
    learner: Learner, inputs: Inputs, choice: Choice | Commitment, types: Int[DeviceArray, "n"]
) -> Any:
    """The learner's feedback of a round in which followers have these types."""
    if learner.feedback == "types":
        return TypeFeedback(types)
    if learner.feedback == "actions":
        known, arena = inputs.known, inputs.arena
        actions = arena.actions(known, choice, types)
        # A sum and not a matrix product, which some devices round to fewer digits.
        payoff = (arena.commitment(known, choice) * known.unit_payoff_vector(actions, types)).sum()
        return ActionFeedback(actions, payoff)
    return None


def play_block(
    learner: Learner, inputs: Inputs, carry: Carry, runs: Int[DeviceArray, "S"], block: jax.Array
) -> Carry:
    """The next BLOCK rounds of a tile."""
    types = draw_types(inputs.key, inputs.sampler, runs, block)
    keys = jax.vmap(lambda run: acting_key(inputs, run, block))(runs)
    axes = run_axes(learner, inputs)

    def one_round(so_far: tuple[Any, jax.Array, Valued | None], drawn: tuple[jax.Array, ...]) -> Any:
        (state, regret, valued), (types, step, replans, is_checkpoint) = so_far, drawn
        t = block * BLOCK + step + 1

        def plan_run(state: Any, run: jax.Array) -> Any:
            return plan(learner, inputs, state, run, block, step)

        def one_run(state: Any, key: jax.Array, types: jax.Array) -> Any:
            return play_round(learner, inputs, state, jax.random.fold_in(key, step), types, t)

        if learner.replan is not None:  # one flag for all runs: a real branch
            over = jax.vmap(plan_run, (axes, 0), axes)
            state = jax.lax.cond(replans, lambda: over(state, runs), lambda: state)
        state, choice, lost = jax.vmap(one_run, (axes, 0, -1), (axes, -1, -1))(state, keys, types)
        if valued is not None:
            valued = value_anew(inputs, choice, valued)
            lost = valued.lost
        info = _info(learner, inputs, axes, state, choice, is_checkpoint)
        return (state, regret + lost, valued), Played(choice, regret + lost, info)

    start = (carry.state, jnp.zeros_like(carry.total), last_valued(inputs, carry))
    steps = jnp.arange(BLOCK, dtype=jnp.int32)
    rounds = (types, steps, within(inputs.replans, block), within(inputs.checkpoints, block))
    (state, _, _), played = jax.lax.scan(one_round, start, rounds)
    if learner.refresh is not None:
        state = jax.vmap(lambda one: refresh(learner, inputs, one), (axes,), axes)(state)
    return record(inputs, carry, played, block)._replace(state=state, choice=played.choice)


class Valued(NamedTuple):
    """What was played in a round, and what it cost: commitments mostly stay, and are dear to value."""

    choice: Commitment  # [.., S]
    lost: Float[DeviceArray, "S"]


def last_valued(inputs: Inputs, carry: Carry) -> Valued | None:
    """The last round of the block before; None where costs stand in a table, or hang by the round."""
    if not isinstance(inputs.arena, Commitments):
        return None
    last = jax.tree.map(lambda leaf: leaf[-1], carry.choice)
    return Valued(last, _lost(inputs, last))


def value_anew(inputs: Inputs, choice: Commitment, before: Valued) -> Valued:
    """What a round costs; computed only where some run plays something else than in the round before."""
    pairs = zip(choice, before.choice, strict=True)
    moved = jnp.stack([(now != then).any() for now, then in pairs]).any()
    return Valued(choice, jax.lax.cond(moved, lambda: _lost(inputs, choice), lambda: before.lost))


def _lost(inputs: Inputs, choice: Commitment) -> Float[DeviceArray, "S"]:
    return jax.vmap(lambda one: inputs.arena.regret(inputs.known, one, None, None), -1)(choice)


def _info(
    learner: Learner, inputs: Inputs, axes: Any, state: Any, choice: Any, is_checkpoint: jax.Array
) -> dict[str, jax.Array]:
    """What the learner has to tell after a round, [.., S] each; zeros unless it is a checkpoint."""
    if learner.info is None:
        return {}
    tell = jax.vmap(lambda state, choice: told(learner, inputs.known, state, choice), (axes, -1), -1)
    nothing = jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(tell, state, choice)
    )
    return jax.lax.cond(is_checkpoint, lambda: tell(state, choice), lambda: nothing)


def record(inputs: Inputs, carry: Carry, played: Played, block: jax.Array) -> Carry:
    """`carry` with what a block left behind: regret at its end, and regret and info at checkpoints.

    Regret is nan from a block on in which something was played that there is not.
    """
    place = jnp.asarray(inputs.checkpoints) - 1 - block * BLOCK  # of each checkpoint within the block
    inside = (place >= 0) & (place < BLOCK)
    place = jnp.clip(place, 0, BLOCK - 1)

    def at_checkpoints(new: jax.Array, old: jax.Array) -> jax.Array:
        return jnp.where(inside.reshape(-1, *(1,) * (old.ndim - 1)), new, old)

    regret = jnp.where(_in_range(inputs, played.choice, block), played.regret, jnp.nan)
    now = add_compensated(carry.total[None], carry.error[None], regret[place])
    curve, curve_error = map(at_checkpoints, now, (carry.curve, carry.curve_error))
    info = jax.tree.map(lambda new, old: at_checkpoints(new[place], old), played.info, carry.info)
    total, error = add_compensated(carry.total, carry.error, regret[-1])
    return carry._replace(total=total, error=error, curve=curve, curve_error=curve_error, info=info)


def _in_range(inputs: Inputs, choice: Any, block: jax.Array) -> Bool[DeviceArray, "S"]:
    """Whether all places that were played in the rounds of a block that count, [BLOCK, S], are in the table.

    Of commitments regret tells, which is computed for those alone that are new.
    """
    if isinstance(choice, Commitment):
        return jnp.ones(choice.x.shape[-1], bool)
    is_there = inputs.arena.in_range(inputs.known, choice)
    rounds = block * BLOCK + 1 + jnp.arange(BLOCK, dtype=jnp.int32)
    counts = rounds <= jnp.max(jnp.asarray(inputs.checkpoints), initial=0)
    return (is_there | ~counts[:, None]).all(axis=0)


def within(rounds: Array, block: jax.Array) -> jax.Array:
    """[BLOCK] bool: which rounds of a block are among `rounds`."""
    steps = block * BLOCK + 1 + jnp.arange(BLOCK, dtype=jnp.int32)
    return (jnp.asarray(rounds)[:, None] == steps[None]).any(axis=0)


def acting_key(inputs: Inputs, run: jax.Array, block: jax.Array) -> jax.Array:
    """Key from which the learner's own draws in a block of one run come: one for every step."""
    return _block_key(inputs.key, _ACT, run, block)


def _block_key(key: jax.Array, stream: int, run: jax.Array, block: jax.Array) -> jax.Array:
    """Key of one block of one run."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.fold_in(key, stream), run), block)
