"""Writes small MaxMind DB files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

Networks = Mapping[str, Mapping[str, Any]]


def write_mmdb(path: Path, networks: Networks, *, version: int = 6) -> Path:
    """Write a file with a record for each network. Version 6 holds IPv4 too, below ::/96."""
    writer = MMDBWriter(version, "Test", ipv4_compatible=version == 6)
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), dict(record))
    writer.to_db_file(str(path))
    return path


def city(name: str, country: str, code: str) -> dict[str, Any]:
    """A record as in MaxMind's City files."""
    return {
        "city": {"geoname_id": 1, "names": {"de": f"de {name}", "en": name}},
        "country": {"iso_code": code, "names": {"en": country}},
        "location": {"latitude": 52.5, "longitude": 13.4},
    }


def network(number: int, organization: str) -> dict[str, Any]:
    """A record as in MaxMind's ASN files."""
    return {"autonomous_system_number": number, "autonomous_system_organization": organization}
