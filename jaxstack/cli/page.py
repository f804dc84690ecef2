"""`jaxstack report`: one page about a folder of results."""

from __future__ import annotations

import warnings
from pathlib import Path

from rich.console import Console
from rich.text import Text

from jaxstack.terminal import Terminal
from jaxstack.writing import write_file


def write_page(folder: Path, out: Path, reference: str | None, console: Console) -> None:
    """Write the page about a folder, and tell of files in it that are damaged."""
    import jaxstack
    from jaxstack import memory
    from jaxstack.page import page
    from jaxstack.report import require_writable

    if out.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{out}: a report's name must end in .html.")
    if not folder.is_dir():
        raise ValueError(
            f"{folder}: not a folder. `jaxstack report` takes the folder that a run has written."
        )
    require_writable(out.parent)
    with warnings.catch_warnings(record=True) as damages:
        warnings.simplefilter("always", UserWarning)
        results = jaxstack.load_results(folder)
    for damage in damages:
        Terminal(stderr=True).print(Text(f"Warning: {damage.message}"), soft_wrap=True)
    write_file(out, page(results, f"Results in {folder.resolve().name}", reference))
    console.print(Text(f"Written to {out}: {memory.readable(out.stat().st_size)}"))
