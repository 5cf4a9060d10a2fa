"""Client of the API's two endpoints: authentication, size limits, a deadline, and retries that can be cancelled."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Protocol, TypeVar

import httpx
from msgspec import Struct

from auditlog_tui.api.early import EarlyRequest
from auditlog_tui.api.handover import RECEIVED_AT, HandoverTransport
from auditlog_tui.api.http import (
    broken,
    cut_short,
    decode,
    error_of,
    moment_in,
    own_error,
    read_body,
    read_error_body,
    served_at,
    server_words,
    too_long,
    unreachable,
)
from auditlog_tui.api.request import (
    CONNECT,
    DEADLINE,
    entry_target,
    list_target,
    request_headers,
    secrets_of,
    tls_context,
)
from auditlog_tui.api.retry import (
    LONGEST_WAIT,
    PATIENCE,
    RETRIES,
    TOO_MANY,
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
    ApiError,
    BadRequestError,
    NotTheApiError,
    ServerError,
    SettingsError,
    StoppedError,
    TimedOutError,
    UnreachableError,
)
from auditlog_tui.runtime import give_way
from auditlog_tui.settings.connection import check_base_url
from auditlog_tui.settings.proxy import Proxy, proxy_for
from auditlog_tui.text.safe import safe

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


class _Answer(Struct, frozen=True):
    status: int
    headers: Mapping[str, str]
    body: bytes


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
        proxy = proxy_for(base_url) if trust_env and transport is None else None
        host = safe(httpx.URL(self._base).netloc.decode("ascii"), 100)
        self._host = host if proxy is None else f"{host} via proxy {proxy.name}"
        self._waits = Waits(self._told)
        self._reading = asyncio.Lock()
        """Held while an answer is read, so that a key waits for a portion of one at most."""
        self._secrets = secrets_of(key, headers or {})
        self._offset_us: int | None = None
        self._sleep = sleep
        self._chance = chance
        self._throttle = Throttle()
        self._client = _http_client(request_headers(key, headers or {}), transport or _handover(early), proxy)

    @property
    def clock_offset_us(self) -> int | None:
        """The server's clock less this machine's, in microseconds; `None` before the first answer."""
        return self._offset_us

    @property
    def at_once(self) -> float:
        """How many requests the server allows at once, by its refusals so far."""
        return self._throttle.at_once

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

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
            raise NotTheApiError(f"{self._host} was asked for entry {asked} and answered with entry {got}.")
        return entry

    async def _ask(self, target: str, read: Callable[[_Answer], Portions[_Read]]) -> _Read:
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

    async def _ask_again(self, target: str, read: Callable[[_Answer], Portions[_Read]], request: _Request) -> _Read:
        attempt, spared = 1, 0
        while True:
            due = max(0.0, request.since + PATIENCE - time.monotonic())
            slow = Wait("", attempt, RETRIES + 1, None, request.since, request.stop)
            timer = asyncio.get_running_loop().call_later(due, self._waits.put, request, slow)
            try:
                async with self._throttle.turn() as turn:
                    return await self._attempt(target, read)
            except _AgainError as again:
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

    def _delay(self, failed: _AgainError, attempt: int) -> float:
        """Seconds to pause after attempt number `attempt`."""
        if failed.delay is not None:
            return failed.delay
        return 0.0 if failed.broke and attempt == 1 else backoff(attempt, self._chance())

    async def _pause(self, failed: _AgainError, delay: float, attempt: int, request: _Request) -> None:
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

    async def _attempt(self, target: str, read: Callable[[_Answer], Portions[_Read]]) -> _Read:
        answer = await self._fetch(target)
        if answer.status != 200:
            raise _refusal(answer, self._host)
        self._throttle.answered()
        try:
            async with self._reading:
                return await in_turns(read(answer))
        except NotTheApiError as error:
            if cut_short(answer.body):
                raise _AgainError(error) from error.__cause__
            if said := own_error(answer.body):
                words = server_words(self._without_secrets(said))
                raise ServerError(f'{self._host} answered with an error of its own (200): "{words}"') from None
            raise

    async def _fetch(self, target: str) -> _Answer:
        self.requests += 1
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._send(target)
        except httpx.ConnectTimeout as error:
            reason = f"no connection within {CONNECT:.0f} s"
            raise _AgainError(UnreachableError(unreachable(self._host, reason))) from error
        except (TimeoutError, httpx.TimeoutException) as error:
            timed_out = TimedOutError(f"{self._host} did not answer within {DEADLINE:.0f} s.")
            raise _AgainError(timed_out) from error
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
            lost = UnreachableError(broken(self._host, str(error)))
            raise _AgainError(lost, broke=True) from error
        except httpx.InvalidURL as error:
            raise BadRequestError("What was asked is too long for a request.") from error
        except httpx.LocalProtocolError:
            pass  # its text can hold the key, so the error raised below must not refer to it
        except httpx.HTTPError as error:
            raise _AgainError(UnreachableError(unreachable(self._host, str(error)))) from error
        raise BadRequestError("HTTP does not allow what was to be sent. Is one of the custom headers wrong?")

    async def _send(self, target: str) -> _Answer:
        async with self._client.stream("GET", self._base + target) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            self._note_clock(served_at(headers), response.extensions.get(RECEIVED_AT) or datetime.now(UTC))
            await give_way()
            if response.is_stream_consumed:  # an in-process transport; already decompressed
                body = response.content
            else:
                read = read_body if response.status_code == 200 else read_error_body
                body = await read(response.aiter_raw(), headers.get("content-encoding", ""))
            await response.aclose()
            # The stream and its response form a cycle, which would keep 15 KiB until garbage collection.
            response.stream = httpx.ByteStream(b"")
            if response.status_code != 200:
                body = self._without_secrets(body)
            return _Answer(response.status_code, headers, body)

    def _without_secrets(self, body: bytes) -> bytes:
        """An error's body without the key, which some servers repeat in it: a part of it is shown."""
        for secret in self._secrets:
            body = body.replace(secret, b"[secret]")
        return body

    def _note_clock(self, served: datetime | None, received: datetime) -> None:
        if served is None:
            return
        offset_us = (served - received) // timedelta(microseconds=1)
        if abs(offset_us - (self._offset_us or 0)) > _CLOCK_NOISE_US:
            self._offset_us = offset_us
        elif self._offset_us is None:
            self._offset_us = 0


_Read = TypeVar("_Read")


class _AgainError(Exception):
    """An attempt failed and may be repeated, after `delay` seconds or (`None`) the policy's own delay.

    `broke` means that an established connection was lost, often an idle one: the first retry follows at once.
    """

    def __init__(self, error: ApiError, delay: float | None = None, *, broke: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.delay = delay
        self.broke = broke


def _http_client(
    headers: dict[str, str], transport: httpx.AsyncBaseTransport | None, proxy: Proxy | None
) -> httpx.AsyncClient:
    try:
        return httpx.AsyncClient(
            headers=headers,
            transport=transport,
            verify=tls_context() if transport is None else True,
            proxy=None if proxy is None else _proxy(proxy),
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=httpx.Timeout(DEADLINE, connect=CONNECT),
        )
    except ImportError as error:
        raise SettingsError(_unusable(proxy, safe(str(error), 200))) from error
    except (ValueError, httpx.InvalidURL):  # their text may hold the password
        raise SettingsError(_unusable(proxy, "write it like http://host:port")) from None


def _handover(early: EarlyRequest | None) -> httpx.AsyncBaseTransport | None:
    if early is None:
        return None
    return HandoverTransport(early, httpx.AsyncHTTPTransport(verify=tls_context(), trust_env=False))


def _unusable(proxy: Proxy | None, reason: str) -> str:
    name = "" if proxy is None else f" ({proxy.name})"
    return f"The proxy that the environment names{name} can't be used: {reason}"


def _proxy(proxy: Proxy) -> httpx.Proxy:
    return httpx.Proxy(proxy.url, ssl_context=tls_context() if proxy.url.lower().startswith("https:") else None)


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


def _entry(answer: _Answer) -> Portions[Entry]:
    yield from ()
    entry = read_entry(decode(answer.body))
    if "" in entry.unreadable and cut_short(answer.body):
        raise NotTheApiError("The server's answer is not complete JSON of this API.")
    if entry.fields.id is None and entry.fields.action is None:
        raise NotTheApiError("The server's answer is no audit log entry. Is the base URL this API's?")
    return entry


# -- errors --------------------------------------------------------------------------------------------------------


def _refusal(answer: _Answer, host: str) -> ApiError | _AgainError:
    """The error of an answer that is not 200; an `_AgainError` if it is worth another attempt."""
    if not worth_retrying(answer.status, answer.headers):
        return error_of(answer.status, answer.headers, answer.body, host)
    asked = asked_delay(answer.headers, served_at(answer.headers) or datetime.now(UTC))
    if asked is not None and asked > LONGEST_WAIT:
        return too_long(answer.status, host, asked)
    retry_at = None if asked is None else moment_in(asked)
    return _AgainError(error_of(answer.status, answer.headers, answer.body, host, retry_at), asked)
