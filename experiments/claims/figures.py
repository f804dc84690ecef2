"""Figures of small panels, the same for the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from jaxstack.writing import write_file

_INCHES, _DPI = 3.6, 80


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a small PNG without a date, the same for the same numbers."""
    for axes in figure.axes:
        if axes.get_xscale() == "log":  # small panels: labels between powers of ten would overlap
            axes.xaxis.set_minor_formatter(NullFormatter())
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
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25, linewidth=0.6)
    return figure, axes[:count]


def shared_legend(figure: Figure, columns: int = 6) -> None:
    """One legend for all panels, below them."""
    told = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            told.setdefault(label, handle)
    figure.legend(told.values(), told.keys(), loc="outside lower center", ncols=columns, fontsize=8)
