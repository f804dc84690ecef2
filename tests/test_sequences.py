"""Types of given rounds: what is played, regret in hindsight, and where they may stand."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

import jaxstack as js
from jaxstack.hindsight import most_earned
from jaxstack.sweeps import load_spec, plan
from jaxstack.sweeps.games import problem_of
from tests.conftest import small_game
from tests.games import leader_payoff, type_distribution
from tests.reference import hindsight
from tests.test_arena import committing

pytestmark = pytest.mark.once

KEY = jax.random.key(0)
T = 150  # more than a block


def adversary(n: int, K: int) -> np.ndarray:
    """[100, n]: types that change for good after 60 rounds."""
    rounds = np.random.default_rng(5).integers(K, size=(100, n))
    rounds[60:] = 0
    return rounds


def test_regret_is_against_the_best_in_hindsight_at_every_round() -> None:
    small = small_game(8)
    types = js.SequenceTypes(adversary(2, 2), order="cyclic")
    given = np.concatenate([types.rounds, types.rounds[:50]])
    learner = js.learners.erm_joint()
    trace = js.play(KEY, small.game, types, learner, horizon=T, table=small.table, run=1)
    np.testing.assert_array_equal(trace.types, given)
    expected = hindsight.regret(small.game, small.table, given, trace.commitment, trace.actions)
    np.testing.assert_allclose(trace.regret, expected, atol=1e-9)
    curve = js.simulate(
        KEY, small.game, types, learner, horizon=T, num_runs=2, table=small.table, checkpoints=[1, 60, 128, T]
    )
    assert curve.regret is not None
    np.testing.assert_allclose(curve.regret[1], expected[curve.rounds - 1], atol=2e-5)
    best = js.solve(small.game, types.empirical(T), table=small.table)
    assert curve.optimum == pytest.approx(hindsight.most_earned(small.game, small.table, given)[-1] / T)
    assert curve.optimum == pytest.approx(best.value)


def test_commitments_that_are_no_vertices_have_the_same_regret() -> None:
    small = small_game(8)
    types = js.SequenceTypes(adversary(2, 2))
    learners = (js.learners.erm_joint(), committing(js.learners.erm_joint()))
    first, second = (
        js.simulate(KEY, small.game, types, each, horizon=100, num_runs=1, table=small.table)
        for each in learners
    )
    np.testing.assert_allclose(first.mean, second.mean, atol=1e-5)
    trace = js.play(KEY, small.game, types, learners[1], horizon=100, table=small.table)
    np.testing.assert_allclose(trace.regret[first.rounds - 1], first.mean, atol=1e-5)


@pytest.mark.parametrize("payoff", ["separable", "typed tabular"])
def test_hindsight_of_every_kind_of_payoff(payoff: str) -> None:
    rng = np.random.default_rng(3)
    shape = (3, 2, 2, 2)
    game = js.Game(leader_payoff(rng, payoff, shape), rng.uniform(-1, 1, (2, 2, 3, 2)))
    table = js.enumerate_regions(game)
    types = js.SequenceTypes(rng.integers(2, size=(2500, 2)))  # several pieces
    found = most_earned(game, types, table, 2500)
    np.testing.assert_allclose(found, hindsight.most_earned(game, table, types.rounds), rtol=1e-12)
    if payoff == "typed tabular":
        trace = js.play(KEY, game, types, js.learners.erm_joint(), horizon=40, table=table)
        expected = hindsight.regret(game, table, types.rounds[:40], trace.commitment, trace.actions)
        np.testing.assert_allclose(trace.regret, expected, atol=1e-9)


def test_a_batch_plays_each_game_against_its_own_rounds() -> None:
    games = [small_game(seed).game for seed in (1, 8)]
    types = [js.SequenceTypes(adversary(2, 2)), js.SequenceTypes(1 - adversary(2, 2))]
    oracle = js.learners.oracle()
    both = js.simulate(
        KEY, js.stack(games), js.stack(types), oracle, horizon=100, num_runs=1, checkpoints=[60]
    )
    for g, (game, given) in enumerate(zip(games, types, strict=True)):
        table = js.enumerate_regions(game)
        best = js.solve(game, given, table=table)
        got = [hindsight.earned(game, best.commitment, best.response, theta) for theta in given.rounds]
        expected = hindsight.most_earned(game, table, given.rounds) - np.cumsum(got)
        np.testing.assert_allclose(both.mean[g], expected[[59, 99]], atol=2e-5)
        assert expected[99] == pytest.approx(0)


def test_the_empirical_distribution() -> None:
    rounds = [[0, 1], [0, 1], [1, 1], [0, 0]]
    types = js.SequenceTypes(rounds, num_types=3)
    table = types.empirical().probabilities
    assert table[0, 1] == 0.5
    assert table[1, 1] == table[0, 0] == 0.25
    np.testing.assert_array_equal(types.empirical(3).probabilities[0, 1], 2 / 3)
    np.testing.assert_array_equal(types.marginals(), [[0.75, 0.25, 0], [0.25, 0.75, 0]])
    many = js.SequenceTypes(np.random.default_rng(0).integers(2, size=(50, 20)))  # 2^20 joint types
    assert isinstance(many.empirical(), js.MixtureTypes)
    np.testing.assert_allclose(many.empirical().marginals(), many.marginals())
    np.testing.assert_array_equal(js.sample_types(KEY, types, 3), rounds[:3])


def test_no_more_rounds_are_drawn_than_there_are() -> None:
    rounds, key = [[0], [1], [0]], jax.random.key(0)
    assert js.sample_types(key, js.SequenceTypes(rounds), 3).ravel().tolist() == [0, 1, 0]
    again = js.sample_types(key, js.SequenceTypes(rounds, order="cyclic"), 5)
    assert again.ravel().tolist() == [0, 1, 0, 0, 1]
    with pytest.raises(ValueError, match=r"at most T0 = 3.*order='cyclic'"):
        js.sample_types(key, js.SequenceTypes(rounds), 4)
    with pytest.raises(ValueError, match="num_types must be at most"):
        js.SequenceTypes([[3e9]])


def test_what_sequences_refuse() -> None:
    small = small_game(1)
    for rounds, told in (
        ([[0, 2.5]], "round 1 has 2.5 for follower 1"),
        ([[0, 1], [-1, 0]], "round 2 has -1"),
    ):
        with pytest.raises(ValueError, match=told):
            js.SequenceTypes(rounds)
    with pytest.raises(ValueError, match="= 1, but round 1 has 2"):
        js.SequenceTypes([[2, 0]], num_types=2)
    with pytest.raises(ValueError, match="Did you mean 'cyclic'"):
        js.SequenceTypes([[0, 0]], order="cycle")
    types = js.SequenceTypes(adversary(2, 2))
    options = {"num_runs": 1, "table": small.table}
    with pytest.raises(ValueError, match="at most T0 = 100"):
        js.simulate(KEY, small.game, types, js.learners.erm_joint(), horizon=101, **options)
    with pytest.raises(ValueError, match="gives every round its own"):
        js.simulate(KEY, small.game, types, js.learners.erm_joint(), horizon=50, skip_ahead=True, **options)
    with pytest.raises(ValueError, match=r"num_types = 2, but .* num_types = 3"):
        js.play(KEY, small.game, js.SequenceTypes([[0, 0]], num_types=3), js.learners.uniform(), horizon=1)


@pytest.mark.parametrize("suffix", ["json", "npz"])
def test_files_hold_sequences(tmp_path: Path, suffix: str) -> None:
    game = small_game(1).game
    types = js.SequenceTypes(adversary(2, 2), order="cyclic")
    path = tmp_path / f"game.{suffix}"
    js.save_game(path, game, types)
    _, back = js.load_game(path)
    assert isinstance(back, js.SequenceTypes)
    assert (back.order, back.num_types) == ("cyclic", 2)
    np.testing.assert_array_equal(back.rounds, types.rounds)
    if suffix == "json":
        path.write_text(path.read_text().replace('"cyclic"', '"resampled"'))
        np.testing.assert_array_equal(js.load_game(path)[1].probabilities, types.empirical().probabilities)
    with pytest.raises(ValueError, match="independent types"):
        js.save_game(
            tmp_path / "game.csv", js.Game(js.SeparablePayoff(np.ones((2, 3, 2))), game.follower), types
        )
    with pytest.raises(ValueError, match=r"\.empirical"):
        js.scenarios.to_dataset(game, types)


def test_a_scenario_plays_the_types_of_a_log(tmp_path: Path) -> None:
    game = small_game(1).game
    js.save_game(
        tmp_path / "game.json", game, type_distribution(np.random.default_rng(0), "joint", (3, 2, 2, 2))
    )
    file = js.load_game_file(tmp_path / "game.json")
    js.log_of(file, types=adversary(2, 2)).save(tmp_path / "log.csv")
    text = """
[run]
horizon = 90
runs = 2
learners = ["erm_joint"]
[[scenario]]
kind = "sequence"
path = "game.json"
log = "log.csv"
"""
    spec = tmp_path / "spec.toml"
    for order in ("once", "cyclic", "resampled"):
        spec.write_text(f'{text}order = "{order}"')
        (cell,) = plan(load_spec(spec)).cells
        types = problem_of(cell.game_key).types
        if order == "resampled":
            expected = js.SequenceTypes(adversary(2, 2)).empirical().probabilities
            np.testing.assert_array_equal(types.probabilities, expected)
        else:
            assert types.order == order
            np.testing.assert_array_equal(types.rounds, adversary(2, 2))
    keys = {plan(load_spec(spec)).cells[0].key}
    js.log_of(file, types=1 - adversary(2, 2)).save(tmp_path / "log.csv")
    assert plan(load_spec(spec)).cells[0].key not in keys  # other rounds, other results

    spec.write_text(text.replace("runs = 2", "runs = 2\nskip_ahead = true"))
    with pytest.raises(ValueError, match="gives every round its own"):
        plan(load_spec(spec))
    spec.write_text(text + 'order = "sometimes"')
    with pytest.raises(ValueError, match="order"):
        load_spec(spec)
    js.log_of(file, actions=[[0, 0]], regions=[0]).save(tmp_path / "log.csv")
    spec.write_text(text)
    with pytest.raises(ValueError, match="this log has actions alone"):
        plan(load_spec(spec))
