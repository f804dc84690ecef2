"""What a chain of jumps and blocks asks of a game and a learner, and the bound that both kinds share."""

from __future__ import annotations

import abc
import functools
import math
from collections.abc import Callable

import numpy as np

from jaxstack.jumps.bundles import Bundles
from jaxstack.jumps.draws import Mixture
from jaxstack.learners.contract import tie_tolerance

MAX_HORIZON = 2**62

OVERLOOKED = 2.0**-64
"""Probability that a jump goes over a round in which another candidate would have been played; 0: never."""

TOLERANCE = tie_tolerance(np.float64)
SLICE_ENTRIES = 1 << 18  # runs x rounds x candidates, or pairs x joint types, worked on together
_SAME_GAP = 64 * float(np.finfo(np.float64).eps)  # of the largest gap: equal up to rounding
_MAX_TILT = 50.0  # exp of it times a gain of unit payoffs is still far from overflow


class Problem(abc.ABC):
    """One game, seen by one learner.

    A *rival* is a candidate other than the best one so far. *Features* are what a round adds to the counts.

    Attributes:
      values: [M, J] or [M, n K] float64, unit value of every candidate.
      gap: [M] float64, payoff units per round.
      types: what is drawn in a round.
      num_features: F, length of a run's counts.
      bundles: a faster way to play blocks of two candidates, where there is one.
    """

    bundles: Bundles | None = None

    def __init__(self, values: np.ndarray, gap: np.ndarray, types: Mixture, num_features: int) -> None:
        self.values, self.gap, self.types, self.num_features = values, gap, types, num_features
        self._kappa = math.log(len(values)) - math.log(OVERLOOKED) if OVERLOOKED else math.inf
        self._known_gains: dict[int, tuple[np.ndarray, ...]] = {}

    @property
    @abc.abstractmethod
    def longest_block(self) -> int:
        """Rounds of a block beyond which a jump, however short, is better."""

    @abc.abstractmethod
    def counts(self, rng: np.random.Generator, rounds: np.ndarray) -> np.ndarray:
        """Counts [s, F] int64 over numbers of rounds [s]."""

    @abc.abstractmethod
    def sample(self, rng: np.random.Generator, shape: tuple[int, int]) -> list[np.ndarray]:
        """Features of single rounds: arrays of this shape."""

    @abc.abstractmethod
    def scores(self, counts: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Mean unit values of all candidates, [s, M]; zero before round 1."""

    def same_gap(self, best: np.ndarray) -> np.ndarray:
        """[s, M]: candidates that cost the same as the best one, itself included."""
        return np.abs(self.gap - self.gap[best][:, None]) <= _SAME_GAP * self.gap.max()

    def certain_rounds(
        self, lead: np.ndarray, counts: np.ndarray, seen: np.ndarray, best: np.ndarray
    ) -> np.ndarray:
        """Rounds [s, M] float64 for which each candidate surely stays behind the best one; inf for itself.

        A candidate after the best one in order may draw level without being played, and be a little better;
        one before it may not even come within the tolerance of a tie.
        """
        slack = np.where(np.arange(lead.shape[1]) < best[:, None], 4 * TOLERANCE, -TOLERANCE / 4)
        with np.errstate(divide="ignore", invalid="ignore"):
            certain = self._certain(lead - slack, slack, counts, seen, best)
        certain[np.arange(len(best)), best] = np.inf
        # One part in 10^9 less, so that rounding cannot lengthen a jump.
        return np.floor(np.maximum(certain * (1 - 1e-9), 0))

    @abc.abstractmethod
    def _certain(
        self, lead: np.ndarray, slack: np.ndarray, counts: np.ndarray, seen: np.ndarray, best: np.ndarray
    ) -> np.ndarray:
        """`certain_rounds` before rounding, [s, M], for the lead that is left after the slack of ties."""

    def _gains_on(self, best: np.ndarray) -> list[np.ndarray]:
        """`_gains_on_one` of each run's best candidate [s]: arrays [s, M]."""
        candidates, which = np.unique(best, return_inverse=True)
        for candidate in candidates.tolist():
            if candidate not in self._known_gains:
                self._known_gains[candidate] = self._gains_on_one(candidate)
        rows = [self._known_gains[candidate] for candidate in candidates.tolist()]
        return [np.stack(column)[which] for column in zip(*rows, strict=True)]

    @abc.abstractmethod
    def _gains_on_one(self, candidate: int) -> tuple[np.ndarray, ...]:
        """What bounds say of the gains of every candidate [M] on this one in a round."""

    def _unlikely_before(
        self,
        lead: np.ndarray,
        mean: np.ndarray,
        variance: np.ndarray,
        most: np.ndarray,
        moment: Callable[[np.ndarray, np.ndarray], np.ndarray],
    ) -> np.ndarray:
        """Rounds [P] within which a random walk reaches `lead` with a probability below 2^-64.

        Ville's inequality: sums S_t of gains reach d within tau rounds with probability at most
        exp(tau log E exp(a gain) - a d), for any a > 0 with a moment of at least 1.

        Args:
          lead, mean, variance, most: [P], of the sum now, and moments and maximum of a gain.
          moment: (some of the P, tilt a) -> log E exp(a gain).
        """
        tilt = np.minimum(2 * self._kappa / np.maximum(lead, 1e-300), _MAX_TILT)
        reach = tilt * (most - mean)
        # Bernstein's bound where it is sharp: it does not cancel. Elsewhere the moment, if it is cheap.
        growth = np.where(reach < 2, tilt * mean + tilt**2 * variance / (2 - reach * (2 / 3)), np.inf)
        blunt = np.nonzero(reach > 0.1)[0]
        if len(blunt) * self.values.shape[1] <= SLICE_ENTRIES:
            growth[blunt] = moment(blunt, tilt[blunt])
        spare = tilt * lead - self._kappa
        return np.where(spare > 0, np.where(growth > 0, spare / growth, np.inf), 0.0)

    def cost(
        self,
        rivals: np.ndarray,
        sums: np.ndarray,
        counts: np.ndarray,
        seen: np.ndarray,
        features: list[np.ndarray],
    ) -> np.ndarray:
        """Gap [s, B] of the candidate that each round of a block plays.

        Args:
          rivals: [s, k], ascending, the best one among them; no other candidate can be played.
          sums: [s, k], their values summed over the rounds before the block.
          counts, seen: [s, F] and [s], before the block.
          features: of each round, see `sample`.
        """
        runs, length = features[0].shape
        tie = TOLERANCE * (seen[:, None] + np.arange(length))
        leads = self._leads(rivals, sums, counts, seen, features)
        least = functools.reduce(np.maximum, leads, np.zeros((runs, length))) - tie
        gap = self.gap[rivals]
        cost = np.broadcast_to(gap[:, -1:], (runs, length))
        for candidate in range(rivals.shape[1] - 2, 0, -1):
            cost = np.where(leads[candidate - 1] >= least, gap[:, candidate, None], cost)
        return np.where(least <= 0, gap[:, :1], cost)

    @abc.abstractmethod
    def _leads(
        self,
        rivals: np.ndarray,
        sums: np.ndarray,
        counts: np.ndarray,
        seen: np.ndarray,
        features: list[np.ndarray],
    ) -> list[np.ndarray]:
        """k - 1 arrays [s, B]: lead in sums of each candidate over the first one, before every round."""
