"""Pictures: what they show, in figures that belong to nobody but the caller."""

import types as namespaces

import numpy as np
import pytest
from matplotlib.collections import LineCollection, TriMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from jaxstack import enumerate_regions, plots
from jaxstack.distributions import IndependentTypes
from jaxstack.game import Game, stack


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
    for axes in figure.axes:
        assert len(axes.lines) == 3  # two learners and the guide
        assert len(axes.collections) == 2  # bands
        assert axes.get_xlabel() == "round $T$"
    assert linear.get_ylabel() == "cumulative expected regret\n(payoff units)"
    for expected in ("two learners", "erm_joint", "oful", "shape only", "± 2 standard errors"):
        assert expected in texts(figure)


def test_guide_has_the_shape_of_the_bound_above_the_data():
    figure = plots.regret_curves([curve("erm_joint", level=7.0)], np.sqrt)
    guide = figure.axes[0].lines[-1].get_ydata()
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
    names = list(plots._STYLES)
    lines = plots.regret_curves([curve(name) for name in names]).axes[0].lines
    assert len({to_hex(line.get_color()) for line in lines}) == len(names)
    assert len({line.get_marker() for line in lines}) == len(names)


def test_a_batch_is_averaged_over_its_games():
    runs = np.zeros((2, 4, 4))
    runs[0, :, -1] = [1, 2, 3, 4]
    runs[1, :, -1] = [4, 3, 2, 1]  # opposite errors cancel within each run
    mean, stderr = plots.average_over_games(curve("oful", games=2, runs=runs))
    assert mean == pytest.approx(1.5 * np.sqrt([1, 10, 100, 1000]))
    assert stderr[-1] == 0
    mean, stderr = plots.average_over_games(curve("oful", games=2))
    assert stderr == pytest.approx(0.1 * mean)


def test_zero_regret_and_one_run_draw():
    nothing = curve("oracle", level=0.0)
    nothing.stderr[:] = np.nan
    figure = plots.regret_curves([nothing], np.sqrt)
    figure.draw_without_rendering()
    assert figure.axes[1].get_yscale() == "linear"  # zero has no logarithm


def test_no_curves_is_an_error():
    with pytest.raises(ValueError, match="at least one curve"):
        plots.regret_curves([])


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
        cells = plots._cells(game, types, table)
        assert len(cells.segments) == drawn
        assert cells.norm.vmin == 0
        plots.regions(game, types, table).draw_without_rendering()


def test_regions_that_coincide_show_the_better_one():
    # The follower never cares; action 0 pays (1, 0, 0) and action 1 pays (0, 1, 0).
    game = Game([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], np.zeros((1, 1, 3, 2)))
    (cell,) = plots._cells(game, IndependentTypes([[1.0]]), enumerate_regions(game)).full
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
    with pytest.raises(ValueError, match=r"L = 2 or 3 leader actions, but this game has L = 4"):
        plots.regions(game, IndependentTypes([[1.0]]), enumerate_regions(game, ties="robust"))
    game, types = three_action_game()
    with pytest.raises(ValueError, match="regions draws one game"):
        plots.regions(stack([game]), stack([types]), enumerate_regions(stack([game])))
