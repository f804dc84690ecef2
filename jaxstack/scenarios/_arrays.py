"""Arguments of a scenario: arrays whose axes must agree."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxstack import checks


def agreeing(**arguments: tuple[Any, str]) -> list[np.ndarray]:
    """Finite float64 arrays, given as name=(value, axes), in which the same letter has the same length.

    Raises:
      ValueError: naming the argument and the axis, and the argument it disagrees with.
    """
    arrays, lengths = [], dict[str, tuple[int, str]]()
    for name, (value, axes) in arguments.items():
        array = checks.finite_array(name, value, axes)
        for axis, (letter, length) in enumerate(zip(axes.split(), array.shape, strict=True)):
            expected, first = lengths.setdefault(letter, (length, name))
            if length != expected:
                raise ValueError(
                    f"{name} has axes [{axes}] and arrived with shape {array.shape}: axis {axis} ({letter}) "
                    f"must be {expected}, as in {first}, but is {length}."
                )
        arrays.append(array)
    return arrays
