"""`jaxstack advise`: what it says, what it draws, and the guide whose commands these are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from typer.testing import CliRunner

import jaxstack as js
from jaxstack import cli, plots
from tests.reference import hindsight

pytestmark = pytest.mark.once

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "your-data.md"
RICH = {"COLUMNS": "200"}


def invoke(*arguments: Any) -> Any:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments], env=RICH)


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[str]]:
    """The guide, read to its end: the folder, what its Python leaves, and what its commands print."""
    folder = tmp_path_factory.mktemp("guide")
    names: dict[str, Any] = {}
    printed = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for kind, block in re.findall(
            r"^```(python|console)\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL
        ):
            if kind == "python":
                exec(block, names)
            else:
                done = invoke(*block.split()[2:])
                assert done.exit_code == 0, done.output
                printed.append(done.output)
    return folder, names, printed


def test_the_guide_runs(guided: Any) -> None:
    folder, names, (advised, learner) = guided
    assert (folder / "advice.png").read_bytes().startswith(b"\x89PNG")
    fitted, best = names["fitted"], names["best"]
    interval = fitted.expected(best.commitment, best.response).interval
    assert interval[0] < best.value < interval[1]
    assert f"expected to earn {best.value:.6g} a round" in advised
    assert "300 rounds of actions" in advised
    for name, probability in zip(names["game"].leader_names, best.commitment, strict=True):
        assert re.search(rf"{name} .*{probability:.6f}", advised)
    assert "what region_ucb would post" in learner
    assert names["now"].t == 2
    assert names["curve"].rounds[-1] == 300


def test_advice_is_the_optimum_of_the_fit_and_of_hindsight(guided: Any) -> None:
    _, names, _ = guided
    game, trace = names["game"], names["trace"]
    table = js.enumerate_regions(game.game)
    log = js.log_of(game, types=trace.types, commitments=trace.commitment, regions=trace.region)
    advice = js.advise(game, log, table=table)
    most = hindsight.most_earned(game.game, table, trace.types)[-1]
    assert advice.in_hindsight == pytest.approx(most / 300)
    got = [
        hindsight.earned(game.game, x, table.responses[r], theta)
        for x, r, theta in zip(trace.commitment, trace.region, trace.types, strict=True)
    ]
    assert advice.earned.value == pytest.approx(np.mean(got))
    assert advice.earned.standard_error == pytest.approx(np.std(got, ddof=1) / np.sqrt(300))
    assert advice.expected.value == pytest.approx(js.solve(game.game, advice.fitted.types).value)
    np.testing.assert_allclose(advice.posted, trace.commitment.mean(axis=0))
    # A learner that saw these types plays what it would have played next.
    learner = js.learners.erm_joint()
    asked = js.advise(game, log, learner=learner, horizon=301, table=table)
    seen = js.SequenceTypes(np.concatenate([trace.types, [[0]]]), 3)
    then = js.play(jax.random.key(0), game.game, seen, learner, horizon=301, table=table)
    np.testing.assert_array_equal(asked.next.x, then.commitment[300])
    assert asked.learner == "erm_joint"
    figure = plots.advice(asked, title="a title")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "posted so far",
        "best in hindsight",
        "next",
    ]


def test_what_the_log_cannot_tell_is_said(guided: Any, tmp_path: Path) -> None:
    folder, names, _ = guided
    game = names["game"]
    x = [1.0, 0.0, 0.0]  # asleep: thief and fool steal alike
    js.log_of(game, actions=[[0]] * 5 + [[1]] * 5, commitments=x).save(tmp_path / "log.csv")
    done = invoke("advise", folder / "game.json", tmp_path / "log.csv")
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.replace("│", " ").split())
    assert "types that answer alike to all that was posted: thief and fool of visitor" in text
    stakes = js.fit_types(game, tmp_path / "log.csv", "independent").stakes()
    assert stakes.matters
    assert f"another one up to {stakes.loss:.3g} more: post it for a while to find out" in text
    assert f"and {stakes.low:.6g} to {stakes.high:.6g} under types that fit as well" in text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["game.json", "nothing.csv"], "nothing.csv: No such file"),
        (["log.csv", "log.csv"], "unknown column"),
        (["game.json", "log.csv", "--learner", "erm_jont"], "Did you mean 'erm_joint'"),
        (["game.json", "log.csv", "--learner", "erm_joint"], "from types, but this log tells actions alone"),
        (
            ["game.json", "log.csv", "--learner", "uniform,oful"],
            "one learner, but 'uniform,oful' names",
        ),
        (["game.json", "log.csv", "--learner", "nowhere:mine"], "There is no module 'nowhere' either"),
        (["game.json", "log.csv", "--learner", "json"], "or name one: --learner json:my_learner"),
        (["game.json", "semicolons.csv"], "columns are separated by semicolons, but must be by commas"),
        (["game.json", "empty.csv"], "empty.csv: the file is empty; its first row must name the columns"),
        (["game.json", "log.csv", "--learner", "shared_posterior"], "learns only from what it posts itself"),
        (
            ["game.json", "log.csv", "--learner", "region_ucb", "--horizon", "10"],
            "horizon must be more than the 300 rounds of this log",
        ),
        (["game.json", "log.csv", "--plot", "advice.txt"], "must end in .png, .pdf or .svg"),
        (["game.json", "bad.csv"], "bad.csv: row 3, column 'action_visitor' must be one of steal, stay away"),
    ],
)
def test_mistakes_end_in_one_message(guided: Any, arguments: list[str], told: str, monkeypatch: Any) -> None:
    folder, _, _ = guided
    monkeypatch.chdir(folder)
    lines = (folder / "log.csv").read_text().splitlines()
    Path("bad.csv").write_text("\n".join([*lines[:2], lines[2].rsplit(",", 1)[0] + ",run"]))
    Path("semicolons.csv").write_text("\n".join(lines).replace(",", ";"))
    Path("empty.csv").write_text("")
    done = invoke("advise", *arguments)
    assert done.exit_code == 2, done.output
    assert told in " ".join(done.stderr.split())
    assert "Traceback" not in done.output


def test_what_does_not_fit_the_log_is_told_before_anything_is_fitted(guided: Any, monkeypatch: Any) -> None:
    folder, _, _ = guided
    game, log = js.load_game_file(folder / "game.json"), folder / "log.csv"
    monkeypatch.setattr("jaxstack.data.advice.fit_types", lambda *_, **__: pytest.fail("fitted"))
    with pytest.raises(ValueError, match="horizon must be a whole number"):
        js.advise(game, log, learner=js.learners.region_ucb(), horizon="500")
    other = js.enumerate_regions(js.scenarios.random_game(0)[0])
    with pytest.raises(ValueError, match="does not belong to Game"):
        js.read_log(game, log).save(folder / "copy.csv", table=other)
    assert not (folder / "copy.csv").exists()


def test_a_learner_of_ones_own_is_asked(guided: Any, monkeypatch: Any, tmp_path: Path) -> None:
    folder, _, _ = guided
    (tmp_path / "advised_by.py").write_text(
        "import dataclasses, jaxstack as js\n"
        "def mine(): return dataclasses.replace(js.learners.region_ucb(), name='mine')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    own, usual = (
        invoke("advise", folder / "game.json", folder / "log.csv", "--learner", learner).output
        for learner in ("advised_by:mine", "region_ucb")
    )
    assert "what mine would post" in own
    numbers = [re.findall(r"\d+\.\d+", text) for text in (own, usual)]
    assert numbers[0] == numbers[1]
