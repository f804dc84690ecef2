"""Seeded random games of any size, payoff kind and type kind."""

from __future__ import annotations

import math

import numpy as np

from jaxstack import checks
from jaxstack.distributions import IndependentTypes, JointTypes, MixtureTypes, TypeDistribution
from jaxstack.game import Game
from jaxstack.payoffs import AnonymousPayoff, LeaderPayoff, SeparablePayoff, TabularPayoff
from jaxstack.typed_payoffs import TypedPayoff

MAX_TABLE_ENTRIES = 1 << 24  # 128 MiB of float64

_PAYOFFS = ("tabular", "separable", "anonymous", "tabular_by_type", "separable_by_type")

_INSTEAD = {
    "tabular": "payoff='separable' or payoff='anonymous', which stay small for any number of followers",
    "separable": "fewer followers or actions",
    "tabular_by_type": "payoff='separable_by_type', which stays small for any number of followers",
    "separable_by_type": "fewer followers, types or actions",
    "anonymous": "payoff='separable', or fewer actions",
    "joint": "types='independent' or types='mixture', which stay small for any number of followers",
    "independent": "fewer followers or types",
    "mixture": "types='independent', or fewer followers or types",
    "follower payoffs": "fewer followers, types or actions",
}


def random_game(
    seed: int,
    num_leader_actions: int = 3,
    num_followers: int = 2,
    num_types: int = 3,
    num_actions: int = 2,
    payoff: str = "tabular",
    types: str = "joint",
    correlation: float = 0.5,
) -> tuple[Game, TypeDistribution]:
    """A game with payoffs uniform in [0, 1], and types with probabilities uniform on their simplex.

    Follower payoffs, leader payoff and type probabilities come from three separate streams of the seed: the
    same seed and sizes give the same followers (hence the same regions) whatever the payoff and type kinds,
    and "independent" and "mixture" types have the same marginals.

    Args:
      seed: of a NumPy generator; the same on every machine.
      num_leader_actions, num_followers, num_types, num_actions: L, n, K, A.
      payoff: leader's payoff, "tabular", "separable" (scaled by 1/n, to stay in [0, 1]) or "anonymous";
        "tabular_by_type" or "separable_by_type" where it depends on types, too.
      types: "joint", "independent" or "mixture" (`MixtureTypes.correlated`).
      correlation: in [0, 1], for "mixture" types: 0 is independent, 1 fully correlated.

    Returns:
      The game and the distribution of its types.

    Raises:
      ValueError: unknown kind, a seed, size or correlation that is no number in its range, or a table of more
        than 2^24 entries (128 MiB of float64); checked before anything is allocated.
    """
    checks.one_of("leader payoff kind", payoff, _PAYOFFS)
    checks.one_of("type distribution kind", types, ("joint", "independent", "mixture"))
    L = checks.positive_int("num_leader_actions", num_leader_actions, checks.MAX_SIZE)
    n = checks.positive_int("num_followers", num_followers, checks.MAX_SIZE)
    K = checks.positive_int("num_types", num_types, checks.MAX_SIZE)
    A = checks.positive_int("num_actions", num_actions, checks.MAX_SIZE)
    seed = checks.seed("seed", seed)
    correlation = checks.fraction("correlation", correlation)
    for_follower, for_leader, for_types = (
        np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(3)
    )
    _require_small("follower payoffs", "[n, K, L, A]", ((n, 1), (K, 1), (L, 1), (A, 1)))
    leader = _leader_payoff(for_leader, payoff, L, n, K, A)
    distribution = _type_distribution(for_types, types, n, K, correlation)
    return Game(leader, for_follower.uniform(size=(n, K, L, A))), distribution


def _leader_payoff(rng: np.random.Generator, kind: str, L: int, n: int, K: int, A: int) -> LeaderPayoff:
    """Uniform payoffs of one kind."""
    if kind == "tabular":
        _require_small(kind, "[L, A, .., A]", ((L, 1), (A, n)))
        return TabularPayoff(rng.uniform(size=(L, *(A,) * n)))
    if kind == "separable":
        _require_small(kind, "[n, L, A]", ((n, 1), (L, 1), (A, 1)))
        return SeparablePayoff(rng.uniform(size=(n, L, A)) / n)
    if kind == "tabular_by_type":
        _require_small(kind, "[L, A, .., A, K, .., K]", ((L, 1), (A, n), (K, n)))
        return TypedPayoff.tabular(rng.uniform(size=(L, *(A,) * n, *(K,) * n)))
    if kind == "separable_by_type":
        _require_small(kind, "[n, K, L, A]", ((n, 1), (K, 1), (L, 1), (A, 1)))
        return TypedPayoff.separable(rng.uniform(size=(n, K, L, A)) / n)
    _require_small(kind, "[L, n+1, .., n+1]", ((L, 1), (n + 1, A - 1)))
    return AnonymousPayoff(rng.uniform(size=(L, *(n + 1,) * (A - 1))), num_followers=n)


def _type_distribution(
    rng: np.random.Generator, kind: str, n: int, K: int, correlation: float
) -> TypeDistribution:
    """Dirichlet(1) probabilities of one kind."""
    if kind == "joint":
        _require_small(kind, "[K, .., K]", ((K, n),))
        return JointTypes(rng.dirichlet(np.ones(K**n)).reshape((K,) * n))
    components = 1 if kind == "independent" else n * (K - 1) + 2
    _require_small(kind, "[C, n, K]", ((components, 1), (n, 1), (K, 1)))
    marginals = rng.dirichlet(np.ones(K), size=n)
    if kind == "independent":
        return IndependentTypes(marginals)
    return MixtureTypes.correlated(marginals, correlation)


def _require_small(kind: str, axes: str, sizes: tuple[tuple[int, int], ...]) -> None:
    """Refuse a table whose shape, given as (length, repeats) of its axes, has too many entries."""
    log2 = sum(repeats * math.log2(length) for length, repeats in sizes)
    if log2 > math.log2(MAX_TABLE_ENTRIES) + 1e-9:
        raise ValueError(
            f"a table for {kind!r} with axes {axes} would hold about 2^{log2:.1f} entries; random_game makes "
            f"at most 2^24 = {MAX_TABLE_ENTRIES:,} (128 MiB of float64). Use {_INSTEAD[kind]}."
        )
