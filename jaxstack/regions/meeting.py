"""Where ties and facets meet: the candidates for vertices, by Cramer's rule, for many games side by side.

Floats decide whatever they can. Every quantity comes with a bound on its error, and what lies within the
bound is decided by `jaxstack.exact`; in a generic game that is nothing. Games whose payoff differences are
small whole numbers (times a power of two) are computed without rounding, and need no bound.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from jaxstack import exact
from jaxstack.regions.assembly import descending
from jaxstack.regions.lines import crossings
from jaxstack.regions.planes import EPS, Planes
from jaxstack.ties import TIE_TOLERANCE

MAX_EXACT = 2**16  # choices of hyperplanes decided exactly: about half a second
ILL_CONDITIONED = 2.0**-13  # sum of minors, of rows up to 1, below which a point is computed exactly


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

    Raises:
      TooMuchToDecide: more than MAX_EXACT of these.
    """
    L = planes.num_leader
    rounding = planes.rounding
    of_minor = rounding * math.factorial(L - 1) * max(1, (L - 1) * (L + 2)) / 2  # errors by induction
    sure, unsure = [], []
    for y, game, choice in crossings(planes, of_minor):
        bound, size = of_minor[game], np.abs(y).max(axis=0)
        dependent = size <= 4 * L * bound  # and not only within rounding, where there is none
        uncertain = dependent & (bound > 0)
        unsure.append((game[uncertain], choice[uncertain]))
        if sum(len(games) for games, _ in unsure) > MAX_EXACT:
            raise TooMuchToDecide
        kept = ~dependent
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
    """Indices of points, without those of which a chosen tie is certainly not between best actions.

    Both actions are looked at, as others will: a tie of one of them with a third must not pass for this one.
    """
    kept = np.arange(len(points.x))
    # The last ones first, which are new: the others have been looked at as a line.
    for chosen in (points.chosen[:, -1:], points.chosen[:, :-1])[: points.chosen.shape[1]]:
        ties = chosen[kept] - planes.num_facets
        row, member = np.nonzero(ties >= 0)
        point = kept[row]
        others = planes.others[points.game[point], ties[row, member]]
        lead = np.einsum("mal,ml->am", others, points.x[point])
        best = np.ones(len(kept), bool)
        best[row[(lead < -points.error[point]).any(axis=0)]] = False
        kept = kept[best]
    return kept


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
