"""From corners to regions: the response maps at every corner, and which of them are the same."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from jaxstack.regions.assembly import Codec, offsets, ranges
from jaxstack.regions.planes import Planes

_BLOCK = 2**13  # points worked on at once: their maps stay in the cache
_COMMON = 2**24  # bytes of common best responses looked at together


class Corners(NamedTuple):
    """Points and who is best there."""

    points: np.ndarray  # [M, L]
    game: np.ndarray  # [M]
    codes: np.ndarray  # [M, pieces], the lowest of the best actions of every item
    num_tight: np.ndarray  # [M], how many ties and facets meet there, dependent ones too
    tie_point: np.ndarray  # [N] ascending: at this point ..
    tie_item: np.ndarray  # [N] ascending at a point: .. this item ..
    tie_best: np.ndarray  # [N, A] .. has these best actions ..
    tie_size: np.ndarray  # [N] .. so many, at least two

    def take(self, index: np.ndarray) -> Corners:
        """The points of an index [M'], in its order."""
        counts = np.bincount(self.tie_point, minlength=len(self.points))
        first = offsets(counts)[:-1]
        ties = ranges(first[index], counts[index])
        return Corners(
            self.points[index],
            self.game[index],
            self.codes[index],
            self.num_tight[index],
            np.repeat(np.arange(len(index)), counts[index]),
            self.tie_item[ties],
            self.tie_best[ties],
            self.tie_size[ties],
        )


def meet(corners: Corners, codec: Codec) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes [R, pieces] of the regions; and their vertices, as `Regions` has them: first [R+1], point [N].

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

    # Maps are recognised by a number: their code, if that is one word, times an odd one; else a random linear
    # form of it, in which any two of R different maps agree with a probability of about R^2 / 2^65.
    weights = _random(codec.num_pieces)
    if codec.num_pieces == 4:
        weights = weights[0] << np.arange(48, -1, -16, dtype=np.uint64)
    step, parts = value * weights[piece], []
    for start in range(0, num_points, _BLOCK):
        some = slice(start, start + _BLOCK)
        parts.append(_of_all_maps(corners.codes[some] @ weights, step, first_choice, size, tie_of[:, some]))
    key, num_maps = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order, first = _grouped(key)
    point = np.repeat(np.arange(num_points), num_maps)[order]

    # One row of every region, read from its last digit.
    number, at = order[first[:-1]], point[first[:-1]]
    number -= offsets(num_maps)[at]
    codes = corners.codes[at]
    for tie in tie_of[::-1]:
        tie = tie[at]
        number, chosen = np.divmod(number, size[tie])
        chosen += first_choice[tie]
        codes[np.arange(len(at)), piece[chosen]] += value[chosen].astype(np.uint16)
    return codes, first, point


def _of_all_maps(
    key: np.ndarray, step: np.ndarray, first_choice: np.ndarray, size: np.ndarray, tie_of: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Keys [N] of all maps at points, one point after the other; and how many a point has [M]."""
    num_maps = np.ones(len(key), np.int64)
    for tie in tie_of:
        of_key = np.repeat(tie, num_maps)
        sizes = size[of_key]
        key = np.repeat(key, sizes) + step[ranges(first_choice[of_key], sizes)]
        num_maps *= size[tie]
    return key, num_maps


def _grouped(key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order [N] that brings equal keys together, each group ascending; and where [R+1] the groups begin."""
    # Numbers are sorted much faster than they are ordered: so sort leading bits of the keys with the places.
    bits = np.uint64((len(key) - 1).bit_length())
    packed = np.sort(key >> bits << bits | np.arange(len(key), dtype=np.uint64))
    order = (packed & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
    ordered, packed = key[order], packed >> bits
    new = ordered[1:] != ordered[:-1]
    if (new & (packed[1:] == packed[:-1])).any():
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        new = ordered[1:] != ordered[:-1]
    return order, np.concatenate([[0], np.flatnonzero(new) + 1, [len(key)]])


def find_full(
    full: np.ndarray,
    planes: Planes,
    codec: Codec,
    corners: Corners,
    codes: np.ndarray,
    first: np.ndarray,
    point: np.ndarray,
) -> None:
    """Note in `full` [R] which of the other regions are full-dimensional too.

    They are where only actions that are equal are best responses at all their vertices.
    """
    num_items, num_actions = planes.num_items, planes.num_actions
    rest, counts = np.flatnonzero(~full), np.diff(first)[~full]
    used, row = np.unique(point[ranges(first[rest], counts)], return_inverse=True)
    at = corners.take(used)
    best = np.zeros((len(used), num_items, num_actions), bool)
    np.put_along_axis(best, codec.unpack(at.codes)[1][:, :, None].astype(np.int64), True, axis=2)
    best[at.tie_point, at.tie_item] = at.tie_best
    bits = np.packbits(best.reshape(len(used), -1), axis=1)
    common = np.bitwise_and.reduceat(bits[row], offsets(counts)[:-1], axis=0)
    step = max(1, _COMMON // (num_items * num_actions))
    for start in range(0, len(rest), step):
        some = rest[start : start + step]
        game, responses = codec.unpack(codes[some])
        shared = np.unpackbits(common[start : start + step], axis=1, count=num_items * num_actions)
        equal = planes.equal[game[:, None], np.arange(num_items), responses]
        full[some] = ~(shared.reshape(equal.shape).astype(bool) & ~equal).any(axis=(1, 2))


@functools.cache
def _random(size: int) -> np.ndarray:
    """[size] uint64, odd, the same every time."""
    return np.random.default_rng(0).integers(2**63, size=size, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
