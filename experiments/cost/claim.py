"""Cost: time and memory of a round, time of a solution, and how far each goes before it takes too long."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from matplotlib.figure import Figure

import jaxstack as js
from experiments.claims import Check, Claim, at_least, at_most, errors, interval, panels, power_fit
from jaxstack.plots.style import line_options, line_styles
from jaxstack.simulation import prepare, tree_bytes

CLAIM = Claim(
    number=8,
    title="At a fixed L an optimum is found in time polynomial in n, and a round on regions costs at most "
    "in proportion to their number",
    source="enumeration of regions and one linear program per region; learners on the regions",
    varied="n at L = 3 (K = A = 2) for the table, a program per region, and one mixed-integer program; "
    "(L, n, K) for a round and the state of each learner",
    remedy="an idle machine and more repeats",
    machine_dependent=True,
)
ALL = ("erm_joint", "erm_product", "region_ucb", "oful")
LEARNERS = {"full": ALL, "quick": ALL, "toy": ALL[1:3]}
METHODS = ("vertices", "programs", "milp")
SIZES = {  # (L, n, K), A = 2
    "full": ((2, 2, 2), (3, 2, 3), (3, 3, 4), (3, 4, 4), (4, 3, 3), (4, 4, 3)),
    "quick": ((2, 2, 2), (3, 2, 4), (3, 3, 4), (4, 3, 3)),
    "toy": ((2, 1, 2), (2, 2, 2)),
}
HORIZON = {"full": 20_000, "quick": 2_000, "toy": 100}
RUNS = {"full": 1024, "quick": 256, "toy": 4}
PATIENCE = {"full": 60.0, "quick": 4.0, "toy": 0.02}  # seconds
REPEATS = {"full": 5, "quick": 3, "toy": 2}
FIRST_FOLLOWERS, MOST_FOLLOWERS = 2, 512


class Costs(NamedTuple):
    """Times in seconds, [P, 1, repeats]; P differs between rounds and solutions."""

    regions: np.ndarray  # [P], of the games on which rounds were timed
    rounds: dict[str, np.ndarray]  # by learner, one round of one run
    states: dict[str, np.ndarray]  # [P, 1, 1], by learner, bytes that one run keeps from round to round
    followers: dict[str, np.ndarray]  # [P], by method
    solutions: dict[str, np.ndarray]  # by method
    bytes_of_table: np.ndarray  # [P], along the followers of "vertices"
    patience: float


def collect(size: str) -> Costs:
    """Time everything, the smallest first, and stop where one call takes longer than a reader waits."""
    games = [_game(L, n, K) for L, n, K in SIZES[size]]
    tables = [js.enumerate_regions(game) for game, _ in games]
    order = np.argsort([table.num_regions for table in tables])
    rounds = {
        learner: np.array([_rounds(*games[p], tables[p], learner, size) for p in order])[:, None]
        for learner in LEARNERS[size]
    }
    states = {
        learner: np.array([_state_bytes(*games[p], tables[p], learner) for p in order])[:, None, None]
        for learner in LEARNERS[size]
    }
    followers, solutions, table_bytes = {}, {}, []
    for method in METHODS:
        sizes, times = [], []
        n = FIRST_FOLLOWERS
        while n <= MOST_FOLLOWERS:
            game, types = _game(3, n, 2)
            repeats = _timed(lambda g=game, t=types, m=method: js.solve(g, t, method=m), REPEATS[size])
            if method == "vertices":
                table_bytes.append(
                    sum(np.asarray(x).nbytes for x in jax.tree.leaves(js.enumerate_regions(game)))
                )
            sizes.append(n)
            times.append(repeats)
            if min(repeats) > PATIENCE[size] / 4:
                break
            n *= 2
        followers[method] = np.array(sizes, float)
        solutions[method] = np.array(times)[:, None]
    regions = np.array([tables[p].num_regions for p in order], float)
    return Costs(regions, rounds, states, followers, solutions, np.array(table_bytes, float), PATIENCE[size])


def _game(L: int, n: int, K: int) -> tuple[js.Game, js.IndependentTypes]:
    return js.scenarios.random_game(
        0, num_leader_actions=L, num_followers=n, num_types=K, payoff="separable", types="independent"
    )


def _timed(call: Callable[[], object], repeats: int) -> list[float]:
    """Seconds of each call; the first, which compiles, is left out."""
    taken = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return taken[1:]


def _rounds(
    game: js.Game, types: js.IndependentTypes, table: js.RegionTable, learner: str, size: str
) -> list[float]:
    """Seconds of a round of one run, many runs at once, compilation left out."""

    def play() -> float:
        curve = js.simulate(
            jax.random.key(0),
            game,
            types,
            js.learners.by_name(learner),
            horizon=HORIZON[size],
            num_runs=RUNS[size],
            table=table,
            keep_runs=False,
        )
        return curve.seconds["run"] / (HORIZON[size] * RUNS[size])

    return [play() for _ in range(REPEATS[size] + 1)][1:]


def _state_bytes(game: js.Game, types: js.IndependentTypes, table: js.RegionTable, learner: str) -> float:
    setup = prepare(
        jax.random.key(0), game, types, js.learners.by_name(learner), horizon=1, table=table, hparams=None
    )
    return float(tree_bytes(jax.eval_shape(setup.learner.init, setup.inputs.known, setup.inputs.hparams)))


def measure(data: Costs) -> list[Check]:
    """Growth of a round in the number of regions, of a solution in n; how far each method goes."""
    checks = []
    for learner, seconds in data.rounds.items():
        fit = power_fit(data.regions, seconds)
        # oful also reads features of joint types, whose number grows at the same time.
        rule = None if learner == "oful" else at_most(1)
        checks.append(Check.of_fit(f"{learner}, a round: exponent of regions", fit, rule))
        nanoseconds = interval(lambda mean: mean[:, -1] * 1e9, seconds)
        what = f"{learner}, a round at {data.regions[-1]:.0f} regions: nanoseconds of this machine"
        checks.append(Check(what, nanoseconds, None))
    for learner, size in data.states.items():
        # No rule: those of erm_joint and oful also grow with joint types, as far as they are told apart.
        fit = power_fit(data.regions, size)
        checks.append(Check.of_fit(f"{learner}, state of a run: exponent of regions", fit, None))
        kibibytes = interval(lambda mean: mean[:, -1] / 2**10, size)
        checks.append(
            Check(f"{learner}, state of a run at {data.regions[-1]:.0f} regions: KiB", kibibytes, None)
        )
    for method, seconds in data.solutions.items():
        sizes = data.followers[method]
        if len(sizes) > 1:
            fit = power_fit(sizes, seconds, min(sizes[-1] / 8, sizes[-2]))
            rule = at_most(4) if method == "vertices" else None
            checks.append(Check.of_fit(f"{method}, L = 3: exponent of n in time", fit, rule))
        within = interval(_reach(sizes, data.patience), seconds)
        what = f"{method}, L = 3: largest n tried that takes at most {data.patience:g} s"
        checks.append(Check(what, within, at_least(FIRST_FOLLOWERS) if method == "vertices" else None))
    memory = data.bytes_of_table[-1] / 2**20
    what = f"table of regions at n = {data.followers['vertices'][-1]:.0f}, L = 3: MiB"
    checks.append(Check(what, interval(lambda m: m, np.array([[memory]])), None))
    return checks


def _reach(sizes: np.ndarray, patience: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda seconds: np.where(seconds <= patience, sizes, 0).max(axis=1)


def draw(data: Costs, checks: list[Check]) -> Figure:
    """Time of a round and state of a run against regions; time of a solution against followers."""
    figure, (left, middle, right) = panels(3)
    for learner, seconds in data.rounds.items():
        options = line_options(line_styles([learner])[0]) | {"label": learner}
        left.errorbar(data.regions, seconds.mean(axis=(1, 2)) * 1e9, errors(seconds) * 1e9, **options)
        middle.plot(data.regions, data.states[learner].ravel() / 2**10, **options)
    left.set(xscale="log", yscale="log", title="a round of one run", xlabel="regions", ylabel="nanoseconds")
    middle.set(xscale="log", yscale="log", title="state of one run", xlabel="regions", ylabel="KiB")
    names = {"vertices": "table", "programs": "a program per region", "milp": "one mixed-integer program"}
    for number, (method, seconds) in enumerate(data.solutions.items()):
        label, marker = names[method], "osD"[number]
        mean = seconds.mean(axis=(1, 2))
        right.errorbar(data.followers[method], mean, errors(seconds), marker=marker, label=label)
    right.axhline(data.patience, color="#999999", linewidth=1)
    right.set(xscale="log", yscale="log", title="an optimum, L = 3, K = A = 2", xlabel="n", ylabel="seconds")
    left.legend(fontsize=7)
    right.legend(fontsize=7)
    return figure
