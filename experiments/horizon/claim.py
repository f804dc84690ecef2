"""Growth in T: on games drawn at random regret flattens, on the hard family it grows like sqrt(T).

In one game the commitments differ by gaps that do not depend on T: once they are resolved nothing more is
lost. On the hard family the gap is of order sqrt(m / T), too small to be resolved within T rounds.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims import (
    LEARNT,
    SQRT_RATE,
    Check,
    Claim,
    Curve,
    at_most,
    between,
    by_panel,
    curve,
    errorbars,
    learner_lines,
    over_uniform,
    panels,
    power_fit,
    series,
    shared_legend,
)
from jaxstack.plots.style import MUTED

CLAIM = Claim(
    number=1,
    title="Regret grows no faster than √T: with feedback by types it flattens on random games, and on the "
    "hard family it grows like √T",
    source="theorems on erm_joint, erm_product, region_ucb, oful; lower bound",
    varied="T; learner; random games, the hard family (ε = √(m/T)), three worked games",
    remedy="longer horizons: with the theorems' radii, learners from actions have to tell regions apart by "
    "gaps of √(4(L+1) log(3T)/N), and grow almost like T until they have",
    reading="Some random game is nearly tied, and still grows: the mean over all of them is of order log T, "
    "which few games do not show. On the hard family no play at all loses more than √(mT): that ERM learns "
    "there is seen against uniform play. erm_joint is played by jumps, which have the same law.",
)
DECADES = 100  # the fit's window is the last factor of this in T


def measure(data: Mapping[str, xr.Dataset]) -> list[Check]:
    """Exponents in T of every learner in every scenario, over the last two decades of its longest curve."""
    checks = []
    longest = {curve[:2]: curve for source in ("spec", "worked") for curve in _curves(data[source])}
    for scenario, learner, points in longest.values():
        if (scenario, learner) == ("feature mix", "erm_product"):
            continue  # its model is wrong there: types are correlated, and the payoff is no sum
        fit = power_fit(points.x, points.regret, points.x[-1] / DECADES)
        checks.append(Check.of_fit(f"{scenario}, {learner}: exponent of T", fit, SQRT_RATE))
    checks += _on_the_hard_family(data["hard"])
    for scenario, learner, points in _curves(data["long"]):
        fit = power_fit(points.x, points.regret, points.x[-1] / DECADES**2)
        checks.append(Check.of_fit(f"{scenario}, {learner} by jumps: exponent of T", fit, at_most(0.25)))
    return checks


def _on_the_hard_family(dataset: xr.Dataset) -> list[Check]:
    checks = []
    curves = {learner: (scenario, points) for scenario, learner, points in _curves(dataset)}
    _, uniform = curves.pop("uniform", (None, None))
    for learner, (scenario, points) in curves.items():
        name, learns = f"{scenario}, {learner}", learner == "erm_product"  # the others' radii are too wide
        fit = power_fit(points.x, points.regret, points.x[-1] / DECADES)
        checks.append(Check.of_fit(f"{name}: exponent of T", fit, between(0.45, 0.55) if learns else None))
        rule = at_most(LEARNT) if learns else None
        checks.append(over_uniform(name, "T", points.regret, uniform.regret, rule))
    return checks


def curves(data: Mapping[str, xr.Dataset]) -> list[Curve]:
    """Regret against T, a panel for every scenario; what was played longer, once more."""
    drawn = []
    for source in ("spec", "hard", "worked", "long"):
        for scenario, learner, points in _curves(data[source]):
            again = source not in ("spec", "hard") and scenario in data["spec"].scenario.values
            drawn.append(curve(scenario, learner + ", longer" * again, points.x, points.regret))
    return drawn


def draw(curves: list[Curve]) -> Figure:
    """Regret against T, a panel for every scenario; the longer games paler."""
    scenarios = by_panel(curves)
    figure, axes = panels(len(scenarios))
    lines = learner_lines(curves)
    for axis, (scenario, drawn) in zip(axes, scenarios.items(), strict=True):
        for each in drawn:
            learner, again, _ = each.name.partition(", longer")
            look = {"alpha": 0.45, "label": None} if again else {}
            errorbars(axis, each, **lines[learner] | {"markersize": 4} | look)
        axis.set(
            xscale="log", yscale="log", title=scenario, xlabel="horizon $T$", ylabel="regret (payoff units)"
        )
        T, lowest = np.array(axis.get_xlim()), axis.get_ylim()[0]
        look = {"color": MUTED, "linewidth": 1, "linestyle": (0, (1, 2))}
        axis.plot(T, 2 * lowest * np.sqrt(T / T[0]), **look, label="slope of √T")
    axes[0].plot([], [], color="none", label="paler: played for longer")
    shared_legend(figure, columns=4)
    return figure


def _curves(dataset: xr.Dataset):
    for scenario in dataset.scenario.values:
        for learner in dataset.learner.values:
            yield str(scenario), str(learner), series(dataset, "horizon", scenario=scenario, learner=learner)
