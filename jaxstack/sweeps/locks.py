"""Cells that one process holds against the others."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # not POSIX: two runs on one folder may compute a cell twice, to the same numbers
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def lock(folder: Path, key: str) -> Iterator[bool]:
    """Hold a cell against other processes; yields False, at once, where another one holds it.

    The lock is the system's (flock), so that a process that was killed holds nothing.
    """
    path = folder / "running" / f"{key}.lock"
    descriptor = _acquire(path)
    if descriptor is None:
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)  # while it is held: nobody can be waiting for this very file
        os.close(descriptor)


def _acquire(path: Path) -> int | None:
    while True:
        path.parent.mkdir(exist_ok=True)
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        except FileNotFoundError:
            continue  # another process found the folder empty and removed it
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                os.close(descriptor)
                return None
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):  # a file system without locks
                os.close(descriptor)
                raise
        try:
            ours = os.stat(path).st_ino == os.fstat(descriptor).st_ino
        except FileNotFoundError:
            ours = False
        if ours:
            with contextlib.suppress(OSError):  # for people who look at the folder
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            return descriptor
        os.close(descriptor)  # its holder finished and removed it between our open and our lock
