"""Independence of n: with type feedback regret does not grow polynomially with followers; regions do."""

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
    Rule,
    asides,
    at_least,
    at_most,
    by_panel,
    curve,
    errorbars,
    interval,
    line,
    panels,
    power_fit,
    ratio_fit,
    series,
    shared_legend,
)
from jaxstack.plots.style import MUTED

CLAIM = Claim(
    number=2,
    title="With type feedback regret does not grow polynomially with the number of followers",
    source="O(√(min{L log(nKAT), nK} T)), erm_product; O(√(min{L log(nKAT), K^n} T)), erm_joint",
    varied="n; L = 2, 3; separable and anonymous payoffs (K = A = 2, independent types)",
    remedy="more games, and more followers: a power of n and a power of log n part slowly",
    reading="The theorem bounds the level, by a number that is far above what random games cost. That regret "
    "itself does not grow with n is a reading of it, which the exponents test: from the n on where the bound "
    "is that of the logarithm.",
)
# The other term of the bound, sqrt(nK), would give 0.5.
_NOT_POLYNOMIAL = Rule(
    "at most 0.25; refuted by more that does not fall", high=0.25, refuted_above=0.25, bending_excuses=True
)


class _Case(NamedTuple):
    payoff: str
    leader: str
    followers: np.ndarray  # [P]
    regret: np.ndarray  # [P, G, S]
    stakes: np.ndarray  # [P, G, S], regret of uniform play
    regions: np.ndarray  # [P, G, 1]
    bound: np.ndarray  # [P], right-hand side of the learner's theorem
    many: float  # followers from which the logarithm is the smaller term of the bound


def measure(data: Mapping[str, xr.Dataset]) -> list[Check]:
    """Exponents in n of regret, of regret over that of uniform play, and of the number of regions."""
    checks = []
    for case in _cases(data):
        name, first = f"{case.payoff}, {case.leader}", min(case.many, case.followers[-2])
        fits = {
            "regret": power_fit(case.followers, case.regret, first),
            "regret over that of uniform play": ratio_fit(case.followers, case.regret, case.stakes, first),
        }
        for what, fit in fits.items():
            checks.append(Check.of_fit(f"{name}: exponent of n in {what}", fit, _NOT_POLYNOMIAL))
        share = interval(lambda means, bound=case.bound: (means / bound).max(axis=1), case.regret)
        checks.append(Check(f"{name}: regret / bound, largest", share, at_most(1)))
        regions = power_fit(case.followers, case.regions, first)
        checks.append(Check.of_fit(f"{name}: exponent of n in regions", regions, at_least(0.5)))
    return checks


def curves(data: Mapping[str, xr.Dataset]) -> list[Curve]:
    """Regret and regions against n, by L; regions are the followers' matter, the same for both payoffs."""
    drawn = []
    for case in _cases(data):
        drawn.append(curve(f"regret, {case.leader}", f"{case.payoff} payoff", case.followers, case.regret))
    for case in {case.leader: case for case in _cases(data)}.values():
        mean = case.regions.mean(axis=(1, 2))
        drawn.append(line(f"regions, {case.leader}", "regions", case.followers, mean))
    return drawn


def draw(curves: list[Curve]) -> Figure:
    """Regret, and below it regions, against n; a column for each L."""
    drawn = by_panel(curves)
    figure, axes = panels(len(drawn), columns=len(drawn) // 2)
    labels = {"regret": "regret (payoff units)", "regions": "best-response regions"}
    colours = {"separable payoff": COLOURS[0], "anonymous payoff": COLOURS[1], "regions": MUTED}
    for axis, (panel, of_panel) in zip(axes, drawn.items(), strict=True):
        what, _, leader = panel.partition(", ")
        for each, aside in zip(of_panel, asides(len(of_panel)), strict=True):
            label = None if what == "regions" else each.name
            errorbars(axis, each, aside, color=colours[each.name], marker="o", label=label)
        axis.set(xscale="log", yscale="log", title=leader, xlabel="followers $n$", ylabel=labels[what])
    shared_legend(figure, columns=3)
    return figure


def _cases(data: Mapping[str, xr.Dataset]) -> Iterator[_Case]:
    for payoff, dataset in data.items():
        learner, yardstick = (str(name) for name in dataset.learner.values)
        for scenario in dataset.scenario.values:
            chosen = dataset.sel(scenario=scenario)
            learnt, uniform = (series(chosen, "num_followers", learner=name) for name in (learner, yardstick))
            regions = chosen.num_regions.sel(learner=learner, num_followers=learnt.x).dropna(
                "game", how="all"
            )
            counts = regions.transpose("num_followers", "game").values[..., None]
            leader_actions = int(str(scenario).removeprefix("L = "))
            many = _many(learner, leader_actions, learnt.x, int(dataset["round"].max()))
            yield _Case(
                payoff, str(scenario), learnt.x, learnt.regret, uniform.regret, counts, learnt.bound, many
            )


def _many(learner: str, leader_actions: int, followers: np.ndarray, horizon: int) -> float:
    """The first of `followers` [P] at which L log(nKAT) is below nK or K^n (K = A = 2); the last if none."""
    logarithm = leader_actions * np.log(4 * followers * horizon)
    other = 2.0**followers if learner == "erm_joint" else 2 * followers
    return float(followers[np.append(np.flatnonzero(logarithm < other), -1)[0]])
