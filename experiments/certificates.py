"""What is proved about large games: value and upper bound by method, and how far they are apart.

Gaps are in % of the leader's payoff range: between a method's bound and its own value, and between its bound
and the best value that any method found. A method has so many seconds for both.

    python -m experiments.certificates                    (about twenty minutes)
    python -m experiments.certificates --seconds 10 --games 1
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jaxstack as js
from jaxstack.report import environment

METHODS = ("milp", "walk")


class Family(NamedTuple):
    """Seeded games of one size."""

    name: str
    make: Callable[..., tuple[js.Game, Any]]
    size: tuple[int, ...]
    num_games: int


def random(seed: int, *size: int) -> tuple[js.Game, Any]:
    """Uniform payoffs that are sums over followers, independent types."""
    return js.scenarios.random_game(seed, *size, payoff="separable", types="independent")


def correlated(seed: int, *size: int) -> tuple[js.Game, Any]:
    """Uniform payoffs of joint actions, any types."""
    return js.scenarios.random_game(seed, *size, payoff="tabular", types="joint")


def families(num_games: int) -> list[Family]:
    """Sizes are L, n, K, A; of coverage games targets, guards, attackers and types."""
    return [
        Family("random", random, (20, 20, 2, 2), num_games),
        Family("random", random, (20, 5, 3, 3), num_games),
        Family("random", random, (50, 5, 3, 3), num_games),
        Family("random", random, (50, 50, 2, 2), num_games),
        Family("correlated", correlated, (20, 3, 3, 2), num_games),
        Family("coverage", js.scenarios.random_coverage_game, (50, 10, 1, 5), num_games),
    ]


def report(chosen: Iterable[Family], seconds: float, methods: Iterable[str] = METHODS) -> None:
    """Print a line for every game and method."""
    print("family       size            seed  method      value       bound   gap %  above best %  seconds")
    for family in chosen:
        for seed in range(family.num_games):
            game, types = family.make(seed, *family.size)
            low, high = game.leader.bounds()
            if game.strategies is not None:
                corners = game.strategies.frame.commitments(game.strategies.hull_shares)
                low, high = game.leader.at(corners).bounds()
            solutions = []
            for method in methods:
                began = time.perf_counter()
                solution = js.solve(game, types, method, time_limit=seconds)
                solutions.append((solution, time.perf_counter() - began))
            best = max(float(solution.value) for solution, _ in solutions)
            for solution, took in solutions:
                percent = 100 / float(high - low)
                print(
                    f"{family.name:12} {str(family.size).replace(' ', ''):15} {seed:4}  {solution.method:8} "
                    f"{solution.value:10.6f}  {solution.upper_bound:10.6f}  {percent * solution.gap:6.3f}  "
                    f"{percent * (solution.upper_bound - best):12.3f}  {took:7.1f}",
                    flush=True,
                )


def main() -> None:
    """Print the table, and what it was made on."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="for one method and one game")
    parser.add_argument("--games", type=int, default=2, help="of every family")
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    options = parser.parse_args()
    machine = environment()
    print(f"{machine['processor']}, {machine['cores']} cores; at most {options.seconds:g} seconds each")
    report(families(options.games), options.seconds, options.methods)


if __name__ == "__main__":
    main()
