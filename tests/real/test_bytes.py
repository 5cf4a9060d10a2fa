"""Input that no keyboard sends, and size reports, on a real terminal."""

import re
from pathlib import Path

import pytest

from tests.real.forked import APP
from tests.real.pty_terminal import PtyTerminal, environment
from tests.real.test_pty import ROW

ODD = {
    "no UTF-8": b"\xff",
    "half a character": b"\xc3(",
    "legacy mouse": b"\x1b[M\x20\xa0\x30",
    "Latin-1 pasted": b"\x1b[200~Zo\xeb\x1b[201~",
    "a release": b"\x1b[103;1:3u",
    "beyond Unicode": b"\x1b[1114112u",
    "an enormous place": b"\x1b[<0;99999999999999999999;99999999999999999999M",
    "a surrogate": b"\x1b[55296u",
    "an answer": b"\x1b[?1;2c",
}

ODD_SIZES = {
    "no size": b"\x1b[48;0;0;0;0t",
    "an enormous size": b"\x1b[48;30000;30000;30000;30000t",
}


def check_alive(terminal: PtyTerminal) -> None:
    """Check that the program still handles keys."""
    terminal.settle()
    terminal.send("\x1b[27u\x1b[27u?")
    terminal.wait_for("keys and filters")
    assert terminal.process.poll() is None


def test_odd_bytes_end_nothing(tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served)) as terminal:
        terminal.wait_for(ROW)
        for kind, sent in ODD.items():
            print(kind)  # shown where it fails
            terminal.send_bytes(sent)
            check_alive(terminal)
            terminal.send("\x1b[27u")
            terminal.wait_for(ROW)
        terminal.send("\x11")
        assert terminal.status() == 0
        assert b"Traceback" not in terminal.raw


@pytest.mark.parametrize("kind", ODD_SIZES)
def test_an_odd_size_ends_nothing(kind: str, tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served)) as terminal:
        terminal.wait_for(ROW)
        terminal.send_bytes(ODD_SIZES[kind])
        check_alive(terminal)
        terminal.send("\x1b[27u\x11")
        assert terminal.status() == 0
        assert b"Traceback" not in terminal.raw


def test_what_is_pasted_is_shown_byte_by_byte_where_it_is_no_text(tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served)) as terminal:
        terminal.wait_for(ROW)
        terminal.send("/")
        terminal.settle()
        terminal.send_bytes(b"\x1b[200~ua:Zo\xeb\x1b[201~")
        terminal.wait_for(re.escape("ua:Zo\\xeb"))


def test_a_paste_that_never_ends_is_shown_and_keys_are_keys_again(tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served)) as terminal:
        terminal.wait_for(ROW)
        terminal.send_bytes(b"/\x1b[200~ua:curl")
        terminal.wait_for("ua:curl")
        terminal.send("\x1b[27u\x11")
        assert terminal.status() == 0


def test_the_release_of_a_key_is_no_press(tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served)) as terminal:
        terminal.wait_for(ROW)
        terminal.send("\x1b[47;1:1u\x1b[47;1:3u")
        terminal.settle()
        for letter in "status":
            terminal.send(f"\x1b[{ord(letter)};1:1u\x1b[{ord(letter)};1:3u")
        terminal.wait_for("/ status\\b")


# -- its size ------------------------------------------------------------------------------------------------------


def test_the_terminals_own_size_goes_before_what_a_shell_exported(tmp_path: Path, served: dict[str, str]) -> None:
    env = environment(tmp_path, **served, COLUMNS="40", LINES="10")
    with PtyTerminal(APP, env=env, size=(120, 36)) as terminal:
        terminal.wait_for(r"(?:.*\n){35} ⏎ detail.*\Z")
        terminal.resize(100, 30)
        terminal.wait_for(r"\A.{90,}\n(?:.*\n){28} ⏎ detail.*\Z")


def cursor_row(terminal: PtyTerminal) -> int:
    """The screen line under the cursor, the only one with its background."""
    backgrounds = [line[60].bg for line in terminal.cells()[4:30]]
    [odd] = [row for row, each in enumerate(backgrounds, 4) if backgrounds.count(each) == 1]
    return odd


def test_a_click_is_where_it_was_made_after_any_report_of_the_size(tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served), size=(120, 36)) as terminal:
        terminal.wait_for(ROW)
        terminal.send_bytes(b"\x1b[?2048;1$y\x1b[48;36;120;720;1200t")
        terminal.settle()
        terminal.send_bytes(b"\x1b[<0;61;21M\x1b[<0;61;21m")
        terminal.settle(0.5)
        assert cursor_row(terminal) == 20
        terminal.resize(120, 34)
        terminal.settle(0.5)
        terminal.send_bytes(b"\x1b[<0;61;16M\x1b[<0;61;16m")
        terminal.settle(0.5)
        assert cursor_row(terminal) == 15
        assert b"\x1b[?1016h" not in terminal.raw


def test_a_legacy_click_far_to_the_right_is_a_click(tmp_path: Path, served: dict[str, str]) -> None:
    with PtyTerminal(APP, env=environment(tmp_path, **served), size=(150, 36)) as terminal:
        terminal.wait_for(ROW)
        terminal.send_bytes(b"\x1b[M" + bytes([32, 33 + 130, 33 + 20]) + b"\x1b[M" + bytes([35, 33 + 130, 33 + 20]))
        terminal.settle(0.5)
        assert cursor_row(terminal) == 20
