"""Regret curves and their statistics: streaming moments, paired differences, growth exponents."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from jaxstack import checks
from jaxstack.exports import Exported, Table

NUM_CHECKPOINTS = 64  # unless a person names some
QUANTILE_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
QUANTILE_RUNS = 1 << 14  # runs are i.i.d., so the first so many are a fair sample of all
_TOGETHER = 256  # runs whose moments are merged at once
_BOOTSTRAPS = 1000


class Recorded(NamedTuple):
    """What a learner told at the checkpoints, over runs; `..` are the axes of what it told.

    Batches of games have an axis G in front.
    """

    mean: np.ndarray  # [.., C] float64
    stderr: np.ndarray  # [.., C] float64, of the mean
    quantiles: np.ndarray  # [Q, .., C] float64 at `quantile_levels`; of the first 16,384 runs
    runs: np.ndarray | None  # [.., S, C] float64, or None (`keep_runs=False`)


@dataclasses.dataclass(frozen=True, repr=False)
class RegretCurve(Exported):
    """Cumulative expected pseudo-regret of one learner, in payoff units, at chosen rounds.

    A batch of games has an axis G in front of S and C.

    Attributes:
      learner: its name.
      rounds: [C] int64, rounds at which regret is recorded; the last is the horizon.
      mean, stderr: [C] float64, over runs; stderr is the standard error of the mean (nan for one run).
      quantiles: [Q, C] float64 at `quantile_levels`; with more than 16,384 runs, of the first 16,384.
      final_regret: [S] float64 of every run at the horizon; at most of the first 16,384.
      regret: [S, C] float64 of every run, or None (`keep_runs=False`).
      num_runs: S.
      optimum: U_D(x*), [] or [G] float64, payoff units per round; without a region table, of the best
        commitment known, so that regret may be negative, by little.
      ties: tie rule of the region table: what the optimum means (see `enumerate_regions`).
      seconds: wall time of "compile" and "run".
      info: what the learner told (`simulate(record=...)`), by name.
      optimum_gap: [] or [G] float64, payoff units per round: no commitment earns more than that above
        `optimum`, so that regret is at most T times that larger. 0 with a region table; nan where no upper
        bound is known.
    """

    learner: str
    rounds: np.ndarray
    mean: np.ndarray
    stderr: np.ndarray
    quantiles: np.ndarray
    final_regret: np.ndarray
    regret: np.ndarray | None
    num_runs: int
    optimum: np.ndarray
    ties: str
    seconds: dict[str, float]
    quantile_levels: tuple[float, ...] = QUANTILE_LEVELS
    info: dict[str, Recorded] = dataclasses.field(default_factory=dict)
    optimum_gap: Any = 0.0

    @property
    def horizon(self) -> int:
        """T."""
        return int(self.rounds[-1])

    def _table(self) -> Table:
        from jaxstack.exports import curves

        return curves.curve_table(self)

    def __repr__(self) -> str:
        final = np.array2string(self.mean[..., -1], precision=4, threshold=4)
        error = np.array2string(self.stderr[..., -1], precision=2, threshold=4)
        return (
            f"RegretCurve({self.learner}, T={self.horizon:,}, runs={self.num_runs:,}, "
            f"final regret {final} +- {error})"
        )


class Moments:
    """Mean and variance over runs that arrive in batches, and a fixed sample for quantiles.

    Runs are taken `_TOGETHER` at a time however they arrive: the last bits do not depend on the batches.

    Source: Chan, Golub, LeVeque 1983 (pairwise updates; no cancellation).
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean: Any = np.zeros(())
        self._squares: Any = np.zeros(())
        self._sample: list[np.ndarray] = []
        self._sampled = 0
        self._waiting: list[np.ndarray] = []  # fewer than `_TOGETHER` runs

    def add(self, regret: np.ndarray) -> None:
        """Add runs: [.., s, C] float64."""
        if self._sampled < QUANTILE_RUNS:
            self._sample.append(regret[..., : QUANTILE_RUNS - self._sampled, :])
            self._sampled += self._sample[-1].shape[-2]
        if any(waiting.shape[-2] for waiting in self._waiting):
            regret = np.concatenate([*self._waiting, regret], axis=-2)
        whole = regret.shape[-2] // _TOGETHER * _TOGETHER
        for first in range(0, whole, _TOGETHER):
            self._merge(regret[..., first : first + _TOGETHER, :])
        self._waiting = [regret[..., whole:, :]]

    def _merge(self, regret: np.ndarray) -> None:
        regret = np.ascontiguousarray(regret)  # the order of a sum follows the layout
        added = regret.shape[-2]
        mean = regret.mean(axis=-2)
        squares = np.square(regret - mean[..., None, :]).sum(axis=-2)
        total = self.count + added
        shift = mean - self._mean
        self._mean = self._mean + shift * (added / total)
        self._squares = self._squares + squares + np.square(shift) * (self.count * added / total)
        self.count = total

    def summary(self) -> dict[str, Any]:
        """`mean`, `stderr`, `quantiles` and `final_regret` of a RegretCurve. Nothing is added after it."""
        if self._waiting and self._waiting[0].shape[-2]:
            self._merge(self._waiting.pop())
        with np.errstate(invalid="ignore", divide="ignore"):
            stderr = np.sqrt(self._squares / (self.count - 1) / self.count)
        sample = np.concatenate(self._sample, axis=-2)
        quantiles = np.quantile(sample, QUANTILE_LEVELS, axis=-2)
        return {
            "mean": self._mean,
            "stderr": stderr,
            "quantiles": quantiles,
            "final_regret": sample[..., -1].copy(),
        }

    def state(self) -> dict[str, np.ndarray]:
        """All that `restored` needs to go on, as arrays."""
        return {
            "count": np.asarray(self.count),
            "mean": self._mean,
            "squares": self._squares,
            **{f"sample{i}": part for i, part in enumerate(self._sample)},
            **{f"waiting{i}": part for i, part in enumerate(self._waiting)},
        }

    @classmethod
    def restored(cls, state: dict[str, np.ndarray]) -> Moments:
        """Moments as they were at `state`."""
        moments = cls()
        moments.count, moments._mean, moments._squares = int(state["count"]), state["mean"], state["squares"]
        moments._sample = _numbered(state, "sample")
        moments._sampled = sum(part.shape[-2] for part in moments._sample)
        moments._waiting = _numbered(state, "waiting")
        return moments


def _numbered(state: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    """Arrays `name`0, `name`1, .. by number: whoever kept the state may have sorted its names."""
    names = [key for key in state if key.startswith(name)]
    return [state[key] for key in sorted(names, key=lambda key: int(key.removeprefix(name)))]


_GET_CURVE = "jaxstack.simulate makes one."


@runtime_checkable
class Curve(Protocol):
    """What statistics read of a curve: a `RegretCurve`, or a cell of a sweep's results."""

    @property
    def rounds(self) -> np.ndarray: ...
    @property
    def mean(self) -> np.ndarray: ...
    @property
    def stderr(self) -> np.ndarray: ...
    @property
    def regret(self) -> np.ndarray | None: ...
    @property
    def num_runs(self) -> int: ...
    @property
    def horizon(self) -> int: ...


class Exponent(NamedTuple):
    """Slope of log mean regret on log T, with a 95% interval from resampled runs, over a window of rounds."""

    estimate: float
    low: float
    high: float
    window: tuple[int, int]


def growth_exponent(curve: Curve, window: tuple[float, float] | None = None, seed: int = 0) -> Exponent:
    """How regret grows: the least-squares slope of log mean regret on log T within a window.

    The interval resamples runs (and games, for a batch, whose mean it is then); without runs it is
    propagated from the standard errors, which overstates it slightly: neighbouring checkpoints err together.

    Args:
      curve: from `simulate`, or a cell of results.
      window: first and last round; default (T/100, T), past the first rounds, where all learners pay alike.
      seed: of the resampling.

    Returns:
      Exponent; all nan where mean regret is zero in the window or it holds fewer than two checkpoints. No
      interval for one run of one game, and where more than 2.5 % of the resamples are zero in the window.

    Raises:
      ValueError: no curve, or a window that does not lie within 1..T.
    """
    checks.instance("curve", curve, Curve, _GET_CURVE)
    window = (curve.horizon / 100, curve.horizon) if window is None else window
    if not 0 < window[0] < window[1] <= curve.horizon:
        raise ValueError(
            f"window must satisfy 0 < first < last <= T = {curve.horizon:,}, but {window} arrived."
        )
    inside = (curve.rounds >= window[0]) & (curve.rounds <= window[1])
    bounds = (int(np.ceil(window[0])), int(window[1]))
    log_rounds = np.log(curve.rounds[inside])
    mean = curve.mean[..., inside].reshape(-1, inside.sum())
    if inside.sum() < 2 or not (mean.mean(axis=0) > 0).all():
        return Exponent(np.nan, np.nan, np.nan, bounds)
    centred = log_rounds - log_rounds.mean()
    weights = centred / np.square(centred).sum()
    estimate = float(np.log(mean.mean(axis=0)) @ weights)
    rng = np.random.default_rng(checks.seed("seed", seed))
    if curve.regret is None:
        error = curve.stderr[..., inside].reshape(mean.shape)
        relative = np.sqrt(np.square(error).mean(axis=0) / len(mean)) / mean.mean(axis=0)
        spread = 1.96 * float(np.abs(weights) @ relative)
        return Exponent(estimate, estimate - spread, estimate + spread, bounds)
    runs = curve.regret[..., inside].reshape(len(mean), -1, len(log_rounds))
    if runs.shape[:2] == (1, 1):
        return Exponent(estimate, np.nan, np.nan, bounds)
    means = _bootstrap_means(runs, rng)
    positive = (means > 0).all(axis=1)  # what starts from nothing has no exponent
    if positive.mean() < 0.975:
        return Exponent(estimate, np.nan, np.nan, bounds)
    low, high = np.quantile(np.log(means[positive]) @ weights, [0.025, 0.975])
    return Exponent(estimate, float(low), float(high), bounds)


def _bootstrap_means(runs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Means of [G, S, c] over resampled games and runs, [B, c]; as multinomial weights: no run is copied."""
    num_games, num_runs, count = runs.shape
    by_run = np.moveaxis(runs, 1, 0).reshape(num_runs, -1)
    means = []
    for size in np.diff(np.linspace(0, _BOOTSTRAPS, 11, dtype=int)):  # in parts, for memory's sake
        shares = rng.multinomial(num_runs, np.full(num_runs, 1 / num_runs), size=size) / num_runs
        games = rng.multinomial(num_games, np.full(num_games, 1 / num_games), size=size) / num_games
        means.append(np.einsum("bg,bgc->bc", games, (shares @ by_run).reshape(size, num_games, count)))
    return np.concatenate(means)


def average_over_games(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Mean regret and its standard error over runs, [C] each; for a batch, of the average over its games.

    Games share their draws, so a run is averaged over the games first. Without runs (`keep_runs=False`) the
    error is the mean of the games' errors, an upper bound.
    """
    mean, error = np.asarray(curve.mean, np.float64), np.asarray(curve.stderr, np.float64)
    if mean.ndim == 1:
        return mean, error
    if curve.regret is None or curve.num_runs < 2:
        return mean.mean(axis=0), error.mean(axis=0)
    runs = np.asarray(curve.regret, np.float64).mean(axis=0)
    return mean.mean(axis=0), runs.std(axis=0, ddof=1) / np.sqrt(curve.num_runs)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class PairedDifference(Exported):
    """Mean regret difference between two learners on the same draws, [C] float64 with standard errors."""

    rounds: np.ndarray
    mean: np.ndarray
    stderr: np.ndarray

    def _table(self) -> Table:
        from jaxstack.exports import curves

        return curves.difference_table(self)

    def __repr__(self) -> str:
        mean, error = (
            np.array2string(np.asarray(each)[..., -1], precision=4, threshold=4)
            for each in (self.mean, self.stderr)
        )
        return f"PairedDifference(T={int(self.rounds[-1]):,}, {mean} +- {error} after the last round)"


def paired_difference(first: RegretCurve, second: RegretCurve) -> PairedDifference:
    """Regret of `first` minus that of `second`, run by run.

    Valid for curves simulated with the same key, game, types and runs: round t of run r then has the same
    types for both, so that the difference is known far better than either curve.

    Returns:
      Per checkpoint, payoff units; mean and stderr [C] ([G, C] for a batch).

    Raises:
      ValueError: no curves, runs that were not kept, or rounds or runs that differ.
    """
    for name, curve in (("first", first), ("second", second)):
        checks.instance(name, curve, Curve, _GET_CURVE)
    if first.regret is None or second.regret is None:
        raise ValueError("paired differences need every run: simulate with keep_runs=True.")
    if first.regret.shape != second.regret.shape or not np.array_equal(first.rounds, second.rounds):
        raise ValueError(
            f"paired differences need the same games, runs and checkpoints, but {first.learner} has shape "
            f"{first.regret.shape} to round {first.horizon:,} and {second.learner} {second.regret.shape} to "
            f"{second.horizon:,}. Simulate both with the same key, horizon, num_runs and checkpoints."
        )
    moments = Moments()
    moments.add(first.regret - second.regret)
    summary = moments.summary()
    return PairedDifference(first.rounds, summary["mean"], summary["stderr"])


def log_spaced_rounds(horizon: int, count: int = NUM_CHECKPOINTS) -> np.ndarray:
    """Distinct rounds from 1 to `horizon`, evenly spaced on a logarithmic axis; [C] int64, C <= count."""
    return np.unique(np.rint(np.geomspace(1, horizon, count)).astype(np.int64))


def check_checkpoints(checkpoints: Any, horizon: int) -> np.ndarray:
    """Sorted rounds in 1..T that end at T; [C] int64."""
    if checkpoints is None:
        return log_spaced_rounds(horizon)
    rounds = checks.finite_array("checkpoints", checkpoints, "C")
    if (rounds != np.rint(rounds)).any() or rounds.min() < 1 or rounds.max() > horizon:
        raise ValueError(
            f"checkpoints must be whole rounds in 1..T = {horizon:,}, but they run from {rounds.min():g} to "
            f"{rounds.max():g}."
        )
    return np.unique(np.append(rounds, horizon).astype(np.int64))
