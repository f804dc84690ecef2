"""Whether a set of coverages is the mixed strategies that it stands for, and polytopes have their regions.

A security game in compact form (how likely each target is covered) and in normal form (every set of targets
that guards can cover is a leader action) must have the same optimum, by every method that can solve it; with
one attacker of one type, ORIGAMI is a third opinion. And regions on random polytopes, degenerate ones among
them, must be those that linear programs find. Prints how many agree, and how long some games take.

    python -m experiments.coverage                   (200 games and 200 polytopes: about half an hour)
    python -m experiments.coverage --games 4 --polytopes 4
    python -m experiments.coverage --games 50 --polytopes 0 --ties robust
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxstack as js
from tests import polytopes
from tests.reference import origami
from tests.reference import polytopes as reference

AGREED = 1e-9  # on payoffs from -10 to 10
SECONDS = 1.0  # by the estimate, up to which a region table is made
PROGRAMS = 50.0  # regions, by the estimate, up to which each has its linear program
TIME_LIMIT = 600.0  # seconds for one answer; what is not proved optimal by then is not counted


class Pair(NamedTuple):
    """One game in both forms."""

    compact: js.Game
    normal: js.Game
    types: Any
    resources: int


def pair_of(seed: int) -> Pair:
    """A game of 3 to 8 targets, 1 to 3 guards, 1 to 3 attackers of 1 to 3 types; every other one whole."""
    rng = np.random.default_rng([seed, 5])
    targets, guards, n, K = (int(rng.integers(low, high)) for low, high in ((3, 9), (1, 4), (1, 4), (1, 4)))
    game, types = js.scenarios.random_coverage_game(seed, targets, guards, n, K, whole=seed % 2 == 1)
    return Pair(game, normal_form(game, guards), types, guards)


def normal_form(game: js.Game, guards: int) -> js.Game:
    """The same game with a leader action for every set of at most so many targets."""
    targets = game.num_actions
    sets = [s for size in range(guards + 1) for s in itertools.combinations(range(targets), size)]
    points = np.array([[*(float(t in s) for t in range(targets)), 1.0] for s in sets])
    return js.Game(game.leader.at(points), np.einsum("ml,nkla->nkma", points, game.follower))


def methods_for(game: js.Game) -> Iterable[str]:
    """Methods that solve a game in seconds; a mixed-integer program solves each of them, in half a minute."""
    guess = js.solvers.estimate(game)
    if guess.seconds < SECONDS:
        yield "vertices"
    if guess.regions < PROGRAMS:
        yield "programs"
    yield "milp"


def optima(pair: Pair, ties: str) -> dict[str, float]:
    """The optimum by form and method."""
    found = {}
    for form, game in (("compact", pair.compact), ("normal", pair.normal)):
        for method in methods_for(game):
            limit = None if method == "vertices" else TIME_LIMIT
            solution = js.solve(game, pair.types, method, ties=ties, time_limit=limit)
            if solution.gap <= AGREED:
                found[f"{form} {method}"] = float(solution.value)
    game = pair.compact
    if ties == "optimistic" and game.num_followers == game.num_types == 1 and _is_strict(game):
        found["ORIGAMI"] = origami.optimum(pair.resources, *_by_target(game))
    return found


def _by_target(game: js.Game) -> tuple[np.ndarray, ...]:
    """Payoffs of one attacker of one type: its own and the leader's, uncovered and covered."""
    follower, leader, t = game.follower[0, 0], np.asarray(game.leader.table)[0], np.arange(game.num_actions)
    return follower[-1], follower[-1] + follower[t, t], leader[-1], leader[-1] + leader[t, t]


def _is_strict(game: js.Game) -> bool:
    """Does covering hurt the attacker and help the leader at every target?"""
    attacker_open, attacker_met, leader_open, leader_met = _by_target(game)
    return bool((attacker_open > attacker_met).all() and (leader_met > leader_open).all())


def forms_agree(seeds: Iterable[int], ties: str) -> tuple[Counter[str], list[str]]:
    """How many games each way agreed with the first one of its game, and what did not.

    A game counts as one in both forms if each form has an answer, and all answers are the same.
    """
    agreed: Counter[str] = Counter()
    wrong = []
    for seed in seeds:
        found = optima(pair_of(seed), ties)
        first = next(iter(found.values()), np.nan)
        same = {name: abs(value - first) <= AGREED for name, value in found.items()}
        agreed.update(name for name, is_same in same.items() if is_same)
        forms = {name.split()[0] for name in found}
        agreed["both forms, all answers"] += {"compact", "normal"} <= forms and all(same.values())
        wrong += [
            f"game {seed}: {name} says {found[name]!r}, not {first!r}" for name in same if not same[name]
        ]
    return agreed, wrong


def polytope_game(seed: int) -> js.Game:
    """A game on a polytope of 2 to 5 dimensions: one kind after the other, half of them in whole numbers."""
    rng = np.random.default_rng([seed, 6])
    kind = polytopes.KINDS[seed % len(polytopes.KINDS)]
    polytope = polytopes.random_polytope(rng, kind, 2 + (seed // len(polytopes.KINDS)) % 4)
    n, K, A = ((1, 2, 3), (2, 1, 2), (1, 3, 2))[seed % 3]
    return polytopes.random_game(rng, polytope, n, K, A, whole=seed % 2 == 1, repeat=seed % 5 == 0)


def regions_agree(seeds: Iterable[int]) -> tuple[Counter[str], list[str]]:
    """How many sets of each kind have the regions, full and flat, that linear programs find."""
    agreed: Counter[str] = Counter()
    wrong = []
    for seed in seeds:
        game, kind = polytope_game(seed), polytopes.KINDS[seed % len(polytopes.KINDS)]
        expected = reference.search(np.asarray(game.follower), game.strategies)
        for ties in ("optimistic", "robust"):
            table = js.enumerate_regions(game, ties=ties)
            maps = np.asarray(table.responses).reshape(int(table.num_regions), -1).tolist()
            full = np.asarray(table.full_dimensional)
            found = {tuple(response): bool(is_full) for response, is_full in zip(maps, full, strict=True)}
            wanted = expected if ties == "optimistic" else {r: f for r, f in expected.items() if f}
            if found == wanted:
                agreed[f"{kind}, {ties}"] += 1
            else:
                wrong.append(f"set {seed} ({kind}, {ties}): {len(found)} regions, not {len(wanted)}")
    return agreed, wrong


def same_learner(horizon: int, num_runs: int, targets: int = 4, guards: int = 2) -> list[str]:
    """Regret and regions of one small game in both forms."""
    lines = []
    game, types = js.scenarios.random_coverage_game(1, targets, guards, 1, 2)
    for form, played in (("compact", game), ("normal", normal_form(game, guards))):
        table = js.enumerate_regions(played)
        line = f"    {form}: L = {played.num_leader_actions}, {int(table.num_regions)} regions"
        for learner in ("erm_product", "region_ucb"):
            curve = js.simulate(
                jax.random.key(0),
                played,
                types,
                js.learners.by_name(learner),
                horizon=horizon,
                num_runs=num_runs,
                table=table,
            )
            line += f", {learner} {curve.mean[-1]:.4g}"
        lines.append(line + f"; optimum {js.solve(played, types, table=table).value:.9g}")
    return lines


def seconds(targets: int, guards: int, num_types: int, method: str | None) -> str:
    """How long one game takes, compilations left out."""
    game, types = js.scenarios.random_coverage_game(0, targets, guards, 1, num_types)
    with contextlib.suppress(TimeoutError):  # a second is not much where many programs compete
        js.solve(*js.scenarios.random_coverage_game(1, targets, guards, 1, num_types), method, time_limit=1.0)
    began = time.perf_counter()
    solution = js.solve(game, types, method)
    took = time.perf_counter() - began
    return (
        f"    {targets} targets, {guards} guards, {num_types} types: {took:.2f} s by {solution.method}, "
        f"value {solution.value:.9g}, gap {solution.gap:.2g}"
    )


def main() -> None:
    """Print counts and times."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--games", type=int, default=200)
    parser.add_argument("--polytopes", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="seed of the first game and polytope")
    parser.add_argument("--ties", nargs="*", default=["optimistic", "robust"])
    parser.add_argument("--horizon", type=int, default=10_000)
    options = parser.parse_args()
    for ties in options.ties if options.games else ():
        seeds = range(options.first, options.first + options.games)
        _print(f"{options.games} games in both forms, {ties}:", *forms_agree(seeds, ties))
    seeds = range(options.first, options.first + options.polytopes)
    _print(f"{options.polytopes} polytopes against linear programs:", *regions_agree(seeds))
    if options.games:
        print("One learner on both forms, mean regret:", *same_learner(options.horizon, 100), sep="\n")
        print("Time:", seconds(9, 3, 3, None), seconds(9, 3, 3, "milp"), sep="\n")
        print(seconds(50, 10, 5, "milp"))


def _print(title: str, agreed: Counter[str], wrong: list[str]) -> None:
    print(title)
    for name, count in sorted(agreed.items()):
        print(f"    {name:24} {count:4} agree")
    print(*(f"    DIFFERS: {line}" for line in wrong), sep="\n" if wrong else "", flush=True)


if __name__ == "__main__":
    main()
