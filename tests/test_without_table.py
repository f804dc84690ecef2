"""Games without a region table: who plays them, by what rule, and what regret is measured against."""

from __future__ import annotations

import dataclasses
import functools
import json
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstack as js
from experiments import past_the_table
from jaxstack.learners import erm_search, searching
from jaxstack.learners.contract import Commitment, Known, Learner, NoParams
from jaxstack.learners.knowledge import played_actions, possible_actions
from jaxstack.learners.posterior import outcomes, slots
from jaxstack.simulation import optimum, tables
from jaxstack.sweeps import cells, spec
from tests.reference import searched as reference

pytestmark = pytest.mark.once

KEY = jax.random.key(3)
HORIZON, RUNS = 300, 5
ABLE = ["erm_joint", "erm_product", "shared_posterior", "marginal_posterior", "oracle"]


class Case(NamedTuple):
    game: js.Game
    types: Any
    table: js.RegionTable


@functools.cache
def case_of(payoff: str = "separable", types: str = "independent", seed: int = 2) -> Case:
    """L = 3, n = 2, K = 2, A = 2."""
    game, distribution = js.scenarios.random_game(seed, 3, 2, 2, 2, payoff=payoff, types=types)
    return Case(game, distribution, js.enumerate_regions(game))


def simulate(case: Case, learner: Learner | str, **changes: Any) -> js.RegretCurve:
    learner = js.learners.by_name(learner) if isinstance(learner, str) else learner
    settings = {"horizon": HORIZON, "num_runs": RUNS, "table": False, **changes}
    return js.simulate(KEY, case.game, case.types, learner, **settings)


def first_action() -> Learner:
    """A learner that commits to leader action 0 for ever."""

    def act(key: jax.Array, state: Any, known: Known, hparams: NoParams, t: jax.Array) -> Commitment:
        x = jnp.zeros(known.game.num_leader_actions, known.dtype).at[0].set(1)
        return Commitment(x, jnp.asarray(known.game.follower)[:, :, 0].argmax(axis=-1).astype(jnp.int32))

    return Learner(
        name="first_action",
        feedback="none",
        init=lambda known, hparams: (),
        act=act,
        update=lambda state, *_: state,
        plays="commitments",
        needs_table=False,
    )


# --- the engine ---


def test_regret_is_that_of_the_table_where_the_search_finds_the_optimum() -> None:
    case = case_of()
    free, tabled = (simulate(case, first_action(), table=table) for table in (False, case.table))
    np.testing.assert_allclose(free.regret, tabled.regret, rtol=1e-5)
    np.testing.assert_allclose(free.optimum, js.solve(case.game, case.types).value, rtol=1e-9)
    assert tabled.optimum_gap == 0 <= free.optimum_gap
    response = js.best_responses(case.game, np.eye(3)[0])
    earned = js.value.region_payoff_vectors(case.game, case.types, response[None])[0, 0]
    np.testing.assert_allclose(free.regret[:, -1], HORIZON * (free.optimum - earned), rtol=1e-5)


def test_regret_may_be_negative_where_a_better_commitment_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    case, found = case_of(), optimum.of_search
    monkeypatch.setattr(
        "jaxstack.simulation.setup.of_search", lambda *args: found(*args)._replace(value=np.asarray(0.25))
    )
    curve = simulate(case, "oracle")
    assert (curve.regret[:, -1] < 0).all(), "nothing is hidden"
    np.testing.assert_allclose(curve.regret[0], curve.rounds * curve.regret[0, 0], rtol=1e-4)


def test_who_needs_a_table_says_who_does_not() -> None:
    with pytest.raises(ValueError, match=r"region_ucb plays vertices .* no table: " + ", ".join(ABLE)):
        simulate(case_of(), "region_ucb")
    for name in js.learners.ROSTER:
        learner = js.learners.by_name(name)
        assert (learner.without_table is not None) == (name in ABLE)
        if learner.without_table is not None:
            assert learner.without_table.name == name
            assert tables.without_table(learner) is tables.without_table(learner.without_table)
    with pytest.raises(
        ValueError, match="skip_ahead jumps between vertices of a region table, and erm_joint"
    ):
        simulate(case_of(), "erm_joint", skip_ahead=True)


def test_a_game_without_room_for_a_table_is_played_with_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    game, _types = js.scenarios.random_game(0, 20, 5, 3, 3, payoff="separable", types="independent")
    with pytest.warns(UserWarning, match=r"without a region table: Game\(L=20.* vertices\. Learners") as told:
        assert tables.table_of(game) is None
    assert len(told) == 1
    with pytest.raises(ValueError, match=r"ties='robust' needs a region table.*Use ties='optimistic'"):
        tables.table_of(game, "robust")
    small = case_of()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tables.table_of(small.game).num_regions == small.table.num_regions
    monkeypatch.setattr(tables, "MAX_REGIONS", 3)  # fewer than there are: told when they are counted
    with pytest.warns(UserWarning, match=r"has more than max_regions = 3 best-response regions\. Learners"):
        curve = simulate(small, "oracle", table=None)
    assert not curve.regret.any()


def test_actions_that_can_be_played_are_those_of_the_table() -> None:
    for seed in range(6):
        game, _ = js.scenarios.random_game(seed, 3, 2, 2, 6)
        np.testing.assert_array_equal(
            possible_actions(game), played_actions(game, js.enumerate_regions(game))
        )
    coverage, _ = js.scenarios.random_coverage_game(0, 4, 2)
    found = played_actions(coverage, js.enumerate_regions(coverage))
    np.testing.assert_array_equal(possible_actions(coverage), found)
    # In between two others, and never better than both: the linear program says so.
    hidden = js.Game(np.zeros((2, 3)), np.array([[[[1.0, 0.0, 0.4], [0.0, 1.0, 0.4]]]]))
    assert possible_actions(hidden).tolist() == [[[True, True, False]]]


# --- the rule of ERM ---


@pytest.mark.parametrize(
    ("payoff", "learner", "product"),
    [("separable", "erm_product", True), ("tabular", "erm_joint", False)],
)
def test_every_epoch_plays_the_best_vertex_of_what_was_seen(payoff: str, learner: str, product: bool) -> None:
    case = case_of(payoff, "joint", 1)
    with jax.enable_x64(True):
        trace = js.play(
            KEY,
            case.game,
            case.types,
            js.learners.by_name(learner),
            horizon=HORIZON,
            table=False,
            states=True,
        )
    first = reference.first_rounds(0.15, HORIZON)
    starts = np.repeat(first, np.diff([*first, HORIZON + 1]))
    np.testing.assert_array_equal(trace.commitment, trace.commitment[starts - 1])
    for t in first:
        weights = reference.seen_before(trace.types, t, 2, product)
        best = reference.best_worth(case.game, case.table, weights)
        x, response = trace.commitment[t - 1], trace.choice.responses[t - 1]
        assert reference.worth(case.game, weights, x, response) == pytest.approx(best, abs=1e-9), t
    seen = trace.states.seen[-1]
    assert seen.sum() == HORIZON * (2 if product else 1)


def test_plans_that_are_played_longer_try_more_corners(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("STEPS", 0), ("_STEPS_PER_SHARE", 0), ("_SHARES_PER_CORNER", 1)):
        monkeypatch.setattr(searching, name, value)  # searches end where they begin
    case = case_of()
    known = js.learners.know(case.game, None, 10.0)
    prepared = jax.tree.map(jnp.asarray, searching.prepare_search(known.game, None))
    known = dataclasses.replace(known, prepared=prepared)
    weights = searching.of_marginals(known, jnp.asarray(case.types.marginals(), known.dtype))

    @jax.jit
    def found(key: jax.Array, rounds: jax.Array) -> jax.Array:
        return searching.search(key, known, weights, searching.nowhere(known), rounds).value

    few, many = (
        np.array([found(key, jnp.float32(rounds)) for key in jax.random.split(KEY, 8)])
        for rounds in (100, 5000)
    )
    assert (many >= few).all()
    assert (many > few).any()
    pure = [js.expected_utility(case.game, case.types, x) for x in np.eye(3)]
    best = (max(pure) - float(known.payoff_low)) / float(known.payoff_range)
    assert many.max() == pytest.approx(best, abs=1e-6)


@pytest.mark.filterwarnings("error")
def test_unequal_games_without_a_table_are_played_one_by_one() -> None:
    """Random moves would be others than by themselves; and in round 1 types count that there are."""
    rng = np.random.default_rng(3)
    pairs = []
    for kinds in ((1, 3), (2, 2)):
        follower = [rng.random((k, 3, 2)).tolist() for k in kinds]
        types = js.IndependentTypes([np.full(k, 1 / k).tolist() for k in kinds])
        pairs.append((js.Game(js.TabularPayoff(rng.random((3, 2, 2))), follower), types))
    game, types = (js.stack(part) for part in zip(*pairs, strict=True))
    learner = js.learners.erm_joint()
    with pytest.raises(ValueError, match=r"have other numbers: \[\[2, 3, 2\], \[2, 2, 2\]\].*one by one"):
        js.simulate(KEY, game, types, learner, horizon=9, num_runs=2, table=False)
    alone = pairs[0][0]
    known = js.learners.know(alone, None, 10.0)
    known = dataclasses.replace(known, prepared=learner.without_table.prepare(alone, None))
    seen = jnp.zeros(9, jnp.int32)
    first = np.asarray(erm_search._weights(False, known, seen, jnp.int32(1)).probabilities)
    np.testing.assert_allclose(first, [[1 / 3] * 3, [0] * 3, [0] * 3])


def test_where_joint_types_are_many_some_rounds_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each round with the same probability, and values are those of the rounds that are."""
    kept = jnp.full((16, 1), -1, jnp.int32)
    update = jax.jit(lambda kept, t: (erm_search._kept(kept, t[None], t), None))
    kept, _ = jax.lax.scan(update, kept, jnp.arange(1, 4001, dtype=jnp.int32))
    assert len(np.unique(kept)) == 16
    assert np.quantile(kept, 0.75) > 2000 > np.quantile(kept, 0.25)
    monkeypatch.setattr(erm_search, "MAX_JOINT_TYPES", 3)
    monkeypatch.setattr(erm_search, "NUM_KEPT", 8)
    case = case_of("tabular", "joint", 1)
    learner = js.learners.erm_joint().without_table
    prepared = learner.prepare(case.game, None)
    known = dataclasses.replace(js.learners.know(case.game, None, 10.0), prepared=prepared)
    state = learner.init(known, NoParams())
    types = np.random.default_rng(0).integers(2, size=(5, 2)).astype(np.int32)
    for t, seen in enumerate(types, 1):
        feedback = js.learners.TypeFeedback(jnp.asarray(seen))
        state = learner.update(state, known, NoParams(), None, feedback, jnp.int32(t))
    weights = erm_search._weights(False, known, state.seen, jnp.int32(6))
    response, x = case.table.responses[2], case.table.vertices[2, 0]
    vector = js.value.payoff_vector_of_map(case.game.leader, weights, jnp.asarray(response, jnp.int32))
    expected = reference.worth(case.game, reference.seen_before(types, 6, 2, False), x, response)
    assert float(vector @ jnp.asarray(x)) == pytest.approx(expected, abs=1e-6)


def test_regret_without_a_table_is_that_with_one() -> None:
    """On the same games and draws; what differs is the first round, and that plans are made in epochs."""
    pairs = [js.scenarios.random_game(seed, 3, 2, 2, 2, payoff="separable") for seed in range(16)]
    game, types = (js.stack(part) for part in zip(*pairs, strict=True))
    table = js.enumerate_regions(game)
    learner = js.learners.erm_joint()
    free, tabled, same = (
        js.simulate(KEY, game, types, who, horizon=1000, num_runs=16, table=with_table)
        for who, with_table in ((learner, False), (learner, table), (learner.without_table, table))
    )
    np.testing.assert_allclose(free.optimum, tabled.optimum, rtol=1e-9)
    np.testing.assert_allclose(free.regret, same.regret, atol=2e-3)
    assert free.regret.min() > -1e-3
    # Later than the first rounds, in which everything ties.
    total, expected = (float((curve.mean[:, -1] - curve.mean[:, 8]).sum()) for curve in (free, tabled))
    assert abs(total - expected) < 0.2 * expected, (total, expected)
    alone = js.simulate(KEY, *pairs[2], learner, horizon=1000, num_runs=16, table=False)
    np.testing.assert_allclose(alone.regret, free.regret[2], atol=2e-3)


# --- posterior learners ---


def test_posterior_learners_learn_without_a_table() -> None:
    case = case_of("tabular", "joint", 1)
    learner = js.learners.shared_posterior(growth=0.2)
    curve = simulate(case, learner, horizon=1000)
    blind = simulate(case, first_action(), horizon=1000)
    assert -1e-3 < curve.mean[-1] < 0.1 * blind.mean[-1]
    trace = js.play(KEY, case.game, case.types, learner, horizon=1000, table=False, states=True)
    state = jax.tree.map(lambda leaf: leaf[-1], trace.states)
    told = js.posterior(js.learners.know(case.game, None, 1000), state, num_samples=20)
    assert told.estimate.shape == (2, 2)
    assert told.estimate.sum() == pytest.approx(1, abs=1e-5)
    for response in np.unique(trace.choice.responses[500:], axis=0):  # what it has seen often, it knows
        guessed, truth = (
            js.value.region_payoff_vectors(case.game, types, response[None])[0]
            for types in (js.JointTypes(told.estimate / told.estimate.sum()), case.types)
        )
        np.testing.assert_allclose(guessed, truth, atol=0.1)


def test_outcomes_of_maps_are_those_of_the_table() -> None:
    case = case_of()
    responses = jnp.asarray(case.table.responses, jnp.int32)
    expected = outcomes.tell_outcomes(case.game, case.table, joint=True).of_type[:, 0]
    np.testing.assert_array_equal(outcomes.joint_outcomes(responses, 2), expected)
    by_follower = outcomes.tell_outcomes(case.game, case.table, joint=False)
    assert by_follower.way is not None
    for follower, ways in enumerate(np.transpose(by_follower.way)):
        np.testing.assert_array_equal(by_follower.of_type[ways, follower], case.table.responses[:, follower])
    seen, free = slots.empty(2, 1, 2, responses=(2, 2)), jnp.full(1, -1, jnp.int32)
    places = []
    for index in (0, 1, 0, 2):  # the third map takes the place of the one that was seen less
        seen, slot = slots.claim(seen, responses[index][None], free)
        seen = slots.count(seen, slot, jnp.zeros(1, jnp.int32))
        places.append(int(slot[0]))
    assert places == [0, 1, 0, 1]
    assert seen.counts[:, 0, 0].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [((3, 8, 3, 2), "joint types and joint actions of equal followers, at most 4,096 of either")],
)
def test_what_posterior_learners_refuse(sizes: tuple[int, ...], message: str) -> None:
    game, types = js.scenarios.random_game(0, *sizes, payoff="separable", types="independent")
    with pytest.raises(ValueError, match=message):
        js.simulate(KEY, game, types, js.learners.shared_posterior(), horizon=9, num_runs=2, table=False)


# --- the same numbers ---


class Kept:
    """Snapshots in memory, taken at every chance; an interruption after the second."""

    def __init__(self, interrupt: bool) -> None:
        self.state: dict[str, np.ndarray] | None = None
        self.interrupt, self.count = interrupt, 0

    def load(self) -> dict[str, np.ndarray] | None:
        return self.state

    def due(self) -> bool:
        return True

    def save(self, state: dict[str, np.ndarray]) -> None:
        self.state, self.count = {k: np.array(v) for k, v in state.items()}, self.count + 1
        if self.interrupt and self.count == 1:
            raise KeyboardInterrupt


def test_the_same_numbers_in_any_batch_and_after_an_interruption() -> None:
    case, devices = case_of(), jax.local_devices()
    size = {"num_runs": 300, "horizon": 1000}
    whole = simulate(case, "erm_joint", **size)
    parts = simulate(case, "erm_joint", **size, batch_size=1, devices=devices[:1])
    np.testing.assert_array_equal(whole.regret, parts.regret)
    np.testing.assert_array_equal(simulate(case, "erm_joint", horizon=1000).regret, whole.regret[:RUNS])
    kept = Kept(interrupt=True)
    with pytest.raises(KeyboardInterrupt):
        simulate(case, "erm_joint", **size, snapshots=kept)
    kept.interrupt = False
    resumed = simulate(case, "erm_joint", **size, snapshots=kept)
    np.testing.assert_array_equal(whole.regret, resumed.regret)
    trace = js.play(KEY, case.game, case.types, js.learners.erm_joint(), horizon=1000, table=False, run=7)
    np.testing.assert_allclose(trace.regret[whole.rounds - 1], whole.regret[7], atol=2e-3)
    told = simulate(case, "erm_joint", record=True).info["counts"]
    np.testing.assert_array_equal(told.mean[..., -1].sum(axis=-1), [HORIZON, HORIZON])


def test_learners_without_a_table_keep_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jaxstack.learners.searching.STEPS", 4)
    js.check_learner(js.learners.erm_product().without_table, horizon=130)
    tabled = js.learners.region_ucb()

    def read(known: Known, hparams: NoParams) -> jax.Array:
        return jnp.zeros(known.table.padded_regions, known.dtype)

    for broken, message in (
        (
            dataclasses.replace(first_action(), init=read),
            "init reads known.table.padded_regions, but",
        ),
        (dataclasses.replace(first_action(), needs_table=1), "needs_table must be True or False, but 1"),
        (dataclasses.replace(tabled, needs_table=False), "region_ucb plays vertices of a table, so it needs"),
        (dataclasses.replace(tabled, without_table=tabled), "without_table must be a Learner with needs_tab"),
    ):
        with pytest.raises(ValueError, match=message):
            js.check_learner(broken, horizon=130)


# --- sweeps ---

SWEEP = """
[run]
horizon = 200
runs = 3
learners = ["erm_joint", "oracle"]
table = [true, false]

[[scenario]]
kind = "random"
num_types = 2
payoff = "separable"
"""


def test_a_table_is_an_axis_of_a_sweep(tmp_path: Path) -> None:
    results = js.run_sweep(spec.parse_spec(SWEEP, "here"), tmp_path)
    assert results.attrs["failed"] == "[]"
    assert results.table.values.tolist() == [False, True]
    free, tabled = (results.sel(table=table).isel(scenario=0) for table in (False, True))
    assert np.isnan(free.num_regions).all()
    assert (tabled.num_regions > 1).all()
    assert (tabled.optimum_gap == 0).all()
    assert (free.optimum_gap >= 0).all()
    assert np.isnan(free.bound).all()
    assert np.isfinite(tabled.bound.sel(learner="erm_joint"))
    np.testing.assert_allclose(free.optimum, tabled.optimum, rtol=1e-9)
    first = js.results.cells_of(results)[0]
    assert first.optimum_gap.shape == first.optimum.shape
    keys = {cell.key for cell in cells.plan(spec.parse_spec(SWEEP, "here")).cells}
    default = spec.parse_spec(SWEEP.replace("table = [true, false]", ""), "here")
    assert len(keys | {cell.key for cell in cells.plan(default).cells}) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"oracle"', '"region_ucb"'), "region_ucb plays vertices of a region table"),
        (("runs = 3", "runs = 3\nskip_ahead = true"), "key 'table': erm_joint skips ahead between vertices"),
    ],
)
def test_specs_say_who_cannot_play_without(change: tuple[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spec.parse_spec(SWEEP.replace(*change), "here")


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from typer.testing import CliRunner

    from jaxstack.cli.commands import app

    (tmp_path / "mine.toml").write_text(SWEEP.replace("table = [true, false]", ""))
    out = tmp_path / "out"
    command = ["run", str(tmp_path / "mine.toml"), "--no-table", "--out", str(out)]
    planned = CliRunner().invoke(app, [*command, "--dry-run"]).output
    assert "Optimum that regret is measured against, by: walk in 2 cells." in planned
    ran = CliRunner().invoke(app, command)
    assert ran.exit_code == 0, ran.output
    assert "no region table" in ran.output
    rows = json.loads((out / "results.json").read_text())["results"]
    assert [row["regions"] for row in rows] == [None, None]
    assert all(row["optimum_gap"] >= 0 and row["rate"] is None for row in rows)
    page = CliRunner().invoke(app, ["report", str(out), "--out", str(tmp_path / "page.html")])
    assert page.exit_code == 0, page.output


# --- the experiment ---


def test_the_experiment_past_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    past_the_table.main(["loss", "--sizes", "3x2", "--small", "2", "--games", "16", "--horizon", "300"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "16 games x 8 runs, T = 300; games from 0",
        "L=3",
        "L=3",
    ]
    tabled, free = (float(line.split("/")[1].split()[0]) for line in lines[1:])
    assert free < 1.2 * tabled
    assert 0 < float(lines[-1].rpartition("after round 10: ")[2]) < 1.2
    assert past_the_table.bound(past_the_table.Sizes(3, 2), 10_000) == pytest.approx(60_000**0.5)
