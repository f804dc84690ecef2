"""Rows of results, as a table on the screen, as Markdown and as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from experiments.benchmarks.measure import Timing, speed_ratio


@dataclasses.dataclass(frozen=True)
class Row:
    """One contestant on one subject.

    Attributes:
      case: name of the case.
      subject: what was measured, with its sizes.
      contestant: who did it.
      timing: of a call; None where nothing was timed in turn.
      work, unit: what a call does and in which unit (none: rounds x runs); work / seconds is the rate.
      peak_bytes: largest resident size of a process that did only this.
      ratio, versus: speed relative to another contestant of the same subject.
      note: anything else that a reader needs.
    """

    case: str
    subject: str
    contestant: str
    timing: Timing | None = None
    work: float | None = None
    unit: str = ""
    peak_bytes: int | None = None
    ratio: float | None = None
    versus: str = ""
    note: str = ""

    @property
    def rate(self) -> float | None:
        """Work per second."""
        return None if self.timing is None or self.work is None else self.work / self.timing.median


NOTHING = 0.05  # seconds up to which a slower first call is no compilation
NUMBERS = ("compile", "steady", "spread", "cpu", "rate", "peak")
COLUMNS = (*NUMBERS, "ratio", "note")


def compare(
    case: str,
    subject: str,
    timings: Mapping[str, Timing],
    work: Mapping[str, float] | float,
    unit: str = "",
    versus: str | None = None,
    notes: Mapping[str, str] | None = None,
) -> Iterator[Row]:
    """A row for each contestant, with its speed relative to that of `versus` (default: the last)."""
    versus = list(timings)[-1] if versus is None else versus
    works = dict.fromkeys(timings, float(work)) if isinstance(work, int | float) else work
    for name, timing in timings.items():
        ratio = speed_ratio(timing, timings[versus], works[name], works[versus])
        yield Row(
            case,
            subject,
            name,
            timing,
            works[name],
            unit,
            ratio=None if name == versus else ratio,
            versus="" if name == versus else versus,
            note=(notes or {}).get(name, ""),
        )


def cells(row: Row) -> tuple[str, ...]:
    """A row as text, one entry for each of COLUMNS."""
    timing = row.timing
    return (
        "" if timing is None or timing.compile < NOTHING else seconds(timing.compile),
        "" if timing is None else seconds(timing.median),
        "" if timing is None or len(timing.wall) < 2 else seconds(min(timing.wall), max(timing.wall)),
        "" if timing is None or not timing.cpu else f"{sum(timing.cpu) / sum(timing.wall):.1f}",
        "" if row.rate is None else f"{quantity(row.rate)} {row.unit}".rstrip() + "/s",
        "" if row.peak_bytes is None else f"{row.peak_bytes / 2**20:,.0f} MiB",
        "" if row.ratio is None else f"{row.ratio:.3g} x {row.versus}",
        row.note,
    )


def screen_table(rows: Iterable[Row]) -> Table:
    """For a terminal: each subject a line of its own, with its contestants under it."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("L,n,K,A (R)", no_wrap=True)
    for column in COLUMNS:
        number = column in NUMBERS
        table.add_column(column, justify="right" if number else "left", no_wrap=column != "note")
    for (case, subject), group in groupby(rows, key=lambda row: (row.case, row.subject)):
        table.add_row(Text(f"{case}: {subject}", style="bold"))
        for row in group:
            table.add_row(Text(f"  {row.contestant}"), *map(Text, cells(row)))
    return table


def markdown(hardware: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """A document: hardware, how to read the table, the table."""
    columns = ("case", "subject", "contestant", *COLUMNS)
    lines = ["# Benchmarks", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {_escaped(value)} |" for name, value in hardware.items()]
    lines += ["", LEGEND, "", "| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for row in rows:
        texts = (row.case, row.subject, row.contestant, *cells(row))
        lines.append("| " + " | ".join(map(_escaped, texts)) + " |")
    return "\n".join(lines) + "\n"


LEGEND = """\
Games by L,n,K,A and their number R of regions. compile: the first call less a steady one (empty: nothing, or
compiled for an earlier row). steady, spread: median, fastest and slowest of the repeats, wall time. cpu:
cores kept busy. rate: by the median; rounds x runs where no unit stands. peak: largest resident size of a
process that did only this. ratio: speed relative to the contestant named, the median over neighbours."""


def document(hardware: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Everything, as JSON."""
    plain = [{**dataclasses.asdict(row), "rate": row.rate} for row in rows]
    return json.dumps({"hardware": dict(hardware), "rows": plain}, indent=1) + "\n"


def write(path: Path, hardware: Mapping[str, Any], rows: Sequence[Row]) -> list[Path]:
    """Write `path` (.md or .json), or both where it has neither ending."""
    writers = {".md": markdown, ".json": document}
    paths = [path] if path.suffix in writers else [path.with_name(path.name + end) for end in writers]
    for target in paths:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(writers[target.suffix](hardware, rows))
    return paths


def seconds(value: float, upper: float | None = None) -> str:
    """A duration, or a range of them, with its unit."""
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")):
        if value >= size:
            ends = [value] if upper is None else [value, upper]
            return "-".join(f"{end / size:.{3 if end < 1e3 * size else 4}g}" for end in ends) + f" {unit}"
    return "0 s"


def quantity(value: float) -> str:
    """A number with k, M or G."""
    if value <= 0 or not math.isfinite(value):
        return f"{value:.3g}"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}"


def _escaped(value: Any) -> str:
    return str(value).replace("|", "\\|")
