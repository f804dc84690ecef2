"""From data to decisions: logs of rounds, the types that they tell, and a learner for one real leader.

`read_log` reads what was posted and seen, `fit_types` estimates the distribution of types, `deploy` plays one
round after the other with a real leader.
"""

from jaxstack.data.advice import Advice, advise
from jaxstack.data.deployment import Deployment, deploy
from jaxstack.data.fitting import FittedTypes, fit_types
from jaxstack.data.logs import Log, log_of, read_log
from jaxstack.data.stakes import Stakes, stakes

__all__ = [
    "Advice",
    "Deployment",
    "FittedTypes",
    "Log",
    "Stakes",
    "advise",
    "deploy",
    "fit_types",
    "log_of",
    "read_log",
    "stakes",
]
