"""The ASCII replacements sent to a terminal without Unicode."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from rich.segment import Segment
from textual.color import Color

import auditlog_tui
from auditlog_tui.text.glyphs import ASCII, UNICODE
from auditlog_tui.ui.patches.ascii_filter import REPLACEMENTS, AsciiFilter

HOUSE = Path(auditlog_tui.__file__).parent
NEVER_DRAWN = "�"
"""Only compared with, or sent to the server."""


def filtered(text: str) -> str:
    [segment] = AsciiFilter().apply([Segment(text)], Color(0, 0, 0))
    return segment.text


@pytest.mark.parametrize(
    ("drawn", "plain"),
    [
        ("─━│┃", "--||"), ("╭╮╰╯┌┐└┘├┤", "++++++++++"), ("▔▁", "-_"), ("▏▕▎▊", "||||"), ("█▀▄", "###"),
        ("⏎⌫⇧", "<<^"), ("↑↓←→", "^v<>"), ("≤≥×", "<>x"), ("·—–…", "---~"), ("“x”", '"x"'),
    ],
)  # fmt: skip
def test_what_is_drawn_becomes_what_looks_like_it(drawn: str, plain: str) -> None:
    assert filtered(drawn) == plain


@pytest.mark.parametrize("name", UNICODE._fields)
def test_a_glyph_becomes_its_own_in_ascii(name: str) -> None:
    drawn, plain = getattr(UNICODE, name), getattr(ASCII, name)
    shared = {"server": ">", "bullet": "-", "bars": " _:-#+*##", "enter": "<"}  # one glyph, two meanings
    if name == "spinner":
        assert filtered(drawn) == (plain * 3)[: len(drawn)]
    else:
        assert filtered(drawn) == shared.get(name, plain)


def test_all_that_the_screen_writes_has_a_likeness() -> None:
    """Covers every text in the sources of `ui`, and the glyphs."""
    drawn = {letter for path in (HOUSE / "ui").rglob("*.py") for text in texts(path) for letter in text}
    surrogates = {chr(number) for number in range(0xD800, 0xE000)}  # never drawn: `safe` shows them as text
    assert {letter for letter in drawn if not letter.isascii()} - surrogates <= REPLACEMENTS.keys()
    assert all(len(plain) == 1 and plain.isascii() for plain in REPLACEMENTS.values())


def texts(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in told)
    return [node.value for node in constants if isinstance(node.value, str) and node.value not in NEVER_DRAWN]
