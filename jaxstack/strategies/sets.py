"""Named strategy sets: what people have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxstack import checks, memory
from jaxstack.axes import Float
from jaxstack.strategies.polytope import Polytope, affine


def simplex(size: int) -> Polytope:
    """Mixed strategies over `size` actions: what a game has without strategies."""
    size = checks.positive_int("size", size)
    return Polytope(-_identity(size), np.zeros(size), np.ones((1, size)), np.ones(1))


def box(low: Any, high: Any) -> Polytope:
    """{x : low <= x <= high}, and a last coordinate that is always 1.

    Args:
      low, high: [m] each; L = m + 1.

    Raises:
      ValueError: bounds of different lengths, or crossed.
    """
    low, high = _pair(low=low, high=high)
    if (low > high).any():
        j = int((low > high).argmax())
        raise ValueError(f"low must be at most high, but low[{j}] = {low[j]:g} and high[{j}] = {high[j]:g}.")
    one = _identity(len(low))
    return affine(np.concatenate([-one, one]), np.concatenate([-low, high]))


def budget(total: float, cost: Any, high: Any = None, *, spend_all: bool = False) -> Polytope:
    """{x >= 0 : <cost, x> <= total, x <= high}, and a last coordinate that is always 1.

    Args:
      total: > 0, what may be spent.
      cost: [m], > 0 each, per unit of x; L = m + 1.
      high: [m], most of each; no other limit if not given.
      spend_all: <cost, x> = total instead.

    Raises:
      ValueError: a cost or a total that is not positive, bounds of another length, or nothing left.
    """
    total, cost = checks.finite_number("total", total), checks.finite_array("cost", cost, "m")
    spend_all = checks.flag("spend_all", spend_all)
    if total <= 0 or (cost <= 0).any():
        raise ValueError(f"total and cost must be positive, but {total:g} and {cost.tolist()} arrived.")
    one, rows, limits = _identity(len(cost)), [], []
    if high is not None:
        _, high = _pair(cost=cost, high=high)
        rows, limits = [one], [high]
    equation = (cost[None], [total]) if spend_all else (None, None)
    if not spend_all:
        rows, limits = [*rows, cost[None]], [*limits, np.array([total])]
    return affine(np.concatenate([-one, *rows]), np.concatenate([np.zeros(len(cost)), *limits]), *equation)


def coverage(
    targets: int, resources: Any = 1, schedules: Sequence[Sequence[Any]] | None = None, most: Any = 1.0
) -> Polytope:
    """Probabilities c [targets] that each target is covered, and a last coordinate that is always 1.

    Without schedules a resource covers one target at a time, any: {0 <= c <= most, sum c <= resources}; the
    marginals of mixed strategies over patrols, and all of them. With schedules, those of each kind of
    resource, the commitment is how often each is walked, x [kinds' schedules one after the other], and then
    c_t = sum of the x whose schedule covers t. A kind has `resources[kind]` of itself, which walk schedules
    of that kind. Coverage adds up, also where two of them cover one target at a time; c <= most keeps it a
    probability.

    Args:
      targets: how many, at least 1.
      resources: how many, a number; with schedules one number per kind.
      schedules: for each kind, its schedules: lists of targets, 0..targets-1, each covered by it.
      most: upper bound on c, a number or [targets], at most 1.

    Returns:
      L = targets + 1: (c, 1) without schedules. With S schedules in all, L = targets + S + 1: (c, x, 1), so
      that payoffs may depend on coverage, and on what is walked.

    Raises:
      ValueError: no targets or resources, bounds outside [0, 1], or a schedule of targets that there are not.

    Source: Kiekintveld et al., Computing optimal randomized resource allocations for massive security games,
    AAMAS 2009 (compact form; kinds and schedules). Whether marginals of overlapping schedules can be walked
    by patrols is another question: Korzhyk, Conitzer and Parr, AAAI 2010.
    """
    targets = checks.positive_int("targets", targets)
    one, ones, limit = _identity(targets), np.ones((1, targets)), _upper_bounds(targets, most)
    if schedules is None:
        number = checks.finite_number("resources", resources)
        if number <= 0:
            raise ValueError(f"resources must be positive, but {number:g} arrived.")
        return affine(np.concatenate([-one, one, ones]), np.concatenate([np.zeros(targets), limit, [number]]))
    covers, kind = _schedules(targets, schedules)
    counts = np.atleast_1d(checks.converted_array("resources", resources, "kinds"))
    if counts.shape != (len(schedules),) or not (np.isfinite(counts) & (counts > 0)).all():
        raise ValueError(
            f"resources must be a positive number for each of {len(schedules)} kinds, but "
            f"{checks.brief(resources)} arrived."
        )
    walked = _identity(len(kind))
    of_kind = (kind == np.arange(len(schedules))[:, None]).astype(float)
    G = np.concatenate(
        [
            np.pad(-walked, ((0, 0), (targets, 0))),
            np.pad(of_kind, ((0, 0), (targets, 0))),
            np.pad(one, ((0, 0), (0, len(kind)))),
        ]
    )
    E = np.concatenate([-one, covers], axis=1)
    h = np.concatenate([np.zeros(len(kind)), counts, limit])
    return affine(G, h, E, np.zeros(targets))


def product_of_simplices(sizes: Sequence[int], weights: Any = None) -> Polytope:
    """One distribution per state, one after the other: signals given states, prices given customers.

    A constant is added to all coefficients of one state, divided by its weight.

    Args:
      sizes: signals in each state.
      weights: [states], > 0; what the probabilities of each state sum to. Default 1 each; with the prior, x
        is the joint distribution of state and signal.

    Raises:
      ValueError: no states, sizes below 1, or weights that are not positive.
    """
    given = checks.listed("sizes", sizes, "how many signals each state has")
    numbers = [checks.positive_int(f"sizes[{k}]", size) for k, size in enumerate(given)]
    if not numbers:
        raise ValueError("product_of_simplices needs the size of at least one simplex, but none arrived.")
    total = checks.finite_array("weights", np.ones(len(numbers)) if weights is None else weights, "states")
    if total.shape != (len(numbers),) or total.min() <= 0:
        raise ValueError(
            f"weights must be {len(numbers)} positive numbers, one per state, but {total.tolist()} arrived."
        )
    size, state = sum(numbers), np.repeat(np.arange(len(numbers)), numbers)
    E = (state == np.arange(len(numbers))[:, None]).astype(float)
    return Polytope(-_identity(size), np.zeros(size), E, total)


def _upper_bounds(targets: int, most: Any) -> Float[np.ndarray, "targets"]:
    """`most`, a probability or one for each target, for each target."""
    limit = checks.converted_array("most", most, "targets")
    if limit.shape not in ((), (targets,)):
        raise ValueError(
            f"most must be a number or {targets} of them, one for each target, but it arrived with shape "
            f"{limit.shape}."
        )
    if not (limit >= 0).all() or not (limit <= 1).all():
        raise ValueError(f"most must be probabilities, but its range is {limit.min():g} to {limit.max():g}.")
    return np.broadcast_to(limit, (targets,))


def _schedules(targets: int, schedules: Sequence[Sequence[Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Which target each schedule covers, [targets, S], and of which kind it is, [S]."""
    covers, kind = [], []
    for number, of_kind in enumerate(checks.listed("schedules", schedules, "kinds of resources")):
        for schedule in checks.listed(f"schedules[{number}]", of_kind, "schedules, each a list of targets"):
            given = list(schedule) if isinstance(schedule, list | tuple | range | np.ndarray) else [schedule]
            whole = [checks.whole_number(target) for target in given]
            chosen = [target for target in whole if target is not None and 0 <= target < targets]
            if len(chosen) < len(given):
                raise ValueError(
                    f"schedules[{number}] holds {checks.brief(schedule)}, but a schedule is a list of "
                    f"targets in 0..{targets - 1}."
                )
            covers.append(np.isin(np.arange(targets), chosen).astype(float))
            kind.append(number)
    if not covers:
        raise ValueError("schedules must hold at least one schedule, but there is none.")
    return np.array(covers).T, np.array(kind)


def _pair(**arguments: Any) -> list[np.ndarray]:
    """Two vectors of one length."""
    arrays = [checks.finite_array(name, value, "m") for name, value in arguments.items()]
    if arrays[0].shape != arrays[1].shape:
        first, second = arguments
        raise ValueError(
            f"{first} and {second} must have the same length, but {len(arrays[0])} and "
            f"{len(arrays[1])} arrived."
        )
    return arrays


def require_room(size: int) -> None:
    """Raise MemoryError where a set of so many coordinates would not fit."""
    memory.require(
        32 * size**2,  # bounds from below and above, and their frame
        what="a strategy set",
        driver=f"{size:,} coordinates, with an inequality [{size:,}] for each",
        remedy="fewer coordinates",
    )


def _identity(size: int) -> np.ndarray:
    """[size, size]: a row of inequalities for every coordinate.

    Raises:
      MemoryError: a set of so many coordinates would not fit.
    """
    require_room(size)
    return np.eye(size)
