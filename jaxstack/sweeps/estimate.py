"""What a sweep will take: memory of every cell, and time where a finished cell of equal shape tells it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from jaxstack import simulation
from jaxstack.regret import check_checkpoints
from jaxstack.sweeps import store
from jaxstack.sweeps.cells import Cell, is_small, learner_of
from jaxstack.sweeps.games import problem_of, table_of
from jaxstack.sweeps.run import curve_of


class Estimate(NamedTuple):
    """What one cell will take.

    Attributes:
      cell: the cell.
      num_bytes: memory of its simulation, all devices together.
      seconds: playing, as long as a finished cell of equal shape did; None where there is none.
    """

    cell: Cell
    num_bytes: int
    seconds: float | None


def rates(folder: Path, finished: Sequence[Cell]) -> dict[object, float]:
    """Seconds of a round of all runs and games, by shape, as the files of finished cells tell them."""
    found: dict[object, float] = {}
    for cell in finished:
        with contextlib.suppress(FileNotFoundError, store.Damaged):
            found[_shape(cell)] = curve_of(folder, cell).seconds["run"] / cell.run.horizon
    return found


def estimates(
    cells: Sequence[Cell], rates: Mapping[object, float], devices: Sequence[jax.Device] | None = None
) -> Iterator[Estimate]:
    """Memory and time of every cell, in order. Nothing is played, and no program compiled that would play.

    Raises:
      MemoryError: a cell would not fit; the message names it.
      ValueError: a cell cannot be simulated; likewise.
    """
    devices = list(jax.local_devices() if devices is None else devices)
    for cell in cells:
        try:
            num_bytes = _num_bytes(cell, devices)
            rate = rates.get(_shape(cell)) if rates else None
        except (MemoryError, ValueError) as error:
            # What libraries derive from the two takes other arguments.
            kind = MemoryError if isinstance(error, MemoryError) else ValueError
            raise kind(f"{cell.title}: {error}") from error
        yield Estimate(cell, num_bytes, None if rate is None else rate * cell.run.horizon)


def optimum_of(cell: Cell) -> str:
    """The method that finds what regret of a cell is measured against: `walk` where there is no table."""
    table = table_of(cell.game_key, is_small(cell), cell.run.table)
    return "vertices" if table is not None else "walk"


def _shape(cell: Cell) -> object:
    """Equal for cells that take equally long per round."""
    game_key = cell.game_key
    problem = problem_of(game_key)
    tree = (problem.game, problem.types, table_of(game_key, is_small(cell), cell.run.table))
    leaves, structure = jax.tree.flatten(tree)
    # The number of jumps of a skipping learner does not grow like the horizon.
    horizon = cell.run.horizon if cell.run.skip_ahead else None
    run = (cell.run.runs, cell.run.batch_size, cell.run.keep_runs, horizon)
    return (cell.learner.name, cell.code, *run, structure, *(np.shape(leaf) for leaf in leaves))


def _num_bytes(cell: Cell, devices: Sequence[jax.Device]) -> int:
    game_key = cell.game_key
    problem, table = problem_of(game_key), table_of(game_key, is_small(cell), cell.run.table)
    setup = simulation.prepare(
        jax.random.key(cell.run.seed),
        problem.game,
        problem.types,
        learner_of(cell),
        horizon=cell.run.horizon,
        table=False if table is None else table,
        hparams=cell.learner.hparams,
    )
    rounds = check_checkpoints(cell.run.checkpoints, cell.run.horizon)
    # Curves are kept in pieces, and then put together.
    kept = 2 * 8 * cell.run.runs * len(rounds) * setup.num_games if cell.run.keep_runs else 0
    if cell.run.skip_ahead:  # on the host, a few runs at a time
        return kept
    return kept + simulation.held_bytes(setup, len(rounds), cell.run.batch_size, devices)
