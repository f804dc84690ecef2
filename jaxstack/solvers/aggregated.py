"""The program over response maps with few products, for payoffs that depend on few leader actions each.

Where a target's payoffs depend on its own coverage alone, as in security games, most products x_l r[i,k,a] of
`jaxstack.solvers.milp` are not needed. Payoffs are those at the last leader action and what the others add:
V(a) = v(o,a) + sum_l d_l(a) x_l, and z[i,k,a,l] = x_l r[i,k,a] is there only where d_l(a) is not 0 for
follower or leader. The value w[i,k] that type k gets from what it plays is no less than from any action:

    w[i,k] = sum_a v(o,a) r[i,k,a] + sum_{a,l} d_l(a) z[i,k,a,l]  >=  V(b)   for all b,
    sum_l z[i,k,a,l] <= r[i,k,a],
    0 <= x_l - sum_a z[i,k,a,l] <= 1 - sum_a r[i,k,a]   over the actions a that need l.

One row for each (i, k, b) instead of one for each (i, k, a, b): weaker without integers where every product
is needed, and many times smaller where few are.

Source: DOBSS (Paruchuri et al., AAMAS 2008) with its constants replaced by products; the form of ERASER
(Kiekintveld et al., AAMAS 2009) for coverage. On aggregated and disaggregated rows: Casorran et al., A study
of general and security Stackelberg game formulations, EJOR 278, 2019.
"""

from __future__ import annotations

import numpy as np

from jaxstack.axes import Bool, Float
from jaxstack.solvers.integer_program import SLACK, IntegerProgram
from jaxstack.solvers.problem import Problem

_FEW = 4  # times fewer products than with all leader actions: then the smaller program is the faster one
_SMALLEST = 1e-3  # difference between two actions, to the range of a type's payoffs, that rows tell
_ROUNDING = 1e-12  # of payoffs at a frame's points, which are sums


def products(
    follower: Float[np.ndarray, "n K A L"],
    terms: Float[np.ndarray, "n K A L"],
    playable: Bool[np.ndarray, "n K A"],
) -> Bool[np.ndarray, "n K A L"]:
    """Which products x_l r[i,k,a] the program needs.

    Args:
      follower, terms: payoffs of followers, and of the leader by follower, type and action.
      playable: which actions there are.
    """
    needed = np.zeros(follower.shape, bool)
    for payoffs in (follower, np.broadcast_to(terms, follower.shape)):
        size = np.abs(payoffs).max(axis=(1, 2, 3), keepdims=True)
        needed |= np.abs(payoffs - payoffs[..., -1:]) > _ROUNDING * size
    return needed & playable[..., None]


def are_few(needed: Bool[np.ndarray, "n K A L"], playable: Bool[np.ndarray, "n K A"]) -> bool:
    """Are there so few products that this program is faster than one with all?"""
    return _FEW * int(needed.sum()) <= int(playable.sum()) * needed.shape[-1]


def suits(problem: Problem) -> bool:
    """Is the payoff a sum, few products needed, and no difference lost beside larger ones?"""
    terms, preferences = problem.game.leader.additive_terms(), problem.preferences
    if terms is None:
        return False
    follower, playable = _in_unit_range(problem)
    if not are_few(products(follower, np.asarray(terms), playable), playable):
        return False
    by_action = follower.reshape(*preferences.playable.shape, -1)
    rows = np.abs(by_action[:, :, None] - by_action[:, None]).max(axis=-1)
    told = ~preferences.differences.any(axis=-1) | (rows >= _SMALLEST)
    return bool((told | ~preferences.playable[:, :, None] | ~preferences.playable[:, None]).all())


class AggregatedProgram(IntegerProgram):
    """The program with one row for each action. Variables: x [L], r [n,K,A], z where needed, then w [n,K]."""

    def __init__(self, problem: Problem, reached: float):
        super().__init__(problem)
        follower, playable = _in_unit_range(problem)
        terms = np.broadcast_to(np.asarray(problem.game.leader.additive_terms()), follower.shape)
        self.can_play = problem.can_play.reshape(playable.shape)
        self.forbidden = self.r[~self.can_play]
        self.needed = products(follower, terms, self.can_play)
        self.z = np.zeros(self.needed.shape, int)  # of what is not needed: never used
        self.z[self.needed] = self.num_variables + np.arange(self.needed.sum())
        self.w = self.num_variables + int(self.needed.sum()) + np.arange(self.r[..., 0].size)
        self.num_variables = int(self.w[-1]) + 1
        self._tie_products()
        self._prefer(follower)
        self.objective = self._of_leader(terms, reached)

    def _tie_products(self) -> None:
        """Commitments lie in the strategy set, every type plays one action, and z = x r."""
        A, L = self.r.shape[-1], len(self.x)
        walls = self.problem.preferences.wall_rows
        self.require(1.0, 1.0, (self.x[None], 1.0))
        self.require(0.0, np.inf, (np.tile(self.x, (len(walls), 1)), walls))
        self.require(1.0, 1.0, (self.r.reshape(-1, A), 1.0))
        z, needed = self.z.reshape(-1, L), self.needed.reshape(-1, L).astype(float)
        self.require(-np.inf, 0.0, (z, needed), (self.r.reshape(-1, 1), -1.0))
        i, k, leader = np.nonzero(self.needed.any(axis=2))
        of_action, x = self.needed[i, k, :, leader].astype(float), self.x[leader][:, None]
        rest = ((x, 1.0), (self.z[i, k, :, leader], -of_action))
        self.require(0.0, np.inf, *rest)
        self.require(-np.inf, 1.0, *rest, (self.r[i, k], of_action))

    def _prefer(self, payoffs: Float[np.ndarray, "n K A L"]) -> None:
        """What a type gets is no less than from any action."""
        base, added = payoffs[..., -1], payoffs - payoffs[..., -1:]
        A = base.shape[-1]
        self.require(
            0.0,
            0.0,
            (self.w[:, None], -1.0),
            (self.r.reshape(-1, A), np.where(self.can_play, base, 0.0).reshape(-1, A)),
            (self.z.reshape(len(self.w), -1), np.where(self.needed, added, 0.0).reshape(len(self.w), -1)),
        )
        i, k, b = np.nonzero(self.can_play)
        w = self.w.reshape(self.r.shape[:2])[i, k][:, None]
        x = np.tile(self.x, (len(i), 1))
        self.require(base[i, k, b] - SLACK, np.inf, (w, 1.0), (x, -added[i, k, b]))

    def _of_leader(self, terms: np.ndarray, reached: float) -> Float[np.ndarray, "v"]:
        """Objective: P(theta_i = k) times what the leader gets from what type k plays."""
        played = self.can_play[..., None]
        highs = np.where(played, terms, -np.inf).max(axis=(1, 2, 3), keepdims=True)
        terms = self.in_range(terms, played, highs, float(highs.sum()) - reached)
        weighted = np.reshape(self.problem.marginals, self.r.shape[:2])[..., None, None] * terms
        objective = np.zeros(self.num_variables)
        objective[self.r] = weighted[..., -1]
        objective[self.z[self.needed]] = (weighted - weighted[..., -1:])[self.needed]
        return objective


def _in_unit_range(problem: Problem) -> tuple[Float[np.ndarray, "n K A L"], Bool[np.ndarray, "n K A"]]:
    """Follower payoffs, those of every type brought to [0, 1], and which actions there are."""
    preferences = problem.preferences
    playable = preferences.playable.reshape(*preferences.shape, -1)
    follower = np.asarray(preferences.payoffs, float).reshape(*playable.shape, -1)
    played = playable[..., None]
    lowest = np.where(played, follower, np.inf).min(axis=(2, 3), keepdims=True)
    size = np.where(played, follower, -np.inf).max(axis=(2, 3), keepdims=True) - lowest
    return (follower - lowest) / np.where(size > 0, size, 1.0), playable
