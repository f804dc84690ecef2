"""What a tie is: one definition, which best responses, regions, values and solvers share.

Follower actions a and b have payoff differences d_l = v(l, a) - v(l, b), one per leader action, taken before
anything else is done to them. At a commitment x, a *leads* b by

    sum_l d_l x_l / sum_l |d_l| x_l,

a number between -1 and 1 (0 where both sums are 0). The two tie where its size is at most `TIE_TOLERANCE`, a
few times what rounding does to it. So ties change neither with the unit of payoffs, nor with what is added to
all actions alike, nor with a payoff of -1e9 for "never" against leader actions that x does not play. Two
actions are *equal*, and tie everywhere, where all their differences are exactly 0.

Regions are decided exactly where they are enumerated from corners (`jaxstack.exact`): there, the tolerance
serves only those who look at a vertex afterwards, whose coordinates are rounded.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxstack._pytree import is_traced
from jaxstack.axes import Array, Bool, Float

TIE_TOLERANCE = 2.0**-44
"""Relative lead, in float64, up to which two actions tie at a commitment: 256 units of rounding, 6e-14."""

FLOAT32_TOLERANCE = 2.0**-20
"""The same for payoffs or commitments in float32: 8 units of rounding, 1e-6."""


def differences(follower: Float[Array, "*n L A"]) -> Float[Array, "*n A A L"]:
    """Entry [.., a, b, l] is v(l, a) - v(l, b); float64 on the host unless `follower` is traced."""
    by_action = np.swapaxes(follower if is_traced(follower) else np.asarray(follower, np.float64), -1, -2)
    return by_action[..., :, None, :] - by_action[..., None, :, :]


def optimal(
    differences: Float[Array, "*n A A L"], commitment: Float[Array, "L"], tolerance: float = TIE_TOLERANCE
) -> Bool[Array, "*n A"]:
    """Which actions are best against a commitment: those that no action leads by more than the tolerance."""
    # Sums and not matrix products, which some devices round to fewer digits.
    products: Any = differences * commitment.reshape((1,) * (differences.ndim - 1) + commitment.shape)
    lead, scale = products.sum(axis=-1), abs(products).sum(axis=-1)
    return (lead >= -tolerance * scale).all(axis=-1)


def equal_actions(follower: Float[np.ndarray, "*n L A"]) -> Bool[np.ndarray, "*n A A"]:
    """Entry [.., a, b] is True where actions a and b have the same payoff against every leader action.

    An indifferent follower stays so however the leader nudges its commitment: `ties="robust"` counts on the
    worst of the equal actions.
    """
    follower = np.asarray(follower)
    return (follower[..., :, None] == follower[..., None, :]).all(axis=-3)


def tolerance_of(*arrays: Any) -> float:
    """The tolerance for numbers that have been rounded to the coarsest float type among the arrays'."""
    coarse = (jnp.dtype(a.dtype).itemsize < 8 and jnp.issubdtype(a.dtype, jnp.floating) for a in arrays)
    return FLOAT32_TOLERANCE if any(coarse) else TIE_TOLERANCE
