"""What is wrong in a spec, told to the person who wrote it: where, what arrived, what is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from jaxstack import checks
from jaxstack.checks import did_you_mean
from jaxstack.sweeps.spec.learners import LearnerSettings
from jaxstack.sweeps.spec.run import RunSettings
from jaxstack.sweeps.spec.scenarios import Scenario

_MAX_PROBLEMS = 20  # mistakes of a file that are told at once


def validated(model: type[Any], content: dict[str, Any], source: str, folder: Path | None = None) -> Any:
    """The model that this content stands for; paths of game files are relative to `folder`.

    Raises:
      ValueError: keys are unknown or have wrong values; a line for each, after the name of the source.
    """
    try:
        return model.model_validate(content, context={"folder": folder})
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems = [_explain(problem, model, content) for problem in found[:_MAX_PROBLEMS]]
        if len(found) > _MAX_PROBLEMS:
            problems.append(f"... and {len(found) - _MAX_PROBLEMS:,} more.")
        raise ValueError("\n".join(f"{source}: {problem}" for problem in dict.fromkeys(problems))) from None


_TABLES: dict[str, type[BaseModel]] = {
    kind: model
    for model in get_args(Scenario)
    for kind in get_args(model.model_fields["kind"].annotation)
}  # fmt: skip


def _explain(problem: Any, model: type[BaseModel], content: dict[str, Any]) -> str:
    """One line on one mistake: where, what arrived, what is known."""
    where: list[str] = []
    rest = list(problem["loc"])
    if rest[:1] == ["run"]:
        where, rest, model = ["[run]"], rest[1:], RunSettings
    elif rest[:1] in (["scenario"], ["learner"]) and len(rest) > 1:
        table = content[rest[0]][rest[1]]
        named = isinstance(table, dict) and isinstance(table.get("name"), str)
        where = [f"{rest[0]} {rest[1] + 1}" + (f" ({table['name']!r})" if named else "")]
        if rest[0] == "learner":
            rest, model = rest[2:], LearnerSettings
        else:
            rest, model = rest[3:], _TABLES[rest[2]] if len(rest) > 2 else model
        if rest == ["hparams"]:  # beside `name` in the file; the reason names the key
            rest = []
    if rest[:1] == ["zip"]:  # of which key within: the reason shows the form
        rest = ["zip"]
    if rest:
        where.append(f"key '{'.'.join(map(str, rest))}'")
    reason = _reason(problem, model, rest)
    return f"{', '.join(where)}: {reason}" if where else reason


def _reason(problem: Any, model: type[BaseModel], rest: list[Any]) -> str:
    kind, arrived = problem["type"], problem.get("input")
    if kind == "extra_forbidden":
        known = list(model.model_fields)
        return f"unknown key.{did_you_mean(str(rest[-1]), known)} Known: {', '.join(known)}."
    if kind == "union_tag_not_found":
        return f"key 'kind' is missing. Known kinds: {', '.join(_TABLES)}."
    if kind == "union_tag_invalid":
        tag = problem["ctx"]["tag"]
        return f"unknown kind {checks.brief(tag)}.{did_you_mean(tag, _TABLES)} Known: {', '.join(_TABLES)}."
    if kind == "literal_error":
        options = get_args(_literal(model, rest))
        told = f"must be one of {', '.join(map(repr, options))}, but {checks.brief(arrived)} arrived."
        return told + did_you_mean(arrived, options)
    if kind == "missing":
        return "is missing." + (" What to play on is a [[scenario]] table." if rest == ["scenario"] else "")
    if kind == "list_type" and rest in (["scenario"], ["learner"]):
        return f"there can be several, so its header has double brackets: [[{rest[0]}]]."
    if kind == "list_type" and rest == ["zip"]:
        return 'is a list of groups of keys, such as zip = [["num_followers", "num_types"]].'
    if kind == "value_error":
        return str(problem["ctx"]["error"])
    message = str(problem["msg"]).replace("Input should be", "must be").replace("List should", "must")
    return f"{message[0].lower()}{message[1:]}, but {checks.brief(arrived)} arrived."


def _literal(model: type[BaseModel], rest: list[Any]) -> Any:
    """The Literal of a field, out of `Literal[..] | None` where need be."""
    annotation = model.model_fields[str(rest[0])].annotation
    inner = [part for part in get_args(annotation) if get_args(part)]
    return inner[0] if inner else annotation
