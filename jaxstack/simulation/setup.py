"""Everything that happens once, before any round: checks, the exact optimum, and what the rounds read."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from jaxstack import checks
from jaxstack.arena import Commitments, Replayed, Vertices
from jaxstack.distributions import TypeDistribution, check_key
from jaxstack.game import Game, check_types, unstack
from jaxstack.hindsight import most_earned
from jaxstack.learners.contract import OFF_POLICY, PLAYS, Commitment, Known, Learner
from jaxstack.learners.knowledge import know, played_actions, with_prepared
from jaxstack.regions.table import RegionTable, check_table
from jaxstack.sequences import SequenceTypes
from jaxstack.simulation.optimum import of_search, of_table
from jaxstack.simulation.rounds import Inputs
from jaxstack.simulation.tables import table_of, without_table
from jaxstack.strategies.framing import on_frame
from jaxstack.strategies.sets_of_games import StrategySets
from jaxstack.ties import equal_actions


class Setup(NamedTuple):
    """Host side of a simulation.

    learner: who plays: the one that was asked for, or without a table the one that plays in its place.
    table: regions of the game, or None.
    ties: tie rule, by which the optimum is one.
    optimum: [] or [G] float64, U_D(x*), payoff units; without a table, of the best commitment known.
    optimum_gap: [] or [G] float64, payoff units: how much more another commitment may earn; 0 with a table,
      nan where nothing is known.
    unit: [] or [G] float64, payoff units that one unit of regret is worth: the payoff range.
    """

    inputs: Inputs
    learner: Learner
    table: RegionTable | None
    ties: str
    optimum: np.ndarray
    optimum_gap: np.ndarray
    unit: np.ndarray
    num_games: int


def prepare(
    key: jax.Array,
    game: Game,
    types: TypeDistribution,
    learner: Learner,
    *,
    horizon: int,
    table: RegionTable | Literal[False] | None = None,
    hparams: Any = None,
) -> Setup:
    """Check everything, solve the game, exactly where there is a table, and gather what the rounds read.

    Raises:
      ValueError: as `simulate`.
      MemoryError: what the learner prepares would not fit.
    """
    check_types(game, types)
    table, learner = check_setting(game, learner, table)
    if table is not None:
        _check_equal_actions(game, types, table)
    known = know(game, table, horizon)
    of_rounds = types.empirical(horizon) if isinstance(types, SequenceTypes) else types
    best = of_search(game, known.game, of_rounds) if table is None else of_table(known.game, of_rounds, table)
    if learner.feedback == "optimum":
        by_commitment: Any = Commitment(best.x, best.responses)  # type: ignore[arg-type]
        prepared: Any = best.vertex if learner.plays == "vertices" else by_commitment
    else:
        prepared = jax.tree.map(np.asarray, learner.prepare(known.game, table))  # plain numbers, too
    known = with_prepared(known, prepared)
    arena: Any = Vertices(best.loss) if learner.plays == "vertices" else Commitments(of_rounds, best.value)
    if isinstance(types, SequenceTypes):
        if table is None:
            raise ValueError(
                "rounds that are given (SequenceTypes) are played against the best commitment in hindsight, "
                "which needs a region table, but there is none. Play their frequencies: types.empirical()."
            )
        arena = Replayed(arena, _gained(most_earned(known.game, types, table, horizon)))
    inputs = Inputs(
        check_key(key, game.num_games),
        known,
        hparams_of(learner, known, hparams),
        types.sampler(),
        arena,
        np.zeros(0, np.int32),
        schedule_of(learner, horizon),
    )
    optimum = known.payoff_low + known.payoff_range * best.value
    ties = "optimistic" if table is None else table.ties
    return Setup(inputs, learner, table, ties, optimum, best.gap, known.payoff_range, game.num_games or 1)


def check_setting(
    game: Game, learner: Learner, table: RegionTable | Literal[False] | None
) -> tuple[RegionTable | None, Learner]:
    """The table of a game, enumerated where none is given, and who plays: another learner without a table.

    Raises:
      ValueError: no learner, one that cannot play this game, or the table of another game.
    """
    if not isinstance(learner, Learner):
        raise ValueError(
            f"learner must be a Learner, such as jaxstack.learners.erm_joint(), but {learner!r} arrived. "
            f"Factories are called; a name becomes a learner with jaxstack.learners.by_name."
        )
    checks.one_of(f"kind of choice that {learner.name} plays", learner.plays, PLAYS)
    checks.one_of(f"off_policy of {learner.name}", learner.off_policy, OFF_POLICY)
    _check_playable(game, learner)
    if table is None:
        table = table_of(game)
    if table is None or table is False:
        return None, without_table(learner)
    return check_table(game, table), learner


def _gained(most: np.ndarray) -> np.ndarray:
    """[T] ([G, T]): by how much each round raises the most earned; padded, so that few horizons differ."""
    horizon = most.shape[-1]
    gained = np.diff(most, axis=-1, prepend=0.0)
    return np.pad(gained, [(0, 0)] * (most.ndim - 1) + [(0, (1 << (horizon - 1).bit_length()) - horizon)])


def schedule_of(learner: Learner, horizon: int) -> np.ndarray:
    """[E] int32: rounds in which the learner replans, and zeros, so that few horizons differ in E."""
    if (learner.schedule is None) != (learner.replan is None):
        raise ValueError(
            f"{learner.name}: schedule and replan go together, but only "
            f"{'replan' if learner.schedule is None else 'schedule'} arrived."
        )
    if learner.schedule is None:
        return np.zeros(0, np.int32)
    rounds = checks.finite_array(f"{learner.name}: schedule", learner.schedule(horizon), "E")
    if (rounds != np.rint(rounds)).any() or (rounds < 1).any() or (rounds > horizon).any():
        raise ValueError(
            f"{learner.name}: schedule must give whole rounds in 1..T = {horizon:,}, but they run from "
            f"{rounds.min():g} to {rounds.max():g}."
        )
    padded = np.zeros(max(1 << (len(rounds) - 1).bit_length(), 1024), np.int32)
    padded[: len(rounds)] = rounds
    return padded


def _check_playable(game: Game, learner: Learner) -> None:
    """Raise ValueError where a learner stands on what it cannot see in this game."""
    if learner.needs_payoff_vectors and game.leader.num_types is not None:
        raise ValueError(
            f"{learner.name} learns from the payoff vectors of the actions that it sees, but in {game!r} the "
            f"leader's payoff depends on followers' types too, which it does not see. Use a learner that "
            f"learns from its own payoff (oful) or from types (erm_joint, erm_product)."
        )


def _equal_actions(game: Game) -> np.ndarray:
    """`jaxstack.ties.equal_actions` on the strategy set of every game."""
    if isinstance(game.strategies, StrategySets):
        return np.stack([_equal_actions(unstack(game, g)) for g in range(len(game.strategies.sets))])
    return equal_actions(on_frame(game))


def _check_equal_actions(game: Game, types: TypeDistribution, table: RegionTable) -> None:
    """Raise ValueError where a learner could choose an answer that is not its own to choose.

    Of equal actions followers choose the worst for the leader under ties="robust". Which that is depends on
    the commitment and on D, but every one of them has regions of its own in the table. Types that never occur
    and actions that are never played do not matter.
    """
    if table.ties != "robust":
        return
    played = played_actions(game, table) & (types.marginals() > 0)[..., None]  # [.., n, K, A]
    equal = _equal_actions(game) & ~np.eye(game.num_actions, dtype=bool) & played[..., None]
    if not equal.any():
        return
    wrong = equal & game.leader.tells_apart(played)
    if wrong.any():
        *of_game, follower, theta, first, second = (int(place) for place in np.argwhere(wrong)[0])
        where = f" of game {of_game[0]}" if of_game else ""
        raise ValueError(
            f"the region table has ties='robust', but actions {first} and {second} are equal to follower "
            f"{follower} of type {theta}{where}, and not to the leader: followers would answer for the worst "
            f"of the two, which depends on the commitment and the distribution, and a learner could choose "
            f"otherwise. Merge equal actions, or use ties='optimistic'."
        )


def hparams_of(learner: Learner, known: Known, hparams: Any) -> Any:
    """The learner's hyperparameters, defaults overridden: [] float64 each ([G] where the default depends)."""
    overrides = checks.named_numbers("hparams", hparams)
    with jax.enable_x64(True):
        values = jax.tree.map(np.asarray, learner.hparams(known))
    shape = np.shape(known.horizon)
    if not hasattr(values, "_asdict"):
        raise ValueError(
            f"{learner.name}: hparams must return a NamedTuple of numbers, but {values!r} arrived."
        )
    for name, value in values._asdict().items():
        if (
            np.shape(value) not in ((), shape)
            or value.dtype.kind not in "iuf"
            or not np.isfinite(value).all()
        ):
            raise ValueError(
                f"{learner.name}: hyperparameter {name} must be one finite number, but {value!r} arrived."
            )
    for name, value in overrides.items():
        if name not in values._fields:
            raise ValueError(
                f"{learner.name} has no hyperparameter {name!r}.{checks.did_you_mean(name, values._fields)} "
                f"Known: {', '.join(values._fields) or 'none'}."
            )
        number = checks.finite_number(f"hyperparameter {name} of {learner.name}", value)
        for limited, low, high in learner.ranges:
            if name == limited and not low < number < high:
                raise ValueError(
                    f"hyperparameter {name} of {learner.name} must lie between {low:g} and {high:g}, both "
                    f"excluded, but {number:g} arrived."
                )
        values = values._replace(**{name: np.asarray(number)})
    return jax.tree.map(lambda value: np.broadcast_to(value, shape).astype(np.float64), values)
