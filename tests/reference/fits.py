"""Likelihoods of type distributions from what each round leaves possible, slowly, by a general optimiser."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import scipy.optimize

Sets = Mapping[tuple[tuple[int, ...], ...], int]  # of each follower the types that it may have had: rounds


def possible_types(maps: np.ndarray, actions: np.ndarray) -> Sets:
    """Types that play the actions [T, n] under the maps [T, n, K], and in how many rounds."""
    return collections.Counter(
        tuple(tuple(k for k, a in enumerate(plays) if a == seen) for plays, seen in zip(W, row, strict=True))
        for W, row in zip(maps.tolist(), actions.tolist(), strict=True)
    )


def joint_log_likelihood(sets: Sets, table: np.ndarray) -> float:
    """Of a table [K, .., K] over joint types."""
    return sum(
        count * float(np.log(sum(table[theta] for theta in itertools.product(*of))))
        for of, count in sets.items()
    )


def mixture_log_likelihood(sets: Sets, weights: np.ndarray, marginals: np.ndarray) -> float:
    """Of a mixture: weights [C], marginals [C, n, K]; with C = 1 of independent types."""
    total = 0.0
    for of, count in sets.items():
        each = [np.prod([m[i][list(s)].sum() for i, s in enumerate(of)]) for m in marginals]
        total += count * float(np.log(weights @ np.array(each)))
    return total


def maximum(
    log_likelihood: Callable[[np.ndarray], float], num_types: Sequence[int], starts: int = 3
) -> float:
    """The highest log-likelihood over distributions, several of them one after the other in a vector."""
    rng = np.random.default_rng(0)
    cuts = np.cumsum(num_types)[:-1]

    def loss(logits: np.ndarray) -> float:
        parts = [np.exp(part - part.max()) for part in np.split(logits, cuts)]
        return -log_likelihood(np.concatenate([part / part.sum() for part in parts]))

    found = [
        scipy.optimize.minimize(loss, rng.normal(size=sum(num_types)), method="BFGS", options={"gtol": 1e-7})
        for _ in range(starts)
    ]
    return -min(float(result.fun) for result in found)


def standard_errors(log_likelihood: Callable[[np.ndarray], float], p: np.ndarray) -> np.ndarray:
    """Of one distribution without zeros: from second differences, its last probability being what is left."""
    size, step = len(p) - 1, 1e-4

    def at(free: np.ndarray) -> float:
        return log_likelihood(np.append(free, 1 - free.sum()))

    moves = step * np.eye(size)
    hessian = [
        [at(p[:-1] + a + b) - at(p[:-1] + a - b) - at(p[:-1] - a + b) + at(p[:-1] - a - b) for b in moves]
        for a in moves
    ]
    covariance = np.linalg.inv(-np.array(hessian) / (4 * step**2))
    return np.sqrt(np.append(np.diag(covariance), covariance.sum()))
