"""`jaxstack learners` and `jaxstack scenarios`: what there is, with its keys and their defaults."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, get_args

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from jaxstack.cli.solving import print_json


def print_learners(as_json: bool, console: Console) -> None:
    """The learners of the package and of installed packages."""
    records = list(map(_learner, _learner_names()))
    if as_json:
        print_json(records, console)
        return
    for record in records:
        console.print(Text(record["name"], style="bold") + Text(f"  (feedback: {record['feedback']})"))
        _print_below(record["what"], console)
        _print_keys(record["hyperparameters"], console)
    _print_below(
        "Set one by --set NAME.KEY=VALUE, or in a [[learner]] table of a spec; auto: follows from the game.",
        console,
        0,
    )


def print_scenarios(as_json: bool, console: Console) -> None:
    """The kinds of scenarios."""
    records = _scenarios()
    if as_json:
        print_json(records, console)
        return
    for record in records:
        console.print(Text(record["kind"], style="bold"))
        _print_below(record["what"], console)
        _print_keys(record["keys"], console)
    told = (
        'Each is a [[scenario]] table of a spec, kind = "..", with a name and ties of its own, too. A list '
        "where one value is expected is an axis; auto: follows from the rest."
    )
    _print_below(told, console, 0)


_EVERY_KIND = ("kind", "parameters", "zip", "name", "ties")  # has these keys, or they are shown one by one


def _learner_names() -> list[str]:
    from jaxstack.learners import ROSTER, outside

    return [*ROSTER, *(name for name in outside.installed() if name not in ROSTER)]


def _learner(name: str) -> dict[str, Any]:
    """What a learner's roster entry tells."""
    from jaxstack.learners import ROSTER, by_name
    from jaxstack.sweeps.spec.learners import hyperparameters

    learner = by_name(name)
    return {
        "name": name,
        "what": rule_of(ROSTER[name]) if name in ROSTER else "Of an installed package.",
        "feedback": learner.feedback,
        "theorem": learner.theorem,
        "skips_ahead": learner.jumps is not None,
        "hyperparameters": hyperparameters(learner),
    }


def _scenarios() -> list[dict[str, Any]]:
    """Every kind, from the models that read specs."""
    from jaxstack.sweeps.spec import scenarios

    records = []
    for model in get_args(scenarios.Scenario):
        for kind in get_args(model.model_fields["kind"].annotation):
            make = scenarios.WORKED.get(kind)
            fields = {k: f for k, f in model.model_fields.items() if k not in _EVERY_KIND}
            keys = {name: "needed" if f.is_required() else f.default for name, f in fields.items()}
            if make is not None:
                defaults = inspect.signature(make[0]).parameters.values()
                keys |= {f"parameters.{p.name}": _brief(p.default) for p in defaults}
            what = _first_line(model).partition(": ")[2] if make is None else _first_line(make[0])
            records.append({"kind": kind, "what": what[:1].upper() + what[1:], "keys": keys})
    return records


def _brief(default: Any) -> Any:
    """A default that is a number or a text; of lists, that they are."""
    if default is None or isinstance(default, str | int | float | bool):
        return default
    return "[..]"


def rule_of(make: Callable[..., Any]) -> str:
    """What a learner does, from its docstring: `Learner that plays X (feedback: types).` as `plays X`."""
    line = re.sub(r"\s*\((?:feedback: )?(?:no feedback|types|actions)\)", "", _first_line(make)).rstrip(".")
    rule = re.sub(r"^(?:Learner|Yardstick) that ", "", line)
    return rule[:1].lower() + rule[1:]


def _first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _print_keys(keys: dict[str, Any], console: Console) -> None:
    told = [f"{name}={_written(value)}" for name, value in keys.items()]
    if told:
        _print_below(", ".join(told), console)


def _written(value: Any) -> str:
    """A default without spaces, so that it is not broken in two."""
    if value is None:
        return "auto"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _print_below(told: str, console: Console, indent: int = 4) -> None:
    console.print(Padding(Text(told), (0, 0, 0, indent)))
