"""Specs from TOML files and texts, from a game file, and the built-in one."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path

from jaxstack import checks, reading
from jaxstack.learners import offered
from jaxstack.learners.outside import Offered
from jaxstack.sweeps.spec.mistakes import validated
from jaxstack.sweeps.spec.run import RunSettings
from jaxstack.sweeps.spec.scenarios import FileScenario
from jaxstack.sweeps.spec.sweep import Spec

_DEEP_KEY = re.compile(r"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){100}""")


def default_spec() -> Spec:
    """What `jaxstack run` does without a file: random games, the hard family, a security patrol."""
    text = resources.files("jaxstack.sweeps").joinpath("default.toml").read_text(encoding="utf-8")
    return parse_spec(text, "the built-in spec")


def load_spec(path: str | Path, *, learners: Offered = ()) -> Spec:
    """The spec in a TOML file; paths of game files are relative to it.

    Args:
      path: of the file.
      learners: that the spec may name beside those of the package and of installed packages: factories or
        learners by name, or a list of them. The spec keeps those that it names.

    Raises:
      ValueError: not TOML, an unknown key, or a wrong value; the message names the file and the key.
      OSError: the file cannot be read.
    """
    path = checks.path("path", path)
    with offered(learners):
        return parse_spec(reading.read_text(path), str(path), path.parent)


def parse_spec(text: str, source: str, folder: Path | None = None) -> Spec:
    """The spec in TOML text; `source` is what messages call it, `folder` what paths are relative to.

    Raises:
      ValueError: as `load_spec`.
    """
    try:
        if _DEEP_KEY.search(text):  # of which the parser takes a time quadratic in their length
            raise RecursionError
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{source}: not valid TOML: {error}.") from error
    except RecursionError:
        raise ValueError(f"{source}: lists or tables are nested too deeply for a spec.") from None
    except ValueError as error:  # a number of thousands of digits
        raise ValueError(f"{source}: cannot be read: {error}.") from error
    return validated(Spec, content, source, folder)


def spec_of_game_file(path: str | Path) -> Spec:
    """The default `[run]` settings on one game file."""
    scenario = FileScenario(path=str(Path(path).absolute()))
    return Spec(run=RunSettings(), scenario=[scenario])
