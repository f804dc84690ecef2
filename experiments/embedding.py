"""Whether a leader payoff that depends on types is what its embedding by (type, action) blocks is.

The same game can be written with payoffs of actions alone: every follower has K A actions (k, a), of which a
follower of type k never prefers those of another type's block. Both forms must have the same regions, the
same optimum by every method, and, where types are seen, the same regret run by run. `oful` learns from its
own payoff, and so plays both alike, too. The optimum is also that of the LPs of `tests/reference/`. Prints
how many games agree.

    python -m experiments.embedding                      (200 games: about ten minutes)
    python -m experiments.embedding --games 8 --horizon 64
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxstack as js
from tests.reference import regions

SHAPES = ((2, 1, 2, 2), (3, 1, 3, 2), (3, 2, 2, 2), (2, 3, 2, 2), (4, 2, 2, 2))  # L, n, K, A
PAYOFFS = ("separable", "tabular")
METHODS = (
    ("vertices", "optimistic"),
    ("vertices", "robust"),
    ("programs", "optimistic"),
    ("milp", "optimistic"),
    ("milp", "robust"),
)
LEARNERS = ("erm_joint", "erm_product", "oful")
AGREED = 1e-9  # on payoffs up to 2


class Pair(NamedTuple):
    """One game in both forms."""

    typed: js.Game
    embedded: js.Game
    types: Any


def pair_of(seed: int, payoff: str, shape: tuple[int, int, int, int]) -> Pair:
    """A random game in both forms; about half have whole-number follower payoffs, and so exact ties."""
    rng = np.random.default_rng([seed, 11])
    L, n, K, A = shape
    follower = rng.uniform(-1, 1, (n, K, L, A))
    if rng.integers(2):
        follower = np.rint(2 * follower)
    types = js.JointTypes(rng.dirichlet(np.ones(K**n)).reshape((K,) * n))
    if payoff == "separable":
        table = rng.uniform(-1, 1, (n, K, L, A))
        typed: Any = js.TypedPayoff.separable(table)
    else:
        table = rng.uniform(-1, 1, (L, *(A,) * n, *(K,) * n))
        typed = js.TypedPayoff.tabular(table)
    return Pair(js.Game(typed, follower), embedded(payoff, table, follower), types)


def embedded(payoff: str, table: np.ndarray, follower: np.ndarray) -> js.Game:
    """The game of K A actions, block by block."""
    n, K, L, A = follower.shape
    moves = [(k, a) for k in range(K) for a in range(A)]
    prefers = np.broadcast_to(follower.min(axis=(2, 3), keepdims=True) - 1, (n, K, L, K * A)).copy()
    for number, (k, a) in enumerate(moves):
        prefers[:, k, :, number] = follower[:, k, :, a]
    if payoff == "separable":
        by_move = np.stack([table[:, k, :, a] for k, a in moves], axis=-1)
        return js.Game(js.SeparablePayoff(by_move), prefers)
    by_move = np.empty((L, *(K * A,) * n))
    for joint in np.ndindex(*by_move.shape[1:]):
        theta, actions = zip(*(moves[number] for number in joint), strict=True)
        by_move[(slice(None), *joint)] = table[(slice(None), *actions, *theta)]
    return js.Game(js.TabularPayoff(by_move), prefers)


def optima_differ(pair: Pair) -> dict[str, float]:
    """|difference| of the two forms' values by every method and tie rule, and of the first from the LPs'."""
    found = {
        f"{method} {ties}": [
            float(js.solve(game, pair.types, method=method, ties=ties).value)
            for game in (pair.typed, pair.embedded)
        ]
        for method, ties in METHODS
    }
    responses = regions.search(np.asarray(pair.typed.follower))
    found["reference LPs"] = [
        found["vertices optimistic"][0],
        regions.optimum(pair.typed, pair.types, responses),
    ]
    return {what: abs(first - second) for what, (first, second) in found.items()}


def regrets_differ(pairs: list[Pair], learner: str, horizon: int, num_runs: int = 8) -> np.ndarray:
    """[G]: the largest |difference| of the two forms' regrets, of any run at any checkpoint; payoff units."""
    types = js.stack([pair.types for pair in pairs])
    curves = [
        js.simulate(
            jax.random.key(3),
            js.stack(games),
            types,
            js.learners.by_name(learner),
            horizon=horizon,
            num_runs=num_runs,
        ).regret
        for games in ([pair.typed for pair in pairs], [pair.embedded for pair in pairs])
    ]
    return np.abs(np.subtract(*curves)).max(axis=(-2, -1))


def agreement(
    pairs: list[Pair], horizon: int, learners: tuple[str, ...] = LEARNERS
) -> dict[str, tuple[int, float]]:
    """Of every comparison, how many games agree and the largest difference; games of one shape."""
    solved = [optima_differ(pair) for pair in pairs]
    found = {what: np.array([of[what] for of in solved]) for what in solved[0]}
    found |= {learner: regrets_differ(pairs, learner, horizon) for learner in learners}
    return {what: (int((d <= AGREED).sum()), float(d.max())) for what, d in found.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--games", type=int, default=200)
    parser.add_argument("--horizon", type=int, default=1000)
    options = parser.parse_args()
    groups = [(shape, payoff) for shape in SHAPES for payoff in PAYOFFS]
    for number, (shape, payoff) in enumerate(groups):
        pairs = [pair_of(seed, payoff, shape) for seed in range(number, options.games, len(groups))]
        if not pairs:
            return
        print("L={} n={} K={} A={}".format(*shape), f"{payoff}: {len(pairs)} games")
        for what, (agreed, worst) in agreement(pairs, options.horizon).items():
            print(f"    {what:22} {agreed:4} agree, largest difference {worst:.2g}", flush=True)


if __name__ == "__main__":
    with jax.enable_x64(True):
        main()
