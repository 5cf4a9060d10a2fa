"""The ways to display times: UTC, the machine's zone, ages, or a named zone of the IANA database."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from auditlog_tui.errors import SettingsError
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import Mode, local_zone

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_NAME = 60


class TimeDisplay(NamedTuple):
    """How times are displayed. A time typed without an offset is read in `zone` as well."""

    mode: Mode
    zone: tzinfo


def read_zone(name: str) -> TimeDisplay:
    """The display that a setting names. Raises `SettingsError`, which suggests a similar name."""
    return time_displays(name)[0]


def time_displays(name: str) -> list[TimeDisplay]:
    """The displays that a key cycles through, starting with the one a setting names. Raises `SettingsError`."""
    standard = [TimeDisplay("utc", UTC), TimeDisplay("local", local_zone()), TimeDisplay("relative", UTC)]
    at = next((number for number, display in enumerate(standard) if display.mode == name.lower()), None)
    if at is None:
        return [TimeDisplay("local", _named_zone(name)), *standard[1:], standard[0]]
    return standard[at:] + standard[:at]


def _named_zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones  # here, as it is rarely needed

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
        return "This machine has no time zone database: pip install tzdata, or use utc, local or relative."
    return "Write utc, local, relative, or a name such as America/Los_Angeles."


def _nearest(wanted: str, names: list[str]) -> str | None:
    """The zone whose name or city is most similar; empty if none is, `None` without any names to compare."""
    import difflib

    if not names:
        return None
    known = {**{each.rpartition("/")[2].lower(): each for each in names}, **{each.lower(): each for each in names}}
    if wanted in known:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, 1, 0.7)
    return known[near[0]] if near else ""
