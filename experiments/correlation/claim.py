"""Independent against correlated types: what the wrong model of erm_product costs, and where nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

import jaxstack as js
from experiments.claims import (
    NOTHING,
    SQRT_RATE,
    Check,
    Claim,
    Curve,
    Series,
    at_least,
    at_most,
    by_panel,
    curve,
    errorbars,
    interval,
    learner_lines,
    panels,
    power_fit,
    series,
    shared_legend,
)
from jaxstack.sweeps.cells import plan
from jaxstack.sweeps.games import game_key_of, problem_of, table_of
from jaxstack.sweeps.spec import parse_spec

CLAIM = Claim(
    number=4,
    title="erm_joint learns under any correlation of types; erm_product, promised to learn only without one, "
    "loses linearly in some games, and in none where payoffs are a sum over followers",
    source="theorems on erm_joint (any D) and erm_product (independent D)",
    varied="correlation of types at fixed marginals; tabular and separable payoffs; T",
    remedy="longer horizons and more games: few games make most of the mean",
    reading="A game misleads erm_product where the best commitment for independent types of the same "
    "marginals is not the best one: computed from the game, without playing.",
)
LINEAR = 0.9  # exponent of T from which growth counts as linear
SOME = 0.01  # of the games
DECADE = 10  # the fit's window is the last factor of this in T


def measure(data: Mapping[str, xr.Dataset]) -> list[Check]:
    """Shares of games that mislead the product learner; exponents of T there, elsewhere, and of erm_joint."""
    checks = []
    misled = _misled(data)
    for scenario, correlation, learner, points in _curves(data):
        where = scenario if correlation is None else f"{scenario}, correlation {correlation:g}"
        name, first = f"{where}, {learner}", points.x[-1] / DECADE
        wrong = misled[scenario, correlation] & (learner == "erm_product")
        if learner == "erm_product" and correlation is not None:
            share = interval(lambda means: means, wrong[:, None].astype(float))
            none = correlation == 0 or scenario == "separable payoffs"
            rule = at_most(0) if none else at_least(SOME) if correlation == 1 else None
            checks.append(Check(f"{name}: share of games that mislead it", share, rule))
        elsewhere = " elsewhere" if wrong.any() else ""
        for chosen, told, rule in (
            (~wrong, elsewhere, SQRT_RATE),
            (wrong, " where misled", at_least(LINEAR)),
        ):
            if chosen.any():
                fit = power_fit(points.x, points.regret[:, chosen], first)
                checks.append(Check.of_fit(f"{name}: exponent of T{told}", fit, rule))
    return checks


def _misled(data: Mapping[str, xr.Dataset]) -> dict[tuple[str, float | None], np.ndarray]:
    """Which games [G] mislead erm_product, by scenario and correlation (None: the game's own)."""
    found = {}
    here = Path(__file__).parent
    specs = [parse_spec(dataset.attrs["spec"], "the sweep's spec", here) for dataset in data.values()]
    for cell in (cell for spec in specs for cell in plan(spec).distinct()):
        key = game_key_of(cell.scenario, cell.run)
        problem, table = problem_of(key), table_of(key, False)
        marginals = problem.types.marginals()
        if problem.game.num_games is None:
            independent = js.IndependentTypes(marginals)
        else:
            independent = js.stack([js.IndependentTypes(of_game) for of_game in marginals])
        assumed, true = (
            js.value.vertex_utilities(problem.game, types, table).reshape(problem.game.num_games or 1, -1)
            for types in (independent, problem.types)
        )
        chosen = np.take_along_axis(true, assumed.argmax(axis=1)[:, None], axis=1)[:, 0]
        found[cell.at["scenario"], cell.at.get("correlation")] = true.max(axis=1) - chosen > NOTHING
    return found


def curves(data: Mapping[str, xr.Dataset]) -> list[Curve]:
    """Regret against T, by correlation."""
    drawn = []
    for scenario, correlation, learner, points in _curves(data):
        name = learner if correlation is None else f"{learner}, correlation {correlation:g}"
        drawn.append(curve(scenario, name, points.x, points.regret))
    return drawn


def draw(curves: list[Curve]) -> Figure:
    """Regret against T; the stronger the colour, the stronger the correlation."""
    scenarios, lines = by_panel(curves), learner_lines(curves)
    figure, axes = panels(len(scenarios))
    for axis, (scenario, drawn) in zip(axes, scenarios.items(), strict=True):
        for each in drawn:
            learner, _, correlation = each.name.partition(", correlation ")
            strongest = correlation in ("", "1")
            look = {"alpha": 0.3 + 0.7 * float(correlation or 1)}
            look |= {"label": f"{learner} (paler: less correlated)" if strongest else None}
            errorbars(axis, each, **lines[learner] | look)
        axis.set(
            xscale="log", yscale="log", title=scenario, xlabel="horizon $T$", ylabel="regret (payoff units)"
        )
    shared_legend(figure, columns=2)
    return figure


def _curves(data: Mapping[str, xr.Dataset]) -> Iterator[tuple[str, float | None, str, Series]]:
    for dataset in data.values():
        correlations = dataset.correlation.values.tolist() if "correlation" in dataset.dims else [None]
        for scenario in map(str, dataset.scenario.values):
            for correlation in correlations:
                for learner in map(str, dataset.learner.values):
                    labels = {"scenario": scenario, "learner": learner}
                    labels |= {} if correlation is None else {"correlation": correlation}
                    yield scenario, correlation, learner, series(dataset, "horizon", **labels)
