"""The command line: `run` simulates, `report` sums up what was simulated, `inspect` looks at one game.

Mistakes in what a person typed, or wrote into a file, end in one message and exit status 2; `--traceback`
shows where in the code they were noticed.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxstack.writing import write_file

if TYPE_CHECKING:  # the commands import what they need, so that `--help` answers soon
    from matplotlib.figure import Figure

    from jaxstack.regret import RegretCurve
    from jaxstack.sweeps.spec import Problem, Spec

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

_DOTS_PER_INCH = 160
_MAX_ROWS, _MAX_COLUMNS = 20, 8  # of the table of responses


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
) -> None:
    """Simulate learners on games; write regret curves, a table and pictures."""
    with _clean_errors(context):
        _use_every_core()
        spec = _read_spec(source).replace_run(
            horizon=horizon,
            runs=runs,
            seed=seed,
            learners=None if learners is None else [name.strip() for name in learners.split(",")],
            ties=ties,
        )
        from jaxstack import report

        report.require_writable(out)
        _run(spec, out, Console())


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
        _inspect(game, out, ties, Console())


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
        _report(folder, out, reference, Console())


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
    raise ValueError(
        f"{source}: a run is described by a spec (.toml) or a game file (.json, .npz), but the name ends in "
        f"{source.suffix or 'no suffix'!r}."
    )


def _run(spec: Spec, out: Path, console: Console) -> None:
    from jaxstack import plots, report

    began = time.perf_counter()
    # All games are built before any is played: a mistake in the last must not cost the runs of the others.
    problems = [scenario.build(spec.run) for scenario in spec.scenario]
    records: list[dict[str, Any]] = []
    curves: list[tuple[str, RegretCurve]] = []
    files: list[str] = []

    def draw(name: str, figure: Figure) -> None:
        write_file(out / name, lambda file: figure.savefig(file, format="png", dpi=_DOTS_PER_INCH))
        files.append(name)

    with _progress(console, spec, problems) as advance:
        for problem, stem in zip(problems, _file_stems(problems), strict=True):
            table, played = _simulate(spec, problem, advance)
            for curve in played:
                curves.append((problem.name, curve))
                records.append(report.record(problem.name, problem.game, table, curve))
            title = f"{problem.name}: {_sizes(problem.game)}, {spec.run.runs:,} runs"
            label = r"$\sqrt{T}$, the theorems' rate up to logs (shape only)"
            draw(f"{stem}-regret.png", plots.regret_curves(played, lambda t: t**0.5, title, label))
            advance(None, f"{problem.name}: picture of the regions")
            if problem.game.num_leader_actions in (2, 3):
                draw(f"{stem}-regions.png", _picture_of_regions(spec, problem, table))

    write_file(out / "curves.csv", report.curves_csv(curves))
    write_file(out / "spec.toml", spec.to_toml())
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


def _simulate(spec: Spec, problem: Problem, advance: Any) -> tuple[Any, list[RegretCurve]]:
    """The region table of a problem, and a curve for each learner."""
    import jax

    import jaxstack

    advance(None, f"{problem.name}: regions")
    table = jaxstack.enumerate_regions(problem.game, ties=problem.ties)
    curves = []
    for name in spec.run.learners:
        advance(None, f"{problem.name}: {name}")
        curves.append(
            jaxstack.simulate(
                jax.random.key(spec.run.seed),
                problem.game,
                problem.types,
                jaxstack.learners.by_name(name),
                horizon=spec.run.horizon,
                num_runs=spec.run.runs,
                table=table,
                batch_size=spec.run.batch_size,
                devices=jax.devices(),
                progress=advance,
            )
        )
    return table, curves


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
    name = spec.run.learners[0]
    trace = jaxstack.play(
        jax.random.key(spec.run.seed),
        game,
        types,
        jaxstack.learners.by_name(name),
        horizon=min(spec.run.horizon, 100_000),
        table=table,
    )
    solution = solvers.solve(game, types, ties=problem.ties, table=table)
    title = f"{problem.name}{', game 1' if of_batch else ''}: regions, and one run of {name}"
    return plots.regions(game, types, table, solution, trace.commitment, problem.leader_names, title)


@contextlib.contextmanager
def _progress(console: Console, spec: Spec, problems: Sequence[Problem]) -> Iterator[Any]:
    """A bar over all rounds of all runs; yields advance(done, total), or advance(None, what starts now)."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    games = sum(problem.game.num_games or 1 for problem in problems)
    total = games * len(spec.run.learners) * spec.run.runs * spec.run.horizon
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=total, rate="")
        began = time.perf_counter()
        finished = current = 0

        def advance(done: int | None, what: int | str) -> None:
            nonlocal finished, current
            if done is None:  # a new stage
                finished, current = finished + current, 0
                bar.update(task, description=str(what))
                return
            current = done
            rate = (finished + current) / (time.perf_counter() - began) / 1e6
            bar.update(task, completed=finished + current, rate=f"{rate:.1f} M rounds/s")

        yield advance
        bar.update(task, completed=total)


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
    write_file(out, page(jaxstack.load_results(folder), f"Results in {folder.resolve().name}", reference))
    console.print(Text(f"Written to {out}: {memory.readable(out.stat().st_size)}"))


# --- inspect ------------------------------------------------------------------------------------------------


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


@contextlib.contextmanager
def _clean_errors(context: typer.Context) -> Iterator[None]:
    """A person's mistake becomes one message on standard error and exit status 2."""
    try:
        yield
    except (ValueError, OSError, MemoryError) as error:
        if context.find_root().params.get("traceback"):
            raise
        of_file = isinstance(error, OSError) and error.filename
        message = f"{error.filename}: {error.strerror}" if of_file else str(error)  # type: ignore[union-attr]
        console = Console(stderr=True)
        console.print(Text("Error: ", style="bold red") + Text(message), soft_wrap=True)
        raise typer.Exit(2) from None
