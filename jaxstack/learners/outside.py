"""Learners that are not the package's own: installed packages offer some, a caller hands over others.

A package offers a learner by an entry point, whose name is the learner's and whose object is a factory
without required arguments:

```toml
[project.entry-points."jaxstack.learners"]
my_learner = "my_package.my_module:my_learner"
```

It is imported when a learner of that name is asked for, and not before. What a caller hands over (`offered`)
comes as objects: no text of a file makes anything be imported.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.metadata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from jaxstack import bounds, checks
from jaxstack.learners.contract import Learner

GROUP = "jaxstack.learners"
"""Of the entry points of installed packages."""

Factory = Callable[[], Learner]
Offered = Mapping[str, "Learner | Factory | Offer"] | Iterable["Learner | Factory"]


@dataclasses.dataclass(frozen=True)
class Offer:
    """A learner by name, made when it is first asked for, in every process by itself.

    It is pickled as its factory is: by reference to a module where it stands in one.

    Attributes:
      name: the learner's.
      factory: called without arguments.
      source: where it comes from, as messages call it.
    """

    name: str
    factory: Factory
    source: str

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.factory, self.source)

    @functools.cached_property
    def learner(self) -> Learner:
        """The learner.

        Raises:
          ValueError: the factory fails, or makes no learner of this name.
        """
        learner = _made(self.factory, f"learner {self.name!r} of {self.source}")
        if learner.name != self.name:
            raise ValueError(
                f"{self.source} offers a learner as {self.name!r}, but its name is {learner.name!r}: results "
                f"are told apart by it. Offer it as {learner.name!r}, or make it with name={self.name!r}."
            )
        return learner


@dataclasses.dataclass(frozen=True)
class _Ready:
    """Factory of a learner that is there already; a class, so that it travels to other processes."""

    learner: Learner

    def __call__(self) -> Learner:
        return self.learner


# --- what a caller hands over ---

_given: ContextVar[Mapping[str, Offer]] = ContextVar("learners that a caller has handed over", default={})  # noqa: B039 (never changed)


@contextlib.contextmanager
def offered(learners: Offered) -> Iterator[None]:
    """Within it, `by_name` and everything that names learners know these too.

    A `Spec` keeps the learners that it was made with: it can be used outside.

    Args:
      learners: factories or learners by name, or a list of them.

    Raises:
      ValueError: as `offers_of`.
    """
    token = _given.set({**_given.get(), **offers_of(learners)})
    try:
        yield
    finally:
        _given.reset(token)


def given() -> Mapping[str, Offer]:
    """What is offered here, by name."""
    return _given.get()


def offers_of(learners: Offered, source: str = "learners") -> dict[str, Offer]:
    """Offers by name, each made once to see that it can be.

    Args:
      learners: factories or learners by name, or a list of them.
      source: what messages call it.

    Raises:
      ValueError: no learners, one that cannot be made, two of one name, or a name of the package's own.
    """
    if isinstance(learners, Mapping):
        pairs: list[tuple[Any, Any]] = list(learners.items())
    elif isinstance(learners, Iterable) and not isinstance(learners, str | bytes):
        pairs = [(None, each) for each in learners]
    else:
        raise ValueError(
            f"{source}: a mapping from names to learners or their factories was expected, or a list of "
            f"them, but {checks.brief(learners)} arrived."
        )
    offers: dict[str, Offer] = {}
    for name, entry in pairs:
        offer = _offer(name, entry, source)
        if offer.name in offers:
            raise ValueError(f"{source}: two learners are called {offer.name!r}; rename one of them.")
        _require_free(offer.name, source)
        offers[offer.name] = offer
    return offers


def _offer(name: str | None, entry: Any, source: str) -> Offer:
    if isinstance(entry, Offer):
        return entry
    if isinstance(entry, Learner):
        entry = _Ready(entry)
    elif not callable(entry):
        raise ValueError(
            f"{source}: a learner or its factory was expected"
            f"{'' if name is None else f' for {checks.brief(name)}'}, but {checks.brief(entry)} arrived."
        )
    if name is None:
        told = getattr(entry, "__qualname__", checks.brief(entry))
        name = _made(entry, f"{told} of {source}").name
    offer = Offer(name, entry, source)
    offer.learner  # noqa: B018 (to be told now of what is wrong)
    return offer


def _made(factory: Factory, what: str) -> Learner:
    """What a factory makes, if it is a learner."""
    try:
        learner = factory()
    except Exception as error:  # whatever somebody else's code raises
        raise ValueError(
            f"{what}: its factory, called without arguments, raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(learner, Learner):
        raise ValueError(
            f"{what}: a factory that returns a jaxstack.learners.Learner was expected, but "
            f"{checks.brief(learner)} was returned."
        )
    if not isinstance(learner.name, str) or not learner.name:
        raise ValueError(f"{what}: a learner's name must be a text, but {learner.name!r} arrived.")
    if learner.theorem is not None:
        checks.one_of(f"theorem of {what}:", learner.theorem, bounds.THEOREMS)
    return learner


def _require_free(name: str, source: str) -> None:
    """Raise ValueError where a name is that of one of the package's own learners."""
    from jaxstack.learners import ROSTER  # which stands above this module

    if name in ROSTER:
        raise ValueError(
            f"{source} offers a learner {name!r}, but this is the name of one of jaxstack's own, and results "
            f"are told apart by it. Give yours another name."
        )


# --- what installed packages offer ---


@functools.cache
def _entry_points() -> dict[str, tuple[importlib.metadata.EntryPoint, ...]]:
    """Entry points of installed packages by name; nothing of theirs is imported. Read once in a process."""
    found: dict[str, tuple[importlib.metadata.EntryPoint, ...]] = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        found[point.name] = (*found.get(point.name, ()), point)
    return found


def installed() -> Iterable[str]:
    """Names of the learners that installed packages offer."""
    return _entry_points().keys()


def require_own(name: str) -> None:
    """Raise ValueError where an installed package offers a learner under a name of the package's own."""
    if name in _entry_points():
        _require_free(name, _source(_entry_points()[name]))


@functools.cache
def of_package(name: str) -> Learner:
    """The learner that an installed package offers under this name.

    Raises:
      ValueError: several packages do, it cannot be imported, or what is there makes no such learner.
    """
    points = _entry_points()[name]
    source = _source(points)
    if len(points) > 1:
        raise ValueError(f"several packages offer a learner {name!r}: {source}. Uninstall all but one.")
    try:
        factory = points[0].load()
    except Exception as error:  # whatever somebody else's code raises
        raise ValueError(
            f"learner {name!r} of {source} cannot be imported: {type(error).__name__}: {error}. Mend or "
            f"uninstall that package; learners of others are not touched by it."
        ) from error
    return _offer(name, factory, source).learner


def _source(points: Iterable[importlib.metadata.EntryPoint]) -> str:
    """Packages in words, with where in them a learner stands."""
    return ", ".join(
        sorted(
            f"the installed package {'of unknown name' if point.dist is None else repr(point.dist.name)} "
            f"({point.value})"
            for point in points
        )
    )
