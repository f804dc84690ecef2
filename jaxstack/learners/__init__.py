"""The learners: factories without arguments, each method in its own file with its source."""

from __future__ import annotations

from jaxstack import checks
from jaxstack.learners import outside
from jaxstack.learners.contract import ActionFeedback, Choice, Commitment, Jumps, Known, Learner, TypeFeedback
from jaxstack.learners.erm_joint import erm_joint as erm_joint
from jaxstack.learners.erm_product import erm_product as erm_product
from jaxstack.learners.knowledge import know
from jaxstack.learners.oful import oful as oful
from jaxstack.learners.outside import offered
from jaxstack.learners.posterior import marginal_posterior as marginal_posterior
from jaxstack.learners.posterior import shared_posterior as shared_posterior
from jaxstack.learners.region_ucb import region_ucb as region_ucb
from jaxstack.learners.vector_oful import vector_oful as vector_oful
from jaxstack.learners.yardsticks import explore_then_commit as explore_then_commit
from jaxstack.learners.yardsticks import oracle as oracle
from jaxstack.learners.yardsticks import uniform as uniform

ROSTER: dict[str, outside.Factory] = {
    "erm_joint": erm_joint,
    "erm_product": erm_product,
    "region_ucb": region_ucb,
    "oful": oful,
    "vector_oful": vector_oful,
    "shared_posterior": shared_posterior,
    "marginal_posterior": marginal_posterior,
    "oracle": oracle,
    "uniform": uniform,
    "explore_then_commit": explore_then_commit,
}


def by_name(name: str) -> Learner:
    """The learner of that name, with default options.

    It is one of the package's own, one that a caller has `offered`, or one that an installed package offers
    by an entry point (`jaxstack.learners.outside`), which is imported now.

    Raises:
      ValueError: no such learner; the message suggests the nearest name. Or one from outside that cannot be
        made, or that has the name of one of the package's own.
    """
    given = outside.given()
    try:
        checks.one_of("learner", name, dict.fromkeys((*ROSTER, *given, *outside.installed())))
    except ValueError as error:
        raise ValueError(
            f"{error} One of your own: --learners MODULE on the command line, learners=... of run_sweep and "
            f"load_spec in Python."
        ) from None
    if name in ROSTER:
        outside.require_own(name)
        return ROSTER[name]()
    return given[name].learner if name in given else outside.of_package(name)


__all__ = [
    "ROSTER",
    "ActionFeedback",
    "Choice",
    "Commitment",
    "Jumps",
    "Known",
    "Learner",
    "TypeFeedback",
    "by_name",
    "know",
    "offered",
    *ROSTER,
]
