"""Exact enumeration of best-response regions from their corners, for many games side by side.

At a commitment x every follower type has a set of best responses, one action or several that tie, and the
regions that contain x are the products of these sets. Whichever of them one picks, the ties that are tight at
x span the same space, so x is a vertex of all of these regions or of none. Hence

  1. the points of the simplex where L-1 independent ties and facets meet are the vertices of all regions:
     Cramer's rule finds them, all at once (`jaxstack.regions.meeting`);
  2. the regions around each are the products of the best responses there;
  3. equal response maps are one region, and the points that they come from are its vertices.

There is no adjacency to track, no general position to assume and no loop over follower types: two hundred
NumPy calls do for a small game and for a thousand of them. The price is that all C(H, L-2) lines in which the
H ties and facets meet are looked at, if only to drop most of them (`jaxstack.regions.lines`). Where these are
too many for the regions that there are (seven leader actions or more, say), the clipping of
`jaxstack.regions.clipping` is faster, which only touches what is there.

Nothing is decided by a tolerance. Where a point is within rounding of a hyperplane that it was not made from,
it and the hyperplane are taken as the rational numbers that floats are (`jaxstack.exact`): so games with
payoffs that nearly tie have the regions that they have, however thin.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from jaxstack.game import Game
from jaxstack.regions import lines, meeting
from jaxstack.regions.assembly import Codec, Regions, check_limit, descending, offsets, ranges, require
from jaxstack.regions.meeting import ExactPoints, TooMuchToDecide
from jaxstack.regions.planes import EPS, Planes, pairs
from jaxstack.regions.products import Corners, find_full, meet
from jaxstack.strategies import Polytope
from jaxstack.strategies.framing import framed

MAX_WORK = 2**24  # minors that Cramer's rule may take for one game in any case: a fifth of a second
PER_REGION = 2**17  # minors that take less than clipping for every region of an estimate, which is low ..
MANY = 7  # .. with fewer leader actions: with so many, hardly a line of hyperplanes comes to anything
MAX_PAIRS = 32  # pairs of actions; among more, few tie on the upper envelope
MAX_MAPS = 2**22  # response maps at all points together, of which ties="robust" may need only a few
_EARLY = 4  # times max_regions: response maps at corners after which their number is checked


def from_corners(
    batch: Game, codec: Codec, robust: bool, max_regions: int, estimate: int = 0
) -> Regions | None:
    """All regions of all games; None where there is too much to try, or too much to decide exactly.

    What is too much to try depends on the `estimate` of how many regions a game has.
    """
    num_leader, num_actions = batch.num_leader_actions, batch.num_actions
    num_pairs = math.comb(num_actions, 2)
    if num_pairs > MAX_PAIRS:
        return None
    payoffs = np.asarray(batch.follower)
    if batch.strategies is not None:
        payoffs, num_leader = framed(payoffs, batch.strategies)[0], batch.dimension + 1
    payoffs = np.swapaxes(payoffs, -1, -2)
    payoffs = payoffs.reshape(codec.num_games, codec.num_items, num_actions, num_leader)
    playable = None if batch.playable is None else np.reshape(batch.playable, payoffs.shape[:-1])
    try:
        max_work = max(MAX_WORK, PER_REGION * estimate) if num_leader < MANY else MAX_WORK
        planes = _planes(payoffs, batch.strategies, playable, max_work)
        if planes is None:
            return None
        corners = _corners(planes, codec)
    except TooMuchToDecide:
        return None
    # Where exactly L-1 ties and facets meet, all are independent and all regions there full-dimensional.
    simple = corners.num_tight == num_leader - 1

    num_maps = np.exp2(np.bincount(corners.tie_point, np.log2(corners.tie_size), len(simple)))
    if robust and num_maps.sum() > MAX_MAPS:
        return None
    _check_early(batch, codec, corners, num_maps, simple if robust else None, max_regions)
    require(
        100 * num_maps.sum(),
        what=f"enumerating regions ({num_maps.sum():,.0f} response maps at {len(simple):,} vertices)",
        driver=f"L = {num_leader} and n K = {codec.num_items} follower types",
        remedy="use fewer games at once, or solve(method='walk'), which needs no table",
    )
    codes, first, point = meet(corners, codec)
    full = np.logical_or.reduceat(simple[point], first[:-1])
    if not full.all():
        find_full(full, planes, codec, corners, codes, first, point)
    if robust and not full.all():
        counts = np.diff(first)[full]
        point, first = point[ranges(first[:-1][full], counts)], offsets(counts)
        codes, full = codes[full], full[full]
    return Regions(codes, full, corners.points, first, point)


def _check_early(
    batch: Game,
    codec: Codec,
    corners: Corners,
    num_maps: np.ndarray,
    simple: np.ndarray | None,
    max_regions: int,
) -> None:
    """Raise ValueError once some of the corners have more regions than allowed: the rest is not looked at.

    With `simple` [M], only at these corners: all regions there are full-dimensional.
    """
    num_maps = num_maps if simple is None else np.where(simple, num_maps, 0.0)
    at_least = np.zeros(codec.num_games)
    np.maximum.at(at_least, corners.game, np.rint(np.minimum(num_maps, 2.0**53)))
    check_limit(batch, at_least, max_regions)
    total = np.bincount(corners.game, num_maps, codec.num_games)
    worst = int(total.argmax())
    if total[worst] <= _EARLY * max_regions:
        return
    of_worst = np.flatnonzero((corners.game == worst) & (num_maps > 0))
    some = of_worst[np.cumsum(num_maps[of_worst]) <= _EARLY * max_regions]
    if len(some):
        at_least[worst] = len(meet(corners.take(some), codec)[0])
        check_limit(batch, at_least, max_regions)


def _planes(
    payoffs: np.ndarray, strategies: Polytope | None, playable: np.ndarray | None, max_work: int
) -> Planes | None:
    """Hyperplanes of payoffs [G, items, A, L] that may bound a region; None where they are too many."""
    _, num_items, num_actions, num_leader = payoffs.shape
    planes = Planes.crossing(payoffs, strategies, playable)
    work = _work(num_leader, planes.num_facets + len(planes.ties))
    if num_actions > 3:
        to_look = num_items * _work(num_leader, num_leader + math.comb(num_actions, 2))
        if to_look < min(work / 4, max_work):
            planes = dataclasses.replace(planes, ties=_not_hidden(planes))
            work = _work(num_leader, planes.num_facets + len(planes.ties))
    return planes if work <= max_work else None


def corner_work(batch: Game) -> int:
    """Minors that this takes for one game, if every two actions tie somewhere."""
    num_items = batch.num_followers * batch.num_types
    num_ties = num_items * math.comb(batch.num_actions, 2)
    if batch.playable is not None:
        sizes = batch.playable.sum(axis=-1).reshape(-1, num_items)
        num_ties = int((sizes * (sizes - 1) // 2).sum(axis=1).max())
    num_facets = batch.num_leader_actions if batch.strategies is None else len(batch.strategies.frame.facets)
    return _work(batch.dimension + 1, num_facets + num_ties)


def _work(num_leader: int, num_planes: int) -> int:
    """Minors that Cramer's rule takes for so many hyperplanes."""
    return sum(math.comb(num_planes, size) * math.comb(num_leader, size) for size in range(1, num_leader))


def _not_hidden(planes: Planes) -> np.ndarray:
    """Those ties that may be between best actions, found by taking every item as a game of its own.

    Of a polytope, on all of its frame.
    """
    num_games, num_items, num_actions, num_leader = planes.payoffs.shape
    has = None if planes.playable is None else planes.playable.reshape(-1, 1, num_actions)
    of_items = planes.payoffs.reshape(num_games * num_items, 1, num_actions, num_leader)
    alone = Planes.crossing(of_items, playable=has)
    points, doubtful = meeting.candidates(alone)
    decided = meeting.exactly(alone, *doubtful)
    x, owner = np.concatenate([points.x, decided.x]), np.concatenate([points.game, decided.game])
    error = np.concatenate([points.error, np.full(len(decided.game), 4 * num_leader * EPS)])
    lead = np.einsum("mabl,ml->mab", alone.leads[owner, 0], x)
    best = (lead >= -error[:, None, None]).all(axis=2)
    if has is not None:
        best &= has[owner, 0]
    seen = np.zeros((num_items, num_actions, num_actions), bool)
    np.logical_or.at(seen, owner % num_items, best[:, :, None] & best[:, None, :])
    return planes.ties[seen[*planes.ties.T]]


def _corners(planes: Planes, codec: Codec) -> Corners:
    """All vertices of all games in canonical order, each once."""
    points, doubtful = meeting.candidates(planes)
    corners = _best_at(planes, codec, points.x, points.game, points.error)
    # As many hyperplanes as the point was made from, so it is these: whatever is near is decided.
    decided = (corners.num_tight == planes.num_leader - 1) | (planes.rounding[points.game] == 0)
    if decided.all() and not len(doubtful[0]):
        return corners
    open_choices = points.where(~decided)
    exactly = meeting.exactly(
        planes,
        np.concatenate([doubtful[0], open_choices.game]),
        np.concatenate([doubtful[1], open_choices.chosen]),
    )
    error = np.full(len(exactly.game), 4 * planes.num_leader * EPS)
    others = _best_at(planes, codec, exactly.x, exactly.game, error, exactly.numerators)
    parts = corners.take(np.flatnonzero(decided)), others.take(_of_best_actions(planes, exactly, others))
    first = len(parts[0].points)
    parts = parts[0], parts[1]._replace(tie_point=parts[1].tie_point + first)
    corners = Corners(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    return corners.take(descending(corners.game, corners.points))


def _of_best_actions(planes: Planes, exactly: ExactPoints, corners: Corners) -> np.ndarray:
    """Which points are vertices: by one of their choices at least, all ties are between best actions."""
    if planes.num_actions == 2:
        return np.arange(len(exactly.game))
    choice, member = np.nonzero(exactly.chosen >= planes.num_facets)
    item, lower, higher = planes.ties[exactly.chosen[choice, member] - planes.num_facets].T
    known = corners.tie_point * planes.num_items + corners.tie_item
    wanted = exactly.of_choice[choice] * planes.num_items + item
    position = np.minimum(np.searchsorted(known, wanted), max(len(known) - 1, 0))
    holds = np.zeros(len(wanted), bool)
    if len(known):
        tied = corners.tie_best[position]
        rows = np.arange(len(wanted))
        holds = (known[position] == wanted) & tied[rows, lower] & tied[rows, higher]
    valid = np.ones(len(exactly.of_choice), bool)
    valid[choice[~holds]] = False
    return np.unique(exactly.of_choice[valid])


def _best_at(
    planes: Planes,
    codec: Codec,
    points: np.ndarray,
    game: np.ndarray,
    error: np.ndarray,
    numerators: np.ndarray | None = None,
) -> Corners:
    """The best responses of every item at every point; leads within the error are ties.

    With `numerators` [M, L], the points without error, the leads within the error are computed exactly.
    """
    num_items, num_actions, num_leader = planes.num_items, planes.num_actions, planes.num_leader
    of_pairs = pairs(num_actions)
    rows = planes.leads[:, :, *of_pairs].swapaxes(1, 2).reshape(planes.num_games, -1, num_leader)
    step = max(1, lines.BLOCK // max(1, rows[0].size))
    codes, ties = [], []
    for start in range(0, max(1, len(points)), step):
        x, owner = points[start : start + step], game[start : start + step]
        if len(owner) and (owner == owner[0]).all():
            lead = x @ rows[owner[0]].T
        else:
            lead = np.einsum("ml,mhl->mh", x, rows[owner])
        lead = lead.reshape(len(x), of_pairs.shape[1], num_items)
        errors = error[start : start + step, None, None]
        one_will_do = (errors > 0).all() or not errors.any()  # and comparing with one number is faster
        bound = errors.max(initial=0.0) if one_will_do else errors
        if numerators is not None:
            close = np.abs(lead) <= bound
            if planes.playable is not None:
                close &= planes.playable[owner][:, :, of_pairs].all(axis=2).swapaxes(1, 2)
            which = np.nonzero(close)
            lead[which] = _exact_signs(planes, numerators[start + which[0]], owner[which[0]], *which[1:])
            bound = 0.0
        best = np.ones((num_actions, len(x), num_items), bool)
        if planes.playable is not None:
            best &= np.moveaxis(planes.playable[owner], -1, 0)
        at_least, at_most = lead >= -bound, lead <= bound
        for p, (lower, higher) in enumerate(of_pairs.T):
            best[lower] &= at_least[:, p]
            best[higher] &= at_most[:, p]
        lowest, tied = _lowest_and_tied(best)
        codes.append(codec.pack(owner, lowest))
        point, item = np.divmod(np.flatnonzero(tied), num_items)
        ties.append((point + start, item, best[:, point, item].T))
    tie_point, tie_item, tie_best = (np.concatenate(parts) for parts in zip(*ties, strict=True))
    tight = tie_best  # actions that are equal tie everywhere, and count once
    if planes.num_equal:
        tight = tie_best & planes.first_of_equals[game[tie_point], tie_item]
    num_tight = np.bincount(tie_point, tight.sum(axis=1) - 1, len(points))
    num_tight = num_tight + planes.on_facets(points, error, numerators)
    return Corners(
        planes.shares(points, game),
        game,
        np.concatenate(codes),
        num_tight,
        tie_point,
        tie_item,
        tie_best,
        tie_best.sum(axis=1),
    )


def _lowest_and_tied(best: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest of the best actions, [M, items] int8, and whether there are others; of masks [A, M, items]."""
    lowest = np.zeros(best.shape[1:], np.int8)
    tied, seen = np.zeros_like(best[0]), best[0]
    for action in range(1, len(best)):
        lowest += action * (best[action] > seen).view(np.int8)
        tied |= seen & best[action]
        seen = seen | best[action]
    return lowest, tied


def _exact_signs(
    planes: Planes, numerators: np.ndarray, game: np.ndarray, pair: np.ndarray, item: np.ndarray
) -> np.ndarray:
    """[N], -1, 0 or 1: who leads in pairs of actions [N] of items [N], at exact points [N, L]."""
    rows = planes.exact_leads(game, item, *pairs(planes.num_actions)[:, pair])
    leads = (rows * numerators).sum(axis=1)
    return (leads > 0).astype(float) - (leads < 0)
