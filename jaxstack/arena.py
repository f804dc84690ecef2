"""How followers answer a choice, and what it costs: all that a round knows of regions.

An arena holds what only the simulation may know: the distribution of types, or what follows from it.
"""

from __future__ import annotations

from typing import Any, Protocol

import jax.numpy as jnp
import numpy as np

from jaxstack._pytree import pytree_dataclass
from jaxstack.axes import Bool, DeviceArray, Float, Int
from jaxstack.learners.contract import Choice, Commitment, Known
from jaxstack.learners.rows import take_row
from jaxstack.membership import is_commitment
from jaxstack.value import payoff_vector_of_map


class Arena(Protocol):
    """What a round asks, of one run of one game."""

    def actions(self, known: Known, choice: Any, types: Int[DeviceArray, "n"]) -> Int[DeviceArray, "n"]:
        """What followers of these types play."""

    def commitment(self, known: Known, choice: Any) -> Float[DeviceArray, "L"]:
        """The leader's mixed strategy."""

    def regret(self, known: Known, choice: Any, types: Any, t: Any) -> Float[DeviceArray, ""]:
        """U_D(x*) - U_D(x) of a round, in units of the payoff range; types and t matter to a sequence.

        nan for a commitment that there is not, and for padding of a table; what an index beyond the table
        costs is told by `in_range` alone.
        """

    def in_range(self, known: Known, choice: Any) -> Bool[DeviceArray, ""]:
        """Whether a choice is a place of the table, padding included, or a commitment of the strategy set."""


@pytree_dataclass
class Vertices:
    """Choices are vertices of a table, and what each costs is known beforehand.

    Attributes:
      gap: [R, V] float, U_D(x*) - U_D(vertex), units of the payoff range; nan on padding.
    """

    gap: Any

    def actions(self, known: Known, choice: Choice, types: Int[DeviceArray, "n"]) -> Int[DeviceArray, "n"]:
        n, num_types = known.game.num_followers, known.game.num_types
        responses = jnp.asarray(known.table.responses).reshape(-1)
        played = (choice.region * n + np.arange(n, dtype=np.int32)) * num_types + types
        return take_row(responses, played).astype(jnp.int32)

    def commitment(self, known: Known, choice: Choice) -> Float[DeviceArray, "L"]:
        return jnp.asarray(known.table.vertices)[choice.region, choice.vertex]

    def regret(self, known: Known, choice: Choice, types: Any, t: Any) -> Float[DeviceArray, ""]:
        num_vertices = self.gap.shape[-1]
        return take_row(jnp.asarray(self.gap).reshape(-1), choice.region * num_vertices + choice.vertex)

    def in_range(self, known: Known, choice: Choice) -> Bool[DeviceArray, ""]:
        region, vertex = choice
        num_regions, num_vertices = known.table.vertex_mask.shape[-2:]
        return (region >= 0) & (region < num_regions) & (vertex >= 0) & (vertex < num_vertices)


@pytree_dataclass
class Commitments:
    """Choices are any commitments, and each is valued when it is played, to the precision of a float.

    Attributes:
      types: distribution of joint types.
      optimum: [] float, U_D(x*) in units of the payoff range, x* the best commitment that is known.
    """

    types: Any
    optimum: Any

    def actions(
        self, known: Known, choice: Commitment, types: Int[DeviceArray, "n"]
    ) -> Int[DeviceArray, "n"]:
        """What followers of these types play: the response map that came with the commitment."""
        return jnp.take_along_axis(choice.responses, types[:, None], axis=1)[:, 0]

    def commitment(self, known: Known, choice: Commitment) -> Float[DeviceArray, "L"]:
        return choice.x

    def regret(self, known: Known, choice: Commitment, types: Any, t: Any) -> Float[DeviceArray, ""]:
        """U_D(x*) - U_D(x) of a round, in units of the payoff range; what is below rounding is 0.

        Negative where x* is the best commitment known, and a learner has found a better one.
        """
        vector = payoff_vector_of_map(known.game.leader, self.types, choice.responses)
        lost = jnp.asarray(self.optimum) - choice.x @ vector.astype(known.dtype)
        return jnp.where(self.in_range(known, choice), _beyond_rounding(lost), jnp.nan)

    def in_range(self, known: Known, choice: Commitment) -> Bool[DeviceArray, ""]:
        """That the responses are best ones is not looked at: `jaxstack.check_learner` does."""
        answers = choice.responses
        are_actions = ((answers >= 0) & (answers < known.game.num_actions)).all()
        return are_actions & is_commitment(known.game, choice.x)


def _beyond_rounding(lost: Float[DeviceArray, ""]) -> Float[DeviceArray, ""]:
    """A difference of payoffs in units; 0 where it is within their rounding."""
    return jnp.where(jnp.abs(lost) <= 8 * jnp.finfo(lost.dtype).eps, jnp.zeros_like(lost), lost)


@pytree_dataclass
class Replayed:
    """Rounds of given types: a choice earns what these types make of it, and costs what hindsight gains.

    Attributes:
      answers: how followers answer, as for types that are drawn.
      gained: [T] float, by how much round t raises the most that a fixed commitment has earned until then,
        units of the payoff range; summed up, regret is against the best in hindsight at every round.
    """

    answers: Any
    gained: Any

    def actions(self, known: Known, choice: Any, types: Int[DeviceArray, "n"]) -> Int[DeviceArray, "n"]:
        return self.answers.actions(known, choice, types)

    def commitment(self, known: Known, choice: Any) -> Float[DeviceArray, "L"]:
        return self.answers.commitment(known, choice)

    def regret(
        self, known: Known, choice: Any, types: Int[DeviceArray, "n"], t: Int[DeviceArray, ""]
    ) -> Float[DeviceArray, ""]:
        vector = known.unit_payoff_vector(self.actions(known, choice, types), types)
        earned = (self.commitment(known, choice) * vector).sum()
        gained = jnp.asarray(self.gained)
        lost = gained[jnp.minimum(t - 1, gained.shape[0] - 1)] - earned
        if isinstance(self.answers, Vertices):
            is_real = ~jnp.isnan(self.answers.regret(known, choice, types, t))
        else:
            is_real = self.answers.in_range(known, choice)
        return jnp.where(is_real, _beyond_rounding(lost), jnp.nan)

    def in_range(self, known: Known, choice: Any) -> Bool[DeviceArray, ""]:
        return self.answers.in_range(known, choice)
