"""`python -m experiments [--quick | --toy] [--redraw] [--only NAME,..] [--out DIR]`: the claims, tested.

Without a size: hours. Whatever is interrupted goes on where it stopped when the same command is given again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from experiments.claims import NAMES

_CLONE = Path(__file__).resolve().parents[1]
_RESULTS, _OTHER, _RUNS = Path("experiments/results"), Path("out/claims"), Path("runs/claims")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen experiments, and write rows and figures after every one."""
    options = _parse(arguments)
    if Path.cwd() != _CLONE and None in (options.out, options.runs):
        print(
            f"The experiments write into the clone of the repository, but the working directory is "
            f"{Path.cwd()}. Either\n    cd {_CLONE} && python -m experiments\n"
            f"or say where figures and sweeps go: --out DIR --runs DIR",
            file=sys.stderr,
        )
        return 2
    _set_up_devices()
    from experiments import claims

    size = "quick" if options.quick else "toy" if options.toy else "full"
    out = options.out or (_RESULTS if size == "full" else _OTHER / size)
    sizes = {row["size"] for row in claims.rows_in(out)}
    if sizes and (size == "toy") != (sizes == {"toy"}):
        print(
            f"{out} holds results of size {', '.join(sorted(sizes))}; those of size {size} do not stand next "
            "to them. Give another folder by --out.",
            file=sys.stderr,
        )
        return 2
    for name in options.only:
        if not options.redraw:
            _play(name, size, out, (options.runs or _RUNS) / size)
        _draw(name, out)
    print(f"written: {out}")
    return 0


def _play(name: str, size: str, out: Path, runs: Path) -> None:
    """Compute what the folder of runs lacks; write the row of the claim and the points of its figure."""
    from experiments import claims

    began = time.perf_counter()
    module = claims.script(name)
    data = claims.data_of(name, size, runs)
    row = claims.row_of(name, size, module.measure(data))
    claims.write_curves(module.curves(data), _points(name, out))
    claims.write_rows([row], out)
    seconds = time.perf_counter() - began
    print(f"{row['number']:2d}. {name:12s} {row['verdict']:12s} {seconds:6.1f} s", flush=True)


def _draw(name: str, out: Path) -> None:
    """Draw the figure of a claim from its points."""
    from experiments import claims

    points = _points(name, out)
    if points.exists():
        claims.save_figure(claims.script(name).draw(claims.read_curves(points)), points.with_suffix(".png"))
    else:
        print(f"{name}: not drawn, for {points} is missing; playing the claim writes it.")


def _points(name: str, out: Path) -> Path:
    return out / f"{name}.csv"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick", action="store_true", help="every claim at reduced size: minutes on two cores"
    )
    size.add_argument("--toy", action="store_true", help="every script in seconds; the numbers mean nothing")
    parser.add_argument(
        "--only", type=_names, default=NAMES, metavar="NAME,..", help=f"of {', '.join(NAMES)}"
    )
    parser.add_argument(
        "--out", type=Path, help=f"rows and figures (default: {_RESULTS}; of a smaller size {_OTHER}/SIZE)"
    )
    parser.add_argument(
        "--redraw", action="store_true", help="play nothing: figures anew from the points kept beside them"
    )
    parser.add_argument("--runs", type=Path, help=f"results of the sweeps (default: {_RUNS})")
    return parser.parse_args(arguments)


def _names(text: str) -> tuple[str, ...]:
    unknown = [name for name in text.split(",") if name not in NAMES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no experiment is called {unknown[0]!r}; known: {', '.join(NAMES)}")
    return tuple(name for name in NAMES if name in text.split(","))


def _set_up_devices() -> None:
    """One CPU device per core, unless JAX is in use already."""
    import jax

    with contextlib.suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)


if __name__ == "__main__":
    sys.exit(main())
