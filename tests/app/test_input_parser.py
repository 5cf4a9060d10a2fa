"""The terminal's input, parsed into messages."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import constants, events
from textual.message import Message

from auditlog_tui.ui.patches.input_parser import (
    LIKELY_S,
    BackgroundReported,
    InputDecoder,
    InputReader,
    ReplyReader,
    SafeParser,
)

PASTE, PASTED = b"\x1b[200~", b"\x1b[201~"


def read(*parts: bytes) -> list[Message]:
    """The messages for input that arrives in these pieces."""
    reader = InputReader()
    return [message for part in parts for message in reader.feed(part)]


def keys(*parts: bytes) -> list[str]:
    return [message.key for message in read(*parts) if isinstance(message, events.Key)]


def pasted(*parts: bytes) -> list[str]:
    return [message.text for message in read(*parts) if isinstance(message, events.Paste)]


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


# -- odd bytes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "typed"),
    [
        (b"\xffa", ["a"]),
        (b"\xc3(", ["left_parenthesis"]),
        (b"a\x80\xfe\xffb", ["a", "b"]),
        (b"\xed\xa0\x80x", ["x"]),
        (b"\xf4\x90\x80\x80x", ["x"]),
        ("é漢".encode(), ["é", "漢"]),
    ],
)
def test_bytes_that_are_no_text_are_dropped_and_the_rest_is_typed(sent: bytes, typed: list[str]) -> None:
    assert keys(sent) == typed
    assert keys(*bytewise(sent)) == typed


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("Zoë".encode("latin-1"), "Zo\\xeb"),
        (b"a\xffb", "a\\xffb"),
        (b"\xc3", "\\xc3"),
        ("Zoë 漢".encode(), "Zoë 漢"),
        (b"a\x1b[31mq\x1b[201", "a\\x1b[31mq\\x1b[201"),
        (b"\x1b[M\xff\xff\xff", "\\x1b[M\\xff\\xff\\xff"),
        (b"two\r\nlines", "two\r\nlines"),
    ],
)
def test_in_what_is_pasted_they_are_shown_and_nothing_is_a_key(sent: bytes, shown: str) -> None:
    whole = PASTE + sent + PASTED + b"x"
    for parts in ([whole], bytewise(whole), [whole[:-5], whole[-5:]]):
        assert pasted(*parts) == [shown]
        assert keys(*parts) == ["x"]


def test_what_follows_a_paste_that_broke_off_in_a_character_is_as_typed() -> None:
    assert keys(PASTE + b"\xc3" + PASTED + "é".encode()) == ["é"]


class Typing:
    """A terminal whose user types at known seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reader = InputReader(clock=lambda: self.now)

    def send(self, data: bytes, after_s: float = 0.0) -> list[str]:
        """The keys and the pasted texts for these bytes, and for the time before them."""
        self.now += after_s
        found = [*self.reader.tick(), *self.reader.feed(data), *self.reader.tick()]
        named = [each.key for each in found if isinstance(each, events.Key)]
        return [*(f"“{each.text}”" for each in found if isinstance(each, events.Paste)), *named]


def test_a_paste_whose_end_is_lost_is_over_when_nothing_more_comes() -> None:
    typing = Typing()
    assert typing.send(PASTE + b"ua:curl\x1b[2") == []
    assert typing.send(b"", 4.9) == []
    assert typing.send(b"q", 0.1) == ["“ua:curl\\x1b[2”", "q"]
    assert typing.send(b"/", 0.1) == ["slash"]
    assert typing.send(PASTE + b"again" + PASTED) == ["“again”"]


@pytest.mark.parametrize(("key", "name", "shown"), [(b"\x1b", "escape", "\\x1b"), (b"\x03", "ctrl+c", "\x03")])
def test_escape_alone_ends_a_paste_whose_end_is_lost(key: bytes, name: str, shown: str) -> None:
    typing = Typing()
    assert typing.send(PASTE + b"ua:curl") == []
    assert typing.send(b"q", 1) == []
    assert typing.send(key, 0.1) == []  # so soon, it is a piece of what is pasted
    got = typing.send(key, 1) + typing.send(b"", 1)
    assert got == [f"“ua:curlq{shown}”", name]
    assert typing.send(b"x", 1) == ["x"]


def test_the_rest_of_a_paste_that_was_given_up_is_no_key() -> None:
    typing = Typing()
    assert typing.send(PASTE + b"ua:curl ") == []
    assert typing.send(b"", 6) == ["“ua:curl ”"]
    assert typing.send(b"qqq\r" + PASTED + b"x", 6) == ["“qqq\r”", "x"]
    assert typing.send(b"q", 1) == ["q"]


# -- the mouse -----------------------------------------------------------------------------------------------------


def mouse(*parts: bytes) -> list[tuple[str, int, int, int]]:
    return [
        (type(message).__name__, int(message.x), int(message.y), message.button)
        for message in read(*parts)
        if isinstance(message, events.MouseEvent)
    ]


def legacy(button: int, x: int, y: int) -> bytes:
    return b"\x1b[M" + bytes([button + 32, x + 33, y + 33])


@pytest.mark.parametrize(("x", "y"), [(5, 7), (100, 20), (222, 222), (162, 136), (0, 0)])
def test_a_legacy_mouse_report_is_a_click_wherever_it_is(x: int, y: int) -> None:
    sent = legacy(2, x, y) + legacy(3, x, y) + b"a"
    for parts in ([sent], bytewise(sent)):
        assert mouse(*parts) == [("MouseDown", x, y, 3), ("MouseUp", x, y, 3)]
        assert keys(*parts) == ["a"]


def test_a_legacy_wheel_scrolls_and_a_legacy_motion_moves() -> None:
    assert mouse(legacy(64, 1, 2)) == [("MouseScrollUp", 1, 2, 0)]
    assert mouse(legacy(35, 1, 2)) == [("MouseMove", 1, 2, 0)]


@pytest.mark.parametrize("sent", [b"\x1b[M\n\n\n", b"\x1b[M\0\0\0", b"\x1b[M\xff\x1b[A", b"\x1b[M\x1b[A"])
def test_a_legacy_report_that_is_none_is_no_key(sent: bytes) -> None:
    assert set(keys(sent, b"a")) <= {"up", "a"}
    assert keys(sent, b"a")[-1] == "a"


def test_a_report_of_the_size_does_not_make_cells_of_the_mouse_pixels() -> None:
    found = mouse(b"\x1b[48;36;120;720;1200t", b"\x1b[<0;61;11M")
    assert found == [("MouseDown", 60, 10, 1)]


# -- keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "typed"),
    [
        ("\x1b[103;1:1u", ["g"]),
        ("\x1b[103;1:2u", ["g"]),
        ("\x1b[103;1:3u", []),
        ("\x1b[103:71;2u", ["G"]),
        ("\x1b[103:71;2:1;71u", ["G"]),
        ("\x1b[103::103;5u", ["ctrl+g"]),
        ("\x1b[1;1:3A", []),
        ("\x1b[1;5:1A", ["ctrl+up"]),
        ("\x1b[3;1:3~", []),
        ("\x1b[97;1;97:98u", ["a", "b"]),
        ("\x1b[27;5;103~", ["ctrl+g"]),
        ("\x1b[27;6;103~", ["ctrl+shift+g"]),
        ("\x1b[57441;2u", ["left_shift"]),
        ("\x1b[A", ["up"]),
        ("\x1bOA", ["up"]),
        ("\x1b[H", ["home"]),
        ("\x1b[1~", ["home"]),
        ("\x1b[4~", ["end"]),
        ("\x1b[5~", ["pageup"]),
        ("\x1b[Z", ["shift+tab"]),
        ("\x1b[15~", ["f5"]),
        ("\x1b[24;2~", ["shift+f12"]),
        ("\x1b[[A", ["f1"]),
        ("\x1b[13u", ["enter"]),
        ("\x1b[27u", ["escape"]),
    ],
)  # fmt: skip
def test_an_encoded_key_is_the_key_that_was_pressed(sent: str, typed: list[str]) -> None:
    assert keys(sent.encode(), b"x") == [*typed, "x"]
    assert keys(*bytewise(sent.encode()), b"x") == [*typed, "x"]


@pytest.mark.parametrize(
    "sent",
    [
        "\x1b[1114112u",
        "\x1b[55296u",
        "\x1b[99999999999999999999999999u",
        "\x1b[;2u",
        "\x1b[99~",
        "\x1b[1114112~",
        "\x1b[1;2;3;4u",
        "\x1b[?1;2c",
        "\x1b[>0;276;0c",
        "\x1b[0n",
        "\x1b[?2026;2$y",
        "\x1b[48;0;0;0;0t",
        "\x1b[8;36;120t",
        "\x1b[<0;0;0M",
        "\x1b[<999999999999999999999;1;1M",
    ],
)
def test_what_is_no_key_types_nothing(sent: str) -> None:
    assert keys(sent.encode(), b"x") == ["x"]


# -- whatever it is ------------------------------------------------------------------------------------------------

PIECES = st.lists(
    st.one_of(
        st.binary(max_size=8),
        st.sampled_from([PASTE, PASTED, b"\x1b[M", b"\x1b", b"\x1b[", b"\x1b[<", b";", b":", b"u", b"~", b"\xc3"]),
        st.integers(0, 10**30).map(lambda number: str(number).encode()),
    ),
    max_size=12,
)


@given(PIECES)
def test_after_anything_a_key_is_a_key(pieces: list[bytes]) -> None:
    reader = InputReader()
    for piece in pieces:
        list(reader.feed(piece))
    list(reader.feed(b"\x1b\x1b[201~"))
    list(reader.feed(b"   " + b"\x1b[A" * 20))
    found = [message.key for message in reader.feed(b"a\x1b[Bz") if isinstance(message, events.Key)]
    assert found == ["a", "down", "z"]


@given(PIECES)
def test_the_parser_never_fails_on_decoded_bytes(pieces: list[bytes]) -> None:
    decoder, parser = InputDecoder(), SafeParser()
    for piece in pieces:
        text = decoder.feed(piece)
        text.encode()
        if text:
            list(parser.feed(text))


# -- the terminal's replies ----------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def colours(messages: Iterable[Message]) -> list[tuple[float, float, float]]:
    return [(each.red, each.green, each.blue) for each in messages if isinstance(each, BackgroundReported)]


def typed(messages: Iterable[Message]) -> list[str]:
    return [message.key for message in messages if isinstance(message, events.Key)]


WHITE = (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("reply", "colour", "is_light"),
    [
        (b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\", WHITE, True),
        (b"\x1b]11;rgb:ff/ff/ff\x07", WHITE, True),
        (b"\x1b]11;rgb:f/f/f\x07", WHITE, True),
        (b"\x1b]11;rgba:ffff/ffff/ffff/ffff\x07", WHITE, True),
        (b"\x1b]11;#ffffff\x07", WHITE, True),
        (b"\x1b]11;#ffffffffffff\x07", WHITE, True),
        (b"\x1b]11;rgb:0000/0000/0000\x1b\\", (0.0, 0.0, 0.0), False),
        (b"\x1b]11;rgb:00/00/ff\x07", (0.0, 0.0, 1.0), False),
        (b"\x1b]11;rgb:ff/ff/00\x07", (1.0, 1.0, 0.0), True),
    ],
)
def test_the_background_is_read_however_the_reply_is_split(
    reply: bytes, colour: tuple[float, float, float], is_light: bool
) -> None:
    for at in range(len(reply) + 1):
        messages = read(b"a" + reply[:at], reply[at:] + b"b")
        assert colours(messages) == [colour], at
        assert typed(messages) == ["a", "b"], at
    messages = read(*bytewise(b"a" + reply + b"b"))
    assert (colours(messages), typed(messages)) == ([colour], ["a", "b"])
    (report,) = (each for each in messages if isinstance(each, BackgroundReported))
    assert report.is_light is is_light


REPLY = b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\"


def waiting(clock: Clock, asked_s: float = LIKELY_S) -> InputReader:
    """The reader so many seconds after the terminal was asked for its background."""
    replies = ReplyReader()
    replies.expect(clock.now - asked_s)
    return InputReader(replies, clock)


def test_escape_alone_right_after_the_question_begins_the_reply() -> None:
    clock = Clock()
    reader = waiting(clock, 0)
    messages = list(reader.feed(REPLY[:1]))
    for _ in range(9):
        clock.now += 0.1
        messages += reader.tick()
    messages += reader.feed(REPLY[1:])
    assert typed(messages) == []
    assert colours(messages) == [WHITE]
    for asked_s in (0, 0.5):  # no reply comes: it was the key
        reader = waiting(clock, asked_s)
        messages = list(reader.feed(b"\x1b"))
        clock.now += LIKELY_S - asked_s + 0.01
        assert typed([*messages, *reader.tick()]) == ["escape"]


@pytest.mark.parametrize("at", range(1, 25))
def test_a_reply_whose_end_comes_late_types_nothing(at: int) -> None:
    clock = Clock()
    reader = waiting(clock)
    messages = list(reader.feed(REPLY[:at]))
    for _ in range(15):
        clock.now += 0.1
        messages += reader.tick()
    messages += [*reader.feed(REPLY[at:]), *reader.feed(b"x")]
    assert typed(messages) == (["escape", "x"] if at < 3 else ["x"])  # which no waiting can tell from the key
    assert colours(messages) == [WHITE]


def test_a_reply_in_three_late_pieces_types_nothing_but_escape() -> None:
    clock = Clock()
    reader = waiting(clock)
    messages: list[Message] = []
    for piece in (REPLY[:1], REPLY[1:2], REPLY[2:9], REPLY[9:]):
        messages += reader.feed(piece)
        for _ in range(8):
            clock.now += 0.11
            messages += reader.tick()
    assert typed(messages) == ["escape"]
    assert colours(messages) == [WHITE]


@pytest.mark.parametrize("is_waiting", [True, False])
def test_escape_before_a_bracket_is_never_slow(is_waiting: bool) -> None:
    clock = Clock()
    reader = waiting(clock) if is_waiting else InputReader(clock=clock)
    messages = [*reader.feed(b"\x1b"), *reader.tick()]
    clock.now += 0.05
    messages += [*reader.feed(b"]"), *reader.tick()]
    assert typed(messages) == []
    clock.now += 0.06
    messages += reader.tick()
    assert typed(messages) == (["escape"] if is_waiting else ["escape", "right_square_bracket"])
    clock.now += 2.0
    assert typed([*messages, *reader.tick(), *reader.feed(b"x")]) == ["escape", "right_square_bracket", "x"]


def test_once_the_terminal_has_answered_a_bracket_after_escape_is_not_held() -> None:
    clock = Clock()
    reader = waiting(clock)
    assert colours(reader.feed(REPLY)) == [WHITE]
    messages = list(reader.feed(b"\x1b"))
    clock.now += 0.11
    messages += [*reader.tick(), *reader.feed(b"]")]
    assert typed(messages) == ["escape", "right_square_bracket"]


def test_while_a_reply_is_expected_other_keys_after_escape_are_not_held() -> None:
    clock = Clock()
    reader = waiting(clock)
    messages = list(reader.feed(b"\x1b"))
    clock.now += 0.11
    messages += [*reader.tick(), *reader.feed(b"j"), *reader.feed(b"\x1b[A"), *reader.feed(b"]")]
    assert typed(messages) == ["escape", "j", "up", "right_square_bracket"]


@pytest.mark.parametrize("key", ["j", "q", "/", "=", "-", "1", "]", "é", "漢"])
def test_escape_and_a_key_that_arrive_together_are_both_keys(key: str) -> None:
    expected = ["escape", *keys(key.encode())]
    for parts in ([f"\x1b{key}".encode()], [b"\x1b", key.encode()]):
        clock = Clock()
        reader = InputReader(clock=clock)
        messages = [message for part in parts for message in reader.feed(part)]
        clock.now += 0.11 if key == "]" else 0  # it may begin a reply, until then
        assert typed([*messages, *reader.tick()]) == expected
    assert keys(f"\x1b{key}".encode() * 2, b"x") == [*expected, *expected, "x"]


def test_alt_with_a_key_moves_by_words_as_before() -> None:
    assert keys(b"\x1bb", b"\x1bf", b"\x1b\x7f") == ["ctrl+left", "ctrl+right", "ctrl+w"]


@pytest.mark.parametrize(
    "reply",
    [
        b"\x1b]11;\x07",
        b"\x1b]11;?\x1b\\",
        b"\x1b]11;rgb:\x07",
        b"\x1b]11;rgb:ffff/ffff\x07",
        b"\x1b]11;rgb:fffff/ffff/ffff\x07",
        b"\x1b]11;rgb:ff/ff/ff/ff/ff\x07",
        b"\x1b]11;#fff\x07",
        b"\x1b]10;rgb:ffff/ffff/ffff\x07",
        b"\x1b]4;1;rgb:ffff/ffff/ffff\x07",
        b"\x1b]52;c;cXVpdA==\x1b\\",
        b"\x1b]11;rgb:ffff/ffff\x1b[B",
    ],
)
def test_a_malformed_reply_or_another_types_nothing(reply: bytes) -> None:
    for parts in ([reply, b"x"], [*bytewise(reply), b"x"]):
        messages = read(*parts)
        assert typed(messages) == (["down"] if reply.endswith(b"B") else []) + ["x"]
        assert colours(messages) == []


@pytest.mark.parametrize("end", [b"\x07", b"\x1b\\"])
def test_a_reply_that_is_no_colour_types_nothing(end: bytes) -> None:
    assert typed(read(b"\x1b]11;q]j/?" + end + b"x")) == ["x"]


def test_after_a_reply_that_breaks_off_keys_are_keys() -> None:
    clock = Clock()
    reader = InputReader(clock=clock)
    assert typed(reader.feed(b"\x1b]11;rgb:ffff/ff")) == []
    assert typed(reader.feed(b"jq")) == ["j", "q"]
    assert typed(reader.feed(b"\x1b]11;rgb:ffff/ff")) == []
    clock.now += 2.5
    assert typed(reader.tick()) == []
    assert typed(reader.feed(b"cF")) == ["c", "F"]


def test_escape_alone_is_escape_after_the_usual_delay() -> None:
    clock = Clock()
    reader = InputReader(clock=clock)
    assert typed(reader.feed(b"\x1b")) == []
    assert typed(reader.tick()) == []
    clock.now += 0.06
    assert typed([*reader.feed(b""), *reader.tick()]) == []  # as the driver does where nothing has arrived
    clock.now += 0.06
    assert typed([*reader.feed(b""), *reader.tick()]) == ["escape"]
    assert typed(reader.feed(b"]11;")) == ["right_square_bracket", "1", "1", "semicolon"]


def test_escape_twice_is_escape_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ESCAPE_DELAY", 0.0)
    reader = InputReader()
    assert typed([*reader.feed(b"\x1b\x1b"), *reader.tick()]) == ["escape", "escape"]
    assert typed(reader.feed(b"a")) == ["a"]


def test_a_reply_in_what_is_pasted_is_shown() -> None:
    assert pasted(PASTE + b"\x1b]11;rgb:ff/ff/ff\x07" + PASTED) == ["\\x1b]11;rgb:ff/ff/ff\x07"]
