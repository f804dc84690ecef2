"""Number of best-response regions of random games against n^L K^L A^(2L)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

import jaxstack as js
from experiments.claims import (
    COLOURS,
    Check,
    Claim,
    Curve,
    at_most,
    by_panel,
    curve,
    errorbars,
    interval,
    line,
    panels,
    power_fit,
    shared_legend,
)
from jaxstack.plots.style import MUTED

CLAIM = Claim(
    number=7,
    title="The number of best-response regions grows no faster than n^L K^L A^2L",
    source="bound on the number of non-empty regions",
    varied="n, K, A, one at a time, at L = 2..5 (random games; the others are 2)",
    remedy="larger sizes and more games",
)
LETTERS = {"n": "num_followers", "K": "num_types", "A": "num_actions"}
WORDS = {"n": "followers $n$", "K": "types per follower $K$", "A": "actions per follower $A$"}
RANGES = {
    "full": {
        2: {"n": (2, 8, 32, 128, 512), "K": (2, 8, 32, 128), "A": (2, 4, 8, 16, 32)},
        3: {"n": (2, 4, 8, 16, 32, 64), "K": (2, 4, 8, 16, 32), "A": (2, 4, 8, 16)},
        4: {"n": (2, 4, 8, 16), "K": (2, 4, 8, 12), "A": (2, 4, 6, 8)},
        5: {"n": (2, 3, 4, 6, 8), "K": (2, 3, 4, 6), "A": (2, 3, 4)},
    },
    "quick": {
        2: {"n": (2, 8, 32, 128), "K": (2, 8, 32), "A": (2, 4, 8, 16)},
        3: {"n": (2, 4, 8, 16), "K": (2, 4, 8, 16), "A": (2, 4, 8)},
        4: {"n": (2, 4, 8), "K": (2, 4, 6), "A": (2, 3, 4)},
        5: {"n": (2, 3, 4), "K": (2, 3, 4), "A": (2, 3)},
    },
    "toy": {2: {"n": (2, 4), "K": (2, 4), "A": (2, 3)}, 3: {"n": (2, 4), "K": (2, 4), "A": (2, 3)}},
}
GAMES = {"full": 64, "quick": 16, "toy": 3}


class Counts(NamedTuple):
    """Regions along one axis."""

    leader: int
    letter: str
    sizes: np.ndarray  # [P]
    regions: np.ndarray  # [P, G, 1]
    bound: np.ndarray  # [P]


def collect(size: str) -> list[Counts]:
    """Enumerate the games of a size."""
    found = []
    for leader, axes in RANGES[size].items():
        for letter, sizes in axes.items():
            cells = [_games(leader, LETTERS[letter], value, GAMES[size]) for value in sizes]
            regions = [js.enumerate_regions(js.stack(games)).num_regions for games in cells]
            bound = [js.bounds.num_regions(games[0]) for games in cells]
            counts = np.array(regions, float)[..., None]
            found.append(Counts(leader, letter, np.array(sizes, float), counts, np.array(bound, float)))
    return found


def _games(leader: int, key: str, value: int, count: int) -> list[js.Game]:
    sizes = dict.fromkeys(LETTERS.values(), 2) | {"num_leader_actions": leader, key: value}
    # Regions are the followers' matter: the cheapest leader payoff and types will do.
    return [
        js.scenarios.random_game(seed, payoff="separable", types="independent", **sizes)[0]
        for seed in range(count)
    ]


def measure(data: list[Counts]) -> list[Check]:
    """Exponents against those of the bound, and the level against the bound."""
    checks = []
    for counts in data:
        power = counts.leader * (2 if counts.letter == "A" else 1)
        fit = power_fit(counts.sizes, counts.regions)
        what = f"L = {counts.leader}: exponent of {counts.letter}"
        checks.append(Check.of_fit(what, fit, at_most(power)))
    largest = [interval(lambda m, b=c.bound: (m / b).max(axis=1), c.regions) for c in data]
    worst = max(largest, key=lambda share: share.value)
    checks.append(Check("regions / n^L K^L A^2L, largest of all sizes", worst, at_most(1)))
    return checks


def curves(data: list[Counts]) -> list[Curve]:
    """Regions against n, K and A; and how the bound grows from the first point."""
    drawn = []
    for letter in LETTERS:
        for counts in (counts for counts in data if counts.letter == letter):
            name = f"L = {counts.leader}"
            drawn.append(curve(letter, name, counts.sizes, counts.regions))
            moved = counts.bound * drawn[-1].y[0] / counts.bound[0]
            drawn.append(line(letter, f"{name}, bound", counts.sizes, moved))
    return drawn


def draw(curves: list[Curve]) -> Figure:
    """Regions against n, K and A."""
    figure, axes = panels(3)
    for axis, (letter, drawn) in zip(axes, by_panel(curves).items(), strict=True):
        for number, (each, bound) in enumerate(zip(drawn[::2], drawn[1::2], strict=True)):
            errorbars(axis, each, marker="o^sD"[number], color=COLOURS[number])
            axis.plot(bound.x, bound.y, ":", color=COLOURS[number])
        axis.set(xscale="log", yscale="log", xlabel=WORDS[letter], ylabel="best-response regions")
    axes[0].plot([], [], ":", color=MUTED, label="growth of the bound from the first point on")
    shared_legend(figure, columns=3)
    return figure
