"""Payoff vectors under all response maps at once, where payoffs come of sums or products over followers.

Where types are independent, the mean of a product over followers is the product of their means. Maps of
neighbouring regions differ in few followers, so that a block of followers responds in far fewer ways than
there are maps, and its product, or sum, is needed once for each way. Blocks are nodes of a binary tree: its
leaves are ways in which one follower responds, its roots whole maps. With R maps and F terms that takes
little more than R F products, where map by map it is n R F.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack.axes import Array, Complex, DeviceArray, Float, Int
from jaxstack.game import Game
from jaxstack.learners.rows import take_row
from jaxstack.regions.table import RegionTable, rounded_up

MAX_FACTORS = 1 << 22  # entries of a table of leaves (K N F); with more, maps are worked through one by one


class Blocks(NamedTuple):
    """The tree of blocks ([G, ..] for a batch).

    follower: [N] int32, of every leaf; response: [K, N] int32, of every leaf to each type.
    levels: from the leaves up, [2, N'] int32: the two nodes of the level below whose blocks a node joins,
      counted from 1; 0 stands for no follower.
    root: [R] int32, the node of the last level that is the whole of a map, counted from 0.
    """

    follower: Int[Array, "N"]
    response: Int[Array, "K N"]
    levels: tuple[Int[Array, "2 M"], ...]
    root: Int[Array, "R"]


class Products(NamedTuple):
    """Product terms of a payoff (`LeaderPayoff.product_terms`); leaves: [K, N, F], factors by type."""

    coefficients: Complex[Array, "F L"]
    leaves: Complex[Array, "K N F"]
    blocks: Blocks


class Sums(NamedTuple):
    """A payoff's table and steps (`LeaderPayoff.index_terms`); leaves: [K, N] int32, steps by type."""

    values: Float[Array, "I L"]
    leaves: Int[Array, "K N"]
    blocks: Blocks


def prepare_products(game: Game, table: RegionTable) -> Products | None:
    """Products of a table's response maps; None where the payoff is no sum of so few products."""
    terms = game.leader.product_terms()
    if terms is None:
        return None
    (coefficients, factors), blocks = terms, _blocks(table)
    num_types, num_leaves = blocks.response.shape[-2:]
    if num_types * num_leaves * factors.shape[-1] > MAX_FACTORS:  # of each game of a batch
        return None
    of_type = np.broadcast_to(np.arange(len(factors)), num_types)[:, None]
    return Products(coefficients, factors[of_type, blocks.response], blocks)


def prepare_sums(game: Game, table: RegionTable) -> Sums | None:
    """Sums of a table's response maps; None where the payoff is not read off at a sum over followers."""
    terms = game.leader.index_terms()
    if terms is None:
        return None
    (values, steps), blocks = terms, _blocks(table)
    of_type = np.broadcast_to(np.arange(steps.shape[1]), blocks.response.shape[-2])[:, None]
    return Sums(values, steps[blocks.follower[..., None, :], of_type, blocks.response], blocks)


def expected_vectors(products: Products, marginals: Float[DeviceArray, "n K"]) -> Float[DeviceArray, "R L"]:
    """Expected payoff vector under every response map, in units, where followers' types are independent."""
    leaves = jnp.asarray(products.leaves)
    of_leaf = marginals.astype(leaves.dtype)[jnp.asarray(products.blocks.follower)]  # [N, K]
    terms = _of_maps(products.blocks, (of_leaf.T[:, :, None] * leaves).sum(axis=0), jnp.multiply, 1)
    return (terms @ jnp.asarray(products.coefficients)).real


def payoff_vectors(sums: Sums, types: Int[DeviceArray, "n"]) -> Float[DeviceArray, "R L"]:
    """Payoff vector under every response map against one joint type, in units."""
    leaves, follower = jnp.asarray(sums.leaves), jnp.asarray(sums.blocks.follower)
    of_leaf = jnp.take_along_axis(leaves, types[follower][None], axis=0)[0]
    return take_row(sums.values, _of_maps(sums.blocks, of_leaf, jnp.add, 0))


def _of_maps(blocks: Blocks, block: DeviceArray, join: Callable[..., jax.Array], nothing: int) -> DeviceArray:
    """Every map's whole, [R, ..], of the leaves' parts [N, ..]; `nothing` is the part of no follower."""
    for first, second in blocks.levels:
        block = jnp.concatenate([jnp.full_like(block[:1], nothing), block])
        block = join(take_row(block, first), take_row(block, second))
    return take_row(block, blocks.root)


def _blocks(table: RegionTable) -> Blocks:
    """Blocks of followers of a table's response maps."""
    batch, maps = table.responses.shape[:-3], table.responses.shape[-3:]
    trees = [_tree(responses) for responses in np.asarray(table.responses).reshape(-1, *maps)]
    shared = not table.region_mask[..., -1].any()  # padded tables share compiled code: so do their trees

    def stacked(nodes: tuple[np.ndarray, ...]) -> np.ndarray:
        most = max(part.shape[-1] for part in nodes)
        most = rounded_up(most, 64) if shared else most
        same = [np.pad(part, [(0, 0), (0, most - part.shape[-1])]) for part in nodes]
        return np.stack(same).reshape(*batch, -1, most)

    nodes, roots = zip(*trees, strict=True)
    leaves, *levels = map(stacked, zip(*nodes, strict=True))
    return Blocks(leaves[..., 0, :], leaves[..., 1:, :], tuple(levels), np.stack(roots).reshape(*batch, -1))


def _tree(responses: Int[np.ndarray, "R n K"]) -> tuple[list[np.ndarray], np.ndarray]:
    """The leaves and levels of one game's maps, and the node of each map."""
    leaves, ways, count = [], [], 0  # of every block, the node [R] that is its part of a map
    for follower in range(responses.shape[1]):
        rows, way = np.unique(responses[:, follower], axis=0, return_inverse=True)
        leaves.append(np.insert(rows.astype(np.int32), 0, follower, axis=1))
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
