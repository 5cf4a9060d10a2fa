"""Retry policy, that of the vendor's own clients, and waits that can be shown.

Two retries, on connection errors, 408, 409, 429 and 500 and above, unless the server says otherwise. Written here
because no library found reads `X-Should-Retry` and `Retry-After-Ms`, or reports its waits.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from msgspec import Struct

from auditlog_tui.errors import ApiError

RETRIES = 2
LONGEST_WAIT = 60.0
"""Longest wait that a server may ask for, in seconds."""

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 8.0
_JITTER = 0.25
_AGAIN = frozenset({408, 409, 429})


PATIENCE = 3.0
"""Seconds without an answer after which a request is reported as slow."""


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Wait:
    """A slow request: in a pause before its next attempt or, if `until` is `None`, still without an answer.

    `until` (the end of the pause) and `since` (the start of the request) are readings of `time.monotonic()`;
    `attempt` counts from 1. `status` is that of the answer that it pauses after, if there was one. `stop` ends the
    request, which then raises `StoppedError`.
    """

    reason: str
    attempt: int
    attempts: int
    until: float | None
    since: float = 0.0
    stop: Callable[[], None] = field(default=_nothing, compare=False, repr=False)
    status: int | None = field(default=None, compare=False)

    @property
    def brief(self) -> str:
        """Why it waits; of a refusal as too many in a few words."""
        return f"too many requests ({self.status})" if self.status == 429 else self.reason

    def left(self, now: float) -> int:
        """Whole seconds until the next attempt, at least 1."""
        return max(1, math.ceil((self.until or now) - now))

    def waited(self, now: float) -> int:
        """Whole seconds since the request began."""
        return max(0, int(now - self.since))


class Waits:
    """All slow requests. `tell` is called with the wait of the one that began first, or `None`."""

    def __init__(self, tell: Callable[[Wait | None], None]) -> None:
        self._tell = tell
        self._waits: dict[object, Wait] = {}

    def put(self, request: object, wait: Wait | None) -> None:
        """Set what a request waits for; `None` if it does not wait any more."""
        if wait is None and request not in self._waits:
            return
        if wait is None:
            del self._waits[request]
        else:
            self._waits[request] = wait
        self._tell(min(self._waits.values(), key=lambda wait: wait.since, default=None))


TOO_MANY = frozenset({429, 503})
"""Statuses by which a server asks for fewer requests."""

_GROWTH = 0.1
"""After a refusal, requests at once grow by so much with as many answers as are sent at once."""


class Turn(Struct, frozen=True):
    """A request that may be sent: how many there are at once, itself included, and how many refusals came before."""

    at_once: int
    refusals: int


class Throttle:
    """Holds all requests back where the server refuses one of several as too many.

    They wait while it pauses as it was told, and from then on half as many are under way at once. `at_once` grows
    again slowly.
    """

    def __init__(self) -> None:
        self.at_once = math.inf
        self._under_way = 0
        self._pausing = 0
        self._refusals = 0
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Wait until a request may be sent, which the block sends."""
        while self._pausing or self._under_way >= self.at_once:
            await self._changed.wait()
        self._under_way += 1
        try:
            yield Turn(self._under_way, self._refusals)
        finally:
            self._under_way -= 1
            self._notify()

    @contextmanager
    def pause(self, turn: Turn) -> Iterator[None]:
        """The block waits because a request was refused as too many; if others were under way, all wait with it."""
        if turn.at_once == 1:
            yield
            return
        if turn.refusals == self._refusals:  # else it was sent before others were held back
            self._refusals += 1
            self.at_once = max(1.0, min(self.at_once, turn.at_once) // 2)
        self._pausing += 1
        try:
            yield
        finally:
            self._pausing -= 1
            self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def answered(self) -> None:
        """The server answered a request."""
        self.at_once += _GROWTH / self.at_once


class AgainError(Exception):
    """An attempt failed and may be repeated, after `delay` seconds or (`None`) the policy's own delay.

    `broke` means that an established connection was lost, often an idle one: the first retry follows at once.
    """

    def __init__(self, error: ApiError, delay: float | None = None, *, broke: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.delay = delay
        self.broke = broke


def worth_retrying(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer is worth another attempt; `headers` have lower-case names."""
    said = headers.get("x-should-retry", "").lower()
    if said in ("true", "false"):
        return said == "true"
    return status in _AGAIN or status >= 500


def asked_delay(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that the server asks to wait; `None` if it says nothing that can be read.

    A date is compared with `now`: the server's own clock, if it is known.
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


@lru_cache(maxsize=8)  # several answers of one second are read, each more than once
def http_date(text: str) -> datetime | None:
    """The time in a `Date` or `Retry-After` header, UTC, whole seconds; `None` if it is no date."""
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
    """Seconds to pause after attempt number `attempt` (from 1): 0.5, doubling up to 8, less at most a quarter.

    `chance` lies between 0 and 1.
    """
    return min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** (attempt - 1)) * (1 - _JITTER * chance)
