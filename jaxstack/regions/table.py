"""The dense, padded table of best-response regions: all that solvers and learners need of the geometry."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxstack import checks
from jaxstack._pytree import pytree_dataclass, static_field
from jaxstack.exports import ExportedWithNames, Table

if TYPE_CHECKING:
    from jaxstack.game import Game


@pytree_dataclass
class RegionTable(ExportedWithNames):
    """Best-response regions R(W) = {x : W is a best response to x}, closed, with their vertices.

    Regions stand in lexicographic order of their response maps (flattened [n, K], C order) and the vertices
    of a region in descending lexicographic order of their coordinates, so that an index means the same on
    every machine and "the lowest index" is a rule. A stacked batch has a leading axis G on every array,
    padded to the game with the most regions and the region with the most vertices. Host arrays; passed to
    compiled functions as arguments, never captured. `to_dataframe(game, types)` has a row for every vertex.

    Attributes:
      responses: [R, n, K] int8 (wider when A > 127), the action of every follower type in the region.
      vertices: [R, V, L] float64, commitments; padding repeats the region's first vertex.
      vertex_mask: [R, V] bool, True where the vertex is real.
      region_mask: [R] bool, True where the region is real.
      full_dimensional: [R] bool, True where the region has dimension L-1 (all that `ties="robust"` keeps).
        Maps that differ in equal actions alone (`jaxstack.ties.equal_actions`) are all listed, with the same
        vertices: there the leader can enforce no more than the least of their payoffs.
      num_regions: [] int64, real regions ([G] for a batch).
      ties: "optimistic" (every map with a non-empty closed region) or "robust" (full-dimensional ones only).
    """

    responses: Any
    vertices: Any
    vertex_mask: Any
    region_mask: Any
    full_dimensional: Any
    num_regions: Any
    ties: str = static_field(default="optimistic")

    def _table(self, game: Any = None, types: Any = None, **labels: Any) -> Table:
        from jaxstack.exports import regions

        return regions.table_of(self, game, types, **labels)

    @property
    def num_games(self) -> int | None:
        """G for a stacked batch, None for one game."""
        return self.region_mask.shape[0] if self.region_mask.ndim == 2 else None

    @property
    def padded_regions(self) -> int:
        """R, padding included."""
        return self.region_mask.shape[-1]

    @property
    def padded_vertices(self) -> int:
        """V, padding included."""
        return self.vertex_mask.shape[-1]

    @property
    def padded_sizes(self) -> tuple[int, ...]:
        """R, V, n and K: tables of one L that agree in these have arrays of one shape."""
        return self.padded_regions, self.padded_vertices, *self.responses.shape[-2:]

    def padded_to(
        self, num_regions: int, num_vertices: int, num_followers: int, num_types: int
    ) -> RegionTable:
        """The same regions in larger arrays; followers and types that are added play action 0."""
        table = pad_table(self, num_regions, num_vertices)
        n, K = self.responses.shape[-2:]
        more = [(0, 0)] * (table.responses.ndim - 2) + [(0, num_followers - n), (0, num_types - K)]
        return dataclasses.replace(table, responses=np.pad(table.responses, more))

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        arrays = (self.responses, self.vertices, self.vertex_mask, self.region_mask, self.full_dimensional)
        return sum(np.asarray(a).nbytes for a in arrays)


def check_table(game: Game, table: Any, ties: str | None = None) -> RegionTable:
    """`table`, if it is one of this game, as far as shapes tell, with the regions that `ties` needs.

    Args:
      game: one game, or a stacked batch.
      table: what a user has given.
      ties: the rule by which it is to be read; None: whichever it was made by.

    Raises:
      ValueError: no table, another game's, or a robust one where ties are optimistic.
    """
    checks.instance("table", table, RegionTable, "jaxstack.enumerate_regions(game) makes one.")
    batch = () if game.num_games is None else (game.num_games,)
    responses = (*batch, table.padded_regions, game.num_followers, game.num_types)
    vertices = (*batch, table.padded_regions, table.padded_vertices, game.num_leader_actions)
    if np.shape(table.responses) != responses or np.shape(table.vertices) != vertices:
        raise ValueError(
            f"the region table does not belong to {game!r}: responses must have shape {responses} and "
            f"vertices {vertices}, but {np.shape(table.responses)} and {np.shape(table.vertices)} arrived. "
            f"Enumerate the regions of this game: jaxstack.enumerate_regions(game)."
        )
    if ties == "optimistic" and table.ties == "robust":
        raise ValueError(
            "the region table holds full-dimensional regions only (ties='robust'), which is not enough for "
            "ties='optimistic'. Build it with enumerate_regions(game, ties='optimistic')."
        )
    return table


def pad_table(table: RegionTable, num_regions: int, num_vertices: int) -> RegionTable:
    """The same regions in a larger table, so that games of equal sizes can share compiled code.

    Args:
      table: of one game or a batch.
      num_regions, num_vertices: R and V of the result, no smaller than they are.
    """
    more = num_regions - table.padded_regions
    batch = ((0, 0),) if table.num_games is not None else ()

    def pad(array: np.ndarray, *widths: tuple[int, int]) -> np.ndarray:
        rest = ((0, 0),) * (array.ndim - len(batch) - len(widths))
        return np.pad(array, (*batch, *widths, *rest))

    slots = (0, num_vertices - table.padded_vertices)
    # Padding repeats the region's first vertex, and is a pure commitment in padded regions, as ever.
    vertices = np.where(table.vertex_mask[..., None], table.vertices, table.vertices[..., :1, :])
    first = np.broadcast_to(vertices[..., :1, :], (*vertices.shape[:-2], slots[1], vertices.shape[-1]))
    vertices = pad(np.concatenate([vertices, first], axis=-2), (0, more))
    if more:
        vertices[..., table.padded_regions :, :, 0] = 1.0
    return RegionTable(
        pad(table.responses, (0, more)),
        vertices,
        pad(table.vertex_mask, (0, more), slots),
        pad(table.region_mask, (0, more)),
        pad(table.full_dimensional, (0, more)),
        table.num_regions,
        table.ties,
    )


def rounded_up(count: int, least: int) -> int:
    """`count` rounded up to `least` times a power of two."""
    return least << max(0, (-(-count // least) - 1).bit_length())
