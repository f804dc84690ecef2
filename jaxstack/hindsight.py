"""The best fixed commitment in hindsight, against types that are given round by round."""

from __future__ import annotations

import numpy as np

from jaxstack import memory
from jaxstack.axes import Float
from jaxstack.game import Game
from jaxstack.regions.table import RegionTable
from jaxstack.sequences import SequenceTypes
from jaxstack.stacking import unstack
from jaxstack.value import joint_payoffs

_ROUNDS_AT_ONCE = 1024


def most_earned(game: Game, types: SequenceTypes, table: RegionTable, horizon: int) -> Float[np.ndarray, "T"]:
    """max_x sum_{s<=t} u(x, br(theta_s, x)) for t = 1..T: [T] float64 ([G, T] for a batch), payoff units.

    Which commitment it is may differ from round to round. Exact: it is a vertex of the table.

    Args:
      game: one game, or a stacked batch of G.
      types: given rounds, as many as games.
      table: regions of the game.
      horizon: T.

    Raises:
      ValueError: fewer rounds are given.
      MemoryError: what every vertex earns by every joint type that occurs would not fit.
    """
    if game.num_games is not None:
        each = [(unstack(game, g), unstack(types, g), unstack(table, g)) for g in range(game.num_games)]
        return np.stack([most_earned(*one, horizon) for one in each])
    rows, which = np.unique(types.up_to(horizon), axis=0, return_inverse=True)
    values = _values(game, rows, table)  # [U, M]
    size = float(np.ptp(values))
    total = np.zeros(values.shape[1])
    most = np.empty(horizon)
    for first in range(0, horizon, _ROUNDS_AT_ONCE):
        played = which.reshape(-1)[first : first + _ROUNDS_AT_ONCE]
        # Who lags by more than can be made up for within these rounds is not the best in any of them.
        near = total >= total.max() - size * len(played)
        most[first : first + len(played)] = (total[near] + values[played][:, near].cumsum(axis=0)).max(axis=1)
        total += np.bincount(played, minlength=len(values)) @ values
    return most


def _values(game: Game, rows: np.ndarray, table: RegionTable) -> np.ndarray:
    """What each of M vertices earns by each of U joint types, [U, M] float64."""
    region, vertex = np.nonzero(table.vertex_mask & table.region_mask[:, None])
    memory.require(
        8.0 * len(rows) * (3.0 * len(region) + table.padded_regions * game.num_leader_actions),
        what="what every vertex earns by every joint type that occurs",
        driver=f"{len(rows):,} joint types that differ, times {len(region):,} vertices of regions",
        remedy="a shorter horizon, or .empirical(), which draws the rounds at random",
    )
    payoffs = joint_payoffs(game, table.responses, rows.astype(np.int32))  # [R, U, L]
    by_region = np.einsum("rul,rvl->urv", payoffs, table.vertices)
    return by_region[:, region, vertex]
