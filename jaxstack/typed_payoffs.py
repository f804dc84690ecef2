"""Leader payoffs u(l, a, theta) that depend on followers' types as well as on their actions.

A follower of type k who plays a makes one *move* (k, a) of K A, and a payoff of actions and types is a payoff
of moves. So every representation of `jaxstack.payoffs`, with moves in the place of actions, is one of these.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxstack import checks, unequal
from jaxstack._pytree import is_traced, pytree_dataclass, static_field
from jaxstack.axes import Array, Bool, Complex, Float, Int
from jaxstack.payoffs import AnonymousPayoff, SeparablePayoff, TabularPayoff


@pytree_dataclass
class TypedPayoff:
    """A leader payoff that depends on types, made by `TypedPayoff.separable` or `TypedPayoff.tabular`.

    Actions do not tell it then: with feedback by actions the leader sees, beside them, its own payoff.

    Args:
      moves: payoff of a game in which follower i has the K A actions (k, a), in C order.
      num_types: K.

    Raises:
      ValueError: no payoff of moves, or a number of moves that is no multiple of K.
    """

    moves: Any
    num_types: int = static_field(default=0)

    def __post_init__(self) -> None:
        made = "Make one with TypedPayoff.separable(table) or TypedPayoff.tabular(table)."
        checks.instance("moves", self.moves, _OF_ACTIONS, made)
        checks.positive_int("num_types", self.num_types)
        if self.moves.num_actions % self.num_types:
            raise ValueError(
                f"moves must be K A actions (type, action), but {self.moves!r} has "
                f"{self.moves.num_actions} actions, which is no multiple of num_types = {self.num_types}. "
                f"{made}"
            )

    @classmethod
    def separable(cls, table: Any) -> TypedPayoff:
        """u(l, a, theta) = sum_i u_i(l, a_i, theta_i): each follower contributes by itself.

        Args:
          table: [n, K, L, A], float64, payoff units; axes, or lists [n][K_i][L][A_i], as those of follower
            payoffs.

        Raises:
          ValueError: not finite, an empty axis, or not four axes.
        """
        if not is_traced(table):
            table = unequal.followers(table, None, "separable leader payoff by type").payoffs
        n, num_types, leader, actions = np.shape(table)
        by_leader = table.swapaxes(1, 2).reshape(n, leader, num_types * actions)
        return cls(SeparablePayoff(by_leader), num_types)

    @classmethod
    def tabular(cls, table: Any) -> TypedPayoff:
        """Any payoff of joint actions and joint types, as a table.

        Args:
          table: [L, A, .., A, K, .., K], float64, payoff units: the actions of all n followers, then their
            types.

        Raises:
          ValueError: not finite, an empty axis, or other axes.
        """
        if not is_traced(table):
            table = checks.finite_array("leader payoff table by type", table, "L A*")
        leader, *rest = np.shape(table)
        n = len(rest) // 2
        if not n or len(rest) % 2 or len(set(rest[:n])) > 1 or len(set(rest[n:])) > 1:
            raise ValueError(
                f"leader payoff table by type must have axes [L, A, .., A, K, .., K], an action and then a "
                f"type for each of n followers, all with A actions and K types, but its shape is "
                f"{np.shape(table)}. A payoff that does not depend on types is a TabularPayoff."
            )
        pairs = [axis for i in range(n) for axis in (1 + n + i, 1 + i)]
        by_move = table.transpose(0, *pairs).reshape(leader, *(rest[0] * rest[-1],) * n)
        return cls(TabularPayoff(by_move), rest[-1])

    @property
    def table(self) -> Float[Array, "..."]:
        """The table of `separable` or `tabular`; of an anonymous payoff, the table over counts of moves."""
        table, n, (K, A) = self.moves.table, self.num_followers, (self.num_types, self.num_actions)
        batch = table.shape[: table.ndim - (3 if isinstance(self.moves, SeparablePayoff) else 1 + n)]
        if isinstance(self.moves, SeparablePayoff):
            return table.reshape(*table.shape[:-1], K, A).swapaxes(-2, -3)
        if isinstance(self.moves, AnonymousPayoff):
            return table
        by_digit = table.reshape(*batch, self.num_leader_actions, *(K, A) * n)
        first = len(batch) + 1
        order = [*range(first), *range(first + 1, by_digit.ndim, 2), *range(first, by_digit.ndim, 2)]
        return by_digit.transpose(order)

    @property
    def num_leader_actions(self) -> int:
        return self.moves.num_leader_actions

    @property
    def num_followers(self) -> int:
        return self.moves.num_followers

    @property
    def num_actions(self) -> int:
        return self.moves.num_actions // self.num_types

    def payoff_vector(
        self, actions: Int[Array, "n"], types: Int[Array, "n"] | None = None
    ) -> Float[Array, "L"]:
        if types is None:
            raise ValueError(
                "the leader's payoff depends on followers' types in this game, so that actions alone have "
                "no payoff vector. A learner with feedback by actions learns from feedback.payoff instead, "
                "or says that it cannot play such games: Learner(needs_payoff_vectors=True)."
            )
        return self.moves.payoff_vector(jnp.asarray(types) * self.num_actions + jnp.asarray(actions))

    def expected_payoff_vector(
        self, types: Float[Array, "n K"], plays: Float[Array, "n K A"]
    ) -> Float[Array, "L"]:
        by_move = jnp.asarray(types[:, :, None] * plays).reshape(self.num_followers, 1, -1)
        return self.moves.expected_payoff_vector(jnp.ones((self.num_followers, 1), by_move.dtype), by_move)

    def bounds(self, played: Bool[np.ndarray, "n K A"] | None = None) -> tuple[np.ndarray, np.ndarray]:
        return self.moves.bounds(None if played is None else _of_one_type(played))

    def in_units(
        self, low: np.ndarray, size: np.ndarray, played: Bool[np.ndarray, "n K A"] | None = None
    ) -> TypedPayoff:
        may = None if played is None else _of_one_type(played)
        return TypedPayoff(self.moves.in_units(low, size, may), self.num_types)

    def about_median(self) -> tuple[TypedPayoff, np.ndarray, np.ndarray]:
        moves, offset, scale = self.moves.about_median()
        return TypedPayoff(moves, self.num_types), offset, scale

    def tells_apart(self, played: Bool[np.ndarray, "n K A"]) -> Bool[np.ndarray, "n K A A"]:
        apart = self.moves.tells_apart(_of_one_type(played))[..., 0, :, :]
        shape = (self.num_types, self.num_actions)
        blocks = apart.reshape(*apart.shape[:-2], *shape, *shape)
        return np.moveaxis(np.diagonal(blocks, axis1=-4, axis2=-2), -1, -3)

    def additive_terms(self) -> Float[Array, "n K A L"] | None:
        terms = self.moves.additive_terms()
        if terms is None:
            return None
        return terms.reshape(*terms.shape[:-3], self.num_types, self.num_actions, terms.shape[-1])

    def product_terms(self) -> tuple[Complex[np.ndarray, "F L"], Complex[np.ndarray, "K A F"]] | None:
        terms = self.moves.product_terms()
        if terms is None:
            return None
        coefficients, of_move = terms
        return coefficients, of_move.reshape(self.num_types, self.num_actions, -1)

    def index_terms(self) -> tuple[Float[np.ndarray, "I L"], Int[np.ndarray, "n K A"]] | None:
        terms = self.moves.index_terms()
        if terms is None:
            return None
        table, steps = terms
        return table, steps.reshape(len(steps), self.num_types, self.num_actions)

    def at(self, points: Float[np.ndarray, "M L"]) -> TypedPayoff:
        return TypedPayoff(self.moves.at(points), self.num_types)

    def shifted(self, amount: np.ndarray, unit: Float[np.ndarray, "L"], scale: np.ndarray) -> TypedPayoff:
        return TypedPayoff(self.moves.shifted(amount, unit, scale), self.num_types)


def _of_one_type(by_type: np.ndarray) -> np.ndarray:
    """[.., n, K, A] as of moves: [.., n, 1, K A]."""
    return by_type.reshape(*by_type.shape[:-2], 1, -1)


_OF_ACTIONS = (TabularPayoff, SeparablePayoff, AnonymousPayoff)
