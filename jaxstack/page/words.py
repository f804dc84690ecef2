"""Numbers, times and counts in words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from jaxstack.results import text


def counted(count: int, word: str) -> str:
    """`1 cell`, `2 cells`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def ends_of(values: Iterable[Any], spec: str = ",") -> list[str]:
    """The smallest and the largest of some values, in words; one if they agree."""
    known = [value for value in values if np.isfinite(value)]
    ends = [min(known), max(known)] if known else []
    return list(dict.fromkeys(format(int(end) if spec == "," else float(end), spec) for end in ends))


def span_of(values: Iterable[Any], spec: str = ",") -> str:
    """One number, or the first and the last of several."""
    return " to ".join(ends_of(values, spec))


def listed(attribute: Any) -> list[Any]:
    """An attribute in JSON as a list of what it tells; what is not JSON is told as it stands."""
    if attribute is None:
        return []
    try:
        content = json.loads(attribute)
    except (TypeError, ValueError):
        content = str(attribute)
    return content if isinstance(content, list) else [content] if content else []


def in_words(value: Any) -> str:
    """What JSON holds, on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} = {in_words(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(in_words, value))
    return text(value)
