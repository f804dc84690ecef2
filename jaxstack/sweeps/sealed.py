"""Files that end in the SHA-256 of the rest, so that a torn or changed one is known."""

from __future__ import annotations

import hashlib
from pathlib import Path

from jaxstack import reading
from jaxstack.writing import write_file

_DIGEST = 32  # bytes at the end of a file
_MAX_FILE_BYTES = 1 << 40  # of a cell; its arrays are no larger than the file


class Damaged(Exception):
    """A file that is not what a run of a sweep wrote; the message names it and says why."""


def write_sealed(path: Path, content: bytes | memoryview) -> None:
    """Write `content` and its SHA-256, whole or not at all."""
    digest = hashlib.sha256(content).digest()
    path.parent.mkdir(exist_ok=True)
    write_file(path, lambda file: (file.write(content), file.write(digest)))


def read_sealed(path: Path) -> bytes:
    """What `write_sealed` wrote.

    Raises:
      Damaged: the file is shorter, longer or other than it was.
      OSError: it cannot be read.
    """
    try:
        data = reading.read_file(path, _MAX_FILE_BYTES)
    except (FileNotFoundError, PermissionError):
        raise
    except (ValueError, OSError) as error:  # no regular file
        raise Damaged(str(error)) from None
    content = data[:-_DIGEST]
    if len(data) <= _DIGEST or hashlib.sha256(content).digest() != data[-_DIGEST:]:
        raise Damaged(f"{path}: the content does not match its SHA-256 (torn or changed)")
    return content
