"""Alias tables: a joint type from one draw, without a search."""

from __future__ import annotations

import numpy as np


def alias_table(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability of keeping each slot, uint32 in units of 2^-32, and its alias, int32; [J] (Walker 1977)."""
    weight = probabilities * len(probabilities) / probabilities.sum()
    keep, alias = np.ones(len(weight)), np.arange(len(weight), dtype=np.int32)
    small, large = list(np.flatnonzero(weight < 1)), list(np.flatnonzero(weight >= 1))
    while small and large:
        under, over = small.pop(), large.pop()
        keep[under], alias[under] = weight[under], over
        weight[over] -= 1 - weight[under]
        (small if weight[over] < 1 else large).append(over)
    return np.minimum(np.rint(keep * 2.0**32), 2.0**32 - 1).astype(np.uint32), alias
