"""The region of one response map, and the programs over it: decided exactly, by floats where they can.

A row d = v(., W(i,k)) - v(., a) of a region says <d, x> >= 0. Signs of rounded differences are exact, and
settle most of what is degenerate: a row without a positive entry forces x to the rows' zeros. What is left is
a float program whose answer is checked against the rows themselves, and a rational one where that fails.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxstack import exact
from jaxstack.axes import Float, Int
from jaxstack.game import Game
from jaxstack.strategies.framing import differences_of, framed
from jaxstack.ties import TIE_TOLERANCE, differences

_WIDEST = 1e8  # ratio of a row's entries up to which HiGHS sees them all: it drops what is below 1e-9
_CLEARLY_EMPTY = -1e-7  # for rows of unit norm; HiGHS works to 1e-10
_VARIED = 1e4  # ratio of payoff differences up to which HiGHS weighs them all
_ROUNDING = 1e-14
_ROUNDING_AT_POINTS = 1e-12  # of payoffs at a frame's points, which are sums themselves
_NEARLY_TIGHT = 1e-9  # for rows of unit norm
_OPTIMAL = 1e-9  # of the objective's spread
_HIGHS = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
_INFEASIBLE = 2  # status of scipy.optimize.linprog


class Preferences:
    """Who likes which action better where, for the follower types of one game.

    On a polytope, commitments are shares in its frame (`jaxstack.strategies.frame`), and L is D throughout.

    Attributes:
      differences: [n*K, A, A, L] float64; <differences[j, a, b], x> >= 0 where type j likes a as well as b.
        Rounded once, so that every entry has the right sign and 53 bits.
      playable: [n*K, A] bool: has the type this action?
      equal: [n*K, A] int64, the lowest playable action whose payoffs are the same against every leader
        action; of an action that is not playable, itself.
      has_equal: is any action equal to another?
      walls: [W, L] Python integers, facets of the strategy set besides those of the simplex: walls @ x >= 0.
      wall_rows: the same as floats of unit maximum norm.
      centre: [L] a commitment on no facet.
    """

    def __init__(self, game: Game):
        n, K, L, A = np.shape(game.follower)
        self.shape = (n, K)
        if game.strategies is None:
            self.payoffs = np.swapaxes(np.asarray(game.follower), -1, -2).reshape(n * K, A, L)
            if np.abs(self.payoffs).max() > np.finfo(float).max / 4:  # the differences are not to overflow
                self.payoffs = self.payoffs / 4
            self.differences = np.asarray(differences(np.swapaxes(self.payoffs, -1, -2)))
            self.walls, self.wall_rows = np.zeros((0, L), object), np.zeros((0, L))
            self.centre = np.full(L, 1 / L)
        else:
            D, strategies = game.dimension + 1, game.strategies
            self.payoffs = np.swapaxes(framed(game.follower, strategies)[0], -1, -2).reshape(n * K, A, D)
            self.differences = np.asarray(differences_of(game.follower, strategies)).reshape(n * K, A, A, D)
            self.walls, self.wall_rows = strategies.frame.walls, strategies.wall_rows
            self.centre = strategies.frame.centre
        same = ~self.differences.any(axis=-1)
        self.playable = np.ones((n * K, A), bool)
        if game.playable is not None:
            self.playable = np.reshape(game.playable, (n * K, A))
            both = self.playable[:, :, None] & self.playable[:, None, :]
            same = (same & both) | np.eye(A, dtype=bool)
        self.equal = same.argmax(axis=-1)
        self.has_equal = bool(same.sum() > self.equal.size)

    @functools.cached_property
    def possible(self) -> np.ndarray:
        """[n*K, A] bool: is the action a best response of its type to any commitment?"""
        found = np.zeros(self.equal.shape, bool)
        for j, action in np.ndindex(*found.shape):
            if not self.playable[j, action]:
                continue
            only = Cell(self, np.array([action]), items=[j])
            # One row of both signs always leaves something.
            found[j, action] = only.support.any() and (len(only.rows) <= 1 or only.inside() is not None)
        return found

    @functools.cached_property
    def enforceable(self) -> np.ndarray:
        """[n*K, A] bool: is the action best on a set of full dimension, and the lowest of its equals?"""
        found = np.zeros(self.equal.shape, bool)
        for j, action in np.argwhere(self.playable & (self.equal == np.arange(self.equal.shape[1]))):
            found[j, action] = Cell(self, np.array([action]), items=[j]).is_full_dimensional
        return found

    def best_responses(self, commitments: Float[np.ndarray, "S L"]) -> Int[np.ndarray, "S n K"]:
        """A best response of every type, up to rounding; the lowest index among ties."""
        over_first = self.differences[:, :, 0]  # what is added to all actions alike is gone from these
        payoffs = np.einsum("sl,jal->sja", commitments, over_first)
        return np.where(self.playable, payoffs, -np.inf).argmax(axis=-1).reshape(-1, *self.shape)

    def leads(
        self, commitment: Float[np.ndarray, "L"], response: Int[np.ndarray, "n K"]
    ) -> tuple[np.ndarray, np.ndarray]:
        """By how much each chosen action leads each other, [n*K, A], and what a tie is relative to."""
        chosen = self.differences[np.arange(len(self.differences)), np.ravel(response)]
        return chosen @ commitment, np.abs(chosen) @ commitment

    def holds(self, commitment: Float[np.ndarray, "L"], response: Int[np.ndarray, "n K"]) -> bool:
        """Is `response` a best response to `commitment`, ties included?"""
        lead, size = self.leads(commitment, response)
        return bool((lead >= -TIE_TOLERANCE * size).all())


class Cell:
    """The region of a response map, or of a part of one: {x : rows @ x >= 0}.

    Args:
      preferences: of one game.
      response: [j], what the types `items` play; without `items`, the first ones.

    Attributes:
      support: [L] bool, leader actions that may have positive probability; None of them: the cell is empty.
      rows: [m, S] float64, the rows that are left on the support, of unit maximum norm, both signs in each.
    """

    def __init__(
        self, preferences: Preferences, response: Int[np.ndarray, "j"], items: Sequence[int] | None = None
    ):
        self.preferences = preferences
        self.items = np.arange(len(response)) if items is None else np.asarray(items)
        self.response = np.asarray(response)
        self._all = preferences.differences[self.items, self.response]  # [j, A, L]
        self._all = self._all.reshape(-1, self._all.shape[-1])
        self._num_preferences = len(self._all)
        if len(preferences.walls):
            self._all = np.concatenate([self._all, preferences.wall_rows])
        self.support, self.kept = _reduce(self._all)
        rows = self._all[self.kept][:, self.support]
        self.rows = rows / np.abs(rows).max(axis=1, initial=0.0, keepdims=True)

    @property
    def is_full_dimensional(self) -> bool:
        """Has the cell dimension L-1?"""
        inside = self.inside()
        return bool(self.support.all()) and inside is not None and inside[1]

    def strictly_contains(self, x: Float[np.ndarray, "L"]) -> bool:
        """Is x in the cell, and on none of its rows or facets but those that hold it everywhere?"""
        if not self.support.any() or x[~self.support].any() or not (x[self.support] > 0).all():
            return False
        rows = self._all[self.kept]
        return bool((rows @ x > TIE_TOLERANCE * (np.abs(rows) @ x)).all())

    def inside(self) -> tuple[np.ndarray, bool] | None:
        """A point [L] of the cell, and whether it lies strictly inside (given the support); None if empty."""
        size = int(self.support.sum())
        if size == 0:
            return None
        even = self._spread(np.full(size, 1 / size))
        if not len(self.rows) or self.strictly_contains(even):
            return even, True
        facets = np.concatenate([self.rows, np.eye(size)])
        program = np.column_stack([facets, -np.ones(len(facets))])
        found = _float_program(np.append(np.zeros(size), 1.0), program, size)
        if found is not None and found.x is not None:
            x = self._spread(found.x[:size])
            if self.strictly_contains(x):
                return x, True
            if found.x[-1] < _CLEARLY_EMPTY and self._has_plain_rows:
                return None
        rows = self._exact_rows()
        strictly = exact.interior_point(rows)
        if strictly is not None:
            return self._spread(strictly), True
        vertex = exact.best_vertex(np.zeros(size), rows)
        return None if vertex is None else (self._spread(vertex[0]), False)

    def best(self, groups: list[Float[np.ndarray, "M L"]]) -> np.ndarray | None:
        """argmax over the cell of sum_j min_m <groups[j][m], x>, [L]; None when the cell is empty.

        One group of one payoff vector is a linear objective: a vertex is returned.
        """
        if not self.support.any():
            return None
        groups = [group[:, self.support] for group in groups]
        spread = max(sum(np.ptp(group) for group in groups), np.finfo(float).tiny)
        scaled = [
            (group - group.min()) / spread for group in groups
        ]  # shares sum to 1: constants are nothing
        size = len(groups[0].T)
        found = _float_program(*_concave(self.rows, scaled), size, least=0.0)
        if (
            found is not None
            and found.status == _INFEASIBLE
            and self._has_plain_rows
            and self.inside() is None
        ):
            return None
        guess = None if found is None else found.x
        if found is not None and guess is not None and self._has_plain_rows:
            for noise in (1e-11, 0.0):  # what looks like rounding noise is 0, if the rows allow
                x = self._spread(np.where(guess[:size] <= noise, 0.0, guess[:size]))
                if self._accepts(x, scaled, -found.fun):
                    return x
            if len(self.preferences.walls):
                x = self._polished(guess[:size])
                if self._accepts(x, scaled, -found.fun):
                    return x
        return self._best_exactly(groups)

    def _polished(self, shares: np.ndarray) -> np.ndarray:
        """A commitment [L] at the nearest point where rows and facets that are nearly tight are tight.

        Rows of a frame have entries everywhere, and rational programs over many of its points take minutes.
        """
        facets = np.concatenate([self.rows, np.eye(len(shares))])
        tight = np.abs(facets @ shares) <= _NEARLY_TIGHT
        system = np.concatenate([facets[tight], np.ones((1, len(shares)))])
        missing = system @ shares - np.append(np.zeros(tight.sum()), 1.0)
        moved = shares - np.linalg.lstsq(system, missing, rcond=None)[0]
        moved[tight[len(self.rows) :]] = 0.0
        return self._spread(moved)

    def _best_exactly(self, groups: list[np.ndarray]) -> np.ndarray | None:
        """`best` in rational arithmetic; payoff vectors on the support."""
        size, ends = len(groups[0].T), np.cumsum([len(group) for group in groups])
        one_scale = exact.integers(np.concatenate(groups).ravel()).reshape(-1, size)
        whole = [group - group.min() for group in np.split(one_scale, ends[:-1])]
        objective, rows = _concave(self._exact_rows(), whole)
        if len(objective) > size:
            # `best_vertex` wants all variables in one simplex: sum x is to sum t + slack as 1 is to `most`.
            most = sum(group.max() for group in whole) + 1
            balance = np.ones(len(objective) + 1, dtype=object)
            balance[:size] = -most
            rows = np.concatenate([np.pad(rows, ((0, 0), (0, 1))), balance[None], -balance[None]])
            objective = np.append(objective, 0)
        found = exact.best_vertex(objective, rows)
        return None if found is None else self._spread(found[0][:size])

    def _accepts(self, x: np.ndarray, groups: list[np.ndarray], promised: float) -> bool:
        """Does a float program's answer keep to the rows, and earn what was promised for it?"""
        if (self._all @ x < -TIE_TOLERANCE * (np.abs(self._all) @ x)).any():
            return False
        earned = [(group @ x[self.support]).min() for group in groups]
        if sum(earned) < promised - _OPTIMAL:
            return False
        # A penalty hides the other payoffs from a program that works to 1e-10 of the largest.
        away = np.concatenate([np.abs(g - e).ravel() for g, e in zip(groups, earned, strict=True)])
        away = away[away > (_ROUNDING if not len(self.preferences.walls) else _ROUNDING_AT_POINTS)]
        return not away.size or away.max() < _VARIED * away.min()

    @functools.cached_property
    def _has_plain_rows(self) -> bool:
        """Does HiGHS see every entry of the rows?"""
        size = np.abs(self.rows)
        return bool((size[size > 0] > 1 / _WIDEST).all())

    def _exact_rows(self) -> Int[np.ndarray, "m S"]:
        """The rows that are left, as whole numbers."""
        num_actions = self.preferences.equal.shape[1]
        is_wall = self.kept >= self._num_preferences
        item, other = np.divmod(self.kept[~is_wall], num_actions)
        payoffs = self.preferences.payoffs[self.items[item]][:, :, self.support]  # [m, A, S]
        index = np.arange(len(item))
        rows = exact.differences(payoffs[index, self.response[item]], payoffs[index, other])
        walls = self.preferences.walls[self.kept[is_wall] - self._num_preferences]
        return np.concatenate([rows, walls[:, self.support]]) if len(walls) else rows

    def _spread(self, shares: np.ndarray) -> np.ndarray:
        """Shares on the support as a commitment [L]."""
        x = np.zeros(len(self.support))
        x[self.support] = np.maximum(shares, 0.0)
        total = x.sum()
        return x / total if total > 0 else x


def _reduce(rows: Float[np.ndarray, "m L"]) -> tuple[np.ndarray, np.ndarray]:
    """The support [L] that signs leave, and the indices of the rows that still constrain anything on it."""
    support = np.ones(rows.shape[1], bool)
    kept = np.flatnonzero(rows.any(axis=1))
    positive, negative = rows > 0, rows < 0
    while True:
        up, down = (positive[kept] & support).any(axis=1), (negative[kept] & support).any(axis=1)
        forced = (negative[kept[~up]]).any(axis=0) & support
        support = support & ~forced
        kept = kept[up & down]
        if not forced.any():
            return support, kept


def _concave(rows: np.ndarray, groups: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Objective and rows of max sum_j min_m <groups[j][m], x>: t_j >= 0 with t_j <= <groups[j][m], x>."""
    if all(len(group) == 1 for group in groups):
        return np.sum(groups, axis=0)[0], rows
    below = np.repeat(np.eye(len(groups), dtype=int), [len(group) for group in groups], axis=0)
    least = np.column_stack([np.concatenate(groups), -below.astype(rows.dtype)])
    rows = np.concatenate([np.pad(rows, ((0, 0), (0, len(groups)))), least])
    objective = np.zeros(rows.shape[1], rows.dtype)
    objective[-len(groups) :] = 1
    return objective, rows


def _float_program(
    objective: np.ndarray, rows: np.ndarray, num_shares: int, least: float | None = None
) -> Any:
    """max <objective, y> with rows @ y >= 0 and shares of sum 1 by HiGHS; None where it gives up."""
    from scipy.optimize import linprog

    shares = (np.arange(len(objective)) < num_shares).astype(float)
    for options in (_HIGHS, {}):
        found = linprog(
            -objective,
            A_ub=-rows if len(rows) else None,
            b_ub=np.zeros(len(rows)) if len(rows) else None,
            A_eq=shares[None],
            b_eq=np.ones(1),
            bounds=(least, None),
            method="highs",
            options=options,
        )
        if found.status in (0, _INFEASIBLE):
            return found
    return None
