"""Reading a folder of many small cells as one dataset.

Cells hold the numbers of one that was played, each under its own name: what they cost to read is the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import jaxstack as js
from experiments.benchmarks.cases import Effort
from experiments.benchmarks.measure import alternate
from experiments.benchmarks.report import Row, compare
from jaxstack.sweeps import load_spec, plan, store

_SPEC = """
[run]
horizon = 64
runs = 8
seed = {seeds}
learners = ["uniform"]

[[scenario]]
kind = "random"
"""


def run(effort: Effort, cells: int | None = None) -> Iterator[Row]:
    """A sweep with one axis."""
    count = cells or (5_000 if effort.full else 500)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "many"
        _fill(folder, count)
        timings = alternate({"load_results": lambda: js.load_results(folder)}, min(effort.repeats, 3))
        yield from compare(
            "loading", f"{count:,} cells", timings, {"load_results": float(count)}, unit="cells"
        )


def _fill(folder: Path, count: int) -> None:
    """A finished sweep of `count` cells, of which one was played."""
    specs = {n: folder.parent / f"{n}.toml" for n in (1, count)}
    for n, path in specs.items():
        path.write_text(_SPEC.format(seeds=list(range(n))))
    first = folder.parent / "one"
    js.run_sweep(specs[1], first)
    planned = plan(load_spec(specs[count]))
    folder.mkdir()
    store.write_plan(folder, planned)
    keys = [cell.key for cell in planned.distinct()]
    arrays, attrs = store.read_cell(first, keys[0])
    content = {name: (store.CELL_DIMS[name], arrays[name]) for name in store.CELL_DIMS if name in arrays}
    own = ("key", "content_hash")
    told = {name: text for name, text in attrs.items() if name not in own and not name.startswith("_")}
    for key in keys:
        store.write_cell(folder, key, content, told)
