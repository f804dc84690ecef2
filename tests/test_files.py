"""Game files: round trips to the bit, and every way in which a file can be wrong."""

from __future__ import annotations

import itertools
import json
import os
import pickle
import re
import stat
import zipfile

import jax
import numpy as np
import pytest

from jaxstack.distributions import IndependentTypes, MixtureTypes
from jaxstack.game import Game, stack
from jaxstack.payoffs import AnonymousPayoff
from jaxstack.scenarios import load_game, load_game_file, random_game, save_game
from jaxstack.scenarios.files import encoding

pytestmark = pytest.mark.once

KINDS = list(itertools.product(("tabular", "separable", "anonymous"), ("joint", "independent", "mixture")))
LABELS = {
    "title": "A title",
    "description": 'Two "lines"\nof text: café',
    "source": "made up",
    "leader_names": ("left", "middle", "right"),
    "follower_names": ("ann", "bob"),
    "type_names": ("x", "y", "z"),
    "action_names": ("stay", "go"),
}


def assert_same_bits(a, b):
    """Same tree, and the same float64 in every leaf."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for mine, other in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert mine.dtype == other.dtype == np.float64
        assert mine.shape == other.shape
        assert mine.tobytes() == other.tobytes()


@pytest.mark.parametrize("suffix", ["json", "npz"])
@pytest.mark.parametrize(("payoff", "kind"), KINDS)
def test_round_trip(tmp_path, payoff, kind, suffix):
    for seed in range(5):
        game, types = random_game(seed, payoff=payoff, types=kind)
        path = tmp_path / f"game.{suffix}"
        save_game(path, game, types)
        loaded_game, loaded_types = load_game(path)
        assert_same_bits(loaded_game, game)
        assert_same_bits(loaded_types, types)
        save_game(tmp_path / f"again.{suffix}", loaded_game, loaded_types)
        assert_same_bits(load_game(tmp_path / f"again.{suffix}"), (game, types))


@pytest.mark.parametrize("suffix", ["json", "npz"])
def test_extreme_numbers_round_trip(tmp_path, suffix):
    numbers = [0.1 + 0.2, -0.0, 5e-324, 1.7976931348623157e308, -1 / 3, 1e22, 123456789.123456789, 2.0**-30]
    follower = np.array(numbers).reshape(1, 2, 2, 2)
    game, types = Game(np.zeros((2, 2)), follower), IndependentTypes([[1 / 3, 2 / 3]])
    save_game(tmp_path / f"game.{suffix}", game, types)
    assert_same_bits(load_game(tmp_path / f"game.{suffix}"), (game, types))


@pytest.mark.parametrize("suffix", ["json", "npz", "JSON"])
def test_labels_round_trip(tmp_path, suffix):
    path = tmp_path / f"game.{suffix}"
    save_game(str(path), *random_game(0), **LABELS)
    file = load_game_file(path)
    assert {name: getattr(file, name) for name in LABELS} == LABELS
    save_game(path, *random_game(0))
    bare = load_game_file(path)
    assert all(getattr(bare, name) is None for name in LABELS)


@pytest.mark.parametrize("suffix", ["json", "npz"])
def test_one_action_and_two_hundred_followers(tmp_path, suffix):
    one = Game(AnonymousPayoff([1.0, 2.0], num_followers=3), np.zeros((3, 1, 2, 1)))
    save_game(tmp_path / f"one.{suffix}", one, IndependentTypes(np.ones((3, 1))))
    assert_same_bits(load_game(tmp_path / f"one.{suffix}")[0], one)
    many = random_game(0, num_followers=200, payoff="anonymous", types="mixture")
    save_game(tmp_path / f"many.{suffix}", *many)
    assert_same_bits(load_game(tmp_path / f"many.{suffix}"), many)


def test_a_file_written_by_hand(tmp_path):
    """Whole numbers, a byte-order mark, rounded probabilities: what people type."""
    path = tmp_path / "game.json"
    document = {
        "format": "jaxstack-game",
        "version": 1,
        "leader_payoff": {"kind": "separable", "table": [[[1, 0], [0, 2]]]},
        "follower_payoffs": [[[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[3, 1], [1, 3]]]],
        "types": {"kind": "independent", "probabilities": [[0.3333333, 0.3333333, 0.3333333]]},
    }
    path.write_text(json.dumps(document), encoding="utf-8-sig")
    game, types = load_game(path)
    assert game.num_types == 3
    assert types.probabilities.sum() == pytest.approx(1, abs=1e-15)


def test_json_is_for_people(tmp_path):
    path = tmp_path / "game.json"
    save_game(path, *random_game(0), **LABELS)
    lines = path.read_text().splitlines()
    assert '  "leader_names": ["left", "middle", "right"],' in lines
    assert "café" in path.read_text()
    assert all(len(line) <= 101 for line in lines)
    assert len(lines) < 70  # not one number a line: the game has 57


# --- hostile and damaged files ---


def edited(tmp_path, change):
    """A good JSON file after `change(document)`."""
    path = tmp_path / "game.json"
    save_game(path, *random_game(0, types="mixture"), **LABELS)
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return path


def setting(*where, to):
    """A change: document[where[0]][where[1]].. = to."""

    def change(document):
        for key in where[:-1]:
            document = document[key]
        document[where[-1]] = to

    return change


def removing(*where):
    """A change: del document[where[0]][where[1]].."""

    def change(document):
        for key in where[:-1]:
            document = document[key]
        del document[where[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (setting("colour", to=1), "unknown field 'colour'."),
        (setting("type", to=1), "unknown field 'type'. Did you mean 'types'?"),
        (setting("types", "weihgts", to=1), "unknown field 'types.weihgts'. Did you mean 'weights'?"),
        (removing("types"), "field 'types' is missing"),
        (removing("types", "weights"), "field 'types.weights' is missing"),
        (
            removing("types", "kind"),
            "field 'types.kind' must be one of joint, independent, mixture, sequence, but 'nothing'",
        ),
        (setting("types", to=[]), "field 'types'"),
        (setting("format", to="chess"), "field 'format' must be 'jaxstack-game'"),
        (removing("format"), "but nothing arrived"),
        (
            setting("version", to=2),
            "field 'version' must be 1 (this version of jaxstack reads no other), but 2",
        ),
        (setting("version", to=True), "but True arrived"),
        (setting("title", to=3), "field 'title': Input should be a valid string, but 3 arrived"),
        (setting("title", to="\ud800"), "field 'title': 'utf-8' codec can't encode"),
        (setting("\ud800", to=1), "can't encode"),
        (setting("leader_names", to=["a", "b"]), "field 'leader_names' must hold 3 names, but 2 arrived"),
        (
            setting("leader_names", to=["a", "b", 3]),
            "field 'leader_names[2]': Input should be a valid string",
        ),
        (setting("type_names", to=["a"] * 4), "field 'type_names' must hold 3 names, but 4"),
        (
            setting("leader_payoff", "kind", to="table"),
            "field 'leader_payoff.kind' must be one of tabular, separable, anonymous, ",
        ),
        (
            setting("leader_payoff", "table", 0, 1, 0, to="7"),
            "field 'leader_payoff.table': must be nested lists",
        ),
        (setting("leader_payoff", "table", 0, 1, 0, to="7"), "but entry [0, 1, 0] is '7'"),
        (setting("leader_payoff", "table", 0, 1, 0, to=True), "but entry [0, 1, 0] is True"),
        (setting("leader_payoff", "table", 0, 1, 0, to=None), "but entry [0, 1, 0] is None"),
        (setting("leader_payoff", "table", 0, 1, 0, to={}), "but entry [0, 1, 0] is {}"),
        (
            setting("leader_payoff", "table", 0, 1, 0, to=10**400),
            "must be nested lists of numbers, but NumPy says: int too large",
        ),
        (
            setting("leader_payoff", "table", 0, 1, 0, to=[1]),
            "must be nested lists of numbers, but NumPy says: ",
        ),
        (
            setting("leader_payoff", "table", to=5),
            "field 'leader_payoff': leader payoff table must have axes [L A*]",
        ),
        (setting("leader_payoff", "table", 0, 1, 0, to=float("nan")), "must be finite, but entry [0, 1, 0]"),
        (
            setting("follower_payoffs", 0, 1, 2, 0, to=float("-inf")),
            "field 'follower_payoffs': follower payoffs must",
        ),
        (
            setting("follower_payoffs", to=[]),
            "field 'follower_payoffs': follower payoffs must have axes [n K L A]",
        ),
        (
            removing("follower_payoffs", 1),
            "field 'follower_payoffs': leader and follower payoffs disagree on n",
        ),
        (
            setting("types", "weights", 0, to=9.0),
            "field 'types': mixture weights must sum to 1, but the sum is 9.5",
        ),
        (setting("types", "weights", 0, to=float("nan")), "field 'types': mixture weights must be finite"),
        (setting("types", "weights", 0, to="half"), "field 'types.weights': must be nested lists of numbers"),
        (
            setting("types", to={"kind": "independent", "probabilities": [[0.5, 0.5]] * 2}),
            "field 'types': Game(L=3, n=2, K=3, A=2, leader=TabularPayoff) has num_types = 3",
        ),
    ],
)
def test_wrong_fields_are_named(tmp_path, change, message):
    path = edited(tmp_path, change)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        load_game_file(path)
    assert str(error.value).startswith(f"{path}: ")
    assert len(str(error.value)) < 1000


def test_several_problems_are_all_told(tmp_path):
    def change(document):
        del document["follower_payoffs"]
        document |= {"title": 1, "extra": 2}

    with pytest.raises(ValueError, match="'title'") as error:
        load_game(edited(tmp_path, change))
    assert [word in str(error.value) for word in ("follower_payoffs", "extra")] == [True, True]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a complete JSON document"),
        (b"[1, 2]", "a game file is one object of fields, but [1, 2] arrived"),
        (b"null", "but None arrived"),
        (b'{"format": "jaxstack-game", "version": 1', "line 1 column 41 (char 40). It may be truncated"),
        (b'{"title": "a", "title": "b"}', "field 'title' is given twice"),
        (b"title: not JSON", "not a complete JSON document"),
        (b'{"version": ' + b"1" * 5000 + b"}", "Exceeds the limit"),
        (b"[" * 200_000, "nested too deeply"),
        (b"\xff\xfe{}", "it is not UTF-8 text"),
        (pickle.dumps({"format": "jaxstack-game"}), "it is not UTF-8 text"),
        (pickle.dumps({"format": "jaxstack-game"}, protocol=0), "not a complete JSON document"),
    ],
)
def test_not_json(tmp_path, content, message):
    path = tmp_path / "game.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        load_game(path)
    assert str(error.value).startswith(f"{path}: ")


def test_deeply_nested_numbers(tmp_path):
    path = edited(tmp_path, setting("follower_payoffs", to=json.loads("[" * 500 + "]" * 500)))
    with pytest.raises(ValueError, match="field 'follower_payoffs': must be nested lists of numbers"):
        load_game(path)


class Bomb:
    """Leaves a trace when unpickled."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return os.mkdir, (self.trace,)


@pytest.mark.parametrize("suffix", ["json", "npz"])
@pytest.mark.parametrize("protocol", [0, 5])
def test_a_pickle_in_disguise_is_not_executed(tmp_path, suffix, protocol):
    trace = tmp_path / "executed"
    path = tmp_path / f"game.{suffix}"
    path.write_bytes(pickle.dumps(Bomb(trace), protocol=protocol))
    with pytest.raises(ValueError, match=re.escape(str(path))):
        load_game(path)
    assert not trace.exists()


def test_an_object_array_in_an_npz_is_not_executed(tmp_path):
    trace = tmp_path / "executed"
    path = edited_npz(tmp_path, {"follower_payoffs": np.array([Bomb(trace)], dtype=object)})
    with pytest.raises(ValueError, match=r"field 'follower_payoffs': .*object, not numbers .*never read"):
        load_game(path)
    assert not trace.exists()


def good_npz(tmp_path):
    """A good NPZ file."""
    path = tmp_path / "game.npz"
    save_game(path, *random_game(0, types="mixture"), **LABELS)
    return path


def edited_npz(tmp_path, changes):
    """A good NPZ file with some arrays replaced, added, or (None) removed."""
    path = good_npz(tmp_path)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files} | changes
    with path.open("wb") as stream:
        np.savez(stream, **{name: array for name, array in arrays.items() if array is not None})
    return path


def test_npz_is_readable_with_numpy_alone(tmp_path):
    with np.load(good_npz(tmp_path), allow_pickle=False) as archive:
        assert set(archive.files) == {
            "document",
            "leader_payoff.table",
            "follower_payoffs",
            "types.weights",
            "types.probabilities",
        }
        assert json.loads(archive["document"].tobytes())["title"] == "A title"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"follower_payoffs": None}, "field 'follower_payoffs' is missing"),
        ({"types.weights": None}, "field 'types.weights' is missing"),
        ({"document": None}, "field 'document': not a readable NPZ game file: this text"),
        ({"document": np.array("{}")}, "field 'document': not a readable NPZ game file: it holds <U2"),
        (
            {"document": np.array([0xFF], np.uint8)},
            "field 'document': not a readable NPZ game file: 'utf-8' codec",
        ),
        ({"document": np.frombuffer(b"{", np.uint8)}, "not a complete JSON document"),
        ({"extra": np.zeros(2)}, "unknown field 'extra'"),
        ({"types.extra": np.zeros(2)}, "unknown field 'types.extra'"),
        ({"title": np.zeros(2)}, "unknown field 'title': the document has no place for this array"),
        ({"version.x": np.zeros(2)}, "unknown field 'version.x'"),
        (
            {"follower_payoffs": np.array("abc")},
            "field 'follower_payoffs': not a readable NPZ game file: it holds <U3",
        ),
        ({"follower_payoffs": np.zeros((2, 3, 3, 2), complex)}, "it holds complex128, not numbers"),
        ({"follower_payoffs": np.zeros((2, 3, 3, 2), bool)}, "it holds bool, not numbers"),
        (
            {"follower_payoffs": np.zeros((3, 3, 2))},
            "field 'follower_payoffs': follower payoffs must have axes",
        ),
        (
            {"follower_payoffs": np.full((2, 3, 3, 2), np.nan)},
            "follower payoffs must be finite, but entry [0, 0",
        ),
        ({"follower_payoffs": np.zeros((2, 3, 4, 2))}, "leader and follower payoffs disagree on L"),
        ({"types.weights": np.ones(6)}, "field 'types': mixture weights must sum to 1, but the sum is 6"),
    ],
)
def test_wrong_npz_fields_are_named(tmp_path, changes, message):
    path = edited_npz(tmp_path, changes)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        load_game(path)
    assert str(error.value).startswith(f"{path}: ")


def test_whole_and_short_numbers_in_an_npz_are_converted(tmp_path):
    path = edited_npz(tmp_path, {"follower_payoffs": np.asfortranarray(np.arange(36).reshape(2, 3, 3, 2))})
    game, _ = load_game(path)
    assert game.follower.dtype == np.float64
    np.testing.assert_array_equal(game.follower.ravel(), np.arange(36))
    path = edited_npz(tmp_path, {"follower_payoffs": np.full((2, 3, 3, 2), 0.5, ">f4")})
    np.testing.assert_array_equal(load_game(path)[0].follower, 0.5)


def replaced_member(path, name, content, compression=zipfile.ZIP_STORED):
    """The archive with the bytes of one member replaced."""
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    members[name] = content(members[name]) if callable(content) else content
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return path


def npy_header(shape):
    """Bytes of a .npy header without the array."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + (len(text) + 1).to_bytes(2, "little") + text + b"\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "EOF"),
        (b"not an array at all", "magic string is not correct"),
        (
            npy_header("(1000000000000, 1000000000000)"),
            "promises an array of shape (1000000000000, 1000000000000)",
        ),
        (npy_header("(2, 3, 3, 2)") + b"\0" * 10, "288 bytes, which are not there"),
        (npy_header("(-1, 2)"), "not a readable NPZ game file"),
        (npy_header("__import__('os')"), "malformed node or string"),
        (b"\x93NUMPY\x09\x00" + npy_header("(1,)")[8:], "array format (9, 0) is not known"),
    ],
)
def test_damaged_arrays(tmp_path, content, message):
    path = replaced_member(good_npz(tmp_path), "follower_payoffs.npy", content)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        load_game(path)
    assert str(error.value).startswith(f"{path}: field 'follower_payoffs'")


def test_archives_with_other_members(tmp_path):
    path = replaced_member(good_npz(tmp_path), "../../outside.txt", b"hello")
    with pytest.raises(ValueError, match=r"field '../../outside.txt': .*not an array"):
        load_game(path)
    assert sorted(os.listdir(tmp_path)) == ["game.npz"]


def test_compressed_archives_are_read(tmp_path):
    path = good_npz(tmp_path)
    expected = load_game(path)
    replaced_member(path, "follower_payoffs.npy", lambda data: data, zipfile.ZIP_DEFLATED)
    assert_same_bits(load_game(path), expected)


def test_oversized_files_are_refused_before_reading(tmp_path, monkeypatch):
    path = good_npz(tmp_path)
    save_game(tmp_path / "game.json", *random_game(0))
    monkeypatch.setattr(encoding, "MAX_FILE_BYTES", 500)
    for name in (path, tmp_path / "game.json"):
        with pytest.raises(ValueError, match="at most 500 are read"):
            load_game(name)


@pytest.mark.parametrize("suffix", ["json", "npz"])
def test_damaged_bytes_never_raise_anything_else(tmp_path, suffix):
    """Truncations and flipped bytes: a game, or a ValueError that names the file."""
    path = tmp_path / f"game.{suffix}"
    save_game(path, *random_game(0, types="mixture"), **LABELS)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for trial in range(150):
        damaged = bytearray(content)
        if trial % 2:
            damaged = damaged[: rng.integers(len(content))]
        else:
            for position in rng.integers(len(content), size=3):
                damaged[position] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            load_game_file(path)
        except ValueError as error:
            assert str(error).startswith(f"{path}: ")  # noqa: PT017 (a damaged title is no error)
            refused += 1
    assert refused >= 100


# --- paths, and writing ---


@pytest.mark.parametrize("suffix", ["json", "npz"])
def test_missing_file(tmp_path, suffix):
    with pytest.raises(FileNotFoundError, match=rf"cannot read game file: .*missing\.{suffix}"):
        load_game(tmp_path / f"missing.{suffix}")


def test_a_folder_is_not_a_file(tmp_path):
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(IsADirectoryError, match=r"cannot read game file: .*folder\.json"):
        load_game(tmp_path / "folder.json")


@pytest.mark.parametrize("name", ["game.pkl", "game", "game.json.gz", "game.npy"])
def test_unknown_suffix(tmp_path, name):
    with pytest.raises(
        ValueError, match=rf"{name}: a game file's name must end in \.json, \.npz, \.csv or \.nfg"
    ):
        load_game(tmp_path / name)
    with pytest.raises(ValueError, match=r"must end in \.json, \.npz, \.csv or \.nfg"):
        save_game(tmp_path / name, *random_game(0))
    assert not os.listdir(tmp_path)


def test_folders_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotFoundError, match=r"cannot write game file: .*none/game\.json"):
        save_game(tmp_path / "none" / "game.json", *random_game(0))
    with pytest.raises(NotADirectoryError, match=r"cannot write game file: .*file/game\.npz"):
        save_game(tmp_path / "file" / "game.npz", *random_game(0))
    if os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(PermissionError, match="cannot write game file"):
            save_game(tmp_path / "locked" / "game.json", *random_game(0))


@pytest.mark.parametrize("suffix", ["json", "npz"])
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_nothing_half_written_is_left(tmp_path, monkeypatch, suffix, step):
    """A failure while writing keeps the old file, and leaves no other."""
    path = tmp_path / f"game.{suffix}"
    save_game(path, *random_game(0))
    before = path.read_bytes()

    def disk_full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, disk_full)
    with pytest.raises(OSError, match="cannot write game file: No space left on device"):
        save_game(path, *random_game(1))
    assert os.listdir(tmp_path) == [path.name]
    assert path.read_bytes() == before


def test_written_files_have_ordinary_permissions(tmp_path):
    path = good_npz(tmp_path)
    plain = tmp_path / "plain"
    plain.write_text("")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_what_cannot_be_saved(tmp_path):
    path = tmp_path / "game.json"
    game, types = random_game(0)
    with pytest.raises(ValueError, match=r"a file holds one game, but Game\(G=2"):
        save_game(path, stack([game, game]), stack([types, types]))
    with pytest.raises(ValueError, match=r"needs \(path, game, types\), but the game is a JointTypes"):
        save_game(path, types, game)
    with pytest.raises(ValueError, match="num_followers = 2, but MixtureTypes"):
        save_game(path, game, MixtureTypes([1.0], np.full((1, 1, 3), 1 / 3)))
    with pytest.raises(ValueError, match=r"unknown field 'titel'. Did you mean 'title'\?"):
        save_game(path, game, types, titel="x")
    with pytest.raises(ValueError, match="field 'action_names' must hold 2 names, but 1 arrived"):
        save_game(path, game, types, action_names=["stay"])
    assert not os.listdir(tmp_path)
