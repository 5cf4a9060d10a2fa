import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from auditlog_tui.analysis.counting import AT_ONCE, KEPT, Count, Counting, How
from auditlog_tui.api.client import AuditLogClient
from auditlog_tui.demo import demo_entries, demo_log
from auditlog_tui.entries.models import Page
from auditlog_tui.errors import ServerError
from auditlog_tui.log.feed import Anchor
from auditlog_tui.log.log import Log
from auditlog_tui.log.server_support import SMALLEST_PAGE
from auditlog_tui.log.view import View
from auditlog_tui.offline.transport import OfflineTransport
from auditlog_tui.query import Query, freeze, parse
from auditlog_tui.store.entries import EntryStore
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, entry, log_of, read
from tests.unit.query.evaluate import matches
from tests.unit.views import ignore, load, mixed, query_of
from tests.unit.walks import Held

UNTIL = datetime(2026, 11, 20, tzinfo=UTC)
UNTIL_US = 1_795_132_800_000_000
ENTRIES = 400


class Gauge(FakeApi):
    """Knows how many requests were under way together."""

    under_way = most = 0

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        for _ in range(5):
            await asyncio.sleep(0)
        self.under_way -= 1
        return await super().list(params, limit=limit, cursor=cursor)


async def counting_of(api: FakeApi) -> Counting:
    """Over a log of which a page was fetched."""
    log = Log(api, EntryStore())
    await View(log, Query()).more(1, ignore)
    return Counting(log)


def counts_asked(api: FakeApi) -> int:
    return len([limit for _, limit, _ in api.calls if limit == SMALLEST_PAGE])


# -- what a count is worth -----------------------------------------------------------------------------------------


async def test_a_count_is_exact_where_the_server_evaluates_all_of_it() -> None:
    counting = await counting_of(FakeApi(mixed(350)))
    assert await counting.count(query_of("method:DELETE")) == Count(35, How.EXACT)
    assert await counting.count(query_of("")) == Count(350, How.EXACT)
    assert await counting.count(query_of("sort:status method:DELETE")) == Count(35, How.EXACT)


async def test_a_rest_that_is_evaluated_here_makes_it_at_most() -> None:
    counting = await counting_of(FakeApi(mixed(350)))
    found = await counting.count(query_of("method:DELETE ua:nothing"))
    assert found == Count(35, How.AT_MOST)
    assert await counting.count(query_of("status:200,403")) == Count(350, How.AT_MOST)


async def test_where_nothing_is_the_servers_the_loaded_are_counted() -> None:
    api = FakeApi(mixed(350))
    counting = await counting_of(api)
    asked = len(api.calls)
    assert await counting.count(query_of("ua:tool")) == Count(10, How.LOADED)
    assert len(api.calls) == asked


async def test_where_the_server_ignores_filters_the_loaded_are_counted() -> None:
    counting = await counting_of(FakeApi(mixed(350), ignores=EVERY_FILTER))
    assert await counting.count(query_of("method:DELETE")) == Count(10, How.LOADED)
    assert await counting.count(query_of("")) == Count(350, How.EXACT)


async def test_one_ignored_parameter_leaves_the_others_to_the_server() -> None:
    counting = await counting_of(FakeApi(mixed(350), ignores=["method"]))
    assert await counting.count(query_of("method:DELETE action:vm.created")) == Count(350, How.AT_MOST)


async def test_an_unproven_parameter_counts_nothing() -> None:
    api = FakeApi(mixed(350))
    counting = await counting_of(api)
    api.fails = ServerError("down", status=500)
    found = await counting.count(query_of("method:DELETE"))
    assert found == Count(10, How.LOADED)
    assert "method" not in counting.log.server_support.honoured | counting.log.server_support.ignored
    api.fails = None
    assert await counting.count(query_of("method:DELETE")) == Count(35, How.EXACT)


async def test_in_an_empty_log_nothing_is_proven() -> None:
    api = FakeApi([], ignores=EVERY_FILTER)
    counting = await counting_of(api)
    assert await counting.count(query_of("method:DELETE")) == Count(0, How.LOADED)
    assert not counting.log.server_support.honoured


async def test_where_the_server_tells_no_count_the_loaded_are_counted() -> None:
    api = FakeApi(mixed(350))
    counting = await counting_of(api)
    api.trouble = dict.fromkeys(range(len(api.calls) + 2, 20), "no total")  # the canary comes first
    assert await counting.count(query_of("method:DELETE")) == Count(10, How.LOADED)


async def test_one_id_is_asked_for_and_is_one_or_none() -> None:
    api = FakeApi(log_of(5))
    counting = await counting_of(api)
    assert await counting.count(query_of("id:id-3")) == Count(1, How.EXACT)
    assert await counting.count(query_of("id:id-9")) == Count(0, How.EXACT)
    assert api.got == ["id-3", "id-9"]
    assert await counting.count(query_of("id:id-3 ua:nobody")) == Count(0, How.LOADED)


def test_a_count_says_what_it_is_worth() -> None:
    assert [str(Count(12_345, how)) for how in How] == ["12,345", "≤ 12,345", "12,345 loaded"]


# -- requests ------------------------------------------------------------------------------------------------------


async def test_a_count_takes_the_smallest_page_and_is_kept_until_forgotten() -> None:
    api = FakeApi(mixed(350))
    counting = await counting_of(api)
    await counting.count(query_of("method:DELETE"))
    asked = counts_asked(api)
    assert (asked, counting.requests) == (2, 1)  # a canary, and the count
    api.arrive(method="DELETE")
    assert (await counting.count(query_of("method:DELETE"))).n == 35
    assert counts_asked(api) == asked
    counting.forget()
    assert (await counting.count(query_of("method:DELETE"))).n == 36
    assert counts_asked(api) == asked + 1


async def test_a_count_that_was_under_way_when_all_was_forgotten_is_not_kept() -> None:
    api = Held(mixed(50))
    counting = Counting(Log(api, EntryStore()))
    task = asyncio.create_task(counting.count(Query()))
    await api.asked.wait()
    counting.forget()
    api.arrive()
    api.answer.set()
    assert (await task).n == 50
    assert (await counting.count(Query())).n == 51


async def test_a_few_are_under_way_together_and_never_more() -> None:
    api = Gauge(mixed(50))
    counting = await counting_of(api)
    texts = ["method:DELETE", "action:x", "status:>=400", "path:/v1", "actor:a", "target:vm-1", "ip:203.0.113.7", ""]
    await asyncio.gather(*(counting.count(query_of(text)) for text in texts))
    await asyncio.gather(*(counting.count(query_of(f"{text} created:>=2020-01-01")) for text in texts))
    await asyncio.gather(*(counting.span(query_of(text)) for text in texts))
    assert api.most == AT_ONCE


async def test_a_parameter_is_tried_once_however_many_ask() -> None:
    api = Gauge(mixed(50))
    counting = await counting_of(api)
    asked = len(api.calls)
    await asyncio.gather(*(counting.count(query_of(f"action:a{n}")) for n in range(5)))
    assert len(api.calls) - asked == 1 + 5


@pytest.mark.parametrize("text", ["", "method:DELETE", "id:id-1"])
async def test_counts_wait_until_nothing_urgent_is_fetched(text: str) -> None:
    api = FakeApi(mixed(50))
    counting = await counting_of(api)
    asked = len(api.calls)
    with counting.log.foreground():
        task = asyncio.create_task(counting.count(query_of(text)))
        for _ in range(20):
            await asyncio.sleep(0)
        assert (len(api.calls), api.got) == (asked, [])
    await task
    assert len(api.calls) + len(api.got) > asked


async def test_one_that_was_cancelled_leaves_the_others_and_the_next_alone() -> None:
    api = Held(mixed(50))
    counting = Counting(Log(api, EntryStore()))
    counting.log.server_support.honoured |= EVERY_FILTER
    tasks = [asyncio.create_task(counting.count(query_of(f"action:a{n}"))) for n in range(2 * AT_ONCE)]
    await api.asked.wait()
    for task in tasks[1:]:
        task.cancel()
    await asyncio.gather(*tasks[1:], return_exceptions=True)
    api.answer.set()
    assert (await tasks[0]).n == 0
    found = await asyncio.gather(*(counting.count(query_of(f"action:a{n}")) for n in range(2 * AT_ONCE)))
    assert [count.n for count in found] == [0] * 2 * AT_ONCE


async def test_an_error_is_raised_and_not_kept() -> None:
    api = FakeApi(mixed(50))
    counting = await counting_of(api)
    api.fails = ServerError("down", status=500)
    with pytest.raises(ServerError):
        await counting.count(Query())
    with pytest.raises(ServerError):
        await counting.count(query_of("id:id-1"))
    api.fails = None
    assert (await counting.count(Query())).n == 50


async def test_no_more_counts_are_kept_than_it_says() -> None:
    counting = Counting(Log(FakeApi([]), EntryStore()))
    for number in range(KEPT + 10):
        await counting.total({"action": f"a{number}"})
    assert len(counting._known) == KEPT


# -- first and last seen -------------------------------------------------------------------------------------------


async def test_the_first_and_the_last_that_match() -> None:
    counting = await counting_of(FakeApi(mixed(350)))
    assert await counting.span(query_of("method:DELETE")) == (START_US, START_US + 340_000_000)
    assert await counting.span(query_of("method:DELETE sort:status")) == (START_US, START_US + 340_000_000)


async def test_there_is_no_first_of_nothing() -> None:
    counting = await counting_of(FakeApi(mixed(350)))
    assert await counting.span(query_of("action:none")) is None


@pytest.mark.parametrize("ignores", [EVERY_FILTER, ["method"], ["sort"]])
async def test_a_server_that_ignores_what_it_is_asked_tells_no_first(ignores: list[str]) -> None:
    counting = await counting_of(FakeApi(mixed(350), ignores=ignores))
    assert await counting.span(query_of("method:DELETE")) is None
    assert await counting.span(query_of("method:DELETE")) is None


async def test_what_is_evaluated_here_has_no_first() -> None:
    counting = await counting_of(FakeApi(mixed(350)))
    assert await counting.span(query_of("ua:tool")) is None


async def test_a_time_that_cannot_be_read_is_no_first() -> None:
    log = [entry(0, created_at="?", _us=START_US), entry(1)]
    counting = await counting_of(FakeApi(log))
    assert await counting.span(Query()) is None


# -- against the whole log -----------------------------------------------------------------------------------------

ALONE = [
    "", "action:vm.created", "action:vm.*", "-action:vm.created", "method:GET", "method:GET,DELETE", "-method:GET",
    "status:>=400", "status:403", "status:200,403", "status:2xx", "-status:200", "path:/v1", "path:~^/v1/.*s$", "/v1",
    "actor.type:api_key", "-actor.type:user", "actor.name:alice", "actor.name:ci", "ua:terraform", "-ua:curl",
    "ip:203.0.113.0/24", "ip:198.51.100.23", "-ip:198.51.100.0/24", "target:none", "-target:none", "target.type:vm",
    "vm", '"python-requests"', "id:nobody", "created:>=2026-11-19", "created:<2026-11-19", "created:2026-11-19",
    "last:1d", "last:12h", "created:>2026-11-19T12:00:00Z", "action:nothing", "ua:nothing",
]  # fmt: skip
TEXTS = [*ALONE, *(f"status:<=450 {text}" for text in ALONE[1:12]), *(f"{text} last:20h" for text in ALONE[1:12])]


@pytest.mark.parametrize("generation", [1, 2])
async def test_counts_are_those_of_the_whole_log(generation: int) -> None:
    transport = OfflineTransport(demo_log(entries=ENTRIES, until=UNTIL), generation=generation)
    log = Log(AuditLogClient(base_url="http://127.0.0.1", key="any", transport=transport), EntryStore())
    view = await load(View(log, Query(), anchor=Anchor.NEWEST))
    counting = Counting(log)
    everything = [log.store.entry(row.n) for row in view.window(0, ENTRIES * 2)]
    assert len(everything) == len(list(demo_entries(entries=ENTRIES, until=UNTIL)))
    worth: dict[How, int] = dict.fromkeys(How, 0)
    for text in TEXTS:
        query = freeze(parse(text), UNTIL_US, UTC)
        expected = sum(matches(query, entry) for entry in everything)
        found = await counting.count(query)
        worth[found.how] += 1
        assert found.n >= expected if found.how is How.AT_MOST else found.n == expected, text
    assert len(TEXTS) >= 60
    assert (worth[How.EXACT] > 20) is (generation == 2)
    assert (worth[How.AT_MOST] > 10) is (generation == 2)


# -- where all of them are here ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ignores", [[], EVERY_FILTER])
@pytest.mark.parametrize("shown", ["", "ua:tool", "method:DELETE"])
async def test_a_complete_view_is_counted_without_a_request(shown: str, ignores: list[str]) -> None:
    api = FakeApi(mixed(350), ignores=ignores)
    view = await load(View(Log(api, EntryStore()), query_of(shown)))
    counting, asked = Counting(view.log), len(api.calls)
    n = len(view)
    assert await counting.count(query_of(shown), view) == Count(n, How.EXACT)
    within = query_of(f"{shown} method:DELETE")
    expected = Count(35, How.EXACT)
    assert await counting.count(within, view) == expected
    assert await counting.span(within, view) == (START_US, START_US + 340_000_000)
    assert len(api.calls) == asked
    if not view.feed.plan.params:  # the whole log was loaded for it
        assert await counting.count(query_of("method:DELETE sort:path"), view) == expected
        assert len(api.calls) == asked


async def test_rows_that_come_later_are_counted_too() -> None:
    view = await load(View(Log(FakeApi(mixed(350)), EntryStore()), Query()))
    counting = Counting(view.log)
    assert await counting.count(query_of("method:DELETE"), view) == Count(35, How.EXACT)
    store = view.log.store
    store.prepend(view.run, store.add([read(entry(999, method="DELETE"))]))
    assert await counting.count(query_of("method:DELETE"), view) == Count(36, How.EXACT)


async def test_what_a_complete_filter_leaves_out_is_asked_of_the_server() -> None:
    api = FakeApi(mixed(350))
    view = await load(View(Log(api, EntryStore()), query_of("method:DELETE")))
    asked = len(api.calls)
    assert await Counting(view.log).count(query_of("method:POST"), view) == Count(315, How.EXACT)
    assert len(api.calls) > asked


async def test_a_view_that_is_not_complete_is_not_counted_for_all() -> None:
    api = FakeApi(mixed(350))
    view = View(Log(api, EntryStore()), Query())
    await view.more(1, ignore)
    assert await Counting(view.log).count(query_of("method:DELETE"), view) == Count(35, How.EXACT)
    assert counts_asked(api)
