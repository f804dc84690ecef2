"""Games whose followers have types and actions of their own, against references that know of no padding.

Prints three counts:
  - random unequal games whose regions and optimum are those of linear programs over lists, by every method;
  - runs of learners that are the same, to the last bit, with and without entries that a mask takes out;
  - rows of batches of unequal games that are the same, to the last bit, as the games by themselves.

    python -m experiments.unequal                        (50 games, 10 pairs, 5 batches: some minutes)
    python -m experiments.unequal --games 5 --pairs 2 --batches 1
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxstack as js
from tests.reference import unequal as reference

AGREED = 1e-9  # on payoffs up to 4
PAYOFFS, TYPES = ("tabular", "separable", "anonymous"), ("joint", "independent", "mixture")
LEARNERS = ("erm_joint", "erm_product", "region_ucb", "oful", "uniform", "explore_then_commit")


class Case(NamedTuple):
    """An unequal game, its types, and the same as lists."""

    game: js.Game
    types: Any
    lists: reference.Lists


def random_case(seed: int) -> Case:
    """L = 2 to 4, 1 to 3 followers with 1 to 3 types and 1 to 3 actions, some of which a type may lack.

    Payoffs are real numbers, or (every fourth game) whole numbers of 0 to 3, which tie in plenty. Actions
    that a type lacks have payoff nan.
    """
    rng = np.random.default_rng([seed, 11])
    L, n = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    counts = rng.integers(1, 4 if n < 3 else 3, size=n).tolist()
    sizes = rng.integers(1, 4, size=n).tolist()

    def numbers(*shape: int) -> np.ndarray:
        return rng.integers(4, size=shape).astype(float) if seed % 4 == 3 else rng.uniform(-1, 3, shape)

    follower = [[numbers(L, a) for _ in range(k)] for k, a in zip(counts, sizes, strict=True)]
    has = [[rng.uniform(size=a) < 0.8 for _ in range(k)] for k, a in zip(counts, sizes, strict=True)]
    for own in (mask for masks in has for mask in masks):
        own[rng.integers(len(own))] = True
    given = [
        [np.where(mask, table, np.nan) for table, mask in zip(*own, strict=True)]
        for own in zip(follower, has, strict=True)
    ]
    leader, payoff_of = _leader(PAYOFFS[seed % 3], numbers, L, sizes)
    types, probability = _types(TYPES[seed // 3 % 3], rng, counts)
    actions = [[np.flatnonzero(mask).tolist() for mask in own] for own in has]
    game = js.Game(leader, given, available=[[mask.tolist() for mask in own] for own in has])
    return Case(game, types, reference.Lists(follower, actions, payoff_of, probability))


def _leader(kind: str, numbers: Any, L: int, sizes: list[int]) -> tuple[Any, Any]:
    """A leader payoff, and the same as a function of the joint action."""
    n, A = len(sizes), max(sizes)
    if kind == "tabular":
        table = numbers(L, *sizes)
        return js.TabularPayoff(table), lambda actions: table[(slice(None), *actions)]
    if kind == "separable":
        tables = [numbers(L, size) for size in sizes]
        return js.SeparablePayoff([table.tolist() for table in tables]), lambda actions: np.sum(
            [table[:, a] for table, a in zip(tables, actions, strict=True)], axis=0
        )
    table = numbers(L, *(n + 1,) * (A - 1))
    payoff = js.AnonymousPayoff(table, num_followers=n)
    return payoff, lambda actions: table[(slice(None), *(actions.count(a) for a in range(1, A)))]


def _types(kind: str, rng: np.random.Generator, counts: list[int]) -> tuple[Any, dict[Any, float]]:
    """A type distribution, and the probability of every joint type."""
    if kind == "joint":
        table = rng.dirichlet(np.ones(np.prod(counts))).reshape(counts)
        return js.JointTypes(table), {t: float(table[t]) for t in reference.joint_types(counts)}
    parts = [[rng.dirichlet(np.ones(k)).tolist() for k in counts] for _ in range(2)]
    if kind == "independent":
        return js.IndependentTypes(parts[0]), reference.independent(parts[0])
    first, second = map(reference.independent, parts)
    types = js.MixtureTypes([0.25, 0.75], parts)
    return types, {theta: 0.25 * first[theta] + 0.75 * second[theta] for theta in first}


def errors(case: Case) -> dict[str, float]:
    """By method, |value - that of the linear programs|; as "regions", maps that only one side has."""
    maps = reference.response_maps(case.lists)
    value = reference.optimum(case.lists, maps)
    table = js.enumerate_regions(case.game)
    exists = (np.arange(case.game.num_types) < case.game.types_by_follower[:, None]).ravel()
    found = {tuple(w.ravel()[exists].tolist()) for w in np.asarray(table.responses)}
    result = {"regions": float(len(found ^ set(maps)))}
    for method in ("vertices", "programs", "milp"):
        result[method] = abs(js.solve(case.game, case.types, method).value - value)
    return result


def masked_pair(seed: int) -> tuple[tuple[js.Game, Any], tuple[js.Game, Any]]:
    """A game of n = K = A = 2, and one of K = A = 3 in which a mask leaves no more than that."""
    rng = np.random.default_rng([seed, 12])
    L, kind = 3, PAYOFFS[seed % 3]
    shapes = {"tabular": (2, 2), "separable": (2,), "anonymous": (3,)}
    wider = {"tabular": (3, 3), "separable": (3,), "anonymous": (3, 3)}
    front = (2, L) if kind == "separable" else (L,)
    small, large = rng.uniform(size=(*front, *shapes[kind])), rng.uniform(5, 9, (*front, *wider[kind]))
    if kind == "anonymous":
        large[:, :, 0] = small
    else:
        large[(..., *[slice(2)] * len(wider[kind]))] = small
    payoff = {"tabular": js.TabularPayoff, "separable": js.SeparablePayoff, "anonymous": js.AnonymousPayoff}[
        kind
    ]
    follower, masked = rng.uniform(size=(2, 2, L, 2)), rng.uniform(5, 9, (2, 3, L, 3))
    masked[:, :2, :, :2] = follower
    available = np.zeros((2, 3, 3), bool)
    available[:, :2, :2] = True
    marginals = rng.dirichlet(np.ones(2), size=2)
    types, padded = js.IndependentTypes(marginals), js.IndependentTypes(np.pad(marginals, [(0, 0), (0, 1)]))
    if seed % 2:
        types, padded = (js.JointTypes(np.multiply.outer(*t.probabilities)) for t in (types, padded))
    return (js.Game(payoff(small), follower), types), (
        js.Game(payoff(large), masked, available=available),
        padded,
    )


def equal_runs(seed: int, learner: str, horizon: int, num_runs: int) -> int:
    """Runs whose regret is the same, to the last bit, in both games of a pair."""
    curves = [
        js.simulate(jax.random.key(seed), *problem, _by_name(learner), horizon=horizon, num_runs=num_runs)
        for problem in masked_pair(seed)
    ]
    same = np.asarray(curves[0].regret) == np.asarray(curves[1].regret)
    return int(same.all(axis=-1).sum())


def batch_difference(cases: list[Case], learner: str, horizon: int, num_runs: int) -> list[float]:
    """By game, the largest difference of a run's regret between the batch and the game by itself."""
    key, settings = jax.random.key(7), {"horizon": horizon, "num_runs": num_runs}
    batch = js.stack([case.game for case in cases]), js.stack([case.types for case in cases])
    together = js.simulate(key, *batch, _by_name(learner), **settings)
    alone = [js.simulate(key, case.game, case.types, _by_name(learner), **settings) for case in cases]
    return [float(np.abs(one.regret - row).max()) for one, row in zip(alone, together.regret, strict=True)]


def _by_name(learner: str) -> Any:
    return getattr(js.learners, learner)()


def main() -> None:
    """Print the counts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for name, default in (("games", 50), ("pairs", 10), ("batches", 5), ("horizon", 1000), ("runs", 16)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    found = [errors(random_case(seed)) for seed in range(options.games)]
    for what in found[0] if found else ():
        worst = [each[what] for each in found]
        agreed = sum(error <= AGREED for error in worst)
        print(f"{what:>10}: {agreed} of {len(worst)} games agree, largest error {max(worst):.2g}", flush=True)
    for learner in LEARNERS:
        runs = options.pairs * options.runs
        same = sum(equal_runs(seed, learner, options.horizon, options.runs) for seed in range(options.pairs))
        print(f"{learner:>20}: {same} of {runs} runs the same without masked entries", flush=True)
    for learner in LEARNERS:
        worst = []
        for batch in range(options.batches):
            cases = [
                random_case(9 * number + batch) for number in range(40)
            ]  # of one payoff and one kind of types
            of_one_size = [case for case in cases if case.game.num_leader_actions == 3][:4]
            worst += batch_difference(of_one_size, learner, options.horizon, options.runs)
        exact, most = sum(error == 0 for error in worst), max(worst, default=0.0)
        print(f"{learner:>20}: {exact} of {len(worst)} rows exact, largest difference {most:.2g}")


if __name__ == "__main__":
    main()
