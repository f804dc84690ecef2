"""The game: sizes, best responses, batches, and what is refused."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstack import game as of_game
from jaxstack.distributions import IndependentTypes, JointTypes, MixtureTypes
from jaxstack.game import (
    Game,
    check_commitment,
    check_types,
    stack,
    unstack,
)
from jaxstack.payoffs import AnonymousPayoff, SeparablePayoff, TabularPayoff
from tests import games

best_responses, best_response_sets = jax.jit(of_game.best_responses), jax.jit(of_game.best_response_sets)


def small_game(seed=0, shape=(3, 2, 4, 2), kind="tabular"):
    """A random game of shape L, n, K, A."""
    L, n, K, A = shape
    rng = np.random.default_rng(seed)
    return Game(games.leader_payoff(rng, kind, shape), rng.uniform(size=(n, K, L, A)))


def test_sizes():
    game = small_game()
    assert (game.num_leader_actions, game.num_followers, game.num_types, game.num_actions) == (3, 2, 4, 2)
    assert game.num_games is None
    assert game.num_joint_types == 16
    assert repr(game) == "Game(L=3, n=2, K=4, A=2, leader=TabularPayoff)"


def test_number_of_joint_types_is_exact_however_large():
    game = Game(SeparablePayoff(np.zeros((200, 2, 2))), np.zeros((200, 3, 2, 2)))
    assert game.num_joint_types == 3**200


def test_a_bare_array_is_tabular():
    game = Game(np.zeros((2, 2)), np.zeros((1, 1, 2, 2)))
    assert isinstance(game.leader, TabularPayoff)
    assert Game([[0, 1], [2, 3]], [[[[0, 1], [2, 3]]]]).num_followers == 1


# --- best responses ---

# One follower, two types: type 0 wants the leader's first action to match action 0 (1, 0 / 0, 1), type 1
# plays action 1 unless the leader's first action has more than 3/4.
MATCHING = Game(np.zeros((2, 2)), [[[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 3.0]]]])


@pytest.mark.parametrize(
    ("first", "expected", "sets"),
    [
        (1.0, [[0, 0]], [[[1, 0], [1, 0]]]),
        (0.8, [[0, 0]], [[[1, 0], [1, 0]]]),
        (0.75, [[0, 0]], [[[1, 0], [1, 1]]]),
        (0.6, [[0, 1]], [[[1, 0], [0, 1]]]),
        (0.5, [[0, 1]], [[[1, 1], [0, 1]]]),
        (0.4, [[1, 1]], [[[0, 1], [0, 1]]]),
        (0.0, [[1, 1]], [[[0, 1], [0, 1]]]),
    ],
)
def test_best_responses_by_hand(first, expected, sets):
    commitment = np.array([first, 1 - first])
    responses = best_responses(MATCHING, commitment)
    assert responses.dtype == jnp.int32
    np.testing.assert_array_equal(responses, expected)  # ties: the lowest index
    np.testing.assert_array_equal(best_response_sets(MATCHING, commitment), np.array(sets, bool))


def test_best_responses_agree_with_loops():
    game = small_game(4, (4, 3, 2, 3))
    for x in np.random.default_rng(0).dirichlet(np.ones(4), size=5):
        expected = [
            [np.argmax([sum(x[j] * row[j, a] for j in range(4)) for a in range(3)]) for row in of_follower]
            for of_follower in game.follower
        ]
        np.testing.assert_array_equal(best_responses(game, x), expected)


def test_gaps_below_the_tolerance_tie():
    def sets(gap):
        game = Game(np.zeros((2, 2)), [[[[1.0, 0.0], [0.0, 1.0]]]])
        return np.asarray(best_response_sets(game, np.array([0.5 + gap / 2, 0.5 - gap / 2])))[0, 0].tolist()

    for x64, tolerance in ((True, 2.0**-44), (False, 2.0**-20)):
        with jax.enable_x64(x64):
            assert sets(0.8 * tolerance) == [True, True]
            assert sets(1.5 * tolerance) == [True, False]
            assert sets(-1.5 * tolerance) == [False, True]


def test_on_the_host_numbers_are_compared_in_float64():
    game = Game(np.zeros((2, 2)), [[[[1.0, 0.0], [0.0, 1.0]]]])
    x = np.array([0.5 + 1e-12, 0.5 - 1e-12])
    assert of_game.best_response_sets(game, x).tolist() == [[[True, False]]]
    assert of_game.best_response_sets(game, x.astype(np.float32)).tolist() == [[[True, True]]]


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e9])
def test_ties_do_not_depend_on_the_unit_of_payoff(unit):
    game = Game(MATCHING.leader, unit * MATCHING.follower)
    with jax.enable_x64(True):
        np.testing.assert_array_equal(
            best_response_sets(game, np.array([0.5, 0.5])), [[[True, True], [False, True]]]
        )


def test_equal_actions_always_tie():
    follower = np.array([[[[0.3, 0.3, 0.1 + 0.2], [7.0, 7.0, 7.0]]]])  # the last is better, by the last bit
    for first, expected in ((0.0, [1, 1, 1]), (0.3, [0, 0, 1]), (1.0, [0, 0, 1])):
        found = of_game.best_response_sets(Game(np.zeros((2, 3)), follower), np.array([first, 1 - first]))
        np.testing.assert_array_equal(found, np.array([[expected]], bool))


@pytest.mark.parametrize(
    ("commitment", "message"),
    [([3.0, -2.0], "lie in the simplex"), ([np.nan, 1.0], "must be finite"), ([0.5, 0.4], "sum 0.9")],
)
def test_followers_answer_commitments_alone(commitment, message):
    for answer in (of_game.best_responses, of_game.best_response_sets):
        with pytest.raises(ValueError, match=message):
            answer(of_game.Game(np.eye(2), [[np.eye(2)]]), np.array(commitment))


def test_commitment_of_the_wrong_length():
    with pytest.raises(ValueError, match=r"commitment must have shape \(3,\), but has \(2,\)"):
        best_responses(small_game(), np.array([0.5, 0.5]))


# --- pytrees and batches ---


@pytest.mark.parametrize("kind", games.PAYOFFS)
def test_survives_jit_vmap_and_tree_map(kind):
    members = [small_game(seed, kind=kind) for seed in range(3)]
    x = np.array([0.2, 0.5, 0.3])
    batch = stack(members)
    together = jax.jit(jax.vmap(best_responses, in_axes=(0, None)))(batch, x)
    for g, game in enumerate(members):
        np.testing.assert_array_equal(together[g], best_responses(game, x))
    shifted = jax.tree.map(lambda leaf: leaf + 1, members[0])
    assert isinstance(shifted, Game)
    np.testing.assert_array_equal(shifted.follower, members[0].follower + 1)
    leaves, structure = jax.tree.flatten(members[0])
    rebuilt = jax.tree.unflatten(structure, leaves)
    assert rebuilt.follower is members[0].follower
    assert rebuilt.num_followers == 2


def test_games_can_be_built_inside_jit():
    @jax.jit
    def best(u, v):
        return best_responses(Game(u, v), jnp.array([1.0, 0.0]))

    np.testing.assert_array_equal(best(jnp.zeros((2, 2)), jnp.asarray(MATCHING.follower)), [[0, 0]])


def test_batch_properties():
    batch = stack([small_game(seed) for seed in range(5)])
    assert batch.num_games == 5
    sizes = (batch.num_leader_actions, batch.num_followers, batch.num_types, batch.num_actions)
    assert sizes == (3, 2, 4, 2)
    assert repr(batch).startswith("Game(G=5, L=3")
    single = unstack(batch, 3)
    assert single.num_games is None
    np.testing.assert_array_equal(single.follower, small_game(3).follower)
    np.testing.assert_array_equal(single.leader.table, small_game(3).leader.table)


def test_stack_refuses_unequal_members():
    with pytest.raises(ValueError, match="at least one member, but an empty list"):
        stack([])
    with pytest.raises(ValueError, match=r"one number of leader actions, but member 1 is Game\(L=2, n=2"):
        stack([small_game(), small_game(shape=(2, 2, 4, 2))])
    with pytest.raises(ValueError, match=r"member 2 is .*SeparablePayoff"):
        stack([small_game(), small_game(1), small_game(kind="separable")])
    with pytest.raises(ValueError, match="member 1 is JointTypes"):
        stack([IndependentTypes([[0.5, 0.5]]), JointTypes([0.5, 0.5])])


def test_arrays_are_private_and_frozen():
    follower = np.zeros((1, 1, 2, 2))
    game = Game(np.zeros((2, 2)), follower)
    follower[:] = 9
    assert not game.follower.any()
    with pytest.raises(AttributeError):
        game.follower = follower


# --- checks ---


def with_axes(leader, follower):
    """A game of zeros with the given shapes."""
    return lambda: Game(leader, np.zeros(follower))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            with_axes(np.zeros((3, 2)), (1, 1, 2, 2)),
            "disagree on L (leader actions): the leader payoff (Tabular",
        ),
        (with_axes(np.zeros((2, 2, 2)), (1, 1, 2, 2)), "disagree on n (followers)"),
        (with_axes(np.zeros((2, 3)), (1, 1, 2, 2)), "disagree on A (follower actions)"),
        (
            with_axes(AnonymousPayoff(np.zeros((2, 4))), (2, 1, 2, 2)),
            "has 3, follower payoffs of shape (2, 1, 2, 2)",
        ),
        (with_axes(SeparablePayoff(np.zeros((2, 2, 2))), (2, 1, 2, 3)), "have 3 (axis 3)"),
        (with_axes(np.zeros((2, 2)), (1, 2, 2)), "follower payoffs must have axes [n K L A] (4 dimensions)"),
        (
            with_axes(np.zeros((2, 2)), (0, 1, 2, 2)),
            "axis 0 (followers) is empty; there must be at least one",
        ),
        (with_axes(np.zeros((2, 2)), (1, 0, 2, 2)), "axis 1 (types) is empty"),
        (with_axes(np.zeros((2, 2)), (1, 1, 2, 0)), "axis 3 (follower actions) is empty"),
        (
            lambda: Game(np.zeros((2, 2)), np.full((1, 1, 2, 2), np.inf)),
            "follower payoffs must be finite, but entry",
        ),
        (lambda: Game([[0, np.nan], [0, 0]], np.zeros((1, 1, 2, 2))), "entry [0, 1] (axes [L A*]) is nan"),
    ],
)
def test_bad_games_are_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_types_must_be_for_the_game():
    game = small_game()
    check_types(game, IndependentTypes(np.full((2, 4), 0.25)))
    with pytest.raises(ValueError, match=r"num_followers = 2, but IndependentTypes.*num_followers = 3"):
        check_types(game, IndependentTypes(np.full((3, 4), 0.25)))
    with pytest.raises(ValueError, match=r"num_types = 4, but MixtureTypes.*num_types = 2"):
        check_types(game, MixtureTypes([1.0], np.full((1, 2, 2), 0.5)))
    with pytest.raises(ValueError, match=r"types must be JointTypes, .* but ndarray arrived"):
        check_types(game, np.full((2, 4), 0.25))
    with pytest.raises(ValueError, match="batch of 2, but the type distribution is a single one"):
        check_types(stack([game, game]), IndependentTypes(np.full((2, 4), 0.25)))
    with pytest.raises(ValueError, match="a single one, but the type distribution is a batch of 3"):
        check_types(game, stack([IndependentTypes(np.full((2, 4), 0.25))] * 3))


@pytest.mark.parametrize(
    ("commitment", "message"),
    [
        ([0.5, 0.5], "must have L = 3 entries, but 2 arrived"),
        ([0.5, 0.5, 0.5], "minimum 0.5 and sum 1.5. Divide by the sum"),
        ([1.1, -0.1, 0.0], "must lie in the simplex (entries >= 0 that sum to 1), but [1.1, -0.1, 0.0]"),
        ([np.nan, 0.5, 0.5], "commitment must be finite, but entry [0]"),
        ([[1.0, 0.0, 0.0]], "commitment must have axes [L] (1 dimensions)"),
    ],
)
def test_bad_commitments_are_named(commitment, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        check_commitment(small_game(), commitment)


def test_commitments_within_the_tolerance_are_projected():
    x = check_commitment(small_game(), [0.5, 0.5 + 1e-8, -1e-8])
    assert x.min() == 0
    assert x.sum() == pytest.approx(1, abs=1e-15)
