"""Where commitments lie on paper: the simplex as an interval or a triangle, a polytope as it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from jaxstack.game import Game

_TRIANGLE = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])  # action 0 left, 1 right, 2 on top


class Ground(NamedTuple):
    """Where commitments lie on paper, and what is written around them."""

    plane: np.ndarray  # [L, dimension]: x @ plane is the place
    corners: np.ndarray  # [c, dimension], of the strategy set, in turn
    names: list[str]  # of the leader actions; of a polytope, of the coordinates that are the axes
    is_simplex: bool


def ground_of(game: Game, names: list[str]) -> Ground:
    """The simplex as an interval or an equilateral triangle; a polytope over its free coordinates."""
    if game.strategies is None:
        plane = _TRIANGLE if game.dimension == 2 else np.eye(2)[:, :1]
        return Ground(plane, np.eye(len(names)) @ plane, names, True)
    free = game.strategies.frame.free
    plane = np.eye(len(names))[:, free]
    corners = game.strategies.outline @ plane
    if game.dimension == 2:
        corners = corners[np.argsort(np.arctan2(*(corners - corners.mean(axis=0)).T[::-1]))]
    return Ground(plane, corners, [names[k] for k in free], False)


def name_corners(axes: Axes, ground: Ground) -> None:
    """The leader actions of the triangle's corners."""
    places = ((-4, -9, "left", "top"), (4, -9, "right", "top"), (0, 8, "center", "bottom"))
    for corner, name, (dx, dy, ha, va) in zip(ground.corners, ground.names, places, strict=True):
        axes.annotate(
            name,
            corner,
            (dx, dy),
            textcoords="offset points",
            ha=ha,
            va=va,
            fontsize=12,
            annotation_clip=False,
        )
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.07, np.sqrt(3) / 2 + 0.06), aspect="equal")
    axes.set_axis_off()


def name_axes(axes: Axes, ground: Ground) -> None:
    """The coordinates of a polytope."""
    low, high = ground.corners.min(axis=0), ground.corners.max(axis=0)
    margin = 0.04 * (high - low)
    axes.set(
        xlim=(low[0] - margin[0], high[0] + margin[0]),
        ylim=(low[1] - margin[1], high[1] + margin[1]),
        xlabel=ground.names[0],
        ylabel=ground.names[1],
        aspect="equal" if max(high - low) < 4 * min(high - low) else "auto",
    )
    axes.spines[["top", "right"]].set_visible(False)
