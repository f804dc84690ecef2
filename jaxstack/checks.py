"""Checks of what a person passes in; every message says what was wrong, what arrived and what to do."""

from __future__ import annotations

import difflib
import numbers
import os
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np

from jaxstack._pytree import host_float64

_T = TypeVar("_T")

MAX_DIMENSIONS = 64  # NumPy's
MAX_SIZE = 2**31 - 1  # of an axis

PROBABILITY_TOLERANCE = 1e-6  # on the sum; float32 tables of thousands of entries pass, typing errors do not


def finite_array(name: str, value: Any, axes: str) -> np.ndarray:
    """Float64 copy of `value`, with as many dimensions as `axes` has letters, all finite and none empty.

    A letter followed by `*` stands for one axis or more (``"L A*"``).
    """
    array = converted_array(name, value, axes)
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


def converted_array(name: str, value: Any, axes: str) -> np.ndarray:
    """`real_array`, with an error that names the argument."""
    try:
        return real_array(value)
    except ValueError as error:
        raise ValueError(
            f"{name} must be a rectangular array of numbers with axes [{axes}], but it could not "
            f"be converted: {error}."
        ) from error


def real_array(value: Any) -> np.ndarray:
    """Float64 copy, read-only, of anything that holds real numbers and nothing else.

    NumPy converts more than it should: it drops imaginary parts and masks, reads texts and dates as numbers,
    and counts True as 1. All of that is refused here, within lists too. Whole numbers, fractions and decimals
    are rounded to the nearest float64; nothing is said about nan and infinity.

    Args:
      value: nested lists of numbers, or an array of NumPy, JAX or whatever NumPy can read.

    Raises:
      ValueError: what was wrong with it, and where; the end of a sentence that names the argument.
    """
    require_real(value)
    try:
        array = np.asarray(value)
        converted = host_float64(array)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(
            f"NumPy says: {error}; check for ragged lists, and for numbers beyond 1.8e308"
        ) from error
    _require_real_kind(
        "it is", f"of dtype {array.dtype}", array.dtype
    )  # as NumPy reads it: of a data frame, say
    if array.dtype.kind == "O":
        for index, entry in np.ndenumerate(array):
            require_real(entry, index)
    return converted


_INSTEAD = {
    "b": "pass 1.0 and 0.0 for yes and no (array.astype(float))",
    "c": "pass its real part, if that is meant",
    "S": "convert texts to numbers first",
    "U": "convert texts to numbers first",
    "M": "pass times as numbers in a unit of your own",
    "m": "pass times as numbers in a unit of your own",
    "V": "pass one array of numbers for each field",
}


def require_real(value: Any, index: tuple[int, ...] = ()) -> None:
    """Raise ValueError, saying where and what to do, unless `value` may be real numbers by its kind."""
    if isinstance(value, list | tuple) and len(index) < MAX_DIMENSIONS:
        for position, entry in enumerate(value):
            if type(entry) is not float:  # the many
                require_real(entry, (*index, position))
        return
    if type(value) in (int, float):
        return
    where = f"entry {list(index)} is" if index else "it is"
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{where} a masked array; say what masked entries stand for: array.filled(0.0)")
    if hasattr(value, "dtype"):
        _require_real_kind(where, f"of dtype {value.dtype}", value.dtype)
    elif isinstance(value, bool | complex | str | bytes):
        _require_real_kind(where, brief(value), np.asarray(value).dtype)
    elif not isinstance(value, numbers.Real | Decimal | range) and not hasattr(value, "__array__"):
        raise ValueError(f"{where} {brief(value)} of type {type(value).__name__}, which is no number")


def _require_real_kind(where: str, what: str, dtype: Any) -> None:
    """Raise ValueError for a dtype of anything but real numbers, or of objects yet to be looked at."""
    kind = getattr(dtype, "kind", "")
    if kind in _INSTEAD and not (kind == "V" and _is_extended(dtype)):
        raise ValueError(f"{where} {what}; {_INSTEAD[kind]}")


def _is_extended(dtype: Any) -> bool:
    """Whether this is a number of a machine that NumPy does not know by itself, such as bfloat16."""
    return bool(jax.dtypes.issubdtype(dtype, np.floating) or jax.dtypes.issubdtype(dtype, np.integer))


def brief(value: Any) -> str:
    """`value` as in Python, in few characters."""
    if hasattr(value, "dtype") and getattr(value, "shape", ()) != ():
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, int) and abs(value) >= 10**40:  # Python itself refuses to print the longest
        return f"a whole number of {value.bit_length():,} bits"
    return reprlib.repr(value)


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
    number = whole_number(value)
    if number is None or number < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, but {brief(value)} arrived.")
    if limit is not None and number > limit:
        raise ValueError(f"{name} must be at most {limit:,}, but {written(number)} arrived.")
    return number


def seed(name: str, value: Any) -> int:
    """`value` as an int >= 0."""
    number = whole_number(value)
    if number is None or number < 0:
        raise ValueError(f"{name} must be a whole number of at least 0, but {brief(value)} arrived.")
    return number


def whole_number(value: Any) -> int | None:
    """`value` as an int where it is one number and whole (5, 5.0, a NumPy number); None for all else.

    True and False are answers, not counts; texts are not read as numbers.
    """
    if isinstance(value, np.ndarray | jax.Array) and value.ndim == 0 and value.dtype.kind in "iuf":
        value = value.item()
    if isinstance(value, bool | np.bool) or not isinstance(value, numbers.Real):
        return None
    try:
        number = int(value)  # type: ignore[call-overload]  # every real number has it
    except (ValueError, OverflowError):  # nan, infinity
        return None
    return number if number == value else None


def fraction(name: str, value: Any, *, below_one: bool = False) -> float:
    """`value` as a float in [0, 1], or in [0, 1)."""
    number = real_number(value)
    if number is None or not 0 <= number <= 1 or (below_one and number == 1):
        interval = "[0, 1)" if below_one else "[0, 1]"
        raise ValueError(f"{name} must lie in {interval}, but {brief(value)} arrived.")
    return number


def finite_number(name: str, value: Any) -> float:
    """`value` as a finite float."""
    number = real_number(value)
    if number is None:
        raise ValueError(f"{name} must be a finite number, but {brief(value)} arrived.")
    return number


def real_number(value: Any) -> float | None:
    """`value` as a float where it is one finite real number, alone or in an array without axes; else None."""
    if isinstance(value, list | tuple):
        return None
    try:
        array = real_array(value)
    except ValueError:
        return None
    return float(array) if array.ndim == 0 and np.isfinite(array) else None


def instance(name: str, value: _T, kind: type | tuple[type, ...], remedy: str) -> _T:
    """`value`, if it is one of a kind; `remedy` says how to get one."""
    if isinstance(value, kind):
        return value
    kinds = kind if isinstance(kind, tuple) else (kind,)
    expected = " or ".join(each.__name__ for each in kinds)
    raise ValueError(
        f"{name} must be a {expected}, but {brief(value)} of type {type(value).__name__} arrived. {remedy}"
    )


def listed(name: str, value: Any, of_what: str, length: int | None = None) -> list[Any]:
    """`value`, a list, a tuple, a range or an array with axes, as a list; perhaps of a certain length."""
    if not isinstance(value, list | tuple | range) and not getattr(value, "ndim", 0):
        raise ValueError(f"{name} must be a list of {of_what}, but {brief(value)} arrived.")
    entries = list(value)
    if length is not None and len(entries) != length:
        raise ValueError(f"{name} must have {length} entries ({of_what}), but {len(entries)} arrived.")
    return entries


def flag(name: str, value: Any) -> bool:
    """`value`, if it is True or False."""
    if isinstance(value, bool | np.bool):
        return bool(value)
    raise ValueError(f"{name} must be True or False, but {brief(value)} arrived.")


def path(name: str, value: Any) -> Path:
    """`value`, a text or a path, as a path."""
    if not isinstance(value, str | os.PathLike) or "\0" in os.fsdecode(value):
        raise ValueError(f"{name} must be the path of a file or folder, but {brief(value)} arrived.")
    return Path(value)


def named_numbers(name: str, value: Any) -> dict[str, Any]:
    """`value`, a mapping from names to numbers or a NamedTuple or None, as a dictionary."""
    if value is None:
        return {}
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError(
            f"{name} must be a mapping from names to numbers, such as {{'radius_scale': 0.5}}, but "
            f"{brief(value)} arrived."
        )
    return dict(value)


def devices(value: Any) -> list[jax.Device]:
    """Devices to play on: those given, or all of this process.

    Raises:
      ValueError: none at all, the same one twice, or something that is no list of devices.
    """
    given = jax.local_devices() if value is None else value
    fits = isinstance(given, Sequence | np.ndarray) and not isinstance(given, str | bytes)
    if not fits or not all(isinstance(device, jax.Device) for device in np.ravel(np.array(given, object))):
        raise ValueError(
            f"devices must be a list of JAX devices, but {brief(value)} arrived. Pass jax.devices(), "
            f"jax.devices('cpu'), or [device] for one of them."
        )
    chosen: list[jax.Device] = list(np.ravel(np.array(given, object)))
    if not chosen:
        raise ValueError("devices must name at least one device, but an empty list arrived.")
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"devices must differ, but {brief(value)} names one twice.")
    return chosen


def written(number: int) -> str:
    """A whole number with its thousands apart, or its size where that would fill the screen."""
    return f"{number:,}" if abs(number) < 10**40 else brief(number)


def one_of(what: str, value: str, options: Iterable[str]) -> str:
    """`value`, if it is one of `options`; otherwise an error that suggests the nearest."""
    options = list(options)
    if isinstance(value, str) and value in options:
        return value
    raise ValueError(
        f"Unknown {what} {brief(value)}.{did_you_mean(value, options)} Known: {', '.join(options)}."
    )


def did_you_mean(value: str, options: Iterable[str]) -> str:
    """' Did you mean ...?' for the nearest option, or nothing."""
    if not isinstance(value, str) or len(value) > 200:  # the search takes a time quadratic in it
        return ""
    nearest = difflib.get_close_matches(value, list(options), n=1, cutoff=0.5)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""
