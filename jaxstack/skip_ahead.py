"""Learners with type feedback, jumping over the rounds in which their choice cannot change.

A learner that sees types plays the same commitment until another one could have caught up. Until then only
the *counts* of types matter, and the counts of many rounds are one multinomial draw. So a run is a chain of
jumps, each as long as nothing can change; where the next change is too near, a block of rounds is played one
by one, among the few candidates that can win one of them.

Nothing can change for two reasons, and a jump is as long as the better one allows. Either no sequence of
types could let a rival catch up: a lead d lasts d rounds, up to a factor. Or a rival's lag is a random walk
whose steps the simulation knows (the learner does not), and Ville's inequality bounds the probability that
it gets there within the jump: a lead d lasts d^2 rounds, and for ever over a rival that is worse by more than
the noise. That probability is kept below 2^-64 a jump, so the law of a run is that of round-by-round play up
to 10^-12 in total variation for ten million jumps. The draws are not those of round-by-round play.

Host code in float64 and int64: counts are exact to 2^63, where float32 samplers lose whole rounds past 2^24.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np

from jaxstack.distributions import IndependentTypes, MixtureTypes, TypeDistribution, joint_probabilities
from jaxstack.game import Game
from jaxstack.learners.candidates import Scoring
from jaxstack.learners.contract import Jumps, Learner, tie_tolerance

RUNS_AT_ONCE = 256
"""Runs that share one random stream. Part of the definition of the random draws: never change it."""

MAX_HORIZON = 2**62

OVERLOOKED = 2.0**-64
"""Probability that a jump passes over a round in which another candidate would have been played; 0: never."""

_TOLERANCE = tie_tolerance(np.float64)
_SAME_GAP = 64 * float(np.finfo(np.float64).eps)  # of the largest gap: equal up to rounding
_SHORT, _LONG = 1024, 32768  # rounds of a block that is played
_BLOCK_ENTRIES = 1 << 19  # runs x rounds of a block, from _SHORT up to _LONG rounds
_SLICE_ENTRIES = 1 << 18  # runs x rounds x candidates worked on together
_MAX_TILT = 50.0
_PROMISING = 50.0  # a lead in sums below which the probable bound does not beat the sure one
_BRIEF, _MANY = (
    16,
    8,
)  # rounds of a block among many candidates, at least; more candidates than these are many
_FEW_JOINT_TYPES = 64
_MAX_WORDS = 1024
_PRODUCT = 128
_CELLS = 1 << 16


@dataclasses.dataclass(frozen=True)
class _Types:
    """A mixture of independent parts, each of which takes one of K values in every round.

    Joint types are one part with J values; types of followers are n parts with K values.

    Attributes:
      weights: [C] float64.
      marginals: [C, n, K] float64.
    """

    weights: np.ndarray
    marginals: np.ndarray

    @property
    def num_parts(self) -> int:
        return self.marginals.shape[1]

    def counts(self, rng: np.random.Generator, rounds: np.ndarray) -> np.ndarray:
        """How often each part took each value in numbers of rounds [s]: [s, n K] int64."""
        by_component = rng.multinomial(rounds, self.weights)  # [s, C]
        counts = sum(
            rng.multinomial(by_component[:, c, None], marginals[None])
            for c, marginals in enumerate(self.marginals)
        )
        return np.reshape(counts, (len(rounds), -1))

    def sample(self, rng: np.random.Generator, shape: tuple[int, int]) -> list[np.ndarray]:
        """Values of each part, round by round: n arrays of this shape, features 0..nK-1."""
        K = self.marginals.shape[2]
        component = _pick(rng, self._guides[0], shape, None) if len(self.weights) > 1 else None
        kind = np.min_scalar_type(-self.num_parts * K)  # one part's values alone may need less
        picked = (_pick(rng, guide, shape, component).astype(kind, copy=False) for guide in self._guides[1:])
        return [values + part * K for part, values in enumerate(picked)]

    @functools.cached_property
    def _guides(self) -> list[_Guide]:
        return [_Guide.of(self.weights[None]), *(_Guide.of(part) for part in self.marginals.swapaxes(0, 1))]

    def moments(self, gains: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean, variance and possible maximum [M] of the sum over parts of `gains` [M, n K]."""
        gains = gains.reshape(len(gains), *self.marginals.shape[1:])
        by_part = np.einsum("mnk,cnk->mcn", gains, self.marginals)
        square = np.einsum("mnk,cnk->mcn", gains**2, self.marginals)
        inside = by_part.sum(axis=2)
        mean = inside @ self.weights
        variance = ((square - by_part**2).sum(axis=2) + (inside - mean[:, None]) ** 2) @ self.weights
        possible = np.where(self.marginals > 0, 0.0, -np.inf)[self.weights > 0]  # [C, n, K]
        most = np.stack([(gains + part).max(axis=2).sum(axis=1) for part in possible]).max(axis=0)
        return mean, np.maximum(variance, 0), most

    def log_moment(self, gains: np.ndarray, tilt: np.ndarray) -> np.ndarray:
        """log E exp(tilt x sum of gains) of pairs: gains [P, n K], tilt [P], result [P]."""
        grown = np.exp(tilt[:, None] * gains).reshape(len(gains), *self.marginals.shape[1:])
        by_part = np.einsum("pnk,cnk->pcn", grown, self.marginals)
        return np.log(np.exp(np.log(by_part).sum(axis=2)) @ self.weights)


@dataclasses.dataclass(frozen=True)
class _Guide:
    """Inverse distribution functions with a guide table: the value of most uniform numbers by one look-up."""

    cumulative: np.ndarray  # [C, K], 1 from the last possible value on
    value: np.ndarray  # [C * cells], the smallest integers that do; -1 where a cell holds more than one value

    @classmethod
    def of(cls, probabilities: np.ndarray) -> _Guide:
        cumulative = np.cumsum(probabilities, axis=1)
        cumulative = np.where(cumulative >= cumulative[:, -1:], 1.0, cumulative)
        edges = np.arange(_CELLS + 1) / _CELLS
        rows = []
        for row in cumulative:
            first = np.searchsorted(row, edges[:-1], side="right")
            last = np.searchsorted(row, edges[1:], side="left")
            rows.append(np.where(first == last, first, -1))
        return cls(cumulative, np.concatenate(rows).astype(np.min_scalar_type(-cumulative.shape[1])))


def _pick(
    rng: np.random.Generator, guide: _Guide, shape: tuple[int, int], component: np.ndarray | None
) -> np.ndarray:
    """Values of this shape, each from the distribution of its component (None: there is only one)."""
    cell = rng.integers(0, _CELLS, shape, dtype=np.uint16)
    value = guide.value.take(cell if component is None else component.astype(np.intp) * _CELLS + cell)
    unclear = np.flatnonzero(value < 0)
    number = (cell.take(unclear) + rng.random(len(unclear))) / _CELLS
    if component is None:
        found = np.searchsorted(guide.cumulative[0], number, side="right")
    else:
        found = (number[:, None] >= guide.cumulative[component.take(unclear)]).sum(axis=1)
    value.put(unclear, found)
    return value


def check_learner(learner: Learner) -> Jumps:
    """How a learner jumps.

    Raises:
      ValueError: a learner whose next choice has no proven bound, or that jumps made for others were left on.
    """
    jumps = getattr(learner, "jumps", None)
    name = getattr(learner, "name", repr(learner))
    if jumps is None:
        raise ValueError(
            f"skip_ahead works for learners that see types and whose next choice has a proven bound "
            f"(erm_joint, erm_product), not for {name}. Simulate it round by round: skip_ahead=False."
        )
    for part in ("init", "act", "update"):
        if getattr(learner, part) is not getattr(jumps, part):
            raise ValueError(
                f"skip_ahead would play other choices than {name} does: its jumps were made for a learner "
                f"with another {part}. Simulate it round by round (skip_ahead=False), and give a learner "
                f"that is derived from another one jumps=None."
            )
    return jumps


def run(
    key: jax.Array,
    learner: Learner,
    game: Game,
    types: TypeDistribution,
    scoring: Scoring,
    gap: np.ndarray,
    rounds: np.ndarray,
    num_runs: int,
    progress: Callable[[int, int], None] | None,
) -> np.ndarray:
    """Cumulative regret of one game, [S, C] float64, in the units of `gap`.

    Args:
      key: typed key; streams depend on it and on the number of the run divided by `RUNS_AT_ONCE`.
      learner: with `jumps`.
      game, types: one game.
      scoring: candidates and their values (`candidates.prepare_scoring`).
      gap: [R, V], U_D(x*) - U_D(vertex).
      rounds: [C] int64 checkpoints, the last is the horizon.
      num_runs: S.
      progress: called with (rounds x runs done, total).

    Raises:
      ValueError: types whose counts are not finite (see the message).
    """
    of_candidates = gap[scoring.candidates.region, scoring.candidates.vertex]
    problem = _problem(game, types, check_learner(learner).product, scoring, of_candidates)
    seed = np.asarray(jax.random.key_data(key)).ravel().tolist()
    starts = range(0, num_runs, RUNS_AT_ONCE)
    done = 0

    def chunk(start: int) -> np.ndarray:
        return _play(problem, np.random.default_rng([*seed, start // RUNS_AT_ONCE]), rounds)

    curves = []
    with ThreadPoolExecutor() as pool:  # NumPy's samplers and products release the interpreter lock
        for start, curve in zip(starts, pool.map(chunk, starts), strict=True):
            curves.append(curve)
            done = min(start + RUNS_AT_ONCE, num_runs)
            if progress is not None:
                progress(done * int(rounds[-1]), num_runs * int(rounds[-1]))
    return np.concatenate(curves)[:num_runs]


def _play(problem: _Problem, rng: np.random.Generator, rounds: np.ndarray) -> np.ndarray:
    """Curves [RUNS_AT_ONCE, C] of one stream's runs."""
    runs = _Runs(rounds, problem.num_features)
    active = np.arange(RUNS_AT_ONCE)
    while active.size:
        seen = runs.played[active]
        left = rounds[-1] - seen
        scores = _scores(problem, runs.counts[active], seen)  # mean unit values, [s, M]
        best = (scores >= scores.max(axis=1, keepdims=True) - _TOLERANCE).argmax(axis=1)
        lead = scores[np.arange(len(best)), best][:, None] - scores
        certain = problem.certain_rounds(lead, runs.counts[active], seen, best)
        # This round is played in any case. Who has the same gap may take over: it costs nothing.
        jump = np.where(problem.same_gap(best), np.inf, certain).min(axis=1)
        jump = np.minimum(np.minimum(jump, MAX_HORIZON).astype(np.int64) + 1, left)

        length, width = _blocks(problem, certain, jump, left)
        jumping = np.nonzero(length == 0)[0]
        if jumping.size:
            counts = problem.counts(rng, jump[jumping])
            runs.jump(active[jumping], jump[jumping], problem.gap[best[jumping]], counts)
        for group in _groups(problem, length, width):
            block = int(length[group[0]])
            rival = certain[group] < block
            rival[np.arange(len(group)), best[group]] = True
            # Ascending, filled up with the best: a candidate twice is a tie of the first with itself.
            order = np.argsort(~rival, axis=1, kind="stable")[:, : width[group[0]]]
            rivals = np.where(np.take_along_axis(rival, order, axis=1), order, best[group, None])
            sums = np.take_along_axis(scores[group], rivals, axis=1) * seen[group, None]
            _play_block(problem, rng, runs, active[group], rivals, sums, block)
        active = active[runs.played[active] < rounds[-1]]
    return runs.curve


def _play_block(
    problem: _Problem,
    rng: np.random.Generator,
    runs: _Runs,
    these: np.ndarray,
    rivals: np.ndarray,
    sums: np.ndarray,
    length: int,
) -> None:
    """Play `length` rounds of the runs `these` [s] among `rivals` [s, k], whose sums of values are [s, k]."""
    seen = runs.played[these]
    words = problem.words
    if words is not None and rivals.shape[1] == 2:
        whole = length // words.length * words.length
        plain = runs.checkpoints_within(these, np.full(len(these), whole))[0]
        by_words = np.ones(len(these), bool)
        by_words[plain] = False  # a curve needs the cost of single rounds
        if by_words.any():
            part = these[by_words], rivals[by_words], sums[by_words, 1] - sums[by_words, 0], seen[by_words]
            text = words.sample(rng, (len(part[0]), whole // words.length))
            runs.advance(part[0], whole, words.cost(problem, *part[1:], text), words.counts(text))
            these, rivals, sums, seen = these[plain := ~by_words], rivals[plain], sums[plain], seen[plain]
    if these.size:
        features = problem.sample(rng, (len(these), length))
        cost = problem.cost(rivals, sums, runs.counts[these], seen, features)
        runs.play(these, cost, _count(features, problem.num_features))


def _count(features: list[np.ndarray], num_features: int) -> np.ndarray:
    """How often each feature occurs in each row: [s, F] int64."""
    offsets = np.arange(len(features[0]))[:, None] * num_features
    bins = len(features[0]) * num_features
    counts = sum(np.bincount((part + offsets).ravel(), minlength=bins) for part in features)
    return np.reshape(counts, (-1, num_features))


class _Runs:
    """Runs of one stream so far: counts of features [s, F], rounds played [s], regret [s], curve [s, C]."""

    def __init__(self, rounds: np.ndarray, num_features: int) -> None:
        self.rounds = rounds
        self.counts = np.zeros((RUNS_AT_ONCE, num_features), np.int64)
        self.played = np.zeros(RUNS_AT_ONCE, np.int64)
        self.regret = np.zeros(RUNS_AT_ONCE)
        self.curve = np.zeros((RUNS_AT_ONCE, len(rounds)))

    def checkpoints_within(self, runs: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which runs (position in `runs`) pass which checkpoints in the next `length` [s] rounds."""
        first = np.searchsorted(self.rounds, self.played[runs], side="right")
        last = np.searchsorted(self.rounds, self.played[runs] + length, side="right")
        row = np.repeat(np.arange(len(runs)), last - first)
        return row, np.arange(len(row)) - np.repeat(np.cumsum(last - first) - last, last - first)

    def jump(self, runs: np.ndarray, length: np.ndarray, gap: np.ndarray, counts: np.ndarray) -> None:
        """Rounds [s] in all of which the gap [s] is the same."""
        row, which = self.checkpoints_within(runs, length)
        passed = self.rounds[which] - self.played[runs[row]]
        self.curve[runs[row], which] = self.regret[runs[row]] + gap[row] * passed
        self.advance(runs, length, gap * length, counts)

    def play(self, runs: np.ndarray, cost: np.ndarray, counts: np.ndarray) -> None:
        """Rounds with gaps `cost` [s, B], up to the horizon."""
        length = np.minimum(cost.shape[1], self.rounds[-1] - self.played[runs])
        row, which = self.checkpoints_within(runs, length)
        if row.size:  # also at the horizon
            cost = np.cumsum(cost, axis=1)
            passed = self.rounds[which] - self.played[runs[row]]
            self.curve[runs[row], which] = self.regret[runs[row]] + cost[row, passed - 1]
            self.advance(runs, length, cost[:, -1], counts)
        else:
            self.advance(runs, length, cost.sum(axis=1), counts)

    def advance(
        self, runs: np.ndarray, length: np.ndarray | int, regret: np.ndarray, counts: np.ndarray
    ) -> None:
        self.regret[runs] += regret
        self.counts[runs] += counts
        self.played[runs] += length


def _blocks(
    problem: _Problem, certain: np.ndarray, jump: np.ndarray, left: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rounds [s] to be played one by one (0: jump instead) and among at most how many candidates [s]."""
    none = np.zeros(len(jump), np.int64)
    waiting = (jump < min(_LONG, problem.longest_block)) & (jump < left)
    if not waiting.any():
        return none, none
    longest = 1 << int(math.log2(_BLOCK_ENTRIES / waiting.sum()))
    longest = min(max(longest, _SHORT), _LONG, problem.longest_block)
    rivals = (certain < longest).sum(axis=1) + 1
    width = 1 << np.ceil(np.log2(np.maximum(rivals, 2))).astype(np.int64)
    length = np.clip(longest * _MANY // width, _BRIEF, longest)
    length = np.where((jump < length) & waiting, length, 0)
    return length, width


def _groups(problem: _Problem, length: np.ndarray, width: np.ndarray) -> Iterator[np.ndarray]:
    """Indices of the runs that play a block, together where the number of candidates is similar."""
    for size in np.unique(width[length > 0]):
        group = np.nonzero((length > 0) & (width == size))[0]
        at_once = max(1, _SLICE_ENTRIES // int(size * length[group[0]] * problem.types.num_parts))
        yield from (group[start : start + at_once] for start in range(0, len(group), at_once))


class _Words:
    """Rounds of one part drawn a few at a time, as one letter of a larger alphabet: a word.

    A contest of two candidates is then played word by word; only those words are spelt out within which
    either could win.

    Args:
      probabilities: [J] float64.
      length: m, letters in a word; there are W = J^m words.
    """

    @classmethod
    def of(cls, probabilities: np.ndarray) -> _Words | None:
        """Words of a good length, or None where there are too many even of two letters."""
        length = int(math.log(_MAX_WORDS) / math.log(max(len(probabilities), 2)) + 1e-9)
        return cls(probabilities, length) if length > 1 else None

    def __init__(self, probabilities: np.ndarray, length: int) -> None:
        self.length = length
        self._letters = np.indices((len(probabilities),) * length).reshape(length, -1)  # [m, W]
        self._spelling = (
            (self._letters == np.arange(len(probabilities))[:, None, None]).sum(axis=1).T
        )  # [W, J]
        self._guide = _Guide.of(probabilities[self._letters].prod(axis=0)[None])
        self._prefixes: dict[tuple[int, int], np.ndarray] = {}

    def sample(self, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        return _pick(rng, self._guide, shape, None)

    def counts(self, text: np.ndarray) -> np.ndarray:
        """Counts [s, J] int64 of the letters in texts [s, q]."""
        num_words, num_letters = self._spelling.shape
        counts = _count([text], num_words).astype(np.float64)
        return np.rint(counts @ self._spelling.astype(np.float64)).astype(np.int64).reshape(-1, num_letters)

    def cost(
        self, problem: _Problem, rivals: np.ndarray, lead: np.ndarray, seen: np.ndarray, text: np.ndarray
    ) -> np.ndarray:
        """Summed gap [s] of the candidates played in texts [s, q].

        Args:
          rivals: [s, 2], ascending; no other candidate can win a round.
          lead: [s], of the second over the first in sums, before the first round.
          seen: [s] rounds before.
        """
        runs, num_words = len(text), self._letters.shape[1]
        pairs, which = np.unique(rivals, axis=0, return_inverse=True)
        # [m + 1, pairs x W]: what the second gains on the first before each round of a word, and after it.
        prefix = np.concatenate([self._prefix(problem, *pair) for pair in pairs.tolist()], axis=1)
        place = text + (which.reshape(-1, 1) * num_words)
        leads = np.empty(text.shape)
        leads[:, 0] = lead
        leads[:, 1:] = prefix[-1].take(place[:, :-1])
        np.cumsum(leads, axis=1, out=leads)

        tie = _TOLERANCE * seen[:, None]  # here, and at the end:
        loose = tie + _TOLERANCE * self.length * text.shape[1]
        inside = prefix[:-1].reshape(self.length, len(pairs), num_words)
        most, least = (bound(inside, axis=(0, 2))[which.reshape(-1, 1)] for bound in (np.max, np.min))
        wins = (leads > loose - least).sum(axis=1) * self.length  # rounds of the second candidate
        row, column = np.nonzero((leads <= loose - least) & (leads > tie - most))
        if row.size:
            lead, place = leads[row, column], place[row, column]
            now = seen[row] + column * self.length
            for letter in range(self.length):
                ahead = lead + prefix[letter].take(place) > _TOLERANCE * (now + letter)
                wins += np.bincount(row[ahead], minlength=runs)
        gap = problem.gap[rivals]
        return gap[:, 0] * (self.length * text.shape[1] - wins) + gap[:, 1] * wins

    def _prefix(self, problem: _Problem, first: int, second: int) -> np.ndarray:
        if (first, second) not in self._prefixes:
            gains = (problem.values[second] - problem.values[first])[self._letters]
            self._prefixes[first, second] = np.vstack([np.zeros_like(gains[:1]), np.cumsum(gains, axis=0)])
        return self._prefixes[first, second]


class _Problem:
    """One game, seen by one learner.

    Args:
      values: [M, F] float64, unit value of every candidate per count of each feature.
      gap: [M] float64, payoff units per round.
      types: what is drawn in a round.
      digits: None when features are the values that `types` takes and candidates' values are linear in the
        counts; otherwise [n, J], the follower's type in each joint type: features are the followers' types,
        and a candidate's value is linear in the product of the marginals.
      num_types: K.
    """

    def __init__(
        self, values: np.ndarray, gap: np.ndarray, types: _Types, digits: np.ndarray | None, num_types: int
    ) -> None:
        self.values, self.gap, self.types, self.digits, self.num_types = values, gap, types, digits, num_types
        self.num_followers = 1 if digits is None else len(digits)
        self.num_features = values.shape[1] if digits is None else len(digits) * num_types
        self.longest_block = max(_LONG // types.num_parts, _BRIEF)
        if digits is not None:  # a round of a product costs much more, and beyond few joint types a jump
            self.longest_block = min(_LONG, _PRODUCT) if values.shape[1] <= _FEW_JOINT_TYPES else 0
        self.words = (
            _Words.of(types.marginals[0, 0])
            if digits is None and types.marginals[:, :, 0].size == 1
            else None
        )
        self._kappa = math.log(len(values)) - math.log(OVERLOOKED) if OVERLOOKED else math.inf
        self._row = np.full(len(values), -1)
        self._tables: list[np.ndarray] = []
        self._lock = threading.Lock()

    def counts(self, rng: np.random.Generator, rounds: np.ndarray) -> np.ndarray:
        """Counts [s, features] int64 over numbers of rounds [s]."""
        counts = self.types.counts(rng, rounds)
        if self.digits is None:
            return counts
        follower_types = self.digits[:, None, :] == np.arange(self.num_types)[:, None]  # [n, K, J]
        return counts @ follower_types.reshape(self.num_features, -1).T.astype(np.int64)

    def sample(self, rng: np.random.Generator, shape: tuple[int, int]) -> list[np.ndarray]:
        """Features of single rounds: arrays of this shape."""
        parts = self.types.sample(rng, shape)
        if self.digits is None:
            return parts
        return [row[parts[0]] + follower * self.num_types for follower, row in enumerate(self.digits)]

    def same_gap(self, best: np.ndarray) -> np.ndarray:
        """[s, M]: candidates that cost the same as the best one, itself included."""
        return np.abs(self.gap - self.gap[best][:, None]) <= _SAME_GAP * self.gap.max()

    def certain_rounds(
        self, lead: np.ndarray, counts: np.ndarray, seen: np.ndarray, best: np.ndarray
    ) -> np.ndarray:
        """Rounds [s, M] float64 for which each candidate surely stays behind the best one; inf for itself.

        A candidate behind the best one in order may draw level without being played, and be a little ahead;
        one before it may not even come within the tolerance of a tie.
        """
        slack = np.where(np.arange(lead.shape[1]) < best[:, None], 4 * _TOLERANCE, -_TOLERANCE / 4)
        with np.errstate(divide="ignore", invalid="ignore"):
            certain = (self._certain_linear if self.digits is None else self._certain_product)(
                lead - slack, slack, counts, seen, best
            )
        certain[np.arange(len(best)), best] = np.inf
        # One part in 10^9 less, so that rounding cannot lengthen a jump.
        return np.floor(np.maximum(certain * (1 - 1e-9), 0))

    def _certain_linear(
        self, lead: np.ndarray, slack: np.ndarray, counts: np.ndarray, seen: np.ndarray, best: np.ndarray
    ) -> np.ndarray:
        lead = lead * seen[:, None]
        mean, variance, most = (table[self._row[best]] for table in self._pairs(best))
        mean, most = mean + slack, most + slack
        # In sums, the lead shrinks by at most `most` a round.
        certain = np.where(most > 0, lead / most, np.inf)
        # A rival that is worse on average: Ville's inequality with Bernstein's exponent.
        forever = -mean / (variance / 2 - mean * (most - mean) / 3)
        certain = np.where((mean < 0) & (lead * forever >= self._kappa), np.inf, certain)
        run, rival = near = np.nonzero((certain < MAX_HORIZON) & (lead * most > self._kappa * variance))

        def moment(chosen: np.ndarray, tilt: np.ndarray) -> np.ndarray:
            gains = self.values[rival[chosen]] - self.values[best[run[chosen]]]
            return self.types.log_moment(gains, tilt) + tilt * slack[near][chosen]

        likely = self._unlikely_before(lead[near], mean[near], variance[near], most[near], moment)
        certain[near] = np.maximum(certain[near], likely)
        return certain

    def _certain_product(
        self, lead: np.ndarray, slack: np.ndarray, counts: np.ndarray, seen: np.ndarray, best: np.ndarray
    ) -> np.ndarray:
        """Two bounds, for t rounds seen and tau to come.

        For sure: tau rounds move each of n marginals by at most tau / (t + tau) in total variation, the
        product by n times that, and an expectation of f by that times max f - min f.

        In all probability: with w = tau / (t + tau), the product of the marginals (1 - w) m_i + w q_i is
        (1 - w)^n times the old one, plus (1 - w)^(n-1) w times terms with one q_i each, plus terms of a
        total weight of at most w^2 n (n - 1) / 2 that favour the rival by `most` at most. The linear terms
        are a random walk with known steps: Ville's inequality spends half of the lead on them, and the
        other terms may have the other half.
        """
        n = self.num_followers
        swing, most = (table[self._row[best]] for table in self._pairs(best))
        weight = np.maximum(seen, 1)[:, None].astype(np.float64)
        certain = np.where(n * swing > lead, weight * lead / (n * swing - lead), np.inf)
        certain = np.where(seen[:, None] > 0, certain, 0.0)  # before round 1 all candidates tie
        # (1 - w)^n >= 1/4, which also keeps the slack above a tolerance
        longest = np.minimum(np.sqrt(lead / (4 * n * (n - 1) * most)), 4 ** (1 / n) - 1) * weight
        # Only where it matters and may help: what stands in the way of a much longer jump.
        blocking = certain < np.minimum(
            longest, 64 * certain.min(axis=1, keepdims=True, where=certain > 0, initial=np.inf)
        )
        run, rival = near = np.nonzero(blocking & (lead * weight > 2 * _PROMISING) & (most > 0))
        if len(run) * self.values.shape[1] <= _SLICE_ENTRIES:
            steps = self._linear_steps(self.values[rival] - self.values[best[run]], counts[run], seen[run])
            likely = self._unlikely_before(
                (lead * weight)[near] / 2,
                *self.types.moments(steps),
                lambda chosen, tilt: self.types.log_moment(steps[chosen], tilt),
            )
            certain[near] = np.maximum(certain[near], np.minimum(likely, longest[near]))
        return certain

    def _linear_steps(self, gains: np.ndarray, counts: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """[P, J]: sum over followers of the mean gain where only this follower's type is that of J."""
        assert self.digits is not None
        n, K = self.num_followers, self.num_types
        marginals = counts.reshape(-1, n, K) / seen[:, None, None]
        steps = np.zeros_like(gains)
        for follower in range(n):
            rest = gains.reshape(-1, *(K,) * n)
            for other in reversed([i for i in range(n) if i != follower]):
                rest = np.moveaxis(rest, 1 + other, -1)
                rest = (rest * marginals[:, other].reshape(-1, *(1,) * (rest.ndim - 2), K)).sum(axis=-1)
            steps += rest[:, self.digits[follower]]
        return steps

    def _unlikely_before(
        self,
        lead: np.ndarray,
        mean: np.ndarray,
        variance: np.ndarray,
        most: np.ndarray,
        moment: Callable[[np.ndarray, np.ndarray], np.ndarray],
    ) -> np.ndarray:
        """Rounds [P] within which a walk reaches `lead` with a probability below 2^-64.

        Ville's inequality: sums S_t of gains reach d within tau rounds with probability at most
        exp(tau log E exp(a gain) - a d), for any a > 0 with a moment of at least 1.

        Args:
          lead, mean, variance, most: [P], of the sum now, and moments and maximum of a gain.
          moment: (some of the P, tilt a) -> log E exp(a gain).
        """
        tilt = np.minimum(2 * self._kappa / np.maximum(lead, 1e-300), _MAX_TILT)
        reach = tilt * (most - mean)
        # Bernstein's bound where it is sharp: it does not cancel. Elsewhere the moment, if it is cheap.
        growth = np.where(reach < 2, tilt * mean + tilt**2 * variance / (2 - reach * (2 / 3)), np.inf)
        blunt = np.nonzero(reach > 0.1)[0]
        if len(blunt) * self.values.shape[1] <= _SLICE_ENTRIES:
            growth[blunt] = moment(blunt, tilt[blunt])
        spare = tilt * lead - self._kappa
        return np.where(spare > 0, np.where(growth > 0, spare / growth, np.inf), 0.0)

    def _pairs(self, best: np.ndarray) -> list[np.ndarray]:
        """What a rival gains on candidate a in a round, as tables whose row `self._row[a]` is [M].

        Linear values: mean, variance and possible maximum. Otherwise: width and maximum of the values.
        """
        with self._lock:  # streams are threads
            for candidate in np.unique(best[self._row[best] < 0]):
                gains = self.values - self.values[candidate]
                rows: tuple[np.ndarray, ...]
                if self.digits is None:
                    rows = self.types.moments(gains)
                else:
                    rows = gains.max(axis=1) - gains.min(axis=1), gains.max(axis=1)
                old = self._tables or [row[:0, None] for row in rows]
                self._tables = [
                    np.vstack([table.reshape(-1, len(row)), row])
                    for table, row in zip(old, rows, strict=True)
                ]
                self._row[candidate] = len(self._tables[0]) - 1
        return self._tables

    def cost(
        self,
        rivals: np.ndarray,
        sums: np.ndarray,
        counts: np.ndarray,
        seen: np.ndarray,
        features: list[np.ndarray],
    ) -> np.ndarray:
        """Gap [s, B] of the candidate that each round of a block plays.

        Args:
          rivals: [s, k], ascending; no other candidate can win a round.
          sums: [s, k], their values summed over the rounds before the block.
          counts, seen: [s, features] and [s], before the block.
          features: of each round, see `sample`.
        """
        runs, length = features[0].shape
        tie = _TOLERANCE * (seen[:, None] + np.arange(length))
        leads = self._leads(rivals, sums, counts, seen, features)  # over the first candidate
        least = functools.reduce(np.maximum, leads, np.zeros((runs, length))) - tie
        gap = self.gap[rivals]
        cost = np.broadcast_to(gap[:, -1:], (runs, length))
        for candidate in range(rivals.shape[1] - 2, 0, -1):
            cost = np.where(leads[candidate - 1] >= least, gap[:, candidate, None], cost)
        return np.where(least <= 0, gap[:, :1], cost)

    def _leads(
        self,
        rivals: np.ndarray,
        sums: np.ndarray,
        counts: np.ndarray,
        seen: np.ndarray,
        features: list[np.ndarray],
    ) -> list[np.ndarray]:
        """k - 1 arrays [s, B]: lead in sums of each candidate over the first one, before every round."""
        runs, length = features[0].shape
        leads = []
        if self.digits is None:
            # Row of the run, then feature; the last round of the block decides nothing any more.
            places = [part[:, :-1] + np.arange(runs)[:, None] * self.num_features for part in features]
            for candidate in range(1, rivals.shape[1]):
                gains = (self.values[rivals[:, candidate]] - self.values[rivals[:, 0]]).ravel()
                lead = np.empty((runs, length))
                lead[:, 0] = sums[:, candidate] - sums[:, 0]
                lead[:, 1:] = gains.take(places[0])
                for place in places[1:]:
                    lead[:, 1:] += gains.take(place)
                leads.append(np.cumsum(lead, axis=1, out=lead))
            return leads
        rounds = np.maximum(seen[:, None] + np.arange(length), 1)
        shares: list[np.ndarray] = []  # of each type of each follower, before every round
        for part in features:
            for feature in range(len(shares), len(shares) + self.num_types):
                count = np.empty((runs, length))
                count[:, 0] = counts[:, feature]
                count[:, 1:] = part[:, :-1] == feature
                shares.append(np.cumsum(count, axis=1, out=count) / rounds)
        for candidate in range(1, rivals.shape[1]):
            gains = self.values[rivals[:, candidate]] - self.values[rivals[:, 0]]
            rest = [gain[:, None] for gain in gains.T]
            for follower in reversed(range(len(features))):
                own = shares[follower * self.num_types : (follower + 1) * self.num_types]
                groups = (
                    rest[start : start + self.num_types] for start in range(0, len(rest), self.num_types)
                )
                rest = [sum(g * s for g, s in zip(group, own, strict=True)) for group in groups]
            leads.append(rest[0] * rounds)
        return leads


def _scores(problem: _Problem, counts: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Mean unit values of all candidates, [s, M]; zero before round 1."""
    frequencies = counts / np.maximum(seen, 1)[:, None]
    if problem.digits is not None:
        marginals = frequencies.reshape(len(counts), -1, problem.num_types)
        frequencies = marginals[:, 0]
        for follower in range(1, marginals.shape[1]):
            product = frequencies[:, :, None] * marginals[:, follower, None, :]
            frequencies = product.reshape(len(counts), -1)
    return frequencies @ problem.values.T


def _problem(
    game: Game, types: TypeDistribution, product: bool, scoring: Scoring, gap: np.ndarray
) -> _Problem:
    n, num_types = game.num_followers, game.num_types
    if scoring.joint is not None:
        joint = _Types(np.ones(1), np.reshape(joint_probabilities(types), (1, 1, -1)))
        digits = np.indices((num_types,) * n).reshape(n, -1) if product else None
        return _Problem(np.asarray(scoring.joint), gap, joint, digits, num_types)
    if scoring.marginal is not None and isinstance(types, IndependentTypes | MixtureTypes):
        weights, marginals = (np.asarray(part) for part in types.mixture())
        return _Problem(np.asarray(scoring.marginal), gap, _Types(weights, marginals), None, num_types)
    raise ValueError(
        f"skip_ahead needs counts of types that decide the next choice: few joint types (here K**n = "
        f"{num_types}**{n}), or a leader payoff that is a sum over followers with IndependentTypes or "
        f"MixtureTypes. Here the payoff is {type(game.leader).__name__} and the types are "
        f"{type(types).__name__}. Simulate round by round: skip_ahead=False."
    )
