import asyncio
import gzip
import json
import ssl
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count

import httpx
import pytest

from auditlog_tui import __version__
from auditlog_tui.api import client as client_module
from auditlog_tui.api import wire
from auditlog_tui.api.client import AuditLogClient
from auditlog_tui.api.retry import Wait
from auditlog_tui.entries.models import PORTION, Page
from auditlog_tui.entries.raw_json import Portions
from auditlog_tui.errors import (
    AnotherEntryError,
    ApiError,
    BadRequestError,
    KeyRefusedError,
    NotFoundError,
    NotPermittedError,
    NotTheApiError,
    RateLimitedError,
    ServerError,
    SettingsError,
    TimedOutError,
    UnreachableError,
)

KEY = "sk-0123456789"
ENTRY = {"id": "e1", "action": "vm.created", "created_at": "2025-01-01T00:00:00Z"}
PAGE = json.dumps({"items": [ENTRY], "pagination": {"next_cursor": "c2", "previous_cursor": None, "total_count": 7}})


@dataclass
class Reply:
    status: int = 200
    body: bytes = PAGE.encode()
    headers: Mapping[str, str] = field(default_factory=dict)


class Server:
    """Answers each request with the next reply, and then with the last one for ever; an exception is raised."""

    def __init__(self, *replies: Reply | Exception) -> None:
        self._replies = replies or (Reply(),)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self._replies[min(len(self.requests), len(self._replies)) - 1]
        if isinstance(reply, Exception):
            raise reply
        headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
        return httpx.Response(reply.status, headers=headers, content=_streamed(reply.body))


async def _streamed(body: bytes) -> AsyncIterator[bytes]:
    yield body[:10]
    yield body[10:]


class Sleeper:
    """Remembers the pauses instead of making them."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)


def client_of(
    server: Callable[[httpx.Request], httpx.Response],
    *,
    base_url: str = "https://api.test",
    key: str | None = KEY,
    headers: Mapping[str, str] | None = None,
    sleep: Sleeper | None = None,
    on_wait: Callable[[Wait | None], None] | None = None,
) -> AuditLogClient:
    return AuditLogClient(
        base_url=base_url,
        key=key,
        headers=headers,
        transport=httpx.MockTransport(server),
        on_wait=on_wait,
        sleep=sleep or Sleeper(),
        chance=lambda: 0.0,
    )


async def failure(client: AuditLogClient) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await client.list({}, limit=10)
    return caught.value


def everything_in(error: BaseException) -> str:
    """The text of an error and of all that it refers to, as a crash report could show it."""
    texts: list[str] = []
    seen: set[int] = set()
    rest: list[BaseException | None] = [error]
    while rest:
        one = rest.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        texts += [str(one), repr(one), repr(one.args), repr(getattr(one, "object", "")), repr(vars(one))]
        rest += [one.__cause__, one.__context__]
    return "\n".join([*texts, *traceback.format_exception(error)])


# -- what is sent --------------------------------------------------------------------------------------------------


async def test_the_headers_that_are_sent() -> None:
    server = Server()
    await client_of(server).list({}, limit=10)
    sent = server.requests[0].headers
    assert sent["User-Agent"] == f"auditlog-tui/{__version__}"
    assert sent["Authorization"] == f"Bearer {KEY}"
    assert sent["Accept"] == "application/json"
    assert sent["Accept-Encoding"] == "identity"
    assert "Cookie" not in sent


async def test_custom_headers_go_before_ours() -> None:
    server = Server()
    await client_of(server, headers={"user-agent": "mine", "AUTHORIZATION": "Basic eA==", "X-A": ""}).list(
        {}, limit=10
    )
    sent = server.requests[0].headers
    assert sent.get_list("User-Agent") == ["mine"]
    assert sent.get_list("Authorization") == ["Basic eA=="]
    assert sent["X-A"] == ""


async def test_without_a_key_no_authorization_is_sent() -> None:
    server = Server()
    await client_of(server, key=None).list({}, limit=10)
    assert "Authorization" not in server.requests[0].headers


async def test_parameters_limit_and_cursor_arrive_as_they_were_given() -> None:
    server = Server()
    params = {"created_at_min": "2025-01-01T00:00:00+02:00", "path": "/v1/a b&c=d#e%2f", "action": "é"}
    await client_of(server).list(params, limit=100, cursor="a+b/c==")
    request = server.requests[0]
    assert request.method == "GET"
    assert request.url.path == "/v1/audit_logs"
    assert dict(httpx.QueryParams(request.url.query.decode())) == {**params, "limit": "100", "cursor": "a+b/c=="}


async def test_a_cursor_that_no_url_can_hold_is_still_asked_for() -> None:
    server = Server()
    await client_of(server).list({}, limit=10, cursor="\ud800")
    assert server.requests[0].url.params["cursor"] == "?"


@pytest.mark.parametrize("base", ["https://api.test/audit", "https://api.test/audit/", "HTTPS://API.test/audit//"])
async def test_a_base_url_with_a_path(base: str) -> None:
    server = Server()
    await client_of(server, base_url=base).list({}, limit=10)
    assert server.requests[0].url.host == "api.test"
    assert server.requests[0].url.path == "/audit/v1/audit_logs"


@pytest.mark.parametrize(
    ("entry_id", "sent"),
    [
        ("e1", "e1"),
        ("a/b", "a%2Fb"),
        ("../../admin", "..%2F..%2Fadmin"),
        ("?", "%3F"),
        ("a?limit=1#x", "a%3Flimit%3D1%23x"),
        ("%2f", "%252f"),
        ("..%2f", "..%252f"),
        ("//evil.test", "%2F%2Fevil.test"),
        ("https://evil.test/", "https%3A%2F%2Fevil.test%2F"),
        ("...", "..."),
        ("é \n", "%C3%A9%20%0A"),
    ],
)
async def test_an_id_is_one_segment_of_the_path(entry_id: str, sent: str) -> None:
    server = Server(Reply(body=json.dumps({**ENTRY, "id": entry_id}).encode()))
    await client_of(server).get(entry_id)
    assert server.requests[0].url.raw_path == b"/v1/audit_logs/" + sent.encode()
    assert server.requests[0].url.host == "api.test"


@pytest.mark.parametrize("entry_id", ["", ".", "..", "\ud800", "a\udcffb"])
async def test_an_id_that_no_path_can_hold_is_never_sent(entry_id: str) -> None:
    server = Server()
    with pytest.raises(NotFoundError, match="no entry's ID") as caught:
        await client_of(server).get(entry_id)
    assert str(caught.value).isprintable()
    assert server.requests == []


async def test_what_is_too_long_for_a_url_is_an_error_of_the_tree() -> None:
    server = Server()
    with pytest.raises(BadRequestError, match="too long"):
        await client_of(server).list({}, limit=10, cursor="c" * 70_000)
    assert server.requests == []


# -- what can't be sent --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}\r\nX-Evil: 1", f"{KEY} ", f"é{KEY}", f"{KEY}\x00", ""])
def test_a_key_that_http_forbids_shows_in_no_error(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        AuditLogClient(base_url="https://api.test", key=key)
    assert KEY not in everything_in(caught.value)


def test_a_header_that_http_forbids_shows_in_no_error() -> None:
    value = "very-secret"
    with pytest.raises(SettingsError, match="X-Token") as caught:
        AuditLogClient(base_url="https://api.test", key=KEY, headers={"X-Token": value + "\n"})
    assert value not in everything_in(caught.value)


@pytest.mark.parametrize("url", ["api.test", "", "http://[::1", "https://api.test/?a=b", "https://api.test:port"])
def test_a_base_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(SettingsError, match="base URL"):
        AuditLogClient(base_url=url, key=KEY)


def test_the_password_of_a_base_url_is_not_repeated() -> None:
    with pytest.raises(SettingsError, match="user name") as caught:
        AuditLogClient(base_url="https://me:very-secret@api.test", key=KEY)
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "nonsense://127.0.0.1:1"])
def test_a_proxy_that_can_not_be_used_is_explained(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(SettingsError, match="proxy that the environment names"):
        AuditLogClient(base_url="http://api.test", key=KEY, trust_env=True)


def test_a_bad_proxy_of_the_environment_is_nothing_to_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://127.0.0.1:1")
    assert AuditLogClient(base_url="http://api.test", key=KEY).requests == 0


async def test_what_a_library_says_of_a_bad_header_is_left_behind() -> None:
    server = Server(httpx.LocalProtocolError(f"Illegal header value b'Bearer {KEY}'"))
    error = await failure(client_of(server))
    assert isinstance(error, BadRequestError)
    assert "headers" in str(error)
    assert KEY not in everything_in(error)
    assert len(server.requests) == 1


# -- answers -------------------------------------------------------------------------------------------------------


async def test_a_page() -> None:
    client = client_of(Server(Reply(headers={"Date": "Wed, 01 Jan 2025 00:00:00 GMT"})))
    page = await client.list({}, limit=10)
    assert [entry.key for entry in page.entries] == ["e1"]
    assert (page.next_cursor, page.previous_cursor, page.total_count) == ("c2", None, 7)
    assert page.served_at == datetime(2025, 1, 1, tzinfo=UTC)
    assert client.requests == 1


async def test_an_entry() -> None:
    entry = await client_of(Server(Reply(body=json.dumps(ENTRY).encode()))).get("e1")
    assert entry.key == "e1"
    assert entry.raw == json.dumps(ENTRY)


class WholeAnswers:
    def __call__(self, request: httpx.Request) -> httpx.Response:
        packed = gzip.compress(PAGE.encode())
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=packed)


async def test_a_transport_may_answer_with_a_body_that_it_has_read() -> None:
    assert (await client_of(WholeAnswers()).list({}, limit=10)).total_count == 7


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
async def test_a_page_in_another_unicode_encoding(encoding: str) -> None:
    page = await client_of(Server(Reply(body=PAGE.encode(encoding)))).list({}, limit=10)
    assert page.entries[0].key == "e1"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!doctype html><title>Sign in</title>", "An HTML page answered"),
        (b"OK", "Something other than a JSON object answered"),
        (b'{"tenants": "none"}', "no list of entries"),
        (b'{"items": 5}', "no list of entries"),
        (b'{"a": ' + b"[" * 100_000, "not complete JSON"),
    ],
    ids=["html", "text", "other", "no-list", "nested"],
)
async def test_an_answer_that_is_not_the_apis_is_asked_for_once(body: bytes, words: str) -> None:
    server = Server(Reply(body=body))
    error = await failure(client_of(server))
    assert isinstance(error, NotTheApiError)
    assert words in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"{" + b"[" * 100_000, b'{"items": ' + b"[" * 100_000], ids=["name", "items"])
async def test_brackets_without_end_are_an_error_of_the_tree(body: bytes) -> None:
    assert isinstance(await failure(client_of(Server(Reply(body=body)))), NotTheApiError)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        PAGE.encode()[:-1],
        b'{"items": [{"id": "e1"}',
        PAGE.encode("utf-16")[:-3],
        PAGE.encode("utf-8-sig")[:30],
        '{"items": [], "name": "é'.encode()[:-1],
    ],
)
async def test_an_answer_that_is_cut_short_is_asked_for_again(body: bytes) -> None:
    sleep, server = Sleeper(), Server(Reply(body=body), Reply())
    page = await client_of(server, sleep=sleep).list({}, limit=10)
    assert page.total_count == 7
    assert sleep.pauses == [0.5]

    server = Server(Reply(body=body))
    error = await failure(client_of(server))
    assert isinstance(error, NotTheApiError)
    assert len(server.requests) == 3


@pytest.mark.parametrize("body", [b"{}", b'{"welcome": "here"}', PAGE.encode(), b'{"id": 5, "action": null}'])
async def test_what_is_no_entry_is_told(body: bytes) -> None:
    server = Server(Reply(body=body))
    with pytest.raises(NotTheApiError, match="no audit log entry"):
        await client_of(server).get("e1")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "down for maintenance"}}',
        b'{"message": "down for maintenance"}',
        b'{"items": null, "errors": [{"detail": "down for maintenance"}]}',
        b'{"error": "down for maintenance sk-1234567890"}',
    ],
)
async def test_an_error_of_the_servers_own_in_a_200_is_told_in_its_words(body: bytes) -> None:
    for ask in ("list", "get"):
        server = Server(Reply(body=body))
        client = client_of(server, key="sk-1234567890")
        with pytest.raises(ServerError, match="down for maintenance") as caught:
            await (client.list({}, limit=10) if ask == "list" else client.get("e1"))
        assert "api.test answered with an error of its own (200)" in str(caught.value)
        assert "1234567890" not in str(caught.value)
        assert len(server.requests) == 1


async def test_an_entry_that_is_cut_short_is_asked_for_again() -> None:
    server = Server(Reply(body=b'{"id": "e1", "act'), Reply(body=json.dumps(ENTRY).encode()))
    assert (await client_of(server).get("e1")).log.action == "vm.created"
    assert len(server.requests) == 2


async def test_an_entry_is_read_whatever_is_wrong_with_its_fields() -> None:
    entry = await client_of(Server(Reply(body=b'{"id": "e1", "actor": 5, "status_code": "200"}'))).get("e1")
    assert entry.log.id == "e1"
    assert set(entry.unreadable) == {"actor", "status_code"}


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "requests"),
    [
        (204, NotTheApiError, 1),
        (302, NotTheApiError, 1),
        (304, NotTheApiError, 1),
        (400, BadRequestError, 1),
        (401, KeyRefusedError, 1),
        (403, NotPermittedError, 1),
        (404, NotFoundError, 1),
        (408, BadRequestError, 3),
        (409, BadRequestError, 3),
        (422, BadRequestError, 1),
        (429, RateLimitedError, 3),
        (500, ServerError, 3),
        (503, ServerError, 3),
    ],
)
async def test_each_status_has_its_error_and_its_retries(status: int, kind: type[ApiError], requests: int) -> None:
    server = Server(Reply(status, b""))
    client = client_of(server)
    error = await failure(client)
    assert type(error) is kind
    assert error.status == status
    assert str(status) in str(error)
    assert len(server.requests) == client.requests == requests


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
async def test_the_servers_words_are_shown_and_can_do_nothing(status: int) -> None:
    error = await failure(client_of(Server(Reply(status, b'{"message": "no \\u001b]0;x\\u0007 way"}'))))
    assert "no ␛]0;x␇ way" in str(error)
    assert str(error).isprintable()


async def test_a_key_that_the_server_repeats_is_not_shown() -> None:
    token = "other-secret"
    body = f"Bearer {KEY} with {token} is not known".encode()
    error = await failure(client_of(Server(Reply(401, body)), headers={"X-Token": token}))
    assert 'It says: "Bearer [secret] with [secret] is not known"' in str(error)
    assert KEY not in everything_in(error)


@pytest.mark.parametrize("encoding", ["br", "gzip"])
async def test_a_body_that_can_not_be_unpacked_does_not_hide_the_error(encoding: str) -> None:
    error = await failure(client_of(Server(Reply(401, b"junk", {"Content-Encoding": encoding}))))
    assert isinstance(error, KeyRefusedError)


async def test_a_large_error_page_is_still_tried_again() -> None:
    server = Server(Reply(503, b"x" * 200_000), Reply())
    assert (await client_of(server).list({}, limit=10)).total_count == 7


async def test_a_redirect_is_not_followed_and_says_where_to() -> None:
    server = Server(Reply(307, b"", {"Location": "https://elsewhere.test/\u202ex"}))
    error = await failure(client_of(server))
    assert isinstance(error, NotTheApiError)
    assert "pointing to https://elsewhere.test/⟨U+202E⟩x," in str(error)
    assert [request.url.host for request in server.requests] == ["api.test"]


async def test_a_redirect_to_what_is_no_url_is_not_followed_either() -> None:
    server = Server(Reply(307, b"", {"Location": "https://elsewhere.test/\x1b[2J"}))
    error = await failure(client_of(server))
    assert str(error).isprintable()
    assert {request.url.host for request in server.requests} == {"api.test"}


@pytest.mark.parametrize(
    ("lost", "pauses"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), [0.5, 1.0]),
        (httpx.ProxyError("407 Proxy Authentication Required"), [0.5, 1.0]),
        (httpx.ConnectTimeout(""), [0.5, 1.0]),
        (httpx.ReadError(""), [1.0]),
        (httpx.WriteError(""), [1.0]),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), [1.0]),
    ],
)
async def test_a_connection_that_fails_is_unreachable_with_a_hint(lost: httpx.HTTPError, pauses: list[float]) -> None:
    sleep, server = Sleeper(), Server(lost)
    error = await failure(client_of(server, sleep=sleep))
    assert isinstance(error, UnreachableError)
    assert error.status is None
    assert error.__cause__ is lost
    assert str(lost) in str(error)
    assert "api.test" in str(error)
    assert "Is the network up" in str(error) or "was complete" in str(error) or "failed (" in str(error)
    assert len(server.requests) == 3
    assert sleep.pauses == pauses


async def test_no_connection_in_time_says_how_long_that_was() -> None:
    error = await failure(client_of(Server(httpx.ConnectTimeout(""))))
    assert "no connection within 15 s" in str(error)


async def test_a_certificate_that_is_not_trusted_is_named() -> None:
    reason = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"
    error = await failure(client_of(Server(httpx.ConnectError(reason))))
    assert isinstance(error, UnreachableError)
    assert "api.test shows a certificate that this system does not trust" in str(error)
    assert "self-signed" in str(error)


@pytest.mark.parametrize("late", [httpx.ReadTimeout(""), httpx.WriteTimeout(""), httpx.PoolTimeout("")])
async def test_no_answer_in_time(late: httpx.TimeoutException) -> None:
    server = Server(late)
    error = await failure(client_of(server))
    assert isinstance(error, TimedOutError)
    assert str(error) == "api.test did not answer within 60 s."
    assert len(server.requests) == 3


async def test_an_error_after_retries_refers_to_its_cause_and_to_nothing_round_and_round() -> None:
    error = await failure(client_of(Server(Reply(body=b"{"))))
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and len(chain) < 10:
        chain.append(following)
        following = following.__cause__
    assert [type(one).__name__ for one in chain] == ["NotTheApiError", "ValueError"]
    assert "_AgainError" not in everything_in(error)


@pytest.mark.parametrize(
    "reply", [Reply(500), Reply(401), Reply(body=b"{"), httpx.ReadError(""), httpx.ConnectError("x"), Reply(302)]
)
async def test_no_error_holds_the_key(reply: Reply | Exception) -> None:
    error = await failure(client_of(Server(reply), headers={"X-Token": "other-secret"}))
    assert KEY not in everything_in(error)
    assert "other-secret" not in everything_in(error)


# -- waiting -------------------------------------------------------------------------------------------------------


async def test_waits_grow_and_an_answer_ends_them() -> None:
    sleep, server = Sleeper(), Server(Reply(500), Reply(500), Reply())
    page = await client_of(server, sleep=sleep).list({}, limit=10)
    assert page.total_count == 7
    assert sleep.pauses == [0.5, 1.0]


async def test_chance_shortens_a_wait() -> None:
    sleep = Sleeper()
    client = AuditLogClient(
        base_url="https://api.test",
        key=KEY,
        transport=httpx.MockTransport(Server(Reply(500))),
        sleep=sleep,
        chance=lambda: 1.0,
    )
    await failure(client)
    assert sleep.pauses == [0.375, 0.75]


@pytest.mark.parametrize(
    ("headers", "pauses"),
    [
        ({"Retry-After-Ms": "1500"}, [1.5, 1.5]),
        ({"Retry-After-Ms": "250", "Retry-After": "9"}, [0.25, 0.25]),
        ({"Retry-After": "7"}, [7, 7]),
        ({"Retry-After": "0.5"}, [0.5, 0.5]),
        ({"Retry-After": "60"}, [60, 60]),
        ({"Retry-After": "0"}, []),
        ({"Retry-After": "-5"}, [0.5, 1.0]),
        ({"Retry-After": "soon"}, [0.5, 1.0]),
        ({"Date": "Wed, 01 Jan 2025 12:00:00 GMT", "Retry-After": "Wed, 01 Jan 2025 12:00:30 GMT"}, [30, 30]),
        ({"Date": "Wed, 01 Jan 2025 12:00:00 GMT", "Retry-After": "Wed, 01 Jan 2025 11:00:00 GMT"}, []),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_the_wait_is_the_one_that_the_server_asks_for(
    status: int, headers: dict[str, str], pauses: list[float]
) -> None:
    sleep, server = Sleeper(), Server(Reply(status, b"", headers))
    await failure(client_of(server, sleep=sleep))
    assert sleep.pauses == pauses
    assert len(server.requests) == 3


async def test_without_the_servers_clock_a_date_is_taken_by_ours() -> None:
    sleep = Sleeper()
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=45), usegmt=True)
    await failure(client_of(Server(Reply(429, b"", {"Retry-After": date})), sleep=sleep))
    assert 0 < sleep.pauses[0] <= 45


@pytest.mark.parametrize("status", [429, 503])
async def test_a_wait_of_a_day_is_an_error_that_says_when_to_try_again(status: int) -> None:
    sleep, server = Sleeper(), Server(Reply(status, b"", {"Retry-After": "86400"}))
    error = await failure(client_of(server, sleep=sleep))
    assert isinstance(error, RateLimitedError)
    assert error.status == status
    assert error.retry_at is not None
    assert abs(error.retry_at - datetime.now(UTC) - timedelta(days=1)) < timedelta(minutes=1)
    assert f"{error.retry_at:%Y-%m-%d %H:%M:%S} UTC" in str(error)
    assert len(server.requests) == 1
    assert sleep.pauses == []


async def test_after_the_last_attempt_the_error_knows_when_the_server_is_willing_again() -> None:
    error = await failure(client_of(Server(Reply(429, b"", {"Retry-After": "30"}))))
    assert isinstance(error, RateLimitedError)
    assert error.retry_at is not None
    assert timedelta(0) < error.retry_at - datetime.now(UTC) <= timedelta(seconds=30)


async def test_the_server_may_forbid_a_retry() -> None:
    server = Server(Reply(503, b"", {"X-Should-Retry": "false"}))
    await failure(client_of(server))
    assert len(server.requests) == 1


async def test_the_server_may_ask_for_a_retry() -> None:
    server = Server(Reply(400, b"", {"X-Should-Retry": "true", "Retry-After-Ms": "10"}), Reply())
    assert (await client_of(server).list({}, limit=10)).total_count == 7


async def test_waits_are_told_and_their_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.api.client.time.monotonic", lambda: 1000.0)
    told: list[Wait | None] = []
    await failure(client_of(Server(Reply(500, b"")), on_wait=told.append))
    reason = "api.test failed (500)."
    assert told == [Wait(reason, 2, 3, 1000.5, 1000.0), None, Wait(reason, 3, 3, 1001.0, 1000.0), None]


async def test_the_first_lost_connection_is_tried_again_without_a_word() -> None:
    told: list[Wait | None] = []
    server = Server(httpx.RemoteProtocolError("Server disconnected"), Reply())
    assert (await client_of(server, on_wait=told.append).list({}, limit=10)).total_count == 7
    assert told == []


class Held:
    """Comes to a point and stays there."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.calls = 0

    async def __call__(self, _: object) -> httpx.Response:
        self.calls += 1
        self.reached.set()
        await asyncio.Event().wait()
        raise AssertionError("nothing waits for ever")


async def test_cancelling_ends_a_wait_and_tells_so() -> None:
    held, told = Held(), list[Wait | None]()
    server = Server(Reply(500))
    client = AuditLogClient(
        base_url="https://api.test",
        key=KEY,
        transport=httpx.MockTransport(server),
        on_wait=told.append,
        sleep=held,  # type: ignore[arg-type]  # it never returns
    )
    asking = asyncio.create_task(client.list({}, limit=10))
    await held.reached.wait()
    assert [one is None for one in told] == [False]
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert [one is None for one in told] == [False, True]
    assert len(server.requests) == 1


async def test_cancelling_ends_a_request_which_is_not_made_again() -> None:
    held = Held()
    client = AuditLogClient(base_url="https://api.test", key=KEY, transport=httpx.MockTransport(held))
    asking = asyncio.create_task(client.list({}, limit=10))
    await held.reached.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert held.calls == client.requests == 1


async def test_a_time_limit_of_the_caller_is_the_callers() -> None:
    held = Held()
    client = AuditLogClient(base_url="https://api.test", key=KEY, transport=httpx.MockTransport(held))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await client.list({}, limit=10)
    assert held.calls == 1


async def test_the_deadline_is_for_each_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.api.client.DEADLINE", 0.01)
    held, sleep = Held(), Sleeper()
    client = AuditLogClient(
        base_url="https://api.test",
        key=KEY,
        transport=httpx.MockTransport(held),
        sleep=sleep,
        chance=lambda: 0.0,
    )
    assert isinstance(await failure(client), TimedOutError)
    assert held.calls == 3
    assert sleep.pauses == [0.5, 1.0]


# -- the server's clock --------------------------------------------------------------------------------------------


def at(offset: timedelta) -> Reply:
    return Reply(headers={"Date": format_datetime(datetime.now(UTC) + offset, usegmt=True)})


async def test_no_clock_is_known_before_an_answer_or_without_a_date() -> None:
    client = client_of(Server())
    assert client.clock_offset_us is None
    await client.list({}, limit=10)
    assert client.clock_offset_us is None


async def test_a_clock_that_agrees_has_no_offset() -> None:
    client = client_of(Server(at(timedelta(seconds=1))))  # which is cut to whole seconds
    await client.list({}, limit=10)
    assert client.clock_offset_us == 0


@pytest.mark.parametrize("hours", [-25, 3])
async def test_a_clock_that_differs(hours: int) -> None:
    client = client_of(Server(at(timedelta(hours=hours))))
    await client.list({}, limit=10)
    assert client.clock_offset_us == pytest.approx(hours * 3_600_000_000, abs=30_000_000)


async def test_an_errors_date_tells_the_clock_too() -> None:
    client = client_of(Server(Reply(401, b"", at(timedelta(hours=1)).headers)))
    await failure(client)
    assert client.clock_offset_us is not None
    assert client.clock_offset_us > 3_000_000_000


async def test_a_clock_that_is_set_is_noticed_and_its_seconds_do_not_flicker() -> None:
    now = datetime.now(UTC)
    dates = [format_datetime(now + timedelta(seconds=seconds), usegmt=True) for seconds in (100, 101, 200)]
    replies = [Reply(headers={"Date": date}) for date in dates]
    client = client_of(Server(*replies))
    seen = []
    for _ in replies:
        await client.list({}, limit=10)
        seen.append(client.clock_offset_us)
    assert seen[0] == seen[1]
    assert seen[2] == pytest.approx(200_000_000, abs=30_000_000)


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 31 Dec 9999 23:59:59 -0500"])
async def test_a_date_that_is_none_costs_nothing(date: str) -> None:
    client = client_of(Server(Reply(headers={"Date": date})))
    assert (await client.list({}, limit=10)).served_at is None
    assert client.clock_offset_us is None


# -- the connection ------------------------------------------------------------------------------------------------


async def test_over_https_the_systems_certificates_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    import truststore

    made: list[ssl.SSLContext] = []

    class Context(truststore.SSLContext):
        def __init__(self, protocol: int) -> None:
            super().__init__(protocol)
            made.append(self)

    monkeypatch.setattr(truststore, "SSLContext", Context)
    client = AuditLogClient(base_url="HTTPS://api.test", key=KEY)
    await client.aclose()
    assert len(made) == 1


async def test_a_closed_client_asks_nothing() -> None:
    server = Server()
    client = client_of(server)
    await client.aclose()
    with pytest.raises(RuntimeError):
        await client.list({}, limit=10)
    assert server.requests == []


async def test_an_entry_that_was_not_asked_for_is_no_answer() -> None:
    def server(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"id": request.url.path.rsplit("/", 1)[1].upper(), "action": "vm.read"})

    assert (await client_of(server).get("id-1")).log.action == "vm.read"
    other = client_of(lambda request: httpx.Response(200, json={"id": "id-7", "action": "vm.read"}))
    with pytest.raises(AnotherEntryError, match="asked for entry id-1 and answered with entry id-7") as caught:
        await other.get("id-1")
    assert caught.value.got == "id-7"


async def test_answers_that_arrive_together_are_read_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    portions: list[int] = []
    answers = count()

    def read(text: str, served: datetime | None) -> Portions[Page]:
        answer = next(answers)
        for _ in range(3):
            portions.append(answer)
            yield
        return Page(())

    monkeypatch.setattr(client_module, "page_in_portions", read)
    client = client_of(Server())
    await asyncio.gather(*(client.list({}, limit=10) for _ in range(4)))
    assert portions == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


async def test_reading_an_answer_gives_way_to_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [{**ENTRY, "id": f"e{n}", "new": 1} for n in range(100)]  # read in portions, with a field we don't know
    body = json.dumps({"items": entries, "pagination": {"next_cursor": None}}).encode()
    gaps = 0

    async def give_way() -> None:
        nonlocal gaps
        gaps += 1

    for module in (client_module, wire):
        monkeypatch.setattr(module, "give_way", give_way)
    page = await client_of(Server(Reply(body=body))).list({}, limit=100)
    assert (len(page.entries), gaps) == (100, 1 + 100 // PORTION + 1)
