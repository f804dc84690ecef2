"""A heuristic for many leader actions, where no enumeration ends: a *lower bound* on the optimum.

1. Gradient ascent (Adam) on the logits of the commitment, followers answering by a softmax whose temperature
   is annealed, from many random starts side by side.
2. At the best points, the linear program over the region R(W) of the followers' exact best responses W.
3. Local search: at the vertex found, followers are indifferent between several response maps; move to the
   best commitment of one of their regions for as long as that is an improvement.
4. The same again from points at random distances of the best commitment so far.

The value is the exact expected utility of a commitment inside the region of the response map returned, for
any payoff and any type distribution; K^n is never written out. How far the optimum may be above it is what
the relaxation of `jaxstack.solvers.bounding` says.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxstack.axes import Float, Int
from jaxstack.distributions import JointTypes, TypeDistribution
from jaxstack.game import Game
from jaxstack.payoffs import LeaderPayoff
from jaxstack.solvers.bounding import upper_bound
from jaxstack.solvers.contract import Solution
from jaxstack.solvers.problem import Found, Problem
from jaxstack.strategies import Polytope

NUM_STEPS = 200
LEARNING_RATE = 0.1
START_SPREAD = 2.0  # standard deviation of the logits: from near the centre to near a vertex
HOTTEST, COLDEST = 1.0, 0.01  # softmax temperatures, in units of each follower type's largest payoff
NEVER = -1e6  # payoff of an action that a type does not have, in the same unit
TIED = 1e-8  # payoff difference, for rows of unit norm, from which a neighbouring region is tried
MOST_REGIONS = 1000  # about how many linear programs are solved
MOST_CORNERS = 128  # of a strategy set, between which gradient ascent moves
NEIGHBOURS_TRIED = 16  # of them, per step of the local search; the most promising maps first


class _Effort(NamedTuple):
    """How much is tried: less where one evaluation of the payoff is expensive."""

    restarts: int  # of gradient ascent
    hops: int  # local searches from around the best commitment so far
    components: int  # of the type distribution seen by one gradient step; drawn at random if it has more
    tied_maps: int  # looked at in one step; where there are more, only those that differ in one follower type


def solve(problem: Problem) -> Solution:
    """The best commitment that gradient ascent and local search find: feasible, not proved optimal.

    The same call gives the same answer (the seed is fixed), if no time limit cuts it short. Seconds for 50
    leader actions and a few followers, a minute or two for an anonymous payoff with 200 followers and three
    actions.

    Args:
      problem: one game under either tie rule. When its time is up, the best commitment so far is returned.

    Returns:
      Solution; value is at most the optimum, and exact for its commitment and response.

    Raises:
      RuntimeError: no region that counts was met (ties="robust", and all that were are flat).
      TimeoutError: no commitment was found within the time limit.

    Source: none; the softmax relaxation is folklore, the local search walks the regions of arXiv 2510.01387.
    """
    game, types, clock = problem.game, problem.types, problem.clock
    effort = _effort(game, types)
    search = _Search(problem, effort.tied_maps)
    search.best = problem.start()
    if not clock.is_over:
        points = _candidates(game, types, effort, problem.strategies)
        maps = problem.preferences.best_responses(points)
        earned = np.einsum("sl,sl->s", points, problem.payoffs(maps))
        for s in np.argsort(-earned, kind="stable"):
            if len(search.visited) < MOST_REGIONS // 2 and not clock.is_over:
                search.climb(points[s], maps[s])
    if search.best is None:
        if clock.is_over:
            raise clock.too_short("ascent")
        raise RuntimeError(
            f"method='ascent' met no region of {game!r} that counts under ties={problem.ties!r}."
        )
    rng = np.random.default_rng(0)
    for _ in range(effort.hops):
        if len(search.visited) < MOST_REGIONS and not clock.is_over:
            distance = rng.uniform()
            if problem.strategies is None:
                elsewhere = rng.dirichlet(np.ones(game.num_leader_actions))
            else:
                (elsewhere,) = problem.strategies.sample(rng, 1.0, 1)
            around = (1 - distance) * search.best.commitment + distance * elsewhere
            search.climb(around, problem.preferences.best_responses(around[None])[0])
    return problem.solution(search.best, "ascent", upper_bound(problem, search.best.value, clock))


def _effort(game: Game, types: TypeDistribution) -> _Effort:
    """Bounds on memory (about 2^24 floats) and work, from the size of the payoff."""
    # Reverse mode keeps a payoff's intermediate results once per follower.
    floats = game.num_followers * sum(leaf.size for leaf in jax.tree.leaves(game.leader))
    components = max(1, min(len(_components(types)[0]), 256, 2**20 // floats))
    return _Effort(
        restarts=max(4, min(48, 2**24 // (floats * components))),
        hops=max(4, min(100, 2**28 // floats)),
        components=components,
        tied_maps=max(16, min(1024, 2**28 // floats)),
    )


class _Search:
    """Local search over neighbouring regions; keeps the best solution and never visits a region twice."""

    def __init__(self, problem: Problem, tied_maps: int):
        self.problem, self.tied_maps = problem, tied_maps
        self.visited: set[bytes] = set()
        self.best: Found | None = None

    def climb(self, x: Float[np.ndarray, "L"], response: Int[np.ndarray, "n K"]) -> None:
        """Walk uphill from a commitment and a best response to it."""
        here = self._step(x, response, -np.inf)
        while here is not None:
            if self.best is None or here.value > self.best.value:
                self.best = here
                self.problem.tell(here.value, self.problem.highest)
            if self.problem.clock.is_over:
                return
            here = self._step(here.commitment, here.response, here.value)

    def _step(self, x: np.ndarray, response: np.ndarray, above: float) -> Found | None:
        """The best commitment in an unvisited region that touches `x` and has more than `above` to offer."""
        maps = self._tied_maps(x, response)
        payoffs = self.problem.payoffs(maps)
        promising = np.argsort(-(payoffs @ x), kind="stable")[:NEIGHBOURS_TRIED]
        steps = (self._visit(maps[j], payoffs[j], above) for j in promising)
        return next(filter(None, steps), None)

    def _visit(self, response: np.ndarray, payoff: np.ndarray, above: float) -> Found | None:
        """The best commitment in an unvisited region, if the region counts and it earns more than `above`."""
        name = response.tobytes()
        if name in self.visited or payoff.max() <= above:
            return None
        self.visited.add(name)
        found = self.problem.best_in(response, payoff)
        return found if found is not None and found.value > above else None

    def _tied_maps(self, x: np.ndarray, response: np.ndarray) -> Int[np.ndarray, "M n K"]:
        """All best responses to `x`; if too many, those that differ from `response` in one follower type."""
        preferences, (n, K) = self.problem.preferences, response.shape
        chosen = preferences.differences[np.arange(n * K), response.ravel()]  # [n*K, A, L]
        tied = chosen @ x <= TIED * np.abs(chosen).max(axis=-1)
        tied = (tied & preferences.playable).reshape(n, K, -1)
        A = tied.shape[-1]
        if math.prod(int(c) for c in tied.sum(axis=-1).flat) <= self.tied_maps:
            choices = (np.flatnonzero(row) for row in tied.reshape(-1, A))
            return np.array(list(itertools.product(*choices))).reshape(-1, n, K)
        maps = np.tile(response, (int(tied.sum()), 1, 1))
        i, k, a = np.nonzero(tied)
        maps[np.arange(len(maps)), i, k] = a
        return maps


def _candidates(
    game: Game, types: TypeDistribution, effort: _Effort, strategies: Polytope | None = None
) -> Float[np.ndarray, "S L"]:
    """Commitments to search from: where gradient ascent ends, where it started, and the pure ones.

    In a strategy set, commitments are mixed from some of its vertices, as if these were leader actions.
    """
    if strategies is not None:
        corners = strategies.hull_shares
        corners = corners[:: -(-len(corners) // MOST_CORNERS)]
        at_corners = np.einsum("ml,nkla->nkma", corners, game.follower)
        mixing = Game(game.leader.at(corners), at_corners, available=game.available)
        return _candidates(mixing, types, effort) @ corners
    low, high = game.leader.bounds()
    follower = np.asarray(game.follower)
    follower = follower - follower[..., :1]  # before the mean, which rounds what is added to all alike
    follower = follower - follower.mean(axis=-1, keepdims=True)
    size = np.abs(follower).max(axis=(-1, -2), keepdims=True)
    follower = follower / np.where(size > 0, size, 1.0)
    if game.playable is not None:
        follower = np.where(game.playable[:, :, None], follower, NEVER)
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):  # Adam's step count is promoted
        key = jax.random.key(0)
        starts = START_SPREAD * jax.random.normal(key, (effort.restarts, game.num_leader_actions))
        ends = _ascend(
            starts,
            key,
            game.leader,
            1.0 / (high - low if high > low else 1.0),
            follower,
            *_components(types),
            effort.components,
        )
        points = np.asarray(jax.nn.softmax(jnp.concatenate([ends, starts])))
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

    def loss(logits: jax.Array, temperature: jax.Array, key: jax.Array) -> jax.Array:
        x = jax.nn.softmax(logits)
        plays = jax.nn.softmax(jnp.einsum("l,nkla->nka", x, follower) / temperature)
        share, marginals = weights, probabilities
        if num_components < len(weights):
            drawn = jax.random.choice(key, len(weights), (num_components,), p=weights)
            share, marginals = jnp.full(num_components, 1 / num_components), probabilities[drawn]
        return -unit * (share @ jax.vmap(leader.expected_payoff_vector, (0, None))(marginals, plays)) @ x

    def ascend_from(logits: jax.Array, first_temperature: jax.Array) -> jax.Array:
        def step(carry: tuple[jax.Array, Any], now: tuple[jax.Array, jax.Array]) -> tuple[Any, None]:
            logits, memory = carry
            updates, memory = optimizer.update(jax.grad(loss)(logits, *now), memory)
            return (optax.apply_updates(logits, updates), memory), None

        now = (jnp.geomspace(first_temperature, COLDEST, NUM_STEPS), jax.random.split(key, NUM_STEPS))
        return jax.lax.scan(step, (logits, optimizer.init(logits)), now)[0][0]

    return jax.vmap(ascend_from)(starts, jnp.geomspace(HOTTEST, COLDEST, len(starts)))
