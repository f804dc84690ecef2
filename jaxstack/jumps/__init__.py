"""Runs of learners with type feedback by jumps, over rounds in which the choice cannot change.

Begin with `jaxstack.jumps.chain`. `linear` and `product` say how far a jump may go for the two ways in which
such learners score candidates; `draws` has the random numbers, and `bundles` a faster way to draw some.
"""

from jaxstack.jumps.chain import RUNS_AT_ONCE, check_learner, check_types, run
from jaxstack.jumps.problem import MAX_HORIZON, OVERLOOKED

__all__ = ["MAX_HORIZON", "OVERLOOKED", "RUNS_AT_ONCE", "check_learner", "check_types", "run"]
