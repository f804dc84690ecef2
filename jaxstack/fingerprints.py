"""Names for code and for data: equal for what is equal, in every process and on every machine.

Code is named as it was *loaded*, not as its file reads by now: a file that is edited while a program runs
changes nothing that this program computes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import importlib.metadata
import pickle
import sys
import time
import types
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any

import jax
import numpy as np

_LENGTH = 16  # hexadecimal digits
_LOADED = time.time()
_ROOT = Path(__file__).parent

# What tells of results and makes none: editing it renames nothing.
_TELLS = frozenset(
    {
        "cli",
        "comparison",
        "data",
        "exports",  # of which results inherit how they show themselves
        "learner_check",
        "page",
        "plots",
        "report",
        "results",
        "sweeps/load",
        "sweeps/other_code",
    }
)
# Their versions are recorded with results, and name none: whatever else is installed counts with its version.
_NUMERICAL = frozenset({"jax", "jaxlib", "numpy"})
_NOT_BEHAVIOUR = frozenset(
    {"__dict__", "__weakref__", "__doc__", "__module__", "__firstlineno__", "__static_attributes__"}
    | {"__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__"}
)


def package_version() -> str:
    """Of the package that is loaded."""
    return str(sys.modules["jaxstack"].__version__)


@functools.cache
def package_fingerprint() -> str:
    """Version and a digest of the sources that results depend on, such as `0.1.0+3f9a0c1d5b7e2468`.

    The sources tell one state of a checkout from another under one version; comments count, too. What only
    shows results (pictures, pages, the command line) does not. Read once in a process.

    Raises:
      RuntimeError: a source was edited after this process loaded the package, so that what it would compute
        has no name.
    """
    digest = hashlib.sha256()
    for path in sorted(_ROOT.rglob("*.py")):
        name = path.relative_to(_ROOT).with_suffix("").as_posix()
        if any(name == told or name.startswith(f"{told}/") for told in _TELLS):
            continue
        if path.stat().st_mtime > _LOADED:
            raise RuntimeError(
                f"{path} was changed after this process had loaded jaxstack: results would be named by code "
                f"that did not compute them. Start a new process (in a notebook: restart the kernel)."
            )
        source = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name}:{len(source)}:".encode() + source)
    return f"{package_version()}+{digest.hexdigest()[:_LENGTH]}"


def learner_fingerprint(learner: Any) -> str:
    """Hexadecimal name of all that a learner's numbers depend on, as far as that can be known.

    Covered, by content: the functions of the learner as they were compiled (comments and layout do not
    count); what they close over; their defaults and the arguments of `functools.partial`; the global names
    that they use, and so on through every function, class and module that is not installed. Of jaxstack
    itself, version and sources count; of other installed packages the name and version, and what their
    functions close over. `Learner.name` does not count: it is a label.

    Not covered: versions of JAX and NumPy; options of `jax.jit`; files that a function reads, environment
    variables, and attributes that it looks up by a computed name; the inside of objects from C that cannot be
    pickled. Code as Python compiles it differs between minor versions of Python, and with it the name of a
    learner that is not the package's own.

    Args:
      learner: a `jaxstack.learners.Learner`.

    Raises:
      RuntimeError: as `package_fingerprint`.
    """
    walk = _Walk()
    parts = {
        field.name: walk.digest(getattr(learner, field.name))
        for field in dataclasses.fields(learner)
        if field.name != "name"
    }
    return _hash("learner", package_fingerprint(), sorted(parts.items()))[:_LENGTH]


def content_fingerprint(*values: Any) -> str:
    """SHA-256 of data: arrays by their bytes, containers by their fields, in whatever class they stand."""
    walk = _Walk()
    return _hash("content", [walk.digest(value) for value in values])


def _hash(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


class _Walk:
    """Digests of objects by content; what refers back to itself is followed once."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}
        self._alive: list[Any] = []  # an address names an object for as long as it lives

    def digest(self, value: Any) -> str:
        """A digest that depends on what `value` is, not on where it is or how often it is shared."""
        plain = _of_plain(value)
        if plain is not None:
            return plain
        if id(value) not in self._known:
            self._alive.append(value)
            self._known[id(value)] = _hash("again", type(value).__qualname__)  # within itself
            self._known[id(value)] = self._of(value)
        return self._known[id(value)]

    def _of(self, value: Any) -> str:
        kind = type(value).__qualname__
        if isinstance(value, types.FunctionType):
            return self._of_function(value)
        if isinstance(value, types.MethodType):
            return _hash(kind, self.digest(value.__func__), self.digest(value.__self__))
        if isinstance(value, types.CodeType):
            return self._of_code(value)
        if isinstance(value, types.ModuleType):
            return _hash(kind, _named(value.__name__) or value.__name__)
        if isinstance(value, type):
            return self._of_class(value)
        if isinstance(value, functools.partial):
            return _hash(kind, self.digest(value.func), self.digest(value.args), self.digest(value.keywords))
        if isinstance(value, types.CellType):
            with contextlib.suppress(ValueError):  # nothing in it yet
                return self.digest(value.cell_contents)
            return _hash(kind)
        if isinstance(value, jax.Array | np.ndarray | np.generic):
            return self._of_array(value)
        if isinstance(value, Mapping):
            pairs = sorted((self.digest(key), self.digest(inner)) for key, inner in value.items())
            return _hash(kind, pairs)
        if isinstance(value, Set):
            return _hash(kind, sorted(map(self.digest, value)))
        if isinstance(value, list | tuple):
            return _hash(kind, self._type(value), [self.digest(inner) for inner in value])
        return self._of_object(value)

    def _of_function(self, function: types.FunctionType) -> str:
        closure = [self.digest(cell) for cell in function.__closure__ or ()]
        defaults = self.digest(function.__defaults__), self.digest(function.__kwdefaults__)
        named = _named(function.__module__)
        if named is not None:  # code that has a version; what it was made with has none
            own = closure if "<locals>" in function.__qualname__ and named not in _NUMERICAL else []
            place = (function.__module__, function.__qualname__, function.__code__.co_firstlineno)
            return _hash("function", named, place, own, defaults if own else ())
        return _hash("function", self.digest(function.__code__), closure, defaults, self._globals(function))

    def _globals(self, function: types.FunctionType) -> list[tuple[str, str]]:
        """The global names that a function or a function within it uses, with what they stand for."""
        names = _names(function.__code__)
        return [
            (name, self._used(function.__globals__[name], names))
            for name in sorted(names)
            if name in function.__globals__
        ]

    def _used(self, value: Any, names: Set[str]) -> str:
        """Of a module that has no version, what is used of it; whatever else as a whole."""
        if not isinstance(value, types.ModuleType) or _named(value.__name__) is not None:
            return self.digest(value)
        found = [(name, vars(value)[name]) for name in sorted(names) if name in vars(value)]
        inner = names - {name for name, _ in found}
        return _hash("module", value.__name__, [(name, self._used(used, inner)) for name, used in found])

    def _of_code(self, code: types.CodeType) -> str:
        constants = [self.digest(constant) for constant in code.co_consts]
        names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        shape = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        return _hash("code", code.co_code, code.co_exceptiontable, constants, names, shape)

    def _of_class(self, cls: type) -> str:
        named = _named(cls.__module__)
        if named is not None:
            return _hash("class", named, cls.__module__, cls.__qualname__)
        members = {name: inner for name, inner in vars(cls).items() if name not in _NOT_BEHAVIOUR}
        return _hash("class", cls.__qualname__, self.digest(cls.__bases__), self.digest(members))

    def _of_array(self, value: Any) -> str:
        if isinstance(value, jax.Array) and jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
            return _hash("key", str(value.dtype), self.digest(jax.random.key_data(value)))
        array = np.ascontiguousarray(jax.device_get(value))  # explicitly: a transfer guard may be on
        if array.dtype.hasobject:
            return _hash("array", np.shape(value), [self.digest(entry) for entry in array.ravel().tolist()])
        return _hash("array", str(array.dtype), np.shape(value), hashlib.sha256(array.tobytes()).hexdigest())

    def _of_object(self, value: Any) -> str:
        wrapped = getattr(value, "__wrapped__", None)
        if isinstance(wrapped, types.FunctionType):  # jax.jit, functools.cache and their like
            return _hash(type(value).__qualname__, self.digest(wrapped))
        name = getattr(value, "__qualname__", getattr(value, "__name__", None))
        if callable(value) and isinstance(name, str):
            module = getattr(value, "__module__", None)
            return _hash("builtin", _named(module) if isinstance(module, str) else None, module, name)
        fields = _fields(value)
        if fields is not None:
            return _hash("object", self._type(value), [(key, self.digest(v)) for key, v in fields])
        with contextlib.suppress(Exception):  # whatever a class from C does when it is pickled
            return _hash("pickled", self._type(value), pickle.dumps(value, 4))
        return _hash("opaque", self._type(value))

    def _type(self, value: Any) -> str:
        return self.digest(type(value))


def _of_plain(value: Any) -> str | None:
    """Digest of a constant, or None."""
    constants = type(None) | type(Ellipsis) | bool | int | float | complex | str | bytes
    if isinstance(value, constants) and type(value).__module__ == "builtins":  # not an enumeration of them
        return _hash(type(value).__qualname__, repr(value))
    return None


def _names(code: types.CodeType) -> Set[str]:
    """Names that a code object looks up as globals or attributes, those of functions within it too."""
    inner = (_names(constant) for constant in code.co_consts if isinstance(constant, types.CodeType))
    return frozenset(code.co_names).union(*inner)


def _fields(value: Any) -> list[tuple[str, Any]] | None:
    """What an object of a class from Python holds, by name; of a dataclass its fields, not what it cached."""
    if dataclasses.is_dataclass(value):
        return [(field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value)]
    slots = [name for cls in type(value).__mro__ for name in _listed(getattr(cls, "__slots__", ()))]
    found = {name: getattr(value, name) for name in slots if hasattr(value, name) and name != "__dict__"}
    found |= getattr(value, "__dict__", {})
    return sorted(found.items()) if found or hasattr(value, "__dict__") else None


def _listed(names: str | Iterable[str]) -> Iterable[str]:
    return (names,) if isinstance(names, str) else names


@functools.cache
def _named(module: str | None) -> str | None:
    """What stands for all code of a module: its name and version; None where it has to be looked at."""
    top = (module or "").partition(".")[0]
    if top == "__main__":
        return None
    if top == "jaxstack" or top in sys.stdlib_module_names or top in _NUMERICAL:
        return top  # the version of jaxstack counts besides
    loaded = sys.modules.get(top)
    place = getattr(loaded, "__file__", None) or ""
    if not {"site-packages", "dist-packages"} & set(Path(place).parts):
        return None
    version = getattr(loaded, "__version__", None)
    if version is None:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(top)
    return f"{top} {version}"
