"""Price of feedback: what seeing actions in place of types costs, and which learner pays less, by sizes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.stats import rankdata

from experiments.claims import (
    COLOURS,
    NOTHING,
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
    panels,
    reference,
    series,
    shared_legend,
)

CLAIM = Claim(
    number=5,
    title="Action feedback costs regret, and region_ucb beats oful where √(n^L K^L A^2L L log T) is below "
    "K^n log T",
    source="O(min{√(n^L K^L A^2L L T log T), K^n √T log T}), action feedback",
    varied="(L, n, K); type against action feedback; region_ucb against oful, on the same draws",
    remedy="more sizes on either side of the line where the two bounds are equal",
    reading="Bounds stand up to a constant. That learners change places where the bounds do is a reading, "
    "tested where the smaller bound is below T: elsewhere (hollow) both say nothing of payoffs in [0, 1].",
)
DIM = "num_leader_actions+num_followers+num_types"


def measure(data: Mapping[str, xr.Dataset]) -> list[Check]:
    """Price in regret at each size; where the learners from actions cross, against where their bounds do."""
    _, regret, bound = _sizes(data["spec"])
    told = _told(data["spec"], bound)
    checks = []
    for learner in ("region_ucb", "oful"):
        price = interval(lambda a, b: _over(a, b).min(axis=1), regret[learner], regret["erm_product"])
        checks.append(Check(f"regret of {learner} / erm_product, least over sizes", price, at_least(1)))
    predicted = np.log(bound["region_ucb"] / bound["oful"])

    def order(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return _correlation(rankdata(_over(first, second), axis=1), rankdata(predicted))

    both = regret["region_ucb"], regret["oful"]
    what = "region_ucb / oful: rank correlation of measured ratios with ratios of bounds"
    checks.append(Check(what, interval(order, *both), None))  # the sizes are chosen, not drawn
    for smaller, there, statistic, rule in (
        ("region_ucb", told & (predicted < 0), "max", at_most(1)),
        ("oful", told & (predicted > 0), "min", at_least(1)),
    ):
        if there.any():
            what = f"region_ucb / oful, {statistic} over sizes where {smaller} has the smaller bound, below T"
            extreme = getattr(np, statistic)
            measured = interval(lambda a, b, at=there, of=extreme: of(_over(a, b)[:, at], axis=1), *both)
            checks.append(Check(what, measured, rule))
    return checks


def curves(data: Mapping[str, xr.Dataset]) -> list[Curve]:
    """Price of each learner from actions; and the ratio of the two against that of their bounds."""
    sizes, regret, bound = _sizes(data["spec"])
    told = _told(data["spec"], bound)
    drawn = [
        curve("price", learner, sizes, regret[learner], regret["erm_product"], of=_over)
        for learner in ("region_ucb", "oful")
    ]
    both, predicted = (regret["region_ucb"], regret["oful"]), bound["region_ucb"] / bound["oful"]
    for chosen, what in ((told, "a bound is below T"), (~told, "both bounds exceed T")):
        if chosen.any():
            ratios = (each[chosen] for each in both)
            drawn.append(curve("ratio", what, predicted[chosen], *ratios, of=_over))
    return drawn


def draw(curves: list[Curve]) -> Figure:
    """Price of each learner from actions; and the ratio of the two against that of their bounds."""
    drawn, lines = by_panel(curves), learner_lines(curves)
    figure, (left, right) = panels(2)
    for each, aside in zip(drawn["price"], asides(len(drawn["price"]), 5), strict=True):
        errorbars(left, each, aside, **lines[each.name] | {"linestyle": "none"})
    left.tick_params(axis="x", rotation=60, labelsize=7)
    left.set(yscale="log", title="price of seeing actions only", ylabel="regret / that of erm_product")
    left.set_xlabel("sizes $L$, $n$, $K$ of the game")
    for each in drawn["ratio"]:
        hollow = each.name.startswith("both")
        look = {"fillstyle": "none" if hollow else "full", "color": COLOURS[0]}
        errorbars(right, each, fmt="o", label="hollow: both bounds exceed $T$" if hollow else None, **look)
    reference(right, 1, "equal regret")
    reference(right, 1, "equal bounds", upright=True)
    right.set(
        xscale="log",
        yscale="log",
        title="region_ucb over oful, a point a size",
        xlabel="ratio of their bounds",
        ylabel="ratio of their regrets",
    )
    shared_legend(figure, columns=3)
    return figure


def _sizes(dataset: xr.Dataset) -> tuple[list[str], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Sizes in words, [P, G, S] regret and [P] bounds of each learner."""
    numbered = dataset.assign_coords({DIM: np.arange(dataset.sizes[DIM])})
    curves = {str(name): series(numbered, DIM, learner=name) for name in dataset.learner.values}
    sizes = [
        ", ".join(str(int(dataset[key][p])) for key in DIM.split("+")) for p in range(dataset.sizes[DIM])
    ]
    return sizes, {k: c.regret for k, c in curves.items()}, {k: c.bound for k, c in curves.items()}


def _told(dataset: xr.Dataset, bound: Mapping[str, np.ndarray]) -> np.ndarray:
    """Sizes of which the smaller of the two bounds says something: [P] bool."""
    return np.minimum(bound["region_ucb"], bound["oful"]) < int(dataset["round"].max())


def _over(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first / np.maximum(second, NOTHING)


def _correlation(rows: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pearson correlation of every row with one vector."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    other = other - other.mean()
    with np.errstate(invalid="ignore"):  # all alike: no correlation
        return rows @ other / np.sqrt(np.square(rows).sum(axis=1) * np.square(other).sum())
