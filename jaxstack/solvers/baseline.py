"""What other commitments earn than the optimal one: a mark to read an optimum by."""

from __future__ import annotations

import dataclasses

import numpy as np

from jaxstack import checks
from jaxstack.axes import Float
from jaxstack.distributions import TypeDistribution, joint_probabilities
from jaxstack.game import Game, best_response_sets, check_types
from jaxstack.regions.clipping import TIE_RULES, enumerate_regions
from jaxstack.regions.table import RegionTable, check_table
from jaxstack.sequences import distribution_of
from jaxstack.solvers.choice import MAX_SECONDS, MAX_VERTICES, estimate
from jaxstack.strategies.framing import on_frame
from jaxstack.ties import equal_actions
from jaxstack.value import TooManyTies, expected_utility, joint_type_payoffs, region_payoff_vectors

_MAX_ENTRIES = 1 << 24  # of payoffs by region, joint type and leader action


@dataclasses.dataclass(frozen=True)
class Baselines:
    """Expected payoffs per round of what a leader may do, payoff units; nan where they are not known.

    Attributes:
      uniform: of all leader actions alike; in a strategy set, of the mean of its vertices.
      pure: of the best pure commitment; in a strategy set, of its best vertex.
      pure_action: that leader action, or the index of the vertex.
      known_types: of a leader who sees every follower's type before it commits, round by round. No
        commitment, and no learner, earns more.
      is_simplex: the leader mixes actions.
    """

    uniform: float
    pure: float
    pure_action: int
    known_types: float
    is_simplex: bool = True

    def told(self, leader_names: list[str]) -> list[tuple[str, str, float]]:
        """What it is, which one, and its payoff; what is not known is left out."""
        of = f"({leader_names[self.pure_action]})" if self.is_simplex else ""
        rows = [
            ("uniform commitment" if self.is_simplex else "mean of the vertices", "", self.uniform),
            ("best pure commitment" if self.is_simplex else "best vertex of the set", of, self.pure),
            ("optimum with known types", "", self.known_types),
        ]
        return [row for row in rows if np.isfinite(row[2])]


def baselines(
    game: Game, types: TypeDistribution, ties: str = "optimistic", table: RegionTable | None = None
) -> Baselines:
    """What the uniform, the best pure, and an all-knowing leader earn.

    Args:
      game: one game.
      types: distribution of the joint type.
      ties: "optimistic" or "robust", as for `solve`.
      table: regions of this game; enumerated where they are few.

    Returns:
      Baselines. Without a table, for it would be large, or with equal actions under robust ties, some are
      not known.

    Raises:
      ValueError: a batch of games, unknown ties, types that are not for this game, or a table that is not,
        or not for these ties.
    """
    checks.one_of("tie rule", ties, TIE_RULES)
    check_types(game, types)
    types = distribution_of(types)
    if game.num_games is not None:
        raise ValueError(f"baselines are of one game, but {game!r} arrived. Use jaxstack.unstack(game, g).")
    pure = np.eye(game.num_leader_actions) if game.strategies is None else game.strategies.vertices
    if pure is None:
        return Baselines(np.nan, np.nan, 0, np.nan, False)
    table = _table_of(game, ties) if table is None else check_table(game, table, ties)
    if table is None and ties == "robust":
        return Baselines(np.nan, np.nan, 0, np.nan, game.strategies is None)
    points = [pure.mean(axis=0), *pure]
    if table is None:
        values = np.array([_utility(game, types, x) for x in points])
        known = np.nan
    else:
        vectors = region_payoff_vectors(game, types, table.responses)
        values = np.array([_value_at(game, table, vectors, x, ties) for x in points])
        known = _known_types(game, types, table, ties)
    best = int(values[1:].argmax())  # of the first that is not known, if any: then the best is not, either
    return Baselines(float(values[0]), float(values[1 + best]), best, known, game.strategies is None)


def _utility(game: Game, types: TypeDistribution, x: np.ndarray) -> float:
    """Expected payoff of x, nan where too many ties keep it from being known."""
    try:
        return expected_utility(game, types, x)
    except TooManyTies:
        return np.nan


def _table_of(game: Game, ties: str) -> RegionTable | None:
    """The regions, where they are soon enumerated."""
    guess = estimate(game)
    if guess.vertices > MAX_VERTICES or guess.seconds > MAX_SECONDS:
        return None
    try:
        return enumerate_regions(game, ties=ties)
    except (MemoryError, ValueError):  # more regions than the sample let expect
        return None


def _real(table: RegionTable, ties: str) -> np.ndarray:
    """[R] bool: regions that count under a tie rule."""
    real = np.asarray(table.region_mask)
    return real & np.asarray(table.full_dimensional) if ties == "robust" else real


def _value_at(
    game: Game, table: RegionTable, vectors: Float[np.ndarray, "R L"], x: np.ndarray, ties: str
) -> float:
    """Expected payoff of x: the best of its regions; of equal actions, the worst under robust ties."""
    responses = np.asarray(table.responses)
    optimal = np.asarray(best_response_sets(game, x))
    inside = np.take_along_axis(optimal[None], responses[..., None], axis=-1).all(axis=(1, 2, 3))
    inside &= _real(table, ties)
    payoffs = vectors[inside] @ x
    if not len(payoffs):
        return np.nan
    if ties == "optimistic":
        return float(payoffs.max())
    equal = equal_actions(on_frame(game))
    n, K = responses.shape[1:]
    first = equal.argmax(axis=-1)  # [n, K, A]: the lowest action that is equal to it
    maps = first[np.arange(n)[:, None], np.arange(K), responses[inside]]
    groups = np.unique(maps.reshape(len(maps), -1), axis=0, return_inverse=True)[1].ravel()
    return float(max(payoffs[groups == group].min() for group in range(groups.max() + 1)))


def _known_types(game: Game, types: TypeDistribution, table: RegionTable, ties: str) -> float:
    """Expected payoff of a leader who sees the types: the best vertex against every joint type."""
    real = np.flatnonzero(_real(table, ties))
    entries = len(real) * game.num_joint_types * game.num_leader_actions
    equal = equal_actions(on_frame(game))
    if entries > _MAX_ENTRIES or (ties == "robust" and (equal.sum(axis=-1) > 1).any()):
        return np.nan
    payoffs = joint_type_payoffs(game, table)  # [R, J, L]
    vertices = np.asarray(table.vertices)
    best = np.full(payoffs.shape[1], -np.inf)
    for r in real:
        corners = vertices[r][np.asarray(table.vertex_mask[r])]
        best = np.maximum(best, (payoffs[r] @ corners.T).max(axis=-1))
    joint = np.asarray(joint_probabilities(types), np.float64)
    if game.available is not None:
        joint = joint.reshape((game.num_types,) * game.num_followers)[tuple(game.joint_types().T)]
    return float(best @ joint.ravel())
