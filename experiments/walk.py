"""How often the local search `walk` finds the optimum, and how long it takes.

Small games (L of 2 to 5, on strategy sets too), half of them degenerate: the value against that of the
enumeration, under both tie rules. Larger ones: against what the mixed-integer program proves. Prints counts,
and the smallest game on which the search fails.

    python -m experiments.walk                       (1,000 small games, 9 minutes of one core, and 60 large)
    python -m experiments.walk --games 40 --large 2
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from operator import itemgetter
from typing import Any

import jax
import numpy as np

import jaxstack as js
from experiments.benchmarks.measure import hardware
from jaxstack.solvers.bounding import certified
from jaxstack.solvers.contract import Clock
from jaxstack.solvers.problem import Problem
from jaxstack.solvers.walk.search import Search
from tests import games, polytopes
from tests.games import Case, Shape

EQUAL = 1e-9  # of the range of what commitments earn
SHAPES: tuple[Shape, ...] = ((2, 3, 2, 2), (3, 2, 3, 3), (4, 2, 2, 3), (5, 2, 3, 2))
LARGE: tuple[Shape, ...] = ((10, 5, 3, 3), (20, 5, 3, 3), (50, 5, 3, 3))
TIME_LIMIT = 120.0  # seconds for a certificate


def small_games(num_games: int) -> Iterator[tuple[str, Callable[[], Case]]]:
    """Every kind of payoff, types and strategy set in turn, each in general position and degenerate.

    Yields the shape of a game, for which programs are compiled, and what makes the game.
    """
    kinds = [(payoff, types) for payoff in games.PAYOFFS for types in games.TYPES]
    kinds += [(payoff, "independent") for payoff in games.TYPED_PAYOFFS]
    kinds += [("polytope", kind) for kind in ("coverage", "box", "integer", "flat")]
    for index in range(num_games):
        (payoff, kind), turn = kinds[index % len(kinds)], index // len(kinds)
        shape, degenerate = SHAPES[turn % len(SHAPES)], turn // len(SHAPES) % 2 == 1
        make = small_polytope if payoff == "polytope" else small_game
        yield f"{payoff} {kind} {shape}", partial(make, index, payoff, kind, shape, degenerate)


def small_game(index: int, payoff: str, kind: str, shape: Shape, degenerate: bool) -> Case:
    """A game of mixed strategies."""
    rng, (L, n, K, A) = np.random.default_rng([7, index]), shape
    name = f"{index} {payoff} {kind} {shape}"
    follower = rng.uniform(-1, 1, (n, K, L, A))
    if degenerate:
        follower = rng.integers(-4, 5, size=follower.shape).astype(float)
        distort = games.DEGENERACIES[index % len(games.DEGENERACIES)]
        follower, name = distort(rng, follower), f"{name} degenerate {distort.__name__}"
    leader = games.leader_payoff(rng, payoff, shape, levels=3 if degenerate else None)
    return Case(name, js.Game(leader, follower), games.type_distribution(rng, kind, shape))


def small_polytope(index: int, payoff: str, kind: str, shape: Shape, degenerate: bool) -> Case:
    """A game on a strategy set of 2 to 4 dimensions; one set for every kind and shape, and many games."""
    sets, rng = np.random.default_rng([8, *shape]), np.random.default_rng([7, index])
    polytope = polytopes.random_polytope(sets, kind, 2 + SHAPES.index(shape) % 3)
    repeat = bool(degenerate and index % 2)
    game = polytopes.random_game(rng, polytope, *shape[1:], whole=degenerate, repeat=repeat)
    name = f"{index} {payoff} {kind} {shape}{' degenerate' * degenerate}{' repeat' * repeat}"
    return Case(name, game, games.type_distribution(rng, "independent", shape))


def gaps_of(case: Case, ties: str = "optimistic") -> tuple[float, float]:
    """The optimum less what the search finds, in units of the payoff range; and less what `solve` returns.

    The latter is no less: what the search for an upper bound meets counts as well.
    """
    best = js.solve(case.game, case.types, "vertices", ties=ties).value
    problem = Problem(case.game, case.types, ties, Clock(None, None))
    search = Search(problem)
    search.run()
    assert search.best is not None, "no region that counts was met"
    found, _ = certified(problem, search.best, problem.clock)
    low, high = case.game.payoff_bounds()
    values = (problem.to_payoff(of.value) for of in (search.best, found))
    alone, checked = (float(best - value) / max(float(high - low), 1e-300) for value in values)
    return alone, checked


def compare_small(num_games: int) -> tuple[Counter[tuple[str, str]], list[str]]:
    """How often both agree, by tie rule and kind of game; and the games on which they do not."""
    counts: Counter[tuple[str, str]] = Counter()
    failures: list[str] = []
    for _, of_shape in itertools.groupby(sorted(small_games(num_games), key=itemgetter(0)), itemgetter(0)):
        for _, make in of_shape:
            case = make()
            for ties in ("optimistic", "robust"):
                kind = f"{ties}, {'degenerate' if 'degenerate' in case.name else 'general'}"
                try:
                    gaps = gaps_of(case, ties)
                except (AssertionError, RuntimeError, ValueError) as error:
                    counts[kind, "error"] += 1
                    failures.append(f"{ties}: {error} on {case.name}")
                    print("  ", failures[-1], flush=True)
                    continue
                for who, gap in zip(("search", "solve"), gaps, strict=True):
                    outcome = "above" if gap < -EQUAL else "below" if gap > EQUAL else "equal"
                    counts[f"{kind}, {who}", outcome] += 1
                    if outcome != "equal":
                        failures.append(f"{ties}, {who}: {outcome} by {gap:.2%} on {case.name}")
                        print("  ", failures[-1], flush=True)
        jax.clear_caches()  # a process cannot hold any number of compiled programs
    return counts, failures


def large_game(shape: Shape, seed: int) -> tuple[js.Game, Any]:
    """Uniform payoffs, separable; independent types."""
    L, n, K, A = shape
    rng = np.random.default_rng([11, seed])
    game = js.Game(js.SeparablePayoff(rng.uniform(size=(n, L, A))), rng.uniform(size=(n, K, L, A)))
    return game, js.IndependentTypes(rng.dirichlet(np.ones(K), size=n))


def starts_that_reach(game: js.Game, types: Any, value: float) -> tuple[int, int]:
    """Of the searches of `walk`, each by itself, how many end at a value."""
    search = Search(Problem(game, types, "optimistic", Clock(None, None)))
    search.run()
    values = [search.problem.to_payoff(float(value)) for value in search.values]
    return int(np.sum(np.array(values) >= value - EQUAL)), len(values)


def compare_large(shape: Shape, num_games: int) -> list[float]:
    """Gaps to what is proved, in per cent of the payoff range; prints a line a game."""
    gaps = []
    for seed in range(num_games):
        game, types = large_game(shape, seed)
        start = time.perf_counter()
        found = js.solve(game, types, "walk")
        seconds = time.perf_counter() - start
        start = time.perf_counter()
        best = js.solve(game, types, "milp", time_limit=TIME_LIMIT)
        of_milp = time.perf_counter() - start
        low, high = game.payoff_bounds()
        gaps.append(100 * float(best.value - found.value) / float(high - low))
        reached, starts = starts_that_reach(game, types, max(float(best.value), float(found.value)))
        proved = "proved" if best.gap <= EQUAL else f"within {100 * best.gap / (high - low):.2f} %"
        print(
            f"  {shape} seed {seed}: gap {gaps[-1]:.4f} %, {reached}/{starts} starts, {seconds:.2f} s; "
            f"milp {of_milp:.1f} s, {proved}",
            flush=True,
        )
    return gaps


def main(arguments: list[str] | None = None) -> None:
    """Compare on as many games as asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--games", type=int, default=1000)
    parser.add_argument("--large", type=int, default=20, help="games of each large shape")
    options = parser.parse_args(arguments)
    print(", ".join(f"{name}: {value}" for name, value in hardware().items()))
    counts, failures = compare_small(options.games)
    for kind, outcome in sorted(counts):
        print(f"{kind}: {counts[kind, outcome]} {outcome}")
    if failures:
        print(f"smallest game that fails: {min(failures, key=size_of)}")
    for shape in LARGE:
        gaps = compare_large(shape, options.large)
        if gaps:
            print(f"{shape}: gap {np.mean(gaps):.4f} % on average, {max(gaps):.4f} % at most of {len(gaps)}")


def size_of(failure: str) -> int:
    """The product of the sizes in a failure's line."""
    inside = failure[failure.rindex("(") + 1 : failure.rindex(")")]
    return int(np.prod([int(size) for size in inside.split(",")]))


if __name__ == "__main__":
    main()
