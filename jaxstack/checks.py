"""Checks of what a person passes in; every message says what was wrong, what arrived and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np

from jaxstack._pytree import host_float64

PROBABILITY_TOLERANCE = 1e-6  # on the sum; float32 tables of thousands of entries pass, typing errors do not


def finite_array(name: str, value: Any, axes: str) -> np.ndarray:
    """Float64 copy of `value`, with as many dimensions as `axes` has letters, all finite and none empty.

    A letter followed by `*` stands for one axis or more (``"L A*"``).
    """
    try:
        array = host_float64(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"{name} must be a rectangular array of numbers with axes [{axes}], "
            f"but it could not be converted: {error}. Check for ragged lists or non-numbers."
        ) from error
    letters = axes.split()
    if array.ndim != len(letters) and not (axes.endswith("*") and array.ndim >= len(letters)):
        raise ValueError(
            f"{name} must have axes [{axes}] ({len(letters)}{' or more' if axes.endswith('*') else ''} "
            f"dimensions), but it arrived with shape {array.shape} ({array.ndim} dimensions)."
        )
    for axis, size in enumerate(array.shape):
        if size == 0:
            letter = letters[min(axis, len(letters) - 1)].rstrip("*")
            raise ValueError(
                f"{name} has axes [{axes}] but arrived with shape {array.shape}: axis {axis} "
                f"({_MEANING.get(letter, letter)}) is empty; there must be at least one."
            )
    finite = np.isfinite(array)
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(
            f"{name} must be finite, but entry {list(where)} (axes [{axes}]) is {array[where]} "
            f"({int((~finite).sum())} such entries in all). Replace missing payoffs with real numbers."
        )
    return array


_MEANING = {"L": "leader actions", "n": "followers", "K": "types", "A": "follower actions", "C": "components"}


def probabilities(name: str, value: Any, axes: str, over: int = 1) -> np.ndarray:
    """Float64 probabilities that sum to one over the last `over` axes (0: over all), renormalised exactly."""
    array = finite_array(name, value, axes)
    if array.min() < 0:
        where = tuple(int(i) for i in np.argwhere(array < 0)[0])
        raise ValueError(
            f"{name} must be probabilities, but entry {list(where)} (axes [{axes}]) is "
            f"{array[where]:.6g}, which is negative."
        )
    summed = tuple(range(array.ndim - over, array.ndim)) if over else tuple(range(array.ndim))
    total = array.sum(axis=summed, keepdims=True)
    worst = np.abs(total - 1).max()
    if worst <= array.size * np.finfo(np.float64).eps:
        return array  # as exact as it gets: dividing again would only change the last bits
    if worst > PROBABILITY_TOLERANCE:
        flat = np.abs(total - 1).argmax()
        where = tuple(int(i) for i in np.unravel_index(flat, total.shape))[: array.ndim - len(summed)]
        at = f" at index {list(where)}" if where else ""
        raise ValueError(
            f"{name} must sum to 1, but the sum{at} is {total.flat[flat]:.9g}. "
            f"Divide by the sum if these are weights."
        )
    return host_float64(array / total)


def positive_int(name: str, value: Any, limit: int | None = None) -> int:
    """`value` as an int >= 1 (and <= `limit`)."""
    try:
        whole = not isinstance(value, bool) and int(value) == value and value >= 1
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole:
        raise ValueError(f"{name} must be a whole number of at least 1, but {value!r} arrived.")
    if limit is not None and value > limit:
        raise ValueError(f"{name} must be at most {limit:,}, but {int(value):,} arrived.")
    return int(value)


def one_of(what: str, value: str, options: Iterable[str]) -> str:
    """`value`, if it is one of `options`; otherwise an error that suggests the nearest."""
    options = list(options)
    if value in options:
        return value
    raise ValueError(f"Unknown {what} {value!r}.{did_you_mean(value, options)} Known: {', '.join(options)}.")


def did_you_mean(value: str, options: Iterable[str]) -> str:
    """' Did you mean ...?' for the nearest option, or nothing."""
    nearest = difflib.get_close_matches(str(value), list(options), n=1, cutoff=0.5)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""
