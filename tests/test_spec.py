"""The run spec: defaults, errors that name file and key, and TOML that reads back."""

import pytest

from jaxstack.sweeps import RunSettings, Spec, default_spec, load_spec, spec_of_game_file
from jaxstack.sweeps.spec import parse_spec

pytestmark = pytest.mark.once

SMALL = """
[run]
horizon = 50
runs = 4
learners = ["erm_joint"]

[[scenario]]
kind = "random"
games = 2
num_types = 2
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="mine.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refusal(path):
    with pytest.raises(ValueError, match=r".") as caught:
        load_spec(path)
    return str(caught.value)


def test_built_in_spec_plays_all_four_learners_on_three_scenarios():
    spec = default_spec()
    assert spec.run.learners == ["erm_joint", "erm_product", "region_ucb", "oful"]
    assert (spec.run.horizon, spec.run.runs) == (10_000, 200)
    problems = [scenario.build(spec.run) for scenario in spec.scenario]
    assert [problem.game.num_games for problem in problems] == [8, None, None]
    assert [problem.ties for problem in problems] == ["optimistic", "robust", "optimistic"]
    random, hard, security = (problem.game for problem in problems)
    assert (random.num_leader_actions, random.num_followers, random.num_types, random.num_actions) == (
        3,
        2,
        3,
        2,
    )
    assert hard.num_leader_actions == 3
    assert security.num_leader_actions == len(problems[2].leader_names)


def test_keys_reach_the_games(write):
    spec = load_spec(write(SMALL))
    assert spec.run == RunSettings(horizon=50, runs=4, learners=["erm_joint"])
    problem = spec.scenario[0].build(spec.run)
    assert (problem.name, problem.game.num_games, problem.game.num_types) == ("random", 2, 2)
    assert problem.ties == "optimistic"


def test_games_of_a_batch_have_consecutive_seeds(write):
    def follower(seed, games):
        text = SMALL.replace("games = 2", f"games = {games}\nseed = {seed}")
        spec = load_spec(write(text))
        return spec.scenario[0].build(spec.run).game.follower

    assert (follower(seed=7, games=2)[1] == follower(seed=8, games=1)).all()


def test_hard_family_takes_its_bias_from_the_horizon_of_the_run(write):
    spec = load_spec(write("[run]\nhorizon = 200\n[[scenario]]\nkind = 'hard'\nnum_decisions = 2\n"))
    # epsilon = sqrt(2 / 200) = 0.1, and P(0, +) = (1 + epsilon) / 4
    assert spec.scenario[0].build(spec.run).types.probabilities[0, 0] == pytest.approx(0.275)
    longer = spec.replace_run(horizon=800)
    assert longer.scenario[0].build(longer.run).types.probabilities[0, 0] == pytest.approx(0.2625)


def test_worked_examples_take_parameters(write):
    text = "[[scenario]]\nkind = 'security_patrol'\nparameters = {arrest_value = 0.0}\n"
    spec = load_spec(write(text))
    plain = default_spec().scenario[2].build(spec.run).game.leader.table
    changed = spec.scenario[0].build(spec.run).game.leader.table
    assert changed.max() < plain.max()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("horizon", "horizn", "[run], key 'horizn': unknown key. Did you mean 'horizon'?"),
        ("num_types", "num_tipes", "scenario 1, key 'num_tipes': unknown key. Did you mean 'num_types'?"),
        ('"random"', '"randm"', "scenario 1: unknown kind 'randm'. Did you mean 'random'?"),
        ('kind = "random"\n', "", "scenario 1: key 'kind' is missing"),
        ('"erm_joint"', '"erm_jont"', "Unknown learner 'erm_jont'. Did you mean 'erm_joint'?"),
        ('["erm_joint"]', '["oful", "oful"]', "a learner is named twice"),
        ("[run]", "[rnu]", "key 'rnu': unknown key. Did you mean 'run'?"),
        ("runs = 4", "runs = 0", "[run], key 'runs': must be greater than or equal to 1, but 0 arrived"),
        ("runs = 4", "runs = '4'", "[run], key 'runs': must be a valid integer, but '4' arrived"),
        ("runs = 4", "runs = true", "[run], key 'runs': must be a valid integer, but True arrived"),
        ("num_types = 2", "payoff = 'tabluar'", "but 'tabluar' arrived. Did you mean 'tabular'?"),
        ("num_types = 2", "ties = 'robst'", "but 'robst' arrived. Did you mean 'robust'?"),
        ("num_types = 2", "num_types = []", "key 'num_types': is an empty list"),
        ("num_types = 2", "num_types = [2, 0]", "key 'num_types': must be greater than or equal to 1, but 0"),
        ("num_types = 2", "num_types = [2, 2.5]", "key 'num_types': must be a valid integer, but 2.5 arr"),
        ("num_types = 2", "num_types = [2, 3, 2]", "key 'num_types': 2 is there 2 times"),
        ("runs = 4", "runs = ", "not valid TOML"),
    ],
)
def test_mistakes_name_the_file_and_the_key(write, old, new, expected):
    path = write(SMALL.replace(old, new))
    message = refusal(path)
    assert message.startswith(f"{path}: ")
    assert expected in message


def test_every_mistake_of_a_file_is_told_at_once(write):
    message = refusal(write(SMALL.replace("runs", "rnus").replace("games", "gaems")))
    assert "'rnus'" in message
    assert "'gaems'" in message
    assert len(message.splitlines()) == 2


def test_parameters_of_worked_examples_are_known_ones(write):
    message = refusal(write("[[scenario]]\nkind = 'security_patrol'\nparameters = {efort = 1.0}\n"))
    assert "unknown parameter 'efort'. Did you mean 'effort'?" in message


def test_two_scenarios_of_one_name_are_refused(write):
    assert "2 scenarios are called 'random'" in refusal(write(SMALL + "\n[[scenario]]\nkind = 'random'\n"))


def test_a_file_without_scenarios_is_refused(write):
    assert "key 'scenario': is missing" in refusal(write("[run]\nruns = 4\n"))


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "not a text file in UTF-8" in refusal(path)


def test_paths_are_relative_to_the_spec(write, tmp_path):
    spec = load_spec(write("[[scenario]]\nkind = 'file'\npath = 'games/patrol.json'\n"))
    assert spec.scenario[0].path == str(tmp_path / "games" / "patrol.json")
    assert spec.scenario[0].title == "patrol"


def test_what_is_written_reads_back_equal(write):
    awkward = 'a "quoted" name \\ with umlauts äöü'
    text = SMALL.replace("games = 2", f"games = 2\nname = '{awkward}'\ncorrelation = 1e-05")
    text += "\n[[scenario]]\nkind = 'security_patrol'\nparameters = {penalty = [1.0, 2.0, 3.5]}\n"
    for spec in (load_spec(write(text)), default_spec(), spec_of_game_file("patrol.npz")):
        assert load_spec(write(spec.to_toml(), "again.toml")) == spec


def test_settings_of_the_command_line_replace_and_are_checked():
    spec = default_spec().replace_run(runs=3, horizon=None)
    assert (spec.run.runs, spec.run.horizon) == (3, 10_000)
    assert isinstance(spec, Spec)
    with pytest.raises(ValueError, match="command line: key 'horizon': must be greater than or equal to 1"):
        spec.replace_run(horizon=0)


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("hidden_parity", "L=3, n=3, K=4, A=2"),
        ("coverage", "L=7, n=1, K=2, A=6"),
        ("museum_patrol", "L=5, n=2, K=(2, 3), A=(4, 3)"),
        ("audit", "L=4, n=2, K=3, A=4"),
        ("moving_target", "L=4, n=2, K=2, A=(2, 4)"),
    ],
)
def test_kinds_of_games(kind: str, sizes: str) -> None:
    spec = parse_spec(f"[[scenario]]\nkind = '{kind}'\n", "mine")
    problem = spec.scenario[0].build(spec.run)
    assert problem.game.sizes == sizes
    assert parse_spec(spec.to_toml(), "again") == spec


def test_parameters_of_unequal_followers_are_lists_of_unequal_length() -> None:
    text = "[[scenario]]\nkind = 'museum_patrol'\n[scenario.parameters]\ncaught = [[1.0, 2.0], [3, 4, 5]]\n"
    spec = parse_spec(text, "mine")
    game = spec.scenario[0].build(spec.run).game
    assert game.follower[1, 2, 2, 1] == -5 - 5
