"""Regions on polytopes against two references that work in the coordinates of the polytope itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import jaxstack as js
from jaxstack.regions import clipping
from tests import polytopes
from tests.reference import polytopes as reference

pytestmark = pytest.mark.once


def by_map(table: js.RegionTable) -> dict[tuple[int, ...], tuple[np.ndarray, bool]]:
    """Vertices, and whether the region has the set's dimension."""
    return {
        tuple(np.ravel(table.responses[r]).tolist()): (
            table.vertices[r][table.vertex_mask[r]],
            bool(table.full_dimensional[r]),
        )
        for r in range(int(table.num_regions))
    }


@pytest.fixture(params=["corners", "clipping"])
def enumerate_regions(request: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Both ways to enumerate."""
    if request.param == "clipping":
        monkeypatch.setattr(clipping, "from_corners", lambda *arguments: None)
    return js.enumerate_regions


def drawn(seed: int) -> js.Game:
    """A set of each kind in turn, of 2 or 3 dimensions; half of the games in whole numbers."""
    rng = np.random.default_rng(seed)
    kind = polytopes.KINDS[seed % len(polytopes.KINDS)]
    polytope = polytopes.random_polytope(rng, kind, 2 + seed % 2)
    actions = 2 + int(rng.integers(2))
    return polytopes.random_game(rng, polytope, 1, 2, actions, seed % 4 < 2, repeat=seed % 3 == 0)


@pytest.mark.parametrize("seed", range(14))
def test_regions_are_those_of_fractions(seed: int, enumerate_regions: Any) -> None:
    game = drawn(seed)
    expected = reference.exact(np.asarray(game.follower), game.strategies)
    found = by_map(enumerate_regions(game))
    assert found.keys() == expected.keys()
    for response, (vertices, full) in expected.items():
        assert found[response][1] == full
        in_order = np.array([[float(entry) for entry in x] for x in sorted(vertices, reverse=True)])
        np.testing.assert_allclose(found[response][0], in_order, rtol=0, atol=1e-9)
    robust = by_map(enumerate_regions(game, ties="robust"))
    assert robust.keys() == {response for response, (_, full) in expected.items() if full}


@pytest.mark.parametrize("seed", range(14, 21))
def test_regions_are_those_of_linear_programs(seed: int) -> None:
    game = drawn(seed)
    expected = reference.search(np.asarray(game.follower), game.strategies)
    found = {response: full for response, (_, full) in by_map(js.enumerate_regions(game)).items()}
    assert found == expected
    types = js.IndependentTypes([[0.25, 0.75]])
    best = reference.optimum(game, types, expected)
    assert js.solve(game, types).value == pytest.approx(best, abs=1e-7)


def test_a_reference_that_forgets_a_facet_is_told() -> None:
    game = drawn(1)
    polytope = game.strategies
    assert polytope is not None

    class Wider:
        G, h, E, f = polytope.G, polytope.h + 0.5, polytope.E, polytope.f

    expected = reference.exact(np.asarray(game.follower), Wider)
    found = by_map(js.enumerate_regions(game))
    assert any(
        response not in found
        or len(vertices) != len(found[response][0])
        or not np.allclose(
            sorted(map(list, found[response][0])), sorted([float(e) for e in x] for x in vertices)
        )
        for response, (vertices, _) in expected.items()
    )
