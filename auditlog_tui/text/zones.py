"""How times are shown: in UTC, in this machine's zone, as ages, or in a zone of the IANA database by its name."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from auditlog_tui.errors import SettingsError
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import Mode, local_zone

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_NAME = 60


class Way(NamedTuple):
    """How times are shown. `zone` is also the one in which a time is read that was typed without an offset."""

    mode: Mode
    zone: tzinfo


def read_zone(name: str) -> Way:
    """The way that a setting names. Raises `SettingsError`, with the name that may be meant."""
    return ways(name)[0]


def ways(name: str) -> list[Way]:
    """The ways that one goes through, from that on which a setting names. Raises `SettingsError`."""
    own = [Way("utc", UTC), Way("local", local_zone()), Way("relative", UTC)]
    at = next((number for number, way in enumerate(own) if way.mode == name.lower()), None)
    if at is None:
        return [Way("local", _named(name)), *own[1:], own[0]]
    return own[at:] + own[:at]


def _named(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones  # late: few name a zone

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        shown = safe(name, _LONGEST_NAME)
        raise SettingsError(f"There is no time zone {shown!r}. {_hint(name, available_timezones())}") from error


def _hint(name: str, names: Iterable[str]) -> str:
    near = _nearest(name[:_LONGEST_NAME].strip().replace(" ", "_").lower(), sorted(names))
    if near:
        return f"Did you mean {near}?"
    if near is None:
        return "This machine has no list of them: pip install tzdata, or use utc, local or relative."
    return "Write utc, local, relative, or a name such as America/Los_Angeles."


def _nearest(wanted: str, names: list[str]) -> str | None:
    """The name that is most like it, or whose city is; empty if none is, `None` if there are no names."""
    import difflib

    if not names:
        return None
    known = {**{each.rpartition("/")[2].lower(): each for each in names}, **{each.lower(): each for each in names}}
    if wanted in known:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, 1, 0.7)
    return known[near[0]] if near else ""
