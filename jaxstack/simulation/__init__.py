"""The simulation engine. Begin with `jaxstack.simulation.rounds`, the plain path."""

from jaxstack.simulation.rounds import BLOCK
from jaxstack.simulation.setup import Setup, prepare
from jaxstack.simulation.simulate import MAX_HORIZON, Progress, simulate
from jaxstack.simulation.snapshots import Snapshots
from jaxstack.simulation.tables import without_table
from jaxstack.simulation.tiles import held_bytes, tile_size, tree_bytes
from jaxstack.simulation.trace import Trace, play

__all__ = [
    "BLOCK",
    "MAX_HORIZON",
    "Progress",
    "Setup",
    "Snapshots",
    "Trace",
    "held_bytes",
    "play",
    "prepare",
    "simulate",
    "tile_size",
    "tree_bytes",
    "without_table",
]
