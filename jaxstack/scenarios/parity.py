"""Hidden parity: games in which actions tell nothing of types, but in one region among exponentially many.

With correlated types, regret from action feedback alone cannot be polynomial in the numbers of followers and
of leader actions. The statement, as far as it was proved:

**Theorem 1** (ties="robust"). Let N = sum_{k <= min(n, L-1)} C(n, k) >= 2, K >= 4 and A >= 2. There are a
game with an anonymous {0, 1} payoff and, for each T, distributions D_s (s = 1..N) with uniform marginals and,
for n >= 2, any n - 1 followers independent, such that every learner that sees actions only has

    max_s E Reg(T) >= average_s E Reg(T) >= c min(sqrt(N T), T),   c = 1/18 (N >= 2), 1/9 (N >= 4).

**Theorem 2** (also ties="optimistic"). The same when, at a tie, each follower answers by its own type through
a map that does not depend on D, with N = sum_{k <= L-1} C(n, k) if n >= L, N = 2^(n-1) if 2 <= n <= L - 1,
and c = 1/43 (N >= 2), 1/19 (N >= 4). So regret is Omega(sqrt(2^min(n, L-1) T)) for T >= 2^min(n, L-1), under
either rule, for n, L >= 2.

*Proof of the law of actions.* Write chi(b) = (-1)^b. A follower's type is a pair of bits (b+, b-); it plays
b+ where f_i(x) > 0 and b- where f_i(x) < 0. Let D_s(theta) = 4^-n (1 + eps prod_i chi(b_i^{s_i})). For a set
S of followers and a region w, E_{D_s} prod_{i in S} chi(a_i) is E_0 prod_S chi(b_i^{w_i}) = 0, E_0 being
uniform types, plus eps E_0 prod_S chi(b_i^{w_i}) prod_i chi(b_i^{s_i}), in which every i outside S gives 0
and every i in S gives 1[w_i = s_i]. So it is eps where S is everybody and w = s, and 0 elsewhere: in every
region but s the joint action is exactly uniform; in s its parity is even with probability (1 + eps) / 2.
*Regret.* A round outside s has the same law whatever s; one inside costs KL(P_0 || P_s) = -log(1 - eps^2) /
2. By Pinsker and Jensen a learner spends on average over s at most T/N + T eps sqrt(.5754 T / (2N)) rounds in
s, each other round loses eps / 2, and eps = sqrt(N/T) / 2 gives the bound. *Ties.* On f_i = 0 a follower may
also play AND or OR of its bits. If one follower never ties (it is idle: it always plays a bit of its own),
parity is fair wherever anybody ties and the rest do not match s, and no point is worth more than 1/2 + eps/4
outside s.

Not excluded: polynomial bounds at a fixed L or a fixed n, and anything for independent types, for additive
payoffs, for type feedback, or for K in {2, 3}. We found no earlier statement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from jaxstack import checks, memory
from jaxstack.distributions import JointTypes
from jaxstack.game import Game
from jaxstack.payoffs import AnonymousPayoff

NUM_TYPES = 4  # pairs of bits (b+, b-): type 2 b+ + b-


def hidden_parity(
    num_followers: int,
    epsilon: float | None = None,
    horizon: int | None = None,
    signs: Sequence[int] | None = None,
) -> tuple[Game, JointTypes]:
    """A game with 2^(n-1) regions, in all of which but one the joint action is exactly uniform.

    n followers, of whom the last is idle; L = n, K = 4, A = 2. The leader earns 1 when an even number of
    followers plays action 1, else 0. A type is a pair of bits (b+, b-). Follower i < n - 1 plays b+ where
    x_i > tau and b- where x_i < tau, tau = 1 / (2(n-1)):

    | type (b+, b-) | action 1 pays | action 0 pays |
    |---|---|---|
    | (0, 0), (1, 1) | 1[b+ = 1] | 1[b+ = 0] |
    | (1, 0) | 1[l = i] | tau |
    | (0, 1) | tau | 1[l = i] |

    The idle follower always plays b+. Types have the probability 4^-n (1 + eps prod_i (-1)^(b_i^{s_i})), s
    the signs (+ for the idle one): uniform marginals, and any n - 1 followers independent. In the region of s
    the number of ones is even with probability (1 + eps) / 2; in every other region the joint action is
    uniform, and the leader earns 1/2. So the optimum is (1 + eps) / 2 under ties="robust" and "optimistic"
    alike, and a round elsewhere costs eps / 2. The idle follower is what makes it so: without it (L = n + 1)
    a point where all followers tie earns more than the hidden region under optimistic ties, once eps < 1 /
    (2^n - 1).

    Args:
      num_followers: n >= 2.
      epsilon: bias of the parity, in [0, 1].
      horizon: T, in place of `epsilon`: epsilon = min(1/2, sqrt(2^(n-1) / T) / 2).
      signs: [n-1], each 1 or -1: the region that hides the bias; default 1, -1, 1, -1, ..

    Returns:
      The game and the distribution of its types.

    Raises:
      ValueError: both or neither of horizon and epsilon, or a value out of range.
      MemoryError: 4^n joint types that would not fit, before anything is allocated.

    Source: Theorem 2 of this module, whose lower bound is `bounds.regret("lower_actions", ..)`.
    """
    n = checks.positive_int("num_followers", num_followers, checks.MAX_SIZE)
    if n < 2:
        raise ValueError("hidden_parity needs 2 followers or more, of whom one is idle, but 1 arrived.")
    memory.require(
        4 * 8 * 4.0**n,
        what=f"hidden parity of {n} followers",
        driver=f"4**n = 4**{n} joint types",
        remedy="fewer followers: regret grows like sqrt(2^n)",
    )
    bias = _bias(n, epsilon, horizon)
    hidden = _signs(n, signs)
    plus, minus = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])  # bits of the types
    chi_plus, chi_minus = 1.0 - 2 * plus, 1.0 - 2 * minus
    parity = np.ones(())
    for sign in hidden:
        parity = np.multiply.outer(parity, chi_plus if sign > 0 else chi_minus)
    probability = (1 + bias * parity) / NUM_TYPES**n

    follower = np.zeros((n, NUM_TYPES, n, 2))
    follower[:, np.arange(NUM_TYPES), :, plus] = 1.0  # types with equal bits, and all of the idle one
    tau = 1 / (2 * (n - 1))
    for i in range(n - 1):
        chosen = np.eye(n)[i]
        follower[i, 2, :, 1] = follower[i, 1, :, 0] = chosen
        follower[i, 2, :, 0] = follower[i, 1, :, 1] = tau
    even = (np.arange(n + 1) % 2 == 0).astype(float)
    return Game(AnonymousPayoff(np.tile(even, (n, 1))), follower), JointTypes(probability)


def _bias(n: int, epsilon: float | None, horizon: int | None) -> float:
    if (horizon is None) == (epsilon is None):
        raise ValueError(
            f"hidden_parity needs either horizon (then epsilon = sqrt(2^(n-1) / horizon) / 2, at most 1/2) "
            f"or epsilon, but horizon={horizon!r} and epsilon={epsilon!r} arrived."
        )
    if epsilon is None:
        return min(0.5, math.sqrt(2 ** (n - 1) / checks.positive_int("horizon", horizon)) / 2)
    return checks.fraction("epsilon", epsilon)


def _signs(n: int, signs: Sequence[int] | None) -> np.ndarray:
    """[n]: of all followers, the idle one's last."""
    chosen = np.resize([1.0, -1.0], n - 1) if signs is None else checks.finite_array("signs", signs, "n-1")
    if chosen.shape != (n - 1,) or not np.isin(chosen, (1, -1)).all():
        raise ValueError(
            f"signs must be {n - 1} numbers (one per follower that is not idle), each 1 or -1, but "
            f"{checks.brief(signs)} arrived."
        )
    return np.append(chosen, 1.0)
