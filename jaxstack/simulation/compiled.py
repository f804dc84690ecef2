"""The compiled programs: a tile of runs before round 1, and some blocks further, on one device.

What a program computes follows from the learner, the shapes of the game, the size of a tile and the kind of
device alone. Therefore a program is compiled for one device; on CPUs it plays in several threads, on GPUs
the next device compiles it again. A program for several at once is optimised in another order, and rounds in
other places. And the compiler is asked for arithmetic that follows from nothing else: on CPUs no product that
is shared out between however many threads there are, on GPUs no kernel that is chosen by timing.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Hashable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack.axes import DeviceArray, Int
from jaxstack.learners.contract import Learner
from jaxstack.simulation.batching import carry_games, over_games
from jaxstack.simulation.rounds import Carry, Inputs, before_round_1, play_block

SAME_ARITHMETIC: dict[str, dict[str, Any]] = {
    "cpu": {"xla_cpu_multi_thread_eigen": False},
    "gpu": {"xla_gpu_deterministic_ops": True, "xla_gpu_autotune_level": 0},
}


_TURNS: dict[Hashable, threading.Lock] = {}


def make(learner: Learner, inputs: Inputs, runs: jax.ShapeDtypeStruct) -> None:
    """Compile both programs for where `runs` are to be, unless they are; threads that ask for the same wait.

    Nothing is computed and no tile allocated. `start` and `advance` find what was compiled here.
    """
    leaves, tree = jax.tree.flatten((inputs, runs))
    what = (learner, tree, runs.sharding, *((leaf.shape, str(leaf.dtype)) for leaf in leaves))
    with _TURNS.setdefault(what, threading.Lock()):
        first = _compiled(_start, _platform(runs)).lower(learner, inputs, runs)
        first.compile()

        def there(leaf: Any) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=runs.sharding)

        carry = jax.tree.map(there, first.out_info)
        _compiled(play_blocks, _platform(runs)).lower(learner, carry, inputs, runs, 0, 0).compile()


def start(learner: Learner, inputs: Inputs, runs: Int[DeviceArray, "S"]) -> Carry:
    """A tile before round 1; `runs` are the numbers of its runs, on the device that is to play them."""
    (device,) = runs.devices()
    # Explicitly: a state that depends on no argument would be on no device in particular.
    return jax.device_put(_compiled(_start, _platform(runs))(learner, inputs, runs), device)


def advance(
    learner: Learner, carry: Carry, inputs: Inputs, runs: Int[DeviceArray, "S"], blocks: range
) -> Carry:
    """A tile after `blocks`, which may still be being played. `carry` is used up."""
    return _compiled(play_blocks, _platform(runs))(learner, carry, inputs, runs, blocks.start, blocks.stop)


@functools.cache
def _compiled(program: Callable[..., Carry], platform: str) -> Any:
    donated = ("carry",) if program is play_blocks else ()
    options = SAME_ARITHMETIC.get(platform)
    return jax.jit(program, static_argnums=0, donate_argnames=donated, compiler_options=options)


def _platform(runs: jax.Array | jax.ShapeDtypeStruct) -> str:
    (device,) = runs.sharding.device_set
    return str(device.platform)


def shapes(learner: Learner, inputs: Inputs, size: int) -> Carry:
    """Shapes of a tile of `size` runs."""
    runs = jax.ShapeDtypeStruct((size,), np.int32)
    return jax.eval_shape(functools.partial(_start, learner), inputs, runs)


def _start(learner: Learner, inputs: Inputs, runs: jax.Array) -> Carry:
    def of_game(inputs: Inputs) -> Carry:
        return before_round_1(learner, inputs, runs)

    return over_games(of_game, inputs, (), carry_games(Carry))(inputs)


def play_blocks(
    learner: Learner, carry: Carry, inputs: Inputs, runs: jax.Array, first: jax.Array, stop: jax.Array
) -> Carry:
    """A tile after blocks `first` to `stop` - 1, of one game or a batch: what `advance` compiles."""

    def one_block(block: jax.Array, carry: Carry) -> Carry:
        def of_game(carry: Carry, inputs: Inputs) -> Carry:
            return play_block(learner, inputs, carry, runs, block)

        games = carry_games(Carry)
        return over_games(of_game, inputs, (games,), games)(carry, inputs)

    # The number of blocks is traced, so that no segment compiles again.
    return jax.lax.fori_loop(jnp.int32(first), jnp.int32(stop), one_block, carry)
