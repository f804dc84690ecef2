"""Leader payoffs that depend on types: by hand, against plain loops, and against the game of their blocks."""

from __future__ import annotations

import itertools
import re
from typing import Any

import jax
import numpy as np
import pytest

import jaxstack as js
from experiments import embedding
from jaxstack.learners import candidates
from jaxstack.payoffs import AnonymousPayoff, LeaderPayoff, SeparablePayoff
from jaxstack.simulation import prepare
from jaxstack.solvers import problem
from jaxstack.value import joint_type_payoffs, region_payoff_vectors
from tests import games
from tests.reference import learners as slow
from tests.reference import optima, regions, value

pytestmark = pytest.mark.once

SHAPES: tuple[games.Shape, ...] = ((3, 2, 2, 2), (2, 1, 3, 2), (2, 2, 3, 2), (3, 2, 2, 3))


def cases(num: int, seed: int = 0, shapes: tuple[games.Shape, ...] = SHAPES) -> list[games.Case]:
    return list(games.random_games(num, seed, shapes, games.TYPED_PAYOFFS))


def every(*counts: int) -> Any:
    return itertools.product(*(range(count) for count in counts))


# The payoff itself ------------------------------------------------------------------------------------


def test_separable_by_hand() -> None:
    table = np.arange(24.0).reshape(2, 3, 2, 2)  # [n, K, L, A]
    payoff = js.TypedPayoff.separable(table)
    assert (payoff.num_followers, payoff.num_types, payoff.num_leader_actions, payoff.num_actions) == (
        2,
        3,
        2,
        2,
    )
    # Follower 0 of type 2 plays 1: entries [0, 2, :, 1] = (9, 11); follower 1 of type 1 plays 0: (16, 18).
    np.testing.assert_array_equal(payoff.payoff_vector(np.array([1, 0]), np.array([2, 1])), [25, 29])
    assert [float(b) for b in payoff.bounds()] == [0 + 12, 11 + 23]
    types, plays = np.array([[0, 0, 1], [0.5, 0.5, 0]]), np.zeros((2, 3, 2))
    plays[0, :, 1] = plays[1, :, 0] = 1
    # Follower 0 as above; follower 1 plays 0 and has type 0, (12, 14), or 1, (16, 18).
    np.testing.assert_array_equal(payoff.expected_payoff_vector(types, plays), [9 + 14, 11 + 16])


def test_tabular_by_hand() -> None:
    table = np.arange(2 * 2 * 2 * 3 * 3.0).reshape(2, 2, 2, 3, 3)  # [L, A, A, K, K]
    payoff = js.TypedPayoff.tabular(table)
    assert (payoff.num_followers, payoff.num_types, payoff.num_leader_actions, payoff.num_actions) == (
        2,
        3,
        2,
        2,
    )
    # Actions (1, 0), types (2, 1): 18 * 1 + 9 * 0 + 3 * 2 + 1 = 25, and 36 more in the second row.
    np.testing.assert_array_equal(payoff.payoff_vector(np.array([1, 0]), np.array([2, 1])), [25, 61])
    np.testing.assert_array_equal(payoff.table, table)
    assert [float(b) for b in payoff.bounds()] == [0, 71]


def test_where_types_do_not_matter_it_is_the_payoff_of_actions() -> None:
    rng = np.random.default_rng(1)
    plain = rng.uniform(size=(2, 3, 2))  # [n, L, A]
    game, types = (
        js.Game(SeparablePayoff(plain), rng.uniform(size=(2, 2, 3, 2))),
        js.IndependentTypes([[0.4, 0.6], [0.9, 0.1]]),
    )
    typed = js.Game(js.TypedPayoff.separable(np.repeat(plain[:, None], 2, axis=1)), game.follower)
    assert js.solve(typed, types).value == pytest.approx(js.solve(game, types).value, rel=1e-14)
    table = js.enumerate_regions(game)
    np.testing.assert_allclose(joint_type_payoffs(typed, table), joint_type_payoffs(game, table), rtol=1e-15)


@pytest.mark.parametrize("case", cases(6), ids=lambda case: case.name.replace(" ", "-"))
def test_agrees_with_loops(case: games.Case) -> None:
    payoff, (n, K, L, A) = case.game.leader, np.shape(case.game.follower)
    assert isinstance(payoff, LeaderPayoff)
    rng = np.random.default_rng(2)
    maps = rng.integers(A, size=(3, n, K))
    expected = [value.region_payoff_vector(case.game, case.types, response) for response in maps]
    np.testing.assert_allclose(region_payoff_vectors(case.game, case.types, maps), expected, atol=1e-13)

    seen = [value.payoff_vector(payoff, a, theta) for a in every(*[A] * n) for theta in every(*[K] * n)]
    np.testing.assert_allclose(payoff.bounds(), [np.min(seen), np.max(seen)], atol=1e-13)

    table = js.enumerate_regions(case.game)
    against = joint_type_payoffs(case.game, table)
    for r, (j, theta) in itertools.product(range(int(table.num_regions)), enumerate(every(*[K] * n))):
        actions = value.joint_action(table.responses[r], theta)
        np.testing.assert_allclose(against[r, j], value.payoff_vector(payoff, actions, theta), atol=1e-13)

    plays, marginals = rng.dirichlet(np.ones(A), size=(n, K)), rng.dirichlet(np.ones(K), size=n)
    total = np.zeros(L)
    for a, theta in itertools.product(every(*[A] * n), every(*[K] * n)):
        weight = np.prod(
            [marginals[i, k] * plays[i, k, b] for i, (b, k) in enumerate(zip(a, theta, strict=True))]
        )
        total += weight * value.payoff_vector(payoff, a, theta)
    with jax.enable_x64(True):
        np.testing.assert_allclose(payoff.expected_payoff_vector(marginals, plays), total, atol=1e-13)


@pytest.mark.parametrize("kind", games.TYPED_PAYOFFS)
def test_bounds_units_and_differences_of_what_is_played(kind: str) -> None:
    """Each against every joint move of what is played; a stacked batch says the same of each member."""
    rng = np.random.default_rng(5)
    n, K, A = 2, 2, 3
    members = [games.leader_payoff(rng, kind, (2, n, K, A), levels=2) for _ in "ab"]
    played = rng.uniform(size=(2, n, K, A)) < 0.5
    played[:, :, 0, 0] = True
    low, high = js.stack(members).bounds(played)
    apart = js.stack(members).tells_apart(played)
    for member, may, least, most, told in zip(members, played, low, high, apart, strict=True):
        moves = [[move for move in every(K, A) if may[i][move]] for i in range(n)]
        seen = {
            joint: value.payoff_vector(member, [a for _, a in joint], [k for k, _ in joint])
            for joint in itertools.product(*moves)
        }
        assert (least, most) == (np.min(list(seen.values())), np.max(list(seen.values())))
        np.testing.assert_array_equal(member.bounds(may), (least, most))
        size = most - least or 1.0
        units = member.in_units(least, np.asarray(size), may)
        for joint, vector in seen.items():
            theta, actions = np.array(joint).T
            np.testing.assert_allclose(
                units.payoff_vector(actions, theta), (vector - least) / size, atol=1e-6
            )
        expected = np.zeros((n, K, A, A), bool)
        for i, k, a, b in every(n, K, A, A):
            for other in moves[1 - i]:
                pair = [[other, (k, c)] if i else [(k, c), other] for c in (a, b)]
                first, second = (
                    value.payoff_vector(member, [c for _, c in p], [t for t, _ in p]) for p in pair
                )
                expected[i, k, a, b] |= bool((first != second).any())
        np.testing.assert_array_equal(told, expected)
        np.testing.assert_array_equal(member.tells_apart(may), expected)


@pytest.mark.parametrize("kind", games.TYPED_PAYOFFS)
def test_solvers_units(kind: str) -> None:
    rng = np.random.default_rng(6)
    game = js.Game(games.leader_payoff(rng, kind, (3, 2, 2, 2)), rng.uniform(size=(2, 2, 3, 2)))
    units, offset, scale = problem.in_units(game)
    back = offset + scale * np.asarray(units.leader.payoff_vector(np.array([0, 1]), np.array([1, 0])))
    expected = value.payoff_vector(game.leader, (0, 1), (1, 0))
    np.testing.assert_allclose(back, expected, atol=1e-6)


def test_counts_of_moves() -> None:
    """An anonymous payoff of moves: how many followers of each type chose each action."""
    table = np.zeros((1, 4, 4, 4))  # three followers; counts of the moves (0, 1), (1, 0) and (1, 1)
    table[0, 1, 0, 2], table[0, 1, 1, 1] = 5, 7
    payoff = js.TypedPayoff(AnonymousPayoff(table), num_types=2)
    assert payoff.payoff_vector(np.array([1, 1, 1]), np.array([0, 1, 1])).tolist() == [5]
    assert payoff.payoff_vector(np.array([1, 0, 1]), np.array([1, 1, 0])).tolist() == [7]
    assert payoff.payoff_vector(np.array([0, 0, 0]), np.array([0, 0, 0])).tolist() == [0]


# Solvers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases(3, 3, SHAPES[1:]), ids=lambda case: case.name.replace(" ", "-"))
def test_every_method_finds_the_optimum_of_the_programs(case: games.Case) -> None:
    expected = regions.optimum(case.game, case.types, regions.search(np.asarray(case.game.follower)))
    for method in ("vertices", "programs", "milp"):
        solution = js.solve(case.game, case.types, method=method)
        assert solution.value == pytest.approx(expected, abs=1e-9), method
        earned = value.utility(case.game, case.types, solution.commitment, solution.response)
        assert earned == pytest.approx(expected, abs=1e-9), method
    assert js.solve(case.game, case.types, ties="robust").value == pytest.approx(expected, abs=1e-9)


def test_walk_is_a_lower_bound_that_is_reached() -> None:
    case = cases(1, 3)[0]
    expected = regions.optimum(case.game, case.types, regions.search(np.asarray(case.game.follower)))
    lower = js.solve(case.game, case.types, method="walk")
    assert lower.value == pytest.approx(expected, abs=1e-9)
    assert lower.upper_bound >= expected - 1e-9


def test_both_tie_rules_where_games_are_degenerate() -> None:
    found = games.degenerate_games(8, 4, ((2, 2, 2, 2), (3, 1, 2, 2)), games.TYPED_PAYOFFS)
    different = 0
    for case in found:
        optimistic, robust = optima.optima(case.game, case.types)
        assert js.solve(case.game, case.types).value == pytest.approx(float(optimistic), abs=1e-9), case.name
        for method in ("vertices", "programs"):
            solution = js.solve(case.game, case.types, method=method, ties="robust")
            assert solution.value == pytest.approx(float(robust), abs=1e-9), (case.name, method)
        different += optimistic > robust
    assert different >= 2


def test_expected_utility_takes_the_tie_that_is_better_for_the_leader() -> None:
    """One follower of two types, indifferent everywhere; the leader wants type 0 to play 0 and type 1, 1."""
    leader = js.TypedPayoff.separable([[[[3, 0], [1, 0]], [[0, 5], [0, 7]]]])
    game, types = js.Game(leader, np.zeros((1, 2, 2, 2))), js.IndependentTypes([[0.25, 0.75]])
    assert js.expected_utility(game, types, [1.0, 0.0]) == pytest.approx(0.25 * 3 + 0.75 * 5)
    assert js.solve(game, types).value == pytest.approx(0.25 * 1 + 0.75 * 7)
    assert js.solve(game, types, ties="robust").value == 0


# Learners ---------------------------------------------------------------------------------------------

SMALL = cases(4, 8, ((3, 2, 2, 2), (2, 2, 3, 2)))[::3]  # tabular, separable


@pytest.mark.parametrize(
    ("case", "learner", "few_joint_types"),
    [
        *itertools.product(SMALL, ["oful"], [True]),
        (SMALL[0], "erm_joint", True),
        (SMALL[1], "erm_product", True),
        (SMALL[0], "erm_joint", False),  # sums of payoff vectors of regions
        (SMALL[0], "erm_product", False),  # expected payoff vectors of regions
        (SMALL[1], "erm_joint", False),  # counts of each follower's types
    ],
    ids=lambda of: of.name.replace(" ", "-") if isinstance(of, games.Case) else str(of),
)
def test_plays_what_the_slow_loop_plays(
    case: games.Case, learner: str, few_joint_types: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not few_joint_types:
        monkeypatch.setattr(candidates, "MAX_JOINT_FEATURES", 0)
    table, play = js.enumerate_regions(case.game), js.learners.by_name(learner)
    with jax.enable_x64(True):
        trace = js.play(jax.random.key(3), case.game, case.types, play, horizon=150, table=table)
    expected = getattr(slow, learner)(case.game, table, trace.types)
    np.testing.assert_array_equal(np.stack([trace.region, trace.vertex], axis=1), expected)


@pytest.mark.parametrize("learner", ["region_ucb", "explore_then_commit"])
def test_who_stands_on_payoff_vectors_says_that_it_cannot_play(learner: str) -> None:
    case = SMALL[0]
    with pytest.raises(
        ValueError, match=rf"{learner} learns from the payoff vectors .* depends on followers' types"
    ):
        js.simulate(
            jax.random.key(0), case.game, case.types, js.learners.by_name(learner), horizon=10, num_runs=1
        )


def test_payoff_vectors_of_actions_alone_do_not_exist() -> None:
    with pytest.raises(ValueError, match=r"depends on followers' types .* feedback\.payoff"):
        SMALL[0].game.leader.payoff_vector(np.array([0, 0]))


def test_equal_actions_that_one_type_alone_makes_matter() -> None:
    """ties='robust' asks whether the leader tells equal actions apart, of the type that has them."""
    follower = np.array([[[[1, 0], [0, 1]], [[1, 1], [2, 2]]]], float)  # type 1 is indifferent
    types, tables = js.IndependentTypes([[0.5, 0.5]]), np.zeros((1, 2, 2, 2))
    tables[0, 0] = [[1, 2], [3, 4]]
    indifferent = js.Game(js.TypedPayoff.separable(tables), follower)
    table = js.enumerate_regions(indifferent, ties="robust")
    prepare(jax.random.key(0), indifferent, types, js.learners.erm_joint(), horizon=5, table=table)
    tables[0, 1, 0, 1] = 1
    caring = js.Game(js.TypedPayoff.separable(tables), follower)
    with pytest.raises(ValueError, match="actions 0 and 1 are equal to follower 0 of type 1"):
        prepare(jax.random.key(0), caring, types, js.learners.erm_joint(), horizon=5, table=table)


# The same game, block by block ------------------------------------------------------------------------


def test_the_embedding_is_the_same_game() -> None:
    """The toy twin of `python -m experiments.embedding`."""
    pairs = [embedding.pair_of(seed, "tabular", (2, 2, 2, 2)) for seed in range(3)]
    with jax.enable_x64(True):
        counts = embedding.agreement(pairs, 100, ("erm_joint",))
    assert counts == {what: (3, pytest.approx(0, abs=embedding.AGREED)) for what in counts}


@pytest.mark.parametrize("payoff", embedding.PAYOFFS)
def test_the_embedding_is_the_same_game_on_a_polytope(payoff: str) -> None:
    pair = embedding.pair_of(4, payoff, (3, 2, 2, 2))
    unit_box = js.strategies.box([0, 0], [1, 0.5])
    pair = pair._replace(**{form: _on(getattr(pair, form), unit_box) for form in ("typed", "embedded")})
    for method, ties in embedding.METHODS:
        first, second = (js.solve(game, pair.types, method=method, ties=ties) for game in pair[:2])
        assert first.value == pytest.approx(second.value, abs=embedding.AGREED), method
        unit_box.checked(first.commitment)
    setups = [
        prepare(jax.random.key(0), game, pair.types, js.learners.erm_joint(), horizon=9) for game in pair[:2]
    ]
    leaves = (jax.tree.leaves((s.inputs.arena.gap, s.unit, s.inputs.known.prepared)) for s in setups)
    for first, second in zip(*leaves, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-12)


@pytest.mark.parametrize("payoff", embedding.PAYOFFS)
def test_the_embedding_is_the_same_game_of_unequal_followers(payoff: str) -> None:
    """Some types lack actions: a move (k, a) is available to type k if a is, and to no other type."""
    for seed in range(3):
        pair = embedding.pair_of(seed, payoff, (3, 2, 2, 3))
        n, K, _, A = np.shape(pair.typed.follower)
        has = np.random.default_rng(seed).uniform(size=(n, K, A)) < 0.6
        has[:, :, seed % A] = True
        of_moves = (has[:, :, None, :] & np.eye(K, dtype=bool)[None, :, :, None]).reshape(n, K, K * A)
        typed = js.Game(pair.typed.leader, pair.typed.follower, available=has)
        embedded = js.Game(pair.embedded.leader, pair.embedded.follower, available=of_moves)
        differences = embedding.optima_differ(embedding.Pair(typed, embedded, pair.types))
        del differences["reference LPs"]  # they know no masks
        assert max(differences.values()) <= embedding.AGREED, differences
        setups = [
            prepare(jax.random.key(0), game, pair.types, js.learners.erm_joint(), horizon=9)
            for game in (typed, embedded)
        ]
        for first, second in zip(*((s.inputs.arena.gap, s.unit, s.optimum) for s in setups), strict=True):
            np.testing.assert_allclose(first, second, atol=1e-12)


def _on(game: js.Game, strategies: Any) -> js.Game:
    return js.Game(game.leader, game.follower, strategies)


def test_another_game_is_not() -> None:
    """Types in the wrong order of axes, as a mistake in the embedding would have them."""
    pair = embedding.pair_of(0, "tabular", (3, 2, 2, 2))
    wrong = js.TypedPayoff.tabular(np.swapaxes(pair.typed.leader.table, -1, -2))
    differences = embedding.optima_differ(pair._replace(typed=js.Game(wrong, pair.typed.follower)))
    del differences["reference LPs"]  # they solve the wrong game, too
    assert min(differences.values()) > embedding.AGREED


def test_jumps_are_those_of_the_embedding() -> None:
    pair = embedding.pair_of(2, "separable", (3, 2, 2, 2))
    for learner in (js.learners.erm_joint(), js.learners.erm_product()):
        curves = [
            js.simulate(
                jax.random.key(1), game, pair.types, learner, horizon=10**5, num_runs=8, skip_ahead=True
            ).regret
            for game in pair[:2]
        ]
        np.testing.assert_allclose(*curves, atol=1e-9)


# Errors and files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: js.TypedPayoff.separable(np.zeros((2, 2, 2))), "must have axes [n K L A]"),
        (lambda: js.TypedPayoff.tabular(np.zeros((2, 2, 2, 3))), "must have axes [L, A, .., A, K, .., K]"),
        (lambda: js.TypedPayoff.tabular(np.zeros((2, 2, 3, 4, 4))), "its shape is (2, 2, 3, 4, 4)"),
        (lambda: js.TypedPayoff.tabular(np.full((2, 2, 3), np.nan)), "must be finite"),
        (lambda: js.TypedPayoff(np.zeros((2, 4)), 2), "Make one with TypedPayoff.separable"),
        (lambda: js.TypedPayoff(SeparablePayoff(np.zeros((1, 2, 5))), 2), "no multiple of num_types = 2"),
        (
            lambda: js.Game(js.TypedPayoff.separable(np.zeros((2, 3, 2, 2))), np.zeros((2, 2, 2, 2))),
            "disagree on K (types): the leader payoff (TypedPayoff) has 3",
        ),
    ],
)
def test_errors(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize("suffix", ["json", "npz"])
def test_round_trip(tmp_path: Any, suffix: str) -> None:
    counts = js.TypedPayoff(AnonymousPayoff(np.random.default_rng(0).uniform(size=(3, 3, 3, 3))), 2)
    follower = np.random.default_rng(1).uniform(size=(2, 2, 3, 2))
    anonymous = games.Case("counts", js.Game(counts, follower), js.IndependentTypes(np.full((2, 2), 0.5)))
    for case in (*SMALL, anonymous):
        path = tmp_path / f"game.{suffix}"
        js.save_game(path, case.game, case.types)
        game, _ = js.load_game(path)
        assert jax.tree.structure(game) == jax.tree.structure(case.game)
        np.testing.assert_array_equal(game.leader.table, case.game.leader.table)


@pytest.mark.parametrize("kind", ["tabular_by_type", "separable_by_type"])
def test_random_games_of_these_kinds(kind: str) -> None:
    """The same followers and types as with other payoffs, and types that matter."""
    game, types = js.scenarios.random_game(4, num_types=2, payoff=kind)
    other, same = js.scenarios.random_game(4, num_types=2)
    np.testing.assert_array_equal(game.follower, other.follower)
    np.testing.assert_array_equal(types.probabilities, same.probabilities)
    low, high = game.leader.bounds()
    assert 0 <= low < high <= 1
    actions = np.zeros(2, int)
    first, second = (
        np.asarray(game.leader.payoff_vector(actions, np.array(theta))) for theta in ([0, 1], [1, 1])
    )
    assert (first != second).all()
