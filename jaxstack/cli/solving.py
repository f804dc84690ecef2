"""`jaxstack solve`: the optimal commitment of a game, by any method, within a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text


def solve_game(
    path: Path, method: str | None, ties: str, time_limit: float | None, form: str, console: Console
) -> None:
    """Solve a game file and print the solution.

    Args:
      path: game file.
      method, ties, time_limit: as for `jaxstack.solve`.
      form: "text", "json" or "latex".
      console: where to.
    """
    import time

    from jaxstack import scenarios, solvers
    from jaxstack.exports import solution as exports

    file = scenarios.load_game_file(path)
    began = time.perf_counter()
    with console.status("solving"):
        solution = solvers.solve(file.game, file.types, method, ties, time_limit=time_limit)
        seconds = time.perf_counter() - began
    if form == "json":
        record = {"game": str(path), "seconds": round(seconds, 4), **exports.record_of(solution, file)}
        print_json(record, console)
    elif form == "latex":
        console.print(Text(solution.to_latex(file)), soft_wrap=True, end="")
    else:
        console.print(Text(repr(exports.table_of(solution, file))), soft_wrap=True)
        console.print(Text(f"\n{_proof(solution)} {seconds:.2g} s."), soft_wrap=True)
        for line in filter(
            None, (solution.reason and f"Why {solution.method}: {solution.reason}.", solution.warning())
        ):
            console.print(Text(line), soft_wrap=True)


def print_json(record: Any, console: Console) -> None:
    """JSON that any reader accepts, in one piece whatever the width."""
    console.print(Text(json.dumps(record, indent=2, allow_nan=False, ensure_ascii=True)), soft_wrap=True)


def _proof(solution: Any) -> str:
    """How good the value is known to be."""
    if solution.gap is None:
        return f"A lower bound by {solution.method!r}: nothing is known of how much more can be earned."
    if solution.gap > 0:
        return f"By {solution.method!r}: no commitment earns over {solution.gap:.3g} payoff units more."
    return f"Optimal, proved by {solution.method!r}."
