"""A mixed-integer program over response maps, whatever ties its variables together: solved, and cut short.

Variables: commitment x [L] and choices r [n, K, A] first, then what a formulation adds. Each of the two
formulations, `jaxstack.solvers.milp` and `jaxstack.solvers.aggregated`, is a relaxation by its tolerances.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxstack.axes import Int
from jaxstack.solvers.problem import Found, Problem

if TYPE_CHECKING:  # HiGHS is loaded where a program is solved: learners and simulations need none
    from scipy import sparse

PRESOLVED = 2_000  # variables from which HiGHS presolves: it can lose maps where rows are nearly parallel
SLACK = 1e-8  # added to rows of unit norm, ten times the tolerance: then HiGHS loses no map with a region
_OBJECTIVE_RANGE = 1e3  # HiGHS stops at an absolute gap of 1e-6: a billionth of the range
_WORST = 100.0  # payoffs so much farther below the highest than the first answer are raised
_HIGHS = {"primal_feasibility_tolerance": 1e-9, "mip_feasibility_tolerance": 1e-9}
_OUT_OF_TIME, _INFEASIBLE = 1, 2  # statuses of scipy.optimize.milp

Term = tuple[np.ndarray, np.ndarray | float]  # variables [rows, width], coefficients that broadcast to them


class IntegerProgram:
    """The program under construction, without constraints and objective.

    Attributes:
      x: [L], r: [n, K, A], numbers of their variables.
      can_play: [n, K, A] bool, actions that are a best response somewhere.
      forbidden: variables that are 0.
      objective: what is maximised, in `unit` of the problem's units, less `constant`.
      precision: difference of objectives that the program can tell, in the problem's units.
    """

    objective: np.ndarray
    can_play: np.ndarray
    forbidden: np.ndarray
    unit: float
    constant: float

    def __init__(self, problem: Problem):
        n, K = problem.preferences.shape
        _, A, _, L = problem.preferences.differences.shape
        self.problem = problem
        self.x = np.arange(L)
        self.r = L + np.arange(n * K * A).reshape(n, K, A)
        self.num_variables = L + self.r.size
        self.constraints: list[tuple[float | np.ndarray, float, list[Term]]] = []

    @property
    def precision(self) -> float:
        return 2e-6 / self.unit

    def exclude(self, response: Int[np.ndarray, "n K"], found: Found | None) -> None:
        """Forbid a response map that is known now; if it has no region, all maps that fail for its reason."""
        flat = response.ravel()
        items = list(range(len(flat)))
        if found is None:
            for j in range(len(flat)):
                fewer = [item for item in items if item != j]
                if fewer and not self.problem.has_region(flat[fewer], fewer):
                    items = fewer
        chosen = self.r.reshape(len(flat), -1)[items, flat[items]]
        self.require(0.0, len(items) - 1.0, (chosen[None], 1.0))

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
        from scipy.optimize import Bounds, LinearConstraint, milp

        constraints = [
            LinearConstraint(sum(_matrix(term, self.num_variables) for term in terms), low, high)
            for low, high, terms in self.constraints
        ]
        highest = np.ones(self.num_variables)
        highest[self.forbidden] = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # SciPy passes tolerances on, with a warning
            return milp(
                -self.objective,
                integrality=integrality,
                bounds=Bounds(0, highest),
                constraints=constraints,
                options={**_HIGHS, **options},
            )

    def require(self, low: float | np.ndarray, high: float, *terms: Term) -> None:
        """low <= sum of coefficient * variable <= high, row by row."""
        self.constraints.append((low, high, list(terms)))

    def in_range(self, payoff: np.ndarray, where: Any, high: Any, missing: float) -> np.ndarray:
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


def _matrix(term: Term, num_variables: int) -> sparse.csr_array:
    """The rows [rows, num_variables] of one term."""
    from scipy import sparse

    columns, coefficients = term
    values = np.broadcast_to(coefficients, columns.shape)
    row, place = np.nonzero(values)
    starts = np.searchsorted(row, np.arange(len(columns) + 1))
    shape = (len(columns), num_variables)
    return sparse.csr_array((values[row, place], columns[row, place], starts), shape=shape)
