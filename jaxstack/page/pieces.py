"""Pieces of HTML. Text of somebody else gets into the page through `escaped` alone."""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from jaxstack.exports import table
from jaxstack.exports.words import text
from jaxstack.page.words import counted

MAX_ROWS = 200
"""Rows of one table; a page is for reading, the dataset holds all."""
FOLDED = 40
"""Tables and specs of more lines than that are folded."""


def escaped(value: Any) -> str:
    """Anything as text of the page; the one way into it."""
    return html.escape(text(value) if not isinstance(value, str) else value)


def table_html(head: Sequence[str], rows: Iterable[Sequence[Any]], count: int, groups: bool = False) -> str:
    """A table that scrolls by itself on a narrow screen; `groups` sets labels of the first column apart."""
    shown = [list(row) for row in itertools.islice(rows, MAX_ROWS)]
    more = ""
    if count > len(shown):
        more = f'<p class="muted">{len(shown):,} of {count:,} rows; jaxstack.load_results gives all.</p>'
    content = table.table_html(head, [table.Section("", shown)], groups=groups)
    scrolled = f'<div class="scroll">{content}</div>{more}'
    return folded_html(scrolled, counted(len(shown), "row"), len(shown) > FOLDED)


def folded_html(content: str, summary: str, fold: bool) -> str:
    """What is too long to scroll past opens on demand."""
    return f"<details><summary>{escaped(summary)}</summary>{content}</details>" if fold else content


def figures_html(figures: Iterable[str]) -> str:
    """Pictures beside each other."""
    return f'<div class="figures">{"".join(figures)}</div>'
