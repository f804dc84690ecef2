"""Maximum likelihood of a grouped multinomial: each round tells a *set* of types that the type was in.

With c_u of N rounds in set u (a mask m_u of J types) the log-likelihood sum_u c_u log <m_u, p> is concave in
the probabilities p. Its maximiser over the simplex is that of F(p) = sum_u (c_u / N) log <m_u, p> - sum_j p_j
over p >= 0, found by a primal-dual interior-point method. Where maximisers are many it is their analytic
centre: types that no set tells apart get equal shares.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxstack.axes import Bool, Float

_STEPS = 100
_GAP = (
    1e-13  # mean of p_j z_j at the end; the log-likelihood of N rounds is then off by J N times this at most
)
_OPTIMAL = 1e-10  # of the gradient of F, where it should be 0 or less
_ZERO = 1e-9  # below which a probability whose price is higher than that is 0
_RIDGE = 1e-14


class Maximiser(NamedTuple):
    """p [J], and the price z [J] of each: by how much F falls where p_j rises from 0; 0 where p_j > 0."""

    probabilities: Float[np.ndarray, "J"]
    prices: Float[np.ndarray, "J"]


def maximise(masks: Bool[np.ndarray, "U J"], counts: Float[np.ndarray, "U"]) -> Maximiser:
    """The most likely probabilities of J types.

    Args:
      masks: types that each set holds; none is empty.
      counts: positive, rounds in each.
    """
    columns, group, sizes = np.unique(masks, axis=1, return_inverse=True, return_counts=True)
    p, z = _interior(columns.astype(np.float64), counts / counts.sum())
    p = np.where((p < _ZERO) & (z > p), 0.0, p)
    group = group.reshape(-1)
    return Maximiser((p / p.sum() / sizes)[group], z[group])


def _interior(masks: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """p and z of distinct columns."""
    size = masks.shape[1]
    p, z = np.full(size, 1 / size), np.ones(size)
    for _ in range(_STEPS):
        seen = masks @ p
        gradient = 1 - masks.T @ (shares / seen)  # of -F
        gap = float(p @ z) / size
        if gap < _GAP and gradient.min() > -_OPTIMAL and np.abs(p * gradient).max() < _OPTIMAL:
            break
        target = 0.1 * gap
        # In relative coordinates s, p <- p (1 + s), the diagonal stays in range.
        relative = masks * p
        hessian = (relative.T * (shares / seen**2)) @ relative
        hessian[np.diag_indices(size)] += p * z + _RIDGE
        step = np.linalg.solve(hessian, target - p * gradient)
        change = target / p - z - z * step  # of z
        length = min(1.0, 0.99 / max(1e-300, -step.min()))
        p = p * (1 + _line_search(masks, shares, p, p * step, target, length) * step)
        z = z + min(1.0, 0.99 / max(1e-300, (-change / z).max())) * change
    return p, z


def _line_search(
    masks: np.ndarray, shares: np.ndarray, p: np.ndarray, move: np.ndarray, target: float, length: float
) -> float:
    """A length, halved until -F with its barrier falls."""

    def barrier(at: np.ndarray) -> float:
        return float(at.sum() - shares @ np.log(masks @ at) - target * np.log(at).sum())

    now = barrier(p)
    for _ in range(40):
        if barrier(p + length * move) <= now + 1e-15 * abs(now):
            return length
        length /= 2
    return length
