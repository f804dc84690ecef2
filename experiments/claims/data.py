"""The experiments by name, their sweeps at three sizes, and regret along an axis."""

from __future__ import annotations

import contextlib
import importlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr

import jaxstack as js
from jaxstack.sweeps.spec import Spec, parse_spec

HERE = Path(__file__).parents[1]  # the folder of the experiments
SIZES = ("full", "quick", "toy")
NAMES = (
    "horizon",
    "followers",
    "sizes",
    "correlation",
    "feedback",
    "lower_bound",
    "regions",
    "cost",
    "radius",
    "degenerate",
    "sharing",
    "parity",
    "ellipsoid",
    "probing",
    "local_search",
    "no_table",
    "leader_actions",
)
"""Folders, in the order of the claims."""


def spec_of(name: str, size: str, spec: str = "spec") -> Spec:
    """The spec of an experiment: `<spec>.toml`, less and with other values as `sizes.toml` says for a size.

    There, `[SIZE.SPEC]` may leave out scenarios (`without`), and `[SIZE.SPEC.TABLE]` replaces keys of the
    table of that name, of `[run]`, or of the learner of that label.

    Raises:
      ValueError: `sizes.toml` names a table that the spec does not have, or the outcome is no spec.
    """
    folder = HERE / name
    content = tomllib.loads((folder / f"{spec}.toml").read_text(encoding="utf-8"))
    if size != "full":
        changes = tomllib.loads((folder / "sizes.toml").read_text(encoding="utf-8"))[size].get(spec, {})
        dropped = changes.pop("without", [])
        content["scenario"] = [table for table in content["scenario"] if table["name"] not in dropped]
        content["run"] |= changes.pop("run", {})
        for table in (*content["scenario"], *content.get("learner", ())):
            table |= changes.pop(table.get("label") or table["name"], {})
        if changes:
            raise ValueError(f"{name}/sizes.toml, {size}: no table of {spec}.toml is called {set(changes)}.")
    text = "".join(_toml_table("[run]", content["run"]))
    for kind in ("scenario", "learner"):
        text += "".join(_toml_table(f"[[{kind}]]", table) for table in content.get(kind, ()))
    return parse_spec(text, f"experiments/{name}/{spec}.toml ({size})", folder)


def _toml_table(header: str, table: Mapping[str, Any]) -> str:
    return f"{header}\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())


def specs_of(name: str) -> list[str]:
    """Names of the specs of an experiment; none where it has no sweep."""
    return sorted(path.stem for path in (HERE / name).glob("*.toml") if path.stem != "sizes")


class Series(NamedTuple):
    """Regret of one learner along one axis."""

    x: np.ndarray  # [P]
    regret: np.ndarray  # [P, G, S], cumulative at the horizon, payoff units
    bound: np.ndarray  # [P], right-hand side of the theorem

    @property
    def mean(self) -> np.ndarray:
        """[P], over games and runs."""
        return self.regret.mean(axis=(1, 2))


def series(dataset: xr.Dataset, along: str, **labels: Any) -> Series:
    """Final regret along an axis, at the labels given for others; points without numbers are left out.

    Raises:
      ValueError: another axis has more than one label left.
    """
    chosen = dataset[["final_regret", "bound"]].sel(labels)
    regret = chosen.final_regret
    for dim in regret.dims:
        regret = regret.dropna(dim, how="all")
    others = [str(dim) for dim in regret.dims if dim not in (along, "game", "run")]
    for dim in others:
        if regret.sizes[dim] != 1:
            raise ValueError(f"{labels} leave {regret.sizes[dim]} labels on axis {dim!r}; select one.")
    regret = regret.isel(dict.fromkeys(others, 0)).transpose(along, "game", "run")
    there = dataset.bound.sel(labels)
    there = there.where(dataset.final_regret.sel(labels).notnull().any(["game", "run"]))
    bound = there.max([dim for dim in there.dims if dim != along]).sel({along: regret[along]})
    return Series(np.asarray(regret[along], float), regret.values, bound.values)


@contextlib.contextmanager
def precision(x64: bool) -> Iterator[None]:
    """Single or double precision, and afterwards what was before."""
    before = bool(getattr(jax.config, "jax_enable_x64", False))
    jax.config.update("jax_enable_x64", x64)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)


def script(name: str) -> ModuleType:
    """The script of an experiment."""
    return importlib.import_module(f"experiments.{name}.claim")


def data_of(name: str, size: str, folder: Path) -> Any:
    """What an experiment measures: a dataset for every spec, by name, computed as far as the folder lacks it.

    Raises:
      RuntimeError: a cell could not be computed.
    """
    module = script(name)
    with precision(module.CLAIM.x64):
        if hasattr(module, "collect"):
            return module.collect(size)
        data = {}
        for spec in specs_of(name):
            data[spec] = js.run_sweep(spec_of(name, size, spec), folder / name / spec)
            failed = json.loads(data[spec].attrs["failed"])
            if failed:
                raise RuntimeError(
                    f"experiments/{name}, {spec}.toml: {failed[0]['cell']}: {failed[0]['error']}"
                )
        return data
