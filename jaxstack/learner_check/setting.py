"""What the checks share: a learner, its games, and simulations of them."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack.game import unstack
from jaxstack.learner_check.games import Case
from jaxstack.learner_check.telling import calling
from jaxstack.learners.contract import ActionFeedback, Choice, Commitment, Learner, TypeFeedback
from jaxstack.regret import RegretCurve
from jaxstack.simulation import Setup, prepare, simulate
from jaxstack.simulation.rounds import Inputs

ROUND = jax.ShapeDtypeStruct((), np.int32)


class Setting(NamedTuple):
    """All that the checks share."""

    learner: Learner
    cases: list[Case]  # the first is looked at most closely
    batch: Case  # two games of unequal tables
    key: jax.Array
    horizon: int
    num_runs: int

    def setup(self, case: Case) -> Setup:
        """What a simulation of `case` begins with."""
        with calling(self.learner, "prepare or hparams", case.name):
            return prepare(
                self.key, case.game, case.types, self.learner, horizon=self.horizon, table=case.table
            )

    def inputs(self, case: Case) -> Inputs:
        """What a simulation of `case` hands to the learner; no table to one that needs none."""
        inputs = self.setup(case).inputs
        if self.learner.needs_table:
            return inputs
        return inputs._replace(known=dataclasses.replace(inputs.known, table=None))

    def simulate(self, case: Case, **options: Any) -> RegretCurve:
        """Regret of the learner in `case`; options are those of `jaxstack.simulate`."""
        settings = {
            "horizon": self.horizon,
            "num_runs": self.num_runs,
            "table": case.table,
            "devices": jax.local_devices()[:1],  # all runs side by side
            **options,
        }
        with calling(self.learner, "init, act or update", case.name):
            return simulate(self.key, case.game, case.types, self.learner, **settings)


def of_game(inputs: Inputs, index: int) -> Inputs:
    """What one game of a batch hands to the learner, its tables still padded."""
    known, hparams, sampler, arena = unstack(tuple(inputs)[1:5], index)
    return inputs._replace(known=known, hparams=hparams, sampler=sampler, arena=arena)


def feedback_shapes(learner: Learner, inputs: Inputs) -> Any:
    """Shapes of what a round tells the learner."""
    known = inputs.known
    each: Any = jax.ShapeDtypeStruct((known.game.num_followers,), jnp.int32)
    payoff: Any = jax.ShapeDtypeStruct((), jax.dtypes.canonicalize_dtype(known.dtype))
    kinds = {"types": TypeFeedback(each), "actions": ActionFeedback(each, payoff)}
    return kinds.get(learner.feedback)


def choice_shapes(learner: Learner, inputs: Inputs) -> Any:
    """Shapes of what a learner plays in a round."""
    if learner.plays == "vertices":
        return Choice(ROUND, ROUND)  # type: ignore[arg-type]
    game, floats = inputs.known.game, jax.dtypes.canonicalize_dtype(inputs.known.dtype)
    x: Any = jax.ShapeDtypeStruct((game.num_leader_actions,), floats)
    responses: Any = jax.ShapeDtypeStruct((game.num_followers, game.num_types), jnp.int32)
    return Commitment(x, responses)
