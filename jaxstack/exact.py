"""Exact arithmetic on floats, for the few decisions that rounding must not take.

A float is a rational number, and rows of them are integers up to a positive factor, which changes no sign: so
the side of a hyperplane on which a point lies, whether a region is empty or flat, and its best vertex can all
be decided without error. Rows are NumPy arrays of Python integers (dtype object), worked on side by side; a
product takes about 60 ns. Results become floats at the end, each correctly rounded.
"""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np

from jaxstack.axes import Bool, Float, Int


def integers(values: Float[np.ndarray, "*rows L"]) -> np.ndarray:
    """Python integers in the ratio of the floats of each row, as small as powers of two allow.

    Args:
      values: [.., L] floats, finite; or Python integers, which are returned as they are.

    Returns:
      [.., L] object: row * 2^k for some whole k of each row.
    """
    if np.asarray(values).dtype == object:
        return np.asarray(values)
    values = np.asarray(values, np.float64)
    mantissas, exponents = np.frexp(values)
    whole = (mantissas * 2.0**53).astype(np.int64)
    exponents = np.where(whole == 0, np.iinfo(np.int32).max, exponents)  # zeros fit any exponent
    trailing = np.bitwise_count((whole & -whole) - 1).astype(np.int64)  # 64 for 0, which is shifted nowhere
    trailing = np.where(whole == 0, 0, trailing)
    exponents = exponents + trailing
    shift = exponents - exponents.min(axis=-1, keepdims=True, initial=np.iinfo(np.int32).max)
    return (whole >> trailing).astype(object) << np.where(whole == 0, 0, shift).astype(object)


def differences(payoffs: Float[np.ndarray, "*rows L"], others: Float[np.ndarray, "*rows L"]) -> np.ndarray:
    """`payoffs` minus `others` without rounding, as `integers` of each row: [.., L] object."""
    both = integers(np.concatenate(np.broadcast_arrays(payoffs, others), axis=-1))
    first, second = np.split(both, 2, axis=-1)
    return first - second


def preference_rows(
    follower: Float[np.ndarray, "n K L A"], response: Int[np.ndarray, "n K"]
) -> tuple[np.ndarray, Int[np.ndarray, "m 4"]]:
    """R(W) = {x in the simplex : rows @ x >= 0} for one response map W, without rounding.

    Args:
      follower: [n, K, L, A] float64, follower payoffs of one game.
      response: [n, K], W.

    Returns:
      Rows [m, L] object, one for each follower type and each action that is not equal to the one it plays
      (m may be 0); and [m, 4] int64: follower, type, the action played, and the other one.
    """
    follower, response = np.asarray(follower, np.float64), np.asarray(response)
    by_action = np.swapaxes(follower, -1, -2)  # [n, K, A, L]
    played = np.take_along_axis(by_action, response[:, :, None, None], axis=2)
    i, k, other = np.nonzero((played != by_action).any(axis=-1))
    rows = differences(played[i, k, 0], by_action[i, k, other])
    return rows.reshape(-1, follower.shape[2]), np.stack([i, k, response[i, k], other], axis=1)


def best_vertex(
    objective: Float[np.ndarray, "L"], rows: np.ndarray
) -> tuple[Float[np.ndarray, "L"], Bool[np.ndarray, "m"]] | None:
    """A vertex that maximises <objective, x> over {x in the simplex : rows @ x >= 0}, found exactly.

    Args:
      objective: [L] floats (or Python integers).
      rows: [m, L] floats, or Python integers as of `preference_rows`; m may be 0.

    Returns:
      The vertex [L], every coordinate correctly rounded; and [m] bool, the rows with <row, x> = 0 exactly.
      None where the set is empty.

    Source: dual simplex method with Bland's rule, which ends always; integers throughout (Edmonds 1967).
    """
    optimum = _maximise(integers(objective), integers(rows))
    if optimum is None:
        return None
    numerators, denominator, slacks = optimum
    return as_floats(numerators, denominator), (slacks == 0).astype(bool)


def interior_point(rows: np.ndarray) -> Float[np.ndarray, "L"] | None:
    """A point of {x in the simplex : rows @ x >= 0} with all inequalities strict; None where there is none.

    The set has dimension L-1 exactly where there is such a point, if no row is 0 (a row of zeros holds
    nowhere strictly). Of all points, the one with the largest least margin, a row's in units of its largest
    entry.

    Args:
      rows: [m, L] floats or Python integers; m may be 0.

    Returns:
      [L] floats, correctly rounded: of a set thinner than rounding they may lie outside.
    """
    rows = integers(rows)
    num_rows, num_leader = rows.shape
    # x = w + t / L with t + sum w = 1 and w >= 0: every coordinate is at least t / L, and so is every row.
    norms = np.abs(rows).max(axis=1, initial=0)
    lifted = np.concatenate([(rows.sum(axis=1) - norms)[:, None], num_leader * rows], axis=1)
    optimum = _maximise(integers(np.eye(num_leader + 1)[0]), lifted)
    if optimum is None or optimum[0][0] == 0 or not (num_rows == 0 or norms.all()):
        return None
    (margin, *rest), denominator, _ = optimum
    return as_floats(num_leader * np.array(rest, object) + margin, num_leader * denominator)


def meeting_points(rows: np.ndarray) -> np.ndarray:
    """Where L-1 hyperplanes <row, y> = 0 meet: [.., L] object, in any scale, of rows [.., L-1, L].

    The coordinates are minors (Cramer's rule). All are 0 where the hyperplanes are dependent.
    """
    *_, size, num_leader = rows.shape
    if num_leader == 1:
        return np.ones((*rows.shape[:-2], 1), np.int64).astype(object)
    minors: dict[tuple[int, ...], np.ndarray] = {
        (column,): rows[..., 0, column] for column in range(num_leader)
    }
    for last in range(1, size):
        minors = {
            columns: functools.reduce(
                np.add,
                (
                    (-1) ** (last - k) * rows[..., last, column] * minors[columns[:k] + columns[k + 1 :]]
                    for k, column in enumerate(columns)
                ),
            )
            for columns in itertools.combinations(range(num_leader), last + 1)
        }
    every = tuple(range(num_leader))
    return np.stack([(-1) ** k * minors[every[:k] + every[k + 1 :]] for k in every], axis=-1)


def as_floats(numerators: np.ndarray, denominators: np.ndarray | int) -> Float[np.ndarray, "*shape"]:
    """Quotients of Python integers as float64, each correctly rounded."""
    return (numerators / np.asarray(denominators, object)).astype(np.float64)  # int / int rounds correctly


def scaled(rows: np.ndarray) -> Float[np.ndarray, "*rows L"]:
    """Rows [.., L] of Python integers as floats, times a power of two each: the largest is in [1/2, 1)."""
    return as_floats(rows, _POWER(np.abs(rows).max(axis=-1, keepdims=True, initial=0)))


def odd_part(rows: np.ndarray) -> np.ndarray:
    """[..] float: the power of two above a row of Python integers, in units of its last binary digit."""
    common = np.gcd.reduce(rows, axis=-1)
    highest = _POWER(np.abs(rows).max(axis=-1, initial=0))
    return np.array(_QUOTIENT(highest, common), dtype=np.float64)


def _quotient(power: int, common: int) -> float:
    digits = power // (common & -common) if common else 1
    return float(digits) if digits < 2**1000 else math.inf


_POWER = np.frompyfunc(lambda entry: 1 << int(entry).bit_length(), 1, 1)
_QUOTIENT = np.frompyfunc(_quotient, 2, 1)


def _maximise(objective: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, int, np.ndarray] | None:
    """Numerators [L] and denominator of a best vertex, and the rows' values [m] there in some positive scale.

    One coordinate is expressed by the others, x_j = 1 - sum of them, where j has the largest objective: then
    0 is optimal but for the inequalities that it violates, and the dual simplex method mends these.
    """
    num_leader = len(objective)
    j = int(np.argmax(objective))
    others = [column for column in range(num_leader) if column != j]
    # Variables: x_0 .. x_{L-1}, then one slack per row. `table` has the basic ones as (constant, coefficients
    # of the nonbasic ones) over a common denominator; its last row is the objective.
    equations = np.concatenate([integers(np.eye(num_leader)[[j]]), rows, objective[None]])
    table = np.concatenate([equations[:, [j]], equations[:, others] - equations[:, [j]]], axis=1)
    basic, nonbasic = [j, *range(num_leader, num_leader + len(rows))], list(others)
    denominator: int = 1
    while True:
        negative = [i for i in range(len(basic)) if table[i, 0] < 0]
        if not negative:
            break
        leaving = min(negative, key=basic.__getitem__)
        entering = _entering(table[leaving], table[-1], nonbasic)
        if entering is None:
            return None
        table, denominator = _pivot(table, denominator, leaving, entering)
        basic[leaving], nonbasic[entering - 1] = nonbasic[entering - 1], basic[leaving]
    values = np.zeros(num_leader + len(rows), np.int64).astype(object)
    values[basic] = table[:-1, 0]
    divisor = math.gcd(denominator, *values[:num_leader])
    return values[:num_leader] // divisor, denominator // divisor, values[num_leader:]


def _entering(row: np.ndarray, objective: np.ndarray, nonbasic: list[int]) -> int | None:
    """Column that makes `row` non-negative and keeps the objective's coefficients at most 0 (ties: Bland)."""
    best: int | None = None
    for column in range(1, len(row)):
        if row[column] <= 0:
            continue
        if best is None:
            best = column
            continue
        # Least |objective| / row, compared without division.
        lead = objective[column] * row[best] - objective[best] * row[column]
        if lead > 0 or (lead == 0 and nonbasic[column - 1] < nonbasic[best - 1]):
            best = column
    return best


def _pivot(table: np.ndarray, denominator: int, row: int, column: int) -> tuple[np.ndarray, int]:
    """Exchange a basic and a nonbasic variable; every division is exact."""
    pivot, of_row, of_column = table[row, column], table[row].copy(), table[:, column].copy()
    table = (table * pivot - of_column[:, None] * of_row) // denominator
    table[:, column] = of_column
    table[row] = -of_row
    table[row, column] = denominator
    return table, pivot
