"""A patrol that protects targets from several attackers whose aims are not known."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxstack import checks
from jaxstack.distributions import JointTypes
from jaxstack.game import Game
from jaxstack.payoffs import SeparablePayoff
from jaxstack.scenarios._arrays import agreeing

TARGETS = ("passenger terminal", "container yard")
SCHEDULES = ("terminal rounds", "yard rounds", "two crews")
ACTIONS = ("stay away", *(f"attack the {target}" for target in TARGETS))
ATTACKERS = ("pickpocket crew", "cargo thieves")
TYPES = ("after wallets", "after cargo", "after either")


def security_patrol(
    coverage: Any = ((0.80, 0.05), (0.10, 0.75), (0.70, 0.65)),
    schedule_cost: Any = (1.0, 1.0, 4.5),
    target_value: Any = (4.0, 10.0),
    arrest_value: float = 2.0,
    reward: Any = ((6.8, 4.5), (3.4, 7.6), (5.3, 6.4)),
    penalty: Any = (3.9, 3.1, 4.5),
    effort: Any = ((0.6, 1.7), (1.4, 0.5)),
    type_probabilities: Any = ((0.30, 0.10, 0.05), (0.05, 0.20, 0.05), (0.05, 0.10, 0.10)),
) -> tuple[Game, JointTypes]:
    """A security game: the leader mixes patrol schedules, each attacker picks one target or stays away.

    With c = coverage[l, m], the probability that schedule l meets an attacker at target m, attacker i of type
    k gains (1 - c) reward[k, m] - c penalty[k] - effort[i, m] from attacking m, and nothing from staying away
    (action 0; action m+1 attacks target m). Each attack costs the leader (1 - c) target_value[m] and brings
    it c arrest_value, whoever attacks, on top of the cost of the schedule: separable, in units of 10,000
    currency units a night. The default is a harbour with two targets: L = 3, n = 2, K = 3, A = 3; the
    third schedule covers both with a second crew, and costs more.

    This is a game in normal form, small enough to be drawn: schedules are leader actions, and what an attack
    costs does not depend on the attacker's type. `museum_patrol` is the same kind of problem in compact form,
    as security games usually come: coverage of many targets by few guards, costs by type, and attackers with
    targets of their own; `coverage_game` states others.

    Args:
      coverage: [L, M], probabilities.
      schedule_cost: [L], what each schedule costs the leader.
      target_value: [M], what the leader loses to a successful attack.
      arrest_value: what the leader gains from an arrest.
      reward: [K, M], what each attacker type gains from a success.
      penalty: [K], what each type loses when caught.
      effort: [n, M], each attacker's cost of an attempt.
      type_probabilities: [K, .., K], one axis per attacker; sums to 1 (rumours correlate them).

    Returns:
      The game and the distribution of its types.

    Raises:
      ValueError: shapes that disagree, coverage outside [0, 1], or not finite.

    Source: payoffs built from covered and uncovered outcomes as in security games (Kiekintveld et al., AAMAS
    2009; Bayesian attackers as in Pita et al., AAMAS 2008). All default numbers are illustrative.
    """
    c, cost, value, reward, penalty, effort = agreeing(
        coverage=(coverage, "L M"),
        schedule_cost=(schedule_cost, "L"),
        target_value=(target_value, "M"),
        reward=(reward, "K M"),
        penalty=(penalty, "K"),
        effort=(effort, "n M"),
    )
    arrest_value = checks.finite_number("arrest_value", arrest_value)
    if c.min() < 0 or c.max() > 1:
        raise ValueError(
            f"coverage must be probabilities in [0, 1], but its range is {c.min():g} to {c.max():g}."
        )
    (L, M), n, K = c.shape, len(effort), len(reward)
    follower, leader = np.zeros((n, K, L, M + 1)), np.zeros((n, L, M + 1))
    gain = (1 - c) * reward[:, None, :] - c * penalty[:, None, None]  # [K, L, M]
    follower[..., 1:] = gain - effort[:, None, None, :]
    leader[..., 1:] = c * arrest_value - (1 - c) * value
    leader -= cost[:, None] / n  # separable: every attacker carries its share
    game = Game(SeparablePayoff(leader.round(9)), follower.round(9))
    return game, JointTypes(type_probabilities)
