"""Arenas, schedules, and what a learner tells: learners that play commitments, replan, and are watched."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstack as js
from jaxstack.learners.contract import Choice, Commitment, Known, Learner
from jaxstack.regions.table import pad_table
from tests.conftest import Small, small_game
from tests.reference import value as reference

pytestmark = pytest.mark.once

KEY = jax.random.key(7)
HORIZON, RUNS = 300, 5  # neither is whole blocks
SMALL = small_game(1)
EVERY = np.arange(1, HORIZON + 1)


def simulate(learner: Learner, case: Small = SMALL, **changes: Any) -> js.RegretCurve:
    settings = {"horizon": HORIZON, "num_runs": RUNS, "table": case.table, "checkpoints": EVERY, **changes}
    return js.simulate(KEY, case.game, case.types, learner, **settings)


def play(learner: Learner, case: Small = SMALL, **changes: Any) -> js.simulation.Trace:
    return js.play(KEY, case.game, case.types, learner, horizon=HORIZON, table=case.table, **changes)


@functools.cache
def committing(learner: Learner) -> Learner:
    """The same learner, playing its vertices as commitments."""

    def vertex(known: Known, x: jax.Array) -> Choice:
        """The vertex that a commitment was made from: x and its response map name it."""
        same = (jnp.asarray(known.table.vertices).astype(known.dtype) == x.x[None, None]).all(axis=-1)
        same &= (jnp.asarray(known.table.responses).astype(jnp.int32) == x.responses[None]).all(axis=(1, 2))[
            :, None
        ]
        place = jnp.argmax((same & known.table.vertex_mask).reshape(-1)).astype(jnp.int32)
        return Choice(place // same.shape[1], place % same.shape[1])

    def act(key: jax.Array, state: Any, known: Known, hparams: Any, t: jax.Array) -> Commitment:
        choice = learner.act(key, state, known, hparams, t)
        x = jnp.asarray(known.table.vertices).astype(known.dtype)[choice.region, choice.vertex]
        return Commitment(x, jnp.asarray(known.table.responses)[choice.region].astype(jnp.int32))

    def update(state: Any, known: Known, hparams: Any, choice: Commitment, seen: Any, t: jax.Array) -> Any:
        return learner.update(state, known, hparams, vertex(known, choice), seen, t)

    return dataclasses.replace(learner, act=act, update=update, plays="commitments", jumps=None)


@pytest.mark.parametrize("name", ["erm_joint", "region_ucb"])
def test_commitments_are_played_as_vertices_are(name: str) -> None:
    learner = js.learners.by_name(name)
    by_vertex, by_commitment = play(learner), play(committing(learner))
    np.testing.assert_array_equal(by_commitment.types, by_vertex.types)
    np.testing.assert_array_equal(by_commitment.actions, by_vertex.actions)
    np.testing.assert_allclose(by_commitment.commitment, by_vertex.commitment, atol=1e-7)
    np.testing.assert_allclose(by_commitment.regret, by_vertex.regret, atol=1e-5)
    curves = [simulate(learner).regret for learner in (learner, committing(learner))]
    np.testing.assert_allclose(curves[1], curves[0], atol=1e-4)
    np.testing.assert_allclose(curves[1][0], by_commitment.regret, atol=1e-4)


@pytest.mark.parametrize("kind", [js.JointTypes, js.IndependentTypes, js.MixtureTypes])
def test_a_commitment_costs_its_exact_utility(kind: type) -> None:
    """Whatever the distribution of types is made of; utilities by plain loops."""
    marginals = np.array([[0.3, 0.7], [0.6, 0.4]])
    types = {
        js.JointTypes: js.JointTypes(np.array([[0.1, 0.4], [0.3, 0.2]])),
        js.IndependentTypes: js.IndependentTypes(marginals),
        js.MixtureTypes: js.MixtureTypes([0.25, 0.75], np.stack([marginals, marginals[::-1]])),
    }[kind]
    case = Small(SMALL.game, types, SMALL.table)
    curve = simulate(committing(js.learners.uniform()), case, num_runs=1)
    trace = play(committing(js.learners.uniform()), case)
    utility = [
        float(x @ reference.region_payoff_vector(case.game, types, w))
        for x, w in zip(trace.commitment, trace.choice.responses, strict=True)
    ]
    expected = np.cumsum(curve.optimum - np.array(utility))
    np.testing.assert_allclose(trace.regret, expected, atol=1e-5)
    np.testing.assert_allclose(curve.regret[0], expected, atol=2e-4)


def test_commitments_keep_the_contract() -> None:
    js.check_learner(committing(js.learners.erm_joint()), horizon=200)


def wrong_map(learner: Learner) -> Learner:
    good = committing(learner)

    def act(*args: Any) -> Commitment:
        choice = good.act(*args)
        return choice._replace(responses=1 - choice.responses)

    return dataclasses.replace(good, act=act)


def off_the_simplex(learner: Learner) -> Learner:
    good = committing(learner)

    def act(*args: Any) -> Commitment:
        choice = good.act(*args)
        return choice._replace(x=choice.x * 2)

    return dataclasses.replace(good, act=act)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (wrong_map, r"erm_joint: act committed to .* in round 1 \(random game\) with action \d .*best resp"),
        (off_the_simplex, r"erm_joint: act in round 1 \(random game\): commitment must lie in the simplex"),
        (lambda good: dataclasses.replace(good, plays="commitments"), r"act must return .*Commitment\(x, re"),
        (lambda good: dataclasses.replace(good, plays="points"), r"Unknown kind of choice that erm_joint"),
    ],
)
def test_commitments_that_cannot_be_played(broken: Any, message: str) -> None:
    learner = dataclasses.replace(js.learners.erm_joint(), jumps=None)
    with pytest.raises(ValueError, match=message):
        js.check_learner(broken(learner), horizon=150)


def choosing(last: int, wrong: Any, right: Any) -> Learner:
    """Makes one choice up to round `last`, and another one from then on."""

    def act(key: jax.Array, state: Any, known: Known, hparams: Any, t: jax.Array) -> Any:
        return jax.tree.map(lambda a, b: jnp.where(t <= last, a, b), right, wrong)

    plays = "vertices" if isinstance(right, Choice) else "commitments"
    return dataclasses.replace(js.learners.uniform(), name="odd", plays=plays, draws=False, act=act)


def commitment(*shares: float, action: int = 0) -> Commitment:
    return Commitment(jnp.array(shares, jnp.float32), jnp.full((2, 2), action, jnp.int32))


FIRST, PURE = Choice(jnp.int32(0), jnp.int32(0)), commitment(1, 0, 0)
VERTICES = (10**6, 0), (-1, 0), (0, 10**6), (0, -1), (0, "padding"), ("padding", 0)


@pytest.mark.parametrize("place", VERTICES, ids=str)
@pytest.mark.parametrize("given_rounds", [False, True], ids=["drawn", "given"])
def test_a_vertex_that_is_not_there_has_no_regret(place: tuple[Any, Any], given_rounds: bool) -> None:
    """Not even a small one: a learner that chooses beyond the table would look like the best of all."""
    table = pad_table(SMALL.table, SMALL.table.padded_regions + 1, SMALL.table.padded_vertices + 1)
    beyond = table.padded_regions - 1, table.padded_vertices - 1
    region, vertex = (end if part == "padding" else part for part, end in zip(place, beyond, strict=True))
    types = js.SequenceTypes([[0, 1], [1, 1]], 2, "cyclic") if given_rounds else SMALL.types
    case = Small(SMALL.game, types, table)
    wrong = Choice(jnp.int32(region), jnp.int32(vertex))
    with pytest.raises(ValueError, match=r"odd: act chose what is not among vertices .* in run 0"):
        simulate(choosing(150, wrong, FIRST), case, keep_runs=False)
    with pytest.raises(ValueError, match=r"odd: act chose .* in round 151"):
        play(choosing(150, wrong, FIRST), case)
    assert np.isfinite(simulate(choosing(HORIZON, wrong, FIRST), case).regret).all()  # it was never chosen


@pytest.mark.parametrize(
    "wrong",
    [commitment(2, -1, 0), commitment(0.5, 0.4, 0), commitment(np.nan, 1, 0), commitment(1, 0, 0, action=2)],
)
def test_what_is_no_commitment_has_no_regret(wrong: Commitment) -> None:
    with pytest.raises(ValueError, match=r"odd: act chose what is not among the strategy set in run 0"):
        simulate(choosing(7, wrong, PURE))
    with pytest.raises(ValueError, match=r"odd: act chose .* in round 8"):
        play(choosing(7, wrong, PURE))
    assert np.isfinite(simulate(choosing(HORIZON, wrong, PURE)).regret).all()


def test_a_commitment_of_another_length_is_refused() -> None:
    short = commitment(1, 0)
    with pytest.raises(ValueError, match=r"odd: act must return x of shape \(3,\), but \(2,\) arrived"):
        simulate(choosing(HORIZON, short, short))


def test_rounding_takes_nobody_out_of_a_large_set() -> None:
    """x_1 + x_2 = x_3 <= 10^4, of which float32 leaves a thousandth: the optimum stays playable."""
    inequalities = [[-1, 0, 0], [0, -1, 0], [0, 0, 1]], [0, 0, 1e4]
    flow = js.strategies.Polytope(*inequalities, E=[[1, 1, -1]], f=[0]).with_constant()
    rng = np.random.default_rng(0)
    game = js.Game(js.TabularPayoff(rng.random((4, 2, 2))), rng.random((2, 2, 4, 2)), strategies=flow)
    x = np.array([1234.5678, 2345.6789, 1234.5678 + 2345.6789, 1.0])
    assert js.best_responses(game, x.astype(np.float32)).shape == (2, 2)
    with pytest.raises(ValueError, match="must lie in the strategy set"):
        js.best_responses(game, x.astype(np.float32).astype(np.float64))  # as if these were all its digits
    curve = js.simulate(KEY, game, SMALL.types, js.learners.oracle(), horizon=9, num_runs=2, table=False)
    assert np.isfinite(curve.regret).all()


def test_a_commitment_off_a_polytope_has_no_regret() -> None:
    rng = np.random.default_rng(0)
    strategies = js.strategies.box([0, 0], [1, 1])
    leader, follower = js.TabularPayoff(rng.random((3, 2, 2))), rng.random((2, 2, 3, 2))
    game = js.Game(leader, follower, strategies=strategies)
    case = Small(game, SMALL.types, js.enumerate_regions(game))
    inside, outside = commitment(1, 0.5, 1), commitment(1, 1.5, 1)
    with pytest.raises(ValueError, match="not among the strategy set"):
        simulate(choosing(7, outside, inside), case)
    assert np.isfinite(simulate(choosing(HORIZON, outside, inside), case).regret).all()


@pytest.mark.parametrize(
    ("wrong", "right"), [(Choice(jnp.int32(-1), jnp.int32(0)), FIRST), (commitment(2, -1, 0), PURE)]
)
def test_what_is_not_there_is_not_posted(wrong: Any, right: Any) -> None:
    now = js.deploy(choosing(2, wrong, right), SMALL.game, horizon=9, table=SMALL.table)
    now = now.observe()
    with pytest.raises(
        ValueError, match=r"odd: act chose .* in round 3, but what can be played is .*(actions 0|4 regions)"
    ):
        now.observe()


def test_which_game_of_a_batch_it_was_is_told() -> None:
    cases = SMALL, small_game(8)
    batch = Small(*(js.stack([case[part] for case in cases]) for part in range(3)))
    wrong = Choice(jnp.int32(min(int(case.table.num_regions) for case in cases)), jnp.int32(0))
    which = int(np.argmin([int(case.table.num_regions) for case in cases]))
    with pytest.raises(ValueError, match=f"in run 0 of game {which}, so that its regret is not known"):
        simulate(choosing(7, wrong, FIRST), batch)


# Schedules ---------------------------------------------------------------------------------------------


def epochs(horizon: int) -> np.ndarray:
    """1, 2, 3, 5, 8, ..: unevenly over blocks."""
    rounds = [1, 2]
    while rounds[-1] + rounds[-2] <= horizon:
        rounds.append(rounds[-1] + rounds[-2])
    return np.array([t for t in rounds if t <= horizon])


@functools.cache
def drawn_at_epochs() -> Learner:
    """Plays a region drawn at the beginning of its epoch, and remembers when that was."""

    def replan(key: jax.Array, state: Any, known: Known, hparams: Any, t: jax.Array) -> Any:
        region = jax.random.randint(key, (), 0, known.table.num_regions, jnp.int32)
        return {"region": region, "since": t, "sum": state["sum"] + t}

    nothing = {"region": jnp.int32(0), "since": jnp.int32(0), "sum": jnp.int32(0)}
    return Learner(
        name="drawn_at_epochs",
        feedback="none",
        init=lambda known, hparams: jax.tree.map(jnp.asarray, nothing),
        act=lambda key, state, known, hparams, t: Choice(state["region"], jnp.int32(0)),
        update=lambda state, known, hparams, choice, feedback, t: state,
        draws=True,
        schedule=epochs,
        replan=replan,
        info=lambda state, known, choice: {"since": state["since"], "place": jnp.stack(choice)},
    )


def test_a_schedule_is_kept() -> None:
    rounds = epochs(HORIZON)
    expected = rounds[np.searchsorted(rounds, EVERY, side="right") - 1]
    trace = play(drawn_at_epochs(), states=True)
    np.testing.assert_array_equal(trace.states["since"], expected)
    assert trace.states["sum"][-1] == rounds.sum()
    changes = np.flatnonzero(np.diff(trace.region)) + 2
    assert set(changes) <= set(rounds), "the choice changes at the beginning of an epoch alone"
    assert len(changes) > 3
    other = play(drawn_at_epochs(), run=1)
    assert (other.region != trace.region).any(), "every run draws its own"


def test_a_schedule_keeps_the_contract() -> None:
    js.check_learner(drawn_at_epochs(), horizon=300)


def test_schedules_whatever_the_tiles_and_batches() -> None:
    curve = simulate(drawn_at_epochs())
    np.testing.assert_array_equal(simulate(drawn_at_epochs(), num_runs=2).regret, curve.regret[:2])
    other = small_game(8)
    games = js.stack([SMALL.game, other.game])
    both = Small(games, js.stack([SMALL.types, other.types]), js.enumerate_regions(games))
    np.testing.assert_allclose(simulate(drawn_at_epochs(), both).regret[0], curve.regret, rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schedule": lambda horizon: [0]}, r"schedule must give whole rounds in 1\.\.T = 300"),
        ({"schedule": lambda horizon: [horizon + 1]}, r"schedule must give whole rounds in 1\.\.T = 300"),
        ({"schedule": lambda horizon: []}, r"schedule .*empty"),
        ({"replan": None}, r"schedule and replan go together, but only schedule arrived"),
        ({"schedule": None}, r"schedule and replan go together, but only replan arrived"),
    ],
)
def test_schedules_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        simulate(dataclasses.replace(drawn_at_epochs(), **changes))


def test_draws_are_declared() -> None:
    quiet = dataclasses.replace(drawn_at_epochs(), draws=False)
    with pytest.raises(ValueError, match=r"replan uses its key, but the learner says that it draws nothing"):
        js.check_learner(quiet, horizon=150)


@functools.cache
def counting_refreshes() -> Learner:
    """Plays the region whose number is how often it was refreshed."""
    return Learner(
        name="counting_refreshes",
        feedback="types",
        off_policy="all",
        init=lambda known, hparams: jnp.zeros((), jnp.int32),
        act=lambda key, state, known, hparams, t: Choice(state, jnp.int32(0)),
        update=lambda state, known, hparams, choice, feedback, t: state,
        refresh=lambda state, known, hparams: state + 1,
    )


def test_refreshes_come_after_every_128th_round() -> None:
    learner, expected = counting_refreshes(), (EVERY - 1) // 128
    trace = play(learner, states=True)
    np.testing.assert_array_equal(trace.region, expected)
    np.testing.assert_array_equal(trace.states, EVERY // 128)
    np.testing.assert_allclose(simulate(learner).regret[0], trace.regret, atol=1e-4)


def test_refreshes_come_where_a_learner_is_deployed() -> None:
    now = js.deploy(counting_refreshes(), SMALL.game, horizon=HORIZON, table=SMALL.table)
    regions = []
    for _ in range(130):
        regions.append(int(now.choice.region))
        now = now.observe(types=[0, 0])
    assert regions == [0] * 128 + [1] * 2


def test_a_schedule_that_changes_is_found() -> None:
    calls = iter(range(1, 100))
    fickle = dataclasses.replace(drawn_at_epochs(), schedule=lambda horizon: [next(calls)])
    with pytest.raises(ValueError, match="schedule must give the same rounds for the same horizon"):
        js.check_learner(fickle, horizon=150)


# What a learner tells ----------------------------------------------------------------------------------


def test_what_is_recorded_is_what_was() -> None:
    checkpoints = [1, 127, 128, 129, 250, 300]
    curve = simulate(drawn_at_epochs(), record=True, checkpoints=checkpoints)
    for run in range(RUNS):
        trace = play(drawn_at_epochs(), run=run, states=True)
        at = np.array(checkpoints) - 1
        np.testing.assert_array_equal(curve.info["since"].runs[run], trace.states["since"][at])
        np.testing.assert_array_equal(
            curve.info["place"].runs[:, run], np.stack([trace.region, trace.vertex])[:, at]
        )
    place = curve.info["place"]
    assert place.runs.shape == (2, RUNS, 6)
    assert place.mean.shape == place.stderr.shape == (2, 6)
    assert place.quantiles.shape == (5, 2, 6)
    np.testing.assert_allclose(place.mean, place.runs.mean(axis=1))


def test_recording_changes_no_regret() -> None:
    for name in ("erm_joint", "region_ucb", "oful"):
        learner = js.learners.by_name(name)
        told = simulate(learner, record=count_rounds)
        np.testing.assert_array_equal(told.regret, simulate(learner).regret)
        np.testing.assert_array_equal(told.info["region"].runs[0], play(learner).region)


def count_rounds(state: Any, known: Known, choice: Choice) -> dict[str, jax.Array]:
    return {"region": choice.region}


def test_recording_in_batches_without_runs() -> None:
    other = small_game(8)
    games = js.stack([SMALL.game, other.game])
    both = Small(games, js.stack([SMALL.types, other.types]), js.enumerate_regions(games))
    together = simulate(drawn_at_epochs(), both, record=True, keep_runs=False).info["place"]
    alone = simulate(drawn_at_epochs(), record=True).info["place"]
    assert together.runs is None
    np.testing.assert_allclose(together.mean[0], alone.mean)


def test_nothing_to_tell() -> None:
    with pytest.raises(ValueError, match=r"uniform has nothing to tell.*record=lambda"):
        simulate(js.learners.uniform(), record=True)
    with pytest.raises(ValueError, match=r"record .*not with skip_ahead"):
        simulate(js.learners.erm_joint(), record=True, skip_ahead=True)


def test_jumps_are_between_vertices() -> None:
    odd = dataclasses.replace(js.learners.erm_joint(), plays="commitments")
    with pytest.raises(ValueError, match="jumps between vertices of a table, but erm_joint plays 'commitm"):
        simulate(odd, skip_ahead=True)


def test_a_watched_run_goes_on_from_a_snapshot() -> None:
    whole = simulate(drawn_at_epochs(), record=True, horizon=2000, checkpoints=None)
    for stop_after in (1, 2, 3):
        shelf = Shelf(stop_after)
        settings = {"record": True, "horizon": 2000, "checkpoints": None, "snapshots": shelf}
        with pytest.raises(Stopped):
            simulate(drawn_at_epochs(), **settings)
        shelf.left = -1
        again = simulate(drawn_at_epochs(), **settings)
        np.testing.assert_array_equal(again.regret, whole.regret)
        for name, told in whole.info.items():
            np.testing.assert_array_equal(again.info[name].runs, told.runs)


class Stopped(Exception):
    pass


class Shelf:
    """Keeps a snapshot after every segment, in the order of their names, and stops after some."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.kept: dict[str, np.ndarray] | None = None

    def load(self) -> dict[str, np.ndarray] | None:
        return self.kept

    def due(self) -> bool:
        return self.left != -1

    def save(self, state: dict[str, np.ndarray]) -> None:
        self.kept = {name: np.array(state[name]) for name in sorted(state)}
        self.left -= 1
        if self.left == 0:
            raise Stopped


# What play returns -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["erm_joint", "region_ucb", "uniform"])
def test_play_tells_what_happened(name: str) -> None:
    learner = js.learners.by_name(name)
    trace = play(learner, states=True)
    for t in (0, 5, 130, HORIZON - 1):
        responses = SMALL.table.responses[trace.region[t]]
        np.testing.assert_array_equal(trace.actions[t], responses[np.arange(2), trace.types[t]])
    if name == "erm_joint":
        np.testing.assert_array_equal(trace.seen.types, trace.types)
        counts = np.cumsum(np.eye(4)[trace.types @ [2, 1]], axis=0)
        np.testing.assert_array_equal(trace.states.counts, counts)
    elif name == "region_ucb":
        np.testing.assert_array_equal(trace.seen.actions, trace.actions)
        payoffs = [
            x @ reference.payoff_vector(SMALL.game.leader, actions)
            for x, actions in zip(trace.commitment, trace.actions, strict=True)
        ]
        known = js.learners.know(SMALL.game, SMALL.table, HORIZON)
        units = (np.array(payoffs) - known.payoff_low) / known.payoff_range
        np.testing.assert_allclose(trace.seen.payoff, units, atol=1e-6)
    else:
        assert trace.seen is None
    assert play(learner).states is None
