"""What docstrings in Google style say, by section and name."""

from __future__ import annotations

import inspect
import re
from typing import Any


def entries(thing: Any, section: str) -> dict[str, str]:
    """Text of each name under `section:` (`Args`, `Attributes`) in one line; empty without such a section.

    An entry for several names, `mean, stderr: ..`, stands for each of them; where it has as many parts, as in
    `n, K: followers, types`, each name has its own.
    """
    text = inspect.getdoc(thing) or ""
    found = re.search(rf"^{section}:\n((?:[ ]+.*\n|\n)*)", text + "\n", re.MULTILINE)
    told: dict[str, str] = {}
    for entry in re.split(r"\n {2}(?=\S)", "\n" + found[1].rstrip())[1:] if found else ():
        names, _, text = " ".join(entry.split()).partition(": ")
        each, parts = names.split(", "), text.removesuffix(".").split(", ")
        told |= zip(each, parts, strict=True) if len(each) == len(parts) > 1 else dict.fromkeys(each, text)
    return told


def first_line(thing: Any) -> str:
    """The docstring's first line."""
    return (inspect.getdoc(thing) or "").split("\n", 1)[0]
