"""The optimal coverage against one attacker of one type, by ORIGAMI: no linear program, no regions.

Source: Kiekintveld et al., Computing optimal randomized resource allocations for massive security games,
AAMAS 2009, algorithm 1, with the attacker's value found in closed form.
"""

from __future__ import annotations

import numpy as np


def optimum(
    resources: float,
    attacker_uncovered: np.ndarray,
    attacker_covered: np.ndarray,
    leader_uncovered: np.ndarray,
    leader_covered: np.ndarray,
) -> float:
    """The leader's value under ties in its favour; all payoffs [T].

    Covering hurts the attacker and helps the leader at every target, strictly.
    """
    hurt = attacker_uncovered - attacker_covered
    assert (hurt > 0).all()
    assert (leader_covered > leader_uncovered).all()
    # What the attacker can be held down to: the more targets are covered, the less.
    best = np.inf
    for last in np.sort(attacker_uncovered):
        inside = attacker_uncovered >= last
        value = (np.sum((attacker_uncovered / hurt)[inside]) - resources) / np.sum(1 / hurt[inside])
        worth = np.maximum(value, attacker_covered[inside].max())
        others = attacker_uncovered[~inside].max(initial=-np.inf)
        if worth <= last and worth >= others:
            best = min(best, float(worth))
    value = best
    coverage = np.clip((attacker_uncovered - value) / hurt, 0, 1)
    attacked = attacker_uncovered - coverage * hurt >= value - 1e-9
    payoffs = leader_uncovered + coverage * (leader_covered - leader_uncovered)
    return float(payoffs[attacked].max())
