"""What a figure shows: points with their intervals, kept as a table so that it can be drawn again."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.claims.statistics import errors
from jaxstack.writing import write_file

_COLUMNS = ("panel", "curve", "x", "y", "low", "high")


class Curve(NamedTuple):
    """Points of one curve of one panel; `low` and `high` are the ends of their 95 % intervals."""

    panel: str
    name: str
    x: np.ndarray  # [P], numbers or names
    y: np.ndarray  # [P]
    low: np.ndarray  # [P]
    high: np.ndarray  # [P]

    @property
    def error(self) -> np.ndarray:
        """[2, P], down and up to the ends of the intervals."""
        return np.stack([self.y - self.low, self.high - self.y])


def curve(
    panel: str,
    name: str,
    x: Any,
    *values: np.ndarray,
    of: Callable[..., np.ndarray] = lambda means: means,
    unit: float = 1.0,
) -> Curve:
    """A quantity of means over games and runs, with the intervals of resampled games and runs.

    Args:
      panel: in which it is drawn.
      name: of the curve.
      x: [P].
      values: [.., P, G, S].
      of: the quantity, of arrays of means [N, .., P], row by row; [N, P].
      unit: in which it is told.
    """
    y = of(*(v.mean(axis=(-2, -1))[None] for v in values))[0]
    down, up = errors(*values, of=of)
    return Curve(panel, name, np.asarray(x), y / unit, (y - down) / unit, (y + up) / unit)


def line(panel: str, name: str, x: Any, y: Any) -> Curve:
    """Points [P] that are known exactly."""
    y = np.asarray(y, float)
    return Curve(panel, name, np.asarray(x), y, y, y)


def by_panel(curves: Iterable[Curve]) -> dict[str, list[Curve]]:
    """The curves of every panel, in the order in which they come."""
    found: dict[str, list[Curve]] = {}
    for each in curves:
        found.setdefault(each.panel, []).append(each)
    return found


def write_curves(curves: Sequence[Curve], path: Path) -> None:
    """Write a table of points, a row for each: panel, curve, x, y and the ends of its interval."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for panel, name, *columns in curves:
        rows.writerows((panel, name, *map(_told, point)) for point in zip(*columns, strict=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, text.getvalue())


def _told(value: Any) -> str:
    """Six digits, as far as it is a number: a figure shows three."""
    return value if isinstance(value, str) else f"{value:.6g}"


def read_curves(path: Path) -> list[Curve]:
    """The curves of a table that `write_curves` wrote."""
    found: dict[tuple[str, str], list[list[str]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for panel, name, *point in list(csv.reader(file))[1:]:
            found.setdefault((panel, name), []).append(point)
    return [
        Curve(panel, name, *(_numbers(column) for column in zip(*points, strict=True)))
        for (panel, name), points in found.items()
    ]


def _numbers(column: Sequence[str]) -> np.ndarray:
    try:
        return np.array(column, float)
    except ValueError:
        return np.array(column)
