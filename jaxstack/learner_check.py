"""The public check of a learner: what `jaxstack.learners.contract` asks, tried on small games."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxstack import checks, jumps, memory
from jaxstack._settings import with_pinned_settings
from jaxstack.distributions import IndependentTypes, TypeDistribution
from jaxstack.game import Game, check_types, stack, unstack
from jaxstack.learners.contract import ActionFeedback, Choice, Jumps, Learner, TypeFeedback
from jaxstack.payoffs import SeparablePayoff, TabularPayoff
from jaxstack.regions import RegionTable, enumerate_regions
from jaxstack.regret import RegretCurve
from jaxstack.scenarios import random_game
from jaxstack.simulation import Setup, prepare, simulate, tile_size, tree_bytes
from jaxstack.simulation.rounds import Inputs
from jaxstack.simulation.trace import trace_run

_ROUND = jax.ShapeDtypeStruct((), np.int32)
_CHOICE = Choice(_ROUND, _ROUND)  # type: ignore[arg-type]
_OUTSIDE = re.compile(r"\b\w*(?:callback|infeed|outfeed)\w*(?=\[)")  # operations, in the text of a program
_MAX_CAPTURED = 256  # bytes of arrays that compiled functions may hold besides their arguments


@dataclasses.dataclass(frozen=True, repr=False)
class LearnerReport:
    """What `check_learner` found in a learner that keeps to the contract; prints as a short table.

    Attributes:
      learner, feedback: its name and what it learns from.
      hparams: default hyperparameters in the first game.
      state_bytes: learner state of one run of the first game.
      can_jump: True when `simulate(skip_ahead=True)` plays it.
      uses_optimum: True for a yardstick that is told the optimum: it depends on the distribution of types.
      checked: what was checked, in order.
      games: the games it was played on.
      curve: its regret in the first game.
      seconds: wall time of the check, compilation included.
    """

    learner: str
    feedback: str
    hparams: dict[str, float]
    state_bytes: int
    can_jump: bool
    uses_optimum: bool
    checked: tuple[str, ...]
    games: tuple[str, ...]
    curve: RegretCurve
    seconds: float

    def __repr__(self) -> str:
        hparams = ", ".join(f"{name} = {value:.4g}" for name, value in self.hparams.items()) or "none"
        rows = [
            ("feedback", self.feedback + (" (and it is told the optimum)" if self.uses_optimum else "")),
            ("hyperparameters", hparams),
            ("state of one run", memory.readable(self.state_bytes)),
            ("skip_ahead", "yes" if self.can_jump else "no"),
            (f"regret, T = {self.curve.horizon:,}", f"{self.curve.mean[-1]:.4g}"),
            ("games", "; ".join(self.games)),
        ]
        lines = [f"{self.learner} keeps to the learner contract"]
        lines += [f"  {name:22}{value}" for name, value in rows]
        return "\n".join([*lines, *(f"  ok  {what}" for what in self.checked)])


class _Case(NamedTuple):
    """A game to play, with what `simulate` takes."""

    name: str
    game: Game
    types: TypeDistribution
    table: RegionTable


class _Setting(NamedTuple):
    """All that the checks share."""

    learner: Learner
    cases: list[_Case]  # the first is looked at most closely
    batch: _Case  # two games of unequal tables
    key: jax.Array
    horizon: int
    num_runs: int

    def setup(self, case: _Case) -> Setup:
        """What a simulation of `case` begins with."""
        with _calling(self.learner, "prepare or hparams", case.name):
            return prepare(
                self.key, case.game, case.types, self.learner, horizon=self.horizon, table=case.table
            )

    def inputs(self, case: _Case) -> Inputs:
        """What a simulation of `case` hands to the learner."""
        return self.setup(case).inputs

    def simulate(self, case: _Case, **options: Any) -> RegretCurve:
        settings = {
            "horizon": self.horizon,
            "num_runs": self.num_runs,
            "table": case.table,
            "devices": jax.local_devices()[:1],  # all runs side by side
            **options,
        }
        with _calling(self.learner, "init, act or update", case.name):
            return simulate(self.key, case.game, case.types, self.learner, **settings)


@with_pinned_settings
def check_learner(
    learner: Learner,
    game: Game | None = None,
    types: TypeDistribution | None = None,
    *,
    horizon: int = 2000,
    num_runs: int = 3,
    seed: int = 0,
) -> LearnerReport:
    """Report of a learner that keeps to the contract of `jaxstack.learners`; an error names what does not.

    It traces the learner's functions in float32 and float64, and plays it on a small random game (or on
    yours), on degenerate games (one leader action, everything tied, many followers of one type) and on a
    batch of two games. Checked are:

    - its fields; hyperparameters that are single numbers;
    - `init`: arrays of explicit dtypes (floats follow `jax_enable_x64`, integers do not);
    - `act`: a Choice of int32 scalars, a real vertex of a real region in every round;
    - `update`: a state of the same tree, shapes and dtypes, so that memory does not grow with T, and no NaN;
    - feedback: it reads what its kind of feedback has, nothing else;
    - purity: tracing twice gives the same program, without callbacks or captured arrays; no Python branches
      on numbers, so that a new hyperparameter never compiles again;
    - the same numbers, to the last bit, whatever the batches and devices; up to rounding, run by run in
      `play`, and in a batch of games;
    - jumps, if there are any, are those of its own functions;
    - regret that is finite and never negative.

    What it cannot see: a distribution of types that the learner's functions captured as plain numbers, and
    whether the method learns anything.

    Args:
      learner: to check.
      game, types: the game to look at most closely; default a random one with L = 3, n = 2, K = 2, A = 2.
      horizon: T.
      num_runs: S, at least 2.
      seed: of the key for draws.

    Returns:
      LearnerReport.

    Raises:
      ValueError: the first violation, with what arrived, what was expected and the usual fix; or a game
        without types, a batch of games, types of another game. Other errors of the learner's own code come
        through, with a note that says which function raised them.
    """
    began = time.perf_counter()
    horizon = checks.positive_int("horizon", horizon)
    if checks.positive_int("num_runs", num_runs) < 2:
        raise ValueError("num_runs must be at least 2, to compare runs within a batch, but 1 arrived.")
    _check_fields(learner)
    cases = [_first_case(game, types), *_degenerate_cases()]
    setting = _Setting(learner, cases, _batch_case(), jax.random.key(seed), horizon, num_runs)
    for check in _CHECKS.values():
        check(setting)
    inputs = setting.inputs(cases[0])
    return LearnerReport(
        learner=learner.name,
        feedback=learner.feedback,
        hparams={name: float(value) for name, value in inputs.hparams._asdict().items()},
        state_bytes=tree_bytes(jax.eval_shape(learner.init, inputs.known, inputs.hparams)),
        can_jump=learner.jumps is not None,
        uses_optimum=learner.uses_optimum,
        checked=("fields: a name, a kind of feedback, functions", *_CHECKS),
        games=tuple(case.name for case in (*cases, setting.batch)),
        curve=setting.simulate(cases[0]),
        seconds=time.perf_counter() - began,
    )


# --- games ---


def _first_case(game: Game | None, types: TypeDistribution | None) -> _Case:
    """The user's game, or a random one."""
    if (game is None) != (types is None):
        missing = "types" if types is None else "game"
        raise ValueError(f"check_learner takes a game and its types together, but {missing} did not arrive.")
    if game is None or types is None:
        return _case("random game", *_random_games()[0])
    if game.num_games is not None:
        raise ValueError(f"check_learner takes one game, but {game!r} arrived: jaxstack.unstack(game, 0).")
    check_types(game, types)
    return _case("your game", game, types)


def _degenerate_cases() -> list[_Case]:
    """Games in which something is equal, single or many."""
    indifferent = Game(TabularPayoff(np.arange(4.0).reshape(1, 2, 2)), np.zeros((2, 2, 1, 2)))
    constant = SeparablePayoff(np.ones((13, 2, 2)))
    many = Game(constant, np.random.default_rng(0).uniform(size=(13, 1, 2, 2)))
    return [
        _case("one leader action, all maps tied", indifferent, IndependentTypes(np.full((2, 2), 1 / 2))),
        # Too many joint actions for `known.unit_payoffs`.
        _case("13 followers, constant payoff", many, IndependentTypes(np.ones((13, 1)))),
    ]


def _batch_case() -> _Case:
    """Two games; in their table the first is padded to the regions and vertices of the second."""
    return _case("two games at once", *(stack(list(part)) for part in zip(*_random_games(), strict=True)))


def _random_games() -> list[tuple[Game, TypeDistribution]]:
    """L = 3, n = 2, K = 2, A = 2: 6 regions of at most 5 vertices, and 8 of at most 6."""
    return [random_game(seed, num_leader_actions=3, num_types=2) for seed in (0, 6)]


def _case(name: str, game: Game, types: TypeDistribution) -> _Case:
    return _Case(name, game, types, enumerate_regions(game))


# --- checks: each raises ValueError ---


def _check_fields(learner: Any) -> None:
    if not isinstance(learner, Learner):
        hint = " Call the factory." if callable(learner) else ""
        raise ValueError(f"check_learner takes a jaxstack.learners.Learner, but {learner!r} arrived.{hint}")
    name = learner.name
    _require(isinstance(name, str) and name, f"a learner's name must be a text, but {name!r} arrived.")
    checks.one_of(f"kind of feedback of {name}:", learner.feedback, ("types", "actions", "none"))
    for field in ("init", "act", "update", "hparams", "prepare"):
        given = getattr(learner, field)
        _require(callable(given), f"{name}: {field} must be a function, but {given!r} arrived.")
    _require(
        isinstance(learner.uses_optimum, bool),
        f"{name}: uses_optimum must be True or False, but {learner.uses_optimum!r} arrived.",
    )
    _require(
        learner.theorem is None or isinstance(learner.theorem, str),
        f"{name}: theorem must be the name of a rate of jaxstack.bounds.regret, or None, but "
        f"{learner.theorem!r} arrived.",
    )
    if learner.jumps is not None:
        _require(
            isinstance(learner.jumps, Jumps) and learner.feedback == "types",
            f"{name}: jumps are a jaxstack.learners.Jumps of a learner with feedback='types', but "
            f"{learner.jumps!r} arrived with feedback={learner.feedback!r}. Leave them out: jumps=None.",
        )
        jumps.check_learner(learner)
    try:
        hash(learner)
    except TypeError as error:
        raise ValueError(
            f"{name} must be hashable, because compiled code is kept by it, but {error}. Make its functions "
            f"plain ones (def, lambda, functools.partial of hashable arguments)."
        ) from error


def _check_states(setting: _Setting) -> None:
    """Shapes and dtypes, in every game and in both precisions; nothing is computed."""
    learner = setting.learner
    for case in (*setting.cases, setting.batch):
        inputs = setting.inputs(case)
        if case is setting.batch:
            inputs = _of_game(inputs, 0)
        dtypes = []
        for x64 in (False, True):
            with jax.enable_x64(x64):
                dtypes.append(_check_round(learner, inputs, case.name))
        for (path, single), (_, double) in zip(*dtypes, strict=True):
            _require(
                single == double or jnp.issubdtype(single, jnp.floating),
                f"{learner.name}: state{path} of init is {single}, but {double} with jax_enable_x64. An "
                f"integer must have a dtype of its own: dtype=jnp.int32.",
            )


def _check_round(learner: Learner, inputs: Inputs, where: str) -> list[tuple[str, Any]]:
    """Shapes of the state before and after a round, which must agree, and of the choice.

    Returns path and dtype of every array of the state.
    """
    known, hparams, name = inputs.known, inputs.hparams, learner.name
    with _calling(learner, "init", where):
        state = jax.eval_shape(learner.init, known, hparams)
    dtypes = _check_dtypes(learner, state)
    with _calling(learner, "act", where):
        choice = jax.eval_shape(learner.act, inputs.key, state, known, hparams, _ROUND)
    _check_choice_type(learner, "act", choice)
    with _calling(learner, "update", where):
        seen = _feedback(learner, inputs)
        after = jax.eval_shape(learner.update, state, known, hparams, _CHOICE, seen, _ROUND)
    _check_same(
        state, after, f"{name}: update must return a state of the same tree, shapes and dtypes as init"
    )
    return dtypes


def _check_same(first: Any, second: Any, what: str) -> None:
    """Raise where two trees of shapes differ, saying in which leaves."""
    try:
        chex.assert_trees_all_equal_shapes_and_dtypes(first, second)
    except AssertionError as error:
        difference = " ".join(str(error).partition("failed:")[2].split()).rstrip(".")
        raise ValueError(
            f"{what}, but {difference} (tree 0 is from init). A state cannot grow; where a dtype changed, "
            f"cast with .astype."
        ) from error


def _check_choice_type(learner: Learner, what: str, choice: Any) -> None:
    _require(
        isinstance(choice, Choice),
        f"{learner.name}: {what} must return jaxstack.learners.Choice(region, vertex), but "
        f"{type(choice).__name__} arrived.",
    )
    for field, index in choice._asdict().items():
        _require(
            hasattr(index, "dtype") and index.shape == () and index.dtype == jnp.int32,
            f"{learner.name}: {what} must return int32 scalars, but {field} is {_brief(index)} with "
            f"jax_enable_x64={_x64()}. Use .astype(jnp.int32): argmax gives int64 there.",
        )


def _check_dtypes(learner: Learner, state: Any) -> list[tuple[str, Any]]:
    """Path and dtype of every array of a state: explicit, numbers, floats of the current precision."""
    leaves, floats = [], jnp.zeros(()).dtype
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        where = f"{learner.name}: state{jax.tree_util.keystr(path)} of init"
        _require(
            not leaf.weak_type,
            f"{where} has no dtype of its own (it came from a Python number). Make it an array: "
            f"jnp.zeros((), jnp.int32) or jnp.zeros((), known.payoff_range.dtype).",
        )
        kind = jnp.issubdtype(leaf.dtype, jnp.integer) or leaf.dtype == jnp.bool_
        _require(
            kind or leaf.dtype == floats,
            f"{where} is {leaf.dtype}, but must hold integers, bools or, with jax_enable_x64={_x64()}, "
            f"{floats}. Take dtype=known.payoff_range.dtype.",
        )
        leaves.append((jax.tree_util.keystr(path), leaf.dtype))
    return leaves


def _check_purity(setting: _Setting) -> None:
    """The compiled functions are what their arguments make of them."""
    learner = setting.learner
    inputs = setting.inputs(setting.cases[0])
    known, hparams = inputs.known, inputs.hparams
    state = jax.eval_shape(learner.init, known, hparams)
    calls: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
        "init": (learner.init, (known, hparams)),
        "act": (learner.act, (inputs.key, state, known, hparams, _ROUND)),
        "update": (learner.update, (state, known, hparams, _CHOICE, _feedback(learner, inputs), _ROUND)),
    }
    for what, (function, args) in calls.items():
        with _calling(learner, what, setting.cases[0].name), jax.checking_leaks():
            # A new wrapper each time: JAX keeps the program of a function that it has traced.
            first, second = (jax.make_jaxpr(lambda *a, f=function: f(*a))(*args) for _ in range(2))
        name = f"{learner.name}: {what}"
        _require(
            _program(first) == _program(second)
            and all(np.array_equal(a, b) for a, b in zip(first.consts, second.consts, strict=True)),
            f"{name} gives another program when it is traced again, so it depends on something besides its "
            f"arguments (a counter, a clock, NumPy's random numbers). Keep what changes in the state, and "
            f"draw from the key that act receives.",
        )
        outside = {str(effect) for effect in first.effects} | set(_OUTSIDE.findall(_program(first)))
        _require(
            not outside,
            f"{name} leaves the compiled code in every round: {', '.join(sorted(outside))}. Remove "
            f"callbacks and jax.debug.print; look at a run with jaxstack.play.",
        )
        held = sum(np.asarray(const).nbytes for const in first.consts)
        _require(
            held <= _MAX_CAPTURED,
            f"{name} captures {memory.readable(held)} of arrays, which would be compiled in, the same for "
            f"every game. Read them from known, or return them from prepare and read known.prepared.",
        )
    first, second = (learner.prepare(setting.cases[0].game, setting.cases[0].table) for _ in range(2))
    _require(
        _equal(first, second),
        f"{learner.name}: prepare must give the same arrays for the same game, but two calls differ.",
    )


def _check_choices(setting: _Setting) -> None:
    """Only what the table has is played, in every game, also where the table is padded."""
    for case in setting.cases:
        setup = setting.setup(case)
        for run in range(setting.num_runs):
            _played(setting, setup, case.name, run)
    batch = setting.setup(setting.batch)
    for index in range(2):
        one = batch._replace(inputs=_of_game(batch.inputs, index), num_games=1)
        _played(setting, one, f"game {index} of a batch", 0)


def _played(setting: _Setting, setup: Setup, where: str, run: int) -> None:
    """Play one run of one game and raise unless all its choices are real."""
    learner = setting.learner
    name, table = learner.name, setup.inputs.known.table
    with _calling(learner, "init, act or update", where):
        state, region, vertex, _ = trace_run(setup, run, setting.horizon)
    num_regions = int(table.num_regions)
    wrong = np.flatnonzero((region < 0) | (region >= num_regions))
    if len(wrong):
        raise ValueError(
            f"{name}: act chose region {region[wrong[0]]} in round {wrong[0] + 1} ({where}), but there are "
            f"only {num_regions} regions. A table may be padded to R = {table.padded_regions}: use "
            f"known.table.num_regions or known.table.region_mask."
        )
    real = np.asarray(table.vertex_mask)[region, np.clip(vertex, 0, table.padded_vertices - 1)]
    wrong = np.flatnonzero((vertex < 0) | (vertex >= table.padded_vertices) | ~real)
    if len(wrong):
        at = region[wrong[0]]
        raise ValueError(
            f"{name}: act chose vertex {vertex[wrong[0]]} of region {at} in round {wrong[0] + 1} ({where}), "
            f"but that region has only {int(table.vertex_mask[at].sum())} vertices. The table is padded to "
            f"V = {table.padded_vertices}: use known.table.vertex_mask."
        )
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        _require(
            not np.isnan(leaf).any(),
            f"{name}: state{jax.tree_util.keystr(path)} is NaN after {setting.horizon:,} rounds ({where}), "
            f"and a maximum over NaN decides nothing. Guard divisions by counts: jnp.maximum(count, 1).",
        )


def _check_runs(setting: _Setting) -> None:
    """A run does not read another, and is the same to the last bit whatever devices there are."""
    name, case, setup = setting.learner.name, setting.cases[0], setting.setup(setting.cases[0])
    for run in range(setting.num_runs):
        played, beside_others = (
            trace_run(setup, run, setting.horizon, neighbours) for neighbours in (False, True)
        )
        for ours, theirs in zip(played[1:3], beside_others[1:3], strict=True):
            wrong = np.flatnonzero(ours != theirs)
            _require(
                not len(wrong),
                f"{name}: a run must not read another, but in round {wrong[:1] + 1} of run {run} "
                f"({case.name}) it plays something else when other runs are computed beside it.",
            )
    tile = tile_size(setup, jax.local_devices()[0].platform)
    num_runs = tile + setting.num_runs  # a whole tile, and a part of one
    curves = [
        np.asarray(setting.simulate(case, num_runs=runs, devices=devices, batch_size=batch).regret)
        for runs, devices, batch in (
            (num_runs, jax.local_devices(), None),
            (num_runs, jax.local_devices()[:1], 1),
            (setting.num_runs, jax.local_devices()[-1:], None),
        )
    ]
    _check_regret(name, curves[0])
    for other in curves[1:]:
        _require(
            np.array_equal(curves[0][: len(other)], other),
            f"{name}: runs must be the same to the last bit on any devices of one kind and in any batch, but "
            f"differ by up to {np.abs(curves[0][: len(other)] - other).max():.3g} in regret. A custom "
            f"batching rule, or a kernel that is chosen at random, does that.",
        )


def _check_regret(name: str, regret: np.ndarray) -> None:
    _require(
        np.isfinite(regret).all() and regret.min() >= 0,
        f"{name}: regret must be finite and never negative, but runs from {regret.min()} to {regret.max()}.",
    )


def _check_batch(setting: _Setting) -> None:
    """A game in a batch is played as it is alone, whatever its table is padded to."""
    together = np.asarray(setting.simulate(setting.batch).regret)
    small = _case("the first game of a batch", *_random_games()[0])
    alone = np.asarray(setting.simulate(small).regret)
    _require(
        _near(together[0], alone).all(),
        f"{setting.learner.name}: {small.name} must be played as it is alone, but final regrets "
        f"{together[0, :, -1]} and {alone[:, -1]} arrived. Padding must not matter: use "
        f"known.table.num_regions, region_mask and vertex_mask, not the table's shape.",
    )


_CHECKS: dict[str, Callable[[_Setting], None]] = {
    "state: explicit dtypes; the same tree, shapes and dtypes after a round": _check_states,
    "pure functions: one program, no callbacks, nothing captured": _check_purity,
    "choices: real vertices of real regions, also in degenerate games": _check_choices,
    "runs: none reads another; the same bits in any batch, on any devices; no negative regret": _check_runs,
    "batches: a game is played as it is alone": _check_batch,
}


# --- small tools ---


@contextlib.contextmanager
def _calling(learner: Learner, what: str, where: str) -> Iterator[None]:
    """Errors that JAX raises where the contract is broken, in the words of the contract."""
    name = f"{learner.name}: {what}"
    try:
        yield
    except jax.errors.TracerBoolConversionError as error:
        raise ValueError(
            f"{name} branches in Python (if, while, and, or, max) on a number that is only known while it "
            f"runs: states, payoffs, the horizon and hyperparameters are. Use jnp.where or jax.lax.cond."
        ) from error
    except (
        jax.errors.ConcretizationTypeError,
        jax.errors.TracerIntegerConversionError,
        jax.errors.TracerArrayConversionError,
        jax.errors.NonConcreteBooleanIndexError,
    ) as error:
        raise ValueError(
            f"{name} needs as a Python number or NumPy array what is only known while it runs: states, "
            f"payoffs, the horizon and hyperparameters are. Use jax.numpy; let shapes depend on sizes alone, "
            f"such as known.game.num_leader_actions and known.table.padded_regions."
        ) from error
    except AttributeError as error:
        if not isinstance(error.obj, TypeFeedback | ActionFeedback | None):
            error.add_note(_NOTE.format(name, where))
            raise
        raise ValueError(
            f"{name} reads feedback.{error.name}, but the learner declares feedback={learner.feedback!r}, "
            f"and {_ARRIVES[learner.feedback]} arrives. Declare the kind of feedback that it learns from."
        ) from error
    except Exception as error:
        if not isinstance(error, jax.errors.UnexpectedTracerError) and "Leaked trace" not in str(error):
            error.add_note(_NOTE.format(name, where))
            raise
        raise ValueError(
            f"{name} keeps a traced value beyond its call, in a list, an attribute or a global. What the "
            f"next round needs belongs into the state."
        ) from error


_NOTE = "Raised by {} in the game '{}' of jaxstack.check_learner."
_ARRIVES = {
    "types": "TypeFeedback(types)",
    "actions": "ActionFeedback(actions)",
    "none": "None",
}


def _require(holds: Any, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _of_game(inputs: Inputs, index: int) -> Inputs:
    """What one game of a batch hands to the learner, its tables still padded."""
    known, hparams, sampler, gap = unstack(tuple(inputs)[1:5], index)
    return inputs._replace(known=known, hparams=hparams, sampler=sampler, gap=gap)


def _feedback(learner: Learner, inputs: Inputs) -> Any:
    """Shapes of what a round tells the learner."""
    each: Any = jax.ShapeDtypeStruct((inputs.known.game.num_followers,), jnp.int32)
    return {"types": TypeFeedback(each), "actions": ActionFeedback(each), "none": None}[learner.feedback]


def _program(jaxpr: Any) -> str:
    """The text of a program, without the addresses of Python objects."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(jaxpr))


def _equal(first: Any, second: Any) -> bool:
    """True for trees of the same structure and numbers."""
    try:
        return all(jax.tree.leaves(jax.tree.map(np.array_equal, first, second)))
    except ValueError:  # another structure
        return False


def _near(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """True where regrets agree up to the rounding of their sums."""
    return np.isclose(first, second, rtol=1e-5, atol=1e-5 * max(1.0, float(np.abs(second).max())))


def _x64() -> bool:
    """Whether floats are float64 by default."""
    return jnp.zeros(()).dtype == jnp.float64


def _brief(value: Any) -> str:
    """A shape and dtype, or the type of what has none."""
    return f"{value.dtype}{list(value.shape)}" if hasattr(value, "dtype") else type(value).__name__
