"""Broken input of every kind: the library raises an error that says what to do, the command prints it."""

import json
import os
import re
import warnings

import jax
import numpy as np
import pytest
from typer.testing import CliRunner

import jaxstack as js
from jaxstack import cli, memory, scenarios
from jaxstack.distributions import joint_probabilities, sample_types
from jaxstack.game import check_commitment
from jaxstack.sweeps import plan
from jaxstack.sweeps.spec import MAX_CELLS, load_spec, parse_spec

pytestmark = pytest.mark.once

REFUSALS = (ValueError, OSError, MemoryError)
ESCAPE = "\x1b[31m\x07\x9b2J"
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
DEEP: list = []
for _ in range(20_000):
    DEEP = [DEEP]

BROKEN = [
    None,
    True,
    3,
    -1,
    1.5,
    1j,
    np.nan,
    np.inf,
    10**400,
    "3",
    "",
    ESCAPE,
    b"3",
    [],
    [[]],
    {},
    {"a": 1},
    [[1], [2, 3]],
    DEEP,
    object(),
    np.array(["2020-01-01"], "M8[D]"),
    np.ma.array([0.5, 0.5], mask=[0, 1]),
    np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]),
    np.ones((2, 2, 2, 2), complex),
    np.ones((2, 2, 2, 2), bool),
    np.ones((2,) * 9),
    np.full((2, 2, 2, 2), np.nan),
]


@pytest.fixture(scope="module")
def valid():
    game, types = scenarios.random_game(1, num_followers=1, num_types=2)
    return game, types


def entries(valid):
    """Public entries, and a right value for every one of their arguments."""
    game, types = valid
    sizes = {"num_leader_actions": 2, "num_followers": 1, "num_types": 2, "num_actions": 2}
    return {
        js.TabularPayoff: {"table": [[1.0, 2.0]]},
        js.SeparablePayoff: {"table": [[[1.0, 2.0]]]},
        js.IndependentTypes: {"probabilities": [[0.5, 0.5]]},
        js.JointTypes: {"probabilities": [[0.5, 0.0], [0.0, 0.5]]},
        js.MixtureTypes: {"weights": [1.0], "probabilities": [[[0.5, 0.5]]]},
        js.MixtureTypes.correlated: {"marginals": [[0.5, 0.5]], "correlation": 0.5},
        js.Game: {"leader": [[1.0, 2.0]], "follower": [[[[1.0, 2.0]]]]},
        scenarios.random_game: {
            "seed": 0,
            **sizes,
            "payoff": "tabular",
            "types": "joint",
            "correlation": 0.5,
        },
        scenarios.hard_game: {"num_decisions": 2, "epsilon": 0.1, "num_followers": 1, "margin": 0.0},
        scenarios.security_patrol: {
            "coverage": [[0.5, 0.5]] * 3,
            "arrest_value": 1.0,
            "effort": [[1.0, 1.0]] * 2,
        },
        scenarios.toll_pricing: {"toll": [1.0, 2.0, 3.0], "congestion_cost": 1.0, "lost_trip_cost": 1.0},
        scenarios.feature_mix: {"enjoyment": np.ones((3, 3)), "hosting_cost": 0.1, "weights": [0.5, 0.5]},
        **sets_and_their_games(),
        sample_types: {"types": types, "num_rounds": 3},
        check_commitment: {"commitment": [0.5, 0.25, 0.25]},
        js.load_game: {"path": "no.json"},
        load_spec: {"path": "no.toml"},
        js.load_results: {"folder": "no"},
    }, {sample_types: {"key": jax.random.key(0)}, check_commitment: {"game": game}}


def sets_and_their_games():
    """The same for strategy sets, and for games on them or with unequal followers."""
    open_, met = [[[1.0, 2.0]]], [[[-1.0, -1.0]]]
    return {
        js.strategies.simplex: {"size": 3},
        js.strategies.box: {"low": [0.0, 0.0], "high": [1.0, 1.0]},
        js.strategies.budget: {"total": 3.0, "cost": [1.0, 2.0]},
        js.strategies.coverage: {"targets": 3, "resources": [1], "schedules": [[[0, 1], [2]]], "most": 1.0},
        js.strategies.product_of_simplices: {"sizes": [2, 2]},
        js.strategies.Polytope: {"G": [[1.0], [-1.0]], "h": [1.0, 0.0]},
        scenarios.coverage_game: {
            "resources": [1],
            "attacker_uncovered": open_,
            "attacker_covered": met,
            "leader_uncovered": met[0],
            "leader_covered": open_[0],
            "types": [[1.0]],
            "schedules": [[[0], [1]]],
        },
        scenarios.patrols: {"coverage": [0.5, 0.5]},
        scenarios.audit: {"most": [0.5] * 3, "cost": [1.0] * 3, "share": 0.5},
        scenarios.moving_target: {
            "works": [[[0.5, 0.5]]],
            "value": [[1.0]],
            "effort": [[[0.1]]],
            "damage": [1.0],
            "running": [1.0, 1.0],
            "type_probabilities": [[1.0]],
        },
        scenarios.museum_patrol: {
            "guards": 1.0,
            "rooms": [[0, 1]],
            "gain": [[[1.0, 2.0]]],
            "caught": [[1.0]],
            "loss": [[[1.0, 2.0]]],
            "arrest": 1.0,
            "type_probabilities": [[1.0]],
        },
    }


# Numbers that are right for some argument, whatever it is called.
FINE = {
    "seed": (3, 10**400),
    "num_rounds": (3,),
    "num_leader_actions": (3,),
    "num_followers": (3,),
    "num_types": (3,),
    "num_actions": (3,),
    "num_decisions": (3,),
    "arrest_value": (3, -1, 1.5),
    "congestion_cost": (3, -1, 1.5),
    "lost_trip_cost": (3, -1, 1.5),
    "hosting_cost": (3, -1, 1.5),
    "size": (3,),
    "resources": (3, 1.5),
    "targets": (3,),
    "total": (3, 1.5),
    "share": (3, -1, 1.5),
    "guards": (3, 1.5),
    "arrest": (3, -1, 1.5),
}


def test_every_argument_of_the_library_refuses_what_is_broken(valid):
    known, fixed = entries(valid)
    tried = 0
    for entry, arguments in known.items():
        if not {"path", "folder"} & set(arguments):
            entry(**fixed.get(entry, {}), **arguments)
        for name in arguments:
            for number, value in enumerate(BROKEN):
                if type(value) in (int, float) and value in FINE.get(name, ()):
                    continue
                if name == "table" and isinstance(value, np.ndarray) and value.shape == (2,) * 9:
                    continue  # a game of eight followers
                if (
                    name == "probabilities"
                    and entry is js.JointTypes
                    and type(value) in (int, float)
                    and value == 1
                ):
                    continue
                tried += 1
                where = f"{entry.__name__}({name}=BROKEN[{number}])"
                try:
                    entry(**fixed.get(entry, {}), **(arguments | {name: value}))
                except REFUSALS as error:
                    message = str(error)
                    assert 10 < len(message) < 2000, where
                    continue
                except Exception as error:
                    pytest.fail(f"{where} raised {error!r}")
                pytest.fail(f"{where} was accepted")
    assert tried > 1400


def test_sizes_that_do_not_fit_are_refused_before_anything_is_made():
    with pytest.raises(
        MemoryError, match=r"1,000,000 decisions would take about 29.1 TiB, .* fewer decisions"
    ):
        scenarios.hard_game(10**6, epsilon=0.1)
    types = js.IndependentTypes(np.full((60, 3), 1 / 3))
    with pytest.raises(MemoryError, match=r"K\^n = 3\^60 joint types"):
        joint_probabilities(types)
    with pytest.raises(MemoryError, match=r"num_rounds = 1,000,000,000,000 times 60 words"):
        sample_types(jax.random.key(0), types, 10**12)


def test_curves_that_do_not_fit_are_refused_with_the_estimate():
    memory.require_curves(1000, 64)
    told = r"about 954 GiB, but 1 GiB are free\. .* 1,000,000,000 runs x 64 checkpoints .* keep_runs=False"
    with pytest.raises(MemoryError, match=told):
        memory.require_curves(10**9, 64, available=2**30)
    with pytest.raises(MemoryError, match="more than 1,048,576 PiB"):
        memory.require_curves(10**400, 64)


def test_a_trace_that_does_not_fit_is_refused_with_the_estimate():
    memory.require_trace(100_000, num_followers=3, num_leader_actions=3)
    with pytest.raises(MemoryError, match=r"100,000,000,000,000 rounds of 84 bytes, .* play fewer rounds"):
        memory.require_trace(10**14, num_followers=3, num_leader_actions=3)


RUN = '[[scenario]]\nkind = "random"\n'
SIZES = [
    ("[run]\nruns = 1_000_000_000\n" + RUN, "curve of every run would take about 954 GiB"),
    (RUN + "games = 1_000_000_000_000\n", "1,000,000,000,000 games"),
    (
        "[run]\nkeep_runs = false\n" + RUN.replace("random", "coverage") + "games = 1_000_000_000_000\n",
        "of which",
    ),
    (
        "[run]\nkeep_runs = false\n" + RUN + "games = 1_000_000_000_000\n",
        "games = 1,000,000,000,000, of which",
    ),
    (RUN + "num_leader_actions = 1_000_000\n", "L = 1,000,000 leader actions"),
    (RUN + "num_followers = 1_000_000_000_000\n", "num_followers must be at most"),
    (
        '[[scenario]]\nkind = "hard"\nnum_decisions = 1_000_000\n',
        "1,000,000 decisions would take about 29.1 TiB",
    ),
]


@pytest.mark.parametrize(("text", "message"), SIZES)
def test_a_plan_refuses_what_would_not_fit(text, message):
    with pytest.raises((MemoryError, ValueError), match=r"^the spec: ") as told:
        plan(parse_spec(text, "mine.toml"))
    assert message in str(told.value)


def test_cells_are_counted_before_one_is_made():
    thousand = ", ".join(map(str, range(1, 1001)))
    text = (
        f"[run]\nhorizon = [{thousand}]\nruns = [{thousand}]\nseed = [{thousand}]\nlearners = ['uniform']\n"
    )
    with pytest.raises(ValueError, match=rf"1,000,000,000 cells, and a sweep has at most {MAX_CELLS:,}"):
        parse_spec(text + RUN, "mine.toml")


LEARNER = RUN + '[[learner]]\nname = "region_ucb"\n'
WORKED = '[[scenario]]\nkind = "security_patrol"\nparameters = '
SPECS = {
    "hyperparameters of no table": (
        LEARNER + "hparams = 3\n",
        "key 'hparams': is a table of hyperparameters",
    ),
    "400 digits": (
        LEARNER + f"radius_scale = 1{'0' * 400}\n",
        "must be a finite number, but a whole number of",
    ),
    "5000 digits": (f"[run]\nhorizon = 1{'0' * 5000}\n" + RUN, "cannot be read: "),
    "400 digits of a horizon": (f"[run]\nhorizon = 1{'0' * 400}\n" + RUN, "at most 2,147,482,623 rounds"),
    "nested lists": (f"x = {'[' * 20_000}{']' * 20_000}\n" + RUN, "nested too deeply"),
    "nested tables": (f"x = {'{a=' * 20_000}1{'}' * 20_000}\n" + RUN, "nested too deeply"),
    "nested keys": (".".join("a" * 20_000) + " = 1\n" + RUN, "nested too deeply"),
    "many keys": ("".join(f"k{i} = 1\n" for i in range(20_000)) + RUN, "... and 19,980 more."),
    "text for a number": (WORKED + '{arrest_value = "2"}\n', "parameter 'arrest_value' must be a number"),
    "texts for numbers": (WORKED + '{effort = [["1", "2"]]}\n', "entry [0, 0] is '1'; convert texts"),
    "truth value for a number": (WORKED + "{arrest_value = true}\n", "is True; pass 1.0 and 0.0"),
    "date for a number": (WORKED + "{arrest_value = 2020-01-01}\n", "of type date, which is no number"),
    "nested numbers": (WORKED + f"{{effort = {'[' * 200}{']' * 200}}}\n", "which is no number"),
    "truth value for a count": ("[run]\nhorizon = true\n" + RUN, "must be a valid integer, but True arrived"),
    "half a seed": ("[run]\nseed = 1.5\n" + RUN, "must be a valid integer, but 1.5 arrived"),
}


@pytest.mark.parametrize("name", SPECS)
def test_a_broken_spec_is_told_at_once(name):
    text, message = SPECS[name]
    with pytest.raises(ValueError, match=r"^mine\.toml: ") as told:
        parse_spec(text, "mine.toml")
    assert message in str(told.value)


def test_a_file_of_many_fields_is_told_at_once(tmp_path):
    game, types = scenarios.random_game(1, num_followers=1, num_types=2)
    js.save_game(tmp_path / "game.json", game, types)
    content = json.loads((tmp_path / "game.json").read_text())
    content |= {f"field {i}": i for i in range(100_000)}
    (tmp_path / "game.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"unknown field 'field 0'") as told:
        js.load_game(tmp_path / "game.json")
    assert "and 99,995 more" in str(told.value)


# --- the command ---


def files(folder, valid):
    """Broken files by what is wrong with them."""
    js.save_game(folder / "good.json", *valid)
    good = json.loads((folder / "good.json").read_text())
    os.mkfifo(folder / "pipe.json")
    os.mkfifo(folder / "pipe.toml")
    os.mkfifo(folder / "pipe.npz")
    (folder / "folder.json").mkdir()
    (folder / "folder.toml").mkdir()
    (folder / "device.npz").symlink_to("/dev/zero")
    (folder / "device.toml").symlink_to("/dev/zero")
    yield from (folder / name for name in ("pipe.json", "pipe.npz", "folder.json", "device.npz", "pipe.toml"))
    yield from (
        folder / name for name in ("folder.toml", "device.toml", "no.json", "no.toml", f"{ESCAPE}.json")
    )
    for number, (text, _) in enumerate([*SPECS.values(), *SIZES]):
        (folder / f"{number}.toml").write_text(text)
        yield folder / f"{number}.toml"
    documents = [
        good | {ESCAPE: 1},
        good | {"title": 3, "format": ESCAPE},
        good | {"leader_names": [ESCAPE]},
        good | {"follower_payoffs": ESCAPE},
        good | {"follower_payoffs": [["1"]]},
        good | {"follower_payoffs": [[True]]},
        good | {"leader_payoff": {"kind": ESCAPE}},
        good | {"leader_payoff": {"kind": "tabular", "table": "\u202e"}},
        good | {"types": {"kind": "joint", "probabilities": [[10**400]]}},
        {},
        [],
        3,
    ]
    for number, document in enumerate(documents):
        (folder / f"{number}.json").write_text(json.dumps(document))
        yield folder / f"{number}.json"
    (folder / "deep.json").write_text("[" * 100_000)
    yield folder / "deep.json"
    spec = f'[[scenario]]\nkind = "file"\nname = {json.dumps(ESCAPE)}\npath = '
    for number, path in enumerate(["pipe.json", ESCAPE, f"{ESCAPE}.json", "\0.json", "folder.json"]):
        (folder / f"path{number}.toml").write_text(spec + json.dumps(path))
        yield folder / f"path{number}.toml"


def refused(*arguments):
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    told = f"{arguments}: {result.output[-500:]!r} {result.exception!r}"
    assert result.exit_code == 2, told
    assert isinstance(result.exception, SystemExit), told
    assert "Traceback" not in result.output, told
    assert result.stderr.startswith("Error: "), told
    assert not CONTROL.search(result.output), told
    assert len(result.output) < 5000, told
    return result.stderr


def test_the_command_refuses_broken_files_in_plain_words(tmp_path, valid):
    tried = 0
    for path in files(tmp_path, valid):
        commands = [("run", path, "--out", tmp_path / "out"), ("run", path, "--dry-run")]
        commands += [] if path.suffix == ".toml" else [("inspect", path)]
        for command in commands:
            refused(*command)
            tried += 1
    assert tried > 80
    assert not (tmp_path / "out").exists()


def test_random_bytes_in_a_spec_never_make_a_traceback(tmp_path):
    rng = np.random.default_rng(0)
    text = (
        SPECS["text for a number"][0] + '[run]\nhorizon = 10\nruns = 2\nlearners = ["uniform"]\n'
    ).encode()
    pieces = [
        b"[",
        b"]",
        b"{",
        b"}",
        b"=",
        b'"',
        b"\n",
        b"9" * 30,
        b"-",
        b"nan",
        b"true",
        b"[[run]]",
        b"\\u0007",
        b".",
    ]
    for number in range(150):
        broken = bytearray(text)
        for _ in range(rng.integers(1, 4)):
            at = rng.integers(len(broken))
            broken[at : at + rng.integers(4)] = pieces[rng.integers(len(pieces))]
        path = tmp_path / f"{number}.toml"
        path.write_bytes(broken)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                load_spec(path)
            except ValueError as error:
                assert str(error).startswith(str(path))  # noqa: PT017 (most of them are no error)


def test_names_reach_the_terminal_without_what_steers_it(tmp_path, valid):
    game, types = valid
    names = [f"{ESCAPE}{number}" for number in range(3)]
    labels = {"leader_names": names, "action_names": names[:2], "type_names": names[:2]}
    js.save_game(tmp_path / "game.json", game, types, title=ESCAPE, follower_names=[ESCAPE], **labels)
    spec = tmp_path / "mine.toml"
    spec.write_text(
        '[run]\nhorizon = 20\nruns = 2\nlearners = ["uniform"]\n'
        f'[[scenario]]\nkind = "file"\npath = "game.json"\nname = {json.dumps(ESCAPE)}\n'
    )
    out = tmp_path / "out"
    for command in (
        ("inspect", tmp_path / "game.json"),
        ("run", spec, "--dry-run"),
        ("run", spec, "--out", out),
    ):
        result = CliRunner().invoke(cli.app, [str(each) for each in command])
        assert result.exit_code == 0, result.output
        assert r"\x1b" in result.output
        assert not CONTROL.search(result.output)
    (key,) = [path.stem for path in (out / "cells").iterdir()]
    (out / "cells" / f"{key}.nc").write_bytes(b"torn")
    os.rename(out, tmp_path / ESCAPE)
    result = CliRunner().invoke(
        cli.app, ["report", str(tmp_path / ESCAPE), "--out", str(tmp_path / "page.html")]
    )
    assert "does not match its SHA-256" in result.output
    assert not CONTROL.search(result.output)


class Part:
    """Some of a payoff of one's own."""

    num_leader_actions = 2

    def payoff_vector(self, actions, types=None):
        return np.zeros(2)


class NoTree(js.TabularPayoff):
    """All of a payoff, but nothing that JAX knows the parts of."""


class OwnTypes:
    """Types that only can be drawn."""

    def __init__(self, types):
        self.num_followers, self.num_types = types.num_followers, types.num_types
        self.marginals, self.sampler = types.marginals, types.sampler


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda game, types: js.solve(game, types, table=3),
            "table must be a RegionTable, but 3 of type int",
        ),
        (
            lambda game, types: js.best_responses(None, [1.0]),
            "game must be a Game, but None of type NoneType",
        ),
        (
            lambda game, types: js.best_responses(js.stack([game]), [1.0]),
            r"one game, but .*Pick one: .*unstack",
        ),
        (lambda game, types: js.stack(3), r"must be a Iterable, but 3 .*Pass a list: jaxstack\.stack"),
        (lambda game, types: js.unstack(game, 0), r"needs a stacked batch, but Game\(.*Use it as it is"),
        (lambda game, types: js.unstack(types, 0), "needs a stacked batch, but .*Use it as it is"),
        (lambda game, types: js.unstack(js.enumerate_regions(game), 0), "needs a stacked batch"),
        (
            lambda game, types: js.growth_exponent(3),
            r"curve must be a Curve, but 3 .*jaxstack\.simulate makes",
        ),
        (lambda game, types: js.paired_difference(3, 3), "first must be a Curve, but 3 of type int"),
        (lambda game, types: js.bounds.regret("lower", game, horizon="x"), "1 or more, but 'x' arrived"),
        (lambda game, types: js.bounds.regret("lower", game, horizon=0.5), "1 or more, but 0.5 arrived"),
        (lambda game, types: js.bounds.regret("lower", 3, 10), "game must be a Game, but 3"),
        (lambda game, types: js.bounds.regret("lower", js.stack([game]), 10), "a bound is one game's"),
        (lambda game, types: js.Game(Part(), game.follower), r"Part lacks .*shifted.* of .*LeaderPayoff"),
        (lambda game, types: js.Game(NoTree(np.eye(2)), np.eye(2)[None, None]), "NoTree is no JAX pytree"),
        (lambda game, types: js.solve(game, OwnTypes(types)), r"or SequenceTypes, but OwnTypes .*mixture"),
        (lambda game, types: js.run_sweep("spec.toml", 3), "folder must be the path of a .*, but 3 arrived"),
    ],
)
def test_what_is_not_of_its_kind_is_told(valid, call, told):
    game, types = valid[:2]
    with pytest.raises(ValueError, match=told):
        call(game, types)
