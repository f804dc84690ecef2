"""Tables of regret: one curve, paired differences, and what a sweep or several curves come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxstack.exports.order import in_order, places_of, varying_axes
from jaxstack.exports.table import Exported, Section, Table
from jaxstack.exports.words import (
    Number,
    exponent_with_interval,
    finite_or_none,
    interval,
    short_number,
    with_error,
)
from jaxstack.regret import Exponent, PairedDifference, RegretCurve, average_over_games, growth_exponent
from jaxstack.results import Cell, axis_words, cells_of, is_dataset


def curve_table(curve: RegretCurve) -> Table:
    """A row per checkpoint in the data, one per decade of rounds in print."""
    games = curve.mean.shape[0] if curve.mean.ndim == 2 else None
    data = _by_round(curve.rounds, games, {"learner": curve.learner}, mean=curve.mean, stderr=curve.stderr)
    for position, level in enumerate(curve.quantile_levels):
        data[f"quantile_{level:g}"] = np.ravel(curve.quantiles[position]).tolist()
    mean, stderr = average_over_games(curve)
    rows = [[int(curve.rounds[c]), Number(_with_error(mean[c], stderr[c]))] for c in _decades(curve.rounds)]
    if games is None:
        for row, c in zip(rows, _decades(curve.rounds), strict=True):
            row.append(interval(curve.quantiles[0, c], curve.quantiles[-1, c]))
    between = f"{curve.quantile_levels[0]:.0%} to {curve.quantile_levels[-1]:.0%} of runs"
    head = ["rounds", "regret", *([between] if games is None else [])]
    of = f", average of {games} games" if games else ""
    caption = (
        f"Cumulative expected regret of {curve.learner}{of} (payoff units); ± one standard error over "
        f"{curve.num_runs:,} runs."
    )
    return Table(data, head, [Section("", rows)], caption)


def difference_table(difference: PairedDifference) -> Table:
    """The same of paired differences."""
    mean, stderr = np.asarray(difference.mean), np.asarray(difference.stderr)
    games = mean.shape[0] if mean.ndim == 2 else None
    data = _by_round(difference.rounds, games, {}, mean=mean, stderr=stderr)
    sections = []
    for g in range(games or 1):
        m, e = (mean[g], stderr[g]) if games else (mean, stderr)
        rows = [
            [int(difference.rounds[c]), Number(_with_error(m[c], e[c]))] for c in _decades(difference.rounds)
        ]
        sections.append(Section(f"game {g}" if games else "", rows))
    caption = "Difference in cumulative expected regret (payoff units); ± one standard error over runs."
    return Table(data, ["rounds", "difference"], sections, caption)


def results_table(data: Any) -> Exported:
    """Regret after the last round of every cell of a sweep, or of several curves, with its growth.

    Args:
      data: a dataset of results (`load_results`; a part of it, `dataset.sel(..)`, is one too), or curves of
        `simulate`.

    Returns:
      What has `to_dataframe()`, `to_csv()`, `to_latex()`, and shows itself in notebooks: for every learner at
      every place its regret with the standard error over draws of types (games held fixed), the growth
      exponent with a 95% interval, and the rate of its theorem with constant 1 (payoff units).

    Raises:
      ValueError: no dataset of results, and no curves.
    """
    if is_dataset(data):
        cells = cells_of(data)
        return _Results(_table_of_cells(cells))
    curves = list(data) if isinstance(data, Sequence) else [data]
    if not curves or not all(isinstance(curve, RegretCurve) for curve in curves):
        raise ValueError(
            f"results_table needs a dataset of results or curves, but a {type(data).__name__} arrived. "
            f"jaxstack.load_results(folder) and jaxstack.simulate(..) make them."
        )
    lines = [_line_of_curve(curve) for curve in curves]
    data = {name: [line[name] for line in lines] for name in lines[0]}
    rows = [[line["learner"], line["horizon"], *_numbers(line)] for line in lines]
    head = ["learner", "rounds", "regret", "growth exponent (95%)"]
    return _Results(Table(data, head, [Section("", [row[:-1] for row in rows])], _CAPTION))


class _Results(Exported):
    """A table that is there already."""

    def __init__(self, table: Table) -> None:
        self._made = table

    def _table(self) -> Table:
        return self._made

    def __repr__(self) -> str:
        return repr(self._made)


_CAPTION = (
    "Cumulative expected regret (payoff units); ± one standard error over draws of types, games held fixed."
)


def _table_of_cells(cells: list[Cell]) -> Table:
    """Scenarios one after the other; axes on which cells differ."""
    if not cells:
        return Table({}, ["learner", "regret"], [Section("", [])], _CAPTION)
    groups: dict[Any, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.labels.get("scenario", ""), []).append(cell)
    varying = list(dict.fromkeys(axis for group in groups.values() for axis in varying_axes(group)))
    several = len(groups) > 1
    sections, lines = [], []
    for scenario, group in groups.items():
        ordered = in_order(group, varying)
        lines += [_line(cell, growth_exponent(cell)) for cell in ordered]
        made = zip(ordered, lines[-len(ordered) :], strict=True)
        rows = [[*places_of(cell, varying), cell.learner, *_numbers(line)] for cell, line in made]
        sections.append(Section(str(scenario) if several else "", rows))
    axes = cells[0].axes
    data: dict[str, list[Any]] = {
        axis: [
            None if axis in cell.lacks else cell.labels[axis]
            for group in groups.values()
            for cell in in_order(group, varying)
        ]
        for axis in axes
        if axis != "learner"
    }
    data |= {name: [line[name] for line in lines] for name in lines[0]}
    head = [*map(axis_words, varying), "learner", "regret", "growth exponent (95%)", "theorem's rate"]
    return Table(data, head, sections, _CAPTION)


def _line(cell: Cell, exponent: Exponent) -> dict[str, Any]:
    """Numbers of a cell."""
    return {
        "learner": cell.learner,
        "games": len(cell.final_regret),
        "runs": cell.num_runs,
        "horizon": cell.horizon,
        "regret": cell.final_mean,
        "stderr": cell.final_stderr,
        "exponent": exponent.estimate,
        "exponent_low": exponent.low,
        "exponent_high": exponent.high,
        "rate": cell.bound,
    }


def _line_of_curve(curve: RegretCurve) -> dict[str, Any]:
    mean, stderr = average_over_games(curve)
    exponent = growth_exponent(curve)
    return {
        "learner": curve.learner,
        "games": curve.mean.shape[0] if curve.mean.ndim == 2 else 1,
        "runs": curve.num_runs,
        "horizon": curve.horizon,
        "regret": float(mean[-1]),
        "stderr": float(stderr[-1]),
        "exponent": exponent.estimate,
        "exponent_low": exponent.low,
        "exponent_high": exponent.high,
        "rate": float("nan"),
    }


def _numbers(line: dict[str, Any]) -> list[Number]:
    """Regret, exponent and rate in print."""
    return [
        Number(_with_error(line["regret"], line["stderr"])),
        exponent_words(Exponent(line["exponent"], line["exponent_low"], line["exponent_high"], (0, 0))),
        Number(short_number(line["rate"])),
    ]


def exponent_words(exponent: Exponent, mark: str = "") -> Number:
    """An exponent in print, with a mark behind its interval."""
    known = {name: finite_or_none(value) for name, value in exponent._asdict().items() if name != "window"}
    return Number(exponent_with_interval(known) + (mark if known["low"] is not None else ""))


def _with_error(value: float, error: float) -> str:
    return with_error(finite_or_none(value), finite_or_none(error))


def _decades(rounds: np.ndarray) -> list[int]:
    """Indices of the checkpoints nearest to 1, 10, 100, .. and of the last."""
    last = len(rounds) - 1
    powers = 10.0 ** np.arange(int(np.log10(max(int(rounds[-1]), 1))) + 1)
    nearest = {int(np.abs(np.log(rounds) - np.log(power)).argmin()) for power in powers}
    return sorted(nearest | {last})


def _by_round(
    rounds: np.ndarray, games: int | None, first: dict[str, str], **values: np.ndarray
) -> dict[str, list[Any]]:
    """Columns with a row per game and checkpoint."""
    count = len(rounds) * (games or 1)
    data: dict[str, list[Any]] = {name: [value] * count for name, value in first.items()}
    if games is not None:
        data["game"] = np.repeat(np.arange(games), len(rounds)).tolist()
    data["round"] = np.tile(rounds, games or 1).tolist()
    return data | {name: np.ravel(array).tolist() for name, array in values.items()}
