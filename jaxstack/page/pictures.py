"""Pictures of a page: which are drawn, and how they get into it."""

from __future__ import annotations

import base64
import html
import io
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from jaxstack import plots
from jaxstack.exports.order import varying_axes
from jaxstack.page.pieces import escaped
from jaxstack.results import Cell, axis_words, describe, labels_on

MAX_PICTURES = 60
MAX_PLACES = 8  # of a scenario whose curves are drawn, besides the first

_DOTS_PER_INCH = 140


class Pictures:
    """Draws pictures until the page holds enough of them."""

    def __init__(self) -> None:
        self.drawn = 0

    def draw(self, caption: str, figure: Callable[[], Figure]) -> str:
        """A figure with its caption, or what stands in its place."""
        self.drawn += 1
        if self.drawn > MAX_PICTURES:
            return (
                f'<p class="muted">Not drawn (the page has {MAX_PICTURES} pictures): {escaped(caption)}</p>'
            )
        data = base64.b64encode(_png(figure())).decode()
        alt = html.escape(caption, quote=True)
        return (
            f'<figure><img alt="{alt}" src="data:image/png;base64,{data}">'
            f"<figcaption>{escaped(caption)}</figcaption></figure>"
        )


def scenario_pictures(cells: list[Cell], varying: list[str], pictures: Pictures) -> Iterator[str]:
    """Curves and one picture per axis at one place of the grid, then one per pair of axes."""
    base = one_place(cells)

    def at(*free: str) -> tuple[list[Cell], str]:
        """The cells to draw along free axes, and where that is."""
        fixed = {axis: label for axis, label in base.items() if axis not in free}
        return cells_at(cells, fixed), f" at {describe(fixed)}" if fixed else ""

    here, where = at()
    for scale, word in (("log", "logarithmic"), ("linear", "linear")):
        yield pictures.draw(
            f"Regret against rounds, {word} axes{where}",
            lambda scale=scale: plots.regret_curves(here, scales=(scale,)),  # type: ignore[misc]
        )
    for axis in varying:
        along, where = at(axis)
        yield pictures.draw(
            f"Final regret against {axis_words(axis)}{where}",
            lambda along=along, axis=axis: plots.final_regret(along, axis),  # type: ignore[misc]
        )
    for x, y in itertools.combinations(varying, 2):
        over, where = at(x, y)
        yield pictures.draw(
            f"Final regret over {axis_words(x)} and {axis_words(y)}{where}",
            lambda over=over, x=x, y=y: plots.heat_map(over, x, y),  # type: ignore[misc]
        )


def curves_elsewhere(cells: list[Cell], varying: list[str], pictures: Pictures) -> list[str]:
    """Curves at the other places of the grid, all to the longest horizon; what is left out is said."""
    base = one_place(cells)
    free = [axis for axis in varying if axis != "horizon"]
    labels = [labels_on((c for c in cells if axis not in c.lacks), axis) for axis in free]
    drawn: list[str] = []
    left = 0
    for chosen in itertools.product(*labels):
        fixed = base | dict(zip(free, chosen, strict=True))
        here = cells_at(cells, fixed)
        if fixed == base or not any(not set(free) & set(cell.lacks) for cell in here):
            continue
        if len(drawn) == MAX_PLACES:
            left += 1
            continue
        drawn.append(
            pictures.draw(
                f"Regret against rounds, logarithmic axes at {describe(fixed)}",
                lambda here=here: plots.regret_curves(here, scales=("log",)),  # type: ignore[misc]
            )
        )
    return [
        *drawn,
        *([f'<p class="muted">Curves at {left:,} more places are not drawn.</p>'] if left else []),
    ]


def region_picture(spec: str, scenario: str, pictures: Pictures) -> list[str]:
    """Best-response regions of the first game of a scenario, made again from its spec where possible.

    Not drawn: more than two dimensions, a game that takes long, a file that is not here, a spec that names
    learners which this process does not know.
    """
    from jaxstack import solvers
    from jaxstack.game import unstack
    from jaxstack.regions.clipping import enumerate_regions
    from jaxstack.sweeps.spec import parse_spec

    try:
        read = parse_spec(spec, "spec")
        table: Any = next(table for table in read.scenario if table.title == scenario)
        problem = next(iter(table.points())).build(next(iter(read.run.points())))
        game, types = problem.game, problem.types
        if game.num_games is not None:
            game, types = unstack(game, 0), unstack(types, 0)
        if game.dimension not in (1, 2) or solvers.estimate(game).seconds > 5:
            return []
        regions = enumerate_regions(game, ties=problem.ties)
        solution = solvers.solve(game, types, ties=problem.ties, table=regions)
    except (ValueError, OSError, MemoryError, StopIteration):
        return []
    sizes = str(game.sizes).replace("=", " = ")
    words: Any = {"names": problem.leader_names, "action_names": problem.action_names}
    return [
        pictures.draw(
            f"Best-response regions and the optimum of the first game ({sizes})",
            lambda: plots.regions(game, types, regions, solution, **words),
        )
    ]


def one_place(cells: list[Cell]) -> dict[str, Any]:
    """One place of the grid: the longest horizon, and of any other axis the label with the most cells."""
    base = {}
    for axis in varying_axes(cells):
        there = [cell for cell in cells if axis not in cell.lacks]
        labels = [cell.labels[axis] for cell in there]
        base[axis] = max(labels) if axis == "horizon" else max(labels_on(there, axis), key=labels.count)
    return base


def cells_at(cells: list[Cell], fixed: Mapping[str, Any]) -> list[Cell]:
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
