"""Random weights of a posterior bootstrap: gamma draws of fixed cost, without rejection."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxstack.axes import DeviceArray, Float


def gamma(key: jax.Array, shape: Float[DeviceArray, "*shape"]) -> Float[DeviceArray, "*shape"]:
    """Gamma draws of scale 1, for shapes of 1 and more; 0 for a shape of 0.

    Source: Wilson and Hilferty, *The Distribution of Chi-square*, 1931: the cube root is nearly normal.
    """
    normal = jax.random.normal(key, shape.shape, shape.dtype)
    safe = jnp.where(shape > 0, shape, 1)
    root = 1 - 1 / (9 * safe) + normal / (3 * jnp.sqrt(safe))
    return jnp.where(shape > 0, safe * jnp.maximum(root, 0) ** 3, 0)


def small_gamma(key: jax.Array, shape: Float[DeviceArray, "*shape"]) -> Float[DeviceArray, "*shape"]:
    """Gamma draws of scale 1 for positive shapes below 1 too: Gamma(a) = Gamma(a + 1) U^(1/a)."""
    above, uniform = jax.random.split(key)
    log_uniform = -jax.random.exponential(uniform, shape.shape, shape.dtype)
    return gamma(above, shape + 1) * jnp.exp(log_uniform / shape)


def log_uniform(
    key: jax.Array, low: Float[DeviceArray, ""], high: Float[DeviceArray, ""], count: int
) -> Float[DeviceArray, "count"]:
    """Numbers in [low, high] whose logarithms are uniform."""
    place = jax.random.uniform(key, (count,), low.dtype)
    return low * jnp.exp(place * jnp.log(high / low))
