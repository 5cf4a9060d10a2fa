"""When a request is made again, and after how long: the policy of the vendor's own clients.

Two retries, on connection errors, 408, 409, 429 and 500 and above, unless the server says otherwise. It is ours
because no library at hand reads `X-Should-Retry` and `Retry-After-Ms`, or shows its waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRIES = 2
LONGEST_WAIT = 60.0
"""Seconds that we are willing to sit out."""

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 8.0
_JITTER = 0.25
_AGAIN = frozenset({408, 409, 429})


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause before the next attempt. `until` is a reading of `time.monotonic()`, `attempt` counts from 1."""

    reason: str
    attempt: int
    attempts: int
    until: float


def worth_retrying(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer of this status is asked for again; `headers` have lower-case names."""
    said = headers.get("x-should-retry", "").lower()
    if said in ("true", "false"):
        return said == "true"
    return status in _AGAIN or status >= 500


def asked_delay(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that the server asks to wait; `None` where it does not say, or says nonsense.

    `now` is what a date is compared with: the server's own clock, where it is known.
    """
    millis = _number(headers.get("retry-after-ms", ""))
    if millis is not None:
        return millis / 1000
    text = headers.get("retry-after", "")
    seconds = _number(text)
    if seconds is not None:
        return seconds
    moment = http_date(text)
    return None if moment is None else max(0.0, (moment - now).total_seconds())


def http_date(text: str) -> datetime | None:
    """The instant of a `Date` or `Retry-After` header, UTC, whole seconds; `None` for what is no date."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def backoff(attempt: int, chance: float) -> float:
    """The seconds before the attempt after number `attempt` (from 1): 0.5 doubling to 8, less up to a quarter.

    `chance` lies between 0 and 1.
    """
    return min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** (attempt - 1)) * (1 - _JITTER * chance)
