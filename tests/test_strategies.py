"""Strategy sets: what they hold, what is refused, and that everything works on them."""

from __future__ import annotations

import math
import time
from typing import Any

import jax
import numpy as np
import pytest

import jaxstack as js
from jaxstack import Game, SeparablePayoff, strategies
from jaxstack.game import check_commitment
from jaxstack.solvers.problem import Problem
from jaxstack.strategies import Polytope
from tests import polytopes

pytestmark = pytest.mark.once

SETS = {
    "simplex": (lambda: strategies.simplex(4), 3, 4),
    "box": (lambda: strategies.box([0, -1, 2], [1, 1, 5]), 3, 8),
    "coverage": (lambda: strategies.coverage(6, 3), 6, 1 + 6 + 15 + 20),
    "half a guard": (lambda: strategies.coverage(2, 0.5), 2, 3),
    "budget": (lambda: strategies.budget(1.0, [0.1, 0.2, 0.3]), 3, 4),
    "spent budget": (lambda: strategies.budget(3.0, [1, 1, 1, 1], [1] * 4, spend_all=True), 3, 4),
    "product": (lambda: strategies.product_of_simplices([2, 3, 2], [0.2, 0.3, 0.5]), 4, 12),
    "kinds": (lambda: strategies.coverage(3, [1, 1], [[[0, 1]], [[1], [2]]]), 3, 8),
}


@pytest.mark.parametrize("name", SETS)
def test_dimension_and_vertices(name: str) -> None:
    make, dimension, count = SETS[name]
    polytope = make()
    assert polytope.dimension == dimension
    if name != "kinds":
        assert len(polytope.vertices) == count
    for x in polytope.vertices:
        np.testing.assert_array_equal(polytope.checked(x).round(12), x.round(12))
        assert polytope.unit @ x == pytest.approx(1.0, abs=1e-12)
    order = [tuple(x) for x in polytope.vertices]
    assert order == sorted(order, reverse=True)


@pytest.mark.parametrize("d", [2, 3, 4, 5])
def test_cyclic_polytopes(d: int) -> None:
    """Facets of cyclic polytopes, from their polars' vertices (Gale's evenness condition)."""
    n = d + 3
    curve = np.array([[float(t) ** k for k in range(1, d + 1)] for t in range(n)])
    polar = Polytope(curve - curve.mean(axis=0), np.ones(n))
    half = d // 2
    facets = (
        math.comb(n - half, half) + math.comb(n - half - 1, half - 1)
        if d % 2 == 0
        else (2 * math.comb(n - half - 1, half))
    )
    assert polar.vertices is not None
    assert len(polar.vertices) == facets


@pytest.mark.parametrize("d", [2, 3, 4])
def test_cube_cut_by_its_symmetry_planes(d: int) -> None:
    """x_i = x_j cut a cube into d! orders, and x_i = 1/2 each into as many as there are signs."""
    cube = strategies.box([0.0] * d, [1.0] * d)
    pairs = [(i, j) for i in range(d) for j in range(i)]
    follower = np.zeros((1, len(pairs) + d, d + 1, 2))
    for k, (i, j) in enumerate(pairs):
        follower[0, k, i, 0] = follower[0, k, j, 1] = 1.0
    game = Game(SeparablePayoff(np.zeros((1, d + 1, 2))), follower, cube)
    table = js.enumerate_regions(game, ties="robust")
    # The last d types are indifferent: each order counts once for each of their 2^d maps.
    assert int(table.num_regions) == math.factorial(d) * 2**d
    for k in range(d):
        follower[0, len(pairs) + k, k, 0], follower[0, len(pairs) + k, d, 1] = 1.0, 0.5
    halves = Game(SeparablePayoff(np.zeros((1, d + 1, 2))), follower, cube)
    # Which of the d coordinates are above 1/2, in each order: d + 1 ways.
    assert int(js.enumerate_regions(halves, ties="robust").num_regions) == math.factorial(d) * (d + 1)


REFUSED: list[tuple[Any, str]] = [
    (lambda: Polytope([[1, 0], [-1, 0], [0, 1], [0, -1]], [1, -2, 1, 1]), "is empty"),
    (lambda: Polytope(None, None, [[1, 1], [1, 1]], [1, 2]), "contradict each other"),
    (lambda: Polytope([[-1, 0], [0, -1]], [0, 0]), r"unbounded.*ray in direction \["),
    (lambda: Polytope(-np.eye(3), np.zeros(3), [[1, 1, -1]], [0]), r"unbounded.*ray in direction \["),
    (lambda: Polytope([[1.0, np.nan]], [1]), "must be finite"),
    (lambda: Polytope([[1.0, 2.0]], [1, 2]), "must have shapes"),
    (lambda: Polytope([[1.0, 2.0]], [1], [[1.0]], [1]), "must have shapes"),
    (lambda: Polytope([[1.0, 2.0]]), "G and h together"),
    (lambda: Polytope(), "needs G"),
    (lambda: strategies.box([1, 0], [0, 1]), r"low\[0\] = 1 and high\[0\] = 0"),
    (lambda: strategies.coverage(3, 0), "resources must be positive"),
    (lambda: strategies.coverage(3, 1, most=2.0), "must be probabilities"),
    (lambda: strategies.coverage(3, [1], [[[0, 3]]]), r"in 0\.\.2"),
    (lambda: strategies.coverage(3, [1, 1], [[[0]]]), "each of 1 kinds"),
    (lambda: strategies.budget(0, [1.0]), "must be positive"),
    (lambda: strategies.product_of_simplices([]), "at least one simplex"),
    (lambda: strategies.product_of_simplices([2], [0.0]), "positive numbers"),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_refused(number: int) -> None:
    make, message = REFUSED[number]
    with pytest.raises(ValueError, match=message):
        make()


def test_the_ray_of_an_unbounded_set_lies_in_it() -> None:
    G = np.array([[-1.0, 0, 0], [0, -1, 0], [1, -1, 0], [0, 0, 1], [0, 0, -1]])
    with pytest.raises(ValueError, match="unbounded") as caught:
        Polytope(G, np.ones(5))
    text = str(caught.value)
    ray = np.array([float(v) for v in text[text.index("[") + 1 : text.index("]")].split(",")])
    assert np.abs(ray).max() > 0.5
    assert (G @ ray <= 1e-9).all()


def test_hidden_equations_are_found() -> None:
    """0.1 <= x_0 <= 0.1 and x_1 + x_2 <= 1 <= x_1 + x_2 leave a segment."""
    G = [[1, 0, 0], [-1, 0, 0], [0, 1, 1], [0, -1, -1], [0, -1, 0], [0, 0, -1]]
    segment = Polytope(G, [0.1, -0.1, 1, -1, 0, 0])
    assert segment.dimension == 1
    assert segment.vertices is not None
    np.testing.assert_array_equal(segment.vertices, [[0.1, 1, 0], [0.1, 0, 1]])
    with pytest.raises(ValueError, match="is empty"):
        Polytope(G, [0.1, -np.nextafter(0.1, 1), 1, -1, 0, 0])


def test_equal_sets_are_equal() -> None:
    assert strategies.coverage(3, 1) == strategies.coverage(3, 1)
    assert strategies.coverage(3, 1) != strategies.coverage(3, 2)
    assert len({strategies.coverage(3, 1), strategies.coverage(3, 1)}) == 1


def small_game(whole: bool = False) -> tuple[Game, js.IndependentTypes]:
    game, types = js.scenarios.random_coverage_game(3, 3, 1, 2, 2, whole)
    return game, types


def test_the_simplex_is_the_default() -> None:
    rng = np.random.default_rng(0)
    follower, leader = rng.normal(size=(2, 2, 3, 2)), rng.normal(size=(2, 3, 2))
    plain = Game(SeparablePayoff(leader), follower)
    told = Game(SeparablePayoff(leader), follower, strategies.simplex(3))
    assert told.strategies is None
    assert jax.tree.structure(plain) == jax.tree.structure(told)
    moved = Game(SeparablePayoff(leader), follower, Polytope(-np.eye(3), np.zeros(3), [[2, 2, 2]], [2]))
    assert moved.strategies is None


def test_games_refuse_sets_that_do_not_fit() -> None:
    leader, follower = np.zeros((1, 3, 2)), np.zeros((1, 1, 3, 2))
    with pytest.raises(ValueError, match=r"commitments of .* have 4"):
        Game(SeparablePayoff(leader), follower, strategies.box([0, 0, 0], [1, 1, 1]))
    plain = Polytope(np.concatenate([np.eye(3), -np.eye(3)]), np.ones(6))
    with pytest.raises(ValueError, match="with_constant"):
        Game(SeparablePayoff(leader), follower, plain)
    with pytest.raises(ValueError, match="must be a Polytope"):
        Game(SeparablePayoff(leader), follower, "box")  # type: ignore[arg-type]


def test_commitments_are_checked() -> None:
    game, types = small_game()
    inside = np.array([0.25, 0.5, 0.25, 1.0])
    np.testing.assert_array_equal(check_commitment(game, inside), inside)
    slightly = check_commitment(game, inside + np.array([1e-8, 0, 0, 0]))
    assert slightly[:3].sum() <= 1 + 1e-15
    with pytest.raises(ValueError, match=r"violates row .* not <= 1"):
        js.expected_utility(game, types, [0.5, 0.5, 0.25, 1.0])
    with pytest.raises(ValueError, match=r"violates row .* not = 1"):
        js.expected_utility(game, types, [0.5, 0.5, 0.0, 0.0])


def test_best_responses_by_hand() -> None:
    """Covered targets are worth -1, the others 1, 2 and 4: x = (0, 1/4, 1/2) leaves (1, 1.25, 1.5)."""
    worth = np.array([1.0, 2.0, 4.0])
    game, _ = js.scenarios.coverage_game(
        1, worth[None, None], [[[-1.0] * 3]], -worth[None], [[0.0] * 3], [[1.0]]
    )
    assert js.best_responses(game, np.array([0, 0.25, 0.5, 1])).tolist() == [[2]]
    # Targets 1 and 2 tie where 2 - 3 c_1 = 4 - 5 c_2: at c = (0, 3/8, 5/8) both are worth 7/8, below 1.
    assert js.best_responses(game, np.array([0, 3 / 8, 5 / 8, 1])).tolist() == [[0]]
    traced = jax.jit(lambda x: js.best_responses(game, x))(np.array([0, 0.25, 0.5, 1]))
    assert traced.tolist() == [[2]]


@pytest.mark.parametrize("kind", polytopes.KINDS)
def test_solvers_agree(kind: str) -> None:
    rng = np.random.default_rng(polytopes.KINDS.index(kind))
    polytope = polytopes.random_polytope(rng, kind, 3)
    game = polytopes.random_game(rng, polytope, 2, 1, 2, whole=kind in ("box", "cross"), repeat=kind == "box")
    types = js.IndependentTypes(np.ones((2, 1)))
    exact = js.solve(game, types, "vertices")
    for method in ("programs", "milp"):
        assert js.solve(game, types, method).value == pytest.approx(exact.value, abs=1e-9)
    assert js.expected_utility(game, types, exact.commitment) == pytest.approx(exact.value, abs=1e-9)
    robust = js.solve(game, types, "vertices", ties="robust")
    assert js.solve(game, types, "programs", ties="robust").value == pytest.approx(robust.value, abs=1e-9)
    assert robust.value <= exact.value + 1e-9


def test_walk_stays_inside() -> None:
    game, types = small_game()
    found = js.solve(game, types, "walk")
    best = js.solve(game, types, "vertices")
    assert found.value == pytest.approx(best.value, abs=1e-9)
    assert found.upper_bound >= best.value - 1e-9
    assert game.strategies is not None
    np.testing.assert_allclose(game.strategies.checked(found.commitment), found.commitment, atol=1e-12)


def test_more_vertices_than_can_be_listed() -> None:
    game, types = js.scenarios.random_coverage_game(0, 14, 6, 1, 1)
    assert game.strategies is not None
    assert game.strategies.vertices is None
    with pytest.raises(ValueError, match="too many vertices"):
        js.enumerate_regions(game)
    solution = js.solve(game, types)
    assert solution.method == "milp"
    assert "too many vertices" in solution.reason
    assert js.solve(game, types, "programs").value == pytest.approx(solution.value, abs=1e-9)


@pytest.mark.parametrize("learner", ["erm_joint", "erm_product", "region_ucb", "oful"])
def test_learners_play(learner: str) -> None:
    game, types = small_game()
    curve = js.simulate(jax.random.key(0), game, types, js.learners.by_name(learner), horizon=200, num_runs=3)
    regret = np.asarray(curve.regret)
    assert np.isfinite(regret).all()
    assert (np.diff(regret, axis=-1) >= -1e-6).all()
    low, high = game.payoff_bounds()
    assert regret[..., -1].max() <= 200 * (high - low)


@pytest.mark.parametrize("learner", ["erm_joint", "erm_product"])
def test_jumps_play_what_rounds_play(learner: str) -> None:
    """Skipping ahead draws other numbers: the same regret in the mean, over 400 runs each."""
    game, types = js.scenarios.random_coverage_game(5, 2, 1, 1, 2)
    curves = [
        js.simulate(
            jax.random.key(0),
            game,
            types,
            js.learners.by_name(learner),
            horizon=100,
            num_runs=400,
            skip_ahead=skip,
        ).regret[..., -1]
        for skip in (False, True)
    ]
    error = np.sqrt(sum(np.var(curve) / 400 for curve in curves))
    assert abs(np.mean(curves[0]) - np.mean(curves[1])) <= 4 * error
    assert np.mean(curves[0]) > 0


def test_units_are_those_of_the_set() -> None:
    """The range over the vertices, in every representation; payoffs added to a constant move with it."""
    game, _ = small_game()
    table = js.enumerate_regions(game)
    known = js.learners.know(game, table, 100.0)
    assert game.strategies is not None
    assert game.strategies.vertices is not None
    values = game.strategies.vertices @ np.asarray(js.value.all_payoff_vectors(game)).T
    played = js.learners.knowledge.played_actions(game, table)
    low, high = game.payoff_bounds(played)
    assert low >= values.min() - 1e-12
    assert high <= values.max() + 1e-12
    in_units = game.strategies.vertices @ np.asarray(js.value.all_payoff_vectors(known.game)).T
    np.testing.assert_allclose(in_units * (high - low) + low, values, atol=1e-9)


def test_files_keep_the_set(tmp_path: Any) -> None:
    game, types = small_game()
    for suffix in ("json", "npz"):
        js.save_game(tmp_path / f"game.{suffix}", game, types)
        loaded, _ = js.load_game(tmp_path / f"game.{suffix}")
        assert loaded.strategies == game.strategies
        np.testing.assert_array_equal(loaded.follower, game.follower)


def test_a_batch_equals_its_games() -> None:
    games = [js.scenarios.random_coverage_game(seed, 3, 1, 1, 2)[0] for seed in range(3)]
    table = js.enumerate_regions(games)
    for g, game in enumerate(games):
        single = js.enumerate_regions(game)
        count = int(single.num_regions)
        assert int(table.num_regions[g]) == count
        np.testing.assert_array_equal(table.responses[g, :count], single.responses)
        mask = single.vertex_mask
        np.testing.assert_array_equal(table.vertices[g, :count, : mask.shape[1]][mask], single.vertices[mask])


def games_on_different_sets() -> tuple[list[js.Game], list[Any]]:
    """L = 4 on sets of 2 and 3 dimensions and 4 to 8 vertices, the simplex among them, one set twice."""
    rng = np.random.default_rng(4)
    sets = [
        strategies.coverage(3, 1),
        strategies.product_of_simplices([2, 2]),
        None,
        strategies.coverage(3, 2),
        strategies.box(np.zeros(3), [1.0, 2.0, 3.0]),
        strategies.coverage(3, 1),
    ]
    pairs = []
    for n, K, A, one in zip((1, 2, 1, 2, 1, 2), (2, 1, 3, 2, 2, 1), (3, 2, 2, 2, 3, 3), sets, strict=True):
        leader = js.SeparablePayoff(rng.normal(size=(n, 4, A)))
        game = js.Game(leader, rng.normal(size=(n, K, 4, A)), one)
        pairs.append((game, js.IndependentTypes(rng.dirichlet(np.ones(K), n))))
    return [game for game, _ in pairs], [types for _, types in pairs]


@pytest.mark.parametrize("ties", ["optimistic", "robust"])
def test_a_batch_on_different_sets_has_the_regions_and_optima_of_its_games(ties: str) -> None:
    games, types = games_on_different_sets()
    batch = js.stack(games)
    assert batch.dimension.tolist() == [3, 2, 3, 3, 3, 3]
    table = js.enumerate_regions(batch, ties=ties)
    solution = js.solve(batch, js.stack(types), table=table, ties=ties)
    for g, game in enumerate(games):
        assert js.unstack(batch, g).strategies == game.strategies
        single, (n, K) = js.enumerate_regions(game, ties=ties), (game.num_followers, game.num_types)
        count, mask = int(single.num_regions), single.vertex_mask
        assert int(table.num_regions[g]) == count
        np.testing.assert_array_equal(table.responses[g, :count, :n, :K], single.responses)
        np.testing.assert_array_equal(table.vertices[g, :count, : mask.shape[1]][mask], single.vertices[mask])
        alone = js.solve(game, types[g], ties=ties)
        assert solution.value[g] == alone.value
        np.testing.assert_array_equal(solution.commitment[g], alone.commitment)


@pytest.mark.once
@pytest.mark.parametrize("learner", ["erm_product", "region_ucb"])
def test_a_batch_on_different_sets_is_played_as_its_games_are(learner: str) -> None:
    games, types = (of_all[1:4] for of_all in games_on_different_sets())
    settings: Any = {"learner": js.learners.by_name(learner), "horizon": 200, "num_runs": 3}
    key = jax.random.key(3)
    together = js.simulate(key, js.stack(games), js.stack(types), **settings)
    for game, own, row in zip(games, types, together.regret, strict=True):
        np.testing.assert_array_equal(row, js.simulate(key, game, own, **settings).regret)


def test_rounds_of_a_batch_on_different_sets_ask_for_no_best_responses() -> None:
    batch = js.stack(games_on_different_sets()[0])
    one_row = jax.tree.map(lambda leaf: leaf[0], batch)
    with pytest.raises(ValueError, match="one strategy set for all games of a batch"):
        js.best_responses(one_row, np.full(4, 0.25))


def test_pictures() -> None:
    for polytope in (strategies.box([0, 0], [2, 1]), strategies.product_of_simplices([2, 1])):
        rng = np.random.default_rng(0)
        game = polytopes.random_game(rng, polytope, 1, 2, 2, whole=False)
        types = js.IndependentTypes([[0.5, 0.5]])
        figure = js.plots.regions(game, types, js.enumerate_regions(game), js.solve(game, types))
        assert "coordinate 0" in (figure.axes[0].get_xlabel(), figure.axes[-1].get_xlabel())


def test_bounds_know_the_dimension() -> None:
    game, _ = small_game()
    flat = Game(game.leader, game.follower)
    assert flat.dimension == game.dimension == 3
    assert js.bounds.num_regions(game) == (2 * 2 * 9) ** 4
    for name in ("erm_joint", "erm_product", "region_ucb", "oful"):
        assert js.bounds.regret(name, game, 100) > 0
    with pytest.raises(ValueError, match="on the simplex"):
        js.bounds.regret("lower", game, 100)


def test_payoffs_are_those_of_the_frame_without_rounding() -> None:
    """-0.1 + 0.1 c touches the facet c = 1 exactly, although 0.3 - 0.1 is not 0.2 in floats."""
    polytope = strategies.coverage(4, 3)
    follower = np.zeros((1, 1, 5, 2))
    follower[0, 0, 0, 1], follower[0, 0, 4, 1] = 0.1, -0.1
    leader = np.zeros((1, 5, 2))
    leader[0, 4, 1] = 1.0
    game = Game(SeparablePayoff(leader), follower, polytope)
    types = js.IndependentTypes([[1.0]])
    for method in ("vertices", "programs", "milp"):
        solution = js.solve(game, types, method)
        assert solution.value == 1.0
        assert solution.commitment[0] == pytest.approx(1.0, abs=1e-9)
    assert js.solve(game, types, ties="robust").value == 0.0
    assert js.expected_utility(game, types, [1, 0, 0, 0, 1]) == 1.0


def test_patrols_realise_coverage() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        T = int(rng.integers(1, 9))
        c = np.clip(rng.uniform(-0.3, 1.3, size=T), 0, 1)
        chosen, probability = js.scenarios.patrols(c)
        assert chosen.shape[0] <= T + 1
        assert probability.sum() == pytest.approx(1.0)
        np.testing.assert_allclose(probability @ chosen, c, atol=1e-9)
        assert chosen.sum(axis=1).max() <= np.ceil(c.sum() - 1e-9)
    with pytest.raises(ValueError, match="no target"):
        js.scenarios.patrols([0.5, 3.0])


def test_problems_of_solvers_hold_shares() -> None:
    """Payoffs at the frame's points give the same values as payoffs of coordinates."""
    game, types = small_game()
    from jaxstack.solvers.contract import Clock

    problem = Problem(game, types, "optimistic", Clock(None, None))
    assert game.strategies is not None
    x = game.strategies.vertices[0]
    maps = np.zeros((1, 2, 2), np.int64)
    value = problem.to_payoff(float(problem.payoffs(maps)[0] @ game.strategies.frame.shares(x)))
    vector = js.value.region_payoff_vectors(game, types, maps)[0]
    assert value == pytest.approx(float(vector @ x), abs=1e-9)


def test_large_sets_are_made_in_seconds():
    """Most coefficients are 0, and no fraction is worked out for them: all of them take a minute here."""
    began = time.process_time()
    large = js.strategies.coverage(600, 120)
    assert large.hull_shares.shape == (64, 601)
    inside = large.frame.commitments(large.frame.centre)
    np.testing.assert_array_equal(large.checked(inside), inside)
    assert time.process_time() - began < 15
