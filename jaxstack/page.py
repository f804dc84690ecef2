"""A page about the results of a sweep: one HTML file that asks the network for nothing.

Names and messages come from files of somebody else: every piece of text is escaped where it is put into the
page (`_text`), and the page's own policy forbids scripts and requests besides.
"""

from __future__ import annotations

import base64
import dataclasses
import html
import io
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from PIL import Image

from jaxstack import plots
from jaxstack.regret import Exponent, growth_exponent
from jaxstack.report import exponent_with_interval, with_error
from jaxstack.results import (
    Cell,
    axes_of,
    cells_of,
    describe,
    is_number,
    labels_on,
    skips_ahead,
    text,
)
from jaxstack.sweeps.load import paired_differences

MAX_ROWS = 200
"""Rows of one table; a page is for reading, the dataset holds all."""
MAX_PICTURES = 40
FOLDED = 40
"""Tables and specs of more lines than that are folded."""

_DOTS_PER_INCH = 140
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
    differences = _differences(dataset, cells, reference)
    scenarios = _by_scenario(cells)
    missing, failed = (_listed(dataset.attrs.get(name)) for name in ("missing", "failed"))
    told = [failure.get("cell") for failure in failed if isinstance(failure, dict)]
    missing = [cell for cell in missing if cell not in told]
    pictures = _Pictures()
    sections = {
        "results": ("Results", _results(scenarios, differences, pictures)),
        "time": ("Time", _time_table(scenarios)),
        "missing": ("Missing and failed", _missing(missing, failed) + _other_code(dataset.attrs)),
        "spec": ("Spec", _spec(str(dataset.attrs.get("spec", "")))),
        "machine": ("Hardware and versions", _machine(dataset.attrs)),
    }
    links = "".join(f'<a href="#{key}">{_text(name)}</a>' for key, (name, _) in sections.items())
    body = "\n".join(
        f'<section id="{key}">\n<h2>{_text(name)}</h2>\n{content}\n</section>'
        for key, (name, content) in sections.items()
    )
    style = resources.files("jaxstack").joinpath("page.css").read_text(encoding="utf-8")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_text(title)}</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body>
<h1>{_text(title)}</h1>
{_summary(cells, scenarios, missing, failed)}
<nav>{links}</nav>
{body}
</body>
</html>
"""


# --- what is shown ------------------------------------------------------------------------------------------


def _summary(
    cells: list[Cell], scenarios: Mapping[str, list[Cell]], missing: list[Any], failed: list[Any]
) -> str:
    learners = {cell.learner for cell in cells}
    parts = [
        _count(len(cells), "finished cell"),
        _count(len(scenarios), "scenario"),
        _count(len(learners), "learner"),
    ]
    if cells:
        parts.append(f"horizon {_span([cell.horizon for cell in cells])}")
        parts.append(f"runs of every game: {_span([cell.num_runs for cell in cells])}")
    notice = ""
    if missing or failed:
        counts = [
            f"{_count(len(listed), 'cell')} {word}"
            for listed, word in ((missing, "missing"), (failed, "failed"))
            if listed
        ]
        notice = (
            f'<p class="notice">These results are not complete: {", ".join(counts)}. '
            '<a href="#missing">Which ones</a></p>'
        )
    return f'<p class="muted">{_text("; ".join(parts))}</p>{notice}'


def _results(scenarios: Mapping[str, list[Cell]], differences: xr.Dataset | None, pictures: _Pictures) -> str:
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
        chosen = [cell for group in scenarios.values() for cell in _at(group, _base(group))]
        several = len(scenarios) > 6

        def draw() -> Figure:
            if several:
                return plots.heat_map(chosen, "learner", "scenario")
            return plots.final_regret(chosen, "scenario")

        overview = _figures([pictures.draw("Final regret in every scenario", draw)])
    return (
        notes
        + overview
        + "".join(_scenario(name, group, differences, pictures) for name, group in scenarios.items())
    )


def _scenario(name: str, cells: list[Cell], differences: xr.Dataset | None, pictures: _Pictures) -> str:
    varying = _varying(cells)
    having = {axis: [cell for cell in cells if axis not in cell.lacks] for axis in cells[0].labels}
    shared = {
        axis: there[0].labels[axis]
        for axis, there in having.items()
        if axis not in ("scenario", "learner", *varying) and len(labels_on(there, axis)) == 1
    }
    optimum = _span(np.concatenate([np.ravel(cell.optimum) for cell in cells]), ".4g")
    regions = _span(np.concatenate([np.ravel(cell.num_regions) for cell in cells]))
    horizons = "" if "horizon" in cells[0].labels else _span([cell.horizon for cell in cells])
    facts = [
        describe(shared),
        f"T = {horizons}" if horizons else "",
        _count(max(len(cell.final_regret) for cell in cells), "game"),
        f"{regions} regions" if regions else "",
        f"optimum {optimum} payoff units per round" if optimum else "",
    ]
    parts = [
        f"<h3>{_text(name)}</h3>",
        f'<p class="muted">{_text("; ".join(fact for fact in facts if fact))}</p>',
        _figures(_scenario_pictures(cells, varying, pictures)),
        "<h4>Regret after the last round</h4>",
        _regret_table(cells, varying),
    ]
    across = _across_horizons(cells, varying)
    if across:
        parts += ["<h4>Growth across horizons</h4>", across]
    compared = _paired_table(cells, varying, differences)
    if differences is not None and compared:
        reference = _text(differences.attrs["reference"])
        parts += [f"<h4>Compared with {reference} on the same draws</h4>", compared]
        alone = [label for label in labels_on(cells, "learner") if differences.skips_ahead.sel(learner=label)]
        if alone:
            told = ", ".join(map(text, alone))
            parts.append(
                f'<p class="muted">Not compared, since skipping ahead draws by itself: {_text(told)}</p>'
            )
    return "\n".join(parts)


def _regret_table(cells: list[Cell], varying: list[str]) -> str:
    several = any(len(cell.final_regret) > 1 for cell in cells)
    unkept = any(cell.regret is None for cell in cells)
    head = [*varying, "learner", "regret", *(["lowest and highest game"] if several else [])]
    head += ["growth exponent (95%)", "theorem's rate"]

    def row(cell: Cell) -> list[Any]:
        games = cell.final_regret.mean(axis=1)
        between = f"{_short(games.min())} to {_short(games.max())}" if len(games) > 1 else "-"
        return [
            *_places(cell, varying),
            cell.learner,
            _Number(with_error(_or_none(cell.final_mean), _or_none(cell.final_stderr))),
            *([_Number(between)] if several else []),
            _exponent(growth_exponent(cell), "" if cell.regret is not None else "*"),
            _Number(_short(cell.bound)),
        ]

    note = ""
    if unkept:
        note = '<p class="muted">* from standard errors, a little wide: runs were not kept</p>'
    return _table(head, map(row, _in_order(cells, varying)), len(cells), groups=bool(varying)) + note


def _across_horizons(cells: list[Cell], varying: list[str]) -> str:
    """Exponents from horizon to horizon: where the game depends on T, one curve does not show growth."""
    if "horizon" not in varying:
        return ""
    rest = [axis for axis in varying if axis != "horizon"]
    rows = []
    for group in _groups(_in_order(cells, rest), [*rest, "learner"]):
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
                *_places(group[0], rest),
                group[0].learner,
                _exponent(exponent),
                _Number(" to ".join(_ends(horizons))),
            ]
        )
    return _table([*rest, "learner", "growth exponent (95%)", "horizons"], rows, len(rows)) if rows else ""


def _differences(dataset: xr.Dataset, cells: list[Cell], reference: str | None) -> xr.Dataset | None:
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


def _paired_table(cells: list[Cell], varying: list[str], differences: xr.Dataset | None) -> str:
    if differences is None:
        return ""
    axes = cells[0].axes
    means, stderrs = (differences[name].transpose(*axes).values for name in ("mean", "stderr"))
    own = [cell for cell in cells if cell.learner == differences.attrs["reference"]]
    rows = []
    for cell in _in_order(cells, varying):
        for partner in own:
            # The one that has an axis says where on it they meet.
            met = {axis: partner if axis in cell.lacks else cell for axis in axes}
            shared = [a for a in axes if a != "learner" and a not in (*cell.lacks, *partner.lacks)]
            if cell.learner == partner.learner or any(cell.labels[a] != partner.labels[a] for a in shared):
                continue
            place = tuple(met[axis].positions[axis] for axis in axes)
            mean, stderr = float(means[place]), float(stderrs[place])
            if np.isfinite(mean):
                labels = [_place(met[axis], axis) for axis in varying]
                difference = ("+" if mean > 0 else "") + with_error(mean, _or_none(stderr))
                rows.append([*labels, cell.learner, _Number(difference), _verdict(mean, stderr)])
    head = [*varying, "learner", "difference in regret", "beyond 2 standard errors"]
    return _table(head, rows, len(rows), groups=bool(varying)) if rows else ""


def _time_table(scenarios: Mapping[str, list[Cell]]) -> str:
    cells = [cell for group in scenarios.values() for cell in group]
    if not cells:
        return "<p>No cell is finished yet.</p>"
    varying = list(dict.fromkeys(axis for group in scenarios.values() for axis in _varying(group)))
    first = ["scenario"] if "scenario" in cells[0].labels else []

    def row(cell: Cell) -> list[Any]:
        return [
            *_places(cell, [*first, *varying]),
            cell.learner,
            _Number(_duration(cell.seconds_per_round)),
            _Number(_duration(cell.seconds["run"])),
            _Number(_duration(cell.seconds["compile"])),
        ]

    rows = (row(cell) for group in scenarios.values() for cell in _in_order(group, varying))
    head = [*first, *varying, "learner", "per round", "whole cell", "compilation"]
    note = (
        "Per round: wall time of a round of one run of one game, on the hardware below, without compilation."
    )
    return f"<p>{note}</p>" + _table(head, rows, len(cells))


def _missing(missing: list[Any], failed: list[Any]) -> str:
    if not missing and not failed:
        return "<p>Nothing: every cell of the spec is here.</p>"
    parts = []
    if failed:
        rows = [
            [_described(f.get("cell")), str(f.get("error"))] if isinstance(f, dict) else [f, ""]
            for f in failed
        ]
        parts += ["<h4>Failed</h4>", _table(["cell", "error"], rows, len(rows))]
    if missing:
        parts += ["<h4>Missing</h4>", _table(["cell"], [[_described(m)] for m in missing], len(missing))]
    return "\n".join(parts)


def _other_code(attrs: Mapping[Any, Any]) -> str:
    """Cells that another version has left in the folder: none of them is on this page."""
    rows = [
        [str(version), _Number(_described(count))]
        for found in _listed(attrs.get("other_code"))
        if isinstance(found, dict)
        for version, count in found.items()
    ]
    if not rows:
        return ""
    note = (
        "<p>In the folder too, but left out here: the same cells as other versions of the code made them.</p>"
    )
    return f"<h4>Made by other code</h4>{note}" + _table(["jaxstack", "cells"], rows, len(rows))


def _spec(spec: str) -> str:
    if not spec.strip():
        return "<p>The results do not hold their spec.</p>"
    lines = len(spec.splitlines())
    return _folded(f"<pre>{_text(spec)}</pre>", _count(lines, "line"), lines > FOLDED)


def _machine(attrs: Mapping[Any, Any]) -> str:
    parts = []
    for name, heading in (("hardware", "Hardware"), ("versions", "Versions")):
        for known in _listed(attrs.get(name)):
            entries = known if isinstance(known, dict) else {"": known}
            rows = [[str(key), _described(value)] for key, value in entries.items()]
            parts.append(f"<h4>{heading}</h4>{_table(['', ''], rows, len(rows))}")
    return "\n".join(parts) or "<p>The results do not tell.</p>"


# --- pictures -----------------------------------------------------------------------------------------------


class _Pictures:
    """Draws pictures until the page holds enough of them."""

    def __init__(self) -> None:
        self.drawn = 0

    def draw(self, caption: str, figure: Callable[[], Figure]) -> str:
        """A figure with its caption, or what stands in its place."""
        self.drawn += 1
        if self.drawn > MAX_PICTURES:
            return f'<p class="muted">Not drawn (the page has {MAX_PICTURES} pictures): {_text(caption)}</p>'
        data = base64.b64encode(_png(figure())).decode()
        alt = html.escape(caption, quote=True)
        return (
            f'<figure><img alt="{alt}" src="data:image/png;base64,{data}">'
            f"<figcaption>{_text(caption)}</figcaption></figure>"
        )


def _scenario_pictures(cells: list[Cell], varying: list[str], pictures: _Pictures) -> Iterator[str]:
    """Curves and one picture per axis at one place of the grid, then one per pair of axes."""
    base = _base(cells)

    def at(*free: str) -> tuple[list[Cell], str]:
        """The cells to draw along free axes, and where that is."""
        fixed = {axis: label for axis, label in base.items() if axis not in free}
        return _at(cells, fixed), f" at {describe(fixed)}" if fixed else ""

    here, where = at()
    for scale, word in (("log", "logarithmic"), ("linear", "linear")):
        yield pictures.draw(
            f"Regret against rounds, {word} axes{where}",
            lambda scale=scale: plots.regret_curves(here, scales=(scale,)),  # type: ignore[misc]
        )
    for axis in varying:
        along, where = at(axis)
        yield pictures.draw(
            f"Final regret against {axis}{where}",
            lambda along=along, axis=axis: plots.final_regret(along, axis),  # type: ignore[misc]
        )
    for x, y in itertools.combinations(varying, 2):
        over, where = at(x, y)
        yield pictures.draw(
            f"Final regret over {x} and {y}{where}",
            lambda over=over, x=x, y=y: plots.heat_map(over, x, y),  # type: ignore[misc]
        )


def _base(cells: list[Cell]) -> dict[str, Any]:
    """One place of the grid: the longest horizon, and of any other axis the label with the most cells."""
    base = {}
    for axis in _varying(cells):
        there = [cell for cell in cells if axis not in cell.lacks]
        labels = [cell.labels[axis] for cell in there]
        base[axis] = max(labels) if axis == "horizon" else max(labels_on(there, axis), key=labels.count)
    return base


def _at(cells: list[Cell], fixed: Mapping[str, Any]) -> list[Cell]:
    """Cells at fixed labels; a learner that lacks an axis is there whatever is fixed of it."""
    return [
        cell
        for cell in cells
        if all(cell.labels[axis] == label for axis, label in fixed.items() if axis not in cell.lacks)
    ]


def _png(figure: Figure) -> bytes:
    """A picture in few bytes: flat colours need no more than a palette."""
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_DOTS_PER_INCH)
    Image.open(drawn).convert("RGB").quantize(128).save(small, "png", optimize=True)
    return small.getvalue()


# --- order --------------------------------------------------------------------------------------------------


def _by_scenario(cells: list[Cell]) -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(text(cell.labels.get("scenario", "Results")), []).append(cell)
    return found


def _varying(cells: list[Cell]) -> list[str]:
    """Axes with several labels in one scenario, besides learners."""
    axes = [axis for axis in cells[0].axes if axis not in ("scenario", "learner")]
    return [axis for axis in axes if len(labels_on((c for c in cells if axis not in c.lacks), axis)) > 1]


def _groups(cells: list[Cell], axes: Sequence[str]) -> Iterable[list[Cell]]:
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        groups.setdefault(tuple(cell.labels.get(axis) for axis in axes), []).append(cell)
    return groups.values()


def _in_order(cells: list[Cell], varying: list[str]) -> list[Cell]:
    """The learners of one place side by side."""
    places = {axis: {label: i for i, label in enumerate(labels_on(cells, axis))} for axis in varying}
    return sorted(cells, key=lambda cell: [places[axis][cell.labels[axis]] for axis in varying])


def _places(cell: Cell, axes: Sequence[str]) -> list[Any]:
    """Where a cell stands on some axes."""
    return [_place(cell, axis) for axis in axes]


def _place(cell: Cell, axis: str) -> Any:
    """The label of a cell on an axis, or a dash if its learner lacks it."""
    return _Number("-") if axis in cell.lacks else cell.labels[axis]


# --- pieces of HTML -----------------------------------------------------------------------------------------


class _Number(str):
    """A number in words: stands on the right of its column."""


def _text(value: Any) -> str:
    """Anything as text of the page; the one way into it."""
    return html.escape(text(value) if not isinstance(value, str) else value)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]], count: int, groups: bool = False) -> str:
    """A table that scrolls by itself on a narrow screen; `groups` sets labels of the first column apart."""
    shown = [list(row) for row in itertools.islice(rows, MAX_ROWS)]
    numeric = [
        bool(shown) and all(isinstance(row[c], _Number) or is_number(row[c]) for row in shown)
        for c in range(len(head))
    ]
    kind = [' class="number"' if number else "" for number in numeric]
    body, before = [], None
    for row in shown:
        mark = ' class="group"' if groups and before is not None and row[0] != before else ""
        cells = "".join(f"<td{kind[c] or _width(value)}>{_text(value)}</td>" for c, value in enumerate(row))
        body.append(f"<tr{mark}>{cells}</tr>")
        before = row[0]
    header = "".join(f"<th{kind[c] or _width(name)}>{_text(name)}</th>" for c, name in enumerate(head))
    header = f"<thead><tr>{header}</tr></thead>" if any(head) else ""
    more = ""
    if count > len(shown):
        more = f'<p class="muted">{len(shown):,} of {count:,} rows; jaxstack.load_results gives all.</p>'
    table = f'<div class="scroll"><table>{header}<tbody>{"".join(body)}</tbody></table></div>{more}'
    return _folded(table, _count(len(shown), "row"), len(shown) > FOLDED)


def _width(value: Any) -> str:
    """Long texts may be broken into lines, short ones may not."""
    return ' class="long"' if len(text(value)) > 36 else ""


def _folded(content: str, summary: str, fold: bool) -> str:
    """What is too long to scroll past opens on demand."""
    return f"<details><summary>{_text(summary)}</summary>{content}</details>" if fold else content


def _figures(figures: Iterable[str]) -> str:
    return f'<div class="figures">{"".join(figures)}</div>'


# --- words --------------------------------------------------------------------------------------------------


def _exponent(exponent: Exponent, mark: str = "") -> _Number:
    known = {name: _or_none(value) for name, value in exponent._asdict().items() if name != "window"}
    return _Number(exponent_with_interval(known) + (mark if known["low"] is not None else ""))


def _verdict(mean: float, stderr: float) -> str:
    if mean == 0 and not stderr > 0:
        return "the same"
    if not np.isfinite(stderr):
        return "one run does not tell"
    if abs(mean) <= 2 * stderr:
        return "not told apart"
    return "more regret" if mean > 0 else "less regret"


def _short(value: float) -> str:
    return "-" if not np.isfinite(value) else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _duration(seconds: float) -> str:
    if not np.isfinite(seconds):
        return "-"
    for unit, size in (("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)):
        if seconds >= size or unit == "ns":
            return f"{seconds / size:,.3g} {unit}"
    return "-"


def _count(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _ends(values: Iterable[Any], spec: str = ",") -> list[str]:
    known = [value for value in values if np.isfinite(value)]
    ends = [min(known), max(known)] if known else []
    return list(dict.fromkeys(format(int(end) if spec == "," else float(end), spec) for end in ends))


def _span(values: Iterable[Any], spec: str = ",") -> str:
    """One number, or the first and the last of several."""
    return " to ".join(_ends(values, spec))


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _listed(attribute: Any) -> list[Any]:
    """An attribute in JSON as a list of what it tells; what is not JSON is told as it stands."""
    if attribute is None:
        return []
    try:
        content = json.loads(attribute)
    except (TypeError, ValueError):
        content = str(attribute)
    return content if isinstance(content, list) else [content] if content else []


def _described(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_described(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_described, value))
    return text(value)
