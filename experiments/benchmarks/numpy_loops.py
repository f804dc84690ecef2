"""The plain alternative: each learner as one NumPy loop over the rounds of a single run.

What one writes first: vectorised over candidates within a round, nothing kept up incrementally but sums.
Every function returns the regret after all rounds, in payoff units.
"""

from __future__ import annotations

import math

import numpy as np

from experiments.benchmarks.setting import Setting


def erm_joint(setting: Setting, rng: np.random.Generator, horizon: int) -> float:
    """Algorithm 1: best sum of payoffs against the joint types seen."""
    gap = setting.gap[setting.candidate]
    score, regret = np.zeros(len(gap)), 0.0
    for theta in _draw(setting, rng, horizon):
        regret += gap[score.argmax()]
        score += setting.values[:, theta]
    return regret


def erm_product(setting: Setting, rng: np.random.Generator, horizon: int) -> float:
    """Algorithm 2: best expected payoff under the product of the empirical marginals."""
    gap = setting.gap[setting.candidate]
    num_followers, num_types = setting.joint_types.shape[1], setting.joint_types.max() + 1
    counts, regret = np.zeros((num_followers, num_types)), 0.0
    for theta in _draw(setting, rng, horizon):
        product = np.ones(1)
        for marginal in counts:
            product = np.multiply.outer(product, marginal).ravel()
        regret += gap[(setting.values @ product).argmax()]
        counts[np.arange(num_followers), setting.joint_types[theta]] += 1
    return regret


def region_ucb(setting: Setting, rng: np.random.Generator, horizon: int) -> float:
    """Algorithm 3: highest upper confidence bound, then the best vertex of that region."""
    num_regions, _, num_leader_actions = setting.payoffs.shape
    exploration = 4 * (num_leader_actions + 1) * math.log(3 * horizon)
    total, visits, regret = np.zeros((num_regions, num_leader_actions)), np.zeros(num_regions), 0.0
    for theta in _draw(setting, rng, horizon):
        seen = np.maximum(visits, 1)
        value = np.einsum("rvl,rl->rv", setting.vertices, total / seen[:, None])
        bound = np.where(visits > 0, value.max(axis=1) + np.sqrt(exploration / seen), np.inf)
        region = bound.argmax()
        regret += setting.gap[region, value[region].argmax()]
        total[region] += setting.payoffs[region, theta]
        visits[region] += 1
    return regret


def oful(setting: Setting, rng: np.random.Generator, horizon: int) -> float:
    """Linear bandit over the distribution of joint types, ridge 1, failure probability 1/T."""
    gap, z = setting.gap[setting.candidate], setting.features
    inverse, moment, log_det, regret = np.eye(z.shape[1]), np.zeros(z.shape[1]), 0.0, 0.0
    for theta in _draw(setting, rng, horizon):
        radius = 0.5 * math.sqrt(2 * math.log(horizon) + log_det) + 1
        variance = np.einsum("mf,fg,mg->m", z, inverse, z, optimize=True)
        played = (z @ (inverse @ moment) + radius * np.sqrt(np.maximum(variance, 0))).argmax()
        regret += gap[played]
        gain = inverse @ z[played]
        moment += z[played] * setting.values[played, theta]
        inverse -= np.outer(gain, gain) / (1 + variance[played])
        log_det += math.log1p(variance[played])
    return regret


LOOPS = {loop.__name__: loop for loop in (erm_joint, erm_product, region_ucb, oful)}


def _draw(setting: Setting, rng: np.random.Generator, horizon: int) -> np.ndarray:
    """Index of the joint type of every round, [T]."""
    return rng.choice(len(setting.probabilities), size=horizon, p=setting.probabilities)
