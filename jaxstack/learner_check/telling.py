"""How a breach of the contract is told."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import jax

from jaxstack.learners.contract import ActionFeedback, Learner, TypeFeedback
from jaxstack.regions import RegionTable


@contextlib.contextmanager
def calling(learner: Learner, what: str, where: str) -> Iterator[None]:
    """Errors that JAX raises where the contract is broken, in the words of the contract."""
    name = f"{learner.name}: {what}"
    try:
        yield
    except jax.errors.TracerBoolConversionError as error:
        raise ValueError(
            f"{name} branches in Python (if, while, and, or, max) on a number that is only known while it "
            f"runs: states, payoffs, the horizon and hyperparameters are. Use jnp.where or jax.lax.cond."
        ) from error
    except (
        jax.errors.ConcretizationTypeError,
        jax.errors.TracerIntegerConversionError,
        jax.errors.TracerArrayConversionError,
        jax.errors.NonConcreteBooleanIndexError,
    ) as error:
        raise ValueError(
            f"{name} needs as a Python number or NumPy array what is only known while it runs: states, "
            f"payoffs, the horizon and hyperparameters are. Use jax.numpy; let shapes depend on sizes alone, "
            f"such as known.game.num_leader_actions and known.table.padded_regions."
        ) from error
    except AttributeError as error:
        if error.obj is None and error.name in _OF_TABLES:
            raise ValueError(
                f"{name} reads known.table.{error.name}, but the learner says that it needs no table, and "
                f"where there is none known.table is None. Declare needs_table=True, or do without."
            ) from error
        if not isinstance(error.obj, TypeFeedback | ActionFeedback | None):
            error.add_note(_NOTE.format(name, where))
            raise
        raise ValueError(
            f"{name} reads feedback.{error.name}, but the learner declares feedback={learner.feedback!r}, "
            f"and {_ARRIVES[learner.feedback]} arrives. Declare the kind of feedback that it learns from."
        ) from error
    except Exception as error:
        if not isinstance(error, jax.errors.UnexpectedTracerError) and "Leaked trace" not in str(error):
            error.add_note(_NOTE.format(name, where))
            raise
        raise ValueError(
            f"{name} keeps a traced value beyond its call, in a list, an attribute or a global. What the "
            f"next round needs belongs into the state."
        ) from error


_OF_TABLES = {field.name for field in dataclasses.fields(RegionTable)} | set(vars(RegionTable))
_NOTE = "Raised by {} in the game '{}' of jaxstack.check_learner."
_ARRIVES = {
    "types": "TypeFeedback(types)",
    "actions": "ActionFeedback(actions, payoff)",
    "none": "None",
    "optimum": "None",
}


def require(holds: Any, message: str) -> None:
    """Raise ValueError with this message unless something holds."""
    if not holds:
        raise ValueError(message)
