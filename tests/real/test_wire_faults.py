"""The client against a loopback server that produces the TCP and HTTP faults of real networks."""

import asyncio
import gzip
import json
import os
import pty
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from auditlog_tui.api import http
from auditlog_tui.api.request import BODY_LIMIT, list_target
from auditlog_tui.api.retry import Wait
from auditlog_tui.entries import models
from auditlog_tui.errors import (
    ApiError,
    KeyRefusedError,
    NotTheApiError,
    StoppedError,
    TimedOutError,
    UnreachableError,
)
from tests.effort import HANGS_S, THOROUGH
from tests.real.faulty_server import (
    CUT,
    CUT_UNNOTICED,
    DROPS,
    FINE,
    KEY,
    PAGE,
    RESETS,
    UNTIL_CLOSED,
    Client,
    Connection,
    Step,
    answer,
    sends,
    serving,
)


async def test_one_connection_serves_many_requests() -> None:
    async with serving(FINE) as server, Client(server.url) as client:
        assert [await client.total() for _ in range(3)] == [7, 7, 7]
        assert server.connections == 1


async def test_requests_at_once_have_a_connection_each_and_use_it_again() -> None:
    async with serving(FINE) as server, Client(server.url) as client:
        for _ in range(3):
            assert await asyncio.gather(*(client.total() for _ in range(4))) == [7] * 4
            assert server.connections == 4


@pytest.mark.parametrize("base", ["", "/gateway%20x", "/x/../y", "/a//B~._-!$&'()*+,;=:%7e%C3%a4"])
@pytest.mark.parametrize(
    "value", ["a b+c", "%2F..&=?#", "ü漢\ud800\x00", "a" * 40_000], ids=["spaces", "signs", "other", "long"]
)
async def test_a_target_goes_over_the_wire_as_httpx_writes_it(base: str, value: str) -> None:
    async with serving(FINE) as server, Client(server.url + base) as client:
        await client.list({"action": value, "sort": "created_at:asc"}, limit=10, cursor="c/+=")
        target = list_target({"action": value, "sort": "created_at:asc"}, limit=10, cursor="c/+=")
        written = httpx.URL(server.url + base.rstrip("/") + target).raw_path
    assert server.requests[0].split()[1] == written


async def test_what_goes_over_the_wire() -> None:
    async with serving(FINE) as server, Client(server.url) as client:
        await client.list({"action": "a b"}, limit=10, cursor="c+1")
    head, *lines = server.requests[0].decode().rstrip().split("\r\n")
    assert head == "GET /v1/audit_logs?action=a+b&limit=10&cursor=c%2B1 HTTP/1.1"
    assert f"Authorization: Bearer {KEY}" in lines
    assert "Accept-Encoding: identity" in lines


@pytest.mark.parametrize("fault", CUT.values(), ids=CUT)
async def test_a_lost_answer_is_asked_for_again_without_a_word(fault: Step) -> None:
    async with serving(fault, FINE) as server, Client(server.url) as client:
        assert await client.total() == 7
    assert len(server.requests) == 2
    assert client.told == []


@pytest.mark.parametrize("fault", CUT.values(), ids=CUT)
async def test_what_keeps_being_lost_is_unreachable_after_three_attempts(fault: Step) -> None:
    async with serving(fault) as server, Client(server.url) as client:
        error = await client.failure()
    assert isinstance(error, UnreachableError)
    assert f"127.0.0.1:{server.port} broke before the answer was complete" in str(error)
    assert len(server.requests) == 3
    assert client.sleeper.pauses == [1.0]


@pytest.mark.parametrize("fault", CUT_UNNOTICED.values(), ids=CUT_UNNOTICED)
async def test_a_cut_that_http_does_not_notice_shows_in_the_json(fault: Step) -> None:
    async with serving(fault, FINE) as server, Client(server.url) as client:
        assert await client.total() == 7
    assert len(server.requests) == 2

    async with serving(fault) as server, Client(server.url) as client:
        assert isinstance(await client.failure(), NotTheApiError)
    assert len(server.requests) == 3


@pytest.mark.parametrize("fault", [DROPS, RESETS], ids=["dropped", "reset"])
async def test_a_stale_connection_is_replaced_without_a_word(fault: Step) -> None:
    async with serving(FINE, fault, FINE) as server, Client(server.url) as client:
        assert [await client.total(), await client.total()] == [7, 7]
    assert len(server.requests) == 3
    assert server.connections == 2
    assert client.told == []


async def test_a_whole_gzip_body_is_read_though_none_was_asked_for() -> None:
    packed = sends(answer(gzip.compress(PAGE), "Content-Encoding: gzip"))
    async with serving(packed) as server, Client(server.url) as client:
        assert [await client.total(), await client.total()] == [7, 7]
        assert server.connections == 1


async def test_a_bomb_is_refused_after_one_request() -> None:
    bomb = sends(answer(gzip.compress(b" " * (BODY_LIMIT + 1), 9), "Content-Encoding: gzip"))
    async with serving(bomb, FINE) as server, Client(server.url) as client:
        error = await client.failure()
        assert isinstance(error, NotTheApiError)
        assert "larger than 32 MB" in str(error)
        assert len(server.requests) == 1
        assert await client.total() == 7


async def test_a_body_without_end_is_not_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_LIMIT", 1024**2)
    gone = asyncio.Event()

    async def floods(connection: Connection) -> None:
        await connection.send(UNTIL_CLOSED + b"\r\n{")
        try:
            while True:
                await connection.send(b" " * 65_536)
        finally:
            gone.set()

    async with serving(floods) as server, Client(server.url) as client:
        error = await client.failure()
        await gone.wait()
    assert isinstance(error, NotTheApiError)
    assert "larger than 1 MB" in str(error)
    assert len(server.requests) == 1


async def test_a_drip_meets_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async def drips(connection: Connection) -> None:
        await connection.send(answer(b"", length=1_000_000))
        while True:
            await connection.send(b" ")
            await asyncio.sleep(0.01)

    async with serving(drips) as server, Client(server.url) as client:
        # Set after the client was made, whose limit for a single read is still a long one.
        monkeypatch.setattr("auditlog_tui.api.client.DEADLINE", 0.1)
        assert isinstance(await client.failure(), TimedOutError)
        assert client.requests == 3
        assert client.sleeper.pauses == [0.5, 1.0]


# -- answers that take long ----------------------------------------------------------------------------------------


async def drips(connection: Connection) -> None:
    await connection.send(answer(b"", length=1_000_000))
    while True:
        await connection.send(b" ")
        await asyncio.sleep(0.01)


async def hangs(connection: Connection) -> None:
    await connection.request()


async def told(client: Client, condition: Callable[[list[Wait | None]], bool]) -> None:
    async with asyncio.timeout(HANGS_S):
        while not condition(client.told):  # noqa: ASYNC110 (the client tells a list)
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("slow", [drips, hangs])
async def test_an_answer_that_does_not_come_is_told_and_can_be_stopped(
    slow: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditlog_tui.api.client.PATIENCE", 0.05)
    async with serving(slow, FINE) as server, Client(server.url) as client:
        asked = asyncio.create_task(client.list({}, limit=10))
        await told(client, bool)
        (wait,) = client.told
        assert wait is not None
        assert (wait.attempt, wait.attempts, wait.until, wait.reason) == (1, 3, None, "")
        wait.stop()
        with pytest.raises(StoppedError, match=r"Stopped after .* without an answer from 127"):
            await asked
        assert client.told == [wait, None]
        wait.stop()  # it is over: nothing is left to stop
        assert await client.total() == 7
        assert len(server.requests) == 2


async def test_each_attempt_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.api.client.PATIENCE", 0.05)
    async with serving(hangs) as server, Client(server.url) as client:
        monkeypatch.setattr("auditlog_tui.api.client.DEADLINE", 0.2)
        assert isinstance(await client.failure(), TimedOutError)
    waits = [(wait.attempt, wait.until is None) for wait in client.told if wait]
    assert waits == [(1, True), (2, False), (2, True), (3, False), (3, True)]
    assert client.told[-1] is None


async def test_the_end_of_one_wait_leaves_that_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.api.client.PATIENCE", 0.05)
    async with serving(hangs) as server, Client(server.url) as client:
        first = asyncio.create_task(client.list({}, limit=10))
        await told(client, bool)
        second = asyncio.create_task(client.get("e1"))
        await told(client, lambda waits: len(waits) == 2)
        one, other = client.told
        assert one is other  # the one that began first goes on being told
        assert one is not None
        first.cancel()
        await told(client, lambda waits: len(waits) == 3)
        assert client.told[2] is not None
        assert client.told[2].since > one.since
        second.cancel()
        await told(client, lambda waits: len(waits) == 4)
        assert client.told[3] is None


async def test_a_quick_answer_is_not_told() -> None:
    async with serving(FINE) as server, Client(server.url) as client:
        await client.total()
    assert client.told == []


async def test_an_error_through_a_proxy_names_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(sends(answer(b"", status="407 Proxy Authentication Required"))) as proxy:
        _name_proxy(proxy.url.replace("//", "//me:hidden-word@"), monkeypatch)
        async with Client("http://log.example", trust_env=True) as client:
            error = await client.failure()
        assert f"log.example via proxy 127.0.0.1:{proxy.port} " in str(error)
        assert "hidden" not in str(error)
    async with Client("http://log.example", trust_env=True) as client:
        error = await client.failure()
    assert isinstance(error, UnreachableError)
    assert f"log.example via proxy 127.0.0.1:{proxy.port} " in str(error)


async def test_bytes_that_are_not_utf_8_cost_their_string_only() -> None:
    body = b'{"items": [{"id": "e1", "user_agent": "cu\xe9rl"}, {"id": "e2"}], "pagination": {"next_cursor": ""}}'
    async with serving(sends(answer(body))) as server, Client(server.url) as client:
        page = await client.list({}, limit=10)
    assert [entry.key for entry in page.entries] == ["e1", "e2"]
    assert page.entries[0].log.user_agent == r"cu\xe9rl"
    assert page.entries[0].unreadable
    assert page.last


async def test_other_work_goes_on_while_a_large_page_is_read() -> None:
    items = [{"id": f"e{n}", "path": "x" * 500} for n in range(1_000)]
    body = json.dumps({"items": items, "pagination": {"next_cursor": None}}).encode()
    turns, reading = 0, False
    read_entry = models._entry

    def counted(*arguments: str) -> models.Entry:
        nonlocal reading
        reading = True
        return read_entry(*arguments)

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += reading

    async with serving(sends(answer(body))) as server, Client(server.url) as client:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(models, "_entry", counted)
            working = asyncio.create_task(others())
            page = await client.list({}, limit=100)
            working.cancel()
    assert len(page.entries) == 1_000
    assert turns >= 1_000 / models.PORTION


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
async def test_a_redirect_sends_nothing_to_where_it_points(status: str) -> None:
    async with serving(FINE) as elsewhere:
        moved = sends(answer(b"", f"Location: {elsewhere.url}/v1/audit_logs", status=status))
        async with serving(moved) as server, Client(server.url) as client:
            error = await client.failure()
        assert isinstance(error, NotTheApiError)
        assert f"pointing to {elsewhere.url}/" in str(error)
        assert elsewhere.connections == 0
        assert len(server.requests) == 1


async def test_cookies_are_not_returned() -> None:
    sets = sends(answer(PAGE, "Set-Cookie: session=abc; Path=/"))
    async with serving(sets) as server, Client(server.url) as client:
        await client.total()
        await client.total()
    assert len(server.requests) == 2
    assert not [request for request in server.requests if b"cookie" in request.lower()]


async def test_a_proxy_of_the_environment_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(FINE) as proxy, serving(FINE) as server:
        _name_proxy(proxy.url, monkeypatch)
        async with Client(server.url) as client:
            await client.total()
        assert (proxy.connections, server.connections) == (0, 1)


async def test_a_proxy_is_used_where_the_user_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(FINE) as proxy, serving(FINE) as server:
        _name_proxy(proxy.url, monkeypatch)
        async with Client(server.url, trust_env=True) as client:
            await client.total()
        assert (proxy.connections, server.connections) == (1, 0)


def _name_proxy(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, url)


async def test_a_port_that_nobody_listens_on_is_unreachable() -> None:
    async with serving(FINE) as server:
        pass
    async with Client(server.url) as client:
        error = await client.failure()
    assert isinstance(error, UnreachableError)
    assert str(error).startswith(f"Can't reach 127.0.0.1:{server.port} (")
    assert "Is the network up" in str(error)
    assert client.sleeper.pauses == [0.5, 1.0]
    assert len(client.told) == 4


async def test_a_server_that_does_not_speak_http_is_explained() -> None:
    async with (
        serving(sends(b"SSH-2.0-\x1b[2J\r\n\r\n", then=Connection.close)) as server,
        Client(server.url) as client,
    ):
        error = await client.failure()
    assert isinstance(error, UnreachableError)
    assert "SSH-2.0" in str(error)
    assert str(error).isprintable()


async def test_a_server_without_tls_is_unreachable_over_https() -> None:
    async def answers_at_once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"", status="400 Bad Request"))
        writer.close()

    async with await asyncio.start_server(answers_at_once, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        async with Client(f"https://127.0.0.1:{port}") as client:
            error = await client.failure()
    assert isinstance(error, UnreachableError)
    assert "WRONG_VERSION_NUMBER" in str(error)


async def test_an_error_whose_body_is_lost_is_the_error_all_the_same() -> None:
    refused = sends(answer(b"no such", status="401 Unauthorized", length=100), then=Connection.close)
    async with serving(refused) as server, Client(server.url) as client:
        error = await client.failure()
    assert isinstance(error, KeyRefusedError)
    assert 'It says: "no such"' in str(error)
    assert len(server.requests) == 1


async def test_escapes_in_the_status_line_are_not_shown() -> None:
    async with serving(sends(answer(b"", status="400 \x1b[2J"))) as server, Client(server.url) as client:
        error = await client.failure()
    assert isinstance(error, ApiError)
    assert str(error).isprintable()


async def test_cancelling_requests_leaves_the_client_usable() -> None:
    reached = asyncio.Semaphore(0)

    async def holds(_: Connection) -> None:
        reached.release()
        await asyncio.Event().wait()

    async with serving(holds, holds, holds, FINE) as server, Client(server.url) as client:
        asking = [asyncio.create_task(client.total()) for _ in range(3)]
        for _ in asking:
            await reached.acquire()
        for task in asking:
            task.cancel()
        done = await asyncio.gather(*asking, return_exceptions=True)
        assert [type(one) for one in done] == [asyncio.CancelledError] * 3
        assert await client.total() == 7
        assert len(server.requests) == 4


# -- without a screen ----------------------------------------------------------------------------------------------


class Command:
    """Runs the program against a server in this event loop."""

    def __init__(self, home: Path) -> None:
        self.home = home

    async def run(self, url: str, *arguments: str, **environ: str) -> tuple[int | None, bytes, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "auditlog_tui", *arguments,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "NIRVANA_LABS_API_KEY": KEY,
                 "NIRVANA_LABS_BASE_URL": url, **environ},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(HANGS_S):
            out, err = await process.communicate()
        return process.returncode, out, err.decode()


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


async def test_jsonl_gives_back_the_very_bytes_that_came(command: Command) -> None:
    items = [
        b'{"id": "e1", "user_agent": "cu\xe9\xff\tr\x1bl", "created_at": "2027-01-01T00:00:03Z"}',
        b'{"id": "e2", "path": "\xed\xa0\x80", "path": "/caf\xc3\xa9", "created_at": "2027-01-01T00:00:02Z",}',
        b'{"id": "e3", "status_code": 0200, "x": NaN, "created_at": "2027-01-01T00:00:01Z"}',
    ]
    body = b'{"items": [' + b",".join(items) + b'], "pagination": {"next_cursor": null, "total_count": 3}}'
    async with serving(sends(answer(body))) as server:
        for base in (server.url, f"{server.url}/v1", f"{server.url}/v1/audit_logs/"):
            assert await command.run(base, "list", "--format", "jsonl") == (0, b"\n".join(items) + b"\n", "")
        assert await command.run(server.url, "list", "ua:nothing", "--format", "ids") == (0, b"e1\n", "")
    assert {request.split()[1].partition(b"?")[0] for request in server.requests} == {b"/v1/audit_logs"}


@pytest.mark.parametrize(
    "pagination", [b"null", b'{"total_count": 2}', *([b"7", b"[]", b'{"next_cursor": {}}'] if THOROUGH else [])]
)
async def test_without_a_readable_pagination_a_command_says_so_and_fails(pagination: bytes, command: Command) -> None:
    body = b'{"items": [{"id": "e1"}, {"id": "e2"}], "pagination": ' + pagination + b"}"
    async with serving(sends(answer(body))) as server:
        status, out, err = await command.run(server.url, "list", "--format", "ids")
        assert (status, out) == (1, b"e1\ne2\n")
        assert "Incomplete: the server did not say whether more follows" in err
        status, out, err = await command.run(server.url, "count")
        assert (status, out) == (1, b"")
        assert "did not say whether more follows" in err


async def test_a_command_shows_on_a_terminal_how_long_it_waits(command: Command) -> None:
    main, side = pty.openpty()
    seen, shown = bytearray(), asyncio.Event()

    async def late(connection: Connection) -> None:
        await shown.wait()
        await connection.send(answer())

    def read() -> None:
        seen.extend(os.read(main, 4_096))
        if b"waiting 4 s for an answer, attempt 1 of 3" in seen:
            shown.set()

    async with serving(late) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "auditlog_tui", "list", "--format", "ids",
            env={"PATH": os.environ["PATH"], "HOME": str(command.home), "NIRVANA_LABS_API_KEY": KEY,
                 "NIRVANA_LABS_BASE_URL": server.url},
            stdout=asyncio.subprocess.PIPE, stderr=side,
        )  # fmt: skip
        asyncio.get_running_loop().add_reader(main, read)
        async with asyncio.timeout(HANGS_S):
            await shown.wait()
            asyncio.get_running_loop().remove_reader(main)
            await process.wait()
    os.close(side)
    os.close(main)
