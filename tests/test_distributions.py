"""Distributions of types: hand-worked numbers, agreement, exact samplers, errors."""

from __future__ import annotations

import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chi2

from jaxstack.distributions import (
    IndependentTypes,
    JointTypes,
    MixtureTypes,
    TypeDistribution,
    joint_probabilities,
    sample_types,
)
from jaxstack.game import stack, unstack
from jaxstack.samplers import SAMPLER_BITS, JointSampler
from tests import games
from tests.reference import value

JOINT = [[0.1, 0.2], [0.0, 0.7]]


def all_kinds(n=2, K=3, seed=0):
    """One random distribution of every kind."""
    rng = np.random.default_rng(seed)
    return [games.type_distribution(rng, kind, (2, n, K, 2)) for kind in games.TYPES]


def draws_of(seed, types, num_rounds):
    """`sample_types`, compiled as one program."""
    return jax.jit(sample_types, static_argnums=(1, 2))(jax.random.key(seed), types, num_rounds)


def test_joint_by_hand():
    types = JointTypes(JOINT)
    assert (types.num_followers, types.num_types) == (2, 2)
    np.testing.assert_allclose(types.marginals(), [[0.3, 0.7], [0.1, 0.9]])
    np.testing.assert_allclose(joint_probabilities(types), [0.1, 0.2, 0.0, 0.7])


def test_independent_by_hand():
    types = IndependentTypes([[0.5, 0.5], [0.2, 0.8]])
    assert (types.num_followers, types.num_types) == (2, 2)
    np.testing.assert_allclose(types.marginals(), [[0.5, 0.5], [0.2, 0.8]])
    np.testing.assert_allclose(joint_probabilities(types), [0.1, 0.4, 0.1, 0.4])


def test_mixture_by_hand():
    types = MixtureTypes([0.5, 0.5], [[[1, 0], [1, 0]], [[0, 1], [0.5, 0.5]]])
    assert (types.num_followers, types.num_types) == (2, 2)
    np.testing.assert_allclose(types.marginals(), [[0.5, 0.5], [0.75, 0.25]])
    np.testing.assert_allclose(joint_probabilities(types), [0.5, 0, 0.25, 0.25])


@pytest.mark.parametrize(("n", "K"), [(1, 1), (1, 3), (3, 2), (2, 3)])
def test_agrees_with_loops(n, K):
    for types in all_kinds(n, K):
        assert isinstance(types, TypeDistribution)
        expected = [value.probability(types, theta) for theta in value.joint_types(n, K)]
        np.testing.assert_allclose(joint_probabilities(types), expected, atol=1e-15)
        np.testing.assert_allclose(types.marginals(), value.marginals(types, n, K), atol=1e-15)


# --- one knob from independent to fully correlated ---

UNEQUAL = np.array([[0.5, 0.3, 0.2], [0.1, 0.0, 0.9], [1.0, 0.0, 0.0]])


@pytest.mark.parametrize("correlation", [0.0, 1e-9, 0.3, 0.5, 0.999, 1.0])
def test_correlated_keeps_the_marginals(correlation):
    np.testing.assert_allclose(MixtureTypes.correlated(UNEQUAL, correlation).marginals(), UNEQUAL, atol=1e-15)


def test_correlated_ends_by_hand():
    marginals = [[0.5, 0.5], [0.25, 0.75]]
    independent = joint_probabilities(MixtureTypes.correlated(marginals, 0))
    np.testing.assert_allclose(independent, [0.125, 0.375, 0.125, 0.375])
    # One uniform number u: types (0, 0) below 1/4, (0, 1) up to 1/2, (1, 1) above.
    comonotone = joint_probabilities(MixtureTypes.correlated(marginals, 1))
    np.testing.assert_allclose(comonotone, [0.25, 0.25, 0, 0.5])
    half = joint_probabilities(MixtureTypes.correlated(marginals, 0.5))
    np.testing.assert_allclose(half, (independent + comonotone) / 2)


def test_fully_correlated_followers_with_equal_marginals_have_equal_types():
    types = MixtureTypes.correlated(np.tile([0.2, 0.5, 0.3], (3, 1)), 1)
    table = joint_probabilities(types).reshape(3, 3, 3)
    np.testing.assert_allclose([table[k, k, k] for k in range(3)], [0.2, 0.5, 0.3])
    draws = np.asarray(draws_of(0, types, 500))
    assert (draws == draws[:, :1]).all()
    assert set(draws[:, 0]) == {0, 1, 2}


def test_correlated_at_two_hundred_followers():
    marginals = np.random.default_rng(0).dirichlet(np.ones(3), size=200)
    types = MixtureTypes.correlated(marginals, 0.7)
    np.testing.assert_allclose(types.marginals(), marginals, atol=1e-13)
    draws = draws_of(1, types, 50)
    assert draws.shape == (50, 200)
    assert draws.dtype == jnp.int32


@pytest.mark.parametrize("correlation", [-0.1, 1.01, np.nan])
def test_correlation_out_of_range(correlation):
    with pytest.raises(ValueError, match=r"correlation must lie in \[0, 1\]"):
        MixtureTypes.correlated(UNEQUAL, correlation)


# --- samplers ---


def chi_square_rejects(draws, probabilities):
    """True when counts of joint types are further from their expectation than one sample in a million."""
    probabilities = np.asarray(probabilities)
    n = draws.shape[1]
    K = round(len(probabilities) ** (1 / n))
    flat = np.asarray(draws) @ K ** np.arange(n - 1, -1, -1)
    counts = np.bincount(flat, minlength=len(probabilities))
    if counts[probabilities == 0].any():
        return True
    possible = probabilities > 0
    expected = len(draws) * probabilities[possible]
    statistic = ((counts[possible] - expected) ** 2 / expected).sum()
    return bool(statistic > chi2.isf(1e-6, df=possible.sum() - 1))


@pytest.mark.parametrize("kind", range(3))
def test_frequencies(kind):
    types = all_kinds()[kind]
    draws = draws_of(5, types, 100_000)
    assert draws.shape == (100_000, 2)
    assert draws.dtype == jnp.int32
    assert not chi_square_rejects(draws, joint_probabilities(types))


def test_wrong_samplers_are_rejected():
    """The frequency test can fail: swapped followers, dropped correlation, and probabilities off by 1 %."""
    joint, _, mixture = all_kinds()
    draws = draws_of(5, joint, 100_000)
    assert chi_square_rejects(draws[:, ::-1], joint_probabilities(joint))
    independent = IndependentTypes(joint.marginals())
    draws = draws_of(5, independent, 100_000)
    assert chi_square_rejects(draws, joint_probabilities(joint))
    tilted = np.array(mixture.probabilities)
    tilted[:, 0] = 0.98 * tilted[:, 0] + 0.02 * np.eye(3)[0]
    draws = draws_of(5, MixtureTypes(mixture.weights, tilted), 100_000)
    assert chi_square_rejects(draws, joint_probabilities(mixture))


HALF = 1 << (SAMPLER_BITS - 1)
FULL = 1 << SAMPLER_BITS


def words(*draws):
    """Random words [len, 1] whose leading bits are the given draws."""
    return jnp.array(draws, jnp.uint32)[:, None] << (32 - SAMPLER_BITS)


def test_independent_thresholds_are_exact():
    sampler = IndependentTypes([[0, 0.5, 0, 0.5, 0]]).sampler()
    assert sampler.num_words == 1
    types = sampler.draw(words(0, HALF - 1, HALF, FULL - 1))
    np.testing.assert_array_equal(types, [[1], [1], [3], [3]])


def test_joint_thresholds_are_exact():
    sampler = JointTypes([[0, 0.25], [0.75, 0]]).sampler()
    assert sampler.num_words == 1
    types = sampler.draw(words(0, HALF // 2 - 1, HALF // 2, FULL - 1))
    np.testing.assert_array_equal(types, [[0, 1], [0, 1], [1, 0], [1, 0]])


def test_mixture_thresholds_are_exact():
    probabilities = [[[1, 0], [0, 1]], [[0.5, 0.5], [0, 1]], [[0, 1], [1, 0]]]
    sampler = MixtureTypes([0.5, 0, 0.5], probabilities).sampler()
    assert sampler.num_words == 3
    extreme = itertools.product((0, HALF - 1, HALF, FULL - 1), (0, FULL - 1), (0, FULL - 1))
    for first, second, third in extreme:
        drawn = sampler.draw(words(first, second, third)[:, 0])
        np.testing.assert_array_equal(drawn, [0, 1] if first < HALF else [1, 0])


@pytest.mark.parametrize("num_types", [4, 32, 128])
def test_a_draw_equal_to_a_threshold_is_of_the_type_above_it(num_types):
    """Equally likely types, few and many: their thresholds are whole multiples of FULL / num_types."""
    above = np.arange(1, num_types)
    draws = words(*(above * (FULL // num_types)), *(above * (FULL // num_types) - 1))
    even = np.full(num_types, 1 / num_types)
    components = MixtureTypes(even, np.eye(num_types)[:, None])  # the type is that of the component
    for types in (JointTypes(even), IndependentTypes([even]), components):
        sampler = types.sampler()
        bits = jnp.pad(draws, ((0, 0), (0, sampler.num_words - 1)))
        np.testing.assert_array_equal(sampler.draw(bits)[:, 0], [*above, *(above - 1)], str(type(types)))


def test_types_of_probability_zero_are_never_drawn():
    """Rounded thresholds included: probabilities that are not multiples of 2^-31."""
    thirds = np.array([[0, 1 / 3, 0, 1 / 3, 1 / 3, 0], [0.1, 0.0, 0.2, 0.0, 0.7, 0.0]])
    ends = words(0, 1, FULL // 3, FULL // 3 + 1, FULL // 10, FULL // 10 + 1, FULL - 2, FULL - 1)
    pairs = jnp.concatenate([ends, ends], axis=1)
    drawn = np.asarray(IndependentTypes(thirds).sampler().draw(pairs))
    for i in range(2):
        assert set(drawn[:, i]) <= set(np.flatnonzero(thirds[i]))
    joint = JointTypes(np.outer(*thirds)).sampler().draw(ends)
    assert (np.outer(*thirds)[tuple(np.asarray(joint).T)] > 0).all()


def test_tiny_probabilities_survive_or_vanish_as_documented():
    kept, lost = 2.0**-30, 2.0**-40
    drawn = IndependentTypes([[kept, 1 - kept]]).sampler().draw(words(0, 1, 2))
    np.testing.assert_array_equal(drawn[:, 0], [0, 0, 1])
    drawn = IndependentTypes([[lost, 1 - lost]]).sampler().draw(words(0, 1))
    np.testing.assert_array_equal(drawn[:, 0], [1, 1])


def test_sampling_is_deterministic():
    for types in all_kinds():
        first, again, other = (draws_of(seed, types, 64) for seed in (3, 3, 4))
        np.testing.assert_array_equal(first, again)
        assert (np.asarray(first) != np.asarray(other)).any()


def test_one_type_draws_zero():
    for types in all_kinds(n=2, K=1):
        assert not np.asarray(draws_of(0, types, 10)).any()


# --- containers ---


@pytest.mark.parametrize("kind", range(3))
def test_is_a_pytree(kind):
    members = [all_kinds(seed=seed)[kind] for seed in range(3)]
    batch = stack(members)
    assert (batch.num_followers, batch.num_types) == (2, 3)
    np.testing.assert_allclose(batch.marginals(), [types.marginals() for types in members])
    np.testing.assert_array_equal(unstack(batch, 1).probabilities, members[1].probabilities)
    bits = jax.random.bits(jax.random.key(0), (20, members[0].sampler().num_words), jnp.uint32)
    together = jax.jit(jax.vmap(lambda sampler: sampler.draw(bits)))(batch.sampler())
    for g, types in enumerate(members):
        np.testing.assert_array_equal(together[g], types.sampler().draw(bits))
    mapped = jax.tree.map(jnp.asarray, members[0])
    assert type(mapped) is type(members[0])
    assert jax.jit(lambda types: types.probabilities.sum())(members[0]).dtype == jnp.float32


def test_sums_within_the_tolerance_are_normalised():
    types = IndependentTypes([[0.3333333, 0.3333333, 0.3333333]])
    assert types.probabilities.sum() == pytest.approx(1, abs=1e-15)
    assert IndependentTypes(np.full((1, 3), 1 / 3, np.float32)).probabilities.dtype == np.float64


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: IndependentTypes([[0.5, 0.5], [0.5, 0.6]]),
            "must sum to 1, but the sum at index [1] is 1.1. Divide by the sum",
        ),
        (lambda: IndependentTypes([[1.5, -0.5]]), "entry [0, 1] (axes [n K]) is -0.5, which is negative"),
        (lambda: IndependentTypes([[0.5, np.nan]]), "must be finite, but entry [0, 1]"),
        (lambda: IndependentTypes([0.5, 0.5]), "must have axes [n K] (2 dimensions)"),
        (lambda: IndependentTypes(np.ones((1, 0))), "axis 1 (types) is empty"),
        (lambda: IndependentTypes(np.ones((0, 2))), "axis 0 (followers) is empty"),
        (
            lambda: JointTypes([[0.5, 0.5], [0.5, 0.5]]),
            "joint type probabilities must sum to 1, but the sum is 2",
        ),
        (lambda: JointTypes([[np.inf, 0], [0, 0]]), "must be finite"),
        (lambda: JointTypes(1.0), "shape ()"),
        (lambda: MixtureTypes([0.5, 0.6], np.full((2, 1, 2), 0.5)), "mixture weights must sum to 1"),
        (lambda: MixtureTypes([1.0], np.full((2, 1, 2), 0.5)), "weights are for 1 components"),
        (lambda: MixtureTypes([1.0], np.full((1, 2), 0.5)), "must have axes [C n K]"),
        (lambda: MixtureTypes([1.0], np.full((1, 1, 2), 0.4)), "the sum at index [0, 0] is 0.8"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize("count", [5, 64, 65, 200])
def test_a_type_is_the_number_of_thresholds_up_to_the_draw(count: int) -> None:
    """Thresholds 0 and 2^31 (of what has all the probability) and draws that equal one of them, too."""
    rng = np.random.default_rng(count)
    ends = [0, 0, 2**31 - 1, 2**31]
    thresholds = np.sort(np.concatenate([ends, rng.integers(0, 2**31, count - 4)])).astype(np.uint32)
    draws = np.concatenate([np.minimum(thresholds, 2**31 - 1), rng.integers(0, 2**31, 300)]).astype(np.uint32)
    sampler = JointSampler(thresholds, num_followers=1, num_types=count + 1)
    found = np.asarray(sampler.draw(jnp.asarray(draws << (32 - SAMPLER_BITS))[:, None]))[:, 0]
    np.testing.assert_array_equal(found, (thresholds[:, None] <= draws).sum(axis=0))
