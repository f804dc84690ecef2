"""Distributions D of the followers' joint type, and exact integer samplers for them.

Types are drawn i.i.d. over rounds. Within a round they may be correlated between followers.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol, TypeVar, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack import checks, memory
from jaxstack._pytree import host_float64, is_traced, pytree_dataclass, set_field, static_field
from jaxstack._settings import pinned
from jaxstack.axes import Array, Int
from jaxstack.samplers import JointSampler, MixtureSampler, TypeSampler, thresholds
from jaxstack.unequal import padded_lists

_Kind = TypeVar("_Kind")


@runtime_checkable
class TypeDistribution(Protocol):
    """A distribution of joint types (theta_1, .., theta_n), theta_i in 0..K-1."""

    @property
    def num_followers(self) -> int: ...
    @property
    def num_types(self) -> int: ...

    def marginals(self) -> np.ndarray:
        """[n, K] float64: P(theta_i = k) ([G, n, K] for a batch). Host only."""
        ...

    def sampler(self) -> TypeSampler:
        """Integer thresholds that turn random bits into types. Built on the host, in float64."""
        ...


@pytree_dataclass
class IndependentTypes:
    """Each follower's type is drawn by itself.

    Args:
      probabilities: [n, K], rows sum to 1; or lists [n][K_i] of followers with unequal numbers of types,
        held as [n, K] with probability 0 for the others.

    Attributes:
      words: of a batch of unequal games, what `MixtureSampler` needs to draw for each as if it were alone.

    Raises:
      ValueError: negative or not finite entries, or a row whose sum is not 1 (within 1e-6).
    """

    probabilities: Any
    words: Any = None

    def __post_init__(self) -> None:
        if not is_traced(self.probabilities):
            name = "independent type probabilities"
            rows = padded_lists(name, self.probabilities, "n K", 2)
            set_field(self, "probabilities", checks.probabilities(name, rows, "n K"))

    @property
    def num_followers(self) -> int:
        return self.probabilities.shape[-2]

    @property
    def num_types(self) -> int:
        return self.probabilities.shape[-1]

    def marginals(self) -> np.ndarray:
        return np.asarray(self.probabilities)

    def mixture(self) -> tuple[Array, Array]:
        """The same distribution as a mixture: weights [C], marginals [C, n, K]; here C = 1."""
        shape = self.probabilities.shape
        return np.ones((*shape[:-2], 1)), self.probabilities[..., None, :, :]

    def sampler(self) -> TypeSampler:
        return _mixture_sampler(*self.mixture(), self.words)

    @property
    def padded_sizes(self) -> tuple[int, ...]:
        """n, K: distributions that agree in these have arrays of one shape."""
        return self.num_followers, self.num_types

    def padded_to(self, num_followers: int, num_types: int) -> IndependentTypes:
        """The same distribution with types of probability 0, and followers who always have type 0."""
        words = _words(self) if self.words is None else self.words
        return _held(IndependentTypes, _padded(self.probabilities, num_followers, num_types), words)


@pytree_dataclass
class MixtureTypes:
    """Independent types given a hidden component: correlated, and cheap at any n.

    Args:
      weights: [C], probability of each component; sums to 1.
      probabilities: [C, n, K], type probabilities of each follower within each component; or lists
        [C][n][K_i], as for `IndependentTypes`.

    Attributes:
      words: as of `IndependentTypes`.

    Raises:
      ValueError: negative or not finite entries, sums that are not 1, or C disagreeing.
    """

    weights: Any
    probabilities: Any
    words: Any = None

    def __post_init__(self) -> None:
        if is_traced(self.weights, self.probabilities):
            return
        weights = checks.probabilities("mixture weights", self.weights, "C")
        rows = padded_lists("mixture type probabilities", self.probabilities, "C n K", 3)
        marginals = checks.probabilities("mixture type probabilities", rows, "C n K")
        if len(weights) != len(marginals):
            raise ValueError(
                f"mixture weights are for {len(weights)} components, but mixture type probabilities "
                f"{marginals.shape} [C, n, K] are for {len(marginals)}."
            )
        set_field(self, "weights", weights)
        set_field(self, "probabilities", marginals)

    @classmethod
    def correlated(cls, marginals: Any, correlation: float) -> MixtureTypes:
        """Fixed marginals, dependence on one knob: 0 is independent, 1 is fully (positively) correlated.

        With probability `correlation` all types come from one shared uniform number through each follower's
        quantile function (the comonotone coupling: equal marginals give equal types); otherwise independent.

        Args:
          marginals: [n, K], rows sum to 1; the result's marginals for every `correlation`.
          correlation: in [0, 1].

        Raises:
          ValueError: marginals that are no probabilities, or a correlation outside [0, 1].
        """
        marginals = checks.probabilities("marginals", marginals, "n K")
        correlation = checks.fraction("correlation", correlation)
        cumulative = np.cumsum(marginals, axis=1)
        cumulative[:, -1] = 1.0
        breaks = np.unique(cumulative)
        widths = np.diff(breaks, prepend=0.0)
        middles = breaks - widths / 2
        quantile = (middles[:, None, None] > cumulative).sum(axis=2)  # [C, n]: each follower's type there
        shared = np.eye(marginals.shape[1])[quantile]
        weights = np.concatenate([[1 - correlation], correlation * widths])
        return cls(weights, np.concatenate([marginals[None], shared]))

    @property
    def num_followers(self) -> int:
        return self.probabilities.shape[-2]

    @property
    def num_types(self) -> int:
        return self.probabilities.shape[-1]

    def marginals(self) -> np.ndarray:
        return np.einsum("...c,...cnk->...nk", self.weights, self.probabilities)

    def mixture(self) -> tuple[Array, Array]:
        """Weights [C] and marginals [C, n, K]."""
        return self.weights, self.probabilities

    def sampler(self) -> TypeSampler:
        return _mixture_sampler(*self.mixture(), self.words)

    @property
    def padded_sizes(self) -> tuple[int, ...]:
        """n, K, C: distributions that agree in these have arrays of one shape."""
        return self.num_followers, self.num_types, len(self.weights)

    def padded_to(self, num_followers: int, num_types: int, num_components: int) -> MixtureTypes:
        """As of `IndependentTypes`, with components of weight 0."""
        words = _words(self) if self.words is None else self.words
        more = (0, num_components - len(self.weights))
        marginals = np.pad(self.probabilities, [more, (0, 0), (0, 0)], mode="edge")
        marginals = _padded(marginals, num_followers, num_types)
        return _held(MixtureTypes, host_float64(np.pad(self.weights, more)), marginals, words)


@pytree_dataclass
class JointTypes:
    """Any correlation, as a table of all joint types (small n).

    Args:
      probabilities: [K_1, .., K_n] with one axis per follower; sums to 1. Where followers have unequal
        numbers of types it is held as [K, .., K] with probability 0 for the others.

    Raises:
      ValueError: negative or not finite entries, or a sum that is not 1.
    """

    probabilities: Any
    num_followers: int = static_field(default=0)

    def __post_init__(self) -> None:
        if is_traced(self.probabilities):
            set_field(self, "num_followers", np.ndim(self.probabilities))
            return
        table = checks.probabilities("joint type probabilities", self.probabilities, "K*", over=0)
        set_field(self, "num_followers", table.ndim)
        if len(set(table.shape)) > 1:
            table = host_float64(np.pad(table, [(0, max(table.shape) - size) for size in table.shape]))
        set_field(self, "probabilities", table)

    @property
    def num_types(self) -> int:
        return self.probabilities.shape[-1]

    def marginals(self) -> np.ndarray:
        n = self.num_followers
        axes = range(-n, 0)
        rows = [np.sum(self.probabilities, axis=tuple(a for a in axes if a != i - n)) for i in range(n)]
        return np.stack(rows, axis=-2)

    def flat(self) -> Array:
        """[J]: probabilities of the joint types in C order."""
        batch = self.probabilities.shape[: self.probabilities.ndim - self.num_followers]
        return self.probabilities.reshape(*batch, -1)

    def sampler(self) -> TypeSampler:
        return JointSampler(thresholds(self.flat()), self.num_followers, self.num_types)

    @property
    def padded_sizes(self) -> tuple[int, ...]:
        """n, K: distributions that agree in these have arrays of one shape."""
        return self.num_followers, self.num_types

    def padded_to(self, num_followers: int, num_types: int) -> JointTypes:
        """As of `IndependentTypes`."""
        added = num_followers - self.num_followers
        table = np.pad(self.probabilities, [(0, num_types - self.num_types)] * self.num_followers)
        table = np.pad(
            table.reshape(*table.shape, *(1,) * added), [(0, 0)] * table.ndim + [(0, num_types - 1)] * added
        )
        return _held(JointTypes, host_float64(table), num_followers)


def _held(kind: type[_Kind], *fields: Any) -> _Kind:
    """A distribution of fields that have been checked already; not one bit of them changes."""
    types = object.__new__(kind)
    for field, value in zip(dataclasses.fields(kind), fields, strict=True):  # type: ignore[arg-type]
        set_field(types, field.name, value)
    return types


def _padded(probabilities: np.ndarray, num_followers: int, num_types: int) -> np.ndarray:
    """[.., n, K] with types of probability 0, and followers who always have type 0."""
    n, K = probabilities.shape[-2:]
    rest = [(0, 0)] * (probabilities.ndim - 2)
    larger = np.pad(probabilities, [*rest, (0, num_followers - n), (0, num_types - K)])
    larger[..., n:, 0] = 1.0
    return host_float64(larger)


def _words(types: IndependentTypes | MixtureTypes) -> np.ndarray:
    """[2] int32: random words that a round takes, and which of them is the first follower's."""
    first = int(np.shape(types.mixture()[0])[-1] > 1)
    return np.array([types.num_followers + first, first], np.int32)


def _mixture_sampler(weights: Array, probabilities: Array, words: Array | None) -> MixtureSampler:
    return MixtureSampler(thresholds(weights), thresholds(probabilities), words)


def sample_types(key: jax.Array, types: TypeDistribution, num_rounds: int) -> Int[Array, "T n"]:
    """Joint types of `num_rounds` rounds: [T, n] int32, in 0..K-1; independent, unless they are a sequence.

    Probabilities are resolved to 2^-31. `simulate` draws with the same samplers, keyed by run and round.

    Raises:
      ValueError: no type distribution, a key that `simulate` would refuse too, a number of rounds below 1, or
        more than a sequence has.
      MemoryError: the draws would not fit.
    """
    num_rounds = checks.positive_int("num_rounds", num_rounds)
    remedy = "Types are JointTypes, IndependentTypes, MixtureTypes or SequenceTypes."
    checks.instance("types", types, TypeDistribution, remedy)
    if hasattr(types, "require_rounds"):
        types.require_rounds(num_rounds, "num_rounds")
    sampler = types.sampler()
    memory.require(
        8 * num_rounds * sampler.num_words,
        what="the random words of all rounds",
        driver=f"num_rounds = {num_rounds:,} times {sampler.num_words} words",
        remedy="draw fewer rounds at a time, with a key of their own",
    )
    with pinned():
        bits = jax.random.bits(check_key(key), (num_rounds, sampler.num_words), jnp.uint32)
        return sampler.draw(bits, jnp.arange(1, num_rounds + 1, dtype=jnp.int32))


def check_key(key: Any, num_games: int | None = None) -> jax.Array:
    """`key`, if it is a typed threefry key: [] or, for a batch, [G].

    Raises:
      ValueError: anything else, with what to pass instead.
    """
    if not (hasattr(key, "dtype") and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)):
        raise ValueError(
            f"key must come from jax.random.key(seed), but {type(key).__name__} arrived: {key!r}."
        )
    if "threefry" not in str(jax.random.key_impl(key)):
        raise ValueError(
            f"key uses the generator {jax.random.key_impl(key)}, whose numbers depend on how runs are "
            f"batched. Use jax.random.key(seed, impl='threefry2x32')."
        )
    allowed = ((),) if num_games is None else ((), (num_games,))
    if key.shape not in allowed:
        what = "one game" if num_games is None else f"a batch of {num_games} games"
        raise ValueError(f"key must have a shape in {allowed} for {what}, but {key.shape} arrived.")
    return key


def joint_probabilities(types: TypeDistribution) -> np.ndarray:
    """[J] float64: probability of every joint type in C order (small K**n only). One game, host only.

    Raises:
      MemoryError: there are too many joint types to hold.
    """
    num_joint_types = int(types.num_types) ** int(types.num_followers)
    memory.require(
        8 * num_joint_types,
        what="the probability of every joint type",
        driver=f"K^n = {types.num_types}^{types.num_followers} joint types",
        remedy="use marginals, or sample_types",
    )
    if isinstance(types, JointTypes):
        return np.asarray(types.flat())
    weights, probabilities = types.mixture()  # type: ignore[attr-defined]
    total = np.zeros(types.num_types**types.num_followers)
    for weight, marginals in zip(weights, probabilities, strict=True):
        product = np.ones(1)
        for marginal in marginals:
            product = np.multiply.outer(product, marginal).ravel()
        total += weight * product
    return host_float64(total)
