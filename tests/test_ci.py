"""What `.ci/run` stands on: the Pythons that it finds, and the bounds that it installs."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


# Pythons --------------------------------------------------------------------------------------------


def fake(path: Path, says: str = "", status: int = 0) -> None:
    """A command that answers like this, whatever it is asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{f'echo {says}' if says else ''}\nexit {status}\n")
    path.chmod(0o755)


def pythons(path: str, lowest: str = "3.11") -> list[str]:
    """Lines of `.ci/pythons`, with only this PATH and what bash itself needs."""
    done = subprocess.run(
        ["/bin/bash", ROOT / ".ci/pythons", lowest],
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with the commands that the script calls, and no Python."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("bash", "env", "sort"):
        found = next(Path(place, name) for place in ("/bin", "/usr/bin") if Path(place, name).exists())
        (folder / name).symlink_to(found)
    return folder


def test_pythons_come_oldest_first_and_each_once(tmp_path: Path, tools: Path) -> None:
    fake(tmp_path / "a/python3.13", "3.13.0 /a/python3.13")
    fake(tmp_path / "a/python3", "3.11.9 /a/python3")
    fake(tmp_path / "b b/python3.9", "3.9.1 /b/python3.9")
    fake(tmp_path / "b b/python3", "3.13.0 /a/python3.13")
    path = f"{tmp_path / 'a'}:{tmp_path / 'b b'}:{tmp_path / 'none'}:{tools}"
    assert pythons(path) == ["3.9.1 /b/python3.9", "3.11.9 /a/python3", "3.13.0 /a/python3.13"]


def test_commands_that_are_no_python_or_do_not_start_are_passed_over(tmp_path: Path, tools: Path) -> None:
    fake(tmp_path / "a/python3.12", status=127)  # a shim of a version that is not selected
    fake(tmp_path / "a/python3.13-config", "3.13.0 /a/python3.13-config")
    fake(tmp_path / "a/python3.14t", "3.14.0 /a/python3.14t")
    assert pythons(f"{tmp_path / 'a'}:{tools}") == []


def test_versions_of_pyenv_are_found_behind_their_shims(tmp_path: Path, tools: Path) -> None:
    fake(tmp_path / "shims/python3.13", status=127)
    fake(tmp_path / "pyenv root/versions/3.13.0/bin/python3.13", "3.13.0 /versions/3.13.0/bin/python3.13")
    fake(tmp_path / "shims/pyenv", f"'{tmp_path / 'pyenv root'}'")
    assert pythons(f"{tmp_path / 'shims'}:{tools}") == ["3.13.0 /versions/3.13.0/bin/python3.13"]


def test_this_python_is_found_unless_it_is_too_old(tmp_path: Path, tools: Path) -> None:
    (tmp_path / "python3").symlink_to(sys.executable)
    version = ".".join(map(str, sys.version_info[:3]))
    (line,) = pythons(f"{tmp_path}:{tools}")
    assert line.split(" ", 1)[0] == version
    assert pythons(f"{tmp_path}:{tools}", lowest=version) == [line]
    assert pythons(f"{tmp_path}:{tools}", lowest="3.99") == []


# Bounds ---------------------------------------------------------------------------------------------


def test_both_generations_of_cuda_can_be_asked_for_at_the_same_jax() -> None:
    (bound,) = (need.removeprefix("jax") for need in PROJECT["dependencies"] if need.startswith("jax>"))
    extras = PROJECT["optional-dependencies"]
    for name in ("cuda", "cuda12", "cuda13"):
        assert extras[name] == [f"jax[{name}]{bound}"]


def test_every_need_has_a_lower_bound_and_no_upper_one() -> None:
    needs = [
        *PROJECT["dependencies"],
        *(need for extra in PROJECT["optional-dependencies"].values() for need in extra),
    ]
    for need in needs:
        assert ">=" in need, need
        assert "<" not in need, need
        assert "==" not in need, need
