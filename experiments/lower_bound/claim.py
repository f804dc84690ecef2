"""Lower bound: on the hard family the best learner still loses a constant times sqrt(min{L, nK} T)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims import (
    COLOURS,
    Check,
    Claim,
    Curve,
    at_least,
    by_panel,
    curve,
    errorbars,
    fit_of,
    interval,
    panels,
    reference,
    series,
    shared_legend,
)

CLAIM = Claim(
    number=6,
    title="No learner's regret on the hard family is below a constant times √(min{L, nK} T)",
    source="lower bound Ω(√(min{L, nK} T))",
    varied="T; m = L - 1 signs; followers; the learner (the best one counts)",
    remedy="more runs; a smaller constant would be met by more of them",
    reading="The family has L = m + 1 <= nK, so that L is the smaller one throughout.",
)
CONSTANT = 0.05  # "bounded away from 0"
DECAY = -0.05  # exponent of the ratio in T


class _Best(NamedTuple):
    """Regret of every learner over sqrt(min{L, nK} T), for one number of signs."""

    scenario: str
    decisions: int
    horizon: np.ndarray  # [P]
    ratio: np.ndarray  # [learner, P, 1, S]

    @property
    def mean(self) -> np.ndarray:
        return self.ratio.mean(axis=(-2, -1)).min(axis=0)


def measure(data: Mapping[str, xr.Dataset]) -> list[Check]:
    """Ratios of the best learner: their smallest value, and whether they vanish as T grows."""
    checks = []
    for best in _cases(data["spec"]):
        name = f"{best.scenario}, m = {best.decisions}: best learner's regret / √(min{{L, nK}} T)"
        least = interval(lambda means: means.min(axis=(-2, -1)), best.ratio)
        checks.append(Check(f"{name}, least over T", least, at_least(CONSTANT)))
        fit = fit_of(lambda means: means.min(axis=1), best.horizon, best.ratio)
        checks.append(Check.of_fit(f"{name}, exponent of T", fit, at_least(DECAY)))
    return checks


def curves(data: Mapping[str, xr.Dataset]) -> list[Curve]:
    """The best learner's ratio against T, by number of signs and of followers."""
    return [
        curve(
            case.scenario,
            f"$m$ = {case.decisions} sign decisions",
            case.horizon,
            case.ratio,
            of=lambda means: means.min(axis=1),
        )
        for case in _cases(data["spec"])
    ]


def draw(curves: list[Curve]) -> Figure:
    """The best learner's ratio against T, a panel for every number of followers."""
    scenarios = by_panel(curves)
    figure, axes = panels(len(scenarios))
    for axis, (scenario, drawn) in zip(axes, scenarios.items(), strict=True):
        for number, each in enumerate(drawn):
            errorbars(axis, each, marker="osD^v"[number], color=COLOURS[number])
        reference(axis, CONSTANT, f"wanted: at least {CONSTANT:g}")
        axis.set(xscale="log", title=scenario, xlabel="horizon $T$", ylabel="best regret / √(min{L, nK} T)")
        axis.set_ylim(bottom=0)
    shared_legend(figure, columns=3)
    return figure


def _cases(dataset: xr.Dataset) -> Iterator[_Best]:
    for scenario in dataset.scenario.values:
        of_scenario = dataset.sel(scenario=scenario)
        there = of_scenario.final_regret.notnull()
        for m in dataset.num_decisions.values[there.any([d for d in there.dims if d != "num_decisions"])]:
            curves = [
                series(of_scenario, "horizon", learner=learner, num_decisions=m)
                for learner in dataset.learner.values
            ]
            n = 2 if scenario == "two followers" else 1
            types = 2 * m if n == 1 else 2 * -(-m // n) + 1
            scale = np.sqrt(min(m + 1, n * types) * curves[0].x)[:, None, None]
            yield _Best(str(scenario), int(m), curves[0].x, np.stack([c.regret / scale for c in curves]))
