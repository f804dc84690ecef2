"""Means over games and runs with their intervals, and power laws through them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from experiments.claims.verdicts import Check, Fit, Interval, Rule

_RESAMPLES = 1000
_LEVELS = (0.025, 0.975)


def resampled(values: np.ndarray) -> np.ndarray:
    """Means of [.., G, S] over resampled games and runs, [B, ..]: the same ones at every leading index.

    Equal G and S give the same resampling, so that ratios of two such arrays are those of pairs.
    """
    *shape, num_games, num_runs = values.shape
    rng = np.random.default_rng(0)
    games, runs = (
        rng.multinomial(count, np.full(count, 1 / count), size=_RESAMPLES) / count
        for count in (num_games, num_runs)
    )
    by_game = np.einsum("pgs,bs->bpg", values.reshape(-1, num_games, num_runs), runs, optimize=True)
    return np.einsum("bpg,bg->bp", by_game, games).reshape(_RESAMPLES, *shape)


def interval(statistic: Callable[..., np.ndarray], *values: np.ndarray) -> Interval:
    """A statistic of means over games and runs, with the interval of resampled games and runs.

    Where more resamples than an interval leaves out on one side have no such statistic (the logarithm of
    nothing), neither has the interval.

    Args:
      statistic: of arrays [N, ..], row by row, [N].
      values: arrays [.., G, S].
    """
    point = float(statistic(*(v.mean(axis=(-2, -1))[None] for v in values))[0])
    with np.errstate(all="ignore"):
        resamples = statistic(*(resampled(v) for v in values))
    there = np.isfinite(resamples)
    resamples = resamples[there]
    if there.mean() < _LEVELS[1] or not math.isfinite(point):
        return Interval(math.nan, math.nan, math.nan)
    low, high = np.quantile(resamples, _LEVELS)
    return Interval(point, float(low), float(high))


def slope(x: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Least-squares slopes of log means [N, P] on log x [P]."""
    centred = np.log(x) - np.log(x).mean()
    with np.errstate(all="ignore"):
        return np.log(means) @ (centred / np.square(centred).sum())


def power_fit(x: np.ndarray, regret: np.ndarray, first: float = 0.0) -> Fit:
    """The power law of mean regret [P, G, S] in x, over points from `first` on."""
    return fit_of(lambda means: means, x, regret, first=first)


def ratio_fit(x: np.ndarray, above: np.ndarray, below: np.ndarray, first: float = 0.0) -> Fit:
    """The power law of the ratio of two means [P, G, S], over points from `first` on."""
    return fit_of(lambda a, b: a / b, x, above, below, first=first)


def fit_of(
    quantity: Callable[..., np.ndarray], x: np.ndarray, *values: np.ndarray, first: float = 0.0
) -> Fit:
    """The power law in x [P] of a quantity that is made of means, over points from `first` on.

    Args:
      quantity: of arrays of means [N, .., P], row by row; [N, P].
      x: abscissa.
      values: [.., P, G, S].
      first: least x of the window.
    """
    inside = x >= first
    x, values = x[inside], tuple(v[..., inside, :, :] for v in values)
    exponent = interval(lambda *means: slope(x, quantity(*means)), *values)
    with np.errstate(all="ignore"):
        logs = np.log(quantity(*(v.mean(axis=(-2, -1))[None] for v in values))[0])
    fitted = logs.mean() + exponent.value * (np.log(x) - np.log(x).mean())
    bend, half = Interval(math.nan, math.nan, math.nan), len(x) // 2
    if len(x) > 2:
        early, late = slice(half + 1), slice(half, None)

        def bending(*means: np.ndarray) -> np.ndarray:
            y = quantity(*means)
            return slope(x[late], y[:, late]) - slope(x[early], y[:, early])

        bend = interval(bending, *values)
    return Fit(exponent, (float(x[0]), float(x[-1])), float(np.abs(np.expm1(logs - fitted)).max()), bend)


def errors(*values: np.ndarray, of: Callable[..., np.ndarray] = lambda means: means) -> np.ndarray:
    """Distances [2, P] from a quantity of means over games and runs down and up to its intervals.

    Args:
      values: [.., P, G, S].
      of: the quantity, of arrays of means [N, .., P], row by row; [N, P].
    """
    point = of(*(v.mean(axis=(-2, -1))[None] for v in values))[0]
    low, high = np.quantile(of(*(resampled(v) for v in values)), _LEVELS, axis=0)
    return np.maximum([point - low, high - point], 0.0)  # equal values differ from their mean by rounding


def over_uniform(
    name: str, along: str, regret: np.ndarray, uniform: np.ndarray, rule: Rule | None = None
) -> Check:
    """Regret [P, G, S] over that of uniform play, the largest along P.

    On the hard family this tells whether a learner learns: the root of T is what never learning costs too.
    """
    share = interval(lambda learnt, stakes: (learnt / stakes).max(axis=1), regret, uniform)
    return Check(f"{name}: regret over that of uniform play, largest over {along}", share, rule)
