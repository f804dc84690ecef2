"""The learners: factories without arguments, each method in its own file with its source."""

from __future__ import annotations

from jaxstack import checks
from jaxstack.learners.contract import ActionFeedback, Choice, Jumps, Known, Learner, TypeFeedback
from jaxstack.learners.erm_joint import erm_joint
from jaxstack.learners.erm_product import erm_product
from jaxstack.learners.knowledge import know
from jaxstack.learners.oful import oful
from jaxstack.learners.posterior import marginal_posterior, shared_posterior
from jaxstack.learners.region_ucb import region_ucb
from jaxstack.learners.vector_oful import vector_oful
from jaxstack.learners.yardsticks import explore_then_commit, oracle, uniform

ROSTER = {
    factory.__name__: factory
    for factory in (
        erm_joint,
        erm_product,
        region_ucb,
        oful,
        vector_oful,
        shared_posterior,
        marginal_posterior,
        oracle,
        uniform,
        explore_then_commit,
    )
}


def by_name(name: str) -> Learner:
    """The learner of that name, with default options.

    Raises:
      ValueError: no such learner; the message suggests the nearest name.
    """
    return ROSTER[checks.one_of("learner", name, ROSTER)]()


__all__ = [
    "ROSTER",
    "ActionFeedback",
    "Choice",
    "Jumps",
    "Known",
    "Learner",
    "TypeFeedback",
    "by_name",
    "erm_joint",
    "erm_product",
    "explore_then_commit",
    "know",
    "marginal_posterior",
    "oful",
    "oracle",
    "region_ucb",
    "shared_posterior",
    "uniform",
    "vector_oful",
]
