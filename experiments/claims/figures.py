"""Figures of small panels in the style of the package's pictures, the same for the same numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter
from matplotlib.transforms import ScaledTranslation

from experiments.claims.curves import Curve
from jaxstack.plots import style
from jaxstack.writing import write_file

_INCHES, _DPI = 3.3, 150
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000")
"""Of lines that are no learners."""
_BARS = "bars: 95% intervals over games and runs"


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a small PNG without a date, the same for the same numbers."""
    for axes in figure.axes:
        axes.title.set_fontsize(10.5)
        for axis, scale, ends in (
            (axes.xaxis, axes.get_xscale(), axes.get_xlim()),
            (axes.yaxis, axes.get_yscale(), axes.get_ylim()),
        ):
            if scale == "log":
                _label_decades(axis, ends)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, lambda file: figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None}))


def panels(count: int, columns: int | None = None) -> tuple[Figure, list[Any]]:
    """A figure of so many equal panels in rows, and their axes."""
    columns = columns or min(count, 3)
    rows = -(-count // columns)
    figure = Figure(figsize=(_INCHES * columns, 0.88 * _INCHES * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for spare in axes[count:]:
        spare.set_visible(False)
    for axis in axes[:count]:
        style.tidy(axis)
    return figure, axes[:count]


def errorbars(axes: Axes, drawn: Curve, aside: float = 0.0, **options: Any) -> None:
    """A curve with its intervals, so many points aside; its label is its name, or what the options say."""
    bars = axes.errorbar(drawn.x, drawn.y, drawn.error, **{"label": drawn.name} | options)
    if aside:
        figure = axes.get_figure(root=True)
        assert figure is not None
        for part in bars.get_children():  # set afterwards: limits follow from the data
            part.set_transform(axes.transData + ScaledTranslation(aside / 72, 0, figure.dpi_scale_trans))


def asides(count: int, apart: float = 4.0) -> list[float]:
    """Points aside of each of so many curves that share their x, for `errorbars`: the middle is at 0."""
    return [(each - (count - 1) / 2) * apart for each in range(count)]


def learner_lines(curves: Sequence[Curve]) -> dict[str, dict[str, Any]]:
    """How curves are drawn, by name: as the learner that the name begins with, dotted where more follows."""
    names = list(dict.fromkeys(each.name for each in curves))
    learners = list(dict.fromkeys(name.partition(",")[0] for name in names))
    styles = dict(zip(learners, style.line_styles(learners), strict=True))
    return {
        name: style.line_options(styles[name.partition(",")[0]]) | ({"linestyle": ":"} if "," in name else {})
        for name in names
    }


def _label_decades(axis: Axis, ends: tuple[float, float]) -> None:
    """Labels that have room on a small panel: powers of ten, and 2 and 5 between them where there are few."""
    low, high = min(ends), max(ends)
    decades = 10.0 ** np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    few = np.count_nonzero((low <= decades) & (decades <= high)) < 2 or high / low < 40
    if few and isinstance(axis.get_major_locator(), LogLocator):
        for leading in ((1, 2, 5), (1, 1.5, 2, 3, 4, 6, 8)):
            ticks = np.outer(decades, leading).ravel()
            ticks = ticks[(low <= ticks) & (ticks <= high)]
            if len(ticks) > 1:
                break
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter(style.thousands)
    axis.set_minor_formatter(NullFormatter())


def reference(axes: Axes, at: float, what: str, upright: bool = False) -> None:
    """A line across a panel, and in small letters what it stands for."""
    look = {"color": style.MUTED, "linewidth": 1.0, "linestyle": (0, (4, 2)), "zorder": 1}
    (axes.axvline if upright else axes.axhline)(at, **look)
    place = (at, 0.02) if upright else (0.98, at)
    axes.annotate(
        what,
        place,
        (3, 0) if upright else (0, 3),
        xycoords=("data", "axes fraction") if upright else ("axes fraction", "data"),
        textcoords="offset points",
        ha="left" if upright else "right",
        va="bottom",
        rotation=90 if upright else 0,
        fontsize=8.5,
        color=style.MUTED,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5},
        zorder=4,
    )


def shared_legend(figure: Figure, columns: int = 4, bars: str = _BARS) -> None:
    """One legend for all panels, below them, which says what bars are."""
    told = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            told.setdefault(label, handle)
    told[bars] = Line2D([], [], color="none")
    columns = style.columns(figure, list(told), columns)
    figure.set_figheight(figure.get_figheight() + 0.22 * -(-len(told) // columns))  # panels keep their height
    style.finish(figure, list(told.values()), list(told), None, ncols=columns, fontsize=9.5)
