"""The location of addresses, from MaxMind DB files on this machine: city, country and network. Nothing is sent.

The files are read by `maxminddb`, which is slow to import and comes with the extra `geo`. It is imported by
`Locations.open`, in a thread.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from auditlog_tui.errors import SettingsError
from auditlog_tui.output import files
from auditlog_tui.query.addresses import Address, addresses_in
from auditlog_tui.text.safe import safe

if TYPE_CHECKING:
    from maxminddb.reader import Reader

INSTALL = "pip install '.[geo]'"
"""The command, in a clone, that installs what reads the files."""

CACHED = 10_000
"""Addresses whose locations are kept: more than the facets list."""

LONGEST = 100
"""Characters of the longest text that is looked up; an address with a port or brackets is shorter."""

NAME = 60
"""Characters of the longest name shown."""

_MARKER, _TAIL = b"\xab\xcd\xefMaxMind.com", 128 * 1024
"""What begins a file's metadata, and the bytes at its end of which the format says that they contain it."""

_NETWORK_NUMBERS = ("autonomous_system_number", "asn")
_NETWORK_NAMES = ("autonomous_system_organization", "as_name", "isp", "organization")
"""Keys of MaxMind's files and of others."""


def check(paths: Iterable[str]) -> None:
    """Raise `SettingsError` for a file that can't be used. Does not read all of it, and imports nothing slow."""
    for path in paths:
        shown = safe(path, 200)
        try:
            with files.opened(Path(path)) as file:
                file.seek(-min(_TAIL, file.seek(0, 2)), 2)
                tail = file.read()
        except (OSError, ValueError) as error:  # ValueError: a path that no file can have
            raise SettingsError(f"{shown} can't be read: {_reason(error)}.") from error
        if _MARKER not in tail:
            raise SettingsError(f"{shown} is no MaxMind DB file. Name the .mmdb file itself, not an archive with it.")
        if importlib.util.find_spec("maxminddb") is None:
            raise SettingsError(f"{shown} can't be read without the extra geo. Install it in the clone: {INSTALL}")


class Locations:
    """Looks addresses up in files, in any thread. The first file that has a city (or network) decides it."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._readers: dict[str, Reader] = {}
        self._problems: list[str] = []
        self._closed = False
        self._known: dict[str, str] = {}

    def open(self) -> None:
        """Open the files, which is slow. One that can't be used is a problem, and the others are used."""
        readers = {path: reader for path in self._paths if (reader := self._opened(path)) is not None}
        self._readers = readers
        if self._closed:  # in another thread, before there was anything to close
            self.close()

    def _opened(self, path: str) -> Reader | None:
        try:
            from maxminddb import MODE_FILE, open_database

            # Read, not mapped: reading a mapped file that was cut short meanwhile would kill the process.
            return open_database(path, MODE_FILE)
        except Exception as error:  # a damaged file can raise anything
            self._note(path, error)
            return None

    def close(self) -> None:
        """Close the files; every location is unknown from now on."""
        self._closed = True
        readers, self._readers = self._readers, {}
        for reader in readers.values():
            reader.close()

    def take_problems(self) -> list[str]:
        """Sentences about files that can't be used, each returned once."""
        problems, self._problems = self._problems, []
        return problems

    def known(self, address: str) -> str | None:
        """The location as `text` returns it; `None` if files must be read for it."""
        return self._known.get(address) if self._readers and len(address) <= LONGEST else ""

    def text(self, address: str) -> str:
        """`DE Berlin · AS64500 Example Net`, as far as it is known (safe text); empty if nothing is.

        `address` is the log's text, which may have a port. A list of several addresses has no location. The first
        time takes up to a few milliseconds a file.
        """
        found = self.known(address)
        if found is None:
            found = self._text(address)
            while len(self._known) >= CACHED:
                self._known.pop(next(iter(self._known)), None)
            self._known[address] = found
        return found

    def _text(self, text: str) -> str:
        found = {getattr(each, "ipv4_mapped", None) or each for each in addresses_in(text)}
        if len(found) != 1:
            return ""
        address = found.pop()
        records = [self._record(path, reader, address) for path, reader in self._readers.items()]
        places = map(_place, records)
        place = max(places, key=lambda each: (bool(each.city), each != _NOWHERE), default=_NOWHERE)
        network = next(filter(None, map(_network, records)), "")
        return " · ".join(filter(None, (str(place), network)))

    def _record(self, path: str, reader: Reader, address: Address) -> Mapping[str, object]:
        """What a file knows about an address. The file is not used any more if that can't be read."""
        try:
            if address.version == 6 and reader.metadata().ip_version == 4:
                return {}
            record = reader.get(address)
        except Exception as error:  # as in `_opened`
            self._readers = {each: kept for each, kept in self._readers.items() if each != path}
            reader.close()
            if not self._closed:
                self._note(path, error)
            return {}
        return record if isinstance(record, dict) else {}

    def _note(self, path: str, error: Exception) -> None:
        why = _reason(error) if isinstance(error, OSError) else "it is damaged; download it again"
        self._problems.append(f"{files.shown(Path(path))} is no longer used for locations: {why}.")


class _Place(NamedTuple):
    """Where an address is. The text begins with the country's code: its end is cut where there is little room."""

    code: str
    city: str
    country: str

    def __str__(self) -> str:
        if self.code:
            return f"{self.code} {self.city or self.country}".strip()
        return ", ".join(filter(None, (self.city, self.country)))


_NOWHERE = _Place("", "", "")


def _place(record: Mapping[str, object]) -> _Place:
    code = _first(record.get("country"), ("iso_code",)) or _first(record, ("country_code",))
    return _Place(code, _name(record, "city"), _name(record, "country"))


def _name(record: Mapping[str, object], key: str) -> str:
    """The English name of a city or country. Some files have a text instead of names by language."""
    value = record.get(key)
    return _first(value.get("names"), ("en",)) if isinstance(value, dict) else _first(record, (key,))


def _network(record: Mapping[str, object]) -> str:
    """The number and organization of the autonomous system that announces an address."""
    for fields in (record, record.get("traits")):
        if isinstance(fields, dict):
            number, name = _first(fields, _NETWORK_NUMBERS), _first(fields, _NETWORK_NAMES)
            number = f"AS{number}" if number.isdigit() else number
            if number or name:
                return f"{number} {name}".strip()
    return ""


def _first(fields: object, keys: Sequence[str]) -> str:
    """The first text or number under these keys, made safe; empty if there is none."""
    values = [fields.get(key) for key in keys] if isinstance(fields, dict) else []
    texts = (str(each) for each in values if isinstance(each, str | int) and not isinstance(each, bool))
    return next((safe(text, NAME) for text in texts if text), "")


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or safe(str(error), 100)
