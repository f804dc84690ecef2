"""Pictures of best-response regions: the leader's expected utility over the simplex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm, Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.tri import Triangulation

from jaxstack.axes import Array, Float
from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game, check_types
from jaxstack.plots import style
from jaxstack.plots.marks import coloured_dot, coloured_line, draw_path, star, write_within
from jaxstack.plots.region_names import extent, label
from jaxstack.plots.style import INK, TIME_COLOURS, UTILITY_COLOURS
from jaxstack.regions.table import RegionTable, check_table
from jaxstack.scenarios.files.names import checked
from jaxstack.value import region_payoff_vectors

_UTILITY_LABEL = "leader's expected utility $U_D(x)$ (payoff units)"
_TRIANGLE = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])  # action 0 left, 1 right, 2 on top
_SUBDIVISIONS = 8  # of every triangle side, so that colours between corners follow the utility


def regions(
    game: Game,
    types: TypeDistribution,
    table: RegionTable,
    solution: Any = None,
    path: Float[Array, "T L"] | None = None,
    names: Sequence[str] | None = None,
    title: str | None = None,
    action_names: Any = None,
) -> Figure:
    """Best-response regions in the leader's strategy set, coloured by the leader's expected utility U_D.

    Inside a region the utility is linear; it jumps across borders, so every region is coloured by itself.
    Digits say how followers answer there, where they are few enough to be written: "01 2" is action 0 of the
    first follower's type 0 and 1 of its type 1, and 2 of the second follower's.
    Where regions of a degenerate game overlap, the picture shows what the leader gets under the table's tie
    rule: the best of them. Flat regions (segments, points) stand out where they beat their neighbours.
    For L = 2 the simplex is the interval of x_0, and the utility is drawn as a function of it. A polytope is
    drawn as it is, over the one or two of its coordinates that determine the others.

    Args:
      game: one game with L = 2 or 3, or a strategy set of dimension 1 or 2.
      types: D, one distribution.
      table: its regions.
      solution: result of `solve`; its `.commitment` [L] is starred.
      path: commitments of a learner, round by round (`play(..).commitment`); coloured by round. A disc's area
        grows with the rounds spent there; of more than 48 moves a selection is drawn.
      names: [L], leader actions; coordinates of a strategy set.
      title: above the picture.
      action_names: [A], or [n][A_i], followers' actions, as in game files. Given, words stand for the digits
        where they fit: a line for each follower, types in their order if they differ.

    Raises:
      ValueError: a set of neither 1 nor 2 dimensions (L is neither 2 nor 3), a batch of games, or names or
        path of another length.
    """
    L = game.num_leader_actions
    if game.num_games is not None or table.num_games is not None:
        raise ValueError(f"regions draws one game, but {game!r} arrived. Use jaxstack.unstack(game, g).")
    if game.dimension not in (1, 2):
        has = f"L = {L}" if game.strategies is None else repr(game.strategies)
        raise ValueError(
            f"regions are drawn for L = 2 or 3 leader actions, or in 1 or 2 dimensions, but this game "
            f"has {has}."
        )
    check_types(game, types)
    check_table(game, table)
    word = "leader action" if game.strategies is None else "coordinate"
    names = [f"{word} {leader}" for leader in range(L)] if names is None else list(names)
    if len(names) != L:
        raise ValueError(f"names must have L = {L} entries, but {len(names)} arrived: {names}.")
    if path is not None:
        path = np.asarray(path, np.float64)
        if path.ndim != 2 or path.shape[1] != L or not len(path):
            raise ValueError(f"path must have shape [T, L] with L = {L}, but has shape {path.shape}.")
    if action_names is not None:
        action_names = checked(game, {"action_names": action_names})["action_names"]
    cells = _cells(game, types, table, action_names)
    if not cells:
        raise ValueError(f"regions needs a table with at least one region, but {table!r} has none.")
    names = [style.literal(name, 80) for name in names]
    if game.dimension == 1:
        return _interval(cells, solution, path, _ground(game, names), title)
    return _area(cells, solution, path, _ground(game, names), title)


class _Ground(NamedTuple):
    """Where commitments lie on paper, and what is written around them."""

    plane: np.ndarray  # [L, dimension]: x @ plane is the place
    corners: np.ndarray  # [c, dimension], of the strategy set, in turn
    names: list[str]  # of the leader actions; of a polytope, of the coordinates that are the axes
    is_simplex: bool


def _ground(game: Game, names: list[str]) -> _Ground:
    """The simplex as an interval or an equilateral triangle; a polytope over its free coordinates."""
    if game.strategies is None:
        plane = _TRIANGLE if game.dimension == 2 else np.eye(2)[:, :1]
        return _Ground(plane, np.eye(len(names)) @ plane, names, True)
    free = game.strategies.frame.free
    plane = np.eye(len(names))[:, free]
    corners = game.strategies.outline @ plane
    if game.dimension == 2:
        corners = corners[np.argsort(np.arctan2(*(corners - corners.mean(axis=0)).T[::-1]))]
    return _Ground(plane, corners, [names[k] for k in free], False)


class _Cell(NamedTuple):
    """A region, with all the response maps that share it (more than one only when payoffs are equal)."""

    vertices: np.ndarray  # [v, L]
    vectors: np.ndarray  # [maps, L]: the leader's expected payoff vector of every map
    label: str = ""  # what followers do there

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


def _cells(game: Game, types: TypeDistribution, table: RegionTable, action_names: Any = None) -> _Cells:
    real = np.flatnonzero(table.region_mask)
    responses = np.asarray(table.responses)[real]
    vectors = region_payoff_vectors(game, types, responses)
    corners = [np.asarray(table.vertices[r])[np.asarray(table.vertex_mask[r])] for r in real]
    is_full = np.asarray(table.full_dimensional)[real]

    shared: dict[bytes, list[int]] = {}
    for position in np.flatnonzero(is_full):
        shared.setdefault((np.round(corners[position], 7) + 0.0).tobytes(), []).append(int(position))
    full = [
        _Cell(corners[maps[0]], vectors[maps], label(game, responses[maps], action_names))
        for maps in shared.values()
    ]

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
    return _Cells(full, segments, points, _norm(values, full))


def _norm(values: np.ndarray, full: list[_Cell]) -> Normalize:
    """Colours for utilities, stretched so that half of the set is darker than the middle of the scale.

    Where most commitments earn nearly as much as the optimum, equal steps would leave one colour around it.
    """
    low, high = float(values.min()), max(float(values.max()), float(values.min()) + 1e-12)
    middle = [cell.utility(cell.vertices.mean(axis=0)) for cell in full]
    sizes = [np.ptp(cell.vertices, axis=0).prod() ** (1 / cell.vertices.shape[1]) for cell in full]
    if not full or not np.sum(sizes) > 0:
        return Normalize(low, high)
    order = np.argsort(middle)
    share = np.cumsum(np.array(sizes)[order]) / np.sum(sizes)
    median = (np.array(middle)[order][np.searchsorted(share, 0.5)] - low) / (high - low)
    power = np.log(0.5) / np.log(np.clip(median, 0.05, 0.95))
    return PowerNorm(float(np.clip(power, 1.0, 5.0)), low, high) if power > 1.3 else Normalize(low, high)


def _pays(
    game: Game, responses: np.ndarray, vectors: np.ndarray, x: np.ndarray, utility: np.ndarray
) -> np.ndarray:
    """[p] bool: True where no response map that is played at x[p] earns the leader more than utility[p]."""
    payoffs = np.einsum("pl,nkla->pnka", x, game.follower)
    if game.playable is not None:
        payoffs = np.where(game.playable, payoffs, -np.inf)
    scale = max(float(np.ptp(game.follower)), 1e-300)
    optimal = payoffs >= payoffs.max(axis=-1, keepdims=True) - 1e-7 * scale
    followers, kinds = np.indices(responses.shape[1:])
    played = optimal[:, followers, kinds, responses].all(axis=(-2, -1))  # [p, R]
    best = np.where(played, x @ vectors.T, -np.inf).max(axis=1)
    return np.asarray(utility >= best - 1e-9 * max(1.0, np.abs(best).max()))


def _area(
    cells: _Cells, solution: Any, path: np.ndarray | None, ground: _Ground, title: str | None
) -> Figure:
    """Two dimensions: the simplex as an equilateral triangle, a polytope as it is."""
    figure = Figure(figsize=(7.6, 7.2 if path is not None else 6.6), layout="constrained")
    axes = figure.subplots()
    grids: list[np.ndarray] = []
    utilities: list[np.ndarray] = []
    triangles: list[np.ndarray] = []
    borders: list[np.ndarray] = []
    weights, small = _subdivided_triangle(_SUBDIVISIONS)
    for cell in cells.full:
        flat = cell.vertices @ ground.plane
        turn = np.argsort(np.arctan2(*(flat - flat.mean(axis=0)).T[::-1]))
        corners = cell.vertices[turn]
        borders.append(flat[[*turn, turn[0]]])
        for second in range(1, len(corners) - 1):
            grid = weights @ corners[[0, second, second + 1]]
            triangles.append(small + len(weights) * len(grids))
            grids.append(grid @ ground.plane)
            utilities.append(cell.utility(grid))
    if grids:
        x, y = np.concatenate(grids).T
        mesh = Triangulation(x, y, np.concatenate(triangles))
        axes.tripcolor(
            mesh,
            np.concatenate(utilities),
            shading="gouraud",
            cmap=UTILITY_COLOURS,
            norm=cells.norm,
            rasterized=True,
        )
    axes.add_collection(
        LineCollection(borders, colors="#404040", linewidths=0.7, joinstyle="round", zorder=2)
    )
    for along, utility in cells.segments:
        coloured_line(axes, along @ ground.plane, utility, cells.norm, zorder=3.2)
    for commitment, value in cells.points:
        coloured_dot(axes, commitment @ ground.plane, value, cells.norm)
    axes.plot(
        *np.vstack([ground.corners, ground.corners[:1]]).T,
        color=INK,
        linewidth=1.4,
        solid_joinstyle="round",
        zorder=3,
    )
    (_name_corners if ground.is_simplex else _name_axes)(axes, ground)
    bar = figure.colorbar(
        style.colour_scale(cells.norm, UTILITY_COLOURS), ax=axes, shrink=0.8, pad=0.02, aspect=26
    )
    bar.set_label(_UTILITY_LABEL, fontsize=11)
    bar.set_ticks(_spread_ticks(cells.norm), minor=False)
    bar.minorticks_off()
    bar.ax.yaxis.set_major_formatter(style.thousands)
    if path is not None:
        draw_path(figure, axes, path @ ground.plane, np.arange(1, len(path) + 1))
    busy = [] if path is None else [path[0] @ ground.plane, path[-1] @ ground.plane]
    if solution is not None:
        busy.append(np.asarray(solution.commitment) @ ground.plane)
        star(axes, busy[-1], solution)
    for cell, border in zip(cells.full, borders, strict=True):
        write_within(axes, cell.label, border, busy, float(np.ptp(ground.corners[:, 0])))
    _finish(figure, axes, title, any(cell.label.replace(" ", "").isdigit() for cell in cells.full))
    return figure


def _spread_ticks(norm: Normalize) -> list[float]:
    """Round utilities from the top down, as far apart in their colours as labels need."""
    ticks: list[float] = []
    for tick in MaxNLocator(12).tick_values(float(norm.vmin), float(norm.vmax))[::-1]:  # type: ignore[arg-type]
        inside = norm.vmin <= tick <= norm.vmax  # type: ignore[operator]
        if inside and (not ticks or norm(ticks[-1]) - norm(tick) >= 0.055):
            ticks.append(float(tick))
    return ticks


def _name_corners(axes: Axes, ground: _Ground) -> None:
    """The leader actions of the triangle's corners."""
    places = ((-4, -15, "left", "top"), (4, -15, "right", "top"), (0, 15, "center", "bottom"))
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
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.09, np.sqrt(3) / 2 + 0.08), aspect="equal")
    axes.set_axis_off()


def _name_axes(axes: Axes, ground: _Ground) -> None:
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


def _interval(
    cells: _Cells, solution: Any, path: np.ndarray | None, ground: _Ground, title: str | None
) -> Figure:
    """One dimension: the utility over x_0; below it, rounds against the commitment played."""
    figure = Figure(figsize=(7.6, 6.4 if path is not None else 4.4), layout="constrained")
    if path is None:
        axes = figure.subplots()
    else:
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.5, 1))
    axis = ground.plane[:, 0]
    edges = sorted({float(x) for cell in cells.full for x in cell.vertices @ axis})
    for edge in edges[1:-1]:
        axes.axvline(edge, color="#BBBBBB", linewidth=0.8, zorder=0)
    for cell in cells.full:
        along = np.linspace(cell.vertices[0], cell.vertices[-1], 49)
        utility = cell.utility(along)
        coloured_line(axes, np.column_stack([along @ axis, utility]), utility, cells.norm, zorder=2)
    for commitment, value in cells.points:  # what only the followers' favour earns
        coloured_dot(axes, np.array([commitment @ axis, value]), value, cells.norm)
    if solution is not None:
        star(axes, np.array([solution.commitment @ axis, solution.value]), solution)
    if path is not None:
        rounds = np.arange(1, len(path) + 1)
        time = LogNorm(1, max(len(path), 2))
        below.scatter(
            path @ axis, rounds, c=rounds, cmap=TIME_COLOURS, norm=time, s=16, zorder=3, linewidths=0
        )
        below.set(yscale="log", ylabel="round $t$", ylim=(len(path) * 1.3, 0.8))
        below.yaxis.set_major_formatter(style.thousands)
        for edge in edges[1:-1]:
            below.axvline(edge, color="#BBBBBB", linewidth=0.8, zorder=0)
        below.set_title("commitments that the learner played", fontsize=11, color="#555555")
    for cell in cells.full:
        left, right = np.sort(cell.vertices @ axis)[[0, -1]]
        if cell.label and right - left > 0.016 * extent(cell.label) * np.ptp(ground.corners):
            place = ((left + right) / 2, 0.985)
            axes.annotate(
                cell.label,
                place,
                xycoords=("data", "axes fraction"),
                ha="center",
                va="top",
                fontsize=9,
                color=style.MUTED,
            )
    lowest = figure.axes[-1]
    names, (low, *_, high) = ground.names, np.sort(ground.corners[:, 0])
    along_axis = f"$x_0$, probability of {names[0]} (else {names[1]})" if ground.is_simplex else names[0]
    lowest.set_xlabel(along_axis, fontsize=11)
    axes.set(xlim=(low - 0.02 * (high - low), high + 0.02 * (high - low)))
    axes.margins(y=0.12)
    axes.yaxis.set_major_formatter(style.thousands)
    axes.set_ylabel("leader's expected utility\n$U_D(x)$ (payoff units)", fontsize=11)
    for panel in figure.axes:
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=10)
    _finish(figure, axes, title, any(cell.label.replace(" ", "").isdigit() for cell in cells.full))
    return figure


def _finish(figure: Figure, axes: Axes, title: str | None, written: bool) -> None:
    """Legend below everything, title above."""
    handles, labels = axes.get_legend_handles_labels()
    if written:
        handles.append(axes.plot([], [], color="none")[0])
        labels.append("digits: actions of the types, follower by follower")
    style.finish(figure, handles, labels, title, ncols=2 if len(labels) > 3 else 3, markerscale=0.55)


def _subdivided_triangle(d: int) -> tuple[np.ndarray, np.ndarray]:
    """Barycentric weights [(d+1)(d+2)/2, 3] of a triangular grid, and its small triangles [d*d, 3]."""
    index = {(i, j): 0 for i in range(d + 1) for j in range(d + 1 - i)}
    index = {place: position for position, place in enumerate(index)}
    weights = np.array([(i, j, d - i - j) for i, j in index]) / d
    up = [(index[i, j], index[i + 1, j], index[i, j + 1]) for i, j in index if i + j < d]
    down = [(index[i + 1, j], index[i + 1, j + 1], index[i, j + 1]) for i, j in index if i + j < d - 1]
    return weights, np.array(up + down)
