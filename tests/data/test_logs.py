"""Logs as files, frames and arrays: what is read, and which row is told of where one is wrong."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jaxstack as js

pytestmark = pytest.mark.once

GAME = """follower,type,probability,leader_action,action,follower_payoff,leader_payoff
hall,thief,0.5,watch hall,steal,-1,2
hall,thief,0.5,watch hall,wait,0,0
hall,thief,0.5,watch vault,steal,1,-3
hall,thief,0.5,watch vault,wait,0,0
hall,guest,0.5,watch hall,steal,-3,2
hall,guest,0.5,watch hall,wait,0,0
hall,guest,0.5,watch vault,steal,1,-3
hall,guest,0.5,watch vault,wait,0,0
gate,thief,0.5,watch hall,steal,1,-1
gate,thief,0.5,watch hall,wait,0,0
gate,thief,0.5,watch vault,steal,-1,1
gate,thief,0.5,watch vault,wait,0,0
gate,guest,0.5,watch hall,steal,-1,-1
gate,guest,0.5,watch hall,wait,0,0
gate,guest,0.5,watch vault,steal,-1,1
gate,guest,0.5,watch vault,wait,0,0
"""
# The thief of the hall steals below 1/2 of "watch hall", the guest below 1/4; that of the gate above 1/2.
LOG = """when,watch hall,watch vault,action_hall,action_gate
mon,0.3,0.7,steal,wait
tue,0.3,0.7,wait,wait
wed,0.8,0.2,wait,steal
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> js.scenarios.GameFile:
    path = tmp_path_factory.mktemp("game") / "game.csv"
    path.write_text(GAME)
    return js.load_game_file(path)


def read(file: Any, folder: Path, text: str) -> Any:
    (folder / "log.csv").write_text(text)
    return js.read_log(file, folder / "log.csv")


def test_a_log_by_name(file: Any, tmp_path: Path) -> None:
    log = read(file, tmp_path, LOG)
    assert repr(log) == "Log(3 rounds of actions, 2 response maps)"
    np.testing.assert_array_equal(log.seen, [[0, 1], [1, 1], [1, 0]])
    np.testing.assert_allclose(log.commitments, [[0.3, 0.7], [0.3, 0.7], [0.8, 0.2]])
    first = [[0, 1], [1, 1]]  # in the hall the thief steals
    np.testing.assert_array_equal(log.maps[log.which], [first, first, [[1, 1], [0, 1]]])
    np.testing.assert_allclose(log.earned(), [0.3 * 2 - 0.7 * 3, 0, -0.8 + 0.2])


def test_numbers_and_frames_are_the_same_log(file: Any, tmp_path: Path) -> None:
    named = read(file, tmp_path, LOG)
    columns = {
        "x_0": [0.3, 0.3, 0.8],
        "x_1": [0.7, 0.7, 0.2],
        "action_0": [0, 1, 1],
        "action_1": ["1", "wait", 0],
    }
    arrays = js.log_of(file, actions=named.seen, commitments=named.commitments)
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(columns)
    others = [js.read_log(file, columns), js.read_log(file, frame), arrays]
    if importlib.util.find_spec("pyarrow"):
        frame.to_parquet(tmp_path / "log.parquet")
        others.append(js.read_log(file.game, tmp_path / "log.parquet"))
    for other in others:
        np.testing.assert_array_equal(other.seen, named.seen)
        np.testing.assert_array_equal(other.maps[other.which], named.maps[named.which])
        np.testing.assert_allclose(other.commitments, named.commitments)
    by_map = js.log_of(file, actions=named.seen, responses=named.maps[named.which])
    assert by_map.commitments is None
    assert by_map.earned() is None


def test_types_need_no_commitment(file: Any, tmp_path: Path) -> None:
    log = read(file, tmp_path, "type_hall,type_gate\nthief,guest\nguest,1\n")
    np.testing.assert_array_equal(log.seen, [[0, 1], [1, 1]])
    assert (log.kind, log.maps, log.earned()) == ("types", None, None)
    told = read(file, tmp_path, "watch hall,watch vault,type_hall,type_gate,payoff\n0.3,0.7,thief,guest,7\n")
    np.testing.assert_array_equal(told.earned(), [7])
    tied = read(file, tmp_path, "watch hall,watch vault,type_hall,type_gate\n0.5,0.5,thief,guest\n")
    assert tied.maps is None  # what they answer is not needed to know their types


def test_saved_logs_come_back(file: Any, tmp_path: Path) -> None:
    table = js.enumerate_regions(file.game)
    regions = np.repeat(np.arange(int(table.num_regions)), 2)
    x = table.vertices[regions, 0]
    rng = np.random.default_rng(0)
    types = rng.integers(2, size=(len(regions), 2))
    actions = np.take_along_axis(np.asarray(table.responses)[regions], types[..., None], axis=2)[..., 0]
    for seen in ({"types": types}, {"actions": actions}):
        log = js.log_of(file, **seen, commitments=x, regions=regions, payoffs=rng.normal(size=len(x)))
        log.save(tmp_path / "log.csv")
        back = js.read_log(file, tmp_path / "log.csv")
        assert back.kind == log.kind
        np.testing.assert_array_equal(back.seen, log.seen)
        np.testing.assert_array_equal(back.payoffs, log.payoffs)
        np.testing.assert_allclose(back.commitments, log.commitments, atol=1e-15)
        np.testing.assert_array_equal(back.maps[back.which], log.maps[log.which])
    with pytest.raises(ValueError, match=r"written as \.csv"):
        log.save(tmp_path / "log.parquet")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            ("steal,wait", "stael,wait"),
            r"row 2, column 'action_hall' must be one of steal, wait.*'stael'.*Did you",
        ),
        (
            ("tue,0.3,0.7,wait", "tue,0.3,0.7,"),
            r"row 3, column 'action_hall' must be one of .* but nothing arrived",
        ),
        (("wed,0.8", "wed,0,8"), "row 4 has 6 entries, but there are 5 columns"),
        (("wed,0.8", "wed,0.9"), r"row 4: commitment must lie in the simplex"),
        (
            ("tue,0.3", "tue,often"),
            r"row 3, column 'watch hall' must be a finite number, but 'often' arrived",
        ),
        (("tue,0.3", "tue,nan"), r"row 3, column 'watch hall' must be a finite number, but 'nan' arrived"),
        (("wed,0.8,0.2,wait", "wed,0.8,0.2,steal"), r"row 4: 'hall' played 'steal', but .* play 'wait' only"),
        (
            ("0.3,0.7,steal", "0.25,0.75,steal"),
            r"row 2: against \[0.25, 0.75\] 'hall' as 'guest' is about indiff",
        ),
        (("action_gate", "gate"), r"column 'action_gate' is missing: there are actions of other followers"),
        (("watch vault", "vault"), r"column 'watch vault' is missing: a commitment has an entry for each"),
        (
            ("when,watch hall,watch vault", "when,hall,vault"),
            r"row 2: actions tell of types only through what was",
        ),
        (
            ("action_hall,action_gate", "hall,gate"),
            r"a log has columns of followers' types or actions \(type_hall or action",
        ),
        ((LOG[LOG.index("mon") :], ""), "a log needs at least one row"),
    ],
)
def test_a_bad_row_is_named(file: Any, tmp_path: Path, change: tuple[str, str], told: str) -> None:
    text = LOG.replace(*change)
    assert text != LOG
    with pytest.raises(ValueError, match=f"(?s)log.csv: {told}"):
        read(file, tmp_path, text)


def test_other_things_that_are_no_logs(file: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.csv or \.parquet"):
        js.read_log(file, tmp_path / "log.txt")
    with pytest.raises(OSError, match="No such file"):
        js.read_log(file, tmp_path / "log.csv")
    with pytest.raises(OSError, match="No such file"):
        js.read_log(file, tmp_path / "log.parquet")
    (tmp_path / "log.parquet").write_bytes(b"PAR1")
    with pytest.raises((ValueError, ImportError), match=r"log\.parquet"):
        js.read_log(file, tmp_path / "log.parquet")
    with pytest.raises(ValueError, match="neither arrived"):
        js.log_of(file)
    with pytest.raises(ValueError, match="round 2: actions of 'gate' must be whole numbers"):
        js.log_of(file, actions=[[0, 0], [0, 2]], commitments=[0.3, 0.7])
    with pytest.raises(ValueError, match=r"commitments must have shape \(2, 2\), but \(3, 2\)"):
        js.log_of(file, actions=[[0, 0], [0, 1]], commitments=np.full((3, 2), 0.5))
    with pytest.raises(ValueError, match="round 1: region must be a number"):
        js.log_of(file, actions=[[0, 0]], regions=[99])
    with pytest.raises(ValueError, match="one game is needed"):
        js.log_of(js.stack([file.game, file.game]), types=[[0, 0]])
