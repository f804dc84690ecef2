"""The strongest hand-written alternative: the same rules as parallel numba loops over runs.

Written with care: one run per task, all state of a run in small local arrays, types drawn by a cheap
counter-based generator (SplitMix64) and a scan of cumulative probabilities, float32 payoffs, only the played
region's index recomputed, fast-math reductions that LLVM vectorises, no bounds checks, no allocation in a round.
"""

from __future__ import annotations

import numba
import numpy as np

_OPTIONS = {"parallel": True, "fastmath": True, "boundscheck": False, "error_model": "numpy", "cache": False}


@numba.njit(inline="always")
def _next(state: np.uint64) -> np.uint64:
    return state + np.uint64(0x9E3779B97F4A7C15)


@numba.njit(inline="always")
def _mix(state: np.uint64) -> np.uint64:
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@numba.njit(fastmath=True, boundscheck=False)
def _highest(values: np.ndarray) -> np.float32:
    best = values[0]
    for i in range(values.size):
        best = max(best, values[i])
    return best


@numba.njit(**_OPTIONS)
def region_ucb(seed, num_runs, horizon, cumulative, payoffs, vertices, num_vertices, gap, radius):
    """Final regret of every run, [S] float64.

    cumulative [J] float32 sums to 1; payoffs [R, J, L] unit payoff vectors; vertices [R, V, L] of which
    num_vertices [R] are real; gap [R, V]; radius[N] float32 for N = 0..T, the confidence radius.
    """
    regions, joint, leader = payoffs.shape
    out = np.zeros(num_runs)
    for run in numba.prange(num_runs):
        total = np.zeros((regions, leader), np.float32)
        visits = np.zeros(regions, np.int32)
        bound = np.full(regions, np.float32(1e30))
        vertex = np.zeros(regions, np.int32)
        state = _mix(np.uint64(seed) * np.uint64(0x2545F4914F6CDD1D) + np.uint64(run))
        regret = 0.0
        for _ in range(horizon):
            best = _highest(bound)
            region = 0
            while bound[region] < best:
                region += 1
            regret += gap[region, vertex[region]]
            state = _next(state)
            draw = np.float32(_mix(state) >> np.uint64(40)) * np.float32(1 / 16777216)
            theta = 0
            while theta < joint - 1 and cumulative[theta] <= draw:
                theta += 1
            visits[region] += 1
            count = visits[region]
            scale = np.float32(1) / np.float32(count)
            for action in range(leader):
                total[region, action] += payoffs[region, theta, action]
            highest = np.float32(-1e30)
            for v in range(num_vertices[region]):
                value = np.float32(0)
                for action in range(leader):
                    value += vertices[region, v, action] * total[region, action]
                if value > highest:
                    highest = value
                    vertex[region] = v
            bound[region] = highest * scale + radius[count]
        out[run] = regret
    return out


@numba.njit(**_OPTIONS)
def erm_joint(seed, num_runs, horizon, cumulative, values, gap):
    """Final regret of every run, [S] float64.

    values [J, M] float32, unit value of every candidate against every joint type; gap [M].
    """
    joint, candidates = values.shape
    out = np.zeros(num_runs)
    for run in numba.prange(num_runs):
        score = np.zeros(candidates, np.float32)
        state = _mix(np.uint64(seed) * np.uint64(0x2545F4914F6CDD1D) + np.uint64(run))
        regret = 0.0
        for _ in range(horizon):
            best = _highest(score)
            played = 0
            while score[played] < best:
                played += 1
            regret += gap[played]
            state = _next(state)
            draw = np.float32(_mix(state) >> np.uint64(40)) * np.float32(1 / 16777216)
            theta = 0
            while theta < joint - 1 and cumulative[theta] <= draw:
                theta += 1
            for m in range(candidates):
                score[m] += values[theta, m]
        out[run] = regret
    return out
