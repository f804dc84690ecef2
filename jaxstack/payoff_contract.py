"""What a leader's payoff is to everything else: one interface.

Everything else asks a payoff only for the *payoff vector* of a joint action (and a joint type), its
expectation when followers' types are independent, and its bounds. Nothing else may know which representation
it has (`jaxstack.payoffs`), nor whether types matter to it (`jaxstack.typed_payoffs`).
"""

from __future__ import annotations

import inspect
from typing import Protocol, runtime_checkable

import jax
import numpy as np

from jaxstack.axes import Array, Bool, Complex, Float, Int


@runtime_checkable
class LeaderPayoff(Protocol):
    """What the rest of the package knows of a leader's payoff (payoff units; any finite range).

    A class of one's own has all of this, and is a JAX pytree whose leaves are its numbers (a dataclass under
    `jax.tree_util.register_dataclass`). A class that names this one as its base has no terms of any kind
    until it says which. An axis of K types has length 1 in what a payoff says of itself where types do not
    matter to it.
    """

    @property
    def num_leader_actions(self) -> int: ...
    @property
    def num_followers(self) -> int: ...
    @property
    def num_actions(self) -> int: ...
    @property
    def num_types(self) -> int | None:
        """K where the payoff depends on followers' types; None where actions tell everything."""
        ...

    def payoff_vector(
        self, actions: Int[Array, "n"], types: Int[Array, "n"] | None = None
    ) -> Float[Array, "L"]:
        """u(., a, theta): the leader's payoff for each of its actions against one joint action and type."""
        ...

    def expected_payoff_vector(
        self, types: Float[Array, "n K"], plays: Float[Array, "n K A"]
    ) -> Float[Array, "L"]:
        """E u(., a, theta) for independent types theta_i ~ types[i], who play a_i ~ plays[i, theta_i]."""
        ...

    def bounds(self, played: Bool[np.ndarray, "n K A"] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest payoff, each [] float64 ([G] for a batch). Host only, not traceable.

        Args:
          played: actions that follower types may ever play ([G, n, K, A] for a batch); default all.
        """
        ...

    def in_units(
        self, low: np.ndarray, size: np.ndarray, played: Bool[np.ndarray, "n K A"] | None = None
    ) -> LeaderPayoff:
        """The payoff (u - low) / size where `played` actions meet; anything moderate elsewhere. Host only.

        Args:
          low, size: [] float64 ([G] for a batch), of the payoffs that `played` actions lead to.
          played: as for `bounds`.
        """
        ...

    def about_median(self) -> tuple[LeaderPayoff, np.ndarray, np.ndarray]:
        """A payoff of median 0 and size about 1, with the offset and the scale of u in it. Host only.

        u is scale * payoff + offset ([] float64 each, [G] for a batch). The scale is a power of two and the
        median taken off once, so that every payoff keeps all its digits relative to the others, however far
        away a penalty is.
        """
        ...

    def tells_apart(self, played: Bool[np.ndarray, "n K A"]) -> Bool[np.ndarray, "n K A A"]:
        """Entry [i, k, a, b] is True where it matters to u which of the two type k chooses. Host only.

        Args:
          played: actions of the other followers that are looked at ([G, n, K, A] for a batch).
        """
        ...

    def additive_terms(self) -> Float[Array, "n K A L"] | None:
        """u_i(l, a, k) with u = sum_i u_i, if u is such a sum: then marginals of D tell everything."""
        return None

    def product_terms(self) -> tuple[Complex[Array, "F L"], Complex[np.ndarray, "K A F"]] | None:
        """c, g with u(l, a, k) = Re sum_f c[f, l] prod_i g[k_i, a_i, f], if F such terms are few. Host only.

        Then the mean over independent types is a sum of products of means, |g| <= 1. Of a batch, c is
        [G, F, L], and g is the same for all.
        """
        return None

    def index_terms(self) -> tuple[Float[Array, "I L"], Int[np.ndarray, "n K A"]] | None:
        """v, s with u(l, a, k) = v[sum_i s[i, k_i, a_i], l], if u is read off such a table. Host only.

        Of a batch, v is [G, I, L], and s is the same for all.
        """
        return None

    def at(self, points: Float[np.ndarray, "M L"]) -> LeaderPayoff:
        """The payoff of M commitments in place of L leader actions: row m is <points[m], u>. Host only."""
        ...

    def shifted(self, amount: np.ndarray, unit: Float[np.ndarray, "L"], scale: np.ndarray) -> LeaderPayoff:
        """The payoff (u + amount * unit) * scale, in every entry. Host only.

        Args:
          amount, scale: [] float64 ([G] for a batch).
          unit: coefficients with <unit, x> = 1 for every commitment, so that payoffs gain `amount`.
        """
        ...


def require_no_part(payoff: object) -> None:
    """Raise ValueError where an object has some of `LeaderPayoff`, but not all: it is meant to be one."""
    parts = [name for name in vars(LeaderPayoff) if not name.startswith("_")]
    there = {name for name in parts if _has(payoff, name)}
    missing = [name for name in parts if name not in there]
    if there - {"at"} and missing:  # arrays of JAX have an `at`, too
        raise ValueError(
            f"leader payoff {type(payoff).__name__} lacks {', '.join(missing)} of "
            f"jaxstack.payoff_contract.LeaderPayoff, which says what each returns. Or give a table instead."
        )


def _has(payoff: object, name: str) -> bool:
    """Whether an object has it as its own, or its class: what `isinstance` of a protocol looks for."""
    return inspect.getattr_static(payoff, name, _has) is not _has


def require_pytree(name: str, value: object) -> None:
    """Raise ValueError where JAX would take an object for a number."""
    leaves = jax.tree.leaves(value)
    if len(leaves) == 1 and leaves[0] is value:
        raise ValueError(
            f"{name} of type {type(value).__name__} is no JAX pytree, so that compiled code cannot take its "
            f"numbers. Make it a dataclass under jax.tree_util.register_dataclass."
        )
