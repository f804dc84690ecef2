"""The local search over vertices of the arrangement: never above the optimum, and nearly always there."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstack as js
from experiments import walk as experiment
from jaxstack.learners import know
from jaxstack.solvers import near_ties
from jaxstack.solvers.walk import Place, arrangement, climb, search
from tests.games import Case, degenerate_games, leader_payoff, type_distribution
from tests.reference.value import utility

pytestmark = pytest.mark.once

KINDS = (
    ("separable", "joint"),
    ("tabular", "joint"),
    ("anonymous", "mixture"),
    ("typed separable", "independent"),
)


def random_case(seed: int, shape: tuple[int, int, int, int], payoff: str, types: str) -> Case:
    rng = np.random.default_rng([seed, 3])
    L, n, K, A = shape
    game = js.Game(leader_payoff(rng, payoff, shape), rng.uniform(-1, 1, (n, K, L, A)))
    return Case(f"{seed}", game, type_distribution(rng, types, shape))


def searched(case: Case, starts: Any, first: int = 0) -> Place:
    """Searches from several starts side by side, numbered from `first`."""
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(0), 16)[first : first + len(jax.tree.leaves(starts)[0])]
        return jax.tree.map(np.asarray, _climbs(keys, arrangement(case.game), case.types.marginals(), starts))


@jax.jit
def _climbs(keys: jax.Array, arr: Any, weights: Any, starts: Any) -> Place:
    return jax.vmap(lambda key, start: climb(key, arr, weights, start, steps=40, kicks=4))(keys, starts)


@pytest.mark.parametrize(("payoff", "types"), KINDS)
def test_it_finds_what_the_enumeration_finds(payoff: str, types: str) -> None:
    general = [random_case(seed, (3, 2, 2, 3), payoff, types) for seed in range(4)]
    degenerate = list(degenerate_games(11, 5, ((3, 2, 2, 3),), (payoff,)))[:: 1 if types == "joint" else 3]
    for case in general + [c for c in degenerate if isinstance(c.types, type(general[0].types))]:
        for ties in ("optimistic", "robust"):
            best = js.solve(case.game, case.types, "vertices", ties).value
            found = js.solve(case.game, case.types, "walk", ties)
            assert found.value == pytest.approx(best, abs=1e-9), (case.name, ties)
            assert found.upper_bound >= best - 1e-9
            earned = utility(case.game, case.types, found.commitment, found.response)
            assert found.value == pytest.approx(earned, abs=1e-9)


def test_it_is_where_a_mixed_integer_program_ends() -> None:
    for seed in range(2):
        game, types = experiment.large_game((10, 3, 2, 3), seed)
        exact = js.solve(game, types, "milp")
        assert exact.gap <= 1e-9
        found = js.solve(game, types, "walk")
        assert found.value == pytest.approx(exact.value, abs=1e-8)
        assert js.solve(game, types, "walk").value == found.value
        assert not near_ties(game, types, found.commitment, found.response)


def test_a_search_is_never_worse_than_its_start_and_the_same_in_any_batch() -> None:
    case = random_case(0, (5, 2, 2, 3), "separable", "joint")
    starts = np.arange(5)
    more = searched(case, starts)
    pure = [js.expected_utility(case.game, case.types, x) for x in np.eye(5)]
    assert (more.value >= np.array(pure) - 1e-12).all()
    again = searched(case, more)
    assert (again.value >= more.value - 1e-12).all()
    assert more.value.max() <= js.solve(case.game, case.types, "vertices").value + 1e-9
    for first in (0, 3):
        alone = searched(case, starts[first : first + 1], first)
        np.testing.assert_allclose(alone.value[0], more.value[first], rtol=0, atol=1e-12)
        np.testing.assert_array_equal(alone.responses[0], more.responses[first])
    for x, response, value in zip(more.x, more.responses, more.value, strict=True):
        assert value == pytest.approx(utility(case.game, case.types, x, response), abs=1e-9)


def test_the_order_of_leader_actions_changes_nothing() -> None:
    case = random_case(1, (5, 2, 2, 3), "separable", "joint")
    order = np.array([3, 0, 4, 2, 1])
    moved = js.Game(js.SeparablePayoff(case.game.leader.table[:, order]), case.game.follower[:, :, order])
    first, second = (js.solve(game, case.types, "walk") for game in (case.game, moved))
    assert first.value == pytest.approx(second.value, abs=1e-12)
    np.testing.assert_allclose(first.commitment[order], second.commitment, atol=1e-9)


def test_it_runs_in_the_float_type_of_a_learner() -> None:
    case = random_case(2, (5, 2, 2, 3), "separable", "joint")
    table = js.enumerate_regions(case.game)
    known = know(case.game, table, 10.0)

    @jax.jit
    def climbed(game: js.Game, weights: jax.Array) -> Place:
        return climb(jax.random.key(0), arrangement(game), weights, jnp.int32(0), steps=60, kicks=4)

    place = climbed(known.game, case.types.marginals())
    assert place.value.dtype == jnp.float32
    best = js.solve(case.game, case.types, table=table).value
    assert float(place.value) == pytest.approx((best - known.payoff_low) / known.payoff_range, abs=1e-5)


@pytest.mark.parametrize(
    "number", [555, 902], ids=["where regions do not count", "where equal actions make payoffs concave"]
)
def test_robust_searches_are_not_misled(number: int) -> None:
    _, make = next(itertools.islice(experiment.small_games(number + 1), number, None))
    assert max(map(abs, experiment.gaps_of(make(), "robust"))) <= 1e-9


def test_the_experiment_counts() -> None:
    counts, failures = experiment.compare_small(1)
    assert sum(counts.values()) == 4  # two tie rules, the search alone and with what the bound meets
    assert not failures


# What is refused


def test_what_takes_minutes_a_step_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_FLOATS", 10)
    case = random_case(0, (3, 2, 2, 2), "tabular", "joint")
    with pytest.raises(ValueError, match=r"would look at .* response maps .*Use method='programs' or 'milp'"):
        js.solve(case.game, case.types, "walk")


def test_a_strategy_set_without_a_known_vertex(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "build", _without_corners)
    case = random_case(0, (3, 2, 2, 2), "separable", "joint")
    with pytest.raises(ValueError, match=r"starts from vertices of the strategy set, but none was found"):
        js.solve(case.game, case.types, "walk")


def _without_corners(*arguments: Any) -> Any:
    from jaxstack.solvers.walk.arrangement import build

    arr = build(*arguments)
    object.__setattr__(arr, "corners", arr.corners[:0])
    return arr


def test_flat_cells_are_not_told_of_traced_games() -> None:
    case = random_case(0, (3, 2, 2, 2), "separable", "joint")
    with pytest.raises(ValueError, match="on the host, but this game is traced"):
        jax.jit(lambda game: arrangement(game, "robust"))(case.game)
