"""Whether a game is played with a table of its regions: decided by the game alone, not by the machine."""

from __future__ import annotations

import warnings

from jaxstack.game import Game, unstack
from jaxstack.learners.contract import Learner
from jaxstack.regions import RegionTable, enumerate_regions
from jaxstack.regions.clipping import LARGE
from jaxstack.regions.corners import corner_work
from jaxstack.solvers.choice import estimate
from jaxstack.strategies.sets_of_games import StrategySets

MAX_REGIONS = 1_000_000
MAX_VERTICES = 10_000_000  # of all regions: every round of most learners looks at each
MAX_SECONDS = 60.0


def table_of(game: Game, ties: str = "optimistic") -> RegionTable | None:
    """Regions of a game or of a batch of games; None, and a warning, where they are too many for a table.

    Which of the two depends on no machine, so that results by the same name are of the same kind.

    Raises:
      ValueError: ties are "robust" and there is no table, without which nobody knows what they are.
      MemoryError: the table would fit elsewhere, but not here.

    Warns:
      UserWarning: there is no table.
    """
    why = _too_large(game)
    if not why:
        try:
            return enumerate_regions(game, ties=ties, max_regions=MAX_REGIONS)
        except MemoryError as error:
            error.add_note("table=False plays without a region table (learners that can: erm_joint, ..).")
            raise
        except ValueError as error:  # more regions than a sample let expect
            why = str(error).partition(";")[0].partition(": ")[0]
    require_optimistic(ties, why)
    warnings.warn(
        f"playing without a region table: {why}. Learners search for their commitments, and regret is "
        f"against the best one known (`RegretCurve.optimum_gap` says how much better another may be).",
        stacklevel=2,
    )
    return None


def require_optimistic(ties: str, why: str) -> None:
    """Raise ValueError where a game without a table is to be played with robust ties."""
    if ties != "optimistic":
        raise ValueError(
            f"ties={ties!r} needs a region table, and there is none: {why}. Use ties='optimistic'."
        )


def _too_large(game: Game) -> str:
    """Why a game, or one of a batch, has no table; empty where nothing speaks against one."""
    if not isinstance(game.strategies, StrategySets) and corner_work(game) <= LARGE:
        return ""
    games = [game] if game.num_games is None else [unstack(game, g) for g in range(game.num_games)]
    if max(map(corner_work, games)) <= LARGE:
        return ""
    for one in games:
        if one.strategies is not None and one.strategies.vertices is None:
            return f"the strategy set of {one!r} has too many vertices to list"
        guess = estimate(one)
        if guess.regions > MAX_REGIONS or guess.vertices > MAX_VERTICES or guess.seconds > MAX_SECONDS:
            return f"{one!r} has {guess}"
    return ""


def without_table(learner: Learner) -> Learner:
    """Who plays where there is no table: the learner itself, if it needs none, or its likeness that does not.

    Raises:
      ValueError: it plays vertices of a table alone.
    """
    if not learner.needs_table:
        return learner
    if learner.without_table is None:
        from jaxstack.learners import ROSTER

        able = [name for name, make in ROSTER.items() if make().without_table is not None]
        raise ValueError(
            f"{learner.name} plays vertices of a region table, and there is none here. Learners that need "
            f"no table: {', '.join(able)}."
        )
    return learner.without_table
