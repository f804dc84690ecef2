"""Regret of learners that see actions on families of random games: mean, median, largest, and failures.

A run fails where its last decade of rounds cost more than 6 times what went before, and more than 50 payoffs:
it looks linear. Families (L, n, K, A) as below; game number i of a family is `random_game(i)`, and all games
of a family are played side by side.

    python -m experiments.shared_regret                                (A to H, 50 games x 4 runs, T = 10^4)
    python -m experiments.shared_regret --families A,F --horizon 100000 --learners shared_posterior
    python -m experiments.shared_regret --learners oful --scale 0.125  (a factor on the confidence radius)
    python -m experiments.shared_regret --first 1000                   (fresh games)
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxstack as js


class Family(NamedTuple):
    """Sizes, and what `random_game` is told besides."""

    sizes: tuple[int, int, int, int]
    how: dict[str, Any]


FAMILIES = {
    "A": Family((2, 2, 3, 2), {"types": "joint"}),
    "B": Family((3, 2, 3, 3), {"types": "joint"}),
    "C": Family((4, 2, 3, 2), {"types": "joint"}),
    "D": Family((3, 1, 6, 3), {"types": "joint"}),
    "E": Family((3, 3, 3, 2), {"types": "joint"}),  # D sparse: see `games_of`
    "F": Family((3, 4, 2, 2), {"types": "independent"}),
    "G": Family((2, 3, 4, 2), {"types": "mixture", "correlation": 0.5}),
    "H": Family((3, 3, 2, 2), {"types": "mixture", "correlation": 1.0}),
}
SPARSE = ("E",)  # types by Dirichlet(0.1)


class Row(NamedTuple):
    """Over all games and runs, payoff units; `decades` are means at T/10 and T."""

    decades: tuple[float, float]
    median: float
    largest: float
    failed: float


def games_of(name: str, first: int, count: int) -> tuple[js.Game, Any]:
    """A stack of games of a family, and of their types."""
    family = FAMILIES[name]
    pairs = [js.scenarios.random_game(first + i, *family.sizes, **family.how) for i in range(count)]
    games, types = zip(*pairs, strict=True)
    if name in SPARSE:
        _, n, num_types, _ = family.sizes
        drawn = [
            np.random.default_rng([first + i, 1]).dirichlet(np.full(num_types**n, 0.1)) for i in range(count)
        ]
        types = tuple(js.JointTypes(of_game.reshape((num_types,) * n)) for of_game in drawn)
    return js.stack(games), js.stack(types)


def row(name: str, learner: Any, options: argparse.Namespace) -> Row:
    """A learner on a family."""
    game, types = games_of(name, options.first, options.games)
    scaled = {"radius_scale": options.scale} if options.scale != 1 else None
    curve = js.simulate(
        jax.random.split(jax.random.key(options.first), options.games),
        game,
        types,
        learner,
        horizon=options.horizon,
        num_runs=options.runs,
        checkpoints=[options.horizon // 10, options.horizon],
        hparams=scaled,
    )
    before, after = np.moveaxis(np.asarray(curve.regret).reshape(-1, 2), -1, 0)
    failed = (after - before > 6 * before) & (after > 50)
    return Row((before.mean(), after.mean()), float(np.median(after)), after.max(), failed.mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--learners", default="shared_posterior,vector_oful,oful")
    parser.add_argument("--games", type=int, default=50)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--horizon", type=int, default=10_000)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="factor on the radius of optimistic learners"
    )
    parser.add_argument("--first", type=int, default=0, help="number of the first game")
    options = parser.parse_args()
    print(f"{'':>2} {'learner':>18} {'T/10':>8} {'T':>8} {'median':>8} {'largest':>8} {'failed':>7}")
    for name in options.families.split(","):
        for learner in options.learners.split(","):
            found = row(name, js.learners.by_name(learner), options)
            numbers = " ".join(f"{number:8.1f}" for number in (*found.decades, found.median, found.largest))
            print(f"{name:>2} {learner:>18} {numbers} {found.failed:7.3f}", flush=True)


if __name__ == "__main__":
    main()
