"""Words of a game file: leader actions, followers, and the types and actions of each follower."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxstack import checks
from jaxstack.game import Game

Words = tuple[str, ...]
OfFollowers = Words | tuple[Words, ...]
"""Words that all followers share, or a tuple of words for each follower."""


def words_of_followers(value: Any) -> Any:
    """A list of texts, or a list of such lists.

    Raises:
      ValueError: anything else; the end of a sentence that names the field.
    """
    lists = value if isinstance(value, list) and all(isinstance(own, list) for own in value) else [value]
    for own in lists:
        if not isinstance(own, list) or not all(isinstance(word, str) for word in own):
            raise ValueError(
                f"must be a list of texts, or a list of texts for each follower, but {checks.brief(own)} "
                f"arrived"
            )
        for word in own:
            word.encode()  # half of a surrogate pair cannot be written out
    return value


def checked(game: Game, words: dict[str, Any]) -> dict[str, Any]:
    """Words as tuples, once there is one for each thing of the game and none stands for two.

    Args:
      words: "leader_names", "follower_names", "type_names", "action_names"; None where there are none.

    Raises:
      ValueError: another number of words (which follower), or one that repeats.
    """
    result: dict[str, Any] = {}
    for field, given in words.items():
        if given is None:
            result[field] = None
        elif field in _OF_FOLLOWERS and given and not isinstance(given[0], str):
            result[field] = _each_follower(field, given, getattr(game, _OF_FOLLOWERS[field]).tolist())
        else:
            expected = int(getattr(game, _COUNTS[field]))
            if len(given) != expected:
                raise ValueError(f"field {field!r} must hold {expected} names, but {len(given)} arrived.")
            result[field] = _once(f"field {field!r}", given)
    return result


_COUNTS = {
    "leader_names": "num_leader_actions",
    "follower_names": "num_followers",
    "type_names": "num_types",
    "action_names": "num_actions",
}
_OF_FOLLOWERS = {"type_names": "types_by_follower", "action_names": "actions_by_follower"}


def _each_follower(field: str, given: Sequence[Any], counts: list[int]) -> tuple[Words, ...]:
    """A list of words for each follower."""
    if len(given) != len(counts):
        raise ValueError(
            f"field {field!r} must hold names for each of {len(counts)} followers, but {len(given)} lists "
            f"arrived."
        )
    for follower, (own, count) in enumerate(zip(given, counts, strict=True)):
        if len(own) != count:
            raise ValueError(
                f"field {field!r} must hold {count} names for follower {follower}, but {len(own)} arrived."
            )
    return tuple(_once(f"field {field!r} of follower {i}", own) for i, own in enumerate(given))


def _once(what: str, words: Sequence[str]) -> Words:
    """Words, if they differ."""
    seen: dict[str, int] = {}
    for position, word in enumerate(words):
        if word in seen:
            raise ValueError(
                f"{what} must hold names that differ, but entries {seen[word]} and {position} are both "
                f"{checks.brief(word)}."
            )
        seen[word] = position
    return tuple(words)


def of_follower(words: OfFollowers | None, follower: int, count: int, default: str) -> list[str]:
    """Words for `count` things of one follower; "type 0", "type 1", .. where there are none."""
    if words is None:
        return [f"{default} {number}" for number in range(count)]
    own = words if not words or isinstance(words[0], str) else words[follower]
    return [str(word) for word in own[:count]]
