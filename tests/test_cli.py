"""The command line: files that a run leaves, what inspect tells, and errors that end in one message."""

import csv
import json
import os
import re
import subprocess
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

import jaxstack as js
from jaxstack import cli, report
from jaxstack.cli.engines import use_every_core
from jaxstack.cli.results import _picture_of_regions
from jaxstack.page.pictures import region_picture
from jaxstack.sweeps import estimate, load_spec, plan, store
from jaxstack.sweeps.spec import parse_spec
from jaxstack.sweeps.spec.overrides import overridden
from jaxstack.writing import write_file
from tests.datasets import results, small_cell

pytestmark = pytest.mark.once

PNG = b"\x89PNG\r\n\x1a\n"
SPEC = """
[run]
horizon = 60
runs = 4
learners = ["erm_joint", "uniform"]

[[scenario]]
kind = "random"
name = "two small games"
games = 2
num_followers = 1
num_types = 2
"""


def invoke(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def refused(*arguments):
    """The message of a command that must end in exit status 2, without a traceback."""
    result = invoke(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return result.stderr


def write_game(path, num_leader_actions=3, **labels):
    game, types = js.scenarios.random_game(1, num_leader_actions, num_followers=1, num_types=2)
    js.save_game(path, game, types, **labels)
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of a spec, with one setting replaced on the command line."""
    folder = tmp_path_factory.mktemp("run")
    spec = folder / "small.toml"
    spec.write_text(SPEC)
    out = folder / "deep" / "out"
    result = invoke("run", spec, "--out", out, "--horizon", 50)
    assert result.exit_code == 0, result.output
    return result, out


def test_run_leaves_these_files_and_no_others(finished):
    _, out = finished
    assert sorted(path.name for path in out.iterdir()) == [
        "cells",
        "curves.csv",
        "results.json",
        "spec.toml",
        "sweep.json",
        "two-small-games-regions.png",
        "two-small-games-regret.png",
    ]
    for picture in out.glob("*.png"):
        assert picture.read_bytes().startswith(PNG)


def test_results_hold_numbers_versions_and_hardware(finished):
    _, out = finished
    content = json.loads((out / "results.json").read_text(), parse_constant=pytest.fail)  # no NaN
    assert [record["learner"] for record in content["results"]] == ["erm_joint", "uniform"]
    erm, uniform = content["results"]
    assert (erm["scenario"], erm["games"], erm["horizon"], erm["runs"]) == ("two small games", 2, 50, 4)
    assert 0 <= erm["regret"] < uniform["regret"]
    assert len(erm["optimum"]) == len(erm["regions"]) == 2
    assert uniform["exponent"]["low"] <= uniform["exponent"]["estimate"] <= uniform["exponent"]["high"]
    assert erm["rate"] > 0
    assert uniform["rate"] is None
    assert content["environment"]["versions"]["jaxstack"] == js.__version__
    assert content["environment"]["cores"] >= 1
    assert content["spec"]["run"]["horizon"] == 50


def test_regret_is_that_of_simulate(finished):
    import jax

    _, out = finished
    spec = load_spec(out / "spec.toml")
    problem = spec.scenario[0].build(spec.run)
    curve = js.simulate(
        jax.random.key(0), problem.game, problem.types, js.learners.uniform(), horizon=50, num_runs=4
    )
    record = json.loads((out / "results.json").read_text())["results"][1]
    assert record["regret"] == pytest.approx(curve.mean[:, -1].mean(), rel=1e-6)


def test_curves_end_at_the_final_regret(finished):
    _, out = finished
    with open(out / "curves.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    results = json.loads((out / "results.json").read_text())["results"]
    for record in results:
        mine = [row for row in rows if row["learner"] == record["learner"]]
        assert [int(mine[0]["round"]), int(mine[-1]["round"])] == [1, 50]
        assert float(mine[-1]["mean_regret"]) == record["regret"]
        assert float(mine[-1]["stderr"]) == record["stderr"]


def test_spec_of_the_run_repeats_it(finished):
    _, out = finished
    spec = load_spec(out / "spec.toml")
    assert (spec.run.horizon, spec.run.runs) == (50, 4)  # what was played, not what the file said


def test_table_names_scenarios_and_learners(finished):
    result, _ = finished
    for expected in ("two small games", "2 games", "erm_joint", "uniform", "±", "T = 50 rounds", "regions"):
        assert expected in result.output


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_game_file_is_played_and_inspected(tmp_path, suffix):
    path = write_game(tmp_path / f"ports{suffix}", 2)
    # Short enough for one test, and L = 2 has a picture of its own.
    if suffix == ".json":
        result = invoke(
            "run", path, "--out", tmp_path / "out", "--horizon", 20, "--runs", 2, "--learners", "uniform"
        )
        assert result.exit_code == 0, result.output
        assert (tmp_path / "out" / "ports-regions.png").exists()
    result = invoke("inspect", path, "--out", tmp_path / "new" / "ports.png")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "new" / "ports.png").read_bytes().startswith(PNG)


def test_inspect_tells_sizes_regions_and_optimum(tmp_path):
    # One type; action 1 when x_0 <= 0.25. The leader gets 1 for (0, 0), 0.6 for action 1: x* = (1, 0).
    game = js.Game([[1.0, 0.6], [0.0, 0.6]], [[[[0.75, 0.0], [-0.25, 0.0]]]])
    names = {
        "leader_names": ("quay", "gate"),
        "follower_names": ("smuggler",),
        "type_names": ("bold",),
        "action_names": ("wait", "land"),
    }
    js.save_game(tmp_path / "port.json", game, js.IndependentTypes([[1.0]]), **names)
    result = invoke("inspect", tmp_path / "port.json")
    assert result.exit_code == 0, result.output
    for expected in (
        "L = 2, n = 1, K = 1, A = 2",
        "TabularPayoff, 0 to 1 payoff units",
        "-0.25 to 0.75",
        "2 optimistic, of which 2 full-dimensional",
        "16  (n^L K^L A^2L",  # 1 * 1 * 2^4
        "1 payoff units per round (optimistic ties)",
    ):
        assert expected in result.output
    assert re.search(r"quay\W+1\.000000", result.output)
    assert re.search(r"gate\W+0\.000000", result.output)
    assert re.search(r"smuggler\W+bold\W+wait", result.output)
    assert "bold" in result.output


def test_inspect_solves_what_has_no_table_and_says_how(tmp_path):
    game, types = js.scenarios.random_game(0, 12, 3, 2, 3, payoff="separable", types="independent")
    js.save_game(tmp_path / "large.json", game, types)
    said = " ".join(invoke("inspect", tmp_path / "large.json").output.replace("│", " ").split())
    assert "solved by milp: at least about" in said
    assert "over all regions" not in said
    record = json.loads(invoke("inspect", tmp_path / "large.json", "--json").output)
    assert record["vertices"] is None
    assert record["solved_by"]["method"] == "milp"


def test_inspect_counts_robust_regions(tmp_path):
    # Action 1 is better where x_0 > 0; both are equal at x = (0, 1), a flat region of one point for action 0.
    game = js.Game(np.eye(2), [[[[0.0, 1.0], [0.0, 0.0]]]])
    js.save_game(tmp_path / "flat.json", game, js.IndependentTypes([[1.0]]))
    result = invoke("inspect", tmp_path / "flat.json")
    assert "2 optimistic, of which 1 full-dimensional (robust)" in result.output
    result = invoke("inspect", tmp_path / "flat.json", "--ties", "robust")
    assert "1 full-dimensional (robust)" in result.output
    assert "(robust ties)" in result.output


def test_inspect_tells_what_the_optimum_hangs_by(tmp_path):
    # Action 1 would tie with action 0 against row 0, but for 1e-8.
    game = js.Game([[3.0, 9.0], [0.0, 0.0]], [[[[1e-8, 0.0], [1.0, 0.0]]]])
    js.save_game(tmp_path / "near.json", game, js.IndependentTypes([[1.0]]))
    said = " ".join(invoke("inspect", tmp_path / "near.json").output.replace("│", " ").split())
    assert "rests on 1 near-tie that is not exact" in said
    assert "follower 0 of type 0 prefers action 0 to 1 by 1e-08" in said
    js.save_game(tmp_path / "exact.json", js.Game(np.eye(2), [[np.eye(2)]]), js.IndependentTypes([[1.0]]))
    assert "near-tie" not in invoke("inspect", tmp_path / "exact.json").output


def test_inspect_has_no_picture_for_many_leader_actions(tmp_path):
    result = invoke("inspect", write_game(tmp_path / "four.json", 4), "--out", tmp_path / "four.png")
    assert result.exit_code == 0
    assert "No picture" in result.output
    assert not (tmp_path / "four.png").exists()


def test_folder_that_cannot_be_written_stops_before_computing(tmp_path, monkeypatch):
    monkeypatch.setattr("jaxstack.sweeps.run.compute_cell", lambda *_, **__: pytest.fail("computed"))
    monkeypatch.setattr("jaxstack.cli.commands.inspect_game", lambda *_: pytest.fail("computed"))
    (tmp_path / "file").write_text("in the way")
    message = refused("run", "--out", tmp_path / "file" / "out")
    assert f"cannot write into {tmp_path / 'file' / 'out'}: Not a directory" in message
    assert "cannot write into" in refused("run", "--out", tmp_path / "file")
    path = write_game(tmp_path / "game.json")
    assert "cannot write into" in refused("inspect", path, "--out", tmp_path / "file" / "picture.png")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    assert "Permission denied" in refused("run", "--out", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--learners", "erm_jiont"], "Unknown learner 'erm_jiont'. Did you mean 'erm_joint'?"),
        (["--horizon", "0"], "key 'horizon': must be greater than or equal to 1, but 0 arrived."),
        (["--runs", "-3"], "key 'runs': must be greater than or equal to 1, but -3 arrived."),
        (["nowhere.toml"], "nowhere.toml: No such file or directory"),
        (
            ["notes.txt"],
            "notes.txt: a run is described by a spec (.toml) or a game file (.json, .npz, .csv, .nfg)",
        ),
        (["nowhere.json"], "No such file or directory"),
        (["--workers", "2", "--multihost"], "--workers and --multihost are different places for the same"),
        (["--workers", "2", "--scheduler", "tcp://a:1"], "--workers and --scheduler are different places"),
        (["--processes", "2"], "--processes needs --multihost"),
        (["--process-id", "0", "--workers", "2"], "--process-id and --workers contradict each other"),
        (["--multihost"], "cannot join several hosts into one program"),
    ],
)
def test_mistakes_of_run_are_one_message(tmp_path, arguments, message):
    assert message in refused("run", "--out", tmp_path, *arguments)
    assert not (tmp_path / "results.json").exists()


def test_mistakes_in_files_name_the_file(tmp_path):
    spec = tmp_path / "mine [1].toml"  # brackets must not be taken for markup
    spec.write_text(SPEC.replace("runs", "rnus"))
    assert f"{spec}: [run], key 'rnus': unknown key. Did you mean 'runs'?" in refused(
        "run", spec, "--out", tmp_path
    )
    game = tmp_path / "torn.json"
    game.write_text(write_game(tmp_path / "whole.json").read_text()[:100])
    assert "torn.json" in refused("run", game, "--out", tmp_path / "out")
    assert "torn.json" in refused("inspect", game)


def test_mistakes_of_inspect_are_one_message(tmp_path):
    path = write_game(tmp_path / "game.json")
    assert "must end in .png, .pdf or .svg" in refused("inspect", path, "--out", tmp_path / "x.doc")
    assert refused("inspect", path, "--ties", "robst")
    assert "no.json" in refused("inspect", tmp_path / "no.json")


def test_traceback_on_request(tmp_path):
    result = invoke("--traceback", "inspect", tmp_path / "no.json")
    assert result.exit_code == 2
    assert "Traceback (most recent call last)" in result.stderr
    assert "in load_game_file" in result.stderr


def test_version_and_help():
    assert invoke("--version").output.strip() == f"jaxstack {js.__version__}"
    help_text = invoke("run", "--help").output
    for option in ("--out", "--horizon", "--runs", "--seed", "--learners"):
        assert option in help_text


def test_what_takes_long_to_load_is_loaded_where_it_is_used():
    """The version needs neither pictures nor specs; a run with its pictures needs no datasets or programs."""
    code = (
        "import sys; from jaxstack import cli\n"
        "try:\n    cli.app(['--version'])\n"
        "except SystemExit as stop:\n    assert not stop.code\n"
        "assert 'matplotlib' not in sys.modules and 'pydantic' not in sys.modules\n"
        "import jaxstack.learners, jaxstack.plots, jaxstack.report, jaxstack.sweeps.run\n"
        "assert not {'xarray', 'pandas', 'scipy.optimize'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_core_is_used_unless_a_number_was_chosen(monkeypatch):
    import jax

    updates = []
    monkeypatch.setattr(type(jax.config), "update", lambda self, name, value: updates.append((name, value)))
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    use_every_core()
    assert updates in ([], [("jax_num_cpu_devices", len(os.sched_getaffinity(0)))])
    updates.clear()
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=3")
    use_every_core()
    assert updates == []


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "numbers"
    write_file(path, "first")

    def fails(file):
        file.write(b"half of the sec")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_file(path, fails)
    assert path.read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["numbers"]
    with pytest.raises(FileNotFoundError) as caught:
        write_file(tmp_path / "nowhere" / "numbers", "first")
    assert caught.value.filename == str(tmp_path / "nowhere" / "numbers")  # and no unfinished file's


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [(12.3456, 0.0567, "12.346 ± 0.057"), (19629.61, 2.04, "19,629.6 ± 2.0"), (5.0, 123.0, "5 ± 123"),
     (3.0, 0.0, "3"), (3.0, None, "3"), (None, None, "-")],
)  # fmt: skip
def test_digits_follow_the_error(value, error, text):
    assert report.with_error(value, error) == text


# report -----------------------------------------------------------------------------------------------------


@pytest.fixture
def loaded(monkeypatch):
    """Results as if loaded from whatever folder is named; the folders asked for."""
    asked = []
    monkeypatch.setattr(js, "load_results", lambda folder: asked.append(folder) or results(), raising=False)
    return asked


def test_report_writes_a_page(loaded, tmp_path):
    out = tmp_path / "deep" / "page.html"
    result = invoke("report", tmp_path, "-o", out, "--reference", "region_ucb")
    assert result.exit_code == 0, result.output
    assert loaded == [tmp_path]
    assert f"Results in {tmp_path.name}" in out.read_text()
    assert "Compared with region_ucb" in out.read_text()
    assert str(out) in result.output.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "page.pdf"], "page.pdf: a report's name must end in .html"),
        (["--reference", "nobody", "-o", "x.html"], "no learner is called 'nobody' here"),
    ],
)
def test_report_refuses(loaded, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused("report", tmp_path, *arguments).replace("\n", "")
    assert list(tmp_path.iterdir()) == []


def test_report_needs_a_folder(loaded, tmp_path):
    message = refused("report", tmp_path / "nowhere", "-o", tmp_path / "x.html")
    assert "nowhere: not a folder" in message.replace("\n", "")
    assert loaded == []


def test_report_tells_of_damaged_files_in_a_line(monkeypatch, tmp_path):
    def load(folder):
        warnings.warn("cells/a.nc: torn", stacklevel=2)
        return results()

    monkeypatch.setattr(js, "load_results", load, raising=False)
    result = invoke("report", tmp_path, "-o", tmp_path / "x.html")
    assert result.exit_code == 0, result.output
    assert result.stderr == "Warning: cells/a.nc: torn\n"


# solve, learners, scenarios ---------------------------------------------------------------------------------


@pytest.fixture
def port(tmp_path):
    """One type that waits where x_0 > 1/4; the leader gets 1 for (0, 0), 0.6 where the follower lands."""
    game = js.Game([[1.0, 0.6], [0.0, 0.6]], [[[[0.75, 0.0], [-0.25, 0.0]]]])
    js.save_game(
        tmp_path / "port.json", game, js.IndependentTypes([[1.0]]), leader_names=["quay", "gate"],
        type_names=["bold"], action_names=["wait", "land"],
    )  # fmt: skip
    return tmp_path / "port.json"


def test_pictures_and_pages_say_in_words_what_followers_do(port):
    spec = '[run]\nhorizon = 8\nlearners = ["uniform"]\n[[scenario]]\nkind = "file"\nname = "port"\n'
    spec += f'path = "{port}"\n'
    read = parse_spec(spec, "spec")
    problem = next(iter(read.scenario[0].points())).build(read.run)
    table = js.enumerate_regions(problem.game)
    drawn = [_picture_of_regions(read, problem, table, table)]
    pictures = SimpleNamespace(draw=lambda caption, make: drawn.append(make()))
    region_picture(spec, "port", pictures)
    assert len(drawn) == 2
    for figure in drawn:
        assert {"wait", "land"} <= {text.get_text() for axes in figure.axes for text in axes.texts}


@pytest.mark.parametrize(
    "method", [None, "vertices", "programs", "milp", pytest.param("walk", marks=pytest.mark.once)]
)
def test_solve_by_every_method(port, method):
    arguments = ["solve", port, "--json", *([] if method is None else ["--method", method])]
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    record = json.loads(result.output, parse_constant=pytest.fail)
    assert record["method"] == (method or "vertices")
    assert record["value"] == pytest.approx(1.0)
    assert record["commitment"] == pytest.approx({"quay": 1.0, "gate": 0.0})
    assert record["responses"] == [{"follower": "follower 0", "type": "bold", "action": "wait"}]
    assert record["baselines"] == {"uniform": 0.5, "pure": 1.0, "pure_action": "quay", "known_types": 1.0}


def test_solve_prints_a_table_or_latex(port):
    result = invoke("solve", port, "--ties", "robust", "--time-limit", 60)
    for expected in ("quay", "1.0000", "uniform commitment", "robust ties", "proved by 'vertices'", "Why"):
        assert expected in result.output
    assert "\\toprule" in invoke("solve", port, "--latex").output
    assert "give one of them" in refused("solve", port, "--latex", "--json")
    assert "time_limit must be a positive number" in refused("solve", port, "--time-limit", 0)


def test_inspect_in_json(port, tmp_path):
    result = invoke("inspect", port, "--json", "--out", tmp_path / "port.png")
    record = json.loads(result.stdout, parse_constant=pytest.fail)
    assert (record["regions"], record["types"], record["actions"]) == (2, [1], [2])
    assert record["optimum"]["value"] == 1.0
    assert (tmp_path / "port.png").read_bytes().startswith(PNG)


def test_learners_are_listed_as_the_roster_has_them():
    found = {r["name"]: r for r in json.loads(invoke("learners", "--json").output)}
    assert list(found) == list(js.learners.ROSTER)
    assert found["region_ucb"]["hyperparameters"] == {"radius_scale": 1.0}
    assert found["explore_then_commit"]["hyperparameters"] == {"exploration_rounds": None}  # by the game
    assert found["erm_joint"]["skips_ahead"]
    printed = invoke("learners").output
    assert "region_ucb  (feedback: actions)" in printed
    assert "exploration_rounds=auto" in printed
    assert found["erm_joint"]["what"] == "plays the best commitment against the joint types seen so far"
    assert all("(" not in record["what"] for record in found.values())  # what it sees is told once


def test_scenarios_are_listed_as_specs_name_them():
    found = {r["kind"]: r for r in json.loads(invoke("scenarios", "--json").output)}
    assert {"random", "hard", "file", "audit", "coverage"} <= set(found)
    assert found["random"]["keys"]["num_types"] == 3
    assert found["file"]["keys"]["path"] == "needed"
    assert found["security_patrol"]["keys"]["parameters.arrest_value"] == 2.0
    assert "num_types=3" in invoke("scenarios").output


def test_keys_of_a_spec_are_set_on_the_command_line(tmp_path):
    spec = tmp_path / "small.toml"
    spec.write_text(SPEC)
    changed = overridden(
        load_spec(spec), ["run.horizon=[10, 20]", "two small games.games=3", "uniform.label=any"]
    )
    assert changed.run.horizon == (10, 20)
    assert changed.scenario[0].games == 3
    assert [table.title for table in changed.learners()] == ["erm_joint", "any"]
    assert load_spec_text(changed, tmp_path) == changed
    kept = overridden(load_spec(spec), ["run.runs=2"])
    assert (kept.run.learners, kept.learner) == (["erm_joint", "uniform"], [])
    for assignment, message in (
        ("region_ucb.radius_scale=1", "the spec has no table 'region_ucb'"),
        ("uniform.radius=1", "unknown key 'radius'"),
        ("run.horizen=1", "--set: [run], key 'horizen': unknown key. Did you mean 'horizon'?"),
        ("run.horizon=soon", "must be a valid integer, but 'soon' arrived"),
        ("horizon", "TABLE.KEY=VALUE was expected"),
    ):
        assert message in refused("run", spec, "--set", assignment)


def load_spec_text(spec, folder):
    """What is read back of a spec that is written."""
    (folder / "again.toml").write_text(spec.to_toml())
    return load_spec(folder / "again.toml")


def test_without_a_command_there_is_help():
    result = invoke()
    assert result.exit_code == 0
    assert "Usage" in result.output
    done = subprocess.run([sys.executable, "-m", "jaxstack"], capture_output=True, text=True, check=True)
    assert "solve" in done.stdout


def test_help_is_whole_at_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    commands = [command.name or command.callback.__name__ for command in cli.app.registered_commands]
    assert {"run", "solve"} <= set(commands)
    for command in ([], *([name] for name in commands)):
        lines = invoke(*command, "--help").output.splitlines()
        assert not [line for line in lines if len(line) > 80 or "…" in line]
        assert not [line for line in lines if re.search(r"│ {9,}\S*> ", line)], "a broken list of choices"


def test_headings_are_whole_at_80_columns(monkeypatch, tmp_path):
    spec = tmp_path / "wide.toml"
    spec.write_text(
        SPEC.replace("horizon = 60", "horizon = [60, 70]")
        .replace("num_followers = 1", "num_followers = [1, 6]")
        .replace(
            "num_types = 2",
            'num_types = [2, 1]\nnum_leader_actions = [2, 3]\nzip = [["num_followers", "num_types"]]',
        )
    )
    monkeypatch.setattr(estimate, "estimates", lambda cells, _: [(cell, 1024, 0.5) for cell in cells])
    monkeypatch.setenv("COLUMNS", "80")
    output = invoke("run", spec, "--out", tmp_path / "out", "--dry-run").output
    assert "…" not in output
    lines = output.splitlines()  # a table, and sentences that the terminal breaks
    assert max(map(len, lines[: next(p for p, line in enumerate(lines) if " cells, " in line)])) <= 80
    assert "1 + 2" not in output
    headings = output[: output.index("───")]
    for word in (
        "learner",
        "horizon",
        "leader_",
        "actions",
        "followers",
        "types",
        "memory",
        "rounds",
        "time",
    ):
        assert word in headings
    assert re.search(r"erm_joint +60 +2 +6 +1 +1 KiB", output)


# sweeps -----------------------------------------------------------------------------------------------------


def test_dry_run_leaves_out_axes_of_others_and_counts_damaged_files_as_missing(monkeypatch, tmp_path):
    spec = tmp_path / "sweep.toml"
    tables = '[[learner]]\nname = "region_ucb"\nradius_scale = [1.0, 0.5]\n[[learner]]\nname = "uniform"\n'
    spec.write_text(SPEC.replace('learners = ["erm_joint", "uniform"]', "") + tables)
    cells = plan(load_spec(spec)).cells
    monkeypatch.setattr(estimate, "rates", lambda *_: {})
    monkeypatch.setattr(estimate, "estimates", lambda cells, _: [(cell, 1024, 0.5) for cell in cells])
    (tmp_path / "out").mkdir()
    for cell in cells[:2]:
        store.write_cell(tmp_path / "out", cell.key, *small_cell())
    store.cell_path(tmp_path / "out", cells[0].key).write_bytes(b"torn")
    result = invoke("run", spec, "--out", tmp_path / "out", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "3 cells, 1 there already; 2 to compute: " in result.output
    assert "about 1 s of playing" in result.output
    (row,) = (line for line in result.output.splitlines() if "uniform" in line)
    millions = f"{cells[-1].work / 1e6:.2g}"
    assert row.split() == ["uniform", "-", "1", "KiB", millions, "0.5", "s"]
