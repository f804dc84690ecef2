"""Files of others: regular ones of a bounded size, and their text without what would steer a terminal."""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from pathlib import Path
from typing import BinaryIO

MAX_TEXT_BYTES = 1 << 26  # of a spec, a plan or a note: 64 MiB


def open_file(path: Path, max_bytes: int) -> BinaryIO:
    """A regular file, open for reading.

    Devices and pipes are not read: they may never end, or wait for a writer that never comes.

    Args:
      path: of the file; links are followed.
      max_bytes: of the largest file that is read.

    Raises:
      ValueError: a larger file.
      OSError: no regular file; or it is not there, or cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = _KINDS.get(stat.S_IFMT(status.st_mode), "special file")
            code = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
            raise OSError(code, f"not a file but a {kind}; give the path of a regular file", str(path))
        if status.st_size > max_bytes:
            raise ValueError(f"{path}: {status.st_size:,} bytes; at most {max_bytes:,} are read.")
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


_KINDS = {
    stat.S_IFDIR: "folder",
    stat.S_IFIFO: "pipe",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFSOCK: "socket",
}


def read_file(path: Path, max_bytes: int) -> bytes:
    """All of a regular file; arguments and errors as for `open_file`."""
    with open_file(path, max_bytes) as file:
        return file.read(os.fstat(file.fileno()).st_size)  # not more, where it grows meanwhile


def read_text(path: Path, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """All of a regular UTF-8 text file.

    Raises:
      ValueError: a larger file, or not UTF-8.
      OSError: as for `open_file`.
    """
    try:
        return read_file(path, max_bytes).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file in UTF-8 ({error.reason}, byte {error.start}).") from error


def printable(text: str) -> str:
    """`text` for a terminal: new lines stay, all else that is no character to be seen is spelled out.

    Control characters move the cursor, change colours or titles and answer in the name of the user; marks of
    direction let a text read as another one. Both come out as in Python, `\\\\x1b`.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelled(character) for character in text)


def _spelled(character: str) -> str:
    steers = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    return character.encode("unicode_escape").decode() if steers and character != "\n" else character
