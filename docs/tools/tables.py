"""Tables of what there is, made from the code: learners, keys of specs, commands."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import docstrings
import jax
import reference
from pydantic.fields import FieldInfo
from typer.models import ArgumentInfo

import jaxstack as js
from jaxstack.cli.catalogue import rule_of
from jaxstack.learners import ROSTER, Learner
from jaxstack.sweeps import spec

ROOT = Path(__file__).resolve().parents[2]
BENCHMARK = "experiments/results/benchmarks-learners.md"
LIMITS = "experiments/results/limits.md"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    """A text that ends no cell; code with a bar is HTML, where Markdown would print what hides the bar."""
    code = re.sub(r"`([^`]*\|[^`]*)`", lambda found: f"<code>{html.escape(found[1])}</code>", text)
    return code.replace("|", "&#124;")


# Learners ---------------------------------------------------------------------------------------------


def learners() -> str:
    """Name, what it sees, its rule in a line, hyperparameters, bound; of every learner there is."""
    rows = []
    for name, make in ROSTER.items():
        learner = make()
        link = f"[`{name}`](api/learners.md#{reference._path(make)})"
        rows.append(
            [
                link,
                learner.feedback,
                rule_of(make),
                ", ".join(f"`{hparam}`" for hparam in hyperparameters(learner)) or "none",
                bound(make),
                "yes" if learner.without_table or not learner.needs_table else "no",
                "yes" if learner.jumps else "no",
            ]
        )
    header = ["learner", "sees", "what it is", "hyperparameters", "regret bound", "no table", "jumps"]
    return markdown(header, rows)


def hyperparameters(learner: Learner) -> tuple[str, ...]:
    """Names of a learner's hyperparameters."""
    game, types = js.scenarios.random_game(0, 2, num_followers=1, num_types=2)
    key = jax.random.key(0)
    setup = js.simulation.prepare(key, game, types, learner, horizon=10, table=None, hparams=None)
    return tuple(setup.inputs.hparams._fields)


def bound(make: Callable[..., Learner]) -> str:
    """The rate that a learner's docstring states."""
    text = " ".join((inspect.getdoc(make) or "").split())
    found = re.search(r"regret (O\(.*?\))((?: for [^.;]*)?)[.;]", text)
    return f"`{found[1]}`{found[2]}" if found else "none known"


def speeds() -> str:
    """What a round costs, as the committed benchmark of the learners printed it."""
    found: dict[str, dict[str, str]] = {}
    sizes: dict[str, None] = {}
    row = re.compile(r"^\| learners \| (\w+) (\S+ \(R = \d+\)) \| jaxstack.*?\| ([\d.]+ [kMG]?)/s \|", re.M)
    for learner, size, rate in row.findall((ROOT / BENCHMARK).read_text()):
        found.setdefault(learner, {})[size] = rate
        sizes[size] = None
    rows = [[f"`{name}`", *(f"{rates.get(size, '-')}" for size in sizes)] for name, rates in found.items()]
    return markdown(["learner", *sizes], rows)


def methods() -> str:
    """Methods of `solve`, as its module says what they are for."""
    return "\n".join(line for line in (js.solvers.__doc__ or "").splitlines() if line.startswith("|"))


def limits() -> str:
    """What each method of `solve` does with games of growing sizes, as `experiments.limits` printed it."""
    return (ROOT / LIMITS).read_text(encoding="utf-8").partition("\n\n")[2]


# Specs ------------------------------------------------------------------------------------------------


def run_keys() -> str:
    """Keys of `[run]`."""
    return _keys(spec.RunSettings, docstrings.entries(spec.RunSettings, "Attributes"))


def learner_keys() -> str:
    """Keys of `[[learner]]`."""
    told = docstrings.entries(spec.LearnerSettings, "Attributes")
    return _keys(spec.LearnerSettings, told, leave_out={"hparams"})


def scenario_keys() -> str:
    """Keys of `[[scenario]]`, one table a kind."""
    of_all = {"kind", "name", "ties", "zip"}
    parts = [_keys(spec.FileScenario, {}, leave_out={"kind", "path"})]
    for model in get_args(spec.Scenario):
        kinds = get_args(model.model_fields["kind"].annotation)
        told = docstrings.entries(_maker(kinds[0]), "Args")
        title = ", ".join(f"`{kind}`" for kind in kinds)
        parts.append(f"### {title}\n\n{inspect.getdoc(model)}\n\n{_keys(model, told, of_all)}")
        if "parameters" in model.model_fields:
            parts += [f"Parameters of `{kind}`: {_parameters(kind)}" for kind in kinds]
    return "\n\n".join(parts)


def _maker(kind: str) -> Any:
    """The function of `js.scenarios` that makes games of a kind, as its name says; or nothing to tell."""
    named = (getattr(js.scenarios, form.format(kind), None) for form in ("{}", "{}_game", "random_{}_game"))
    makers = [thing for thing in named if inspect.isfunction(thing)]
    return makers[-1] if makers else None  # random coverage games, and not `coverage_game`


def _parameters(kind: str) -> str:
    """Names of the keyword arguments of a worked game."""
    return ", ".join(f"`{name}`" for name in inspect.signature(_maker(kind)).parameters) + "."


OF_EVERY_TABLE = docstrings.entries(spec.Table, "Attributes") | {
    "name": "as in tables and datasets; default the kind",
    "ties": "tie rule of this scenario; default that of `[run]`",
    "games": "how many games, with seeds `seed`, `seed` + 1 and so on",
    "seed": "of the first game",
    "parameters": "keyword arguments of the worked game, as a table `[scenario.parameters]`",
    "path": "of a game file, relative to the spec",
}


def _keys(model: Any, told: dict[str, str], leave_out: set[str] | None = None) -> str:
    """Keys of a table: what may stand there, what stands there by default, whether a list is an axis."""
    rows = []
    for key, field in model.model_fields.items():
        if key not in (leave_out or ()):
            axis = "no" if key in model.never_axes else "yes"
            meaning = (OF_EVERY_TABLE | told).get(key, "").removesuffix(".")
            rows.append([f"`{key}`", _type(field), _default(field), axis, meaning])
    return markdown(["key", "value", "default", "axis", "meaning"], rows)


def _type(field: FieldInfo) -> str:
    """What a value must be, in words."""
    limits = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    found = [
        f"{word} {getattr(limit, short)}"
        for limit in field.metadata
        for short, word in limits.items()
        if hasattr(limit, short)
    ]
    return ", ".join([_words(field.annotation), *found])


def _words(annotation: Any) -> str:
    """A type in words."""
    plain = {int: "whole number", float: "number", str: "text", bool: "true or false", Path: "path"}
    if annotation in plain:
        return plain[annotation]
    if get_origin(annotation) is Literal:
        return " or ".join(f'`"{value}"`' for value in get_args(annotation))
    parts = [part for part in get_args(annotation) if part is not type(None)]
    if get_origin(annotation) is list:
        return f"list of {_words(parts[0])}"
    if get_origin(annotation) is dict:
        return "table"
    return " or ".join(map(_words, parts[:1] if hasattr(annotation, "__metadata__") else parts))


def _default(field: FieldInfo) -> str:
    """A default as it would stand in the file."""
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ([], {}):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`".replace("'", '"')


# Commands ---------------------------------------------------------------------------------------------


def commands() -> str:
    """Every command with its arguments and options, as `--help` has them."""
    from jaxstack.cli import app

    parts = []
    for command in app.registered_commands:
        call: Any = command.callback
        hints = get_type_hints(call, include_extras=True).items()
        rows = [_option(name, hint, call) for name, hint in hints if hasattr(hint, "__metadata__")]
        name = command.name or call.__name__.replace("_", "-")
        table = markdown(["argument", "default", "meaning"], rows)
        parts.append(f"## jaxstack {name}\n\n{inspect.getdoc(call)}\n\n{table}")
    return "\n\n".join(parts)


def _option(name: str, hint: Any, call: Any) -> list[str]:
    """A row about an argument or option, by what Typer is told of it."""
    kind, told = hint.__origin__, hint.__metadata__[0]
    default = inspect.signature(call).parameters[name].default
    shown = "" if default in (None, False) else f"`{default}`"
    if isinstance(told, ArgumentInfo):
        required = default is inspect.Parameter.empty
        return [f"`{told.metavar or name.upper()}`", "needed" if required else shown, told.help]
    flag = bool in (kind, *get_args(kind))
    spelt = [name for name in (told.default, *(told.param_decls or ())) if isinstance(name, str)]
    names = ", ".join(f"`{spelling}`" for spelling in spelt or [f"--{name.replace('_', '-')}"])
    value = "" if flag else f" {_words(kind)}" if told.metavar is None else f" `{told.metavar}`"
    return [names + value, "" if flag else shown, told.help]


TABLES: dict[str, Callable[[], str]] = {
    made.__name__: made
    for made in (learners, speeds, methods, limits, run_keys, learner_keys, scenario_keys, commands)
}
