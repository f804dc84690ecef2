"""What the experiments share: sweeps at three sizes, intervals, fits, rules for verdicts, rows and figures.

An experiment is a folder with `claim.py`, which holds

```
CLAIM = Claim(..)                   # what is claimed, and where
measure(data) -> list[Check]        # numbers with intervals, judged by rules that stand in the code
curves(data) -> list[Curve]         # what the figure shows, kept as a table beside it
draw(curves) -> Figure
```
and, where `data` comes from sweeps, a spec `spec.toml` at full size and `sizes.toml`, what is smaller in the
sizes "quick" and "toy". Elsewhere a function `collect(size)` makes `data`.
"""

from experiments.claims.curves import Curve, by_panel, curve, line, read_curves, write_curves
from experiments.claims.data import (
    HERE,
    NAMES,
    SIZES,
    Series,
    data_of,
    precision,
    script,
    series,
    spec_of,
    specs_of,
)
from experiments.claims.figures import (
    COLOURS,
    asides,
    errorbars,
    learner_lines,
    panels,
    reference,
    save_figure,
    shared_legend,
)
from experiments.claims.rows import markdown, row_of, rows_in, write_rows
from experiments.claims.statistics import (
    errors,
    fit_of,
    interval,
    over_uniform,
    power_fit,
    ratio_fit,
    resampled,
    slope,
)
from experiments.claims.verdicts import (
    FAILS,
    HOLDS,
    LEARNT,
    NOTHING,
    OPEN,
    SQRT_RATE,
    Check,
    Claim,
    Fit,
    Interval,
    Rule,
    at_least,
    at_most,
    between,
    verdict_of,
)

__all__ = [
    "COLOURS",
    "FAILS",
    "HERE",
    "HOLDS",
    "LEARNT",
    "NAMES",
    "NOTHING",
    "OPEN",
    "SIZES",
    "SQRT_RATE",
    "Check",
    "Claim",
    "Curve",
    "Fit",
    "Interval",
    "Rule",
    "Series",
    "asides",
    "at_least",
    "at_most",
    "between",
    "by_panel",
    "curve",
    "data_of",
    "errorbars",
    "errors",
    "fit_of",
    "interval",
    "learner_lines",
    "line",
    "markdown",
    "over_uniform",
    "panels",
    "power_fit",
    "precision",
    "ratio_fit",
    "read_curves",
    "reference",
    "resampled",
    "row_of",
    "rows_in",
    "save_figure",
    "script",
    "series",
    "shared_legend",
    "slope",
    "spec_of",
    "specs_of",
    "verdict_of",
    "write_curves",
    "write_rows",
]
