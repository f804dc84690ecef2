"""`jaxstack advise`: what to post next, by a log of rounds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxstack.cli.inspection import response_table
from jaxstack.cli.learners import one_learner
from jaxstack.cli.pictures import DOTS_PER_INCH, sizes
from jaxstack.writing import write_file

if TYPE_CHECKING:
    from jaxstack.data import Advice

_MAX_ROWS = 40  # leader actions


def print_advice(
    game: Path,
    log: Path,
    learner: str | None,
    kind: str | None,
    horizon: int | None,
    plot: Path | None,
    console: Console,
) -> None:
    """Print what a log speaks for, and draw it where a picture is asked for."""
    import jaxstack
    from jaxstack import plots

    file = jaxstack.load_game_file(game)
    player = None if learner is None else one_learner(learner)
    advice = jaxstack.advise(file, log, learner=player, kind=kind, horizon=horizon)
    console.print(_facts(advice, file, log))
    console.print(_commitments(advice))
    console.print(response_table(advice.next.responses, file, "responses to what to post next"))
    if plot is not None:
        figure = plots.advice(advice, title=f"{game.stem}: {advice.log.num_rounds:,} rounds of {log.name}")
        suffix = plot.suffix[1:].lower()
        write_file(plot, lambda stream: figure.savefig(stream, format=suffix, dpi=DOTS_PER_INCH))
        console.print(Text(f"Picture: {plot}"))


def _facts(advice: Advice, file: Any, log: Path) -> Table:
    """What was seen, what it tells, and what commitments earn."""
    fitted = advice.fitted
    facts = Table(title=Text(str(log)), show_header=False, title_justify="left")
    facts.add_column(no_wrap=True)
    facts.add_column()
    low, high = advice.expected.interval
    maps = "" if advice.log.maps is None else f", {len(advice.log.maps):,} response maps posted"
    by = f"what {advice.learner} would post" if advice.learner else "best under the fitted types"
    value = f"{advice.expected.value:.6g}"
    interval = f", 95 % interval {low:.6g} to {high:.6g}"
    if not math.isfinite(low):
        interval = "; how precisely, the log does not tell"
        if not advice.learner:
            interval = (
                f", and {advice.stakes.low:.6g} to {advice.stakes.high:.6g} under types that fit as well"
            )
    exact = "with the types that were seen" if advice.types_seen else "under the fitted types"
    rows = {
        **({"title": file.title} if file.title else {}),
        "sizes": sizes(file.game),
        "log": f"{advice.log.num_rounds:,} rounds of {advice.log.kind}{maps}",
        "types": f"{fitted.kind}, log-likelihood {fitted.log_likelihood:.6g}",
        "not told": _not_told(advice),
        "next": f"{by}: expected to earn {value} a round{interval}",
        "best fixed": f"in hindsight {advice.in_hindsight:.6g} a round, {exact}",
    }
    if advice.earned is not None:
        error = 1.96 * advice.earned.standard_error
        rows["earned"] = f"{advice.earned.value:.6g} a round so far, +- {error:.2g}"
    for name, text in rows.items():
        facts.add_row(name, Text(text))
    return facts


def _not_told(advice: Advice) -> str:
    unidentified, stakes = advice.fitted.unidentified, advice.stakes
    if not unidentified:
        return str(unidentified)
    if not stakes.matters:
        return f"{unidentified}; it makes no difference to which commitment is best"
    about = "up to" if stakes.exact else "at least"
    return (
        f"{unidentified}; under types that fit as well, the best commitment earns {stakes.low:.6g} to "
        f"{stakes.high:.6g}, and another one {about} {stakes.loss:.3g} more: post it for a while to find out"
    )


def _commitments(advice: Advice) -> Table:
    """Commitments side by side, by leader action."""
    words = advice.next.words
    word = "leader action" if words.game.strategies is None else "coordinate"
    columns = dict(reversed(advice.commitments.items()))
    if advice.stakes.rival is not None:
        columns["to find out"] = advice.stakes.rival.commitment
    table = Table(title="commitments", title_justify="left")
    table.add_column(word)
    for name in columns:
        table.add_column(name, justify="right")
    for row, name in enumerate(words.leader[:_MAX_ROWS]):
        table.add_row(Text(name), *(f"{x[row]:.6f}" for x in columns.values()))
    if len(words.leader) > _MAX_ROWS:
        table.caption = f"the first {_MAX_ROWS} of {len(words.leader)}"
    return table
