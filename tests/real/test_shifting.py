"""After the terminal moved lines, the screen looks as if it had been redrawn."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import Serving, serving
from tests.effort import THOROUGH
from tests.real.forked import APP
from tests.real.pty_terminal import PtyTerminal, environment

DOWN, UP, PAGE_DOWN, PAGE_UP, END, HOME = "\x1b[B", "\x1b[A", "\x1b[6~", "\x1b[5~", "\x1b[F", "\x1b[H"
WHEEL_DOWN, WHEEL_UP = "\x1b[<65;20;10M", "\x1b[<64;20;10M"
HALF_DOWN, HALF_UP, REDRAW, ESCAPE, F12 = "\x04", "\x15", "\x0c", "\x1b", "\x1b[24~"
# Without `t`: ages change by themselves between two looks.
KEYS = [
    *[DOWN, UP, WHEEL_DOWN, WHEEL_UP] * 4, *[DOWN * 9, UP * 9, DOWN * 50, HALF_DOWN, HALF_UP, PAGE_DOWN, PAGE_UP] * 2,
    END, HOME, "l", "h", "lllllll", "V", "m", "i", "\r", "J", "s",
    ESCAPE, "?" + ESCAPE, "/" + ESCAPE, "p" + ESCAPE,
]  # fmt: skip
MOVED = re.compile(rb"\x1b\[\d+;\d+r\x1b\[\d+;1H\x1b\[\d+[ML]\x1b\[r")
SCROLLS = re.compile(rb"\x1b\[[\d;]*r|\x1b\[\d*[LMST]|\x1b[DM]")
"""DECSTBM, IL, DL, SU, SD, IND, RI: every way to have the terminal move lines."""


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving(demo_log(entries=3_000, until=datetime(2026, 7, 1, 12, tzinfo=UTC))) as running:
        yield running


def started(tmp_path: Path, server: Serving, size: tuple[int, int], **more: str) -> PtyTerminal:
    env = environment(tmp_path, NIRVANA_LABS_API_KEY="any", NIRVANA_LABS_BASE_URL=server.url, **more)
    return PtyTerminal(APP, env=env, size=size)


def check_whole(terminal: PtyTerminal, after: list[str]) -> None:
    """A full redraw changes nothing. Skips the lines above the table, which have ages and a blinking cursor."""
    terminal.settle()
    terminal.send(F12)  # which does nothing, but what the status line says is there until the next key
    terminal.settle()
    was = terminal.cells()[2:]
    terminal.send(REDRAW)
    terminal.settle()
    for y, (line, drawn) in enumerate(zip(was, terminal.cells()[2:], strict=True), 2):
        assert line == drawn, f"line {y} after {after[-12:]}, {terminal.process.poll()=}:\n{terminal.screen()}"


@pytest.mark.parametrize(("width", "height", "seed"), [(80, 24, 1), (120, 36, 2), (160, 48, 3)])
def test_whatever_is_pressed_the_screen_is_as_if_drawn_anew(
    width: int, height: int, seed: int, tmp_path: Path, server: Serving
) -> None:
    chance = random.Random(seed)
    pressed: list[str] = []
    with started(tmp_path, server, (width, height)) as terminal:
        terminal.wait_for(r"\d of 3,000 loaded")
        for _ in range(14 if THOROUGH else 5):
            keys = chance.choices(KEYS, k=chance.randint(1, 8))
            pressed += keys
            for key in keys:
                terminal.send(key)
                if key.endswith(ESCAPE) or chance.random() < 0.5:
                    terminal.settle(0.15)  # also so that Escape is not taken for the beginning of what follows
            check_whole(terminal, pressed)
    assert MOVED.search(terminal.raw) is not None


def test_a_line_further_is_moved_and_not_sent_again(tmp_path: Path, server: Serving) -> None:
    with started(tmp_path, server, (160, 48)) as terminal:
        terminal.wait_for(r"\d of 3,000 loaded")
        terminal.send(DOWN * 48)
        terminal.settle(1)  # what lies further down is fetched meanwhile
        before = len(terminal.raw)
        terminal.send(DOWN)
        terminal.settle()
        written = terminal.raw[before:]
        assert MOVED.search(written) is not None
        assert SCROLLS.search(written) is not None
        assert len(written) < 3_000
        check_whole(terminal, [DOWN])


SCROLLING = (
    DOWN * 48, DOWN, WHEEL_DOWN, HALF_DOWN, PAGE_DOWN, UP * 50, WHEEL_UP, HALF_UP, PAGE_UP, END, UP * 40,
)  # fmt: skip


@pytest.mark.parametrize(("source", "pressed"), [("environment", SCROLLING), ("settings file", SCROLLING[:2])])
def test_with_scroll_set_to_redraw_every_line_is_sent(
    source: str, pressed: tuple[str, ...], tmp_path: Path, server: Serving
) -> None:
    more = {}
    if source == "environment":
        more["AUDITLOG_TUI_SCROLL"] = "redraw"
    else:
        settings = tmp_path / ".config" / "auditlog-tui" / "config.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text('scroll = "redraw"\n', encoding="utf-8")
    with started(tmp_path, server, (120, 36), **more) as terminal:
        terminal.wait_for(r"\d of 3,000 loaded")
        first = terminal.screen()
        for keys in pressed:
            terminal.send(keys)
            check_whole(terminal, [keys])
        assert terminal.screen() != first
        assert SCROLLS.search(terminal.raw) is None


def test_what_something_else_wrote_is_drawn_over(tmp_path: Path, server: Serving) -> None:
    with started(tmp_path, server, (120, 36)) as terminal:
        terminal.wait_for(r"\d of 3,000 loaded")
        terminal.settle()
        was = terminal.cells()[1:]
        terminal.overwrite(b"\x1b[10;1HBroadcast message from root")
        terminal.send(REDRAW)
        terminal.settle()
        assert terminal.cells()[1:] == was
