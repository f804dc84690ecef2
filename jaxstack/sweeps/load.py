"""A folder of results as one labelled dataset."""

from __future__ import annotations

import itertools
import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from jaxstack import checks, memory
from jaxstack.comparison import reference_of
from jaxstack.regret import QUANTILE_LEVELS
from jaxstack.sweeps import other_code, store
from jaxstack.sweeps.cells import Axis, axis_name, plain_label

_PER_CELL = {name: dims for name, dims in store.CELL_DIMS.items() if name != "round"}

_Found = tuple[tuple[Any, ...], dict[str, np.ndarray], dict[str, Any]]  # place on the axes, arrays, texts


def load_results(folder: str | Path) -> Any:
    """All results of a sweep as one `xarray.Dataset`, also while the sweep is running.

    Dimensions: one for every axis of the sweep ("scenario" and "learner" always; keys that were zipped share
    one, named "key+key", with a coordinate for each), then "game", "run", "quantile" and "checkpoint".
    A scenario or learner that lacks an axis stands at its own value of that key; where it has none (another
    learner's hyperparameter, another scenario's size), its numbers stand at every label. Cells that are not
    there are nan. What other code made (see `jaxstack.fingerprints`) is never among the results; a warning
    says how many cells that are. Curves of different length are aligned at the end: the last checkpoint is
    the horizon everywhere.

    Args:
      folder: of `run_sweep` or `jaxstack run`.

    Returns:
      Variables, float64, regret cumulative and in payoff units:
      mean, stderr [axes.., game, checkpoint]: over runs.
      quantiles [axes.., game, quantile, checkpoint].
      regret [axes.., game, run, checkpoint]: every run, where runs were kept.
      final_regret [axes.., game, run]: at the horizon, of up to 16,384 runs.
      optimum, num_regions [axes.., game]: U_D(x*) in payoff units per round; best-response regions, nan where
        a game was played without a table of them.
      optimum_gap [axes.., game]: how much more another commitment may earn; 0 with a table (`RegretCurve`).
      bound [axes..]: right-hand side of the learner's theorem with constant 1; nan without a theorem, or
        without a table.
      seconds_run, seconds_compile, num_runs [axes..].
      info_NAME, info_NAME_stderr [axes.., game, own axes.., checkpoint]: what learners told (`record = true`
        in the spec), mean over runs and its standard error; nan for learners that do not tell it.
      Coordinates `round` [checkpoint], or [axes on which it depends.., checkpoint]; `skips_ahead` [learner],
      and `theorem` [learner], whose rate `bound` is ("" for none).
      Attributes: `spec` (TOML), `versions` and `hardware` (JSON; a list where cells differ), `missing` (JSON
      list of labels), `failed` (JSON list of {cell, error}), `lacks` and `scenario_lacks` (JSON, of every
      learner and scenario the axes that it does not have), `other_code` (JSON, number of cells of this sweep
      that other code made, by its version).

    Warns:
      UserWarning: names each file that is not what a sweep wrote, and is read as missing; and what learners
        told with unequal numbers of axes by one name, of which one kind alone is laid out.

    Raises:
      ValueError: there is no sweep in the folder, or its plan is none.
      MemoryError: all results together would not fit.
    """
    import xarray

    folder = checks.path("folder", folder)
    planned = store.read_plan(folder)
    axes: list[Axis] = planned["axes"]
    names = [axis_name(axis) for axis in axes]
    of_label = {learner["label"]: learner for learner in planned["learners"]}
    learners = [of_label[label] for (label,) in axes[names.index("learner")].values]
    lacks = {"learner": {learner["label"]: learner["lacks"] for learner in learners}}
    lacks["scenario"] = {scenario["label"]: scenario["lacks"] for scenario in planned.get("scenarios", [])}

    found, missing, keys = _read_cells(folder, planned, axes, lacks)
    others = other_code.count(folder, keys)
    if others:
        warnings.warn(
            f"{folder}: left out what was made by other code: {other_code.describe(others)}. To be rid of "
            f"this warning, use another folder for every version.",
            stacklevel=2,
        )

    variables, rounds = _variables(axes, found)
    return xarray.Dataset(
        variables,
        coords=_coordinates(axes)
        | {
            "round": _rounds(names, rounds),
            "quantile": list(QUANTILE_LEVELS),
            "skips_ahead": ("learner", [learner["skip_ahead"] for learner in learners]),
            "theorem": ("learner", [learner.get("theorem") or "" for learner in learners]),
        },
        attrs={
            "spec": planned["spec"],
            "versions": _one_or_all([attrs["versions"] for _, _, attrs in found]),
            "hardware": _one_or_all([attrs["hardware"] for _, _, attrs in found]),
            "missing": json.dumps([cell["at"] for cell in missing], ensure_ascii=False),
            "failed": _failed(folder, missing),
            "lacks": json.dumps(lacks["learner"], ensure_ascii=False),
            "scenario_lacks": json.dumps(lacks["scenario"], ensure_ascii=False),
            "other_code": json.dumps(others),
        },
    )


def _read_cells(
    folder: Path, planned: dict[str, Any], axes: list[Axis], lacks: dict[str, dict[str, Any]]
) -> tuple[list[_Found], list[dict[str, Any]], set[str]]:
    """Cells that are there; those that are not, as in the plan without axes that they lack; keys of both."""
    names = [axis_name(axis) for axis in axes]

    def lacked(cell: dict[str, Any]) -> set[str]:
        return {axis for table, of in lacks.items() for axis in of.get(cell["at"][table], ())}

    places = [{_label(values): i for i, values in enumerate(axis.values)} for axis in axes]
    found, missing = [], []
    at_hand: dict[str, Any] = {}  # cells that share a key share a file
    for cell in planned["cells"]:
        key = cell["key"]
        if key not in at_hand:
            try:
                at_hand[key] = store.read_cell(folder, key)
            except FileNotFoundError:
                at_hand[key] = None
            except store.Damaged as damage:
                warnings.warn(f"{damage}; run the sweep again to replace it", stacklevel=3)
                at_hand[key] = None
        if at_hand[key] is None:
            own = {name: label for name, label in cell["at"].items() if name not in lacked(cell)}
            missing.append(cell | {"at": own})
        else:
            everywhere = lacked(cell)
            place = tuple(
                slice(None) if name in everywhere else of[_label(cell["at"][name])]
                for of, name in zip(places, names, strict=True)
            )
            found.append((place, *at_hand[key]))
    return found, missing, set(at_hand)


def _variables(axes: list[Axis], found: list[_Found]) -> tuple[dict[str, Any], np.ndarray]:
    """Variables of the dataset with their dimensions, and the rounds [axes.., checkpoint]."""
    names = [axis_name(axis) for axis in axes]
    sizes = _sizes([arrays for _, arrays, _ in found])
    variables: dict[str, Any] = {}
    shape = tuple(len(axis.values) for axis in axes)
    for name, dims in _dims([arrays for _, arrays, _ in found]).items():
        if name == "regret" and not any(name in arrays for _, arrays, _ in found):
            continue
        whole = shape + tuple(sizes[dim] for dim in dims)
        memory.require(
            8 * math.prod(whole),
            what=f"{name!r} of all cells in one array",
            driver=f"axes of lengths {whole}: {', '.join((*names, *dims))}",
            remedy="keep fewer curves (keep_runs = false), or split the sweep into several folders",
        )
        full = np.full(whole, np.nan)
        for place, arrays, _ in found:
            if name in arrays and arrays[name].ndim == len(dims):
                _put(full[(*place, ...)], np.asarray(arrays[name], np.float64), dims)
        variables[name] = ((*names, *dims), full)
        if any(name in arrays and arrays[name].ndim != len(dims) for _, arrays, _ in found):
            warnings.warn(
                f"left out some of {name!r}: learners tell things with unequal numbers of axes by this name, "
                f"and one variable holds those with axes {', '.join(dims)}. Give them names of their own.",
                stacklevel=3,
            )
    for name in ("seconds_run", "seconds_compile", "num_runs"):
        full = np.full(shape, np.nan)
        for place, _, attrs in found:
            stages = json.loads(attrs["seconds"])
            full[place] = attrs["num_runs"] if name == "num_runs" else stages[name.removeprefix("seconds_")]
        variables[name] = (tuple(names), full)
    rounds = np.full((*shape, sizes["checkpoint"]), np.nan)
    for place, arrays, _ in found:
        _put(rounds[(*place, ...)], np.asarray(arrays["round"], np.float64), ("checkpoint",))
    return variables, rounds


def _sizes(cells: list[dict[str, np.ndarray]]) -> dict[str, int]:
    """Length of every dimension: that of the largest cell."""
    sizes = {"game": 1, "run": 1, "checkpoint": 1, "quantile": len(QUANTILE_LEVELS)}
    for arrays, (name, dims) in itertools.product(cells, _dims(cells).items()):
        if name in arrays and arrays[name].ndim == len(dims):
            for dim, size in zip(dims, arrays[name].shape, strict=True):
                sizes[dim] = max(sizes.get(dim, 1), size)
    return sizes


def _dims(cells: list[dict[str, np.ndarray]]) -> dict[str, tuple[str, ...]]:
    """Variables of the dataset that are arrays of cells, with their dimensions."""
    told = {
        name: store.dims_of(name, array)
        for arrays in cells
        for name, array in arrays.items()
        if name.startswith(store.TOLD)
    }
    return _PER_CELL | told


def _put(target: np.ndarray, values: np.ndarray, dims: tuple[str, ...]) -> None:
    """Write values into a larger array's last axes: from the start of each, checkpoints up to the end."""
    sizes = zip(dims, target.shape[target.ndim - len(dims) :], values.shape, strict=True)
    within = [slice(full - size, None) if dim == "checkpoint" else slice(size) for dim, full, size in sizes]
    target[(..., *within)] = values  # type: ignore[index]


def _coordinates(axes: list[Axis]) -> dict[str, Any]:
    """Labels of every axis; zipped keys each have a coordinate on their common axis."""
    coordinates = {}
    for axis in axes:
        for key, labels in zip(axis.keys, zip(*axis.values, strict=True), strict=True):
            coordinates[key] = (axis_name(axis), np.array(labels))
    return coordinates


def _rounds(names: list[str], rounds: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """`round` along checkpoints and those axes along which it changes."""
    dims = [*names]
    for name in names:
        axis = dims.index(name)
        some = np.where(np.isnan(rounds), np.inf, rounds).min(axis=axis, keepdims=True)
        missing = np.isnan(rounds).all(axis=-1, keepdims=True)
        if ((rounds == some) | (np.isnan(rounds) & np.isinf(some)) | missing).all():
            rounds = np.squeeze(np.where(np.isinf(some), np.nan, some), axis)
            dims.remove(name)
    if not np.isnan(rounds).any():
        rounds = rounds.astype(np.int64)
    return (*dims, "checkpoint"), rounds


def _label(values: Any) -> Any:
    """A label as the key of a dictionary."""
    return plain_label(values) if isinstance(values, list | tuple) else values


def _one_or_all(texts: list[str]) -> str:
    distinct = list(dict.fromkeys(texts))
    return distinct[0] if len(distinct) == 1 else json.dumps([json.loads(text) for text in distinct])


def _failed(folder: Path, missing: list[dict[str, Any]]) -> str:
    noted = store.failures(folder)
    return json.dumps(
        [{"cell": c["at"], "error": noted[c["key"]]["error"]} for c in missing if c["key"] in noted],
        ensure_ascii=False,
    )


def paired_differences(dataset: Any, reference: str) -> Any:
    """Regret of every learner minus that of a reference, run by run, averaged over games.

    Runs share their draws of types, so a difference is known far better than either regret. A learner that
    skips ahead draws by itself: it is compared with nobody (nan). A learner that lacks an axis stands at
    every label of it, and is compared at each. What they tell of other games: `jaxstack.compare`.

    Args:
      dataset: from `load_results`.
      reference: label of the learner to subtract.

    Returns:
      xarray.Dataset, payoff units: `mean`, `stderr` [axes..] at the horizon; where runs were kept, also
      `curve_mean`, `curve_stderr` [axes.., checkpoint].

    Raises:
      ValueError: no such learner, or one that skips ahead.
    """
    import xarray

    from jaxstack.results import skips_ahead

    checks.instance("dataset", dataset, xarray.Dataset, "Load one: jaxstack.load_results(folder).")
    labels = [str(label) for label in dataset.learner.values]
    own_draws = skips_ahead(dataset)
    alone = [label for label in labels if own_draws.sel(learner=label)]
    reference_of(reference, [label for label in labels if label not in alone], alone)
    result = {}
    for prefix, name in (("", "final_regret"), ("curve_", "regret")):
        if name not in dataset:
            continue
        regret = dataset[name]
        other = regret.sel(learner=reference, drop=True)
        # Games share their draws, so a run is averaged over the games first.
        differences = [(regret.sel(learner=label, drop=True) - other).mean("game") for label in labels]
        runs = xarray.concat(differences, dataset.learner).where(~own_draws)
        runs = runs.transpose(*(dim for dim in regret.dims if dim != "game"))
        mean, count = runs.mean("run"), runs.notnull().sum("run")
        variance = np.square(runs - mean).sum("run") / (count - 1).where(count > 1)
        result[f"{prefix}mean"] = mean
        result[f"{prefix}stderr"] = np.sqrt(variance / count)
    compared = xarray.Dataset(result, attrs={"reference": reference})
    return compared.assign_coords(skips_ahead=own_draws)
