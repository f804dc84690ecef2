"""From a flat list of regions to the dense table in canonical order: what all ways to enumerate share."""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from jaxstack import memory
from jaxstack.game import Game, unstack
from jaxstack.regions.estimate import estimate_regions, in_words
from jaxstack.regions.table import RegionTable
from jaxstack.strategies.double_description import MAX_VERTICES

WORKING_COPIES = 4  # of vertices, per action, that clipping may hold at once
_PIECE = 16  # bits
_SAMPLES = 4096  # commitments, of a game that may be too large
_BLOCK = 2**20  # bytes of vertices written at once: they stay in the cache
_SMALL = 2**26  # bytes up to which the machine is not asked what it has free


@dataclasses.dataclass(frozen=True)
class Codec:
    """Packs (game, response map) into 16-bit pieces that compare, one after the other, like the pair itself.

    For two actions that is an eighth of the map's bytes, and most small games fit into one 64-bit word. An
    action takes 1, 2, 4, 8 or 16 bits, so that none straddles two pieces; rows are whole words.
    """

    num_games: int
    num_items: int  # n*K follower types, each with one response
    num_actions: int

    @functools.cached_property
    def bits(self) -> int:
        """Bits per action."""
        return 1 << (max(1, (self.num_actions - 1).bit_length()) - 1).bit_length()

    @functools.cached_property
    def game_pieces(self) -> int:
        """Leading pieces that hold the index of the game."""
        return 2 if self.num_games > 1 else 0

    @functools.cached_property
    def num_pieces(self) -> int:
        return -(-(self.game_pieces * _PIECE + self.num_items * self.bits) // 64) * 4

    def place(self, item: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The piece that holds the action of an item, and by how many bits it is shifted there."""
        piece, bit = np.divmod(item * self.bits, _PIECE)
        return piece + self.game_pieces, _PIECE - self.bits - bit

    def pack(self, game: np.ndarray, responses: np.ndarray) -> np.ndarray:
        """Codes [R, pieces] uint16 of games [R] and responses [R, n*K]."""
        codes = np.zeros((len(responses), self.num_pieces), np.uint16)
        pieces = codes[:, self.game_pieces :]
        if self.bits == 1:
            packed = np.packbits(responses.view(bool) if responses.itemsize == 1 else responses != 0, axis=1)
            padded = np.zeros((len(responses), 2 * pieces.shape[1]), np.uint8)
            padded[:, : packed.shape[1]] = packed
            pieces[:] = padded.view(">u2")
        else:
            digits = np.zeros((*pieces.shape, _PIECE // self.bits), np.uint16)
            digits.reshape(len(responses), pieces.shape[1] * digits.shape[2])[:, : self.num_items] = responses
            for place in range(digits.shape[2]):
                pieces |= digits[:, :, place] << np.uint16(_PIECE - self.bits * (place + 1))
        if self.game_pieces:
            codes[:, 0], codes[:, 1] = game >> _PIECE, game & (2**_PIECE - 1)
        return codes

    def unpack(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Games [R] int64 and responses [R, n*K] int8 (int16 when A > 127) of codes."""
        dtype = np.int8 if self.num_actions <= 127 else np.int16
        packed = codes[:, self.game_pieces :].astype(">u2").view(np.uint8)
        bits = np.unpackbits(packed, axis=1, count=self.num_items * self.bits).view(np.int8)
        planes = bits.reshape(len(codes), self.num_items, self.bits).astype(dtype, copy=False)
        responses: np.ndarray = planes[:, :, 0]
        for plane in range(1, self.bits):
            responses = 2 * responses + planes[:, :, plane]
        return self.game(codes), responses

    def game(self, codes: np.ndarray) -> np.ndarray:
        """Games [R] int64 of codes."""
        if not self.game_pieces:
            return np.zeros(len(codes), np.int64)
        return codes[:, 0].astype(np.int64) << _PIECE | codes[:, 1]


class Regions(NamedTuple):
    """Regions of many games and their vertices, flat. Many regions may share a vertex."""

    codes: np.ndarray  # [R, pieces], in any order, no two equal; see Codec
    full: np.ndarray  # [R] bool, True where the region has dimension L-1
    points: np.ndarray  # [M, L]; those of one region in the order that `descending` gives
    first: np.ndarray  # [R+1] int64: the vertices of region r are the points point[first[r]:first[r+1]]
    point: np.ndarray  # [N] int64, ascending in a region


def dense_table(batch: Game, codec: Codec, regions: Regions, ties: str) -> RegionTable:
    """Regions in canonical order, padded over regions and vertices."""
    order = _lexicographic(_words(regions.codes))
    counts = np.diff(regions.first)[order]
    game, responses = codec.unpack(regions.codes[order])
    num_regions = np.bincount(game, minlength=codec.num_games)

    padded_regions, padded_vertices = int(num_regions.max()), int(counts.max())
    num_leader = regions.points.shape[1]
    row_bytes = responses.shape[1] * responses.itemsize + padded_vertices * (8 * num_leader + 1) + 2
    shape = f"[G={codec.num_games}, R={padded_regions:,}, V={padded_vertices}, L={num_leader}]"
    require(
        codec.num_games * padded_regions * row_bytes,
        what=f"the region table {shape}",
        driver=f"R, padded to the largest of {codec.num_games} game(s), and n K = {codec.num_items} types",
        remedy="enumerate fewer games at once, or solve(method='walk'), which needs no table",
    )
    vertex_mask = np.arange(padded_vertices) < counts[:, None]
    table = RegionTable(
        responses.reshape(-1, batch.num_followers, batch.num_types),
        _padded(regions, order, vertex_mask),
        vertex_mask,
        np.ones(len(game), bool),
        regions.full[order],
        num_regions[0],
        ties,
    )
    if batch.num_games is None:
        return table

    position = np.arange(len(game)) - offsets(num_regions)[:-1][game]

    def spread(array: np.ndarray) -> np.ndarray:
        """Rows [R, ..] at [game, position] of an array [G, R', ..]."""
        padded = np.zeros((codec.num_games, padded_regions, *array.shape[1:]), array.dtype)
        padded[game, position] = array
        return padded

    region_mask, vertices = spread(table.region_mask), spread(table.vertices)
    # Padded regions hold a pure commitment, so that nothing computed there is odd.
    vertices[~region_mask, :, 0] = 1.0
    return RegionTable(
        spread(table.responses),
        vertices,
        spread(vertex_mask),
        region_mask,
        spread(table.full_dimensional),
        num_regions,
        ties,
    )


def _padded(regions: Regions, order: np.ndarray, vertex_mask: np.ndarray) -> np.ndarray:
    """Vertices [R, V, L] of the regions in an order; padding repeats the first of a region."""
    vertices = np.empty((*vertex_mask.shape, regions.points.shape[1]))
    slots, step = np.arange(vertex_mask.shape[1]), max(1, _BLOCK // vertices[0].nbytes)
    for start in range(0, len(order), step):
        some = slice(start, start + step)
        chosen = regions.first[order[some], None] + np.where(vertex_mask[some], slots, 0)
        # Indices are in range: with mode="raise", `take` would write to a copy first.
        regions.points.take(regions.point.take(chosen), axis=0, out=vertices[some], mode="clip")
    return vertices


def descending(owner: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Order of points [M, L] by owner [M], then by descending coordinates, the first one first.

    To 12 decimals: rounding noise must not decide the order.
    """
    grid = np.rint(points.T * -1e12).astype(np.int64)
    grid[0] += owner << 41
    return _lexicographic(grid)


def check_limit(batch: Game, at_least: np.ndarray, max_regions: int) -> None:
    """Raise ValueError when a game has more than `max_regions` regions, given lower bounds [G]."""
    worst = int(at_least.argmax())
    if at_least[worst] <= max_regions:
        return
    game = batch if batch.num_games is None else unstack(batch, worst)
    which = "the game" if batch.num_games is None else f"game {worst} of the batch"
    estimate = in_words(max(int(at_least[worst]), int(estimate_regions(game))))
    raise ValueError(
        f"{which} {_too_many(batch, max_regions)}: at least {int(at_least[worst]):,} so far, and about "
        f"{estimate} or more by a sample of commitments. "
        f"Raise max_regions, use ties='robust' (duplicated types or actions multiply the lower-dimensional "
        f"regions), or use solve(method='milp' or 'walk'), which need no table."
    )


def require_vertices(batch: Game) -> None:
    """Raise ValueError where a strategy set has too many vertices to list: then so have the regions."""
    if batch.strategies is not None and batch.strategies.vertices is None:
        raise ValueError(
            f"{batch.strategies!r} has too many vertices to enumerate regions on it (more than "
            f"{MAX_VERTICES:,} were met). Use solve(method='milp', 'programs' or 'walk'): no table needed."
        )


def refuse_hopeless(batch: Game, max_regions: int) -> int:
    """Raise before any work where a sample says that the (first) game's regions are too many, or too large.

    Returns:
      The estimated number of regions.

    Raises:
      ValueError: an estimate beyond `max_regions`.
      MemoryError: an estimate of the vertices that would not fit into the memory that is free.
    """
    estimate: int = estimate_regions(batch if batch.num_games is None else unstack(batch, 0), _SAMPLES)
    if estimate > max_regions:
        raise ValueError(
            f"the game {_too_many(batch, max_regions)}: a sample of commitments suggests about "
            f"{in_words(estimate)}, or more. Raise max_regions if there is time and memory, or use "
            f"solve(method='milp' or 'walk'), which need no table."
        )
    # In general position every vertex is shared by 2^(L-1) regions, and there are about as many of both.
    L, A = batch.dimension + 1, batch.num_actions
    require(
        (batch.num_games or 1) * estimate * 2.0 ** (L - 1) * 8 * L * WORKING_COPIES * A,
        what=f"enumerating about {in_words(estimate)} regions (estimated from a sample of commitments)",
        driver=f"about 2^(L-1) = {2 ** (L - 1):,} vertices per region, for L = {L} leader actions",
        remedy="use solve(method='milp', 'programs' or 'walk'), which need no table",
    )
    return estimate


def _too_many(batch: Game, max_regions: int) -> str:
    return (
        f"(L={batch.num_leader_actions}, n={batch.num_followers}, K={batch.num_types}, "
        f"A={batch.num_actions}) has more than max_regions = {max_regions:,} best-response regions"
    )


def require(num_bytes: float, *, what: str, driver: str, remedy: str) -> None:
    """`memory.require`, but the machine is not asked about what is small anyway."""
    if num_bytes > _SMALL:
        memory.require(num_bytes, what=what, driver=driver, remedy=remedy)


def offsets(counts: np.ndarray) -> np.ndarray:
    """[0, c_0, c_0 + c_1, ..]: where each block of a flat array starts, and its end."""
    ends = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=ends[1:])
    return ends


def ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """starts[0], starts[0]+1, .. (counts[0] of them), starts[1], .. as one flat array."""
    ends = offsets(counts)
    return np.repeat(starts - ends[:-1], counts) + np.arange(ends[-1])


def _words(codes: np.ndarray) -> np.ndarray:
    """Codes [R, pieces] as columns of 64-bit words [pieces/4, R], which compare the same way."""
    return np.ascontiguousarray(codes.astype(">u2").view(">u8").T.astype(np.uint64))


def _lexicographic(columns: np.ndarray) -> np.ndarray:
    """Order of M rows, given as columns [c, M]: by the first column, then by the second, .."""
    order = np.argsort(columns[0])  # vectorised, unlike lexsort, and often enough
    if len(columns) > 1:
        leading = columns[0][order]
        tied = np.zeros(len(order) + 1, bool)
        np.equal(leading[1:], leading[:-1], out=tied[1:-1])
        tied = tied[1:] | tied[:-1]
        rest = np.sort(order[tied])  # equal rows stay in the order in which they came
        order[tied] = rest[np.lexsort(columns[::-1, rest])]
    return order
