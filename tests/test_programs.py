"""Compiled programs on disk: found again, the same numbers, for one user, small, harmless without a home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxstack import programs

# What a process compiles and finds when it plays, and its numbers.
PLAY = """
import collections, sys, warnings
import jax
import numpy as np
import jaxstack as js

warnings.simplefilter("error")
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 2)
count = collections.Counter()
jax.monitoring.register_event_listener(lambda event, **_: count.update([event.split("/")[-1]]))
folder = js.cache_programs()
payoffs = np.random.default_rng(0).random((2, 3, 2, 2))
game = js.Game(leader=js.TabularPayoff(payoffs[0, 0, None].repeat(2, 0)), follower=payoffs)
types = js.IndependentTypes(np.full((2, 3), 1 / 3))
table = js.enumerate_regions(game)
learner = js.learners.region_ucb()
curve = js.simulate(jax.random.key(0), game, types, learner, horizon=300, num_runs=300, table=table)
print(curve.regret.tobytes().hex()[-4000:])
print(folder)
print(count["cache_misses"], count["cache_hits"])
"""


def play(home: Path, **changes: str) -> tuple[list[str], str, int, int]:
    """Numbers, the folder of programs, how many were not found there, and how many were."""
    dropped = (
        "JAX_COMPILATION_CACHE_DIR",
        "JAX_ENABLE_COMPILATION_CACHE",
        "JAX_NUM_CPU_DEVICES",
        "XLA_FLAGS",
    )
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    environment |= {"XDG_CACHE_HOME": str(home), **changes}
    done = subprocess.run(
        [sys.executable, "-c", PLAY], env=environment, capture_output=True, text=True, timeout=170
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # nor a word of the compiler's about other machines
    *numbers, folder, counts = done.stdout.splitlines()
    missed, found = map(int, counts.split())
    return numbers, folder, missed, found


def test_what_one_process_compiles_the_next_one_finds_with_the_same_numbers(tmp_path):
    cold, folder, missed, _ = play(tmp_path)
    assert Path(folder).parent == tmp_path / "jaxstack"
    assert missed >= 2  # before round 1, and the rounds
    warm, same, missed, found = play(tmp_path)
    assert (same, missed) == (folder, 0)
    assert found >= 2
    assert warm == cold
    # A file that a killed process left unfinished is compiled again, without a word.
    for path in Path(folder).iterdir():
        path.write_bytes(path.read_bytes()[:100])
    assert play(tmp_path)[0] == cold


def test_without_a_cache_everything_is_as_it_was(tmp_path):
    own, blocked = tmp_path / "own", tmp_path / "file"
    blocked.write_text("")
    numbers, folder, missed, _ = play(tmp_path, JAX_COMPILATION_CACHE_DIR=str(own))
    assert folder == str(own)  # what the person has set up stays
    assert not (tmp_path / "jaxstack").exists()
    again, folder, missed, found = play(blocked)
    assert (folder, missed, found) == ("None", 0, 0)
    assert numbers == again


@pytest.fixture
def config(monkeypatch):
    """JAX's settings, to look at and as they were afterwards."""
    import jax

    names = ("jax_enable_compilation_cache", "jax_compilation_cache_dir", *programs._SETTINGS)
    before = {name: getattr(jax.config, name) for name in names}
    for name, value in zip(names[1:], (None, 1.0, 0, "xla_gpu_per_fusion_autotune_cache_dir"), strict=True):
        jax.config.update(name, value)
    yield jax.config
    for name, value in before.items():
        jax.config.update(name, value)
    programs._forget_folder()


@pytest.mark.filterwarnings("default")
def test_a_folder_that_others_could_write_is_not_used(tmp_path, config):
    tmp_path.chmod(0o777)
    assert programs.cache_programs(tmp_path) is None
    assert config.jax_compilation_cache_dir is None
    tmp_path.chmod(0o700)
    folder = programs.cache_programs(tmp_path)
    assert config.jax_compilation_cache_dir == str(folder)
    assert folder.stat().st_mode & 0o077 == 0


def test_caches_that_are_turned_off_stay_off(tmp_path, config):
    config.update("jax_enable_compilation_cache", False)
    assert programs.cache_programs(tmp_path / "mine") is None
    assert not (tmp_path / "mine").exists()


@pytest.mark.filterwarnings("default")
def test_for_as_long_as_a_context_lasts(tmp_path, config, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with programs.cached():
        assert config.jax_compilation_cache_dir.startswith(str(tmp_path))
        assert config.jax_persistent_cache_min_compile_time_secs == 0
    assert config.jax_compilation_cache_dir is None
    assert config.jax_persistent_cache_min_compile_time_secs > 0


@pytest.mark.filterwarnings("default")
def test_what_was_not_used_for_longest_goes_first(tmp_path, config):
    old = tmp_path / "jax-0.1-machine"  # of another version
    old.mkdir()
    for age, name in enumerate(["young", "middle", "old", "oldest"]):
        (old / name).write_bytes(bytes(100))
        os.utime(old / name, (1e9 - age, 1e9 - age))
    (tmp_path / "mine.txt").write_bytes(bytes(1000))  # nothing of ours
    programs.cache_programs(tmp_path, max_bytes=250)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "middle",
        "mine.txt",
        "young",
    ]


def test_machines_of_other_kinds_have_other_folders(monkeypatch):
    kind = programs._kind_of_machine.__wrapped__
    here = kind()
    assert here == kind()
    monkeypatch.setattr("jax.__version__", "0.0")
    assert kind() != here
    monkeypatch.undo()
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else "flags : fpu\n"
    monkeypatch.setattr(Path, "read_text", lambda _: text.replace("fpu", "fpu avx9000"))
    assert kind() != here


@pytest.mark.parametrize(
    ("arguments", "message"), [({"max_bytes": 0}, "max_bytes"), ({"folder": 3}, "folder must be the path")]
)
def test_mistakes(arguments, message):
    with pytest.raises(ValueError, match=message):
        programs.cache_programs(**arguments)


# At the end: other processes are handed the top of this file.
pytestmark = pytest.mark.once
