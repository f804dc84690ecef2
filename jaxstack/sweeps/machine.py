"""What computes the cells here: hardware, and versions of software."""

from __future__ import annotations

import functools
from typing import Any

from jaxstack import report


def versions() -> dict[str, str | None]:
    """Of the packages that numbers come from."""
    found: dict[str, str | None] = _environment()["versions"]
    return found


@functools.cache
def _environment() -> dict[str, Any]:
    return report.environment()


def hardware() -> dict[str, Any]:
    """The machine that computes."""
    told = ("system", "processor", "cores", "devices", "x64")
    return {name: _environment()[name] for name in told}
