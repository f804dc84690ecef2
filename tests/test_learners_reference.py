"""Every learner, round by round, against a slow loop on the same draws, in float64."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import scipy.stats

from jaxstack import learners
from jaxstack.distributions import IndependentTypes, MixtureTypes
from jaxstack.game import Game
from jaxstack.learners import candidates
from jaxstack.payoffs import SeparablePayoff, TabularPayoff
from jaxstack.regions import enumerate_regions
from jaxstack.regions.table import RegionTable
from jaxstack.simulation import Trace, play
from tests import games
from tests.reference import learners as reference
from tests.reference import value

pytestmark = pytest.mark.once

HORIZON = 230  # neither a multiple nor a divisor of the block of rounds
# Rules whose loops, and what to compare them by, are too long for one file with the others.
ELSEWHERE = {
    "shared_posterior": "tests/posterior/test_learners.py",
    "marginal_posterior": "tests/posterior/test_learners.py",
    "vector_oful": "tests/test_vector_oful.py",
}
LEARNERS = tuple(name for name in learners.ROSTER if name not in ELSEWHERE)
LEARNING = [name for name in LEARNERS if learners.by_name(name).feedback not in ("none", "optimum")]
DRAWING = [name for name in LEARNERS if learners.by_name(name).draws]


def constant_payoff() -> games.Case:
    """The leader earns the same whatever happens: everything ties for ever."""
    follower = np.random.default_rng(5).uniform(-1, 1, (2, 2, 3, 2))
    types = IndependentTypes([[0.5, 0.5], [0.2, 0.8]])
    return games.Case("constant payoff", Game(SeparablePayoff(np.full((2, 3, 2), -0.75)), follower), types)


def mirrored_game() -> games.Case:
    """Swapping leader actions and follower actions changes nothing: optimal regions come in tied pairs."""
    follower = np.array([[[[2, 0], [0, 2]], [[1, 0], [0, 1]]]] * 2, float)
    table = np.zeros((2, 2, 2))
    table[0, 1, 1] = table[1, 0, 0] = 4
    table[0, 0, 1] = table[1, 1, 0] = 1
    types = MixtureTypes.correlated(np.full((2, 2), 0.5), 0.5)
    return games.Case("mirrored", Game(TabularPayoff(table), follower), types)


def close_races() -> list[games.Case]:
    """Random games whose best commitments earn nearly the same: what looks best changes 10 times or more."""
    plan: list[
        tuple[games.Shape, int, int]
    ] = [  # shape, seed, index: tabular joint, anonymous independent, ..
        ((2, 2, 3, 3), 1, 0),
        ((3, 2, 3, 2), 20, 7),
        ((3, 2, 3, 2), 47, 4),
        ((2, 3, 3, 2), 11, 8),
        ((2, 3, 3, 2), 45, 1),
    ]
    return [list(games.random_games(index + 1, seed, (shape,)))[index] for shape, seed, index in plan]


SHAPES: tuple[games.Shape, ...] = ((2, 2, 3, 3), (4, 1, 3, 2), (3, 2, 2, 2), (2, 3, 2, 2), (3, 1, 2, 3))
RACES = close_races()
DEGENERATE = [*list(games.degenerate_games(11, 7, SHAPES))[::3], constant_payoff(), mirrored_game()]
CASES = RACES + DEGENERATE
FEW = [*RACES[::2], *DEGENERATE[1:-2:5], *DEGENERATE[-2:]]  # for learners to measure others by


def cases_of(learner: str) -> list[games.Case]:
    """The cases on which a learner is compared: every one where a theorem speaks of it."""
    return FEW if learners.by_name(learner).theorem is None else CASES


COMPARED = [(case, learner) for learner in LEARNERS for case in cases_of(learner)]


def name_of(case: Any) -> str | None:
    return case.name.replace(" ", "-") if isinstance(case, games.Case) else None


@functools.cache
def played(case: games.Case, learner: str, radius_scale: float | None = None) -> tuple[Trace, RegionTable]:
    """One run of a learner, with the table it played on."""
    hparams = None if radius_scale is None else {"radius_scale": radius_scale}
    table = enumerate_regions(case.game)
    with jax.enable_x64(True):
        trace = play(
            jax.random.key(11),
            case.game,
            case.types,
            learners.by_name(learner),
            horizon=HORIZON,
            table=table,
            hparams=hparams,
        )
    assert trace.types.shape == (HORIZON, case.game.num_followers)
    return trace, table


def first_difference(
    case: games.Case, learner: str, radius_scale: float | None = None, wrong: dict[str, Any] | None = None
) -> int | None:
    """First round (1, 2, ..) in which the learner and the slow loop on the same types differ, or None.

    `wrong`: arguments with which the loop differs from the learner.
    """
    trace, _ = played(case, learner, radius_scale)
    arguments = {} if radius_scale is None else {"radius_scale": radius_scale}
    expected = reference_of(case, learner, radius_scale, {**arguments, **(wrong or {})})
    if learners.by_name(learner).plays == "commitments":
        different = ~np.isclose(expected, trace.commitment, rtol=0, atol=1e-9).all(axis=1)
    elif expected.ndim == 2:
        different = (expected != np.stack([trace.region, trace.vertex], axis=1)).any(axis=1)
    else:  # the rule leaves a choice
        different = expected[np.arange(HORIZON), trace.region, trace.vertex] == 0
    return int(np.flatnonzero(different)[0]) + 1 if different.any() else None


def reference_of(
    case: games.Case, learner: str, radius_scale: float | None, more: dict[str, Any]
) -> np.ndarray:
    """What the slow loop of a learner says of the run that was played."""
    trace, table = played(case, learner, radius_scale)
    arguments: dict[str, Any] = {"types": trace.types}
    if learners.by_name(learner).feedback == "optimum":
        arguments["distribution"] = case.types
    if learners.by_name(learner).draws:
        arguments["plays"] = np.stack([trace.region, trace.vertex], axis=1)
    expected: np.ndarray = getattr(reference, learner)(case.game, table, **{**arguments, **more})
    assert len(expected) == HORIZON
    return expected


def ranks(learner: str, cases: list[games.Case], vertices_first: bool = False) -> np.ndarray:
    """Where each play of a learner that draws lies in the distribution that the slow loop gives it.

    Uniform on [0, 1] and independent if that is how it is drawn (Rosenblatt, Ann. Math. Stat. 1952), in
    whatever order regions and vertices are laid out.
    """
    found, generator, rounds = [], np.random.default_rng(0), np.arange(HORIZON)
    for case in cases:
        likely = reference_of(case, learner, None, {})
        place = (played(case, learner)[0].region, played(case, learner)[0].vertex)
        if vertices_first:
            likely, place = likely.swapaxes(1, 2), place[::-1]
        index = np.ravel_multi_index(place, likely.shape[1:])
        likely = likely.reshape(HORIZON, -1)
        chance = likely[rounds, index]
        below = np.cumsum(likely, axis=1)[rounds, index] - chance
        found.append(below + chance * generator.uniform(size=HORIZON))
    return np.concatenate(found)


def p_value(learner: str, change: Callable[[np.ndarray], np.ndarray] = np.asarray) -> float:
    """That a learner draws as the slow loop says, and every round anew: the smallest of several tests."""
    samples = []
    for vertices_first in (False, True):
        place = change(ranks(learner, FEW, vertices_first))
        samples += [place, (place[1:] - place[:-1]) % 1]
    return min(float(scipy.stats.kstest(sample, "uniform").pvalue) for sample in samples)


@pytest.mark.parametrize(("case", "learner"), COMPARED, ids=name_of)
def test_plays_what_the_slow_loop_plays(case: games.Case, learner: str) -> None:
    assert first_difference(case, learner) is None


@pytest.mark.parametrize("learner", DRAWING)
def test_draws_as_the_slow_loop_says(learner: str) -> None:
    assert p_value(learner) > 1e-3


@pytest.mark.parametrize("learner", ["region_ucb", "oful"])
@pytest.mark.parametrize("case", CASES[::4], ids=name_of)
def test_small_confidence_radius(case: games.Case, learner: str) -> None:
    # At radius_scale = 1 so short a run hardly leaves exploration.
    assert first_difference(case, learner, radius_scale=0.05) is None


@pytest.mark.parametrize("learner", ["erm_joint", "erm_product"])
@pytest.mark.parametrize("case", CASES[1::3], ids=name_of)
def test_same_decisions_without_a_table_of_joint_types(
    case: games.Case, learner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_table, _ = played(case, learner)
    monkeypatch.setattr(candidates, "MAX_JOINT_FEATURES", 0)
    without, _ = played.__wrapped__(case, learner)
    np.testing.assert_array_equal(without.region, with_table.region)
    np.testing.assert_array_equal(without.vertex, with_table.vertex)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_regret_is_that_of_the_plays(case: games.Case) -> None:
    trace, table = played(case, "erm_joint")
    means = [value.region_payoff_vector(case.game, case.types, response) for response in table.responses]
    utility = np.einsum("rvl,rl->rv", table.vertices, means)
    gaps = utility[table.vertex_mask].max() - utility
    np.testing.assert_allclose(trace.regret, np.cumsum(gaps[trace.region, trace.vertex]), atol=1e-9)
    np.testing.assert_array_equal(trace.commitment, table.vertices[trace.region, trace.vertex])


def test_all_learners_see_the_same_types() -> None:
    for case in FEW[::3]:
        drawn = [played(case, learner)[0].types for learner in LEARNERS]
        for types in drawn[1:]:
            np.testing.assert_array_equal(types, drawn[0])


def test_everything_ties_under_a_constant_payoff() -> None:
    case = CASES[-2]
    assert case.name == "constant payoff"
    for learner in ("erm_joint", "erm_product"):
        trace, _ = played(case, learner)
        assert not trace.region.any()
        assert not trace.vertex.any()
    trace, table = played(case, "region_ucb")
    turns = [t % table.num_regions for t in range(HORIZON)]
    assert trace.region.tolist() == turns, "equal indices take turns, the lowest region first"


# The comparison can fail: each of these loops is wrong in one small way, and is told apart -----------


@pytest.mark.parametrize("learner", LEARNING)
def test_a_loop_one_round_behind_is_told_apart(learner: str) -> None:
    def late(case: games.Case) -> np.ndarray:
        types = played(case, learner)[0].types
        return np.concatenate([types[:1], types[:-1]])

    assert any(first_difference(case, learner, wrong={"types": late(case)}) for case in RACES)


def test_draws_that_come_twice_are_told_apart() -> None:
    assert p_value("uniform", lambda place: place[np.arange(len(place)) // 2 * 2]) < 1e-6


def test_draws_with_other_odds_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def first_twice(game: Any, table: Any, types: np.ndarray, plays: np.ndarray) -> np.ndarray:
        """The first vertex of a region is twice as likely as another."""
        odds = np.where(table.vertex_mask, 1.0, 0.0)
        odds[:, 0] *= 2
        likely = odds / odds.sum(axis=1, keepdims=True).clip(1) / table.region_mask.sum()
        return np.broadcast_to(likely, (HORIZON, *likely.shape))

    monkeypatch.setattr(reference, "uniform", first_twice)
    assert p_value("uniform") < 1e-6


def test_a_worse_commitment_than_the_best_is_told_apart() -> None:
    for case in RACES:
        reversed_types = type(case.types)(np.flip(np.asarray(case.types.probabilities)))
        if first_difference(case, "oracle", wrong={"distribution": reversed_types}) is not None:
            return
    raise AssertionError("every commitment counts as the best")


@pytest.mark.parametrize("learner", ELSEWHERE)
def test_loops_elsewhere_are_compared_there(learner: str) -> None:
    tests = (Path(__file__).parents[1] / ELSEWHERE[learner]).read_text()
    assert re.search(rf'learners\.{learner}\(\)|"{learner}"', tests)
    assert "slow loop" in tests


@pytest.mark.parametrize("learner", LEARNING)
def test_a_loop_that_breaks_ties_the_other_way_is_told_apart(
    learner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def last_best(scores: dict[Any, float]) -> Any:
        best = max(scores.values())
        return [key for key, score in scores.items() if score >= best - reference.TIE][-1]

    monkeypatch.setattr(reference, "_first_best", last_best)
    assert first_difference(CASES[-1], learner) is not None


@pytest.mark.parametrize(
    ("learner", "wrong"),
    [
        ("region_ucb", {"radius_scale": 1.03}),
        ("oful", {"radius_scale": 1.03}),
        ("oful", {"ridge": 1.1}),
    ],
)
def test_a_loop_with_another_radius_is_told_apart(learner: str, wrong: dict[str, float]) -> None:
    assert all(first_difference(case, learner, wrong=wrong) is not None for case in RACES)


def test_the_product_of_marginals_is_not_the_joint_distribution() -> None:
    correlated = [case for case in CASES if not isinstance(case.types, IndependentTypes)]
    plays = [
        [played(case, learner)[0].region for learner in ("erm_joint", "erm_product")] for case in correlated
    ]
    assert any((joint != product).any() for joint, product in plays)


@pytest.mark.parametrize(("num_followers", "joint"), [(10, True), (11, False)])
def test_many_joint_types_are_not_listed_where_marginals_tell_everything(
    num_followers: int, joint: bool
) -> None:
    """Sums over followers: 1,024 joint types are few, 2,048 are not."""
    rng = np.random.default_rng(0)
    leader = SeparablePayoff(rng.random((num_followers, 2, 2)))
    game = Game(leader, rng.random((num_followers, 2, 2, 2)))
    scoring = candidates.prepare_scoring(game, enumerate_regions(game))
    assert (scoring.joint is not None) == joint
    assert (scoring.marginal is not None) != joint
