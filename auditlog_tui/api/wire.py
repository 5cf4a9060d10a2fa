"""Sends requests with httpx. The client imports this module with the first request that it sends: httpx is slow to
import, and an early request may have brought the first answer without it.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import cast

import httpx

from auditlog_tui.api.http import Answer, broken, joined, read_body, read_error_body, unreachable
from auditlog_tui.api.request import CONNECT, DEADLINE, tls_context
from auditlog_tui.api.retry import AgainError
from auditlog_tui.errors import BadRequestError, SettingsError, UnreachableError
from auditlog_tui.runtime import give_way
from auditlog_tui.settings.proxy import Proxy
from auditlog_tui.text.safe import safe

_SHORT = 32 * 1024
"""Characters of a target that is sent as it is. Longer ones are parsed by httpx, which refuses too long a URL."""

_NO_BODY = httpx.ByteStream(b"")
_EXTENSIONS: dict[str, object] = {"timeout": httpx.Timeout(DEADLINE, connect=CONNECT).as_dict()}


class Wire:
    """Sends GET requests over a transport of httpx.

    httpx's client is left out: it would only add redirects, cookies and the environment's proxies, which are all
    refused here, and it takes a sixth of a request's CPU time. `host` is the server's name in messages.
    """

    def __init__(
        self,
        base_url: str,
        host: str,
        headers: Mapping[str, str],
        transport: httpx.AsyncBaseTransport | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        """`headers` are all those of a request. Raises `SettingsError` for a proxy that can't be used."""
        self._base = base_url
        self._host = host
        self._headers = httpx.Headers(headers)
        self._proxy = proxy
        self._shared = transport
        self._opened = list[httpx.AsyncBaseTransport]()
        self._free = [self._open()]

    @staticmethod
    def import_rest() -> None:
        """Import what httpx imports with its first request, which would delay keys; call it in a thread."""
        import anyio

        anyio.run(anyio.sleep, 0)

    async def aclose(self) -> None:
        """Close the connections."""
        for transport in self._opened:
            await transport.aclose()

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return tls_context()

    @cached_property
    def _parsed(self) -> tuple[httpx.URL, bytes]:
        """The base URL, and its path as httpx writes it. Raises `httpx.InvalidURL`."""
        return httpx.URL(self._base), httpx.URL(f"{self._base}/path").raw_path.removesuffix(b"/path")

    def _open(self) -> httpx.AsyncBaseTransport:
        self._opened.append(self._shared or _transport(self._context, self._proxy))
        return self._opened[-1]

    @contextmanager
    def _lent(self) -> Iterator[httpx.AsyncBaseTransport]:
        """A transport of which no other request makes use meanwhile: each has one connection.

        A pool of several looks at all of them twice a request, which takes a third of a request's CPU time.
        """
        transport = self._free.pop() if self._free else self._open()
        try:
            yield transport
        finally:
            self._free.append(transport)

    async def send(self, target: str, heard: Callable[[Mapping[str, str], datetime], None]) -> Answer:
        """The answer to one attempt; `heard` is called with its headers and the time (UTC) when they came.

        Raises `AgainError`, `TimeoutError`, `BadRequestError` for what can't be sent, and `NotTheApiError`.
        """
        try:
            return await self._exchange(target, heard)
        except httpx.ConnectTimeout as error:
            reason = f"no connection within {CONNECT:.0f} s"
            raise AgainError(UnreachableError(unreachable(self._host, reason))) from error
        except httpx.TimeoutException as error:
            raise TimeoutError from error
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
            lost = UnreachableError(broken(self._host, str(error)))
            raise AgainError(lost, broke=True) from error
        except httpx.InvalidURL as error:
            raise BadRequestError("What was asked is too long for a request.") from error
        except httpx.LocalProtocolError:
            pass  # its text can hold the key, so the error raised below must not refer to it
        except httpx.HTTPError as error:
            raise AgainError(UnreachableError(unreachable(self._host, str(error)))) from error
        raise BadRequestError("HTTP does not allow what was to be sent. Is one of the custom headers wrong?")

    async def _exchange(self, target: str, heard: Callable[[Mapping[str, str], datetime], None]) -> Answer:
        with self._lent() as transport:
            return await _exchanged(transport, self._request(target), heard)

    def _request(self, target: str) -> httpx.Request:
        """The request for a target. Raises `httpx.InvalidURL` if that is too long."""
        url: httpx.URL | str = self._base + target
        extensions: dict[str, object] = _EXTENSIONS
        if self._shared is None and self._proxy is None and len(target) < _SHORT:
            # Parsing takes a twentieth of a request's time, and a target has only characters that stay as they are.
            url, path = self._parsed
            extensions = {**_EXTENSIONS, "target": path + target.encode("ascii")}
        return httpx.Request("GET", url, headers=self._headers, stream=_NO_BODY, extensions=extensions)


async def _exchanged(
    transport: httpx.AsyncBaseTransport,
    request: httpx.Request,
    heard: Callable[[Mapping[str, str], datetime], None],
) -> Answer:
    response = await transport.handle_async_request(request)
    try:
        headers = joined(response.headers.raw)
        heard(headers, datetime.now(UTC))
        await give_way()
        chunks, encoding = cast("AsyncIterable[bytes]", response.stream), headers.get("content-encoding", "")
        if response.status_code == 200:
            body = await read_body(chunks, encoding)
        else:
            body = await read_error_body(chunks, encoding, httpx.HTTPError)
        return Answer(response.status_code, headers, body)
    finally:
        await response.aclose()


def _transport(context: ssl.SSLContext, proxy: Proxy | None) -> httpx.AsyncHTTPTransport:
    try:
        return httpx.AsyncHTTPTransport(
            verify=context, trust_env=False, proxy=None if proxy is None else _proxy(proxy, context)
        )
    except ImportError as error:
        raise SettingsError(_unusable(proxy, safe(str(error), 200))) from error
    except (ValueError, httpx.InvalidURL):  # their text may hold the password
        raise SettingsError(_unusable(proxy, "write it like http://host:port")) from None


def _unusable(proxy: Proxy | None, reason: str) -> str:
    name = "" if proxy is None else f" ({proxy.name})"
    return f"The proxy that the environment names{name} can't be used: {reason}"


def _proxy(proxy: Proxy, context: ssl.SSLContext) -> httpx.Proxy:
    return httpx.Proxy(proxy.url, ssl_context=context if proxy.url.lower().startswith("https:") else None)
