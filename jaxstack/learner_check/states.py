"""States, choices and feedback by their shapes and dtypes; nothing is computed."""

from __future__ import annotations

from typing import Any

import chex
import jax
import jax.numpy as jnp

from jaxstack.learner_check.setting import ROUND, Setting, choice_shapes, feedback_shapes, of_game
from jaxstack.learner_check.telling import calling, require
from jaxstack.learners.contract import Learner
from jaxstack.simulation.rounds import Inputs


def check_states(setting: Setting) -> None:
    """Shapes and dtypes, in every game and in both precisions; nothing is computed."""
    learner = setting.learner
    for case in (*setting.cases, setting.batch):
        inputs = setting.inputs(case)
        if case is setting.batch:
            inputs = of_game(inputs, 0)
        dtypes = []
        for x64 in (False, True):
            with jax.enable_x64(x64):
                dtypes.append(_check_round(learner, inputs, case.name))
        for (path, single), (_, double) in zip(*dtypes, strict=True):
            require(
                single == double or jnp.issubdtype(single, jnp.floating),
                f"{learner.name}: state{path} of init is {single}, but {double} with jax_enable_x64. An "
                f"integer must have a dtype of its own: dtype=jnp.int32.",
            )


def _check_round(learner: Learner, inputs: Inputs, where: str) -> list[tuple[str, Any]]:
    """Shapes of the state before and after a round, which must agree, and of the choice.

    Returns path and dtype of every array of the state.
    """
    known, hparams, name = inputs.known, inputs.hparams, learner.name
    with calling(learner, "init", where):
        state = jax.eval_shape(learner.init, known, hparams)
    dtypes = _check_dtypes(learner, state)
    with calling(learner, "act", where):
        choice = jax.eval_shape(learner.act, inputs.key, state, known, hparams, ROUND)
    _check_choice_type(learner, choice, choice_shapes(learner, inputs))
    with calling(learner, "update", where):
        seen = feedback_shapes(learner, inputs)
        after = jax.eval_shape(learner.update, state, known, hparams, choice, seen, ROUND)
    _check_same(
        state, after, f"{name}: update must return a state of the same tree, shapes and dtypes as init"
    )
    if learner.replan is not None:
        with calling(learner, "replan", where):
            planned = jax.eval_shape(learner.replan, inputs.key, state, known, hparams, ROUND)
        _check_same(
            state, planned, f"{name}: replan must return a state of the same tree, shapes and dtypes as init"
        )
    if learner.refresh is not None:
        with calling(learner, "refresh", where):
            fresh = jax.eval_shape(learner.refresh, state, known, hparams)
        _check_same(
            state, fresh, f"{name}: refresh must return a state of the same tree, shapes and dtypes as init"
        )
    return dtypes


def _check_same(first: Any, second: Any, what: str) -> None:
    """Raise where two trees of shapes differ, saying in which leaves."""
    try:
        chex.assert_trees_all_equal_shapes_and_dtypes(first, second)
    except AssertionError as error:
        difference = " ".join(str(error).partition("failed:")[2].split()).rstrip(".")
        raise ValueError(
            f"{what}, but {difference} (tree 0 is from init). A state cannot grow; where a dtype changed, "
            f"cast with .astype."
        ) from error


def _check_choice_type(learner: Learner, choice: Any, expected: Any) -> None:
    kind = type(expected)
    require(
        isinstance(choice, kind),
        f"{learner.name}: act must return jaxstack.learners.{kind.__name__}({', '.join(kind._fields)}), "
        f"because the learner plays {learner.plays}, but {type(choice).__name__} arrived.",
    )
    for field, array in choice._asdict().items():
        wanted = getattr(expected, field)
        require(
            hasattr(array, "dtype") and array.shape == wanted.shape and array.dtype == wanted.dtype,
            f"{learner.name}: {field} of what act returns must be {_brief(wanted)}, but is {_brief(array)} "
            f"with jax_enable_x64={_x64()}. Use .astype: argmax, for one, gives int64 there.",
        )


def _check_dtypes(learner: Learner, state: Any) -> list[tuple[str, Any]]:
    """Path and dtype of every array of a state: explicit, numbers, floats of the current precision."""
    leaves, floats = [], jnp.zeros(()).dtype
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        where = f"{learner.name}: state{jax.tree_util.keystr(path)} of init"
        require(
            not leaf.weak_type,
            f"{where} has no dtype of its own (it came from a Python number). Make it an array: "
            f"jnp.zeros((), jnp.int32) or jnp.zeros((), known.payoff_range.dtype).",
        )
        kind = jnp.issubdtype(leaf.dtype, jnp.integer) or leaf.dtype == jnp.bool_
        require(
            kind or leaf.dtype == floats,
            f"{where} is {leaf.dtype}, but must hold integers, bools or, with jax_enable_x64={_x64()}, "
            f"{floats}. Take dtype=known.payoff_range.dtype.",
        )
        leaves.append((jax.tree_util.keystr(path), leaf.dtype))
    return leaves


def _x64() -> bool:
    """Whether floats are float64 by default."""
    return jnp.zeros(()).dtype == jnp.float64


def _brief(value: Any) -> str:
    """A shape and dtype, or the type of what has none."""
    return f"{value.dtype}{list(value.shape)}" if hasattr(value, "dtype") else type(value).__name__
