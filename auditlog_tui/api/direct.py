"""Sends requests straight to the server, over connections that carry one request at a time.

httptools (llhttp) reads the answers: with httpx, HTTP takes five times as much processor time a page. What is sent
through a proxy or answered in this process takes httpx's way (`wire.py`).
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from auditlog_tui.api.early import request_to
from auditlog_tui.api.http import Answer, broken, joined, read_body, read_error_body, unreachable
from auditlog_tui.api.request import CONNECT, LONGEST_TARGET, TOO_LONG, tls_context
from auditlog_tui.api.retry import AgainError
from auditlog_tui.errors import BadRequestError, UnreachableError
from auditlog_tui.runtime import give_way

KEPT_S = 5.0
"""Seconds that a connection is kept for the next request."""

NEXT_ADDRESS_S = 0.25
"""Seconds to connect to one of the host's addresses before the next one is tried beside it."""

MOST_UNREAD = 256 * 1024
"""Bytes of a body that may wait to be read; with more, no more are received."""

MOST_WITHOUT_BODY = 100 * 1024
"""Bytes of an answer that may come without any of its body among them: a head, or what follows the body."""


class LostError(Exception):
    """An established connection was lost, or what came over it is not HTTP."""


class DirectWire:
    """Sends GET requests to one server. `host` is its name in messages."""

    def __init__(self, base_url: str, host: str, headers: tuple[tuple[str, str], ...]) -> None:
        """`headers` are all those of a request."""
        self._base = base_url
        self._host = host
        self._headers = headers
        self._server = request_to(base_url, (), "/")
        self._context = tls_context() if self._server.scheme == "https" else None
        if self._context is not None:
            self._context.set_alpn_protocols(["http/1.1"])
        self._free: list[tuple[_Connection, float]] = []
        """Connections without a request, and when that ended."""
        self._open: set[_Connection] = set()

    async def aclose(self) -> None:
        """Close the connections."""
        for connection in self._open:
            connection.abort()

    async def send(self, target: str, heard: Callable[[Mapping[str, str], datetime], None]) -> Answer:
        """The answer to one attempt; `heard` is called with its headers and the time (UTC) when they came.

        Raises `AgainError`, `BadRequestError` for what can't be sent, and `NotTheApiError`.
        """
        if len(target) > LONGEST_TARGET:
            raise BadRequestError(TOO_LONG)
        head = request_to(self._base, self._headers, target).head
        connection = self._take_free() or await self._connect()
        try:
            answer = await _exchanged(connection, head, heard)
        except LostError as error:
            lost = UnreachableError(broken(self._host, str(error)))
            raise AgainError(lost, broke=True) from error
        finally:
            if connection.reusable:
                self._free.append((connection, asyncio.get_running_loop().time()))
            else:
                self._discard(connection)
        return answer

    def _take_free(self) -> _Connection | None:
        """A connection of an earlier request that may be used again."""
        while self._free:
            connection, since = self._free.pop()
            if connection.reusable and asyncio.get_running_loop().time() - since < KEPT_S:
                return connection
            self._discard(connection)
        return None

    def _discard(self, connection: _Connection) -> None:
        connection.abort()
        self._open.discard(connection)

    async def _connect(self) -> _Connection:
        server = self._server
        try:
            async with asyncio.timeout(CONNECT) as scope:
                _, connection = await asyncio.get_running_loop().create_connection(
                    _Connection,
                    server.host,
                    server.port,
                    ssl=self._context,
                    server_hostname=server.host if self._context is not None else None,
                    happy_eyeballs_delay=NEXT_ADDRESS_S,
                )
        except (OSError, UnicodeError) as error:
            reason = f"no connection within {CONNECT:.0f} s" if scope.expired() else _words(error)
            raise AgainError(UnreachableError(unreachable(self._host, reason))) from error
        self._open.add(connection)
        return connection


def _words(error: Exception) -> str:
    """What went wrong, in the system's words."""
    number = error.errno if isinstance(error, ConnectionError) else None
    return str(error) if number is None else os.strerror(number)


async def _exchanged(
    connection: _Connection, head: bytes, heard: Callable[[Mapping[str, str], datetime], None]
) -> Answer:
    reply = await connection.ask(head)
    headers = joined(reply.headers)
    heard(headers, reply.came_at)
    await give_way()
    body, encoding = _Body(connection, reply), headers.get("content-encoding", "")
    if reply.status == 200:
        read = await read_body(body, encoding)
    else:
        read = await read_error_body(body, encoding, LostError)
    return Answer(reply.status, headers, read)


class _Reply:
    """An answer, as far as it has come. `status` is 0 before its headers have come; `whole` is set at its end."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.came_at = datetime.now(UTC)
        self.chunks: deque[bytes] = deque()
        self.unread = 0
        self.whole = False
        self.keeps_connection = False
        self._idle = 0
        self._bodiless = False
        self._parser: HttpResponseParser | None = HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take what came. Raises `LostError` for what is not HTTP."""
        if self._parser is None:
            raise LostError("more came than was asked for")
        self._bodiless = True
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            raise LostError("the server switched to another protocol") from None
        except HttpParserError as error:
            said = "" if self.headers or self.status else f": {data[:60].decode('latin-1')!r}"
            raise LostError(f"{error}{said}") from None
        self._idle = self._idle + len(data) if self._bodiless else 0
        if self._idle > MOST_WITHOUT_BODY:
            raise LostError("the head of the answer is too large")
        if self.whole:
            self._parser = None  # the two refer to each other

    def end(self) -> None:
        """The connection has ended. Raises `LostError` unless the answer ends with it."""
        if not self.status:
            raise LostError("Server disconnected without sending a response.")
        named = {name.lower() for name, _ in self.headers}
        if not self.whole and named & {b"content-length", b"transfer-encoding"}:
            raise LostError("peer closed connection without sending complete message body")
        self.whole = True

    # -- called by the parser ----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self.whole:
            self.keeps_connection = False
            raise LostError("more came than was asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.status:  # else it follows the body
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code() if self._parser is not None else 0
        if status < 200:  # another answer follows
            self.headers.clear()
            return
        self.status, self.came_at = status, datetime.now(UTC)

    def on_body(self, body: bytes) -> None:
        self._bodiless = False
        self.chunks.append(body)
        self.unread += len(body)

    def on_message_complete(self) -> None:
        if self.status:
            self.whole = True
            self.keeps_connection = self._parser is not None and self._parser.should_keep_alive()


class _Body:
    """The parts of a body. Raises `LostError`."""

    def __init__(self, connection: _Connection, reply: _Reply) -> None:
        self._connection = connection
        self._reply = reply

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        part = await self._connection.next_part(self._reply)
        if part is None:
            raise StopAsyncIteration
        return part


class _Connection(asyncio.Protocol):
    """One connection. `reusable` is true while it is open and has no request under way."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._reply: _Reply | None = None
        self._lost: LostError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._held = False

    @property
    def reusable(self) -> bool:
        idle = self._reply is None or (self._reply.whole and self._reply.keeps_connection)
        return idle and self._lost is None and self._transport is not None and not self._transport.is_closing()

    async def ask(self, head: bytes) -> _Reply:
        """Send a request and wait for the headers of its answer. Raises `LostError`."""
        self._reply = reply = _Reply()
        if self._transport is not None:
            self._transport.write(head)
        while not reply.status:
            await self._more(reply)
        return reply

    async def next_part(self, reply: _Reply) -> bytes | None:
        """The next part of the body; `None` at its end. Raises `LostError`."""
        while not reply.chunks:
            if reply.whole:
                return None
            await self._more(reply)
        part = reply.chunks.popleft()
        reply.unread -= len(part)
        if self._held and reply.unread <= MOST_UNREAD and self._transport is not None:
            self._held = False
            self._transport.resume_reading()
        return part

    async def _more(self, reply: _Reply) -> None:
        """Wait until more has come. Raises `LostError`."""
        if self._lost is not None:
            raise self._lost
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    # -- called by the event loop ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        reply = self._reply
        if reply is None or self._lost is not None:  # nothing was asked for
            self.abort()
            return
        try:
            reply.feed(data)
        except LostError as error:
            self._end(error)
        if reply.unread > MOST_UNREAD and self._transport is not None and not self._held:
            self._held = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._end(LostError(_words(exc)))
        else:
            self._end_of_data()
        self._wake()

    def eof_received(self) -> None:
        self._end_of_data()
        self._wake()

    def _end_of_data(self) -> None:
        try:
            if self._reply is not None:
                self._reply.end()
        except LostError as error:
            self._end(error)
        else:
            self._end(LostError("Server disconnected without sending a response."))

    def _end(self, error: LostError) -> None:
        self._lost = self._lost or error
        self.abort()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
