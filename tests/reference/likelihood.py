"""Weighted likelihoods of distributions over types, slowly: optimality and optima, without the package."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.optimize


class History(NamedTuple):
    """Counts [S, E] of outcomes, outcome [S, J] of every type under every map, prior weights [J]."""

    counts: np.ndarray
    outcome: np.ndarray
    prior: np.ndarray


def random_history(rng: np.random.Generator, num_types: int, num_outcomes: int, num_maps: int) -> History:
    """What a random distribution leads to under random maps that were in use for up to 10^5 rounds each."""
    truth = rng.dirichlet(np.full(num_types, rng.choice([0.3, 1.0])))
    outcome = rng.integers(num_outcomes, size=(num_maps, num_types))
    counts = np.zeros((num_maps, num_outcomes))
    for visits, types, seen in zip(10 ** rng.uniform(-1, 5, num_maps), outcome, counts, strict=True):
        probability = np.bincount(types, truth, num_outcomes)
        seen[:] = rng.multinomial(int(visits), probability / probability.sum())
    return History(counts, outcome, np.full(num_types, 1 / num_types))


def log_likelihood(history: History, types: np.ndarray) -> float:
    """F(D)."""
    value = float(history.prior @ np.log(types))
    for counts, outcome in zip(history.counts, history.outcome, strict=True):
        probability = np.bincount(outcome, types, len(counts))
        value += float(counts[counts > 0] @ np.log(probability[counts > 0]))
    return value


def violation(history: History, types: np.ndarray) -> float:
    """How far D is from what optimality makes it: D_j = (g_j + D_j sum G / p) / w."""
    weight = history.counts.sum() + history.prior.sum()
    expected = history.prior.copy()
    for counts, outcome in zip(history.counts, history.outcome, strict=True):
        probability = np.bincount(outcome, types, len(counts))
        ratio = np.divide(counts, probability, out=np.zeros_like(counts), where=counts > 0)
        expected += types * ratio[outcome]
    return float(np.abs(expected / weight - types).max())


def expectation_maximisation(history: History, steps: int) -> np.ndarray:
    """Another way to the same maximum, whose error falls slowly."""
    weight = history.counts.sum() + history.prior.sum()
    types = history.prior / history.prior.sum()
    for _ in range(steps):
        expected = history.prior.copy()
        for counts, outcome in zip(history.counts, history.outcome, strict=True):
            probability = np.bincount(outcome, types, len(counts))
            expected += (
                types * np.divide(counts, probability, out=np.zeros_like(counts), where=counts > 0)[outcome]
            )
        types = expected / weight
    return types


def maximum(history: History) -> np.ndarray:
    """The maximiser, by a quasi-Newton method on the logarithms of unnormalised probabilities."""

    def loss(logits: np.ndarray) -> tuple[float, np.ndarray]:
        types = np.exp(logits - logits.max())
        types /= types.sum()
        slope = history.prior.copy()
        for counts, outcome in zip(history.counts, history.outcome, strict=True):
            probability = np.bincount(outcome, types, len(counts))
            ratio = np.divide(counts, probability, out=np.zeros_like(counts), where=counts > 0)
            slope += types * ratio[outcome]
        weight = history.counts.sum() + history.prior.sum()
        return -log_likelihood(history, types) / weight, types - slope / weight

    start = np.log(history.prior / history.prior.sum())
    options = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-16, "gtol": 1e-10, "maxcor": 50}
    found = scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    types = np.exp(found - found.max())
    return np.asarray(types / types.sum())
