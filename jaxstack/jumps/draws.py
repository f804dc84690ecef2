"""Types as mixtures of independent parts: counts over many rounds, samples of single ones, moments.

Host code in float64 and int64: counts are exact to 2^63, where float32 samplers lose whole rounds past 2^24.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

_CELLS = 1 << 16  # of a guide table, as many as there are uint16


@dataclasses.dataclass(frozen=True)
class Mixture:
    """A mixture of independent parts, each of which takes one of K values in every round.

    Joint types are one part with J values; types of followers are n parts with K values. A *feature* is a
    value of a part: 0..nK-1, part after part.

    Attributes:
      weights: [C] float64.
      marginals: [C, n, K] float64.
    """

    weights: np.ndarray
    marginals: np.ndarray

    @property
    def num_parts(self) -> int:
        return self.marginals.shape[1]

    def counts(self, rng: np.random.Generator, rounds: np.ndarray) -> np.ndarray:
        """How often each feature occurs in numbers of rounds [s]: [s, n K] int64."""
        by_component = multinomial(rng, rounds, self.weights)  # [s, C]
        counts = sum(
            multinomial(rng, by_component[:, c, None], marginals[None])
            for c, marginals in enumerate(self.marginals)
        )
        return np.reshape(counts, (len(rounds), -1))

    def sample(self, rng: np.random.Generator, shape: tuple[int, int]) -> list[np.ndarray]:
        """Features of each part, round by round: n arrays of this shape."""
        K = self.marginals.shape[2]
        component = pick(rng, self._guides[0], shape) if len(self.weights) > 1 else None
        kind = np.min_scalar_type(-self.num_parts * K)  # one part's values alone may need less
        picked = (pick(rng, guide, shape, component).astype(kind, copy=False) for guide in self._guides[1:])
        return [values + part * K for part, values in enumerate(picked)]

    @functools.cached_property
    def _guides(self) -> list[Guide]:
        return [Guide.of(self.weights[None]), *(Guide.of(part) for part in self.marginals.swapaxes(0, 1))]

    def moments(self, gains: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean, variance and possible maximum [M] of the sum over parts of `gains` [M, n K]."""
        gains = gains.reshape(len(gains), *self.marginals.shape[1:])
        by_part = np.einsum("mnk,cnk->mcn", gains, self.marginals)
        square = np.einsum("mnk,cnk->mcn", gains**2, self.marginals)
        inside = by_part.sum(axis=2)
        mean = inside @ self.weights
        variance = ((square - by_part**2).sum(axis=2) + (inside - mean[:, None]) ** 2) @ self.weights
        possible = np.where(self.marginals > 0, 0.0, -np.inf)[self.weights > 0]  # [C, n, K]
        most = np.stack([(gains + part).max(axis=2).sum(axis=1) for part in possible]).max(axis=0)
        return mean, np.maximum(variance, 0), most

    def log_moment(self, gains: np.ndarray, tilt: np.ndarray) -> np.ndarray:
        """log E exp(tilt x sum of gains) of pairs: gains [P, n K], tilt [P], result [P]."""
        grown = np.exp(tilt[:, None] * gains).reshape(len(gains), *self.marginals.shape[1:])
        by_part = np.einsum("pnk,cnk->pcn", grown, self.marginals)
        return np.log(np.exp(np.log(by_part).sum(axis=2)) @ self.weights)


@dataclasses.dataclass(frozen=True)
class Guide:
    """Inverse distribution functions with a guide table: the value of most uniform numbers by one look-up.

    A uniform number u stands for the value k with cumulative[k-1] <= u < cumulative[k].

    Attributes:
      cumulative: [C, K], 1 from the last possible value on.
      value: [C * cells], the smallest integers that do; -1 where a cell holds more than one value.

    Source: Chen and Asau (1974), the method of guide tables.
    """

    cumulative: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, probabilities: np.ndarray) -> Guide:
        cumulative = np.cumsum(probabilities, axis=1)
        cumulative = np.where(cumulative >= cumulative[:, -1:], 1.0, cumulative)
        edges = np.arange(_CELLS + 1) / _CELLS
        rows = []
        for row in cumulative:
            first = np.searchsorted(row, edges[:-1], side="right")
            last = np.searchsorted(row, edges[1:], side="left")
            rows.append(np.where(first == last, first, -1))
        return cls(cumulative, np.concatenate(rows).astype(np.min_scalar_type(-cumulative.shape[1])))


def pick(
    rng: np.random.Generator, guide: Guide, shape: tuple[int, int], component: np.ndarray | None = None
) -> np.ndarray:
    """Values of this shape, each from the distribution of its component (None: there is only one)."""
    cell = rng.integers(0, _CELLS, shape, dtype=np.uint16)
    value = guide.value.take(cell if component is None else component.astype(np.intp) * _CELLS + cell)
    unclear = np.flatnonzero(value < 0)
    number = (cell.take(unclear) + rng.random(len(unclear))) / _CELLS
    if component is None:
        found = np.searchsorted(guide.cumulative[0], number, side="right")
    else:
        found = (number[:, None] >= guide.cumulative[component.take(unclear)]).sum(axis=1)
    value.put(unclear, found)
    return value


def multinomial(rng: np.random.Generator, rounds: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """How often each of K values occurs in numbers of rounds: [.., K] int64, 0 where it cannot occur.

    NumPy leaves to the last value what rounding has left over, also where that cannot occur: the likeliest
    takes it.
    """
    drawn = rng.multinomial(rounds, probabilities)
    probabilities = np.broadcast_to(probabilities, drawn.shape)
    left_over = np.where(probabilities > 0, 0, drawn)
    if left_over.any():
        likeliest = np.arange(drawn.shape[-1]) == probabilities.argmax(axis=-1)[..., None]
        drawn += likeliest * left_over.sum(axis=-1, keepdims=True) - left_over
    return drawn


def count_features(features: list[np.ndarray], num_features: int) -> np.ndarray:
    """How often each feature occurs in each row of arrays [s, B]: [s, F] int64."""
    offsets = np.arange(len(features[0]))[:, None] * num_features
    bins = len(features[0]) * num_features
    counts = sum(np.bincount((part + offsets).ravel(), minlength=bins) for part in features)
    return np.reshape(counts, (-1, num_features))
