"""What the experiments share: sweeps at three sizes, intervals, fits, rules for verdicts, rows and figures.

An experiment is a folder with `claim.py`, which holds

```
CLAIM = Claim(..)                   # what is claimed, and where
measure(data) -> list[Check]        # numbers with intervals, judged by rules that stand in the code
draw(data, checks) -> Figure
```
and, where `data` comes from sweeps, a spec `spec.toml` at full size and `sizes.toml`, what is smaller in the
sizes "quick" and "toy". Elsewhere a function `collect(size)` makes `data`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import math
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

import jaxstack as js
from jaxstack.sweeps.spec import Spec, parse_spec
from jaxstack.writing import write_file

HERE = Path(__file__).parent
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
)
"""Folders, in the order of the claims."""

NOTHING = 1e-9
"""Regret in payoff units that is rounding."""

HOLDS, FAILS, OPEN = "holds", "does not", "cannot tell"
_RESAMPLES = 1000
_LEVELS = (0.025, 0.975)
_BENDS = -0.005  # change of an exponent from the first to the second half that is no rounding
_INCHES, _DPI = 3.6, 80


@dataclasses.dataclass(frozen=True)
class Claim:
    """What a reader is told before the numbers.

    Attributes:
      number: as in the table.
      title: the claim, in a sentence.
      source: theorem or section.
      varied: what the experiment varies.
      remedy: what would decide where the intervals do not.
      reading: what of it is a reading of the theorem, which measures may contradict and the theorem not.
      x64: play in double precision.
      machine_dependent: the numbers are times, and other machines have others.
    """

    number: int
    title: str
    source: str
    varied: str
    remedy: str
    reading: str = ""
    x64: bool = False
    machine_dependent: bool = False


# --- verdicts ---


class Interval(NamedTuple):
    """A measured value with its 95 % interval."""

    value: float
    low: float
    high: float


class Fit(NamedTuple):
    """A power law through points: exponent, range of the abscissa, largest |measured / fitted - 1|.

    `bend` is the slope of the second half of the points less that of the first; nan for two points.
    """

    exponent: Interval
    window: tuple[float, float]
    residual: float
    bend: Interval


@dataclasses.dataclass(frozen=True)
class Rule:
    """Judges an interval: it holds within [low, high], does not beyond [refuted_below, refuted_above].

    The second range is the wider one: an interval that reaches between the two decides nothing.
    """

    text: str
    low: float = -math.inf
    high: float = math.inf
    refuted_below: float = -math.inf
    refuted_above: float = math.inf
    bending_excuses: bool = False  # growth that slows down refutes no bound that holds from some T on

    def verdict(self, measured: Interval) -> str:
        """ "holds", "does not" or "cannot tell"; without an interval nothing can be told."""
        if not np.isfinite(measured).all():
            return OPEN
        if self.low <= measured.low and measured.high <= self.high:
            return HOLDS
        if measured.high < self.refuted_below or measured.low > self.refuted_above:
            return FAILS
        return OPEN


def at_most(limit: float) -> Rule:
    """At most `limit`."""
    return Rule(f"at most {limit:.3g}", high=limit, refuted_above=limit)


def at_least(limit: float) -> Rule:
    """At least `limit`."""
    return Rule(f"at least {limit:.3g}", low=limit, refuted_below=limit)


def between(low: float, high: float) -> Rule:
    """From `low` to `high`."""
    return Rule(f"{low:.3g} to {high:.3g}", low, high, low, high)


SQRT_RATE = Rule(
    "at most 0.55; refuted by 0.95 or more that does not fall",
    high=0.55,
    refuted_above=0.95,
    bending_excuses=True,
)
"""For an upper bound of order sqrt(T): what grows faster in the window may still be on its way there."""


@dataclasses.dataclass(frozen=True)
class Check:
    """One measured number, and the rule that judges it if any."""

    what: str
    measured: Interval
    rule: Rule | None
    fit: Fit | None = None

    @property
    def verdict(self) -> str:
        """By the rule; none where the number is only reported."""
        if self.rule is None:
            return ""
        verdict = self.rule.verdict(self.measured)
        bends = self.fit is not None and self.fit.bend.high < _BENDS
        return OPEN if verdict == FAILS and self.rule.bending_excuses and bends else verdict

    @classmethod
    def of_fit(cls, what: str, fit: Fit, rule: Rule | None) -> Check:
        """A check of the exponent of a fit."""
        return cls(what, fit.exponent, rule, fit)


LEARNT = 0.9
"""Share of the regret of uniform play, below which a learner has learnt something."""


def over_uniform(
    name: str, along: str, regret: np.ndarray, uniform: np.ndarray, rule: Rule | None = None
) -> Check:
    """Regret [P, G, S] over that of uniform play, the largest along P.

    On the hard family this tells whether a learner learns: the root of T is what never learning costs too.
    """
    share = interval(lambda learnt, stakes: (learnt / stakes).max(axis=1), regret, uniform)
    return Check(f"{name}: regret over that of uniform play, largest over {along}", share, rule)


def verdict_of(checks: Sequence[Check]) -> str:
    """The worst: a claim holds when all of its checks do."""
    verdicts = {check.verdict for check in checks}
    return next((worst for worst in (FAILS, OPEN) if worst in verdicts), HOLDS)


# --- data ---


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


# --- statistics ---


def resampled(values: np.ndarray) -> np.ndarray:
    """Means of [.., G, S] over resampled games and runs, [B, ..]: the same ones at every leading index.

    Equal G and S give the same resampling, so that ratios of two such arrays are those of pairs.
    """
    *shape, num_games, num_runs = values.shape
    rng = np.random.default_rng(0)
    games, runs = (
        rng.multinomial(count, np.full(count, 1 / count), size=_RESAMPLES) / count
        for count in (num_games, num_runs)
    )
    by_game = np.einsum("pgs,bs->bpg", values.reshape(-1, num_games, num_runs), runs, optimize=True)
    return np.einsum("bpg,bg->bp", by_game, games).reshape(_RESAMPLES, *shape)


def interval(statistic: Callable[..., np.ndarray], *values: np.ndarray) -> Interval:
    """A statistic of means over games and runs, with the interval of resampled games and runs.

    Where more resamples than an interval leaves out on one side have no such statistic (the logarithm of
    nothing), neither has the interval.

    Args:
      statistic: of arrays [N, ..], row by row, [N].
      values: arrays [.., G, S].
    """
    point = float(statistic(*(v.mean(axis=(-2, -1))[None] for v in values))[0])
    with np.errstate(all="ignore"):
        resamples = statistic(*(resampled(v) for v in values))
    there = np.isfinite(resamples)
    resamples = resamples[there]
    if there.mean() < _LEVELS[1] or not math.isfinite(point):
        return Interval(math.nan, math.nan, math.nan)
    low, high = np.quantile(resamples, _LEVELS)
    return Interval(point, float(low), float(high))


def slope(x: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Least-squares slopes of log means [N, P] on log x [P]."""
    centred = np.log(x) - np.log(x).mean()
    with np.errstate(all="ignore"):
        return np.log(means) @ (centred / np.square(centred).sum())


def power_fit(x: np.ndarray, regret: np.ndarray, first: float = 0.0) -> Fit:
    """The power law of mean regret [P, G, S] in x, over points from `first` on."""
    return fit_of(lambda means: means, x, regret, first=first)


def ratio_fit(x: np.ndarray, above: np.ndarray, below: np.ndarray, first: float = 0.0) -> Fit:
    """The power law of the ratio of two means [P, G, S], over points from `first` on."""
    return fit_of(lambda a, b: a / b, x, above, below, first=first)


def fit_of(
    quantity: Callable[..., np.ndarray], x: np.ndarray, *values: np.ndarray, first: float = 0.0
) -> Fit:
    """The power law in x [P] of a quantity that is made of means, over points from `first` on.

    Args:
      quantity: of arrays of means [N, .., P], row by row; [N, P].
      x: abscissa.
      values: [.., P, G, S].
      first: least x of the window.
    """
    inside = x >= first
    x, values = x[inside], tuple(v[..., inside, :, :] for v in values)
    exponent = interval(lambda *means: slope(x, quantity(*means)), *values)
    with np.errstate(all="ignore"):
        logs = np.log(quantity(*(v.mean(axis=(-2, -1))[None] for v in values))[0])
    fitted = logs.mean() + exponent.value * (np.log(x) - np.log(x).mean())
    bend, half = Interval(math.nan, math.nan, math.nan), len(x) // 2
    if len(x) > 2:
        early, late = slice(half + 1), slice(half, None)

        def bending(*means: np.ndarray) -> np.ndarray:
            y = quantity(*means)
            return slope(x[late], y[:, late]) - slope(x[early], y[:, early])

        bend = interval(bending, *values)
    return Fit(exponent, (float(x[0]), float(x[-1])), float(np.abs(np.expm1(logs - fitted)).max()), bend)


def errors(*values: np.ndarray, of: Callable[..., np.ndarray] = lambda means: means) -> np.ndarray:
    """Distances [2, P] from a quantity of means over games and runs down and up to its intervals.

    Args:
      values: [.., P, G, S].
      of: the quantity, of arrays of means [N, .., P], row by row; [N, P].
    """
    point = of(*(v.mean(axis=(-2, -1))[None] for v in values))[0]
    low, high = np.quantile(of(*(resampled(v) for v in values)), _LEVELS, axis=0)
    return np.maximum([point - low, high - point], 0.0)  # equal values differ from their mean by rounding


# --- rows and files ---


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


def row_of(name: str, size: str, checks: Sequence[Check]) -> dict[str, Any]:
    """The row of a claim in `claims.json`."""
    claim: Claim = script(name).CLAIM
    option = {"full": "", "quick": " --quick", "toy": " --toy"}[size]
    return {
        "id": name,
        **{key: value for key, value in dataclasses.asdict(claim).items() if key != "x64"},
        "size": size,
        "verdict": verdict_of(checks),
        "checks": [_check_content(check) for check in checks],
        "figure": f"{name}.png",
        "command": f"python -m experiments --only {name}{option}",
    }


def _check_content(check: Check) -> dict[str, Any]:
    content: dict[str, Any] = {
        "what": check.what,
        **dict(zip(("value", "low", "high"), map(_rounded, check.measured), strict=True)),
        "rule": "" if check.rule is None else check.rule.text,
        "verdict": check.verdict,
    }
    if check.fit is not None:
        content["fit"] = {"window": list(check.fit.window), "largest_residual": _rounded(check.fit.residual)}
    return content


def _rounded(value: float) -> float | None:
    """Four digits, and nothing below 1e-9: more would be noise."""
    return round(float(f"{value:.4g}"), 9) + 0.0 if math.isfinite(value) else None


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a small PNG without a date, the same for the same numbers."""
    for axes in figure.axes:
        if axes.get_xscale() == "log":  # small panels: labels between powers of ten would overlap
            axes.xaxis.set_minor_formatter(NullFormatter())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, lambda file: figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None}))


def panels(count: int, columns: int | None = None) -> tuple[Figure, list[Any]]:
    """A figure of so many equal panels in rows, and their axes."""
    columns = columns or min(count, 3)
    rows = -(-count // columns)
    figure = Figure(figsize=(_INCHES * columns, 0.88 * _INCHES * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for spare in axes[count:]:
        spare.set_visible(False)
    for axis in axes[:count]:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25, linewidth=0.6)
    return figure, axes[:count]


def shared_legend(figure: Figure, columns: int = 6) -> None:
    """One legend for all panels, below them."""
    told = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            told.setdefault(label, handle)
    figure.legend(told.values(), told.keys(), loc="outside lower center", ncols=columns, fontsize=8)


def rows_in(folder: Path) -> list[dict[str, Any]]:
    """The rows of `claims.json`; none where there is no such file."""
    path = folder / "claims.json"
    return json.loads(path.read_text(encoding="utf-8"))["claims"] if path.exists() else []


def write_rows(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write `claims.json` and `claims.md`; rows of other claims that are there already are kept.

    Rows of the sizes "full" and "quick" may stand together, each telling its own.
    """
    merged = {row["id"]: row for row in (*rows_in(folder), *rows)}
    content = {"claims": [merged[name] for name in NAMES if name in merged]}
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / "claims.json", json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    write_file(folder / "claims.md", markdown(content))


_SIZES_TOLD = (
    "The size *quick* plays fewer games, runs and rounds than *full*; at the size *toy* the scripts run, and "
    "the numbers mean nothing."
)


def markdown(content: Mapping[str, Any]) -> str:
    """`claims.md`: a table of verdicts, then every claim with its figure and its numbers."""
    lines = [
        "# The paper's claims, measured",
        "",
        "Claims of *Learning to Play Multi-Follower Bayesian Stackelberg Games* (arXiv 2510.01387). Written "
        f"by `python -m experiments`; nothing here is typed by hand. {_SIZES_TOLD}",
        "",
        "Intervals are 95 %, from resampled games and runs. A verdict follows from rules that stand in the "
        "scripts: *holds* where every interval lies where the rule wants it, *does not* where one lies where "
        "the rule excludes it, *cannot tell* otherwise.",
        "",
        "| | claim | source | verdict | holds, does not, cannot tell | size |",
        "|---|---|---|---|---|---|",
    ]
    for row in content["claims"]:
        verdicts = [check["verdict"] for check in row["checks"]]
        counts = ", ".join(str(verdicts.count(verdict)) for verdict in (HOLDS, FAILS, OPEN))
        title = f"[{row['title']}](#{row['id']})"
        cells = (row["number"], title, row["source"], row["verdict"], counts, row["size"])
        lines.append(f"| {' | '.join(map(str, cells))} |")
    for row in content["claims"]:
        lines += [
            "",
            f'<a id="{row["id"]}"></a>',
            f"## {row['number']}. {row['title']}",
            "",
            f"**{row['verdict']}** · {row['source']} · varied: {row['varied']} · `{row['command']}`",
        ]
        if row["machine_dependent"]:
            lines += [
                "",
                "Times of the machine that it ran on: intervals of repeated timings, one game a size.",
            ]
        lines += ["", row["reading"]] if row["reading"] else []
        lines += ["", f"![{row['title']}]({row['figure']})", ""]
        lines += ["| measured | value | wanted | verdict | fitted over | largest residual |"]
        lines += ["|---|---|---|---|---|---|"]
        for check in row["checks"]:
            fit = check.get("fit")
            cells = (
                check["what"],
                _told(check),
                check["rule"],
                check["verdict"],
                "" if fit is None else "{:,.6g} to {:,.6g}".format(*fit["window"]),
                "" if fit is None or fit["largest_residual"] is None else f"{fit['largest_residual']:.0%}",
            )
            lines.append(f"| {' | '.join(map(str, cells))} |")
        if row["verdict"] == OPEN or OPEN in {check["verdict"] for check in row["checks"]}:
            lines += ["", f"What would tell: {row['remedy']}"]
    return "\n".join(lines) + "\n"


def _told(check: Mapping[str, Any]) -> str:
    if check["value"] is None:
        return "none"
    return f"{check['value']:.3g} ({check['low']:.3g}, {check['high']:.3g})"
