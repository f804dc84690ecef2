"""Types that are given round by round: a log that is played again, or an adversary's sequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxstack import checks
from jaxstack._pytree import is_traced, pytree_dataclass, set_field, static_field
from jaxstack.distributions import JointTypes, MixtureTypes, TypeDistribution
from jaxstack.samplers import SequenceSampler
from jaxstack.stacking import stack, unstack

ORDERS = ("once", "cyclic")
_FEW_JOINT_TYPES = 1 << 12


@pytree_dataclass
class SequenceTypes:
    """Joint types of given rounds, in their order; the same for every run.

    Nothing is drawn: they may come from a log or from an adversary who does not see what the leader plays.
    Regret is then regret against the best fixed commitment in hindsight: of round t,

        max_x sum_{s<=t} u(x, br(theta_s, x))  -  sum_{s<=t} u(x_s, br(theta_s, x_s)),

    with the payoffs of the types that were there (expected over the leader's mixing alone), and it can be
    negative: a leader who changes may earn more than any who does not. `empirical` is the distribution that
    draws these rounds anew, independently, at random.

    Args:
      rounds: [T0, n], whole numbers 0..K-1, each follower's type.
      num_types: K; default one more than the largest that occurs.
      order: "once": a simulation has T0 rounds at most; or "cyclic": after the last comes the first again.

    Raises:
      ValueError: what is no whole number in 0..K-1 (which round and follower), or another order.
    """

    rounds: Any
    num_types: int = static_field(default=0)
    order: str = static_field(default="once")

    def __post_init__(self) -> None:
        if is_traced(self.rounds):
            return
        checks.one_of("order of rounds", self.order, ORDERS)
        given = checks.finite_array("types of rounds", self.rounds, "T n")
        K = checks.positive_int("num_types", self.num_types) if self.num_types else int(given.max()) + 1
        checks.positive_int("num_types", max(K, 1), limit=np.iinfo(np.int32).max)
        wrong = np.argwhere((given != np.rint(given)) | (given < 0) | (given >= max(K, 1)))
        if wrong.size:
            t, follower = (int(place) for place in wrong[0])
            raise ValueError(
                f"types of rounds [T, n] must be whole numbers in 0..K-1 = {K - 1}, but round {t + 1} has "
                f"{given[t, follower]:g} for follower {follower}."
            )
        rounds = given.astype(np.int32)
        rounds.flags.writeable = False
        set_field(self, "rounds", rounds)
        set_field(self, "num_types", K)

    @property
    def num_followers(self) -> int:
        return self.rounds.shape[-1]

    @property
    def num_rounds(self) -> int:
        """T0."""
        return self.rounds.shape[-2]

    def marginals(self) -> np.ndarray:
        """[n, K] float64 ([G, n, K]): how often each type occurs, as a share of the rounds given."""
        kinds = np.arange(self.num_types)
        return np.asarray(np.mean(np.asarray(self.rounds)[..., None] == kinds, axis=-3, dtype=np.float64))

    def sampler(self) -> SequenceSampler:
        return SequenceSampler(np.asarray(self.rounds))

    def require_rounds(self, horizon: int, name: str = "horizon") -> None:
        """Raise ValueError where there are fewer rounds than are to be played, `name` of them."""
        if self.order == "once" and horizon > self.num_rounds:
            raise ValueError(
                f"{name} must be at most T0 = {self.num_rounds:,}, the rounds of this sequence, but "
                f"{horizon:,} arrived. With order='cyclic' it begins again after its last round; "
                f'.empirical() (in a spec: order = "resampled") draws its rounds at random.'
            )

    def up_to(self, horizon: int) -> np.ndarray:
        """[T, n] int32 ([G, T, n]): types of rounds 1..T.

        Raises:
          ValueError: there are fewer (order "once").
        """
        self.require_rounds(horizon)
        return np.take(np.asarray(self.rounds), np.arange(horizon) % self.num_rounds, axis=-2)

    def empirical(self, horizon: int | None = None) -> JointTypes | MixtureTypes:
        """The distribution that draws one of the rounds 1..T at random; default of all that are given.

        A table of joint types where these are few, otherwise a mixture of the rounds that differ.
        """
        if np.ndim(self.rounds) == 3:
            return stack([unstack(self, g).empirical(horizon) for g in range(len(self.rounds))])
        rounds = self.rounds if horizon is None else self.up_to(horizon)
        rows, counts = np.unique(rounds, axis=0, return_counts=True)
        n, K = self.num_followers, self.num_types
        if K**n > _FEW_JOINT_TYPES:
            return MixtureTypes(counts / counts.sum(), np.eye(K)[rows])
        table = np.zeros((K,) * n)
        table[tuple(rows.T)] = counts / counts.sum()
        return JointTypes(table)

    @property
    def padded_sizes(self) -> tuple[int, ...]:
        """n, K: sequences of one length that agree in these have arrays of one shape."""
        return self.num_followers, self.num_types

    def padded_to(self, num_followers: int, num_types: int) -> SequenceTypes:
        """The same rounds with types that never occur, and followers who always have type 0."""
        rounds = np.pad(self.rounds, [(0, 0), (0, num_followers - self.num_followers)])
        return SequenceTypes(rounds, num_types, self.order)


def distribution_of(types: TypeDistribution) -> TypeDistribution:
    """`types`, where they are drawn; of a sequence, its empirical distribution."""
    return types.empirical() if isinstance(types, SequenceTypes) else types
