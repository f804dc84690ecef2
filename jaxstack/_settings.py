"""Settings of JAX that a person's program may have, and that must neither change a number nor stop a run."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import jax

_P = ParamSpec("_P")
_T = TypeVar("_T")

_used_jax = False  # in this process, by this package
_forked_after_use = False


def _after_fork() -> None:
    global _forked_after_use
    _forked_after_use = _forked_after_use or _used_jax


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@contextlib.contextmanager
def pinned() -> Iterator[None]:
    """All that decides a number set as this package means it, and no guard against what it does on purpose.

    Random bits are those of partitionable threefry, products have full precision, and infinities (bounds of
    what was never tried) and transfers of host tables are meant. The default float type stays the user's.

    Raises:
      RuntimeError: this process was forked from one that had used JAX, whose threads a fork does not copy.
    """
    global _used_jax
    if _forked_after_use:
        raise RuntimeError(
            "this process was forked from one in which JAX had been used, and JAX does not survive a fork. "
            "Start processes by spawn: multiprocessing.get_context('spawn')."
        )
    _used_jax = True
    with (
        jax.threefry_partitionable(True),
        jax.default_prng_impl("threefry2x32"),
        jax.default_matmul_precision("highest"),
        jax.debug_infs(False),
        jax.transfer_guard("allow"),
    ):
        yield


def with_pinned_settings(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """`function`, run under `pinned`."""

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with pinned():
            return function(*args, **kwargs)

    return call
