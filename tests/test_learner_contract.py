"""What every learner of the roster must keep to, and what the simulation may rely on."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstack as js
from jaxstack.learners import region_means
from jaxstack.learners.contract import ActionFeedback, Choice, Known, Learner, TypeFeedback
from jaxstack.simulation import compiled, prepare
from jaxstack.simulation.trace import trace_run
from tests.conftest import Compilations, Small, small_game

ROSTER = tuple(js.learners.ROSTER)
RUNS, ROUNDS = 3, 40
SMALL = small_game(1)
ROUND = np.int32(1)
TYPES = np.random.default_rng(0).integers(2, size=(RUNS, ROUNDS, 2)).astype(np.int32)


def known_of(learner: Learner, case: Small = SMALL, horizon: int = ROUNDS) -> Known:
    """What a simulation of a game tells the learner (host arrays)."""
    key = jax.random.key(0)
    game, types, table = case
    return prepare(key, game, types, learner, horizon=horizon, table=table, hparams=None).inputs.known


def one_round(
    learner: Learner, key: jax.Array, state: Any, known: Known, hparams: Any, types: jax.Array, t: Any
) -> tuple[Any, Choice]:
    choice = learner.act(key, state, known, hparams, t)
    feedback = {"types": TypeFeedback(types), "none": None}.get(learner.feedback)
    if learner.feedback == "actions":
        responses = jnp.asarray(known.table.responses)
        actions = responses[choice.region, jnp.arange(2), types].astype(jnp.int32)
        x = jnp.asarray(known.table.vertices)[choice.region, choice.vertex]
        feedback = ActionFeedback(actions, x @ known.unit_payoff_vector(actions))
    return learner.update(state, known, hparams, choice, feedback, t), choice


@functools.partial(jax.jit, static_argnums=0)
def start(learner: Learner, known: Known) -> tuple[Any, Any]:
    """State and default hyperparameters."""
    hparams = learner.hparams(known)
    return learner.init(known, hparams), hparams


play_round = jax.jit(one_round, static_argnums=0)


@functools.partial(jax.jit, static_argnums=0)
def play_runs(
    learner: Learner, keys: jax.Array, known: Known, hparams: Any, types: jax.Array
) -> tuple[Any, Choice]:
    """vmap of scan: final states and choices [S, T]."""

    def run(keys: jax.Array, types: jax.Array) -> tuple[Any, Choice]:
        def step(state: Any, drawn: tuple[jax.Array, ...]) -> tuple[Any, Choice]:
            return one_round(learner, drawn[0], state, known, hparams, *drawn[1:])

        rounds = jnp.arange(1, len(keys) + 1, dtype=jnp.int32)
        return jax.lax.scan(step, learner.init(known, hparams), (keys, types, rounds))

    return jax.vmap(run)(keys, types)


@functools.cache
def keys() -> jax.Array:
    return jax.random.split(jax.random.key(1), (RUNS, ROUNDS))


# Shapes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x64", [False, True], ids=["float32", "float64"])
@pytest.mark.parametrize("name", ROSTER)
def test_a_round_keeps_tree_shapes_and_dtypes(name: str, x64: bool) -> None:
    learner = js.learners.by_name(name)
    known = known_of(learner)
    with jax.enable_x64(x64):
        state, hparams = jax.eval_shape(functools.partial(start, learner), known)
        step = functools.partial(one_round, learner)
        after, choice = jax.eval_shape(step, jax.random.key(0), state, known, hparams, TYPES[0, 0], ROUND)
        assert jax.tree.structure(after) == jax.tree.structure(state)
        for new, old in zip(jax.tree.leaves(after), jax.tree.leaves(state), strict=True):
            assert (new.shape, new.dtype) == (old.shape, old.dtype)
            assert not new.weak_type
            assert not old.weak_type
            assert new.dtype in (jnp.int32, jnp.float64 if x64 else jnp.float32)
    for index in choice:
        assert (index.shape, index.dtype) == ((), jnp.int32)


@pytest.mark.parametrize("platform", ["cpu", "cuda"])
@pytest.mark.parametrize("name", ROSTER)
def test_blocks_of_rounds_are_programs_for_gpus_too(name: str, platform: str) -> None:
    """JAX has a rule for each of their operations on NVIDIA's GPUs: no compiler and no card is asked."""
    game, types, table = SMALL
    learner = js.learners.by_name(name)
    setup = prepare(jax.random.key(0), game, types, learner, horizon=ROUNDS, table=table, hparams=None)
    carry = compiled.shapes(setup.learner, setup.inputs, RUNS)
    traced = jax.jit(compiled.play_blocks, static_argnums=0).trace(
        setup.learner, carry, setup.inputs, np.arange(RUNS, dtype=np.int32), 0, 1
    )
    assert "stablehlo.while" in traced.lower(lowering_platforms=(platform,)).as_text()


@pytest.mark.parametrize("name", ROSTER)
def test_hyperparameters_are_named_numbers(name: str) -> None:
    learner = js.learners.by_name(name)
    _, hparams = start(learner, known_of(learner))
    assert hasattr(hparams, "_fields")
    for number in hparams:
        assert jnp.shape(number) == ()
        assert jnp.issubdtype(number.dtype, jnp.floating)
        assert jnp.isfinite(number)


# jit, vmap, scan ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROSTER)
def test_scanned_runs_are_rounds_played_one_by_one(name: str) -> None:
    learner = js.learners.by_name(name)
    known = known_of(learner)
    _, hparams = start(learner, known)
    last, choices = play_runs(learner, keys(), known, hparams, TYPES)
    assert choices.region.shape == choices.vertex.shape == (RUNS, ROUNDS)
    assert SMALL.table.vertex_mask[choices.region, choices.vertex].all(), "never a padded vertex"
    run = 1
    state, _ = start(learner, known)
    for t in range(ROUNDS):
        state, choice = play_round(
            learner, keys()[run, t], state, known, hparams, TYPES[run, t], np.int32(t + 1)
        )
        assert (choice.region, choice.vertex) == (choices.region[run, t], choices.vertex[run, t])
    for one, of_all in zip(jax.tree.leaves(state), jax.tree.leaves(last), strict=True):
        np.testing.assert_allclose(one, of_all[run], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ROSTER)
def test_new_numbers_do_not_compile_again(name: str, compilations: Compilations) -> None:
    learner = js.learners.by_name(name)
    known = known_of(learner)
    state, hparams = start(learner, known)
    play_round(learner, keys()[0, 0], state, known, hparams, TYPES[0, 0], ROUND)
    leader = js.TabularPayoff(2 * SMALL.game.leader.table - 5)
    other = SMALL._replace(game=js.Game(leader, SMALL.game.follower))
    first_key, second_key = keys()[0, 0], keys()[0, 1]
    changed = [
        (first_key, state, known, type(hparams)(*(number * 0.5 for number in hparams)), TYPES[0, 0], ROUND),
        (first_key, state, known_of(learner, other), hparams, TYPES[0, 0], ROUND),
        (first_key, state, known_of(learner, horizon=10**8), hparams, TYPES[0, 0], ROUND),
        (second_key, state, known, hparams, 1 - TYPES[0, 0], np.int32(2)),
    ]
    compilations.restart()
    for arguments in changed:
        play_round(js.learners.by_name(name), *arguments)
    assert compilations.count == 0


# Purity ---------------------------------------------------------------------------------------------


def impurities(learner: Learner) -> list[str]:
    """What the compiled code would do besides computing, or hold besides its arguments."""
    known = known_of(learner)
    state, hparams = start(learner, known)
    step = functools.partial(one_round, learner)
    jaxprs = [
        jax.make_jaxpr(lambda known, hparams: learner.init(known, hparams))(known, hparams),
        jax.make_jaxpr(step)(jax.random.key(0), state, known, hparams, TYPES[0, 0], ROUND),
    ]
    found = [str(effect) for jaxpr in jaxprs for effect in jaxpr.effects]
    found += [word for word in ("callback", "infeed", "outfeed") if any(word in str(j) for j in jaxprs)]
    held = sum(np.asarray(const).nbytes for jaxpr in jaxprs for const in jaxpr.consts)
    return found + (["captured arrays"] if held > 256 else [])


@pytest.mark.parametrize("name", ROSTER)
def test_no_callbacks_and_nothing_captured(name: str) -> None:
    assert impurities(js.learners.by_name(name)) == []


def test_impurities_are_seen() -> None:
    learner = js.learners.uniform()
    table = jnp.zeros(1000, jnp.int32)

    def printing(key: jax.Array, state: Any, known: Known, hparams: Any, t: Any) -> Choice:
        jax.debug.print("{}", key)
        return learner.act(key, state, known, hparams, t)

    def calling(key: jax.Array, state: Any, known: Known, hparams: Any, t: Any) -> Choice:
        zero = jax.pure_callback(lambda: np.int32(0), jax.ShapeDtypeStruct((), jnp.int32))
        return Choice(zero, zero)

    def capturing(key: jax.Array, state: Any, known: Known, hparams: Any, t: Any) -> Choice:
        place = table[known.table.num_regions]
        return Choice(place, place)

    for act in (printing, calling, capturing):
        assert impurities(dataclasses.replace(learner, act=act))


@pytest.mark.parametrize("name", ROSTER)
def test_a_learner_says_whether_it_draws(name: str) -> None:
    learner = js.learners.by_name(name)
    known = known_of(learner)
    state, hparams = start(learner, known)
    act = jax.jit(jax.vmap(learner.act, in_axes=(0, None, None, None, None)))
    choices = act(keys()[0], state, known, hparams, ROUND)
    distinct = set(zip(choices.region.tolist(), choices.vertex.tolist(), strict=True))
    assert learner.draws or len(distinct) == 1
    assert (len(distinct) > 1) or name != "uniform"


# The roster -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROSTER)
def test_factories_give_one_hashable_learner(name: str) -> None:
    learner = js.learners.ROSTER[name]()
    assert learner.name == name
    assert learner.feedback in ("types", "actions", "none", "optimum")
    assert learner == js.learners.ROSTER[name]() == js.learners.by_name(name) == getattr(js.learners, name)()
    assert len({learner, js.learners.by_name(name)}) == 1
    assert (learner.feedback == "optimum") == (name == "oracle")


def test_unknown_learners_get_a_suggestion() -> None:
    with pytest.raises(ValueError, match=r"Unknown learner 'region_ubc'\. Did you mean 'region_ucb'"):
        js.learners.by_name("region_ubc")
    with pytest.raises(ValueError, match=r"Unknown learner 'xyz'\. Known: erm_joint, "):
        js.learners.by_name("xyz")


def test_region_ucb_among_hundreds_of_regions() -> None:
    # Where regions are many the best is found through maxima of blocks: here against all indices at once.
    game, types = js.scenarios.random_game(3, num_leader_actions=5, num_types=5, num_actions=3)
    table = js.enumerate_regions(game)
    regions, rounds = int(table.num_regions), int(table.num_regions) + 300
    assert regions > 300
    with jax.enable_x64(True):
        learner, hparams = js.learners.region_ucb(), {"radius_scale": 0.05}
        settings = {"horizon": rounds, "table": table, "hparams": hparams}
        played = js.play(jax.random.key(2), game, types, learner, **settings)
    low, high = game.leader.bounds()
    payoffs = (game.leader.table - low) / (high - low)
    sums, visits = np.zeros((regions, 5)), np.zeros(regions, int)
    index, vertex = np.full(regions, np.inf), np.zeros(regions, int)
    for t in range(rounds):
        region = int(np.argmax(index >= index.max() - 1e-14))
        assert (played.region[t], played.vertex[t]) == (region, vertex[region]), f"round {t + 1}"
        actions = table.responses[region, range(2), played.types[t]]
        sums[region] += payoffs[:, *actions]
        visits[region] += 1
        values = table.vertices[region] @ (sums[region] / visits[region])
        values[~table.vertex_mask[region]] = -np.inf
        vertex[region] = np.argmax(values >= values.max() - 1e-14)
        index[region] = values.max() + 0.05 * np.sqrt(4 * 6 * np.log(3 * rounds) / visits[region])
    assert len(set(played.region[regions:] // 16)) > 5, "many blocks win"


def test_explore_then_commit_visits_regions_in_turn_then_stays() -> None:
    learner = js.learners.explore_then_commit()
    known = known_of(learner)
    _, hparams = start(learner, known)
    assert float(hparams.exploration_rounds) == pytest.approx(ROUNDS ** (2 / 3), rel=1e-6)
    exploring = type(hparams)(jnp.float32(10))
    _, choices = play_runs(learner, keys(), known, exploring, TYPES)
    in_turn = np.arange(10) % SMALL.table.num_regions
    np.testing.assert_array_equal(choices.region[:, :10], np.tile(in_turn, (RUNS, 1)))
    for index in choices:
        committed = np.asarray(index)[:, 10:]
        assert (committed == committed[:, :1]).all()


def test_explore_then_commit_stays_at_the_best_that_it_has_seen() -> None:
    learner, known = js.learners.explore_then_commit(), known_of(js.learners.explore_then_commit())
    explored = 4 * int(SMALL.table.num_regions)
    hparams = js.learners.yardsticks.ExploreThenCommitParams(jnp.float32(explored))
    state, choices = play_runs(learner, keys(), known, hparams, TYPES)
    after, _ = play_runs(learner, keys()[:, :explored], known, hparams, TYPES[:, :explored])
    jax.tree.map(np.testing.assert_array_equal, state, after)
    low, high = SMALL.game.leader.bounds()
    best = []
    for run in range(RUNS):
        sums = np.zeros((int(SMALL.table.num_regions), 3))
        for t in range(explored):
            region = t % len(sums)
            actions = SMALL.table.responses[region, range(2), TYPES[run, t]]
            sums[region] += (SMALL.game.leader.table[:, *actions] - low) / (high - low)
        values = np.einsum("rvl,rl->rv", SMALL.table.vertices, sums / 4)
        values[~SMALL.table.vertex_mask] = -np.inf
        best.append(divmod(int(np.argmax(values >= values.max() - 1e-6)), values.shape[1]))
    committed = zip(choices.region[:, -1].tolist(), choices.vertex[:, -1].tolist(), strict=True)
    assert list(committed) == best
    assert any(region > 0 for region, _ in best), "the first region is not the answer by itself"


# Sums over many rounds ------------------------------------------------------------------------------


def test_payoffs_seen_in_a_region_do_not_drift() -> None:
    """One follower with one action; leader actions earn 1, 0 and 7/10 units in every round."""
    game = js.Game(js.TabularPayoff([[1.0], [2 / 3], [0.9]]), np.zeros((1, 1, 3, 1)))
    case = Small(game, js.JointTypes([1.0]), js.enumerate_regions(game))
    rounds, known = 300_000, known_of(js.learners.region_ucb(), case)
    nowhere, zero = jnp.zeros((), jnp.int32), jnp.zeros(())
    action = ActionFeedback(jnp.zeros(1, jnp.int32), zero)

    @jax.jit
    def observed(known: Known) -> region_means.RegionMeans:
        def once(_: int, means: region_means.RegionMeans) -> region_means.RegionMeans:
            return region_means.observe(means, known, Choice(nowhere, nowhere), action)[0]

        return jax.lax.fori_loop(0, rounds, once, region_means.empty(known))

    sums = np.asarray(observed(known).rows)[0, 2:].astype(np.float64)
    unit = np.asarray(known.unit_payoffs).astype(np.float32).ravel()
    np.testing.assert_allclose(sums[:3] + sums[3:], rounds * unit.astype(np.float64), rtol=1e-7)
    plain = np.cumsum(np.full(rounds, unit[2]), dtype=np.float32)[-1]
    assert abs(plain / (rounds * float(unit[2])) - 1) > 1e-5, "a plain float32 sum drifts"


def many_rounds(learner: Learner, rounds: int) -> tuple[Any, Known]:
    """State of one run of a simulation after so many rounds, and what the learner knows."""
    game, types, table = SMALL
    setup = prepare(jax.random.key(0), game, types, learner, horizon=rounds, table=table, hparams=None)
    state = trace_run(setup, 0, rounds).state
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), state), setup.inputs.known


def test_oful_knows_means_and_widths_of_its_regression() -> None:
    """They are computed anew now and then, so that no rounding lives for thousands of rounds."""
    state, known = many_rounds(js.learners.oful(), 1 << 15)
    features = known.prepared.features
    np.testing.assert_allclose(state.mean.reshape(-1), features @ state.estimate, atol=3e-6)
    variance = np.einsum("mi,ij,mj->m", features, state.inverse, features)
    np.testing.assert_allclose(state.width.reshape(-1) ** 2, variance, rtol=1e-3)


def test_sums_of_erm_joint_are_those_of_its_counts() -> None:
    """Without being computed anew now and then they would be off by tens of units by now."""
    state, known = many_rounds(js.learners.erm_joint(), 1 << 17)
    values = np.asarray(known.prepared.joint, np.float64) @ state.counts.reshape(-1)
    leads = state.leads.ravel()[: len(values)]
    np.testing.assert_allclose(leads - leads.max(), values - values.max(), atol=0.05)
    assert state.best == np.argmax(values)
