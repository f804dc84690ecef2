"""Candidates whose values are linear in counts: `erm_joint`, and sums over followers."""

from __future__ import annotations

import numpy as np

from jaxstack.jumps.bundles import Bundles
from jaxstack.jumps.draws import Mixture
from jaxstack.jumps.problem import MAX_HORIZON, Problem

_LONGEST, _SHORTEST = 32768, 16  # rounds of the longest block: of one part, and of many


class LinearProblem(Problem):
    """Values [M, F] against each feature; the features are those of `types`."""

    def __init__(self, values: np.ndarray, gap: np.ndarray, types: Mixture) -> None:
        super().__init__(values, gap, types, values.shape[1])
        if types.marginals[:, :, 0].size == 1:  # one component with one part
            self.bundles = Bundles.of(types.marginals[0, 0], values, gap)

    @property
    def longest_block(self) -> int:
        return max(_LONGEST // self.types.num_parts, _SHORTEST)

    def counts(self, rng: np.random.Generator, rounds: np.ndarray) -> np.ndarray:
        return self.types.counts(rng, rounds)

    def sample(self, rng: np.random.Generator, shape: tuple[int, int]) -> list[np.ndarray]:
        return self.types.sample(rng, shape)

    def scores(self, counts: np.ndarray, seen: np.ndarray) -> np.ndarray:
        return (counts / np.maximum(seen, 1)[:, None]) @ self.values.T

    def _certain(
        self, lead: np.ndarray, slack: np.ndarray, counts: np.ndarray, seen: np.ndarray, best: np.ndarray
    ) -> np.ndarray:
        """Sums of gains are random walks with known steps; a walk has to make up for the lead."""
        lead = lead * seen[:, None]
        mean, variance, most = self._gains_on(best)
        mean, most = mean + slack, most + slack
        # In sums, the lead shrinks by at most `most` a round.
        certain = np.where(most > 0, lead / most, np.inf)
        # A rival that is worse on average: Ville's inequality with Bernstein's exponent.
        forever = -mean / (variance / 2 - mean * (most - mean) / 3)
        certain = np.where((mean < 0) & (lead * forever >= self._kappa), np.inf, certain)
        run, rival = near = np.nonzero((certain < MAX_HORIZON) & (lead * most > self._kappa * variance))

        def moment(chosen: np.ndarray, tilt: np.ndarray) -> np.ndarray:
            gains = self.values[rival[chosen]] - self.values[best[run[chosen]]]
            return self.types.log_moment(gains, tilt) + tilt * slack[near][chosen]

        likely = self._unlikely_before(lead[near], mean[near], variance[near], most[near], moment)
        certain[near] = np.maximum(certain[near], likely)
        return certain

    def _gains_on_one(self, candidate: int) -> tuple[np.ndarray, ...]:
        """Mean, variance and possible maximum."""
        return self.types.moments(self.values - self.values[candidate])

    def _leads(
        self,
        rivals: np.ndarray,
        sums: np.ndarray,
        counts: np.ndarray,
        seen: np.ndarray,
        features: list[np.ndarray],
    ) -> list[np.ndarray]:
        runs, length = features[0].shape
        # Row of the run, then feature; the last round of the block decides nothing any more.
        places = [part[:, :-1] + np.arange(runs)[:, None] * self.num_features for part in features]
        leads = []
        for candidate in range(1, rivals.shape[1]):
            gains = (self.values[rivals[:, candidate]] - self.values[rivals[:, 0]]).ravel()
            lead = np.empty((runs, length))
            lead[:, 0] = sums[:, candidate] - sums[:, 0]
            lead[:, 1:] = gains.take(places[0])
            for place in places[1:]:
                lead[:, 1:] += gains.take(place)
            leads.append(np.cumsum(lead, axis=1, out=lead))
        return leads
