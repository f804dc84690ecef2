"""Constants: the theorems' confidence radius is loose; how much smaller may it be before runs fail?

A run fails when it loses as much in the last quarter of the rounds as in the one before, and that is a large
part of all it loses: it is not learning any more (or not yet). Rare exploration, which does not end, is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims import (
    NOTHING,
    Check,
    Claim,
    Curve,
    at_most,
    by_panel,
    curve,
    errorbars,
    interval,
    learner_lines,
    panels,
    shared_legend,
)
from jaxstack.plots.scales import scale_values

CLAIM = Claim(
    number=9,
    title="The theorems' confidence radius is loose: an eighth costs less regret, and hardly a run fails",
    source="confidence radii of region_ucb (4(L+1) log(3T)) and oful (delta = 1/T)",
    varied="factor c on the radius, from 1 to 0; region_ucb and oful",
    remedy="a longer horizon, in which the theorem's radius would have shrunk below the gaps",
    x64=True,
)
SMALL = 0.125
TOO_FAST = 0.98  # regret of the last quarter over that of the third, from which a run may count as failed
TOO_MUCH = 0.15  # of all its regret, from which it does: a quarter grows like T, 1 - √(3/4) = 0.13 like √T
RARE = 0.05
LESS = 0.9  # of the regret at the theorem's radius


class _Curve(NamedTuple):
    scenario: str
    learner: str
    scale: np.ndarray  # [P]
    regret: np.ndarray  # [P, G, S]
    failed: np.ndarray  # [P, G, S], 0 or 1


def measure(data: Mapping[str, xr.Dataset]) -> list[Check]:
    """Regret at a small radius over that at the theorem's; shares of runs that fail."""
    checks = []
    for each in _curves(data["spec"]):
        name, at = f"{each.scenario}, {each.learner}", {float(c): p for p, c in enumerate(each.scale)}
        ratio = interval(lambda a, b: a / b, each.regret[at[SMALL]], each.regret[at[1.0]])
        checks.append(Check(f"{name}: regret at c = 1/8 over that at c = 1", ratio, at_most(LESS)))
        # On the hard family nothing can be resolved within T by any radius: failures are told, not judged.
        rare = None if each.scenario == "hard family" else at_most(RARE)
        for scale, rule in ((1.0, rare), (SMALL, rare), (0.0, None)):
            failures = interval(lambda share: share, each.failed[at[scale]])
            checks.append(Check(f"{name}: share of runs that fail at c = {scale:g}", failures, rule))
    return checks


def curves(data: Mapping[str, xr.Dataset]) -> list[Curve]:
    """Regret and shares of failures against c, by scenario."""
    drawn = []
    for what in ("regret", "failed"):
        for each in _curves(data["spec"]):
            scales = [f"1/{1 / c:g}" if 0 < c < 1 else f"{c:g}" for c in each.scale]
            drawn.append(curve(f"{what}, {each.scenario}", each.learner, scales, getattr(each, what)))
    return drawn


def draw(curves: list[Curve]) -> Figure:
    """Regret (above) and failures (below) against c, a column for every scenario."""
    drawn, lines = by_panel(curves), learner_lines(curves)
    figure, axes = panels(len(drawn), columns=len(drawn) // 2)
    for axis, (panel, of_panel) in zip(axes, drawn.items(), strict=True):
        what, _, scenario = panel.partition(", ")
        for each in of_panel:
            errorbars(axis, each, **lines[each.name])
        axis.tick_params(axis="x", labelsize=7.5)
        if what == "regret":
            axis.set(title=scenario, ylabel="regret (payoff units)")
            scale_values(axis, np.concatenate([each.y for each in of_panel]))
        else:
            axis.set(xlabel="radius over the theorem's, $c$", ylabel="share of runs that fail")
            axis.set_ylim(-0.03, 1.03)
    shared_legend(figure)
    return figure


def _curves(dataset: xr.Dataset) -> Iterator[_Curve]:
    for scenario in map(str, dataset.scenario.values):
        for learner in map(str, dataset.learner.values):
            runs = dataset.regret.sel(scenario=scenario, learner=learner).dropna("game", how="all")
            runs = runs.transpose("radius_scale", "game", "run", "checkpoint").values
            third, last = np.moveaxis(np.diff(runs[..., -3:]), -1, 0)
            failed = (last >= TOO_FAST * third) & (last >= TOO_MUCH * runs[..., -1]) & (last > NOTHING)
            yield _Curve(scenario, learner, dataset.radius_scale.values, runs[..., -1], failed.astype(float))
