"""Single keys of a spec, set from outside: `region_ucb.radius_scale=0.1`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any

from jaxstack import checks
from jaxstack.learners import offered
from jaxstack.sweeps.spec.mistakes import validated
from jaxstack.sweeps.spec.sweep import Spec, settings_of


def overridden(spec: Spec, assignments: Sequence[str], source: str = "--set") -> Spec:
    """A spec with other values for some of its keys.

    Args:
      spec: what is changed.
      assignments: texts `TABLE.KEY=VALUE`: of `run`, of a learner by its label, or of a scenario by its name;
        the value as in the file (a list is an axis), quotes around a text may be left out.
      source: what messages call them.

    Raises:
      ValueError: another form, a table that the spec does not have, or what the spec would not take there.
    """
    if not assignments:
        return spec
    run = settings_of(spec.run)
    scenarios = [table.content() for table in spec.scenario]
    learners = [table.content() for table in spec.learners()]
    tables: dict[str, dict[str, Any]] = {"run": run}
    tables |= {table.title: content for table, content in zip(spec.scenario, scenarios, strict=True)}
    tables |= {table.title: content for table, content in zip(spec.learners(), learners, strict=True)}
    of_learners = bool(spec.learner)
    for assignment in assignments:
        place, key, value = _parts(assignment, tables, source)
        tables[place][key] = value
        of_learners |= any(tables[place] is content for content in learners)
    if of_learners:
        run.pop("learners", None)
    content = {"run": run, "scenario": scenarios, "learner": learners if of_learners else []}
    with offered(spec.offers()):
        changed: Spec = validated(Spec, content, source)
    return changed


def _parts(assignment: str, tables: dict[str, Any], source: str) -> tuple[str, str, Any]:
    """Table, key and value of an assignment."""
    left, equals, right = assignment.partition("=")
    place, _, key = left.strip().rpartition(".")
    if not equals or not place or not key:
        raise ValueError(
            f"{source} {assignment}: TABLE.KEY=VALUE was expected, such as run.horizon=1000 or "
            f"region_ucb.radius_scale=0.1."
        )
    if place not in tables:
        raise ValueError(
            f"{source} {assignment}: the spec has no table {place!r}.{checks.did_you_mean(place, tables)} "
            f"Tables: {', '.join(tables)}."
        )
    return place, key.strip(), _value(right.strip())


def _value(text: str) -> Any:
    """What TOML makes of it, or else the text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, KeyError, RecursionError):
        return text
