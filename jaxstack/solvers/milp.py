"""One mixed-integer program over response maps: DOBSS for several followers, without big-M constants.

Follower i of type k plays one action: r[i,k,a] is binary. Products z[i,k,a,l] = x_l r[i,k,a] make all linear:

    max  E u,   sum_a z[i,k,a,:] = x,   sum_l z[i,k,a,l] = r[i,k,a],   z, x >= 0,   sum x = 1,
    sum_l z[i,k,a,l] (v_i(l,a,k) - v_i(l,b,k)) >= 0   for all actions b,

and with r binary the last line says that the chosen action is a best response. A separable payoff is linear
in z, and needs only the marginals of the types: hundreds of followers are fine. Any other payoff needs
w[theta,a,l] = x_l 1{a = W(theta)} for every joint type and joint action, tied to the rest by
sum_{a: a_i = b} w[theta,a,l] = z[i,theta_i,b,l].

Source: Paruchuri et al., Playing games for security: an efficient exact algorithm for solving Bayesian
Stackelberg games (DOBSS), AAMAS 2008, for one follower. Departure: payoffs multiply z, and preferences hold
row by row of z, so that no constant M is needed.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint
from scipy.optimize import milp as mixed_integer_program

from jaxstack.axes import Float, Int
from jaxstack.distributions import joint_probabilities
from jaxstack.game import Game
from jaxstack.solvers.cells import Cell, Preferences
from jaxstack.solvers.contract import Solution
from jaxstack.solvers.problem import Found, Problem
from jaxstack.value import joint_payoffs

MAX_JOINT_VARIABLES = 500_000  # K^n A^n L; 140,000 took about ten seconds on one core

PRESOLVED = 2_000  # variables from which HiGHS presolves: it can lose maps where rows are nearly parallel
_OBJECTIVE_RANGE = 1e3  # HiGHS stops at an absolute gap of 1e-6: a billionth of the range
_WORST = 100.0  # payoffs so much farther below the highest than the first answer are raised
_SLACK = 1e-8  # added to rows of unit norm, ten times the tolerance: then HiGHS loses no map with a region
_HIGHS = {"primal_feasibility_tolerance": 1e-9, "mip_feasibility_tolerance": 1e-9}
_OUT_OF_TIME, _INFEASIBLE = 1, 2  # statuses of scipy.optimize.milp


def solve(problem: Problem) -> Solution:
    """The commitment and the response map of highest expected utility.

    The program is a relaxation, by its tolerances: of each map that it proposes, the exact program over the
    map's region tells whether there is such a region, and what it is worth. The map is then excluded, and the
    search goes on until the program's own bound says that nothing better is left.

    Args:
      problem: one game under optimistic ties. When its time is up, the best commitment so far is returned.

    Returns:
      Solution; upper_bound is within a billionth of the payoff range of the value, unless time ran out.

    Raises:
      ValueError: ties="robust", or a payoff that is not separable and has K^n A^n L > MAX_JOINT_VARIABLES.
      TimeoutError: no commitment was found within the time limit.
    """
    game = problem.game
    if problem.ties == "robust":
        raise ValueError(
            "method='milp' cannot express ties='robust': to be full-dimensional is not a linear condition. "
            "Use method='vertices' or 'programs', or ties='optimistic'."
        )
    _check_size(game)
    best = problem.start()
    if best is None:
        raise problem.clock.too_short("milp")
    program = Program(problem, best.value)
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


def num_variables(game: Game) -> int:
    """About how many variables the program has."""
    if game.leader.additive_terms() is not None:
        shape = (game.num_followers, game.num_types, game.num_actions)
        playable = math.prod(shape) if game.playable is None else int(game.playable.sum())
        return playable * game.num_leader_actions
    joint_actions = math.prod(game.actions_by_follower.tolist())
    return game.num_joint_types * joint_actions * game.num_leader_actions


def _check_size(game: Game) -> None:
    """Raise ValueError where the joint formulation would be too large, before anything is allocated."""
    size = num_variables(game)
    if game.leader.additive_terms() is None and size > MAX_JOINT_VARIABLES:
        readable = f"{size:,}" if size < 10**12 else f"about 10^{math.log10(size):.0f}"
        raise ValueError(
            f"method='milp' needs K^n A^n L variables when the leader's payoff is not separable, which is "
            f"{readable} for {game!r}; the limit is {MAX_JOINT_VARIABLES:,}. Use method='vertices' (few "
            f"leader actions), 'ascent' (a lower bound), or SeparablePayoff if the payoff is a sum over "
            f"followers."
        )


class Program:
    """The mixed-integer program under construction. Variables: x [L], r [n,K,A], z [n,K,A,L], then w.

    Attributes:
      precision: difference of objectives that the program can tell, in the problem's units.
    """

    def __init__(self, problem: Problem, reached: float):
        preferences, game = problem.preferences, problem.game
        n, K = preferences.shape
        _, A, _, L = preferences.differences.shape
        self.problem = problem
        self.x = np.arange(L)
        self.r = L + np.arange(n * K * A).reshape(n, K, A)
        self.z = L + self.r.size + np.arange(n * K * A * L).reshape(n, K, A, L)
        self.num_variables = L + self.r.size + self.z.size
        self.constraints: list[tuple[float, float, list[_Term]]] = []
        allowed, rows = _allowed(preferences)  # [n*K, A, L], [n*K, A, A, L]
        self.forbidden = self.z[~allowed.reshape(self.z.shape)]
        self.can_play: Any = allowed.any(axis=-1).reshape(n, K, A)
        rows = rows.reshape(n, K, A, A, L)

        self._require(1.0, 1.0, (self.x[None], 1.0))
        of_each_type = self.z.swapaxes(2, 3).reshape(-1, A)  # rows (i, k, l)
        self._require(0.0, 0.0, (of_each_type, 1.0), (np.tile(self.x, n * K)[:, None], -1.0))
        self._require(0.0, 0.0, (self.z.reshape(-1, L), 1.0), (self.r.reshape(-1, 1), -1.0))
        i, k, a, b = np.nonzero(rows.any(axis=-1))
        if problem.strategies is None:
            self._require(-_SLACK, np.inf, (self.z[i, k, a], rows[i, k, a, b]))
        else:
            self._require_sparse(rows[i, k, a, b], self.z[i, k, a], self.r[i, k, a])
            for wall in preferences.wall_rows:  # x, and so each x r[i,k,a], lies inside
                self._require_sparse(np.tile(wall, (self.r.size, 1)), self.z.reshape(-1, L), self.r.ravel())
        is_sum = game.leader.additive_terms() is not None
        self.objective = self._separable(reached) if is_sum else self._joint(reached)
        self.precision = 2e-6 / self.unit

    def _require_sparse(self, rows: np.ndarray, z: np.ndarray, r: np.ndarray) -> None:
        """<row, z> >= 0 with what is added to all coefficients moved to r = sum z.

        At the points of a frame a form that depends on few coordinates has the same value almost everywhere.
        """
        common = rows[:, -1:]
        self._require(-_SLACK, np.inf, (z, rows - common), (r[:, None], common))

    def _separable(self, reached: float) -> Float[np.ndarray, "v"]:
        """Objective of a payoff that is a sum: P(theta_i = k) u_i(l, a, k) z[i,k,a,l]."""
        terms = np.asarray(self.problem.game.leader.additive_terms())  # [n, K, A, L] or [n, 1, A, L]
        by_type = terms.shape[1] == self.can_play.shape[1]
        played = (self.can_play if by_type else self.can_play.any(axis=1, keepdims=True))[..., None]
        highs = np.where(played, terms, -np.inf).max(axis=(1, 2, 3), keepdims=True)
        terms = self._in_range(terms, played, highs, float(highs.sum()) - reached)
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
        actions = actions[self.can_play.any(axis=1)[np.arange(n), actions].all(axis=1)]
        w = self.num_variables + np.arange(len(theta) * len(actions) * L).reshape(len(theta), L, len(actions))
        self.num_variables += w.size
        for i in range(n):
            for b in range(A):
                w_of_action = w[:, :, actions[:, i] == b].reshape(len(theta) * L, -1)
                self._require(0.0, 0.0, (w_of_action, 1.0), (self.z[i, theta[:, i], b].reshape(-1, 1), -1.0))
        whatever_the_types = np.repeat(actions[:, :, None], K, axis=2)
        if self.problem.game.leader.num_types is None:
            payoff, where = self.problem.payoffs(whatever_the_types).T, np.ones((), bool)  # [L, ..]
        else:
            payoff = joint_payoffs(self.problem.game, whatever_the_types)[:, possible].transpose(1, 2, 0)
            where = self.can_play[np.arange(n), theta[:, None], actions].all(axis=-1)[:, None]
        high = np.where(where, payoff, -np.inf).max()
        objective = np.zeros(self.num_variables)
        objective[w] = probabilities[possible, None, None] * self._in_range(
            payoff, where, high, high - reached
        )
        return objective

    def _in_range(self, payoff: np.ndarray, where: Any, high: Any, missing: float) -> np.ndarray:
        """Payoffs as HiGHS can weigh them: about 0 to 1000, with what is far below them raised.

        A penalty of 10^12 would hide all else. Raising it only relaxes the program.
        """
        size = np.abs(payoff).max(initial=0.0)
        least = high - _WORST * max(missing, 1e-9 * size, np.finfo(float).tiny)
        raised = np.where(where, np.maximum(payoff, least), least)
        low = np.maximum(
            raised.min(axis=tuple(range(np.ndim(high) and 1, raised.ndim)), keepdims=True), least
        )
        span = float(np.max(high - low))
        self.unit, self.constant = _OBJECTIVE_RANGE / (span or 1.0), float(np.sum(low))
        return (raised - low) * self.unit

    def exclude(self, response: Int[np.ndarray, "n K"], found: Found | None) -> None:
        """Forbid a response map that is known now; if it has no region, all maps that fail for its reason."""
        preferences, flat = self.problem.preferences, response.ravel()
        items = list(range(len(flat)))
        if found is None:
            for j in range(len(flat)):
                fewer = [item for item in items if item != j]
                if fewer and Cell(preferences, flat[fewer], items=fewer).inside() is None:
                    items = fewer
        chosen = self.r.reshape(len(flat), -1)[items, flat[items]]
        self._require(0.0, len(items) - 1.0, (chosen[None], 1.0))

    def maximise(self, seconds: float | None) -> tuple[Int[np.ndarray, "n K"] | None, float]:
        """The response map of a solution, if one was found, and an upper bound on all that are left."""
        integrality = np.zeros(self.num_variables)
        integrality[self.r] = 1
        limit = {} if seconds is None else {"time_limit": seconds}
        infeasible = False
        for presolve in (True, False) if self.num_variables > PRESOLVED else (False, True):
            solution = self._solved(integrality, {"mip_rel_gap": 0.0, "presolve": presolve, **limit})
            bound = np.inf if solution.mip_dual_bound is None else -solution.mip_dual_bound / self.unit
            if solution.x is not None:
                return solution.x[self.r].argmax(axis=-1), bound + self.constant
            if solution.status == _OUT_OF_TIME:
                return None, bound + self.constant
            infeasible = solution.status == _INFEASIBLE
        return None, -np.inf if infeasible else np.inf

    def relaxed(self, seconds: float | None) -> float:
        """An upper bound on the optimum: the program without its integers."""
        limit = {} if seconds is None else {"time_limit": seconds}
        solution = self._solved(np.zeros(self.num_variables), limit)
        optimal = solution.status == 0
        return self.constant - solution.fun / self.unit + self.precision if optimal else np.inf

    def _solved(self, integrality: np.ndarray, options: dict[str, Any]) -> Any:
        """What HiGHS finds."""
        constraints = [
            LinearConstraint(sum(_matrix(term, self.num_variables) for term in terms), low, high)
            for low, high, terms in self.constraints
        ]
        highest = np.ones(self.num_variables)
        highest[self.forbidden] = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # SciPy passes tolerances on, with a warning
            return mixed_integer_program(
                -self.objective,
                integrality=integrality,
                bounds=Bounds(0, highest),
                constraints=constraints,
                options={**_HIGHS, **options},
            )

    def _require(self, low: float, high: float, *terms: _Term) -> None:
        """low <= sum of coefficient * variable <= high, row by row."""
        self.constraints.append((low, high, list(terms)))


def _allowed(preferences: Preferences) -> tuple[np.ndarray, np.ndarray]:
    """Where each action may be played, [n*K, A, L] bool, and the rows of that, [n*K, A, A, L], of unit norm.

    Decided exactly, and so by no tolerance of the program: where an action is never a best response, or only
    away from some leader actions.
    """
    possible = preferences.possible
    num_items, num_actions = possible.shape
    rows = np.zeros_like(preferences.differences)
    allowed = np.zeros((num_items, num_actions, rows.shape[-1]), bool)
    for j, action in np.argwhere(possible):
        cell = Cell(preferences, np.array([action]), items=[j])
        allowed[j, action] = cell.support
        preferred = cell.kept < num_actions  # the rest are walls of the strategy set
        place = np.ix_(cell.kept[preferred], np.flatnonzero(cell.support))
        rows[j, action][place] = cell.rows[preferred]
    return allowed, rows


_Term = tuple[np.ndarray, np.ndarray | float]  # variables [rows, width], coefficients that broadcast to them


def _matrix(term: _Term, num_variables: int) -> sparse.csr_array:
    """The rows [rows, num_variables] of one term."""
    columns, coefficients = term
    values = np.broadcast_to(coefficients, columns.shape)
    row, place = np.nonzero(values)
    starts = np.searchsorted(row, np.arange(len(columns) + 1))
    shape = (len(columns), num_variables)
    return sparse.csr_array((values[row, place], columns[row, place], starts), shape=shape)


def _digits(numbers: Int[np.ndarray, "m"], base: int, length: int) -> Int[np.ndarray, "m n"]:
    """Digits of each number, the last one least."""
    return numbers[:, None] // base ** np.arange(length)[::-1] % base
