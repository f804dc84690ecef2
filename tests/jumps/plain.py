"""Round-by-round play of small problems, and every future of one, written as plainly as can be."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

TOLERANCE = 32 * 2.0**-52


def compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """All ways to spread `total` rounds over so many values."""
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in compositions(total - first, parts - 1):
            yield first, *rest


def choice(scores: Sequence[float] | np.ndarray) -> int:
    """First candidate within the tolerance of the best."""
    return next(m for m, score in enumerate(scores) if score >= max(scores) - TOLERANCE)


def product_scores(values: np.ndarray, marginals: np.ndarray) -> np.ndarray:
    """[M]: expected values [M, K**n] under independent marginals [n, K]."""
    return sum(
        values[:, joint] * np.prod([marginals[i, k] for i, k in enumerate(types)])
        for joint, types in enumerate(itertools.product(range(marginals.shape[1]), repeat=len(marginals)))
    )


def linear_choices_after(values: np.ndarray, counts: np.ndarray, rounds: int) -> set[int]:
    """Choices of the next round after all that so many rounds of one part may bring."""
    futures = counts + np.array(list(compositions(rounds, len(counts))))
    return {choice(scores) for scores in futures @ values.T / max(futures[0].sum(), 1)}


def product_choices_after(values: np.ndarray, counts: np.ndarray, rounds: int) -> set[int]:
    """The same for the product of marginals; `counts` [n, K], and all joint types may come."""
    steps = [np.array(step) for step in compositions(rounds, counts.shape[1])]
    total = max(int(counts[0].sum()) + rounds, 1)
    return {
        choice(product_scores(values, (counts + np.stack(step)) / total))
        for step in itertools.product(steps, repeat=len(counts))
    }
