"""What a leader posts, by name; and the choice of a learner that a commitment of somebody else stands for."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxstack.data.answering import response_map
from jaxstack.data.words import Words
from jaxstack.game import COMMITMENT_TOLERANCE, check_commitment
from jaxstack.learners.contract import Choice, Commitment

if TYPE_CHECKING:
    from jaxstack.data.deployment import Setting


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Posting:
    """A commitment and the response map that goes with it.

    Attributes:
      x: [L] float64.
      responses: [n, K] int32, what each type of each follower plays.
      words: what they are called.
    """

    x: np.ndarray
    responses: np.ndarray
    words: Words

    @property
    def by_name(self) -> dict[str, float]:
        """Entries of x by leader action (or coordinate)."""
        return dict(zip(self.words.leader, self.x.tolist(), strict=True))

    @property
    def answers(self) -> dict[str, dict[str, str]]:
        """What each type of each follower plays, by name."""
        return self.words.answers(self.responses)

    def __repr__(self) -> str:
        shown = [f"{name} {value:.6g}" for name, value in self.by_name.items() if abs(value) > 1e-12]
        more = f", .. ({len(shown) - 6} more)" if len(shown) > 6 else ""
        return f"Posting({', '.join(shown[:6])}{more})"


def posted_choice(setting: Setting, own: Any, commitment: Any, responses: Any) -> Choice | Commitment:
    """The choice that a learner would have made to post this; `own` is the one that it made.

    A learner that plays vertices gets the region of the response map, and the vertex that the commitment is;
    where it learns from regions, any vertex will do.

    Raises:
      ValueError: a commitment that is none, or at which followers are indifferent without a response map, or
        that the learner cannot learn from.
    """
    words, learner = setting.words, setting.learner
    if commitment is None:
        raise ValueError("responses=.. goes with commitment=.., which is missing.")
    x = check_commitment(words.game, commitment)
    if learner.off_policy == "all":
        return own
    W = response_map(words, x, responses, setting.preferences)
    choice = _choice(setting, x, W)
    if learner.off_policy == "none" and any(
        (a != b).any() for a, b in zip(map(np.asarray, choice), own, strict=True)
    ):
        raise ValueError(
            f"{learner.name} learns only from what it posts itself, but {np.round(x, 6).tolist()} was posted "
            f"in this round. Learners whose off_policy is another, such as erm_product, learn from more."
        )
    return choice


def _choice(setting: Setting, x: np.ndarray, W: np.ndarray) -> Choice | Commitment:
    """What a learner plays that posts x with the response map W."""
    words, learner, table = setting.words, setting.learner, setting.table
    if learner.plays == "commitments":
        return Commitment(x.astype(setting.inputs.known.dtype), W)  # type: ignore[arg-type]
    same = (np.asarray(table.responses) == W).all(axis=(-2, -1)) & table.region_mask
    if not same.any():
        raise ValueError(
            f"no region of the table has the response map {words.answers(W)}: it is one of another tie rule."
        )
    region = int(same.argmax())
    distance = np.abs(table.vertices[region] - x).max(axis=-1)
    vertex = int(np.where(table.vertex_mask[region], distance, np.inf).argmin())
    if learner.off_policy != "regions" and distance[vertex] > COMMITMENT_TOLERANCE:
        raise ValueError(
            f"{learner.name} learns from vertices of regions that it plays, but {np.round(x, 6).tolist()} "
            f"is none; the nearest in its region is {np.round(table.vertices[region, vertex], 6).tolist()}. "
            f"Use a learner that learns from regions or types, such as region_ucb or erm_product."
        )
    return Choice(np.int32(region), np.int32(vertex))  # type: ignore[arg-type]
