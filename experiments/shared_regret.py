"""Regret of learners that see actions on families of games: mean, median, largest, and failures.

Families as in `experiments/families.py`, whose games are played side by side; or, with --followers, random
games of many followers (L = 2, K = A = 2, independent types), anonymous and separable.

    python -m experiments.shared_regret                                (A to H, 50 games x 4 runs, T = 10^4)
    python -m experiments.shared_regret --horizon 100000 --learners shared_posterior,erm_joint  (beside types)
    python -m experiments.shared_regret --learners oful --scale 0.125  (a factor on the confidence radius)
    python -m experiments.shared_regret --first 1000                   (fresh games)
    python -m experiments.shared_regret --followers 200 --learners marginal_posterior,erm_product --games 1
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import numpy as np

import jaxstack as js
from experiments.families import FAMILIES, decades, failed, games_of


def crowd(payoff: str, followers: int, first: int, count: int) -> tuple[js.Game, Any]:
    """Random games of so many followers, of independent types."""
    sizes = (2, followers, 2, 2)
    pairs = [
        js.scenarios.random_game(first + i, *sizes, payoff=payoff, types="independent") for i in range(count)
    ]
    games, types = zip(*pairs, strict=True)
    return js.stack(games), js.stack(types)


def row(batch: tuple[js.Game, Any], name: str, options: argparse.Namespace) -> str:
    """A learner's numbers on a batch of games."""
    scaled = {"radius_scale": options.scale} if options.scale != 1 else None
    regret = decades(
        *batch,
        js.learners.by_name(name),
        horizon=options.horizon,
        runs=options.runs,
        seed=options.first,
        hparams=scaled,
    )
    before, after = regret
    numbers = (before.mean(), after.mean(), np.median(after), after.max())
    return " ".join(f"{number:8.1f}" for number in numbers) + f" {failed(regret).mean():7.3f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--families", default=",".join("ABCDEFGH"), help=f"of {', '.join(FAMILIES)}")
    parser.add_argument("--learners", default="shared_posterior,vector_oful,oful")
    parser.add_argument("--followers", type=int, help="random games of so many followers instead")
    parser.add_argument("--games", type=int, default=50)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--horizon", type=int, default=10_000)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="factor on the radius of optimistic learners"
    )
    parser.add_argument("--first", type=int, default=0, help="number of the first game")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", "marginal_posterior takes types")
    names = ("anonymous", "separable") if options.followers else options.families.split(",")
    print(f"{'':>18} {'learner':>18} {'T/10':>8} {'T':>8} {'median':>8} {'largest':>8} {'failed':>7}")
    for name in names:
        if options.followers:
            batch = crowd(name, options.followers, options.first, options.games)
        else:
            batch = games_of(name, options.first, options.games)
        for learner in options.learners.split(","):
            print(f"{name:>18} {learner:>18} {row(batch, learner, options)}", flush=True)


if __name__ == "__main__":
    main()
