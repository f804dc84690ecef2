"""A person's mistakes, told in one message."""

from __future__ import annotations

import contextlib
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import typer
from rich.text import Text

from jaxstack.terminal import Terminal


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """In place of Python's own, which shows a line of code, and texts of files as they are."""
    Terminal(stderr=True).print(Text(f"Warning: {message}"), soft_wrap=True)


def in_full(context: typer.Context) -> bool:
    """Whether a person wants to see where in the code an error was noticed."""
    return bool(context.find_root().params.get("traceback"))


@contextlib.contextmanager
def clean_errors(context: typer.Context) -> Iterator[None]:
    """A person's mistake becomes one message on standard error and exit status 2."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            yield
    except (ValueError, OSError, MemoryError, ImportError) as error:
        console = Terminal(stderr=True)
        if in_full(context):
            console.print(Text(traceback.format_exc()), soft_wrap=True)
            raise typer.Exit(2) from None
        of_file = isinstance(error, OSError) and error.filename
        message = f"{error.filename}: {error.strerror}" if of_file else str(error)  # type: ignore[union-attr]
        message = message or f"{type(error).__name__}, without a word of why"
        console.print(Text("Error: ", style="bold red") + Text(message), soft_wrap=True)
        raise typer.Exit(2) from None
