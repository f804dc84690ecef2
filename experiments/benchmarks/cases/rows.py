"""Writing one entry of a vector of every run: the batching rule of `put_entry` against plain `vmap`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.cases import Effort
from experiments.benchmarks.measure import alternate
from experiments.benchmarks.report import Row, compare
from jaxstack.learners.rows import maximum, put_entry, put_row

RUNS = 256  # of a tile
LENGTHS = (4, 30, 56)


def run(effort: Effort, lengths: Sequence[int] = LENGTHS) -> Iterator[Row]:
    """What a round of region_ucb does to the top of its tournament: write one entry, find the maximum."""
    steps = 20_000 if effort.full else 1_000
    ways: dict[str, Callable[..., jax.Array]] = {
        "put_entry": put_entry,
        "vmap of put_row": put_row,
        "one select": lambda values, index, value: jnp.where(_places(values) == index, value, values),
    }
    for length in lengths:
        values = jnp.asarray(np.random.default_rng(0).random((length, RUNS)), jnp.float32)
        calls = {name: functools.partial(_rounds, way, values, steps) for name, way in ways.items()}
        work = dict.fromkeys(calls, float(RUNS * steps))
        timings = alternate(calls, effort.repeats)
        yield from compare("rows", f"one of {length} entries, {RUNS} runs", timings, work, versus="put_entry")


def _places(values: jax.Array) -> np.ndarray:
    return np.arange(values.shape[0], dtype=np.int32)


@functools.partial(jax.jit, static_argnums=(0, 2))
def _compiled(way: Callable[..., jax.Array], values: jax.Array, steps: int) -> jax.Array:
    def one_run(values: jax.Array, step: jax.Array) -> jax.Array:
        best = maximum(values)
        index = (best * 1e6).astype(jnp.int32) % values.shape[0]
        return way(values, index, best * jnp.float32(0.99) + step.astype(jnp.float32) * jnp.float32(1e-9))

    def one_round(step: jax.Array, values: jax.Array) -> jax.Array:
        return jax.vmap(one_run, (-1, None), -1)(values, step)

    return jax.lax.fori_loop(0, steps, one_round, values)


def _rounds(way: Callable[..., jax.Array], values: jax.Array, steps: int) -> jax.Array:
    return jax.block_until_ready(_compiled(way, values, steps))
