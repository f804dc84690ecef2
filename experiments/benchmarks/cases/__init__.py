"""The cases: each module has `run(effort)`, which yields rows."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
      seconds: what one call of a calibrated contestant should take.
      repeats: turns of every contestant.
      full: the sizes that a claim is made for; otherwise sizes for a look.
    """

    seconds: float
    repeats: int
    full: bool


QUICK = Effort(seconds=0.1, repeats=3, full=False)
FULL = Effort(seconds=1.0, repeats=5, full=True)

NAMES = (
    "learners",
    "posterior",
    "devices",
    "regions",
    "skip",
    "enumeration",
    "solve",
    "memory",
    "growth",
    "rows",
    "loading",
    "waiting",
    "gpu",
    "traffic",
)
