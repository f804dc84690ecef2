"""How often `solve` agrees with exact rational arithmetic on games whose payoffs nearly tie.

Integer payoffs have exact ties in plenty; noise turns them into near-ties, which rounding can take for ties
and tolerances can. Prints, by size of the noise, how many games get the value that exact arithmetic gives.

    python -m experiments.noise                          (1,000 games a row: about five minutes)
    python -m experiments.noise --games 100 --methods vertices,programs --ties robust
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

import jaxstack as js
from tests.reference.optimum import optimum

NOISES = (0.0, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5)
AGREED = 1e-9  # on payoffs up to 3


def noisy_game(seed: int, noise: float, penalty: float = 0.0, offset: float = 0.0) -> tuple[js.Game, Any]:
    """L = 3, n = 2, K = 2, A = 2: payoffs 0, 1 or 2 with noise; both are functions of the seed.

    Args:
      noise: standard deviation of what is added to every follower payoff.
      penalty: subtracted from one payoff in eight ("never").
      offset: a number up to this, the same for both actions, is added to follower payoffs.
    """
    rng = np.random.default_rng([seed, 7])
    follower = rng.integers(3, size=(2, 2, 3, 2)).astype(float)
    follower += noise * rng.normal(size=follower.shape)
    follower -= penalty * (rng.uniform(size=follower.shape) < 1 / 8)
    follower += np.rint(offset * rng.uniform(-1, 1, size=(2, 2, 3, 1)))
    leader = rng.integers(4, size=(3, 2, 2)).astype(float)
    return js.Game(leader, follower), js.IndependentTypes([[0.5, 0.5], [0.25, 0.75]])


def agreement(method: str, ties: str, noise: float, num_games: int) -> tuple[int, float]:
    """Number of games with the exact value, and the largest error."""
    errors = list(errors_of(method, ties, noise, num_games))
    return sum(error <= AGREED for error in errors), max(errors)


def errors_of(method: str, ties: str, noise: float, num_games: int) -> Iterator[float]:
    """|value - exact value| of each game; infinite where the method raises."""
    for seed in range(num_games):
        game, types = noisy_game(seed, noise)
        try:
            value = js.solve(game, types, method=method, ties=ties).value
            yield float(abs(Fraction(float(value)) - optimum(game, types, ties)))
        except (RuntimeError, ValueError):
            yield float("inf")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--games", type=int, default=1000)
    parser.add_argument("--methods", default="vertices")
    parser.add_argument("--ties", default="optimistic,robust")
    options = parser.parse_args()
    print(f"{'noise':>8} {'method':>10} {'ties':>10} {'agree':>6} of {options.games}, largest error")
    for noise in NOISES:
        for ties in options.ties.split(","):
            for method in options.methods.split(","):
                agreed, worst = agreement(method, ties, noise, options.games)
                print(f"{noise:8.0e} {method:>10} {ties:>10} {agreed:6} {worst:.2g}", flush=True)


if __name__ == "__main__":
    main()
