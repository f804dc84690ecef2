"""Exact integer samplers of followers' types: from random words to types, in compiled code."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack._pytree import pytree_dataclass, static_field
from jaxstack.axes import Array, Int, UInt32

SAMPLER_BITS = 31  # probabilities are resolved to 2^-31; a type of probability zero is never drawn


@pytree_dataclass
class MixtureSampler:
    """Draws the component with one word, then each follower's type with one word each.

    In a batch of unequal games, a game that is padded finds its words where it would find them alone: a round
    takes `words[0]` of them, one after the other, and the first follower's is number `words[1]`.
    """

    component: Any  # [C-1] uint32
    type: Any  # [C, n, K-1] uint32
    words: Any = None  # [2] int32, or None: as many as there are here

    @property
    def num_words(self) -> int:
        """32-bit words of randomness per round."""
        return self.type.shape[-2] + (self.type.shape[-3] > 1)

    def draw(self, bits: UInt32[Array, "*rounds w"], t: Any = None) -> Int[Array, "*rounds n"]:
        """Types from random words: [.., num_words] uint32 -> [.., n] int32; rounds t do not matter."""
        if self.words is not None:
            bits = self._own(bits)
        bits = bits >> (32 - SAMPLER_BITS)
        thresholds = jnp.asarray(self.type)
        if self.type.shape[-3] == 1:
            thresholds = jnp.expand_dims(thresholds[0], tuple(range(bits.ndim - 1)))
        else:
            thresholds = thresholds[_count(self.component, bits[..., 0])]
            bits = bits[..., 1:]
        return (thresholds <= bits[..., None]).sum(axis=-1, dtype=jnp.int32)

    def _own(self, bits: UInt32[Array, "*rounds w"]) -> jax.Array:
        """The words of a game that is alone, in the places where a padded one reads them.

        Random words are a function of their number within the block, so that more of them begin alike. A
        follower who was added has one type, whatever its word.
        """
        has_component = self.type.shape[-3] > 1
        flat = bits.reshape(*bits.shape[:-2], -1)
        rounds = jnp.arange(bits.shape[-2], dtype=jnp.int32)[:, None] * self.words[0]
        followers = jnp.arange(self.type.shape[-2], dtype=jnp.int32) + self.words[1]
        places = jnp.minimum(followers, self.words[0] - 1)
        if has_component:
            places = jnp.concatenate([jnp.zeros(1, jnp.int32), places])
        return jnp.take(flat, rounds + places[None], axis=-1)


@pytree_dataclass
class JointSampler:
    """Draws the joint type with one word."""

    joint: Any  # [J-1] uint32
    num_followers: int = static_field()
    num_types: int = static_field()

    @property
    def num_words(self) -> int:
        """32-bit words of randomness per round."""
        return 1

    def draw(self, bits: UInt32[Array, "*rounds w"], t: Any = None) -> Int[Array, "*rounds n"]:
        """Types from random words: [.., 1] uint32 -> [.., n] int32; rounds t do not matter."""
        joint = _count(self.joint, bits[..., 0] >> (32 - SAMPLER_BITS))
        places = [self.num_types**i for i in reversed(range(self.num_followers))]
        return jnp.stack([joint // place % self.num_types for place in places], axis=-1)


@pytree_dataclass
class SequenceSampler:
    """Knows the types of every round; nothing is drawn."""

    rounds: Any  # [T0, n] int32; after the last comes the first again

    @property
    def num_words(self) -> int:
        """32-bit words of randomness per round."""
        return 0

    def draw(self, bits: UInt32[Array, "*rounds w"], t: Int[Array, "B"]) -> Int[Array, "*rounds n"]:
        """Types of rounds t, the last axis of rounds: [.., B, 0] -> [.., B, n] int32."""
        rounds = jnp.asarray(self.rounds)
        drawn = jnp.take(rounds, (t - 1) % rounds.shape[0], axis=0)
        return jnp.broadcast_to(drawn, (*bits.shape[:-1], rounds.shape[1]))


TypeSampler = MixtureSampler | JointSampler | SequenceSampler


def thresholds(probabilities: Array) -> np.ndarray:
    """Cumulative probabilities but the last, in units of 2^-31: category = number of thresholds <= draw."""
    cumulative = np.cumsum(np.asarray(probabilities, np.float64), axis=-1)
    cumulative /= cumulative[..., -1:]
    # From the last possible category on the cumulative is 1 exactly, so that none behind it is ever drawn.
    return np.rint(cumulative[..., :-1] * 2.0**SAMPLER_BITS).astype(np.uint32)


def _count(thresholds: Array, draws: Array) -> Array:
    """Number of sorted thresholds [C-1] that are <= each draw; int32."""
    thresholds = jnp.asarray(thresholds)
    if thresholds.shape[0] > 64:
        return jnp.searchsorted(thresholds, draws, side="right").astype(jnp.int32)
    # Thresholds in front, so that the sum runs over whole vectors of draws; in pieces of at most 32, because
    # XLA cuts up a longer reduction on CPU and then stores every comparison.
    # And as signed numbers (threshold 0 as -1), since most processors have no instruction for others.
    signed, columns = draws.astype(jnp.int32)[None], (thresholds - np.uint32(1)).astype(jnp.int32)
    columns = columns.reshape(-1, *(1,) * draws.ndim)
    pieces = [columns[i : i + 32] < signed for i in range(0, len(columns), 32)]
    return sum((p.sum(axis=0, dtype=jnp.int32) for p in pieces), jnp.zeros(draws.shape, jnp.int32))
