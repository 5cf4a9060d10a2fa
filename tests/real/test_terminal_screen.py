"""What a terminal of these tests shows is what pyte shows, which reads character by character."""

from __future__ import annotations

import random
from codecs import getincrementaldecoder

import pyte
import pytest

from tests.real.pty_terminal import Screen, Stream

PIECES = (
    "plain text", "─│╭ box ⊸✗", "漢字", "e\u0301\u0301", "🙂", "\u200b", "\x00\x7f", "\t\r\n", "\b\b",
    "x" * 45, "\n\n",
    "\x1b[m", "\x1b[0m", "\x1b[1;31m", "\x1b[;7m", "\x1b[38;2;1;22;233m", "\x1b[48;5;99m",
    "\x1b[38;2m", "\x1b[99999;0m",
    "\x1b[39;49m", "\x1b[>4;1m", "\x1b[?25l", "\x1b[4h", "\x1b[4l", "\x1b[7;9H", "\x1b[2;6r",
    "\x1b[3;1H\x1b[2M", "\x1b[2K",
    "\x1b]0;a\x1b[31mtitle\a", "\x1b]0;a title\x1b\\", "\x1b[31\x18m",
    "\x1b[2J", "\x1b7", "\x1b8", "\x1b(0q\x1b(B",
)  # fmt: skip


class Reference(Screen):
    """Draws as pyte does."""

    def draw(self, data: str) -> None:
        pyte.Screen.draw(self, data)


def cells(screen: Screen) -> list[object]:
    shown = [screen.buffer[y][x] for y in range(screen.lines) for x in range(screen.columns)]
    return [shown, screen.cursor.x, screen.cursor.y, screen.cursor.attrs, screen.display, screen.title]


@pytest.mark.parametrize("seed", range(6))
def test_it_shows_what_pyte_shows_however_the_bytes_are_cut(seed: int) -> None:
    chance = random.Random(seed)
    data = "".join(chance.choices(PIECES, k=200)).encode()
    one, other = Screen(40, 12), Reference(40, 12)
    stream, reference = Stream(one), pyte.ByteStream(other)
    decoder = getincrementaldecoder("utf-8")("replace")
    while data:
        size = chance.choice([1, 2, 5, 40])
        stream.feed(decoder.decode(data[:size]))
        reference.feed(data[:size])
        assert cells(one) == cells(other), data[:size]
        data = data[size:]
