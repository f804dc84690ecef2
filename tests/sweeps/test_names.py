"""Results are named by what determines them: the code that plays, the game as read, the labels they have."""

import dataclasses
import functools
import json
import warnings

import numpy as np
import pytest
from typer.testing import CliRunner

import jaxstack as js
from jaxstack import cli, fingerprints, learners
from jaxstack.page import page
from jaxstack.results import cells_of
from jaxstack.sweeps import compute_cell, games, plan, run, run_plan, store
from jaxstack.sweeps.spec import parse_spec

pytestmark = pytest.mark.once

SPEC = """
[run]
horizon = 30
runs = 3
learners = ["oracle", "uniform"]

[[scenario]]
kind = "random"
num_followers = 1
num_types = 2
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A stand-in for the pictures of a page."""
    monkeypatch.setattr("jaxstack.page.pictures._png", lambda figure: b"picture")


def spec(text=SPEC):
    return parse_spec(text, "mine")


def first_vertex(key, state, known, hparams, t):
    """Another rule for `uniform`: always the same commitment."""
    return learners.Choice(np.int32(0), np.int32(0))


def other_uniform():
    return dataclasses.replace(js.learners.uniform(), act=first_vertex)


# --- code ---


def test_other_code_of_a_learner_is_played_and_what_was_there_is_told(tmp_path, monkeypatch):
    first = js.run_sweep(spec(), tmp_path)
    assert json.loads(first.other_code) == {}
    with monkeypatch.context() as patched:
        patched.setitem(learners.ROSTER, "uniform", other_uniform)
        summary = run_plan(plan(spec()), tmp_path, run.in_process)
        assert (summary.computed, summary.there) == (1, 1)  # the other one is the code that it was
        version = fingerprints.package_fingerprint()
        assert summary.other_code == {version: 1}
        with pytest.warns(UserWarning, match=r"left out what was made by other code: 1 cell of jaxstack 0"):
            second = js.load_results(tmp_path)
    assert json.loads(second.other_code) == {version: 1}
    assert not np.array_equal(second.regret.sel(learner="uniform"), first.regret.sel(learner="uniform"))
    np.testing.assert_array_equal(second.regret.sel(learner="oracle"), first.regret.sel(learner="oracle"))
    assert "Made by other code" in page(second, "x")
    assert "Made by other code" not in page(first, "x")
    # With the first code its results are there again.
    summary = run_plan(plan(spec()), tmp_path, run.in_process)
    assert (summary.computed, summary.there) == (0, 2)
    with pytest.warns(UserWarning, match="left out"):
        np.testing.assert_array_equal(js.load_results(tmp_path).regret, first.regret)


def test_other_versions_of_the_package_are_never_mixed(tmp_path, monkeypatch):
    path = tmp_path / "mine.toml"
    path.write_text(SPEC)
    js.run_sweep(path, tmp_path / "out")
    version = fingerprints.package_fingerprint()
    monkeypatch.setattr(fingerprints, "package_fingerprint", lambda: "0.2.0+beef")
    result = CliRunner().invoke(cli.app, ["run", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    told = f"Made by other code, kept apart and not used: 2 cells of jaxstack {version}."
    assert told in result.stdout
    assert (
        told
        in CliRunner().invoke(cli.app, ["run", str(path), "--out", str(tmp_path / "out"), "--dry-run"]).stdout
    )
    keys = {cell.key for cell in plan(spec()).cells}
    assert len(store.finished(tmp_path / "out")) == 4
    assert len(store.finished(tmp_path / "out") & keys) == 2
    with pytest.warns(UserWarning, match=r"2 cells of jaxstack 0"):
        js.load_results(tmp_path / "out")


def test_a_cell_records_the_code_that_made_it(tmp_path):
    (cell, _) = plan(spec()).cells
    compute_cell(cell, tmp_path)
    _, attrs = store.read_cell(tmp_path, cell.key)
    assert attrs["code"] == cell.code == fingerprints.learner_fingerprint(js.learners.oracle())
    assert cell.key.endswith(f"-{cell.code}")
    assert json.loads(attrs["versions"])["jaxstack code"] == fingerprints.package_fingerprint()


def test_a_worker_with_other_code_refuses_the_cell(tmp_path, monkeypatch):
    cell = plan(spec()).cells[1]
    monkeypatch.setitem(learners.ROSTER, "uniform", other_uniform)
    outcome = compute_cell(cell, tmp_path)
    assert outcome.status == "failed"
    assert "uniform is other code here" in outcome.error
    assert "All processes of a sweep need the same jaxstack" in outcome.error
    assert store.finished(tmp_path) == set()


def test_why_other_code_failed_is_forgotten(tmp_path, monkeypatch):
    def broken():
        return dataclasses.replace(js.learners.uniform(), act=lambda *given: 1 / 0)

    with monkeypatch.context() as patched:
        patched.setitem(learners.ROSTER, "uniform", broken)
        assert len(run_plan(plan(spec()), tmp_path, run.in_process).failed) == 1
    assert run_plan(plan(spec()), tmp_path, run.in_process).failed == ()
    assert store.failures(tmp_path) == {}


# --- game files ---


def write_game(path, optimum):
    """One follower who can only look on, and a leader who earns `optimum` at best."""
    game = js.Game([[optimum], [0.0]], np.zeros((1, 1, 2, 1)))
    js.save_game(path, game, js.IndependentTypes([[1.0]]))


@pytest.fixture
def game_file(tmp_path):
    path = tmp_path / "game.json"
    write_game(path, 0.315)
    return path


def of_file(path, learner="uniform"):
    scenario = f"[[scenario]]\nkind = 'file'\npath = '{path}'\n"
    return spec(f"[run]\nhorizon = 20\nruns = 2\nties = 'robust'\nlearners = ['{learner}']\n{scenario}")


def test_a_file_that_is_edited_after_planning_changes_nothing_here(game_file, tmp_path):
    (cell,) = plan(of_file(game_file)).cells
    write_game(game_file, 0.966)
    assert compute_cell(cell, tmp_path).status == "computed"
    np.testing.assert_allclose(store.read_cell(tmp_path, cell.key)[0]["optimum"], 0.315)


def test_a_file_that_is_edited_on_the_way_to_a_worker_is_refused(game_file, tmp_path):
    (cell,) = plan(of_file(game_file)).cells
    write_game(game_file, 0.966)
    games._built.cache_clear()  # a worker has read nothing yet
    games.table_of.cache_clear()
    outcome = compute_cell(cell, tmp_path)
    assert outcome.status == "failed"
    assert "game.json: the game in this file is not the one that the sweep was planned with" in outcome.error
    assert store.finished(tmp_path) == set()
    write_game(game_file, 0.315)
    assert compute_cell(cell, tmp_path).status == "computed"


def test_a_file_that_is_edited_between_two_sweeps_is_another_game(game_file, tmp_path):
    for optimum in (0.315, 0.966, 0.315):
        write_game(game_file, optimum)
        dataset = js.run_sweep(of_file(game_file), tmp_path / "out")
        assert dataset.optimum.item() == pytest.approx(optimum)
    assert len(store.finished(tmp_path / "out")) == 2
    assert json.loads(dataset.other_code) == {}  # another game, by the same code


def test_a_file_is_read_once_while_planning(game_file, monkeypatch):
    read = js.scenarios.load_game_file
    reads = []
    monkeypatch.setattr(js.scenarios, "load_game_file", lambda path: reads.append(path) or read(path))
    text = of_file(game_file).to_toml()
    text = text.replace("horizon = 20", "horizon = [20, 30]").replace('"robust"', '["robust", "optimistic"]')
    planned = plan(spec(text))
    assert len(planned.cells) == 4
    assert len(reads) == 1
    problems = [games.problem_of(cell.game_key) for cell in planned.cells]
    assert len(reads) == 1
    assert sorted({problem.ties for problem in problems}) == ["optimistic", "robust"]


# --- who lacks an axis ---

LACKING = """
[run]
horizon = 30
runs = 3

[[scenario]]
kind = "random"
num_followers = [1, 2]
num_types = 2

[[scenario]]
kind = "security_patrol"

[[learner]]
name = "region_ucb"
radius_scale = [0.1, 1.0]

[[learner]]
name = "erm_joint"
"""


def known_regret(cell, *how):
    """A curve without a simulation: regret (level + run) * t, the level another one for every cell."""
    level = 10 * cell.learner.hparams.get("radius_scale", 3) + getattr(cell.scenario, "num_followers", 5)
    rounds = np.array([1, 30])
    regret = (level + np.arange(3.0))[:, None] * rounds
    return js.RegretCurve(
        learner=cell.learner.name,
        rounds=rounds,
        mean=regret.mean(axis=0),
        stderr=regret.std(axis=0, ddof=1) / np.sqrt(3),
        quantiles=np.quantile(regret, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0),
        final_regret=regret[:, -1],
        regret=regret,
        num_runs=3,
        optimum=np.float64(1.0),
        ties="optimistic",
        seconds={"compile": 1.0, "run": 1.0},
    )


@pytest.fixture(scope="module")
def lacking(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lacking")
    run_plan(plan(spec(LACKING)), folder, functools.partial(run.in_process, simulate=known_regret))
    return js.load_results(folder)


def test_who_lacks_an_axis_stands_at_every_label(lacking):
    erm = lacking.sel(scenario="random", learner="erm_joint")
    for scale in (0.1, 1.0):
        assert erm.sel(radius_scale=scale).final_regret.notnull().all()
    for name in ("final_regret", "mean", "regret", "bound", "seconds_run", "num_runs", "optimum"):
        here, there = (erm[name].sel(radius_scale=scale).values for scale in (0.1, 1.0))
        np.testing.assert_array_equal(here, there)
    ucb = lacking.sel(scenario="random", learner="region_ucb").final_regret
    assert not np.array_equal(ucb.sel(radius_scale=0.1), ucb.sel(radius_scale=1.0))
    patrol = lacking.sel(scenario="security_patrol").final_regret
    assert patrol.notnull().all()
    np.testing.assert_array_equal(patrol.sel(num_followers=1), patrol.sel(num_followers=2))


def test_a_cell_that_stands_everywhere_is_one_cell(lacking):
    found = cells_of(lacking)
    assert len(found) == len(plan(spec(LACKING)).distinct()) == 9
    lacks = {(cell.labels["scenario"], cell.learner): cell.lacks for cell in found}
    assert lacks == {
        ("random", "region_ucb"): (),
        ("random", "erm_joint"): ("radius_scale",),
        ("security_patrol", "region_ucb"): ("num_followers",),
        ("security_patrol", "erm_joint"): ("radius_scale", "num_followers"),
    }
    assert [cell.learner for cell in cells_of(lacking.sel(radius_scale=1.0))].count("erm_joint") == 3


def test_the_page_tells_of_no_label_that_a_cell_lacks(lacking):
    text = page(lacking, "x")
    assert "num_followers = 1" not in text.split("<h3>security_patrol</h3>")[1].split("</section>")[0]
    assert "radius_scale = 0.1; " not in text
    assert "skips_ahead = " not in text


def test_what_is_missing_is_told_without_labels_that_it_lacks(tmp_path):
    planned = plan(spec(LACKING))
    store.write_plan(tmp_path, planned)
    missing = json.loads(js.load_results(tmp_path).missing)
    assert {"scenario": "security_patrol", "learner": "erm_joint"} in missing
    assert {"scenario": "random", "learner": "erm_joint", "num_followers": 2} in missing
    assert len(missing) == 9


def test_pairs_are_found_at_every_label(lacking):
    difference = js.paired_differences(lacking, "erm_joint")["mean"].sel(learner="region_ucb")
    for scenario, followers, scale in (("random", 2, 1.0), ("security_patrol", 2, 0.1)):
        at = {"scenario": scenario, "num_followers": followers, "radius_scale": scale}
        final = lacking.final_regret.sel(at).mean(["game", "run"])
        expected = final.sel(learner="region_ucb") - final.sel(learner="erm_joint")
        np.testing.assert_allclose(difference.sel(at), expected)


# --- theorems ---


def test_a_theorem_goes_with_the_learner_and_not_with_its_label(tmp_path):
    labels = ("ours", "oful", "region_ucb")
    tables = "".join(f'[[learner]]\nname = "region_ucb"\nlabel = "{label}"\n' for label in labels)
    text = SPEC.replace('learners = ["oracle", "uniform"]\n', "") + tables
    text += '[[learner]]\nname = "uniform"\nlabel = "erm_joint"\n'
    (tmp_path / "mine.toml").write_text(text)
    result = CliRunner().invoke(cli.app, ["run", str(tmp_path / "mine.toml"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    records = json.loads((tmp_path / "out" / "results.json").read_text())["results"]
    game, _ = js.scenarios.random_game(0, num_followers=1, num_types=2)
    rate = pytest.approx(js.bounds.regret("region_ucb", game, 30))
    assert [record["rate"] for record in records] == [rate, rate, rate, None]
    dataset = js.load_results(tmp_path / "out")
    assert dataset.bound.squeeze().values.tolist()[:3] == [rate, rate, rate]
    assert np.isnan(dataset.bound.sel(learner="erm_joint")).all()
    assert dataset.theorem.values.tolist() == ["region_ucb"] * 3 + [""]


def test_every_learner_of_the_paper_has_its_theorem():
    for name in ("erm_joint", "erm_product", "region_ucb", "oful"):
        assert learners.by_name(name).theorem == name
    for name in ("shared_posterior", "marginal_posterior", "oracle", "uniform", "explore_then_commit"):
        assert learners.by_name(name).theorem is None


def test_nothing_warns_where_only_one_code_was_at_work(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        js.run_sweep(spec(), tmp_path)
