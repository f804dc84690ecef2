"""What each method of `solve` does for games of growing sizes, given a few seconds: the table of the docs.

One random game a size (seed 0). Prints a Markdown table; a cell says how many seconds one core worked and,
where the method proved no optimum, what share of the leader's payoff range is left between value and bound.

    python -m experiments.limits > experiments/results/limits.md        (about five minutes)
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

import jaxstack as js

Made = tuple[js.Game, Any]


def _random(L: int, n: int, K: int, A: int, payoff: str = "tabular", types: str = "joint") -> Made:
    return js.scenarios.random_game(0, L, n, K, A, payoff=payoff, types=types)


SIZES: dict[str, Callable[[], Made]] = {
    "3, 2, 3, 2 tabular": lambda: _random(3, 2, 3, 2),
    "4, 2, 4, 3 tabular": lambda: _random(4, 2, 4, 3),
    "5, 3, 3, 3 tabular": lambda: _random(5, 3, 3, 3),
    "8, 2, 3, 3 tabular": lambda: _random(8, 2, 3, 3),
    "20, 2, 2, 3 tabular": lambda: _random(20, 2, 2, 3),
    "50, 3, 2, 3 tabular": lambda: _random(50, 3, 2, 3),
    "2, 500, 3, 2 separable": lambda: _random(2, 500, 3, 2, "separable", "independent"),
    "3, 50, 4, 2 separable": lambda: _random(3, 50, 4, 2, "separable", "independent"),
    "5, 20, 2, 2 separable": lambda: _random(5, 20, 2, 2, "separable", "independent"),
    "20, 5, 3, 3 separable": lambda: _random(20, 5, 3, 3, "separable", "independent"),
    "20, 20, 2, 2 separable": lambda: _random(20, 20, 2, 2, "separable", "independent"),
    "50, 5, 3, 3 separable": lambda: _random(50, 5, 3, 3, "separable", "independent"),
    "10, 10, 3, 3 separable": lambda: _random(10, 10, 3, 3, "separable", "independent"),
    "2, 200, 2, 2 anonymous": lambda: _random(2, 200, 2, 2, "anonymous", "independent"),
    "4, 20, 2, 2 anonymous": lambda: _random(4, 20, 2, 2, "anonymous", "independent"),
    "coverage of 8 targets": lambda: js.scenarios.random_coverage_game(0, 8, 3, num_types=3),
    "coverage of 20 targets": lambda: js.scenarios.random_coverage_game(0, 20, 5, num_types=3),
}


def cell(game: js.Game, types: Any, method: str, seconds: float) -> str:
    """What one method does with one game."""
    began = time.process_time()
    try:
        solution = js.solve(game, types, method=method, time_limit=seconds)
    except (MemoryError, TimeoutError, ValueError) as refusal:
        return {TimeoutError: "too long"}.get(type(refusal), "too large")
    worked = f"{time.process_time() - began:.2g} s"
    if solution.gap is None:
        return f"{worked}, no bound"
    low, high = (float(bound) for bound in game.payoff_bounds())
    left = float(np.max(solution.gap)) / (high - low)
    return worked if left < 1e-8 else f"{worked}, {left:.1%} left" if left > 1e-3 else f"{worked}, <0.1% left"


def table(sizes: Sequence[str], methods: Sequence[str], seconds: float) -> str:
    """The Markdown table."""
    header = ["L, n, K, A", "regions", *(f"`{method}`" for method in methods), "chosen"]
    lines = [header, ["---"] * len(header)]
    for size in sizes:
        game, types = SIZES[size]()
        cells = [cell(game, types, method, seconds) for method in methods]
        chosen, _ = js.solvers.choice.choose(game, "optimistic")
        regions = float(f"{js.solvers.estimate(game).regions:.2g}")
        lines.append([size, f"{regions:,.0f}", *cells, f"`{chosen}`"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table and what it was measured on."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="time limit of each method on each game")
    parser.add_argument("--sizes", nargs="*", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--methods", nargs="*", default=list(js.solvers.METHODS))
    options = parser.parse_args(arguments)
    for method in options.methods:  # what is compiled once is not measured
        cell(*_random(2, 1, 2, 2), method, options.seconds)
    print("# What each method solves\n")
    print(
        f"Written by `python -m experiments.limits`: one random game a size, {options.seconds:g} seconds of "
        f"time a method; seconds of work of one core ({platform.machine()}), JAX {jax.__version__}, jaxstack "
        f"{js.__version__}, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores. Where more "
        "programs than cores compete, methods that stop at a time limit get less done.\n"
    )
    print(table(options.sizes, options.methods, options.seconds))


if __name__ == "__main__":
    main()
