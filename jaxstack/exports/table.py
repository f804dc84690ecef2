"""A table: its numbers for other programs, and the same as it is printed."""

from __future__ import annotations

import csv
import dataclasses
import html
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxstack.exports.words import Number, is_number, plain, text
from jaxstack.reading import printable

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

Row = Sequence[Any]


class Section(NamedTuple):
    """Rows under a heading of their own; no heading where it is empty."""

    heading: str
    rows: Sequence[Row]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Table:
    """One table in every form that leaves the package.

    Attributes:
      data: columns by name, equally long and not rounded: what `to_dataframe` and `to_csv` give. Or a
        function that makes them, where they are many and the print needs few.
      head: headings as printed.
      sections: rows as printed; texts, numbers (to six digits), and numbers in words (`words.Number`).
      caption: what the numbers are, with units.
    """

    data: Mapping[str, Sequence[Any]] | Callable[[], Mapping[str, Sequence[Any]]]
    head: Sequence[str]
    sections: Sequence[Section]
    caption: str = ""

    def _columns(self) -> Mapping[str, Sequence[Any]]:
        return self.data() if callable(self.data) else self.data

    def to_dataframe(self) -> pd.DataFrame:
        """`data` as a `pandas.DataFrame`.

        Raises:
          ImportError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(
                "to_dataframe needs pandas, which comes with xarray: pip install 'jaxstack' again, or pip "
                "install pandas. to_csv() needs nothing."
            ) from error
        return pandas.DataFrame({name: list(column) for name, column in self._columns().items()})

    def to_csv(self) -> str:
        """`data` as CSV with a row of headings; floats in full, nothing where there is no number."""
        out = io.StringIO()
        rows = csv.writer(out, lineterminator="\n")
        columns = self._columns()
        rows.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            rows.writerow([_exact(plain(value)) for value in row])
        return out.getvalue()

    def to_latex(self) -> str:
        """A `tabular` as printed, with the rules of the package booktabs; the caption is a comment above."""
        numeric = _numeric(self)
        lines = [r"% \usepackage{booktabs}", *(f"% {line}" for line in _latex(self.caption).splitlines())]
        lines += [rf"\begin{{tabular}}{{{''.join('r' if n else 'l' for n in numeric)}}}", r"\toprule"]
        if any(self.head):
            lines += [_latex_row(self.head), r"\midrule"]
        for position, section in enumerate(self.sections):
            lines += [r"\midrule"] if position else []
            if section.heading:
                heading = _latex(section.heading)
                lines.append(rf"\multicolumn{{{len(self.head)}}}{{l}}{{\emph{{{heading}}}}} \\")
            lines += [_latex_row(row) for row in section.rows]
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"

    def _repr_html_(self) -> str:
        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        return table_html(self.head, self.sections, caption)

    def __repr__(self) -> str:
        numeric = _numeric(self)
        rows = [row for section in self.sections for row in (*_heading(section), *section.rows)]
        lines = [[printable(text(cell)).replace("\n", " ") for cell in row] for row in (self.head, *rows)]
        full = filter(lambda line: len(line) > 1, lines)
        widths = [max(map(len, column)) for column in zip(*full, strict=True)]

        def told(line: Sequence[str]) -> str:
            cells = zip(line, widths, numeric, strict=False)
            together = "  ".join(cell.rjust(w) if right else cell.ljust(w) for cell, w, right in cells)
            return (together if len(line) > 1 else line[0]).rstrip()

        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        head = [told(lines[0])] if any(self.head) else []
        caption = [printable(self.caption)] if self.caption else []
        return "\n".join([*caption, *head, rule, *map(told, lines[1:])])


class Exported:
    """What makes a table (`_table()`) has all of its forms."""

    def _table(self) -> Table:
        raise NotImplementedError

    def to_dataframe(self) -> pd.DataFrame:
        """All numbers, not rounded, as a `pandas.DataFrame`."""
        return self._table().to_dataframe()

    def to_csv(self) -> str:
        """What `to_dataframe` holds, as CSV."""
        return self._table().to_csv()

    def to_latex(self) -> str:
        """A `tabular` for papers, with the rules of booktabs."""
        return self._table().to_latex()

    def _repr_html_(self) -> str | None:
        try:
            return self._table()._repr_html_()
        except ValueError:  # no one table shows it: a notebook then takes the repr
            return None


class ExportedWithNames(Exported):
    """The same of what belongs to a game: with the game, its numbers get names and something to compare with.

    Every method takes the same arguments:

    Args:
      game: the `Game`, or a `scenarios.GameFile` with types and names (`scenarios.load_game_file`). Without
        it, things are numbered.
      types: distribution of types: what other commitments earn depends on it.
      **labels: names as `save_game` takes them: `leader_names` [L], `follower_names` [n], `type_names` and
        `action_names`, which followers share ([K], [A]) or not ([n][K_i], [n][A_i]).

    Raises:
      ValueError: another game, types that are not for it, or another number of names than it has.
    """

    def _table(self, game: Any = None, types: Any = None, **labels: Any) -> Table:
        raise NotImplementedError

    def to_dataframe(self, game: Any = None, types: Any = None, **labels: Any) -> pd.DataFrame:
        """All numbers, not rounded, as a `pandas.DataFrame`; arguments as for the class."""
        return self._table(game, types, **labels).to_dataframe()

    def to_csv(self, game: Any = None, types: Any = None, **labels: Any) -> str:
        """What `to_dataframe` holds, as CSV."""
        return self._table(game, types, **labels).to_csv()

    def to_latex(self, game: Any = None, types: Any = None, **labels: Any) -> str:
        """A `tabular` for papers, with the rules of booktabs; arguments as for the class."""
        return self._table(game, types, **labels).to_latex()


def table_html(
    head: Sequence[str], sections: Iterable[Section], caption: str = "", groups: bool = False
) -> str:
    """`<table>` of text; texts of others are escaped, and nothing else gets in.

    Args:
      head: headings; none where all are empty.
      sections: rows, with headings of their own.
      caption: HTML.
      groups: set rows apart where the first column changes.
    """
    sections = [Section(section.heading, list(section.rows)) for section in sections]
    numeric = _numeric(Table({}, head, sections))
    kind = [' class="number"' if number else "" for number in numeric]
    body: list[str] = []
    for section in sections:
        for (heading,) in _heading(section):
            body.append(f'<tr class="group"><th colspan="{len(head)}">{html.escape(heading)}</th></tr>')
        before = None
        for row in section.rows:
            mark = ' class="group"' if groups and before is not None and row[0] != before else ""
            cells = (f"<td{kind[c] or _width(value)}>{_html(value)}</td>" for c, value in enumerate(row))
            body.append(f"<tr{mark}>{''.join(cells)}</tr>")
            before = row[0]
    heads = "".join(f"<th{kind[c] or _width(name)}>{_breakable(name)}</th>" for c, name in enumerate(head))
    header = f"<thead><tr>{heads}</tr></thead>" if any(head) else ""
    return f"<table>{caption}{header}<tbody>{''.join(body)}</tbody></table>"


def _heading(section: Section) -> list[tuple[str]]:
    return [(section.heading,)] if section.heading else []


def _width(value: Any) -> str:
    """Long texts may be broken into lines, short ones may not."""
    return ' class="long"' if len(text(value)) > 36 else ""


def _breakable(name: str) -> str:
    """A heading that may go on in a new line behind an underscore, too."""
    return html.escape(name).replace("_", "_<wbr>")


def _numeric(table: Table) -> list[bool]:
    """Which columns stand on the right: those that hold numbers alone in some section."""
    of_section = [list(zip(*section.rows, strict=True)) for section in table.sections if section.rows]
    return [any(all(map(_right, columns[c])) for columns in of_section) for c in range(len(table.head))]


def _right(value: Any) -> bool:
    return value is None or isinstance(value, Number) or is_number(plain(value))


def _html(value: Any) -> str:
    written = html.escape(text(value))
    return _MINUS.sub("\N{MINUS SIGN}", written) if _right(value) else written


# --- texts for other programs ---

_MINUS = re.compile(r"(?<![\w.])-(?=[\d.∞])")  # of a number
_POWER = re.compile(r"(?<=\d)e([+-]\d+)\b")
_LATEX = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    **{character: rf"\{character}" for character in "&%$#_{}"},
}


def _latex(words: str) -> str:
    """A text that LaTeX prints as it is."""
    spelled = printable(words).replace("\n", " ")
    return "".join(_LATEX.get(character, character) for character in spelled)


def _latex_row(row: Row) -> str:
    cells = [(_latex(text(value)), _right(value)) for value in row]
    return " & ".join(_latex_number(cell) if number else cell for cell, number in cells) + r" \\"


def _latex_number(cell: str) -> str:
    """Signs and powers of ten as mathematics has them."""
    return _POWER.sub(lambda found: rf"$\cdot 10^{{{int(found[1])}}}$", _MINUS.sub("$-$", cell))


def _exact(value: Any) -> Any:
    """A float in full; nothing where there is none."""
    if isinstance(value, float):
        return repr(value) if value == value else ""
    return "" if value is None else value
