"""Which learner has less regret, and how sure that is: of these games, and of the next random one.

Learners of a sweep play the same games on the same draws, so what is compared are differences d[g, s] of game
g and run s. Runs share their draws over games, games their payoffs over runs: both are clusters, and the
variance of the mean of d has a part of each (two-way clustering).

Source: Cameron, Gelbach, Miller 2011 (two-way clustering); Satterthwaite 1946 (degrees of freedom); Holm 1979
(several tests at once).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxstack.axes import Array, Float
from jaxstack.checks import did_you_mean
from jaxstack.exports import Exported, Section, Table
from jaxstack.exports.words import NOTHING, Number, interval, probability, short_number, signed, text

LEVEL = 0.95  # of intervals


class Clustered(NamedTuple):
    """Mean of d [G, S] with its error over games and runs.

    Attributes:
      mean, stderr: of a population of games like these, over draws of types.
      freedom: degrees of freedom of the t distribution.
      game_spread: standard deviation from game to game of what was measured; nan for one game.
    """

    mean: float
    stderr: float
    freedom: float
    game_spread: float


@dataclasses.dataclass(frozen=True, eq=False)
class Difference:
    """A learner against the reference at one place of the sweep; regret after the last round, payoff units.

    Attributes:
      place: label of every axis that the learner or the reference has.
      learner: label.
      games, runs: G and S that both have played.
      mean: its regret minus that of the reference.
      stderr, freedom: of the mean, over games and runs; of one game, over runs.
      low, high: 95% interval of the mean.
      p_value, p_holm: that the mean is zero (two-sided t test); Holm's, for all tests of the comparison.
      next_low, next_high: 95% prediction of the difference in another game of the same kind, played for as
        many runs; nan for one game.
      less_in: games in which it had less regret than the reference, on average over runs.
      rank: of the learner among all that played there, from 1 for the least regret; mean over games.
    """

    place: Mapping[str, Any]
    learner: str
    games: int
    runs: int
    mean: float
    stderr: float
    freedom: float
    low: float
    high: float
    p_value: float
    p_holm: float
    next_low: float
    next_high: float
    less_in: int
    rank: float

    @property
    def verdict(self) -> str:
        """Whether the mean can be told from none, at 5% over all tests of the comparison."""
        if self.mean == 0 and self.stderr == 0:
            return "the same"
        if not math.isfinite(self.p_holm):
            return "one run does not tell"
        if self.p_holm > 1 - LEVEL:
            return "not told apart"
        return "more regret" if self.mean > 0 else "less regret"

    def sentence(self, reference: str, axes: Sequence[str]) -> str:
        """What can be said of the mean, and of the next random game; axes are named where places differ."""
        where = "".join(
            f", {name.replace('+', ', ')} = {text(self.place[name])}" for name in axes if name in self.place
        )
        runs = f"{self.runs:,} run{'s' if self.runs > 1 else ''}"
        if self.games == 1:
            told = f"{self.learner}{where}: {self._on_average(reference)} in this one game ({runs})"
            return f"{told}. Of another game nothing can be said: play several."
        told = f"{self.learner}{where}: {self._on_average(reference)} over games of this kind"
        return (
            f"{told} ({self.games:,} games, {runs}; less in {self.less_in:,} of them). In the next random "
            f"game, {self._next(reference)}."
        )

    def _on_average(self, reference: str) -> str:
        if self.verdict == "the same":
            return f"the same regret as {reference}"
        if not math.isfinite(self.stderr):
            return f"{_more_or_less(self.mean)} regret than {reference}, without an error of it,"
        between = f"95% interval of the difference {interval(self.low, self.high)}"
        p = f"p {'' if self.p_holm < 0.001 else '= '}{probability(self.p_holm)}"
        if self.verdict == "not told apart":
            return f"not told apart from {reference} on average ({between}, Holm {p})"
        return f"{_more_or_less(self.mean)} regret than {reference} on average ({between}, Holm {p})"

    def _next(self, reference: str) -> str:
        if self.verdict == "the same":
            return "nothing else is to be expected"
        if not (math.isfinite(self.next_low) and math.isfinite(self.next_high)):
            return "nothing can be said yet"
        span = f"the difference lies within {interval(self.next_low, self.next_high)} (95%)"
        if self.next_low > 0 or self.next_high < 0:
            return f"expect {_more_or_less(self.mean)} regret than {reference}: {span}"
        return f"either may have less regret: {span}"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Comparison(Exported):
    """Every learner against a reference, at every place of a sweep. Printed, it is a table and sentences.

    Attributes:
      reference: label of the learner that is subtracted.
      differences: one for each learner and place.
      reference_ranks: mean rank of the reference, place by place, as `Difference.rank`.
      left_out: learners that are not compared, since they skip ahead, with draws of their own.
    """

    reference: str
    differences: tuple[Difference, ...]
    reference_ranks: tuple[float, ...]
    left_out: tuple[str, ...] = ()

    @property
    def axes(self) -> list[str]:
        """Those on which places differ."""
        names = dict.fromkeys(name for d in self.differences for name in d.place)
        return [name for name in names if len({d.place.get(name) for d in self.differences}) > 1]

    def sentences(self) -> list[str]:
        """What can be said of each difference, and of the next random game."""
        return [difference.sentence(self.reference, self.axes) for difference in self.differences]

    def __repr__(self) -> str:
        left = [f"Not compared, since they skip ahead with draws of their own: {', '.join(self.left_out)}."]
        return "\n".join([repr(self._table()), *self.sentences(), *(left if self.left_out else [])])

    def _table(self) -> Table:
        names = self.axes
        fields = [f.name for f in dataclasses.fields(Difference) if f.name != "place"]
        data = {name: [d.place.get(name) for d in self.differences] for name in names}
        data |= {name: [getattr(d, name) for d in self.differences] for name in fields}
        data["verdict"] = [d.verdict for d in self.differences]
        head = [
            *(name.replace("+", ", ") for name in names),
            "learner",
            "games",
            "difference",
            "95% interval",
            "Holm p",
            "next game",
            "rank",
        ]
        rows = [
            [
                *(d.place.get(name, Number(NOTHING)) for name in names),
                d.learner,
                d.games,
                signed(d.mean),
                interval(d.low, d.high),
                probability(d.p_holm),
                interval(d.next_low, d.next_high),
                Number(short_number(d.rank)),
            ]
            for d in self.differences
        ]
        caption = (
            f"Regret minus that of {self.reference}, payoff units; intervals over games and runs, "
            f"Holm's p for {len(self.differences)} tests."
        )
        return Table(data, head, [Section("", rows)], caption)


def compare(data: Any, reference: str | None = None) -> Comparison:
    """Every learner's regret after the last round against that of a reference, with all that is uncertain.

    Differences are paired: the same games, the same draws of types. Means are over a population of games
    like these (games and runs are both drawn; of one game, over runs alone), tests are corrected for their
    number by Holm's method; select a part of a dataset to ask fewer questions.

    Args:
      data: a dataset of results (`load_results`), or several curves of `simulate` with one key.
      reference: label of the learner to subtract; default the first that does not skip ahead.

    Returns:
      Comparison; without differences where there is nothing to compare.

    Raises:
      ValueError: no dataset and no curves, curves that are no pairs, no such learner, or one that skips
        ahead.

    Intervals assume that differences are roughly normal over games and over runs; with few games they are
    wide, as they should be. How often they hold: `python -m experiments.intervals` (92% to 97% of 95%).
    """
    players, left_out = _players(data)
    known = list(dict.fromkeys(player.learner for player in players))
    reference = reference_of(reference, known, left_out)
    found: list[Difference] = []
    ranks: dict[tuple[Any, ...], float] = {}
    for one in players:
        for other in players:
            if one.learner == reference or other.learner != reference or not one.meets(other):
                continue
            together = _Player("", {**other.place, **one.place}, one.regret)
            there = [player for player in players if player.meets(together)]
            mean_ranks = dict(zip(map(id, there), _mean_ranks([p.regret for p in there]), strict=True))
            found.append(_difference(together.place, one, other.regret, mean_ranks[id(one)]))
            ranks[tuple(together.place.items())] = mean_ranks[id(other)]
    held = holm(np.array([difference.p_value for difference in found]))
    tested = [dataclasses.replace(d, p_holm=float(p)) for d, p in zip(found, held, strict=True)]
    return Comparison(reference, tuple(tested), tuple(ranks.values()), tuple(left_out))


class _Player(NamedTuple):
    """A learner at one place of a sweep, or at all labels of the axes that it lacks."""

    learner: str
    place: Mapping[str, Any]
    regret: np.ndarray  # [G, S], after the last round

    def meets(self, other: _Player) -> bool:
        """Whether both stand at one place: their labels agree on the axes that both have."""
        return all(other.place[axis] == label for axis, label in self.place.items() if axis in other.place)


def clustered(difference: Float[Array, "G S"]) -> Clustered:
    """Mean of paired differences, and its error over games and runs.

    With one game the error is over runs. With one run of each there is none: games share it. Where the parts
    of the variance say less than games or runs do alone, the larger of these counts.

    Args:
      difference: [G, S], of run s in game g; runs share their draws over games.
    """
    d = np.asarray(difference, np.float64)
    G, S = d.shape
    mean = d.mean()
    by_game, by_run = d.mean(axis=1), d.mean(axis=0)
    spread = by_game.std(ddof=1) if G > 1 else np.nan
    if S == 1:
        return Clustered(mean, np.nan, np.nan, spread)
    over_runs = by_run.var(ddof=1) / S
    if G == 1:
        return Clustered(mean, math.sqrt(over_runs), S - 1, spread)
    over_games = spread**2 / G
    rest = d - by_game[:, None] - by_run + mean
    over_both = np.square(rest).sum() / ((G - 1) * (S - 1)) / (G * S)
    variance = over_games + over_runs - over_both
    if variance <= max(over_games, over_runs):
        variance, freedom = max((over_games, G - 1), (over_runs, S - 1))
    else:
        parts = (over_games, G - 1), (over_runs, S - 1), (over_both, (G - 1) * (S - 1))
        freedom = variance**2 / sum(part**2 / count for part, count in parts)
    return Clustered(mean, math.sqrt(variance), freedom, spread)


def holm(p_values: Float[Array, "m"]) -> Float[np.ndarray, "m"]:
    """Holm's adjusted p-values: that below 0.05 all errors together have a probability of 0.05 at most.

    What is nan is no test, and stays so.
    """
    p = np.asarray(p_values, np.float64)
    tests = np.flatnonzero(np.isfinite(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    adjusted = np.full(p.shape, np.nan)
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted


def _difference(place: Mapping[str, Any], player: _Player, other: np.ndarray, rank: float) -> Difference:
    """One comparison, before Holm's correction; of games and runs that both have played."""
    from scipy import stats

    G, S = (min(sizes) for sizes in zip(player.regret.shape, other.shape, strict=True))
    d = player.regret[:G, :S] - other[:G, :S]
    found = clustered(d)
    mean, error, freedom = found.mean, found.stderr, found.freedom
    within = stats.t.ppf((1 + LEVEL) / 2, freedom) if np.isfinite(freedom) else np.nan
    if error > 0:
        p_value = 2 * stats.t.sf(abs(mean) / error, freedom)
    else:
        p_value = np.nan if np.isnan(error) else float(mean == 0)
    reach = np.nan
    if G > 1:
        reach = float(stats.t.ppf((1 + LEVEL) / 2, G - 1)) * math.hypot(error, found.game_spread)
    less = int((d.mean(axis=1) < 0).sum())
    return Difference(
        place, player.learner, G, S, float(mean), float(error), float(freedom),
        float(mean - within * error), float(mean + within * error), float(p_value), np.nan,
        mean - reach, mean + reach, less, rank,
    )  # fmt: skip


def _more_or_less(difference: float) -> str:
    return "more" if difference > 0 else "less"


def _mean_ranks(regrets: Sequence[np.ndarray]) -> list[float]:
    """Mean rank of every learner over games, by its mean regret over runs; equal ones share their ranks."""
    from scipy import stats

    games = min(len(regret) for regret in regrets)
    means = np.array([regret[:games].mean(axis=1) for regret in regrets])
    return stats.rankdata(means, axis=0).mean(axis=1).tolist()


def _players(data: Any) -> tuple[list[_Player], list[str]]:
    """Who plays where, and who is left out since it draws by itself."""
    from jaxstack.results import axes_of, cells_of, is_dataset, skips_ahead

    if is_dataset(data):
        axes = [axis for axis in axes_of(data) if axis != "learner"]
        own_draws = skips_ahead(data) if "learner" in data.coords else None
        alone = set() if own_draws is None else {str(own.learner.item()) for own in own_draws if own}
        cells = cells_of(data)
        players = [
            _Player(c.learner, {a: c.labels[a] for a in axes if a not in c.lacks}, c.final_regret)
            for c in cells
            if c.learner not in alone
        ]
        return players, [name for name in dict.fromkeys(c.learner for c in cells) if name in alone]
    from jaxstack.regret import RegretCurve

    curves = list(data) if isinstance(data, Sequence) else []
    if not curves or not all(isinstance(curve, RegretCurve) for curve in curves):
        raise ValueError(
            f"compare needs a dataset of results or a list of curves, but a {type(data).__name__} arrived. "
            f"jaxstack.load_results(folder) and jaxstack.simulate(..) make them."
        )
    shapes = {(np.shape(curve.final_regret), curve.num_runs, curve.horizon) for curve in curves}
    names = [curve.learner for curve in curves]
    if len(shapes) > 1 or len(set(names)) < len(names):
        raise ValueError(
            f"curves of the same games, runs and horizon and of different learners were expected, but "
            f"{', '.join(map(repr, curves))} arrived. Simulate them with one key, horizon and num_runs."
        )
    return [_Player(curve.learner, {}, np.atleast_2d(curve.final_regret)) for curve in curves], []


def reference_of(reference: str | None, known: Sequence[str], left_out: Iterable[str]) -> str:
    """The learner that the others are compared with.

    Args:
      reference: its label; None for the first that draws with the others.
      known: labels of all that draw with the others.
      left_out: labels of those that skip ahead.

    Raises:
      ValueError: no such learner, or one that skips ahead.
    """
    if reference is None:
        return known[0] if known else ""
    if reference in left_out:
        raise ValueError(
            f"{reference} skips ahead, with draws of its own: no difference can be paired with it. Take "
            f"another reference, or run it without skip_ahead."
        )
    if reference not in known:
        raise ValueError(
            f"no learner is called {reference!r} here.{did_you_mean(reference, known)} "
            f"Learners: {', '.join(known) or 'none'}."
        )
    return reference
