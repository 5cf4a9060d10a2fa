"""IP addresses as they are typed and as they stand in a log."""

from __future__ import annotations

import ipaddress
import re

_DOTS = re.compile(r"\[(\.|:)\]|\((\.)\)")
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}(%[\w.-]{1,32})?", re.ASCII)


def refanged(text: str) -> str:
    """An address that was written so that nobody clicks on it (`203[.]0[.]113[.]7`), as it was."""
    return _DOTS.sub(lambda match: match[1] or match[2], text)


def ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address in a text, or `None`."""
    if not _ADDRESS.fullmatch(text):
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def one_spelling(text: str) -> bool:
    """Whether the text is an address as servers spell it: an IPv4 one, or an IPv6 one that is short and lower case.

    IPv4 within IPv6 (`::ffff:203.0.113.7`) has two common spellings, so neither is the one.
    """
    address = ip_address(text)
    if address is None or (address.version == 6 and address.ipv4_mapped is not None):
        return False
    return str(address) == text
