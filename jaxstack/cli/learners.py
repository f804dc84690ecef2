"""`--learners`: who is compared, and the modules that learners of one's own are imported from.

Only what a person types here is imported: a name in a spec never is.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxstack.cli.running import read_spec

if TYPE_CHECKING:  # the commands import what they need, so that `--help` answers soon
    from jaxstack.learners import Learner
    from jaxstack.learners.outside import Offer
    from jaxstack.sweeps.spec import Spec


class Compared(NamedTuple):
    """What `--learners` says.

    Attributes:
      names: of the learners to compare.
      offers: learners of modules, by name.
      only_modules: no learner was named by itself.
    """

    names: list[str]
    offers: dict[str, Offer]
    only_modules: bool


def wanted_spec(source: Path | None, learners: str | None, **settings: Any) -> Spec:
    """What a file asks for (see `read_spec`), with what a person has said beside it.

    Args:
      source: spec or game file, or None for the built-in spec.
      learners: as typed: names, MODULE or MODULE:FACTORY, separated by commas.
      settings: of `[run]`; None keeps what the file says.

    Raises:
      ValueError: a mistake in the file, in the settings, or in what is named or imported.
      OSError: a file cannot be read.
    """
    from jaxstack.learners import offered

    compared = Compared([], {}, True) if learners is None else read_learners(learners)
    with offered(compared.offers):
        spec = read_spec(source)
        return spec.replace_run(learners=_choice(compared, spec), **settings)


def read_learners(text: str, option: str = "--learners") -> Compared:
    """What is meant by `--learners`: a known name is that learner, all else is imported.

    Raises:
      ValueError: neither a learner nor a module, or a module without learners.
    """
    from jaxstack.learners import ROSTER, outside

    known = {*ROSTER, *outside.installed()}
    names: list[str] = []
    offers: dict[str, Offer] = {}
    parts = list(dict.fromkeys(part.strip() for part in text.split(",")))
    for part in parts:
        if part in known:
            names.append(part)
            continue
        for name, offer in _of_module(part, option).items():
            if name in offers:
                sources = " and ".join(sorted({offers[name].source, offer.source}))
                raise ValueError(f"{option}: two learners are called {name!r}, of {sources}. Name one.")
            offers[name] = offer
            names.append(name)
    return Compared(names, offers, only_modules=not known.intersection(parts))


def one_learner(text: str) -> Learner:
    """The learner of a name, or of MODULE:FACTORY.

    Raises:
      ValueError: as `read_learners`, or several learners.
    """
    from jaxstack.learners import by_name, offered

    compared = read_learners(text, "--learner")
    if len(compared.names) != 1:
        raise ValueError(f"--learner takes one learner, but {text!r} names {', '.join(compared.names)}.")
    with offered(compared.offers):
        return by_name(compared.names[0])


def _choice(compared: Compared, spec: Spec) -> list[str] | None:
    """Names to compare, or None where those of the spec stand: it names learners of the modules itself."""
    if not compared.names:
        return None
    told = {table.name for table in spec.learners()}
    return None if compared.only_modules and told & set(compared.offers) else compared.names


def _of_module(part: str, option: str) -> dict[str, Offer]:
    """The learners of a module: its `LEARNERS`, or the one factory that is named after a colon."""
    from jaxstack.learners.outside import offers_of

    name, _, attribute = part.partition(":")
    module = _imported(name, part, option)
    place = f"module {name} ({getattr(module, '__file__', None) or 'no file'})"
    if attribute and not hasattr(module, attribute):
        raise ValueError(
            f"{option} {part}: {place} has no {attribute!r}. After the colon stands a function "
            f"without required arguments that returns a Learner."
        )
    if not attribute and not hasattr(module, "LEARNERS"):
        raise ValueError(
            f"{option} {part}: {place} does not say which learners it has. Write LEARNERS = [my_learner] "
            f"into it, a list of functions that return a Learner, or name one: {option} {name}:my_learner"
        )
    return offers_of([getattr(module, attribute)] if attribute else module.LEARNERS, place)


def _imported(name: str, part: str, option: str) -> Any:
    """The module, found as Python finds modules, or else in the current folder."""
    if not all(word.isidentifier() for word in name.split(".")) or name.endswith(".py"):
        of_file = name.endswith(".py") or "/" in name or os.sep in name
        hint = f"Of a file, give the module's name alone: {option} {Path(name).stem}" if of_file else ""
        raise _unknown(part, hint)
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())  # last: a file here stands in for no module of others
    try:
        return importlib.import_module(name)
    except Exception as error:  # whatever somebody else's code raises
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and f"{name}.".startswith(f"{missing}."):
            hint = f"There is no module {missing!r} either, in the current folder or where Python looks."
            raise _unknown(part, hint) from None
        raise ValueError(
            f"{option}: module {name} cannot be imported: {type(error).__name__}: {error}. Where: the same "
            f"command with --traceback behind jaxstack."
        ) from error


def _unknown(part: str, hint: str) -> ValueError:
    """What to say of a part that is neither a learner nor a module."""
    from jaxstack import checks
    from jaxstack.learners import ROSTER, outside

    try:
        checks.one_of("learner", part, (*ROSTER, *outside.installed()))
    except ValueError as error:
        return ValueError(f"{error} {hint}".strip())
    raise AssertionError(part)
