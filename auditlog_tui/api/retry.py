"""When a request is made again, and after how long: the policy of the vendor's own clients.

Two retries, on connection errors, 408, 409, 429 and 500 and above, unless the server says otherwise. It is ours
because no library at hand reads `X-Should-Retry` and `Retry-After-Ms`, or shows its waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRIES = 2
LONGEST_WAIT = 60.0
"""Seconds that we are willing to sit out."""

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 8.0
_JITTER = 0.25
_AGAIN = frozenset({408, 409, 429})


PATIENCE = 3.0
"""Seconds after which a request that has no answer yet is told."""


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Wait:
    """A request that takes long: a pause before the next attempt or, without `until`, an answer that does not come.

    `until`, and `since` when the request began, are readings of `time.monotonic()`; `attempt` counts from 1. `stop`
    ends the request, which then raises `StoppedError`.
    """

    reason: str
    attempt: int
    attempts: int
    until: float | None
    since: float = 0.0
    stop: Callable[[], None] = field(default=_nothing, compare=False, repr=False)

    def waited(self, now: float) -> int:
        """Whole seconds since the request began."""
        return max(0, int(now - self.since))


class Waits:
    """The requests that take long, each with its own wait. `tell` hears of the one that began first, or of none."""

    def __init__(self, tell: Callable[[Wait | None], None]) -> None:
        self._tell = tell
        self._waits: dict[object, Wait] = {}

    def put(self, request: object, wait: Wait | None) -> None:
        """What a request waits for; `None` where it does not wait any more."""
        if wait is None and request not in self._waits:
            return
        if wait is None:
            del self._waits[request]
        else:
            self._waits[request] = wait
        self._tell(min(self._waits.values(), key=lambda wait: wait.since, default=None))


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
