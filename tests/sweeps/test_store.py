"""Folders of others: what files may hold, and what becomes of those that hold other things; room for more."""

import io
import json
import os
import shutil

import h5py
import numpy as np
import pytest

import jaxstack as js
from jaxstack.sweeps import compute_cell, plan, run, run_plan, store
from jaxstack.sweeps.spec import parse_spec
from tests.datasets import small_cell

pytestmark = pytest.mark.once

SPEC = """
[run]
horizon = 40
runs = 3
learners = ["uniform"]
seed = [0, 1]

[[scenario]]
kind = "random"
num_followers = 1
num_types = 2
"""


def test_the_hash_of_numbers_tells_shapes_names_and_types_apart():
    zeros = np.zeros((2, 3))
    arrays = [
        {"mean": (("game", "run"), zeros)},
        {"mean": (("game", "run"), zeros.T)},
        {"mean": (("run", "game"), zeros)},
        {"stderr": (("game", "run"), zeros)},
        {"mean": (("game", "run"), zeros.view(np.int64))},
        {"mean": (("game", "run"), zeros + 1)},
    ]
    assert len({store.content_hash(one) for one in arrays}) == len(arrays)
    assert store.content_hash({"mean": (("game", "run"), zeros.copy())}) == store.content_hash(arrays[0])


@pytest.fixture
def folder(tmp_path):
    """A sweep of two finished cells, as far as anybody can tell from outside."""
    planned = plan(parse_spec(SPEC, "mine"))
    store.write_plan(tmp_path, planned)
    for cell in planned.cells:
        store.write_cell(tmp_path, cell.key, *small_cell())
    return tmp_path


def keys(folder):
    return [cell["key"] for cell in store.read_plan(folder)["cells"]]


def rewrite(folder, key, change):
    """Let `change` have its way with a cell's HDF5 file, and seal it again."""
    path = store.cell_path(folder, key)
    content = io.BytesIO(store.read_sealed(path))
    with h5py.File(content, "r+") as file:
        change(file)
    store.write_sealed(path, content.getvalue())


def external_storage(file):
    secret = os.path.join(os.environ["SECRET"], "secret.bin")
    del file["optimum"]
    file.create_dataset("optimum", shape=(1,), dtype="f8", external=[(secret, 0, 8)])


def virtual(file):
    layout = h5py.VirtualLayout(shape=(1,), dtype="f8")
    layout[:] = h5py.VirtualSource(os.path.join(os.environ["SECRET"], "secret.h5"), "x", shape=(1,))
    del file["optimum"]
    file.create_virtual_dataset("optimum", layout)


def external_link(file):
    del file["optimum"]
    file["optimum"] = h5py.ExternalLink(os.path.join(os.environ["SECRET"], "secret.h5"), "x")


def soft_link(file):
    del file["optimum"]
    file["optimum"] = h5py.SoftLink("/bound")


def group(file):
    del file["optimum"]
    file.create_group("optimum")


def huge(file):
    del file["optimum"]
    file.create_dataset("optimum", shape=(10**12,), dtype="f8", chunks=(1024,))


def texts(file):
    del file["optimum"]
    file["optimum"] = ["one"]


def missing(file):
    del file["mean"]


def other_axes(file):
    del file["mean"]
    file["mean"] = np.zeros(2)


def other_length(file):
    del file["mean"]
    file["mean"] = np.zeros((1, 3))


def no_seconds(file):
    file.attrs["seconds"] = "[]"


def no_json(file):
    file.attrs["versions"] = "\x1b[31m"


CHANGES = [
    (external_storage, "'optimum' is not stored in one piece within the file"),
    (virtual, "'optimum' is not stored in one piece within the file"),
    (external_link, "'optimum' is a link to another place"),
    (soft_link, "'optimum' is a link to another place"),
    (group, "'optimum' is not an array"),
    (huge, "'optimum' is not stored in one piece within the file"),
    (texts, r"'optimum' is object\[1\], which is not what the file holds"),
    (missing, "'mean' is missing"),
    (other_axes, r"'mean' must have axes \['game', 'checkpoint'\], but its shape is \(2,\)"),
    (other_length, "'mean' has 3 for 'checkpoint'|'stderr' has 2 for 'checkpoint', where 3 were expected"),
    (no_seconds, r"'seconds' is \[\]"),
    (no_json, "'versions' is no JSON"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_sealed_file_that_is_no_result_is_named_and_the_others_are_read(
    folder, tmp_path_factory, monkeypatch, change, message
):
    secrets = tmp_path_factory.mktemp("secrets")
    monkeypatch.setenv("SECRET", str(secrets))
    (secrets / "secret.bin").write_bytes(np.array([1234.5]).tobytes())
    with h5py.File(secrets / "secret.h5", "w") as file:
        file["x"] = [1234.5]
    first, second = keys(folder)
    rewrite(folder, first, change)
    with pytest.warns(UserWarning, match=f"{first}.nc: not the results of this cell: .*({message})"):
        dataset = js.load_results(folder)
    assert dataset.optimum.squeeze().values.tolist() == pytest.approx([np.nan, 1.0], nan_ok=True)
    assert len(json.loads(dataset.missing)) == 1
    (aside,) = store.verify(folder, {first, second})
    assert aside == folder / "damaged" / f"{first}.nc"
    assert store.finished(folder) == {second}


def test_a_renamed_cell_is_named_and_computed_again(folder):
    first, second = keys(folder)
    os.replace(store.cell_path(folder, second), store.cell_path(folder, first))
    with pytest.warns(UserWarning, match=rf"{first}\.nc: .* it holds cell '{second}' \(was the file renamed"):
        dataset = js.load_results(folder)
    assert np.isnan(dataset.optimum).all()
    planned = plan(parse_spec(SPEC, "mine"))
    summary = run_plan(planned, folder, run.in_process)
    assert (summary.computed, [path.name for path in summary.damaged]) == (2, [f"{first}.nc"])


@pytest.mark.parametrize(
    "note", [b"[]", b"{}", b'{"error": 3}', b"3", b"\xff", b"[" * 100_000, b'{"error": "\xed\xa0\x80"}']
)
def test_odd_notes_on_failures_are_named_and_set_aside(folder, note):
    first, second = keys(folder)
    store.cell_path(folder, first).unlink()
    (folder / "failed").mkdir()
    (folder / "failed" / f"{first}.json").write_bytes(note)
    (folder / "failed" / f"{second}.json").write_text('{"cell": {}, "error": "not today"}')
    with pytest.warns(UserWarning, match=rf"{first}\.json: no note on a failed cell; it is not read"):
        dataset = js.load_results(folder)
    assert json.loads(dataset.failed) == []  # the second is there, after all
    assert store.verify(folder, set()) == [folder / "damaged" / f"{first}.json"]
    assert [path.name for path in (folder / "failed").iterdir()] == [f"{second}.json"]


def test_a_pipe_for_a_cell_is_not_waited_for(folder):
    first, _ = keys(folder)
    store.cell_path(folder, first).unlink()
    os.mkfifo(store.cell_path(folder, first))
    with pytest.warns(UserWarning, match="not a file but a pipe"):
        assert len(json.loads(js.load_results(folder).missing)) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("cells"), "'cells' is missing"),
        (lambda content: content.pop("spec"), "'spec' is missing"),
        (lambda content: content.update(cells={}), "'cells' is {}"),
        (lambda content: content.update(axes=[3]), "not the plan of a sweep"),
        (lambda content: content.update(axes=[]), "not the plan of a sweep"),
        (lambda content: content.update(learners=[]), "axes and learners are not the same"),
        (lambda content: content["cells"].append(3), "not the plan of a sweep"),
        (
            lambda content: content["cells"][0].update(key="../../secret"),
            "the key of a cell is '../../secret'",
        ),
        (
            lambda content: content["cells"][0]["at"].update(seed=7),
            "stands at seed = 7, which is not on that",
        ),
        (lambda content: content["cells"][0]["at"].update(seed={}), "not the plan of a sweep"),
        (lambda content: content.update(format=0), "format 0, and this version reads"),
    ],
)
def test_a_plan_that_is_none_is_named(folder, change, message):
    content = json.loads((folder / "sweep.json").read_text())
    change(content)
    (folder / "sweep.json").write_text(json.dumps(content))
    with pytest.raises(
        ValueError, match=r"sweep\.json: not the plan of a sweep \(.*\)\. Run the spec again"
    ) as told:
        js.load_results(folder)
    assert message in str(told.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"3", b"\xff", b"[" * 100_000, b"null"])
def test_a_plan_of_odd_bytes_is_named(folder, content):
    (folder / "sweep.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"sweep\.json: not"):
        js.load_results(folder)


# --- room ---


def space(free):
    return lambda path: shutil._ntuple_diskusage(10**9, 10**9 - free, free)


def test_the_size_of_a_cell_is_known_before_it_is_played(tmp_path):
    text = SPEC.replace("runs = 3", "runs = [3, 500]").replace("seed = [0, 1]", "")
    for cell in plan(parse_spec(text.replace('kind = "random"', 'kind = "random"\ngames = 3'), "mine")).cells:
        assert compute_cell(cell, tmp_path).status == "computed"
        size = store.cell_path(tmp_path, cell.key).stat().st_size
        assert size <= store.cell_bytes(cell) <= size + (1 << 16)


def test_a_cell_without_room_is_not_played(tmp_path, monkeypatch):
    big, small = plan(
        parse_spec(SPEC.replace("seed = [0, 1]", "").replace("3", "[3_000, 3]", 1), "mine")
    ).cells
    assert (big.run.runs, small.run.runs) == (3000, 3)
    monkeypatch.setattr(store.shutil, "disk_usage", space(500_000))
    played = []

    def simulate(cell, *rest):
        played.append(cell)
        return run.simulate_cell(cell, *rest)

    outcome = compute_cell(big, tmp_path, simulate=simulate)
    assert outcome.status == "failed"
    assert "this cell take about 839 KiB" in outcome.error
    assert "but 488 KiB are free" in outcome.error
    assert "It was not played: make room" in outcome.error
    assert played == []
    assert compute_cell(small, tmp_path, simulate=simulate).status == "computed"
