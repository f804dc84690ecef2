"""The price of seeing actions only: exponential in followers where types hide a parity, and not elsewhere."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import jax
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

import jaxstack as js
from experiments.claims import (
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
    learner_lines,
    line,
    panels,
    power_fit,
    reference,
    shared_legend,
    slope,
)

CLAIM = Claim(
    number=12,
    title="With correlated types the price of action feedback doubles with every follower, up to min(n, L-1)"
    "; with independent types and payoffs that are sums it does not",
    source="lower bound Ω(√(2^min(n, L-1) T)) from actions (hidden parity)",
    varied="n; learner; hidden parity (L = n, ε = 1/2) against random games with independent types",
    remedy="longer horizons, in which more followers' regions can be told apart",
    reading="At a fixed bias every region has to be visited about equally often to find the hidden one, so "
    "that regret is in proportion to their number. Where it nears what never learning costs, T/4, it cannot "
    "grow on. Learners with type feedback play on the same draws.",
)
LEARNERS = {  # label: name, hyperparameters, most followers at full size
    "erm_joint": ("erm_joint", {}, 5),
    "shared_posterior": ("shared_posterior", {}, 3),
    "region_ucb": ("region_ucb", {"radius_scale": 1.0}, 5),
    "region_ucb, c = 1/8": ("region_ucb", {"radius_scale": 0.125}, 5),
    "oful, c = 1/8": ("oful", {"radius_scale": 0.125}, 3),
    "vector_oful, c = 1/8": ("vector_oful", {"radius_scale": 0.125}, 3),
}
UNTIL = {"full": 5, "quick": 4, "toy": 3}  # followers
CROWDS = {"full": (2, 4, 8, 32, 64), "quick": (2, 8, 32), "toy": (1, 2)}
HORIZON = {"full": 10_000, "quick": 3_000, "toy": 300}
RUNS = {"full": 32, "quick": 32, "toy": 4}
GAMES = {"full": 12, "quick": 8, "toy": 2}
SATURATED = 0.5  # of what never learning costs: beyond, regret cannot double
FACTOR, SMALL = 1.5, 0.2
_UNLEARNT = "what never learning costs"


class Prices(NamedTuple):
    """Regret at the horizon."""

    parity: dict[str, tuple[np.ndarray, np.ndarray]]  # by learner: followers [P], regret [P, 1, S]
    crowds: dict[str, np.ndarray]  # [P, G, S] by learner, of random games with independent types
    followers: np.ndarray  # [P] of the crowds
    most: float  # what never learning costs under hidden parity


def collect(size: str) -> Prices:
    """Play both."""
    parity: dict[str, Any] = {}
    horizon = HORIZON[size]
    for label, (name, hparams, most) in LEARNERS.items():
        if size == "toy" and most < UNTIL["full"]:
            continue
        followers = np.arange(2, min(UNTIL[size], most) + 1)
        regret = [_parity_regret(name, hparams, int(n), horizon, RUNS[size]) for n in followers]
        parity[label] = followers, np.stack(regret)
    crowds = {
        name: np.stack([_crowd_regret(name, n, horizon, GAMES[size]) for n in CROWDS[size]])
        for name in ("erm_product", "marginal_posterior")
    }
    return Prices(parity, crowds, np.array(CROWDS[size]), horizon / 4)


def measure(data: Prices) -> list[Check]:
    """What one more follower costs, and what types would have saved."""
    checks = []
    for label, (followers, regret) in data.parity.items():
        learns = regret.mean(axis=(1, 2)) < SATURATED * data.most
        if label == "erm_joint" or learns.sum() < 2:
            continue
        x = 2.0 ** followers[learns]
        factor = interval(lambda mean, x=x: 2 ** slope(x, mean), regret[learns])
        checks.append(Check(f"hidden parity, {label}: factor per follower", factor, at_least(FACTOR)))
    with_types, from_actions = data.parity["erm_joint"], data.parity["region_ucb, c = 1/8"]
    ratio = interval(lambda a, b: a / b, with_types[1][-1], from_actions[1][-1])
    what = f"hidden parity, n = {with_types[0][-1]}: regret of erm_joint over that of region_ucb, c = 1/8"
    checks.append(Check(what, ratio, at_most(SMALL)))
    for name, regret in data.crowds.items():
        fit = power_fit(data.followers.astype(float), regret)
        checks.append(Check.of_fit(f"independent types, sums, {name}: exponent of n", fit, at_most(1.0)))
    return checks


def curves(data: Prices) -> list[Curve]:
    """Regret against n: hidden parity, and random games with independent types."""
    drawn = [curve("hidden parity", label, *played) for label, played in data.parity.items()]
    drawn.append(line("hidden parity", _UNLEARNT, data.parity["erm_joint"][0][-1:], [data.most]))
    for name, regret in data.crowds.items():
        drawn.append(curve("independent types, sums", name, data.followers, regret))
    return drawn


def draw(curves: list[Curve]) -> Figure:
    """Regret against n: hidden parity, and random games with independent types."""
    figure, axes = panels(2)
    lines = learner_lines(curves)
    for axis, (panel, drawn) in zip(axes, by_panel(curves).items(), strict=True):
        axis.set(yscale="log", title=panel, xlabel="followers $n$", ylabel="regret (payoff units)")
        learnt = [each for each in drawn if each.name != _UNLEARNT]
        for each, aside in zip(learnt, asides(len(learnt), 3), strict=True):
            errorbars(axis, each, aside, **lines[each.name])
        for each in drawn:
            if each.name == _UNLEARNT:
                reference(axis, each.y[0], each.name)
                axis.set_ylim(top=3 * each.y[0])
    axes[0].margins(x=0.1)
    axes[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[1].set_xscale("log")
    shared_legend(figure, columns=3)
    return figure


def _parity_regret(name: str, hparams: dict[str, float], n: int, horizon: int, runs: int) -> np.ndarray:
    """[1, S]."""
    game, types = js.scenarios.hidden_parity(n, epsilon=0.5)
    table = js.enumerate_regions(game, ties="robust")
    curve = js.simulate(
        jax.random.key(n),
        game,
        types,
        js.learners.by_name(name),
        horizon=horizon,
        num_runs=runs,
        table=table,
        hparams=hparams or None,
    )
    return np.asarray(curve.regret)[None, :, -1]


def _crowd_regret(name: str, n: int, horizon: int, games: int) -> np.ndarray:
    """[G, S]; payoffs that are sums."""
    pairs = [
        js.scenarios.random_game(g, 2, n, 2, 2, payoff="separable", types="independent") for g in range(games)
    ]
    game, types = (js.stack(of_games) for of_games in zip(*pairs, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        curve = js.simulate(
            jax.random.split(jax.random.key(n), games),
            game,
            types,
            js.learners.by_name(name),
            horizon=horizon,
            num_runs=4,
        )
    return np.asarray(curve.regret)[..., -1]
