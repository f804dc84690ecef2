"""The best vertex of any best-response region: a look-up once the regions are enumerated.

Inside a region expected utility is linear, so that some vertex of some region is optimal for every
distribution of types (arXiv 2510.01387, section 3).
"""

from __future__ import annotations

import numpy as np

from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game
from jaxstack.regions.clipping import enumerate_regions
from jaxstack.regions.table import RegionTable
from jaxstack.solvers.contract import Solution
from jaxstack.value import vertex_utilities

ROUNDING = 64 * np.finfo(np.float64).eps  # utilities closer than this, relative to the largest, are tied


def solve(game: Game, types: TypeDistribution, ties: str, table: RegionTable | None = None) -> Solution:
    """The vertex of highest expected utility; the lowest index of the table among ties.

    Args:
      game: one game, or a stacked batch of G games.
      types: distribution of the joint type, one per game.
      ties: "optimistic" or "robust".
      table: regions of `game`; enumerated if not given.

    Returns:
      Solution; with a leading axis G for a batch.

    Raises:
      ValueError: a table of another shape than the game's, or a robust table for optimistic ties. That a
        table of the right shape belongs to this game is not checked.
    """
    if table is None:
        table = enumerate_regions(game, ties=ties)
    _check_table(game, table, ties)
    utilities = vertex_utilities(game, types, table)
    if ties == "robust":
        utilities = np.where(table.full_dimensional[..., None], utilities, -np.inf)
    flat = utilities.reshape(*utilities.shape[:-2], -1)
    scale = np.where(np.isfinite(flat), np.abs(flat), 0).max(axis=-1, keepdims=True)
    best = np.argmax(flat >= flat.max(axis=-1, keepdims=True) - ROUNDING * scale, axis=-1)
    region, vertex = np.divmod(best, table.padded_vertices)
    games = tuple(np.indices(best.shape))
    value = utilities[(*games, region, vertex)]
    return Solution(
        commitment=np.asarray(table.vertices)[(*games, region, vertex)],
        response=np.asarray(table.responses)[(*games, region)].astype(np.int64),
        value=value if games else float(value),
        method="vertices",
        ties=ties,
    )


def _check_table(game: Game, table: RegionTable, ties: str) -> None:
    """Raise ValueError unless the table has the game's shape and the regions that `ties` needs."""
    batch = () if game.num_games is None else (game.num_games,)
    responses = (*batch, table.padded_regions, game.num_followers, game.num_types)
    vertices = (*batch, table.padded_regions, table.padded_vertices, game.num_leader_actions)
    if np.shape(table.responses) != responses or np.shape(table.vertices) != vertices:
        raise ValueError(
            f"The region table is not one of {game!r}: its responses {np.shape(table.responses)} and "
            f"vertices {np.shape(table.vertices)} should be {responses} and {vertices}. "
            f"Build it with enumerate_regions(game)."
        )
    if ties == "optimistic" and table.ties == "robust":
        raise ValueError(
            "The region table holds full-dimensional regions only (ties='robust'), which is not enough for "
            "ties='optimistic'. Build it with enumerate_regions(game, ties='optimistic')."
        )
