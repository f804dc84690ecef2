"""The games on which a learner is checked: small, degenerate, several at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxstack.distributions import IndependentTypes, TypeDistribution
from jaxstack.game import Game, check_types, stack
from jaxstack.payoffs import SeparablePayoff, TabularPayoff
from jaxstack.regions import RegionTable, enumerate_regions
from jaxstack.scenarios import random_game


class Case(NamedTuple):
    """A game to play, with what `simulate` takes."""

    name: str
    game: Game
    types: TypeDistribution
    table: RegionTable


def first_case(game: Game | None, types: TypeDistribution | None) -> Case:
    """The user's game, or a random one."""
    if (game is None) != (types is None):
        missing = "types" if types is None else "game"
        raise ValueError(f"check_learner takes a game and its types together, but {missing} did not arrive.")
    if game is None or types is None:
        return case_of("random game", *random_games()[0])
    if game.num_games is not None:
        raise ValueError(f"check_learner takes one game, but {game!r} arrived: jaxstack.unstack(game, 0).")
    check_types(game, types)
    return case_of("your game", game, types)


def degenerate_cases() -> list[Case]:
    """Games in which something is equal, single or many."""
    indifferent = Game(TabularPayoff(np.arange(4.0).reshape(1, 2, 2)), np.zeros((2, 2, 1, 2)))
    constant = SeparablePayoff(np.ones((13, 2, 2)))
    many = Game(constant, np.random.default_rng(0).uniform(size=(13, 1, 2, 2)))
    return [
        case_of("one leader action, all maps tied", indifferent, IndependentTypes(np.full((2, 2), 1 / 2))),
        # Too many joint actions for `known.unit_payoffs`.
        case_of("13 followers, constant payoff", many, IndependentTypes(np.ones((13, 1)))),
    ]


def batch_case() -> Case:
    """Two games; in their table the first is padded to the regions and vertices of the second."""
    return case_of("two games at once", *(stack(list(part)) for part in zip(*random_games(), strict=True)))


def random_games() -> list[tuple[Game, TypeDistribution]]:
    """L = 3, n = 2, K = 2, A = 2: 6 regions of at most 5 vertices, and 8 of at most 6."""
    return [random_game(seed, num_leader_actions=3, num_types=2) for seed in (0, 6)]


def case_of(name: str, game: Game, types: TypeDistribution) -> Case:
    """A game with its table."""
    return Case(name, game, types, enumerate_regions(game))
