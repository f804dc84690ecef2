"""Tiles: how many runs are computed together, what they take, and what would not fit.

A tile is a fixed number of runs. It follows from the learner, the shapes of the game and the kind of device,
never from the number of runs, of devices or of processes: rounding follows the shape of what is computed
(that of a matrix product above all), so whoever is computed in the same shape gets the same numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack import checks, hosts, memory
from jaxstack.simulation.batching import choice_shapes, info_shapes, one_game, state_shapes
from jaxstack.simulation.devices import share
from jaxstack.simulation.rounds import BLOCK
from jaxstack.simulation.setup import Setup

_CPU_BYTES = 1 << 20  # of states and scores that stay in the cache of a core
_CPU_RUNS = (128, 256)  # fewer wait for each other; more only make small simulations longer
_CPU_RESPONSES = 1 << 13  # of followers that plans work on at once
_ACCELERATOR_BYTES = 1 << 32
_ACCELERATOR_RUNS = 1 << 17
_ARRAYS_AT_ONCE = 4  # of the size of the largest, while a learner replans
_TENSOR = re.compile(r"tensor<((?:\d+x)*)[a-z]+(\d+)>")  # in the text of a program that is not compiled yet


def tile_size(setup: Setup, platform: str) -> int:
    """Runs of one tile: a power of two.

    Args:
      setup: of the learner and the game, or the batch of games, all of which are in a tile.
      platform: "cpu", "gpu", ..
    """
    games, working = setup.num_games, working_bytes(setup)
    if platform == "cpu":
        least, most = (max(runs // games, 1) for runs in _CPU_RUNS)
        wanted = min(max(_CPU_BYTES // (games * working), least), most)
        # A state too large for any cache has no use for company.
        wanted = min(wanted, max(64 * _CPU_BYTES // (games * working), 1))
        # Nor has a plan that is made from large tables: it takes so long that all cores should have runs.
        wanted = min(wanted, max(32 * _CPU_BYTES // max(games * replan_reads(setup), 1), 1))
        # Nor have plans that fill vectors by themselves, follower by follower.
        if setup.learner.replan is not None:
            game = setup.inputs.known.game
            responses = game.num_followers * game.num_types * game.num_actions
            wanted = min(wanted, max(_CPU_RESPONSES // (games * responses), 1))
    else:
        wanted = max(min(_ACCELERATOR_RUNS // games, _ACCELERATOR_BYTES // (games * working)), 1)
    return 1 << (wanted.bit_length() - 1)


def working_bytes(setup: Setup) -> int:
    """What one run of one game keeps and reads in a round: its state, and a score for every vertex.

    Without a table: its state, what it plays, and what it computes with when it replans.
    """
    state = tree_bytes(state_shapes(setup.learner, setup.inputs))
    if setup.table is None:
        return state + tree_bytes(choice_shapes(setup.learner, setup.inputs)) + replanning_bytes(setup)
    return state + int(setup.table.vertex_mask.sum(axis=(-2, -1)).max()) * _float_bytes()


def replan_reads(setup: Setup) -> int:
    """What a run of one game reads of the tables that its learner has prepared, when it replans."""
    if setup.learner.replan is None:
        return 0
    return tree_bytes(one_game(setup.inputs)[0].prepared)


def replanning_bytes(setup: Setup) -> int:
    """A few times the largest array that one run of one game computes with when it replans."""
    learner, inputs = setup.learner, setup.inputs
    if learner.replan is None:
        return 0
    known, hparams = one_game(inputs)
    key, t = jax.ShapeDtypeStruct((), inputs.key.dtype), jax.ShapeDtypeStruct((), np.int32)
    program = jax.jit(learner.replan).lower(key, state_shapes(learner, inputs), known, hparams, t).as_text()
    return _ARRAYS_AT_ONCE * max(map(_tensor_bytes, _TENSOR.findall(program)))


def _tensor_bytes(found: tuple[str, str]) -> int:
    """Bytes of an array of which a program tells the shape ("8x3x") and the bits of a number ("32")."""
    shape, bits = found
    return math.prod(map(int, shape.split("x")[:-1])) * max(1, int(bits) // 8)


def held_bytes(
    setup: Setup, num_checkpoints: int, batch_size: int | None, devices: Sequence[jax.Device]
) -> int:
    """Memory that a simulation takes on all devices together, curves that are kept apart.

    Raises:
      MemoryError: it would not fit.
    """
    tile, used = choose_tiles(setup, num_checkpoints, batch_size, devices)
    per_run, shared = _bytes(setup, num_checkpoints)
    return len(used) * (shared + tile * per_run)


def choose_tiles(
    setup: Setup, num_checkpoints: int, batch_size: int | None, devices: Sequence[jax.Device]
) -> tuple[int, list[jax.Device]]:
    """Runs of a tile, and the devices that play one each.

    Raises:
      MemoryError: a tile would not fit.
    """
    devices = list(devices)
    tile = tile_size(setup, devices[0].platform)
    here, num_processes = share(devices)
    if batch_size is not None:
        at_once = max(checks.positive_int("batch_size", batch_size) // tile, 1)
        if num_processes == 1:  # several processes have memory of their own, and play on equally many devices
            devices = here = devices[:at_once]
    free = min(_free_bytes(device, here) for device in here)
    if num_processes > 1:  # all must come to the same answer
        free = int(hosts.gather(np.asarray(free, np.int64)).min())
    per_run, shared = _bytes(setup, num_checkpoints)
    regions = "no regions" if setup.table is None else f"R = {setup.table.padded_regions:,} regions"
    memory.require(
        shared + tile * per_run,
        what=f"simulating {setup.learner.name} with {setup.num_games} game(s) x {tile} run(s) on each device",
        driver=f"{memory.readable(working_bytes(setup))} of learner state per run "
        f"({regions}) and {memory.readable(shared)} of tables",
        remedy="fewer games at once, or fewer devices that share the memory (batch_size limits them)",
        available=free,
    )
    return tile, devices


def _bytes(setup: Setup, num_checkpoints: int) -> tuple[int, int]:
    """Bytes of all that a run holds (all games), and of the tables."""
    floats = _float_bytes()
    setup_shapes = setup.learner, setup.inputs
    info, choice = tree_bytes(info_shapes(*setup_shapes)), tree_bytes(choice_shapes(*setup_shapes))
    types = setup.inputs.sampler.num_words * 4 + setup.inputs.known.game.num_followers * 4
    drawn = BLOCK * (types + choice + info + floats)
    # Twice the state: one copy is read while the next is written.
    kept = num_checkpoints * (2 * floats + info) + 2 * floats
    per_run = setup.num_games * (2 * working_bytes(setup) + kept + drawn)
    return per_run, tree_bytes(tuple(setup.inputs)[1:])


def _float_bytes() -> int:
    return jnp.zeros(()).dtype.itemsize


def _free_bytes(device: jax.Device, devices: Sequence[jax.Device]) -> int:
    """Memory that one of `devices` can still give."""
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"] - stats.get("bytes_in_use", 0))
    return memory.available_bytes() // len(devices)


def tree_bytes(tree: object) -> int:
    """Bytes of all arrays of a pytree, float64 counted as the default float type."""
    return sum(
        int(np.prod(np.shape(leaf), dtype=np.float64)) * jax.dtypes.canonicalize_dtype(leaf.dtype).itemsize
        for leaf in jax.tree.leaves(tree)
        if hasattr(leaf, "dtype")
    )
