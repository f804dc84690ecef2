"""Names for code: other code has another name, the same code has the same one everywhere."""

import ast
import dataclasses
import functools
import importlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstack as js
from jaxstack import fingerprints, learners
from jaxstack.fingerprints import content_fingerprint, learner_fingerprint, package_fingerprint

ROOT = Path(fingerprints.__file__).parent


def named(act):
    return learner_fingerprint(dataclasses.replace(js.learners.uniform(), act=act))


def module(source, name="__main__"):
    """Names that a source defines, as in a script or a notebook."""
    space = {"__name__": name}
    exec(compile(textwrap.dedent(source), "<cell>", "exec"), space)
    return space


def script(source):
    return named(module(source)["act"])


# --- the package ---


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A small package whose fingerprint is taken."""
    for name in ("exact.py", "learners/ours.py", "plots/lines.py", "page.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x = 1\n")
        os.utime(path, (0, 0))
    monkeypatch.setattr(fingerprints, "_ROOT", tmp_path)
    return tmp_path


def edited(path, text):
    path.write_bytes(text.encode())
    os.utime(path, (0, 0))
    return package_fingerprint.__wrapped__()


def test_a_state_of_a_checkout_has_a_name_of_its_own(checkout):
    before = package_fingerprint.__wrapped__()
    assert before.startswith(js.__version__ + "+")
    assert edited(checkout / "plots" / "lines.py", "x = 2\n") == before  # shows numbers, and makes none
    assert edited(checkout / "page.py", "x = 2\n") == before
    assert edited(checkout / "exact.py", "x = 1\r\n") == before
    other = edited(checkout / "exact.py", "x = 2\n")
    assert other != before
    assert edited(checkout / "learners" / "ours.py", "x = 2\n") not in (before, other)


def test_code_that_was_edited_after_it_was_loaded_has_no_name(checkout):
    os.utime(checkout / "exact.py")
    with pytest.raises(RuntimeError, match=r"exact\.py was changed after.*Start a new process"):
        package_fingerprint.__wrapped__()


def test_what_only_tells_of_results_makes_none():
    """Nothing that a simulation or a cell imports is left out of the package's fingerprint."""
    pending = ["simulation/__init__", "sweeps/cells", "solvers/__init__", "scenarios/__init__"]
    reached, of_exports = set(), set()
    while pending:
        name = pending.pop()
        if name in reached:
            continue
        reached.add(name)
        for node in ast.walk(ast.parse((ROOT / f"{name}.py").read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jaxstack"):
                if node.module == "jaxstack.exports":  # forms in which results leave, and their base classes
                    of_exports |= {alias.name for alias in node.names}
                    continue
                whole = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                paths = [part.removeprefix("jaxstack").lstrip(".").replace(".", "/") for part in whole]
                for path in filter(None, paths):
                    pending += [p for p in (path, f"{path}/__init__") if (ROOT / f"{p}.py").is_file()]
    assert {"value", "learners/oful", "regions/clipping", "jumps/draws", "sweeps/spec/scenarios"} <= reached
    told = [name for name in reached if name.removesuffix("/__init__") in fingerprints._TELLS]
    assert told == []
    assert of_exports == {"Exported", "ExportedWithNames", "Table", "curves", "regions", "solution"}


# --- learners ---


def test_learners_of_the_package_have_distinct_names_that_last():
    here = {name: learner_fingerprint(make()) for name, make in learners.ROSTER.items()}
    assert len(set(here.values())) == len(here)
    assert here == {name: learner_fingerprint(make()) for name, make in learners.ROSTER.items()}
    code = (
        "from jaxstack import learners; from jaxstack.fingerprints import learner_fingerprint as name;"
        "from tests.test_fingerprints import OWN;"
        "print({k: name(make()) for k, make in learners.ROSTER.items()} | {'own': name(OWN)})"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "JAX_PLATFORMS": "cpu"}
    there = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert ast.literal_eval(there.stdout) == here | {"own": learner_fingerprint(OWN)}


def _scale(x):
    return x * len({"a", "b", "c"} | frozenset({"d", "e"}))


@jax.jit
def _shift(x):
    return jnp.add(_scale(x), np.float32(0.5))


def _own_act(key, state, known, hparams):
    return _shift(state)


OWN = dataclasses.replace(js.learners.uniform(), act=_own_act)


def test_the_label_is_no_part_of_the_code():
    ours = dataclasses.replace(js.learners.erm_joint(), name="ours")
    assert learner_fingerprint(ours) == learner_fingerprint(js.learners.erm_joint())
    assert named(_own_act) != learner_fingerprint(js.learners.uniform())
    other = dataclasses.replace(js.learners.erm_joint(), theorem=None)
    assert learner_fingerprint(other) != learner_fingerprint(ours)


def test_other_versions_of_the_package_give_other_names(monkeypatch):
    before = named(_own_act), learner_fingerprint(js.learners.oful())
    monkeypatch.setattr(fingerprints, "package_fingerprint", lambda: "0.2.0+0")
    after = named(_own_act), learner_fingerprint(js.learners.oful())
    assert before[0] != after[0]
    assert before[1] != after[1]


def closing_over(value):
    def act(key, state, known, hparams):
        return value

    return act


class Holder:
    def __init__(self, rate):
        self.rate = rate

    def act(self, key, state, known, hparams):
        return self.rate


def _general(rate, key, state, known, hparams, *, power=1):
    return rate**power


VARIANTS = {
    "number closed over": (closing_over(0.1), closing_over(0.2)),
    "whole number or not": (closing_over(1), closing_over(1.0)),
    "array closed over": (closing_over(np.arange(3)), closing_over(np.arange(1, 4))),
    "array of JAX": (closing_over(jnp.zeros(2)), closing_over(jnp.ones(2))),
    "dtype": (closing_over(np.zeros(2, np.float32)), closing_over(np.zeros(2))),
    "key": (closing_over(jax.random.key(0)), closing_over(jax.random.key(1))),
    "container": (closing_over({"a": [1, (2,)]}), closing_over({"a": [1, (3,)]})),
    "learner closed over": (closing_over(js.learners.oful()), closing_over(js.learners.uniform())),
    "partial": (functools.partial(_general, 0.1), functools.partial(_general, 0.2)),
    "keyword of partial": (functools.partial(_general, 1), functools.partial(_general, 1, power=2)),
    "method": (Holder(0.1).act, Holder(0.2).act),
    "jit": (jax.jit(closing_over(0.1)), jax.jit(closing_over(0.2))),
}


@pytest.mark.parametrize("kind", VARIANTS)
def test_what_a_learner_closes_over_counts(kind):
    first, second = VARIANTS[kind]
    assert named(first) == named(first)
    assert named(first) != named(second)


SCRIPT = """
import jax.numpy as jnp
RATE = 0.3
LIMITS = [1, 2]
class Rule:
    step = 2
    def apply(self, x):
        return x + self.step
def helper(x):
    return x * RATE
def act(key, state, known, hparams, power=2):
    def inner(x):
        return jnp.sum(helper(x)) + Rule().apply(LIMITS[0])
    return inner(state) ** power
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("RATE = 0.3", "RATE = 0.4"),
        ("[1, 2]", "[2, 2]"),
        ("step = 2", "step = 3"),
        ("x + self.step", "x - self.step"),
        ("x * RATE", "x / RATE"),
        ("power=2", "power=3"),
        ("jnp.sum", "jnp.max"),
        ("inner(state) **", "inner(state) *"),
    ],
)
def test_what_a_script_defines_counts(old, new):
    assert SCRIPT.count(old) == 1
    assert script(SCRIPT) == script(SCRIPT)
    assert script(SCRIPT) != script(SCRIPT.replace(old, new))


def test_comments_layout_and_what_is_not_used_do_not_count():
    spaced = SCRIPT.replace("    return x * RATE", "    # a remark\n\n    return (x  *  RATE)")
    assert script(spaced + "\nOTHER = 5\n") == script(SCRIPT)


def test_helpers_in_modules_of_ones_own_count(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    source = "import own_helpers\ndef act(key, state, known, hparams):\n    return own_helpers.scale(state)\n"
    names = []
    for factor in (2, 3):
        (tmp_path / "own_helpers.py").write_text(f"F = {factor}\ndef scale(x):\n    return F * x\nUNUSED = 0")
        importlib.invalidate_caches()
        sys.modules.pop("own_helpers", None)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        names.append(script(source))
        # What runs is what was loaded, whatever the file says since.
        (tmp_path / "own_helpers.py").write_text("F = 7\ndef scale(x):\n    return F + x\n")
        assert script(source) == names[-1]
    sys.modules.pop("own_helpers")
    assert names[0] != names[1]


def test_what_refers_to_itself_has_a_name():
    source = "def act(n):\n    return other(n)\ndef other(n):\n    return n and act(n - 1)\n"
    circle = []
    circle.append(circle)
    assert script(source) == script(source) != script(source.replace("n - 1", "n - 2"))
    assert named(closing_over(circle)) == named(closing_over(circle))


def test_data_are_named_by_content():
    game, types = js.scenarios.random_game(0)
    again, _ = js.scenarios.random_game(0)
    other, _ = js.scenarios.random_game(1)
    assert content_fingerprint(game, types) == content_fingerprint(again, types)
    assert content_fingerprint(game, types) != content_fingerprint(other, types)
    tables = js.TabularPayoff(np.ones((2, 2))), js.SeparablePayoff(np.ones((1, 2, 2)))
    assert content_fingerprint(tables[0].table) != content_fingerprint(tables[1].table)
    assert content_fingerprint({1, 2}) == content_fingerprint({2, 1})


def test_data_of_other_shapes_or_types_has_another_name():
    """The bytes are the same."""
    zeros = np.zeros((2, 3))
    objects = np.array([[None] * 3] * 2, object)
    kinds = (zeros, zeros.T, zeros.ravel(), zeros.view(np.int64), objects, objects.T)
    assert len({content_fingerprint(values) for values in kinds}) == len(kinds)
    assert content_fingerprint(zeros) == content_fingerprint(np.zeros((2, 3)))
