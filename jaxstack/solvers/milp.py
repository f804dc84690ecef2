"""One mixed-integer program over response maps: DOBSS for several followers, without big-M constants.

Follower i of type k plays one action: r[i,k,a] is binary. Products z[i,k,a,l] = x_l r[i,k,a] make all linear:

    max  E u,   sum_a z[i,k,a,:] = x,   sum_l z[i,k,a,l] = r[i,k,a],   z, x >= 0,   sum x = 1,
    sum_l z[i,k,a,l] (v_i(l,a,k) - v_i(l,b,k)) >= 0   for all actions b,

and with r binary the last line says that the chosen action is a best response. A separable payoff is linear
in z, and needs only the marginals of the types: hundreds of followers are fine. Any other payoff needs
w[theta,a,l] = x_l 1{a = W(theta)} for every joint type and joint action, tied to the rest by
sum_{a: a_i = b} w[theta,a,l] = z[i,theta_i,b,l].

Payoffs that depend on few leader actions each, as in security games, need few of the products: those have the
smaller program of `jaxstack.solvers.aggregated`.

Source: Paruchuri et al., Playing games for security: an efficient exact algorithm for solving Bayesian
Stackelberg games (DOBSS), AAMAS 2008, for one follower. Departure: payoffs multiply z, and preferences hold
row by row of z, so that no constant M is needed.
"""

from __future__ import annotations

import math

import numpy as np

from jaxstack.axes import Bool, Float, Int
from jaxstack.distributions import joint_probabilities
from jaxstack.game import Game
from jaxstack.solvers import aggregated
from jaxstack.solvers.cells import Cell, Preferences
from jaxstack.solvers.contract import Solution
from jaxstack.solvers.integer_program import SLACK, IntegerProgram
from jaxstack.solvers.problem import Problem
from jaxstack.value import joint_payoffs

MAX_JOINT_VARIABLES = 500_000  # K^n A^n L; 140,000 took about ten seconds on one core


def solve(problem: Problem) -> Solution:
    """The commitment and the response map of highest expected utility.

    The program is a relaxation, by its tolerances: of each map that it proposes, the exact program over the
    map's region tells whether there is such a region, and what it is worth. The map is then excluded, and the
    search goes on until the program's own bound says that nothing better is left. Under robust ties a flat
    region is none, and what other regions are worth is no more than the program promises.

    Args:
      problem: one game under either tie rule. When its time is up, the best commitment so far is returned.

    Returns:
      Solution; upper_bound is within a billionth of the payoff range of the value, unless time ran out.

    Raises:
      ValueError: a payoff that is not separable and has K^n A^n L > MAX_JOINT_VARIABLES.
      TimeoutError: no commitment was found within the time limit.
    """
    game = problem.game
    _check_size(game)
    best = problem.start()
    if best is None:
        raise problem.clock.too_short("milp")
    program = program_for(problem, best.value)
    bound = problem.highest
    while True:
        bound = max(bound, best.value)
        problem.tell(best.value, bound)
        if bound <= best.value + program.precision or problem.clock.is_over:
            break
        response, promised = program.maximise(problem.clock.left)
        bound = min(bound, promised)
        if response is None:
            break
        found = problem.best_in(response)
        if found is not None and found.value > best.value:
            best = found
        program.exclude(response, found)
    if bound <= best.value + program.precision:
        bound = best.value
    return problem.solution(best, "milp", bound)


def program_for(problem: Problem, reached: float) -> IntegerProgram:
    """The program that is fastest for a game.

    Args:
      problem: one game.
      reached: what some commitment earns.
    """
    return (aggregated.AggregatedProgram if aggregated.suits(problem) else Program)(problem, reached)


def num_variables(game: Game) -> int:
    """About how many variables the program of `program_for` has."""
    if game.leader.additive_terms() is None:
        return num_products(game)
    follower, leader = np.asarray(game.follower), game.leader
    if game.strategies is not None:
        points = game.strategies.frame.float_points
        follower, leader = np.einsum("dl,nkla->nkda", points, follower), leader.at(points)
    follower = follower.swapaxes(-1, -2)
    playable = np.ones(follower.shape[:-1], bool) if game.playable is None else game.playable
    needed = aggregated.products(follower, np.asarray(leader.additive_terms()), playable)
    return int(needed.sum() + playable.sum()) if aggregated.are_few(needed, playable) else num_products(game)


def num_products(game: Game) -> int:
    """How many products of commitment and choices the program with all of them has."""
    if game.leader.additive_terms() is not None:
        shape = (game.num_followers, game.num_types, game.num_actions)
        playable = math.prod(shape) if game.playable is None else int(game.playable.sum())
        return playable * game.num_leader_actions
    joint_actions = math.prod(game.actions_by_follower.tolist())
    return game.num_joint_types * joint_actions * game.num_leader_actions


def _check_size(game: Game) -> None:
    """Raise ValueError where the joint formulation would be too large, before anything is allocated."""
    size = num_products(game)
    if game.leader.additive_terms() is None and size > MAX_JOINT_VARIABLES:
        readable = f"{size:,}" if size < 10**12 else f"about 10^{math.log10(size):.0f}"
        raise ValueError(
            f"method='milp' needs K^n A^n L variables when the leader's payoff is not separable, which is "
            f"{readable} for {game!r}; the limit is {MAX_JOINT_VARIABLES:,}. Use method='vertices' (few "
            f"leader actions), 'walk' (a lower bound), or SeparablePayoff if the payoff is a sum over "
            f"followers."
        )


class Program(IntegerProgram):
    """The program with all products. Variables: x [L], r [n,K,A], z [n,K,A,L], then w."""

    def __init__(self, problem: Problem, reached: float):
        super().__init__(problem)
        preferences, game = problem.preferences, problem.game
        n, K, A = self.r.shape
        L = len(self.x)
        self.z = L + self.r.size + np.arange(n * K * A * L).reshape(n, K, A, L)
        self.num_variables += self.z.size
        allowed, rows = _allowed(preferences, problem.can_play)  # [n*K, A, L], [n*K, A, A, L]
        self.forbidden = self.z[~allowed.reshape(self.z.shape)]
        self.can_play = allowed.any(axis=-1).reshape(n, K, A)
        rows = rows.reshape(n, K, A, A, L)

        self.require(1.0, 1.0, (self.x[None], 1.0))
        of_each_type = self.z.swapaxes(2, 3).reshape(-1, A)  # rows (i, k, l)
        self.require(0.0, 0.0, (of_each_type, 1.0), (np.tile(self.x, n * K)[:, None], -1.0))
        self.require(0.0, 0.0, (self.z.reshape(-1, L), 1.0), (self.r.reshape(-1, 1), -1.0))
        i, k, a, b = np.nonzero(rows.any(axis=-1))
        if problem.strategies is None:
            self.require(-SLACK, np.inf, (self.z[i, k, a], rows[i, k, a, b]))
        else:
            self._require_sparse(rows[i, k, a, b], self.z[i, k, a], self.r[i, k, a])
            for wall in preferences.wall_rows:  # x, and so each x r[i,k,a], lies inside
                self._require_sparse(np.tile(wall, (self.r.size, 1)), self.z.reshape(-1, L), self.r.ravel())
        is_sum = game.leader.additive_terms() is not None
        self.objective = self._separable(reached) if is_sum else self._joint(reached)

    def _require_sparse(self, rows: np.ndarray, z: np.ndarray, r: np.ndarray) -> None:
        """<row, z> >= 0 with what is added to all coefficients moved to r = sum z.

        At the points of a frame a form that depends on few coordinates has the same value almost everywhere.
        """
        common = rows[:, -1:]
        self.require(-SLACK, np.inf, (z, rows - common), (r[:, None], common))

    def _separable(self, reached: float) -> Float[np.ndarray, "v"]:
        """Objective of a payoff that is a sum: P(theta_i = k) u_i(l, a, k) z[i,k,a,l]."""
        terms = np.asarray(self.problem.game.leader.additive_terms())  # [n, K, A, L] or [n, 1, A, L]
        by_type = terms.shape[1] == self.can_play.shape[1]
        played = (self.can_play if by_type else np.asarray(self.can_play.any(axis=1, keepdims=True)))[
            ..., None
        ]
        highs = np.where(played, terms, -np.inf).max(axis=(1, 2, 3), keepdims=True)
        terms = self.in_range(terms, played, highs, float(highs.sum()) - reached)
        objective = np.zeros(self.num_variables)
        objective[self.z] = np.reshape(self.problem.marginals, self.z.shape[:2])[..., None, None] * terms
        return objective

    def _joint(self, reached: float) -> Float[np.ndarray, "v"]:
        """Objective of any payoff: sum of P(theta) u(l, a, theta) w[theta,a,l], the w tied to the z."""
        n, K, A, L = self.z.shape
        types = self.problem.types
        probabilities = joint_probabilities(types)
        possible = np.flatnonzero(probabilities)
        theta, actions = _digits(possible, K, n), _digits(np.arange(A**n), A, n)  # [J, n], [A^n, n]
        actions = actions[np.asarray(self.can_play.any(axis=1))[np.arange(n), actions].all(axis=1)]
        w = self.num_variables + np.arange(len(theta) * len(actions) * L).reshape(len(theta), L, len(actions))
        self.num_variables += w.size
        for i in range(n):
            for b in range(A):
                w_of_action = w[:, :, actions[:, i] == b].reshape(len(theta) * L, -1)
                self.require(0.0, 0.0, (w_of_action, 1.0), (self.z[i, theta[:, i], b].reshape(-1, 1), -1.0))
        whatever_the_types = np.repeat(actions[:, :, None], K, axis=2)
        if self.problem.game.leader.num_types is None:
            payoff, where = self.problem.payoffs(whatever_the_types).T, np.ones((), bool)  # [L, ..]
        else:
            payoff = joint_payoffs(self.problem.game, whatever_the_types)[:, possible].transpose(1, 2, 0)
            where = self.can_play[np.arange(n), theta[:, None], actions].all(axis=-1)[:, None]
        high = np.where(where, payoff, -np.inf).max()
        objective = np.zeros(self.num_variables)
        objective[w] = probabilities[possible, None, None] * self.in_range(
            payoff, where, high, high - reached
        )
        return objective


def _allowed(preferences: Preferences, can_play: Bool[np.ndarray, "nK A"]) -> tuple[np.ndarray, np.ndarray]:
    """Where each action may be played, [n*K, A, L] bool, and the rows of that, [n*K, A, A, L], of unit norm.

    Decided exactly, and so by no tolerance of the program: where an action is never a best response, or only
    away from some leader actions.
    """
    num_items, num_actions = can_play.shape
    rows = np.zeros_like(preferences.differences)
    allowed = np.zeros((num_items, num_actions, rows.shape[-1]), bool)
    for j, action in np.argwhere(can_play):
        cell = Cell(preferences, np.array([action]), items=[j])
        allowed[j, action] = cell.support
        preferred = cell.kept < num_actions  # the rest are walls of the strategy set
        place = np.ix_(cell.kept[preferred], np.flatnonzero(cell.support))
        rows[j, action][place] = cell.rows[preferred]
    return allowed, rows


def _digits(numbers: Int[np.ndarray, "m"], base: int, length: int) -> Int[np.ndarray, "m n"]:
    """Digits of each number, the last one least."""
    return numbers[:, None] // base ** np.arange(length)[::-1] % base
