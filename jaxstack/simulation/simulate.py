"""`simulate`: regret curves over many runs; the host loop over batches of tiles and segments of blocks."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack import checks, hosts, jumps, memory
from jaxstack._settings import pinned, with_pinned_settings
from jaxstack.arena import Vertices
from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game, unstack
from jaxstack.learners.contract import Known, Learner
from jaxstack.regions import RegionTable
from jaxstack.regret import Recorded, RegretCurve, check_checkpoints
from jaxstack.simulation import compiled
from jaxstack.simulation.batching import info_shapes
from jaxstack.simulation.devices import checked, player, share
from jaxstack.simulation.rounds import BLOCK, Carry, Inputs
from jaxstack.simulation.setup import Setup, prepare
from jaxstack.simulation.snapshots import Snapshots, SoFar
from jaxstack.simulation.tiles import choose_tiles

MAX_HORIZON = 2**31 - 1 - 8 * BLOCK  # rounds and visits are int32
_PIECE = 8192  # runs whose curves are brought to float64 at once
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
    table: RegionTable | Literal[False] | None = None,
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
    never to measure it. Against given rounds (`SequenceTypes`) it is regret in hindsight. Runs with the same
    key see the same types whatever the learner, so that learners are compared on the same draws.

    Args:
      key: `jax.random.key(seed)`. A batch of games shares its draws; [G] keys give every game its own.
      game: one game, or a stacked batch of G.
      types: distribution of joint types, or `SequenceTypes`; one per game.
      learner: from `jaxstack.learners`.
      horizon: T, rounds per run, 1..2^31-1025.
      num_runs: S, independent runs per game.
      table: regions of the game. None: they are enumerated (optimistically) where a table is soon made, and
        otherwise the game is played without one, with a warning. False: it is played without one. Then
        learners search for the commitments that they play (`Learner.without_table`), and regret is against
        the best commitment that `solve` finds: `RegretCurve.optimum_gap` tells how much more another may
        earn.
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
        unknown hyperparameter, a learner that needs a table where there is none, a key whose numbers would
        depend on the batch, or a table with ties="robust" of a game in which a follower type has equal
        actions (`jaxstack.ties`) that the leader tells apart.
      MemoryError: a region table, runs of one tile, or curves that are kept, would not fit (before anything
        is allocated).
      hosts.HostFailed: another process gave up (`jaxstack.hosts`).

    Source: arXiv 2510.01387, section 2 (regret).
    """
    if skip_ahead:
        jumps.check_learner(learner)
        jumps.check_types(types)
    horizon = checks.positive_int("horizon", horizon, jumps.MAX_HORIZON if skip_ahead else MAX_HORIZON)
    num_runs = checks.positive_int("num_runs", num_runs, 2**31 - 1)
    rounds = check_checkpoints(checkpoints, horizon)
    devices = checked(devices)
    setup = prepare(key, game, types, learner, horizon=horizon, table=table, hparams=hparams)
    setup = setup._replace(learner=_telling(setup.learner, record, skip_ahead))
    if keep_runs:
        told = sum(math.prod(leaf.shape) for leaf in info_shapes(setup.learner, setup.inputs).values())
        memory.require_curves(num_runs, len(rounds), setup.num_games * (1 + told))
    if skip_ahead:
        _require_table(setup)
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
      devices: of this process, one for every tile: the same one again and again where cores share it.
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
        players = [player(device) for device in here]
        copies = {device: jax.device_put(setup.inputs, device) for device in dict.fromkeys(players)}
        return cls(setup, players, [copies[device] for device in players], size, num_processes)

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

    def make_programs(self) -> None:
        """Compile what plays the tiles, unless it is compiled already."""
        for place, inputs in {jax.tree.leaves(inputs)[0].sharding: inputs for inputs in self.inputs}.items():
            numbers = jax.ShapeDtypeStruct((self.size,), np.int32, sharding=place)
            compiled.make(self.setup.learner, inputs, numbers)

    def start(self, runs: list[jax.Array]) -> list[Carry]:
        """Before round 1."""
        return [
            compiled.start(self.setup.learner, inputs, numbers)
            for inputs, numbers in zip(self.inputs, runs, strict=False)
        ]

    def advance(self, carries: list[Carry], runs: list[jax.Array], blocks: range) -> list[Carry]:
        """After some blocks; `carries` are used up."""

        def one(carry: Carry, inputs: Inputs, numbers: jax.Array) -> Carry:
            after = compiled.advance(self.setup.learner, carry, inputs, numbers, blocks)
            return jax.block_until_ready(after)

        return _side_by_side(one, carries, self.inputs, runs)

    def curves(self, carries: list[Carry]) -> Iterator[dict[str, np.ndarray]]:
        """Of the runs of all processes, piece by piece, [.., s, C] float64: regret in payoff units, and info.

        A piece stays in the cache of a core, where all the runs of a tile of a GPU would not.
        """
        unit = np.asarray(self.setup.unit)[..., None]
        for curve, error, info in self._on_host(carries):
            for first in range(0, self.size, _PIECE):
                runs = slice(first, first + _PIECE)
                regret = np.add(curve[..., runs], error[..., runs], dtype=np.float64) * unit
                told = {name: np.asarray(part[..., runs], np.float64) for name, part in info.items()}
                yield {name: np.moveaxis(part, 0, -1) for name, part in ({REGRET: regret} | told).items()}

    def _on_host(
        self, carries: list[Carry]
    ) -> Iterator[tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]]:
        """Curve, its error and info of tile after tile, of all processes."""
        here = [jax.tree.map(np.asarray, (c.curve, c.curve_error, c.info)) for c in carries]
        if self.num_processes == 1:
            yield from here
            return
        # All of the same shape: a tile that has no runs is gathered as nothing.
        of_tile = compiled.shapes(self.setup.learner, self.inputs[0], self.size)
        nothing = jax.tree.map(
            lambda leaf: np.zeros(leaf.shape, leaf.dtype), (of_tile.curve, of_tile.curve_error, of_tile.info)
        )
        here += [nothing] * (len(self.devices) - len(here))
        gathered = jax.tree.map(lambda *tiles: hosts.gather(np.stack(tiles)), *here)
        for process in range(self.num_processes):
            for tile in range(len(self.devices)):
                yield jax.tree.map(lambda leaf, at=(process, tile): leaf[at], gathered)


def _side_by_side(function: Callable[..., Carry], *args: Sequence[Any]) -> list[Carry]:
    """`function` of each tile, in a thread of its own: what one thread asks of a device is done in turn."""
    tiles = list(zip(*args, strict=False))  # fewer than devices, where other processes have the runs
    if len(tiles) <= 1:
        return [function(*tile) for tile in tiles]
    x64 = jnp.zeros(()).dtype == jnp.float64

    def one(tile: tuple[Any, ...]) -> Carry:
        with pinned(), jax.enable_x64(x64):  # settings are those of a thread
            return function(*tile)

    with ThreadPoolExecutor(len(tiles)) as pool:
        return list(pool.map(one, tiles))


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
    began = time.perf_counter()
    tiles.make_programs()
    so_far.seconds["compile"] += time.perf_counter() - began
    for first_run in range(so_far.first_run, num_runs, tiles.num_runs):
        began = time.perf_counter()
        runs = tiles.numbers(first_run, num_runs)
        carries, block = so_far.place(tiles.start(runs), first_run)
        so_far.seconds["run"] += time.perf_counter() - began
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
        done = first_run
        for curves in tiles.curves(carries):
            wanted = {n: c[..., : num_runs - done, : len(rounds)] for n, c in curves.items()}
            if done < num_runs:
                _require_regret(tiles.setup, wanted[REGRET], done)
                so_far.add(wanted, keep_runs)
            done += curves[REGRET].shape[-2]


def _require_regret(setup: Setup, regret: np.ndarray, first_run: int) -> None:
    """Raise ValueError where a learner has played what there is not: regret [.., s, C] is nan then."""
    wrong = np.argwhere(np.isnan(regret))
    if len(wrong):
        *game, run, _ = wrong[0].tolist()
        what = "vertices of the region table" if setup.learner.plays == "vertices" else "the strategy set"
        where = f"run {first_run + run}" + (f" of game {game[0]}" if game else "")
        raise ValueError(
            f"{setup.learner.name}: act chose what is not among {what} in {where}, so that its regret is not "
            f"known. jaxstack.check_learner tells what it chose, and in which round."
        )


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
    known, key, arena = setup.inputs.known, setup.inputs.key, setup.inputs.arena
    assert isinstance(arena, Vertices)  # learners that jump play candidates of a table
    curves = []
    total = setup.num_games * num_runs * int(rounds[-1])
    for index in range(setup.num_games):
        one: Any = (known.game, types, known.prepared, arena.gap)
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
        optimum_gap=setup.optimum_gap,
        ties=setup.ties,
        seconds=so_far.seconds,
        info=told,
    )


def _require_table(setup: Setup) -> None:
    """Raise ValueError where there is nothing that could be jumped over."""
    if setup.table is None:
        raise ValueError(
            f"skip_ahead jumps between vertices of a region table, and {setup.learner.name} plays without "
            f"one here. Simulate it round by round: skip_ahead=False."
        )


def _telling(learner: Learner, record: Any, skip_ahead: bool) -> Learner:
    """The learner that tells what is asked for.

    Raises:
      ValueError: a learner that has nothing to tell, or rounds that are jumped over.
    """
    if not record:
        return dataclasses.replace(learner, info=None)
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
