"""What every solver returns."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Solution:
    """A commitment, the response map that it counts on, and what it earns. Host arrays, float64.

    A batch of games has a leading axis G on commitment, response and value.

    Attributes:
      commitment: [L] float64, the leader's mixed strategy x.
      response: [n, K] int64, the response map W with x in R(W): where followers are indifferent at x, the
        choice that the value counts on (ties="robust": the one that the leader can enforce by moving x an
        arbitrarily small step into R(W)).
      value: expected payoff of x when followers play W, payoff units per round: a float ([G] for a batch).
      method: name of the solver.
      ties: "optimistic" or "robust".
    """

    commitment: np.ndarray
    response: np.ndarray
    value: float | np.ndarray
    method: str
    ties: str
