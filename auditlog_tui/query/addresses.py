"""IP addresses as they are typed and as they stand in a log."""

from __future__ import annotations

import ipaddress
import re

_DOTS = re.compile(r"\[([.:@])\]|\((\.)\)")
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}(%[\w.-]{1,32})?", re.ASCII)


def refanged(text: str) -> str:
    """A text that was written so that nobody clicks on it (`203[.]0[.]113[.]7`), as it was."""
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
    """Whether the text is an address that servers spell in one way only: IPv4. (An IPv6 one has many spellings.)"""
    address = ip_address(text)
    return address is not None and address.version == 4 and str(address) == text


_AROUND = (("(", ")"), ("[", "]"), ("<", ">"), ("{", "}"))


def address_or_network(chunk: str) -> str | None:
    """The address or network that a chunk of text is: in whatever brackets, with what ends a sentence, defanged."""
    text = refanged(chunk.rstrip(".,;!?"))
    for first, last in _AROUND:
        if text.startswith(first) and text.endswith(last):
            text = text[1:-1].rstrip(".,;")
    text = text.removesuffix(":") if text.count(":") == 1 else text
    if ip_address(text) is not None:
        return text
    return network_of(text)


def network_of(text: str) -> str | None:
    """The network in CIDR notation, without the bits of a host; `None` for any other text."""
    address, slash, prefix = text.partition("/")
    if not slash or not prefix.isascii() or not prefix.isdigit() or ip_address(address) is None:
        return None
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return None


# -- as they stand in a log ----------------------------------------------------------------------------------------

_PORT = re.compile(r"\[([^\[\]]+)\](?::\d{1,5})?|(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}", re.ASCII)
_PADDED = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}", re.ASCII)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def addresses_in(value: str) -> frozenset[Address]:
    """Every address that a log's value names: with a port, in a chain of proxies, padded, or IPv4 within IPv6.

    IPv4 within IPv6 counts as both.
    """
    found: list[Address] = []
    for part in value.split(","):
        address = _logged(part.strip().strip("\"'"))
        if address is not None:
            found.append(address)
            if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
                found.append(address.ipv4_mapped)
    return frozenset(found)


def _logged(text: str) -> Address | None:
    if match := _PORT.fullmatch(text):
        text = match[1] or match[2]
    if _PADDED.fullmatch(text):
        text = ".".join(part.lstrip("0") or "0" for part in text.split("."))
    return ip_address(text)
