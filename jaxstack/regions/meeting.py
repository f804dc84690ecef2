"""Where ties and facets meet: the candidates for vertices, by Cramer's rule, for many games side by side.

Floats decide whatever they can. Every quantity comes with a bound on its error, and what lies within the
bound is decided by `jaxstack.exact`; in a generic game that is nothing. Games whose payoff differences are
small whole numbers (times a power of two) are computed without rounding, and need no bound.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jaxstack import exact
from jaxstack.regions.assembly import descending, ranges
from jaxstack.regions.planes import EPS, Planes
from jaxstack.ties import TIE_TOLERANCE

MAX_EXACT = 2**16  # choices of hyperplanes decided exactly: about half a second
ILL_CONDITIONED = 2.0**-13  # sum of minors, of rows up to 1, below which a point is computed exactly
BLOCK = 2**18  # products worked on at once: they stay in the cache, and matrix products on one core


class TooMuchToDecide(Exception):
    """More than MAX_EXACT meeting points lie within rounding of a tie."""


class Points(NamedTuple):
    """Points of the simplex, as rounded; those of whole-number games in whole numbers, of any sum."""

    x: np.ndarray  # [M, L]
    game: np.ndarray  # [M]
    error: np.ndarray  # [M], bound on the error of a lead there
    chosen: np.ndarray  # [M, L-1], hyperplanes that meet there

    def where(self, kept: np.ndarray) -> Points:
        return Points(*(array[kept] for array in self))


class ExactPoints(NamedTuple):
    """Points of the simplex that are known without error, each once."""

    numerators: np.ndarray  # [E, L] object
    game: np.ndarray  # [E]
    of_choice: np.ndarray  # [N]: this point is where ..
    chosen: np.ndarray  # [N, L-1] .. these hyperplanes meet

    @property
    def x(self) -> np.ndarray:
        """[E, L], correctly rounded."""
        return exact.as_floats(self.numerators, self.numerators.sum(axis=1)[:, None])


def candidates(planes: Planes) -> tuple[Points, tuple[np.ndarray, np.ndarray]]:
    """Points of the simplex where L-1 hyperplanes may meet in a vertex, in canonical order.

    Returns:
      Points; and choices, games [N] and hyperplanes [N, L-1], about which floats cannot say enough.
    """
    L = planes.num_leader
    rounding = planes.rounding
    of_minor = rounding * math.factorial(L - 1) * max(1, (L - 1) * (L + 2)) / 2  # errors by induction
    sure, unsure = [], []
    for minors, chosen in _minors(np.ascontiguousarray(planes.rows.transpose(2, 0, 1))):
        high, low = minors.max(axis=0), minors.min(axis=0)
        bound = of_minor[:, None]
        game, column = np.nonzero((high <= bound) | (low >= -bound))
        y, choice, bound = minors[:, game, column], chosen[:, column].T, of_minor[game]
        size = np.maximum(high[game, column], -low[game, column])
        possible = _may_be_best(planes, game, choice)
        dependent = size <= 4 * L * bound  # and not only within rounding, where there is none
        uncertain = possible & dependent & (bound > 0)
        unsure.append((game[uncertain], choice[uncertain]))
        kept = possible & ~dependent
        sure.append(_as_points(planes, y[:, kept], game[kept], bound[kept], choice[kept]))
    points = Points(*(np.concatenate(parts) for parts in zip(*sure, strict=True)))
    shares = planes.shares(points.x, points.game)
    order = descending(points.game, shares)
    points, shares = points.where(order), shares[order]

    # One point, or two within rounding of each other?
    whole = rounding[points.game] == 0
    near = np.where(whole, 0.0, 2 * points.error + 1e-12)
    with_previous = np.zeros(len(shares) + 1, bool)
    with_previous[1:-1] = points.game[1:] == points.game[:-1]
    for column in shares.T:
        with_previous[1:-1] &= np.abs(np.diff(column)) <= near[1:]
    allowed = L * (L + 1) * of_minor[points.game] / ILL_CONDITIONED + 4 * L * EPS
    doubtful = ~whole & (with_previous[:-1] | with_previous[1:] | (points.error > allowed))
    doubtful |= ~_seen_to_tie(planes, points)
    unsure.append((points.game[doubtful], points.chosen[doubtful]))
    kept = ~doubtful & ~(whole & with_previous[:-1])
    games, choices = (np.concatenate(parts) for parts in zip(*unsure, strict=True))
    return points.where(kept), (games, choices)


def _may_be_best(planes: Planes, game: np.ndarray, choice: np.ndarray) -> np.ndarray:
    """Mask of choices [M, L-1]: hyperplanes of this game, and ties of an item with one and the same action.

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


def _as_points(
    planes: Planes, y: np.ndarray, game: np.ndarray, bound: np.ndarray, choice: np.ndarray
) -> Points:
    """Points of minors [L, M] with errors up to `bound`, if they may lie on the envelopes of their ties."""
    L = planes.num_leader
    total = y.sum(axis=0)
    y *= np.sign(total)
    y[y <= bound] = 0.0
    whole = bound == 0
    total = np.abs(total)
    error = np.where(whole, 0.0, L * (L + 1) * bound / total + 4 * L * EPS)
    x = np.ascontiguousarray((y / np.where(whole, 1.0, y.sum(axis=0))).T)
    points = Points(x, game, error, choice)
    if planes.strategies is not None:
        points = points.where((x @ planes.facets.T >= -error[:, None]).all(axis=1))
    return points if planes.num_actions == 2 else points.where(_on_envelopes(planes, points))


def _on_envelopes(planes: Planes, points: Points) -> np.ndarray:
    """Mask of points, False where a chosen tie is certainly not between best actions."""
    member, point = np.nonzero(planes.num_facets <= points.chosen.T)
    item, lower, higher = planes.ties[points.chosen[point, member] - planes.num_facets].T
    A, L = planes.num_actions, planes.num_leader
    x, error = points.x.take(point, axis=0), points.error[point, None]
    best = np.ones(len(x), bool)
    for action in (lower, higher):
        index = (points.game[point] * planes.num_items + item) * A + action
        rows = planes.leads.reshape(-1, A, L).take(index, axis=0)
        best &= (np.einsum("mal,ml->ma", rows, x) >= -error).all(axis=1)
    on_all = np.ones(len(points.x), bool)
    on_all[point[~best]] = False
    return on_all


def _seen_to_tie(planes: Planes, points: Points) -> np.ndarray:
    """Mask of points whose chosen hyperplanes tie there by the rule that others will apply."""
    tie = np.ones(len(points.x), bool)
    flat = planes.rows.reshape(-1, planes.num_leader)
    for plane in points.chosen.T:
        rows = flat.take(points.game * planes.rows.shape[1] + plane, axis=0)
        lead = np.abs(np.einsum("ml,ml->m", rows, points.x))
        tie &= lead <= TIE_TOLERANCE / 4 * np.einsum("ml,ml->m", np.abs(rows), points.x)
    return tie


def exactly(planes: Planes, game: np.ndarray, choice: np.ndarray) -> ExactPoints:
    """The points of the simplex where chosen hyperplanes [N, L-1] of games [N] meet.

    Raises:
      TooMuchToDecide: more than MAX_EXACT of them.
    """
    if len(game) > MAX_EXACT:
        raise TooMuchToDecide
    num_planes = planes.num_facets + len(planes.ties)
    used, position = np.unique(game[:, None] * num_planes + choice, return_inverse=True)
    rows = planes.exact_rows(*np.divmod(used, num_planes))
    y = exact.meeting_points(rows[position.reshape(choice.shape)])
    y = np.where((y.sum(axis=1) < 0)[:, None], -y, y)
    height = y if planes.strategies is None else y @ planes.strategies.frame.facets.T
    inside = y.any(axis=1) & (height >= 0).all(axis=1)
    y, game, choice = y[inside], game[inside], choice[inside]
    y = y // np.gcd.reduce(y, axis=1)[:, None]
    number: dict[tuple[int, ...], int] = {}
    of_choice = np.array(
        [number.setdefault((g, *point), len(number)) for g, point in zip(game.tolist(), y, strict=True)],
        np.int64,
    )
    first = np.unique(of_choice, return_index=True)[1]
    return ExactPoints(y[first], game[first], of_choice, choice)


def _minors(planes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Where L-1 of the hyperplanes [L, G, H] meet, for every choice of them.

    What is orthogonal to L-1 rows has their minors as coordinates. Minors of size s follow from those of size
    s-1 by expansion along the last row, so that choices which begin alike share the work.

    Yields:
      Points [L, G, C] in any scale (0 where the hyperplanes are dependent), and the choices [L-1, C].
    """
    num_leader, num_games, num_planes = planes.shape
    if num_leader == 1:
        yield np.ones((1, num_games, 1)), np.zeros((0, 1), np.int64)
        return
    chosen = np.arange(num_planes - num_leader + 2)[None]
    minors = planes[:, :, : chosen.size]
    for size in range(2, num_leader - 1):
        chosen, minors = _extend(planes, chosen, minors, size)
    step = chosen.shape[1] if num_leader == 2 else max(1, BLOCK // planes.size)
    signs = (-1.0) ** np.arange(num_leader)[:, None, None]
    for start in range(0, chosen.shape[1], step):
        some = chosen[:, start : start + step], minors[:, :, start : start + step]
        last, coordinates = some if num_leader == 2 else _extend(planes, *some, num_leader - 1)
        yield signs * coordinates[::-1], last


def _extend(
    planes: np.ndarray, chosen: np.ndarray, minors: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Choices [size-1, C] of hyperplanes with each later one added, and the minors of the longer ones."""
    num_leader, _, num_planes = planes.shape
    counts = num_planes - num_leader + size - chosen[-1]  # leaves the last ones for the extensions to come
    parent, new = np.repeat(np.arange(len(counts)), counts), ranges(chosen[-1] + 1, counts)
    shorter, row = minors.take(parent, axis=2), planes.take(new, axis=2)
    index = {columns: k for k, columns in enumerate(itertools.combinations(range(num_leader), size - 1))}
    longer = []
    for columns in itertools.combinations(range(num_leader), size):
        minor = shorter[index[columns[:-1]]] * row[columns[-1]]
        for k in range(size - 1):
            term = shorter[index[columns[:k] + columns[k + 1 :]]] * row[columns[k]]
            minor = minor - term if (size - k) % 2 == 0 else minor + term
        longer.append(minor)
    return np.concatenate([chosen.take(parent, axis=1), new[None]]), np.stack(longer)
