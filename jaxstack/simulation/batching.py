"""Where the axes of runs and games are: every batching rule of the engine.

The axis of runs is *last* in vectors of a state, so that every operation on them is one vector operation over
runs, and *first* in tables, so that a row that a round reads or writes is contiguous in memory. A batch of
games has its axis in front of all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack.learners.contract import PLAYS, Choice, Known, Learner
from jaxstack.learners.rows import runs_axis

if TYPE_CHECKING:
    from jaxstack.simulation.rounds import Carry, Inputs


def one_game(inputs: Inputs) -> tuple[Known, Any]:
    """Shapes of what a learner knows of one game, and of its hyperparameters."""
    batch = inputs.known.game.num_games is not None

    def shape(leaf: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape[batch:], jax.dtypes.canonicalize_dtype(leaf.dtype))

    return jax.tree.map(shape, (inputs.known, inputs.hparams))


def state_shapes(learner: Learner, inputs: Inputs) -> Any:
    """Shapes of the learner's state for one run of one game.

    Raises:
      ValueError: a state that holds random keys, which are no numbers: no snapshot could keep them.
    """
    shapes = jax.eval_shape(learner.init, *one_game(inputs))
    if any(jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.extended) for leaf in jax.tree.leaves(shapes)):
        raise ValueError(
            f"{learner.name}: its state holds a random key. `act` gets a fresh one every round; what is to "
            f"stay is kept as numbers: jax.random.key_data(key), and back by jax.random.wrap_key_data."
        )
    return shapes


def choice_shapes(learner: Learner, inputs: Inputs) -> Any:
    """Shapes of what one run of one game plays in a round.

    Raises:
      ValueError: it is not what the learner says that it plays, or has another shape.
    """
    known, hparams = one_game(inputs)
    state = state_shapes(learner, inputs)
    key = jax.ShapeDtypeStruct((), inputs.key.dtype)
    t = jax.ShapeDtypeStruct((), np.int32)
    choice = jax.eval_shape(learner.act, key, state, known, hparams, t)
    expected = PLAYS[learner.plays]
    if not isinstance(choice, expected):
        raise ValueError(
            f"{learner.name}: act must return jaxstack.learners.{expected.__name__}"
            f"({', '.join(expected._fields)}) because the learner plays {learner.plays}, but "
            f"{type(choice).__name__} arrived."
        )
    game = known.game
    responses = (game.num_followers, game.num_types)
    shapes = ((), ()) if expected is Choice else ((game.num_leader_actions,), responses)
    for field, leaf, shape in zip(expected._fields, choice, shapes, strict=True):
        if np.shape(leaf) != shape:
            raise ValueError(
                f"{learner.name}: act must return {field} of shape {shape}, but {np.shape(leaf)} arrived."
            )
    return choice


def told(learner: Learner, known: Known, state: Any, choice: Any) -> dict[str, jax.Array]:
    """What one run of a learner has to tell, as arrays by name; nothing of a learner without `info`."""
    return {} if learner.info is None else jax.tree.map(jnp.asarray, dict(learner.info(state, known, choice)))


def info_shapes(learner: Learner, inputs: Inputs) -> dict[str, Any]:
    """Shapes of what one run of one game has to tell."""
    if learner.info is None:
        return {}
    known, _ = one_game(inputs)
    state, choice = state_shapes(learner, inputs), choice_shapes(learner, inputs)
    return jax.eval_shape(lambda *told_by: told(learner, *told_by), known, state, choice)


def run_axes(learner: Learner, inputs: Inputs) -> Any:
    """Position of the axis of runs in every array of a state of one game."""
    return jax.tree.map(lambda leaf: runs_axis(leaf.shape), state_shapes(learner, inputs))


def run_of(state: Any, run: int, learner: Learner, inputs: Inputs) -> Any:
    """Host arrays of one run of a tile's states of one game."""
    axes = run_axes(learner, inputs)
    return jax.tree.map(lambda leaf, axis: np.take(np.asarray(leaf), run, axis), state, axes)


def over_runs(
    function: Callable[..., Any], in_axes: Any, learner: Learner, inputs: Inputs
) -> Callable[..., Any]:
    """`function` of one run that returns a state, for all runs of a tile."""
    return jax.vmap(function, in_axes, run_axes(learner, inputs))


def over_games(
    function: Callable[..., Any], inputs: Inputs, in_axes: Any, out_axes: Any
) -> Callable[..., Any]:
    """`function` of (.., inputs) of one game, over the games of a batch; as it is for a single game."""
    if inputs.known.game.num_games is None:
        return function
    # Games share checkpoints and schedules, and a key where there is one for all.
    of_inputs = type(inputs)(
        key=0 if inputs.key.ndim else None,  # type: ignore[arg-type]
        known=0,  # type: ignore[arg-type]
        hparams=0,
        sampler=0,  # type: ignore[arg-type]
        arena=0,  # type: ignore[arg-type]
        checkpoints=None,  # type: ignore[arg-type]
        replans=None,  # type: ignore[arg-type]
    )
    return jax.vmap(function, (*in_axes, of_inputs), out_axes)


def carry_games(carry: type[Carry]) -> Any:
    """Position of the axis of games in every array of a carry: behind the rounds where there are any."""
    return carry(state=0, total=0, error=0, curve=1, curve_error=1, choice=1, info=1)  # type: ignore[arg-type]
