"""Which method suits a game: decided in milliseconds, from how many regions and programs it would take."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from jaxstack.axes import Bool
from jaxstack.game import Game
from jaxstack.regions.estimate import estimate_regions
from jaxstack.solvers import milp
from jaxstack.strategies.framing import on_frame
from jaxstack.ties import equal_actions

MAX_SECONDS = 5.0  # for a region table
MAX_VERTICES = 4_000_000  # of all its regions
MAX_PROGRAMS = 3_000  # linear programs, of a millisecond or a few each
MAX_VARIABLES = 20_000  # of a mixed-integer program that ends in seconds, if not in all games
HARD_MAPS, HARD_REGIONS = 2**28, 2**13  # from which on it runs for minutes
_PER_PROGRAM, _PER_VARIABLE = 1e-3, 1e-3  # seconds, the latter at most
_SAMPLES = 4096  # commitments looked at
_SECONDS_PER_VERTEX, _SECONDS_PER_PAIR = 5e-6, 1.2e-7  # of enumeration; pairs of vertices of one region
_SECONDS_PER_TRIPLE = 1e-9  # of vertices that share more facets than they need to, in strategy sets


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What the methods would have to do for a game; orders of magnitude.

    Attributes:
      maps: response maps, A^(n K), exact.
      regions: best-response regions, rather too low (`jaxstack.regions.estimate`), times the maps that equal
        actions make of one.
      vertices: of all regions together.
      seconds: for a region table, on one core.
      crowded: do more facets meet at vertices of the strategy set than its dimension?
    """

    maps: int
    regions: float
    vertices: float
    crowded: bool = False

    @property
    def seconds(self) -> float:
        per_region = self.vertices / self.regions
        per_vertex = _SECONDS_PER_VERTEX + _SECONDS_PER_PAIR * per_region
        if self.crowded:
            per_vertex += _SECONDS_PER_TRIPLE * per_region**2
        return self.vertices * per_vertex

    def __str__(self) -> str:
        return f"at least about {_readable(self.regions)} regions with {_readable(self.vertices)} vertices"


def estimate(game: Game) -> Estimate:
    """How large the region table of one game would be, from 4,096 sampled commitments."""
    n, K, _, A = np.shape(game.follower)
    dimension, walls, corners, crowded = game.dimension, 0, 0, False
    if game.strategies is not None:
        frame = game.strategies.frame
        walls = len(frame.walls)
        if frame.vertices is not None and frame.incidence is not None:
            # Coverage games have regions with three to four times the vertices of the whole set.
            corners = 4 * len(frame.vertices)
            crowded = bool((frame.incidence.sum(axis=1) > dimension).any())
    playable = np.ones((n, K, A), bool) if game.playable is None else game.playable
    maps = math.prod(playable.sum(axis=-1).ravel().tolist())
    regions = float(estimate_regions(game, _SAMPLES))
    same = _equal_actions(game).sum(axis=-1).max(axis=-1).ravel()  # each of equal actions is a map
    regions = min(float(min(maps, 10**300)), regions * float(np.prod(same.astype(float))))
    # A simple polytope with m + 1 facets more than dimensions has about the vertices of a product of m + 1
    # simplices, and no more than a cube where many hyperplanes meet.
    parts = int((playable.sum(axis=-1) - 1).sum()) + 1 + walls
    log_vertices = min(dimension * math.log(2.0), parts * math.log1p(dimension / parts))
    of_region = max(dimension + 1.0, corners, math.exp(min(log_vertices, 300.0)))
    return Estimate(maps, regions, regions * of_region, crowded)


def choose(
    game: Game, ties: str, time_limit: float | None = None, no_table: str | None = None
) -> tuple[str, str]:
    """The method for one game, and why.

    Args:
      game: one game.
      ties: "optimistic" or "robust".
      time_limit: seconds; None for no limit.
      no_table: why there cannot be a table, if that is known already.
    """
    guess = estimate(game)
    seconds = math.inf if time_limit is None else time_limit
    if no_table is None and game.strategies is not None and game.strategies.vertices is None:
        no_table = "the strategy set has too many vertices to list"
    if no_table is None and guess.vertices <= MAX_VERTICES and guess.seconds <= min(MAX_SECONDS, seconds):
        return "vertices", f"{guess}: a region table is soon made"
    not_a_table = f"{guess} are too many for a table" if no_table is None else f"no table ({no_table})"
    n, K, _, A = np.shape(game.follower)
    programs = min(float(min(guess.maps, 2**62)), guess.regions) * A * math.sqrt(n * K)
    variables = milp.num_variables(game)
    hard = guess.maps > HARD_MAPS and guess.regions > HARD_REGIONS and variables == milp.num_products(game)
    if ties == "robust" and _has_equal_actions(game):
        other = "a mixed-integer program promises too much of followers' equal actions"
    elif variables > MAX_VARIABLES:
        other = f"a mixed-integer program would take {_readable(variables)} variables"
    elif hard:
        other = f"a mixed-integer program would search {_readable(guess.maps)} response maps"
    else:
        other = ""
    if programs <= MAX_PROGRAMS and (other or programs * _PER_PROGRAM < variables * _PER_VARIABLE):
        return "programs", f"{not_a_table}, but few regions for one linear program each"
    if not other:
        return "milp", f"{not_a_table}, and {variables:,} variables are few for a mixed-integer program"
    return "walk", (
        f"{not_a_table} or for a linear program each, and {other}: the value is a lower bound. "
        f"method='programs' or 'milp' may prove more, given a time_limit"
    )


def _equal_actions(game: Game) -> Bool[np.ndarray, "n K A A"]:
    """Which actions of a type are equal to which of its others, and to themselves."""
    equal = equal_actions(on_frame(game))
    if game.playable is not None:
        equal = equal & game.playable[..., None] & game.playable[..., None, :]
    return equal


def _has_equal_actions(game: Game) -> bool:
    return bool((_equal_actions(game).sum(axis=-1) > 1).any())


def _readable(number: float | int) -> str:
    """A count, to two digits where it is large."""
    if number < 10_000:
        return f"{number:,.0f}"
    return f"{float(f'{number:.1e}'):,.0f}" if number < 10**12 else f"10^{math.log10(number):.0f}"
