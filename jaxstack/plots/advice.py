"""What a log speaks for: commitments side by side, and what they earn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxstack.plots import style
from jaxstack.plots.style import INK, MUTED

if TYPE_CHECKING:
    from jaxstack.data import Advice

_MOST_ROWS = 16  # leader actions that are drawn
_COLOURS = {"posted so far": "#999999", "next": "#0072B2"}  # and the best
_MARKERS = {"posted so far": "v", "next": "o"}
_BEST_COLOUR, _BEST_MARKER = "#E69F00", "s"


def advice(advice: Advice, title: str | None = None) -> Figure:
    """What was posted, what to post next and what would have been best; and what each earns a round.

    Bars of a leader action are its probabilities. Of more than 16 actions those are drawn that have most of
    them. Whiskers are 95 % intervals: of the mean over the log's rounds, and of the estimate.

    Args:
      advice: from `jaxstack.advise`.
      title: above the picture.
    """
    shown = advice.commitments
    names = advice.next.words.leader
    rows = np.argsort(-np.max(list(shown.values()), axis=0), kind="stable")[:_MOST_ROWS]
    rows = np.sort(rows)
    figure = Figure(figsize=(9.6, 2.6 + 0.62 * len(rows)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    _bars(left, shown, rows, [names[row] for row in rows], advice.next.words.game.strategies is None)
    _earnings(right, advice)
    handles, labels = left.get_legend_handles_labels()
    style.finish(figure, handles, labels, title, ncols=len(shown))
    return figure


def _bars(
    axes: Axes, shown: dict[str, np.ndarray], rows: np.ndarray, names: list[str], simplex: bool
) -> None:
    height = 0.8 / len(shown)
    for place, (name, x) in enumerate(shown.items()):
        at = np.arange(len(rows)) + (place - (len(shown) - 1) / 2) * height
        axes.barh(at, x[rows], 0.9 * height, color=_COLOURS.get(name, _BEST_COLOUR), label=name)
        for y, value in zip(at, x[rows], strict=True):
            axes.text(max(value, 0), y, f" {value:.2f}", va="center", fontsize=9, color=MUTED)
    axes.set_yticks(np.arange(len(rows)), [style.literal(name, 34) for name in names])
    axes.invert_yaxis()
    axes.set_xlabel("probability" if simplex else "value", color=INK)
    style.tidy(axes)
    axes.margins(x=0.12)
    axes.grid(axis="y", visible=False)


def _earnings(axes: Axes, advice: Advice) -> None:
    low, high = advice.expected.interval
    none = float("nan")
    points = dict.fromkeys(advice.commitments, (advice.in_hindsight, none, none))
    points["next"] = (advice.expected.value, *advice.expected.interval)
    points.pop("posted so far", None)
    if advice.earned is not None:
        points = {"posted so far": (advice.earned.value, *advice.earned.interval)} | points
    for place, (name, (value, low, high)) in enumerate(points.items()):
        colour = _COLOURS.get(name, _BEST_COLOUR)
        if np.isfinite([low, high]).all():
            axes.plot([low, high], [place, place], color=colour, linewidth=2.2, zorder=1)
        axes.plot(value, place, _MARKERS.get(name, _BEST_MARKER), color=colour, markersize=8, zorder=2)
        axes.annotate(
            f"{value:.4g}".replace("-", "\N{MINUS SIGN}"),
            (value, place),
            (0, 8),
            textcoords="offset points",
            ha="center",
            color=INK,
        )
    axes.set_yticks(range(len(points)), list(points))
    axes.set_ylim(len(points) - 0.5, -0.5)
    axes.set_xlabel("payoff units per round\n(bars: 95 % intervals)", color=INK)
    style.tidy(axes)
    axes.margins(x=0.15)
    axes.grid(axis="y", visible=False)
