"""Newton steps as in `jaxstack.learners.posterior.newton`, for types too many for a matrix.

A step solves H s = b, where H = diag(own) + sum over response maps of D M^T diag(G / p^2) M D. Conjugate
gradients need its products with vectors alone, S J operations each. They are preconditioned by what H would
be if no more than one map, the one that was in use the most, told types apart: outcomes of one map are sets
of types that have none in common, so that this is inverted in J operations. Late in a game that map has
nearly all the weight, and the diagonal alone would take many more products.

Problems are solved one after the other on CPUs, where no problem waits for another that takes more steps, and
by classes of types. Elsewhere they are solved side by side.

Source: Nocedal and Wright, *Numerical Optimization*, sections 5.1 and 7.1.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxstack.axes import DeviceArray, Float, Int
from jaxstack.learners.posterior.classes import Problem, num_in_use, solve_by_classes
from jaxstack.learners.rows import IN_RANGE

MAX_PRODUCTS = 200  # of one step
RELATIVE_ERROR = 0.1  # of a step, in the norm of H: the next one makes up for it
_INEXACT = 3  # steps for one that is exact: where no map has most of the weight, as many do not suffice
_ACCELERATOR_BYTES = 1 << 30  # of outcomes
LINE_SEARCH = 8
LARGEST_STEP = 16.0
FARTHEST = 10.0  # of a dual number from what it is at a solution, as a factor


class _Seen(NamedTuple):
    """What the log-likelihood is made of."""

    weights: Float[DeviceArray, "S E"]
    outcome: Int[DeviceArray, "S J"]
    prior: Float[DeviceArray, "J"]
    weight: Float[DeviceArray, ""]  # of all counts and the prior, w
    used: Int[DeviceArray, ""]  # maps up to the last that has weight
    first: Int[DeviceArray, ""]  # the map that has most of it


class _Point(NamedTuple):
    """Where a step starts: D, a dual number of every D_j > 0, and what the last step promised to gain."""

    types: Float[DeviceArray, "J"]
    dual: Float[DeviceArray, "J"]
    gain: Float[DeviceArray, ""]


class _Matrix(NamedTuple):
    """H, and what preconditions it."""

    types: Float[DeviceArray, "J"]
    own: Float[DeviceArray, "J"]
    curvature: Float[DeviceArray, "S E"]  # G / p^2
    diagonal: Float[DeviceArray, "J"]  # of H without the first map
    share: Float[DeviceArray, "E"]  # of the first map: what its outcomes take off


def solve_all(steps: int, *problems: jax.Array) -> Float[DeviceArray, "B J"]:
    """Maximisers of B problems: arguments of `solve`, with an axis in front."""

    solve_one = functools.partial(solve, _INEXACT * steps)

    def of_one(args: tuple[jax.Array, ...]) -> Problem:
        weights, outcome, prior, start = args
        return Problem(weights, outcome, prior, start, weights.sum() + prior.sum())

    def on_cpu(*problems: jax.Array) -> jax.Array:
        return jnp.asarray(jax.lax.map(lambda args: solve_by_classes(solve_one, of_one(args)), problems))

    def elsewhere(*problems: jax.Array) -> jax.Array:
        together = max(_ACCELERATOR_BYTES // (4 * problems[1][0].size), 1)
        return jnp.asarray(jax.lax.map(lambda args: solve_one(of_one(args)), problems, batch_size=together))

    return jax.lax.platform_dependent(*problems, cpu=on_cpu, default=elsewhere)


def solve(steps: int, problem: Problem) -> Float[DeviceArray, "J"]:
    """The maximiser of one problem, in no more than so many Newton steps."""
    weights, outcome, prior, start, weight = problem
    # Types that lead nowhere lead to an outcome that is never seen.
    outcome = jnp.where(outcome < 0, weights.shape[1], outcome)
    weights = jnp.pad(weights, ((0, 0), (0, 1)))
    first = jnp.argmax(weights.sum(axis=1)).astype(jnp.int32)
    seen = _Seen(weights, outcome, prior, weight, num_in_use(weights), first)
    tolerance = jnp.finfo(prior.dtype).eps ** 0.5 / 4

    def goes_on(so_far: tuple[jax.Array, _Point]) -> jax.Array:
        number, point = so_far
        return (number < steps) & ~(point.gain < tolerance)

    def step(so_far: tuple[jax.Array, _Point]) -> tuple[jax.Array, _Point]:
        return so_far[0] + 1, _step(seen, so_far[1])

    begin = _Point(start, prior / start, jnp.full_like(weight, jnp.inf))
    return jnp.asarray(jax.lax.while_loop(goes_on, step, (jnp.int32(0), begin))[1].types)


def _step(seen: _Seen, point: _Point) -> _Point:
    """One step of D along the curve of solutions, and of the dual numbers."""
    types, dual, _ = point
    probability = _of_outcomes(seen, types)
    slope = jnp.where(seen.weights > 0, seen.weights / probability, 0)
    gradient = seen.prior - seen.weight * types + types * _of_types(seen, slope)
    matrix = _matrix(seen, point, jnp.where(seen.weights > 0, slope / probability, 0))
    direction = _conjugate_gradients(seen, matrix, gradient)
    length = _line_search(seen, types, probability, direction)
    moved = jnp.maximum(types * (1 + length * direction), seen.prior / (2 * seen.weight))
    # dual D = g, linearised; they stay positive, and near what they are at a solution.
    change = seen.prior / (types * dual) - 1 - direction
    change = change * (0.98 / jnp.maximum((-change).max(), 0.98))
    solved = seen.prior / moved
    dual = jnp.clip(dual * (1 + change), solved / FARTHEST, solved * FARTHEST)
    return _Point(moved, dual, gradient @ direction)


def _matrix(seen: _Seen, point: _Point, curvature: Float[DeviceArray, "S E"]) -> _Matrix:
    """H in relative coordinates, at a point."""
    types = point.types
    own = point.dual * types + 1e-8 * seen.weight * types
    of_first, bend = curvature[seen.first], types**2 * _of_types(seen, curvature)
    diagonal = own + jnp.maximum(bend - types**2 * _taken(of_first, seen.outcome[seen.first]), 0)
    share = of_first / (1 + of_first * _sums(seen, types**2 / diagonal))
    return _Matrix(types, own, curvature, diagonal, share)


def _conjugate_gradients(
    seen: _Seen, matrix: _Matrix, right: Float[DeviceArray, "J"]
) -> Float[DeviceArray, "J"]:
    """s of H s = right, nearly; it climbs wherever it stops."""

    def goes_on(so_far: tuple[jax.Array, ...]) -> jax.Array:
        number, _, _, _, left, aim = so_far
        return (number < MAX_PRODUCTS) & (left > aim)

    def iterate(so_far: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        number, solution, residual, direction, left, aim = so_far
        product = _product(seen, matrix, direction)
        curved = direction @ product
        length = jnp.where(curved > 0, left / curved, 0)  # 0 where rounding ate it: that ends it
        solution, residual = solution + length * direction, residual - length * product
        better = _preconditioned(seen, matrix, residual)
        now = jnp.where(curved > 0, residual @ better, 0)
        return number + 1, solution, residual, better + now / left * direction, now, aim

    first = _preconditioned(seen, matrix, right)
    left = right @ first
    aim = RELATIVE_ERROR**2 * left
    start: tuple[jax.Array, ...] = (jnp.int32(0), jnp.zeros_like(right), right, first, left, aim)
    return jax.lax.while_loop(goes_on, iterate, start)[1]


def _product(seen: _Seen, matrix: _Matrix, values: Float[DeviceArray, "J"]) -> Float[DeviceArray, "J"]:
    """H times values."""
    scaled = matrix.types * values

    def add(number: jax.Array, total: jax.Array) -> jax.Array:
        outcome, curvature = seen.outcome[number], matrix.curvature[number]
        return total + _taken(curvature * _scattered(outcome, scaled, len(curvature)), outcome)

    met = jax.lax.fori_loop(0, seen.used, add, jnp.zeros_like(values))
    return matrix.own * values + matrix.types * met


def _preconditioned(seen: _Seen, matrix: _Matrix, values: Float[DeviceArray, "J"]) -> Float[DeviceArray, "J"]:
    """Inverse of H with no more than the diagonal of other maps than the first one, times values."""
    over = values / matrix.diagonal
    met = matrix.share * _sums(seen, matrix.types * over)
    return over - matrix.types / matrix.diagonal * _taken(met, seen.outcome[seen.first])


def _line_search(
    seen: _Seen, types: jax.Array, probability: jax.Array, direction: jax.Array
) -> Float[DeviceArray, ""]:
    """Length m in [0, 16] that maximises F along D (1 + m s), where no entry shrinks below 2 % of itself.

    Newton's method on the derivative, which falls with m; bisection where it would leave the bracket.
    """
    moved = types * direction
    changes = jnp.where(seen.weights > 0, _of_outcomes(seen, moved) / probability, 0)
    falls = seen.weight * moved.sum()

    def narrow(_: jax.Array, bracket: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        low, length, high = bracket
        first, second = -falls, jnp.zeros_like(falls)
        for weight, change in ((seen.weights.ravel(), changes.ravel()), (seen.prior, direction)):
            relative = change / (1 + length * change)
            first, second = first + weight @ relative, second + weight @ relative**2
        low, high = jnp.where(first > 0, length, low), jnp.where(first > 0, high, length)
        newton = length + first / second
        return low, jnp.where((newton > low) & (newton < high), newton, (low + high) / 2), high

    steepest = (-direction).max()
    high = jnp.where(steepest > 0.98 / LARGEST_STEP, 0.98 / steepest, LARGEST_STEP).astype(types.dtype)
    start = jnp.zeros_like(high), jnp.minimum(1, high), high
    return jax.lax.fori_loop(0, LINE_SEARCH, narrow, start)[1]


def _sums(seen: _Seen, values: Float[DeviceArray, "J"]) -> Float[DeviceArray, "E"]:
    """Sums over the types of every outcome of the first map."""
    return _scattered(seen.outcome[seen.first], values, seen.weights.shape[1])


def _of_outcomes(seen: _Seen, values: Float[DeviceArray, "J"]) -> Float[DeviceArray, "S E"]:
    """Sums over the types of every outcome, of all maps that have weight."""

    def fill(number: jax.Array, sums: jax.Array) -> jax.Array:
        return sums.at[number].set(_scattered(seen.outcome[number], values, sums.shape[1]))

    return jax.lax.fori_loop(0, seen.used, fill, jnp.zeros_like(seen.weights))


def _of_types(seen: _Seen, values: Float[DeviceArray, "S E"]) -> Float[DeviceArray, "J"]:
    """Sums, over the maps, of the value of every type's outcome."""

    def add(number: jax.Array, total: jax.Array) -> jax.Array:
        return total + _taken(values[number], seen.outcome[number])

    return jax.lax.fori_loop(0, seen.used, add, jnp.zeros_like(seen.prior))


def _scattered(outcome: Int[DeviceArray, "J"], values: jax.Array, num_outcomes: int) -> jax.Array:
    """[E]: sums of the values of every outcome."""
    sums = jnp.zeros(num_outcomes, values.dtype)
    return sums.at[outcome].add(values, mode=IN_RANGE, wrap_negative_indices=False)


def _taken(values: Float[DeviceArray, "E"], outcome: Int[DeviceArray, "J"]) -> Float[DeviceArray, "J"]:
    """Value of every type's outcome."""
    return values.at[outcome].get(mode=IN_RANGE, wrap_negative_indices=False)
