"""Candidates that another dominates are left out, and it never shows."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import jaxstack as js
from jaxstack.learners import candidates
from tests.games import Case, degenerate_games, random_games

CASES = [*random_games(12, seed=3), *degenerate_games(33, seed=3)]
TOLERANCE = candidates.tie_tolerance(np.float32)


def first_best(known: Any, table: Any, counts: np.ndarray) -> tuple[int, int]:
    """Region and vertex of the first best of all vertices where joint types were seen so often."""
    listed = candidates.list_candidates(table)
    mean = candidates.joint_features(known.game, table, listed) @ (counts / max(counts.sum(), 1))
    best = np.flatnonzero(mean >= mean.max() - TOLERANCE)[0]
    return int(listed.region[best]), int(listed.vertex[best])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_played_is_the_first_best_of_all(case: Case) -> None:
    table = js.enumerate_regions(case.game)
    known = js.learners.know(case.game, table, 100)
    scoring = candidates.prepare_scoring(known.game, table)
    rng = np.random.default_rng(0)
    J = case.game.num_joint_types
    seen = [
        np.zeros(J),
        *np.eye(J)[:8],
        *rng.integers(0, 4, (20, J)),
        *rng.multinomial(9, np.ones(J) / J, 20),
    ]
    for counts in seen:
        share = counts / max(counts.sum(), 1)
        found = scoring.first_best(jnp.asarray(scoring.joint @ share, np.float32))
        assert (int(found.region), int(found.vertex)) == first_best(known, table, counts)


def test_some_are_left_out() -> None:
    game, _ = js.scenarios.random_game(0, 4, 2, 4, 2)
    table = js.enumerate_regions(game)
    assert len(candidates.prepare_scoring(game, table).joint) < 0.9 * table.vertex_mask.sum()


def test_of_unequal_games_each_keeps_its_own() -> None:
    """Against joint types that a game does not have, no candidate is better than another."""
    games = [js.scenarios.random_game(seed, 3, 2, K, 2)[0] for seed, K in ((0, 2), (1, 3), (2, 2))]
    batch = js.stack(games)
    table = js.enumerate_regions(batch)
    together = candidates.prepare_scoring(batch, table)
    for g, game in enumerate(games):
        alone = candidates.prepare_scoring(game, js.enumerate_regions(game))
        count = len(alone.candidates.region)
        for name in ("region", "vertex"):
            row = getattr(together.candidates, name)[g]
            np.testing.assert_array_equal(row[:count], getattr(alone.candidates, name))
            assert (row[count:] == row[0]).all()
        np.testing.assert_allclose(together.joint[g, :count, : game.num_joint_types], alone.joint, rtol=1e-12)


def test_too_many_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    game, _ = js.scenarios.random_game(0, 4, 2, 2, 2)
    table = js.enumerate_regions(game)
    monkeypatch.setattr(candidates, "MAX_COMPARED", table.vertex_mask.sum() ** 2 * 4 - 1)
    assert len(candidates.prepare_scoring(game, table).joint) == table.vertex_mask.sum()
    monkeypatch.setattr(candidates, "MAX_COMPARED", table.vertex_mask.sum() ** 2 * 4)
    assert len(candidates.prepare_scoring(game, table).joint) < table.vertex_mask.sum()


def test_dominated_by_definition() -> None:
    """No better than a lower one against any joint type, or clearly worse than any other against all."""

    def dominated(values: np.ndarray, at: int) -> bool:
        better = values - values[at]
        return bool((better[:at] >= 0).all(axis=1).any() or (better > 1e-3).all(axis=1).any())

    rng = np.random.default_rng(0)
    left = set()
    for _ in range(3_000):
        shape = rng.integers(1, 8), rng.integers(1, 5)
        values = rng.choice([0.0, 1e-6, 0.5, 0.5 + 1e-6, 1.0], shape)
        expected = [at == 0 or not dominated(values, at) for at in range(len(values))]
        assert candidates._undominated(values).tolist() == expected
        left.add(sum(expected))
    assert left == set(range(1, 8))
