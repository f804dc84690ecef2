"""What regret is measured against: the optimum of a table, or the best commitment that a search finds."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np

from jaxstack import solvers
from jaxstack.axes import Float, Int
from jaxstack.distributions import TypeDistribution
from jaxstack.fingerprints import content_fingerprint
from jaxstack.game import Game, unstack
from jaxstack.learners.contract import Choice
from jaxstack.regions import RegionTable
from jaxstack.value import region_payoff_vectors, vertex_utilities

_KEPT = 64  # games whose best commitment is remembered: learners and horizons share it
_FOUND: dict[str, solvers.Solution] = {}  # by content of game and types
_TURN = threading.Lock()


class Optimum(NamedTuple):
    """The best commitment known, of one game or of each of G.

    value: [] float64 ([G]), U_D(x*) in the units of `game`.
    x, responses: [L] float64 and [n, K] int32 ([G, ..]): the commitment, and the response map it counts on.
    vertex: its place in the table; None without a table.
    loss: [R, V] float64 ([G, R, V]), what every vertex earns less, nan on padding; None without a table.
    gap: [] float64 ([G]), payoff units: no commitment earns more than that above `value`; 0 with a table, nan
      where nothing is known.
    """

    value: np.ndarray
    x: Float[np.ndarray, "L"]
    responses: Int[np.ndarray, "n K"]
    vertex: Choice | None
    loss: Float[np.ndarray, "R V"] | None
    gap: np.ndarray


def of_table(units: Game, types: TypeDistribution, table: RegionTable) -> Optimum:
    """The optimum of a game in units: lowest region, then lowest vertex, among ties."""
    # Regret is a small difference of utilities: taken in units, in which an offset cannot drown it.
    utilities = vertex_utilities(units, types, table)
    flat = utilities.reshape(*utilities.shape[:-2], -1)
    place = np.unravel_index(flat.argmax(axis=-1), utilities.shape[-2:])
    region, vertex = (np.asarray(index, np.int32) for index in place)
    game = () if table.num_games is None else (np.arange(table.num_games),)
    value = flat.max(axis=-1)
    loss = np.where(table.vertex_mask, value[..., None, None] - utilities, np.nan)
    return Optimum(
        value,
        table.vertices[(*game, region, vertex)],
        np.asarray(table.responses[(*game, region)], np.int32),
        Choice(region, vertex),  # type: ignore[arg-type]
        loss,
        np.zeros(value.shape),
    )


def of_search(game: Game, units: Game, types: TypeDistribution) -> Optimum:
    """The best commitment that `solve` finds in a fixed amount of work, so that regret is the same anywhere.

    Args:
      game: as it was given: its ties are decided exactly.
      units: the same game in units.
      types: distribution of its types.
    """
    if game.num_games is not None:
        found = [of_search(*unstack((game, units, types), g)) for g in range(game.num_games)]
        value, x, responses, gap = (
            np.stack([getattr(one, name) for one in found]) for name in ("value", "x", "responses", "gap")
        )
        return Optimum(value, x, responses, None, None, gap)
    solution = _solved(game, types)
    responses = solution.response.astype(np.int32)
    value = region_payoff_vectors(units, types, responses[None])[0] @ solution.commitment
    above = np.nan if solution.gap is None else max(float(solution.gap), 0.0)
    return Optimum(np.asarray(value), solution.commitment, responses, None, None, np.asarray(above))


def _solved(game: Game, types: TypeDistribution) -> solvers.Solution:
    content = content_fingerprint(game, types)
    with _TURN:
        if content not in _FOUND:
            while len(_FOUND) >= _KEPT:
                del _FOUND[next(iter(_FOUND))]
            _FOUND[content] = solvers.solve(game, types, method="walk")
        return _FOUND[content]
