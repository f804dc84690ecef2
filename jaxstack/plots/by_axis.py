"""Pictures of the regret after the last round against any axis of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from jaxstack.plots import style
from jaxstack.plots.lines import Line, Runs, cells_in, having, item, line_label, names_of, of_runs, styles_of
from jaxstack.plots.scales import axis_label, scale_values, slant
from jaxstack.results import Cell, by_labels, is_dataset, is_number, labels_on, text

if TYPE_CHECKING:
    import xarray as xr


def final_regret(
    data: xr.Dataset | Sequence[Cell] | Mapping[str, tuple[Any, Runs]],
    axis: str = "horizon",
    lines: str | Sequence[str] = "learner",
    title: str | None = None,
    bound: bool = True,
) -> Figure:
    """Regret after the last round against any axis, with two standard errors to either side.

    Numbers are joined by lines, names are not. Where the theorem's rate changes along the axis, a dotted
    guide in the colour of a line has its shape and meets the line at its end. What lacks the axis (a learner
    without that hyperparameter) is a reference line across the picture, not a point on it.

    Args:
      data: a dataset of results, or cells of one; or label -> (x [X], regret [X] or [S, X] in payoff units).
      axis: of the dataset; for arrays what the x axis is called.
      lines: axis of the dataset, or several, with a line for each label.
      title: above the picture, as plain text.
      bound: draw the guides.

    Returns:
      A figure with its legend below. Scales are logarithmic where values span more than a factor of 20.

    Raises:
      ValueError: no cells; an axis that does not exist, is drawn twice, or is neither drawn nor selected.
    """
    drawn, styles, ticks = _lines(data, axis, lines)
    figure = Figure(figsize=(5.8, 4.8), layout="constrained")
    axes = figure.subplots()
    numeric = all(map(is_number, ticks))
    places = np.array(ticks, np.float64) if numeric else np.arange(len(ticks), dtype=np.float64)
    at = dict(zip(ticks, places, strict=True))
    logarithmic_x = numeric and places[0] > 0 and places[-1] / places[0] > 7
    has_guide = False
    for position, line in enumerate(drawn):
        if line.everywhere:
            _reference(axes, line, styles[position])
            continue
        x = np.array([at[item(value)] for value in line.x])
        if not numeric:  # side by side, so that none hides another
            x = x + 0.5 * ((position + 0.5) / len(drawn) - 0.5)
        options = style.line_options(styles[position])
        if not numeric:
            options["linestyle"] = "none"
        axes.errorbar(
            x, line.mean, 2 * np.nan_to_num(line.stderr), label=style.literal(line.label),
            capsize=3.5,
            capthick=1.3, elinewidth=1.3, **{**options, "markersize": 7},
        )  # fmt: skip
        guide = _guide(line) if bound and numeric else None
        if guide is not None:
            has_guide = True
            axes.plot(x, guide, color=options["color"], linewidth=1.1, linestyle=(0, (1, 2)), zorder=1.5)
    _set_ticks(axes, ticks, places, numeric, logarithmic_x)
    values = np.concatenate([line.mean for line in drawn])
    scale_values(axes, values[np.isfinite(values)])
    axes.set_xlabel(axis_label(axis), fontsize=11)
    axes.set_ylabel("cumulative expected regret\nafter $T$ rounds (payoff units)", fontsize=11)
    style.tidy(axes)
    handles, labels = axes.get_legend_handles_labels()
    handles.append(axes.plot([], [], color="none")[0])
    bands = " and bands" if any(line.everywhere for line in drawn) else ""
    labels.append(f"bars{bands}: {style.BANDS}")
    if has_guide:
        handles.append(axes.plot([], [], color=style.MUTED, linewidth=1.1, linestyle=(0, (1, 2)))[0])
        labels.append("theorem's rate, scaled to the last point")
    ncols = style.columns(figure, labels)
    style.finish(figure, handles, labels, title, ncols=ncols, handlelength=3.0)
    return figure


def _lines(
    data: Any, axis: str, lines: str | Sequence[str]
) -> tuple[list[Line], list[style.Style], list[Any]]:
    """Lines along an axis with their styles, and the labels of the axis."""
    if isinstance(data, Mapping) and not is_dataset(data):
        drawn = [of_runs(str(label), x, runs) for label, (x, runs) in data.items()]
        if not drawn:
            raise ValueError("final_regret needs at least one line, but an empty mapping arrived.")
        styles = style.line_styles(list(data))
        ticks = sorted({item(x) for line in drawn for x in line.x}, key=_number_or_text)
    else:
        cells = cells_in(data)
        names = names_of(lines)
        if axis in names:
            raise ValueError(f"axis {axis!r} is drawn twice: along the picture and as its lines.")
        found = by_labels(cells, [axis, *names])
        ticks = labels_on(having(found.values(), axis), axis)
        if all(map(is_number, ticks)):
            ticks = sorted(ticks)
        keys = list(dict.fromkeys(key[1:] for key in found))
        drawn = [_along(found, axis, ticks, key, line_label(cells, names, key)) for key in keys]
        styles = styles_of(names, keys)
    return drawn, styles, ticks


def _set_ticks(axes: Axes, ticks: list[Any], places: np.ndarray, numeric: bool, logarithmic: bool) -> None:
    """The x axis: labels themselves where they have room, numbers otherwise."""
    if logarithmic:
        axes.set_xscale("log")
    if len(ticks) <= 9 or not numeric:
        axes.set_xticks(places, [style.literal(text(tick), 24) for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
    elif all(isinstance(tick, int) for tick in ticks) and not logarithmic:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not numeric:
        axes.set_xlim(-0.5, len(ticks) - 0.5)
        if len(ticks) * min(max(len(text(tick)) for tick in ticks), 24) > 44:
            slant(axes, 30)


def _along(found: Mapping[Any, Cell], axis: str, ticks: list[Any], key: tuple[Any, ...], label: str) -> Line:
    """Final regret at every tick; nan where the cell is missing, so that the line is broken there."""
    own = [cell for (_, *rest), cell in found.items() if tuple(rest) == key]
    if len(own) == 1 and axis in own[0].lacks:
        mean, stderr = np.array([own[0].final_mean]), np.array([own[0].final_stderr])
        return Line(f"{label} (without {axis})", np.array([np.nan]), mean, stderr, everywhere=True)
    row = [found.get((tick, *key)) for tick in ticks]
    mean, stderr, bound = (
        np.array([np.nan if cell is None else getattr(cell, name) for cell in row])
        for name in ("final_mean", "final_stderr", "bound")
    )
    x = np.empty(len(ticks), object)
    x[:] = ticks
    return Line(label, x, mean, stderr, bound)


def _reference(axes: Axes, line: Line, look: style.Style) -> None:
    """A line across the picture, with a band."""
    colour, dashes, _ = look
    mean, error = float(line.mean[0]), float(np.nan_to_num(line.stderr[0]))
    axes.axhspan(mean - 2 * error, mean + 2 * error, color=colour, alpha=0.18, linewidth=0)
    axes.axhline(mean, color=colour, linestyle=dashes, linewidth=1.6, label=style.literal(line.label))


def _guide(line: Line) -> np.ndarray | None:
    """The theorem's rate, scaled to meet the line at its last point; None where it says nothing."""
    if line.bound is None:
        return None
    both = np.isfinite(line.bound) & (line.mean > 0)
    if both.sum() < 2 or np.ptp(line.bound[both]) == 0:
        return None
    last = np.flatnonzero(both)[-1]
    return np.where(both, line.bound * (line.mean[last] / line.bound[last]), np.nan)


def _number_or_text(value: Any) -> tuple[int, Any]:
    return (0, value) if is_number(value) else (1, str(value))
