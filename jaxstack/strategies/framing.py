"""Follower payoffs at the points of a frame, without rounding."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxstack import exact, ties
from jaxstack._pytree import is_traced
from jaxstack.axes import Array, Float
from jaxstack.strategies.polytope import Polytope


def framed(follower: Float[np.ndarray, "*n L A"], strategies: Polytope) -> tuple[np.ndarray, np.ndarray]:
    """Follower payoffs at the frame's points, of each action less those of action 0, without rounding.

    Args:
      follower: [.., L, A] float64.
      strategies: with D points in its frame.

    Returns:
      [.., D, A] Python integers, and [..] fractions, by which they are too large.
    """
    follower = np.asarray(follower, np.float64)
    *lead, L, A = follower.shape
    items = follower.reshape(-1, L * A)
    whole = exact.integers(items)
    scale = np.empty(len(items), object)
    for j, (row, entries) in enumerate(zip(whole, items, strict=True)):
        k = int(np.argmax(entries != 0))
        scale[j] = Fraction(int(row[k])) / Fraction(entries[k]) if entries[k] else Fraction(1)
    whole = np.moveaxis(whole.reshape(-1, L, A), 1, 0)
    values = strategies.frame.at_points(whole - whole[..., :1])
    return np.moveaxis(values, 0, 1).reshape(*lead, -1, A), (scale * strategies.frame.scale).reshape(lead)


def rounded(whole: np.ndarray, scale: np.ndarray) -> Float[np.ndarray, "*shape"]:
    """Integers [.., D, A] over fractions [..] as of `framed`: floats, each correctly rounded."""
    top = np.array([value.denominator for value in scale.ravel()], object).reshape(*scale.shape, 1, 1)
    bottom = np.array([value.numerator for value in scale.ravel()], object).reshape(*scale.shape, 1, 1)
    return exact.as_floats(whole * top, bottom)


def on_frame(game: Any) -> Float[np.ndarray, "*n L A"]:
    """A game's follower payoffs; at the frame's points and relative to action 0, if it has one."""
    if game.strategies is None:
        return np.asarray(game.follower)
    return rounded(*framed(game.follower, game.strategies))


def differences_of(follower: Float[Array, "*n L A"], strategies: Polytope) -> Float[Array, "*n A A D"]:
    """`jaxstack.ties.differences` at the frame's points, rounded once unless `follower` is traced."""
    if is_traced(follower):
        points = jnp.asarray(strategies.frame.float_points, follower.dtype)
        return ties.differences(jnp.einsum("dl,...la->...da", points, follower))
    whole, scale = framed(follower, strategies)
    by_action = np.swapaxes(whole, -1, -2)
    leads = by_action[..., :, None, :] - by_action[..., None, :, :]
    return rounded(leads, scale[..., None])
