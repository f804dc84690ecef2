"""The hyperplanes of many games side by side: facets of the strategy set, and ties of follower types."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math

import numpy as np

from jaxstack import exact
from jaxstack.strategies import Polytope

EPS = float(np.finfo(np.float64).eps)


@dataclasses.dataclass(frozen=True)
class Planes:
    """The hyperplanes of many games: facets first, x_l = 0 in the simplex, then ties of one item's actions.

    On a polytope, points are shares in its frame (`jaxstack.strategies.frame`), and L is D in what follows.

    Attributes:
      payoffs: [G, items, A, L], follower payoffs; an item is a follower type. Python integers on a polytope.
      leads: [G, items, A, A, L], their differences, each row scaled by a power of two to at most 1.
      ties: [h, 3], item, action and higher action of every hyperplane that is no facet.
      strategies: the polytope; None for the simplex.
      playable: [G, items, A] bool, True where an item has an action; None where all have all.
    """

    payoffs: np.ndarray
    leads: np.ndarray
    ties: np.ndarray
    strategies: Polytope | None = None
    playable: np.ndarray | None = None

    @classmethod
    def crossing(
        cls, payoffs: np.ndarray, strategies: Polytope | None = None, playable: np.ndarray | None = None
    ) -> Planes:
        """Ties of two actions that are equally good somewhere in the set, and not everywhere."""
        leads = scaled(payoffs[:, :, :, None] - payoffs[:, :, None])
        lower, higher = pairs(payoffs.shape[2])
        crosses = _cross(leads[:, :, lower, higher], strategies)
        if playable is not None:
            crosses &= playable[:, :, lower] & playable[:, :, higher]
        item, pair = np.nonzero(crosses.any(axis=0))
        ties = np.stack([item, lower[pair], higher[pair]], axis=1)
        return cls(payoffs, leads, ties, strategies, playable)

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
        facets = np.broadcast_to(self.facets, (self.num_games, *self.facets.shape))
        return np.concatenate([facets, self.leads[:, *self.ties.T]], axis=1)

    @functools.cached_property
    def facets(self) -> np.ndarray:
        """[F, L]: normals of the facets, the set inside."""
        if self.strategies is None:
            return np.eye(self.num_leader)
        return scaled(self.strategies.frame.facets)

    @functools.cached_property
    def others(self) -> np.ndarray:
        """[G, h, 2 (A-2), L]: how far the lower action of a tie, then the higher, leads those not in it."""
        item, lower, higher = self.ties.T[:, :, None]
        rest = np.arange(self.num_actions - 2) + np.zeros_like(lower)
        rest += rest >= lower
        rest += rest >= higher
        return np.concatenate([self.leads[:, item, lower, rest], self.leads[:, item, higher, rest]], axis=2)

    @functools.cached_property
    def alive(self) -> np.ndarray:
        """[G, H] bool: a hyperplane, meeting the simplex, and the first of those that are equal to it."""
        rows, (item, lower, higher) = self.rows, self.ties.T
        alive = _cross(rows, self.strategies)
        if self.num_equal:
            first = self.first_of_equals
            alive[:, self.num_facets :] &= first[:, item, lower] & first[:, item, higher]
        return alive

    @functools.cached_property
    def rounding(self) -> np.ndarray:
        """[G]: one unit of rounding, or 0 in games that are computed without any."""
        if self.strategies is not None:
            return self._rounding_of_polytope()
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
        return np.where(_fits(largest, self.num_leader) & ~lost.any(axis=axes), 0.0, EPS)

    def _rounding_of_polytope(self) -> np.ndarray:
        """The same from payoffs and facets that are whole numbers already."""
        assert self.strategies is not None
        rows = self.payoffs[:, :, pairs(self.num_actions)[0]] - self.payoffs[:, :, pairs(self.num_actions)[1]]
        largest = exact.odd_part(rows).max(axis=(1, 2), initial=1.0)
        largest = np.maximum(largest, exact.odd_part(self.strategies.frame.facets).max(initial=1.0))
        return np.where(_fits(largest, self.num_leader), 0.0, EPS)

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

    @property
    def num_facets(self) -> int:
        return len(self.facets)

    def on_facets(self, points: np.ndarray, error: np.ndarray, numerators: np.ndarray | None) -> np.ndarray:
        """[M]: on how many facets each point lies, within its error [M], or exactly if given exactly."""
        if self.strategies is None:
            return (points == 0).sum(axis=1)
        on = np.abs(points @ self.facets.T) <= error[:, None]
        if numerators is not None:
            point, facet = np.nonzero(on)
            on[point, facet] = (numerators[point] * self.strategies.frame.facets[facet]).sum(axis=1) == 0
        return on.sum(axis=1)

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
        facets = np.eye(self.num_leader) if self.strategies is None else self.strategies.frame.facets
        rows = exact.integers(facets)[np.minimum(plane, self.num_facets - 1)]
        tie = plane >= self.num_facets
        rows[tie] = self.exact_leads(game[tie], *self.ties[plane[tie] - self.num_facets].T)
        return rows


def pairs(num_actions: int) -> np.ndarray:
    """[2, P]: every two actions, the lower one first."""
    return np.array(list(itertools.combinations(range(num_actions), 2)), np.int64).reshape(-1, 2).T


def scaled(rows: np.ndarray) -> np.ndarray:
    """Rows [.., L] times a power of two each, so that the largest entry is in [1/2, 1); 0 stays 0."""
    if rows.dtype == object:
        return exact.scaled(rows)
    low, high = _extremes(rows)
    _, exponent = np.frexp(np.maximum(high, -low))
    return np.ldexp(rows, -exponent[..., None])


def _extremes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest entry of each row [.., L]: column by column, since rows are short."""
    columns = np.moveaxis(rows, -1, 0)
    return functools.reduce(np.minimum, columns), functools.reduce(np.maximum, columns)


def _cross(rows: np.ndarray, strategies: Polytope | None) -> np.ndarray:
    """[..] bool: does {x : <row, x> = 0} meet the set without containing it, for rows [.., L] up to 1?"""
    low, high = _extremes(rows)
    crosses = (low <= 0) & (high >= 0) & (low < high)
    if strategies is None or strategies.vertices is None:
        return crosses
    at_vertices = rows @ strategies.hull_shares.T
    near = 1e-12  # what is that near is kept, and decided later
    return crosses & (at_vertices.min(axis=-1) <= near) & (at_vertices.max(axis=-1) >= -near)


def _fits(largest: np.ndarray, num_leader: int) -> np.ndarray:
    """Are rows of whole numbers up to `largest` so small that no minor or lead of theirs is rounded?"""
    L = num_leader
    with np.errstate(over="ignore"):
        # And quotients of minors are equal only where their floats are.
        return (math.factorial(L) * largest**L < 2**53) & (math.factorial(L) * largest ** (L - 1) < 2**26)
