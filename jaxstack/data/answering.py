"""What followers answer to a commitment that somebody posted, where that is beyond doubt."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxstack import checks
from jaxstack.axes import Float, Int
from jaxstack.data.words import Words
from jaxstack.solvers.cells import Preferences

DOUBT = 1e-4
"""A relative lead below which a commitment, written down with some digits, does not tell what is played."""
_ALLOWED = 1e-3  # relative lead of another action over the one that is said to be played


class Indifferent(ValueError):
    """A commitment that does not tell what some type plays."""


def response_map(
    words: Words, x: Float[np.ndarray, "L"], responses: Any = None, preferences: Preferences | None = None
) -> Int[np.ndarray, "n K"]:
    """What each type plays against x: [n, K] int32.

    Args:
      words: of the game.
      x: a commitment.
      responses: [n, K], the map that is said to go with it.
      preferences: of the game's followers, if they are at hand.

    Raises:
      Indifferent: a type is as good as indifferent (`DOUBT`), and no map is given.
      ValueError: a map that is no best response, rounding of the commitment allowed for.
    """
    game = words.game
    preferences = Preferences(game) if preferences is None else preferences
    shares = x if game.strategies is None else np.asarray(game.strategies.frame.shares(x))
    best = preferences.best_responses(shares[None])[0]
    lead, size = preferences.leads(shares, best)  # [n*K, A]
    if responses is not None:
        return _checked(words, responses, preferences.playable & (lead <= _ALLOWED * size))
    near = preferences.playable & (lead <= DOUBT * size)
    for j in np.flatnonzero(near.sum(axis=1) > 1):
        i, k = divmod(int(j), game.num_types)
        if k < len(words.types[i]):
            actions = " and ".join(repr(words.actions[i][a]) for a in np.flatnonzero(near[j]))
            raise Indifferent(
                f"against {np.round(x, 6).tolist()} {words.followers[i]!r} as {words.types[i][k]!r} is about "
                f"indifferent between {actions}, so that the commitment does not tell what it plays. Say "
                f"which region of the table, or which response map, was meant."
            )
    return best.astype(np.int32)


def _checked(words: Words, responses: Any, near: np.ndarray) -> np.ndarray:
    """A map that is given, if each of its actions is about a best response."""
    game = words.game
    W = checks.finite_array("responses", responses, "n K")
    shape = (game.num_followers, game.num_types)
    if W.shape != shape or (np.rint(W) != W).any() or W.min() < 0 or W.max() >= game.num_actions:
        raise ValueError(f"responses must hold actions 0..{game.num_actions - 1} for [n, K] = {shape} types.")
    flat = W.astype(np.int32).ravel()
    for j in np.flatnonzero(~near[np.arange(len(near)), flat]):
        i, k = divmod(int(j), game.num_types)
        if k < len(words.types[i]):
            raise ValueError(
                f"responses say that {words.followers[i]!r} as {words.types[i][k]!r} plays "
                f"{words.actions[i][flat[j]]!r}, which is no best response to the commitment."
            )
    return W.astype(np.int32)
