"""How far a polytope reaches in each coordinate: read off its rows, or by linear programs with a margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

ZERO = Fraction(0)
_COARSE = 10  # bits of a frame's bounds, where a program with tolerances finds them

Row = tuple[Fraction, ...]
"""Coefficients of the free coordinates, then the constant: the row holds where their sum is >= 0."""


def bounds(rows: list[Row], size: int, given: tuple[Any, ...]) -> tuple[list[Fraction], Fraction]:
    """Lower bounds of the free coordinates, and an upper bound on the sum of what they are above them.

    Read off the rows where these say it, otherwise from a linear program, with a margin.
    """
    lows: list[Fraction | None] = [None] * size
    highs: list[Fraction | None] = [None] * size
    for row in rows:
        used = entries(row[:-1])
        if len(used) == 1:
            ((j, _),) = used
            at = -row[-1] / row[j]
            if row[j] > 0:
                lows[j] = at if lows[j] is None else max(lows[j], at)  # type: ignore[type-var]
            else:
                highs[j] = at if highs[j] is None else min(highs[j], at)  # type: ignore[type-var]
    low = [_floor(bound) if bound is not None else None for bound in lows]
    for j in range(size):
        if low[j] is None:
            low[j] = _by_program(rows, size, [-Fraction(int(j == k)) for k in range(size)], -1, given)
    known = [bound for bound in low if bound is not None]
    spans = {j: high - known[j] for j, high in enumerate(highs) if high is not None}
    all_spans, widths = sum(spans.values(), ZERO), []
    for row in [*rows, (*[ZERO] * size, ZERO)]:
        used = entries(row[:-1])
        bounded = [spans[j] for j, _ in used if j in spans]
        if any(a > 0 for _, a in used) or len(spans) - len(bounded) < size - len(used):
            continue
        room = row[-1] + sum((a * known[j] for j, a in used), ZERO)
        share = room / min(-a for _, a in used) if used else ZERO
        widths.append(share + all_spans - sum(bounded, ZERO))
    if widths:
        width = -_floor(-min(widths))
    else:
        width = _by_program(rows, size, [Fraction(1)] * size, 1, given) - sum(known, Fraction(0))
    return known, width if width > 0 else Fraction(1)


def _floor(value: Fraction) -> Fraction:
    """The largest float that is not above."""
    rounded = float(value)
    return Fraction(rounded if Fraction(rounded) <= value else np.nextafter(rounded, -np.inf))


def _by_program(
    rows: list[Row], size: int, objective: list[Fraction], sign: int, given: tuple[Any, ...]
) -> Fraction:
    """sign * max <objective, x>, rounded generously outwards to few bits.

    Raises:
      ValueError: the set is empty or unbounded.
    """
    from scipy.optimize import linprog

    table = np.array([[float(entry) for entry in row] for row in rows]).reshape(len(rows), size + 1)
    table /= np.abs(table[:, :-1]).max(axis=1, keepdims=True, initial=np.finfo(float).tiny)
    arguments = {"A_ub": -table[:, :-1], "b_ub": table[:, -1], "bounds": (None, None), "method": "highs"}
    cost = -np.array([float(entry) for entry in objective])
    found = linprog(cost, **(arguments if len(rows) else {"bounds": (None, None)}))
    if found.status != 0:
        is_empty = linprog(np.zeros(size), **arguments).status == 2 if len(rows) else False
        raise empty("no point satisfies all inequalities and equations") if is_empty else unbounded(*given)
    most = -float(found.fun)
    other = linprog(-cost, **arguments)
    spread = abs(most - float(other.fun)) if other.status == 0 else abs(most)
    spread = max(spread, 1e-6 * max(1.0, abs(most)))
    step = Fraction(2) ** (math.frexp(spread)[1] - _COARSE)
    return sign * (Fraction(math.ceil(Fraction(most) / step + Fraction(1, 8))) * step)


def entries(row: Sequence[Fraction]) -> list[tuple[int, Fraction]]:
    """The entries that are not 0, with their places; most are 0 in large sets, and then one object."""
    return [(j, a) for j, a in enumerate(row) if a is not ZERO and a]


def empty(why: str) -> ValueError:
    """The error for a set without points."""
    return ValueError(
        f"the strategy set is empty: {why}. Check the signs and bounds of G x <= h and E x = f; of equations "
        f"that follow from others, keep one."
    )


def unbounded(G: np.ndarray, h: np.ndarray, E: np.ndarray, f: np.ndarray) -> ValueError:
    """The error for an unbounded set, with a ray."""
    from scipy.optimize import linprog

    size, ray = G.shape[1], np.zeros(G.shape[1])
    for cost in np.concatenate([np.eye(size), -np.eye(size)]):
        found = linprog(
            cost,
            A_ub=G if len(G) else None,
            b_ub=np.zeros(len(h)) if len(G) else None,
            A_eq=E if len(E) else None,
            b_eq=np.zeros(len(f)) if len(E) else None,
            bounds=(-1, 1),
            method="highs",
        )
        if found.status == 0 and found.fun < -1e-9:
            ray = found.x
            break
    direction = (np.round(ray, 6) + 0.0).tolist()
    return ValueError(
        f"the strategy set is unbounded: it contains a ray in direction {direction}, along which a "
        f"commitment could go on for ever. Add the bounds that are meant, such as x <= 1."
    )
