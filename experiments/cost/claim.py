"""Cost: time and memory of a round, time of a solution, and how far each goes before it takes too long."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

import jaxstack as js
from experiments.claims import (
    Check,
    Claim,
    Curve,
    asides,
    at_most,
    by_panel,
    curve,
    errorbars,
    interval,
    learner_lines,
    line,
    panels,
    power_fit,
    reference,
    shared_legend,
)
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
_METHODS = {  # label, marker, colour
    "vertices": ("table", "o", "#222222"),
    "programs": ("a program per region", "s", "#CC79A7"),
    "milp": ("one mixed-integer program", "D", "#56B4E9"),
}
_OPTIMUM = "an optimum, L = 3, K = A = 2"
VARIED = {  # (L, n, K) of which one varies, A = 2
    "full": {
        "n": [(3, n, 2) for n in (1, 2, 4, 8)],
        "K": [(3, 2, K) for K in (2, 4, 8)],
        "L": [(L, 2, 4) for L in (2, 3, 4, 5)],
    },
    "quick": {"n": [(3, 1, 2), (3, 4, 2)], "K": [(3, 1, 2), (3, 1, 8)], "L": [(2, 4, 2), (3, 4, 2)]},
    "toy": {"n": [(2, 1, 2), (2, 2, 2)]},
}
HORIZON = {"full": 10_000, "quick": 2_000, "toy": 100}
RUNS = {"full": 512, "quick": 256, "toy": 4}
PATIENCE = {"full": 60.0, "quick": 4.0, "toy": 0.02}  # seconds
REPEATS = {"full": 5, "quick": 3, "toy": 2}
FIRST_FOLLOWERS, MOST_FOLLOWERS = 2, 1024


class Costs(NamedTuple):
    """Times in seconds, [P, 1, repeats]; P differs between rounds and solutions."""

    varied: dict[str, list[tuple[int, int, int]]]  # sizes (L, n, K), by what varies
    sizes: list[tuple[int, int, int]]  # [P], all of them, by regions
    regions: np.ndarray  # [P], of their games
    rounds: dict[str, np.ndarray]  # by learner, one round of one run
    states: dict[str, np.ndarray]  # [P, 1, 1], by learner, bytes that one run keeps from round to round
    followers: dict[str, np.ndarray]  # [P], by method
    solutions: dict[str, np.ndarray]  # by method
    bytes_of_table: np.ndarray  # [P], along the followers of "vertices"
    patience: float


def collect(size: str) -> Costs:
    """Time everything, the smallest first, and stop where one call takes longer than a reader waits."""
    problems = {}
    for L, n, K in sorted({point for points in VARIED[size].values() for point in points}):
        game, types = _game(L, n, K)
        problems[L, n, K] = game, types, js.enumerate_regions(game)
    sizes = sorted(problems, key=lambda point: problems[point][2].num_regions)
    rounds = {
        learner: np.array([_rounds(*problems[point], learner, size) for point in sizes])[:, None]
        for learner in LEARNERS[size]
    }
    states = {
        learner: np.array([_state_bytes(*problems[point], learner) for point in sizes])[:, None, None]
        for learner in LEARNERS[size]
    }
    regions = np.array([problems[point][2].num_regions for point in sizes], float)
    followers, solutions, table_bytes = {}, {}, []
    for method in _METHODS:
        tried, times = [], []
        n = FIRST_FOLLOWERS
        while n <= MOST_FOLLOWERS:
            game, types = _game(3, n, 2)
            repeats = _timed(lambda g=game, t=types, m=method: js.solve(g, t, method=m), REPEATS[size])
            if method == "vertices":
                table_bytes.append(
                    sum(np.asarray(x).nbytes for x in jax.tree.leaves(js.enumerate_regions(game)))
                )
            tried.append(n)
            times.append(repeats)
            if min(repeats) > PATIENCE[size] / 4:
                break
            n *= 2
        followers[method] = np.array(tried, float)
        solutions[method] = np.array(times)[:, None]
    table_bytes = np.array(table_bytes, float)
    return Costs(
        VARIED[size], sizes, regions, rounds, states, followers, solutions, table_bytes, PATIENCE[size]
    )


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
    """Growth of a round and of the state in n, K, L, regions; of a solution in n, and how far each goes."""
    checks = []
    most = f"at {data.regions[-1]:.0f} regions"
    for what, unit, factor, costs in (
        ("a round", "nanoseconds of this machine", 1e9, data.rounds),
        ("state of a run", "KiB", 2**-10, data.states),
    ):
        for learner, cost in costs.items():
            for letter, points in data.varied.items():
                at = [data.sizes.index(point) for point in points]
                fit = power_fit(np.array([point["LnK".index(letter)] for point in points], float), cost[at])
                checks.append(Check.of_fit(f"{learner}, {what}: exponent of {letter}", fit, None))
            # region_ucb reads regions alone; the others also what grows with n and K at the same time.
            rule = at_most(1) if learner == "region_ucb" and costs is data.rounds else None
            fit = power_fit(data.regions, cost)
            checks.append(Check.of_fit(f"{learner}, {what}: exponent of regions", fit, rule))
            largest = interval(lambda mean, factor=factor: mean[:, -1] * factor, cost)
            checks.append(Check(f"{learner}, {what} {most}: {unit}", largest, None))
    for method, seconds in data.solutions.items():
        sizes = data.followers[method]
        if len(sizes) > 1:
            fit = power_fit(sizes, seconds, min(sizes[-1] / 8, sizes[-2]))
            rule = at_most(4) if method == "vertices" else None
            checks.append(Check.of_fit(f"{method}, L = 3: exponent of n in time", fit, rule))
        within = interval(_reach(sizes, data.patience), seconds)
        ended = " (the largest tried)" if within.low == MOST_FOLLOWERS else ""
        what = f"{method}, L = 3: n that takes at most {data.patience:g} s{ended}"
        checks.append(Check(what, within, None))
    memory = data.bytes_of_table[-1] / 2**20
    what = f"table of regions at n = {data.followers['vertices'][-1]:.0f}, L = 3: MiB"
    checks.append(Check(what, interval(lambda m: m, np.array([[memory]])), None))
    return checks


def _reach(sizes: np.ndarray, patience: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda seconds: np.where(seconds <= patience, sizes, 0).max(axis=1)


def curves(data: Costs) -> list[Curve]:
    """Nanoseconds of a round, KiB of a state, seconds of a solution."""
    drawn = []
    for letter, points in data.varied.items():
        at = [data.sizes.index(point) for point in points]
        x = [point["LnK".index(letter)] for point in points]
        panel = f"a round, {_fixed(letter, points[0])}"
        for learner, seconds in data.rounds.items():
            drawn.append(curve(panel, learner, x, seconds[at], unit=1e-9))
    for learner, seconds in data.rounds.items():
        drawn.append(curve("a round, all sizes", learner, data.regions, seconds, unit=1e-9))
    for learner, kept in data.states.items():
        drawn.append(line("state of one run, all sizes", learner, data.regions, kept.ravel() / 2**10))
    for method, (label, _, _) in _METHODS.items():
        drawn.append(curve(_OPTIMUM, label, data.followers[method], data.solutions[method]))
    drawn.append(line(_OPTIMUM, "time limit", data.followers["vertices"][-1:], [data.patience]))
    return drawn


def draw(curves: list[Curve]) -> Figure:
    """A round against n, K, L and regions; the state against regions; a solution against followers."""
    drawn, lines = by_panel(curves), learner_lines(curves)
    figure, axes = panels(len(drawn))
    for axis, (panel, of_panel) in zip(axes, drawn.items(), strict=True):
        axis.set(xscale="log", yscale="log", title=panel)
        if panel == _OPTIMUM:
            _draw_solutions(axis, of_panel)
            continue
        all_sizes = "all sizes" in panel  # of which those with as many regions differ in L, n and K
        for each, aside in zip(of_panel, asides(len(of_panel)), strict=True):
            look = lines[each.name] | ({"linestyle": "none"} if all_sizes else {})
            errorbars(axis, each, aside=aside if all_sizes else 0, **look)
        axis.set_ylabel("KiB" if "state" in panel else "nanoseconds")
        if all_sizes:
            axis.margins(x=0.1)
            axis.set_xlabel("best-response regions")
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.xaxis.set_major_formatter("{x:g}")
        else:
            (letter,) = (letter for letter in "LnK" if f"{letter} =" not in panel)
            axis.set_xlabel(f"${letter}$")
            axis.set_xticks(of_panel[0].x, [f"{x:g}" for x in of_panel[0].x])
    shared_legend(figure, columns=4, bars="bars: 95% intervals of repeated timings")
    return figure


def _draw_solutions(axis: Axes, curves: list[Curve]) -> None:
    looks = {label: {"marker": marker, "color": colour} for label, marker, colour in _METHODS.values()}
    for each in curves:
        if each.name == "time limit":
            reference(axis, each.y[0], f"time limit, {each.y[0]:g} s")
        else:
            errorbars(axis, each, **looks[each.name])
    axis.set(xlabel="followers $n$", ylabel="seconds")


def _fixed(letter: str, point: tuple[int, int, int]) -> str:
    """The sizes that stay, in words."""
    stay = (f"{name} = {size}" for name, size in zip("LnK", point, strict=True) if name != letter)
    return ", ".join(stay)
