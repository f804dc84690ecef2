"""Shapes in docstrings, such as [n][K_i], which Markdown would take for a link with a reference."""

from __future__ import annotations

import re
from typing import Any

import griffe

OUTSIDE_OF_CODE = re.compile(r"(`+.*?`+)|\]\[", re.DOTALL)


class Shapes(griffe.Extension):
    """Escapes the second bracket."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called for every module, class and function."""
        if obj.docstring:
            obj.docstring.value = OUTSIDE_OF_CODE.sub(lambda found: found[1] or r"]\[", obj.docstring.value)
