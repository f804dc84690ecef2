"""Learners without a region table: what that costs where there is one, and how they fare beyond."""

from __future__ import annotations

import warnings
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
    reference,
    shared_legend,
)
from experiments.past_the_table import Sizes, games_of, over_range, played

CLAIM = Claim(
    number=16,
    title="Without a region table, on commitments found by local search in epochs, ERM loses about what it "
    "loses with one, and little where no table fits",
    source="erm_joint, erm_product, marginal_posterior without a table (no theorem)",
    varied="L; n; the same games and draws with a table and without; K = A = 3, payoffs that are sums",
    remedy="more games: a few that are nearly tied make the mean",
    reading="Regret is over the range of the leader's payoffs, against the best commitment known. With a "
    "table and without, the first rounds differ in what is played before anything was seen: what is compared "
    "is regret after the tenth round. Epochs grow by 15 % (ERM) and 5 % (marginal_posterior).",
)


class Options(NamedTuple):
    """What `played` asks for."""

    seed: int
    horizon: int
    runs: int


BOTH = {"full": ((2, 2), (3, 2), (4, 2), (5, 1)), "quick": ((2, 2), (3, 2)), "toy": ((3, 2),)}  # L, n
BEYOND = {  # learner, n: L by size
    ("erm_product", 5): {"full": (5, 10, 20, 50), "quick": (5, 10, 20), "toy": (2,)},
    ("erm_product", 20): {"full": (5, 10, 20), "quick": (5,)},
    ("marginal_posterior", 5): {"full": (5, 10, 20), "quick": (5,)},
}
HORIZON = {"full": 10_000, "quick": 3_000, "toy": 100}
GAMES, RUNS = {"full": 32, "quick": 16, "toy": 2}, {"full": 8, "quick": 4, "toy": 2}
FEWER = {"full": (8, 2), "quick": (4, 2), "toy": (2, 1)}  # games and runs where no table fits
WITHIN, MOST = 1.2, 5.0


class Losses(NamedTuple):
    """Regret over the payoff range.

    both: L and n, without a table and with one, after the tenth round [P, G, S].
    beyond: by learner and n: L [P], at the horizon [P, G, S].
    """

    sizes: tuple[tuple[int, int], ...]
    free: np.ndarray
    tabled: np.ndarray
    beyond: dict[tuple[str, int], tuple[np.ndarray, np.ndarray]]


def collect(size: str) -> Losses:
    """Play."""
    free, tabled = zip(*(_both(Sizes(*sizes), size) for sizes in BOTH[size]), strict=True)
    beyond = {}
    for (name, n), leader in BEYOND.items():
        if size in leader:
            regret = [_beyond(name, Sizes(L, n), size) for L in leader[size]]
            beyond[name, n] = np.array(leader[size]), np.stack(regret)
    return Losses(BOTH[size], np.stack(free), np.stack(tabled), beyond)


def _both(sizes: Sizes, size: str) -> tuple[np.ndarray, np.ndarray]:
    """[G, S] after the tenth round, without a table and with it."""
    game, types = games_of(sizes, 0, GAMES[size])
    table, learner = js.enumerate_regions(game), js.learners.erm_joint()
    options = Options(0, HORIZON[size], RUNS[size])
    pair = (
        over_range(played(who, game, types, options, table), game) for who in (learner.without_table, learner)
    )
    free, tabled = (regret[..., -1] - regret[..., 0] for regret in pair)
    return free, tabled


def _beyond(name: str, sizes: Sizes, size: str) -> np.ndarray:
    """[G, S] at the horizon."""
    games, runs = FEWER[size]
    game, types = games_of(sizes, 0, games)
    learner = js.learners.ROSTER[name](**({} if name.startswith("erm") else {"growth": 0.05}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return over_range(played(learner, game, types, Options(0, HORIZON[size], runs)), game)[..., -1]


def measure(data: Losses) -> list[Check]:
    """The loss from having no table, and regret where there is none."""
    with np.errstate(invalid="ignore"):  # nothing was lost in a toy
        ratio = interval(lambda a, b: a.sum(axis=1) / b.sum(axis=1), data.free, data.tabled)
    checks = [
        Check("erm_joint: regret without a table over that with one, all sizes", ratio, at_most(WITHIN))
    ]
    for (name, n), (leader, regret) in data.beyond.items():
        what = f"{name}, n = {n}: regret over the payoff range, largest over L to {leader[-1]}"
        largest = interval(lambda mean: mean.max(axis=1), regret)
        checks.append(Check(what, largest, at_most(MOST) if name == "erm_product" else None))
    return checks


def curves(data: Losses) -> list[Curve]:
    """With a table and without, side by side; and regret against L beyond."""
    sizes = [f"{L}, {n}" for L, n in data.sizes]
    return [
        curve("where a table fits", "erm_joint, table", sizes, data.tabled),
        curve("where a table fits", "erm_joint, no table", sizes, data.free),
        *(curve("no table", f"{name}, n = {n}", *played) for (name, n), played in data.beyond.items()),
    ]


def draw(curves: list[Curve]) -> Figure:
    """With a table and without, side by side; and regret against L beyond."""
    figure, (left, right) = panels(2)
    drawn = by_panel(curves)
    for each, colour, aside in zip(drawn["where a table fits"], COLOURS[5:2:-2], asides(2, 16), strict=True):
        errorbars(left, each, aside, fmt="o", color=colour)
    left.margins(x=0.3)
    left.set(title="where a table fits", xlabel="$L$, $n$", ylabel="regret after round 10 / payoff range")
    left.set_ylim(bottom=0)
    count = len(drawn["no table"])
    looks = zip(COLOURS[:count], "os^"[:count], asides(count), strict=True)
    for each, (colour, marker, aside) in zip(drawn["no table"], looks, strict=True):
        errorbars(right, each, aside, color=colour, marker=marker, markersize=5)
    reference(right, MOST, f"asked of ERM: {MOST:g}")
    right.set(xscale="log", yscale="log", title="no table", xlabel="leader actions $L$")
    right.set_ylabel("regret / payoff range")
    shared_legend(figure, columns=3)
    return figure
