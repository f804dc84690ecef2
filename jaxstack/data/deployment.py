"""A learner for one real leader: what to post next, and what it makes of the answer."""

from __future__ import annotations

import dataclasses
import functools
import os
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack import checks
from jaxstack._settings import pinned, with_pinned_settings
from jaxstack.arena import Commitments, Vertices
from jaxstack.data import storing
from jaxstack.data.posting import Posting, posted_choice
from jaxstack.data.words import Words
from jaxstack.distributions import check_key
from jaxstack.game import Game
from jaxstack.learners.contract import ActionFeedback, Choice, Commitment, Learner
from jaxstack.learners.knowledge import know, with_prepared
from jaxstack.regions import RegionTable
from jaxstack.scenarios.files import GameFile
from jaxstack.simulation.batching import choice_shapes, state_shapes, told
from jaxstack.simulation.rounds import BLOCK, Inputs, acting_key, plan, refresh, what_is_seen
from jaxstack.simulation.setup import check_setting, hparams_of, schedule_of
from jaxstack.simulation.simulate import MAX_HORIZON
from jaxstack.simulation.trace import require_real
from jaxstack.solvers.cells import Preferences


@dataclasses.dataclass(frozen=True, eq=False)
class Setting:
    """What stays the same from round to round.

    Attributes:
      words: the game, by name.
      learner, table, horizon: as they were given.
      inputs: what a simulation would hand to the learner, without a distribution of types.
      run: number of the run whose random numbers are drawn.
      replans: rounds in which the learner replans.
    """

    words: Words
    learner: Learner
    table: RegionTable | None
    horizon: int
    inputs: Inputs
    run: int
    replans: frozenset[int]

    @functools.cached_property
    def preferences(self) -> Preferences:
        """Of the game's followers."""
        return Preferences(self.words.game)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Deployment:
    """A learner between two rounds. It never changes: `observe` gives the next one.

    Attributes:
      setting: game, learner and all else that stays the same.
      t: the round that comes next, 1..T; T + 1 when all are over.
      state: the learner's, as it was when it chose for round t.
      choice: what it plays in round t; None after the last round.
      played: what was played in round t - 1; None before the first.
    """

    setting: Setting
    t: int
    state: Any
    choice: Choice | Commitment | None
    played: Choice | Commitment | None = None

    @property
    def horizon(self) -> int:
        """T."""
        return self.setting.horizon

    @property
    def commitment(self) -> Posting:
        """What to post in round t: the commitment, and what followers of each type answer to it.

        Raises:
          ValueError: all rounds are over.
        """
        return self._posting(self._require_round())

    @property
    def info(self) -> dict[str, np.ndarray]:
        """What the learner tells after round t - 1, by name; nothing before round 1."""
        learner, known = self.setting.learner, self.setting.inputs.known
        if self.played is None:
            return {}
        with pinned():
            return jax.tree.map(np.asarray, told(learner, known, self.state, self.played))

    def __repr__(self) -> str:
        name, T = self.setting.learner.name, self.horizon
        if self.choice is None:
            return f"Deployment({name}, all {T:,} rounds are over)"
        return f"Deployment({name}, round {self.t:,} of {T:,}, next {self.commitment!r})"

    @with_pinned_settings
    def observe(
        self,
        actions: Any = None,
        payoff: float | None = None,
        *,
        types: Any = None,
        commitment: Any = None,
        responses: Any = None,
    ) -> Deployment:
        """The deployment after round t, of which this was seen.

        Args:
          actions: [n], what followers played, by name or number, in order or by follower's name; of one
            follower its action alone.
          payoff: what the commitment earned by it, payoff units, expected over the leader's own mixing;
            needed where the leader's payoff depends on types and these were not seen.
          types: [n], what followers were. A learner that sees actions gets what these types play.
          commitment: [L], what was posted, if it was not `commitment`: for learners with `off_policy`
            (`jaxstack.learners.Learner`).
          responses: [n, K], the response map that went with it; needed where followers are indifferent.

        Raises:
          ValueError: what the learner needs is missing, an entry that is unknown, an action that no type
            plays against the commitment, a commitment that the learner cannot learn from, or no round left.
        """
        setting, choice = self.setting, self._require_round()
        learner, inputs = setting.learner, setting.inputs
        if commitment is not None or responses is not None:
            choice = posted_choice(setting, choice, commitment, responses)
        feedback = self._feedback(choice, actions, payoff, types)
        state = _learn(learner, inputs, self.state, choice, feedback, np.int32(self.t))
        return _before(setting, self.t + 1, state, choice)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all but the game to an .npz file, whole or not at all; `load` goes on from there.

        Raises:
          ValueError: another suffix.
          OSError: it cannot be written.
        """
        setting, inputs = self.setting, self.setting.inputs
        head = storing.head(setting.words.game, setting.table, setting.learner)
        storing.write(
            checks.path("path", path),
            {
                **head,
                "horizon": setting.horizon,
                "run": setting.run,
                "t": self.t,
                "key": np.asarray(jax.random.key_data(inputs.key)),
                "hparams": {name: float(value) for name, value in inputs.hparams._asdict().items()},
                "state": storing.leaves(self.state),
                "choice": storing.leaves(self.choice),
                "played": storing.leaves(self.played),
            },
        )

    @classmethod
    @with_pinned_settings
    def load(
        cls,
        path: str | os.PathLike[str],
        game: Game | GameFile,
        learner: Learner | None = None,
        table: RegionTable | Literal[False] | None = None,
    ) -> Deployment:
        """The deployment that `save` wrote. The file is data: nothing in it is executed.

        Args:
          path: of the .npz file.
          game: the game that it was saved with.
          learner: needed if it is not one of the package's own, or has options.
          table: the table that it was deployed with, if one was given.

        Raises:
          ValueError: no such file of a deployment, or another game, table, learner, code or float type.
          OSError: it cannot be read.
        """
        saved = storing.read(checks.path("path", path))
        if learner is None:
            from jaxstack.learners import by_name

            learner = by_name(saved["learner"])
        key = jax.random.wrap_key_data(jnp.asarray(saved["key"], jnp.uint32), impl="threefry2x32")
        options = {"key": key, "run": saved["run"], "table": table, "hparams": saved["hparams"]}
        setting = _setting(learner, game, saved["horizon"], **options)
        learner = setting.learner
        storing.check(path, saved, storing.head(setting.words.game, setting.table, learner))
        shapes = state_shapes(learner, setting.inputs), choice_shapes(learner, setting.inputs)
        state, choice, played = (
            storing.restored(path, saved[part], shape)
            for part, shape in (("state", shapes[0]), ("choice", shapes[1]), ("played", shapes[1]))
        )
        return cls(setting, saved["t"], state, choice, played)

    def _require_round(self) -> Choice | Commitment:
        if self.choice is None:
            raise ValueError(
                f"all T = {self.horizon:,} rounds are over. Deploy with a longer horizon from the beginning: "
                f"learners plan with it."
            )
        return self.choice

    def _posting(self, choice: Choice | Commitment) -> Posting:
        table = self.setting.table
        if isinstance(choice, Choice):
            assert table is not None  # of whose vertices it is one
            region, vertex = int(choice.region), int(choice.vertex)
            x, responses = table.vertices[region, vertex], table.responses[region]
        else:
            x, responses = choice.x, choice.responses
        return Posting(np.asarray(x, np.float64), np.asarray(responses, np.int32), self.setting.words)

    def _feedback(self, choice: Any, actions: Any, payoff: Any, types: Any) -> Any:
        """What the learner is told of a round."""
        setting = self.setting
        learner, inputs, words = setting.learner, setting.inputs, setting.words
        known = inputs.known
        kinds = None if types is None else words.rows("types", types)
        if learner.feedback == "none":
            return None
        if learner.feedback == "types" and kinds is None:
            raise ValueError(f"{learner.name} learns from types: pass types=[..], one for each follower.")
        if kinds is not None:
            return _seen(learner, inputs, choice, kinds)
        if actions is None:
            raise ValueError(f"{learner.name} learns from actions: pass actions=[..], one for each follower.")
        played = words.rows("actions", actions)
        self._require_played(choice, played)
        if payoff is None:
            if words.game.leader.num_types is not None:
                raise ValueError(
                    f"in {words.game!r} the leader's payoff depends on types, and actions do not tell it: "
                    f"pass payoff=.., what the commitment earned in this round."
                )
            return _seen_actions(learner, inputs, choice, played)
        number = checks.finite_number("payoff", payoff)
        in_units = (number - float(known.payoff_low)) / float(known.payoff_range)
        return ActionFeedback(played, np.asarray(in_units, known.dtype))  # type: ignore[arg-type]

    def _require_played(self, choice: Any, actions: np.ndarray) -> None:
        """Raise ValueError where no type of a follower plays what it is said to have played."""
        posting, words = self._posting(choice), self.setting.words
        for i, action in enumerate(actions.tolist()):
            possible = np.unique(posting.responses[i, : len(words.types[i])])
            if action not in possible:
                played = ", ".join(repr(words.actions[i][a]) for a in possible)
                raise ValueError(
                    f"{words.followers[i]!r} is said to have played {words.actions[i][action]!r}, "
                    f"but against {posting!r} its types play {played} only. Was another commitment posted "
                    f"(commitment=..)? Or the game's payoffs are not what this follower goes by."
                )


@with_pinned_settings
def deploy(
    learner: Learner,
    game: Game | GameFile,
    *,
    horizon: int,
    table: RegionTable | Literal[False] | None = None,
    hparams: Any = None,
    key: jax.Array | None = None,
    run: int = 0,
) -> Deployment:
    """A learner for one real leader: the functions that are simulated, one round at a time.

    ```python
    game = js.load_game_file("game.json")
    now = js.deploy(js.learners.marginal_posterior(), game, horizon=1000)
    now.commitment  # to be posted
    now = now.observe(actions=["wait", "buy"])
    ```

    Against followers of the same types it plays what `play` plays with the same key and run; without a region
    table up to rounding.

    Args:
      learner: from `jaxstack.learners`, or one of your own; not one that needs the optimum.
      game: one game; of a `GameFile` (`load_game_file`) all is told by name.
      horizon: T, how many rounds there will be.
      table: regions of the game; enumerated (optimistically) when not given; False: none, as for `simulate`.
      hparams: overrides of the learner's hyperparameters, as for `simulate`.
      key: of learners that draw; default `jax.random.key(0)`.
      run: of `play` and `simulate`, whose draws these are.

    Raises:
      ValueError: as `simulate`; a learner that needs the optimum.
      MemoryError: the region table or what the learner prepares would not fit.
    """
    key = jax.random.key(0) if key is None else key
    setting = _setting(learner, game, horizon, key=key, run=run, table=table, hparams=hparams)
    state = _begin(setting.learner, setting.inputs)
    return _before(setting, 1, state, None)


def _setting(
    learner: Learner, game: Game | GameFile, horizon: int, *, key: Any, run: Any, table: Any, hparams: Any
) -> Setting:
    words = Words.of(game)
    horizon = checks.positive_int("horizon", horizon, MAX_HORIZON)
    number = checks.whole_number(run)
    if number is None or not 0 <= number < 2**31:
        raise ValueError(f"run must be a whole number in 0..2^31-1, but {checks.brief(run)} arrived.")
    table, learner = check_setting(words.game, learner, table)
    if learner.feedback == "optimum":
        raise ValueError(
            f"{learner.name} is told the optimum, which nobody knows here. Deploy another learner."
        )
    known = know(words.game, table, horizon)
    prepared = jax.tree.map(np.asarray, learner.prepare(known.game, table))
    known = with_prepared(known, prepared)
    hparams = hparams_of(learner, known, hparams)
    arena: Any = Vertices(None) if learner.plays == "vertices" else Commitments(None, None)
    nothing = np.zeros(0, np.int32)
    replans = schedule_of(learner, horizon)
    inputs = Inputs(check_key(key), known, hparams, None, arena, nothing, nothing)  # type: ignore[arg-type]
    inputs = jax.device_put(inputs)
    return Setting(words, learner, table, horizon, inputs, number, frozenset(replans[replans > 0].tolist()))


def _before(setting: Setting, t: int, state: Any, played: Any) -> Deployment:
    """The deployment before round t."""
    if t > setting.horizon:
        return Deployment(setting, t, jax.tree.map(np.asarray, state), None, played)
    learner, inputs = setting.learner, setting.inputs
    block, step = (np.int32(part) for part in divmod(t - 1, BLOCK))
    run = np.int32(setting.run)
    if t in setting.replans:
        state = _plan(learner, inputs, state, run, block, step)
    choice = _act(learner, inputs, state, run, block, step)
    state, choice = jax.tree.map(np.asarray, (state, choice))
    require_real(learner, inputs, setting.table, jax.tree.map(lambda part: part[None], choice), t)
    return Deployment(setting, t, state, choice, played)


@functools.partial(jax.jit, static_argnums=0)
def _begin(learner: Learner, inputs: Inputs) -> Any:
    return learner.init(inputs.known, inputs.hparams)


_plan = jax.jit(plan, static_argnums=0)


@functools.partial(jax.jit, static_argnums=0)
def _act(learner: Learner, inputs: Inputs, state: Any, run: Any, block: Any, step: Any) -> Any:
    key = jax.random.fold_in(acting_key(inputs, run, block), step)
    return learner.act(key, state, inputs.known, inputs.hparams, block * BLOCK + step + 1)


@functools.partial(jax.jit, static_argnums=0)
def _learn(learner: Learner, inputs: Inputs, state: Any, choice: Any, feedback: Any, t: Any) -> Any:
    after = learner.update(state, inputs.known, inputs.hparams, choice, feedback, t)
    if learner.refresh is None:
        return after
    return jax.lax.cond(t % BLOCK == 0, lambda: refresh(learner, inputs, after), lambda: after)


_seen = jax.jit(what_is_seen, static_argnums=0)


@functools.partial(jax.jit, static_argnums=0)
def _seen_actions(learner: Learner, inputs: Inputs, choice: Any, actions: Any) -> ActionFeedback:
    payoff = (inputs.arena.commitment(inputs.known, choice) * inputs.known.unit_payoff_vector(actions)).sum()
    return ActionFeedback(actions, payoff)
