"""One round, one run, many runs and games: the only place that batches.

A learner is written for one run of one game. Here rounds are scanned in blocks of `BLOCK`, runs and games are
batched by `vmap`, and runs are sharded over devices. The axis of runs is *last* in vectors of the state, so
that every operation on them is one vector operation over runs, and *first* in large tables, so that a row
that a round reads or writes is contiguous in memory.

Randomness: the types of run r in round t come from (key, r, t) alone. Block b of run r draws its bits from
fold_in(fold_in(stream, r), b), whatever the learner, batch size, number of devices or the way in which the
host loop cuts the horizon.

Processes that `jax.distributed` made one program share the runs of a batch out between them. Each plays its
own on its own devices, as long as it takes; only what they recorded is gathered, in the order of runs.
"""

from __future__ import annotations

import collections
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxstack import checks, hosts, memory
from jaxstack import skip_ahead as jumps
from jaxstack.axes import Array
from jaxstack.distributions import TypeDistribution, TypeSampler
from jaxstack.game import Game, check_types, unstack
from jaxstack.learners.candidates import unit_scale
from jaxstack.learners.contract import (
    ActionFeedback,
    Ahead,
    Choice,
    Known,
    Learner,
    Shortcut,
    TypeFeedback,
    add_compensated,
)
from jaxstack.learners.rows import IN_RANGE, runs_axis, take_row
from jaxstack.regions import RegionTable, enumerate_regions
from jaxstack.regret import Moments, RegretCurve, check_checkpoints
from jaxstack.value import all_payoff_vectors, vertex_utilities

BLOCK = 128
"""Rounds whose types are drawn at once. Part of the definition of the random draws: never change it."""

MAX_HORIZON = 2**31 - 1 - 8 * BLOCK  # rounds and visits are int32
_SEGMENT_SECONDS = 0.5  # how often the host hears of progress

Progress = Callable[[int, int], None]


class Snapshots(Protocol):
    """Keeps the state of a simulation between two segments, so that another process can go on with it."""

    def load(self) -> dict[str, np.ndarray] | None:
        """The state that was saved last for the same arguments of `simulate`, if any."""

    def due(self) -> bool:
        """Whether it is time to save."""

    def save(self, state: dict[str, np.ndarray]) -> None:
        """Keep a state in place of the one before."""


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
      batch_size: runs held at once; bounds memory, and never changes a result.
      devices: where to run, the runs sharded over them; default all local devices. One device per core makes
        full use of a CPU: `jax.config.update("jax_num_cpu_devices", os.cpu_count())` before the first use.
        `jax.devices()` after `jax.distributed.initialize()`: all processes, which must make the same call,
        play their shares of the runs, and all of them get the same curve.
      keep_runs: keep the curve of every run, not only moments and quantiles.
      skip_ahead: jump over rounds in which the choice cannot change (`erm_joint`, `erm_product`): the same
        distribution of curves up to 1e-12 in total variation, not the same draws, at a cost that grows with
        the switches between commitments and not with T; T up to 2^62. On the host; `batch_size` and
        `devices` do not matter, and runs draw from streams of 256.
      progress: called with (rounds x runs done, total) between segments of about half a second.
      snapshots: where to find and keep the state between segments; a restored simulation gives the same
        numbers to the last bit. Not with skip_ahead, nor with devices of several processes.

    Returns:
      RegretCurve.

    Raises:
      ValueError: shapes that disagree, a horizon or number of runs below 1, checkpoints outside 1..T, an
        unknown hyperparameter, or a key whose numbers would depend on the batch.
      MemoryError: the state of a batch would not fit on the devices (before anything is allocated).
      hosts.HostFailed: another process gave up (`jaxstack.hosts`).

    Source: arXiv 2510.01387, section 2 (regret).
    """
    longest = MAX_HORIZON
    if skip_ahead:
        jumps.check_learner(getattr(learner, "name", repr(learner)))
        longest = jumps.MAX_HORIZON
    horizon = checks.positive_int("horizon", horizon, longest)
    num_runs = checks.positive_int("num_runs", num_runs, 2**31 - 1)
    rounds = check_checkpoints(checkpoints, horizon)
    setup = prepare(key, game, types, learner, horizon=horizon, table=table, hparams=hparams)
    if skip_ahead:
        return _simulate_jumps(setup, types, rounds, num_runs, keep_runs, progress)
    devices = list(jax.local_devices() if devices is None else devices)
    if not devices:
        raise ValueError("devices must name at least one device, but an empty list arrived.")
    here, num_processes = _share(devices)
    if snapshots is not None and num_processes > 1:
        raise ValueError("snapshots hold the state of one process, but devices of several arrived.")
    # The last round again and again, up to a full 64: another horizon has another number of distinct rounds
    # on a logarithmic axis, and must not compile again for that.
    checkpoints = np.pad(rounds, (0, -len(rounds) % 64), mode="edge").astype(np.int32)
    batch_size = _choose_batch(setup, num_runs, len(checkpoints), batch_size, devices)

    mesh = Mesh(np.array(here), ("runs",))
    everywhere = NamedSharding(mesh, PartitionSpec())
    inputs = jax.device_put(setup.inputs._replace(checkpoints=checkpoints), everywhere)
    rounds_per_step = BLOCK * _blocks_per_step(learner, setup.inputs)
    num_steps = -(-horizon // rounds_per_step)
    steps_at_once = 1
    moments, kept = Moments(), []
    seconds = {"compile": 0.0, "run": 0.0}
    saved = None if snapshots is None else snapshots.load()
    if saved is not None and saved["batch_size"] % len(devices) == 0:
        batch_size, moments = int(saved["batch_size"]), Moments.restored(_part(saved, "moments"))
        kept, seconds = list(_part(saved, "kept").values()), _part(saved, "seconds")
        seconds = {stage: float(spent) for stage, spent in seconds.items()}
    else:
        saved = None
    began_with = 0 if saved is None else int(saved["first_run"])
    share = batch_size // num_processes
    for first_run in range(began_with, num_runs, batch_size):
        # A last, smaller batch is filled up with runs that are dropped: one shape, one compilation.
        ours = first_run + jax.process_index() * share if num_processes > 1 else first_run
        runs = np.arange(ours, ours + share, dtype=np.int64).astype(np.int32)
        runs = jax.device_put(runs, NamedSharding(mesh, PartitionSpec("runs")))
        began = time.perf_counter()
        carry = _start(learner, mesh, inputs, runs)
        carry, step = _restored(carry, saved if first_run == began_with else None)
        carry = jax.block_until_ready(_advance(learner, mesh, carry, inputs, runs, 0, 0))
        seconds["compile" if first_run == began_with else "run"] += time.perf_counter() - began
        while step < num_steps:
            began = time.perf_counter()
            stop = min(step + steps_at_once, num_steps)
            carry = jax.block_until_ready(_advance(learner, mesh, carry, inputs, runs, step, stop))
            took = time.perf_counter() - began
            seconds["run"] += took
            if took < _SEGMENT_SECONDS / 2:
                steps_at_once *= 2
            step = stop
            if snapshots is not None and step < num_steps and snapshots.due():
                place = {"batch_size": batch_size, "first_run": first_run, "step": step}
                parts: dict[str, Any] = {
                    "moments": moments.state(),
                    "kept": dict(enumerate(kept)),
                    "seconds": seconds,
                }
                parts["carry"] = dict(enumerate(jax.tree.leaves(carry)))
                snapshots.save(_flat_state(place, parts))
            if progress is not None:
                done_here = min(batch_size, num_runs - first_run) * min(step * rounds_per_step, horizon)
                progress(
                    setup.num_games * (first_run * horizon + done_here), setup.num_games * num_runs * horizon
                )
        regret = np.asarray(carry.curve, np.float64) + np.asarray(carry.curve_error, np.float64)
        regret = np.moveaxis(regret, 0, -1)  # [C, .., S] -> [.., S, C]
        if num_processes > 1:
            regret = np.concatenate(hosts.gather(regret), axis=-2)
        regret = regret[..., : num_runs - first_run, : len(rounds)]
        moments.add(regret)
        if keep_runs:
            kept.append(regret)
    return RegretCurve(
        learner=learner.name,
        rounds=rounds,
        **moments.summary(),
        regret=np.concatenate(kept, axis=-2) if keep_runs else None,
        num_runs=num_runs,
        optimum=setup.optimum,
        ties=setup.table.ties,
        seconds=seconds,
    )


def _share(devices: Sequence[jax.Device]) -> tuple[list[jax.Device], int]:
    """The devices of this process, and how many processes play: one, or all of the program."""
    counts = collections.Counter(device.process_index for device in devices)
    here = [device for device in devices if device.process_index == jax.process_index()]
    if len(here) == len(devices):
        return here, 1
    if len(counts) != jax.process_count() or len(set(counts.values())) != 1:
        told = ", ".join(f"{counts[process]} of process {process}" for process in range(jax.process_count()))
        raise ValueError(
            f"devices of several processes must be equally many of each, but {told} arrived. On CPUs every "
            f"process has JAX_NUM_CPU_DEVICES of them: set it to one number everywhere."
        )
    return here, len(counts)


def _flat_state(place: dict[str, int], parts: dict[str, dict[Any, Any]]) -> dict[str, np.ndarray]:
    """A state as arrays by name, `part/name` for what is in a part."""
    state = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
    return {name: np.asarray(value) for name, value in (place | state).items()}


def _part(state: dict[str, np.ndarray], part: str) -> dict[str, Any]:
    """One part of a state."""
    return {name.removeprefix(f"{part}/"): v for name, v in state.items() if name.startswith(f"{part}/")}


def _restored(carry: _Carry, saved: dict[str, np.ndarray] | None) -> tuple[_Carry, int]:
    """The saved carry with its step, or the given one before round 1 where that does not fit."""
    leaves, tree = jax.tree.flatten(carry)
    parts = [] if saved is None else list(_part(saved, "carry").values())
    if saved is None or [(p.shape, p.dtype) for p in parts] != [(x.shape, x.dtype) for x in leaves]:
        return carry, 0
    placed = [jax.device_put(part, leaf.sharding) for part, leaf in zip(parts, leaves, strict=True)]
    return jax.tree.unflatten(tree, placed), int(saved["step"])


def _simulate_jumps(
    setup: Setup,
    types: TypeDistribution,
    rounds: np.ndarray,
    num_runs: int,
    keep_runs: bool,
    progress: Progress | None,
) -> RegretCurve:
    """`simulate` with skip_ahead, game by game."""
    began = time.perf_counter()
    known, gap, key = setup.inputs.known, np.asarray(setup.inputs.gap), setup.inputs.key
    curves = []
    total = setup.num_games * num_runs * int(rounds[-1])
    for index in range(setup.num_games):
        one = (known.game, types, known.prepared, gap)
        if known.game.num_games is not None:
            one = unstack(one, index)

        def report(done: int, of: int, before: int = index) -> None:
            if progress is not None:
                progress(before * of + done, total)

        run_key = key[index] if key.ndim else key
        curves.append(
            jumps.run(run_key, *one[:2], setup.learner.name, one[2], one[3], rounds, num_runs, report)
        )
    regret = curves[0] if known.game.num_games is None else np.stack(curves)
    moments = Moments()
    moments.add(regret)
    return RegretCurve(
        learner=setup.learner.name,
        rounds=rounds,
        **moments.summary(),
        regret=regret if keep_runs else None,
        num_runs=num_runs,
        optimum=setup.optimum,
        ties=setup.table.ties,
        seconds={"compile": 0.0, "run": time.perf_counter() - began},
    )


class Trace(NamedTuple):
    """One run of one game, round by round (host arrays)."""

    types: np.ndarray  # [T, n] int32
    region: np.ndarray  # [T] int32
    vertex: np.ndarray  # [T] int32
    commitment: np.ndarray  # [T, L] float64
    regret: np.ndarray  # [T] float64, cumulative, payoff units


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

    Memory grows with T: this is for looking at a run, not for statistics.

    Raises:
      ValueError: as `simulate`; also for a batch of games (pass one: `jaxstack.game.unstack`).
    """
    horizon = checks.positive_int("horizon", horizon, MAX_HORIZON)
    if game.num_games is not None:
        raise ValueError(
            f"play takes one game, but {game!r} arrived. Pick one: jaxstack.game.unstack(game, 0)."
        )
    if not 0 <= run < 2**31 or int(run) != run:
        raise ValueError(f"run must be a whole number in 0..2^31-1, but {run!r} arrived.")
    setup = prepare(key, game, types, learner, horizon=horizon, table=table, hparams=hparams)
    num_blocks = -(-horizon // BLOCK)
    _, choice, drawn = trace_run(learner, setup.inputs, np.int32(run), num_blocks)
    region, vertex = (np.asarray(c).reshape(-1)[:horizon] for c in choice)
    return Trace(
        types=np.asarray(drawn).reshape(-1, game.num_followers)[:horizon],
        region=region,
        vertex=vertex,
        commitment=setup.table.vertices[region, vertex],
        regret=np.cumsum(setup.inputs.gap[region, vertex]),
    )


class Inputs(NamedTuple):
    """All that a compiled run reads; every array has a leading axis G for a batch of games."""

    key: jax.Array
    known: Known
    hparams: Any  # the learner's NamedTuple, every number [] float (or [G])
    sampler: TypeSampler
    gap: Array  # [R, V] float, U_D(x*) - U_D(vertex), payoff units; 0 on padding
    checkpoints: Array  # [C] int32, shared by all games


class Setup(NamedTuple):
    """Host side of a simulation, shared by `simulate` and `play`."""

    inputs: Inputs
    learner: Learner
    table: RegionTable
    optimum: np.ndarray
    num_games: int


def prepare(
    key: jax.Array,
    game: Game,
    types: TypeDistribution,
    learner: Learner,
    *,
    horizon: int,
    table: RegionTable | None,
    hparams: Any,
) -> Setup:
    """Check everything, solve the game exactly, and gather what the rounds read."""
    check_types(game, types)
    if not isinstance(learner, Learner):
        raise ValueError(
            f"learner must be a Learner, such as jaxstack.learners.erm_joint(), but {learner!r} arrived. "
            f"Factories are called; a name becomes a learner with jaxstack.learners.by_name."
        )
    table = enumerate_regions(game) if table is None else table
    _check_table(game, table)
    utilities = vertex_utilities(game, types, table)
    flat = utilities.reshape(*utilities.shape[:-2], -1)
    best, optimum = flat.argmax(axis=-1), flat.max(axis=-1)
    gap = np.where(table.vertex_mask, optimum[..., None, None] - utilities, 0.0)
    low, size = unit_scale(game)
    if learner.uses_optimum:
        places = np.unravel_index(best, utilities.shape[-2:])
        prepared = Choice(*(np.asarray(place, np.int32) for place in places))
    else:
        prepared = learner.prepare(game, table)
    per_game = np.ones_like(low)
    known = Known(game, table, per_game * horizon, low, size, _unit_payoffs(game, low, size), prepared)
    inputs = Inputs(
        _check_key(key, game),
        known,
        _hparams(learner, known, hparams),
        types.sampler(),
        gap,
        np.zeros(0, np.int32),
    )
    return Setup(inputs, learner, table, optimum, game.num_games or 1)


# --- compiled: blocks of rounds ---


class _Carry(NamedTuple):
    state: Any  # learner state, runs axis last
    total: jax.Array  # [.., S], cumulative regret
    error: jax.Array  # [.., S], what `total` lost to rounding
    curve: jax.Array  # [C, .., S], `total` at the checkpoints
    curve_error: jax.Array  # [C, .., S]


@functools.partial(jax.jit, static_argnums=(0, 1))
def _start(learner: Learner, mesh: Mesh, inputs: Inputs, runs: jax.Array) -> _Carry:
    """State before round 1."""

    def local(inputs: Inputs, runs: jax.Array) -> _Carry:
        def one_game(inputs: Inputs) -> _Carry:
            zero = jnp.zeros(runs.shape, jnp.asarray(inputs.gap).dtype)
            curve = jnp.zeros((*inputs.checkpoints.shape, *runs.shape), zero.dtype)
            return _Carry(_first_state(learner, inputs, runs), zero, zero, curve, curve)

        return _over_games(one_game, inputs, out_axes=_CARRY_GAMES)(inputs)

    return _sharded(local, mesh, (None, -1), _carry_axes(learner, inputs))(inputs, runs)


@functools.partial(jax.jit, static_argnums=(0, 1), donate_argnums=(2,))
def _advance(
    learner: Learner, mesh: Mesh, carry: _Carry, inputs: Inputs, runs: jax.Array, first: int, stop: int
) -> _Carry:
    """Steps first..stop-1 of every run (`_step`). Their number is traced: no segment recompiles."""

    def local(carry: _Carry, inputs: Inputs, runs: jax.Array, first: jax.Array, stop: jax.Array) -> _Carry:
        def one_step(step: jax.Array, carry: _Carry) -> _Carry:
            def one_game(carry: _Carry, inputs: Inputs) -> _Carry:
                return _step(learner, inputs, carry, runs, step)

            return _over_games(one_game, inputs, in_axes=_CARRY_GAMES, out_axes=_CARRY_GAMES)(carry, inputs)

        return jax.lax.fori_loop(first, stop, one_step, carry)

    axes = _carry_axes(learner, inputs)
    run = _sharded(local, mesh, (axes, None, -1, None, None), axes)
    return run(carry, inputs, runs, jnp.int32(first), jnp.int32(stop))


@functools.partial(jax.jit, static_argnums=(0, 3))
def trace_run(
    learner: Learner, inputs: Inputs, run: Array | np.int32, num_blocks: int
) -> tuple[Any, Choice, jax.Array]:
    """Last state, choices [blocks, BLOCK, 1] and types [blocks, BLOCK, n, 1] of one run of one game."""
    runs = jnp.reshape(run, (1,))

    def block(state: Any, index: jax.Array) -> tuple[Any, tuple[Choice, jax.Array]]:
        types = _draw_types(inputs, runs, index)
        played = _round_by_round(learner, inputs, state, runs, types, index)
        return played.state, (played.choice, types)

    with jax.default_matmul_precision("highest"):
        state = _first_state(learner, inputs, runs)
        state, (choice, types) = jax.lax.scan(block, state, jnp.arange(num_blocks, dtype=jnp.int32))
        return state, choice, types


class _Block(NamedTuple):
    """What a block of rounds leaves behind."""

    state: Any
    regret: jax.Array  # [BLOCK, S] since the start of the block, summed in the order of rounds
    choice: Choice  # [BLOCK, S]


def _shortcut(learner: Learner, inputs: Inputs) -> Shortcut | None:
    """The learner's shortcut; static."""
    return learner.shortcut(_one_game_of(inputs)[0])


def _blocks_per_step(learner: Learner, inputs: Inputs) -> int:
    return 1 if _shortcut(learner, inputs) is None else _SPAN


def _step(learner: Learner, inputs: Inputs, carry: _Carry, runs: jax.Array, step: jax.Array) -> _Carry:
    """The next blocks of one game: one, or a span of them for a learner with a shortcut."""
    shortcut = _shortcut(learner, inputs)
    if shortcut is None:
        types = _draw_types(inputs, runs, step)
        played = _round_by_round(learner, inputs, carry.state, runs, types, step)
        return _record(inputs, carry, played.state, lambda last: played.regret[last], step, 1)
    first = step * _SPAN
    # The last span ends with the horizon, not with its eighth block.
    num_blocks = jnp.minimum(-(-inputs.checkpoints[-1] // BLOCK) - first, _SPAN)

    def read(block: jax.Array) -> Any:
        types = _draw_types(inputs, runs, first + block)
        return jax.vmap(lambda types: shortcut.read(inputs.known, types), -1, -1)(types)

    def read_next(block: jax.Array, so_far: Any) -> Any:
        return jax.tree.map(lambda leaf, new: leaf.at[block].set(new), so_far, read(block))

    empty = jax.tree.map(
        lambda leaf: jnp.zeros((_SPAN, *leaf.shape), leaf.dtype), jax.eval_shape(read, first)
    )
    seen, tallies = jax.lax.fori_loop(0, num_blocks, read_next, empty)
    counts = jax.tree.map(lambda leaf: leaf.sum(axis=0, dtype=leaf.dtype), tallies)
    ahead, passed = _pass(shortcut, inputs, carry, counts, first, _SPAN)
    passed = _hold_contests(shortcut.contests[:-1], inputs, ahead, passed, carry, seen, first)

    def block_by_block(some: tuple[_Carry, Any, Any]) -> _Carry:
        carry, seen, tallies = some

        def one_block(block: jax.Array, carry: _Carry) -> _Carry:
            types, counts = jax.tree.map(lambda leaf: leaf[block], (seen, tallies))
            ahead, passed = _pass(shortcut, inputs, carry, counts, first + block, 1)
            types = jax.tree.map(lambda leaf: leaf[None], types)
            return _hold_contests(shortcut.contests, inputs, ahead, passed, carry, types, first + block)

        return jax.lax.fori_loop(0, num_blocks, one_block, carry)

    axes = (_carry_runs(carry), *jax.tree.map(lambda _: -1, (seen, tallies)))
    playing = ahead.contest == len(shortcut.contests)
    return _play_some(block_by_block, playing, (carry, seen, tallies), axes, passed)


def _pass(
    shortcut: Shortcut, inputs: Inputs, carry: _Carry, counts: Any, first: jax.Array, blocks: int
) -> tuple[Ahead, _Carry]:
    """All runs after some blocks, as if each kept its choice."""

    def look(state: Any, counts: Any) -> Ahead:
        return shortcut.ahead(state, inputs.known, inputs.hparams, counts, blocks * BLOCK)

    axes = _batched_axes(carry.state)
    out_axes = Ahead(0, 0, 0, axes)  # type: ignore[arg-type]
    ahead = jax.vmap(look, (axes, -1), out_axes)(carry.state, counts)
    gap = _gap(inputs, ahead.choice)

    def regret(last: Any) -> jax.Array:
        return (jnp.asarray(last)[..., None] + 1).astype(gap.dtype) * gap

    return ahead, _record(inputs, carry, ahead.after, regret, first, blocks)


def _hold_contests(
    contests: Sequence[Callable[..., Choice]],
    inputs: Inputs,
    ahead: Ahead,
    passed: _Carry,
    carry: _Carry,
    seen: Any,
    first: jax.Array,
) -> _Carry:
    """`passed`, with the choices of the blocks `seen` found for the runs that need one of `contests`."""
    num_blocks = jax.tree.leaves(seen)[0].shape[0]
    axes = _carry_runs(carry)
    args = (carry, passed.state, ahead.race, seen)
    args_axes = (
        axes,
        axes.state,
        *jax.tree.map(lambda _: 0, (ahead.race,)),
        jax.tree.map(lambda _: -1, seen),
    )
    for number, contest in enumerate(contests, start=1):

        def choose(race: Any, seen: Any, contest: Any = contest) -> Choice:
            return contest(race, inputs.known, inputs.hparams, seen)

        def play(some: tuple[_Carry, Any, Any, Any], choose: Any = choose) -> _Carry:
            before, state, race, seen = some
            choice = jax.vmap(choose, (0, -1), -1)(race, jax.tree.map(_join_blocks, seen))
            regret = jax.lax.scan(_running_sum, jnp.zeros_like(before.total), _gap(inputs, choice))[1]
            return _record(inputs, before, state, lambda last: regret[last], first, num_blocks)

        passed = _play_some(play, ahead.contest == number, args, args_axes, passed)
    return passed


def _join_blocks(seen: jax.Array) -> jax.Array:
    """[blocks, BLOCK, .., S] -> [rounds, .., S]."""
    return seen.reshape(-1, *seen.shape[2:])


def _running_sum(total: jax.Array, term: jax.Array) -> tuple[jax.Array, jax.Array]:
    return total + term, total + term


def _record(
    inputs: Inputs, carry: _Carry, state: Any, regret: Callable[[Any], jax.Array], first: Any, blocks: int
) -> _Carry:
    """The carry after `blocks` blocks from `first` on; regret: round within them -> regret since, [.., S]."""
    rounds = blocks * BLOCK
    last = inputs.checkpoints - 1 - first * BLOCK
    here = (last >= 0) & (last < rounds)

    now = add_compensated(carry.total, carry.error, regret(jnp.clip(last, 0, rounds - 1)))
    curve = (
        jnp.where(here[:, None], *pair) for pair in zip(now, (carry.curve, carry.curve_error), strict=True)
    )
    return _Carry(state, *add_compensated(carry.total, carry.error, regret(rounds - 1)), *curve)


def _round_by_round(
    learner: Learner, inputs: Inputs, state: Any, runs: jax.Array, types: jax.Array, block: jax.Array
) -> _Block:
    """A block of rounds, one after the other."""
    known, hparams = inputs.known, inputs.hparams
    axes = _batched_axes(state)
    keys = jax.vmap(lambda run: _block_key(inputs.key, 1, run, block))(runs)

    def one_round(
        state: Any, key: jax.Array, types: jax.Array, step: jax.Array
    ) -> tuple[Any, Choice, jax.Array]:
        choice = learner.act(jax.random.fold_in(key, step), state, known, hparams)
        state = learner.update(state, known, hparams, choice, _feedback(learner, known, choice, types))
        return state, choice, _gap(inputs, choice)

    def all_runs(
        carry: tuple[Any, jax.Array], drawn: tuple[jax.Array, jax.Array]
    ) -> tuple[tuple[Any, jax.Array], tuple[jax.Array, Choice]]:
        state, regret = carry
        types, step = drawn
        batched = jax.vmap(one_round, in_axes=(axes, 0, -1, None), out_axes=(axes, -1, -1))
        state, choice, gaps = batched(state, keys, types, step)
        return (state, regret + gaps), (regret + gaps, choice)

    nothing = jnp.zeros(keys.shape, jnp.asarray(inputs.gap).dtype)
    drawn = (types, jnp.arange(BLOCK, dtype=jnp.uint32))
    (state, _), (regret, choice) = jax.lax.scan(all_runs, (state, nothing), drawn)
    return _Block(state, regret, choice)


def _play_some(
    function: Callable[[Any], _Carry], playing: jax.Array, args: Any, axes: Any, carry: _Carry
) -> _Carry:
    """`carry`, with function(args) for the runs that are `playing`; `axes`: of runs in `args`.

    A few runs at a time, as many times as there are such runs: the others cost nothing.
    """
    together = min(_RUNS_TOGETHER, playing.shape[0])
    playing_first = jnp.argsort(~playing)
    num_playing = playing.sum(dtype=jnp.int32)

    def some_runs(loop: tuple[jax.Array, _Carry]) -> tuple[jax.Array, _Carry]:
        start, carry = loop
        # The last few may overlap with the ones before, and with runs that keep what they have.
        which = jax.lax.dynamic_slice_in_dim(playing_first, start, together)

        def take(leaf: jax.Array, axis: int) -> jax.Array:
            return leaf.at[_place(leaf, axis, which)].get(mode=IN_RANGE, unique_indices=True)

        def put(leaf: jax.Array, new: jax.Array, axis: int) -> jax.Array:
            mask = playing[which].reshape(-1, *(1,) * (leaf.ndim - 1 - axis % leaf.ndim))
            new = jnp.where(mask, new, take(leaf, axis))
            return leaf.at[_place(leaf, axis, which)].set(new, mode=IN_RANGE, unique_indices=True)

        new = function(jax.tree.map(take, args, axes))
        return start + together, jax.tree.map(put, carry, new, _carry_runs(carry))

    return jax.lax.while_loop(lambda loop: loop[0] < num_playing, some_runs, (jnp.int32(0), carry))[1]


def _place(leaf: jax.Array, axis: int, which: jax.Array) -> tuple[Any, ...]:
    return (slice(None),) * (axis % leaf.ndim) + (which,)


def _carry_runs(carry: _Carry) -> _Carry:
    """Position of the runs axis in every array of the carry of one game."""
    return _Carry(_batched_axes(carry.state), -1, -1, -1, -1)  # type: ignore[arg-type]


_SPAN = 8  # blocks over which a learner with a shortcut looks ahead
_RUNS_TOGETHER = 128


def _batched_axes(batched: Any) -> Any:
    """Position of the runs axis in every array of a batched tree (one axis more than in a single run)."""
    return jax.tree.map(lambda leaf: runs_axis(leaf.shape[1:]), batched)


def _gap(inputs: Inputs, choice: Choice) -> jax.Array:
    """Regret of one round in which `choice` is played, payoff units."""
    num_vertices = inputs.gap.shape[-1]
    return take_row(jnp.asarray(inputs.gap).reshape(-1), choice.region * num_vertices + choice.vertex)


def _feedback(learner: Learner, known: Known, choice: Choice, types: jax.Array) -> Any:
    """What the learner sees of a round."""
    if learner.feedback == "types":
        return TypeFeedback(types)
    if learner.feedback == "actions":
        n, num_types = known.game.num_followers, known.game.num_types
        responses = jnp.asarray(known.table.responses).reshape(-1)
        played = (choice.region * n + np.arange(n, dtype=np.int32)) * num_types + types
        return ActionFeedback(take_row(responses, played).astype(jnp.int32))
    return None


def _draw_types(inputs: Inputs, runs: jax.Array, block: jax.Array) -> jax.Array:
    """Types of a block of rounds of one game: [BLOCK, n, S] int32."""
    shape = (BLOCK, inputs.sampler.num_words)
    bits = jax.vmap(lambda run: jax.random.bits(_block_key(inputs.key, 0, run, block), shape, jnp.uint32))(
        runs
    )
    return jnp.moveaxis(inputs.sampler.draw(bits), 0, -1)


def _block_key(key: jax.Array, stream: int, run: jax.Array, block: jax.Array) -> jax.Array:
    """Key of one block of one run; stream 0 draws types, stream 1 is the learner's own."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.fold_in(key, stream), run), block)


# --- batching ---

_GAMES = Inputs(key=0, known=0, hparams=0, sampler=0, gap=0, checkpoints=None)  # type: ignore[arg-type]
_CARRY_GAMES = _Carry(state=0, total=0, error=0, curve=1, curve_error=1)  # type: ignore[arg-type]


def _one_game_of(inputs: Inputs) -> tuple[Known, Any]:
    """Shapes of what a learner knows of one game, and of its hyperparameters."""
    batch = inputs.known.game.num_games is not None

    def one_game(leaf: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape[batch:], jax.dtypes.canonicalize_dtype(leaf.dtype))

    return jax.tree.map(one_game, (inputs.known, inputs.hparams))


def _state_shapes(learner: Learner, inputs: Inputs) -> Any:
    """Shapes of the learner's state for one run of one game."""
    return jax.eval_shape(learner.init, *_one_game_of(inputs))


def _state_axes(learner: Learner, inputs: Inputs) -> Any:
    """Position of the runs axis in every array of a state of one game."""
    return jax.tree.map(lambda leaf: runs_axis(leaf.shape), _state_shapes(learner, inputs))


def _carry_axes(learner: Learner, inputs: Inputs) -> _Carry:
    """Position of the runs axis in every array of a carry, games included."""
    games = inputs.known.game.num_games is not None
    state = jax.tree.map(lambda axis: axis + games if axis >= 0 else axis, _state_axes(learner, inputs))
    return _Carry(state, -1, -1, -1, -1)  # type: ignore[arg-type]


def _first_state(learner: Learner, inputs: Inputs, runs: jax.Array) -> Any:
    """States before round 1 of all runs of one game."""

    def init(_: jax.Array) -> Any:
        return learner.init(inputs.known, inputs.hparams)

    return jax.vmap(init, out_axes=_state_axes(learner, inputs), axis_size=runs.shape[0])(runs)


def _over_games(
    function: Callable[..., Any], inputs: Inputs, in_axes: Any = (), out_axes: Any = 0
) -> Callable[..., Any]:
    """`function` of (.., inputs) for one game, over the games of a batch; as it is for a single game."""
    if inputs.known.game.num_games is None:
        return function
    games: Any = _GAMES._replace(key=0 if inputs.key.ndim else None)  # type: ignore[arg-type]
    return jax.vmap(function, in_axes=(in_axes, games) if in_axes != () else (games,), out_axes=out_axes)


def _sharded(function: Callable[..., Any], mesh: Mesh, in_axes: Any, out_axes: Any) -> Callable[..., Any]:
    """`function` run on every device with its share of the runs.

    Axes say where runs are in each argument and result: an int, None (whole on every device), or a tree of
    ints.
    """

    def spec(axis: int | None, leaf: Any) -> PartitionSpec:
        if axis is None:
            return PartitionSpec()
        return PartitionSpec(*("runs" if i == axis % leaf.ndim else None for i in range(leaf.ndim)))

    def specs(axes: Any, tree: Any) -> Any:
        if axes is None or isinstance(axes, int):
            return jax.tree.map(lambda leaf: spec(axes, leaf), tree)
        return jax.tree.map(spec, axes, tree)

    def call(*args: Any) -> Any:
        with jax.default_matmul_precision("highest"):  # regret and scores are not for TF32
            out_specs = specs(out_axes, jax.eval_shape(function, *args))
            in_specs = tuple(specs(axes, arg) for axes, arg in zip(in_axes, args, strict=True))
            return jax.shard_map(
                function, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False
            )(*args)

    return call


def _choose_batch(
    setup: Setup, num_runs: int, num_checkpoints: int, batch_size: int | None, devices: list[jax.Device]
) -> int:
    """Runs held at once: a multiple of the number of devices that fits into their memory."""
    games, shortcut = setup.num_games, _shortcut(setup.learner, setup.inputs) is not None
    working, per_run, shared = _bytes(setup, num_checkpoints)
    here, num_processes = _share(devices)
    free = min(_free_bytes(device, here) for device in here)
    if num_processes > 1:  # all must come to the same batch
        free = int(hosts.gather(np.asarray(free, np.int64)).min())
    advice = "fewer games at once, a smaller batch_size, or more devices"
    what = f"simulating {setup.learner.name} with {games} game(s) x {{}} run(s) on each device"
    driver = (
        f"{memory.readable(working)} of learner state per run (R = {setup.table.padded_regions:,} "
        f"regions) and {memory.readable(shared)} of tables"
    )
    if batch_size is not None:
        batch_size = min(checks.positive_int("batch_size", batch_size), num_runs)
        each = -(-batch_size // len(devices))
        memory.require(
            shared + each * per_run, what=what.format(each), driver=driver, remedy=advice, available=free
        )
        return each * len(devices)
    memory.require(shared + per_run, what=what.format(1), driver=driver, remedy=advice, available=free)
    fits = int((free / 2 - shared) // per_run)
    if devices[0].platform == "cpu":
        # Half a MiB of state and scores stays in the cache of a core; fewer runs only wait for each other.
        # With a shortcut few runs in a batch are played round by round, and need company.
        fast = 1024 // games if shortcut else (1 << 19) // max(games * working, 1)
        wanted = int(np.clip(fast, max(128 // games, 1), 2048))
    else:
        wanted = max((1 << 17) // games, 1)
    most = max(1, min(fits, wanted)) * len(devices)
    batches = -(-num_runs // most)
    return -(-num_runs // (batches * len(devices))) * len(devices)


def _working_bytes(learner: Learner, inputs: Inputs) -> int:
    """What one run of one game keeps, and looks ahead with."""
    shapes, tree = jax.tree.flatten(_one_game_of(inputs))
    return _working_bytes_of(learner, tuple(shapes), tree)


@functools.lru_cache(maxsize=1024)
def _working_bytes_of(learner: Learner, shapes: tuple[jax.ShapeDtypeStruct, ...], tree: Any) -> int:
    # By shapes, because tracing the look ahead takes longer than a small simulation.
    known, hparams = jax.tree.unflatten(tree, shapes)
    state, shortcut = jax.eval_shape(learner.init, known, hparams), learner.shortcut(known)
    if shortcut is None:
        key = jax.eval_shape(lambda: jax.random.key(0))

        def act(state: Any, known: Known, hparams: Any, key: Any) -> Choice:
            return learner.act(key, state, known, hparams)

        return tree_bytes(state) + _largest_bytes(act, state, known, hparams, key)
    rounds = BLOCK * _SPAN
    types = jax.ShapeDtypeStruct((rounds, known.game.num_followers), jnp.int32)
    seen, counts = jax.eval_shape(shortcut.read, known, types)

    def look(state: Any, known: Known, hparams: Any, counts: Any) -> Ahead:
        return shortcut.ahead(state, known, hparams, counts, rounds)

    ahead = jax.eval_shape(look, state, known, hparams, counts)
    return tree_bytes((state, seen, ahead)) + _SPAN * tree_bytes(counts)


def _largest_bytes(function: Callable[..., Any], *args: Any) -> int:
    """Of the arrays that a function computes from its first argument: the largest."""
    jaxpr = jax.make_jaxpr(function)(*args).jaxpr
    depend = set(jaxpr.invars[: len(jax.tree.leaves(args[0]))])
    largest = 0
    for step in jaxpr.eqns:
        if any(not isinstance(x, Literal) and x in depend for x in step.invars):
            depend.update(step.outvars)
            largest = max(largest, *(tree_bytes(x.aval) for x in step.outvars))
    return largest


def _bytes(setup: Setup, num_checkpoints: int) -> tuple[int, int, int]:
    """Bytes that a run works with (one game), of all that a run holds (all games), and of the tables."""
    working = _working_bytes(setup.learner, setup.inputs)
    floats = jnp.zeros(()).dtype.itemsize
    drawn = BLOCK * (setup.inputs.sampler.num_words * 4 + setup.table.responses.shape[-2] * 4 + floats)
    # Twice the state: one copy is read while the next is written.
    per_run = setup.num_games * (2 * working + (2 * num_checkpoints + 2) * floats + drawn)
    return working, per_run, tree_bytes(tuple(setup.inputs)[1:])


def held_bytes(
    setup: Setup,
    num_runs: int,
    num_checkpoints: int,
    batch_size: int | None,
    devices: Sequence[jax.Device],
) -> int:
    """Memory that a simulation takes on all devices together, curves that are kept apart.

    Raises:
      MemoryError: it would not fit.
    """
    _, per_run, shared = _bytes(setup, num_checkpoints)
    batch_size = _choose_batch(setup, num_runs, num_checkpoints, batch_size, list(devices))
    return shared * len(devices) + per_run * batch_size


_FEW_JOINT_ACTIONS = 1 << 12


def _free_bytes(device: jax.Device, devices: Sequence[jax.Device]) -> int:
    """Memory that one of `devices` can still give."""
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"] - stats.get("bytes_in_use", 0))
    return memory.available_bytes() // len(devices)


def tree_bytes(tree: Any) -> int:
    """Bytes of all arrays of a pytree, float64 counted as the default float type."""
    return sum(
        int(np.prod(np.shape(leaf), dtype=np.float64)) * jax.dtypes.canonicalize_dtype(leaf.dtype).itemsize
        for leaf in jax.tree.leaves(tree)
        if hasattr(leaf, "dtype")
    )


def _unit_payoffs(game: Game, low: np.ndarray, size: np.ndarray) -> np.ndarray | None:
    """[A**n, L] ([G, A**n, L]) float64: payoff vectors of all joint actions in units of the range, if few."""
    if game.num_actions**game.num_followers > _FEW_JOINT_ACTIONS:
        return None
    payoffs = all_payoff_vectors(game)
    return (payoffs - low[..., None, None]) / size[..., None, None]


def _check_table(game: Game, table: RegionTable) -> None:
    """Raise ValueError unless the table is one of this game (as far as shapes tell)."""
    batch = () if game.num_games is None else (game.num_games,)
    expected = (*batch, table.padded_regions, game.num_followers, game.num_types)
    vertices = (*batch, table.padded_regions, table.padded_vertices, game.num_leader_actions)
    if table.responses.shape != expected or table.vertices.shape != vertices:
        raise ValueError(
            f"the region table does not belong to {game!r}: responses must have shape {expected} and "
            f"vertices {vertices}, but {table.responses.shape} and {table.vertices.shape} arrived. "
            f"Enumerate the regions of this game: jaxstack.enumerate_regions(game)."
        )


def _check_key(key: Any, game: Game) -> jax.Array:
    """A typed threefry key: [] or, for a batch, [G]."""
    if not (hasattr(key, "dtype") and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)):
        raise ValueError(
            f"key must come from jax.random.key(seed), but {type(key).__name__} arrived: {key!r}."
        )
    if "threefry" not in str(jax.random.key_impl(key)):
        raise ValueError(
            f"key uses the generator {jax.random.key_impl(key)}, whose numbers depend on how runs are "
            f"batched. Use jax.random.key(seed, impl='threefry2x32')."
        )
    allowed = ((),) if game.num_games is None else ((), (game.num_games,))
    if key.shape not in allowed:
        raise ValueError(f"key must have a shape in {allowed} for {game!r}, but {key.shape} arrived.")
    return key


def _hparams(learner: Learner, known: Known, hparams: Any) -> Any:
    """The learner's hyperparameters, defaults overridden: [] float64 each ([G] where the default depends)."""
    overrides = {} if hparams is None else hparams._asdict() if hasattr(hparams, "_asdict") else dict(hparams)
    with jax.enable_x64(True):
        values = jax.tree.map(np.asarray, learner.hparams(known))
    shape = np.shape(known.horizon)
    if not hasattr(values, "_asdict"):
        raise ValueError(
            f"{learner.name}: hparams must return a NamedTuple of numbers, but {values!r} arrived."
        )
    for name, value in values._asdict().items():
        if (
            np.shape(value) not in ((), shape)
            or value.dtype.kind not in "iuf"
            or not np.isfinite(value).all()
        ):
            raise ValueError(
                f"{learner.name}: hyperparameter {name} must be one finite number, but {value!r} arrived."
            )
    for name, value in overrides.items():
        if name not in values._fields:
            raise ValueError(
                f"{learner.name} has no hyperparameter {name!r}.{checks.did_you_mean(name, values._fields)} "
                f"Known: {', '.join(values._fields) or 'none'}."
            )
        number = np.asarray(value, np.float64)
        if number.ndim or not np.isfinite(number):
            raise ValueError(
                f"hyperparameter {name} of {learner.name} must be one number, but {value!r} arrived."
            )
        values = values._replace(**{name: number})
    return jax.tree.map(lambda value: np.broadcast_to(value, shape).astype(np.float64), values)
