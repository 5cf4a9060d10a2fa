"""What a request is made of, and the limits of its answer; imports no HTTP library, which would take too long."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from auditlog_tui import __version__
from auditlog_tui.entries.contract import LIST_PATH
from auditlog_tui.errors import NotFoundError
from auditlog_tui.settings.connection import check_header, check_key, may_be_secret
from auditlog_tui.text.safe import safe

PORTS = {"http": 80, "https": 443}
"""The ports of URLs without one."""

DEADLINE = 60.0
"""Seconds for one attempt, including reading the answer; pauses between attempts don't count."""

CONNECT = 15.0
"""Seconds to connect."""

BODY_LIMIT = 32 * 1024 * 1024
"""Largest decompressed answer, in bytes. A page of 100 entries has about 50 KB; compression can hide gigabytes."""

ERROR_LIMIT = 64 * 1024
"""Bytes read of an error's body."""


def request_headers(key: str | None, extra: Mapping[str, str]) -> dict[str, str]:
    """The headers of every request; `extra` overrides ours. Compression is not asked for.

    Raises `SettingsError` for what HTTP forbids: the library's own error would repeat the key.
    """
    if key is not None:
        check_key(key)
    for name, value in extra.items():
        check_header(name, value)
    ours = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"auditlog-tui/{__version__}",
        **({} if key is None else {"Authorization": f"Bearer {key}"}),
    }
    named = {name.lower() for name in extra}
    return {name: value for name, value in ours.items() if name.lower() not in named} | dict(extra)


def all_headers(base_url: str, key: str | None, extra: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """`request_headers` with those that HTTP itself needs, as every request is sent."""
    headers = {"Host": host_of(base_url), "Connection": "keep-alive", **request_headers(key, extra)}
    overridden = {name.lower() for name in extra}
    return tuple((name, value) for name, value in headers.items() if name in extra or name.lower() not in overridden)


def host_of(base_url: str) -> str:
    """The URL's host, with its port unless that is the scheme's own."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    named = f"[{host}]" if ":" in host else host
    return named if parts.port in (None, PORTS[parts.scheme]) else f"{named}:{parts.port}"


def secrets_of(key: str | None, extra: Mapping[str, str]) -> tuple[bytes, ...]:
    """The key and the header values that must not be shown, the longest first."""
    values = filter(may_be_secret, [*extra.values(), *([] if key is None else [key])])
    return tuple(sorted((value.encode("utf-8", "replace") for value in values), key=len, reverse=True))


def list_target(params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> str:
    """The path and query, below the base URL, of a page of at most `limit` entries."""
    query = {**params, "limit": str(limit)} | ({} if cursor is None else {"cursor": cursor})
    return f"{LIST_PATH}?{urlencode(query, errors='replace')}"


def entry_target(entry_id: str) -> str:
    """The path of one entry, below the base URL. Raises `NotFoundError` for an ID that no path can hold."""
    if entry_id in ("", ".", ".."):
        raise NotFoundError(f"{safe(entry_id) or 'An empty text'} is no entry's ID.")
    try:
        return f"{LIST_PATH}/{quote(entry_id, safe='')}"
    except UnicodeEncodeError:
        raise NotFoundError(f"{safe(entry_id, 100)} is no entry's ID: no URL can hold it.") from None


def tls_context() -> ssl.SSLContext:
    """The system's certificates: a company's CA is trusted where its machines trust it."""
    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
