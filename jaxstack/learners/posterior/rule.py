"""The rule that `shared_posterior` and `marginal_posterior` have in common.

Time is cut into epochs. Before each, distributions are fitted to all that was seen, in whatever region: the
mode of the posterior, and samples of it by the weighted likelihood bootstrap, in which every count N becomes
a Gamma(N) draw. The first part of an epoch plays the best candidate for a sample (probing), the rest the best
candidate for the mode (exploiting). Where the data identify D samples are as the posterior to first order;
where they do not they are draws from the prior, fresh in every epoch: this is what explores.

What a region tells does not depend on the vertex that is played, so a probe is worth most where the mode does
not lead: of SAMPLES samples the first one that leads to another region is played. Epochs are few, some 115
from T to 10 T: with one sample each, a region that few early rounds made look bad, so that it is best in one
sample of 500, is not looked at again for very long. Epochs that only probe, as those of one round do, play
their first sample, so that the mode's region has its share of them.

Source: Newton and Raftery, *Approximate Bayesian Inference with the Weighted Likelihood Bootstrap*, 1994;
Russo, *Simple Bayesian Algorithms for Best-Arm Identification*, 2020 (top-two sampling).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxstack import checks
from jaxstack.axes import Bool, DeviceArray, Float, Int
from jaxstack.game import Game
from jaxstack.learners.candidates import Scoring, score_marginals
from jaxstack.learners.contract import ActionFeedback, Choice, Fixed, Known, Learner
from jaxstack.learners.posterior import draws, slots
from jaxstack.learners.posterior.newton import STEPS, maximise
from jaxstack.learners.posterior.outcomes import Outcomes, joint_outcomes, num_outcomes, seen_outcomes
from jaxstack.learners.posterior.slots import Slots
from jaxstack.learners.rows import take_row
from jaxstack.learners.searching import epochs
from jaxstack.regions.table import RegionTable

SAMPLES = 3  # fewer failures than with one, and about as few as with four, which take longer


class Rule(NamedTuple):
    """What is fixed when a learner is made.

    joint: whether D is a distribution of joint types, or a product of marginals.
    growth: length of an epoch, as a share of the rounds before it.
    steps: of Newton's method.
    """

    joint: bool
    growth: float = 0.02
    steps: int = STEPS


class PosteriorParams(NamedTuple):
    """probe_share: part of an epoch that plays for the sample; alpha_low, alpha_high: between which the prior
    weight of a type in a sample is drawn, log-uniformly; floor: added to it."""

    probe_share: Float[DeviceArray, ""]
    alpha_low: Float[DeviceArray, ""]
    alpha_high: Float[DeviceArray, ""]
    floor: Float[DeviceArray, ""]


class Prepared(NamedTuple):
    outcomes: Outcomes
    scoring: Scoring


class Plan(NamedTuple):
    """What is played in a part of an epoch, and the slot that counts what is seen."""

    choice: Any  # Choice; without a table, the Place that a search has found
    slot: Int[DeviceArray, "P"]


class PosteriorState(NamedTuple):
    """Counts, the mode fitted to them last, and the two plans of the epoch.

    mode: [P, J], from which the next fits start. probe_until: the last round that probes.
    """

    slots: Slots
    mode: Float[DeviceArray, "P J"]
    probe: Plan
    exploit: Plan
    probe_until: Int[DeviceArray, ""]


class Fit(NamedTuple):
    """Arguments of `maximise`: weights [P, S, E], outcome [P, S, J], prior [P, J]."""

    weights: Float[DeviceArray, "P S E"]
    outcome: Int[DeviceArray, "P S J"]
    prior: Float[DeviceArray, "P J"]


def learner(
    name: str,
    rule: Rule,
    prepare: Callable[[Game, RegionTable], Prepared],
    without_table: Callable[[str, Rule], Learner],
) -> Learner:
    """The learner that plays by a rule.

    Args:
      name: of the learner.
      rule: what is fixed.
      prepare: (game in units, table) -> Prepared, for joint types or follower by follower, as the rule says.
      without_table: makes the learner that plays by it where there is no table.

    Raises:
      ValueError: growth outside 0..1, or fewer than 1 step.
    """
    rule = _checked(rule)
    return Learner(
        name=name,
        feedback="actions",
        init=Fixed(init, rule),
        act=act,
        update=update,
        hparams=hparams,
        prepare=prepare,
        ranges=tuple((number, 0.0, math.inf) for number in PosteriorParams._fields),
        draws=True,
        schedule=Fixed(schedule, rule),
        replan=Fixed(replan, rule),
        info=info,
        without_table=without_table(name, rule),
    )


def info(state: PosteriorState, known: Known, choice: Choice) -> dict[str, jax.Array]:
    """For readers: the last mode [P, J], the last round that probes; of joint types also visits [R]."""
    told = {"mode": state.mode, "probe_until": state.probe_until}
    if known.prepared.outcomes.way is not None:
        return told
    visits = state.slots.counts[:, 0].sum(axis=1)
    of_regions = jnp.zeros(known.table.padded_regions, jnp.int32)
    return {"visits": of_regions.at[jnp.maximum(state.slots.way[:, 0], 0)].add(visits), **told}


def _checked(rule: Rule) -> Rule:
    """The rule, if its numbers make sense."""
    growth = checks.real_number(rule.growth)
    if growth is None or not 0 < growth <= 1:
        raise ValueError(
            f"growth must be a number above 0, at most 1, but {checks.brief(rule.growth)} arrived: an epoch "
            f"is that share of the rounds before it."
        )
    return rule._replace(growth=growth, steps=checks.positive_int("steps", rule.steps))


def schedule(rule: Rule, horizon: int) -> np.ndarray:
    """First rounds of all epochs up to `horizon`; int64."""
    return epochs(rule.growth, horizon)


def hparams(known: Known) -> PosteriorParams:
    """Default hyperparameters; J is the number of types of a problem."""
    return default_params(known.prepared.outcomes.of_type.shape[-1], known.dtype)


def default_params(num_types: int, dtype: Any) -> PosteriorParams:
    """Of problems of J types."""
    numbers = (0.1, 1 / num_types, 1.0, 0.01)
    return PosteriorParams(*(jnp.asarray(number, dtype) for number in numbers))


def init(rule: Rule, known: Known, params: PosteriorParams) -> PosteriorState:
    """Before round 1: nothing seen; the first epoch begins with it, and plans."""
    zero = jnp.zeros((), jnp.int32)
    num_ways, num_problems, num_types = known.prepared.outcomes.of_type.shape[-3:]
    plan = Plan(Choice(zero, zero), jnp.zeros(num_problems, jnp.int32))
    counts = slots.empty(num_ways, num_problems, num_outcomes(known.game, rule.joint))
    uniform = jnp.full((num_problems, num_types), 1 / num_types, known.dtype)
    return PosteriorState(counts, uniform, plan, plan, zero)


def act(key: jax.Array, state: PosteriorState, known: Known, params: PosteriorParams, t: jax.Array) -> Choice:
    """What the epoch has planned for this round: to probe, then to exploit."""
    return plan_of(state, t).choice


def update(
    state: PosteriorState,
    known: Known,
    params: PosteriorParams,
    choice: Choice,
    feedback: ActionFeedback,
    t: jax.Array,
) -> PosteriorState:
    """One more of the actions seen, counted by the ways in which followers respond where it was played."""
    seen = seen_outcomes(known.prepared.outcomes, known.game, choice.region, feedback.actions)
    return state._replace(slots=slots.count(state.slots, plan_of(state, t).slot, seen))


def replan(
    rule: Rule, key: jax.Array, state: PosteriorState, known: Known, params: PosteriorParams, t: jax.Array
) -> PosteriorState:
    """The two plans of the epoch that begins with round t."""
    drawn = jax.vmap(lambda key: sample(key, state.slots, known, params))(jax.random.split(key, SAMPLES))
    found = mode(state.slots, known)
    fits = Fit(*(jnp.concatenate([*many, one]) for many, one in zip(drawn, found, strict=True)))
    start = jnp.concatenate([state.mode] * (SAMPLES + 1))
    *samples, types = maximise(*fits, start, steps=rule.steps).reshape(-1, *state.mode.shape)
    exploited = best(known, types)
    choices = jax.vmap(lambda types: best(known, types))(jnp.stack(samples))
    last, exploits = last_probe(rule, params, t)
    first = jnp.where(exploits, jnp.argmax(choices.region != exploited.region), 0)
    probed = jax.tree.map(lambda leaf: take_row(leaf, first), choices)
    none = jnp.full_like(state.exploit.slot, -1)
    after, exploit_slot = slots.claim(state.slots, _ways(known, exploited), none)
    after, probe_slot = slots.claim(after, _ways(known, probed), exploit_slot)
    plans = Plan(probed, probe_slot), Plan(exploited, exploit_slot)
    return PosteriorState(after, types, *plans, last)


def last_probe(rule: Rule, params: PosteriorParams, t: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The round up to which the epoch that begins with round t probes; and whether it goes on to exploit."""
    length = jnp.maximum(jnp.floor(rule.growth * t.astype(params.probe_share.dtype)), 1)
    probes = jnp.maximum(jnp.round(params.probe_share * length), 1)
    return t + probes.astype(jnp.int32) - 1, probes < length


def mode(seen: Slots, known: Known) -> Fit:
    """The fit of the posterior's mode: every type has the prior weight 1/J."""
    weights, outcome = _observed(seen, known)
    num_types = outcome.shape[-1]
    prior = jnp.full((len(outcome), num_types), 1 / num_types, known.dtype)
    return Fit(weights, outcome, prior)


def sample(key: jax.Array, seen: Slots, known: Known, params: PosteriorParams) -> Fit:
    """The fit of one sample: counts and prior weights become gamma draws."""
    weights, outcome = _observed(seen, known)
    num_problems, num_slots, num_outcomes = weights.shape
    of_types, of_slots = (num_problems, outcome.shape[-1]), (num_slots, num_problems, num_outcomes)
    shapes = ((num_problems, 1), of_types, of_types, of_slots)  # what a slot draws hangs by none behind it
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    uniform = jnp.split(jax.random.uniform(key, (ends[-1],), known.dtype), ends[:-1])
    of_alpha, of_prior, power, of_weights = (
        part.reshape(shape) for part, shape in zip(uniform, shapes, strict=True)
    )
    alpha = jnp.broadcast_to(draws.log_uniform(of_alpha, params.alpha_low, params.alpha_high), of_types)
    prior = draws.small_gamma(of_prior, power, alpha) + params.floor
    return Fit(draws.gamma(jnp.moveaxis(of_weights, 0, 1), weights), outcome, prior)


def best(known: Known, types: Float[DeviceArray, "P J"]) -> Choice:
    """First best candidate where types have these probabilities."""
    scoring: Scoring = known.prepared.scoring
    if known.game.available is not None:
        types = of_existing(types, jnp.asarray(known.prepared.outcomes.of_type[0] >= 0))
    if len(types) == 1 and scoring.joint is not None:
        return scoring.first_best(jnp.asarray(scoring.joint) @ types[0])
    return scoring.first_best(score_marginals(scoring, known, types))


def of_existing(types: Float[DeviceArray, "P J"], exists: Bool[DeviceArray, "P J"]) -> jax.Array:
    """Probabilities of the types that there are: others are never seen, and keep no more than their prior."""
    types = jnp.where(exists, types, 0)
    return types / types.sum(axis=-1, keepdims=True)


def _ways(known: Known, choice: Choice) -> Int[DeviceArray, "P"]:
    """In which way the followers of each problem respond where this is played."""
    way = known.prepared.outcomes.way
    return choice.region[None] if way is None else take_row(way, choice.region)


def _observed(seen: Slots, known: Known) -> tuple[jax.Array, jax.Array]:
    """Counts [P, S, E] as floats, and outcomes [P, S, J] under the slots' ways."""
    way = jnp.maximum(seen.way, 0)  # free slots have no weight
    if way.ndim == 4:  # whole response maps [n, K]
        of_type: Any = joint_outcomes(way[:, 0], known.game.num_actions)[:, None]
    elif way.ndim == 3:
        of_type = way
        if known.game.existing is not None:
            of_type = jnp.where(jnp.asarray(known.game.existing), of_type, -1)
    elif known.prepared.outcomes.way is None:
        of_type = take_row(known.prepared.outcomes.of_type, way[:, 0])  # [S, 1, J]
    else:
        of_type = jnp.take_along_axis(jnp.asarray(known.prepared.outcomes.of_type), way[:, :, None], axis=0)
    counts = seen.counts.astype(known.dtype)
    return jnp.moveaxis(counts, 1, 0), jnp.moveaxis(of_type, 1, 0)


def plan_of(state: PosteriorState, t: jax.Array) -> Plan:
    """The plan of round t."""
    probes = t <= state.probe_until
    return jax.tree.map(lambda probe, exploit: jnp.where(probes, probe, exploit), state.probe, state.exploit)
