"""How much to probe: regret of shared_posterior against the share of an epoch that probes, and its growth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

import jaxstack as js
from experiments.claims import (
    COLOURS,
    Check,
    Claim,
    Curve,
    asides,
    at_most,
    by_panel,
    curve,
    errorbars,
    interval,
    panels,
    shared_legend,
)
from experiments.families import decades, failed, games_of, heading

CLAIM = Claim(
    number=14,
    title="Epochs that grow by 2 % and probe a tenth of the time are near the best choice, and runs hardly "
    "ever fail",
    source="shared_posterior (no theorem)",
    varied="probe_share and growth; families of random games",
    remedy="more games and longer horizons: few runs carry the means",
    reading="A run fails when its last decade of rounds cost more than six times what went before, and more "
    "than 50 payoffs.",
)
PROBES = {"full": (0.03, 0.1, 0.3, 1.0), "quick": (0.03, 0.1, 0.3, 1.0), "toy": (0.1, 1.0)}
GROWTHS = {"full": (0.02, 0.1), "quick": (0.02, 0.1), "toy": (0.02,)}
FAMILIES = {"full": ("A", "H"), "quick": ("A",), "toy": ("A",)}
GAMES = {"full": 32, "quick": 24, "toy": 2}
RUNS = {"full": 2, "quick": 4, "toy": 2}
HORIZON = {"full": 100_000, "quick": 20_000, "toy": 300}
FIRST = 2000
GROWTH, PROBE = 0.02, 0.1
NEAR, RARE = 2.0, 0.025


class Grid(NamedTuple):
    """Regret at T/10 and T, [2, growths, probes, G, S], by family."""

    regret: dict[str, np.ndarray]
    growths: tuple[float, ...]
    probes: tuple[float, ...]


def collect(size: str) -> Grid:
    """Play every pair on the same games and draws."""
    regret = {}
    for family in FAMILIES[size]:
        game, types = games_of(family, FIRST, GAMES[size])
        played = [
            [
                decades(
                    game,
                    types,
                    js.learners.shared_posterior(growth),
                    horizon=HORIZON[size],
                    runs=RUNS[size],
                    hparams={"probe_share": probe},
                )
                for probe in PROBES[size]
            ]
            for growth in GROWTHS[size]
        ]
        regret[family] = np.moveaxis(np.array(played), 2, 0)
    return Grid(regret, GROWTHS[size], PROBES[size])


def measure(data: Grid) -> list[Check]:
    """The default's regret over the least of the grid, and shares of runs that fail."""
    checks = []
    for family, regret in data.regret.items():
        here = data.growths.index(GROWTH), data.probes.index(PROBE)
        ratio = interval(
            lambda mean, here=here: mean[:, *here] / mean.reshape(len(mean), -1).min(axis=1), regret[1]
        )
        checks.append(Check(f"{family}: regret at the defaults over the least", ratio, at_most(NEAR)))
        for g, growth in enumerate(data.growths):
            for p, probe in enumerate(data.probes):
                share = interval(lambda mean: mean, failed(regret[:, g, p]))
                rule = at_most(RARE) if (g, p) == here else None
                what = f"{family}, growth {growth:g}, probe_share {probe:g}: share of runs that fail"
                checks.append(Check(what, share, rule))
    return checks


def curves(data: Grid) -> list[Curve]:
    """Regret against the share that probes, by family and growth."""
    return [
        curve(family, f"growth {growth:g}", data.probes, of_growth)
        for family, regret in data.regret.items()
        for growth, of_growth in zip(data.growths, regret[1], strict=True)
    ]


def draw(curves: list[Curve]) -> Figure:
    """Regret against the share that probes, a line for every growth."""
    families = by_panel(curves)
    figure, axes = panels(len(families))
    for axis, (family, drawn) in zip(axes, families.items(), strict=True):
        count = len(drawn)
        for each, colour, aside in zip(drawn, COLOURS[:count], asides(count), strict=True):
            errorbars(axis, each, aside, marker="o", color=colour)
        axis.set(xscale="log", yscale="log", title=heading(family), xlabel="share of an epoch that probes")
        axis.set_ylabel("regret (payoff units)")
    shared_legend(figure)
    return figure
