"""Tables of best-response regions: their vertices, and who responds how."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxstack.exports.names import Names, names_of
from jaxstack.exports.table import Section, Table
from jaxstack.regions.table import RegionTable
from jaxstack.value import region_payoff_vectors

MAX_ROWS = 30  # regions that are printed; all of them are in the data


def table_of(table: RegionTable, game: Any = None, types: Any = None, **labels: Any) -> Table:
    """A row per vertex in the data, a row per region in print.

    Args:
      table: of one game.
      game, types, labels: as for `RegionTable.to_latex`.
    """
    if table.num_games is not None:
        raise ValueError(
            f"a table of regions is of one game, but a batch of G={table.num_games} arrived. Take one of "
            f"them: jaxstack.unstack(table, g)."
        )
    real = np.flatnonzero(np.asarray(table.region_mask))
    responses = np.asarray(table.responses)[real]
    vertices, mask = np.asarray(table.vertices)[real], np.asarray(table.vertex_mask)[real]
    full = np.asarray(table.full_dimensional)[real]
    sizes = (vertices.shape[-1], *responses.shape[1:], int(responses.max(initial=0)) + 1)
    names = names_of(sizes, game, types, labels)
    values = None
    if names.game is not None and names.types is not None:
        vectors = region_payoff_vectors(names.game, names.types, responses)
        values = np.einsum("rvl,rl->rv", vertices, vectors)

    def data() -> dict[str, list[Any]]:
        region, vertex = np.nonzero(mask)
        return {
            "region": real[region].tolist(),
            "vertex": vertex.tolist(),
            "full_dimensional": full[region].tolist(),
            **{word: vertices[region, vertex, at].tolist() for at, word in enumerate(names.leader)},
            **({} if values is None else {"value": values[region, vertex].tolist()}),
            **{
                f"{follower}, {kind}": [names.actions_of[i][a] for a in responses[region, i, k]]
                for i, follower in enumerate(names.followers)
                for k, kind in enumerate(names.types_of[i])
            },
        }

    order = np.arange(len(real))
    if values is not None:
        order = np.argsort(-np.where(mask, values, -np.inf).max(axis=1), kind="stable")
    rows = [_row(r, real, responses, vertices, mask, values, names) for r in order[:MAX_ROWS]]
    head = ["region", "best responses", "vertices"]
    head += ["best commitment", "value"] if values is not None else []
    kept = (
        "" if len(real) <= MAX_ROWS else f", {'the best' if values is not None else 'the first'} {MAX_ROWS}"
    )
    caption = f"{len(real):,} best-response regions ({table.ties} ties){kept}."
    if values is not None:
        caption += " Value: leader's expected payoff per round at the best vertex, payoff units."
    return Table(data, head, [Section("", rows)], caption)


def _row(
    r: int,
    real: np.ndarray,
    responses: np.ndarray,
    vertices: np.ndarray,
    mask: np.ndarray,
    values: np.ndarray | None,
    names: Names,
) -> list[Any]:
    """A region in print."""
    followers = [
        " / ".join(names.actions_of[i][responses[r, i, k]] for k in range(len(names.types_of[i])))
        for i in range(len(names.followers))
    ]
    row = [int(real[r]), "; ".join(followers), int(mask[r].sum())]
    if values is None:
        return row
    best = int(np.argmax(np.where(mask[r], values[r], -np.inf)))
    x = ", ".join(f"{p + 0.0:.3g}" for p in np.round(vertices[r, best], 12))
    return [*row, f"({x})", float(values[r, best])]
