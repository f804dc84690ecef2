"""Lines of a picture, from a dataset of results, curves or plain arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxstack.plots import style
from jaxstack.regret import average_over_games
from jaxstack.results import Cell, cells_of, is_number, text

if TYPE_CHECKING:
    import xarray as xr

    from jaxstack.regret import Curve

Runs = np.ndarray  # [X] or [S, X], payoff units


class Line(NamedTuple):
    """What is drawn of a learner, or of another label."""

    label: str
    x: np.ndarray
    mean: np.ndarray
    stderr: np.ndarray  # nan for one run
    bound: np.ndarray | None = None  # the theorem's rate where the line has one
    everywhere: bool = False  # it lacks the axis of the picture: one value, for all of it


def of_curve(label: str, curve: Curve) -> Line:
    """A curve against rounds, averaged over games."""
    mean, stderr = average_over_games(curve)
    return Line(label, np.asarray(curve.rounds, np.float64), mean, stderr)


def of_runs(label: str, x: Any, runs: Any) -> Line:
    """A line of plain arrays: x [X], and one run [X] or several [S, X]."""
    x, runs = np.asarray(x), np.asarray(runs, np.float64)
    if x.ndim != 1 or not len(x) or runs.ndim not in (1, 2) or runs.shape[-1] != len(x):
        raise ValueError(
            f"line {label!r} needs x [X] and regret [X] or [S, X], but shapes {x.shape} and "
            f"{runs.shape} arrived."
        )
    if runs.ndim == 1 or len(runs) == 1:
        return Line(label, x, runs.reshape(-1), np.full(len(x), np.nan))
    return Line(label, x, runs.mean(axis=0), runs.std(axis=0, ddof=1) / np.sqrt(len(runs)))


def names_of(lines: str | Sequence[str]) -> list[str]:
    """Names of the axes whose labels are lines."""
    return [lines] if isinstance(lines, str) else list(lines)


def line_label(cells: Sequence[Cell], names: Sequence[str], key: tuple[Any, ...]) -> str:
    """Learners and scenarios are names by themselves; numbers are told with their axis."""
    parts = []
    for name, label in zip(names, key, strict=True):
        # An axis along which this line cannot vary (a hyperparameter of another learner) says nothing.
        rest = [(n, k) for n, k in zip(names, key, strict=True) if n != name]
        varies = len({c.labels[name] for c in cells if all(c.labels[n] == k for n, k in rest)}) > 1
        if varies or len(names) == 1 or name in ("learner", "scenario"):
            plain = name in ("learner", "scenario") or not is_number(label)
            parts.append(text(label) if plain else f"{name} = {text(label)}")
    return ", ".join(parts)


def styles_of(names: Sequence[str], keys: Sequence[tuple[Any, ...]]) -> list[style.Style]:
    """A style for every line: numbers in order run from light to dark, learners have their own."""
    if len(names) == 1:
        labels = [key[0] for key in keys]
        return style.line_styles(labels, ordered=len(labels) > 1 and all(map(is_number, labels)))
    return style.line_styles(list(keys))


def cells_in(data: xr.Dataset | Sequence[Cell]) -> list[Cell]:
    """The finished cells of a dataset, or the cells given; at least one."""
    cells = list(data) if isinstance(data, Sequence) else cells_of(data)
    if not cells:
        raise ValueError("there is nothing to draw: the dataset holds no finished cell yet.")
    return cells


def having(cells: Iterable[Cell], axis: str) -> list[Cell]:
    """The cells that have an axis, or all of them where none has it."""
    cells = list(cells)
    return [cell for cell in cells if axis not in cell.lacks] or cells


def item(value: Any) -> Any:
    """A label as a Python object."""
    return value.item() if isinstance(value, np.generic) else value
