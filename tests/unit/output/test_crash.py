import json
from collections.abc import Callable
from urllib.parse import quote

import h11
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from auditlog_tui.output.crash import crash_report
from auditlog_tui.text.safe import safe_lines

KEY = "nirvana-0123456789abcdefghijklmnopqrstuvwxyz-END"


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        if cause is None:
            raise error
        raise error from cause
    except BaseException as caught:
        return caught


def report(message: object, secret: str = KEY) -> str:
    return crash_report(raised(RuntimeError(message)), [secret])


def parts(secret: str) -> list[str]:
    return [secret[start : start + 8] for start in range(len(secret) - 7)]


def test_a_report_is_a_traceback_and_says_what_to_do() -> None:
    text = crash_report(raised(ValueError("boom")), [KEY])
    assert text.startswith("Traceback (most recent call last):\n")
    assert "test_crash.py" in text
    assert "ValueError: boom" in text
    assert text.endswith("\n")
    last = text.splitlines()[-1]
    assert "exit status 1" in last
    assert "not changed" in last
    assert "report" in last


def test_local_variables_are_left_out() -> None:
    def fail(argument: str) -> None:
        raise ValueError(len(argument))

    with pytest.raises(ValueError, match="6") as caught:
        fail("hidden")
    text = crash_report(caught.value, [])
    assert "in fail" in text
    assert "argument = " not in text


def test_the_key_is_absent_from_a_chain_of_exceptions() -> None:
    cause = raised(KeyError(f"cause {KEY}"))
    context = raised(ValueError(KEY.encode()))
    error = raised(RuntimeError(f"Bearer {KEY}"), cause)
    cause.__context__ = context
    error.add_note(f"note {KEY}")
    text = crash_report(error, [KEY])
    assert text.count("Traceback (most recent call last):") == 3
    assert text.count("[redacted]") == 4
    assert not any(part in text for part in parts(KEY))


def test_the_key_is_absent_from_a_group_of_exceptions() -> None:
    group = raised(ExceptionGroup("several", [ValueError(KEY), ExceptionGroup("more", [OSError(5, KEY)])]))
    text = crash_report(group, [KEY])
    assert text.count("[redacted]") == 2
    assert not any(part in text for part in parts(KEY))


@pytest.mark.parametrize(
    "secret", [KEY + "\n", KEY + "\x1b[0m", f"'{KEY}'", f"\"{KEY}'", f"{KEY}\u00e9\\", " " + KEY]
)
@pytest.mark.parametrize(
    "quotation",
    [str, repr, ascii, json.dumps, quote, lambda text: text.strip(), lambda text: repr(repr(text)),
     lambda text: repr(f"Bearer {text}".encode()), lambda text: repr((text, "it's")), lambda text: [text.encode()],
     lambda text: text[:12] + "..." + text[-12:]],
)  # fmt: skip
def test_the_key_is_absent_however_it_was_quoted(secret: str, quotation: Callable[[str], object]) -> None:
    text = report(f"before {quotation(secret)} after", secret)
    assert "[redacted]" in text
    assert not any(part in text for part in parts(KEY))
    assert "before" in text


def test_the_key_is_absent_where_h11_refuses_it() -> None:
    with pytest.raises(h11.LocalProtocolError) as caught:
        h11.Request(method="GET", target="/", headers=[("Host", "x"), ("Authorization", f"Bearer {KEY}\n")])
    assert KEY in str(caught.value)
    text = crash_report(caught.value, [KEY + "\n"])
    assert "Illegal header value b'Bearer [redacted]" in text
    assert not any(part in text for part in parts(KEY))


def test_the_key_is_absent_where_pydantic_shortens_it() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(int).validate_python(KEY + KEY)
    assert KEY[:16] in str(caught.value)
    assert not any(part in crash_report(caught.value, [KEY]) for part in parts(KEY))


@pytest.mark.parametrize("secret", ["hunter2", "k3y"])
def test_a_short_secret_is_redacted_whole(secret: str) -> None:
    text = report(f"the word is {secret}, again {secret}.", secret)
    assert "the word is [redacted], again [redacted]." in text


@pytest.mark.parametrize("secret", ["", " ", "\n"])
def test_an_empty_secret_hides_nothing(secret: str) -> None:
    assert "RuntimeError: it broke" in report("it broke", secret)


def test_every_secret_is_redacted() -> None:
    text = crash_report(raised(RuntimeError("first-secret and second-secret")), ["first-secret", "second-secret"])
    assert "RuntimeError: [redacted] and [redacted]" in text


@given(st.text(st.characters(), min_size=8, max_size=40), st.text(max_size=20), st.sampled_from((str, repr, ascii)))
def test_no_part_of_any_secret_is_left(secret: str, around: str, quotation: Callable[[str], object]) -> None:
    without = report(around, secret)
    # The report's fixed text and the redaction mark may happen to be part of the secret.
    assume(not any(part in without for part in parts(secret)) and "redacted" not in secret)
    assume(len(secret.strip()) >= 8)
    text = report(f"{around}|{quotation(secret)}|{around}", secret)
    assert not any(part in text for part in (*parts(secret), safe_lines(secret)))


def test_no_character_is_one_that_a_terminal_obeys() -> None:
    text = report("\x1b]0;title\x07 \x9b31m \u202e \ud800 \r\t\n\x1b[2J")
    assert "␛]0;title␇ ⟨U+009B⟩31m ⟨U+202E⟩ ⟨U+D800⟩ ␍␉\n␛[2J" in text
    assert text.replace("\n", "").isprintable()
    text.encode()


def test_a_long_report_keeps_its_start_and_its_end() -> None:
    text = report("\n".join(f"line {number} of many" for number in range(100_000)))
    assert len(text) < 21_000
    assert text.startswith("Traceback")
    assert "characters left out" in text
    assert "line 99999 of many" in text
    assert "exit status 1" in text


def test_a_long_line_is_cut() -> None:
    assert max(map(len, report("x" * 5_000).splitlines())) <= 1_000


def test_a_secret_is_absent_from_a_report_that_was_cut() -> None:
    text = report((KEY + "\n") * 20_000)
    assert "[redacted]" in text
    assert not any(part in text for part in parts(KEY))


def test_an_exception_that_cannot_be_described_is_named() -> None:
    class BadNotesError(Exception):
        @property
        def __notes__(self) -> list[str]:  # type: ignore[override]  # on purpose: one that can't be read
            raise RuntimeError(KEY)

    class BadTextError(Exception):
        def __str__(self) -> str:
            raise RuntimeError(KEY)

    for error in (BadNotesError(), BadTextError()):
        text = crash_report(raised(error), [KEY])
        assert type(error).__name__ in text
        assert KEY not in text
        assert "exit status 1" in text


def test_an_exception_that_was_never_raised_has_a_report() -> None:
    assert crash_report(KeyboardInterrupt(), []).startswith("KeyboardInterrupt\n")
