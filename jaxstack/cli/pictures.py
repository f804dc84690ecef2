"""What pictures and titles of every command have in common."""

from __future__ import annotations

from typing import Any

DOTS_PER_INCH = 160


def sizes(game: Any) -> str:
    """Sizes of a game, or of each of a batch, in a line."""
    games = "" if game.num_games is None else f"{game.num_games} games, "
    return games + str(game.sizes).replace("=", " = ")
