"""Leader payoffs of followers with unequal actions: what cannot occur held as what can, and larger shapes.

Like the payoffs' own methods, these know the representation; a new kind of payoff registers its own two.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from jaxstack.axes import Bool
from jaxstack.payoffs import AnonymousPayoff, LeaderPayoff, SeparablePayoff, TabularPayoff
from jaxstack.typed_payoffs import TypedPayoff


@functools.singledispatch
def restricted(payoff: LeaderPayoff, available: Bool[np.ndarray, "n K A"]) -> LeaderPayoff:
    """The same payoff where available actions meet; elsewhere it repeats numbers that occur there.

    So what cannot occur enters no range and no unit.

    Args:
      payoff: of one game.
      available: actions that follower types have; each follower has one at least.

    Raises:
      ValueError: a kind of payoff that is not known here, for which some action cannot occur.
    """
    if payoff.num_types is None and available.any(axis=-2).all():
        return payoff  # who plays an action does not matter to it, and some type plays each
    raise _unknown(payoff)


@functools.singledispatch
def padded(payoff: LeaderPayoff, num_followers: int, num_types: int, num_actions: int) -> LeaderPayoff:
    """The same payoff with followers added who change nothing, and types and actions that nobody has.

    Args:
      payoff: of one game.
      num_followers, num_types, num_actions: n, K and A of the result, no smaller than they are.

    Raises:
      ValueError: a kind of payoff that is not known here.
    """
    raise _unknown(payoff)


def _unknown(payoff: Any) -> ValueError:
    return ValueError(
        f"{type(payoff).__name__} says nothing of followers with unequal actions. Give every follower the "
        f"same number of actions, or register jaxstack.payoff_shapes.restricted and .padded for it."
    )


def _repeating(available: Bool[np.ndarray, "n K A"]) -> np.ndarray:
    """[n, A]: each action that some type has, and the first of these for the others."""
    played = available.any(axis=1)
    return np.where(played, np.arange(played.shape[1]), played.argmax(axis=1)[:, None])


@restricted.register
def _(payoff: TabularPayoff, available: Bool[np.ndarray, "n K A"]) -> TabularPayoff:
    table = payoff.table
    for axis, actions in enumerate(_repeating(available), start=1):
        table = np.take(table, actions, axis=axis)
    return TabularPayoff(table)


@restricted.register
def _(payoff: SeparablePayoff, available: Bool[np.ndarray, "n K A"]) -> SeparablePayoff:
    return SeparablePayoff(np.take_along_axis(payoff.table, _repeating(available)[:, None, :], axis=2))


@restricted.register
def _over_counts(payoff: AnonymousPayoff, available: Bool[np.ndarray, "n K A"]) -> AnonymousPayoff:
    possible = payoff._reachable_by(np.asarray(available.any(axis=1)))
    first = payoff.table.reshape(len(payoff.table), -1)[:, possible.argmax()]
    first = first.reshape(-1, *(1,) * possible.ndim)
    return AnonymousPayoff(np.where(possible, payoff.table, first), num_followers=payoff.num_followers)


@padded.register
def _(payoff: TabularPayoff, num_followers: int, num_types: int, num_actions: int) -> TabularPayoff:
    more = num_actions - payoff.num_actions
    table = np.pad(payoff.table, [(0, 0)] + [(0, more)] * payoff.num_followers, mode="edge")
    added = num_followers - payoff.num_followers
    table = table.reshape(*table.shape, *(1,) * added)
    return TabularPayoff(np.broadcast_to(table, (len(table), *(num_actions,) * num_followers)))


@padded.register
def _(payoff: SeparablePayoff, num_followers: int, num_types: int, num_actions: int) -> SeparablePayoff:
    n, _, A = payoff.table.shape
    table = np.pad(payoff.table, [(0, 0), (0, 0), (0, num_actions - A)], mode="edge")
    return SeparablePayoff(np.pad(table, [(0, num_followers - n), (0, 0), (0, 0)]))


@padded.register
def _(payoff: AnonymousPayoff, num_followers: int, num_types: int, num_actions: int) -> LeaderPayoff:
    # Followers who are added choose action 0, which has no axis of counts. What the others cannot reach
    # repeats what they can.
    A, n = payoff.num_actions, payoff.num_followers
    table = np.pad(payoff.table, [(0, 0)] + [(0, num_followers - n)] * (A - 1))
    table = table.reshape(*table.shape, *(1,) * (num_actions - A))
    table = np.broadcast_to(table, (len(table), *(num_followers + 1,) * (num_actions - 1)))
    had = np.zeros((num_followers, 1, num_actions), bool)
    had[:n, :, :A], had[n:, :, 0] = True, True
    return _over_counts(AnonymousPayoff(table, num_followers=num_followers), had)


@restricted.register
def _(payoff: TypedPayoff, available: Bool[np.ndarray, "n K A"]) -> TypedPayoff:
    n = len(available)
    return TypedPayoff(restricted(payoff.moves, available.reshape(n, 1, -1)), payoff.num_types)


@padded.register
def _(payoff: TypedPayoff, num_followers: int, num_types: int, num_actions: int) -> TypedPayoff:
    moves, K, A = payoff.moves, payoff.num_types, payoff.num_actions
    if isinstance(moves, AnonymousPayoff):
        raise _unknown(payoff)
    # Move (k, a) has another number in a larger grid of types and actions.
    types, actions = np.minimum(np.arange(num_types), K - 1), np.minimum(np.arange(num_actions), A - 1)
    old = (types[:, None] * A + actions).ravel()
    table = moves.table
    for axis in range(1, table.ndim) if isinstance(moves, TabularPayoff) else [2]:
        table = np.take(table, old, axis=axis)
    wider = type(moves)(table)
    return TypedPayoff(padded(wider, num_followers, 1, wider.num_actions), num_types)
