"""The command line: `run` simulates, `report` sums up what was simulated, `inspect` looks at one game.

Mistakes in what a person typed, or wrote into a file, end in one message and exit status 2; `--traceback`
shows where in the code they were noticed.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import re
import shlex
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxstack.terminal import Terminal
from jaxstack.writing import write_file

if TYPE_CHECKING:  # the commands import what they need, so that `--help` answers soon
    from matplotlib.figure import Figure

    from jaxstack.regret import RegretCurve
    from jaxstack.sweeps.cells import Cell, Plan
    from jaxstack.sweeps.run import Engine, Outcome, Summary
    from jaxstack.sweeps.spec import Problem, Spec

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

_DOTS_PER_INCH = 160
_MAX_ROWS, _MAX_COLUMNS = 20, 8  # of the table of responses
_MAX_CELLS = 40  # of a sweep whose regret is printed


def main() -> None:
    """Entry point of the `jaxstack` command."""
    app(prog_name="jaxstack")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"jaxstack {version('jaxstack')}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where in the code an error was noticed.")
    ] = False,
) -> None:
    """Learning to play multi-follower Bayesian Stackelberg games: simulate, solve, draw."""


@app.command()
def run(
    context: typer.Context,
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="SPEC.toml|GAME.json|GAME.npz",
            help="What to run. Default: random games, the hard family and a security patrol.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for results and pictures.")] = Path("out"),
    horizon: Annotated[int | None, typer.Option(help="Rounds per run.")] = None,
    runs: Annotated[int | None, typer.Option(help="Independent runs of every game.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the draws of types.")] = None,
    learners: Annotated[
        str | None, typer.Option(metavar="NAME,NAME,..", help="Learners to compare, separated by commas.")
    ] = None,
    ties: Annotated[
        Literal["optimistic", "robust"] | None,
        typer.Option(help="Tie rule of scenarios that do not state their own."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print the cells, with the memory and time of each.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Compute cells in N processes here (needs Dask).")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Compute cells on the workers of a running Dask scheduler."),
    ] = None,
    multihost: Annotated[
        bool,
        typer.Option("--multihost", help="Every host runs this command; all play each cell together."),
    ] = False,
    coordinator: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="With --multihost: where process 0 listens.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="With --multihost: number of processes.")
    ] = None,
    process_id: Annotated[
        int | None, typer.Option(metavar="I", min=0, help="With --multihost: this one, 0 to N-1.")
    ] = None,
) -> None:
    """Simulate learners on games; write results, and without axes in the spec a table and pictures.

    What the folder already holds is not computed again: after an interruption, run the same command.
    """
    with _clean_errors(context):
        place = {"--coordinator": coordinator, "--processes": processes, "--process-id": process_id}
        _require_one_engine({"--workers": workers, "--scheduler": scheduler, "--multihost": multihost}, place)
        _use_every_core()
        spec = _read_spec(source).replace_run(
            horizon=horizon,
            runs=runs,
            seed=seed,
            learners=None if learners is None else [name.strip() for name in learners.split(",")],
            ties=ties,
        )
        name = "the built-in spec" if source is None else str(source)
        if dry_run:
            _dry_run(spec, name, out, Terminal())
            return
        if multihost:
            from jaxstack.sweeps.multihost import end_in_one_line, join

            end_in_one_line()
            join(coordinator, processes, process_id)
        _run(spec, name, out, _Engines(workers, scheduler, multihost))


@app.command()
def inspect(
    context: typer.Context,
    game: Annotated[Path, typer.Argument(metavar="GAME", help="Game file, JSON or NPZ.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Picture of the regions (.png, .pdf, .svg).")
    ] = None,
    ties: Annotated[
        Literal["optimistic", "robust"],
        typer.Option(help="Followers break ties for the leader, or so that the leader can enforce it."),
    ] = "optimistic",
) -> None:
    """Sizes, best-response regions and optimal commitment of a game."""
    with _clean_errors(context):
        from jaxstack import report

        if out is not None:
            _check_picture_name(out)
            report.require_writable(out.parent)
        _inspect(game, out, ties, Terminal())


@app.command()
def report(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of a sweep's results.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Page to write.")] = Path("report.html"),
    reference: Annotated[
        str | None,
        typer.Option(metavar="LEARNER", help="Compare the others with this one. Default: the first."),
    ] = None,
) -> None:
    """One self-contained HTML page about a folder of results, finished or not."""
    with _clean_errors(context):
        _report(folder, out, reference, Terminal())


# --- run ----------------------------------------------------------------------------------------------------


def _read_spec(source: Path | None) -> Spec:
    from jaxstack.sweeps import spec

    if source is None:
        return spec.default_spec()
    suffix = source.suffix.lower()
    if suffix == ".toml":
        return spec.load_spec(source)
    if suffix in (".json", ".npz"):
        return spec.spec_of_game_file(source)
    ending = f"the name ends in {source.suffix!r}" if source.suffix else "the name has no ending"
    raise ValueError(
        f"{source}: a run is described by a spec (.toml) or a game file (.json, .npz), but {ending}."
    )


class _Engines(NamedTuple):
    """What a person said of where cells are computed; at most one of these."""

    workers: int | None
    scheduler: str | None
    multihost: bool

    def engine(self, plan: Plan, progress: Any) -> contextlib.AbstractContextManager[Engine]:
        """The engine, for as long as it is needed."""
        if self.workers is not None or self.scheduler is not None:
            from jaxstack.sweeps import cluster

            if self.workers is not None:
                return cluster.local(self.workers, progress=progress)
            return cluster.connected(str(self.scheduler), progress=progress)
        if self.multihost:
            from jaxstack.sweeps import multihost

            return multihost.lead(plan, progress)
        from jaxstack.sweeps import run

        return contextlib.nullcontext(functools.partial(run.in_process, progress=progress))


def _require_one_engine(engines: dict[str, Any], place: dict[str, Any]) -> None:
    """Raise ValueError where options contradict each other."""
    chosen = [name for name, value in engines.items() if value]
    if len(chosen) > 1:
        raise ValueError(f"{' and '.join(chosen)} are different places for the same cells: give one of them.")
    stray = [name for name, value in place.items() if value is not None]
    if stray and not engines["--multihost"]:
        contradiction = f" and {chosen[0]} contradict each other" if chosen else " needs --multihost"
        raise ValueError(f"{', '.join(stray)}{contradiction}: it tells where this process of --multihost is.")


def _run(spec: Spec, source: str, out: Path, engines: _Engines) -> None:
    from jaxstack import hosts
    from jaxstack.sweeps import cells, run

    console = Terminal()
    began = time.perf_counter()
    plan = cells.plan(spec, source)
    try:
        if engines.multihost and _process_index() > 0:
            from jaxstack.sweeps import multihost

            signal.signal(signal.SIGINT, signal.SIG_DFL)  # process 0 tells how to go on
            multihost.follow(plan)
            return
        with (
            _interruptible() as check,
            _progress(console, plan, check) as (on_outcome, on_rounds),
            engines.engine(plan, on_rounds) as engine,
        ):
            summary = run.run_plan(plan, out, engine, on_outcome)
    except KeyboardInterrupt:
        told = "Interrupted. What is finished is safe; to go on, run the same command again."
        Terminal(stderr=True).print(Text(told), soft_wrap=True)
        if engines.multihost:  # the others may never come to say goodbye
            os._exit(130)
        raise typer.Exit(130) from None
    except hosts.HostsLost as error:
        told = f"{error}. What is finished is safe; to go on, start all processes again."
        Terminal(stderr=True).print(Text("Error: ", style="bold red") + Text(told), soft_wrap=True)
        os._exit(2)
    for path in summary.damaged:
        console.print(Text(f"Damaged, set aside as {path} and computed again."))
    _print_other_code(summary.other_code, console)
    if spec.is_sweep():
        _print_cells(plan, summary, out, console)
    elif not summary.failed:
        _write_results(spec, plan, out, console, began)
    if summary.failed:
        errors = Terminal(stderr=True)
        for outcome in summary.failed:
            what = Text(f"{outcome.cell.title}: {outcome.error}")
            errors.print(Text("Failed: ", style="bold red") + what, soft_wrap=True)
        count = f"{len(summary.failed)} of {len(plan.distinct())} cells failed; the others are in {out}. "
        errors.print(Text(count + "Run the same command again to try those that failed."), soft_wrap=True)
        raise typer.Exit(1)


def _print_cells(plan: Plan, summary: Summary, out: Path, console: Console) -> None:
    """Final regret of every cell of a small sweep, and where to find all."""
    from jaxstack import report
    from jaxstack.sweeps import run

    failed = {outcome.cell.key for outcome in summary.failed}
    if len(plan.cells) <= _MAX_CELLS:
        table = _table_of_cells(plan, "Cumulative expected regret (payoff units)", "regret")
        table.caption = "± one standard error over draws of types"
        for cell in plan.cells:
            if cell.key not in failed:
                mean, stderr = report.average_over_games(run.curve_of(out, cell))
                table.add_row(*_labels(cell), report.with_error(float(mean[-1]), float(stderr[-1])))
        console.print(table)
    counts = f"{len(plan.distinct())} cells: {summary.computed} computed, {summary.there} there already"
    console.print(Text(f"{counts}, {len(failed)} failed."), soft_wrap=True)
    console.print(Text(f"As one dataset: jaxstack.load_results({str(out)!r})"), soft_wrap=True)
    console.print(Text(f"As one page:    jaxstack report {shlex.quote(str(out))}"), soft_wrap=True)


def _write_results(spec: Spec, plan: Plan, out: Path, console: Console, began: float) -> None:
    """Table, curves and pictures of a spec without axes."""
    from jaxstack import plots, report
    from jaxstack.sweeps import cells, games, run

    records: list[dict[str, Any]] = []
    curves: list[tuple[str, RegretCurve]] = []
    files: list[str] = []

    def draw(name: str, figure: Figure) -> None:
        write_file(out / name, lambda file: figure.savefig(file, format="png", dpi=_DOTS_PER_INCH))
        files.append(name)

    groups = [list(group) for _, group in itertools.groupby(plan.cells, key=lambda cell: cell.at["scenario"])]
    problems = [games.problem_of(group[0].game_key) for group in groups]
    for group, problem, stem in zip(groups, problems, _file_stems(problems), strict=True):
        table = games.table_of(group[0].game_key, False)
        played = [run.curve_of(out, cell) for cell in group]
        for cell, curve in zip(group, played, strict=True):
            curves.append((problem.name, curve))
            theorem = cells.learner_of(cell).theorem
            records.append(report.record(problem.name, problem.game, table, curve, theorem))
        title = f"{problem.name}: {_sizes(problem.game)}, {spec.run.runs:,} runs"
        label = r"$\sqrt{T}$, the theorems' rate up to logs (shape only)"
        draw(f"{stem}-regret.png", plots.regret_curves(played, lambda t: t**0.5, title, label))
        if problem.game.num_leader_actions in (2, 3):
            draw(f"{stem}-regions.png", _picture_of_regions(spec, problem, table))
    write_file(out / "curves.csv", report.curves_csv(curves))
    report.write_json(
        out / "results.json",
        {
            "results": records,
            "spec": spec.model_dump(),
            "environment": report.environment(),
            "seconds": round(time.perf_counter() - began, 2),
            "pictures": files,
        },
    )
    console.print(report.results_table(records))
    console.print(Text(f"Written to {out}: results.json, curves.csv, spec.toml, {', '.join(files)}"))


def _dry_run(spec: Spec, source: str, out: Path, console: Console) -> None:
    """The cells, what each will take, and all of them together."""
    from jaxstack import memory
    from jaxstack.sweeps import cells, estimate, other_code, store

    plan = cells.plan(spec, source)
    done = store.finished(out) - store.damaged(out, {cell.key for cell in plan.cells})
    table = _table_of_cells(plan, f"Cells of {source}", "memory", "time")
    table.caption = "time includes compilation, once for every shape"
    seconds, most, pending = 0.0, 0, plan.distinct()
    there = [cell for cell in pending if cell.key in done]
    for cell in there:
        table.add_row(*_labels(cell), "", "there")
    with console.status("timing a short run of every shape"):
        for cell, num_bytes, took in estimate.estimates([cell for cell in pending if cell.key not in done]):
            table.add_row(*_labels(cell), memory.readable(num_bytes), _duration(took))
            seconds, most = seconds + took, max(most, num_bytes)
    console.print(table)
    left = len(pending) - len(there)
    told = f"{len(pending)} cells, {len(there)} there already; {left} to compute"
    if left:
        told += f": about {_duration(seconds)} in this process, at most {memory.readable(most)} at a time"
    console.print(Text(f"{told}."), soft_wrap=True)
    _print_other_code(other_code.count(out, {cell.key for cell in plan.cells}), console)


def _print_other_code(counts: dict[str, int], console: Console) -> None:
    """What of this sweep another version of the code has left in the folder."""
    from jaxstack.sweeps import other_code

    if counts:
        told = f"Made by other code, kept apart and not used: {other_code.describe(counts)}."
        console.print(Text(told), soft_wrap=True)


def _table_of_cells(plan: Plan, title: str, *columns: str) -> Table:
    """A table with a column for every axis, and more."""
    from rich.box import SIMPLE_HEAD

    table = Table(title=Text(title), box=SIMPLE_HEAD, pad_edge=False)
    for name in plan.cells[0].at:
        numbers = not any(isinstance(cell.at[name], str) for cell in plan.cells)
        table.add_column(Text(name.replace("+", " +\n")), justify="right" if numbers else "left")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _labels(cell: Cell) -> list[Text]:
    """Where a cell stands on every axis, with a dash on those that it lacks."""
    from jaxstack.results import text

    told = {name: label if isinstance(label, tuple) else (label,) for name, label in cell.at.items()}
    return [Text("-" if n in cell.lacks else " + ".join(map(text, label))) for n, label in told.items()]


def _duration(seconds: float) -> str:
    """Two figures of a time."""
    for unit, size in (("days", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.2g} s" if seconds < 100 else f"{seconds:.0f} s"


def _picture_of_regions(spec: Spec, problem: Problem, table: Any) -> Figure:
    """Regions of the (first) game with the optimum and the first learner's path in run 0."""
    import jax

    import jaxstack
    from jaxstack import plots, solvers
    from jaxstack.game import unstack

    game, types = problem.game, problem.types
    of_batch = game.num_games is not None
    if of_batch:
        game, types, table = unstack(game, 0), unstack(types, 0), unstack(table, 0)
    first = next(spec.learners()[0].points())
    trace = jaxstack.play(
        jax.random.key(spec.run.seed),
        game,
        types,
        jaxstack.learners.by_name(first.name),
        horizon=min(spec.run.horizon, 100_000),
        table=table,
        hparams=first.hparams,
    )
    solution = solvers.solve(game, types, ties=problem.ties, table=table)
    title = f"{problem.name}{', game 1' if of_batch else ''}: regions, and one run of {first.title}"
    return plots.regions(game, types, table, solution, trace.commitment, problem.leader_names, title)


def _process_index() -> int:
    import jax

    return jax.process_index()


@contextlib.contextmanager
def _interruptible() -> Iterator[Callable[[], None]]:
    """Being asked to end (SIGTERM, as schedulers send) is like Ctrl-C; yields what to call now and then.

    Where the exception of a signal is raised is a matter of chance. In a callback, such as one of JAX for the
    garbage collector, Python prints and forgets it: the call, and the end of the context, raise it again.
    """
    asked = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        raise KeyboardInterrupt

    def check() -> None:
        if asked and threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt

    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as a shell tells what it runs behind
    before = {}
    try:
        for number in (signal.SIGTERM,) if ignored else (signal.SIGTERM, signal.SIGINT):
            before[number] = signal.signal(number, on_signal)
    except ValueError:  # not the main thread
        yield check
        return
    try:
        yield check
        check()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _progress(console: Console, plan: Plan, check: Callable[[], None]) -> Iterator[tuple[Any, Any]]:
    """A bar over all rounds of all cells; yields what is told of outcomes, and of rounds within a cell.

    Whatever is told, `check` is called.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    total, num_cells = sum(cell.work for cell in plan.distinct()), len(plan.distinct())
    columns = (
        TextColumn("{task.fields[cells]}", markup=False),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=total, rate="", cells=f"0/{num_cells} cells")
        began = time.perf_counter()
        played, left = 0, total
        ended: set[str] = set()
        here: dict[str, int] = {}  # done of cells that have not ended

        def on_outcome(outcome: Outcome) -> None:
            nonlocal played, left
            check()
            ended.add(outcome.cell.key)
            here.pop(outcome.cell.key, None)
            if outcome.status == "there":  # no work: it must not count as speed
                left -= outcome.cell.work
            else:
                played += outcome.cell.work
            done = played + sum(here.values())
            bar.update(task, total=left, completed=done, cells=f"{len(ended)}/{num_cells} cells")

        def on_rounds(cell: Cell, done: int) -> None:
            check()
            if cell.key in ended:  # told late, by another process
                return
            here[cell.key] = done
            done = played + sum(here.values())
            rate = done / (time.perf_counter() - began) / 1e6
            bar.update(task, completed=done, rate=f"{rate:.1f} M rounds/s", description=cell.title)

        yield on_outcome, on_rounds


def _file_stems(problems: Sequence[Problem]) -> list[str]:
    """A name for the files of each problem: its own in plain letters, numbered where two would collide."""
    stems: list[str] = []
    for problem in problems:
        stem = re.sub(r"[^a-z0-9]+", "-", problem.name.lower()).strip("-") or "scenario"
        stems.append(stem if stem not in stems else f"{stem}-{len(stems) + 1}")
    return stems


# --- report -------------------------------------------------------------------------------------------------


def _report(folder: Path, out: Path, reference: str | None, console: Console) -> None:
    import jaxstack
    from jaxstack import memory
    from jaxstack.page import page
    from jaxstack.report import require_writable

    if out.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{out}: a report's name must end in .html.")
    if not folder.is_dir():
        raise ValueError(
            f"{folder}: not a folder. `jaxstack report` takes the folder that a run has written."
        )
    require_writable(out.parent)
    with warnings.catch_warnings(record=True) as damages:
        warnings.simplefilter("always", UserWarning)
        results = jaxstack.load_results(folder)
    for damage in damages:
        Terminal(stderr=True).print(Text(f"Warning: {damage.message}"), soft_wrap=True)
    write_file(out, page(results, f"Results in {folder.resolve().name}", reference))
    console.print(Text(f"Written to {out}: {memory.readable(out.stat().st_size)}"))


# --- inspect ------------------------------------------------------------------------------------------------


def _near_ties(game: Any, types: Any, solution: Any) -> str:
    """What a value rests on that a small change of payoffs would turn."""
    from jaxstack import solvers

    found = solvers.near_ties(game, types, solution.commitment, solution.response)
    shown = [*map(str, found[:5]), *([f"and {len(found) - 5} more"] if len(found) > 5 else [])]
    return f"{solution.warning()} They are: {'; '.join(shown)}."


def _inspect(path: Path, out: Path | None, ties: str, console: Console) -> None:
    import jaxstack
    from jaxstack import bounds, memory, plots, scenarios, solvers

    file = scenarios.load_game_file(path)
    game, types = file.game, file.types
    table = jaxstack.enumerate_regions(game, ties=ties)
    solution = solvers.solve(game, types, ties=ties, table=table)

    facts = Table(title=Text(str(path)), show_header=False, title_justify="left")
    facts.add_column(no_wrap=True)
    facts.add_column()
    low, high = game.leader.bounds()
    full = int(table.full_dimensional.sum())
    counted = f"{int(table.num_regions):,} optimistic, of which {full:,} full-dimensional (robust)"
    rows = {
        **({"title": file.title} if file.title else {}),
        "sizes": _sizes(game),
        "leader payoff": f"{type(game.leader).__name__}, {low:.6g} to {high:.6g} payoff units",
        "follower payoffs": f"{game.follower.min():.6g} to {game.follower.max():.6g}",
        "types": f"{type(types).__name__}, {game.num_joint_types:,} joint types",
        "regions": counted if ties == "optimistic" else f"{full:,} full-dimensional (robust)",
        "bound on regions": f"{bounds.num_regions(game):,}  (n^L K^L A^2L, generic games)",
        "vertices": f"{int(table.vertex_mask.sum()):,} over all regions",
        "region table": memory.readable(table.nbytes),
        "optimum": f"{float(solution.value):.9g} payoff units per round ({ties} ties)",
        **({"near-ties": _near_ties(game, types, solution)} if solution.near_ties else {}),
    }
    for name, value in rows.items():
        facts.add_row(name, Text(value))
    console.print(facts)

    leaders = file.leader_names or [f"leader action {action}" for action in range(game.num_leader_actions)]
    commitment = Table(title="optimal commitment", title_justify="left")
    commitment.add_column("leader action")
    commitment.add_column("probability", justify="right")
    for name, probability in zip(leaders, solution.commitment, strict=True):
        commitment.add_row(Text(name), f"{probability:.6f}")
    console.print(commitment)
    console.print(_responses(solution.response, file))

    if out is None:
        return
    if game.num_leader_actions not in (2, 3):
        console.print(Text(f"No picture: regions are drawn for L = 2 or 3, and L = {len(leaders)} here."))
        return
    figure = plots.regions(game, types, table, solution, names=leaders, title=f"{path.stem}: {_sizes(game)}")
    suffix = out.suffix[1:].lower()
    write_file(out, lambda stream: figure.savefig(stream, format=suffix, dpi=_DOTS_PER_INCH))
    console.print(Text(f"Picture: {out}"))


def _responses(responses: Any, file: Any) -> Table:
    """What every follower type does at the optimum."""
    n, K, A = len(responses), file.game.num_types, file.game.num_actions
    followers = file.follower_names or [f"follower {i}" for i in range(n)]
    kinds = file.type_names or [f"type {k}" for k in range(K)]
    actions = file.action_names or [f"action {a}" for a in range(A)]
    shown = range(min(n, _MAX_ROWS))
    table = Table(title="responses at the optimum", title_justify="left")
    table.add_column("follower")
    for kind in kinds[:_MAX_COLUMNS]:
        table.add_column(Text(kind))
    for i in shown:
        table.add_row(Text(followers[i]), *(Text(actions[a]) for a in responses[i][:_MAX_COLUMNS]))
    if n > len(shown) or K > _MAX_COLUMNS:
        table.caption = f"the first {len(shown)} of {n} followers, {min(K, _MAX_COLUMNS)} of {K} types"
    return table


def _check_picture_name(out: Path) -> None:
    if out.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise ValueError(f"{out}: a picture's name must end in .png, .pdf or .svg.")


# --- both ---------------------------------------------------------------------------------------------------


def _sizes(game: Any) -> str:
    games = "" if game.num_games is None else f"{game.num_games} games, "
    return (
        f"{games}L = {game.num_leader_actions}, n = {game.num_followers}, K = {game.num_types}, "
        f"A = {game.num_actions}"
    )


def _use_every_core() -> None:
    """One CPU device per core, unless the person has chosen a number or JAX has already started."""
    import jax

    chosen = "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if chosen or getattr(jax.config, "jax_num_cpu_devices", -1) > 0:
        return
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    with contextlib.suppress(RuntimeError):  # JAX has started, with the devices that it has
        jax.config.update("jax_num_cpu_devices", cores)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """In place of Python's own, which shows a line of code, and texts of files as they are."""
    Terminal(stderr=True).print(Text(f"Warning: {message}"), soft_wrap=True)


@contextlib.contextmanager
def _clean_errors(context: typer.Context) -> Iterator[None]:
    """A person's mistake becomes one message on standard error and exit status 2."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            yield
    except (ValueError, OSError, MemoryError, ImportError) as error:
        console = Terminal(stderr=True)
        if context.find_root().params.get("traceback"):
            console.print(Text(traceback.format_exc()), soft_wrap=True)
            raise typer.Exit(2) from None
        of_file = isinstance(error, OSError) and error.filename
        message = f"{error.filename}: {error.strerror}" if of_file else str(error)  # type: ignore[union-attr]
        message = message or f"{type(error).__name__}, without a word of why"
        console.print(Text("Error: ", style="bold red") + Text(message), soft_wrap=True)
        raise typer.Exit(2) from None
