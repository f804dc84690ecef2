"""One real leader plays what a simulation plays, can be stopped and go on, and is told of mistakes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstack as js
from jaxstack.learners import ROSTER, Choice
from jaxstack.simulation.rounds import what_is_seen
from tests.conftest import small_game
from tests.games import leader_payoff
from tests.test_arena import committing

pytestmark = pytest.mark.once

KEY = jax.random.key(7)
T = 135  # more than a block
SMALL = small_game(1)
DEPLOYED = sorted(set(ROSTER) - {"oracle"})


def follow(learner: Any, trace: Any, folder: Path) -> None:
    """Deploy a learner against the followers of a trace; it posts what was played, round by round."""
    now = js.deploy(learner, SMALL.game, horizon=T, table=SMALL.table, key=KEY, run=1)
    for t in range(T):
        assert now.t == t + 1
        np.testing.assert_array_equal(now.commitment.x, trace.commitment[t])
        if learner.feedback == "actions":
            now = now.observe(trace.actions[t])
        else:
            now = now.observe(types=trace.types[t])
        if t in (0, 100):  # stopped, and started again by another process
            now.save(folder / "leader.npz")
            given = None if learner.name in ROSTER and learner.plays == "vertices" else learner
            back = js.Deployment.load(folder / "leader.npz", SMALL.game, given)
            parts = [jax.tree.leaves((d.state, d.choice, d.played)) for d in (now, back)]
            for mine, saved in zip(*parts, strict=True):
                assert (mine.dtype, mine.shape) == (saved.dtype, saved.shape)
                np.testing.assert_array_equal(mine, saved)
            assert str(back) == str(now)
            assert back.info.keys() == now.info.keys()
            now = back
    assert "all 135 rounds are over" in str(now)
    with pytest.raises(ValueError, match="all T = 135 rounds are over"):
        now.observe(types=[0, 0])


@pytest.mark.parametrize("name", DEPLOYED)
def test_a_deployed_learner_plays_what_play_plays(name: str, tmp_path: Path) -> None:
    learner = js.learners.by_name(name)
    options = {"horizon": T, "table": SMALL.table, "run": 1}
    follow(learner, js.play(KEY, SMALL.game, SMALL.types, learner, **options), tmp_path)


def test_commitments_that_are_no_vertices_are_deployed_too(tmp_path: Path) -> None:
    learner = committing(js.learners.erm_joint())
    options = {"horizon": T, "table": SMALL.table, "run": 1}
    follow(learner, js.play(KEY, SMALL.game, SMALL.types, learner, **options), tmp_path)


def test_a_payoff_that_depends_on_types_is_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    leader = leader_payoff(rng, "typed separable", (3, 2, 2, 2))
    game = js.Game(leader, SMALL.game.follower)
    learner = js.learners.oful()
    trace = js.play(KEY, game, SMALL.types, learner, horizon=20)
    now = js.deploy(learner, game, horizon=20)
    with pytest.raises(ValueError, match=r"depends on types, .* pass payoff=\.\."):
        now.observe(trace.actions[0])
    for t in range(20):
        np.testing.assert_array_equal(now.commitment.x, trace.commitment[t])
        x = np.asarray(now.commitment.x)
        table = np.asarray(leader.table)  # [n, K, L, A]
        got = sum(x @ table[i, trace.types[t, i], :, trace.actions[t, i]] for i in (0, 1))
        now = now.observe(trace.actions[t], float(got))


@pytest.fixture(scope="module")
def named() -> Any:
    labels = {"leader_names": ("hall", "vault", "roof"), "follower_names": ("ann", "bob")}
    labels |= {"type_names": ("thief", "guest"), "action_names": ("steal", "wait")}
    return js.scenarios.GameFile(SMALL.game, SMALL.types, **labels)


def test_names_in_and_out(named: Any) -> None:
    learner = js.learners.erm_product()
    now = js.deploy(learner, named, horizon=50)
    assert list(now.commitment.by_name) == ["hall", "vault", "roof"]
    words = {0: "steal", 1: "wait"}
    W = now.commitment.responses
    expected = {
        who: {kind: words[int(W[i, k])] for k, kind in enumerate(("thief", "guest"))}
        for i, who in enumerate(("ann", "bob"))
    }
    assert now.commitment.answers == expected
    rounds = [{"bob": "guest", "ann": "thief"}, ["thief", "guest"], (0, 1), np.array([0, 1])]
    states = [now.observe(types=types).state for types in rounds]
    for state in states[1:]:
        for one, other in zip(*map(jax.tree.leaves, (states[0], state)), strict=True):
            np.testing.assert_array_equal(one, other)
    assert now.t == 1  # it never changes
    assert "round 1 of 50, next Posting(" in repr(now)
    assert now.info == {}
    np.testing.assert_array_equal(now.observe(types=[0, 1]).info["counts"], [[1, 0], [0, 1]])


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ({}, r"learns from types: pass types=\[\.\.\]"),
        ({"types": ["thief"]}, "an entry for each of 2 followers, but 1 arrived"),
        ({"types": ["thief", "gest"]}, "type of 'bob' must be one of thief, guest .*Did you mean 'guest'"),
        ({"types": ["thief", 2]}, "type of 'bob' must be one of thief, guest .*but 2 arrived"),
        ({"types": {"ann": 0, "bo": 1}}, "must name the followers ann, bob, but 'bo'"),
        ({"types": 7}, "an entry for each of 2 followers"),
        ({"types": [0, 0], "commitment": [1, 1, 1]}, "commitment must lie in the simplex"),
        ({"types": [0, 0], "responses": [[0, 0], [0, 0]]}, r"commitment=\.\., which is missing"),
    ],
)
def test_what_was_seen_is_checked(named: Any, seen: dict[str, Any], told: str) -> None:
    now = js.deploy(js.learners.erm_joint(), named, horizon=50, table=SMALL.table)
    with pytest.raises(ValueError, match=told):
        now.observe(**seen)


def test_rounds_that_somebody_else_posted(named: Any) -> None:
    table = SMALL.table
    same = (table.responses == table.responses[..., :1]).all(axis=2).any(axis=1)  # a follower whose types do
    region = int(np.flatnonzero(same & table.full_dimensional)[0])
    own = table.vertices[region][table.vertex_mask[region]]
    inside, corner, W = own.mean(axis=0), own[1], table.responses[region]
    actions = W[:, 0]
    learner = js.learners.region_ucb()
    now = js.deploy(learner, named, horizon=50, table=table)
    for posted in ({"commitment": inside}, {"commitment": corner, "responses": W}):
        assert now.observe(actions, **posted).info["visits"][region] == 1
    with pytest.raises(ValueError, match="about indifferent between 'steal' and 'wait'"):
        now.observe(actions, commitment=corner)
    with pytest.raises(ValueError, match="which is no best response to the commitment"):
        now.observe(actions, commitment=inside, responses=1 - W)
    wrong = np.where((W[:, :1] == W).all(axis=1), 1 - W[:, 0], W[:, 0])
    with pytest.raises(ValueError, match=r"is said to have played .* its types play .* only"):
        now.observe(wrong, commitment=inside)
    # One that learns at vertices cannot learn from what is none, one that counts by its plan from no other.
    oful = js.deploy(js.learners.oful(), named, horizon=50, table=table)
    assert oful.observe(actions, commitment=corner, responses=W).t == 2
    with pytest.raises(ValueError, match="learns from vertices of regions that it plays"):
        oful.observe(actions, commitment=inside)
    selfish = js.deploy(dataclasses.replace(learner, off_policy="none"), named, horizon=50, table=table)
    mine = selfish.commitment
    assert selfish.observe(mine.responses[:, 0], commitment=mine.x, responses=mine.responses).t == 2
    with pytest.raises(ValueError, match="learns only from what it posts itself"):
        selfish.observe(actions, commitment=corner, responses=W)


@pytest.mark.parametrize("name", ["erm_joint", "erm_product", "region_ucb", "oful", "vector_oful", "uniform"])
def test_learners_say_what_of_a_choice_their_update_reads(name: str) -> None:
    learner = js.learners.by_name(name)
    now = js.deploy(learner, SMALL.game, horizon=50, table=SMALL.table)
    inputs, theta = now.setting.inputs, np.array([0, 1], np.int32)
    region = int(np.flatnonzero(SMALL.table.vertex_mask.sum(axis=1) > 2)[0])
    full = [Choice(np.int32(region), np.int32(v)) for v in (0, 1)]
    other = Choice(np.int32((region + 1) % int(SMALL.table.num_regions)), np.int32(0))

    @jax.jit
    def update(choice: Choice) -> Any:
        state = jax.tree.map(jnp.asarray, now.state)
        seen = what_is_seen(learner, inputs, full[0], jnp.asarray(theta))
        return learner.update(state, inputs.known, inputs.hparams, choice, seen, jnp.int32(1))

    def after(choice: Choice) -> list[np.ndarray]:
        return [np.asarray(leaf) for leaf in jax.tree.leaves(update(choice))]

    def same(one: list[np.ndarray], two: list[np.ndarray]) -> bool:
        return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))

    vertices = not same(*map(after, full))
    regions = not same(after(full[0]), after(other))
    reads = "vertices" if vertices else "regions" if regions else "all"
    assert learner.off_policy == reads


def test_files_of_something_else(tmp_path: Path) -> None:
    learner = js.learners.erm_joint()
    path = tmp_path / "leader.npz"
    now = js.deploy(learner, SMALL.game, horizon=50, table=SMALL.table)
    now.save(path)
    assert js.Deployment.load(path, SMALL.game).horizon == 50
    with pytest.raises(ValueError, match="saved with another game"):
        js.Deployment.load(path, small_game(8).game)
    with pytest.raises(ValueError, match="other code of its learner"):
        js.Deployment.load(path, SMALL.game, js.learners.erm_product())
    robust = js.enumerate_regions(SMALL.game, ties="robust")
    with pytest.raises(ValueError, match="another region table"):
        js.Deployment.load(path, SMALL.game, table=robust)
    with pytest.raises(ValueError, match=r"must end in \.npz"):
        now.save(tmp_path / "leader.json")
    data = path.read_bytes()
    path.write_bytes(data[:-100])
    with pytest.raises(ValueError, match="not a readable NPZ deployment file"):
        js.Deployment.load(path, SMALL.game)
    js.save_game(path, SMALL.game, SMALL.types)
    with pytest.raises(ValueError, match="not a file of a deployment"):
        js.Deployment.load(path, SMALL.game)
    now.save(path)
    with np.load(path) as arrays:
        np.savez(path, **{name: arrays[name] for name in arrays.files if name != "state.0"})
    with pytest.raises(ValueError, match="its arrays are not those"):
        js.Deployment.load(path, SMALL.game)


def test_what_cannot_be_deployed() -> None:
    with pytest.raises(ValueError, match="is told the optimum, which nobody knows"):
        js.deploy(js.learners.oracle(), SMALL.game, horizon=5)
    with pytest.raises(ValueError, match="learner must be a Learner"):
        js.deploy(js.learners.oful, SMALL.game, horizon=5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="horizon must be"):
        js.deploy(js.learners.oful(), SMALL.game, horizon=0)
    with pytest.raises(ValueError, match="run must be"):
        js.deploy(js.learners.oful(), SMALL.game, horizon=5, run=-1)
