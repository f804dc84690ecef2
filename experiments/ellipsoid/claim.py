"""Coverage: how often the ellipsoid of vector_oful loses the distribution of types that it must hold."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import jaxstack as js
from experiments.claims import (
    COLOURS,
    Check,
    Claim,
    Curve,
    at_least,
    at_most,
    interval,
    line,
    panels,
    reference,
)
from jaxstack.learners.knowledge import with_prepared
from jaxstack.learners.vector_oful import radius

CLAIM = Claim(
    number=13,
    title="The ellipsoid of vector_oful holds D in all rounds with probability at least 1 - δ, and a third "
    "of its radius does not",
    source="||D' - D||_V <= √(log(1/δ) + ½ log det(V)/det(λI)) + √λ ||D|| for all t (vector_oful)",
    varied="game; radius; δ = 0.1, rounds played by the learner itself",
    remedy="more runs",
    reading="Coverage is over all rounds of a run together.",
)
DELTA = 0.1
HORIZON = {"full": 3_000, "quick": 300, "toy": 20}
RUNS = {"full": 1_000, "quick": 500, "toy": 8}
GAMES = {"full": 6, "quick": 3, "toy": 1}


class Distances(NamedTuple):
    """Largest ||D' - D||_V of every run over the radius of that round, [G, S]."""

    ratio: np.ndarray


def collect(size: str) -> Distances:
    """Play, and measure distances in every round."""
    games = [js.scenarios.random_game(4 + g, 3, 2, 2, 2) for g in range(GAMES[size])]
    return Distances(np.stack([distances(*pair, HORIZON[size], RUNS[size]) for pair in games]))


def distances(game: js.Game, types: js.JointTypes, horizon: int, runs: int) -> np.ndarray:
    """[S]: the largest ||D' - D||_V over beta of every run."""
    known = js.learners.know(game, js.enumerate_regions(game), horizon)
    learner = js.learners.vector_oful()
    known = with_prepared(known, learner.prepare(known.game, known.table))
    params = learner.hparams(known)._replace(failure_probability=jnp.float32(DELTA))
    truth = jnp.asarray(types.probabilities.reshape(-1), jnp.float32)
    joint = jnp.asarray(np.indices((game.num_types,) * game.num_followers).reshape(game.num_followers, -1).T)
    responses = jnp.asarray(known.table.responses, jnp.int32)

    @jax.jit
    @jax.vmap
    def run(key: jax.Array) -> jax.Array:
        def one_round(so_far: Any, drawn: Any) -> Any:
            (state, largest), (key, t) = so_far, drawn
            choice = learner.act(key, state, known, params, t)
            theta = joint[jax.random.choice(key, len(truth), p=truth)]
            actions = responses[choice.region, jnp.arange(game.num_followers), theta]
            seen = js.learners.ActionFeedback(actions, jnp.float32(0))
            state = learner.update(state, known, params, choice, seen, t)
            off = state.estimate - truth
            squared = params.ridge * off @ off + off @ state.pairs.astype(jnp.float32) @ off
            return (state, jnp.maximum(largest, jnp.sqrt(squared) / radius(state, params))), None

        rounds = jax.random.split(key, horizon), jnp.arange(1, horizon + 1, dtype=jnp.int32)
        return jax.lax.scan(one_round, (learner.init(known, params), jnp.float32(0)), rounds)[0][1]

    return np.asarray(run(jax.random.split(jax.random.key(0), runs)))


def measure(data: Distances) -> list[Check]:
    """Shares of runs that leave the ellipsoid of a part of the radius at least once."""
    checks = []
    for scale, rule in ((1.0, at_most(DELTA)), (1 / 3, at_least(DELTA))):
        share = interval(lambda mean: mean, (data.ratio > scale).astype(float))
        checks.append(Check(f"share of runs outside {scale:.2g} of the radius, δ = {DELTA}", share, rule))
    return checks


def curves(data: Distances) -> list[Curve]:
    """Share of runs that leave the ellipsoid, against the part of the radius."""
    scales = np.linspace(0, 1.2, 61)
    return [
        line("", f"game {number}", scales, [(ratios > scale).mean() for scale in scales])
        for number, ratios in enumerate(data.ratio)
    ]


def draw(curves: list[Curve]) -> Figure:
    """Share of runs that leave the ellipsoid, against the part of the radius."""
    figure, (axis,) = panels(1)
    for each in curves:
        axis.plot(each.x, each.y, color=COLOURS[0], linewidth=1)
    reference(axis, DELTA, f"promised: at most {DELTA:g}")
    axis.set(title="each line a game", xlabel="part of the theorem's radius", ylabel="share of runs outside")
    return figure
