"""From a spec to cells: axes, labels, names, and mistakes that are told before anything is computed."""

import pickle
import re

import jax
import numpy as np
import pytest

import jaxstack as js
from jaxstack.learners.candidates import list_candidates
from jaxstack.simulation import MAX_HORIZON
from jaxstack.sweeps import estimate, plan
from jaxstack.sweeps.cells import Axis
from jaxstack.sweeps.games import game_key_of, problem_of, table_of
from jaxstack.sweeps.spec import LearnerSettings, Spec, Table, parse_spec

pytestmark = pytest.mark.once

SPEC = """
[run]
horizon = [100, 50]
runs = 4

[[scenario]]
kind = "random"
name = "small"
num_followers = [1, 2]
num_types = [3, 2]
zip = [["num_followers", "num_types"]]

[[scenario]]
kind = "security_patrol"

[[learner]]
name = "region_ucb"
radius_scale = [1.0, 0.1]

[[learner]]
name = "erm_joint"
skip_ahead = true
"""


def planned(text=SPEC, **changes):
    for old, new in changes.items():
        text = re.sub(rf"^{old} = .*$", f"{old} = {new}", text, flags=re.MULTILINE)
    return plan(parse_spec(text, "mine.toml"), "mine.toml")


def refusal(text):
    with pytest.raises(ValueError, match=r".") as caught:
        planned(text)
    return str(caught.value)


def test_lists_are_axes_and_zipped_lists_are_one():
    axes = {"+".join(axis.keys): axis.values for axis in planned().axes}
    assert axes == {
        "scenario": (("small",), ("security_patrol",)),
        "learner": (("region_ucb",), ("erm_joint",)),
        "horizon": ((50,), (100,)),  # numbers ascend
        "num_followers+num_types": ((1, 3), (2, 2)),
        "radius_scale": ((0.1,), (1.0,)),
    }
    # 2 horizons x (2 scales + 1), for 2 sizes of random games and one patrol.
    assert len(planned().cells) == 2 * 3 * 3


def test_cells_hold_single_values_and_their_labels():
    cell = planned().cells[0]
    assert cell.at == {
        "scenario": "small",
        "learner": "region_ucb",
        "horizon": 100,
        "num_followers+num_types": (1, 3),
        "radius_scale": 1.0,
    }
    assert (cell.scenario.num_followers, cell.scenario.num_types, cell.run.horizon) == (1, 3, 100)
    assert cell.learner.hparams == {"radius_scale": 1.0}
    assert (
        cell.title == "small, region_ucb, horizon = 100, num_followers = 1, num_types = 3, radius_scale = 1.0"
    )
    assert [cell.run.skip_ahead for cell in planned().cells[:3]] == [False, False, True]


def test_a_problem_has_the_name_of_its_scenario():
    table = '[[scenario]]\nkind = "random"\nname = "{}"\n'
    cells = planned("[run]\nlearners = ['uniform']\n" + table.format("one") + table.format("other")).cells
    first, second = (problem_of(game_key_of(cell.scenario, cell.run)) for cell in cells)
    assert (first.name, second.name) == ("one", "other")
    assert first.game is second.game


def test_who_lacks_an_axis_stands_at_its_own_value_or_at_the_first():
    text = """
    [run]
    learners = ["uniform"]
    [[scenario]]
    kind = "random"
    num_followers = [4, 1]
    [[scenario]]
    kind = "random"
    name = "three"
    num_followers = 3
    [[scenario]]
    kind = "security_patrol"
    """
    result = planned(text)
    assert result.axes[2] == Axis(("num_followers",), ((1,), (3,), (4,)))
    assert [cell.at["num_followers"] for cell in result.cells] == [4, 1, 3, 1]
    assert [cell.lacks for cell in result.cells] == [(), (), (), ("num_followers",)]
    assert result.cells[-1].title == "security_patrol, uniform"
    assert result.learners() == [{"label": "uniform", "lacks": [], "skip_ahead": False, "theorem": None}]


def test_work_of_planning_is_linear_in_the_cells(monkeypatch):
    """Lists are as long as an axis: they are read once for a table, and never once for a cell."""
    read = []
    for kind in (Table, LearnerSettings):

        def lists(table, true_lists=kind.lists):
            found = true_lists(table)
            read.append(max(map(len, found.values()), default=0) > 1)
            return found

        monkeypatch.setattr(kind, "lists", lists)
    calls = []
    for count in (2, 12):
        text = SPEC.replace("[1.0, 0.1]", str([1 / (n + 1) for n in range(count)]))
        text = text.replace("[100, 50]", str([50 + n for n in range(count)]))
        text = text.replace('"security_patrol"', f'"random"\nname = "other"\nseed = {list(range(count))}')
        spec = parse_spec(text, "mine")
        read.clear()
        assert len(plan(spec, "mine").cells) == (2 + count) * count * (count + 1)
        calls.append(sum(read))
    assert calls[0] == calls[1]


def test_seed_of_the_games_is_an_axis_of_its_own():
    text = "[run]\nseed = [0, 1]\nlearners = ['uniform']\n[[scenario]]\nkind = 'random'\nseed = [5, 6]\n"
    assert [axis.keys[0] for axis in planned(text).axes[2:]] == ["seed", "game_seed"]
    assert planned(text).cells[-1].at["game_seed"] == 6


def test_parameters_of_worked_examples_can_be_axes():
    text = """
    [run]
    learners = ["uniform"]
    [[scenario]]
    kind = "security_patrol"
    parameters = {arrest_value = [1.0, 2.0], penalty = [3.9, 3.1, 4.5]}
    """
    cells = planned(text).cells
    assert [cell.scenario.parameters["arrest_value"] for cell in cells] == [1.0, 2.0]
    assert cells[0].scenario.parameters["penalty"] == [3.9, 3.1, 4.5]  # a list by nature


def test_the_name_follows_what_determines_the_numbers_and_nothing_else():
    def key(text=SPEC, **changes):
        return planned(text, **changes).cells[0].key

    assert key(SPEC.replace('"small"', '"other"')) == key()
    assert key(SPEC.replace("runs = 4", "runs = 4\nbatch_size = 2")) == key()
    assert key(SPEC.replace("[1.0, 0.1]", "[1, 0.1]")) == key()
    others = [
        key(runs=5),
        key(horizon="[101, 50]"),
        key(num_types="[4, 2]"),
        key(SPEC.replace("runs = 4", "runs = 4\nseed = 1")),
        key(SPEC.replace("runs = 4", 'runs = 4\nties = "robust"')),
        key(SPEC.replace("runs = 4", "runs = 4\nkeep_runs = false")),
        key(SPEC.replace("runs = 4", "runs = 4\ncheckpoints = [3]")),
        key(radius_scale="[0.5, 0.1]"),
        planned().cells[1].key,
        key(),
    ]
    assert len(set(others)) == len(others)


def test_a_game_file_is_its_content_wherever_it_lies(tmp_path):
    keys = []
    for name, seed in (("a.json", 0), ("b.npz", 0), ("c.json", 1)):
        js.save_game(tmp_path / name, *js.scenarios.random_game(seed, num_followers=1))
        text = f"[run]\nlearners = ['uniform']\n[[scenario]]\nkind = 'file'\npath = '{tmp_path / name}'\n"
        keys.append(planned(text).cells[0].key)
    assert keys[0] == keys[1] != keys[2]


def test_games_of_the_same_bytes_and_other_shapes_have_other_names(tmp_path):
    keys = set()
    for sizes in ((2, 3), (3, 2)):
        game = js.Game(np.zeros(sizes), np.zeros((1, 1, *sizes)))
        js.save_game(tmp_path / "game.json", game, js.IndependentTypes([[1.0]]))
        text = (
            f"[run]\nlearners = ['uniform']\n[[scenario]]\nkind = 'file'\npath = '{tmp_path / 'game.json'}'\n"
        )
        keys.add(planned(text).cells[0].key)
    assert len(keys) == 2


def test_an_axis_that_does_not_matter_to_a_scenario_costs_nothing():
    text = """
    [run]
    ties = ["optimistic", "robust"]
    learners = ["uniform"]
    [[scenario]]
    kind = "hard"
    """
    result = planned(text)
    assert len(result.cells) == 2
    assert len(result.distinct()) == 1


def test_checkpoints_after_a_horizon_are_left_out():
    cells = planned(SPEC.replace("runs = 4", "runs = 4\ncheckpoints = [10, 80, 20]")).cells
    assert {cell.run.horizon: cell.run.checkpoints for cell in cells} == {
        100: [10, 20, 80, 100],
        50: [10, 20, 50],
    }


def test_cells_are_small_and_pickle():
    for cell in planned().cells:
        data = pickle.dumps(cell)
        assert len(data) < 4000
        assert pickle.loads(data) == cell


def test_the_spec_of_a_cell_is_that_cell():
    for cell in planned().cells:
        alone = plan(parse_spec(cell.spec.to_toml(), "cell"))
        assert [other.key for other in alone.cells] == [cell.key]


def test_a_sweep_is_written_as_toml_that_reads_back_equal():
    spec = parse_spec(SPEC, "mine.toml")
    assert isinstance(spec, Spec)
    assert parse_spec(spec.to_toml(), "again") == spec


def test_named_learners_of_the_command_line_replace_tables():
    spec = parse_spec(SPEC, "mine.toml").replace_run(learners=["uniform"])
    assert [table.title for table in spec.learners()] == ["uniform"]
    assert [table.title for table in spec.replace_run(runs=3).learners()] == ["uniform"]
    assert len(parse_spec(SPEC, "mine.toml").replace_run(runs=3).learners()) == 2


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("horizon = [100, 50]", "horizon = []", "[run], key 'horizon': is an empty list"),
        ("[1, 2]", "[1, 0]", "scenario 1 ('small'), key 'num_followers': must be greater than or equal"),
        ("[1, 2]", "[1, 2, 4]", "must be equally long, but num_followers has 3, num_types has 2"),
        ("[3, 2]", "3", "'num_types' is not a list of this table"),
        ('[["num_followers", "num_types"]]', '["num_followers"]', "'zip': is a list of groups of keys"),
        ('"num_types"]]', '"num_tipes"]]', "is not a list of this table. Did you mean 'num_types'?"),
        ("[1.0, 0.1]", "[1.0, 1]", "key 'radius_scale': 1.0 is there 2 times"),
        ("[1.0, 0.1]", "[1.0, nan]", "'radius_scale' must be a finite number, but nan arrived"),
        ("[1.0, 0.1]", "[]", "is an empty list"),
        ("radius_scale", "radius_scal", "learner 1 ('region_ucb'): unknown key 'radius_scal'. Did you mean"),
        ('"region_ucb"', '"region_ubc"', "learner 1 ('region_ubc'), key 'name': Unknown learner"),
        ('name = "erm_joint"', 'name = "oful"', "skip_ahead works for learners that see types"),
        ('name = "erm_joint"', 'name = "region_ucb"', "2 learners are called 'region_ucb'; give each"),
        ("runs = 4", 'runs = 4\nlearners = ["oful"]', "learners are named both in [run] and in"),
        ("runs = 4", "runs = 4\ncheckpoints = [200]", "must lie in 1..horizon = 100, but 200 arrived"),
        ("runs = 4", "runs = [4, 4]", "[run]: key 'runs': 4 is there 2 times"),
        ("runs = 4", "runs = 4\nkeep_runs = [true, false]", "[run], key 'keep_runs': must be a valid bool"),
        ("[100, 50]", "[100, 3_000_000_000]", f"region_ucb plays at most {MAX_HORIZON:,} rounds"),
        ('"security_patrol"', '"random"\nnum_types = [2, 3]', "key 'num_types' is an axis in two ways"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_place(old, new, expected):
    message = refusal(SPEC.replace(old, new, 1))
    assert message.startswith("mine.toml: ")
    assert expected in message


def test_a_table_among_several_needs_double_brackets():
    text = "[[scenario]]\nkind = 'random'\n[learner]\nname = 'uniform'\n"
    assert refusal(text) == (
        "mine.toml: key 'learner': there can be several, so its header has double brackets: [[learner]]."
    )


def test_a_mistake_in_the_fortieth_cell_is_told_before_the_first():
    sizes = [*range(1, 40), 4000]  # A^n does not fit into a table for the last one alone
    scenario = f"[[scenario]]\nkind = 'random'\nname = 'wide'\nnum_actions = {sizes}\n"
    text = f"[run]\nlearners = ['uniform']\n{scenario}"
    message = refusal(text)
    assert message.startswith("mine.toml: scenario 1 ('wide'), num_actions = 4000: ")
    assert "entries" in message
    assert "Use " in message  # the fix


def test_padded_tables_share_a_shape_and_change_no_number():
    text = "[run]\nlearners = ['uniform']\n[[scenario]]\nkind = 'random'\nseed = [0, 1, 2]\nnum_types = 2\n"
    problems, shapes = [], set()
    for cell in planned(text).cells:
        key = game_key_of(cell.scenario, cell.run)
        plain, padded = table_of(key, False), table_of(key, True)
        shapes.add(padded.vertices.shape)
        problems.append((problem_of(key), plain, padded))
        np.testing.assert_array_equal(
            padded.vertices[: plain.padded_regions, : plain.padded_vertices], plain.vertices
        )
        assert padded.vertex_mask.sum() == plain.vertex_mask.sum()
        np.testing.assert_allclose(padded.vertices.sum(axis=-1), 1.0)
    assert len(shapes) == 1
    problem, plain, padded = problems[0]
    np.testing.assert_array_equal(
        list_candidates(padded).region[: plain.vertex_mask.sum()], list_candidates(plain).region
    )

    features = [js.learners.oful().prepare(problem.game, table).features for table in (plain, padded)]
    np.testing.assert_array_equal(*features)  # no row more: it would round its scores in another order

    def play(learner, table, **how):
        key = jax.random.key(0)
        settings = {"horizon": 150, "num_runs": 4, "table": table}
        return js.simulate(key, problem.game, problem.types, learner, **settings, **how).regret

    for learner, how in ((js.learners.erm_joint(), {"skip_ahead": True}), (js.learners.oful(), {})):
        np.testing.assert_array_equal(play(learner, plain, **how), play(learner, padded, **how))


def test_an_estimate_that_fails_names_the_cell_whatever_the_kind_of_error(monkeypatch):
    class Allocation(MemoryError):
        def __init__(self, shape, dtype):
            super().__init__(f"{shape} of {dtype}")

    def fail(cell, devices):
        raise Allocation((3,), "float64")

    monkeypatch.setattr(estimate, "_num_bytes", fail)
    cells = plan(parse_spec(SPEC, "mine"), "mine").cells
    with pytest.raises(MemoryError, match=r"small, region_ucb.*: \(3,\) of float64"):
        next(estimate.estimates(cells, {}))
