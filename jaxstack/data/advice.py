"""What to post next, by a log: the best commitment under the fitted types, or what a learner would post."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from jaxstack import checks
from jaxstack.data.deployment import deploy
from jaxstack.data.fitting import Expected, FittedTypes, fit_types
from jaxstack.data.logs import Log, read_log
from jaxstack.data.posting import Posting
from jaxstack.data.stakes import Stakes
from jaxstack.distributions import IndependentTypes, MixtureTypes
from jaxstack.learners.contract import Learner
from jaxstack.regions import RegionTable, enumerate_regions
from jaxstack.scenarios.files import GameFile
from jaxstack.sequences import SequenceTypes
from jaxstack.solvers import solve


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Advice:
    """What a log speaks for; payoff units per round.

    Attributes:
      log, fitted, stakes: what it rests on.
      learner: whose choice `next` is; empty: the best commitment under the fitted types.
      next: what to post.
      expected: what that earns under the fitted types.
      hindsight: the best fixed commitment for the rounds of the log, if types were seen; otherwise the best
        under the fitted types.
      in_hindsight: what it would have earned.
      posted: [L], the mean of the commitments in the log, or None.
      earned: what they earned, with the standard error of the mean over rounds; None where it is not told.
    """

    log: Log
    fitted: FittedTypes
    stakes: Stakes
    learner: str
    next: Posting
    expected: Expected
    hindsight: Posting
    in_hindsight: float
    posted: np.ndarray | None
    earned: Expected | None

    @property
    def types_seen(self) -> bool:
        """Whether hindsight is exact, and not by the fit."""
        return self.log.kind == "types"

    @property
    def commitments(self) -> dict[str, np.ndarray]:
        """Those that are told apart, [L] each, by what they are called in tables and pictures."""
        best = "best in hindsight" if self.types_seen else "best by the fit"
        return {
            **({} if self.posted is None else {"posted so far": self.posted}),
            **({best: self.hindsight.x} if self.types_seen or self.learner else {}),
            "next": self.next.x,
        }

    def __repr__(self) -> str:
        low, high = self.expected.interval
        return f"Advice({self.next!r}, expected {self.expected.value:.6g} in [{low:.6g}, {high:.6g}])"


def advise(
    game: GameFile,
    log: Any,
    *,
    learner: Learner | None = None,
    kind: str | None = None,
    horizon: int | None = None,
    table: RegionTable | None = None,
) -> Advice:
    """What to post next, by a log of rounds.

    Args:
      game: from `load_game_file`.
      log: a `Log`, or what `read_log` takes.
      learner: of which to ask what it would post after these rounds; default none: the best commitment under
        the fitted types.
      kind: of types to fit; default the kind of the file: its numbers do not matter.
      horizon: T of the learner; default twice the rounds of the log.
      table: regions of the game; enumerated (optimistically) when not given.

    Raises:
      ValueError: as `read_log`, `fit_types` and `Deployment.observe`.
      MemoryError: the region table, or too many joint types.
    """
    table = enumerate_regions(game.game) if table is None else table
    log = read_log(game, log, table=table)
    if learner is not None:
        _check_learner(learner, log, horizon)
    num_components = len(game.types.weights) if isinstance(game.types, MixtureTypes) else 2
    fitted = fit_types(game, log, kind or _kind(game.types), num_components=num_components)
    stakes = fitted.stakes(table)
    best = Posting(*stakes.recommended, log.words)
    hindsight, in_hindsight = best, stakes.value
    if log.kind == "types":
        solution = solve(game.game, SequenceTypes(log.seen, game.game.num_types), table=table)
        hindsight = Posting(solution.commitment, solution.response, log.words)
        in_hindsight = float(solution.value)
    posting = best if learner is None else _next(learner, game, log, horizon, table)
    return Advice(
        log,
        fitted,
        stakes,
        "" if learner is None else learner.name,
        posting,
        fitted.expected(posting.x, posting.responses),
        hindsight,
        in_hindsight,
        None if log.commitments is None else log.commitments.mean(axis=0),
        _earned(log),
    )


def _kind(types: Any) -> str:
    if isinstance(types, MixtureTypes):
        return "mixture"
    return "independent" if isinstance(types, IndependentTypes) else "joint"


def _check_learner(learner: Learner, log: Log, horizon: int | None) -> None:
    """Raise ValueError where a learner could not have seen the rounds of a log."""
    if learner.feedback == "types" and log.kind != "types":
        raise ValueError(
            f"{learner.name} learns from types, but this log tells actions alone. Ask a learner that learns "
            f"from actions, such as region_ucb, or none."
        )
    if horizon is not None and checks.positive_int("horizon", horizon) <= len(log):
        raise ValueError(
            f"horizon must be more than the {len(log):,} rounds of this log, which are the first of all T, "
            f"but {horizon:,} arrived."
        )


def _next(learner: Learner, game: GameFile, log: Log, horizon: int | None, table: RegionTable) -> Posting:
    """What a learner posts that has seen the rounds of a log."""
    now = deploy(learner, game, horizon=horizon or 2 * len(log), table=table)
    for t in range(len(log)):
        posted: dict[str, Any] = {}
        if log.commitments is not None:
            posted["commitment"] = log.commitments[t]
        if log.maps is not None and log.which is not None and posted:
            posted["responses"] = log.maps[log.which[t]]
        elif learner.feedback != "types":
            raise ValueError(
                f"{learner.name} learns from actions, and these tell of types only through what was posted: "
                f"the log needs the commitments, and regions where followers are indifferent."
            )
        payoff = None if log.payoffs is None else float(log.payoffs[t])
        try:
            now = now.observe(payoff=payoff, **{log.kind: log.seen[t]}, **posted)
        except ValueError as error:
            raise ValueError(f"round {t + 1} of the log: {error}") from error
    return now.commitment


def _earned(log: Log) -> Expected | None:
    earned = log.earned()
    if earned is None:
        return None
    error = float(earned.std(ddof=1)) / math.sqrt(len(earned)) if len(earned) > 1 else math.nan
    return Expected(float(earned.mean()), error)
