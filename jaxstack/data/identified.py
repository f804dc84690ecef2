"""What a log tells of the probabilities of types, how precisely, and what it cannot tell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg

from jaxstack.axes import Bool, Float, Int
from jaxstack.data.words import Words

_NONE = 1e-9  # of the largest eigenvalue: what is below is not told


class Unidentified(NamedTuple):
    """What no log of the response maps that were posted could tell, however long it were.

    dimension: of the distributions that all of them would confuse; 0 where the log tells everything.
    alike: (follower, its types) that answered alike to all that was posted, by name.
    """

    dimension: int
    alike: tuple[tuple[str, tuple[str, ...]], ...]

    def __bool__(self) -> bool:
        return self.dimension > 0

    def __str__(self) -> str:
        if not self:
            return "nothing: what was posted tells all types apart"
        told = [f"{_listed(types)} of {follower}" for follower, types in self.alike]
        apart = f"types that answer alike to all that was posted: {'; '.join(told)}" if told else ""
        count = f"{self.dimension} dimension{'s' if self.dimension > 1 else ''} of the distribution"
        return f"{count} ({apart})" if apart else f"{count}, although no two types answer alike throughout"


class Precision(NamedTuple):
    """Of P estimated parameters.

    covariance: [P, P], of what is told; 0 for parameters on the boundary.
    loose: [P, d], orthonormal directions of which nothing is told.
    standard_errors: [P]; inf where nothing is told, nan for estimates of 0, where no normal law holds.
    """

    covariance: Float[np.ndarray, "P P"]
    loose: Float[np.ndarray, "P d"]
    standard_errors: Float[np.ndarray, "P"]


def precision(
    information: Float[np.ndarray, "P P"], constraints: Float[np.ndarray, "E P"], free: Bool[np.ndarray, "P"]
) -> Precision:
    """Inverse of the observed information, where it has one.

    Args:
      information: minus the second derivatives of the log-likelihood.
      constraints: rows whose products with the parameters are fixed.
      free: parameters that are not on their boundary.
    """
    size = len(free)
    basis = np.zeros((size, 0))
    if free.any():
        within = scipy.linalg.null_space(constraints[:, free])
        basis = np.zeros((size, within.shape[1]))
        basis[free] = within
    values, vectors = np.linalg.eigh(basis.T @ information @ basis)
    told = values > _NONE * max(values.max(initial=0.0), np.finfo(float).tiny)
    known, loose = basis @ vectors[:, told], basis @ vectors[:, ~told]
    covariance = (known / values[told]) @ known.T
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    errors[np.linalg.norm(loose, axis=1) > 1e-6] = np.inf
    errors[~free] = np.nan
    return Precision(covariance, loose, errors)


def confused(outcomes: Int[np.ndarray, "M J"]) -> Float[np.ndarray, "J d"]:
    """Orthonormal differences of distributions of J types that no outcome of M response maps tells."""
    met = np.zeros((outcomes.shape[1],) * 2)
    for outcome in outcomes:  # products of the indicators of all outcomes
        met += outcome[:, None] == outcome
    values, vectors = np.linalg.eigh(met)
    return vectors[:, values <= _NONE * max(values.max(initial=0.0), 1.0)]


def alike(words: Words, maps: Int[np.ndarray, "M n K"]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Types of each follower that play the same under every map, by name."""
    found = []
    for i, types in enumerate(words.types):
        _, group = np.unique(maps[:, i, : len(types)], axis=1, return_inverse=True)
        group = group.reshape(-1)
        for number in dict.fromkeys(group.tolist()):
            members = tuple(types[k] for k in np.flatnonzero(group == number))
            if len(members) > 1:
                found.append((words.followers[i], members))
    return tuple(found)


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
