"""Learners that are not the package's own: of installed packages, of modules, handed over by a caller."""

import dataclasses
import functools
import json
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np
import pytest
import xarray
from typer.testing import CliRunner

import jaxstack as js
from jaxstack import checks, cli, learners
from jaxstack.cli.learners import wanted_spec
from jaxstack.learners import outside
from jaxstack.page import page
from jaxstack.sweeps import cells, cluster, failures, load_spec, plan, run, run_plan
from jaxstack.sweeps.spec import LearnerSettings, RunSettings, Spec, parse_spec
from tests.datasets import numbers

MODULE = """
import dataclasses
import numpy as np
from jaxstack import learners

def first(key, state, known, hparams, t):
    return learners.Choice(np.int32(0), np.int32(0))

def stubborn():
    return dataclasses.replace(learners.uniform(), name="stubborn", act=first, draws=False)

def walker():
    def act(key, state, known, hparams, t):
        return learners.Choice((t % known.table.num_regions).astype(np.int32), np.int32(0))
    return dataclasses.replace(learners.uniform(), name="walker", act=act, draws=False)

LEARNERS = [stubborn, walker]
"""
SPEC = """
[run]
horizon = 30
runs = 3
learners = ["stubborn", "uniform"]

[[scenario]]
kind = "random"
num_followers = 1
num_types = 2
"""

# Workers start anew: one learner is of a module, the other of the script itself, and remembers a number.
ON_WORKERS = (
    MODULE.split("LEARNERS")[0]
    + """
import sys
import jaxstack as js
import my_learners
from jaxstack.sweeps import cluster


def later(rounds):
    def act(key, state, known, hparams, t):
        return learners.Choice(((t + rounds) % known.table.num_regions).astype(np.int32), np.int32(0))
    return lambda: dataclasses.replace(learners.uniform(), name="later", act=act, draws=False)

if __name__ == "__main__":
    given = {"stubborn": my_learners.stubborn, "later": later(3)}
    with cluster.local(1) as engine:
        data = js.run_sweep(sys.argv[1], sys.argv[2], learners=given, engine=engine)
    assert data.failed == "[]", data.failed
    js.run_sweep(sys.argv[1], sys.argv[3], learners=given)
"""
)


def vertex(number, key, state, known, hparams, t):
    """`act` of a learner that always plays one vertex of the first region."""
    return learners.Choice(np.int32(0), np.int32(number))


def stubborn(number=0):
    """A learner of two that share a name."""
    act = functools.partial(vertex, number)
    return dataclasses.replace(learners.uniform(), name="stubborn", act=act, draws=False)


@pytest.fixture(autouse=True)
def nothing_of_others(monkeypatch):
    """No pictures of pages, and entry points are read anew before and after every test."""
    monkeypatch.setattr("jaxstack.page.pictures._png", lambda figure: b"picture")
    outside._entry_points.cache_clear()
    outside.of_package.cache_clear()
    yield
    outside._entry_points.cache_clear()
    outside.of_package.cache_clear()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of one's own, with a module and a spec, in which the command runs."""
    (tmp_path / "my_learners.py").write_text(MODULE)
    (tmp_path / "mine.toml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def install(folder, package, points, source=MODULE):
    """An installed package whose module offers learners by entry points."""
    (folder / f"{package}.py").write_text(source)
    info = folder / f"{package}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    lines = [f"{name} = {package}:{value}" for name, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[jaxstack.learners]", *lines]))
    sys.path.append(str(folder))


def invoke(*arguments):
    return CliRunner().invoke(cli.app, [*map(str, arguments)])


def message(*arguments):
    """What a command that ends in exit status 2 says, on one line."""
    result = invoke(*arguments)
    assert result.exit_code == 2, result.output
    return " ".join(result.stderr.split())


# --- installed packages ---


def test_a_package_is_imported_when_its_learner_is_asked_for(folder):
    install(folder, "theirs", {"stubborn": "stubborn", "walker": "walker"})
    assert parse_spec(SPEC.replace("stubborn", "oful"), "x").learners()[0].player() == learners.oful()
    with pytest.raises(ValueError, match=r"Did you mean 'stubborn'\? Known: erm_joint, .*, stubborn, walker"):
        learners.by_name("stuborn")
    assert "theirs" not in sys.modules
    learner = learners.by_name("stubborn")
    assert learner.name == "stubborn"
    assert "theirs" in sys.modules
    assert learners.by_name("stubborn") is learner  # one object: compiled code is kept by it
    (first, _) = plan(load_spec("mine.toml")).cells
    assert first.learner.offer is None  # found by its name in every process
    assert cells.learner_of(pickle.loads(pickle.dumps(first))) is learner


@pytest.mark.parametrize(
    ("name", "value", "source", "told"),
    [
        ("mine", "gone", MODULE, "cannot be imported: AttributeError: .* 'gone'. Mend or uninstall"),
        ("mine", "f", "import no_such_thing", "cannot be imported: ModuleNotFoundError: No module named"),
        ("mine", "f", "def f(n): pass", "called without arguments, raised TypeError: .* missing 1 required"),
        ("mine", "f", "def f(): return 3", "a factory that returns a jaxstack.learners.Learner .* but 3 was"),
        ("mine", "f", "f = 3", "a learner or its factory was expected for 'mine', but 3 arrived"),
        ("mine", "walker", MODULE, "offers a learner as 'mine', but its name is 'walker'"),
        ("uniform", "walker", MODULE, "offers a learner 'uniform', but this is the name of one of jax"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_package_is_told_with_its_name(folder, name, value, source, told):
    install(folder, "theirs", {name: value}, source)
    with pytest.raises(ValueError, match=rf"installed package 'theirs' \(theirs:{value}\).*{told}"):
        learners.by_name(name)
    assert learners.by_name("oful").name == "oful"  # others are not touched


def test_two_packages_cannot_offer_one_name(folder):
    install(folder, "theirs", {"walker": "walker"})
    install(folder, "hers", {"walker": "walker"})
    with pytest.raises(ValueError, match=r"several packages .* 'walker': .*'hers'.*'theirs'"):
        learners.by_name("walker")
    assert "hers" not in sys.modules


# --- nothing is imported for a text ---


@pytest.mark.parametrize("name", ["my_learners", "my_learners:stubborn", "my_learners.stubborn", "os"])
def test_a_spec_imports_nothing(folder, name):
    sys.path.insert(0, str(folder))
    before = set(sys.modules)
    for text in (
        SPEC.replace('["stubborn", "uniform"]', f'["{name}"]'),
        SPEC.replace('learners = ["stubborn", "uniform"]', "") + f'[[learner]]\nname = "{name}"\n',
    ):
        (folder / "mine.toml").write_text(text)
        with pytest.raises(ValueError, match=rf"Unknown learner '{name}'.*--learners MODULE .* learners="):
            load_spec(folder / "mine.toml")
        assert "One of your own: --learners MODULE" in message("run", "mine.toml", "--out", "out")
    assert "my_learners" not in set(sys.modules) - before


def test_results_are_read_without_the_code_that_made_them(folder):
    assert invoke("run", "mine.toml", "--out", "out", "--learners", "my_learners").exit_code == 0
    del sys.modules["my_learners"]
    sys.path.remove(str(folder))
    data = js.load_results("out")
    assert data.learner.values.tolist() == ["stubborn", "uniform"]
    assert "stubborn" in page(data, "x")
    assert invoke("report", "out").exit_code == 0
    assert "my_learners" not in sys.modules


# --- command line ---


@pytest.mark.parametrize(
    ("typed", "named", "played"),
    [
        ("my_learners", '["stubborn", "uniform"]', ["stubborn", "uniform"]),  # the spec has chosen
        ("my_learners", '["uniform"]', ["stubborn", "walker"]),
        ("my_learners:walker", '["uniform"]', ["walker"]),
        ("oful, my_learners:walker", '["walker"]', ["oful", "walker"]),
        ("my_learners,uniform", '["stubborn"]', ["stubborn", "walker", "uniform"]),
        ("uniform", '["oful"]', ["uniform"]),
        (None, '["oful"]', ["oful"]),
    ],
)
def test_who_is_compared(folder, typed, named, played):
    (folder / "mine.toml").write_text(SPEC.replace('["stubborn", "uniform"]', named))
    spec = wanted_spec(folder / "mine.toml", typed, runs=2)
    assert [player.player().name for player in spec.learners()] == played
    assert spec.run.runs == 2
    assert load_spec_keeps(spec) == played


def load_spec_keeps(spec):
    """Learners of a spec after all that happens to specs: nothing is offered any more."""
    assert not outside.given()
    for other in (spec.replace_run(runs=5), pickle.loads(pickle.dumps(spec))):
        assert other.learners() == spec.learners()
    return [cells.learner_of(cell).name for cell in plan(spec).cells]


def test_the_module_of_the_built_in_spec(folder):
    assert [player.name for player in wanted_spec(None, "my_learners").learners()] == ["stubborn", "walker"]


@pytest.mark.parametrize(
    ("typed", "source", "told"),
    [
        ("my_learner", MODULE, r"Unknown learner 'my_learner'\..* no module 'my_learner' either"),
        ("my_learners.py", MODULE, "give the module's name alone: --learners my_learners$"),
        ("my-learners", MODULE, "Unknown learner 'my-learners'"),
        ("my_learners:gone", MODULE, r"module my_learners \(.*my_learners.py\) has no 'gone'\. After"),
        ("my_learners", "x = 1", r"Write LEARNERS = \[my_learner\] into it"),
        ("my_learners", "LEARNERS = 3", "a mapping from names .*, but 3 arrived"),
        ("my_learners", "LEARNERS = [3]", "a learner or its factory was expected, but 3 arrived"),
        ("my_learners", MODULE + "LEARNERS *= 2", "two learners are called 'stubborn'"),
        ("my_learners", MODULE.replace('"walker"', '"oful"'), "'oful', but this is the name"),
        ("my_learners", "import no_such_thing", "my_learners cannot be imported: ModuleNotFoundError: "),
        ("my_learners", "1 / 0", "cannot be imported: ZeroDivisionError: division by zero. Where: "),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_module_is_told(folder, typed, source, told):
    (folder / "my_learners.py").write_text(source)
    with pytest.raises(ValueError, match=told):
        wanted_spec(folder / "mine.toml", typed)


# --- handed over in Python ---


@pytest.mark.parametrize(
    "given", [{"stubborn": stubborn}, [stubborn], [stubborn()], {"stubborn": stubborn()}]
)
def test_a_sweep_plays_what_it_is_given(folder, given):
    data = js.run_sweep("mine.toml", "out", learners=given)
    game, types = js.scenarios.random_game(0, num_followers=1, num_types=2)
    curve = js.simulate(jax.random.key(0), game, types, stubborn(), horizon=30, num_runs=3)
    np.testing.assert_array_equal(data["mean"].sel(learner="stubborn").squeeze(), curve.mean)


def test_where_a_learner_fails_is_told(folder):
    """The line of one's own code, not of the package's or of JAX's; and all of it to who asks."""
    broken = MODULE.replace("return learners.Choice(np.int32(0), np.int32(0))", "return state.visits + 'x'")
    (folder / "my_learners.py").write_text(broken)
    (folder / "mine.toml").write_text(SPEC.replace(', "uniform"', ""))
    line = broken.splitlines().index("    return state.visits + 'x'") + 1
    arguments = "run", "mine.toml", "--learners", "my_learners:stubborn", "--out", "out"
    short, full = invoke(*arguments), invoke("--traceback", *arguments)
    assert short.exit_code == full.exit_code == 1
    assert f"my_learners.py:{line}, in first. jaxstack.check_learner tells" in " ".join(short.stderr.split())
    assert "1 of 1 cells failed. Run" in short.stderr  # there are no others
    assert "Traceback" not in short.stderr
    assert f'my_learners.py", line {line}, in first' in full.stderr
    (note,) = (folder / "out" / "failed").glob("*.json")
    assert f"line {line}, in first" in json.loads(note.read_text())["traceback"]


def test_errors_elsewhere_are_not_laid_on_a_learner(tmp_path):
    """Neither what the disk does, nor what the package says from a thread of its own."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file") as of_disk:
        (tmp_path / "file" / "folder").mkdir()
    with ThreadPoolExecutor() as pool, pytest.raises(ValueError, match="must be") as of_package:
        pool.submit(checks.positive_int, "runs", 0).result()
    frames = of_package.value.__traceback__
    while frames.tb_frame.f_code.co_filename == __file__:  # in a sweep, what catches is the package's
        frames = frames.tb_next
    for error in (of_disk.value, of_package.value.with_traceback(frames)):
        assert failures.told(error) == f"{type(error).__name__}: {error}"


def test_two_learners_of_one_name_share_no_cells(folder):
    first = js.run_sweep("mine.toml", "out", learners=[stubborn])
    spec = load_spec("mine.toml", learners={"stubborn": functools.partial(stubborn, 1)})
    summary = run_plan(plan(spec), folder / "out", run.in_process)
    assert (summary.computed, summary.there) == (1, 1)
    with pytest.warns(UserWarning, match="left out what was made by other code: 1 cell"):
        second = js.load_results("out")
    assert not np.array_equal(first["mean"].sel(learner="stubborn"), second["mean"].sel(learner="stubborn"))
    # Side by side in one sweep, under labels of their own.
    tables = []
    for number in (0, 1):
        with learners.offered({"stubborn": functools.partial(stubborn, number)}):
            tables.append(LearnerSettings(name="stubborn", label=f"vertex {number}"))
    run_settings = RunSettings(horizon=30, runs=3)
    both = js.run_sweep(Spec(run=run_settings, scenario=spec.scenario, learner=tables), "both")
    for label, alone in (("vertex 0", first), ("vertex 1", second)):
        np.testing.assert_array_equal(both["mean"].sel(learner=label), alone["mean"].sel(learner="stubborn"))


def test_a_spec_takes_other_learners(folder):
    spec = load_spec("mine.toml", learners=[stubborn])
    other = js.run_sweep(spec, "other", learners=[stubborn(1)])
    assert not np.array_equal(
        other["mean"].sel(learner="stubborn"), js.run_sweep(spec, "out")["mean"].sel(learner="stubborn")
    )


def test_one_learner_is_made_of_cells_that_came_one_by_one(folder):
    spec = load_spec("mine.toml", learners=[stubborn()])
    sent = [pickle.dumps(plan(spec).cells[0]) for _ in range(2)]
    first, second = (cells.learner_of(pickle.loads(text)) for text in sent)
    assert first is second  # and so its code is compiled once


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("stubborn", "learners: a mapping from names to learners .* but 'stubborn' arrived"),
        ([stubborn, stubborn()], "learners: two learners are called 'stubborn'"),
        ({"uniform": learners.uniform}, "offers a learner 'uniform', but this is the name of one of jax"),
        ({"other": stubborn}, "offers a learner as 'other', but its name is 'stubborn'"),
        ([lambda: dataclasses.replace(stubborn(), theorem="mine")], "Unknown theorem of .*lambda.* 'mine'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_learners_is_told(folder, given, told):
    with pytest.raises(ValueError, match=told):
        js.run_sweep("mine.toml", "out", learners=given)
    assert not (folder / "out").exists()


@pytest.mark.once
def test_workers_get_learners_by_reference_or_by_value(folder):
    pytest.importorskip("distributed")
    (folder / "mine.toml").write_text(SPEC.replace('"uniform"', '"later"'))
    (folder / "script.py").write_text(ON_WORKERS)
    paths = [str(Path(js.__file__).parents[1]), str(folder), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join(paths),
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    command = [sys.executable, "script.py", "mine.toml", "many", "one"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    xarray.testing.assert_identical(numbers(js.load_results("many")), numbers(js.load_results("one")))


def test_a_cluster_without_the_module_says_so(folder):
    """A scheduler that cannot read what it is sent raises its own error from that of the import."""
    spec = load_spec("mine.toml", learners=[stubborn])

    class Future:
        def result(self):
            try:
                raise ModuleNotFoundError("No module named 'my_learners'")
            except ModuleNotFoundError as error:
                raise RuntimeError("Error during deserialization of the task graph.") from error

    with pytest.raises(
        OSError, match=r"cannot import .* 'my_learners'.* modules that its learners come from"
    ):
        cluster._outcome(Future(), plan(spec).cells[0], folder)


# At the end: other processes are handed the top of this file.
pytestmark = pytest.mark.once
