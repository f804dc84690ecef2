"""Pictures: regret against rounds, and best-response regions coloured by the leader's expected utility.

Every function returns a `matplotlib.figure.Figure` that belongs to no window and no global state; write it
with `figure.savefig(path)`. Colours are those of Okabe and Ito, told apart with any colour vision, and every
line has a dash pattern and a marker of its own besides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from matplotlib.tri import Triangulation

from jaxstack.axes import Array, Float
from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game, check_types
from jaxstack.regions.table import RegionTable
from jaxstack.regret import log_spaced_rounds
from jaxstack.value import region_payoff_vectors

if TYPE_CHECKING:
    from jaxstack.regret import RegretCurve

_INK = "#222222"
_UTILITY_LABEL = "leader's expected utility $U_D(x)$ (payoff units)"
_MAX_MOVES = 48  # of a path that are drawn
_SUBDIVISIONS = 8  # of every triangle side, so that colours between corners follow the utility

# One style per learner, the same in every picture, whichever learners it shows: colour, dashes, marker.
_STYLES: dict[str, tuple[str, Any, str]] = {
    "erm_joint": ("#0072B2", "-", "o"),
    "erm_product": ("#E69F00", (0, (5, 2)), "s"),
    "region_ucb": ("#009E73", (0, (6, 2, 1.5, 2)), "^"),
    "oful": ("#D55E00", (0, (1.5, 1.5)), "D"),
    "uniform": ("#999999", (0, (8, 3)), "v"),
    "explore_then_commit": ("#CC79A7", (0, (4, 1.5, 1, 1.5, 1, 1.5)), "P"),
    "oracle": ("#56B4E9", (0, (3, 1)), "X"),
}
_OTHER_STYLES = (
    ("#CC79A7", (0, (3, 1, 1, 1)), "X"),
    ("#56B4E9", (0, (7, 1)), "P"),
    ("#000000", (0, (2, 2)), "v"),
)


def regret_curves(
    curves: Sequence[RegretCurve],
    bound: Callable[[np.ndarray], np.ndarray] | None = None,
    title: str | None = None,
    bound_label: str = "a theorem's rate (shape only)",
) -> Figure:
    """Cumulative expected regret against rounds, on linear axes and on logarithmic ones.

    Lines are means over runs, bands two standard errors to either side. A curve of a batch of games shows
    the average over the games.

    Args:
      curves: one per learner, each with `.rounds` [C], `.mean` and `.stderr` [C] or [G, C] in payoff units.
      bound: rounds [C] -> the rate of a theorem [C]. Constants of theorems are far from tight, so only its
        shape is drawn: a guide line scaled to end a little above the highest curve.
      title: above both panels.
      bound_label: of the guide line in the legend.

    Returns:
      A figure of two panels with one legend below them.

    Raises:
      ValueError: no curves.
    """
    if not curves:
        raise ValueError("regret_curves needs at least one curve, but an empty sequence arrived.")
    figure = Figure(figsize=(9.0, 4.7), layout="constrained")
    linear, logarithmic = figure.subplots(1, 2)
    highest = 0.0
    for position, curve in enumerate(curves):
        mean, error = average_over_games(curve)
        highest = max(highest, float(mean[-1]))
        colour, dashes, marker = _style(curve.learner, position)
        for axes in (linear, logarithmic):
            log = axes is logarithmic
            shown = mean > 0 if log else np.full(len(mean), True)
            x, y, e = np.asarray(curve.rounds)[shown], mean[shown], error[shown]
            e = np.nan_to_num(e)  # one run has no standard error
            low = np.maximum(y - 2 * e, y / 10 if log else -np.inf)  # a band below zero has no logarithm
            axes.fill_between(x, low, y + 2 * e, color=colour, alpha=0.22, linewidth=0)
            axes.plot(
                x,
                y,
                color=colour,
                linestyle=dashes,
                linewidth=1.9,
                marker=marker,
                markersize=5.5,
                markeredgecolor="white",
                markeredgewidth=0.7,
                markevery=_marks(x, position / max(len(curves), 1), log),
                label=curve.learner,
            )
    rounds = np.asarray(curves[0].rounds, np.float64)
    if bound is not None and highest > 0:
        rate = np.asarray(bound(rounds), np.float64)
        guide = rate * (1.25 * highest / rate[-1])
        for axes in (linear, logarithmic):
            axes.plot(rounds, guide, color="#555555", linewidth=1.2, linestyle=(0, (1, 2)), label=bound_label)
    linear.set(xlim=(0, rounds[-1] * 1.03), ylim=(min(0.0, linear.get_ylim()[0]), None))
    linear.xaxis.set_major_formatter(_thousands)
    linear.xaxis.set_major_locator(MaxNLocator(5))
    logarithmic.set(xscale="log", xlim=(max(rounds[0], 1.0), rounds[-1] * 1.05))
    linear.yaxis.set_major_formatter(_thousands)
    if highest > 0:
        logarithmic.set_yscale("log")
    for axes, name in ((linear, "linear axes"), (logarithmic, "logarithmic axes")):
        axes.set_xlabel("round $T$", fontsize=11)
        axes.set_title(name, fontsize=11, color="#555555")
        axes.grid(color="#DDDDDD", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=10)
    linear.set_ylabel("cumulative expected regret\n(payoff units)", fontsize=11)
    handles, labels = linear.get_legend_handles_labels()
    handles.append(Patch(color="#555555", alpha=0.25, linewidth=0))
    labels.append("bands: ± 2 standard errors")
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=min(len(labels), 3),
        frameon=False,
        fontsize=10.5,
        handlelength=3.4,
    )
    if title:
        figure.suptitle(title, fontsize=12.5, color=_INK)
    return figure


def regions(
    game: Game,
    types: TypeDistribution,
    table: RegionTable,
    solution: Any = None,
    path: Float[Array, "T L"] | None = None,
    names: Sequence[str] | None = None,
    title: str | None = None,
) -> Figure:
    """Best-response regions in the leader's simplex, coloured by the leader's expected utility U_D.

    Inside a region the utility is linear; it jumps across borders, so every region is coloured by itself.
    Where regions of a degenerate game overlap, the picture shows what the leader gets under the table's tie
    rule: the best of them. Flat regions (segments, points) stand out where they beat their neighbours.
    For L = 2 the simplex is the interval of x_0, and the utility is drawn as a function of it.

    Args:
      game: one game with L = 2 or 3.
      types: D, one distribution.
      table: its regions.
      solution: result of `solve`; its `.commitment` [L] is starred.
      path: commitments of a learner, round by round (`play(..).commitment`); coloured by round. A disc's area
        grows with the rounds spent there; of more than 48 moves a selection is drawn.
      names: [L], leader actions.
      title: above the picture.

    Raises:
      ValueError: L is neither 2 nor 3, a batch of games, or names or path of another length.
    """
    L = game.num_leader_actions
    if game.num_games is not None or table.num_games is not None:
        raise ValueError(f"regions draws one game, but {game!r} arrived. Use jaxstack.unstack(game, g).")
    if L not in (2, 3):
        raise ValueError(f"regions are drawn for L = 2 or 3 leader actions, but this game has L = {L}.")
    check_types(game, types)
    names = [f"leader action {leader}" for leader in range(L)] if names is None else list(names)
    if len(names) != L:
        raise ValueError(f"names must have L = {L} entries, but {len(names)} arrived: {names}.")
    if path is not None:
        path = np.asarray(path, np.float64)
        if path.ndim != 2 or path.shape[1] != L or not len(path):
            raise ValueError(f"path must have shape [T, L] with L = {L}, but has shape {path.shape}.")
    cells = _cells(game, types, table)
    if not cells:
        raise ValueError(f"regions needs a table with at least one region, but {table!r} has none.")
    draw = _interval if L == 2 else _triangle
    return draw(cells, solution, path, names, title)


def average_over_games(curve: RegretCurve) -> tuple[np.ndarray, np.ndarray]:
    """Mean regret and its standard error over runs, [C] each; for a batch, of the average over its games.

    Games share their draws, so a run is averaged over the games first. Without runs (`keep_runs=False`) the
    error is the mean of the games' errors, an upper bound.
    """
    mean, error = np.asarray(curve.mean, np.float64), np.asarray(curve.stderr, np.float64)
    if mean.ndim == 1:
        return mean, error
    if curve.regret is None or curve.num_runs < 2:
        return mean.mean(axis=0), error.mean(axis=0)
    runs = np.asarray(curve.regret, np.float64).mean(axis=0)
    return mean.mean(axis=0), runs.std(axis=0, ddof=1) / np.sqrt(curve.num_runs)


class _Cell(NamedTuple):
    """A region, with all the response maps that share it (more than one only when payoffs are equal)."""

    vertices: np.ndarray  # [v, L]
    vectors: np.ndarray  # [maps, L]: the leader's expected payoff vector of every map

    def utility(self, x: np.ndarray) -> np.ndarray:
        """U_D [..] at points [.., L] of the region, under the best of its maps."""
        return np.max(x @ self.vectors.T, axis=-1)


class _Cells(NamedTuple):
    """What is drawn: full-dimensional regions, and pieces of flat ones that beat all that they lie in."""

    full: list[_Cell]
    segments: list[tuple[np.ndarray, np.ndarray]]  # points [p, L] along a segment, and U_D there [p]
    points: list[tuple[np.ndarray, float]]  # a commitment [L], and U_D there
    norm: Normalize

    def __bool__(self) -> bool:
        return bool(self.full or self.segments or self.points)


def _cells(game: Game, types: TypeDistribution, table: RegionTable) -> _Cells:
    real = np.flatnonzero(table.region_mask)
    responses = np.asarray(table.responses)[real]
    vectors = region_payoff_vectors(game, types, responses)
    corners = [np.asarray(table.vertices[r])[np.asarray(table.vertex_mask[r])] for r in real]
    is_full = np.asarray(table.full_dimensional)[real]

    shared: dict[bytes, list[int]] = {}
    for position in np.flatnonzero(is_full):
        shared.setdefault((np.round(corners[position], 7) + 0.0).tobytes(), []).append(int(position))
    full = [_Cell(corners[maps[0]], vectors[maps]) for maps in shared.values()]

    segments, points = [], []
    for position in np.flatnonzero(~is_full):
        ends = corners[position]
        if len(ends) == 1:
            utility = ends @ vectors[position]
            if _pays(game, responses, vectors, ends, utility)[0]:
                points.append((ends[0], float(utility[0])))
            continue
        furthest = ends[np.argmax(((ends - ends[0]) ** 2).sum(axis=1))]
        along = np.linspace(ends[0], furthest, 385)
        utility = along @ vectors[position]
        pays = np.flatnonzero(_pays(game, responses, vectors, along, utility))
        for piece in np.split(pays, np.flatnonzero(np.diff(pays) > 1) + 1):
            if len(piece) > 1:
                segments.append((along[piece], utility[piece]))
    drawn = [cell.utility(cell.vertices) for cell in full] + [u for _, u in segments] + [u for _, u in points]
    values = np.concatenate([np.atleast_1d(u) for u in drawn]) if drawn else np.zeros(1)
    return _Cells(full, segments, points, Normalize(values.min(), max(values.max(), values.min() + 1e-12)))


def _pays(
    game: Game, responses: np.ndarray, vectors: np.ndarray, x: np.ndarray, utility: np.ndarray
) -> np.ndarray:
    """[p] bool: True where no response map that is played at x[p] earns the leader more than utility[p]."""
    payoffs = np.einsum("pl,nkla->pnka", x, game.follower)
    scale = max(float(np.ptp(game.follower)), 1e-300)
    optimal = payoffs >= payoffs.max(axis=-1, keepdims=True) - 1e-7 * scale
    followers, kinds = np.indices(responses.shape[1:])
    played = optimal[:, followers, kinds, responses].all(axis=(-2, -1))  # [p, R]
    best = np.where(played, x @ vectors.T, -np.inf).max(axis=1)
    return np.asarray(utility >= best - 1e-9 * max(1.0, np.abs(best).max()))


def _triangle(
    cells: _Cells, solution: Any, path: np.ndarray | None, names: list[str], title: str | None
) -> Figure:
    """L = 3: the simplex as an equilateral triangle."""
    figure = Figure(figsize=(7.6, 7.2 if path is not None else 6.6), layout="constrained")
    axes = figure.subplots()
    grids: list[np.ndarray] = []
    utilities: list[np.ndarray] = []
    triangles: list[np.ndarray] = []
    borders: list[np.ndarray] = []
    weights, small = _subdivided_triangle(_SUBDIVISIONS)
    for cell in cells.full:
        flat = _plane(cell.vertices)
        turn = np.argsort(np.arctan2(*(flat - flat.mean(axis=0)).T[::-1]))
        corners = cell.vertices[turn]
        borders.append(flat[[*turn, turn[0]]])
        for second in range(1, len(corners) - 1):
            grid = weights @ corners[[0, second, second + 1]]
            triangles.append(small + len(weights) * len(grids))
            grids.append(_plane(grid))
            utilities.append(cell.utility(grid))
    if grids:
        x, y = np.concatenate(grids).T
        mesh = Triangulation(x, y, np.concatenate(triangles))
        axes.tripcolor(
            mesh,
            np.concatenate(utilities),
            shading="gouraud",
            cmap=_UTILITY_COLOURS,
            norm=cells.norm,
            rasterized=True,
        )
    axes.add_collection(
        LineCollection(borders, colors="#404040", linewidths=0.7, joinstyle="round", zorder=2)
    )
    for along, utility in cells.segments:
        _coloured_line(axes, _plane(along), utility, cells.norm, zorder=3.2)
    for commitment, value in cells.points:
        _coloured_dot(axes, _plane(commitment), value, cells.norm)
    corners = _plane(np.eye(3))
    axes.plot(
        *np.vstack([corners, corners[:1]]).T, color=_INK, linewidth=1.4, solid_joinstyle="round", zorder=3
    )
    places = ((-4, -9, "left", "top"), (4, -9, "right", "top"), (0, 8, "center", "bottom"))
    for corner, name, (dx, dy, ha, va) in zip(corners, names, places, strict=True):
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
    bar = figure.colorbar(_scale(cells.norm, _UTILITY_COLOURS), ax=axes, shrink=0.8, pad=0.02, aspect=26)
    bar.set_label(_UTILITY_LABEL, fontsize=11)
    if path is not None:
        _draw_path(figure, axes, _plane(path), np.arange(1, len(path) + 1))
    if solution is not None:
        _star(axes, _plane(np.asarray(solution.commitment)), solution)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.07, np.sqrt(3) / 2 + 0.06), aspect="equal")
    axes.set_axis_off()
    _finish(figure, axes, title)
    return figure


def _interval(
    cells: _Cells, solution: Any, path: np.ndarray | None, names: list[str], title: str | None
) -> Figure:
    """L = 2: the utility over x_0 in [0, 1]; below it, rounds against the commitment played."""
    figure = Figure(figsize=(7.6, 6.4 if path is not None else 4.4), layout="constrained")
    if path is None:
        axes = figure.subplots()
    else:
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.5, 1))
    edges = sorted({float(x) for cell in cells.full for x in cell.vertices[:, 0]})
    for edge in edges[1:-1]:
        axes.axvline(edge, color="#BBBBBB", linewidth=0.8, zorder=0)
    for cell in cells.full:
        along = np.linspace(cell.vertices[0], cell.vertices[-1], 49)
        utility = cell.utility(along)
        _coloured_line(axes, np.column_stack([along[:, 0], utility]), utility, cells.norm, zorder=2)
    for commitment, value in cells.points:  # what only the followers' favour earns
        _coloured_dot(axes, np.array([commitment[0], value]), value, cells.norm)
    if solution is not None:
        _star(axes, np.array([solution.commitment[0], solution.value]), solution)
    if path is not None:
        rounds = np.arange(1, len(path) + 1)
        time = LogNorm(1, max(len(path), 2))
        below.scatter(
            path[:, 0], rounds, c=rounds, cmap=_TIME_COLOURS, norm=time, s=16, zorder=3, linewidths=0
        )
        below.set(yscale="log", ylabel="round $t$", ylim=(len(path) * 1.3, 0.8))
        below.yaxis.set_major_formatter(_thousands)
        for edge in edges[1:-1]:
            below.axvline(edge, color="#BBBBBB", linewidth=0.8, zorder=0)
        below.set_title("commitments that the learner played", fontsize=11, color="#555555")
    lowest = figure.axes[-1]
    lowest.set_xlabel(f"$x_0$, probability of {names[0]} (else {names[1]})", fontsize=11)
    axes.set(xlim=(-0.02, 1.02))
    axes.margins(y=0.12)
    axes.set_ylabel("leader's expected utility\n$U_D(x)$ (payoff units)", fontsize=11)
    for panel in figure.axes:
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=10)
    _finish(figure, axes, title)
    return figure


def _coloured_line(
    axes: Axes, places: np.ndarray, utility: np.ndarray, norm: Normalize, zorder: float
) -> None:
    """A line through places [p, 2], coloured by the utility along it and outlined."""
    axes.plot(
        *places.T, color=_INK, linewidth=5.0, solid_capstyle="round", solid_joinstyle="round", zorder=zorder
    )
    pieces = np.stack([places[:-1], places[1:]], axis=1)  # [p-1, 2, 2]
    line = LineCollection(list(pieces), cmap=_UTILITY_COLOURS, norm=norm, linewidths=3.2, zorder=zorder + 0.1)
    line.set_array((utility[1:] + utility[:-1]) / 2)
    line.set_capstyle("round")
    axes.add_collection(line)


def _coloured_dot(axes: Axes, place: np.ndarray, utility: float, norm: Normalize) -> None:
    _mark(axes, place, "o", 52, color=_UTILITY_COLOURS(norm(utility)), linewidths=1.0, zorder=4)


def _draw_path(figure: Figure, axes: Axes, places: np.ndarray, rounds: np.ndarray) -> None:
    """Moves as lines, places as discs whose area grows with the rounds spent there; colour is the round.

    Of a learner that moves more often than the eye can follow, moves between a few rounds are drawn,
    evenly spaced on the logarithmic scale of the colours.
    """
    norm = LogNorm(1, max(int(rounds[-1]), 2))
    stops = np.flatnonzero(np.abs(np.diff(places, axis=0)).max(axis=1) > 1e-12) + 1  # just arrived
    label = "every move"
    if len(stops) > _MAX_MOVES:
        stops = log_spaced_rounds(int(rounds[-1]), _MAX_MOVES)[1:] - 1
        label = f"moves between {len(stops) + 1} rounds, spaced as the colours"
    stops = np.concatenate([[0], stops])
    segments = list(np.stack([places[stops[:-1]], places[stops[1:]]], axis=1))
    axes.add_collection(LineCollection(segments, colors="white", linewidths=2.8, alpha=0.7, zorder=4.9))
    moves = LineCollection(segments, cmap=_TIME_COLOURS, norm=norm, linewidths=1.2, zorder=5)
    moves.set_array(rounds[stops[1:]].astype(float))
    axes.add_collection(moves)
    if segments:
        axes.plot([], [], color=_TIME_COLOURS(0.6), linewidth=1.6, label=label)
    spots, spot, visits = np.unique(np.round(places, 9), axis=0, return_inverse=True, return_counts=True)
    last = np.zeros(len(spots), np.int64)
    np.maximum.at(last, np.ravel(spot), rounds)
    sizes = 14 + 250 * visits / len(places)
    large_first = np.argsort(-sizes)
    spots, last, sizes = spots[large_first], last[large_first], sizes[large_first]
    style = {"cmap": _TIME_COLOURS, "norm": norm, "edgecolors": "white", "linewidths": 0.8}
    _mark(axes, spots, "o", sizes, c=last, zorder=6, **style)
    style = {"facecolors": "none", "linewidths": 1.6, "zorder": 9}
    _mark(axes, places[0], "o", 150, label="first round", **style)
    _mark(axes, places[-1], "s", 300, label="last round", **style)  # what a star does not hide
    bar = figure.colorbar(
        _scale(norm, _TIME_COLOURS), ax=axes, location="bottom", shrink=0.62, pad=0.06, aspect=34
    )
    bar.set_label("round $t$ (of a disc: last visit; its area: rounds spent there)", fontsize=11)


def _star(axes: Axes, place: np.ndarray, solution: Any) -> None:
    label = f"optimum $x^*$, $U_D(x^*)$ = {float(solution.value):.4g}"
    _mark(axes, place, "*", 330, label=label, zorder=8, color="#F0E442", linewidths=1.2)


def _mark(axes: Axes, places: np.ndarray, marker: str, size: Any, **style: Any) -> None:
    """Outlined markers at places [.., 2], not clipped where they overlap the frame."""
    x, y = np.atleast_2d(places).T
    axes.scatter(x, y, s=size, marker=marker, clip_on=False, **{"edgecolors": _INK, **style})


def _finish(figure: Figure, axes: Axes, title: str | None) -> None:
    """Legend below everything, title above."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=2 if len(labels) > 3 else 3,
            frameon=False,
            fontsize=10.5,
            markerscale=0.8,
        )
    if title:
        figure.suptitle(title, fontsize=12.5, color=_INK)


def _plane(x: np.ndarray) -> np.ndarray:
    """[.., 3] in the simplex -> [.., 2] in the triangle: action 0 left, action 1 right, action 2 on top."""
    return x @ np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])


def _subdivided_triangle(d: int) -> tuple[np.ndarray, np.ndarray]:
    """Barycentric weights [(d+1)(d+2)/2, 3] of a triangular grid, and its small triangles [d*d, 3]."""
    index = {(i, j): 0 for i in range(d + 1) for j in range(d + 1 - i)}
    index = {place: position for position, place in enumerate(index)}
    weights = np.array([(i, j, d - i - j) for i, j in index]) / d
    up = [(index[i, j], index[i + 1, j], index[i, j + 1]) for i, j in index if i + j < d]
    down = [(index[i + 1, j], index[i + 1, j + 1], index[i, j + 1]) for i, j in index if i + j < d - 1]
    return weights, np.array(up + down)


def _thousands(value: float, position: int | None = None) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"


def _scale(norm: Normalize, cmap: Any) -> Any:
    """What a colour bar is drawn from."""
    from matplotlib.cm import ScalarMappable

    return ScalarMappable(norm, cmap)


def _style(learner: str, position: int) -> tuple[str, Any, str]:
    """Colour, dashes and marker of a learner."""
    return _STYLES.get(learner) or _OTHER_STYLES[position % len(_OTHER_STYLES)]


def _marks(x: np.ndarray, shift: float, log: bool) -> list[int]:
    """Indices of about seven marked points, evenly spread on the axis, staggered between curves."""
    if len(x) < 2:
        return [0] if len(x) else []
    scale = np.log(x) if log else x.astype(float)
    step = (scale[-1] - scale[0]) / 7
    targets = scale[0] + step * (np.arange(7) + 0.25 + 0.75 * shift)
    return sorted({int(np.abs(scale - target).argmin()) for target in targets})


def _colours(name: str, *stops: str) -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list(name, stops)


# Light to deep blue, so that orange to dark red paths are seen on all of it, with any colour vision.
_UTILITY_COLOURS = _colours("utility", "#F7FBFF", "#D6E6F4", "#ABCFE5", "#6AAED6", "#3787C0", "#1F6FB0")
_TIME_COLOURS = _colours("time", "#FFD27F", "#FDAE3C", "#F0701F", "#C8310F", "#7F0000", "#2B0000")
