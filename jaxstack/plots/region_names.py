"""What followers answer in a region, in words, written into the picture of it where it fits."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from jaxstack.axes import Float, Int
from jaxstack.game import Game
from jaxstack.plots import style
from jaxstack.scenarios.files import names

_SIZE = 8.0  # of letters, points
_INCHES = 5.8  # of the axes, about
_LETTER, _LINE = 0.6 * _SIZE / 72 / _INCHES, 1.3 * _SIZE / 72 / _INCHES  # of the width of the axes


def answers(game: Game, response: Int[np.ndarray, "n K"], action_names: Any) -> list[str]:
    """A line for each follower: its action, or those of its types in their order where they differ.

    Args:
      game: one game.
      response: what follower types play.
      action_names: [A], or [n][A_i], checked.
    """
    lines = []
    actions = game.actions_by_follower.tolist()
    for i, num_types in enumerate(game.types_by_follower.tolist()):
        words = names.of_follower(action_names, i, actions[i], "action")
        played = [style.literal(words[int(action)], 40) for action in response[i, :num_types]]
        lines.append(played[0] if len(set(played)) == 1 else " / ".join(played))
    return lines


def write(axes: Axes, polygon: Float[np.ndarray, "v 2"], lines: list[str], width: float) -> None:
    """Lines in the middle of a convex polygon, unless they reach across its border.

    Args:
      axes: already of their final limits.
      polygon: vertices in turn, counter-clockwise.
      lines: of text.
      width: of the axes, in the units of the polygon.
    """
    middle = polygon.mean(axis=0)
    low, high = axes.get_ylim()
    tall = (high - low) / width if axes.get_aspect() == "auto" else 1.0
    half = np.array([max(map(len, lines)) * _LETTER, len(lines) * _LINE * tall]) * width / 2
    corners = middle + half * np.array([(-1, -1), (-1, 1), (1, -1), (1, 1)])
    edges = np.roll(polygon, -1, axis=0) - polygon
    normals = np.column_stack([-edges[:, 1], edges[:, 0]])  # inwards
    if ((corners[:, None] - polygon) * normals).sum(axis=-1).min() >= 0:
        x, y = middle
        axes.text(x, y, "\n".join(lines), ha="center", va="center", fontsize=_SIZE, zorder=2.5)


def write_upright(axes: Axes, low: float, high: float, lines: list[str], width: float) -> None:
    """Lines above an interval of the first axis that is wide enough for them."""
    if high - low >= len(lines) * _LINE * width:
        axes.text(
            (low + high) / 2,
            1.02,
            "\n".join(lines),
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="bottom",
            rotation=90,
            fontsize=_SIZE,
        )
