"""The cells of a results dataset: what pictures and tables read of a sweep.

A results dataset has one dimension per axis of its sweep (`scenario`, `learner`, `horizon`, ..) besides those
of `WITHIN`. A cell is one point of that grid, with its curve and the final regret of every game and run; or
all points along an axis that its learner or scenario lacks, where the dataset repeats its numbers.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from jaxstack.checks import did_you_mean
from jaxstack.exports.words import is_number as is_number
from jaxstack.exports.words import plain
from jaxstack.exports.words import text as text

if TYPE_CHECKING:  # long to import, and not needed for curves, their tables and their pictures
    import xarray as xr

WITHIN = ("game", "run", "quantile", "checkpoint")
"""Dimensions within a cell; every other one is an axis of the sweep."""

_NEEDED = ("mean", "stderr", "final_regret", "round")
_OPTIONAL = ("regret", "optimum", "optimum_gap", "num_regions", "bound", "num_runs")
_SECONDS = ("seconds_compile", "seconds_run")
_LACKING = {"learner": "lacks", "scenario": "scenario_lacks"}  # attributes: the axes that each label lacks
_OF_LEARNERS = ("skips_ahead", "theorem")  # coordinates that are no place


@dataclasses.dataclass(frozen=True, eq=False)
class Cell:
    """One cell of a sweep.

    Attributes:
      labels: where it stands: every axis, and every coordinate along one, with its value (the first, along an
        axis that it lacks). A coordinate that has been selected (`dataset.sel(horizon=1000)`) counts, too.
      positions: of every label, its index along its axis.
      axes: those of the labels that are dimensions of the dataset.
      lacks: axes that its learner or its scenario does not have: it stands at every label of them.
      learner: its label on the axis of learners.
      rounds: [C] int64, rounds at which regret is recorded.
      mean, stderr: [G, C], over runs; payoff units.
      regret: [G, S, C] of every run, or None where runs were not kept.
      final_regret: [G, S], of at most the first 16,384 runs.
      num_runs: S.
      optimum: [G], U_D(x*), payoff units per round.
      optimum_gap: [G], how much more another commitment may earn; 0 with a region table (`RegretCurve`).
      num_regions: [G]; nan without a table.
      bound: the theorem's rate at the horizon, payoff units; nan without a theorem.
      seconds: wall time of "compile" and "run".
    """

    labels: Mapping[str, Any]
    positions: Mapping[str, int]
    axes: tuple[str, ...]
    lacks: tuple[str, ...]
    learner: str
    rounds: np.ndarray
    mean: np.ndarray
    stderr: np.ndarray
    regret: np.ndarray | None
    final_regret: np.ndarray
    num_runs: int
    optimum: np.ndarray
    optimum_gap: np.ndarray
    num_regions: np.ndarray
    bound: float
    seconds: Mapping[str, float]

    @property
    def horizon(self) -> int:
        """T."""
        return int(self.rounds[-1])

    @property
    def final_mean(self) -> float:
        """Cumulative expected regret at the horizon, over games and runs; payoff units."""
        return float(self.mean[:, -1].mean())

    @property
    def final_stderr(self) -> float:
        """Its standard error over draws of types, the games held fixed; nan for one run."""
        return _standard_error(self.final_regret.mean(axis=0), self.num_runs)

    @property
    def seconds_per_round(self) -> float:
        """Wall time of a round of one run of one game, compilation left out."""
        return self.seconds["run"] / (self.horizon * self.num_runs * len(self.final_regret))


def is_dataset(data: Any) -> TypeGuard[xr.Dataset]:
    """Whether it is an `xarray.Dataset`: where nobody has imported xarray there is none."""
    xarray = sys.modules.get("xarray")
    return xarray is not None and isinstance(data, xarray.Dataset)


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


def skips_ahead(dataset: xr.Dataset) -> xr.DataArray:
    """Which learners skip ahead, [learner] bool: their draws are shared with nobody."""
    import xarray as xr

    known = dataset.coords.get("skips_ahead")
    return xr.zeros_like(dataset["learner"], dtype=bool) if known is None else known


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
        if name not in _OF_LEARNERS
        and (coordinate.ndim == 0 or (coordinate.ndim == 1 and coordinate.dims[0] in names))
    }

    lacks_of = {table: json.loads(dataset.attrs.get(name, "{}")) for table, name in _LACKING.items()}

    def cell(index: tuple[int, ...]) -> Cell:
        def numbers(name: str) -> np.ndarray:
            found = variables[name]
            return np.asarray(np.nan if found is None else found[index].values, np.float64)

        place = dict(zip(names, index, strict=True))
        labels: dict[str, Any] = {}
        positions: dict[str, int] = {}
        for name in [*names, *(c for c in coordinates if c not in names)]:
            coordinate = coordinates.get(name)
            if coordinate is None:  # an axis without labels of its own: those of the zipped keys
                along = [v.values[place[name]] for v in coordinates.values() if v.dims == (name,)]
                labels[name], positions[name] = ", ".join(map(text, along)) or place[name], place[name]
            else:
                along_axis = [place[str(dim)] for dim in coordinate.dims]
                labels[name] = plain(coordinate.values[tuple(along_axis)])
                positions[name] = along_axis[0] if along_axis else 0
        keys = (key for axis in lacked(index) for key in {axis: 0, **dict.fromkeys(axis.split("+"))})
        return _cell(labels, positions, names, tuple(keys), numbers, variables["regret"] is not None)

    def lacked(index: tuple[int, ...]) -> list[str]:
        """The axes that the learner or the scenario at an index does not have."""
        place = dict(zip(names, index, strict=True))
        found = []
        for table, of in lacks_of.items():
            if table in coordinates:
                along = tuple(place[str(dim)] for dim in coordinates[table].dims)
                found += of.get(str(coordinates[table].values[along]), ())
        return found

    first: dict[tuple[int, ...], tuple[int, ...]] = {}  # one of all that are the same cell
    for index in map(tuple, np.argwhere(there.transpose(*names).values)):
        everywhere = lacked(index)
        own = tuple(-1 if name in everywhere else i for name, i in zip(names, index, strict=True))
        first.setdefault(own, index)
    return [cell(index) for index in first.values()]


def _cell(
    labels: dict[str, Any],
    positions: dict[str, int],
    names: tuple[str, ...],
    lacks: tuple[str, ...],
    numbers: Any,
    kept: bool,
) -> Cell:
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
    return Cell(
        labels=labels,
        positions=positions,
        axes=names,
        lacks=lacks,
        learner=text(labels.get("learner", "regret")),
        rounds=rounds,
        mean=mean[:, first],
        stderr=numbers("stderr")[games][:, first],
        regret=regret if regret is not None and regret.size else None,
        final_regret=final,
        num_runs=int(num_runs) if np.isfinite(num_runs) else final.shape[1],
        optimum=np.broadcast_to(numbers("optimum"), games.shape)[games],
        optimum_gap=np.broadcast_to(numbers("optimum_gap"), games.shape)[games],
        num_regions=np.broadcast_to(numbers("num_regions"), games.shape)[games],
        bound=float(numbers("bound")),
        seconds={stage: float(numbers(f"seconds_{stage}")) for stage in ("compile", "run")},
    )


def by_labels(cells: Sequence[Cell], drawn: Sequence[str]) -> dict[tuple[Any, ...], Cell]:
    """Cells by their labels on the axes that are drawn; every other axis must have one label left.

    Raises:
      ValueError: an axis that does not exist, or one that was neither drawn nor selected.
    """
    for name in drawn:
        known = cells[0].labels if cells else ()
        if name not in known:
            raise ValueError(
                f"there is no axis {name!r}.{did_you_mean(name, known)} Axes: {', '.join(known) or 'none'}."
            )
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
                    f"dataset.{_selection(axis, found[0])}, or draw this axis too."
                )
    return {key: group[0] for key, group in groups.items()}


def labels_on(cells: Iterable[Cell], axis: str) -> list[Any]:
    """Distinct labels on an axis, in the order of the dataset."""
    return list(dict.fromkeys(cell.labels[axis] for cell in sorted(cells, key=lambda c: c.positions[axis])))


def describe(labels: Mapping[str, Any]) -> str:
    """`horizon = 1,000, correlation = 0.5`."""
    return ", ".join(f"{axis_words(name)} = {text(value)}" for name, value in labels.items())


def axis_words(axis: str) -> str:
    """An axis in words: the keys of a zipped one beside each other, as in its labels."""
    return axis.replace("+", ", ")


def _standard_error(values: np.ndarray, count: int) -> float:
    return float(values.std(ddof=1) / np.sqrt(count)) if len(values) > 1 else np.nan


def _selection(axis: str, label: Any) -> str:
    """How one label is selected; zipped axes have none of their own, and no keyword for a name."""
    return f"sel({axis}={label!r})" if axis.isidentifier() else f"isel({{{axis!r}: 0}})"
