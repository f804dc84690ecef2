"""The posterior bootstrap over joint types, or by follower: gamma draws by rejection, steps by bisection."""

from __future__ import annotations

from typing import Any

import numpy as np


def _maximum(weights: np.ndarray, meets: np.ndarray, prior: np.ndarray, steps: int = 40) -> np.ndarray:
    """[runs, J]: weights [runs, R E] of events with indicators meets [R E, J], prior [runs, J]."""
    total = weights.sum(axis=1) + prior.sum(axis=1)
    types = prior / prior.sum(axis=1, keepdims=True)
    for _ in range(steps):
        probability = types @ meets.T
        ratio = np.divide(weights, probability, out=np.zeros_like(weights), where=weights > 0)
        gradient = prior - total[:, None] * types + types * (ratio @ meets)
        second = np.divide(ratio, probability, out=np.zeros_like(weights), where=weights > 0)
        hessian = (second @ (meets[:, :, None] * meets[:, None]).reshape(len(meets), -1)).reshape(
            -1, *[meets.shape[1]] * 2
        )
        hessian *= types[:, :, None] * types[:, None]
        hessian += np.eye(types.shape[1]) * (prior + 1e-8 * total[:, None] * types)[:, :, None]
        direction = np.linalg.solve(hessian, gradient[..., None])[..., 0]
        if (gradient * direction).sum(axis=1).max() < 1e-12:
            break
        low = np.zeros(len(types))
        high = np.minimum(16, 0.98 / np.maximum(-direction.min(axis=1), 1e-12))
        moved = (types * direction) @ meets.T
        for _ in range(20):
            middle = (low + high) / 2
            at = probability + middle[:, None] * moved
            slope = np.divide(weights * moved, at, out=np.zeros_like(weights), where=weights > 0).sum(axis=1)
            slope += (prior * direction / (1 + middle[:, None] * direction)).sum(axis=1)
            slope -= total * (types * direction).sum(axis=1)
            low, high = np.where(slope > 0, middle, low), np.where(slope > 0, high, middle)
        types = np.maximum(types * (1 + low[:, None] * direction), prior / (2 * total[:, None]))
    return types


def regret(
    game: Any,
    table: Any,
    probabilities: np.ndarray,
    horizon: int,
    runs: int,
    rng: np.random.Generator,
    by_follower: bool = False,
) -> np.ndarray:
    """[runs]: regret of `shared_posterior` or `marginal_posterior`, default settings; tabular payoffs."""
    n, num_types = game.num_followers, game.num_types
    joint = np.indices((num_types,) * n).reshape(n, -1).T  # [J, n]
    actions = np.array([[response[range(n), theta] for theta in joint] for response in table.responses])
    # Of each problem: its type in every joint type, the event of its types in every region, how many events.
    if by_follower:
        problems = [(joint[:, i], np.asarray(table.responses)[:, i], game.num_actions) for i in range(n)]
    else:
        event = np.ravel_multi_index(np.moveaxis(actions, -1, 0), (game.num_actions,) * n)  # [R, J]
        problems = [(np.arange(len(joint)), event, game.num_actions**n)]
    meets = [
        (event[:, None] == np.arange(size)[:, None]).reshape(-1, event.shape[1]).astype(float)
        for _, event, size in problems
    ]
    pairs = [(r, v) for r in range(len(actions)) for v in np.flatnonzero(table.vertex_mask[r])]
    payoff = np.asarray(game.leader.table)
    values = np.array(
        [
            [table.vertices[r, v] @ payoff[(slice(None), *actions[r, j])] for j in range(len(joint))]
            for r, v in pairs
        ]
    )
    truth, region = probabilities.reshape(-1), np.array([r for r, _ in pairs])
    utility = values @ truth
    counts, lost = [np.zeros((runs, len(of_problem))) for of_problem in meets], np.zeros(runs)

    def best(fitted: list[np.ndarray]) -> np.ndarray:
        """Candidates where the joint type is made of independent draws of each problem's type."""
        joint_types = np.prod(
            [types[:, place] for types, (place, _, _) in zip(fitted, problems, strict=True)], axis=0
        )
        return (joint_types @ values.T).argmax(axis=1)

    t = 1
    while t <= horizon:
        length = max(1, int(0.02 * t))
        probes = max(1, round(0.1 * length))
        modes, drawn = [], [[] for _ in range(3 if probes < length else 1)]
        for of_problem, seen in zip(meets, counts, strict=True):
            size = of_problem.shape[1]
            modes.append(_maximum(seen, of_problem, np.full((runs, size), 1 / size)))
            for sample in drawn:
                alpha = np.exp(rng.uniform(np.log(1 / size), 0, runs))[:, None]
                prior = rng.gamma(np.broadcast_to(alpha, (runs, size))) + 0.01
                weights = np.where(seen > 0, rng.gamma(np.maximum(seen, 1)), 0)
                sample.append(_maximum(weights, of_problem, prior))
        mode, choices = best(modes), np.array([best(sample) for sample in drawn])
        elsewhere = region[choices] != region[mode]
        probe = choices[elsewhere.argmax(axis=0), np.arange(runs)]  # the first, where all are False
        for step in range(min(length, horizon - t + 1)):
            played = probe if step < probes else mode
            theta = rng.choice(len(joint), size=runs, p=truth)
            for (place, event, size), seen in zip(problems, counts, strict=True):
                seen[np.arange(runs), region[played] * size + event[region[played], place[theta]]] += 1
            lost += utility.max() - utility[played]
        t += length
    return lost
