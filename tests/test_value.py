"""Expected utilities against hand-worked numbers, brute force, and each other at n = 200."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from jaxstack.distributions import IndependentTypes, JointTypes, MixtureTypes
from jaxstack.game import Game, stack
from jaxstack.payoffs import AnonymousPayoff, SeparablePayoff, TabularPayoff
from jaxstack.regions import enumerate_regions
from jaxstack.value import expected_utility, joint_type_payoffs, region_payoff_vectors, vertex_utilities
from tests import games
from tests.reference import regions as reference_regions
from tests.reference import value as reference

KINDS = list(itertools.product(games.PAYOFFS, games.TYPES))
SHAPES: tuple[games.Shape, ...] = ((3, 2, 3, 2), (2, 3, 2, 3), (2, 4, 2, 2), (4, 1, 3, 3), (2, 2, 2, 1))


def case_of(payoff: str, types: str, shape: games.Shape, seed: int = 0) -> tuple[Game, Any]:
    rng = np.random.default_rng(seed)
    L, n, K, A = shape
    game = Game(games.leader_payoff(rng, payoff, shape), rng.uniform(-1, 1, (n, K, L, A)))
    return game, games.type_distribution(rng, types, shape)


# Hand-worked games -----------------------------------------------------------------------------------


def coordination_game() -> Game:
    """n = 2, K = 2, L = 2, A = 2: type 0 plays 1 when x_0 <= 1/2, type 1 when x_0 <= 1/4."""
    late, early = [[1, 0], [0, 1]], [[3, 0], [0, 1]]  # action 0 pays x_0 or 3 x_0, action 1 pays x_1
    # The leader earns 4 from its action 0 if both play 1, and 1 from its action 1 if exactly one does.
    table = np.array([[[0, 0], [0, 4]], [[0, 1], [1, 0]]])
    return Game(TabularPayoff(table), np.array([[late, early], [late, early]]))


def test_hand_worked_utilities() -> None:
    game = coordination_game()
    independent = IndependentTypes([[0.5, 0.5], [0.25, 0.75]])
    # At x_0 = 0.4, type 0 plays 1 and type 1 plays 0. Both play 1 with 1/8, exactly one with 3/8 + 1/8 = 1/2.
    assert expected_utility(game, independent, [0.4, 0.6]) == pytest.approx(0.4 * 4 / 8 + 0.6 / 2)
    # At x_0 = 0.2 both play 1, at x_0 = 0.9 neither does.
    assert expected_utility(game, independent, [0.2, 0.8]) == pytest.approx(0.8)
    assert expected_utility(game, independent, [0.9, 0.1]) == 0
    # The same marginals, fully correlated: types (0, 0), (1, 0) and (1, 1) with 1/4, 1/4, 1/2 ...
    correlated = JointTypes([[0.25, 0.25], [0.0, 0.5]])
    np.testing.assert_allclose(correlated.marginals(), independent.marginals())
    assert expected_utility(game, correlated, [0.4, 0.6]) == pytest.approx(0.4 * 4 / 4 + 0.6 / 4)
    assert reference.optimistic_utility(game, correlated, np.array([0.4, 0.6])) == pytest.approx(0.55)


def test_ties_go_to_the_leader_jointly() -> None:
    game = coordination_game()
    both_late = JointTypes([[1.0, 0.0], [0.0, 0.0]])
    # At x = (1/2, 1/2) both followers are indifferent: both playing 1 earns 4 / 2, either one alone 1 / 2.
    assert expected_utility(game, both_late, [0.5, 0.5]) == pytest.approx(2.0)
    # Changing one follower's response at a time from (0, 0) would stop at 1: the pair together earns 4.
    penalty = Game(TabularPayoff([[[1, 0], [0, 4]], [[1, 0], [0, 4]]]), game.follower)
    assert expected_utility(penalty, both_late, [0.5, 0.5]) == pytest.approx(4.0)
    assert expected_utility(penalty, both_late, [0.6, 0.4]) == pytest.approx(1.0)


def test_a_type_plays_one_response_whatever_the_others_types() -> None:
    # Follower 0 has one kind of type and is always indifferent. The leader wants it to match follower 1's
    # type, which it cannot see: half of the time at best.
    follower = np.zeros((2, 2, 1, 2))
    follower[1] = [[[1, 0]], [[0, 1]]]  # follower 1 plays its type
    game = Game(TabularPayoff(np.eye(2)[None]), follower)
    assert expected_utility(game, IndependentTypes([[1, 0], [0.5, 0.5]]), [1.0]) == pytest.approx(0.5)
    # Two kinds of type, perfectly correlated with follower 1's, can.
    assert expected_utility(game, JointTypes(np.eye(2) / 2), [1.0]) == pytest.approx(1.0)


def test_types_of_probability_zero_do_not_count() -> None:
    game = coordination_game()
    never = IndependentTypes([[1.0, 0.0], [1.0, 0.0]])
    without = Game(game.leader, game.follower[:, :1])
    for x in ([0.1, 0.9], [0.4, 0.6], [0.5, 0.5], [0.8, 0.2]):
        assert expected_utility(game, never, x) == expected_utility(
            without, IndependentTypes([[1.0], [1.0]]), x
        )


def test_hand_worked_optimum_only_on_a_flat_region() -> None:
    # Action 1 is dominated but for a tie against leader action 1, where the leader would love it.
    game = Game(TabularPayoff([[1, 0], [3, 9]]), [[[[1, 0], [0, 0]]]])
    types = IndependentTypes([[1.0]])
    assert vertex_utilities(game, types, enumerate_regions(game)).tolist() == [[1, 3], [9, -np.inf]]
    assert vertex_utilities(game, types, enumerate_regions(game, ties="robust")).tolist() == [[1, 3]]
    assert expected_utility(game, types, [0.0, 1.0]) == 9
    assert expected_utility(game, types, [0.001, 0.999]) == pytest.approx(0.001 * 1 + 0.999 * 3)


# Brute force -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("payoff", "types"), KINDS)
def test_payoffs_and_region_payoff_vectors_equal_brute_force(payoff: str, types: str) -> None:
    for seed, shape in enumerate(SHAPES):
        game, distribution = case_of(payoff, types, shape, seed)
        _, n, K, A = shape
        rng = np.random.default_rng(seed)
        responses = rng.integers(A, size=(6, n, K))
        expected = [reference.region_payoff_vector(game, distribution, response) for response in responses]
        found = region_payoff_vectors(game, distribution, responses)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)

        low, high = game.leader.bounds()
        np.testing.assert_allclose([low, high], reference.bounds(game.leader, n, A), rtol=0, atol=1e-13)
        np.testing.assert_allclose(
            distribution.marginals(), reference.marginals(distribution, n, K), atol=1e-14
        )
        actions = responses[0, :, 0]
        vector = game.leader.payoff_vector(actions)
        np.testing.assert_allclose(vector, reference.payoff_vector(game.leader, tuple(actions)), atol=1e-6)
        plays = rng.dirichlet(np.ones(A), size=n)
        vector = game.leader.expected_payoff_vector(np.ones((n, 1)), plays[:, None])
        np.testing.assert_allclose(vector, reference.expected_payoff_vector(game.leader, plays), atol=1e-5)


@pytest.mark.parametrize("payoff", games.PAYOFFS)
def test_joint_type_payoffs_equal_brute_force(payoff: str) -> None:
    game, _ = case_of(payoff, "joint", (3, 2, 3, 2))
    table = enumerate_regions(game)
    found = joint_type_payoffs(game, table)
    for (region, response), (j, theta) in itertools.product(
        enumerate(table.responses), enumerate(reference.joint_types(2, 3))
    ):
        expected = reference.payoff_vector(game.leader, reference.joint_action(response, theta))
        np.testing.assert_allclose(found[region, j], expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("payoff", "types"), KINDS)
@pytest.mark.parametrize("degenerate", [False, True])
def test_utilities_and_optimum_equal_brute_force(payoff: str, types: str, degenerate: bool) -> None:
    source = games.degenerate_games if degenerate else games.random_games
    for game, distribution in ((c.game, c.types) for c in source(36) if c.name.endswith(f"{payoff} {types}")):
        table = enumerate_regions(game)
        utilities = vertex_utilities(game, distribution, table)
        assert (utilities[~table.vertex_mask] == -np.inf).all()
        maps = list(map(tuple, table.responses.reshape(len(table.responses), -1).tolist()))
        assert utilities.max() == pytest.approx(reference_regions.optimum(game, distribution, maps), abs=1e-9)
        robust = [response for response, full in zip(maps, table.full_dimensional, strict=True) if full]
        expected = reference_regions.optimum(game, distribution, robust)
        assert utilities[table.full_dimensional].max() == pytest.approx(expected, abs=1e-9)

        rng = np.random.default_rng(0)
        for region, vertex in rng.permutation(np.argwhere(table.vertex_mask))[:6]:
            x = table.vertices[region, vertex]
            expected = reference.utility(game, distribution, x, table.responses[region])
            assert utilities[region, vertex] == pytest.approx(expected, abs=1e-12)
        best = reference.optimistic_utility(game, distribution, x)
        assert expected_utility(game, distribution, x) == pytest.approx(best, abs=1e-9)
        assert best >= expected - 1e-9
        x = rng.dirichlet(np.ones(game.num_leader_actions))
        expected = reference.optimistic_utility(game, distribution, x)
        assert expected_utility(game, distribution, x) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("payoff", "types"), KINDS)
def test_batch_equals_single_games(payoff: str, types: str) -> None:
    pairs = [case_of(payoff, types, (3, 2, 2, 2), seed) for seed in range(3)]
    batch, distributions = stack([game for game, _ in pairs]), stack([types for _, types in pairs])
    table = enumerate_regions(batch)
    utilities = vertex_utilities(batch, distributions, table)
    assert utilities.shape == table.vertex_mask.shape
    for index, (game, distribution) in enumerate(pairs):
        alone = vertex_utilities(game, distribution, enumerate_regions(game))
        R, V = alone.shape
        np.testing.assert_allclose(utilities[index, :R, :V], alone, rtol=0, atol=1e-14)
        assert (utilities[index, R:] == -np.inf).all()
        assert (utilities[index, :, V:] == -np.inf).all()


# Many followers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("num_followers", "num_actions"), [(200, 2), (30, 3)])
@pytest.mark.parametrize("types", ["independent", "mixture"])
def test_anonymous_equals_separable_for_identical_followers(
    num_followers: int, num_actions: int, types: str
) -> None:
    n, A, L, K = num_followers, num_actions, 3, 2
    rng = np.random.default_rng(n)
    each = rng.uniform(-1, 1, (L, A))  # what one follower's action is worth
    counts = np.indices((n + 1,) * (A - 1)).astype(float)
    anonymous = np.tensordot(each[:, 1:], counts, axes=1)
    anonymous += each[:, 0].reshape(L, *(1,) * (A - 1)) * (n - counts.sum(axis=0))
    follower = rng.uniform(-1, 1, (n, K, L, A))
    distribution = games.type_distribution(rng, types, (L, n, K, A))
    responses = rng.integers(A, size=(4, n, K))
    separable_game = Game(SeparablePayoff(np.broadcast_to(each, (n, L, A))), follower)
    anonymous_game = Game(AnonymousPayoff(anonymous), follower)
    found = region_payoff_vectors(anonymous_game, distribution, responses)
    np.testing.assert_allclose(
        found, region_payoff_vectors(separable_game, distribution, responses), rtol=1e-11
    )
    np.testing.assert_allclose(anonymous_game.leader.bounds(), separable_game.leader.bounds(), rtol=1e-12)
    x = rng.dirichlet(np.ones(L))
    utility = expected_utility(anonymous_game, distribution, x)
    assert utility == pytest.approx(expected_utility(separable_game, distribution, x), rel=1e-11)


def test_anonymous_payoff_of_200_followers_sees_their_correlation() -> None:
    # Everyone plays its type. The leader earns 1 when at least 150 of 200 choose action 1.
    n = 200
    follower = np.zeros((n, 2, 1, 2))
    follower[:, 0, :, 0] = follower[:, 1, :, 1] = 1
    game = Game(AnonymousPayoff((np.arange(n + 1) >= 150)[None].astype(float)), follower)
    half = np.full((n, 2), 0.5)
    together = MixtureTypes.correlated(half, 1.0)
    assert expected_utility(game, together, [1.0]) == pytest.approx(0.5, abs=1e-12)
    assert expected_utility(game, IndependentTypes(half), [1.0]) < 1e-12
    assert expected_utility(game, MixtureTypes.correlated(half, 0.3), [1.0]) == pytest.approx(0.15, abs=1e-12)


# Reductions and errors -------------------------------------------------------------------------------


@pytest.mark.parametrize("payoff", games.PAYOFFS)
def test_independent_types_are_a_joint_table_and_a_mixture(payoff: str) -> None:
    game, independent = case_of(payoff, "independent", (3, 3, 2, 2))
    p = independent.probabilities
    same = [JointTypes(np.einsum("a,b,c->abc", *p)), MixtureTypes([0.25, 0.75], np.stack([p, p]))]
    responses = np.random.default_rng(0).integers(2, size=(5, 3, 2))
    expected = region_payoff_vectors(game, independent, responses)
    for types in same:
        np.testing.assert_allclose(
            region_payoff_vectors(game, types, responses), expected, rtol=0, atol=1e-14
        )


@pytest.mark.parametrize("much", [1.0, 1e4, 1e12])
def test_an_action_that_nobody_prefers_changes_nothing(much: float) -> None:
    # The way to give followers different numbers of actions, however low the payoff of the padding.
    game, types = case_of("separable", "independent", (3, 2, 2, 2))
    padded = Game(
        SeparablePayoff(np.pad(game.leader.table, ((0, 0), (0, 0), (0, 1)), constant_values=50.0)),
        np.pad(game.follower, ((0, 0), (0, 0), (0, 0), (0, 1)), constant_values=-much),
    )
    for x in np.random.default_rng(0).dirichlet(np.ones(3), size=3):
        assert expected_utility(padded, types, x) == pytest.approx(
            expected_utility(game, types, x), abs=1e-12
        )


def test_scaled_payoffs_scale_utilities() -> None:
    for case in games.random_games(9, seed=3):
        leader = case.game.leader
        scaled = type(leader)(-2.5 * np.asarray(leader.table), **_followers(leader))
        x = np.random.default_rng(0).dirichlet(np.ones(case.game.num_leader_actions))
        before = expected_utility(case.game, case.types, x)  # no ties at a random x
        assert expected_utility(Game(scaled, case.game.follower), case.types, x) == pytest.approx(
            -2.5 * before
        )


def _followers(leader: Any) -> dict[str, int]:
    return {"num_followers": leader.num_followers} if isinstance(leader, AnonymousPayoff) else {}


@pytest.mark.parametrize("action", [2, 2**32, -1, 0.5])
def test_response_maps_hold_actions_alone(action: float) -> None:
    game, types = Game(np.eye(2), [[np.eye(2)]]), IndependentTypes([[1.0]])
    with pytest.raises(ValueError, match=r"response maps must be .* 0\.\.1, but \(0, 0, 0\) has"):
        region_payoff_vectors(game, types, np.full((1, 1, 1), action))
    whole = region_payoff_vectors(game, types, np.full((1, 1, 1), 1.0))
    np.testing.assert_array_equal(whole, [[0.0, 1.0]])


def test_errors_say_what_arrived() -> None:
    game, types = case_of("tabular", "independent", (3, 2, 2, 2))
    with pytest.raises(ValueError, match="commitment must have L = 3 entries, but 2 arrived"):
        expected_utility(game, types, [0.5, 0.5])
    with pytest.raises(ValueError, match=r"must lie in the simplex .* sum 1\.2"):
        expected_utility(game, types, [0.4, 0.4, 0.4])
    with pytest.raises(ValueError, match=r"num_types = 2, but .* has num_types = 3"):
        expected_utility(game, IndependentTypes(np.full((2, 3), 1 / 3)), [1, 0, 0])
    indifferent = Game(AnonymousPayoff(np.ones((1, 10))), np.zeros((9, 2, 1, 2)))
    with pytest.raises(ValueError, match=r"indifferent in 2.62e\+05 combined ways .* Move the commitment"):
        expected_utility(indifferent, IndependentTypes(np.full((9, 2), 0.5)), [1.0])
