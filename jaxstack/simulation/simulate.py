"""`simulate`: regret curves over many runs; the host loop over batches of tiles and segments of blocks."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack import checks, hosts, jumps, memory
from jaxstack._settings import pinned, with_pinned_settings
from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game, unstack
from jaxstack.learners.contract import Known, Learner
from jaxstack.regions import RegionTable
from jaxstack.regret import Recorded, RegretCurve, check_checkpoints
from jaxstack.simulation import compiled
from jaxstack.simulation.batching import info_shapes
from jaxstack.simulation.devices import checked, share
from jaxstack.simulation.rounds import BLOCK, Carry, Inputs
from jaxstack.simulation.setup import Setup, prepare
from jaxstack.simulation.snapshots import Snapshots, SoFar
from jaxstack.simulation.tiles import choose_tiles

MAX_HORIZON = 2**31 - 1 - 8 * BLOCK  # rounds and visits are int32
_SEGMENT_SECONDS = 0.5  # how often the host hears of progress

REGRET = ""
"""Name of regret among curves, which no number that a learner tells can have."""

Progress = Callable[[int, int], None]
Info = Callable[[Any, Known, Any], Mapping[str, Any]]


@with_pinned_settings
def simulate(
    key: jax.Array,
    game: Game,
    types: TypeDistribution,
    learner: Learner,
    *,
    horizon: int,
    num_runs: int,
    table: RegionTable | None = None,
    hparams: Any = None,
    checkpoints: Any = None,
    batch_size: int | None = None,
    devices: Sequence[jax.Device] | None = None,
    keep_runs: bool = True,
    skip_ahead: bool = False,
    progress: Progress | None = None,
    snapshots: Snapshots | None = None,
    record: bool | Info = False,
) -> RegretCurve:
    """Regret curves of a learner over many independent runs of a game, or of a batch of games.

    Regret is the exact expected pseudo-regret sum_t U_D(x*) - U_D(x_t): types are drawn to teach the learner,
    never to measure it. Runs with the same key see the same types whatever the learner, so that learners are
    compared on the same draws.

    Args:
      key: `jax.random.key(seed)`. A batch of games shares its draws; [G] keys give every game its own.
      game: one game, or a stacked batch of G.
      types: distribution of joint types, one per game.
      learner: from `jaxstack.learners`.
      horizon: T, rounds per run, 1..2^31-1025.
      num_runs: S, independent runs per game.
      table: regions of the game; enumerated (optimistically) when not given.
      hparams: overrides of the learner's hyperparameters, a mapping from name to number or the learner's
        NamedTuple. Numbers are traced: a new value does not recompile.
      checkpoints: rounds to record; default 64, evenly spaced on a logarithmic axis. T is always added.
      batch_size: at most so many runs at once, in whole tiles and at least one: a bound on memory where
        devices of one process share it. Never changes a number.
      devices: where to run, a tile of runs on each at a time; default all local devices. One device per core
        makes full use of a CPU: `jax.config.update("jax_num_cpu_devices", os.cpu_count())` before the first
        use. `jax.devices()` after `jax.distributed.initialize()`: all processes, which must make the same
        call, play their shares of the runs, and all of them get the same curve.
      keep_runs: keep the curve of every run, not only moments and quantiles.
      skip_ahead: jump over rounds in which the choice cannot change (learners with `jumps`): the same
        distribution of curves up to 1e-12 in total variation, not the same draws, at a cost that grows with
        the switches between commitments and not with T; T up to 2^62. On the host; `batch_size` and
        `devices` do not matter, and runs draw from streams of 256.
      progress: called with (rounds x runs done, total) between segments of about half a second.
      snapshots: where to find and keep the state between segments; a restored simulation gives the same
        numbers to the last bit. Not with skip_ahead, nor with devices of several processes.
      record: keep what the learner has to tell (`Learner.info`) at the checkpoints, over runs as regret is
        kept, in `RegretCurve.info`; or a function (state, known, choice) -> mapping of numbers or arrays, to
        be told instead (traced; another function compiles again). Not with skip_ahead.

    Returns:
      RegretCurve. On one kind of device every number is the same, to the last bit, whatever `batch_size`,
      `devices`, processes and snapshots, and that of a run does not depend on `num_runs` either.

    Raises:
      ValueError: shapes that disagree, a horizon or number of runs below 1, checkpoints outside 1..T, an
        unknown hyperparameter, a key whose numbers would depend on the batch, or a table with ties="robust"
        of a game in which a follower type has equal actions (`jaxstack.ties`) that the leader tells apart.
      MemoryError: runs of one tile, or curves that are kept, would not fit (before anything is allocated).
      hosts.HostFailed: another process gave up (`jaxstack.hosts`).

    Source: arXiv 2510.01387, section 2 (regret).
    """
    if skip_ahead:
        jumps.check_learner(learner)
    horizon = checks.positive_int("horizon", horizon, jumps.MAX_HORIZON if skip_ahead else MAX_HORIZON)
    num_runs = checks.positive_int("num_runs", num_runs, 2**31 - 1)
    rounds = check_checkpoints(checkpoints, horizon)
    devices = checked(devices)
    learner = _telling(learner, record, skip_ahead)
    setup = prepare(key, game, types, learner, horizon=horizon, table=table, hparams=hparams)
    if keep_runs:
        told = sum(math.prod(leaf.shape) for leaf in info_shapes(learner, setup.inputs).values())
        memory.require_curves(num_runs, len(rounds), setup.num_games * (1 + told))
    if skip_ahead:
        return _by_jumps(setup, types, rounds, num_runs, keep_runs, progress)
    if snapshots is not None and share(devices)[1] > 1:
        raise ValueError("snapshots hold the state of one process, but devices of several arrived.")
    # The last round again and again, up to a full 64: another horizon has another number of distinct rounds
    # on a logarithmic axis, and must not compile again for that.
    padded = np.pad(rounds, (0, -len(rounds) % 64), mode="edge").astype(np.int32)
    setup = setup._replace(inputs=setup.inputs._replace(checkpoints=padded))
    tile, devices = choose_tiles(setup, len(padded), batch_size, devices)
    so_far = SoFar.restored(None if snapshots is None else snapshots.load(), tile)
    tiles = Tiles.of(setup, so_far.usable(devices, num_runs), tile)
    _play(tiles, so_far, rounds, num_runs, keep_runs, progress, snapshots)
    return _curve(setup, rounds, num_runs, so_far)


@dataclasses.dataclass(frozen=True)
class Tiles:
    """A tile of runs on each of some devices: what plays them.

    Attributes:
      setup: of the learner and its game.
      devices: of this process.
      inputs: on each of them.
      size: runs of a tile.
      num_processes: that play together.
    """

    setup: Setup
    devices: list[jax.Device]
    inputs: list[Inputs]
    size: int
    num_processes: int

    @classmethod
    def of(cls, setup: Setup, devices: Sequence[jax.Device], size: int) -> Tiles:
        here, num_processes = share(devices)
        inputs = [jax.device_put(setup.inputs, device) for device in here]
        return cls(setup, here, inputs, size, num_processes)

    @property
    def num_runs(self) -> int:
        """Runs that all processes play at once."""
        return self.size * len(self.devices) * self.num_processes

    def numbers(self, first_run: int, num_runs: int) -> list[jax.Array]:
        """Runs of each tile of this process when those of all begin with `first_run`; no tile of none."""
        process = jax.process_index() if self.num_processes > 1 else 0
        firsts = first_run + self.size * (process * len(self.devices) + np.arange(len(self.devices)))
        return [
            jax.device_put((first + np.arange(self.size)).astype(np.int32), device)
            for first, device in zip(firsts, self.devices, strict=True)
            if first < num_runs
        ]

    def start(self, runs: list[jax.Array]) -> list[Carry]:
        """Before round 1. The first time this compiles, for all devices side by side."""

        def one(tile: tuple[Inputs, jax.Array]) -> Carry:
            with pinned():  # settings are those of a thread
                carry = compiled.start(self.setup.learner, *tile)
                return compiled.advance(self.setup.learner, carry, *tile, range(0))

        tiles = list(zip(self.inputs, runs, strict=False))
        if len(tiles) <= 1:  # none: other processes have all the runs
            return [one(tile) for tile in tiles]
        x64 = jnp.zeros(()).dtype == jnp.float64
        with ThreadPoolExecutor(len(tiles)) as pool:
            return list(pool.map(lambda tile: _with_x64(one, tile, x64), tiles))

    def advance(self, carries: list[Carry], runs: list[jax.Array], blocks: range) -> list[Carry]:
        """After some blocks; `carries` are used up."""
        after = [
            compiled.advance(self.setup.learner, carry, inputs, numbers, blocks)
            for carry, inputs, numbers in zip(carries, self.inputs, runs, strict=False)
        ]
        return jax.block_until_ready(after)

    def curves(self, carries: list[Carry]) -> dict[str, np.ndarray]:
        """Of the runs of all processes, [.., s, C] float64: regret in payoff units, and what is told."""
        units = [np.asarray(c.curve, np.float64) + np.asarray(c.curve_error, np.float64) for c in carries]
        regret = self._gathered(units, ()) * self.setup.unit[..., None, None]
        info = {
            name: self._gathered([np.asarray(carry.info[name], np.float64) for carry in carries], leaf.shape)
            for name, leaf in info_shapes(self.setup.learner, self.setup.inputs).items()
        }
        return {REGRET: regret, **info}

    def _gathered(self, tiles: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        """[C, .., s] of every tile here -> [.., S, C] of those of all processes."""
        if self.num_processes > 1:  # all of the same shape: a tile that has no runs is gathered as nothing
            whole = (*self.setup.inputs.checkpoints.shape, *self.setup.unit.shape, *shape, self.size)
            tiles = tiles + [np.zeros(whole)] * (len(self.devices) - len(tiles))
            tiles = list(hosts.gather(np.concatenate(tiles, axis=-1)))
        return np.moveaxis(np.concatenate(tiles, axis=-1), 0, -1)


def _with_x64(function: Callable[[Any], Any], arg: Any, x64: bool) -> Any:
    """function(arg) in a thread of its own, which does not inherit settings made by `with`."""
    with jax.enable_x64(x64):
        return function(arg)


def _play(
    tiles: Tiles,
    so_far: SoFar,
    rounds: np.ndarray,
    num_runs: int,
    keep_runs: bool,
    progress: Progress | None,
    snapshots: Snapshots | None,
) -> None:
    """Play all runs, batch by batch, into `so_far`."""
    horizon, num_games = int(rounds[-1]), tiles.setup.num_games
    num_blocks = -(-horizon // BLOCK)
    at_once = 1  # blocks of a segment
    stage = "compile"
    for first_run in range(so_far.first_run, num_runs, tiles.num_runs):
        began = time.perf_counter()
        runs = tiles.numbers(first_run, num_runs)
        carries, block = so_far.place(tiles.start(runs), first_run)
        so_far.seconds[stage] += time.perf_counter() - began
        stage = "run"
        while block < num_blocks:
            began = time.perf_counter()
            blocks = range(block, min(block + at_once, num_blocks))
            carries = tiles.advance(carries, runs, blocks)
            took = time.perf_counter() - began
            so_far.seconds["run"] += took
            if took < _SEGMENT_SECONDS / 2:
                at_once *= 2
            block = blocks.stop
            if snapshots is not None and block < num_blocks and snapshots.due():
                leaves = [jax.tree.leaves(carry) for carry in carries]
                now = dataclasses.replace(so_far, first_run=first_run, block=block, tiles=leaves)
                snapshots.save(now.state())
            if progress is not None:
                here = min(tiles.num_runs, num_runs - first_run) * min(block * BLOCK, horizon)
                progress(num_games * (first_run * horizon + here), num_games * num_runs * horizon)
        curves = tiles.curves(carries)
        so_far.add({n: c[..., : num_runs - first_run, : len(rounds)] for n, c in curves.items()}, keep_runs)


def _by_jumps(
    setup: Setup,
    types: TypeDistribution,
    rounds: np.ndarray,
    num_runs: int,
    keep_runs: bool,
    progress: Progress | None,
) -> RegretCurve:
    """`simulate` with skip_ahead, game by game."""
    began = time.perf_counter()
    known, key = setup.inputs.known, setup.inputs.key
    curves = []
    total = setup.num_games * num_runs * int(rounds[-1])
    for index in range(setup.num_games):
        one: Any = (known.game, types, known.prepared, setup.gap)
        if known.game.num_games is not None:
            one = unstack(one, index)

        def report(done: int, of: int, before: int = index) -> None:
            if progress is not None:
                progress(before * of + done, total)

        run_key = key[index] if key.ndim else key
        what = (setup.learner, *one, rounds, num_runs, report)
        curves.append(jumps.run(run_key, *what))
    regret = curves[0] if known.game.num_games is None else np.stack(curves)
    so_far = SoFar(tile=0)
    so_far.add({REGRET: regret * setup.unit[..., None, None]}, keep_runs)
    so_far.seconds["run"] = time.perf_counter() - began
    return _curve(setup, rounds, num_runs, so_far)


def _curve(setup: Setup, rounds: np.ndarray, num_runs: int, so_far: SoFar) -> RegretCurve:
    """What all runs come to."""
    kept = {name: np.concatenate(curves, axis=-2) for name, curves in so_far.kept.items()}
    summaries = {name: moments.summary() for name, moments in so_far.moments.items()}
    told = {
        name: Recorded(summary["mean"], summary["stderr"], summary["quantiles"], kept.get(name))
        for name, summary in summaries.items()
        if name != REGRET
    }
    return RegretCurve(
        learner=setup.learner.name,
        rounds=rounds,
        **summaries[REGRET],
        regret=kept.get(REGRET),
        num_runs=num_runs,
        optimum=setup.optimum,
        ties=setup.table.ties,
        seconds=so_far.seconds,
        info=told,
    )


def _telling(learner: Learner, record: Any, skip_ahead: bool) -> Learner:
    """The learner that tells what is asked for.

    Raises:
      ValueError: a learner that has nothing to tell, or rounds that are jumped over.
    """
    if not record:
        return dataclasses.replace(learner, info=None) if isinstance(learner, Learner) else learner
    if skip_ahead:
        raise ValueError("record keeps what a learner tells round by round: not with skip_ahead=True.")
    if callable(record):
        return dataclasses.replace(learner, info=record)
    if learner.info is None:
        raise ValueError(
            f"{learner.name} has nothing to tell (its info is None). Pass a function of (state, known, "
            f"choice) that returns a mapping from names to numbers or arrays: record=lambda ..."
        )
    return learner
