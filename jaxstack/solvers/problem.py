"""One game to be solved, in the units that solvers work in, and the best commitment for one response map."""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxstack._pytree import set_field
from jaxstack.axes import Float, Int
from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game
from jaxstack.solvers.cells import Cell, Preferences
from jaxstack.solvers.contract import NEAR_TIE, Clock, Solution
from jaxstack.strategies.framing import on_frame
from jaxstack.ties import TIE_TOLERANCE
from jaxstack.value import region_payoff_vectors

_STARTS = 64  # vertices of a strategy set tried first
MAX_VARIANTS = 1 << 14  # maps that differ in equal actions only, when a payoff is not additive


class Found(NamedTuple):
    """A commitment and a best response to it, checked, and what they earn in the solver's units."""

    commitment: np.ndarray  # [L]
    response: np.ndarray  # [n, K]
    value: float


class Problem:
    """A game in the solver's units, with the rows of its regions.

    On a polytope, commitments and payoff vectors are those of its frame: shares, and payoffs at the frame's
    points. Only solutions are in the game's own coordinates.

    The game's payoffs are `scale * value + offset` of the solver's: a large constant in the leader's payoffs,
    or a unit such as 1e39, changes neither a decision nor how precise it is.
    """

    def __init__(self, game: Game, types: TypeDistribution, ties: str, clock: Clock):
        self.original, self.types, self.ties, self.clock = game, types, ties, clock
        self.game, offset, scale = in_units(framed_game(game))
        self.offset, self.scale = float(offset), float(scale)
        self.preferences = Preferences(game)
        self.marginals = np.asarray(types.marginals()).ravel()  # [n*K]
        self.strategies = game.strategies
        self.highest = self._highest()

    @property
    def can_play(self) -> np.ndarray:
        """[n*K, A] bool: actions that response maps are made of under the tie rule; of equal ones, one."""
        return self.preferences.enforceable if self.ties == "robust" else self.preferences.possible

    def has_region(self, response: Int[np.ndarray, "j"], items: list[int]) -> bool:
        """Is there a region in which the types `items` respond so, one that counts under the tie rule?"""
        cell = Cell(self.preferences, response, items=items)
        return cell.is_full_dimensional if self.ties == "robust" else cell.inside() is not None

    def payoffs(self, maps: Int[np.ndarray, "M n K"]) -> Float[np.ndarray, "M L"]:
        """Expected payoff vectors; maps are padded to 16, 64, 256, .., so that few sizes are compiled."""
        bits = max(4, (len(maps) - 1).bit_length())
        padding = (1 << (bits + bits % 2)) - len(maps)
        padded = np.concatenate([maps, np.repeat(maps[:1], padding, axis=0)])
        return region_payoff_vectors(self.game, self.types, padded)[: len(maps)]

    def _highest(self) -> float:
        """What no payoff of the leader exceeds."""
        if self.strategies is None or self.strategies.vertices is None:
            return float(self.game.leader.bounds()[1])
        return float(self.game.leader.at(self.strategies.hull_shares).bounds()[1])

    def promised(self, payoffs: Float[np.ndarray, "M L"]) -> Float[np.ndarray, "M"]:
        """What no commitment earns more than, by each payoff vector: its maximum over set or frame."""
        if self.strategies is None or self.strategies.vertices is None:
            return payoffs.max(axis=1)
        return (payoffs @ self.strategies.hull_shares.T).max(axis=1)

    def best_in(
        self, response: Int[np.ndarray, "n K"], payoff: Float[np.ndarray, "L"] | None = None
    ) -> Found | None:
        """The best commitment in a response map's region, and what it earns; None if the region is empty.

        Under robust ties it is the best against the worst of the maps that differ in equal actions only, and
        None too where the region is not full-dimensional.
        """
        cell = Cell(self.preferences, response.ravel())
        if self.ties == "robust":
            return self._enforceable(cell, response, payoff)
        payoff = self.payoffs(response[None])[0] if payoff is None else payoff
        x = cell.best([payoff[None]])
        return None if x is None else self.checked(x, response, payoff)

    def checked(self, x: np.ndarray, response: np.ndarray, payoff: np.ndarray) -> Found:
        """What a commitment earns, once its response is seen to be a best one."""
        if not self.preferences.holds(x, response):
            raise RuntimeError(
                f"a solver's response is not a best response to its commitment {x.tolist()} in "
                f"{self.original!r}: this is a fault of jaxstack, please report it."
            )
        return Found(x, np.asarray(response, np.int64), float(payoff @ x))

    @property
    def corners(self) -> Float[np.ndarray, "S L"]:
        """Commitments to one leader action, or vertices of the strategy set: 64 of them at most."""
        if self.strategies is None:
            return np.eye(self.game.num_leader_actions)
        return self.strategies.hull_shares[:_STARTS]

    def start(self) -> Found | None:
        """A first answer: the best of the commitments to one leader action (vertex), and of the even one.

        Where all of these lie on ties that do not count, the best of a few others; None if time is over.
        """
        L, sets, rng = self.game.num_leader_actions, self.strategies, np.random.default_rng(0)
        best = self._best_at(np.concatenate([self.corners, self.preferences.centre[None]]))
        if best is None:
            few = rng.dirichlet(np.ones(L), _STARTS) if sets is None else sets.sample(rng, 1.0, _STARTS)
            best = self._best_at(few)
        return best

    def _best_at(self, points: Float[np.ndarray, "S L"]) -> Found | None:
        """The best commitment of the regions that points lie in."""
        best: Found | None = None
        maps = np.unique(self.preferences.best_responses(points), axis=0)
        for response, payoff in zip(maps, self.payoffs(maps), strict=True):
            if self.clock.is_over:
                break
            found = self.best_in(response, payoff)
            if found is not None and (best is None or found.value > best.value):
                best = found
        return best

    def tell(self, value: float, upper_bound: float) -> None:
        """Report values in the solver's units."""
        self.clock.tell(self.to_payoff(value), self.to_payoff(upper_bound))

    def to_payoff(self, value: float) -> float:
        """From the solver's units to those of the game."""
        return self.offset + self.scale * value

    def solution(self, found: Found, method: str, upper_bound: float) -> Solution:
        """`found`, in the game's payoff units."""
        value, bound = self.to_payoff(found.value), self.to_payoff(max(upper_bound, found.value))
        x = (
            found.commitment
            if self.strategies is None
            else self.strategies.frame.commitments(found.commitment)
        )
        near = near_ties(self.original, self.types, x, found.response)
        return Solution(x, found.response, value, method, self.ties, bound, len(near))

    def _enforceable(self, cell: Cell, response: np.ndarray, payoff: np.ndarray | None) -> Found | None:
        """max over the closure of a full-dimensional cell of the worst that indifferent followers can do."""
        if not cell.is_full_dimensional:
            return None
        payoff = self.payoffs(response[None])[0] if payoff is None else payoff
        groups, variants = self._indifference(response, payoff)
        x = cell.best(groups)
        assert x is not None  # it has an interior
        if not variants:
            return self.checked(x, response, payoff)
        worst = response.copy()
        for group, (items, choices) in zip(groups[len(groups) - len(variants) :], variants, strict=True):
            worst.flat[items] = choices[int((group @ x).argmin())]
        return self.checked(x, worst, self.payoffs(worst[None])[0])

    def _indifference(self, response: np.ndarray, payoff: np.ndarray) -> tuple[list[np.ndarray], list[Any]]:
        """Payoff groups as of `Cell.best`; items and choices that each of the last groups stands for."""
        equal = self.preferences.equal
        played = equal[np.arange(len(equal)), response.ravel()]
        free = [(j, np.flatnonzero(equal[j] == played[j])) for j in np.flatnonzero(self.marginals > 0)]
        free = [(j, choices) for j, choices in free if len(choices) > 1]
        base = payoff[None]
        terms = self.game.leader.additive_terms()
        if not free:
            return [base], []
        if terms is not None:
            groups = []
            of_types = np.broadcast_to(terms, (*response.shape, *np.shape(terms)[2:]))
            for j, choices in free:
                of_type = of_types[divmod(j, response.shape[1])]
                groups.append(self.marginals[j] * (of_type[choices] - of_type[response.flat[j]]))
            return [base, *groups], [(j, choices) for j, choices in free]
        num_variants = math.prod(len(choices) for _, choices in free)
        if num_variants > MAX_VARIANTS:
            raise ValueError(
                f"ties='robust' must find the worst of {num_variants:,} ways in which indifferent followers "
                f"may answer (limit {MAX_VARIANTS:,}), since {len(free)} follower types have equal actions "
                f"and the leader's payoff is not a sum over followers. Use SeparablePayoff if it is one, "
                f"remove actions that are duplicates for both sides, or ties='optimistic'."
            )
        items = np.array([j for j, _ in free])
        choices = np.array(list(itertools.product(*(choices for _, choices in free))))
        maps = np.tile(response.ravel(), (num_variants, 1))
        maps[:, items] = choices
        return [self.payoffs(maps.reshape(-1, *response.shape))], [(items, choices)]


class NearTie(NamedTuple):
    """An action that is nearly as good for a follower type as the one that it plays, or nearly better."""

    follower: int
    type: int
    played: int
    other: int
    lead: float  # of the action played, follower's payoff units; negative within rounding only

    def __str__(self) -> str:
        return (
            f"follower {self.follower} of type {self.type} prefers action {self.played} to {self.other} "
            f"by {self.lead:.3g}"
        )


def near_ties(
    game: Game, types: TypeDistribution, commitment: Float[np.ndarray, "L"], response: Int[np.ndarray, "n K"]
) -> list[NearTie]:
    """The ties at a commitment that are near (see `NEAR_TIE`) and not exact, of types that can occur.

    Args:
      game: one game.
      types: distribution of the joint type.
      commitment, response: [L] and [n, K], as of a `Solution`.
    """
    preferences = Preferences(game)
    if game.strategies is not None:
        commitment = np.asarray(game.strategies.frame.shares(commitment))
    lead, size = preferences.leads(commitment, response)
    chosen = np.abs(preferences.differences[np.arange(len(lead)), np.ravel(response)])
    largest = chosen.max(axis=-1)
    exact = (largest == 0) | (np.abs(lead) <= TIE_TOLERANCE * size)
    near = np.abs(lead) <= NEAR_TIE * _usual_difference(preferences)[:, None]
    near &= ~exact & (np.ravel(types.marginals()) > 0)[:, None] & preferences.playable
    flat = np.ravel(response)
    return [
        NearTie(int(j // game.num_types), int(j % game.num_types), int(flat[j]), int(a), float(lead[j, a]))
        for j, a in np.argwhere(near)
    ]


def _usual_difference(preferences: Preferences) -> np.ndarray:
    """[n*K]: the median difference, of those not 0, that a leader action makes between two actions."""
    both = preferences.playable[:, :, None] & preferences.playable[:, None, :]
    sizes = np.where(both[..., None], np.abs(preferences.differences), 0.0)
    sizes = sizes.reshape(len(preferences.differences), -1)
    ordered, none = np.sort(sizes, axis=1), (sizes == 0).sum(axis=1)
    middle = np.minimum((none + sizes.shape[1]) // 2, sizes.shape[1] - 1)
    return ordered[np.arange(len(ordered)), middle]


def framed_game(game: Game) -> Game:
    """The game with the points of its strategy set's frame for leader actions; on the simplex, the game."""
    if game.strategies is None:
        return game
    points = game.strategies.frame.float_points
    framed = object.__new__(Game)  # of a batch too, whose numbers have been checked
    fields = {"leader": game.leader.at(points), "follower": on_frame(game), "strategies": None}
    for name, value in (fields | {"available": game.available}).items():
        set_field(framed, name, value)
    return framed


def in_units(game: Game) -> tuple[Game, np.ndarray, np.ndarray]:
    """The game with leader payoffs about their median and of size 1; offset and scale of its values.

    Offset and scale are [] ([G] for a batch).
    """
    leader, offset, scale = game.leader.about_median()
    rest = [game.follower] if game.available is None else [game.follower, game.available]
    leaves = [*jax.tree.leaves(leader), *rest]
    return jax.tree.unflatten(jax.tree.structure(game), leaves), offset, scale
