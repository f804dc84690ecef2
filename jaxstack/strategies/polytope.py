"""A bounded polytope as a leader's strategy set."""

from __future__ import annotations

import dataclasses
import functools
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack import checks, exact
from jaxstack._pytree import host_float64, set_field
from jaxstack.axes import DeviceArray, Float
from jaxstack.strategies.frame import Frame, build_frame, on_few_shares

MEMBERSHIP_TOLERANCE = 1e-6  # on every inequality and equation, relative to its largest coefficient
ROUNDED_TOLERANCE = 1e-4  # of what has been rounded to float32, relative to what is summed
_HULL = 64  # vertices looked for by linear programs where there are too many to list


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True, eq=False)
class Polytope:
    """The bounded set {x in R^L : G x <= h, E x = f}, of any dimension, as a leader's strategy set.

    Two polytopes are equal where their numbers are. The numbers are taken as they are: floats that contradict
    each other in their last digit leave nothing.

    Args:
      G, h: [m, L] and [m], inequalities; m may be 0.
      E, f: [p, L] and [p], equations; none if not given.

    Raises:
      ValueError: shapes that disagree, numbers that are not finite, a set that is empty or unbounded (with a
        ray), or more than 2,048 vertices around a set that is flat without saying so in E.
    """

    G: Any = None
    h: Any = None
    E: Any = None
    f: Any = None

    def __post_init__(self) -> None:
        for first, second in (("G", "h"), ("E", "f")):
            if (getattr(self, first) is None) != (getattr(self, second) is None):
                raise ValueError(
                    f"a polytope needs {first} and {second} together, but one of them is missing."
                )
        for matrix, axes in (("G", "inequalities L"), ("E", "equations L")):
            if getattr(self, matrix) is not None:
                set_field(self, matrix, checks.converted_array(matrix, getattr(self, matrix), axes))
        sizes = [np.shape(matrix)[1] for matrix in (self.G, self.E) if np.ndim(matrix) == 2]
        if not sizes or 0 in sizes:
            raise ValueError(
                f"a polytope needs G with axes [inequalities, L] or E with axes [equations, L], but shapes "
                f"{np.shape(self.G)} and {np.shape(self.E)} arrived."
            )
        for matrix, vector, what in (("G", "h", "inequalities"), ("E", "f", "equations")):
            rows, values = getattr(self, matrix), getattr(self, vector)
            if rows is None or np.size(rows) == np.size(values) == 0:
                rows, values = np.zeros((0, sizes[0])), np.zeros(0)
            else:
                rows = checks.finite_array(matrix, rows, f"{what} L")
                values = checks.finite_array(vector, values, what)
            if rows.shape != (len(values), sizes[0]):
                raise ValueError(
                    f"{matrix} and {vector} must have shapes [{what}, L] and [{what}] with L = {sizes[0]}, "
                    f"but {rows.shape} and {values.shape} arrived."
                )
            set_field(self, matrix, host_float64(rows))
            set_field(self, vector, host_float64(values))
        self.frame  # noqa: B018  # now, so that what is wrong is said where the set is made

    @property
    def num_coordinates(self) -> int:
        """L."""
        return int(self.G.shape[1])

    @property
    def dimension(self) -> int:
        """Of the set: what L - 1 is for the simplex."""
        return self.frame.dimension

    @functools.cached_property
    def frame(self) -> Frame:
        """The set in the shares of a simplex around it."""
        return build_frame(self.G, self.h, self.E, self.f)

    @functools.cached_property
    def vertices(self) -> Float[np.ndarray, "M L"] | None:
        """Vertices in descending lexicographic order, correctly rounded; None where there are too many."""
        whole = self.frame.vertices
        if whole is None:
            return None
        numerators = (whole[:, :, None] * self.frame.points).sum(axis=1)
        points = exact.as_floats(numerators, whole.sum(axis=1)[:, None] * self.frame.scale)
        return points[np.lexsort(-points.T[::-1])]

    @functools.cached_property
    def hull_shares(self) -> Float[np.ndarray, "M D"]:
        """Shares of the vertices; of some of them where there are too many to list."""
        whole = self.frame.vertices
        if whole is not None:
            return exact.as_floats(whole, whole.sum(axis=1)[:, None])
        from scipy.optimize import linprog

        size, found = self.dimension + 1, []
        walls, constant = on_few_shares(self.wall_rows)
        for direction in np.random.default_rng(0).normal(size=(_HULL, size)):
            program = linprog(direction, A_ub=-walls, b_ub=constant, A_eq=np.ones((1, size)), b_eq=[1])
            if program.status == 0:
                found.append(np.maximum(program.x, 0.0))
        return np.array([point / point.sum() for point in found])

    @property
    def outline(self) -> Float[np.ndarray, "M L"]:
        """Points whose hull is the set: its vertices; where these are too many to list, it is larger."""
        return self.frame.float_points if self.vertices is None else self.vertices

    @functools.cached_property
    def is_simplex(self) -> bool:
        """Is this the set of mixed strategies over L actions?"""
        frame, size = self.frame, self.num_coordinates
        is_whole = not len(frame.walls) and frame.dimension == size - 1
        return is_whole and bool((frame.points == frame.scale * exact.integers(np.eye(size))).all())

    @functools.cached_property
    def wall_rows(self) -> Float[np.ndarray, "W D"]:
        """Facets that are none of the frame, of unit maximum norm: wall_rows @ shares >= 0."""
        walls = self.frame.walls
        return exact.as_floats(walls, np.abs(walls).max(axis=1, initial=1)[:, None])

    @functools.cached_property
    def unit(self) -> Float[np.ndarray, "L"] | None:
        """Coefficients with <unit, x> = 1 for all x in the set; None where 0 lies in its affine hull."""
        whole = [Fraction(int(entry), self.frame.scale) for entry in self.frame.points.ravel()]
        points = [whole[k : k + self.num_coordinates] for k in range(0, len(whole), self.num_coordinates)]
        for normal, value in zip(self.E, self.f, strict=True):
            if value:
                return np.asarray(normal / value)
        solved = np.linalg.lstsq(np.array(points, float), np.ones(len(points)), rcond=None)[0]
        return (
            np.asarray(solved)
            if np.allclose(np.array(points, float) @ solved, 1.0, rtol=0, atol=1e-9)
            else None
        )

    def with_constant(self) -> Polytope:
        """The set with one coordinate more, the last, that is always 1: for payoffs that are affine."""
        return affine(self.G, self.h, self.E, self.f)

    def checked(self, x: Float[np.ndarray, "L"], rounded: bool = False) -> Float[np.ndarray, "L"]:
        """x, moved into the set where it is outside by no more than the tolerance.

        Args:
          x: float64.
          rounded: whether it has been rounded to float32 before.

        Raises:
          ValueError: the inequality or the equation that is violated most, and by how much.
        """
        for rows, values, sign, name in (
            (self.G, self.h, "<=", "G x <= h"),
            (self.E, self.f, "=", "E x = f"),
        ):
            excess = rows @ x - values
            excess = excess if sign == "<=" else np.abs(excess)
            if rounded:
                allowed = ROUNDED_TOLERANCE * self._summed(rows, values)
            else:
                allowed = MEMBERSHIP_TOLERANCE * _largest(rows, values)
            if (excess > allowed).any():
                worst = int((excess - allowed).argmax())
                raise ValueError(
                    f"commitment must lie in the strategy set ({name}), but {np.round(x, 9).tolist()} "
                    f"violates row {worst}: {rows[worst].tolist()} @ x = {rows[worst] @ x:.9g}, and not "
                    f"{sign} {values[worst]:.9g}."
                )
        frame = self.frame
        shares, rows = (
            frame.shares(x),
            exact.as_floats(frame.facets, np.abs(frame.facets).max(axis=1)[:, None]),
        )
        outside, inside = -(rows @ shares), rows @ frame.centre
        step = (np.maximum(outside, 0) / (np.maximum(outside, 0) + inside)).max(initial=0.0)
        moved = frame.commitments(shares + step * (frame.centre - shares))
        return np.asarray(moved if step > 0 else x)

    def outside(self, x: Float[DeviceArray, "L"]) -> Float[DeviceArray, ""]:
        """By how much x violates an inequality or equation at most, relative to what is summed in it."""
        rows, values = np.concatenate([self.G, self.E]), np.concatenate([self.h, self.f])
        excess = rows @ x - values
        excess = jnp.where(np.arange(len(rows)) < len(self.G), excess, jnp.abs(excess))
        scale = self._summed(rows, values)
        return (excess / np.where(scale > 0, scale, 1.0)).max()

    def _summed(self, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        """How large the terms of inequalities or equations become in the set: so does rounding."""
        return np.maximum(_largest(rows, values), np.abs(rows) @ np.abs(self.outline).max(axis=0))

    def sample(self, rng: np.random.Generator, spread: float, count: int) -> Float[np.ndarray, "S D"]:
        """Shares of random points, each between D random vertices; near few where `spread` is small."""
        corners, size = self.hull_shares, self.frame.dimension + 1
        chosen = rng.integers(len(corners), size=(count, size))
        return np.einsum("sk,skd->sd", rng.dirichlet(np.full(size, spread), size=count), corners[chosen])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polytope) and self._numbers == other._numbers

    def __hash__(self) -> int:
        return hash(self._numbers)

    @functools.cached_property
    def _numbers(self) -> tuple[Any, ...]:
        arrays = (self.G, self.h, self.E, self.f)
        return tuple((array.shape, (array + 0.0).tobytes()) for array in arrays)

    def __repr__(self) -> str:
        return (
            f"Polytope(L={self.num_coordinates}, dimension={self.dimension}, {len(self.G)} inequalities, "
            f"{len(self.E)} equations)"
        )


def affine(G: Any, h: Any, E: Any = None, f: Any = None) -> Polytope:
    """{(x, 1) : G x <= h, E x = f}: payoffs that are linear on it are affine in x."""
    size = np.shape(G)[1]
    E, f = (np.zeros((0, size)), np.zeros(0)) if E is None else (E, f)
    inequalities, equations = (np.pad(rows, ((0, 0), (0, 1))) for rows in (G, E))
    one = np.append(np.zeros(size), 1.0)
    return Polytope(inequalities, h, np.concatenate([equations, one[None]]), np.append(f, 1.0))


def _largest(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The largest number in each inequality or equation."""
    return np.maximum(np.abs(rows).max(axis=1, initial=0.0), np.abs(values))
