"""Pictures: what they show, in figures that belong to nobody but the caller."""

import types as namespaces

import numpy as np
import pytest
from matplotlib.collections import LineCollection, TriMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import jaxstack as js
from jaxstack import enumerate_regions, plots
from jaxstack.distributions import IndependentTypes
from jaxstack.game import Game, stack
from jaxstack.plots import by_region
from jaxstack.plots.style import LEARNER_STYLES, line_styles
from jaxstack.results import cells_of
from tests.datasets import results

pytestmark = pytest.mark.once


def curve(learner, level=1.0, power=0.5, games=None, runs=None):
    rounds = np.array([1, 10, 100, 1000])
    mean = level * rounds**power
    if games is not None:
        mean = np.stack([mean * (g + 1) for g in range(games)])
    return namespaces.SimpleNamespace(
        learner=learner,
        rounds=rounds,
        mean=mean,
        stderr=0.1 * mean,
        regret=runs,
        num_runs=4,
    )


def texts(figure):
    """Everything written in a figure."""
    found = [figure.get_suptitle()]
    for legend in figure.legends:
        found += [text.get_text() for text in legend.get_texts()]
    for axes in figure.axes:
        found += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
        found += [text.get_text() for text in axes.texts]
    return " | ".join(found)


def two_action_game():
    """One follower plays 1 when x_0 <= 0.25; u = 1 for (0, 0), 0.6 for action 1, else 0."""
    follower = np.zeros((1, 1, 2, 2))
    follower[0, 0, :, 0] = [0.75, -0.25]  # action 0 is worth x_0 - 0.25
    return Game([[1.0, 0.6], [0.0, 0.6]], follower), IndependentTypes([[1.0]])


def three_action_game(num_types=1):
    """The follower prefers action 1 when x_2 >= 1/2, which pays the leader 2 - l; action 0 pays 0."""
    follower = np.zeros((1, num_types, 3, 2))
    follower[..., 1] = [-0.5, -0.5, 0.5]
    return Game([[0.0, 2.0], [0.0, 1.0], [0.0, 0.0]], follower), IndependentTypes(
        [[1 / num_types] * num_types]
    )


def test_curves_have_labels_bands_and_both_scales():
    figure = plots.regret_curves([curve("erm_joint"), curve("oful", 3, 0.8)], np.sqrt, "two learners")
    assert isinstance(figure, Figure)
    linear, logarithmic = figure.axes
    assert (linear.get_xscale(), linear.get_yscale()) == ("linear", "linear")
    assert (logarithmic.get_xscale(), logarithmic.get_yscale()) == ("log", "log")
    for axes, lines in zip(figure.axes, (2, 3), strict=True):  # the guide would take half of the linear panel
        assert len(axes.lines) == lines
        assert len(axes.collections) == 2  # bands
        assert axes.get_xlabel() == "round $T$"
    assert linear.get_ylabel() == "cumulative expected regret\n(payoff units)"
    for expected in ("two learners", "erm_joint", "oful", "shape only", "± 2 standard errors over draws"):
        assert expected in texts(figure)


def test_guide_has_the_shape_of_the_bound_above_the_data():
    figure = plots.regret_curves([curve("erm_joint", level=7.0)], np.sqrt)
    guide = figure.axes[1].lines[-1].get_ydata()
    assert guide / guide[0] == pytest.approx(np.sqrt([1, 10, 100, 1000]))
    assert guide[-1] > 7.0 * np.sqrt(1000)


def test_bands_are_two_standard_errors():
    figure = plots.regret_curves([curve("erm_joint")])
    heights = figure.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(1.2 * np.sqrt(1000))


def test_a_learner_keeps_its_style_in_any_company():
    together = plots.regret_curves([curve("erm_joint"), curve("oful")]).axes[0].lines[1]
    alone = plots.regret_curves([curve("oful")]).axes[0].lines[0]
    assert together.get_color() == alone.get_color()
    assert together.get_linestyle() == alone.get_linestyle()
    names = list(LEARNER_STYLES)
    lines = plots.regret_curves([curve(name) for name in names]).axes[0].lines
    assert len({to_hex(line.get_color()) for line in lines}) == len(names)
    assert len({line.get_marker() for line in lines}) == len(names)


def test_zero_regret_and_one_run_draw():
    nothing = curve("oracle", level=0.0)
    nothing.stderr[:] = np.nan
    figure = plots.regret_curves([nothing], np.sqrt)
    figure.draw_without_rendering()
    assert figure.axes[1].get_yscale() == "linear"  # zero has no logarithm


def test_no_curves_is_an_error():
    with pytest.raises(ValueError, match="at least one curve"):
        plots.regret_curves([])


def test_curves_of_a_dataset_are_its_means_with_the_theorems_rate():
    data = results(learners=("erm_joint", "region_ucb", "oracle"), games=2)
    figure = plots.regret_curves(data, title="$no formula$ {")
    figure.draw_without_rendering()
    linear, logarithmic = figure.axes
    erm, ucb, oracle = linear.lines
    guide = logarithmic.lines[-1]
    rounds = data["round"].values
    assert erm.get_xdata() == pytest.approx(rounds)
    assert erm.get_ydata() == pytest.approx(1.5 * rounds**0.3)  # average of the two games' 1 and 2
    assert ucb.get_ydata() == pytest.approx(4.5 * rounds**0.8)
    assert not oracle.get_ydata().any()
    assert guide.get_ydata() / guide.get_ydata()[0] == pytest.approx(np.sqrt(rounds / rounds[0]))
    assert len(logarithmic.lines[2].get_xdata()) == 0  # zero has no logarithm
    for expected in (
        "erm_joint",
        "region_ucb",
        "oracle (0: not on logarithmic axes)",
        "theorems' rate",
        "$no formula$ {",
    ):
        assert expected in texts(figure)
    assert len(plots.regret_curves(data, bound=False).axes[0].lines) == 3
    yardsticks = results(learners=("uniform", "oracle"))
    assert len(plots.regret_curves(yardsticks).axes[0].lines) == 2, "no theorem, no guide"


def test_curves_of_several_horizons_end_where_they_end():
    data = results({"horizon": [10, 1000]}, learners=("oful",))
    (panel,) = plots.regret_curves(data, lines="horizon", scales=("log",)).axes
    assert [line.get_xdata()[-1] for line in panel.lines[:2]] == [10, 1000]
    assert [line.get_label() for line in panel.lines[:2]] == ["horizon = 10", "horizon = 1,000"]
    assert not np.isnan(panel.lines[0].get_ydata()).any()


def test_curves_of_arrays_and_of_one_curve():
    runs = np.array([[1.0, 3.0, 5.0], [3.0, 5.0, 7.0]])
    linear = plots.regret_curves({"mine": ([1, 2, 3], runs), "other": ([1, 2], [1, 1])}).axes[0]
    assert linear.lines[0].get_ydata() == pytest.approx([2, 4, 6])
    assert linear.lines[1].get_ydata() == pytest.approx([1, 1])
    band = linear.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(6 + 2)  # the runs differ by 2: standard error 1
    assert plots.regret_curves(curve("oful")).axes[0].lines[0].get_label() == "oful"
    with pytest.raises(ValueError, match=r"line 'mine' needs x \[X\] .* shapes \(2,\) and \(3,\)"):
        plots.regret_curves({"mine": ([1, 2], [1, 2, 3])})


def test_an_axis_that_is_not_there_is_named_with_those_that_are():
    data = results({"correlation": [0.0, 0.5]})
    known = r" Did you mean 'correlation'\? Axes: scenario, learner, correlation"
    for draw in (
        lambda: plots.regret_curves(data, lines="corelation"),
        lambda: plots.final_regret(data, "corelation"),
        lambda: plots.heat_map(data, "corelation", "learner"),
    ):
        with pytest.raises(ValueError, match=f"no axis 'corelation'\\.{known}"):
            draw()


def test_an_axis_that_is_not_drawn_must_be_selected():
    data = results({"correlation": [0.0, 0.5]})
    message = r"axis 'correlation' has 2 labels \(0, 0.5\) .*dataset.sel\(correlation=0.0\)"
    with pytest.raises(ValueError, match=message):
        plots.regret_curves(data)
    plots.regret_curves(data.sel(correlation=0.5))
    panel = plots.regret_curves(data, lines=("learner", "correlation")).axes[0]
    labels = [line.get_label() for line in panel.lines]
    assert labels[:2] == ["erm_joint, correlation = 0", "erm_joint, correlation = 0.5"]
    with pytest.raises(
        ValueError, match=r"not a dataset of results: it lacks mean\. .*jaxstack.load_results"
    ):
        plots.regret_curves(data.drop_vars("mean"))
    with pytest.raises(ValueError, match="nothing to draw"):
        plots.regret_curves(results(missing=lambda labels: True))


def test_a_hyperparameter_of_one_learner_needs_no_selection_for_the_others():
    data = results(
        {"radius": [0.1, 1.0]}, missing=lambda at: at["learner"] == "erm_joint" and at["radius"] == 1.0
    )
    panel = plots.regret_curves(data, lines=("learner", "radius")).axes[0]
    labels = [line.get_label() for line in panel.lines[:3]]
    assert labels == ["erm_joint", "region_ucb, radius = 0.1", "region_ucb, radius = 1"]


def test_final_regret_against_a_numeric_axis():
    data = results({"horizon": [100, 1000, 10_000]}, learners=("oful", "uniform"), games=1)
    figure = plots.final_regret(data, "horizon", title="growth")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlabel() == "horizon $T$ (rounds)"
    assert "payoff units" in axes.get_ylabel()
    oful, uniform = (container.lines[0] for container in axes.containers)
    assert oful.get_xdata() == pytest.approx([100, 1000, 10_000])
    assert oful.get_ydata() == pytest.approx(2.0 * np.array([100, 1000, 10_000]) ** 0.6)
    assert uniform.get_ydata() == pytest.approx([500, 5000, 50_000])
    (bars,) = axes.containers[0].lines[2]
    deviation = 0.2 * np.linspace(-1, 1, 8).std(ddof=1) / np.sqrt(8)
    low, high = bars.get_segments()[2][:, 1]
    assert (high - low) / 4 == pytest.approx(2.0 * 10_000**0.6 * deviation)
    guides = [line for line in axes.lines if line.get_zorder() == 1.5]
    assert len(guides) == 1, "a yardstick has no theorem"
    assert guides[0].get_ydata()[-1] == pytest.approx(oful.get_ydata()[-1])
    assert guides[0].get_ydata()[0] / guides[0].get_ydata()[-1] == pytest.approx(0.1)  # sqrt(100 / 10,000)
    assert "theorem's rate, scaled to the last point" in texts(figure)


def test_final_regret_leaves_a_gap_where_a_cell_is_missing():
    data = results(
        {"correlation": [0.0, 0.5, 1.0]},
        missing=lambda at: at["learner"] == "region_ucb" and at["correlation"] == 0.5,
    )
    (axes,) = plots.final_regret(data, "correlation").axes
    assert np.isnan(axes.containers[1].lines[0].get_ydata()).tolist() == [False, True, False]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "0.5", "1"]


def test_final_regret_against_names_stands_side_by_side():
    data = results(scenarios=("a", "<script>$x^$</script>"), learners=("erm_joint", "oracle"), runs=1)
    figure = plots.final_regret(data, "scenario")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    erm, oracle = (container.lines[0] for container in axes.containers)
    assert erm.get_linestyle() == "None"
    assert (erm.get_xdata() < [0, 1]).all()
    assert (oracle.get_xdata() > [0, 1]).all()
    with pytest.raises(ValueError, match="axis 'scenario' is drawn twice"):
        plots.final_regret(data, "scenario", lines="scenario")


def test_zero_among_regrets_of_many_sizes_is_seen():
    data = results({"horizon": [10, 100_000]}, learners=("uniform", "oracle"))
    (axes,) = plots.final_regret(data, "horizon").axes
    assert axes.get_yscale() == "symlog"
    noisy = results({"correlation": [0.0, 1.0]}, level=lambda at: -1e-12)  # rounding below zero
    plots.final_regret(noisy, "correlation").draw_without_rendering()
    plots.regret_curves(noisy.sel(correlation=0.0)).draw_without_rendering()


def test_final_regret_of_arrays():
    (axes,) = plots.final_regret({"mine": ([1, 2, 4], [[1.0, 2, 3], [3, 4, 5]])}, "size").axes
    assert axes.containers[0].lines[0].get_ydata() == pytest.approx([2, 3, 4])
    assert axes.get_xlabel() == "size"
    with pytest.raises(ValueError, match="empty mapping"):
        plots.final_regret({})


def test_heat_map_shows_every_cell_and_what_is_missing():
    data = results(
        {"num_types": [2, 3], "num_followers": [1, 2, 4]},
        games=1,
        level=lambda at: at["num_types"] * at["num_followers"],
        missing=lambda at: at["num_types"] == 3 and at["num_followers"] == 4,
    )
    figure = plots.heat_map(data, "num_followers", "num_types", title="sizes")
    figure.draw_without_rendering()
    erm, ucb, bar = figure.axes
    assert [erm.get_title(), ucb.get_title()] == ["erm_joint", "region_ucb"]
    field = np.ma.filled(erm.collections[0].get_array(), np.nan).reshape(2, 3)
    assert field / 1000**0.3 == pytest.approx(np.array([[2, 4, 8], [3, 6, np.nan]]), nan_ok=True)
    assert len(erm.texts) == 5
    assert "no result" in texts(figure)
    assert "payoff units" in bar.get_xlabel()
    assert erm.get_xlabel() == "followers $n$"
    one = data.sel(learner="region_ucb")
    panel, _ = plots.heat_map(one, "num_types", "num_followers", quantity="growth_exponent").axes
    exponents = panel.collections[0].get_array().compressed()
    assert exponents == pytest.approx(np.full(5, 0.8))


def test_heat_map_of_an_array():
    import xarray as xr

    array = xr.DataArray(
        np.arange(6.0).reshape(2, 3), {"b": ["x", "y"], "a": [1, 2, 3]}, name="cost", attrs={"units": "s"}
    )
    axes, bar = plots.heat_map(array, "a", "b").axes
    assert axes.collections[0].get_array().compressed() == pytest.approx(np.arange(6))
    assert bar.get_xlabel() == "cost (s)"
    with pytest.raises(ValueError, match="needs an array with these dimensions, but it has b, a"):
        plots.heat_map(array, "a", "c")
    with pytest.raises(ValueError, match="axis 'a' is drawn twice"):
        plots.heat_map(array, "a", "a")
    with pytest.raises(ValueError, match=r"unknown quantity 'regret'\. Known: final_regret"):
        plots.heat_map(results(), "scenario", "learner", quantity="regret")


def test_no_two_lines_of_a_picture_look_alike():
    names = [*LEARNER_STYLES, "mine", "yours", "theirs", "oful, radius = 0.1"]
    assert len({marker for _, _, marker in line_styles(names)}) == len(names)
    assert len(line_styles([f"mine {number}" for number in range(40)])) == 40  # more than there are styles
    shades = [to_hex(colour) for colour, _, _ in line_styles([1, 2, 3, 4, 5], ordered=True)]
    assert len(set(shades)) == 5


def test_a_learner_from_outside_keeps_its_style_in_any_company():
    (alone,) = line_styles(["mine"])
    for company in (["erm_joint", "mine"], ["oracle", "mine", *LEARNER_STYLES], ["mine", "yours", "theirs"]):
        styles = dict(zip(company, line_styles(company), strict=True))
        assert styles["mine"] == alone
        assert len(set(styles.values())) == len(styles)
    assert len({line_styles([name])[0] for name in ("mine", "yours", "hers", "his", "ours", "its")}) > 2


def test_visits_are_shares_of_rounds():
    runs = np.array([[0, 0, 1, 1, 1, 1, 1, 1], [0, 2, 1, 1, 1, 1, 1, 1]])
    figure = plots.region_visits(runs, title="where it plays")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    areas = {patch.get_label(): patch.get_data() for patch in axes.patches}
    share = {label: np.asarray(data.values) - np.asarray(data.baseline) for label, data in areas.items()}
    assert areas["region 1"].edges.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert share["region 0"] == pytest.approx([1, 0.5, 0, 0, 0, 0, 0, 0])
    assert share["region 2"] == pytest.approx([0, 0.5, 0, 0, 0, 0, 0, 0])
    assert sum(share.values()) == pytest.approx(np.ones(8))
    assert axes.get_ylabel() == "share of rounds, 2 runs"
    assert axes.get_xlabel() == "round $t$"


def test_rarely_visited_regions_are_drawn_as_one():
    figure = plots.region_visits(np.arange(9), max_regions=2)
    assert [patch.get_label() for patch in figure.axes[0].patches] == [
        "region 0", "region 1", "7 other regions",
    ]  # fmt: skip
    tops = np.asarray(figure.axes[0].patches[-1].get_data().values)
    assert tops == pytest.approx(np.ones(9))


def test_visits_of_a_played_run_name_the_region_of_the_optimum():
    import jax

    game, types = three_action_game()
    table = enumerate_regions(game)
    trace = js.play(jax.random.key(0), game, types, js.learners.oracle(), horizon=50, table=table)
    figure = plots.region_visits(trace, table, js.solve(game, types, table=table))
    assert f"region {trace.region[0]} (optimum)" in texts(figure)
    with pytest.raises(ValueError, match=r"region 99 was played, but the table has \d+ regions"):
        plots.region_visits([99], table)


@pytest.mark.parametrize(
    ("traces", "message"),
    [
        ([], "needs runs of one length"),
        ([[0, 1], [0]], r"shapes \[\(1,\), \(2,\)\]"),
        ([-1, 0], "whole numbers from 0"),
        ([0.5], "whole numbers from 0"),
    ],
)
def test_visits_that_are_none_are_refused(traces, message):
    with pytest.raises(ValueError, match=message):
        plots.region_visits(traces)


def test_cells_of_a_dataset_draw_like_the_dataset():
    data = results()
    ours, theirs = plots.regret_curves(cells_of(data)), plots.regret_curves(data)
    assert texts(ours) == texts(theirs)


def test_triangle_is_coloured_by_the_utility_of_each_region():
    game, types = three_action_game()
    table = enumerate_regions(game)
    solution = namespaces.SimpleNamespace(commitment=np.array([0.5, 0.0, 0.5]), value=1.0)
    path = np.array([[1.0, 0, 0], [0, 1, 0], [0.5, 0, 0.5], [0.5, 0, 0.5]])
    figure = plots.regions(
        game, types, table, solution, path, names=["north", "south", "harbour"], title="ports"
    )
    figure.draw_without_rendering()
    axes = figure.axes[0]
    (mesh,) = (artist for artist in axes.collections if isinstance(artist, TriMesh))
    values = np.asarray(mesh.get_array())
    assert (values.min(), values.max()) == pytest.approx((0.0, 1.0))
    # Where x_2 < 1/2 the leader gets 0, and nothing in between bleeds across the border.
    heights = np.array([mesh._triangulation.x, mesh._triangulation.y])[1]
    below = heights < np.sqrt(3) / 4 - 1e-9
    assert np.abs(values[below]).max() < 1e-12
    for expected in ("north", "south", "harbour", "ports", "$U_D(x^*)$ = 1", "first round", "last round"):
        assert expected in texts(figure)
    assert "leader's expected utility $U_D(x)$ (payoff units)" in texts(figure)
    stars = [artist for artist in axes.collections if "optimum" in str(artist.get_label())]
    # Halfway between the corner at (0, 0) and the top at (1/2, sqrt(3) / 2).
    assert np.asarray(stars[0].get_offsets())[0] == pytest.approx([0.25, np.sqrt(3) / 4])


def test_regions_tell_how_followers_answer_away_from_the_star():
    # Action 1 where x_0 <= 1/4; the leader likes neither.
    game = js.Game([[1.0, 0.6], [0.0, 0.6]], [[[[0.75, 0.0], [-0.25, 0.0]]]])
    types = js.IndependentTypes([[1.0]])
    table = js.enumerate_regions(game)
    assert "0 | 1" in " | ".join(
        sorted(t.get_text() for t in plots.regions(game, types, table).axes[0].texts)
    )
    game, types = js.scenarios.security_patrol()
    table = js.enumerate_regions(game)
    solution = js.solve(game, types, table=table)
    axes = plots.regions(game, types, table, solution).axes[0]
    written = {t.get_text(): np.array(t.get_position()) for t in axes.texts if t.get_text()[0].isdigit()}
    responses = {" ".join("".join(map(str, own)) for own in W) for W in table.responses}
    assert len(written) > 4
    assert set(written) <= responses
    star = np.asarray(solution.commitment) @ np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])
    assert min(np.linalg.norm(place - star) for place in written.values()) > 0.08
    many = js.scenarios.random_game(0, 3, 4, 4, 2)  # 16 follower types: no room for words
    figure = plots.regions(*many, js.enumerate_regions(many[0]))
    assert "digits" not in texts(figure)


def test_words_are_never_broken():
    wrapped = plots.style.wrapped
    assert wrapped("num_leader_actions", 14) == "num_leader_\nactions"
    assert wrapped("correlation of types (0 none)", 14) == "correlation of\ntypes (0 none)"
    assert wrapped("incomprehensibilities", 5) == "incomprehensibilities"


def test_colours_are_stretched_where_most_of_the_set_is_as_good_as_the_optimum():
    game, types = js.scenarios.security_patrol()
    table = js.enumerate_regions(game)
    figure = plots.regions(game, types, table, js.solve(game, types, table=table))
    figure.draw_without_rendering()
    mesh = next(c for c in figure.axes[0].collections if c.get_array() is not None)
    assert mesh.norm(np.median(mesh.get_array().filled())) < 0.6  # 0.8 on an even scale
    ticks = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert "\N{MINUS SIGN}6" in ticks
    places = mesh.norm([float(tick.replace("\N{MINUS SIGN}", "-")) for tick in ticks])
    assert (np.abs(np.diff(places)) > 0.05).all()  # labels do not collide
    assert "\N{MINUS SIGN}3.665" in texts(figure)


@pytest.mark.parametrize("num_leader", [2, 3])
def test_regions_are_told_by_their_responses(num_leader):
    """Follower 0 turns away where x_0 > 1/2; follower 1 has a type more, which always stays."""
    towards = np.array([[0.0, 1.0]] + [[1.0, 0.0]] * (num_leader - 1))
    stays = np.array([[1.0, 0.0, 0.0]] * num_leader)
    game = Game(js.SeparablePayoff(np.zeros((2, num_leader, 3))), [[towards], [stays, stays[:, ::-1]]])
    types = IndependentTypes([[1.0, 0.0], [0.5, 0.5]])
    words = [["home", "away"], ["boat", "plane", "train"]]
    told = texts(plots.regions(game, types, enumerate_regions(game), action_names=words))
    for line in ("home\nboat / train", "away\nboat / train"):
        assert line in told
    assert "boat / train" not in texts(plots.regions(game, types, enumerate_regions(game)))
    with pytest.raises(ValueError, match="must hold 3 names for follower 1, but 1 arrived"):
        plots.regions(game, types, enumerate_regions(game), action_names=[["home", "away"], ["boat"]])
    if num_leader == 3:  # long names have lines of their own; what does not fit is not written
        table, longer = enumerate_regions(game), [words[0], ["boat" * 9, "plane", "train" * 8]]
        told = texts(plots.regions(game, types, table, action_names=longer))
        assert told.count(f"{'boat' * 9} /\n{'train' * 8}") == 1  # of the two regions, the larger one


def test_moves_of_a_path_skip_rounds_without_a_move():
    game, types = three_action_game()
    stay = np.array([[1.0, 0, 0]] * 3 + [[0, 1.0, 0]] * 3)
    figure = plots.regions(game, types, enumerate_regions(game), path=stay)
    moves = [a for a in figure.axes[0].collections if isinstance(a, LineCollection) and a.get_zorder() == 5]
    assert len(moves[0].get_segments()) == 1
    assert np.asarray(moves[0].get_array()).tolist() == [4]  # arrived in round 4


def test_flat_region_shows_only_where_it_pays():
    # Indifferent on the edge x_0 = 0 alone, where action 1 pays the leader 1, or nothing.
    follower = np.zeros((1, 1, 3, 2))
    follower[0, 0, :, 0] = [1.0, 0.0, 0.0]
    for worth, drawn in ((1.0, 1), (-1.0, 0)):
        game, types = Game([[0.0, worth]] * 3, follower), IndependentTypes([[1.0]])
        table = enumerate_regions(game)
        assert table.full_dimensional.sum() == 1
        assert table.num_regions == 2
        cells = by_region._cells(game, types, table)
        assert len(cells.segments) == drawn
        assert cells.norm.vmin == 0
        plots.regions(game, types, table).draw_without_rendering()


def test_regions_that_coincide_show_the_better_one():
    # The follower never cares; action 0 pays (1, 0, 0) and action 1 pays (0, 1, 0).
    game = Game([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], np.zeros((1, 1, 3, 2)))
    (cell,) = by_region._cells(game, IndependentTypes([[1.0]]), enumerate_regions(game)).full
    assert cell.utility(np.array([[1, 0, 0], [0, 1, 0], [0.3, 0.6, 0.1]])) == pytest.approx([1.0, 1.0, 0.6])


def test_interval_is_piecewise_linear():
    game, types = two_action_game()
    solution = namespaces.SimpleNamespace(commitment=np.array([1.0, 0.0]), value=1.0)
    figure = plots.regions(game, types, enumerate_regions(game), solution, np.array([[1.0, 0], [0.25, 0.75]]))
    figure.draw_without_rendering()
    upper, lower = figure.axes
    pieces = sorted(line.get_xydata()[[0, -1]].tolist() for line in upper.lines if len(line.get_xydata()) > 2)
    pieces = [sorted(piece) for piece in pieces]
    assert pieces[0] == [pytest.approx([0, 0.6]), pytest.approx([0.25, 0.6])]
    assert pieces[1] == [pytest.approx([0.25, 0.25]), pytest.approx([1, 1])]
    assert lower.get_ylabel() == "round $t$"
    assert "probability of leader action 0" in lower.get_xlabel()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": ["a"]}, "names must have L = 3 entries"),
        ({"path": np.ones((4, 2))}, r"path must have shape \[T, L\] with L = 3"),
        ({"path": np.ones((0, 3))}, r"path must have shape \[T, L\] with L = 3"),
    ],
)
def test_names_and_paths_of_other_lengths_are_refused(change, message):
    game, types = three_action_game()
    with pytest.raises(ValueError, match=message):
        plots.regions(game, types, enumerate_regions(game), **change)


def test_sizes_that_have_no_picture_are_refused():
    game = Game(np.eye(4)[:, :2], np.zeros((1, 1, 4, 2)))
    with pytest.raises(ValueError, match=r"L = 2 or 3 leader actions, .* but this game has L = 4"):
        plots.regions(game, IndependentTypes([[1.0]]), enumerate_regions(game, ties="robust"))
    game, types = three_action_game()
    with pytest.raises(ValueError, match="regions draws one game"):
        plots.regions(stack([game]), stack([types]), enumerate_regions(stack([game])))


def tuned():
    """erm_joint has no radius: 1.5 * 1000^0.3 at all of them; region_ucb grows with it."""
    level = {"erm_joint": lambda at: 1.0, "region_ucb": lambda at: at["radius"]}
    return results(
        {"radius": [0.1, 0.3, 1.0]},
        level=lambda at: level[at["learner"]](at),
        attrs={"lacks": '{"erm_joint": ["radius"]}'},
    )


def test_a_learner_without_the_axis_is_a_reference_line():
    figure = plots.final_regret(tuned(), "radius")
    (axes,) = figure.axes
    (line,) = (line for line in axes.lines if line.get_label() == "erm_joint (without radius)")
    assert line.get_xdata() == [0, 1]  # in parts of the width: from side to side
    np.testing.assert_allclose(line.get_ydata(), 1.5 * 1000**0.3)
    assert to_hex(line.get_color()) == to_hex(LEARNER_STYLES["erm_joint"][0])
    assert [container.get_label() for container in axes.containers] == ["region_ucb"]  # points with bars
    (band,) = (patch for patch in axes.patches if patch.get_width() == 1)
    stderr = {
        cell.labels["radius"] if cell.learner == "region_ucb" else None: cell.final_stderr
        for cell in cells_of(tuned())
    }
    np.testing.assert_allclose(band.get_height(), 4 * stderr.pop(None))
    assert band.get_y() + band.get_height() / 2 == pytest.approx(line.get_ydata()[0])
    (bars,) = axes.containers
    heights = [np.ptp(bar[:, 1]) for bar in bars.lines[2][0].get_segments()]
    np.testing.assert_allclose(heights, 4 * np.array(list(stderr.values())))
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0.1", "0.3", "1"]
    assert "bars and bands: ± 2 standard errors" in texts(figure)
    assert "bands" not in texts(plots.final_regret(tuned().sel(learner=["region_ucb"]), "radius"))


def test_a_scenario_without_the_axis_is_a_reference_line():
    lacks = {"scenario_lacks": '{"patrol": ["followers"]}'}
    data = results({"followers": [1, 4]}, scenarios=("random", "patrol"), learners=("oful",), attrs=lacks)
    (axes,) = plots.final_regret(data, "followers", lines="scenario").axes
    assert [container.get_label() for container in axes.containers] == ["random"]
    assert "patrol (without followers)" in [line.get_label() for line in axes.lines]


def test_a_learner_without_the_axis_can_be_drawn_alone():
    (axes,) = plots.final_regret(tuned().sel(learner=["erm_joint"]), "radius").axes
    assert not axes.containers
    assert axes.lines[0].get_label() == "erm_joint (without radius)"


def test_heat_maps_show_who_lacks_an_axis_all_along_it():
    figure = plots.heat_map(tuned(), "radius", "scenario")
    assert "erm_joint (without radius) | " in texts(figure)
    assert "region_ucb (without" not in texts(figure)
    assert "no result" not in texts(figure)
    values = [text.get_text() for text in figure.axes[0].texts]
    assert values == ["11.9"] * 3


def test_curves_at_one_label_show_who_lacks_the_axis():
    for radius in (0.1, 1.0):
        figure = plots.regret_curves(tuned().sel(radius=radius), scales=("log",))
        assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == ["erm_joint", "region_ucb"]
