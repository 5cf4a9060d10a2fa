"""How answers are read off a connection, against a loopback server that sends them byte by byte as given."""

import asyncio

import pytest

from auditlog_tui.api import direct
from auditlog_tui.errors import BadRequestError, ServerError, UnreachableError
from tests.effort import HANGS_S
from tests.real.faulty_server import (
    CHUNKED,
    FINE,
    PAGE,
    UNTIL_CLOSED,
    Client,
    Connection,
    answer,
    sends,
    serving,
)

CHUNKS = f"{len(PAGE):x}\r\n".encode() + PAGE + b"\r\n0\r\n"
WHOLE = {
    "a length": answer(),
    "chunks": CHUNKED + CHUNKS + b"\r\n",
    "chunks and trailers": CHUNKED + CHUNKS + b"X-Sum: 1\r\nDate: never\r\n\r\n",
    "a header without a value": answer(PAGE, "X-Empty:", "X-Next: 1"),
    "another answer before": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + answer(),
    "no reason": answer(status="200"),
}


@pytest.mark.parametrize("whole", WHOLE.values(), ids=WHOLE)
async def test_an_answer_is_read_and_its_connection_used_again(whole: bytes) -> None:
    async with serving(sends(whole)) as server, Client(server.url) as client:
        assert [await client.total() for _ in range(3)] == [7, 7, 7]
        assert (server.connections, len(server.requests)) == (1, 3)


@pytest.mark.parametrize("whole", WHOLE.values(), ids=WHOLE)
async def test_an_answer_may_come_in_any_pieces(whole: bytes) -> None:
    async def trickles(connection: Connection) -> None:
        for byte in whole:
            await connection.send(bytes([byte]))
            await asyncio.sleep(0)

    async with serving(trickles) as server, Client(server.url) as client:
        assert [await client.total() for _ in range(2)] == [7, 7]
        assert (server.connections, len(server.requests)) == (1, 2)


@pytest.mark.parametrize(
    "last",
    [
        sends(UNTIL_CLOSED + b"\r\n" + PAGE, then=Connection.close),
        sends(answer(PAGE, "Connection: close")),
        sends(answer().replace(b"HTTP/1.1", b"HTTP/1.0")),
        sends(answer() + b"HTTP/1.1 200 OK\r\n"),
        sends(answer(), b"more"),
    ],
    ids=["until closed", "told so", "an old server", "half another answer", "more"],
)
async def test_after_the_last_answer_of_a_connection_another_one_is_made(last: object) -> None:
    async with serving(last, FINE) as server, Client(server.url) as client:  # type: ignore[arg-type]  # a step
        assert await client.total() == 7
        await asyncio.sleep(0.05)
        assert await client.total() == 7
        assert (server.connections, len(server.requests)) == (2, 2)


async def test_an_answer_that_nobody_asked_for_is_no_answer() -> None:
    """What came after an answer must not be taken for the next one."""
    other = answer(PAGE.replace(b"7", b"8"))
    async with serving(sends(answer() + other), FINE) as server, Client(server.url) as client:
        assert [await client.total(), await client.total()] == [7, 7]
        assert server.connections == 2


async def test_a_connection_is_not_kept_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "KEPT_S", 0.0)
    async with serving(FINE) as server, Client(server.url) as client:
        assert [await client.total(), await client.total()] == [7, 7]
        assert server.connections == 2


ENDLESS = {
    "a head": (b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"x" * 1000 + b"\r\n"),
    "one header": (b"HTTP/1.1 200 OK\r\nX-Filler: ", b"x" * 1000),
    "trailers": (CHUNKED + CHUNKS, b"X-Filler: " + b"x" * 1000 + b"\r\n"),
    "one trailer": (CHUNKED + CHUNKS + b"X-Filler: ", b"x" * 1000),
    "other answers": (b"", b"HTTP/1.1 100 Continue\r\nX-Filler: " + b"x" * 1000 + b"\r\n\r\n"),
    "the length of a chunk": (CHUNKED + b"1;x=", b"x" * 1000),
}


@pytest.mark.parametrize(("start", "filler"), ENDLESS.values(), ids=ENDLESS)
async def test_what_has_no_end_is_not_read_on(start: bytes, filler: bytes) -> None:
    sent = 0

    async def floods(connection: Connection) -> None:
        nonlocal sent
        await connection.send(start)
        while True:
            await connection.send(filler)
            sent += len(filler)

    async with serving(floods) as server, Client(server.url) as client, asyncio.timeout(HANGS_S):
        assert isinstance(await client.failure(), UnreachableError)
        assert len(server.requests) == 3
    assert sent < 3 * 16 * 1024**2  # what fits into the buffers of the system


async def test_a_body_that_is_not_read_yet_is_not_received_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fast server must not fill the memory while this process does something else."""
    most = 0

    class Watched(direct._Reply):
        def on_body(self, body: bytes) -> None:
            nonlocal most
            super().on_body(body)
            most = max(most, self.unread)

    async def waits() -> None:
        await asyncio.sleep(0.2)

    monkeypatch.setattr(direct, "_Reply", Watched)
    monkeypatch.setattr(direct, "give_way", waits)
    body = b" " * 20_000_000 + PAGE
    async with serving(sends(answer(body))) as server, Client(server.url) as client:
        assert await client.total() == 7
    assert direct.MOST_UNREAD < most < 10 * direct.MOST_UNREAD


async def test_another_protocol_is_no_answer() -> None:
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
    async with serving(sends(switch)) as server, Client(server.url) as client:
        assert isinstance(await client.failure(), UnreachableError)


async def test_an_error_is_told_though_its_body_is_cut() -> None:
    cut = sends(answer(b'{"message": "no room"', status="500 Oops", length=1000), then=Connection.close)
    async with serving(cut) as server, Client(server.url) as client:
        assert isinstance(await client.failure(), ServerError)
        assert len(server.requests) == 3


async def test_what_no_server_takes_is_not_sent() -> None:
    async with serving(FINE) as server, Client(server.url) as client:
        with pytest.raises(BadRequestError, match="too long"):
            await client.list({"path": "x" * 70_000}, limit=10)
        assert server.requests == []


async def test_a_cancelled_request_leaves_nothing_for_the_next() -> None:
    asked = asyncio.Event()

    async def waits(connection: Connection) -> None:
        asked.set()
        await asyncio.sleep(0.1)
        await connection.send(answer(PAGE.replace(b"7", b"8")))

    async with serving(waits, FINE) as server, Client(server.url) as client:
        first = asyncio.create_task(client.total())
        await asked.wait()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert await client.total() == 7
        assert server.connections == 2


async def test_all_connections_are_closed_in_the_end() -> None:
    ended = asyncio.Event()

    async def watched(connection: Connection) -> None:
        await connection.send(answer())
        try:
            await connection.request()
        finally:
            ended.set()

    async with serving(watched) as server:
        async with Client(server.url) as client:
            assert await client.total() == 7
        async with asyncio.timeout(HANGS_S):
            await ended.wait()
