"""A bounded polytope in the coordinates of a simplex around it, without rounding.

A *frame* of a polytope of dimension d is a simplex of D = d + 1 points that contains it, in the same affine
hull. Every commitment x has shares w in the frame: w >= 0, sum w = 1, x = sum_k w_k points[k]. Payoffs that
are linear in x are linear in w, with the payoffs at the points as coefficients: what is true of the simplex
and its pure commitments holds for the frame and its points, but for facets that cut a piece off the frame.
So geometry and solvers work on shares, and know of a polytope its facets and vertices alone.

The floats that describe a polytope are taken as the rational numbers that they are. Affine hull, frame,
facets and vertices are found in whole numbers.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxstack import exact
from jaxstack._pytree import is_traced
from jaxstack.axes import Array, Bool, Float, Int
from jaxstack.strategies.double_description import MAX_VERTICES, facets_among, vertices_of

_COARSE = 10  # bits of a frame's bounds, where a program with tolerances finds them

Row = tuple[Fraction, ...]
"""Coefficients of the free coordinates, then the constant: the row holds where their sum is >= 0."""


@dataclasses.dataclass(frozen=True, eq=False)
class Frame:
    """A polytope of dimension d in R^L, in the shares of a simplex of D = d + 1 points around it.

    The last point is `low` in the free coordinates; the k-th adds `width` to the k-th of them. Coordinates
    that equations determine depend on free ones before them only: so points in the lexicographic order of
    their shares are in that of their coordinates, too.

    Attributes:
      free: [d] indices of coordinates that determine the others.
      low, width: [d] and [] float64.
      offset, directions: [L] and [L, d] float64: x = offset + directions @ x[free].
      points: [D, L] Python integers over `scale`: the frame.
      facets: [F, D] Python integers: the polytope is {w : facets @ w >= 0} within the frame's hull.
      vertices: [M, D] Python integers, shares of vertices up to a factor, or None where these are many.
      incidence: [M, F] bool, True where the vertex lies on the facet, or None.
      centre: [D] float64, shares of a point inside all facets.
    """

    free: Int[np.ndarray, "d"]
    low: Float[np.ndarray, "d"]
    width: float
    offset: Float[np.ndarray, "L"]
    directions: Float[np.ndarray, "L d"]
    points: np.ndarray
    scale: int
    facets: np.ndarray
    vertices: np.ndarray | None
    incidence: Bool[np.ndarray, "M F"] | None
    centre: Float[np.ndarray, "D"]

    @property
    def dimension(self) -> int:
        return len(self.free)

    @property
    def walls(self) -> np.ndarray:
        """[W, D] Python integers: those facets that are no facets of the frame."""
        return self.facets[(self.facets < 0).any(axis=1)]

    @property
    def float_points(self) -> Float[np.ndarray, "D L"]:
        return exact.as_floats(self.points, self.scale)

    def shares(self, x: Float[Array, "*S L"]) -> Float[Array, "*S D"]:
        """Shares of commitments; they need not lie in the frame. NumPy or JAX."""
        numpy = jnp if is_traced(x) else np
        parts = (x[..., self.free] - numpy.asarray(self.low, x.dtype)) / numpy.asarray(self.width, x.dtype)
        return numpy.concatenate([parts, 1 - parts.sum(axis=-1, keepdims=True)], axis=-1)

    def commitments(self, shares: Float[np.ndarray, "*S D"]) -> Float[np.ndarray, "*S L"]:
        """Commitments of shares."""
        x = self.low + self.width * np.asarray(shares)[..., :-1]
        return self.offset + x @ self.directions.T

    def at_points(self, rows: np.ndarray) -> np.ndarray:
        """Linear forms [L, ..] of Python integers at the frame's points, times `scale`: [D, ..]."""
        values = np.zeros((len(self.points), *rows.shape[1:]), np.int64).astype(object)
        for k, point in enumerate(self.points):
            for column in np.flatnonzero(point):
                values[k] = values[k] + point[column] * rows[column]
        return values


def build_frame(G: np.ndarray, h: np.ndarray, E: np.ndarray, f: np.ndarray) -> Frame:
    """The frame of {x : G x <= h, E x = f}, whatever its dimension.

    Inequalities that no point of the set makes strict are taken as equations.

    Raises:
      ValueError: the set is empty, or unbounded (with a ray); or it is flat without saying so in E, and has
        too many vertices to find out.
    """
    equations = [_fractions([*row, value]) for row, value in zip(E, f, strict=True)]
    inequalities = [_fractions([*row, value]) for row, value in zip(G, h, strict=True)]
    while True:
        free, offset, directions = _affine_hull(equations, G.shape[1])
        rows = _in_free(inequalities, offset, directions)
        low, width = _bounds(rows, len(free), (G, h, E, f))
        rows = _sides(low, width) + rows
        at_points = np.array([_at_points(row, low, width) for row in rows], object)
        at_points = at_points.reshape(len(rows), len(free) + 1)
        if (at_points[:, :] < 0).all(axis=1).any():
            raise _empty("an inequality holds nowhere on the set of the others")
        walls = np.flatnonzero((at_points < 0).any(axis=1))
        found = vertices_of(at_points[walls])
        if found is None:
            facets = np.concatenate([at_points[: len(free) + 1], at_points[walls]])
            return _frame(free, offset, directions, low, width, facets, None, None)
        vertices, tight = found
        if not len(vertices):
            raise _empty("no point satisfies all inequalities and equations")
        flat = np.flatnonzero(tight.all(axis=0))
        if not len(flat):
            kept = facets_among(tight)
            facets = np.concatenate([at_points[: len(free) + 1], at_points[walls]])[kept]
            return _frame(free, offset, directions, low, width, facets, vertices, tight[:, kept])
        used = np.concatenate([np.arange(len(free) + 1), walls])[flat]
        equations += [_as_equation(rows[j], free, G.shape[1]) for j in used]


def _affine_hull(equations: list[Row], size: int) -> tuple[np.ndarray, list[Fraction], list[list[Fraction]]]:
    """Free coordinates, and x = offset + directions @ x[free], of {x : E x = f}.

    Each equation determines the last of its coordinates, in terms of free ones before it.
    """
    reduced: dict[int, list[Fraction]] = {}
    for equation in equations:
        row = list(equation)
        for column, pivot in reduced.items():
            if row[column]:
                factor = row[column]
                row = [a - factor * b for a, b in zip(row, pivot, strict=True)]
        column = next((c for c in reversed(range(size)) if row[c]), -1)
        if column < 0:
            if row[-1]:
                raise _empty("the equations contradict each other (floats are taken exactly)")
            continue
        row = [entry / row[column] for entry in row]
        for other, pivot in reduced.items():
            if pivot[column]:
                factor = pivot[column]
                reduced[other] = [a - factor * b for a, b in zip(pivot, row, strict=True)]
        reduced[column] = row
    free = [c for c in range(size) if c not in reduced]
    zero, one = Fraction(0), Fraction(1)
    offset = [reduced[c][-1] if c in reduced else zero for c in range(size)]
    directions = [
        [-reduced[c][j] if c in reduced else (one if c == j else zero) for j in free] for c in range(size)
    ]
    return np.array(free, np.int64), offset, directions


def _in_free(inequalities: list[Row], offset: list[Fraction], directions: list[list[Fraction]]) -> list[Row]:
    """G x <= h as rows over the free coordinates; those that hold everywhere are left out."""
    rows = []
    for inequality in inequalities:
        *normal, bound = inequality
        used = [(c, g) for c, g in enumerate(normal) if g]
        constant = bound - sum((g * offset[c] for c, g in used), Fraction(0))
        row = [-sum((g * directions[c][j] for c, g in used), Fraction(0)) for j in range(len(directions[0]))]
        if any(row):
            rows.append((*row, constant))
        elif constant < 0:
            raise _empty("an inequality contradicts the equations (floats are taken exactly)")
    return rows


def _bounds(rows: list[Row], size: int, given: tuple[Any, ...]) -> tuple[list[Fraction], Fraction]:
    """Lower bounds of the free coordinates, and an upper bound on the sum of what they are above them.

    Read off the rows where these say it, otherwise from a linear program, with a margin.
    """
    lows: list[Fraction | None] = [None] * size
    highs: list[Fraction | None] = [None] * size
    for row in rows:
        used = [j for j in range(size) if row[j]]
        if len(used) == 1:
            (j,) = used
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
    widths = []
    for row in [*rows, (*[Fraction(0)] * size, Fraction(0))]:
        used = [j for j in range(size) if row[j]]
        rest = [highs[j] for j in range(size) if not row[j]]
        if any(row[j] > 0 for j in used) or any(bound is None for bound in rest):
            continue
        room = row[-1] + sum((row[j] * known[j] for j in used), Fraction(0))
        share = room / min(-row[j] for j in used) if used else Fraction(0)
        free = (highs[j] - known[j] for j in range(size) if not row[j])  # type: ignore[operator]
        widths.append(share + sum(free, Fraction(0)))
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
        empty = linprog(np.zeros(size), **arguments).status == 2 if len(rows) else False
        raise _empty("no point satisfies all inequalities and equations") if empty else _unbounded(*given)
    most = -float(found.fun)
    other = linprog(-cost, **arguments)
    spread = abs(most - float(other.fun)) if other.status == 0 else abs(most)
    spread = max(spread, 1e-6 * max(1.0, abs(most)))
    step = Fraction(2) ** (math.frexp(spread)[1] - _COARSE)
    return sign * (Fraction(math.ceil(Fraction(most) / step + Fraction(1, 8))) * step)


def _sides(low: list[Fraction], width: Fraction) -> list[Row]:
    """The facets of the frame, as rows: x_k >= low_k for all k, and sum (x - low) <= width."""
    zero, size = Fraction(0), len(low)
    rows = [(*(Fraction(int(j == k)) for j in range(size)), -low[k]) for k in range(size)]
    return [*rows, (*[Fraction(-1)] * size, width + sum(low, zero))]


def _at_points(row: Row, low: list[Fraction], width: Fraction) -> list[int]:
    """A row at the frame's points, in whole numbers."""
    last = row[-1] + sum((a * b for a, b in zip(row[:-1], low, strict=True) if a), Fraction(0))
    return _whole([last + width * a for a in row[:-1]] + [last])


def _whole(values: Sequence[Fraction]) -> list[int]:
    """Integers in the ratio of fractions, as small as can be."""
    common = math.lcm(*(value.denominator for value in values))
    numbers = [int(value * common) for value in values]
    divisor = math.gcd(*numbers) or 1
    return [number // divisor for number in numbers]


def _as_equation(row: Row, free: np.ndarray, size: int) -> Row:
    """A row of the free coordinates that is 0, as an equation of all coordinates: normal, then value."""
    normal = [Fraction(0)] * size
    for j, column in enumerate(free):
        normal[column] = row[j]
    return (*normal, -row[-1])


def _frame(
    free: np.ndarray,
    offset: list[Fraction],
    directions: list[list[Fraction]],
    low: list[Fraction],
    width: Fraction,
    facets: np.ndarray,
    vertices: np.ndarray | None,
    incidence: np.ndarray | None,
) -> Frame:
    """The frame, with the numbers that depend on all that."""
    start = [
        o + sum((d * b for d, b in zip(row, low, strict=True) if d), Fraction(0))
        for o, row in zip(offset, directions, strict=True)
    ]
    points = [
        [s + width * row[k] for s, row in zip(start, directions, strict=True)] for k in range(len(free))
    ]
    flat = [entry for point in [*points, start] for entry in point]
    scale = math.lcm(*(entry.denominator for entry in flat))
    whole = np.array([int(entry * scale) for entry in flat], object).reshape(len(free) + 1, len(offset))
    return Frame(
        free,
        np.array([float(b) for b in low]),
        float(width),
        np.array([float(o) for o in offset]),
        np.array([[float(d) for d in row] for row in directions]).reshape(len(offset), len(free)),
        whole,
        scale,
        facets,
        vertices,
        incidence,
        _centre(facets, vertices),
    )


def _centre(facets: np.ndarray, vertices: np.ndarray | None) -> np.ndarray:
    """Shares of a point inside: the mean of the vertices, or one of the largest least margin."""
    if vertices is not None:
        shares = exact.as_floats(vertices, vertices.sum(axis=1)[:, None])
        return np.asarray(shares.mean(axis=0))
    from scipy.optimize import linprog

    size = facets.shape[1]
    rows = exact.as_floats(facets, np.abs(facets).max(axis=1)[:, None])
    found = linprog(
        np.append(np.zeros(size), -1.0),
        A_ub=np.column_stack([-rows, np.ones(len(rows))]),
        b_ub=np.zeros(len(rows)),
        A_eq=np.append(np.ones(size), 0.0)[None],
        b_eq=np.ones(1),
        bounds=(None, None),
        method="highs",
    )
    if found.status != 0 or found.x[-1] < 1e-9:
        raise ValueError(
            f"the strategy set has more than {MAX_VERTICES:,} vertices on the way, and no point that "
            f"makes all inequalities strict: it is empty, or lies in equations that are not written as such. "
            f"Write equations into E x = f, and check that some point satisfies everything."
        )
    return np.asarray(found.x[:-1])


def _fractions(values: Sequence[float]) -> Row:
    return tuple(Fraction(float(value)) for value in values)


def _empty(why: str) -> ValueError:
    return ValueError(
        f"the strategy set is empty: {why}. Check the signs and bounds of G x <= h and E x = f; of equations "
        f"that follow from others, keep one."
    )


def _unbounded(G: np.ndarray, h: np.ndarray, E: np.ndarray, f: np.ndarray) -> ValueError:
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
    return ValueError(
        f"the strategy set is unbounded: it contains a ray in direction {np.round(ray, 6).tolist()}, along "
        f"which a commitment could go on for ever. Add the bounds that are meant, such as x <= 1."
    )
