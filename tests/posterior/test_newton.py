"""Newton's method for weighted likelihoods: optimal to the last digits, and what would not be."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstack.learners.posterior import classes, conjugate, newton
from jaxstack.learners.posterior.newton import STEPS, maximise
from jaxstack.learners.posterior.sums import sum_of, total
from tests.reference import likelihood as reference

pytestmark = pytest.mark.once

SIZES = (27, 8, 4)  # types, outcomes, response maps


@functools.cache
def histories(prior: float = 1 / 27) -> list[reference.History]:
    rng = np.random.default_rng(0)
    drawn = [reference.random_history(rng, *SIZES) for _ in range(200)]
    return [history._replace(prior=np.full(SIZES[0], prior)) for history in drawn]


def solve(problems: list[reference.History], steps: int = STEPS) -> np.ndarray:
    weights, outcome, prior = (np.stack(arrays) for arrays in zip(*problems, strict=True))
    dtype = jnp.zeros(()).dtype
    return np.asarray(
        maximise(weights.astype(dtype), outcome.astype(np.int32), prior.astype(dtype), steps=steps),
        np.float64,
    )


@functools.cache
def solutions() -> np.ndarray:
    with jax.enable_x64(True):
        return solve(histories())


def violations(problems: list[reference.History], types: np.ndarray) -> np.ndarray:
    pairs = zip(problems, types, strict=True)
    return np.array([reference.violation(problem, of_problem) for problem, of_problem in pairs])


def test_every_solution_is_optimal() -> None:
    assert violations(histories(), solutions()).max() < 1e-8
    np.testing.assert_allclose(solutions().sum(axis=1), 1, atol=1e-9)
    assert (solutions() > 0).all()


def test_agrees_with_another_method() -> None:
    for history, types in list(zip(histories(), solutions(), strict=True))[:6]:
        other = reference.maximum(history)
        ahead = reference.log_likelihood(history, types) - reference.log_likelihood(history, other)
        assert 0 <= ahead + 1e-6 < 1e-2, "no worse than the other method, which stops a little early"


# Each of these would pass for a solver, and fails -----------------------------------------------------


def fifteen_steps() -> tuple[list[reference.History], np.ndarray]:
    return histories(), solve(histories(), steps=15)


def tiny_floor() -> tuple[list[reference.History], np.ndarray]:
    return histories(1e-6), solve(histories(1e-6))


def expectation_maximisation() -> tuple[list[reference.History], np.ndarray]:
    few = histories()[:20]
    return few, np.stack([reference.expectation_maximisation(history, 200) for history in few])


@pytest.mark.parametrize("wrong", [fifteen_steps, tiny_floor, expectation_maximisation])
def test_a_solver_that_is_not_optimal_is_told_apart(wrong: functools.partial) -> None:
    with jax.enable_x64(True):
        assert violations(*wrong()).max() > 1e-5


def test_single_precision_is_far_below_a_standard_error() -> None:
    # A point z standard errors off the maximum has a log-likelihood z^2 / 2 below it.
    trios = zip(histories(), solve(histories()), solutions(), strict=True)
    lost = np.array(
        [
            reference.log_likelihood(history, exact)
            - reference.log_likelihood(history, single / single.sum())
            for history, single, exact in trios
        ]
    )
    off = np.sqrt(2 * np.maximum(lost, 0))
    assert np.quantile(off, 0.99) < 0.005
    assert off.max() < 0.02


# Without matrices --------------------------------------------------------------------------------------


def of_neighbours(num_types: int, types_of: int, count: int) -> list[reference.History]:
    """Problems whose maps differ from one another for few types, and leave many types alike."""
    rng = np.random.default_rng(3)
    drawn = []
    for history in (reference.random_history(rng, num_types, 8, 6) for _ in range(count)):
        truth, outcome = rng.dirichlet(np.ones(num_types)), np.array(history.outcome)
        for number in range(1, len(outcome)):
            changed = rng.integers(num_types, size=types_of)
            outcome[number] = outcome[number - 1]
            outcome[number, changed] = rng.integers(8, size=types_of)
        visits = history.counts.sum(axis=1).astype(int)
        counts = [rng.multinomial(v, np.bincount(o, truth, 8)) for v, o in zip(visits, outcome, strict=True)]
        prior = rng.gamma(rng.choice([1 / num_types, 1.0]), size=num_types) + 0.01
        drawn.append(reference.History(np.array(counts, float), outcome, prior))
    return drawn


def without_matrices(problems: list[reference.History], **changes: float) -> np.ndarray:
    """What conjugate gradients find, of which some numbers are others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(newton, "LARGEST_MATRIX", 8)
        for name, number in changes.items():
            patch.setattr(conjugate, name, number)
        newton._maximiser.cache_clear()
        try:
            return solve(problems)
        finally:
            newton._maximiser.cache_clear()


def test_without_matrices_solutions_are_optimal() -> None:
    with jax.enable_x64(True):
        assert violations(histories(), without_matrices(histories())).max() < 1e-6


@pytest.mark.parametrize("wrong", [{"MAX_PRODUCTS": 1}, {"RELATIVE_ERROR": 1.0}])
def test_too_few_products_are_told_apart(wrong: dict[str, float]) -> None:
    with jax.enable_x64(True):
        assert violations(histories(), without_matrices(histories(), **wrong)).max() > 1e-5


def test_many_types_are_fitted_by_classes() -> None:
    problems = of_neighbours(600, 5, 4)
    with jax.enable_x64(True):
        exact = solve(problems)
    assert violations(problems, exact).max() < 1e-6
    for history, *both in zip(problems, exact, solve(problems), strict=True):
        best, found = (reference.log_likelihood(history, types / types.sum()) for types in both)
        assert np.sqrt(2 * max(best - found, 0)) < 0.02, "in standard errors"


def test_types_that_there_are_not_lead_nowhere() -> None:
    problems = of_neighbours(20, 5, 3)
    none, ones = np.full((6, 7), -1), np.ones(7)
    lacking = [
        problem._replace(outcome=np.hstack([problem.outcome, none]), prior=np.append(problem.prior, ones))
        for problem in problems
    ]
    with jax.enable_x64(True):
        found = without_matrices(lacking)
    share = 7 / np.array([history.counts.sum() + history.prior.sum() for history in lacking])
    np.testing.assert_allclose(found[:, 20:].sum(axis=1), share, rtol=1e-6)
    assert violations(problems, found[:, :20] / (1 - share)[:, None]).max() < 1e-6


def classes_of(history: reference.History) -> tuple[np.ndarray, np.ndarray, int]:
    prior = jnp.asarray(history.prior, jnp.float32)
    problem = classes.Problem(jnp.asarray(history.counts), history.outcome, prior, prior, prior.sum())
    return tuple(map(np.asarray, jax.jit(lambda given: classes.classes(given))(problem)))  # type: ignore[return-value]


def seen_by_type(history: reference.History) -> np.ndarray:
    """[J, S]: outcome of every type under every map, -1 where that outcome was never seen."""
    seen = [np.where(counts[o] > 0, o, -1) for counts, o in zip(history.counts, history.outcome, strict=True)]
    return np.stack(seen, axis=-1)


def same_classes(history: reference.History) -> bool:
    """Whether types are together if and only if they led to the same outcomes of those that were seen."""
    of_type, first, count = classes_of(history)
    seen = seen_by_type(history)
    right = len(np.unique(seen, axis=0)) == count and (seen == seen[first[of_type]]).all()
    return bool(right and (of_type[first[:count]] == np.arange(count)).all())


def test_classes_are_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    few = [history._replace(counts=history.counts * (history.counts > 50)) for history in histories()[:5]]
    problems = [*of_neighbours(600, 5, 3), *few]
    assert all(map(same_classes, problems))
    monkeypatch.setattr(classes, "_mixed", lambda values: values % 4 + 1)
    assert not any(same_classes(problem) for problem in problems[:3]), "numbers that meet are told apart"


# ------------------------------------------------------------------------------------------------------


def test_a_problem_does_not_depend_on_those_beside_it() -> None:
    problems = histories()[:16]
    few = [history._replace(counts=history.counts * (np.arange(4) < 2)[:, None]) for history in problems]
    alone = solve([few[0]] * 16)
    np.testing.assert_array_equal(solve([few[0], *problems[1:]])[0], alone[0])


def test_batched_over_runs_it_is_the_same() -> None:
    weights, outcome, prior = (np.stack(arrays) for arrays in zip(*histories()[:12], strict=True))
    args = weights.astype(np.float32), outcome.astype(np.int32), prior.astype(np.float32)
    flat = maximise(*args)
    nested = jax.vmap(jax.vmap(maximise))(*(a.reshape(2, 3, 2, *a.shape[1:]) for a in args))
    np.testing.assert_array_equal(np.asarray(nested).reshape(12, -1), flat)


def test_maps_without_weight_change_nothing() -> None:
    weights, outcome, prior = (np.stack(arrays) for arrays in zip(*histories()[:6], strict=True))
    args = weights.astype(np.float32), outcome.astype(np.int32), prior.astype(np.float32)
    found = maximise(*args)
    for behind in (1, 16):
        empty = ((0, 0), (0, behind), (0, 0))
        # To the bit with JAX 0.12; older compilers fuse, and so round, programs of other sizes in other ways.
        np.testing.assert_allclose(maximise(*(np.pad(a, empty) for a in args[:2]), args[2]), found, atol=1e-4)


def from_counts_of(share: float, steps: int) -> float:
    """Largest violation where steps start from the solution for a share of the counts and another prior."""
    rng = np.random.default_rng(1)
    earlier = [
        history._replace(counts=rng.binomial(history.counts.astype(int), share), prior=np.full(27, 1.0))
        for history in histories()
    ]
    weights, outcome, prior = (np.stack(arrays) for arrays in zip(*histories(), strict=True))
    with jax.enable_x64(True):
        start = solve(earlier)
        types = maximise(weights, outcome.astype(np.int32), prior, start, steps=steps)
        return float(violations(histories(), np.asarray(types)).max())


def test_steps_may_start_anywhere() -> None:
    assert from_counts_of(0.98, 40) < 1e-8
    assert from_counts_of(0.5, 40) < 1e-8
    assert from_counts_of(0.98, 2) > 1e-5, "two steps are too few"


@pytest.mark.parametrize("length", [1, 8, 9, 64, 70])
def test_zeros_at_the_end_do_not_change_a_sum(length: int) -> None:
    values = np.random.default_rng(0).normal(size=(70, 5)).astype(np.float32)
    padded = np.zeros((700, 5), np.float32)
    padded[:length] = values[:length]
    np.testing.assert_array_equal(total(jnp.asarray(values[:length])), total(jnp.asarray(padded)))
    np.testing.assert_allclose(total(jnp.asarray(padded)), padded.sum(axis=0), rtol=1e-5, atol=1e-5)


def test_several_sums_at_once() -> None:
    values = jnp.arange(20.0)
    first, second = sum_of(lambda a, b: (a * b, b), values, values + 1)
    assert (first, second) == (float((values * (values + 1)).sum()), 210.0)
