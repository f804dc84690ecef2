"""What MkDocs calls while it makes the site: pages from the code, from notebooks and from other folders.

Nothing is executed but the import of jaxstack: notebooks and results are shown as they were committed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import latex2mathml.converter
import reference
import tables
from mkdocs.structure.files import File, Files

import notebooks

ROOT = Path(__file__).resolve().parents[2]
SHOWN = (  # files outside of docs/ that pages link to; in the site they keep their path
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "experiments/pictures/*.png",
    "experiments/results/*",
    "jaxstack/sweeps/default.toml",
    "notebooks/*.ipynb",
)
MADE = re.compile(r"^<!-- made: (\w+) -->$", re.MULTILINE)
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s]+)(?=\))")
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_config(config: Any) -> Any:
    """Adds the reference to the navigation: a page for every room there is."""
    for section in config.nav:
        entries = next(iter(section.values())) if isinstance(section, dict) else ()
        for entry in entries:
            if "API reference" in entry:
                entry["API reference"] = [
                    {f"jaxstack.{room}": f"api/{room}.md"} for room in reference.rooms()
                ]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Adds pages that are made, and files of other folders."""
    for room, members in reference.rooms().items():
        files.append(File.generated(config, f"api/{room}.md", content=reference.page_of(room, members)))
    for path, content in _shown():
        files.append(File.generated(config, path, content=content))
    return files


def _shown() -> Iterator[tuple[str, str | bytes]]:
    """Path and content of files outside of docs/; of a notebook, those of its page and pictures."""
    for file in sorted(file for pattern in SHOWN for file in ROOT.glob(pattern)):
        path = file.relative_to(ROOT)
        if file.suffix == ".ipynb":
            text, pictures = notebooks.page_of(file.read_text(encoding="utf-8"), file.stem)
            yield str(path.with_suffix(".md")), text
            yield from ((str(path.with_name(name)), picture) for name, picture in pictures.items())
        else:
            yield str(path), file.read_bytes() if file.suffix != ".md" else file.read_text(encoding="utf-8")


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Puts tables in their places, and links that lead out of docs/ on what the site has there."""
    markdown = MADE.sub(lambda found: f"\n{tables.TABLES[found[1]]()}\n", markdown)
    of_docs = not page.file.generated_by
    folder = posixpath.join("docs" if of_docs else "", posixpath.dirname(page.file.src_uri))

    def moved(found: re.Match[str]) -> str:
        target, hash_sign, anchor = found[1].partition("#")
        path = posixpath.normpath(posixpath.join(folder, target)).removeprefix("docs/")
        if path.endswith(".ipynb"):
            path = path.removesuffix(".ipynb") + ".md"
        return posixpath.relpath(path, posixpath.dirname(page.file.src_uri) or ".") + hash_sign + anchor

    return LINK.sub(moved, markdown)


def on_page_content(html: str, page: Any, config: Any, files: Files) -> str:
    """Formulas as MathML, which browsers draw by themselves."""
    return FORMULA.sub(lambda found: latex2mathml.converter.convert(_plain(found[2])), html)


def _plain(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()
