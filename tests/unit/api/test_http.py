import gzip
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from auditlog_tui.api import http
from auditlog_tui.errors import (
    ApiError,
    BadRequestError,
    KeyRefusedError,
    NotFoundError,
    NotPermittedError,
    NotTheApiError,
    RateLimitedError,
    ServerError,
)

HOST = "api.test"
TEXT = b'{"items": []}'


def packed(body: bytes) -> bytes:
    """The same bytes at any time, as they stand in the names of tests."""
    return gzip.compress(body, mtime=0)


def short(value: object) -> str:
    """A test's name for a value that may be large."""
    return ascii(value)[:40]


class Chunks:
    """An answer's raw chunks; an exception among them is raised. `given` counts how many were asked for."""

    def __init__(self, *chunks: bytes | Exception) -> None:
        self._chunks = iter(chunks)
        self.given = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = next(self._chunks, None)
        if chunk is None:
            raise StopAsyncIteration
        self.given += 1
        if isinstance(chunk, Exception):
            raise chunk
        return chunk


# -- bodies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
async def test_a_plain_body(encoding: str) -> None:
    assert await http.read_body(Chunks(TEXT[:3], b"", TEXT[3:]), encoding) == TEXT


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", packed(TEXT)), ("X-GZIP", packed(TEXT)), ("deflate", zlib.compress(TEXT))],
    ids=short,
)
async def test_a_packed_body_byte_by_byte(encoding: str, body: bytes) -> None:
    assert await http.read_body(Chunks(*(body[n : n + 1] for n in range(len(body)))), encoding) == TEXT


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "\x1b[31m"])
async def test_another_packing_is_refused_in_safe_words(encoding: str) -> None:
    with pytest.raises(NotTheApiError, match="compressed as") as caught:
        await http.read_body(Chunks(TEXT), encoding)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("body", [TEXT, b"\x1f\x8b" + TEXT, packed(TEXT)[:-8] + b"\0" * 8], ids=short)
async def test_a_body_that_is_not_packed_as_it_says(body: bytes) -> None:
    with pytest.raises(NotTheApiError, match="not compressed as it says"):
        await http.read_body(Chunks(body), "gzip")


async def test_bytes_after_the_packed_ones_are_refused_at_once() -> None:
    chunks = Chunks(packed(TEXT), b"more", b"and more")
    with pytest.raises(NotTheApiError, match="not compressed as it says"):
        await http.read_body(chunks, "gzip")
    assert chunks.given == 2


async def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_LIMIT", 1024**2)
    whole = b"x" * 1024**2
    for encoding, pack in (("", bytes), ("gzip", packed)):
        assert await http.read_body(Chunks(pack(whole)), encoding) == whole
        with pytest.raises(NotTheApiError, match="larger than 1 MB"):
            await http.read_body(Chunks(pack(whole + b"x")), encoding)


async def test_a_large_body_is_not_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_LIMIT", 1000)
    chunks = Chunks(*[b"x" * 600] * 5)
    with pytest.raises(NotTheApiError, match="larger"):
        await http.read_body(chunks, "")
    assert chunks.given == 2


async def test_a_bomb_is_unpacked_no_further_than_the_limit() -> None:
    bomb = http._Body("gzip", 1024**2)
    with pytest.raises(NotTheApiError, match="larger"):
        bomb.add(packed(b"\0" * 50 * 1024**2))
    assert len(bomb.unpacked) == 1024**2 + 1


async def test_packed_bytes_that_unpack_to_nothing_are_limited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_LIMIT", 1000)
    nothing = b"\x00\x00\x00\xff\xff" * 100  # empty blocks
    chunks = Chunks(b"\x78\x9c", *[nothing] * 9)
    with pytest.raises(NotTheApiError, match="larger"):
        await http.read_body(chunks, "deflate")
    assert chunks.given == 3


@pytest.mark.parametrize("kept", [0, 5, 12, 20])
async def test_a_packed_body_that_is_cut_tells_by_its_text(kept: int) -> None:
    assert http.cut_short(await http.read_body(Chunks(packed(TEXT)[:kept]), "gzip"))


async def test_an_errors_body_is_read_as_far_as_it_goes() -> None:
    chunks = Chunks(b"what I know", httpx.ReadError("lost"))
    assert await http.read_error_body(chunks, "", httpx.HTTPError) == b"what I know"


async def test_an_errors_body_that_can_not_be_unpacked_is_empty() -> None:
    assert await http.read_error_body(Chunks(b"junk"), "gzip") == b""
    assert await http.read_error_body(Chunks(b"junk"), "br") == b""


async def test_a_large_error_is_not_read_on() -> None:
    chunks = Chunks(*[b"x" * 60_000] * 9)
    assert len(await http.read_error_body(chunks, "")) == 120_000
    assert chunks.given == 2


# -- text ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_every_json_encoding_is_read(encoding: str) -> None:
    assert http.decode('{"name": "é"}'.encode(encoding)) == '{"name": "é"}'


def test_leading_space_is_kept_for_the_reader() -> None:
    assert http.decode(b"\r\n\t {}") == "\r\n\t {}"


def test_bytes_that_are_not_utf_8_are_kept() -> None:
    body = b'{"name": "\xe9", "surrogate": "\xed\xa0\x80"}'
    assert http.decode(body).encode("utf-8", "surrogateescape") == body


def test_half_a_character_is_named() -> None:
    with pytest.raises(NotTheApiError, match="not UTF-8"):
        http.decode('{"name": "é"}'.encode("utf-16-le")[:-1])


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"<!DOCTYPE html><p>Sign in", "An HTML page"),
        (b"\xef\xbb\xbf\r\n <HTML>", "An HTML page"),
        (b"<?xml version='1.0'?>", "An HTML page"),
        (b"", "An empty page"),
        (b" \r\n", "An empty page"),
        (b"OK", "Something other than a JSON object"),
        (b"[1]", "Something other than a JSON object"),
        (b"\xc2\xa0{}", "Something other than a JSON object"),
    ],
)
def test_what_is_no_object_is_named(body: bytes, what: str) -> None:
    with pytest.raises(NotTheApiError, match=f"^{what} answered instead of the API"):
        http.decode(body)


@pytest.mark.parametrize(
    "body", [b"", b" ", b"{", b'{"items": [{"id": "x"}', '{"a": "é'.encode()[:-1], '{"a": 1'.encode("utf-16")[:-1]]
)
def test_a_text_that_stops_before_its_end_is_cut_short(body: bytes) -> None:
    assert http.cut_short(body)


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"error": 1}\n', b"<html>", b"OK", b"[1", '{"a": "é"}'.encode("latin-1"), b'{"a":' + b"[" * 100_000],
    ids=short,
)
def test_a_text_that_is_whole_or_something_else_is_not_cut_short(body: bytes) -> None:
    assert not http.cut_short(body)


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"message": "no such cursor"}', "no such cursor"),
        (b'{"error": {"code": 5, "message": "bad limit"}}', "bad limit"),
        (b'{"errors": [{"detail": "bad sort"}, {"detail": "more"}]}', "bad sort"),
        (b'{"error": "nope", "title": "t"}', "nope"),
        (b'{"message": "", "title": "t"}', "t"),
        (b'["first", "second"]', "first"),
        (b'"just words"', "just words"),
        (b'{"code": "E17"}', '{"code": "E17"}'),
        (b'{"errors": [[[[[["deep"]]]]]]}', '{"errors": [[[[[["deep"]]]]]]}'),
        (b'{"error": ' * 5 + b'"deep"' + b"}" * 5, '{"error": ' * 5 + '"deep"' + "}" * 5),
        (b"plain words", "plain words"),
        (b'{"message": "cut', '{"message": "cut'),
        (b"several\r\n\r\n  lines", "several lines"),
        (b'\xef\xbb\xbf{"message": "marked"}', "marked"),
        ('{"message": "wide"}'.encode("utf-16"), "wide"),
        (b"", ""),
        (b"{}", ""),
        (b"[]", ""),
        (b"null", ""),
        (b"<html><body>502", ""),
        (b"\xef\xbb\xbf<center>nginx</center>", ""),
    ],
)
def test_what_the_server_says(body: bytes, words: str) -> None:
    assert http.server_words(body) == words


@pytest.mark.parametrize(
    "body",
    [b"\x1b]52;c;cm0=\x1b\\", b'{"message": "\\u001b[2J\\u009b31m"}', "\u202egpj".encode(), b'{"message": "\\ud800"}',
     b"caf\xe9", b"x" * 100_000, b"[" * 60_000],
    ids=short,
)  # fmt: skip
def test_what_the_server_says_is_safe_and_short(body: bytes) -> None:
    words = http.server_words(body)
    assert words.isprintable()
    assert "\u202e" not in words
    assert 0 < len(words.encode()) <= 900


@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [
        (400, BadRequestError, "does not accept"),
        (401, KeyRefusedError, "refused the API key"),
        (403, NotPermittedError, "read permission on audit_log"),
        (404, NotFoundError, "no such entry"),
        (408, BadRequestError, "408"),
        (409, BadRequestError, "409"),
        (418, BadRequestError, "418"),
        (422, BadRequestError, "422"),
        (429, RateLimitedError, "too often"),
        (500, ServerError, "failed"),
        (503, ServerError, "503"),
        (999, ServerError, "999"),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[ApiError], hint: str) -> None:
    error = http.error_of(status, {}, b'{"message": "so \\u001b[2Jit is"}', HOST)
    assert type(error) is kind
    assert error.status == status
    assert hint in str(error)
    assert str(error).startswith(HOST)
    assert str(error).endswith('It says: "so ␛[2Jit is"')


@pytest.mark.parametrize("status", [201, 204, 206, 301, 302, 304, 307])
def test_every_other_status_is_not_the_api(status: int) -> None:
    error = http.error_of(status, {}, b"", HOST)
    assert type(error) is NotTheApiError
    assert error.status == status
    assert str(error) == f"{HOST} answered {status}, not the API. Is the base URL right?"


def test_a_redirect_says_where_to_in_safe_words() -> None:
    error = http.error_of(302, {"location": "https://login.test/\x1b[2J"}, b"", HOST)
    assert "pointing to https://login.test/␛[2J," in str(error)


def test_without_words_an_error_quotes_none() -> None:
    assert "says" not in str(http.error_of(500, {}, b"<html>", HOST))


def test_a_long_wait_tells_when_to_try_again() -> None:
    before = datetime.now(UTC)
    error = http.too_long(503, HOST, 86_400)
    assert error.status == 503
    assert error.retry_at is not None
    assert 86_400 <= (error.retry_at - before).total_seconds() < 86_460
    assert f"try at {error.retry_at:%Y-%m-%d %H:%M:%S} UTC" in str(error)


@pytest.mark.parametrize("seconds", [1e12, 1e308])
def test_a_wait_beyond_the_calendar_has_no_date(seconds: float) -> None:
    error = http.too_long(429, HOST, seconds)
    assert error.retry_at is None
    assert "after the year 9999" in str(error)


def test_the_servers_clock() -> None:
    assert http.served_at({"date": "Wed, 01 Jan 2025 00:00:00 GMT"}) == datetime(2025, 1, 1, tzinfo=UTC)
    assert http.served_at({}) is None
    assert http.served_at({"date": "yesterday"}) is None


@pytest.mark.parametrize(
    "reason",
    [
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:992)",
        "“api.test” certificate is not trusted",
        "A certificate chain processed, but terminated in a root certificate which is not trusted",
    ],
)
def test_a_certificate_that_is_not_trusted_is_named(reason: str) -> None:
    words = http.unreachable(HOST, reason)
    assert words.startswith(f"{HOST} shows a certificate that this system does not trust. Is its CA installed here?")
    assert reason in words


@pytest.mark.parametrize("reason", ["", "[Errno -2] Name or service not known", "tlsv13 alert certificate required"])
def test_another_reason_asks_for_the_network(reason: str) -> None:
    words = http.unreachable(HOST, reason)
    assert words.startswith(f"Can't reach {HOST} ({reason or 'no connection'}).")
    assert "Is the network up" in words


def test_reasons_are_safe() -> None:
    assert http.unreachable(HOST, "\x1b[2J").isprintable()
    assert http.broken(HOST, "\x1b[2J").isprintable()


def test_a_broken_connection_gives_its_reason_where_there_is_one() -> None:
    assert http.broken(HOST, "") == "The connection to api.test broke before the answer was complete."
    assert http.broken(HOST, "reset").endswith("was complete (reset).")
