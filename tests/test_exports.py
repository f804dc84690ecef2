"""Tables for papers and other programs: numbers in full, names as they are, text that stays text."""

from __future__ import annotations

import csv
import io
import re
import sys

import numpy as np
import pytest

import jaxstack as js
from jaxstack.exports import Section, Table, solution, words
from jaxstack.regret import log_spaced_rounds
from tests.datasets import results
from tests.test_regret import curve_of

pytestmark = pytest.mark.once

NAMES = {
    "leader_names": ["north & south", "east_1"],
    "follower_names": ["thief"],
    "type_names": [["bold", "shy"]],
    "action_names": [["strike", "wait"]],
}


@pytest.fixture(scope="module")
def small():
    """One follower who strikes where it pays; every number below by hand.

    Type 0 strikes where x_0 <= 1/2 (gets 1 - 2 x_0, or 0 for waiting), type 1 always. The leader gets x_0
    where nobody strikes, and otherwise -x_1.
    """
    follower = [[[[-1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]]]]
    leader = js.TabularPayoff([[0.0, 1.0], [-1.0, 0.0]])
    return js.Game(leader, follower), js.IndependentTypes([[0.75, 0.25]])


def latex_rows(text: str) -> list[list[str]]:
    """Cells of the rows of a tabular."""
    lines = [line.removesuffix(r" \\") for line in text.splitlines() if line.endswith(r"\\")]
    return [re.split(r"(?<!\\) ?& ?", line) for line in lines]


def test_a_solution_by_name_beside_what_others_earn(small) -> None:
    game, types = small
    solution = js.solve(game, types)
    frame = solution.to_dataframe(game, types, **NAMES)
    number = dict(zip(frame["part"] + ":" + frame["action"], frame["number"], strict=True))
    assert number["commitment:north & south"] == 1.0
    assert number["commitment:east_1"] == 0.0
    assert number["response:wait"] == 0.75  # the probability of the type
    assert number["value:this commitment"] == pytest.approx(0.75)  # type 0 waits: 1; type 1 strikes: 0
    # At 1/2 type 0 is indifferent and waits: 0.75 * 0.5 + 0.25 * -0.5.
    assert number["value:uniform commitment"] == pytest.approx(0.25)
    assert number["value:best pure commitment (north & south)"] == pytest.approx(0.75)
    # Who knows the type plays x_0 = 1 against both.
    assert number["value:optimum with known types"] == pytest.approx(0.75)
    text = solution.to_latex(game, types, **NAMES)
    rows = latex_rows(text)
    assert [r"north \& south", "", "1.0000"] in rows
    assert ["thief", "bold", "wait"] in rows
    assert ["", "shy", "strike"] in rows
    assert ["best pure commitment", r"(north \& south)", "0.75"] in rows
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{tabular}{llr}", r"\end{tabular}"):
        assert rule in text


def test_known_types_are_worth_more() -> None:
    # Leader and follower want to meet; type k can only be met by leader action k.
    follower = np.zeros((1, 2, 2, 2))
    follower[0, 0, 0, 1] = follower[0, 1, 1, 1] = 1.0
    follower[0, :, :, 0] = 0.5
    game = js.Game(js.TabularPayoff([[0.0, 1.0], [0.0, 1.0]]), follower)
    found = js.baselines(game, js.IndependentTypes([[0.6, 0.4]]))
    assert (found.pure, found.pure_action) == (0.6, 0)
    assert found.uniform == 1.0  # both are indifferent, for the leader
    assert found.known_types == 1.0
    robust = js.baselines(game, js.IndependentTypes([[0.6, 0.4]]), "robust")
    assert robust.uniform == pytest.approx(0.6)  # a nudge wins one of them only
    assert robust.known_types == 1.0


def test_robust_baselines_count_on_what_can_be_enforced() -> None:
    one = js.IndependentTypes([[1.0]])
    leader = js.TabularPayoff([[0.0, 1.0], [0.0, 0.5]])
    # Indifferent at x = (1, 0) alone, and by any nudge for the action that pays the leader nothing.
    at_a_corner = js.Game(leader, [[[[1.0, 1.0], [1.0, 0.0]]]])
    assert js.baselines(at_a_corner, one).pure == 1.0
    for table in (None, js.enumerate_regions(at_a_corner), js.enumerate_regions(at_a_corner, ties="robust")):
        assert js.baselines(at_a_corner, one, "robust", table).pure == 0.0
    # Indifferent everywhere: the worse of the two answers.
    everywhere = js.Game(leader, [[[[1.0, 1.0], [1.0, 1.0]]]])
    assert js.baselines(everywhere, one).uniform == 0.75
    robust = js.baselines(everywhere, one, "robust")
    assert robust.uniform == 0.0
    assert np.isnan(robust.known_types)  # not known with equal actions


def test_baselines_read_only_a_table_of_the_game_and_of_its_ties() -> None:
    """Indifferent at the first pure commitment alone: a robust table has no region of its best answer."""
    game = js.Game(js.TabularPayoff([[9.0, 1.0], [3.0, 1.0]]), [[[[0.0, 0.0], [0.0, 1.0]]]])
    one = js.IndependentTypes([[1.0]])
    assert js.baselines(game, one).pure == 9.0
    assert js.baselines(game, one, table=js.enumerate_regions(game)).pure == 9.0
    with pytest.raises(ValueError, match="full-dimensional regions only"):
        js.baselines(game, one, table=js.enumerate_regions(game, ties="robust"))
    with pytest.raises(ValueError, match="table must be a RegionTable"):
        js.baselines(game, one, table="table")
    other = js.enumerate_regions(js.scenarios.random_game(0)[0])
    for read in (js.baselines, js.value.vertex_utilities):
        with pytest.raises(ValueError, match="does not belong to Game"):
            read(game, one, table=other)
    with pytest.raises(ValueError, match="does not belong to Game"):
        js.plots.regions(game, one, other)


@pytest.mark.parametrize("payoff", ["separable", "anonymous"])
def test_where_ties_are_too_many_a_sum_is_known_and_others_are_not(payoff: str) -> None:
    """20 followers whose two types are indifferent at every pure commitment but the last."""
    rng = np.random.default_rng(5)
    followers = np.zeros((20, 2, 3, 2))
    followers[:, :, 2, 1] = rng.random((20, 2))
    terms = rng.random((20, 3, 2))
    leader = js.SeparablePayoff(terms) if payoff == "separable" else js.AnonymousPayoff(rng.random((3, 21)))
    game, types = js.Game(leader, followers), js.IndependentTypes(np.full((20, 2), 0.5))
    found = js.baselines(game, types)
    if payoff == "separable":
        best = terms.max(axis=-1).sum(axis=0)[:2]  # each answers as suits the leader
        assert found.pure == pytest.approx(max(*best, terms[:, 2, 1].sum()))
    else:
        assert np.isnan(found.pure)
        assert not any("pure" in what for what, _, _ in found.told(["a", "b", "c"]))
    record = solution.record_of(js.solve(game, types, method="walk"), game, types)["baselines"]
    assert (record["pure"] is None) == (record["pure_action"] is None) == (payoff == "anonymous")


def test_the_best_vertex_of_a_set_is_a_number_and_no_leader_action() -> None:
    """The payoff is best at the fourth vertex of a square, and the leader has three coordinates."""
    payoffs = np.array([[-1.0, -1.0], [-1.0, -1.0], [0.0, 0.0]])
    square = js.strategies.box([0, 0], [1, 1])
    game = js.Game(js.TabularPayoff(payoffs), np.zeros((1, 1, 3, 2)), strategies=square)
    types = js.IndependentTypes([[1.0]])
    marks = solution.record_of(js.solve(game, types), game, types)["baselines"]
    assert marks["pure_action"] == int(np.argmax(square.vertices @ payoffs[:, 0])) == 3


def test_baselines_of_given_rounds_are_those_of_their_distribution() -> None:
    game = js.Game([[1.0, 0.0], [0.0, 0.5]], [[[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]])
    rounds = js.SequenceTypes([[0], [1], [0]])
    assert js.baselines(game, rounds) == js.baselines(game, rounds.empirical())
    assert js.baselines(game, rounds).pure == pytest.approx(2 / 3)  # type 0, in two rounds of three


@pytest.mark.parametrize("seed", range(3))
def test_baselines_against_a_slow_search(seed: int) -> None:
    game, types = js.scenarios.random_game(seed, 3, 2, 2, 2, types="joint")
    found = js.baselines(game, types)
    utilities = [js.expected_utility(game, types, x) for x in np.eye(3)]
    assert (found.pure, found.pure_action) == (pytest.approx(max(utilities)), int(np.argmax(utilities)))
    assert found.uniform == pytest.approx(js.expected_utility(game, types, np.full(3, 1 / 3)))
    joint = np.asarray(types.probabilities)
    known = sum(
        joint[theta] * js.solve(game, js.JointTypes(np.eye(4)[at].reshape(2, 2))).value
        for at, theta in enumerate(np.ndindex(2, 2))
    )
    assert found.known_types == pytest.approx(known)
    assert found.known_types >= js.solve(game, types).value >= max(found.pure, found.uniform)


def test_a_game_file_brings_its_names(small, tmp_path) -> None:
    js.save_game(tmp_path / "patrol.json", *small, **NAMES)
    file = js.scenarios.load_game_file(tmp_path / "patrol.json")
    solution = js.solve(*small)
    assert solution.to_latex(file) == solution.to_latex(*small, **NAMES)
    assert "leader action 0" in solution.to_latex()  # without a game: numbers
    with pytest.raises(ValueError, match="L=2, n=1, K=2"):
        solution.to_latex(js.scenarios.random_game(0, 3, 1, 2, 2)[0])
    with pytest.raises(ValueError, match=r"must hold 2 names, but 1 arrived"):
        solution.to_latex(*small, leader_names=["one"])
    with pytest.raises(ValueError, match="unknown label 'leaders'"):
        solution.to_latex(*small, leaders=["one"])
    with pytest.raises(ValueError, match="are those of a game"):
        solution.to_latex(leader_names=["a", "b"])


def test_regions_have_a_row_per_vertex(small) -> None:
    game, types = small
    table = js.enumerate_regions(game)
    frame = table.to_dataframe(game, types, **NAMES)
    assert len(frame) == int(np.asarray(table.vertex_mask).sum())
    assert frame["value"].max() == pytest.approx(js.solve(game, types).value)
    best = frame.loc[frame["value"].idxmax()]
    assert (best["north & south"], best["thief, bold"], best["thief, shy"]) == (1.0, "wait", "strike")
    assert latex_rows(table.to_latex(game, types, **NAMES))[1][1:] == ["wait / strike", "2", "(1, 0)", "0.75"]
    assert "value" not in table.to_dataframe()


def test_a_batch_has_a_row_per_game() -> None:
    games = [js.scenarios.random_game(seed, 2, 1, 2, 2) for seed in range(3)]
    game, types = js.stack([g for g, _ in games]), js.stack([t for _, t in games])
    solution = js.solve(game, types)
    assert list(solution.to_dataframe()["value"]) == solution.value.tolist()
    with pytest.raises(ValueError, match="a batch of G=3"):
        js.enumerate_regions(game).to_dataframe()
    assert js.enumerate_regions(game)._repr_html_() is None  # a notebook shows its repr
    assert "<table>" in js.enumerate_regions(games[0][0])._repr_html_()


def test_curves_and_differences_in_full() -> None:
    rng, rounds = np.random.default_rng(0), log_spaced_rounds(200)
    runs = rng.random((2, 4, len(rounds))).cumsum(axis=2)
    curves = [
        curve_of(own, rounds, name=name) for own, name in zip(runs, ("erm_joint", "uniform"), strict=True)
    ]
    frame = curves[1].to_dataframe()
    assert list(frame["mean"]) == curves[1].mean.tolist()
    assert list(frame["quantile_0.5"]) == curves[1].quantiles[2].tolist()
    rows = list(csv.DictReader(io.StringIO(curves[1].to_csv())))
    assert float(rows[-1]["mean"]) == curves[1].mean[-1]
    printed = [row[0] for row in latex_rows(curves[1].to_latex())]
    assert printed == ["rounds", "1", "10", "102", "200"]  # the checkpoints next to 10 and 100
    difference = js.paired_difference(*curves)
    assert list(difference.to_dataframe()["mean"]) == difference.mean.tolist()
    assert "PairedDifference(T=200" in repr(difference)
    assert "PairedDifference" not in difference.to_latex()
    batch = curve_of(runs, rounds)
    assert list(batch.to_dataframe()["game"]) == [0] * len(rounds) + [1] * len(rounds)
    assert "average of 2 games" in batch.to_latex()
    both = js.results_table(curves)
    assert list(both.to_dataframe()["learner"]) == ["erm_joint", "uniform"]
    assert both.to_dataframe()["regret"][1] == curves[1].mean[-1]


def test_results_of_a_sweep() -> None:
    data = results({"horizon": [100, 10_000], "radius": [0.1]}, scenarios=("a", "b"))
    made = js.results_table(data)
    frame = made.to_dataframe()
    assert len(frame) == 8
    row = frame[(frame.scenario == "b") & (frame.horizon == 10_000) & (frame.learner == "region_ucb")].iloc[0]
    assert row["regret"] == pytest.approx(4.5 * 10_000**0.8)
    assert row["exponent"] == pytest.approx(0.8)
    text = made.to_latex()
    assert r"\emph{a}" in text
    assert [r"10,000", r"region\_ucb", r"7,132 $\pm$ 353"] in [row[:3] for row in latex_rows(text)]
    assert "7,132 ± 353" in made._repr_html_()
    with pytest.raises(ValueError, match="a dataset of results or curves"):
        js.results_table([1])


def test_texts_of_others_stay_texts() -> None:
    hostile = "\\input{x} $5 % #1 {a}_b^~ & <b>\x1b\nnext"
    table = Table({"name": [hostile]}, ["what & <i>", "n"], [Section(hostile, [(hostile, -1.5)])], hostile)
    text = table.to_latex()
    body = text[text.index(r"\begin") :]
    assert r"\textbackslash{}input\{x\} \$5 \% \#1 \{a\}\_b" in body
    assert "\x1b" not in text
    assert len(body.splitlines()) == 8  # no line of its own
    assert all(line.startswith("%") for line in text[: text.index(r"\begin")].splitlines())
    assert "$-$1.5" in body
    html = table._repr_html_()
    assert "<b>" not in html
    assert "\N{MINUS SIGN}1.5" in html
    assert "\x1b" not in repr(table)
    assert next(iter(csv.reader(io.StringIO(table.to_csv()))), None) == ["name"]


def test_small_and_large_numbers_are_powers_of_ten_in_latex() -> None:
    rows = [(-1.5e-7,), (2e20,), (0.25,), ("1e-07",)]
    table = Table({}, ["value"], [Section("", rows[:3]), Section("", rows[3:])])
    printed = [row[0] for row in latex_rows(table.to_latex())[1:]]
    assert printed == [r"$-$1.5$\cdot 10^{-7}$", r"2$\cdot 10^{20}$", "0.25", "1e-07"]


def test_without_pandas_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch, small) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"to_dataframe needs pandas.*pip install"):
        js.solve(*small).to_dataframe()
    assert js.solve(*small).to_csv().startswith("part,follower,type,action,number\n")


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(-3.21, 12.4, "-3.2 to 12.4"), (0.0, 0.0, "0.00 to 0.00"), (-1e4, 1e5, "-10,000 to 100,000")],
)
def test_intervals_have_the_digits_of_their_width(low: float, high: float, told: str) -> None:
    assert words.interval(low, high).startswith(told.split(" ")[0][:4])
    assert float(words.interval(low, high).split(" to ")[1].replace(",", "")) == pytest.approx(high, rel=0.05)
