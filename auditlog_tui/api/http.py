"""Request headers, bodies of answers within limits, and errors of answers in words."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import AsyncIterable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from auditlog_tui.api.request import BODY_LIMIT, ERROR_LIMIT
from auditlog_tui.api.retry import http_date
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
from auditlog_tui.text.safe import safe

_LOOKED_THROUGH = 1024 * 1024
"""Characters of a malformed answer that are parsed to find out whether it was cut: more would block for too long."""

_WORDS = 300
_HTML = re.compile(r"\s*<(!doctype|html|\?xml)", re.IGNORECASE)


class Answer(Struct, frozen=True):
    """An answer to a request; the names of its `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by their names in lower case; the values of several with one name are joined by commas."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = str(raw_name, "latin-1").lower(), _header_text(raw_value)
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _header_text(value: bytes) -> str:
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        return str(value, "latin-1")


# -- bodies ----------------------------------------------------------------------------------------------------------


async def read_body(chunks: AsyncIterable[bytes], encoding: str) -> bytes:
    """The whole body, decompressed. Raises `NotTheApiError` if it is too large, or not compressed as declared.

    A compressed body that is cut short is decompressed as far as it goes: `cut_short` finds that out.
    """
    body = _Body(encoding, BODY_LIMIT)
    async for chunk in chunks:
        body.add(chunk)
    return bytes(body.unpacked)


async def read_error_body(chunks: AsyncIterable[bytes], encoding: str, *faults: type[Exception]) -> bytes:
    """The start of an error's body, as far as it can be read: `faults` in it must not hide the error."""
    try:
        body = _Body(encoding, ERROR_LIMIT)
    except NotTheApiError:
        return b""
    with suppress(NotTheApiError, *faults):
        async for chunk in chunks:
            body.add(chunk)
    return bytes(body.unpacked)


class _Body:
    """Collects an answer's bytes; `add` raises `NotTheApiError` beyond the limit."""

    def __init__(self, encoding: str, limit: int) -> None:
        self.unpacked = bytearray()
        self._unpack = _unpacker(encoding)
        self._received = 0
        self._limit = limit

    def add(self, chunk: bytes) -> None:
        self._received += len(chunk)
        room = self._limit + 1 - len(self.unpacked)
        self.unpacked += chunk if self._unpack is None else _unpacked(self._unpack, chunk, room)
        # Count both: endless compressed bytes can decompress to nothing.
        if max(self._received, len(self.unpacked)) > self._limit:
            raise NotTheApiError(
                f"The server's answer is larger than {self._limit // 1024**2} MB; reading stopped there."
            )


def _unpacker(encoding: str) -> Any:
    """A decompressor: we ask for no compression, but a server or proxy may compress all the same."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(zlib.MAX_WBITS | 32)
    raise NotTheApiError(f"The server's answer is compressed as {safe(encoding, 40)}, which was not asked for.")


def _unpacked(unpack: Any, chunk: bytes, room: int) -> bytes:
    try:
        part = bytes(unpack.decompress(chunk, room))
    except zlib.error as error:
        raise NotTheApiError("The server's answer is not compressed as it says.") from error
    if unpack.unused_data:  # bytes after the compressed data, which zlib would collect without limit
        raise NotTheApiError("The server's answer is not compressed as it says.")
    return part


def decode(body: bytes) -> str:
    """The JSON text of a body: UTF-8, UTF-16 or UTF-32, by its first bytes. Raises `NotTheApiError`.

    Bytes that are not UTF-8 become lone surrogates (`surrogateescape`), which make only their own string unreadable.
    """
    try:
        text = _text(body, "surrogateescape")
    except UnicodeDecodeError as error:  # half a character of UTF-16 or UTF-32
        raise NotTheApiError("The server's answer is not UTF-8 text.") from error
    if not text.lstrip(" \t\r\n").startswith("{"):
        raise NotTheApiError(
            f"{_what(text)} answered instead of the API. Is the base URL right, or a proxy in between?"
        )
    return text


def _text(body: bytes, errors: str) -> str:
    return body.decode(json.detect_encoding(body), errors).removeprefix("\ufeff")


def _what(text: str) -> str:
    if _HTML.match(text):
        return "An HTML page"
    return "Something other than a JSON object" if text.strip() else "An empty page"


def cut_short(body: bytes) -> bool:
    """Whether a body ends before its JSON does: the only sign that some lost connections leave."""
    text = _text(body, "replace").strip()
    if not text.startswith("{"):
        return not text
    if len(text) > _LOOKED_THROUGH:
        return not text.endswith("}")
    try:
        json.loads(text)
    except RecursionError:
        return False
    except ValueError:
        return True
    return False


# -- errors ----------------------------------------------------------------------------------------------------------


def server_words(body: bytes) -> str:
    """The message in an error's body, made safe and short; empty for HTML and for a body without one."""
    text = _text(body[:ERROR_LIMIT], "replace").strip()
    if text.startswith("<"):
        return ""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        found = text
    else:
        found = _message(data) or (text if data else "")
    return safe(" ".join(found.split()), _WORDS)


def _message(data: Any) -> str:
    """The message in an error's JSON, whose form is not documented."""
    for _ in range(4):
        if isinstance(data, list):
            data = data[0] if data else ""
        if not isinstance(data, dict):
            break
        data = next((data[name] for name in ("message", "detail", "error", "title", "errors") if data.get(name)), "")
    return data if isinstance(data, str) else ""


def own_error(body: bytes) -> bytes:
    """The body of an answer of 200 if it holds an error message, else empty."""
    if len(body) > ERROR_LIMIT:
        return b""
    try:
        data = json.loads(_text(body, "replace"))
    except (ValueError, RecursionError):
        return b""
    return body if isinstance(data, dict) and _message(data) else b""


def served_at(headers: Mapping[str, str]) -> datetime | None:
    """The server's clock (its `Date` header), whole seconds, UTC."""
    return http_date(headers.get("date", ""))


def error_of(
    status: int, headers: Mapping[str, str], body: bytes, host: str, retry_at: datetime | None = None
) -> ApiError:
    """The error of an answer that is not 200; its text says what to do."""
    said = server_words(body)
    words = f' It says: "{said}"' if said else ""
    if status == 401:
        return KeyRefusedError(
            f"{host} refused the API key (401): is it right, not expired, not revoked?{words}", status=401
        )
    if status == 403:
        return NotPermittedError(
            f"{host} accepts the key, but it may not read the audit log (403):"
            f" it needs read permission on audit_log.{words}",
            status=403,
        )
    if status == 404:
        return NotFoundError(f"{host} has no such entry, or no such endpoint (404).{words}", status=404)
    if status == 429:
        return RateLimitedError(f"{host} is asked too often (429).{words}", status=429, retry_at=retry_at)
    if 400 <= status < 500:
        return BadRequestError(f"{host} does not accept what was asked ({status}).{words}", status=status)
    if status >= 500:
        return ServerError(f"{host} failed ({status}).{words}", status=status)
    where = safe(headers.get("location", ""), 200)
    pointing = f", pointing to {where}" if where else ""
    return NotTheApiError(f"{host} answered {status}{pointing}, not the API. Is the base URL right?", status=status)


def too_long(status: int, host: str, seconds: float) -> RateLimitedError:
    """The error of an answer that asks for a wait of `seconds`, too long to be waited here."""
    retry_at = moment_in(seconds)
    when = "after the year 9999" if retry_at is None else f"at {retry_at:%Y-%m-%d %H:%M:%S} UTC"
    return RateLimitedError(
        f"{host} asks for a long pause ({status}); try {when}.",
        status=status,
        retry_at=retry_at,
    )


def moment_in(seconds: float) -> datetime | None:
    """The time that many seconds from now, UTC; `None` beyond the year 9999."""
    try:
        return datetime.now(UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return None


def unreachable(host: str, reason: str) -> str:
    """The message for a host that can't be reached."""
    reason = safe(reason, 200)
    # Systems word it differently; an alert is the server refusing a certificate of ours.
    if "certificate" in reason.lower() and "alert" not in reason.lower():
        return f"{host} shows a certificate that this system does not trust. Is its CA installed here? ({reason})"
    return f"Can't reach {host} ({reason or 'no connection'}). Is the network up, and the base URL right?"


def broken(host: str, reason: str) -> str:
    """The message for an established connection that was lost."""
    why = f" ({safe(reason, 200)})" if reason else ""
    return f"The connection to {host} broke before the answer was complete{why}."
