import base64
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from auditlog_tui.errors import ClipboardError
from auditlog_tui.output import clipboard
from auditlog_tui.output.clipboard import OSC52_LIMIT, TERMINAL, TMUX, Copied, copy, osc52_sequence, tmux_wrapped
from tests.unit.output.desk import Desk

STORES_NOTHING = 'if [ "$3" = -o ]; then printf other; else cat >/dev/null; fi'


async def test_in_tmux_the_text_goes_to_its_buffer(desk: Desk) -> None:
    desk.program("tmux", 'echo "$@" >"$STORE.arguments"; cat >"$STORE"')
    copied = await desk.copy("vm_123\n漢", TMUX="x,1,0", DISPLAY=":0")
    assert copied == Copied(
        "tmux", TMUX, "to the tmux buffer, and to the terminal's clipboard if it accepts that", unconfirmed=TERMINAL
    )
    assert desk.store.read_text() == "vm_123\n漢"
    assert desk.arguments.read_text() == "load-buffer -w -\n"
    assert desk.sent == []


OLD_TMUX = '[ "$2" != -w ] || { echo "unknown flag -w" >&2; exit 1; }; cat >"$STORE"'


async def test_a_tmux_that_cannot_forward_keeps_the_text_and_lets_the_sequence_through(desk: Desk) -> None:
    desk.program("tmux", OLD_TMUX)
    copied = await desk.copy("vm_123\n漢", TMUX="x,1,0")
    assert copied == Copied(
        "tmux", TMUX, "to the tmux buffer, and sent to the terminal (unconfirmed)", unconfirmed=TERMINAL
    )
    assert desk.store.read_text() == "vm_123\n漢"
    encoded = base64.b64encode("vm_123\n漢".encode()).decode()
    assert desk.sent == [f"\x1bPtmux;\x1b\x1b]52;c;{encoded}\a\x1b\\"]


async def test_what_is_too_long_to_be_sent_is_in_an_old_tmux_all_the_same(desk: Desk) -> None:
    desk.program("tmux", OLD_TMUX)
    assert await desk.copy("x" * 100_000, TMUX="x,1,0") == Copied("tmux", TMUX, "to the tmux buffer")
    assert desk.store.read_text() == "x" * 100_000
    assert desk.sent == []


@pytest.mark.parametrize("script", ['cat >"$STORE.tmux"', OLD_TMUX.replace("$STORE", "$STORE.tmux")])
async def test_in_tmux_on_a_local_desktop_both_have_it(desk: Desk, script: str) -> None:
    desk.program("tmux", script)
    xclip(desk)
    copied = await desk.copy("vm_123", TMUX="x,1,0", DISPLAY=":0")
    assert copied == Copied(
        "local", "the clipboard and the tmux buffer", "to the clipboard (read back) and the tmux buffer"
    )
    assert desk.store.read_text() == "vm_123"
    assert desk.store.with_name("store.tmux").read_text() == "vm_123"
    assert desk.sent == []


async def test_a_tmux_that_fails_is_not_said_to_have_it(desk: Desk) -> None:
    desk.program("tmux", "exit 1")
    xclip(desk)
    assert await desk.copy("text", TMUX="x,1,0", DISPLAY=":0") == Copied(
        "local", "the clipboard", "to the clipboard (read back)"
    )


async def test_a_tmux_that_cannot_be_asked_gets_the_sequence_in_both_forms(desk: Desk) -> None:
    desk.program("tmux", "exit 1")
    copied = await desk.copy("text", TMUX="x,1,0")
    assert (copied.route, copied.confirmed) == ("osc52", "")
    assert desk.sent == [osc52_sequence("text") + tmux_wrapped(osc52_sequence("text"))]


@pytest.mark.parametrize("size", [1, 565, 566, 567, OSC52_LIMIT])
async def test_gnu_screen_gets_pieces_that_it_can_hold(desk: Desk, size: int) -> None:
    copied = await desk.copy("x" * size, STY="1.pts-0.host")
    assert copied == Copied("osc52", "", "to the terminal's clipboard by OSC 52, unconfirmed", unconfirmed=TERMINAL)
    [sent] = desk.sent
    pieces = sent.removeprefix("\x1bP").removesuffix("\x1b\\").split("\x1b\\\x1bP")
    assert all(len(f"\x1bP{piece}\x1b\\") <= 768 for piece in pieces)
    assert "".join(pieces) == osc52_sequence("x" * size)


async def test_in_gnu_screen_on_a_local_desktop_the_desktop_has_it(desk: Desk) -> None:
    xclip(desk)
    assert (await desk.copy("text", STY="1.pts-0.host", DISPLAY=":0")).route == "local"
    assert desk.sent == []


async def test_outside_tmux_tmux_is_not_asked(desk: Desk) -> None:
    desk.program("tmux", 'cat >"$STORE"')
    assert (await desk.copy("text")).route == "osc52"
    assert not desk.store.exists()


@pytest.mark.parametrize("script", ["exit 1", "cat >/dev/null; exit 1", "kill -9 $$"])
@pytest.mark.parametrize("size", [1, 1_000_000])
async def test_a_tmux_that_fails_is_passed_over(desk: Desk, script: str, size: int) -> None:
    desk.program("tmux", script)
    assert (await desk.copy("x" * size, TMUX="x,1,0")).route == ("osc52" if size == 1 else "file")


async def test_a_tmux_that_is_missing_is_passed_over(desk: Desk) -> None:
    assert (await desk.copy("text", TMUX="x,1,0", PATH=str(desk.programs))).route == "osc52"


def xclip(desk: Desk) -> None:
    desk.program("xclip", 'if [ "$3" = -o ]; then cat "$STORE"; else cat >"$STORE"; fi')


@pytest.mark.parametrize("text", ["vm_123", "one\ntwo\n", "漢é\ud800\x1b", "x" * 1_000_000])
async def test_a_local_display_has_its_own_clipboard(desk: Desk, text: str) -> None:
    xclip(desk)
    assert await desk.copy(text, DISPLAY=":0") == Copied("local", "the clipboard", "to the clipboard (read back)")
    assert desk.store.read_text() == text.replace("\x1b", "␛").replace("\ud800", "⟨U+D800⟩")
    assert desk.sent == []


async def test_wayland_is_a_local_display(desk: Desk) -> None:
    desk.program("wl-copy", 'cat >"$STORE"')
    desk.program("wl-paste", 'cat "$STORE"')
    assert (await desk.copy("text", WAYLAND_DISPLAY="wayland-0")).route == "local"
    assert desk.store.read_text() == "text"


@pytest.mark.parametrize("platform", ["darwin", "win32"])
async def test_other_systems_always_have_a_local_display(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    taken: list[str] = []

    async def take(text: str, environ: object, deadline: float) -> bool:
        taken.append(text)
        return True

    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(clipboard, "_copy_locally", take)
    assert (await desk.copy("text")).route == "local"
    assert (await desk.copy("text", SSH_TTY="/dev/pts/1")).route == "osc52"
    assert taken == ["text"]


@pytest.mark.parametrize("variable", ["SSH_CONNECTION", "SSH_TTY"])
async def test_over_ssh_a_forwarded_display_is_not_used(desk: Desk, variable: str) -> None:
    xclip(desk)
    assert (await desk.copy("text", **{"DISPLAY": "localhost:10", variable: "x"})).route == "osc52"
    assert not desk.store.exists()


@pytest.mark.parametrize("script", [STORES_NOTHING, "exit 1", "echo broken >&2; exit 1", "kill -9 $$"])
async def test_a_clipboard_that_does_not_give_the_text_back_is_not_believed(desk: Desk, script: str) -> None:
    desk.program("xclip", script)
    copied = await desk.copy("text", DISPLAY=":0")
    assert (copied.route, copied.confirmed) == ("osc52", "")


async def test_a_display_without_a_program_is_passed_over(desk: Desk) -> None:
    assert (await desk.copy("text", DISPLAY=":0", PATH=str(desk.programs))).route == "osc52"


async def test_what_clipboard_programs_say_is_not_on_the_screen(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    desk.program("tmux", "echo tmux; echo tmux >&2; exit 1")
    desk.program("xclip", "echo xclip; echo xclip >&2; exit 1")
    await desk.copy("text", TMUX="x,1,0", DISPLAY=":0")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("name", "value"), [("executable", ""), ("frozen", True)])
async def test_without_a_python_to_run_the_local_clipboard_is_passed_over(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    xclip(desk)
    monkeypatch.setattr(sys, name, value, raising=False)
    assert (await desk.copy("text", DISPLAY=":0")).route == "osc52"


async def test_a_module_in_the_working_directory_is_not_imported(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    xclip(desk)
    (desk.files / "pyperclip.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(desk.files)
    assert (await desk.copy("text", DISPLAY=":0")).route == "local"


async def test_without_a_display_the_terminal_is_sent_the_text(desk: Desk) -> None:
    assert await desk.copy("text\n漢") == Copied(
        "osc52", "", "to the terminal's clipboard by OSC 52, unconfirmed", unconfirmed=TERMINAL
    )
    assert desk.sent_text() == "text\n漢"
    assert list(desk.files.iterdir()) == []


@pytest.mark.parametrize(("size", "route"), [(OSC52_LIMIT, "osc52"), (OSC52_LIMIT + 1, "file")])
async def test_what_is_too_long_for_the_terminal_goes_to_a_file(desk: Desk, size: int, route: str) -> None:
    copied = await desk.copy("é" * (size // 2) + "x" * (size % 2))
    assert copied.route == route
    assert [len(sequence) for sequence in desk.sent] == ([100_000] if route == "osc52" else [])


def test_a_sequence_is_base64_between_its_marks() -> None:
    assert osc52_sequence("text") == "\x1b]52;c;dGV4dA==\x07"
    assert osc52_sequence("\ud800\x1b").removeprefix("\x1b]52;c;").removesuffix("\a").isascii()


def refuse(error: Exception) -> Callable[[str], None]:
    def write(sequence: str) -> None:
        raise error

    return write


@pytest.mark.parametrize("error", [OSError(5, "I/O"), ValueError("closed"), BrokenPipeError()])
async def test_a_terminal_that_is_gone_leaves_a_file(desk: Desk, error: Exception) -> None:
    copied = await copy("text\n", environ={}, write_escape=refuse(error), directory=desk.files)
    [path] = desk.files.iterdir()
    assert copied == Copied("file", f"the file {path}", f"to the file {path}, no clipboard took it", str(path))
    assert path.read_text() == "text\n"


async def test_the_file_is_private_and_new_each_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    previous = os.umask(0)
    try:
        first, second = [await desk.copy("x" * 100_000) for _ in range(2)]
    finally:
        os.umask(previous)
    assert first.path != second.path
    assert first.message == f"to the file {first.path}, too long for the terminal's clipboard"
    for path in (Path(first.path), Path(second.path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text() == "x" * 100_000


@pytest.mark.parametrize("kind", ["file", "link", "dangling link"])
async def test_nothing_is_written_over_or_through(desk: Desk, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr("os.urandom", bytes)
    there = desk.files / f"auditlog-copy-{'0' * 12}.txt"
    other = desk.programs / "other"
    if kind == "file":
        there.write_text("mine")
    else:
        there.symlink_to(other)
        if kind == "link":
            other.write_text("mine")
    with pytest.raises(ClipboardError, match="no file could be written"):
        await desk.copy("x" * 100_000)
    assert not other.exists() if kind == "dangling link" else there.read_text() == "mine"


async def test_without_a_directory_the_file_is_in_the_temporary_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(desk.files))
    copied = await copy("x" * 100_000, environ={}, write_escape=desk.sent.append)
    assert Path(copied.path).parent == desk.files


async def test_if_nothing_takes_the_text_it_says_what_to_do(desk: Desk) -> None:
    missing = desk.files / "no\x1b" / "such"
    with pytest.raises(ClipboardError, match="set TMPDIR") as caught:
        await copy("text", environ={}, write_escape=refuse(OSError()), directory=missing)
    assert str(caught.value).isprintable()


async def test_a_full_disk_leaves_no_half_of_a_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, flags: int, mode: int) -> int:
        os.close(real_open(path, flags, mode))
        return real_open("/dev/full", os.O_WRONLY)

    real_open = os.open
    monkeypatch.setattr(os, "open", full)
    with pytest.raises(ClipboardError, match="No space left"):
        await desk.copy("x" * 100_000)
    assert list(desk.files.iterdir()) == []


async def test_nothing_cannot_be_copied(desk: Desk) -> None:
    with pytest.raises(ClipboardError, match="nothing here"):
        await desk.copy("")
    assert desk.sent == []


async def test_what_is_copied_has_its_lines_and_no_other_controls(desk: Desk) -> None:
    await desk.copy('{\n  "a": "\x1b[2J\r\u202e\ud800"\n}\n')
    assert desk.sent_text() == '{\n  "a": "␛[2J␍⟨U+202E⟩⟨U+D800⟩"\n}\n'


async def test_a_long_line_is_copied_whole(desk: Desk) -> None:
    await desk.copy("x" * 50_000)
    assert desk.sent_text() == "x" * 50_000


# -- environment of child processes --------------------------------------------------------------------------------

SECRETS = {
    "NIRVANA_LABS_API_KEY": "nirvana-key-0123456789abcdef",
    "NIRVANA_LABS_CUSTOM_HEADERS": "Cookie: nirvana-key-0123456789abcdef",
    "HTTPS_PROXY": "http://me:nirvana-key-0123456789abcdef@proxy",
    "AWS_SECRET_ACCESS_KEY": "nirvana-key-0123456789abcdef",
}


@pytest.mark.parametrize(
    ("program", "script", "more"),
    [
        ("tmux", 'env >"$STORE"; cat >/dev/null', {"TMUX": "x,1,0"}),
        ("xclip", 'if [ "$3" = -o ]; then env >>"$STORE"; else env >"$STORE"; cat >/dev/null; fi', {"DISPLAY": ":0"}),
        ("wl-copy", 'env >"$STORE"; cat >/dev/null', {"WAYLAND_DISPLAY": "wayland-0"}),
    ],
)
async def test_programs_are_given_no_secret_and_all_that_they_need(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, program: str, script: str, more: dict[str, str]
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    desk.program(program, script)
    if program == "wl-copy":
        desk.program("wl-paste", "exit 1")
    needed = {"HOME": "/home/me", "LC_ALL": "C.UTF-8", "XAUTHORITY": "/x", "XDG_RUNTIME_DIR": "/run/user/1", **more}
    await desk.copy("text", **SECRETS, **needed)
    given = desk.store.read_text()
    assert "nirvana-key" not in given
    for name, value in needed.items():
        assert f"{name}={value}\n" in given
