"""Nothing within the assumptions breaks a learner: near ties, rare types, duplicates, equal payoffs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims import (
    Check,
    Claim,
    Curve,
    at_least,
    at_most,
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
    number=10,
    title="No game within the assumptions breaks a learner: regret stays within its bound",
    source="all regret bounds, which ask nothing of payoffs or types",
    varied="nearly tied games, rare types, duplicated types, payoffs of 0 and 1 (ties everywhere); T",
    remedy="more games of each kind",
    reading="Judged where the bound is below T: payoffs are in [0, 1], and no learner loses more than T.",
)
ROUNDING = -1e-3  # payoff units; regret is a sum of gaps in single precision


class _Case(NamedTuple):
    kind: str
    learner: str
    told: np.ndarray  # [T, G] bool: the bound is below T, more than which no learner loses
    share: np.ndarray  # [T, G, S], regret over the theorem's bound with constant 1
    regret: np.ndarray  # [T, G, S]


def measure(data: Mapping[str, xr.Dataset]) -> list[Check]:
    """Regret over bound, the largest over horizons and games of a kind; the least regret of any run."""
    checks = []
    cases = list(_cases(data["spec"]))
    for case in cases:
        each = case.share[case.told][:, None]  # game by game: one of them must not hide behind the others
        if len(each):
            largest = interval(lambda means: means.max(axis=1), each)
            checks.append(Check(f"{case.kind}, {case.learner}: regret / bound, largest", largest, at_most(1)))
    least = min(float(case.regret.min()) for case in cases)
    exactly = interval(lambda value: value, np.array([[least]]))
    checks.append(Check("least regret of any run, payoff units", exactly, at_least(ROUNDING)))
    return checks


def curves(data: Mapping[str, xr.Dataset]) -> list[Curve]:
    """Regret at the longest horizon over the bound, by kind and learner."""
    cases = list(_cases(data["spec"]))
    kinds = list(dict.fromkeys(case.kind for case in cases))
    return [
        curve(
            "regret / bound",
            name,
            kinds,
            np.concatenate([case.share[-1:] for case in cases if case.learner == name]),
        )
        for name in dict.fromkeys(case.learner for case in cases)
    ]


def draw(curves: list[Curve]) -> Figure:
    """Regret at the longest horizon over the bound, by kind and learner."""
    lines, kinds = learner_lines(curves), curves[0].x
    figure, (axis,) = panels(1)
    figure.set_size_inches(6.6, 3.8)
    for number, each in enumerate(curves):
        at = np.arange(len(kinds)) + (number - 1.5) * 0.15
        errorbars(axis, each._replace(x=at), **lines[each.name] | {"linestyle": "none"})
    reference(axis, 1, "the theorem's bound")
    axis.set_xticks(np.arange(len(kinds)), [kind.replace(" ", "\n") for kind in kinds])
    axis.set(yscale="log", ylabel="regret / bound at the longest $T$")
    shared_legend(figure, columns=5)
    return figure


def _cases(dataset: xr.Dataset) -> Iterator[_Case]:
    names = [str(name) for name in dataset.scenario.values]
    kinds = dict.fromkeys(name.rsplit(" ", 1)[0] for name in names)
    for kind in kinds:
        games = [name for name in names if name.rsplit(" ", 1)[0] == kind]
        for learner in map(str, dataset.learner.values):
            curves = [series(dataset, "horizon", scenario=name, learner=learner) for name in games]
            regret = np.concatenate([curve.regret for curve in curves], axis=1)
            bound = np.stack([curve.bound for curve in curves], axis=1)[..., None]
            told = bound[..., 0] < curves[0].x[:, None]
            yield _Case(kind, learner, told, regret / bound, regret)
