"""Searches from many starts side by side; what they find is checked in exact arithmetic."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np

from jaxstack.distributions import JointTypes
from jaxstack.solvers.bounding import upper_bound
from jaxstack.solvers.contract import Clock, Solution
from jaxstack.solvers.problem import Found, Problem
from jaxstack.solvers.walk.answers import shortlist
from jaxstack.solvers.walk.arrangement import Arrangement, build
from jaxstack.solvers.walk.climb import Place, climb

STEPS, KICKS, LEAST_STARTS = 100, 4, 16
_ROUNDS = 4  # in which the steps are made, so that the clock is asked between them
_BYTES = 1 << 28  # of searches side by side
_FLOATS = 1 << 33  # of payoffs, read in one step of one search: minutes
_SETTING_UP = 3.0  # seconds, for a game of another shape than those before
_SAME = 1e-12  # of the leader's payoffs, whose size is about 1
_CHECKED = 32  # response maps, of the best places
_NUDGES = (1e-6, 1e-3)  # towards the centre, where a response map has no region that counts


def solve(problem: Problem) -> Solution:
    """The best vertex that searches from the corners of the strategy set meet: a lower bound.

    max(16, L) searches of 100 steps. The same call gives the same answer, if no time limit cuts it short.

    Args:
      problem: one game under either tie rule. When its time is up, the best commitment so far is returned.

    Returns:
      Solution; value is exact for its commitment and response.

    Raises:
      ValueError: a payoff that takes minutes for one step, or a strategy set none of whose vertices is known.
      RuntimeError: no region that counts was met (ties="robust", and all that were are flat).
      TimeoutError: there was no time for one commitment.
    """
    search = _Search(problem)
    search.run()
    if search.best is None:
        if problem.clock.is_over:
            raise problem.clock.too_short("walk")
        raise RuntimeError(
            f"method='walk' met no region of {problem.original!r} that counts under ties={problem.ties!r}."
        )
    return problem.solution(search.best, "walk", upper_bound(problem, search.best.value, problem.clock))


class _Search:
    """The searches of one problem; keeps the best solution."""

    def __init__(self, problem: Problem):
        self.problem = problem
        terms = problem.game.leader.additive_terms()
        leader = problem.game.leader if terms is None else None
        self.arrangement = build(problem.original, terms, leader, None, problem.ties)
        self.weights = problem.types.marginals() if terms is not None else problem.types
        _check_size(problem, self.arrangement)
        self.best: Found | None = problem.start()
        self.seen: set[bytes] = set()
        if self.best is not None:
            problem.tell(self.best.value, problem.highest)

    def run(self) -> None:
        """All rounds of all searches, as far as there is time."""
        starts, clock = self._starts(), self.problem.clock
        size = len(starts.active)
        width = -(-size // -(-size // self._side_by_side(size)))  # equal parts: one compiled program
        parts = {first: np.arange(first, first + width) % size for first in range(0, size, width)}
        places = {first: Place(*(leaf[own] for leaf in starts)) for first, own in parts.items()}
        for turn in range(_ROUNDS):
            for first, own in parts.items():
                arguments = (own + turn * size, self.arrangement, self.weights, places[first])
                if clock.is_over or not _in_time(clock, arguments):
                    return
                with jax.enable_x64(True):
                    places[first] = jax.tree.map(np.asarray, _climbs(*arguments))
                self._check(places[first])

    def _starts(self) -> Place:
        """Corners of the strategy set, all of them if there are few, as places [S, ..] yet to be valued."""
        corners, problem = self.arrangement.corners, self.problem
        if not len(corners):
            raise ValueError(
                f"method='walk' starts from vertices of the strategy set, but none was found of "
                f"{problem.original.strategies!r}. Use method='programs' or 'milp'."
            )
        size = max(LEAST_STARTS, corners.shape[1] + 1)
        chosen = (
            np.arange(size) % len(corners) if len(corners) <= size else np.arange(size) * len(corners) // size
        )
        responses = problem.preferences.best_responses(problem.preferences.centre[None])[0]
        return Place(
            x=np.zeros((size, corners.shape[1] + 1)),
            responses=np.broadcast_to(responses.astype(np.int32), (size, *responses.shape)),
            value=np.zeros(size),
            active=corners[chosen],
        )

    def _side_by_side(self, size: int) -> int:
        """How many searches fit into memory together."""
        num_items, A, D = self.arrangement.rows.shape
        numbers = 8 * D * (num_items * (A - 1) + 2) + 16 * D * D + 4 * num_items * A * D
        return max(1, min(size, _BYTES // (8 * numbers)))

    def _check(self, places: Place) -> None:
        """Keep the best of the places that are what they seem to be."""
        for index in np.argsort(-places.value, kind="stable")[:_CHECKED]:
            response, above = places.responses[index], -math.inf if self.best is None else self.best.value
            if places.value[index] <= above + _SAME:
                return
            if response.tobytes() not in self.seen:
                self.seen.add(response.tobytes())
                self._keep(self.problem.best_in(response.astype(np.int64)), places.x[index])

    def _keep(self, found: Found | None, x: np.ndarray) -> None:
        """A solution, if it is the best; or what is near a commitment whose responses have no region."""
        centre, problem = self.problem.preferences.centre, self.problem
        for nudge in _NUDGES if found is None else ():
            (response,) = problem.preferences.best_responses((x + nudge * (centre - x))[None])
            found = problem.best_in(response) if found is None else found
        if found is not None and (self.best is None or found.value > self.best.value):
            self.best = found
            problem.tell(found.value, problem.highest)


def _in_time(clock: Clock, arguments: Any) -> bool:
    """Is there time to compile the program, if it is not there yet?"""
    leaves, structure = jax.tree.flatten(arguments)
    name = structure, tuple((np.shape(leaf), np.result_type(leaf)) for leaf in leaves)
    if name not in _ready and clock.left is not None and clock.left < _SETTING_UP:
        return False
    _ready.add(name)
    return True


_ready: set[Any] = set()  # shapes of games whose program has been compiled


@jax.jit
def _climbs(numbers: jax.Array, arr: Arrangement, weights: Any, starts: Place) -> Place:
    """A round of searches, each with random moves of its own: places [S, ..]."""

    def one(number: jax.Array, start: Place) -> Place:
        key = jax.random.fold_in(jax.random.key(0), number)
        return climb(key, arr, weights, start, steps=STEPS // _ROUNDS, kicks=KICKS)

    return jax.vmap(one)(numbers, starts)


def _check_size(problem: Problem, arr: Arrangement) -> None:
    """Raise ValueError where one step would read more of a payoff than minutes allow."""
    if arr.terms is not None:
        return
    num_items, A, D = arr.rows.shape
    maps = num_items * A + 1 + shortlist(arr)
    types, payoff = problem.types, sum(leaf.size for leaf in jax.tree.leaves(arr.leader))
    if isinstance(types, JointTypes):
        components, payoff = types.num_types**types.num_followers, D
    else:
        components = len(types.mixture()[0])  # type: ignore[attr-defined]
    if maps * components * payoff > _FLOATS:
        raise ValueError(
            f"method='walk' would look at {maps:,} response maps in a step, each an expectation over "
            f"{components:,} joint types or components of {payoff:,} payoffs: minutes for one step of "
            f"{problem.original!r}. Use method='programs' or 'milp' with a time_limit, or SeparablePayoff if "
            f"the payoff is a sum over followers."
        )
