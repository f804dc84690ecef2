"""Every (region, vertex) pair that a learner may play, as one flat list, with linear features of its value.

The value of a candidate is linear in a distribution of types. Where the joint types are few, features are the
values against each joint type (J = K**n); where the leader's payoff is a sum over followers, marginals tell
everything and nK features do; otherwise there are none, and learners keep payoff vectors per region.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack import memory
from jaxstack.axes import Array, Bool, DeviceArray, Float, Int
from jaxstack.game import Game
from jaxstack.learners.contract import Choice, Known, tie_tolerance
from jaxstack.learners.products import Products, Sums, expected_vectors, prepare_products
from jaxstack.learners.rows import first_above, first_best, larger, maximum, pairwise
from jaxstack.regions.table import RegionTable, rounded_up
from jaxstack.value import joint_type_payoffs

MAX_JOINT_FEATURES = 1 << 22  # entries of a feature table (M x J) up to which joint types count as few
MAX_JOINT_TYPES = 1 << 10  # up to which they do where marginals tell everything, too
MAX_COMPARED = 1 << 26  # entries (M x M x J) up to which candidates are compared with each other
_CLEARLY = 4 * tie_tolerance(np.float32)  # better a round by so much is better after any number of rounds


class Candidates(NamedTuple):
    """Flat list of the M real vertices of all regions, in order of region, then vertex.

    region, vertex: [M] int32; padding (batches, padded tables) repeats the first candidate.
    """

    region: Int[Array, "M"]
    vertex: Int[Array, "M"]

    def first_best(self, scores: Float[Array, "M"]) -> Choice:
        """Lowest candidate within rounding of the best score (unit payoffs)."""
        return self.choice(first_best(scores, tie_tolerance(scores.dtype)))

    def choice(self, candidate: Int[Array, ""]) -> Choice:
        """What playing candidate number so and so is."""
        return Choice(jnp.asarray(self.region)[candidate], jnp.asarray(self.vertex)[candidate])


class Vertices(NamedTuple):
    """Vertices by region, with the regions as the last axis: vectors of payoffs score them without a gather.

    commitment: [L, V, R] float64.
    real: [V, R] bool, False on padding.
    """

    commitment: Float[Array, "L V R"]
    real: Bool[Array, "V R"]

    def scores(self, vectors: Float[DeviceArray, "L R"]) -> Float[DeviceArray, "V R"]:
        """Value of every vertex, in the units of these payoff vectors of the regions; -inf on padding."""
        terms = [jnp.asarray(x) * u[None] for x, u in zip(self.commitment, vectors, strict=True)]
        return jnp.where(self.real, functools.reduce(jnp.add, terms), -jnp.inf)


class Scoring(NamedTuple):
    """Candidates with the cheapest exact way of scoring them; the other ways are None.

    Joint types are all K**n in C order, or those that there are among unequal followers: then `joint_types`
    lists them, and that of types theta is number <strides, theta>.
    """

    candidates: Candidates
    joint: Float[Array, "M J"] | None = None  # values against each joint type
    marginal: Float[Array, "M nK"] | None = None  # terms of values for each follower type
    vertices: Vertices | None = None  # for payoff vectors per region
    products: Products | None = None  # with which those of independent types are computed
    sums: Sums | None = None  # with which those of a joint type are looked up
    joint_types: Int[Array, "J n"] | None = None  # int32
    strides: Int[Array, "n"] | None = None  # int32

    def first_best(self, scores: Float[DeviceArray, "M"] | Float[DeviceArray, "V R"]) -> Choice:
        """Lowest region, then lowest vertex, within rounding of the best score (unit payoffs).

        Scores are of all candidates, or, where payoff vectors gave them, of all vertices by region.
        """
        if scores.ndim == 1:
            return self.candidates.first_best(scores)
        of_regions = pairwise(larger, list(scores))
        level = maximum(of_regions) - tie_tolerance(scores.dtype)
        region = first_above(of_regions, level)
        return Choice(region, first_above(scores[:, region], level))

    def without_padding(self) -> Scoring:
        """Of one game, on the host: without the first candidate's repetitions, in lists and in values."""
        region, vertex = map(np.asarray, self.candidates)
        real = (region != region[0]) | (vertex != vertex[0])
        real[0] = True
        values = {"joint": self.joint, "marginal": self.marginal}
        cut = {name: np.asarray(each)[real] for name, each in values.items() if each is not None}
        return self._replace(candidates=Candidates(region[real], vertex[real]), **cut)


def prepare_scoring(game: Game, table: RegionTable) -> Scoring:
    """What the learners with type feedback score candidates by, in the payoff units of `game`.

    Where their values are listed, only candidates that another one does not dominate.
    """
    candidates = list_candidates(table)
    additive = game.leader.additive_terms() is not None
    most = MAX_JOINT_TYPES if additive else MAX_JOINT_FEATURES
    num_joint_types = game.num_joint_types
    if num_joint_types <= most and candidates.region.shape[-1] * num_joint_types <= MAX_JOINT_FEATURES:
        values = joint_features(game, table, candidates)
        candidates, joint = _may_be_best(table, candidates, values, game.types_by_follower.prod(axis=-1))
        if game.available is None:
            return Scoring(candidates, joint=joint)
        later = np.cumprod(game.types_by_follower[..., ::-1], axis=-1)[..., ::-1][..., 1:]
        strides = np.concatenate([later, np.ones_like(later[..., :1]) if later.size else later], axis=-1)
        return Scoring(candidates, joint, joint_types=game.joint_types(), strides=strides)
    if additive:
        return Scoring(candidates, marginal=marginal_features(game, table, candidates))
    return Scoring(candidates, vertices=_by_region(table))


def prepare_marginal_scoring(game: Game, table: RegionTable) -> Scoring:
    """What `score_marginals` scores candidates by, in the payoff units of `game`."""
    scoring = prepare_scoring(game, table)
    if scoring.vertices is None:
        return scoring
    return scoring._replace(products=prepare_products(game, table))


def score_marginals(
    scoring: Scoring, known: Known, marginals: Float[DeviceArray, "n K"]
) -> Float[DeviceArray, "M"] | Float[DeviceArray, "V R"]:
    """Values for `Scoring.first_best`, in units; types are independent, with these marginals."""
    if scoring.joint_types is not None:
        product = marginals[np.arange(len(marginals)), scoring.joint_types].prod(axis=-1)
        return jnp.asarray(scoring.joint) @ product
    if scoring.joint is not None:
        product = marginals[0]
        for marginal in marginals[1:]:
            product = (product[:, None] * marginal[None]).reshape(-1)
        return jnp.asarray(scoring.joint) @ product
    if scoring.marginal is not None:
        return jnp.asarray(scoring.marginal) @ marginals.reshape(-1)
    vectors = (
        _vectors_map_by_map(known, marginals)
        if scoring.products is None
        else expected_vectors(scoring.products, marginals)
    )
    assert scoring.vertices is not None
    return scoring.vertices.scores(vectors.T)


def _vectors_map_by_map(known: Known, marginals: Float[DeviceArray, "n K"]) -> Float[DeviceArray, "R L"]:
    """Expected payoff vector under the response map of every region."""
    num_actions = known.game.num_actions

    def expected(response: jax.Array) -> jax.Array:
        plays = jax.nn.one_hot(response, num_actions, dtype=known.dtype)  # [n, K, A]
        return known.game.leader.expected_payoff_vector(marginals, plays)

    return jax.lax.map(expected, jnp.asarray(known.table.responses))


def _may_be_best(
    table: RegionTable,
    candidates: Candidates,
    values: Float[np.ndarray, "M J"],
    num_joint_types: Int[np.ndarray, ""],
) -> tuple[Candidates, Float[np.ndarray, "M J"]]:
    """Candidates that no other dominates, in their order, and their values against the joint types."""
    games = values.reshape(-1, *values.shape[-2:])
    reals = table.vertex_mask.reshape(len(games), -1).sum(axis=-1)
    sizes = np.broadcast_to(num_joint_types, len(games))
    kept = [
        np.flatnonzero(_undominated(own[:real, :size]))
        for own, real, size in zip(games, reals, sizes, strict=True)
    ]
    index = np.zeros((len(games), _padded(table, max(map(len, kept)))), np.int64)
    for row, own in zip(index, kept, strict=True):
        row[: len(own)] = own
    index = index.reshape(*values.shape[:-2], -1)
    chosen = (np.take_along_axis(part, index, axis=-1) for part in candidates)
    return Candidates(*chosen), np.take_along_axis(values, index[..., None], axis=-2)


def _undominated(values: Float[np.ndarray, "M J"]) -> Bool[np.ndarray, "M"]:
    """Which candidates may be the first best within rounding, whatever the joint types were: [M].

    One that is no better against any joint type than a lower one is not, nor one that another beats clearly
    against all of them. The lowest is kept: it is played where nothing is known. And all where there are too
    many to compare.
    """
    if values.size * len(values) > MAX_COMPARED:
        return np.ones(len(values), bool)
    kept, rows, place = np.zeros(len(values), bool), np.empty_like(values), np.empty(len(values), np.int64)
    count = 0
    # Those with the highest sums first: nothing that comes later dominates what is kept.
    for at in np.lexsort((np.arange(len(values)), -values.sum(axis=-1))):
        least = (rows[:count] - values[at]).min(axis=-1)
        if not (least >= np.where(place[:count] < at, 0.0, _CLEARLY)).any():
            kept[at], rows[count], place[count] = True, values[at], at
            count += 1
    kept[0] = True
    return kept


def _by_region(table: RegionTable) -> Vertices:
    return Vertices(table.vertices.swapaxes(-3, -1), table.vertex_mask.swapaxes(-2, -1))


def list_candidates(table: RegionTable) -> Candidates:
    """Candidates of a table ([G, M] for a batch)."""
    most = int(table.vertex_mask.sum(axis=(-2, -1)).max())
    return _first(table, _padded(table, most))


def _padded(table: RegionTable, count: int) -> int:
    """How many candidates a list of so many has: more where the table is padded, to share compiled code."""
    return count if table.region_mask[..., -1].any() else rounded_up(count, 64)


def real_candidates(table: RegionTable, least: int = 1) -> Candidates:
    """Candidates without what a padded table adds ([G, M] for a batch, M of the game that has the most).

    Products of matrices with more candidates are rounded in another order, and where candidates nearly tie
    (the hard family), that decides.

    Args:
      table: of regions.
      least: what M is at least.
    """
    most = int(table.vertex_mask.sum(axis=(-2, -1)).max())
    return _first(table, max(most, least))


def _first(table: RegionTable, count: int) -> Candidates:
    """So many candidates, as many of them real as there are."""
    mask = table.vertex_mask.reshape(-1, table.padded_regions * table.padded_vertices)
    flat = np.zeros((len(mask), count), np.int32)
    for game, row in enumerate(mask):
        real = np.flatnonzero(row)
        flat[game, : len(real)] = real
    if table.num_games is None:
        flat = flat[0]
    return Candidates(flat // table.padded_vertices, flat % table.padded_vertices)


def commitments(table: RegionTable, candidates: Candidates) -> Float[np.ndarray, "M L"]:
    """[M, L] float64 ([G, M, L] for a batch): the commitment of every candidate."""
    if table.num_games is None:
        return table.vertices[candidates.region, candidates.vertex]
    game = np.arange(table.num_games)[:, None]
    return table.vertices[game, candidates.region, candidates.vertex]


def joint_features(game: Game, table: RegionTable, candidates: Candidates) -> Float[np.ndarray, "M J"]:
    """<x, u(., W(theta))> for every candidate (x, W) and joint type theta: [M, J] float64, units of `game`.

    Of a batch of unequal games, values against joint types that a game does not have are 0.

    Raises:
      MemoryError: there are too many joint types for a table.
    """
    # Every entry passes through the [R, J, L] payoffs, in float64.
    size = candidates.region.size + table.region_mask.size * game.num_leader_actions
    memory.require(
        8.0 * float(size) * float(game.num_joint_types),
        what=f"values of {candidates.region.shape[-1]:,} candidates against all joint types",
        driver=f"{game.num_joint_types:,} joint types"
        if game.available is not None
        else f"K**n = {game.num_types}**{game.num_followers} joint types",
        remedy="use a learner that does not work on joint types (erm_joint and erm_product switch by "
        "themselves; region_ucb never does), or fewer followers or types",
    )
    payoffs = joint_type_payoffs(game, table)  # [.., R, J, L]
    by_candidate = _take_regions(payoffs, candidates)
    values = np.einsum("...mjl,...ml->...mj", by_candidate, commitments(table, candidates))
    if game.available is None:
        return values
    num_joint_types = game.types_by_follower.prod(axis=-1)[..., None]
    return np.where((np.arange(values.shape[-1]) < num_joint_types)[..., None, :], values, 0.0)


def marginal_features(game: Game, table: RegionTable, candidates: Candidates) -> Float[np.ndarray, "M nK"]:
    """[M, n K] float64: with the type marginals as weights they sum to a candidate's value.

    Additive leader payoffs only.
    """
    terms = game.leader.additive_terms()  # [.., n, K, A, L], K = 1 where types do not matter
    values = np.einsum("...nkal,...ml->...mnka", terms, commitments(table, candidates))
    responses = _take_regions(np.asarray(table.responses), candidates)  # [.., M, n, K]
    chosen = np.take_along_axis(values, responses[..., None], axis=-1)[..., 0]
    return chosen.reshape(*chosen.shape[:-2], -1)


def _take_regions(array: np.ndarray, candidates: Candidates) -> np.ndarray:
    """Rows of [R, ..] ([G, R, ..] for a batch) by candidate: [M, ..]."""
    if candidates.region.ndim == 1:
        return array[candidates.region]
    return array[np.arange(len(array))[:, None], candidates.region]
