"""The one way in which containers with static fields become pytrees."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, TypeVar, dataclass_transform

import jax
import numpy as np

_T = TypeVar("_T")


def static_field(**kwargs: Any) -> Any:
    """A dataclass field that is part of the tree structure (hashable), not a leaf."""
    return dataclasses.field(metadata={"static": True}, **kwargs)


@dataclass_transform(frozen_default=True, field_specifiers=(static_field, dataclasses.field))
def pytree_dataclass(cls: type[_T]) -> type[_T]:
    """Frozen dataclass registered as a pytree.

    `__post_init__` validates what a *person* constructs. JAX rebuilds containers around tracers and
    placeholders, so unflattening goes around `__init__` and validates nothing. Equality is identity:
    arrays have no truth value.
    """
    cls = dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    static = tuple(f.name for f in fields if f.metadata.get("static"))
    leaves = tuple(f.name for f in fields if not f.metadata.get("static"))

    def flatten(tree: _T) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return tuple(getattr(tree, k) for k in leaves), tuple(getattr(tree, k) for k in static)

    def flatten_with_keys(tree: _T) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        children, aux = flatten(tree)
        return tuple((jax.tree_util.GetAttrKey(k), v) for k, v in zip(leaves, children, strict=True)), aux

    def unflatten(aux: tuple[Any, ...], children: Iterable[Any]) -> _T:
        tree = object.__new__(cls)
        for name, value in zip(leaves + static, (*children, *aux), strict=True):
            object.__setattr__(tree, name, value)
        return tree

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    if "__repr__" not in cls.__dict__:
        cls.__repr__ = _short_repr  # type: ignore[method-assign]
    return cls


def _short_repr(tree: Any) -> str:
    """Field names with dtype and shape in place of array contents."""

    def brief(value: Any) -> str:
        if hasattr(value, "dtype") and hasattr(value, "shape"):
            return f"{value.dtype}[{','.join(map(str, value.shape))}]"
        return repr(value)

    body = ", ".join(f"{f.name}={brief(getattr(tree, f.name))}" for f in dataclasses.fields(tree))
    return f"{type(tree).__name__}({body})"


def is_traced(*values: Any) -> bool:
    """True when any leaf is a tracer, so that nothing about its numbers can be checked."""
    try:
        leaves = jax.tree.leaves(values)
    except (RecursionError, SystemError, TypeError):  # lists nested without end, or no tree at all
        return False
    return any(isinstance(leaf, jax.core.Tracer) for leaf in leaves)


def set_field(tree: Any, name: str, value: Any) -> None:
    """Set a field of a frozen dataclass from within its own `__post_init__`."""
    object.__setattr__(tree, name, value)


def host_float64(value: Any) -> np.ndarray:
    """A float64 NumPy array of `value`, copied so that a caller's later writes cannot reach it."""
    array = np.array(value, dtype=np.float64)
    array.setflags(write=False)
    return array
