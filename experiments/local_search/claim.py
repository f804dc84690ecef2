"""Local search against what is proved, as leader actions grow: gap, searches that get there, and time."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

import jaxstack as js
from experiments.claims import (
    COLOURS,
    Check,
    Claim,
    Curve,
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
    shared_legend,
)
from jaxstack.solvers.bounding import certified
from jaxstack.solvers.contract import Clock
from jaxstack.solvers.problem import Problem
from jaxstack.solvers.walk.search import Search

CLAIM = Claim(
    number=15,
    title="Local search over vertices of the arrangement of ties ends at the optimum of random games with up "
    "to 50 leader actions, in seconds",
    source="walk (no theorem); upper bounds by branch and bound over response maps",
    varied="L; payoffs that are sums over n = 5 or 20 followers with independent types, or of joint actions "
    "with joint types",
    remedy="more games",
    reading="The gap is what the upper bound leaves above the commitment that the searches found by "
    "themselves, of the payoff range: it counts a poor bound as well. Searches start at all pure "
    "commitments, 16 at least; one has got there if it ends at the best value known, by itself. Seconds of "
    "work of one core, nothing compiled.",
)


class Family(NamedTuple):
    """Random games of growing L."""

    payoff: str
    types: str
    rest: tuple[int, int, int]  # n, K, A
    leader: dict[str, tuple[int, ...]]  # by size of the experiment; none: it is left out


FAMILIES = {
    "sums, n = 5": Family(
        "separable", "independent", (5, 3, 3), {"full": (5, 10, 20, 35, 50), "quick": (5, 20), "toy": (2, 3)}
    ),
    "sums, n = 20": Family("separable", "independent", (20, 2, 2), {"full": (5, 10, 20), "quick": (5, 20)}),
    "joint actions, n = 3": Family("tabular", "joint", (3, 3, 2), {"full": (5, 10, 20), "quick": (5, 10)}),
}
GAMES = {"full": 20, "quick": 4, "toy": 1}
ALLOWED, PROVED = 0.1, 1e-6  # gaps, % of the payoff range


class Outcome(NamedTuple):
    """Of the games of one family, each [P, G, 1]."""

    leader: np.ndarray  # [P], L
    gap: np.ndarray  # % of the payoff range
    reached: np.ndarray  # share of the searches
    seconds: np.ndarray


def collect(size: str) -> dict[str, Outcome]:
    """Solve all games."""
    found = {}
    for label, family in FAMILIES.items():
        sizes = family.leader.get(size, ())
        if sizes:
            numbers = np.array([[solved(family, L, g) for g in range(GAMES[size])] for L in sizes])
            found[label] = Outcome(np.array(sizes), *np.moveaxis(numbers, 2, 0)[..., None])
    return found


def solved(family: Family, L: int, seed: int) -> tuple[float, float, float]:
    """Gap, share of the searches that reach the best value known, seconds."""
    game, types = js.scenarios.random_game(seed, L, *family.rest, payoff=family.payoff, types=family.types)
    for _ in range(1 if seed else 2):  # programs are compiled for the first game of a size
        problem = Problem(game, types, "optimistic", Clock(None, None))
        search, began = Search(problem), time.process_time()
        search.run()
        seconds = time.process_time() - began
    assert search.best is not None
    best, bound = certified(problem, search.best, problem.clock)
    low, high = game.payoff_bounds()
    gap = 100 * problem.scale * (bound - search.best.value) / float(high - low)
    return max(gap, 0.0), float((search.values >= best.value - 1e-9).mean()), seconds


def measure(data: dict[str, Outcome]) -> list[Check]:
    """Gaps of each family, and how searches and time change with L."""
    checks = []
    for label, found in data.items():
        gap = interval(lambda mean: mean.max(axis=1), found.gap)
        what = f"{label}: gap in % of the payoff range, largest mean over L"
        checks.append(Check(what, gap, at_most(ALLOWED)))
        proved = interval(lambda mean: mean.min(axis=1), (found.gap <= PROVED).astype(float))
        checks.append(Check(f"{label}: share of games proved, least over L", proved, at_least(0.9)))
        last = interval(lambda mean: mean[:, -1], found.reached)
        checks.append(Check(f"{label}: share of searches that get there, L = {found.leader[-1]}", last, None))
        fit = power_fit(found.leader.astype(float), found.seconds)
        checks.append(Check.of_fit(f"{label}: exponent of L of the seconds of all searches", fit, None))
    return checks


def curves(data: dict[str, Outcome]) -> list[Curve]:
    """The share of searches that get there, seconds, and the gap of every game, against L."""
    drawn = []
    for label, found in data.items():
        drawn.append(curve("share", label, found.leader, found.reached))
        drawn.append(curve("seconds", label, found.leader, found.seconds))
        games = np.repeat(found.leader, found.gap.shape[1])
        drawn.append(line("gap", label, games, found.gap.ravel()))
    return drawn


def draw(curves: list[Curve]) -> Figure:
    """The share of searches that get there, seconds, and the gap of every game, against L."""
    figure, axes = panels(3)
    titles = {
        "share": ("searches that get there", "share"),
        "seconds": ("all searches of a game", "seconds"),
        "gap": ("gap of every game", "% of the payoff range"),
    }
    drawn = by_panel(curves)
    for axis, (panel, of_panel) in zip(axes, drawn.items(), strict=True):
        count = len(of_panel)
        looks = zip(COLOURS[:count], "os^"[:count], asides(count), strict=True)
        for each, (colour, marker, aside) in zip(of_panel, looks, strict=True):
            look: Any = {"color": colour, "marker": marker, "markersize": 5}
            if panel == "gap":
                axis.plot(each.x, each.y, **look, linestyle="none", fillstyle="none", label=each.name)
            else:
                errorbars(axis, each, aside if panel == "share" else 0.0, **look)
        title, ylabel = titles[panel]
        axis.set(title=title, xlabel="leader actions $L$", ylabel=ylabel)
    share, seconds, gap = axes
    share.set_ylim(0, 1.05)
    seconds.set(xscale="log", yscale="log")
    largest = max(each.y.max() for each in drawn["gap"])
    gap.set_ylim(bottom=-0.02 * ALLOWED, top=max(ALLOWED, 1.1 * largest))
    shared_legend(figure, columns=3)
    return figure
