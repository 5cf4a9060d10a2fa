"""A loopback server that produces the TCP and HTTP faults of real networks, and a client that records its pauses."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from auditlog_tui.api.client import AuditLogClient
from auditlog_tui.api.early import EarlyRequest
from auditlog_tui.api.retry import Wait
from auditlog_tui.errors import ApiError

KEY = "sk-0123456789"
PAGE = json.dumps({"items": [{"id": "e1"}], "pagination": {"next_cursor": None, "total_count": 7}}).encode()


class Connection:
    """A client's connection, from the server's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def request(self) -> bytes:
        """The head of the next request. Raises `IncompleteReadError` if the client has closed the connection."""
        return await self._reader.readuntil(b"\r\n\r\n")

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self._writer.write(part)
            await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()

    async def reset(self) -> None:
        """Close with RST instead of FIN."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Step = Callable[[Connection], Awaitable[None]]


class Server:
    """Handles each request with the next step, and repeats the last one. A step that doesn't close keeps the
    connection alive.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0
        self._tasks: set[asyncio.Task[None] | None] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._tasks.add(asyncio.current_task())
        connection = Connection(reader, writer)
        try:
            while not writer.is_closing():
                request = await connection.request()
                self.requests.append(request)
                await self._steps[min(len(self.requests), len(self._steps)) - 1](connection)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has closed, or the test is over
        finally:
            writer.close()

    async def stop(self) -> None:
        tasks = [task for task in self._tasks if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


@asynccontextmanager
async def serving(*steps: Step) -> AsyncIterator[Server]:
    server = Server(steps)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        try:
            yield server
        finally:
            await server.stop()


class Sleeper:
    """Records pauses instead of making them."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)


class Client(AuditLogClient):
    """Ours, with what it did: its pauses and what it told of them."""

    def __init__(
        self,
        url: str,
        *,
        trust_env: bool = False,
        headers: dict[str, str] | None = None,
        early: EarlyRequest | None = None,
    ) -> None:
        self.sleeper = Sleeper()
        self.told: list[Wait | None] = []
        super().__init__(
            base_url=url,
            key=KEY,
            headers=headers,
            trust_env=trust_env,
            early=early,
            on_wait=self.told.append,
            sleep=self.sleeper,
            chance=lambda: 0.0,
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def total(self) -> int | None:
        return (await self.list({}, limit=10)).total_count

    async def failure(self) -> ApiError:
        with pytest.raises(ApiError) as caught:
            await self.list({}, limit=10)
        return caught.value


def answer(body: bytes = PAGE, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def sends(*parts: bytes, then: Callable[[Connection], Awaitable[None]] | None = None) -> Step:
    async def step(connection: Connection) -> None:
        await connection.send(*parts)
        if then is not None:
            await then(connection)

    return step


FINE = sends(answer())
DROPS = sends(then=Connection.close)
RESETS = sends(then=Connection.reset)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
CUT: dict[str, Step] = {
    "dropped": DROPS,
    "reset": RESETS,
    "cut within the head": sends(b"HTTP/1.1 200 OK\r\nContent-Le", then=Connection.close),
    "cut within the body": sends(answer(PAGE[:40], length=len(PAGE)), then=Connection.close),
    "reset within the body": sends(answer(PAGE[:40], length=len(PAGE)), then=Connection.reset),
    "cut within a chunk": sends(CHUNKED + b"64\r\n" + PAGE[:40], then=Connection.close),
    "cut after a chunk": sends(CHUNKED + b"28\r\n" + PAGE[:40] + b"\r\n", then=Connection.close),
    "cut before the last chunk": sends(
        CHUNKED + f"{len(PAGE):x}\r\n".encode() + PAGE + b"\r\n", then=Connection.close
    ),
}
CUT_UNNOTICED: dict[str, Step] = {
    "until closed": sends(UNTIL_CLOSED + b"\r\n" + PAGE[:40], then=Connection.close),
    "until closed, nothing": sends(UNTIL_CLOSED + b"\r\n", then=Connection.close),
    "gzip": sends(UNTIL_CLOSED + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(PAGE)[:40], then=Connection.close),
    "gzip, its head": sends(
        UNTIL_CLOSED + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(PAGE)[:10], then=Connection.close
    ),
    "gzip of a whole length": sends(answer(gzip.compress(PAGE)[:40], "Content-Encoding: gzip")),
}
