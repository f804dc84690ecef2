"""Audits: how often each kind of claim is checked, a point of a cube."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxstack import checks
from jaxstack.distributions import IndependentTypes
from jaxstack.game import Game
from jaxstack.payoffs import SeparablePayoff
from jaxstack.scenarios._arrays import agreeing
from jaxstack.strategies import box

CLAIMS = ("travel", "hospitality", "equipment")
TYPES = ("honest", "opportunist", "in need")


def audit(
    most: Any = (0.5, 0.5, 0.5),
    cost: Any = (0.3, 0.4, 0.8),
    gain: Any = ((0.05, 0.02, 0.02), (1.0, 1.6, 2.2), (2.0, 1.5, 3.0)),
    fine: Any = (3.0, 4.0, 6.0),
    shame: Any = (1.5, 0.3, 0.8),
    share: float = 0.5,
    type_probabilities: Any = ((0.6, 0.3, 0.1), (0.3, 0.5, 0.2)),
) -> tuple[Game, IndependentTypes]:
    """An audit game: the office says how likely claims of each kind are checked, departments pad one or none.

    With x_j the probability that a claim of kind j is checked, department i of type k gains (1 - x_j)
    gain[k, j] - x_j (fine[j] + shame[k]) from padding claim j, and nothing from honesty (the last action).
    The office loses (1 - x_j) gain[k, j] on average, here the mean over types; it keeps a share of the fine,
    x_j share fine[j], and pays x_j cost[j] for every claim of every department, padded or not. What it
    commits to is a point of the box [0, most]: probabilities of different kinds need not sum to anything. In
    units of 1,000 currency units a month.

    Args:
      most: [m], the highest probability that there is staff for.
      cost: [m], of checking a claim.
      gain: [K, m], of a padded claim that goes through.
      fine: [m], of one that does not.
      shame: [K], what being found out costs beside the fine.
      share: of the fine that stays with the office.
      type_probabilities: [n, K], independent; rows sum to 1.

    Returns:
      The game (default: L = 4 with the constant, n = 2, K = 3, A = 4) and its types.

    Raises:
      ValueError: shapes that disagree, or not finite.

    Source: inspection games with several categories, e.g. Blocki et al., Audit games, IJCAI 2013. All default
    numbers are illustrative.
    """
    most, cost, gain, fine, shame, probabilities = agreeing(
        most=(most, "m"),
        cost=(cost, "m"),
        gain=(gain, "K m"),
        fine=(fine, "m"),
        shame=(shame, "K"),
        type_probabilities=(type_probabilities, "n K"),
    )
    share = checks.finite_number("share", share)
    (K, m), n = gain.shape, len(probabilities)
    claim = np.arange(m)
    follower, leader = np.zeros((n, K, m + 1, m + 1)), np.zeros((n, m + 1, m + 1))
    follower[:, :, claim, claim] = -gain - fine - shame[:, None]
    follower[:, :, -1, :m] = gain
    padded = probabilities @ gain  # [n, m]
    leader[:, claim, claim], leader[:, -1, :m] = padded + share * fine, -padded
    leader[:, :m] -= cost[:, None]  # whatever is claimed
    types = IndependentTypes(probabilities)
    return Game(SeparablePayoff(leader), follower, box(np.zeros(m), most)), types
