"""How far a jump may go: against everything that may come, and against exact probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jaxstack.jumps import chain, problem
from jaxstack.jumps.draws import Mixture
from jaxstack.jumps.linear import LinearProblem
from jaxstack.jumps.product import ProductProblem
from tests.jumps import plain

pytestmark = pytest.mark.once

ANY_OF = 1.0 - (np.arange(8) == 0)  # 1 where any of three followers has type 1


def one_part(probabilities: Any) -> Mixture:
    return Mixture(np.ones(1), np.asarray(probabilities, float).reshape(1, 1, -1))


def linear(values: Any, probabilities: Any) -> LinearProblem:
    values = np.asarray(values, float)
    return LinearProblem(values, np.arange(len(values)) + 0.0, one_part(probabilities))


def product(values: Any, n: int) -> ProductProblem:
    values = np.asarray(values, float)
    J = values.shape[1]
    return ProductProblem(values, np.arange(len(values)) + 0.0, one_part(np.full(J, 1 / J)), n, 2)


def balanced(candidates: int, values: int) -> np.ndarray:
    """The same values in other orders: all candidates have the same mean under uniform types."""
    rows = np.tile([0.0, 0.25, 0.875, 0.125][:values], (candidates, 1))
    return np.random.default_rng(0).permuted(rows, axis=1)


# Without probabilities: nothing that may come changes the choice ---------------------------------------

SURE = {
    "two types": linear(np.eye(2), [0.6, 0.4]),
    "two types, the second first": linear(np.eye(2), [0.3, 0.7]),
    "three types": linear(balanced(3, 3), [0.4, 0.3, 0.3]),
    "more candidates": linear(balanced(6, 3), [0.2, 0.2, 0.6]),
    "product of two": product([[1, 0.25, 0.5, 0], [0, 0.5, 0.25, 0.75]], 2),
    "product of three": product(np.stack([np.full(8, 0.3), ANY_OF * 0.9]), 3),
}


@pytest.mark.parametrize("name", SURE)
def test_no_sequence_of_types_changes_the_choice_within_a_jump(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problem, "OVERLOOKED", 0.0)
    of = SURE[name]
    of = type(of)(
        of.values, of.gap, of.types, *((of.num_followers, 2) if isinstance(of, ProductProblem) else ())
    )
    monkeypatch.setattr(chain, "RUNS_AT_ONCE", 24)
    monkeypatch.setattr(type(of), "longest_block", 0)
    jumps: set[tuple[tuple[int, ...], int, float]] = set()
    record = chain.Runs.jump

    def jump(runs: Any, these: Any, length: Any, gap: Any, counts: Any) -> None:
        for before, rounds, cost in zip(runs.counts[these], length, gap, strict=True):
            jumps.add((tuple(before.tolist()), int(rounds), float(cost)))
        record(runs, these, length, gap, counts)

    monkeypatch.setattr(chain.Runs, "jump", jump)
    chain.play(of, np.random.default_rng(0), np.array([16]))
    assert max(rounds for _, rounds, _ in jumps) > 2
    assert len({cost for _, _, cost in jumps}) > 1
    for before, rounds, cost in jumps:
        for after in range(rounds):
            if isinstance(of, ProductProblem):
                choices = plain.product_choices_after(of.values, np.reshape(before, (-1, 2)), after)
            else:
                choices = plain.linear_choices_after(of.values, np.array(before), after)
            assert {of.gap[choice] for choice in choices} == {cost}, (before, rounds, after)


def certain(of: Any, counts: Any, seen: int) -> np.ndarray:
    """Certain rounds [M] after these counts."""
    counts, seen = np.atleast_2d(counts), np.array([seen])
    scores = of.scores(counts, seen)
    best = np.array([plain.choice(scores[0])])
    return of.certain_rounds(scores[:, best[0]][:, None] - scores, counts, seen, best)[0]


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_every_follower_may_move_the_product(n: int) -> None:
    """The value of "any follower has type 1" grows n times as fast as one marginal does."""
    any_of = 1.0 - (np.arange(2**n) == 0)
    of = product(np.stack([np.full(2**n, 0.1), any_of]), n)
    seen = 1_000  # in all of which everybody had type 0
    rounds = certain(of, np.tile([seen, 0], n), seen)[1]
    longest = next(t for t in range(1, seen) if 1 - (seen / (seen + t)) ** n > 0.1) - 1
    assert 0.9 * longest - 1 <= rounds <= longest


@pytest.mark.parametrize("lead", [1, 2, 7, 40])
@pytest.mark.parametrize("best", [0, 1])
def test_a_lead_of_d_lasts_d_rounds(best: int, lead: int) -> None:
    """Rounds after which the choice is still the same: the first candidate may draw level, the second not."""
    counts = [30 + lead, 30] if best == 0 else [30, 30 + lead]
    assert certain(linear(np.eye(2), [0.5, 0.5]), counts, 60 + lead)[1 - best] == lead - 1


def test_a_candidate_before_the_best_may_not_come_within_the_tolerance() -> None:
    """At 10^15 rounds the tolerance of a tie is 7.1 rounds: of a lead of 11, four rounds are too many."""
    half = (10**15 - 11) // 2
    of = linear(np.eye(2), [0.5, 0.5])
    assert certain(of, [half, half + 11], 2 * half + 11)[0] <= 3


# With probabilities: what is overlooked, exactly -------------------------------------------------------


def chance_of_a_change(gains: np.ndarray, probabilities: np.ndarray, lead: int, rounds: int) -> float:
    """Probability that integer gains come to more than `lead` within these rounds; by all positions."""
    width = rounds * int(-gains.min())
    law = np.zeros(width + lead + 1)  # position -width..lead; beyond it, the choice has changed
    law[width] = 1.0
    changed = 0.0
    for _ in range(rounds):
        after = np.zeros_like(law)
        for gain, probability in zip(gains, probabilities, strict=True):
            if gain >= 0:
                changed += probability * law[len(law) - gain :].sum()
                after[gain:] += probability * law[: len(law) - gain]
            else:
                after[:gain] += probability * law[-gain:]
        law = after
    return changed


@pytest.mark.parametrize(
    ("values", "probabilities", "lead"),
    [
        (np.eye(2), [0.5, 0.5], 120),
        (np.eye(2), [0.5, 0.5], 250),
        (np.eye(2), [0.52, 0.48], 180),
        (np.eye(2), [0.47, 0.53], 300),
        ([[0.0, 1, 1 / 3], [1, 2 / 3, 0]], [0.2, 0.4, 0.4], 200),
    ],
)
def test_a_jump_overlooks_less_than_it_says(values: Any, probabilities: Any, lead: int) -> None:
    values, probabilities = np.asarray(values), np.asarray(probabilities)
    gains = np.rint(3 * (values[1] - values[0])).astype(int)
    gains //= np.gcd.reduce(gains)
    of = linear(values, probabilities)
    seen = 4_000
    unit = (values[1] - values[0])[gains != 0][0] / gains[gains != 0][0]
    ahead = np.array([[0.0, lead * unit / seen]])
    rounds = of.certain_rounds(ahead, np.zeros((1, values.shape[1])), np.array([seen]), np.array([0]))[0, 1]
    sure = lead // gains.max()
    assert sure < rounds < 5_000
    assert 0 < chance_of_a_change(gains, probabilities, lead, int(rounds)) < 2.0**-64


@pytest.mark.parametrize("advantage", [0.02, 0.05, 0.2])
def test_a_lead_over_a_worse_candidate_lasts_for_ever(advantage: float) -> None:
    """Gambler's ruin: a walk with steps up of probability p ever gains more than d with (p / q)^(d + 1)."""
    of = linear(np.eye(2), [0.5 + advantage, 0.5 - advantage])
    odds = (0.5 - advantage) / (0.5 + advantage)
    seen = 100_000

    def lasts(lead: int) -> bool:
        ahead = np.array([[0.0, lead / seen]])
        return bool(
            np.isinf(of.certain_rounds(ahead, np.zeros((1, 2)), np.array([seen]), np.array([0]))[0, 1])
        )

    least = next(lead for lead in range(1, 10_000) if lasts(lead))
    assert odds ** (least + 1) < 2.0**-64 < odds ** (least / 3)


def test_the_product_overlooks_less_than_it_says() -> None:
    """Two followers with two types: every pair of counts, round by round."""
    gains, seen, probability = np.array([[-1.0, 0.5], [0.5, 0.0]]), 5_000, 0.25
    ones = 2_296  # rounds with type 1, of either follower
    of = product(np.stack([np.full(4, 0.5), 0.5 + gains.ravel() / 2]), 2)
    rounds = int(certain(of, [seen - ones, ones] * 2, seen)[1])
    share = np.array([seen - ones, ones]) / seen
    lead = -(share @ gains @ share) / 2
    assert rounds > 1.1 * seen * lead / (2 * 0.75 - lead)  # more than what is sure
    law = np.zeros((rounds + 2, rounds + 2))
    law[0, 0] = 1.0
    changed = 0.0
    for after in range(1, rounds + 1):
        law = probability * (law + np.roll(law, 1, 0) + np.roll(law, 1, 1) + np.roll(law, 1, (0, 1)))
        one = (ones + np.arange(len(law))) / (seen + after)
        value = (
            gains[0, 0] * np.outer(1 - one, 1 - one)
            + gains[0, 1] * np.outer(1 - one, one)
            + gains[1, 0] * np.outer(one, 1 - one)
            + gains[1, 1] * np.outer(one, one)
        )
        changed += law[value > 0].sum()
        law[value > 0] = 0
    assert 0 < changed < 2.0**-64
