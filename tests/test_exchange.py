"""Games of others: Gambit's files, tables of payoffs, datasets; to and fro, and what has no place there."""

from __future__ import annotations

import itertools
import re
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

import jaxstack as js
from experiments import unequal
from jaxstack import cli
from jaxstack.payoffs import AnonymousPayoff, SeparablePayoff, TabularPayoff
from jaxstack.scenarios import from_dataset, from_frame, load_game_file, to_dataset, to_frame
from tests import games
from tests.reference import value

pytestmark = pytest.mark.once

# Gambit ------------------------------------------------------------------------------------------------

PAYOFF_FORM = r"""NFG 1 R "Two \"quoted\" words" { "Player 1" "Player 2" }
{ 3 2 }
1 1 0 2 0 2
1 1 0 3 2 0
"""

OUTCOME_FORM = """NFG 1 D "A 2x2 with outcomes" { "row" "column" }

{ { "up" "down" }
{ "left" "right" }
}
"a comment of two
lines"

{
{ "both" 1.5, -2 }
{ "" 1/4, 3 }
}
1 0 2 2
"""

# Two followers who look at the leader alone: the middle player leads. Payoffs of A, B, C.
THREE = """NFG 1 R "three" { "A" "B" "C" } { 2 2 2 }
1 10 5  2 20 5
3 30 7  4 40 7
1 50 6  2 60 6
3 70 8  4 80 8
"""


def written(tmp_path: Any, text: str, name: str = "game.nfg") -> Any:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_payoff_form(tmp_path: Any) -> None:
    """The first player's strategies move fastest."""
    file = load_game_file(written(tmp_path, PAYOFF_FORM))
    assert file.title == 'Two "quoted" words'
    assert file.leader_names == ("1", "2", "3")
    assert file.follower_names == ("Player 2",)
    np.testing.assert_array_equal(file.game.leader.table, [[1, 1], [0, 0], [0, 2]])
    np.testing.assert_array_equal(file.game.follower[0, 0], [[1, 1], [2, 3], [2, 0]])
    assert file.types.probabilities.tolist() == [[1.0]]


def test_outcome_form(tmp_path: Any) -> None:
    """Outcome 0 pays nothing; commas are spaces; fractions are numbers."""
    file = load_game_file(written(tmp_path, OUTCOME_FORM))
    assert (file.leader_names, file.action_names) == (("up", "down"), ("left", "right"))
    np.testing.assert_array_equal(file.game.leader.table, [[1.5, 0.25], [0, 0.25]])
    np.testing.assert_array_equal(file.game.follower[0, 0], [[-2, 3], [0, 3]])
    other = load_game_file(tmp_path / "game.nfg", leader="column")
    np.testing.assert_array_equal(other.game.leader.table, [[-2, 0], [3, 3]])
    np.testing.assert_array_equal(other.game.follower[0, 0], [[1.5, 0], [0.25, 0.25]])
    assert other.leader_names == ("left", "right")


@pytest.mark.parametrize("leader", ["B", 2, "2"])
def test_any_player_leads_where_followers_do_not_affect_each_other(tmp_path: Any, leader: Any) -> None:
    file = load_game_file(written(tmp_path, THREE), leader=leader)
    assert file.follower_names == ("A", "C")
    np.testing.assert_array_equal(file.game.follower[0, 0], [[1, 2], [3, 4]])  # v_A(b, a)
    np.testing.assert_array_equal(file.game.follower[1, 0], [[5, 6], [7, 8]])  # v_C(b, c)
    np.testing.assert_array_equal(file.game.leader.table[1], [[30, 70], [40, 80]])  # u(b = 2, a, c)


@pytest.mark.parametrize(("leader", "other"), [(None, "C"), ("A", "C"), (3, "B")])
def test_followers_who_affect_each_other_are_refused(tmp_path: Any, leader: Any, other: str) -> None:
    message = rf"followers must not affect each other, but .* '{other}' plays strategy 2, say"
    with pytest.raises(ValueError, match=message):
        load_game_file(written(tmp_path, THREE), leader=leader)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: NFG, which begins a strategic form, expected, but the end of the file arrived"),
        ('EFG 2 R "" { "a" "b" }', "line 1: NFG, which begins a strategic form, expected, but 'EFG' arrived"),
        ('NFG 1 R title { "a" "b" } { 1 1 } 0 0', "the title, in quotes expected, but 'title' arrived"),
        ('NFG 1 R "" { "a" "b" } { 2 2 }\n1 2 3', "line 2: 8 payoffs expected, but 3 more words arrived"),
        ('NFG 1 R "" { "a" "b" } { 1 1 }\n1 2 3', "line 2: the end of the file expected, but '3' arrived"),
        ('NFG 1 R "" { "a" "b" } { 1 1 }\n1 x', "a number (payoffs) expected, but 'x' arrived"),
        ('NFG 1 R "" { "a" "b" } { 1 1 }\n1 1/0', "a finite number expected, but '1/0' arrived"),
        ('NFG 1 R "" { "a" "b" } { 1 1 }\n1 1e999', "a finite number expected, but '1e999' arrived"),
        ('NFG 1 R "" { "a" "b" } { 1 99999 }\n1 1', "at most as many strategies as payoffs expected"),
        ('NFG 1 R "" { "a" "b" } { 2 }\n1 1', "strategies of each of the 2 players expected, but 2 arrived"),
        ('NFG 1 R "" { "a" "b" } { 1 1 } { { "o" 1 2 } } 2', "the number of an outcome, 0 to 1, for 1 con"),
        (
            'NFG 1 R "" { "a" "b" } { 1 1 } { { "o" 1 } } 1',
            "a number (payoffs of an outcome) expected, but '}'",
        ),
        ('NFG 1 R "" { "a" } { 1 }\n1', "a leader needs a follower, but 'a' is the only player"),
        ('NFG 1 R "" { "a" "b', "a player's name, in quotes expected, but '\"' arrived"),
        ('NFG 1 R "" { } { }', "at least one player expected"),
    ],
)
def test_files_that_are_no_strategic_form(tmp_path: Any, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        load_game_file(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("leader", "message"),
    [
        ("Z", "leader 'Z' is no player. Players: 1 'A', 2 'B', 3 'C'"),
        (4, "leader 4 is no player"),
        (0, "leader 0 is no player"),
        (True, "leader True is no player"),
    ],
)
def test_leaders_who_do_not_play(tmp_path: Any, leader: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        load_game_file(written(tmp_path, THREE), leader=leader)


def numbers_of(game: js.Game, theta: tuple[int, ...]) -> np.ndarray:
    """The leader's payoff vectors against every joint action of followers of these types."""
    n, _, _, A = np.shape(game.follower)
    return np.array(
        [value.payoff_vector(game.leader, a, theta) for a in itertools.product(range(A), repeat=n)]
    )


@pytest.mark.parametrize("seed", range(6))
def test_gambit_round_trip(tmp_path: Any, seed: int) -> None:
    """Any payoff of followers of one type, with its names; the kind of payoff becomes a table."""
    kind = (*games.PAYOFFS, *games.TYPED_PAYOFFS)[seed % 5]
    rng = np.random.default_rng(seed)
    shape = L, n, K, A = (3, int(rng.integers(1, 4)), 1, int(rng.integers(2, 4)))
    game = js.Game(games.leader_payoff(rng, kind, shape), rng.normal(size=(n, K, L, A)) * 10.0 ** (5 * seed))
    labels = {"leader_names": ("a", 'b "c"', "d\\"), "action_names": tuple(map(str, range(A))), "title": "t"}
    path = tmp_path / "game.nfg"
    js.save_game(path, game, js.IndependentTypes(np.ones((n, 1))), **labels)
    file = load_game_file(path)
    np.testing.assert_array_equal(file.game.follower, game.follower)
    np.testing.assert_allclose(numbers_of(file.game, (0,) * n), numbers_of(game, (0,) * n), rtol=1e-15)
    assert (file.leader_names, file.action_names, file.title) == tuple(labels.values())


def test_gambit_followers_have_strategies_of_their_own(tmp_path: Any) -> None:
    """b has one strategy, c has two; and what one lacks is not written."""
    text = 'NFG 1 R "" { "a" "b" "c" } { 2 1 2 }\n' + "1 4 6  2 5 7  3 4 8  9 5 0"
    file = load_game_file(written(tmp_path, text))
    assert file.game.actions_by_follower.tolist() == [1, 2]
    assert file.action_names == (("1",), ("1", "2"))
    np.testing.assert_array_equal(file.game.follower[1, 0], [[6, 8], [7, 0]])
    js.save_game(tmp_path / "again.nfg", file.game, file.types, **file.labels())
    again = load_game_file(tmp_path / "again.nfg")
    assert again.action_names == file.action_names
    np.testing.assert_array_equal(again.game.available, file.game.available)
    np.testing.assert_array_equal(again.game.follower, file.game.follower)
    np.testing.assert_array_equal(again.game.leader.table, file.game.leader.table)
    lacking = js.Game(np.zeros((2, 3)), np.arange(6.0).reshape(1, 1, 2, 3), available=[[[True, False, True]]])
    js.save_game(tmp_path / "lacking.nfg", lacking, js.IndependentTypes([[1.0]]))
    back = load_game_file(tmp_path / "lacking.nfg")
    assert back.action_names == ("action 0", "action 2")
    np.testing.assert_array_equal(back.game.follower, [[[[0, 2], [3, 5]]]])


def test_gambit_has_no_types(tmp_path: Any) -> None:
    with pytest.raises(ValueError, match=r"has no types, but .* has up to 3 of a follower"):
        js.save_game(tmp_path / "game.nfg", *js.scenarios.random_game(0))
    assert not (tmp_path / "game.nfg").exists()


# Tables ------------------------------------------------------------------------------------------------

TABLE = """follower,type,probability,leader_action,action,follower_payoff,leader_payoff
hall,thief,0.25,guard hall,steal,-1,2
hall,thief,0.25,guard yard,steal,3,-4
hall,thief,0.25,guard hall,leave,0,0
hall,thief,0.25,guard yard,leave,0,0
hall,guest,0.75,guard yard,steal,-9,1
hall,guest,0.75,guard yard,leave,0,0
hall,guest,0.75,guard hall,leave,0,0
hall,guest,0.75,guard hall,steal,-9,-1e-1
"""


def test_a_table_by_hand(tmp_path: Any) -> None:
    file = load_game_file(written(tmp_path, TABLE, "game.csv"))
    assert (file.follower_names, file.type_names) == (("hall",), ("thief", "guest"))
    assert (file.leader_names, file.action_names) == (("guard hall", "guard yard"), ("steal", "leave"))
    np.testing.assert_array_equal(file.game.follower[0], [[[-1, 0], [3, 0]], [[-9, 0], [-9, 0]]])
    np.testing.assert_array_equal(file.game.leader.table[0], [[[2, 0], [-4, 0]], [[-0.1, 0], [1, 0]]])
    assert file.types.probabilities.tolist() == [[0.25, 0.75]]


def test_a_table_of_one_follower_of_one_type() -> None:
    frame = pd.DataFrame(
        {"leader_action": [0, 0, 1, 1], "action": [0, 1, 0, 1], "follower_payoff": [1, 2, 3, 4]}
    )
    file = from_frame(frame.assign(leader_payoff=[5.0, 6, 7, 8]))
    assert isinstance(file.game.leader, SeparablePayoff)
    np.testing.assert_array_equal(file.game.leader.table, [[[5, 6], [7, 8]]])
    np.testing.assert_array_equal(file.game.follower, [[[[1, 2], [3, 4]]]])
    assert file.follower_names is None


def changed(*edits: tuple[str, str]) -> str:
    text = TABLE
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty; its first row must name the columns"),
        ("a;b\n1;2", "columns are separated by semicolons, but must be by commas"),
        (TABLE.split("\n")[0], "needs at least one row of payoffs"),
        (changed(("leader_payoff", "payoff")), "unknown column 'payoff'. Did you mean 'leader_payoff'?"),
        (changed(("type,", "follower,")), "column 'follower' is there twice"),
        (changed((",leader_action", ""), ("guard hall,steal", "steal")), "row 3 has 7 entries"),
        (changed(("-1,2", "-1,x")), "row 2, column 'leader_payoff' must be a finite number, but 'x' arrived"),
        (changed(("-1,2", ",2")), "row 2, column 'follower_payoff' must be a finite number, but nothing"),
        (changed(("-1,2", "nan,2")), "row 2, column 'follower_payoff' must be a finite number, but 'nan'"),
        (
            changed(("guard yard,steal", "guard hall,steal")),
            "row 3 gives the payoffs of (hall, thief, guard hall",
        ),
        (
            "\n".join(TABLE.split("\n")[:-2]),
            "no row gives the payoffs of (hall, guest, guard hall, steal), but other rows do",
        ),
        (changed(("0.25,guard yard", "0.3,guard yard")), "says that its type has probability"),
        (
            TABLE.replace("0.25", "0.5"),
            "column 'probability' of the types of 'hall' must sum to 1, but the sum is 1.25",
        ),
        (changed(("thief,0.25,guard hall,steal", "thief,0.25,guard hall,st\neal")), "row 2 has 5 entries"),
        (changed(("hall,thief", '"hall",th"ief')), "no row gives the payoffs of"),
    ],
)
def test_tables_that_are_no_game(tmp_path: Any, text: str, message: str) -> None:
    path = written(tmp_path, text, "game.csv")
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        load_game_file(path)
    assert str(path) in str(caught.value)


def test_a_table_needs_probabilities_of_several_types() -> None:
    frame = pd.DataFrame(js.scenarios.files.tables.columns_of_game(TYPED[0])).drop(columns="probability")
    with pytest.raises(ValueError, match=r"'probability' is missing: with 2 types"):
        from_frame(frame)


def file_of(seed: int, kind: str) -> Any:
    """A game of two followers that a table has a place for."""
    rng = np.random.default_rng(seed)
    shape = L, n, K, A = (3, 2, 2, 2)
    game = js.Game(games.leader_payoff(rng, kind, shape), rng.normal(size=(n, K, L, A)))
    return js.scenarios.GameFile(game, games.type_distribution(rng, "independent", shape))


TYPED = [file_of(0, "typed separable"), file_of(1, "separable")]


@pytest.mark.parametrize("file", TYPED, ids=["typed", "plain"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_frame_round_trip(file: Any, shuffle: bool) -> None:
    names = {"type_names": ("x", "y"), "leader_names": ("a", "b, c", 'd"'), "action_names": ("go", "stay")}
    frame = to_frame(file.game, file.types, **names, follower_names=("f", "g"))
    assert len(frame) == file.game.follower.size
    if shuffle:  # but for what comes first, which numbers the names
        frame = pd.concat([frame, frame.iloc[:0]]).set_index(["follower", "type"])
    back = from_frame(frame)
    np.testing.assert_array_equal(back.game.follower, file.game.follower)
    np.testing.assert_array_equal(back.game.leader.table, file.game.leader.table)
    assert type(back.game.leader) is type(file.game.leader)
    np.testing.assert_array_equal(back.types.probabilities, file.types.probabilities)
    assert {name: getattr(back, name) for name in names} == names


@pytest.mark.parametrize("kind", games.TYPES)
def test_a_table_holds_any_payoff_of_one_follower(tmp_path: Any, kind: str) -> None:
    rng = np.random.default_rng(3)
    shape = (3, 1, 2, 2)
    game = js.Game(games.leader_payoff(rng, "typed tabular", shape), rng.normal(size=(1, 2, 3, 2)))
    types = games.type_distribution(rng, kind, shape)
    js.save_game(tmp_path / "game.csv", game, types)
    back, marginals = js.load_game(tmp_path / "game.csv")
    for k in range(2):
        np.testing.assert_array_equal(numbers_of(back, (k,)), numbers_of(game, (k,)))
    np.testing.assert_allclose(marginals.marginals(), types.marginals(), rtol=1e-15)


@pytest.mark.parametrize("seed", [1, 4, 7, 10, 13, 16])
def test_a_table_of_unequal_followers(seed: int) -> None:
    """Rows stand for what there is; without names of their own, types and actions keep their order."""
    case = unequal.random_case(seed)
    independent = js.IndependentTypes(case.types.marginals())
    names = [[f"{i} {a}" for a in range(count)] for i, count in enumerate(case.game.actions_by_follower)]
    frame = to_frame(case.game, independent, action_names=names)
    has = np.ones((1, 1, 1)) if case.game.available is None else np.asarray(case.game.available)
    if case.game.available is not None:
        assert len(frame) == has.sum() * case.game.num_leader_actions
    back = from_frame(frame)
    # Which number an action has follows from where it first appears; its name tells.
    for i in range(case.game.num_followers):
        order = [names[i].index(name) for name in back.actions_of(i)]
        kinds = [int(name.removeprefix("type ")) for name in back.types_of(i)]
        where = np.ix_([i], kinds, range(case.game.num_leader_actions), order)
        size = len(kinds), case.game.num_leader_actions, len(order)
        mine = np.asarray(back.game.follower)[i, : size[0], :, : size[2]]
        owns = np.ones(size, bool)
        if back.game.available is not None:
            owns &= np.asarray(back.game.available)[i, : size[0], None, : size[2]]
        expected = np.asarray(case.game.follower)[where][0]
        np.testing.assert_array_equal(mine[owns], expected[owns])
        np.testing.assert_allclose(
            back.types.marginals()[i, : size[0]], independent.marginals()[i, kinds], rtol=1e-15
        )
    optimum = js.solve(case.game, independent).value
    assert js.solve(back.game, back.types).value == pytest.approx(optimum, abs=1e-9)


def test_what_a_table_has_no_place_for(tmp_path: Any) -> None:
    for payoff, types, message in (
        ("tabular", "independent", "leader payoffs that are sums over followers"),
        ("separable", "joint", "independent types, but .* may be correlated"),
    ):
        with pytest.raises(ValueError, match=message):
            js.save_game(tmp_path / "game.csv", *js.scenarios.random_game(0, payoff=payoff, types=types))
    with pytest.raises(ValueError, match=r"takes a pandas\.DataFrame, but list arrived"):
        from_frame([])


def test_no_other_format_has_a_place_for_strategy_sets(tmp_path: Any) -> None:
    file, box = TYPED[0], js.strategies.box([0, 0], [1, 1])
    game = js.Game(file.game.leader, file.game.follower, box)
    for suffix in ("csv", "nfg"):
        with pytest.raises(ValueError, match="has another strategy set"):
            js.save_game(tmp_path / f"game.{suffix}", game, file.types)
    with pytest.raises(ValueError, match="has another strategy set"):
        to_dataset(game, file.types)
    js.save_game(tmp_path / "game.json", game, file.types)
    assert js.load_game(tmp_path / "game.json")[0].strategies is not None


# Datasets ----------------------------------------------------------------------------------------------

KINDS = list(itertools.product((*games.PAYOFFS, *games.TYPED_PAYOFFS), games.TYPES))


@pytest.mark.parametrize(("payoff", "types"), KINDS)
def test_dataset_round_trip(payoff: str, types: str) -> None:
    """Every kind of payoff and types, in whatever order the dimensions are."""
    for seed, shape in enumerate([(3, 2, 2, 3), (2, 1, 3, 2), (2, 3, 1, 2)]):
        rng = np.random.default_rng(seed)
        L, n, K, A = shape
        game = js.Game(games.leader_payoff(rng, payoff, shape), rng.normal(size=(n, K, L, A)))
        distribution = games.type_distribution(rng, types, shape)
        labels = {"leader_names": tuple("abc"[:L]), "title": "some game"}
        dataset = to_dataset(game, distribution, **labels)
        turned = dataset.transpose(*reversed(list(dataset.sizes)))
        for each in (dataset, turned):
            file = from_dataset(each)
            assert type(file.game.leader) is type(game.leader)
            np.testing.assert_array_equal(file.game.leader.table, game.leader.table)
            np.testing.assert_array_equal(file.game.follower, game.follower)
            assert type(file.types) is type(distribution)
            np.testing.assert_allclose(file.types.probabilities, distribution.probabilities, rtol=1e-15)
            assert (file.leader_names, file.title, file.type_names) == (*labels.values(), None)


@pytest.mark.parametrize("seed", range(9))
def test_a_dataset_of_unequal_followers(seed: int) -> None:
    case = unequal.random_case(seed)
    labels = {
        f"{what}_names": tuple(tuple(f"{i} {j}" for j in range(count)) for i, count in enumerate(counts))
        for what, counts in (
            ("type", case.game.types_by_follower),
            ("action", case.game.actions_by_follower),
        )
    }
    back = from_dataset(to_dataset(case.game, case.types, **labels))
    pairs = zip(*map(jax.tree.leaves, ((back.game, back.types), (case.game, case.types))), strict=True)
    for mine, other in pairs:
        np.testing.assert_allclose(mine, other, rtol=1e-15)
    assert {name: getattr(back, name) for name in labels} == labels


def test_a_dataset_by_hand() -> None:
    """One follower, whose dimensions and probability of 1 go without saying."""
    axes = ("action", "leader_action")
    dataset = xr.Dataset(
        {"follower_payoff": (axes, [[1, 2], [3, 4]]), "leader_payoff": (axes, [[5, 6], [7, 8]])}
    )
    file = from_dataset(dataset.assign_coords(action=["stay", "go"]))
    np.testing.assert_array_equal(file.game.follower, [[[[1, 3], [2, 4]]]])
    np.testing.assert_array_equal(file.game.leader.table, [[[5, 7], [6, 8]]])
    assert file.action_names == ("stay", "go")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.drop_vars("leader_payoff"), "variable 'leader_payoff' is missing"),
        (lambda d: d.drop_vars("probability"), "variable 'probability' is missing"),
        (
            lambda d: d.rename(type="kind"),
            "variable 'follower_payoff' must have the dimensions follower, type, lea",
        ),
        (
            lambda d: d.assign(leader_payoff=d.leader_payoff.rename(action="deed")),
            "must have the dimensions lea",
        ),
        (
            lambda d: d.assign(probability=d.probability.rename(type="kind")),
            "must have the dimensions follower, t",
        ),
        (lambda d: d.assign(probability=2 * d.probability), "must sum to 1"),
        (lambda d: d.follower_payoff, "takes an xarray.Dataset, but DataArray arrived"),
    ],
)
def test_datasets_that_are_no_game(change: Any, message: str) -> None:
    dataset = to_dataset(TYPED[0].game, TYPED[0].types)
    with pytest.raises(ValueError, match=re.escape(message)):
        from_dataset(change(dataset))


def test_a_dataset_has_no_place_for_counts_of_moves() -> None:
    counts = js.TypedPayoff(AnonymousPayoff(np.zeros((2, 3, 3, 3))), 2)
    game = js.Game(counts, np.zeros((2, 2, 2, 2)))
    with pytest.raises(ValueError, match="a dataset holds payoffs of actions"):
        to_dataset(game, js.IndependentTypes(np.full((2, 2), 0.5)))


# The command -------------------------------------------------------------------------------------------


def invoke(*arguments: Any) -> Any:
    return CliRunner().invoke(cli.app, ["convert", *map(str, arguments)])


def test_convert_goes_round(tmp_path: Any) -> None:
    """Through every format and back to the first, with the names."""
    start = written(tmp_path, OUTCOME_FORM)
    paths = [
        start,
        *(tmp_path / f"game.{suffix}" for suffix in ("json", "npz", "csv")),
        tmp_path / "last.nfg",
    ]
    for source, target in itertools.pairwise(paths):
        result = invoke(source, target)
        assert result.exit_code == 0, result.output
        assert str(target.name) in result.output.replace("\n", "")
    first, last = load_game_file(start), load_game_file(paths[-1])
    np.testing.assert_array_equal(last.game.follower, first.game.follower)
    np.testing.assert_array_equal(numbers_of(last.game, (0,)), numbers_of(first.game, (0,)))
    assert (last.leader_names, last.action_names) == (first.leader_names, first.action_names)
    assert last.follower_names == ("column",)


def test_convert_with_another_leader(tmp_path: Any) -> None:
    result = invoke(written(tmp_path, THREE), tmp_path / "game.json", "--leader", "B")
    assert result.exit_code == 0, result.output
    assert isinstance(js.load_game(tmp_path / "game.json")[0].leader, TabularPayoff)


@pytest.mark.parametrize(
    ("source", "arguments", "message"),
    [
        ("game.nfg", ["out.json"], "followers must not affect each other"),
        ("game.nfg", ["out.txt"], "must end in .json, .npz, .csv or .nfg"),
        ("none.nfg", ["out.json"], "cannot read game file"),
        ("game.csv", ["out.json", "--leader", "2"], "only in a Gambit file"),
        ("game.csv", ["out.nfg"], "an .nfg file has no types"),
    ],
)
def test_convert_refuses_in_one_message(
    tmp_path: Any, source: str, arguments: list[str], message: str
) -> None:
    written(tmp_path, THREE)
    written(tmp_path, TABLE, "game.csv")
    result = invoke(tmp_path / source, tmp_path / arguments[0], *arguments[1:])
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert message in " ".join(result.stderr.split())
    assert not (tmp_path / arguments[0]).exists()
