"""The lines in which L-2 hyperplanes meet, and the other hyperplanes that cross them where it matters.

Every vertex lies on such a line: on the segment that the simplex leaves of it, and there where the ties that
make the line are between best actions. Most lines have no such part, and are dropped before anything is met
with them. Another hyperplane crosses a segment where it has the two ends on different sides: a matrix product
tells for all of them at once; how far along, the heights of the ends do.

Whatever is dropped is dropped for certain: heights come with a bound on their error, and what lies within it
is kept. All hyperplanes are kept for a line whose ends are in doubt.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jaxstack.regions.assembly import ranges
from jaxstack.regions.planes import EPS, Planes

BLOCK = 2**18  # products worked on at once: they stay in the cache, and matrix products on one core
FEW = 2**11  # choices of hyperplanes up to which it is faster to take them all ..
_SHARING = 8  # .. in so many games side by side, or fewer


class Flats(NamedTuple):
    """Where s of the hyperplanes meet, for some choices of them, each in ascending order."""

    chosen: np.ndarray  # [s, C]
    minors: np.ndarray  # [C(L, s), G, C], of their rows, by columns in lexicographic order


class Crossings(NamedTuple):
    """Where hyperplanes cross lines, by Cramer's rule."""

    points: np.ndarray  # [L, N], in any scale (0 where the hyperplanes are dependent)
    game: np.ndarray  # [N]
    chosen: np.ndarray  # [N, L-1], hyperplanes that meet there


class _Segments(NamedTuple):
    """What the simplex and the envelopes leave of lines, by the last hyperplane of a line."""

    line: np.ndarray  # [C]
    ends: np.ndarray  # [2, G, C, L]
    error: np.ndarray  # [G, C], bound on the error of a height there; inf: in doubt; -inf: nothing is left
    low: np.ndarray  # [G, C], share of the way from end to end where the envelopes begin ..
    high: np.ndarray  # [G, C] .. and where they stop


def crossings(planes: Planes, bound: np.ndarray) -> Iterator[Crossings]:
    """All that may be vertices. Minors have errors up to `bound` [G]."""
    rows = np.ascontiguousarray(planes.rows.transpose(2, 0, 1))
    L, num_games, num_planes = rows.shape
    few = L <= 2 or math.comb(num_planes, L - 1) * min(num_games, _SHARING) <= FEW
    first = Flats(np.zeros((0, 1), np.int64), np.ones((1, num_games, 1)))
    if L > 1:
        alone = num_planes - L + 2  # the last ones are left for what comes after
        first = Flats(np.arange(alone)[None], rows[:, :, :alone])
    for lines in _lines(rows, first):
        for found in _everywhere(rows, lines, bound) if few else _crossed(planes, rows, lines, bound):
            kept = _may_be_best(planes, found.game, found.chosen)
            if not kept.all():
                found = Crossings(found.points[:, kept], found.game[kept], found.chosen[kept])
            yield found


def _lines(rows: np.ndarray, flats: Flats) -> Iterator[Flats]:
    """Choices of L-2 hyperplanes that begin like those of the flats, in blocks."""
    L, num_games, num_planes = rows.shape
    if len(flats.chosen) >= L - 2:
        yield flats
        return
    step = max(1, BLOCK // (math.comb(L, len(flats.chosen) + 1) * num_planes * num_games))
    for start in range(0, flats.chosen.shape[1], step):
        some = slice(start, start + step)
        yield from _lines(rows, _extended(rows, Flats(flats.chosen[:, some], flats.minors[:, :, some])))


def _extended(rows: np.ndarray, flats: Flats) -> Flats:
    """Choices with each later hyperplane added that leaves enough others for L-1 in all."""
    L, _, num_planes = rows.shape
    size = len(flats.chosen) + 1
    last = flats.chosen[-1]
    counts = num_planes - L + size - last
    parent, new = np.repeat(np.arange(len(counts)), counts), ranges(last + 1, counts)
    minors = _expand(flats.minors.take(parent, axis=2), rows.take(new, axis=2), size)
    return Flats(np.concatenate([flats.chosen.take(parent, axis=1), new[None]]), minors)


def _expand(shorter: np.ndarray, row: np.ndarray, size: int) -> np.ndarray:
    """Minors [C(L, size), ..] of `size` rows, by expansion along the last one [L, ..], from those without."""
    num_leader = len(row)
    index = {columns: k for k, columns in enumerate(itertools.combinations(range(num_leader), size - 1))}
    longer = []
    for columns in itertools.combinations(range(num_leader), size):
        minor = shorter[index[columns[:-1]]] * row[columns[-1]]
        for k in range(size - 1):
            term = shorter[index[columns[:k] + columns[k + 1 :]]] * row[columns[k]]
            minor = minor - term if (size - k) % 2 == 0 else minor + term
        longer.append(minor)
    return np.stack(longer)


def _as_points(minors: np.ndarray) -> np.ndarray:
    """What is orthogonal to L-1 rows, of their minors [L, ..]."""
    signs = (-1.0) ** np.arange(len(minors))
    return minors[::-1] * signs.reshape(-1, *[1] * (minors.ndim - 1))


def _inside(points: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """Mask of points [L, ..] that, or the opposite of which, may be in the simplex."""
    return (points.max(axis=0) <= bound) | (points.min(axis=0) >= -bound)


def _everywhere(rows: np.ndarray, lines: Flats, bound: np.ndarray) -> Iterator[Crossings]:
    """All later hyperplanes with all lines; with L <= 2 the flats are points already."""
    flats = _extended(rows, lines) if len(rows) > 2 else lines
    points = _as_points(flats.minors)
    game, choice = np.nonzero(_inside(points, bound[:, None]))
    yield Crossings(points[:, game, choice], game, flats.chosen.T[choice])


def _may_be_best(planes: Planes, game: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Mask of choices [N, s]: hyperplanes of this game, and ties of an item with one and the same action.

    Of three actions that tie, two ties are enough: those that have the lowest of the three.
    """
    mask = np.ones(len(game), bool)
    if not planes.alive.all():
        mask &= planes.alive[game[:, None], chosen].all(axis=1)
    if planes.num_actions > 2:
        F = planes.num_facets
        item = np.concatenate([-1 - np.arange(F), planes.ties[:, 0]])
        lower = np.concatenate([np.zeros(F, np.int64), planes.ties[:, 1]])
        for p, q in itertools.combinations(chosen.T, 2):
            mask &= (item[p] != item[q]) | (lower[p] == lower[q])
    return mask


def _crossed(planes: Planes, rows: np.ndarray, lines: Flats, bound: np.ndarray) -> Iterator[Crossings]:
    """Later hyperplanes with the lines that they cross in their segments."""
    segments = _segments(planes, lines, bound)
    normals = np.ascontiguousarray(rows.transpose(1, 0, 2))  # [G, L, H]
    num_games, L, num_planes = normals.shape
    last = lines.chosen[-1, segments.line]
    step = max(1, BLOCK // (4 * num_planes * num_games))
    for start in range(0, max(1, len(last)), step):
        least = int(last[start]) + 1 if len(last) else 0
        some = slice(start, start + step)
        first, second = segments.ends[:, :, some] @ normals[:, :, least:]
        found = np.flatnonzero(first * second <= segments.error[:, some, None])
        rest, plane = np.divmod(found, num_planes - least)
        game, place = np.divmod(rest, first.shape[1])
        place, plane = place + start, plane + least
        at = game, place
        kept = plane > last[place]
        if planes.num_actions > 2:
            low, high = _share(first.ravel()[found], second.ravel()[found], segments.error[at])
            kept &= ~((high < segments.low[at]) | (low > segments.high[at]))
        game, line, plane = game[kept], segments.line[place[kept]], plane[kept]
        points = _as_points(_expand(lines.minors[:, game, line], rows[:, game, plane], L - 1))
        kept = np.flatnonzero(_inside(points, bound[game]))
        chosen = np.concatenate([lines.chosen[:, line[kept]], plane[None, kept]]).T
        yield Crossings(points[:, kept], game[kept], chosen)


def _segments(planes: Planes, lines: Flats, bound: np.ndarray) -> _Segments:
    """Segments of the lines that have one in some game."""
    L, num_games = planes.num_leader, len(bound)
    ends_at = _walls_met(planes, lines, bound)
    number = ends_at.sum(axis=0)
    # Of a segment, one end is where some coordinate goes up through 0, the other where another goes down.
    there = number >= 2
    if not (planes.num_actions == 2 and planes.alive.all()):
        game, line = np.nonzero(there)
        there[game, line] = _may_be_best(planes, game, lines.chosen.T[line])
    line = np.flatnonzero(there.any(axis=0))
    line = line[np.argsort(lines.chosen[-1, line], kind="stable")]
    number, there, ends_at = number[:, line], there[:, line], ends_at[:, :, line]

    walls = np.stack([ends_at.argmax(axis=0), L - 1 - ends_at[::-1].argmax(axis=0)])  # [2, G, C]
    index, sign = _at_walls(L)
    ends = lines.minors[index[walls], np.arange(num_games)[:, None, None], line[:, None]] * sign[walls]
    total, bounds = ends.sum(axis=-1), bound[:, None]
    ends *= np.sign(total)[..., None]
    ends[ends <= bounds[..., None]] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        error = L * (L + 1) * bounds / np.abs(total) + 4 * L * EPS
        error = np.where(bounds == 0, 0.0, error).max(axis=0)
        ends /= np.where(bounds == 0, 1.0, ends.sum(axis=-1))[..., None]
    doubtful = (number > 2) | ~(error < 1)
    ends[:, doubtful] = 0.0
    error = np.where(there, np.where(doubtful, np.inf, error), -np.inf)
    low, high = _within_envelopes(planes, lines.chosen[:, line], ends, error)
    error[low > high] = -np.inf
    left = np.flatnonzero((error > -np.inf).any(axis=0))
    return _Segments(line[left], ends[:, :, left], error[:, left], low[:, left], high[:, left])


def _walls_met(planes: Planes, lines: Flats, bound: np.ndarray) -> np.ndarray:
    """[L, G, C] bool: may a line meet the wall x_l = 0 in the simplex, without lying in it?"""
    L = planes.num_leader
    at_least, at_most = lines.minors >= -bound[:, None], lines.minors <= bound[:, None]
    index, sign = _at_walls(L)
    met = np.empty((L, *lines.minors.shape[1:]), bool)
    for wall in range(L):
        others = [k for k in range(L) if k != wall]
        up = [(at_least if sign[wall, k] > 0 else at_most)[index[wall, k]] for k in others]
        down = [(at_most if sign[wall, k] > 0 else at_least)[index[wall, k]] for k in others]
        met[wall] = functools.reduce(np.logical_and, up) | functools.reduce(np.logical_and, down)
    # A line within a wall has its ends elsewhere: where it is for certain, a facet of the line is the wall.
    wall_of = np.full(planes.rows.shape[1], -1)
    of_facets = np.where((planes.facets != 0).sum(axis=1) == 1, (planes.facets != 0).argmax(axis=1), -1)
    wall_of[: len(of_facets)] = of_facets
    within = wall_of[lines.chosen]
    member, line = np.nonzero(within >= 0)
    met[within[member, line], :, line] = False
    return met


@functools.cache
def _at_walls(num_leader: int) -> tuple[np.ndarray, np.ndarray]:
    """Where a line meets x_f = 0: coordinate k is the minor of number index[f, k] times sign[f, k]."""
    every = range(num_leader)
    number = {columns: k for k, columns in enumerate(itertools.combinations(every, num_leader - 2))}
    index, sign = np.zeros((num_leader, num_leader), np.int64), np.zeros((num_leader, num_leader))
    for f, k in itertools.permutations(every, 2):
        index[f, k] = number[tuple(column for column in every if column not in (f, k))]
        sign[f, k] = (-1.0) ** (k + num_leader + f - (k < f))
    return index, sign


def _within_envelopes(
    planes: Planes, chosen: np.ndarray, ends: np.ndarray, error: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Shares [G, C] of the way from end to end between which the ties of a line may be best."""
    low, high = np.zeros(error.shape), np.ones(error.shape)
    for member in chosen if planes.num_actions > 2 else ():
        tied = np.flatnonzero(member >= planes.num_facets)
        others = planes.others[:, member[tied] - planes.num_facets]  # [G, C', 2 (A-2), L]
        at, slack = ends[:, :, tied], error[:, tied]
        begin, stop = low[:, tied], high[:, tied]
        for other in range(planes.num_actions - 2):  # those of the lower action will do: the other ties
            first, second = np.einsum("gcl,egcl->egc", others[:, :, other], at)
            least, most = _share(first, second, slack)
            # Certainly outside: at one end, which the line then enters or leaves, or at both.
            enters, leaves = first < -slack, second < -slack
            begin = np.where(enters, np.maximum(begin, least), begin)
            stop = np.where(leaves, np.minimum(stop, most), stop)
        low[:, tied], high[:, tied] = begin, stop
    return low, high


def _share(first: np.ndarray, second: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the way between two ends of these heights at which the height is 0: at least, and at most."""
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = first - second
        share, margin = first / difference, 8 * error / np.abs(difference) + 4 * EPS
        return share - margin, share + margin
