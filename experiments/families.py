"""Families of small games on which learners that see actions are compared, and which of their runs fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxstack as js


class Family(NamedTuple):
    """Sizes (L, n, K, A), what `random_game` is told besides, and what is changed in a game afterwards."""

    sizes: tuple[int, int, int, int]
    how: dict[str, Any]
    changed: Callable[[js.Game, Any, np.random.Generator], tuple[js.Game, Any]] | None = None


def sparse(game: js.Game, types: Any, rng: np.random.Generator) -> tuple[js.Game, Any]:
    """Most types hardly ever come."""
    shape = (game.num_types,) * game.num_followers
    return game, js.JointTypes(rng.dirichlet(np.full(game.num_joint_types, 0.1)).reshape(shape))


def twice(game: js.Game, types: Any, rng: np.random.Generator) -> tuple[js.Game, Any]:
    """Every type has a double, which no action ever tells from it."""
    follower = np.asarray(game.follower)
    shape = (2 * game.num_types,) * game.num_followers
    doubled = js.Game(game.leader, np.concatenate([follower, follower], axis=1))
    return doubled, js.JointTypes(rng.dirichlet(np.ones(np.prod(shape))).reshape(shape))


def costly(game: js.Game, types: Any, rng: np.random.Generator) -> tuple[js.Game, Any]:
    """Followers agree, and tell nothing, but near the leader's last action, which costs half the range."""
    payoff, follower = np.array(game.leader.table), np.array(game.follower)
    payoff[-1] -= 0.5
    follower[:, :, :-1] = follower[:, :1, :-1]
    return js.Game(js.TabularPayoff(payoff), follower), types


def comonotone(game: js.Game, types: Any, rng: np.random.Generator) -> tuple[js.Game, Any]:
    """All followers have the same type."""
    joint = np.zeros((game.num_types,) * game.num_followers)
    diagonal = np.arange(game.num_types)
    joint[(diagonal,) * game.num_followers] = rng.dirichlet(np.ones(game.num_types))
    return game, js.JointTypes(joint)


def hidden(game: js.Game, types: Any, rng: np.random.Generator) -> tuple[js.Game, Any]:
    """The best commitment lies in a small region: 0.6 more where all followers play what few commitments
    make them play."""
    table, points = js.enumerate_regions(game), rng.dirichlet(np.ones(game.num_leader_actions), size=2000)
    payoffs = np.einsum("sl,nkla->snka", points, np.asarray(game.follower))
    plays = payoffs.argmax(axis=-1)
    share = [(plays == response).all(axis=(1, 2)).mean() for response in table.responses]
    rare = table.responses[int(np.argmin(np.where(np.array(share) > 0.002, share, np.inf)))]
    payoff = np.array(game.leader.table)
    for theta in np.ndindex(*(game.num_types,) * game.num_followers):
        payoff[(slice(None), *(rare[i, k] for i, k in enumerate(theta)))] += 0.6 / game.num_joint_types
    return js.Game(js.TabularPayoff(payoff), game.follower), types


FAMILIES = {
    "A": Family((2, 2, 3, 2), {"types": "joint"}),
    "B": Family((3, 2, 3, 3), {"types": "joint"}),
    "C": Family((4, 2, 3, 2), {"types": "joint"}),
    "D": Family((3, 1, 6, 3), {"types": "joint"}),
    "E": Family((3, 3, 3, 2), {"types": "joint"}, sparse),
    "F": Family((3, 4, 2, 2), {"types": "independent"}),
    "G": Family((2, 3, 4, 2), {"types": "mixture", "correlation": 0.5}),
    "H": Family((3, 3, 2, 2), {"types": "mixture", "correlation": 1.0}),
    "doubles": Family((3, 2, 2, 2), {"types": "joint"}, twice),
    "small region": Family((3, 2, 3, 2), {"types": "joint"}, hidden),
    "costly information": Family((3, 2, 3, 2), {"types": "joint"}, costly),
    "comonotone": Family((3, 3, 2, 2), {"types": "joint"}, comonotone),
}


def heading(name: str) -> str:
    """A family, or a worked game, above its panel."""
    if name not in FAMILIES:
        return name.replace("_", " ")
    sizes = ", ".join(map(str, FAMILIES[name].sizes))
    return f"{'family ' * (len(name) == 1)}{name}\n$L$, $n$, $K$, $A$ = {sizes}"


def games_of(name: str, first: int, count: int) -> tuple[js.Game, Any]:
    """A stack of games of a family, and of their types; game number i is made of `random_game(i)`."""
    family, games, types = FAMILIES[name], [], []
    for number in range(first, first + count):
        game, of_game = js.scenarios.random_game(number, *family.sizes, **family.how)
        if family.changed is not None:
            game, of_game = family.changed(game, of_game, np.random.default_rng([number, 1]))
        games.append(game)
        types.append(of_game)
    return js.stack(games), js.stack(types)


def decades(
    game: js.Game,
    types: Any,
    learner: js.learners.Learner,
    *,
    horizon: int,
    runs: int,
    seed: int = 0,
    **how: Any,
) -> np.ndarray:
    """Regret after a tenth of the rounds and after all of them, [2, G, S], of a batch of games or of one."""
    keys = jax.random.key(seed)
    if game.num_games is not None:
        keys = jax.random.split(keys, game.num_games)
    checkpoints = [horizon // 10, horizon]
    curve = js.simulate(
        keys, game, types, learner, horizon=horizon, num_runs=runs, checkpoints=checkpoints, **how
    )
    return np.moveaxis(np.asarray(curve.regret).reshape(-1, runs, 2), -1, 0)


def failed(regret: np.ndarray) -> np.ndarray:
    """[G, S]: 1.0 for runs that look linear, from `decades`.

    Their last decade of rounds cost more than 6 times what went before, and more than 50 payoffs.
    """
    before, after = regret
    return ((after - before > 6 * before) & (after > 50)).astype(float)
