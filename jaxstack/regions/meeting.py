"""Where ties and facets meet: the candidates for vertices, by Cramer's rule, for many games side by side.

Floats decide whatever they can. Every quantity comes with a bound on its error, and what lies within the
bound is decided by `jaxstack.exact`; in a generic game that is nothing. Games whose payoff differences are
small whole numbers (times a power of two) are computed without rounding, and need no bound.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jaxstack import exact
from jaxstack.regions.assembly import descending, ranges
from jaxstack.ties import TIE_TOLERANCE

EPS = float(np.finfo(np.float64).eps)
MAX_EXACT = 2**16  # choices of hyperplanes decided exactly: about half a second
ILL_CONDITIONED = 2.0**-13  # sum of minors, of rows up to 1, below which a point is computed exactly
BLOCK = 2**18  # products worked on at once: they stay in the cache, and matrix products on one core


class TooMuchToDecide(Exception):
    """More than MAX_EXACT meeting points lie within rounding of a tie."""


@dataclasses.dataclass(frozen=True)
class Planes:
    """The hyperplanes of many games: facets x_l = 0 first, then ties of two actions of one item.

    Attributes:
      payoffs: [G, items, A, L], follower payoffs; an item is a follower type.
      leads: [G, items, A, A, L], their differences, each row scaled by a power of two to at most 1.
      ties: [h, 3], item, action and higher action of every hyperplane that is no facet.
      playable: [G, items, A] bool, True where an item has an action; None where all have all.
    """

    payoffs: np.ndarray
    leads: np.ndarray
    ties: np.ndarray
    playable: np.ndarray | None = None

    @classmethod
    def crossing(cls, payoffs: np.ndarray, playable: np.ndarray | None = None) -> Planes:
        """Ties of two actions that are equally good somewhere in the simplex, and not everywhere."""
        leads = scaled(payoffs[:, :, :, None] - payoffs[:, :, None])
        lower, higher = pairs(payoffs.shape[2])
        low, high = _extremes(leads[:, :, lower, higher])
        crosses = (low <= 0) & (high >= 0) & (low < high)
        if playable is not None:
            crosses &= playable[:, :, lower] & playable[:, :, higher]
        item, pair = np.nonzero(crosses.any(axis=0))
        return cls(payoffs, leads, np.stack([item, lower[pair], higher[pair]], axis=1), playable)

    @functools.cached_property
    def equal(self) -> np.ndarray:
        """[G, items, A, A] bool, True where two actions are equal."""
        low, high = _extremes(self.leads)
        same = (low == 0) & (high == 0)
        if self.playable is not None:
            same &= self.playable[..., :, None] & self.playable[..., None, :]
        return same

    @functools.cached_property
    def first_of_equals(self) -> np.ndarray:
        """[G, items, A] bool, True for actions that there are where no lower one is equal."""
        first = self.equal.argmax(axis=-1) == np.arange(self.num_actions)
        return first if self.playable is None else first & self.playable

    @functools.cached_property
    def num_equal(self) -> int:
        """How many actions are equal to a lower one, or are not there."""
        return int((~self.first_of_equals).sum())

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """[G, H, L]: normals of all hyperplanes; of a tie, how far the lower action leads."""
        facets = np.broadcast_to(np.eye(self.num_leader), (self.num_games, self.num_leader, self.num_leader))
        return np.concatenate([facets, self.leads[:, *self.ties.T]], axis=1)

    @functools.cached_property
    def alive(self) -> np.ndarray:
        """[G, H] bool: a hyperplane, meeting the simplex, and the first of those that are equal to it."""
        rows, (item, lower, higher) = self.rows, self.ties.T
        low, high = _extremes(rows)
        alive = (low <= 0) & (high >= 0) & (low < high)
        if self.num_equal:
            first = self.first_of_equals
            alive[:, self.num_leader :] &= first[:, item, lower] & first[:, item, higher]
        return alive

    @functools.cached_property
    def rounding(self) -> np.ndarray:
        """[G]: one unit of rounding, or 0 in games that are computed without any."""
        lower, higher = pairs(self.num_actions)
        first, second = self.payoffs[:, :, lower], self.payoffs[:, :, higher]
        difference = first - second
        back = first - difference
        lost = (first - (difference + back)) + (back - second)  # what the subtraction has rounded off
        mantissa, exponent = np.frexp(self.leads[:, :, lower, higher])
        digits = (mantissa * 2.0**53).astype(np.int64)
        last_digit = np.where(digits == 0, 1.0, np.ldexp((digits & -digits).astype(float), exponent - 53))
        axes = tuple(range(1, last_digit.ndim))
        largest = 1 / last_digit.min(axis=axes, initial=1.0)  # whole number of the row with the longest
        L = self.num_leader
        with np.errstate(over="ignore"):
            # No minor or lead is rounded, and quotients of minors are equal only where their floats are.
            fits = (math.factorial(L) * largest**L < 2**53) & (math.factorial(L) * largest ** (L - 1) < 2**26)
        return np.where(fits & ~lost.any(axis=axes), 0.0, EPS)

    @property
    def num_games(self) -> int:
        return self.payoffs.shape[0]

    @property
    def num_items(self) -> int:
        return self.payoffs.shape[1]

    @property
    def num_actions(self) -> int:
        return self.payoffs.shape[2]

    @property
    def num_leader(self) -> int:
        return self.payoffs.shape[3]

    def shares(self, points: np.ndarray, game: np.ndarray) -> np.ndarray:
        """Points [M, L] with sum 1; only those of whole-number games may have another."""
        whole = self.rounding[game] == 0
        if not whole.any():
            return points
        return points / np.where(whole, points.sum(axis=1), 1.0)[:, None]

    def exact_leads(
        self, game: np.ndarray, item: np.ndarray, action: np.ndarray, other: np.ndarray
    ) -> np.ndarray:
        """[N, L] object: payoff differences without rounding."""
        return exact.differences(self.payoffs[game, item, action], self.payoffs[game, item, other])

    def exact_rows(self, game: np.ndarray, plane: np.ndarray) -> np.ndarray:
        """[N, L] object: normals of hyperplanes without rounding."""
        rows = exact.integers(np.eye(self.num_leader))[np.minimum(plane, self.num_leader - 1)]
        tie = plane >= self.num_leader
        rows[tie] = self.exact_leads(game[tie], *self.ties[plane[tie] - self.num_leader].T)
        return rows


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


def pairs(num_actions: int) -> np.ndarray:
    """[2, P]: every two actions, the lower one first."""
    return np.array(list(itertools.combinations(range(num_actions), 2)), np.int64).reshape(-1, 2).T


def scaled(rows: np.ndarray) -> np.ndarray:
    """Rows [.., L] times a power of two each, so that the largest entry is in [1/2, 1); 0 stays 0."""
    low, high = _extremes(rows)
    _, exponent = np.frexp(np.maximum(high, -low))
    return np.ldexp(rows, -exponent[..., None])


def _extremes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest entry of each row [.., L]: column by column, since rows are short."""
    columns = np.moveaxis(rows, -1, 0)
    return functools.reduce(np.minimum, columns), functools.reduce(np.maximum, columns)


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
        L = planes.num_leader
        item = np.concatenate([-1 - np.arange(L), planes.ties[:, 0]])
        lower = np.concatenate([np.zeros(L, np.int64), planes.ties[:, 1]])
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
    return points if planes.num_actions == 2 else points.where(_on_envelopes(planes, points))


def _on_envelopes(planes: Planes, points: Points) -> np.ndarray:
    """Mask of points, False where a chosen tie is certainly not between best actions."""
    member, point = np.nonzero(planes.num_leader <= points.chosen.T)
    item, lower, higher = planes.ties[points.chosen[point, member] - planes.num_leader].T
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
    L = planes.num_leader
    num_planes = L + len(planes.ties)
    used, position = np.unique(game[:, None] * num_planes + choice, return_inverse=True)
    rows = planes.exact_rows(*np.divmod(used, num_planes))
    y = exact.meeting_points(rows[position.reshape(choice.shape)])
    y = np.where((y.sum(axis=1) < 0)[:, None], -y, y)
    inside = y.any(axis=1) & (y >= 0).all(axis=1)
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
