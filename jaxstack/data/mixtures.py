"""Mixtures of independent types by expectation maximisation: a local maximum of the likelihood."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack.axes import Bool, Float

_STEPS = 20_000
_SETTLED = 1e-12  # gain of a step in log-likelihood a round, at which all restarts end


class Mixture(NamedTuple):
    """The best of all restarts.

    weights [C], marginals [C, n, K]; of components in descending order of weight.
    log_likelihood: natural logarithm.
    settled: whether it stopped rising before the steps ran out.
    """

    weights: Float[np.ndarray, "C"]
    marginals: Float[np.ndarray, "C n K"]
    log_likelihood: float
    settled: bool


def maximise(
    masks: Bool[np.ndarray, "U n K"],
    counts: Float[np.ndarray, "U"],
    exists: Bool[np.ndarray, "n K"],
    num_components: int,
    restarts: int,
    rng: np.random.Generator,
) -> Mixture:
    """A mixture that no small change makes more likely, the best of several restarts.

    Args:
      masks: types of each follower that a round of each of U kinds leaves possible.
      counts: rounds of each kind.
      exists: types that a follower has.
    """
    _, n, K = masks.shape
    seen = masks.astype(np.float64)
    shares = counts / counts.sum()
    weights = rng.dirichlet(np.full(num_components, 5.0), restarts)  # [S, C]
    marginals = rng.gamma(2.0, size=(restarts, num_components, n, K)) * exists
    marginals /= marginals.sum(axis=-1, keepdims=True)
    likelihood, settled = np.full(restarts, -np.inf), False
    for _ in range(_STEPS):
        sets = np.einsum("unk,scnk->scnu", seen, marginals)  # probability of each follower's set
        each = weights[..., None] * sets.prod(axis=2)  # [S, C, U]
        total = each.sum(axis=1)
        now = np.log(total) @ shares
        settled = bool((now - likelihood < _SETTLED).all())
        likelihood = now
        if settled:
            break
        whose = shares * each / total[:, None]  # share of rounds of a kind that a component has
        ratio = np.divide(whose[:, :, None], sets, out=np.zeros_like(sets), where=sets > 0)
        weights = whose.sum(axis=-1)
        marginals = marginals * np.einsum("unk,scnu->scnk", seen, ratio)
        marginals /= np.maximum(marginals.sum(axis=-1, keepdims=True), np.finfo(float).tiny)
        lost = marginals.sum(axis=-1, keepdims=True) < 0.5  # a component without weight has any types
        marginals = np.where(lost, exists / exists.sum(axis=-1, keepdims=True), marginals)
    best = int(likelihood.argmax())
    order = np.argsort(-weights[best], kind="stable")
    return Mixture(
        weights[best][order], marginals[best][order], float(likelihood[best] * counts.sum()), settled
    )


def information(
    masks: Bool[np.ndarray, "U n K"],
    counts: Float[np.ndarray, "U"],
    weights: Float[np.ndarray, "C"],
    marginals: Float[np.ndarray, "C n K"],
) -> Float[np.ndarray, "P P"]:
    """Minus the second derivatives of the log-likelihood in weights, then marginals."""
    with jax.enable_x64(True):
        flat = np.concatenate([weights, marginals.ravel()])
        return -np.asarray(_second(flat, masks.astype(np.float64), np.asarray(counts, np.float64)))


@jax.jit
def _second(flat: jax.Array, masks: jax.Array, counts: jax.Array) -> jax.Array:
    _, n, K = masks.shape
    num_components = flat.size // (1 + n * K)

    def log_likelihood(flat: jax.Array) -> jax.Array:
        marginals = flat[num_components:].reshape(num_components, n, K)
        sets = jnp.einsum("unk,cnk->ucn", masks, marginals)
        return counts @ jnp.log(sets.prod(axis=-1) @ flat[:num_components])

    return jax.hessian(log_likelihood)(flat)
