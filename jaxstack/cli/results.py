"""What `jaxstack run` writes of a spec without axes: a table, curves and pictures."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console
from rich.text import Text

from jaxstack.cli.pictures import DOTS_PER_INCH, sizes
from jaxstack.writing import write_file

if TYPE_CHECKING:  # the commands import what they need, so that `--help` answers soon
    from matplotlib.figure import Figure

    from jaxstack.regret import RegretCurve
    from jaxstack.sweeps.cells import Plan
    from jaxstack.sweeps.run import Outcome
    from jaxstack.sweeps.spec import Problem, Spec


class _Described(NamedTuple):
    """What is told of one scenario."""

    records: list[dict[str, Any]]
    curves: list[tuple[str, RegretCurve]]
    pictures: list[str]


class Results:
    """Table, curves and pictures of a spec without axes; of each scenario as soon as its cells are there.

    Its regions are drawn after the first of them, which made the program that a run is drawn with.

    They are made in a thread of their own, since cells play outside of Python. A context; `finish` within it.
    """

    def __init__(self, spec: Spec, plan: Plan, out: Path):
        from jaxstack.sweeps import games

        self._spec, self._out = spec, out
        by_scenario = itertools.groupby(plan.cells, key=lambda cell: cell.at["scenario"])
        self._groups = [list(group) for _, group in by_scenario]
        self._left = [{cell.key for cell in group} for group in self._groups]
        self._problems = [games.problem_of(group[0].game_key) for group in self._groups]
        self._stems = _file_stems(self._problems)
        self._regions: dict[int, Future[list[str]]] = {}
        self._described: dict[int, Future[_Described]] = {}
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self) -> Results:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def on_outcome(self, outcome: Outcome) -> None:
        """Be told that a cell is there."""
        if outcome.status == "failed":
            return
        for at, left in enumerate(self._left):
            left.discard(outcome.cell.key)
            if outcome.cell.key == self._groups[at][0].key and at not in self._regions:
                self._regions[at] = self._pool.submit(self._draw_regions, at)
            if not left and at not in self._described:
                self._described[at] = self._pool.submit(self._describe, at)

    def finish(self, console: Console, began: float) -> None:
        """Write and tell what there is of all scenarios, once all cells are there."""
        from jaxstack import report

        described = [self._described[at].result() for at in range(len(self._groups))]
        records, curves, pictures = (list(itertools.chain(*parts)) for parts in zip(*described, strict=True))
        write_file(self._out / "curves.csv", report.curves_csv(curves))
        report.write_json(
            self._out / "results.json",
            {
                "results": records,
                "spec": self._spec.model_dump(),
                "environment": report.environment(),
                "seconds": round(time.perf_counter() - began, 2),
                "pictures": pictures,
            },
        )
        console.print(report.results_table(records))
        files = ", ".join(("results.json", "curves.csv", "spec.toml", *pictures))
        console.print(Text(f"Written to {self._out}: {files}"))

    def _draw_regions(self, at: int) -> list[str]:
        """Draw the regions of a scenario, if they can be drawn; names of files."""
        from jaxstack.sweeps import games, run

        first, problem = self._groups[at][0], self._problems[at]
        table = games.table_of(first.game_key, False, first.run.table)
        if table is None or problem.game.dimension not in (1, 2):
            return []
        # Padded as the cell was, so that the run that is drawn finds its program.
        padded = games.table_of(first.game_key, run.is_small(first), first.run.table)
        figure = _picture_of_regions(self._spec, problem, table, padded)
        return [self._write(f"{self._stems[at]}-regions.png", figure)]

    def _describe(self, at: int) -> _Described:
        """Read the cells of a scenario, and draw their curves."""
        from jaxstack import plots, report
        from jaxstack.sweeps import cells, games, run

        group, problem = self._groups[at], self._problems[at]
        table = games.table_of(group[0].game_key, False, group[0].run.table)
        played = [run.curve_of(self._out, cell) for cell in group]
        theorems = [cells.learner_of(cell).theorem for cell in group]
        records = [
            report.record(problem.name, problem.game, table, curve, theorem)
            for curve, theorem in zip(played, theorems, strict=True)
        ]
        title = f"{problem.name}: {sizes(problem.game)}, {self._spec.run.runs:,} runs"
        label = r"$\sqrt{T}$, the theorems' rate up to logs (shape only)"
        figure = plots.regret_curves(played, lambda t: t**0.5, title, label)
        pictures = [self._write(f"{self._stems[at]}-regret.png", figure), *self._regions[at].result()]
        return _Described(records, [(problem.name, curve) for curve in played], pictures)

    def _write(self, name: str, figure: Figure) -> str:
        """Write a picture to the folder; its name."""
        write_file(self._out / name, lambda file: figure.savefig(file, format="png", dpi=DOTS_PER_INCH))
        return name


def _picture_of_regions(spec: Spec, problem: Problem, table: Any, padded: Any) -> Figure:
    """Regions of the (first) game with the optimum and the first learner's path in run 0."""
    import jax

    import jaxstack
    from jaxstack import plots, solvers
    from jaxstack.game import unstack

    game, types = problem.game, problem.types
    of_batch = game.num_games is not None
    if of_batch:
        game, types = unstack(game, 0), unstack(types, 0)
        table, padded = unstack(table, 0), unstack(padded, 0)
    first = next(spec.learners()[0].points())
    trace = jaxstack.play(
        jax.random.key(spec.run.seed),
        game,
        types,
        first.player(),
        horizon=min(spec.run.horizon, 100_000),
        table=padded,
        hparams=first.hparams,
    )
    solution = solvers.solve(game, types, ties=problem.ties, table=table)
    title = f"{problem.name}{', game 1' if of_batch else ''}: regions, and one run of {first.title}"
    path, words = trace.commitment, problem.action_names
    return plots.regions(game, types, table, solution, path, problem.leader_names, title, words)


def _file_stems(problems: Sequence[Problem]) -> list[str]:
    """A name for the files of each problem: its own in plain letters, numbered where two would collide."""
    stems: list[str] = []
    for problem in problems:
        stem = re.sub(r"[^a-z0-9]+", "-", problem.name.lower()).strip("-") or "scenario"
        stems.append(stem if stem not in stems else f"{stem}-{len(stems) + 1}")
    return stems
