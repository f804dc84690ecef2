"""What is claimed, what is measured, and the rules that judge it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

NOTHING = 1e-9
"""Regret in payoff units that is rounding."""

HOLDS, FAILS, OPEN = "holds", "does not", "cannot tell"
_BENDS = -0.005  # change of an exponent from the first to the second half that is no rounding


@dataclasses.dataclass(frozen=True)
class Claim:
    """What a reader is told before the numbers.

    Attributes:
      number: as in the table.
      title: the claim, in a sentence.
      source: theorem or section.
      varied: what the experiment varies.
      remedy: what would decide where the intervals do not.
      reading: what of it is a reading of the theorem, which measures may contradict and the theorem not.
      x64: play in double precision.
      machine_dependent: the numbers are times, and other machines have others.
    """

    number: int
    title: str
    source: str
    varied: str
    remedy: str
    reading: str = ""
    x64: bool = False
    machine_dependent: bool = False


class Interval(NamedTuple):
    """A measured value with its 95 % interval."""

    value: float
    low: float
    high: float


class Fit(NamedTuple):
    """A power law through points: exponent, range of the abscissa, largest |measured / fitted - 1|.

    `bend` is the slope of the second half of the points less that of the first; nan for two points.
    """

    exponent: Interval
    window: tuple[float, float]
    residual: float
    bend: Interval


@dataclasses.dataclass(frozen=True)
class Rule:
    """Judges an interval: it holds within [low, high], does not beyond [refuted_below, refuted_above].

    The second range is the wider one: an interval that reaches between the two decides nothing.
    """

    text: str
    low: float = -math.inf
    high: float = math.inf
    refuted_below: float = -math.inf
    refuted_above: float = math.inf
    bending_excuses: bool = False  # growth that slows down refutes no bound that holds from some T on

    def verdict(self, measured: Interval) -> str:
        """ "holds", "does not" or "cannot tell"; without an interval nothing can be told."""
        if not np.isfinite(measured).all():
            return OPEN
        if self.low <= measured.low and measured.high <= self.high:
            return HOLDS
        if measured.high < self.refuted_below or measured.low > self.refuted_above:
            return FAILS
        return OPEN


def at_most(limit: float) -> Rule:
    """At most `limit`."""
    return Rule(f"at most {limit:.3g}", high=limit, refuted_above=limit)


def at_least(limit: float) -> Rule:
    """At least `limit`."""
    return Rule(f"at least {limit:.3g}", low=limit, refuted_below=limit)


def between(low: float, high: float) -> Rule:
    """From `low` to `high`."""
    return Rule(f"{low:.3g} to {high:.3g}", low, high, low, high)


SQRT_RATE = Rule(
    "at most 0.55; refuted by 0.95 or more that does not fall",
    high=0.55,
    refuted_above=0.95,
    bending_excuses=True,
)
"""For an upper bound of order sqrt(T): what grows faster in the window may still be on its way there."""


@dataclasses.dataclass(frozen=True)
class Check:
    """One measured number, and the rule that judges it if any."""

    what: str
    measured: Interval
    rule: Rule | None
    fit: Fit | None = None

    @property
    def verdict(self) -> str:
        """By the rule; none where the number is only reported."""
        if self.rule is None:
            return ""
        verdict = self.rule.verdict(self.measured)
        bends = self.fit is not None and self.fit.bend.high < _BENDS
        return OPEN if verdict == FAILS and self.rule.bending_excuses and bends else verdict

    @classmethod
    def of_fit(cls, what: str, fit: Fit, rule: Rule | None) -> Check:
        """A check of the exponent of a fit."""
        return cls(what, fit.exponent, rule, fit)


LEARNT = 0.9
"""Share of the regret of uniform play, below which a learner has learnt something."""


def verdict_of(checks: Sequence[Check]) -> str:
    """The worst: a claim holds when all of its checks do."""
    verdicts = {check.verdict for check in checks}
    return next((worst for worst in (FAILS, OPEN) if worst in verdicts), HOLDS)
