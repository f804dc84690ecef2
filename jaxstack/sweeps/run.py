"""Computing what a folder lacks: plan, look, compute, write, and go on after anything."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np

from jaxstack import checks, programs, report, simulation
from jaxstack.fingerprints import learner_fingerprint, package_fingerprint
from jaxstack.learners.outside import Offered
from jaxstack.regret import RegretCurve
from jaxstack.sweeps import other_code, store
from jaxstack.sweeps.cell_file import content
from jaxstack.sweeps.cells import Cell, Plan, is_small, learner_of, plan
from jaxstack.sweeps.failures import told
from jaxstack.sweeps.games import problem_of, table_of
from jaxstack.sweeps.snapshots import FolderSnapshots
from jaxstack.sweeps.spec import Spec, load_spec

SNAPSHOT_SECONDS = 120.0  # how much of a long cell a kill may cost

_SIDE_BY_SIDE = 8  # small cells at most: each has tables of its own
_ENUMERATING = threading.Lock()
_POLL_SECONDS = 0.2  # how often a process looks whether another has finished a cell
_PROBE_BYTES = 1 << 16


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a cell in this process.

    Attributes:
      cell: the cell.
      status: "computed" here, "there" already, "held" by another process, or "failed".
      error: why it failed, for a person.
      traceback: where it failed, in full.
    """

    cell: Cell
    status: Literal["computed", "there", "held", "failed"]
    error: str = ""
    traceback: str = ""


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a run of a sweep left behind.

    Attributes:
      plan: all cells.
      computed: number of cells computed by this run.
      there: number of cells that others had computed, before or meanwhile.
      failed: outcomes of the cells that could not be computed.
      damaged: where files that did not match their SHA-256 were put.
      other_code: number of these cells that other code has left in the folder, by its version; they are kept
        apart, and were computed again.
    """

    plan: Plan
    computed: int
    there: int
    failed: tuple[Outcome, ...]
    damaged: tuple[Path, ...]
    other_code: dict[str, int] = dataclasses.field(default_factory=dict)


class FolderFull(OSError):
    """Nothing can be written into the folder any more."""


Engine = Callable[[Sequence[Cell], Path], Iterable[Outcome]]
"""Computes cells, in any order and anywhere, by `compute_cell`; one outcome for each."""

Simulate = Callable[
    [Cell, Sequence[jax.Device] | None, simulation.Snapshots | None, simulation.Progress | None], RegretCurve
]
"""`simulate_cell`, or what takes its place."""

Phase = Literal["enumerating", "compiling", "playing"]

Progress = Callable[[Cell, int, Phase], None]
"""Told of a cell, rounds x runs x games done of it, and what it is at."""


def run_sweep(
    spec: Spec | str | Path,
    folder: str | Path,
    *,
    learners: Offered = (),
    engine: Engine | None = None,
    snapshot_seconds: float = SNAPSHOT_SECONDS,
) -> Any:
    """Compute the cells of a sweep that the folder lacks, and load them all.

    Several processes may work on one folder at a time: every cell is computed by one of them. A process that
    dies loses at most `snapshot_seconds` of work; the next run goes on from there. Compiled programs are kept
    on disk meanwhile, as by `jaxstack.cache_programs`.

    Args:
      spec: a `Spec`, or the path of a TOML file.
      folder: for results; made if need be. See `jaxstack.sweeps.store` for what is in it.
      learners: that the spec may name beside those of the package and of installed packages: factories or
        learners by name, or a list of them. Results are named by their code, too.
      engine: where cells are computed; default in this process, one after the other.
      snapshot_seconds: how often the state of a long cell is saved (by the default engine).

    Returns:
      xarray.Dataset, as `load_results`; `attrs["failed"]` names the cells that could not be computed, and
      `attrs["other_code"]` tells of cells that another version of the code left in the folder.

    Raises:
      ValueError: a mistake in the spec, found before anything is computed; or a folder that is no path.
      OSError: the folder cannot be written.
    """
    from jaxstack.sweeps.load import load_results

    folder = checks.path("folder", folder)
    source = "the spec" if isinstance(spec, Spec) else str(spec)
    if not isinstance(spec, Spec):
        spec = load_spec(spec, learners=learners)
    elif learners:
        spec = spec.with_learners(learners)
    planned = plan(spec, source)
    if engine is None:
        engine = functools.partial(in_process, snapshot_seconds=snapshot_seconds)
    with programs.cached():
        run_plan(planned, folder, engine)
    return load_results(folder)


def run_plan(
    planned: Plan,
    folder: Path,
    engine: Engine,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> Summary:
    """Compute what the folder lacks of a plan.

    Args:
      planned: from `plan`.
      folder: for results.
      engine: computes cells.
      on_outcome: told of every cell as it is computed, fails, or turns out to be there.

    Raises:
      OSError: the folder cannot be written (`FolderFull` when that begins on the way).
    """
    report.require_writable(folder)
    store.sweep_up(folder)
    store.write_plan(folder, planned)
    cells = planned.distinct()
    keys = {cell.key for cell in cells}
    damaged = store.verify(folder, keys)
    other_code.forget_failures(folder, keys)
    pending, failed = cells, []
    computed = 0
    try:
        while True:
            done = store.finished(folder)
            for cell in pending:
                if cell.key in done:
                    on_outcome(Outcome(cell, "there"))
            pending = [cell for cell in pending if cell.key not in done]
            if not pending:
                break
            held = []
            for outcome in engine(pending, folder):
                if outcome.status == "held":
                    held.append(outcome.cell)
                    continue
                on_outcome(outcome)
                computed += outcome.status == "computed"
                if outcome.status == "failed":
                    failed.append(outcome)
            if len(held) == len(pending):
                time.sleep(_POLL_SECONDS)  # others are at work on all that is left
            pending = held
    finally:
        store.sweep_up(folder)
    there = len(cells) - computed - len(failed)
    others = other_code.count(folder, keys)
    return Summary(planned, computed, there, tuple(failed), tuple(damaged), others)


def in_process(
    cells: Sequence[Cell],
    folder: Path,
    *,
    snapshot_seconds: float | None = SNAPSHOT_SECONDS,
    progress: Progress | None = None,
    simulate: Simulate | None = None,
) -> Iterator[Outcome]:
    """The default engine: here. Small cells side by side, on a share of the CPU devices each, so that one is
    compiled while others play; then large ones, one after the other.

    Args:
      snapshot_seconds, simulate: as for `compute_cell`; with `simulate`, no two cells are played at a time.
      progress: told how far a cell is; from several threads, one at a time.
    """
    devices = jax.local_devices()
    small = [cell for cell in cells if is_small(cell)] if simulate is None else []
    at_once = min(len(devices), len(small), _SIDE_BY_SIDE) if devices[0].platform == "cpu" else 1
    share = devices[: len(devices) // max(at_once, 1)]
    large = [cell for cell in cells if at_once <= 1 or not is_small(cell)]
    stopped, turn = threading.Event(), threading.Lock()

    def tell(cell: Cell, done: int, phase: Phase) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt  # no failure of the cell, which goes on from its snapshot
        if progress is not None:
            with turn:
                progress(cell, done, phase)

    def compute(cell: Cell, devices: Sequence[jax.Device] | None = None) -> Outcome:
        return compute_cell(
            cell,
            folder,
            devices=devices,
            snapshot_seconds=snapshot_seconds,
            progress=lambda done, total: tell(cell, done, "playing"),
            on_phase=lambda phase: tell(cell, 0, phase),
            simulate=simulate,
        )

    if at_once > 1:
        yield from _side_by_side(lambda cell: compute(cell, share), small, at_once, stopped)
    for cell in large:
        yield compute(cell)


def _side_by_side(
    compute: Callable[[Cell], Outcome], cells: Sequence[Cell], at_once: int, stopped: threading.Event
) -> Iterator[Outcome]:
    """Outcomes as they come; sets `stopped` where that ends early."""
    x64 = bool(getattr(jax.config, "jax_enable_x64", False))

    def one(cell: Cell) -> Outcome:
        with jax.enable_x64(x64):  # a setting of a thread
            return compute(cell)

    with ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(one, cell) for cell in cells]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:  # an interruption, or nobody wants more of them
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def compute_cell(
    cell: Cell,
    folder: Path,
    *,
    devices: Sequence[jax.Device] | None = None,
    snapshot_seconds: float | None = SNAPSHOT_SECONDS,
    progress: simulation.Progress | None = None,
    on_phase: Callable[[Phase], None] = lambda phase: None,
    simulate: Simulate | None = None,
) -> Outcome:
    """Lock, compute and write one cell, unless it is there or another process holds it.

    What goes wrong in the cell is an outcome, not an exception, and noted in the folder.

    Args:
      cell: from `plan`.
      folder: for results.
      devices: as for `simulate`.
      snapshot_seconds: how often the state is saved; None for never.
      progress: as for `simulate`.
      on_phase: told when "enumerating" begins, and when "compiling" does; with `progress`, it plays.
      simulate: plays the cell once it is locked; default `simulate_cell`.

    Raises:
      FolderFull: the result was computed, and nothing at all can be written any more.
    """
    try:
        with store.lock(folder, cell.key) as ours:
            if not ours:
                return Outcome(cell, "held")
            if store.cell_path(folder, cell.key).exists():
                return Outcome(cell, "there")
            store.require_space(folder, cell)
            snapshots = (
                None if snapshot_seconds is None else FolderSnapshots(folder, cell.key, snapshot_seconds)
            )
            began = time.perf_counter()
            on_phase("enumerating")
            with _ENUMERATING:  # cells that play side by side have games in common
                table_of(cell.game_key, is_small(cell), cell.run.table)
            on_phase("compiling")
            curve = (simulate or simulate_cell)(cell, devices, snapshots, progress)
            arrays, attrs = content(cell, curve, time.perf_counter() - began)
            store.write_cell(folder, cell.key, arrays, attrs)
            if snapshots is not None:
                snapshots.clear()
            store.clear_failure(folder, cell.key)
        return Outcome(cell, "computed")
    except Exception as error:
        outcome = Outcome(cell, "failed", told(error), "".join(traceback.format_exception(error)))
        store.write_failure(folder, cell, outcome.error, outcome.traceback)
        if isinstance(error, OSError):
            _require_room(folder)
        return outcome


def simulate_cell(
    cell: Cell,
    devices: Sequence[jax.Device] | None = None,
    snapshots: simulation.Snapshots | None = None,
    progress: simulation.Progress | None = None,
) -> RegretCurve:
    """The simulation that a cell stands for.

    Raises:
      ValueError: the code here, or a game file, is not what the cell was planned with.
    """
    problem, learner = problem_of(cell.game_key), learner_of(cell)
    table = table_of(cell.game_key, is_small(cell), cell.run.table)
    if learner_fingerprint(learner) != cell.code:
        raise ValueError(
            f"{cell.learner.title} is other code here (jaxstack {package_fingerprint()}) than where the cell "
            f"was planned. All processes of a sweep need the same jaxstack, and learners that stay the same."
        )
    return simulation.simulate(
        jax.random.key(cell.run.seed),
        problem.game,
        problem.types,
        learner,
        horizon=cell.run.horizon,
        num_runs=cell.run.runs,
        table=False if table is None else table,
        hparams=cell.learner.hparams,
        checkpoints=cell.run.checkpoints,
        batch_size=cell.run.batch_size,
        devices=devices,
        keep_runs=cell.run.keep_runs,
        skip_ahead=cell.run.skip_ahead,
        snapshots=None if cell.run.skip_ahead else snapshots,
        progress=progress,
        record=cell.run.record and learner.info is not None and not cell.run.skip_ahead,
    )


def curve_of(folder: Path, cell: Cell) -> RegretCurve:
    """The curve that a finished cell's file holds, under the learner's label.

    Raises:
      store.Damaged, FileNotFoundError: there is no such file, or it is not what was written.
    """
    arrays, attrs = store.read_cell(folder, cell.key)
    one = getattr(cell.scenario, "games", 1) == 1

    def per_game(name: str) -> np.ndarray:
        return arrays[name][0] if one else arrays[name]

    seconds = json.loads(attrs["seconds"])
    return RegretCurve(
        learner=cell.learner.title,
        rounds=arrays["round"],
        mean=per_game("mean"),
        stderr=per_game("stderr"),
        quantiles=np.moveaxis(per_game("quantiles"), -2, 0),
        final_regret=per_game("final_regret"),
        regret=per_game("regret") if "regret" in arrays else None,
        num_runs=int(attrs["num_runs"]),
        optimum=per_game("optimum"),
        optimum_gap=per_game("optimum_gap") if "optimum_gap" in arrays else 0.0,
        ties=attrs["ties"],
        seconds={stage: seconds[stage] for stage in ("compile", "run")},
    )


def _require_room(folder: Path) -> None:
    """Raise FolderFull unless something can still be written."""
    probe = folder / ".room-test.tmp"
    try:
        probe.write_bytes(b"\0" * _PROBE_BYTES)
    except OSError as error:
        raise FolderFull(
            f"cannot write into {folder} any more: {error.strerror or error}. What is finished is safe; make "
            f"room, or give write permission, and run the same command again."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
