"""Compiled programs on disk: a program that any process of this user has compiled is loaded, not compiled.

JAX's persistent compilation cache keeps them. It names a program by all that is compiled, the options of the
compiler and the versions of both: what it finds is what would be compiled, and numbers are the same to the
last bit. Programs for CPUs are machine code, however, and several kinds of machine may see one home folder:
each has a folder of its own.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from jaxstack import checks

MAX_BYTES = 1 << 28
"""What is kept of all kinds of machine and all versions together, by default."""

_SETTINGS = {
    "jax_persistent_cache_min_compile_time_secs": 0.0,  # a job has dozens of small programs
    "jax_persistent_cache_min_entry_size_bytes": 0,
    "jax_persistent_cache_enable_xla_caches": "none",  # choices by timing: numbers would hang by them
}
_OF_CPU = (
    "vendor_id",
    "cpu family",
    "model",
    "model name",
    "flags",
    "Features",
    "CPU implementer",
    "CPU part",
)


def cache_programs(folder: str | Path | None = None, *, max_bytes: int = MAX_BYTES) -> Path | None:
    """Keep compiled programs on disk from now on, for this process and all later ones.

    It sets JAX's persistent compilation cache, for all that this process compiles. A cache that the program,
    or `JAX_COMPILATION_CACHE_DIR`, has set stays; `JAX_ENABLE_COMPILATION_CACHE=false` turns off any.

    Args:
      folder: for programs of all machines and versions; made if need be, for this user alone. Default
        "jaxstack" in the user's folder of caches: `XDG_CACHE_HOME`, or where the system has it.
      max_bytes: what is kept of what there is now: what was not used for longest goes first. What this
        process adds is not counted until the next comes.

    Returns:
      Where programs are kept; None where they are not, because caches are turned off, or because the folder
      cannot be made or written, or others could write it (who writes programs decides what runs).

    Raises:
      ValueError: a folder that is no path, or a size below 1.
    """
    max_bytes = checks.positive_int("max_bytes", max_bytes)
    wanted = None if folder is None else checks.path("folder", folder)
    if not getattr(jax.config, "jax_enable_compilation_cache", False):
        return None
    if already := getattr(jax.config, "jax_compilation_cache_dir", None):
        return Path(already)
    try:
        root = _default_folder() if wanted is None else wanted
        here = root / _kind_of_machine()
        for path in (root, here):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not all(_is_ours(path) for path in (root, here)):
            return None
        _sweep(root, max_bytes)
    except (OSError, RuntimeError):  # no home, or none that can be written
        return None
    for name, value in _SETTINGS.items():
        jax.config.update(name, value)
    jax.config.update("jax_compilation_cache_dir", str(here))
    # Another process may be writing what this one reads, or the disk be full: then it is compiled.
    warnings.filterwarnings(
        "ignore", "Error (reading|writing) persistent compilation cache entry", UserWarning
    )
    return here


@contextlib.contextmanager
def cached() -> Iterator[None]:
    """Programs kept on disk, where they can be, for as long as the context lasts."""
    names = (*_SETTINGS, "jax_compilation_cache_dir")
    before: dict[str, Any] = {name: getattr(jax.config, name) for name in names}
    cache_programs()
    try:
        yield
    finally:
        if any(getattr(jax.config, name) != value for name, value in before.items()):
            for name, value in before.items():
                jax.config.update(name, value)
            _forget_folder()


def _forget_folder() -> None:
    """JAX looks at its setting once; after this it looks again."""
    from jax.experimental.compilation_cache import compilation_cache

    compilation_cache.reset_cache()


def _default_folder() -> Path:
    """The user's folder of caches.

    Raises:
      RuntimeError: this user has no home.
    """
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if chosen.is_absolute():
        return chosen / "jaxstack"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "jaxstack"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "jaxstack"
    return Path.home() / ".cache" / "jaxstack"


@functools.cache
def _kind_of_machine() -> str:
    """Name for machines that can run each other's programs: version of JAX, and what the CPU can do."""
    told = [platform.machine(), platform.processor()]
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
        told += [line for line in lines if line.split(":")[0].strip() in _OF_CPU]
    digest = hashlib.sha256("\n".join(told).encode()).hexdigest()
    return f"jax-{jax.__version__}-{digest[:12]}"


def _is_ours(folder: Path) -> bool:
    """Whether this user, and nobody else, writes a folder."""
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return False
    if not hasattr(os, "getuid"):
        return True
    status = folder.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _sweep(root: Path, max_bytes: int) -> None:
    """Remove programs until the others take no more than `max_bytes`; those unused for longest first."""
    found = []
    for path in root.glob("jax-*/*"):
        with contextlib.suppress(OSError):  # another process sweeps, too
            status = path.stat()
            found.append((max(status.st_atime, status.st_mtime), status.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= max_bytes:
            return
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size
