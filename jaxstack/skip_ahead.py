"""Learners with type feedback, jumping over the rounds in which their choice cannot change.

A learner that sees types plays the same commitment until another one could have caught up. Until then only
the *counts* of types matter, and the counts of many rounds are one multinomial draw. So a run is a chain of
jumps: each as long as provably nothing can change, its counts drawn at once. That is the distribution of
round-by-round play exactly, at a cost that grows with the number of possible switches (about log T past the
first rounds) and not with T. The draws are not those of round-by-round play.

Host code in float64 and int64: counts are exact to 2^63, where float32 samplers lose whole rounds past 2^24.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from jaxstack.distributions import IndependentTypes, MixtureTypes, TypeDistribution, joint_probabilities
from jaxstack.game import Game
from jaxstack.learners.candidates import Scoring
from jaxstack.learners.contract import tie_tolerance

RUNS_AT_ONCE = 256
"""Runs that share one random stream. Part of the definition of the random draws: never change it."""

MAX_HORIZON = 2**62
LEARNERS = ("erm_joint", "erm_product")

Draw = Callable[[np.random.Generator, np.ndarray], np.ndarray]  # rounds [s] int64 -> counts [s, F] int64


@dataclasses.dataclass(frozen=True)
class _Problem:
    """One game, seen by one learner.

    Attributes:
      values: [M, F] float64, unit value of every candidate per count of each feature.
      draw: counts of the features over a number of rounds.
      gap: [M] float64, payoff units per round.
      marginal_shape: None when values are linear in the counts; otherwise (n, K), counts are those of the
        followers' types, and a candidate's value is linear in the product of the marginals.
    """

    values: np.ndarray
    draw: Draw
    gap: np.ndarray
    marginal_shape: tuple[int, int] | None


def check_learner(learner: str) -> None:
    """Raise ValueError for a learner whose next choice has no proven bound."""
    if learner not in LEARNERS:
        raise ValueError(
            f"skip_ahead works for learners that see types and whose next choice has a proven bound "
            f"({', '.join(LEARNERS)}), not for {learner}. Simulate it round by round: skip_ahead=False."
        )


def run(
    key: jax.Array,
    game: Game,
    types: TypeDistribution,
    learner: str,
    scoring: Scoring,
    gap: np.ndarray,
    rounds: np.ndarray,
    num_runs: int,
    progress: Callable[[int, int], None] | None,
) -> np.ndarray:
    """Cumulative regret of one game, [S, C] float64, payoff units.

    Args:
      key: typed key; streams depend on it and on the number of the run divided by `RUNS_AT_ONCE`.
      game, types: one game.
      learner: one of `LEARNERS`.
      scoring: candidates and their values (`candidates.prepare_scoring`).
      gap: [R, V], U_D(x*) - U_D(vertex).
      rounds: [C] int64 checkpoints, the last is the horizon.
      num_runs: S.
      progress: called with (rounds x runs done, total).

    Raises:
      ValueError: types whose counts are not finite (see the message).
    """
    problem = _problem(
        game, types, learner, scoring, gap[scoring.candidates.region, scoring.candidates.vertex]
    )
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
    values = problem.values
    # lead[a, b]: the most that candidate b can gain on candidate a in one round; swing: widest difference.
    difference = values[None, :, :] - values[:, None, :]
    most, least = difference.max(axis=2), difference.min(axis=2)
    features = problem.draw(rng, np.zeros(1, np.int64)).shape[1]
    counts = np.zeros((RUNS_AT_ONCE, features), np.int64)
    played = np.zeros(RUNS_AT_ONCE, np.int64)
    regret = np.zeros(RUNS_AT_ONCE)
    curve = np.zeros((RUNS_AT_ONCE, len(rounds)))
    active = np.arange(RUNS_AT_ONCE)
    while active.size:
        seen = played[active]
        scores = _scores(problem, counts[active], seen)  # mean unit values, [s, M]
        best = (scores >= scores.max(axis=1, keepdims=True) - tie_tolerance(np.float64)).argmax(axis=1)
        lead = scores[np.arange(len(best)), best][:, None] - scores
        certain = _certain_rounds(problem, lead, seen, best, most[best], most[best] - least[best])
        jump = np.minimum(certain + 1, rounds[-1] - seen)  # this round is played in any case
        gap = problem.gap[best]
        passed = rounds - seen[:, None]
        inside = (passed > 0) & (passed <= jump[:, None])
        curve[active] = np.where(inside, regret[active][:, None] + gap[:, None] * passed, curve[active])
        regret[active] += gap * jump
        counts[active] += problem.draw(rng, jump)
        played[active] += jump
        active = active[played[active] < rounds[-1]]
    return curve


def _certain_rounds(
    problem: _Problem,
    lead: np.ndarray,
    seen: np.ndarray,
    best: np.ndarray,
    most: np.ndarray,
    swing: np.ndarray,
) -> np.ndarray:
    """Rounds [s] after which the choice is surely still the same, whatever types appear in them.

    A candidate behind the best one in order may draw level without being played; one before it may not even
    come within the tolerance of a tie.
    """
    before = np.arange(lead.shape[1]) < best[:, None]
    lead = lead - np.where(before, 4 * tie_tolerance(np.float64), 0.0)
    weight = np.maximum(seen, 1)[:, None].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        if problem.marginal_shape is None:
            # The lead in sums shrinks by at most `most` a round.
            allowed = np.where(most > 0, lead * weight / most, np.inf)
        else:
            # tau rounds move each of n marginals by at most tau / (t + tau) in total variation, the product
            # by n times that, and an expectation of f by that times max f - min f.
            reach = problem.marginal_shape[0] * swing
            allowed = np.where(reach > lead, weight * lead / (reach - lead), np.inf)
    allowed = np.where(np.arange(lead.shape[1]) == best[:, None], np.inf, allowed)
    allowed = np.where(seen[:, None] > 0, allowed, 0.0)  # before round 1 all candidates tie
    # One part in 10^9 less, so that rounding cannot lengthen a jump.
    return np.floor(np.clip(allowed.min(axis=1) * (1 - 1e-9), 0, MAX_HORIZON)).astype(np.int64)


def _scores(problem: _Problem, counts: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Mean unit values of all candidates, [s, M]; zero before round 1."""
    frequencies = counts / np.maximum(seen, 1)[:, None]
    if problem.marginal_shape is not None:
        marginals = frequencies.reshape(-1, *problem.marginal_shape)
        frequencies = marginals[:, 0]
        for follower in range(1, marginals.shape[1]):
            product = frequencies[:, :, None] * marginals[:, follower, None, :]
            frequencies = product.reshape(len(counts), -1)
    return frequencies @ problem.values.T


def _problem(
    game: Game, types: TypeDistribution, learner: str, scoring: Scoring, gap: np.ndarray
) -> _Problem:
    n, num_types = game.num_followers, game.num_types
    if scoring.joint is not None:
        probabilities = joint_probabilities(types)

        def joint_counts(rng: np.random.Generator, rounds: np.ndarray) -> np.ndarray:
            return rng.multinomial(rounds, probabilities)

        if learner == "erm_joint":
            return _Problem(np.asarray(scoring.joint), joint_counts, gap, None)
        digits = np.indices((num_types,) * n).reshape(n, -1)  # type of follower i in joint type j
        to_marginals = (digits[:, None, :] == np.arange(num_types)[:, None]).reshape(n * num_types, -1)

        def marginal_counts(rng: np.random.Generator, rounds: np.ndarray) -> np.ndarray:
            return joint_counts(rng, rounds) @ to_marginals.T.astype(np.int64)

        return _Problem(np.asarray(scoring.joint), marginal_counts, gap, (n, num_types))
    if scoring.marginal is not None and isinstance(types, IndependentTypes | MixtureTypes):
        weights, marginals = (np.asarray(part) for part in types.mixture())

        def follower_counts(rng: np.random.Generator, rounds: np.ndarray) -> np.ndarray:
            by_component = rng.multinomial(rounds, weights)  # [s, C]
            counts: Any = sum(
                rng.multinomial(by_component[:, c, None], marginals[c][None]) for c in range(len(weights))
            )
            return counts.reshape(len(rounds), -1)

        return _Problem(np.asarray(scoring.marginal), follower_counts, gap, None)
    raise ValueError(
        f"skip_ahead needs counts of types that decide the next choice: few joint types (here K**n = "
        f"{num_types}**{n}), or a leader payoff that is a sum over followers with IndependentTypes or "
        f"MixtureTypes. Here the payoff is {type(game.leader).__name__} and the types are "
        f"{type(types).__name__}. Simulate round by round: skip_ahead=False."
    )
