"""Files that are either whole or not there."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write_file(path: Path, write: Callable[[BinaryIO], object] | str) -> None:
    """Write a file so that `path` holds either all of it or what it held before.

    Args:
      path: in a folder that exists.
      write: what to write: text, or a function that writes to an open binary file.

    Raises:
      OSError: the file could not be written; nothing of it is left behind.
    """
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        with open(unfinished, "xb") as file:
            if isinstance(write, str):
                file.write(write.encode())
            else:
                write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(unfinished)):
            error.filename, error.filename2 = str(path), None  # of the unfinished file nobody knows
        raise
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
