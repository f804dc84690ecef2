"""Pieces of HTML. Text of somebody else gets into the page through `escaped` alone."""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from jaxstack.page.words import counted
from jaxstack.results import is_number, text

MAX_ROWS = 200
"""Rows of one table; a page is for reading, the dataset holds all."""
FOLDED = 40
"""Tables and specs of more lines than that are folded."""


class Number(str):
    """A number in words: stands on the right of its column."""


def escaped(value: Any) -> str:
    """Anything as text of the page; the one way into it."""
    return html.escape(text(value) if not isinstance(value, str) else value)


def table_html(head: Sequence[str], rows: Iterable[Sequence[Any]], count: int, groups: bool = False) -> str:
    """A table that scrolls by itself on a narrow screen; `groups` sets labels of the first column apart."""
    shown = [list(row) for row in itertools.islice(rows, MAX_ROWS)]
    numeric = [
        bool(shown) and all(isinstance(row[c], Number) or is_number(row[c]) for row in shown)
        for c in range(len(head))
    ]
    kind = [' class="number"' if number else "" for number in numeric]
    body, before = [], None
    for row in shown:
        mark = ' class="group"' if groups and before is not None and row[0] != before else ""
        cells = "".join(f"<td{kind[c] or _width(value)}>{escaped(value)}</td>" for c, value in enumerate(row))
        body.append(f"<tr{mark}>{cells}</tr>")
        before = row[0]
    header = "".join(f"<th{kind[c] or _width(name)}>{escaped(name)}</th>" for c, name in enumerate(head))
    header = f"<thead><tr>{header}</tr></thead>" if any(head) else ""
    more = ""
    if count > len(shown):
        more = f'<p class="muted">{len(shown):,} of {count:,} rows; jaxstack.load_results gives all.</p>'
    table = f'<div class="scroll"><table>{header}<tbody>{"".join(body)}</tbody></table></div>{more}'
    return folded_html(table, counted(len(shown), "row"), len(shown) > FOLDED)


def _width(value: Any) -> str:
    """Long texts may be broken into lines, short ones may not."""
    return ' class="long"' if len(text(value)) > 36 else ""


def folded_html(content: str, summary: str, fold: bool) -> str:
    """What is too long to scroll past opens on demand."""
    return f"<details><summary>{escaped(summary)}</summary>{content}</details>" if fold else content


def figures_html(figures: Iterable[str]) -> str:
    """Pictures beside each other."""
    return f'<div class="figures">{"".join(figures)}</div>'
