"""The proxy that the environment names for a host."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from auditlog_tui.text.safe import safe

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """`url` may hold a password; `name` is its host and port, and is safe to show."""

    url: str = field(repr=False)
    name: str


def proxy_for(base_url: str) -> Proxy | None:
    """The proxy that `HTTPS_PROXY` (or `HTTP_PROXY`) or `ALL_PROXY` names for a URL, unless `NO_PROXY` covers it."""
    from urllib.request import getproxies  # imported late: few need it

    parts = urlsplit(base_url)
    named = getproxies()
    url = named.get(parts.scheme.lower()) or named.get("all")
    if not url or _is_exempt(parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0), named.get("no", "")):
        return None
    url = url if "://" in url else f"http://{url}"
    return Proxy(url, safe(url.partition("://")[2].partition("/")[0].rpartition("@")[2], 60))


def _is_exempt(host: str, port: int, exemptions: str) -> bool:
    return any(_covers(entry, host.rstrip("."), port) for entry in exemptions.lower().replace(",", " ").split())


def _covers(entry: str, host: str, port: int) -> bool:
    """Whether an entry of `NO_PROXY` covers a host: a domain (with its subdomains), an address, a network or `*`."""
    if entry == "*":
        return True
    try:
        return ip_address(host) in ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass
    name, colon, digits = entry.rpartition(":")
    if colon and digits.isdigit() and (":" not in name or name.endswith("]")):
        return int(digits) == port and _covers(name, host, port)
    name = entry.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))
