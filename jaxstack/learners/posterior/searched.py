"""The posterior learners without a table of regions: response maps are met as they are played.

The rule is that of `jaxstack.learners.posterior.rule`, with the same epochs. What differs: a plan is a
commitment that a search has found, from the plan of the epoch before (`jaxstack.learners.searching`); what
was seen is counted by the responses under which it was seen; and as a search costs far more than a fit,
every epoch has one sample.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack.game import Game
from jaxstack.learners.contract import ActionFeedback, Commitment, Fixed, Known, Learner
from jaxstack.learners.posterior import rule as rules
from jaxstack.learners.posterior import slots
from jaxstack.learners.posterior.newton import maximise
from jaxstack.learners.posterior.outcomes import require_equal_draws, warn_of_correlation, warn_of_types
from jaxstack.learners.posterior.rule import Fit, Plan, PosteriorParams, PosteriorState, Rule
from jaxstack.learners.searching import nowhere, of_joint, of_marginals, prepare_search, search
from jaxstack.payoffs import joint_index
from jaxstack.solvers.walk import Arrangement

MAX_OUTCOMES = 4096  # joint actions, and joint types: each of 64 slots has a count of every one


def posterior_by_search(name: str, rule: Rule) -> Learner:
    """The learner of that name, as it plays by a rule without a table."""
    return Learner(
        name=name,
        feedback="actions",
        init=Fixed(_init, rule),
        act=_act,
        update=Fixed(_update, rule),
        hparams=Fixed(_hparams, rule),
        prepare=Fixed(_prepare, rule),
        ranges=tuple((number, 0.0, np.inf) for number in PosteriorParams._fields),
        plays="commitments",
        needs_table=False,
        draws=True,
        schedule=Fixed(rules.schedule, rule),
        replan=Fixed(_replan, rule),
    )


def _prepare(rule: Rule, game: Game, table: Any) -> Arrangement:
    """What searches need to know.

    Raises:
      ValueError: too many joint types or joint actions, or games of a batch that have other numbers of types.
    """
    most = max(game.num_types, game.num_actions)
    if rule.joint and (most**game.num_followers > MAX_OUTCOMES or game.available is not None):
        raise ValueError(
            f"shared_posterior without a region table works on joint types and joint actions of equal "
            f"followers, at most {MAX_OUTCOMES:,} of either, but {game!r} arrived. Use marginal_posterior, "
            f"which works follower by follower (right for independent types, and for payoffs that are sums)."
        )
    require_equal_draws(game, rule.joint)
    warn_of_types(game)
    if not rule.joint:
        warn_of_correlation(game)
    return prepare_search(game, table)


def _num_types(rule: Rule, game: Game) -> int:
    """J."""
    return int(game.num_types ** (game.num_followers if rule.joint else 1))


def _hparams(rule: Rule, known: Known) -> PosteriorParams:
    return rules.default_params(_num_types(rule, known.game), known.dtype)


def _init(rule: Rule, known: Known, params: PosteriorParams) -> PosteriorState:
    game, zero = known.game, jnp.zeros((), jnp.int32)
    n = game.num_followers
    counts = (1, game.num_actions**n) if rule.joint else (n, game.num_actions)
    responses = (n, game.num_types) if rule.joint else (game.num_types,)
    empty = slots.empty(slots.MAX_SLOTS, counts[0], counts[1], responses)
    plan = Plan(nowhere(known), jnp.zeros(counts[0], jnp.int32))
    num_types = _num_types(rule, game)
    uniform = jnp.full((1 if rule.joint else n, num_types), 1 / num_types, known.dtype)
    return PosteriorState(empty, uniform, plan, plan, zero)


def _act(
    key: jax.Array, state: PosteriorState, known: Known, params: PosteriorParams, t: jax.Array
) -> Commitment:
    place = rules.plan_of(state, t).choice
    return Commitment(place.x, place.responses)


def _update(
    rule: Rule,
    state: PosteriorState,
    known: Known,
    params: PosteriorParams,
    choice: Commitment,
    feedback: ActionFeedback,
    t: jax.Array,
) -> PosteriorState:
    actions = feedback.actions
    seen = jnp.asarray(joint_index(actions, known.game.num_actions))[None] if rule.joint else actions
    return state._replace(slots=slots.count(state.slots, rules.plan_of(state, t).slot, seen))


def _replan(
    rule: Rule, key: jax.Array, state: PosteriorState, known: Known, params: PosteriorParams, t: jax.Array
) -> PosteriorState:
    """The two plans of the epoch that begins with round t."""
    for_sample, for_probe, for_exploit = jax.random.split(key, 3)
    both = [rules.sample(for_sample, state.slots, known, params), rules.mode(state.slots, known)]
    fits = Fit(*(jnp.concatenate(parts) for parts in zip(*both, strict=True)))
    start = jnp.concatenate([state.mode, state.mode])
    types = maximise(*fits, start, steps=rule.steps).reshape(2, *state.mode.shape)
    weights = jax.vmap(lambda of_types: _weights(rule, known, of_types))(types)
    last, rounds = state.exploit.choice, rule.growth * t.astype(known.dtype)

    def searched(start: tuple[jax.Array, Any]) -> Any:
        return search(start[0], known, start[1], last, rounds)

    places = jax.lax.map(searched, (jnp.stack([for_probe, for_exploit]), weights))
    probed, exploited = (jax.tree.map(lambda leaf, at=at: leaf[at], places) for at in (0, 1))
    ways = [place.responses[None] if rule.joint else place.responses for place in (probed, exploited)]
    after, exploit_slot = slots.claim(state.slots, ways[1], jnp.full_like(state.exploit.slot, -1))
    after, probe_slot = slots.claim(after, ways[0], exploit_slot)
    plans = Plan(probed, probe_slot), Plan(exploited, exploit_slot)
    return PosteriorState(after, types[1], *plans, rules.last_probe(rule, params, t)[0])


def _weights(rule: Rule, known: Known, types: jax.Array) -> Any:
    """Weights of a search from probabilities [P, J] of types."""
    has = known.game.existing
    types = rules.of_existing(types, jnp.ones(types.shape, bool) if has is None else jnp.asarray(has))
    return of_joint(known, types[0]) if rule.joint else of_marginals(known, types)
