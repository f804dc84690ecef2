"""The distribution of types that makes a log most likely, with what the log does not tell."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack import checks, memory
from jaxstack._settings import with_pinned_settings
from jaxstack.axes import Bool, Float, Int
from jaxstack.data import grouped, mixtures
from jaxstack.data.answering import response_map
from jaxstack.data.identified import Precision, Unidentified, alike, confused, precision
from jaxstack.data.logs import Log, read_log
from jaxstack.distributions import IndependentTypes, JointTypes, MixtureTypes
from jaxstack.game import Game, check_commitment
from jaxstack.regions import RegionTable
from jaxstack.scenarios.files import GameFile
from jaxstack.value import payoff_vector_of_map

if TYPE_CHECKING:
    from jaxstack.data.stakes import Stakes

KINDS = ("joint", "independent", "mixture")


class Expected(NamedTuple):
    """What a commitment is expected to earn, payoff units per round.

    standard_error: of the estimate; inf where it depends on what the log does not tell.
    """

    value: float
    standard_error: float

    @property
    def interval(self) -> tuple[float, float]:
        """Of 95 %, by the normal law."""
        return self.value - 1.96 * self.standard_error, self.value + 1.96 * self.standard_error


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class FittedTypes:
    """Types fitted to a log.

    Attributes:
      types: the maximum-likelihood distribution. Types that the log does not tell apart have equal shares.
      standard_errors: of every probability, as `types.probabilities`; of a mixture of weights, then
        probabilities. From the observed information; inf where the log tells nothing, nan where the estimate
        is 0, on the boundary, where no normal law holds.
      log_likelihood: natural logarithm.
      num_rounds: of the log.
      unidentified: what the log cannot tell, however long it were.
      kind: "joint", "independent" or "mixture".
      precision: of all probabilities in one vector, in the order of `jax.tree.leaves(types)`.
      log: what was fitted to.
      converged: of a mixture, whether expectation maximisation settled. Its maximum is local.
    """

    types: JointTypes | IndependentTypes | MixtureTypes
    standard_errors: Any
    log_likelihood: float
    num_rounds: int
    unidentified: Unidentified
    kind: str
    precision: Precision
    log: Log
    converged: bool = True

    def __repr__(self) -> str:
        loose = f", {self.unidentified.dimension} dimensions unidentified" if self.unidentified else ""
        local = "" if self.kind != "mixture" else ", local maximum" if self.converged else ", not converged"
        return (
            f"FittedTypes({self.kind}, {self.num_rounds:,} rounds, "
            f"log-likelihood {self.log_likelihood:.6g}{local}{loose})"
        )

    @with_pinned_settings
    def expected(self, commitment: Any, responses: Any = None) -> Expected:
        """What a commitment is expected to earn under the fitted types, and how precisely that is known.

        Args:
          commitment: [L].
          responses: [n, K], what followers answer, where they are indifferent.

        Raises:
          ValueError: no commitment, or one that does not tell what followers answer.
        """
        words = self.log.words
        x = check_commitment(words.game, commitment)
        W = response_map(words, x, responses)
        with jax.enable_x64(True):
            value, slope = _earned_and_slope(self.types, words.game.leader, x, W)
        gradient = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(slope)]).astype(np.float64)
        error = float(np.sqrt(max(gradient @ self.precision.covariance @ gradient, 0.0)))
        size = np.abs(gradient).max(initial=0.0)
        if np.abs(gradient @ self.precision.loose).max(initial=0.0) > 1e-9 * size:
            error = np.inf
        return Expected(float(value), error)

    def stakes(self, table: RegionTable | None = None) -> Stakes:
        """Whether the best commitment depends on what the log does not tell (see `jaxstack.data.stakes`)."""
        from jaxstack.data.stakes import stakes

        return stakes(self, table)


@jax.jit
def _earned_and_slope(types: Any, leader: Any, x: jax.Array, responses: jax.Array) -> Any:
    def earned(types: Any) -> jax.Array:
        return payoff_vector_of_map(leader, types, responses) @ x

    return jax.value_and_grad(earned)(jax.tree.map(jnp.asarray, types))


class Cells(NamedTuple):
    """Rounds that tell the same, counted.

    masks: [U, n, K], the types that each follower may have had.
    counts: [U] float64, rounds.
    maps: [M, n, K], all that was posted (of a log of types one map that tells all types apart).
    exists: [n, K], types that followers have.
    """

    masks: Bool[np.ndarray, "U n K"]
    counts: Float[np.ndarray, "U"]
    maps: Int[np.ndarray, "M n K"]
    exists: Bool[np.ndarray, "n K"]


@with_pinned_settings
def fit_types(
    game: Game | GameFile,
    log: Any,
    kind: str = "joint",
    *,
    num_components: int = 2,
    restarts: int = 8,
    seed: int = 0,
    table: RegionTable | None = None,
) -> FittedTypes:
    """The distribution of types that makes a log of rounds most likely.

    Of types, a round tells the joint type. Of actions, it tells of each follower the set of types that play
    its action against what was posted: a grouped multinomial. Its likelihood is concave for joint types
    and, follower by follower, for independent ones; the maximum is exact (to 1e-10 in its conditions). For a
    mixture it is local, the best of several restarts of expectation maximisation.

    ```python
    game = js.load_game_file("game.json")
    fitted = js.fit_types(game, "log.csv")
    best = js.solve(game.game, fitted.types)
    fitted.expected(best.commitment, best.response).interval
    ```

    Args:
      game: one game; a `GameFile` names what is in the log.
      log: a `Log`, or what `read_log` takes: the path of a .csv or .parquet file, a data frame, or columns.
      kind: "joint" (any correlation; K^n probabilities), "independent" or "mixture".
      num_components, restarts, seed: of a mixture: C, how often it is begun, and the seed of the beginnings.
      table: of which the log's regions are numbers; default `enumerate_regions(game)`.

    Raises:
      ValueError: as `read_log`; another kind.
      MemoryError: too many joint types for kind="joint".
    """
    checks.one_of("kind of types", kind, KINDS)
    log = read_log(game, log, table=table)
    cells = _cells(log)
    if kind == "joint":
        return _joint(log, cells)
    if kind == "independent":
        return _independent(log, cells)
    num_components = checks.positive_int("num_components", num_components)
    restarts = checks.positive_int("restarts", restarts)
    return _mixture(log, cells, num_components, restarts, checks.seed("seed", seed))


def _cells(log: Log) -> Cells:
    """Rounds that tell the same, together."""
    words = log.words
    n, K = len(words.followers), words.game.num_types
    exists = np.arange(K) < np.array([len(types) for types in words.types])[:, None]
    if log.kind == "types":  # as if each type played an action of its own
        maps, which = np.broadcast_to(np.arange(K, dtype=np.int32), (1, n, K)), np.zeros(len(log), np.int32)
    else:
        assert log.maps is not None
        assert log.which is not None
        maps, which = log.maps, log.which
    rows, counts = np.unique(np.column_stack([which, log.seen]), axis=0, return_counts=True)
    masks = maps[rows[:, 0]] == rows[:, 1:, None]
    return Cells(masks, counts.astype(np.float64), maps, exists)


def _joint(log: Log, cells: Cells) -> FittedTypes:
    game = log.words.game
    n, K, J = game.num_followers, game.num_types, game.num_joint_types
    memory.require(
        8.0 * J * (J + 2.0 * len(cells.masks) + len(cells.maps)) + 8.0 * float(K) ** n,
        what="fitting the probability of every joint type",
        driver=f"{J:,} joint types (K^n = {K}^{n})",
        remedy="kind='independent', or kind='mixture' where followers' types depend on each other",
    )
    joint = game.joint_types()  # [J, n]
    of_each = np.arange(n)
    masks = np.asarray(cells.masks[:, of_each, joint].all(axis=-1))  # [U, J]
    p = grouped.maximise(masks, cells.counts).probabilities
    played = cells.maps[:, of_each, joint].astype(np.int64)  # [M, J, n]
    outcomes = played @ (max(game.num_actions, K) ** np.arange(n))
    seen = masks @ p
    information = (masks.T * (cells.counts / seen**2)) @ masks
    told = precision(information, np.ones((1, J)), p > 0)
    place = np.ravel_multi_index(tuple(joint.T), (K,) * n)
    table, errors = np.zeros(K**n), np.full(K**n, np.nan)
    table[place], errors[place] = p, told.standard_errors
    shape = (K,) * n
    return FittedTypes(
        JointTypes(table.reshape(shape)),
        errors.reshape(shape),
        float(cells.counts @ np.log(seen)),
        len(log),
        Unidentified(confused(outcomes).shape[1], alike(log.words, cells.maps)),
        "joint",
        _embedded(told, place, K**n),
        log,
    )


def _independent(log: Log, cells: Cells) -> FittedTypes:
    n, K = cells.exists.shape
    p, total, dimension = np.zeros((n, K)), 0.0, 0
    information = np.zeros((n * K, n * K))
    for i in range(n):
        has = cells.exists[i]
        masks, which = np.unique(cells.masks[:, i, has], axis=0, return_inverse=True)
        counts = np.bincount(which.reshape(-1), cells.counts)
        p[i, has] = grouped.maximise(masks, counts).probabilities
        seen = masks @ p[i, has]
        total += float(counts @ np.log(seen))
        own = np.flatnonzero(has) + i * K
        information[np.ix_(own, own)] = (masks.T * (counts / seen**2)) @ masks
        dimension += confused(cells.maps[:, i, has]).shape[1]
    told = precision(information, np.kron(np.eye(n), np.ones(K)), p.ravel() > 0)
    return FittedTypes(
        IndependentTypes(p),
        told.standard_errors.reshape(n, K),
        total,
        len(log),
        Unidentified(dimension, alike(log.words, cells.maps)),
        "independent",
        told,
        log,
    )


def _mixture(log: Log, cells: Cells, num_components: int, restarts: int, seed: int) -> FittedTypes:
    n, K = cells.exists.shape
    memory.require(
        8.0 * 4 * restarts * num_components * n * max(len(cells.masks), K),
        what="expectation maximisation",
        driver=f"{restarts} restarts, {num_components} components, {n} followers, {len(cells.masks):,} kinds "
        f"of rounds",
        remedy="fewer restarts or components",
    )
    rng = np.random.default_rng(seed)
    found = mixtures.maximise(*cells[:2], cells.exists, num_components, restarts, rng)
    weights, marginals = found.weights, found.marginals
    information = mixtures.information(*cells[:2], weights, marginals)
    ones = np.kron(np.eye(num_components * n), np.ones(K))
    constraints = np.block(
        [
            [np.ones((1, num_components)), np.zeros((1, ones.shape[1]))],
            [np.zeros((len(ones), num_components)), ones],
        ]
    )
    used = weights > 1e-9
    free = np.concatenate([used, ((marginals > 1e-9) & used[:, None, None]).ravel()])
    told = precision(information, constraints, free)
    errors = told.standard_errors
    return FittedTypes(
        MixtureTypes(weights, marginals),
        (errors[:num_components], errors[num_components:].reshape(marginals.shape)),
        found.log_likelihood,
        len(log),
        Unidentified(told.loose.shape[1], alike(log.words, cells.maps)),
        "mixture",
        told,
        log,
        found.settled,
    )


def _embedded(told: Precision, place: np.ndarray, size: int) -> Precision:
    """Of all entries of a table, of which `place` were estimated."""
    if size == len(place):
        return told
    covariance, loose = np.zeros((size, size)), np.zeros((size, told.loose.shape[1]))
    covariance[np.ix_(place, place)], loose[place] = told.covariance, told.loose
    errors = np.full(size, np.nan)
    errors[place] = told.standard_errors
    return Precision(covariance, loose, errors)
