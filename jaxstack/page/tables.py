"""Tables of regret, of its growth, of paired differences and of time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from jaxstack.page.order import groups_along, in_order, place_of, places_of, varying_axes
from jaxstack.page.pieces import Number, table_html
from jaxstack.page.words import duration_words, ends_of, or_none, short_number, verdict
from jaxstack.regret import Exponent, growth_exponent
from jaxstack.report import exponent_with_interval, with_error
from jaxstack.results import Cell, axes_of, labels_on, skips_ahead
from jaxstack.sweeps.load import paired_differences


def regret_table(cells: list[Cell], varying: list[str]) -> str:
    """Regret of every cell, with its exponent and its theorem's rate."""
    several = any(len(cell.final_regret) > 1 for cell in cells)
    unkept = any(cell.regret is None for cell in cells)
    head = [*varying, "learner", "regret", *(["lowest and highest game"] if several else [])]
    head += ["growth exponent (95%)", "theorem's rate"]

    def row(cell: Cell) -> list[Any]:
        games = cell.final_regret.mean(axis=1)
        between = f"{short_number(games.min())} to {short_number(games.max())}" if len(games) > 1 else "-"
        return [
            *places_of(cell, varying),
            cell.learner,
            Number(with_error(or_none(cell.final_mean), or_none(cell.final_stderr))),
            *([Number(between)] if several else []),
            _exponent(growth_exponent(cell), "" if cell.regret is not None else "*"),
            Number(short_number(cell.bound)),
        ]

    note = ""
    if unkept:
        note = '<p class="muted">* from standard errors, a little wide: runs were not kept</p>'
    return table_html(head, map(row, in_order(cells, varying)), len(cells), groups=bool(varying)) + note


def across_horizons(cells: list[Cell], varying: list[str]) -> str:
    """Exponents from horizon to horizon: where the game depends on T, one curve does not show growth."""
    if "horizon" not in varying:
        return ""
    rest = [axis for axis in varying if axis != "horizon"]
    rows = []
    for group in groups_along(in_order(cells, rest), [*rest, "learner"]):
        group = sorted(group, key=lambda cell: cell.horizon)
        if len(group) < 2 or len({cell.final_regret.shape for cell in group}) > 1:
            continue
        final = np.stack([cell.final_regret for cell in group], axis=-1)  # [G, S, horizons]
        horizons = np.array([cell.horizon for cell in group])
        curve = dataclasses.replace(
            group[0], rounds=horizons, mean=final.mean(axis=1), regret=final, num_runs=final.shape[1]
        )
        exponent = growth_exponent(curve, window=(horizons[0], horizons[-1]))
        rows.append(
            [
                *places_of(group[0], rest),
                group[0].learner,
                _exponent(exponent),
                Number(" to ".join(ends_of(horizons))),
            ]
        )
    return (
        table_html([*rest, "learner", "growth exponent (95%)", "horizons"], rows, len(rows)) if rows else ""
    )


def paired(dataset: xr.Dataset, cells: list[Cell], reference: str | None) -> xr.Dataset | None:
    """Paired differences with the reference, if there is anything to compare."""
    if not cells or "learner" not in axes_of(dataset):
        return None
    if reference is None:
        own_draws = skips_ahead(dataset)
        there = [label for label in labels_on(cells, "learner") if not own_draws.sel(learner=label)]
        if not there:
            return None
        reference = str(there[0])
    return paired_differences(dataset, reference)


def paired_table(cells: list[Cell], varying: list[str], differences: xr.Dataset | None) -> str:
    """Differences with the reference, where both have played."""
    if differences is None:
        return ""
    axes = cells[0].axes
    means, stderrs = (differences[name].transpose(*axes).values for name in ("mean", "stderr"))
    own = [cell for cell in cells if cell.learner == differences.attrs["reference"]]
    rows = []
    for cell in in_order(cells, varying):
        for partner in own:
            # The one that has an axis says where on it they meet.
            met = {axis: partner if axis in cell.lacks else cell for axis in axes}
            shared = [a for a in axes if a != "learner" and a not in (*cell.lacks, *partner.lacks)]
            if cell.learner == partner.learner or any(cell.labels[a] != partner.labels[a] for a in shared):
                continue
            place = tuple(met[axis].positions[axis] for axis in axes)
            mean, stderr = float(means[place]), float(stderrs[place])
            if np.isfinite(mean):
                labels = [place_of(met[axis], axis) for axis in varying]
                difference = ("+" if mean > 0 else "") + with_error(mean, or_none(stderr))
                rows.append([*labels, cell.learner, Number(difference), verdict(mean, stderr)])
    head = [*varying, "learner", "difference in regret", "beyond 2 standard errors"]
    return table_html(head, rows, len(rows), groups=bool(varying)) if rows else ""


def time_table(scenarios: Mapping[str, list[Cell]]) -> str:
    """Wall time of every cell."""
    cells = [cell for group in scenarios.values() for cell in group]
    if not cells:
        return "<p>No cell is finished yet.</p>"
    varying = list(dict.fromkeys(axis for group in scenarios.values() for axis in varying_axes(group)))
    first = ["scenario"] if "scenario" in cells[0].labels else []

    def row(cell: Cell) -> list[Any]:
        return [
            *places_of(cell, [*first, *varying]),
            cell.learner,
            Number(duration_words(cell.seconds_per_round)),
            Number(duration_words(cell.seconds["run"])),
            Number(duration_words(cell.seconds["compile"])),
        ]

    rows = (row(cell) for group in scenarios.values() for cell in in_order(group, varying))
    head = [*first, *varying, "learner", "per round", "whole cell", "compilation"]
    note = (
        "Per round: wall time of a round of one run of one game, on the hardware below, without compilation."
    )
    return f"<p>{note}</p>" + table_html(head, rows, len(cells))


def _exponent(exponent: Exponent, mark: str = "") -> Number:
    known = {name: or_none(value) for name, value in exponent._asdict().items() if name != "window"}
    return Number(exponent_with_interval(known) + (mark if known["low"] is not None else ""))
