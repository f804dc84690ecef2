"""What the posterior learners' regret is like, whatever things are called; and versions that are not so."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstack as js
from experiments.families import games_of
from jaxstack.learners.knowledge import with_prepared
from jaxstack.learners.posterior import rule
from jaxstack.learners.posterior.newton import maximise
from jaxstack.learners.posterior.slots import Slots

pytestmark = pytest.mark.once


def with_another(name: str, instead: Any) -> js.learners.Learner:
    """`shared_posterior`, of whose rule a piece is another one."""
    right = js.learners.shared_posterior()

    def replan(*args: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:  # while it is traced
            patch.setattr(rule, name, instead)
            return rule.replan(rule.Rule(True), *args)

    return dataclasses.replace(right, name=f"another {name}", replan=replan)


# Names of types, followers and actions ----------------------------------------------------------------

TYPE_ORDER, FOLLOWER_ORDER, ACTION_ORDER = [2, 0, 1], [1, 0], [1, 0]


class Played(NamedTuple):
    """A game, and of its regions how often every joint action was seen ([A, A]) by response map."""

    game: js.Game
    seen: dict[bytes, np.ndarray]


def played() -> Played:
    """A game of whose first regions counts are known."""
    game, _ = js.scenarios.random_game(5, 3, 2, 3, 2)
    rng, table = np.random.default_rng(0), js.enumerate_regions(game)
    responses = table.responses[: min(3, table.num_regions)].astype(np.int32)
    counts = [rng.multinomial(visits, rng.dirichlet(np.ones(4))) for visits in (400, 30, 4)]
    seen = {}
    for response, of_region in zip(responses, counts, strict=True):
        reached = np.zeros((2, 2), bool)
        reached[np.ix_(*(np.unique(row) for row in response))] = True
        seen[response.tobytes()] = of_region.reshape(2, 2) * reached
    return Played(game, seen)


def relabelled(original: Played) -> Played:
    """The same with types, followers and actions in another order."""
    game = original.game
    payoff = np.asarray(game.leader.table)[:, ACTION_ORDER][:, :, ACTION_ORDER].transpose(0, 2, 1)
    follower = np.asarray(game.follower)[FOLLOWER_ORDER][:, TYPE_ORDER][..., ACTION_ORDER]
    seen = {}
    for response, counts in original.seen.items():
        of_types = np.frombuffer(response, np.int32).reshape(2, 3)[FOLLOWER_ORDER][:, TYPE_ORDER]
        renamed = np.argsort(ACTION_ORDER)[of_types].astype(np.int32)
        seen[renamed.tobytes()] = counts[ACTION_ORDER][:, ACTION_ORDER].T
    return Played(js.Game(payoff, follower), seen)


def fits(given: Played, weigh: Callable[[jax.Array], jax.Array]) -> tuple[np.ndarray, np.ndarray]:
    """Mode, and standard deviation of samples: [K, K]; types have their prior weights times weigh(number)."""
    table = js.enumerate_regions(given.game)
    known = js.learners.know(given.game, table, 1000)
    known = with_prepared(known, js.learners.shared_posterior().prepare(known.game, table))
    place = {response.astype(np.int32).tobytes(): r for r, response in enumerate(table.responses)}
    region = jnp.asarray([[place[response]] for response in given.seen], jnp.int32)
    counts = jnp.asarray(np.stack(list(given.seen.values())).reshape(-1, 1, 4), jnp.int32)
    seen, params = Slots(region, counts), rule.hparams(known)

    def solved(fit: rule.Fit) -> jax.Array:
        return maximise(*fit._replace(prior=fit.prior * weigh(jnp.arange(9, dtype=jnp.float32))[None]))[0]

    keys = jax.random.split(jax.random.key(0), 1000)
    samples = jax.jit(jax.vmap(lambda key: solved(rule.sample(key, seen, known, params))))(keys)
    mode = solved(rule.mode(seen, known))
    return np.asarray(mode).reshape(3, 3), np.asarray(samples).std(axis=0).reshape(3, 3)


def differences(weigh: Callable[[jax.Array], jax.Array]) -> list[float]:
    """Of mode and of spread, between a game and the same under other names."""
    pairs = zip(fits(played(), weigh), fits(relabelled(played()), weigh), strict=True)
    return [float(np.abs(a[np.ix_(TYPE_ORDER, TYPE_ORDER)].T - b).max()) for a, b in pairs]


def test_names_do_not_matter() -> None:
    mode, spread = differences(jnp.ones_like)
    assert mode < 1e-3
    assert spread < 0.02


def test_a_prior_that_prefers_some_names_is_told_apart() -> None:
    mode, spread = differences(lambda number: 1 + number**2)
    assert mode > 0.02
    assert spread > 0.04


# Growth -----------------------------------------------------------------------------------------------

NUM_GAMES, HORIZON = 12, 20_000


def growth(learner: js.learners.Learner) -> float:
    """Exponent of the mean regret over the last decade (`experiments.shared_regret` has more games)."""
    game, types = games_of("A", 0, NUM_GAMES)
    curve = js.simulate(
        jax.random.split(jax.random.key(0), NUM_GAMES),
        game,
        types,
        learner,
        horizon=HORIZON,
        num_runs=8,
        checkpoints=[HORIZON // 10, HORIZON],
    )
    before, after = np.asarray(curve.regret).mean(axis=(0, 1))
    return float(np.log10(after / before))


def expectation_maximisation(
    weights: jax.Array, outcome: jax.Array, prior: jax.Array, start: jax.Array, steps: int
) -> jax.Array:
    """In place of Newton's method: D_j becomes (g_j + D_j sum G / p) / w."""
    leads = jax.nn.one_hot(outcome, weights.shape[-1], dtype=weights.dtype)  # [P, S, J, E]
    weight = weights.sum(axis=(1, 2)) + prior.sum(axis=1)

    def step(_: int, types: jax.Array) -> jax.Array:
        probability = jnp.einsum("psje,pj->pse", leads, types)
        ratio = jnp.where(weights > 0, weights / probability, 0)
        return (prior + types * jnp.einsum("psje,pse->pj", leads, ratio)) / weight[:, None]

    cold = prior / prior.sum(axis=1, keepdims=True)
    return jax.lax.fori_loop(0, 20, step, cold)


def test_regret_flattens() -> None:
    assert growth(js.learners.shared_posterior()) < 0.6


def test_with_em_it_does_not() -> None:
    assert growth(with_another("maximise", expectation_maximisation)) > 0.7


# Hidden parity ----------------------------------------------------------------------------------------


def parity_regret(learner: js.learners.Learner, num_followers: int, **hparams: float) -> float:
    """Mean regret where the hidden region pays 3/4 and the others 1/2."""
    game, types = js.scenarios.hidden_parity(num_followers, epsilon=0.5)
    table = js.enumerate_regions(game, ties="robust")
    curve = js.simulate(
        jax.random.key(num_followers),
        game,
        types,
        learner,
        horizon=2000,
        num_runs=64,
        table=table,
        hparams=hparams or None,
    )
    return float(curve.mean[-1])


def test_a_follower_more_doubles_what_actions_cost() -> None:
    shared = [parity_regret(js.learners.shared_posterior(0.1), n) for n in (2, 3)]
    by_region = [parity_regret(js.learners.region_ucb(), n, radius_scale=0.125) for n in (2, 4)]
    with_types = parity_regret(js.learners.erm_joint(), 4)
    assert shared[1] / shared[0] > 1.5
    assert (by_region[1] / by_region[0]) ** 0.5 > 1.7
    assert with_types < by_region[1] / 10, "with types there is nothing to find"
