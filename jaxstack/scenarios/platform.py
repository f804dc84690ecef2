"""A platform that mixes kinds of content for users whose taste it does not know."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxstack import checks
from jaxstack.distributions import MixtureTypes
from jaxstack.game import Game
from jaxstack.payoffs import AnonymousPayoff
from jaxstack.scenarios._arrays import agreeing

LANES = ("short clips", "long reads", "live discussions")
ACTIONS = ("leave", "skim", "engage")
USERS = ("commuter", "student", "retiree")
TASTES = ("entertainment", "learning", "company")


def feature_mix(
    enjoyment: Any = ((10.0, 2.0, 5.0), (3.0, 10.0, 4.0), (4.0, 5.0, 9.0)),
    price_of_time: Any = (9.0, 6.4, 7.3),
    depth: Any = (0.0, 0.4, 1.0),
    time: Any = (0.0, 0.2, 0.75),
    skim_income: Any = (2.0, 0.5, 1.0),
    engage_income: Any = (1.5, 4.0, 2.5),
    network_income: Any = (0.2, 0.3, 1.5),
    hosting_cost: float = 0.25,
    weights: Any = (0.7, 0.3),
    tastes: Any = (
        ((0.5, 0.2, 0.3), (0.3, 0.5, 0.2), (0.2, 0.3, 0.5)),
        ((0.8, 0.0, 0.2), (0.7, 0.1, 0.2), (0.4, 0.1, 0.5)),
    ),
) -> tuple[Game, MixtureTypes]:
    """A feed: the leader sets the share of each content lane, each user leaves, skims or engages.

    User i of taste k who chooses action a gets depth[a] enjoyment[k, l] - time[a] price_of_time[i] from a
    slot of lane l. The platform earns skim_income[l] for each skimming user and engage_income[l] for each
    engaged one; engaged users talk to each other, so every pair of them adds network_income[l] (the network
    effect), while all who stay load the servers, which costs hosting_cost times their number squared
    (congestion). It matters how many users do what, not who: anonymous. In units of 0.01 currency units per
    slot. Tastes are correlated: a mixture of an ordinary week and a week with a viral topic. By default
    L = n = K = A = 3.

    Args:
      enjoyment: [K, L], what each taste gets out of full attention to each lane.
      price_of_time: [n], what full attention costs each user.
      depth, time: [A] = [3], share of the enjoyment and of the time that leaving, skimming, engaging take.
      skim_income, engage_income, network_income: [L].
      hosting_cost: times (users who stay) squared.
      weights: [C], probability of each kind of week.
      tastes: [C, n, K], taste probabilities of each user in each kind of week.

    Returns:
      The game and the distribution of its types.

    Raises:
      ValueError: shapes that disagree, or not finite.

    Source: all default numbers are illustrative; made for this package.
    """
    enjoyment, price, depth, time, per_skim, per_engaged, per_pair = agreeing(
        enjoyment=(enjoyment, "K L"),
        price_of_time=(price_of_time, "n"),
        depth=(depth, "A"),
        time=(time, "A"),
        skim_income=(skim_income, "L"),
        engage_income=(engage_income, "L"),
        network_income=(network_income, "L"),
    )
    hosting_cost = checks.finite_number("hosting_cost", hosting_cost)
    if len(depth) != 3:
        raise ValueError(
            f"depth and time must have 3 entries (leave, skim, engage), but {len(depth)} arrived."
        )
    satisfaction = np.multiply.outer(enjoyment, depth)  # [K, L, A]
    follower = satisfaction - np.multiply.outer(price, time)[:, None, None, :]
    skimming, engaged = np.indices((len(price) + 1,) * 2)  # counts of actions 1 and 2
    leader = (
        np.multiply.outer(per_skim, skimming)
        + np.multiply.outer(per_engaged, engaged)
        + np.multiply.outer(per_pair, engaged * (engaged - 1) / 2)
        - hosting_cost * (skimming + engaged) ** 2
    )
    return Game(AnonymousPayoff(leader.round(9)), follower.round(9)), MixtureTypes(weights, tastes)
