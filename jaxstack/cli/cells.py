"""Tables of a sweep's cells: their regret, or with `--dry-run` what they will take."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxstack.exports.words import NOTHING, with_error

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
        cells = [cell for cell in plan.cells if cell.key not in failed]
        curves = (report.average_over_games(run.curve_of(out, cell)) for cell in cells)
        rows = [(with_error(float(mean[-1]), float(stderr[-1])),) for mean, stderr in curves]
        title = "Cumulative expected regret (payoff units)"
        caption = "± one standard error over draws of types"
        console.print(_table_of_cells(cells, title, caption, ("regret",), rows, console))
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
    seconds, most, pending = 0.0, 0, plan.distinct()
    optima: Counter[str] = Counter()
    there = [cell for cell in pending if cell.key in done]
    rows = [("", _millions(cell.work), "there") for cell in there]
    left = [cell for cell in pending if cell.key not in done]
    unknown = 0
    with console.status("enumerating regions"):
        for cell, num_bytes, took in estimate.estimates(left, estimate.rates(out, there)):
            rows.append(
                (memory.readable(num_bytes), _millions(cell.work), "" if took is None else _duration(took))
            )
            optima[estimate.optimum_of(cell)] += 1
            most, unknown, seconds = max(most, num_bytes), unknown + (took is None), seconds + (took or 0.0)
    table = _table_of_cells(
        [*there, *left],
        f"Cells of {source}",
        "rounds x runs x games in millions; time as a finished cell of equal shape took, if there is one",
        ("memory", "rounds", "time"),
        rows,
        console,
    )
    console.print(table)
    told = f"{len(pending)} cells, {len(there)} there already; {len(left)} to compute"
    if left:
        work = _millions(sum(cell.work for cell in left))
        told += f": {work} million rounds, at most {memory.readable(most)} at a time"
    if left and not unknown:
        told += f", about {_duration(seconds)} of playing in this process"
    console.print(Text(f"{told}."), soft_wrap=True)
    if optima:
        methods = ", ".join(f"{method} in {count} cells" for method, count in sorted(optima.items()))
        console.print(Text(f"Optimum that regret is measured against, by: {methods}."), soft_wrap=True)
    print_other_code(other_code.count(out, {cell.key for cell in plan.cells}), console)


def print_other_code(counts: dict[str, int], console: Console) -> None:
    """What of this sweep another version of the code has left in the folder."""
    from jaxstack.sweeps import other_code

    if counts:
        told = f"Made by other code, kept apart and not used: {other_code.describe(counts)}."
        console.print(Text(told), soft_wrap=True)


def _table_of_cells(
    cells: Sequence[Cell],
    title: str,
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    console: Console,
) -> Table:
    """A table with a column for every axis on which cells differ; what they share is in its title."""
    labels = [_labels(cell) for cell in cells]
    names = list(labels[0]) if labels else []
    shared = {name for name in names if len({own[name] for own in labels}) == 1}
    kept = [name for name in names if name not in shared or name == "learner"]
    told = ", ".join(f"{name} = {labels[0][name]}" for name in names if name not in kept)
    for broken in (False, True):  # at underscores, and closer, where they have no room side by side
        table = Table(title=Text(title + (f"\n{told}" if told else "")), box=SIMPLE_HEAD, pad_edge=False)
        table.caption, table.padding = Text(caption), (0, 0 if broken else 1)
        for name in kept:
            numbers = all(own[name] == NOTHING or own[name].lstrip("-")[:1].isdigit() for own in labels)
            heading = name.replace("_", "_\n") if broken else name
            longest = max(len(own[name]) for own in labels)
            table.add_column(
                Text(heading),
                justify="right" if numbers else "left",
                overflow="fold",
                min_width=max(*map(len, heading.split("\n")), min(longest, 18)),
            )
        for column in columns:
            table.add_column(column, justify="right", no_wrap=True)
        for own, row in zip(labels, rows, strict=True):
            table.add_row(*(Text(own[name]) for name in kept), *row)
        if console.measure(table, options=console.options.update(max_width=10_000)).maximum <= console.width:
            break
    return table


def _labels(cell: Cell) -> dict[str, str]:
    """Where a cell stands on every axis, with a dash on those that it lacks; of zipped ones, key by key."""
    from jaxstack.results import text
    from jaxstack.sweeps.cells import by_key

    lacking = {key for name in cell.lacks for key in name.split("+")}
    return {key: NOTHING if key in lacking else text(label) for key, label in by_key(cell.at).items()}


def _millions(work: int) -> str:
    """Two figures of millions."""
    return f"{work / 1e6:,.0f}" if work >= 1e7 else f"{work / 1e6:.2g}"


def _duration(seconds: float) -> str:
    """Two figures of a time."""
    for unit, size in (("days", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.2g} s" if seconds < 100 else f"{seconds:.0f} s"
