"""Pictures of regret against rounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from jaxstack.plots import style
from jaxstack.plots.lines import Line, Runs, cells_in, line_label, names_of, of_curve, of_runs, styles_of
from jaxstack.results import Cell, by_labels, is_dataset

if TYPE_CHECKING:
    import xarray as xr

    from jaxstack.regret import RegretCurve

_SQUARE_ROOT = r"$\sqrt{T}$, shape of the theorems' rate"


def regret_curves(
    data: xr.Dataset | RegretCurve | Sequence[RegretCurve] | Sequence[Cell] | Mapping[str, tuple[Any, Runs]],
    bound: Callable[[np.ndarray], np.ndarray] | Literal[False] | None = None,
    title: str | None = None,
    bound_label: str = "a theorem's rate (shape only)",
    lines: str | Sequence[str] = "learner",
    scales: Sequence[Literal["linear", "log"]] = ("linear", "log"),
) -> Figure:
    """Cumulative expected regret against rounds, on linear axes and on logarithmic ones.

    Lines are means over runs, bands two standard errors to either side. A curve of a batch of games shows
    the average over the games.

    Args:
      data: a dataset of results, or cells of one; one curve or several; or label -> (rounds [C], regret [C]
        or [S, C] in payoff units).
      bound: rounds [C] -> the rate of a theorem [C]. Constants of theorems are far from tight, so only its
        shape is drawn, on logarithmic axes, where there are two panels: a guide line scaled to end a little
        above the highest curve. Left out, a dataset that
        holds a theorem's rate gets sqrt(T), which all theorems share up to logarithms; False draws none.
      title: above the panels, as plain text.
      bound_label: of the guide line in the legend.
      lines: axis of the dataset, or several, with a line for each label.
      scales: the panels.

    Returns:
      A figure with one legend below the panels.

    Raises:
      ValueError: no curves; an axis that does not exist, or one that is neither drawn nor selected.
    """
    drawn, styles, has_theorem = _curve_lines(data, lines)
    if bound is None and has_theorem:
        bound, bound_label = np.sqrt, _SQUARE_ROOT
    figure = Figure(figsize=(9.0, 4.7) if len(scales) > 1 else (5.8, 4.8), layout="constrained")
    panels = figure.subplots(1, len(scales), squeeze=False)[0]
    highest = max(float(line.mean[-1]) for line in drawn)
    first = max(min(float(line.x[0]) for line in drawn), 1.0)
    last = max(float(line.x[-1]) for line in drawn)
    for axes, scale in zip(panels, scales, strict=True):
        log = scale == "log"
        _draw_lines(axes, drawn, styles, log)
        if bound and highest > 0 and (log or len(panels) == 1):  # on linear axes it would take half the panel
            rounds = np.unique(np.concatenate([line.x for line in drawn]))
            rate = np.asarray(bound(rounds), np.float64)
            guide = rate * (1.25 * highest / rate[-1])
            axes.plot(
                rounds, guide, color=style.MUTED, linewidth=1.2, linestyle=(0, (1, 2)), label=bound_label
            )
        _scale_axes(axes, log, first, last, highest)
        axes.set_xlabel("round $T$", fontsize=11)
        axes.set_title(f"{'logarithmic' if log else scale} axes", fontsize=11, color=style.MUTED)
        style.tidy(axes)
    panels[0].set_ylabel("cumulative expected regret\n(payoff units)", fontsize=11)
    told = [panel.get_legend_handles_labels() for panel in panels]
    handles, labels = max(told, key=lambda entries: len(entries[1]))
    handles.append(Patch(color=style.MUTED, alpha=0.25, linewidth=0))
    labels.append(f"bands: {style.BANDS}")
    ncols = style.columns(figure, labels)
    style.finish(figure, handles, labels, title, ncols=ncols, handlelength=3.4)
    return figure


def _draw_lines(axes: Axes, drawn: Sequence[Line], styles: Sequence[style.Style], log: bool) -> None:
    """Means with bands of two standard errors."""
    for position, line in enumerate(drawn):
        shown = line.mean > 0 if log else np.isfinite(line.mean)
        x, y, e = line.x[shown], line.mean[shown], np.nan_to_num(line.stderr[shown])
        low = np.maximum(y - 2 * e, y / 10 if log else -np.inf)  # a band below zero has no logarithm
        axes.fill_between(x, low, y + 2 * e, color=styles[position][0], alpha=0.22, linewidth=0)
        every = style.marks(x, position / len(drawn), log)
        options = style.line_options(styles[position])
        nothing = log and not shown.any() and len(line.mean)
        label = (
            f"{style.literal(line.label)} (0: not on logarithmic axes)"
            if nothing
            else style.literal(line.label)
        )
        axes.plot(x, y, label=label, markevery=every, **options)


def _scale_axes(axes: Axes, log: bool, first: float, last: float, highest: float) -> None:
    """From the first round to the last; logarithmic in both directions, or linear."""
    if log:
        axes.set(xscale="log", xlim=(first, max(last, first + 1) * 1.05))
        if highest > 0:
            axes.set_yscale("log")
    else:
        axes.set(xlim=(0, last * 1.03), ylim=(min(0.0, axes.get_ylim()[0]), None))
        axes.xaxis.set_major_formatter(style.thousands)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(style.thousands)


def _curve_lines(data: Any, lines: str | Sequence[str]) -> tuple[list[Line], list[style.Style], bool]:
    """Lines against rounds with their styles, and whether a theorem speaks of any of them."""
    if is_dataset(data) or (isinstance(data, Sequence) and data and isinstance(data[0], Cell)):
        cells, names = cells_in(data), names_of(lines)
        found = by_labels(cells, names)
        drawn = [of_curve(line_label(cells, names, key), cell) for key, cell in found.items()]
        theorem = any(np.isfinite(cell.bound) for cell in found.values())
        return drawn, styles_of(names, list(found)), theorem
    if isinstance(data, Mapping):
        drawn = [of_runs(label, rounds, runs) for label, (rounds, runs) in data.items()]
    else:
        curves = list(data) if isinstance(data, Sequence) else [data]
        drawn = [of_curve(curve.learner, curve) for curve in curves]
    if not drawn:
        raise ValueError("regret_curves needs at least one curve, but none arrived.")
    return drawn, style.line_styles([line.label for line in drawn]), False
