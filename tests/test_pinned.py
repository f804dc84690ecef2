"""The numbers of today are those of the file, whatever the version of Python and JAX (see `pinned.py`)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from jaxstack.learners import ROSTER
from tests import pinned

STORED = pinned.read()
PINNED = [name for name in ROSTER if name in STORED]  # a new learner is pinned when the file is written next


def test_everything_is_pinned() -> None:
    assert list(STORED) == ["package", *(name for name in ROSTER if name in STORED)]
    layers = {layer for numbers in STORED.values() for layer in numbers}
    assert layers == set(pinned.LAYERS)
    for name in pinned.SKIPPING:
        assert len({tuple(choice) for choice in STORED[name]["choices"]}) > 2, "a learner that never learns"


def test_the_package_draws_what_it_drew() -> None:
    assert pinned.difference(STORED["package"], pinned.package_numbers()) is None


@pytest.mark.parametrize("name", PINNED)
def test_a_learner_plays_what_it_played(name: str) -> None:
    assert pinned.difference(STORED[name], pinned.learner_numbers(name)) is None


# The comparison itself: every kind of change is told from the others ---------------------------------


def other_bits(numbers: dict[str, Any]) -> None:
    numbers["bits"][3] ^= 1


def other_types_of_a_kind(numbers: dict[str, Any]) -> None:
    numbers["types"]["mixture"][5][0] ^= 1


def other_stream(numbers: dict[str, Any]) -> None:
    """One round late: types, and with them everything after."""
    for layer in ("types", "choices"):
        numbers[layer] = numbers[layer][1:] + numbers[layer][:1]
    numbers["regret"] = (np.array(numbers["regret"]) * 1.1).tolist()


def other_order(numbers: dict[str, Any]) -> None:
    numbers["regions"].reverse()


def other_choice(numbers: dict[str, Any]) -> None:
    numbers["choices"][17][1] += 1
    numbers["regret"] = (np.array(numbers["regret"]) * 1.001).tolist()


def other_regret(numbers: dict[str, Any]) -> None:
    numbers["regret"][2][3] *= 1 + 3e-5


def other_regret_ahead(numbers: dict[str, Any]) -> None:
    numbers["regret with skip_ahead"][0][0] += 0.01


def fewer_runs(numbers: dict[str, Any]) -> None:
    numbers["regret"].pop()


def no_curve(numbers: dict[str, Any]) -> None:
    del numbers["regret"]


@pytest.mark.parametrize(
    ("part", "change", "says"),
    [
        ("package", other_bits, "another random stream: JAX's generator gives other bits: bits[3] was"),
        (
            "package",
            other_types_of_a_kind,
            "another random stream: other types are drawn: types['mixture'][5][0] was",
        ),
        ("package", other_order, "other best-response regions"),
        ("region_ucb", other_stream, "another random stream: other types are drawn: types["),
        (
            "region_ucb",
            other_choice,
            "the same types are drawn, but other choices are made, ",
        ),
        ("oful", other_choice, "choices[17][1] was "),
        (
            "oful",
            other_regret,
            "the same choices, but regret differs by more than float32 rounding: regret[2]",
        ),
        ("oful", fewer_runs, "the same choices, but regret differs"),
        ("erm_joint", other_regret_ahead, "with skip_ahead another random stream, or other choices"),
        ("erm_joint", no_curve, "'regret' is pinned for this learner or computed, but not both"),
    ],
)
def test_a_change_is_named(part: str, change: Callable[[dict[str, Any]], None], says: str) -> None:
    found = copy.deepcopy(STORED[part])
    change(found)
    assert says in (pinned.difference(STORED[part], found) or "no difference")


@pytest.mark.parametrize("name", PINNED)
def test_rounding_is_no_change(name: str) -> None:
    found = copy.deepcopy(STORED[name])
    regret = np.array(found["regret"])
    signs = np.random.default_rng(0).choice([-1, 1], regret.shape)
    found["regret"] = (regret * (1 + 4 * np.finfo(np.float32).eps * signs)).tolist()
    assert found["regret"] != STORED[name]["regret"] or not regret.any()
    assert pinned.difference(STORED[name], found) is None
