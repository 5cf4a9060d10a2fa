import sys
import unicodedata
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.text.safe import LIMIT, safe, safe_lines
from tests.effort import THOROUGH

CONTEXTS = ("{}", "a{}b", "{}{}", "é{}", "a\u0301{}", "漢{}\n")
STEP = 1 if THOROUGH else 64
"""One code point in so many is tried where all are ideographs, none is assigned, or all are of private use."""

CODES = [
    *range(0x20000), *range(0x20000, 0x2F800, STEP), *range(0x2F800, 0x2FA20), *range(0x2FA20, 0xE0000, STEP),
    *range(0xE0000, 0xE1000), *range(0xE1000, 0x110000, STEP),
]  # fmt: skip
HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Mc"}

anything = st.text(st.characters(exclude_categories=()))
hostile = st.text(st.sampled_from("\x1b\x07\x00\x7f\x9b\r\n\t \u202e\u200b\u0301\u0336\ufe0f\U000e0041\ud800a漢é[]"))


@lru_cache
def hidden() -> frozenset[str]:
    """Every character that Python calls printable, and that must not be drawn all the same."""
    found = frozenset(
        character
        for character in filter(str.isprintable, map(chr, CODES))
        if (category := unicodedata.category(character)) in HIDDEN_CATEGORIES
        or (category == "Zs" and character != " ")
    )
    assert {unicodedata.category(character) for character in found} == {"Mc"}
    return found


def is_inert(text: str) -> bool:
    text.encode()
    return text.isprintable() and hidden().isdisjoint(text)


@pytest.mark.untraced  # tracing millions of calls takes long
def test_every_code_point_comes_out_inert_in_every_context() -> None:
    size = 2_048  # what `safe` remembers of one context is there for the next
    for start in range(0, len(CODES), size):
        characters = [chr(code) for code in CODES[start : start + size]]
        for context in CONTEXTS:
            text = "".join([context.replace("{}", character) for character in characters])
            assert is_inert(safe(text, sys.maxsize)), f"from {start:#x} in {context!r}"


@pytest.mark.untraced  # tracing millions of calls takes long
def test_every_code_point_is_shown_as_itself_its_picture_or_its_number() -> None:
    """Each is looked at with a space before and behind it."""
    assert [safe(chr(code)) for code in range(0x20)] == [chr(0x2400 + code) for code in range(0x20)]
    assert safe("\x7f") == "\u2421"
    assert safe(" ") == " "
    codes = [code for code in CODES if code > 0x20 and code != 0x7F]
    shown = safe(" ".join(map(chr, codes)), sys.maxsize).split(" ")
    strange = [
        hex(code) for code, text in zip(codes, shown, strict=True) if text not in (chr(code), f"⟨U+{code:04X}⟩")
    ]
    assert strange == []
    assert is_inert("".join(shown))


def test_a_mark_alone_is_shown_as_its_number() -> None:
    marks = [code for code in CODES if unicodedata.category(chr(code)) in ("Mn", "Me")]
    assert len(marks) > 1_000
    assert [safe(chr(code)) for code in marks] == [f"⟨U+{code:04X}⟩" for code in marks]


@given(anything | hostile, st.integers(0, 200))
def test_any_text_comes_out_inert_and_within_the_limit(text: str, limit: int) -> None:
    shown = safe(text, limit)
    assert is_inert(shown)
    assert len(shown) <= max(limit, 40)


@given(anything | hostile)
def test_doing_it_twice_changes_nothing(text: str) -> None:
    assert safe(safe(text)) == safe(text)


@given(hostile, st.integers(40, 200))
def test_doing_it_twice_with_a_limit_changes_nothing(text: str, limit: int) -> None:
    assert safe(safe(text, limit), limit) == safe(text, limit)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_plain_ascii_is_left_alone(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize("text", ["Grüße", "Привет", "你好", "こんにちは", "שלום", "e\u0301", "✓ 🙂", "a‐b", "¥€"])
def test_what_people_write_is_left_alone(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m \x1bc \x1b[6n", "␛[31mred␛[0m ␛c ␛[6n"),
        ("\x1b]0;title\x07\x1b]52;c;QQ==\x1b\\\x1b]8;;file:///x\x07", "␛]0;title␇␛]52;c;QQ==␛\\␛]8;;file:///x␇"),
        ("\x9b31m\x90q\x9d0;t\x85", "⟨U+009B⟩31m⟨U+0090⟩q⟨U+009D⟩0;t⟨U+0085⟩"),
        ("\x00\x7f\x08", "␀␡␈"),
        ("one\r\ntwo\tthree", "one␍␊two␉three"),
        ("a\u202eb\u2066c\u200fd", "a⟨U+202E⟩b⟨U+2066⟩c⟨U+200F⟩d"),
        ("a\u200bb\ufeff\U000e0041\u3164\u115f\u2800", "a⟨U+200B⟩b⟨U+FEFF⟩⟨U+E0041⟩⟨U+3164⟩⟨U+115F⟩⟨U+2800⟩"),
        ("a\xa0b\u2003c\u2028d\xade", "a⟨U+00A0⟩b⟨U+2003⟩c⟨U+2028⟩d⟨U+00AD⟩e"),
        ("a" + "\u0301" * 50 + "b", "a\u0301\u0301⟨48 marks⟩b"),
        ("a\u0301\u0301\u0302b", "a\u0301\u0301⟨U+0302⟩b"),
        ("\u0301", "⟨U+0301⟩"),
        ("\u0301\u0302", "⟨2 marks⟩"),
        ("a\ud800b\udfff", "a⟨U+D800⟩b⟨U+DFFF⟩"),
        ("👍🏽 👩\u200d💻 ✔\ufe0f 🇩🇪", "👍⟨U+1F3FD⟩ 👩⟨U+200D⟩💻 ✔⟨U+FE0F⟩ ⟨U+1F1E9⟩⟨U+1F1EA⟩"),
        ("[/] [link=file:///etc] [ @click=app.x]y[/]", "[/] [link=file:///etc] [ @click=app.x]y[/]"),
    ],
)
def test_hostile_text_is_shown_for_what_it_is(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_a_field_of_a_megabyte_is_cut_and_what_is_cut_is_counted() -> None:
    shown = safe("x" * 1_000_000)
    assert LIMIT - 10 < len(shown) <= LIMIT
    kept = shown.count("x")
    assert shown == "x" * kept + f"… +{1_000_000 - kept:,} characters"


def test_what_is_cut_is_counted_in_characters_of_the_text_and_not_of_its_pieces() -> None:
    shown = safe("\u202e" * 1_000, 100)
    pieces = shown.count("⟨U+202E⟩")
    assert pieces > 0
    assert shown == "⟨U+202E⟩" * pieces + f"… +{1_000 - pieces:,} characters"


def test_a_text_that_grows_beyond_the_limit_is_cut() -> None:
    assert safe("\u202e" * 40, 40) == "⟨U+202E⟩" * 3 + "… +37 characters"


def test_a_run_of_marks_is_cut_as_one() -> None:
    assert safe("a" * 39 + "b" + "\u0301" * 100, 60).startswith("a" * 39)
    assert safe("a\u0301\u0302" + "\u0303" * 9_000 + "b") == "a\u0301\u0302⟨9,000 marks⟩b"


def test_what_has_been_seen_is_forgotten_when_it_gets_too_much() -> None:
    everything = "".join(map(chr, range(0x20, 0x2_0000)))
    first = safe("漢é\u0301\u0302\u0303\x1b")
    safe(everything, sys.maxsize)
    assert safe("漢é\u0301\u0302\u0303\x1b") == first == "漢é\u0301\u0302⟨U+0303⟩␛"
    assert safe("漢é plain") == "漢é plain"


def test_lines_stay_lines_and_each_is_safe() -> None:
    assert safe_lines("a\x1b\n\nb\r\n") == "a␛\n\nb␍\n"


def test_lines_are_cut_one_by_one() -> None:
    first, second = safe_lines("x" * 50 + "\ny", 40).split("\n")
    assert len(first) == 40
    assert second == "y"


@given(anything | hostile)
def test_lines_keep_their_number(text: str) -> None:
    shown = safe_lines(text)
    assert shown.count("\n") == text.count("\n")
    assert is_inert(shown.replace("\n", ""))
