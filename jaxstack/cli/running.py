"""`jaxstack run`: what is to be run, and running it to its end, an interruption or a failure."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

from jaxstack.cli.cells import print_cells, print_other_code
from jaxstack.cli.engines import Engines
from jaxstack.cli.progress import interruptible, progress_bar
from jaxstack.cli.results import Results
from jaxstack.terminal import Terminal

if TYPE_CHECKING:  # the commands import what they need, so that `--help` answers soon
    from jaxstack.sweeps.cells import Plan
    from jaxstack.sweeps.run import Outcome, Summary
    from jaxstack.sweeps.spec import Spec


def read_spec(source: Path | None) -> Spec:
    """What a file asks for, a spec or a game; without one the built-in spec."""
    from jaxstack.sweeps import spec

    if source is None:
        return spec.default_spec()
    suffix = source.suffix.lower()
    if suffix == ".toml":
        return spec.load_spec(source)
    if suffix in (".json", ".npz", ".csv", ".nfg"):
        return spec.spec_of_game_file(source)
    ending = f"the name ends in {source.suffix!r}" if source.suffix else "the name has no ending"
    raise ValueError(
        f"{source}: a run is described by a spec (.toml) or a game file (.json, .npz, .csv, .nfg), but "
        f"{ending}."
    )


def run_spec(spec: Spec, source: str, out: Path, engines: Engines, errors_in_full: bool = False) -> None:
    """Compute what the folder lacks of a spec, and tell what came of it."""
    console = Terminal()
    began = time.perf_counter()
    with console.status("planning the cells"):
        from jaxstack.sweeps import cells

        plan = cells.plan(spec, source)
    with contextlib.ExitStack() as stack:
        results = None if spec.is_sweep() else stack.enter_context(Results(spec, plan, out))
        summary = _compute(plan, out, engines, console, results)
        if summary is None:
            return
        for path in summary.damaged:
            console.print(Text(f"Damaged, set aside as {path} and computed again."))
        print_other_code(summary.other_code, console)
        if results is None:
            print_cells(plan, summary, out, console)
        elif not summary.failed:
            with console.status("drawing"):
                results.finish(console, began)
    if summary.failed:
        errors = Terminal(stderr=True)
        for outcome in summary.failed:
            wanted = (errors_in_full and outcome.traceback) or outcome.error
            what = Text(f"{outcome.cell.title}: {wanted}")
            errors.print(Text("Failed: ", style="bold red") + what, soft_wrap=True)
        failed, planned = len(summary.failed), len(plan.distinct())
        others = f"; the others are in {out}. " if failed < planned else ". "
        count = f"{failed} of {planned} cells failed{others}"
        errors.print(Text(count + "Run the same command again to try those that failed."), soft_wrap=True)
        raise typer.Exit(1)


def _compute(
    plan: Plan, out: Path, engines: Engines, console: Console, results: Results | None
) -> Summary | None:
    """Compute what the folder lacks; None in a process that others lead.

    Ends the process where it is interrupted, or loses its hosts.
    """
    from jaxstack import hosts
    from jaxstack.sweeps import run

    try:
        if engines.multihost and _process_index() > 0:
            from jaxstack.sweeps import multihost

            signal.signal(signal.SIGINT, signal.SIG_DFL)  # process 0 tells how to go on
            multihost.follow(plan)
            return None
        with (
            interruptible() as check,
            progress_bar(console, plan, check) as (on_outcome, on_progress),
            engines.engine(plan, on_progress) as engine,
        ):

            def tell(outcome: Outcome) -> None:
                on_outcome(outcome)
                if results is not None:
                    results.on_outcome(outcome)

            return run.run_plan(plan, out, engine, tell)
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


def _process_index() -> int:
    import jax

    return jax.process_index()
