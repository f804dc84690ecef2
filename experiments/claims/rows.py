"""`claims.json` and `claims.md`: a row for every claim."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.claims.data import NAMES, script
from experiments.claims.verdicts import FAILS, HOLDS, OPEN, Check, Claim, verdict_of
from jaxstack.writing import write_file


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
        "points": f"{name}.csv",
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
        f"by `python -m experiments`; nothing here is typed by hand. {_SIZES_TOLD} With `--redraw` figures "
        "are drawn from the points that are kept of them, and nothing is played.",
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
        if "points" in row:  # rows of before have none
            lines += [f"[Points of the figure]({row['points']})", ""]
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
