"""The experiments on the paper's claims: every script at toy size, the rules, and learners that must fail."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import jaxstack as js
from experiments import claims
from experiments.__main__ import main
from experiments.claims import FAILS, HOLDS, OPEN, Check, Interval
from jaxstack import learners
from jaxstack.sweeps.spec import parse_spec

pytestmark = pytest.mark.once


def run(folder: Path, *arguments: str) -> dict[str, Any]:
    """`claims.json` of a toy run, its results in a folder."""
    options = ["--toy", "--out", str(folder / "out"), "--runs", str(folder / "runs"), *arguments]
    assert main(options) == 0
    content: dict[str, Any] = json.loads((folder / "out" / "claims.json").read_text())
    return content


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("experiments")
    return folder, run(folder)


# --- every script ---


def test_every_claim_has_a_row_and_a_figure(toy: tuple[Path, dict[str, Any]]) -> None:
    folder, content = toy
    assert [row["number"] for row in content["claims"]] == list(range(1, 18))
    for row in content["claims"]:
        assert row["size"] == "toy"
        assert row["verdict"] in (HOLDS, FAILS, OPEN)
        assert row["checks"]
        assert (folder / "out" / row["figure"]).read_bytes().startswith(b"\x89PNG")
        assert (folder / "out" / row["points"]).read_text().startswith("panel,curve,x,y,low,high\n")
        for check in row["checks"]:
            assert check["verdict"] in ((HOLDS, FAILS, OPEN) if check["rule"] else ("",))


def test_the_page_is_made_of_the_rows(toy: tuple[Path, dict[str, Any]]) -> None:
    folder, content = toy
    page = (folder / "out" / "claims.md").read_text()
    assert page == claims.markdown(content)
    for row in content["claims"]:
        assert row["title"] in page
        assert f"| {row['verdict']} | " in page
    assert page.count("| toy |") == len(content["claims"])
    for row in content["claims"]:
        assert all(check["what"] in page for check in row["checks"])


def test_the_same_numbers_after_deleting_them(toy: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, content = toy
    names = "horizon,regions,lower_bound,radius,degenerate"
    again = run(tmp_path, "--only", names)
    assert again["claims"] == [row for row in content["claims"] if row["id"] in names.split(",")]
    figure = (tmp_path / "out" / "horizon.png").read_bytes()
    assert figure == (folder / "out" / "horizon.png").read_bytes()


def test_the_committed_rows_are_of_these_claims() -> None:
    rows = claims.rows_in(claims.HERE / "results")
    assert [row["id"] for row in rows] == list(claims.NAMES)
    for row in rows:
        assert (claims.HERE / "results" / f"{row['id']}.csv").exists() == ("points" in row)
        told = claims.row_of(row["id"], row["size"], [])
        computed = ("verdict", "checks", "points")  # of which older rows have none
        assert {k: v for k, v in row.items() if k not in computed} == {
            k: v for k, v in told.items() if k not in computed
        }


def test_toys_stay_among_themselves(
    toy: tuple[Path, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claims.write_rows([toy[1]["claims"][0] | {"size": "full"}], tmp_path)
    before = (tmp_path / "claims.json").read_text()
    assert main(["--toy", "--out", str(tmp_path)]) == 2
    assert "size full" in capsys.readouterr().err
    assert main(["--quick", "--out", str(toy[0] / "out")]) == 2
    assert (tmp_path / "claims.json").read_text() == before


def test_rows_gather(toy: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    _, content = toy
    first, second = content["claims"][:2]
    for row in (second, first):
        claims.write_rows([row], tmp_path)
    assert json.loads((tmp_path / "claims.json").read_text())["claims"] == [first, second]
    full, quick = first | {"size": "full"}, second | {"size": "quick"}
    for row in (quick, full):
        claims.write_rows([row], tmp_path)
    assert json.loads((tmp_path / "claims.json").read_text())["claims"] == [full, quick]
    assert "| full |" in (tmp_path / "claims.md").read_text()


@pytest.mark.parametrize("size", claims.SIZES)
@pytest.mark.parametrize("name", claims.NAMES)
def test_specs_are_sound(name: str, size: str) -> None:
    for spec in claims.specs_of(name):
        assert claims.spec_of(name, size, spec).scenario


def test_a_size_that_names_no_table_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(claims.HERE / "lower_bound", tmp_path / "lower_bound")
    monkeypatch.setattr("experiments.claims.data.HERE", tmp_path)
    (tmp_path / "lower_bound" / "sizes.toml").write_text('[toy.spec."two folowers"]\nnum_decisions = [1]\n')
    with pytest.raises(ValueError, match="two folowers"):
        claims.spec_of("lower_bound", "toy")


def test_elsewhere_than_in_the_clone_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--toy"]) == 2
    told = capsys.readouterr().err
    assert f"the working directory is {tmp_path}" in told
    assert f"cd {Path(__file__).resolve().parents[1]} && python -m experiments" in told
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_experiment_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--only", "horizons"])
    assert stop.value.code == 2
    assert "horizons" in capsys.readouterr().err


# --- figures ---


def test_figures_are_drawn_again_from_the_points_beside_them(
    toy: tuple[Path, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("regions", "radius", "feedback")
    for name in names[:2]:
        shutil.copy(toy[0] / "out" / f"{name}.csv", tmp_path)
    assert main(["--redraw", "--only", ",".join(names), "--out", str(tmp_path)]) == 0
    for name in names[:2]:
        drawn = (tmp_path / f"{name}.png").read_bytes()
        assert drawn == (toy[0] / "out" / f"{name}.png").read_bytes()
    assert not (tmp_path / "feedback.png").exists()
    assert f"feedback: not drawn, for {tmp_path / 'feedback.csv'} is missing" in capsys.readouterr().out
    assert not (tmp_path / "claims.json").exists()


@pytest.mark.parametrize("path", sorted((claims.HERE / "results").glob("*.csv")), ids=lambda path: path.stem)
def test_committed_points_can_be_drawn(path: Path) -> None:
    drawn = claims.read_curves(path)
    for each in drawn:
        ends = np.stack([each.low, each.high])
        assert np.isfinite(ends).all()
        assert (each.low <= each.y).all()
        assert (each.y <= each.high).all()
    assert claims.script(path.stem).draw(drawn).axes


def test_points_are_read_as_they_were_written(tmp_path: Path) -> None:
    regret = np.random.default_rng(0).exponential(size=(3, 4, 5))
    written = [
        claims.curve("left, a", "m = 2, 4", [1, 10, 100], regret),
        claims.curve("left, a", "over", ["1/2", "1", "x, y"], regret, 2 * regret, of=lambda a, b: a / b),
        claims.curve("right", "m = 2, 4", [1, 10, 100], regret, unit=1e-9),
        claims.line("right", "exact", [1, 2], [0.5, 1e-7]),
    ]
    claims.write_curves(written, tmp_path / "points.csv")
    read = claims.read_curves(tmp_path / "points.csv")
    for before, after in zip(written, read, strict=True):
        assert before[:2] == after[:2]
        assert before.x.tolist() == after.x.tolist()
        for column in ("y", "low", "high"):
            np.testing.assert_allclose(getattr(after, column), getattr(before, column), rtol=1e-5)
    low, high = claims.errors(regret)
    np.testing.assert_allclose(written[0].error, [low, high])
    np.testing.assert_allclose(written[1].y, 0.5)
    np.testing.assert_allclose(written[2].y, regret.mean(axis=(1, 2)) * 1e9)
    assert list(claims.by_panel(read)) == ["left, a", "right"]


# --- statistics and rules ---


def test_rules_judge_intervals() -> None:
    at_most = claims.at_most(1.0)
    assert at_most.verdict(Interval(0.5, 0.2, 0.9)) == HOLDS
    assert at_most.verdict(Interval(0.9, 0.8, 1.1)) == OPEN
    assert at_most.verdict(Interval(2.0, 1.1, 3.0)) == FAILS
    assert at_most.verdict(Interval(0.5, np.nan, np.nan)) == OPEN
    assert claims.at_least(1.0).verdict(Interval(0.5, 0.2, 0.9)) == FAILS
    assert claims.between(0.45, 0.55).verdict(Interval(0.5, 0.46, 0.54)) == HOLDS
    assert claims.between(0.45, 0.55).verdict(Interval(0.3, 0.2, 0.4)) == FAILS
    assert claims.SQRT_RATE.verdict(Interval(0.7, 0.65, 0.75)) == OPEN
    assert claims.SQRT_RATE.verdict(Interval(1.0, 0.99, 1.01)) == FAILS


@pytest.mark.parametrize(("late", "verdict"), [(100.0, FAILS), (70.0, OPEN)])
def test_linear_growth_refutes_a_root_unless_it_slows_down(late: float, verdict: str) -> None:
    x = np.array([1.0, 10.0, 100.0, 1000.0])
    means = np.array([1.0, 10.0, 100.0, 10 * late])[:, None, None]
    noise = np.random.default_rng(0).normal(1, 1e-3, size=(4, 1, 50))
    fit = claims.power_fit(x, means * noise)
    assert Check.of_fit("", fit, claims.SQRT_RATE).verdict == verdict


def test_the_worst_check_decides() -> None:
    good, bad = Interval(0, 0, 0), Interval(2, 2, 2)
    checks = [Check("", good, claims.at_most(1)), Check("", bad, None)]
    assert claims.verdict_of(checks) == HOLDS
    assert claims.verdict_of([*checks, Check("", Interval(1, 0, 2), claims.at_most(1))]) == OPEN
    assert claims.verdict_of([*checks, Check("", bad, claims.at_most(1))]) == FAILS


def test_intervals_cover_games_not_only_runs() -> None:
    """Games that differ by 1 and runs that hardly do: the error is that of the mean of 16 games."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(16, 1)) + 1e-3 * rng.normal(size=(16, 400))
    mean = claims.interval(lambda m: m, values)
    by_games = values.mean(axis=1).std() / 4
    assert mean.value == pytest.approx(values.mean())
    assert (mean.high - mean.low) / (2 * 1.96 * by_games) == pytest.approx(1, abs=0.1)
    assert claims.errors(values[None]).sum() == pytest.approx(mean.high - mean.low)


def test_what_most_resamples_lack_has_no_interval() -> None:
    values = np.zeros((16, 4))
    values[0] = 1  # one game of sixteen: a third of the resamples is without it
    with np.errstate(divide="ignore"):
        assert np.isnan(claims.interval(np.log, values)).all()


def test_error_bars_are_not_negative() -> None:
    regret = np.full((3, 96, 4), 0.1)
    assert (claims.errors(regret) >= 0).all()
    ratio = claims.errors(regret, 3 * regret, of=lambda a, b: a / b)
    np.testing.assert_allclose(ratio, 0, atol=1e-12)
    assert (ratio >= 0).all()


def test_power_fit_finds_a_power_law() -> None:
    x = np.array([1.0, 10.0, 100.0, 1000.0])
    noise = np.random.default_rng(0).uniform(0.5, 1.5, size=(1, 8, 50))
    fit = claims.power_fit(x, 3 * (x**0.5)[:, None, None] * noise)
    assert fit.exponent.value == pytest.approx(0.5, abs=1e-9)
    assert fit.residual == pytest.approx(0, abs=1e-9)
    bent = claims.power_fit(x, np.where(x < 10, 30.0, 3 * x**0.5)[:, None, None] * noise, first=10)
    assert bent.window == (10.0, 1000.0)
    assert bent.exponent.value == pytest.approx(0.5, abs=1e-9)


# --- what the scripts measure, on numbers known in advance ---


def test_games_that_mislead_the_product_learner(tmp_path: Path) -> None:
    """Followers play their types. Row 0 pays 1 where they agree, (1 + c) / 2 of rounds; row 1 pays 0.6."""
    row = np.stack([np.eye(2), np.full((2, 2), 0.6)])
    own = np.eye(2)[:, :, None] + np.zeros((2, 2, 2))  # [K, A, L]
    game = js.Game(row, np.moveaxis(np.stack([own, own]), -1, 2))
    text = "[run]\nhorizon = 10\nruns = 2\n"
    for correlation in (0.0, 0.125, 0.25, 1.0):
        types = js.MixtureTypes.correlated(np.full((2, 2), 0.5), correlation)
        js.save_game(tmp_path / f"{correlation}.json", game, types)
        path = json.dumps(str(tmp_path / f"{correlation}.json"))
        text += f'[[scenario]]\nkind = "file"\nname = "{correlation}"\npath = {path}\n'
    dataset = xr.Dataset(attrs={"spec": text})
    misled = claims.script("correlation")._misled({"spec": dataset})
    assert {float(name): found.tolist() for (name, _), found in misled.items()} == {
        0.0: [False],
        0.125: [False],
        0.25: [True],
        1.0: [True],
    }


@pytest.mark.parametrize(
    ("third", "last", "whole", "failed"),
    [
        (25.0, 25.0, 100.0, True),  # stuck from the start
        (25.0, 25.0, 150.0, True),  # stuck after some exploration
        (15.9, 13.4, 100.0, False),  # grows like the root of T
        (0.0, 0.0, 100.0, False),  # has settled
        (1.0, 3.0, 100.0, False),  # explores now and then
        (0.0, 0.0, 0.0, False),  # never lost anything
    ],
)
def test_runs_that_fail(third: float, last: float, whole: float, failed: bool) -> None:
    curve = np.array([whole - last - third, whole - last, whole]).reshape(1, 1, 1, 1, 1, 3)
    dims = ("scenario", "learner", "radius_scale", "game", "run", "checkpoint")
    coords = {"scenario": ["s"], "learner": ["l"], "radius_scale": [1.0]}
    (found,) = claims.script("radius")._curves(xr.Dataset({"regret": (dims, curve)}, coords))
    assert found.failed.item() == failed


@pytest.mark.parametrize(
    ("learner", "leader_actions", "many"),
    [("erm_joint", 2, 5), ("erm_joint", 3, 6), ("erm_product", 2, 14), ("erm_product", 3, 21)],
)
def test_many_followers_are_those_for_whom_the_logarithm_is_the_bound(
    learner: str, leader_actions: int, many: int
) -> None:
    followers = np.arange(1.0, 65.0)
    script = claims.script("followers")
    assert script._many(learner, leader_actions, followers, 10_000) == many
    assert script._many(learner, leader_actions, followers[: many - 1], 10_000) == many - 1


def test_what_never_learns_is_told_from_what_learns() -> None:
    rng = np.random.default_rng(0)
    uniform = rng.normal(1, 0.1, size=(3, 1, 64)) * np.array([1.0, 3.0, 10.0])[:, None, None]
    rule = claims.at_most(claims.LEARNT)
    assert claims.over_uniform("l", "T", uniform, uniform, rule).verdict == FAILS
    assert claims.over_uniform("l", "T", uniform / 2, uniform, rule).verdict == HOLDS


# --- learners that must fail ---


def wrong_sign() -> learners.Learner:
    """region_ucb that subtracts its bonus: the first region that looked best is played for ever."""
    right = learners.region_ucb()

    def update(state: Any, known: Any, hparams: Any, choice: Any, feedback: Any, t: Any) -> Any:
        return right.update(
            state, known, hparams._replace(radius_scale=-hparams.radius_scale), choice, feedback, t
        )

    return dataclasses.replace(right, update=update)


def forgetful() -> learners.Learner:
    """erm_joint that remembers the last round alone."""
    right = learners.erm_joint()

    def update(state: Any, known: Any, hparams: Any, choice: Any, feedback: Any, t: Any) -> Any:
        return right.update(right.init(known, hparams), known, hparams, choice, feedback, t)

    return dataclasses.replace(right, update=update, jumps=None)


def break_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(learners.ROSTER, "region_ucb", wrong_sign)
    monkeypatch.setitem(learners.ROSTER, "erm_joint", forgetful)


def judged(name: str, data: Any) -> dict[str, str]:
    """Verdicts of the checks of an experiment."""
    return {check.what: check.verdict for check in claims.script(name).measure(data)}


def small_horizon(folder: Path, skip: bool) -> dict[str, Any]:
    """Data for "horizon": a tenth of the theorem's radius, so that its learner has learnt by then."""
    text = f"""
        [run]
        horizon = [4_000, 12_000, 40_000]
        runs = 8
        keep_runs = false
        [[scenario]]
        kind = "random"
        name = "random games"
        games = 16
        num_leader_actions = 2
        num_types = 2
        types = "independent"
        [[learner]]
        name = "erm_joint"
        skip_ahead = {str(skip).lower()}
        [[learner]]
        name = "region_ucb"
        label = "region_ucb"
        radius_scale = 0.1
        """
    dataset = js.run_sweep(parse_spec(text, "test"), folder)
    empty = dataset.isel(scenario=slice(0))
    return {"spec": dataset, "hard": empty, "worked": empty, "long": empty}


def test_broken_learners_do_not_learn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learnt = judged("horizon", small_horizon(tmp_path / "right", skip=True))
    break_both(monkeypatch)
    broken = judged("horizon", small_horizon(tmp_path / "wrong", skip=False))
    assert set(learnt.values()) == {HOLDS}
    assert set(broken.values()) == {FAILS}


def test_a_bonus_of_the_wrong_sign_gains_nothing_from_a_smaller_radius(
    toy: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = (row for row in toy[1]["claims"] if row["id"] == "radius")
    right = {check["what"]: check["verdict"] for check in row["checks"]}
    break_both(monkeypatch)
    broken = judged("radius", claims.data_of("radius", "toy", tmp_path))
    what = "random games, {}: regret at c = 1/8 over that at c = 1"
    assert right[what.format("region_ucb")] == right[what.format("oful")] == HOLDS
    assert broken[what.format("region_ucb")] == FAILS
    assert all(broken[what] == verdict for what, verdict in right.items() if "oful" in what)


def test_an_erm_that_forgets_leaves_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = claims.spec_of("degenerate", "toy").to_toml()
    text = text[: text.index("[[learner]]")].replace("horizon = [300]", "horizon = [4_000]")

    def spec(skip: bool) -> Any:
        return parse_spec(
            f'{text}\n[[learner]]\nname = "erm_joint"\nskip_ahead = {str(skip).lower()}', "test"
        )

    right = judged("degenerate", {"spec": js.run_sweep(spec(True), tmp_path / "right")})
    break_both(monkeypatch)
    broken = judged("degenerate", {"spec": js.run_sweep(spec(False), tmp_path / "wrong")})
    assert set(right.values()) == {HOLDS}
    assert broken["degenerate payoffs, erm_joint: regret / bound, largest"] == FAILS
