"""What to say of a cell that could not be computed."""

from __future__ import annotations

import functools
import sysconfig
import traceback
from pathlib import Path

_INSTALLED = {"site-packages", "dist-packages"}


def told(error: Exception) -> str:
    """What went wrong and, where that was in code of a person's own, in which line of it."""
    message = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _is_installed(frame.filename)]
    if not own or isinstance(error, OSError):
        return message
    place = f"{own[-1].filename}:{own[-1].lineno}, in {own[-1].name}"
    return f"{message}\n  {place}. jaxstack.check_learner tells what a learner must keep to."


@functools.cache
def _is_installed(file: str) -> bool:
    """Whether code is the package's, Python's own, or of a package that is installed."""
    if file.startswith("<"):
        return True
    path = Path(file).resolve()
    libraries = (Path(__file__).resolve().parents[1], Path(sysconfig.get_paths()["stdlib"]).resolve())
    return not _INSTALLED.isdisjoint(path.parts) or any(map(path.is_relative_to, libraries))
