"""Local search over the vertices of the arrangement of followers' ties: past every table of regions.

`arrangement` and `climb` are pure functions of arrays, for one search; they run inside compiled code, under
`vmap` over starts, runs and games of one shape, in float32 or float64.
"""

from jaxstack.solvers.walk.arrangement import Arrangement, arrangement
from jaxstack.solvers.walk.climb import Place, climb
from jaxstack.solvers.walk.search import solve

__all__ = ["Arrangement", "Place", "arrangement", "climb", "solve"]
