"""Random weights of a posterior bootstrap: gamma draws of fixed cost, without rejection.

They are made of uniform numbers in [0, 1), which are drawn all at once: a call of the random generator takes
longer to compile than all that is made of what it draws.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack.axes import DeviceArray, Float


def gamma(
    uniform: Float[DeviceArray, "*shape"], shape: Float[DeviceArray, "*shape"]
) -> Float[DeviceArray, "*shape"]:
    """Gamma draws of scale 1, for shapes of 1 and more; 0 for a shape of 0.

    Source: Wilson and Hilferty, *The Distribution of Chi-square*, 1931: the cube root is nearly normal.
    """
    safe = jnp.where(shape > 0, shape, 1)
    root = 1 - 1 / (9 * safe) + _normal(uniform) / (3 * jnp.sqrt(safe))
    return jnp.where(shape > 0, safe * jnp.maximum(root, 0) ** 3, 0)


def small_gamma(
    uniform: Float[DeviceArray, "*shape"],
    power: Float[DeviceArray, "*shape"],
    shape: Float[DeviceArray, "*shape"],
) -> Float[DeviceArray, "*shape"]:
    """Gamma draws of scale 1 for positive shapes below 1 too: Gamma(a) = Gamma(a + 1) U^(1/a)."""
    return gamma(uniform, shape + 1) * jnp.exp(jnp.log1p(-power) / shape)


def log_uniform(
    uniform: Float[DeviceArray, "count"], low: Float[DeviceArray, ""], high: Float[DeviceArray, ""]
) -> Float[DeviceArray, "count"]:
    """Numbers in [low, high] whose logarithms are uniform."""
    return low * jnp.exp(uniform * jnp.log(high / low))


def _normal(uniform: jax.Array) -> jax.Array:
    """Standard normal numbers; finite at 0, too."""
    least = np.nextafter(np.asarray(-1, uniform.dtype), np.asarray(0, uniform.dtype))
    return math.sqrt(2) * jax.lax.erf_inv(jnp.maximum(2 * uniform - 1, least))
