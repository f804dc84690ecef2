"""`play`: one run, round by round, by the program that `simulate` runs."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack import checks, memory
from jaxstack._settings import with_pinned_settings
from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game
from jaxstack.learners.contract import Learner
from jaxstack.regions import RegionTable
from jaxstack.simulation.batching import run_of
from jaxstack.simulation.rounds import BLOCK, draw_types
from jaxstack.simulation.setup import Setup, prepare
from jaxstack.simulation.simulate import MAX_HORIZON, Tiles
from jaxstack.simulation.tiles import tile_size

_types = jax.jit(draw_types)


class Trace(NamedTuple):
    """One run of one game, round by round (host arrays)."""

    types: np.ndarray  # [T, n] int32
    region: np.ndarray  # [T] int32
    vertex: np.ndarray  # [T] int32
    commitment: np.ndarray  # [T, L] float64
    regret: np.ndarray  # [T] float64, cumulative, payoff units


@with_pinned_settings
def play(
    key: jax.Array,
    game: Game,
    types: TypeDistribution,
    learner: Learner,
    *,
    horizon: int,
    run: int = 0,
    table: RegionTable | None = None,
    hparams: Any = None,
) -> Trace:
    """Run number `run` of `simulate` with the same key, with every round recorded. One game.

    It is the same run to the last bit: the whole tile is played, by the same program. Memory grows with T:
    this is for looking at a run, not for statistics.

    Raises:
      ValueError: as `simulate`; also for a batch of games (pass one: `jaxstack.game.unstack`).
      MemoryError: every round of the run would not fit.
    """
    horizon = checks.positive_int("horizon", horizon, MAX_HORIZON)
    checks.instance("game", game, Game, "Load one with jaxstack.load_game, or make one.")
    if game.num_games is not None:
        raise ValueError(
            f"play takes one game, but {game!r} arrived. Pick one: jaxstack.game.unstack(game, 0)."
        )
    number = checks.whole_number(run)
    if number is None or not 0 <= number < 2**31:
        raise ValueError(f"run must be a whole number in 0..2^31-1, but {checks.brief(run)} arrived.")
    setup = prepare(key, game, types, learner, horizon=horizon, table=table, hparams=hparams)
    memory.require_trace(horizon, game.num_followers, game.num_leader_actions)
    _, region, vertex, drawn = trace_run(setup, number, horizon)
    return Trace(
        types=drawn,
        region=region,
        vertex=vertex,
        commitment=setup.table.vertices[region, vertex],
        regret=np.cumsum(setup.inputs.gap[region, vertex] * setup.unit),
    )


def trace_run(
    setup: Setup, run: int, horizon: int, other_neighbours: bool = False
) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
    """One run of one game: state after the last block, regions [T], vertices [T] and types [T, n].

    It is played in its tile, beside the runs that are there in a simulation or, to see that it does not
    matter, beside others.
    """
    # As many checkpoints as a simulation has at least: the same program.
    setup = setup._replace(inputs=setup.inputs._replace(checkpoints=np.full(64, horizon, np.int32)))
    device = jax.local_devices()[0]
    tile = tile_size(setup, device.platform)
    tiles = Tiles.of(setup, [device], tile)
    lane = run % tile
    runs = tiles.numbers(run - lane, run + 1)
    if other_neighbours:
        runs = [jnp.where(numbers == run, run, numbers + tile) for numbers in runs]
    carries = tiles.start(runs)
    choices, types = [], []
    for block in range(-(-horizon // BLOCK)):
        carries = tiles.advance(carries, runs, range(block, block + 1))
        choices.append([np.asarray(index)[:, lane].copy() for index in carries[0].choice])
        drawn = _types(setup.inputs.key, setup.inputs.sampler, np.array([run], np.int32), block)
        types.append(np.asarray(drawn)[..., 0])
    region, vertex = (np.concatenate(index)[:horizon] for index in zip(*choices, strict=True))
    state = run_of(carries[0].state, lane, setup.learner, setup.inputs)
    return state, region, vertex, np.concatenate(types)[:horizon]
