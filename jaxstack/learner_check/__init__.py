"""The public check of a learner: what `jaxstack.learners.contract` asks, tried on small games."""

from jaxstack.learner_check.check import check_learner
from jaxstack.learner_check.report import LearnerReport

__all__ = ["LearnerReport", "check_learner"]
