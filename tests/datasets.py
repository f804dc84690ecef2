"""Synthetic results of sweeps in the form that pictures and reports read, with numbers known in advance."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

GROWTH = {"erm_joint": (1.0, 0.3), "region_ucb": (3.0, 0.8), "oful": (2.0, 0.6), "uniform": (5.0, 1.0)}
YARDSTICKS = ("uniform", "oracle")


def numbers(dataset: xr.Dataset) -> xr.Dataset:
    """What every way of computing a sweep must agree on: all but the time that it took."""
    return dataset.drop_vars(["seconds_run", "seconds_compile"]).drop_attrs()


def small_cell() -> tuple[dict[str, Any], dict[str, str]]:
    """Arrays with their dimensions, and texts, of a finished cell: one game, 3 runs, 2 checkpoints."""
    zeros = {name: np.zeros((1, 2)) for name in ("mean", "stderr")}
    arrays = {
        "round": (("checkpoint",), np.array([1, 40])),
        **{name: (("game", "checkpoint"), values) for name, values in zeros.items()},
        "quantiles": (("game", "quantile", "checkpoint"), np.zeros((1, 5, 2))),
        "final_regret": (("game", "kept_run"), np.zeros((1, 3))),
        "optimum": (("game",), np.ones(1)),
        "num_regions": (("game",), np.array([4])),
        "bound": ((), np.array(9.0)),
    }
    seconds = json.dumps({"compile": 1.0, "run": 1.0})
    return arrays, {"num_runs": "3", "seconds": seconds, "versions": "{}", "hardware": "{}"}


def results(
    axes: Mapping[str, Sequence[Any]] | None = None,
    *,
    learners: Sequence[str] = ("erm_joint", "region_ucb"),
    scenarios: Sequence[str] = ("toy",),
    games: int = 2,
    runs: int = 8,
    horizon: int = 1000,
    checkpoints: int = 12,
    keep_runs: bool = True,
    level: Callable[[dict[str, Any]], float] = lambda labels: 1.0,
    missing: Callable[[dict[str, Any]], bool] = lambda labels: False,
    noise: float = 0.2,
    attrs: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Regret a * level(labels) * (g + 1) * t**p * (1 + noise_r) with a, p of `GROWTH` ((0, 0) when unknown).

    noise_r, of run r, averages to 0 and is shared by all learners; an axis `horizon` sets the rounds.
    """
    grid = {"scenario": list(scenarios), "learner": list(learners), **(axes or {})}
    names, shape = list(grid), tuple(map(len, grid.values()))
    per_horizon = "horizon" in grid
    rounds = {T: np.unique(np.rint(np.geomspace(1, T, checkpoints))) for T in grid.get("horizon", [horizon])}
    C = max(map(len, rounds.values()))
    deviations = noise * np.linspace(-1, 1, runs)  # exactly 0 for a single run

    regret = np.full((*shape, games, runs, C), np.nan)
    per_cell = {
        name: np.full(shape, np.nan) for name in ("bound", "seconds_run", "seconds_compile", "num_runs")
    }
    per_game = {name: np.full((*shape, games), np.nan) for name in ("optimum", "num_regions")}
    for index in itertools.product(*map(range, shape)):
        labels = {name: grid[name][i] for name, i in zip(names, index, strict=True)}
        if missing(labels):
            continue
        T = labels.get("horizon", horizon)
        scale, power = GROWTH.get(labels["learner"], (0.0, 0.0))
        curve = scale * level(labels) * rounds[T] ** power
        factors = (
            np.arange(1, games + 1)[:, None, None] * (1 + (deviations if runs > 1 else np.zeros(1)))[:, None]
        )
        regret[(*index, ..., slice(len(curve)))] = factors * curve
        if labels["learner"] not in YARDSTICKS:
            per_cell["bound"][index] = 10 * np.sqrt(T)
        per_cell["seconds_run"][index] = 1e-8 * T * runs * games
        per_cell["seconds_compile"][index] = 1.5
        per_cell["num_runs"][index] = runs
        per_game["optimum"][index] = 0.5 + 0.1 * np.arange(games)
        per_game["num_regions"][index] = 4 + np.arange(games)
    padded = np.stack([np.pad(r, (0, C - len(r)), constant_values=np.nan) for r in rounds.values()])
    final = np.take_along_axis(
        regret, np.maximum(np.isfinite(regret).sum(axis=-1, keepdims=True) - 1, 0), axis=-1
    )[..., 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        stderr = (
            regret.std(axis=-2, ddof=1) / np.sqrt(runs)
            if runs > 1
            else np.full_like(regret[..., 0, :], np.nan)
        )
    variables: dict[str, Any] = {
        "mean": ((*names, "game", "checkpoint"), regret.mean(axis=-2)),
        "stderr": ((*names, "game", "checkpoint"), stderr),
        "quantiles": (
            (*names, "game", "quantile", "checkpoint"),
            np.moveaxis(np.quantile(regret, [0.05, 0.5, 0.95], axis=-2), 0, -2),
        ),
        "final_regret": ((*names, "game", "run"), final),
        **{name: (names, array) for name, array in per_cell.items()},
        **{name: ((*names, "game"), array) for name, array in per_game.items()},
    }
    if keep_runs:
        variables["regret"] = ((*names, "game", "run", "checkpoint"), regret)
    coordinates: dict[str, Any] = {
        **grid,
        "game": np.arange(games),
        "run": np.arange(runs),
        "quantile": [0.05, 0.5, 0.95],
        "checkpoint": np.arange(C),
        "round": (("horizon", "checkpoint"), padded) if per_horizon else ("checkpoint", padded[0]),
    }
    told = {
        "spec": "[run]\nhorizon = 1_000\n",
        "versions": json.dumps({"jaxstack": "0.1.0", "jax": "0.8.0"}),
        "hardware": json.dumps({"processor": "toy", "cores": 2}),
        "missing": "[]",
        "failed": "[]",
    }
    return xr.Dataset(variables, coordinates, {**told, **(attrs or {})})
