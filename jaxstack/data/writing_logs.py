"""Logs as CSV files."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxstack.regions import RegionTable, enumerate_regions
from jaxstack.regions.table import check_table
from jaxstack.writing import write_file

if TYPE_CHECKING:
    from jaxstack.data.logs import Log


def write_log(log: Log, path: Path, table: RegionTable | None) -> None:
    """One row per round, in the columns of `jaxstack.data.logs`; of each float64 the shortest decimals."""
    if path.suffix.lower() != ".csv":
        raise ValueError(f"{path}: a log is written as .csv.")
    words, one = log.words, log.kind.removesuffix("s")
    of_each = words.types if log.kind == "types" else words.actions
    columns: dict[str, list[Any]] = {}
    if log.commitments is not None:
        columns |= dict(zip(words.leader, log.commitments.T.tolist(), strict=True))
    if log.maps is not None and log.which is not None:
        columns["region"] = _regions(log.maps, words.game, table, path)[log.which].tolist()
    for i, follower in enumerate(words.followers):
        columns[f"{one}_{follower}"] = [of_each[i][number] for number in log.seen[:, i].tolist()]
    if log.payoffs is not None:
        columns["payoff"] = log.payoffs.tolist()
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_file(path, stream.getvalue())


def _regions(maps: np.ndarray, game: Any, table: RegionTable | None, path: Path) -> np.ndarray:
    """[M]: numbers of the regions of these maps."""
    table = enumerate_regions(game) if table is None else check_table(game, table)
    own = np.asarray(table.responses)[: int(table.num_regions)].reshape(int(table.num_regions), -1)
    same = (maps.reshape(len(maps), 1, -1) == own).all(axis=-1)
    if not same.any(axis=1).all():
        raise ValueError(f"{path}: a response map of the log is none of the table's {len(own)} regions.")
    return same.argmax(axis=1)
