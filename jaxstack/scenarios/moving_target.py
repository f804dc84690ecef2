"""Moving-target defence: which configuration a server shows, against attackers with different exploits."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxstack import checks
from jaxstack.distributions import IndependentTypes
from jaxstack.game import Game
from jaxstack.payoffs import SeparablePayoff
from jaxstack.scenarios._arrays import agreeing

CONFIGURATIONS = ("Python, MySQL", "Python, PostgreSQL", "PHP, MySQL", "PHP, PostgreSQL")
ATTACKERS = ("script kiddies", "criminals")
EXPLOITS = (("PHP injection", "nothing"), ("SQL injection", "Python escape", "PHP include", "nothing"))


def moving_target(
    works: Any = (
        ((0.0, 0.0, 0.8, 0.7),),
        ((0.7, 0.1, 0.6, 0.1), (0.3, 0.4, 0.0, 0.0), (0.0, 0.0, 0.9, 0.8)),
    ),
    value: Any = ((1.0, 3.0), (6.0, 9.0)),
    effort: Any = (((0.4,), (0.7,)), ((1.0, 1.5, 2.0), (2.5, 1.0, 1.5))),
    damage: Any = (2.0, 8.0),
    running: Any = (1.0, 1.2, 0.6, 0.8),
    type_probabilities: Any = ((0.8, 0.2), (0.6, 0.4)),
) -> tuple[Game, IndependentTypes]:
    """A server switches between configurations at random; each attacker tries one exploit, or nothing.

    Exploit e of attacker i works on configuration l with probability works[i][e][l]. Attacker i of type k
    gains works value[i, k] - effort[i][k][e] by it, and nothing from doing nothing (its last action). The
    owner loses works damage[i], and pays running[l] a day for the configuration. Attackers have exploits of
    their own, and a different number of them. Units of 1,000 currency units a day.

    Args:
      works: [n][exploits][L], probabilities.
      value: [n, K], of a success to each type.
      effort: [n][K][exploits].
      damage: [n], of a success to the owner.
      running: [L], cost of each configuration.
      type_probabilities: [n, K], independent; rows sum to 1.

    Returns:
      The game (default: L = 4, n = 2, K = 2, A = (2, 4)) and its types.

    Raises:
      ValueError: lists that disagree (with the attacker), probabilities outside [0, 1], or not finite.

    Source: Sengupta et al., A game theoretic approach to strategy generation for moving target defense in web
    applications, AAMAS 2017. All default numbers are illustrative.
    """
    value, damage, running, probabilities = agreeing(
        value=(value, "n K"),
        damage=(damage, "n"),
        running=(running, "L"),
        type_probabilities=(type_probabilities, "n K"),
    )
    works = checks.listed("works", works, "attackers, as in damage", len(damage))
    effort = checks.listed("effort", effort, "attackers, as in damage", len(damage))
    leader, follower = [], []
    for i, (gain, lost) in enumerate(zip(value, damage, strict=True)):
        success, tried, _, _ = agreeing(
            **{
                f"works[{i}]": (works[i], "E L"),
                f"effort[{i}]": (effort[i], "K E"),
                "value": (value, "n K"),
                "running": (running, "L"),
            }
        )
        if success.min() < 0 or success.max() > 1:
            raise ValueError(
                f"works[{i}] must be probabilities, but runs from {success.min()} to {success.max()}."
            )
        theirs = success.T[None] * gain[:, None, None] - tried[:, None, :]  # [K, L, exploits]
        follower.append(list(np.pad(theirs, ((0, 0), (0, 0), (0, 1)))))
        ours = np.pad(-lost * success.T, ((0, 0), (0, 1)))
        leader.append(ours - running[:, None] / len(value))  # a sum over attackers, who share the cost
    return Game(SeparablePayoff(leader), follower), IndependentTypes(probabilities)
