"""Executed notebooks as Markdown pages: what was committed is shown, nothing runs."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any


def page_of(notebook: str, name: str) -> tuple[str, dict[str, bytes]]:
    """A notebook's text as Markdown, and its pictures by file name.

    Args:
      notebook: JSON.
      name: begins the names of the pictures.
    """
    pictures: dict[str, bytes] = {}
    parts = []
    for cell in json.loads(notebook)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            parts += _shown(output, name, pictures)
    return "\n\n".join(parts) + "\n", pictures


def _shown(output: dict[str, Any], name: str, pictures: dict[str, bytes]) -> Iterator[str]:
    """One output: a picture where there is one, or else its text."""
    data = output.get("data", {})
    if "image/png" in data:
        file = f"{name}-{len(pictures) + 1}.png"
        pictures[file] = base64.b64decode(data["image/png"])
        yield f"![Picture drawn by the code above]({file})"
        return
    text = "".join(output.get("text", data.get("text/plain", ""))).rstrip()
    if text:
        yield f"```text\n{text}\n```"
