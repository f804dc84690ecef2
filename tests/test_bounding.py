"""Upper bounds are never below the optimum, and end as it where there is time."""

from __future__ import annotations

import functools
import time
from typing import Any

import numpy as np
import pytest

import jaxstack as js
from experiments import certificates
from jaxstack.distributions import IndependentTypes
from jaxstack.game import Game
from jaxstack.payoffs import AnonymousPayoff, SeparablePayoff
from jaxstack.solvers import bounding, relaxation
from jaxstack.solvers.branching import Tree
from jaxstack.solvers.contract import Clock
from jaxstack.solvers.problem import Problem
from jaxstack.solvers.relaxation import Multipliers, Relaxation
from tests import polytopes
from tests.games import PAYOFFS, TYPED_PAYOFFS, Case, degenerate_games, random_games
from tests.reference import optima as reference
from tests.reference import regions, value

pytestmark = pytest.mark.once

SHAPES = ((3, 2, 2, 2), (2, 1, 2, 3), (3, 1, 3, 2))
SMALL = ((2, 1, 2, 2), (3, 1, 2, 2), (2, 2, 2, 2), (2, 1, 2, 3), (3, 1, 1, 3), (2, 2, 1, 3), (3, 2, 1, 2))
KINDS = PAYOFFS + TYPED_PAYOFFS


def problem_of(case: Any) -> Problem:
    return Problem(case.game, case.types, "optimistic", Clock(None, None))


@functools.cache
def unequal_cases() -> list[Case]:
    """Followers with unequal numbers of types and actions."""
    cases = []
    for seed in range(4):
        rng = np.random.default_rng([seed, 8])
        follower = [[rng.uniform(size=(3, 2)).tolist()] * 2, [rng.uniform(size=(3, 3)).tolist()]]
        leader = SeparablePayoff([rng.uniform(size=(3, 2)).tolist(), rng.uniform(size=(3, 3)).tolist()])
        types = IndependentTypes([rng.dirichlet(np.ones(2)).tolist(), [1.0]])
        cases.append(Case(f"unequal {seed}", Game(leader, follower), types))
    return cases


def polytope_cases() -> list[Case]:
    """Strategy sets of every kind, whole-number payoffs among them."""
    cases = []
    for seed, kind in enumerate(polytopes.KINDS):
        rng = np.random.default_rng([seed, 9])
        polytope = polytopes.random_polytope(rng, kind, 2)
        game = polytopes.random_game(rng, polytope, 1, 2, 2, whole=seed % 2 == 1, repeat=False)
        cases.append(Case(kind, game, IndependentTypes(rng.dirichlet(np.ones(2), size=1))))
    return cases


def assert_holds_for(
    relaxed: Relaxation, multipliers: Multipliers, maps: Any, told: Any, best: float
) -> None:
    """The bound over `maps`, those in which `told` types play so, is at least what the best of them earns."""
    found = relaxed.bound(multipliers, relaxed.common_rows(told), maps)
    assert found.highest + relaxed.constant >= best
    assert (found.by_choice.max(axis=1) + relaxed.constant >= best - 1e-12).all()


@pytest.mark.parametrize("games", [random_games, degenerate_games], ids=["random", "degenerate"])
def test_any_multipliers_bound_the_exact_optimum_everywhere(games: Any) -> None:
    # The optimum of every region, in rational numbers; any multipliers, large and small, at the root and
    # where some types are told what they play. 56 games, all payoffs and type distributions.
    rng = np.random.default_rng(0)
    for case in games(28, seed=4, shapes=SMALL, payoffs=KINDS):
        problem = problem_of(case)
        found = regions.exact(np.asarray(case.game.follower))
        worth = {}
        for response, region in found.items():
            payoff = reference.payoff_vector(case.game, case.types, response)
            worth[response] = max(float(reference.dot(payoff, x)) for x in region.vertices)
        relaxed = Relaxation(problem, (max(worth.values()) - problem.offset) / problem.scale)
        for response, earned in worth.items():
            best = (earned - problem.offset) / problem.scale
            for scale in (0.0, 0.1, 1.0, 10.0):
                told = rng.permutation(len(relaxed.names))[: rng.integers(len(relaxed.names) + 1)]
                told = tuple((int(j), int(response[relaxed.names[j]])) for j in told)
                choices = relaxed.possible.copy()
                for j, action in told:
                    others = (relaxed.items[:, None] == j) & (relaxed.actions != action)
                    choices &= ~others.any(axis=-1)
                drawn = [scale * rng.exponential(size=m.shape) for m in relaxed.untied()]
                drawn = Multipliers(*(m.astype(np.float32) for m in drawn))
                rounding = 1e-12 * (1 + abs(best))
                assert_holds_for(relaxed, drawn, choices, told, best - rounding)


def test_the_search_ends_with_the_exact_optimum_of_both_tie_rules() -> None:
    random = random_games(10, seed=5, shapes=SHAPES, payoffs=KINDS)
    degenerate = degenerate_games(11, seed=6, shapes=SHAPES, payoffs=KINDS)
    for case in [*random, *degenerate]:
        best, enforceable = map(float, reference.optima(case.game, case.types))
        low, high = case.game.leader.bounds()
        for ties, optimum in (("optimistic", best), ("robust", enforceable)):
            problem = Problem(case.game, case.types, ties, Clock(None, None))
            for below in (0.0, 0.1) if ties == "optimistic" else (0.0,):
                start = (optimum - below * (high - low) - problem.offset) / problem.scale
                bound = problem.to_payoff(bounding.upper_bound(problem, start, problem.clock))
                assert bound >= optimum - 1e-12 * (1 + abs(best)), (case.name, ties)
                assert bound <= best + 1e-8 * (high - low), (case.name, ties)


@pytest.mark.parametrize("case", [*polytope_cases(), *unequal_cases()], ids=lambda case: case.name)
def test_strategy_sets_and_unequal_followers_have_the_optimum_as_their_bound(case: Case) -> None:
    problem, best = problem_of(case), js.solve(case.game, case.types, "vertices").value
    low, high = case.game.leader.bounds()
    start = (best - 0.05 * float(high - low) - problem.offset) / problem.scale
    tree = Tree(problem, start)
    assert problem.to_payoff(tree.upper_bound) >= best
    tree.search(Clock(20.0, None))
    assert problem.to_payoff(tree.upper_bound) == pytest.approx(best, abs=1e-8 * float(high - low))
    found = tree.found
    assert found is not None
    x = found.commitment
    if case.game.strategies is not None:
        x = case.game.strategies.frame.commitments(x)
    assert value.utility(case.game, case.types, x, found.response) == pytest.approx(best, abs=1e-8)


def test_twenty_followers_are_certified() -> None:
    # HiGHS leaves 11 % of the payoff range after a minute.
    game, types = js.scenarios.random_game(2, 20, 20, 2, 2, payoff="separable", types="independent")
    problem = Problem(game, types, "optimistic", Clock(None, None))
    start = problem.start()
    assert start is not None
    tree = Tree(problem, (0.6729545965 - problem.offset) / problem.scale)
    assert tree.upper_bound > start.value
    tree.search(Clock(60.0, None))
    assert problem.to_payoff(tree.upper_bound) == pytest.approx(0.6729545965, abs=1e-8)
    assert tree.num_nodes < 500


def test_a_search_for_a_bound_may_meet_the_optimum() -> None:
    game, types = js.scenarios.random_game(0, 10, 5, 2, 2, payoff="separable", types="independent")
    problem = Problem(game, types, "optimistic", Clock(None, None))
    start = problem.start()
    assert start is not None
    best, bound = bounding.certified(problem, start, Clock(60.0, None))
    exact = js.solve(game, types, "milp", time_limit=60.0)
    assert start.value < best.value == bound
    assert problem.to_payoff(bound) == pytest.approx(exact.value, abs=1e-8)
    assert value.utility(game, types, best.commitment, best.response) == pytest.approx(exact.value, abs=1e-8)
    robust = Problem(game, types, "robust", Clock(None, None))
    same, above = bounding.certified(robust, start, Clock(60.0, None))
    assert same is start
    assert bound < above < bound + 1e-6


def test_time_limits_are_kept_and_say_less() -> None:
    game, types = js.scenarios.random_game(0, 20, 20, 2, 2, payoff="separable", types="independent")
    problem = Problem(game, types, "optimistic", Clock(None, None))
    start = problem.start()
    assert start is not None
    for seconds, most in ((1e-9, 0.5), (2.0, 10.0)):
        began = time.monotonic()
        bound = bounding.upper_bound(problem, start.value, Clock(seconds, None))
        assert time.monotonic() - began < most
        assert start.value < bound <= problem.highest
    assert bound < problem.highest


def test_penalties_hide_nothing() -> None:
    table = np.random.default_rng(0).uniform(size=(2, 3, 2))
    table[0, 0, 0] = -1e12
    game = Game(SeparablePayoff(table), np.random.default_rng(1).uniform(size=(2, 2, 3, 2)))
    types = IndependentTypes(np.full((2, 2), 0.5))
    best = js.solve(game, types, "vertices").value
    problem = Problem(game, types, "optimistic", Clock(None, None))
    bound = bounding.upper_bound(problem, (best - problem.offset) / problem.scale, Clock(20.0, None))
    assert problem.to_payoff(bound) == pytest.approx(best, abs=1e-6)


def test_what_is_too_large_has_the_highest_payoff() -> None:
    rng = np.random.default_rng(0)
    game = Game(AnonymousPayoff(rng.uniform(size=(3, 101))), rng.uniform(size=(100, 2, 3, 2)))
    problem = Problem(game, IndependentTypes(np.full((100, 2), 0.5)), "optimistic", Clock(None, None))
    assert not relaxation.fits(problem)
    assert bounding.upper_bound(problem, 0.0, problem.clock) == problem.highest


def test_the_experiment_prints_a_line_for_every_method(capsys: pytest.CaptureFixture[str]) -> None:
    certificates.report([certificates.Family("toy", certificates.random, (3, 2, 2, 2), 1)], 60.0)
    printed = capsys.readouterr().out
    for method in certificates.METHODS:
        (line,) = (line for line in printed.splitlines() if method in line.split())
        assert line.split()[-3:-1] == ["0.000", "0.000"]
