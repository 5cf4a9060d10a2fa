"""The request that is sent while the program still imports its libraries, against a loopback server."""

import asyncio
import gzip
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from auditlog_tui.api import early, handover, http
from auditlog_tui.api.early import EarlyRequest, first_request
from auditlog_tui.api.request import list_target
from auditlog_tui.api.retry import Wait
from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import Serving
from auditlog_tui.demo.server import serving as serving_log
from auditlog_tui.errors import (
    ApiError,
    KeyRefusedError,
    NotTheApiError,
    RateLimitedError,
    ServerError,
    SettingsError,
    StoppedError,
    TimedOutError,
)
from auditlog_tui.offline.sqlite_source import SqliteSource
from auditlog_tui.settings.connection import Secret
from tests.real.faulty_server import (
    CHUNKED,
    CUT,
    CUT_UNNOTICED,
    FINE,
    KEY,
    PAGE,
    RESETS,
    UNTIL_CLOSED,
    Client,
    Connection,
    Server,
    Step,
    answer,
    sends,
    serving,
)
from tests.real.pty_terminal import APP, PtyTerminal, environment

TARGET = list_target({}, limit=10)
"""What `Client.total` asks for."""


def asked(url: str, *, key: str = KEY, headers: dict[str, str] | None = None, target: str = TARGET) -> EarlyRequest:
    return EarlyRequest(first_request(url, Secret(key), headers or {}, target))


@asynccontextmanager
async def client_of(server: Server, sent: EarlyRequest | None = None) -> AsyncIterator[Client]:
    """A client whose first request was sent before it was made."""
    async with Client(server.url, early=asked(server.url) if sent is None else sent) as client:
        yield client


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # what a thread or a server does
            await asyncio.sleep(0.005)


def lines_of(request: bytes, port: int) -> list[str]:
    first, *others = request.decode().replace(str(port), "PORT").rstrip().split("\r\n")
    return [first, *sorted(others)]


# -- one request ---------------------------------------------------------------------------------------------------


async def test_the_server_gets_one_request_and_the_client_its_answer() -> None:
    async with serving(FINE) as server, client_of(server) as client:
        assert await client.total() == 7
        assert (len(server.requests), client.requests) == (1, 1)
        assert await client.total() == 7  # the answer is used once
        assert (len(server.requests), client.requests) == (2, 2)


@pytest.mark.parametrize("headers", [{}, {"X-Team": "a b", "User-agent": "mine"}, {"Host": "other.test"}], ids=str)
@pytest.mark.parametrize("base", ["", "/v1/audit_logs/", "/gateway%20x", "/a//B~._-!$&'()*+,;=:%7e%C3%a4"])
async def test_it_has_the_bytes_of_the_usual_request(base: str, headers: dict[str, str]) -> None:
    async with serving(FINE) as server:
        async with Client(server.url + base, headers=headers) as client:
            await client.total()
        sent = asked(server.url + base, headers=headers)
        async with Client(server.url + base, headers=headers, early=sent) as client:
            await client.total()
        usual, first = (lines_of(request, server.port) for request in server.requests)
    assert first == usual


ENDED = b"\r\n0\r\n\r\n"
BODIES: dict[str, Step] = {
    "of a length": FINE,
    "in chunks": sends(CHUNKED + b"5\r\n" + PAGE[:5] + b"\r\n", f"{len(PAGE) - 5:X}\r\n".encode(), PAGE[5:] + ENDED),
    "until closed": sends(UNTIL_CLOSED + b"\r\n" + PAGE, then=Connection.close),
    "compressed": sends(answer(gzip.compress(PAGE), "Content-Encoding: gzip")),
    "byte by byte": sends(*(bytes([byte]) for byte in answer())),
}  # fmt: skip


@pytest.mark.parametrize("step", BODIES.values(), ids=BODIES)
async def test_an_answer_in_any_form_is_handed_over(step: Step) -> None:
    async with serving(step) as server, client_of(server) as client:
        assert await client.total() == 7
        assert len(server.requests) == 1


async def test_a_slow_answer_is_waited_for_while_other_work_goes_on() -> None:
    release = asyncio.Event()

    async def slow(connection: Connection) -> None:
        await release.wait()
        await FINE(connection)

    async with serving(slow) as server, client_of(server) as client:
        asking = asyncio.create_task(client.total())
        await until(lambda: server.requests)
        assert not asking.done()
        release.set()  # by the same event loop: it is not blocked
        assert await asking == 7
        assert len(server.requests) == 1


async def test_the_servers_clock_is_that_of_the_moment_when_its_answer_came() -> None:
    then = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=100)
    async with serving(sends(answer(PAGE, f"Date: {format_datetime(then, usegmt=True)}"))) as server:
        sent = asked(server.url)
        await until(lambda: sent.done)
        assert sent.answer is not None
        assert abs(sent.answer.received_at - datetime.now(UTC)) < timedelta(seconds=60)
        sent.answer = replace(sent.answer, received_at=then)
        async with client_of(server, sent) as client:
            await client.total()
            assert client.clock_offset_us == 0
            assert len(server.requests) == 1
            await client.total()
            assert client.clock_offset_us is not None
            assert client.clock_offset_us < -90_000_000


async def hangs(_: Connection) -> None:
    await asyncio.Event().wait()


async def test_the_deadline_is_that_of_every_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.api.client.DEADLINE", 0.1)
    async with serving(hangs) as server, client_of(server) as client:
        assert isinstance(await client.failure(), TimedOutError)
        assert len(server.requests) == 3


async def test_the_user_can_stop_waiting_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.api.client.PATIENCE", 0.05)
    async with serving(hangs) as server, client_of(server) as client:
        asking = asyncio.create_task(client.failure())
        await until(lambda: any(client.told))
        told = [wait for wait in client.told if isinstance(wait, Wait)]
        told[-1].stop()
        assert isinstance(await asking, StoppedError)
        assert len(server.requests) == 1


async def test_cancelling_closes_its_connection() -> None:
    closed = asyncio.Event()

    async def waits(connection: Connection) -> None:
        try:
            await connection.request()  # ends when the connection does
        finally:
            closed.set()

    async with serving(waits) as server, client_of(server) as client:
        asking = asyncio.create_task(client.total())
        await until(lambda: server.requests)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        async with asyncio.timeout(60):
            await closed.wait()


async def test_closing_the_client_closes_its_connection() -> None:
    closed = asyncio.Event()

    async def waits(connection: Connection) -> None:
        try:
            await connection.request()
        finally:
            closed.set()

    async with serving(waits) as server:
        async with client_of(server):
            await until(lambda: server.requests)
        async with asyncio.timeout(60):
            await closed.wait()


# -- errors of the server ------------------------------------------------------------------------------------------

REFUSALS: dict[str, tuple[Step, type[ApiError]]] = {
    "401": (sends(answer(b'{"message": "no such key"}', status="401 Unauthorized")), KeyRefusedError),
    "a long wait": (sends(answer(b"", "Retry-After: 3600", status="429 Too Many Requests")), RateLimitedError),
    "a redirect": (sends(answer(b"", "Location: https://elsewhere.test/", status="302 Found")), NotTheApiError),
    "no content": (sends(b"HTTP/1.1 204 No Content\r\n\r\n"), NotTheApiError),
    "a page of HTML": (sends(answer(b"<html>")), NotTheApiError),
    "its own error": (sends(answer(b'{"error": "broken"}')), ServerError),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_is_told_as_usual_after_one_request(name: str) -> None:
    step, kind = REFUSALS[name]
    async with serving(step) as server, Client(server.url) as usual, client_of(server) as client:
        error = await client.failure()
        assert isinstance(error, kind)
        assert len(server.requests) == 1
        words = [str(each).partition(" try at ")[0] for each in (error, await usual.failure())]
        assert words[0] == words[1]


@pytest.mark.parametrize(("status", "pause"), [("429 Too Many", 7.0), ("500 Failed", 7.0), ("503 Down", 7.0)])
async def test_an_error_worth_another_attempt_is_followed_by_one(status: str, pause: float) -> None:
    async with serving(sends(answer(b"", "Retry-After: 7", status=status)), FINE) as server:
        async with client_of(server) as client:
            assert await client.total() == 7
            assert client.sleeper.pauses == [pause]
        assert len(server.requests) == 2


@pytest.mark.parametrize("fault", CUT_UNNOTICED.values(), ids=CUT_UNNOTICED)
async def test_a_cut_that_http_does_not_notice_is_asked_for_again(fault: Step) -> None:
    async with serving(fault, FINE) as server, client_of(server) as client:
        assert await client.total() == 7
        assert (len(server.requests), client.requests) == (2, 2)


async def endless(connection: Connection) -> None:
    while True:
        await connection.send(b"10000\r\n" + b" " * 65536 + b"\r\n")


@pytest.mark.parametrize(
    "step",
    [sends(CHUNKED, then=endless), sends(answer(gzip.compress(b" " * (1024**2 + 1)), "Content-Encoding: gzip"))],
)
async def test_an_answer_that_is_too_large_is_refused_after_one_request(
    step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (http, early):
        monkeypatch.setattr(module, "BODY_LIMIT", 1024**2)
    async with serving(step) as server, client_of(server) as client:
        assert "larger than 1 MB" in str(await client.failure())
        assert len(server.requests) == 1


async def test_an_error_without_end_is_told_after_one_request() -> None:
    refused = b"HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(sends(refused, then=endless)) as server, client_of(server) as client:
        assert isinstance(await client.failure(), KeyRefusedError)
        assert len(server.requests) == 1


# -- the usual way -------------------------------------------------------------------------------------------------

UNCLEAR: dict[str, Step] = {
    "two lengths": sends(answer(PAGE, "Content-Length: 3"), then=Connection.close),
    "no number": sends(answer(PAGE).replace(b"Length: ", b"Length: +"), then=Connection.close),
    "a length and chunks": sends(answer(PAGE, "Transfer-Encoding: chunked"), then=Connection.close),
    "another coding": sends(UNTIL_CLOSED + b"Transfer-Encoding: gzip\r\n\r\n" + PAGE, then=Connection.close),
    "an early hint": sends(b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(), then=Connection.close),
    "a header in two lines": sends(answer(PAGE, "X-A: 1\r\n 2"), then=Connection.close),
    "a line that is no header": sends(answer(PAGE, "nothing"), then=Connection.close),
    "a large head": sends(answer(PAGE, *(f"X-{n}: {'x' * 3000}" for n in range(40))), then=Connection.close),
    "no HTTP": sends(b"SSH-2.0-server\r\n", then=Connection.close),
}  # fmt: skip


@pytest.mark.parametrize("fault", [*CUT.values(), *UNCLEAR.values()], ids=[*CUT, *UNCLEAR])
async def test_what_is_no_complete_answer_is_forgotten(fault: Step, capfd: pytest.CaptureFixture[str]) -> None:
    async with serving(fault, FINE) as server, client_of(server) as client:
        assert await client.total() == 7
        assert (len(server.requests), client.requests) == (2, 1)
        assert (client.told, client.sleeper.pauses) == ([], [])
    assert capfd.readouterr() == ("", "")


async def test_without_a_server_the_usual_way_tells_it() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with Client(url, early=asked(url)) as client:
            assert "Can't reach 127.0.0.1" in str(await client.failure())
            assert client.requests == 3


OTHERS: dict[str, Callable[[str], EarlyRequest]] = {
    "another filter": lambda url: asked(url, target=list_target({"action": "vm.created"}, limit=10)),
    "another limit": lambda url: asked(url, target=list_target({}, limit=100)),
    "another key": lambda url: asked(url, key="sk-another-key"),
    "another header": lambda url: asked(url, headers={"X-Team": "a"}),
    "another path": lambda url: asked(f"{url}/gateway"),
    "another name of the host": lambda url: asked(url.replace("127.0.0.1", "localhost")),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
async def test_another_request_never_gets_its_answer(other: Callable[[str], EarlyRequest]) -> None:
    other_page = PAGE.replace(b'"total_count": 7', b'"total_count": 8')
    async with serving(sends(answer(other_page)), FINE) as server:
        sent = other(server.url)
        await until(lambda: sent.done)
        async with client_of(server, sent) as client:
            assert await client.total() == 7
            assert (sent.request, sent.answer) == (None, None)


async def test_after_another_request_the_answer_is_too_old() -> None:
    async with serving(FINE) as server, client_of(server) as client:
        await until(lambda: server.requests)
        await client.list({"action": "vm.created"}, limit=10)
        assert await client.total() == 7
        assert len(server.requests) == 3


async def test_a_connection_that_does_not_come_up_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    connected = early._connected

    def late(host: str, port: int) -> socket.socket:
        go.wait(120)
        return connected(host, port)

    monkeypatch.setattr(early, "_connected", late)
    monkeypatch.setattr(handover, "UNSENT", 0.05)
    async with serving(FINE) as server:
        sent = asked(server.url)
        async with client_of(server, sent) as client:
            async with asyncio.timeout(30):
                assert await client.total() == 7
            go.set()
            await until(lambda: not [each for each in threading.enumerate() if each.name == "early-request"])
            assert len(server.requests) == 1  # nothing is sent for somebody who has gone


async def test_an_address_that_does_not_answer_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with an IPv6 route that leads nowhere: the usual way connects to both addresses at the same time."""
    monkeypatch.setattr(early, "CONNECT", 3_600.0)
    async with serving(FINE) as server:
        with ExitStack() as stack:
            silent = stack.enter_context(socket.socket())
            silent.bind(("127.0.0.2", server.port))
            silent.listen(0)
            for _ in range(4):  # until the kernel takes no more
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(silent.getsockname())
            found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, server.port))
                     for address in ("127.0.0.2", "127.0.0.1")]  # fmt: skip
            monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
            sent = asked(server.url)
            await until(lambda: sent.done)
            assert sent.answer is not None


# -- secrets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [f"{KEY}\r\nX-Evil: 1", f"{KEY}\n", f"{KEY}é", f" {KEY}", f"{KEY}\0"])
def test_a_key_that_http_forbids_is_sent_to_nobody_and_not_shown(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        first_request("http://127.0.0.1:9", Secret(key), {}, TARGET)
    assert KEY not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://127.0.0.1:9", {"X-A": f"{KEY}\r\nX-Evil: 1"}),
        ("http://127.0.0.1:9", {f"X-A: {KEY}\r\nX-Evil": "1"}),
        ("http://127.0.0.1:9", {"Content-Length": "5"}),
        ("http://api.test", {}),
        ("https://user:password@api.test", {}),
        ("https://api.test/?x=\r\nX-Evil: 1", {}),
        ("https://api.test/a/../b", {}),  # the client sends /b
        ("https://api.test/a%b", {}),  # and /a%25b
        ('https://api.test/a"b', {}),
    ],
)
def test_what_must_not_be_sent_is_refused(url: str, headers: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        first_request(url, Secret(KEY), headers, TARGET)
    assert KEY not in str(caught.value)


async def test_nothing_of_it_shows_the_key(capfd: pytest.CaptureFixture[str]) -> None:
    hooked: list[object] = []
    before, threading.excepthook = threading.excepthook, hooked.append
    try:
        async with serving(RESETS) as server:
            sent = asked(server.url)
            assert KEY in str(sent.request and sent.request.headers)
            assert KEY not in f"{sent!r} {sent.request!r} {sent._socket!r} {threading.enumerate()!r}"
            await until(lambda: sent.done)
        async with serving(FINE) as server:
            sent = asked(server.url)
            await until(lambda: sent.done)
            assert KEY not in repr(sent.answer)
    finally:
        threading.excepthook = before
    assert hooked == []
    assert capfd.readouterr() == ("", "")


# -- TLS -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of its own making for 127.0.0.1, and its private key."""
    found = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
               "-addext", "subjectAltName=IP:127.0.0.1", "-out", str(found[0]), "-keyout", str(found[1])]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("there is no openssl here")
    return found


@asynccontextmanager
async def over_tls(certificate: tuple[Path, Path], requests: list[bytes]) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer())
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as listening:
        yield f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def test_over_tls_a_trusted_server_gets_one_request(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    requests: list[bytes] = []
    async with over_tls(certificate, requests) as url, Client(url, early=asked(url)) as client:
        assert await client.total() == 7
        assert len(requests) == 1


async def test_over_tls_a_server_that_is_not_trusted_gets_no_key(
    certificate: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    requests: list[bytes] = []
    async with over_tls(certificate, requests) as url, Client(url, early=asked(url)) as client:
        assert "does not trust" in str(await client.failure())
    assert requests == []
    assert KEY not in "".join(capfd.readouterr())


# -- the program ---------------------------------------------------------------------------------------------------

ROW = r"\d\d:\d\d:\d\d +\w+\.\w+"


def with_key(home: Path, server: Serving, **more: str) -> dict[str, str]:
    return environment(home, NIRVANA_LABS_API_KEY=KEY, NIRVANA_LABS_BASE_URL=server.url, **more)


def pages(server: Serving) -> list[str]:
    return [request.target for request in server.requests if "limit=100" in request.target]


@pytest.mark.parametrize("query", [(), ("status:>=400",), ("created:2020-01-01..2030-01-01", "sort:created")])
def test_the_browser_asks_for_its_first_page_once(query: tuple[str, ...], tmp_path: Path) -> None:
    with serving_log(demo_log(entries=200)) as server:
        with PtyTerminal([*APP, *query], env=with_key(tmp_path, server)) as terminal:
            terminal.wait_for(ROW)
            terminal.send("q")
            assert terminal.status() == 0
        assert len(pages(server)) == 1


STUCK = """
import threading, time
with open({reached!r}, "w") as file:
    file.write(" ".join(thread.name for thread in threading.enumerate()) + ".")
while True:
    time.sleep(1)
"""
"""A module that is never imported to its end. It writes the names of the threads that run meanwhile."""


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ((), True),
        (("status:>=400",), True),
        (("last:1h",), False),
        (("--demo",), False),
        (("status:nonsense",), False),
    ],
)
def test_it_is_sent_before_the_slow_imports(query: tuple[str, ...], sent: bool, tmp_path: Path) -> None:
    reached = tmp_path / "reached"
    for module in ("textual", "rich", "httpx", "pydantic"):
        (tmp_path / f"{module}.py").write_text(STUCK.format(reached=str(reached)))
    paths = f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}"
    with (
        serving_log(SqliteSource(), latency_ms=3_600_000) as server,
        PtyTerminal([*APP, *query], env=with_key(tmp_path, server, PYTHONPATH=paths)),
    ):
        wait_until(lambda: reached.exists() and reached.read_text().endswith("."))
        assert ("early-request" in reached.read_text()) == sent
        wait_until(lambda: len(pages(server)) == sent)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_first_rows_come_while_httpx_is_not_imported_yet(tmp_path: Path) -> None:
    (tmp_path / "httpx.py").write_text(STUCK.format(reached=str(tmp_path / "reached")))
    with serving_log(demo_log(entries=200)) as server:
        env = with_key(tmp_path, server, PYTHONPATH=f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}")
        with PtyTerminal(APP, env=env) as terminal:
            terminal.wait_for(ROW)
        assert len(pages(server)) == 1


def test_a_proxy_that_is_trusted_is_not_passed_by(tmp_path: Path) -> None:
    with serving_log(SqliteSource()) as server, serving_log(SqliteSource()) as proxy:
        env = with_key(tmp_path, server, AUDITLOG_TUI_TRUST_ENV="yes", HTTP_PROXY=proxy.url)
        with PtyTerminal(APP, env=env) as terminal:
            terminal.wait_for("via proxy")
            wait_until(lambda: bool(proxy.requests))
            terminal.send("q")
            assert terminal.status() == 0
        assert server.requests == []


def test_an_answer_that_does_not_come_delays_no_end(tmp_path: Path) -> None:
    with serving_log(SqliteSource(), latency_ms=3_600_000) as server:
        env = with_key(tmp_path, server, AUDITLOG_TUI_THEME="no-such-theme")
        with PtyTerminal(APP, env=env) as terminal:
            assert terminal.status() == 2
            assert "There is no theme" in terminal.raw.decode()
            assert KEY not in terminal.raw.decode()


SLOW = """
import time
open("begun", "w").close()
time.sleep(0.5)
open("imported", "w").close()
"""
ENDS = """
import os, time
from auditlog_tui.api.early import EarlyRequest, first_request
EarlyRequest(first_request("https://127.0.0.1:9", None, {}, "/v1/audit_logs"))
while not os.path.exists("begun"):
    time.sleep(0.001)
"""


def test_the_program_does_not_end_within_an_import_of_the_thread(tmp_path: Path) -> None:
    """The thread would be killed with the lock of the import: the next import would wait for ever."""
    (tmp_path / "truststore.py").write_text(SLOW)
    env = environment(tmp_path) | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}"}
    ended = subprocess.run(
        [sys.executable, "-c", ENDS], cwd=tmp_path, env=env, timeout=60, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    assert (tmp_path / "imported").exists()


IMPORTS = """
import asyncio, sys, threading
from auditlog_tui.api.client import AuditLogClient
from auditlog_tui.api.early import EarlyRequest, first_request

class Watch:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is threading.main_thread():
            print(name)

async def main(url):
    early = EarlyRequest(first_request(url, None, {}, "/another"))
    client = AuditLogClient(base_url=url, key=None, early=early)
    sys.meta_path.insert(0, Watch())
    await client.list({}, limit=10)
    print("answered", "httpx" in sys.modules)
    await client.aclose()

asyncio.run(main(sys.argv[1]))
"""


def test_the_event_loop_does_not_wait_for_the_libraries_of_http(tmp_path: Path) -> None:
    with serving_log(SqliteSource()) as server:
        command = [sys.executable, "-c", IMPORTS, server.url]
        env = environment(tmp_path) | {"PYTHONPATH": str(Path(__file__).parents[2])}
        asked = subprocess.run(command, cwd=tmp_path, env=env, timeout=60, capture_output=True, text=True, check=True)
    *imported, answered = asked.stdout.splitlines()
    assert answered == "answered True"
    assert {name.partition(".")[0] for name in imported}.isdisjoint({"httpx", "httpcore", "anyio", "h11", "sniffio"})
