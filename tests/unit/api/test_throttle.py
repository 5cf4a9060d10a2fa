"""Many requests at once against a server that refuses too many."""

import asyncio

import httpx
import pytest

from auditlog_tui.api.client import AuditLogClient
from auditlog_tui.errors import RateLimitedError

EMPTY = b'{"items": [], "pagination": {"next_cursor": null, "total_count": 0}}'


class Limited(httpx.AsyncBaseTransport):
    """Answers so many requests at once, and refuses others; `times` has the clock's reading of each request."""

    def __init__(self, most: int, status: int = 429) -> None:
        self.most = most
        self.status = status
        self.under_way = self.most_at_once = self.refused = 0
        self.paused = False
        self.sent_while_paused = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent_while_paused += self.paused
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        refuse = self.under_way > self.most
        try:
            for _ in range(5):
                await asyncio.sleep(0)
        finally:
            self.under_way -= 1
        if refuse:
            self.refused += 1
            self.paused = True
            return httpx.Response(self.status, headers={"Retry-After": "7"}, content=b"{}")
        return httpx.Response(200, content=EMPTY)

    async def sleep(self, seconds: float) -> None:
        assert seconds == 7
        for _ in range(30):
            await asyncio.sleep(0)
        self.paused = False


def client_of(transport: Limited) -> AuditLogClient:
    return AuditLogClient(base_url="https://log.example", key="k", transport=transport, sleep=transport.sleep)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("most", [1, 2, 3, 5])
async def test_a_refusal_pauses_all_and_halves_how_many_go_at_once(most: int, status: int) -> None:
    transport = Limited(most, status)
    client = client_of(transport)
    await asyncio.gather(*(client.list({}, limit=10) for _ in range(8)))
    assert client.at_once <= max(1, most) + 1
    assert transport.sent_while_paused == 0
    refused = transport.refused
    await asyncio.gather(*(client.list({}, limit=10) for _ in range(4)))
    assert transport.refused <= refused + 2
    await client.aclose()


async def test_a_lone_refusal_pauses_nothing_else() -> None:
    transport = Limited(0)
    client = client_of(transport)
    with pytest.raises(RateLimitedError):
        await client.list({}, limit=10)
    assert transport.refused == 3
    assert client.at_once == float("inf")
    await client.aclose()


async def test_those_held_back_go_on_when_the_refused_request_is_stopped() -> None:
    transport = Limited(1)

    async def forever(seconds: float) -> None:
        await asyncio.Event().wait()

    client = AuditLogClient(base_url="https://log.example", key="k", transport=transport, sleep=forever)
    tasks = [asyncio.create_task(client.list({}, limit=10)) for _ in range(2)]
    await tasks[0]
    held = asyncio.create_task(client.list({}, limit=10))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not held.done()
    tasks[1].cancel()
    assert (await held).entries == ()
    await client.aclose()
