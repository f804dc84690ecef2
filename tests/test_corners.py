"""Both ways to enumerate regions, from corners and by clipping, give one table."""

from __future__ import annotations

import numpy as np
import pytest

from jaxstack.game import Game
from jaxstack.payoffs import SeparablePayoff
from jaxstack.regions import (
    RegionTable,
    assembly,
    clipping,
    corners,
    enumerate_regions,
    lines,
    meeting,
    products,
)
from tests import games

pytestmark = pytest.mark.once

CASES = [
    *games.random_games(40, seed=5),
    *games.degenerate_games(66, seed=5),
    *games.random_games(
        6, seed=6, shapes=((3, 4, 5, 3), (4, 3, 3, 4), (5, 2, 2, 3), (6, 2, 2, 2), (1, 2, 2, 3))
    ),
    *games.degenerate_games(22, seed=6, shapes=((3, 2, 3, 3), (4, 2, 2, 3), (5, 2, 2, 2), (6, 1, 2, 3))),
]


def game_of(follower: np.ndarray) -> Game:
    n, _, L, A = follower.shape
    return Game(SeparablePayoff(np.zeros((n, L, A))), follower)


def by_clipping(monkeypatch: pytest.MonkeyPatch, game, **options) -> RegionTable:
    with monkeypatch.context() as patch:
        patch.setattr(clipping, "from_corners", lambda *_: None)
        return enumerate_regions(game, **options)


def from_corners(monkeypatch: pytest.MonkeyPatch, game, **options) -> RegionTable:
    with monkeypatch.context() as patch:
        patch.setattr(clipping, "_from_clipping", lambda *_: pytest.fail("clipped"))
        return enumerate_regions(game, **options)


def assert_same(a: RegionTable, b: RegionTable) -> None:
    for field in ("responses", "vertex_mask", "region_mask", "full_dimensional", "num_regions"):
        np.testing.assert_array_equal(getattr(a, field), getattr(b, field), err_msg=field)
        assert getattr(a, field).dtype == getattr(b, field).dtype
    np.testing.assert_allclose(a.vertices, b.vertices, rtol=0, atol=1e-9)


@pytest.mark.parametrize("ties", ["optimistic", "robust"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_both_ways_agree(case: games.Case, ties: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = from_corners(monkeypatch, case.game, ties=ties)
    assert_same(found, by_clipping(monkeypatch, case.game, ties=ties))


@pytest.mark.parametrize("shape", [(3, 5, 20, 2), (3, 4, 10, 5), (4, 3, 4, 5), (2, 30, 10, 3)])
def test_both_ways_agree_on_larger_games(shape: games.Shape, monkeypatch: pytest.MonkeyPatch) -> None:
    # More than one word per code, more than one block, and (A > 3) ties that are hidden everywhere.
    L, n, K, A = shape
    game = game_of(np.random.default_rng(A).uniform(-1, 1, (n, K, L, A)))
    assert_same(from_corners(monkeypatch, game), by_clipping(monkeypatch, game))


def test_both_ways_agree_on_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    follower = np.random.default_rng(0).integers(0, 3, (70, 2, 17, 3, 2)) + 0.0  # two words with the game
    follower[::2] += np.random.default_rng(1).uniform(size=follower[::2].shape)
    batch = [game_of(f) for f in follower]
    assert_same(
        from_corners(monkeypatch, batch[::2]),
        by_clipping(monkeypatch, batch[::2]),
    )
    few = [game_of(f[:, :3]) for f in follower]
    for ties in ("optimistic", "robust"):
        found = from_corners(monkeypatch, few, ties=ties)
        assert_same(found, by_clipping(monkeypatch, few, ties=ties))


@pytest.mark.parametrize("ties", ["optimistic", "robust"])
def test_what_is_dropped_holds_no_vertex(ties: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for case in CASES:
        tables = []
        for few in (0, 2**60):  # lines first, and all choices of hyperplanes
            monkeypatch.setattr(lines, "FEW", few)
            tables.append(from_corners(monkeypatch, case.game, ties=ties))
        assert_same(*tables)
        assert np.abs(tables[0].vertices - tables[1].vertices).max() <= 1e-15, case.name


@pytest.mark.parametrize(("L", "scale"), [(3, 0), (3, 3), (4, 0), (4, 3), (4, 10), (5, 3)])
def test_what_is_dropped_in_batches_holds_no_vertex(
    L: int, scale: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Payoffs 0, 1/10, .. are no whole numbers, and nearly tie where they tie.
    follower = np.random.default_rng(L).uniform(size=(20, 2, 2, L, 3))
    batch = [game_of(np.round(scale * f) / 10 if scale else f) for f in follower]
    monkeypatch.setattr(lines, "FEW", 2**60)
    everywhere = from_corners(monkeypatch, batch)
    monkeypatch.setattr(lines, "FEW", 0)
    assert_same(from_corners(monkeypatch, batch), everywhere)


def test_most_lines_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    expand = lines._expand
    monkeypatch.setattr(lines, "_expand", lambda *args: counts.append(args[0][0].size) or expand(*args))
    game = game_of(np.random.default_rng(0).uniform(size=(4, 4, 4, 3)))
    assert enumerate_regions(game).num_regions > 400
    assert sum(counts) < 3_500  # of 22,100 choices of three hyperplanes out of 52


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    game = game_of(np.random.default_rng(2).uniform(-1, 1, (3, 4, 4, 3)))
    before = enumerate_regions(game)
    monkeypatch.setattr(lines, "BLOCK", 50)
    monkeypatch.setattr(products, "_BLOCK", 7)
    monkeypatch.setattr(assembly, "_BLOCK", 5_000)
    assert_same(before, enumerate_regions(game))


def test_keys_that_differ_in_low_bits_alone_are_told_apart() -> None:
    key = np.random.default_rng(0).integers(5, size=1_000).astype(np.uint64)
    order, first = products._grouped(key)
    np.testing.assert_array_equal(order, np.argsort(key, kind="stable"))
    np.testing.assert_array_equal(key[order[first[:-1]]], np.arange(5))
    assert first[-1] == 1_000


@pytest.mark.parametrize(("noise", "penalty"), [(1e-10, 0.0), (1e-8, 0.0), (1e-6, 0.0), (1e-5, 1e3)])
def test_both_ways_agree_on_near_ties(noise: float, penalty: float, monkeypatch: pytest.MonkeyPatch) -> None:
    # Clipping has a tolerance near rounding, and so sees near-ties of more than that as they are.
    rng = np.random.default_rng(8)
    follower = rng.integers(3, size=(40, 2, 2, 3, 2)) + noise * rng.normal(size=(40, 2, 2, 3, 2))
    follower -= penalty * (rng.uniform(size=follower.shape) < 1 / 8)
    batch = [game_of(f) for f in follower]
    for ties in ("optimistic", "robust"):
        found = from_corners(monkeypatch, batch, ties=ties)
        other = by_clipping(monkeypatch, batch, ties=ties)
        for field in ("responses", "full_dimensional", "num_regions"):
            np.testing.assert_array_equal(getattr(found, field), getattr(other, field), err_msg=field)
        assert (found.vertex_mask.sum(axis=2) == other.vertex_mask.sum(axis=2)).mean() > 0.99


def test_points_that_all_need_exact_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    # Every type twice: no point is made from the only hyperplanes that meet there.
    follower = np.random.default_rng(6).uniform(-1, 1, (1, 2, 2, 3))
    game, twice = game_of(follower[:, :1]), game_of(follower[:, [0, 0]])
    once = from_corners(monkeypatch, game, ties="robust")
    assert_same(from_corners(monkeypatch, twice), by_clipping(monkeypatch, twice))
    found = from_corners(monkeypatch, twice, ties="robust")
    np.testing.assert_array_equal(found.vertices, once.vertices)
    np.testing.assert_array_equal(found.responses, once.responses[:, :, [0, 0]])


def test_too_much_to_decide_exactly_is_clipped(monkeypatch: pytest.MonkeyPatch) -> None:
    game = game_of(np.random.default_rng(7).uniform(-1, 1, (1, 4, 3, 2))[:, [0, 1, 2, 3, 0, 1]])
    before = from_corners(monkeypatch, game)
    monkeypatch.setattr(meeting, "MAX_EXACT", 10)
    with pytest.raises(pytest.fail.Exception, match="clipped"):
        from_corners(monkeypatch, game)
    assert_same(before, enumerate_regions(game))


@pytest.mark.parametrize("limit", ["MAX_WORK", "MAX_PAIRS"])
def test_too_much_to_try_is_clipped(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    game = game_of(np.random.default_rng(3).uniform(-1, 1, (2, 2, 3, 3)))
    before = enumerate_regions(game)
    monkeypatch.setattr(corners, limit, 0)
    with pytest.raises(pytest.fail.Exception, match="clipped"):
        from_corners(monkeypatch, game)
    assert_same(before, enumerate_regions(game))


def test_what_a_sample_says_of_the_regions_tells_whether_to_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corners, "MAX_WORK", 0)
    monkeypatch.setattr(clipping, "LARGE", 0)
    few, many = (game_of(np.random.default_rng(3).uniform(-1, 1, (1, 2, L, 3))) for L in (6, 7))
    from_corners(monkeypatch, few)
    with pytest.raises(pytest.fail.Exception, match="clipped"):
        from_corners(monkeypatch, many)
    monkeypatch.setattr(corners, "PER_REGION", 10)
    with pytest.raises(pytest.fail.Exception, match="clipped"):
        from_corners(monkeypatch, few)


def test_hyperplanes_through_one_point_are_clipped_when_robust() -> None:
    # 25 indifferences meet in the centre: 2^25 response maps there, but only 50 full-dimensional regions.
    normals = np.random.default_rng(4).integers(-1000, 1000, size=(1, 25, 3)).astype(float)
    normals[..., 2] = -normals[..., :2].sum(axis=2)
    game = game_of(np.stack([normals, np.zeros_like(normals)], axis=3))
    assert enumerate_regions(game, ties="robust").num_regions == 50
    with pytest.raises(ValueError, match=r"at least 33,554,432 so far"):
        enumerate_regions(game)


@pytest.mark.parametrize("num_actions", [1, 2, 3, 5, 17, 200, 300])
@pytest.mark.parametrize("num_games", [1, 70_000])
def test_codes_keep_order_and_content(num_actions: int, num_games: int) -> None:
    rng = np.random.default_rng(num_actions)
    codec = assembly.Codec(num_games, 37, num_actions)
    responses = rng.integers(num_actions, size=(50, 37)).astype(np.int8 if num_actions <= 127 else np.int16)
    responses[25:, :30] = responses[:25, :30]
    game = rng.integers(num_games, size=50)
    codes = codec.pack(game, responses)
    assert codes.shape == (50, codec.num_pieces)
    assert codec.pack(game[:0], responses[:0]).shape == (0, codec.num_pieces)
    assert codec.num_pieces % 4 == 0
    for packed, original in zip(codec.unpack(codes), (game, responses), strict=True):
        np.testing.assert_array_equal(packed, original)
        assert packed.dtype == original.dtype
    rows = [(g, *r) for g, r in zip(game.tolist(), responses.tolist(), strict=True)]
    order = sorted(range(50), key=rows.__getitem__)
    assert sorted(range(50), key=codes.tolist().__getitem__) == order
    piece, shift = codec.place(np.arange(37))
    np.testing.assert_array_equal(codes[:, piece] >> shift & (2**codec.bits - 1), responses)
