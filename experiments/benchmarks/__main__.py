"""`python -m experiments.benchmarks [--quick] [--only NAME,..] [--out FILE]`."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from experiments.benchmarks import measure
from experiments.benchmarks.cases import FULL, NAMES, QUICK

DEFAULT_OUT = Path("out/benchmarks")
WIDTH = 180  # columns of a terminal that the table needs


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen cases, print their table, and write it after every case."""
    options = _parse(arguments)
    _set_up_devices()
    import jax
    from rich.console import Console

    from experiments.benchmarks import report

    console, rows, written = Console(), [], []
    hardware = measure.hardware()
    console.print(" | ".join(f"{name}: {value}" for name, value in hardware.items()), highlight=False)
    for name in options.only:
        case = importlib.import_module(f"experiments.benchmarks.cases.{name}")
        jax.clear_caches()  # so that no case finds its programs compiled
        began = time.perf_counter()
        with console.status(f"{name} .."):
            rows.extend(case.run(QUICK if options.quick else FULL))
        written = report.write(options.out, hardware, rows)
        console.print(f"{name}: {time.perf_counter() - began:.0f} s", highlight=False)
    wide = console if console.width >= WIDTH else Console(width=WIDTH)
    wide.print(report.screen_table(rows))
    console.print(report.LEGEND.replace("\n", " "), highlight=False)
    console.print(f"written: {', '.join(map(str, written))}", highlight=False)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m experiments.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes and few repeats: about two minutes")
    parser.add_argument(
        "--only", type=_names, default=NAMES, metavar="NAME,..", help=f"of {', '.join(NAMES)}"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=DEFAULT_OUT,
        help="FILE.md, FILE.json, or FILE for both (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in NAMES]
    if unknown or not names:
        raise argparse.ArgumentTypeError(
            f"unknown case(s) {', '.join(unknown) or '(none named)'}; known: {', '.join(NAMES)}"
        )
    return names


def _set_up_devices() -> None:
    """One host device a core, before JAX starts."""
    import jax

    jax.config.update("jax_num_cpu_devices", measure.num_cores())


if __name__ == "__main__":
    sys.exit(main())
