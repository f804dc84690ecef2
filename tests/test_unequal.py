"""Followers with types and actions of their own: what they are, what they equal, and what is refused."""

from __future__ import annotations

import re

import jax
import numpy as np
import pytest

import jaxstack as js
from experiments import unequal
from jaxstack import bounds, learners
from jaxstack.game import best_response_sets
from jaxstack.learners.posterior import reading
from jaxstack.solvers import estimate
from jaxstack.value import expected_utility
from tests.reference import unequal as reference
from tests.test_corners import assert_same, by_clipping, from_corners

pytestmark = pytest.mark.once

RNG = np.random.default_rng(5)
# Follower 0 has 2 types and 2 actions, follower 1 one type and 4 actions.
FOLLOWERS = [[RNG.uniform(size=(3, 2)), RNG.uniform(size=(3, 2))], [RNG.uniform(size=(3, 4))]]
TABLE = RNG.uniform(size=(3, 2, 4))
TYPES = js.JointTypes([[0.25], [0.75]])
MASK = np.array([[[1, 1, 0, 0], [1, 1, 0, 0]], [[1, 1, 1, 1], [0, 0, 0, 0]]]) > 0


def as_array(outside=np.nan):
    """The same followers in one array, with anything where the mask says there is nothing."""
    array = np.full((2, 2, 3, 4), outside)
    array[0, :, :, :2], array[1, 0] = FOLLOWERS[0], FOLLOWERS[1][0]
    return array


# --- one game in many ways ---


def test_lists_and_a_mask_are_one_game():
    lists = js.Game(TABLE, FOLLOWERS)
    assert repr(lists) == "Game(L=3, n=2, K=(2, 1), A=(2, 4), leader=TabularPayoff)"
    assert lists.num_joint_types == 2
    np.testing.assert_array_equal(lists.available, MASK)
    table = np.full((3, 4, 4), 99.0)
    table[:, :2] = TABLE
    for outside in (np.nan, 1e300):
        masked = js.Game(table, as_array(outside), available=MASK)
        for one, other in zip(jax.tree.leaves(lists), jax.tree.leaves(masked), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_mask_of_everything_is_none():
    game = js.Game(np.eye(2), np.ones((1, 2, 2, 2)), available=np.ones((1, 2, 2), bool))
    assert game.available is None
    assert repr(game) == "Game(L=2, n=1, K=2, A=2, leader=TabularPayoff)"


def test_what_a_follower_lacks_is_never_played_and_enters_no_range():
    lacking = [[[True, False], [True, True]], [[False, True, True, True]]]
    followers = [[FOLLOWERS[0][0] + [0, 100], FOLLOWERS[0][1]], FOLLOWERS[1]]  # best by far, but not there
    leader = TABLE + 1000.0 * (np.arange(4) == 0)  # as is what pays the leader
    game = js.Game(leader, followers, available=lacking)
    table = js.enumerate_regions(game)
    played = np.asarray(table.responses)
    assert not played[:, 0, 0].any()
    assert (played[:, 1, 0] > 0).all()
    assert not played[:, 1, 1].any()  # the type that is not there
    assert game.leader.bounds()[1] < 2
    assert learners.know(game, table, 10.0).payoff_range < 2
    sets = np.asarray(best_response_sets(game, np.full(3, 1 / 3)))
    assert sets[0, 0].tolist() == [True, False, False, False]
    assert not sets[1, 0, 0]
    assert expected_utility(game, TYPES, np.full(3, 1 / 3)) < 2
    for method in ("vertices", "programs", "milp", "walk"):
        assert js.solve(game, TYPES, method).value < 2
    assert js.solve(game, TYPES, ties="robust").value < 2


def test_separable_payoffs_are_lists_too():
    tables = [TABLE[:, :, 0].tolist(), TABLE[:, 0].tolist()]
    game = js.Game(js.SeparablePayoff(tables), FOLLOWERS)
    np.testing.assert_array_equal(game.leader.table[1], TABLE[:, 0])
    low = np.min(tables[0], axis=1) + np.min(tables[1], axis=1)
    assert game.leader.bounds()[0] == low.min()


def test_types_are_padded_with_zeros():
    np.testing.assert_array_equal(TYPES.probabilities, [[0.25, 0], [0.75, 0]])
    rows = js.IndependentTypes([[0.25, 0.75], [1.0]])
    np.testing.assert_array_equal(rows.probabilities, [[0.25, 0.75], [1, 0]])
    mixed = js.MixtureTypes([0.5, 0.5], [[[0.25, 0.75], [1.0]], [[1.0, 0.0], [1.0]]])
    np.testing.assert_array_equal(mixed.probabilities[1], [[1, 0], [1, 0]])
    drawn = np.asarray(js.sample_types(jax.random.key(0), mixed, 500))
    assert drawn[:, 0].max() == 1
    assert not drawn[:, 1].any()


def test_what_is_not_there_costs_nothing():
    game, full = js.Game(TABLE, FOLLOWERS), js.Game(np.ones((3, 4, 4)), np.ones((2, 2, 3, 4)))
    assert estimate(game).maps == 2**2 * 4 < estimate(full).maps
    known = learners.know(game, js.enumerate_regions(game), 10.0)
    assert learners.erm_joint().prepare(known.game, known.table).joint.shape[-1] == 2  # joint types
    assert bounds.num_regions(game) < bounds.num_regions(full)


# --- against references that know of no padding ---


@pytest.mark.parametrize("seed", [0, 3, 8, 11, 14, 21, 25, 33])
def test_regions_and_optima_are_those_of_linear_programs(seed):
    case = unequal.random_case(seed)
    assert max(unequal.errors(case).values()) <= unequal.AGREED


def test_a_forgotten_mask_would_be_seen():
    case = unequal.random_case(8)
    assert case.game.available is not None
    value = reference.optimum(case.lists, reference.response_maps(case.lists))
    forgotten = js.Game(case.game.leader, np.where(case.game.available[:, :, None], case.game.follower, 9.0))
    assert abs(js.solve(forgotten, case.types).value - value) > 1e-3


@pytest.mark.parametrize(("learner", "seed"), [("erm_product", 0), ("region_ucb", 1), ("oful", 2)])
def test_runs_are_the_same_without_masked_entries(learner, seed):
    assert unequal.equal_runs(seed, learner, horizon=300, num_runs=4) == 4


@pytest.mark.parametrize("factory", [js.learners.erm_joint, js.learners.erm_product])
def test_jumps_are_the_same_without_masked_entries(factory):
    curves = [
        js.simulate(
            jax.random.key(3), *problem, factory(), horizon=3000, num_runs=4, skip_ahead=True, checkpoints=[9]
        )
        for problem in unequal.masked_pair(1)
    ]
    np.testing.assert_allclose(curves[0].regret, curves[1].regret, rtol=0, atol=1e-12)


@pytest.mark.parametrize("ties", ["optimistic", "robust"])
@pytest.mark.parametrize("seed", [3, 8, 21, 24, 26, 27])
def test_both_ways_to_enumerate_agree(seed, ties, monkeypatch):
    game = unequal.random_case(seed).game
    assert_same(from_corners(monkeypatch, game, ties=ties), by_clipping(monkeypatch, game, ties=ties))


def on_a_square(seed):
    """Unequal followers of a leader who picks a point of a square; the same with its corners as actions."""
    rng = np.random.default_rng(seed)
    followers = [[rng.normal(size=(3, 2)), rng.normal(size=(3, 2))], [rng.normal(size=(3, 3))]]
    has = [[[True, True], [True, False]], [[True, True, True]]]
    leader, square = rng.normal(size=(3, 2, 3)), js.strategies.box([0, 0], [1, 1])
    corners = np.array([[a, b, 1.0] for a in (0, 1) for b in (0, 1)])
    at_corners = [[corners @ own for own in types] for types in followers]
    mixed = js.Game(np.einsum("ml,lab->mab", corners, leader), at_corners, available=has)
    return js.Game(leader, followers, square, has), mixed


def test_strategy_sets_and_unequal_followers_go_together():
    types = js.IndependentTypes([[0.25, 0.75], [1.0]])
    pairs = [on_a_square(seed) for seed in range(3)]
    for on_square, mixed in pairs:
        value = js.solve(mixed, types, "vertices").value
        for method in ("vertices", "programs", "milp", "walk"):
            assert js.solve(on_square, types, method).value == pytest.approx(value, abs=1e-9)
    batch = js.solve(js.stack([game for game, _ in pairs]), js.stack([types] * 3))
    alone = [js.solve(game, types).value for game, _ in pairs]
    np.testing.assert_allclose(batch.value, alone, rtol=0, atol=1e-12)


def test_leader_payoffs_by_type_are_lists_too():
    moves = [[table + 1 for table in own] for own in FOLLOWERS]
    game = js.Game(js.TypedPayoff.separable(moves), FOLLOWERS)
    types = js.IndependentTypes([[0.25, 0.75], [1.0]])
    x = np.array([0.2, 0.3, 0.5])
    expected = sum(
        p * (x @ u)[(x @ v).argmax()]
        for p, u, v in zip(
            (0.25, 0.75, 1.0), [*moves[0], *moves[1]], [*FOLLOWERS[0], *FOLLOWERS[1]], strict=True
        )
    )
    assert expected_utility(game, types, x) == pytest.approx(expected, abs=1e-12)
    other = js.Game(js.TypedPayoff.separable([moves[1]]), [FOLLOWERS[1]])
    batch = js.stack([game, other]), js.stack([types, js.IndependentTypes([[1.0]])])
    solution = js.solve(*batch)
    assert solution.value[0] == pytest.approx(js.solve(game, types).value, abs=1e-12)
    assert solution.value[1] == pytest.approx(js.solve(other, js.IndependentTypes([[1.0]])).value, abs=1e-12)


def test_posteriors_are_over_types_that_there_are():
    tells = [
        np.tile([1.0, 0.0], (3, 1)),
        np.tile([0.0, 1.0], (3, 1)),
    ]  # what a type plays, whatever is posted
    game = js.Game(
        js.SeparablePayoff(np.random.default_rng(0).uniform(size=(2, 3, 4))), [tells, FOLLOWERS[1]]
    )
    table, types = js.enumerate_regions(game), js.IndependentTypes([[0.25, 0.75], [1.0]])
    trace = js.play(
        jax.random.key(0), game, types, learners.marginal_posterior(), horizon=400, table=table, states=True
    )
    last = jax.tree.map(lambda leaf: leaf[-1], trace.states)
    told = js.posterior(learners.know(game, table, 400), last, num_samples=2)
    np.testing.assert_allclose(told.estimate, [[0.25, 0.75], [1.0, 0.0]], atol=0.08)
    np.testing.assert_allclose(told.samples[:, 1], [[1.0, 0.0]] * 2, atol=1e-6)
    assert learners.shared_posterior().prepare(game, table).outcomes.of_type.shape[-2:] == (1, 2)
    joint = reading._by_follower(game, np.array([[0.25, 0.75]]), joint=True)
    np.testing.assert_array_equal(joint, [[0.25, 0.0], [0.75, 0.0]])


# --- batches ---


def test_oful_has_the_numbers_of_the_games_in_a_batch():
    """Another basis of the features, or products of other sizes, round otherwise: ties nearly tie."""
    cases = [unequal.random_case(seed) for seed in (30, 39)]
    assert unequal.batch_difference(cases, "oful", 200, 4) == [0.0, 0.0]
    games = [case.game for case in cases]
    batch, oful = js.stack(games), js.learners.oful()
    together = oful.prepare(batch, js.enumerate_regions(batch))
    own = [oful.prepare(game, js.enumerate_regions(game)).features for game in games]
    assert [features.shape for features in own] == [(23, 6), (15, 2)]
    for features, alone in zip(together.features, own, strict=True):
        np.testing.assert_array_equal(features[: len(alone), : alone.shape[1]], alone)
        assert not features[:, alone.shape[1] :].any()


def test_learners_from_outcomes_have_the_numbers_of_the_games_in_a_batch():
    cases = [unequal.random_case(seed) for seed in (10, 73)]
    assert len({case.game.num_joint_types for case in cases}) == 2
    assert unequal.batch_difference(cases, "vector_oful", 100, 4) == [0.0, 0.0]
    batch = js.stack([case.game for case in cases])
    with pytest.raises(
        ValueError, match=r"draws random numbers for joint types, .* Simulate these games one"
    ):
        learners.shared_posterior().prepare(batch, js.enumerate_regions(batch))
    turned = [FOLLOWERS[1] + [RNG.uniform(size=(3, 4))], [FOLLOWERS[0][0]]]  # K = (2, 1), or (1, 2)
    games = [
        js.Game(js.SeparablePayoff([RNG.uniform(size=own[0].shape).tolist() for own in given]), given)
        for given in (turned, turned[::-1])
    ]
    types = [js.IndependentTypes([[0.25, 0.75], [1.0]]), js.IndependentTypes([[1.0], [0.25, 0.75]])]
    cases = [unequal.Case(game, own, None) for game, own in zip(games, types, strict=True)]
    assert unequal.batch_difference(cases, "marginal_posterior", 100, 4) == [0.0, 0.0]


def test_a_batch_of_unequal_games_is_the_games():
    cases = [unequal.random_case(9 * number + 1) for number in range(12)]  # independent types, separable
    cases = [case for case in cases if case.game.num_leader_actions == 3][:3]
    assert len({case.game.padded_sizes for case in cases}) > 1
    batch = js.stack([case.game for case in cases])
    table = js.enumerate_regions(batch)
    solution = js.solve(batch, js.stack([case.types for case in cases]), table=table)
    alone = js.stack([js.enumerate_regions(case.game) for case in cases])  # tables of unequal sizes, too
    for one, other in zip(jax.tree.leaves(table), jax.tree.leaves(alone), strict=True):
        np.testing.assert_array_equal(one, other)
    for g, case in enumerate(cases):
        assert solution.value[g] == pytest.approx(js.solve(case.game, case.types).value, abs=1e-12)
        single = js.unstack(batch, g)
        assert int(single.types_by_follower[: case.game.num_followers].sum()) == (
            case.game.types_by_follower.sum()
        )
    assert max(unequal.batch_difference(cases, "region_ucb", horizon=200, num_runs=3)) <= 1e-6


def test_jumps_in_a_batch_of_unequal_games_are_those_of_the_games():
    cases = [case for case in map(unequal.random_case, (10, 19, 28)) if case.game.num_leader_actions == 3]
    assert len({case.game.padded_sizes for case in cases}) > 1
    batch = js.stack([case.game for case in cases]), js.stack([case.types for case in cases])
    settings = {"horizon": 2000, "num_runs": 256, "skip_ahead": True, "checkpoints": [7]}
    key = jax.random.key(2)
    for learner in (js.learners.erm_joint(), js.learners.erm_product()):
        together = js.simulate(key, *batch, learner, **settings)
        for g, case in enumerate(cases):
            alone = js.simulate(key, case.game, case.types, learner, **settings)
            if learner.name == "erm_joint":  # the same draws
                np.testing.assert_allclose(together.regret[g], alone.regret, rtol=0, atol=1e-9)
            error = np.hypot(together.stderr[g], alone.stderr)
            assert (np.abs(together.mean[g] - alone.mean) <= 4 * error + 1e-9).all()


def test_followers_who_are_added_take_no_random_words():
    few, many = js.IndependentTypes([[0.5, 0.5]]), js.MixtureTypes([0.25, 0.75], np.full((2, 3, 4), 0.25))
    one = js.MixtureTypes([1.0], [few.probabilities])
    for alone, with_others in ((few, js.IndependentTypes(np.full((3, 3), 1 / 3))), (one, many), (many, one)):
        row = js.unstack(js.stack([alone, with_others]), 0)
        drawn, again = (np.asarray(js.sample_types(jax.random.key(1), t, 200)) for t in (alone, row))
        np.testing.assert_array_equal(again[:, : alone.num_followers], drawn)
        assert not again[:, alone.num_followers :].any()


# --- what is refused ---


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: js.Game(TABLE.swapaxes(1, 2), FOLLOWERS),
            "disagree on follower 0: the leader payoff (TabularPayoff) is for 4 actions, but the follower",
        ),
        (
            lambda: js.Game(TABLE, [FOLLOWERS[0], [np.ones((2, 4))]]),
            "follower 1, type 0 have shape (2, 4) [L, A], but those of follower 0, type 0 are for L = 3",
        ),
        (
            lambda: js.Game(TABLE, [FOLLOWERS[0], [np.ones((3, 4)), np.ones((3, 2))]]),
            "follower 1, type 1 have shape (3, 2) [L, A], but its type 0 has 4 actions",
        ),
        (lambda: js.Game(TABLE, [FOLLOWERS[0], []]), "but follower 1 has []. Give it at least one type"),
        (
            lambda: js.Game(TABLE, [FOLLOWERS[0], [np.full((3, 4), np.nan)]]),
            "follower payoffs must be finite",
        ),
        (
            lambda: js.Game(np.ones((3, 4, 4)), as_array(0.0), available=MASK[::-1, ::-1]),
            "available leaves follower 0, type 0 without an action",
        ),
        (
            lambda: js.Game(TABLE, FOLLOWERS, available=[[[True, True], [False, False]], [[True] * 4]]),
            "available leaves follower 0, type 1 without an action",
        ),
        (
            lambda: js.Game(TABLE, FOLLOWERS, available=[[[True, True], [True]], [[True] * 4]]),
            "available of follower 0, type 1 must be 2 of True and False",
        ),
        (
            lambda: js.Game(TABLE, FOLLOWERS, available=[[[True, True]], [[True] * 4]]),
            "of follower 0 which actions it has, 2",
        ),
        (
            lambda: js.Game(TABLE, FOLLOWERS, available=[[[True, True]]]),
            "one entry for each of n = 2 followers",
        ),
        (
            lambda: js.Game(np.ones((3, 4, 4)), as_array(0.0), available=MASK.astype(float)),
            "follower 0, type 0 must be 4 of True and False",
        ),
        (
            lambda: js.solve(js.Game(TABLE, FOLLOWERS), js.IndependentTypes([[0.5, 0.5], [0.5, 0.5]])),
            "gives type 1 of follower 1 the probability 0.5, but that follower has 1 type(s)",
        ),
        (
            lambda: js.IndependentTypes([[0.5, 0.5], []]),
            "of follower 1 has axes [K] but arrived with shape (0,)",
        ),
        (
            lambda: js.SeparablePayoff([np.ones((3, 2)).tolist(), np.ones((2, 4)).tolist()]),
            "of follower 1 has shape (2, 4) [L, A_i], but that of follower 0 is for L = 3",
        ),
    ],
)
def test_what_disagrees_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()
