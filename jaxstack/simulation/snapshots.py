"""The state of a simulation between two segments, as arrays by name, so that another process can go on."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from typing import Any, Protocol

import jax
import numpy as np

from jaxstack.regret import Moments
from jaxstack.simulation.rounds import Carry


class Snapshots(Protocol):
    """Keeps the state of a simulation between two segments, so that another process can go on with it."""

    def load(self) -> dict[str, np.ndarray] | None:
        """The state that was saved last for the same arguments of `simulate`, if any."""

    def due(self) -> bool:
        """Whether it is time to save."""

    def save(self, state: dict[str, np.ndarray]) -> None:
        """Keep a state in place of the one before."""


@dataclasses.dataclass
class SoFar:
    """What has been played.

    Attributes:
      tile: runs of a tile.
      first_run: of the batch that is being played; all runs before are done.
      moments: of the runs that are done: "regret", and what the learner tells, by name.
      kept: their curves [.., s, C], by the same names, where they are kept.
      seconds: wall time of "compile" and "run".
      block: the next that the batch plays.
      tiles: what the tiles of the batch carry, in the order of their runs, as leaves; none before it began.
    """

    tile: int
    first_run: int = 0
    moments: dict[str, Moments] = dataclasses.field(default_factory=lambda: defaultdict(Moments))
    kept: dict[str, list[np.ndarray]] = dataclasses.field(default_factory=lambda: defaultdict(list))
    seconds: dict[str, float] = dataclasses.field(default_factory=lambda: {"compile": 0.0, "run": 0.0})
    block: int = 0
    tiles: list[list[Any]] = dataclasses.field(default_factory=list)

    def state(self) -> dict[str, np.ndarray]:
        """As arrays by name, `part/name` for what is in a part."""
        parts: dict[str, dict[Any, Any]] = {
            **{f"moments {name}": moments.state() for name, moments in self.moments.items()},
            **{f"kept {name}": dict(enumerate(curves)) for name, curves in self.kept.items()},
            "seconds": self.seconds,
            **{f"tile{number}": dict(enumerate(leaves)) for number, leaves in enumerate(self.tiles)},
        }
        named = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
        place = {
            "tile": self.tile,
            "first_run": self.first_run,
            "block": self.block,
            "tiles": len(self.tiles),
        }
        return {name: np.asarray(value) for name, value in (place | named).items()}

    @classmethod
    def restored(cls, state: dict[str, np.ndarray] | None, tile: int) -> SoFar:
        """As it was at `state`; from the beginning where there is none, or one of other tiles."""
        if state is None or int(state.get("tile", 0)) != tile:
            return cls(tile)
        names = {part: [n for n in _parts(state) if n.startswith(part)] for part in ("moments ", "kept ")}
        moments = {n[8:]: Moments.restored(_part(state, n)) for n in names["moments "]}
        return cls(
            tile,
            int(state["first_run"]),
            defaultdict(Moments, moments),
            defaultdict(list, {n[5:]: _listed(state, n) for n in names["kept "]}),
            {stage: float(spent) for stage, spent in _part(state, "seconds").items()},
            int(state["block"]),
            [_listed(state, f"tile{number}") for number in range(int(state["tiles"]))],
        )

    def add(self, curves: dict[str, np.ndarray], keep_runs: bool) -> None:
        """Add runs that are done: [.., s, C] by name."""
        for name, curve in curves.items():
            self.moments[name].add(curve)
            if keep_runs:
                self.kept[name].append(curve)

    def usable(self, devices: list[jax.Device], num_runs: int) -> list[jax.Device]:
        """Of the devices as many as share out the tiles that were being played, so that none is lost."""
        playing = len(self.tiles)
        is_last = self.first_run + playing * self.tile >= num_runs
        if not playing or (is_last and playing <= len(devices)):  # or one each, and no other runs to come
            return devices
        return devices[: math.gcd(playing, len(devices))]

    def place(self, fresh: list[Carry], first_run: int) -> tuple[list[Carry], int]:
        """Tiles of a batch, and the next block: as they were, or `fresh` ones, before round 1."""
        skipped = (first_run - self.first_run) // self.tile
        found = []
        for saved, carry in zip(self.tiles[skipped:], fresh, strict=False):
            leaves, tree = jax.tree.flatten(carry)
            if [(x.shape, x.dtype) for x in saved] != [(x.shape, x.dtype) for x in leaves]:
                return fresh, 0
            placed = [jax.device_put(x, leaf.sharding) for x, leaf in zip(saved, leaves, strict=True)]
            found.append(jax.tree.unflatten(tree, placed))
        return (found, self.block) if len(found) == len(fresh) else (fresh, 0)


def _parts(state: dict[str, np.ndarray]) -> list[str]:
    """Names of all parts of a state."""
    return sorted({name.split("/")[0] for name in state if "/" in name})


def _part(state: dict[str, np.ndarray], part: str) -> dict[str, Any]:
    """One part of a state."""
    return {name.removeprefix(f"{part}/"): v for name, v in state.items() if name.startswith(f"{part}/")}


def _listed(state: dict[str, np.ndarray], part: str) -> list[np.ndarray]:
    """A part whose names are numbers, by number: whoever kept the state may have sorted its names."""
    named = _part(state, part)
    return [named[name] for name in sorted(named, key=int)]
