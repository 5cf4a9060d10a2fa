import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from auditlog_tui.offline.requests import Cursor, read_request
from auditlog_tui.offline.source import ARRIVAL, Filter, Found, Located, Order, Place
from auditlog_tui.offline.sqlite_source import FlatEntry, SqliteSource
from auditlog_tui.offline.transport import Answer, Endpoints, OfflineTransport
from auditlog_tui.text.times import rfc3339
from tests.opened import lasting

Json = Any
NOW = datetime(2026, 8, 20, 12, 0, 0, tzinfo=UTC)
START_US = 1_787_000_000_000_000


def an_entry(number: int, **fields: Any) -> FlatEntry:
    plain = FlatEntry(
        f"id-{number:04}", START_US + number * 1_000_000, "vm.read", "actor-1", "Alice", "user", "192.0.2.1", "GET",
        "/v1/compute/vms", 200, "curl/8", "vm-1", "vm",
    )  # fmt: skip
    return plain._replace(**fields)


def mixed_entries(count: int = 400) -> list[FlatEntry]:
    """Few distinct values, so that every filter has several pages, and instants shared by many."""
    rng = Random(5)
    return [
        an_entry(
            number,
            created_us=START_US + rng.randrange(40) * 1_000_000,
            action=rng.choice(("vm.read", "vm.deleted", "volume.read")),
            actor_id=rng.choice(("actor-1", "actor-2")),
            actor_type=rng.choice(("user", "api_key")),
            client_ip=rng.choice(("192.0.2.1", "198.51.100.2")),
            method=rng.choice(("GET", "DELETE")),
            path=rng.choice(("/v1/compute/vms", "/v1/compute/VOLUMES/7")),
            status_code=rng.choice((200, 200, 404, 500)),
            target_id=rng.choice(("vm-1", "vm-2", None)),
            target_type="vm",
        )
        for number in range(count)
    ]


def a_source(entries: list[FlatEntry]) -> SqliteSource:
    source = SqliteSource(now=lambda: NOW)
    source.add(entries)
    return source


def a_log(entries: list[FlatEntry], generation: int = 2) -> Endpoints:
    return Endpoints(a_source(entries), generation=generation)


@cache
def mixed_log() -> tuple[Endpoints, list[FlatEntry]]:
    """A log for tests that change nothing in it, and its entries."""
    with lasting():
        return a_log(mixed_entries(200)), mixed_entries(200)


@cache
def long_source() -> SqliteSource:
    """Of 1,000 entries, for tests that change nothing in it."""
    with lasting():
        return a_source([an_entry(n) for n in range(1_000)])


def get(log: Endpoints, at: str = "/v1/audit_logs", /, **params: str | int) -> Answer:
    return log.answer("GET", f"{at}?{urlencode(params)}", {})


def page(log: Endpoints, **params: str | int) -> Json:
    answer = get(log, **params)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def ids(found: Json) -> list[str]:
    return [item["id"] for item in found["items"]]


def total(log: Endpoints, **params: str | int) -> int:
    count: int = page(log, **params)["pagination"]["total_count"]
    return count


def walk(log: Endpoints, **params: str | int) -> list[str]:
    found = page(log, **params)
    seen = ids(found)
    while cursor := found["pagination"]["next_cursor"]:
        found = page(log, **params, cursor=cursor)
        seen += ids(found)
    return seen


def message(answer: Answer) -> str:
    text: str = json.loads(answer.body)["message"]
    return text


def refusal(log: Endpoints, **params: str | int) -> str:
    answer = get(log, **params)
    assert answer.status == 400
    return message(answer)


# -- entries -----------------------------------------------------------------------------------------------------


def test_an_entry_has_the_fields_of_the_contract() -> None:
    log = a_log([an_entry(1)])
    expected = {
        "id": "id-0001",
        "action": "vm.read",
        "actor": {"id": "actor-1", "name": "Alice", "type": "user"},
        "client_ip": "192.0.2.1",
        "created_at": rfc3339(START_US + 1_000_000),
        "method": "GET",
        "path": "/v1/compute/vms",
        "status_code": 200,
        "user_agent": "curl/8",
        "target": {"id": "vm-1", "type": "vm"},
    }
    assert json.loads(get(log, "/v1/audit_logs/id-0001").body) == expected
    assert page(log)["items"] == [expected]


def test_an_action_without_a_target_has_a_null_there() -> None:
    assert page(a_log([an_entry(1, target_id=None, target_type=None)]))["items"][0]["target"] is None


def test_an_id_is_decoded_from_the_path() -> None:
    assert get(a_log([an_entry(1, id="a/b c")]), "/v1/audit_logs/a%2Fb%20c").status == 200


def test_a_second_entry_with_the_same_id_is_left_out() -> None:
    source = a_source([an_entry(1), an_entry(1, action="other")])
    source.add([an_entry(1, action="other")])
    assert [item["action"] for item in page(Endpoints(source))["items"]] == ["vm.read"]


def test_an_empty_log_has_an_empty_page() -> None:
    assert page(Endpoints(SqliteSource())) == {
        "items": [],
        "pagination": {"next_cursor": None, "previous_cursor": None, "total_count": 0},
    }


# -- filters -----------------------------------------------------------------------------------------------------

FILTERS: dict[str, tuple[dict[str, str | int], Callable[[FlatEntry], bool]]] = {
    "none": ({}, lambda e: True),
    "action": ({"action": "vm.deleted"}, lambda e: e.action == "vm.deleted"),
    "actor_id": ({"actor_id": "actor-2"}, lambda e: e.actor_id == "actor-2"),
    "actor_type": ({"actor_type": "api_key"}, lambda e: e.actor_type == "api_key"),
    "client_ip": ({"client_ip": "198.51.100.2"}, lambda e: e.client_ip == "198.51.100.2"),
    "method": ({"method": "DELETE"}, lambda e: e.method == "DELETE"),
    "path": ({"path": "/Volumes"}, lambda e: "/volumes" in e.path.lower()),
    "status range": ({"status_code_min": 400, "status_code_max": 499}, lambda e: 400 <= e.status_code < 500),
    "status": ({"status_code_min": 200, "status_code_max": 200}, lambda e: e.status_code == 200),
    "target_id": ({"target_id": "vm-2"}, lambda e: e.target_id == "vm-2"),
    "target_type": ({"target_type": "vm"}, lambda e: e.target_type == "vm"),
    "created": (
        {"created_at_min": rfc3339(START_US + 5_000_000), "created_at_max": rfc3339(START_US + 30_000_000)},
        lambda e: START_US + 5_000_000 <= e.created_us <= START_US + 30_000_000,
    ),
    "an instant": (
        {"created_at_min": rfc3339(START_US + 9_000_000), "created_at_max": rfc3339(START_US + 9_000_000)},
        lambda e: e.created_us == START_US + 9_000_000,
    ),
    "several": (
        {"actor_id": "actor-1", "status_code_min": 300, "created_at_max": rfc3339(START_US + 30_000_000)},
        lambda e: e.actor_id == "actor-1" and e.status_code >= 300 and e.created_us <= START_US + 30_000_000,
    ),
}  # fmt: skip

# The sort values of an entry and its place in the log (later is newer where instants are equal).
SORTS: dict[str, Callable[[int, FlatEntry], tuple[int, ...]]] = {
    "created_at:desc": lambda n, e: (-e.created_us, -n),
    "created_at:asc": lambda n, e: (e.created_us, n),
    "status_code:desc": lambda n, e: (-e.status_code, -e.created_us, -n),
    "status_code:asc": lambda n, e: (e.status_code, -e.created_us, -n),
    "status_code:desc,created_at:asc": lambda n, e: (-e.status_code, e.created_us, n),
    "status_code:asc,created_at:asc": lambda n, e: (e.status_code, e.created_us, n),
    "created_at:asc,status_code:desc": lambda n, e: (e.created_us, -e.status_code, n),
    "created_at:desc,status_code:asc,created_at:asc": lambda n, e: (-e.created_us, e.status_code, -n),
}


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("name", FILTERS)
def test_all_pages_of_a_query_hold_each_of_its_entries_once_in_order(name: str, sort: str) -> None:
    params, matches = FILTERS[name]
    log, entries = mixed_log()
    expected = sorted(
        ((SORTS[sort](n, entry), entry.id) for n, entry in enumerate(entries) if matches(entry)),
    )
    assert expected
    assert walk(log, **params, sort=sort, limit=10) == [entry_id for _, entry_id in expected]
    assert total(log, **params, sort=sort) == len(expected)


@pytest.mark.parametrize("sort", SORTS)
def test_previous_cursors_lead_back_over_the_same_pages(sort: str) -> None:
    log = a_log(mixed_entries(95))
    forth = [page(log, sort=sort, limit=10)]
    while cursor := forth[-1]["pagination"]["next_cursor"]:
        forth.append(page(log, sort=sort, limit=10, cursor=cursor))
    back = [forth[-1]]
    while cursor := back[-1]["pagination"]["previous_cursor"]:
        back.append(page(log, sort=sort, limit=10, cursor=cursor))
    assert [ids(found) for found in reversed(back)] == [ids(found) for found in forth]
    assert back[1]["pagination"]["next_cursor"] == forth[-2]["pagination"]["next_cursor"]


def test_newest_comes_first() -> None:
    newest_first = ids(page(a_log([an_entry(1), an_entry(3), an_entry(2)])))
    assert newest_first == ["id-0003", "id-0002", "id-0001"]


def test_the_ends_have_no_cursors() -> None:
    only = page(a_log([an_entry(n) for n in range(10)]), limit=10)["pagination"]
    assert only == {"next_cursor": None, "previous_cursor": None, "total_count": 10}


@pytest.mark.parametrize("bound", ["created_at_min", "created_at_max"])
def test_time_bounds_are_inclusive_to_the_microsecond(bound: str) -> None:
    log = a_log([an_entry(0, created_us=START_US + 5)])
    inside = {"created_at_min": (4, 5), "created_at_max": (5, 6)}[bound]
    assert [us for us in range(3, 8) if total(log, **{bound: rfc3339(START_US + us)})] == (
        [3, *inside] if bound == "created_at_min" else [*inside, 7]
    )


def test_digits_beyond_the_microsecond_count() -> None:
    log = a_log([an_entry(0, created_us=START_US + 5)])
    instant = rfc3339(START_US + 5)
    assert total(log, created_at_min=instant.replace("Z", "1Z")) == 0
    assert total(log, created_at_min=instant.replace("Z", "0Z")) == 1
    assert total(log, created_at_max=instant.replace("Z", "1Z")) == 1


def test_an_offset_shifts_a_bound() -> None:
    log = a_log([an_entry(0, created_us=0)])
    assert total(log, created_at_max="1970-01-01T01:00:00+01:00") == 1
    assert total(log, created_at_max="1970-01-01T00:59:59+01:00") == 0


def test_a_path_contains_text_whatever_its_case() -> None:
    log = a_log([an_entry(1, path="/v1/Über/100%_x")])
    assert [text for text in ("ÜBER", "über/", "100%_X", "100_", "%") if total(log, path=text)] == [
        "ÜBER", "über/", "100%_X", "%",
    ]  # fmt: skip


def test_other_texts_are_exact() -> None:
    log = a_log([an_entry(1)])
    assert [total(log, action="VM.read"), total(log, method="get"), total(log, client_ip="192.0.2")] == [0, 0, 0]


def test_an_empty_value_is_a_value() -> None:
    log = a_log([an_entry(1), an_entry(2, action="")])
    assert ids(page(log, action="")) == ["id-0002"]


def test_status_bounds_beyond_64_bits_are_bounds() -> None:
    log = a_log([an_entry(1)])
    assert total(log, status_code_max=10**30) == 1
    assert total(log, status_code_min=10**30) == 0
    assert total(log, status_code_min=-(10**30)) == 1


def test_unknown_parameters_are_ignored() -> None:
    assert total(a_log([an_entry(1)]), user_agent="x", page="2") == 1


# -- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "9"), ("limit", "101"), ("limit", "ten"), ("limit", ""), ("limit", "1_0"), ("limit", "50.0"),
        ("limit", "9" * 5000),
        ("created_at_min", "yesterday"), ("created_at_max", "2026-08-20"), ("created_at_max", ""),
        ("created_at_min", "2026-08-20T12:00:00"), ("created_at_min", "2026-13-20T12:00:00Z"),
        ("status_code_min", "4xx"), ("status_code_max", "4.5"), ("status_code_max", "٤٠٠"),
        ("sort", "created_at"), ("sort", "action:asc"), ("sort", ""), ("sort", "created_at:desc,"),
        ("sort", "created_at:desc\n"),
        ("actor_type", "robot"),
        ("cursor", ""), ("cursor", "nonsense"), ("cursor", "bnVsbA"), ("cursor", "W10"), ("cursor", "é"),
    ],
)  # fmt: skip
def test_a_malformed_value_is_refused_by_name(name: str, value: str) -> None:
    assert refusal(a_log([an_entry(1)]), **{name: value}).startswith(name)


def test_a_parameter_given_twice_is_refused() -> None:
    answer = a_log([]).answer("GET", "/v1/audit_logs?action=a&action=b", {})
    assert (answer.status, message(answer)) == (400, "action is given more than once")


@pytest.mark.parametrize("limit", [10, 100])
def test_the_limits_of_the_limit_are_allowed(limit: int) -> None:
    assert len(page(a_log(mixed_entries()), limit=limit)["items"]) == limit


@pytest.mark.parametrize(
    "other", [{"action": "vm.deleted"}, {"sort": "created_at:asc"}, {"status_code_min": 1}, {"path": "x"}]
)
def test_a_cursor_is_refused_with_other_filters_or_another_sort(other: dict[str, str | int]) -> None:
    log = a_log(mixed_entries())
    cursor = page(log, action="vm.read")["pagination"]["next_cursor"]
    assert "other filters" in refusal(log, **{"action": "vm.read", "cursor": cursor, **other})


def test_a_cursor_goes_with_another_limit() -> None:
    log = a_log(mixed_entries())
    first = page(log, limit=10)
    second = page(log, limit=100, cursor=first["pagination"]["next_cursor"])
    assert ids(first) + ids(second) == walk(log, limit=100)[:110]


def test_a_cursor_of_the_right_filters_with_the_wrong_values_is_refused() -> None:
    query = read_request("action=x")
    forged = [query.encode(Cursor(values)) for values in ((), (1,), (1, 2, 3), (1, 2**80), (1, True))]
    log = a_log([])
    assert {refusal(log, action="x", cursor=cursor) for cursor in forged} == {"cursor is not one of this server's"}


@pytest.mark.parametrize("path", ["/", "/v1/audit_log", "/v1/audit_logsx", "/v1/audit_logs/", "/v1/audit_logs/none"])
def test_an_unknown_path_or_id_is_not_found(path: str) -> None:
    answer = get(a_log([an_entry(1)]), path)
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/json")
    assert message(answer)


@pytest.mark.parametrize("path", ["/v1/audit_logs", "/v1/audit_logs/id-0001"])
def test_only_get_is_allowed(path: str) -> None:
    answer = a_log([an_entry(1)]).answer("POST", path, {})
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    assert message(answer)


@pytest.mark.parametrize("given", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic right"}, {"Authorization": "right"}, {"Authorization": "Bearer é"}])  # fmt: skip # noqa: E501
def test_a_wrong_key_is_refused_before_anything_else(given: dict[str, str]) -> None:
    answer = Endpoints(SqliteSource(), api_key="right").answer("POST", "/nowhere", given)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert message(answer)


@pytest.mark.parametrize("name", ["Authorization", "authorization"])
def test_the_right_key_is_let_in(name: str) -> None:
    log = Endpoints(SqliteSource(), api_key="right")
    assert log.answer("GET", "/v1/audit_logs", {name: "Bearer right"}).status == 200


def test_any_key_will_do_where_none_is_asked_for() -> None:
    assert Endpoints(SqliteSource()).answer("GET", "/v1/audit_logs", {"Authorization": "Bearer x"}).status == 200


def test_the_date_header_is_the_logs_clock() -> None:
    assert parsedate_to_datetime(get(a_log([])).headers["Date"]) == NOW


# -- generation 1 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [params for params, _ in FILTERS.values()])
def test_generation_1_ignores_filters(params: dict[str, str | int]) -> None:
    entries = mixed_entries(120)
    log = a_log(entries, generation=1)
    assert walk(log, **params) == walk(a_log(entries))
    assert total(log, **params) == 120


def test_generation_1_ignores_sort_and_what_is_wrong_with_filters() -> None:
    log = a_log(mixed_entries(), generation=1)
    assert page(log, sort="nonsense", created_at_min="never") == page(log, sort="created_at:asc") == page(log)


def test_generation_1_takes_a_cursor_with_other_filters() -> None:
    log = a_log(mixed_entries(), generation=1)
    cursor = page(log, action="a")["pagination"]["next_cursor"]
    assert page(log, action="b", cursor=cursor) == page(log, cursor=cursor)


def test_generation_1_checks_the_limit() -> None:
    assert refusal(a_log([], generation=1), limit=9)


# -- new entries -------------------------------------------------------------------------------------------------


def test_counts_follow_entries_that_are_added() -> None:
    source = a_source([an_entry(n) for n in range(20)])
    log = Endpoints(source)
    filters: tuple[dict[str, str | int], ...] = ({}, {"action": "vm.deleted"}, {"status_code_min": 400})
    assert [total(log, **params) for params in filters] == [20, 0, 0]
    source.add([an_entry(30, action="vm.deleted"), an_entry(31, status_code=500)])
    assert [total(log, **params) for params in filters] == [22, 1, 1]
    source.add([an_entry(32, action="vm.deleted", status_code=404)])
    assert [total(log, **params) for params in filters] == [23, 2, 2]


def test_a_walk_is_not_disturbed_by_newer_entries() -> None:
    source = a_source([an_entry(n) for n in range(40)])
    log = Endpoints(source)
    before = walk(log, limit=10)
    first = page(log, limit=10)
    source.add([an_entry(n) for n in range(100, 130)])
    rest = page(log, limit=100, cursor=first["pagination"]["next_cursor"])
    assert ids(first) + ids(rest) == before


def test_counts_are_forgotten_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.offline.sqlite_pages._COUNTS_KEPT", 3)
    source = a_source([an_entry(1)])
    log = Endpoints(source)
    assert [total(log, status_code_min=least) for least in range(197, 204)] == [1, 1, 1, 1, 0, 0, 0]
    assert len(source._pages._counts) <= 3


# -- costs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"actor_id": "actor-1"},
        {"client_ip": "192.0.2.1"},
        {"target_id": "vm-1"},
        {"action": "vm.read"},
        {"created_at_max": rfc3339(START_US + 10**12)},
        {"created_at_min": rfc3339(START_US), "sort": "created_at:asc"},
        {"status_code_min": 100},
        {"status_code_min": 200, "status_code_max": 200, "sort": "status_code:desc"},
        {"sort": "status_code:desc"},
        {"sort": "status_code:asc"},
        {"sort": "status_code:desc,created_at:asc"},
        {"status_code_max": 600, "sort": "status_code:desc"},
    ],
)
def test_a_deep_page_costs_as_much_as_the_second(params: dict[str, str | int]) -> None:
    source = long_source()
    log = Endpoints(source)
    costs = []
    found = page(log, **params, limit=10)
    while cursor := found["pagination"]["next_cursor"]:
        steps = 0

        def step() -> None:
            nonlocal steps
            steps += 1

        source._db.set_progress_handler(step, 10)
        found = page(log, **params, limit=10, cursor=cursor)
        source._db.set_progress_handler(None, 0)
        costs.append(steps)
    assert len(costs) == 99
    assert max(costs) <= costs[0] * 2


# -- the transport -----------------------------------------------------------------------------------------------


async def test_the_transport_answers_an_httpx_client() -> None:
    transport = OfflineTransport(a_source(mixed_entries()))
    async with httpx.AsyncClient(transport=transport, base_url="https://demo.invalid") as client:
        response = await client.get("/v1/audit_logs", params={"path": "/VOLUMES", "limit": 10})
        missing = await client.get("/v1/audit_logs/none")
    assert len(response.json()["items"]) == 10
    assert response.headers["content-type"] == "application/json"
    assert missing.status_code == 404


async def test_latency_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    transport = OfflineTransport(a_source([]), latency_ms=250)
    async with httpx.AsyncClient(transport=transport, base_url="https://demo.invalid") as client:
        assert (await client.get("/v1/audit_logs")).status_code == 200
    assert waits == [0.25]


def test_pages_of_the_same_instant_are_cut_by_arrival() -> None:
    log = a_log([an_entry(n, created_us=START_US) for n in range(35)])
    seen = walk(log, limit=10)
    assert all(later > earlier for later, earlier in pairwise(seen))
    assert len(seen) == 35


# -- other sources -----------------------------------------------------------------------------------------------


class Texts:
    """A source of JSON texts, newest first, in nothing but a list."""

    def __init__(self, *texts: bytes) -> None:
        self.texts = [text.decode("utf-8", "surrogateescape") for text in texts]
        self.asked: list[tuple[Filter, Order]] = []
        self.closings = 0

    def find(self, where: Filter, order: Order, after: Place | None, limit: int) -> Found:
        self.asked.append((where, order))
        numbered = list(enumerate(self.texts))
        if order[-1] == (ARRIVAL, False):
            numbered.reverse()
        if after is not None:
            at = next(at for at, (number, _) in enumerate(numbered) if number == after[-1])
            numbered = numbered[at + 1 :]
        return Found([Located(text, (0, number)) for number, text in numbered[:limit]], len(self.texts))

    def get(self, entry_id: str) -> str | None:
        return next((text for text in self.texts if json.loads(text)["id"] == entry_id), None)

    def now(self) -> datetime:
        return NOW

    def close(self) -> None:
        self.closings += 1


async def test_any_source_is_answered_from_with_the_bytes_that_it_has() -> None:
    odd = b'{"id":"odd", "status_code": 200, "status_code":2e2,"path":"\xff", "big":1.10}'
    source = Texts(odd, *(b'{"id":"id-%d"}' % number for number in range(24)))
    transport = OfflineTransport(source)
    async with httpx.AsyncClient(transport=transport, base_url="https://demo.invalid") as client:
        assert (await client.get("/v1/audit_logs/odd")).content == odd
        response = await client.get("/v1/audit_logs?limit=10&action=x&created_at_min=2026-01-01T00:00:00Z")
        assert response.content.startswith(b'{"items":[' + odd + b',{"id":"id-0"}')
    assert source.closings == 1
    (where, order) = source.asked[0]
    assert (where.exact, where.bounds) == ((("action", "x"),), (("created_at", 1_767_225_600_000_000, None),))
    assert order == (("created_at", True), (ARRIVAL, True))


def test_any_source_is_walked_both_ways() -> None:
    log = Endpoints(Texts(*(b'{"id":"id-%02d"}' % number for number in range(25))))
    seen = walk(log, limit=10)
    assert seen == [f"id-{number:02}" for number in range(25)]
    second = page(log, limit=10, cursor=page(log, limit=10)["pagination"]["next_cursor"])
    assert ids(page(log, limit=10, cursor=second["pagination"]["previous_cursor"])) == seen[:10]
