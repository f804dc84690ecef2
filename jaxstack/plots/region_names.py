"""What followers answer in a region, in words or digits that can be written into the picture of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxstack.axes import Int
from jaxstack.game import Game
from jaxstack.plots import style
from jaxstack.scenarios.files import names

_MAX_DIGITS = 8  # follower types whose responses are written into a region
_WIDEST = 24  # letters of a follower's line


def label(game: Game, responses: Int[np.ndarray, "maps n K"], action_names: Any) -> str:
    """What is written into a region.

    With names a line for each follower: its action, or those of its types in their order where they differ,
    "a / b"; of long names a line for each type, of which all but the last end in a stroke.
    Without, a digit for every type, follower by follower ("01 10"); empty where that is long, or not one map.

    Args:
      game: one game.
      responses: the maps that share the region.
      action_names: [A], or [n][A_i], checked; or None.
    """
    counts = game.types_by_follower.tolist()
    if action_names is None:
        if len(responses) > 1 or sum(counts) > _MAX_DIGITS or game.num_actions > 10:
            return ""
        own_types = zip(responses[0], counts, strict=True)
        return " ".join("".join(map(str, own[:count])) for own, count in own_types)
    lines, actions = [], game.actions_by_follower.tolist()
    for i, count in enumerate(counts):
        words = names.of_follower(action_names, i, actions[i], "action")
        played = [style.literal(words[int(action)], 40) for action in responses[0, i, :count]]
        one_line = played[0] if len(set(played)) == 1 else " / ".join(played)
        lines.append(one_line if len(one_line) <= _WIDEST else " /\n".join(played))
    return "\n".join(lines)


def extent(text: str) -> int:
    """Letters that a label is wide, or as wide as it is high."""
    lines = text.split("\n")
    return max(*map(len, lines), 2 * len(lines) - 1)
