"""Growth in L, K and A, against that of the bound min{L log(nKAT), nK} (or K^n for erm_joint)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import xarray as xr
from matplotlib.figure import Figure

from experiments.claims import (
    LEARNT,
    Check,
    Claim,
    Curve,
    Rule,
    Series,
    asides,
    at_most,
    between,
    by_panel,
    curve,
    errorbars,
    interval,
    learner_lines,
    line,
    over_uniform,
    panels,
    power_fit,
    series,
    shared_legend,
    slope,
)
from jaxstack.plots.style import MUTED

CLAIM = Claim(
    number=3,
    title="Regret grows with L, K and A no faster than √min{L log(nKAT), nK}",
    source="O(√(min{L log(nKAT), nK} T)), erm_product; O(√(min{L log(nKAT), K^n} T)), erm_joint",
    varied="L, K, A of random games, one at a time; m = L - 1 = K/2 of the hard family",
    remedy="a family that is hard for every size: on random games regret lies so far below the bound that it "
    "may grow faster for long",
    reading="The theorem bounds the level. That regret grows no faster than its bound is a reading of it, "
    "which the exponents test. On the hard family no play at all loses more than √(mT): that ERM learns "
    "there is seen against uniform play.",
)
HARD = "signs of the hard family"
AXES = {
    "leader actions": ("num_leader_actions", "L"),
    "types": ("num_types", "K"),
    "follower actions": ("num_actions", "A"),
    HARD: ("num_decisions", "m"),
}
SLACK = 0.1  # on top of the bound's exponent


def measure(data: Mapping[str, xr.Dataset]) -> list[Check]:
    """Exponents against those of the bound, and the level against the bound with constant 1."""
    checks = []
    uniform = {scenario: points for scenario, learner, points in _curves(data) if learner == "uniform"}
    for scenario, learner, points in _curves(data):
        if learner == "uniform":
            continue
        name, fit = f"{learner}, {scenario}", power_fit(points.x, points.regret)
        if scenario == HARD:
            checks.append(Check.of_fit(f"{name}: exponent of m", fit, between(0.35, 0.65)))
            checks.append(over_uniform(name, "m", points.regret, uniform[scenario].regret, at_most(LEARNT)))
        else:
            limit = float(slope(points.x, points.bound[None])[0]) + SLACK
            rule = Rule(f"at most {limit:.2f}, the bound's and {SLACK:g}; more decides nothing", high=limit)
            checks.append(Check.of_fit(f"{name}: exponent of {AXES[scenario][1]}", fit, rule))
        share = interval(lambda means, bound=points.bound: (means / bound).max(axis=1), points.regret)
        checks.append(Check(f"{name}: regret / bound, largest", share, at_most(1)))
    return checks


def curves(data: Mapping[str, xr.Dataset]) -> list[Curve]:
    """Regret against each size; and how the bound grows from the first point."""
    drawn = []
    for scenario, learner, points in _curves(data):
        drawn.append(curve(scenario, learner, points.x, points.regret))
        if learner != "uniform":
            moved = points.bound * points.mean[0] / points.bound[0]
            drawn.append(line(scenario, f"{learner}, bound", points.x, moved))
    return drawn


def draw(curves: list[Curve]) -> Figure:
    """Regret against each size; dotted, how the bound grows from the first point."""
    scenarios, lines = by_panel(curves), learner_lines(curves)
    figure, axes = panels(len(scenarios), columns=2)
    for axis, (scenario, drawn) in zip(axes, scenarios.items(), strict=True):
        bounds = [each for each in drawn if each.name.endswith(", bound")]
        measured = [each for each in drawn if not each.name.endswith(", bound")]
        for each in bounds:
            axis.plot(each.x, each.y, ":", color=lines[each.name]["color"])
        for each, aside in zip(measured, asides(len(measured)), strict=True):
            errorbars(axis, each, aside, **lines[each.name])
        ticks = drawn[0].x
        axis.set(xscale="log", yscale="log", title=scenario, xlabel=f"${AXES[scenario][1]}$")
        axis.set_xticks(ticks, [f"{x:g}" for x in ticks])
        axis.set_xticks([], [], minor=True)
        axis.set_ylabel("regret (payoff units)")
    axes[0].plot([], [], ":", color=MUTED, label="growth of the bound from the first point on")
    shared_legend(figure, columns=3)
    return figure


def _curves(data: Mapping[str, xr.Dataset]) -> Iterator[tuple[str, str, Series]]:
    for dataset in data.values():
        for scenario in map(str, dataset.scenario.values):
            for learner in map(str, dataset.learner.values):
                points = series(dataset, AXES[scenario][0], scenario=scenario, learner=learner)
                yield scenario, learner, points
