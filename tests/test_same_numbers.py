"""The same bits whatever the batch, the devices, the processes and the settings of the user's program."""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstack as js
from jaxstack.learners import ActionFeedback, Choice, Known, Learner
from jaxstack.simulation import prepare, tile_size
from tests.conftest import Compilations

HORIZON = 400  # some blocks, the last one not whole


class Weights(NamedTuple):
    """A state that is nothing but matrix products."""

    features: jax.Array  # [8, 8]
    target: jax.Array  # [8]


@functools.cache
def products() -> Learner:
    """Plays the vertex of the highest score, scores being products of matrices that every action stirs."""

    def init(known: Known, hparams: Any) -> Weights:
        return Weights(jnp.eye(8, dtype=known.dtype), jnp.zeros(8, known.dtype))

    def act(key: jax.Array, state: Weights, known: Known, hparams: Any, t: jax.Array) -> Choice:
        vertices = jnp.asarray(known.table.vertices)
        rows = vertices.reshape(-1, vertices.shape[-1])  # [R V, L]
        mixing = jnp.sin(jnp.arange(1, 8 * rows.shape[1] + 1, dtype=known.dtype)).reshape(rows.shape[1], 8)
        scores = (rows @ mixing) @ (state.features @ state.target)
        scores = jnp.where(jnp.asarray(known.table.vertex_mask).reshape(-1), scores, -jnp.inf)
        best = scores.argmax().astype(jnp.int32)
        return Choice(best // vertices.shape[1], best % vertices.shape[1])

    def update(
        state: Weights, known: Known, hparams: Any, choice: Choice, feedback: ActionFeedback, t: jax.Array
    ) -> Weights:
        seen = jnp.sin(
            (feedback.actions.sum() + choice.region + t).astype(known.dtype) * jnp.arange(1.0, 9.0)
        )
        features = jnp.tanh(state.features @ state.features.T / 3 + seen[:, None] * seen[None])
        return Weights(features, jnp.tanh(features @ state.target + seen))

    return Learner("products", "actions", init, act, update)


LEARNERS: dict[str, Callable[[], Learner]] = {**js.learners.ROSTER, "products": products}


@functools.cache
def problem() -> tuple[Any, ...]:
    sizes = {"num_leader_actions": 3, "num_followers": 2, "num_types": 3, "num_actions": 2}
    game, types = js.scenarios.random_game(seed=10, **sizes)
    return game, types, js.enumerate_regions(game)


def regret(learner: Learner, num_runs: int = 7, **changes: Any) -> np.ndarray:
    game, types, table = problem()
    settings = {"horizon": HORIZON, "table": table, **changes}
    curve = js.simulate(jax.random.key(4), game, types, learner, num_runs=num_runs, **settings)
    assert curve.regret is not None
    return curve.regret


def digest(learner: Learner) -> str:
    return hashlib.sha256(regret(learner).tobytes()).hexdigest()


@functools.cache
def reference(name: str) -> np.ndarray:
    """Runs of a little more than one tile, one tile after the other."""
    return regret(LEARNERS[name](), tile(name) + 3, devices=jax.devices()[:1])


def tile(name: str) -> int:
    game, types, table = problem()
    setup = prepare(jax.random.key(0), game, types, LEARNERS[name](), horizon=HORIZON, table=table)
    return tile_size(setup, "cpu")


@pytest.mark.parametrize("name", LEARNERS)
def test_batches_and_devices(name: str) -> None:
    whole = reference(name)
    assert len(whole) > tile(name) >= 16
    assert len({row.tobytes() for row in whole}) > 1 or name in ("oracle", "erm_product")
    for changes in (
        {"devices": jax.devices()[:2]},
        {"devices": jax.devices()},
        {"devices": jax.devices()[2:], "batch_size": 3},
    ):
        np.testing.assert_array_equal(regret(LEARNERS[name](), len(whole), **changes), whole)
    np.testing.assert_array_equal(regret(LEARNERS[name](), 1), whole[:1])


@pytest.mark.parametrize("name", LEARNERS)
def test_play_is_the_run_of_the_simulation(name: str) -> None:
    game, types, table = problem()
    run = tile(name) + 2
    trace = js.play(jax.random.key(4), game, types, LEARNERS[name](), horizon=HORIZON, run=run, table=table)
    rounds = js.simulate(
        jax.random.key(4), game, types, LEARNERS[name](), horizon=HORIZON, num_runs=1, table=table
    ).rounds
    scale = 1e-5 * max(1.0, trace.regret[-1])
    np.testing.assert_allclose(reference(name)[run], trace.regret[rounds - 1], rtol=1e-5, atol=scale)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_new_number_of_runs_compiles_nothing(name: str, compilations: Compilations) -> None:
    size = tile(name)
    regret(LEARNERS[name](), 1, horizon=20)  # one tile; with more runs four devices play
    compilations.restart()
    for num_runs in (9, size + 1, 4 * size + 1):
        regret(LEARNERS[name](), num_runs, horizon=20)
    assert compilations.count == 0


def test_other_processes_with_other_devices_and_cores() -> None:
    """One device on one core, as a worker has it, or three: the bits of this process, which has four."""
    script = "\n".join(
        [
            "import os, sys",
            "if sys.argv[2] and hasattr(os, 'sched_setaffinity'):",
            "    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])",
            "import jax",
            "from tests import test_same_numbers as here",
            "jax.config.update('jax_num_cpu_devices', int(sys.argv[1]))",
            "assert len(jax.devices()) == int(sys.argv[1])",
            "for name in ('oful', 'erm_product', 'products'):",
            "    print(here.digest(here.LEARNERS[name]()))",
        ]
    )
    expected = [digest(LEARNERS[name]()) for name in ("oful", "erm_product", "products")]
    for devices, one_core in (("1", "yes"), ("3", "")):
        done = subprocess.run(
            [sys.executable, "-c", script, devices, one_core],
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.split() == expected, done.stderr[-2000:]


SETTINGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "another default generator": lambda: jax.default_prng_impl("rbg"),
    "threefry not partitionable": lambda: jax.threefry_partitionable(False),
    "no silent broadcasts": lambda: jax.numpy_rank_promotion("raise"),
    "no silent promotions": lambda: jax.numpy_dtype_promotion("strict"),
    "silent broadcasts": lambda: jax.numpy_rank_promotion("allow"),
    "silent promotions": lambda: jax.numpy_dtype_promotion("standard"),
    "infinities are errors": lambda: jax.debug_infs(True),
    "nans are errors": lambda: jax.debug_nans(True),
    "no implicit transfers": lambda: jax.transfer_guard("disallow"),
    "coarse products": lambda: jax.default_matmul_precision("bfloat16"),
}


@pytest.mark.once
@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_of_the_program(setting: str) -> None:
    game, types, table = problem()
    key = jax.random.key(4, impl="threefry2x32")
    for name, make in js.learners.ROSTER.items():
        if make().replan is not None and setting not in ("coarse products", "threefry not partitionable"):
            continue  # they compile for long, and only these two could reach what is special about them
        expected = regret(LEARNERS[name]())
        with SETTINGS[setting]():
            curve = js.simulate(key, game, types, LEARNERS[name](), horizon=HORIZON, num_runs=7, table=table)
        np.testing.assert_array_equal(curve.regret, expected)
    drawn = js.sample_types(key, types, 50)
    best = js.solve(game, types)
    with SETTINGS[setting]():
        np.testing.assert_array_equal(js.sample_types(key, types, 50), drawn)
        assert js.solve(game, types).value == best.value
        assert js.enumerate_regions(game).num_regions == table.num_regions


@pytest.mark.parametrize("name", LEARNERS)
def test_learners_can_be_sent_to_other_processes(name: str) -> None:
    if name == "products":
        pytest.skip("its functions are local ones")
    learner = LEARNERS[name]()
    sent = pickle.loads(pickle.dumps(learner))
    assert sent == learner
    assert hash(sent) == hash(learner)


@pytest.mark.parametrize(
    "make",
    [
        lambda: jax.random.key(0, impl="rbg"),
        lambda: jax.random.PRNGKey(0),
        lambda: 0,
        lambda: jax.random.split(jax.random.key(0), 2),
    ],
)
def test_draws_refuse_the_keys_that_simulations_refuse(make: Callable[[], Any]) -> None:
    game, types, table = problem()
    with pytest.raises(ValueError, match=r"key must|key uses") as refused:
        js.simulate(make(), game, types, js.learners.uniform(), horizon=9, num_runs=1, table=table)
    with pytest.raises(ValueError, match=r"key must|key uses") as drawn:
        js.sample_types(make(), types, 5)
    assert str(drawn.value) == str(refused.value)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:os.fork")
def test_a_fork_after_the_first_use_says_so() -> None:
    game, types, table = problem()
    js.sample_types(jax.random.key(0), types, 2)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            js.simulate(
                jax.random.key(0), game, types, js.learners.uniform(), horizon=1, num_runs=1, table=table
            )
        except RuntimeError as error:
            os.write(write, str(error).encode())
        os._exit(0)
    os.close(write)
    told = os.read(read, 10_000).decode()
    os.waitpid(child, 0)
    assert "was forked from one in which JAX had been used" in told
    assert "spawn" in told
