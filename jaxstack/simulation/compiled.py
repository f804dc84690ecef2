"""The compiled programs: a tile of runs before round 1, and some blocks further, on one device.

What a program computes follows from the learner, the shapes of the game, the size of a tile and the kind of
device alone. Therefore a program is compiled for one device, and again for the next: a program for several at
once is optimised in another order, and rounds in other places. And the compiler is asked for arithmetic that
follows from nothing else: on CPUs no product that is shared out between however many threads there are, on
GPUs no kernel that is chosen by timing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack.axes import DeviceArray, Int
from jaxstack.learners.contract import Learner
from jaxstack.simulation.batching import carry_games, over_games
from jaxstack.simulation.rounds import Carry, Inputs, before_round_1, play_block

_SAME_ARITHMETIC: dict[str, dict[str, Any]] = {
    "cpu": {"xla_cpu_multi_thread_eigen": False},
    "gpu": {"xla_gpu_deterministic_ops": True, "xla_gpu_autotune_level": 0},
}


def start(learner: Learner, inputs: Inputs, runs: Int[DeviceArray, "S"]) -> Carry:
    """A tile before round 1; `runs` are the numbers of its runs, on the device that is to play them."""
    (device,) = runs.devices()
    # Explicitly: a state that depends on no argument would be on no device in particular.
    return jax.device_put(_compiled(_start, _platform(runs))(learner, inputs, runs), device)


def advance(
    learner: Learner, carry: Carry, inputs: Inputs, runs: Int[DeviceArray, "S"], blocks: range
) -> Carry:
    """A tile after `blocks`, which may still be being played. `carry` is used up."""
    return _compiled(_advance, _platform(runs))(learner, carry, inputs, runs, blocks.start, blocks.stop)


@functools.cache
def _compiled(program: Callable[..., Carry], platform: str) -> Callable[..., Carry]:
    donated = ("carry",) if program is _advance else ()
    options = _SAME_ARITHMETIC.get(platform)
    return jax.jit(program, static_argnums=0, donate_argnames=donated, compiler_options=options)


def _platform(runs: jax.Array) -> str:
    (device,) = runs.devices()
    return str(device.platform)


def shapes(learner: Learner, inputs: Inputs, size: int) -> Carry:
    """Shapes of a tile of `size` runs."""
    runs = jax.ShapeDtypeStruct((size,), np.int32)
    return jax.eval_shape(functools.partial(_start, learner), inputs, runs)  # type: ignore[no-any-return]


def _start(learner: Learner, inputs: Inputs, runs: jax.Array) -> Carry:
    def of_game(inputs: Inputs) -> Carry:
        return before_round_1(learner, inputs, runs)

    return over_games(of_game, inputs, (), carry_games(Carry))(inputs)


def _advance(
    learner: Learner, carry: Carry, inputs: Inputs, runs: jax.Array, first: jax.Array, stop: jax.Array
) -> Carry:
    def one_block(block: jax.Array, carry: Carry) -> Carry:
        def of_game(carry: Carry, inputs: Inputs) -> Carry:
            return play_block(learner, inputs, carry, runs, block)

        games = carry_games(Carry)
        return over_games(of_game, inputs, (games,), games)(carry, inputs)

    # The number of blocks is traced, so that no segment compiles again.
    return jax.lax.fori_loop(jnp.int32(first), jnp.int32(stop), one_block, carry)
