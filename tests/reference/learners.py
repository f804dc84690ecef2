"""Every learner as one loop: one round at a time, nothing kept but the raw history.

A learner chooses among the (region, vertex) pairs of a region table. Scores (in units of the payoff range)
within 32 units of rounding of the best are tied; the lowest flat index r * V + v of the real vertices wins.
Each function is called with game, table and the types [T, n] that were drawn; with `distribution` if the
learner is told the optimum, and with `plays` [T, 2], what it played, if it draws random numbers. It returns
[T, 2] int, region and vertex of every round; or, where the rule leaves a choice, [T, R, V], how likely each
is in that round, given what was played before. Of a learner that plays commitments: these, [T, L].
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from tests.reference import value

TIE = 32 * np.finfo(np.float64).eps


class _Setting:
    """One game and its region table, payoffs in units of the range of those that can occur."""

    def __init__(self, game: Any, table: Any) -> None:
        num_followers, num_types, self.num_leader_actions, _ = np.shape(game.follower)
        maps = table.responses[table.region_mask]
        played = [  # (type, action) of each follower
            sorted({(k, int(a)) for k in range(num_types) for a in maps[:, i, k]})
            for i in range(num_followers)
        ]
        possible = [
            value.payoff_vector(game.leader, [a for _, a in moves], [k for k, _ in moves])
            for moves in itertools.product(*played)
        ]
        low, high = np.min(possible), np.max(possible)
        payoff_range = high - low if high > low else 1.0
        self.joint_types = value.joint_types(num_followers, num_types)
        self.vertices = np.asarray(table.vertices)
        self.pairs = [(int(r), int(v)) for r, v in np.argwhere(table.vertex_mask) if table.region_mask[r]]
        self.regions = sorted({r for r, _ in self.pairs})
        self.payoff_vectors = {  # u(., W_r(theta))
            (r, theta): (
                value.payoff_vector(game.leader, value.joint_action(table.responses[r], theta), theta) - low
            )
            / payoff_range
            for r in self.regions
            for theta in self.joint_types
        }

    def payoff(self, region: int, vertex: int, theta: tuple[int, ...]) -> float:
        """<x_v, u(., W_r(theta))>."""
        return float(self.vertices[region, vertex] @ self.payoff_vectors[region, theta])


def _first_best(scores: dict[Any, float]) -> Any:
    """First key (in order of insertion) whose score ties with the best."""
    best = max(scores.values())
    return next(key for key, score in scores.items() if score >= best - TIE)


def erm_joint(game: Any, table: Any, types: np.ndarray) -> np.ndarray:
    """Algorithm 1: best mean payoff against the joint types of all earlier rounds."""
    setting, plays = _Setting(game, table), []
    totals = dict.fromkeys(setting.pairs, 0.0)  # over all earlier rounds
    for t, theta in enumerate(map(tuple, types)):
        plays.append(_first_best({pair: total / max(t, 1) for pair, total in totals.items()}))
        for pair in totals:
            totals[pair] += setting.payoff(*pair, theta)
    return np.array(plays)


def erm_product(game: Any, table: Any, types: np.ndarray) -> np.ndarray:
    """Algorithm 2: best expected payoff under the product of the earlier rounds' empirical marginals."""
    setting, plays = _Setting(game, table), []
    counts = np.zeros(np.shape(game.follower)[:2])
    for t, theta in enumerate(map(tuple, types)):
        scores = dict.fromkeys(setting.pairs, 0.0)
        for likely in setting.joint_types:
            probability = math.prod(counts[i, k] / max(t, 1) for i, k in enumerate(likely))
            for pair in scores:
                scores[pair] += probability * setting.payoff(*pair, likely)
        plays.append(_first_best(scores))
        for i, k in enumerate(theta):
            counts[i, k] += 1
    return np.array(plays)


def region_ucb(game: Any, table: Any, types: np.ndarray, radius_scale: float = 1.0) -> np.ndarray:
    """Algorithm 3: region with the highest optimistic index (unvisited ones first), then its best vertex."""
    setting, plays = _Setting(game, table), []
    exploration = 4 * (setting.num_leader_actions + 1) * math.log(3 * len(types))
    history: dict[int, list[np.ndarray]] = {region: [] for region in setting.regions}
    for theta in map(tuple, types):
        index, vertex = {}, {}
        for region, seen in history.items():
            mean = np.mean(seen, axis=0) if seen else np.zeros(setting.num_leader_actions)
            at_vertex = {v: float(setting.vertices[r, v] @ mean) for r, v in setting.pairs if r == region}
            vertex[region] = _first_best(at_vertex)
            bonus = radius_scale * math.sqrt(exploration / len(seen)) if seen else math.inf
            index[region] = max(at_vertex.values()) + bonus
        region = _first_best(index)
        plays.append((region, vertex[region]))
        history[region].append(setting.payoff_vectors[region, theta])
    return np.array(plays)


def oful(
    game: Any, table: Any, types: np.ndarray, radius_scale: float = 1.0, ridge: float = 1.0
) -> np.ndarray:
    """Abbasi-Yadkori, Pal, Szepesvari (2011); feature per joint type: the payoff if that type came up."""
    setting, plays = _Setting(game, table), []
    num_joint = len(setting.joint_types)
    features = {
        pair: np.array([setting.payoff(*pair, theta) for theta in setting.joint_types])
        for pair in setting.pairs
    }
    gram, moment = ridge * np.eye(num_joint), np.zeros(num_joint)
    for theta in map(tuple, types):
        inverse = np.linalg.inv(gram)
        estimate = inverse @ moment
        # Payoffs in [0, 1] have 1/2-subgaussian noise, delta = 1/T, and a distribution has norm <= 1.
        log_determinants = np.linalg.slogdet(gram)[1] - num_joint * math.log(ridge)
        radius = 0.5 * math.sqrt(2 * math.log(len(types)) + log_determinants) + math.sqrt(ridge)
        radius *= radius_scale
        pair = _first_best(
            {p: float(z @ estimate + radius * math.sqrt(z @ inverse @ z)) for p, z in features.items()}
        )
        plays.append(pair)
        gram += np.outer(features[pair], features[pair])
        moment += features[pair] * setting.payoff(*pair, theta)
    return np.array(plays)


def explore_then_commit(game: Any, table: Any, types: np.ndarray) -> np.ndarray:
    """Regions in turn for T^(2/3) rounds, each at its best vertex so far; then the best of all for ever."""
    setting, plays = _Setting(game, table), []
    history: dict[int, list[np.ndarray]] = {region: [] for region in setting.regions}
    for t, theta in enumerate(map(tuple, types)):
        exploring = t < len(types) ** (2 / 3)
        vertex, best = {}, {}
        for region, seen in history.items():
            mean = np.mean(seen, axis=0) if seen else np.zeros(setting.num_leader_actions)
            at_vertex = {v: float(setting.vertices[r, v] @ mean) for r, v in setting.pairs if r == region}
            vertex[region] = _first_best(at_vertex)
            best[region] = max(at_vertex.values()) if seen else -math.inf
        region = setting.regions[t % len(setting.regions)] if exploring else _first_best(best)
        plays.append((region, vertex[region]))
        if exploring:
            history[region].append(setting.payoff_vectors[region, theta])
    return np.array(plays)


def uniform(game: Any, table: Any, types: np.ndarray, plays: np.ndarray) -> np.ndarray:
    """A region, each as likely, and then one of its vertices, each as likely; whatever was played before."""
    likely, setting = np.zeros(np.shape(table.vertex_mask)), _Setting(game, table)
    for region, vertex in setting.pairs:
        vertices = sum(other == region for other, _ in setting.pairs)
        likely[region, vertex] = 1 / (len(setting.regions) * vertices)
    return np.broadcast_to(likely, (len(plays), *likely.shape))


def oracle(game: Any, table: Any, types: np.ndarray, distribution: Any) -> np.ndarray:
    """Any commitment that is best under the true distribution."""
    setting, best = _Setting(game, table), np.zeros(np.shape(table.vertex_mask))
    utility = {
        pair: math.fsum(
            value.probability(distribution, theta) * setting.payoff(*pair, theta)
            for theta in setting.joint_types
        )
        for pair in setting.pairs
    }
    for pair in setting.pairs:
        best[pair] = utility[pair] >= max(utility.values()) - TIE
    return np.broadcast_to(best / best.sum(), (len(types), *best.shape))
