"""A small HTTP server on loopback that answers from a source, for end-to-end tests and other clients of the API."""

from __future__ import annotations

import json
import math
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from auditlog_tui.offline.source import Source
from auditlog_tui.offline.transport import Answer, Endpoints


@dataclass(frozen=True, slots=True)
class Request:
    """A request as received; `target` is the path and query string."""

    method: str
    target: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Fault:
    """Answers one request in place of the source.

    `drop` closes the connection without an answer. `truncate` closes it after half of the body: of `body`, or of
    the true answer's if `body` is empty.
    """

    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    drop: bool = False
    truncate: bool = False


@dataclass(slots=True)
class Serving:
    """A running server: its URL, the requests it received, and the faults that the next requests will meet."""

    url: str
    requests: list[Request] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)


class RateLimit:
    """A token bucket: `per_second` requests a second on average, and at most as many at once. For any thread.

    `per_second` is above 0; a bucket holds one token at least. `clock` returns seconds.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._capacity = self._tokens = max(1.0, per_second)
        self._clock = clock
        self._filled_at = clock()
        self._lock = threading.Lock()

    def take(self) -> int:
        """Take a token and return 0, or return the whole seconds, 1 or more, after which there is one again."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self._per_second)
            self._filled_at = now
            if self._tokens >= 1:
                self._tokens -= 1
                return 0
            return max(1, math.ceil((1 - self._tokens) / self._per_second))


@contextmanager
def serving(
    source: Source,
    *,
    port: int = 0,
    latency_ms: float = 0,
    rate_limit: float | None = None,
    generation: int = 2,
    api_key: str | None = None,
) -> Iterator[Serving]:
    """Serve a source on 127.0.0.1 while the block runs; port 0 is any free one. `OSError` if the port is taken.

    Every answer is delayed by `latency_ms` milliseconds. More than `rate_limit` requests a second are answered with
    429. `generation` and `api_key` are those of `Endpoints`.
    """
    limit = None if rate_limit is None else RateLimit(rate_limit)
    server = _Server(Endpoints(source, generation=generation, api_key=api_key), port, latency_ms / 1000, limit)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="demo server")
    thread.start()
    try:
        yield server.serving
    finally:
        server.shutdown()
        server.hang_up()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close waits for them: no thread outlives its server
    request_queue_size = 128

    def __init__(self, endpoints: Endpoints, port: int, latency_s: float, limit: RateLimit | None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.endpoints = endpoints
        self.latency_s = latency_s
        self.limit = limit
        self.closing = threading.Event()
        self.serving = Serving(f"http://127.0.0.1:{self.server_address[1]}")
        self._connections: set[socket.socket] = set()

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's looks the name of 127.0.0.1 up, which can be slow

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Close the connections that are still open: their threads wait for a next request."""
        self.closing.set()
        for connection in tuple(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # clients may disconnect at any time
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave as one packet

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):  # any method, known or not
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        self._skip_body()
        serving = self.server.serving
        request = Request(self.command, self.path, dict(self.headers.items()))
        serving.requests.append(request)
        fault = serving.faults.popleft() if serving.faults else None
        if fault is None and self.server.limit is not None and (wait_s := self.server.limit.take()):
            fault = _too_many(wait_s)
        if self.server.latency_s:
            self.server.closing.wait(self.server.latency_s)
        if fault is None:
            self._send(self.server.endpoints.answer(request.method, request.target, request.headers))
        elif fault.drop:
            self.close_connection = True
        elif fault.truncate and not fault.body:
            self._send(self.server.endpoints.answer(request.method, request.target, request.headers), truncate=True)
        else:
            self._send(Answer(fault.status, fault.headers, fault.body), truncate=fault.truncate)

    def _skip_body(self) -> None:
        """Read the request's body, or it would be taken for the next request."""
        try:
            if "Transfer-Encoding" not in self.headers:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                return
            while size := int(self.rfile.readline(100).partition(b";")[0], 16):
                self.rfile.read(size + 2)
            self.rfile.readline(100)
        except ValueError:
            self.close_connection = True

    def _send(self, answer: Answer, *, truncate: bool = False) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: len(answer.body) // 2] if truncate else answer.body)
        self.close_connection |= truncate

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name for it
        """Write nothing: the terminal may be showing the app."""


def _too_many(wait_s: int) -> Fault:
    body = json.dumps({"message": f"too many requests; try again in {wait_s} s"}).encode()
    return Fault(429, {"Content-Type": "application/json", "Retry-After": str(wait_s)}, body)
