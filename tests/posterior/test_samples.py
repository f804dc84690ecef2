"""Samples of the posterior: exact where types are seen, as wide as the prior where they act alike."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstack as js
from jaxstack.learners.knowledge import with_prepared
from jaxstack.learners.posterior import draws, rule
from jaxstack.learners.posterior.newton import maximise
from jaxstack.learners.posterior.slots import Slots

pytestmark = pytest.mark.once

SAMPLES = 10_000

UNIFORM = np.random.default_rng(0).random(1_200_000, np.float32)


def one_region(actions_of_types: list[int]) -> js.learners.Known:
    """What `shared_posterior` knows of a game with one follower and one region."""
    num_actions = max(actions_of_types) + 1
    prefers = np.eye(num_actions)[actions_of_types]  # [K, A]
    follower = np.repeat(prefers[None, :, None], 2, axis=2)
    game = js.Game(js.TabularPayoff(np.arange(2.0 * num_actions).reshape(2, num_actions)), follower)
    table = js.enumerate_regions(game)
    assert table.num_regions == 1
    known = js.learners.know(game, table, 1000)
    return with_prepared(known, js.learners.shared_posterior().prepare(known.game, table))


def sampled(actions_of_types: list[int], counts: list[int], alpha: float, keys: jax.Array) -> np.ndarray:
    """[N, K]: one sample for every key, with one weight alpha of all types."""
    known = one_region(actions_of_types)
    seen = Slots(jnp.zeros((1, 1), jnp.int32), jnp.asarray([[counts]], jnp.int32))
    params = rule.PosteriorParams(*(jnp.float32(number) for number in (0.1, alpha, alpha, 1e-9)))

    @jax.jit
    @jax.vmap
    def one(key: jax.Array) -> jax.Array:
        return maximise(*rule.sample(key, seen, known, params))[0]

    return np.asarray(one(keys), np.float64)


def dirichlet_moments(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = weights / weights.sum()
    return mean, mean * (1 - mean) / (weights.sum() + 1)


def off_from_dirichlet(counts: list[int], alpha: float) -> float:
    """Largest difference of a mean or variance from the right one, in what 10^4 draws allow."""
    types = sampled([0, 1, 2], counts, alpha, jax.random.split(jax.random.key(1), SAMPLES))
    mean, variance = dirichlet_moments(np.array(counts) + alpha)
    of_mean = np.abs(types.mean(axis=0) - mean) / (5 * np.sqrt(variance.max() / SAMPLES) + 0.003)
    of_variance = np.abs(types.var(axis=0) - variance) / (0.08 * variance + 1e-4)
    return float(max(of_mean.max(), of_variance.max()))


@pytest.mark.parametrize(("counts", "alpha"), [([3, 0, 8], 1.0), ([40, 200, 1], 0.3), ([0, 0, 0], 0.7)])
def test_types_that_are_seen_have_a_dirichlet_posterior(counts: list[int], alpha: float) -> None:
    assert off_from_dirichlet(counts, alpha) < 1


def test_counts_that_are_not_drawn_anew_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draws, "gamma", lambda key, shape: shape)
    assert off_from_dirichlet([40, 200, 1], 0.3) > 2


def spread_of_the_unseen(keys: jax.Array) -> float:
    """Variance of the share of the first of two types that always act alike, after 10^5 rounds."""
    types = sampled([0, 0, 1], [60_000, 40_000], 1.0, keys)
    assert np.abs(types[:, 2] - 0.4).max() < 0.01
    return float((types[:, 0] / (types[:, 0] + types[:, 1])).var())


def test_types_that_act_alike_stay_as_unknown_as_before() -> None:
    assert spread_of_the_unseen(jax.random.split(jax.random.key(2), 2000)) == pytest.approx(1 / 12, rel=0.1)


def test_a_sample_that_is_never_refreshed_is_told_apart() -> None:
    stuck = jnp.broadcast_to(jax.random.key(2), (2000,))
    assert spread_of_the_unseen(stuck) < 1e-6


def test_draws_are_finite_at_either_end_of_the_uniform_numbers() -> None:
    ends = jnp.array([0, 1 - 2**-24], jnp.float32)
    assert np.isfinite(draws.gamma(ends, jnp.full(2, 3.0))).all()
    assert np.isfinite(draws.small_gamma(ends, ends, jnp.full(2, 0.5))).all()


@pytest.mark.parametrize("shape", [1.0, 3.0, 50.0, 1e5])
def test_gamma_draws_have_mean_variance_and_skew(shape: float) -> None:
    drawn = np.asarray(draws.gamma(UNIFORM[:200_000], jnp.full(200_000, shape)), np.float64)
    assert drawn.mean() == pytest.approx(shape, rel=0.01)
    assert drawn.var() == pytest.approx(shape, rel=0.04)
    skew = ((drawn - drawn.mean()) ** 3).mean() / drawn.std() ** 3
    assert skew == pytest.approx(2 / np.sqrt(shape), rel=0.12, abs=0.02)


def test_draws_of_small_shapes() -> None:
    shape = jnp.broadcast_to(jnp.array([0.02, 0.3, 1.0]), (200_000, 3))
    drawn = np.asarray(draws.small_gamma(*UNIFORM.reshape(2, -1, 3), shape), np.float64)
    np.testing.assert_allclose(drawn.mean(axis=0), [0.02, 0.3, 1.0], rtol=0.05)
    np.testing.assert_allclose(drawn.var(axis=0), [0.02, 0.3, 1.0], rtol=0.08)
    assert not np.asarray(draws.gamma(UNIFORM[:3], jnp.zeros(3))).any()


def test_alpha_is_log_uniform() -> None:
    drawn: Any = np.log(np.asarray(draws.log_uniform(UNIFORM[:10_000], jnp.float32(0.1), jnp.float32(1))))
    np.testing.assert_allclose(np.quantile(drawn, [0, 0.5, 1]), np.log([0.1, 10**-0.5, 1]), atol=0.05)
