"""IP addresses and networks, as users type them and as logs contain them."""

from __future__ import annotations

import ipaddress
import re

_DOTS = re.compile(r"\[([.:@])\]|\((\.)\)")
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}(%[\w.-]{1,32})?", re.ASCII)


def refang(text: str) -> str:
    """The text with defanged addresses (`203[.]0[.]113[.]7`) restored."""
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
    """Whether the text is an address with only one spelling: IPv4 (an IPv6 address has many)."""
    address = ip_address(text)
    return address is not None and address.version == 4 and str(address) == text


_BRACKETS = (("(", ")"), ("[", "]"), ("<", ">"), ("{", "}"))


def address_or_network(chunk: str) -> str | None:
    """The address or network in a chunk of text, without brackets and end punctuation and refanged; else `None`."""
    text = refang(chunk.rstrip(".,;!?"))
    for first, last in _BRACKETS:
        if text.startswith(first) and text.endswith(last):
            text = text[1:-1].rstrip(".,;")
    text = text.removesuffix(":") if text.count(":") == 1 else text
    if ip_address(text) is not None:
        return text
    return network_of(text)


def network_of(text: str) -> str | None:
    """The network of a text in CIDR notation, with the host bits cleared; `None` for any other text."""
    address, slash, prefix = text.partition("/")
    if not slash or not prefix.isascii() or not prefix.isdigit() or ip_address(address) is None:
        return None
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return None


# -- addresses in a log --------------------------------------------------------------------------------------------

_PORT = re.compile(r"\[([^\[\]]+)\](?::\d{1,5})?|(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}", re.ASCII)
_PADDED = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}", re.ASCII)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def addresses_in(value: str) -> frozenset[Address]:
    """All addresses in a log's value, which may have ports, zero padding, or a list of proxies.

    An IPv4 address mapped to IPv6 counts as both.
    """
    found: list[Address] = []
    for part in value.split(","):
        address = _logged_address(part.strip().strip("\"'"))
        if address is not None:
            found.append(address)
            if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
                found.append(address.ipv4_mapped)
    return frozenset(found)


def _logged_address(text: str) -> Address | None:
    if match := _PORT.fullmatch(text):
        text = match[1] or match[2]
    if _PADDED.fullmatch(text):
        text = ".".join(part.lstrip("0") or "0" for part in text.split("."))
    return ip_address(text)
