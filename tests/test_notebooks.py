"""Notebooks: their code runs at toy size, and what is committed was executed and is small enough to read."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TOY = {"horizon": 200, "horizons": [50, 200], "num_runs": 4, "max_followers": 2}
MAX_BYTES = 700_000

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name[:2])


def code_cells(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def toy_source(cell: dict[str, Any]) -> str:
    """Python of a cell without magics; a `parameters` cell takes toy values for the names it assigns."""
    lines = "".join(cell["source"]).splitlines()
    source = "\n".join(line for line in lines if not line.startswith("%"))
    if "parameters" in cell["metadata"].get("tags", ()):
        names = [target.id for node in ast.parse(source).body for target in node.targets]  # type: ignore[attr-defined]
        source += "".join(f"\n{name} = {TOY[name]!r}" for name in names)
    return source


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS
    for path in NOTEBOOKS:
        assert re.match(r"\d\d-[a-z0-9-]+\.ipynb$", path.name)


@every_notebook
def test_code_runs_at_toy_size(path: Path) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        for number, cell in enumerate(code_cells(path), start=1):
            exec(compile(toy_source(cell), f"{path.name}, code cell {number}", "exec"), names)
    finally:
        plt.close("all")


@every_notebook
def test_parameters_are_known(path: Path) -> None:
    tagged = [cell for cell in code_cells(path) if "parameters" in cell["metadata"].get("tags", ())]
    assert len(tagged) == 1
    assert any(f"{name} = {value!r}" in toy_source(tagged[0]) for name, value in TOY.items())


@every_notebook
def test_outputs_are_those_of_one_run_and_small(path: Path) -> None:
    assert path.stat().st_size <= MAX_BYTES
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    for output in outputs:
        assert output["output_type"] != "error"
        assert output.get("name") != "stderr", "a warning that readers should not see"
        text = json.dumps({**output.get("data", {}), "image/png": "", "text": output.get("text", "")})
        assert not re.search(r"(?<![\w.])/\w+/\w+|[A-Z]:\\\\", text), "a path of the machine it ran on"


@every_notebook
def test_links_to_other_notebooks(path: Path) -> None:
    for link in re.findall(r"\]\(([^):]+\.ipynb)\)", path.read_text()):
        assert (path.parent / link).exists(), link
