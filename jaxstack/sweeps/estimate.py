"""What a sweep will take: memory and time of every cell, from a short timed probe of every distinct shape."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from jaxstack import simulation
from jaxstack.regret import check_checkpoints
from jaxstack.sweeps.cells import Cell, is_small, learner_of
from jaxstack.sweeps.games import problem_of, table_of
from jaxstack.sweeps.run import simulate_cell

_PROBE_SECONDS = 1.0  # of playing, compilation apart


class Estimate(NamedTuple):
    """What one cell will take.

    Attributes:
      cell: the cell.
      num_bytes: memory of its simulation, all devices together.
      seconds: playing; compilation too for the first cell of a shape.
    """

    cell: Cell
    num_bytes: int
    seconds: float


class _Rate(NamedTuple):
    compile_seconds: float
    seconds_per_round: float  # of all runs and games


class _Enough(Exception):
    """The probe has seen enough."""


def estimates(cells: Sequence[Cell], devices: Sequence[jax.Device] | None = None) -> Iterator[Estimate]:
    """Memory and time of every cell, in order; probes a shape when it first comes.

    Raises:
      MemoryError: a cell would not fit; the message names it.
      ValueError: a cell cannot be simulated; likewise.
    """
    devices = list(jax.local_devices() if devices is None else devices)
    rates: dict[object, _Rate] = {}
    for cell in cells:
        compiling = 0.0
        try:
            shape = _shape(cell)
            num_bytes = _num_bytes(cell, devices)
            if shape not in rates:
                rates[shape] = _probe(cell, devices)
                compiling = rates[shape].compile_seconds
        except (MemoryError, ValueError) as error:
            # What libraries derive from the two takes other arguments.
            kind = MemoryError if isinstance(error, MemoryError) else ValueError
            raise kind(f"{cell.title}: {error}") from error
        seconds = compiling + rates[shape].seconds_per_round * cell.run.horizon
        yield Estimate(cell, num_bytes, seconds)


def _shape(cell: Cell) -> object:
    """Equal for cells that share compiled code and take equally long per round."""
    game_key = cell.game_key
    problem = problem_of(game_key)
    tree = (problem.game, problem.types, table_of(game_key, is_small(cell)))
    leaves, structure = jax.tree.flatten(tree)
    # The number of jumps of a skipping learner does not grow like the horizon.
    horizon = cell.run.horizon if cell.run.skip_ahead else None
    run = (cell.run.runs, cell.run.batch_size, cell.run.keep_runs, horizon)
    return (cell.learner.name, cell.code, *run, structure, *(np.shape(leaf) for leaf in leaves))


def _num_bytes(cell: Cell, devices: Sequence[jax.Device]) -> int:
    game_key = cell.game_key
    problem = problem_of(game_key)
    setup = simulation.prepare(
        jax.random.key(cell.run.seed),
        problem.game,
        problem.types,
        learner_of(cell),
        horizon=cell.run.horizon,
        table=table_of(game_key, is_small(cell)),
        hparams=cell.learner.hparams,
    )
    rounds = check_checkpoints(cell.run.checkpoints, cell.run.horizon)
    # Curves are kept in pieces, and then put together.
    kept = 2 * 8 * cell.run.runs * len(rounds) * setup.num_games if cell.run.keep_runs else 0
    if cell.run.skip_ahead:  # on the host, a few runs at a time
        return kept
    return kept + simulation.held_bytes(setup, len(rounds), cell.run.batch_size, devices)


def _probe(cell: Cell, devices: Sequence[jax.Device]) -> _Rate:
    """Play a cell for about a second."""
    seen: list[tuple[float, int, int]] = []
    began = time.perf_counter()

    def watch(done: int, total: int) -> None:
        seen.append((time.perf_counter(), done, total))
        if seen[-1][0] - seen[0][0] > _PROBE_SECONDS:
            raise _Enough

    try:
        curve = simulate_cell(cell, devices, progress=watch)
    except _Enough:
        # The first segment came with the compilation, and is small.
        (start, before, total), (end, done, _) = seen[0], seen[-1]
        per_unit = (end - start) / max(done - before, 1)
        return _Rate(start - began, per_unit * total / cell.run.horizon)
    return _Rate(curve.seconds["compile"], curve.seconds["run"] / cell.run.horizon)
