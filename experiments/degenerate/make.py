"""Writes the games of this experiment beside this script: `python -m experiments.degenerate.make`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import jaxstack as js

FOLDER = Path(__file__).parent / "games"
SIZES = {"num_leader_actions": 2, "num_followers": 2, "num_types": 2}
COUNT = 3  # games of each kind
_SEARCHED = 400
_ROUNDS = 100_000


def games() -> dict[str, tuple[js.Game, js.IndependentTypes | js.JointTypes]]:
    """All games by name: kind and number."""
    made = {}
    for number, seed in enumerate(_nearly_tied()):
        made[f"nearly tied {number}"] = js.scenarios.random_game(seed, types="independent", **SIZES)
    for number, seed in enumerate(_rich()):
        game, types = js.scenarios.random_game(seed, types="independent", **SIZES)
        made[f"plain {number}"] = game, types
        made[f"rare types {number}"] = game, js.IndependentTypes([[1 - 1e-3, 1e-3], [1e-3, 1 - 1e-3]])
        twice = js.Game(game.leader, np.repeat(game.follower, 2, axis=1))
        halves = js.IndependentTypes(np.repeat(types.marginals(), 2, axis=1) / 2)
        made[f"duplicated types {number}"] = twice, halves
        rng = np.random.default_rng(number)
        leader, follower = rng.integers(2, size=(2, 2, 2)), rng.integers(2, size=(2, 2, 2, 2))
        made[f"degenerate payoffs {number}"] = js.Game(leader, follower), types
    return made


def _nearly_tied() -> list[int]:
    """Seeds of the random games whose two best commitments are hardest to tell apart in _ROUNDS rounds.

    The gap is about 1 / sqrt(_ROUNDS): a smaller one costs little, a larger one is seen.
    """
    gaps = {}
    for seed in range(_SEARCHED):
        game, types = js.scenarios.random_game(seed, types="independent", **SIZES)
        table = js.enumerate_regions(game)
        values = np.sort(js.value.vertex_utilities(game, types, table)[table.vertex_mask])
        gap = values[-1] - values[values < values[-1] - 1e-9].max(initial=-np.inf)
        gaps[seed] = gap
    return sorted(gaps, key=lambda seed: abs(np.log(gaps[seed] * np.sqrt(_ROUNDS))))[:COUNT]


def _rich() -> list[int]:
    """The first seeds of random games with all five regions: every type switches at a point of its own."""
    tables = {s: js.enumerate_regions(js.scenarios.random_game(s, **SIZES)[0]) for s in range(_SEARCHED)}
    return [seed for seed, table in tables.items() if table.num_regions == 5][:COUNT]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, (game, types) in games().items():
        js.save_game(FOLDER / f"{name.replace(' ', '_')}.json", game, types)
