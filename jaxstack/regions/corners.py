"""Exact enumeration of best-response regions from their corners, for many games side by side.

At a commitment x every follower type has a set of best responses, one action or several that tie, and the
regions that contain x are the products of these sets. Whichever of them one picks, the ties that are tight at
x span the same space, so x is a vertex of all of these regions or of none. Hence

  1. the points of the simplex where L-1 independent ties and facets meet are the vertices of all regions:
     Cramer's rule finds them, all at once;
  2. the regions around each are the products of the best responses there;
  3. equal response maps are one region, and the points that they come from are its vertices.

There is no adjacency to track, no general position to assume and no loop over follower types: two hundred
NumPy calls do for a small game and for a thousand of them. The price is that all C(H, L-1) sets of the H ties
and facets are tried. Where these are too many (many actions, or many leader actions), the clipping of
`jaxstack.regions.clipping` is faster, which only touches what is there.

Geometry is NumPy in float64. Hyperplanes are scaled to unit maximum norm; a point within `TIE_TOLERANCE` of a
hyperplane lies on it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jaxstack.game import TIE_TOLERANCE, Game
from jaxstack.regions.assembly import Codec, Regions, check_limit, descending, offsets, ranges, require

MAX_WORK = 2**24  # minors that Cramer's rule may take for one game: half a second
MAX_PAIRS = 32  # pairs of actions; among more, few tie on the upper envelope
MAX_MAPS = 2**22  # response maps at all points together, of which ties="robust" may need only a few
_PARALLEL = 1e-12  # determinant up to which hyperplanes count as dependent
_BLOCK = 2**18  # products worked on at once: they stay in the cache, and matrix products on one core


def leads(payoffs: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[.., L]: `payoffs` minus `others`, scaled to unit maximum norm; 0 where the two are equal."""
    difference = payoffs - others
    norm = np.abs(difference).max(axis=-1)
    equal = norm <= TIE_TOLERANCE * np.maximum(np.abs(payoffs).max(axis=-1), np.abs(others).max(axis=-1))
    return np.where(equal[..., None], 0.0, difference / np.where(equal, 1.0, norm)[..., None])


def from_corners(batch: Game, codec: Codec, robust: bool, max_regions: int) -> Regions | None:
    """All regions of all games; None where there is too much to try."""
    num_leader, num_actions = batch.num_leader_actions, batch.num_actions
    num_pairs = math.comb(num_actions, 2)
    if num_pairs > MAX_PAIRS:
        return None
    payoffs = np.swapaxes(np.asarray(batch.follower), -1, -2)
    payoffs = payoffs.reshape(codec.num_games, codec.num_items, num_actions, num_leader)
    table = leads(payoffs[:, :, :, None], payoffs[:, :, None])  # [G, n*K, A, A, L]
    ties = _ties(table)
    work, to_look = _work(num_leader, len(ties)), codec.num_items * _work(num_leader, num_pairs)
    if num_actions > 3 and to_look < min(work / 4, MAX_WORK):
        ties = _not_hidden(table, ties)
        work = _work(num_leader, len(ties))
    if work > MAX_WORK:
        return None
    corners = _corners(table, codec, *_vertices(table, ties))
    # Where exactly L-1 ties and facets meet, all are independent and all regions there full-dimensional.
    tight = _num_tight(corners)
    simple = tight == num_leader - 1
    if not simple.all():
        new = _first_of_its_kind(corners, codec.num_items) & (tight >= num_leader - 1)
        corners, simple = corners.where(new), simple[new]

    num_maps = np.exp2(np.bincount(corners.tie_point, np.log2(corners.tie_size), len(simple)))
    if robust and num_maps.sum() > MAX_MAPS:
        return None
    if not robust and num_maps.max() > max_regions:
        at_least = np.zeros(codec.num_games)
        np.maximum.at(at_least, corners.game, np.rint(np.minimum(num_maps, 2.0**53)))
        check_limit(batch, at_least, max_regions)
    require(
        100 * num_maps.sum(),
        what=f"enumerating regions ({num_maps.sum():,.0f} response maps at {len(simple):,} vertices)",
        driver=f"L = {num_leader} and n K = {codec.num_items} follower types",
        remedy="use fewer games at once, or solve(method='ascent'), which needs no table",
    )
    codes, region, point = _meet(corners, codec)

    full = np.zeros(len(codes), bool)
    full[region[simple[point]]] = True
    if not full.all():
        rest = np.flatnonzero(~full)
        totals = np.stack([np.bincount(region, x[point]) for x in corners.points.T], axis=1)[rest]
        centres = totals / totals.sum(axis=1, keepdims=True)
        full[rest] = _nothing_ties(table, codec, centres, codec.game(codes[rest]))
    if robust and not full.all():
        kept = full[region]
        region, point = (np.cumsum(full) - 1)[region[kept]], point[kept]
        codes, full = codes[full], full[full]
    return Regions(codes, full, corners.points, region, point)


def _ties(table: np.ndarray) -> np.ndarray:
    """[h, 3]: item, action and higher action that are equally good on a hyperplane through the simplex."""
    lower, higher = _pairs(table.shape[2])
    planes = table[:, :, lower, higher]
    crossing = (planes.min(axis=-1) <= TIE_TOLERANCE) & (planes.max(axis=-1) >= -TIE_TOLERANCE)
    item, pair = np.nonzero((crossing & planes.any(axis=-1)).any(axis=0))
    return np.stack([item, lower[pair], higher[pair]], axis=1)


def _work(num_leader: int, num_ties: int) -> int:
    """Minors that Cramer's rule takes for so many ties."""
    num_planes = num_leader + num_ties
    return sum(math.comb(num_planes, size) * math.comb(num_leader, size) for size in range(1, num_leader))


def _not_hidden(table: np.ndarray, ties: np.ndarray) -> np.ndarray:
    """Those ties that are between best actions somewhere, found by taking every item as a game of its own."""
    num_games, num_items, num_actions, _, num_leader = table.shape
    alone = table.reshape(num_games * num_items, 1, num_actions, num_actions, num_leader)
    points, owner = _vertices(alone, _ties(alone))
    best = (np.einsum("mabl,ml->mab", alone[owner, 0], points) >= -TIE_TOLERANCE).all(axis=2)
    seen = np.zeros((num_items, num_actions, num_actions), bool)
    np.logical_or.at(seen, owner % num_items, best[:, :, None] & best[:, None, :])
    return ties[seen[*ties.T]]


def _pairs(num_actions: int) -> np.ndarray:
    """[2, P]: every two actions, the lower one first."""
    return np.array(list(itertools.combinations(range(num_actions), 2)), np.int64).reshape(-1, 2).T


def _vertices(table: np.ndarray, ties: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points [M, L] and games [M] of all vertices, in canonical order."""
    num_games, _, num_actions, _, num_leader = table.shape
    planes = np.empty((num_games, num_leader + len(ties), num_leader))
    planes[:, :num_leader] = np.eye(num_leader)
    planes[:, num_leader:] = table[:, *ties.T]
    found = []
    for points, chosen in _meeting_points(np.ascontiguousarray(planes.transpose(2, 0, 1))):
        total = points.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            points /= total
            game, column = np.nonzero((points.min(axis=0) >= -TIE_TOLERANCE) & (np.abs(total) > _PARALLEL))
        x = points[:, game, column].T
        if num_actions > 2:  # a tie of two actions is on their upper envelope anyway
            kept = _on_envelopes(table, ties, x, game, chosen[:, column] - num_leader)
            x, game = x[kept], game[kept]
        found.append((x, game))
    x, game = (np.concatenate(parts) for parts in zip(*found, strict=True))
    x = np.where(x <= TIE_TOLERANCE, 0.0, x)
    x /= x.sum(axis=1, keepdims=True)
    order = descending(game, x)
    x, game = x[order], game[order]
    new = np.ones(len(x), bool)
    new[1:] = (np.abs(x[1:] - x[:-1]) > 1e-12).any(axis=1) | (game[1:] != game[:-1])
    return x[new], game[new]


def _on_envelopes(
    table: np.ndarray, ties: np.ndarray, x: np.ndarray, game: np.ndarray, chosen: np.ndarray
) -> np.ndarray:
    """Mask of points [M] whose ties `chosen` [L-1, M] (facets: negative) are between best actions.

    Every tie is to have the lowest of the best actions: the other ties of the item follow from these.
    """
    actions = np.arange(table.shape[2])
    least_lead = np.where(actions < actions[:, None], TIE_TOLERANCE, -TIE_TOLERANCE)
    member, point = np.nonzero(chosen >= 0)
    item, lower, higher = ties[chosen[member, point]].T
    _, num_items, num_actions, _, num_leader = table.shape
    rows = table.reshape(-1, num_actions, num_leader)
    rows = rows.take((game[point] * num_items + item) * num_actions + lower, axis=0)
    lead = np.einsum("mal,ml->ma", rows, x.take(point, axis=0))
    best = (lead >= least_lead[lower]).all(axis=1) & (lead[np.arange(len(lead)), higher] <= TIE_TOLERANCE)
    on_all = np.ones(len(x), bool)
    on_all[point[~best]] = False
    return on_all


def _meeting_points(planes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Where L-1 of the hyperplanes [L, G, H] meet, for every choice of them.

    What is orthogonal to L-1 rows has their minors as coordinates. Minors of size s follow from those of size
    s-1 by expansion along the last row, so that choices which begin alike share the work.

    Yields:
      Points [L, G, C] in any scale (0 where the hyperplanes are dependent), and the choices [L-1, C].
    """
    num_leader, num_games, num_planes = planes.shape
    if num_leader == 1:
        yield np.ones((1, num_games, 1)), np.zeros((0, 1), np.int64)
        return
    chosen = np.arange(num_planes - num_leader + 2)[None]
    minors = planes[:, :, : chosen.size]
    for size in range(2, num_leader - 1):
        chosen, minors = _extend(planes, chosen, minors, size)
    step = chosen.shape[1] if num_leader == 2 else max(1, _BLOCK // planes.size)
    signs = (-1.0) ** np.arange(num_leader)[:, None, None]
    for start in range(0, chosen.shape[1], step):
        some = chosen[:, start : start + step], minors[:, :, start : start + step]
        last, coordinates = some if num_leader == 2 else _extend(planes, *some, num_leader - 1)
        yield signs * coordinates[::-1], last


def _extend(
    planes: np.ndarray, chosen: np.ndarray, minors: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Choices [size-1, C] of hyperplanes with each later one added, and the minors of the longer ones."""
    num_leader, _, num_planes = planes.shape
    counts = num_planes - num_leader + size - chosen[-1]  # leaves the last ones for the extensions to come
    parent, new = np.repeat(np.arange(len(counts)), counts), ranges(chosen[-1] + 1, counts)
    shorter, row = minors.take(parent, axis=2), planes.take(new, axis=2)
    index = {columns: k for k, columns in enumerate(itertools.combinations(range(num_leader), size - 1))}
    longer = []
    for columns in itertools.combinations(range(num_leader), size):
        minor = shorter[index[columns[:-1]]] * row[columns[-1]]
        for k in range(size - 1):
            term = shorter[index[columns[:k] + columns[k + 1 :]]] * row[columns[k]]
            minor = minor - term if (size - k) % 2 == 0 else minor + term
        longer.append(minor)
    return np.concatenate([chosen.take(parent, axis=1), new[None]]), np.stack(longer)


class _Corners(NamedTuple):
    """Points and who is best there."""

    points: np.ndarray  # [M, L]
    game: np.ndarray  # [M]
    codes: np.ndarray  # [M, pieces], the lowest of the best actions of every item
    tie_point: np.ndarray  # [N] ascending: at this point ..
    tie_item: np.ndarray  # [N] .. this item ..
    tie_best: np.ndarray  # [N, A] .. has these best actions ..
    tie_size: np.ndarray  # [N] .. so many, at least two

    def where(self, kept: np.ndarray) -> _Corners:
        """The points of a mask [M]."""
        ties = kept[self.tie_point]
        return _Corners(
            self.points[kept],
            self.game[kept],
            self.codes[kept],
            (np.cumsum(kept) - 1)[self.tie_point[ties]],
            self.tie_item[ties],
            self.tie_best[ties],
            self.tie_size[ties],
        )


def _corners(table: np.ndarray, codec: Codec, points: np.ndarray, game: np.ndarray) -> _Corners:
    """The best responses of every item at every point."""
    num_games, num_items, num_actions, _, num_leader = table.shape
    pairs = _pairs(num_actions)
    planes = table[:, :, *pairs].swapaxes(1, 2).reshape(num_games, -1, num_leader)
    step = max(1, _BLOCK // max(1, planes[0].size))
    codes, ties = [], []
    for start in range(0, len(points), step):
        x, owner = points[start : start + step], game[start : start + step]
        if (owner == owner[0]).all():
            lead = x @ planes[owner[0]].T
        else:
            lead = np.einsum("ml,mhl->mh", x, planes[owner])
        lead = lead.reshape(len(x), -1, num_items)
        at_least, at_most = lead >= -TIE_TOLERANCE, lead <= TIE_TOLERANCE
        best = np.ones((num_actions, len(x), num_items), bool)
        for pair, (lower, higher) in enumerate(pairs.T):
            best[lower] &= at_least[:, pair]
            best[higher] &= at_most[:, pair]
        lowest = np.zeros(best.shape[1:], np.int8)
        tied, seen = np.zeros_like(best[0]), best[0]
        for action in range(1, num_actions):
            lowest += action * (best[action] > seen).view(np.int8)
            tied |= seen & best[action]
            seen = seen | best[action]
        codes.append(codec.pack(owner, lowest))
        point, item = np.divmod(np.flatnonzero(tied), num_items)
        ties.append((point + start, item, best[:, point, item].T))
    tie_point, tie_item, tie_best = (np.concatenate(parts) for parts in zip(*ties, strict=True))
    return _Corners(points, game, np.concatenate(codes), tie_point, tie_item, tie_best, tie_best.sum(axis=1))


def _num_tight(corners: _Corners) -> np.ndarray:
    """How many ties and facets meet at every point, dependent ones too."""
    ties = np.bincount(corners.tie_point, corners.tie_size - 1, len(corners.points))
    return ties + (corners.points == 0).sum(axis=1)


def _first_of_its_kind(corners: _Corners, num_items: int) -> np.ndarray:
    """Mask of points, True for the first of those where the same ties and facets meet.

    Where more than L-1 of them meet, several choices of L-1 lead to one point, up to rounding.
    """
    sizes = corners.codes.shape[1], corners.points.shape[1], num_items * corners.tie_best.shape[1]
    of_piece, of_facet, of_action = np.split(_random(sum(sizes)), np.cumsum(sizes)[:-1])
    label = corners.codes @ of_piece + (corners.points == 0) @ of_facet
    of_tie = corners.tie_best * of_action.reshape(num_items, -1)[corners.tie_item]
    np.add.at(label, corners.tie_point, of_tie.sum(axis=1))
    first = np.zeros(len(label), bool)
    first[np.unique(label, return_index=True)[1]] = True
    return first


def _meet(corners: _Corners, codec: Codec) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes [R, pieces] of the regions; which of them [N] has which point [N] as a vertex.

    The response maps at a point are numbers with one digit per tie, which says what to play there.
    """
    num_points, none = len(corners.points), len(corners.tie_point)
    num_ties = np.bincount(corners.tie_point, minlength=num_points)
    digit = np.arange(num_ties.max())[:, None]
    tie_of = np.where(digit < num_ties, offsets(num_ties)[:-1] + digit, none)  # [digits, M]
    size = np.append(corners.tie_size, 1)  # `none` stands for the ties that a point has fewer than others
    first_choice = offsets(corners.tie_size)
    tie, action = np.nonzero(corners.tie_best)
    action -= action[first_choice[tie]]
    piece, shift = codec.place(corners.tie_item[tie])
    piece, value = np.append(piece, 0), np.append(action << shift, 0).astype(np.uint64)

    # Maps are recognised by a number: their code where that is one word, else a random linear form of it, in
    # which any two of R different maps agree with a probability of about R^2 / 2^65.
    one_word = codec.num_pieces == 4
    weights = 2 ** np.arange(48, -1, -16, dtype=np.uint64) if one_word else _random(codec.num_pieces)
    key, point, step = corners.codes @ weights, np.arange(num_points), value * weights[piece]
    for tie in tie_of:
        sizes = size[tie[point]]
        taken = ranges(first_choice[tie[point]], sizes)
        key, point = np.repeat(key, sizes) + step[taken], np.repeat(point, sizes)
    order = np.argsort(key)
    key = key[order]
    new = np.ones(len(key), bool)
    np.not_equal(key[1:], key[:-1], out=new[1:])
    region = np.cumsum(new) - 1

    # One row of every region, read from its last digit.
    at = point[order[new]]
    number = order[new] - offsets(np.bincount(point))[at]
    codes = corners.codes[at]
    for tie in tie_of[::-1]:
        number, chosen = np.divmod(number, size[tie[at]])
        chosen += first_choice[tie[at]]
        codes[np.arange(len(at)), piece[chosen]] += value[chosen].astype(np.uint16)
    return codes, region, point[order]


def _nothing_ties(table: np.ndarray, codec: Codec, centres: np.ndarray, game: np.ndarray) -> np.ndarray:
    """Mask of points, True where no actions tie but those that are equal everywhere."""
    corners = _corners(table, codec, centres, game)
    lowest = corners.tie_best.argmax(axis=1)
    unequal = table[game[corners.tie_point], corners.tie_item, lowest].any(axis=-1)
    nothing = np.ones(len(centres), bool)
    nothing[corners.tie_point[(corners.tie_best & unequal).any(axis=1)]] = False
    return nothing


def _random(size: int) -> np.ndarray:
    """[size] uint64, odd, the same every time."""
    return np.random.default_rng(0).integers(2**63, size=size, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
