"""Expected payoff vectors under all response maps at once, where payoffs are sums of products over followers.

Where types are independent, the mean of a product over followers is the product of their means. Maps of
neighbouring regions differ in few followers, so that a block of followers responds in far fewer ways than
there are maps, and its product is needed once for each way. Blocks are nodes of a binary tree: its leaves
are ways in which one follower responds, its roots whole maps. With R maps and F terms that takes little more
than R F products, where map by map it is n R F.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxstack.axes import Array, Complex, DeviceArray, Float, Int
from jaxstack.game import Game
from jaxstack.regions.table import RegionTable, rounded_up

MAX_FACTORS = 1 << 22  # entries of a table of leaves (K N F); with more, maps are worked through one by one


class Products(NamedTuple):
    """Product terms of a payoff (`LeaderPayoff.product_terms`), and the tree of blocks ([G, ..] for a batch).

    follower: [N] int32, of every leaf; leaves: [K, N, F] complex, the factors of its response to each type.
    levels: from the leaves up, [2, N'] int32: the two nodes of the level below whose blocks a node joins,
      counted from 1; 0 stands for no follower.
    root: [R] int32, the node of the last level that is the whole of a map, counted from 0.
    """

    coefficients: Complex[Array, "F L"]
    follower: Int[Array, "N"]
    leaves: Complex[Array, "K N F"]
    levels: tuple[Int[Array, "2 M"], ...]
    root: Int[Array, "R"]


def prepare_products(game: Game, table: RegionTable) -> Products | None:
    """Products of a table's response maps; None where the payoff is no sum of so few products."""
    terms = game.leader.product_terms()
    if terms is None:
        return None
    batch, maps = table.responses.shape[:-3], table.responses.shape[-3:]
    trees = [_tree(responses) for responses in np.asarray(table.responses, np.int32).reshape(-1, *maps)]
    shared = not table.region_mask[..., -1].any()  # padded tables share compiled code: so do their trees

    def stacked(nodes: tuple[np.ndarray, ...]) -> np.ndarray:
        most = max(part.shape[-1] for part in nodes)
        most = rounded_up(most, 64) if shared else most
        same = [np.pad(part, [(0, 0), (0, most - part.shape[-1])]) for part in nodes]
        return np.stack(same).reshape(*batch, -1, most)

    nodes, roots = zip(*trees, strict=True)
    leaves, *levels = map(stacked, zip(*nodes, strict=True))
    coefficients, factors = terms
    follower, response = leaves[..., 0, :], leaves[..., 1:, :]
    if response.shape[-2] * response.shape[-1] * factors.shape[-1] > MAX_FACTORS:  # of each game of a batch
        return None
    of_type = np.broadcast_to(np.arange(len(factors)), maps[-1])[:, None]
    return Products(
        coefficients, follower, factors[of_type, response], tuple(levels), np.stack(roots).reshape(*batch, -1)
    )


def payoff_vectors(products: Products, marginals: Float[DeviceArray, "n K"]) -> Float[DeviceArray, "R L"]:
    """Expected payoff vector under every response map, in units, where followers' types are independent."""
    leaves = jnp.asarray(products.leaves)
    of_leaf = marginals.astype(leaves.dtype)[jnp.asarray(products.follower)]  # [N, K]
    block = (of_leaf.T[:, :, None] * leaves).sum(axis=0)
    for first, second in map(jnp.asarray, products.levels):
        block = jnp.concatenate([jnp.ones_like(block[:1]), block])
        block = block[first] * block[second]
    return (block[jnp.asarray(products.root)] @ jnp.asarray(products.coefficients)).real


def _tree(responses: Int[np.ndarray, "R n K"]) -> tuple[list[np.ndarray], np.ndarray]:
    """The leaves and levels of one game's maps, and the node of each map."""
    leaves, ways, count = [], [], 0  # of every block, the node [R] that is its part of a map
    for follower in range(responses.shape[1]):
        rows, way = np.unique(responses[:, follower], axis=0, return_inverse=True)
        leaves.append(np.insert(rows, 0, follower, axis=1))
        ways.append(way.reshape(-1) + count)
        count += len(rows)
    nodes = [np.concatenate(leaves).T]
    while len(ways) > 1:
        below, ways, level, count = ways, [], [], 0
        for first, second in itertools.zip_longest(below[::2], below[1::2], fillvalue=np.int64(-1)):
            numbers = nodes[-1].shape[1] + 1
            pairs, way = np.unique((first + 1) * numbers + second + 1, return_inverse=True)
            level.append(np.stack(np.divmod(pairs, numbers)))
            ways.append(way + count)
            count += len(pairs)
        nodes.append(np.concatenate(level, axis=1).astype(np.int32))
    return nodes, ways[0].astype(np.int32)
