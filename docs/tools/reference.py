"""Pages of the API reference: a page for every room of the package, found from what is public."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import jaxstack as js

LEAD = ("game", "payoffs", "typed_payoffs", "distributions", "strategies", "regions", "value", "solvers")
"""The first rooms that a reader meets; the others follow by the alphabet."""


def rooms() -> dict[str, dict[str, str]]:
    """All that is public, by the module right under `jaxstack` that defines it: name as written by path."""
    found: dict[str, dict[str, str]] = {}
    everything = {name: getattr(js, name) for name in js.__all__}
    # What stands in the package itself first: it is named by that, and not by its module.
    for public, thing in sorted(everything.items(), key=lambda item: isinstance(item[1], ModuleType)):
        if isinstance(thing, ModuleType):
            members = [(member, f"js.{public}.{member.__name__}") for member in _members(thing)]
        else:
            members = [(thing, f"js.{public}")]
        for member, name in members:
            path = _path(member)
            found.setdefault(path.split(".")[1], {}).setdefault(path, name)
    return {room: found[room] for room in sorted(found, key=_order)}


def _order(room: str) -> tuple[int, str]:
    return (LEAD.index(room) if room in LEAD else len(LEAD), room)


def _path(thing: Any) -> str:
    """Where a class or function is defined."""
    inner = inspect.unwrap(thing)
    return f"{inner.__module__}.{inner.__qualname__}"


def _members(module: ModuleType) -> list[Any]:
    """Public classes and functions of a module: those of its `__all__`, or else those defined in it."""
    listed = getattr(module, "__all__", None)
    names = [name for name in vars(module) if not name.startswith("_")] if listed is None else listed
    things = [thing for thing in (getattr(module, name) for name in names) if _is_documented(thing)]
    return [thing for thing in things if listed is not None or thing.__module__ == module.__name__]


def _is_documented(thing: object) -> bool:
    return inspect.isclass(thing) or inspect.isroutine(thing) or hasattr(thing, "__wrapped__")


def page_of(room: str, members: dict[str, str]) -> str:
    """Markdown of one room: its module's text, then each of its members."""
    blocks = [f"# jaxstack.{room}\n", _block(f"jaxstack.{room}", members="false", show_root_heading="false")]
    return "\n".join([*blocks, *(_block(path, heading=name) for path, name in members.items())])


def _block(path: str, **options: str) -> str:
    """What mkdocstrings makes the documentation of."""
    lines = [f"::: {path}", "    options:", *(f"      {key}: {value}" for key, value in options.items())]
    return "\n".join(lines) + "\n"
