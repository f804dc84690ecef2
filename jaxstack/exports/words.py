"""Numbers in words: the same digits on pages, in LaTeX and on the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

NOTHING = "-"  # in place of a number that there is not


class Number(str):
    """A number in words: stands on the right of its column."""


def text(value: Any) -> str:
    """A label in words: numbers to six digits, with commas between thousands."""
    value = plain(value)
    if value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def plain(value: Any) -> Any:
    """A number of NumPy as one of Python."""
    return value.item() if isinstance(value, np.generic | np.ndarray) else value


def is_number(value: Any) -> bool:
    """Whether a label can stand on a numeric axis."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and bool(np.isfinite(value))


def with_error(value: float | None, error: float | None) -> str:
    """`12.34 ± 0.56`: two significant digits of the error, and the value to the same place."""
    if value is None:
        return NOTHING
    if not error:
        return f"{value:,.4g}"
    digits = _places(error)
    return f"{value:,.{digits}f} ± {error:,.{digits}f}"


def signed(difference: float) -> Number:
    """Four digits of a difference, with its sign."""
    return Number(f"{'+' if difference > 0 else ''}{short_number(difference)}")


def interval(low: float, high: float) -> Number:
    """`-3.2 to 12.4`: two significant digits of the width."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return Number(NOTHING)
    digits = _places((high - low) / 4 or max(abs(low), 1e-12) / 100)
    return Number(f"{low:,.{digits}f} to {high:,.{digits}f}")


def probability(p: float) -> Number:
    """Of a test: two digits, or that it is below 0.001."""
    return Number(NOTHING if not math.isfinite(p) else "<0.001" if p < 0.001 else f"{p:.2g}")


def exponent_with_interval(exponent: Mapping[str, Any]) -> str:
    """`0.50 (0.45, 0.55)`, as far as it is known."""
    known = [
        f"{round(exponent[k], 2) + 0.0:.2f}" for k in ("estimate", "low", "high") if exponent[k] is not None
    ]
    return f"{known[0]} ({known[1]}, {known[2]})" if len(known) == 3 else known[0] if known else NOTHING


def short_number(value: float) -> str:
    """Four digits, or the whole part."""
    if not np.isfinite(value):
        return NOTHING
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def finite_or_none(value: Any) -> float | None:
    """A finite number, or None."""
    return float(value) if np.isfinite(value) else None


_TIMES = (("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))


def unit_of_times(seconds: Iterable[float]) -> tuple[str, float]:
    """The unit in which times stand side by side, by their median, and how many seconds it has."""
    known = sorted(value for value in seconds if np.isfinite(value) and value > 0)
    middle = known[len(known) // 2] if known else 1.0
    return next((unit for unit in _TIMES if middle >= unit[1]), _TIMES[-1])


def _places(error: float) -> int:
    """Decimal places that show two significant digits of an error."""
    return max(0, 1 - math.floor(math.log10(error)))
