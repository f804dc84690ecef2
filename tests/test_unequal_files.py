"""Unequal followers in files, with names of their own, and on the command line."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest
from typer.testing import CliRunner

import jaxstack as js
from experiments.unequal import random_case
from jaxstack import cli
from jaxstack.scenarios import load_game_file

pytestmark = pytest.mark.once

DOCUMENT = {
    "format": "jaxstack-game",
    "version": 1,
    "follower_names": ["thief", "spy"],
    "type_names": [["bold", "shy"], ["only"]],
    "action_names": [["wait", "land"], ["listen", "write", "flee"]],
    "leader_payoff": {
        "kind": "tabular",
        "table": [[[4, 1, 0], [0, 2, 3]], [[1, 1, 1], [2, 0, 1]]],
    },
    "follower_payoffs": [[[[1, 2], [3, 4]], [[2, 1], [0, 4]]], [[[1, 2, 3], [3, 2, 1]]]],
    "types": {"kind": "independent", "probabilities": [[0.5, 0.5], [1]]},
}


def written(tmp_path, **changes):
    path = tmp_path / "port.json"
    path.write_text(json.dumps(DOCUMENT | changes))
    return path


@pytest.mark.parametrize("seed", [0, 3, 8, 14, 17, 23])
def test_a_saved_game_comes_back(tmp_path, seed):
    case = random_case(seed)
    for suffix in ("json", "npz"):
        path = tmp_path / f"game.{suffix}"
        js.save_game(path, case.game, case.types)
        game, types = js.load_game(path)
        assert game.sizes == case.game.sizes
        if game.padded_sizes == case.game.padded_sizes:  # JSON leaves out actions that nobody has
            pairs = zip(jax.tree.leaves((game, types)), jax.tree.leaves((case.game, case.types)), strict=True)
            for again, before in pairs:
                np.testing.assert_array_equal(again, before)


def test_json_holds_what_there_is_and_no_more(tmp_path):
    file = load_game_file(written(tmp_path))
    names = {name: getattr(file, name) for name in ("follower_names", "type_names", "action_names")}
    js.save_game(tmp_path / "again.json", file.game, file.types, **names)
    assert json.loads((tmp_path / "again.json").read_text()) == DOCUMENT


def test_each_follower_has_names_of_its_own(tmp_path):
    file = load_game_file(written(tmp_path))
    assert file.actions_of(1) == ["listen", "write", "flee"]
    assert file.types_of(0) == ["bold", "shy"]
    shared = load_game_file(written(tmp_path, type_names=["bold", "shy"], action_names=None))
    assert shared.types_of(1) == ["bold"]
    assert shared.actions_of(1) == ["action 0", "action 1", "action 2"]


def test_inspect_shows_what_there_is_by_name(tmp_path):
    result = CliRunner().invoke(cli.app, ["inspect", str(written(tmp_path))])
    assert result.exit_code == 0, result.output
    assert "n = 2, K = (2, 1), A = (2, 3)" in result.output
    rows = [[cell.strip() for cell in line.split("│")] for line in result.output.split("\n")]
    assert any(row[2:4] == ["bold", "land"] for row in rows)
    assert any(row[1:3] == ["spy", "only"] for row in rows)
    assert "follower payoffs │ 0 to 4" in result.output
    shared = written(tmp_path, type_names=["bold", "shy"], action_names=["wait", "land", "flee"])
    output = CliRunner().invoke(cli.app, ["inspect", str(shared)]).output
    kinds = [
        line.split("│")[2].strip()
        for line in output.split("responses at the optimum")[1].split("\n")
        if "│" in line
    ]
    assert [kind for kind in kinds if kind in ("bold", "shy")] == [
        "bold",
        "shy",
        "bold",
    ]  # the spy is never shy


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"type_names": [["bold", "bold"], ["only"]]},
            "'type_names' of follower 0 must hold names that differ",
        ),
        ({"type_names": [["bold", "shy"], ["a", "b"]]}, "must hold 1 names for follower 1, but 2 arrived"),
        ({"action_names": [["wait", "land"]]}, "names for each of 2 followers, but 1 lists arrived"),
        (
            {"action_names": ["wait", 3, "flee"]},
            "'action_names': must be a list of texts, or a list of texts for",
        ),
        ({"leader_names": ["sea", "sea"]}, "'leader_names' must hold names that differ, but entries 0 and 1"),
        (
            {"available": [[[True, True], [False, False]], [[True, True, True]]]},
            "available leaves follower 0, type 1 without an action",
        ),
        ({"available": "all"}, "'available': must be nested lists of true and false, but 'all' arrived"),
        (
            {"types": {"kind": "joint", "probabilities": [[0.2, 0.2], [0.3, 0.3]]}},
            "field 'types': the type distribution gives type 1 of follower 1 the probability 0.5",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path, changes, message):
    path = written(tmp_path, **changes)
    with pytest.raises(ValueError, match=message) as caught:
        js.load_game(path)
    assert str(path) in str(caught.value)
