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
import numpy as np

from jaxstack.axes import Array, DeviceArray, Float, Int
from jaxstack.distributions import TypeSampler
from jaxstack.learners.contract import (
    ActionFeedback,
    Choice,
    Known,
    Learner,
    TypeFeedback,
    add_compensated,
)
from jaxstack.learners.rows import take_row
from jaxstack.simulation.batching import over_runs, run_axes

BLOCK = 128
"""Rounds whose types are drawn at once. Part of the definition of the random draws: never change it."""

_TYPES, _LEARNER = 0, 1  # streams of random bits


class Inputs(NamedTuple):
    """All that a compiled run reads; every array has a leading axis G for a batch of games."""

    key: jax.Array
    known: Known
    hparams: Any  # the learner's NamedTuple, every number [] float (or [G])
    sampler: TypeSampler
    gap: Array  # [R, V] float, U_D(x*) - U_D(vertex), units of the payoff range; 0 on padding
    checkpoints: Array  # [C] int32, shared by all games


class Carry(NamedTuple):
    """The runs of a tile between two blocks.

    state: the learner's.
    total, error: [S] cumulative regret in units, and what it lost to rounding.
    curve, curve_error: [C, S], the same at the checkpoints.
    choice: [BLOCK, S], what was played in the last block, for who wants to look.
    """

    state: Any
    total: Float[DeviceArray, "S"]
    error: Float[DeviceArray, "S"]
    curve: Float[DeviceArray, "C S"]
    curve_error: Float[DeviceArray, "C S"]
    choice: Choice


def before_round_1(learner: Learner, inputs: Inputs, runs: Int[DeviceArray, "S"]) -> Carry:
    """A tile of runs of one game that have not begun."""
    state = over_runs(lambda _: learner.init(inputs.known, inputs.hparams), (0,), learner, inputs)(runs)
    zero = jnp.zeros(runs.shape, jnp.asarray(inputs.gap).dtype)
    curve = jnp.zeros((*inputs.checkpoints.shape, *runs.shape), zero.dtype)
    nothing = jnp.zeros((BLOCK, *runs.shape), jnp.int32)
    return Carry(state, zero, zero, curve, curve, Choice(nothing, nothing))


def draw_types(
    key: jax.Array, sampler: TypeSampler, runs: Int[DeviceArray, "S"], block: jax.Array
) -> Int[DeviceArray, "B n S"]:
    """Types of a block of rounds: [BLOCK, n, S] int32."""

    def bits(run: jax.Array) -> jax.Array:
        return jax.random.bits(_block_key(key, _TYPES, run, block), (BLOCK, sampler.num_words), jnp.uint32)

    return jnp.moveaxis(sampler.draw(jax.vmap(bits)(runs)), 0, -1)


def play_round(
    learner: Learner,
    inputs: Inputs,
    state: Any,
    key: jax.Array,
    types: Int[DeviceArray, "n"],
    t: Int[DeviceArray, ""],
) -> tuple[Any, Choice]:
    """Round t of one run: the learner acts, followers of these types respond, the learner learns."""
    known, hparams = inputs.known, inputs.hparams
    choice = learner.act(key, state, known, hparams, t)
    feedback = what_is_seen(learner, known, choice, types)
    return learner.update(state, known, hparams, choice, feedback, t), choice


def what_is_seen(learner: Learner, known: Known, choice: Choice, types: Int[DeviceArray, "n"]) -> Any:
    """The learner's feedback of a round in which followers have these types."""
    if learner.feedback == "types":
        return TypeFeedback(types)
    if learner.feedback == "actions":
        n, num_types = known.game.num_followers, known.game.num_types
        responses = jnp.asarray(known.table.responses).reshape(-1)
        played = (choice.region * n + np.arange(n, dtype=np.int32)) * num_types + types
        return ActionFeedback(take_row(responses, played).astype(jnp.int32))
    return None


def play_block(
    learner: Learner, inputs: Inputs, carry: Carry, runs: Int[DeviceArray, "S"], block: jax.Array
) -> Carry:
    """The next BLOCK rounds of a tile."""
    types = draw_types(inputs.key, inputs.sampler, runs, block)
    keys = jax.vmap(lambda run: _block_key(inputs.key, _LEARNER, run, block))(runs)
    axes = run_axes(learner, inputs)

    def one_round(
        so_far: tuple[Any, jax.Array], drawn: tuple[jax.Array, jax.Array]
    ) -> tuple[tuple[Any, jax.Array], tuple[jax.Array, Choice]]:
        (state, regret), (types, step) = so_far, drawn
        t = block * BLOCK + step + 1

        def one_run(state: Any, key: jax.Array, types: jax.Array) -> tuple[Any, Choice]:
            return play_round(learner, inputs, state, jax.random.fold_in(key, step), types, t)

        state, choice = jax.vmap(one_run, (axes, 0, -1), (axes, -1))(state, keys, types)
        regret = regret + _gap(inputs, choice)
        return (state, regret), (regret, choice)

    start = (carry.state, jnp.zeros_like(carry.total))
    rounds = (types, jnp.arange(BLOCK, dtype=jnp.int32))
    (state, _), (regret, choice) = jax.lax.scan(one_round, start, rounds)
    return record(inputs, carry, regret, block)._replace(state=state, choice=choice)


def record(inputs: Inputs, carry: Carry, regret: Float[DeviceArray, "B S"], block: jax.Array) -> Carry:
    """`carry` with the regret of a block, given after each of its rounds: at its end, and at checkpoints."""
    place = jnp.asarray(inputs.checkpoints) - 1 - block * BLOCK  # of each checkpoint within the block
    inside = (place >= 0) & (place < BLOCK)
    now = add_compensated(carry.total[None], carry.error[None], regret[jnp.clip(place, 0, BLOCK - 1)])
    curve, curve_error = (
        jnp.where(inside[:, None], new, old)
        for new, old in zip(now, (carry.curve, carry.curve_error), strict=True)
    )
    total, error = add_compensated(carry.total, carry.error, regret[-1])
    return carry._replace(total=total, error=error, curve=curve, curve_error=curve_error)


def _gap(inputs: Inputs, choice: Choice) -> jax.Array:
    """Regret of one round in which `choice` is played, in units; [S]."""
    num_vertices = inputs.gap.shape[-1]
    return take_row(jnp.asarray(inputs.gap).reshape(-1), choice.region * num_vertices + choice.vertex)


def _block_key(key: jax.Array, stream: int, run: jax.Array, block: jax.Array) -> jax.Array:
    """Key of one block of one run."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.fold_in(key, stream), run), block)
