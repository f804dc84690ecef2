"""A heuristic for many leader actions, where no enumeration ends: its value is a *lower bound* on the optimum.

1. Gradient ascent (Adam) on the logits of the commitment, followers answering by a softmax whose temperature
   is annealed, from many random starts side by side.
2. At the best end points, the linear program over the region R(W) of the followers' exact best responses W.
3. Local search: at the vertex found, followers are indifferent between several response maps; move to the
   best commitment of a neighbouring region for as long as one is better.

Every step counts: the value is the exact expected utility of a commitment inside the region of the response
map returned, for any payoff and any type distribution; K^n is never written out. Nothing says how far the
optimum is above it.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxstack.axes import Float, Int
from jaxstack.distributions import JointTypes, TypeDistribution
from jaxstack.game import Game
from jaxstack.payoffs import LeaderPayoff
from jaxstack.solvers.contract import Solution
from jaxstack.solvers.programs import best_commitment, is_full_dimensional, preference_rows, region_rows
from jaxstack.value import region_payoff_vectors

NUM_STEPS = 200
TEMPERATURES = (1.0, 0.01)  # first and last, in units of each follower type's largest payoff difference
LEARNING_RATE = 0.1
START_SPREAD = 2.0  # standard deviation of the logits: from near the centre to near a vertex
MOST_RESTARTS, FEWEST_RESTARTS = 64, 4
MOST_COMPONENTS = 256  # beyond, a step sees that many random components of the type distribution
FLOATS_PER_RESTART, FLOATS = 2**20, 2**24  # of intermediate results; they bound components and restarts

NUM_SEARCHES = 8  # end points that local search starts from
MOST_TIED_MAPS = 1024  # neighbours of a vertex; beyond, only those that differ in one follower type
NEIGHBOURS_TRIED = 64  # most promising first
TIED = 1e-8  # payoff difference, for rows of unit norm, that a vertex of a linear program calls a tie


def solve(game: Game, types: TypeDistribution, ties: str) -> Solution:
    """The best commitment that gradient ascent and local search find: feasible, not proved optimal.

    The same call gives the same answer (the seed is fixed).

    Args:
      game: one game.
      types: distribution of the joint type.
      ties: "optimistic" (neighbouring closed regions count) or "robust" (full-dimensional ones only).

    Returns:
      Solution; value is at most the optimum, and exact for its commitment and response.

    Source: none; the softmax relaxation is folklore, the local search walks the regions of arXiv 2510.01387.
    """
    points = _candidates(game, types)
    maps = np.einsum("sl,nkla->snka", points, np.asarray(game.follower)).argmax(axis=-1)
    search = _Search(game, types, ties)
    earns = np.einsum("sl,sl->s", points, search.payoffs(maps))
    searches = 0
    for s in np.argsort(-earns, kind="stable"):
        searches += search.climb(maps[s])
        if searches == NUM_SEARCHES:
            break
    if search.commitment is None:
        raise RuntimeError(f"method='ascent' met no region of {game!r} that counts under ties={ties!r}.")
    return Solution(search.commitment, search.response, search.value, "ascent", ties)


class _Search:
    """Local search over neighbouring regions; remembers the best and never visits a region twice."""

    def __init__(self, game: Game, types: TypeDistribution, ties: str):
        self.game, self.types, self.ties = game, types, ties
        self.rows = preference_rows(game)
        self.visited: set[bytes] = set()
        self.commitment: Any = None
        self.response: Any = None
        self.value = -np.inf

    def climb(self, response: Int[np.ndarray, "n K"]) -> bool:
        """Walk uphill from the region of `response`; False where it was visited or does not count."""
        here = self._visit(response, self.payoffs(response[None])[0], -np.inf)
        if here is None:
            return False
        while here is not None:
            x, response, value = here
            if value > self.value:
                self.commitment, self.response, self.value = here
            neighbours = self._neighbours(x, response)
            payoffs = self.payoffs(neighbours)
            promising = np.argsort(-(payoffs @ x), kind="stable")[:NEIGHBOURS_TRIED]
            steps = (self._visit(neighbours[j], payoffs[j], value) for j in promising)
            here = next((step for step in steps if step is not None), None)
        return True

    def _visit(
        self, response: np.ndarray, payoff: np.ndarray, above: float
    ) -> tuple[np.ndarray, np.ndarray, float] | None:
        """Best commitment, map and value of an unvisited region, if it counts and earns more than `above`."""
        name = response.tobytes()
        if name in self.visited or payoff.max() <= above:
            return None
        self.visited.add(name)
        rows = region_rows(self.rows, response)
        if self.ties == "robust" and not is_full_dimensional(rows):
            return None
        x = best_commitment(rows, payoff)
        if x is None or payoff @ x <= above + 1e-12 * abs(above):
            return None
        return x, response, float(payoff @ x)

    def _neighbours(self, x: np.ndarray, response: np.ndarray) -> np.ndarray:
        """[M, n, K]: maps that are best responses to x too: all of them, or one change away."""
        gaps = np.take_along_axis(self.rows @ x, response[..., None, None], axis=2)[:, :, 0]  # [n, K, A]
        n, K, A = gaps.shape
        choices = [np.flatnonzero(gap <= TIED) for gap in gaps.reshape(-1, A)]
        if math.prod(len(c) for c in choices) <= MOST_TIED_MAPS:
            maps = np.array(list(itertools.product(*choices)))
        else:
            here = response.reshape(-1)
            changes = [(place, a) for place, tied in enumerate(choices) for a in tied if a != here[place]]
            maps = np.tile(here, (len(changes), 1))
            maps[np.arange(len(changes)), [place for place, _ in changes]] = [a for _, a in changes]
        return maps.reshape(-1, n, K)

    def payoffs(self, maps: np.ndarray) -> Float[np.ndarray, "M L"]:
        """Expected payoff vectors; maps are padded to a power of two, so that few sizes are compiled."""
        padding = (1 << (len(maps) - 1).bit_length()) - len(maps)
        padded = np.concatenate([maps, np.repeat(maps[:1], padding, axis=0)])
        return region_payoff_vectors(self.game, self.types, padded)[: len(maps)]


def _candidates(game: Game, types: TypeDistribution) -> Float[np.ndarray, "S L"]:
    """Commitments to search from: where gradient ascent ends, where it started, and the pure ones."""
    weights, probabilities = _components(types)
    low, high = game.leader.bounds()
    follower = np.asarray(game.follower)
    follower = follower - follower.mean(axis=-1, keepdims=True)
    size = np.abs(follower).max(axis=(-1, -2), keepdims=True)
    # Reverse mode keeps a payoff's intermediate results once per follower.
    floats = game.num_followers * sum(leaf.size for leaf in jax.tree.leaves(game.leader))
    num_components = max(1, min(len(weights), MOST_COMPONENTS, FLOATS_PER_RESTART // floats))
    num_restarts = FLOATS // (floats * num_components)
    num_restarts = max(FEWEST_RESTARTS, min(MOST_RESTARTS, num_restarts))
    with jax.enable_x64(True):
        key, shape = jax.random.key(0), (num_restarts, game.num_leader_actions)
        starts = START_SPREAD * jax.random.normal(key, shape)
        ends = _ascend(
            starts,
            key,
            game.leader,
            1.0 / (high - low if high > low else 1.0),
            follower / np.where(size > 0, size, 1.0),
            weights,
            probabilities,
            num_components,
        )
        points = jax.nn.softmax(jnp.concatenate([ends, starts]))
    return np.concatenate([points, np.eye(game.num_leader_actions)])


def _components(types: TypeDistribution) -> tuple[Any, Any]:
    """Any distribution as a mixture of independent types: weights [C] and probabilities [C, n, K]."""
    if not isinstance(types, JointTypes):
        return types.mixture()  # type: ignore[attr-defined]
    possible = np.nonzero(types.probabilities)
    return types.probabilities[possible], np.eye(types.num_types)[np.stack(possible, axis=1)]


@functools.partial(jax.jit, static_argnames="num_components")
def _ascend(
    starts: Float[jax.Array, "S L"],
    key: jax.Array,
    leader: LeaderPayoff,
    unit: Float[jax.Array, ""],
    follower: Float[jax.Array, "n K L A"],
    weights: Float[jax.Array, "C"],
    probabilities: Float[jax.Array, "C n K"],
    num_components: int,
) -> Float[jax.Array, "S L"]:
    """Logits after NUM_STEPS steps of Adam on the expected payoff against softmax responses."""
    optimizer = optax.adam(LEARNING_RATE)
    temperatures = jnp.geomspace(*TEMPERATURES, NUM_STEPS)

    def loss(logits: jax.Array, temperature: jax.Array, key: jax.Array) -> jax.Array:
        x = jax.nn.softmax(logits)
        plays = jax.nn.softmax(jnp.einsum("l,nkla->nka", x, follower) / temperature)
        share, marginals = weights, probabilities
        if num_components < len(weights):
            drawn = jax.random.choice(key, len(weights), (num_components,), p=weights)
            share, marginals = jnp.full(num_components, 1 / num_components), probabilities[drawn]
        actions = jnp.einsum("cnk,nka->cna", marginals, plays)
        return -unit * (share @ jax.vmap(leader.expected_payoff_vector)(actions)) @ x

    def ascend_from(logits: jax.Array) -> jax.Array:
        def step(carry: tuple[jax.Array, Any], now: tuple[jax.Array, jax.Array]) -> tuple[Any, None]:
            logits, memory = carry
            updates, memory = optimizer.update(jax.grad(loss)(logits, *now), memory)
            return (optax.apply_updates(logits, updates), memory), None

        now = (temperatures, jax.random.split(key, NUM_STEPS))
        return jax.lax.scan(step, (logits, optimizer.init(logits)), now)[0][0]

    return jax.vmap(ascend_from)(starts)
