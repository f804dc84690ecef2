"""Region enumeration against hand-worked games, LPs, exact arithmetic and reductions."""

from __future__ import annotations

import dataclasses
import itertools
import re

import numpy as np
import pytest

from jaxstack import memory
from jaxstack.game import Game, best_response_sets, stack, unstack
from jaxstack.payoffs import TabularPayoff
from jaxstack.regions import RegionTable, clipping, corners, enumerate_regions, estimate_regions
from tests import games
from tests.reference import regions as reference

pytestmark = pytest.mark.once

RANDOM = list(games.random_games(200))
DEGENERATE = list(games.degenerate_games(121))
LARGER = [
    *games.random_games(4, seed=1, shapes=((4, 2, 3, 2), (5, 2, 2, 2), (4, 1, 2, 4), (3, 3, 2, 2))),
    *games.degenerate_games(11, seed=1, shapes=((4, 2, 2, 2), (5, 1, 3, 2), (3, 2, 2, 3), (4, 1, 2, 3))),
]


def name_of(case: games.Case) -> str:
    return case.name.replace(" ", "-")


def game_of(follower) -> Game:
    """A game with these follower payoffs [n, K, L, A] and a leader that earns nothing."""
    follower = np.asarray(follower, float)
    n, _, L, A = follower.shape
    return Game(TabularPayoff(np.zeros((L, *(A,) * n))), follower)


def contents(table: RegionTable) -> dict[tuple[int, ...], bool]:
    """Response map of every real region, True where it is full-dimensional."""
    responses = np.asarray(table.responses)[table.region_mask]
    full = np.asarray(table.full_dimensional)[table.region_mask]
    found = {tuple(map(int, r.ravel())): bool(f) for r, f in zip(responses, full, strict=True)}
    assert len(found) == len(responses) == table.num_regions, "a response map stands twice"
    return found


def vertices_of(table: RegionTable, region: int) -> np.ndarray:
    return np.asarray(table.vertices)[region][np.asarray(table.vertex_mask)[region]]


def assert_same_points(found: np.ndarray, expected: np.ndarray, tolerance: float = 1e-9) -> None:
    """The same set of points, in any order, each once."""
    assert len(found) == len(expected), f"{found.tolist()} against {expected.tolist()}"
    near = np.abs(found[:, None] - expected[None]).max(axis=2) <= tolerance
    assert (near.sum(axis=0) == 1).all(), f"{found.tolist()} against {expected.tolist()}"
    assert (near.sum(axis=1) == 1).all(), f"{found.tolist()} against {expected.tolist()}"


def assert_extreme(follower: np.ndarray, table: RegionTable, region: int) -> None:
    """Every vertex lies on L-1 independent hyperplanes of its region: no point within an edge or a face."""
    normals = reference.response_constraints(follower, table.responses[region].ravel())
    L = follower.shape[2]
    rows = np.vstack([normals, np.eye(L)])
    for vertex in vertices_of(table, region):
        tight = rows[np.abs(rows @ vertex) <= 1e-8]
        assert np.linalg.matrix_rank(np.vstack([np.ones(L), tight]), 1e-7) == L


def assert_same_table(a: RegionTable, b: RegionTable, tolerance: float = 0.0) -> None:
    for field in dataclasses.fields(RegionTable):
        x, y = getattr(a, field.name), getattr(b, field.name)
        if field.name == "vertices":
            np.testing.assert_allclose(x, y, rtol=0, atol=tolerance)
        else:
            np.testing.assert_array_equal(x, y, err_msg=field.name)


# Hand-worked games ---------------------------------------------------------------------------------


def test_one_breakpoint() -> None:
    # Action 0 pays 1 against leader action 0, action 1 pays 3 against leader action 1: a tie at (3/4, 1/4).
    follower = np.array([[[[1, 0], [0, 3]]]])
    table = enumerate_regions(game_of(follower))
    assert table.responses.tolist() == [[[0]], [[1]]]
    np.testing.assert_allclose(table.vertices, [[[1, 0], [0.75, 0.25]], [[0.75, 0.25], [0, 1]]], atol=1e-15)
    assert table.vertex_mask.all()
    assert table.region_mask.all()
    assert table.full_dimensional.all()
    assert table.num_regions == 2
    assert reference.search(follower) == {(0,): True, (1,): True}
    assert reference.exact(follower)[0,].vertices == [(1, 0), (0.75, 0.25)]


def test_three_quadrilaterals_round_the_centre() -> None:
    follower = np.eye(3)[None, None]  # action a pays x_a: it is best where x_a is largest
    table = enumerate_regions(game_of(follower))
    third, half = 1 / 3, 1 / 2
    expected = [
        [[1, 0, 0], [half, half, 0], [half, 0, half], [third, third, third]],
        [[half, half, 0], [third, third, third], [0, 1, 0], [0, half, half]],
        [[half, 0, half], [third, third, third], [0, half, half], [0, 0, 1]],
    ]
    assert table.responses.ravel().tolist() == [0, 1, 2]
    np.testing.assert_allclose(table.vertices, expected, atol=1e-15)
    assert contents(table) == reference.search(follower)


def test_flat_region_counts_only_when_optimistic() -> None:
    # Action 0 is at least as good everywhere and ties against leader action 1 alone.
    follower = np.array([[[[1, 0], [0, 0]]]])
    table = enumerate_regions(game_of(follower))
    assert contents(table) == {(0,): True, (1,): False}
    assert contents(table) == reference.search(follower)
    assert vertices_of(table, 1).tolist() == [[0, 1]]
    robust = enumerate_regions(game_of(follower), ties="robust")
    assert contents(robust) == {(0,): True}
    assert (table.ties, robust.ties) == ("optimistic", "robust")


@pytest.mark.parametrize("ties", ["optimistic", "robust"])
def test_equal_actions_give_equal_regions(ties: str) -> None:
    follower = np.full((2, 1, 3, 2), 0.1)
    table = enumerate_regions(game_of(follower), ties=ties)
    assert contents(table) == dict.fromkeys([(0, 0), (0, 1), (1, 0), (1, 1)], True)
    for region in range(4):
        assert vertices_of(table, region).tolist() == np.eye(3).tolist()


def test_flat_region_between_two_others() -> None:
    # Action 2 pays half of each: it only ties, where x = (1/2, 1/2).
    follower = np.array([[[[1, 0, 0.5], [0, 1, 0.5]]]])
    table = enumerate_regions(game_of(follower))
    assert contents(table) == {(0,): True, (1,): True, (2,): False}
    np.testing.assert_allclose(vertices_of(table, 2), [[0.5, 0.5]])
    assert contents(enumerate_regions(game_of(follower), ties="robust")) == {(0,): True, (1,): True}


def test_one_leader_action_is_a_point() -> None:
    follower = np.array([[[[1.0, 2.0, 2.0]]], [[[0.0, 0.0, -1.0]]]])  # n = 2, K = 1, L = 1, A = 3
    expected = dict.fromkeys([(1, 0), (1, 1), (2, 0), (2, 1)], True)
    for ties in ("optimistic", "robust"):
        table = enumerate_regions(game_of(follower), ties=ties)
        assert contents(table) == expected
        assert table.vertices[table.vertex_mask].ravel().tolist() == [1.0] * 4
    assert reference.search(follower) == expected


# References ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", RANDOM + DEGENERATE + LARGER, ids=name_of)
def test_regions_equal_both_references(case: games.Case) -> None:
    follower = np.asarray(case.game.follower)
    by_lp, exact = reference.search(follower), reference.exact(follower)
    assert by_lp == {response: region.full_dimensional for response, region in exact.items()}
    expected = {"optimistic": by_lp, "robust": {response: full for response, full in by_lp.items() if full}}
    for ties, regions in expected.items():
        table = enumerate_regions(case.game, ties=ties)
        assert contents(table) == regions
        for region, response in enumerate(table.responses):
            corners = np.array(exact[tuple(map(int, response.ravel()))].vertices, float)
            assert_same_points(vertices_of(table, region), corners)
    if case in RANDOM:
        assert all(by_lp.values()), "a game in general position has full-dimensional regions only"


@pytest.mark.parametrize("case", RANDOM[::8] + DEGENERATE[::6] + LARGER[::5], ids=name_of)
def test_best_vertex_of_every_region_is_the_lp_optimum(case: games.Case) -> None:
    follower, rng = np.asarray(case.game.follower), np.random.default_rng(0)
    table = enumerate_regions(case.game)
    for region in rng.permutation(len(table.responses))[:12]:
        objective = rng.normal(size=follower.shape[2])
        expected = reference.maximise(follower, table.responses[region].ravel(), objective)
        assert (vertices_of(table, region) @ objective).max() == pytest.approx(expected, abs=1e-8)


def test_degenerate_games_are_degenerate() -> None:
    # Otherwise the comparisons above would say little.
    flat = [not all(contents(enumerate_regions(case.game)).values()) for case in DEGENERATE]
    assert sum(flat) >= 60
    kinds = {case.name.split()[2] for case, is_flat in zip(DEGENERATE, flat, strict=True) if is_flat}
    assert kinds >= {"integer_payoffs", "binary_payoffs", "through_vertices", "through_centre", "large_scale"}
    assert kinds >= {"dominated_action", "small_scale"}


# Near-ties ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [20, 37])
def test_a_tie_with_a_third_action_does_not_pass_for_another(seed: int) -> None:
    # Of three actions two tie, where the third is within rounding of one of them, but not of the other.
    rng = np.random.default_rng(seed)
    follower = rng.integers(3, size=(1, 2, 5, 3)) + 1e-5 * rng.normal(size=(1, 2, 5, 3))
    follower -= 1e3 * (rng.random(follower.shape) < 1 / 6)
    exact = reference.exact(follower)
    table = enumerate_regions(game_of(follower))
    assert contents(table) == {response: region.full_dimensional for response, region in exact.items()}
    for region, response in enumerate(table.responses):
        expected = np.array(exact[tuple(map(int, response.ravel()))].vertices, float)
        assert_same_points(vertices_of(table, region), expected, 1e-12)


@pytest.mark.parametrize("noise", [1e-15, 1e-13, 1e-11, 1e-9, 1e-7, 1e-5])
@pytest.mark.parametrize("penalty", [0.0, 1e12])
def test_regions_of_nearly_tied_payoffs_are_exact(noise: float, penalty: float) -> None:
    # Whole payoffs tie in plenty; noise moves each tie by next to nothing, and the regions are still those of
    # exact arithmetic: none too few or too many, no vertex lost or merged with another.
    for seed, shape in enumerate([(3, 2, 2, 2), (3, 2, 2, 2), (3, 1, 2, 3), (2, 2, 2, 3), (4, 2, 1, 2)]):
        L, n, K, A = shape
        rng = np.random.default_rng([seed, 3])
        follower = rng.integers(3, size=(n, K, L, A)) + noise * rng.normal(size=(n, K, L, A))
        follower -= penalty * (rng.uniform(size=follower.shape) < 1 / 6)
        exact = reference.exact(follower)
        table = enumerate_regions(game_of(follower))
        assert contents(table) == {response: region.full_dimensional for response, region in exact.items()}
        for region, response in enumerate(table.responses):
            expected = np.array(exact[tuple(map(int, response.ravel()))].vertices, float)
            found = vertices_of(table, region)
            assert len(found) == len(expected)
            distance = np.abs(found[:, None] - expected).max(axis=2)  # some are 1e-13 apart
            assert max(distance.min(axis=0).max(), distance.min(axis=1).max()) <= 1e-13
        # Whoever looks at a vertex sees the ties there, though its coordinates are rounded.
        for region, response in enumerate(table.responses):
            for vertex in vertices_of(table, region):
                best = np.asarray(best_response_sets(game_of(follower), vertex))
                assert np.take_along_axis(best, response[..., None].astype(int), axis=2).all()


@pytest.mark.parametrize("gap", [1e-10, 2.0**-52, 0.0, -(2.0**-52), -1e-10])
def test_a_thin_region_is_full_dimensional_and_a_line_is_not(gap: float) -> None:
    # Type 0 plays 0 where x_0 >= x_1, type 1 where x_1 >= (1 - gap) x_0: a sliver, a line, or a point.
    follower = np.array([[[[1, 0], [0, 1], [0, 0]], [[0, 1 - gap], [1, 0], [0, 0]]]])
    table = enumerate_regions(game_of(follower))
    assert contents(table)[0, 0] == (gap > 0)
    assert table.vertex_mask[0].sum() == (3 if gap > 0 else 2 if gap == 0 else 1)
    assert ((0, 0) in contents(enumerate_regions(game_of(follower), ties="robust"))) == (gap > 0)


# Properties of the table --------------------------------------------------------------------------


@pytest.mark.parametrize("case", RANDOM[::4] + DEGENERATE[::3] + LARGER, ids=name_of)
def test_order_padding_and_membership(case: games.Case) -> None:
    follower = np.asarray(case.game.follower)
    table = enumerate_regions(case.game)
    R, V, L = table.vertices.shape
    assert table.responses.shape == (R, *follower.shape[:2])
    assert table.vertex_mask.shape == (R, V)
    assert (table.padded_regions, table.padded_vertices, table.num_games) == (R, V, None)
    assert table.vertices.dtype == np.float64
    assert table.responses.dtype == np.int8

    assert table.region_mask.all()
    maps = [tuple(response.ravel()) for response in table.responses]
    assert maps == sorted(maps)
    np.testing.assert_allclose(table.vertices.sum(axis=2), 1, atol=1e-12)
    assert table.vertices.min() >= -1e-12
    for region in range(R):
        count = table.vertex_mask[region].sum()
        assert table.vertex_mask[region, :count].all(), "real vertices come first"
        assert (table.vertices[region, count:] == table.vertices[region, 0]).all(), (
            "padding repeats the first vertex"
        )
        corners = [tuple(vertex) for vertex in vertices_of(table, region).round(9)]
        assert corners == sorted(corners, reverse=True)
        normals = reference.response_constraints(follower, table.responses[region].ravel())
        assert (normals @ vertices_of(table, region).T).min(initial=0) >= -2e-9
        assert_extreme(follower, table, region)
        assert table.full_dimensional[region] == (
            np.linalg.matrix_rank(vertices_of(table, region), 1e-7) == L
        )


@pytest.mark.parametrize("seed", range(4))
def test_two_leader_actions_are_a_sort_of_breakpoints(seed: int) -> None:
    follower = np.random.default_rng(seed).uniform(-1, 1, (3, 4, 2, 3))
    breakpoints = set()
    for payoffs in follower.reshape(
        -1, 2, 3
    ):  # payoff at x = (p, 1 - p): p * payoffs[0] + (1 - p) * payoffs[1]
        for a, b in itertools.combinations(range(3), 2):
            slope = (payoffs[0, a] - payoffs[1, a]) - (payoffs[0, b] - payoffs[1, b])
            p = (payoffs[1, b] - payoffs[1, a]) / slope
            at_p = p * payoffs[0] + (1 - p) * payoffs[1]
            if 0 < p < 1 and at_p[a] >= at_p.max() - 1e-12:
                breakpoints.add(p)
    table = enumerate_regions(game_of(follower))
    assert table.num_regions == len(breakpoints) + 1
    corners = np.unique(table.vertices[table.vertex_mask][:, 0].round(10))
    np.testing.assert_allclose(corners, sorted({0.0, 1.0, *breakpoints}), atol=1e-9)


@pytest.mark.parametrize("shape", [(4, 3, 3, 3), (3, 2, 20, 3), (6, 2, 3, 2), (2, 5, 30, 4)])
def test_larger_games_cover_the_simplex(shape: games.Shape) -> None:
    L, n, K, A = shape
    rng = np.random.default_rng(L)
    follower = rng.uniform(-1, 1, (n, K, L, A))
    table = enumerate_regions(game_of(follower))
    known = set(contents(table))
    for x in rng.dirichlet(np.ones(L), size=1500):
        assert tuple(map(int, np.einsum("l,nkla->nka", x, follower).argmax(axis=2).ravel())) in known
    for region, response in enumerate(table.responses):
        centre = vertices_of(table, region).mean(axis=0)
        payoffs = np.einsum("l,nkla->nka", centre, follower)
        np.testing.assert_array_equal(payoffs.argmax(axis=2), response)
    assert table.full_dimensional.all()


def comparisons(pairs: list[tuple[int, int]], num_leader_actions: int) -> np.ndarray:
    """One type per pair (a, b): action 0 pays x_a, action 1 pays x_b."""
    follower = np.zeros((1, len(pairs), num_leader_actions, 2))
    for k, (a, b) in enumerate(pairs):
        follower[0, k, a, 0] = follower[0, k, b, 1] = 1
    return follower


CYCLE = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)]


@pytest.mark.parametrize(
    ("pairs", "num_leader_actions", "acyclic_orientations"),
    [
        (list(itertools.combinations(range(4), 2)), 4, 24),  # orders of four
        (CYCLE, 6, 2**6 - 2),
        (list(itertools.product(range(2), range(2, 5))), 5, 46),  # complete bipartite graphs:
        (list(itertools.product(range(3), range(3, 6))), 6, 230),  # poly-Bernoulli numbers
    ],
)
def test_comparisons_of_coordinates_count_acyclic_orientations(
    pairs: list[tuple[int, int]], num_leader_actions: int, acyclic_orientations: int
) -> None:
    # Regions are orders of the coordinates as far as the pairs compare them, and all meet in the centre. In
    # the last game corners that are no neighbours share as many hyperplanes as neighbours do.
    follower = comparisons(pairs, num_leader_actions)
    table = enumerate_regions(game_of(follower), ties="robust")
    assert table.num_regions == acyclic_orientations
    optimistic = enumerate_regions(game_of(follower))
    assert optimistic.num_regions == 2 ** len(pairs), "in the centre everything ties"
    assert optimistic.full_dimensional.sum() == acyclic_orientations
    for region in range(acyclic_orientations):
        assert_extreme(follower, table, region)
    if len(pairs) <= 6:
        exact = reference.exact(follower)
        for region, response in enumerate(optimistic.responses):
            corners = np.array(exact[tuple(map(int, response.ravel()))].vertices, float)
            assert_same_points(vertices_of(optimistic, region), corners)


def test_responses_beyond_a_byte_stay_in_order() -> None:
    # Action a is the tangent of the parabola p^2 at its own point: each of them is best somewhere.
    at = (np.arange(300) + 0.5) / 300
    follower = np.stack([2 * at - at**2, -(at**2)])[None, None]
    table = enumerate_regions(game_of(follower))
    assert table.responses.dtype == np.int16
    assert table.responses.ravel().tolist() == list(range(300))
    np.testing.assert_allclose(table.vertices[1:, 1, 0], np.arange(1, 300) / 300, atol=1e-9)


@pytest.mark.parametrize("num_leader_actions", [3, 4])
def test_region_with_more_than_64_facets_and_more_than_127_actions(num_leader_actions: int) -> None:
    # Action a > 0 beats action 0 beyond a tangent plane of a ball round the centre of the simplex.
    rng = np.random.default_rng(num_leader_actions)
    radius, num_actions = 0.1, 141
    directions = rng.normal(size=(num_leader_actions, num_actions - 1))
    directions -= directions.mean(axis=0)
    directions /= np.linalg.norm(directions, axis=0)
    follower = np.zeros((1, 1, num_leader_actions, num_actions))
    follower[0, 0, :, 1:] = directions - radius  # <d, x> - radius, since the entries of x sum to 1
    table = enumerate_regions(game_of(follower))
    assert table.responses.dtype == np.int16
    assert table.responses.ravel().tolist() == list(range(num_actions)), "every tangent plane is a facet"
    normals = reference.response_constraints(follower, [0])
    corners = vertices_of(table, 0)
    on_facet = np.abs(corners @ normals.T) <= 1e-9
    assert (on_facet.sum(axis=0) >= num_leader_actions - 1).all()
    if num_leader_actions == 4:  # Euler: a simple polytope with F facets has 2 (F - 2) vertices
        assert len(corners) == 2 * (num_actions - 1 - 2)
    for objective in rng.normal(size=(5, num_leader_actions)):
        for region in (0, 1, 140):
            expected = reference.maximise(follower, [region], objective)
            assert (vertices_of(table, region) @ objective).max() == pytest.approx(expected, abs=1e-8)


# Batches ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ties", ["optimistic", "robust"])
@pytest.mark.parametrize("shape", [(3, 2, 2, 2), (2, 1, 2, 3), (4, 1, 2, 2)])
def test_batch_equals_single_games(shape: games.Shape, ties: str) -> None:
    # Tabular payoffs throughout, so that the games can be stacked; unequal numbers of regions.
    cases = [*games.random_games(4, 2, (shape,)), *games.degenerate_games(11, 2, (shape,))]
    single_games = [game_of(case.game.follower) for case in cases]
    batch = enumerate_regions(stack(single_games), ties=ties)
    assert_same_table(batch, enumerate_regions(single_games, ties=ties))
    assert batch.num_games == len(single_games)
    assert len(set(batch.num_regions.tolist())) > 1
    for index, game in enumerate(single_games):
        one, row = enumerate_regions(game, ties=ties), unstack(batch, index)
        R, V = one.vertex_mask.shape
        assert one.num_regions == row.num_regions == R
        for name in ("responses", "vertices", "vertex_mask", "region_mask", "full_dimensional"):
            padded = getattr(row, name)
            own = padded[:R, :V] if name in ("vertices", "vertex_mask") else padded[:R]
            np.testing.assert_array_equal(own, getattr(one, name), err_msg=name)
        assert not row.region_mask[R:].any()
        assert not row.vertex_mask[R:].any()
        assert not row.vertex_mask[:, V:].any()


def test_batch_of_one_keeps_its_axis() -> None:
    table = enumerate_regions([game_of(np.eye(2)[None, None])])
    assert table.num_games == 1
    assert table.vertices.shape == (1, 2, 2, 2)


# Reductions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", RANDOM[::20] + DEGENERATE[::4], ids=name_of)
@pytest.mark.parametrize("scale", [0.25, 2.0**-300, 2.0**300])
def test_scaled_payoffs_change_nothing(case: games.Case, scale: float) -> None:
    scaled = dataclasses.replace(case.game, follower=scale * np.asarray(case.game.follower))
    assert_same_table(enumerate_regions(case.game), enumerate_regions(scaled))


@pytest.mark.parametrize("case", [c for c in DEGENERATE[::3] if "scale" not in c.name], ids=name_of)
@pytest.mark.parametrize(("scale", "offset"), [(3.0, 0), (1.0, 10**9), (7.0, 10**12)])
def test_shifted_whole_numbers_change_nothing(case: games.Case, scale: float, offset: int) -> None:
    # Whole payoffs, so that neither multiplying nor adding rounds: then not a bit of the table may change.
    follower = 2 * np.asarray(case.game.follower)
    rng = np.random.default_rng(0)
    per_state = offset * rng.integers(-3, 4, (*follower.shape[:3], 1))  # the same for every action
    before = enumerate_regions(case.game)
    after = enumerate_regions(dataclasses.replace(case.game, follower=scale * follower + per_state))
    assert_same_table(before, after)


@pytest.mark.parametrize("case", RANDOM[2:40:5] + DEGENERATE[2:60:5], ids=name_of)
def test_permuted_followers_types_actions_and_leader_actions(case: games.Case) -> None:
    follower, rng = np.asarray(case.game.follower), np.random.default_rng(1)
    n, K, L, A = follower.shape
    i, k, row, a = (rng.permutation(size) for size in (n, K, L, A))
    before = enumerate_regions(game_of(follower))
    after = enumerate_regions(game_of(follower[np.ix_(i, k, row, a)]))
    original = {tuple(response.ravel()): region for region, response in enumerate(before.responses)}
    assert after.num_regions == before.num_regions
    for region, response in enumerate(after.responses):
        unpermuted = np.empty((n, K), int)
        unpermuted[np.ix_(i, k)] = a[response]
        match = original[tuple(unpermuted.ravel())]
        assert after.full_dimensional[region] == before.full_dimensional[match]
        assert_same_points(vertices_of(after, region), vertices_of(before, match)[:, row])


@pytest.mark.parametrize("case", RANDOM[1:60:6] + DEGENERATE[1:40:4], ids=name_of)
def test_duplicated_types_change_nothing(case: games.Case) -> None:
    follower = np.asarray(case.game.follower)[:, :, :, :2]
    K = follower.shape[1]
    before = enumerate_regions(game_of(follower))
    after = enumerate_regions(game_of(np.concatenate([follower, follower[:, :1]], axis=1)))
    # The original and its copy agree, except where they are indifferent.
    assert {tuple(response[:, :K].ravel()) for response in after.responses} == {
        tuple(response.ravel()) for response in before.responses
    }
    agree = (after.responses[:, :, 0] == after.responses[:, :, K]).all(axis=1)
    assert agree.sum() == before.num_regions
    for region, response in zip(np.flatnonzero(agree), before.responses, strict=True):
        np.testing.assert_array_equal(after.responses[region, :, :K], response)
    at_one = np.argmax(before.vertex_mask.sum(axis=1))
    assert_same_points(vertices_of(after, np.flatnonzero(agree)[at_one]), vertices_of(before, at_one))


@pytest.mark.parametrize("much", [1.0, 1e4, 1e12])
def test_a_useless_action_changes_nothing(much: float) -> None:
    follower = np.asarray(RANDOM[3].game.follower)
    worse = follower.min(axis=3, keepdims=True) - much
    before = enumerate_regions(game_of(follower))
    after = enumerate_regions(game_of(np.concatenate([follower, worse], axis=3)))
    assert_same_table(before, after)


def test_actions_are_equal_only_where_they_are() -> None:
    payoffs = np.array([0.1 + 0.2, 0.3])  # differ in the last bit: the first action is better everywhere
    follower = np.broadcast_to(payoffs, (1, 1, 3, 2))
    for ties in ("optimistic", "robust"):
        assert contents(enumerate_regions(game_of(follower), ties=ties)) == {(0,): True}


# Errors -------------------------------------------------------------------------------------------


def test_too_many_regions() -> None:
    game = game_of(np.zeros((2, 4, 2, 2)))  # everything ties: 2^8 regions
    assert enumerate_regions(game, max_regions=256).num_regions == 256
    with pytest.raises(ValueError, match=r"more than max_regions = 255 best-response regions") as error:
        enumerate_regions(game, max_regions=255)
    text = str(error.value)
    so_far = int(re.search(r"at least ([\d,]+) so far", text)[1].replace(",", ""))
    assert 255 < so_far <= 256
    assert "about 260 or more by a sample" in text
    for remedy in ("Raise max_regions", "ties='robust'", "milp", "walk"):
        assert remedy in text
    assert "L=2, n=2, K=4, A=2" in text


def test_too_many_regions_are_noticed_early(monkeypatch: pytest.MonkeyPatch) -> None:
    # 60 lines cut the triangle into 393 cells. A few of the corners are enough to know of 20.
    game = game_of(np.random.default_rng(0).uniform(-1, 1, (1, 60, 3, 2)))
    looked_at = []
    meet = corners.meet

    def counting(some: corners.Corners, codec: object) -> object:
        looked_at.append(len(some.points))
        return meet(some, codec)

    monkeypatch.setattr(corners, "meet", counting)
    for ties in ("optimistic", "robust"):
        looked_at.clear()
        num_regions = enumerate_regions(game, ties=ties, max_regions=10_000).num_regions
        assert num_regions == 393
        all_of_them = looked_at.pop()
        with pytest.raises(ValueError, match="more than max_regions = 20 best-response regions: at least 2"):
            enumerate_regions(game, ties=ties, max_regions=20)
        assert len(looked_at) == 1
        assert looked_at[0] < all_of_them / 5


@pytest.mark.parametrize("shape", [(2, 1, 30, 3), (3, 2, 6, 2), (3, 2, 4, 3), (4, 2, 3, 3), (5, 2, 3, 2)])
def test_estimates_are_right_to_an_order_of_magnitude(shape: games.Shape) -> None:
    L, n, K, A = shape
    some = [game_of(np.random.default_rng(seed).uniform(-1, 1, (n, K, L, A))) for seed in range(4)]
    estimates, batch = [estimate_regions(game) for game in some], estimate_regions(stack(some))
    assert estimates == batch.tolist(), "the same every time, and game by game"
    exact = enumerate_regions(some).num_regions
    assert (exact / 3 < batch).all()
    assert (batch < exact * 1.5).all()
    assert np.corrcoef(batch, exact)[0, 1] > 0.5, "and depends on the game"


def test_what_cannot_fit_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    follower = np.random.default_rng(0).uniform(-1, 1, (3, 4, 12, 5))  # L = 12: 2^11 vertices per region
    monkeypatch.setattr(clipping, "_from_clipping", lambda *_: pytest.fail("worked"))
    monkeypatch.setattr(memory, "available_bytes", lambda: 2**34)
    with pytest.raises(
        MemoryError, match=r"about \d+,000 regions \(estimated .* 2,048 vertices .*'programs'"
    ):
        enumerate_regions(game_of(follower))
    with pytest.raises(
        ValueError, match=r"max_regions = 900 best-response regions: a sample .* about \d+,000"
    ):
        enumerate_regions(game_of(follower), max_regions=900)


def test_too_many_regions_names_the_game_of_a_batch() -> None:
    few, many = np.zeros((1, 2, 2, 2)), np.zeros((1, 2, 2, 2))
    few[..., 0] = 1
    with pytest.raises(ValueError, match=r"game 2 of the batch .* more than max_regions = 3 "):
        enumerate_regions([game_of(few), game_of(few), game_of(many)], max_regions=3)


def test_unknown_tie_rule_and_mixed_shapes() -> None:
    game = game_of(np.eye(2)[None, None])
    with pytest.raises(ValueError, match=r"Unknown tie rule 'optimist'. Did you mean 'optimistic'\?"):
        enumerate_regions(game, ties="optimist")
    with pytest.raises(ValueError, match="one number of leader actions"):
        enumerate_regions([game, game_of(np.eye(3)[None, None])])
    with pytest.raises(ValueError, match="max_regions must be a whole number"):
        enumerate_regions(game, max_regions=0)
