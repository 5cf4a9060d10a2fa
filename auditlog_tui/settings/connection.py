"""What requests are made with: the base URL, the API key and custom headers, each checked before anything is sent."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from auditlog_tui.entries.contract import LIST_PATH
from auditlog_tui.errors import SettingsError
from auditlog_tui.text.safe import safe

DEFAULT_BASE_URL: Final = "https://api.nirvanalabs.io"
DEMO_URL: Final = "https://demo"
"""The demo's base URL, which never leaves this process; errors show its host."""

HEADERS_VARIABLE: Final = "NIRVANA_LABS_CUSTOM_HEADERS"

_SHORTEST_SECRET = 8


class Secret:
    """A text that is shown only by `reveal`, and can't be pickled or copied."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not to be written anywhere")


# -- the base URL --------------------------------------------------------------------------------------------------

_BASE_URL = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]+)?(/[!-~]*)?", re.IGNORECASE)
_VERSION, _COLLECTION = LIST_PATH.strip("/").split("/")
_ENDPOINT = re.compile(rf"(/+{_VERSION}(/+{_COLLECTION})?)?/*$")


def check_base_url(url: str) -> str:
    """The URL as `without_endpoint` returns it. Raises `SettingsError` for what can't be the API's address.

    The error does not repeat a password, a query or a fragment: they may be secret.
    """
    url = url.strip()
    if "@" in url:
        raise SettingsError(f"A base URL has no user name, password or @ in it. Write it like {DEFAULT_BASE_URL}.")
    if "?" in url or "#" in url:
        raise SettingsError(f"An address with ? or # is no base URL. Write it like {DEFAULT_BASE_URL}.")
    try:
        parts = urlsplit(url)
        valid = _BASE_URL.fullmatch(url) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise SettingsError(f"{safe(url, 100)!r} is no base URL. Write it like {DEFAULT_BASE_URL}.")
    return without_endpoint(url)


def without_endpoint(url: str) -> str:
    """The base URL without a slash at its end, and without the endpoint's path (`/v1`), which people write too."""
    return _ENDPOINT.sub("", url)


def check_encrypted(base_url: str) -> None:
    """Raise `SettingsError` for `http:` to another machine."""
    parts = urlsplit(base_url)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise SettingsError(f"{base_url} is not encrypted: your key would be readable on its way. Use https.")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# -- the key -------------------------------------------------------------------------------------------------------

_KEY = re.compile(r"[!-~]+")


def check_key(key: str, source: str = "This text") -> None:
    """Raise `SettingsError`, which names the source and never shows the key, for one that no header can carry."""
    if not _KEY.fullmatch(key):
        raise SettingsError(f"{source} holds no API key: one line of visible ASCII characters, without spaces.")


# -- custom headers ------------------------------------------------------------------------------------------------

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VALUE = r"[ -~\t]*"
_LINE = re.compile(rf"({_NAME})[ \t]*:[ \t]*({_VALUE})")
_FRAMING = frozenset({"content-length", "transfer-encoding"})


def read_headers(text: str) -> dict[str, str]:
    """The headers in lines of `Name: value`. Raises `SettingsError`, which never shows a value."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise SettingsError(
                f"Line {number} of {HEADERS_VARIABLE} is no header. Write Name: value, one on a line."
            )
        found[match[1]] = match[2].strip()
    return found


def check_header(name: str, value: str) -> None:
    """Raise `SettingsError`, which never shows the value, for a header that no request of ours may have."""
    if not re.fullmatch(_NAME, name):
        raise SettingsError(f"{HEADERS_VARIABLE}: the name of a custom header has characters that HTTP forbids.")
    if name.lower() in _FRAMING:
        raise SettingsError(f"{HEADERS_VARIABLE}: {name} is not allowed: it belongs to a body, and none is sent.")
    if not re.fullmatch(_VALUE, value) or value != value.strip():
        raise SettingsError(f"{HEADERS_VARIABLE}: {name} has characters that HTTP forbids.")


def may_be_secret(value: str) -> bool:
    """Whether a header's value is long enough to be a secret: hiding shorter ones would hide ordinary words."""
    return len(value) >= _SHORTEST_SECRET
