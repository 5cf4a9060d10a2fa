"""Addresses written so that nothing turns them into links, for reports and tickets."""

from __future__ import annotations

import re

_URL = re.compile(r"\bhttp(s?)://([^\s/?#]*)", re.IGNORECASE)
_IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)", re.ASCII)
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9a-f]*:[0-9a-f]*:)[0-9a-f:]+(?![\w:])", re.ASCII | re.IGNORECASE)


def defang(text: str) -> str:
    """`text` with its addresses broken: `203[.]0[.]113[.]7`, `2001[:]db8[:][:]1`, `hxxps://host[.]example/x`.

    Dots elsewhere (`vm.deleted`, `Terraform/1.9.2`) stay. Doing it twice changes nothing.
    """
    text = _URL.sub(lambda url: f"hxxp{url[1]}://{_brackets(url[2])}", text)
    text = _IPV6.sub(lambda match: match[0].replace(":", "[:]") if _is_ipv6(match[0]) else match[0], text)
    return _IPV4.sub(lambda address: _brackets(address[0]), text)


def _brackets(host: str) -> str:
    return re.sub(r"(?<!\[)\.(?!\])", "[.]", host)


def _is_ipv6(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
