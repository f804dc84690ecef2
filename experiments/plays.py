"""What each learner and each solver can play, tried on small games and not told from memory.

A learner plays a game where a simulation of it can be prepared and one block of rounds traced. *warns*: it
plays, and says that its bound does not hold there. A solver plays a game that it solves.

    python -m experiments.plays > experiments/results/plays.md
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxstack as js
from jaxstack.simulation import compiled, prepare


class Case(NamedTuple):
    """A game, and whether it is played without a region table."""

    game: Any
    types: Any
    table: bool = True


def cases() -> dict[str, Case]:
    """A small game of each kind."""
    random = js.scenarios.random_game
    sizes: Any = {"num_leader_actions": 2, "num_types": 2, "types": "independent", "payoff": "separable"}
    alone, of_alone = random(0, num_followers=1, **sizes)
    pair, of_pair = random(1, num_followers=2, **sizes)
    on_simplex = random(2, num_followers=2, num_leader_actions=2, num_types=2)
    corners = np.random.default_rng(3).uniform(size=(1, 1, 13, 2))  # of a cube with too many to list
    cube = js.Game(js.SeparablePayoff(corners[0]), corners[:, :, ::-1], js.strategies.box([0] * 12, [1] * 12))
    return {
        "simplex": Case(*on_simplex),
        "polytope": Case(*js.scenarios.random_coverage_game(0, 2, 1, 1, 2)),
        "payoffs by type": Case(
            *random(4, num_leader_actions=2, num_types=2, payoff="separable_by_type", types="independent")
        ),
        "unequal followers": Case(*_unequal()),
        "batch of unequal games": Case(js.stack([alone, pair]), js.stack([of_alone, of_pair])),
        "no table": Case(cube, js.IndependentTypes([[1.0]]), table=False),
    }


def _unequal() -> tuple[js.Game, Any]:
    """Two types with two actions, and one with three."""
    rng = np.random.default_rng(5)
    leader = js.SeparablePayoff([rng.uniform(size=(2, actions)).tolist() for actions in (2, 3)])
    follower = [[rng.uniform(size=(2, 2)), rng.uniform(size=(2, 2))], [rng.uniform(size=(2, 3))]]
    return js.Game(leader, follower), js.IndependentTypes([[0.5, 0.5], [1.0]])


def plays(name: str, case: Case) -> str:
    """Whether a learner plays a game: yes, no, or that it warns."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            setup = prepare(
                jax.random.key(0),
                case.game,
                case.types,
                js.learners.by_name(name),
                horizon=64,
                table=None if case.table else False,
            )
        except ValueError:
            return "no"
    inputs = setup.inputs._replace(checkpoints=np.full(64, 64, np.int32))
    runs = jax.ShapeDtypeStruct((2,), np.int32)
    block = functools.partial(compiled.play_blocks, setup.learner)
    jax.eval_shape(block, compiled.shapes(setup.learner, inputs, 2), inputs, runs, 0, 1)
    return "warns" if any("no bound holds" in str(each.message) for each in told) else "yes"


def solves(method: str, case: Case) -> str:
    """Whether a method solves a game."""
    try:
        solution = js.solve(case.game, case.types, method)
    except (ValueError, MemoryError):
        return "no"
    return "yes" if np.max(solution.gap) <= 1e-9 else "a bound"


def rows(learners: Iterable[str] | None = None) -> list[list[str]]:
    """A row for each learner and each method: its name, and what becomes of each game."""
    tried = cases().values()
    names = js.learners.ROSTER if learners is None else learners
    return [[f"`{name}`", *(plays(name, case) for case in tried)] for name in names] + [
        [f'`method="{method}"`', *(solves(method, case) for case in tried)] for method in js.solvers.METHODS
    ]


def main() -> None:
    """Print the table."""
    header = ["learner or solver", *cases()]
    print("# What each learner and each solver plays\n")
    print(
        "Written by `python -m experiments.plays`, which tries each of them on a small game of each kind.\n"
    )
    for line in (header, ["---"] * len(header), *rows()):
        print(f"| {' | '.join(line)} |")
    print(
        "\n*warns*: it plays, and its bound does not hold. A batch that is not played as one is played game "
        "by game (`jaxstack.unstack`)."
    )


if __name__ == "__main__":
    main()
