"""What is drawn upon regions: flat regions, a learner's path, the optimum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from jaxstack.plots import style
from jaxstack.plots.style import INK, TIME_COLOURS, UTILITY_COLOURS
from jaxstack.regret import log_spaced_rounds

_MAX_MOVES = 48  # of a path that are drawn


def coloured_line(
    axes: Axes, places: np.ndarray, utility: np.ndarray, norm: Normalize, zorder: float
) -> None:
    """A line through places [p, 2], coloured by the utility along it and outlined."""
    axes.plot(
        *places.T, color=INK, linewidth=5.0, solid_capstyle="round", solid_joinstyle="round", zorder=zorder
    )
    pieces = np.stack([places[:-1], places[1:]], axis=1)  # [p-1, 2, 2]
    line = LineCollection(list(pieces), cmap=UTILITY_COLOURS, norm=norm, linewidths=3.2, zorder=zorder + 0.1)
    line.set_array((utility[1:] + utility[:-1]) / 2)
    line.set_capstyle("round")
    axes.add_collection(line)


def coloured_dot(axes: Axes, place: np.ndarray, utility: float, norm: Normalize) -> None:
    """A point that is coloured by its utility."""
    mark(axes, place, "o", 52, color=UTILITY_COLOURS(norm(utility)), linewidths=1.0, zorder=4)


def draw_path(figure: Figure, axes: Axes, places: np.ndarray, rounds: np.ndarray) -> None:
    """Moves as lines, places as discs whose area grows with the rounds spent there; colour is the round.

    Of a learner that moves more often than the eye can follow, moves between a few rounds are drawn,
    evenly spaced on the logarithmic scale of the colours.
    """
    norm = LogNorm(1, max(int(rounds[-1]), 2))
    stops = np.flatnonzero(np.abs(np.diff(places, axis=0)).max(axis=1) > 1e-12) + 1  # just arrived
    label = "moves of the learner"
    if len(stops) > _MAX_MOVES:
        stops = log_spaced_rounds(int(rounds[-1]), _MAX_MOVES)[1:] - 1
        label = f"moves, at {len(stops) + 1} rounds of {int(rounds[-1]):,}"
    stops = np.concatenate([[0], stops])
    segments = list(np.stack([places[stops[:-1]], places[stops[1:]]], axis=1))
    axes.add_collection(LineCollection(segments, colors="white", linewidths=2.8, alpha=0.7, zorder=4.9))
    moves = LineCollection(segments, cmap=TIME_COLOURS, norm=norm, linewidths=1.2, zorder=5)
    moves.set_array(rounds[stops[1:]].astype(float))
    axes.add_collection(moves)
    if segments:
        axes.plot([], [], color=TIME_COLOURS(0.6), linewidth=1.6, label=label)
    spots, spot, visits = np.unique(np.round(places, 9), axis=0, return_inverse=True, return_counts=True)
    last = np.zeros(len(spots), np.int64)
    np.maximum.at(last, np.ravel(spot), rounds)
    sizes = 14 + 250 * visits / len(places)
    large_first = np.argsort(-sizes)
    spots, last, sizes = spots[large_first], last[large_first], sizes[large_first]
    look = {"cmap": TIME_COLOURS, "norm": norm, "edgecolors": "white", "linewidths": 0.8}
    mark(axes, spots, "o", sizes, c=last, zorder=6, **look)
    for place, marker, label in ((places[0], "o", "first round"), (places[-1], "s", "last round")):
        disc = float(sizes[np.abs(spots - place).sum(axis=1).argmin()])
        size = max(200.0 if marker == "o" else 330.0, 2.2 * disc)  # around what is there, a star too
        mark(axes, place, marker, size, facecolors="none", linewidths=4.2, zorder=9, edgecolors="white")
        mark(axes, place, marker, size, label=label, facecolors="none", linewidths=1.7, zorder=9.1)
    bar = figure.colorbar(
        style.colour_scale(norm, TIME_COLOURS), ax=axes, location="bottom", shrink=0.62, pad=0.06, aspect=34
    )
    bar.set_label(
        "round $t$; a disc has the colour of its last visit, and grows with the rounds spent there",
        fontsize=11,
    )


def star(axes: Axes, place: np.ndarray, solution: Any) -> None:
    """The optimum, with its value in the legend."""
    label = f"optimum $x^*$, $U_D(x^*)$ = {style.number(float(solution.value))}"
    mark(axes, place, "*", 330, label=label, zorder=8, color="#F0E442", linewidths=1.2)


def mark(axes: Axes, places: np.ndarray, marker: str, size: Any, **look: Any) -> None:
    """Outlined markers at places [.., 2], not clipped where they overlap the frame."""
    x, y = np.atleast_2d(places).T
    axes.scatter(x, y, s=size, marker=marker, clip_on=False, **{"edgecolors": INK, **look})


def write_within(
    axes: Axes, label: str, border: np.ndarray, busy: Sequence[np.ndarray], width: float
) -> None:
    """A few letters in a polygon [c + 1, 2], if they have room there away from what is drawn at busy places.

    Args:
      axes: where.
      label: what.
      border: corners of the polygon in turn, the first once more.
      busy: places [2] of stars and the like.
      width: of the whole picture, in units of the places.
    """
    crosses = border[:-1, 0] * border[1:, 1] - border[1:, 0] * border[:-1, 1]
    if not label or abs(crosses.sum()) < 1e-9 * width**2:
        return
    middle = ((border[:-1] + border[1:]) * crosses[:, None]).sum(axis=0) / (3 * crosses.sum())
    sides = np.diff(border, axis=0)
    normals = np.column_stack([-sides[:, 1], sides[:, 0]]) / np.linalg.norm(sides, axis=1)[:, None]
    for place in (middle, *(0.55 * middle + 0.45 * border[:-1])):
        room = np.abs(((place - border[:-1]) * normals).sum(axis=1)).min()  # to the nearest side
        away = min((np.linalg.norm(place - other) for other in busy), default=np.inf)
        if room > 0.0045 * (len(label) + 2) * width and away > 0.012 * (len(label) + 2) * width:
            halo = [withStroke(linewidth=2.0, foreground="white", alpha=0.7)]
            look = {"ha": "center", "va": "center", "fontsize": 8.5, "color": INK}
            axes.text(*place, label, path_effects=halo, **look)
            return
