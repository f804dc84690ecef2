"""Which method `solve` chooses, what it says of it, and what time limits and bounds are worth."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from jaxstack import scenarios, solvers
from jaxstack.distributions import IndependentTypes
from jaxstack.game import Game, stack
from jaxstack.payoffs import AnonymousPayoff, SeparablePayoff, TabularPayoff
from jaxstack.regions import enumerate_regions
from jaxstack.solvers import choice, estimate, programs, solve
from jaxstack.solvers.contract import Clock

ONE_TYPE = IndependentTypes([[1.0]])


def travelers_dilemma(highest: int) -> Game:
    """Claims 2..highest; the lower claim is paid out, with 2 more to who made it and 2 less to the other."""
    claims = np.arange(2.0, highest + 1)
    leader, follower = claims[:, None], claims[None]
    least, low = np.minimum(leader, follower), 2 * np.sign(follower - leader)
    return Game(TabularPayoff(least + low), (least - low)[None, None])


def small(seed: int = 0) -> tuple[Game, Any]:
    return scenarios.random_game(seed, num_leader_actions=3, num_followers=2, num_types=2, num_actions=2)


def middling(seed: int = 0) -> tuple[Game, Any]:
    return scenarios.random_game(seed, num_leader_actions=6, num_followers=2, num_types=3, num_actions=3)


# Choosing


def test_small_games_get_a_table() -> None:
    solution = solve(*small())
    assert (solution.method, solution.gap) == ("vertices", 0.0)
    assert "regions" in solution.reason
    assert solution.reason in repr(solution)
    assert solve(*small(), "vertices").reason == ""


def test_batches_and_given_tables_mean_vertices() -> None:
    game, types = small()
    assert solve(game, types, table=enumerate_regions(game)).method == "vertices"
    solution = solve(stack([game, game]), stack([types, types]))
    assert (solution.method, solution.gap.tolist()) == ("vertices", [0.0, 0.0])
    assert repr(solution).startswith("Solution(G=2, method='vertices'")


@pytest.mark.parametrize(("highest", "best"), [(30, 28 + 1 / 3), (100, 98 + 1 / 3)])
def test_few_maps_of_many_leader_actions(highest: int, best: float) -> None:
    game = travelers_dilemma(highest)
    solution = solve(game, ONE_TYPE)
    assert (solution.method, solution.gap) == ("programs", 0.0)
    assert solution.value == pytest.approx(best, abs=1e-9)
    assert "too many for a table" in solution.reason


def test_many_followers_get_one_program() -> None:
    rng = np.random.default_rng(0)
    game = Game(SeparablePayoff(rng.uniform(size=(6, 10, 3))), rng.uniform(size=(6, 2, 10, 3)))
    method, reason = choice.choose(game, "optimistic")
    assert method == "milp"
    assert "1,440 variables" not in reason
    assert "360 variables" in reason


def test_what_no_method_can_prove_is_answered_within_seconds() -> None:
    game, types = scenarios.random_game(0, 12, 3, 4, 5)
    start = time.monotonic()
    assert choice.choose(game, "optimistic")[0] == "walk"
    assert choice.choose(game, "robust")[0] == "walk"
    assert time.monotonic() - start < 2
    solution = solve(game, types, time_limit=5)
    assert solution.method == "walk"
    assert solution.value < solution.upper_bound
    assert "lower bound" in solution.reason
    assert "96,000 variables" in solution.reason
    assert "gap=" in repr(solution)


def test_a_table_that_proves_too_large_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    def enumerate_nothing(game: Game, ties: str) -> Any:
        raise MemoryError("the region table would take 5 TiB")

    monkeypatch.setattr(solvers, "enumerate_regions", enumerate_nothing)
    game, types = small()
    solution = solve(game, types)
    assert solution.method == "programs"
    assert "no table (the region table would take 5 TiB)" in solution.reason
    assert solution.value == pytest.approx(solve(game, types, "milp").value)


def test_robust_ties_have_the_same_methods_but_where_actions_are_equal() -> None:
    rng = np.random.default_rng(0)
    leader, follower = SeparablePayoff(rng.uniform(size=(6, 10, 3))), rng.uniform(size=(6, 2, 10, 3))
    assert choice.choose(Game(leader, follower), "robust")[0] == "milp"
    follower[3, 1, :, 2] = follower[3, 1, :, 0]
    method, reason = choice.choose(Game(leader, follower), "robust")
    assert method == "walk"
    assert "equal actions" in reason


def test_equal_actions_count_in_the_estimate() -> None:
    # 2^24 response maps hold everywhere.
    game = Game(SeparablePayoff(np.ones((24, 2, 2))), np.zeros((24, 1, 2, 2)))
    assert estimate(game).regions == estimate(game).maps == 2**24
    solution = solve(game, IndependentTypes(np.ones((24, 1))))
    assert solution.method == "milp"
    assert solution.value == pytest.approx(24)


def test_the_estimate_is_of_the_right_size() -> None:
    for shape in [(3, 2, 2, 2), (4, 2, 4, 3), (5, 2, 3, 3), (6, 2, 3, 3), (8, 2, 3, 2)]:
        game, _ = scenarios.random_game(1, *shape)
        table = enumerate_regions(game)
        found = estimate(game)
        assert found.maps == shape[3] ** (shape[1] * shape[2])
        assert 0.4 < found.regions / table.num_regions < 1.5
        assert 0.2 < found.vertices / table.vertex_mask.sum() < 5


# Bounds, time limits and progress


@pytest.mark.parametrize("method", ["vertices", "programs", "milp"])
def test_exact_methods_prove_their_value(method: str) -> None:
    for seed in range(3):
        solution = solve(*small(seed), method)
        assert solution.upper_bound == solution.value
        assert solution.gap == 0.0


@pytest.mark.parametrize("payoff", [AnonymousPayoff, SeparablePayoff, TabularPayoff])
def test_the_bound_of_walk_is_one(payoff: Any) -> None:
    rng = np.random.default_rng(0)
    size = {AnonymousPayoff: (3, 3), SeparablePayoff: (2, 3, 2), TabularPayoff: (3, 2, 2)}[payoff]
    types = IndependentTypes(rng.dirichlet([1, 1], size=2))
    for _ in range(2):
        game = Game(payoff(rng.uniform(-1, 2, size)), rng.uniform(size=(2, 2, 3, 2)))
        solution, best = solve(game, types, "walk"), solve(game, types).value
        assert solution.value <= best + 1e-12
        assert best <= solution.upper_bound <= game.leader.bounds()[1] + 1e-9


@pytest.mark.parametrize("method", ["programs", "milp", "walk"])
@pytest.mark.parametrize("steps", [12, 20, 40])
def test_what_is_found_in_time_is_returned_with_a_bound(
    monkeypatch: pytest.MonkeyPatch, method: str, steps: int
) -> None:
    # A clock that counts questions: the limit strikes in every phase.
    asked = 0

    def left(clock: Clock) -> float:
        nonlocal asked
        asked += 1
        return 1.0 if asked < steps else 0.0

    game, types = middling()
    best = solve(game, types).value
    monkeypatch.setattr(Clock, "left", property(left))
    solution = solve(game, types, method, time_limit=1.0)
    assert solution.method == method
    assert solution.value <= best + 1e-12
    assert best <= solution.upper_bound + 1e-9
    if method == "programs":
        assert solution.gap > 0


@pytest.mark.parametrize("method", ["programs", "milp", "walk"])
def test_no_time_for_any_answer(method: str) -> None:
    with pytest.raises(TimeoutError, match=rf"method='{method}' found no commitment within time_limit=1e-09"):
        solve(*small(), method, time_limit=1e-9)


def test_enumeration_refuses_what_it_cannot_do_in_time() -> None:
    game, types = middling()
    with pytest.raises(TimeoutError, match=r"'vertices' would take about .* regions .*method=None"):
        solve(game, types, "vertices", time_limit=1e-4)
    assert solve(game, types, time_limit=60).method == "vertices"
    assert choice.choose(game, "optimistic", 1e-4)[0] != "vertices"
    assert solve(game, types, table=enumerate_regions(game), time_limit=1e-4).method == "vertices"


@pytest.mark.parametrize("wrong", [0, -1.0, float("nan"), float("inf"), "1", True])
def test_time_limits_that_are_none(wrong: Any) -> None:
    with pytest.raises(ValueError, match="time_limit must be a positive number of seconds, or None"):
        solve(*small(), time_limit=wrong)


@pytest.mark.parametrize("method", [None, *solvers.METHODS])
def test_progress_narrows_down(method: str | None) -> None:
    told: list[tuple[float, float]] = []
    solution = solve(*small(), method, progress=lambda value, bound: told.append((value, bound)))
    assert told[-1][0] == solution.value
    values, bounds = zip(*told, strict=True)
    assert list(values) == sorted(values)
    assert list(bounds) == sorted(bounds, reverse=True)
    assert all(value <= bound for value, bound in told)
    assert len(set(told)) == len(told)


def test_programs_says_when_maps_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "MAX_REGIONS", 10)
    game = Game(SeparablePayoff(np.ones((4, 2, 2))), np.zeros((4, 1, 2, 2)))
    with pytest.raises(ValueError, match="stops at 10 regions"):
        solve(game, IndependentTypes(np.ones((4, 1))), "programs")
    assert solve(game, IndependentTypes(np.ones((4, 1))), "programs", "robust").value == pytest.approx(4)
