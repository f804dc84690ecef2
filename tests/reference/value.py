"""Expected utilities by adding up every joint type and every joint action, in plain loops.

Reads raw arrays out of the containers and calls nothing else of them. Exponential in n: tiny games only.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from jaxstack.distributions import IndependentTypes, JointTypes, MixtureTypes
from jaxstack.payoffs import AnonymousPayoff, SeparablePayoff, TabularPayoff
from jaxstack.typed_payoffs import TypedPayoff


def payoff_vector(leader: Any, actions: tuple[int, ...], theta: tuple[int, ...] | None = None) -> np.ndarray:
    """u(., a, theta): [L] float64; theta is not looked at where types do not matter to the leader."""
    table = np.asarray(leader.table)
    if isinstance(leader, TypedPayoff):
        assert theta is not None
        if isinstance(leader.moves, TabularPayoff):  # [L, A, .., A, K, .., K]
            return np.array([table[(row, *actions, *theta)] for row in range(table.shape[0])])
        assert isinstance(leader.moves, SeparablePayoff)  # [n, K, L, A]
        plays = list(enumerate(zip(actions, theta, strict=True)))
        return np.array(
            [math.fsum(table[i, k, row, a] for i, (a, k) in plays) for row in range(table.shape[2])]
        )
    if isinstance(leader, TabularPayoff):
        return np.array([table[(row, *actions)] for row in range(table.shape[0])])
    if isinstance(leader, SeparablePayoff):
        return np.array(
            [math.fsum(table[i, row, a] for i, a in enumerate(actions)) for row in range(table.shape[1])]
        )
    if isinstance(leader, AnonymousPayoff):
        counts = tuple(list(actions).count(action) for action in range(1, table.ndim))
        return np.array([table[(row, *counts)] for row in range(table.shape[0])])
    raise TypeError(type(leader).__name__)


def expected_payoff_vector(leader: Any, marginals: np.ndarray) -> np.ndarray:
    """E u(., a) under independent action marginals [n, A]: [L] float64."""
    num_followers, num_actions = marginals.shape
    total = 0.0
    for actions in itertools.product(range(num_actions), repeat=num_followers):
        probability = math.prod(marginals[i, a] for i, a in enumerate(actions))
        total = total + probability * payoff_vector(leader, actions)
    return np.asarray(total)


def bounds(leader: Any, num_followers: int, num_actions: int) -> tuple[float, float]:
    """Lowest and highest payoff over all joint actions."""
    joint_actions = itertools.product(range(num_actions), repeat=num_followers)
    payoffs = np.array([payoff_vector(leader, actions) for actions in joint_actions])
    return float(payoffs.min()), float(payoffs.max())


def probability(types: Any, theta: tuple[int, ...]) -> float:
    """P(theta) of one joint type."""
    table = np.asarray(types.probabilities)
    if isinstance(types, JointTypes):
        return float(table[theta])
    if isinstance(types, IndependentTypes):
        return math.prod(float(table[i, k]) for i, k in enumerate(theta))
    if isinstance(types, MixtureTypes):
        return math.fsum(
            float(weight) * math.prod(float(table[c, i, k]) for i, k in enumerate(theta))
            for c, weight in enumerate(np.asarray(types.weights))
        )
    raise TypeError(type(types).__name__)


def joint_types(num_followers: int, num_types: int) -> list[tuple[int, ...]]:
    """Every joint type, the last follower's moving fastest."""
    return list(itertools.product(range(num_types), repeat=num_followers))


def marginals(types: Any, num_followers: int, num_types: int) -> np.ndarray:
    """P(theta_i = k): [n, K] float64."""
    result = np.zeros((num_followers, num_types))
    for theta in joint_types(num_followers, num_types):
        for i, k in enumerate(theta):
            result[i, k] += probability(types, theta)
    return result


def joint_action(response: np.ndarray, theta: tuple[int, ...]) -> tuple[int, ...]:
    """W(theta): what the followers of a joint type play under a response map [n, K]."""
    return tuple(int(response[i, k]) for i, k in enumerate(theta))


def region_payoff_vector(game: Any, types: Any, response: np.ndarray) -> np.ndarray:
    """E_theta u(., W(theta)) for one response map [n, K]: [L] float64."""
    num_followers, num_types = np.shape(response)
    total = np.zeros(np.shape(game.follower)[2])
    for theta in joint_types(num_followers, num_types):
        actions = joint_action(response, theta)
        total += probability(types, theta) * payoff_vector(game.leader, actions, theta)
    return total


def utility(game: Any, types: Any, commitment: np.ndarray, response: np.ndarray) -> float:
    """U_D(x, W) = <x, E_theta u(., W(theta))>."""
    return math.fsum(np.asarray(commitment) * region_payoff_vector(game, types, response))


def optimistic_utility(game: Any, types: Any, commitment: np.ndarray, tolerance: float = 1e-9) -> float:
    """U_D(x): the best U_D(x, W) of all response maps W that are best responses to x."""
    num_followers, num_types = np.shape(game.follower)[:2]
    ties = []
    for i, k in itertools.product(range(num_followers), range(num_types)):
        table = np.asarray(game.follower)[i, k]
        payoffs = np.asarray(commitment) @ table
        largest = np.abs(table[:, [payoffs.argmax()]]).max() + np.abs(table).max(
            axis=0
        )  # of the best and each
        ties.append(list(np.flatnonzero(payoffs >= payoffs.max() - tolerance * largest)))
    return max(
        utility(game, types, commitment, np.reshape(choice, (num_followers, num_types)))
        for choice in itertools.product(*ties)
    )
