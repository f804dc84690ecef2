"""Types fitted to logs, against a general optimiser on likelihoods that share no code with the package."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import numpy as np
import pytest

import jaxstack as js
from jaxstack.data import grouped
from tests.conftest import small_game
from tests.games import type_distribution
from tests.reference import fits

pytestmark = pytest.mark.once

SHAPE = (3, 2, 3, 2)


def rounds(seed: int, T: int, num_maps: int, kind: str = "joint") -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """A random game, its types, response maps [T, n, K] of random commitments, and actions [T, n]."""
    rng = np.random.default_rng(seed)
    L, n, K, A = SHAPE
    game = js.Game(js.TabularPayoff(rng.uniform(size=(L, A, A))), rng.uniform(-1, 1, (n, K, L, A)))
    types = type_distribution(rng, kind, SHAPE)
    x = rng.dirichlet(np.ones(L), num_maps)[rng.integers(num_maps, size=T)]
    answers = np.einsum("tl,nkla->tnka", x, np.asarray(game.follower)).argmax(axis=-1)
    theta = np.asarray(js.sample_types(jax.random.key(seed), types, T))
    actions = np.take_along_axis(answers, theta[..., None], axis=-1)[..., 0]
    return game, js.log_of(game, actions=actions, commitments=x), answers, actions


@pytest.mark.parametrize("seed", range(3))
def test_joint_types_are_most_likely(seed: int) -> None:
    game, log, maps, actions = rounds(seed, 60, 12)
    sets = fits.possible_types(maps, actions)
    fitted = js.fit_types(game, log, "joint")
    best = fits.maximum(lambda p: fits.joint_log_likelihood(sets, p.reshape(3, 3)), [9], starts=1)
    mine = fits.joint_log_likelihood(sets, fitted.types.probabilities)
    assert mine == pytest.approx(fitted.log_likelihood, abs=1e-8)
    assert best - 1e-4 <= mine
    assert fitted.num_rounds == 60
    assert repr(fitted).startswith("FittedTypes(joint, 60 rounds, log-likelihood -")


def test_independent_types_are_most_likely_and_as_precise_as_the_curvature_says() -> None:
    game, log, maps, actions = rounds(5, 400, 40, "independent")
    fitted = js.fit_types(game, log, "independent")
    p = np.asarray(fitted.types.probabilities)
    for i in range(2):
        sets = fits.possible_types(maps[:, i : i + 1], actions[:, i : i + 1])

        def likelihood(own: np.ndarray, sets: Any = sets) -> float:
            return fits.mixture_log_likelihood(sets, np.ones(1), own[None, None])

        assert p[i].min() > 0
        assert fits.maximum(likelihood, [3], starts=1) <= likelihood(p[i]) + 1e-6
        errors = fits.standard_errors(likelihood, p[i])
        np.testing.assert_allclose(fitted.standard_errors[i], errors, rtol=1e-3)
    assert not fitted.unidentified


def test_standard_errors_of_joint_types_are_those_of_the_curvature() -> None:
    game, log, maps, actions = rounds(8, 2000, 60)
    fitted = js.fit_types(game, log)
    p = fitted.types.probabilities.ravel()
    assert p.min() > 0
    sets = fits.possible_types(maps, actions)
    errors = fits.standard_errors(lambda q: fits.joint_log_likelihood(sets, q.reshape(3, 3)), p)
    np.testing.assert_allclose(fitted.standard_errors.ravel(), errors, rtol=1e-2)
    # What a commitment is expected to earn is linear in p.
    x = np.array([0.2, 0.3, 0.5])
    expected = fitted.expected(x)
    assert expected.value == pytest.approx(js.expected_utility(game, fitted.types, x))
    answers = np.einsum("l,nkla->nka", x, np.asarray(game.follower)).argmax(axis=-1)
    u = [x @ game.leader.table[:, answers[0, i], answers[1, j]] for i, j in np.ndindex(3, 3)]
    error = np.sqrt(u @ fitted.precision.covariance @ u)
    assert expected.standard_error == pytest.approx(error, rel=1e-6)
    assert 0 < error < 0.1


def test_types_that_are_seen_are_counted() -> None:
    small = small_game(1)
    seen = np.array([[0, 1]] * 6 + [[1, 1]] * 3 + [[1, 0]])
    fitted = js.fit_types(small.game, js.log_of(small.game, types=seen))
    np.testing.assert_allclose(fitted.types.probabilities, [[0, 0.6], [0.1, 0.3]], atol=1e-12)
    errors = np.sqrt([[np.nan, 0.6 * 0.4 / 10], [0.1 * 0.9 / 10, 0.3 * 0.7 / 10]])
    np.testing.assert_allclose(fitted.standard_errors, errors, rtol=1e-6)
    independent = js.fit_types(small.game, {"type_0": seen[:, 0], "type_1": seen[:, 1]}, "independent")
    np.testing.assert_allclose(independent.types.probabilities, [[0.6, 0.4], [0.1, 0.9]], atol=1e-12)
    assert fitted.log_likelihood == pytest.approx(6 * np.log(0.6) + 3 * np.log(0.3) + np.log(0.1))


def test_mixtures_are_as_likely_as_any_that_is_found() -> None:
    game, log, maps, actions = rounds(3, 30, 4, "mixture")
    sets = fits.possible_types(maps, actions)
    fitted = js.fit_types(game, log, "mixture", restarts=6)
    weights, marginals = (np.asarray(part) for part in fitted.types.mixture())
    assert fitted.log_likelihood == pytest.approx(
        fits.mixture_log_likelihood(sets, weights, marginals), abs=1e-8
    )

    def likelihood(p: np.ndarray) -> float:
        return fits.mixture_log_likelihood(sets, p[:2], p[2:].reshape(2, 2, 3))

    assert fitted.log_likelihood >= fits.maximum(likelihood, [2, 3, 3, 3, 3], starts=1) - 1e-3
    assert "local maximum" in repr(fitted)
    one = js.fit_types(game, log, "mixture", num_components=1, restarts=1)
    assert one.log_likelihood == pytest.approx(
        js.fit_types(game, log, "independent").log_likelihood, abs=1e-6
    )


def test_unequal_followers_have_no_types_that_they_lack() -> None:
    game = js.Game(
        js.SeparablePayoff(np.ones((2, 2, 2))),
        [[[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]], [[[1.0, 0.0], [0.0, 1.0]]]],
    )
    log = js.log_of(game, actions=[[0, 0], [1, 0], [1, 0]], commitments=[0.9, 0.1])
    for kind in ("joint", "independent", "mixture"):
        fitted = js.fit_types(game, log, kind)
        np.testing.assert_allclose(fitted.types.marginals(), [[1 / 3, 2 / 3], [1, 0]], atol=1e-6)


def test_the_solver_meets_the_conditions_of_an_optimum() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        masks = rng.random((rng.integers(1, 12), rng.integers(2, 12))) < rng.uniform(0.2, 0.8)
        masks = masks[masks.any(axis=1)]
        if len(masks):
            counts = rng.integers(1, 1000, len(masks)).astype(float)
            p = grouped.maximise(masks, counts).probabilities
            slope = masks.T @ (counts / (masks @ p)) / counts.sum()  # 1 where p > 0, at most 1 elsewhere
            assert slope.max() < 1 + 1e-8
            assert p @ np.abs(slope - 1) < 1e-8


# What a log cannot tell -----------------------------------------------------------------------------


def blind() -> tuple[Any, Any]:
    """A game of two followers with 3 types, and a log of one commitment: two of each answer alike."""
    rng = np.random.default_rng(11)
    game = js.Game(js.TabularPayoff(rng.uniform(size=(3, 2, 2))), rng.uniform(-1, 1, (2, 3, 3, 2)))
    table = js.enumerate_regions(game)
    pairs = [
        r for r in range(int(table.num_regions)) if all(len(set(row)) == 2 for row in table.responses[r])
    ]
    region = pairs[0]
    kinds = np.array(list(itertools.product(range(3), repeat=2)) * 5)
    actions = [[table.responses[region][i][k] for i, k in enumerate(theta)] for theta in kinds]
    return game, js.log_of(game, actions=actions, regions=[region] * len(kinds), table=table)


@pytest.mark.parametrize("kind", ["joint", "independent"])
def test_what_types_that_answer_alike_decide(kind: str) -> None:
    game, log = blind()
    fitted = js.fit_types(game, log, kind)
    W = log.maps[0]
    groups = [[[k for k in range(3) if row[k] == a] for a in (0, 1)] for row in W]
    told = tuple(
        (f"follower {i}", tuple(f"type {k}" for k in group))
        for i in (0, 1)
        for group in groups[i]
        if len(group) == 2
    )
    assert fitted.unidentified.alike == told
    assert fitted.unidentified.dimension == (9 - 4 if kind == "joint" else 2)
    assert "answer alike" in str(fitted.unidentified)
    assert np.isinf(fitted.standard_errors).sum() == (8 if kind == "joint" else 4)

    # All distributions that fit as well, on a grid: the mass of each group, shared out.
    table = js.enumerate_regions(game)
    stakes = fitted.stakes(table)
    u = js.value.vertex_utilities
    values = []
    for points in itertools.product(*(vertices(fitted, groups, kind))):
        types = mixed(points, kind)
        values.append(u(game, types, table).ravel())
    at = int(u(game, fitted.types, table).argmax())
    own = np.array([row[at] for row in values])
    gain = np.array([row.max() for row in values]) - own
    assert stakes.low == pytest.approx(own.min(), abs=1e-7)
    assert stakes.high == pytest.approx(own.max(), abs=1e-7)
    assert stakes.loss == pytest.approx(gain.max(), abs=1e-7)
    assert stakes.matters == (gain.max() > 1e-9)
    assert stakes.exact


def vertices(fitted: Any, groups: list[list[list[int]]], kind: str) -> list[list[np.ndarray]]:
    """Extreme ways to share out each mass that the log tells."""
    probabilities = np.asarray(fitted.types.probabilities)
    parts = []
    if kind == "independent":
        for i in range(2):
            for group in groups[i]:
                shares = [probabilities[i, group].sum() * np.eye(2 * 3)[i * 3 + k] for k in group]
                parts.append(shares)
        return parts
    for a, b in itertools.product(groups[0], groups[1]):
        cells = list(itertools.product(a, b))
        mass = sum(probabilities[cell] for cell in cells)
        parts.append([mass * np.eye(9)[i * 3 + j] for i, j in cells])
    return parts


def mixed(points: tuple[np.ndarray, ...], kind: str) -> Any:
    total = np.sum(points, axis=0)
    return js.JointTypes(total.reshape(3, 3)) if kind == "joint" else js.IndependentTypes(total.reshape(2, 3))


def test_parity_is_not_told_although_no_types_are_alike() -> None:
    """Three followers, of whom each tells its type unless the leader commits to its own action."""
    follower = np.zeros((3, 2, 3, 2))  # [n, K, L, A]
    follower[:, 0, :, 0] = 1.0  # type 0 plays 0 in any case, type 1 plays 0 where x_i > 1/2
    follower[:, 1, :, 1] = 0.5
    follower[range(3), 1, range(3), 0] = 1.0
    leader = np.random.default_rng(0).uniform(size=(3, 2, 2, 2))
    game = js.Game(js.TabularPayoff(leader), follower)
    theta = np.random.default_rng(1).integers(2, size=(300, 3))
    x = np.eye(3)[np.arange(300) % 3]
    fitted = js.fit_types(game, js.log_of(game, actions=theta * (x == 0), commitments=x))
    assert fitted.unidentified.dimension == 1
    assert fitted.unidentified.alike == ()
    assert "no two types" in str(fitted.unidentified)

    parity = np.array([[[(-1.0) ** (a + b + c) for c in (0, 1)] for b in (0, 1)] for a in (0, 1)])
    p, table = np.asarray(fitted.types.probabilities), js.enumerate_regions(game)
    reach = [-p[parity > 0].min(), p[parity < 0].min()]
    values = [
        js.value.vertex_utilities(game, js.JointTypes(np.maximum(p + s * parity, 0)), table).ravel()
        for s in reach
    ]
    at = int(js.value.vertex_utilities(game, fitted.types, table).argmax())
    stakes = fitted.stakes(table)
    assert stakes.low == pytest.approx(min(row[at] for row in values), abs=1e-6)
    assert stakes.high == pytest.approx(max(row[at] for row in values), abs=1e-6)
    assert stakes.loss == pytest.approx(max(row.max() - row[at] for row in values), abs=1e-6)
    centre = fitted.expected(np.full(3, 1 / 3))  # there all three tell
    assert np.isinf(centre.standard_error)
    assert np.isfinite(fitted.expected(np.array([0.8, 0.1, 0.1])).standard_error)


def test_what_fits_refuse() -> None:
    game, log = blind()
    with pytest.raises(ValueError, match="Did you mean 'joint'"):
        js.fit_types(game, log, "joined")
    with pytest.raises(ValueError, match="num_components"):
        js.fit_types(game, log, "mixture", num_components=0)
    many = js.Game(js.AnonymousPayoff(np.ones((2, 61)), num_followers=60), np.zeros((60, 2, 2, 2)))
    with pytest.raises(MemoryError, match="kind='independent'"):
        js.fit_types(many, js.log_of(many, types=np.zeros((3, 60), int)))
    assert (
        js.fit_types(many, js.log_of(many, types=np.zeros((3, 60), int)), "independent").log_likelihood == 0
    )
