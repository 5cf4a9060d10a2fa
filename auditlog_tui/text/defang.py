"""Defanging for reports and tickets: addresses written so that nothing turns them into links."""

from __future__ import annotations

import ipaddress
import re

_HTTP = re.compile(r"http(?=s?://)", re.IGNORECASE)
_HOST = re.compile(r"(?<=://)[^\s/?#]+")
_DOT = re.compile(r"(?<!\[)\.|\.(?!\])")
_IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)", re.ASCII)
_IPV6 = re.compile(
    r"(?<![\w:.])((?:[a-z_]\w{0,30}:)??)"  # an optional field name, as in `ip:2001:db8::1`
    r"((?=[0-9a-f]*:[0-9a-f]*:)[0-9a-f:]+)(?![\w:])",
    re.ASCII | re.IGNORECASE,
)


def defang(text: str) -> str:
    """`text` with its addresses defanged: `203[.]0[.]113[.]7`, `2001[:]db8[:][:]1`, `hxxps://host[.]example/x`.

    Dots elsewhere (`vm.deleted`, `Terraform/1.9.2`) stay. Defanging twice changes nothing more.
    """
    text = _HTTP.sub("hxxp", text)
    text = _HOST.sub(lambda host: _DOT.sub("[.]", host[0]), text)
    text = _IPV4.sub(lambda address: address[0].replace(".", "[.]"), text)
    return _IPV6.sub(lambda match: match[1] + _break_ipv6(match[2]), text)


def _break_ipv6(text: str) -> str:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return text
    return text.replace(":", "[:]")
