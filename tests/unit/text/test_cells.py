import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len, get_character_cell_size

from auditlog_tui.text.cells import cell_width, fit, shorten_end, shorten_middle
from auditlog_tui.text.safe import safe
from tests.unit.text.test_safe import CODES

texts = st.text(st.sampled_from("abc /漢字é🙂\u0301\u0336😀") | st.characters()).map(safe)
widths = st.integers(0, 30)


@pytest.mark.untraced  # tracing millions of calls takes long
def test_every_character_that_is_shown_is_as_wide_as_rich_draws_it() -> None:
    texts = [f"a{chr(code)}" for code in CODES if chr(code) != " "]
    drawn = safe(" ".join(texts), sys.maxsize).split(" ")
    shown = [text for text, as_drawn in zip(texts, drawn, strict=True) if text == as_drawn]
    assert len(shown) > 50_000
    assert [text for text in shown if cell_width(text) != 1 + get_character_cell_size(text[1])] == []


@given(texts)
def test_a_text_is_as_wide_as_rich_draws_it(text: str) -> None:
    assert cell_width(text) == cell_len(text)


@given(texts, texts)
def test_widths_add_up(first: str, second: str) -> None:
    assert cell_width(first + second) == cell_width(first) + cell_width(second)


@given(texts, widths, st.sampled_from(("left", "right")))
def test_a_fitted_text_is_exactly_as_wide_as_asked(text: str, width: int, align: str) -> None:
    assert cell_width(fit(text, width, "left" if align == "left" else "right")) == width


@given(texts, widths)
def test_a_shortened_text_is_never_wider_than_asked(text: str, width: int) -> None:
    for shorten in (shorten_end, shorten_middle):
        shortened = shorten(text, width)
        assert cell_width(shortened) <= width
        # A wide character may leave one cell empty on either side of the cut.
        assert shortened == text or cell_width(shortened) >= width - 2


@given(texts, widths)
def test_a_text_that_has_room_is_left_alone(text: str, extra: int) -> None:
    width = cell_width(text) + extra
    assert shorten_end(text, width) == shorten_middle(text, width) == text
    assert fit(text, width) == text + " " * extra
    assert fit(text, width, "right") == " " * extra + text


@given(texts, widths)
def test_what_is_left_of_a_text_is_its_start_and_its_end(text: str, width: int) -> None:
    if cell_width(text) > width > 0:
        assert text.startswith(shorten_end(text, width, "\0").removesuffix("\0"))
        start, _, end = shorten_middle(text, width, "\0").partition("\0")
        assert text.startswith(start)
        assert text.endswith(end)
        assert len(start) + len(end) < len(text)


@pytest.mark.parametrize(
    ("text", "width", "shortened"),
    [
        ("abcdef", 6, "abcdef"), ("abcdef", 5, "abcd…"), ("abcdef", 1, "…"), ("abcdef", 0, ""),
        ("漢字漢字", 7, "漢字漢…"), ("漢字漢字", 6, "漢字…"), ("漢字", 1, "…"),
        ("ae\u0301xyz", 3, "ae\u0301…"),
    ],
)  # fmt: skip
def test_the_end_is_cut(text: str, width: int, shortened: str) -> None:
    assert shorten_end(text, width) == shortened


@pytest.mark.parametrize(
    ("text", "width", "shortened"),
    [
        ("abcdef", 6, "abcdef"), ("abcdef", 5, "ab…ef"), ("abcdef", 4, "ab…f"), ("abcdef", 2, "a…"),
        ("abcdef", 1, "…"), ("abcdef", 0, ""), ("漢字漢字", 5, "漢…字"), ("漢字漢字", 6, "漢…字"),
        ("xyzabe\u0301", 4, "xy…e\u0301"), ("xyzab\u0301\u0301", 3, "x…b\u0301\u0301"),
    ],
)  # fmt: skip
def test_the_middle_is_cut(text: str, width: int, shortened: str) -> None:
    assert shorten_middle(text, width) == shortened


def test_a_mark_never_moves_to_another_character() -> None:
    assert shorten_middle("abcd漢\u0301ef", 6) == "abc…ef"


def test_the_ellipsis_can_be_another() -> None:
    assert fit("abcdef", 4, ellipsis="~") == "abc~"
    assert fit("abcdef", 4, "right", "~") == "abc~"


def test_what_has_been_seen_is_forgotten_when_it_gets_too_much() -> None:
    for code in range(0xA0, 0x1_8000):
        cell_width(chr(code))
    assert cell_width("a漢é\u0301") == 4
