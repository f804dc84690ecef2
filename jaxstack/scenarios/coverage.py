"""Security games in compact form: what is chosen is how likely each target is covered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxstack import checks, memory
from jaxstack.axes import Bool, Float
from jaxstack.distributions import IndependentTypes, TypeDistribution
from jaxstack.game import Game
from jaxstack.payoffs import SeparablePayoff
from jaxstack.scenarios._arrays import agreeing
from jaxstack.strategies import coverage
from jaxstack.strategies.sets import require_room
from jaxstack.typed_payoffs import TypedPayoff


def coverage_game(
    resources: Any,
    attacker_uncovered: Any,
    attacker_covered: Any,
    leader_uncovered: Any,
    leader_covered: Any,
    types: Any,
    *,
    schedules: Sequence[Sequence[Any]] | None = None,
    may_stay_away: bool = False,
) -> tuple[Game, TypeDistribution]:
    """A game of guards and targets: the leader chooses coverage, each attacker type attacks one target.

    Against an attack on target t that is covered with probability c_t, everybody's payoff lies between the
    one for an uncovered and the one for a covered target: affine in c, so that T numbers do instead of one
    for each of the (T choose resources) patrols. `patrols` turns the commitment into what is walked.

    Args:
      resources: how many targets can be covered at a time; with schedules, how many resources of each kind.
      attacker_uncovered, attacker_covered: [n, K, T], what attacker i of type k gets from target t.
      leader_uncovered, leader_covered: [n, T], what the leader gets from an attack of attacker i on target t;
        or [n, K, T], where that depends on the attacker's type, too.
      types: [n, K], probabilities of independent types, or a distribution.
      schedules: which targets a resource covers together; see `jaxstack.strategies.coverage`.
      may_stay_away: action T is no attack, worth 0 to both sides.

    Returns:
      The game, on `jaxstack.strategies.coverage`, and the distribution of its types. Action t attacks
      target t.

    Raises:
      ValueError: shapes that disagree, or numbers that are not finite.
      MemoryError: so many targets would not fit.

    Source: Kiekintveld et al., Computing optimal randomized resource allocations for massive security games,
    AAMAS 2009 (one attacker; ERASER).
    """
    axes = checks.converted_array("leader_uncovered", leader_uncovered, "n T").ndim
    of_leader = "n K T" if axes == 3 else "n T"
    open_, met, loss, gain = agreeing(
        attacker_uncovered=(attacker_uncovered, "n K T"),
        attacker_covered=(attacker_covered, "n K T"),
        leader_uncovered=(leader_uncovered, of_leader),
        leader_covered=(leader_covered, of_leader),
    )
    n, K, T = open_.shape
    actions = T + checks.flag("may_stay_away", may_stay_away)
    kinds = [] if schedules is None else checks.listed("schedules", schedules, "kinds of resources")
    # Coordinates of the set, which takes long to make.
    each = "schedules, each a list of targets"
    L = T + 1 + sum(len(checks.listed(f"schedules[{k}]", own, each)) for k, own in enumerate(kinds))
    require_room(T)
    memory.require(
        16 * n * (K + 1) * L * actions,  # and a copy of each
        what="a coverage game",
        driver=f"follower payoffs [n, K, L, A] = [{n:,}, {K:,}, {L:,}, {actions:,}]",
        remedy="fewer targets or types",
    )
    strategies = coverage(T, resources, schedules)
    follower, leader = np.zeros((n, K, L, actions)), np.zeros((*loss.shape[:-1], L, actions))
    target = np.arange(T)
    for table, uncovered, covered in ((follower, open_, met), (leader, loss, gain)):
        table[..., target, target], table[..., -1, :T] = covered - uncovered, uncovered
    if not isinstance(types, TypeDistribution):
        types = IndependentTypes(types)
    payoff = TypedPayoff.separable(leader) if leader.ndim == 4 else SeparablePayoff(leader)
    return Game(payoff, follower, strategies), types


def random_coverage_game(
    seed: int = 0,
    num_targets: int = 6,
    num_resources: int = 2,
    num_followers: int = 1,
    num_types: int = 2,
    whole: bool = False,
) -> tuple[Game, TypeDistribution]:
    """A coverage game with random payoffs: gains from 0 to 10, losses from -10 to 0.

    Args:
      seed: of all random numbers.
      num_targets, num_resources: T and how many of them are covered at a time.
      num_followers, num_types: n attackers of K types each; types are independent.
      whole: whole numbers, so that many payoffs are equal.

    Raises:
      ValueError: counts below 1, or no seed.
    """
    rng = np.random.default_rng(checks.seed("seed", seed))
    T = checks.positive_int("num_targets", num_targets, checks.MAX_SIZE)
    resources = checks.positive_int("num_resources", num_resources, checks.MAX_SIZE)
    whole = checks.flag("whole", whole)
    n = checks.positive_int("num_followers", num_followers, checks.MAX_SIZE)
    K = checks.positive_int("num_types", num_types, checks.MAX_SIZE)

    def draw(*shape: int) -> np.ndarray:
        numbers = rng.uniform(0, 10, size=shape)
        return np.rint(numbers) if whole else numbers

    return coverage_game(
        resources, draw(n, K, T), -draw(n, K, T), -draw(n, T), draw(n, T), rng.dirichlet(np.ones(K), size=n)
    )


def patrols(
    coverage: Float[np.ndarray, "T"],
) -> tuple[Bool[np.ndarray, "M T"], Float[np.ndarray, "M"]]:
    """Pure patrols, and how often to walk each, that cover every target as likely as the marginals say.

    Targets are laid end to end on a line, each as long as its probability. A comb with teeth at distance 1,
    put down at random, picks the targets that its teeth fall on: no target twice, since none is longer than
    1, and never more than the sum of the coverage, rounded up. At most T + 1 different patrols result.

    Args:
      coverage: [T], probabilities in [0, 1] (within 1e-9); of a commitment, its first T coordinates.

    Returns:
      Patrols [M, T] bool, the targets that each covers; and their probabilities [M], which sum to 1.

    Raises:
      ValueError: not probabilities.

    Source: systematic sampling (Madow, Annals of Mathematical Statistics 20, 1949); comb sampling of Tsai et
    al., Urban security: game-theoretic resource allocation in networked physical domains, AAAI 2010.
    """
    lengths = checks.finite_array("coverage", coverage, "T")
    if lengths.min() < -1e-9 or lengths.max() > 1 + 1e-9:
        raise ValueError(
            f"coverage must be probabilities in [0, 1], but they run from {lengths.min():g} to "
            f"{lengths.max():g}. Pass the first T coordinates of a commitment: the last is no target."
        )
    ends = np.concatenate([[0.0], np.cumsum(np.clip(lengths, 0, 1))])
    ends = np.where(np.abs(ends - np.rint(ends)) < 1e-9, np.rint(ends), ends)
    offsets = np.unique(np.append(ends % 1.0, [0.0, 1.0]))
    middles, widths = (offsets[1:] + offsets[:-1]) / 2, np.diff(offsets)
    # A tooth falls on (start, end) where ceil(start - offset) < ceil(end - offset).
    teeth = np.ceil(ends[None] - middles[:, None])
    chosen, position = np.unique(np.diff(teeth, axis=1) > 0, axis=0, return_inverse=True)
    return chosen, np.bincount(np.ravel(position), widths, len(chosen))
