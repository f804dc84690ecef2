"""Files of others: what is read, and what of their text reaches a terminal."""

import io
import os
import threading

import pytest

from jaxstack import reading
from jaxstack.terminal import Terminal


def test_a_regular_file_is_read_whole(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbfabc")
    assert reading.read_file(path, 6) == b"\xef\xbb\xbfabc"
    assert reading.read_text(path) == "abc"
    with pytest.raises(ValueError, match=r"file: 6 bytes; at most 5 are read"):
        reading.read_file(path, 5)
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="not a text file in UTF-8"):
        reading.read_text(path)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/dev/zero")
    done = []

    def try_all():
        for name, kind in (("pipe", "pipe"), ("folder", "folder"), ("link", "device")):
            with pytest.raises(OSError, match=f"not a file but a {kind}"):
                reading.read_file(tmp_path / name, 100)
            done.append(name)

    thread = threading.Thread(target=try_all, daemon=True)
    thread.start()
    thread.join(timeout=10)
    assert done == ["pipe", "folder", "link"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Tor 3: grün, 12 €\nthe end", "Tor 3: grün, 12 €\nthe end"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\tb\rc\x00d\x7f\x9b2J", r"a\tb\rc\x00d\x7f\x9b2J"),
        ("safe\u202egnp.exe", r"safe\u202egnp.exe"),
        ("line\u2028break", r"line\u2028break"),
        ("\udc9b", r"\udc9b"),
    ],
)
def test_what_steers_a_terminal_is_spelled_out(text, shown):
    assert reading.printable(text) == shown


def test_a_terminal_shows_colours_of_its_own_alone():
    from rich.table import Table
    from rich.text import Text

    out = io.StringIO()
    terminal = Terminal(file=out, force_terminal=True, width=60, color_system="standard")
    terminal.print(Text("\x1b]0;title\x07", style="red"))
    table = Table(title=Text("\x1b[2J"))
    table.add_column(Text("\x9b2J"))
    table.add_row(Text("\x1b[31m"))
    terminal.print(table)
    text = out.getvalue()
    assert "\x1b[31m" in text  # the terminal's own red
    assert text.count("\x1b[31m") == 1
    assert r"\x1b]0;title" in text
    assert r"\x1b[2J" in text
    assert "\x9b" not in text
    assert "\x1b]" not in text
    assert "\x1b[2J" not in text
