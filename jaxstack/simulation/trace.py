"""`play`: one run, round by round, by the program that `simulate` runs."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack import checks, memory
from jaxstack._settings import with_pinned_settings
from jaxstack.arena import Commitments, Replayed, Vertices
from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game
from jaxstack.learners.contract import Choice, Learner
from jaxstack.regions import RegionTable
from jaxstack.simulation.batching import run_of, state_shapes
from jaxstack.simulation.rounds import (
    BLOCK,
    Inputs,
    draw_types,
    learn,
    plan,
    what_is_seen,
    within,
)
from jaxstack.simulation.setup import Setup, prepare
from jaxstack.simulation.simulate import MAX_HORIZON, Tiles
from jaxstack.simulation.tiles import tile_size, tree_bytes
from jaxstack.value import payoffs_of_rounds, region_payoff_vectors

_types = jax.jit(draw_types)


@dataclasses.dataclass(frozen=True, repr=False)
class Trace:
    """One run of one game, round by round (host arrays).

    Attributes:
      types: [T, n] int32, what followers were.
      actions: [T, n] int32, what they played.
      choice: Choice or Commitment of the learner, every array with an axis T in front.
      commitment: [T, L] float64.
      regret: [T] float64, cumulative, payoff units.
      seen: the learner's feedback, every array with an axis T in front; None of a learner that sees nothing.
      states: after every round, every array with an axis T in front (`play(states=True)`), or None.
    """

    types: np.ndarray
    actions: np.ndarray
    choice: Any
    commitment: np.ndarray
    regret: np.ndarray
    seen: Any = None
    states: Any = None

    @property
    def region(self) -> np.ndarray:
        """[T] int32, of the vertices that were played."""
        return np.asarray(self.choice.region)

    @property
    def vertex(self) -> np.ndarray:
        """[T] int32, within the region."""
        return np.asarray(self.choice.vertex)


@with_pinned_settings
def play(
    key: jax.Array,
    game: Game,
    types: TypeDistribution,
    learner: Learner,
    *,
    horizon: int,
    run: int = 0,
    table: RegionTable | Literal[False] | None = None,
    hparams: Any = None,
    states: bool = False,
) -> Trace:
    """Run number `run` of `simulate` with the same key, with every round recorded. One game.

    It is the same run to the last bit: the whole tile is played, by the same program. Memory grows with T:
    this is for looking at a run, not for statistics.

    Args:
      states: also the learner's state after every round. At the end of every 128 rounds it is that of the
        simulation; in between it is computed from there by a program of its own, the same up to rounding.
      (the others as in `simulate`; `run` is the number of the run)

    Raises:
      ValueError: as `simulate`; also for a batch of games (pass one: `jaxstack.game.unstack`).
      MemoryError: every round of the run would not fit.
    """
    horizon = checks.positive_int("horizon", horizon, MAX_HORIZON)
    checks.instance("game", game, Game, "Load one with jaxstack.load_game, or make one.")
    if game.num_games is not None:
        raise ValueError(
            f"play takes one game, but {game!r} arrived. Pick one: jaxstack.game.unstack(game, 0)."
        )
    number = checks.whole_number(run)
    if number is None or not 0 <= number < 2**31:
        raise ValueError(f"run must be a whole number in 0..2^31-1, but {checks.brief(run)} arrived.")
    setup = prepare(key, game, types, learner, horizon=horizon, table=table, hparams=hparams)
    state_bytes = tree_bytes(state_shapes(setup.learner, setup.inputs)) if states else 0
    memory.require_trace(horizon, game.num_followers, game.num_leader_actions, state_bytes)
    ran = trace_run(setup, number, horizon, with_states=states)
    require_real(setup.learner, setup.inputs, setup.table, ran.choice)
    actions, seen = _answers(setup.learner, setup.inputs, ran.choice, ran.types)
    return Trace(
        types=ran.types,
        actions=np.asarray(actions),
        choice=ran.choice,
        commitment=_commitments(setup, ran.choice),
        regret=np.cumsum(_losses(setup, types, ran, np.asarray(actions)) * setup.unit),
        seen=jax.tree.map(np.asarray, seen),
        states=ran.states,
    )


class Ran(NamedTuple):
    """A run of a tile: state after its last block, and of each round what was played and drawn, [T, ..]."""

    state: Any
    choice: Any
    types: np.ndarray
    states: Any = None


def trace_run(
    setup: Setup, run: int, horizon: int, *, other_neighbours: bool = False, with_states: bool = False
) -> Ran:
    """One run of one game.

    It is played in its tile, beside the runs that are there in a simulation or, to see that it does not
    matter, beside others.
    """
    # As many checkpoints as a simulation has at least, and nothing to tell: the same program.
    inputs = setup.inputs._replace(checkpoints=np.full(64, horizon, np.int32))
    setup = setup._replace(inputs=inputs, learner=dataclasses.replace(setup.learner, info=None))
    device = jax.local_devices()[0]
    tile = tile_size(setup, device.platform)
    tiles = Tiles.of(setup, [device], tile)
    lane = run % tile
    runs = tiles.numbers(run - lane, run + 1)
    if other_neighbours:
        runs = [jnp.where(numbers == run, run, numbers + tile) for numbers in runs]
    carries = tiles.start(runs)
    state = run_of(carries[0].state, lane, setup.learner, inputs)
    rounds, states = [], []
    for block in range(-(-horizon // BLOCK)):
        carries = tiles.advance(carries, runs, range(block, block + 1))
        choice = jax.tree.map(lambda leaf: np.asarray(leaf)[..., lane].copy(), carries[0].choice)
        drawn = np.asarray(_types(inputs.key, inputs.sampler, np.array([run], np.int32), block))[..., 0]
        rounds.append((choice, drawn))
        if with_states:
            replayed = _replay(setup.learner, inputs, state, choice, drawn, np.int32(run), np.int32(block))
            states.append(jax.tree.map(np.array, replayed))
        state = run_of(carries[0].state, lane, setup.learner, inputs)
        if with_states:
            for after, at_end in zip(jax.tree.leaves(states[-1]), jax.tree.leaves(state), strict=True):
                after[-1] = at_end
    choice, drawn = _joined(rounds, horizon)
    return Ran(state, choice, drawn, _joined(states, horizon) if with_states else None)


def _joined(blocks: list[Any], horizon: int) -> Any:
    """Blocks of rounds, one after the other."""
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:horizon], *blocks)


@functools.partial(jax.jit, static_argnums=0)
def _replay(
    learner: Learner, inputs: Inputs, state: Any, choice: Any, types: Any, run: Any, block: Any
) -> Any:
    """States of one run after each round of a block that has been played, [BLOCK, ..]."""

    def one_round(state: Any, played: Any) -> tuple[Any, Any]:
        choice, types, step, replans = played
        if learner.replan is not None:
            planned = functools.partial(plan, learner, inputs, state, run, block, step)
            state = jax.lax.cond(replans, planned, lambda: state)
        state = learn(learner, inputs, state, choice, types, block * BLOCK + step + 1)
        return state, state

    steps = jnp.arange(BLOCK, dtype=jnp.int32)
    rounds = (choice, types, steps, within(inputs.replans, jnp.int32(block)))
    return jax.lax.scan(one_round, state, rounds)[1]


@functools.partial(jax.jit, static_argnums=0)
def _answers(learner: Learner, inputs: Inputs, choice: Any, types: Any) -> tuple[Any, Any]:
    """What followers played and what was seen, [T, ..]."""

    def one_round(choice: Any, types: jax.Array) -> tuple[Any, Any]:
        actions = inputs.arena.actions(inputs.known, choice, types)
        return actions, what_is_seen(learner, inputs, choice, types)

    return jax.vmap(one_round)(choice, types)


def require_real(
    learner: Learner, inputs: Inputs, table: RegionTable | None, choice: Any, first: int = 1
) -> None:
    """Raise ValueError unless all choices [T, ..] of rounds from `first` on are there to be chosen."""
    if not isinstance(choice, Choice):
        is_there = np.asarray(jax.vmap(lambda one: inputs.arena.in_range(inputs.known, one))(choice))
    else:
        assert table is not None
        is_there = np.asarray(inputs.arena.in_range(inputs.known, choice))
        places = jax.tree.map(lambda part: np.where(is_there, part, 0), choice)
        is_there = is_there & table.vertex_mask[places.region, places.vertex]
    if not is_there.all():
        t = int(np.argmin(is_there))
        chosen = ", ".join(
            f"{name} {checks.brief(np.asarray(part)[t].tolist())}" for name, part in choice._asdict().items()
        )
        expected = f"actions 0..{inputs.known.game.num_actions - 1} and a commitment of the strategy set"
        if table is not None and isinstance(choice, Choice):
            expected = f"one of the vertices of the table's {int(table.num_regions)} regions, not its padding"
        raise ValueError(
            f"{learner.name}: act chose {chosen} in round {first + t}, but what can be played is {expected}. "
            f"jaxstack.check_learner looks at more games."
        )


def _commitments(setup: Setup, choice: Any) -> np.ndarray:
    """[T, L] float64."""
    if isinstance(choice, Choice):
        assert setup.table is not None
        return setup.table.vertices[choice.region, choice.vertex]
    return np.asarray(choice.x, np.float64)


def _losses(setup: Setup, types: TypeDistribution, ran: Ran, actions: np.ndarray) -> np.ndarray:
    """[T] float64: regret of each round by itself, in units of the payoff range."""
    arena, choice = setup.inputs.arena, ran.choice
    if isinstance(arena, Replayed):
        vectors = payoffs_of_rounds(setup.inputs.known.game, actions, ran.types)
        earned = np.einsum("tl,tl->t", _commitments(setup, choice), vectors)
        return arena.gained[: len(earned)] - earned
    if isinstance(arena, Vertices):
        return np.asarray(arena.gap[choice.region, choice.vertex])
    assert isinstance(arena, Commitments)
    maps, which = np.unique(choice.responses, axis=0, return_inverse=True)
    vectors = region_payoff_vectors(setup.inputs.known.game, types, maps)[which.reshape(-1)]
    return arena.optimum - np.einsum("tl,tl->t", np.asarray(choice.x, np.float64), vectors)
