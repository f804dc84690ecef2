"""Pictures of best-response regions: the leader's expected utility over the simplex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation

from jaxstack.axes import Array, Float
from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game, check_types
from jaxstack.plots import region_names, style
from jaxstack.plots.ground import Ground, ground_of, name_axes, name_corners
from jaxstack.plots.region_names import answers
from jaxstack.plots.style import INK, TIME_COLOURS, UTILITY_COLOURS
from jaxstack.regions.table import RegionTable
from jaxstack.regret import log_spaced_rounds
from jaxstack.scenarios.files.names import checked
from jaxstack.value import region_payoff_vectors

_UTILITY_LABEL = "leader's expected utility $U_D(x)$ (payoff units)"
_MAX_MOVES = 48  # of a path that are drawn
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
      action_names: [A], or [n][A_i], followers' actions, as in game files. Given, regions are told by what is
        answered in them where that fits: a line for each follower, types in their order if they differ.

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
    word = "leader action" if game.strategies is None else "coordinate"
    names = [f"{word} {leader}" for leader in range(L)] if names is None else list(names)
    if len(names) != L:
        raise ValueError(f"names must have L = {L} entries, but {len(names)} arrived: {names}.")
    if path is not None:
        path = np.asarray(path, np.float64)
        if path.ndim != 2 or path.shape[1] != L or not len(path):
            raise ValueError(f"path must have shape [T, L] with L = {L}, but has shape {path.shape}.")
    cells = _cells(game, types, table)
    if action_names is not None:
        words = checked(game, {"action_names": action_names})["action_names"]
        cells = cells._replace(answers=[answers(game, cell.response, words) for cell in cells.full])
    if not cells:
        raise ValueError(f"regions needs a table with at least one region, but {table!r} has none.")
    names = [style.literal(name, 80) for name in names]
    if game.dimension == 1:
        return _interval(cells, solution, path, ground_of(game, names), title)
    return _area(cells, solution, path, ground_of(game, names), title)


class _Cell(NamedTuple):
    """A region, with all the response maps that share it (more than one only when payoffs are equal)."""

    vertices: np.ndarray  # [v, L]
    vectors: np.ndarray  # [maps, L]: the leader's expected payoff vector of every map
    response: np.ndarray  # [n, K], the first of the maps

    def utility(self, x: np.ndarray) -> np.ndarray:
        """U_D [..] at points [.., L] of the region, under the best of its maps."""
        return np.max(x @ self.vectors.T, axis=-1)


class _Cells(NamedTuple):
    """What is drawn: full-dimensional regions, and pieces of flat ones that beat all that they lie in."""

    full: list[_Cell]
    segments: list[tuple[np.ndarray, np.ndarray]]  # points [p, L] along a segment, and U_D there [p]
    points: list[tuple[np.ndarray, float]]  # a commitment [L], and U_D there
    norm: Normalize
    answers: list[list[str]] | None = None  # of every full-dimensional region, in words

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
    full = [_Cell(corners[maps[0]], vectors[maps], responses[maps[0]]) for maps in shared.values()]

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
    if game.playable is not None:
        payoffs = np.where(game.playable, payoffs, -np.inf)
    scale = max(float(np.ptp(game.follower)), 1e-300)
    optimal = payoffs >= payoffs.max(axis=-1, keepdims=True) - 1e-7 * scale
    followers, kinds = np.indices(responses.shape[1:])
    played = optimal[:, followers, kinds, responses].all(axis=(-2, -1))  # [p, R]
    best = np.where(played, x @ vectors.T, -np.inf).max(axis=1)
    return np.asarray(utility >= best - 1e-9 * max(1.0, np.abs(best).max()))


def _area(cells: _Cells, solution: Any, path: np.ndarray | None, ground: Ground, title: str | None) -> Figure:
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
        _coloured_line(axes, along @ ground.plane, utility, cells.norm, zorder=3.2)
    for commitment, value in cells.points:
        _coloured_dot(axes, commitment @ ground.plane, value, cells.norm)
    axes.plot(
        *np.vstack([ground.corners, ground.corners[:1]]).T,
        color=INK,
        linewidth=1.4,
        solid_joinstyle="round",
        zorder=3,
    )
    (name_corners if ground.is_simplex else name_axes)(axes, ground)
    for border, lines in zip(borders, cells.answers or [], strict=cells.answers is not None):
        region_names.write(axes, border[:-1], lines, float(np.ptp(ground.corners[:, 0])))
    bar = figure.colorbar(
        style.colour_scale(cells.norm, UTILITY_COLOURS), ax=axes, shrink=0.8, pad=0.02, aspect=26
    )
    bar.set_label(_UTILITY_LABEL, fontsize=11)
    if path is not None:
        _draw_path(figure, axes, path @ ground.plane, np.arange(1, len(path) + 1))
    if solution is not None:
        _star(axes, np.asarray(solution.commitment) @ ground.plane, solution)
    _finish(figure, axes, title)
    return figure


def _interval(
    cells: _Cells, solution: Any, path: np.ndarray | None, ground: Ground, title: str | None
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
        _coloured_line(axes, np.column_stack([along @ axis, utility]), utility, cells.norm, zorder=2)
    for cell, lines in zip(cells.full, cells.answers or [], strict=cells.answers is not None):
        ends = np.sort(cell.vertices @ axis)
        region_names.write_upright(axes, ends[0], ends[-1], lines, float(np.ptp(ground.corners)))
    for commitment, value in cells.points:  # what only the followers' favour earns
        _coloured_dot(axes, np.array([commitment @ axis, value]), value, cells.norm)
    if solution is not None:
        _star(axes, np.array([solution.commitment @ axis, solution.value]), solution)
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
    lowest = figure.axes[-1]
    names, (low, *_, high) = ground.names, np.sort(ground.corners[:, 0])
    label = f"$x_0$, probability of {names[0]} (else {names[1]})" if ground.is_simplex else names[0]
    lowest.set_xlabel(label, fontsize=11)
    axes.set(xlim=(low - 0.02 * (high - low), high + 0.02 * (high - low)))
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
        *places.T, color=INK, linewidth=5.0, solid_capstyle="round", solid_joinstyle="round", zorder=zorder
    )
    pieces = np.stack([places[:-1], places[1:]], axis=1)  # [p-1, 2, 2]
    line = LineCollection(list(pieces), cmap=UTILITY_COLOURS, norm=norm, linewidths=3.2, zorder=zorder + 0.1)
    line.set_array((utility[1:] + utility[:-1]) / 2)
    line.set_capstyle("round")
    axes.add_collection(line)


def _coloured_dot(axes: Axes, place: np.ndarray, utility: float, norm: Normalize) -> None:
    _mark(axes, place, "o", 52, color=UTILITY_COLOURS(norm(utility)), linewidths=1.0, zorder=4)


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
    _mark(axes, spots, "o", sizes, c=last, zorder=6, **look)
    look = {"facecolors": "none", "linewidths": 1.6, "zorder": 9}
    _mark(axes, places[0], "o", 150, label="first round", **look)
    _mark(axes, places[-1], "s", 300, label="last round", **look)  # what a star does not hide
    bar = figure.colorbar(
        style.colour_scale(norm, TIME_COLOURS), ax=axes, location="bottom", shrink=0.62, pad=0.06, aspect=34
    )
    bar.set_label("round $t$ (of a disc: last visit; its area: rounds spent there)", fontsize=11)


def _star(axes: Axes, place: np.ndarray, solution: Any) -> None:
    label = f"optimum $x^*$, $U_D(x^*)$ = {float(solution.value):.4g}"
    _mark(axes, place, "*", 330, label=label, zorder=8, color="#F0E442", linewidths=1.2)


def _mark(axes: Axes, places: np.ndarray, marker: str, size: Any, **look: Any) -> None:
    """Outlined markers at places [.., 2], not clipped where they overlap the frame."""
    x, y = np.atleast_2d(places).T
    axes.scatter(x, y, s=size, marker=marker, clip_on=False, **{"edgecolors": INK, **look})


def _finish(figure: Figure, axes: Axes, title: str | None) -> None:
    """Legend below everything, title above."""
    handles, labels = axes.get_legend_handles_labels()
    style.finish(figure, handles, labels, title, ncols=2 if len(labels) > 3 else 3, markerscale=0.8)


def _subdivided_triangle(d: int) -> tuple[np.ndarray, np.ndarray]:
    """Barycentric weights [(d+1)(d+2)/2, 3] of a triangular grid, and its small triangles [d*d, 3]."""
    index = {(i, j): 0 for i in range(d + 1) for j in range(d + 1 - i)}
    index = {place: position for position, place in enumerate(index)}
    weights = np.array([(i, j, d - i - j) for i, j in index]) / d
    up = [(index[i, j], index[i + 1, j], index[i, j + 1]) for i, j in index if i + j < d]
    down = [(index[i + 1, j], index[i + 1, j + 1], index[i, j + 1]) for i, j in index if i + j < d - 1]
    return weights, np.array(up + down)
