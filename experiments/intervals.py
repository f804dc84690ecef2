"""`python -m experiments.intervals [COUNT]`: do the intervals of `jaxstack.compare` hold what they say?

Differences of games by runs are drawn with known effects of games, of runs that games share, and of both
together; of COUNT draws (2,000), printed is how many of the 95% intervals held the true mean, and how many
predictions the next game. On the simulation error alone, a share of 95% is printed as 94.0% to 96.0%.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy import stats

from jaxstack.comparison import clustered

SHAPES = ((1, 30), (3, 200), (5, 20), (8, 50), (30, 8))  # games, runs
SPREADS = ((1.0, 1.0, 1.0), (1.0, 0.0, 1.0), (0.0, 1.0, 1.0), (0.0, 0.0, 1.0), (1.0, 0.1, 5.0))


def differences(
    rng: np.random.Generator, games: int, runs: int, spread: tuple[float, float, float]
) -> np.ndarray:
    """[G, S] of mean zero, with standard deviations of games, of runs and of the rest."""
    of_games, of_runs, rest = spread
    shared = of_games * rng.normal(size=(games, 1)) + of_runs * rng.normal(size=(1, runs))
    return shared + rest * rng.normal(size=(games, runs))


def shares_within(
    games: int, runs: int, spread: tuple[float, float, float], count: int, seed: int = 0
) -> tuple[float, float]:
    """Shares of intervals that hold the true mean, and of predictions that hold the next game's.

    One game says nothing of the next; its own effect is then part of the truth.
    """
    rng = np.random.default_rng(seed)
    mean = following = 0
    for _ in range(count):
        drawn = differences(rng, games, runs, spread if games > 1 else (0.0, *spread[1:]))
        found = clustered(drawn)
        mean += abs(found.mean) <= stats.t.ppf(0.975, found.freedom) * found.stderr
        if games > 1:
            reach = stats.t.ppf(0.975, games - 1) * np.hypot(found.stderr, found.game_spread)
            following += abs(found.mean - spread[0] * rng.normal()) <= reach
    return mean / count, following / count if games > 1 else np.nan


def main(count: int) -> None:
    """Print a row for every shape and spread."""
    print(f"{'games':>5} {'runs':>5}  {'spread of games, runs, rest':27}  mean in its interval  next game")
    for games, runs in SHAPES:
        for spread in SPREADS:
            mean, following = shares_within(games, runs, spread, count)
            told = ", ".join(f"{each:g}" for each in spread)
            after = f"{following:.1%}" if games > 1 else "-"
            print(f"{games:5} {runs:5}  {told:27}  {mean:20.1%}  {after:>9}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
