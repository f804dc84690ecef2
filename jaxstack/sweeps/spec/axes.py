"""Tables of a spec, in which a list where a single value is expected is an axis of the sweep."""

from __future__ import annotations

import collections
import itertools
import math
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from jaxstack.checks import did_you_mean


class Strict(BaseModel):
    """A model whose keys are all known, of the types that they must have, and that does not change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True)


class Axis(NamedTuple):
    """One axis of a sweep: a key with its values, or several keys whose values go hand in hand."""

    keys: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]  # one entry per label, with a value for every key


class Table(Strict):
    """A table of the file. A list where a single value is expected is an axis, and held as a tuple.

    Attributes:
      zip: groups of keys whose lists go hand in hand instead of being crossed.
    """

    zip: list[list[str]] = Field(default_factory=list)

    never_axes: ClassVar[frozenset[str]] = frozenset({"kind", "name", "zip"})

    @field_validator("*", mode="wrap")
    @classmethod
    def _lists_are_axes(cls, value: Any, validate: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        if not isinstance(value, list | tuple) or info.field_name in cls.never_axes:
            return validate(value)
        return tuple(validate(each) for each in some(value))

    @model_validator(mode="after")
    def _axes_are_sound(self) -> Self:
        lists = self.lists()
        zipped = collections.Counter(itertools.chain(*self.zip))
        for group in self.zip:
            if len(group) < 2:
                raise ValueError(f"zip {group}: name at least two keys that go hand in hand.")
            for key in group:
                if key not in lists:
                    raise ValueError(
                        f"zip {group}: {key!r} is not a list of this table.{did_you_mean(key, lists)} "
                        f"Lists: {', '.join(lists) or 'none'}."
                    )
                if zipped[key] > 1:
                    raise ValueError(f"zip: {key!r} is named twice; a key goes with one group.")
            lengths = {key: len(lists[key]) for key in group}
            if len(set(lengths.values())) > 1:
                told = ", ".join(f"{key} has {length}" for key, length in lengths.items())
                raise ValueError(f"zip {group}: lists that go hand in hand must be equally long, but {told}.")
        for axis in self.axes():
            values, times = collections.Counter(axis.values).most_common(1)[0]
            if times > 1:
                raise ValueError(
                    f"key '{'+'.join(axis.keys)}': {', '.join(map(repr, values))} is there {times} times; "
                    f"the values of an axis must differ."
                )
        return self

    def lists(self) -> dict[str, tuple[Any, ...]]:
        """The keys that are lists, with their values."""
        return {key: value for key, value in self if isinstance(value, tuple)}

    def axes(self) -> list[Axis]:
        """The axes that this table spans, in the order of its keys."""
        lists = self.lists()
        groups = {keys[0]: tuple(keys) for keys in self.zip}
        alone = set(lists) - set(itertools.chain(*self.zip))
        grouped = [groups.get(key, (key,)) for key in lists if key in groups or key in alone]
        return [Axis(keys, tuple(zip(*(lists[key] for key in keys), strict=True))) for keys in grouped]

    def num_points(self) -> int:
        """How many combinations of its axes' values there are."""
        return math.prod(len(axis.values) for axis in self.axes())

    def points(self) -> Iterator[Self]:
        """This table once for every combination of its axes' values, without lists."""
        axes = self.axes()
        for values in itertools.product(*(axis.values for axis in axes)):
            pairs = (zip(axis.keys, chosen, strict=True) for axis, chosen in zip(axes, values, strict=True))
            yield self.at(dict(itertools.chain(*pairs)))

    def at(self, values: dict[str, Any]) -> Self:
        """This table with single values in place of its lists."""
        return self.model_copy(update={**values, "zip": []})

    def content(self) -> dict[str, Any]:
        """Keys and values as in the file; what is None is left out."""
        values = {key: list(value) if isinstance(value, tuple) else value for key, value in self}
        return {key: value for key, value in values.items() if value is not None and (key != "zip" or value)}


def some(values: Any, what: str = "") -> Any:
    """`values` (of `what`, where an error would not say); raises ValueError where there are none."""
    if not values:
        raise ValueError(f"{what} is an empty list; an axis needs at least one value.".lstrip())
    return values
