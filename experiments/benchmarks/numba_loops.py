"""The strongest hand-written alternative: the same rules as parallel numba loops over runs.

Written with care, each choice measured on one core:

- Types come from a counter-based generator (SplitMix64) and an alias table: one look-up a round, no branch.
- Maxima use a compare-and-select that LLVM may reorder: numba's own `max` of floats never vectorises.
- Searches for the first best are minima over masked indices, which vectorise; no branch is unpredictable.
- `erm_joint` adds one row of candidate values to its scores: M additions a round, and no matrix product.
- `erm_product` and `oful` advance 32 runs of a task in lockstep, so that their products with the table of
  candidates are matrix products (BLAS, one thread a task) that reuse it.
- `oful` keeps the mean and the variance of every candidate up to date: O(M F + F^2) a round, not O(M F^2).
- `region_ucb` recomputes the played region's bound alone, finds the maximum in two levels (blocks of four),
  and interleaves four runs of a task, whose chains of dependent operations the processor overlaps.
- float32 as in jaxstack, fast-math, no bounds checks, no allocation within a round.

Three things make it easier for these loops than for jaxstack: they keep only the final regret (no
checkpoints), their sums are not compensated, and scores tie when they are equal, not within rounding.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.extending import intrinsic

from experiments.benchmarks.alias import alias_table
from experiments.benchmarks.setting import Setting

BLOCK = 4  # bounds whose maximum is kept
INTERLEAVED = 4  # runs of `region_ucb` that share a task
LOCKSTEP = 32  # runs of `erm_product` and `oful` that share a task
_LANES = 8  # tables of candidates are padded to a multiple of this
_LOW = np.float32(-1e30)
_HIGH = np.float32(1e30)
_PARALLEL = {"parallel": True, "fastmath": True, "boundscheck": False, "error_model": "numpy"}
_SERIAL = {"fastmath": True, "boundscheck": False, "error_model": "numpy"}


def play(name: str, setting: Setting, seed: int, num_runs: int, horizon: int) -> np.ndarray:
    """Final regret of every run of a learner, [S] float64, payoff units."""
    return prepare(name, setting, horizon)(seed, num_runs)


def prepare(name: str, setting: Setting, horizon: int) -> Callable[[int, int], np.ndarray]:
    """A function (seed, num_runs) -> final regret [S] of `horizon` rounds, with all its tables made."""
    probability, alias = alias_table(setting.probabilities)
    values = _padded(setting.values.T, fill=-1.0)
    gap = setting.gap[setting.candidate]
    horizon = int(horizon)
    if name == "region_ucb":
        leader = setting.payoffs.shape[2]
        visits = np.maximum(np.arange(horizon + 1), 1)
        radius = np.sqrt(4 * (leader + 1) * math.log(3 * horizon) / visits).astype(np.float32)
        tables: tuple[Any, ...] = (
            setting.payoffs.astype(np.float32),
            setting.vertices.astype(np.float32),
            setting.num_vertices,
            setting.gap,
            radius,
        )
        loop, together = _region_ucb(leader), INTERLEAVED
    elif name == "erm_joint":
        loop, together, tables = _erm_joint, 1, (values, gap)
    elif name == "erm_product":
        joint_types = setting.joint_types.astype(np.int32)
        tables = (np.ascontiguousarray(joint_types), int(joint_types.max()) + 1, values, gap)
        loop, together = _erm_product, LOCKSTEP
    elif name == "oful":
        tables = (_padded(setting.features.T, fill=0.0), values, gap, len(gap))
        loop, together = _oful, LOCKSTEP
    else:
        raise ValueError(f"there is no numba loop of {name!r}.")

    def run(seed: int, num_runs: int) -> np.ndarray:
        tasks = -(-num_runs // together)
        return loop(seed, tasks, horizon, probability, alias, *tables)[:num_runs]

    return run


# --- the loops: final regret of every run, [tasks * runs of a task] ---


@functools.cache
def _region_ucb(leader: int) -> Any:
    """The loop for L = `leader`, a constant of the compiled code, so that sums over L unroll."""

    @numba.njit(**_PARALLEL)
    def loop(seed, tasks, horizon, probability, alias, payoffs, vertices, num_vertices, gap, radius):
        regions = payoffs.shape[0]
        blocks = (regions + BLOCK - 1) // BLOCK
        tops = (blocks + 7) // 8 * 8
        out = np.zeros(tasks * INTERLEAVED)
        for task in numba.prange(tasks):
            total = np.zeros((INTERLEAVED, regions, leader), np.float32)
            visits = np.zeros((INTERLEAVED, regions), np.int32)
            vertex = np.zeros((INTERLEAVED, regions), np.int32)
            bound = np.full((INTERLEAVED, blocks * BLOCK), _LOW)
            bound[:, :regions] = _HIGH
            top = np.full((INTERLEAVED, tops), _LOW)
            top[:, :blocks] = _HIGH
            state = np.zeros(INTERLEAVED, np.uint64)
            regret = np.zeros(INTERLEAVED)
            for i in range(INTERLEAVED):
                state[i] = _first_state(seed, task * INTERLEAVED + i)
            for _ in range(horizon):
                for i in range(INTERLEAVED):
                    best, block = top[i, 0], 0
                    if blocks > 1:
                        best = _LOW
                        for b in range(tops):
                            best = _larger(best, top[i, b])
                        block = _first_at_least(top[i], 0, tops, best)
                    region = _first_at_least(bound[i], block * BLOCK, block * BLOCK + BLOCK, best)
                    regret[i] += gap[region, vertex[i, region]]

                    state[i] = _next(state[i])
                    theta = _draw(state[i], probability, alias)
                    count = visits[i, region] + np.int32(1)
                    visits[i, region] = count
                    for action in range(leader):
                        total[i, region, action] += payoffs[region, theta, action]
                    highest, where = _LOW, np.int32(0)
                    for v in range(num_vertices[region]):
                        value = np.float32(0)
                        for action in range(leader):
                            value += vertices[region, v, action] * total[i, region, action]
                        better = value > highest
                        where = np.int32(v) if better else where
                        highest = value if better else highest
                    vertex[i, region] = where
                    bound[i, region] = highest / np.float32(count) + radius[count]
                    best = _LOW
                    for b in range(BLOCK):
                        best = _larger(best, bound[i, block * BLOCK + b])
                    top[i, block] = best
            for i in range(INTERLEAVED):
                out[task * INTERLEAVED + i] = regret[i]
        return out

    return loop


@numba.njit(**_PARALLEL)
def _erm_joint(seed, tasks, horizon, probability, alias, values, gap):
    candidates = values.shape[1]
    out = np.zeros(tasks)
    for run in numba.prange(tasks):
        score = np.zeros(candidates, np.float32)
        state = _first_state(seed, run)
        played, regret = 0, 0.0
        for _ in range(horizon):
            regret += gap[played]
            state = _next(state)
            theta = _draw(state, probability, alias)
            best = _LOW
            for m in range(candidates):
                new = score[m] + values[theta, m]
                score[m] = new
                best = _larger(best, new)
            played = _first_at_least(score, 0, candidates, best)
        out[run] = regret
    return out


@numba.njit(**_PARALLEL)
def _erm_product(seed, tasks, horizon, probability, alias, joint_types, num_types, values, gap):
    joint, candidates = values.shape
    followers = joint_types.shape[1]
    out = np.zeros(tasks * LOCKSTEP)
    for task in numba.prange(tasks):
        score = np.zeros((LOCKSTEP, candidates), np.float32)
        product = np.ones((LOCKSTEP, joint), np.float32)
        counts = np.zeros((LOCKSTEP, followers, num_types), np.float32)
        state = np.zeros(LOCKSTEP, np.uint64)
        regret = np.zeros(LOCKSTEP)
        for i in range(LOCKSTEP):
            state[i] = _first_state(seed, task * LOCKSTEP + i)
        for _ in range(horizon):
            for i in range(LOCKSTEP):
                regret[i] += gap[_first_best(score[i])]
                state[i] = _next(state[i])
                theta = _draw(state[i], probability, alias)
                product[i, 0] = np.float32(1)
                size = 1
                for follower in range(followers):
                    counts[i, follower, joint_types[theta, follower]] += np.float32(1)
                    for j in range(size - 1, -1, -1):  # in place, from the back
                        prefix = product[i, j]
                        for k in range(num_types):
                            product[i, j * num_types + k] = prefix * counts[i, follower, k]
                    size *= num_types
            np.dot(product, values, score)
        for i in range(LOCKSTEP):
            out[task * LOCKSTEP + i] = regret[i]
    return out


@numba.njit(**_PARALLEL)
def _oful(seed, tasks, horizon, probability, alias, features, values, gap, real):
    rank, candidates = features.shape
    out = np.zeros(tasks * LOCKSTEP)
    for task in numba.prange(tasks):
        # float64 where small differences of large numbers are taken, float32 elsewhere.
        variance = np.zeros((LOCKSTEP, candidates))
        mean = np.zeros((LOCKSTEP, candidates), np.float32)
        score = np.full((LOCKSTEP, candidates), _LOW)
        shared = np.zeros((LOCKSTEP, candidates), np.float32)
        inverse = np.zeros((LOCKSTEP, rank, rank), np.float32)
        gain = np.zeros((LOCKSTEP, rank), np.float32)
        played = np.zeros(LOCKSTEP, np.int64)
        reward = np.zeros(LOCKSTEP, np.float32)
        log_det = np.zeros(LOCKSTEP)
        state = np.zeros(LOCKSTEP, np.uint64)
        regret = np.zeros(LOCKSTEP)
        for i in range(LOCKSTEP):
            state[i] = _first_state(seed, task * LOCKSTEP + i)
            for f in range(rank):
                inverse[i, f, f] = np.float32(1)
                for m in range(candidates):
                    variance[i, m] += features[f, m] * features[f, m]
        for _ in range(horizon):
            for i in range(LOCKSTEP):
                radius = np.float32(0.5 * math.sqrt(2 * math.log(horizon) + log_det[i]) + 1)
                for m in range(real):
                    spread = math.sqrt(_larger(np.float32(variance[i, m]), np.float32(0)))
                    score[i, m] = mean[i, m] + radius * spread
                place = _first_best(score[i])
                played[i] = place
                regret[i] += gap[place]
                state[i] = _next(state[i])
                reward[i] = values[_draw(state[i], probability, alias), place]
                gain[i] = np.float32(0)
                for f in range(rank):
                    coordinate = features[f, place]
                    for g in range(rank):
                        gain[i, g] += coordinate * inverse[i, f, g]
            np.dot(gain, features, shared)
            for i in range(LOCKSTEP):
                new = shared[i, played[i]]  # z^T V^-1 z of the played candidate
                share = np.float32(1) / (np.float32(1) + new)
                step = share * (reward[i] - mean[i, played[i]])
                for m in range(candidates):
                    variance[i, m] -= share * shared[i, m] * shared[i, m]
                    mean[i, m] += step * shared[i, m]
                for f in range(rank):
                    scaled = share * gain[i, f]
                    for g in range(rank):
                        inverse[i, f, g] -= scaled * gain[i, g]
                log_det[i] += math.log1p(new)
        for i in range(LOCKSTEP):
            out[task * LOCKSTEP + i] = regret[i]
    return out


# --- pieces ---


@intrinsic
def _larger(typing_context, first, second):
    """max(first, second) of two floats as a compare and a select, both free to be reordered."""

    def generate(context, builder, signature, arguments):
        a, b = arguments
        return builder.select(builder.fcmp_ordered(">", a, b, flags=("fast",)), a, b, flags=("fast",))

    return first(first, second), generate


@numba.njit(**_SERIAL)
def _first_best(scores):
    best = scores[0]
    for m in range(scores.size):
        best = _larger(best, scores[m])
    return _first_at_least(scores, 0, scores.size, best)


@numba.njit(inline="always")
def _first_at_least(values, start, stop, bound):
    """First index in start..stop-1 whose value is at least `bound`."""
    first = np.int32(stop)
    for i in range(start, stop):
        candidate = np.int32(i) if values[i] >= bound else np.int32(stop)
        first = min(first, candidate)
    return np.int64(first)


@numba.njit(inline="always")
def _next(state):
    return state + np.uint64(0x9E3779B97F4A7C15)


@numba.njit(inline="always")
def _mix(state):
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@numba.njit(inline="always")
def _first_state(seed, run):
    return _mix(np.uint64(seed) * np.uint64(0x2545F4914F6CDD1D) + np.uint64(run))


@numba.njit(inline="always")
def _draw(state, probability, alias):
    """A joint type: a slot, and then the slot itself or its alias."""
    bits = _mix(state)
    slot = np.int64((bits >> np.uint64(32)) * np.uint64(probability.size) >> np.uint64(32))
    keep = np.uint32(bits & np.uint64(0xFFFFFFFF)) < probability[slot]
    other = np.int64(alias[slot])
    return other + (slot - other) * np.int64(keep)


def _padded(rows: np.ndarray, fill: float) -> np.ndarray:
    """[., M] float32, C order, M filled up to a multiple of the vector length."""
    missing = -rows.shape[1] % _LANES
    return np.pad(rows, ((0, 0), (0, missing)), constant_values=fill).astype(np.float32, order="C")
