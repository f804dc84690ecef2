"""Independent against correlated types: what the wrong model of erm_product costs, and where nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims import (
    NOTHING,
    SQRT_RATE,
    Check,
    Claim,
    Series,
    at_least,
    errors,
    interval,
    panels,
    power_fit,
    series,
)
from jaxstack.plots.style import line_options, line_styles

CLAIM = Claim(
    number=4,
    title="erm_joint learns under any correlation of types; erm_product is promised to learn only without "
    "one, and loses linearly where payoffs are no sum over followers",
    source="theorems on erm_joint (any D) and erm_product (independent D)",
    varied="correlation of types at fixed marginals; tabular and separable payoffs; T",
    remedy="longer horizons and more games: few games make most of the mean",
)
LINEAR = 0.9  # exponent of T from which growth counts as linear
_SOME = 0.999  # a game file states no correlation; its types have some
DECADE = 10  # the fit's window is the last factor of this in T


def measure(data: Mapping[str, xr.Dataset]) -> list[Check]:
    """Exponents of T, at each correlation; how many games cost the product learner linearly."""
    checks = []
    for scenario, correlation, learner, points in _curves(data["spec"]):
        first = points.x[-1] / DECADE
        fit = power_fit(points.x, points.regret, first)
        # Where the payoff is a sum over followers marginals decide: no model of their joint law is wrong.
        wrong = learner == "erm_product" and correlation > 0 and scenario != "separable payoffs"
        rule = SQRT_RATE if not wrong else at_least(LINEAR) if correlation == 1 else None
        name = _name(scenario, correlation, learner)
        checks.append(Check.of_fit(f"{name}: exponent of T", fit, rule))
        if wrong and points.regret.shape[1] > 1:
            by_game = points.regret[points.x >= first].mean(axis=2)
            growth = np.log(np.maximum(by_game[-1], NOTHING) / np.maximum(by_game[0], NOTHING))
            linear = growth / np.log(points.x[-1] / points.x[points.x >= first][0]) >= LINEAR
            share = interval(lambda means: means, linear[:, None].astype(float))
            checks.append(Check(f"{name}: share of games with linear regret", share, None))
    return checks


def draw(data: Mapping[str, xr.Dataset], checks: list[Check]) -> Figure:
    """Regret against T; the stronger the colour, the stronger the correlation."""
    curves = list(_curves(data["spec"]))
    scenarios = list(dict.fromkeys(curve[0] for curve in curves))
    figure, axes = panels(len(scenarios))
    for axis, scenario in zip(axes, scenarios, strict=False):
        for name, correlation, learner, points in curves:
            if name != scenario:
                continue
            options = line_options(line_styles([learner])[0]) | {"alpha": 0.3 + 0.7 * correlation}
            strongest = correlation == 1
            label = f"{learner} (paler: less correlated)" if strongest else "_nolegend_"
            axis.errorbar(points.x, points.mean, errors(points.regret), **options | {"label": label})
        axis.set(xscale="log", yscale="log", title=scenario, xlabel="T", ylabel="regret, payoff units")
    axes[0].legend(fontsize=7)
    return figure


def _curves(dataset: xr.Dataset) -> Iterator[tuple[str, float, str, Series]]:
    for scenario in map(str, dataset.scenario.values):
        there = dataset.final_regret.sel(scenario=scenario).notnull()
        correlations = dataset.correlation.values[there.any([d for d in there.dims if d != "correlation"])]
        for correlation in correlations:
            for learner in map(str, dataset.learner.values):
                labels = {"scenario": scenario, "correlation": correlation, "learner": learner}
                told = _SOME if scenario == "feature mix" else float(correlation)
                yield scenario, told, learner, series(dataset, "horizon", **labels)


def _name(scenario: str, correlation: float, learner: str) -> str:
    told = () if correlation == _SOME else (f"correlation {correlation:g}",)
    return ", ".join((scenario, *told, learner))
