"""How many regions a game has, from a sample: to refuse, before any work, what would not fit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from jaxstack.axes import Float
from jaxstack.game import Game, unstack
from jaxstack.strategies.framing import on_frame

NUM_POINTS = 2**14
_SPREADS = (1.0, 0.3)  # Dirichlet parameters: uniform, and near the faces, where cells are small
_BLOCK = 2**18  # payoffs worked on at once
_MOST = 2**26  # payoffs worked on: fewer points for games with many follower types


def estimate_regions(game: Game, num_points: int = NUM_POINTS) -> Any:
    """Estimated number of full-dimensional best-response regions of a game, on the low side.

    Commitments are drawn at random, and the response maps among the followers' answers are counted as species
    are: where f1 maps were seen once and f2 twice, about f1 (f1 - 1) / 2 (f2 + 1) were not seen at all.
    Regions much smaller than the others are missed: in random games the truth is up to three times as much,
    in games with many leader actions it may be far more. Takes milliseconds to tenths of a second.

    Args:
      game: one game, or a stacked batch of G games.
      num_points: size of the sample, at most; the estimate is at most about half its square.

    Returns:
      The estimate, an int ([G] int64 for a batch), the same every time.

    Source: Chao, Nonparametric estimation of the number of classes in a population, Scandinavian Journal of
    Statistics 11, 1984 (the bias-corrected form).
    """
    if game.num_games is not None:
        return np.array([estimate_regions(unstack(game, g), num_points) for g in range(game.num_games)])
    follower = on_frame(game)
    num_points = min(num_points, max(1024, _MOST // follower[..., 0, :].size))
    rng, share = np.random.default_rng(0), -(-num_points // len(_SPREADS))
    if game.strategies is None:
        ones = np.ones(game.num_leader_actions)
        points = np.concatenate([rng.dirichlet(spread * ones, size=share) for spread in _SPREADS])
    else:
        points = np.concatenate([game.strategies.sample(rng, spread, share) for spread in _SPREADS])
    step = max(1, _BLOCK // max(1, follower[..., 0, :].size))
    keys = [_keys(follower, points[k : k + step]) for k in range(0, len(points), step)]
    seen = np.unique(np.concatenate(keys), return_counts=True)[1]
    once, twice = int((seen == 1).sum()), int((seen == 2).sum())
    return len(seen) + once * (once - 1) // (2 * (twice + 1))


def _keys(follower: Float[np.ndarray, "n K L A"], points: Float[np.ndarray, "S L"]) -> np.ndarray:
    """[S], one number per response map: a whole one, so that it is exact (two maps hardly ever agree)."""
    n, K, _, A = follower.shape
    follower = follower - follower[..., :1]  # what all actions have in common would only round
    best = np.full((len(points), n * K), -np.inf)
    responses = np.zeros(best.shape)
    for action in range(A):
        payoffs = points @ follower[..., action].reshape(n * K, -1).T
        np.copyto(responses, action, where=payoffs > best)
        np.maximum(best, payoffs, out=best)
    weights = np.random.default_rng(1).integers(2**52 // (n * K * A), size=n * K)
    return responses @ weights.astype(float)


def in_words(estimate: int) -> str:
    """An estimate to two digits: no more of it mean anything."""
    if estimate < 100:
        return str(estimate)
    unit = 10 ** (int(math.log10(estimate)) - 1)
    rounded = round(estimate / unit) * unit
    return f"{rounded:,}" if rounded < 10**9 else f"{float(rounded):.1e}"
