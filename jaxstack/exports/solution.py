"""Tables of a solution: the commitment and the responses by name, the value beside that of others."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from jaxstack.exports.names import Names, names_of
from jaxstack.exports.table import Section, Table
from jaxstack.exports.words import Number, finite_or_none
from jaxstack.solvers.baseline import baselines
from jaxstack.solvers.contract import Solution

_Line = tuple[str, str | None, str | None, str, float | None]  # part, follower, type, action, number


def table_of(solution: Solution, game: Any = None, types: Any = None, **labels: Any) -> Table:
    """One solution with its game; of a batch a row for each game.

    Args:
      solution: from `solve`.
      game, types, labels: as for `Solution.to_latex`.
    """
    x, W = np.asarray(solution.commitment), np.asarray(solution.response)
    if x.ndim == 2:
        return _of_batch(solution)
    names = names_of((len(x), *W.shape, int(W.max()) + 1), game, types, labels)
    values = _values(solution, names)
    word = "Optimal commitment" if solution.gap == 0 else "Best commitment found"
    return Table(
        _columns(x, W, values, names),
        ("", "", ""),
        [
            Section(
                "Commitment",
                [(word, "", Number(f"{p:.4f}")) for word, p in zip(names.leader, x, strict=True)],
            ),
            Section("Best responses", _responses(W, names)),
            Section("Leader's expected payoff per round", [(what, of, v) for what, of, v in values]),
        ],
        f"{word} ({solution.method}, {solution.ties} ties), payoffs in payoff units.",
    )


def record_of(solution: Solution, game: Any, types: Any = None, **labels: Any) -> dict[str, Any]:
    """One solution with its game, ready for JSON (what is not known is null); arguments as `table_of`."""
    x, W = np.asarray(solution.commitment), np.asarray(solution.response)
    names = names_of((len(x), *W.shape, int(W.max()) + 1), game, types, labels)
    assert names.game is not None
    marks = None
    if names.types is not None:
        found = dataclasses.asdict(baselines(names.game, names.types, solution.ties))
        marks = {name: finite_or_none(found[name]) for name in ("uniform", "pure", "known_types")}
        pure = found["pure_action"] if marks["pure"] is not None else None
        marks |= {"pure_action": names.leader[pure] if found["is_simplex"] and pure is not None else pure}
    return {
        "method": solution.method,
        "reason": solution.reason,
        "ties": solution.ties,
        "value": float(solution.value),
        "upper_bound": None if solution.upper_bound is None else finite_or_none(solution.upper_bound),
        "near_ties": int(solution.near_ties),
        "commitment": dict(zip(names.leader, x.tolist(), strict=True)),
        "responses": [
            {"follower": follower, "type": kind, "action": names.actions_of[i][W[i, k]]}
            for i, follower in enumerate(names.followers)
            for k, kind in enumerate(names.types_of[i])
        ],
        "baselines": marks,
    }


def _responses(W: np.ndarray, names: Names) -> list[tuple[str, str, str]]:
    """Follower, type, and what it plays."""
    return [
        (follower if k == 0 else "", kind, names.actions_of[i][W[i, k]])
        for i, follower in enumerate(names.followers)
        for k, kind in enumerate(names.types_of[i])
    ]


def _values(solution: Solution, names: Names) -> list[tuple[str, str, float]]:
    """What the commitment earns, and what others would."""
    values = [("this commitment", "", float(solution.value))]
    if solution.gap is None or solution.gap > 0:
        bound = np.inf if solution.upper_bound is None else float(solution.upper_bound)
        values += [("at most", "", bound)] if np.isfinite(bound) else []
    if names.game is not None and names.types is not None:
        values += baselines(names.game, names.types, solution.ties).told(names.leader)
    return values


def _columns(
    x: np.ndarray, W: np.ndarray, values: list[tuple[str, str, float]], names: Names
) -> dict[str, list[Any]]:
    """Probabilities of leader actions, of types with what they play, and payoffs, a row each."""
    marginals = None if names.types is None else np.asarray(names.types.marginals())
    lines: list[_Line] = [
        ("commitment", None, None, word, float(p)) for word, p in zip(names.leader, x, strict=True)
    ]
    for i, follower in enumerate(names.followers):
        for k, kind in enumerate(names.types_of[i]):
            likely = None if marginals is None else float(marginals[i, k])
            lines.append(("response", follower, kind, names.actions_of[i][W[i, k]], likely))
    lines += [("value", None, None, f"{what} {of}".strip(), value) for what, of, value in values]
    return dict(
        zip(
            ("part", "follower", "type", "action", "number"), map(list, zip(*lines, strict=True)), strict=True
        )
    )


def _of_batch(solution: Solution) -> Table:
    """Value and commitment of every game."""
    x, value = np.asarray(solution.commitment), np.asarray(solution.value)
    bound = np.full(len(x), np.nan) if solution.upper_bound is None else np.asarray(solution.upper_bound)
    leader = [f"leader action {action}" for action in range(x.shape[1])]
    columns = {"game": list(range(len(x))), "value": value.tolist(), "upper_bound": bound.tolist()}
    columns |= {word: x[:, action].tolist() for action, word in enumerate(leader)}
    rows = [(g, float(v), *map(float, row)) for g, (v, row) in enumerate(zip(value, x, strict=True))]
    caption = (
        f"Optimal commitments ({solution.method}, {solution.ties} ties), values in payoff units per round."
    )
    return Table(columns, ("game", "value", *leader), [Section("", rows)], caption)
