"""Columns of a table: from CSV, Parquet, a data frame or a mapping."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxstack import checks, reading
from jaxstack.scenarios.files import MAX_FILE_BYTES
from jaxstack.scenarios.files.tables import columns_of_csv

Where = Callable[[int], str]  # of a row, for messages
Columns = Mapping[str, Sequence[Any]]


def columns_of(source: Any) -> tuple[Columns, str, int]:
    """Columns, what messages call their source, and the number of its first row."""
    if hasattr(source, "reset_index") and hasattr(source, "columns"):
        if any(name is not None for name in source.index.names):
            source = source.reset_index()
        return {str(name): source[name].tolist() for name in source.columns}, "data frame", 0
    if isinstance(source, Mapping):
        columns = {str(name): list(entries) for name, entries in source.items()}
        if len({len(entries) for entries in columns.values()}) > 1:
            raise ValueError("log: columns must have as many entries as one another.")
        return columns, "log", 0
    path = checks.path("log", source)
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return columns_of_csv(reading.read_text(path, MAX_FILE_BYTES), str(path)), str(path), 2
    if suffix in (".parquet", ".pq"):
        frame, _, _ = columns_of(_parquet(path))
        return frame, str(path), 1
    raise ValueError(f"{path}: a log's file name must end in .csv or .parquet.")


def _parquet(path: Path) -> Any:
    import pandas as pd  # type: ignore[import-untyped]  # it comes with xarray

    os.stat(path)
    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise ImportError(f"{path}: pandas reads Parquet with pyarrow: pip install pyarrow.") from error
    except Exception as error:  # damaged bytes make pyarrow raise almost anything
        raise ValueError(f"{path}: not a readable Parquet file: {checks.brief(str(error))}.") from error


def numbers(entries: Sequence[Any] | None, column: str, where: Where) -> Any:
    """[T] float64, all finite; None where there is no such column."""
    if entries is None:
        return None
    found = np.empty(len(entries))
    for row, entry in enumerate(entries):
        try:
            number = float(entry) if isinstance(entry, str) else checks.real_number(entry)
        except ValueError:
            number = None
        if number is None or not math.isfinite(number):
            told = checks.brief(entry) if entry not in ("", None) else "nothing"
            raise ValueError(f"{where(row)}, column {column!r} must be a finite number, but {told} arrived.")
        found[row] = number
    return found
