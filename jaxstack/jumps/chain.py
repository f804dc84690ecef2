"""The host loop of jumps and blocks, over streams of runs.

A learner that sees types plays the same commitment until another one could have caught up. Until then only
the *counts* of types matter, and the counts of many rounds are one multinomial draw. So a run is a chain of
*jumps*, each as long as nothing can change; where the next change is too near, a *block* of rounds is played
one by one, among the few candidates that can be played in it.

Nothing can change for two reasons, and a jump is as long as the better one allows. Either no sequence of
types could let a rival catch up: a lead d lasts d rounds, up to a factor. Or a rival's lag is a random walk
whose steps the simulation knows (the learner does not), and Ville's inequality bounds the probability that
it gets there within the jump: a lead d lasts d^2 rounds, and for ever over a rival that is worse by more than
the noise. That probability is kept below 2^-64 a jump, so the law of a run is that of round-by-round play up
to 10^-12 in total variation for ten million jumps. The draws are not those of round-by-round play.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np

from jaxstack.distributions import IndependentTypes, MixtureTypes, TypeDistribution, joint_probabilities
from jaxstack.game import Game
from jaxstack.jumps.draws import Mixture, count_features
from jaxstack.jumps.linear import LinearProblem
from jaxstack.jumps.problem import MAX_HORIZON, SLICE_ENTRIES, TOLERANCE, Problem
from jaxstack.jumps.product import ProductProblem
from jaxstack.learners.candidates import Scoring
from jaxstack.learners.contract import Jumps, Learner
from jaxstack.sequences import SequenceTypes

RUNS_AT_ONCE = 256
"""Runs that share one random stream. Part of the definition of the random draws: never change it."""

_BLOCK_ENTRIES = 1 << 19  # runs x rounds of a block, from _SHORT rounds up to the longest block of a problem
_SHORT = 1024
_BRIEF = 16  # rounds of a block among many candidates, at least ..
_MANY = 8  # .. more candidates than these are many


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
    if learner.plays != "vertices":
        raise ValueError(
            f"skip_ahead jumps between vertices of a table, but {name} plays {learner.plays!r}. Simulate it "
            f"round by round: skip_ahead=False."
        )
    return jumps


def check_types(types: TypeDistribution) -> None:
    """Raise ValueError where rounds are given: a jump goes over rounds that are drawn."""
    if isinstance(types, SequenceTypes):
        raise ValueError(
            "skip_ahead draws the types of many rounds at once, but SequenceTypes gives every round its own. "
            "Simulate it round by round (skip_ahead=False), or use .empirical(), which draws its rounds at "
            "random."
        )


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
    # As the game is alone: how far a jump goes follows from the number of candidates, too.
    scoring = scoring.without_padding()
    of_candidates = gap[scoring.candidates.region, scoring.candidates.vertex]
    problem = problem_of(game, types, check_learner(learner), scoring, of_candidates)
    seed = np.asarray(jax.random.key_data(key)).ravel().tolist()
    starts = range(0, num_runs, RUNS_AT_ONCE)
    done = 0

    def stream(start: int) -> np.ndarray:
        return play(problem, np.random.default_rng([*seed, start // RUNS_AT_ONCE]), rounds)

    curves = []
    with ThreadPoolExecutor() as pool:  # NumPy's samplers and products release the interpreter lock
        for start, curve in zip(starts, pool.map(stream, starts), strict=True):
            curves.append(curve)
            done = min(start + RUNS_AT_ONCE, num_runs)
            if progress is not None:
                progress(done * int(rounds[-1]), num_runs * int(rounds[-1]))
    return np.concatenate(curves)[:num_runs]


def problem_of(
    game: Game, types: TypeDistribution, jumps: Jumps, scoring: Scoring, gap: np.ndarray
) -> Problem:
    """The kind of problem that a learner's jumps ask for; `gap` [M]."""
    n, num_types = game.num_followers, game.num_types
    if scoring.joint is not None:
        digits, probabilities = None, joint_probabilities(types)
        if game.available is not None:
            digits = np.asarray(game.joint_types(), np.int64).T  # [n, J]
            probabilities = probabilities[np.ravel_multi_index(tuple(digits), (num_types,) * n)]
            # Nothing is learnt of followers with one type, and a batch may have added some.
            digits = digits[digits.any(axis=1)] if digits.any() else digits[:1]
            n = len(digits)
        joint = Mixture(np.ones(1), np.reshape(probabilities, (1, 1, -1)))
        # A batch has columns for its largest game.
        values = np.asarray(scoring.joint)[:, : len(probabilities)]
        if jumps.product:
            return ProductProblem(values, gap, joint, n, num_types, digits)
        return LinearProblem(values, gap, joint)
    if scoring.marginal is not None and isinstance(types, IndependentTypes | MixtureTypes):
        weights, marginals = (np.asarray(part) for part in types.mixture())
        if types.words is not None:  # what a batch has added draws nothing
            words, first = (int(number) for number in types.words)
            own = slice(None if first else 1)
            weights, marginals = weights[own], marginals[own, : words - first]
        values = np.asarray(scoring.marginal)[:, : marginals[0].size]
        return LinearProblem(values, gap, Mixture(weights, marginals))
    raise ValueError(
        f"skip_ahead needs counts of types that decide the next choice: few joint types (here K**n = "
        f"{num_types}**{n}), or a leader payoff that is a sum over followers with IndependentTypes or "
        f"MixtureTypes. Here the payoff is {type(game.leader).__name__} and the types are "
        f"{type(types).__name__}. Simulate round by round: skip_ahead=False."
    )


def play(problem: Problem, rng: np.random.Generator, rounds: np.ndarray) -> np.ndarray:
    """Curves [RUNS_AT_ONCE, C] of one stream's runs."""
    runs = Runs(rounds, problem.num_features)
    active = np.arange(RUNS_AT_ONCE)
    while active.size:
        seen = runs.played[active]
        left = rounds[-1] - seen
        scores = problem.scores(runs.counts[active], seen)  # mean unit values, [s, M]
        best = (scores >= scores.max(axis=1, keepdims=True) - TOLERANCE).argmax(axis=1)
        lead = scores[np.arange(len(best)), best][:, None] - scores
        certain = problem.certain_rounds(lead, runs.counts[active], seen, best)
        # This round is played in any case. Who has the same gap may take over: it costs nothing.
        jump = np.where(problem.same_gap(best), np.inf, certain).min(axis=1)
        jump = np.minimum(np.minimum(jump, MAX_HORIZON).astype(np.int64) + 1, left)

        length, width = block_sizes(problem, certain, jump, left)
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


def block_sizes(
    problem: Problem, certain: np.ndarray, jump: np.ndarray, left: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rounds [s] to be played one by one (0: jump instead) and among at most how many candidates [s]."""
    none = np.zeros(len(jump), np.int64)
    waiting = (jump < problem.longest_block) & (jump < left)
    if not waiting.any():
        return none, none
    longest = 1 << int(math.log2(_BLOCK_ENTRIES / waiting.sum()))
    longest = min(max(longest, _SHORT), problem.longest_block)
    rivals = (certain < longest).sum(axis=1) + 1
    width = 1 << np.ceil(np.log2(np.maximum(rivals, 2))).astype(np.int64)
    length = np.clip(longest * _MANY // width, _BRIEF, longest)
    length = np.where((jump < length) & waiting, length, 0)
    return length, width


def _groups(problem: Problem, length: np.ndarray, width: np.ndarray) -> Iterator[np.ndarray]:
    """Indices of the runs that play a block, together where the number of candidates is similar."""
    for size in np.unique(width[length > 0]):
        group = np.nonzero((length > 0) & (width == size))[0]
        at_once = max(1, SLICE_ENTRIES // int(size * length[group[0]] * problem.types.num_parts))
        yield from (group[start : start + at_once] for start in range(0, len(group), at_once))


def _play_block(
    problem: Problem,
    rng: np.random.Generator,
    runs: Runs,
    these: np.ndarray,
    rivals: np.ndarray,
    sums: np.ndarray,
    length: int,
) -> None:
    """Play `length` rounds of the runs `these` [s] among `rivals` [s, k], whose sums of values are [s, k]."""
    seen = runs.played[these]
    bundles = problem.bundles
    if bundles is not None and rivals.shape[1] == 2:
        whole = length // bundles.length * bundles.length
        plain = runs.checkpoints_within(these, np.full(len(these), whole))[0]
        bundled = np.ones(len(these), bool)
        bundled[plain] = False  # a curve needs the cost of single rounds
        if bundled.any():
            part = these[bundled]
            lead = sums[bundled, 1] - sums[bundled, 0]
            drawn = bundles.sample(rng, (len(part), whole // bundles.length))
            cost = bundles.cost(rivals[bundled], lead, seen[bundled], drawn)
            runs.advance(part, whole, cost, bundles.counts(drawn))
            these, rivals, sums, seen = these[plain := ~bundled], rivals[plain], sums[plain], seen[plain]
    if these.size:
        features = problem.sample(rng, (len(these), length))
        cost = problem.cost(rivals, sums, runs.counts[these], seen, features)
        runs.play(these, cost, count_features(features, problem.num_features))


class Runs:
    """Runs of one stream so far: counts of features [s, F], rounds played [s], regret [s], curve [s, C]."""

    def __init__(self, rounds: np.ndarray, num_features: int) -> None:
        self.rounds = rounds
        self.counts = np.zeros((RUNS_AT_ONCE, num_features), np.int64)
        self.played = np.zeros(RUNS_AT_ONCE, np.int64)
        self.regret = np.zeros(RUNS_AT_ONCE)
        self.curve = np.zeros((RUNS_AT_ONCE, len(rounds)))

    def checkpoints_within(self, runs: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which runs (position in `runs`) reach which checkpoints in the next `length` [s] rounds."""
        first = np.searchsorted(self.rounds, self.played[runs], side="right")
        last = np.searchsorted(self.rounds, self.played[runs] + length, side="right")
        row = np.repeat(np.arange(len(runs)), last - first)
        return row, np.arange(len(row)) - np.repeat(np.cumsum(last - first) - last, last - first)

    def jump(self, runs: np.ndarray, length: np.ndarray, gap: np.ndarray, counts: np.ndarray) -> None:
        """Rounds [s] in all of which the gap [s] is the same."""
        row, which = self.checkpoints_within(runs, length)
        until = self.rounds[which] - self.played[runs[row]]
        self.curve[runs[row], which] = self.regret[runs[row]] + gap[row] * until
        self.advance(runs, length, gap * length, counts)

    def play(self, runs: np.ndarray, cost: np.ndarray, counts: np.ndarray) -> None:
        """Rounds with gaps `cost` [s, B], up to the horizon."""
        length = np.minimum(cost.shape[1], self.rounds[-1] - self.played[runs])
        row, which = self.checkpoints_within(runs, length)
        if row.size:  # also at the horizon
            cost = np.cumsum(cost, axis=1)
            until = self.rounds[which] - self.played[runs[row]]
            self.curve[runs[row], which] = self.regret[runs[row]] + cost[row, until - 1]
            self.advance(runs, length, cost[:, -1], counts)
        else:
            self.advance(runs, length, cost.sum(axis=1), counts)

    def advance(
        self, runs: np.ndarray, length: np.ndarray | int, regret: np.ndarray, counts: np.ndarray
    ) -> None:
        """Rounds [s] with summed gaps and counts of features."""
        self.regret[runs] += regret
        self.counts[runs] += counts
        self.played[runs] += length
