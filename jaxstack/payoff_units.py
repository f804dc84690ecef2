"""Tables of payoffs in other units, and of mixed leader actions. Host, float64."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from jaxstack._pytree import host_float64


def in_units(table: np.ndarray, low: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(table - low) / size in [0, 1], each game of a batch [G, ..] by its own numbers [G]."""
    shape = (*low.shape, *(1,) * (table.ndim - low.ndim))
    return np.clip((table - low.reshape(shape)) / size.reshape(shape), 0.0, 1.0)


def about_median(payoff: Any, batch: int, own: int = 0, occurs: Any = True) -> tuple[Any, Any, Any]:
    """`LeaderPayoff.about_median` of a payoff that is one table.

    Args:
      payoff: with one array `table`.
      batch: axes of games in front.
      own: axes after them with a constant of their own for each index; the payoff is a sum over these.
      occurs: which of the other entries, flat, can occur; the rest become 0.
    """
    table = np.asarray(payoff.table)
    flat = table.reshape(*table.shape[: batch + own], -1)
    occurs = np.broadcast_to(occurs, flat.shape[-1:])
    quarter = -2 if np.abs(flat).max() > np.finfo(float).max / 8 else 0  # differences are not to overflow
    flat = np.ldexp(flat, quarter)
    centre = np.quantile(flat[..., occurs], 0.5, axis=-1, method="lower")
    moved = np.where(occurs, flat - centre[..., None], 0.0)
    centre = centre.sum(axis=tuple(range(batch, batch + own)))
    size = np.abs(moved).max(axis=tuple(range(batch, moved.ndim)))
    exponent = np.where(size > 0, np.frexp(size)[1], 0)
    moved = np.ldexp(moved, -exponent.reshape(exponent.shape + (1,) * (moved.ndim - exponent.ndim)))
    new = jax.tree.unflatten(jax.tree.structure(payoff), [moved.reshape(table.shape)])
    return new, np.ldexp(centre, -quarter), np.ldexp(1.0, exponent - quarter)


def mixed(payoff: Any, points: np.ndarray, axes: int) -> Any:
    """`payoff` with its leader axis, the first of the last `axes`, mixed by points [M, L]."""
    table = np.moveaxis(np.asarray(payoff.table), -axes, -1) @ np.transpose(points)
    return jax.tree.map(lambda _: host_float64(np.moveaxis(table, -1, -axes)), payoff)


def shifted(payoff: Any, amount: np.ndarray, unit: np.ndarray, scale: np.ndarray, axes: int) -> Any:
    """(table + amount * unit) * scale along the leader axis, the first of the last `axes`."""
    table = np.asarray(payoff.table)
    of_game = (*np.shape(amount), *(1,) * (table.ndim - np.ndim(amount)))
    unit = unit.reshape(-1, *(1,) * (axes - 1))
    table = (table + np.reshape(amount, of_game) * unit) * np.reshape(scale, of_game)
    return jax.tree.map(lambda _: host_float64(table), payoff)
