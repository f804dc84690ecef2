"""The commands and their options. What a command needs is imported when it runs: `--help` answers soon."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from jaxstack.cli.catalogue import print_learners, print_scenarios
from jaxstack.cli.cells import print_dry_run
from jaxstack.cli.engines import Engines, keep_programs, require_one_engine, use_every_core
from jaxstack.cli.errors import clean_errors, in_full
from jaxstack.cli.inspection import inspect_game, require_picture_name
from jaxstack.cli.learners import wanted_spec
from jaxstack.cli.page import write_page
from jaxstack.cli.running import run_spec
from jaxstack.cli.solving import solve_game
from jaxstack.terminal import Terminal

app = typer.Typer(pretty_exceptions_enable=False)


def main() -> None:
    """Entry point of the `jaxstack` command."""
    app(prog_name="jaxstack")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"jaxstack {version('jaxstack')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def common(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where in the code an error was noticed.")
    ] = False,
) -> None:
    """Learning to play multi-follower Bayesian Stackelberg games: simulate, solve, draw."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def run(
    context: typer.Context,
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="SPEC.toml|GAME",
            help="What to run. Default: random games, the hard family and a security patrol.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for results and pictures.")] = Path("out"),
    horizon: Annotated[int | None, typer.Option(help="Rounds per run.")] = None,
    runs: Annotated[int | None, typer.Option(help="Independent runs of every game.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the draws of types.")] = None,
    learners: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,MODULE,..",
            help="Learners to compare, separated by commas: names, or modules with learners of your own "
            "(MODULE:FACTORY for one of them), which a spec then may name, too.",
        ),
    ] = None,
    ties: Annotated[
        Literal["optimistic", "robust"] | None,
        typer.Option(help="Tie rule of scenarios that do not state their own."),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="TABLE.KEY=VALUE",
            help="Set a key of the spec: run.seed=1, oful.ridge=[0.1,1], 'random games.games=4' "
            "(a list is an axis); may be repeated.",
        ),
    ] = None,
    table: Annotated[
        bool | None,
        typer.Option(
            "--table/--no-table",
            help="Play with a table of the regions or fail; or without one, by learners that can. Default: "
            "with one where it is soon made.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only print the cells, with memory and size of each; plays nothing."),
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
    cache: Annotated[
        bool,
        typer.Option(
            "--cache/--no-cache",
            help="Keep compiled programs in the user's folder of caches, for the next time.",
        ),
    ] = True,
) -> None:
    """Simulate learners on games; write results, and without axes in the spec a table and pictures.

    What the folder already holds is not computed again: after an interruption, run the same command.
    """
    with clean_errors(context):
        place = {"--coordinator": coordinator, "--processes": processes, "--process-id": process_id}
        require_one_engine({"--workers": workers, "--scheduler": scheduler, "--multihost": multihost}, place)
        with Terminal().status("loading"):
            use_every_core()
            if cache:
                keep_programs()
            if multihost and not dry_run:  # before anything uses a device: learners of one's own may
                from jaxstack.sweeps.multihost import end_in_one_line, join

                end_in_one_line()
                join(coordinator, processes, process_id)
            settings = {"horizon": horizon, "runs": runs, "seed": seed, "ties": ties, "table": table}
            spec = wanted_spec(source, learners, **settings)
            if assignments:
                from jaxstack.sweeps.spec.overrides import overridden

                spec = overridden(spec, assignments)
        name = "the built-in spec" if source is None else str(source)
        if dry_run:
            print_dry_run(spec, name, out, Terminal())
            return
        run_spec(spec, name, out, Engines(workers, scheduler, multihost), in_full(context))


@app.command()
def inspect(
    context: typer.Context,
    game: Annotated[
        Path, typer.Argument(metavar="GAME", help="Game file: .json, .npz, .csv or .nfg.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Picture of the regions (.png, .pdf, .svg).")
    ] = None,
    ties: Annotated[
        Literal["optimistic", "robust"],
        typer.Option(help="Followers break ties for the leader, or so that the leader can enforce it."),
    ] = "optimistic",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")] = False,
) -> None:
    """Sizes, best-response regions and optimal commitment of a game."""
    with clean_errors(context):
        from jaxstack import report

        if out is not None:
            require_picture_name(out)
            report.require_writable(out.parent)
        inspect_game(game, out, ties, Terminal(), as_json)


@app.command()
def solve(
    context: typer.Context,
    game: Annotated[
        Path, typer.Argument(metavar="GAME", help="Game file: .json, .npz, .csv or .nfg.", show_default=False)
    ],
    method: Annotated[
        Literal["vertices", "programs", "milp", "walk"] | None,
        typer.Option(
            metavar="METHOD",
            help="vertices, programs, milp or walk. Default: chosen by an estimate, which is told.",
        ),
    ] = None,
    ties: Annotated[
        Literal["optimistic", "robust"],
        typer.Option(help="Followers break ties for the leader, or so that the leader can enforce it."),
    ] = "optimistic",
    time_limit: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Then the best so far, with an upper bound. Default: none."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")] = False,
    as_latex: Annotated[bool, typer.Option("--latex", help="Print a LaTeX table.")] = False,
) -> None:
    """Optimal commitment of a game, the responses, and what other commitments would earn."""
    with clean_errors(context):
        if as_json and as_latex:
            raise ValueError("--json and --latex are two forms of one answer: give one of them.")
        form = "json" if as_json else "latex" if as_latex else "text"
        solve_game(game, method, ties, time_limit, form, Terminal())


@app.command()
def learners(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")] = False,
) -> None:
    """The learners there are, with their feedback, hyperparameters and defaults."""
    with clean_errors(context):
        print_learners(as_json, Terminal())


@app.command()
def scenarios(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")] = False,
) -> None:
    """The kinds of games that a spec may name, with their keys and defaults."""
    with clean_errors(context):
        print_scenarios(as_json, Terminal())


@app.command()
def advise(
    context: typer.Context,
    game: Annotated[
        Path, typer.Argument(metavar="GAME", help="Game file: .json, .npz, .csv or .nfg.", show_default=False)
    ],
    log: Annotated[
        Path,
        typer.Argument(
            metavar="LOG",
            help="Rounds, one a row: .csv or .parquet with what was posted and what followers did or were.",
            show_default=False,
        ),
    ],
    learner: Annotated[
        str | None,
        typer.Option(
            metavar="LEARNER",
            help="Post what this learner would, one of jaxstack's or MODULE:FACTORY. Default: the best "
            "commitment under the fitted types.",
        ),
    ] = None,
    types: Annotated[
        Literal["joint", "independent", "mixture"] | None,
        typer.Option(help="Kind of types to fit. Default: that of the game file."),
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(min=1, help="Rounds that the learner plans for. Default: twice the log's.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Picture (.png, .pdf, .svg).")] = None,
) -> None:
    """What to post next by a log of rounds, what it should earn, and the best fixed commitment so far."""
    with clean_errors(context):
        from jaxstack import report
        from jaxstack.cli.advising import print_advice

        if plot is not None:
            require_picture_name(plot)
            report.require_writable(plot.parent)
        print_advice(game, log, learner, types, horizon, plot, Terminal())


@app.command()
def convert(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN", help="Game file: .json, .npz, .csv, or .nfg of Gambit.", show_default=False
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="File to write, in the format of its ending.", show_default=False),
    ],
    leader: Annotated[
        str | None,
        typer.Option(
            metavar="PLAYER", help="Name or number of who leads in an .nfg file. Default: the first."
        ),
    ] = None,
) -> None:
    """Write a game in another format: JSON, NPZ, a CSV table of payoffs, or Gambit's .nfg."""
    with clean_errors(context):
        from jaxstack.scenarios import convert_game

        game = convert_game(source, target, leader=leader).game
        typer.echo(f"{target}: {game!r}")


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
    with clean_errors(context):
        write_page(folder, out, reference, Terminal())
