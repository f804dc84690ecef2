"""What every solver takes and returns."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxstack.exports import ExportedWithNames, Table

Progress = Callable[[float, float], None]
"""Called with (best value so far, upper bound), payoff units, whenever one of them improves."""


@dataclasses.dataclass(frozen=True, eq=False)
class Solution(ExportedWithNames):
    """A commitment, the response map that it counts on, and what it earns. Host arrays, float64.

    A batch of games has a leading axis G on commitment, response, value, upper_bound and near_ties.
    `to_latex(game, types)` and the like show it by name, beside what the uniform, the best pure and an
    all-knowing leader earn.

    Attributes:
      commitment: [L] float64, the leader's mixed strategy x.
      response: [n, K] int64, the response map W with x in R(W): where followers are indifferent at x, the
        choice that the value counts on (ties="robust": the worst for the leader among those that it can
        enforce by moving x an arbitrarily small step).
      value: expected payoff of x when followers play W, payoff units per round: a float ([G] for a batch).
      method: name of the solver.
      ties: "optimistic" or "robust".
      upper_bound: no commitment earns more, payoff units per round; equal to `value` where that is proved
        optimal. None where nothing is known.
      near_ties: how many actions of follower types that can occur are within `NEAR_TIE` of being as good at
        x as the response, without being so. Where it is not 0, a change of payoffs by that little may change
        the value by much; `jaxstack.solvers.near_ties` lists them.
      reason: why this method was chosen, if `solve` chose it; else empty.
    """

    commitment: np.ndarray
    response: np.ndarray
    value: float | np.ndarray
    method: str
    ties: str
    upper_bound: float | np.ndarray | None = None
    near_ties: int | np.ndarray = 0
    reason: str = ""

    @property
    def gap(self) -> float | np.ndarray | None:
        """upper_bound - value, payoff units; 0 where optimality is proved, None where nothing is known."""
        return None if self.upper_bound is None else self.upper_bound - self.value

    def _table(self, game: Any = None, types: Any = None, **labels: Any) -> Table:
        from jaxstack.exports import solution

        return solution.table_of(self, game, types, **labels)

    def __repr__(self) -> str:
        value = f"G={len(self.value)}" if isinstance(self.value, np.ndarray) else f"value={self.value:.9g}"
        text = f"Solution({value}, method={self.method!r}, ties={self.ties!r}"
        if self.gap is None or np.any(self.gap):
            text += ", no upper bound" if self.gap is None else f", gap={np.max(self.gap):.3g}"
        if np.any(self.near_ties):
            text += f", near_ties={np.sum(self.near_ties)}"
        return text + (f", reason={self.reason!r})" if self.reason else ")")

    def warning(self) -> str:
        """A sentence on ties that the value rests on and that are not exact; empty where there are none."""
        count = int(np.sum(self.near_ties))
        if not count:
            return ""
        subject = "1 near-tie that is" if count == 1 else f"{count} near-ties that are"
        return (
            f"The value rests on {subject} not exact: payoffs changed by less than {NEAR_TIE:g} of what "
            f"they usually differ by may change it by much."
        )


NEAR_TIE = 1e-6
"""A near-tie: two actions whose payoffs at x differ, but by no more than this times the median difference
that a leader action makes between two actions of the follower type."""


class Clock:
    """How much time a solver has left, and who wants to hear how it is doing."""

    def __init__(self, time_limit: float | None, progress: Progress | None):
        self.time_limit, self._progress = time_limit, progress
        self._end = None if time_limit is None else time.monotonic() + time_limit
        self._told = (-np.inf, np.inf)

    @property
    def left(self) -> float | None:
        """Seconds; None without a limit."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    @property
    def is_over(self) -> bool:
        return self.left == 0.0

    def tell(self, value: float, upper_bound: float) -> None:
        """Pass on an improvement."""
        value, upper_bound = max(value, self._told[0]), min(upper_bound, self._told[1])
        if self._progress is not None and (value, upper_bound) != self._told:
            self._told = value, upper_bound
            self._progress(value, upper_bound)

    def too_short(self, method: str) -> TimeoutError:
        """The error where there was no time for any answer."""
        return TimeoutError(
            f"method={method!r} found no commitment within time_limit={self.time_limit:g} seconds. "
            f"Give it more time, or use method='ascent' (a lower bound)."
        )
