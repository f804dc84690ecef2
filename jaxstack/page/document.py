"""The page as a whole: its sections, from the dataset to HTML."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from jaxstack import plots
from jaxstack.comparison import Comparison, compare
from jaxstack.exports.order import by_scenario, varying_axes
from jaxstack.exports.words import Number
from jaxstack.page.pictures import (
    Pictures,
    cells_at,
    curves_elsewhere,
    one_place,
    region_picture,
    scenario_pictures,
)
from jaxstack.page.pieces import FOLDED, escaped, figures_html, folded_html, table_html
from jaxstack.page.tables import across_horizons, paired_table, regret_table, time_table
from jaxstack.page.words import counted, in_words, listed, span_of
from jaxstack.results import Cell, cells_of, describe, labels_on, text

_COMPARED = (
    '<p class="muted">Regret minus that of the reference, paired. Intervals are over games and runs, both as '
    "samples; p-values are corrected for all comparisons of this page. The last column, if any, says where "
    "the difference lies in another game of the same kind.</p>"
)
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(dataset: xr.Dataset, title: str, reference: str | None = None) -> str:
    """An HTML page: tables, pictures, spec, versions and hardware, and what is missing or failed.

    Args:
      dataset: results of a sweep, finished or not.
      title: of the page.
      reference: the learner that the others are compared with; default the first that does not skip ahead.

    Raises:
      ValueError: not a results dataset, or a reference that it does not hold, or that skips ahead.
    """
    cells = cells_of(dataset)
    compared = compare(dataset, reference) if cells or reference is not None else None
    scenarios = by_scenario(cells)
    missing, failed = (listed(dataset.attrs.get(name)) for name in ("missing", "failed"))
    told = [failure.get("cell") for failure in failed if isinstance(failure, dict)]
    missing = [cell for cell in missing if cell not in told]
    pictures = Pictures()
    sections = {
        "results": ("Results", _results(scenarios, compared, pictures, str(dataset.attrs.get("spec", "")))),
        "time": ("Time", time_table(scenarios)),
        "missing": ("Missing and failed", _missing(missing, failed) + _other_code(dataset.attrs)),
        "spec": ("Spec", _spec(str(dataset.attrs.get("spec", "")))),
        "machine": ("Hardware and versions", _machine(dataset.attrs)),
    }
    links = "".join(f'<a href="#{key}">{escaped(name)}</a>' for key, (name, _) in sections.items())
    body = "\n".join(
        f'<section id="{key}">\n<h2>{escaped(name)}</h2>\n{content}\n</section>'
        for key, (name, content) in sections.items()
    )
    style = resources.files("jaxstack.page").joinpath("page.css").read_text(encoding="utf-8")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escaped(title)}</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body>
<h1>{escaped(title)}</h1>
{_summary(cells, scenarios, missing, failed)}
<nav>{links}</nav>
{body}
</body>
</html>
"""


def _summary(
    cells: list[Cell], scenarios: Mapping[str, list[Cell]], missing: list[Any], failed: list[Any]
) -> str:
    learners = {cell.learner for cell in cells}
    parts = [
        counted(len(cells), "finished cell"),
        counted(len(scenarios), "scenario"),
        counted(len(learners), "learner"),
    ]
    if cells:
        parts.append(f"horizon {span_of([cell.horizon for cell in cells])}")
        parts.append(f"runs of every game: {span_of([cell.num_runs for cell in cells])}")
    notice = ""
    if missing or failed:
        counts = [
            f"{counted(len(listed), 'cell')} {word}"
            for listed, word in ((missing, "missing"), (failed, "failed"))
            if listed
        ]
        notice = (
            f'<p class="notice">These results are not complete: {", ".join(counts)}. '
            '<a href="#missing">Which ones</a></p>'
        )
    return f'<p class="muted">{escaped("; ".join(parts))}</p>{notice}'


def _results(
    scenarios: Mapping[str, list[Cell]], compared: Comparison | None, pictures: Pictures, spec: str
) -> str:
    if not scenarios:
        return "<p>No cell is finished yet.</p>"
    notes = (
        "<p>Regret is cumulative, expected (never sampled) and in payoff units; ± is one standard error over "
        "draws of types, with the games held fixed. The growth exponent is the slope of log regret on log T "
        "over the last two decades of rounds, with a 95% interval from resampled games and runs; the rate of "
        "a learner's theorem has constant 1: a guide for growth, not for level.</p>"
    )
    overview = ""
    if len(scenarios) > 1:
        chosen = [cell for group in scenarios.values() for cell in cells_at(group, one_place(group))]
        several = len(scenarios) > 6

        def draw() -> Figure:
            if several:
                return plots.heat_map(chosen, "learner", "scenario")
            return plots.final_regret(chosen, "scenario")

        overview = figures_html([pictures.draw("Final regret in every scenario", draw)])
    return (
        notes
        + overview
        + "".join(_scenario(name, group, compared, pictures, spec) for name, group in scenarios.items())
    )


def _scenario(
    name: str, cells: list[Cell], compared: Comparison | None, pictures: Pictures, spec: str
) -> str:
    varying = varying_axes(cells)
    having = {axis: [cell for cell in cells if axis not in cell.lacks] for axis in cells[0].labels}
    shared = {
        axis: there[0].labels[axis]
        for axis, there in having.items()
        if axis not in ("scenario", "learner", *varying) and len(labels_on(there, axis)) == 1
    }
    optimum = span_of(np.concatenate([np.ravel(cell.optimum) for cell in cells]), ".4g")
    regions = span_of(np.concatenate([np.ravel(cell.num_regions) for cell in cells]))
    gaps = np.concatenate([np.ravel(cell.optimum_gap) for cell in cells])
    horizons = "" if "horizon" in cells[0].labels else span_of([cell.horizon for cell in cells])
    facts = [
        describe(shared),
        f"T = {horizons}" if horizons else "",
        counted(max(len(cell.final_regret) for cell in cells), "game"),
        f"{regions} regions" if regions else "",
        f"optimum {optimum} payoff units per round" if optimum else "",
        f"at most {np.nanmax(gaps):.2g} more is not excluded" if (gaps > 0).any() else "",
    ]
    parts = [
        f"<h3>{escaped(name)}</h3>",
        f'<p class="muted">{escaped("; ".join(fact for fact in facts if fact))}</p>',
        figures_html([*scenario_pictures(cells, varying, pictures), *region_picture(spec, name, pictures)]),
        _elsewhere(curves_elsewhere(cells, varying, pictures)),
        "<h4>Regret after the last round</h4>",
        regret_table(cells, varying),
    ]
    across = across_horizons(cells, varying)
    if across:
        parts += ["<h4>Growth across horizons</h4>", across]
    table = "" if compared is None else paired_table(cells, varying, compared)
    if compared is not None and table:
        parts += [f"<h4>Compared with {escaped(compared.reference)} on the same draws</h4>", _COMPARED, table]
        alone = [label for label in labels_on(cells, "learner") if label in compared.left_out]
        if alone:
            told = ", ".join(map(text, alone))
            parts.append(
                f'<p class="muted">Not compared, since skipping ahead draws by itself: {escaped(told)}</p>'
            )
    return "\n".join(parts)


def _elsewhere(figures: list[str]) -> str:
    """Curves at other places, folded."""
    return folded_html(figures_html(figures), "Curves at other places of the grid", True) if figures else ""


def _missing(missing: list[Any], failed: list[Any]) -> str:
    if not missing and not failed:
        return "<p>Nothing: every cell of the spec is here.</p>"
    parts = []
    if failed:
        rows = [
            [in_words(f.get("cell")), str(f.get("error"))] if isinstance(f, dict) else [f, ""] for f in failed
        ]
        parts += ["<h4>Failed</h4>", table_html(["cell", "error"], rows, len(rows))]
    if missing:
        parts += ["<h4>Missing</h4>", table_html(["cell"], [[in_words(m)] for m in missing], len(missing))]
    return "\n".join(parts)


def _other_code(attrs: Mapping[Any, Any]) -> str:
    """Cells that another version has left in the folder: none of them is on this page."""
    rows = [
        [str(version), Number(in_words(count))]
        for found in listed(attrs.get("other_code"))
        if isinstance(found, dict)
        for version, count in found.items()
    ]
    if not rows:
        return ""
    note = (
        "<p>In the folder too, but left out here: the same cells as other versions of the code made them.</p>"
    )
    return f"<h4>Made by other code</h4>{note}" + table_html(["jaxstack", "cells"], rows, len(rows))


def _spec(spec: str) -> str:
    if not spec.strip():
        return "<p>The results do not hold their spec.</p>"
    lines = len(spec.splitlines())
    return folded_html(f"<pre>{escaped(spec)}</pre>", counted(lines, "line"), lines > FOLDED)


def _machine(attrs: Mapping[Any, Any]) -> str:
    parts = []
    for name, heading in (("hardware", "Hardware"), ("versions", "Versions")):
        for known in listed(attrs.get(name)):
            entries = known if isinstance(known, dict) else {"": known}
            rows = [[str(key), in_words(value)] for key, value in entries.items()]
            parts.append(f"<h4>{heading}</h4>{table_html(['', ''], rows, len(rows))}")
    return "\n".join(parts) or "<p>The results do not tell.</p>"
