"""Least squares on joint actions: the slow loop, and an ellipsoid that holds what it must."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import jax
import numpy as np
import pytest

import jaxstack as js
from experiments.ellipsoid import claim as ellipsoid

pytestmark = pytest.mark.once

HORIZON = 150


def slow_loop(game: Any, table: Any, types: np.ndarray, scale: float, ridge: float = 1.0) -> np.ndarray:
    """[T, 2]: (region, vertex) played; tabular payoffs in units of their range."""
    low, high = np.min(game.leader.table), np.max(game.leader.table)
    payoff = (np.asarray(game.leader.table) - low) / (high - low)
    n, num_types, num_actions = game.num_followers, game.num_types, game.num_actions
    joint = list(itertools.product(range(num_types), repeat=n))
    events = list(itertools.product(range(num_actions), repeat=n))
    plays = [
        [tuple(response[i, k] for i, k in enumerate(theta)) for theta in joint]
        for response in table.responses
    ]
    meets = [np.array([[float(a == event) for a in of_region] for event in events]) for of_region in plays]
    pairs = [(r, v) for r in range(len(plays)) for v in np.flatnonzero(table.vertex_mask[r])]
    features = np.array(
        [[table.vertices[r, v] @ payoff[(slice(None), *a)] for a in plays[r]] for r, v in pairs]
    )
    gram, moment, played = ridge * np.eye(len(joint)), np.zeros(len(joint)), []
    for theta in map(tuple, types):
        inverse = np.linalg.inv(gram)
        grown = np.linalg.slogdet(gram)[1] - len(joint) * np.log(ridge)
        beta = np.sqrt(np.log(len(types)) + grown / 2) + np.sqrt(ridge)
        spread = np.sqrt(np.einsum("mj,jk,mk->m", features, inverse, features))
        scores = features @ inverse @ moment + scale * beta * spread
        best = int(np.flatnonzero(scores >= scores.max() - 1e-9)[0])
        played.append(pairs[best])
        region = pairs[best][0]
        gram = gram + meets[region].T @ meets[region]
        event = events.index(plays[region][joint.index(theta)])
        moment = moment + meets[region][event]
    return np.array(played)


@pytest.mark.parametrize("scale", [1.0, 0.1])
@pytest.mark.parametrize("seed", [0, 2])
def test_plays_what_the_slow_loop_plays(seed: int, scale: float) -> None:
    game, types = js.scenarios.random_game(seed, 3, 2, 3, 2)
    table = js.enumerate_regions(game)
    with jax.enable_x64(True):
        trace = js.play(
            jax.random.key(5),
            game,
            types,
            js.learners.vector_oful(),
            horizon=HORIZON,
            table=table,
            hparams={"radius_scale": scale, "failure_probability": 1 / HORIZON},
        )
    found = np.stack([trace.region, trace.vertex], axis=1)
    np.testing.assert_array_equal(found, slow_loop(game, table, trace.types, scale))
    assert (slow_loop(game, table, trace.types, 0.97 * scale + 0.2) != found).any(), (
        "another radius is told apart"
    )


@functools.cache
def distances() -> np.ndarray:
    """[1000]: the largest ||D' - D||_V over beta of every run, delta = 0.1."""
    return ellipsoid.distances(*js.scenarios.random_game(4, 3, 2, 2, 2), horizon=300, runs=1000)


def test_the_ellipsoid_covers() -> None:
    assert (distances() > 1).mean() <= 0.1


def test_a_third_of_the_radius_does_not_cover() -> None:
    assert (distances() > 1 / 3).mean() > 0.1


def test_rounding_does_not_pile_up() -> None:
    game, types = js.scenarios.random_game(1, 3, 2, 3, 2)
    table = js.enumerate_regions(game)
    learner = js.learners.vector_oful()
    trace = js.play(
        jax.random.key(0),
        game,
        types,
        learner,
        horizon=4000,
        table=table,
        hparams={"radius_scale": 0.2},
        states=True,
    )
    state = jax.tree.map(lambda leaf: leaf[-2], trace.states)  # long after V^-1 was computed anew
    known = js.learners.know(game, table, 4000)
    features = learner.prepare(known.game, table).features
    exact = np.linalg.inv(np.asarray(state.pairs, np.float64) + np.eye(9))
    np.testing.assert_allclose(state.inverse, exact, atol=2e-4)
    variance = np.einsum("mj,jk,mk->m", features, exact, features)
    np.testing.assert_allclose(state.variance, variance, rtol=0.02, atol=1e-6)
    assert float(state.log_det) == pytest.approx(-np.linalg.slogdet(exact)[1], rel=1e-4)
