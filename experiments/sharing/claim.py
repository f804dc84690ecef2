"""Sharing what actions tell: one fit to the actions of all regions, against regions kept apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

import jaxstack as js
from experiments.claims import (
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
from experiments.families import FAMILIES, decades, failed, games_of, heading

CLAIM = Claim(
    number=11,
    title="A learner that shares what actions tell among regions loses a small part of what region_ucb and "
    "oful lose at the theorems' radii, and no more than they lose at an eighth of them",
    source="shared_posterior (no theorem) against region_ucb and oful, feedback by actions",
    varied="twelve families of random games, three worked games; learner; factor c = 1, 1/8 on the radius; "
    "T = 1,000, 10,000",
    remedy="more games: means are carried by few runs",
    reading="An eighth of a radius has no theorem. A run fails when its last decade of rounds cost more than "
    "six times what went before, and more than 50 payoffs. erm_joint sees types.",
)
LEARNERS = {  # label: name, factor on the radius
    "erm_joint": ("erm_joint", None),
    "shared_posterior": ("shared_posterior", None),
    "region_ucb": ("region_ucb", 1.0),
    "region_ucb, c = 1/8": ("region_ucb", 0.125),
    "oful": ("oful", 1.0),
    "oful, c = 1/8": ("oful", 0.125),
}
RANDOM = {"full": tuple(FAMILIES), "quick": ("A",), "toy": ("A",)}
WORKED = {"full": ("security_patrol", "feature_mix", "toll_pricing"), "quick": ("toll_pricing",), "toy": ()}
GAMES = {"full": 50, "quick": 24, "toy": 2}
RUNS = {"full": 4, "quick": 4, "toy": 2}
HORIZON = {"full": 10_000, "quick": 10_000, "toy": 300}
FIRST = 1000  # of the games: others than those on which the learner's settings were chosen
MUCH, RARE = 0.1, 0.025


class Regrets(NamedTuple):
    """Regret at T/10 and T, [2, G, S], of every learner in every scenario; random ones come first."""

    curves: dict[str, dict[str, np.ndarray]]
    random: tuple[str, ...]


def collect(size: str) -> Regrets:
    """Play everything."""
    curves = {}
    for name in (*RANDOM[size], *WORKED[size]):
        if name in FAMILIES:
            batch, runs = games_of(name, FIRST, GAMES[size]), RUNS[size]
        else:
            batch, runs = getattr(js.scenarios, name)(), 4 * RUNS[size]
        curves[name] = {
            label: decades(
                *batch,
                js.learners.by_name(learner),
                horizon=HORIZON[size],
                runs=runs,
                hparams=None if scale is None else {"radius_scale": scale},
            )
            for label, (learner, scale) in LEARNERS.items()
        }
    return Regrets(curves, RANDOM[size])


def measure(data: Regrets) -> list[Check]:
    """Ratios of regret at the horizon, and shares of runs that fail; worked games are told, not judged.

    Of the shares, that of all families together is judged: in one family they are a few runs.
    """
    checks = []
    for scenario, curves in data.curves.items():
        judged = scenario in data.random
        for label, (_, scale) in LEARNERS.items():
            if scale is None:
                continue
            ratio = interval(lambda a, b: a / b, curves["shared_posterior"][1], curves[label][1])
            rule = at_most(MUCH if scale == 1 else 1.0) if judged else None
            checks.append(Check(f"{scenario}: regret of shared_posterior over that of {label}", ratio, rule))
        for label in LEARNERS:
            share = interval(lambda mean: mean, failed(curves[label]))
            checks.append(Check(f"{scenario}, {label}: share of runs that fail", share, None))
    shared = np.concatenate([failed(data.curves[name]["shared_posterior"]) for name in data.random])
    share = interval(lambda mean: mean, shared)
    checks.append(Check("all families, shared_posterior: share of runs that fail", share, at_most(RARE)))
    return checks


def curves(data: Regrets) -> list[Curve]:
    """Regret at T/10 and at T, by scenario."""
    return [
        curve(scenario, label, ["T/10", "T"], regret)
        for scenario, played in data.curves.items()
        for label, regret in played.items()
    ]


def draw(curves: list[Curve]) -> Figure:
    """Regret at T/10 and at T, a panel for every scenario."""
    scenarios, lines = by_panel(curves), learner_lines(curves)
    figure, axes = panels(len(scenarios))
    for axis, (scenario, drawn) in zip(axes, scenarios.items(), strict=True):
        for each in drawn:
            errorbars(axis, each, **lines[each.name])
        axis.set(yscale="log", title=heading(scenario), ylabel="regret (payoff units)", xlim=(-0.2, 1.2))
    shared_legend(figure, columns=3)
    return figure
