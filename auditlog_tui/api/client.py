"""Client of the API's two endpoints: authentication, size limits, a deadline, and retries that can be cancelled."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

from msgspec import Struct

from auditlog_tui.api.early import EarlyRequest, request_to
from auditlog_tui.api.handover import answer_to
from auditlog_tui.api.http import (
    Answer,
    cut_short,
    decode,
    error_of,
    moment_in,
    own_error,
    served_at,
    server_words,
    too_long,
)
from auditlog_tui.api.request import (
    DEADLINE,
    all_headers,
    entry_target,
    host_of,
    list_target,
    secrets_of,
)
from auditlog_tui.api.retry import (
    LONGEST_WAIT,
    PATIENCE,
    RETRIES,
    TOO_MANY,
    AgainError,
    Throttle,
    Wait,
    Waits,
    asked_delay,
    backoff,
    worth_retrying,
)
from auditlog_tui.entries.models import Entry, Page, page_in_portions, read_entry
from auditlog_tui.entries.raw_json import Portions
from auditlog_tui.errors import (
    AnotherEntryError,
    ApiError,
    NotTheApiError,
    ServerError,
    StoppedError,
    TimedOutError,
)
from auditlog_tui.runtime import freeze_startup_objects, give_way
from auditlog_tui.settings.connection import check_base_url
from auditlog_tui.settings.proxy import proxy_for
from auditlog_tui.text.safe import safe

if TYPE_CHECKING:
    import httpx

    from auditlog_tui.api.wire import Wire

SOON = 0.05
"""Seconds to wait for an early answer before httpx is imported beside it: that takes about as long."""

SPARED = 4
"""Refusals of one request as too many that don't count as attempts, if others were under way beside it."""

_CLOCK_NOISE_US = 1_500_000
"""A `Date` header has whole seconds: smaller differences in microseconds mean nothing."""


class AuditLogApi(Protocol):
    """What the rest of the program uses of the API."""

    @property
    def clock_offset_us(self) -> int | None:
        """The server's clock less this machine's, in microseconds; `None` before the first answer."""

    @property
    def at_once(self) -> float:
        """How many requests the server allows at once, by its refusals so far."""

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        """One page of entries. Raises `ApiError`."""

    async def get(self, entry_id: str) -> Entry:
        """One entry in full. Raises `ApiError`, `NotFoundError` among it."""


class ForwardingApi:
    """The API by way of another one: what extends this changes the answers, or takes note of them."""

    def __init__(self, api: AuditLogApi) -> None:
        self._api = api

    @property
    def clock_offset_us(self) -> int | None:
        return self._api.clock_offset_us

    @property
    def at_once(self) -> float:
        return self._api.at_once

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        return await self._api.list(params, limit=limit, cursor=cursor)

    async def get(self, entry_id: str) -> Entry:
        return await self._api.get(entry_id)


class WatchedApi(ForwardingApi):
    """Tells `answered` how each request ended: with an error, or with `None`."""

    def __init__(self, api: AuditLogApi, answered: Callable[[ApiError | None], None]) -> None:
        super().__init__(api)
        self._answered = answered

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        with self._watched():
            return await super().list(params, limit=limit, cursor=cursor)

    async def get(self, entry_id: str) -> Entry:
        with self._watched():
            return await super().get(entry_id)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except ApiError as error:
            self._answered(error)
            raise
        self._answered(None)


class AuditLogClient:
    """The API over HTTP. `requests` counts attempts, those that failed included.

    A base URL, key or header that can't be sent raises `SettingsError` at once; its text holds no secret.
    `on_wait` gets the slow request that began first, when a request pauses before another attempt or has had no
    answer for `PATIENCE`, and `None` when no request is slow any more. `early` may have the answer to the
    first request; with a transport or a proxy there must be none. `sleep` and `chance` are replaced by tests.
    """

    def __init__(
        self,
        *,
        base_url: str,
        key: str | None,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        trust_env: bool = False,
        early: EarlyRequest | None = None,
        on_wait: Callable[[Wait | None], None] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.requests = 0
        self.on_wait = on_wait
        self._base = check_base_url(base_url)
        self._proxy = proxy = proxy_for(base_url) if trust_env and transport is None else None
        host = safe(host_of(self._base), 100)
        self._host = host if proxy is None else f"{host} via proxy {proxy.name}"
        self._waits = Waits(self._told)
        self._reading = asyncio.Lock()
        """Held while an answer is read, so that a key waits for a portion of one at most."""
        self._secrets = secrets_of(key, headers or {})
        self._offset_us: int | None = None
        self._sleep = sleep
        self._chance = chance
        self._throttle = Throttle()
        self._early = early
        self._transport = transport
        self._headers = all_headers(self._base, key, headers or {})
        self._closed = False
        self._opening: asyncio.Future[Wire] | None = None
        self._wire: Wire | None = None
        if early is None:
            self._wire = self._new_wire()

    @property
    def clock_offset_us(self) -> int | None:
        """The server's clock less this machine's, in microseconds; `None` before the first answer."""
        return self._offset_us

    @property
    def at_once(self) -> float:
        """How many requests the server allows at once, by its refusals so far."""
        return self._throttle.at_once

    async def aclose(self) -> None:
        """Close the connections; later requests raise `RuntimeError`."""
        self._closed = True
        if self._early is not None:
            self._early.abandon()
        if self._wire is not None:
            await self._wire.aclose()

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        """One page of at most `limit` entries (10 to 100). Raises `ApiError`."""
        return await self._ask(
            list_target(params, limit=limit, cursor=cursor),
            lambda answer: page_in_portions(decode(answer.body), served_at(answer.headers)),
        )

    async def get(self, entry_id: str) -> Entry:
        """One entry in full. Raises `ApiError`, `NotFoundError` among it."""
        entry = await self._ask(entry_target(entry_id), _entry)
        if entry.fields.id is not None and entry.fields.id.casefold() != entry_id.casefold():
            asked, got = safe(entry_id, 60), safe(entry.fields.id, 60)
            raise AnotherEntryError(
                f"{self._host} was asked for entry {asked} and answered with entry {got}.", entry.fields.id
            )
        return entry

    async def _ask(self, target: str, read: Callable[[Answer], Portions[_Read]]) -> _Read:
        """Try until an answer can be read, no attempt is left, or the user stops the request."""
        request = _Request(time.monotonic())
        try:
            async with asyncio.timeout(None) as scope:
                request.scope = scope
                return await self._ask_again(target, read, request)
        except TimeoutError:
            waited = time.monotonic() - request.since
            raise StoppedError(f"Stopped after {waited:.0f} s without an answer from {self._host}.") from None
        finally:
            request.scope = None
            self._waits.put(request, None)

    async def _ask_again(self, target: str, read: Callable[[Answer], Portions[_Read]], request: _Request) -> _Read:
        attempt, spared = 1, 0
        while True:
            due = max(0.0, request.since + PATIENCE - time.monotonic())
            slow = Wait("", attempt, RETRIES + 1, None, request.since, request.stop)
            timer = asyncio.get_running_loop().call_later(due, self._waits.put, request, slow)
            try:
                async with self._throttle.turn() as turn:
                    return await self._attempt(target, read)
            except AgainError as again:
                failed = again
            finally:
                timer.cancel()
            too_many = failed.error.status in TOO_MANY
            if too_many and turn.at_once > 1 and spared < SPARED:
                spared += 1  # it may be that it was refused only for those beside it
                attempt -= 1
            if attempt > RETRIES:
                raise failed.error from failed.__cause__
            with self._throttle.pause(turn) if too_many else nullcontext():
                await self._pause(failed, self._delay(failed, max(1, attempt)), attempt, request)
            attempt += 1

    def _delay(self, failed: AgainError, attempt: int) -> float:
        """Seconds to pause after attempt number `attempt`."""
        if failed.delay is not None:
            return failed.delay
        return 0.0 if failed.broke and attempt == 1 else backoff(attempt, self._chance())

    async def _pause(self, failed: AgainError, delay: float, attempt: int, request: _Request) -> None:
        """Pause after attempt number `attempt`, unless the next may follow at once."""
        if delay <= 0:
            return
        until = time.monotonic() + delay
        reason, status = str(failed.error), failed.error.status
        again = Wait(reason, attempt + 1, RETRIES + 1, until, request.since, request.stop, status)
        self._waits.put(request, again)
        try:
            await self._sleep(delay)
        finally:
            self._waits.put(request, None)

    def _told(self, wait: Wait | None) -> None:
        if self.on_wait is not None:
            self.on_wait(wait)

    async def _attempt(self, target: str, read: Callable[[Answer], Portions[_Read]]) -> _Read:
        answer = await self._fetch(target)
        if answer.status != 200:
            raise _refusal(answer, self._host)
        self._throttle.answered()
        try:
            async with self._reading:
                return await in_turns(read(answer))
        except NotTheApiError as error:
            if cut_short(answer.body):
                raise AgainError(error) from error.__cause__
            if said := own_error(answer.body):
                words = server_words(self._without_secrets(said))
                raise ServerError(f'{self._host} answered with an error of its own (200): "{words}"') from None
            raise

    async def _fetch(self, target: str) -> Answer:
        if self._closed:
            raise RuntimeError("the client is closed")
        self.requests += 1
        try:
            async with asyncio.timeout(DEADLINE):
                answer = await self._answer_to(target)
        except TimeoutError as error:
            timed_out = TimedOutError(f"{self._host} did not answer within {DEADLINE:.0f} s.")
            raise AgainError(timed_out) from error
        if answer.status == 200:
            return answer
        return Answer(answer.status, answer.headers, self._without_secrets(answer.body))

    async def _answer_to(self, target: str) -> Answer:
        early, self._early = self._early, None
        if early is not None and early.request == request_to(self._base, self._headers, target):
            opening = asyncio.get_running_loop().call_later(SOON, self._open_wire)
            try:
                found = await answer_to(early)
            finally:
                opening.cancel()
            if found is not None:
                answer, received_at = found
                self._note_clock(answer.headers, received_at)
                return answer
        elif early is not None:
            early.abandon()
        if self._wire is None:
            self._wire = await asyncio.shield(self._open_wire())
        return await self._wire.send(target, self._note_clock)

    def _open_wire(self) -> asyncio.Future[Wire]:
        """Make the wire in a thread, once: importing its library would delay keys."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(asyncio.to_thread(self._imported_wire))
        return self._opening

    def _imported_wire(self) -> Wire:
        wire = self._new_wire()
        wire.import_rest()
        freeze_startup_objects()
        return wire

    def _new_wire(self) -> Wire:
        from auditlog_tui.api.wire import Wire  # slow to import

        return Wire(self._base, self._host, dict(self._headers), self._transport, self._proxy)

    def _without_secrets(self, body: bytes) -> bytes:
        """An error's body without the key, which some servers repeat in it: a part of it is shown."""
        for secret in self._secrets:
            body = body.replace(secret, b"[secret]")
        return body

    def _note_clock(self, headers: Mapping[str, str], received: datetime) -> None:
        if (served := served_at(headers)) is None:
            return
        offset_us = (served - received) // timedelta(microseconds=1)
        if abs(offset_us - (self._offset_us or 0)) > _CLOCK_NOISE_US:
            self._offset_us = offset_us
        elif self._offset_us is None:
            self._offset_us = 0


_Read = TypeVar("_Read")


async def in_turns(work: Portions[_Read]) -> _Read:
    """Do work in portions, and give way after each."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: _Read = done.value
            await give_way()
            return result
        await give_way()


class _Request(Struct, eq=False):
    """A request; `since` is a reading of `time.monotonic()`, `scope` is set while the request runs."""

    since: float
    scope: asyncio.Timeout | None = None

    def stop(self) -> None:
        """End the request, if it runs."""
        if self.scope is not None:
            self.scope.reschedule(asyncio.get_running_loop().time())


def _entry(answer: Answer) -> Portions[Entry]:
    yield from ()
    entry = read_entry(decode(answer.body))
    if "" in entry.unreadable and cut_short(answer.body):
        raise NotTheApiError("The server's answer is not complete JSON of this API.")
    if entry.fields.id is None and entry.fields.action is None:
        raise NotTheApiError("The server's answer is no audit log entry. Is the base URL this API's?")
    return entry


# -- errors --------------------------------------------------------------------------------------------------------


def _refusal(answer: Answer, host: str) -> ApiError | AgainError:
    """The error of an answer that is not 200; an `AgainError` if it is worth another attempt."""
    if not worth_retrying(answer.status, answer.headers):
        return error_of(answer.status, answer.headers, answer.body, host)
    asked = asked_delay(answer.headers, served_at(answer.headers) or datetime.now(UTC))
    if asked is not None and asked > LONGEST_WAIT:
        return too_long(answer.status, host, asked)
    retry_at = None if asked is None else moment_in(asked)
    return AgainError(error_of(answer.status, answer.headers, answer.body, host, retry_at), asked)
