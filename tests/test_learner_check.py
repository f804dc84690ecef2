"""The public contract check: all built-in learners pass, and every broken one is told what it broke."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.custom_batching import custom_vmap

import jaxstack as js
from jaxstack.learner_check.runs import check_regret
from jaxstack.learners import ActionFeedback, Choice, Known, Learner
from tests.conftest import small_game

pytestmark = pytest.mark.once

ROSTER = tuple(js.learners.ROSTER)


class Params(NamedTuple):
    bonus: Any


class Means(NamedTuple):
    sums: jax.Array  # [R, L]
    visits: jax.Array  # [R] int32


def init(known: Known, hparams: Params) -> Means:
    shape = (known.table.padded_regions, known.game.num_leader_actions)
    return Means(jnp.zeros(shape, known.payoff_range.dtype), jnp.zeros(shape[0], jnp.int32))


def act(key: jax.Array, state: Means, known: Known, hparams: Params, t: Any) -> Choice:
    means = state.sums / jnp.maximum(state.visits, 1)[:, None].astype(state.sums.dtype)
    values = (known.table.vertices * means[:, None, :]).sum(axis=-1)
    values = jnp.where(state.visits[:, None] == 0, hparams.bonus, values)
    values = jnp.where(known.table.vertex_mask & known.table.region_mask[:, None], values, -jnp.inf)
    best = values.reshape(-1).argmax().astype(jnp.int32)
    return Choice(best // known.table.padded_vertices, best % known.table.padded_vertices)


def update(
    state: Means, known: Known, hparams: Params, choice: Choice, feedback: ActionFeedback, t: Any
) -> Means:
    payoffs = known.unit_payoff_vector(feedback.actions)
    return Means(state.sums.at[choice.region].add(payoffs), state.visits.at[choice.region].add(1))


GREEDY = Learner(
    name="greedy",
    feedback="actions",
    init=init,
    act=act,
    update=update,
    hparams=lambda known: Params(2 * known.payoff_range / known.payoff_range),
)


def broken(**fields: Any) -> Learner:
    return dataclasses.replace(GREEDY, **fields)


# What passes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROSTER)
def test_built_in_learners_pass(name: str) -> None:
    report = js.check_learner(js.learners.by_name(name), horizon=300)
    assert report.learner == name
    assert report.can_jump == name.startswith("erm_")
    assert (report.curve.mean[-1] == 0) == (name == "oracle")


def test_report_of_a_learner_on_ones_own_game() -> None:
    game, types = js.scenarios.random_game(0, num_leader_actions=3, num_types=2)
    report = js.check_learner(GREEDY, game, types, horizon=200, num_runs=2)
    assert report.hparams == {"bonus": 2.0}
    assert report.state_bytes == 4 * (6 * 3) + 4 * 6, "6 regions, L = 3"
    assert report.games[0] == "your game"
    text = str(report)
    assert text.startswith("greedy keeps to the learner contract\n")
    for line in ("bonus = 2", "96 B", "regret, T = 200", "ok  batches: a game is played as it is alone"):
        assert line in text


# What is asked wrongly ------------------------------------------------------------------------------


def test_arguments() -> None:
    game, types, _ = small_game(1)
    with pytest.raises(ValueError, match=r"a game and its types together, but types did not arrive"):
        js.check_learner(GREEDY, game)
    with pytest.raises(ValueError, match=r"takes one game, but Game.*js?.*unstack\(game, 0\)"):
        js.check_learner(GREEDY, js.stack([game, game]), js.stack([types, types]))
    with pytest.raises(ValueError, match=r"num_runs must be at least 2"):
        js.check_learner(GREEDY, num_runs=1)
    with pytest.raises(ValueError, match=r"horizon must be a whole number"):
        js.check_learner(GREEDY, horizon=0)
    with pytest.raises(ValueError, match=r"takes a jaxstack.learners.Learner, .* Call the factory"):
        js.check_learner(js.learners.uniform)  # type: ignore[arg-type]


# Broken fields, states and choices ------------------------------------------------------------------


class Unhashable:
    __hash__ = None  # type: ignore[assignment]

    def __call__(self, *_: Any) -> None:
        raise AssertionError("not called")


class Few(NamedTuple):
    sums: jax.Array


COUNTER = itertools.count()
KEPT: list[Any] = []
CAPTURED = np.zeros(1000, np.float32)


def seen_by_branch(key: jax.Array, state: Means, known: Known, hparams: Params, t: Any) -> Choice:
    return act(key, state, known, hparams, t) if hparams.bonus > 1 else Choice(jnp.int32(0), jnp.int32(0))


def counting(key: jax.Array, state: Means, known: Known, hparams: Params, t: Any) -> Choice:
    return act(key, state, known, Params(hparams.bonus + next(COUNTER)), t)


def numpy_random(key: jax.Array, state: Means, known: Known, hparams: Params, t: Any) -> Choice:
    return act(key, state, known, Params(hparams.bonus + np.random.default_rng().uniform()), t)


def printing(key: jax.Array, state: Means, known: Known, hparams: Params, t: Any) -> Choice:
    jax.debug.print("{}", state.visits)
    return act(key, state, known, hparams, t)


def calling(key: jax.Array, state: Means, known: Known, hparams: Params, t: Any) -> Choice:
    def from_host(bonus: jax.Array) -> jax.Array:
        return jax.pure_callback(lambda b: np.asarray(b), jax.ShapeDtypeStruct((), bonus.dtype), bonus)

    bonus = jax.lax.cond(state.visits[0] > 0, from_host, lambda b: b, hparams.bonus)
    return act(key, state, known, Params(bonus), t)


def capturing(key: jax.Array, state: Means, known: Known, hparams: Params, t: Any) -> Choice:
    return act(
        key,
        state,
        known,
        Params(hparams.bonus + jnp.asarray(CAPTURED)[state.visits[0]].astype(hparams.bonus.dtype)),
        t,
    )


def keeping(*args: Any) -> Any:
    KEPT.append(args[0])
    return update(*args)


def with_int64_argmax(key: jax.Array, state: Means, known: Known, hparams: Params, t: Any) -> Choice:
    return Choice(state.visits.argmin(), jnp.int32(0))


def drawing(bound: Any) -> Any:
    """An act that draws a region below `bound(table)`."""

    def act(key: jax.Array, state: Means, known: Known, hparams: Params, t: Any) -> Choice:
        return Choice(jax.random.randint(key, (), 0, bound(known.table), jnp.int32), jnp.int32(0))

    return act


def any_vertex(key: jax.Array, state: Means, known: Known, hparams: Params, t: Any) -> Choice:
    vertex = jax.random.randint(key, (), 0, known.table.padded_vertices, jnp.int32)
    return Choice(state.visits[0] % known.table.num_regions.astype(jnp.int32), vertex)


def first_nan(state: Means, known: Known, *rest: Any) -> Means:
    after = update(state, known, *rest)
    means = state.sums / state.visits[:, None].astype(state.sums.dtype)
    return after._replace(sums=jnp.where(after.visits[:, None] > 0, after.sums, means))


def bonus_of(bonus: Any) -> Any:
    return lambda known: Params(bonus)


def reading_types(
    state: Means, known: Known, hparams: Params, choice: Choice, feedback: Any, t: Any
) -> Means:
    return update(state, known, hparams, choice, ActionFeedback(feedback.types), t)


BROKEN: dict[str, tuple[Learner, str]] = {
    "name": (broken(name=""), r"name must be a text, but '' arrived"),
    "feedback": (
        broken(feedback="action"),
        r"Unknown kind of feedback of greedy: 'action'\. Did you mean 'actions'",
    ),
    "function": (broken(act=3), r"greedy: act must be a function, but 3 arrived"),
    "refresh": (broken(refresh=3), r"greedy: refresh must be a function or None, but 3 arrived"),
    "refreshed": (
        broken(refresh=lambda s, *_: s._replace(visits=s.visits.astype(jnp.float32))),
        r"greedy: refresh must return a state of the same tree, shapes and dtypes as init",
    ),
    "flag": (broken(draws="no"), r"draws must be True or False, but 'no' arrived"),
    "hash": (broken(prepare=Unhashable()), r"greedy must be hashable.*unhashable type"),
    "hyperparameters": (
        broken(hparams=lambda known: {"bonus": 1.0}),
        r"hparams must return a NamedTuple of numbers, but \{'bonus'",
    ),
    "vector": (
        broken(hparams=bonus_of(np.ones(4))),
        r"hyperparameter bonus must be one finite number, but array",
    ),
    "infinite": (broken(hparams=bonus_of(np.inf)), r"hyperparameter bonus must be one finite number"),
    "python number": (
        broken(init=lambda known, hparams: init(known, hparams)._replace(visits=0)),
        r"state\.visits of init has no dtype of its own.*jnp\.zeros\(\(\), jnp\.int32\)",
    ),
    "half precision": (
        broken(
            init=lambda k, h: Means(
                *(leaf.astype(d) for leaf, d in zip(init(k, h), ("float32", "int32"), strict=True))
            ),
            update=lambda s, *_: s,
        ),
        r"state\.sums of init is float32, but must hold .* with jax_enable_x64=True, float64",
    ),
    "wide integer": (
        broken(
            init=lambda known, hparams: init(known, hparams)._replace(visits=jnp.zeros(4, int)),
            act=lambda *_: Choice(jnp.int32(0), jnp.int32(0)),
            update=lambda state, *_: state,
        ),
        r"state\.visits of init is int32, but int64 with jax_enable_x64.*dtype=jnp\.int32",
    ),
    "growth": (
        broken(update=lambda s, *_: s._replace(visits=jnp.append(s.visits, 1))),
        r"update must return a state of the same tree.*'visits': shapes: \(6,\) != \(7,\).*cannot grow",
    ),
    "dtype": (
        broken(update=lambda s, *_: s._replace(visits=s.visits.astype(jnp.float32))),
        r"update must return .*'visits': types: int32 != float32.*\.astype",
    ),
    "tree": (broken(update=lambda s, *_: Few(s.sums)), r"update must return a state of the same tree"),
    "tuple": (
        broken(act=lambda *_: (jnp.int32(0), jnp.int32(0))),
        r"act must return .*Choice.* but tuple arrived",
    ),
    "number choice": (
        broken(act=lambda *_: Choice(0, jnp.int32(0))),
        r"region of what act .*int32\[\], but is int",
    ),
    "vector choice": (
        broken(act=lambda key, state, *_: Choice(state.visits, jnp.int32(0))),
        r"region of what act returns must be int32\[\], but is int32\[6\]",
    ),
    "argmax": (
        broken(act=with_int64_argmax),
        r"must be int32\[\], but is int64\[\] with jax_enable_x64=True\. Use \.astype",
    ),
    "branch": (broken(act=seen_by_branch), r"act branches in Python .* Use jnp\.where or jax\.lax\.cond"),
    "shape from the horizon": (
        broken(init=lambda known, hparams: jnp.zeros(int(known.horizon))),
        r"init needs as a Python number .* let shapes depend on sizes alone",
    ),
    "numpy": (
        broken(update=lambda s, *_: s._replace(visits=jnp.asarray(np.sort(s.visits)))),
        r"update needs as a Python number or NumPy array",
    ),
    "counter": (broken(act=counting), r"act gives another program when it is traced again"),
    "numpy's random numbers": (
        broken(act=numpy_random),
        r"another program.*draw from the key that act receives",
    ),
    "kept": (broken(update=keeping), r"update keeps a traced value beyond its call"),
    "print": (broken(act=printing), r"act leaves the compiled code in every round: .*callback"),
    "callback": (broken(act=calling), r"act leaves the compiled code in every round: pure_callback"),
    "captured": (broken(act=capturing), r"act captures 3\.91 KiB of arrays.*known\.prepared"),
    "unsteady prepare": (
        broken(prepare=lambda game, table: np.random.default_rng().uniform(size=table.num_regions.shape)),
        r"prepare must give the same arrays",
    ),
    "types from actions": (
        broken(update=reading_types),
        r"update reads feedback\.types, but the learner declares feedback='actions', and ActionFeedback",
    ),
    "nothing to read": (broken(feedback="none"), r"update reads feedback\.actions, .* and None arrives"),
    "jumps for actions": (
        dataclasses.replace(js.learners.erm_joint(), feedback="actions"),
        r"jumps are a jaxstack.learners.Jumps of a learner with feedback='types', but .*jumps=None",
    ),
    "jumps of another learner": (
        dataclasses.replace(js.learners.erm_joint(), act=lambda *_: Choice(jnp.int32(0), jnp.int32(0))),
        r"its jumps were made for a learner with another act.*jumps=None",
    ),
    "theorem": (broken(theorem="mine"), r"Unknown theorem of greedy: .mine.\. Known: erm_joint, "),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_programs(name: str) -> None:
    learner, message = BROKEN[name]
    with pytest.raises(ValueError, match=message):
        js.check_learner(learner)
    KEPT.clear()


# Broken runs ----------------------------------------------------------------------------------------


@custom_vmap
def shared(visits: jax.Array) -> jax.Array:
    return visits


@shared.def_vmap
def _shared(size: int, batched: list[bool], visits: jax.Array) -> tuple[jax.Array, bool]:
    return jnp.roll(visits, 1, axis=0), True  # every run has those of its neighbour


def explore_by_table_size(key: jax.Array, state: Means, known: Known, hparams: Params, t: Any) -> Choice:
    """Plays in turn for as many rounds as the padded table has places."""
    rounds = state.visits.sum(dtype=jnp.int32)
    in_turn = Choice(rounds % known.table.num_regions.astype(jnp.int32), jnp.int32(0))
    greedy = act(key, state, known, hparams, t)
    exploring = rounds < 5 * known.table.padded_regions * known.table.padded_vertices
    return jax.tree.map(lambda a, b: jnp.where(exploring, a, b), in_turn, greedy)


BROKEN_RUNS: dict[str, tuple[Learner, str]] = {
    "region": (
        broken(act=drawing(lambda table: table.num_regions + 1), draws=True),
        r"act chose region 6 in round \d+ \(random game\), but there are only 6 regions",
    ),
    "padded region": (
        broken(act=drawing(lambda table: table.padded_regions), draws=True),
        r"chose region [67] in round \d+ \(game 0 of a batch\), but there are only 6 .*padded to R = 8",
    ),
    "padded vertex": (
        broken(act=any_vertex, draws=True),
        r"act chose vertex [34] of region 1 .* only \d vertices.*vertex_mask",
    ),
    "nan": (broken(update=first_nan), r"state\.sums is NaN after 2,000 rounds \(random game\)"),
    "runs that read each other": (
        broken(update=lambda s, *rest: update(s._replace(visits=shared(s.visits)), *rest)),
        r"a run must not read another, but .* round .*of run \d .random game.* other runs .* beside it",
    ),
    "padding": (
        broken(act=explore_by_table_size),
        r"the first game of a batch must be played as it is alone.*Padding must not matter",
    ),
}


@pytest.mark.parametrize("name", BROKEN_RUNS)
def test_broken_runs(name: str) -> None:
    learner, message = BROKEN_RUNS[name]
    with pytest.raises(ValueError, match=message):
        js.check_learner(learner)


def test_regret_that_cannot_be() -> None:
    for regret in (np.array([[0.0, np.nan]]), np.array([[1.0, -1e-3]])):
        with pytest.raises(ValueError, match=r"greedy: regret must be finite and never negative"):
            check_regret("greedy", regret)


def test_errors_of_the_learner_itself_come_through_with_a_note() -> None:
    def only_tables(state: Means, known: Known, *rest: Any) -> Means:
        return state._replace(sums=state.sums + 0 * known.unit_payoffs[:1])

    with pytest.raises(TypeError, match="not subscriptable") as error:
        js.check_learner(broken(update=only_tables))
    where = "Raised by greedy: update in the game '13 followers, constant payoff' of jaxstack.check_learner."
    assert error.value.__notes__[-1] == where
