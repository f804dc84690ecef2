"""Functions that are what their arguments make of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxstack import memory
from jaxstack.learner_check.setting import ROUND, Setting, choice_shapes, feedback_shapes
from jaxstack.learner_check.telling import calling, require

_OUTSIDE = re.compile(r"\b\w*(?:callback|infeed|outfeed)\w*(?=\[)")  # operations, in the text of a program
_MAX_CAPTURED = 256  # bytes of arrays that compiled functions may hold besides their arguments


def check_purity(setting: Setting) -> None:
    """The compiled functions are what their arguments make of them."""
    learner = setting.learner
    inputs = setting.inputs(setting.cases[0])
    known, hparams = inputs.known, inputs.hparams
    state = jax.eval_shape(learner.init, known, hparams)
    calls: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
        "init": (learner.init, (known, hparams)),
        "act": (learner.act, (inputs.key, state, known, hparams, ROUND)),
        "update": (
            learner.update,
            (
                state,
                known,
                hparams,
                choice_shapes(learner, inputs),
                feedback_shapes(learner, inputs),
                ROUND,
            ),
        ),
    }
    if learner.refresh is not None:
        calls["refresh"] = (learner.refresh, (state, known, hparams))
    if learner.replan is not None:
        calls["replan"] = (learner.replan, (inputs.key, state, known, hparams, ROUND))
    for what, (function, args) in calls.items():
        with calling(learner, what, setting.cases[0].name), jax.checking_leaks():
            # A new wrapper each time: JAX keeps the program of a function that it has traced.
            first, second = (jax.make_jaxpr(lambda *a, f=function: f(*a))(*args) for _ in range(2))
        name = f"{learner.name}: {what}"
        require(
            _program(first) == _program(second)
            and all(np.array_equal(a, b) for a, b in zip(first.consts, second.consts, strict=True)),
            f"{name} gives another program when it is traced again, so it depends on something besides its "
            f"arguments (a counter, a clock, NumPy's random numbers). Keep what changes in the state, and "
            f"draw from the key that act receives.",
        )
        outside = {str(effect) for effect in first.effects} | set(_OUTSIDE.findall(_program(first)))
        require(
            not outside,
            f"{name} leaves the compiled code in every round: {', '.join(sorted(outside))}. Remove "
            f"callbacks and jax.debug.print; look at a run with jaxstack.play.",
        )
        if what in ("act", "replan") and not learner.draws:
            require(
                _works_without_key(function, args[1:]),
                f"{name} uses its key, but the learner says that it draws nothing. Declare draws=True.",
            )
        held = sum(np.asarray(const).nbytes for const in first.consts)
        require(
            held <= _MAX_CAPTURED,
            f"{name} captures {memory.readable(held)} of arrays, which would be compiled in, the same for "
            f"every game. Read them from known, or return them from prepare and read known.prepared.",
        )
    _check_host_functions(setting)


def _check_host_functions(setting: Setting) -> None:
    """`schedule` and `prepare` are what their arguments make of them."""
    learner = setting.learner
    if learner.schedule is not None:
        rounds = [np.asarray(learner.schedule(setting.horizon)) for _ in range(2)]
        require(
            np.array_equal(rounds[0], rounds[1]),
            f"{learner.name}: schedule must give the same rounds for the same horizon, but two calls differ.",
        )
    case = setting.cases[0]
    table = case.table if learner.needs_table else None
    with calling(learner, "prepare", case.name):
        first, second = (learner.prepare(case.game, table) for _ in range(2))
    require(
        _equal(first, second),
        f"{learner.name}: prepare must give the same arrays for the same game, but two calls differ.",
    )


def _works_without_key(function: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    """Whether a function can be traced when no key is handed to it."""
    try:
        jax.eval_shape(lambda *rest: function(None, *rest), *args)
    except Exception:  # whatever the first use of nothing raises
        return False
    return True


def _program(jaxpr: Any) -> str:
    """The text of a program, without the addresses of Python objects."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(jaxpr))


def _equal(first: Any, second: Any) -> bool:
    """True for trees of the same structure and numbers."""
    try:
        return all(jax.tree.leaves(jax.tree.map(np.array_equal, first, second)))
    except ValueError:  # another structure
        return False
