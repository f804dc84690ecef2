"""The family of games behind the lower bound Omega(sqrt(min{L, nK} T)).

Source: arXiv 2510.01387, lower bound; the construction is spelled out in `hard_game`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from jaxstack import checks, memory
from jaxstack.distributions import IndependentTypes, MixtureTypes, TypeDistribution
from jaxstack.game import Game
from jaxstack.payoffs import SeparablePayoff


def hard_game(
    num_decisions: int,
    horizon: int | None = None,
    epsilon: float | None = None,
    num_followers: int = 1,
    signs: Sequence[int] | None = None,
    margin: float = 0.0,
) -> tuple[Game, TypeDistribution]:
    """A game in which every learner's regret is at least of order sqrt(m T): m signs, each to be learnt.

    **Play it with `ties="robust"`, or give a `margin`.** With `margin=0` (the paper's game) both types of a
    decision are indifferent at x_j = tau, so under optimistic ties x_j = tau earns from both, the optimum is
    1 whatever the distribution, and nothing has to be learnt.

    The leader has m + 1 actions, and tau = 1/(2m). Decision j has two types with two actions each:

    | type | action 1 pays | action 0 pays | plays 1, which pays the leader 1, when |
    |---|---|---|---|
    | (j, +) | 1[l = j] | tau | x_j >= tau |
    | (j, -) | tau | 1[l = j] | x_j <= tau |

    The active type is (j, +) with probability (1 + eps s_j) / (2m) and (j, -) with (1 - eps s_j) / (2m). So
    x_j > tau earns P(j, +) and x_j < tau earns P(j, -). All 2^m combinations are feasible: give tau and a
    little more to each j that is to be above, nothing to the others, the rest to action m; that takes hardly
    more than m tau = 1/2. Hence the optimum is sum_j max(P(j, +), P(j, -)) = (1 + eps) / 2, and a wrong sign
    costs eps / m a round. A sign is seen in about T/m rounds, through a coin of bias eps / 2: with
    eps = sqrt(m / T) it stays uncertain to the end, and m decisions at eps / m times T rounds make
    eps T = sqrt(m T), up to a constant.

    With several followers, exactly one is active in a round. Decisions are dealt out in turn (decision j goes
    to follower j mod n), and a follower that is not active has a null type, which strictly prefers action 0
    everywhere and so bounds no region. Types are then correlated: a mixture with one component per active
    type. The payoff is separable, so the leader's payoff *range*, which confidence radii scale with, is n.

    Args:
      num_decisions: m; L = m + 1.
      horizon: T, for epsilon = min(1, sqrt(m / T)).
      epsilon: in [0, 1], in place of `horizon`.
      num_followers: n. K = 2m for one follower, 2 ceil(m / n) + 1 for more (the null type is the last).
      signs: [m], each 1 or -1; default 1, -1, 1, -1, .., so that no fixed rule for ties is favoured.
      margin: in [0, 1): type (j, -) plays 1 only when x_j <= (1 - margin) tau; between that and tau neither
        type does, and the leader earns nothing from j. Any positive margin removes the ties: optimistic and
        robust values are both (1 + eps) / 2. Regions: 2^m full-dimensional for margin 0, 3^m otherwise.

    Returns:
      The game and the distribution of its types.

    Raises:
      ValueError: both or neither of horizon and epsilon, or a value out of range.
      MemoryError: a game that would not fit, before anything is allocated.

    Source: arXiv 2510.01387, lower bound. Departures: `margin`; more than one follower.
    """
    m = checks.positive_int("num_decisions", num_decisions, checks.MAX_SIZE)
    n = checks.positive_int("num_followers", num_followers, checks.MAX_SIZE)
    epsilon = _epsilon(m, horizon, epsilon)
    margin = checks.fraction("margin", margin, below_one=True)
    tau = 1 / (2 * m)
    slots = -(-m // n)  # decisions of the busiest follower
    num_types = 2 * slots + (n > 1)
    _require_room(m, n, num_types)
    plus = _probabilities_of_plus(m, epsilon, signs)
    follower = np.zeros((n, num_types, m + 1, 2))
    follower[..., 0] = 1.0  # null until a decision takes the type
    active = []  # (follower, type, probability)
    for j in range(m):
        i, slot = j % n, j // n
        chosen = np.zeros(m + 1)
        chosen[j] = 1.0
        for k, probability in ((2 * slot, plus[j]), (2 * slot + 1, 1 / m - plus[j])):
            positive = k == 2 * slot
            follower[i, k, :, 1] = chosen if positive else (1 - margin) * tau
            follower[i, k, :, 0] = tau if positive else chosen
            active.append((i, k, probability))
    leader = SeparablePayoff(np.broadcast_to([0.0, 1.0], (n, m + 1, 2)))
    return Game(leader, follower), _one_active(active, n, num_types)


def _require_room(m: int, n: int, num_types: int) -> None:
    """Refuse a game that would not fit."""
    types = 0 if n == 1 else 2 * m * n * num_types
    memory.require(
        8 * (2 * n * num_types * (m + 1) + 2 * n * (m + 1) + types),
        what=f"the hard game of {m:,} decisions",
        driver=f"follower payoffs [n, K, L, A] = [{n:,}, {num_types:,}, {m + 1:,}, 2]",
        remedy="fewer decisions; num_decisions is the number of signs to learn",
    )


def _epsilon(m: int, horizon: int | None, epsilon: float | None) -> float:
    """Bias of the signs."""
    if (horizon is None) == (epsilon is None):
        raise ValueError(
            f"hard_game needs either horizon (then epsilon = sqrt(m / horizon), at most 1) or epsilon, but "
            f"horizon={horizon!r} and epsilon={epsilon!r} arrived."
        )
    if epsilon is None:
        return min(1.0, math.sqrt(m / checks.positive_int("horizon", horizon)))
    return checks.fraction("epsilon", epsilon)


def _probabilities_of_plus(m: int, epsilon: float, signs: Sequence[int] | None) -> np.ndarray:
    """[m]: P(j, +)."""
    chosen = np.resize([1.0, -1.0], m) if signs is None else checks.finite_array("signs", signs, "m")
    if chosen.shape != (m,) or not np.isin(chosen, (1, -1)).all():
        raise ValueError(
            f"signs must be {m} numbers (one per decision), each 1 or -1, but {checks.brief(signs)} arrived."
        )
    return (1 + epsilon * chosen) / (2 * m)


def _one_active(active: list[tuple[int, int, float]], n: int, num_types: int) -> TypeDistribution:
    """One follower has the drawn type; all others have the last, null, type."""
    if n == 1:
        return IndependentTypes([[probability for _, _, probability in active]])
    components = np.zeros((len(active), n, num_types))
    components[:, :, -1] = 1.0
    for c, (i, k, _) in enumerate(active):
        components[c, i] = np.eye(num_types)[k]
    return MixtureTypes([probability for _, _, probability in active], components)
