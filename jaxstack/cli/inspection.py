"""`jaxstack inspect`: sizes, best-response regions and optimal commitment of a game."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxstack.cli.pictures import DOTS_PER_INCH, sizes
from jaxstack.writing import write_file

_MAX_ROWS, _MAX_COLUMNS = 20, 8  # of the table of responses


def _near_ties(game: Any, types: Any, solution: Any) -> str:
    """What a value rests on that a small change of payoffs would turn."""
    from jaxstack import solvers

    found = solvers.near_ties(game, types, solution.commitment, solution.response)
    shown = [*map(str, found[:5]), *([f"and {len(found) - 5} more"] if len(found) > 5 else [])]
    return f"{solution.warning()} They are: {'; '.join(shown)}."


def inspect_game(path: Path, out: Path | None, ties: str, console: Console) -> None:
    """Print what is known of a game, and draw its regions where a picture is asked for."""
    import jaxstack
    from jaxstack import bounds, memory, plots, scenarios, solvers

    file = scenarios.load_game_file(path)
    game, types = file.game, file.types
    table = jaxstack.enumerate_regions(game, ties=ties)
    solution = solvers.solve(game, types, ties=ties, table=table)

    facts = Table(title=Text(str(path)), show_header=False, title_justify="left")
    facts.add_column(no_wrap=True)
    facts.add_column()
    low, high = game.payoff_bounds()
    payoffs = np.asarray(game.follower).swapaxes(-1, -2)  # [n, K, A, L]
    if game.strategies is not None:  # what followers get, and not its coefficients
        payoffs = payoffs @ game.strategies.outline.T
    full = int(table.full_dimensional.sum())
    payoffs = payoffs if game.available is None else payoffs[game.available]
    counted = f"{int(table.num_regions):,} optimistic, of which {full:,} full-dimensional (robust)"
    formula = "n^L K^L A^2L" if game.strategies is None else "(n K A^2)^(dimension + 1)"
    rows = {
        **({"title": file.title} if file.title else {}),
        "sizes": sizes(game),
        **({"strategies": repr(game.strategies)} if game.strategies is not None else {}),
        "leader payoff": f"{type(game.leader).__name__}, {low:.6g} to {high:.6g} payoff units",
        "follower payoffs": f"{payoffs.min():.6g} to {payoffs.max():.6g}",
        "types": f"{type(types).__name__}, {game.num_joint_types:,} joint types",
        "regions": counted if ties == "optimistic" else f"{full:,} full-dimensional (robust)",
        "bound on regions": f"{bounds.num_regions(game):,}  ({formula}, generic games)",
        "vertices": f"{int(table.vertex_mask.sum()):,} over all regions",
        "region table": memory.readable(table.nbytes),
        "optimum": f"{float(solution.value):.9g} payoff units per round ({ties} ties)",
        **({"near-ties": _near_ties(game, types, solution)} if solution.near_ties else {}),
    }
    for name, value in rows.items():
        facts.add_row(name, Text(value))
    console.print(facts)

    word, number = ("leader action", "probability") if game.strategies is None else ("coordinate", "value")
    leaders = file.leader_names or [f"{word} {action}" for action in range(game.num_leader_actions)]
    commitment = Table(title="optimal commitment", title_justify="left")
    commitment.add_column(word)
    commitment.add_column(number, justify="right")
    for name, probability in zip(leaders, solution.commitment, strict=True):
        commitment.add_row(Text(name), f"{probability:.6f}")
    console.print(commitment)
    console.print(_responses(solution.response, file))

    if out is None:
        return
    if game.dimension not in (1, 2):
        console.print(Text(f"No picture: regions are drawn for L = 2 or 3, and L = {len(leaders)} here."))
        return
    title = f"{path.stem}: {sizes(game)}"
    words: Any = {"names": leaders, "action_names": file.action_names}
    figure = plots.regions(game, types, table, solution, title=title, **words)
    suffix = out.suffix[1:].lower()
    write_file(out, lambda stream: figure.savefig(stream, format=suffix, dpi=DOTS_PER_INCH))
    console.print(Text(f"Picture: {out}"))


def _responses(responses: Any, file: Any) -> Table:
    """What every follower type does at the optimum."""
    n, K = len(responses), file.game.num_types
    followers = file.follower_names or [f"follower {i}" for i in range(n)]
    # A heading is for a column of types: those of followers who name their own stand in the cells.
    own_types = bool(file.type_names) and not isinstance(file.type_names[0], str)
    kinds = [f"type {k}" for k in range(K)] if own_types or not file.type_names else file.type_names
    shown = range(min(n, _MAX_ROWS))
    table = Table(title="responses at the optimum", title_justify="left")
    table.add_column("follower")
    for kind in kinds[:_MAX_COLUMNS]:
        table.add_column(Text(kind))
    for i in shown:
        names, actions = file.types_of(i)[:_MAX_COLUMNS], file.actions_of(i)
        played = [actions[a] for a in responses[i][: len(names)]]  # of the types that there are
        cells = map(": ".join, zip(names, played, strict=True)) if own_types else played
        table.add_row(Text(followers[i]), *map(Text, cells))
    if n > len(shown) or K > _MAX_COLUMNS:
        table.caption = f"the first {len(shown)} of {n} followers, {min(K, _MAX_COLUMNS)} of {K} types"
    return table


def require_picture_name(out: Path) -> None:
    """Raise ValueError unless a picture can be written under this name."""
    if out.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise ValueError(f"{out}: a picture's name must end in .png, .pdf or .svg.")
