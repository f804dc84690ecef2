"""Regret with type feedback as leader actions grow, past where region tables end, against the bound."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import jax
import numpy as np
from matplotlib.figure import Figure

import jaxstack as js
from experiments.claims import (
    COLOURS,
    LEARNT,
    Check,
    Claim,
    Curve,
    Rule,
    at_most,
    between,
    by_panel,
    curve,
    errorbars,
    interval,
    line,
    panels,
    power_fit,
    shared_legend,
    slope,
)
from experiments.no_table.claim import Options
from experiments.past_the_table import Sizes, games_of, played

CLAIM = Claim(
    number=17,
    title="Past where region tables end, regret with type feedback grows with L no faster than "
    "√min{L log(nKAT), nK}: like √L on the hard family, and hardly at all on random games",
    source="O(√(min{L log(nKAT), nK} T)), erm_product; lower bound Ω(√(min{L, nK} T))",
    varied="L of random games (n = 5, K = A = 3, payoffs that are sums); m = L - 1 = K/2 of the hard family "
    "(ε = √(m/T), margin 0.1, 3^m regions)",
    remedy="more games and runs",
    reading="On random games nK is the smaller term, so that the bound does not grow. On the hard family the "
    "optimum is known, (1 + ε)/2, and no play at all loses √(mT)/2: that ERM learns is seen against that. "
    "erm_product without a region table.",
)
LEADER = {"full": (2, 5, 10, 20, 50), "quick": (2, 5, 10, 20), "toy": (2,)}
DECISIONS = {"full": (4, 8, 16, 32), "quick": (4, 8, 16), "toy": (2,)}  # even: half of the signs are +
HORIZON = {"full": 10_000, "quick": 3_000, "toy": 100}
GAMES, RUNS = {"full": 8, "quick": 4, "toy": 2}, {"full": 2, "quick": 2, "toy": 1}
HARD_RUNS = {"full": 32, "quick": 24, "toy": 2}
MARGIN, SLACK = 0.1, 0.1


class Growth(NamedTuple):
    """Regret at the horizon, payoff units, and bounds with constant 1."""

    leader: np.ndarray  # [P]
    regret: np.ndarray  # [P, G, S]
    bound: np.ndarray  # [P]
    decisions: np.ndarray  # [M]
    hard: np.ndarray  # [M, 1, S]
    hard_bound: np.ndarray  # [M]
    idle: np.ndarray  # [M], what no play at all loses
    missed: np.ndarray  # [M], what the search's optimum lacks to the true one, of what a sign is worth


def collect(size: str) -> Growth:
    """Play both families."""
    horizon, learner = HORIZON[size], js.learners.erm_product()
    regret, bound, hard, hard_bound, missed = [], [], [], [], []
    decisions = np.array(DECISIONS[size])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for L in LEADER[size]:
            game, types = games_of(Sizes(L, 5), 0, GAMES[size])
            curve = played(learner, game, types, Options(0, horizon, RUNS[size]))
            regret.append(curve.regret[..., -1])
            bound.append(js.bounds.regret("erm_product", js.unstack(game, 0), horizon))
        for m in DECISIONS[size]:
            game, types = js.scenarios.hard_game(m, horizon, margin=MARGIN)
            runs = HARD_RUNS[size]
            curve = js.simulate(
                jax.random.key(m), game, types, learner, horizon=horizon, num_runs=runs, table=False
            )
            hard.append(curve.regret[None, :, -1])
            hard_bound.append(js.bounds.regret("erm_product", game, horizon))
            epsilon = np.sqrt(m / horizon)
            missed.append(((1 + epsilon) / 2 - float(curve.optimum)) / (epsilon / m))
    return Growth(
        np.array(LEADER[size]),
        np.stack(regret),
        np.array(bound),
        decisions,
        np.stack(hard),
        np.array(hard_bound),
        np.sqrt(decisions * horizon) / 2,
        np.array(missed),
    )


def measure(data: Growth) -> list[Check]:
    """Exponents and levels against those of the bounds."""
    fit = power_fit(data.leader.astype(float), data.regret)
    limit = float(slope(data.leader, data.bound[None])[0]) + SLACK
    rule = Rule(f"at most {limit:.2f}, the bound's and {SLACK:g}; more decides nothing", high=limit)
    checks = [Check.of_fit("random games: exponent of L", fit, rule)]
    share = interval(lambda mean: (mean / data.bound).max(axis=1), data.regret)
    checks.append(Check("random games: regret / bound, largest", share, at_most(1)))
    hard = power_fit(data.decisions.astype(float), data.hard)
    checks.append(Check.of_fit("hard family: exponent of m", hard, between(0.35, 0.65)))
    share = interval(lambda mean: (mean / data.hard_bound).max(axis=1), data.hard)
    checks.append(Check("hard family: regret / bound, largest", share, at_most(1)))
    learnt = interval(lambda mean: (mean / data.idle).max(axis=1), data.hard)
    what = "hard family: regret over that of no play at all, largest over m"
    checks.append(Check(what, learnt, at_most(LEARNT)))
    missed = interval(lambda mean: mean.max(axis=1), data.missed[:, None, None])
    what = "hard family: what the optimum found lacks, in wrong signs, largest over m"
    checks.append(Check(what, missed, at_most(0.01)))
    return checks


def curves(data: Growth) -> list[Curve]:
    """Regret against L and m; how the bound grows from the first point; what no play at all loses."""
    drawn = []
    for panel, x, regret, bound in (
        ("random games", data.leader, data.regret, data.bound),
        ("hard family", data.decisions, data.hard, data.hard_bound),
    ):
        drawn.append(curve(panel, "erm_product, no table", x, regret))
        drawn.append(line(panel, "bound", x, bound * drawn[-1].y[0] / bound[0]))
    drawn.append(line("hard family", "no play at all, √(mT)/2", data.decisions, data.idle))
    return drawn


def draw(curves: list[Curve]) -> Figure:
    """Regret against L and m; dotted, how the bound grows from the first point."""
    figure, axes = panels(2)
    labels = {"random games": "leader actions $L$", "hard family": "decisions $m = L - 1$"}
    for axis, (panel, (learnt, bound, *idle)) in zip(axes, by_panel(curves).items(), strict=True):
        errorbars(axis, learnt, color=COLOURS[0], marker="o")
        axis.plot(
            bound.x, bound.y, ":", color=COLOURS[0], label="growth of the bound from the first point on"
        )
        for each in idle:
            axis.plot(each.x, each.y, "--", color=COLOURS[1], label=each.name)
        axis.set(xscale="log", yscale="log", title=panel)
        axis.set(xlabel=labels[panel], ylabel="regret (payoff units)")
        axis.set_xticks(learnt.x, [f"{number:g}" for number in learnt.x])
        axis.set_xticks([], [], minor=True)
    shared_legend(figure, columns=3)
    return figure
