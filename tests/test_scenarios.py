"""Scenarios: random games, the lower-bound family against its argument, and the three worked examples."""

from __future__ import annotations

import itertools
import re
import runpy
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxstack.distributions import IndependentTypes, JointTypes, MixtureTypes
from jaxstack.game import Game, check_types, stack
from jaxstack.payoffs import SeparablePayoff
from jaxstack.regions import enumerate_regions
from jaxstack.scenarios import (
    audit,
    feature_mix,
    hard_game,
    load_game_file,
    moving_target,
    museum_patrol,
    random_game,
    security_patrol,
    toll_pricing,
)
from jaxstack.solvers import solve
from jaxstack.value import expected_utility, vertex_utilities
from tests import games
from tests.reference import value

pytestmark = pytest.mark.once

GAMES = Path(__file__).parents[1] / "experiments" / "games"
EXAMPLES = {"security_patrol": security_patrol, "feature_mix": feature_mix, "toll": toll_pricing}


# --- random games ---


@pytest.mark.parametrize("types", games.TYPES)
@pytest.mark.parametrize("payoff", games.PAYOFFS)
def test_random_game(payoff, types):
    game, distribution = random_game(3, 4, 2, 3, 3, payoff=payoff, types=types)
    assert repr(game) == f"Game(L=4, n=2, K=3, A=3, leader={payoff.capitalize()}Payoff)"
    assert type(distribution).__name__ == f"{types.capitalize()}Types"
    check_types(game, distribution)
    low, high = game.leader.bounds()
    assert 0 <= low < high <= 1
    assert game.follower.min() >= 0
    assert game.follower.max() <= 1


def leaves(pair):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(pair)]


def test_random_game_is_its_seed():
    first, again, other = (leaves(random_game(seed)) for seed in (1, 1, 2))
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()


def test_kinds_share_followers_and_marginals():
    table, separable = (random_game(1, payoff=kind)[0] for kind in ("tabular", "separable"))
    np.testing.assert_array_equal(table.follower, separable.follower)
    independent = random_game(1, types="independent")[1]
    for correlation in (0.0, 0.4, 1.0):
        mixture = random_game(1, types="mixture", correlation=correlation)[1]
        np.testing.assert_allclose(mixture.marginals(), independent.marginals(), atol=1e-15)


def test_random_games_stack():
    assert stack([random_game(seed)[0] for seed in range(4)]).num_games == 4
    assert stack([random_game(seed, types="mixture")[1] for seed in range(4)]).num_followers == 2


def test_random_game_with_two_hundred_followers():
    for payoff in ("separable", "anonymous"):
        game, types = random_game(0, num_followers=200, payoff=payoff, types="mixture")
        assert game.num_followers == types.num_followers == 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"payoff": "tabluar"}, "Unknown leader payoff kind 'tabluar'. Did you mean 'tabular'?"),
        ({"types": "dependent"}, "Unknown type distribution kind 'dependent'. Did you mean 'independent'?"),
        ({"num_followers": 0}, "num_followers must be a whole number of at least 1, but 0 arrived"),
        ({"num_types": 1.5}, "num_types must be a whole number"),
        ({"num_actions": -1}, "num_actions must be"),
        ({"num_leader_actions": 0}, "num_leader_actions must be"),
        ({"types": "mixture", "correlation": 2}, "correlation must lie in [0, 1]"),
        (
            {"num_followers": 40, "types": "independent"},
            "a table for 'tabular' with axes [L, A, .., A] would hold about 2^41.6 entries; random_game "
            "makes at most 2^24 = 16,777,216 (128 MiB of float64). Use payoff='separable'",
        ),
        (
            {"num_followers": 5000, "payoff": "separable", "types": "joint"},
            "a table for 'joint' with axes [K, .., K] would hold about 2^7924.8 entries",
        ),
        (
            {"num_followers": 100, "num_actions": 9, "payoff": "anonymous"},
            "Use payoff='separable', or fewer actions",
        ),
        ({"num_followers": 10**9, "payoff": "separable"}, "'follower payoffs' with axes [n, K, L, A]"),
        ({"num_followers": 10**5, "payoff": "separable", "types": "mixture"}, "Use types='independent'"),
    ],
)
def test_random_game_refuses(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        random_game(0, **arguments)


# --- the lower-bound family ---


def single_active_utility(game, types, x):
    """U_D(x) of a hard game in plain loops, followers breaking ties towards action 0.

    One follower is active in a component; u counts the followers that choose action 1.
    """
    weights, components = types.mixture()
    total = 0.0
    for weight, marginals in zip(weights, components, strict=True):
        for i, row in enumerate(marginals):
            for k in np.flatnonzero(row):
                payoffs = x @ game.follower[i, k]
                total += weight * row[k] * (payoffs[1] > payoffs[0] + 1e-12)
    return total


@pytest.mark.parametrize("num_followers", [1, 2, 3, 5])
@pytest.mark.parametrize("num_decisions", [1, 2, 4])
def test_every_combination_of_signs_is_feasible_and_pays_what_it_should(num_decisions, num_followers):
    m, epsilon = num_decisions, 0.3
    tau = 1 / (2 * m)
    for signs in itertools.product([1, -1], repeat=m):
        game, types = hard_game(m, epsilon=epsilon, num_followers=num_followers, signs=signs)
        utilities = []
        for above in itertools.product([True, False], repeat=m):
            x = np.array([1.01 * tau if high else 0.0 for high in above] + [0.0])
            x[-1] = 1 - x.sum()
            assert x.min() >= 0
            # P(j, +) = (1 + eps s_j) / (2m) above, P(j, -) = (1 - eps s_j) / (2m) below
            right = [(s == 1) == high for s, high in zip(signs, above, strict=True)]
            expected = sum((1 + epsilon if ok else 1 - epsilon) / (2 * m) for ok in right)
            utilities.append(single_active_utility(game, types, x))
            assert utilities[-1] == pytest.approx(expected, abs=1e-12)
        assert max(utilities) == pytest.approx((1 + epsilon) / 2, abs=1e-12)


@pytest.mark.parametrize(("num_decisions", "num_followers"), [(1, 1), (2, 1), (3, 2), (2, 3)])
def test_hard_game_by_regions(num_decisions, num_followers):
    def regions_and_optimum(ties, margin):
        game, types = hard_game(num_decisions, epsilon=0.2, num_followers=num_followers, margin=margin)
        table = enumerate_regions(game, ties=ties)
        return int(table.num_regions), vertex_utilities(game, types, table).max()

    # All ties sit at x_j = tau: there both types of a decision may play 1, which pays in every case.
    assert regions_and_optimum("robust", 0.0) == (2**num_decisions, pytest.approx(0.6))
    assert regions_and_optimum("optimistic", 0.0) == (4**num_decisions, pytest.approx(1.0))
    # A margin takes the ties away.
    for ties in ("robust", "optimistic"):
        assert regions_and_optimum(ties, 0.1) == (3**num_decisions, pytest.approx(0.6))


def test_hard_game_by_hand():
    game, types = hard_game(2, epsilon=0.5)  # tau = 1/4
    np.testing.assert_allclose(types.probabilities, [[0.375, 0.125, 0.125, 0.375]])  # signs +, -
    plus_0, minus_0, plus_1, minus_1 = game.follower[0]  # each [L, A]
    np.testing.assert_array_equal(plus_0, [[0.25, 1], [0.25, 0], [0.25, 0]])
    np.testing.assert_array_equal(minus_0, [[1, 0.25], [0, 0.25], [0, 0.25]])
    np.testing.assert_array_equal(plus_1, [[0.25, 0], [0.25, 1], [0.25, 0]])
    np.testing.assert_array_equal(minus_1, [[0, 0.25], [1, 0.25], [0, 0.25]])
    np.testing.assert_array_equal(game.leader.payoff_vector(np.array([1])), [1, 1, 1])
    np.testing.assert_array_equal(game.leader.payoff_vector(np.array([0])), [0, 0, 0])


def test_hard_game_sizes():
    for m, n, num_types in [(1, 1, 2), (6, 1, 12), (6, 2, 7), (7, 3, 7), (2, 5, 3), (40, 200, 3)]:
        game, types = hard_game(m, horizon=10_000, num_followers=n)
        sizes = (game.num_leader_actions, game.num_followers, game.num_types, game.num_actions)
        assert sizes == (m + 1, n, num_types, 2)
        assert isinstance(game.leader, SeparablePayoff)
        assert isinstance(types, IndependentTypes if n == 1 else MixtureTypes)
        check_types(game, types)


def test_exactly_one_follower_is_active():
    game, types = hard_game(3, epsilon=0.4, num_followers=2)
    for weight, theta in ((value.probability(types, theta), theta) for theta in value.joint_types(2, 5)):
        active = sum(k != 4 for k in theta)
        assert (weight > 0) == (active == 1 and theta[1] not in (2, 3))  # follower 1 has one decision
    assert game.num_types == 5


def test_null_types_play_0_everywhere():
    for m, n in [(3, 2), (2, 5)]:
        game, types = hard_game(m, epsilon=0.4, num_followers=n)
        unused = ~(types.marginals() > 0)
        unused[:, -1] = True
        assert (game.follower[unused][..., 0] > game.follower[unused][..., 1]).all()


def test_hard_game_epsilon():
    def epsilon_of(**arguments):
        return 4 * hard_game(2, signs=[1, 1], **arguments)[1].probabilities[0, 0] - 1

    assert epsilon_of(horizon=200) == pytest.approx(0.1)  # sqrt(2 / 200)
    assert epsilon_of(horizon=1) == pytest.approx(1)  # capped
    assert epsilon_of(epsilon=0.25) == pytest.approx(0.25)
    _, types = hard_game(2, horizon=1)  # a type of probability 0
    np.testing.assert_array_equal(types.probabilities, [[0.5, 0, 0, 0.5]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"num_decisions": 2},
            "needs either horizon (then epsilon = sqrt(m / horizon), at most 1) or epsilon",
        ),
        ({"num_decisions": 2, "horizon": 10, "epsilon": 0.1}, "horizon=10 and epsilon=0.1 arrived"),
        ({"num_decisions": 0, "epsilon": 0.1}, "num_decisions must be a whole number of at least 1"),
        ({"num_decisions": 2, "horizon": 0}, "horizon must be a whole number"),
        ({"num_decisions": 2, "epsilon": 1.5}, "epsilon must lie in [0, 1], but 1.5 arrived"),
        ({"num_decisions": 2, "epsilon": float("nan")}, "epsilon must lie in [0, 1]"),
        ({"num_decisions": 2, "epsilon": 0.1, "num_followers": 0}, "num_followers must be"),
        ({"num_decisions": 2, "epsilon": 0.1, "signs": [1]}, "signs must be 2 numbers (one per decision)"),
        ({"num_decisions": 2, "epsilon": 0.1, "signs": [1, 0]}, "each 1 or -1, but [1, 0] arrived"),
        ({"num_decisions": 2, "epsilon": 0.1, "margin": 1.0}, "margin must lie in [0, 1), but 1.0 arrived"),
    ],
)
def test_hard_game_refuses(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        hard_game(**arguments)


# --- worked examples ---


def test_security_patrol_by_hand():
    game, types = security_patrol(
        coverage=[[0.5, 0.0], [0.2, 0.8]],
        schedule_cost=[1.0, 2.0],
        target_value=[10.0, 20.0],
        arrest_value=4.0,
        reward=[[6.0, 8.0]],
        penalty=[2.0],
        effort=[[1.0, 0.5]],
        type_probabilities=[1.0],
    )
    # Attack 0: 0.5 * 6 - 0.5 * 2 - 1, 0.8 * 6 - 0.2 * 2 - 1. Attack 1: 8 - 0.5, 0.2 * 8 - 0.8 * 2 - 0.5.
    np.testing.assert_allclose(game.follower[0, 0], [[0, 1, 7.5], [0, 3.4, -0.5]])
    # 0.5 * 4 - 0.5 * 10 - 1, 0.2 * 4 - 0.8 * 10 - 2; -20 - 1, 0.8 * 4 - 0.2 * 20 - 2.
    np.testing.assert_allclose(game.leader.table[0], [[-1, -4, -21], [-2, -9.2, -2.8]])
    assert isinstance(types, JointTypes)


def test_schedule_cost_is_paid_once_whatever_the_number_of_attackers():
    game, _ = security_patrol()
    nobody = value.payoff_vector(game.leader, (0, 0))
    np.testing.assert_allclose(nobody, [-1, -1, -4.5])


def test_feature_mix_by_hand():
    game, _ = feature_mix(
        enjoyment=[[10.0, 4.0]],
        price_of_time=[8.0, 4.0],
        skim_income=[2.0, 1.0],
        engage_income=[3.0, 5.0],
        network_income=[1.0, 2.0],
        weights=[1.0],
        tastes=[[[1.0], [1.0]]],
    )
    # leave, skim: 0.4 e - 0.2 p, engage: e - 0.75 p
    np.testing.assert_allclose(game.follower[0, 0], [[0, 2.4, 4], [0, 0, -2]])
    np.testing.assert_allclose(game.follower[1, 0], [[0, 3.2, 7], [0, 0.8, 1]])
    np.testing.assert_allclose(value.payoff_vector(game.leader, (0, 0)), [0, 0])
    np.testing.assert_allclose(value.payoff_vector(game.leader, (1, 0)), [1.75, 0.75])
    np.testing.assert_allclose(value.payoff_vector(game.leader, (2, 1)), [4, 5])  # 3 + 2 - 1, 5 + 1 - 1
    np.testing.assert_allclose(value.payoff_vector(game.leader, (2, 2)), [6, 11])  # 6 + 1 - 1, 10 + 2 - 1


def test_toll_pricing_by_hand():
    game, _ = toll_pricing(
        toll=[2.0, 5.0],
        express_minutes=[20.0, 10.0],
        free_minutes=[40.0, 30.0],
        value_of_time=[12.0],
        trip_value=[10.0, 20.0],
        access_minutes=[[5.0, 10.0], [0.0, 0.0]],
        congestion_cost=1.0,
        lost_trip_cost=3.0,
        type_probabilities=[[1.0], [1.0]],
    )
    # 12 per hour is 0.2 per minute. Free: 10 - 9, 10 - 7; express: 10 - 6 - 2, 10 - 4 - 5; home: 0.
    np.testing.assert_allclose(game.follower[0, 0], [[1, 2, 0], [3, 1, 0]])
    np.testing.assert_allclose(game.follower[1, 0], [[12, 14, 0], [14, 13, 0]])
    np.testing.assert_allclose(value.payoff_vector(game.leader, (0, 0)), [-4, -4])
    np.testing.assert_allclose(value.payoff_vector(game.leader, (0, 1)), [1, 4])
    np.testing.assert_allclose(value.payoff_vector(game.leader, (1, 1)), [4, 10])
    np.testing.assert_allclose(value.payoff_vector(game.leader, (1, 2)), [-1, 2])
    np.testing.assert_allclose(value.payoff_vector(game.leader, (2, 0)), [-4, -4])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: security_patrol(coverage=[[1.2, 0], [0, 0]]),
            "schedule_cost has axes [L] and arrived with shape",
        ),
        (
            lambda: security_patrol(coverage=[[1.2, 0], [0, 0], [0, 0]]),
            "coverage must be probabilities in [0, 1], but its range is 0 to 1.2",
        ),
        (
            lambda: security_patrol(penalty=[1.0, 2.0]),
            "penalty has axes [K] and arrived with shape (2,): axis 0 (K) must be 3, as in reward, but is 2.",
        ),
        (lambda: security_patrol(effort=[[1.0]]), "axis 1 (M) must be 2, as in coverage, but is 1"),
        (lambda: feature_mix(skim_income=[1.0]), "skim_income has axes [L]"),
        (lambda: feature_mix(depth=[0, 1], time=[0, 1]), "must have 3 entries (leave, skim, engage), but 2"),
        (lambda: feature_mix(enjoyment=np.full((3, 3), np.nan)), "enjoyment must be finite"),
        (lambda: toll_pricing(toll=[1.0, 2.0]), "express_minutes has axes [L]"),
        (
            lambda: toll_pricing(access_minutes=np.zeros((3, 3))),
            "must have 2 columns (free, express), but has 3",
        ),
        (lambda: toll_pricing(trip_value=[1.0]), "access_minutes has axes [n lanes]"),
    ],
)
def test_examples_refuse(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_files_are_the_scenarios(name):
    file = load_game_file(GAMES / f"{name}.json")
    expected, arrived = jax.tree.leaves(EXAMPLES[name]()), jax.tree.leaves((file.game, file.types))
    for mine, other in zip(expected, arrived, strict=True):
        assert mine.tobytes() == other.tobytes()
    texts = (file.title, file.description, file.source)
    names = (file.leader_names, file.follower_names, file.type_names, file.action_names)
    assert all(texts)
    assert all(names)


def test_example_files_are_what_make_writes(tmp_path, capsys):
    runpy.run_path(str(GAMES / "make.py"))["main"](tmp_path)
    for name in EXAMPLES:
        assert (tmp_path / f"{name}.json").read_text() == (GAMES / f"{name}.json").read_text()
    assert len(capsys.readouterr().out.splitlines()) == 3


def readme_rows():
    """{file: (regions, optimum, best pure)} of the table in the games' README."""
    rows = re.findall(
        r"`(\w+)\.json` \|.*\| (\d+) \| (-?[\d.]+) \| (-?[\d.]+) \|", (GAMES / "README.md").read_text()
    )
    return {name: (int(regions), float(optimum), float(pure)) for name, regions, optimum, pure in rows}


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_numbers_in_the_readme(name):
    """Regions and optimum from the table; the best pure commitment from loops over every joint type."""
    game, types = EXAMPLES[name]()
    regions, optimum, pure = readme_rows()[name]
    for ties in ("optimistic", "robust"):
        table = enumerate_regions(game, ties=ties)
        assert int(table.num_regions) == regions
        best = vertex_utilities(game, types, table).max()
        assert best == pytest.approx(optimum, abs=5e-4)
    slow = [value.optimistic_utility(game, types, corner) for corner in np.eye(3)]
    assert max(slow) == pytest.approx(pure, abs=5e-4)
    assert best > max(slow) + 1  # mixing is what the examples are about


@pytest.mark.parametrize("name", EXAMPLES)
def test_types_matter_in_the_examples(name):
    """What is best depends on the distribution: uniform types have another optimal region."""
    game, types = EXAMPLES[name]()
    uniform = IndependentTypes(np.full((game.num_followers, game.num_types), 1 / game.num_types))
    last = IndependentTypes(np.tile(np.eye(game.num_types)[-1], (game.num_followers, 1)))
    table = enumerate_regions(game)
    best = [int(vertex_utilities(game, d, table).max(axis=1).argmax()) for d in (types, uniform, last)]
    assert len(set(best)) > 1


def test_examples_take_other_sizes():
    game, _ = feature_mix(
        price_of_time=np.linspace(5, 9, 40),
        weights=[1.0],
        tastes=np.full((1, 40, 3), 1 / 3),
        hosting_cost=0.01,
    )
    assert game.num_followers == 40
    assert isinstance(game, Game)


# Games on polytopes, with payoffs by type and unequal followers ---------------------------------------------


def test_museum_patrol_by_hand():
    game, types = museum_patrol()
    assert game.types_by_follower.tolist() == [2, 3]
    assert game.actions_by_follower.tolist() == [4, 3]
    x = np.array([0.5, 0.25, 0.75, 0.5, 1.0])
    # Attacker 0, an activist, goes to the old masters: room 1, action 1.
    gained = game.follower[0, 1, :, 1] @ x
    assert gained == pytest.approx(0.75 * 8 - 0.25 * 1)
    assert game.follower[0, 1, :, 3] @ x == 0, "staying away"
    got = np.asarray(game.leader.payoff_vector(np.array([1, 2]), np.array([1, 0]))) @ x
    assert got == pytest.approx(-0.75 * 6 + 0.25 * 1), "attacker 1 stays away"
    np.testing.assert_allclose(types.marginals()[0, :2], [0.7, 0.3])


def test_audit_by_hand():
    game, _ = audit()
    x = np.array([0.2, 0.1, 0.5, 1.0])
    # An opportunist pads hospitality: action 1.
    assert game.follower[0, 1, :, 1] @ x == pytest.approx(0.9 * 1.6 - 0.1 * (4 + 0.3))
    padded = 0.6 * 0.02 + 0.3 * 1.6 + 0.1 * 1.5  # of department 0
    checking = 0.2 * 0.3 + 0.1 * 0.4 + 0.5 * 0.8
    got = np.asarray(game.leader.payoff_vector(np.array([1, 3]))) @ x  # department 1 is honest
    assert got == pytest.approx(-0.9 * padded + 0.1 * 0.5 * 4 - 2 * checking)


def test_moving_target_by_hand():
    game, _ = moving_target()
    assert game.actions_by_follower.tolist() == [2, 4]
    x = np.array([0.1, 0.2, 0.3, 0.4])
    works = 0.1 * 0.3 + 0.2 * 0.4
    assert game.follower[1, 1, :, 1] @ x == pytest.approx(9 * works - 1.0), "Python escape"
    got = np.asarray(game.leader.payoff_vector(np.array([1, 1]))) @ x
    assert got == pytest.approx(-8 * works - (0.1 * 1.0 + 0.2 * 1.2 + 0.3 * 0.6 + 0.4 * 0.8))


@pytest.mark.parametrize("make", [museum_patrol, audit, moving_target])
def test_worked_games_are_solved_alike(make):
    game, types = make()
    exact = solve(game, types, method="vertices").value
    assert solve(game, types, method="programs").value == pytest.approx(exact, abs=1e-9)
    assert solve(game, types, method="milp").value == pytest.approx(exact, abs=1e-7)
    # No guard, no audit, one configuration: the leader does better with it.
    assert exact > max(expected_utility(game, types, point) for point in idle(game))


def idle(game):
    """Commitments that protect nothing: no coverage; or, on the simplex, each configuration for ever."""
    if game.strategies is None:
        return np.eye(game.num_leader_actions)
    return np.eye(game.num_leader_actions)[-1:]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: museum_patrol(caught=[[1.0], [4.0, 6.0, 5.0]]), r"caught\[0\].* axis 0 \(K\) must be 2"),
        (
            lambda: museum_patrol(rooms=((0, 1), (1, 2))),
            r"gain\[0\] is for 3 rooms, but attacker 0 can reach 2",
        ),
        (lambda: audit(cost=[1.0]), "cost has axes .* must be 3"),
        (
            lambda: moving_target(works=(((0, 0, 2, 0),), ((0, 0, 0, 0),))),
            r"works\[0\] must be probabilities",
        ),
        (lambda: moving_target(effort=(((0.4,),), ((1, 1, 2), (2, 1, 1)))), r"must be 1, as in effort"),
    ],
)
def test_worked_games_say_what_disagrees(call, message):
    with pytest.raises(ValueError, match=message):
        call()
