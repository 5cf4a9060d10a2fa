"""Reading one moment, as a person in a hurry types it."""

from __future__ import annotations

from datetime import tzinfo

from auditlog_tui.errors import QueryError
from auditlog_tui.query.freeze import SkippedError, instant_of
from auditlog_tui.query.times import NoTimeError, read_one

HINT = "10:02, yesterday 18:00, 2026-11-22 10:02, 2026-11-22T10:02:00Z, or 2h for two hours ago"


def read_moment(text: str, now_us: int, zone: tzinfo) -> int:
    """The instant in microseconds since 1970 UTC; a time of day is the latest one that is not in the future.

    Raises `QueryError`.
    """
    try:
        moment = read_one(text)
    except (ValueError, OverflowError) as error:
        readings = error.readings if isinstance(error, NoTimeError) else ()
        meant = f"Write {' or '.join(readings)}." if readings else f"Write {HINT}."
        raise QueryError("This is no moment.", 0, len(text), meant) from error
    try:
        return instant_of(moment, now_us, zone)
    except SkippedError as error:
        raise QueryError(error.message, 0, len(text), error.hint) from error
    except (ValueError, OverflowError) as error:
        message = "This time reaches outside the years 1 to 9999."
        raise QueryError(message, 0, len(text), "Write a time within them, in UTC.") from error
