"""Pictures of regret: against rounds, against any axis of a sweep, and over two axes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize, SymLogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullLocator

from jaxstack.plots import style
from jaxstack.regret import average_over_games, growth_exponent
from jaxstack.results import Cell, by_labels, cells_of, is_number, labels_on, text

if TYPE_CHECKING:
    from jaxstack.regret import Curve, RegretCurve

_AXIS_LABELS = {
    "horizon": "horizon $T$ (rounds)",
    "num_leader_actions": "leader actions $L$",
    "num_followers": "followers $n$",
    "num_types": "types per follower $K$",
    "num_actions": "actions per follower $A$",
    "correlation": "correlation of types (0 none, 1 full)",
    "epsilon": "gap $\\epsilon$ of the hard family",
    "num_decisions": "sign decisions $m$ of the hard family",
    "runs": "runs",
}
_SQUARE_ROOT = r"$\sqrt{T}$, shape of the theorems' rate"
_WIDE = 20  # values that differ by more than this factor are drawn on a logarithmic scale

Runs = np.ndarray  # [X] or [S, X], payoff units


class _Line(NamedTuple):
    """What is drawn of a learner, or of another label."""

    label: str
    x: np.ndarray
    mean: np.ndarray
    stderr: np.ndarray  # nan for one run
    bound: np.ndarray | None = None  # the theorem's rate where the line has one
    everywhere: bool = False  # it lacks the axis of the picture: one value, for all of it


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
        shape is drawn: a guide line scaled to end a little above the highest curve. Left out, a dataset that
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
        for position, line in enumerate(drawn):
            shown = line.mean > 0 if log else np.isfinite(line.mean)
            x, y, e = line.x[shown], line.mean[shown], np.nan_to_num(line.stderr[shown])
            low = np.maximum(y - 2 * e, y / 10 if log else -np.inf)  # a band below zero has no logarithm
            axes.fill_between(x, low, y + 2 * e, color=styles[position][0], alpha=0.22, linewidth=0)
            every = style.marks(x, position / len(drawn), log)
            options = style.line_options(styles[position])
            axes.plot(x, y, label=style.literal(line.label), markevery=every, **options)
        if bound and highest > 0:
            rounds = np.unique(np.concatenate([line.x for line in drawn]))
            rate = np.asarray(bound(rounds), np.float64)
            guide = rate * (1.25 * highest / rate[-1])
            axes.plot(
                rounds, guide, color=style.MUTED, linewidth=1.2, linestyle=(0, (1, 2)), label=bound_label
            )
        if log:
            axes.set(xscale="log", xlim=(first, max(last, first + 1) * 1.05))
            if highest > 0:
                axes.set_yscale("log")
        else:
            axes.set(xlim=(0, last * 1.03), ylim=(min(0.0, axes.get_ylim()[0]), None))
            axes.xaxis.set_major_formatter(style.thousands)
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.yaxis.set_major_formatter(style.thousands)
        axes.set_xlabel("round $T$", fontsize=11)
        axes.set_title(f"{'logarithmic' if log else scale} axes", fontsize=11, color=style.MUTED)
        style.tidy(axes)
    panels[0].set_ylabel("cumulative expected regret\n(payoff units)", fontsize=11)
    handles, labels = panels[0].get_legend_handles_labels()
    handles.append(Patch(color=style.MUTED, alpha=0.25, linewidth=0))
    labels.append("bands: ± 2 standard errors")
    ncols = style.columns(figure, labels)
    style.finish(figure, handles, labels, title, ncols=ncols, handlelength=3.4)
    return figure


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
    if isinstance(data, Mapping) and not isinstance(data, xr.Dataset):
        drawn = [_of_runs(str(label), x, runs) for label, (x, runs) in data.items()]
        if not drawn:
            raise ValueError("final_regret needs at least one line, but an empty mapping arrived.")
        styles = style.line_styles(list(data))
        ticks = sorted({_item(x) for line in drawn for x in line.x}, key=_number_or_text)
    else:
        cells = _cells(data)
        names = _names(lines)
        if axis in names:
            raise ValueError(f"axis {axis!r} is drawn twice: along the picture and as its lines.")
        found = by_labels(cells, [axis, *names])
        ticks = labels_on(_having(found.values(), axis), axis)
        if all(map(is_number, ticks)):
            ticks = sorted(ticks)
        keys = list(dict.fromkeys(key[1:] for key in found))
        drawn = [_along(found, axis, ticks, key, _line_label(cells, names, key)) for key in keys]
        styles = _styles_of(names, keys)
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
        x = np.array([at[_item(value)] for value in line.x])
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
    if logarithmic_x:
        axes.set_xscale("log")
    if len(ticks) <= 9 or not numeric:
        axes.set_xticks(places, [style.literal(text(tick), 24) for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
    elif all(isinstance(tick, int) for tick in ticks) and not logarithmic_x:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not numeric:
        axes.set_xlim(-0.5, len(ticks) - 0.5)
        if len(ticks) * min(max(len(text(tick)) for tick in ticks), 24) > 44:
            _slant(axes, 30)
    values = np.concatenate([line.mean for line in drawn])
    _scale_values(axes, values[np.isfinite(values)])
    axes.set_xlabel(_axis_label(axis), fontsize=11)
    axes.set_ylabel("cumulative expected regret\nafter $T$ rounds (payoff units)", fontsize=11)
    style.tidy(axes)
    handles, labels = axes.get_legend_handles_labels()
    handles.append(axes.plot([], [], color="none")[0])
    bands = " and bands" if any(line.everywhere for line in drawn) else ""
    labels.append(f"bars{bands}: ± 2 standard errors")
    if has_guide:
        handles.append(axes.plot([], [], color=style.MUTED, linewidth=1.1, linestyle=(0, (1, 2)))[0])
        labels.append("theorem's rate (shape only)")
    ncols = style.columns(figure, labels)
    style.finish(figure, handles, labels, title, ncols=ncols, handlelength=3.0)
    return figure


class _Quantity(NamedTuple):
    """Something that a heat map shows of a cell."""

    label: str
    of: Callable[[Cell], float]


_QUANTITIES = {
    "final_regret": _Quantity(
        "cumulative expected regret\nafter $T$ rounds (payoff units)", lambda cell: cell.final_mean
    ),
    "growth_exponent": _Quantity(
        "growth exponent of regret in $T$", lambda cell: growth_exponent(cell).estimate
    ),
    "optimum": _Quantity(
        "optimum $U_D(x^*)$ (payoff units per round)", lambda cell: float(np.mean(cell.optimum))
    ),
    "num_regions": _Quantity("best-response regions", lambda cell: float(np.mean(cell.num_regions))),
    "seconds_run": _Quantity("seconds, without compilation", lambda cell: cell.seconds["run"]),
}


def heat_map(
    data: xr.Dataset | xr.DataArray | Sequence[Cell],
    x: str,
    y: str,
    quantity: Literal[
        "final_regret", "growth_exponent", "optimum", "num_regions", "seconds_run"
    ] = "final_regret",
    panels: str | None = "learner",
    title: str | None = None,
) -> Figure:
    """One number over two axes, a panel for each learner, all on one colour scale.

    Args:
      data: a dataset of results, or cells of one; or an array with dimensions x and y.
      x, y: axes of the data.
      quantity: what is shown of a dataset; averages over games.
      panels: axis with a panel for each label; None where it is selected or drawn already.
      title: above the panels, as plain text.

    Returns:
      A figure with a colour bar below; logarithmic where values span more than a factor of 20. Where there is
      no result a field is hatched. What lacks an axis has the same number all along it.

    Raises:
      ValueError: no cells; an axis that does not exist, is drawn twice, or is neither drawn nor selected; an
        unknown quantity; an array with other dimensions.
    """
    if x == y:
        raise ValueError(f"axis {x!r} is drawn twice: a heat map needs two axes.")
    if isinstance(data, xr.DataArray):
        fields, across, up, label = _fields_of_array(data, x, y)
    else:
        fields, across, up, label = _fields_of_cells(_cells(data), x, y, quantity, panels)
    ncols = min(len(fields), 2)
    nrows = -(-len(fields) // ncols)
    height = nrows * (0.9 + 0.42 * min(max(len(up), 2), 12)) + 1.1 + (0.4 if title else 0)
    figure = Figure(figsize=(5.8, height), layout="constrained")
    panels_ = figure.subplots(nrows, ncols, sharex=True, sharey=True, squeeze=False).ravel()
    values = np.concatenate([field.ravel() for field in fields.values()])
    norm = _norm(values[np.isfinite(values)])
    for position, (axes, (name, field)) in enumerate(zip(panels_, fields.items(), strict=False)):
        _draw_field(axes, field, norm, numbers=len(across) * ncols <= 12 and len(up) <= 16)
        if len(fields) > 1 or not title:
            axes.set_title(style.literal(name), fontsize=11, color=style.MUTED)
        some = slice(None, None, -(-len(across) // (24 // ncols)))  # as many labels as have room
        axes.set_xticks(np.arange(len(across))[some], [style.literal(text(v), 16) for v in across[some]])
        if max(len(text(v)) for v in across) * len(across[some]) * ncols > 46:
            _slant(axes, 90 if all(map(is_number, across)) else 30)
        some = slice(None, None, -(-len(up) // 16))
        axes.set_yticks(np.arange(len(up))[some], [style.literal(text(v), 24) for v in up[some]])
        axes.tick_params(labelsize=10, length=0)
        axes.tick_params(labelbottom=position + ncols >= len(fields))
        if position + ncols >= len(fields):  # nothing below
            axes.set_xlabel(_axis_label(x), fontsize=11)
        if position % ncols == 0:
            letters = max(14, int(11 * (height - 1.5) / nrows))
            axes.set_ylabel("\n".join(textwrap.wrap(_axis_label(y), letters)), fontsize=11)
    for axes in panels_[len(fields) :]:
        axes.set_axis_off()
    bar = figure.colorbar(
        style.colour_scale(norm, style.VALUE_COLOURS),
        ax=list(panels_),
        location="bottom",
        aspect=34,
        pad=0.03,
    )
    bar.set_label(label, fontsize=10.5)
    bar.ax.tick_params(labelsize=10)
    if not isinstance(norm, LogNorm):
        bar.ax.xaxis.set_major_formatter(style.thousands)
    handles = []
    if not np.isfinite(values).all():
        handles.append(Patch(facecolor="white", edgecolor="#999999", hatch="////"))
    style.finish(figure, handles, ["no result"] * len(handles), title)
    return figure


# --- lines --------------------------------------------------------------------------------------------------


def _curve_lines(data: Any, lines: str | Sequence[str]) -> tuple[list[_Line], list[style.Style], bool]:
    """Lines against rounds with their styles, and whether a theorem speaks of any of them."""
    if isinstance(data, xr.Dataset) or (isinstance(data, Sequence) and data and isinstance(data[0], Cell)):
        cells, names = _cells(data), _names(lines)
        found = by_labels(cells, names)
        drawn = [_of_curve(_line_label(cells, names, key), cell) for key, cell in found.items()]
        theorem = any(np.isfinite(cell.bound) for cell in found.values())
        return drawn, _styles_of(names, list(found)), theorem
    if isinstance(data, Mapping):
        drawn = [_of_runs(label, rounds, runs) for label, (rounds, runs) in data.items()]
    else:
        curves = list(data) if isinstance(data, Sequence) else [data]
        drawn = [_of_curve(curve.learner, curve) for curve in curves]
    if not drawn:
        raise ValueError("regret_curves needs at least one curve, but none arrived.")
    return drawn, style.line_styles([line.label for line in drawn]), False


def _of_curve(label: str, curve: Curve) -> _Line:
    mean, stderr = average_over_games(curve)
    return _Line(label, np.asarray(curve.rounds, np.float64), mean, stderr)


def _of_runs(label: str, x: Any, runs: Any) -> _Line:
    """A line of plain arrays: x [X], and one run [X] or several [S, X]."""
    x, runs = np.asarray(x), np.asarray(runs, np.float64)
    if x.ndim != 1 or not len(x) or runs.ndim not in (1, 2) or runs.shape[-1] != len(x):
        raise ValueError(
            f"line {label!r} needs x [X] and regret [X] or [S, X], but shapes {x.shape} and "
            f"{runs.shape} arrived."
        )
    if runs.ndim == 1 or len(runs) == 1:
        return _Line(label, x, runs.reshape(-1), np.full(len(x), np.nan))
    return _Line(label, x, runs.mean(axis=0), runs.std(axis=0, ddof=1) / np.sqrt(len(runs)))


def _having(cells: Iterable[Cell], axis: str) -> list[Cell]:
    """The cells that have an axis, or all of them where none has it."""
    cells = list(cells)
    return [cell for cell in cells if axis not in cell.lacks] or cells


def _along(found: Mapping[Any, Cell], axis: str, ticks: list[Any], key: tuple[Any, ...], label: str) -> _Line:
    """Final regret at every tick; nan where the cell is missing, so that the line is broken there."""
    own = [cell for (_, *rest), cell in found.items() if tuple(rest) == key]
    if len(own) == 1 and axis in own[0].lacks:
        mean, stderr = np.array([own[0].final_mean]), np.array([own[0].final_stderr])
        return _Line(f"{label} (without {axis})", np.array([np.nan]), mean, stderr, everywhere=True)
    row = [found.get((tick, *key)) for tick in ticks]
    mean, stderr, bound = (
        np.array([np.nan if cell is None else getattr(cell, name) for cell in row])
        for name in ("final_mean", "final_stderr", "bound")
    )
    x = np.empty(len(ticks), object)
    x[:] = ticks
    return _Line(label, x, mean, stderr, bound)


def _reference(axes: Axes, line: _Line, look: style.Style) -> None:
    """A line across the picture, with a band."""
    colour, dashes, _ = look
    mean, error = float(line.mean[0]), float(np.nan_to_num(line.stderr[0]))
    axes.axhspan(mean - 2 * error, mean + 2 * error, color=colour, alpha=0.18, linewidth=0)
    axes.axhline(mean, color=colour, linestyle=dashes, linewidth=1.6, label=style.literal(line.label))


def _guide(line: _Line) -> np.ndarray | None:
    """The theorem's rate, scaled to meet the line at its last point; None where it says nothing."""
    if line.bound is None:
        return None
    both = np.isfinite(line.bound) & (line.mean > 0)
    if both.sum() < 2 or np.ptp(line.bound[both]) == 0:
        return None
    last = np.flatnonzero(both)[-1]
    return np.where(both, line.bound * (line.mean[last] / line.bound[last]), np.nan)


def _names(lines: str | Sequence[str]) -> list[str]:
    return [lines] if isinstance(lines, str) else list(lines)


def _line_label(cells: Sequence[Cell], names: Sequence[str], key: tuple[Any, ...]) -> str:
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


def _styles_of(names: Sequence[str], keys: Sequence[tuple[Any, ...]]) -> list[style.Style]:
    if len(names) == 1:
        labels = [key[0] for key in keys]
        return style.line_styles(labels, ordered=len(labels) > 1 and all(map(is_number, labels)))
    return style.line_styles(list(keys))


# --- fields -------------------------------------------------------------------------------------------------

_Fields = tuple[dict[str, np.ndarray], list[Any], list[Any], str]  # name -> [Y, X], labels of x and y, unit


def _fields_of_array(array: xr.DataArray, x: str, y: str) -> _Fields:
    if set(array.dims) != {x, y}:
        raise ValueError(
            f"a heat map over {x!r} and {y!r} needs an array with these dimensions, but it has "
            f"{', '.join(map(str, array.dims)) or 'none'}."
        )
    array = array.transpose(y, x)
    across, up = ([_item(label) for label in array[name].values] for name in (x, y))
    label = str(array.attrs.get("long_name", array.name or "value"))
    unit = array.attrs.get("units")
    label = style.literal(f"{label} ({unit})" if unit else label)
    return {"": array.values.astype(np.float64)}, across, up, label


def _fields_of_cells(cells: list[Cell], x: str, y: str, quantity: str, panels: str | None) -> _Fields:
    if quantity not in _QUANTITIES:
        raise ValueError(f"unknown quantity {quantity!r}. Known: {', '.join(_QUANTITIES)}.")
    names = [name for name in (panels,) if name is not None and name not in (x, y)]
    found = by_labels(cells, [*names, y, x])
    across, up = (labels_on(_having(found.values(), name), name) for name in (x, y))
    across, up = (sorted(v) if all(map(is_number, v)) else v for v in (across, up))
    label, value = _QUANTITIES[quantity]
    fields: dict[str, np.ndarray] = {}
    for key, cell in found.items():
        name = _line_label(cells, names, key[:-2])
        if name and names == ["learner"]:  # a panel without an axis is no row of values that were tried
            name += "".join(f" (without {axis})" for axis in (x, y) if axis in cell.lacks)
        field = fields.setdefault(name, np.full((len(up), len(across)), np.nan))
        row = slice(None) if y in cell.lacks else up.index(key[-2])
        column = slice(None) if x in cell.lacks else across.index(key[-1])
        field[row, column] = value(cell)
    return fields, across, up, label


def _draw_field(axes: Axes, field: np.ndarray, norm: Normalize, numbers: bool) -> None:
    axes.set_facecolor("white")
    axes.patch.set(hatch="////", edgecolor="#999999")
    rows, across = field.shape
    width = 1.0 if max(field.shape) <= 12 else 0.3
    axes.pcolormesh(
        np.arange(across + 1) - 0.5, np.arange(rows + 1) - 0.5, np.ma.masked_invalid(field),
        cmap=style.VALUE_COLOURS, norm=norm, edgecolors="white", linewidth=width,
    )  # fmt: skip
    if not numbers:
        return
    for (row, column), value in np.ndenumerate(field):
        if np.isfinite(value):
            red, green, blue, _ = style.VALUE_COLOURS(norm(value))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
            axes.text(
                column, row, _short(value), ha="center", va="center", fontsize=9.5,
                color="white" if dark else style.INK,
            )  # fmt: skip


# --- scales and labels --------------------------------------------------------------------------------------


def _norm(values: np.ndarray) -> Normalize:
    """Linear, or logarithmic where values span orders of magnitude."""
    if not len(values):
        return Normalize(0, 1)
    low, high = float(values.min()), float(values.max())
    if low > 0 and high / low > _WIDE:
        return LogNorm(low, high)
    positive = values[values > 0]
    if low == 0 and len(positive) and high / positive.min() > _WIDE:
        return SymLogNorm(float(positive.min()), vmin=0, vmax=high)
    return Normalize(low, high if high > low else low + 1)


def _scale_values(axes: Axes, values: np.ndarray) -> None:
    """A y axis for regrets: logarithmic where they span orders of magnitude, with zero where there is one."""
    positive = values[values > 0]
    wide = len(positive) > 0 and positive.max() / positive.min() > _WIDE
    if wide and len(positive) == len(values):
        axes.set_yscale("log")
    elif wide:
        axes.set_yscale("symlog", linthresh=10 ** np.floor(np.log10(positive.min())), linscale=0.6)
    else:
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        axes.yaxis.set_major_formatter(style.thousands)


def _slant(axes: Axes, degrees: int) -> None:
    """Tick labels of the x axis that are too long to stand side by side."""
    for label in axes.get_xticklabels():
        label.set(rotation=degrees, rotation_mode="anchor", horizontalalignment="right")
        if degrees == 90:
            label.set_verticalalignment("center")


def _axis_label(axis: str) -> str:
    return _AXIS_LABELS.get(axis) or style.literal(axis)


def _short(value: float) -> str:
    """At most five characters or so, for a field of a heat map."""
    if value == 0 or 0.01 <= abs(value) < 1e4:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:.1e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")


def _item(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _number_or_text(value: Any) -> tuple[int, Any]:
    return (0, value) if is_number(value) else (1, str(value))


def _cells(data: xr.Dataset | Sequence[Cell]) -> list[Cell]:
    cells = cells_of(data) if isinstance(data, xr.Dataset) else list(data)
    if not cells:
        raise ValueError("there is nothing to draw: the dataset holds no finished cell yet.")
    return cells
