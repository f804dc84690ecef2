"""A bound on all response maps at once, and on any part of them: Lagrange multipliers on who prefers what.

The leader's payoff is a sum of *parts*, each of which depends on the actions of few follower types: one or
two of them where the payoff is additive, otherwise all types of one joint type. Where the types of part s
make *choice* p, it pays <u_sp, x>, and rows d_r say what these choices mean: <d_r, x> >= 0. Hence, for any
multipliers m >= 0 and any commitment x with any best responses,

    U(x) <= <sum_s max_p (u_sp + sum_r m_spr d_r), x> <= max_l sum_s max_p (u_sp + sum_r m_spr d_r)_l.

The least of these bounds is the linear program over the concave envelopes of the parts. Where some types are
told what they play, their rows hold for every choice of every part: regions are clipped, not only sums. That
makes the bound tight after a few types, and so good to search with (`jaxstack.solvers.branching`).

Multipliers come from float32 arithmetic that may be as inaccurate as it likes. The bound is then computed
from them in float64, and an allowance for rounding added.

Source: envelopes of unions: Balas, Disjunctive programming, Annals of Discrete Mathematics 5, 1979; parts:
Guignard and Kim, Lagrangean decomposition, Mathematical Programming 39, 1987; clipped regions, for one
follower: Yin and Tambe, A unified method for handling discrete and continuous uncertainty in Bayesian
Stackelberg games (HUNTER), AAMAS 2012. Departure: several followers, and multipliers by smoothing (Nesterov,
Mathematical Programming 103, 2005) and Adam in place of a linear program.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack._settings import with_pinned_settings
from jaxstack.axes import Array, Bool, Float
from jaxstack.distributions import joint_probabilities
from jaxstack.solvers.problem import Problem
from jaxstack.value import joint_payoffs

MAX_SIZE = 1 << 22  # numbers that one step works on
MAX_JOINT = 1 << 18  # K^n A^n L, of payoffs that are not sums
_PAIRED = 3  # actions up to which two types make one part
_COMMON_ROWS = 24  # of types that are told what they play
_WORST = 100.0  # payoffs so much farther below the highest than what is known are raised
RATES = 0.05, 0.0125, 0.003, 0.0008
_HOTTEST, _COLDEST = 0.1, 1e-5  # temperatures, in the same units
_COOLING = 0.03  # of the last to the first
_LEAST_WEIGHT = 1e-30
_FORBIDDEN = -1e9


class Multipliers(NamedTuple):
    """One number for every choice of every part and every row that holds there; float32, 0 or more."""

    own: Array  # [S, P, O], rows of the types in the part
    common: Array  # [S, P, R], rows of types that are told what they play, and of the strategy set


class Bound(NamedTuple):
    """What response maps cannot exceed; the problem's units, less the relaxation's constant."""

    highest: float
    by_choice: Float[np.ndarray, "S P"]  # where the types of a part make a choice


class Relaxation:
    """The parts of one game, J types that can occur, those that matter most first.

    Attributes:
      payoffs: [S, P, L] float64, the problem's units, and `constant` on top of their sum.
      items: [S, c] int, the types of each part; J where a part has fewer.
      actions: [P, c] int, what they play.
      possible: [S, P] bool: do these types have these actions?
      rows: [J + 1, A, A - 1, L] float64, of unit maximum norm: rows[j, a] @ x >= 0 where type j plays a.
      walls: [W, L], facets of the strategy set.
      names: [J] int, the place of each type among all n K.
    """

    def __init__(self, problem: Problem, value: float):
        parts = _additive(problem, value) if _is_sum(problem) else _joint(problem, value)
        payoffs, items, self.actions = parts
        preferences = problem.preferences
        A = preferences.equal.shape[1]
        weight = np.zeros(len(preferences.equal))
        np.add.at(weight, items, _influence(payoffs, self.actions, A))
        can_occur = np.flatnonzero(problem.marginals > 0)
        self.names = can_occur[np.argsort(-weight[can_occur], kind="stable")]
        place = np.full(len(weight), -1)
        place[self.names] = np.arange(len(self.names))
        self.items = place[items]
        if self.actions.shape[1] == 1:
            by_weight = np.argsort(self.items[:, 0])
            payoffs, self.items = payoffs[by_weight], self.items[by_weight]
            if A <= _PAIRED and len(payoffs) > 1:
                payoffs, self.items, self.actions = _paired(payoffs, len(self.names))
        least = payoffs.min(axis=(1, 2), keepdims=True)
        self.payoffs, self.constant = payoffs - least, float(least.sum())
        self._taken_off = float(np.abs(least).sum())
        others = np.array([[b for b in range(A) if b != a] for a in range(A)], int).reshape(A, A - 1)
        rows = preferences.differences[self.names[:, None, None], np.arange(A)[:, None], others]
        rows = rows / np.maximum(np.abs(rows).max(axis=-1, keepdims=True), np.finfo(float).tiny)
        self.rows = np.concatenate([rows, np.zeros((1, *rows.shape[1:]))])
        self.walls = preferences.wall_rows
        playable = np.concatenate([preferences.playable[self.names], np.arange(A)[None] == 0])
        self.possible = playable[self.items[:, None], self.actions].all(axis=-1)
        self.own_rows = self.rows[self.items[:, None], self.actions]  # [S, P, c, A-1, L]
        self.own_rows = self.own_rows.reshape(*self.possible.shape, -1, rows.shape[-1])
        self.num_told = min(len(self.names), max(1, _COMMON_ROWS // max(1, A - 1)))
        self.weight = np.maximum(np.ptp(self.payoffs, axis=(1, 2)), _LEAST_WEIGHT)
        self._on_device = tuple(
            jnp.asarray(array, jnp.float32)
            for array in (
                self.payoffs / self.weight[:, None, None],
                self.own_rows,
                self.weight / self.weight.sum(),
            )
        )

    @property
    def step_size(self) -> int:
        """Numbers that a step on the multipliers of one bound works on."""
        own, common = self.untied()
        return (own[0, 0].size + common[0, 0].size) * self.payoffs.size

    def untied(self) -> Multipliers:
        """No multipliers."""
        num_common = self.num_told * self.rows.shape[2] + len(self.walls)
        S, P, num_own, _ = self.own_rows.shape
        return Multipliers(np.zeros((S, P, num_own), np.float32), np.zeros((S, P, num_common), np.float32))

    def common_rows(self, told: tuple[tuple[int, int], ...]) -> Float[np.ndarray, "R L"]:
        """Rows that hold for every choice: of the strategy set, and of the types told first."""
        per_type, size = self.rows.shape[2:]
        rows = np.zeros((self.num_told * per_type + len(self.walls), size))
        rows[: len(self.walls)] = self.walls
        for place, (item, action) in enumerate(told[: self.num_told]):
            start = len(self.walls) + place * per_type
            rows[start : start + per_type] = self.rows[item, action]
        return rows

    def narrowed(self, choices: Bool[np.ndarray, "S P"]) -> tuple[Bool[np.ndarray, "S P"], np.ndarray]:
        """Choices whose actions are left to their types in all parts, and the actions left [J, A] bool."""
        A = self.rows.shape[1]
        plays = self.actions[:, :, None] == np.arange(A)  # [P, c, A]
        while True:
            seen = np.einsum("sp,pca->sca", choices, plays)
            left = np.ones((len(self.rows), A), bool)
            np.logical_and.at(left, self.items, seen)
            narrower = choices & left[self.items[:, None], self.actions].all(axis=-1)
            if (narrower == choices).all():
                return choices, left[:-1]
            choices = narrower

    def bound(
        self,
        multipliers: Multipliers,
        common_rows: Float[np.ndarray, "R L"],
        choices: Bool[np.ndarray, "S P"],
    ) -> Bound:
        """The bound of given multipliers on response maps that make some of `choices`, in float64."""
        scale = self.weight[:, None, None]
        own, common = multipliers.own * scale, multipliers.common * scale
        totals = common @ common_rows + np.einsum("spo,spol->spl", own, self.own_rows) + self.payoffs
        totals = np.where(choices[..., None], totals, -np.inf)
        best = totals.max(axis=1)
        # Rows and shares are at most 1: nothing that was added is larger than this.
        largest = self.payoffs.max(axis=-1) + own.sum(axis=-1) + common.sum(axis=-1)
        num_terms = own.shape[-1] + common.shape[-1] + len(self.payoffs) + self.actions.shape[1] + 8
        size = self._taken_off + np.where(choices, largest, 0.0).max(axis=1).sum()
        rounding = num_terms * np.finfo(float).eps * size
        by_choice = (best.sum(axis=0) - best)[:, None] + totals
        return Bound(float(best.sum(axis=0).max() + rounding), by_choice.max(axis=-1) + rounding)

    @with_pinned_settings
    def improved(
        self,
        multipliers: Multipliers,
        common_rows: Float[np.ndarray, "B R L"],
        choices: Bool[np.ndarray, "B S P"],
        gaps: Float[np.ndarray, "B"],
        rates: Float[np.ndarray, "B"],
        num_steps: int,
    ) -> Multipliers:
        """Better multipliers, for a batch of bounds side by side.

        Args:
          multipliers: to start from; leading axis B.
          common_rows, choices: as of `bound`.
          gaps: how far each bound is above what is worth telling apart; the problem's units.
          rates: first steps, in units of each part's payoff range; some of RATES.
          num_steps: of Adam.
        """
        hottest = np.clip(gaps / self.weight.sum(), _COLDEST, _HOTTEST).astype(np.float32)
        rates, steps = rates.astype(np.float32), np.float32(num_steps)
        found = _descend(
            *self._on_device, np.float32(common_rows), choices, multipliers, hottest, rates, steps
        )
        own, common = (np.nan_to_num(np.asarray(m), posinf=0.0) for m in found)
        return Multipliers(own, common)


def fits(problem: Problem) -> bool:
    """Is the relaxation of a game small enough to be of use?"""
    num_items, num_actions, _, L = problem.preferences.differences.shape
    if not _is_sum(problem):
        n = problem.game.num_followers
        if float(problem.types.num_types * num_actions) ** n * L > MAX_JOINT:
            return False
        num_choices = (problem.types.num_types * num_actions) ** n
        return num_choices * L * (n * num_actions + _COMMON_ROWS) <= MAX_SIZE
    per_choice = 2 * num_actions + _COMMON_ROWS + len(problem.preferences.walls)
    return num_items * num_actions * L * per_choice <= MAX_SIZE


def _is_sum(problem: Problem) -> bool:
    return problem.game.leader.additive_terms() is not None


def _additive(problem: Problem, value: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A part for every type of every follower: payoffs [S, A, L], types [S, 1], actions [A, 1]."""
    terms = np.asarray(problem.game.leader.additive_terms())  # [n, K or 1, A, L]
    A, L = terms.shape[2:]
    terms = np.broadcast_to(terms, (*problem.preferences.shape, A, L)).reshape(-1, A, L)
    items = np.flatnonzero(problem.marginals > 0)
    payoffs = problem.marginals[items, None, None] * terms[items]
    return _raised(payoffs, problem.preferences.playable[items], value), items[:, None], np.arange(A)[:, None]


def _joint(problem: Problem, value: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A part for every joint type: payoffs [S, A^n, L], types [S, n], actions [A^n, n]."""
    n, K = problem.preferences.shape
    A = problem.preferences.equal.shape[1]
    probabilities = joint_probabilities(problem.types)
    possible = np.flatnonzero(probabilities)
    theta = np.stack(np.unravel_index(possible, (K,) * n), axis=1)
    actions = np.array(list(itertools.product(range(A), repeat=n)))
    whatever_the_types = np.repeat(actions[:, :, None], K, axis=2)
    if problem.game.leader.num_types is None:
        payoffs = np.broadcast_to(
            problem.payoffs(whatever_the_types), (len(theta), len(actions), problem.game.num_leader_actions)
        )
    else:
        payoffs = joint_payoffs(problem.game, whatever_the_types)[:, possible].transpose(1, 0, 2)
    items = np.arange(n) * K + theta
    playable = problem.preferences.playable[items[:, None], actions].all(axis=-1)
    return _raised(probabilities[possible, None, None] * payoffs, playable, value), items, actions


def _raised(payoffs: np.ndarray, playable: np.ndarray, value: float) -> np.ndarray:
    """Payoffs [S, P, L] with what is far below the highest raised: a penalty of 10^12 would hide all else.

    That only relaxes, and so does any payoff of what cannot be played.
    """
    highs = np.where(playable[..., None], payoffs, -np.inf).max(axis=(1, 2), keepdims=True)
    missing = max(float(highs.sum()) - value, 1e-9 * float(np.abs(payoffs).max()), np.finfo(float).tiny)
    least = highs - _WORST * missing
    return np.where(playable[..., None], np.maximum(payoffs, least), least)


def _influence(payoffs: np.ndarray, actions: np.ndarray, num_actions: int) -> Float[np.ndarray, "S c"]:
    """By how much each type of a part moves what it pays, the others taken in the mean."""
    influence = np.zeros((len(payoffs), actions.shape[1]))
    for place, of_type in enumerate(actions.T):
        means = np.stack([payoffs[:, of_type == a].mean(axis=1) for a in range(num_actions)])
        influence[:, place] = np.ptp(means, axis=0).mean(axis=-1)
    return influence


def _paired(payoffs: np.ndarray, num_items: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parts of two types each, in their order, from parts of one."""
    if len(payoffs) % 2:
        payoffs = np.concatenate([payoffs, np.zeros_like(payoffs[:1])])
    _, A, L = payoffs.shape
    first, second = payoffs[::2], payoffs[1::2]
    sums = (first[:, :, None] + second[:, None]).reshape(-1, A * A, L)
    items = np.minimum(np.arange(len(payoffs)), num_items).reshape(-1, 2)
    return sums, items, np.array(list(itertools.product(range(A), repeat=2)))


@jax.jit
@functools.partial(jax.vmap, in_axes=(None, None, None, 0, 0, 0, 0, 0, None))
def _descend(
    payoffs: Float[jax.Array, "S P L"],
    own_rows: Float[jax.Array, "S P O L"],
    weight: Float[jax.Array, "S"],
    common_rows: Float[jax.Array, "R L"],
    choices: Bool[jax.Array, "S P"],
    multipliers: Multipliers,
    hottest: Float[jax.Array, ""],
    rate: Float[jax.Array, ""],
    num_steps: Float[jax.Array, ""],
) -> Multipliers:
    """Projected Adam on the bound with its maxima smoothed, cooling on the way."""

    def slope(multipliers: Multipliers, temperature: jax.Array) -> Multipliers:
        """Gradient: how much of each row the smoothed choices and commitment have."""
        totals = payoffs + jnp.einsum("spo,spol->spl", multipliers.own, own_rows)
        totals = jnp.where(choices[..., None], totals + multipliers.common @ common_rows, _FORBIDDEN)
        best = totals.max(axis=1, keepdims=True)
        shares = jnp.exp((totals - best) / temperature)
        sums = shares.sum(axis=1, keepdims=True)
        of_parts = (best + temperature * jnp.log(sums))[:, 0] * weight[:, None]
        x = jax.nn.softmax(of_parts.sum(axis=0) * len(weight) / (5 * temperature))
        z = shares / sums * x[None, None]
        return Multipliers(jnp.einsum("spl,spol->spo", z, own_rows), z @ common_rows.T)

    def step(index: jax.Array, carry: Any) -> Any:
        """Kingma and Ba, Adam, ICLR 2015, algorithm 1, and back to multipliers of 0 or more."""
        done = index / num_steps
        now = rate * (1 - done)
        unbias, unbias_square = 1 - 0.9 ** (index + 1), 1 - 0.99 ** (index + 1)
        moved = []
        slopes = slope(Multipliers(*(m for m, _, _ in carry)), hottest * _COOLING**done)
        for (value, mean, square), g in zip(carry, slopes, strict=True):
            mean, square = 0.9 * mean + 0.1 * g, 0.99 * square + 0.01 * g * g
            change = now * (mean / unbias) / (jnp.sqrt(square / unbias_square) + 1e-9)
            moved.append((jnp.maximum(value - change, 0.0), mean, square))
        return moved

    start = [(m, jnp.zeros_like(m), jnp.zeros_like(m)) for m in multipliers]
    (own, _, _), (common, _, _) = jax.lax.fori_loop(
        0, num_steps.astype(jnp.int32), lambda i, carry: step(i.astype(jnp.float32), carry), start
    )
    return Multipliers(own, common)
