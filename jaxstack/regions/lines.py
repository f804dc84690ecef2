"""The lines in which L-2 hyperplanes meet, and which other hyperplanes cross them where it matters.

Every vertex lies on such a line, between the two ends that the simplex leaves of it, where the ties that make
the line are between best actions. Most lines miss all that, and are dropped before anything is met with
them; another hyperplane crosses the rest of a line where it has the two ends on different sides, which is a
matrix product for all of them at once.

Whatever is dropped is dropped for certain: heights come with a bound on their error, and what lies within it
is kept. A line whose ends are in doubt is kept with all hyperplanes.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jaxstack.regions.assembly import ranges
from jaxstack.regions.planes import EPS, Planes

BLOCK = 2**18  # products worked on at once: they stay in the cache, and matrix products on one core


class Flats(NamedTuple):
    """Where s of the hyperplanes meet, for some choices of them, each in ascending order."""

    chosen: np.ndarray  # [s, C]
    minors: np.ndarray  # [C(L, s), G, C], of their rows, by columns in lexicographic order


class Crossings(NamedTuple):
    """Where hyperplanes cross lines, as far as floats can tell."""

    points: np.ndarray  # [L, N], in any scale (0 where the hyperplanes are dependent)
    game: np.ndarray  # [N]
    chosen: np.ndarray  # [N, L-1], hyperplanes that meet there


def crossings(planes: Planes, bound: np.ndarray) -> Iterator[Crossings]:
    """All that may be vertices; minors have errors up to `bound` [G]."""
    L = planes.num_leader
    rows = np.ascontiguousarray(planes.rows.transpose(2, 0, 1))
    root = Flats(np.zeros((0, 1), np.int64), np.ones((1, planes.num_games, 1)))
    if L == 1:
        games = np.arange(planes.num_games)
        yield Crossings(np.ones((1, len(games))), games, np.zeros((len(games), 0), np.int64))
        return
    signs = (-1.0) ** np.arange(L)[:, None]
    for lines in _lines(planes, rows, root):
        for game, line, plane in _crossed(planes, lines, bound):
            chosen = np.concatenate([lines.chosen[:, line], plane[None]]).T
            kept = may_be_best(planes, game, chosen)
            game, line, plane = game[kept], line[kept], plane[kept]
            coordinates = _expand(lines.minors[:, game, line], rows[:, game, plane], L - 1)
            yield Crossings(signs * coordinates[::-1], game, chosen[kept])


def _lines(planes: Planes, rows: np.ndarray, flats: Flats) -> Iterator[Flats]:
    """Choices of L-2 hyperplanes, in blocks."""
    L, num_games, num_planes = rows.shape
    size = len(flats.chosen) + 1
    if size == L - 1:
        yield flats
        return
    last = flats.chosen[-1] if size > 1 else np.full(1, -1)
    counts = num_planes - L + size - last  # leaves the last ones for the extensions to come
    step = max(1, BLOCK // (num_planes * num_games))
    for start in range(0, len(last), step):
        some = slice(start, start + step)
        parent, new = np.repeat(np.arange(start, start + len(last[some])), counts[some]), ranges(last[some] + 1, counts[some])
        chosen = np.concatenate([flats.chosen[:, parent], new[None]])
        minors = _expand(flats.minors[:, :, parent], rows[:, :, new], size)
        yield from _lines(planes, rows, Flats(chosen, minors))


def _expand(shorter: np.ndarray, row: np.ndarray, size: int) -> np.ndarray:
    """Minors [C(L, size), ..] of rows with a last one [L, ..], by expansion along it, from those without."""
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


def may_be_best(planes: Planes, game: np.ndarray, choice: np.ndarray) -> np.ndarray:
    """Mask of choices [M, s]: hyperplanes of this game, and ties of an item with one and the same action.

    Of three actions that tie, two ties are enough: those that have the lowest of the three.
    """
    mask = np.ones(len(game), bool)
    if not planes.alive.all():
        mask &= planes.alive[game[:, None], choice].all(axis=1)
    if planes.num_actions > 2:
        F = planes.num_facets
        item = np.concatenate([-1 - np.arange(F), planes.ties[:, 0]])
        lower = np.concatenate([np.zeros(F, np.int64), planes.ties[:, 1]])
        for p, q in itertools.combinations(choice.T, 2):
            mask &= (item[p] != item[q]) | (lower[p] == lower[q])
    return mask


@functools.cache
def _at_walls(num_leader: int) -> tuple[np.ndarray, np.ndarray]:
    """Where a line meets x_f = 0: coordinate k is sign[f, k] times the minor index[f, k]."""
    every = range(num_leader)
    number = {columns: k for k, columns in enumerate(itertools.combinations(every, max(0, num_leader - 2)))}
    index, sign = np.zeros((num_leader, num_leader), np.int64), np.zeros((num_leader, num_leader))
    for f, k in itertools.permutations(every, 2):
        index[f, k] = number[tuple(column for column in every if column not in (f, k))]
        sign[f, k] = (-1.0) ** (k + num_leader + f - (k < f))
    return index, sign


class _Segments(NamedTuple):
    """What the simplex and the envelopes leave of lines, per game."""

    line: np.ndarray  # [C], by last hyperplane
    ends: np.ndarray  # [2, G, C, L]
    error: np.ndarray  # [G, C], bound on the error of a height there; inf where all is in doubt, -inf: nothing left
    low: np.ndarray  # [G, C]: share of the way from one end to the other where it begins ..
    high: np.ndarray  # [G, C] .. and where it ends


def _segments(planes: Planes, lines: Flats, bound: np.ndarray) -> _Segments:
    L, G = planes.num_leader, planes.num_games
    chosen, minors = lines
    bounds = bound[:, None]
    signs = minors >= -bounds, minors <= bounds
    index, sign = _at_walls(L)
    inside = np.ones((L, *minors.shape[1:]), bool)
    for f in range(L):
        plus = minus = True
        for k in range(L):
            if k != f:
                positive = int(sign[f, k] > 0)
                plus = plus & signs[1 - positive][index[f, k]]
                minus = minus & signs[positive][index[f, k]]
        inside[f] = plus | minus
    if planes.strategies is None:  # a line within a wall does not end there
        wall, line = np.nonzero((chosen[:, None] == np.arange(L)[:, None]).any(axis=0))
        inside[wall, :, line] = False
    number = inside.sum(axis=0)
    use = number >= 2
    if planes.num_actions > 2:
        use &= may_be_best_dense(planes, chosen)
    kept = np.flatnonzero(use.any(axis=0))
    last = chosen[-1, kept] if len(chosen) else np.zeros(len(kept))
    kept = kept[np.argsort(last, kind="stable")]
    number, use, inside = number[:, kept], use[:, kept], inside[:, :, kept]
    walls = np.stack([inside.argmax(axis=0), L - 1 - inside[::-1].argmax(axis=0)])
    ends = minors[index[walls], np.arange(G)[:, None, None], kept[:, None]] * sign[walls]
    total = ends.sum(axis=-1)
    ends *= np.sign(total)[..., None]
    ends[ends <= bounds[..., None]] = 0.0
    total = np.abs(total)
    whole = bounds == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(whole, 0.0, L * (L + 1) * bounds / total + 4 * L * EPS).max(axis=0)
        ends /= np.where(whole, 1.0, ends.sum(axis=-1))[..., None]
    doubtful = (number > 2) | ~(error < 2.0**-20)
    ends[:, doubtful] = 0.0
    error = np.where(use, np.where(doubtful, np.inf, error), -np.inf)
    return _Segments(kept, ends, error, *_cut(planes, chosen[:, kept], ends, error))


def may_be_best_dense(planes: Planes, chosen: np.ndarray) -> np.ndarray:
    games = np.arange(planes.num_games)
    s, C = chosen.shape
    mask = may_be_best(planes, np.repeat(games, C), np.tile(chosen.T, (len(games), 1)))
    return mask.reshape(len(games), C)


def _share(first: np.ndarray, second: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the way from one end to the other after which a height is 0, at least and at most."""
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = first - second
        share, margin = first / difference, 8 * error / np.abs(difference) + 4 * EPS
        return share - margin, share + margin


def _cut(
    planes: Planes, chosen: np.ndarray, ends: np.ndarray, error: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.zeros(error.shape), np.ones(error.shape)
    for member in chosen:
        tie = np.flatnonzero(member >= planes.num_facets)
        others = planes.others[:, member[tie] - planes.num_facets]  # [G, C', A-2, L]
        at, e = ends[:, :, tie], error[:, tie]
        for k in range(others.shape[2]):
            first, second = np.einsum("gcl,egcl->egc", others[:, :, k], at)
            least, most = _share(first, second, e)
            begins, stops = first < -e, second < -e
            low[:, tie] = np.where(begins, np.maximum(low[:, tie], least), low[:, tie])
            high[:, tie] = np.where(stops, np.minimum(high[:, tie], most), high[:, tie])
            error[:, tie] = np.where(begins & stops, -np.inf, error[:, tie])
    error[low > high] = -np.inf
    return low, high


def _crossed(planes: Planes, lines: Flats, bound: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Games, lines and later hyperplanes that cross them in what is left of them."""
    segments = _segments(planes, lines, bound)
    if planes.num_actions > 2:
        there = np.flatnonzero((segments.error > -np.inf).any(axis=0))
        segments = _Segments(segments.line[there], segments.ends[:, :, there], *(a[:, there] for a in segments[2:]))
    rows = planes.rows.swapaxes(1, 2)  # [G, L, H]
    G, L, H = rows.shape
    last = lines.chosen[-1, segments.line] if L > 2 else np.full(len(segments.line), -1)
    step = max(1, BLOCK // (H * G))
    for start in range(0, len(last), step):
        some = slice(start, start + step)
        least = int(last[start]) + 1
        first, second = segments.ends[:, :, some] @ rows[:, :, least:]
        found = np.flatnonzero(first * second <= segments.error[:, some, None])
        rest, plane = np.divmod(found, H - least)
        game, line = np.divmod(rest, first.shape[1])
        later = plane + least > last[start + line]
        found, game, line, plane = found[later], game[later], line[later], plane[later]
        if planes.num_actions > 2:
            at = game, line + start
            least_share, most = _share(first.ravel()[found], second.ravel()[found], segments.error[at])
            out = (most < segments.low[at]) | (least_share > segments.high[at])
            game, line, plane = game[~out], line[~out], plane[~out]
        yield game, segments.line[line + start], plane + least
