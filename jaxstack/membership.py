"""Whether a commitment is one: in the simplex, or in the strategy set of its game."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from jaxstack import checks
from jaxstack.axes import DeviceArray, Float
from jaxstack.strategies.polytope import ROUNDED_TOLERANCE
from jaxstack.strategies.sets_of_games import StrategySets

if TYPE_CHECKING:
    from jaxstack.game import Game

COMMITMENT_TOLERANCE = 1e-6  # on the sum and on negative entries


def check_commitment(game: Game, commitment: Any) -> np.ndarray:
    """`commitment` as [L] float64 in the strategy set (moved there from within the tolerance).

    Raises:
      ValueError: wrong length, not finite, negative entries, or a sum that is not 1 (within 1e-6; of float32
        within 1e-4); an inequality or equation of the strategy set that it violates by more.
    """
    rounded = jnp.float32 == getattr(commitment, "dtype", None)
    x = checks.finite_array("commitment", commitment, "L")
    if len(x) != game.num_leader_actions:
        raise ValueError(f"commitment must have L = {game.num_leader_actions} entries, but {len(x)} arrived.")
    if game.strategies is not None:
        return np.asarray(game.strategies.checked(x, rounded))
    tolerance = ROUNDED_TOLERANCE if rounded else COMMITMENT_TOLERANCE
    if x.min() < -tolerance or abs(x.sum() - 1) > tolerance:
        raise ValueError(
            f"commitment must lie in the simplex (entries >= 0 that sum to 1), but {np.round(x, 9).tolist()} "
            f"has minimum {x.min():.6g} and sum {x.sum():.9g}. Divide by the sum if these are weights."
        )
    x = np.maximum(x, 0)
    return x / x.sum()


def is_commitment(game: Game, x: Float[DeviceArray, "L"]) -> Any:
    """Whether x is in the strategy set, but for what float32 leaves of it; in compiled code, [] bool."""
    if game.strategies is None:
        outside = jnp.maximum(-x.min(), jnp.abs(x.sum() - 1))
    elif isinstance(game.strategies, StrategySets):  # which of them is this game's is not known here
        outside = 0 * x.sum()
    else:
        outside = game.strategies.outside(x)
    return outside <= ROUNDED_TOLERANCE  # nor is nan
