"""The package as its users meet it: a light import, resolvable names, documentation that runs."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import inspect
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import jaxstack as js

ROOT = Path(__file__).resolve().parents[1]


def run_python(code: str, directory: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter on the CPU, with this checkout of the package."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "MPLBACKEND": "Agg", "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=300,
    )


def modules() -> list[ModuleType]:
    names = [module.name for module in pkgutil.walk_packages(js.__path__, "jaxstack.")]
    return [js, *(importlib.import_module(name) for name in names if not name.endswith("__main__"))]


# Import ---------------------------------------------------------------------------------------------


def test_import_is_light() -> None:
    code = """
import sys
import jax
events = []
jax.monitoring.register_event_duration_secs_listener(lambda name, *rest, **more: events.append(name))
before = set(sys.modules)
import jaxstack
heavy = {"matplotlib", "scipy", "pydantic", "optax", "typer", "rich", "chex", "xarray", "h5netcdf", "h5py"}
print("loaded:", sorted(heavy & (set(sys.modules) - before)))
print("traced or compiled:", sorted({name for name in events if "/core/" in name}))
jax.config.update("jax_num_cpu_devices", 3)  # refused once a device was used
print("devices:", jax.device_count())
print("on demand:", callable(jaxstack.solve), callable(jaxstack.scenarios.hard_game))
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    lines = ["loaded: []", "traced or compiled: []", "devices: 3", "on demand: True True"]
    assert done.stdout.splitlines() == lines


# Names ----------------------------------------------------------------------------------------------


def test_public_names_resolve() -> None:
    assert len(set(js.__all__)) == len(js.__all__)
    for name in js.__all__:
        assert getattr(js, name) is not None
        assert name in dir(js)
    for module in modules():
        for name in getattr(module, "__all__", ()):
            assert hasattr(module, name), f"{module.__name__}.{name}"


def test_names_that_others_rely_on() -> None:
    fixed = (
        "Game TabularPayoff SeparablePayoff AnonymousPayoff JointTypes IndependentTypes MixtureTypes "
        "enumerate_regions solve simulate stack save_game load_game run_sweep load_results paired_differences"
    )
    assert set(fixed.split()) <= set(js.__all__)
    for learner in ("erm_joint", "erm_product", "region_ucb", "oful"):
        assert callable(getattr(js.learners, learner))


def test_modules_are_attributes() -> None:
    code = """
import sys, jaxstack as js
before = "jaxstack.sweeps" in sys.modules
print(before, js.sweeps.load_spec.__name__, js.page.page.__name__, js.strategies.box.__name__)
"""
    done = run_python(code)
    assert done.stdout.split() == ["False", "load_spec", "page", "box"], done.stderr


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="module 'jaxstack' has no attribute 'simulat'"):
        _ = js.simulat


def test_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert js.__version__ == project["version"] == importlib.metadata.version("jaxstack")


# JAX --------------------------------------------------------------------------------------------------

INTERNAL = ("jax._src", "jax.extend", "jax.interpreters", "jaxlib")
OF_JAXPRS = ("eqns", "invars", "outvars")  # who reads these walks a program by hand


def internals_of_jax(source: str) -> set[str]:
    """What a module imports or reads of JAX that may change without notice."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute):
            names.add(node.attr if node.attr in OF_JAXPRS else ast.unparse(node))
    return {n for n in names if n in OF_JAXPRS or any(f"{n}.".startswith(f"{part}.") for part in INTERNAL)}


def test_internals_are_found() -> None:
    source = """
import jax, jaxlib.xla_client
from jax import extend, numpy
from jax.extend.core import Literal
def f(x): return jax._src.core.eval_jaxpr, jax.make_jaxpr(f)(x).jaxpr.eqns, jax.extended, jax.core.Tracer
"""
    assert internals_of_jax(source) == {
        "jaxlib.xla_client",
        "jax.extend",
        "eqns",
        "jax.extend.core.Literal",
        "jax._src",
        "jax._src.core",
        "jax._src.core.eval_jaxpr",
    }


def test_no_dependence_on_internals_of_jax() -> None:
    files = [
        file for folder in ("jaxstack", "experiments", "tests") for file in (ROOT / folder).rglob("*.py")
    ]
    found = {str(file.relative_to(ROOT)): internals_of_jax(file.read_text()) for file in files}
    assert {file: names for file, names in found.items() if names} == {}


# Documentation --------------------------------------------------------------------------------------


def test_everything_public_has_a_docstring() -> None:
    missing = [module.__name__ for module in modules() if not module.__doc__]
    for module in modules():
        for name, thing in vars(module).items():
            if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
                continue
            if (inspect.isfunction(thing) or inspect.isclass(thing)) and not thing.__doc__:
                missing.append(f"{module.__name__}.{name}")
    assert missing == []


def python_blocks(text: str) -> list[str]:
    """Contents of the ```python fences, at toy size."""
    blocks = re.findall(r"^```python\n(.*?)^```", inspect.cleandoc(text), re.MULTILINE | re.DOTALL)
    small = {"horizon": "200", "num_runs": "4"}
    return [
        re.sub(r"\b(horizon|num_runs)=[\d_]+", lambda found: f"{found[1]}={small[found[1]]}", block)
        for block in blocks
    ]


def test_blocks_are_found_and_made_small() -> None:
    text = "a\n```python\nf(horizon=10_000, num_runs=5)\n```\nb\n```bash\nls\n```\n```python\ng()\n```\n"
    assert python_blocks(text) == ["f(horizon=200, num_runs=4)\n", "g()\n"]


@pytest.mark.parametrize("source", ["README.md", "jaxstack/__init__.py"])
def test_examples_run(source: str, tmp_path: Path) -> None:
    text = (ROOT / source).read_text() if source.endswith(".md") else js.__doc__ or ""
    if not text.strip():
        pytest.skip(f"{source} is empty")
    blocks = python_blocks(text)
    assert blocks, f"{source} shows no Python"
    done = run_python("\n".join(blocks), tmp_path)  # one after the other, as a reader would
    assert done.returncode == 0, f"{source}:\n{done.stderr}"
