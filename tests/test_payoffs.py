"""Three representations of the leader's payoff: hand-worked numbers, agreement, sizes, errors."""

from __future__ import annotations

import itertools
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstack as js
from jaxstack.game import stack, unstack
from jaxstack.payoffs import AnonymousPayoff, LeaderPayoff, SeparablePayoff, TabularPayoff, joint_index
from tests import games
from tests.reference import value

SHAPES = [(2, 1, 1, 1), (3, 1, 1, 2), (2, 2, 1, 3), (1, 3, 1, 2), (3, 4, 1, 2), (2, 3, 1, 3), (2, 2, 1, 1)]


def random_marginals(rng, n, A):
    """Action marginals [n, A], some of them pure."""
    marginals = rng.dirichlet(np.ones(A), size=n)
    marginals[0] = np.eye(A)[-1]
    return marginals


def mean(payoff, marginals):
    """Expected payoff vector under action marginals [n, A]: followers of one type."""
    return payoff.expected_payoff_vector(np.ones((len(marginals), 1)), marginals[:, None])


@jax.jit
def both_operations(payoff, joint_actions, marginals):
    """Payoff vectors of many joint actions, and the expectation under marginals."""
    return jax.vmap(payoff.payoff_vector)(joint_actions), mean(payoff, marginals)


def test_tabular_by_hand():
    payoff = TabularPayoff([[[1, 2], [3, 4]], [[5, 6], [7, -8]]])  # [L, A, A]
    assert (payoff.num_leader_actions, payoff.num_followers, payoff.num_actions) == (2, 2, 2)
    np.testing.assert_array_equal(payoff.payoff_vector(np.array([0, 1])), [2, 6])
    np.testing.assert_array_equal(payoff.payoff_vector(np.array([1, 0])), [3, 7])
    marginals = np.array([[0.5, 0.5], [0.25, 0.75]])
    # 0.5 (0.25 * 1 + 0.75 * 2) + 0.5 (0.25 * 3 + 0.75 * 4) = 0.875 + 1.875; second row 2.875 - 2.125
    np.testing.assert_allclose(mean(payoff, marginals), [2.75, 0.75], rtol=1e-6)
    assert [float(b) for b in payoff.bounds()] == [-8, 7]


def test_separable_by_hand():
    payoff = SeparablePayoff([[[0, 1], [2, 3]], [[10, 20], [30, -40]]])  # [n, L, A]
    assert (payoff.num_leader_actions, payoff.num_followers, payoff.num_actions) == (2, 2, 2)
    np.testing.assert_array_equal(payoff.payoff_vector(np.array([1, 0])), [11, 33])
    marginals = np.array([[0.5, 0.5], [0.9, 0.1]])
    np.testing.assert_allclose(mean(payoff, marginals), [0.5 + 11, 2.5 + 23], rtol=1e-6)
    # Lowest: row 1, 2 - 40; highest: row 1, 3 + 30.
    assert [float(b) for b in payoff.bounds()] == [-38, 33]


def test_anonymous_two_actions_by_hand():
    payoff = AnonymousPayoff([[0, 1, 5], [7, 7, 2]])  # [L, n+1]: by the number that choose action 1
    assert (payoff.num_leader_actions, payoff.num_followers, payoff.num_actions) == (2, 2, 2)
    np.testing.assert_array_equal(payoff.payoff_vector(np.array([1, 0])), [1, 7])
    np.testing.assert_array_equal(payoff.payoff_vector(np.array([1, 1])), [5, 2])
    marginals = np.array([[0.5, 0.5], [0.75, 0.25]])  # counts 0, 1, 2 have 3/8, 4/8, 1/8
    expected = [(4 * 1 + 1 * 5) / 8, (3 * 7 + 4 * 7 + 1 * 2) / 8]
    np.testing.assert_allclose(mean(payoff, marginals), expected, rtol=1e-6)
    assert [float(b) for b in payoff.bounds()] == [0, 7]


def test_anonymous_three_actions_by_hand():
    # [L=1, c_1, c_2] for two followers; counts that sum to 3 or 4 cannot occur.
    payoff = AnonymousPayoff([[[1, 2, 3], [4, 5, np.nan], [6, np.inf, -99]]])
    assert (payoff.num_leader_actions, payoff.num_followers, payoff.num_actions) == (1, 2, 3)
    by_actions = {(0, 0): 1, (0, 2): 2, (2, 2): 3, (1, 0): 4, (2, 1): 5, (1, 1): 6}
    for actions, expected in by_actions.items():
        np.testing.assert_array_equal(payoff.payoff_vector(np.array(actions)), [expected])
    assert [float(b) for b in payoff.bounds()] == [1, 6]  # not the -99, nor the zeros held in its place
    thirds = np.full((2, 3), 1 / 3)  # 1/9 each for (0,0), (1,1), (2,2), and 2/9 for the mixed pairs
    expected = (1 + 3 + 6) / 9 + 2 * (2 + 4 + 5) / 9
    np.testing.assert_allclose(mean(payoff, thirds), [expected], rtol=1e-6)


def test_anonymous_with_one_action():
    payoff = AnonymousPayoff([3.0, 4.0], num_followers=5)
    assert (payoff.num_leader_actions, payoff.num_followers, payoff.num_actions) == (2, 5, 1)
    np.testing.assert_array_equal(payoff.payoff_vector(np.zeros(5, int)), [3, 4])
    np.testing.assert_array_equal(mean(payoff, np.ones((5, 1))), [3, 4])


@pytest.mark.parametrize("kind", games.PAYOFFS)
@pytest.mark.parametrize("shape", SHAPES)
def test_agrees_with_loops(kind, shape):
    rng = np.random.default_rng([SHAPES.index(shape), games.PAYOFFS.index(kind)])
    L, n, _, A = shape
    payoff = games.leader_payoff(rng, kind, shape)
    assert isinstance(payoff, LeaderPayoff)
    assert (payoff.num_leader_actions, payoff.num_followers, payoff.num_actions) == (L, n, A)
    joint_actions = np.array(list(itertools.product(range(A), repeat=n)))
    expected = [value.payoff_vector(payoff, tuple(actions)) for actions in joint_actions.tolist()]
    marginals = random_marginals(rng, n, A)
    with jax.enable_x64(True):
        vectors, expectation = both_operations(payoff, joint_actions, marginals)
    np.testing.assert_allclose(vectors, expected, rtol=1e-13)
    np.testing.assert_allclose(
        expectation, value.expected_payoff_vector(payoff, marginals), rtol=1e-12, atol=1e-14
    )
    np.testing.assert_allclose(payoff.bounds(), value.bounds(payoff, n, A), rtol=1e-12)


@pytest.mark.parametrize("kind", ["separable", "anonymous"])
def test_compact_kinds_agree_with_their_table(kind):
    rng = np.random.default_rng(7)
    L, n, A = 2, 3, 3
    compact = games.leader_payoff(rng, kind, (L, n, 1, A))
    table = np.empty((L, *(A,) * n))
    for actions in itertools.product(range(A), repeat=n):
        table[(slice(None), *actions)] = value.payoff_vector(compact, actions)
    tabular, marginals = TabularPayoff(table), random_marginals(rng, n, A)
    with jax.enable_x64(True):
        np.testing.assert_allclose(mean(tabular, marginals), mean(compact, marginals), rtol=1e-12)
    np.testing.assert_allclose(tabular.bounds(), compact.bounds(), rtol=1e-12)


def test_two_hundred_followers():
    n, p = 200, 0.3
    counts = np.arange(n + 1)
    anonymous = AnonymousPayoff(np.stack([counts, counts**2]) / n)
    separable = SeparablePayoff(np.broadcast_to([0.0, 1 / n], (n, 2, 2)))
    marginals = np.tile([1 - p, p], (n, 1))
    with jax.enable_x64(True):
        first, square = mean(anonymous, marginals)
        # Binomial: E c = n p, E c^2 = n p (1 - p) + (n p)^2.
        np.testing.assert_allclose([first, square], [p, p * (1 - p) + n * p**2], rtol=1e-12)
        np.testing.assert_allclose(mean(separable, marginals), [p, p], rtol=1e-12)
        ones = np.ones(n, int)
        np.testing.assert_allclose(anonymous.payoff_vector(ones), [1, n], rtol=1e-12)
        np.testing.assert_allclose(separable.payoff_vector(ones), [1, 1], rtol=1e-12)
    np.testing.assert_allclose(anonymous.bounds(), [0, n])
    np.testing.assert_allclose(separable.bounds(), [0, 1], rtol=1e-12)


def test_unequal_followers_in_a_convolution():
    """Not binomial: a different probability for every follower, against the Poisson-binomial recursion."""
    n = 30
    p = np.linspace(0, 1, n)
    profile = np.array([1.0])
    for q in p:
        profile = np.convolve(profile, [1 - q, q])
    payoff = AnonymousPayoff(np.sin(np.arange(n + 1))[None])
    with jax.enable_x64(True):
        expected = mean(payoff, np.stack([1 - p, p], axis=1))
    np.testing.assert_allclose(expected, [profile @ np.sin(np.arange(n + 1))], rtol=1e-11)


@pytest.mark.parametrize("kind", games.PAYOFFS)
def test_is_a_pytree(kind):
    rng = np.random.default_rng(3)
    members = [games.leader_payoff(rng, kind, (2, 2, 1, 3)) for _ in range(3)]
    actions = np.array([2, 0])
    singles = np.array([value.payoff_vector(payoff, (2, 0)) for payoff in members])
    jitted = jax.jit(lambda payoff, actions: payoff.payoff_vector(actions))(members[0], actions)
    assert jitted.dtype == jnp.float32
    np.testing.assert_allclose(jitted, singles[0], rtol=1e-6)
    batch = stack(members)
    assert (batch.num_leader_actions, batch.num_followers, batch.num_actions) == (2, 2, 3)
    np.testing.assert_allclose(
        jax.vmap(lambda payoff: payoff.payoff_vector(actions))(batch), singles, rtol=1e-6
    )
    np.testing.assert_allclose(batch.bounds(), np.transpose([payoff.bounds() for payoff in members]))
    doubled = jax.tree.map(lambda leaf: 2 * leaf, members[0])
    assert type(doubled) is type(members[0])
    np.testing.assert_allclose(doubled.payoff_vector(actions), 2 * singles[0], rtol=1e-6)
    np.testing.assert_array_equal(unstack(batch, 2).table, members[2].table)


@pytest.mark.parametrize("kind", games.PAYOFFS)
def test_host_payoff_meets_traced_actions(kind):
    payoff = games.leader_payoff(np.random.default_rng(0), kind, (2, 2, 1, 2))
    expected = value.payoff_vector(payoff, (1, 0))
    np.testing.assert_allclose(jax.jit(payoff.payoff_vector)(np.array([1, 0])), expected, rtol=1e-6)


def test_table_is_a_private_read_only_copy():
    table = np.zeros((2, 2))
    payoff = TabularPayoff(table)
    table[0, 0] = 9
    assert payoff.table[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        payoff.table[0, 0] = 1
    assert payoff.table.dtype == np.float64
    assert TabularPayoff(np.zeros((2, 2), np.float32)).table.dtype == np.float64


def test_joint_index_counts_in_c_order():
    positions = [int(joint_index(jnp.array(d), 3)) for d in itertools.product(range(3), repeat=2)]
    assert positions == list(range(9))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TabularPayoff([[1, 2], [3, np.nan]]), "table must be finite, but entry [1, 1]"),
        (lambda: TabularPayoff([[1, 2], [3, -np.inf]]), "is -inf"),
        (lambda: TabularPayoff([[1, 2], [3]]), "rectangular array of numbers with axes [L A*]"),
        (lambda: TabularPayoff([["a", "b"]]), "could not be converted"),
        (lambda: TabularPayoff([1.0, 2.0]), "(2 or more dimensions), but it arrived with shape (2,)"),
        (lambda: TabularPayoff(np.zeros((0, 2))), "axis 0 (leader actions) is empty"),
        (lambda: TabularPayoff(np.zeros((2, 2, 0))), "axis 2 (follower actions) is empty"),
        (lambda: SeparablePayoff(np.zeros((2, 2))), "axes [n L A] (3 dimensions)"),
        (lambda: SeparablePayoff(np.zeros((0, 2, 2))), "axis 0 (followers) is empty"),
        (lambda: SeparablePayoff(np.full((1, 2, 2), np.nan)), "4 such entries in all"),
        (lambda: AnonymousPayoff(np.zeros((2, 3, 4))), "A-1 count axes of n+1 >= 2"),
        (lambda: AnonymousPayoff(np.zeros((2, 1))), "A-1 count axes of n+1 >= 2"),
        (lambda: AnonymousPayoff(3.0), "its shape is ()"),
        (
            lambda: AnonymousPayoff(np.zeros((2, 4)), num_followers=5),
            "is for 3 followers, but num_followers=5",
        ),
        (lambda: AnonymousPayoff(np.zeros(2)), "without count axes (A = 1) pass num_followers"),
        (
            lambda: AnonymousPayoff([[0, np.nan, 1]]),
            "anonymous leader payoff must be finite, but entry [0, 1]",
        ),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    "table", [np.eye(2) * 1j, [["1", "2"], ["3", "4"]], [[1, 2], [3]], np.eye(2, dtype=bool)]
)
def test_anonymous_payoffs_are_numbers(table: Any) -> None:
    with pytest.raises(ValueError, match="anonymous leader payoff must be a rectangular array of numbers"):
        js.AnonymousPayoff(table)


# Units of payoffs that can occur -----------------------------------------------------------------------


def payoffs_of(rng: np.random.Generator, kind: str, n: int, A: int) -> Any:
    """A payoff of L = 3 in which one action of follower 0 costs a million."""
    if kind == "separable":
        table = rng.uniform(size=(n, 3, A))
        table[0, :, -1] = -1e6
        return js.SeparablePayoff(table)
    table = rng.uniform(size=(3, *(A,) * n))
    table[:, -1] = -1e6
    return js.TabularPayoff(table)


@pytest.mark.parametrize("kind", ["tabular", "separable"])
def test_bounds_and_units_of_what_is_played(kind: str) -> None:
    rng = np.random.default_rng(0)
    n, A = 2, 3
    payoff = payoffs_of(rng, kind, n, A)
    played = np.ones((n, A), bool)
    played[0, -1] = False
    seen = [
        np.asarray(payoff.payoff_vector(np.array(actions)), np.float64)
        for actions in itertools.product(range(A), repeat=n)
        if all(played[i, a] for i, a in enumerate(actions))
    ]
    low, high = payoff.bounds(played[:, None])
    assert (low, high) == (pytest.approx(np.min(seen), abs=1e-6), pytest.approx(np.max(seen), abs=1e-6))
    assert payoff.bounds()[0] < -9e5
    units = payoff.in_units(low, high - low, played[:, None])
    for actions in itertools.product(range(A - 1), range(A)):
        expected = (np.asarray(payoff.payoff_vector(np.array(actions)), np.float64) - low) / (high - low)
        np.testing.assert_allclose(units.payoff_vector(np.array(actions)), expected, atol=1e-5)
    assert np.abs(np.asarray(units.table)).max() <= 2, "what is never played is moderate too"


@pytest.mark.parametrize("kind", ["tabular", "separable", "anonymous"])
@pytest.mark.parametrize("seed", range(6))
def test_which_actions_it_tells_apart(kind: str, seed: int) -> None:
    """Few different payoffs, so that some actions are alike; against every joint action of what is played."""
    rng = np.random.default_rng(seed)
    n, A = 2, 3
    shape = {"tabular": (2, A, A), "separable": (n, 2, A), "anonymous": (2, n + 1, n + 1)}[kind]
    make = {"tabular": TabularPayoff, "separable": SeparablePayoff, "anonymous": AnonymousPayoff}[kind]
    members = [make((rng.random(shape) < 0.2) * 1.0) for _ in "ab"]
    played = rng.random((2, n, A)) < 0.6
    played[..., 0] = True
    together = stack(members).tells_apart(played[..., None, :])[:, :, 0]
    for member, may, told in zip(members, played, together, strict=True):
        expected = np.zeros((n, A, A), bool)
        for i, a, b in itertools.product(range(n), range(A), range(A)):
            for rest in itertools.product(*(np.flatnonzero(row) for row in np.delete(may, i, axis=0))):
                first, second = np.insert(rest, i, a), np.insert(rest, i, b)
                pair = [
                    np.asarray(member.payoff_vector(actions.astype(np.int32))) for actions in (first, second)
                ]
                expected[i, a, b] |= bool((pair[0] != pair[1]).any())
        np.testing.assert_array_equal(told, expected)
        np.testing.assert_array_equal(member.tells_apart(may[:, None])[:, 0], expected)


def test_bounds_of_counts_that_can_occur() -> None:
    """Two of three followers may play action 1, and one of those action 2 as well."""
    table = np.full((1, 4, 4), 99.0)
    played = np.array([[True, False, False], [True, True, False], [False, True, True]])
    possible = [(0, 1), (1, 0), (1, 1), (2, 0)]  # counts of actions 1 and 2
    for number, counts in enumerate(possible):
        table[0, *counts] = number
    assert [float(b) for b in js.AnonymousPayoff(table).bounds(played[:, None])] == [0.0, 3.0]


@pytest.mark.parametrize("seed", range(4))
def test_anonymous_bounds_are_those_of_every_joint_action(seed: int) -> None:
    """All payoffs are far from 0, which is what the table holds where counts are impossible."""
    rng = np.random.default_rng(seed)
    n, A = 3, 3
    payoff = js.AnonymousPayoff(rng.uniform(5, 6, size=(2, n + 1, n + 1)) * (-1) ** seed)
    some = np.eye(A, dtype=bool)[rng.integers(A, size=n)] | (rng.uniform(size=(n, A)) < 0.3)
    for played in (None, np.ones((n, A), bool), some):
        allowed = [range(A)] * n if played is None else [np.flatnonzero(row) for row in played]
        counts = [[list(actions).count(b) for b in range(1, A)] for actions in itertools.product(*allowed)]
        seen = np.array([payoff.table[:, *count] for count in counts])
        may = None if played is None else played[:, None]
        assert [float(bound) for bound in payoff.bounds(may)] == [seen.min(), seen.max()]


@pytest.mark.parametrize("scale", [1e39, 1e-39, 1e300])
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_any_scale_and_offset_is_the_same_game(scale: float, offset: float) -> None:
    """Decisions do not change, and regret scales, where float32 overflows, underflows or rounds all away."""
    game, types = js.scenarios.random_game(2, num_leader_actions=3, num_types=2)
    if offset and scale != 1e39:
        pytest.skip("an offset of 10^9 units once is enough")
    # Multiples of 2^-20, so that an offset of 10^9 loses no bit in float64.
    table = np.rint(game.leader.table * 2**20) / 2**20
    plain = js.Game(js.TabularPayoff(table), game.follower)
    scaled = js.Game(js.TabularPayoff((table + offset) * (1.0 if offset else scale)), game.follower)
    unit = 1.0 if offset else scale
    for learner in (
        js.learners.erm_joint(),
        js.learners.erm_product(),
        js.learners.region_ucb(),
        js.learners.oful(),
    ):
        curves = [
            js.simulate(jax.random.key(1), g, types, learner, horizon=300, num_runs=3)
            for g in (plain, scaled)
        ]
        np.testing.assert_allclose(curves[1].regret / unit, curves[0].regret, rtol=1e-5, atol=1e-6)
        assert np.isfinite(curves[1].regret).all()


def test_an_action_that_nobody_plays_does_not_blunt_the_learners() -> None:
    """Its leader payoff of a million once spanned the units, in which all else was rounding."""
    sizes = {"num_leader_actions": 3, "num_followers": 1, "num_types": 2, "num_actions": 2}
    game, types = js.scenarios.random_game(seed=3, types="independent", **sizes)
    follower = np.concatenate([game.follower, np.full((1, 2, 3, 1), -1.0)], axis=-1)
    leader = np.concatenate([game.leader.table, np.full((3, 1), -1e6)], axis=-1)
    never = js.Game(js.TabularPayoff(leader), follower)
    for learner in (js.learners.erm_joint(), js.learners.region_ucb()):
        curves = [
            js.simulate(jax.random.key(0), g, types, learner, horizon=2000, num_runs=4) for g in (game, never)
        ]
        np.testing.assert_allclose(curves[1].regret, curves[0].regret, rtol=1e-5, atol=1e-5)


def test_a_range_that_is_no_number_is_refused() -> None:
    game, types = js.scenarios.random_game(0)
    huge = js.Game(js.TabularPayoff(np.where(game.leader.table > 0.5, 1.7e308, -1.7e308)), game.follower)
    with pytest.raises(ValueError, match=r"their range is no finite number.*Divide them by a constant"):
        js.simulate(jax.random.key(0), huge, types, js.learners.oracle(), horizon=1, num_runs=1)
