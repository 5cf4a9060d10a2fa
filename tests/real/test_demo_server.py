import asyncio
import gc
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import pytest

from auditlog_tui.api.client import AuditLogClient
from auditlog_tui.demo import demo_log, demo_truth
from auditlog_tui.demo.server import Fault, Request, Serving, serving
from auditlog_tui.errors import NotFoundError
from auditlog_tui.offline.sqlite_source import SqliteSource
from auditlog_tui.offline.transport import Endpoints
from tests.effort import HANGS_S
from tests.real.children import INTERRUPTIBLE

UNTIL = datetime(2026, 8, 20, 11, 34, 56, tzinfo=UTC)
LIST = "/v1/audit_logs"


@pytest.fixture(scope="module")
def log() -> SqliteSource:
    return demo_log(entries=1_000, until=UNTIL)


@pytest.fixture
def server(log: SqliteSource) -> Iterator[Serving]:
    with serving(log) as running:
        yield running


@pytest.fixture
def client(server: Serving) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False) as connected:
        yield connected


def test_a_client_walks_the_whole_log(client: httpx.Client) -> None:
    found = client.get(LIST, params={"limit": 100}).json()
    seen = [item["id"] for item in found["items"]]
    while cursor := found["pagination"]["next_cursor"]:
        found = client.get(LIST, params={"limit": 100, "cursor": cursor}).json()
        seen += [item["id"] for item in found["items"]]
    assert len(seen) == len(set(seen)) == 1_000
    assert set(demo_truth(until=UNTIL).entries) <= set(seen)


def test_a_client_finds_what_must_be_revoked(client: httpx.Client) -> None:
    def targets(**params: str) -> list[str]:
        found = client.get(
            LIST, params={**params, "status_code_max": 299, "sort": "created_at:asc", "limit": 100}
        ).json()
        assert not found["pagination"]["next_cursor"]
        return [item["target"]["id"] for item in found["items"]]

    def descendants(key_id: str) -> list[str]:
        created = targets(action="api_key.created", actor_id=key_id)
        return [key_id, *(each for child in created for each in descendants(child))]

    truth = demo_truth(until=UNTIL)
    deleted = set(targets(action="api_key.deleted"))
    assert [key for key in descendants(truth.key_id) if key not in deleted] == list(truth.to_revoke)


def test_an_answer_is_the_logs_own(client: httpx.Client, log: SqliteSource) -> None:
    target = f"{LIST}?path=%2Fvolumes&limit=10"
    response, answer = client.get(target), Endpoints(log).answer("GET", target, {})
    assert (response.status_code, response.content) == (answer.status, answer.body)
    assert response.headers["content-type"] == "application/json"
    assert len(response.headers.get_list("date")) == 1


def test_requests_are_written_down(client: httpx.Client, server: Serving) -> None:
    client.get(LIST, params={"action": "vm.read"}, headers={"X-Trace": "7"})
    (request,) = server.requests
    assert (request.method, request.target) == ("GET", f"{LIST}?action=vm.read")
    assert {name.lower(): value for name, value in request.headers.items()}["x-trace"] == "7"


def test_one_connection_serves_many_requests(server: Serving) -> None:
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as connection:
        for _ in range(3):
            connection.sendall(f"GET {LIST}/none HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 404")
            assert b"Content-Length: %d" % len(body) in head


def test_a_body_with_a_request_does_not_spoil_the_next(client: httpx.Client, server: Serving) -> None:
    statuses = [client.post(LIST, content=b"x" * 100_000).status_code, client.get(LIST).status_code]
    assert statuses == [405, 200]
    assert client.post(LIST, content=iter([b"chunk", b"y" * 100_000])).status_code == 405
    assert client.get(LIST).status_code == 200
    assert len(server.requests) == 4


@pytest.mark.parametrize("length", ["Content-Length: many", "Transfer-Encoding: chunked\r\n\r\nmany"])
def test_a_body_without_a_known_end_ends_the_connection(server: Serving, length: str) -> None:
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as connection:
        connection.sendall(f"POST {LIST} HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n".encode())
        assert b"Connection: close" in connection.recv(65536)


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "QUERY", "UNHEARD"])
def test_other_methods_are_refused_by_the_log(client: httpx.Client, method: str) -> None:
    response = client.request(method, LIST)
    assert (response.status_code, response.headers["allow"]) == (405, "GET")


def test_the_answer_to_head_has_no_body(client: httpx.Client) -> None:
    assert (client.head(LIST).status_code, client.get(LIST).status_code) == (405, 200)


def test_a_fault_answers_one_request(client: httpx.Client, server: Serving) -> None:
    server.faults += [Fault(429, {"Retry-After": "3"}, b"slow down"), Fault()]
    first, second, third = (client.get(LIST) for _ in range(3))
    assert (first.status_code, first.headers["retry-after"], first.content) == (429, "3", b"slow down")
    assert (second.status_code, second.content) == (503, b"")
    assert third.status_code == 200


def test_a_dropped_connection_is_no_answer(client: httpx.Client, server: Serving) -> None:
    server.faults.append(Fault(drop=True))
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(LIST)
    assert client.get(LIST).status_code == 200
    assert len(server.requests) == 2


@pytest.mark.parametrize("body", [b"", b"twelve bytes"])
def test_a_truncated_answer_promises_more_than_it_sends(client: httpx.Client, server: Serving, body: bytes) -> None:
    server.faults.append(Fault(200, body=body, truncate=True))
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        client.get(LIST)
    assert client.get(LIST).status_code == 200


def test_latency_comes_before_the_answer_and_after_the_request() -> None:
    with serving(SqliteSource(), latency_ms=3_600_000) as server:
        port = int(server.url.rpartition(":")[2])
        arrived = threading.Event()
        server.requests = _Watched(arrived)
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(f"GET {LIST} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert arrived.wait(HANGS_S)
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):
                connection.recv(1)


def test_more_requests_than_the_limit_are_told_when_to_come_again() -> None:
    with serving(SqliteSource(), rate_limit=0.01) as server, httpx.Client(base_url=server.url) as client:
        assert client.get(LIST).status_code == 200
        refused = client.get(LIST)
        assert refused.status_code == 429
        assert 50 <= int(refused.headers["retry-after"]) <= 100
        assert "too many requests" in refused.json()["message"]
        assert len(server.requests) == 2


def test_the_limit_holds_for_all_connections_together() -> None:
    with serving(SqliteSource(), rate_limit=0.001) as server, ThreadPoolExecutor(16) as threads:
        statuses = list(threads.map(lambda _: httpx.get(server.url + LIST).status_code, range(32)))
    assert Counter(statuses) == {200: 1, 429: 31}


def test_a_fault_takes_no_request_from_the_limit() -> None:
    with serving(SqliteSource(), rate_limit=0.001) as server, httpx.Client(base_url=server.url) as client:
        server.faults.append(Fault(500))
        assert [client.get(LIST).status_code for _ in range(3)] == [500, 200, 429]


async def test_the_client_waits_as_told_and_gets_its_answer() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(seconds)

    with serving(SqliteSource(), rate_limit=0.5) as server:
        client = AuditLogClient(base_url=server.url, key="any", sleep=sleep)
        try:
            for _ in range(2):
                await client.list({}, limit=10)
        finally:
            await client.aclose()
        assert (waits, len(server.requests)) == ([2.0], 3)


class _Watched(list[Request]):
    """Signals when the first request has arrived."""

    def __init__(self, arrived: threading.Event) -> None:
        super().__init__()
        self._arrived = arrived

    def append(self, request: Request) -> None:
        super().append(request)
        self._arrived.set()


def test_nothing_is_left_behind(capfd: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    with serving(SqliteSource()) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        client.get(LIST)
        client.get("/nowhere")
    with serving(SqliteSource()) as server:
        idle = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])))
        idle.sendall(b"GET / HTTP/1.1\r\n")
    idle.close()
    assert threading.active_count() == before
    assert capfd.readouterr() == ("", "")


def test_the_program_serves_until_it_is_interrupted() -> None:
    options = ["--port", "0", "--entries", "300", "--api-key", "k", "--live", "200"]
    command = [*INTERRUPTIBLE, sys.executable, "-m", "auditlog_tui.demo", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        url = re.search(r"http://127\.0\.0\.1:\d+", program.stdout.readline())
        hint = program.stdout.readline()
        assert url is not None
        assert f"NIRVANA_LABS_BASE_URL={url[0]} NIRVANA_LABS_API_KEY=k auditlog-tui" in hint
        with httpx.Client(base_url=url[0], headers={"Authorization": "Bearer k"}, trust_env=False) as client:
            while client.get(LIST).json()["pagination"]["total_count"] <= 305:
                pass
            assert httpx.get(url[0] + LIST, trust_env=False).status_code == 401
        os.kill(program.pid, signal.SIGINT)
        rest = program.stderr.read()
    assert (program.returncode, rest) == (0, "")


def test_the_program_has_a_rate_limit() -> None:
    options = ["--port", "0", "--entries", "10", "--rate-limit", "0.01"]
    command = [*INTERRUPTIBLE, sys.executable, "-m", "auditlog_tui.demo", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        url = re.search(r"http://127\.0\.0\.1:\d+", program.stdout.readline())
        assert url is not None
        statuses = [httpx.get(url[0] + LIST, trust_env=False).status_code for _ in range(2)]
        os.kill(program.pid, signal.SIGINT)
    assert statuses == [200, 429]


async def test_an_answer_leaves_nothing_for_the_garbage_collector(server: Serving) -> None:
    api = AuditLogClient(base_url=server.url, key="any")
    try:
        await api.list({}, limit=100)
        gc.collect()
        gc.disable()
        for _ in range(10):
            await api.list({}, limit=100)
            with pytest.raises(NotFoundError):
                await api.get("nothing-has-this-id")
        assert gc.collect() < 20  # one cycle for each answer would be that many; some are of tests before
    finally:
        gc.enable()
        await api.aclose()
