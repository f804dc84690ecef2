"""Both forms of coverage games, and ORIGAMI; the command's full size is `python -m experiments.coverage`."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jaxstack as js
from experiments import coverage
from tests.reference import origami

pytestmark = pytest.mark.once


@pytest.mark.parametrize("ties", ["optimistic", "robust"])
def test_both_forms_have_one_optimum(ties: str) -> None:
    small = [seed for seed in range(60) if coverage.pair_of(seed).normal.follower.size < 60][:4]
    assert len(small) == 4
    agreed, wrong = coverage.forms_agree(small, ties)
    assert not wrong
    assert agreed["compact vertices"] == len(small)
    assert agreed["normal milp"] + agreed["normal programs"] + agreed["normal vertices"] >= len(small)


def test_origami_is_a_third_opinion() -> None:
    for seed in range(12):
        game, types = js.scenarios.random_coverage_game(seed, 3 + seed % 4, 1 + seed % 3, 1, 1)
        expected = origami.optimum(1 + seed % 3, *coverage._by_target(game))
        assert js.solve(game, types, "programs").value == pytest.approx(expected, abs=1e-9)


def test_a_form_with_a_patrol_too_few_is_told() -> None:
    game, types = js.scenarios.random_coverage_game(0, 3, 2, 1, 1)
    pair = coverage.Pair(game, coverage.normal_form(game, 2), types, 2)
    fewer = coverage.normal_form(pair.compact, pair.resources - 1)
    wrong = pair._replace(normal=fewer)
    values = coverage.optima(wrong, "optimistic")
    assert max(values.values()) - min(values.values()) > 1e-3


def test_regions_of_polytopes() -> None:
    agreed, wrong = coverage.regions_agree(range(7))
    assert not wrong
    assert sum(agreed.values()) == 14


def test_normal_form_holds_every_patrol() -> None:
    game, _ = js.scenarios.random_coverage_game(0, 5, 2, 1, 1)
    normal = coverage.normal_form(game, 2)
    assert normal.num_leader_actions == 1 + 5 + 10
    for row, chosen in enumerate(s for size in range(3) for s in itertools.combinations(range(5), size)):
        x = np.append(np.isin(np.arange(5), chosen).astype(float), 1.0)
        np.testing.assert_allclose(normal.follower[0, 0, row], x @ game.follower[0, 0], atol=1e-12)


def test_payoffs_of_the_leader_may_depend_on_types() -> None:
    """The same for all types, or an attack of type 1 that costs ten times as much."""
    rng = np.random.default_rng(0)
    own, caught = rng.uniform(1, 9, (1, 2, 3)), -rng.uniform(1, 9, (1, 2, 3))
    loss, gain = -rng.uniform(1, 9, (1, 3)), np.ones((1, 3))
    weights = [[0.5, 0.5]]
    plain, types = js.scenarios.coverage_game(1, own, caught, loss, gain, weights)
    by_type = np.repeat(loss[:, None], 2, axis=1), np.repeat(gain[:, None], 2, axis=1)
    same, _ = js.scenarios.coverage_game(1, own, caught, *by_type, weights)
    expected = js.solve(plain, types).value
    assert js.solve(same, types).value == pytest.approx(expected, abs=1e-9)
    worse, _ = js.scenarios.coverage_game(1, own, caught, by_type[0] * [[[1.0], [10.0]]], by_type[1], weights)
    assert js.solve(worse, types).value < expected - 1
    assert js.solve(worse, types, "milp").value == pytest.approx(js.solve(worse, types).value, abs=1e-9)


def test_the_same_learner_on_both_forms() -> None:
    lines = coverage.same_learner(50, 2, targets=3, guards=1)
    optima = {line.rsplit("optimum ", 1)[1] for line in lines}
    assert len(lines) == 2
    assert len(optima) == 1


def test_sweeps_play_coverage_games(tmp_path: Path) -> None:
    spec = tmp_path / "spec.toml"
    spec.write_text(
        '[run]\nhorizon = 20\nruns = 2\nlearners = ["erm_product"]\n'
        '[[scenario]]\nkind = "coverage"\nnum_targets = [2, 3]\nnum_resources = 1\ngames = 2\n'
    )
    js.run_sweep(spec, tmp_path / "out")
    results = js.load_results(tmp_path / "out")
    assert results.sizes["num_targets"] == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: js.scenarios.random_coverage_game(num_targets=1_000_000),
            "a strategy set .*1,000,000 coord",
        ),
        (
            lambda: js.scenarios.random_coverage_game(num_targets=2_000, num_types=2_000),
            "a coverage game .*",
        ),
        (
            lambda: js.strategies.box(np.zeros(10**6), np.ones(10**6)),
            "a strategy set .*1,000,000 coord.*fewer",
        ),
        (lambda: js.strategies.simplex(10**6), "a strategy set .*1,000,000 coordinates"),
    ],
)
def test_what_would_not_fit_is_refused_with_its_size(make: Any, message: str) -> None:
    with pytest.raises(MemoryError, match=message):
        make()


def test_schedules_of_another_nesting_are_told() -> None:
    schedules: Any = [[[0], [1]], 3]
    one, two = [[[1.0, 2.0]]], [[1.0, 2.0]]
    told = r"schedules\[1\] must be a list of schedules, each a list of targets, but 3 arrived"
    with pytest.raises(ValueError, match=told):
        js.strategies.coverage(2, [1, 1], schedules)
    with pytest.raises(ValueError, match=told):
        js.scenarios.coverage_game([1, 1], one, one, two, two, [[1.0]], schedules=schedules)
