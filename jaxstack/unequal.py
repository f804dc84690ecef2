"""Followers with types and actions of their own: nested lists and masks as one array and one mask.

Inside, every follower has K types and A actions, and a mask says which there are. Payoffs of what there is
not are held as a neutral number: those of the type's first action, so that they make no difference that is
not there already. A type that a follower does not have counts as one that always plays action 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxstack import checks
from jaxstack._pytree import host_float64
from jaxstack.axes import Bool, Float, Int


class Followers(NamedTuple):
    """Follower payoffs [n, K, L, A], and who has which actions [n, K, A]; None where all have all.

    sizes: [n], actions that each follower's payoffs list, whether some type has them or not.
    """

    payoffs: Float[np.ndarray, "n K L A"]
    available: Bool[np.ndarray, "n K A"] | None
    sizes: Int[np.ndarray, "n"]


def is_ragged(value: Any, depth: int) -> bool:
    """Whether lists, nested to `depth` everywhere, differ in length somewhere: then they are no array."""
    return _depth(value, depth) == depth and _shape(value, depth) is None


def _depth(value: Any, most: int) -> int:
    """How deeply lists or arrays are nested everywhere, as far as `most`."""
    if not isinstance(value, list | tuple) or most == 0:
        return min(len(getattr(value, "shape", ())), most)
    return 1 + min((_depth(entry, most - 1) for entry in value), default=most - 1)


def _shape(value: Any, depth: int) -> tuple[int, ...] | None:
    """The first `depth` lengths of nested lists or an array; None where they are not the same everywhere."""
    if not isinstance(value, list | tuple) or depth == 0:
        return tuple(getattr(value, "shape", ()))[:depth]
    inner = {_shape(entry, depth - 1) for entry in value}
    if len(inner) > 1 or None in inner:
        return None
    return (len(value), *(inner.pop() if inner else ()))  # type: ignore[misc]


def followers(payoffs: Any, available: Any, name: str = "follower payoffs") -> Followers:
    """What a person says of followers, as arrays.

    Args:
      payoffs: [n, K, L, A], or lists [n][K_i][L][A_i].
      available: None, or bool [n, K, A], or lists [n][K_i][A_i]: True where a type has an action.

    Raises:
      ValueError: shapes that disagree, numbers that are not finite, a type without an action.
    """
    if not is_ragged(payoffs, 4):
        if available is None:
            table = checks.finite_array(name, payoffs, "n K L A")
            return Followers(table, None, np.full(len(table), table.shape[3]))
        table = checks.converted_array(name, payoffs, "n K L A")
        if table.ndim != 4 or not table.size:
            checks.finite_array(name, table, "n K L A")  # says what is wrong
        counts = np.full(len(table), table.shape[1])
        sizes = np.full(len(table), table.shape[3])
        mask = _mask(available, counts, sizes, given_types=False)
    else:
        blocks = _blocks(name, payoffs)
        counts = np.array([len(own) for own in blocks])
        sizes = np.array([own[0].shape[1] for own in blocks])
        table = np.zeros((len(blocks), counts.max(), len(blocks[0][0]), sizes.max()))
        mask = np.zeros((len(blocks), counts.max(), sizes.max()), bool)
        for i, own in enumerate(blocks):
            table[i, : counts[i], :, : sizes[i]] = own
            mask[i, : counts[i], : sizes[i]] = True
        if available is not None:
            mask = _mask(available, counts, sizes, given_types=True)
    table = checks.finite_array(name, held(table, mask), "n K L A")
    return Followers(table, None if mask.all() else frozen(mask), sizes)


def held(payoffs: Float[np.ndarray, "n K L A"], mask: Bool[np.ndarray, "n K A"]) -> np.ndarray:
    """Payoffs with those of each type's first action in the place of actions that it does not have.

    Types that there are not have payoff 0.
    """
    first = np.take_along_axis(payoffs, mask.argmax(axis=2)[:, :, None, None], axis=3)
    result = np.where(mask[:, :, None], payoffs, first)
    result[~mask.any(axis=2)] = 0.0
    return host_float64(result)


def _blocks(name: str, payoffs: Any) -> list[list[np.ndarray]]:
    """[L, A_i] of every type of every follower, given as nested lists of unequal lengths."""
    blocks: list[list[np.ndarray]] = []
    for i, own in enumerate(payoffs):
        if not isinstance(own, Sequence | np.ndarray) or isinstance(own, str) or not len(own):
            raise ValueError(
                f"{name} are lists [n][K_i][L][A_i], one list of types for every follower, but "
                f"follower {i} has {checks.brief(own)}. Give it at least one type: [[L][A_i]]."
            )
        blocks.append([])
        for k, block in enumerate(own):
            own_name = f"{name} of follower {i}, type {k}"
            table = checks.converted_array(own_name, block, "L A")
            if table.ndim != 2 or not table.size:
                checks.finite_array(own_name, table, "L A")  # says what is wrong
            blocks[i].append(table)
            if len(table) != len(blocks[0][0]):
                raise ValueError(
                    f"{own_name} have shape {table.shape} [L, A], but those of "
                    f"follower 0, type 0 are for L = {len(blocks[0][0])} leader actions. All have one leader."
                )
            if table.shape[1] != blocks[i][0].shape[1]:
                raise ValueError(
                    f"{own_name} have shape {table.shape} [L, A], but its type 0 has "
                    f"{blocks[i][0].shape[1]} actions. Types of one follower share its list of actions; give "
                    f"all of them payoffs, and say with available=[n][K_i][A_i] which a type does not have."
                )
    return blocks


def _mask(
    available: Any, counts: Int[np.ndarray, "n"], sizes: Int[np.ndarray, "n"], given_types: bool
) -> Bool[np.ndarray, "n K A"]:
    """The mask of a person, checked; with `given_types` every one of counts[i] types must have an action."""
    n, K, A = len(counts), int(counts.max()), int(sizes.max())
    if not isinstance(available, list | tuple | np.ndarray) and not hasattr(available, "__array__"):
        available = [available]  # says below what is wrong
    if len(np.shape(available) if hasattr(available, "shape") else available) == 0 or len(available) != n:
        raise ValueError(
            f"available must have one entry for each of n = {n} followers, [n, K, A] bool or lists "
            f"[n][K_i][A_i], but {checks.brief(available)} arrived."
        )
    is_array = not is_ragged(available, 3)
    mask = np.zeros((n, K, A), bool)
    for i, own in enumerate(available):
        rows = list(own) if isinstance(own, list | tuple | np.ndarray) or hasattr(own, "__array__") else []
        few = len(rows) < counts[i] and (given_types or is_array)
        if not rows or few or len(rows) > (K if is_array else counts[i]):
            raise ValueError(
                f"available must say for every type of follower {i} which actions it has, {counts[i]} rows, "
                f"but {checks.brief(own)} arrived. Its axes are [n, K, A], or [n][K_i][A_i]."
            )
        for k, row in enumerate(rows):
            mask[i, k, : len(np.atleast_1d(row))] = _row(row, i, k, int(sizes[i]), A)
        _check_types_have_actions(mask[i], i, len(rows) if not is_array else int(counts[i] * given_types))
    return mask


def _row(row: Any, i: int, k: int, size: int, padded: int) -> np.ndarray:
    """Which actions one type has."""
    values = np.asarray(row)
    if values.dtype != bool or values.ndim != 1 or len(values) not in (size, padded):
        raise ValueError(
            f"available of follower {i}, type {k} must be {size} of True and False, one for each action, but "
            f"{checks.brief(row)} arrived. Compare numbers to get them: mask > 0."
        )
    if values[size:].any():
        raise ValueError(
            f"available gives follower {i}, type {k} an action {size + int(values[size:].argmax())}, but "
            f"follower payoffs have only {size} actions of follower {i}."
        )
    return values


def _check_types_have_actions(mask: Bool[np.ndarray, "K A"], i: int, num_given: int) -> None:
    """Raise ValueError where a type that follower i has is left without an action."""
    has = np.asarray(mask.any(axis=1))
    last = int(np.flatnonzero(has)[-1]) + 1 if has.any() else 1
    without = np.flatnonzero(~has[: max(last, num_given)])
    if len(without):
        raise ValueError(
            f"available leaves follower {i}, type {without[0]} without an action. Every type needs at least "
            f"one; types that a follower does not have come last in an array, and are False throughout."
        )


def frozen(mask: np.ndarray) -> np.ndarray:
    """`mask`, read-only."""
    mask = np.array(mask, bool)
    mask.setflags(write=False)
    return mask


def unequal_tables(name: str, tables: Any) -> tuple[np.ndarray, tuple[int, ...]]:
    """Lists [n][L][A_i] of numbers as [n, L, A], the last entries of a row repeated, and A_1, .., A_n.

    Raises:
      ValueError: tables that are none, or that disagree on L.
    """
    own = [checks.finite_array(f"{name} of follower {i}", table, "L A") for i, table in enumerate(tables)]
    for i, table in enumerate(own):
        if len(table) != len(own[0]):
            raise ValueError(
                f"{name} of follower {i} has shape {table.shape} [L, A_i], but that of follower 0 is for "
                f"L = {len(own[0])} leader actions. All have the same leader."
            )
    sizes = tuple(table.shape[1] for table in own)
    wider = [np.pad(table, [(0, 0), (0, max(sizes) - table.shape[1])], mode="edge") for table in own]
    return np.stack(wider), sizes if len(set(sizes)) > 1 else ()


def padded_lists(name: str, value: Any, axes: str, depth: int) -> Any:
    """Lists [..][K_i] of numbers, nested to `depth`, filled up with zeros to equal length; an array as it is.

    Raises:
      ValueError: lists that differ in length before the last axis.
    """
    if not is_ragged(value, depth):
        return value
    if depth > 2:
        inner = [padded_lists(f"{name}, entry {i}", entry, axes, depth - 1) for i, entry in enumerate(value)]
        rows = [checks.converted_array(f"{name}, entry {i}", entry, axes) for i, entry in enumerate(inner)]
        width = max((row.shape[-1] for row in rows if row.ndim), default=0)
        if len({row.shape[:-1] for row in rows}) > 1:
            raise ValueError(
                f"{name} must have axes [{axes}], of which only the last may differ in length, but entries "
                f"have shapes {sorted({row.shape for row in rows})}."
            )
        return np.stack(
            [np.pad(row, [(0, 0)] * (row.ndim - 1) + [(0, width - row.shape[-1])]) for row in rows]
        )
    letter = axes.split()[-1]
    rows = [checks.finite_array(f"{name} of follower {i}", row, letter) for i, row in enumerate(value)]
    width = max(len(row) for row in rows)
    return host_float64([np.pad(row, (0, width - len(row))) for row in rows])
