"""Searches from many starts side by side; what they find is checked in exact arithmetic."""

from __future__ import annotations

import copy
import itertools
import math
import time
from typing import Any

import jax
import numpy as np

from jaxstack.axes import Float
from jaxstack.distributions import JointTypes
from jaxstack.solvers.bounding import certified
from jaxstack.solvers.contract import Solution
from jaxstack.solvers.problem import Found, Problem
from jaxstack.solvers.programs import response_maps
from jaxstack.solvers.walk.answers import shortlist
from jaxstack.solvers.walk.arrangement import Arrangement, build
from jaxstack.solvers.walk.climb import Place, climb

STEPS, KICKS, LEAST_STARTS = 100, 4, 16
# In rounds, so that the clock is asked between them. To stop the worse half of the searches after each round
# would save time, and miss optima of games with many leader actions.
_ROUNDS = 4
_BYTES = 1 << 28  # of searches side by side
_FLOATS = 1 << 33  # of payoffs, read in one step of one search: minutes
_SETTING_UP = 3.0  # seconds, for a game of another shape than those before
_SAME = 1e-12  # of the leader's payoffs, whose size is about 1
_CHECKED = 32  # places of a round, the best first
_NUDGE, _NEAR, _TRIED = 1e-6, 64, 32  # commitments near by: how near, how many, maps of which are tried
_DIGITS = 9  # by which commitments are told apart
_TIED, _JOINTLY = 1e-9, 1024  # relative leads, and ways to break ties that are all tried
_WORK = 1 << 35  # floats of payoffs, read in all searches


def solve(problem: Problem) -> Solution:
    """The best vertex that searches from the corners of the strategy set meet: a lower bound.

    max(16, L) searches of 100 steps, fewer where a payoff takes long. The same call gives the same answer, if
    no time limit cuts it short.

    Args:
      problem: one game under either tie rule. When its time is up, the best commitment so far is returned.

    Returns:
      Solution; value is exact for its commitment and response.

    Raises:
      ValueError: a payoff that takes minutes for one step, or a strategy set none of whose vertices is known.
      RuntimeError: no region that counts was met (ties="robust", and all that were are flat).
      TimeoutError: there was no time for one commitment.
    """
    search = Search(problem)
    search.run()
    if search.best is None:
        if problem.clock.is_over:
            raise problem.clock.too_short("walk")
        raise RuntimeError(
            f"method='walk' met no region of {problem.original!r} that counts under ties={problem.ties!r}."
        )
    best, bound = certified(problem, search.best, problem.clock)
    return problem.solution(best, "walk", bound)


class Search:
    """The searches of one problem.

    Attributes:
      best: the best solution, checked; None if there is none yet.
      values: [S], what each search reached, in the problem's units, yet to be checked.
    """

    def __init__(self, problem: Problem):
        self.problem = problem
        terms = problem.game.leader.additive_terms()
        leader = problem.game.leader if terms is None else None
        self.arrangement = build(problem.original, terms, leader, None, problem.ties)
        self.weights = problem.types.marginals() if terms is not None else problem.types
        self.num_starts = _num_starts(problem, self.arrangement)
        self.best: Found | None = problem.start()
        self.values = np.zeros(0)
        self._seen: set[bytes] = set()
        self._met_flat = False  # a place that promised more than its region earns
        rng, L = np.random.default_rng(0), problem.game.num_leader_actions
        sets = problem.strategies
        self._elsewhere = rng.dirichlet(np.ones(L), _NEAR) if sets is None else sets.sample(rng, 1.0, _NEAR)
        if self.best is not None:
            problem.tell(self.best.value, problem.highest)

    def run(self) -> None:
        """All rounds of all searches, as far as there is time."""
        starts, clock = self._starts(), self.problem.clock
        size = len(starts.active)
        width = -(-size // -(-size // self._side_by_side(size)))  # equal parts: one compiled program
        parts = {first: np.arange(first, first + width) % size for first in range(0, size, width)}
        places = {first: Place(*(leaf[own] for leaf in starts)) for first, own in parts.items()}
        took = 0.0  # the last of them: the next takes as long
        for turn in range(_ROUNDS):
            for first, own in parts.items():
                arguments = (own + turn * size, self.arrangement, self.weights, places[first])
                left = math.inf if clock.left is None else clock.left
                if left <= took or not _in_time(left, arguments):
                    return
                began = time.monotonic()
                with jax.enable_x64(True):
                    places[first] = jax.tree.map(np.asarray, _climbs(*arguments))
                self._check(places[first])
                took = time.monotonic() - began
        self.values, x = (
            np.concatenate([np.asarray(getattr(part, name)) for part in places.values()])[:size]
            for name in ("value", "x")
        )
        _, distinct = np.unique(x.round(_DIGITS), axis=0, return_index=True)
        self._search_near(x[distinct])

    def _search_near(self, commitments: Float[np.ndarray, "S L"]) -> None:
        """Look at what moves of one follower's ties at a time do not see, where searches have ended."""
        is_sum, robust = self.arrangement.terms is not None, self.problem.ties == "robust"
        if not is_sum and not robust:
            self._turn_jointly(commitments)
        # Searches are misled by regions that do not count, and by equal actions: payoffs are then concave in
        # a region, and highest between vertices.
        misled = self._met_flat or self.best is None or self.arrangement.alike is not None
        if misled or (robust and not is_sum):
            corners = self.problem.corners if misled else ()
            for x in (*commitments, *corners):
                self._around(x)
            if misled:
                self._improves(np.unique(self.problem.preferences.best_responses(self._elsewhere), axis=0))
            if self.best is not None:
                self._around(self.best.commitment)

    def _starts(self) -> Place:
        """Corners of the strategy set, all of them if there are few, as places [S, ..] yet to be valued."""
        corners, problem = self.arrangement.corners, self.problem
        if not len(corners):
            raise ValueError(
                f"method='walk' starts from vertices of the strategy set, but none was found of "
                f"{problem.original.strategies!r}. Use method='programs' or 'milp'."
            )
        size = self.num_starts
        chosen = (
            np.arange(size) % len(corners) if len(corners) <= size else np.arange(size) * len(corners) // size
        )
        responses = problem.preferences.best_responses(problem.preferences.centre[None])[0]
        held: Any = np.broadcast_to(responses.astype(np.int32), (size, *responses.shape))
        unknown: Any = np.zeros((size, corners.shape[1] + 1))
        return Place(x=unknown, responses=held, value=unknown[:, 0], active=corners[chosen])

    def _side_by_side(self, size: int) -> int:
        """How many searches fit into memory together."""
        num_items, A, D = self.arrangement.rows.shape
        numbers = 8 * D * (num_items * (A - 1) + 2) + 16 * D * D + 4 * num_items * A * D
        return max(1, min(size, _BYTES // (8 * numbers)))

    def _check(self, places: Any) -> None:
        """Keep the best of the places that are what they seem to be."""
        for index in np.argsort(-places.value, kind="stable")[:_CHECKED]:
            if places.value[index] <= self._reached + _SAME or self.problem.clock.is_over:
                return
            response = places.responses[index].astype(np.int64)
            if self._is_new(response, places.x[index]):
                found = self.problem.best_in(response)
                if not self._keep(found):
                    self._met_flat |= found is None or found.value < places.value[index] - _TIED
                    self._around(places.x[index])

    def _turn_jointly(self, commitments: Float[np.ndarray, "S L"]) -> None:
        """Try all ways to break ties at each commitment, where they are few.

        Turned one follower at a time, ties miss what several can only do together.
        """
        problem = self.problem
        for x in commitments:
            ties = self._ties(x)
            if problem.clock.is_over or ties is None:
                continue
            choices = itertools.product(*(np.flatnonzero(row) for row in ties))
            maps = np.array(list(choices)).reshape(-1, *problem.preferences.shape)
            payoffs = problem.payoffs(maps)
            best = int((payoffs @ x).argmax())
            if payoffs[best] @ x > self._reached + _SAME and self._is_new(maps[best]):
                self._keep(problem.best_in(maps[best], payoffs[best]))

    def _ties(self, x: np.ndarray) -> np.ndarray | None:
        """[n*K, A] bool: the best responses to a commitment; None where all ways to break ties are many."""
        preferences = self.problem.preferences
        lead, size = preferences.leads(x, preferences.best_responses(x[None])[0])
        ties = (lead <= _TIED * size) & preferences.playable
        return ties if math.prod(ties.sum(axis=1).tolist()) <= _JOINTLY else None

    @property
    def _reached(self) -> float:
        return -math.inf if self.best is None else self.best.value

    def _is_new(self, response: np.ndarray, x: np.ndarray | None = None) -> bool:
        """Is it the first time that this response map is looked at (at this commitment)?"""
        size = len(self._seen)
        self._seen.add(response.tobytes() + (b"" if x is None else x.round(_DIGITS).tobytes()))
        return len(self._seen) > size

    def _keep(self, found: Found | None) -> bool:
        """Whether a solution is the best so far: then it is kept."""
        if found is None or found.value <= self._reached:
            return False
        self.best = found
        self.problem.tell(found.value, self.problem.highest)
        return True

    def _around(self, x: np.ndarray) -> None:
        """Climb over regions that touch a commitment, where its own response map has none that counts."""
        goes_on = True
        while goes_on and not self.problem.clock.is_over:
            goes_on = self._improves(self._touching(x))
            x = x if self.best is None else self.best.commitment

    def _improves(self, maps: np.ndarray) -> bool:
        """Is there a region among some that earns more? Those that promise most are tried first."""
        payoffs = self.problem.payoffs(maps)
        promised, reached = self.problem.promised(payoffs), self._reached
        for m in np.argsort(-promised, kind="stable")[:_TRIED]:
            if promised[m] <= self._reached:
                break
            if self._is_new(maps[m]):
                self._keep(self.problem.best_in(maps[m], payoffs[m]))
        return self._reached > reached

    def _touching(self, x: np.ndarray) -> np.ndarray:
        """[M, n, K]: response maps whose regions have full dimension, but for rounding, and touch x.

        All of them where ties="robust" and ties at x can be broken in few ways; otherwise those of
        responses to commitments near by.
        """
        preferences, ties = self.problem.preferences, None
        if self.problem.ties == "robust":
            ties = self._ties(x)
        if ties is None:
            near = x + _NUDGE * (self._elsewhere - x)
            return np.unique(preferences.best_responses(near), axis=0)
        there = copy.copy(preferences)
        there.playable = ties
        return response_maps(there, "robust", self.problem.clock)[0]


def _in_time(left: float, arguments: Any) -> bool:
    """Is there time to compile the program, if it is not there yet?"""
    leaves, structure = jax.tree.flatten(arguments)
    name = structure, tuple((np.shape(leaf), np.result_type(leaf)) for leaf in leaves)
    if name not in _ready and left < _SETTING_UP:
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


def _num_starts(problem: Problem, arr: Arrangement) -> int:
    """How many searches: max(16, L), or fewer where every step reads much of a payoff.

    Raises:
      ValueError: one step of one search would take minutes.
    """
    num_items, A, D = arr.rows.shape
    usual = max(LEAST_STARTS, D)
    if arr.terms is not None:
        return usual
    maps, types = num_items * A + 1 + shortlist(arr), problem.types
    if isinstance(types, JointTypes):
        components, payoff = types.num_types**types.num_followers, D
    else:
        components = len(types.mixture()[0])  # type: ignore[attr-defined]
        payoff = sum(leaf.size for leaf in jax.tree.leaves(arr.leader)) * problem.game.num_followers
    floats = maps * components * payoff
    if floats > _FLOATS:
        raise ValueError(
            f"method='walk' would look at {maps:,} response maps in a step, each an expectation over "
            f"{components:,} joint types or components of {payoff:,} payoffs: minutes for one step of "
            f"{problem.original!r}. Use method='programs' or 'milp' with a time_limit, or SeparablePayoff if "
            f"the payoff is a sum over followers."
        )
    return max(1, min(usual, _WORK // (STEPS * floats)))
