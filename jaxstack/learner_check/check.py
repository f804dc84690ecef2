"""The checks, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable

import jax

from jaxstack import checks
from jaxstack._settings import with_pinned_settings
from jaxstack.distributions import TypeDistribution
from jaxstack.game import Game
from jaxstack.learner_check.choices import check_choices
from jaxstack.learner_check.fields import check_fields
from jaxstack.learner_check.games import batch_case, degenerate_cases, first_case
from jaxstack.learner_check.purity import check_purity
from jaxstack.learner_check.report import LearnerReport
from jaxstack.learner_check.runs import check_batch, check_runs
from jaxstack.learner_check.setting import Setting
from jaxstack.learner_check.states import check_states
from jaxstack.learners.contract import Learner
from jaxstack.simulation import tree_bytes


@with_pinned_settings
def check_learner(
    learner: Learner,
    game: Game | None = None,
    types: TypeDistribution | None = None,
    *,
    horizon: int = 2000,
    num_runs: int = 3,
    seed: int = 0,
) -> LearnerReport:
    """Report of a learner that keeps to the contract of `jaxstack.learners`; an error names what does not.

    It traces the learner's functions in float32 and float64, and plays it on a small random game (or on
    yours), on degenerate games (one leader action, everything tied, many followers of one type) and on a
    batch of two games. Checked are:

    - its fields; hyperparameters that are single numbers; that it reads no table if it needs none;
    - `init`: arrays of explicit dtypes (floats follow `jax_enable_x64`, integers do not);
    - `act`: a Choice of int32 scalars, a real vertex of a real region in every round; or a Commitment of the
      strategy set with a best response of every follower type;
    - `schedule`: rounds within 1..T, the same each time; `replan`, `refresh`: a state as `init`'s;
    - `update`: a state of the same tree, shapes and dtypes, so that memory does not grow with T, and no NaN;
    - feedback: it reads what its kind of feedback has, nothing else;
    - purity: tracing twice gives the same program, without callbacks or captured arrays; no Python branches
      on numbers, so that a new hyperparameter never compiles again;
    - the same numbers, to the last bit, whatever the batches and devices; up to rounding, run by run in
      `play`, and in a batch of games;
    - jumps, if there are any, are those of its own functions;
    - regret that is finite and never negative.

    Who plays in its place where there is no table (`Learner.without_table`) is checked by a call of its own.

    What it cannot see: a distribution of types that the learner's functions captured as plain numbers, and
    whether the method learns anything.

    Args:
      learner: to check.
      game, types: the game to look at most closely; default a random one with L = 3, n = 2, K = 2, A = 2.
      horizon: T.
      num_runs: S, at least 2.
      seed: of the key for draws.

    Returns:
      LearnerReport.

    Raises:
      ValueError: the first violation, with what arrived, what was expected and the usual fix; or a game
        without types, a batch of games, types of another game. Other errors of the learner's own code come
        through, with a note that says which function raised them.
    """
    began = time.perf_counter()
    horizon = checks.positive_int("horizon", horizon)
    if checks.positive_int("num_runs", num_runs) < 2:
        raise ValueError("num_runs must be at least 2, to compare runs within a batch, but 1 arrived.")
    check_fields(learner)
    cases = [first_case(game, types), *degenerate_cases()]
    setting = Setting(learner, cases, batch_case(), jax.random.key(seed), horizon, num_runs)
    for check in _CHECKS.values():
        check(setting)
    inputs = setting.inputs(cases[0])
    return LearnerReport(
        learner=learner.name,
        feedback=learner.feedback,
        hparams={name: float(value) for name, value in inputs.hparams._asdict().items()},
        state_bytes=tree_bytes(jax.eval_shape(learner.init, inputs.known, inputs.hparams)),
        can_jump=learner.jumps is not None,
        checked=("fields: a name, a kind of feedback, functions", *_CHECKS),
        games=tuple(case.name for case in (*cases, setting.batch)),
        curve=setting.simulate(cases[0]),
        seconds=time.perf_counter() - began,
    )


_CHECKS: dict[str, Callable[[Setting], None]] = {
    "state: explicit dtypes; the same tree, shapes and dtypes after a round": check_states,
    "pure functions: one program, no callbacks, nothing captured": check_purity,
    "choices: real vertices of real regions, also in degenerate games": check_choices,
    "runs: none reads another; the same bits in any batch, on any devices; no negative regret": check_runs,
    "batches: a game is played as it is alone": check_batch,
}
