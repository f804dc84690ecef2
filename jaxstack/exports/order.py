"""Where cells stand beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from jaxstack.exports.words import Number
from jaxstack.results import Cell, labels_on, text


def by_scenario(cells: list[Cell]) -> dict[str, list[Cell]]:
    """Cells of every scenario."""
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(text(cell.labels.get("scenario", "Results")), []).append(cell)
    return found


def varying_axes(cells: list[Cell]) -> list[str]:
    """Axes with several labels in one scenario, besides learners."""
    axes = [axis for axis in cells[0].axes if axis not in ("scenario", "learner")]
    return [axis for axis in axes if len(labels_on((c for c in cells if axis not in c.lacks), axis)) > 1]


def groups_along(cells: list[Cell], axes: Sequence[str]) -> Iterable[list[Cell]]:
    """Cells that share their labels on some axes."""
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        groups.setdefault(tuple(cell.labels.get(axis) for axis in axes), []).append(cell)
    return groups.values()


def in_order(cells: list[Cell], varying: list[str]) -> list[Cell]:
    """The learners of one place side by side."""
    places = {axis: {label: i for i, label in enumerate(labels_on(cells, axis))} for axis in varying}
    return sorted(cells, key=lambda cell: [places[axis][cell.labels[axis]] for axis in varying])


def places_of(cell: Cell, axes: Sequence[str]) -> list[Any]:
    """Where a cell stands on some axes."""
    return [place_of(cell, axis) for axis in axes]


def place_of(cell: Cell, axis: str) -> Any:
    """The label of a cell on an axis, or a dash if its learner lacks it."""
    return Number("-") if axis in cell.lacks else cell.labels[axis]
