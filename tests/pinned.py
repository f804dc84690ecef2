"""Numbers pinned in `pinned.json`: a change of JAX's generator or of our randomness is told from rounding.

Every layer is computed from those before it: bits of JAX's generator, joint types, regions, choices of a
learner, its regret. So the first layer that differs names the cause. After a change that is meant, write the
file anew: `python -m tests.pinned`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxstack as js
from jaxstack.learners import ROSTER

PATH = Path(__file__).with_suffix(".json")
ROUNDS = 64
CHECKPOINTS = (16, 64, 256, 1024)
NUM_RUNS = 4
SKIPPING = ("erm_joint", "erm_product")  # drawn in another way with skip_ahead
REGRET_TOLERANCE = 1e-5  # relative; sums of float32 gaps are compensated, so that each gap's rounding is left

LAYERS = {
    "bits": "another random stream: JAX's generator gives other bits",
    "types": "another random stream: other types are drawn",
    "regions": "other best-response regions, or another order of them",
    "choices": "the same types are drawn, but other choices are made, by the rule or by its own draws",
    "regret": "the same choices, but regret differs by more than float32 rounding",
    "regret with skip_ahead": "with skip_ahead another random stream, or other choices",
}


# What is pinned -------------------------------------------------------------------------------------


def pinned_game() -> js.Game:
    """L = 3, n = 2, K = 2, A = 2, in general position: eleven regions of up to five vertices."""
    leader = [[[41, 32], [55, 7]], [[12, 48], [3, 60]], [[25, 19], [38, 28]]]
    follower = [
        [[[-39, 44], [9, -52], [61, 5]], [[50, -18], [-7, 33], [-45, 22]]],
        [[[14, -31], [-58, 20], [37, 46]], [[-11, 3], [29, -62], [-24, 57]]],
    ]
    return js.Game(js.TabularPayoff(np.divide(leader, 64)), np.divide(follower, 64))


def distributions() -> dict[str, Any]:
    """One of every kind. Two commitments are nearly best under `joint`: choices go on changing."""
    marginals = np.array([[0.7, 0.3], [0.45, 0.55]])
    return {
        "joint": js.JointTypes(np.array([[0.4, 0.15], [0.35, 0.1]])),
        "independent": js.IndependentTypes(marginals),
        "mixture": js.MixtureTypes(np.array([0.25, 0.75]), np.stack([marginals, 1 - marginals])),
    }


def package_numbers() -> dict[str, Any]:
    """Of JAX's generator, the samplers and the regions: what no learner has a part in."""
    key = jax.random.key(7)
    return {
        "bits": jax.random.bits(jax.random.fold_in(key, 1), (8,), jnp.uint32).tolist(),
        "types": {
            kind: np.asarray(js.sample_types(key, types, ROUNDS)).tolist()
            for kind, types in distributions().items()
        },
        "regions": js.enumerate_regions(pinned_game()).responses.tolist(),
    }


def learner_numbers(name: str) -> dict[str, Any]:
    """Types and choices (region, vertex) of the first rounds of run 0; regret of a few runs [S, C]."""
    key, game, types = jax.random.key(7), pinned_game(), distributions()["joint"]
    learner = js.learners.by_name(name)
    trace = js.play(key, game, types, learner, horizon=ROUNDS)
    numbers = {
        "types": trace.types.tolist(),
        "choices": np.stack([trace.region, trace.vertex], axis=1).tolist(),
    }
    for skip_ahead in (False, True)[: 1 + (name in SKIPPING)]:
        curve = js.simulate(
            key,
            game,
            types,
            learner,
            horizon=CHECKPOINTS[-1],
            num_runs=NUM_RUNS,
            checkpoints=CHECKPOINTS,
            skip_ahead=skip_ahead,
        )
        digits = [[float(f"{regret:.8g}") for regret in run] for run in np.asarray(curve.regret)]
        numbers["regret with skip_ahead" if skip_ahead else "regret"] = digits
    return numbers


# Comparing ------------------------------------------------------------------------------------------


def difference(stored: dict[str, Any], found: dict[str, Any]) -> str | None:
    """What the first layer that differs means, and where; None where all agree, up to rounding."""
    for layer, meaning in LAYERS.items():
        if (layer in stored) != (layer in found):
            return f"{layer!r} is pinned for this learner or computed, but not both"
        if layer not in stored or stored[layer] == found[layer]:
            continue
        if layer.startswith("regret"):
            before, now = np.asarray(stored[layer]), np.asarray(found[layer])
            if before.shape == now.shape and np.allclose(now, before, rtol=REGRET_TOLERANCE, atol=1e-6):
                continue
        return f"{meaning}: {_first_difference(layer, stored[layer], found[layer])}"
    return None


def _first_difference(place: str, before: Any, now: Any) -> str:
    """The first entry of nested lists or mappings that differs."""
    if isinstance(before, dict) and isinstance(now, dict) and before.keys() == now.keys():
        pairs = [(repr(name), before[name], now[name]) for name in before]
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = [(str(index), *pair) for index, pair in enumerate(zip(before, now, strict=True))]
    else:
        return f"{place} was {before}, is {now}"
    index, *differing = next(pair for pair in pairs if pair[1] != pair[2])
    return _first_difference(f"{place}[{index}]", *differing)


def read() -> dict[str, dict[str, Any]]:
    """Stored numbers: "package", and one entry per learner."""
    return json.loads(PATH.read_text())


def write() -> None:
    """Every number anew: a line per layer, so that a difference of the file shows which layers changed."""
    parts = {"package": package_numbers(), **{name: learner_numbers(name) for name in ROSTER}}
    texts = []
    for part, numbers in parts.items():
        lines = ",\n".join(f'    "{layer}": {json.dumps(values)}' for layer, values in numbers.items())
        texts.append(f'  "{part}": {{\n{lines}\n  }}')
    PATH.write_text("{\n" + ",\n".join(texts) + "\n}\n")


if __name__ == "__main__":
    import tests.conftest  # noqa: F401  (the devices of the tests)

    write()
    print(f"wrote {PATH}")
