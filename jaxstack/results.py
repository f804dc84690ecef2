"""The cells of a results dataset: what pictures and tables read of a sweep.

A results dataset has one dimension per axis of its sweep (`scenario`, `learner`, `horizon`, ..) besides those
of `WITHIN`. A cell is one point of that grid, with its curve and the final regret of every game and run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from jaxstack.checks import did_you_mean
from jaxstack.regret import RegretCurve, average_over_games

WITHIN = ("game", "run", "quantile", "checkpoint")
"""Dimensions within a cell; every other one is an axis of the sweep."""

_NEEDED = ("mean", "stderr", "final_regret", "round")
_OPTIONAL = ("quantiles", "regret", "optimum", "num_regions", "bound", "num_runs")
_SECONDS = ("seconds_compile", "seconds_run")


@dataclasses.dataclass(frozen=True, eq=False)
class Cell:
    """One cell of a sweep.

    Attributes:
      labels: where it stands: every axis, and every coordinate along one, with its value. A coordinate that
        has been selected (`dataset.sel(horizon=1000)`) counts, too.
      axes: those of the labels that are dimensions of the dataset.
      curve: means [G, C], and every run [G, S, C] where runs were kept.
      final_regret: [G, S], payoff units, of at most the first 16,384 runs.
      bound: the theorem's rate at the horizon, payoff units; nan without a theorem.
      num_regions: [G]; nan where unknown.
    """

    labels: Mapping[str, Any]
    axes: tuple[str, ...]
    curve: RegretCurve
    final_regret: np.ndarray
    bound: float
    num_regions: np.ndarray

    @property
    def learner(self) -> str:
        """Its label on the axis of learners."""
        return self.curve.learner

    @property
    def mean(self) -> float:
        """Cumulative expected regret at the horizon, over games and runs; payoff units."""
        return float(average_over_games(self.curve)[0][-1])

    @property
    def stderr(self) -> float:
        """Standard error of `mean` over draws of types, the games held fixed; nan for one run."""
        return _standard_error(self.final_regret.mean(axis=0), self.curve.num_runs)

    @property
    def seconds_per_round(self) -> float:
        """Wall time of a round of one run of one game, compilation left out."""
        return self.curve.seconds["run"] / (self.curve.horizon * self.curve.num_runs * len(self.final_regret))


def axes_of(dataset: xr.Dataset) -> tuple[str, ...]:
    """Names of a dataset's axes, in its order.

    Raises:
      ValueError: not a results dataset.
    """
    missing = [name for name in _NEEDED if name not in dataset.variables]
    if missing:
        raise ValueError(
            f"this is not a dataset of results: it lacks {', '.join(missing)}. Take one from "
            f"jaxstack.load_results; its variables are {', '.join(map(str, dataset.variables)) or 'none'}."
        )
    return tuple(str(name) for name in dataset["final_regret"].dims if name not in WITHIN)


def cells_of(dataset: xr.Dataset) -> list[Cell]:
    """The cells that hold numbers, in the order of the axes; those that are still missing are left out.

    Raises:
      ValueError: not a results dataset.
    """
    names = axes_of(dataset)
    there = dataset["final_regret"].notnull().any(("game", "run"))

    def variable(name: str) -> xr.Variable | None:
        """A variable with all axes in front, whichever of them it depends on."""
        if name not in dataset.variables:
            return None
        return dataset[name].broadcast_like(there).transpose(*names, ...).variable

    variables = {name: variable(name) for name in (*_NEEDED, *_OPTIONAL, *_SECONDS)}
    coordinates = {
        str(name): coordinate
        for name, coordinate in dataset.coords.items()
        if coordinate.ndim == 0 or (coordinate.ndim == 1 and coordinate.dims[0] in names)
    }

    def cell(index: tuple[int, ...]) -> Cell:
        def numbers(name: str) -> np.ndarray:
            found = variables[name]
            return np.asarray(np.nan if found is None else found[index].values, np.float64)

        place = dict(zip(names, index, strict=True))
        labels: dict[str, Any] = {}
        for name in [*names, *(c for c in coordinates if c not in names)]:
            coordinate = coordinates.get(name)
            if coordinate is None:  # an axis without labels: zipped keys label it together
                along = {c: v for c, v in coordinates.items() if v.dims == (name,)}
                labels[name] = describe({c: v.values[place[name]] for c, v in along.items()}) or place[name]
            else:
                at = () if coordinate.ndim == 0 else place[str(coordinate.dims[0])]
                labels[name] = _plain(coordinate.values[at])
        return _cell(labels, names, numbers, variables["regret"] is not None)

    return [cell(tuple(index)) for index in np.argwhere(there.transpose(*names).values)]


def _cell(labels: dict[str, Any], names: tuple[str, ...], numbers: Any, kept: bool) -> Cell:
    """A cell out of arrays that are padded with nan to the largest cell."""
    final = numbers("final_regret")
    games, runs = np.isfinite(final).any(axis=1), np.isfinite(final).any(axis=0)
    final = final[games][:, runs]
    rounds, first = np.unique(numbers("round"), return_index=True)
    mean = numbers("mean")[games]
    recorded = np.isfinite(rounds) & np.isfinite(mean[:, first]).all(axis=0)
    rounds, first = rounds[recorded].astype(np.int64), first[recorded]
    regret = None
    if kept:
        regret = numbers("regret")[games][..., first]
        regret = regret[:, np.isfinite(regret).all(axis=(0, 2))]
    num_runs = numbers("num_runs")
    quantiles = numbers("quantiles")
    curve = RegretCurve(
        learner=text(labels.get("learner", "regret")),
        rounds=rounds,
        mean=mean[:, first],
        stderr=numbers("stderr")[games][:, first],
        quantiles=quantiles[games][..., first] if quantiles.ndim else quantiles,
        regret=regret if regret is not None and regret.size else None,
        num_runs=int(num_runs) if np.isfinite(num_runs) else final.shape[1],
        optimum=numbers("optimum")[..., games] if numbers("optimum").ndim else numbers("optimum"),
        ties="as in the spec",
        seconds={stage: float(numbers(f"seconds_{stage}")) for stage in ("compile", "run")},
    )
    regions = numbers("num_regions")
    return Cell(
        labels, names, curve, final, float(numbers("bound")), regions[games] if regions.ndim else regions
    )


def check_axis(cells: Sequence[Cell], name: str) -> str:
    """The name, if it is an axis or a coordinate along one.

    Raises:
      ValueError: it is not; the message names those that are.
    """
    if not cells:
        raise ValueError("the dataset holds no finished cell yet.")
    known = cells[0].labels
    if name not in known:
        raise ValueError(f"there is no axis {name!r}.{did_you_mean(name, known)} Axes: {', '.join(known)}.")
    return name


def by_labels(cells: Sequence[Cell], drawn: Sequence[str]) -> dict[tuple[Any, ...], Cell]:
    """Cells by their labels on the axes that are drawn; every other axis must have one label left.

    Raises:
      ValueError: an axis that does not exist, or one that was neither drawn nor selected.
    """
    for name in drawn:
        check_axis(cells, name)
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        groups.setdefault(tuple(cell.labels[name] for name in drawn), []).append(cell)
    for key, group in groups.items():
        for axis in group[0].axes:
            found = labels_on(group, axis)
            if len(found) > 1:
                of = describe(dict(zip(drawn, key, strict=True)))
                raise ValueError(
                    f"axis {axis!r} has {len(found)} labels ({', '.join(map(text, found[:6]))}"
                    f"{', ..' if len(found) > 6 else ''}) where {of or 'one cell'} is drawn. Select one, "
                    f"dataset.sel({_keyword(axis, found[0])}), or draw this axis too."
                )
    return {key: group[0] for key, group in groups.items()}


def labels_on(cells: Iterable[Cell], axis: str) -> list[Any]:
    """Distinct labels on an axis, in order of appearance."""
    return list(dict.fromkeys(cell.labels[axis] for cell in cells))


def paired_difference_of(first: Cell, second: Cell) -> tuple[float, float]:
    """Final regret of `first` minus that of `second` on the same draws, and its standard error; payoff units.

    Runs are averaged over the games first. Both are nan where the cells hold other games or runs.
    """
    if first.final_regret.shape != second.final_regret.shape:
        return np.nan, np.nan
    difference = (first.final_regret - second.final_regret).mean(axis=0)
    return float(difference.mean()), _standard_error(difference, len(difference))


def describe(labels: Mapping[str, Any]) -> str:
    """`horizon = 1,000, correlation = 0.5`."""
    return ", ".join(f"{name} = {text(value)}" for name, value in labels.items())


def text(value: Any) -> str:
    """A label in words."""
    value = _plain(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def is_number(value: Any) -> bool:
    """Whether a label can stand on a numeric axis."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and bool(np.isfinite(value))


def _standard_error(values: np.ndarray, count: int) -> float:
    return float(values.std(ddof=1) / np.sqrt(count)) if len(values) > 1 else np.nan


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic | np.ndarray) else value


def _keyword(axis: str, label: Any) -> str:
    """How `sel` is told a label; a zipped axis has a name that is no keyword."""
    return f"{axis}={label!r}" if axis.isidentifier() else f"{{{axis!r}: {label!r}}}"
