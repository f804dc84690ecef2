"""The document of a game file: its fields, what they must hold, and the containers that they become."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from jaxstack import checks
from jaxstack._pytree import host_float64
from jaxstack.distributions import IndependentTypes, JointTypes, MixtureTypes, TypeDistribution
from jaxstack.game import Game, check_types
from jaxstack.payoffs import AnonymousPayoff, LeaderPayoff, SeparablePayoff, TabularPayoff
from jaxstack.scenarios.files import names
from jaxstack.sequences import SequenceTypes
from jaxstack.strategies import Polytope
from jaxstack.typed_payoffs import TypedPayoff
from jaxstack.unequal import is_ragged, padded_lists

FORMAT, VERSION = "jaxstack-game", 1


@dataclasses.dataclass(frozen=True)
class GameFile:
    """A game, its types, and what they stand for.

    Attributes:
      game: one game.
      types: distribution of its types.
      title, description, source: free text; where the numbers come from.
      leader_names: [L], the leader's actions in words, or None.
      follower_names: [n], or None.
      type_names: [K] that followers share, or [n][K_i], or None.
      action_names: followers' actions in words, [A] that they share, or [n][A_i], or None.
    """

    game: Game
    types: TypeDistribution
    title: str | None = None
    description: str | None = None
    source: str | None = None
    leader_names: tuple[str, ...] | None = None
    follower_names: tuple[str, ...] | None = None
    type_names: names.OfFollowers | None = None
    action_names: names.OfFollowers | None = None

    def types_of(self, follower: int) -> list[str]:
        """Of the types that a follower has, their names or "type 0", "type 1", ..."""
        count = int(self.game.types_by_follower[follower])
        return names.of_follower(self.type_names, follower, count, "type")

    def actions_of(self, follower: int) -> list[str]:
        """Of the actions that a follower has, their names or "action 0", "action 1", ..."""
        count = int(self.game.actions_by_follower[follower])
        return names.of_follower(self.action_names, follower, count, "action")

    def labels(self) -> dict[str, Any]:
        """Texts and names, as `save_game` takes them."""
        return {name: getattr(self, name) for name in (*_NAMES, "title", "description", "source")}


def _nested(depth: int) -> BeforeValidator:
    """Numbers in lists that may differ in length, nested to a depth: what they are made into checks them."""
    return BeforeValidator(lambda value: value if is_ragged(value, depth) else _numbers(value))


def _truths(value: Any) -> Any:
    """A mask as nested lists of truth values, or as an array of 0 and 1."""
    if isinstance(value, np.ndarray):
        if not np.isin(value, (0, 1)).all():
            raise ValueError("must be 0 or 1 everywhere")
        return value == 1
    if not isinstance(value, list | None):
        raise ValueError(f"must be nested lists of true and false, but {checks.brief(value)} arrived")
    return value


def _numbers(value: Any) -> np.ndarray:
    """Float64 array of nested lists of numbers (no strings, no truth values), or of a numeric array."""
    if not isinstance(value, list | np.ndarray) and type(value) not in (int, float):
        raise ValueError(f"must be nested lists of numbers, but {checks.brief(value)} arrived")
    try:
        return checks.real_array(value)
    except ValueError as error:
        raise ValueError(f"must be nested lists of numbers, but {error}") from error


def text_of(value: str) -> str:
    """`value`, if it can be written out (half of a surrogate pair cannot)."""
    value.encode()
    return value


Numbers = Annotated[Any, BeforeValidator(_numbers)]
OfFollowers = Annotated[Any, BeforeValidator(names.words_of_followers)]
Text = Annotated[str, AfterValidator(text_of)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Tabular(_Strict):
    kind: Literal["tabular"]
    table: Numbers

    def build(self) -> LeaderPayoff:
        return TabularPayoff(self.table)


class _Separable(_Strict):
    kind: Literal["separable"]
    table: Annotated[Any, _nested(3)]

    def build(self) -> LeaderPayoff:
        return SeparablePayoff(self.table)


class _Anonymous(_Strict):
    kind: Literal["anonymous"]
    table: Numbers
    num_followers: int = 0  # needed when A = 1 alone

    def build(self) -> LeaderPayoff:
        return AnonymousPayoff(self.table, num_followers=self.num_followers)


class _TabularByType(_Strict):
    kind: Literal["tabular_by_type"]
    table: Numbers

    def build(self) -> LeaderPayoff:
        return TypedPayoff.tabular(self.table)


class _SeparableByType(_Strict):
    kind: Literal["separable_by_type"]
    table: Annotated[Any, _nested(4)]

    def build(self) -> LeaderPayoff:
        return TypedPayoff.separable(self.table)


class _AnonymousByType(_Strict):
    kind: Literal["anonymous_by_type"]
    table: Numbers
    num_followers: int = 0  # needed when K A = 1 alone
    num_types: int

    def build(self) -> LeaderPayoff:
        return TypedPayoff(AnonymousPayoff(self.table, num_followers=self.num_followers), self.num_types)


class _Polytope(_Strict):
    """{x : G x <= h, E x = f}; either part may be left out where it is empty."""

    kind: Literal["polytope"]
    G: Numbers | None = None
    h: Numbers | None = None
    E: Numbers | None = None
    f: Numbers | None = None

    def build(self) -> Polytope:
        return Polytope(self.G, self.h, self.E, self.f)


class _Joint(_Strict):
    kind: Literal["joint"]
    probabilities: Numbers

    def build(self) -> TypeDistribution:
        return _keeping_bits(JointTypes(self.probabilities), self.probabilities)


class _Independent(_Strict):
    kind: Literal["independent"]
    probabilities: Annotated[Any, _nested(2)]

    def build(self) -> TypeDistribution:
        return _keeping_bits(IndependentTypes(self.probabilities), self.probabilities)


class _Mixture(_Strict):
    kind: Literal["mixture"]
    weights: Numbers
    probabilities: Annotated[Any, _nested(3)]

    def build(self) -> TypeDistribution:
        mixture = MixtureTypes(self.weights, self.probabilities)
        return _keeping_bits(mixture, self.weights, self.probabilities)


class _Sequence(_Strict):
    """Types of rounds [T0, n], in their order ("once", "cyclic") or drawn at random ("resampled")."""

    kind: Literal["sequence"]
    rounds: Numbers
    num_types: int
    order: Literal["once", "cyclic", "resampled"] = "once"

    def build(self) -> TypeDistribution:
        if self.order == "resampled":
            return SequenceTypes(self.rounds, self.num_types).empirical()
        return SequenceTypes(self.rounds, self.num_types, self.order)


class _Document(_Strict):
    format: Literal["jaxstack-game"]
    version: Literal[1]
    title: Text | None = None
    description: Text | None = None
    source: Text | None = None
    leader_names: list[Text] | None = None
    follower_names: list[Text] | None = None
    type_names: OfFollowers | None = None
    action_names: OfFollowers | None = None
    leader_payoff: Annotated[
        _Tabular | _Separable | _Anonymous | _TabularByType | _SeparableByType | _AnonymousByType,
        Field(discriminator="kind"),
    ]
    follower_payoffs: Annotated[Any, _nested(4)]
    strategies: _Polytope | None = None
    available: Annotated[Any, BeforeValidator(_truths)] = None
    types: Annotated[_Joint | _Independent | _Mixture | _Sequence, Field(discriminator="kind")]


_Known = dict[Any, tuple[str, tuple[str, ...]]]  # kind and fields of each class, or of a class within one

PAYOFFS: _Known = {
    TabularPayoff: ("tabular", ("table",)),
    SeparablePayoff: ("separable", ("table",)),
    AnonymousPayoff: ("anonymous", ("table", "num_followers")),
    (TypedPayoff, TabularPayoff): ("tabular_by_type", ("table",)),
    (TypedPayoff, SeparablePayoff): ("separable_by_type", ("table",)),
    (TypedPayoff, AnonymousPayoff): ("anonymous_by_type", ("table", "num_followers", "num_types")),
}
TYPES: _Known = {
    JointTypes: ("joint", ("probabilities",)),
    IndependentTypes: ("independent", ("probabilities",)),
    MixtureTypes: ("mixture", ("weights", "probabilities")),
    SequenceTypes: ("sequence", ("rounds", "num_types", "order")),
}
STRATEGIES: _Known = {Polytope: ("polytope", ("G", "h", "E", "f"))}
_KINDS = {kind for kind, _ in (*PAYOFFS.values(), *TYPES.values())}
_NAMES = ("leader_names", "follower_names", "type_names", "action_names")


def fields_of(value: Any, known: _Known) -> dict[str, Any]:
    """A payoff, a type distribution or a strategy set as its part of the document."""
    key = (TypedPayoff, type(value.moves)) if isinstance(value, TypedPayoff) else type(value)
    if key not in known:
        classes = dict.fromkeys((c[0] if isinstance(c, tuple) else c).__name__ for c in known)
        raise ValueError(f"a file can hold {', '.join(classes)}, but {type(value).__name__} arrived.")
    kind, fields = known[key]
    arrays = {name: getattr(value, name) for name in fields}
    return {"kind": kind} | {
        name: array if isinstance(array, int | str) else _stored(array)
        for name, array in arrays.items()
        if np.size(array)
    }


def _stored(array: Any) -> np.ndarray:
    """Whole numbers as they are, all others as float64."""
    array = np.asarray(array)
    return array if array.dtype.kind == "i" else array.astype(np.float64)


def _keeping_bits(types: TypeDistribution, *stored: Any) -> TypeDistribution:
    """`types` with the stored probabilities, where construction changed no more than their rounding.

    Dividing by a sum of 1 - 1e-16 would give other last bits in every file that is loaded and saved again.
    """
    leaves, structure = jax.tree.flatten(types)
    kept = []
    for mine, leaf in zip(stored, leaves, strict=True):
        table = np.asarray(padded_lists("probabilities", mine, "n K", leaf.ndim), np.float64)
        table = np.pad(table, [(0, large - own) for large, own in zip(leaf.shape, table.shape, strict=True)])
        kept.append(host_float64(table) if np.allclose(table, leaf, rtol=1e-14, atol=0) else leaf)
    return jax.tree.unflatten(structure, kept)


def validate(path: Path, document: Any) -> _Document:
    """The document with every field checked."""
    if not isinstance(document, dict):
        raise ValueError(
            f"{path}: a game file is one object of fields, but {checks.brief(document)} arrived."
        )
    for field, expected in (("format", FORMAT), ("version", VERSION)):
        arrived = document.get(field)
        if type(arrived) is not type(expected) or arrived != expected:
            raise ValueError(
                f"{path}: field {field!r} must be {expected!r} (this version of jaxstack reads no other), "
                f"but {checks.brief(arrived) if field in document else 'nothing'} arrived."
            )
    try:
        return _Document.model_validate(document)
    except ValidationError as error:
        found = error.errors()
        problems = [_explain(problem) for problem in found[:5]]
        more = [f"... and {len(found) - 5:,} more."] if len(found) > 5 else []
        raise ValueError("\n".join(f"{path}: {line}" for line in problems + more)) from None


def _explain(problem: Any) -> str:
    """One line about one field."""
    where = [part for i, part in enumerate(problem["loc"]) if not (i == 1 and part in _KINDS)]
    field = ""
    for part in where:
        field += f"[{part}]" if isinstance(part, int) else f".{part}" if field else str(part)
    if problem["type"] == "missing":
        return f"field {field!r} is missing."
    if problem["type"] == "extra_forbidden":
        known = (
            list(_Document.model_fields)
            if len(where) == 1
            else ["table", "weights", "probabilities", "rounds", "num_types", "order", "G", "h", "E", "f"]
        )
        return f"unknown field {field!r}.{checks.did_you_mean(str(where[-1]), known)}"
    if problem["type"].startswith("union_tag"):
        given = problem["input"].get("kind", "nothing") if isinstance(problem["input"], dict) else "nothing"
        known = [kind for kind, _ in (PAYOFFS if field == "leader_payoff" else TYPES).values()]
        return f"field '{field}.kind' must be one of {', '.join(known)}, but {checks.brief(given)} arrived."
    if problem["type"] == "value_error":
        return f"field {field!r}: {problem['ctx']['error']}."
    return f"field {field!r}: {problem['msg']}, but {checks.brief(problem['input'])} arrived."


def build(path: Path, document: _Document) -> GameFile:
    """The containers of a document."""
    with _naming(path, "leader_payoff"):
        leader = document.leader_payoff.build()
    with _naming(path, "strategies"):
        strategies = None if document.strategies is None else document.strategies.build()
    with _naming(path, "follower_payoffs"):
        game = Game(leader, document.follower_payoffs, strategies, document.available)
    with _naming(path, "types"):
        types = document.types.build()
        check_types(game, types)
    labels = {field: getattr(document, field) for field in (*_NAMES, "title", "description", "source")}
    return file_of(game, types, labels, f"{path}: ")


def file_of(game: Game, types: TypeDistribution, labels: dict[str, Any], where: str = "") -> GameFile:
    """A game with its labels.

    Raises:
      ValueError: a batch of games, types of another game, or another number of names than the game has.
    """
    if game.num_games is not None:
        raise ValueError(f"a file holds one game, but {game!r} arrived; save unstack(game, i) one by one.")
    check_types(game, types)
    try:
        words = names.checked(game, {field: labels.get(field) for field in _NAMES})
    except ValueError as error:
        raise ValueError(f"{where}{error}") from error
    return GameFile(game, types, **{**labels, **words})


@contextlib.contextmanager
def _naming(path: Path, field: str) -> Iterator[None]:
    """Put the file and the field in front of what a constructor complains about."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path}: field {field!r}: {error}") from error
