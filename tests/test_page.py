"""The page about a sweep: complete, self-contained, and deaf to what hostile names tell it."""

import json
import re
from html.parser import HTMLParser

import pytest

from jaxstack.page import page, pictures, pieces
from tests.datasets import results

pytestmark = pytest.mark.once

VOID = {"meta", "link", "img", "br", "wbr"}
HOSTILE = "<script>alert('$x^')</script>"


class Reader(HTMLParser):
    """Checks that tags are balanced; collects tags, attributes, tables and text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.tables, self.words = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.words.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data

    def table(self, *columns):
        """Rows of the first table that has these columns."""
        for table in self.tables:
            if table and set(columns) <= set(table[0]):
                return [dict(zip(table[0], row, strict=True)) for row in table[1:]]
        raise AssertionError(f"no table with columns {columns}")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A stand-in for pictures, except where a test is about them."""
    monkeypatch.setattr(pictures, "_png", lambda figure: b"picture")


@pytest.fixture(scope="module")
def sweep():
    return results(
        {"horizon": [100, 10_000], "correlation": [0.0, 1.0]},
        learners=("erm_joint", "region_ucb", "uniform"),
        scenarios=("random games", "hard"),
        missing=lambda at: at["scenario"] == "hard" and at["correlation"] > 0,
        attrs={
            "spec": "[run]\nhorizon = [100, 10_000]\n",
            "missing": json.dumps([{"scenario": "hard", "correlation": 1.0}]),
            "failed": json.dumps([{"cell": {"learner": "oful"}, "error": "does not fit"}]),
        },
    )


def test_every_section_is_there(sweep):
    read = Reader(page(sweep, "Results in first"))
    text = " ".join(read.words)
    for expected in (
        "Results in first", "18 finished cells", "1 cell missing, 1 cell failed",
        "random games", "hard", "Regret after the last round", "Growth across horizons",
        "Compared with erm_joint on the same draws", "Time", "Missing and failed", "does not fit",
        "learner = oful", "scenario = hard, correlation = 1", "Spec", "horizon = [100, 10_000]",
        "Hardware and versions", "toy", "0.8.0", "Final regret in every scenario",
        "Final regret against correlation at horizon = 10,000",
        "Final regret over horizon and correlation",
    ):  # fmt: skip
        assert expected in text, expected
    identifiers = [value for name, value in read.attributes if name == "id"]
    assert len(set(identifiers)) == len(identifiers)
    links = {value for name, value in read.attributes if name == "href" and value.startswith("#")}
    assert links == {f"#{identifier}" for identifier in identifiers}


def test_tables_hold_the_numbers(sweep):
    read = Reader(page(sweep, "x"))
    rows = read.table("horizon", "correlation", "learner", "regret", "growth exponent (95%)")
    assert len(rows) == 12
    row = next(r for r in rows if (r["horizon"], r["learner"]) == ("10,000", "region_ucb"))
    # Two games: 1.5 * 3 * 10,000^0.8, and a standard error of 0.2 * 0.6547 / sqrt(8) of it.
    assert row["regret"] == "7,132 ± 353"
    assert row["lowest and highest game"] == "4,755 to 9,509"
    assert row["growth exponent (95%)"] == "0.80 (0.80, 0.80)"
    assert row["theorem's rate"] == "1,000"
    assert next(r for r in rows if r["learner"] == "uniform")["theorem's rate"] == "-"
    across = read.table("correlation", "learner", "growth exponent (95%)", "horizons")
    assert [r["growth exponent (95%)"][:4] for r in across] == ["0.30", "0.80", "1.00"] * 2
    assert across[0]["horizons"] == "100 to 10,000"
    compared = read.table("learner", "difference in regret")
    assert {r["learner"] for r in compared} == {"region_ucb", "uniform"}
    assert compared[0]["difference in regret"] == "+173.2"  # 1.5 * (3 * 100^0.8 - 100^0.3)
    # Two games whose differences are 1:2 decide nothing about games of their kind.
    assert compared[0]["on average"] == "not told apart"
    assert compared[0]["95% interval"].startswith("\N{MINUS SIGN}")
    times = read.table("scenario", "learner", "per round (ns)")  # one unit for a column
    assert len(times) == 18
    assert times[0]["per round (ns)"] == "10"
    assert times[0]["compilation (s)"] == "1.5"


def test_reference_is_chosen_or_refused(sweep):
    one_game = sweep.isel(game=[0])
    text = page(one_game, "x", reference="uniform")
    assert "Compared with uniform" in text
    assert "less regret" in text
    with pytest.raises(
        ValueError, match=r"no learner is called 'unifrom'.*Did you mean 'uniform'.*erm_joint, region_ucb"
    ):
        page(sweep, "x", reference="unifrom")


def test_nothing_leaves_the_page(sweep):
    text = page(sweep, "x")
    assert "default-src 'none'" in text
    assert not re.search(r"""(?:src|href|action|data|poster)\s*=\s*["']?\s*(?:https?:)?//""", text, re.I)
    assert not re.search(r"@import|url\(|<(?:script|iframe|object|embed|form|base)\b", text, re.I)
    sources = [value for name, value in Reader(text).attributes if name in ("src", "href")]
    assert sources
    assert all(value.startswith(("data:", "#")) for value in sources)


def test_names_are_text_wherever_they_come_from():
    data = results(
        {HOSTILE: [HOSTILE, "b"]},
        learners=("erm_joint", HOSTILE),
        scenarios=(HOSTILE, '" onload="alert(1)'),
        attrs={
            "spec": f"</pre>{HOSTILE}",
            "hardware": json.dumps([{HOSTILE: HOSTILE}]),
            "versions": HOSTILE,  # not even JSON
            "missing": json.dumps([HOSTILE, {HOSTILE: [HOSTILE]}]),
            "failed": json.dumps([{"cell": HOSTILE, "error": f"</td>{HOSTILE}"}, HOSTILE]),
        },
    )
    text = page(data, f"</title>{HOSTILE}")
    read = Reader(text)
    assert "script" not in read.tags
    assert not any(name.startswith("on") for name, _ in read.attributes)
    assert " ".join(read.words).count(HOSTILE) > 20


def test_pictures_are_png_and_hostile_names_do_not_stop_them(monkeypatch):
    monkeypatch.undo()
    drawn = []
    monkeypatch.setattr(
        pictures, "_png", lambda figure, png=pictures._png: drawn.append(png(figure)) or drawn[-1]
    )
    page(results(scenarios=(HOSTILE,), learners=("erm_joint", r"$\frac{")), r"$\frac{")
    assert len(drawn) == 2
    for picture in drawn:
        assert picture.startswith(b"\x89PNG\r\n\x1a\n")
        assert len(picture) < 60_000


@pytest.mark.parametrize(
    "settings",
    [
        {"learners": ("erm_joint",)},
        {"runs": 1, "games": 1},
        {"keep_runs": False},
        {"axes": {"horizon": [10, 100, 1000]}, "keep_runs": False, "runs": 1},
        {"learners": ("uniform", "oracle")},
        {"level": lambda labels: -1e-12},
        {"scenarios": [f"scenario {index}" for index in range(8)]},
    ],
    ids=["one learner", "one run", "runs not kept", "horizons", "yardsticks", "rounding below zero", "many"],
)
def test_datasets_of_every_shape_have_a_page(settings):
    Reader(page(results(**settings), "x"))


def test_one_run_claims_no_certainty():
    (row, _) = Reader(page(results(runs=1, games=1), "x")).table("learner", "regret")
    assert row["regret"] == "7.943"
    assert row["growth exponent (95%)"] == "0.30"
    assert "one run does not tell" in page(results(runs=1, games=1), "x")


def test_intervals_without_runs_are_marked():
    (row, _) = Reader(page(results(keep_runs=False), "x")).table("learner", "growth exponent (95%)")
    assert row["growth exponent (95%)"].endswith("*")


def test_a_folder_without_a_finished_cell_has_a_page():
    data = results(missing=lambda labels: True, attrs={"missing": json.dumps(["a", "b"])})
    text = page(data, "x")
    assert "No cell is finished yet" in text
    assert "2 cells missing" in text


def test_a_failed_cell_is_not_missing_besides():
    cell = {"learner": "oful"}
    told = {"missing": json.dumps([cell]), "failed": json.dumps([{"cell": cell, "error": "no"}])}
    text = page(results(attrs=told), "x")
    assert "not complete: 1 cell failed." in text
    assert text.count("learner = oful") == 1


def test_a_hyperparameter_of_one_learner_is_compared_with_the_one_cell_of_the_reference():
    data = results({"radius": [0.1, 1.0]}, attrs={"lacks": '{"erm_joint": ["radius"]}'})
    read = Reader(page(data, "x"))
    assert [row["radius"] for row in read.table("radius", "difference in regret")] == ["0.1", "1"]
    assert [row["radius"] for row in read.table("radius", "learner", "regret")] == ["-", "0.1", "1"]
    read = Reader(page(data, "x", reference="region_ucb"))
    compared = read.table("radius", "learner", "difference in regret")
    assert [(row["radius"], row["learner"]) for row in compared] == [("0.1", "erm_joint"), ("1", "erm_joint")]
    # A cell that is still to come is compared with nobody.
    data = results(
        {"radius": [0.1, 1.0]}, missing=lambda at: (at["learner"], at["radius"]) == ("erm_joint", 1.0)
    )
    read = Reader(page(data, "x"))
    assert [row["radius"] for row in read.table("radius", "difference in regret")] == ["0.1"]


def test_learners_that_skip_ahead_are_not_compared():
    learners = ("erm_joint", "region_ucb", "uniform")
    data = results(learners=learners).assign_coords(skips_ahead=("learner", [True, False, False]))
    text = page(data, "x")
    assert "Compared with region_ucb on the same draws" in text
    assert [row["learner"] for row in Reader(text).table("difference in regret")] == ["uniform"]
    assert "Not compared, since skipping ahead draws by itself: erm_joint" in text
    assert "on the same draws" not in page(data.sel(learner=["erm_joint"]), "x")
    with pytest.raises(ValueError, match=r"erm_joint skips ahead.*Take another reference"):
        page(data, "x", reference="erm_joint")


def test_curves_are_drawn_at_every_place_of_the_grid():
    data = results({"correlation": [0.0, 0.5, 1.0], "horizon": [100, 200]})
    text = page(data, "x")
    assert "Curves at other places of the grid" in text
    for correlation in ("0", "0.5", "1"):
        place = f"correlation = {correlation}, horizon = 200"
        assert f"Regret against rounds, logarithmic axes at {place}" in text
    assert (
        text.count("Regret against rounds, logarithmic axes at ") == 2 * 3
    )  # captions and texts for readers
    assert "Curves at other places" not in page(results(), "x")


def test_regions_are_drawn_of_games_that_the_spec_makes():
    spec = '[[scenario]]\nkind = "random"\nname = "toy"\ngames = 2\nnum_leader_actions = {}\n'
    drawn = "Best-response regions and the optimum of the first game (L = 3"
    assert drawn in page(results(attrs={"spec": spec.format(3)}), "x")
    for unknown in (spec.format(4), spec.format(3).replace("toy", "other"), "no spec ["):
        assert "Best-response regions" not in page(results(attrs={"spec": unknown}), "x")


def test_long_tables_and_many_pictures_are_cut_and_say_so(monkeypatch):
    monkeypatch.setattr(pieces, "MAX_ROWS", 5)
    monkeypatch.setattr(pieces, "FOLDED", 4)
    monkeypatch.setattr(pictures, "MAX_PICTURES", 1)
    text = page(results({"seed": list(range(6))}), "x")
    assert "5 of 12 rows; jaxstack.load_results gives all" in text
    assert "<details><summary>5 rows</summary>" in text
    assert text.count("<img") == 1
    assert "Not drawn (the page has 1 pictures): Final regret against seed" in text
