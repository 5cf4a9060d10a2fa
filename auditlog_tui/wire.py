"""The body of an HTTP answer, within limits, as text; and what an answer that is an error says."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

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
from auditlog_tui.output.safe import safe

BODY_LIMIT = 32 * 1024 * 1024
"""Bytes of one answer, unpacked. A page of 100 entries has some 50 KB; a packed one can be a bomb."""

_WORDS = 300
_HTML = re.compile(r"\s*<(!doctype|html|\?xml)", re.IGNORECASE)


async def read_body(chunks: AsyncIterator[bytes], encoding: str) -> bytes:
    """All of the raw chunks, unpacked. Raises `NotTheApiError` for what is too large or not packed as it says."""
    unpack = _unpacker(encoding)
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        part = chunk if unpack is None else _unpacked(unpack, chunk, BODY_LIMIT - size + 1)
        size += len(part)
        if size > BODY_LIMIT:
            raise NotTheApiError(
                f"The server's answer is larger than {BODY_LIMIT // 1024**2} MB; it was not read on."
            )
        parts.append(part)
    return b"".join(parts)


def _unpacker(encoding: str) -> Any:
    """We ask for no compression; a server or proxy that compresses all the same is read, with care."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(zlib.MAX_WBITS | 32)
    raise NotTheApiError(f"The server's answer is packed as {safe(encoding, 40)}, which was not asked for.")


def _unpacked(unpack: Any, chunk: bytes, room: int) -> bytes:
    try:
        return bytes(unpack.decompress(chunk, room))
    except zlib.error as error:
        raise NotTheApiError("The server's answer is not packed as it says.") from error


def decode(body: bytes) -> str:
    """The JSON text of a body: UTF-8, UTF-16 or UTF-32, by its first bytes. Raises `NotTheApiError`."""
    try:
        text = body.decode(json.detect_encoding(body))
    except UnicodeDecodeError as error:
        raise NotTheApiError("The server's answer is not UTF-8 text.") from error
    text = text.removeprefix("\ufeff")
    if not text.lstrip(" \t\r\n").startswith("{"):
        raise NotTheApiError(
            f"{_what(text)} answered instead of the API. Is the base URL right, or a proxy in between?"
        )
    return text


def _what(text: str) -> str:
    return "An HTML page" if _HTML.match(text) else "Nothing" if not text.strip() else "Something that is not JSON"


def server_words(body: bytes) -> str:
    """What an error's body says, made safe and short; empty for HTML and for what says nothing."""
    text = body[: 64 * 1024].decode("utf-8", "replace").strip()
    if _HTML.match(text):
        return ""
    try:
        found = _message(json.loads(text))
    except (ValueError, RecursionError):
        found = text
    return safe(" ".join(found.split()), _WORDS)


def _message(data: Any) -> str:
    """The text in an error's JSON, whose form is not documented."""
    for _ in range(4):
        if isinstance(data, list):
            data = data[0] if data else ""
        if not isinstance(data, dict):
            break
        data = next((data[name] for name in ("message", "detail", "error", "title", "errors") if data.get(name)), "")
    return data if isinstance(data, str) else ""


def served_at(headers: Mapping[str, str]) -> datetime | None:
    """The server's clock (its `Date` header), whole seconds, UTC."""
    try:
        moment = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def error_of(status: int, headers: Mapping[str, str], body: bytes, host: str) -> ApiError:
    """The error of an answer that is not 200, in words that say what to do."""
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
        return RateLimitedError(f"{host} is asked too often (429); r tries again.{words}", status=429)
    if 400 <= status < 500:
        return BadRequestError(f"{host} does not accept what was asked ({status}).{words}", status=status)
    if status >= 500:
        return ServerError(f"{host} failed ({status}); r tries again.{words}", status=status)
    where = safe(headers.get("location", ""), 200)
    pointing = f", pointing to {where}" if where else ""
    return NotTheApiError(f"{host} answered {status}{pointing}, not the API. Is the base URL right?", status=status)


def too_long(status: int, host: str, seconds: float) -> RateLimitedError:
    """The error of an answer that asks for a wait of so many `seconds`, which nobody wants to sit out."""
    try:
        retry_at = datetime.now(UTC) + timedelta(seconds=seconds)
        when = f"at {retry_at:%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        retry_at, when = None, "in more years than there are"
    return RateLimitedError(
        f"{host} asks not to be asked again ({status}); try {when}.", status=status, retry_at=retry_at
    )


def unreachable(host: str, reason: str) -> str:
    """What to say of a host that can't be reached."""
    reason = safe(reason, 200)
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return f"{host} shows a certificate that this system does not trust. Is its CA installed here? ({reason})"
    return f"Can't reach {host} ({reason or 'no connection'}). Is the network up, and the base URL right?"
