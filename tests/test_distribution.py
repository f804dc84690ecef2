"""What is handed out: the wheel alone, run from an empty folder, and the types that a user's checker sees."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[1]
UV = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
pytestmark = [pytest.mark.once, pytest.mark.skipif(UV is None, reason="uv builds the wheel")]


class Installed(NamedTuple):
    """A wheel in an environment that has the packages of this one, but no clone."""

    wheel: Path
    sdist: Path
    python: Path
    empty: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "MYPYPATH")}
        kept["JAX_PLATFORMS"] = "cpu"
        return subprocess.run(arguments, cwd=self.empty, env=kept, capture_output=True, text=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    (empty := folder / "empty").mkdir()
    subprocess.run([str(UV), "build", "--quiet", "--out-dir", str(folder), str(ROOT)], check=True)  # both
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    subprocess.run(
        [str(UV), "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(python), str(wheel)],
        check=True,
    )
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "others.pth").write_text("\n".join(site.getsitepackages()) + "\n")  # behind the wheel
    return Installed(wheel, sdist, python, empty)


def test_the_wheel_holds_the_package_and_nothing_else(installed: Installed) -> None:
    names = zipfile.ZipFile(installed.wheel).namelist()
    for needed in ("py.typed", "sweeps/default.toml", "page/page.css"):
        assert f"jaxstack/{needed}" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"jaxstack"}
    with tarfile.open(installed.sdist) as archive:
        of_source = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert {"CITATION.cff", "LICENSE", "tests/test_package.py", "jaxstack/py.typed"} <= of_source


def test_the_wheel_alone_runs_from_an_empty_folder(installed: Installed) -> None:
    code = """
import jaxstack as js
game, types = js.scenarios.security_patrol()
js.save_game("patrol.json", game, types)
print(js.__file__)
"""
    made = installed.run(str(installed.python), "-c", code)
    assert made.returncode == 0, made.stderr
    assert Path(made.stdout.strip()).is_relative_to(installed.python.parents[1])
    solved = installed.run(str(installed.python.parent / "jaxstack"), "solve", "patrol.json")
    assert "Optimal, proved by 'vertices'" in solved.stdout, solved.stderr


def test_a_type_checker_sees_types(installed: Installed) -> None:
    (installed.empty / "user.py").write_text(
        "import jaxstack as js\n"
        "game, types = js.scenarios.random_game(0)\n"
        "reveal_type(js.solve(game, types))\n"
        "js.solve(game, types, method=3)\n"
        "reveal_type(js.sweeps.load_spec)\n"
    )
    checker = [sys.executable, "-m", "mypy", "--python-executable", str(installed.python)]
    cache = ROOT / ".mypy_cache"
    done = installed.run(
        *checker, "--follow-imports", "silent", "--cache-dir", str(cache / "user"), "user.py"
    )
    assert 'Revealed type is "jaxstack.solvers.contract.Solution"' in done.stdout, done.stdout + done.stderr
    assert 'Argument "method" to "solve" has incompatible type "int"' in done.stdout
    assert "missing library stubs or py.typed" not in done.stdout
    assert "sweeps.spec.sweep.Spec" in done.stdout


def test_the_citation_names_software_and_paper() -> None:
    import jaxstack as js

    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (cited["title"], cited["version"], cited["license"]) == ("jaxstack", js.__version__, "Apache-2.0")
    assert cited["preferred-citation"]["identifiers"][0]["value"] == "arXiv:2510.01387"
    names = [author["family-names"] for author in cited["preferred-citation"]["authors"]]
    assert names == ["Personnat", "Lin", "Hossain", "Parkes"]
