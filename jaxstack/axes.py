"""The axis glossary, and the array annotations that use it.

Every shape in this package is written in these letters:

| letter | meaning | property |
|---|---|---|
| `L` | leader actions | `num_leader_actions` |
| `n` | followers | `num_followers` |
| `K` | types per follower; of unequal followers the most, K_i are those of follower i | `num_types` |
| `A` | actions per follower; of unequal followers the most, A_i those of follower i | `num_actions` |
| `T` | rounds (horizon) | `horizon` |
| `R`, `V` | best-response regions; vertices per region (padded) | |
| `S`, `G` | runs (seeds); games in a batch | `num_runs`, `num_games` |
| `C` | checkpoints at which regret is recorded; components of a mixture of types | |
| `J` | joint types, `K**n` or K_1 .. K_n, in C order (the last follower's type moves fastest) | |
"""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Bool, Complex, Float, Int, UInt32

Array = jax.Array | np.ndarray  # on the host (float64) or on a device
DeviceArray = jax.Array

__all__ = ["Array", "Bool", "Complex", "DeviceArray", "Float", "Int", "UInt32"]
