"""What the file of a finished cell holds: arrays, and texts that say what made them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from jaxstack import report
from jaxstack.game import unstack
from jaxstack.regret import RegretCurve
from jaxstack.sweeps import machine, store
from jaxstack.sweeps.cells import Cell, is_small, learner_of
from jaxstack.sweeps.games import problem_of, table_of


def content(cell: Cell, curve: RegretCurve, seconds: float) -> tuple[dict[str, Any], dict[str, str]]:
    """Arrays and texts of a cell's file."""
    game = problem_of(cell.game_key).game
    games = [game] if game.num_games is None else [unstack(game, g) for g in range(game.num_games)]
    one = game.num_games is None
    table = table_of(cell.game_key, is_small(cell), cell.run.table)
    # Without a table nobody knows how many regions there are, and no theorem speaks of the learners.
    none = np.nan if one else np.full(len(games), np.nan)
    num_regions = (none,) if table is None else (table.num_regions, np.int64)
    theorem = None if table is None else learner_of(cell).theorem

    def per_game(array: Any, dtype: Any = np.float64) -> np.ndarray:
        return np.asarray(array, dtype)[None] if one else np.asarray(array, dtype)

    quantiles = np.moveaxis(curve.quantiles, 0, -2)  # [Q, .., C] -> [.., Q, C]
    arrays: dict[str, Any] = {
        "round": (("checkpoint",), curve.rounds),
        "quantile": (("quantile",), np.asarray(curve.quantile_levels)),
        "mean": (("game", "checkpoint"), per_game(curve.mean)),
        "stderr": (("game", "checkpoint"), per_game(curve.stderr)),
        "quantiles": (("game", "quantile", "checkpoint"), per_game(quantiles)),
        "final_regret": (("game", "kept_run"), per_game(curve.final_regret)),
        "optimum": (("game",), per_game(curve.optimum)),
        "optimum_gap": (("game",), per_game(curve.optimum_gap)),
        "num_regions": (("game",), per_game(*num_regions)),
        "bound": ((), np.asarray(report.mean_rate(theorem, games, curve.horizon))),
    }
    if curve.regret is not None:
        arrays["regret"] = (("game", "run", "checkpoint"), per_game(curve.regret))
    for name, told in curve.info.items():
        for suffix, values in (("", told.mean), ("_stderr", told.stderr)):
            numbers = per_game(values)
            arrays[f"{store.TOLD}{name}{suffix}"] = (store.told_dims(name, numbers.ndim), numbers)
    attrs = {
        "cell": json.dumps(cell.own_labels, ensure_ascii=False),
        "code": cell.code,
        "spec": cell.spec.to_toml(),
        "ties": curve.ties,
        "num_runs": str(curve.num_runs),
        "seconds": json.dumps(curve.seconds | {"wall": seconds}),
        "versions": json.dumps(machine.versions()),
        "hardware": json.dumps(machine.hardware()),
    }
    return arrays, attrs
