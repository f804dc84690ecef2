"""What formats of others ask of a game that JSON and NPZ need not."""

from __future__ import annotations

import numpy as np

from jaxstack.game import Game


def available(game: Game) -> np.ndarray:
    """[n, K, A] bool: who has which actions, also where everybody has all."""
    if game.available is None:
        return np.ones(np.asarray(game.follower)[:, :, 0].shape, bool)
    return np.asarray(game.available)


def require_simplex(game: Game, what: str) -> None:
    """Raise ValueError where the leader does not mix actions: `what` has no place for its strategy set."""
    if game.strategies is not None:
        raise ValueError(
            f"{what} holds games in which the leader mixes its actions, but {game!r} has another strategy "
            f"set. Write .json or .npz instead."
        )
