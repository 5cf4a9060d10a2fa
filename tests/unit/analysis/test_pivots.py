from datetime import UTC
from typing import Any

import pytest
from hypothesis import given

from auditlog_tui.analysis.pivots import meanings, pivots
from auditlog_tui.entries.models import Entry
from auditlog_tui.log.log import Log
from auditlog_tui.query import parse
from auditlog_tui.session.navigator import Navigator
from auditlog_tui.store.entries import EntryStore, Row
from tests.unit.fake import FakeApi, entry, log_of, read
from tests.unit.query.evaluate import matches
from tests.unit.query.strategies import entries
from tests.unit.views import ignore, load, query_of

UUID = "123e4567-e89b-12d3-a456-426614174000"


@pytest.fixture
def api() -> FakeApi:
    return FakeApi(log_of(300))


@pytest.fixture
def navigator(api: FakeApi) -> Navigator:
    return Navigator(Log(api, EntryStore()), UTC)


async def row_of(navigator: Navigator, text: str = "", number: int = 0) -> Row:
    place = navigator.submit(text)
    await place.view.more(number + 1, ignore)
    return place.view.window(number, 1)[0]


def row_with(**fields: Any) -> Row:
    return row_for(read(entry(1, **fields)))


def row_for(found: Entry) -> Row:
    store = EntryStore()
    run = store.new_run()
    store.append(run, store.add([found]))
    (row,) = store.window(run, 0, 1)
    store.close()
    return row


def test_a_row_offers_what_it_has() -> None:
    found = pivots(row_with(), "status:200 action:vm.created")
    assert [(pivot.key, pivot.value, pivot.alone, pivot.spans) for pivot in found] == [
        ("a", "Alice", "actor:actor-1", True),
        ("i", "203.0.113.7", "ip:203.0.113.7", True),
        ("t", "vm vm-1", "target:vm-1", True),
        ("u", "curl", "ua:curl", False),
        ("v", "vm.created", "action:vm.created", False),
        ("m", "POST", "method:POST", False),
        ("p", "/v1/vms", "path:/v1/vms", False),
    ]
    assert found[0].within == "status:200 action:vm.created actor:actor-1"
    assert found[4].within == "status:200 action:vm.created"


def test_what_a_row_lacks_is_not_offered() -> None:
    assert [pivot.key for pivot in pivots(row_with(actor=None, target=None, user_agent=None, path=""), "")] == [
        "i", "v", "m",
    ]  # fmt: skip
    assert pivots(row_with(actor={"id": "a-9"}, target={"id": "t-9"}), "")[0].value == "a-9"
    assert [pivot.value for pivot in pivots(row_with(target={"id": "t-9"}), "") if pivot.key == "t"] == ["t-9"]


@given(entries)
def test_going_somewhere_from_an_entry_shows_the_entry(found: Entry) -> None:
    for pivot in pivots(row_for(found), ""):
        assert matches(query_of(pivot.alone), found), pivot
        assert parse(pivot.within) == parse(pivot.alone)


async def test_each_way_is_counted_within_the_filter_and_over_all_time() -> None:
    api = FakeApi([entry(n, method="GET" if n % 4 else "PUT", status_code=200 + n % 2) for n in range(400)])
    navigator = Navigator(Log(api, EntryStore()), UTC)
    row = await row_of(navigator, "status:200")
    counts = {
        pivot.key: (str(await navigator.count(pivot.within)), str(await navigator.count(pivot.alone)))
        for pivot in navigator.pivots(row)
    }
    assert counts["a"] == ("200", "400")
    assert counts["m"] == ("100", "300") if row.method == "GET" else ("100", "100")
    assert counts["u"] == ("≤ 200", "100 loaded")


def test_a_bare_id_may_be_an_entry_an_actor_or_a_target(navigator: Navigator) -> None:
    for text in (UUID, f" {UUID.upper()} ", f'"{UUID}"'):
        found = navigator.meanings(text)
        assert [pivot.key for pivot in found] == ["e", "a", "t", "w"]
        assert [parse(pivot.within).terms[0].key for pivot in found] == ["id", "actor", "target", ""]
        assert [parse(pivot.alone).terms[0].values for pivot in found] == [parse(found[0].within).terms[0].values] * 4


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("203.0.113.219", ["ip:203.0.113.219", '"203.0.113.219"']),
        (" 203[.]0[.]113[.]219, ", ["ip:203.0.113.219", '"203.0.113.219"']),
        ('"203.0.113.219"', ["ip:203.0.113.219", '"203.0.113.219"']),
        ("[2001:db8::1]", ["ip:2001:db8::1", '"2001:db8::1"']),
    ],
)
def test_a_bare_address_may_be_the_one_of_requests_or_a_text(text: str, terms: list[str]) -> None:
    found = meanings(text)
    assert [pivot.within for pivot in found] == [pivot.alone for pivot in found] == terms
    assert [parse(term).terms[0].key for term in terms] == ["ip", ""]


@pytest.mark.parametrize(
    "text", ["203.0.113.0/24", "203.0.113.219:443", "203.0.113.219 x", "ip:203.0.113.219", "203.0."]
)
def test_other_texts_with_an_address_mean_themselves(text: str) -> None:
    assert meanings(text) == []


@pytest.mark.parametrize("text", ["", "vm", UUID[:-1], f"{UUID} x", f"actor:{UUID}", UUID.replace("-", "")])
def test_any_other_text_means_itself(text: str) -> None:
    assert meanings(text) == []


async def test_going_back_from_a_pivot_costs_nothing(navigator: Navigator, api: FakeApi) -> None:
    row = await row_of(navigator, "", 150)
    place = navigator.place
    place.cursor, place.above = row.n, 12
    await load(navigator.submit(navigator.pivots(row)[0].within).view)
    asked = len(api.calls)
    assert navigator.back() is place
    assert (place.cursor, place.above, place.view.row_of(row.n), len(api.calls)) == (row.n, 12, 150, asked)
