"""Guards of a museum: coverage of rooms, unequal attackers, and losses that depend on who they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxstack import checks
from jaxstack.distributions import IndependentTypes
from jaxstack.game import Game
from jaxstack.scenarios._arrays import agreeing
from jaxstack.strategies import coverage
from jaxstack.typed_payoffs import TypedPayoff

ROOMS = ("entrance hall", "old masters", "jewels", "garden")
ATTACKERS = ("day visitors", "night burglars")
TYPES = (("pickpocket", "activist"), ("amateur", "specialist", "commissioned thief"))


def museum_patrol(
    guards: float = 2.0,
    rooms: Any = ((0, 1, 3), (1, 2)),
    gain: Any = (
        ((5.0, 1.0, 2.0), (2.0, 8.0, 3.0)),
        ((3.0, 4.0), (6.0, 9.0), (9.0, 5.0)),
    ),
    caught: Any = ((2.0, 1.0), (4.0, 6.0, 5.0)),
    loss: Any = (
        ((1.0, 1.0, 0.5), (0.5, 6.0, 2.0)),
        ((2.0, 4.0), (7.0, 12.0), (10.0, 6.0)),
    ),
    arrest: float = 1.0,
    type_probabilities: Any = ((0.7, 0.3), (0.5, 0.2, 0.3)),
) -> tuple[Game, IndependentTypes]:
    """A security game in compact form: how likely each room is watched, instead of a mixture of patrols.

    With c_t the probability that room t is watched, attacker i of type k gains (1 - c_t) gain - c_t caught
    from room t, one of those that it can reach, and nothing from staying away (its last action). The museum
    loses (1 - c_t) loss and gains c_t arrest. What is lost depends on *who* came: an activist soils a
    painting, a commissioned thief takes it. So what followers do does not tell the payoff, and a learner that
    sees actions learns from what it got. Units of 10,000 currency units a day. Two guards and four rooms are
    six patrols, and four numbers here; `patrols` gives the patrols that realise them.

    Args:
      guards: rooms that can be watched at a time.
      rooms: [n][rooms], which rooms each attacker can reach.
      gain, loss: [n][K_i][rooms], of each attacker's types in those rooms.
      caught: [n][K_i], what each type loses when caught.
      arrest: what the museum gains from an arrest.
      type_probabilities: [n][K_i], independent; each attacker's sum to 1.

    Returns:
      The game (default: L = 5 with the constant, n = 2, K = (2, 3), A = (4, 3)) and its types.

    Raises:
      ValueError: lists that disagree (with the attacker), or not finite.

    Source: compact form of Kiekintveld et al., AAMAS 2009; Bayesian attackers as in Pita et al., AAMAS 2008.
    All default numbers are illustrative.
    """
    guards, arrest = checks.finite_number("guards", guards), checks.finite_number("arrest", arrest)
    rooms = _rooms(rooms)
    gain, caught, loss, type_probabilities = (
        checks.listed(name, value, "attackers, as in rooms", len(rooms))
        for name, value in (
            ("gain", gain),
            ("caught", caught),
            ("loss", loss),
            ("type_probabilities", type_probabilities),
        )
    )
    num_rooms = 1 + max(max(reachable) for reachable in rooms)
    strategies = coverage(num_rooms, guards)
    leader, follower, available = [], [], []
    for i, reachable in enumerate(rooms):
        own, fine, lost = agreeing(
            **{
                f"gain[{i}]": (gain[i], "K A"),
                f"caught[{i}]": (caught[i], "K"),
                f"loss[{i}]": (loss[i], "K A"),
            }
        )
        attacks = np.arange(len(reachable))
        if own.shape[1] != len(reachable):
            raise ValueError(
                f"gain[{i}] is for {own.shape[1]} rooms, but attacker {i} can reach {len(reachable)}: "
                f"{reachable}."
            )
        theirs, ours = (np.zeros((len(own), strategies.num_coordinates, len(reachable) + 1)) for _ in "ab")
        theirs[:, reachable, attacks], theirs[:, -1, :-1] = -own - fine[:, None], own
        ours[:, reachable, attacks], ours[:, -1, :-1] = lost + arrest, -lost
        follower.append(list(theirs))
        leader.append(list(ours))
        available.append([[True] * theirs.shape[-1]] * len(own))
    game = Game(TypedPayoff.separable(leader), follower, strategies, available=available)
    return game, IndependentTypes(type_probabilities)


def _rooms(rooms: Any) -> list[list[int]]:
    """For each attacker the rooms that it can reach, each once."""
    found = []
    for i, given in enumerate(checks.listed("rooms", rooms, "attackers")):
        reachable = [checks.whole_number(r) for r in checks.listed(f"rooms[{i}]", given, "rooms")]
        numbers = [room for room in reachable if room is not None and room >= 0]
        if not numbers or len(set(numbers)) < len(reachable):
            raise ValueError(
                f"rooms[{i}] must be different whole numbers from 0, at least one, but "
                f"{checks.brief(given)} arrived."
            )
        found.append(numbers)
    if not found:
        raise ValueError("rooms must say for at least one attacker where it can go, but it is empty.")
    return found
