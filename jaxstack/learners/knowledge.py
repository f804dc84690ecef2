"""What a learner knows of a game before round 1, brought to units in float64 before any float32 sees it."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxstack._pytree import set_field
from jaxstack.axes import Bool, Float
from jaxstack.game import Game, stack, unstack
from jaxstack.learners.contract import Known
from jaxstack.payoffs import LeaderPayoff
from jaxstack.regions.table import RegionTable
from jaxstack.strategies.framing import on_frame
from jaxstack.strategies.sets_of_games import StrategySets
from jaxstack.value import all_payoff_vectors

_FEW_JOINT_ACTIONS = 1 << 12
_SAMPLES = 256  # commitments at which followers are asked what they play
_ROUNDING = 1e-9  # relative lead that linear programs do not see


def know(game: Game, table: RegionTable | None, horizon: float) -> Known:
    """What every learner knows: the game in units, its regions and the horizon.

    Args:
      game: one game, or a stacked batch of G.
      table: its regions, or None: then what followers may play is found action by action.
      horizon: T.

    Returns:
      Known, of host arrays in float64; `prepared` is empty (see `with_prepared`).

    Raises:
      ValueError: payoffs whose range is no finite number.
    """
    played = possible_actions(game) if table is None else played_actions(game, table)
    low, high = (np.asarray(bound, np.float64) for bound in game.payoff_bounds(played))
    with np.errstate(over="ignore"):
        size = np.where(high > low, high - low, 1.0)
    if not np.isfinite(size).all():
        raise ValueError(
            f"the leader's payoffs run from {low.min():.6g} to {high.max():.6g}, and their range is no "
            f"finite number. Divide them by a constant: regret scales with it."
        )
    units = _rebuilt(game, _leader_units(game, low, size, played), _follower_units(game))
    return Known(units, table, np.ones_like(low) * horizon, low, size, _unit_payoffs(units))


def with_prepared(known: Known, prepared: Any) -> Known:
    """`known`, with what a learner's own `prepare` derived from game and table."""
    fields = (
        known.game,
        known.table,
        known.horizon,
        known.payoff_low,
        known.payoff_range,
        known.unit_payoffs,
    )
    return Known(*fields, prepared)


def played_actions(game: Game, table: RegionTable) -> Bool[np.ndarray, "n K A"]:
    """Which actions a follower type plays in some region: [n, K, A] bool ([G, n, K, A] for a batch).

    None for types that a follower does not have.
    """
    responses = np.asarray(table.responses)  # [.., R, n, K]
    real = np.asarray(table.region_mask)[..., None, None]
    played = [((responses == action) & real).any(axis=-3) for action in range(game.num_actions)]
    found = np.stack(played, axis=-1)
    return found if game.available is None else found & np.asarray(game.available)


def possible_actions(game: Game) -> Bool[np.ndarray, "n K A"]:
    """Which actions a follower type plays against some commitment: as `played_actions`, without a table.

    A sample of commitments shows most of them, and a linear program decides on each of the others.
    """
    if game.num_games is not None:
        return np.stack([possible_actions(unstack(game, g)) for g in range(game.num_games)])
    payoffs = np.moveaxis(on_frame(game), -1, -2)  # [n, K, A, D]
    has = np.ones(payoffs.shape[:-1], bool) if game.available is None else np.asarray(game.available)
    payoffs = np.where(has[..., None], payoffs, 0.0)  # of actions that there are not, whatever they hold
    points = np.eye(payoffs.shape[-1]) if game.strategies is None else game.strategies.hull_shares
    rng = np.random.default_rng(0)
    points = np.concatenate([points, rng.dirichlet(np.ones(len(points)), _SAMPLES) @ points])
    best = np.stack([np.where(has, payoffs @ point, -np.inf).argmax(axis=-1) for point in points])
    found = (best[..., None] == np.arange(game.num_actions)).any(axis=0) & has
    walls = None if game.strategies is None else game.strategies.wall_rows
    for follower, theta, action in np.argwhere(has & ~found):
        others = payoffs[follower, theta][has[follower, theta]]
        found[follower, theta, action] = _is_best_somewhere(payoffs[follower, theta, action], others, walls)
    return found


def _is_best_somewhere(
    payoff: Float[np.ndarray, "D"], others: Float[np.ndarray, "A D"], walls: Float[np.ndarray, "W D"] | None
) -> bool:
    """Whether no other action is better at some point of the strategy set; within rounding, it is."""
    from scipy.optimize import linprog

    leads = payoff - others
    scale = np.abs(leads).max() or 1.0
    limits = leads / scale if walls is None else np.concatenate([leads / scale, walls])
    rows = np.column_stack([-limits, np.arange(len(limits)) < len(leads)])
    shares = np.append(np.ones(len(payoff)), 0.0)
    program = linprog(  # the least lead, as large as it can be
        -(1 - shares),
        A_ub=rows,
        b_ub=np.zeros(len(rows)),
        A_eq=shares[None],
        b_eq=[1.0],
        bounds=[(0, None)] * len(payoff) + [(None, None)],
    )
    return program.status != 0 or bool(program.x[-1] >= -_ROUNDING)


def _leader_units(game: Game, low: np.ndarray, size: np.ndarray, played: np.ndarray) -> LeaderPayoff:
    """The leader's payoff, low at 0 and size 1: on a polytope in its values, not in its coefficients."""
    if game.strategies is None:
        return game.leader.in_units(low, size, played)
    if isinstance(game.strategies, StrategySets):
        each = enumerate(zip(low, size, played, strict=True))
        return stack([_leader_units(unstack(game, g), *own) for g, own in each])
    assert game.strategies.unit is not None
    return game.leader.shifted(-low, game.strategies.unit, 1 / size)


def _follower_units(game: Game) -> np.ndarray:
    """[n, K, L, A] ([G, ..]): payoffs with the same best responses, of size 1 at most."""
    payoffs = np.asarray(game.follower)
    centred = payoffs - payoffs.mean(axis=-1, keepdims=True)
    largest = np.abs(centred).max(axis=(-2, -1), keepdims=True)
    return centred / np.where(largest > 0, largest, 1.0)


def _rebuilt(game: Game, leader: Any, follower: np.ndarray) -> Game:
    """A game of the same shape, whose numbers need no validation."""
    units = object.__new__(Game)
    set_field(units, "leader", leader)
    set_field(units, "follower", follower)
    set_field(units, "strategies", game.strategies)
    set_field(units, "available", game.available)
    return units


def _unit_payoffs(game: Game) -> np.ndarray | None:
    """[A**n, L] ([G, A**n, L]) float64: payoff vectors of all joint actions, if these are few and tell it."""
    few = game.leader.num_types is None and game.num_actions**game.num_followers <= _FEW_JOINT_ACTIONS
    return all_payoff_vectors(game) if few else None
