"""Tables of regret, of its growth, of paired differences and of time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxstack.comparison import Comparison
from jaxstack.exports.curves import exponent_words
from jaxstack.exports.order import groups_along, in_order, places_of, varying_axes
from jaxstack.exports.words import (
    NOTHING,
    Number,
    finite_or_none,
    interval,
    probability,
    short_number,
    signed,
    unit_of_times,
    with_error,
)
from jaxstack.page.pieces import table_html
from jaxstack.page.words import ends_of
from jaxstack.regret import growth_exponent
from jaxstack.results import Cell, axis_words, labels_on


def regret_table(cells: list[Cell], varying: list[str]) -> str:
    """Regret of every cell, with its exponent and its theorem's rate."""
    several = any(len(cell.final_regret) > 1 for cell in cells)
    unkept = any(cell.regret is None for cell in cells)
    head = [*map(axis_words, varying), "learner", "regret", *(["lowest and highest game"] if several else [])]
    head += ["growth exponent (95%)", "theorem's rate"]

    def row(cell: Cell) -> list[Any]:
        games = cell.final_regret.mean(axis=1)
        between = f"{short_number(games.min())} to {short_number(games.max())}" if len(games) > 1 else "-"
        return [
            *places_of(cell, varying),
            cell.learner,
            Number(with_error(finite_or_none(cell.final_mean), finite_or_none(cell.final_stderr))),
            *([Number(between)] if several else []),
            exponent_words(growth_exponent(cell), "" if cell.regret is not None else "*"),
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
                exponent_words(exponent),
                Number(" to ".join(ends_of(horizons))),
            ]
        )
    return (
        table_html([*map(axis_words, rest), "learner", "growth exponent (95%)", "horizons"], rows, len(rows))
        if rows
        else ""
    )


def paired_table(cells: list[Cell], varying: list[str], compared: Comparison) -> str:
    """Differences with the reference in one scenario, where both have played."""
    axes = [axis for axis in cells[0].axes if axis in varying]
    at = {axis: {label: i for i, label in enumerate(labels_on(cells, axis))} for axis in axes}
    here = [d for d in compared.differences if d.place.get("scenario") == cells[0].labels.get("scenario")]
    here.sort(key=lambda d: [at[axis].get(d.place.get(axis), -1) for axis in axes])
    several = any(d.games > 1 for d in here)
    head = [
        *map(axis_words, varying),
        "learner",
        "difference in regret",
        "95% interval",
        "Holm p",
        "on average",
    ]
    rows = [
        [
            *(d.place.get(axis, Number(NOTHING)) for axis in varying),
            d.learner,
            signed(d.mean),
            interval(d.low, d.high),
            probability(d.p_holm),
            d.verdict,
            *([interval(d.next_low, d.next_high)] if several else []),
        ]
        for d in here
    ]
    head += ["next random game (95%)"] if several else []
    return table_html(head, rows, len(rows), groups=bool(varying)) if rows else ""


def time_table(scenarios: Mapping[str, list[Cell]]) -> str:
    """Wall time of every cell."""
    cells = [cell for group in scenarios.values() for cell in group]
    if not cells:
        return "<p>No cell is finished yet.</p>"
    varying = list(dict.fromkeys(axis for group in scenarios.values() for axis in varying_axes(group)))
    first = ["scenario"] if "scenario" in cells[0].labels else []

    kinds = {
        "per round": lambda cell: cell.seconds_per_round,
        "whole cell": lambda cell: cell.seconds["run"],
        "compilation": lambda cell: cell.seconds["compile"],
    }
    units = {kind: unit_of_times(map(seconds, cells)) for kind, seconds in kinds.items()}

    def row(cell: Cell) -> list[Any]:
        times = [Number(short_number(seconds(cell) / units[kind][1])) for kind, seconds in kinds.items()]
        return [*places_of(cell, [*first, *varying]), cell.learner, *times]

    rows = (row(cell) for group in scenarios.values() for cell in in_order(group, varying))
    head = [*first, *map(axis_words, varying), "learner"]
    head += [f"{kind} ({unit})" for kind, (unit, _) in units.items()]
    note = (
        "Per round: wall time of a round of one run of one game, on the hardware below, without compilation."
    )
    return f"<p>{note}</p>" + table_html(head, rows, len(cells))
