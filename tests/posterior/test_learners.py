"""The posterior learners: the rule, against a slow loop; what is remembered; what is refused or warned of."""

from __future__ import annotations

import dataclasses
import re
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstack as js
from jaxstack.learners.knowledge import with_prepared
from jaxstack.learners.posterior import rule, slots
from tests.conftest import small_game
from tests.reference import posterior as reference

pytestmark = pytest.mark.once

HORIZON, RUNS = 150, 64
NAMES = ("shared_posterior", "marginal_posterior")


def pulls(seed: int, name: str, loop: str = "") -> float:
    """By how many standard errors the mean regret of a game differs from that of the slow loop."""
    game, types = js.scenarios.random_game(seed, 3, 2, 2, 2)
    table = js.enumerate_regions(game)
    learner = js.learners.by_name(name)
    curve = js.simulate(
        jax.random.key(seed), game, types, learner, horizon=HORIZON, num_runs=RUNS, table=table
    )
    ours = np.asarray(curve.regret)[:, -1]
    by_follower = (loop or name) == "marginal_posterior"
    rng = np.random.default_rng(seed)
    theirs = reference.regret(game, table, types.probabilities, HORIZON, RUNS, rng, by_follower)
    error = np.sqrt(ours.var() / len(ours) + theirs.var() / len(theirs))
    return float((ours.mean() - theirs.mean()) / max(error, 1e-9))


@pytest.mark.filterwarnings("ignore:marginal_posterior takes types")
@pytest.mark.parametrize("name", NAMES)
def test_regret_is_that_of_the_slow_loop(name: str) -> None:
    found = [pulls(seed, name) for seed in range(2)]
    assert max(map(abs, found)) < 3.5, found


@pytest.mark.filterwarnings("ignore:marginal_posterior takes types")
def test_the_loop_of_the_other_rule_is_told_apart() -> None:
    assert abs(pulls(8, "marginal_posterior", loop="shared_posterior")) > 3.5


def of_one_follower(name: str, **hparams: float) -> np.ndarray:
    game, types = js.scenarios.random_game(3, 3, 1, 4, 3)
    learner = js.learners.by_name(name)
    curve = js.simulate(jax.random.key(0), game, types, learner, horizon=128, num_runs=16, hparams=hparams)
    return np.asarray(curve.regret)


def test_one_follower_is_the_same_to_both() -> None:
    joint, by_follower = map(of_one_follower, NAMES)
    np.testing.assert_array_equal(joint, by_follower)
    assert joint.any()
    other_prior = of_one_follower("marginal_posterior", alpha_low=1 / 16)
    assert (joint != other_prior).any(), "as if types were those of two followers"


def number(value: int) -> jax.Array:
    """[1], of the only problem there is."""
    return jnp.full(1, value, jnp.int32)


def known_of(game: js.Game, name: str = "shared_posterior") -> js.learners.Known:
    known = js.learners.know(game, js.enumerate_regions(game), 1000)
    return with_prepared(known, js.learners.by_name(name).prepare(known.game, known.table))


# Epochs and plans -------------------------------------------------------------------------------------


def test_epochs_grow_by_two_per_cent() -> None:
    learner = js.learners.shared_posterior()
    assert learner.schedule is not None
    rounds = learner.schedule(100_000)
    assert rounds[:100].tolist() == list(range(1, 101))
    lengths = np.diff(rounds)
    assert (lengths == np.maximum(1, (0.02 * rounds[:-1]).astype(int))).all()
    assert 400 < len(rounds) < 480
    assert len(learner.schedule(1)) == 1


def test_the_first_part_of_an_epoch_probes() -> None:
    known = known_of(small_game(8).game)
    params = rule.hparams(known)
    state = rule.init(rule.Rule(True), known, params)
    probe = rule.Plan(js.learners.Choice(jnp.int32(1), jnp.int32(0)), number(0))
    exploit = rule.Plan(js.learners.Choice(jnp.int32(2), jnp.int32(1)), number(1))
    state = state._replace(probe=probe, exploit=exploit, probe_until=jnp.int32(1009))
    regions = [int(rule.act(None, state, known, params, jnp.int32(t)).region) for t in range(1000, 1020)]
    assert regions == [1] * 10 + [2] * 10


def test_probes_go_where_any_of_three_samples_leads() -> None:
    known = known_of(js.scenarios.random_game(5, 3, 2, 3, 2)[0])
    state = rule.init(rule.Rule(True), known, rule.hparams(known))
    seen, _ = slots.claim(state.slots, number(0), number(-1))
    for outcome in (0, 0, 3):
        seen = slots.count(seen, number(0), number(outcome))
    state = state._replace(slots=seen)
    keys = jax.random.split(jax.random.key(0), 2000)

    @jax.jit
    def share_elsewhere(t: int, probe_share: float) -> jax.Array:
        """How often an epoch that begins with round t has plans of two regions."""
        params = rule.hparams(known)._replace(probe_share=probe_share)

        def differ(key: jax.Array) -> jax.Array:
            planned = rule.replan(rule.Rule(True), key, state, known, params, t)
            return planned.probe.choice.region != planned.exploit.choice.region

        return jax.vmap(differ)(keys).mean()

    once = float(share_elsewhere(50, 0.1))  # an epoch of one round only probes
    assert 0.2 < once < 0.8, "and so one sample is told from three"
    assert float(share_elsewhere(1000, 0.1)) == pytest.approx(1 - (1 - once) ** 3, abs=0.04)
    assert float(share_elsewhere(1000, 1.0)) == once


def within_an_epoch(learner: js.learners.Learner) -> str:
    """What a round is compiled from."""
    prepared = known_of(small_game(1).game, learner.name)
    params = learner.hparams(prepared)
    state = learner.init(prepared, params)
    key, t, actions = jax.random.key(0), jnp.int32(1), jnp.zeros(2, jnp.int32)
    seen = js.learners.ActionFeedback(actions, jnp.float32(0))
    choice = learner.act(key, state, prepared, params, t)
    assert "cholesky" in str(jax.make_jaxpr(learner.replan)(key, state, prepared, params, t))
    act = jax.make_jaxpr(learner.act)(key, state, prepared, params, t)
    return f"{act} {jax.make_jaxpr(learner.update)(state, prepared, params, choice, seen, t)}"


@pytest.mark.filterwarnings("ignore:marginal_posterior takes types")
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_planned_within_an_epoch(name: str) -> None:
    learner = js.learners.by_name(name)
    assert not {"cholesky", "while"} & set(re.findall(r"\w+", within_an_epoch(learner)))

    def act(key: jax.Array, state: rule.PosteriorState, *known: Any) -> js.learners.Choice:
        return learner.act(key, learner.replan(key, state, *known), *known)

    planning = dataclasses.replace(learner, act=act)
    assert "cholesky" in within_an_epoch(planning), "a learner that plans in every round is told apart"


# What is remembered -----------------------------------------------------------------------------------


def test_slots_are_taken_in_turn_and_the_least_visited_makes_room() -> None:
    held = slots.empty(1000, 1, 4)
    assert held.way.shape == (slots.MAX_SLOTS, 1)
    held = slots.Slots(jnp.full((3, 1), -1, jnp.int32), jnp.zeros((3, 1, 4), jnp.int32))
    for place, region in enumerate((70, 5, 900)):
        held, slot = slots.claim(held, number(region), number(-1))
        assert slot == place
        for _ in range(3 - place):
            held = slots.count(held, slot, number(2))
    assert held.way[:, 0].tolist() == [70, 5, 900]
    assert held.counts[:, 0, 2].tolist() == [3, 2, 1]
    again, slot = slots.claim(held, number(5), number(-1))
    assert slot == 1
    np.testing.assert_array_equal(again.counts, held.counts)
    evicted, slot = slots.claim(held, number(8), number(-1))
    assert (int(slot[0]), evicted.way[:, 0].tolist()) == (2, [70, 5, 8])
    assert not evicted.counts[2].any()
    _, slot = slots.claim(held, number(8), number(2))
    assert slot == 1, "the slot that is kept stays"


def test_each_problem_has_slots_of_its_own() -> None:
    held = slots.empty(2, 2, 2)
    both = jnp.array([[4, 0], [4, 1], [3, 0]], jnp.int32)  # ways of two followers in three regions
    for ways in both:
        held, slot = slots.claim(held, ways, jnp.full(2, -1, jnp.int32))
        held = slots.count(held, slot, jnp.array([0, 1], jnp.int32))
    assert held.way.tolist() == [[4, 0], [3, 1]]
    assert held.counts.tolist() == [[[2, 0], [0, 2]], [[1, 0], [0, 1]]]
    by_response = slots.empty(9, 2, 2, responses=(3,))
    assert by_response.way.shape == (9, 2, 3)
    rows = jnp.array([[0, 1, 1], [2, 1, 0]], jnp.int32)
    by_response, first = slots.claim(by_response, rows, jnp.full(2, -1, jnp.int32))
    by_response, second = slots.claim(by_response, rows.at[0, 2].set(0), first)
    assert (first.tolist(), second.tolist()) == ([0, 0], [1, 0])


@pytest.mark.parametrize("name", NAMES)
def test_every_action_is_counted_under_what_led_to_it(name: str) -> None:
    # Three actions and two types: an action is told by the lowest type that plays it.
    game, types = js.scenarios.random_game(2, 3, 2, 2, 3)
    table = js.enumerate_regions(game)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        learner = js.learners.by_name(name)
        trace = js.play(jax.random.key(0), game, types, learner, horizon=128, table=table, states=True)
        known = js.learners.know(game, table, 128)
    last = jax.tree.map(lambda leaf: leaf[-1], trace.states)
    expected = np.zeros(last.slots.counts.shape, int)
    places = [{int(way): slot for slot, way in enumerate(of)} for of in np.transpose(last.slots.way)]
    # The two types of a follower do the same or not: its ways, in that order, if both occur.
    apart = table.responses[: table.num_regions, :, 0] != table.responses[: table.num_regions, :, 1]
    ways = [np.unique(of_follower).tolist() for of_follower in apart.T]
    for region, theta in zip(trace.region, trace.types, strict=True):
        response = table.responses[region]
        lowest = [int(np.flatnonzero(response[i] == response[i, k])[0]) for i, k in enumerate(theta)]
        if name == "shared_posterior":
            expected[places[0][int(region)], 0, 2 * lowest[0] + lowest[1]] += 1
        else:
            for i, of_follower in enumerate(lowest):
                way = ways[i].index(bool(apart[region, i]))
                expected[places[i][way], i, of_follower] += 1
    np.testing.assert_array_equal(last.slots.counts, expected)
    found = js.posterior(known, last, num_samples=50)
    assert found.samples.shape == (50, 2, 2)
    sums = found.estimate.sum() if name == "shared_posterior" else found.estimate.sum(axis=1)
    np.testing.assert_allclose(sums, 1, atol=1e-5)


def test_what_is_seen_narrows_the_posterior() -> None:
    game, types = js.scenarios.random_game(0, 2, 1, 3, 3)
    table = js.enumerate_regions(game)
    learner, known = js.learners.shared_posterior(), js.learners.know(game, table, 4000)
    trace = js.play(jax.random.key(1), game, types, learner, horizon=3000, table=table, states=True)
    early, late = (
        js.posterior(known, jax.tree.map(lambda leaf, t=t: leaf[t], trace.states)) for t in (20, -1)
    )
    assert late.standard_error.sum() < early.standard_error.sum()
    off = np.abs(late.estimate - types.probabilities) / late.standard_error
    assert off.max() < 5


# Refusals and warnings --------------------------------------------------------------------------------


def test_too_many_joint_types_are_refused() -> None:
    game, types = js.scenarios.random_game(0, 2, 15, 2, 2, payoff="separable", types="independent")
    with pytest.raises(
        ValueError, match=r"K\*\*n = 2\*\*15 = 32,768; the most is 16,384. Use\s+marginal_posterior"
    ):
        js.simulate(jax.random.key(0), game, types, js.learners.shared_posterior(), horizon=10, num_runs=1)


def test_systems_that_would_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    game, _ = js.scenarios.random_game(0, 2, 9, 2, 2, payoff="separable", types="independent")
    table = js.enumerate_regions(game)
    monkeypatch.setattr("jaxstack.memory.available_bytes", lambda: 10**8)
    with pytest.raises(MemoryError, match=r"linear systems of shared_posterior.*J = 512 joint types"):
        js.learners.shared_posterior().prepare(game, table)


def test_what_a_reader_is_told() -> None:
    known = known_of(small_game(8).game)
    state = rule.init(rule.Rule(True), known, rule.hparams(known))
    held, first = slots.claim(state.slots, number(2), number(-1))
    held, second = slots.claim(held, number(1), first)
    for slot in (first, first, second):
        held = slots.count(held, slot, number(0))
    told = rule.info(state._replace(slots=held), known, state.exploit.choice)
    assert told["visits"].shape == (known.table.padded_regions,)
    assert np.asarray(told["visits"])[:3].tolist() == [0, 1, 2]
    assert int(told["visits"].sum()) == 3
    np.testing.assert_allclose(told["mode"].sum(), 1, atol=1e-6)
    assert int(told["probe_until"]) == 0


@pytest.mark.parametrize(("payoff", "warns"), [("tabular", True), ("anonymous", True), ("separable", False)])
def test_a_payoff_that_is_no_sum_is_warned_of(payoff: str, warns: bool) -> None:
    game, _ = js.scenarios.random_game(0, 2, 2, 2, 2, payoff=payoff)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        known_of(game, "marginal_posterior")
    assert bool(caught) == warns
    assert all("takes types to be independent" in str(warning.message) for warning in caught)


@pytest.mark.parametrize("name", [*NAMES, "vector_oful"])
def test_payoffs_that_actions_do_not_tell_are_warned_of(name: str) -> None:
    typed, _ = js.scenarios.random_game(0, 2, 2, 2, 2, payoff="separable_by_type")
    plain, _ = js.scenarios.random_game(0, 2, 2, 2, 2, payoff="separable")
    with pytest.warns(UserWarning, match="learns from actions alone.*oful learns from the payoff"):
        known_of(typed, name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        known_of(plain, name)


@pytest.mark.parametrize(("growth", "steps"), [(0, 40), (1.5, 40), ("fast", 40), (0.02, 0)])
def test_a_rule_that_makes_no_sense(growth: float, steps: int) -> None:
    with pytest.raises(ValueError, match=r"growth must be|steps must be"):
        js.learners.shared_posterior(growth, steps)


@pytest.mark.parametrize("payoff", ["separable", "anonymous"])
def test_a_hundred_followers(payoff: str) -> None:
    game, types = js.scenarios.random_game(0, 2, 100, 2, 2, payoff=payoff, types="independent")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        curve = js.simulate(
            jax.random.key(0), game, types, js.learners.marginal_posterior(0.2), horizon=30, num_runs=2
        )
    assert np.isfinite(curve.mean).all()
