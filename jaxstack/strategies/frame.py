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
from jaxstack.strategies.extent import ZERO, Row, bounds, empty, entries

_ONE = Fraction(1)


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
        low, width = bounds(rows, len(free), (G, h, E, f))
        rows = _sides(low, width) + rows
        at_points = np.array([_at_points(row, low, width) for row in rows], object)
        at_points = at_points.reshape(len(rows), len(free) + 1)
        if (at_points[:, :] < 0).all(axis=1).any():
            raise empty("an inequality holds nowhere on the set of the others")
        walls = np.flatnonzero((at_points < 0).any(axis=1))
        found = vertices_of(at_points[walls])
        if found is None:
            facets = np.concatenate([at_points[: len(free) + 1], at_points[walls]])
            return _frame(free, offset, directions, low, width, facets, None, None)
        vertices, tight = found
        if not len(vertices):
            raise empty("no point satisfies all inequalities and equations")
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
                row = [a - factor * b if b else a for a, b in zip(row, pivot, strict=True)]
        column = next((c for c in reversed(range(size)) if row[c]), -1)
        if column < 0:
            if row[-1]:
                raise empty("the equations contradict each other (floats are taken exactly)")
            continue
        row = [entry / row[column] if entry else ZERO for entry in row]
        for other, pivot in reduced.items():
            if pivot[column]:
                factor = pivot[column]
                reduced[other] = [a - factor * b if b else a for a, b in zip(pivot, row, strict=True)]
        reduced[column] = row
    free = [c for c in range(size) if c not in reduced]
    place = {c: k for k, c in enumerate(free)}
    offset = [reduced[c][-1] if c in reduced else ZERO for c in range(size)]
    directions = [
        [-reduced[c][j] or ZERO for j in free] if c in reduced else _unit(len(free), place[c])
        for c in range(size)
    ]
    return np.array(free, np.int64), offset, directions


def _in_free(inequalities: list[Row], offset: list[Fraction], directions: list[list[Fraction]]) -> list[Row]:
    """G x <= h as rows over the free coordinates; those that hold everywhere are left out."""
    rows = []
    of_direction = [entries(direction) for direction in directions]
    for inequality in inequalities:
        *normal, bound = inequality
        used = entries(normal)
        constant = bound - sum((g * offset[c] for c, g in used if offset[c]), ZERO)
        row = [ZERO] * len(directions[0])
        for c, g in used:
            for j, d in of_direction[c]:
                row[j] -= g * d
        if entries(row):
            rows.append((*row, constant))
        elif constant < 0:
            raise empty("an inequality contradicts the equations (floats are taken exactly)")
    return rows


def _sides(low: list[Fraction], width: Fraction) -> list[Row]:
    """The facets of the frame, as rows: x_k >= low_k for all k, and sum (x - low) <= width."""
    size = len(low)
    rows = [(*_unit(size, k), -low[k]) for k in range(size)]
    return [*rows, (*[-_ONE] * size, width + sum(low, ZERO))]


def _unit(size: int, k: int) -> list[Fraction]:
    """A row of zeros with a 1 at place k."""
    row = [ZERO] * size
    row[k] = _ONE
    return row


def _at_points(row: Row, low: list[Fraction], width: Fraction) -> list[int]:
    """A row at the frame's points, in whole numbers."""
    used = entries(row[:-1])
    last = row[-1] + sum((a * low[j] for j, a in used), ZERO)
    values = [last, *(last + width * a for _, a in used)]
    common = math.lcm(*(value.denominator for value in values))
    numbers = [int(value * common) for value in values]
    divisor = math.gcd(*numbers) or 1
    at_last, *others = (number // divisor for number in numbers)
    whole = [at_last] * len(row)
    for (j, _), number in zip(used, others, strict=True):
        whole[j] = number
    return whole


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
        o + sum((d * low[k] for k, d in entries(row)), ZERO)
        for o, row in zip(offset, directions, strict=True)
    ]
    moved = [(k, c, start[c] + width * d) for c, row in enumerate(directions) for k, d in entries(row)]
    scale = math.lcm(*(entry.denominator for entry in start), *(entry.denominator for _, _, entry in moved))
    whole = np.empty((len(free) + 1, len(offset)), object)
    whole[:] = [int(entry * scale) for entry in start]
    for k, c, entry in moved:
        whole[k, c] = int(entry * scale)
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
    from scipy import sparse
    from scipy.optimize import linprog

    size = facets.shape[1]
    rows, constant = on_few_shares(exact.as_floats(facets, np.abs(facets).max(axis=1)[:, None]))
    found = linprog(
        np.append(np.zeros(size), -1.0),
        A_ub=sparse.hstack([-rows, np.ones((len(constant), 1))]),
        b_ub=constant,
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


def on_few_shares(rows: Float[np.ndarray, "m D"]) -> tuple[Any, Float[np.ndarray, "m"]]:
    """The same forms of shares as sparse rows [m, D] and constants [m].

    At the points of a frame a form that depends on few coordinates has the same value almost everywhere.
    """
    from scipy import sparse

    constant = rows[:, -1]
    return sparse.csr_array(rows - constant[:, None]), constant


def _fractions(values: Sequence[float]) -> Row:
    return tuple(Fraction(float(value)) if value else ZERO for value in values)
