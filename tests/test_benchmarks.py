"""The hand-written loops play by the same rules as jaxstack, and the benchmark command runs."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest

from experiments.benchmarks import cuda_loops, h100, measure, numpy_loops, report
from experiments.benchmarks.__main__ import main
from experiments.benchmarks.alias import alias_table
from experiments.benchmarks.cases import (
    NAMES,
    Effort,
    enumeration,
    gpu,
    learners,
    loading,
    posterior,
    rows,
    solve,
    traffic,
    waiting,
)
from experiments.benchmarks.setting import Setting, make_setting, random_game
from experiments.benchmarks.simulation import LEARNERS
from jaxstack import Game, JointTypes, RegionTable, enumerate_regions, load_results, simulate
from jaxstack import solve as solve_game
from jaxstack.learners import by_name

pytestmark = pytest.mark.once

SIZES = (3, 2, 3, 2)
HORIZON, RUNS = 300, 1024
TOY = Effort(seconds=0.0, repeats=2, full=False)
LIMIT = 4.5  # standard errors between two estimates of one mean; by chance once in 150,000 comparisons


class Known(NamedTuple):
    game: Game
    types: JointTypes
    table: RegionTable
    setting: Setting


@pytest.fixture(scope="module")
def known() -> Known:
    game, types = random_game(SIZES, seed=2)
    table = enumerate_regions(game)
    return Known(game, types, table, make_setting(game, types, table))


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Difference of two means in standard errors."""
    error = math.hypot(*(sample.std() / math.sqrt(len(sample)) for sample in (first, second)))
    return abs(first.mean() - second.mean()) / error


def final_regret(known: Known, learner: str, **hparams: float) -> np.ndarray:
    curve = simulate(
        jax.random.key(0),
        known.game,
        known.types,
        by_name(learner),
        horizon=HORIZON,
        num_runs=RUNS,
        table=known.table,
        hparams=hparams,
        checkpoints=[HORIZON],
    )
    assert curve.regret is not None
    return curve.regret[:, -1]


# --- the loops against jaxstack ---


def test_setting_knows_the_optimum(known: Known) -> None:
    best = np.argwhere(known.table.vertex_mask & (known.setting.gap == 0))
    commitment = known.table.vertices[tuple(best[0])]
    np.testing.assert_allclose(commitment, solve_game(known.game, known.types).commitment, atol=1e-9)


@pytest.mark.parametrize("learner", LEARNERS)
def test_numba_loop_agrees_with_jaxstack(known: Known, learner: str) -> None:
    numba_loops = pytest.importorskip("experiments.benchmarks.numba_loops")
    by_loop = numba_loops.play(learner, known.setting, seed=1, num_runs=RUNS, horizon=HORIZON)
    assert by_loop.shape == (RUNS,)
    assert distance(by_loop, final_regret(known, learner)) < LIMIT


def test_agreement_tells_like_learners_apart(known: Known) -> None:
    """Both are ERM over types; they differ where types are correlated."""
    numba_loops = pytest.importorskip("experiments.benchmarks.numba_loops")
    by_loop = numba_loops.play("erm_joint", known.setting, seed=1, num_runs=RUNS, horizon=HORIZON)
    assert distance(by_loop, final_regret(known, "erm_product")) > LIMIT


@pytest.mark.parametrize("learner", LEARNERS)
def test_numpy_loop_agrees_with_jaxstack(known: Known, learner: str) -> None:
    rng = np.random.default_rng(2)
    by_loop = [numpy_loops.LOOPS[learner](known.setting, rng, HORIZON) for _ in range(96)]
    assert distance(np.array(by_loop), final_regret(known, learner)) < LIMIT


def test_agreement_is_a_matter_of_the_rule(known: Known) -> None:
    """A slightly different learner is told apart: confidence radius halved."""
    rng = np.random.default_rng(2)
    by_loop = [numpy_loops.region_ucb(known.setting, rng, HORIZON) for _ in range(96)]
    assert distance(np.array(by_loop), final_regret(known, "region_ucb", radius_scale=0.5)) > LIMIT


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
@pytest.mark.parametrize("learner", cuda_loops.LEARNERS)
def test_cuda_loop_plays_as_the_numba_loop(known: Known, learner: str) -> None:
    """Built for a CPU, it draws the same types and follows the same rule, run by run."""
    numba_loops = pytest.importorskip("experiments.benchmarks.numba_loops")
    ours = cuda_loops.prepare(learner, known.setting, HORIZON, RUNS, on_gpu=False)(1)
    by_numba = numba_loops.play(learner, known.setting, seed=1, num_runs=RUNS, horizon=HORIZON)
    same = np.isclose(ours, by_numba, rtol=1e-4, atol=1e-4)
    assert same.mean() > 0.9, "sums in another order decide near-ties otherwise, no more"
    assert distance(ours, by_numba) < LIMIT


def test_draws_by_alias_follow_the_distribution() -> None:
    probabilities = np.array([0.5, 0.0, 0.2, 0.05, 0.25])
    keep, alias = alias_table(probabilities)
    chance = np.zeros(5)
    for slot in range(5):
        chance[slot] += keep[slot] / 2**32 / 5
        chance[alias[slot]] += (1 - keep[slot] / 2**32) / 5
    np.testing.assert_allclose(chance, probabilities, atol=1e-9)


# --- measuring ---


def test_alternate_takes_turns() -> None:
    calls: list[str] = []
    timings = measure.alternate({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=2)
    assert calls == ["a", "b", "a", "b", "a", "b"]
    assert [len(timing.wall) for timing in timings.values()] == [2, 2]


def test_ratio_is_the_median_of_neighbours() -> None:
    slow_machine_halfway = measure.Timing(0.0, [1.0, 2.0, 1.0], [])
    other = measure.Timing(0.0, [3.0, 6.0, 2.0], [])
    assert measure.speed_ratio(slow_machine_halfway, other) == 3.0
    assert measure.speed_ratio(slow_machine_halfway, other, work=1.0, other_work=2.0) == 1.5


def test_peak_memory_is_that_of_the_process_alone() -> None:
    """A process of its own does not inherit the peak of this one."""
    ballast = np.ones(200 * 2**20 // 8)
    result = measure.run_apart("enumerate_regions", 3, 1, 2, 2)
    assert result["regions"] >= 1
    assert 0 < result["idle_bytes"] <= result["peak_bytes"]
    from experiments.benchmarks.probes import peak_bytes

    assert result["peak_bytes"] < peak_bytes() - ballast.nbytes / 2


# --- the command ---


def test_cells_that_are_read_are_those_of_the_sweep(tmp_path):
    loading._fill(tmp_path / "many", 3)
    read = load_results(tmp_path / "many")
    assert json.loads(read.missing) == []
    assert read.seed.values.tolist() == [0, 1, 2]
    assert np.isfinite(read.final_regret.values).all()
    (row,) = loading.run(TOY, cells=3)
    assert (row.contestant, row.work, row.unit) == ("load_results", 3, "cells")


def test_command_writes_what_it_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    small = ((2, 1, 2, 2), ((2, 3, 2, 2),), 5, ())
    original = enumeration.run
    monkeypatch.setattr(enumeration, "run", lambda effort: original(effort, *small))
    monkeypatch.setattr("experiments.benchmarks.__main__._set_up_devices", lambda: None)
    assert main(["--quick", "--only", "enumeration", "--out", str(tmp_path / "bench")]) == 0
    printed = capsys.readouterr().out
    assert "breadth-first LPs" in printed
    document = json.loads((tmp_path / "bench.json").read_text())
    assert document["hardware"]["cores"] >= 1
    assert len(document["rows"]) == 6
    assert all(row["rate"] > 0 for row in document["rows"])
    assert (tmp_path / "bench.md").read_text().count("| enumeration |") == 6


def test_command_names_the_cases(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "speed"])
    complaint = capsys.readouterr().err
    assert all(name in complaint for name in ("speed", *NAMES))


def test_cases_run_at_toy_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other cases' code, at sizes that say nothing about speed."""
    monkeypatch.setattr(learners, "RUNS_PER_CORE", {"region_ucb": 8})
    monkeypatch.setattr(learners, "HAS_NUMBA", False)
    monkeypatch.setattr(gpu, "GAMES", ((2, 1, 2, 2),))
    found = [
        *learners.run(TOY, games=((2, 1, 2, 2),), learners=("region_ucb",)),
        *solve.run(TOY, games=((2, 1, 2, 2),)),
        *posterior.run(TOY, games=(posterior.Size((2, 1, 2, 2), 64),)),
        *gpu.run(TOY, num_runs=(8,), anywhere=True),
        *rows.run(TOY, lengths=(4,)),
    ]
    assert {row.case for row in found} == {"learners", "posterior", "solve", "gpu", "rows"}
    assert report.markdown({}, found).count("\n| ") > len(found)


def test_without_a_gpu_the_case_says_how_to_run_it() -> None:
    if jax.default_backend() == "gpu":
        pytest.skip("there is a GPU here")
    (row,) = gpu.run(TOY)
    assert "--only gpu" in row.note


PROGRAM = """\
%gathered (table: f32[4,100,8], row: s32[4], lead: f32[4,8]) -> (f32[4], f32[4,8]) {
  %table = f32[4,100,8]{2,1,0} parameter(0)
  %row = s32[4]{0} parameter(1)
  %lead = f32[4,8]{1,0} parameter(2)
  %gather = f32[4,1,8]{2,1,0} gather(%table, %row), offset_dims={1,2}
  %bitcast.1 = f32[4,8]{1,0} bitcast(%gather)
  %add = f32[4,8]{1,0} add(%bitcast.1, %lead)
  %reduce = f32[4]{0} reduce(%add, %lead), dimensions={1}, to_apply=%larger
  ROOT %tuple.1 = (f32[4]{0}, f32[4,8]{1,0}) tuple(%reduce, %add)
}

%written (kept: f32[128,4], step: s32[], new: f32[4]) -> f32[128,4] {
  %kept = f32[128,4]{1,0} parameter(0)
  %step = s32[] parameter(1)
  %new = f32[4]{0} parameter(2)
  %bitcast.2 = f32[1,4]{1,0} bitcast(%new)
  ROOT %update = f32[128,4]{1,0} dynamic-update-slice(%kept, %bitcast.2, %step, %step)
}

%body (carry: (s32[], f32[128,4])) -> (s32[], f32[128,4]) {
  %carry = (s32[], f32[128,4]{1,0}) parameter(0)
  %step.1 = s32[] get-tuple-element(%carry), index=0
  %kept.1 = f32[128,4]{1,0} get-tuple-element(%carry), index=1
  %table.1 = f32[4,100,8]{2,1,0} get-tuple-element(%carry), index=2
  %row.1 = s32[4]{0} get-tuple-element(%carry), index=3
  %lead.1 = f32[4,8]{1,0} get-tuple-element(%carry), index=4
  %plus = (f32[4]{0}, f32[4,8]{1,0}) fusion(%table.1, %row.1, %lead.1), kind=kLoop, calls=%gathered
  %best = f32[4]{0} get-tuple-element(%plus), index=0
  %start = ((f32[128,4]{1,0}, s32[], f32[4]{0}), f32[128,4]{1,0}, u32[]) \
fusion-start(%kept.1, %step.1, %best), kind=kLoop, calls=%written
  %done = f32[128,4]{1,0} fusion-done(%start)
  %mask = pred[4,8]{1,0} get-tuple-element(%carry), index=5
  %copied = pred[4,8]{1,0} copy(%mask)
  ROOT %tuple.2 = (s32[], f32[128,4]{1,0}) tuple(%step.1, %done)
}

ENTRY %main (x: f32[4]) -> f32[4] {
  %while.1 = (s32[], f32[128,4]{1,0}) while(%x), condition=%cond, body=%body
}
"""


def test_bytes_of_kernels_are_those_that_they_touch() -> None:
    """A row is gathered, added and searched; the outcome is written to one row of many; bits are copied."""
    row, all_rows = 4 * 4, 4 * 4 * 8
    assert h100.kernels_of_a_round(PROGRAM) == {
        "plus": row + all_rows + all_rows + row + all_rows,  # indices, gathered, leads; maxima and leads
        "start": 4 + row + row,
        "copied": 32 + 32,
    }


def test_traffic_is_counted_or_said_why_not() -> None:
    """With JAX's plugin for NVIDIA's GPUs kernels are counted, on any machine; without it, how to get it."""
    found = list(traffic.run(TOY))
    if h100.why_not() is None:
        assert all("kernels a round" in row.note for row in found)
    else:
        assert "--only traffic" in found[0].note


def test_commands_are_waited_for_in_processes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that answer at once: what they start is not charged to this process, and a failure is told."""
    commands = {name: words for name, words in waiting._commands(["short.toml"]).items() if "," not in name}
    monkeypatch.setattr(waiting, "_commands", lambda spec: commands)
    found = list(waiting.run(Effort(seconds=0.0, repeats=1, full=False)))
    assert [row.contestant for row in found] == ["import", "--help", "run --dry-run"]
    assert all(row.timing is not None and min(*row.timing.wall, *row.timing.cpu) > 0 for row in found)
    monkeypatch.setattr(waiting, "_commands", lambda spec: {"wrong": ["-m", "jaxstack", "fly"]})
    with pytest.raises(RuntimeError, match="No such command 'fly'"):
        list(waiting.run(Effort(seconds=0.0, repeats=1, full=False)))
