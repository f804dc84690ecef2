"""What a run leaves behind: records of its results, a table to read, files for other programs."""

from __future__ import annotations

import csv
import importlib.metadata
import io
import json
import math
import os
import platform
from collections.abc import Iterable, Sequence
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from jaxstack import bounds, memory
from jaxstack.exports.words import exponent_with_interval, finite_or_none, with_error
from jaxstack.fingerprints import package_fingerprint
from jaxstack.game import Game, unstack
from jaxstack.regions.table import RegionTable
from jaxstack.regret import RegretCurve, average_over_games, growth_exponent
from jaxstack.writing import write_file

PACKAGES = ("jaxstack", "jax", "jaxlib", "numpy")


def record(
    scenario: str, game: Game, table: RegionTable | None, curve: RegretCurve, theorem: str | None = None
) -> dict[str, Any]:
    """Numbers of one scenario and one learner, ready for JSON (what is not a number becomes null).

    Args:
      scenario: its name.
      game: one game, or a stacked batch of G.
      table: the regions that were played, or None.
      curve: from `simulate`.
      theorem: that of the learner (`Learner.theorem`); the curve knows its label alone.

    Returns:
      A dictionary; among its entries:
      regret, stderr: after `horizon` rounds, payoff units. Of G games, the average over the games with its
        standard error over draws of types, the games held fixed.
      exponent: slope of log regret on log T over a window, with a 95% interval from resampled runs and games.
      rate: the theorem's rate with constant 1, payoff units (average over games; null without a theorem, or
        without a table).
      optimum, optimum_gap, regions: U_D(x*) in payoff units per round, how much more another commitment may
        earn (null where that is not known), and number of regions (null without a table); lists of G for a
        batch.
      rounds_per_second: rounds x runs x games, compilation left out.
    """
    mean, stderr = average_over_games(curve)
    exponent = growth_exponent(curve)
    games = [game] if game.num_games is None else [unstack(game, g) for g in range(game.num_games)]
    played = curve.horizon * curve.num_runs * len(games)
    return {
        "scenario": scenario,
        "learner": curve.learner,
        "games": len(games),
        "horizon": curve.horizon,
        "runs": curve.num_runs,
        "ties": curve.ties,
        "regret": finite_or_none(mean[-1]),
        "stderr": finite_or_none(stderr[-1]),
        "exponent": {
            "estimate": finite_or_none(exponent.estimate),
            "low": finite_or_none(exponent.low),
            "high": finite_or_none(exponent.high),
            "window": list(exponent.window),
        },
        "rate": finite_or_none(mean_rate(None if table is None else theorem, games, curve.horizon)),
        "optimum": np.asarray(curve.optimum).tolist(),
        "optimum_gap": _numbers(curve.optimum_gap),
        "regions": None if table is None else np.asarray(table.num_regions).tolist(),
        "seconds": {stage: round(seconds, 4) for stage, seconds in curve.seconds.items()},
        "rounds_per_second": finite_or_none(played / max(curve.seconds["run"], 1e-9)),
    }


def mean_rate(theorem: str | None, games: Sequence[Game], horizon: int) -> float:
    """Rate of a theorem with constant 1, payoff units, averaged over games; nan without a theorem."""
    if theorem is None:
        return math.nan
    return float(np.mean([bounds.regret(theorem, game, horizon) for game in games]))


def results_table(records: Sequence[dict[str, Any]]) -> Table:
    """Final regret with standard error and growth exponent with interval, a row per scenario and learner."""
    horizons = " / ".join(sorted({f"{r['horizon']:,}" for r in records}))
    table = Table(
        title=f"Cumulative expected regret after T = {horizons} rounds (payoff units)",
        caption="± one standard error over draws of types; growth exponent: slope of log regret on log T, "
        "with a 95% interval; time includes compilation",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("scenario")
    table.add_column("learner", no_wrap=True)
    for column in ("regret", "growth exponent", "time"):
        table.add_column(column, justify="right", no_wrap=True)
    for scenario, group in groupby(records, key=lambda r: r["scenario"]):
        rows = list(group)
        notes = [Text(scenario, style="bold"), *(Text(note, style="dim") for note in _notes(rows[0]))]
        for note, r in zip_longest(notes, rows):
            if r is None:
                table.add_row(note)
            else:
                seconds = f"{sum(r['seconds'].values()):.1f} s"
                regret = with_error(r["regret"], r["stderr"])
                table.add_row(note, r["learner"], regret, exponent_with_interval(r["exponent"]), seconds)
        table.add_section()
    return table


def _notes(r: dict[str, Any]) -> list[str]:
    """What all learners of a scenario share."""
    games = [f"{r['games']} games"] if r["games"] > 1 else []
    regions = "no region table" if r["regions"] is None else f"{_range(r['regions'], ',')} regions"
    return [*games, regions, f"U_D(x*) {_range(r['optimum'], '.3g')}{_beyond(r['optimum_gap'])}"]


def _beyond(gap: Any) -> str:
    """What is not known of the optimum."""
    most = np.max([np.nan if g is None else g for g in np.ravel(gap)])
    return "" if most == 0 else " or more" if np.isnan(most) else f" to {most:.2g} more"


def curves_csv(curves: Iterable[tuple[str, RegretCurve]]) -> str:
    """Every curve at its checkpoints as CSV: scenario, learner, round, mean, stderr (averaged over games)."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("scenario", "learner", "round", "mean_regret", "stderr"))
    for scenario, curve in curves:
        mean, stderr = average_over_games(curve)
        for at, m, e in zip(curve.rounds, mean, stderr, strict=True):
            rows.writerow((scenario, curve.learner, int(at), repr(float(m)), repr(float(e))))
    return text.getvalue()


def environment() -> dict[str, Any]:
    """Versions of what computes, and the machine that it runs on, for a results file."""
    devices = jax.devices()
    return {
        "versions": {"python": platform.python_version()}
        | {p: _version(p) for p in PACKAGES}
        | {"jaxstack code": package_fingerprint()},
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_available": memory.readable(memory.available_bytes()),
        "devices": f"{len(devices)} x {devices[0].device_kind} ({devices[0].platform})",
        "x64": bool(getattr(jax.config, "jax_enable_x64", False)),
    }


def require_writable(folder: Path) -> None:
    """Make `folder` and prove that files can be written into it.

    Raises:
      OSError: they cannot; the message names the folder and the reason.
    """
    if folder.is_file():
        raise OSError(
            f"cannot write into {folder}: it is a file, where a folder is needed. Nothing was computed; "
            f"choose another."
        )
    probe = folder / f".write-test-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise OSError(
            f"cannot write into {folder}: {error.strerror or error}. Nothing was computed; choose another."
        ) from error


def write_json(path: Path, content: Any) -> None:
    """`write_file` of JSON that any reader accepts (no NaN)."""
    write_file(path, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def _numbers(values: Any) -> Any:
    """A number, or a list of them; null for what is none."""
    found = [finite_or_none(value) for value in np.ravel(values)]
    return found if np.ndim(values) else found[0]


def _range(values: Any, spec: str) -> str:
    """One number, or the span of several."""
    low, high = format(np.min(values), spec), format(np.max(values), spec)
    return low if low == high else f"{low} to {high}"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """Model name of the processor, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
