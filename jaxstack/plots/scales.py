"""Axes of a picture: their scales, ticks and names."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from jaxstack.plots import style
from jaxstack.results import axis_words

WIDE = 20  # values that differ by more than this factor are drawn on a logarithmic scale
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


def scale_values(axes: Axes, values: np.ndarray) -> None:
    """A y axis for regrets: logarithmic where they span orders of magnitude, with zero where there is one."""
    positive = values[values > 0]
    wide = len(positive) > 0 and positive.max() / positive.min() > WIDE
    if wide and len(positive) == len(values):
        axes.set_yscale("log")
    elif wide:
        axes.set_yscale("symlog", linthresh=10 ** np.floor(np.log10(positive.min())), linscale=0.6)
    else:
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        axes.yaxis.set_major_formatter(style.thousands)


def slant(axes: Axes, degrees: int) -> None:
    """Tick labels of the x axis that are too long to stand side by side."""
    for label in axes.get_xticklabels():
        label.set(rotation=degrees, rotation_mode="anchor", horizontalalignment="right")
        if degrees == 90:
            label.set_verticalalignment("center")


def axis_label(axis: str) -> str:
    """An axis of a sweep in words, or its name."""
    return _AXIS_LABELS.get(axis) or style.literal(axis_words(axis))
