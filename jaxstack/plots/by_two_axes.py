"""Pictures of one number over two axes of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize, SymLogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from jaxstack.plots import style
from jaxstack.plots.lines import cells_in, having, item, line_label
from jaxstack.plots.scales import WIDE, axis_label, slant
from jaxstack.regret import growth_exponent
from jaxstack.results import Cell, by_labels, is_number, labels_on, text

if TYPE_CHECKING:
    import xarray as xr


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
_Fields = tuple[dict[str, np.ndarray], list[Any], list[Any], str]  # name -> [Y, X], labels of x and y, unit


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
    import xarray as xr

    if x == y:
        raise ValueError(f"axis {x!r} is drawn twice: a heat map needs two axes.")
    if isinstance(data, xr.DataArray):
        fields, across, up, label = _fields_of_array(data, x, y)
    else:
        fields, across, up, label = _fields_of_cells(cells_in(data), x, y, quantity, panels)
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
        _set_ticks(axes, across, up, ncols)
        axes.tick_params(labelbottom=position + ncols >= len(fields))
        if position + ncols >= len(fields):  # nothing below
            axes.set_xlabel(axis_label(x), fontsize=11)
        if position % ncols == 0:
            letters = max(14, int(11 * (height - 1.5) / nrows))
            axes.set_ylabel(style.wrapped(axis_label(y), letters), fontsize=11)
    for axes in panels_[len(fields) :]:
        axes.set_axis_off()
    _colour_bar(figure, list(panels_), norm, label)
    handles = []
    if not np.isfinite(values).all():
        handles.append(Patch(facecolor="white", edgecolor="#999999", hatch="////"))
    style.finish(figure, handles, ["no result"] * len(handles), title)
    return figure


def _set_ticks(axes: Axes, across: list[Any], up: list[Any], ncols: int) -> None:
    """As many labels as have room."""
    some = slice(None, None, -(-len(across) // (24 // ncols)))
    axes.set_xticks(np.arange(len(across))[some], [style.literal(text(v), 16) for v in across[some]])
    if max(len(text(v)) for v in across) * len(across[some]) * ncols > 46:
        slant(axes, 90 if all(map(is_number, across)) else 30)
    some = slice(None, None, -(-len(up) // 16))
    axes.set_yticks(np.arange(len(up))[some], [style.literal(text(v), 24) for v in up[some]])
    axes.tick_params(labelsize=10, length=0)


def _colour_bar(figure: Figure, panels: list[Axes], norm: Normalize, label: str) -> None:
    """One scale below all panels."""
    bar = figure.colorbar(
        style.colour_scale(norm, style.VALUE_COLOURS),
        ax=panels,
        location="bottom",
        aspect=34,
        pad=0.03,
    )
    bar.set_label(label, fontsize=10.5)
    bar.ax.tick_params(labelsize=10)
    if not isinstance(norm, LogNorm):
        bar.ax.xaxis.set_major_formatter(style.thousands)


def _fields_of_array(array: xr.DataArray, x: str, y: str) -> _Fields:
    if set(array.dims) != {x, y}:
        raise ValueError(
            f"a heat map over {x!r} and {y!r} needs an array with these dimensions, but it has "
            f"{', '.join(map(str, array.dims)) or 'none'}."
        )
    array = array.transpose(y, x)
    across, up = ([item(label) for label in array[name].values] for name in (x, y))
    label = str(array.attrs.get("long_name", array.name or "value"))
    unit = array.attrs.get("units")
    label = style.literal(f"{label} ({unit})" if unit else label)
    return {"": array.values.astype(np.float64)}, across, up, label


def _fields_of_cells(cells: list[Cell], x: str, y: str, quantity: str, panels: str | None) -> _Fields:
    if quantity not in _QUANTITIES:
        raise ValueError(f"unknown quantity {quantity!r}. Known: {', '.join(_QUANTITIES)}.")
    names = [name for name in (panels,) if name is not None and name not in (x, y)]
    found = by_labels(cells, [*names, y, x])
    across, up = (labels_on(having(found.values(), name), name) for name in (x, y))
    across, up = (sorted(v) if all(map(is_number, v)) else v for v in (across, up))
    label, value = _QUANTITIES[quantity]
    fields: dict[str, np.ndarray] = {}
    for key, cell in found.items():
        name = line_label(cells, names, key[:-2])
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


def _norm(values: np.ndarray) -> Normalize:
    """Linear, or logarithmic where values span orders of magnitude."""
    if not len(values):
        return Normalize(0, 1)
    low, high = float(values.min()), float(values.max())
    if low > 0 and high / low > WIDE:
        return LogNorm(low, high)
    positive = values[values > 0]
    if low == 0 and len(positive) and high / positive.min() > WIDE:
        return SymLogNorm(float(positive.min()), vmin=0, vmax=high)
    return Normalize(low, high if high > low else low + 1)


def _short(value: float) -> str:
    """At most five characters or so, for a field of a heat map."""
    if value == 0 or 0.01 <= abs(value) < 1e4:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:.1e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
