"""How often the newest end of a log is polled, by the screen and by `follow`."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from auditlog_tui.errors import AuditLogError, RateLimitedError
from auditlog_tui.text.times import DAY_US, moment

POLL_S, SLOWEST_S = 5.0, 60.0
"""Seconds between two polls, and the most after errors."""


def slower(delay: float, error: AuditLogError) -> float:
    """Seconds until the next poll after one that failed; `delay` is the pause before that one.

    Twice as long, up to `SLOWEST_S`, but never before the time that the server asked for.
    """
    asked = error.retry_at if isinstance(error, RateLimitedError) else None
    wait = 0.0 if asked is None else (asked - datetime.now(UTC)).total_seconds()
    return max(min(delay * 2, SLOWEST_S), wait)


def next_try(now_us: int, delay: float, zone: tzinfo = UTC) -> str:
    """When a poll is repeated after `delay` seconds: `at 23:41:10 UTC`, with the date if not within a day."""
    us = now_us + int(delay * 1_000_000)
    return f"at {moment(us, zone, with_date=us - now_us >= DAY_US)}"
