"""Simulation: what draws and regret depend on and what they do not, long sums, memory, and refusals."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstack as js
from jaxstack.learners.contract import Choice, Learner, add_compensated
from jaxstack.regret import RegretCurve
from jaxstack.simulation import Trace
from jaxstack.simulation.simulate import REGRET, Tiles
from tests.conftest import Compilations, Small, small_game
from tests.reference import value as reference

ROSTER = tuple(js.learners.ROSTER)
HORIZON, RUNS = 300, 5  # blocks, batches and devices divide neither
EVERY = np.arange(1, HORIZON + 1)
TILE = 2
SMALL, LARGER = small_game(1), small_game(8)


@pytest.fixture(autouse=True, scope="module")
def small_tiles() -> Iterator[None]:
    """Two runs a tile, so that few runs are several tiles, the last of which is not full."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxstack.simulation.tiles._CPU_RUNS", (TILE, TILE))
        yield


def simulate(case: Small, learner: Learner, key: Any = None, **changes: Any) -> RegretCurve:
    """One tile after the other, on one device, recorded in every round, unless changed."""
    settings = {
        "horizon": HORIZON,
        "num_runs": RUNS,
        "table": case.table,
        "checkpoints": EVERY,
        "devices": jax.devices()[:1],
        **changes,
    }
    return js.simulate(jax.random.key(7) if key is None else key, case.game, case.types, learner, **settings)


def play(case: Small, learner: Learner, key: Any = None, **changes: Any) -> Trace:
    settings = {"horizon": HORIZON, "table": case.table, **changes}
    return js.play(jax.random.key(7) if key is None else key, case.game, case.types, learner, **settings)


@functools.cache
def curve(name: str) -> RegretCurve:
    """Curve of the small game that others are compared with."""
    return simulate(SMALL, js.learners.by_name(name))


@functools.cache
def trace(name: str, run: int) -> Trace:
    """One of its runs."""
    return play(SMALL, js.learners.by_name(name), run=run)


def batch_of(*cases: Small) -> Small:
    game = js.stack([case.game for case in cases])
    return Small(game, js.stack([case.types for case in cases]), js.enumerate_regions(game))


def utilities(case: Small) -> np.ndarray:
    """U_D at every vertex of every region, by plain loops; nan on padding."""
    vectors = [reference.region_payoff_vector(case.game, case.types, r) for r in case.table.responses]
    return np.where(case.table.vertex_mask, np.einsum("rvl,rl->rv", case.table.vertices, vectors), np.nan)


UTILITIES = utilities(SMALL)
GAPS = np.nanmax(UTILITIES) - UTILITIES


# A learner whose regret shows the draws -------------------------------------------------------------

# Places in the small game's table that stand for the four joint types, far apart in value: region, vertex.
_BY_GAP = np.argsort(GAPS, axis=None)[: int(SMALL.table.vertex_mask.sum())]  # nan comes last
PLACES = np.stack(np.unravel_index(_BY_GAP[[0, 4, 9, 14]], GAPS.shape)).astype(np.int32)
GAP_OF_TYPE = GAPS[tuple(PLACES)]


@functools.cache
def echo() -> Learner:
    """Plays in round t the place of the joint type of round t-1: its regret tells all draws."""
    return Learner(
        name="echo",
        feedback="types",
        init=lambda known, hparams: jnp.zeros((), jnp.int32),
        act=lambda key, state, known, hparams, t: Choice(known.prepared[0][state], known.prepared[1][state]),
        update=lambda state, known, hparams, choice, feedback, t: 2 * feedback.types[0] + feedback.types[1],
        prepare=lambda game, table: PLACES if table.num_games is None else np.stack([PLACES, PLACES]),
    )


def heard(regret: np.ndarray) -> np.ndarray:
    """Joint types of rounds 1..T-1, [S, T-1], read off the regret of `echo` in every round, [S, T]."""
    per_round = np.diff(regret, axis=-1)
    nearest = np.abs(per_round[..., None] - GAP_OF_TYPE).argmin(axis=-1)
    np.testing.assert_allclose(per_round, GAP_OF_TYPE[nearest], atol=1e-5)
    return nearest


def joint(types: np.ndarray) -> np.ndarray:
    """Joint types of rounds 1..T-1 of a trace."""
    return (2 * types[:, 0] + types[:, 1])[:-1]


# Randomness: types depend on (key, run, round) alone ------------------------------------------------


@functools.cache
def draws() -> np.ndarray:
    """[S, T-1]: joint types of the runs that others are compared with."""
    return heard(simulate(SMALL, echo()).regret)


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_size": 2},
        {"devices": None},
        {"devices": None, "batch_size": 4, "num_runs": 7},
        {"num_runs": 2},
        {"horizon": HORIZON + 100, "checkpoints": np.append(EVERY[:-1], HORIZON + 100)},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_draws_do_not_depend_on_how_runs_are_batched(changes: dict[str, Any]) -> None:
    changed = simulate(SMALL, echo(), **changes)
    runs = min(RUNS, changed.num_runs)
    np.testing.assert_array_equal(heard(changed.regret[:runs, :-1]), draws()[:runs, :-1])


@pytest.mark.parametrize("name", ROSTER)
def test_every_learner_sees_the_same_draws(name: str) -> None:
    for run in (0, RUNS - 1):
        np.testing.assert_array_equal(joint(trace(name, run).types), draws()[run])


def test_runs_rounds_and_keys_differ() -> None:
    runs = draws()
    other_key = heard(simulate(SMALL, echo(), jax.random.key(8)).regret)
    assert len({row.tobytes() for row in (*runs, *other_key)}) == 2 * RUNS
    blocks = [runs[:, start : start + 100].tobytes() for start in (0, 128)]  # rounds are drawn in blocks
    assert blocks[0] != blocks[1]


def test_a_batch_shares_its_key_or_has_one_per_game() -> None:
    keys = jax.random.split(jax.random.key(3), 2)
    batch = batch_of(SMALL, SMALL)  # equal keys must give equal rows
    alone = [simulate(SMALL, echo(), key).regret for key in keys]
    assert (alone[0] != alone[1]).any()
    shared = simulate(batch, echo(), keys[0]).regret
    np.testing.assert_array_equal(shared, [alone[0], alone[0]])
    np.testing.assert_array_equal(simulate(batch, echo(), keys).regret, alone)


# Regret does not depend on how runs are batched -----------------------------------------------------


@pytest.mark.parametrize("name", ROSTER)
def test_batches_over_four_devices_give_the_same_bits(name: str) -> None:
    # A tile on each of three devices, the last not full; against one after the other on one device.
    assert len(jax.devices()) == 4
    spread = simulate(SMALL, js.learners.by_name(name), devices=jax.devices())
    np.testing.assert_array_equal(spread.regret, curve(name).regret)
    np.testing.assert_array_equal(spread.quantiles, curve(name).quantiles)
    for field in ("mean", "stderr"):
        np.testing.assert_allclose(getattr(spread, field), getattr(curve(name), field), rtol=1e-12)


def test_devices_of_other_processes_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that do play together are tested with the sweeps."""

    class Device:
        def __init__(self, process_index: int) -> None:
            self.process_index = process_index

    def refusal(*processes: int, **changes: Any) -> str:
        with pytest.raises(ValueError, match=r".") as caught:
            simulate(SMALL, js.learners.uniform(), devices=[Device(p) for p in processes], **changes)
        return str(caught.value)

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr("jaxstack.checks.devices", list)
    assert "equally many of each, but 2 of process 0, 1 of process 1" in refusal(0, 0, 1)
    assert "0 of process 0, 2 of process 1" in refusal(1, 1)
    assert "snapshots hold the state of one process" in refusal(0, 1, snapshots=object())


def test_a_process_without_runs_takes_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer tiles than the processes have devices: the last process has none, and gathers nothing."""
    setup = js.simulation.prepare(
        jax.random.key(0), SMALL.game, SMALL.types, js.learners.uniform(), horizon=9, table=SMALL.table
    )
    setup = setup._replace(inputs=setup.inputs._replace(checkpoints=np.array([9], np.int32)))
    devices = jax.devices()[:2]
    both = dataclasses.replace(Tiles.of(setup, devices, TILE), num_processes=2)
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    runs = both.numbers(0, 4)
    carries = both.advance(both.start(runs), runs, range(1))
    assert (runs, carries) == ([], [])
    gathered = []
    monkeypatch.setattr(
        "jaxstack.hosts.gather", lambda array: gathered.append(array) or np.stack([array, array])
    )
    pieces = [piece[REGRET].shape for piece in both.curves(carries)]
    assert {array.shape for array in gathered} == {(2, 1, TILE)}, "as the other process gathers"
    assert pieces == [(TILE, 1)] * 4


@pytest.mark.parametrize("name", ROSTER)
def test_row_of_a_batch_of_unequal_games_is_the_single_run(name: str) -> None:
    batch = batch_of(LARGER, SMALL)
    assert batch.table.num_regions.tolist() == [9, 4], "the second row is padded"
    together = simulate(batch, js.learners.by_name(name))
    assert together.regret.shape == (2, RUNS, HORIZON)
    np.testing.assert_array_equal(together.regret[1], curve(name).regret)
    np.testing.assert_array_equal(together.mean[1], curve(name).mean)
    assert together.optimum[1] == pytest.approx(float(curve(name).optimum), rel=1e-12)
    assert together.optimum[0] == pytest.approx(np.nanmax(utilities(LARGER)), rel=1e-12)
    if name != "oracle":
        assert (together.regret[0] != together.regret[1]).any()


def test_a_game_with_few_regions_beside_one_with_hundreds() -> None:
    # Large tables may be laid out and searched in other ways than small ones; numbers must not tell.
    rng = np.random.default_rng(0)
    many = rng.uniform(size=(2, 5, 5, 3))
    few = np.repeat(rng.uniform(size=(2, 1, 5, 3)), 5, axis=1)  # types that do not differ
    leader = js.TabularPayoff(rng.uniform(size=(5, 3, 3)))
    games = [js.Game(leader, follower) for follower in (many, few)]
    types = js.JointTypes(rng.dirichlet(np.ones(25)).reshape(5, 5))
    tables = [js.enumerate_regions(game, ties="robust") for game in (js.stack(games), games[1])]
    assert tables[0].num_regions[0] > 200
    assert tables[0].num_regions[1] == tables[1].num_regions < 10
    batch = Small(js.stack(games), js.stack([types, types]), tables[0])
    learner = js.learners.region_ucb()
    alone = simulate(Small(games[1], types, tables[1]), learner)
    np.testing.assert_array_equal(simulate(batch, learner).regret[1], alone.regret)


def test_checkpoints_are_places_on_one_curve() -> None:
    every = simulate(SMALL, echo())
    rounds = [300, 1, 7, 128, 129, 256, 7]
    some = simulate(SMALL, echo(), checkpoints=rounds)
    assert some.rounds.tolist() == [1, 7, 128, 129, 256, 300]
    np.testing.assert_array_equal(some.regret, every.regret[:, some.rounds - 1])
    default = simulate(SMALL, echo(), checkpoints=None)
    assert default.rounds[0] == 1
    assert default.rounds[-1] == HORIZON == default.horizon
    assert len(default.rounds) <= 64
    np.testing.assert_array_equal(default.regret, every.regret[:, default.rounds - 1])
    assert simulate(SMALL, echo(), checkpoints=[10]).rounds.tolist() == [10, 300], "T is always added"


def test_a_longer_horizon_continues_the_same_runs() -> None:
    rounds = np.append(EVERY[:-1], HORIZON + 100)
    longer = simulate(SMALL, js.learners.erm_joint(), horizon=HORIZON + 100, checkpoints=rounds)
    np.testing.assert_array_equal(longer.regret[:, :-1], curve("erm_joint").regret[:, :-1])


# Regret is expected, exact, and in payoff units -----------------------------------------------------


@pytest.mark.parametrize("name", ROSTER)
def test_regret_is_the_sum_over_the_plays(name: str) -> None:
    assert float(curve(name).optimum) == pytest.approx(np.nanmax(UTILITIES), rel=1e-12)
    for run in (0, RUNS - 1):
        played = trace(name, run)
        gaps = GAPS[played.region, played.vertex]
        np.testing.assert_allclose(curve(name).regret[run], np.cumsum(gaps), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(played.regret, np.cumsum(gaps), rtol=1e-9, atol=1e-9)
        expected = SMALL.table.vertices[played.region, played.vertex]
        np.testing.assert_array_equal(played.commitment, expected)


@pytest.mark.parametrize("name", ROSTER)
def test_regret_is_never_negative_and_never_falls(name: str) -> None:
    regret = curve(name).regret
    assert regret.dtype == np.float64
    assert (np.diff(regret, axis=1, prepend=0.0) >= 0).all()
    lucky = ("vector_oful",)  # what its optimism prefers happens to be best in this game
    assert (regret == 0).all() == (name in ("oracle", *lucky))


@pytest.mark.parametrize("name", ROSTER)
def test_payoff_units_scale_regret(name: str) -> None:
    # The leader's payoffs are multiples of 1/64, so that both games are exact in float32.
    scaled = js.Game(js.TabularPayoff(4 * SMALL.game.leader.table - 3), SMALL.game.follower)
    other = simulate(SMALL._replace(game=scaled), js.learners.by_name(name))
    np.testing.assert_allclose(other.regret, 4 * curve(name).regret, rtol=1e-5, atol=1e-5)
    assert float(other.optimum) == pytest.approx(4 * float(curve(name).optimum) - 3, abs=1e-12)


@pytest.mark.parametrize("name", ["erm_joint", "region_ucb"])
def test_float64_agrees_and_is_more_exact(name: str) -> None:
    with jax.enable_x64(True):
        double = simulate(SMALL, js.learners.by_name(name)).regret
    single = curve(name).regret
    np.testing.assert_allclose(double, single, rtol=1e-4, atol=1e-4)
    exact = trace(name, 0).regret
    np.testing.assert_allclose(double[0], exact, rtol=1e-12, atol=1e-12)
    assert np.abs(single[0] - exact).max() > 1e-9, "float32 is the default"


def test_moments_without_runs() -> None:
    kept = simulate(SMALL, echo())
    moments = simulate(SMALL, echo(), keep_runs=False)
    assert moments.regret is None
    np.testing.assert_array_equal(moments.mean, kept.mean)
    np.testing.assert_array_equal(moments.stderr, kept.stderr)
    np.testing.assert_array_equal(moments.quantiles, kept.quantiles)
    np.testing.assert_allclose(kept.mean, kept.regret.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(kept.stderr, kept.regret.std(axis=0, ddof=1) / RUNS**0.5, rtol=1e-9)
    levels = list(kept.quantile_levels)
    np.testing.assert_allclose(kept.quantiles, np.quantile(kept.regret, levels, axis=0), rtol=1e-12)


def test_one_run_has_no_standard_error() -> None:
    one = simulate(SMALL, echo(), num_runs=1)
    assert np.isnan(one.stderr).all()
    np.testing.assert_array_equal(one.mean, one.regret[0])


def test_a_curve_says_what_it_is() -> None:
    result = curve("uniform")
    assert (result.learner, result.num_runs, result.horizon, result.ties) == ("uniform", 5, 300, "optimistic")
    assert set(result.seconds) >= {"compile", "run"}
    assert "uniform, T=300, runs=5" in repr(result)
    robust = js.enumerate_regions(SMALL.game, ties="robust")
    assert simulate(SMALL._replace(table=robust), js.learners.oracle()).ties == "robust"


def test_table_is_enumerated_when_not_given() -> None:
    without = simulate(SMALL._replace(table=None), js.learners.uniform())
    np.testing.assert_array_equal(without.regret, curve("uniform").regret)


# What learners know ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROSTER)
def test_plays_depend_on_the_types_seen_but_not_on_their_distribution(name: str) -> None:
    # Followers of the common type (0, 0) play (0, 1), which earns 1, in regions 2 and 3 alone; those of the
    # rare type (1, 1) play (1, 0), a catastrophe, in regions 0 and 2, and (1, 1) in regions 1 and 3.
    responses = SMALL.table.responses
    assert [tuple(r[:, 0]) for r in responses] == [(0, 0), (0, 0), (0, 1), (0, 1)]
    assert [tuple(r[:, 1]) for r in responses] == [(1, 0), (1, 1), (1, 0), (1, 1)]
    leader = np.zeros((3, 2, 2))
    leader[:, 0, 1], leader[:, 1, 0] = 1, -10_000
    game = js.Game(js.TabularPayoff(leader), SMALL.game.follower)
    plays = []
    for rarely in (0.0, 1e-3):
        types = js.JointTypes([[1 - rarely, 0], [0, rarely]])
        plays.append(play(Small(game, types, SMALL.table), js.learners.by_name(name)))
        assert not plays[-1].types.any(), "the rare type never comes"
    same = all(np.array_equal(*(getattr(p, field) for p in plays)) for field in ("region", "vertex"))
    assert same == (name != "oracle"), "only the oracle knows the distribution"


# Compiled once per shape ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROSTER)
def test_new_numbers_do_not_compile_again(name: str, compilations: Compilations) -> None:
    learner = js.learners.by_name(name)
    curve(name), trace(name, 0)
    compilations.restart()
    simulate(SMALL, js.learners.by_name(name))
    leader = js.TabularPayoff(2 * SMALL.game.leader.table - 5)
    other = Small(js.Game(leader, SMALL.game.follower), js.JointTypes(np.full((2, 2), 0.25)), SMALL.table)
    rounds = np.append(EVERY[:-1], 2 * HORIZON)
    changed = simulate(other, learner, jax.random.key(9), horizon=2 * HORIZON, checkpoints=rounds)
    assert changed.horizon == 2 * HORIZON
    play(other, learner, jax.random.key(9), run=3)
    for field in hparams_of(name):
        number = 2.0 if field != "failure_probability" else 0.2
        simulate(SMALL, learner, hparams={field: number})
    assert compilations.count == 0


def hparams_of(name: str) -> tuple[str, ...]:
    """Names of a learner's hyperparameters, from its own refusal of an unknown one."""
    with pytest.raises(ValueError, match="has no hyperparameter") as error:
        simulate(SMALL, js.learners.by_name(name), hparams={"nonsense": 1.0})
    known = str(error.value).split("Known: ")[1].rstrip(".")
    return () if known == "none" else tuple(known.split(", "))


def test_hyperparameters_have_an_effect() -> None:
    learner = js.learners.region_ucb()
    default = curve("region_ucb").regret
    np.testing.assert_array_equal(simulate(SMALL, learner, hparams={"radius_scale": 1}).regret, default)
    bold = simulate(SMALL, learner, hparams={"radius_scale": 0.1}).regret
    assert (bold != default).any(axis=1).all()


def test_a_batch_of_games_does_not_compile_again(compilations: Compilations) -> None:
    first, second = batch_of(LARGER, SMALL), batch_of(SMALL, LARGER)
    simulate(first, js.learners.oracle())
    compilations.restart()
    simulate(second, js.learners.oracle())
    assert compilations.count == 0


def test_compilations_are_seen(compilations: Compilations) -> None:
    jax.jit(lambda x: x * 3.25)(np.arange(7.0))
    assert compilations.count > 0


# Sums over many rounds ------------------------------------------------------------------------------

MANY = 1_000_000


@pytest.mark.parametrize("cycle", [(0, 1, 2), (1,)], ids=["cycle", "constant"])
def test_regret_does_not_drift_over_a_million_rounds(cycle: tuple[int, ...]) -> None:
    # One follower with one action; leader actions earn 1, 2/3, 9/10, so they lose 0, 1/3, 1/10 a round.
    game = js.Game(js.TabularPayoff([[1.0], [2 / 3], [0.9]]), np.zeros((1, 1, 3, 1)))
    table = js.enumerate_regions(game)
    np.testing.assert_array_equal(table.vertices, [np.eye(3)])
    learner = Learner(
        name="cycle",
        feedback="none",
        init=lambda known, hparams: jnp.zeros((), jnp.int32),
        act=lambda key, state, known, hparams, t: Choice(jnp.zeros((), jnp.int32), known.prepared[state]),
        update=lambda state, known, hparams, choice, feedback, t: (state + 1) % len(cycle),
        prepare=lambda game, table: np.array(cycle, np.int32),
    )
    rounds = np.array([3, 999, 30_000, 300_000, MANY - 1])
    case = Small(game, js.JointTypes([1.0]), table)
    result = simulate(case, learner, horizon=MANY, num_runs=1, checkpoints=rounds)
    losses = [(Fraction(0), Fraction(1, 3), Fraction(1, 10))[place] for place in cycle]
    exact = [float(sum(losses) * (int(t) // len(cycle))) for t in rounds]
    np.testing.assert_allclose(result.regret[0, :-1], exact, rtol=2e-6)
    plain = np.cumsum(np.resize(np.float32([float(loss) for loss in losses]), MANY), dtype=np.float32)
    assert np.abs(plain[rounds[-1] - 1] / exact[-1] - 1) > 1e-4, "a plain float32 sum drifts"


@pytest.mark.parametrize("term", [1 / 3, 1e-3, -0.7])
def test_compensated_sum_of_a_million_terms(term: float) -> None:
    single = np.float32(term)

    @jax.jit
    def both(single: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        def add(_: int, sums: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            plain, total, error = sums
            return (plain + single, *add_compensated(total, error, single))

        start = jnp.full((), 1000, jnp.float32)
        return jax.lax.fori_loop(0, MANY, add, (start, start, jnp.zeros_like(start)))

    plain, total, error = (float(x) for x in both(single))
    exact = 1000 + MANY * Fraction(float(single))
    assert total + error == pytest.approx(float(exact), rel=1e-7)
    assert abs(plain / float(exact) - 1) > 1e-5


# Memory ---------------------------------------------------------------------------------------------


def hoarder(entries: int) -> Learner:
    """Blind play with a state of so many float32 entries."""
    return Learner(
        name="hoarder",
        feedback="none",
        init=lambda known, hparams: jnp.zeros(entries, jnp.float32),
        act=lambda key, state, known, hparams, t: Choice(jnp.int32(0), jnp.int32(0)),
        update=lambda state, known, hparams, choice, feedback, t: state,
    )


@pytest.mark.parametrize("batch_size", [None, 4])
def test_what_would_not_fit_is_refused_before_it_is_allocated(batch_size: int | None) -> None:
    with pytest.raises(MemoryError, match=r"TiB.*are free.*What drives it.*What to do") as error:
        simulate(SMALL, hoarder(1 << 40), batch_size=batch_size)
    assert "hoarder" in str(error.value)
    assert "4 TiB of learner state per run" in str(error.value)
    assert not any(array.nbytes > 1 << 30 for array in jax.live_arrays())


def test_memory_does_not_depend_on_the_horizon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jaxstack.memory.available_bytes", lambda: 1000)
    messages = []
    for horizon in (1000, 2_000_000_000):
        with pytest.raises(MemoryError) as error:
            simulate(SMALL, js.learners.region_ucb(), horizon=horizon, checkpoints=[1, horizon])
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def test_memory_bounds_the_devices_and_never_the_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tile of other runs would give other numbers: what does not fit is refused, not made smaller."""
    entries, learner = 1000, hoarder(1000)
    case = simulate(SMALL, learner, horizon=1, num_runs=9, checkpoints=[1], devices=jax.devices())
    free = 4 * 4 * 4 * entries  # of four tiles of two states each, twice
    monkeypatch.setattr("jaxstack.memory.available_bytes", lambda: free)
    with pytest.raises(MemoryError, match=r"1 game\(s\) x 2 run\(s\) on each device.*batch_size limits them"):
        simulate(SMALL, learner, horizon=1, num_runs=9, checkpoints=[1], devices=jax.devices())
    settings = {"horizon": 1, "num_runs": 9, "checkpoints": [1], "devices": jax.devices(), "batch_size": 2}
    np.testing.assert_array_equal(simulate(SMALL, learner, **settings).regret, case.regret)


def test_curves_that_would_not_fit_are_refused() -> None:
    with pytest.raises(
        MemoryError, match=r"keeping the curve of every run.* 1,000,000,000 runs.*keep_runs=False"
    ):
        simulate(SMALL, js.learners.oracle(), num_runs=10**9)


def test_too_many_joint_types_are_refused() -> None:
    n = 40  # followers without a choice: one region, but 2^40 joint types
    game = js.Game(js.SeparablePayoff(np.ones((n, 2, 1))), np.zeros((n, 2, 2, 1)))
    types = js.IndependentTypes(np.full((n, 2), 0.5))
    with pytest.raises(MemoryError, match=r"K\*\*n = 2\*\*40 joint types"):
        js.simulate(jax.random.key(0), game, types, js.learners.oful(), horizon=10, num_runs=1)


# Progress -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("games", [1, 2])
def test_progress_rises_to_the_total(games: int) -> None:
    case = SMALL if games == 1 else batch_of(SMALL, SMALL)
    heard_of: list[tuple[int, int]] = []
    silent = simulate(case, js.learners.oracle(), batch_size=2)
    loud = simulate(
        case, js.learners.oracle(), batch_size=2, progress=lambda done, total: heard_of.append((done, total))
    )
    np.testing.assert_array_equal(loud.regret, silent.regret)
    done = [d for d, _ in heard_of]
    assert {total for _, total in heard_of} == {games * RUNS * HORIZON}
    assert len(done) >= 3, "at least once a batch"
    assert all(a < b for a, b in itertools.pairwise([0, *done]))
    assert done[-1] == games * RUNS * HORIZON


# Refusals -------------------------------------------------------------------------------------------


def other_shape() -> Small:
    game, types = js.scenarios.random_game(0, num_leader_actions=2, num_followers=1)
    return Small(game, types, js.enumerate_regions(game))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"horizon": 0}, "horizon must be a whole number of at least 1, but 0 arrived"),
        ({"horizon": 10.5}, "horizon must be a whole number"),
        ({"horizon": 2**31}, "horizon must be at most"),
        ({"num_runs": 0}, "num_runs must be a whole number of at least 1, but 0 arrived"),
        ({"num_runs": True}, "num_runs must be a whole number"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1"),
        ({"checkpoints": [0, 5]}, r"checkpoints must be whole rounds in 1..T = 300.*from 0 to 5"),
        ({"checkpoints": [5, 301]}, "checkpoints must be whole rounds in 1..T = 300.*to 301"),
        ({"checkpoints": [1.5]}, "checkpoints must be whole rounds"),
        ({"checkpoints": []}, "checkpoints .*empty"),
        ({"checkpoints": [[1, 2]]}, "checkpoints must have axes"),
        ({"devices": []}, "devices must name at least one device"),
        (
            {"hparams": {"radius": 1.0}},
            "region_ucb has no hyperparameter 'radius'. Did you mean 'radius_scale'",
        ),
        (
            {"hparams": {"radius_scale": np.nan}},
            "hyperparameter radius_scale of region_ucb must be a finite number",
        ),
        ({"hparams": {"radius_scale": [1.0, 2.0]}}, "must be a finite number"),
        ({"hparams": {"radius_scale": "2"}}, "must be a finite number, but '2' arrived"),
        ({"hparams": 3}, r"hparams must be a mapping from names to numbers.* but 3 arrived"),
        ({"devices": "cpu"}, "devices must be a list of JAX devices, but 'cpu' arrived"),
        ({"horizon": True}, "horizon must be a whole number"),
        ({"table": other_shape().table}, r"region table does not belong to Game\(L=3.*Enumerate the regions"),
    ],
    ids=str,
)
def test_bad_settings(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        simulate(SMALL, js.learners.region_ucb(), **{"checkpoints": None, **changes})


@pytest.mark.parametrize(("name", "number"), [("ridge", 0.0), ("ridge", -1.0), ("failure_probability", 2.0)])
def test_hyperparameters_outside_of_their_ranges(name: str, number: float) -> None:
    """A ridge of -1 once gave NaN for scores, and a regret of 0."""
    with pytest.raises(ValueError, match=rf"hyperparameter {name} of oful must lie between 0 and .* arrived"):
        simulate(SMALL, js.learners.oful(), hparams={name: number})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: jax.random.PRNGKey(0), r"key must come from jax.random.key\(seed\)"),
        (lambda: 0, r"key must come from jax.random.key\(seed\), but int arrived: 0"),
        (lambda: jax.random.key(0, impl="rbg"), "whose numbers depend on how runs are batched"),
        (lambda: jax.random.split(jax.random.key(0), 3), r"key must have a shape in .* but \(3,\) arrived"),
    ],
)
@pytest.mark.parametrize("call", [simulate, play])
def test_bad_keys(call: Callable[..., Any], make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(SMALL, js.learners.uniform(), make())


def test_keys_of_a_batch_are_one_or_one_per_game() -> None:
    with pytest.raises(ValueError, match=r"key must have a shape in .*\(2,\).* but \(3,\) arrived"):
        simulate(batch_of(SMALL, SMALL), js.learners.uniform(), jax.random.split(jax.random.key(0), 3))


def test_types_of_another_game() -> None:
    with pytest.raises(ValueError, match=r"num_followers = 2, but .* num_followers = 1"):
        simulate(SMALL._replace(types=other_shape().types), js.learners.uniform())
    with pytest.raises(ValueError, match="batch of 2, but the type distribution is a single one"):
        simulate(batch_of(SMALL, SMALL)._replace(types=SMALL.types), js.learners.uniform())
    with pytest.raises(ValueError, match="types must be JointTypes"):
        simulate(SMALL._replace(types=np.full((2, 2), 0.25)), js.learners.uniform())


def test_table_of_one_game_for_a_batch() -> None:
    with pytest.raises(ValueError, match=r"table does not belong to Game\(G=2"):
        simulate(batch_of(SMALL, SMALL)._replace(table=SMALL.table), js.learners.uniform())


def test_play_takes_one_game() -> None:
    with pytest.raises(ValueError, match=r"play takes one game, but Game\(G=2.*unstack"):
        play(batch_of(SMALL, SMALL), js.learners.uniform())
    with pytest.raises(ValueError, match="horizon must be a whole number"):
        play(SMALL, js.learners.uniform(), horizon=0)


def test_a_learner_must_be_one() -> None:
    game, types = js.scenarios.random_game(0)
    with pytest.raises(ValueError, match=r"learner must be a Learner.*erm_joint\(\).*Factories are called"):
        js.simulate(jax.random.key(0), game, types, js.learners.erm_joint, horizon=9, num_runs=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"run must be a whole number in 0\.\.2\^31-1, but -1 arrived"):
        js.play(jax.random.key(0), game, types, js.learners.erm_joint(), horizon=9, run=-1)


def test_a_game_and_a_table_must_be_some() -> None:
    with pytest.raises(ValueError, match=r"game must be a Game, but None .*arrived"):
        simulate(SMALL._replace(game=None), js.learners.uniform())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"game must be a Game, but None .*arrived"):
        play(SMALL._replace(game=None), js.learners.uniform())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"table must be a RegionTable, but 3 .*arrived"):
        simulate(SMALL._replace(table=3), js.learners.uniform())  # type: ignore[arg-type]
    with pytest.raises(MemoryError, match=r"every round of a run.*play fewer rounds"):
        play(SMALL, js.learners.uniform(), horizon=2 * 10**9)


def _with_equal_actions(kind: str, apart: bool) -> js.Game:
    """Type 0 of follower 1 has equal actions 0 and 2, better than 1, which the leader tells apart or not."""
    rng = np.random.default_rng(0)
    follower = rng.uniform(size=(2, 2, 2, 3))
    follower[1, 0, :, 0] += 1
    follower[1, 0, :, 2] = follower[1, 0, :, 0]
    if kind == "separable":
        table = rng.uniform(size=(2, 2, 3))
        table[1, :, 2] = table[1, :, 0] + apart
        return js.Game(js.SeparablePayoff(table), follower)
    if kind == "anonymous":  # counts of actions 1 and 2
        table = np.broadcast_to(np.arange(3.0)[:, None] + apart * np.arange(3.0), (2, 3, 3))
        return js.Game(js.AnonymousPayoff(table), follower)
    table = rng.uniform(size=(2, 3, 3))
    table[:, :, 2] = table[:, :, 0]
    table[1, 2, 2] += apart
    return js.Game(table, follower)


@pytest.mark.parametrize("kind", ["tabular", "separable", "anonymous"])
def test_equal_actions_are_not_for_a_learner_to_choose_from(kind: str) -> None:
    key, uniform = jax.random.key(0), js.learners.uniform()

    def prepare(games: Any, types: Any, ties: str = "robust") -> Any:
        table = js.enumerate_regions(games, ties=ties)
        return js.simulation.prepare(key, games, types, uniform, horizon=9, table=table)

    apart, alike = (_with_equal_actions(kind, tells) for tells in (True, False))
    types = js.IndependentTypes([[0.5, 0.5], [0.25, 0.75]])
    told = (
        r"actions 0 and 2 are equal to follower 1 of type 0,.*Merge equal actions, or use ties='optimistic'"
    )
    with pytest.raises(ValueError, match=told):
        prepare(apart, types)
    with pytest.raises(ValueError, match="of type 0 of game 1,"):
        prepare(js.stack([alike, apart]), js.stack([types, types]))
    prepare(alike, types)
    prepare(apart, types, "optimistic")
    prepare(apart, js.IndependentTypes([[0.5, 0.5], [0.0, 1.0]]))  # that type never occurs
    follower = np.array(apart.follower)
    follower[1, 0, :, 1] += 9
    prepare(js.Game(apart.leader, follower), types)  # the equal actions are never played


def test_a_state_of_random_keys_is_refused_and_a_plain_number_prepared_is_not() -> None:
    uniform = js.learners.uniform()
    keeps_a_key = dataclasses.replace(uniform, init=lambda known, hparams: jax.random.key(0))
    with pytest.raises(ValueError, match=r"uniform: its state holds a random key.*jax\.random\.key_data"):
        simulate(SMALL, keeps_a_key)
    prepares_a_number = dataclasses.replace(uniform, prepare=lambda game, table: 3.0)
    np.testing.assert_array_equal(simulate(SMALL, prepares_a_number).regret, curve("uniform").regret)
