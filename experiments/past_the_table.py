"""Regret of learners that need no region table, over the payoff range: what it costs, and how it grows.

Random games, payoffs sums over followers, independent types; game number i is `random_game(i)`, and games of
one size are played side by side. Three questions, one each:

    python -m experiments.past_the_table regret --sizes 5x5,10x5,20x5,50x5,20x20   (L x n; K = A = 3)
    python -m experiments.past_the_table loss        (games with a table: with it, and without it; what is
        played before anything was seen differs, and so the first ten rounds are left out of the ratio)
    python -m experiments.past_the_table growth      (ERM and its bound, from L = 2 to 50, n = 5)

`--learners`, `--games`, `--runs`, `--horizon` and `--first` (the first game) say who plays what how long.
Regret is against the best commitment that a search finds on the true distribution, or the exact optimum where
there is a table; `gap` is how much more another commitment may earn in a round, at most, as far as is proved.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxstack as js

DECADES = (10, 10**3, 10**4, 10**5, 10**6)  # in the first ten rounds all learners guess


class Sizes(NamedTuple):
    """L and n."""

    leader: int
    followers: int


class Row(NamedTuple):
    """A learner on games of one size; regret over the range of the leader's payoffs, over games and runs.

    mean: at 10, 10^3, 10^4, .. and T. largest: of all runs at T. lowest: of all rounds told, below 0 where
    the learner beat the commitment that it is measured by. gap: the largest. seconds: of all there is to do.
    """

    who: str
    sizes: Sizes
    mean: tuple[float, ...]
    stderr: float
    largest: float
    lowest: float
    gap: float
    seconds: float

    def __str__(self) -> str:
        means = " / ".join(f"{mean:.3g}" for mean in self.mean)
        return (
            f"L={self.sizes.leader:<3} n={self.sizes.followers:<3} {self.who:32} {means} "
            f"(+- {self.stderr:.2g}, largest {self.largest:.3g}, lowest {self.lowest:.2g}), "
            f"gap {self.gap:.2g}, {self.seconds:.0f} s"
        )


def games_of(sizes: Sizes, first: int, count: int, small: int = 3) -> tuple[js.Game, Any]:
    """A stack of games, and of their types; `small` is K and A."""
    pairs = [
        js.scenarios.random_game(
            first + i, sizes.leader, sizes.followers, small, small, payoff="separable", types="independent"
        )
        for i in range(count)
    ]
    games, types = zip(*pairs, strict=True)
    return js.stack(games), js.stack(types)


def played(learner: Any, game: js.Game, types: Any, options: Any, table: Any = False) -> Any:
    """The curve of a learner on a stack of games, told at ten rounds and every power of ten from 10^3 on.

    `options` has the seed, the horizon, and the number of runs.
    """
    return js.simulate(
        jax.random.key(options.seed),
        game,
        types,
        learner,
        horizon=options.horizon,
        num_runs=options.runs,
        table=table,
        checkpoints=[t for t in DECADES if t < options.horizon] + [options.horizon],
    )


def over_range(curve: Any, game: js.Game) -> np.ndarray:
    """[G, S, C]: regret over the range of the leader's payoffs."""
    low, high = game.payoff_bounds()
    return np.asarray(curve.regret / (high - low)[:, None, None])


def row(who: str, learner: Any, sizes: Sizes, options: argparse.Namespace, table: Any, small: int = 3) -> Row:
    """A learner on games of these sizes, with this table or, if that is False, without."""
    game, types = games_of(sizes, options.first, options.games, small)
    began = time.perf_counter()
    curve = played(learner, game, types, options, table)
    regret = over_range(curve, game)
    low, high = game.payoff_bounds()
    final = regret[..., -1]
    return Row(
        who,
        sizes,
        tuple(float(mean) for mean in regret.mean(axis=(0, 1))),
        float(final.mean(axis=1).std(ddof=1) / np.sqrt(options.games)) if options.games > 1 else np.nan,
        float(final.max()),
        float(regret.min()),
        float(np.max(curve.optimum_gap / (high - low))),
        time.perf_counter() - began,
    )


def learners_of(options: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    """Who plays, by name; `name@0.05` has epochs of that share."""
    for name in options.learners.split(","):
        name, _, growth = name.partition("@")
        made = js.learners.ROSTER[name](**({"growth": float(growth)} if growth else {}))
        yield name, made


def regret(options: argparse.Namespace) -> Iterator[Row]:
    """Past the table."""
    for sizes in options.sizes:
        for name, learner in learners_of(options):
            yield row(name, learner, sizes, options, False)


def loss(options: argparse.Namespace) -> Iterator[Row]:
    """The same games and draws with a table and without: what a search in epochs costs, and nothing else."""
    for sizes in options.sizes:
        game, _ = games_of(sizes, options.first, options.games, options.small)
        table = js.enumerate_regions(game)
        for name, learner in learners_of(options):
            yield row(f"{name}, table", learner, sizes, options, table, options.small)
            yield row(f"{name}, no table", learner.without_table, sizes, options, table, options.small)


def growth(options: argparse.Namespace) -> Iterator[Row]:
    """ERM as L grows."""
    for sizes in options.sizes:
        for name, learner in learners_of(options):
            yield row(name, learner, sizes, options, False)


def bound(sizes: Sizes, horizon: int, small: int = 3) -> float:
    """The rate of ERM's theorem with constant 1, over the range of payoffs."""
    game, _ = games_of(sizes, 0, 1, small)
    one = js.unstack(game, 0)
    low, high = one.payoff_bounds()
    return js.bounds.regret("erm_product", one, horizon) / float(high - low)


SIZES = {"regret": "5x5,10x5,20x5,50x5", "loss": "2x2,3x2,4x2,5x1", "growth": "2x5,5x5,10x5,20x5,50x5"}
LEARNERS = {"regret": "erm_product,marginal_posterior@0.05", "loss": "erm_joint", "growth": "erm_product"}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=tuple(SIZES))
    parser.add_argument("--sizes", help="L x n, such as 20x5,50x5")
    parser.add_argument("--learners", help="names; NAME@0.05 sets the growth of epochs")
    parser.add_argument("--games", type=int, default=16)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--horizon", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small", type=int, default=3, help="K and A of the games with a table")
    options = parser.parse_args(arguments)
    options.learners = options.learners or LEARNERS[options.what]
    sizes = (options.sizes or SIZES[options.what]).split(",")
    options.sizes = [Sizes(*map(int, size.split("x"))) for size in sizes]
    print(f"{options.games} games x {options.runs} runs, T = {options.horizon:,}; games from {options.first}")
    last: tuple[float, ...] = ()
    for told in {"regret": regret, "loss": loss, "growth": growth}[options.what](options):
        more = ""
        if options.what == "growth":
            least = bound(told.sizes, options.horizon)
            more = f"; over the rate of the theorem ({least:,.0f}): {told.mean[-1] / least:.2g}"
        if told.who.endswith(", no table"):
            free, tabled = (mean[-1] - mean[0] for mean in (told.mean, last))
            more = f"; over that with a table, after round 10: {np.divide(free, tabled):.3f}"
        last = told.mean
        print(f"{told}{more}", flush=True)


if __name__ == "__main__":
    main()
