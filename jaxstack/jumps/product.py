"""Candidates valued against the product of the empirical marginals: `erm_product`."""

from __future__ import annotations

import numpy as np

from jaxstack.jumps.draws import Mixture
from jaxstack.jumps.problem import SLICE_ENTRIES, Problem

_FEW_JOINT_TYPES = 64  # up to so many, a block of rounds is worth its cost
_LONGEST = 128  # rounds of a block: one of them costs much more than with linear values
_PROMISING = 50.0  # a lead in sums below which the probable bound does not beat the sure one


class ProductProblem(Problem):
    """Values [M, J] against each joint type; the features are the followers' types, n K of them.

    Args:
      types: one part, the joint types.
      num_followers, num_types: n, K.
      digits: [n, J], the joint types that there are, in C order; None: all J = K**n of them.
    """

    def __init__(
        self,
        values: np.ndarray,
        gap: np.ndarray,
        types: Mixture,
        num_followers: int,
        num_types: int,
        digits: np.ndarray | None = None,
    ) -> None:
        super().__init__(values, gap, types, num_followers * num_types)
        self.num_followers, self.num_types = num_followers, num_types
        grid = np.indices((num_types,) * num_followers) if digits is None else digits
        self._digits, self._grid = grid.reshape(num_followers, -1), num_types**num_followers

    @property
    def longest_block(self) -> int:
        return _LONGEST if self.values.shape[1] <= _FEW_JOINT_TYPES else 0

    def counts(self, rng: np.random.Generator, rounds: np.ndarray) -> np.ndarray:
        follower_types = self._digits[:, None, :] == np.arange(self.num_types)[:, None]  # [n, K, J]
        return self.types.counts(rng, rounds) @ follower_types.reshape(self.num_features, -1).T.astype(
            np.int64
        )

    def sample(self, rng: np.random.Generator, shape: tuple[int, int]) -> list[np.ndarray]:
        (joint,) = self.types.sample(rng, shape)
        return [row[joint] + follower * self.num_types for follower, row in enumerate(self._digits)]

    def scores(self, counts: np.ndarray, seen: np.ndarray) -> np.ndarray:
        frequencies = counts / np.maximum(seen, 1)[:, None]
        marginals = frequencies.reshape(len(counts), -1, self.num_types)
        product = marginals[:, 0]
        if self.values.shape[1] < self._grid:
            followers = np.arange(self.num_followers)[:, None]
            return marginals[:, followers, self._digits].prod(axis=1) @ self.values.T
        for follower in range(1, self.num_followers):
            product = (product[:, :, None] * marginals[:, follower, None, :]).reshape(len(counts), -1)
        return product @ self.values.T

    def _certain(
        self, lead: np.ndarray, slack: np.ndarray, counts: np.ndarray, seen: np.ndarray, best: np.ndarray
    ) -> np.ndarray:
        """Two bounds, for t rounds seen and tau to come.

        For sure: tau rounds move each of n marginals by at most tau / (t + tau) in total variation, the
        product by n times that, and an expectation of f by that times max f - min f.

        In all probability: with w = tau / (t + tau), the product of the marginals (1 - w) m_i + w q_i is
        (1 - w)^n times the old one, plus (1 - w)^(n-1) w times terms with one q_i each, plus terms of a
        total weight of at most w^2 n (n - 1) / 2 that favour the rival by `most` at most. The linear terms
        are a random walk with known steps: Ville's inequality spends half of the lead on them, and the
        other terms may have the other half.
        """
        n = self.num_followers
        swing, most = self._gains_on(best)
        weight = np.maximum(seen, 1)[:, None].astype(np.float64)
        certain = np.where(n * swing > lead, weight * lead / (n * swing - lead), np.inf)
        certain = np.where(seen[:, None] > 0, certain, 0.0)  # before round 1 all candidates tie
        # (1 - w)^n >= 1/4, which also keeps the slack above a tolerance
        longest = np.minimum(np.sqrt(lead / (4 * n * (n - 1) * most)), 4 ** (1 / n) - 1) * weight
        # Only where it matters and may help: what stands in the way of a much longer jump.
        blocking = certain < np.minimum(
            longest, 64 * certain.min(axis=1, keepdims=True, where=certain > 0, initial=np.inf)
        )
        run, rival = near = np.nonzero(blocking & (lead * weight > 2 * _PROMISING) & (most > 0))
        if len(run) * self.values.shape[1] <= SLICE_ENTRIES:
            steps = self._linear_steps(self.values[rival] - self.values[best[run]], counts[run], seen[run])
            likely = self._unlikely_before(
                (lead * weight)[near] / 2,
                *self.types.moments(steps),
                lambda chosen, tilt: self.types.log_moment(steps[chosen], tilt),
            )
            certain[near] = np.maximum(certain[near], np.minimum(likely, longest[near]))
        return certain

    def _gains_on_one(self, candidate: int) -> tuple[np.ndarray, ...]:
        """Width and maximum over joint types."""
        gains = self.values - self.values[candidate]
        return gains.max(axis=1) - gains.min(axis=1), gains.max(axis=1)

    def _linear_steps(self, gains: np.ndarray, counts: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """[P, J]: sum over followers of the mean gain where only this follower's type is that of J."""
        n, K = self.num_followers, self.num_types
        marginals = counts.reshape(-1, n, K) / seen[:, None, None]
        steps = np.zeros_like(gains)
        for follower in range(n):
            rest = self._on_grid(gains).reshape(-1, *(K,) * n)
            for other in reversed([i for i in range(n) if i != follower]):
                rest = np.moveaxis(rest, 1 + other, -1)
                rest = (rest * marginals[:, other].reshape(-1, *(1,) * (rest.ndim - 2), K)).sum(axis=-1)
            steps += rest[:, self._digits[follower]]
        return steps

    def _on_grid(self, gains: np.ndarray) -> np.ndarray:
        """[P, K**n] of gains [P, J]; 0 for joint types that there are not."""
        if gains.shape[1] == self._grid:
            return gains
        all_joint = np.zeros((len(gains), self._grid))
        all_joint[:, np.ravel_multi_index(tuple(self._digits), (self.num_types,) * self.num_followers)] = (
            gains
        )
        return all_joint

    def _leads(
        self,
        rivals: np.ndarray,
        sums: np.ndarray,
        counts: np.ndarray,
        seen: np.ndarray,
        features: list[np.ndarray],
    ) -> list[np.ndarray]:
        rounds = np.maximum(seen[:, None] + np.arange(features[0].shape[1]), 1)
        shares = self._shares(counts, rounds, features)
        leads = []
        for candidate in range(1, rivals.shape[1]):
            gains = self.values[rivals[:, candidate]] - self.values[rivals[:, 0]]
            rest = [gain[:, None] for gain in self._on_grid(gains).T]
            for own in reversed(shares):
                groups = (
                    rest[start : start + self.num_types] for start in range(0, len(rest), self.num_types)
                )
                rest = [sum(g * s for g, s in zip(group, own, strict=True)) for group in groups]
            leads.append(rest[0] * rounds)
        return leads

    def _shares(
        self, counts: np.ndarray, rounds: np.ndarray, features: list[np.ndarray]
    ) -> list[list[np.ndarray]]:
        """Of each type of each follower, before every round of a block: n lists of K arrays [s, B]."""
        shares = []
        for follower, part in enumerate(features):
            own = []
            for feature in range(follower * self.num_types, (follower + 1) * self.num_types):
                count = np.empty(part.shape)
                count[:, 0] = counts[:, feature]
                count[:, 1:] = part[:, :-1] == feature
                own.append(np.cumsum(count, axis=1, out=count) / rounds)
            shares.append(own)
        return shares
