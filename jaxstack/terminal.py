"""What a person sees on a terminal: the one place where text leaves."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from jaxstack.reading import printable


class Terminal(Console):
    """A console that spells out control characters in all that it is told to print (`reading.printable`).

    Names, titles and messages come from files that others wrote. What the console itself sends to move the
    cursor and to colour stays as it is.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))
