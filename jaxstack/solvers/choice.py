"""Which method suits a game: decided in milliseconds, from the numbers of regions and programs it would take."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from jaxstack.game import Game
from jaxstack.solvers import milp

MAX_VERTICES = 4_000_000  # of a region table: seconds
MAX_PROGRAMS = 3_000  # linear programs, of a millisecond or a few each
MAX_VARIABLES = 20_000  # of a mixed-integer program that ends in seconds, if not in all games
_SAMPLES = 4096  # commitments looked at
_VERTICES_PER_SECOND = 300_000


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What the methods would have to do for a game; orders of magnitude.

    Attributes:
      maps: response maps, A^(n K), exact.
      regions: best-response regions; from how many distinct maps a sample of commitments meets, once and
        twice (Chao 1984), and so rather too low.
      vertices: of all regions together.
      seconds: for a region table.
    """

    maps: int
    regions: float
    vertices: float

    @property
    def seconds(self) -> float:
        return self.vertices / _VERTICES_PER_SECOND

    def __str__(self) -> str:
        return f"about {_readable(self.regions)} regions with {_readable(self.vertices)} vertices"


def estimate(game: Game) -> Estimate:
    """How large the region table of one game would be, from 4,096 sampled commitments.

    Source: Chao, Nonparametric estimation of the number of classes in a population, Scand. J. Statist. 1984.
    """
    n, K, L, A = np.shape(game.follower)
    maps = A ** (n * K)
    rng = np.random.default_rng(0)
    count = max(64, min(_SAMPLES, 2**25 // (n * K * A)))
    # Small regions sit near the faces, where a uniform sample rarely is.
    points = np.concatenate([rng.dirichlet(np.full(L, spread), count // 2) for spread in (1.0, 0.3)])
    responses = np.empty((len(points), n * K), np.int64)
    for j, payoffs in enumerate(np.asarray(game.follower).reshape(n * K, L, A)):
        responses[:, j] = (points @ payoffs).argmax(axis=1)
    _, times = np.unique(responses, axis=0, return_counts=True)
    once, twice = int((times == 1).sum()), int((times == 2).sum())
    regions = min(float(maps) if maps < 10**300 else math.inf, len(times) + once * (once - 1) / (2 * (twice + 1)))
    # A region has about as many vertices as a cube; the simplex alone has L.
    return Estimate(maps, regions, regions * max(float(L), 2.0 ** min(L, 60)))


def choose(game: Game, ties: str) -> tuple[str, str]:
    """The method for one game, and why."""
    guess = estimate(game)
    if guess.vertices <= MAX_VERTICES:
        return "vertices", f"{guess}: a region table is soon made"
    n, K, L, A = np.shape(game.follower)
    programs = min(float(guess.maps), guess.regions) * A * math.sqrt(n * K)
    if programs <= MAX_PROGRAMS:
        return "programs", f"{guess} are too many for a table, but few regions for one linear program each"
    variables = milp.num_variables(game)
    if ties == "optimistic" and variables <= MAX_VARIABLES:
        return "milp", f"{guess} are too many for a table, and {variables:,} variables are few for a program"
    return "ascent", (
        f"{guess} are too many for a table or for a linear program each, and "
        + (
            f"a mixed-integer program would take {_readable(variables)} variables; "
            if ties == "optimistic"
            else "a mixed-integer program knows no robust ties; "
        )
        + "so the value is a lower bound. method='programs' or 'milp' may prove more, with a time_limit"
    )


def _readable(number: float | int) -> str:
    """A count, to two digits where it is large."""
    if number < 10_000:
        return f"{number:,.0f}"
    return f"{float(f'{number:.1e}'):,.0f}" if number < 10**12 else f"10^{math.log10(number):.0f}"
