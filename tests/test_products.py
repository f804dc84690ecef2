"""Sums of products over followers: the terms of payoffs, and all response maps at once."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstack as js
from jaxstack.learners.candidates import prepare_marginal_scoring, score_marginals
from jaxstack.learners.products import (
    expected_vectors,
    payoff_vectors,
    prepare_products,
    prepare_sums,
)
from jaxstack.payoffs import AnonymousPayoff, SeparablePayoff, TabularPayoff
from jaxstack.scenarios import random_game
from tests.reference import value


def anonymous(rng: np.random.Generator, L: int, n: int, A: int) -> AnonymousPayoff:
    return AnonymousPayoff(rng.uniform(-3, 2, (L, *(n + 1,) * (A - 1))), num_followers=n)


@pytest.mark.parametrize(("n", "A"), [(1, 2), (2, 2), (3, 2), (4, 1), (3, 3), (2, 4)])
def test_terms_are_the_payoff(n: int, A: int) -> None:
    payoff = anonymous(np.random.default_rng(n), 3, n, A)
    coefficients, factors = payoff.product_terms()
    assert factors.shape[:2] == (1, A)
    assert len(coefficients) <= ((n + 1) ** (A - 1)) // 2 + 2 ** (A - 1), "conjugate waves count once"
    assert np.abs(factors).max() == pytest.approx(1)
    for actions in itertools.product(range(A), repeat=n):
        product = factors[0, list(actions)].prod(axis=0)
        np.testing.assert_allclose((product @ coefficients).real, value.payoff_vector(payoff, actions))


def test_terms_of_moves_are_the_payoff() -> None:
    payoff = js.TypedPayoff(anonymous(np.random.default_rng(0), 2, 3, 4), num_types=2)
    terms = payoff.product_terms()
    assert terms is not None
    coefficients, factors = terms
    for actions, types in itertools.product(itertools.product(range(2), repeat=3), repeat=2):
        product = factors[list(types), list(actions)].prod(axis=0)
        expected = payoff.payoff_vector(np.array(actions), np.array(types))
        np.testing.assert_allclose((product @ coefficients).real, expected, atol=1e-6)


def test_other_payoffs_have_none() -> None:
    table = np.zeros((2, 3, 3))
    assert TabularPayoff(table).product_terms() is None
    assert SeparablePayoff(table).product_terms() is None
    assert js.TypedPayoff(SeparablePayoff(np.zeros((2, 2, 6))), num_types=2).product_terms() is None


@pytest.mark.parametrize(("n", "K", "A"), [(1, 2, 2), (2, 3, 3), (5, 2, 2), (6, 2, 3), (7, 3, 2)])
def test_vectors_of_all_maps_are_those_of_each(n: int, K: int, A: int) -> None:
    game, _ = random_game(n, 3, n, K, A, payoff="anonymous")
    table = js.enumerate_regions(game)
    products = prepare_products(game, table)
    assert products is not None
    marginals = np.random.default_rng(0).dirichlet(np.ones(K), n)
    found = expected_vectors(products, jnp.asarray(marginals, jnp.float32))
    assert found.shape == (table.padded_regions, 3)
    for vector, response in zip(found, table.responses, strict=True):
        plays = (response[..., None] == np.arange(A)) * marginals[..., None]
        expected = value.expected_payoff_vector(game.leader, plays.sum(axis=1))
        np.testing.assert_allclose(vector, expected, atol=3e-6)


def test_blocks_are_shared() -> None:
    game, _ = random_game(0, 2, 64, 2, 2, payoff="anonymous", types="independent")
    products = prepare_products(game, js.enumerate_regions(game))
    assert products is not None
    assert products.blocks.root.shape[0] > 50
    joined = sum(level.shape[-1] for level in products.blocks.levels)
    assert joined < 8 * products.blocks.root.shape[0], "a tenth of 64 followers by so many maps"


def test_a_batch_is_its_games() -> None:
    games = [random_game(seed, 2, 5, 2, 2, payoff="anonymous")[0] for seed in range(3)]
    both = js.stack(games)
    table = js.enumerate_regions(both)
    marginals = jnp.asarray(np.random.default_rng(0).dirichlet(np.ones(2), 5), jnp.float32)
    products = prepare_products(both, table)
    found = jax.vmap(expected_vectors, in_axes=(0, None))(products, marginals)
    for one, vectors in zip(games, found, strict=True):
        alone = js.enumerate_regions(one)
        expected = expected_vectors(prepare_products(one, alone), marginals)  # type: ignore[arg-type]
        np.testing.assert_array_equal(
            vectors[: len(expected)][: alone.num_regions], expected[: alone.num_regions]
        )


def test_what_is_too_large_is_so_alone_and_in_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    game, _ = random_game(0, 2, 5, 2, 2, payoff="anonymous")
    both = js.stack([game, game])
    tables = js.enumerate_regions(game), js.enumerate_regions(both)
    alone = prepare_products(game, tables[0])
    assert alone is not None
    for most, fits in ((alone.leaves.size, True), (alone.leaves.size - 1, False)):
        monkeypatch.setattr("jaxstack.learners.products.MAX_FACTORS", most)
        found = [prepare_products(game, tables[0]), prepare_products(both, tables[1])]
        assert [products is not None for products in found] == [fits, fits]


def test_scores_of_many_followers() -> None:
    """With 200 followers, in single precision, as exact as unit payoffs are compared."""
    game, types = random_game(0, 2, 200, 2, 2, payoff="anonymous", types="independent")
    table = js.enumerate_regions(game)
    known = js.learners.know(game, table, 100)
    scoring = prepare_marginal_scoring(known.game, table)
    assert scoring.products is not None
    marginals: Any = jnp.asarray(np.asarray(types.mixture()[1])[0], known.dtype)
    score = jax.jit(lambda scoring: score_marginals(scoring, known, marginals))
    np.testing.assert_allclose(score(scoring), score(scoring._replace(products=None)), atol=4e-6)


@pytest.mark.parametrize("payoff", ["tabular", "anonymous", "typed"])
def test_vectors_of_a_joint_type_are_the_payoff(payoff: str) -> None:
    """To the last bit: nothing is added but integers."""
    n, K, A = 4, 3, 2
    game, _ = random_game(1, 3, n, K, A, payoff="tabular" if payoff == "tabular" else "anonymous")
    if payoff == "typed":
        game = js.Game(js.TypedPayoff(anonymous(np.random.default_rng(0), 3, n, K * A), K), game.follower)
    table = js.enumerate_regions(game)
    sums = prepare_sums(game, table)
    assert sums is not None
    for types in itertools.product(range(K), repeat=n):
        found = payoff_vectors(sums, jnp.asarray(types, jnp.int32))
        for vector, response in zip(found, table.responses, strict=True):
            actions = np.asarray(response, np.int32)[np.arange(n), list(types)]
            if payoff == "typed":  # the moves (k, a) are the actions of an anonymous payoff
                actions = np.asarray(types) * A + actions
            leader = game.leader.moves if payoff == "typed" else game.leader
            expected = value.payoff_vector(leader, tuple(actions.tolist()))
            np.testing.assert_array_equal(vector, expected.astype(np.float32))


def test_sums_of_a_batch_are_those_of_its_games() -> None:
    games = [random_game(seed, 2, 5, 2, 2, payoff="anonymous")[0] for seed in range(3)]
    both = js.stack(games)
    sums = prepare_sums(both, js.enumerate_regions(both))
    types = jnp.asarray([0, 1, 1, 0, 1], jnp.int32)
    found = jax.vmap(payoff_vectors, in_axes=(0, None))(sums, types)  # type: ignore[arg-type]
    for one, vectors in zip(games, found, strict=True):
        alone = js.enumerate_regions(one)
        expected = payoff_vectors(prepare_sums(one, alone), types)  # type: ignore[arg-type]
        np.testing.assert_array_equal(vectors[: alone.num_regions], expected[: alone.num_regions])


def test_a_sum_over_followers_has_no_index() -> None:
    assert SeparablePayoff(np.zeros((2, 3, 3))).index_terms() is None
    assert js.TypedPayoff(SeparablePayoff(np.zeros((2, 2, 6))), num_types=2).index_terms() is None
