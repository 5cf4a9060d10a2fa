"""The first request, sent by a thread while the program still imports the libraries of its screen and its client.

`api.handover` gives the answer to the client. A request that fails here is forgotten: the client sends it again, and
tells what is wrong.
"""

from __future__ import annotations

import atexit
import re
import select
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from auditlog_tui.api.request import BODY_LIMIT, CONNECT, DEADLINE, ERROR_LIMIT, PORTS, all_headers, tls_context
from auditlog_tui.errors import SettingsError
from auditlog_tui.settings.connection import Secret, check_base_url, check_encrypted

if TYPE_CHECKING:
    from http.client import HTTPResponse

NEXT_ADDRESS = 0.25
"""Seconds to connect to an address of a host that has another one."""

_CHUNK = 64 * 1024
_AS_WRITTEN = r"([/A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*"
_HEAD_LIMIT = 100 * 1024  # httpcore's
_WITHOUT_BODY = (204, 304)


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """A GET as it goes over the wire; `headers` hold the key."""

    scheme: str
    host: str
    port: int
    path: str
    headers: tuple[tuple[str, str], ...]

    @property
    def head(self) -> bytes:
        """The bytes to send."""
        lines = [f"GET {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join([*lines, "", ""]).encode("ascii")


@dataclass(frozen=True, slots=True, repr=False)
class EarlyAnswer:
    """A complete answer, or the start of one that is too large. `received_at` (UTC) is when its headers came."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: tuple[bytes, ...]
    received_at: datetime


def first_request(base_url: str, key: Secret | None, extra: Mapping[str, str], target: str) -> Request:
    """The request as the client would send it. Raises `SettingsError`, which shows neither key nor headers."""
    base_url = check_base_url(base_url)
    check_encrypted(base_url)
    path = urlsplit(base_url).path
    if not re.fullmatch(_AS_WRITTEN, path) or {".", ".."} & set(path.split("/")):
        raise SettingsError("The client may write the path of this base URL in another way.")
    return request_to(base_url, all_headers(base_url, None if key is None else key.reveal(), extra), target)


def request_to(base_url: str, headers: tuple[tuple[str, str], ...], target: str) -> Request:
    """The request to a base URL that was checked, with these headers."""
    parts = urlsplit(base_url + target)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return Request(parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme], path, headers)


class EarlyRequest:
    """A request under way in a daemon thread, which never fails and never delays the end of the program.

    `request` is forgotten by `abandon`. `sent` and `done` are set in this order; `answer` is `None` if there is none.
    """

    def __init__(self, request: Request) -> None:
        self.request: Request | None = request
        self.answer: EarlyAnswer | None = None
        self.sent = False
        self.done = False
        self._told: Callable[[], None] | None = None
        self._lock = threading.Lock()
        # Held while the thread imports, and for good once the program ends: a daemon thread is killed then, and with
        # it everybody waits for the lock of its import.
        self._importing = threading.Lock()
        atexit.register(self._importing.acquire)
        self._socket: socket.socket | None = None
        threading.Thread(target=self._run, args=(request,), name="early-request", daemon=True).start()

    def listen(self, told: Callable[[], None]) -> None:
        """Call `told`, in the thread, whenever `sent` or `done` is set from now on."""
        self._told = told

    def abandon(self) -> None:
        """Forget the request and its answer, and end the thread."""
        with self._lock:
            self.request, self.answer, self._told, self.done = None, None, None, True
            if self._socket is not None:
                with suppress(OSError):
                    # Not the TLS socket's own, which the thread may be reading from.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _run(self, request: Request) -> None:
        answer = None
        with suppress(BaseException):  # whatever it is, the client will meet it too
            try:
                answer = self._ask(request)
            finally:
                self._close()
        with suppress(BaseException):  # the event loop may be closed
            self._finish(answer)

    def _finish(self, answer: EarlyAnswer | None) -> None:
        with self._lock:
            if self.request is not None:
                self.answer = answer
            self.done = True
        self._tell()

    def _tell(self) -> None:
        if (told := self._told) is not None:
            told()

    def _close(self) -> None:
        with self._lock:
            if self._socket is not None:
                self._socket.close()
            self._socket = None

    def _hold(self, connection: socket.socket) -> socket.socket:
        """Keep the connection, for `abandon`. Raises `ConnectionAbortedError` if that was called already."""
        with self._lock:
            self._socket = connection
            if self.request is None:
                raise ConnectionAbortedError
        return connection

    def _ask(self, request: Request) -> EarlyAnswer:
        with self._importing:
            import encodings.idna  # noqa: F401  # by `getaddrinfo`

            context = tls_context() if request.scheme == "https" else None
        connection = self._hold(_connected(request.host, request.port))
        connection.settimeout(CONNECT)
        if context is not None:
            context.set_alpn_protocols(["http/1.1"])
            connection = self._hold(context.wrap_socket(connection, server_hostname=request.host))
        connection.settimeout(DEADLINE)
        connection.sendall(request.head)
        self.sent = True
        self._tell()
        select.select([connection], [], [], DEADLINE)
        self._hold(connection)
        with self._importing:
            # Not before: the import takes as long as a tenth of the first frame, and nothing needs it until now.
            from http.client import HTTPResponse

        with HTTPResponse(connection, method="GET") as response:
            response.begin()
            return _read(response)


def _connected(host: str, port: int) -> socket.socket:
    """A connection to the first of the host's addresses that accepts one. Raises `OSError`."""
    addresses = [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in addresses[:-1]:
        with suppress(OSError):
            return socket.create_connection((address, port), NEXT_ADDRESS)
    return socket.create_connection((addresses[-1], port), CONNECT)


# -- the answer ----------------------------------------------------------------------------------------------------


class UnclearError(Exception):
    """The answer is not complete, or HTTP libraries may read it differently: the client's own decides."""


def _read(response: HTTPResponse) -> EarlyAnswer:
    """The complete answer. Raises `UnclearError`, `OSError` and `HTTPException`."""
    received_at = datetime.now(UTC)
    headers = tuple(response.getheaders())
    _check_head(response, headers)
    length = _length(headers)
    limit = BODY_LIMIT if response.status == 200 else ERROR_LIMIT
    body: list[bytes] = []
    size = 0
    while size <= limit and (part := response.read1(_CHUNK)):
        body.append(part)
        size += len(part)
    if size <= limit and length not in (None, size) and response.status not in _WITHOUT_BODY:
        raise UnclearError
    return EarlyAnswer(response.status, headers, tuple(body), received_at)


def _check_head(response: HTTPResponse, headers: tuple[tuple[str, str], ...]) -> None:
    text = "".join(name + value for name, value in headers)
    if response.status < 200 or response.msg.defects or len(text) > _HEAD_LIMIT:
        raise UnclearError
    if any(control in text for control in "\r\n\0"):
        raise UnclearError


def _length(headers: tuple[tuple[str, str], ...]) -> int | None:
    """The declared length of the body in bytes; `None` without one."""
    lengths = {value for name, value in headers if name.lower() == "content-length"}
    codings = [value.lower() for name, value in headers if name.lower() == "transfer-encoding"]
    plain = all(value.isascii() and value.isdigit() for value in lengths)
    if len(lengths) > 1 or not plain or codings not in ([], ["chunked"]) or (lengths and codings):
        raise UnclearError
    return next(map(int, lengths), None)
