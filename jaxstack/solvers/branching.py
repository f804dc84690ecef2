"""Branch and bound over what follower types play: an upper bound that ends as the optimum, given time.

A node tells some types what they play. Its bound is that of `jaxstack.solvers.relaxation` over commitments
that make these best responses; the node with the highest bound is split next, by the type that matters most
of those not told yet. Choices that cannot earn more than what is known are struck on the way. Where all types
are told, the region's own program says what it is worth.

Source: best-first search over types' responses with bounds on clipped regions: Yin and Tambe (HUNTER), AAMAS
2012; before it, with a hierarchy of types: Jain, Kiekintveld and Tambe, Quality-bounded solutions for finite
Bayesian Stackelberg games: scaling up (HBGS), AAMAS 2011. Departure: several followers; nodes go in batches.
"""

from __future__ import annotations

import heapq
import itertools
import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from jaxstack.axes import Bool, Float, Int
from jaxstack.solvers.cells import Cell
from jaxstack.solvers.contract import Clock
from jaxstack.solvers.problem import Found, Problem
from jaxstack.solvers.relaxation import RATES, Multipliers, Relaxation

_FIRST_STEPS, _STEPS = 300, 100  # of the multipliers of the root, and of every other node
_AT_ONCE = 32  # nodes split or bounded before the next look at which are best
_BATCH = 8  # bounds that one thread improves side by side
_BATCH_BYTES = 1 << 16  # of the multipliers of one bound, up to which batches are full
_MAX_BYTES = 1 << 29  # of multipliers that nodes keep; later ones start from those of the root
_ENOUGH = 1.05  # how much better a gap must become for the effort
PRECISION = 1e-9  # of the sum of the parts' payoff ranges


class _Node(NamedTuple):
    """Response maps in which types `told` play so, and every part makes one of `choices`."""

    bound: float
    told: tuple[tuple[int, int], ...]  # (type, action)
    choices: Bool[np.ndarray, "S P"]
    by_choice: Float[np.ndarray, "S P"]  # the bound if a part makes that choice
    start: Multipliers
    is_bounded: bool  # else the bound is what its parent's multipliers say


class Tree:
    """A search that may stop at any time.

    Args:
      problem: one game, for which `jaxstack.solvers.relaxation.fits`.
      value: what some commitment earns, the problem's units.

    Attributes:
      value: the highest that is known to be earned.
      found: the best commitment met on the way, under optimistic ties, if it earns more than `value`.
      precision: difference of payoffs that the search can tell, the problem's units.
      num_nodes: bounds that were computed.
      work: numbers that the computations of these worked on.
    """

    def __init__(self, problem: Problem, value: float):
        self.problem, self.relaxation = problem, Relaxation(problem, value)
        self.num_nodes, self.work = 0, 0.0
        self.found: Found | None = None
        self.value, self._known = value, value - self.relaxation.constant
        self.precision = PRECISION * float(self.relaxation.weight.sum())
        self._rate = RATES[0]
        self._is_begun = False
        self._order = itertools.count()  # among equal bounds the oldest node is first
        self._open: list[tuple[float, int, _Node]] = []
        choices, left = self.relaxation.narrowed(self.relaxation.possible)
        start, told = self.relaxation.untied(), _told((), left)
        num_bytes = max(1, sum(multipliers.nbytes for multipliers in start))
        self._batch = max(1, min(_BATCH, _BATCH * _BATCH_BYTES // num_bytes))
        self._most_kept = _MAX_BYTES // num_bytes
        highest, by_choice = self.relaxation.bound(start, self.relaxation.common_rows(told), choices)
        self._root = _Node(highest, told, choices, by_choice, start, False)

    @property
    def upper_bound(self) -> float:
        """No commitment earns more, within PRECISION; the problem's units."""
        highest = self._root.bound if not self._is_begun else -self._open[0][0] if self._open else -np.inf
        return max(self.relaxation.constant + highest, self.value)

    def search(self, clock: Clock, max_work: float = math.inf) -> None:
        """Narrow the bound down until it is the optimum, or time is up, or so much work was done."""
        with ThreadPoolExecutor(_num_threads()) as pool:
            self._keep([self._bounded_root(pool, clock)])
            self._is_begun = True
            while self._open and not clock.is_over and self.work < max_work:
                best = [heapq.heappop(self._open)[2] for _ in range(min(_AT_ONCE, len(self._open)))]
                new = [node for node in best if not node.is_bounded]
                batches = [new[start : start + self._batch] for start in range(0, len(new), self._batch)]
                for node in best:
                    if node.is_bounded:
                        self._keep(self._split(node))
                improved = list(pool.map(lambda new: new if clock.is_over else self._improved(new), batches))
                self._count(len(new), _STEPS)
                for nodes in improved:
                    self._keep(nodes)
                self.problem.tell(self.value, self.upper_bound)

    def _bounded_root(self, pool: ThreadPoolExecutor, clock: Clock) -> _Node:
        """The root, with the rate that serves it best: what is small depends on how payoffs are told."""
        while True:
            gap = self._root.bound - self._known
            batches = [RATES[start : start + self._batch] for start in range(0, len(RATES), self._batch)]
            tried = [
                node
                for batch in pool.map(
                    lambda rates: self._improved([self._root] * len(rates), _FIRST_STEPS, rates), batches
                )
                for node in batch
            ]
            self._count(len(RATES), _FIRST_STEPS)
            gaps = np.array([node.bound - self._known for node in tried])
            best = int((gaps <= _ENOUGH * gaps.min()).argmax())
            if clock.is_over or gaps.min() <= self.precision or gaps.min() * _ENOUGH > gap:
                return tried[int(gaps.argmin())]
            self._root, self._rate = tried[best], RATES[best]

    def _keep(self, nodes: list[_Node]) -> None:
        """Remember nodes that may earn more than what is known."""
        for node in nodes:
            if node.bound > self._known + self.precision:
                heapq.heappush(self._open, (-node.bound, next(self._order), node))

    def _improved(
        self, nodes: list[_Node], num_steps: int = _STEPS, rates: tuple[float, ...] = ()
    ) -> list[_Node]:
        """Nodes of one batch with better multipliers, and with the bounds of these."""
        full = nodes + nodes[:1] * (self._batch - len(nodes))  # one shape, compiled once
        rows = np.stack([self.relaxation.common_rows(node.told) for node in full])
        found = self.relaxation.improved(
            Multipliers(*map(np.stack, zip(*(node.start for node in full), strict=True))),
            rows,
            np.stack([node.choices for node in full]),
            np.array([node.bound - self._known for node in full]),
            np.array(rates + (self._rate,) * (len(full) - len(rates))),
            num_steps,
        )
        improved = []
        for b, node in enumerate(nodes):
            multipliers = Multipliers(found.own[b], found.common[b])
            highest, by_choice = self.relaxation.bound(multipliers, rows[b], node.choices)
            kept = multipliers if len(self._open) < self._most_kept else self._root.start
            bound = min(node.bound, highest)
            improved.append(_Node(bound, node.told, node.choices, by_choice, kept, True))
        return improved

    def _count(self, num_nodes: int, num_steps: int) -> None:
        self.num_nodes += num_nodes
        self.work += float(num_nodes) * num_steps * self.relaxation.step_size

    def _split(self, node: _Node) -> list[_Node]:
        """What becomes of a node when one type more is told; of a region, nothing is left."""
        relaxation, worth = self.relaxation, self._known + self.precision
        choices, left = relaxation.narrowed(node.choices & (node.by_choice > worth))
        num_left = left.sum(axis=1)
        if not num_left.all():
            return []
        told = _told(node.told, left)
        if (num_left == 1).all():
            self._settle(left.argmax(axis=1))
            return []
        item = int((num_left > 1).argmax())
        parts = (relaxation.items == item).any(axis=1)
        plays = (relaxation.items[:, None] == item) * (relaxation.actions + 1)  # [S, P, c]
        children = []
        for action in np.flatnonzero(left[item]):
            kept = choices & ((plays == 0) | (plays == action + 1)).all(axis=-1)
            promised = np.where(kept, node.by_choice, -np.inf).max(axis=1)[parts].min()
            if promised > worth:
                bound = min(node.bound, float(promised))
                children.append(
                    _Node(bound, (*told, (item, int(action))), kept, node.by_choice, node.start, False)
                )
        return children

    def _settle(self, actions: Int[np.ndarray, "J"]) -> None:
        """Look for the best commitment of one region, exactly."""
        problem, names = self.problem, self.relaxation.names
        response = np.zeros(problem.preferences.shape, np.int64)
        response.flat[names] = actions
        payoff = problem.payoffs(response[None])[0]  # types that cannot occur have no say
        x = Cell(problem.preferences, actions, items=names.tolist()).best([payoff[None]])
        if x is not None and payoff @ x - self.relaxation.constant > self._known:
            everywhere = problem.preferences.best_responses(x[None])[0]
            everywhere.flat[names] = actions
            self.found = problem.checked(x, everywhere, payoff)
            self.value, self._known = self.found.value, self.found.value - self.relaxation.constant


def _told(told: tuple[tuple[int, int], ...], left: Bool[np.ndarray, "J A"]) -> tuple[tuple[int, int], ...]:
    """`told`, and after them types that have one action left."""
    known = {item for item, _ in told}
    only = [j for j in np.flatnonzero(left.sum(axis=1) == 1).tolist() if j not in known]
    return (*told, *((j, int(left[j].argmax())) for j in only))


def _num_threads() -> int:
    """Cores that this process may use, up to the batches that there are at a time."""
    affinity = getattr(os, "sched_getaffinity", None)
    return min(_AT_ONCE // _BATCH, len(affinity(0)) if affinity else os.cpu_count() or 1)
