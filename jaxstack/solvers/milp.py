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

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint
from scipy.optimize import milp as mixed_integer_program

from jaxstack.axes import Float, Int
from jaxstack.distributions import TypeDistribution, joint_probabilities
from jaxstack.game import Game
from jaxstack.payoffs import SeparablePayoff
from jaxstack.solvers.contract import Solution
from jaxstack.solvers.programs import best_commitment, preference_rows, region_rows
from jaxstack.value import region_payoff_vectors

MAX_JOINT_VARIABLES = 500_000  # K^n A^n L; 140,000 took about ten seconds on one core

_OBJECTIVE_RANGE = 1e3  # HiGHS stops at an absolute gap of 1e-6: a billionth of the range


def solve(game: Game, types: TypeDistribution, ties: str) -> Solution:
    """The commitment and the response map of highest expected utility.

    The program's tolerances (1e-6) are loose: its response map is taken, and the commitment found anew by the
    linear program over the map's region. A map that is feasible only by tolerance is excluded, and the search
    goes on. There is no time limit.

    Args:
      game: one game.
      types: distribution of the joint type.
      ties: "optimistic".

    Returns:
      Solution; the map is optimal up to 1e-6 of the payoff range, the value exact for it.

    Raises:
      ValueError: ties="robust", or a payoff that is not separable and has K^n A^n L > MAX_JOINT_VARIABLES.
    """
    if ties == "robust":
        raise ValueError(
            "method='milp' cannot express ties='robust': to be full-dimensional is not a linear condition. "
            "Use method='vertices' or 'programs', or ties='optimistic'."
        )
    _check_size(game)
    rows = preference_rows(game)
    program = _Program(game, rows)
    objective = program.separable(types) if isinstance(game.leader, SeparablePayoff) else program.joint(types)
    while True:
        response = program.maximise(objective)
        payoff = region_payoff_vectors(game, types, response[None])[0]
        x = best_commitment(region_rows(rows, response), payoff)
        if x is not None:
            return Solution(x, response, float(payoff @ x), "milp", ties)
        program.exclude(response)


def _check_size(game: Game) -> None:
    """Raise ValueError where the joint formulation would be too large, before anything is allocated."""
    if isinstance(game.leader, SeparablePayoff):
        return
    size = game.num_joint_types * game.num_actions**game.num_followers * game.num_leader_actions
    if size > MAX_JOINT_VARIABLES:
        readable = f"{size:,}" if size < 10**12 else f"about 10^{math.log10(size):.0f}"
        raise ValueError(
            f"method='milp' needs K^n A^n L variables when the leader's payoff is not separable, which is "
            f"{readable} for {game!r}; the limit is {MAX_JOINT_VARIABLES:,}. Use method='vertices' (few "
            f"leader actions), 'ascent' (a lower bound), or SeparablePayoff if the payoff is a sum over "
            f"followers."
        )


class _Program:
    """The mixed-integer program under construction. Variables: x [L], r [n,K,A], z [n,K,A,L], then w."""

    def __init__(self, game: Game, rows: Float[np.ndarray, "n K A A L"]):
        n, K, A, _, L = rows.shape
        low, high = game.leader.bounds()
        self.game = game
        self.low, self.unit = low, _OBJECTIVE_RANGE / (high - low if high > low else 1.0)
        self.x = np.arange(L)
        self.r = L + np.arange(n * K * A).reshape(n, K, A)
        self.z = L + self.r.size + np.arange(n * K * A * L).reshape(n, K, A, L)
        self.num_variables = L + self.r.size + self.z.size
        self.constraints: list[tuple[float, float, list[_Term]]] = []

        self._require(1.0, 1.0, (self.x[None], 1.0))
        of_each_type = self.z.swapaxes(2, 3).reshape(-1, A)  # rows (i, k, l)
        self._require(0.0, 0.0, (of_each_type, 1.0), (np.tile(self.x, n * K)[:, None], -1.0))
        self._require(0.0, 0.0, (self.z.reshape(-1, L), 1.0), (self.r.reshape(-1, 1), -1.0))
        i, k, a, b = np.nonzero(rows.any(axis=-1))
        self._require(0.0, np.inf, (self.z[i, k, a], rows[i, k, a, b]))

    def separable(self, types: TypeDistribution) -> Float[np.ndarray, "v"]:
        """Objective of a separable payoff: sum of P(theta_i = k) u_i(l, a) z[i,k,a,l]."""
        payoff = np.swapaxes(self.game.leader.table, 1, 2)  # [n, A, L]
        payoff = payoff - payoff.min(axis=(1, 2), keepdims=True)
        objective = np.zeros(self.num_variables)
        objective[self.z] = types.marginals()[..., None, None] * payoff[:, None] * self.unit
        return objective

    def joint(self, types: TypeDistribution) -> Float[np.ndarray, "v"]:
        """Objective of any payoff: sum of P(theta) u(l, a) w[theta,a,l], with the w tied to the z."""
        n, K, A, L = self.z.shape
        probabilities = joint_probabilities(types)
        possible = np.flatnonzero(probabilities)
        theta, actions = _digits(possible, K, n), _digits(np.arange(A**n), A, n)  # [J, n], [A^n, n]
        w = self.num_variables + np.arange(len(theta) * len(actions) * L).reshape(len(theta), L, len(actions))
        self.num_variables += w.size
        for i in range(n):
            for b in range(A):
                w_of_action = w[:, :, actions[:, i] == b].reshape(len(theta) * L, -1)
                self._require(0.0, 0.0, (w_of_action, 1.0), (self.z[i, theta[:, i], b].reshape(-1, 1), -1.0))
        regardless_of_type = np.repeat(actions[:, :, None], K, axis=2)
        payoff = region_payoff_vectors(self.game, types, regardless_of_type) - self.low  # [A^n, L]
        objective = np.zeros(self.num_variables)
        objective[w] = probabilities[possible, None, None] * payoff.T * self.unit
        return objective

    def exclude(self, response: Int[np.ndarray, "n K"]) -> None:
        """Forbid one response map."""
        chosen = np.take_along_axis(self.r, response[..., None], axis=2)
        self._require(0.0, response.size - 1.0, (chosen.reshape(1, -1), 1.0))

    def maximise(self, objective: Float[np.ndarray, "v"]) -> Int[np.ndarray, "n K"]:
        """The response map of a solution."""
        constraints = [
            LinearConstraint(sum(_matrix(term, self.num_variables) for term in terms), low, high)
            for low, high, terms in self.constraints
        ]
        integrality = np.zeros(self.num_variables)
        integrality[self.r] = 1
        solution = mixed_integer_program(
            -objective,
            integrality=integrality,
            bounds=Bounds(0, 1),
            constraints=constraints,
            options={"mip_rel_gap": 0.0},
        )
        if solution.x is None:
            raise RuntimeError(f"HiGHS could not solve the program of {self.game!r}: {solution.message}")
        return solution.x[self.r].argmax(axis=-1)

    def _require(self, low: float, high: float, *terms: _Term) -> None:
        """low <= sum of coefficient * variable <= high, row by row."""
        self.constraints.append((low, high, list(terms)))


_Term = tuple[np.ndarray, np.ndarray | float]  # variables [rows, width], coefficients that broadcast to them


def _matrix(term: _Term, num_variables: int) -> sparse.csr_array:
    """The rows [rows, num_variables] of one term."""
    columns, coefficients = term
    values = np.broadcast_to(coefficients, columns.shape).ravel()
    starts = np.arange(len(columns) + 1) * columns.shape[1]
    return sparse.csr_array((values, columns.ravel(), starts), shape=(len(columns), num_variables))


def _digits(numbers: Int[np.ndarray, "m"], base: int, length: int) -> Int[np.ndarray, "m n"]:
    """Digits of each number, the last one least."""
    return numbers[:, None] // base ** np.arange(length)[::-1] % base
