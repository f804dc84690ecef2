"""What `jaxstack run` writes of a spec without axes: a table, curves and pictures."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from jaxstack.cli.pictures import DOTS_PER_INCH, sizes
from jaxstack.writing import write_file

if TYPE_CHECKING:  # the commands import what they need, so that `--help` answers soon
    from matplotlib.figure import Figure

    from jaxstack.regret import RegretCurve
    from jaxstack.sweeps.cells import Plan
    from jaxstack.sweeps.spec import Problem, Spec


def write_results(spec: Spec, plan: Plan, out: Path, console: Console, began: float) -> None:
    """Table, curves and pictures of a spec without axes."""
    from jaxstack import plots, report
    from jaxstack.sweeps import cells, games, run

    records: list[dict[str, Any]] = []
    curves: list[tuple[str, RegretCurve]] = []
    files: list[str] = []

    def draw(name: str, figure: Figure) -> None:
        write_file(out / name, lambda file: figure.savefig(file, format="png", dpi=DOTS_PER_INCH))
        files.append(name)

    groups = [list(group) for _, group in itertools.groupby(plan.cells, key=lambda cell: cell.at["scenario"])]
    problems = [games.problem_of(group[0].game_key) for group in groups]
    for group, problem, stem in zip(groups, problems, _file_stems(problems), strict=True):
        table = games.table_of(group[0].game_key, False, group[0].run.table)
        played = [run.curve_of(out, cell) for cell in group]
        for cell, curve in zip(group, played, strict=True):
            curves.append((problem.name, curve))
            theorem = cells.learner_of(cell).theorem
            records.append(report.record(problem.name, problem.game, table, curve, theorem))
        title = f"{problem.name}: {sizes(problem.game)}, {spec.run.runs:,} runs"
        label = r"$\sqrt{T}$, the theorems' rate up to logs (shape only)"
        draw(f"{stem}-regret.png", plots.regret_curves(played, lambda t: t**0.5, title, label))
        if table is not None and problem.game.dimension in (1, 2):
            draw(f"{stem}-regions.png", _picture_of_regions(spec, problem, table))
    write_file(out / "curves.csv", report.curves_csv(curves))
    report.write_json(
        out / "results.json",
        {
            "results": records,
            "spec": spec.model_dump(),
            "environment": report.environment(),
            "seconds": round(time.perf_counter() - began, 2),
            "pictures": files,
        },
    )
    console.print(report.results_table(records))
    console.print(Text(f"Written to {out}: results.json, curves.csv, spec.toml, {', '.join(files)}"))


def _picture_of_regions(spec: Spec, problem: Problem, table: Any) -> Figure:
    """Regions of the (first) game with the optimum and the first learner's path in run 0."""
    import jax

    import jaxstack
    from jaxstack import plots, solvers
    from jaxstack.game import unstack

    game, types = problem.game, problem.types
    of_batch = game.num_games is not None
    if of_batch:
        game, types, table = unstack(game, 0), unstack(types, 0), unstack(table, 0)
    first = next(spec.learners()[0].points())
    trace = jaxstack.play(
        jax.random.key(spec.run.seed),
        game,
        types,
        first.player(),
        horizon=min(spec.run.horizon, 100_000),
        table=table,
        hparams=first.hparams,
    )
    solution = solvers.solve(game, types, ties=problem.ties, table=table)
    title = f"{problem.name}{', game 1' if of_batch else ''}: regions, and one run of {first.title}"
    return plots.regions(game, types, table, solution, trace.commitment, problem.leader_names, title)


def _file_stems(problems: Sequence[Problem]) -> list[str]:
    """A name for the files of each problem: its own in plain letters, numbered where two would collide."""
    stems: list[str] = []
    for problem in problems:
        stem = re.sub(r"[^a-z0-9]+", "-", problem.name.lower()).strip("-") or "scenario"
        stems.append(stem if stem not in stems else f"{stem}-{len(stems) + 1}")
    return stems
