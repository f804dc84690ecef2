"""The site: its examples run, its tables hold all that there is, and no page asks others for anything."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

import jaxstack as js
from jaxstack.scenarios.files import document
from jaxstack.sweeps import spec
from tests.test_package import ROOT, run_python

DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md"))
RUN_ELSEWHERE = {DOCS / "guides/your-data.md"}  # tests/data/test_advice.py

pytestmark = pytest.mark.once


# Examples -------------------------------------------------------------------------------------------

FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
SMALL = [  # the same at toy size, in Python, TOML and commands
    (r"\b(horizon=)[\d_]+", r"\g<1>60"),
    (r"\b(num_runs=)[\d_]+", r"\g<1>2"),
    (r"(--horizon) [\d_]+", r"\1 60"),
    (r"(--runs) [\d_]+", r"\1 2"),
    (r"^(horizon = )[\d_]+$", r"\g<1>60"),
    (r"^(horizon = )\[.*\]$", r"\g<1>[30, 60]"),
    (r"^(runs|games)( = )[\d_]+$", r"\1\g<2>2"),
]
RUNNER = """
import json, os, pathlib, shlex, sys, time
import jax
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_enable_compilation_cache", False)
from typer.testing import CliRunner
from jaxstack.cli import app

start = pathlib.Path.cwd()
for page, blocks in json.loads(pathlib.Path("pages.json").read_text()):
    print(page, flush=True)
    folder = start / page.replace("/", "-")
    folder.mkdir()
    os.chdir(folder)
    names = {"__name__": "__main__"}
    for kind, title, text in blocks:
        if title:
            pathlib.Path(title).write_text(text)
        elif kind == "python":
            exec(compile(text, page, "exec"), names)
        elif kind == "console":
            for line in text.splitlines():
                dollar, program, *arguments = shlex.split(line)
                assert (dollar, program) == ("$", "jaxstack"), line
                done = CliRunner().invoke(app, arguments)
                assert done.exit_code == 0, (line, done.output)
"""


def blocks_of(page: str) -> list[tuple[str, str, str]]:
    """Kind, title and text of the fences that are to run: ```python, ```console, and files with a title."""
    blocks = []
    for kind, title, text in FENCE.findall(page):
        if kind in ("python", "console") or title:
            for pattern, small in SMALL:
                text = re.sub(pattern, small, text, flags=re.MULTILINE)
            blocks.append((kind, title, text))
    return blocks


def test_blocks_are_found_and_made_small() -> None:
    page = (
        "a\n```python\nf(horizon=10_000, num_runs=5)\n```\n```bash\nls\n```\n"
        '```toml title="a.toml"\nhorizon = [1, 2]\nruns = 9\n```\n```console\n$ jaxstack run --runs 7\n```\n'
    )
    assert blocks_of(page) == [
        ("python", "", "f(horizon=60, num_runs=2)\n"),
        ("toml", "a.toml", "horizon = [30, 60]\nruns = 2\n"),
        ("console", "", "$ jaxstack run --runs 2\n"),
    ]


def test_examples_run(tmp_path: Path) -> None:
    pages = [
        (str(path.relative_to(DOCS)), blocks_of(path.read_text()))
        for path in PAGES
        if path not in RUN_ELSEWHERE
    ]
    pages = [(page, blocks) for page, blocks in pages if blocks]
    assert len(pages) >= 7
    (tmp_path / "pages.json").write_text(json.dumps(pages))
    done = run_python(RUNNER, tmp_path)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_links_to_files_lead_somewhere() -> None:
    """In the repository, where pages are read without the site, too."""
    lost = []
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES):
        for link in re.findall(r"\]\((?![a-z]+:)([^)#\s]+)", page.read_text()):
            if not (page.parent / link).exists():
                lost.append(f"{page.relative_to(ROOT)}: {link}")
    assert lost == []


# What is told ---------------------------------------------------------------------------------------


def tool(name: str) -> Any:
    """A module of docs/tools, which stands beside the others there."""
    sys.path.insert(0, str(DOCS / "tools"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


def first_column(text: str) -> set[str]:
    """Words in code in the first column of all tables."""
    rows = re.findall(r"^\|([^|]*)\|", text, re.MULTILINE)
    return {word.strip('"') for row in rows for word in re.findall(r"`([^`]+)`", row)}


def test_entries_of_docstrings() -> None:
    def documented() -> None:
        """One.

        Args:
          a, b: first, second.
          c: of both
            lines: there.
          d, e: alike.

        Returns:
          f: nothing.
        """

    told = tool("docstrings").entries(documented, "Args")
    assert told == {"a": "first", "b": "second", "c": "of both lines: there.", "d": "alike.", "e": "alike."}
    assert tool("docstrings").entries(documented, "Raises") == {}


def test_the_reference_has_all_that_is_public() -> None:
    rooms = tool("reference").rooms()
    named = {name for members in rooms.values() for name in members.values()}
    plain = {name for name in js.__all__ if not isinstance(getattr(js, name), type(js))}
    assert {f"js.{name}" for name in plain} <= named
    assert {f"js.learners.{name}" for name in js.learners.ROSTER} <= named
    for members in rooms.values():
        for path in members:
            module, _, name = path.rpartition(".")
            assert hasattr(importlib.import_module(module), name), path


def test_tables_have_every_learner_and_key() -> None:
    made = {name: make() for name, make in tool("tables").TABLES.items()}
    assert set(js.learners.ROSTER) == first_column(made["learners"])
    assert set(spec.RunSettings.model_fields) == first_column(made["run_keys"])
    assert set(spec.LearnerSettings.model_fields) - {"hparams"} == first_column(made["learner_keys"])
    for model in get_args(spec.Scenario):
        assert set(model.model_fields) - {"kind"} <= first_column(made["scenario_keys"])
        for kind in get_args(model.model_fields["kind"].annotation):
            assert f"`{kind}`" in made["scenario_keys"]
    assert "| `num_types` | whole number, at least 1 | `3` | yes | K |" in made["scenario_keys"]
    assert "`--out`, `-o` path | `out` |" in made["commands"]
    assert {"erm_joint", "oful"} <= first_column(made["speeds"])
    assert {"vertices", "milp"} <= first_column(made["methods"]) <= set(js.solvers.METHODS)


def test_the_page_of_game_files_has_every_key() -> None:
    keys = first_column((DOCS / "game-files.md").read_text())
    kinds = {
        kind
        for known in (document.PAYOFFS, document.TYPES, document.STRATEGIES)
        for kind, _ in known.values()
    }
    assert keys == set(document._Document.model_fields) | kinds


def test_every_learner_has_a_row_that_says_what_it_needs() -> None:
    """In the last table of the guide; yardsticks need none."""
    rows = first_column((DOCS / "guides/methods.md").read_text())
    missing = {*js.learners.ROSTER} - rows - {"oracle", "uniform"}
    assert not missing, f"docs/guides/methods.md has no row for {', '.join(sorted(missing))}"


def test_measured_limits_are_those_of_the_script() -> None:
    from experiments import limits

    printed = limits.table(["3, 2, 3, 2 tabular"], ["vertices"], 60.0).splitlines()
    committed = (ROOT / "experiments/results/limits.md").read_text()
    assert printed[0].split("|")[:3] == re.findall(r"^\| L, .*$", committed, re.MULTILINE)[0].split("|")[:3]
    assert printed[2].startswith("| 3, 2, 3, 2 tabular | 12 |")
    assert {f"| {size} |" for size in limits.SIZES} <= set(
        re.findall(r"^\| [^|]+ \|", committed, re.MULTILINE)
    )


def test_what_learners_and_solvers_play_is_as_the_script_finds() -> None:
    from experiments import plays

    lines = (ROOT / "experiments/results/plays.md").read_text().splitlines()
    committed = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    assert committed[0][1:] == list(plays.cases())
    named = [f"`{name}`" for name in js.learners.ROSTER]
    assert [row[0] for row in committed[2:]] == named + [f'`method="{m}"`' for m in js.solvers.METHODS]
    for row in plays.rows(("region_ucb", "vector_oful")):
        assert row in committed


# The site -------------------------------------------------------------------------------------------

HAS_TOOLS = all(importlib.util.find_spec(name) for name in ("mkdocs", "material", "latex2mathml"))
EXTERNAL = re.compile(
    r"""<(?:script|img|iframe|source)[^>]+src="?(?:https?:)?//|<link[^>]+href="?(?:https?:)?//(?![^>]+rel="?canonical)"""
    r"""|url\(["']?(?:https?:)?//|@import\s+["']?(?:https?:)?//"""
)
MAX_BYTES = 12_000_000


def test_requests_to_others_are_found() -> None:
    for text in ('<script src="https://a.b/c.js">', '<link rel="x" href="//a.b">', "url(https://a.b/c)"):
        assert EXTERNAL.search(text)
    assert not EXTERNAL.search('<a href="https://arxiv.org">, <img src="a.png">, url(data:abc)')


@pytest.mark.skipif(not HAS_TOOLS, reason="needs the extra `docs`")
def test_the_site_is_built_strictly_and_asks_the_network_for_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    files = [path for path in (tmp_path / "site").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MAX_BYTES
    for path in files:
        if path.suffix in (".html", ".css"):
            text = path.read_text(encoding="utf-8")
            assert not EXTERNAL.search(text), path
            assert str(ROOT) not in text, path
            assert "<!-- made:" not in text, path
    pages = {path.name: path.read_text(encoding="utf-8") for path in files if path.suffix == ".html"}
    for name in ("specs.html", "commands.html", "learners.html"):
        assert "| --- |" not in pages[name], f"a table of {name} is no table"
    assert ">SPEC.toml&#124;GAME<" in pages["commands.html"]
    learners = (tmp_path / "site/learners.html").read_text(encoding="utf-8")
    assert all(f"<code>{name}</code>" in learners for name in js.learners.ROSTER)
    notebook = (tmp_path / "site/notebooks/01-a-game-its-regions-and-its-optimum.html").read_text("utf-8")
    assert "<math" in notebook
    assert "arithmatex" not in notebook
