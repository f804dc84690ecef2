"""Weighted maximum likelihood from counts of what followers did, by a fixed number of Newton steps.

A response map W turns a type j into an outcome W(j), so outcomes of W have the probabilities p = M_W D. With
weights G[W, o] and prior weights g[j] > 0 the maximiser over the simplex of

    F(D) = sum_{W,o} G[W,o] log (M_W D)_o + sum_j g_j log D_j

is also that of F(D) - w sum_j D_j over all D > 0, w = sum G + sum g: no constraint is needed. Steps are taken
in relative coordinates, D <- D (1 + m s), in which the Hessian is positive definite whatever D; m maximises F
along the step. A problem that converged stays where it is. EM is no substitute: its error does not shrink as
rounds go on, and regret becomes linear.

Problems of all runs are solved side by side: their axis B is last, so that all but the linear systems is
vectors over problems.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from jaxstack.axes import DeviceArray, Float, Int
from jaxstack.learners.posterior.sums import sum_of, total

STEPS = 40  # of 200 problems the worst is off by 5e-2 after 15 steps, by 1e-4 after 25
_TIERS = (4, 16, 64)  # response maps of which there is code for so many
_LINE_SEARCH = 8
_LARGEST_STEP = 16.0
_PIECE_BYTES = 1 << 20  # of matrices that stay in the cache of a core


def maximise(
    weights: Float[DeviceArray, "P S E"],
    outcome: Int[DeviceArray, "P S J"],
    prior: Float[DeviceArray, "P J"],
    steps: int = STEPS,
) -> Float[DeviceArray, "P J"]:
    """Maximisers of P problems: probabilities of J types each.

    Args:
      weights: of each of E outcomes under each of S response maps; 0 where nothing was seen. Maps that have
        weight should come first: work grows with the last of them.
      outcome: int32, 0..E-1, of each type under each map.
      prior: positive weights g.
      steps: Newton steps (static).

    Returns:
      [P, J]; sums to 1 up to rounding. With counts to 10^5 and J = 27 a float32 solution is within 0.02
      standard errors of the exact one (tested on 200 problems); far beyond, use float64.
    """
    return _maximiser(steps)(weights, outcome, prior)


@functools.cache
def _maximiser(steps: int) -> Any:
    """`maximise`, of which the problems of all runs go side by side on the last axis."""

    @custom_vmap
    def solve(*args: jax.Array) -> jax.Array:
        return jnp.moveaxis(_in_pieces(steps, *(jnp.moveaxis(a, 0, -1) for a in args)), -1, 0)

    @solve.def_vmap
    def batched(size: int, is_batched: list[bool], *args: jax.Array) -> tuple[jax.Array, bool]:
        full = [
            a if batch else jnp.broadcast_to(a, (size, *a.shape))
            for a, batch in zip(args, is_batched, strict=True)
        ]
        solved = solve(*(a.reshape(-1, *a.shape[2:]) for a in full))
        return solved.reshape(size, -1, solved.shape[-1]), True

    return solve


def _in_pieces(steps: int, *problems: jax.Array) -> jax.Array:
    """[J, B]: `_solve`; on CPUs piece by piece, each of which stays in the cache."""
    size, count = problems[-1].shape
    piece = 1 << max(4, (_PIECE_BYTES // (4 * size**2)).bit_length() - 1)

    def at_once(*problems: jax.Array) -> jax.Array:
        return _solve(steps, *problems)

    def by_pieces(*problems: jax.Array) -> jax.Array:
        def split(array: jax.Array) -> jax.Array:
            padded = jnp.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, -count % piece)], mode="edge")
            return jnp.moveaxis(padded.reshape(*array.shape[:-1], -1, piece), -2, 0)

        solved = jax.lax.map(lambda args: _solve(steps, *args), tuple(map(split, problems)))
        return jnp.moveaxis(solved, 0, -2).reshape(size, -1)[:, :count]

    if count <= piece:
        return at_once(*problems)
    return jax.lax.platform_dependent(*problems, cpu=by_pieces, default=at_once)


class _Seen(NamedTuple):
    """What the log-likelihood is made of."""

    weights: Float[DeviceArray, "S E B"]
    outcome: Int[DeviceArray, "S J B"]
    outcome_by_problem: Int[DeviceArray, "S B J"]
    prior: Float[DeviceArray, "J B"]
    weight: Float[DeviceArray, "1 B"]  # w


def _solve(steps: int, weights: jax.Array, outcome: jax.Array, prior: jax.Array) -> jax.Array:
    """[J, B]: maximisers of B problems, by code for as many slots as some problem uses."""
    slots = len(weights)
    tiers = [*(tier for tier in _TIERS if tier < slots), slots]
    in_use = (weights > 0).any(axis=(1, 2))
    used = jnp.where(in_use, jnp.arange(1, slots + 1, dtype=jnp.int32), 0).max()
    weight = (total(weights.reshape(-1, weights.shape[-1])) + total(prior))[None]
    tolerance = jnp.finfo(prior.dtype).eps ** 0.5 / 4

    def newton(tier: int) -> jax.Array:
        seen = _Seen(weights[:tier], outcome[:tier], jnp.moveaxis(outcome[:tier], 1, 2), prior, weight)

        def step(so_far: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            number, guess, gain = so_far
            gradient, direction = _direction(seen, guess)
            length = _line_search(seen, guess, direction)
            moved = jnp.maximum(guess * (1 + length * direction), prior / (2 * weight))
            # A problem stays where it converged, so that it does not depend on those beside it.
            converged = gain < tolerance
            now = total(gradient * direction)[None]
            return number + 1, jnp.where(converged, guess, moved), jnp.where(converged, gain, now)

        def goes_on(so_far: tuple[jax.Array, ...]) -> jax.Array:
            number, _, gain = so_far
            return (number < steps) & ~(gain < tolerance).all()

        start: tuple[jax.Array, ...] = (
            jnp.int32(0),
            prior / total(prior)[None],
            jnp.full_like(weight, jnp.inf),
        )
        return jnp.asarray(jax.lax.while_loop(goes_on, step, start)[1])

    tier = sum((used > tier).astype(jnp.int32) for tier in tiers[:-1]) if len(tiers) > 1 else 0
    return jax.lax.switch(tier, [functools.partial(newton, tier) for tier in tiers])


def _direction(seen: _Seen, guess: Float[DeviceArray, "J B"]) -> tuple[jax.Array, jax.Array]:
    """Gradient and Newton's step s in relative coordinates; [J, B] each."""

    def derivatives() -> tuple[jax.Array, ...]:
        probability = _of_outcomes(seen.outcome, guess, seen.weights.shape[1])
        first = jnp.where(seen.weights > 0, seen.weights / probability, 0)
        second = jnp.where(seen.weights > 0, first / probability, 0)
        curvature = _of_types(seen.outcome, second)  # [S, J, B]
        gradient = seen.prior - seen.weight * guess + guess * total(_of_types(seen.outcome, first))
        diagonal = seen.prior + 1e-8 * seen.weight * guess + guess**2 * total(curvature)
        scale = jax.lax.rsqrt(diagonal)
        return gradient, scale, (scale * gradient).T, jnp.moveaxis(curvature, 1, 2), (scale * guess).T

    gradient, scale, right, curvature, relative = _once(seen, derivatives)

    def scaled() -> jax.Array:
        met = [
            jnp.where(o[:, :, None] == o[:, None], c[:, :, None], 0)
            for o, c in zip(seen.outcome_by_problem, curvature, strict=True)
        ]
        matrix = functools.reduce(operator.add, met) * relative[:, :, None] * relative[:, None]
        # A diagonal of ones; with some units of rounding more the matrix stays positive definite.
        return jnp.where(jnp.eye(len(guess), dtype=bool)[None], 1 + 4 * jnp.finfo(guess.dtype).eps, matrix)

    factor = jax.lax.linalg.cholesky(_once(seen, scaled), symmetrize_input=False)
    solve = functools.partial(jax.lax.linalg.triangular_solve, factor, left_side=True, lower=True)
    solved = solve(solve(right[..., None]), transpose_a=True)[..., 0].T
    # Where rounding ate a pivot: a step along the scaled gradient, which also climbs.
    return gradient, scale * jnp.where(jnp.isfinite(solved).all(axis=0, keepdims=True), solved, right.T)


def _once(seen: _Seen, function: Callable[[], Any]) -> Any:
    """function(), as a program of its own: XLA would compute it again for every number that depends on it."""
    nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(function))
    return jax.lax.cond(seen.weight[0, 0] > 0, function, lambda: nothing)  # it is


def _line_search(seen: _Seen, guess: jax.Array, direction: jax.Array) -> Float[DeviceArray, "1 B"]:
    """Length m in [0, 16] that maximises F along D (1 + m s), where no entry shrinks below 2 % of itself.

    Newton's method on the derivative, which falls with m; bisection where it would leave the bracket.
    """
    moved = guess * direction
    now, then = (_of_outcomes(seen.outcome, d, seen.weights.shape[1]) for d in (guess, moved))
    changes = jnp.where(seen.weights > 0, then / now, 0)  # d log p / dm at m = 0
    # Types, then outcomes of all maps: maps without weight add zeros at the end, which change no sum.
    weights, changes = (
        jnp.concatenate([of_types, of_outcomes.reshape(-1, of_outcomes.shape[-1])])
        for of_outcomes, of_types in ((seen.weights, seen.prior), (changes, direction))
    )
    falls = seen.weight[0] * total(moved)

    def narrow(_: jax.Array, bracket: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        low, length, high = bracket

        def derivatives(weight: jax.Array, change: jax.Array) -> tuple[jax.Array, jax.Array]:
            """d/dm and -d^2/dm^2 of weight log(1 + m change)."""
            relative = change / (1 + length * change)
            return weight * relative, weight * relative**2

        first, second = sum_of(derivatives, weights, changes)
        first = first - falls
        low, high = jnp.where(first > 0, length, low), jnp.where(first > 0, high, length)
        newton = length + first / second
        return low, jnp.where((newton > low) & (newton < high), newton, (low + high) / 2), high

    steepest = functools.reduce(jnp.maximum, list(-direction))
    high = jnp.where(steepest > 0.98 / _LARGEST_STEP, 0.98 / steepest, _LARGEST_STEP).astype(guess.dtype)
    start = jnp.zeros_like(high), jnp.minimum(1, high), high
    return jax.lax.fori_loop(0, _LINE_SEARCH, narrow, start)[1][None]


def _of_outcomes(outcome: jax.Array, types: jax.Array, num_outcomes: int) -> jax.Array:
    """[S, E, B]: sums over the types of every outcome, from outcomes [S, J, B] and values of types [J, B]."""
    label = jnp.arange(num_outcomes, dtype=outcome.dtype)[None, :, None]
    by_type = jnp.moveaxis(outcome, 1, 0)
    return jnp.asarray(sum_of(lambda o, p: jnp.where(o[:, None] == label, p[None, None], 0), by_type, types))


def _of_types(outcome: jax.Array, values: jax.Array) -> jax.Array:
    """[S, J, B]: value of every type's outcome, from outcomes [S, J, B] and values of outcomes [S, E, B]."""
    labels = jnp.arange(values.shape[1], dtype=outcome.dtype)
    by_outcome = jnp.moveaxis(values, 1, 0)
    return jnp.asarray(sum_of(lambda e, v: jnp.where(outcome == e, v[:, None], 0), labels, by_outcome))
