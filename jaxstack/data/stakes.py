"""Whether the best commitment depends on what a log does not tell.

All distributions that agree with the fitted one in the probability of every outcome of every response map
that was posted fit as well as it does, and would fit any longer log of these maps as well. Over this set:
what the recommended commitment earns, and how much more another could. Joint types: the set is a polytope,
payoffs are linear on it, and both are linear programs. Independent types: payoffs are linear in each
follower's probabilities, so that extremes are attained where each follower's are a vertex of its own
polytope.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import linprog

from jaxstack import memory
from jaxstack.axes import Float, Int
from jaxstack.data.identified import confused
from jaxstack.distributions import IndependentTypes, joint_probabilities
from jaxstack.regions import RegionTable, enumerate_regions
from jaxstack.value import joint_type_payoffs, vertex_utilities

if TYPE_CHECKING:
    from jaxstack.data.fitting import FittedTypes

_MOST_POINTS = 1024  # products of vertices that are looked at
_DIRECTIONS = 32  # in which vertices are looked for, beside the axes
_SAME = 1e-9  # of the spread of payoffs: no loss


class Candidate(NamedTuple):
    """A vertex of a region: a commitment [L] and the response map [n, K] that goes with it."""

    commitment: Float[np.ndarray, "L"]
    responses: Int[np.ndarray, "n K"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Stakes:
    """What the unidentified part of a fit decides; payoff units per round.

    Attributes:
      recommended: the best commitment under the fitted types.
      value: what it earns under them.
      low, high: the least and the most that it earns under types that fit as well.
      loss: how much more another commitment can earn under types that fit as well; 0: what the log does not
        tell makes no difference.
      rival: the commitment that can, or None.
      exact: False: `low` may be lower, `high` and `loss` higher, since not all vertices were looked at.
    """

    recommended: Candidate
    value: float
    low: float
    high: float
    loss: float = 0.0
    rival: Candidate | None = None
    exact: bool = True

    @property
    def matters(self) -> bool:
        """Whether the best commitment depends on what the log does not tell."""
        return self.rival is not None

    def __repr__(self) -> str:
        loss = f"{'' if self.exact else 'at least '}{self.loss:.6g}"
        return f"Stakes(value {self.value:.6g} in [{self.low:.6g}, {self.high:.6g}], loss {loss})"


def stakes(fitted: FittedTypes, table: RegionTable | None = None) -> Stakes:
    """What the part of a fit that the log does not tell decides.

    Of a mixture, all joint distributions that fit as well are looked at, not mixtures alone.

    Args:
      fitted: from `fit_types`.
      table: regions of its game; enumerated (optimistically) when not given.

    Raises:
      MemoryError: too many joint types, where these are needed (joint types and mixtures).
    """
    game, types = fitted.log.words.game, fitted.types
    table = enumerate_regions(game) if table is None else table
    utilities = vertex_utilities(game, types, table)
    best = int(utilities.argmax())
    recommended, value = _candidate(table, best), float(utilities.ravel()[best])
    if not fitted.unidentified:
        return Stakes(recommended, value, value, value)
    maps = fitted.log.maps
    assert maps is not None  # types that are seen are told apart
    if isinstance(types, IndependentTypes) and game.num_followers > 1:
        low, high, loss, rival, exact = _over_products(fitted, table, best, maps)
    else:
        low, high, loss, rival = _over_joint(fitted, table, best, maps)
        exact = True
    spread = float(np.ptp(utilities[np.isfinite(utilities)])) + abs(value)
    if loss <= _SAME * spread:
        return Stakes(recommended, value, low, high, exact=exact)
    return Stakes(recommended, value, low, high, loss, _candidate(table, rival), exact)


def _candidate(table: RegionTable, place: int) -> Candidate:
    region, vertex = divmod(place, table.padded_vertices)
    return Candidate(table.vertices[region, vertex], np.asarray(table.responses[region], np.int32))


def _over_joint(
    fitted: FittedTypes, table: RegionTable, best: int, maps: np.ndarray
) -> tuple[float, float, float, int]:
    """Least and most of the best candidate, what another may earn more, and which; by linear programs."""
    game = fitted.log.words.game
    joint = game.joint_types()
    memory.require(
        8.0 * len(joint) * (table.vertex_mask.size + len(joint)),
        what="what every vertex earns by every joint type",
        driver=f"{len(joint):,} joint types times {table.vertex_mask.size:,} vertices",
        remedy="fit_types(kind='independent')",
    )
    n, K = game.num_followers, game.num_types
    p = joint_probabilities(fitted.types)[np.ravel_multi_index(tuple(joint.T), (K,) * n)]
    played = maps[:, np.arange(n), joint].astype(np.int64)
    loose = confused(played @ (game.num_actions ** np.arange(n)))  # [J, d]
    payoffs = joint_type_payoffs(game, table)  # [R, J, L]
    values = np.einsum("rjl,rvl->rvj", payoffs, table.vertices).reshape(-1, len(p))
    real = np.flatnonzero(table.vertex_mask.ravel() & np.repeat(table.region_mask, table.padded_vertices))
    low, high = (float(values[best] @ p + s * _most(s * values[best] @ loose, loose, p)) for s in (-1, 1))
    # What a candidate gains on the best is no more than if every probability had the best of its range.
    gains = values[real] - values[best]
    ranges = [[s * _most(s * row, loose, p) if row.any() else 0.0 for row in loose] for s in (-1, 1)]
    most = gains @ p + np.maximum(gains * ranges[0], gains * ranges[1]).sum(axis=1)
    loss, rival = 0.0, best
    for at in np.argsort(-most):
        if most[at] <= loss:
            break
        gain = float(gains[at] @ p) + _most(gains[at] @ loose, loose, p)
        if gain > loss:
            loss, rival = gain, int(real[at])
    return low, high, loss, rival


def _most(objective: np.ndarray, loose: np.ndarray, p: np.ndarray) -> float:
    """max <objective, a> over all a with p + loose a >= 0."""
    return float(objective @ _extreme(objective, loose, p))


def _extreme(objective: np.ndarray, loose: np.ndarray, p: np.ndarray) -> np.ndarray:
    size = np.abs(objective).max(initial=0.0)
    if size == 0:
        return np.zeros(loose.shape[1])
    found = linprog(
        -objective / size, A_ub=-loose, b_ub=np.maximum(p, 0), bounds=(None, None), method="highs"
    )
    if found.x is None:
        raise RuntimeError(f"HiGHS found no optimum over the distributions that fit: {found.message}")
    return np.asarray(found.x)


def _over_products(
    fitted: FittedTypes, table: RegionTable, best: int, maps: np.ndarray
) -> tuple[float, float, float, int, bool]:
    """As `_over_joint`, over products of vertices; and whether these are all."""
    game, p = fitted.log.words.game, np.asarray(fitted.types.probabilities)
    counts = game.types_by_follower
    found = [_vertices(p[i, :own], maps[:, i, :own]) for i, own in enumerate(counts)]
    exact = all(whole for _, whole in found)
    points: list[tuple[np.ndarray, ...]] = list(
        itertools.islice(itertools.product(*(own for own, _ in found)), _MOST_POINTS + 1)
    )
    if len(points) > _MOST_POINTS:
        rng, exact = np.random.default_rng(0), False
        points = [tuple(own[rng.integers(len(own))] for own, _ in found) for _ in range(_MOST_POINTS)]
    low, high, loss, rival = np.inf, -np.inf, 0.0, best
    for point in points:
        rows = np.zeros_like(p)
        for i, row in enumerate(point):
            rows[i, : len(row)] = row
        utilities = vertex_utilities(game, IndependentTypes(rows), table).ravel()
        low, high = min(low, utilities[best]), max(high, utilities[best])
        gain = float(utilities.max() - utilities[best])
        if gain > loss:
            loss, rival = gain, int(utilities.argmax())
    return float(low), float(high), loss, rival, exact


def _vertices(p: np.ndarray, maps: Int[np.ndarray, "M K"]) -> tuple[list[np.ndarray], bool]:
    """Vertices of the distributions of one follower that fit as well as p, and whether these are all."""
    _, group = np.unique(maps, axis=1, return_inverse=True)
    groups = [np.flatnonzero(group.reshape(-1) == number) for number in range(group.max() + 1)]
    loose = confused(maps)
    if loose.shape[1] == len(p) - len(groups):  # only types that are alike: all of their share to one of them
        shared = [members for members in groups if len(members) > 1 and p[members].sum() > 0]
        found = []
        for chosen in itertools.islice(itertools.product(*shared), _MOST_POINTS + 1):
            row = p.copy()
            for members, one in zip(shared, chosen, strict=True):
                row[members] = 0
                row[one] = p[members].sum()
            found.append(row)
        return found[:_MOST_POINTS], len(found) <= _MOST_POINTS
    rng = np.random.default_rng(0)
    directions = np.concatenate([loose, -loose, rng.normal(size=(_DIRECTIONS, loose.shape[1]))])
    rows = [np.maximum(p + loose @ _extreme(direction, loose, p), 0) for direction in directions]
    return [row / row.sum() for row in np.unique(np.round(rows, 9), axis=0)], False
