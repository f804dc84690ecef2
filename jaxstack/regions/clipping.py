"""Exact enumeration of best-response regions by clipping, for many games side by side.

For most games `jaxstack.regions.corners` is faster, and `enumerate_regions` asks it first. Clipping is for
the rest: many actions, seven leader actions or more, or many hyperplanes through one point and
`ties="robust"`.

Start from the simplex. Every polytope keeps its vertices, the set of its facets that each vertex lies on, and
a list of *open* items: follower types (i, theta) whose best response is not yet the same on all of it. Each
pass splits every polytope by the upper envelope of one of its open items and then tests the other open items
on the pieces, all of them in one vectorised sweep over flat arrays. This is a binary space partition by
envelopes: an item is only ever tested on polytopes that it cuts, so the work follows the size of the output
and not (number of regions) x (number of follower types).

Two vertices are adjacent when no third vertex lies on every facet that both lie on. That is the rank test in
combinatorial form: it needs no general position, and counting facets alone would be wrong where many
hyperplanes meet in a point.

Closed regions of lower dimension (`ties="optimistic"`) come out of the same rule: an item stays open as long
as two actions are optimal anywhere on the closed polytope, and a halfspace that only touches a polytope
leaves the face that it touches.

Geometry is NumPy in float64. A vertex lies on a hyperplane where the relative lead there (`jaxstack.ties`) is
at most `TOLERANCE`: here, unlike there, what is within a few units of rounding is not decided exactly.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from jaxstack import checks
from jaxstack.game import Game, stack, unstack
from jaxstack.regions.assembly import (
    WORKING_COPIES,
    Codec,
    Regions,
    check_limit,
    dense_table,
    descending,
    offsets,
    ranges,
    refuse_hopeless,
    require,
    require_vertices,
)
from jaxstack.regions.corners import corner_work, from_corners
from jaxstack.regions.planes import scaled
from jaxstack.regions.table import RegionTable
from jaxstack.strategies.framing import on_frame
from jaxstack.strategies.sets_of_games import StrategySets
from jaxstack.ties import TIE_TOLERANCE

TIE_RULES = ("optimistic", "robust")
TOLERANCE = 2 * TIE_TOLERANCE  # relative lead up to which a vertex, cut out of others, lies on a hyperplane
LARGE = 2**20  # minors from which a sample is worth its time: it tells what would not fit
_WORD = 64  # facets per word of a vertex's facet set


def enumerate_regions(
    game: Game | Sequence[Game], ties: str = "optimistic", max_regions: int = 1_000_000
) -> RegionTable:
    """All best-response regions of a game, or of many games at once.

    Args:
      game: one game, a stacked batch of G games, or a list of games that can be stacked.
      ties: "optimistic" keeps every response map whose closed region is not empty, lower-dimensional ones
        too: followers break ties in the leader's favour (strong Stackelberg equilibrium). "robust" keeps
        full-dimensional regions only: where the leader can go by moving an arbitrarily small step. What it
        can enforce there is the *least* payoff over the maps that differ in equal actions alone
        (`jaxstack.ties.equal_actions`): all of them are listed, and share their vertices. In a generic game
        the two rules agree.
      max_regions: stop with an error as soon as a game is known to have more.

    Returns:
      RegionTable, with a leading axis G for a batch or a list.

    Raises:
      ValueError: more than `max_regions` regions (counted, or `estimate_regions` of a large game), an unknown
        tie rule, or games that cannot be stacked.
      MemoryError: the padded table would not fit into the memory that is free; for a large game, by the
        estimate, before any work.

    Source: regions are those of arXiv 2510.01387, section 3; the paper enumerates them by linear programs.
    """
    checks.one_of("tie rule", ties, TIE_RULES)
    max_regions = checks.positive_int("max_regions", max_regions)
    if not isinstance(game, Game | Sequence):
        checks.instance("game", game, Game, "Load one with jaxstack.load_game, or make one.")
    batch = game if isinstance(game, Game) else stack(list(game))
    if isinstance(batch.strategies, StrategySets):
        return _set_by_set(batch, ties, max_regions)
    codec = Codec(batch.num_games or 1, batch.num_followers * batch.num_types, batch.num_actions)
    robust = ties == "robust"
    require_vertices(batch)
    estimate = refuse_hopeless(batch, max_regions) if corner_work(batch) > LARGE else 0
    regions = from_corners(batch, codec, robust, max_regions, estimate)
    if regions is None:
        regions = _from_clipping(batch, codec, robust, max_regions)
    found = np.bincount(codec.game(regions.codes), minlength=codec.num_games)
    check_limit(batch, found, max_regions)
    if batch.strategies is not None:
        regions = regions._replace(points=batch.strategies.frame.commitments(regions.points))
    return dense_table(batch, codec, regions, ties)


def _set_by_set(batch: Game, ties: str, max_regions: int) -> RegionTable:
    """The tables of a batch of games with different strategy sets, those with one set side by side."""
    tables: dict[int, RegionTable] = {}
    for members in batch.strategies.groups():
        found = enumerate_regions([unstack(batch, g) for g in members], ties, max_regions)
        tables |= {int(g): unstack(found, place) for place, g in enumerate(members)}
    return stack([tables[g] for g in sorted(tables)])


@dataclasses.dataclass
class _Polytopes:
    """Flat polytopes: vertices of polytope p are rows first[p]:first[p+1]. None is empty."""

    first: np.ndarray  # [P+1] int64
    vertices: np.ndarray  # [M, L] float64
    tight: np.ndarray  # [M, W] uint64, bit f set when the vertex lies on the polytope's facet f

    @property
    def counts(self) -> np.ndarray:
        return np.diff(self.first)

    def take(self, index: np.ndarray) -> _Polytopes:
        counts = self.counts[index]
        rows = ranges(self.first[index], counts)
        return _Polytopes(offsets(counts), self.vertices[rows], self.tight[rows])


@dataclasses.dataclass
class _Nodes:
    """Polytopes with what is known of the best responses on them."""

    shape: _Polytopes
    game: np.ndarray  # [P] int64
    full: np.ndarray  # [P] bool, True where the polytope has dimension L-1
    responses: np.ndarray  # [P, n*K] int8; meaningful where the item is not open
    open_first: np.ndarray  # [P+1]; open items of polytope p are open_items[open_first[p]:open_first[p+1]]
    open_items: np.ndarray  # int64, 0..n*K-1

    def take(self, index: np.ndarray) -> _Nodes:
        counts = np.diff(self.open_first)[index]
        return _Nodes(
            self.shape.take(index),
            self.game[index],
            self.full[index],
            self.responses[index],
            offsets(counts),
            self.open_items[ranges(self.open_first[index], counts)],
        )


def _from_clipping(batch: Game, codec: Codec, robust: bool, max_regions: int) -> Regions:
    """All regions of all games."""
    leaves = _partition(batch, robust, max_regions)
    game = np.concatenate([leaf.game for leaf in leaves])
    counts = np.concatenate([leaf.shape.counts for leaf in leaves])
    points = np.concatenate([leaf.shape.vertices for leaf in leaves])
    region = np.repeat(np.arange(len(game)), counts)
    order = descending(region, points)
    return Regions(
        codec.pack(game, np.concatenate([leaf.responses for leaf in leaves])),
        np.concatenate([leaf.full for leaf in leaves]),
        points[order],
        offsets(counts),
        np.arange(len(region)),
    )


def _partition(batch: Game, robust: bool, max_regions: int) -> list[_Nodes]:
    """Leaves of the partition, in no particular order."""
    payoffs = np.swapaxes(on_frame(batch), -1, -2)  # [G, n, K, A, L]
    num_items = batch.num_followers * batch.num_types
    # item (i, k) of game g: one row
    payoffs = payoffs.reshape(-1, batch.num_actions, payoffs.shape[-1])
    playable = None if batch.playable is None else np.reshape(batch.playable, payoffs.shape[:-1])
    nodes = _settle(_roots(batch), payoffs, playable, robust)
    leaves: list[_Nodes] = []
    finished = np.zeros(batch.num_games or 1, np.int64)
    while True:
        is_open = np.diff(nodes.open_first) > 0
        done = np.flatnonzero(~is_open)
        if done.size:
            leaves.append(nodes.take(done))
            finished += np.bincount(nodes.game[done], minlength=finished.size)
        if done.size == is_open.size:
            return leaves
        nodes = nodes.take(np.flatnonzero(is_open))
        # Every polytope holds at least one region, and no two hold the same, so this is a lower bound.
        check_limit(batch, finished + np.bincount(nodes.game, minlength=finished.size), max_regions)
        require(
            WORKING_COPIES * batch.num_actions * (nodes.shape.vertices.nbytes + nodes.responses.nbytes),
            what=f"enumerating regions ({len(nodes.game):,} polytopes so far)",
            driver=f"L = {batch.num_leader_actions} and n K = {num_items} follower types",
            remedy="use fewer games at once, or solve(method='walk'), which needs no table",
        )
        nodes = _settle(_split(nodes, payoffs, playable, robust), payoffs, playable, robust)


def _roots(batch: Game) -> _Nodes:
    """The strategy set, once a game, with every item open."""
    games, num_leader = batch.num_games or 1, batch.num_leader_actions
    num_items = batch.num_followers * batch.num_types
    vertices, lies_on = np.eye(num_leader), ~np.eye(num_leader, dtype=bool)  # facet l is x_l = 0
    if batch.strategies is not None:
        vertices, incidence = batch.strategies.hull_shares, batch.strategies.frame.incidence
        assert incidence is not None
        lies_on = incidence
    facets = np.zeros((len(vertices), max(1, -(-lies_on.shape[1] // _WORD))), np.uint64)
    for facet in range(lies_on.shape[1]):
        facets[lies_on[:, facet], facet // _WORD] |= np.uint64(1 << (facet % _WORD))
    shape = _Polytopes(
        np.arange(games + 1) * len(vertices),
        np.tile(vertices, (games, 1)),
        np.tile(facets, (games, 1)),
    )
    dtype = np.int8 if batch.num_actions <= 127 else np.int16
    return _Nodes(
        shape,
        np.arange(games),
        np.ones(games, bool),
        np.zeros((games, num_items), dtype),
        np.arange(games + 1) * num_items,
        np.tile(np.arange(num_items), games),
    )


def _split(nodes: _Nodes, payoffs: np.ndarray, playable: np.ndarray | None, robust: bool) -> _Nodes:
    """Each polytope cut into the cells of the upper envelope of one of its open items."""
    num_items, num_actions = nodes.responses.shape[1], payoffs.shape[1]
    counts = np.diff(nodes.open_first)
    chosen = nodes.open_first[:-1] + counts // 2  # the middle one keeps the partition balanced
    item = nodes.open_items[chosen]

    parent = np.repeat(np.arange(len(item)), num_actions)
    action = np.tile(np.arange(num_actions), len(item))
    row = (nodes.game * num_items + item)[parent]
    if playable is not None:
        there = playable[row, action]
        parent, action, row = parent[there], action[there], row[there]
    shape, full = nodes.shape.take(parent), nodes.full[parent]
    for step in range(1, num_actions):
        normals = scaled(payoffs[row, action] - payoffs[row, (action + step) % num_actions])
        shape, kept, still_full = _clip(shape, normals)
        full = full[kept] & still_full
        parent, action, row = parent[kept], action[kept], row[kept]
        if robust and not full.all():
            kept = np.flatnonzero(full)
            shape, full = shape.take(kept), full[kept]
            parent, action, row = parent[kept], action[kept], row[kept]

    responses = nodes.responses[parent]
    responses[np.arange(len(parent)), item[parent]] = action
    remaining = np.delete(nodes.open_items, chosen)
    remaining_counts = counts - 1
    inherited = ranges(offsets(remaining_counts)[:-1][parent], remaining_counts[parent])
    return _Nodes(
        shape,
        nodes.game[parent],
        full,
        responses,
        offsets(remaining_counts[parent]),
        remaining[inherited],
    )


def _settle(nodes: _Nodes, payoffs: np.ndarray, playable: np.ndarray | None, robust: bool) -> _Nodes:
    """Write down the responses of open items that have only one on their polytope; keep the others open."""
    num_items, num_actions = nodes.responses.shape[1], payoffs.shape[1]
    owner = np.repeat(np.arange(len(nodes.game)), np.diff(nodes.open_first))
    if owner.size == 0:
        return nodes
    row = nodes.game[owner] * num_items + nodes.open_items
    counts = nodes.shape.counts
    centres = np.add.reduceat(nodes.shape.vertices, nodes.shape.first[:-1], axis=0) / counts[:, None]
    # The best action in the middle is the only candidate for being best everywhere.
    best = np.zeros(len(row), np.int64)
    best_payoff = np.full(len(row), -np.inf)
    for action in range(num_actions):
        payoff = _dot(payoffs[row, action], centres[owner])
        better = payoff > best_payoff
        if playable is not None:
            better &= playable[row, action]
        best[better] = action
        best_payoff[better] = payoff[better]

    corners = ranges(nodes.shape.first[owner], counts[owner])
    starts = offsets(counts[owner])[:-1]
    settled = np.ones(len(row), bool)
    for step in range(1, num_actions):
        other = (best + step) % num_actions
        normals = scaled(payoffs[row, best] - payoffs[row, other])
        lead, margin = _heights(nodes.shape.vertices[corners], np.repeat(normals, counts[owner], axis=0))
        if robust:  # touching does not matter, being equal everywhere does
            ahead = np.logical_and.reduceat(lead >= -margin, starts)
            ahead &= np.logical_or.reduceat(lead > margin, starts)
        else:
            ahead = np.logical_and.reduceat(lead > margin, starts)
        settled &= ahead if playable is None else ahead | ~playable[row, other]
    nodes.responses[owner[settled], nodes.open_items[settled]] = best[settled]
    still_open = ~settled
    open_counts = np.bincount(owner[still_open], minlength=len(nodes.game))
    return dataclasses.replace(
        nodes, open_first=offsets(open_counts), open_items=nodes.open_items[still_open]
    )


def _clip(shape: _Polytopes, normals: np.ndarray) -> tuple[_Polytopes, np.ndarray, np.ndarray]:
    """Each polytope p cut to {x : <normals[p], x> >= 0}.

    Returns:
      The polytopes that are not empty, their indices, and for each whether it kept its dimension.
    """
    counts, starts = shape.counts, shape.first[:-1]
    owner = np.repeat(np.arange(len(counts)), counts)
    height, margin = _heights(shape.vertices, normals[owner])
    above, below = height > margin, height < -margin
    has_above, has_below = np.logical_or.reduceat(above, starts), np.logical_or.reduceat(below, starts)
    keep = ~below
    tight = shape.tight
    cut = has_above & has_below
    new_owner = np.zeros(0, np.int64)
    new_vertices = np.zeros((0, shape.vertices.shape[1]))
    new_tight = np.zeros((0, tight.shape[1]), np.uint64)
    if cut.any():
        tight, facet = _new_facet(tight, starts, cut)
        upper, lower = _edges_across(shape, tight, owner, above & cut[owner], below & cut[owner])
        share = height[upper] / (height[upper] - height[lower])
        corner = shape.vertices[upper]
        new_vertices = corner + share[:, None] * (shape.vertices[lower] - corner)
        new_owner = owner[upper]
        new_tight = (tight[upper] & tight[lower]) | facet[new_owner]
        on_facet = (keep & ~above & cut[owner])[:, None]
        tight = np.where(on_facet, tight | facet[owner], tight)
    all_owners = np.concatenate([owner[keep], new_owner])
    order = np.argsort(all_owners, kind="stable")
    sizes = np.bincount(all_owners, minlength=len(counts))
    kept = np.flatnonzero(sizes)
    clipped = _Polytopes(
        offsets(sizes[kept]),
        np.concatenate([shape.vertices[keep], new_vertices])[order],
        np.concatenate([tight[keep], new_tight])[order],
    )
    return clipped, kept, (has_above | ~has_below)[kept]


def _new_facet(tight: np.ndarray, starts: np.ndarray, cut: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A facet bit [P, W] that no vertex of the polytope uses yet (`tight`, widened if there is none)."""
    used = np.bitwise_or.reduceat(tight, starts, axis=0)
    if (used[cut] == ~np.uint64(0)).all(axis=1).any():
        tight = np.pad(tight, ((0, 0), (0, 1)))
        used = np.pad(used, ((0, 0), (0, 1)))
    lowest_free = ~used & (used + np.uint64(1))
    word = (lowest_free != 0).argmax(axis=1)
    facet = np.zeros_like(used)
    rows = np.arange(len(used))
    facet[rows, word] = lowest_free[rows, word]
    return tight, facet


def _edges_across(
    shape: _Polytopes, tight: np.ndarray, owner: np.ndarray, above: np.ndarray, below: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of adjacent vertices (upper, lower) of one polytope with the hyperplane between them."""
    num_leader = shape.vertices.shape[1]
    uppers, lowers = np.flatnonzero(above), np.flatnonzero(below)
    lower_counts = np.bincount(owner[lowers], minlength=len(shape.first) - 1)
    partners = lower_counts[owner[uppers]]
    upper = np.repeat(uppers, partners)
    lower = lowers[ranges(offsets(lower_counts)[:-1][owner[uppers]], partners)]
    common = tight[upper] & tight[lower]
    # An edge of a polytope within the simplex lies on at least L-2 of its facets. In a polygon (L = 3) two
    # vertices on a common facet are its ends; beyond, a third vertex on all of them rules the edge out.
    possible = np.flatnonzero(np.bitwise_count(common).sum(axis=1) >= num_leader - 2)
    upper, lower, common = upper[possible], lower[possible], common[possible]
    if num_leader > 3 and len(upper):
        candidates = shape.counts[owner[upper]]
        third = ranges(shape.first[owner[upper]], candidates)
        missing = np.repeat(common, candidates, axis=0) & ~tight[third]
        on_all = np.add.reduceat(~missing.any(axis=1), offsets(candidates)[:-1], dtype=np.int64)
        upper, lower = upper[on_all == 2], lower[on_all == 2]
    return upper, lower


def _heights(points: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """<normal, point> row by row, and how much of it counts as 0."""
    return _dot(points, normals), TOLERANCE * _dot(points, np.abs(normals))


def _dot(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Row-wise inner products."""
    return np.einsum("ij,ij->i", left, right)
