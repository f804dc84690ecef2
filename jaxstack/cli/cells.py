"""Tables of a sweep's cells: their regret, or with `--dry-run` what they will take."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # the commands import what they need, so that `--help` answers soon
    from jaxstack.sweeps.cells import Cell, Plan
    from jaxstack.sweeps.run import Summary
    from jaxstack.sweeps.spec import Spec

_MAX_CELLS = 40  # of a sweep whose regret is printed


def print_cells(plan: Plan, summary: Summary, out: Path, console: Console) -> None:
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


def print_dry_run(spec: Spec, source: str, out: Path, console: Console) -> None:
    """The cells, what each will take, and all of them together."""
    from jaxstack import memory
    from jaxstack.sweeps import cells, estimate, other_code, store

    plan = cells.plan(spec, source)
    done = store.finished(out) - store.damaged(out, {cell.key for cell in plan.cells})
    table = _table_of_cells(plan, f"Cells of {source}", "memory", "rounds", "time")
    table.caption = (
        "rounds x runs x games in millions; time as a finished cell of equal shape took, if there is one"
    )
    seconds, most, pending = 0.0, 0, plan.distinct()
    there = [cell for cell in pending if cell.key in done]
    for cell in there:
        table.add_row(*_labels(cell), "", _millions(cell.work), "there")
    left = [cell for cell in pending if cell.key not in done]
    unknown = 0
    with console.status("enumerating regions"):
        for cell, num_bytes, took in estimate.estimates(left, estimate.rates(out, there)):
            told = "" if took is None else _duration(took)
            table.add_row(*_labels(cell), memory.readable(num_bytes), _millions(cell.work), told)
            most, unknown, seconds = max(most, num_bytes), unknown + (took is None), seconds + (took or 0.0)
    console.print(table)
    told = f"{len(pending)} cells, {len(there)} there already; {len(left)} to compute"
    if left:
        work = _millions(sum(cell.work for cell in left))
        told += f": {work} million rounds, at most {memory.readable(most)} at a time"
    if left and not unknown:
        told += f", about {_duration(seconds)} of playing in this process"
    console.print(Text(f"{told}."), soft_wrap=True)
    print_other_code(other_code.count(out, {cell.key for cell in plan.cells}), console)


def print_other_code(counts: dict[str, int], console: Console) -> None:
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


def _millions(work: int) -> str:
    """Two figures of millions."""
    return f"{work / 1e6:,.0f}" if work >= 1e7 else f"{work / 1e6:.2g}"


def _duration(seconds: float) -> str:
    """Two figures of a time."""
    for unit, size in (("days", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.2g} s" if seconds < 100 else f"{seconds:.0f} s"
