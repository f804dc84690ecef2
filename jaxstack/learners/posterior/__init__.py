"""Learners that fit one distribution of types to the actions seen in all regions."""

from jaxstack.learners.posterior.marginal import marginal_posterior
from jaxstack.learners.posterior.shared import shared_posterior

__all__ = ["marginal_posterior", "shared_posterior"]
