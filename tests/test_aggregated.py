"""The smaller mixed-integer program, where payoffs depend on few leader actions each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import jaxstack as js
from experiments import coverage
from jaxstack.solvers import aggregated, milp
from jaxstack.solvers.contract import Clock
from jaxstack.solvers.problem import Problem
from tests.reference import origami

pytestmark = pytest.mark.once


def sparse_game(seed: int, lengths: tuple[int, ...] = (3, 2)) -> tuple[js.Game, Any]:
    """On the simplex: action a depends on leader action a alone; followers have their own actions."""
    rng = np.random.default_rng([seed, 11])
    L = max(lengths) + 1

    def payoffs(size: int) -> np.ndarray:
        table = np.repeat(rng.integers(0, 4, (1, size)), L, axis=0).astype(float)
        table[np.arange(size), np.arange(size)] += rng.integers(-4, 5, size)
        return table

    follower = [[payoffs(size) for _ in range(2)] for size in lengths]
    leader = js.SeparablePayoff([payoffs(size) for size in lengths])
    return js.Game(leader, follower), js.IndependentTypes(rng.dirichlet(np.ones(2), len(lengths)))


def problem_of(game: js.Game, types: Any) -> Problem:
    return Problem(game, types, "optimistic", Clock(None, None))


GAMES = {
    "coverage": lambda seed: js.scenarios.random_coverage_game(seed, 3 + seed % 3, 1 + seed % 2, 2, 2),
    "whole": lambda seed: js.scenarios.random_coverage_game(seed, 4, 2, 1, 3, whole=True),
    "simplex": sparse_game,
    "museum": lambda seed: js.scenarios.museum_patrol(),
}


@pytest.mark.parametrize(("kind", "seed"), [(kind, seed) for kind in GAMES for seed in range(4)][:-3])
def test_both_programs_have_one_optimum(kind: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    game, types = GAMES[kind](seed)
    expected = js.solve(game, types, "vertices").value
    for smaller in (True, False):
        monkeypatch.setattr(aggregated, "suits", lambda problem, chosen=smaller: chosen)
        solution = js.solve(game, types, "milp")
        assert solution.value == pytest.approx(expected, abs=1e-9)
        assert solution.upper_bound == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("kind", ["coverage", "simplex"])
def test_the_first_program_promises_the_optimum_and_no_more(kind: str) -> None:
    """Without excluding a single map: what is said of products and preferences is all that is needed."""
    for seed in range(6):
        game, types = GAMES[kind](seed)
        problem = problem_of(game, types)
        response, promised = aggregated.AggregatedProgram(problem, 0.0).maximise(None)
        found = problem.best_in(response)
        assert found is not None
        assert promised == pytest.approx(found.value, abs=1e-6)


def test_payoffs_say_which_program() -> None:
    targets, _ = js.scenarios.random_coverage_game(0, 12, 3, 1, 2)
    assert milp.num_variables(targets) == 2 * 12 * 2
    assert milp.num_products(targets) == 2 * 12 * 13
    dense, types = js.scenarios.random_game(0, 12, 3, 2, 3, payoff="separable", types="independent")
    assert milp.num_variables(dense) == milp.num_products(dense) == 3 * 2 * 12 * 3
    assert type(milp.program_for(problem_of(dense, types), 0.0)) is milp.Program


def test_small_differences_beside_large_ones_take_all_products() -> None:
    game, types = js.scenarios.random_coverage_game(0, 12, 3, 1, 2)
    assert aggregated.suits(problem_of(game, types))
    follower = game.follower.copy()
    follower[0, 0, 0, 0] *= 1e6
    far = js.Game(game.leader, follower, game.strategies)
    assert not aggregated.suits(problem_of(far, types))
    assert js.solve(far, types, "milp").value == pytest.approx(js.solve(far, types, "programs").value)


def test_fifty_targets() -> None:
    game, types = js.scenarios.random_coverage_game(1, 50, 10, 1, 1)
    assert milp.num_variables(game) == 100
    solution = js.solve(game, types, "milp", time_limit=60)
    assert solution.gap == 0
    assert solution.value == pytest.approx(origami.optimum(10, *coverage._by_target(game)), abs=1e-9)
