"""Pictures of which regions a learner visits over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from jaxstack.plots import style
from jaxstack.regions.table import RegionTable
from jaxstack.regret import log_spaced_rounds

if TYPE_CHECKING:
    from jaxstack.simulation import Trace


def region_visits(
    traces: Trace | Sequence[Trace] | np.ndarray,
    table: RegionTable | None = None,
    solution: Any = None,
    title: str | None = None,
    max_regions: int = 6,
) -> Figure:
    """Where a learner spends its rounds: each region's share of them, over time.

    Time is cut into windows that are equally long on a logarithmic axis; a window's shares are over its
    rounds and over runs. The regions played most are drawn by themselves, all others as one.

    Args:
      traces: of `play`, one run or several of equal length; or region indices [T] or [S, T].
      table: the regions that were played; names the region of the optimum, with `solution`.
      solution: result of `solve`; the region of its `.response` [n, K] is marked.
      title: above the picture.
      max_regions: how many regions have an area of their own.

    Raises:
      ValueError: no rounds, runs of unequal length, a negative index or one beyond the table, or
        `max_regions` below 1.
    """
    visited = _visited(traces)
    if max_regions < 1:
        raise ValueError(f"max_regions must be at least 1, but {max_regions} arrived.")
    if table is not None and visited.max() >= table.padded_regions:
        raise ValueError(
            f"region {visited.max()} was played, but the table has {table.padded_regions} regions. Pass the "
            f"table that the run was played on."
        )
    optimal = -1
    if table is not None and solution is not None:
        same = (np.asarray(table.responses) == np.asarray(solution.response)).all(axis=(1, 2))
        optimal = int(np.argmax(same & table.region_mask)) if (same & table.region_mask).any() else -1
    horizon = visited.shape[1]
    starts = np.unique(np.append(log_spaced_rounds(horizon, 40), horizon + 1))  # of windows; the last ends
    window = np.searchsorted(starts, np.arange(1, horizon + 1), side="right") - 1
    regions, index = np.unique(visited, return_inverse=True)
    counts = np.zeros((len(regions), len(starts) - 1))
    np.add.at(counts, (index.reshape(visited.shape), np.broadcast_to(window, visited.shape)), 1)
    shares = counts / counts.sum(axis=0)
    # Most played on the picture, whose axis is logarithmic: early windows count like late ones.
    order = np.argsort(-shares @ np.diff(np.log(starts)), kind="stable")
    shown = order if len(order) == max_regions + 1 else order[:max_regions]
    others = len(order) - len(shown)

    figure = Figure(figsize=(7.6, 4.9), layout="constrained")
    axes = figure.subplots()
    low = np.zeros(len(starts) - 1)
    areas = [
        (shares[r], f"region {regions[r]}" + (" (optimum)" if regions[r] == optimal else "")) for r in shown
    ]
    if others:
        areas.append((shares[order[max_regions:]].sum(axis=0), f"{others:,} other regions"))
    for position, (share, label) in enumerate(areas):
        colour, hatch = style.AREA_STYLES[position % len(style.AREA_STYLES)]
        if others and position == len(shown):
            colour, hatch = "#E4E4E4", ""
        axes.stairs(
            low + share, starts, baseline=low, fill=True, label=label, facecolor=colour, hatch=hatch,
            edgecolor="white", linewidth=0.8,
        )  # fmt: skip
        low = low + share
    axes.set(xscale="log", xlim=(1, max(horizon + 1, 2)), ylim=(0, 1), xlabel="round $t$")
    axes.xaxis.set_major_formatter(style.thousands)
    axes.yaxis.set_major_formatter(lambda value, position: f"{100 * value:.0f}%")
    runs = f", {len(visited):,} runs" if len(visited) > 1 else ""
    axes.set_ylabel(f"share of rounds{runs}", fontsize=11)
    axes.xaxis.label.set_fontsize(11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=10)
    handles, labels = axes.get_legend_handles_labels()
    ncols = style.columns(figure, labels, 4)
    style.finish(figure, handles, labels, title, ncols=ncols, handlelength=2.6, handleheight=1.3)
    return figure


def _visited(traces: Any) -> np.ndarray:
    """Region indices [S, T] of traces or arrays."""
    if hasattr(traces, "region"):
        traces = [traces]
    runs = [np.asarray(getattr(run, "region", run)) for run in traces]
    if runs and runs[0].ndim == 0:  # one run, given as its indices
        runs = [np.asarray(runs)]
    lengths = {run.shape for run in runs}
    if len(lengths) != 1 or not runs[0].size or runs[0].ndim != 1:
        raise ValueError(
            f"region_visits needs runs of one length, [T] or [S, T] region indices, but shapes "
            f"{sorted(lengths)} arrived."
        )
    visited = np.stack(runs)
    if visited.dtype.kind not in "iu" or visited.min() < 0:
        raise ValueError(f"region indices must be whole numbers from 0, but {visited.dtype} arrived.")
    return visited
