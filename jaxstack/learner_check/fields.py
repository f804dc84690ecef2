"""What a learner is made of."""

from __future__ import annotations

from typing import Any

from jaxstack import bounds, checks, jumps
from jaxstack.learner_check.telling import require
from jaxstack.learners.contract import FEEDBACK, PLAYS, Jumps, Learner


def check_fields(learner: Any) -> None:
    """A name, a kind of feedback, functions; jumps only of a learner that sees types."""
    if not isinstance(learner, Learner):
        hint = " Call the factory." if callable(learner) else ""
        raise ValueError(f"check_learner takes a jaxstack.learners.Learner, but {learner!r} arrived.{hint}")
    name = learner.name
    require(isinstance(name, str) and name, f"a learner's name must be a text, but {name!r} arrived.")
    checks.one_of(f"kind of feedback of {name}:", learner.feedback, FEEDBACK)
    checks.one_of(f"kind of choice that {name} plays:", learner.plays, PLAYS)
    for field in ("init", "act", "update", "hparams", "prepare"):
        given = getattr(learner, field)
        require(callable(given), f"{name}: {field} must be a function, but {given!r} arrived.")
    for field in ("draws", "needs_table"):
        given = getattr(learner, field)
        require(isinstance(given, bool), f"{name}: {field} must be True or False, but {given!r} arrived.")
    require(
        learner.needs_table or learner.plays == "commitments",
        f"{name} plays vertices of a table, so it needs one: needs_table=True, or plays='commitments'.",
    )
    other = learner.without_table
    require(
        other is None or (isinstance(other, Learner) and not other.needs_table),
        f"{name}: without_table must be a Learner with needs_table=False, or None, but {other!r} arrived.",
    )
    for field in ("schedule", "replan", "refresh", "info"):
        given = getattr(learner, field)
        require(
            given is None or callable(given),
            f"{name}: {field} must be a function or None, but {given!r} arrived.",
        )
    if learner.theorem is not None:
        checks.one_of(f"theorem of {name}:", learner.theorem, bounds.THEOREMS)
    if learner.jumps is not None:
        require(
            isinstance(learner.jumps, Jumps) and learner.feedback == "types",
            f"{name}: jumps are a jaxstack.learners.Jumps of a learner with feedback='types', but "
            f"{learner.jumps!r} arrived with feedback={learner.feedback!r}. Leave them out: jumps=None.",
        )
        jumps.check_learner(learner)
    try:
        hash(learner)
    except TypeError as error:
        raise ValueError(
            f"{name} must be hashable, because compiled code is kept by it, but {error}. Make its functions "
            f"plain ones (def, lambda, functools.partial of hashable arguments)."
        ) from error
