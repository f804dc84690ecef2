"""What counts as numbers, counts and devices; every refusal says what arrived and what to do."""

import datetime
import re
from decimal import Decimal
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstack import Game, IndependentTypes, JointTypes, MixtureTypes, SeparablePayoff, TabularPayoff, checks

LOOP: list = []
LOOP.append(LOOP)
NO_NUMBERS = {
    "complex": (np.array([[1j]]), "of dtype complex128; pass its real part"),
    "complex in a list": ([[1.0, 1j]], "entry [0, 1] is 1j; pass its real part"),
    "text": ("12", "is '12'; convert texts to numbers first"),
    "texts": ([["1", "2"]], "entry [0, 0] is '1'; convert texts"),
    "one text": ([[1, "2"]], "entry [0, 1] is '2'; convert texts"),
    "array of texts": (np.array([["1"]]), "of dtype <U1; convert texts"),
    "bytes": (b"12", "is b'12'; convert texts"),
    "byte buffer": (bytearray(b"12"), "of type bytearray, which is no number"),
    "truth values": (np.array([[True]]), "of dtype bool; pass 1.0 and 0.0"),
    "truth value in a list": ([[1, True]], "entry [0, 1] is True; pass 1.0 and 0.0"),
    "dates": (np.array([["2020-01-01"]], "M8[D]"), "of dtype datetime64[D]; pass times as numbers"),
    "date": ([[datetime.date(2020, 1, 1)]], "of type date, which is no number"),
    "duration": (np.timedelta64(3, "s"), "of dtype timedelta64[s]; pass times as numbers"),
    "structured": (np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]), "pass one array of numbers for each"),
    "masked": (np.ma.array([[1.0, 2.0]], mask=[[0, 1]]), "a masked array; say what masked entries stand for"),
    "masked in a list": ([np.ma.array([1.0, 2.0], mask=[0, 1])], "entry [0] is a masked array"),
    "none": (None, "is None of type NoneType, which is no number"),
    "objects": (np.array([[None, 1]], object), "entry [0, 0] is None"),
    "dictionary": ({}, "is {} of type dict, which is no number"),
    "generator": ((x for x in [1.0]), "of type generator, which is no number"),
    "key": (jax.random.key(0), "cannot be converted"),
    "ragged": ([[1, 2], [3]], "inhomogeneous .*; check for ragged lists"),
    "too large": ([[10**400]], "too large .* beyond 1.8e308"),
    "a list of itself": (LOOP, "of type list, which is no number"),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_what_is_no_real_number_is_refused_and_never_converted(name):
    value, message = NO_NUMBERS[name]
    pattern = ".*".join(map(re.escape, message.split(".*")))
    with pytest.raises(ValueError, match=pattern):
        checks.real_array(value)


@pytest.mark.filterwarnings("ignore:Python iterable type 'generator':DeprecationWarning")
@pytest.mark.parametrize("name", NO_NUMBERS)
def test_payoffs_and_probabilities_refuse_it_too(name):
    value = NO_NUMBERS[name][0]
    makers = [
        TabularPayoff,
        SeparablePayoff,
        IndependentTypes,
        JointTypes,
        lambda value: MixtureTypes(value, [[[1.0]]]),
        lambda value: MixtureTypes([1.0], value),
        lambda value: MixtureTypes.correlated(value, 0.5),
        lambda value: Game(value, [[[[1.0]]]]),
        lambda value: Game([[1.0]], value),
    ]
    if name == "ragged":  # lists of probabilities may differ in length
        makers.remove(IndependentTypes)
    for make in makers:
        with pytest.raises(ValueError, match=r"numbers.*, but it could not be converted: .{10}"):
            make(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1, 2.5], [1, 2.5]),
        ((np.float32(0.5), np.int8(3)), [0.5, 3]),
        (range(3), [0, 1, 2]),
        ([Fraction(1, 4), Decimal("0.5")], [0.25, 0.5]),
        (np.array([Fraction(1, 4)], object), [0.25]),
        ([jnp.ones(2), np.zeros(2)], [[1, 1], [0, 0]]),
        (jnp.ones(2, jnp.bfloat16), [1, 1]),
        (np.uint64(2**63), 2.0**63),
        (float("inf"), np.inf),
    ],
)
def test_numbers_of_all_kinds_become_float64(value, expected):
    array = checks.real_array(value)
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, expected)


def test_the_copy_is_ones_own():
    mine = np.ones(2)
    array = checks.real_array(mine)
    mine[0] = 5
    assert array.tolist() == [1, 1]
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 2


NO_COUNTS = [
    True,
    False,
    np.True_,
    "5",
    b"5",
    1.5,
    None,
    [3],
    np.array([3]),
    1j,
    np.nan,
    np.inf,
    -1,
    10**5000,
]


@pytest.mark.parametrize("value", NO_COUNTS, ids=checks.brief)
def test_what_is_no_count_is_refused(value):
    with pytest.raises(ValueError, match=r"^horizon must be .*, but .{1,60} arrived\.$"):
        checks.positive_int("horizon", value, 10**9)


@pytest.mark.parametrize("value", NO_COUNTS[:-1], ids=checks.brief)
def test_what_is_no_seed_is_refused(value):
    with pytest.raises(
        ValueError, match=r"^seed must be a whole number of at least 0, but .{1,60} arrived\.$"
    ):
        checks.seed("seed", value)


@pytest.mark.parametrize(
    "value", [5, 5.0, np.int8(5), np.float32(5), np.array(5), jnp.asarray(5), Fraction(5)]
)
def test_whole_numbers_of_all_kinds_are_counts(value):
    count = checks.positive_int("runs", value)
    assert (type(count), count) == (int, 5)
    assert checks.seed("seed", value) == 5


def test_devices_are_a_list_of_devices():
    assert checks.devices(None) == jax.local_devices()
    assert checks.devices(tuple(jax.devices()[:2])) == jax.devices()[:2]
    for wrong in ("cpu", 3, jax.devices()[0], ["cpu"], {"cpu": 1}):
        with pytest.raises(
            ValueError, match=r"devices must be a list of JAX devices, but .* jax\.devices\('cpu'\)"
        ):
            checks.devices(wrong)
    with pytest.raises(ValueError, match="an empty list arrived"):
        checks.devices([])
    with pytest.raises(ValueError, match="names one twice"):
        checks.devices([jax.devices()[0]] * 2)


def test_hyperparameters_are_numbers_by_name():
    assert checks.named_numbers("hparams", None) == {}
    assert checks.named_numbers("hparams", {"radius_scale": 2}) == {"radius_scale": 2}
    for wrong in (3, "radius_scale", [1.0], {3: 1.0}):
        with pytest.raises(ValueError, match=r"hparams must be a mapping from names to numbers, .* arrived"):
            checks.named_numbers("hparams", wrong)


def test_an_argument_of_another_kind_is_named_with_its_remedy():
    with pytest.raises(
        ValueError, match=r"game must be a Game, but None of type NoneType arrived\. Load one\."
    ):
        checks.instance("game", None, Game, "Load one.")


def test_suggestions_take_no_time_for_long_words():
    assert checks.did_you_mean("radius_scal", ["radius_scale"]) == " Did you mean 'radius_scale'?"
    assert checks.did_you_mean("x" * 10**6, ["radius_scale"]) == ""
