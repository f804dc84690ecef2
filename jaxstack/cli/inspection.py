"""`jaxstack inspect`: sizes, best-response regions and optimal commitment of a game."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxstack.cli.pictures import DOTS_PER_INCH, sizes
from jaxstack.cli.solving import print_json
from jaxstack.terminal import Terminal
from jaxstack.writing import write_file

_MAX_ROWS = 40  # of the table of responses


def _near_ties(game: Any, types: Any, solution: Any) -> str:
    """What a value rests on that a small change of payoffs would turn."""
    from jaxstack import solvers

    found = solvers.near_ties(game, types, solution.commitment, solution.response)
    shown = [*map(str, found[:5]), *([f"and {len(found) - 5} more"] if len(found) > 5 else [])]
    return f"{solution.warning()} They are: {'; '.join(shown)}."


def inspect_game(path: Path, out: Path | None, ties: str, console: Console, as_json: bool = False) -> None:
    """Print what is known of a game, and draw its regions where a picture is asked for."""
    import jaxstack
    from jaxstack import plots, scenarios, solvers

    file = scenarios.load_game_file(path)
    game, types = file.game, file.types
    method, why = solvers.choose(game, ties)
    table = jaxstack.enumerate_regions(game, ties=ties) if method == "vertices" else None
    solution = solvers.solve(game, types, method, ties, table)

    told = Terminal(stderr=True) if as_json else console
    if as_json:
        print_json(_record(path, file, table, solution, why), console)
    else:
        _print_facts(path, file, table, solution, why, console)
        _print_solution(file, solution, console)
    if out is None:
        return
    if table is None:
        told.print(Text(f"No picture: {why}."))
        return
    if game.dimension not in (1, 2):
        drawn = "regions are drawn of two or three leader actions, or of sets of one or two dimensions"
        told.print(Text(f"No picture: {drawn}, and there are {game.dimension} dimensions here."))
        return
    words: Any = {"names": _leaders(file), "action_names": file.action_names}
    figure = plots.regions(game, types, table, solution, title=f"{path.stem}: {sizes(game)}", **words)
    suffix = out.suffix[1:].lower()
    write_file(out, lambda stream: figure.savefig(stream, format=suffix, dpi=DOTS_PER_INCH))
    told.print(Text(f"Picture: {out}"))


def _print_facts(path: Path, file: Any, table: Any, solution: Any, why: str, console: Console) -> None:
    """What there is in a game, and what is best in it."""
    from jaxstack import bounds

    game, types, ties = file.game, file.types, solution.ties
    facts = Table(title=Text(str(path)), show_header=False, title_justify="left")
    facts.add_column(no_wrap=True)
    facts.add_column()
    low, high = game.payoff_bounds()
    payoffs = np.asarray(game.follower).swapaxes(-1, -2)  # [n, K, A, L]
    if game.strategies is not None:  # what followers get, and not its coefficients
        payoffs = payoffs @ game.strategies.outline.T
    payoffs = payoffs if game.available is None else payoffs[game.available]
    formula = "n^L K^L A^2L" if game.strategies is None else "(n K A^2)^(dimension + 1)"
    rows = {
        **({"title": file.title} if file.title else {}),
        "sizes": sizes(game),
        **({"strategies": repr(game.strategies)} if game.strategies is not None else {}),
        "leader payoff": f"{type(game.leader).__name__}, {low:.6g} to {high:.6g} payoff units",
        "follower payoffs": f"{payoffs.min():.6g} to {payoffs.max():.6g}",
        "types": f"{type(types).__name__}, {game.num_joint_types:,} joint types",
        **_of_table(table, ties),
        "bound on regions": f"{bounds.num_regions(game):,}  ({formula}, generic games)",
        "solved by": f"{solution.method}: {why}",
        "optimum": f"{float(solution.value):.9g} payoff units per round ({ties} ties)",
        **({"not above": f"{float(solution.upper_bound):.9g}"} if solution.gap else {}),
        **({"near-ties": _near_ties(game, types, solution)} if solution.near_ties else {}),
    }
    for name, value in rows.items():
        facts.add_row(name, Text(value))
    console.print(facts)


def _of_table(table: Any, ties: str) -> dict[str, str]:
    """What a region table, if there is one, says of a game."""
    from jaxstack import memory

    if table is None:
        return {}
    full = int(table.full_dimensional.sum())
    counted = f"{int(table.num_regions):,} optimistic, of which {full:,} full-dimensional (robust)"
    return {
        "regions": counted if ties == "optimistic" else f"{full:,} full-dimensional (robust)",
        "vertices": f"{int(table.vertex_mask.sum()):,} over all regions",
        "region table": memory.readable(table.nbytes),
    }


def _leaders(file: Any) -> list[str]:
    """Leader actions, or coordinates of a strategy set, in words."""
    word = "leader action" if file.game.strategies is None else "coordinate"
    return list(file.leader_names or [f"{word} {action}" for action in range(file.game.num_leader_actions)])


def _print_solution(file: Any, solution: Any, console: Console) -> None:
    """The optimal commitment, and who answers how."""
    word, number = (
        ("leader action", "probability") if file.game.strategies is None else ("coordinate", "value")
    )
    commitment = Table(title="optimal commitment", title_justify="left")
    commitment.add_column(word)
    commitment.add_column(number, justify="right")
    for name, probability in zip(_leaders(file), solution.commitment, strict=True):
        commitment.add_row(Text(name), f"{probability:.6f}")
    console.print(commitment)
    console.print(response_table(solution.response, file, "responses at the optimum"))


def _record(path: Path, file: Any, table: Any, solution: Any, why: str) -> dict[str, Any]:
    """The same for JSON."""
    from jaxstack import bounds
    from jaxstack.exports.solution import record_of

    game = file.game
    low, high = game.payoff_bounds()
    return {
        "game": str(path),
        "title": file.title,
        "leader_actions": game.num_leader_actions,
        "followers": game.num_followers,
        "types": game.types_by_follower.tolist(),
        "actions": game.actions_by_follower.tolist(),
        "leader_payoff": {"kind": type(game.leader).__name__, "low": float(low), "high": float(high)},
        "distribution": type(file.types).__name__,
        "joint_types": game.num_joint_types,
        "regions": None if table is None else int(table.num_regions),
        "full_dimensional_regions": None if table is None else int(table.full_dimensional.sum()),
        "bound_on_regions": bounds.num_regions(game),
        "vertices": None if table is None else int(table.vertex_mask.sum()),
        "table_bytes": None if table is None else table.nbytes,
        "solved_by": {"method": solution.method, "reason": why},
        "optimum": record_of(solution, file),
    }


def response_table(responses: Any, file: Any, title: str) -> Table:
    """What every follower type does against a commitment, a row each: long names have room."""
    followers = file.follower_names or [f"follower {i}" for i in range(len(responses))]
    rows = [
        (followers[i] if k == 0 else "", kind, file.actions_of(i)[responses[i][k]])
        for i in range(min(len(responses), _MAX_ROWS))
        for k, kind in enumerate(file.types_of(i))
    ]
    table = Table(title=title, title_justify="left")
    for heading in ("follower", "type", "response"):
        table.add_column(heading, overflow="fold")
    for row in rows[:_MAX_ROWS]:
        table.add_row(*map(Text, row))
    total = int(file.game.types_by_follower.sum())
    if total > len(rows[:_MAX_ROWS]):
        table.caption = f"the first {_MAX_ROWS} of {total:,} follower types; --json tells all"
    return table


def require_picture_name(out: Path) -> None:
    """Raise ValueError unless a picture can be written under this name."""
    if out.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise ValueError(f"{out}: a picture's name must end in .png, .pdf or .svg.")
