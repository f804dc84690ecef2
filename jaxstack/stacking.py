"""Batches: games, type distributions and tables with a leading axis G."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import jax
import numpy as np

from jaxstack import checks
from jaxstack.distributions import TypeDistribution
from jaxstack.strategies.sets_of_games import StrategySets, together

_Stackable = TypeVar("_Stackable")


def stack(trees: Sequence[_Stackable]) -> _Stackable:
    """G games (or type distributions, tables, or other containers) as one batch with a leading axis G.

    Games of one L and one kind of payoff may differ in followers, types and actions, type distributions and
    tables too: all are padded to the largest (`Game.available` says what is real; followers who are added
    have no choice). Their strategy sets may differ. Stack the games and their types in the same order.

    Raises:
      ValueError: no list, an empty one, or members of different kinds or numbers of leader actions.
    """
    checks.instance("what is stacked", trees, Iterable, "Pass a list: jaxstack.stack([game, ...]).")
    trees = _of_one_shape(list(trees))
    if not trees:
        raise ValueError("stack needs at least one member, but an empty list arrived.")

    def describe(tree: Any) -> tuple[Any, list[tuple[int, ...]]]:
        return jax.tree.structure(tree), [np.shape(leaf) for leaf in jax.tree.leaves(tree)]

    expected = describe(trees[0])
    for position, tree in enumerate(trees):
        if describe(tree) != expected:
            raise ValueError(
                f"stack needs members of one kind and one number of leader actions, but member {position} is "
                f"{tree!r} and member 0 is {trees[0]!r}. Handle games of other kinds separately."
            )
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def _of_one_shape(trees: list[Any]) -> list[Any]:
    """Members of one kind in arrays of one shape, if they say how; the others as they are."""
    kinds = {type(tree) for tree in trees}
    if len(kinds) != 1 or not hasattr(trees[0], "padded_to"):
        return trees
    if hasattr(trees[0], "strategies"):
        trees = together(trees)
    sizes = [tree.padded_sizes for tree in trees]
    if len(set(sizes)) == len({jax.tree.structure(tree) for tree in trees}) == 1:
        return trees
    largest = tuple(max(axis) for axis in zip(*sizes, strict=True))
    return [tree.padded_to(*largest) for tree in trees]


def unstack(batch: _Stackable, index: int) -> _Stackable:
    """Member `index` of a stacked batch.

    Raises:
      ValueError: a single game, distribution or table: there is nothing to pick from.
    """
    if isinstance(batch, TypeDistribution):
        single = batch.marginals().ndim == 2
    else:
        single = getattr(batch, "num_games", ()) is None
    if single:
        raise ValueError(f"unstack needs a stacked batch, but {batch!r} is a single one. Use it as it is.")

    def pick(part: Any) -> Any:
        return part.sets[index] if isinstance(part, StrategySets) else part[index]

    return jax.tree.map(pick, batch, is_leaf=lambda part: isinstance(part, StrategySets))
