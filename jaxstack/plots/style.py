"""What all pictures share: colours, line styles, number formats, legends."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

INK = "#222222"
MUTED = "#555555"

Style = tuple[str, Any, str]  # colour, dashes, marker

# One style per learner, the same in every picture, whichever learners it shows.
LEARNER_STYLES: dict[str, Style] = {
    "erm_joint": ("#0072B2", "-", "o"),
    "erm_product": ("#E69F00", (0, (5, 2)), "s"),
    "region_ucb": ("#009E73", (0, (6, 2, 1.5, 2)), "^"),
    "oful": ("#D55E00", (0, (1.5, 1.5)), "D"),
    "uniform": ("#999999", (0, (8, 3)), "v"),
    "explore_then_commit": ("#CC79A7", (0, (4, 1.5, 1, 1.5, 1, 1.5)), "P"),
    "oracle": ("#56B4E9", (0, (3, 1)), "X"),
}
# Whatever else is drawn; the marker alone tells them apart, too.
OTHER_STYLES: tuple[Style, ...] = (
    ("#000000", (0, (2, 2)), "p"),
    ("#CC79A7", (0, (3, 1, 1, 1)), "<"),
    ("#56B4E9", (0, (7, 1)), ">"),
    ("#882255", (0, (1, 1)), "d"),
    ("#44AA99", (0, (9, 2, 2, 2)), "h"),
    ("#DDAA33", (0, (4, 1)), "*"),
)
# Areas: neighbours differ in lightness, and all in their hatching.
AREA_STYLES = (
    ("#0072B2", ""),
    ("#E69F00", "//"),
    ("#56B4E9", "\\\\"),
    ("#D55E00", ".."),
    ("#F0E442", "xx"),
    ("#009E73", "--"),
    ("#CC79A7", "||"),
)


def _colours(name: str, *stops: str) -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list(name, stops)


# Light to deep blue, so that orange to dark red paths are seen on all of it, with any colour vision.
UTILITY_COLOURS = _colours("utility", "#F7FBFF", "#D6E6F4", "#ABCFE5", "#6AAED6", "#3787C0", "#1F6FB0")
TIME_COLOURS = _colours("time", "#FFD27F", "#FDAE3C", "#F0701F", "#C8310F", "#7F0000", "#2B0000")
ORDER_COLOURS = _colours("order", "#E9A03B", "#C8553D", "#8E3B76", "#4B2E83", "#1B1340")
VALUE_COLOURS = _colours("value", "#FFF8E5", "#F6D48C", "#EC9F5A", "#CE5A57", "#8C2D63", "#43185B")


def line_styles(labels: Sequence[Any], ordered: bool = False) -> list[Style]:
    """A style for every line: a learner's own, or one that no other line of the picture has.

    A label that is none of the package's learners gets the style that its letters choose, so that it looks
    the same in every picture; where that one is taken, the next.

    Args:
      labels: of the lines.
      ordered: they are numbers in order, and their colours run from light to dark.
    """
    if ordered:
        shades = ORDER_COLOURS(np.linspace(0, 1, len(labels)))
        marked = tuple(LEARNER_STYLES.values()) + OTHER_STYLES
        return [(shade, *marked[p % len(marked)][1:]) for p, shade in enumerate(shades)]
    taken = {LEARNER_STYLES[label] for label in labels if label in LEARNER_STYLES}
    spare = [style for style in LEARNER_STYLES.values() if style not in taken]
    free: list[Style] = []
    chosen: dict[Any, Style] = {}
    for label in labels:
        if label in LEARNER_STYLES or label in chosen:
            continue
        free = free or [*OTHER_STYLES, *spare]  # with more lines than styles, once more
        first = zlib.crc32(str(label).encode()) % len(OTHER_STYLES)
        turn = [*OTHER_STYLES[first:], *OTHER_STYLES[:first], *spare]
        chosen[label] = next(style for style in turn if style in free)
        free.remove(chosen[label])
    return [LEARNER_STYLES.get(label) or chosen[label] for label in labels]


def line_options(style: Style) -> dict[str, Any]:
    """Keyword arguments of `Axes.plot`."""
    colour, dashes, marker = style
    return {
        "color": colour,
        "linestyle": dashes,
        "linewidth": 1.9,
        "marker": marker,
        "markersize": 5.5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.7,
    }


def tidy(axes: Axes) -> None:
    """Grid behind the data, open frame, readable ticks."""
    axes.grid(color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=10)


def finish(
    figure: Figure, handles: Sequence[Any], labels: Sequence[str], title: str | None, **legend: Any
) -> None:
    """Legend below everything, where it hides nothing; title above, as plain text."""
    if handles:
        options = {"loc": "outside lower center", "frameon": False, "fontsize": 10.5, **legend}
        figure.legend(handles, labels, **options)
    if title:
        width = int(figure.get_figwidth() * 10.5)  # letters
        figure.suptitle(wrapped(title, width), fontsize=12.5, color=INK, parse_math=False)


def wrapped(text: str, letters: int) -> str:
    """A text in lines of about so many letters: broken at spaces and behind underscores, never in a word."""
    lines = [""]
    for piece in re.split(r"(?<=[\s_])", text):
        if lines[-1] and len((lines[-1] + piece).rstrip()) > letters:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def columns(figure: Figure, labels: Sequence[str], widest: int = 3) -> int:
    """How many columns of legend entries fit side by side; entries fill a column before the next."""
    for count in range(min(widest, len(labels)), 1, -1):
        rows, longer = divmod(len(labels), count)
        ends = np.cumsum([rows + (column < longer) for column in range(count)])
        groups = np.split(np.array([len(label) for label in labels]), ends[:-1])
        inches = sum(0.75 + 0.085 * group.max() for group in groups if len(group))
        if inches < figure.get_figwidth():
            return count
    return 1


def literal(text: str, longest: int = 48) -> str:
    """Text of somebody else as matplotlib must take it: no formulas, not longer than a legend bears."""
    short = text if len(text) <= longest else text[: longest - 1] + "…"
    return short.replace("\\$", "$").replace("$", r"\$")


def number(value: float, spec: str = ",.4g") -> str:
    """A number in words, with a minus sign that is one."""
    return format(value, spec).replace("-", "\N{MINUS SIGN}")


def thousands(value: float, position: float | None = None) -> str:
    """A tick label; for matplotlib, which also passes the position of the tick."""
    return number(value, ",.0f" if abs(value) >= 1000 else ",.4g")


BANDS = "± 2 standard errors over draws of types"
"""What bands and bars show, games held fixed."""


def colour_scale(norm: Normalize, cmap: Any) -> Any:
    """What a colour bar is drawn from."""
    from matplotlib.cm import ScalarMappable

    return ScalarMappable(norm, cmap)


def marks(x: np.ndarray, shift: float, log: bool) -> list[int]:
    """Indices of about seven marked points, evenly spread on the axis, staggered between curves."""
    if len(x) < 2:
        return [0] if len(x) else []
    scale = np.log(x) if log else x.astype(float)
    step = (scale[-1] - scale[0]) / 7
    targets = scale[0] + step * (np.arange(7) + 0.25 + 0.75 * shift)
    return sorted({int(np.abs(scale - target).argmin()) for target in targets})
